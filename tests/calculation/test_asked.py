"""What an input file asks for is refused before the model is read: here there is none to be read."""

import shlex
from pathlib import Path

import pytest

from tests.command_line import Command, entry_point

ASKED = 'seedname = "not_there.h5"\nresponses = {responses}\n{more}\n'
MESH = "mu = 0.1\ngrid = [4, 4, 4]\n"
WITHIN = "mu = 0.1\n[tolerance]\n"
FAULTS = {
    "omega": ('"all"', MESH, "give omega"),
    "name": ('["spin_hal"]', MESH, "spin_hall"),
    "relaxation": ('["edelstein"]', MESH + "relaxation = 'static'", "no terms with tau"),
    "its name": ('["spin_hall"]', MESH + "relaxation = 'goa'", "gao"),
    "gaps": ('["spin_hall"]', MESH + "gap_broadening = 0.1", "changes nothing"),
    "definition": ('["spin_hall"]', MESH + "spin_current = 'ryo'", "ryoo"),
    "block": ('["spin_hall"]', MESH + "blocks = ['L9']", "L9"),
    "cold surface": ('["nonlinear_drude_spin_current"]', MESH + "temperature = 0", "delta function"),
    "cold, carriers": (
        '["nonlinear_drude_spin_current"]',
        "fermi_energy = 0\ntemperature = 0\ncarriers = 0.1\ngrid = [4, 4, 4]",
        "delta function",
    ),
    "vacuum": ('["spin_hall"]', MESH + "model = { vacuum = 'c' }", "grid has 4 points along lattice vector c"),
    "large mesh": ('["spin_hall"]', "mu = 0.1\ngrid = [40000, 40000, 40000]", "k-points"),
    "window": ('["spin_hall"]', WITHIN + "window = [1.0, 2.0]", "holds no mu"),
    "share": ('["spin_hall"]', WITHIN + "relative = 2.0", "1e-2 is 1 %"),
    "absolute": ('["spin_hall"]', WITHIN + "absolute = { spin_hal = 1.0 }", "spin_hall"),
    "atoms": ('["edelstein"]', MESH + "sites = 'atoms'", "sites = 'atoms': symmetry.structure is missing"),
    "projections": ('["edelstein"]', MESH + "sites = 'projections'", "sites = 'projections': symmetry.structure is missing"),
    "named atoms": ('["edelstein"]', MESH + "sites = { A = 'Mn1' }", "sites.A: symmetry.structure is missing"),
    "sites of currents": ('["spin_hall"]', MESH + "sites = { A = [1] }", "sites are for responses of the spin"),
    "hot": ('["spin_hall"]', MESH + "temperature = 1e12", "kelvin"),
    "thickness": ('["spin_hall"]', MESH + "model = { thickness = 3.0 }", "model.thickness is given without model.vacuum"),
}


@pytest.fixture
def wannier_spin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return entry_point(monkeypatch, capsys)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", ["run", "run --dry-run", "converge"])
def test_refused_before_the_model_is_read(wannier_spin: Command, tmp_path: Path, fault: str, way: str) -> None:
    responses, more, told = FAULTS[fault]
    (tmp_path / "in.toml").write_text(ASKED.format(responses=responses, more=more))
    done = wannier_spin(*way.split(), "in.toml")
    assert done.code == 2
    assert told in done.err and "not_there" not in done.err, done.err


def test_what_is_asked_for_rightly_is_refused_for_its_model(wannier_spin: Command, tmp_path: Path) -> None:
    """The tests above see what is asked for, not that no model is there."""
    (tmp_path / "in.toml").write_text(ASKED.format(responses='["edelstein"]', more=MESH))
    done = wannier_spin("run", "in.toml")
    assert done.code == 2 and "not_there.h5" in done.err


FILES = 'seedname = "X"\nresponses = ["edelstein"]\nmu = 0.1\ngrid = [4, 4, 4]\n'
WIN = "begin unit_cell_cart\n1 0 0\n0 1 0\n0 0 1\nend unit_cell_cart\nbegin atoms_frac\nFe 0 0 0\nend atoms_frac\n"
UNREAD = {
    "Fermi energy": ("", "fermi_energy is missing"),
    "atom": ("fermi_energy = 0.0\nsites = { A = 'Mn1' }\nsymmetry = { structure = 'X.win' }", "'Mn1'; the structure has Fe1"),
    "projections": ("fermi_energy = 0.0\nsites = 'projections'\nsymmetry = { structure = 'X.win' }", "spinors = true"),
    "average": ("fermi_energy = 0.0\nsymmetry = { structure = 'X.win', average_model = true }", "spinors = true"),
}


