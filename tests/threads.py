"""Ranks that are threads of one process: what is dealt, gathered and sent, without MPI."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np


class Meeting:
    """Where threads leave what they exchange. What waits for one that never comes fails."""

    def __init__(self, size: int) -> None:
        self.data: list[Any] = [None] * size
        self.barrier = threading.Barrier(size, timeout=10)


class Thread:
    """One rank, as mpi4py has it."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        self.rank, self.size, self.meeting, self.freed, self.sent = rank, len(meeting.data), meeting, 0, list[int]()

    def allgather(self, item: Any) -> list[Any]:
        self.meeting.data[self.rank] = item
        self.meeting.barrier.wait()
        found = list(self.meeting.data)
        self.meeting.barrier.wait()
        return found

    def bcast(self, item: Any, root: int = 0) -> Any:
        return self.allgather(item)[root]

    def Bcast(self, array: np.ndarray) -> None:
        self.sent.append(len(array))
        array[...] = self.allgather(array.copy())[0]

    def Barrier(self) -> None:
        self.allgather(None)

    def Free(self) -> None:
        self.freed += 1

    def Allreduce(self, send: np.ndarray, receive: np.ndarray, op: Any = None) -> None:
        """The sum, or with any op the least."""
        everything = np.stack(self.allgather(send.copy()))
        receive[...] = everything.sum(axis=0) if op is None else everything.min(axis=0)


def on_threads(size: int, work: Callable[[Thread], Any]) -> list[Any]:
    """What work returns, or the error that it raises, on each of so many ranks."""
    meeting, found = Meeting(size), [None] * size

    def run(rank: int) -> None:
        try:
            found[rank] = work(Thread(rank, meeting))
        except Exception as error:
            found[rank] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found
