"""What the first rank has made, for all ranks: large arrays lie in memory once on every node, whatever the number of ranks there.

The first rank of a node makes an anonymous file in memory, and all map it, read only. It is gone with the last array that looks at
it, also where ranks are killed; windows of MPI would have to be freed by all ranks together, which nobody can promise for arrays.
Where a system cannot do that every rank has a copy.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integration.parallel import Communicator, Nodes, Result, nodes_of, together

LARGE = 2**20  # bytes: smaller arrays are sent to every rank
ALIGNED = 64  # bytes, of what lies behind one another
PIECE = 2**28  # bytes sent at once: messages of MPI may have no more than 2^31
Bytes = NDArray[np.uint8]


def from_first(comm: Communicator, work: Callable[[], Result]) -> Result:
    """Do the work on rank 0, and give what it returns to all ranks. Large arrays in it are read-only there, rank 0 included.

    Raises on all ranks what the work raises, as `together` does.
    """
    if comm.size == 1:
        return work()
    made = together(comm, lambda: _Made.of(work()) if comm.rank == 0 else None)
    head, sizes = comm.bcast(None if made is None else (made.head, [len(part) for part in made.parts]))
    if not sizes:
        return pickle.loads(head)  # noqa: S301  (our own)
    starts = list(accumulate((-(-size // ALIGNED) * ALIGNED for size in sizes), initial=0))
    memory = _distributed(comm, starts[-1], () if made is None else tuple(zip(starts, made.parts, strict=False)))
    places = zip(pairwise(starts), sizes, strict=True)
    views = [memoryview(memory[first : first + size]).toreadonly() for (first, _), size in places]  # type: ignore[arg-type]
    return pickle.loads(head, buffers=views)  # noqa: S301


@dataclass(frozen=True)
class _Made:
    """Something pickled, without the bytes of its large arrays."""

    head: bytes
    parts: tuple[Bytes, ...]

    @classmethod
    def of(cls, item: object) -> _Made:
        found: list[pickle.PickleBuffer] = []

        def inside(buffer: pickle.PickleBuffer) -> bool:
            if buffer.raw().nbytes < LARGE:
                return True
            found.append(buffer)
            return False

        head = pickle.dumps(item, protocol=5, buffer_callback=inside)
        return cls(head, tuple(np.frombuffer(buffer.raw(), np.uint8) for buffer in found))


def _distributed(comm: Communicator, size: int, parts: Sequence[tuple[int, Bytes]]) -> Bytes:
    """So many bytes on all ranks: the parts, with where they start, of rank 0."""
    nodes = nodes_of(comm)
    memory = _mapped(comm, nodes, size)
    if memory is None:
        memory, senders = np.empty(size, np.uint8), comm
    else:
        senders = nodes.leaders
    for start, part in parts:
        memory[start : start + len(part)] = part
    if nodes.leads or senders is comm:
        for first in range(0, size, PIECE):
            senders.Bcast(memory[first : first + PIECE])  # type: ignore[attr-defined]
    nodes.node.Barrier()
    nodes.free()  # not where a rank has failed: it would wait for the others
    return memory


def _mapped(comm: Communicator, nodes: Nodes, size: int) -> Bytes | None:
    """Memory that the ranks of each node share; None, on all ranks, where any of them cannot have it."""
    file = _in_memory(size) if nodes.leads else None
    try:
        path = nodes.node.bcast(None if file is None else f"/proc/{os.getpid()}/fd/{file}")
        memory = None if path is None else _opened(path, size, nodes.leads)
        everywhere = all(comm.allgather(memory is not None))  # and then the file need no longer be open
    finally:
        if file is not None:
            os.close(file)
    return memory if everywhere else None


def _in_memory(size: int) -> int | None:
    """An anonymous file with room for so many bytes; None where there is none."""
    try:
        file = os.memfd_create("wannier_spin")
    except (AttributeError, OSError):  # not on this system
        return None
    try:
        os.posix_fallocate(file, 0, size)
    except OSError:  # no room
        os.close(file)
        return None
    return file


def _opened(path: str, size: int, writing: bool) -> Bytes | None:
    """The file of the first rank of this node, as bytes; None where it may not be opened."""
    try:
        file = os.open(path, os.O_RDWR if writing else os.O_RDONLY)
    except OSError:
        return None
    try:
        access: Any = mmap.ACCESS_WRITE if writing else mmap.ACCESS_READ
        return np.frombuffer(mmap.mmap(file, size, access=access), np.uint8)
    except OSError:
        return None
    finally:
        os.close(file)
