"""Densities at several frequencies together are those of every block at every frequency."""

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.arrays import group_means
from wannier_spin.integrals.bars import mesh_bars as bars
from wannier_spin.integrals.densities import dynamic
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.selection import Selection
from wannier_spin.responses import DYNAMIC_BLOCKS, RESPONSES, BandPairs

NAMES = ("displacement_spin_current", "shift_spin_current", "injection_spin_current", "injection_spin_magnetization")
FREQUENCIES = tuple(np.linspace(0.0, 2.0, 3) + 0.1j)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(tuple(RESPONSES[name] for name in NAMES), "spin", FREQUENCIES)


@pytest.fixture(scope="module")
def geometry(plan):
    model = ws.models.random_model(n=5, seed=2)
    return plan.geometry(plan.bloch_sum(model).at_points(np.random.default_rng(0).uniform(size=(4, 3))), 1.5)


def assert_same(plan, found, expected, group) -> None:
    """Bands of a group share what they have together."""
    expected = group_means(np.moveaxis(expected, 1, 2), group).swapaxes(1, 2)
    assert {block.name for block in plan.dynamic_blocks} == set(DYNAMIC_BLOCKS)
    for name, place in plan.places.items():
        size = np.abs(expected[..., place]).max()
        assert size > 1e-3, name
        assert np.abs(found[..., place] - expected[..., place]).max() < 1e-13 * size, name


@pytest.mark.parametrize("window", [(-np.inf, np.inf), (-0.5, 0.6)])
def test_together(monkeypatch, plan, geometry, window) -> None:
    """With groups of several bands, and bands that are always filled or empty."""
    assert geometry.has_degeneracies and geometry.group.max() > 1
    pairs = BandPairs(geometry, plan.observables, window)
    expected = plan.densities(pairs)[0]  # of few points block by block
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    found = plan.densities(pairs)[0]
    assert_same(plan, found, expected, geometry.group)
    assert np.abs(found.sum(axis=1)).max() < 1e-12 * np.abs(found).max()  # what n has of a pair, m has with the other sign


@pytest.mark.parametrize(("bands", "tolerance"), [(2, 1e-6), (3, 1e-6), (3, 2.51)])
def test_the_loops_as_they_are_written(monkeypatch, bands, tolerance) -> None:
    """Without machine code, for few pairs: so that a change of them is seen at once. With fewer bands than fields, too."""
    plan = Plan(tuple(RESPONSES[name] for name in NAMES), "spin", FREQUENCIES[1:])
    bloch = plan.bloch_sum(ws.models.random_model(n=bands, seed=2)).at_points(np.random.default_rng(0).uniform(size=(1, 3)))
    pairs = BandPairs(plan.geometry(bloch, tolerance), plan.observables)
    assert pairs.geometry.has_degeneracies == (tolerance > 1) and pairs.geometry.group.max() > 0
    expected = plan.densities(pairs)[0]
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    monkeypatch.setattr(dynamic, "compiled", lambda function: function)
    assert_same(plan, plan.densities(pairs)[0], expected, pairs.geometry.group)


def test_each_block_of_its_own_observables(monkeypatch, plan, geometry) -> None:
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    current, spin = plan.observables
    wanted = {"AC1": (spin,), "INJ1": (current, spin), "INJ2": (current,), "SH1": (current,), "SH2": (current,)}
    selection = Selection(plan, wanted)
    every = plan.densities(BandPairs(geometry, plan.observables))[0]
    found = selection.densities(geometry, (-np.inf, np.inf))[0]
    assert np.abs(found).max() > 1e-3 and found.shape[-1] < every.shape[-1] / 2
    assert np.abs(found - every[..., selection.positions]).max() < 1e-13 * np.abs(every).max()


def test_partners(monkeypatch, plan, geometry) -> None:
    """With weights of the second band pairs do not cancel, and there is no other way than block by block."""
    partners = np.random.default_rng(1).uniform(size=geometry.energies.shape)
    pairs = BandPairs(geometry, plan.observables, partners=partners)
    expected = plan.densities(pairs)[0]
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    assert np.array_equal(plan.densities(pairs)[0], expected) and np.abs(expected.sum(axis=1)).max() > 1e-3


@pytest.mark.parametrize("omega", [np.linspace(0.2, 2.0, n) for n in (2, 4, 12)])
def test_a_mesh_in_coordinates_of_polarizations(monkeypatch, omega) -> None:
    """Sums and bars are those of all components, with tables over the energy and without."""
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    model, names = ws.models.random_model(n=3, seed=2), ["shift_spin_current", "injection_spin_magnetization", "spin_hall"]
    asked = {"omega": omega, "broadening": 0.1, "temperature": 1500.0, "mu": [0.1], "grid": (4, 4, 2)}
    found = ws.compute(model, names, **asked)
    monkeypatch.setattr(bars, "has_polarizations", lambda plan: False)
    expected = ws.compute(model, names, **asked)
    for name in names:
        for one, other in ((found[name].values, expected[name].values), (found[name].error, expected[name].error)):
            size = np.abs(other).max()
            assert size > 1e-6 and np.abs(one - other).max() < 1e-11 * size


def test_runs_of_targets() -> None:
    """They say what their outputs say, and none could be longer."""
    rng = np.random.default_rng(3)
    for n in (0, 1, 60):
        source, place, step = (np.cumsum(rng.integers(1, 9, size=n) == 1) + np.arange(n) for _ in range(3))
        step, sign = np.cumsum(rng.random(n) < 0.1), np.where(np.cumsum(rng.random(n) < 0.1) % 2, -1.0, 1.0)
        outputs = list(zip(source, place, step, sign, strict=True))
        runs = list(zip(*dynamic._target_runs(source, place, step, sign), strict=True))
        told = [(s + i, p + i, w, x) for s, p, length, w, x in runs for i in range(length)]
        assert told == outputs
        follows = [b == (a[0] + 1, a[1] + 1, *a[2:]) for a, b in zip(outputs, outputs[1:], strict=False)]
        assert len(runs) == n - sum(follows)
        assert n < 60 or 10 < len(runs) < 50
