"""Fixtures shared by all tests; one BLAS thread, so that ranks and tests do not fight for cores."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ranks import launch

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before anything imports numpy
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes start: compiling each time is a third of a start

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("MPIR_CVAR_ENABLE_HEAVY_YIELD", "1")  # ranks of MPICH that wait sleep: there are more of them than cores


@pytest.fixture(scope="session")
def example_inputs() -> Path:
    """Folder with the first-principles data of the repository."""
    return ROOT / "example_inputs"


@pytest.fixture(scope="session")
def mpirun() -> Callable[..., str]:
    """Run `python *arguments` on `ranks` ranks and return what it printed: mpirun(3, "-c", code)."""

    def run(ranks: int, *arguments: str | Path, timeout: float = 300, check: bool = True) -> str:
        done = launch(ranks, *arguments, timeout=timeout)
        if check:
            assert done.returncode == 0, done.stdout
        return done.stdout

    return run
