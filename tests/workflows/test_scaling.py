"""workflows/scaling.py: the model of the rounds in its limits, and one real run through it."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import wannier_spin as ws
from wannier_spin.integration.adaptive import useful_ranks

SCRIPT = Path(__file__).resolve().parents[2] / "workflows" / "scaling.py"
ROUNDS = (64, 20, 60, 180, 540, 1600)


@pytest.fixture(scope="module")
def scaling():
    spec = importlib.util.spec_from_file_location("scaling", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_boxes_alone(scaling):
    """Without other costs only ranks without a box are lost: the number in the result file follows from it."""
    free = scaling.Costs(box=0.1, row=0.0, latency=0.0, bandwidth=1e99)
    assert scaling.efficiency(ROUNDS, 1, free) == pytest.approx(1, rel=1e-12, abs=0)
    assert scaling.efficiency((4096,), 4096, free) == pytest.approx(1, rel=1e-12, abs=0)
    assert scaling.efficiency((4097,), 4096, free) == pytest.approx(4097 / 8192, rel=1e-12, abs=0)
    best = useful_ranks(ROUNDS)
    assert scaling.efficiency(ROUNDS, best, free) >= 0.8 > scaling.efficiency(ROUNDS, best + 1, free)


def test_every_cost_counts(scaling):
    free = {"box": 0.1, "row": 0.0, "latency": 0.0, "bandwidth": 1e99}
    best = scaling.efficiency(ROUNDS, 64, scaling.Costs(**free))
    for cost in ({"row": 1e-4}, {"latency": 1e-2}, {"bandwidth": 1e6}):
        assert scaling.efficiency(ROUNDS, 64, scaling.Costs(**{**free, **cost})) < 0.99 * best, cost


def test_continued(scaling):
    grown = scaling.continued([64, 6, 8, 12, 18, 27, 40, 60, 90], 1e5)
    assert grown[:9] == [64, 6, 8, 12, 18, 27, 40, 60, 90]
    assert sum(grown) >= 1e5 > sum(grown[:-1])
    assert grown[-1] / grown[-2] == pytest.approx((90 / 8) ** (1 / 6), rel=1e-3, abs=0)  # mean growth of the last six rounds


@pytest.mark.mpi
def test_a_real_run(tmp_path, mpirun):
    run = {"mu": 0.3, "temperature": 600.0}
    ws.compute(ws.models.altermagnet(), "magnetic_spin_hall", tolerance=ws.Tolerance(1e-2, start=4), **run).save(
        tmp_path / "out.h5"
    )
    ws.compute(ws.models.altermagnet(), "magnetic_spin_hall", grid=(8, 8, 1), **run).save(tmp_path / "mesh.h5")

    def script(*arguments):
        command = [sys.executable, SCRIPT, *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, cwd=tmp_path)

    done = script("out.h5", "--boxes", "1e5", "--ranks", "1", "64")
    assert done.returncode == 0, done.stderr
    costs, rounds, one, many = done.stdout.splitlines()
    assert "box" in costs
    assert "rounds" in rounds
    efficiencies = [float(line.split()[-2]) for line in (one, many)]
    assert 95 < efficiencies[0] <= 100
    assert 0 < efficiencies[1] < efficiencies[0]
    assert "made on a mesh" in script("mesh.h5").stderr
