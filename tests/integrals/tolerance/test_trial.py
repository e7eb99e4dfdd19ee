"""A trial of boxes: what its rounds say of how many points it will take."""

import numpy as np
import pytest

from wannier_spin.integrals.tolerance.trial import ASSUMED, GROWN, POWERS, TELLING, Trial


def trial(points: list[int], excess: list[float]) -> Trial:
    found = Trial()
    for n, x in zip(points, excess, strict=True):
        found = found.after(n, x)
    return found


def test_at_first_a_power_is_assumed() -> None:
    for found in (trial([500], [16.0]), trial([250, 500], [1e9, 16.0]), trial([500 // GROWN + 1, 500], [17.0, 16.0])):
        assert not found.grown
        assert found.predicted == pytest.approx(500 * 16.0 ** (1 / ASSUMED), rel=1e-12, abs=0)
    assert trial([500], [0.3]).predicted == 500.0


@pytest.mark.parametrize("power", [1.0, 1.6, 1.9, 2.5])
def test_then_it_is_that_of_its_own_rounds(power: float) -> None:
    """Also where errors jump by a factor of two from round to round, and whatever they were long before."""
    points = (1000 * 1.2 ** np.arange(24)).astype(int)
    excess = (points / 50_000) ** -power
    assert excess[-1] < 1 < excess[-8]
    for n in range(14, 22):
        found = trial(points[:n].tolist(), excess[:n].tolist())
        assert found.grown
        assert found.predicted == pytest.approx(50_000, rel=1e-6, abs=0)
        before = trial([1, *points[:n].tolist()], [1e30, *excess[:n].tolist()])
        assert TELLING < points[n - 1]
        assert before.predicted == pytest.approx(50_000, rel=1e-6, abs=0)
        jumping = excess[:n] * np.sqrt(2.0) ** (-1.0) ** np.arange(n)
        assert 50_000 / 1.7 < trial(points[:n].tolist(), jumping.tolist()).predicted < 1.7 * 50_000


def test_neither_too_slow_nor_too_fast_a_decrease_is_believed() -> None:
    points = [1000, 2000, 4000, 8000]
    assert trial(points, [9.0] * 4).predicted == pytest.approx(8000 * 9 / (8000 / np.exp(np.log(points).mean())), rel=1e-9, abs=0)
    fast = trial(points, [9e9, 9e6, 9e3, 9.0])
    assert 8000 < fast.predicted < 8000 * fast.excess[0] ** (1 / POWERS[1])


def test_errors_that_tell_nothing() -> None:
    """None are known, or nothing is left of them."""
    assert trial([1000, 5000], [np.inf, np.inf]).predicted == np.inf
    assert trial([1000, 5000], [np.inf, 4.0]).predicted == 5000 * 4.0 ** (1 / ASSUMED)
    assert trial([1000, 2000, 5000], [2.0, 3.0, 0.0]).predicted == 5000.0
