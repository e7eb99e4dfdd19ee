"""What a box says of itself, of changes that are given: along which axis it is split, how large it is."""

from types import SimpleNamespace as Like
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.integrals.boxes import BoxIntegrand, _shares

Real = np.ndarray


def sample_of(fine: Real, coarse: Real, along: Real, hidden: tuple[float, int] = (0.0, 2), noise: float = 0.0) -> Any:
    """fine, coarse (c,) sums; along (axes, c): what is left when one axis alone is coarse. A channel is a response of its own.

    noise : of them in all of the zone, of which the box is a quarter.
    """
    sums = {"fine": fine, "coarse": coarse} | {f"axis {i}": fine - row for i, row in enumerate(along)}
    rule = Like(fine="fine", coarse="coarse", beside=None, along={i: f"axis {i}" for i in range(len(along))})
    channels = Like(sizes_of_scan=lambda X: np.abs(X).max(axis=0), noise=np.full(len(fine), noise))
    integrand: Any = Like(_sum=lambda part, _: np.atleast_2d(sums[part]), channels=channels)
    largest = np.array([hidden[0], *np.zeros(len(fine) - 1)])
    return BoxIntegrand._sample(integrand, rule, Like(part=0.25), 0.25, np.ones(3), (largest, hidden[1]))  # type: ignore[arg-type]


FINE, DIFFERENCE = np.array([4.0, -3.0, 2.0]), np.array([0.3, -0.1, 0.2])


@pytest.mark.parametrize("scale", [[1, 1, 1], [1e6, 1, 1], [1, 1e6, 1], [1, 1, 1e-6]])
@pytest.mark.parametrize(
    ("along", "axis"),
    [
        ([[0.2, 0.2, 1e-6], [0.1, 0.1, 1e-3]], 0),  # two responses of three, whatever the third one is beside itself
        ([[0.1, 0.1, 1e-3], [0.2, 0.2, 1e-6]], 1),
        ([[0.1, 0.1, 0.1], [-0.3, 0.01, 0.01]], 0),  # one response, however large its change
        ([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]], 0),  # of equal ones the first, whatever rounding says
        ([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1 + 1e-15]], 0),
    ],
)
def test_boxes_are_split_where_most_responses_change(along: Any, axis: int, scale: Any) -> None:
    """Each is measured by its own changes: units do not choose."""
    s = np.array(scale, float)
    assert sample_of(FINE * s, (FINE - DIFFERENCE) * s, np.array(along) * s).axis == axis


@pytest.mark.parametrize(("noise", "axis"), [(1e-12, 0), (8.1e-16, 0), (7.9e-16, 1)])
def test_responses_that_are_rounding_have_no_say(noise: float, axis: int) -> None:
    """Two of three, which a symmetry that nobody told makes zero, would choose with what rounding leaves of them."""
    along = np.array([[0.2, 1e-18, 1e-18], [0.1, 2e-16, 2e-16]])
    fine = np.array([4.0, 0.0, 0.0])
    assert sample_of(fine, fine - DIFFERENCE, along, noise=noise).axis == axis


def test_what_may_hide_chooses_where_it_is_larger_than_what_is_seen() -> None:
    along = np.array([[0.2, 0.2, 0.2], [0.1, 0.1, 0.1]])
    hidden = [sample_of(FINE, FINE - DIFFERENCE, along, (size, 1)).axis for size in (0.0, 0.01, 1e3)]
    assert hidden == [0, 0, 1]


def test_a_box_is_no_smaller_than_its_axes_say() -> None:
    """What is wrong along two axes may cancel in the rule that is coarse in both."""
    along = np.array([[0.3, 0.0, 0.1], [-0.4, 0.0, 0.1]])
    found = sample_of(FINE, FINE - np.array([0.0, 0.7, 0.0]), along)
    assert found.size == pytest.approx([0.5, 0.7, np.hypot(0.1, 0.1)])
    assert found.square[0] == pytest.approx([0.25, 0.49, 0.02])
    assert found.magnitude == pytest.approx(np.abs(FINE))
    assert (found.value == FINE).all() and found.difference[0] == pytest.approx([0.0, 0.7, 0.0])


def test_along_a_line_the_larger_difference_counts_with_all_its_channels() -> None:
    """By responses, here of channels 0 and 1, 2, 3; the second one is rounding, and the third one just more than that."""
    one = np.array([[0.2, 0.01, 0.0, 0.0], [0.1, 0.01, 2e-13, 0.0], [0.0, 0.0, 0.0, 1e-12]])
    other = np.array([[0.1, 0.03, 2e-13, 0.0], [0.2, 0.0, 0.0, 0.0], [0.0, 0.0, 2e-13, 5e-13]])
    unit = np.eye(4)
    channels = Like(responses=(unit[:, :2], unit[:, 2:3], unit[:, 3:]), noise=np.full(3, 1e-12), sea=np.zeros((9, 1)))
    for axes, expected in (((0,), np.array([one[0], other[1], one[2]])), ((0, 1), np.hstack([other[:, :1], one[:, 1:]]))):
        integrand: Any = Like(rule=Like(along=dict.fromkeys(axes, "")), channels=channels)
        found = BoxIntegrand._with_beside(integrand, one, other, Like(part=0.25))  # type: ignore[arg-type]
        assert np.array_equal(found, expected)
    assert np.array_equal(_shares(np.array([[2.0, 1e-3], [1.0, 0.0]]), np.full(2, 1e-2)), [[1.0, 0.0], [0.5, 0.0]])


def test_a_response_that_is_zero_changes_nothing() -> None:
    """The spin Hall current of a massive cone is rounding: what is asked for beside it takes the same boxes."""
    model = ws.models.massive_dirac(gap=0.3, cutoff=2.0)
    asked: Any = {"mu": [0.1, 0.5], "temperature": 500, "tolerance": ws.Tolerance(1e-2)}
    alone = ws.compute(model, "edelstein", **asked)["edelstein"]
    both = ws.compute(model, ["spin_hall", "edelstein"], **asked)
    assert np.abs(both["spin_hall"].values).max() < 1e-15 < 1e-3 < np.abs(alone.values).max()
    for one, other in ((both["edelstein"].values, alone.values), (both["edelstein"].error, alone.error)):
        assert np.abs(one - other).max() <= 1e-12 * np.abs(other).max()
