"""Superlattices: their points, the meshes that sum over them, and which has the fewest points."""

import itertools
import math

import numpy as np
import pytest

from wannier_spin.integration.grid import Mesh, Partial, mean_over_mesh
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.integration.superlattice import Shapes, Skew, Superlattice, factors_from, hermite, reduced

NO_SHIFT = (0.0, 0.0, 0.0)
TETRAGONAL = np.array([[1.0, -1.0, 2.6], [1.0, 1.0, 2.6], [-1.0, -1.0, 2.6]]) / 2
FOURFOLD = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
LEANING = Superlattice((2, 4, 6), Skew((0, 2, 2), ((1, 1, 0), (0, 1, 0), (0, -1, 1))))  # lines begin elsewhere within a batch
CASES = {
    "straight": np.diag([4, 6, 2]),
    "body-centred": np.array([[-2, 2, 4], [2, -2, 4], [2, 2, -4]]),
    "general": np.array([[4, 1, -2], [3, 5, 1], [-1, 2, 6]]),
    "leaning": LEANING.vectors,
    "shears": 2 * np.array([[3, 0, 0], [1, 2, 0], [2, 1, 3]]),
}


def mesh_of(vectors, lattice=TETRAGONAL):
    found = LEANING if np.array_equal(vectors, LEANING.vectors) else Superlattice.of(vectors, lattice)
    return found, Mesh(found.points, NO_SHIFT, skew=found.skew)


def points_of(batch):
    k2, k3 = np.meshgrid(batch.k2, batch.k3, indexing="ij")
    k3 = k3 if batch.lean is None else k3 + batch.lean[:, None]
    used = np.ones(k2.shape, bool) if batch.used is None else batch.used
    return np.stack([np.full(used.sum(), batch.k1), k2[used], k3[used]], axis=1)


@pytest.mark.parametrize("vectors", CASES.values(), ids=CASES)
@pytest.mark.parametrize("largest", [1, 7, 1000])
def test_every_point_once(vectors, largest):
    """All k for which V k is whole, as many as V has cells, none twice; the even ones are those of V/2."""
    found, mesh = mesh_of(vectors)
    assert abs(round(np.linalg.det(found.skew.basis))) == 1
    assert found.n_points == mesh.n_points == abs(round(np.linalg.det(vectors)))
    assert np.array_equal(hermite(found.vectors), hermite(vectors))
    batches = mesh.batches(largest)
    k = np.concatenate([points_of(batch) for batch in batches]) @ found.skew.coordinates
    index = k @ vectors.T
    assert np.abs(index - np.round(index)).max() < 1e-9
    assert len({tuple(x) for x in np.round(k % 1.0 * 1e6).astype(int) % 1_000_000}) == mesh.n_points == len(k)
    assert np.abs(mesh.used_points() @ found.skew.coordinates - k).max() < 1e-12 or largest < mesh.n_points
    assert mesh.nested == (vectors % 2 == 0).all()
    if mesh.nested:
        coarse = np.concatenate([batch.masks[0] for batch in batches])
        halves = k @ vectors.T / 2
        assert np.array_equal(coarse, (np.abs(halves - np.round(halves)) < 1e-9).all(axis=1))
        assert np.array_equal(hermite(2 * mesh.coarse.superlattice.vectors), hermite(vectors))


@pytest.mark.parametrize("vectors", CASES.values(), ids=CASES)
def test_waves_of_the_superlattice_alone_are_wrong(vectors):
    """The mean of cos(2 pi k.R) is one on the superlattice, and zero elsewhere."""
    found, mesh = mesh_of(vectors)
    R = np.array(list(itertools.product(range(-6, 7), repeat=3)))
    waves = R @ found.skew.coordinates.T

    def integrand(batch):
        values = np.cos(2 * np.pi * points_of(batch) @ waves.T)
        return Partial(np.stack([values[mask].sum(axis=0) for mask in batch.masks]), np.zeros(1))

    mean = mean_over_mesh(mesh, integrand, 5, SERIAL).fine
    index = R @ np.linalg.inv(vectors)
    expected = (np.abs(index - np.round(index)) < 1e-9).all(axis=1)
    assert expected.sum() > 1
    assert np.abs(mean - expected).max() < 1e-12


def test_short_vectors():
    long = np.array([[1, 7, 0], [0, 1, 0], [5, -3, 1]])
    assert sorted(np.abs(reduced(long, np.eye(3))).sum(axis=1).tolist()) == [1, 1, 1]
    assert Superlattice((4, 4, 4)).shortest(TETRAGONAL) == pytest.approx(4.0)
    assert Superlattice((4, 4, 1)).shortest(np.eye(3), (True, True, False)) == pytest.approx(4.0)
    assert Superlattice((4, 8, 2)).shortest(np.eye(3), (True, True, False)) == pytest.approx(4.0)


@pytest.mark.parametrize("length", [8.0, 17.0, 40.0])
def test_fewest_points(length):
    """A long tetragonal cell: fewer points than N x N x N and than unequal numbers, with a shortest vector as long."""
    rotation = np.round(np.linalg.inv(TETRAGONAL.T) @ FOURFOLD @ TETRAGONAL.T).astype(int)
    shapes = Shapes.of(TETRAGONAL, [rotation])
    found = shapes.fewest(length)
    image = found.vectors @ rotation.T @ np.linalg.inv(found.vectors)
    assert np.abs(image - np.round(image)).max() < 1e-9  # it has the symmetry
    assert found.shortest(TETRAGONAL) >= length - 1e-9
    assert (found.vectors % 2 == 0).all()
    least = 2 * next(p for p in (2, 3, 5, 7, 11, 13, 17, 19, 23) if 2 * p >= length - 1e-9)
    assert found.n_points < 0.75 * least**3
    assert found.n_points < 1.6 * length**3 / 2**0.5 / 1.3  # 1.3: volume of the cell; no lattice needs fewer than the first factors


def test_without_symmetry_shapes_are_fewer():
    lattice = np.array([[3.0, 0.2, 0.1], [0.4, 4.0, 0.3], [0.2, 0.7, 9.0]])
    shapes = Shapes.of(lattice, [])
    found = shapes.fewest(60.0)
    assert found.shortest(lattice) >= 60.0
    assert found.n_points < 1.5 * 60.0**3 / 2**0.5 / np.linalg.det(lattice)


def test_factors_without_a_common_divisor():
    """Of a dozen meshes, too: their common multiple is no number of 64 bits."""
    assert factors_from(np.array([1.0, 10.0, 30.2]), 2 * 5 * 7).tolist() == [3, 11, 31]
    primes = [n for n in range(2, 100) if all(n % d for d in range(2, n))]
    assert math.prod(primes) > 2**63
    assert factors_from(np.array([1.0, 102.0]), math.prod(primes)).tolist() == [101, 103]


def test_vectors_in_a_plane():
    with pytest.raises(ValueError, match="in one plane"):
        hermite(np.array([[1, 2, 3], [2, 4, 6], [0, 0, 1]]))


@pytest.mark.parametrize("vectors", CASES.values(), ids=CASES)
def test_the_unit_of_length_does_not_count(vectors):
    """How points are ordered and on which axes, for a lattice in angstrom, in Bohr radii, or in metres."""
    for lattice in (TETRAGONAL, np.array([[1.0, 0.1, 0.2], [0, 1.3, 0.4], [0, 0, 0.7]])):
        found = Superlattice.of(vectors, lattice)
        for unit in (0.1, 1.889726, 10.0):
            assert Superlattice.of(vectors, unit * lattice) == found
