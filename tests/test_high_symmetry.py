"""Paths of .win files and of structures, planes by Miller indices, arrows; and the commands that use them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin.analysis.high_symmetry import _in_plane, miller_plane, path_of_structure, path_of_win
from wannier_spin.analysis.kpath import k_path, spin_in_plane
from wannier_spin.errors import InputError
from wannier_spin.plotting.plane import axis_label, zone_boundaries
from wannier_spin.symmetry import conventional_cell

BLOCK = "begin kpoint_path\n{}\nend kpoint_path\n"


wannier_spin = pytest.fixture(entry_point)


def test_path_of_win(tmp_path: Path) -> None:
    win = tmp_path / "x.win"
    win.write_text(BLOCK.format("G 0 0 0  X 0.5 0 0.5\nX 0.5 0.0 0.5, W 0.5 0.25 0.75 ! a comment\nL .5 .5 .5 G 0.0 0.0 0.0"))
    assert path_of_win(win) == "G 0 0 0; X 0.5 0 0.5; W 0.5 0.25 0.75 | L 0.5 0.5 0.5; G 0 0 0"
    win.write_text("num_wann = 2\n")
    assert path_of_win(win) is None


@pytest.mark.parametrize("line", ["G 0 0 0", "G 0 0 0 X 0.5 0", "G 0 0 a X 0 0 1"])
def test_a_bad_path_in_win_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.win").write_text(BLOCK.format(line))
    with pytest.raises(InputError, match="kpoint_path, expected two labels"):
        path_of_win(tmp_path / "x.win")


def test_path_of_a_structure_is_in_its_own_lattice(example_inputs: Path) -> None:
    """fcc, whatever its primitive vectors are: L at half a body diagonal, X on a Cartesian axis, by their lengths in k."""
    structure = ws.read_structure(example_inputs / "Pt" / "Pt.win")
    model = replace(ws.models.get("zincblende"), lattice=structure.lattice)
    path = k_path(model, path_of_structure(structure), 200)
    a = (4 * abs(np.linalg.det(structure.lattice))) ** (1 / 3)
    reciprocal = 2 * np.pi * np.linalg.inv(structure.lattice).T
    for label, size in {"X": 2 * np.pi / a, "L": np.sqrt(3) * np.pi / a}.items():
        at = path.ticks[path.labels.index(label)]
        k = path.points[int(np.argmin(np.abs(path.distance - at)))] @ reciprocal
        assert np.linalg.norm(k) == pytest.approx(size, rel=1e-6, abs=0)


def test_path_of_a_layer_stays_in_it(example_inputs: Path) -> None:
    structure = ws.read_structure(example_inputs / "MnBi2Te4" / "MnBi2Te4.win")
    assert path_of_structure(structure, (True, True, False)).count(";") >= 3
    bulk, layer = (path_of_structure(structure, periodic) for periodic in ((True, True, True), (True, True, False)))
    heights = [[float(corner.split()[3]) for branch in text.split("|") for corner in branch.split(";")] for text in (bulk, layer)]
    assert max(heights[0]) == pytest.approx(0.5)
    assert max(map(abs, heights[1])) == 0


def test_a_magnet_has_no_minus_k(example_inputs: Path) -> None:
    """Without inversion and with moments the path has both halves."""
    structure = ws.read_structure(example_inputs / "GaAs" / "GaAs.win")
    magnet = replace(structure, magnetic_moments=np.array([[0, 0, 1.0], [0, 0, 0]]))
    assert len(path_of_structure(magnet)) > len(path_of_structure(structure))


@pytest.mark.parametrize("indices", [(0, 0, 1), (1, 1, 0), (1, -1, 2)])
def test_miller_planes(indices: tuple[int, int, int]) -> None:
    model = ws.models.get("weyl")
    plane = miller_plane(model, indices, (31, 31))
    normal = np.array(indices) @ (2 * np.pi * np.linalg.inv(model.lattice).T)
    assert np.abs(plane.cartesian @ normal).max() < 1e-9
    assert np.abs(plane.cartesian).max() > 1
    assert plane.marks[0][0] == "G"
    assert plane.positions.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert zone_boundaries(plane)  # the first zone lies inside
    axes = _in_plane(normal / np.linalg.norm(normal))
    assert np.abs(axes @ axes.T - np.eye(2)).max() < 1e-12
    assert np.abs(axes @ normal).max() < 1e-12 * np.linalg.norm(normal)


def test_miller_indices_are_of_the_conventional_cell(example_inputs: Path) -> None:
    """(001) of fcc platinum and bcc iron lies across a cube's edge, whatever vectors the model has."""
    for name in ("Pt", "Fe"):
        structure = ws.read_structure(example_inputs / name / f"{name}.win")
        cell = conventional_cell(structure)
        edge = abs(np.linalg.det(cell)) ** (1 / 3)
        np.testing.assert_allclose(cell @ cell.T, edge**2 * np.eye(3), atol=1e-6)
        np.testing.assert_allclose(np.sort(np.abs(cell), axis=1)[:, :2], 0, atol=1e-6)  # along x, y, z
        assert abs(np.linalg.det(cell) / np.linalg.det(structure.lattice)) == pytest.approx(
            {"Pt": 4, "Fe": 2}[name], rel=1e-6, abs=0
        )
    iron = ws.load_model(example_inputs / "Fe" / "Fe.model.h5")
    plane = miller_plane(iron, (0, 0, 1), (5, 5), cell=cell)
    along = int(np.abs(cell[2]).argmax())
    assert np.abs(plane.cartesian[:, along]).max() < 1e-9
    assert np.abs(miller_plane(iron, (0, 0, 1), (5, 5)).cartesian[:, along]).max() > 0.1  # of its own vectors another one


