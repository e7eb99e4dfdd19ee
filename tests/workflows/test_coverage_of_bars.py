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


def test_a_bar_is_judged_where_the_truth_is_known_well_enough(workflow):
    """Inside, outside; inside whatever the truth is, outside whatever it is; in doubt; too small an error to count."""
    errors = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1e-6])
    bars = np.array([3.0, 0.5, 2.0, 0.1, 1.2, 1e-7])
    doubts = np.array([0.1, 0.1, 0.8, 0.8, 0.8, 0.0])
    judged, inside, ratio = workflow.covered(errors, bars, doubts, scale=1.0)
    assert (judged, inside) == (4, 2)
    assert ratio == pytest.approx((3.0 + 0.5) / 2)  # of the two that are known


def test_a_small_case(workflow, monkeypatch):
    """Most bars hold; with bars a hundred times smaller few do, so a bar that is too small is noticed."""
    case = next(case for case in workflow.CASES if case.name == "Rashba")
    small = replace(case, mu=np.linspace(-1.2, 1.2, 5), responses=("spin_hall",))
    monkeypatch.setattr(workflow, "TEMPERATURES", (600.0,))
    rows = list(workflow.measured(small, (16, 20), (56, 48), ()))
    assert [(row.case, row.method, row.temperature) for row in rows] == [("Rashba", "meshes", 600.0)]
    assert rows[0].judged > 20
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
    assert all(row.hold_out == cases[row.case].hold_out and 0 <= row.inside <= row.judged for row in stored)
    monkeypatch.setattr(workflow, "OUTPUT", tmp_path / "rows.json")
    workflow.store(stored)
    again = [replace(row, ratio=1.0) for row in stored if row.case == "Pt"]
    workflow.store(again)
    assert [row for row in workflow.stored() if row.case == "Pt"] == again
    assert len(workflow.stored()) == len(stored)
