"""`_hr.dat` and `wt.in` in the forms of WannierTools: small files made here."""

from pathlib import Path

import numpy as np
import pytest
from hoppings import HEXAGONAL, bands, hr_lines, random_hoppings, spinful, write_seed

from wannier_spin.errors import InputError
from wannier_spin.readers import read_hr

HEAD = "&TB_FILE\nHrfile = 'x_hr.dat'\n{}/\nLATTICE\nAngstrom ! of the run\n{}\n"
ATOMS = "ATOM_POSITIONS\n3 ! atoms\nDirect\nX 0.1 0.2 0.3\nX 0.4 0.2 0.3\nX 0.7 0.2 0.3\n"
PLACES = np.array([[0.1, 0.2, 0.3], [0.4, 0.2, 0.3], [0.7, 0.2, 0.3]]) @ HEXAGONAL


def write_wt(folder: Path, cards: str, tb_file: str = "") -> None:
    rows = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in HEXAGONAL)
    (folder / "wt.in").write_text(HEAD.format(tb_file, rows) + cards)


def write_hr(folder: Path, order: str, exchange: float = 0.8, mixed: bool = False) -> Path:
    """Three orbitals with spin in an order, or, mixed, six functions of which the Hamiltonian tells no order."""
    R, H = random_hoppings(6) if mixed else spinful(order, exchange)
    (folder / "x_hr.dat").write_text("\n".join(hr_lines(R, H)) + "\n")
    return folder / "x"


@pytest.mark.parametrize("counts", ["1 1 1", "3*1", "2*1 1 ! one each", "1\n1 1", "1, 1, 1"])
def test_numbers_of_projectors_as_fortran_reads_them(counts: str, tmp_path: Path) -> None:
    write_wt(tmp_path, f"{ATOMS}PROJECTORS\n{counts}\nX s\n")
    model = read_hr(write_hr(tmp_path, "blocks"))
    np.testing.assert_allclose(model.centres, np.tile(PLACES, (2, 1)), atol=1e-9)


@pytest.mark.parametrize("counts", ["2*1", "1 s 1", "4*1*1", "", "-1 2 2"])
def test_numbers_that_are_none(counts: str, tmp_path: Path) -> None:
    write_wt(tmp_path, f"{ATOMS}PROJECTORS\n{counts}\nX s\n")
    with pytest.raises(InputError, match=r"wt.in': expected 3 whole numbers"):
        read_hr(write_hr(tmp_path, "blocks"))


@pytest.mark.parametrize("order", ["interleaved", "blocks"])
def test_the_order_of_spinors_that_the_hamiltonian_has_places_the_projectors(order: str, tmp_path: Path) -> None:
    """Whatever the package is said to be: that is forgotten often."""
    for package in ("", "Package = 'QE'\n", "Package = 'VASP'\n"):
        write_wt(tmp_path, f"{ATOMS}PROJECTORS\n3*1\nX s\n", package)
        model = read_hr(write_hr(tmp_path, order))
        expected = np.tile(PLACES, (2, 1)) if order == "blocks" else np.repeat(PLACES, 2, axis=0)
        np.testing.assert_allclose(model.centres, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("package", "alternates"),
    [("", False), ("Package = 'VASP' ! or 'QE'\n", False), ("PACKAGE = QE\n", True), ('Package = "VASP6"\n', True)],
)
def test_the_package_decides_where_the_hamiltonian_does_not(package: str, alternates: bool, tmp_path: Path) -> None:
    """WannierTools takes those of Quantum ESPRESSO and of VASP 6 to be up and down in turns."""
    write_wt(tmp_path, f"{ATOMS}PROJECTORS\n3*1\nX s\n", package)
    model = read_hr(write_hr(tmp_path, "", mixed=True))
    np.testing.assert_allclose(model.centres, np.repeat(PLACES, 2, axis=0) if alternates else np.tile(PLACES, (2, 1)), atol=1e-9)


def test_centres_stand_in_the_order_of_the_functions(tmp_path: Path) -> None:
    centres = np.arange(18).reshape(6, 3) / 10
    rows = "\n".join(", ".join(map(str, row)) for row in centres)
    write_wt(tmp_path, f"{ATOMS}PROJECTORS\n3*1\nX s\nWANNIER_CENTRES ! of .wout\nCartesian\n{rows}\n", "Package = 'QE'\n")
    np.testing.assert_allclose(read_hr(write_hr(tmp_path, "interleaved")).centres, centres, atol=1e-9)


