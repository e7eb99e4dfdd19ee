"""What is asked: one record for every entry, with the same names, defaults and refusals."""

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import Carriers
from wannier_spin.calculation.run import request_of
from wannier_spin.cli.options import OF_RESPONSE
from wannier_spin.config import read_settings
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.model import Structure
from wannier_spin.request import DEFAULTS, Keywords, Request

CRYSTAL = Structure(np.eye(3), np.zeros((1, 3)), np.array([26]), np.zeros((1, 3)))
SHEET = ws.models.get("rashba_exchange")
POINT: Any = {"mu": 0.3, "temperature": 1000}
ASKED: Any = {"responses": ["spin_hall", "edelstein"], "mu": [0.1, 0.3], "temperature": [500, 1000], "grid": (4, 4, 1)}


def test_keywords_are_the_fields() -> None:
    assert {f.name for f in fields(Request)} == {"responses", *Keywords.__annotations__}
    assert set(inspect.signature(ws.compute).parameters) == {
        *("model", "responses", "comm", "progress", "control"),
        *Keywords.__annotations__,
    }
    for function in (ws.compute, ws.response_map, ws.decompose, ws.fermi_surface):
        for name, parameter in inspect.signature(function).parameters.items():
            if name in DEFAULTS and parameter.kind is parameter.KEYWORD_ONLY:
                assert parameter.default == DEFAULTS[name], (function, name)


def test_a_request_and_its_keywords_give_the_same() -> None:
    request = Request(**ASKED, units="SI")
    ours, theirs = ws.compute(SHEET, request), ws.compute(SHEET, **ASKED, units="SI")
    changed = ws.compute(SHEET, request, tau=20)
    for name in ("spin_hall", "edelstein"):
        assert np.abs(ours[name].values).max() > 0
        assert np.array_equal(ours[name].values, theirs[name].values)
    assert np.allclose(changed["edelstein"].values, 2 * ours["edelstein"].values, rtol=1e-13)
    one = Request("spin_hall", **POINT, grid=(4, 4, 1))
    here: Any = ws.decompose(SHEET, one, "xy;z"), ws.decompose(SHEET, "spin_hall", "xy;z", grid=(4, 4, 1), **POINT)
    assert np.array_equal(here[0].values, here[1].values)
    assert np.abs(here[0].values).max() > 0


def test_an_input_file_asks_the_same(tmp_path: Path) -> None:
    """Everything that can be asked in Python can be asked in a file; mu counts from fermi_energy there, sites from 1."""
    (tmp_path / "Fe.win").touch()
    (tmp_path / "in.toml").write_text("""
        seedname = "sheet.h5"
        responses = ["edelstein", "magnetic_spin_hall"]
        fermi_energy = 0.25
        mu = [-0.1, 0.1]
        temperature = 700
        tau = [20, 30]
        omega = 0.2
        broadening = 0.05
        spin_current = "simple"
        channel = "spin"
        form = "paper"
        relaxation = "gao"
        blocks = ["L1surf"]
        grid = [6, 6, 1]
        sites = { A = [1], B = [2] }
        symmetry.reduce = false
        numerics = { degeneracy_tolerance = 1e-4, degeneracy_check = true, memory = 0.5 }
    """)
    found = request_of(read_settings(tmp_path / "in.toml")[0], SHEET, None)
    expected = Request(
        ["edelstein", "magnetic_spin_hall"],
        mu=[0.15, 0.35],
        temperature=700,
        tau=[20, 30],
        omega=0.2,
        broadening=0.05,
        form="paper",
        relaxation="gao",
        blocks="L1surf",
        grid=(6, 6, 1),
        sites={"A": [0], "B": [1]},
        units="SI",
        reduce_k=False,
        degeneracy_tolerance=1e-4,
        degeneracy_check=True,
        memory=0.5,
    )
    for f in fields(Request):
        ours, theirs = getattr(found, f.name), getattr(expected, f.name)
        assert np.allclose(ours, theirs, atol=1e-15) if isinstance(ours, np.ndarray) else ours == theirs, f.name


