"""Communicators: the only module that imports mpi4py. Serial is the default and needs no MPI library.

Everything is a collective on all ranks; nobody is the master. A failure on one rank is raised on all of them.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError, Interrupted, WannierSpinError

Result = TypeVar("Result")
_LAUNCHERS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE")
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE")  # of how many processes this is one


class Communicator(Protocol):
    """What is used of an mpi4py communicator."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def allgather(self, item: Any) -> list[Any]: ...

    def bcast(self, item: Any, root: int = 0) -> Any: ...

    def Allreduce(self, send: Any, receive: Any, op: Any = ...) -> None: ...


class Serial:
    """A communicator of one rank."""

    rank = 0
    size = 1

    def allgather(self, item: Any) -> list[Any]:
        return [item]

    def bcast(self, item: Any, root: int = 0) -> Any:
        return item

    def Allreduce(self, send: Any, receive: Any, op: Any = None) -> None:
        receive[...] = send


SERIAL = Serial()


def communicator(given: Communicator | None) -> Communicator:
    """What was given, or the serial one. Raises InputError: no communicator."""
    if given is None:
        return SERIAL
    if all(hasattr(given, name) for name in ("rank", "size", "allgather", "bcast", "Allreduce")):
        return given
    raise InputError(f"comm = {given!r}, expected a communicator of mpi4py (MPI.COMM_WORLD), or none for one process")


class RankError(WannierSpinError):
    """A rank failed; all ranks raise this, with what the failing one has to say."""


def world() -> Communicator:
    """The communicator of this process: MPI's where the process was started by an MPI launcher, else the serial one.

    Raises InputError if there was a launcher and mpi4py finds no MPI library, or one that knows of no other process: then each
    process would do everything, and all write the same files.
    """
    where, size = _started_as()
    if not any(name in os.environ for name in _LAUNCHERS) and size < 2:
        return SERIAL
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f"started by an MPI launcher, but mpi4py finds no MPI library ({error}); load the cluster's MPI module, "
            "or pip install 'wannier-spin[mpi]'"
        ) from error
    communicator: Communicator = MPI.COMM_WORLD
    if communicator.size == 1 and size > 1:
        library = MPI.Get_library_version().split("\n")[0].strip("\0 ,")
        raise InputError(
            f"{where} = {size} says that this is one of {size} processes, and the MPI library ({library}) sees one: each would do "
            "the whole calculation and write the same file. Start with the launcher of that library (srun --mpi=list says what "
            f"Slurm can; or its mpirun), or install mpi4py for the MPI of this machine; for one process unset {where}, or use "
            "srun -n 1"
        )
    return communicator


def _started_as() -> tuple[str, int]:
    """The variable that counts the processes started together, and what it says: a launcher's, else of a step or job of Slurm."""
    for names in (_SIZES, ("SLURM_STEP_NUM_TASKS",), ("SLURM_NTASKS",)):
        sizes = {name: int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()}
        if sizes:
            return max(sizes.items(), key=lambda item: item[1])
    return "", 1


def one_blas_thread() -> AbstractContextManager[object]:
    """One BLAS thread per rank: 64 ranks times 64 threads is a common way to lose a node."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def abort(comm: Communicator, code: int) -> None:
    """End all ranks at once."""
    if comm.size > 1:
        comm.Abort(code)  # type: ignore[attr-defined]


def split(comm: Communicator, ranks: int) -> tuple[Communicator, int, int]:
    """Groups of at least `ranks` ranks, as equal as can be: the group of this rank, its number, how many there are.

    Raises InputError for a number that is not between one and the number of ranks.
    """
    if not 1 <= ranks <= comm.size:
        raise InputError(f"groups of {ranks} ranks cannot be made of {comm.size}; expected a number from 1 to {comm.size}")
    groups = comm.size // ranks
    mine = comm.rank * groups // comm.size
    return (comm if groups == 1 else comm.Split(mine, comm.rank)), mine, groups  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Nodes:
    """The ranks of this node, and the first ranks of all nodes: `leads` says whether this is one of them."""

    node: Any
    leaders: Any
    leads: bool

    def free(self) -> None:
        """Give both communicators back; on all ranks."""
        self.node.Free()
        self.leaders.Free()


def nodes_of(comm: Communicator) -> Nodes:
    """Which ranks have memory in common. Of several ranks: mpi4py is there. Rank 0 is the first of the leaders."""
    from mpi4py import MPI

    node = comm.Split_type(MPI.COMM_TYPE_SHARED, comm.rank)  # type: ignore[attr-defined]
    leads = node.rank == 0
    return Nodes(node, comm.Split(0 if leads else 1, comm.rank), leads)  # type: ignore[attr-defined]


def duplicate(comm: Communicator) -> Communicator:
    """The same ranks with messages of their own: what a failed calculation left unread disturbs no later one."""
    return comm if comm.size == 1 else comm.Dup()  # type: ignore[attr-defined]


def free(comm: Communicator) -> None:
    """Give a duplicate back; on all of its ranks."""
    if comm.size > 1:
        comm.Free()  # type: ignore[attr-defined]


def all_failed(comm: Communicator, patience: float = 60.0) -> bool:
    """Called by a rank on which something failed: whether all ranks call this within `patience` (s).

    If not, the others wait for this rank somewhere else and only `abort` ends that.
    """
    if comm.size == 1:
        return True
    here = comm.Ibarrier()  # type: ignore[attr-defined]
    end = time.monotonic() + patience
    while not here.Test():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def sum_over_ranks(comm: Communicator, high: NDArray[np.float64], low: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of high + low over all ranks, on all ranks, the same to the last digits however the terms were dealt.

    high, low : (...), of one shape and unit, which the sum has too.
    """
    leading, rest = leading_and_rest(comm, high, low)
    return leading + rest


def leading_and_rest(
    comm: Communicator, high: NDArray[np.float64], low: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of high + low over all ranks as two parts, on all ranks; of one rank the two as they are.

    All are (...), of one shape and unit. The leading bits of `high` are multiples of a step so large that their sum is exact
    in any order; what is left is too small for its rounding to matter.
    """
    if comm.size == 1:
        return high, low
    bound = -minimum_over_ranks(comm, -np.abs(high)) * comm.size
    unit = np.exp2(np.ceil(np.log2(np.where(bound > 0, bound, 1.0))) - 52)
    leading = np.round(high / unit) * unit
    total, rest = np.empty_like(high), np.empty_like(high)
    comm.Allreduce(leading, total)
    comm.Allreduce((high - leading) + low, rest)
    return total, rest


def minimum_over_ranks(comm: Communicator, array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise minimum over all ranks, on all ranks: (...), in the shape of the array."""
    if comm.size == 1:
        return array
    from mpi4py import MPI

    result = np.empty_like(array)
    comm.Allreduce(np.ascontiguousarray(array), result, op=MPI.MIN)
    return result


def together(comm: Communicator, work: Callable[[], Result]) -> Result:
    """Do the work on every rank; if it fails on any, raise on all: InputError and Interrupted as such, all else as RankError.

    With one rank, whatever is raised is raised.
    """
    if comm.size == 1:
        return work()
    failure: tuple[type[WannierSpinError], str] | None = None
    try:
        result = work()
    except InputError as error:
        failure = (InputError, str(error))
    except Interrupted as error:
        failure = (Interrupted, str(error))
    except Exception:
        failure = (RankError, traceback.format_exc())
    for rank, found in enumerate(comm.allgather(failure)):
        if found is not None:
            kind, message = found
            raise kind(f"rank {rank} failed:\n{message}" if kind is RankError else message)
    return result
