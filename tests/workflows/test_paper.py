"""The scripts of workflows/paper with few points: they agree with their references, say so, and fail where they do not."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

FOLDER = Path(__file__).resolve().parents[2] / "workflows" / "paper"
CHECKS = {
    "fig1a": 11,
    "fig1b": 14,
    "table1": 3,
    "displacement_model": 12,
    "displacement_gaas": 3,
    "ac_mnbi2te4": 4,
}  # lines of the report
TOLERANCE = {
    "fig1a": 1e-4,
    "fig1b": 1e-4,
    "table1": 1e-10,
    "displacement_model": 1e-8,
    "displacement_gaas": 1e-6,
    "ac_mnbi2te4": 1e-9,
}
KINDS = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml"}
ENDINGS = {
    "fig1a": ".pdf",
    "fig1b": ".png",
    "table1": ".svg",
    "displacement_model": ".pdf",
    "displacement_gaas": ".png",
    "ac_mnbi2te4": ".png",
}


def script(name, *arguments, cwd):
    command = [sys.executable, "-W", "error", FOLDER / f"{name}.py", *arguments]
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)


def load(name, monkeypatch):
    """One of the scripts as a module; they import `common`, which lies beside them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location(f"paper_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    sys.modules.pop("common", None)  # another folder may have its own
    return module


def deviations(output):
    """(found, allowed) of every line of the report."""
    rows = re.findall(
        r"^(.+?) +(\d\.\d?e[-+]\d\d) +(\d?e?[-+\de]+)(?:  TOO LARGE)?$", output.partition("largest relative")[2], re.M
    )
    return [(float(found), float(allowed)) for _, found, allowed in rows]


@pytest.mark.pages
@pytest.mark.parametrize("name", CHECKS)
def test_agrees_with_its_reference(name, tmp_path):
    figure = tmp_path / f"figure{ENDINGS[name]}"
    done = script(name, "--quick", "-o", figure, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = deviations(done.stdout)
    assert len(found) == CHECKS[name]
    assert all(deviation <= allowed <= TOLERANCE[name] for deviation, allowed in found)
    assert figure.read_bytes().startswith(KINDS[figure.suffix])
    assert figure.stat().st_size > 5000
    assert list(tmp_path.iterdir()) == [figure]


def test_a_wrong_reference_is_noticed(monkeypatch, tmp_path, capsys):
    """One sign of Table I."""
    table = load("table1", monkeypatch)
    monkeypatch.setitem(table.PRINTED["spin"], "P", "+---")
    assert table.main(["--quick", "-o", str(tmp_path / "table.pdf")]) == 1
    assert capsys.readouterr().out.count("TOO LARGE") == 2


def test_the_printed_14_is_not_ours(monkeypatch):
    """exact/printed = -5.235 at mu = 2D, and the print depends on mu inside the gap."""
    fig1b = load("fig1b", monkeypatch)
    mu = np.array([2 * fig1b.D])
    assert fig1b.exact(mu)["intrinsic"][0] / fig1b.printed(mu)["intrinsic"][0] == pytest.approx(-5.235, abs=5e-4)
    low, high = fig1b.printed(np.array([0.02, 0.03]))["intrinsic"]
    assert low / high == pytest.approx(1.5**5)


@pytest.mark.parametrize(("found", "expected", "deviation"), [([1.0, 2.2], [1.0, 2.0], 0.1), ([0.5, 2.0], [0.0, 2.0], 0.25)])
def test_deviations(monkeypatch, found, expected, deviation):
    check = load("common", monkeypatch).Check
    assert check("x", np.array(found), np.array(expected), 0.3).deviation == pytest.approx(deviation)
    assert not check("x", np.array(found), np.array(expected), deviation / 2).passed
    assert not check("x", np.array([np.nan, 1]), np.array(expected), 1.0).passed
    with pytest.raises(ValueError, match="vanishes everywhere"):
        check("x", np.array(found), np.zeros(2)).deviation  # noqa: B018


def test_another_ending_is_refused(tmp_path):
    done = script("table1", "-o", "table.gif", cwd=tmp_path)
    assert done.returncode != 0
    assert "must be one of .pdf, .png, .svg" in done.stderr
