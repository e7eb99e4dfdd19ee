"""What commands say: see `rows`."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace as Like
from typing import Any

import numpy as np
import pytest
from rows import NAN, Rows, each, same
from scans import against_mu
from stored import check

from wannier_spin.calculation.converge import Convergence
from wannier_spin.cli import progress, terminal
from wannier_spin.integrals.algorithm import Round

cli_compare, cli_converge, cli_figures, cli_files, cli_results, cli_run = (
    import_module(f"wannier_spin.cli.{name}") for name in ("compare", "converge", "figures", "files", "results", "run")
)
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse


def told_of(times: list[float], done: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    clock = iter(times)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    shows = progress.Progress(True)
    progress.Progress(False)(1, 10)
    for number in done:
        shows(number, 10)
    shows.close()
    return capsys.readouterr().err.split("\n")


def convergence(*values: float, errors: Any = (0.3, 0.1, 0.02)) -> Convergence:
    labels = ("4x4x1", "8x8x1", "16x16x1")[-len(values) :]
    return Convergence(
        "spin_hall", "spin Hall effect", "xy;z", "S/cm", labels, np.array([16, 64, 256]), np.array(values), np.array(errors)
    )


def judged(one: Convergence) -> list[Any]:
    return [one.changes, one.converged, one.honest, cli_converge._words(one)]


HEAD = ("response", "component", "value")
LINES = [("spin_hall", "xy;z = -yx;z", "2.29(3)e5"), ("nonlinear_drude_spin_current", "xyz", "1")]
ROWS: Rows = {
    "broken lines": each(
        terminal.broken,
        *((text, width) for text in ("a bc  def", "a_bcd_efgh ij", "abcdefgh", "", "  a b") for width in (1, 2, 3, 5, 8, 9, 40)),
    ),
    "tables": lambda: [
        terminal.table(HEAD, LINES, width).split("\n") for width in (None, 20, 25, 30, 36, 40, 44, 45, 50, 51, 52, 80)
    ],
    "convergence": lambda: [
        judged(convergence(*values, errors=errors))
        for values in ((1.0, 1.2, 1.0), (1.0, 1.05, 1.0), (1.0, 1.051, 1.0), (1.0,), (0.0, 0.0, 0.0), (-1.0, -1.04, -1.0))
        for errors in (
            (0.3, 0.1, 0.02)[-len(values) :],
            (0.0, 0.0, 0.05)[-len(values) :],
            (0.0, 0.0, 0.051)[-len(values) :],
            (NAN,) * len(values),
        )
    ],
    "the common Fermi energy": each(
        lambda a, b: cli_compare._common_fermi_energy(Like(facts=Like(fermi_energy=a)), Like(facts=Like(fermi_energy=b))),
        (1.0, 1.0),
        (1.0, 2.0),
        (None, None),
    ),
    "stems": each(lambda x: cli_files._stem(Path(x)), "a/Pt", "Pt.toml", "b/Pt.model.h5", "Pt.h5"),
    "options as lines": each(cli_files._as_lines, {}, {"spin": None}, {"spin": "blocks", "vacuum": 3.0, "ws_distance": None}),
    "places": each(cli_results._places, None, ["mu=1", " temperature = 300"], ["mu"], ["mu=x"]),
    "seeds beside": each(lambda x: cli_figures._seed_beside(Path(x)), "a/Pt", "b/Pt.model.h5", "Pt.h5"),
}


@pytest.mark.parametrize("number", range(4))
def test_progress_in_a_log(number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    times, done = (
        ([100.0, 130.0, 130.5, 161.0], [1, 2, 3, 4]),
        ([100.0, 131.0, 140.0, 162.0], [1, 2, 3, 10]),
        ([0.0, 29.0], [1, 5]),
        ([5.0, 36.0], [1, 9]),
    )[number]
    check("functions.json", f"progress {number}", {"said": told_of(times, done, monkeypatch, capsys)})


def test_what_becomes_of_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has served where nothing is left open; a result of another input is kept beside the new one."""
    seen = []
    for number, (converged, text, overwrite) in enumerate(
        [(None, "a", False), (True, "a", False), (False, "a", False), (None, "b", False), (None, "b", True)]
    ):
        job = cli_run.Job(Like(adaptive=True), text, tmp_path, tmp_path / f"{number}.h5")
        known = against_mu().with_facts(input="a")
        known.save(job.target)
        job.checkpoint.touch()
        cli_run._save(
            replace(known, tensors={"edelstein": replace(known["edelstein"], converged=converged)}), job, overwrite, False
        )
        seen.append(sorted(path.name for path in tmp_path.glob(f"{number}*")))
    check("functions.json", "checkpoints", {"files": seen, "said": capsys.readouterr().err.replace(str(tmp_path), "").split("\n")})


def test_rounds_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"number": 3, "boxes": 40, "evaluations": 500, "excess": {"a": 2.0, "b": 0.1, "c": 30.0, "d": 4.0}}
    for changes in ({"replica": 0}, {"replica": 1}, {"replica": 0, "mesh": (4, 5, 1)}):
        cli_run.report(Round(**(given | changes)))
    check("functions.json", "rounds", {"said": capsys.readouterr().err.split("\n")})


def test_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Broken a little before its edge; in a pipe as they are."""
    text = "abc def ghi jkl mno pqr stu\nvwx"
    for width in (10, 20, 24, 27, 28, 31, 32):
        monkeypatch.setattr(terminal, "columns", lambda stream, width=width: width)
        terminal.say(text)
    monkeypatch.undo()
    terminal.say(text)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for width in ("5", "20", "21", "100"):
        monkeypatch.setenv("COLUMNS", width)
        print(terminal.columns(sys.stdout))
    check("functions.json", "said", {"out": capsys.readouterr().out.split("\n")})


@pytest.mark.parametrize("name", ROWS)
def test_both_sides(name: str) -> None:
    same("commands", name, ROWS[name])
