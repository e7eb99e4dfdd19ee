"""Screening as a user meets it: a table with the right numbers, failures that stop nothing, nothing done twice."""

import ast
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ase.db
import h5py
import numpy as np
import pytest
from command_line import Command, entry_point
from rounding import same

import wannier_spin as ws
from wannier_spin import calculation, config, plotting, units
from wannier_spin.calculation.files import SEED_FILES
from wannier_spin.errors import Interrupted
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.readers import read_structure
from wannier_spin.screening import figures, process
from wannier_spin.screening.figures import ANGLE, FORBIDDEN
from wannier_spin.screening.material import Common, material_in, material_names
from wannier_spin.screening.table import Table

COMMON = """
responses = ["spin_hall", "nonlinear_drude_spin_magnetization", "nonlinear_intrinsic_spin_magnetization"]
mu = [-0.1, 0.0, 0.1]
temperature = 1000
tau = 20
[grid]
points = [4, 4, 4]
"""
SHEET = 'seedname = "sheet.model.h5"\nfermi_energy = 0.3\n[grid]\npoints = [6, 6, 1]\n'
MOMENT = [[0.0, 0.0, 2.2]]
FERMI = {"Fe": 17.6048, "GaAs": 9.13}


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run `wannier-spin screen` in this process, in tmp_path."""
    monkeypatch.chdir(tmp_path)
    call = entry_point(monkeypatch, capsys)
    return lambda *arguments: call("screen", *arguments)


@pytest.fixture
def runs(tmp_path: Path, example_inputs: Path) -> Path:
    """Iron with its input file, GaAs without one, and a folder in which Wannier90 was not finished."""
    (tmp_path / "common.toml").write_text(COMMON)
    for name in ("Fe", "GaAs", "broken"):
        (tmp_path / name).mkdir()
    for name in ("Fe", "GaAs"):
        for ending in (".model.h5", ".win"):
            shutil.copy(example_inputs / name / (name + ending), tmp_path / name)
    shutil.copy(example_inputs / "Fe" / "input.toml", tmp_path / "Fe")
    (tmp_path / "GaAs" / "scf.out").write_text("  highest occupied, lowest unoccupied level (ev):     9.0300    9.2300\n")
    (tmp_path / "broken" / "Fe.win").write_text("num_wann = 18\n")
    return tmp_path


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """Three cheap models with an input file each, and common settings."""
    (tmp_path / "common.toml").write_text('responses = ["spin_hall", "edelstein"]\nmu = 0.0\ntemperature = 2000\n')
    for name, exchange in (("weak", 0.1), ("strong", 0.8), ("medium", 0.4)):
        (tmp_path / name).mkdir()
        ws.models.get("rashba_exchange", exchange=(0, 0, exchange)).save(tmp_path / name / "sheet.model.h5")
        (tmp_path / name / "input.toml").write_text(SHEET)
    return tmp_path


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["material"]: row for row in csv.DictReader(file)}


def expected(name: str, runs: Path, responses: list[str], **options: Any) -> ws.ResultSet:
    """The same computed directly."""
    structure = read_structure(runs / name / f"{name}.win", MOMENT if name == "Fe" else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.AccuracyWarning)
        return ws.compute(
            ws.load_model(runs / name / f"{name}.model.h5"),
            responses,
            grid=(4, 4, 4),
            mu=FERMI[name] + np.array([-0.1, 0.0, 0.1]),
            temperature=1000,
            tau=20,
            units="SI",
            symmetry=structure,
            **options,
        )


def _with_small_bars(tensor: ws.ResponseTensor) -> ws.ResponseTensor:
    errors = {name: 1e-6 * block for name, block in tensor.blocks.items()}
    return replace(tensor, block_errors=errors, block_spreads=None, block_harmonics=None)


# --- the table ----------------------------------------------------------------------------------------------------------


def test_table(screen: Command, runs: Path) -> None:
    """Every number against `compute`; the broken folder is one line, and the exit code is 0."""
    done = screen("Fe", "GaAs", "broken", "--settings", "common.toml", "--overrule", "-o", "table.csv")
    assert done.code == 0
    assert done.err.count("\n") == 3  # progress: one line for each
    assert "2 materials done (0 reused), 1 failed; table table.csv" in done.out
    assert "failed: broken (why: column 'error')" in done.out.splitlines()  # why it did is said once
    (line,) = [line for line in done.err.splitlines() if line.startswith("broken: failed: ")]
    for part in ("broken", str(runs / "broken"), "no input.toml", "no finished Wannier90 run", ".chk"):
        assert part in line

    rows = rows_of(runs / "table.csv")
    assert [row["status"] for row in rows.values()] == ["computed", "computed", "failed"]
    assert (rows["Fe"]["group"], rows["GaAs"]["group"]) == ("139.537", "216.75")  # with and without moments
    assert "9.13 eV from scf.out, middle of the gap; structure from GaAs.win" in rows["GaAs"]["notes"]
    names = ["spin_hall", "nonlinear_drude_spin_magnetization", "nonlinear_intrinsic_spin_magnetization"]
    for name in ("Fe", "GaAs"):
        spin = expected(name, runs, names)
        row = rows[name]
        for response in names:
            tensor = spin[response]
            if name == "GaAs" and response != "spin_hall":  # time reversal forbids them
                assert (row[response], row[f"{response}.component"]) == ("0.0", "forbidden")
                continue
            resolved = np.abs(tensor.values) > np.maximum(tensor.error, 1e-9 * np.abs(tensor.values).max())  # rounding is no number
            for key, rows_of_mu in ((response, slice(1, 2)), (f"{response}.peak", slice(None))):
                values, errors = tensor.component(row[f"{key}.component"])
                place = int(np.argmin(np.abs(tensor.mu - FERMI[name] - float(row[f"{key}.mu"]))))
                assert float(row[key]) == pytest.approx(values[place, 0], rel=1e-12, abs=0)
                known = resolved[rows_of_mu] if resolved[rows_of_mu].any() else np.ones_like(resolved[rows_of_mu])
                assert abs(values[place, 0]) == pytest.approx(np.abs(tensor.values[rows_of_mu])[known].max(), rel=1e-9, abs=0)
                assert float(row[f"{key}.error"]) == pytest.approx(errors[place, 0], rel=1e-9, abs=0)
            assert row[f"{response}.unit"] == tensor.unit
    # the mesh is too coarse for the ratio: the same with small bars
    assert rows["Fe"]["nonlinear_drude_spin_magnetization.to_intrinsic"] == ""
    sharp = expected("Fe", runs, names)
    tensors = {name: _with_small_bars(tensor) for name, tensor in sharp.items()}
    iron = figures.figures(replace(sharp, tensors=tensors).with_facts(fermi_energy=FERMI["Fe"]))
    letters = str(iron["nonlinear_drude_spin_magnetization.component"])
    drude, intrinsic = (sharp[name].component(letters)[0][1, 0] for name in names[1:])
    assert iron["nonlinear_drude_spin_magnetization.to_intrinsic"] == pytest.approx(drude / intrinsic, rel=1e-10, abs=0)
    assert abs(drude) > 0


def test_spin_hall_angle_of_iron(screen: Command, runs: Path) -> None:
    """2 sigma_ab;c / sigma_bb with sigma_bb from the identity channel, at the mu of the spin Hall conductivity."""
    text = COMMON.replace("[4, 4, 4]", "[12, 12, 12]").replace("mu = [-0.1, 0.0, 0.1]", "mu = -1.0")
    (runs / "common.toml").write_text(text.replace("temperature = 1000", "temperature = 3000"))
    assert screen("Fe", "--settings", "common.toml", "--overrule", "-o", "t.csv").code == 0
    row = rows_of(runs / "t.csv")["Fe"]
    model, structure = ws.load_model(runs / "Fe" / "Fe.model.h5"), read_structure(runs / "Fe" / "Fe.win", MOMENT)
    charge = ws.compute(
        model,
        "magnetic_spin_hall",
        grid=(12, 12, 12),
        mu=16.6048,
        temperature=3000,
        tau=20,
        units="SI",
        channel="charge",
        symmetry=structure,
    )["magnetic_spin_hall"]
    field = row["spin_hall.component"][1]
    assert row["charge_conductivity.component"] == 2 * field
    (sigma,) = charge.component(2 * field)[0][0]
    assert float(row["charge_conductivity"]) == pytest.approx(sigma, rel=1e-10, abs=0)
    assert float(row["spin_hall_angle"]) == pytest.approx(2 * float(row["spin_hall"]) / sigma, rel=1e-10, abs=0)


def test_charge_conductivity_is_drude(screen: Command, tmp_path: Path) -> None:
    """A simple cubic band -2t(cos kx + cos ky + cos kz), two spins: 2 e^2 tau/hbar^2 int v^2 (-f'), summed independently."""
    t, a, n, tau = 0.5, 3.0, 12, 7.0
    R = np.array([[0, 0, 0], *np.vstack([np.eye(3), -np.eye(3)]).astype(int).tolist()])
    H = np.array([np.zeros((2, 2)), *[-t * np.eye(2)] * 6], complex)
    pauli = np.moveaxis(np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]), 0, -1)
    spin = np.zeros((7, 2, 2, 3), complex)
    spin[0] = pauli
    (tmp_path / "cubic").mkdir()
    ws.TightBindingModel(lattice=a * np.eye(3), R_vectors=R, hamiltonian_R=H, spin_R=spin).save(tmp_path / "cubic" / "c.model.h5")
    (tmp_path / "cubic" / "input.toml").write_text(
        f"responses = ['spin_hall']\nmu = -1.5\ntemperature = 3000\ntau = {tau}\n[grid]\npoints = [{n}, {n}, {n}]\n"
    )
    assert screen("cubic", "-o", "t.csv").code == 0
    row = rows_of(tmp_path / "t.csv")["cubic"]

    k = 2 * np.pi * np.arange(n) / n
    kx, ky, kz = np.meshgrid(k, k, k)
    kT = units.thermal_energy(3000.0)
    f = 1 / (np.exp((-2 * t * (np.cos(kx) + np.cos(ky) + np.cos(kz)) + 1.5) / kT) + 1)
    mean = (2 * (2 * t * a * np.sin(kx)) ** 2 * f * (1 - f) / kT).mean() / a**3  # eV per angstrom
    e, hbar = 1.602176634e-19, 1.054571817e-34
    sigma = e**2 / hbar**2 * (tau * 1e-15) * mean * e * 1e10  # eV -> J, 1/angstrom -> 1/m
    assert float(row["charge_conductivity"]) == pytest.approx(sigma, rel=1e-3, abs=0)
    assert row["charge_conductivity.unit"] == "S m^-1"
    assert row["group"] == ""


