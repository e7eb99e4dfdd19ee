"""On a mesh the number of ranks changes no bit; a rank that the system kills ends the others at once, with a message."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import wannier_spin as ws

pytestmark = pytest.mark.mpi

RUN = "import sys; from wannier_spin import cli; sys.argv = ['wannier-spin', *sys.argv[1:]]; cli.main()"
INPUT = """
seedname = "random.h5"
responses = ["spin_hall", "nonlinear_drude_spin_current", "ac_spin_current"]
mu = [-0.5, 0.0]
temperature = [1000, 3000]
omega = [0.1]
broadening = 0.05
[grid]
points = [6, 4, 6]
"""
DIES = """
import os, signal, sys
from mpi4py import MPI
from wannier_spin import bloch, cli
original, seen = bloch.BlochSum.on_batch, []
def on_batch(self, *arguments):
    seen.append(1)
    if MPI.COMM_WORLD.rank == 1 and len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments)
bloch.BlochSum.on_batch = on_batch
sys.argv = ["wannier-spin", *sys.argv[1:]]
cli.main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ws.models.random_model(n=6, seed=2).save(tmp_path / "random.h5")
    ws.models.random_model(n=4, seed=2, periodic=(True, True, False)).save(tmp_path / "sheet.h5")
    (tmp_path / "in.toml").write_text(INPUT)
    return tmp_path


def test_any_number_of_ranks_gives_the_same_bits(mpirun: Callable[..., str], folder: Path) -> None:
    found = {}
    for ranks in (1, 2, 3, 7):
        mpirun(ranks, "-c", RUN, "run", folder / "in.toml", "-o", folder / f"{ranks}.h5", timeout=120)
        found[ranks] = ws.load(folder / f"{ranks}.h5")
    for ranks in (2, 3, 7):
        for name, tensor in found[1].items():
            other = found[ranks][name]
            for block in tensor.blocks:
                assert np.abs(tensor.blocks[block]).max() > 0
                assert tensor.blocks[block].tobytes() == other.blocks[block].tobytes(), (ranks, name, block)
                assert tensor.block_errors[block].tobytes() == other.block_errors[block].tobytes(), (ranks, name, block)
            assert tensor.block_harmonics is not None
            for block, rows in tensor.block_harmonics.items():
                assert np.abs(rows).max() > 0
                assert rows.tobytes() == other.block_harmonics[block].tobytes(), (ranks, name, block)


ON_BOXES = (
    INPUT.replace("[grid]\npoints = [6, 4, 6]", "[tolerance]\nrelative = 1e-9\nmax_evaluations = 9000\nstart = 4")
    .replace('"spin_hall", "nonlinear_drude_spin_current", "ac_spin_current"', '"spin_hall", "edelstein"')
    .replace("random.h5", "sheet.h5")
)


def test_on_boxes_too(mpirun: Callable[..., str], folder: Path) -> None:
    """Boxes, rounds, sums and bars."""
    (folder / "boxes.toml").write_text(ON_BOXES)
    found = {}
    for ranks in (1, 2, 3, 7):
        mpirun(ranks, "-c", RUN, "run", folder / "boxes.toml", "-o", folder / f"{ranks}.h5", timeout=120)
        found[ranks] = ws.load(folder / f"{ranks}.h5")
    assert found[1].facts.notes["rounds"] == found[7].facts.notes["rounds"]
    assert found[1].facts.notes["rounds"][0] > 1
    for ranks in (2, 3, 7):
        for name, tensor in found[1].items():
            assert tensor.block_spreads is not None
            for block in tensor.blocks:
                assert np.abs(tensor.blocks[block]).max() > 0
                for kind in ("blocks", "block_errors", "block_spreads"):
                    ours, theirs = (getattr(one[name], kind)[block] for one in (found[1], found[ranks]))
                    assert ours.tobytes() == theirs.tobytes(), (ranks, name, kind, block)


def test_a_rank_killed_by_the_system_ends_all(mpirun: Callable[..., str], folder: Path) -> None:
    (folder / "run.py").write_text(DIES)
    beside = Path(sys.executable).parent / "mpirun"
    command = [
        str(beside) if beside.is_file() else "mpirun",
        "-n",
        "3",
        sys.executable,
        folder / "run.py",
        "run",
        folder / "in.toml",
    ]
    allowed = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=allowed)
    assert time.monotonic() - start < 60
    assert done.returncode not in (0, 2)
    assert "signal 9" in (done.stdout + done.stderr).lower()
    assert not (folder / "in.h5").exists()


def test_on_meshes_within_a_tolerance(mpirun: Callable[..., str], folder: Path) -> None:
    """The same meshes, and the same bits of sums and bars."""
    (folder / "meshes.toml").write_text(ON_BOXES.replace("1e-9", "0.2").replace("start = 4\n", "").replace("start = 4", ""))
    found = {}
    for ranks in (1, 3):
        mpirun(ranks, "-c", RUN, "run", folder / "meshes.toml", "-o", folder / f"{ranks}.h5", timeout=120)
        found[ranks] = ws.load(folder / f"{ranks}.h5")
    assert len(found[1].facts.meshes) > 1
    assert found[1].facts.meshes == found[3].facts.meshes
    assert found[1].facts.k_points == found[3].facts.k_points
    for name, tensor in found[1].items():
        for key in ("blocks", "block_errors", "block_harmonics"):
            for block, ours in getattr(tensor, key).items():
                assert np.abs(ours).max() > 0
                assert ours.tobytes() == getattr(found[3][name], key)[block].tobytes(), (name, key, block)
