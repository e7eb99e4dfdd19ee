"""The input file: what is accepted, what the defaults are, and what is said about everything else."""

import re
from pathlib import Path

import numpy as np
import pytest

from wannier_spin import models
from wannier_spin.calculation import default_grid
from wannier_spin.config import Range, Settings, ToleranceSection, as_toml, read_settings
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE

KP = "[kp]\nhamiltonian = 'kx*sx'\ndimension = 2\ncutoff = 1.0\n"
MINIMAL = 'seedname = "X"\nresponses = ["spin_hall"]\nmu = 0.5\n'


def settings(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "in.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path / "in.toml")[0]


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        settings(tmp_path, text)
    message = str(caught.value)
    assert str(tmp_path / "in.toml") in message  # names the file
    assert "pydantic" not in message
    return message


# --- what is accepted -----------------------------------------------------------------------------------------------


def test_defaults(tmp_path: Path) -> None:
    s = settings(tmp_path, MINIMAL)
    assert (s.seedname, s.responses, s.mu) == ("X", ["spin_hall"], [0.5])
    assert (s.fermi_energy, s.temperature, s.tau, s.omega, s.broadening) == (None, [300.0], [10.0], [], 0.0)
    assert (s.units, s.channel, s.spin_current, s.output) == ("SI", "spin", "simple", None)
    assert (s.form, s.relaxation) == ("full", "adiabatic")
    assert (s.grid.points, s.grid.shift, s.grid.spacing) == (None, [0.0, 0.0, 0.0], 0.1)
    assert (s.numerics.degeneracy_tolerance, s.numerics.memory) == (DEGENERACY_TOLERANCE, 1.0)
    assert (s.model.spin, s.model.vacuum, s.model.thickness) == (None, None, None)


OFTEN_LEFT_OUT = {
    "": {
        "temperature": [300.0],
        "tau": [10.0],
        "omega": [],
        "broadening": 0.0,
        "gap_broadening": 0.0,
        "units": "SI",
        "channel": "spin",
        "spin_current": "simple",
        "form": "full",
        "blocks": [],
        "relaxation": "adiabatic",
    },
    "grid": {"shift": [0.0, 0.0, 0.0], "spacing": 0.1},
    "tolerance": {"relative": 0.01, "absolute": {}, "max_evaluations": 1_000_000, "replicas": 1},
    "symmetry": {"average_model": False, "spin_order": "interleaved", "spin_orbit": True, "reduce": True},
    "numerics": {"degeneracy_tolerance": DEGENERACY_TOLERANCE, "memory": 1.0},
    "seedname": {"up": "U", "down": "D", "axis": [0.0, 0.0, 1.0]},
    "carriers": {"values": [1.0], "unit": "cell"},
    "kp": {"hamiltonian": "kx*sx", "dimension": 1, "parameters": {}, "cutoff": 1.0},
}


@pytest.mark.parametrize("section", OFTEN_LEFT_OUT)
def test_what_a_key_that_is_left_out_means(tmp_path: Path, section: str) -> None:
    """All keys that have a meaning then; every other one is None, or its section."""
    given = {
        "tolerance": "tolerance = {}",
        "seedname": "seedname = { up = 'U', down = 'D' }",
        "carriers": "carriers = 1",
        "kp": "[kp]\nhamiltonian = 'kx*sx'\ndimension = 1\ncutoff = 1.0",
    }
    needed = {"seedname": "seedname = 'X'", "mu": "mu = 0.5"}
    needed = {
        key: line
        for key, line in needed.items()
        if key != section and (key, section) not in (("mu", "carriers"), ("seedname", "kp"))
    }
    text = "\n".join(["responses = 'all'", *needed.values(), given.get(section, "")])
    found = settings(tmp_path, text)
    part = found if section == "" else getattr(found, section)
    sections = {"model", "grid", "tolerance", "symmetry", "numerics"}
    known = {key: value for key, value in part.model_dump().items() if value is not None and key not in sections}
    assert {key: value for key, value in known.items() if section or key not in ("seedname", "mu", "responses")} == OFTEN_LEFT_OUT[
        section
    ]


BOUNDS = {  # of a key: a value at the bound that is taken, and one that is not
    "tau = { from = 1, to = 1, points = @ }": (1, 0, "greater than or equal to 1"),
    "tolerance.max_evaluations = @": (1, 0, "greater than or equal to 1"),
    "tolerance.replicas = @": (1, 0, "greater than or equal to 1"),
    "tolerance.replicas = @ ": (64, 65, "less than or equal to 64"),
    "tolerance.start = @": (4, 2, "greater than or equal to 4"),
    "tolerance.relative = @": (1e-9, 0, "greater than 0"),
    "tolerance.max_seconds = @": (1e-9, 0, "greater than 0"),
    "tolerance.window = @": ([0, 1], [0, 1, 2], "expected 2 values, there are 3"),
    "grid.spacing = @": (1e-9, 0, "greater than 0"),
    "model.thickness = @": (1e-9, 0, "greater than 0"),
    "model.ws_distance_tolerance = @": (1e-9, 0, "greater than 0"),
    "numerics.memory = @": (1e-9, 0, "greater than 0"),
    "numerics.degeneracy_tolerance = @": (1e-9, 0, "greater than 0"),
    "broadening = @": (0, -1e-9, "greater than or equal to 0"),
    "gap_broadening = @": (0, -1e-9, "greater than or equal to 0"),
}


@pytest.mark.parametrize("line", BOUNDS)
def test_both_sides_of_a_bound(tmp_path: Path, line: str) -> None:
    taken, refused, why = BOUNDS[line]
    settings(tmp_path, MINIMAL + line.replace("@", str(taken)))
    message = refusal(tmp_path, MINIMAL + line.replace("@", str(refused)))
    assert why in message
    assert line.partition(" ")[0] in message


def test_text_of_the_input_is_kept(tmp_path: Path) -> None:
    text = MINIMAL + "# Néel vector along [110]\n"
    (tmp_path / "in.toml").write_text(text, encoding="utf-8")
    assert read_settings(tmp_path / "in.toml")[1] == text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1", [1.0]),
        ("-0.25", [-0.25]),
        ("[1, 2.5]", [1.0, 2.5]),
        ("{ from = -1, to = 1, points = 5 }", [-1.0, -0.5, 0.0, 0.5, 1.0]),
        ("{ from = 3, to = 3, points = 1 }", [3.0]),
        ("{ from = 2.0, to = 1.0, points = 3 }", [2.0, 1.5, 1.0]),
    ],
)
@pytest.mark.parametrize("key", ["mu", "temperature", "tau", "omega"])
def test_numbers(tmp_path: Path, key: str, written: str, expected: list[float]) -> None:
    if key in ("temperature", "tau") and min(expected) < 0:
        assert key in refusal(tmp_path, (MINIMAL + f"{key} = {written}\n"))
        return
    text = 'seedname = "X"\nresponses = "all"\n' + ("" if key == "mu" else "mu = 0\n") + f"{key} = {written}\n"
    assert getattr(settings(tmp_path, text), key) == pytest.approx(expected, abs=0)


