"""Results in the hands of other programs: CSV, JSON, netCDF, xarray; and the JSON schema of the input file."""

import csv
import json
import math
import sys
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import cli
from wannier_spin.config import Settings
from wannier_spin.errors import InputError
from wannier_spin.formats.export import COLUMNS, input_schema, rows

Run = Callable[..., tuple[int, str, str]]
NAMES = ["spin_hall", "edelstein", "displacement_spin_magnetization", "nonlinear_drude_spin_current"]


@pytest.fixture(scope="module")
def result() -> ws.ResultSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # resonances without broadening
        return ws.compute(
            ws.models.get("rashba_exchange"),
            NAMES,
            grid=(4, 4, 1),
            mu=[-0.1, 0.3, 0.4],
            temperature=[300, 1000],
            omega=[0.1, 2.0],
            tau=[5, 20],
            units="SI",
        )


@pytest.fixture(scope="module")
def cubic(example_inputs: Path) -> ws.ResultSet:
    seed = example_inputs / "Pt" / "Pt"
    structure = ws.read_structure(seed.with_suffix(".win"))
    options = {"grid": (3, 3, 3), "mu": 22.5, "temperature": 2000, "omega": 0.1, "symmetry": structure}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ws.compute(ws.read_wannier90(seed), ["spin_hall", "edelstein", "displacement_spin_current"], **options)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wannier-spin", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- CSV ----------------------------------------------------------------------------------------------------------------


def test_csv_has_every_number_once(result: ws.ResultSet, tmp_path: Path) -> None:
    rows = rows_of(ws.export(result, tmp_path / "r.csv"))
    assert tuple(rows[0]) == COLUMNS
    found: dict[str, dict[tuple[str, ...], tuple[float, float]]] = {name: {} for name in NAMES}
    for row in rows:
        key = tuple(row[c] for c in ("tau", "mu_eV", "temperature_K", "omega_eV", "part", "component"))
        assert key not in found[row["response"]]
        found[row["response"]][key] = float(row["value"]), float(row["error"] or "nan")
    for name, tensor in result.items():
        assert np.abs(tensor.values).max() > 0
        numbers = np.array(list(found[name].values()))
        assert np.array_equal(numbers[:, 0], tensor.over_tau.ravel())  # repr of a float is exact
        assert np.array_equal(numbers[:, 1], tensor.error_over_tau.ravel(), equal_nan=True)


def test_a_row_of_the_csv(result: ws.ResultSet, tmp_path: Path) -> None:
    rows = rows_of(ws.export(result, tmp_path / "r.csv"))
    where = {"response": "nonlinear_drude_spin_current", "mu_eV": "0.3", "temperature_K": "1000.0", "tau": "20.0"}
    (row,) = [row for row in rows if where.items() <= row.items() and row["component"] == "xyy;z"]
    tensor = result["nonlinear_drude_spin_current"]
    assert float(row["value"]) == pytest.approx(tensor.at(tau=20).values[1, 1, 0, 1, 1, 2], rel=1e-14, abs=0)
    assert (row["unit"], row["tau_unit"], row["form"], row["relaxation"]) == (tensor.unit, "fs", "full", "adiabatic")
    assert (row["omega_eV"], row["part"], row["independent"]) == ("", "", "")
    where = {"response": "displacement_spin_magnetization", "omega_eV": "2.0", "part": "sin", "component": "yx", "mu_eV": "0.4"}
    rows = [row for row in rows if where.items() <= row.items()]
    assert {float(row["value"]) for row in rows} == set(result[where["response"]].values[2, :, 1, 1, 1, 0].tolist())


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_csv_without_error_estimates(tmp_path: Path) -> None:
    options = {"grid": (1, 1, 1), "mu": 0.1, "temperature": 1000}  # one point
    rows = rows_of(ws.export(ws.compute(ws.models.get("rashba_exchange"), "spin_hall", **options), tmp_path / "r.csv"))
    assert len(rows) == 27
    assert {row["error"] for row in rows} == {""}


