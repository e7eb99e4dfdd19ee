"""Several ranks of MPI: the one place where tests start them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def launch(ranks: int, *arguments: str | Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """`python *arguments` on so many ranks, both outputs in one; what hangs fails by its timeout.

    The launcher of the environment that runs the tests comes first: it belongs to the MPI that mpi4py finds there.
    """
    beside = Path(sys.executable).parent / "mpirun"
    launcher = str(beside) if beside.is_file() else shutil.which("mpirun")
    if launcher is None:
        pytest.skip("no mpirun: pip install '.[mpi]'")
    return subprocess.run(
        [launcher, "-n", str(ranks), sys.executable, *map(str, arguments)],
        env=os.environ | OPEN_MPI,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
