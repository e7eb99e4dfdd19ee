"""Predicted times of meshes, by counted work: a clock that stands still but for what batches would cost."""

import itertools
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from wannier_spin import models
from wannier_spin.calculation.dry_run import _prepared, dry_run
from wannier_spin.calculation.integrate import Task, algorithm_of, integral_of
from wannier_spin.calculation.open_model import inputs_of
from wannier_spin.calculation.pace import mesh_seconds, point_seconds
from wannier_spin.calculation.run import request_of
from wannier_spin.config import read_settings
from wannier_spin.integrals.algorithm import Execution, Round
from wannier_spin.integrals.mesh import OnMesh
from wannier_spin.integration.grid import Batch, Partial
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.prepared import prepare
from wannier_spin.request import Request

POINT, LINE, PLANE = 0.02, 0.04, 0.2  # "seconds": states of a point, sums along the second axis, and along the first one


class Done(BaseException):
    """The whole mesh was counted."""


class Work:
    """Its clock goes on by what runs of batches cost."""

    def __init__(self) -> None:
        self.now, self.points, self._plane = 0.0, 0, -1.0

    def partial(self, run: Sequence[Batch]) -> Partial:
        for batch in run:
            self.now += POINT * batch.n_points + LINE * len(batch.k2) + PLANE * (batch.k1 != self._plane)
            self.points += batch.n_points
            self._plane = batch.k1
        return Partial(np.zeros((2, 1)), np.array(np.inf))


def task_of(folder: Path) -> Task:
    settings, _ = read_settings(folder / "input.toml")
    inputs = inputs_of(settings, folder)
    assert inputs.settings is not None
    return Task.of(prepare(inputs.model, request_of(inputs.settings, inputs.model, inputs.structure)))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    found = Work()
    monkeypatch.setattr("wannier_spin.integrals.mesh._MeshSums.partial", lambda self, run: found.partial(run))
    return found


@pytest.mark.parametrize(
    "name", ["GaAs", "MnBi2Te4", *(pytest.param(n, marks=pytest.mark.slow) for n in ("Fe", "KV2Se2O", "Mn2Au", "Pt"))]
)
def test_predicted_within_a_quarter(work: Work, example_inputs: Path, name: str) -> None:
    """From part of the points. On an idle core the six shipped cases took 0.9 to 1.0 of what was said."""
    task = task_of(example_inputs / name)
    algorithm = algorithm_of(task.prepared.request, task.prepared.model)
    said = mesh_seconds(task, algorithm, 1.0, lambda: work.now)
    sampled, start, before = work.points, work.now, work.points

    def ended(done: int, total: int) -> None:
        if done == total:
            raise Done

    for single in task.by_weight():
        with pytest.raises(Done):
            algorithm.sums(integral_of(single, single.prepared.degeneracy_tolerance), Execution(1.0, SERIAL, ended))
    assert work.points - before > 100
    assert sampled < 0.6 * (work.points - before)
    assert said == pytest.approx(work.now - start, rel=0.25, abs=0)


@pytest.mark.parametrize("name", ["MnBi2Te4", pytest.param("Pt", marks=pytest.mark.slow)])
def test_a_point_of_a_mesh_within_a_quarter(work: Work, example_inputs: Path, name: str) -> None:
    task, points = task_of(example_inputs / name), {"MnBi2Te4": (48, 48, 1), "Pt": (28, 28, 28)}[name]
    said = point_seconds(task, points, 1.0, lambda: work.now)
    start, before = work.now, work.points

    def ended(done: int, total: int) -> None:
        if done == total:
            raise Done

    for single in task.by_weight():
        with pytest.raises(Done):
            OnMesh(points).sums(integral_of(single, single.prepared.degeneracy_tolerance), Execution(1.0, SERIAL, ended))
    assert work.points - before > 100
    assert said == pytest.approx((work.now - start) / (work.points - before), rel=0.25, abs=0)


def test_three_tolerances_cost_more(work: Work) -> None:
    """Half as many points along each direction, three times."""
    request = Request("spin_hall", grid=(24, 24, 1), mu=0.1, temperature=300)
    task = Task.of(prepare(models.get("rashba_exchange"), request))
    algorithm = algorithm_of(request, task.prepared.model)
    plain = mesh_seconds(task, algorithm, 1.0, lambda: work.now)
    checked = Task.of(prepare(task.prepared.model, task.prepared.request.with_(degeneracy_check=True)))
    assert 1.2 * plain < mesh_seconds(checked, algorithm, 1.0, lambda: work.now) < 2.5 * plain