def test_independent_components_are_marked(cubic: ws.ResultSet, tmp_path: Path) -> None:
    rows = rows_of(ws.export(cubic, tmp_path / "r.csv"))
    marked = {(row["response"], row["part"], row["component"]) for row in rows if row["independent"] == "1"}
    assert marked == {("spin_hall", "", "xy;z"), ("displacement_spin_current", "cos", "xy;z")}
    assert {row["independent"] for row in rows} == {"0", "1"}


@pytest.mark.parametrize("components", [(), ("xy;z",), ("yx;z", "zx;y")])
def test_asked_for_components_and_no_others(result: ws.ResultSet, cubic: ws.ResultSet, components: tuple[str, ...]) -> None:
    """With symmetry: independent ones 1, others 0; without: what is independent is not known."""
    for one, flags in ((result, {None}), (cubic, {0, 1})):
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows(one["spin_hall"], one.facts, components)]
        names = {row["component"] for row in found}
        assert names == set(components) or (not components and len(names) == (27 if flags == {None} else 6))
        assert {row["independent"] for row in found} <= flags
        assert all(row["independent"] == (row["component"] == "xy;z") for row in found if flags != {None})


# --- JSON ---------------------------------------------------------------------------------------------------------------


def test_json(result: ws.ResultSet, tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    blocks = {name: np.where(np.abs(b) > 0, np.inf, b) for name, b in result["edelstein"].blocks.items()}
    broken = replace(result, tensors={**result, "edelstein": replace(result["edelstein"], blocks=blocks)}, warnings=("a", "b"))
    path = ws.export(broken, tmp_path / "r.json")
    data = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert list(data["responses"]) == NAMES
    entry, tensor = data["responses"]["spin_hall"], result["spin_hall"]
    assert np.array_equal(entry["values"], tensor.values)
    assert (entry["unit"], entry["axes"]) == (tensor.unit, list(tensor.axes))
    assert entry["tau"] == [5, 20]
    assert any(x is None for x in np.array(data["responses"]["edelstein"]["values"], dtype=object).ravel())
    assert data["warnings"] == ["a", "b"]
    assert data["provenance"]["grid"] == [4, 4, 1]


# --- netCDF and xarray --------------------------------------------------------------------------------------------------


def test_dimension_scales_of_a_result_file(result: ws.ResultSet, tmp_path: Path) -> None:
    """What netCDF calls dimensions, with HDF5's own means."""
    import h5py

    with h5py.File(result.save(tmp_path / "r.h5")) as file:
        for name, tensor in result.items():
            group = file["responses"][name]
            for dataset in (group["values"], group["error"], *group["blocks"].values(), *group["block_errors"].values()):
                found = [dimension[0].name.rsplit("/", 1)[-1] for dimension in dataset.dims]
                assert found == list(tensor.axes), dataset.name
            assert group["values"].attrs["units"] == tensor.unit
            assert (group["mu"].attrs["units"], group["tau"].attrs["units"]) == ("eV", "fs")
            assert list(group["a"].asstr()) == ["x", "y", "z"]
            assert group["values_over_tau"].dims[0][0].name == f"/responses/{name}/tau"


def test_a_result_file_is_netcdf(result: ws.ResultSet, tmp_path: Path) -> None:
    """xarray finds a name for each dimension (pytest turns its warning about nameless ones into an error)."""
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    path = result.save(tmp_path / "r.h5")
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        for name, tensor in result.items():
            data = tree["responses"][name]
            assert data["values"].dims == tensor.axes
            assert np.array_equal(data["values"], tensor.values)
            assert np.array_equal(data["mu"], tensor.mu)
        yx = tree["responses/edelstein/values"].sel(mu=0.3, temperature=1000, a="y", b="x").item()
        assert yx == result["edelstein"].component("yx")[0][1, 1]


def test_text_arrays_come_back(tmp_path: Path) -> None:
    from wannier_spin.storage import Labelled, read_tree, write_tree

    text = np.array(["Γ", "X", ""])
    write_tree(tmp_path / "t.h5", {"kind": "test", "names": Labelled(text, ("names",)), "plain": text})
    tree = read_tree(tmp_path / "t.h5", "test")
    for key in ("names", "plain"):
        assert tree[key].dtype.kind == "U"
        assert tree[key].tolist() == text.tolist()


def test_netcdf_export(result: ws.ResultSet, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    path = ws.export(result, tmp_path / "r.nc")
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        xarray.testing.assert_identical(data.load(), result.to_xarray())
        assert json.loads(data.attrs["provenance"])["model"] == "rashba_exchange"
        assert data["edelstein"].attrs["equation"] == "(5)"


def test_to_xarray(result: ws.ResultSet) -> None:
    pytest.importorskip("xarray")
    data = result.to_xarray()
    for name, tensor in result.items():
        assert data[name].dims == ("tau", *tensor.axes)
        assert np.array_equal(data[name], tensor.over_tau)
        assert np.array_equal(data[f"{name}_error"], tensor.error_over_tau, equal_nan=True)
        assert data[name].attrs["units"] == tensor.unit
        alone = tensor.to_xarray()
        assert alone[name].identical(data[name])
    point = data["displacement_spin_magnetization"].sel(tau=20, mu=0.4, temperature=300, omega=2.0, part="sin", a="y", b="x")
    assert point.item() == result["displacement_spin_magnetization"].at(tau=20).component("yx")[0][2, 0, 1, 1]


def test_responses_with_other_axes_do_not_merge(result: ws.ResultSet, tmp_path: Path) -> None:
    odd = ws.ResultSet({**result, "edelstein": result["edelstein"].at(tau=3)})
    with pytest.raises(InputError, match="'edelstein' has another 'tau'"):
        ws.export(odd, tmp_path / "r.nc")
    assert list(tmp_path.iterdir()) == []


def test_without_xarray(result: ws.ResultSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    for convert in (result.to_xarray, result["edelstein"].to_xarray):
        with pytest.raises(InputError, match=r"pip install 'wannier-spin\[xarray\]'"):
            convert()
    ws.export(result, tmp_path / "r.nc")  # does not need it


# --- command line -------------------------------------------------------------------------------------------------------


def test_export_command(run: Run, result: ws.ResultSet, tmp_path: Path) -> None:
    source = result.save(tmp_path / "r.h5")
    assert run("export", source, "-o", tmp_path / "all.csv") == (0, f"written to {tmp_path}/all.csv\n", "")
    assert (tmp_path / "all.csv").read_text() == ws.export(result, tmp_path / "same.csv").read_text()
    assert run("export", source, "-o", tmp_path / "one.csv", "-r", "edelstein", "--tau", 40)[0] == 0
    rows = rows_of(tmp_path / "one.csv")
    assert {row["response"] for row in rows} == {"edelstein"}
    assert [float(row["value"]) for row in rows] == result["edelstein"].at(tau=40).values.ravel().tolist()
    assert run("export", source, "-o", tmp_path / "paper.json", "--form", "paper")[0] == 0
    assert {r["form"] for r in json.loads((tmp_path / "paper.json").read_text())["responses"].values()} == {"paper"}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("r.h5", "-o", "r.txt"), ("'{0}/r.txt'", ".csv, .json, .nc")),
        (("r.h5", "-o", "r"), ("'{0}/r'", ".csv, .json, .nc")),
        (("r.h5", "-o", "none/r.csv"), ("'{0}/none' does not exist",)),
        (("none.h5", "-o", "r.csv"), ("'{0}/none.h5' does not exist",)),
        (("r.h5", "-o", "r.csv", "-r", "edelstien"), ("'edelstien'", "it has spin_hall")),
        (("r.h5", "-o", "r.csv", "--relaxation", "slow"), ("full slow", "full adiabatic")),
    ],
)
def test_export_refuses(run: Run, result: ws.ResultSet, tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    result.save(tmp_path / "r.h5")
    before = sorted(tmp_path.iterdir())
    code, out, err = run("export", *(tmp_path / a if "." in a or a == "r" else a for a in arguments))
    assert (code, out, err.count("error: ")) == (2, "", 1)
    for part in parts:
        assert part.format(tmp_path) in err
    assert sorted(tmp_path.iterdir()) == before


def test_a_failure_leaves_the_old_export(result: ws.ResultSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.csv").write_text("old")

    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("wannier_spin.formats.export.rows", full_disk)
    with pytest.raises(InputError, match="is the disk full"):
        ws.export(result, tmp_path / "r.csv")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("r.csv", "old")]


# --- schema of the input file -------------------------------------------------------------------------------------------


def test_schema_knows_every_key(run: Run) -> None:
    code, out, _ = run("schema")
    schema = json.loads(out)
    assert code == 0
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["oneOf"] == [{"required": ["mu"]}, {"required": ["carriers"]}]
    assert schema["required"] == ["responses"]  # and a seedname, or a k·p model


def validation_error(data: dict[str, Any]) -> str | None:
    jsonschema = pytest.importorskip("jsonschema")
    try:
        jsonschema.validate(data, input_schema())
    except jsonschema.ValidationError as error:
        return str(error.message)
    return None


def test_schema_is_one() -> None:
    pytest.importorskip("jsonschema").Draft202012Validator.check_schema(input_schema())


@pytest.mark.parametrize("material", ["Pt", "Fe", "GaAs", "Mn2Au"])
def test_schema_takes_the_examples(example_inputs: Path, material: str) -> None:
    with open(example_inputs / material / "input.toml", "rb") as file:
        assert validation_error(tomllib.load(file)) is None


BASE: dict[str, Any] = {"seedname": "X", "responses": ["spin_hall"], "mu": 0.0}
RANGE = {"from": 1, "to": 2, "points": 3}


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        *(({key: value}, True) for key in ("mu", "temperature", "tau", "omega") for value in (1.0, [1, 2.0], RANGE)),
        *(({"mu": ..., "carriers": value}, True) for value in (0.1, [0.1, -0.2], RANGE, {"values": RANGE, "unit": "cm-3"})),
        ({"carriers": 0.1}, False),
        ({"mu": ...}, False),
        *(({"responses": value}, True) for value in ("all", "edelstein", ["edelstein"])),
        ({"grid": {"points": [4, 4, 4]}}, True),
        ({"mu": "0"}, False),
        ({"mu": {"from": 0, "to": 1}}, False),
        ({"temprature": 300}, False),
        ({"grid": {"point": [4, 4, 4]}}, False),
        ({"form": "complete"}, False),
        ({"responses": 3}, False),
    ],
)
def test_schema_and_settings_agree(changes: dict[str, Any], fits: bool) -> None:
    data = {key: value for key, value in {**BASE, **changes}.items() if value is not ...}
    assert (validation_error(data) is None) == fits
    if fits:
        Settings.model_validate(data)
    else:
        with pytest.raises(ValueError):
            Settings.model_validate(data)


