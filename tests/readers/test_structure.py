"""Structures from .win and through ase."""

from pathlib import Path

import numpy as np
import pytest

from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.readers import read_structure
from wannier_spin.readers.structure import SYMBOLS
from wannier_spin.readers.vasp import outcar_moments, vasprun_moments

BOHR = 0.529177210903


def test_mn2au_of_the_examples(example_inputs: Path) -> None:
    structure = read_structure(example_inputs / "Mn2Au" / "Mn2Au.win")
    assert structure.numbers.tolist() == [25, 25, 79]
    np.testing.assert_allclose(structure.positions, [[0, 0.335, 0.335], [0, -0.335, -0.335], [0, 0, 0]])
    np.testing.assert_allclose(np.linalg.norm(structure.lattice[0]) ** 2, (3.328**2 * 2 + 8.539**2) / 4)
    assert not structure.magnetic_moments.any()


def test_cartesian_atoms_in_bohr(tmp_path: Path) -> None:
    path = tmp_path / "x.win"
    path.write_text(
        "BEGIN unit_cell_cart\nbohr\n4 0 0\n0 4.0D0 0\n0 0 8\nEND unit_cell_cart\n"
        "begin atoms_cart\nAng\nFe1 0.0 0.0 0.0 # comment\nmn_up 0 0 2.1167088436\nend atoms_cart\n"
    )
    structure = read_structure(path, magnetic_moments=[2.0, -1.0])
    np.testing.assert_allclose(structure.lattice, BOHR * np.diag([4.0, 4.0, 8.0]))
    np.testing.assert_allclose(structure.positions[1], [0, 0, 0.5], atol=1e-9)
    assert structure.numbers.tolist() == [26, 25]
    assert structure.magnetic_moments.tolist() == [[0, 0, 2.0], [0, 0, -1.0]]


def test_ase_formats_and_their_moments(tmp_path: Path) -> None:
    ase = pytest.importorskip("ase")
    io = pytest.importorskip("ase.io")
    atoms = ase.Atoms("FeO", cell=np.diag([3.0, 3.0, 4.0]), scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], pbc=True)
    atoms.set_initial_magnetic_moments([2.5, 0.0])
    for name in ("x.cif", "POSCAR", "x.traj"):
        io.write(tmp_path / name, atoms)
        structure = read_structure(tmp_path / name)
        np.testing.assert_allclose(structure.lattice, np.diag([3.0, 3.0, 4.0]), atol=1e-9)
        np.testing.assert_allclose(structure.positions, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-9)
        assert structure.numbers.tolist() == [26, 8]
    assert structure.magnetic_moments.tolist() == [[0, 0, 2.5], [0, 0, 0]]  # of the last: x.traj carries them


def test_deuterium_is_hydrogen(tmp_path: Path) -> None:
    path = tmp_path / "x.win"
    path.write_text(
        "begin unit_cell_cart\n3 0 0\n0 3 0\n0 0 3\nend unit_cell_cart\nbegin atoms_frac\nD 0 0 0\nDy 0 0 0.5\nend atoms_frac\n"
    )
    assert read_structure(path).numbers.tolist() == [1, 66]


def test_symbols_are_those_of_ase() -> None:
    data = pytest.importorskip("ase.data")
    assert list(SYMBOLS) == data.chemical_symbols[1 : len(SYMBOLS) + 1]


@pytest.mark.parametrize("moments", [[1.0, 2.0], [[0, 0]], "up", [[0, 0, np.nan]] * 3])
def test_wrong_moments(example_inputs: Path, moments: object) -> None:
    with pytest.raises(InputError, match="moments"):
        read_structure(example_inputs / "Mn2Au" / "Mn2Au.win", moments)  # type: ignore[arg-type]


def test_unknown_symbol(tmp_path: Path) -> None:
    path = tmp_path / "x.win"
    path.write_text("begin unit_cell_cart\n1 0 0\n0 1 0\n0 0 1\nend unit_cell_cart\nbegin atoms_frac\nXq 0 0 0\nend atoms_frac\n")
    with pytest.raises(InputError, match="'Xq' is no chemical symbol"):
        read_structure(path)


