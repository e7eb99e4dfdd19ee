"""Irreducible points of meshes: orbits, weights, and spglib's count where it has one."""

import time
from itertools import product

import numpy as np
import pytest
from symmetry.structures import NONE, crystal, cumnas, iron, mn3sn, symmetric_models, tellurium

from wannier_spin import read_structure
from wannier_spin.integration.superlattice import Superlattice
from wannier_spin.symmetry import group_from_database, irreducible_weights, kpoints, magnetic_group, mesh_operations, orbit_sizes
from wannier_spin.symmetry.operations import distinct

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")  # spglib is called here

HALF = (0.5, 0.5, 0.5)


def operations_of(structure):
    return magnetic_group(structure).point_operations


def orbits(operations, points, shift):
    """The points of a mesh in orbits, by sets of reduced coordinates; a set that leaves the mesh is an error."""
    n, s = np.array(points), np.array(shift, float)
    mesh = {tuple(i): None for i in product(*map(range, points))}
    found = []
    for i in mesh:
        k = (np.array(i) + s) / n
        images = np.array([o.act_on_k(k) for o in operations]) * n - s
        assert np.abs(images - np.round(images)).max() < 1e-6
        found.append(frozenset(tuple(int(x) for x in row) for row in np.round(images).astype(int) % n))
    return set(found)


SKEWED = {  # of body-centred tetragonal and trigonal cells: points on the diagonal of H, what is below it, U
    "iron": (iron((0, 0, 2.2)), 2 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])),
    "tellurium": (tellurium(), np.array([[2, 1, 0], [-1, 1, 0], [0, 0, 3]])),
}


@pytest.mark.parametrize("name", SKEWED)
def test_weights_of_a_skewed_mesh(name):
    """Orbits of the points k for which V k is whole, found as sets of vectors."""
    structure, V = SKEWED[name]
    operations = mesh_operations(operations_of(structure), (1, 1, 1), (0, 0, 0), V)
    assert len(operations) > 2
    found = Superlattice.of(V, structure.lattice)
    weights = irreducible_weights(operations, found.points, (0, 0, 0), found.skew.below, np.array(found.skew.basis))
    assert weights.sum() == abs(round(np.linalg.det(V)))
    index = np.argwhere(np.ones(found.points, bool))
    k = np.linalg.solve(found.vectors, index.T).T
    images = np.stack([operation.act_on_k(k) for operation in operations], axis=1)
    names = np.round(images % 1.0 * 1e6).astype(int) % 1_000_000
    assert {tuple(x) for x in names.reshape(-1, 3)} <= {tuple(x) for x in np.round(k % 1.0 * 1e6).astype(int) % 1_000_000}
    orbits = {frozenset(map(tuple, row)) for row in names.tolist()}
    assert sorted(weights[weights > 0].tolist()) == sorted(map(len, orbits))
    assert np.count_nonzero(weights) < weights.size
    first = {tuple(x): w for x, w in zip(np.round(k % 1.0 * 1e6).astype(int) % 1_000_000, weights.ravel(), strict=True)}
    assert all(sorted(first[x] for x in orbit) == [0] * (len(orbit) - 1) + [len(orbit)] for orbit in orbits)


CASES = [
    ("iron", iron((0, 0, 2.2)), (4, 4, 4)),
    ("iron 111", iron((1, 1, 1)), (3, 3, 3)),
    ("tellurium", tellurium(), (4, 4, 3)),
    ("tellurium", tellurium(), (3, 5, 2)),
    ("mn3sn", mn3sn(0.0), (4, 4, 2)),
    ("cumnas", cumnas(), (4, 3, 2)),
    ("cumnas", cumnas(), (1, 1, 1)),
    ("square", symmetric_models()["rashba 4m'm'"][1], (5, 5, 1)),
]


