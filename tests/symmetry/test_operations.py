"""Operations: what belongs to a group, lattices that it leaves invariant, short vectors of skewed cells, refusals of spglib."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import spglib
from symmetry.structures import cumnas, mn3sn, tellurium, turn, turned, with_moments

from wannier_spin import AccuracyWarning, InputError, Structure
from wannier_spin.symmetry import distinct, group_from_database, magnetic_group, spin_group
from wannier_spin.symmetry.operations import (
    THIN,
    MagneticGroup,
    Operation,
    _shortening,
    invariant_lattice,
    space_operations,
    unskewed,
)

RNG = np.random.default_rng(5)


def test_time_reversal_with_a_turn_of_the_spins_is_another_thing():
    """In a spin group; the spins turn by 90 degrees, or not at all."""
    one = Operation(np.eye(3), np.eye(3, dtype=np.int64), np.zeros(3), True)
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for spin, has in ((None, True), (np.eye(3), True), (quarter, False)):
        group = MagneticGroup((replace(one, spin=spin),), 0, "", 0, "")
        assert group.has_time_reversal == has
        assert not group.has_inversion


@pytest.mark.parametrize("number", [100, 700, 1158, 1300, 1500])
def test_lattice_of_a_group_of_the_database(number):
    """Its metric is invariant: rotations keep all lengths, also where the lattice has no right angles."""
    rotations = np.array([op.reduced for op in group_from_database(number)])
    lattice = invariant_lattice(rotations)
    metric = lattice @ lattice.T
    assert np.linalg.det(metric) > 0.1
    assert np.abs(np.swapaxes(rotations, 1, 2) @ metric @ rotations - metric).max() < 1e-12 * np.abs(metric).max()


def test_operations_that_differ_by_a_translation_are_one():
    group = magnetic_group(mn3sn(0.0)).operations
    moved = [replace(op, translation=op.translation + 0.5) for op in group]
    assert distinct((*group, *moved)) == distinct(group)
    spins = spin_group(cumnas()).operations
    rounded = [replace(op, spin=op.spin * (1 - 1e-9) - 0.0) for op in spins]
    assert len(distinct((*spins, *rounded))) == len(distinct(spins)) > len({op.reduced.tobytes() for op in spins})


def test_rotations_of_spins_are_proper():
    structure = turned(cumnas(), turn((0.3, -0.5, 0.8), 7.3))
    spins = np.array([op.spin for op in spin_group(structure).operations])
    assert np.linalg.det(spins) == pytest.approx(1, abs=1e-9)
    assert np.abs(spins - spins[0]).max() > 1


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        ("positions", "has 12 operations .* 2 with a tenth and 12 with ten times"),
        ("moments", "has 16 operations .* 8 with a tenth and 16 with ten times"),
    ],
)
def test_both_tolerances_are_tried_in_both_directions(structure, expected):
    """An atom off by 3e-5 angstrom, moments that differ by 5e-3."""
    if structure == "positions":
        given = tellurium()
        positions = given.positions.copy()
        positions[0] += np.array([0.6, 0.48, 0.64]) * 3e-5 @ np.linalg.inv(given.lattice)
        given = replace(given, positions=positions)
    else:
        given = with_moments(cumnas(), [(0, 0, 3.60), (0, 0, -3.605), *4 * [(0, 0, 0)]])
    with pytest.warns(AccuracyWarning, match=expected):
        magnetic_group(given)


# Skewed cells


def sheared(rng, n, largest):
    """A unimodular matrix out of n shears, the last ones by 1."""
    N = np.eye(3, dtype=np.int64)
    for step in range(n):
        i, j = rng.permutation(3)[:2]
        N[i] += (int(rng.integers(2, largest)) if step < n - 2 else 1) * N[j]
    return N


@pytest.mark.parametrize("seed", range(12))
def test_short_vectors_of_a_skewed_cell(seed):
    """The same lattice and atoms in short vectors; whole numbers lead there and back."""
    rng = np.random.default_rng(seed)
    lattice = rng.normal(size=(3, 3)) + 4 * np.eye(3)
    N = sheared(rng, 6, 9)
    positions = rng.random((2, 3))
    skewed = Structure(N @ lattice, positions @ np.linalg.inv(N), np.array([1, 2]), np.zeros((2, 3)))
    short = unskewed(skewed)
    found = short.structure
    assert np.array_equal(short.M @ short.N, np.eye(3))
    assert short.M @ skewed.lattice == pytest.approx(found.lattice, abs=1e-9)
    assert found.positions @ found.lattice == pytest.approx(positions @ lattice, abs=1e-8)
    assert abs(np.linalg.det(found.lattice)) > THIN * np.prod(np.linalg.norm(found.lattice, axis=1))


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_the_longest_step_is_taken(unit):
    """Of all a_i - n a_j the one that shortens by most, in any unit of length; none where nothing is gained."""
    steps = 0
    for _ in range(40):
        lattice = unit * (RNG.normal(size=(3, 3)) + RNG.normal(size=(3, 1)) * [3, 1, 0])
        i, j, n = _shortening(lattice)
        lengths = (lattice**2).sum(axis=1)
        every = {
            (a, b, m): lengths[a] - ((lattice[a] - m * lattice[b]) ** 2).sum()
            for a in range(3)
            for b in range(3)
            for m in range(-40, 41)
            if a != b
        }
        best = max(every.values())
        if n == 0:
            assert best <= 1e-8 * lengths.max()
        else:
            steps += 1
            assert every[i, j, n] == pytest.approx(best, rel=1e-9, abs=0)
    assert steps > 20


# What spglib does not find


@pytest.mark.parametrize("found", [None, {"rotations": [], "translations": [], "time_reversals": []}])
def test_nothing_found_is_told(found, monkeypatch):
    monkeypatch.setattr(spglib, "get_magnetic_symmetry", lambda *cell, **tolerances: found)
    monkeypatch.setattr(spglib, "get_symmetry", lambda *cell, **tolerances: found)
    with pytest.raises(InputError, match="finds no magnetic symmetry with symprec"):
        magnetic_group(tellurium())
    with pytest.raises(InputError, match="finds no space group with symprec"):
        space_operations(tellurium())


def test_a_group_without_names_is_a_group(monkeypatch):
    def fails(*cell, **tolerances):
        raise RuntimeError("no name")

    expected = magnetic_group(tellurium())
    monkeypatch.setattr(spglib, "get_magnetic_symmetry_dataset", fails)
    monkeypatch.setattr(spglib, "get_spacegroup", fails)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AccuracyWarning)
        found = magnetic_group(tellurium())
    assert len(found.operations) == len(expected.operations) == 12
    assert (found.uni_number, found.bns_number, found.space_group) == (0, "not identified", "not identified")
    assert expected.space_group != "not identified"