# How each keyword is written in an input file, and what is then asked for; not its default.
IN_FILES: dict[str, tuple[str, Any]] = {
    "responses": ("responses = 'edelstein'", ("edelstein",)),
    "mu": ("mu = 0.2", [0.2]),
    "carriers": ("carriers = [0.1, 0.2]", Carriers([0.1, 0.2], fermi_energy=0.0)),
    "temperature": ("temperature = 77", [77.0]),
    "grid": ("grid = [8, 8, 1]", (8, 8, 1)),
    "shift": ("grid = { points = [4, 4, 1], shift = [0.5, 0.0, 0.0] }", (0.5, 0.0, 0.0)),
    "tolerance": ("tolerance = 0.03", Tolerance(0.03, {})),
    "units": ("units = 'natural'", "natural"),
    "tau": ("tau = [7, 8]", [7.0, 8.0]),
    "omega": ("omega = [0.1, 0.2]", [0.1, 0.2]),
    "broadening": ("broadening = 0.1", 0.1),
    "gap_broadening": ("gap_broadening = 0.1\nresponses = 'nonlinear_extrinsic_spin_current'", 0.1),
    "channel": ("channel = 'charge'", "charge"),
    "form": ("form = 'paper'", "paper"),
    "relaxation": ("relaxation = 'gao'", "gao"),
    "spin_current": ("spin_current = ['ryoo', 'simple']", ("ryoo", "simple")),
    "blocks": ("blocks = ['L1surf']", ("L1surf",)),
    "symmetry": ("symmetry.structure = 'sheet.cif'", CRYSTAL),
    "reduce_k": ("symmetry.reduce = false", False),
    "sites": ("sites = { A = [1], B = [2] }", {"A": [0], "B": [1]}),
    "degeneracy_tolerance": ("numerics.degeneracy_tolerance = 1e-4", 1e-4),
    "degeneracy_check": ("numerics.degeneracy_check = true", True),
    "memory": ("numerics.memory = 3", 3.0),
}
# What has no option of its own name in commands that compute something for a response at once, and why.
NO_OPTION = {
    "responses": "--quantity",
    "mu": "--fermi-energy",
    "grid": "--grid, of what has a mesh",
    "units": "always SI",
    "blocks": "--block: one in place of the form",
    **dict.fromkeys(
        ("carriers", "shift", "tolerance", "sites", "symmetry", "reduce_k", "degeneracy_check", "memory"), "of a whole run"
    ),
}


def asked_in(folder: Path, *lines: str) -> Request:
    """What a file with these keys asks for; the others have their defaults."""
    keys = {line.partition("=")[0].strip() for line in lines}
    needed: tuple[str, ...] = ("seedname = 'sheet.h5'", "responses = 'spin_hall'", "fermi_energy = 0.0")
    needed += () if "carriers" in keys else ("mu = 0",)
    tables = [line for line in lines if "." in line.partition("=")[0]]
    top = [line for line in (*needed, *lines) if line not in tables and (line in lines or line.split()[0] not in keys)]
    (folder / "in.toml").write_text("\n".join([*top, *tables]))
    structure = CRYSTAL if any("structure" in line for line in lines) else None
    return request_of(read_settings(folder / "in.toml")[0], SHEET, structure)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, np.ndarray):
        return ours.shape == np.shape(theirs) and np.allclose(ours, theirs, rtol=1e-14)
    return bool(ours is theirs or ours == theirs)


def test_every_keyword_has_a_key(tmp_path: Path) -> None:
    """Each field of a request can be asked for in an input file, which changes that field and no other."""
    assert set(IN_FILES) == {f.name for f in fields(Request)}
    base = asked_in(tmp_path)
    for name, (line, expected) in IN_FILES.items():
        found = asked_in(tmp_path, *line.splitlines())
        assert same(getattr(found, name), expected), name
        assert not same(getattr(base, name), expected), name
        changed = {f.name for f in fields(Request) if not same(getattr(found, f.name), getattr(base, f.name))}
        # a mesh is given with a shift, and none with a tolerance; tau is in fs in a file
        along = {"carriers": {"mu"}, "shift": {"grid"}, "tolerance": {"grid"}, "units": {"tau"}, "gap_broadening": {"responses"}}
        assert changed == {name} | along.get(name, set())


def test_defaults_are_the_same_everywhere(tmp_path: Path) -> None:
    """But for what is said: files have SI units, 300 K, and a mesh of some density; in Python these are asked for."""
    ours, theirs = asked_in(tmp_path), Request("spin_hall", mu=0, temperature=300, units="SI")
    different = {f.name for f in fields(Request) if not same(getattr(ours, f.name), getattr(theirs, f.name))}
    assert different == {"grid", "degeneracy_tolerance"}
    assert theirs.degeneracy_tolerance is None
    assert ours.degeneracy_tolerance == DEGENERACY_TOLERANCE  # what None is for a model that comes from files


def test_every_keyword_has_an_option_or_a_reason() -> None:
    options = {f.name for f in fields(Request) if "help" in f.metadata}
    assert options == set(OF_RESPONSE)
    assert not options & set(NO_OPTION)
    assert options | set(NO_OPTION) == {f.name for f in fields(Request)}


def test_the_identity_knows_what_enters_numbers() -> None:
    base = Request(**ASKED)
    changes: dict[str, Any] = {
        "responses": "spin_hall",
        "mu": [0.1, 0.31],
        "temperature": [500, 1001],
        "units": "SI",
        "tau": 2.0,
        "omega": 0.1,
        "broadening": 0.1,
        "channel": "charge",
        "form": "paper",
        "relaxation": "gao",
        "spin_current": "ryoo",
        "blocks": "L1surf",
        "gap_broadening": 0.1,
    }
    for name, value in changes.items():
        at = base if name != "gap_broadening" else base.with_(responses="nonlinear_extrinsic_spin_current")
        other = at.with_(**{"responses": at.responses, name: value}).identity()
        different = {key for key in other if other[key] != at.identity()[key]}
        assert name in different
        assert different <= {name, "tau"}, name  # the default of tau is another one in SI units
    assert base.identity()["package"] == ws.__version__
    assert base.with_(memory=2.0, grid=(8, 8, 1), tau=[1.0, 5.0]).identity() == base.identity()


