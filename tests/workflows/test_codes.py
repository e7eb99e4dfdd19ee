"""The table of codes: how rows are judged, and what is stored."""

import json

import numpy as np
import pytest
from scripts import scripts


@pytest.fixture
def workflow():
    with scripts("verification") as script:
        yield script("codes")


def test_errors_are_relative_to_the_largest_value(workflow):
    """The largest deviation of all values; a code without a bar has none."""
    truth = np.array([[2.0, -4.0], [1.0, 0.5]])
    found = [
        workflow.Found("ours", 10, 1.5, truth + [[0.1, 0.0], [0.0, -0.2]], 0.4),
        workflow.Found("theirs", 20, 2.5, truth * 1.5, None),
    ]
    first, second = workflow.rows(found, truth)
    assert first == {"method": "ours", "points": 10, "seconds": 1.5, "error": pytest.approx(0.05), "bar": pytest.approx(0.1)}
    assert (second["error"], second["bar"]) == (pytest.approx(0.5), None)


def test_what_is_stored(workflow):
    """A truth that is finer than all of ours and known better than they are; tolerances within what was asked, and inside."""
    stored = json.loads(workflow.OUTPUT.read_text())
    ours = {row["method"]: row for row in stored["ours"]}
    assert stored["truth"]["points"] > 2 * max(row["points"] for row in ours.values())
    for wanted in workflow.TOLERANCES:
        row = ours[f"tolerance {wanted:g}"]
        assert row["error"] <= row["bar"] <= wanted
        assert stored["truth"]["bar"] < row["bar"]
    assert len(stored["wannierberri"]) == len(workflow.REFINED)
    assert all(row["bar"] is None for row in stored["wannierberri"] + stored["postw90"])
