"""Which communicator a process gets, by what it was started with."""

from types import SimpleNamespace
from typing import Any

import pytest

from wannier_spin import InputError
from wannier_spin.errors import Interrupted
from wannier_spin.integration import parallel

ALL = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ALL, "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


class One:
    """What mpi4py shows of an MPI library that knows of no other process."""

    class COMM_WORLD:
        rank, size = 0, 1

    @staticmethod
    def Get_library_version() -> str:
        return "MPICH Version:\t4.3\nmore\0"


@pytest.fixture
def one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    mpi4py = pytest.importorskip("mpi4py")
    monkeypatch.setitem(__import__("sys").modules, "mpi4py.MPI", One)
    monkeypatch.setattr(mpi4py, "MPI", One, raising=False)


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS"])
def test_copies_that_do_not_know_of_each_other_are_refused(name: str, monkeypatch: pytest.MonkeyPatch, one_rank: None) -> None:
    monkeypatch.setenv(name, "4")
    with pytest.raises(InputError) as refused:
        parallel.world()
    for part in (f"{name} = 4", "sees one", "MPICH Version:\t4.3)", "write the same file", f"unset {name}"):
        assert part in str(refused.value)


def test_one_process_is_serial(monkeypatch: pytest.MonkeyPatch, one_rank: None) -> None:
    assert parallel.world() is parallel.SERIAL
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert parallel.world() is parallel.SERIAL
    monkeypatch.setenv("SLURM_NTASKS", "4")  # of the job; this step has one: srun -n 1
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert parallel.world() is parallel.SERIAL
    monkeypatch.setenv("PMI_SIZE", "1")  # mpirun -n 1 in a job of four
    assert parallel.world().size == 1


def test_what_is_not_a_number_counts_nothing(monkeypatch: pytest.MonkeyPatch, one_rank: None) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "many")
    assert parallel.world() is parallel.SERIAL
    monkeypatch.setenv("PMIX_RANK", "0")  # a launcher that does not say how many
    assert parallel.world() is One.COMM_WORLD


def test_two_processes_are_several(monkeypatch: pytest.MonkeyPatch, one_rank: None) -> None:
    """Also where a launcher counts otherwise than the step of Slurm: the larger number holds."""
    for given in ({"SLURM_NTASKS": "2"}, {"PMI_SIZE": "2"}, {"PMI_SIZE": "1", "OMPI_COMM_WORLD_SIZE": "2"}):
        with monkeypatch.context() as patched:
            for name, value in given.items():
                patched.setenv(name, value)
            with pytest.raises(InputError, match="one of 2 processes"):
                parallel.world()


def test_what_is_no_communicator() -> None:
    """All that ranks say to one another is needed; none stands for one process."""
    assert parallel.communicator(None) is parallel.communicator(parallel.SERIAL) is parallel.SERIAL
    for wrong in (4, SimpleNamespace(rank=0, size=2)):
        with pytest.raises(InputError, match="expected a communicator of mpi4py"):
            parallel.communicator(wrong)  # type: ignore[arg-type]


def test_serial_is_rank_0_of_1() -> None:
    assert (parallel.SERIAL.rank, parallel.SERIAL.size) == (0, 1)
    assert parallel.SERIAL.bcast(5) == 5
    assert parallel.SERIAL.allgather(5) == [5]


def test_one_blas_thread() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with parallel.one_blas_thread():
        found = [one["num_threads"] for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]
    assert set(found) == {1}