def test_range_as_a_table(tmp_path: Path) -> None:
    text = 'seedname = "X"\nresponses = "all"\n[mu]\nfrom = 0\nto = 1\npoints = 3\n'
    assert settings(tmp_path, text).mu == [0, 0.5, 1]


def test_range_includes_both_ends_exactly() -> None:
    r = Range.model_validate({"from": -0.1, "to": 0.3, "points": 7})
    assert (r.first, r.last, r.points) == (-0.1, 0.3, 7)


@pytest.mark.parametrize("written", ["tolerance = 3e-3", "[tolerance]\nrelative = 3e-3", "tolerance = { relative = 3e-3 }"])
def test_tolerance_as_a_number_or_a_table(tmp_path: Path, written: str) -> None:
    found = settings(tmp_path, MINIMAL + written + "\n").tolerance
    assert found == ToleranceSection(relative=3e-3)
    assert (found.absolute, found.max_evaluations, found.max_seconds, found.replicas, found.start) == ({}, 10**6, None, 1, None)


def test_whole_numbers_are_tolerances(tmp_path: Path) -> None:
    assert settings(tmp_path, MINIMAL + "[tolerance]\nrelative = 1\nmax_seconds = 60\n").tolerance == ToleranceSection(
        relative=1.0, max_seconds=60.0
    )


def test_no_tolerance_unless_asked_for(tmp_path: Path) -> None:
    assert settings(tmp_path, MINIMAL).tolerance is None
    assert settings(tmp_path, MINIMAL + "[tolerance]\n").tolerance == ToleranceSection(relative=1e-2)