@pytest.mark.parametrize("fault", UNREAD)
def test_refused_before_files_are_read(wannier_spin: Command, tmp_path: Path, fault: str) -> None:
    """Here the files of a run are there, and damaged."""
    more, told = UNREAD[fault]
    (tmp_path / "in.toml").write_text(FILES + more)
    (tmp_path / "X.win").write_text(WIN)
    (tmp_path / "X_tb.dat").write_text("damaged")
    done = wannier_spin("run", "in.toml")
    assert done.code == 2
    assert told in done.err and "X_tb.dat" not in done.err, done.err


def test_the_fermi_energy_of_a_named_file(wannier_spin: Command, tmp_path: Path) -> None:
    """It stands in X.win, whether the run is named X, by one of its files, or by its folder."""
    (tmp_path / "X.win").write_text(WIN + "fermi_energy = 1.5\n")
    (tmp_path / "X_tb.dat").write_text("damaged")
    for name in ("X", "X_tb.dat", "."):
        (tmp_path / "in.toml").write_text(FILES.replace('"X"', f'"{name}"'))
        done = wannier_spin("run", "in.toml")
        assert done.code == 2 and "X_tb.dat" in done.err and "fermi_energy" not in done.err, done.err


def test_a_structure_that_lies_elsewhere(wannier_spin: Command, tmp_path: Path) -> None:
    """The folder that was looked in is named, and where the file is: beside the run, most often."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "X.win").write_text(WIN)
    (tmp_path / "runs" / "X_tb.dat").write_text("damaged")
    wrong = 'seedname = "runs/X"\nresponses = ["edelstein"]\nmu = 0.1\ngrid = [4, 4, 4]\nfermi_energy = 0.0\n'
    for name, told in (("X.win", "structure = 'runs/X.win' is there"), ("Y.win", "holds no Wannier90 output but 'in.toml'")):
        (tmp_path / "in.toml").write_text(f"{wrong}symmetry = {{ structure = '{name}' }}")
        done = wannier_spin("run", "in.toml")
        assert done.code == 2
        assert f"structure file '{name}' does not exist: it is not in the folder '{tmp_path}'" in done.err and told in done.err, (
            done.err
        )


OPTIONS = {
    "bands not_there -q spin -c xy -o x.png": "component 'xy' of 'spin': expected 1 letter(s)",
    "bands not_there -q shift_spin_current -o x.png": "give omega",
    "plane not_there -q spin_hall --form papr --miller 0 0 1 -o x.png": "form = 'papr' is not available",
    "fermi-surface not_there -q velocity -c xz -o x.png": "component 'xz' of 'velocity'",
    "bands not_there --path 'G 0 0' -o x.png": "path 'G 0 0': found 'G 0 0', expected a name and three numbers",
    "bands not_there --path 'G 0 0 0; X 1 0 0; X 1 0 0' -o x.png": "two corners that follow each other are the same point",
    "bands not_there --path 'G 0 0 0; X 1 0 0' --points 1 -o x.png": "path with 1 points",
    "plane not_there --corners 'G 0 0 0; X 1 0 0; Y -2 0 0' -o x.png": "its three corners lie on a line",
    "plane not_there --corners 'G 0 0 0; X 1 0 0' --miller 0 0 1 -o x.png": "either by --corners or by --miller",
    "plane not_there -o x.png": "either by --corners or by --miller",
    "plane not_there --miller 0 0 0 -o x.png": "Miller indices 0 0 0",
    "plane not_there --miller 0 0 1 --points 1 9 -o x.png": "plane with 1 x 9 points",
    "plane not_there --miller 0 0 1 --mark 'X 1 0' -o x.png": "marks 'X 1 0'",
    "decompose not_there -r spin_hall --by bnad": "by = 'bnad' is not available",
    "decompose not_there -r spin_hall --edge 1": "edges are for by = 'energy'",
    "decompose not_there -r spin_hall --relaxation goa": "gao",
}


@pytest.mark.parametrize("line", OPTIONS)
def test_options_are_refused_before_the_model_is_read(wannier_spin: Command, line: str) -> None:
    done = wannier_spin(*shlex.split(line))
    assert done.code == 2
    assert OPTIONS[line] in done.err and "not_there" not in done.err, done.err


def test_the_folder_that_was_looked_in_is_named(wannier_spin: Command, tmp_path: Path) -> None:
    done = wannier_spin("check", "not_there")
    assert done.code == 2 and f"looked in '{tmp_path}'" in done.err, done.err