@pytest.mark.parametrize("points", [(1, 1, 1), (2, 2, 1)])
def test_meshes_of_fewer_points_than_parts(work: Work, points: tuple[int, int, int]) -> None:
    """Most parts of them are empty."""
    request = Request("spin_hall", grid=points, mu=0.1, temperature=300)
    task = Task.of(prepare(models.get("rashba_exchange"), request))
    assert 0 < mesh_seconds(task, algorithm_of(request, task.prepared.model), 1.0, lambda: work.now) < 60


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.parametrize("how", ["grid = [32, 32, 1]", "tolerance = 0.3"])
def test_a_quick_run_is_not_said_to_take_seconds(how: str, tmp_path: Path) -> None:
    """By a clock that ticks a thousand times faster it takes a thousandth."""
    models.get("rashba_exchange").save(tmp_path / "x.model.h5")
    text = f'seedname = "x.model.h5"\nresponses = ["spin_hall"]\nfermi_energy = 0.0\nmu = 0.1\n{how}\n'
    (tmp_path / "in.toml").write_text(text)
    settings, _ = read_settings(tmp_path / "in.toml")
    found = []
    for tick in (1e-3, 1e-6):
        ticks = itertools.count()
        plan = dict(dry_run(settings, tmp_path, 1, clock=lambda tick=tick, ticks=ticks: tick * next(ticks)))  # type: ignore[misc]
        found.append(float(plan["estimated time"].removesuffix(" s on 1 rank(s)")))
    assert 0 < found[0] < 1
    assert found[1] == pytest.approx(1e-3 * found[0], rel=0.1, abs=0)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_a_run_at_numbers_of_carriers_is_foreseen(tmp_path: Path) -> None:
    models.get("rashba_exchange").save(tmp_path / "x.model.h5")
    text = 'seedname = "x.model.h5"\nresponses = "edelstein"\ngrid = [8, 8, 1]\ncarriers = { values = [0, 0.1], electrons = 1 }\n'
    (tmp_path / "in.toml").write_text(text + "fermi_energy = -1.5\n")
    settings = read_settings(tmp_path / "in.toml")[0]
    mu = np.asarray(_prepared(settings, models.get("rashba_exchange"), None).request.mu)
    assert len(mu) == 2 and np.abs(mu + 1.5).max() < 0.1  # what states cost depends on where mu is
    plan = dict(dry_run(settings, tmp_path, 1))
    assert "2 numbers of carriers" in " ".join(plan.values())
    assert "estimated time" in plan


@pytest.mark.parametrize(("mesh", "denser"), [((8, 6, 1), (16, 12, 1)), ((1, 5, 3), (1, 10, 6))])
def test_what_follows_meshes_is_timed_on_a_denser_one(
    mesh: tuple[int, int, int], denser: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rounds so far are not foretold otherwise than they went, unless a point costs more than they had time for."""
    module, asked = import_module("wannier_spin.calculation.dry_run"), []
    task = Task.of(prepare(models.get("rashba_exchange"), Request("spin_hall", grid=(4, 4, 1), mu=0.1, temperature=300)))
    monkeypatch.setattr(module, "_prepared", lambda *given: task.prepared)
    monkeypatch.setattr(module, "point_seconds", lambda task, points, *how: asked.append(points) or 0.01)

    def pace(excess: float, evaluations: int = 500, last: tuple[int, ...] = mesh) -> tuple[float, float]:
        rounds = [Round(0, i, 0, n, {"a": 0.5, "b": excess * 3**-i}, last) for i, n in enumerate((100, evaluations))]
        return module._tolerance_pace(None, None, None, list(zip(rounds, (3.0, 9.0), strict=True)), time.process_time)

    assert pace(30.0) == pytest.approx((4.0, 0.01)) and asked == [denser]
    assert pace(30.0, 1000) == (0.0, 0.01)
    counted = (1.5, 0.015)  # where it is done, or on boxes, by the rounds themselves
    assert pace(3.0) == pytest.approx(counted) and pace(30.0, last=()) == pytest.approx(counted)
    assert asked == [denser] * 2
