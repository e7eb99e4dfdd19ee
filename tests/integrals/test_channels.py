"""Channels: from coordinates to sums, bounds and sizes; what a tolerance allows, against loops."""

from typing import Any

import numpy as np
import pytest

from wannier_spin import Tolerance
from wannier_spin.integrals.channels import CANCELLED, NOISE, Channels
from wannier_spin.integration.adaptive import Totals
from wannier_spin.results import SPREAD

RNG = np.random.default_rng(4)
SEA, SURFACE = (np.linalg.qr(RNG.normal(size=shape))[0] for shape in ((5, 2), (4, 3)))
NAMES = ("spin_hall", "edelstein")
RESPONSES = tuple(RNG.normal(size=(5, n)) for n in (3, 4))
NOTHING_COMPUTED: Any = None
JUDGED = np.array([True, False, True, True])


def channels(judged=None):
    return Channels(SEA, SURFACE, NAMES, RESPONSES, NOTHING_COMPUTED, judged)


def test_coordinates_and_their_bounds():
    x = RNG.normal(size=(6, 5))
    sums = channels().expand(x)
    assert np.abs(sums[:, :5] - np.einsum("wc,Cc->wC", x[:, :2], SEA)).max() < 1e-14
    assert np.abs(sums[:, 5:] - np.einsum("wc,Cc->wC", x[:, 2:], SURFACE)).max() < 1e-14
    assert np.abs(channels().projected(sums) - sums).max() < 1e-14
    one = np.eye(5)
    assert np.abs(channels().expand_bound(one) - np.abs(channels().expand(one))).max() < 1e-15
    assert (channels().expand_bound(np.abs(x)) >= np.abs(sums)).all()


def test_sizes_of_what_is_held_to_a_tolerance():
    x = RNG.normal(size=(4, 5))
    x[1] *= 100
    for judged in (None, JUDGED):
        kept = x if judged is None else x[judged]
        expected = [max(abs(row @ Q[:, i]) for row in kept for i in range(Q.shape[1])) for Q in RESPONSES]
        assert channels(judged).sizes_of_scan(x) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("judged", [None, JUDGED])
@pytest.mark.parametrize(
    ("size", "magnitude", "absolute"),
    [(1.0, 1.0, None), (1.0, 1.0, {"edelstein": 7.0}), (1e-30, 1e9, None), (0.0, 0.0, None)],
    ids=["values", "absolute", "cancelled", "nothing"],
)
def test_what_a_tolerance_allows(size, magnitude, absolute, judged):
    """Of the largest value, of what cancels, of rounding; the error is that of the difference and the spread together."""
    value, difference, spread = (size * RNG.normal(size=(4, 5)) for _ in range(3))
    spread = np.abs(spread)
    value[1], difference[1] = 50 * value[1], 90 * difference[1]  # where mu is not in the window
    wanted = Tolerance(1e-2, absolute=absolute)
    sums = np.stack([value, difference, spread**2])
    found = channels(judged).judge(Totals(sums, 0 * sums, np.zeros(1), np.array([magnitude, 2 * magnitude])), wanted)
    for r, (name, Q) in enumerate(zip(NAMES, RESPONSES, strict=True)):
        rows = range(4) if judged is None else np.flatnonzero(judged)
        places = [(w, i) for w in rows for i in range(Q.shape[1])]
        largest = max(abs(value[w] @ Q[:, i]) for w, i in places)
        bar = max(abs(difference[w] @ Q[:, i]) + SPREAD * spread[w] @ abs(Q[:, i]) for w, i in places)
        relative = 1e-2 * max(largest, CANCELLED * (1 + r) * magnitude)
        allowed = max(relative, (absolute or {}).get(name, 0), NOISE * np.abs(Q).max())
        assert found.allowed[r] == pytest.approx(allowed, rel=1e-13)
        assert found.excess[r] == pytest.approx(bar / allowed, rel=1e-12)
