"""The smallest gap next to a state near mu: of both neighbours the nearer one."""

import numpy as np
import pytest

from wannier_spin.integrals.sums import NEAR_FERMI, Minima, minima_of
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


def test_against_loops():
    """Several points, bands and temperatures: transitions only between states that may be occupied and empty."""
    rng = np.random.default_rng(8)
    occupation = Occupation(np.array([-0.1, 0.0, 2.0]), np.array([1e-3, 4e-3]))
    energies = np.sort(
        np.concatenate([rng.uniform(-3, -1, (6, 3)), rng.uniform(-0.3, 0.3, (6, 4)), rng.uniform(2.5, 3, (6, 2))], axis=1)
    )
    energies[:, 1] = energies[:, 0] + 1e-4  # the smallest gaps of all are between filled and between empty bands
    energies[:, -1] = energies[:, -2] + 1e-4
    group = np.tile(np.arange(9), (6, 1))
    found = Minima.of(minima_of(energies, group, occupation), 3)
    low, high = occupation.window
    assert energies[:, :2].max() < low
    assert energies[:, -2:].min() > high
    pairs = [(E[n], E[n + 1]) for E in energies for n in range(8)]
    assert found.transition == pytest.approx(min(b - a for a, b in pairs if a < high and b > low))
    assert found.transition > 2e-4
    assert (found.lowest, found.highest) == (energies.min(), energies.max())
    assert np.array_equal(found.band_ranges, [energies.min(axis=0), energies.max(axis=0)])
    gaps = np.pad(np.diff(energies), ((0, 0), (1, 1)), constant_values=np.inf)
    nearest = np.minimum(gaps[:, 1:], gaps[:, :-1])
    for i, mu in enumerate(occupation.mu):
        close = np.abs(energies - mu) <= NEAR_FERMI * 4e-3
        assert found.gap_at_mu[i] == pytest.approx(nearest[close].min(initial=np.inf))
        assert found.distance_from_mu[i] == pytest.approx(np.abs(energies - mu).min())
    assert np.isfinite(found.gap_at_mu[:2]).any()


@pytest.mark.parametrize(("distance", "unseen"), [(0.04, False), (0.049, False), (0.051, True)])
def test_what_no_point_of_the_mesh_sees(distance, unseen):
    """A band whose points lie on both sides of mu, and none within 5 kT of the coldest: named there, and nowhere else."""
    occupation = Occupation(np.array([0.0, 0.5, 3.0]), np.array([1e-2, 1.0]))
    energies = np.array([[-1.0, 2.0], [1.0, 2.2], [0.5 - distance, 2.1]])
    found = Minima.of(minima_of(energies, np.array([[0, 1]] * 3), occupation), 3)
    assert found.unseen(occupation).tolist() == [True, unseen, False]
