"""On a mesh the number of ranks changes no bit; a rank that the system kills ends the others at once, with a message."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import several
from integrals.bars.test_hidden import sheet
from ranks import launch

import wannier_spin as ws
from wannier_spin.calculation.run import run
from wannier_spin.config import read_settings
from wannier_spin.integration.parallel import SERIAL

pytestmark = [pytest.mark.mpi, pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")]  # coarse

INPUT = """
seedname = "random.h5"
responses = "all"
mu = [-0.5, 0.0]
temperature = [1000, 3000]
omega = [0.1, 0.2]
broadening = 0.05
[grid]
points = [4, 4, 2]
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


ON_BOXES = (
    INPUT.replace("[grid]\npoints = [4, 4, 2]", "[tolerance]\nrelative = 1e-9\nmax_evaluations = 2500\nstart = 4")
    .replace('"all"', '["spin_hall", "edelstein"]')
    .replace("random.h5", "sheet.h5")
)
HOT_SPOT = 'seedname = "gapped.h5"\nresponses = ["spin_hall"]\nmu = 0.0\ntemperature = 2\n[tolerance]\nrelative = 5e-2\n'
INPUTS = {
    "in": INPUT,
    "boxes": ON_BOXES,
    "meshes": ON_BOXES.replace("1e-9", "0.5").replace("start = 4", ""),
    "spots": HOT_SPOT,
}
RANKS = (1, 2, 3, 7)
Found = dict[str, dict[int, ws.ResultSet]]


def prepare(folder: Path) -> Path:
    ws.models.random_model(n=6, seed=2).save(folder / "random.h5")
    ws.models.random_model(n=4, seed=2, periodic=(True, True, False)).save(folder / "sheet.h5")
    sheet(1e-3, (0.3819, 0.1372)).save(folder / "gapped.h5")
    for name, text in INPUTS.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def found(mpirun: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Of every input, by any number of ranks; one is this process, without MPI."""
    folder = prepare(tmp_path_factory.mktemp("bits"))
    found = {name: {1: run(*read_settings(folder / f"{name}.toml"), folder, SERIAL)} for name in INPUTS}
    for ranks in RANKS[1:]:
        lines = [("run", folder / f"{name}.toml", "-o", folder / f"{name}.{ranks}.h5") for name in INPUTS]
        assert [done.code for done in several(mpirun, ranks, *lines)] == [0] * len(INPUTS)
        for name in INPUTS:
            found[name][ranks] = ws.load(folder / f"{name}.{ranks}.h5")
    return found


def assert_same_bits(found: dict[int, ws.ResultSet], *kinds: str) -> None:
    for name, tensor in found[1].items():
        for kind in kinds:
            ours = getattr(tensor, kind)
            assert ours
            for block, values in ours.items():
                assert np.abs(values).max() > 0 or kind == "block_errors"
                for ranks in RANKS[1:]:
                    assert values.tobytes() == getattr(found[ranks][name], kind)[block].tobytes(), (ranks, name, kind, block)


def test_any_number_of_ranks_gives_the_same_bits(found: Found) -> None:
    """Of all responses."""
    assert set(found["in"][1]) == set(ws.responses.names())
    assert_same_bits(found["in"], "blocks", "block_errors", "block_harmonics")


def test_on_boxes_too(found: Found) -> None:
    """Boxes, rounds, sums and bars."""
    assert found["boxes"][1].facts.notes["rounds"] == found["boxes"][7].facts.notes["rounds"]
    assert found["boxes"][1].facts.notes["rounds"][0] > 1
    assert_same_bits(found["boxes"], "blocks", "block_errors", "block_spreads")


def test_on_meshes_within_a_tolerance(found: Found) -> None:
    """The same meshes, and the same bits of sums and bars."""
    first = found["meshes"][1].facts
    assert len(first.meshes) > 1
    for ranks in RANKS[1:]:
        assert found["meshes"][ranks].facts.meshes == first.meshes
        assert found["meshes"][ranks].facts.k_points == first.k_points
    assert_same_bits(found["meshes"], "blocks", "block_errors", "block_harmonics")


def test_hot_spots_too(found: Found) -> None:
    """The same spots, cut out of the same meshes."""
    first = found["spots"][1].facts
    assert len(first.notes["hot_spots"]) == 1
    for ranks in RANKS[1:]:
        assert found["spots"][ranks].facts.notes["hot_spots"] == first.notes["hot_spots"]
        assert found["spots"][ranks].facts.k_points == first.k_points
    assert_same_bits(found["spots"], "blocks", "block_errors", "block_harmonics", "block_spreads")


def test_a_rank_killed_by_the_system_ends_all(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    (folder / "run.py").write_text(DIES)
    start = time.monotonic()
    done = launch(3, folder / "run.py", "run", folder / "in.toml", timeout=60)
    assert time.monotonic() - start < 60
    assert done.returncode not in (0, 2)
    assert "signal 9" in done.stdout.lower()
    assert not (folder / "in.h5").exists()
