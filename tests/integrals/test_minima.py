"""The smallest gap next to a state near mu: of both neighbours the nearer one."""

import numpy as np
import pytest

from wannier_spin.integrals.sums import Minima, minima_of
from wannier_spin.occupation import Occupation


@pytest.mark.parametrize(
    ("energies", "expected"), [([0.0, 1.0, 1.1], 0.1), ([0.9, 1.0, 2.0], 0.1), ([0.0, 1.0, 1.4], 0.4), ([0.3, 1.0, 2.0], 0.7)]
)
def test_smallest_gap_at_mu(energies, expected):
    occupation = Occupation(np.array([1.0, 5.0]), np.array([1e-3]))
    group = np.arange(3)[None]
    found = Minima.of(minima_of(np.array([energies]), group, occupation), 2)
    assert found.gap_at_mu == pytest.approx([expected, np.inf])
    assert found.distance_from_mu == pytest.approx([0, 5 - energies[-1]])
    assert (found.lowest, found.highest) == (energies[0], energies[-1])


def test_degenerate_bands_are_no_gap():
    occupation = Occupation(np.array([1.0]), np.array([1e-3]))
    found = Minima.of(minima_of(np.array([[0.0, 1.0, 1.0]]), np.array([[0, 1, 1]]), occupation), 1)
    assert found.gap_at_mu == pytest.approx([1.0])