# --- moments of VASP ------------------------------------------------------------------------------------------

POSCAR = "Fe and O\n1.0\n3 0 0\n0 3 0\n0 0 4\nFe O\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


def _poscar(tmp_path: Path, incar: str) -> Path:
    (tmp_path / "INCAR").write_text(incar)
    path = tmp_path / "POSCAR"
    path.write_text(POSCAR)
    return path


@pytest.mark.parametrize(
    ("incar", "moments"),
    [
        ("ISPIN = 2 ; MAGMOM = 2.5 -0.5 # a comment", [[0, 0, 2.5], [0, 0, -0.5]]),
        ("ISPIN = 2\nMAGMOM = 2*1.5", [[0, 0, 1.5], [0, 0, 1.5]]),
        ("ISPIN = 2 (spin polarized)\nMAGMOM = 1*1.5d0 -.5 (AFM; see notes)\nISPIN = 2\n", [[0, 0, 1.5], [0, 0, -0.5]]),
        ("ISPIN = 1\nMAGMOM = 2*1.5", [[0, 0, 0], [0, 0, 0]]),  # VASP does not look at it
        ("ENCUT = 500", [[0, 0, 0], [0, 0, 0]]),
        ("LNONCOLLINEAR = .TRUE.\nMAGMOM = 1 2 3 \\\n 3*0", [[1, 2, 3], [0, 0, 0]]),
        ("LSORBIT = T\nSAXIS = 1 0 0\nMAGMOM = 0 0 2 0 1 0", [[2, 0, 0], [0, 1, 0]]),
        ("LSORBIT = T\nSAXIS = 0 1 0\nMAGMOM = 0 0 2 1 0 0", [[0, 2, 0], [0, 0, -1]]),
        ("LSORBIT = T\nSAXIS = 1 1 0\nMAGMOM = 0 0 2 0 1 0", [[2**0.5, 2**0.5, 0], [-(0.5**0.5), 0.5**0.5, 0]]),
    ],
)
def test_moments_beside_a_poscar(tmp_path: Path, incar: str, moments: list[list[float]]) -> None:
    np.testing.assert_allclose(read_structure(_poscar(tmp_path, incar)).magnetic_moments, moments, atol=1e-12)


def test_a_folder_is_no_structure(tmp_path: Path) -> None:
    """It was called missing."""
    with pytest.raises(InputError, match="is a folder, with nothing in it; expected a structure file"):
        read_structure(tmp_path)
    _poscar(tmp_path, "")
    with pytest.raises(InputError, match="is a folder, with .*'POSCAR'"):
        read_structure(tmp_path)


@pytest.mark.parametrize(
    ("incar", "message"),
    [
        ("ISPIN = 2", "has no MAGMOM"),
        ("ISPIN = 2\nMAGMOM = 1 2 3", "MAGMOM has 3 numbers; 2 atoms of a collinear calculation need 2"),
        ("LSORBIT = T\nMAGMOM = 1 2", "MAGMOM has 2 numbers; 2 atoms of a noncollinear calculation need 6"),
        ("ISPIN = 2\nMAGMOM = up down", "MAGMOM has 0 numbers and then 'up down'"),
        ("ISPIN = 2\nMAGMOM = 1 2*x", r"MAGMOM has 1 numbers and then '2\*x'"),
        ("ISPIN = 2\nMAGMOM = 1 2\nLDAU = T\nMAGMOM = 2*1", "has MAGMOM twice, '1 2' and '2\\*1'"),
        ("LSORBIT = T\nMAGMOM = 6*1\nlsorbit = F", "has LSORBIT twice"),
        ("LSORBIT = T\nMAGMOM = 6*1\nSAXIS = 0 0", "SAXIS"),
    ],
)
def test_moments_that_vasp_leaves_open(tmp_path: Path, incar: str, message: str) -> None:
    path = _poscar(tmp_path, incar)
    with pytest.raises(InputError, match=message):
        read_structure(path)
    assert not read_structure(path, [0, 0]).magnetic_moments.any()  # what the user says counts