def test_it_says_its_units() -> None:
    text = repr(Request(**ASKED))
    assert "natural units" in text
    assert "tau = 1 hbar/eV" in text
    assert "mesh 4x4x1" in text
    assert text.count("\n") < 5
    assert "tau = 10 fs" in repr(Request(**ASKED, units="SI"))
    assert "2001 values" in repr(Request("spin_hall", mu=np.linspace(0, 1, 2001), temperature=0))


@pytest.mark.parametrize("energies", [[0.0, 3.0, 12], [0, 1, 4], [0.0, 1.0, 21.0], [1.0, 0.0, 21], (-1.0, 1.0, 6)])
def test_three_energies_are_three_energies(energies: list[float]) -> None:
    """As long as the last is no number of points beyond doubt."""
    assert Request("spin_hall", mu=energies, temperature=300).mu.tolist() == list(energies)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"mu": [-1, 1, 21]}, ("21 points from -1 to 1", "numpy.linspace(-1, 1, 21)", "points = 21")),
        ({"omega": [0, 3, 301]}, ("omega = [0, 3, 301]", "301 points from 0 to 3")),
        ({"tau": 1e-14, "units": "SI"}, ("1e-14 fs", "if seconds are meant, write 10")),
        ({"tau": 1e-14}, ("hbar/eV", "SI units take tau in fs")),
        ({"tau": 1e14, "units": "SI"}, ("cannot be meant",)),
        ({"tau": 1e300, "units": "SI"}, ("tau = 1e+300 fs cannot be meant",)),
        ({"temprature": 3}, ("'temprature'", "did you mean 'temperature'")),
        ({"grid": (4, 4, 1), "tolerance": 1e-2}, ("found both",)),
        ({"units": "cgs"}, ("units = 'cgs'", "natural, SI")),
        ({"temperature": -1}, ("negative",)),
        ({"mu": []}, ("mu must be",)),
    ],
)
def test_what_cannot_be_meant_is_asked_back(given: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(ws.InputError) as refused:
        ws.compute(SHEET, "spin_hall", **{**POINT, **given})
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize("mu", [[0.1, 0.2, 30.0], [-1, 1, 2], [3, 2, 21], np.array([-1, 1, 21]), [20, 21, 22]])
def test_three_energies_may_be_meant(mu: Any) -> None:
    assert np.array_equal(Request("spin_hall", mu=mu, temperature=300).mu, mu)


@pytest.mark.parametrize("missing", ["mu", "temperature"])
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ws.InputError, match=f"^{missing} is missing"):
        ws.compute(SHEET, "spin_hall", **{key: value for key, value in POINT.items() if key != missing})


class Foreign:
    """A model of another program."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("Pt", "'Pt' is a name, not a model: .*open_model('Pt')"),
        (Path("runs/Pt"), "'runs/Pt' is a name"),
        (Foreign(), "Foreign; expected a TightBindingModel"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_model(model: Any, message: str) -> None:
    pattern = message.replace("(", r"\(").replace(")", r"\)")
    for call in (
        lambda: ws.compute(model, "spin_hall", grid=(4, 4, 4), **POINT),
        lambda: ws.decompose(model, "spin_hall", "xy;z", grid=(4, 4, 4), **POINT),
    ):
        with pytest.raises(ws.InputError) as refused:
            call()
        assert re.search(pattern, str(refused.value)), refused.value


@pytest.mark.parametrize(("name", "given"), [("progress", True), ("progress", 1), ("comm", 4), ("comm", "world")])
def test_what_is_no_progress_and_no_communicator(name: str, given: Any) -> None:
    how: Any = {name: given}
    for call in (
        lambda: ws.compute(SHEET, "spin_hall", grid=(4, 4, 1), **POINT, **how),
        lambda: ws.decompose(SHEET, "spin_hall", "xy;z", grid=(4, 4, 1), **POINT, **how),
    ):
        with pytest.raises(ws.InputError, match=f"^{name} = {given!r}, expected a "):
            call()


def test_a_request_for_a_point_is_for_one() -> None:
    path = ws.k_path(SHEET, "G 0 0 0; X 1/2 0 0", 4)
    for several in ({"mu": [0.1, 0.2]}, {"temperature": [1, 2]}, {"tau": [1, 2]}):
        with pytest.raises(ws.InputError, match="expected one number"):
            ws.response_map(SHEET, path, "spin_hall", "xy;z", **{**POINT, **several})
    with pytest.raises(ws.InputError, match="responses.*expected one"):
        ws.response_map(SHEET, path, Request(["spin_hall", "edelstein"], **POINT), "xy;z")
    with pytest.raises(ws.InputError, match="sites are for `compute`"):
        ws.response_map(SHEET, path, Request("edelstein", **POINT, sites={"A": [0]}), "xy")