def test_reduced_positions_that_are_called_cartesian(tmp_path: Path) -> None:
    atoms = "ATOM_POSITIONS\n3\n{}\nX 0.1 0.2 0.3\nX 0.1 0.2 0.4\nX 0.1 0.2 0.6\nPROJECTORS\n3*1\nX s\n"
    write_wt(tmp_path, atoms.format("Cartesian"))
    with pytest.raises(InputError, match="0.1 angstrom apart; they look like reduced ones"):
        read_hr(write_hr(tmp_path, "blocks"))
    write_wt(tmp_path, atoms.format("Direct"))
    assert read_hr(tmp_path / "x").n_bands == 6


@pytest.mark.parametrize(
    ("line", "told"), [("Particle = 'phonon'\n", "one of phonons"), ("Orthogonal_Basis = F\n", "one in an overlapping basis")]
)
def test_hamiltonians_that_are_something_else(line: str, told: str, tmp_path: Path) -> None:
    write_wt(tmp_path, f"{ATOMS}PROJECTORS\n3*1\nX s\n", line)
    with pytest.raises(InputError, match=told):
        read_hr(write_hr(tmp_path, "blocks"))


# --- _hr.dat ------------------------------------------------------------------------------------------------------------


def sparse_lines(full: list[str]) -> list[str]:
    """Head, number of lines, of functions, of R vectors, and the lines that are not zero."""
    rows = [line for line in full[4:] if any(float(x) for x in line.split()[5:])]
    return [full[0], str(len(rows)), full[1], full[2], *rows]


def test_the_sparse_form(tmp_path: Path) -> None:
    R, H = random_hoppings()
    H[:, 0, 1] *= R[:, 0] == 0
    H[:, 1, 0] *= R[:, 0] == 0
    lines = sparse_lines(hr_lines(R, H))
    assert len(lines) == 4 + 3 * 4 + 6 * 2
    model = read_hr(write_seed(tmp_path, lines))
    np.testing.assert_allclose(bands(model.R_vectors, model.hamiltonian_R), bands(R, H), atol=1e-11)
    for wrong in (
        [*lines[:-1], lines[-2]],
        [*lines[:2], "1", *lines[3:]],
        [*lines[:3], "8", *lines[4:]],
    ):
        with pytest.raises(InputError, match=r"x_hr.dat' is damaged: its 24 lines"):
            read_hr(write_seed(tmp_path, wrong))


def test_a_model_by_hand_that_lists_what_is_not_zero(tmp_path: Path) -> None:
    """A file that lacks lines is a damaged one, unless each of its lines has its Hermitian partner."""
    t = [(0, 0, 1, 2), (-1, 0, 1, 2), (0, -1, 1, 2)]
    rows = [f"{x} {y} 0 {i} {j} -1.0 0.5" for x, y, i, j in t] + [f"{-x} {-y} 0 {j} {i} -1.0 -0.5" for x, y, i, j in t]
    lines = ["honeycomb", "2", "5", "1 1 1 1 1", *rows]
    model = read_hr(write_seed(tmp_path, lines))
    k = np.array([0.2, 0.3, 0.0])
    assert model.source["ws_distance"] == "none"
    gap = abs((-1 + 0.5j) * (1 + np.exp(-2j * np.pi * 0.2) + np.exp(-2j * np.pi * 0.3)))
    phases = np.exp(2j * np.pi * model.R_vectors @ k)
    energies = np.linalg.eigvalsh(np.tensordot(phases, model.hamiltonian_R, axes=1))
    np.testing.assert_allclose(energies, [-gap, gap], atol=1e-12)
    for wrong in (
        lines[:-1],
        ["written on 1Jan", *lines[1:]],
        [*lines[:2], "6", "1 1 1 1 1 1", *rows],
        [*lines[:3], "1 1 2 1 1", *rows],
    ):
        with pytest.raises(InputError, match="truncated or damaged"):
            read_hr(write_seed(tmp_path, wrong))


def test_a_list_filled_up_with_empty_blocks(tmp_path: Path) -> None:
    """Some generators allocate more R vectors than they use, and write the rest as zeros at R = 0."""
    R, H = random_hoppings()
    filled = hr_lines(np.concatenate([R, 0 * R[:2]]), np.concatenate([H, 0 * H[:2]]))
    model = read_hr(write_seed(tmp_path, filled))
    assert len(model.R_vectors) == len(R)
    np.testing.assert_allclose(bands(model.R_vectors, model.hamiltonian_R), bands(R, H), atol=1e-11)
    with pytest.raises(InputError, match="once for each"):
        read_hr(write_seed(tmp_path, [*filled[:-1], filled[-1].replace("0.000000000000", "0.1")]))
    filled[3] = filled[3].replace("1", "2", 1)
    with pytest.raises(InputError, match="lists R vectors twice"):
        read_hr(write_seed(tmp_path, filled))
