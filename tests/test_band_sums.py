"""Sums over groups of degenerate bands in place of bands."""

import numpy as np
import pytest

from wannier_spin.band_sums import over_groups
from wannier_spin.occupation import Occupation

OCCUPATION = Occupation(np.array([-0.1, 0.2]), np.array([0.02, 0.05]))
PAIRS, TWO_PAIRS_MEET, ALL_BUT_ONE_MEET = [0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("n_surface", [2, 0])
def test_groups_have_the_sums_of_their_bands(n_surface: int) -> None:
    """Points with fewer groups than others; some groups filled, some empty, some partly filled."""
    rng = np.random.default_rng(3)
    group = np.array([PAIRS, TWO_PAIRS_MEET, PAIRS, ALL_BUT_ONE_MEET])
    levels = np.array([-4.0, -0.1, 0.15, 5.0]) + 0.05 * rng.normal(size=(4, 4))
    energies = np.take_along_axis(levels, group, axis=1)
    sea, surface = rng.normal(size=(4, 8, 3)), rng.normal(size=(4, 8, n_surface))
    of_groups, *densities = over_groups(energies, group, sea, surface)
    assert of_groups.shape == (4, 4)
    assert (np.diff(of_groups, axis=1) >= 0).all()
    assert [X.shape for X in densities] == [(4, 4, 3), (4, 4, n_surface)]
    found, expected = (OCCUPATION.at_bands(E, True).sums(*X) for E, X in ((of_groups, densities), (energies, (sea, surface))))
    assert (np.abs(expected).max(axis=(0, 1)) > 0.1).all()
    assert np.abs(found - expected).max() < 1e-13 * np.abs(expected).max()


def test_bands_stay_where_there_are_hardly_fewer_groups() -> None:
    """One pair among seven bands at one of the points, none at the other."""
    group = np.array([[0, 0, 1, 2, 3, 4, 5, 6], range(8)])
    given = np.sort(np.random.default_rng(4).normal(size=(2, 8)), axis=1), np.ones((2, 8, 3)), np.ones((2, 8, 0))
    assert all(found is X for found, X in zip(over_groups(given[0], group, *given[1:]), given, strict=True))