@pytest.mark.parametrize("name", ["Néel", "\U0001f9f2", "a b", "a.b", '"', "\\", "\t"])
def test_any_name_survives_being_written(tmp_path: Path, name: str) -> None:
    """Letters of every kind, outside of the first plane too, in keys and in values."""
    s = Settings(seedname=name, responses=["spin_hall"], mu=0.0, sites={name: [name]})
    again = settings(tmp_path, as_toml(s))
    assert (again.seedname, again.sites) == (name, {name: [name]})


def test_a_tolerance_survives_being_written(tmp_path: Path) -> None:
    """`as_toml` writes defaults out; of a mesh it must not write one beside the tolerance."""
    text = "tolerance = { relative = 2e-3, absolute = { spin_hall = 1.5, edelstein = 2e4 }, start = 6, replicas = 2 }\n"
    found = settings(tmp_path, MINIMAL + text)
    assert settings(tmp_path, as_toml(found)).tolerance == found.tolerance


@pytest.mark.parametrize("grid", ["points = [4, 6, 8]", "spacing = 0.2"])
def test_a_mesh_survives_being_written(tmp_path: Path, grid: str) -> None:
    """Points beside a spacing would be refused."""
    found = settings(tmp_path, MINIMAL + f"[grid]\n{grid}\n")
    assert settings(tmp_path, as_toml(found)) == found