def test_formats_hold_the_same(screen: Command, sheets: Path) -> None:
    names = ("t.csv", "t.json", "t.h5")
    for name in names:
        assert screen("weak", "strong", "nothing", "--settings", "common.toml", "-o", name).code == 0
    table = json.loads((sheets / "t.json").read_text())
    rows = rows_of(sheets / "t.csv")
    volatile = {"seconds", "result"}
    with h5py.File(sheets / "t.h5") as file:
        assert json.loads(file.attrs["columns"]) == list(table[0]) == list(next(iter(rows.values())))
        for column in set(table[0]) - volatile:
            stored = file["table"][column][()]
            for cell, row, in_csv in zip(stored, table, rows.values(), strict=True):
                value = row[column]
                assert in_csv[column] == ("" if value is None else str(value))
                if isinstance(cell, bytes):
                    assert cell.decode() == (value or "")
                else:
                    assert np.isnan(cell) if value is None else cell == value
    assert sorted(p.name for p in sheets.iterdir() if p.is_file()) == sorted(["common.toml", *names])


def test_rank_by(screen: Command, sheets: Path) -> None:
    folders = ("weak", "nothing", "strong", "medium")
    assert screen(*folders, "--settings", "common.toml").code == 0
    assert list(rows_of(sheets / "screening.csv")) == list(folders)
    done = screen(*folders, "--settings", "common.toml", "--resume", "--rank-by", "spin_hall")
    rows = rows_of(sheets / "screening.csv")
    numbers = [(abs(float(row["spin_hall"])), float(row["spin_hall.error"])) for row in rows.values() if row["spin_hall"]]
    assert numbers == sorted(numbers, key=lambda number: (number[0] <= number[1], -number[0]))  # noise behind the others
    assert len(set(numbers)) == 3
    assert list(rows)[-1] == "nothing"
    lines = done.out.splitlines()
    first = lines.index(next(line for line in lines if line.startswith("material ")))
    assert [line.split()[0] for line in lines[first + 1 : first + 4]] == list(rows)[:-1]


def test_rank_by_a_wrong_name_is_told_before_anything_is_computed(screen: Command, sheets: Path) -> None:
    done = screen("weak", "--settings", "common.toml", "--rank-by", "spin_hal_angle")
    assert done.code == 2
    assert "did you mean 'spin_hall_angle'?" in done.err
    assert not (sheets / "screening_results").exists()
    assert not (sheets / "screening.csv").exists()


