"""Input and output of pw.x."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from wannier_spin.errors import InputError
from wannier_spin.readers import read_structure
from wannier_spin.readers.bravais import bravais_lattice
from wannier_spin.symmetry import magnetic_group
from wannier_spin.units import BOHR

FE = """&control
 calculation='scf', prefix = 'a=b/c'  ! a comment = with an equals sign
/
&SYSTEM
 ibrav=0, nat=1, ntyp=1, ecutwfc=40, noncolin=.true., lspinorb=.true.,
 starting_magnetization(1)=0.5, angle1(1)=90.0d0, angle2(1)=30
/
&electrons
/
ATOMIC_SPECIES
Fe 55.845 Fe.upf
CELL_PARAMETERS {angstrom}
 -1.435 1.435 1.435
 1.435 -1.435 1.435
 1.435 1.435 -1.435
ATOMIC_POSITIONS (crystal)
Fe 0 0 0
K_POINTS automatic
4 4 4 0 0 0
"""


def _read(tmp_path: Path, text: str):
    path = tmp_path / "x.in"
    path.write_text(text)
    return read_structure(path)


def test_moments_in_the_plane(tmp_path: Path) -> None:
    structure = _read(tmp_path, FE)
    np.testing.assert_allclose(structure.magnetic_moments, [[0.5 * np.sqrt(0.75), 0.25, 0]], atol=1e-12)
    assert not magnetic_group(structure).has_time_reversal
    along_x = magnetic_group(_read(tmp_path, FE.replace("angle2(1)=30", "angle2(1)=0")))
    assert (along_x.bns_number, len(along_x.point_operations)) == ("139.537", 16)


@pytest.mark.parametrize(
    ("old", "new", "moments"),
    [
        ("angle1(1)=90.0d0, angle2(1)=30", "angle1 = 0", [[0, 0, 0.5]]),
        ("noncolin=.true., lspinorb=.true.", "nspin = 2", [[0, 0, 0.5]]),
        ("noncolin=.true., lspinorb=.true.", "nspin = 1", [[0, 0, 0]]),
        ("starting_magnetization(1)=0.5, ", "", [[0, 0, 0]]),  # noncollinear without moments: pw.x keeps time reversal
    ],
)
def test_what_pw_makes_of_the_keywords(tmp_path: Path, old: str, new: str, moments: list[list[float]]) -> None:
    assert old in FE
    np.testing.assert_allclose(_read(tmp_path, FE.replace(old, new)).magnetic_moments, moments, atol=1e-12)


def test_species_of_one_element(tmp_path: Path) -> None:
    """An antiferromagnet with two species, in alat; the order of the species is not that of the atoms."""
    text = (
        "&system\n ibrav = 6, celldm(1) = 6.0, celldm(3) = 1.25, nspin = 2, nat = 3\n"
        " starting_magnetization(2) = 0.4, -0.4\n/\n"
        "ATOMIC_SPECIES\n O 16 O.upf\n Mn1 54.9 Mn.upf\n Mn2 54.9 Mn.upf\n"
        "ATOMIC_POSITIONS alat\n Mn2 1/2 0.5 0.0 0 0 0\n Mn1 0 0 0\n O 0 0 1.25*0.5\n"
    )
    structure = _read(tmp_path, text)
    assert structure.numbers.tolist() == [25, 25, 8]
    np.testing.assert_allclose(structure.lattice, 6.0 * BOHR * np.diag([1, 1, 1.25]))
    np.testing.assert_allclose(structure.positions, [[0.5, 0.5, 0], [0, 0, 0], [0, 0, 0.5]], atol=1e-12)
    np.testing.assert_allclose(structure.magnetic_moments, [[0, 0, -0.4], [0, 0, 0.4], [0, 0, 0]])


@pytest.mark.parametrize(
    ("unit", "position"),
    [("bohr", "3 0 0"), ("angstrom", f"{3 * BOHR} 0 0"), ("alat", "0.5 0 0"), ("", "0.5 0 0"), ("crystal", ".5 0 0")],
)
def test_units_of_positions(tmp_path: Path, unit: str, position: str) -> None:
    text = f"&system\n ibrav=1, A={6 * BOHR}\n/\nATOMIC_SPECIES\nFe 1 x\nATOMIC_POSITIONS {unit}\nFe {position}\n"
    np.testing.assert_allclose(_read(tmp_path, text).positions, [[0.5, 0, 0]], atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ibrav=0, ", "", "has no ibrav"),
        ("ibrav=0", "ibrav=77, celldm(1)=5", "knows no ibrav = 77"),
        ("ibrav=0", "ibrav=4, celldm(1)=5", "needs celldm"),
        ("ibrav=0", "ibrav=14, celldm(1)=5,1,1,0.9,-0.9,0.9", "makes no cell"),
        ("{angstrom}", "", None),  # bohr
        ("{angstrom}", "{alat}", r"alat needs celldm\(1\)"),
        ("Fe 0 0 0\n", "FIRST_IMAGE\nFe 0 0 0\n", "after ATOMIC_POSITIONS, found 'FIRST_IMAGE'"),
        ("(crystal)", "(crystal_sg)", "expected alat, bohr, angstrom or crystal"),
        ("Fe 0 0 0", "Fe 0 0 nan", "no finite number"),
        ("Fe 0 0 0", "Fe2 0 0 0", "not among the ATOMIC_SPECIES"),
        ("noncolin=.true., lspinorb=.true.,\n starting_magnetization(1)=0.5", "nspin=2", "moments of the atoms are not known"),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    assert old in FE
    text = FE.replace(old, new)
    if message is None:
        np.testing.assert_allclose(_read(tmp_path, text).lattice[0], np.array([-1, 1, 1]) * 1.435 * BOHR)
        return
    with pytest.raises(InputError, match=message):
        _read(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("angle2(1)=30\n/", "angle2(1)=30\n &end"),
        ("angle2(1)=30\n/", "angle2(1)=30 /&end"),
        ("ecutwfc=40", "ecutwfc=40, title = '/scratch/a=1,!b', assume_isolated = \"x/y\""),
        ("{angstrom}", "(angstrom= 1.0)"),
        ("(crystal)", "{ Crystal }"),
    ],
)
def test_other_ways_to_write_the_same(tmp_path: Path, old: str, new: str) -> None:
    assert old in FE
    same, structure = _read(tmp_path, FE), _read(tmp_path, FE.replace(old, new))
    for name in ("lattice", "positions", "magnetic_moments"):
        np.testing.assert_array_equal(getattr(structure, name), getattr(same, name))


@pytest.mark.parametrize("word", ["cubic", "hexagonal", ""])
def test_cell_parameters_without_a_unit(tmp_path: Path, word: str) -> None:
    """pw.x passes over words that it does not know: alat where there is one, else bohr."""
    text = FE.replace("{angstrom}", word)
    np.testing.assert_allclose(_read(tmp_path, text).lattice[0], np.array([-1, 1, 1]) * 1.435 * BOHR)
    with_alat = _read(tmp_path, text.replace("ibrav=0", "ibrav=0, celldm(1)=2.0"))
    np.testing.assert_allclose(with_alat.lattice[0], np.array([-1, 1, 1]) * 1.435 * 2 * BOHR)


def test_moments_that_the_input_leaves_open_do_not_matter_to_who_knows_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="moments of the atoms are not known"):
        _read(tmp_path, FE.replace("noncolin=.true., lspinorb=.true.,\n starting_magnetization(1)=0.5", "nspin=2"))
    assert read_structure(tmp_path / "x.in", [2.2]).magnetic_moments.tolist() == [[0, 0, 2.2]]


# --- lattices: the metric that each Bravais lattice must have, from its lengths and angles alone ---------------

A, B, C = 5.0, 6.5, 8.0
COSINES = np.array([0.1, 0.2, 0.3])  # of alpha, beta, gamma
CONVENTIONAL = {"P": [], "I": [(0.5, 0.5, 0.5)], "F": [(0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]}
CONVENTIONAL |= {"A": [(0, 0.5, 0.5)], "B": [(0.5, 0, 0.5)], "C": [(0.5, 0.5, 0)]}
CASES = {  # ibrav: lengths, cosines of alpha, beta, gamma, centring
    **{
        1: ((A, A, A), (0, 0, 0), "P"),
        2: ((A, A, A), (0, 0, 0), "F"),
        3: ((A, A, A), (0, 0, 0), "I"),
        -3: ((A, A, A), (0, 0, 0), "I"),
    },
    **{4: ((A, A, C), (0, 0, -0.5), "P"), 6: ((A, A, C), (0, 0, 0), "P"), 7: ((A, A, C), (0, 0, 0), "I")},
    **{8: ((A, B, C), (0, 0, 0), "P"), 9: ((A, B, C), (0, 0, 0), "C"), -9: ((A, B, C), (0, 0, 0), "C")},
    **{91: ((A, B, C), (0, 0, 0), "A"), 10: ((A, B, C), (0, 0, 0), "F"), 11: ((A, B, C), (0, 0, 0), "I")},
    **{12: ((A, B, C), (0, 0, 0.3), "P"), -12: ((A, B, C), (0, 0.2, 0), "P"), 13: ((A, B, C), (0, 0, 0.3), "B")},
    **{-13: ((A, B, C), (0, 0.2, 0), "C"), 14: ((A, B, C), tuple(COSINES), "P")},
}


@pytest.mark.parametrize("ibrav", CASES)
def test_bravais_lattices(ibrav: int) -> None:
    """The primitive vectors are lattice vectors of the conventional cell, and span a cell of the right volume."""
    lengths, cosines, centring = CASES[ibrav]
    celldm = np.array([A, B / A, C / A, 0, 0, 0])
    celldm[3:] = COSINES if ibrav == 14 else (cosines[2] if ibrav > 0 else 0, cosines[1] if ibrav < 0 else 0, 0)
    lattice = bravais_lattice(ibrav, celldm, Path("x"))
    metric = np.diag(lengths) @ np.array([[1, cosines[2], cosines[1]], [cosines[2], 1, cosines[0]], [cosines[1], cosines[0], 1]])
    metric = metric @ np.diag(lengths)
    centres = CONVENTIONAL[centring]
    assert np.linalg.det(lattice) == pytest.approx(np.sqrt(np.linalg.det(metric)) / (len(centres) + 1))
    points = [np.add(n, c) for n in itertools.product(range(-2, 3), repeat=3) for c in [(0, 0, 0), *centres]]
    allowed = np.sort([p @ metric @ p for p in points])
    spanned = [n @ lattice @ lattice.T @ n for n in map(np.array, itertools.product(range(-3, 4), repeat=3))]
    near = 1.01 * A**2
    np.testing.assert_allclose(np.sort([x for x in spanned if x < near]), allowed[allowed < near], atol=1e-9)


@pytest.mark.parametrize("ibrav", [5, -5])
def test_trigonal_lattices(ibrav: int) -> None:
    lattice = bravais_lattice(ibrav, np.array([A, 0, 0, 0.3, 0, 0]), Path("x"))
    np.testing.assert_allclose(lattice @ lattice.T, A**2 * (0.7 * np.eye(3) + 0.3), atol=1e-12)
    assert np.linalg.det(lattice) > 0
    axis = lattice.sum(axis=0) / np.linalg.norm(lattice.sum(axis=0))
    np.testing.assert_allclose(axis, [0, 0, 1] if ibrav == 5 else np.ones(3) / np.sqrt(3), atol=1e-12)


# --- output -----------------------------------------------------------------------------------------------------

HEAD = """
     Program PWSCF v.7.2 starts on  1Jan2024 at  0: 0: 0
     bravais-lattice index     =            0
     lattice parameter (alat)  =       5.0000  a.u.
     crystal axes: (cart. coord. in units of alat)
               a(1) = (   1.000000   0.000000   0.000000 )
               a(2) = (   0.000000   1.000000   0.000000 )
               a(3) = (   0.000000   0.000000   1.500000 )
     reciprocal axes: (cart. coord. in units 2 pi/alat)
               b(1) = (  1.000000  0.000000  0.000000 )
   Cartesian axes

     site n.     atom                  positions (alat units)
         1        Fe1    tau(   1) = (   0.0000000   0.0000000   0.0000000  )
         2        Fe2    tau(   2) = (   0.5000000   0.5000000   0.7500000  )

   Crystallographic axes
         1        Fe1    tau(   1) = (  0.0000000  0.0000000  0.0000000  )
         2        Fe2    tau(   2) = (  0.5000000  0.5000000  0.5000000  )

     number of k points=    10