@pytest.mark.parametrize("written", ["sites = 'atoms'", "[sites]\nup = [1, 2]\n\"Mn-2\" = 'Mn2'\nboth = ['Mn1', 'Mn2']"])
def test_sites_survive_being_written(tmp_path: Path, written: str) -> None:
    found = settings(tmp_path, MINIMAL + written)
    assert found.sites in ("atoms", {"up": [1, 2], "Mn-2": "Mn2", "both": ["Mn1", "Mn2"]})
    assert settings(tmp_path, as_toml(found)) == found


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("temprature = 3", ("unknown key 'temprature'", "did you mean 'temperature'")),
        ("[grid]\nspaceing = 1", ("unknown key 'grid.spaceing'", "did you mean 'spacing'", "points, shift, spacing")),
        ("[model]\nvacum = 'c'", ("unknown key 'model.vacum'", "did you mean 'vacuum'", "thickness")),
        ("[numerics]\nmemorry = 2", ("unknown key 'numerics.memorry'", "did you mean 'memory'")),
        ("[numeric]\nmemory = 2", ("unknown key 'numeric'", "did you mean 'numerics'")),
        ("tau = { from = 1, to = 2, point = 3 }", ("unknown key 'tau.point'", "did you mean 'points'", "from, to, points")),
        ("tau = { from = 1, to = 2 }", ("tau.points", "missing")),
        ("tau = { from = 1, to = 2, points = 0 }", ("tau.points = 0", "greater than or equal to 1")),
        ("tau = { from = 1, to = 2, points = 2.5 }", ("tau.points = 2.5",)),
        ("tau = []", ("tau = []", "at least one")),
        ("tau = [1, nan]", ("tau", "finite")),
        ("temperature = [inf]", ("temperature", "finite")),
        ("tau = true", ("tau = True",)),
        ("tau = [1, 'x']", ("tau.1 = 'x'", "number")),
        ("broadening = -1", ("broadening = -1",)),
        ("spin_current = 3", ("spin_current = 3", "expected text, in quotes")),
        ("units = 'si'", ("units = 'si'", "'SI' or 'natural'")),
        ("channel = 'heat'", ("channel = 'heat'", "'spin' or 'charge'")),
        ("[grid]\npoints = [8, 8]", ("grid.points = [8, 8]", "expected 3 values, there are 2")),
        ("[grid]\npoints = [8, 8, 8, 8]", ("grid.points", "expected 3 values, there are 4")),
        ("[grid]\npoints = [8, 8, 1.5]", ("grid.points.2 = 1.5", "a whole number")),
        ("[grid]\npoints = 8", ("grid.points = 8",)),
        ("[grid]\nspacing = 0", ("grid.spacing = 0", "greater than 0")),
        ("omega = [0, 3, 301]", ("omega = [0, 3, 301]", "301 points from 0 to 3")),
        ("carriers = 0.1", ("in place of mu", "leave out mu")),
        (f"{KP}[grid]\npoints = [4, 4, 4]", ("no files", "leave out seedname, grid")),
        ("[numerics]\nmemory = 0", ("numerics.memory = 0", "greater than 0")),
        ("[numerics]\nmemory = '1 GiB'", ("numerics.memory = '1 GiB'", "number")),
        ("[model]\nspin = 'spn'", ("model.spin = 'spn'", "'files', 'interleaved', 'blocks' or 'auto'")),
        ("[model]\nvacuum = 'z'", ("model.vacuum = 'z'", "'a', 'b' or 'c'")),
        ("[grid]\npoints = [8, 8, 8]\nspacing = 0.1", ("[grid]", "either points or spacing")),
        ("tolerance = 1e-2\n[grid]\nspacing = 0.1", ("[grid]", "tolerance", "not both")),
        ("[tolerance]\n[grid]\nshift = [0.5, 0.5, 0.5]", ("[grid]", "tolerance", "not both")),
        ("tolerence = 1e-2", ("unknown key 'tolerence'", "did you mean 'tolerance'")),
        ("[tolerance]\nrelativ = 1e-2", ("unknown key 'tolerance.relativ'", "did you mean 'relative'", "max_evaluations")),
        ("[tolerance]\nmax_second = 5", ("unknown key 'tolerance.max_second'", "did you mean 'max_seconds'")),
        ("tolerance = 0", ("tolerance.relative = 0", "greater than 0")),
        ("tolerance = inf", ("tolerance.relative = inf", "finite")),
        ("tolerance = nan", ("tolerance.relative = nan",)),
        ("tolerance = true", ("tolerance = True", "a number (relative), or a table")),
        ("tolerance = '1 %'", ("tolerance = '1 %'", "a number (relative), or a table")),
        ("tolerance = [1e-2]", ("tolerance = [0.01]", "a number (relative), or a table")),
        ("[tolerance]\nstart = 5", ("tolerance.start = 5", "even")),
        ("[tolerance]\nstart = 2", ("tolerance.start = 2", "greater than or equal to 4")),
        ("[tolerance]\nstart = 6.0", ("tolerance.start = 6.0", "a whole number")),
        ("[tolerance]\nreplicas = 0", ("tolerance.replicas = 0", "greater than or equal to 1")),
        ("[tolerance]\nmax_evaluations = 0", ("tolerance.max_evaluations = 0",)),
        ("[tolerance]\nmax_seconds = -1", ("tolerance.max_seconds = -1", "greater than 0")),
        ("[tolerance]\nabsolute = 3.0", ("tolerance.absolute = 3.0", "expected a table")),
        ("[tolerance.absolute]\nspin_hall = 'small'", ("tolerance.absolute.spin_hall = 'small'", "number")),
        ("site = 'atoms'", ("unknown key 'site'", "did you mean 'sites'")),
        ("sites = 'orbitals'", ("sites = 'orbitals'", "expected 'atoms', 'projections', or a table [sites]")),
        ("sites = ['Mn1']", ("sites = ['Mn1']", "expected 'atoms', 'projections', or a table [sites]")),
        ("[sites]", ("[sites]", "expected 'atoms', 'projections', or a table [sites]")),
        (
            "[sites]\nMn1 = [0, 1]",
            ("[sites]", "Mn1 = [0, 1]: expected names of atoms, or Wannier functions (whole numbers from 1)"),
        ),
        ("[sites]\nMn1 = []", ("[sites]", "Mn1 = []: expected names")),
        ("[sites]\nMn1 = [1, 'Mn1']", ("[sites]", "Mn1 = [1, 'Mn1']: expected names")),
        ("[sites]\nMn1 = [1.5]", ("[sites]", "Mn1 = [1.5]: expected names")),
        ("[sites]\nMn1 = 3", ("[sites]", "Mn1 = 3: expected names")),
        ("[sites]\nMn1 = true", ("[sites]", "Mn1 = True: expected names")),
        ("[grid]\nshift = [nan, 0, 0]", ("grid.shift.0 = nan", "expected a finite number")),
        ("[tolerance]\nabsolute = { spin_hall = inf }", ("tolerance.absolute.spin_hall = inf", "expected a finite number")),
    ],
)
def test_refused(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    message = refusal(tmp_path, MINIMAL + text + "\n")
    for part in parts:
        assert part in message
    told = [re.split("[=:]", line)[0] for line in message.splitlines() if line.startswith("  ")]
    assert 0 < len(told) == len(set(told))  # each key is told once


def test_all_problems_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "responses = 3\ntmperature = 3\n[grid]\nshft = 1\npoints = [1]\n")
    for part in ("seedname", "'mu' is missing", "responses = 3", "tmperature", "grid.shft", "grid.points = [1]"):
        assert part in message