@pytest.mark.parametrize("shift", [(0, 0, 0), HALF, (0.5, 0.5, 0), (0, 0, 0.5), (0.25, 0, 0), (0.1, 0.2, 0.3), (1, 0, -2)])
@pytest.mark.parametrize(("name", "structure", "points"), CASES, ids=lambda x: str(x) if isinstance(x, str | tuple) else "")
def test_weights_are_sizes_of_orbits(name, structure, points, shift):
    usable = mesh_operations(operations_of(structure), points, shift)
    weights = irreducible_weights(usable, points, shift)
    assert weights.shape == points
    assert weights.sum() == np.prod(points)
    found = orbits(usable, points, shift)
    assert sorted(weights[weights > 0].tolist()) == sorted(len(orbit) for orbit in found)
    for orbit in found:  # one point of each orbit stands for all of it
        assert sorted(int(weights[i]) for i in orbit) == [0] * (len(orbit) - 1) + [len(orbit)]
    k = (np.array(list(product(*map(range, points)))) + np.array(shift, float)) / points
    sizes = orbit_sizes(usable, k).reshape(points)  # those of its own points
    assert all(sizes[i] == len(orbit) for orbit in found for i in orbit)


@pytest.mark.parametrize("shift", [(0, 0, 0), HALF, (0.5, 0, 0), (0.25, 0, 0)])
def test_mesh_operations_are_all_that_fit_and_a_group(shift):
    operations, points = operations_of(iron((0, 0, 2.2))), (4, 4, 4)
    usable = mesh_operations(operations, points, shift)
    n, s = np.array(points), np.array(shift, float)
    k = (np.array(list(product(*map(range, points)))) + s) / n
    for o in operations:
        index = o.act_on_k(k) * n - s
        assert (np.abs(index - np.round(index)).max() < 1e-6) == any(o is u for u in usable)
    keys = {(o.time_reversal, o.reduced.tobytes()) for o in usable}
    for a, b in product(usable, repeat=2):
        assert (a.time_reversal != b.time_reversal, (a.reduced @ b.reduced).tobytes()) in keys


def test_shifts_lose_operations():
    """bcc, m along z. Half a spacing keeps P; another shift leaves only what maps it onto itself."""
    operations = operations_of(iron((0, 0, 2.2)))
    count = {
        shift: len(mesh_operations(operations, (4, 4, 4), shift)) for shift in [(0, 0, 0), HALF, (0.25, 0, 0), (0.13, 0.29, 0.41)]
    }
    assert count[0, 0, 0] == 16
    assert 2 <= count[HALF] <= 16
    assert count[0.25, 0, 0] < 16
    assert count[0.13, 0.29, 0.41] == 1


def test_unequal_meshes_lose_operations():
    operations = operations_of(cumnas((0, 0, 1)))
    assert len(operations) == 16
    assert len(mesh_operations(operations, (4, 4, 2), (0, 0, 0))) == 16
    assert len(mesh_operations(operations, (4, 6, 2), (0, 0, 0))) == 8
    assert len(mesh_operations(operations, (4, 4, 2), (0.5, 0.5, 0.5))) == 16
    assert len(mesh_operations(operations, (4, 4, 2), (0.5, 0, 0))) == 8


# Weights, point by point, as a slower algorithm makes them


def weights_of_all_images(operations, points, shift):
    """Every image of every point, the smallest of which represents it: the algorithm before orbits were marked."""
    n, s = np.array(points), np.array(shift, float)
    index = np.stack(np.unravel_index(np.arange(n.prod()), points), axis=1)
    representative = np.arange(n.prod())
    for operation in operations:
        image = np.round(operation.act_on_k((index + s) / n) * n - s).astype(int) % n
        np.minimum(representative, np.ravel_multi_index(tuple(image.T), points), out=representative)
    return np.bincount(representative, minlength=n.prod()).reshape(points)


