"""Magnetic CIF: hand-made files of known groups, and one for every kind of group of spglib's database."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers import read_structure
from wannier_spin.symmetry import MagneticGroup, group_from_database, magnetic_group
from wannier_spin.symmetry.operations import Operation

Real = NDArray[np.float64]
SPECIES = ("Fe", "O", "Se")

# Two atoms at z and -z in one orbit, moments along y that PT ties: what is left of P4/nmm holds PT, but neither P nor T.
ORTHORHOMBIC = """data_test
_cell_length_a 3.82
_cell_length_b 3.82
_cell_length_c 6.318
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 -x,-y,-z,-1
3 x+1/2,-y,-z,+1
4 -x+1/2,y,z,-1
5 -x,y+1/2,-z,-1
6 x,-y+1/2,z,+1
7 -x+1/2,-y+1/2,z,-1
8 x+1/2,y+1/2,-z,+1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cu1 Cu 0.75 0.25 0.0
Mn1 Mn 0.25 0.25 0.33
As1 As 0.25 0.25 0.734
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_x
_atom_site_moment.crystalaxis_y
_atom_site_moment.crystalaxis_z
Mn1 0.0 3.6(1) 0.0
"""

# A layer of Mn3Sn's kind: Mn at (x, 2x) with moments (m, 2m) along unit axes at 120 degrees.
HEXAGONAL = """data_test
_cell_length_a 5.67
_cell_length_b 5.67
_cell_length_c 4.53
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
loop_
_space_group_symop_magn_operation_xyz
x,y,z,+1
-y,x-y,z,+1
-x+y,-x,z,+1
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mn1 0.8388 0.6776 0.25
loop_
_atom_site_moment_label
_atom_site_moment_crystalaxis_x
_atom_site_moment_crystalaxis_y
_atom_site_moment_crystalaxis_z
Mn1 1.732 3.464 0.5
"""


def _written(tmp_path: Path, text: str, name: str = "x.mcif") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["x.mcif", "x.cif"])
def test_the_orbit_carries_its_moments(tmp_path: Path, name: str) -> None:
    structure = read_structure(_written(tmp_path, ORTHORHOMBIC, name))
    assert structure.numbers.tolist() == [29, 29, 25, 25, 33, 33]
    np.testing.assert_allclose(structure.magnetic_moments[2:4], [[0, 3.6, 0], [0, -3.6, 0]], atol=1e-12)
    assert not structure.magnetic_moments[[0, 1, 4, 5]].any()
    np.testing.assert_allclose(structure.positions[2:4], [[0.25, 0.25, 0.33], [0.75, 0.75, 0.67]])
    group = magnetic_group(structure)
    assert (group.bns_number, group.has_inversion, group.has_time_reversal, group.has_pt) == ("59.407", False, False, True)


def test_moments_along_unit_axes_of_a_hexagonal_cell(tmp_path: Path) -> None:
    """(m, 2m) on unit axes at 120 degrees is perpendicular to a: 2 m sin 120 along y; axes of length a would scale it."""
    structure = read_structure(_written(tmp_path, HEXAGONAL))
    moments = structure.magnetic_moments
    np.testing.assert_allclose(moments[0], [0, 2 * 1.732 * np.sqrt(3) / 2, 0.5], atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(moments, axis=1), np.linalg.norm(moments[0]))
    angle = np.rad2deg(np.arctan2(moments[:, 1], moments[:, 0]))
    np.testing.assert_allclose(np.sort(angle % 360), [90, 210, 330], atol=0.1)
    assert not any(op.time_reversal and np.allclose(op.rotation, np.eye(3)) for op in magnetic_group(structure).operations)


def test_cartesian_moments(tmp_path: Path) -> None:
    text = HEXAGONAL.replace("moment_crystalaxis", "moment_Cartn").replace("1.732 3.464 0.5", "0.3 3.0 0.5")
    np.testing.assert_allclose(read_structure(_written(tmp_path, text)).magnetic_moments[0], [0.3, 3.0, 0.5])


def test_centring_translations_may_reverse_time(tmp_path: Path) -> None:
    text = HEXAGONAL + "loop_\n_space_group_symop_magn_centering.xyz\nx,y,z,+1\nx,y,z+1/2,-1\n"
    structure = read_structure(_written(tmp_path, text))
    assert len(structure.numbers) == 6
    np.testing.assert_allclose(structure.magnetic_moments[3:], -structure.magnetic_moments[:3])
    assert magnetic_group(structure).has_time_reversal


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Mn1 0.0 3.6(1) 0.0", "Mn1 1.0 3.6 0.0", "leave the atom 'Mn1' where it is"),
        ("Mn1 0.0 3.6(1) 0.0", "Mn9 0.0 3.6 0.0", "'Mn9', which is not among its atoms"),
        ("Mn1 0.0 3.6(1) 0.0", "Mn1 0.0 ? 0.0", "expected a finite number"),
        ("Mn1 0.0 3.6(1) 0.0", "Mn1 0.0 0.0 0.0", "there must be moments, and it has none"),
        ("_atom_site_moment.crystalaxis", "_atom_site_moment.spherical", "which cannot be read"),
        ("3.82", "nan", "_cell_length_a is 'nan'"),
        ("_cell_angle_gamma 90", "_cell_angle_gamma 190", "make no unit cell"),
        ("_space_group_symop_magn_operation.xyz", "_space_group_symop_magn_operation.other", "without the magnetic operations"),
        ("5 -x,y+1/2,-z,-1", "5 -x,y+1/2,-z", "should read like"),
        ("5 -x,y+1/2,-z,-1", "5 -x,y+1/7,-z,-1", "cannot be read"),
        ("5 -x,y+1/2,-z,-1", "5 -x,-x+1/2,-z,-1", "is no rotation"),
        ("As1 As 0.25 0.25 0.734", "As1 As 0.25 0.25 0.3301", "angstrom apart"),
        ("As1 As", "Mn1 As", "two atoms of one label"),
        ("data_test", "data_test\n_cell_wave_vector_x 0.31", "modulated"),
        ("_cell_length_a", "_cell_length_q", "no data block with"),
    ],
)
def test_what_cannot_be_understood_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ORTHORHOMBIC
    with pytest.raises(InputError, match=message):
        read_structure(_written(tmp_path, ORTHORHOMBIC.replace(old, new)))


# --- groups of the database -----------------------------------------------------------------------------------


# --- not magnetic -----------------------------------------------------------------------------------------------------------

PLAIN = """data_made
_chemical_formula_sum 'Ti O2'
_chemical_formula_sum 'O2 Ti'
_cell_length_a 4.6
_cell_length_b 4.6
_cell_length_c 2.95
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
{}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ti Ti4+ 0 0 0 1.0
O O2- 0.305(1) 0.305(1) 0 .
O O2- 0.1 0.2 0.3 0
"""
RUTILE = """loop_
_symmetry_equiv_pos_as_xyz
x,y,z
-x,-y,z
'-y+1/2,x+1/2,z+1/2'
'y+0.5, -x+0.5, z+0.5'
-x+1/2,y+1/2,-z+1/2
x+1/2,-y+1/2,-z+1/2
y,x,-z
-y,-x,-z
-x,-y,-z
x,y,-z
1/2+y,1/2-x,1/2-z
1/2-y,1/2+x,1/2-z
1/2+x,1/2-y,1/2+z
1/2-x,1/2+y,1/2+z
-y,-x,z
y,x,z
"""


@pytest.mark.parametrize(
    "group",
    [
        RUTILE,
        "_symmetry_space_group_name_H-M 'P 42/m n m'\n" + RUTILE,  # a name of before 1983, which does not matter
        "_space_group_name_H-M_alt 'P 42/m n m'\n",
    ],
)
def test_a_crystal_that_is_not_magnetic(group: str, tmp_path: Path) -> None:
    """Operations as they are listed, else those of the group; a place that is empty is left out; other items may stand twice."""
    structure = read_structure(_written(tmp_path, PLAIN.format(group), "x.cif"))
    assert sorted(structure.numbers.tolist()) == [8, 8, 8, 8, 22, 22]
    np.testing.assert_allclose(structure.lattice, np.diag([4.6, 4.6, 2.95]), atol=1e-12)
    assert magnetic_group(structure).bns_number == "136.496"
    oxygen = structure.positions[structure.numbers == 8]
    expected = [[0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]]
    np.testing.assert_allclose(oxygen[np.lexsort(oxygen.T)], sorted(expected, key=lambda r: r[::-1]), atol=1e-9)


def test_without_a_group_the_file_has_all_atoms(tmp_path: Path) -> None:
    structure = read_structure(_written(tmp_path, PLAIN.format("_symmetry_space_group_name_H-M ?"), "x.cif"))
    assert structure.numbers.tolist() == [22, 8]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0 0 0 1.0", "0 0 0 0.8", "place of 'Ti' is occupied by 0.8"),
        ("data_made\n", "data_made\n_cell_length_a 4.7\n", "'_cell_length_a' twice, with different values"),
        ("'Ti O2'", "Ti O2", "line 2 cannot be read: '_chemical_formula_sum Ti O2'"),
        (RUTILE, "_symmetry_space_group_name_H-M 'F d -3 m'\n", "'F d -3 m', which has two origins"),
        (RUTILE, "_symmetry_space_group_name_H-M 'Q 4'\n", "'Q 4', which is not known"),
        ("O O2- 0.1 0.2 0.3 0", "O O2- 0.31 0.31 0 1", "angstrom apart"),
        ("Ti Ti4+ 0 0 0 1.0\nO O2- 0.305(1) 0.305(1) 0 .\nO O2- 0.1 0.2 0.3 0\n", "", "lacks a table of atoms"),
        ("Ti Ti4+ 0 0 0 1.0\nO O2- 0.305(1) 0.305(1) 0 .\n", "", "has no atom"),
        ("O O2- 0.1 0.2 0.3 0\n", "O O2- 0.1\n", "is no CIF: line"),  # cut off: the line that is named is behind the last
    ],
)
def test_what_is_no_crystal_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = PLAIN.format(RUTILE)
    assert old in text
    with pytest.raises(InputError, match=message):
        read_structure(_written(tmp_path, text.replace(old, new, 1), "x.cif"))


# --- all magnetic space groups -----------------------------------------------------------------------------------------------


def _fraction(x: float) -> str:
    numerator = round(24 * x)
    assert abs(24 * x - numerator) < 1e-6
    return f"{numerator:+d}/24" if numerator else ""


def _xyz(operation: Operation) -> str:
    rows = []
    for row, shift in zip(operation.reduced.tolist(), operation.translation, strict=True):
        rows.append("".join(f"{'+' if n > 0 else '-'}{axis}" for n, axis in zip(row, "xyz", strict=True) if n) + _fraction(shift))
    return ",".join(rows) + (",-1" if operation.time_reversal else ",+1")


def _is_grey(operations: Sequence[Operation]) -> bool:
    identity = np.eye(3, dtype=int)
    return any(op.time_reversal and (op.reduced == identity).all() and not op.translation.any() for op in operations)


def _apart(operations: Sequence[Operation], lattice: Real, generator: np.random.Generator) -> Real:
    """Three general positions whose images are not close to one another."""
    W, w = np.array([op.reduced for op in operations]), np.array([op.translation for op in operations])
    grey = 2 if _is_grey(operations) else 1
    for _ in range(1000):
        places = generator.random((len(SPECIES), 3))
        images = np.unique(np.round((np.einsum("gij,sj->sgi", W, places) + w).reshape(-1, 3) % 1.0, 9), axis=0)
        apart = images[:, None] - images[None]
        distance = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=-1)
        if len(images) == len(SPECIES) * len(operations) // grey and np.sort(distance, axis=1)[:, 1].min() > 0.2:
            return places
    raise AssertionError("no place for the atoms")


def magnetic_cif(operations: Sequence[Operation], generator: np.random.Generator) -> str:
    """A crystal of three kinds of atoms in general positions, in a lattice of the group and in no better one."""
    root = generator.normal(size=(3, 3)) + 2 * np.eye(3)
    metric = np.mean([op.reduced.T @ root @ root.T @ op.reduced for op in operations], axis=0)
    metric *= (12.0 / np.linalg.det(metric) ** (1 / 6)) ** 2
    lengths = np.sqrt(np.diag(metric))
    cosines = [metric[i, j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    cell = [f"_cell_length_{n} {x:.8f}" for n, x in zip("abc", lengths, strict=True)]
    cell += [f"_cell_angle_{n} {np.rad2deg(np.arccos(x)):.8f}" for n, x in zip(("alpha", "beta", "gamma"), cosines, strict=True)]
    symops = ["loop_", "_space_group_symop_magn_operation.xyz", *map(_xyz, operations)]
    atoms = ["loop_", "_atom_site_label", "_atom_site_type_symbol", *(f"_atom_site_fract_{x}" for x in "xyz")]
    places = _apart(operations, np.linalg.cholesky(metric), generator)
    atoms += [f"{s}1 {s} " + " ".join(f"{x:.6f}" for x in place) for s, place in zip(SPECIES, places, strict=True)]
    moments = ["loop_", "_atom_site_moment.label", *(f"_atom_site_moment.crystalaxis_{x}" for x in "xyz")]
    size = 0.0 if _is_grey(operations) else 1.0
    moments += [f"{s}1 " + " ".join(f"{size * x:.6f}" for x in generator.normal(size=3)) for s in SPECIES[:2]]
    return "\n".join(["data_made", *cell, *symops, *atoms, *moments, ""])


def _group_read_back(uni_number: int, tmp_path: Path) -> tuple[MagneticGroup, tuple[Operation, ...]]:
    operations = group_from_database(uni_number)
    text = magnetic_cif(operations, np.random.default_rng(uni_number))
    return magnetic_group(read_structure(_written(tmp_path, text))), operations


def _check_groups(numbers: Sequence[int], tmp_path: Path) -> None:
    wrong = {}
    for number in numbers:
        group, operations = _group_read_back(number, tmp_path)
        if group.uni_number != number or len(group.operations) != len(operations):
            wrong[number] = (group.uni_number, len(group.operations), len(operations))
    assert not wrong


def test_groups_of_every_crystal_system(tmp_path: Path) -> None:
    """Types I to IV of triclinic to cubic groups."""
    _check_groups([1, 2, 3, 5, 7, 19, 66, 140, 230, 505, 744, 800, 950, 1101, 1197, 1258, 1331, 1400, 1508, 1560, 1612], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(5))
def test_groups_of_the_database(tmp_path: Path, first: int) -> None:
    """Every fifth of the 1651 groups together with its fellows: all of them in five tests."""
    _check_groups(range(1 + first, 1652, 5), tmp_path)
