"""Structures from .win and through ase."""

from pathlib import Path

import numpy as np
import pytest

from wannier_spin.errors import InputError
from wannier_spin.readers import read_structure, read_win_lattice
from wannier_spin.readers.structure import SYMBOLS

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
    np.testing.assert_allclose(read_win_lattice(path), structure.lattice)


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