@pytest.mark.parametrize(
    ("model", "indices", "message"),
    [
        ("weyl", (0, 0, 0), "not all zero"),
        ("massive_dirac", (0, 0, 1), "need a lattice"),
        ("altermagnet", (1, 0, 0), "through the vacuum"),
    ],
)
def test_wrong_miller_planes(model: str, indices: tuple[int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        miller_plane(ws.models.get(model), indices)


def test_arrows_are_the_spin() -> None:
    """Rashba coupling alone: the spin of the lower band lies across k."""
    model = ws.models.get("rashba_exchange", rashba=0.5, dresselhaus=0.0, exchange=(0.0, 0.0, 0.0), t2=0.0)
    plane = miller_plane(model, (0, 0, 1), (21, 21))
    spin = spin_in_plane(model, plane, 1)
    near = (np.linalg.norm(plane.positions, axis=1) < 1.0) & (np.linalg.norm(plane.positions, axis=1) > 0.2)
    assert np.linalg.norm(spin[near], axis=1) == pytest.approx(np.ones(near.sum()), abs=1e-6)
    along = np.einsum("ka,ka->k", spin, plane.positions)[near] / np.linalg.norm(plane.positions, axis=1)[near]
    assert np.abs(along).max() < 0.2
    with pytest.raises(InputError, match="bands 1 to 2"):
        spin_in_plane(model, plane, 3)


def test_an_axis_with_rounding_has_its_name() -> None:
    assert axis_label(np.array([1.0, 1e-10, 0.0])).startswith("$k_x$")


def test_commands(wannier_spin: Command, tmp_path: Path, example_inputs: Path) -> None:
    layer = example_inputs / "MnBi2Te4" / "input.toml"
    done = wannier_spin("bands", layer, "-q", "spin", "-c", "z", "--points", 12, "-o", tmp_path / "bands.png")
    assert done.code == 0, done.err
    arguments = ("plane", example_inputs / "Fe" / "Fe.model.h5", "--points", 5, 5, "-q", "spin", "-c", "z", "--band", 9)
    done = wannier_spin(*arguments, "--miller", 0, 0, 1, "--arrows", "-o", tmp_path / "plane.png")
    assert done.code == 0, done.err
    assert "no Fermi energy is told" in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"bands.png", "plane.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plane"], "either by --corners or by --miller"),
        (["plane", "--miller", "0", "0", "1", "--corners", ". 0 0 0; . 1 0 0; . 0 1 0"], "either by --corners or by --miller"),
        (["plane", "--miller", "0", "0", "1", "--arrows"], "--band"),
        (["bands"], "give --path"),
    ],
)
def test_what_is_missing_is_named(wannier_spin: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    ws.models.get("weyl").save(tmp_path / "weyl.model.h5")
    command, *more = arguments
    done = wannier_spin(command, tmp_path / "weyl.model.h5", *more, "-o", tmp_path / "x.png")
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "x.png").exists()


def test_the_fermi_energy_of_the_run_is_the_default(wannier_spin: Command, tmp_path: Path) -> None:
    ws.models.get("weyl").save(tmp_path / "weyl.model.h5")
    (tmp_path / "weyl.win").write_text("fermi_energy = 0.25\n" + BLOCK.format("G 0 0 0 X 0.5 0 0"))
    done = wannier_spin("bands", tmp_path / "weyl.model.h5", "--points", "5", "-o", tmp_path / "x.png")
    assert done.code == 0, done.err
    assert "fermi_energy = 0.25 eV, from weyl.win" in done.err


def test_what_the_win_file_of_a_model_is_called(tmp_path: Path) -> None:
    """X.win of a saved model X.model.h5, of the one run in a folder, of the run of an input file."""
    from wannier_spin.cli.figures import _seed_beside, _win_of

    assert _seed_beside(tmp_path / "X.model.h5") == tmp_path / "X"
    assert _seed_beside(tmp_path / "X") == tmp_path / "X"
    (tmp_path / "a_hr.dat").touch()
    assert _seed_beside(tmp_path) == tmp_path / "a"
    (tmp_path / "b_hr.dat").touch()
    assert _seed_beside(tmp_path) == tmp_path / tmp_path.name  # of two runs none is meant
    settings = SimpleNamespace(seeds=["run/b", "other"])
    assert _win_of(SimpleNamespace(settings=settings), tmp_path / "in.toml") == tmp_path / "run" / "b"  # type: ignore[arg-type]
    assert _win_of(SimpleNamespace(settings=None), tmp_path / "X.model.h5") == tmp_path / "X"  # type: ignore[arg-type]