"""
COLLINEAR = """
     Starting magnetic structure
     Magnetic moment per site  (integrated on atomic sphere of radius R)
     atom   1 (R=0.357)  charge=  6.0000  magn=  9.0000
     atom   2 (R=0.357)  charge=  6.0000  magn= -9.0000
     Magnetic moment per site  (integrated on atomic sphere of radius R)
     atom   1 (R=0.357)  charge=  6.0000  magn=  2.1000
     atom   2 (R=0.357)  charge=  6.0000  magn= -2.1000
"""
NONCOLLINEAR = """
     Noncollinear calculation with spin-orbit
     atom number    1 relative position :    0.0000   0.0000   0.0000
     charge :     5.803  (integrated on a sphere of radius 0.219)
     magnetization :          2.100000    0.000000    0.300000
     magnetization/charge:    0.361000    0.000000    0.050000
     atom number    2 relative position :    0.5000   0.5000   0.7500
     charge :     5.803  (integrated on a sphere of radius 0.219)
     magnetization :         -2.100000    0.000000    0.300000
"""


@pytest.mark.parametrize(
    ("text", "moments"),
    [(COLLINEAR, [[0, 0, 2.1], [0, 0, -2.1]]), (NONCOLLINEAR, [[2.1, 0, 0.3], [-2.1, 0, 0.3]]), ("", [[0, 0, 0], [0, 0, 0]])],
)
def test_output(tmp_path: Path, text: str, moments: list[list[float]]) -> None:
    structure = _read(tmp_path, HEAD + text)
    np.testing.assert_allclose(structure.lattice, 5 * BOHR * np.diag([1, 1, 1.5]))
    np.testing.assert_allclose(structure.positions, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-9)
    np.testing.assert_allclose(structure.magnetic_moments, moments)


def test_output_of_a_relaxation(tmp_path: Path) -> None:
    last = (
        "CELL_PARAMETERS (alat=  5.00000000)\n   2.0 0.0 0.0\n   0.0 1.0 0.0\n   0.0 0.0 1.5\n\n"
        "ATOMIC_POSITIONS (crystal)\nFe1 0.1 0.0 0.0\nFe2 0.5 0.5 0.4  0 0 1\nEnd final coordinates\n"
    )
    structure = _read(tmp_path, HEAD + COLLINEAR + last)
    np.testing.assert_allclose(structure.lattice, 5 * BOHR * np.diag([2, 1, 1.5]))
    np.testing.assert_allclose(structure.positions, [[0.1, 0, 0], [0.5, 0.5, 0.4]], atol=1e-9)


def test_output_of_a_relaxation_of_the_cell(tmp_path: Path) -> None:
    """At its end pw.x starts once more in the cell that it found, and lists cell and atoms again; old versions say a_0."""
    again = HEAD.replace("1.500000 )", "1.600000 )").replace("0.7500000  )", "0.8000000  )").partition("bravais-lattice")[2]
    step = "CELL_PARAMETERS (alat=  5.00000000)\n   2.0 0.0 0.0\n   0.0 1.0 0.0\n   0.0 0.0 1.5\n\n"
    for text in (HEAD + step + again + COLLINEAR, (HEAD + step + again + COLLINEAR).replace("alat", "a_0")):
        structure = _read(tmp_path, text)
        np.testing.assert_allclose(structure.lattice, 5 * BOHR * np.diag([1, 1, 1.6]))
        np.testing.assert_allclose(structure.positions, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-9)
        np.testing.assert_allclose(structure.magnetic_moments, [[0, 0, 2.1], [0, 0, -2.1]])


def test_output_of_a_relaxation_that_was_stopped(tmp_path: Path) -> None:
    """The last list of positions is not whole: those of the step before count. A list with a label lost is none."""
    step = "ATOMIC_POSITIONS (crystal)\nFe1 0.1 0.0 0.0\nFe2 0.5 0.5 0.4\n\n"
    for rest in ("ATOMIC_POSITIONS (crystal)\nFe1 0.2 0.0 0.0\n", "ATOMIC_POSITIONS (crystal)\n0.2 0.0 0.0\nFe2 0.5 0.5 0.4\n"):
        np.testing.assert_allclose(_read(tmp_path, HEAD + COLLINEAR + step + rest).positions, [[0.1, 0, 0], [0.5, 0.5, 0.4]])


@pytest.mark.parametrize("flat", ["CELL_PARAMETERS {angstrom}\n 1 0 0\n 0 1 0\n 1 1 0\n", "a(3) = (   1.0   1.0   0.0 )"])
def test_lattice_vectors_that_span_nothing(tmp_path: Path, flat: str) -> None:
    text = HEAD.replace("a(3) = (   0.000000   0.000000   1.500000 )", flat)
    if flat.startswith("CELL"):
        text = re.sub(r"CELL_PARAMETERS(.*\n){4}", flat, FE)
    with pytest.raises(InputError, match="span a volume of .* they are no cell"):
        _read(tmp_path, text)


def test_output_without_moments(tmp_path: Path) -> None:
    text = HEAD + "     Starting magnetic structure\n"
    with pytest.raises(InputError, match="does not print a moment for each of its 2 atoms"):
        _read(tmp_path, text)
    assert read_structure(tmp_path / "x.in", [1.0, -1.0]).magnetic_moments[:, 2].tolist() == [1.0, -1.0]
    with pytest.raises(InputError, match="is it a whole output of pw.x"):
        _read(tmp_path, "     Program PWSCF v.7.2\n")
