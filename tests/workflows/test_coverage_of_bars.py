"""Coverage of bars: how bars are judged, a small case from end to end, and what is stored."""

from dataclasses import replace

import numpy as np
import pytest
from scripts import scripts

import wannier_spin as ws


@pytest.fixture
def workflow():
    with scripts("verification") as script:
        yield script("coverage_of_bars")


def test_a_bar_is_judged_where_the_reference_is_much_better(workflow):
    """Inside, outside; a reference that is not five times better than the bar; far outside, though the bar is below the doubt; a
    reference no better than bar and error; too small an error to count.
    """
    errors = np.array([1.0, 1.0, 0.3, 1.0, 1.0, 1e-6])
    bars = np.array([3.0, 0.5, 0.9, 0.01, 1.2, 1e-7])
    doubts = np.array([0.1, 0.1, 0.2, 0.1, 0.8, 0.0])
    judged, inside, unjudged, ratio = workflow.covered(errors, bars, doubts, scale=1.0)
    assert (judged, inside, unjudged) == (3, 1, 2)
    assert ratio == pytest.approx(0.5)  # the median of 3, 0.5 and 0.01
    assert workflow.largest(errors, bars, doubts) == pytest.approx(3.0)
    assert np.isnan(workflow.largest(errors[4:5], bars[4:5], doubts[4:5]))


def test_a_doubt_is_the_largest_of_those_beside_it(workflow):
    """Two references that cross at one mu are as uncertain there as next to it."""
    best = np.ones((5, 1, 1))
    other = best + np.array([0.0, 0.1, 0.0, -0.2, 0.0]).reshape(5, 1, 1)
    found = workflow.Truth.of(np.arange(5.0), best, other)
    assert found.doubt.ravel() == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.2])


def test_weyl_nodes_without_the_package():
    """Its integrand on a mesh is that of the package, its integral that of a mesh where the temperature lets meshes converge."""
    with scripts("verification") as script:
        nodes = script("weyl_nodes")
    name, mu, T = "nonlinear_extrinsic_spin_magnetization", np.array([-0.3, 0.2]), 3000.0
    kT = nodes.BOLTZMANN * T

    def on_mesh(n, shift):
        return ws.compute(ws.models.weyl(), name, grid=(n, n, n), shift=shift, mu=mu, temperature=T)[name].values[:, 0]

    shift = (0.1, 0.2, 0.3)
    k = 2 * np.pi * (np.indices((6, 6, 6)).reshape(3, -1) + np.array(shift)[:, None]) / 6
    summed = sum(F @ np.transpose([-1 / (4 * kT * np.cosh((E - x) / (2 * kT)) ** 2) for x in mu]) for E, F in nodes.bands(k))
    expected = on_mesh(6, shift)
    top = np.abs(expected).max()
    assert top > 1e-3
    assert np.abs(summed.T.reshape(expected.shape) / k.shape[1] - expected).max() < 1e-9 * top
    fine, exact = on_mesh(22, (0.0, 0.0, 0.0)), nodes.second_order(mu, (T,), 16)[:, 0]
    top = np.abs(exact).max()
    assert top > 1e-4
    assert np.abs(fine - exact).max() < 0.05 * top


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_components_to_which_the_states_near_mu_contribute_nothing(workflow):
    """Weyl nodes that 12 points pass by: values of zero in all components, and of some of them at all mu about."""
    with scripts("verification") as script:
        nodes = script("weyl_nodes")
    case, rows = next(case for case in workflow.CASES if case.name.startswith("Weyl nodes, second")), [3, 10, 15, 19]
    coarse = ws.compute(case.open()[0], case.responses[0], grid=(12, 12, 12), mu=case.mu, temperature=30.0)[case.responses[0]]
    exact = nodes.second_order(case.mu[rows], (30.0,), 12)
    error, bars = (workflow.flat(x)[:, 0] for x in (np.abs(coarse.values[rows] - exact), coarse.error[rows]))
    largest = np.abs(exact).max()
    counts = error > 1e-2 * largest
    assert counts.sum() > 20 and (np.abs(workflow.flat(coarse.values[rows])[:, 0]) < 1e-6 * error)[counts].mean() > 0.5
    assert (bars > error)[counts].mean() >= 0.95


def test_a_small_case(workflow, monkeypatch):
    """Most bars hold; with bars a hundred times smaller few do, so a bar that is too small is noticed."""
    case = next(case for case in workflow.CASES if case.name == "Rashba")
    small = replace(case, mu=np.linspace(-1.2, 1.2, 5), responses=("spin_hall",))
    monkeypatch.setattr(workflow, "TEMPERATURES", (600.0,))
    rows = list(workflow.measured(small, (16, 20), (56, 48), ()))
    assert [(row.case, row.method, row.temperature) for row in rows] == [("Rashba", "meshes", 600.0)]
    assert rows[0].judged > 20 > 5 * rows[0].unjudged
    assert rows[0].inside > 0.9 * rows[0].judged
    assert 1 < rows[0].ratio < 20
    assert rows[0].largest > 1
    honest = ws.ResponseTensor.error.func
    monkeypatch.setattr(ws.ResponseTensor, "error", property(lambda tensor: honest(tensor) / 100))
    (few,) = workflow.measured(small, (16, 20), (56, 48), ())
    assert few.inside < 0.3 * few.judged


def test_what_is_stored(workflow, monkeypatch, tmp_path):
    """Rows of whole cases, hold-outs among them; a case that is measured again replaces its rows."""
    stored = workflow.stored()
    cases = {case.name: case for case in workflow.CASES}
    measured = {row.case for row in stored}
    assert len(measured) >= 10
    assert {row.hold_out for row in stored} == {True, False}
    assert {(row.case, row.response) for row in stored} == {(name, r) for name in measured for r in cases[name].responses}
    assert all(row.hold_out == cases[row.case].hold_out and 0 <= row.inside <= row.judged and row.unjudged >= 0 for row in stored)
    monkeypatch.setattr(workflow, "OUTPUT", tmp_path / "rows.json")
    workflow.store(stored)
    again = [replace(row, ratio=1.0) for row in stored if row.case == "Pt"]
    workflow.store(again)
    assert [row for row in workflow.stored() if row.case == "Pt"] == again
    assert len(workflow.stored()) == len(stored)