def test_warnings_of_a_material_are_in_the_table(screen: Command, sheets: Path) -> None:
    (sheets / "weak" / "input.toml").write_text(SHEET.replace("0.3", "40.0"))
    done = screen("weak", "strong", "--settings", "common.toml")
    assert done.out.count("warning: weak: mu goes from 40.0000") == 1
    assert "is the Fermi energy right" in rows_of(sheets / "screening.csv")["weak"]["warnings"]
    assert "warning: strong" not in done.out


def test_a_result_that_another_run_is_writing(screen: Command, sheets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wannier_spin.locks import locked

    monkeypatch.setenv("XDG_CACHE_HOME", str(sheets / "cache"))
    with locked(sheets / "screening_results" / "weak.h5"):
        done = screen("weak", "strong", "--settings", "common.toml")
    rows = rows_of(sheets / "screening.csv")
    assert "is being written by another run" in rows["weak"]["error"], done.out
    assert rows["strong"]["status"] == "computed"


# --- what fails ---------------------------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing folder": (shutil.rmtree, ("is not there", "Wannier90 run")),
    "unknown key": (
        lambda f: (f / "input.toml").write_text("mode = 1\n" + SHEET),
        ("input.toml", "'mode'", "did you mean 'model'"),
    ),
    "no TOML": (lambda f: (f / "input.toml").write_text("mu ="), ("input.toml", "not valid TOML")),
    "wrong symmetry": (lambda f: (f / "input.toml").write_text("symmetry = 3\n" + SHEET), ("input.toml", "symmetry = 3")),
    "no Fermi energy": (
        lambda f: (f / "input.toml").write_text(SHEET.replace("fermi_energy = 0.3\n", "")),
        ("no Fermi energy found", "write fermi_energy (eV) into the input file"),
    ),
    "damaged model": (lambda f: (f / "sheet.model.h5").write_bytes(b"\x89HDF"), ("sheet.model.h5", "not a readable HDF5")),
    "two models": (
        lambda f: [shutil.copy(f / "sheet.model.h5", f / "b.model.h5"), (f / "input.toml").unlink()],
        ("has the runs b.model.h5, sheet.model.h5", "write seedname"),
    ),
    "another name than input.toml": (
        lambda f: (f / "input.toml").rename(f / "sheet.toml"),
        ("no Fermi energy found", "; sheet.toml is not read, input.toml would be"),
    ),
    "folders below": (
        lambda f: [shutil.rmtree(f), (f / "Pt").mkdir(parents=True)],
        ("no finished Wannier90 run", ".model.h5) in it, but folders: give those"),
    ),
    "impossible grid": (
        lambda f: (f / "input.toml").write_text(SHEET.replace("6, 1]", "6, 6]")),
        ("grid has 6 points", "not periodic"),
    ),
    "unknown response": (
        lambda f: (f / "input.toml").write_text("responses = 'spinhall'\n" + SHEET),
        ("'spinhall'", "did you mean 'spin_hall'"),
    ),
    "charge": (lambda f: (f / "input.toml").write_text("channel = 'charge'\n" + SHEET), ("channel = 'charge'", "leave it out")),
    "a folder in the way of the result": (
        lambda f: (f.parent / "screening_results" / "weak.h5").mkdir(parents=True),
        ("weak.h5' is a folder",),
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_one_line_and_stops_nothing(screen: Command, sheets: Path, case: str) -> None:
    damage, parts = FAILURES[case]
    damage(sheets / "weak")
    done = screen("weak", "strong", "--settings", "common.toml")
    assert done.code == 0
    assert "1 materials done (0 reused), 1 failed" in done.out
    rows = rows_of(sheets / "screening.csv")
    assert rows["strong"]["status"] == "computed"
    assert rows["weak"]["status"] == "failed"
    assert "\n" not in rows["weak"]["error"]
    for part in parts:
        assert part in rows["weak"]["error"]
        assert done.err.count(part) >= 1 and part not in done.out  # said once, when it happens


def test_a_fault_of_ours_stops_nothing_either(screen: Command, sheets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = calculation.run_model

    def breaks(model: Any, structure: Any, settings: config.Settings, *rest: Any) -> ws.ResultSet:
        if "exchange=(0, 0, 0.1)" in model.source["parameters"] and settings.channel == "charge":
            raise ZeroDivisionError("three bands too many")
        return original(model, structure, settings, *rest)

    monkeypatch.setattr(calculation, "run_model", breaks)
    done = screen("weak", "strong", "--settings", "common.toml")
    assert done.code == 0
    assert "ZeroDivisionError: three bands too many (not foreseen" in done.err
    assert "Traceback" not in done.out + done.err
    assert not (sheets / "screening_results" / "weak.h5").exists()


def test_missing_moments_say_what_to_do(screen: Command, runs: Path) -> None:
    """The structure of iron as found in its .win file has no moment: that is not the group of the model."""
    (runs / "Fe" / "input.toml").write_text("fermi_energy = 17.6048\n")
    assert screen("Fe", "--settings", "common.toml").code == 1
    error = rows_of(runs / "screening.csv")["Fe"]["error"]
    for part in ("does not have the magnetic group", "structure from Fe.win", "symmetry.magnetic_moments", "empty [symmetry]"):
        assert part in error
    (runs / "Fe" / "input.toml").write_text("fermi_energy = 17.6048\n[symmetry]\n")
    assert screen("Fe", "--settings", "common.toml").code == 0
    assert rows_of(runs / "screening.csv")["Fe"]["group"] == ""


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("weak", "--settings", "no.toml"), ("no.toml", "does not exist")),
        (("weak", "--settings", "bad.toml"), ("bad.toml", "'temprature'", "did you mean 'temperature'")),
        (("weak", "--settings", "response.toml"), ("'spin_hal'", "did you mean 'spin_hall'")),
        (("weak", "--settings", "output.toml"), ("output.toml", "leave out output")),
        (("weak", "--overrule"), ("--settings",)),
        (("weak", "--settings", "common.toml", "-o", "t.txt"), ("'t.txt'", ".csv")),
        (("weak", "--settings", "common.toml", "-o", "no/t.csv"), ("'no' does not exist",)),
        (("weak", "--settings", "common.toml", "--figure", "no/t.pdf"), ("'no' does not exist",)),
        (("weak", "--settings", "common.toml", "-o", "weak/sheet.model.h5"), ("sheet.model.h5", "not replaced")),
        (("weak", "--settings", "common.toml", "--ase-db", "t.sqlite"), ("t.sqlite", ".db")),
        (("weak", "--settings", "common.toml", "--ranks-per-material", "2"), ("2 ranks", "1")),
        (("weak", "--settings", "common.toml", "--ranks-per-material", "0"), ("0 ranks", "1")),
    ],
)
def test_a_wrong_request_is_one_message(screen: Command, sheets: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    (sheets / "bad.toml").write_text("temprature = 3")
    (sheets / "response.toml").write_text("responses = 'spin_hal'")
    (sheets / "output.toml").write_text("output = 'x.h5'")
    model = (sheets / "weak" / "sheet.model.h5").read_bytes()
    done = screen(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("error: ") == 1
    assert "Traceback" not in done.err
    assert not (sheets / "screening_results").exists()
    for part in parts:
        assert part in done.err
    assert (sheets / "weak" / "sheet.model.h5").read_bytes() == model


def test_all_failed(screen: Command, tmp_path: Path) -> None:
    """One that succeeds makes it 0, see the others."""
    done = screen("one", "two", "--rank-by", "spin_hall", "--figure", "a.png")
    assert done.code == 1
    assert "0 materials done (0 reused), 2 failed" in done.out
    assert "no figure 'a.png': no material has a number to draw" in done.err
    assert len(rows_of(tmp_path / "screening.csv")) == 2


# --- a material that ends its process -----------------------------------------------------------------------------------


ENDS: dict[str, tuple[Callable[[], object], str]] = {
    "crash": (lambda: os.kill(os.getpid(), signal.SIGSEGV), "its process was ended by SIGSEGV, a crash inside of a library"),
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "ended by SIGKILL, as by the system when memory is short"),
    "exit": (lambda: os._exit(3), "ended without an answer (exit code 3)"),
    "memory": (lambda: np.zeros(2**58), "it needs more memory than there is"),
    "time": (lambda: time.sleep(60), "took longer than the time limit of 3 s (--time-limit)"),
    "hang with every signal blocked": (
        lambda: (signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL}), time.sleep(60)),
        "took longer than the time limit of 3 s",
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_material_that_dies_is_one_line(screen: Command, sheets: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    original = calculation.inputs_of

    def inputs_of(settings: config.Settings, folder: Path) -> Any:
        if folder.name == "weak":
            ENDS[how][0]()
        return original(settings, folder)

    monkeypatch.setattr(calculation, "inputs_of", inputs_of)
    start = time.monotonic()
    limit = ("--time-limit", "3") if "3 s" in ENDS[how][1] else ()
    done = screen("weak", "strong", "--settings", "common.toml", *limit)
    assert done.code == 0
    rows = rows_of(sheets / "screening.csv")
    assert [row["status"] for row in rows.values()] == ["failed", "computed"]
    assert ENDS[how][1] in rows["weak"]["error"]
    assert time.monotonic() - start < 30
    assert not list(sheets.glob("screening_results/.*"))


def test_a_folder_that_asks_for_too_much_is_one_line(screen: Command, sheets: Path) -> None:
    text = SHEET + "mu = { from = -1, to = 1, points = 100000000000 }\n"
    (sheets / "weak" / "input.toml").write_text(text.replace("[grid]\npoints = [6, 6, 1]\n", ""))
    done = screen("weak", "strong", "--settings", "common.toml")
    rows = rows_of(sheets / "screening.csv")
    assert done.code == 0
    assert [row["status"] for row in rows.values()] == ["failed", "computed"]
    assert "points" in rows["weak"]["error"]


def test_a_bad_time_limit_is_one_message(screen: Command, sheets: Path) -> None:
    for value in ("0", "-1", "nan"):
        done = screen("weak", "--settings", "common.toml", "--time-limit", value)
        assert (done.code, done.err.count("error: ")) == (2, 1)


# --- resuming -----------------------------------------------------------------------------------------------------------


def test_resume(screen: Command, sheets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished and unchanged is reused, and gives the same row; the rest is computed."""
    first = screen("weak", "strong", "--settings", "common.toml")
    before = rows_of(sheets / "screening.csv")
    assert first.err.count(": computed in ") == 2
    (sheets / "screening_results" / "strong.h5").unlink()
    original = calculation.run_model

    def run_model(*arguments: Any) -> ws.ResultSet:
        with (sheets / "computed").open("a") as file:  # in another process
            file.write(f"{arguments[2].channel} ")
        return original(*arguments)

    monkeypatch.setattr(calculation, "run_model", run_model)
    done = screen("weak", "strong", "--settings", "common.toml", "--resume")
    assert (sheets / "computed").read_text() == "spin charge "  # of one material
    assert "weak: reused, its input is unchanged" in done.err
    assert "2 materials done (1 reused), 0 failed" in done.out
    after = rows_of(sheets / "screening.csv")
    assert [row["status"] for row in after.values()] == ["reused", "computed"]
    for name, row in before.items():
        assert {k: v for k, v in row.items() if k not in ("status", "seconds")} == {
            k: v for k, v in after[name].items() if k not in ("status", "seconds")
        }


def test_without_resume_everything_is_computed(screen: Command, sheets: Path) -> None:
    for _ in range(2):
        assert ": computed in " in screen("weak", "--settings", "common.toml").err


def _other_model(sheets: Path) -> None:
    ws.models.get("rashba_exchange", exchange=(0, 0, 0.3)).save(sheets / "weak" / "sheet.model.h5")


def _other_settings(sheets: Path) -> None:
    (sheets / "common.toml").write_text((sheets / "common.toml").read_text().replace("2000", "3000"))


def _truncated_result(sheets: Path) -> None:
    path = sheets / "screening_results" / "weak.h5"
    path.write_bytes(path.read_bytes()[:3000])


def _result_of_run(sheets: Path) -> None:
    path = sheets / "screening_results" / "weak.h5"
    result = ws.load(path)
    result.with_facts(screening={}).save(path)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_other_model, "computed again: sheet.model.h5 changed"),
        (_other_settings, "computed again: the settings changed"),
        (_truncated_result, "weak.h5' is not a readable HDF5 file"),
        (_result_of_run, "computed again: sheet.model.h5 changed and the settings changed and the version changed"),
    ],
)
def test_changed_input_is_computed_again(screen: Command, sheets: Path, change: Callable[[Path], None], line: str) -> None:
    assert screen("weak", "--settings", "common.toml").code == 0
    before = rows_of(sheets / "screening.csv")["weak"]
    change(sheets)
    if change is _truncated_result:  # whatever is in the place of a result is not silently replaced
        assert "not replaced" in screen("weak", "--settings", "common.toml", "--resume").err
        return
    done = screen("weak", "--settings", "common.toml", "--resume")
    assert line in done.err
    after = rows_of(sheets / "screening.csv")["weak"]
    assert after["status"] == "computed"
    assert (before["spin_hall"] == after["spin_hall"]) == (change is _result_of_run)
    assert screen("weak", "--settings", "common.toml", "--resume").err.count("reused, its input is unchanged") == 1


def test_a_result_can_be_computed_again_with_run(screen: Command, sheets: Path) -> None:
    """The input text in its provenance is a whole input file."""
    assert screen("weak", "--settings", "common.toml").code == 0
    result = ws.load(sheets / "screening_results" / "weak.h5")
    (sheets / "weak" / "again.toml").write_text(result.provenance["input"])
    settings, _ = config.read_settings(sheets / "weak" / "again.toml")
    model = ws.load_model(sheets / "weak" / "sheet.model.h5")
    again = calculation.run_model(model, None, settings, "", SERIAL)
    assert same(again["spin_hall"].values, result["spin_hall"].values)
    assert "sheet.model.h5" in json.loads(result.provenance["screening"]["files"])


# --- settings -----------------------------------------------------------------------------------------------------------


def test_whose_settings_count(sheets: Path) -> None:
    own = {"responses": ["edelstein"], "grid": {"points": [6, 6, 1]}, "mu": 0.1, "fermi_energy": 0.3, "seedname": "sheet.model.h5"}
    (sheets / "weak" / "input.toml").write_text(config.as_toml(config.settings_from(own, "test")))
    folder = (sheets / "weak").resolve()
    shared = {"responses": ["spin_hall"], "grid": {"spacing": 0.5}, "fermi_energy": 9.0, "seedname": "other"}
    mild = material_in("weak", folder, Common(shared)).settings
    strict = material_in("weak", folder, Common(shared, overrule=True)).settings
    assert (mild.responses, mild.grid.points, mild.fermi_energy) == (["edelstein"], [6, 6, 1], 0.3)
    assert (strict.responses, strict.grid.points, strict.grid.spacing) == (["spin_hall"], None, 0.5)
    assert (strict.fermi_energy, strict.seedname) == (0.3, "sheet.model.h5")


@pytest.mark.parametrize(
    ("shared", "message"), [({"responses": []}, "no response was asked for"), ({"channel": "charge"}, "is of spin responses")]
)
def test_what_is_not_screened(sheets: Path, shared: dict[str, Any], message: str) -> None:
    with pytest.raises(ws.InputError, match=message):
        material_in("weak", (sheets / "weak").resolve(), Common({"responses": ["edelstein"], "mu": 0.0, **shared}, overrule=True))


def test_absolute_mu_needs_no_fermi_energy(sheets: Path) -> None:
    """As for `run`: an input file that has mu but no fermi_energy, of a model that comes from no run."""
    (sheets / "weak" / "input.toml").write_text("responses = 'spin_hall'\nmu = 0.2\n")
    settings = material_in("weak", (sheets / "weak").resolve(), Common()).settings
    assert settings.fermi_energy is None
    found = calculation.inputs_of(settings, sheets / "weak").settings
    assert found is not None
    assert found.fermi_energy == 0.0


def test_common_options_of_files_do_not_concern_saved_models(sheets: Path) -> None:
    common = Common({"responses": ["spin_hall"], "mu": 0.0, "model": {"spin": "interleaved", "vacuum": "c"}})
    model = material_in("weak", (sheets / "weak").resolve(), common).settings.model
    assert (model.spin, model.vacuum) == (None, "c")


def test_a_wannier90_run_without_an_input_file(example_inputs: Path, tmp_path: Path) -> None:
    """Seedname, structure and Fermi energy are found; what is not is asked for."""
    for name in ("Pt.chk", "Pt.win"):
        (tmp_path / name).symlink_to(example_inputs / "Pt" / name)
    common = Common({"responses": ["spin_hall"], "mu": 0.0})
    (tmp_path / "Pt.toml").write_text("what `init` writes")
    with pytest.raises(ws.InputError, match=r"no Fermi energy found .* write fermi_energy \(eV\) into the input file"):
        material_in("Pt", tmp_path, common)
    (tmp_path / "OUTCAR").write_text(" E-fermi :  22.4839     XC(G=0): -10.0966\n")
    material = material_in("Pt", tmp_path, common)
    assert (material.settings.seedname, material.settings.fermi_energy) == ("Pt", 22.4839)
    assert (material.settings.symmetry.structure, material.structure) == ("Pt.win", "Pt.win")
    found = ("seedname Pt", "Fermi energy 22.4839 eV from OUTCAR", "structure from Pt.win")
    assert material.notes == (*found, "Pt.toml is not read, input.toml would be")
    said = process._reason(ws.InputError("does not have the magnetic group"), material, np.inf)
    assert "(structure from Pt.win; Pt.toml is not read, input.toml would be; give symmetry.magnetic_moments" in said


def test_hashes_cover_what_is_read(example_inputs: Path) -> None:
    material = material_in("Pt", example_inputs / "Pt", Common())
    assert set(material.hashes()) == {"Pt.chk", "Pt.eig", "Pt.mmn.gz", "Pt.spn", "Pt.win"}
    assert material.structure == "Pt.win"


def test_hashes_know_every_ending_that_a_reader_asks_for() -> None:
    """`find_file` and `require_file` with their endings, in all readers."""
    asked: set[str] = set()
    for path in (Path(ws.__file__).parent / "readers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("find_file", "require_file"):
                asked |= {a.value for a in node.args[1:] if isinstance(a, ast.Constant)}
    assert {".chk", "_r.dat", "_centres.xyz", ".wout", ".nnkp"} <= asked
    assert asked <= set(SEED_FILES)
    assert {".sIu", ".sHu"} <= set(SEED_FILES)  # whose names are put together


def test_what_was_opened_unexpectedly_is_remembered(screen: Command, sheets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that opens a file of which the list of endings knows nothing."""
    original = calculation.inputs_of

    def inputs_of(settings: config.Settings, folder: Path) -> Any:
        (folder / "INCAR").read_text()
        return original(settings, folder)

    monkeypatch.setattr(calculation, "inputs_of", inputs_of)
    (sheets / "weak" / "INCAR").write_text("MAGMOM = 1")
    assert screen("weak", "--settings", "common.toml").code == 0
    assert "reused" in screen("weak", "--settings", "common.toml", "--resume").err
    (sheets / "weak" / "INCAR").write_text("MAGMOM = 2")
    assert "computed again: INCAR changed" in screen("weak", "--settings", "common.toml", "--resume").err
    assert "reused" in screen("weak", "--settings", "common.toml", "--resume").err


def test_names(tmp_path: Path) -> None:
    def names(*paths: str) -> list[str]:
        return [name for name, _ in material_names([tmp_path / path for path in paths])]

    assert names("a", "b", "a") == ["a", "b"]
    assert names("a/run", "b/run", "c") == ["a_run", "b_run", f"{tmp_path.name}_c"]
    with pytest.raises(ws.InputError, match="no folder"):
        names()


def test_settings_survive_as_text(tmp_path: Path, example_inputs: Path) -> None:
    for path in example_inputs.glob("*/input.toml"):
        settings, _ = config.read_settings(path)
        (tmp_path / "again.toml").write_text(config.as_toml(settings), encoding="utf-8")
        assert config.read_settings(tmp_path / "again.toml")[0] == settings
    odd = settings.model_copy(update={"seedname": 'a "b"\\ c é 雪\t', "mu": [1e-300, -2.5e20, 3.0]})
    (tmp_path / "again.toml").write_text(config.as_toml(odd), encoding="utf-8")
    assert config.read_settings(tmp_path / "again.toml")[0] == odd


# --- figures of merit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "error", "wanted"),
    [(2.0, 0.5, (3.0, 1.5 * 0.5 + 2 * 0.1 / 2)), (-2.0, float("nan"), (-3.0, None)), (2.0, 2.0, None), (0.0, float("nan"), None)],
)
def test_ratio(other: float, error: float, wanted: tuple[float, float | None] | None) -> None:
    """Errors add up; nothing is divided by what is not larger than its error."""
    found = figures.Quantity(3.0, 0.1).over(figures.Quantity(other, error), factor=2.0)
    if wanted is None:
        assert found is None
        return
    assert found is not None
    assert found.value == wanted[0]
    assert found.error == pytest.approx(wanted[1]) if wanted[1] is not None else np.isnan(found.error)


def test_component_of_a_dynamic_response() -> None:
    """The largest over mu, omega and the cos and sin parts, named."""
    result = ws.compute(
        ws.models.get("rashba_exchange"),
        "displacement_spin_current",
        grid=(4, 4, 1),
        mu=[0.1, 0.3],
        temperature=2000,
        omega=[0.1, 0.2],
        broadening=0.1,
    )
    row = figures.figures(result.with_facts(fermi_energy=0.1))
    tensor = result["displacement_spin_current"].at(units="SI")
    for key, place in (("displacement_spin_current", slice(0, 1)), ("displacement_spin_current.peak", slice(None))):
        sizes = np.abs(tensor.values[place])
        resolved = sizes > tensor.error[place]
        sizes = sizes[resolved] if resolved.any() else sizes
        assert abs(row[key]) == pytest.approx(sizes.max(), rel=1e-12, abs=0) and sizes.max() > 0
        component, part, omega, _ = str(row[f"{key}.component"]).split()
        values = tensor.component(component)[0][:, 0, [0.1, 0.2].index(float(omega)), ("cos", "sin").index(part)]
        assert np.abs(values - row[key]).min() < 1e-12 * np.abs(values).max()


def test_light_is_named_by_its_parts() -> None:
    result = ws.compute(
        ws.models.get("rashba_exchange"),
        "shift_spin_current",
        grid=(4, 4, 1),
        mu=0.1,
        temperature=2000,
        omega=[0.5],
        broadening=0.1,
    )
    name = str(figures.figures(result)["shift_spin_current.component"])
    assert re.fullmatch(r"[xyz]{3};[xyz] (linear|circular) 0.5 eV", name), name


def test_noise_is_no_record() -> None:
    """A value below its error bar is neither taken for the largest component nor ranked before one that is above."""
    result = ws.compute(ws.models.get("rashba_exchange"), "edelstein", grid=(6, 6, 1), mu=[0.0, 0.2], temperature=1000, units="SI")
    tensor = result["edelstein"]
    place = np.unravel_index(int(np.abs(tensor.values).argmax()), tensor.values.shape)
    errors = {name: 1e-3 * tensor.blocks[name] for name in tensor.blocks}
    for name, block in errors.items():
        block[place] = 2 * np.abs(tensor.blocks[name]).max()
    noisy = replace(tensor, block_errors=errors, block_spreads=None, block_harmonics=None)
    row = figures.figures(replace(result, tensors={"edelstein": noisy}).with_facts(fermi_energy=float(tensor.mu[place[0]])))
    assert 0 < abs(float(row["edelstein"] or 0)) < 0.999 * np.abs(tensor.values).max() or row["edelstein.component"] != "xy"
    assert abs(float(row["edelstein"] or 0)) > float(row["edelstein.error"] or 0)
    rows = tuple({"material": m, "x": x, "x.error": e} for m, x, e in (("a", 9.0, 10.0), ("b", 1.0, 0.1), ("c", 2.0, None)))
    assert [row["material"] for row in Table(("material", "x"), rows).ranked("x").rows] == ["c", "b", "a"]


def test_the_ranking_as_a_figure(screen: Command, sheets: Path) -> None:
    """In the order of the ranking, pale where the value is below its bar."""
    done = screen("weak", "strong", "nothing", "--settings", "common.toml", "--rank-by", "spin_hall", "--figure", "rank.png")
    assert done.code == 0, done.err
    assert (sheets / "rank.png").read_bytes().startswith(b"\x89PNG")
    assert screen("weak", "--settings", "common.toml", "--figure", "rank.txt").code == 2
    rows = tuple({"material": m, "x": x, "x.error": e} for m, x, e in (("a", 9.0, 10.0), ("b", 1.0, 0.1), ("c", -2.0, None)))
    names, values, errors, _ = Table(("material", "x"), rows).numbers("x")
    assert (names, values.tolist()) == (["c", "b", "a"], [-2.0, 1.0, 9.0])
    axes = plotting.plot_ranking(names, values, errors, "x", "S m^-1").axes[0]
    assert [patch.get_width() for patch in axes.patches] == [-2.0, 1.0, 9.0]
    assert [patch.get_alpha() == 1.0 for patch in axes.patches] == [True, True, False]
    assert axes.get_xlim()[1] <= 4.0  # what is noise does not set the scale


def test_the_json_table_is_read_by_others(screen: Command, sheets: Path) -> None:
    """A list of records, which pandas.read_json takes as it is."""
    assert screen("weak", "strong", "--settings", "common.toml", "-o", "t.json").code == 0
    table = json.loads((sheets / "t.json").read_text())
    assert [record["material"] for record in table] == ["weak", "strong"]
    assert {tuple(record) for record in table} == {tuple(table[0])}
    assert all(not isinstance(cell, dict | list) for record in table for cell in record.values())


def test_equal_components_are_named_alike() -> None:
    """-sigma_yx;z is sigma_xy;z up to rounding: which one is named must not depend on the rounding."""
    result = ws.compute(ws.models.get("kane_mele"), "spin_hall", grid=(6, 6, 1), mu=0.0, temperature=100)
    (name,) = {
        t.component_name(figures.largest(t, [0]))
        for factor in (1 - 1e-13, 1, 1 + 1e-13)
        for t in [_scaled(result["spin_hall"], factor)]
    }
    assert name == "xy;z"


def _scaled(tensor: Any, factor: float) -> Any:
    blocks = {key: value.copy() for key, value in tensor.blocks.items()}
    for value in blocks.values():
        value[..., 1, 0, 2] *= factor
    return replace(tensor, blocks=blocks)


def test_a_group_of_ranks_ends_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is computed: a mesh counts its batches, boxes ask whether to stop. Settings of the model come first."""
    seen: list[tuple[object, bool]] = []

    def run_model(model: object, structure: object, settings: object, text: str, comm: object, progress: Any, control: Any) -> Any:
        seen.append((settings, control.stop()))
        progress(1, 2)
        return {}

    monkeypatch.setattr(calculation, "run_model", run_model)
    material: Any = SimpleNamespace(text="", settings="of the folder")
    with_settings, without = (SimpleNamespace(model=None, structure=None, settings=s) for s in ("of the model", None))
    later, before = time.monotonic() + 60, time.monotonic() - 1
    assert process._compute(material, without, SERIAL, later) == process._compute(material, with_settings, SERIAL, later) == {}  # type: ignore[comparison-overlap, arg-type]
    with pytest.raises(Interrupted, match="out of time"):
        process._compute(material, without, SERIAL, before)  # type: ignore[arg-type]
    assert seen == [("of the folder", False), ("of the model", False), ("of the folder", True)]


def test_ranking_puts_empty_cells_last() -> None:
    rows = tuple({"material": name, "x": x} for name, x in (("a", 1.0), ("b", None), ("c", -2.0), ("d", 0.0)))
    table = Table(("material", "x"), rows)
    assert [row["material"] for row in table.ranked("x").rows] == ["c", "a", "d", "b"]
    assert [row["material"] for row in table.ranked("material").rows] == list("abcd")


EXPECTED = """
material   E_F/eV  group      sigma(0)_ab;c            spin_hall_angle  sigma(2)_abd;c/intrinsic
a          1.5000  m'm'm      -1.23(7)e3 xy;z          0.25             -
long name          none used  -1234.5 xy;z at -0.3 eV  -                -
b                  none used  forbidden                -                2
  sigma(0)_ab;c: spin_hall, in (hbar/e) S or (hbar/e) S m^-1
  sigma(2)_abd;c/intrinsic: nonlinear_drude_spin_current.to_intrinsic
"""


def test_the_table_as_text() -> None:
    """Columns one below the other; numbers with bars, without an estimate, forbidden, missing, and not at the Fermi energy."""
    S, d = "spin_hall", "nonlinear_drude_spin_current"
    value = {S: -1234.5, f"{S}.component": "xy;z", f"{S}.error": 67.0, f"{S}.unit": "(hbar/e) S m^-1", f"{S}.mu": 0.0}
    rows = (
        {"material": "a", "status": "computed", "fermi_energy": 1.5, "group": "m'm'm", **value, ANGLE: 0.25},
        {"material": "long name", "status": "reused", **value, f"{S}.error": None, f"{S}.mu": -0.3},
        {
            "material": "b",
            "status": "computed",
            S: 0.0,
            f"{S}.component": FORBIDDEN,
            f"{S}.unit": "(hbar/e) S",
            f"{d}.to_intrinsic": 2.0,
        },
        {"material": "c", "status": "failed", "error": "no spin"},
    )
    columns = ("material", "status", *(S + end for end in figures.COLUMNS), ANGLE, f"{d}.to_intrinsic")
    *lines, failed = Table(columns, rows).text().splitlines()
    assert failed == "failed: c (why: column 'error')"
    assert lines == EXPECTED.strip().splitlines()


@pytest.mark.parametrize("forbidden", [True, False])
def test_ratios_of_what_is_there(forbidden: bool) -> None:
    """A Drude response that symmetry forbids is over nothing."""
    names = ["nonlinear_drude_spin_magnetization", "nonlinear_intrinsic_spin_magnetization"]
    result = ws.compute(
        ws.models.rashba_exchange(exchange=(0.1, 0.2, 0.3)), names, grid=(6, 6, 1), mu=[-3.0], temperature=2000, tau=5
    )
    result = ws.ResultSet({name: _with_small_bars(tensor) for name, tensor in result.items()}, result.facts)
    symmetry = SimpleNamespace(forbids=lambda name: forbidden and name == names[0])
    row = figures.figures(replace(result, facts=replace(result.facts, symmetry=symmetry)))
    assert row[f"{names[1]}.component"] != FORBIDDEN
    assert (f"{names[0]}.to_intrinsic" in row) is not forbidden


def test_what_has_no_numbers_has_no_legend() -> None:
    row = {"material": "a", "status": "failed", "error": "no spin"}
    assert (
        Table(("material", "status", "edelstein", "edelstein.component", "edelstein.unit"), (row,)).text()
        == "failed: a (why: column 'error')"
    )


# --- ase ----------------------------------------------------------------------------------------------------------------


def test_ase_database(screen: Command, runs: Path) -> None:
    common = runs / "common.toml"
    common.write_text(COMMON.replace("[4, 4, 4]", "[2, 2, 2]"))
    for _ in range(2):
        done = screen("Fe", "GaAs", "broken", "--settings", common, "--overrule", "--ase-db", "m.db", "--resume")
        assert done.code == 0
    rows = {row.material: row for row in ase.db.connect(runs / "m.db").select()}
    assert {name: row.formula for name, row in rows.items()} == {"Fe": "Fe", "GaAs": "GaAs"}
    table = rows_of(runs / "screening.csv")
    assert rows["Fe"].spin_hall == float(table["Fe"]["spin_hall"])
    assert rows["Fe"].magnetic_group == "BNS 139.537"
    assert rows["Fe"].data["magnetic_moments"] == MOMENT
    assert rows["GaAs"].spin_hall_component == table["GaAs"]["spin_hall.component"]
    assert len(list(ase.db.connect(runs / "m.db").select("spin_hall_error>0"))) == 2


def test_ase_database_without_a_structure(screen: Command, sheets: Path) -> None:
    done = screen("weak", "--settings", "common.toml", "--ase-db", "m.db")
    assert done.code == 0
    assert "weak: not in the database: no structure is known" in done.err


# --- ranks --------------------------------------------------------------------------------------------------------------

MPI_RUN = "import sys; from wannier_spin import cli; sys.argv = ['wannier-spin', *sys.argv[1:]]; cli.main()"
BREAK = """
import sys
from mpi4py import MPI
from wannier_spin import calculation, cli
from wannier_spin.integration import parallel

def impatient(comm, patience=3.0, original=parallel.all_failed):
    return original(comm, 3.0)

def broken(model, structure, settings, text, comm, *rest, original=calculation.run_model):
    if "exchange=(0, 0, 0.8)" in model.source["parameters"] and MPI.COMM_WORLD.rank in {ranks}:
        raise ZeroDivisionError("rank is on fire")
    return original(model, structure, settings, text, comm, *rest)

parallel.all_failed = impatient
calculation.run_model = broken
sys.argv = ["wannier-spin", *sys.argv[1:]]
cli.main()
"""


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "options"), [(2, ()), (3, ("--ranks-per-material", "1"))])
def test_ranks_make_the_same_table(
    screen: Command, mpirun: Callable[..., str], sheets: Path, ranks: int, options: tuple[str, ...]
) -> None:
    """All ranks on one material, or groups; a folder that fails in one group leaves the others alone."""
    (sheets / "damaged").mkdir()
    (sheets / "damaged" / "sheet.model.h5").write_bytes(b"\x89HDF")
    (sheets / "damaged" / "input.toml").write_text(SHEET)
    folders = [sheets / name for name in ("weak", "damaged", "strong", "nothing", "medium")]
    common = sheets / "common.toml"
    assert screen(*folders, "--settings", common, "-o", sheets / "serial.csv").code == 0
    out = mpirun(ranks, "-c", MPI_RUN, "screen", *folders, "--settings", common, "-o", sheets / "mpi.csv", *options, timeout=60)
    assert out.count("3 materials done (0 reused), 2 failed") == 1
    for name in ("weak", "strong", "medium"):
        assert out.count(f"{name}: computed in ") == 1
    serial, parallel = rows_of(sheets / "serial.csv"), rows_of(sheets / "mpi.csv")
    assert list(serial) == list(parallel)
    for name, row in serial.items():
        for column, cell in row.items():
            if column in ("seconds", "result"):
                continue
            try:
                assert float(parallel[name][column]) == pytest.approx(float(cell), rel=1e-9, abs=1e-12)
            except ValueError:
                assert parallel[name][column] == cell
    sizes = {ws.load(sheets / "mpi_results" / f"{name}.h5").provenance["ranks"] for name in ("weak", "strong", "medium")}
    assert sizes == {1 if options else ranks}
    if not options:
        arguments = ("screen", *folders, "--settings", common, "-o", sheets / "mpi.csv", "--resume")
        assert "3 materials done (3 reused), 2 failed" in mpirun(ranks, "-c", MPI_RUN, *arguments, timeout=60)


def _broken_run(sheets: Path, ranks: tuple[int, ...]) -> tuple[int, str, float]:
    """Two ranks together on one material, on which the given ranks fail in a way that nobody foresaw."""
    (sheets / "run.py").write_text(BREAK.format(ranks=ranks))
    beside = Path(sys.executable).parent / "mpirun"
    command = [str(beside) if beside.is_file() else "mpirun", "-n", "2", sys.executable, sheets / "run.py", "screen"]
    start = time.monotonic()
    done = subprocess.run(
        [*map(str, command), "strong", "weak", "--settings", "common.toml"],
        cwd=sheets,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        env=os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"},
    )
    return done.returncode, done.stdout, time.monotonic() - start


@pytest.mark.mpi
@pytest.mark.parametrize("options", [(), ("--ranks-per-material", "1")])
def test_a_crash_while_reading_is_one_line_with_ranks(mpirun: Callable[..., str], sheets: Path, options: tuple[str, ...]) -> None:
    code = """
        import os, signal, sys
        from wannier_spin import calculation, cli
        original = calculation.inputs_of
        def inputs_of(settings, folder):
            if folder.name == "weak":
                os.kill(os.getpid(), signal.SIGSEGV)
            return original(settings, folder)
        calculation.inputs_of = inputs_of
        sys.argv = ["wannier-spin", *sys.argv[1:]]
        cli.main()
    """
    arguments = (
        "screen",
        sheets / "weak",
        sheets / "strong",
        "--settings",
        sheets / "common.toml",
        "-o",
        sheets / "t.csv",
        *options,
    )
    mpirun(2, "-c", textwrap.dedent(code), *arguments, timeout=120)
    rows = rows_of(sheets / "t.csv")
    assert [row["status"] for row in rows.values()] == ["failed", "computed"]
    assert "ended by SIGSEGV" in rows["weak"]["error"]


@pytest.mark.mpi
def test_a_fault_on_all_ranks_stops_nothing(mpirun: Callable[..., str], sheets: Path) -> None:
    code, output, _ = _broken_run(sheets, (0, 1))
    assert code == 0, output
    assert "strong: failed: ZeroDivisionError: rank is on fire" in output
    assert "weak: computed" in output
    assert "Traceback" not in output


@pytest.mark.mpi
@pytest.mark.parametrize("rank", [0, 1])
def test_a_fault_on_one_rank_ends_all(mpirun: Callable[..., str], sheets: Path, rank: int) -> None:
    """The other one waits in the middle of a sum and cannot be called back: an end, not a wait until the queue kills it."""
    code, output, seconds = _broken_run(sheets, (rank,))
    assert code not in (0, 2), output
    assert "rank is on fire" in output
    assert seconds < 40


def test_carriers_of_every_material(sheets: Path, screen: Command) -> None:
    """A number of carriers for all; one in the common settings takes the place of a mu, and the other way round."""
    levels = {}
    for name in ("weak", "strong", "medium"):
        found = ws.open_model(sheets / name / "sheet.model.h5")
        k = np.stack([*np.meshgrid(np.arange(6) / 6, np.arange(6) / 6, indexing="ij"), np.zeros((6, 6))], axis=-1).reshape(-1, 3)
        levels[name] = np.sort(ws.band_geometry(found, k).energies, axis=None)[35:37].mean()  # half filled
        text = SHEET.replace("0.3", str(levels[name]))
        (sheets / name / "input.toml").write_text(text)
    (sheets / "common.toml").write_text('responses = ["edelstein"]\ncarriers = [0.1]\ntemperature = 2000\n')
    assert screen("weak", "strong", "medium", "--settings", "common.toml", "-o", "table.csv").code == 0
    for name in levels:
        (path,) = sheets.rglob(f"{name}*.h5")
        tensor = ws.load(path)["edelstein"]
        assert np.array_equal(tensor.carriers, [0.1])
        assert tensor.mu[0] > levels[name]
    own = {"mu": 0.2, "seedname": "x"}
    text = "\n".join(f"{key} = {value!r}" for key, value in own.items()).replace("'", '"')
    (sheets / "weak" / "input.toml").write_text(text)
    shared = {"responses": ["edelstein"], "carriers": [0.1], "fermi_energy": 0.0}
    mild = material_in("weak", sheets / "weak", Common(shared)).settings
    strict = material_in("weak", sheets / "weak", Common(shared, overrule=True)).settings
    assert (mild.mu, mild.carriers) == ([0.2], None)
    assert strict.mu is None
    assert strict.carriers is not None
