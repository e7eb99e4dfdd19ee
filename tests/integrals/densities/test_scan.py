"""Sums of many (mu, T) points out of a table over energy are those out of the weights of every state."""

import numpy as np
import pytest

from wannier_spin.integrals.densities.scan import ORDER, TOGETHER, WORTH, ByEnergy, ByState, make_scan, windows
from wannier_spin.occupation import Occupation
from wannier_spin.weights import Entropy

SCANS = {
    "wide": (np.linspace(-2, 2, 500), [0.0258]),
    "temperatures": (np.linspace(-2, 2, 80), [0.0086, 0.0258, 0.043]),
    "narrow": (np.linspace(-0.05, 0.05, 60), [0.0258]),
    "far apart": (np.array([-3.0, -1.0, 0.0, 1.0]), np.linspace(0.02, 0.1, 20)),
    "unsorted": (np.array([1.0, -1.0, 0.3] * 20), [0.05]),
}
SEA, SURFACE = 3, 4


@pytest.mark.parametrize("kind", [Occupation, Entropy])
@pytest.mark.parametrize("name", SCANS)
def test_a_table_is_exact_as_far_as_digits_go(kind: type[Occupation], name: str) -> None:
    mu, kT = SCANS[name]
    occupation = kind(np.asarray(mu), np.asarray(kT))
    random = np.random.default_rng(3)
    energies, factors = random.uniform(-9, 9, 2000), random.uniform(0, 2, 2000) * (random.random(2000) > 0.1)
    densities = random.normal(size=(2000, SEA)), random.normal(size=(2000, SURFACE))
    edges = windows(occupation, 10**5)
    assert edges is not None
    energies[:4], factors[:4] = [occupation.window[0], occupation.window[1], edges[1], (edges[0] + edges[1]) / 2], 1.0
    densities[0][:4] *= 100
    found = []
    for scan in (ByState(occupation), ByEnergy(occupation, edges)):
        total = np.zeros((scan.rows, SEA + SURFACE))
        scan.add(total, energies, factors, *densities)
        found.append(scan.sums(total, SEA))
    direct = occupation.weights(energies)
    expected = np.concatenate([W @ (factors[:, None] * X) for W, X in zip(direct, densities, strict=True)], axis=1)
    for sums, tolerance in zip(found, (1e-13, 1e-11), strict=True):
        for part in (slice(0, SEA), slice(SEA, None)):
            size = np.abs(expected[:, part]).max()
            assert size > 0
            assert np.abs(sums - expected)[:, part].max() < tolerance * size


@pytest.mark.parametrize("beyond", [0, 1, 2])
def test_pieces_of_a_table_are_the_table(beyond: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one window is left for the last of them."""
    occupation = Occupation(np.linspace(-1, 1, 30), np.array([0.05]))
    edges = windows(occupation, 10**5)
    assert edges is not None
    n = len(edges) - 1
    assert n > 5
    table = ByEnergy(occupation, edges)
    total = np.random.default_rng(2).normal(size=(table.rows, SEA + SURFACE))
    expected = table.sums(total, SEA)
    monkeypatch.setattr("wannier_spin.integrals.densities.scan.PIECE", n - beyond)
    assert np.abs(expected).min(axis=0).max() > 0
    assert table.sums(total, SEA) == pytest.approx(expected, abs=1e-12 * np.abs(expected).max())


def test_many_channels_have_the_table_that_each_has_alone() -> None:
    """Machine code takes some of them at a time, and states of a window in pairs: of one window there is an odd number."""
    occupation = Occupation(np.linspace(-1, 1, 50), np.array([0.05]))
    edges = windows(occupation, 10**5)
    assert edges is not None
    table, random = ByEnergy(occupation, edges), np.random.default_rng(4)
    energies, factors, n = random.uniform(-2, 2, 101), random.uniform(0, 2, 101), 2 * TOGETHER + 5
    sea, none = random.normal(size=(101, n)), np.zeros((101, 0))
    total = np.zeros((table.rows, 2 + n))
    table.add(total, energies, factors, none, np.concatenate([np.zeros((101, 2)), sea], axis=1))
    for c in (0, TOGETHER - 1, TOGETHER, 2 * TOGETHER, n - 1):
        alone = np.zeros((table.rows, 1))
        table.add(alone, energies, factors, none, sea[:, c : c + 1])
        assert np.abs(alone).max() > 1
        assert total[:, 2 + c] == pytest.approx(alone[:, 0], abs=1e-13 * np.abs(alone).max())


def test_poles_are_far_from_every_window() -> None:
    """What the bound of the error rests on: pi half widths between the middle and mu + i pi kT."""
    for mu, kT in SCANS.values():
        occupation = Occupation(np.asarray(mu), np.asarray(kT))
        edges = windows(occupation, 10**5)
        assert edges is not None and edges[0] == occupation.window[0] and edges[-1] >= occupation.window[1]
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        distance = np.hypot(middle[:, None] - occupation.mu, np.pi * occupation.kT.min())
        assert (distance.min(axis=1) / half).min() > np.pi - 1e-9


def test_a_table_is_made_where_it_is_worth_while() -> None:
    many = Occupation(np.linspace(-1, 1, WORTH), np.array([0.1]))
    assert isinstance(make_scan(many, 10**6), ByEnergy)
    assert isinstance(make_scan(many, 10), ByState)  # too few points in k
    least = ByEnergy(many, windows(many, 10**6)).least_run
    assert isinstance(make_scan(many, int(0.9 * least), 10**4), ByState)  # many densities: the size of the table counts
    assert isinstance(make_scan(many, least // 20, 1), ByEnergy)  # one: the weights do
    for kT in (0.03, 0.1):
        few = Occupation(np.linspace(-1, 1, WORTH - 1), np.array([kT]))
        assert isinstance(make_scan(few, 10**6), ByState)
    cold = Occupation(np.linspace(-1, 1, WORTH), np.array([1e-4]))
    assert isinstance(make_scan(cold, 10**6), ByState)  # a table would be larger than the result by far
    for temperatures in ([0.0], [0.0, 0.1], [0.1, 0.0]):
        assert isinstance(make_scan(Occupation(np.linspace(-1, 1, WORTH), np.array(temperatures)), 10**6), ByState)
    assert ORDER < WORTH
