"""`open_model`: one way from a path to a model, so that every command works with the model that `run` computes with."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin import calculation
from wannier_spin.calculation.dry_run import _components
from wannier_spin.config import read_settings
from wannier_spin.integrals.tolerance.checkpoint import fingerprint

INPUT = """
seedname = "X.h5"
responses = ["spin_hall"]
mu = 0.1
fermi_energy = 0.25
temperature = 1000
[grid]
points = [4, 4, 1]
[model]
vacuum = "c"
thickness = 5.0
"""


wannier_spin = pytest.fixture(entry_point)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    replace(ws.models.get("kane_mele"), periodic=(True, True, True)).save(tmp_path / "X.h5")
    (tmp_path / "in.toml").write_text(INPUT)
    return tmp_path


def same(a: ws.TightBindingModel, b: ws.TightBindingModel) -> bool:
    return fingerprint(a) == fingerprint(b) and a.periodic == b.periodic and a.thickness == b.thickness


def test_an_input_file_and_keywords_say_the_same(folder: Path) -> None:
    plain = ws.open_model(folder / "X.h5")
    layer = ws.open_model(folder / "in.toml")
    assert plain.periodic == (True, True, True)
    assert (layer.periodic, layer.thickness) == ((True, True, False), 5.0)
    assert same(layer, ws.open_model(folder / "X.h5", vacuum="c", thickness=5))
    assert same(layer, calculation.read_inputs(read_settings(folder / "in.toml")[0], folder)[0])
    assert ws.open_model(folder / "in.toml", thickness=7.0).thickness == 7.0  # a keyword comes first, the rest stays
    assert ws.open_model(str(folder / "in.toml"), thickness=7.0).periodic == (True, True, False)


def test_files_that_are_named_are_the_ones_that_are_read(tmp_path: Path, example_inputs: Path) -> None:
    for name in ("GaAs_tb.dat.gz", "GaAs_wsvec.dat.gz"):
        (tmp_path / name).symlink_to(example_inputs / "GaAs" / name)
    (tmp_path / "GaAs.chk").write_text("not a checkpoint")
    with pytest.raises(ws.InputError, match=r"GaAs\.eig"):  # the seedname asks for the checkpoint route
        ws.open_model(tmp_path / "GaAs")
    model = ws.open_model(tmp_path / "GaAs_tb.dat.gz", spin="interleaved", ws_distance_tolerance=0.02)
    assert model.spin_R is not None
    assert same(model, ws.read_tb(tmp_path / "GaAs_tb.dat.gz", spin="interleaved", ws_distance_tolerance=0.02))
    assert model.source["ws_distance_tolerance"] == "0.02"


def test_the_averaged_model_is_the_averaged_one_for_every_command(
    wannier_spin: Command, tmp_path: Path, example_inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Iron, averaged over its magnetic group: bands move by an meV, and all commands have to see that."""
    from wannier_spin.analysis import fermi_surface as surfaces
    from wannier_spin.analysis import kpath

    for name in ("Fe.model.h5", "Fe.win"):
        (tmp_path / name).symlink_to(example_inputs / "Fe" / name)
    text = (example_inputs / "Fe" / "input.toml").read_text() + "average_model = true\n"
    path = tmp_path / "in.toml"
    path.write_text(text)
    options: Any = {"structure": tmp_path / "Fe.win", "magnetic_moments": [[0, 0, 2.2]], "average_model": True}
    averaged = ws.open_model(path)
    assert "symmetrized" in averaged.source
    assert same(averaged, ws.open_model(tmp_path / "Fe.model.h5", **options))
    plain = ws.open_model(tmp_path / "Fe.model.h5")
    k = np.array([[0.1, 0.2, 0.3]])
    moved = np.abs(ws.band_geometry(averaged, k).energies - ws.band_geometry(plain, k).energies).max()
    assert 1e-5 < moved < 2e-2

    seen: list[ws.TightBindingModel] = []

    def spy(module: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(module, name)
        monkeypatch.setattr(module, name, lambda model, *a, **k: seen.append(model) or original(model, *a, **k))

    spy(kpath, "band_map")
    spy(surfaces, "fermi_surface")
    spy(ws.readers, "check_model")
    spin = ("-q", "spin", "-c", "z")
    for arguments in (
        ("bands", path, "--path", "G 0 0 0; H 1/2 -1/2 1/2", "--points", 4, *spin, "-o", tmp_path / "b.png"),
        ("plane", path, "--corners", ". 0 0 0; . 1 0 0; . 0 1 0", "--points", 3, 3, *spin, "-o", tmp_path / "p.png"),
        ("fermi-surface", path, "--grid", 4, 4, 4, "-o", tmp_path / "f.bxsf"),
        ("check", path),
    ):
        done = wannier_spin(*arguments)
        assert done.code == 0, done.err
    assert len(seen) == 4
    assert all(same(model, averaged) for model in seen)
    assert "17.6048" in (tmp_path / "f.bxsf").read_text()  # the Fermi energy of the input file


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"vacum": "c"}, ("'vacum'", "did you mean 'vacuum'?")),
        ({"vacuum": "d"}, ("vacuum", "'a', 'b' or 'c'")),
        ({"spin": "files"}, ("finished model", "leave out model.spin")),
        ({"thickness": 3.0}, ("thickness", "model.vacuum")),
        ({"average_model": True}, ("average_model", "symmetry.structure")),
        ({"magnetic_moments": [[0, 0, 1]]}, ("magnetic_moments", "symmetry.structure")),
    ],
)
def test_options_that_do_not_fit(folder: Path, options: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(ws.InputError) as refused:
        ws.open_model(folder / "X.h5", **options)
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize("thing", [3, None, np.eye(2)])
def test_what_is_no_path(thing: Any) -> None:
    with pytest.raises(ws.InputError, match="expected a path.*TightBindingModel"):
        ws.open_model(thing)


def test_a_pair_of_spin_channels(tmp_path: Path, wannier_spin: Command) -> None:
    """From Python, from an input file, and what the commands make of it."""
    whole = ws.models.altermagnet(J=0.6)
    for spin, name in enumerate(("X_up", "X_dn")):
        own = slice(spin, None, 2)
        H = whole.hamiltonian_R[:, own, own]
        replace(whole, hamiltonian_R=H, spin_R=None, centres=whole.centres[own], name=name).save(tmp_path / f"{name}.h5")
    model = calculation.open_model({"up": tmp_path / "X_up.h5", "down": tmp_path / "X_dn.h5", "axis": [1, 0, 0]})
    assert model.spin_axis.tolist() == [1, 0, 0]
    atoms = "Mn 0.2 0.2 0\nMn -0.2 -0.2 0\nMn 0.2 -0.2 0\nMn -0.2 0.2 0\n"
    cell = "begin unit_cell_cart\n1 0 0\n0 1 0\n0 0 1\nend unit_cell_cart\n"
    (tmp_path / "X.win").write_text(f"{cell}begin atoms_frac\n{atoms}end atoms_frac\n")
    path = tmp_path / "x.toml"
    path.write_text(
        'seedname = { up = "X_up.h5", down = "X_dn.h5" }\n'
        'responses = ["magnetic_spin_hall", "spin_hall", "displacement_spin_current"]\n'
        "mu = -2.5\nomega = 0.1\n[grid]\npoints = [16, 16, 1]\n[symmetry]\nstructure = 'X.win'\n"
        "magnetic_moments = [[0, 0, 2], [0, 0, 2], [0, 0, -2], [0, 0, -2]]\n"
    )
    assert calculation.open_model(path).spin_axis.tolist() == [0, 0, 1]
    out = wannier_spin("run", path).out
    assert "\nspin group (collinear) (" in out
    assert "xy;z = yx;z" in out
    result = ws.load(tmp_path / "x.h5")
    assert ", spin group (collinear)" in repr(result)
    planned = dict(_components(result))
    assert planned["symmetry"].startswith("spin group (collinear), ")
    assert planned["spin_hall"] == planned["displacement_spin_current cos"] == "forbidden by symmetry: zero"
    assert planned["magnetic_spin_hall"] == planned["displacement_spin_current sin"] == "xy;z"
    assert "forbidden by symmetry" in out
    assert "spin across the axis" in wannier_spin("check", path).out
    found = wannier_spin("symmetry", tmp_path / "X.win", "--no-soc", "--magmom", "0 0 2; 0 0 2; 0 0 -2; 0 0 -2").out
    assert "spin space group, collinear moments, axis [0.0, 0.0, 1.0]" in found
    assert "xy;z = yx;z" in found
    path.write_text(path.read_text() + "[model]\nspin = 'interleaved'\n")
    with pytest.raises(ws.InputError, match="the paths of both spins"):
        calculation.open_model({"up": 1})
    with pytest.raises(ws.InputError, match="functions have a spin already"):
        calculation.open_model(path)


# --- options of figures are those of a request ---------------------------------------------------------------------------


def test_options_are_made_from_the_request() -> None:
    from dataclasses import fields

    from wannier_spin.cli.options import MODEL, OF_RESPONSE
    from wannier_spin.config import ModelSection
    from wannier_spin.keywords import OfResponse
    from wannier_spin.request import Request

    assert set(OF_RESPONSE) <= {f.name for f in fields(Request)}
    left_out = {"units", "blocks"}  # figures are in SI units; a figure of a block is --block
    assert set(OfResponse.__annotations__) | {"temperature"} == set(OF_RESPONSE) | left_out
    assert set(MODEL) <= set(ModelSection.model_fields)


def test_a_figure_is_of_what_the_input_file_asks_for(
    wannier_spin: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Temperature, tau, form, ... of the input file; options come before them."""
    from wannier_spin.analysis import maps

    seen: list[dict[str, Any]] = []
    original = maps.response_map
    monkeypatch.setattr(maps, "response_map", lambda *a, **k: seen.append(k) or original(*a, **k))
    text = INPUT.replace("temperature = 1000", "temperature = [700, 900]\ntau = 25\nform = 'paper'")
    (folder / "in.toml").write_text(text)
    figure = ("bands", folder / "in.toml", "--path", "G 0 0 0; M 1/2 1/2 0", "--points", 4, "-o", tmp_path / "b.png")
    assert wannier_spin(*figure, "-q", "spin_hall").code == 0
    assert wannier_spin(*figure, "-q", "spin_hall", "--temperature", 50, "--tau", 5, "--fermi-energy", 0.4).code == 0
    chosen = [{name: k[name] for name in ("mu", "temperature", "tau", "form", "units")} for k in seen]
    assert chosen[0] == {"mu": 0.25, "temperature": 700.0, "tau": 25.0, "form": "paper", "units": "SI"}
    assert chosen[1] == {"mu": 0.4, "temperature": 50.0, "tau": 5.0, "form": "paper", "units": "SI"}
    refused = wannier_spin(*figure, "-q", "spin_berry_curvature", "--spin-current", "ryoo")
    assert refused.code == 2
    assert "--spin-current is for responses" in refused.err


def test_decompose(wannier_spin: Command, folder: Path) -> None:
    """The printed parts are those of `decompose`, and the last line is the response of `run`."""
    done = wannier_spin("decompose", folder / "in.toml", "-q", "spin_hall", "--grid", 4, 4, 1)
    assert done.code == 0, done.err
    model = ws.open_model(folder / "in.toml")
    found = ws.decompose(model, "spin_hall", "xy;z", grid=(4, 4, 1), mu=0.25, temperature=1000, units="SI")
    printed = {line.split()[0]: float(line.split()[1]) for line in done.out.splitlines()[2:]}
    assert abs(found.total) > 0
    assert printed.pop("all") == pytest.approx(found.total, rel=1e-4, abs=0)
    assert {name: pytest.approx(value, rel=1e-4, abs=0) for name, value in printed.items()} == {
        label: value for label, value in zip(found.labels, found.values.tolist(), strict=True) if value
    }
    result = ws.compute(model, "spin_hall", grid=(4, 4, 1), mu=0.25, temperature=1000, units="SI")["spin_hall"]
    assert found.total == pytest.approx(result.component("xy;z")[0].item(), rel=1e-10, abs=0)


def test_keywords_are_the_keys_of_the_tables() -> None:
    from wannier_spin.calculation.open_model import ALONE, TABLES
    from wannier_spin.keywords import HowRead

    keys = {key for section in TABLES.values() for key in section.model_fields} | set(ALONE)
    assert set(HowRead.__annotations__) == keys
    assert keys < set(inspect.signature(ws.open_model).parameters)
