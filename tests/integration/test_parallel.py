"""Which communicator a process gets, by what it was started with."""

import pytest

from wannier_spin import InputError
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
