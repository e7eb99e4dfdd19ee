"""What one more mesh may bring: the chance that it is enough."""

import math

import numpy as np
import pytest

from wannier_spin.integrals.tolerance.outlook import AIM, GROWTH, SCATTER, Outlook
from wannier_spin.integrals.tolerance.standing import ALIKE, needed

CHANCES = ((1.0, 0.5), (np.exp(-SCATTER), 0.841344746), (np.exp(2 * SCATTER), 0.022750132))


def test_half_of_the_chances_where_the_mean_is_expected_at_the_tolerance() -> None:
    """Bars scatter about what is expected, as a logarithm, and only that of the new mesh does."""
    for mean, growth in ((2.0, 1.5), (1.4, 1.2), (1.2, 0.8)):
        assert _of_mean(mean, 4.0) > 1.0  # too much
        enough = next(x for x in np.linspace(4.0, 0.5, 3_501) if _of_mean(mean, x) <= 1)
        for times, chance in CHANCES:
            outlook = Outlook(times * enough * growth**1.7, mean, 0.0, 1.7)
            assert outlook.chance(growth) == pytest.approx(chance, rel=1e-2, abs=0)


def _of_mean(mean: float, own: float) -> float:
    """Least standard deviation of a weighted mean of two."""
    shares = np.linspace(0, 1, 201)
    return float(np.sqrt((shares * mean) ** 2 + ((1 - shares) * own) ** 2 + 2 * ALIKE * shares * (1 - shares) * mean * own).min())


def test_denser_meshes_have_more_chances() -> None:
    outlook = Outlook(1.2, 1.1, 0.0, 2.0)
    chances = [outlook.chance(growth) for growth in (0.6, 0.8, 1.0, 1.3, 1.6)]
    assert all(0 < a < b < 1 for a, b in zip(chances, chances[1:], strict=False))


def test_what_lasts_is_left_by_a_coarser_mesh() -> None:
    def chance(lasting: float, growth: float = 0.9) -> float:
        return Outlook(1.2, 1.1, lasting, 2.0).chance(growth)

    assert 1 > chance(0.0) > chance(0.5) > chance(0.9) > 0
    assert chance(1.0) == chance(1.05) == 0
    assert chance(0.0, 1.2) == chance(1.05, 1.2) > 0.5


def test_nothing_is_missing_or_nothing_known() -> None:
    assert Outlook(3.0, 1.0, 0.0, 2.0).chance(1.1) == Outlook(3.0, 0.2, 0.1, 2.0).chance(0.7) == 1.0
    assert Outlook(0.0, 1.5, 0.0, 2.0).chance(1.1) == 1.0
    assert Outlook(np.inf, np.inf, 0.0, 2.0).chance(1.8) == 0.0


def test_growth() -> None:
    """With a mesh that follows the power law the mean of both is at the aim; it is coarser where that is enough."""
    for own, power in ((3.0, 2.0), (1.5, 1.0), (1.1, 3.0)):
        assert own * Outlook.alone(own, power).growth ** -power == pytest.approx(needed(own, AIM))
    assert 1 < Outlook(4.0, 2.0, 0.0, 2.0).growth < Outlook.alone(4.0, 2.0).growth
    coarser, denser = (Outlook.alone(bar, 2.0).growth for bar in (1.05, 1.1))
    assert 0.6 < coarser < denser < 1 < 1.3 * denser
    assert Outlook.alone(0.3, 2.0).growth == 1.0
    growths = [Outlook(1.05, 1.05, lasting, 2.0).growth for lasting in (0.0, 0.3, 0.6, 0.8)]
    assert all(a < b for a, b in zip(growths, growths[1:], strict=False))
    assert growths[0] < 1 < growths[-1]
    assert Outlook(1.05, 1.05, 1.0, 2.0).growth == GROWTH[0]
    assert Outlook.alone(np.inf, 2.0).growth == np.inf


@pytest.mark.parametrize("lasting", [0.3, 0.8])
def test_what_lasts_counts_in_quadrature(lasting: float) -> None:
    """A coarser mesh makes smaller what is left of the mean without it, and only as far as the tolerance leaves room beside it."""
    left, room = math.sqrt(1.2**2 - lasting**2), math.sqrt(1 - lasting**2)
    one, other = Outlook(1.5, 1.2, lasting, 2.0), Outlook(1.5 / room, left / room, 0.0, 2.0)
    assert 0 < one.chance(0.9) < 1 and one.chance(0.9) == pytest.approx(other.chance(0.9), rel=1e-12, abs=0)