class Recorder:
    """A communicator that writes down what it is asked for."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.asked: list[tuple[object, ...]] = []

    def Split(self, color: int, key: int) -> object:
        self.asked.append(("Split", color, key))
        return self

    def Dup(self) -> "Recorder":
        self.asked.append(("Dup",))
        return Recorder(self.rank, self.size)

    def Free(self) -> None:
        self.asked.append(("Free",))

    def Abort(self, code: int) -> None:
        self.asked.append(("Abort", code))


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_groups_are_as_equal_as_can_be(size: int) -> None:
    """At least so many ranks in each, neighbours together, every group with a communicator of its own."""
    for least in range(1, size + 1):
        ranks = [Recorder(rank, size) for rank in range(size)]
        found = [parallel.split(comm, least) for comm in ranks]
        mine = [number for _, number, _ in found]
        members = [mine.count(number) for number in range(size // least)]
        assert {groups for _, _, groups in found} == {size // least}
        assert mine == sorted(mine)
        assert sum(members) == size
        assert min(members) >= least
        assert max(members) - min(members) <= 1
        alone = size // least == 1
        assert [comm.asked for comm in ranks] == [[] if alone else [("Split", mine[r], r)] for r in range(size)]
        assert all(given is comm for comm, (given, _, _) in zip(ranks, found, strict=True))
    for wrong in (0, size + 1):
        with pytest.raises(InputError, match=f"groups of {wrong} ranks cannot be made of {size}"):
            parallel.split(Recorder(0, size), wrong)


def test_the_first_rank_of_each_node_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaders have messages of their own, in the order of the ranks."""
    mpi4py = pytest.importorskip("mpi4py")
    monkeypatch.setattr(mpi4py, "MPI", SimpleNamespace(COMM_TYPE_SHARED="in one memory"), raising=False)
    monkeypatch.setitem(__import__("sys").modules, "mpi4py.MPI", mpi4py.MPI)

    def rank(number: int, on_node: int) -> Any:
        own = SimpleNamespace(rank=on_node)
        return SimpleNamespace(rank=number, Split_type=lambda kind, key: own, Split=lambda color, key: (color, key))

    found = [parallel.nodes_of(rank(r, r % 2)) for r in range(4)]
    assert [one.leads for one in found] == [True, False, True, False]
    assert [one.leaders for one in found] == [(0, 0), (1, 1), (0, 2), (1, 3)]
    assert [one.node.rank for one in found] == [0, 1, 0, 1]


def test_one_rank_asks_for_nothing() -> None:
    """Neither for messages of its own nor for an end; several do."""
    one, two = Recorder(0, 1), Recorder(1, 2)
    assert parallel.duplicate(one) is one
    assert parallel.all_failed(one)
    parallel.free(one)
    parallel.abort(one, 7)
    assert one.asked == []
    assert parallel.duplicate(two) is not two
    parallel.free(two)
    parallel.abort(two, 7)
    assert two.asked == [("Dup",), ("Free",), ("Abort", 7)]


class Gathered:
    """The second of three ranks; what the others have to say is known."""

    rank, size = 1, 3

    def __init__(self, first: object = None, last: object = None) -> None:
        self.others = first, last

    def allgather(self, item: object) -> list[object]:
        return [self.others[0], item, self.others[1]]


def test_what_fails_on_one_rank_is_raised_on_all() -> None:
    def fails(error: Exception) -> None:
        raise error

    assert parallel.together(Gathered(), lambda: 5) == 5
    with pytest.raises(InputError, match="^no such file$"):
        parallel.together(Gathered(), lambda: fails(InputError("no such file")))
    with pytest.raises(Interrupted, match="^told to stop$"):
        parallel.together(Gathered(), lambda: fails(Interrupted("told to stop")))
    with pytest.raises(parallel.RankError, match=r"^rank 1 failed:\nTraceback[^$]*ZeroDivisionError: on fire"):
        parallel.together(Gathered(), lambda: fails(ZeroDivisionError("on fire")))
    with pytest.raises(parallel.RankError, match=r"^rank 0 failed:\nburnt$"):
        parallel.together(Gathered(first=(parallel.RankError, "burnt")), lambda: 5)
    with pytest.raises(InputError, match="^unreadable$"):
        parallel.together(Gathered(last=(InputError, "unreadable")), lambda: 5)
    with pytest.raises(ZeroDivisionError):
        parallel.together(parallel.SERIAL, lambda: fails(ZeroDivisionError("on fire")))