def test_what_json_has_no_number_for_is_null() -> None:
    from wannier_spin.results import plain

    found = plain({"a": np.array([1.0, math.nan]), "b": (np.float64(2.0), math.inf), "c": {"d": "x"}, "e": True})
    assert found == {"a": [1.0, None], "b": [2.0, None], "c": {"d": "x"}, "e": True}


# --- everything at once -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def iron(example_inputs: Path) -> ws.ResultSet:
    """All responses of the shipped example, light and alternating fields together."""
    folder = example_inputs / "Fe"
    options = {"mu": [17.5, 17.6], "temperature": 3000, "omega": [0.1], "broadening": 0.05, "tau": [10, 50], "units": "SI"}
    crystal = ws.read_structure(folder / "Fe.win", [(0, 0, 2.2)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ws.compute(ws.load_model(folder / "Fe.model.h5"), "all", grid=(2, 2, 2), symmetry=crystal, **options)  # type: ignore[arg-type]


def test_all_responses_in_one_dataset(iron: ws.ResultSet, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    path = ws.export(iron, tmp_path / "iron.nc")
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert set(iron) <= set(data)
        assert data["part"].values.tolist() == ["cos", "sin"]
        assert data["light_part"].values.tolist() == ["linear", "circular"]
        tensor = iron["shift_spin_magnetization"]
        found = data["shift_spin_magnetization"].sel(tau=10, light_part="circular", a="z", b="x", c="y").values
        assert np.abs(found).max() > 0
        assert np.array_equal(found, tensor.values[..., 1, 2, 0, 1])
    assert set(iron) <= set(iron.to_xarray())


def test_csv_leaves_out_what_is_forbidden(iron: ws.ResultSet, tmp_path: Path) -> None:
    """And nothing else: every number that is not zero is there."""
    rows = rows_of(ws.export(iron, tmp_path / "iron.csv"))
    assert {row["response"] for row in rows} == {name for name, tensor in iron.items() if np.abs(tensor.values).max() > 0}
    for name, tensor in iron.items():
        own = [row for row in rows if row["response"] == name]
        sizes = np.abs(tensor.over_tau)
        assert len(own) < sizes.size
        top = sizes.max()
        assert sum(abs(float(row["value"])) > 1e-9 * top for row in own) == (sizes > 1e-9 * top).sum()


def test_csv_of_one_component(iron: ws.ResultSet, run: Run, tmp_path: Path) -> None:
    path = iron.save(tmp_path / "iron.h5")
    assert run("export", path, "-o", tmp_path / "one.csv", "-c", "xy;z")[0] == 0
    rows = rows_of(tmp_path / "one.csv")
    assert {row["component"] for row in rows} == {"xy;z", "xyz"}  # xyz of the nonlinear magnetizations
    spin_hall = [float(row["value"]) for row in rows if row["response"] == "spin_hall" and row["tau"] == "10.0"]
    assert spin_hall == iron["spin_hall"].component("xy;z")[0].ravel().tolist()
    with pytest.raises(ws.InputError, match="expected 3 letters"):
        ws.export(iron, tmp_path / "no.csv", "xyzxyz")
    with pytest.raises(ws.InputError, match="single components are written to .csv"):
        ws.export(iron, tmp_path / "no.nc", "xy;z")


def test_a_file_is_exported_by_its_name(iron: ws.ResultSet, tmp_path: Path) -> None:
    path = iron.save(tmp_path / "iron.h5")
    assert ws.export(path, tmp_path / "a.csv").read_text() == ws.export(iron, tmp_path / "b.csv").read_text()


def test_what_is_not_finite_is_said(iron: ws.ResultSet, run: Run, tmp_path: Path) -> None:
    tensor = iron["spin_hall"]
    blocks = {name: block.copy() for name, block in tensor.blocks.items()}
    next(iter(blocks.values()))[0, 0, 0, 1, 2] = np.inf
    path = replace(iron, tensors={"spin_hall": replace(tensor, blocks=blocks)}).save(tmp_path / "broken.h5")
    for arguments in (("export", path, "-o", tmp_path / "x.csv"), ("show", path)):
        code, out, _ = run(*arguments)
        assert code == 0
        assert "spin_hall: 1 of 54 values are not finite" in out
    ws.export(path, tmp_path / "x.json")
    assert "not finite" in json.loads((tmp_path / "x.json").read_text())["responses"]["spin_hall"]["state"]
