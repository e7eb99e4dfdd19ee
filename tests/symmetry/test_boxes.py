"""Axes along which operations permute boxes: how many do, for how many primitive cells, and that they are what they claim."""

from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from symmetry.structures import NONE, crystal, cumnas, hexagonal, iron, mn3sn, symmetric_models, tellurium

from wannier_spin import read_structure
from wannier_spin.symmetry import box_symmetry, magnetic_group

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")  # spglib is called here

BULK, SHEET = (True, True, True), (True, True, False)
FCC = 3.92 / 2 * (np.ones((3, 3)) - np.eye(3))
STRUCTURES = {
    "fcc": crystal(FCC, [(78, (0, 0, 0), NONE)]),
    "zincblende": crystal(FCC, [(31, (0, 0, 0), NONE), (33, (0.25, 0.25, 0.25), NONE)]),
    "simple cubic": crystal(np.eye(3), [(84, (0, 0, 0), NONE)]),
    "bcc": iron((0, 0, 0)),
    "bcc 001": iron((0, 0, 2.2)),
    "bcc 111": iron((1, 1, 1)),
    "hexagonal": crystal(hexagonal(2.5, 4.1), [(27, (1 / 3, 2 / 3, 0.25), NONE), (27, (2 / 3, 1 / 3, 0.75), NONE)]),
    "tellurium": tellurium(),
    "mn3sn": mn3sn(0.0),
    "cumnas": cumnas(),
    "square": symmetric_models()["rashba 4mm1'"][1],
    "honeycomb": symmetric_models()["kane_mele 6/mmm1'"][1],
    "triclinic": crystal([[1, 0.1, 0.2], [0.3, 1.4, 0.1], [0.1, 0.2, 1.9]], [(26, (0, 0, 0), (1, 2, 3))]),
}
N110 = np.array([1, 1, 0]) * 3.6 / np.sqrt(2)
MN2AU = [N110, -N110, NONE]
EXPECTED = [  # structure, periodic axes, operations of boxes, primitive cells that the axes cover
    ("fcc", BULK, 48, 2),
    ("zincblende", BULK, 48, 2),  # with time reversal
    ("simple cubic", BULK, 48, 1),
    ("bcc", BULK, 12, 1),  # the cube has 48, and 4 cells: no less to compute
    ("bcc 001", BULK, 16, 2),
    ("bcc 111", BULK, 12, 1),
    ("hexagonal", BULK, 8, 1),
    ("tellurium", BULK, 4, 1),
    ("mn3sn", BULK, 8, 1),
    ("cumnas", BULK, 4, 1),
    ("square", SHEET, 8, 1),
    ("honeycomb", SHEET, 4, 1),
    ("triclinic", BULK, 2, 1),
]


@cache
def operations_of(name):
    return magnetic_group(STRUCTURES[name]).point_operations


@cache
def symmetry_of(name, periodic):
    return box_symmetry(operations_of(name), periodic)


@pytest.mark.parametrize(("name", "periodic", "operations", "cells"), EXPECTED)
def test_operations_and_cells(name, periodic, operations, cells):
    found = symmetry_of(name, periodic)
    assert (len(found.signs), found.n_cells) == (operations, cells)
    assert round(abs(np.linalg.det(found.basis))) == cells


def test_platinum_and_mn2au(example_inputs: Path):
    """From their files: the cube of fcc; and the tetragonal cell of a body-centred antiferromagnet, moments along 110."""
    platinum = magnetic_group(read_structure(example_inputs / "Pt" / "Pt.win")).point_operations
    found = box_symmetry(platinum, BULK)
    assert (len(platinum), len(found.signs), found.n_cells) == (96, 48, 2)
    path = example_inputs / "Mn2Au" / "Mn2Au.win"
    for moments, *expected in ((MN2AU, 8, 2, 1), ([NONE] * 3, 32, 16, 2)):  # with moments P T is one of them, nothing to k
        mn2au = magnetic_group(read_structure(path, moments)).point_operations
        found = box_symmetry(mn2au, BULK)
        assert [len(mn2au), len(found.signs), found.n_cells] == expected


@pytest.mark.parametrize(("name", "periodic", "operations", "cells"), EXPECTED)
def test_they_really_map_k(name, periodic, operations, cells):
    """x'_i = signs_i x_permutations(i), k = x basis, is what operations of the crystal do to k, up to reciprocal vectors."""
    group = operations_of(name)
    found = symmetry_of(name, periodic)
    free = [axis for axis in range(3) if periodic[axis]]
    x = np.random.default_rng(0).uniform(-1, 1, (5, 3))
    x[:, [axis for axis in range(3) if not periodic[axis]]] = 0
    used = set()
    for permutation, sign in zip(found.permutations, found.signs, strict=True):
        assert sorted(permutation) == [0, 1, 2]
        assert set(np.abs(sign)) == {1}
        mapped = (sign * x[:, permutation]) @ found.basis
        same = [i for i, o in enumerate(group) if np.abs(o.act_on_k(x @ found.basis) - mapped)[:, free].max() < 1e-9]
        assert same, (permutation, sign)
        used |= {same[0]}
    assert len(used) == len(found.signs)  # each of them another one


@pytest.mark.parametrize(("name", "periodic", "operations", "cells"), EXPECTED)
def test_they_are_a_group(name, periodic, operations, cells):
    """With the identity, closed, no element twice."""
    found = symmetry_of(name, periodic)
    elements = {(*map(int, p), *map(int, s)) for p, s in zip(found.permutations, found.signs, strict=True)}
    assert len(elements) == len(found.signs)
    assert (0, 1, 2, 1, 1, 1) in elements
    for (*p, a, b, c), (*q, d, e, f) in product(elements, repeat=2):
        s, t = (a, b, c), (d, e, f)
        assert (*(p[i] for i in q), *(t[i] * s[q[i]] for i in range(3))) in elements


@pytest.mark.parametrize(("name", "periodic", "operations", "cells"), EXPECTED)
def test_equal_axes_and_the_vacuum(name, periodic, operations, cells):
    """Vectors along the vacuum stay what they are, and no operation mixes them with others."""
    found = symmetry_of(name, periodic)
    for axis in range(3):
        if not periodic[axis]:
            assert found.basis[axis].tolist() == found.basis[:, axis].tolist() == np.eye(3)[axis].tolist()
            assert (found.permutations[:, axis] == axis).all()
            assert (found.signs[:, axis] == 1).all()


def test_without_operations():
    """The primitive cell, and the identity."""
    for periodic in (BULK, SHEET, (False, True, False)):
        found = box_symmetry((), periodic)
        assert found.n_cells == 1
        assert found.permutations.tolist() == [[0, 1, 2]]
        assert found.signs.tolist() == [[1, 1, 1]]


def test_never_worse_than_the_primitive_cell():
    """Operations for each cell: at least those that permute primitive axes."""
    for name, periodic, _, _ in EXPECTED:
        group = operations_of(name)
        free = [axis for axis in range(3) if periodic[axis]]
        whole = [np.round(o.act_on_k(np.eye(3))).astype(int)[np.ix_(free, free)] for o in group]
        primitive = len({W.tobytes() for W in whole if (np.abs(W).sum(axis=0) == 1).all() and (np.abs(W).sum(axis=1) == 1).all()})
        found = symmetry_of(name, periodic)
        assert len(found.signs) / found.n_cells >= primitive >= 1