def random_requests(count, seed):
    """Magnetic point groups from spglib's database, meshes with unequal and odd numbers, shifts that fit and that do not."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        operations = distinct(group_from_database(int(rng.integers(1, 1652))))
        points = tuple(int(n) for n in (rng.integers(1, 13, 3) if rng.random() < 0.5 else np.full(3, rng.integers(2, 13))))
        shift = tuple(float(x) for x in rng.choice([0, 0.5, 0.25, -1, 0.1234], 3))
        yield operations, points, shift if rng.random() < 0.5 else (shift[0],) * 3


@pytest.mark.parametrize("seed", range(8))
def test_weights_are_those_of_all_images(seed):
    orders = []
    for operations, points, shift in random_requests(30, seed):
        usable = mesh_operations(operations, points, shift)
        found = irreducible_weights(usable, points, shift)
        assert np.array_equal(found, weights_of_all_images(usable, points, shift)), (points, shift)
        orders.append(len(usable))
    assert max(orders) > 8


def test_machine_code_does_what_the_text_says(monkeypatch):
    monkeypatch.setattr(kpoints, "COMPILED_FROM", 0)
    for operations, points, shift in random_requests(20, 99):
        usable = mesh_operations(operations, points, shift)
        assert np.array_equal(irreducible_weights(usable, points, shift), weights_of_all_images(usable, points, shift))


def test_a_large_mesh_takes_no_time(example_inputs):
    """17 s where every image of every point was made; the bound leaves room for a busy machine."""
    operations = operations_of(read_structure(example_inputs / "Pt" / "Pt.win"))
    irreducible_weights(operations, (48, 48, 48), (0, 0, 0))  # compiles
    start = time.process_time()
    weights = irreducible_weights(operations, (144, 144, 144), (0, 0, 0))
    assert time.process_time() - start < 1
    assert weights.sum() == 144**3
    assert np.count_nonzero(weights) == 66193


# Published and spglib's counts


@pytest.mark.parametrize("n", [4, 5, 8])
@pytest.mark.parametrize("name", ["Pt", "GaAs"])
def test_number_of_points_is_that_of_spglib(name, n, example_inputs):
    import spglib

    structure = read_structure(example_inputs / name / f"{name}.win")
    cell = (structure.lattice, structure.positions, structure.numbers)
    mapping, _ = spglib.get_ir_reciprocal_mesh([n] * 3, cell, is_time_reversal=True)
    operations = operations_of(structure)
    usable = mesh_operations(operations, (n, n, n), (0, 0, 0))
    assert len(usable) == len(operations)
    weights = irreducible_weights(usable, (n, n, n), (0, 0, 0))
    assert np.count_nonzero(weights) == len(set(mapping))
    assert sorted(weights[weights > 0].tolist()) == sorted(np.unique(mapping, return_counts=True)[1].tolist())


@pytest.mark.parametrize("half", [(0, 0, 0), (1, 1, 1), (0, 0, 1)])
@pytest.mark.parametrize("points", [(4, 4, 3), (6, 6, 4)])
def test_number_of_points_of_a_hexagonal_crystal(points, half):
    """Where a shift breaks symmetry (half a spacing in the plane), spglib's points need not be orbits: no count then."""
    import spglib

    structure = tellurium()
    cell = (structure.lattice, structure.positions, structure.numbers)
    operations, shift = operations_of(structure), tuple(h / 2 for h in half)
    usable = mesh_operations(operations, points, shift)
    assert (len(usable) == len(operations)) == (half[0] == 0)
    if half[0] == 0:
        mapping, _ = spglib.get_ir_reciprocal_mesh(points, cell, is_shift=half, is_time_reversal=True)
        assert np.count_nonzero(irreducible_weights(usable, points, shift)) == len(set(mapping))


def test_monkhorst_pack_counts():
    """Simple cubic m-3m, Monkhorst and Pack, PRB 13, 5188: q = 2, 4, 6, 8 have 1, 4, 10, 20 special points (half-shifted)."""
    operations = operations_of(crystal(3 * np.eye(3), [(84, (0, 0, 0), NONE)]))
    for q, expected in ((2, 1), (4, 4), (6, 10), (8, 20)):
        usable = mesh_operations(operations, (q, q, q), HALF)
        assert len(usable) == 96
        assert np.count_nonzero(irreducible_weights(usable, (q, q, q), HALF)) == expected


@pytest.mark.parametrize(("name", "moments", "expected"), [("Fe", [(0, 0, 2.2)], 16), ("Pt", None, 96), ("GaAs", None, 48)])
def test_fewer_points(name, moments, expected, example_inputs):
    """A fine mesh is reduced by nearly as much as the group has operations (for Pt and GaAs half: P and T act alike on k)."""
    structure = read_structure(example_inputs / name / f"{name}.win", moments)
    operations = operations_of(structure)
    assert len(operations) == expected
    on_k = len({(o.act_on_k(np.eye(3)).round(6) + 0.0).tobytes() for o in operations})
    weights = irreducible_weights(operations, (24, 24, 24), (0, 0, 0))
    saving = 24**3 / np.count_nonzero(weights)
    assert 0.65 * on_k < saving < on_k
