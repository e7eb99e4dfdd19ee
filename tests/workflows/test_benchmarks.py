"""The benchmarks: stored results are those of the rows, a row is measured, and slopes are slopes."""

import json

import pytest
from scripts import scripts

import wannier_spin as ws

pytest.importorskip("wannierberri")


@pytest.fixture
def measure():
    with scripts("benchmarks") as script:
        yield script("measure")


def test_stored_results_are_those_of_the_rows(measure):
    kept = json.loads(measure.RESULTS.read_text())
    names = [row.name for row in measure.ROWS]
    assert len(set(names)) == len(names)
    assert {row["model"] for row in kept["rows"]} <= set(measure.SUBJECTS)
    found = [row["row"] for row in kept["rows"] if row["model"] == "Pt"]
    assert len(found) > 5 and set(found) <= set(names)
    assert all(row["ours"] > 0 and row["eigh"] > 0 for row in kept["rows"])
    assert all(set(row.responses) <= set(ws.responses.names()) for row in measure.ROWS)


def test_a_slope_is_the_cost_of_a_further_point(measure, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(measure.time, "process_time", lambda: clock[0])

    def run(mesh):
        clock[0] += 3.0 + 0.5 * mesh**3
        return mesh**3

    found = measure.slope(run, (2, 4))
    assert (found.point, found.start) == pytest.approx((0.5, 3.0))


def test_a_row_is_measured(measure, monkeypatch):
    monkeypatch.setattr(measure, "EIGH_SECONDS", 0.01)
    model = ws.models.random_model(n=4, seed=1)
    subject = measure.Subject("small", model, 0.0, ((2, 6), (2, 6), (2, 6)))
    found = measure.measured(subject, measure.ROWS[0], 1, alone=True)
    assert found is not None and found.functions == 4 and found.eigh > 0 and found.theirs is None
    symmetric = next(row for row in measure.ROWS if row.symmetric)
    assert measure.measured(subject, symmetric, 1, alone=True) is None  # it has no structure