@pytest.mark.parametrize("key", ["seedname", "responses", "mu"])
def test_missing_key(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(key))
    assert f"the key '{key}' is missing" in refusal(tmp_path, text)


def test_all_missing_keys_are_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, 'responses = "all"\n')
    for part in (
        "'seedname' is missing; it has no default (or give a table [kp]",
        "'mu' is missing; it has no default (or give carriers",
    ):
        assert part in message


def test_bad_toml_names_the_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, MINIMAL + "tau = = 3\n")
    assert "not valid TOML" in message
    assert "line 4" in message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothere\.toml' does not exist; .* `wannier-spin init SEEDNAME`"):
        read_settings(tmp_path / "nothere.toml")


def test_binary_file(tmp_path: Path) -> None:
    utf8 = r"cannot read the input file .* not text in UTF-8 .*; save it as UTF-8"
    for data, said in ((b"\x89HDF\xff\xfe", "is HDF5, like a result .* INPUT.toml"), (MINIMAL.encode("utf-16"), utf8)):
        (tmp_path / "in.toml").write_bytes(data)
        with pytest.raises(InputError, match=said):
            read_settings(tmp_path / "in.toml")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_of_windows(tmp_path: Path, mark: str) -> None:
    """Its ends of lines, and the mark that some of its editors put first."""
    (tmp_path / "in.toml").write_bytes((mark + MINIMAL.replace("\n", "\r\n")).encode())
    read, text = read_settings(tmp_path / "in.toml")
    assert read == settings(tmp_path, MINIMAL)
    assert text == MINIMAL


def test_one_name_instead_of_a_list(tmp_path: Path) -> None:
    """`compute` takes a single name; the input file either does too, or says that it wants a list or "all"."""
    text = MINIMAL.replace('["spin_hall"]', '"spin_hall"')
    try:
        assert settings(tmp_path, text).responses in ("spin_hall", ["spin_hall"])
    except InputError as error:
        assert "all" in str(error).replace("spin_hall", "")


@pytest.mark.parametrize("written", ["'abc'", "true"])
def test_what_a_list_of_numbers_may_be(tmp_path: Path, written: str) -> None:
    message = refusal(tmp_path, MINIMAL + f"tau = {written}\n")
    assert "number" in message
    assert "from" in message


@pytest.mark.parametrize("value", ["-5", "[10, -1]", "0"])
def test_negative_tau(tmp_path: Path, value: str) -> None:
    refusal(tmp_path, MINIMAL + f"tau = {value}\n")


# --- default grid -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [0.05, 0.1, 0.33, 1.0])
def test_default_grid(spacing: float) -> None:
    """Even, as fine as asked for but not finer than needed: one step of two less would be too coarse."""
    model = models.random_model(n=2, seed=3)
    lengths = np.linalg.norm(2 * np.pi * np.linalg.inv(model.lattice).T, axis=1)
    grid = np.array(default_grid(model, spacing))
    assert (grid % 2 == 0).all()
    assert (lengths / grid <= spacing * (1 + 1e-12)).all()
    assert (lengths[grid > 2] / (grid[grid > 2] - 2) > spacing).all()


@pytest.mark.parametrize("periodic", [(True, True, False), (False, True, True), (True, False, False)])
def test_default_grid_has_one_point_along_vacuum(periodic: tuple[bool, bool, bool]) -> None:
    grid = default_grid(models.random_model(n=2, periodic=periodic), 0.5)
    assert [n == 1 for n in grid] == [not p for p in periodic]


def test_a_pair_of_spin_channels(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('seedname = { up = "X_up", down = "X_dn", axis = [1, 0, 0] }\nresponses = "all"\nmu = 0.0\n')
    settings, _ = read_settings(path)
    assert settings.seeds == ("X_up", "X_dn")
    path.write_text(as_toml(settings))
    assert read_settings(path)[0] == settings
    path.write_text('seedname = { up = "X_up" }\nresponses = "all"\nmu = 0.0\n')
    with pytest.raises(InputError, match="paths of both spins"):
        read_settings(path)
