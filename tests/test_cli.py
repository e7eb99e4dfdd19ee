"""The command line as a user meets it: exit codes, messages, and nothing left half-written."""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import Command, Outcome, entry_point
from outside import with_random_operators
from rounding import same
from threadpoolctl import threadpool_info, threadpool_limits

import wannier_spin as ws
from wannier_spin import bloch
from wannier_spin.calculation.run import check_relative
from wannier_spin.cli.models import _group_checks, _next_step, _verdict
from wannier_spin.readers import Check
from wannier_spin.results.numbers import with_bar

Files = dict[str, bytes | None]


wannier_spin = pytest.fixture(entry_point)


def in_process_of_its_own(*arguments: object, timeout: float = 120) -> Outcome:
    """The installed script, beside the interpreter."""
    script = Path(sys.executable).parent / "wannier-spin"
    command = [str(script)] if script.is_file() else [sys.executable, "-m", "wannier_spin.cli"]
    done = subprocess.run(
        [*command, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def content(folder: Path) -> Files:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


INPUT = """
seedname = "sheet.h5"
responses = ["spin_hall"]
mu = 0.3
temperature = 1000
[grid]
points = [8, 8, 1]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with saved models and an input file that works."""
    ws.models.get("rashba_exchange").save(tmp_path / "sheet.h5")
    ws.models.get("weyl").save(tmp_path / "crystal.h5")
    replace(ws.models.get("weyl"), spin_R=None).save(tmp_path / "nospin.h5")
    (tmp_path / "in.toml").write_text(INPUT)
    return tmp_path


def edit(folder: Path, *changes: tuple[str, str], text: str = INPUT) -> Path:
    """An input file like INPUT with some strings replaced; ("", line) puts a line on top."""
    for old, new in changes:
        if not old:
            text = new + "\n" + text
            continue
        assert old in text
        text = text.replace(old, new)
    (folder / "in.toml").write_text(text)
    return folder / "in.toml"


def assert_refused(outcome: Outcome, *parts: str) -> None:
    """Exit code 2, one message on stderr, no traceback, and each part is in the message."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("error: ") == 1
    assert "Traceback" not in outcome.err
    for part in parts:
        assert part in outcome.err, outcome.err


# --- what works ---------------------------------------------------------------------------------------------------------


def test_run(wannier_spin: Command, folder: Path) -> None:
    done = wannier_spin("run", folder / "in.toml")
    assert (done.code, done.err) == (0, "")
    assert f"written to {folder / 'in.h5'}" in done.out
    for part in ("rashba_exchange", "8x8x1", "spin_hall", "(hbar/e) S", "T = 1000 K", "form 'full'"):
        assert part in done.out
    result = ws.load(folder / "in.h5")
    expected = ws.compute(ws.load_model(folder / "sheet.h5"), "spin_hall", grid=(8, 8, 1), mu=0.3, temperature=1000, units="SI")
    assert same(result["spin_hall"].values, expected["spin_hall"].values)
    assert set(content(folder)) == {"in.toml", "in.h5", "sheet.h5", "crystal.h5", "nospin.h5"}


def test_installed_script(folder: Path) -> None:
    done = in_process_of_its_own("run", folder / "in.toml", "-o", folder / "out.h5")
    assert done.code == 0, done.err
    assert done.out.count("written to") == 1
    assert ws.load(folder / "out.h5")["spin_hall"].values.shape == (1, 1, 3, 3, 3)


def test_paths_are_relative_to_the_input_file(wannier_spin: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """seedname and output of the input file count from there; -o from where the user stands."""
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    edit(folder, ("", 'output = "named.h5"'))
    assert wannier_spin("run", "../in.toml").code == 0
    assert (folder / "named.h5").is_file()
    assert wannier_spin("run", "../in.toml", "-o", "here.h5").code == 0
    assert (folder / "elsewhere" / "here.h5").is_file()


def test_relative_mu(wannier_spin: Command, folder: Path) -> None:
    edit(folder, ("", "fermi_energy = 2.0"), ("mu = 0.3", "mu = [-1.7, 0]"))
    done = wannier_spin("run", folder / "in.toml")
    assert "mu - E_F = +0.0000" in done.out
    result = ws.load(folder / "in.h5")
    assert result["spin_hall"].mu == pytest.approx([0.3, 2.0], abs=1e-15)
    assert result.provenance["fermi_energy_eV"] == 2.0


def test_layer_with_vacuum(wannier_spin: Command, folder: Path) -> None:
    """A 2D system comes as a 3D one; model.vacuum makes it a sheet, thickness makes bulk values of the sheet's."""
    sheet = ws.models.get("kane_mele")
    replace(sheet, periodic=(True, True, True)).save(folder / "sheet.h5")
    edit(folder, ("mu = 0.3", "mu = 0.0"), ("[grid]", '[model]\nvacuum = "c"\nthickness = 5.0\n[grid]'))
    assert wannier_spin("run", folder / "in.toml").code == 0
    tensor = ws.load(folder / "in.h5")["spin_hall"]
    same = ws.compute(sheet, "spin_hall", grid=(8, 8, 1), mu=0.0, temperature=1000, units="SI")["spin_hall"]
    assert np.allclose(tensor.values, same.values, rtol=0, atol=1e-12 * np.abs(same.values).max())
    assert (tensor.dimension, tensor.thickness, tensor.unit) == (2, 5.0, "(hbar/e) S")
    assert np.allclose(tensor.bulk_values, tensor.values / 5e-10, rtol=1e-14)


def test_default_grid_of_a_layer(wannier_spin: Command, folder: Path) -> None:
    edit(folder, ("points = [8, 8, 1]", "spacing = 1.0"))
    assert wannier_spin("run", folder / "in.toml").code == 0
    assert ws.load(folder / "in.h5").provenance["grid"] == [8, 8, 1]


def test_mu_outside_of_the_bands_is_a_warning(wannier_spin: Command, folder: Path) -> None:
    done = wannier_spin("run", edit(folder, ("mu = 0.3", "mu = 30")))
    assert done.code == 0
    (line,) = [line for line in (done.out + done.err).splitlines() if line.startswith("warning: ")]
    for part in ("mu", "30.0000", "'rashba_exchange'", "Fermi energy"):
        assert part in line
    assert line.removeprefix("warning: ") in ws.load(folder / "in.h5").warnings
    assert line in wannier_spin("show", folder / "in.h5").out  # a later reader sees it as well


def test_resonant_frequency_is_a_warning(wannier_spin: Command, folder: Path) -> None:
    edit(folder, ('["spin_hall"]', '["displacement_spin_current"]'), ("", "omega = 5.0"))
    done = wannier_spin("run", folder / "in.toml")
    assert done.code == 0
    assert "broadening" in done.out


def test_zero_temperature_in_a_sea(wannier_spin: Command, folder: Path) -> None:
    assert wannier_spin("run", edit(folder, ("= 1000", "= 0"))).code == 0


# --- bad input ----------------------------------------------------------------------------------------------------------

SPIN_HALL = '["spin_hall"]'
BAD_INPUTS: dict[str, tuple[list[tuple[str, str]], tuple[str, ...]]] = {
    "unknown key": ([("temperature", "temprature")], ("in.toml", "'temprature'", "did you mean 'temperature'?")),
    "unknown key in a table": ([("points", "piont")], ("in.toml", "'grid.piont'", "did you mean 'points'?")),
    "unknown key in a range": (
        [("mu = 0.3", "mu = {from = 0, to = 1, steps = 3}")],
        ("in.toml", "'mu.steps'", "from, to, points"),
    ),
    "missing key": ([("mu = 0.3", "")], ("in.toml", "'mu' is missing")),
    "wrong type": ([("mu = 0.3", "mu = 'high'")], ("in.toml", "mu = 'high'")),
    "bad TOML": ([("mu = 0.3", "mu = ")], ("in.toml", "not valid TOML", "line 4")),
    "unknown response": ([(SPIN_HALL, '["spin_hal"]')], ("'spin_hal'", "did you mean 'spin_hall'?", "edelstein")),
    "no response": ([(SPIN_HALL, "[]")], ("no response", "choose from", "'all'")),
    "no omega": ([(SPIN_HALL, '["displacement_spin_current"]')], ("displacement_spin_current", "give omega")),
    "bad omega": (
        [(SPIN_HALL, '["displacement_spin_current"]'), ("", "omega = [nan]")],
        ("omega", "finite"),
    ),
    "cold Fermi surface": (
        [(SPIN_HALL, '["spin_hall", "nonlinear_drude_spin_current"]'), ("= 1000", "= [0, 300]")],
        ("nonlinear_drude_spin_current", "temperature = 0 K", "give a temperature"),
    ),
    "negative temperature": ([("= 1000", "= -5")], ("temperature", "negative")),
    "wrong seedname": ([("sheet.h5", "Pt")], ("'{}/Pt.chk'", "_tb.dat", "give the path")),
    "wrong folder": ([("sheet.h5", "data/Pt")], ("'{}/data' does not exist",)),
    "a name longer than names may be": ([("sheet.h5", 300 * "x")], ("cannot reach '{}/xxx", "File name too long")),
    "wrong model file": ([("sheet.h5", "shet.h5")], ("'{}/shet.h5' does not exist",)),
    "input as model": ([("sheet.h5", "in.toml.h5")], ("in.toml.h5",)),
    "no spin": ([("sheet.h5", "nospin.h5"), ("8, 1]", "8, 8]")], ("no spin matrices", ".spn", "write_spn")),
    "spin for a finished model": ([("[grid]", "[model]\nspin = 'files'\n[grid]")], ("'{}/sheet.h5'", "leave out model.spin")),
    "thickness without vacuum": ([("[grid]", "[model]\nthickness = 3.0\n[grid]")], ("thickness", "model.vacuum")),
    "two numbers in the grid": ([("8, 8, 1", "8, 8")], ("in.toml", "grid.points = [8, 8]")),
    "text for a grid": ([("[grid]\npoints = [8, 8, 1]", "grid = '8x8x1'")], ("grid = '8x8x1'", "expected [8, 8, 8]", "spacing")),
    "number for a grid": ([("[grid]\npoints = [8, 8, 1]", "grid = 8")], ("grid = 8", "expected [8, 8, 8]", "spacing")),
    "number for points": ([("[8, 8, 1]", "8")], ("grid.points = 8", "expected a list")),
    "text for a table": ([("", "model = 'sheet.h5'")], ("model = 'sheet.h5'", "expected a table [model], with spin")),
    "no name of a model": ([("sheet.h5", "")], ("seedname = ''", "it is empty, expected a name")),
    "no name of a structure": ([("[grid]", "[symmetry]\nstructure = ''\n[grid]")], ("symmetry.structure = ''", "it is empty")),
    "unit in a number": ([("= 1000", "= '300 K'")], ("temperature = '300 K'", "expected a number")),
    "plural": ([("temperature", "temperatures")], ("'temperatures'", "did you mean 'temperature'?")),
    "another list": ([("[grid]", "[model]\nspin = 3\n[grid]")], ("model.spin = 3", "expected 'files', 'interleaved'")),
    "negative grid": ([("8, 8, 1", "8, -8, 1")], ("grid", "positive", "-8")),
    "zero in the grid": ([("8, 8, 1", "8, 0, 1")], ("grid", "positive", "0")),
    "points along the vacuum": ([("8, 8, 1", "8, 8, 4")], ("4 points", "lattice vector c", "not periodic", "expected 1")),
    "little memory": ([("[grid]", "[numerics]\nmemory = 1e-7\n[grid]")], ("memory = 1e-07 GiB is too little", "is the least")),
    "no memory": ([("[grid]", "[numerics]\nmemory = 0\n[grid]")], ("in.toml", "numerics.memory = 0")),
    "form": ([("", "form = 'nice'")], ("form = 'nice'", "'full' or 'paper'")),
    "spin current": ([("", "spin_current = 'nice'")], ("spin_current = 'nice'", "simple")),
    "units": ([("", "units = 'cgs'")], ("units = 'cgs'", "'SI' or 'natural'")),
    "output in no folder": ([("", "output = 'no/out.h5'")], ("'{}/no' does not exist", "create it", "-o")),
    "output is a folder": ([("", "output = '.'")], ("is a folder",)),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input(wannier_spin: Command, folder: Path, case: str) -> None:
    changes, parts = BAD_INPUTS[case]
    path = edit(folder, *changes)
    before = content(folder)
    assert_refused(wannier_spin("run", path), *(part.replace("{}", str(folder)) for part in parts))
    assert content(folder) == before


@pytest.mark.parametrize(
    "case", ["unknown response", "no response", "no omega", "negative grid", "cold Fermi surface", "spin current"]
)
def test_every_refusal_of_a_value_names_the_input_file(wannier_spin: Command, folder: Path, case: str) -> None:
    assert "in.toml" in wannier_spin("run", edit(folder, *BAD_INPUTS[case][0])).err


def test_a_negative_temperature_is_given_back_as_written(wannier_spin: Command, folder: Path) -> None:
    assert "-5" in wannier_spin("run", edit(folder, ("= 1000", "= -5"))).err.replace("e-05", "")


def test_missing_input_file(wannier_spin: Command, folder: Path) -> None:
    assert_refused(wannier_spin("run", folder / "nothere.toml"), f"'{folder}/nothere.toml'", "does not exist", "init SEEDNAME")
    for what in (folder, folder / "Pt"):  # where the files of a run are
        assert_refused(wannier_spin("run", what), f"'{what}'", f"`wannier-spin init {what}` writes one")
    spaced = folder / "my data"  # a command that can be copied
    assert_refused(wannier_spin("run", spaced), f"`wannier-spin init '{spaced}'` writes one")


def test_what_to_type_next_is_quoted(wannier_spin: Command, folder: Path) -> None:
    (folder / "my data").mkdir()
    (folder / "crystal.h5").rename(folder / "my data" / "crystal.h5")
    done = wannier_spin("check", folder / "my data" / "crystal.h5")
    assert f"next: wannier-spin init '{folder}/my data/crystal.h5'" in done.out


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("no/out.h5", ("'{}/no' does not exist", "create it", "-o")),
        ("folder", ("'{}/folder' is a folder",)),
        ("in.toml/out.h5", ("'{}/in.toml' does not exist",)),
    ],
)
def test_unwritable_output(wannier_spin: Command, folder: Path, target: str, parts: tuple[str, ...]) -> None:
    (folder / "folder").mkdir()
    before = content(folder)
    assert_refused(
        wannier_spin("run", folder / "in.toml", "-o", folder / target), *(part.replace("{}", str(folder)) for part in parts)
    )
    assert content(folder) == before


def test_unwritable_output_is_found_before_the_calculation(
    wannier_spin: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wannier_spin.calculation.run", lambda *_: pytest.fail("calculated first"))
    assert wannier_spin("run", folder / "in.toml", "-o", folder / "no" / "out.h5").code == 2


@pytest.mark.parametrize("target", ["sheet.h5", "in.toml"])
def test_the_result_never_replaces_its_own_input(wannier_spin: Command, folder: Path, target: str) -> None:
    before = content(folder)
    done = wannier_spin("run", folder / "in.toml", "-o", folder / target)
    assert content(folder) == before
    assert_refused(done, target)


def test_the_default_output_is_not_the_model(wannier_spin: Command, folder: Path) -> None:
    (folder / "sheet.toml").write_text(INPUT)
    model = (folder / "sheet.h5").read_bytes()
    wannier_spin("run", folder / "sheet.toml")
    assert (folder / "sheet.h5").read_bytes() == model


def test_the_least_memory_is_enough(wannier_spin: Command, folder: Path) -> None:
    """Who does what the message says must not be refused again."""
    for points in (1, 7, 23, 111, 333):
        mu = ("mu = 0.3", f"mu = {{from = 0, to = 1, points = {points}}}")
        refused = wannier_spin("run", edit(folder, mu, ("[grid]", "[numerics]\nmemory = 1e-9\n[grid]")))
        least = re.search(r"points: (\S+) GiB is the least", refused.err)
        assert least is not None
        done = wannier_spin("run", edit(folder, mu, ("[grid]", f"[numerics]\nmemory = {least.group(1)}\n[grid]")))
        assert done.code == 0, done.err


# --- damaged Wannier90 files: exit code and message reach the user (the readers' own tests have all cases) -------------


def tb_dat(n: int = 2) -> str:
    """A chain of n orbitals as Wannier90 writes it."""
    lines = ["written by a test", "1.0 0.0 0.0", "0.0 1.0 0.0", "0.0 0.0 1.0", f"{n}", "3", "1 1 1"]
    pairs = [(i, j) for j in range(1, n + 1) for i in range(1, n + 1)]
    for R in (-1, 0, 1):
        lines += ["", f"{R} 0 0"]
        lines += [f"{i} {j} {-0.5 if R else 0.3 * (-1) ** i if i == j else 0.1:.6f} 0.000000" for i, j in pairs]
    for R in (-1, 0, 1):
        lines += ["", f"{R} 0 0"]
        lines += [f"{i} {j} " + "0.0 " * 6 for i, j in pairs]
    return "\n".join(lines) + "\n"


TB_MESH = INPUT.replace("sheet.h5", "X").replace("[8, 8, 1]", "[4, 2, 2]")
TB_INPUT = "fermi_energy = 0.0\n" + TB_MESH + "[model]\nspin = 'interleaved'\n"


def test_tb_dat(wannier_spin: Command, tmp_path: Path) -> None:
    (tmp_path / "X_tb.dat").write_text(tb_dat())
    assert wannier_spin("run", edit(tmp_path, text=TB_INPUT)).code == 0
    source = ws.load(tmp_path / "in.h5").provenance["model_source"]
    assert set(json.loads(source["files"])) == {"X_tb.dat"}


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (lambda text: text.replace("-0.300000", "NaN"), ("NaN",)),
        (lambda text: text[: len(text) // 2], ("truncated",)),
        (lambda text: "", ("truncated",)),
        (lambda text: text.replace("-0.300000", "********"), ("damaged", "********")),
    ],
)
def test_damaged_tb_dat(wannier_spin: Command, tmp_path: Path, damage: Callable[[str], str], parts: tuple[str, ...]) -> None:
    (tmp_path / "X_tb.dat").write_text(damage(tb_dat()))
    path = edit(tmp_path, text=TB_INPUT)
    before = content(tmp_path)
    assert_refused(wannier_spin("run", path), f"{tmp_path}/X_tb.dat", *parts)
    assert content(tmp_path) == before


def test_odd_number_of_spinors(wannier_spin: Command, tmp_path: Path) -> None:
    (tmp_path / "X_tb.dat").write_text(tb_dat(3))
    assert_refused(wannier_spin("run", edit(tmp_path, text=TB_INPUT)), "X_tb.dat", "3")


@pytest.fixture
def pt(tmp_path: Path, example_inputs: Path) -> Path:
    """A folder with links to the files of platinum, and an input file."""
    for path in (example_inputs / "Pt").iterdir():
        if path.name.startswith("Pt.") and path.suffix != ".txt":
            (tmp_path / path.name).symlink_to(path)
    edit(tmp_path, ("sheet.h5", "Pt"), ("8, 8, 1", "2, 2, 2"), ("", "fermi_energy = 22.4839"))
    return tmp_path


@pytest.mark.parametrize(("ending", "advice"), [(".spn", "write_spn = .true."), (".eig", "pw2wannier90"), (".mmn.gz", "write_mmn")])
def test_missing_wannier90_file(wannier_spin: Command, pt: Path, ending: str, advice: str) -> None:
    (pt / f"Pt{ending}").unlink()
    before = sorted(pt.iterdir())
    assert_refused(wannier_spin("run", pt / "in.toml"), f"'Pt{ending.removesuffix('.gz')}'", str(pt), advice)
    assert sorted(pt.iterdir()) == before


def test_wrong_seedname_names_the_right_one(wannier_spin: Command, pt: Path) -> None:
    edit(pt, ("sheet.h5", "Pd"))
    assert_refused(wannier_spin("run", pt / "in.toml"), f"'{pt}/Pd.chk'", "'Pt'")


def test_eig_of_fewer_kpoints(wannier_spin: Command, pt: Path) -> None:
    lines = (pt / "Pt.eig").read_text().splitlines(keepends=True)
    (pt / "Pt.eig").unlink()
    (pt / "Pt.eig").write_text("".join(lines[: 26 * 100]))
    done = wannier_spin("run", pt / "in.toml")
    assert_refused(done, f"{pt}/Pt.eig", f"{pt}/Pt.chk", "100", "125")
    assert not (pt / "in.h5").exists()


# --- interrupted, killed, failed ---------------------------------------------------------------------------------------


def test_a_bug_is_exit_code_1(wannier_spin: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("wannier_spin.bloch.BlochSum.on_batch", broken)
    before, said = content(folder), []
    written = SimpleNamespace(write=lambda _, text: said.append(text.decode()), devnull=os.devnull)  # in one piece
    monkeypatch.setattr("wannier_spin.cli.os", written)
    done = wannier_spin("run", folder / "in.toml")
    assert done.code == 1
    (traceback,) = said
    assert traceback.endswith("ZeroDivisionError: a bug\n")
    assert content(folder) == before


def test_interrupted_by_the_user(wannier_spin: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wannier_spin.bloch.BlochSum.on_batch", interrupt)
    before = content(folder)
    done = wannier_spin("run", folder / "in.toml")
    assert done.code not in (0, 2)
    assert "stopped: told to stop: a mesh is computed in one go, nothing is kept" in done.err
    assert "Traceback" not in done.err
    assert content(folder) == before
    edit(folder, ("[grid]\npoints = [8, 8, 1]", "tolerance = 0.1"))
    done = wannier_spin("run", folder / "in.toml")
    assert "stopped: told to stop before the first round was done: nothing is kept" in done.err


def test_interrupted_in_a_callback(wannier_spin: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As numba calls back where it loads machine code: Python prints the interrupt there, and goes on."""
    original, called = bloch.BlochSum.on_batch, []

    def interrupt() -> None:
        called.append(1)
        raise KeyboardInterrupt

    def on_batch(*arguments: Any) -> Any:
        if not called:
            ctypes.CFUNCTYPE(None)(interrupt)()
            time.sleep(0.5)
        return original(*arguments)

    monkeypatch.setattr("wannier_spin.bloch.BlochSum.on_batch", on_batch)
    before, hook = content(folder), sys.unraisablehook
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
    try:
        done = wannier_spin("run", folder / "in.toml")
    finally:
        signal.signal(signal.SIGINT, former)
    assert called == [1]
    assert done.code not in (0, 2)
    assert "Traceback" not in done.err
    assert content(folder) == before
    assert sys.unraisablehook is hook


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_in_the_middle(folder: Path, kind: signal.Signals) -> None:
    """The old result stays whole; nothing new appears."""
    assert in_process_of_its_own("run", folder / "in.toml").code == 0
    edit(folder, ("8, 8, 1", "2000, 2000, 1"))
    before = content(folder)
    command = [sys.executable, "-m", "wannier_spin.cli", "run", str(folder / "in.toml")]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where a shell runs the tests in the background
    )
    time.sleep(2.0)
    assert process.poll() is None
    os.kill(process.pid, kind)
    output, _ = process.communicate(timeout=60)
    assert process.returncode not in (0, 2)
    assert "written to" not in output
    assert content(folder) == before
    ws.load(folder / "in.h5")


# --- show ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("show") / "r.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = ws.compute(
            ws.models.get("rashba_exchange"),
            ["spin_hall", "edelstein", "displacement_spin_magnetization"],
            grid=(6, 6, 1),
            mu=[-0.1, 0.3],
            temperature=[300, 1000],
            omega=[0.1, 0.2],
            units="SI",
            tau=10,
        )
    return result.save(path)


def test_show(wannier_spin: Command, shown: Path) -> None:
    done = wannier_spin("show", shown)
    assert done.code == 0
    for name, tensor in ws.load(shown).items():
        assert re.search(rf"^{name} .*{re.escape(tensor.unit)}$", done.out, flags=re.MULTILINE)


def test_show_a_component(wannier_spin: Command, shown: Path) -> None:
    done = wannier_spin("show", shown, "-r", "spin_hall", "-c", "xy;z")
    tensor = ws.load(shown)["spin_hall"]
    rows = [[float(x) for x in line.split()] for line in done.out.splitlines()[2:]]
    expected = [[m, T, tensor.values[i, j, 0, 1, 2]] for i, m in enumerate(tensor.mu) for j, T in enumerate(tensor.temperature)]
    assert np.array(rows)[:, :3] == pytest.approx(np.array(expected), rel=1e-8, abs=0)


def test_show_with_another_tau(wannier_spin: Command, shown: Path) -> None:
    def value(*more: str) -> float:
        done = wannier_spin("show", shown, "--json", "-r", "edelstein", "-c", "yx", *more)
        return json.loads(done.out)["responses"]["edelstein"]["values"][0][0]

    assert value("--tau", "20") == pytest.approx(2 * value(), rel=1e-14, abs=0)


def test_show_other_spin_currents(wannier_spin: Command, tmp_path: Path) -> None:
    model = with_random_operators(ws.models.random_model(n=3, seed=1))
    options = {"grid": (4, 4, 4), "mu": 0.1, "temperature": 5000, "spin_current": ("ryoo", "qiao")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = ws.compute(model, ["spin_hall", "edelstein"], **options)  # type: ignore[arg-type]
    path, tensor = result.save(tmp_path / "r.h5"), result["spin_hall"]
    spread = f"{100 * tensor.definition_spread['qiao']:.2g} % (qiao) of the largest value"
    done = wannier_spin("show", path)
    assert f"spin_hall: other definitions of the spin current differ by up to {spread}" in done.out
    assert "edelstein: other definitions" not in done.out
    other = wannier_spin("show", path, "--spin-current", "qiao")
    assert "spin current 'qiao'" in other.out
    largest = np.unravel_index(np.abs(tensor.definition("qiao").values).argmax(), tensor.values.shape)
    assert with_bar(tensor.definition("qiao").values[largest], tensor.definition("qiao").error[largest]) in other.out
    assert "edelstein" not in other.out
    assert wannier_spin("show", path, "--spin-current", "ryoo").out == done.out
    found = json.loads(wannier_spin("show", path, "--json").out)["responses"]
    assert found["spin_hall"]["definition_spread"] == tensor.definition_spread
    assert "definition_spread" not in found["edelstein"]
    wrong = wannier_spin("show", path, "--spin-current", "simple")
    assert wrong.code == 2
    assert "no other definition 'simple'" in wrong.err


def test_show_json(wannier_spin: Command, shown: Path) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    data = json.loads(wannier_spin("show", shown, "--json").out, parse_constant=refuse)
    for name, tensor in ws.load(shown).items():
        entry = data["responses"][name]
        assert np.array_equal(entry["values"], tensor.values)
        assert np.array_equal(entry["error"], tensor.error)
        assert entry["axes"] == list(tensor.axes)
        assert entry["unit"] == tensor.unit
        assert entry["mu_eV"] == tensor.mu.tolist()
    assert data["provenance"]["grid"] == [6, 6, 1]


@pytest.mark.parametrize("name", ["nonlinear_intrinsic_spin_current", "displacement_spin_current"])
def test_show_json_is_json_for_every_result(wannier_spin: Command, folder: Path, name: str) -> None:
    """Infinity and NaN are not JSON; here no transition is possible, no gap is near mu, and the mesh has no error bar."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    edit(folder, (SPIN_HALL, f'["{name}"]'), ("mu = 0.3", "mu = 30"), ("= 1000", "= 10"), ("8, 8, 1", "5, 5, 1"))
    assert wannier_spin("run", edit(folder, ("", "omega = 0.1"), text=(folder / "in.toml").read_text())).code == 0
    json.loads(wannier_spin("show", folder / "in.h5", "--json").out, parse_constant=refuse)


@pytest.mark.parametrize("component", ["xy", "xy;w", "xyzz", "XY;Z", "xyz;"])
def test_show_a_wrong_component(wannier_spin: Command, shown: Path, component: str) -> None:
    done = wannier_spin("show", shown, "-r", "spin_hall", "-c", component)
    if component == "xyz;":  # the semicolon is only for the eye
        assert done.code == 0
    else:
        assert_refused(done, f"'{component}'", "spin_hall", "3 letters x, y or z")


def test_show_an_unknown_response(wannier_spin: Command, shown: Path) -> None:
    assert_refused(wannier_spin("show", shown, "-r", "edelstien"), "edelstien", "it has", "edelstein", str(shown))


def test_show_what_is_no_result(wannier_spin: Command, shown: Path, folder: Path) -> None:
    assert_refused(wannier_spin("show", folder / "none.h5"), f"'{folder}/none.h5' does not exist")
    assert_refused(wannier_spin("show", folder / "sheet.h5"), f"'{folder}/sheet.h5' holds 'wannier_spin model'")
    assert_refused(wannier_spin("show", folder / "in.toml"), f"'{folder}/in.toml' is an input file; expected a result")
    (folder / "cut.h5").write_bytes(shown.read_bytes()[:5000])
    assert_refused(wannier_spin("show", folder / "cut.h5"), f"'{folder}/cut.h5'", "truncated")


# --- the other commands -------------------------------------------------------------------------------------------------


def test_help_lists_the_commands() -> None:
    done = in_process_of_its_own("--help")
    assert done.code == 0
    for command in ("run", "check", "show", "responses"):
        assert re.search(rf"^\W*{command} ", done.out, flags=re.MULTILINE), command


@pytest.mark.parametrize("arguments", [(), ("rnu",), ("run",), ("run", "--nonsense"), ("show",), ("check",)])
def test_wrong_usage_is_exit_code_2(wannier_spin: Command, arguments: tuple[str, ...]) -> None:
    done = wannier_spin(*arguments)
    assert done.code == 2
    assert "Usage" in done.out + done.err
    assert "Traceback" not in done.err


def test_responses(wannier_spin: Command) -> None:
    done = wannier_spin("responses")
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [*ws.responses.names(), *ws.responses.thermal_names()]
    assert wannier_spin("responses", "--markdown").out.count("\n") == len(lines) + 1


def test_check_a_saved_model(wannier_spin: Command, folder: Path) -> None:
    done = wannier_spin("check", folder / "crystal.h5")
    assert done.code == 0
    assert re.search(r"^ok +handedness of spin", done.out, flags=re.MULTILINE)


def test_check_says_what_run_does_without_spin(wannier_spin: Command, folder: Path) -> None:
    """No doubt about its fitness: `run` refuses spin responses, and computes orbital ones."""
    done = wannier_spin("check", folder / "nospin.h5")
    assert done.code == 0
    last = (done.out + done.err).strip().splitlines()[-1]
    assert last.startswith("NOT fit for spin responses (spin matrices: none)")
    for response, code in (("spin_hall", 2), ("orbital_hall", 0)):
        settings = edit(folder, ("sheet.h5", "nospin.h5"), ("spin_hall", response), ("8, 8, 1", "4, 4, 4"))
        assert wannier_spin("run", settings).code == code, response


def test_commands_use_one_blas_thread(wannier_spin: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a node of many cores the reading of a small run took five times its work."""
    seen: list[int] = []

    def listed(*_: object) -> str:
        seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return ""

    monkeypatch.setattr("wannier_spin.cli.lists.responses_table", listed)
    with threadpool_limits(2):
        assert wannier_spin("responses").code == 0
    assert set(seen) == {1}


def test_check_says_what_a_fault_means() -> None:
    def verdict(*checks: Check) -> str:
        return _verdict([Check("k-points", True, "", ""), *checks], _next_step(Path("Pt.toml"), {}), True)

    assert verdict() == "fit for use: all 1 tests that could be made are passed; next: wannier-spin run Pt.toml"
    options = {"spin": "auto", "ws_distance": None, "ws_distance_tolerance": 0.1}  # `init` without them is of another model
    assert _next_step(Path("my runs/Pt"), options) == "init 'my runs/Pt' --spin auto --ws-distance-tolerance 0.1"
    doubt, fault = Check("frozen window", False, "", ""), Check("Hermiticity", False, "", "", certain=True)
    assert verdict(doubt).startswith("fit for use with a doubt (frozen window): `run` computes and warns")
    assert verdict(doubt, fault).startswith("NOT fit for use (Hermiticity): `run` refuses")


def test_check_refuses(wannier_spin: Command, folder: Path) -> None:
    assert_refused(wannier_spin("check", folder / "nothing"), f"'{folder}/nothing.chk'")
    assert_refused(wannier_spin("check", folder / "crystal.h5", "--structure", folder / "no.cif"), f"{folder}/no.cif")
    assert_refused(wannier_spin("check", folder / "nothing", "--spin", "up"), "--spin up", "interleaved")


def test_launcher_without_mpi_library(folder: Path) -> None:
    """mpi4py without a library, under a launcher: a message, not N separate calculations that overwrite one file."""
    code = (
        "import sys\nsys.modules['mpi4py'] = None\n"
        f"sys.argv = ['wannier-spin', 'run', {str(folder / 'in.toml')!r}]\n"
        "from wannier_spin import cli\ncli.main()"
    )
    environment = os.environ | {"PMI_SIZE": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert_refused(Outcome(done.returncode, done.stdout, done.stderr), "MPI launcher", "module", "pip install")
    assert not (folder / "in.h5").exists()


def test_show_needs_no_mpi(shown: Path) -> None:
    """A batch script with --ntasks=4 that ends in `wannier-spin show` on a machine whose mpi4py has no library."""
    code = (
        "import sys\nsys.modules['mpi4py'] = None\n"
        f"sys.argv = ['wannier-spin', 'show', {str(shown)!r}]\n"
        "from wannier_spin import cli\ncli.main()"
    )
    environment = os.environ | {"SLURM_NTASKS": "4"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# --- results that are there, and where mu counts from -------------------------------------------------------------------


def test_a_result_of_another_input_is_kept(wannier_spin: Command, folder: Path) -> None:
    """The same input again replaces its result; another input does not destroy what may have taken hours."""
    assert wannier_spin("run", folder / "in.toml").code == 0
    before = ws.load(folder / "in.h5")["spin_hall"]
    assert wannier_spin("run", folder / "in.toml").code == 0
    assert not (folder / "in.1.h5").exists()
    for number in (1, 2):
        done = wannier_spin("run", edit(folder, ("mu = 0.3", f"mu = 0.3{number}")))
        assert done.code == 0
        assert f"is now '{folder}/in.{number}.h5'" in done.err
    assert np.array_equal(ws.load(folder / "in.1.h5")["spin_hall"].values, before.values)
    assert wannier_spin("run", edit(folder, ("mu = 0.3", "mu = 0.33")), "--overwrite").code == 0
    assert not (folder / "in.3.h5").exists()
    assert ws.load(folder / "in.h5")["spin_hall"].mu == pytest.approx([0.33])


def test_two_runs_into_one_result(wannier_spin: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wannier_spin.locks import locked

    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    with locked(folder / "in.h5"):
        assert_refused(wannier_spin("run", folder / "in.toml"), f"'{folder}/in.h5'", "another run", f"process {os.getpid()}")
    assert wannier_spin("run", folder / "in.toml").code == 0


def test_a_grid_may_be_a_list(wannier_spin: Command, folder: Path) -> None:
    edit(folder, ("[grid]\npoints = [8, 8, 1]", "grid = [8, 8, 1]"))
    assert wannier_spin("run", folder / "in.toml").code == 0
    assert ws.load(folder / "in.h5").provenance["grid"] == [8, 8, 1]


def test_the_fermi_energy_of_a_run_is_found(wannier_spin: Command, tmp_path: Path) -> None:
    """As `screen` finds it, and said; where it is not found nothing is taken for it."""
    text = TB_INPUT.replace("fermi_energy = 0.0\n", "")
    (tmp_path / "X_tb.dat").write_text(tb_dat())
    assert_refused(
        wannier_spin("run", edit(tmp_path, text=text)), "fermi_energy is missing", str(tmp_path), "0.0 if mu is absolute"
    )
    (tmp_path / "scf.out").write_text("     End of self-consistent calculation\n     the Fermi energy is    -0.2000 ev\n")
    done = wannier_spin("run", edit(tmp_path, text=text))
    assert done.code == 0, done.err
    assert "fermi_energy = -0.2 eV, from scf.out" in done.err
    result = ws.load(tmp_path / "in.h5")
    assert result["spin_hall"].mu == pytest.approx([0.1])
    assert result.provenance["fermi_energy_eV"] == -0.2
    assert result.provenance["fermi_energy_source"] == "scf.out"


def test_an_absolute_mu_is_asked_back(wannier_spin: Command, folder: Path) -> None:
    """mu counts from fermi_energy: 30.3 eV from 30 eV is outside of all bands, 30.3 eV itself is the Fermi energy."""
    model = ws.load_model(folder / "sheet.h5")
    onsite = 30.0 * (model.R_vectors == 0).all(axis=1)[:, None, None] * np.eye(model.n_bands)
    replace(model, hamiltonian_R=model.hamiltonian_R + onsite).save(folder / "sheet.h5")
    edit(folder, ("", "fermi_energy = 30.0"), ("mu = 0.3", "mu = [30.1, 30.3]"))
    assert_refused(wannier_spin("run", folder / "in.toml"), "mu counts from fermi_energy = 30 eV", "write mu = 0.1 to 0.3")
    wide = replace(model, hamiltonian_R=20 * model.hamiltonian_R)  # platinum has bands 20 eV above its Fermi energy, too
    with pytest.raises(ws.InputError, match=r"7 to 9 eV from there is far away, and near as .* write mu = -1 to 1, or fermi_"):
        check_relative(8 + np.array([7.0, 9.0]), 8.0, wide)
    for fermi, given in ((8.0, [-9.0, 9.0]), (8.0, [5.0, 6.0]), (3.0, [2.0, 4.0])):
        check_relative(fermi + np.array(given), fermi, wide)
    edit(folder, ("", "fermi_energy = 30.0"), ("mu = 0.3", "mu = [0.1, 0.3]"))
    assert wannier_spin("run", folder / "in.toml").code == 0
    assert_refused(wannier_spin("run", edit(folder, ("mu = 0.3", "mu = [-1, 1, 21]"))), "points = 21")


def test_what_a_model_without_spin_matrices_does_not_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is judged by the bands alone where there is nothing else."""
    monkeypatch.setattr("wannier_spin.symmetry.group_violation", lambda model, operations: {"bands_meV": 0.01})
    crystal = ws.Structure(3 * np.eye(3), np.zeros((1, 3)), np.array([26]), np.zeros((1, 3)))
    model = SimpleNamespace(spin_axis="z")
    (check,) = _group_checks(model, crystal)  # type: ignore[arg-type]
    assert check.ok and check.value == "bands differ by 0.01 meV rms, spins by 0, the Zeeman metric by 0 %"


def test_a_mu_inside_of_the_bands_is_not_asked_back() -> None:
    """Where any is, all may be counted from the Fermi energy."""
    model = ws.models.rashba_exchange()
    with pytest.raises(ws.InputError, match="mu counts from fermi_energy = 3.5 eV"):
        check_relative(3.5 + np.array([3.2, 3.1]), 3.5, model)
    check_relative(3.5 + np.array([3.2, 1.0]), 3.5, model)
