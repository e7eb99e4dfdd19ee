"""Fixtures shared by all tests; one BLAS thread, so that ranks and tests do not fight for cores."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before anything imports numpy
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes start: compiling each time is a third of a start

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("MPIR_CVAR_ENABLE_HEAVY_YIELD", "1")  # ranks of MPICH that wait sleep: there are more of them than cores
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


@pytest.fixture(scope="session")
def example_inputs() -> Path:
    """Folder with the first-principles data of the repository."""
    return ROOT / "example_inputs"


@pytest.fixture(scope="session")
def mpirun() -> Callable[..., str]:
    """Run `python *arguments` on `ranks` ranks and return what it printed: mpirun(3, "-c", code).

    The launcher of the environment that runs the tests comes first: it belongs to the MPI that mpi4py finds there.
    """
    beside = Path(sys.executable).parent / "mpirun"
    launcher = str(beside) if beside.is_file() else shutil.which("mpirun")
    if launcher is None:
        pytest.skip("no mpirun: pip install '.[mpi]'")

    def run(ranks: int, *arguments: str | Path, timeout: float = 300, check: bool = True) -> str:
        command = [launcher, "-n", str(ranks), sys.executable, *map(str, arguments)]
        done = subprocess.run(
            command,
            env=os.environ | OPEN_MPI,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        if check:
            assert done.returncode == 0, done.stdout
        return done.stdout

    return run