def _outcar_tables(columns: dict[str, list[float]]) -> str:
    tables = []
    for axis, values in columns.items():
        rows = "\n".join(f"    {i + 1}        0.010   0.020   {m - 0.03:.3f}   {m:.3f}" for i, m in enumerate(values))
        tables.append(f"\n magnetization ({axis})\n\n# of ion   s   p   d   tot\n{'-' * 42}\n{rows}\n{'-' * 42}\ntot 0 0 0 0\n")
    return "".join(tables)


def test_tables_of_an_outcar(tmp_path: Path) -> None:
    path = tmp_path / "OUTCAR"
    head = "   ISPIN  =      1\n   LNONCOLLINEAR =      T\n"
    head += " Euler angles ALPHA=     0.0000000  BETA=     1.5707963\n"
    early, late = ({axis: [x, -x] for axis in "xyz"} for x in (9.0, 0.0))
    path.write_text(head + _outcar_tables(early) + _outcar_tables(late | {"x": [0.5, 0.0], "z": [2.2, -2.2]}))
    np.testing.assert_allclose(outcar_moments(path, 2), [[2.2, 0, -0.5], [-2.2, 0, 0]], atol=1e-6)
    path.write_text("   ISPIN  =      2\n   LNONCOLLINEAR =      F\n" + _outcar_tables({"x": [2.2, -2.2]}))
    np.testing.assert_allclose(outcar_moments(path, 2), [[0, 0, 2.2], [0, 0, -2.2]])
    path.write_text("   ISPIN  =      2\n")
    with pytest.raises(InputError, match="LORBIT"):
        outcar_moments(path, 2)


def test_moments_of_a_vasprun(tmp_path: Path) -> None:
    path = tmp_path / "vasprun.xml"
    path.write_text(
        '<modeling><incar><i type="int" name="ISPIN"> 1</i></incar><parameters><separator name="electronic">'
        '<i type="logical" name="LSORBIT"> T  </i><i type="logical" name="LNONCOLLINEAR"> T  </i>'
        '<v name="MAGMOM"> 0 0 2 0 1 0</v><v name="SAXIS"> 1 0 0</v></separator></parameters></modeling>'
    )
    np.testing.assert_allclose(vasprun_moments(path, 2), [[2, 0, 0], [0, 1, 0]], atol=1e-12)


# --- others -----------------------------------------------------------------------------------------------------


def test_a_file_that_speaks_of_moments_and_yields_none(tmp_path: Path) -> None:
    path = tmp_path / "x.cif"
    ase, io = pytest.importorskip("ase"), pytest.importorskip("ase.io")
    io.write(path, ase.Atoms("Fe", cell=np.eye(3) * 2.9, pbc=True))
    path.write_text(path.read_text() + "\n# moments: magmom = 2.2\n")
    with pytest.raises(InputError, match="speaks of moments"):
        read_structure(path)
    assert read_structure(path, [2.2]).magnetic_moments.tolist() == [[0, 0, 2.2]]


@pytest.mark.parametrize("where", ["lattice", "positions"])
def test_nan_never_reaches_a_library(tmp_path: Path, where: str) -> None:
    """spglib ends the whole process on NaN."""
    path = tmp_path / "x.win"
    cell, atom = ("nan 0 0", "0 0 0") if where == "lattice" else ("3 0 0", "0 NaN 0")
    path.write_text(
        f"begin unit_cell_cart\n{cell}\n0 3 0\n0 0 3\nend unit_cell_cart\nbegin atoms_frac\nFe {atom}\nend atoms_frac\n"
    )
    with pytest.raises(InputError, match="NaN or infinity"):
        read_structure(path)
    values = {"lattice": np.eye(3) * 3, "positions": np.zeros((1, 3)), "magnetic_moments": np.zeros((1, 3))}
    with pytest.raises(InputError, match="NaN or infinity"):
        Structure(**(values | {where: values[where] * np.nan}), numbers=np.array([26]))
