"""Runs with a tolerance from the command line: what they leave behind when they end, are stopped, killed, or cannot write."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, Outcome, entry_point

import wannier_spin as ws
from wannier_spin.calculation.dry_run import busy_rows, pace_of, predicted_points
from wannier_spin.integrals.algorithm import Round
from wannier_spin.integrals.tolerance.checkpoint import KIND, Checkpoint
from wannier_spin.storage import read_tree, write_tree

ASKED = "{ relative = 2e-2, start = 4 }"  # on boxes from the beginning; meshes before them: integrals/tolerance/test_meshes.py
INPUT = f"""
seedname = "sheet.model.h5"
responses = ["spin_hall", "edelstein"]
mu = [0.1, 0.3]
temperature = 300
tolerance = {ASKED}
"""
INPUTS = {"in.toml", "sheet.model.h5"}
ROUND = re.compile(r"^round (\d+): (\d+) boxes, (\d+) k-points; error / tolerance: (?:\w+ \S+(?:, )?){2}$")


@pytest.fixture
def wannier_spin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run the entry point in this process: wannier_spin("run", path)."""
    before = signal.getsignal(signal.SIGTERM)
    yield entry_point(monkeypatch, capsys)
    signal.signal(signal.SIGTERM, before)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "wannier_spin.cli", *map(str, arguments)]


def in_process_of_its_own(*arguments: object, code: str | None = None) -> Outcome:
    """The command line, or a script that ends in it."""
    line = command(*arguments) if code is None else [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return Outcome(done.returncode, done.stdout, done.stderr)


def prepare(folder: Path, text: str = INPUT) -> Path:
    ws.models.get("rashba_exchange").save(folder / "sheet.model.h5")
    (folder / "in.toml").write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepare(tmp_path)


@dataclass(frozen=True)
class Whole:
    """A run that nobody disturbed. seconds : from its first round to its last."""

    folder: Path
    outcome: Outcome
    result: ws.ResultSet
    seconds: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = prepare(tmp_path_factory.mktemp("whole"))
    process = started(folder)
    start = time.monotonic()
    out, err = process.communicate(timeout=120)
    seconds = time.monotonic() - start
    assert process.returncode == 0, err
    return Whole(folder, Outcome(0, out, err), ws.load(folder / "in.h5"), seconds)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a run leaves that is killed while it evaluates the boxes of its fourth round."""
    folder = prepare(tmp_path_factory.mktemp("stopped"))
    done = in_process_of_its_own("run", folder / "in.toml", code=dies_in_round(4))
    assert done.code == -signal.SIGKILL, done.err
    assert done.err.count("round ") == 3
    return (folder / "in.checkpoint.h5").read_bytes()


def dies_in_round(number: int, how: str = "os.kill(os.getpid(), signal.SIGKILL)", replica: int = 1) -> str:
    """A script that does something when the boxes of a round are about to be evaluated."""
    return (
        "import os, signal, sys\nfrom wannier_spin import cli\nfrom wannier_spin.cli import run as command\n"
        "from wannier_spin.integrals import boxes as cells\n"
        "original, report, now = cells.CellIntegrand._box, command.report, [(1, 1)]\n"
        "def counted(reached):\n    now[0] = reached.replica + 1, reached.number + 1\n    report(reached)\n"
        f"def _box(self, box):\n    if now[0] == ({replica}, {number}):\n        {how}\n"
        "    return original(self, box)\n"
        "cells.CellIntegrand._box, command.report = _box, counted\n"
        "sys.argv = ['wannier-spin', *sys.argv[1:]]\ncli.main()\n"
    )


def started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A run in a process of its own, whose first round is done."""
    process = subprocess.Popen(
        command("run", folder / "in.toml", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("round "), first + process.stderr.read()
    return process


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def assert_same(found: ws.ResultSet, expected: ws.ResultSet) -> None:
    """The same bits, from the same boxes."""
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert np.abs(tensor.values).max() > 0
        for key in ("values", "error", "replica_spread", "sea_surface_difference"):
            ours, theirs = getattr(found[name], key), getattr(tensor, key)
            assert (ours is None) == (theirs is None)
            assert theirs is None or ours.tobytes() == theirs.tobytes(), (name, key)
    for key in ("boxes", "rounds", "k_points_evaluated", "error_over_tolerance"):
        assert found.provenance[key] == expected.provenance[key]


def assert_refused(outcome: Outcome, *parts: str) -> None:
    """Exit code 2, one message on stderr, nothing computed, no traceback, and each part is in the message."""
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("error: "), outcome.err
    assert outcome.err.count("error: ") == 1, outcome.err
    assert "Traceback" not in outcome.err
    for part in parts:
        assert part in outcome.err, outcome.err


# --- a run that nobody disturbs -----------------------------------------------------------------------------------------


def test_run(whole: Whole) -> None:
    assert names(whole.folder) == INPUTS | {"in.h5"}  # the checkpoint is gone
    model = ws.load_model(whole.folder / "sheet.model.h5")
    expected = ws.compute(
        model,
        ["spin_hall", "edelstein"],
        mu=[0.1, 0.3],
        temperature=300,
        tau=10.0,
        units="SI",
        tolerance=ws.Tolerance(2e-2, start=4),
    )
    assert_same(whole.result, expected)
    p = whole.result.provenance
    assert p["tolerance"]["relative"] == 2e-2
    assert "grid" not in p
    assert p["input"] == INPUT
    assert p["k_points_evaluated"] > p["boxes"][0] * p["points_per_box"]  # those that were split too
    assert max(p["error_over_tolerance"].values()) <= 1
    assert f"written to {whole.folder / 'in.h5'}" in whole.outcome.out


def test_one_line_for_every_round(whole: Whole) -> None:
    """On stderr; the first one was read by the fixture."""
    p = whole.result.provenance
    found = [ROUND.match(line) for line in whole.outcome.err.splitlines()]
    assert all(found), whole.outcome.err
    numbers = [tuple(int(x) for x in match.groups()) for match in found if match]
    assert [n for n, _, _ in numbers] == list(range(2, p["rounds"][0] + 1))
    assert numbers[-1] == (p["rounds"][0], p["boxes"][0], p["k_points_evaluated"])
    assert "round" not in whole.outcome.out


def test_show_and_summary(wannier_spin: Command, whole: Whole) -> None:
    how = f"tolerance 0.02, {whole.result.provenance['boxes'][0]} boxes"
    shown = wannier_spin("show", whole.folder / "in.h5")
    assert (shown.code, shown.err) == (0, "")
    for out in (shown.out, whole.outcome.out):
        assert how in out
        assert "grid" not in out


def test_replicas(wannier_spin: Command, folder: Path) -> None:
    (folder / "in.toml").write_text(INPUT.replace(ASKED, "{ relative = 5e-2, replicas = 2 }"))
    done = wannier_spin("run", folder / "in.toml")
    assert done.code == 0, done.err
    p = ws.load(folder / "in.h5").provenance
    assert len(p["boxes"]) == len(p["rounds"]) == 2
    lines = done.err.splitlines()
    assert len(lines) == sum(p["rounds"])
    assert sum("of replica 2" in line for line in lines) == p["rounds"][1]
    assert f"{sum(p['boxes'])} boxes" in done.out


# --- killed and stopped -------------------------------------------------------------------------------------------------


def assert_absent_or_whole(path: Path) -> None:
    if path.exists():
        assert read_tree(path, KIND)["states"]


def killed_and_resumed(wannier_spin: Command, folder: Path, whole: Whole, seed: int) -> bool:
    """Kill a run at a random moment after its first round; the resumed one has the same numbers. Whether it had no result yet."""
    process = started(folder)
    time.sleep(random.Random(seed).uniform(0, 0.7 * whole.seconds))
    process.kill()
    process.communicate(timeout=60)
    assert_absent_or_whole(folder / "in.checkpoint.h5")
    assert process.returncode in (0, -signal.SIGKILL)
    if (folder / "in.h5").exists():  # killed after the result was written, if at all
        assert_same(ws.load(folder / "in.h5"), whole.result)
        return False
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert done.code == 0, done.err
    assert_same(ws.load(folder / "in.h5"), whole.result)
    assert not (folder / "in.checkpoint.h5").exists()
    return True


def test_kill_9_and_resume(wannier_spin: Command, whole: Whole, tmp_path: Path) -> None:
    killed = 0
    for seed in range(3):
        (tmp_path / str(seed)).mkdir()
        killed += killed_and_resumed(wannier_spin, prepare(tmp_path / str(seed)), whole, seed)
    assert killed


@pytest.mark.slow
def test_kill_9_at_many_moments(wannier_spin: Command, whole: Whole, tmp_path: Path) -> None:
    """Until ten have no result yet: how many of the others there are depends on what else the machine does."""
    killed, seed = 0, 100
    while killed < 10:
        assert seed < 160
        (tmp_path / str(seed)).mkdir()
        killed += killed_and_resumed(wannier_spin, prepare(tmp_path / str(seed)), whole, seed)
        seed += 1


def test_killed_twice(wannier_spin: Command, whole: Whole, folder: Path) -> None:
    """The second checkpoint is written by a run that was itself resumed."""
    for number in (3, 6):
        done = in_process_of_its_own("run", folder / "in.toml", "--resume", code=dies_in_round(number))
        assert done.code == -signal.SIGKILL, done.err
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert done.code == 0, done.err
    assert done.err.startswith("round 5: ")  # what it goes on from
    assert_same(ws.load(folder / "in.h5"), whole.result)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_the_checkpoint_is_replaced(wannier_spin: Command, whole: Whole, folder: Path, when: str) -> None:
    """Just before the new file takes the place of the old one, and just after: one of them is there, whole."""
    code = (
        "import os, signal, sys\nfrom wannier_spin import cli\n"
        "replace, done = os.replace, []\n"
        "def dying(*paths):\n    done.append(paths)\n    last = len(done) == 3\n"
        f"    if last and {when == 'before'}:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    replace(*paths)\n    if last:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.replace = dying\nsys.argv = ['wannier-spin', *sys.argv[1:]]\ncli.main()\n"
    )
    assert in_process_of_its_own("run", folder / "in.toml", code=code).code == -signal.SIGKILL
    tree = read_tree(folder / "in.checkpoint.h5", KIND)
    assert len(tree["states"]["0"]["rounds"]) == (2 if when == "before" else 3)
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert done.code == 0, done.err
    assert_same(ws.load(folder / "in.h5"), whole.result)


def test_sigterm(wannier_spin: Command, whole: Whole, folder: Path) -> None:
    done = in_process_of_its_own("run", folder / "in.toml", code=dies_in_round(4, "os.kill(os.getpid(), signal.SIGTERM)"))
    assert done.code == 1
    assert done.out == ""
    *rounds, last = done.err.splitlines()
    assert all(ROUND.match(line) for line in rounds)
    assert len(rounds) == 3
    assert last.startswith("stopped: ")
    assert f"'{folder}/in.checkpoint.h5'" in last
    assert "--resume" in last
    assert names(folder) == INPUTS | {"in.checkpoint.h5"}
    again = wannier_spin("run", folder / "in.toml", "--resume")
    assert again.code == 0, again.err
    assert_same(ws.load(folder / "in.h5"), whole.result)
    assert names(folder) == INPUTS | {"in.h5"}


def test_sigterm_from_outside(folder: Path) -> None:
    process = started(folder)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert err.splitlines()[-1].startswith("stopped: ")
    assert "Traceback" not in err
    assert names(folder) == INPUTS | {"in.checkpoint.h5"}


def test_sigterm_before_the_first_round(folder: Path) -> None:
    """There is no checkpoint yet: the message must not name one."""
    done = in_process_of_its_own("run", folder / "in.toml", code=dies_in_round(1, "os.kill(os.getpid(), signal.SIGTERM)"))
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith("stopped: ")
    assert "checkpoint" not in line
    assert names(folder) == INPUTS


# --- checkpoints that do not fit ----------------------------------------------------------------------------------------


def test_a_checkpoint_is_not_overlooked(wannier_spin: Command, folder: Path, checkpoint: bytes) -> None:
    """Hours of work must not be lost because --resume was forgotten."""
    (folder / "in.checkpoint.h5").write_bytes(checkpoint)
    assert_refused(wannier_spin("run", folder / "in.toml"), f"'{folder}/in.checkpoint.h5'", "--resume", "delete it")
    assert (folder / "in.checkpoint.h5").read_bytes() == checkpoint
    assert names(folder) == INPUTS | {"in.checkpoint.h5"}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[0.1, 0.3]", "[0.1, 0.31]", "mu: was [0.1, 0.3], is [0.1, 0.31]"),
        ('["spin_hall", "edelstein"]', '["spin_hall"]', "responses: was edelstein, spin_hall, is spin_hall"),
        ("= 300", "= 301", "temperature: was [300.0], is [301.0]"),
        ("tolerance", 'form = "paper"\ntolerance', "form: was full, is paper"),
        ("tolerance", "tau = 11\ntolerance", "tau: was [10.0], is [11.0]"),
        ("tolerance", 'units = "natural"\ntolerance', "units: was SI, is natural"),
        ("tolerance", 'channel = "charge"\ntolerance', "channel: was spin, is charge"),
        ("start = 4", "start = 6", "boxes: was 4, is 6"),
        ("tolerance", "numerics.degeneracy_tolerance = 1e-3\ntolerance", "degeneracy_tolerance: was 0.0005, is 0.001"),
    ],
)
def test_resume_with_another_input(wannier_spin: Command, folder: Path, checkpoint: bytes, old: str, new: str, key: str) -> None:
    (folder / "in.checkpoint.h5").write_bytes(checkpoint)
    assert old in INPUT
    (folder / "in.toml").write_text(INPUT.replace(old, new))
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert_refused(done, f"'{folder}/in.checkpoint.h5'", "another calculation")
    if key.startswith("responses"):
        assert re.search(r"\(responses: was (edelstein, spin_hall|spin_hall, edelstein), is spin_hall[;)]", done.err), done.err
    else:
        assert f"({key}" in done.err, done.err  # nothing else differs before it
    assert (folder / "in.checkpoint.h5").read_bytes() == checkpoint


def test_resume_with_another_model(wannier_spin: Command, folder: Path, checkpoint: bytes) -> None:
    """Of the same name and size."""
    (folder / "in.checkpoint.h5").write_bytes(checkpoint)
    model = ws.load_model(folder / "sheet.model.h5")
    changed = model.hamiltonian_R.copy()
    changed[np.flatnonzero((model.R_vectors == 0).all(axis=1))[0]] += 1e-9 * np.eye(model.n_bands)
    replace(model, hamiltonian_R=changed).save(folder / "sheet.model.h5")
    assert_refused(wannier_spin("run", folder / "in.toml", "--resume"), "(model: was rashba_exchange (")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "a few bytes": lambda data: data[:100],
    "half": lambda data: data[: len(data) // 2],
    "all but one byte": lambda data: data[:-1],
    "garbage": lambda data: random.Random(1).randbytes(len(data)),
    "text": lambda data: b"seedname = 'X'\n",
    "zeros in the middle": lambda data: data[:2000] + bytes(len(data) - 2000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_resume_with_a_damaged_checkpoint(wannier_spin: Command, folder: Path, checkpoint: bytes, damage: str) -> None:
    damaged = DAMAGES[damage](checkpoint)
    (folder / "in.checkpoint.h5").write_bytes(damaged)
    assert_refused(wannier_spin("run", folder / "in.toml", "--resume"), f"'{folder}/in.checkpoint.h5'")
    assert (folder / "in.checkpoint.h5").read_bytes() == damaged
    assert names(folder) == INPUTS | {"in.checkpoint.h5"}


def test_checkpoints_cut_anywhere(tmp_path: Path, checkpoint: bytes) -> None:
    """A file of every length that is not whole is an InputError, never another exception and never numbers."""
    path = tmp_path / "c.h5"
    for length in np.linspace(0, len(checkpoint) - 1, 60).astype(int):
        path.write_bytes(checkpoint[:length])
        with pytest.raises(ws.InputError, match=re.escape(str(path))):
            Checkpoint(path, {}).read()


@pytest.mark.parametrize(
    "missing", ["identity", "states", "states/0/leading", "states/0/rest", "states/0/corner", "states/0/rounds"]
)
def test_checkpoint_with_something_missing(wannier_spin: Command, folder: Path, checkpoint: bytes, missing: str) -> None:
    path = folder / "in.checkpoint.h5"
    path.write_bytes(checkpoint)
    tree = read_tree(path, KIND)
    *groups, last = missing.split("/")
    part = tree
    for group in groups:
        part = part[group]
    del part[last]
    write_tree(path, tree)
    assert_refused(wannier_spin("run", folder / "in.toml", "--resume"), f"'{path}' is not a whole checkpoint", "delete it")


def test_resume_with_what_is_no_checkpoint(wannier_spin: Command, folder: Path, whole: Whole) -> None:
    shutil.copy(whole.folder / "in.h5", folder / "in.checkpoint.h5")
    assert_refused(wannier_spin("run", folder / "in.toml", "--resume"), "in.checkpoint.h5' holds 'wannier_spin result", KIND)


def test_resume_without_a_checkpoint(wannier_spin: Command, folder: Path, whole: Whole) -> None:
    """A batch script that always says --resume works the first time too."""
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert done.code == 0, done.err
    assert done.err.startswith(f"no checkpoint '{folder}/in.checkpoint.h5'; starting anew\nround 1: 16 boxes")
    assert_same(ws.load(folder / "in.h5"), whole.result)


def test_resume_of_a_mesh(wannier_spin: Command, folder: Path) -> None:
    (folder / "in.toml").write_text(INPUT.replace(f"tolerance = {ASKED}", "[grid]\npoints = [4, 4, 1]"))
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert done.code == 0, done.err
    assert "a mesh is computed in one go; starting anew" in done.err
    assert names(folder) == INPUTS | {"in.h5"}
    (folder / "in.toml").write_text(INPUT.replace(f"tolerance = {ASKED}", "[grid]\npoints = [6, 6, 1]"))
    done = wannier_spin("run", folder / "in.toml", "--resume")  # a batch script always says it: nothing was gone on with
    assert done.code == 0, done.err
    assert names(folder) == INPUTS | {"in.h5", "in.1.h5"}


def test_resume_of_a_finished_run(wannier_spin: Command, folder: Path) -> None:
    """It is left as it is, unless the input, a file that it names or the package has changed since; comments are no change."""
    text = INPUT.replace(f"tolerance = {ASKED}", "[grid]\npoints = [4, 4, 1]")
    (folder / "in.toml").write_text(text)
    assert wannier_spin("run", folder / "in.toml").code == 0
    before = (folder / "in.h5").read_bytes()
    (folder / "in.toml").write_text(text + "# a comment\n")
    again = wannier_spin("run", folder / "in.toml", "--resume")
    assert (again.code, again.err) == (0, "")
    assert f"finished before: '{folder}/in.h5' is left as it is" in again.out and "spin_hall" in again.out
    assert (folder / "in.h5").read_bytes() == before
    written = (folder / "in.h5").stat().st_mtime
    os.utime(folder / "sheet.model.h5", (written + 10, written + 10))
    changed = wannier_spin("run", folder / "in.toml", "--resume")
    assert changed.code == 0
    assert f"is finished, but not of this input: '{folder}/sheet.model.h5' changed" in changed.err
    (folder / "in.toml").write_text(text.replace("0.3", "0.4"))
    other = wannier_spin("run", folder / "in.toml", "--resume")
    assert "the input file, " in other.err and (folder / "in.1.h5").exists()
    assert "finished before" not in wannier_spin("run", folder / "in.toml", "--resume", "--overwrite").out


@pytest.mark.parametrize("start", ["start = 4, ", ""])  # boxes, meshes
def test_a_run_that_its_limits_end_keeps_its_checkpoint(wannier_spin: Command, folder: Path, start: str) -> None:
    """With more evaluations it goes on from there, to numbers within the bars that the first part had."""
    few, more = ((ASKED, f"{{ {start}relative = 1e-3, max_evaluations = {most} }}") for most in (3000, 9000))
    (folder / "in.toml").write_text(INPUT.replace(*few))
    done = wannier_spin("run", folder / "in.toml")
    assert done.code == 0, done.err
    assert f"not converged: '{folder}/in.checkpoint.h5' is kept" in done.out
    assert names(folder) == INPUTS | {"in.h5", "in.checkpoint.h5"}
    first = ws.load(folder / "in.h5")
    (folder / "in.toml").write_text(INPUT.replace(*more))
    assert_refused(wannier_spin("run", folder / "in.toml"), "--resume")
    again = wannier_spin("run", folder / "in.toml", "--resume")
    assert again.code == 0, again.err
    assert not again.err.startswith("round 1:" if start else "mesh")
    assert not (folder / "in.1.h5").exists()  # the same calculation, gone on with
    resumed = ws.load(folder / "in.h5")
    assert resumed.provenance["k_points_evaluated"] > 1.5 * first.provenance["k_points_evaluated"]
    for name, tensor in first.items():
        change, bar = np.abs(resumed[name].values - tensor.values), tensor.error
        assert 0 < change.max() < bar.max()


@pytest.mark.parametrize("relative", [6e-2, 1e-2])
def test_resume_with_another_tolerance(
    wannier_spin: Command, folder: Path, checkpoint: bytes, whole: Whole, relative: float
) -> None:
    """The boxes so far serve any tolerance. A result of another temperature that is in the way is kept."""
    whole.result.with_facts(input=INPUT.replace("300", "301")).save(folder / "in.h5")
    (folder / "in.checkpoint.h5").write_bytes(checkpoint)
    (folder / "in.toml").write_text(INPUT.replace("2e-2", f"{relative}"))
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert done.code == 0, done.err
    assert done.err.startswith("round 3: ")
    assert (folder / "in.1.h5").exists()
    p = ws.load(folder / "in.h5").provenance
    assert p["tolerance"]["relative"] == relative
    assert max(p["error_over_tolerance"].values()) <= 1
    assert not (folder / "in.checkpoint.h5").exists()


def test_resume_in_the_second_replica(wannier_spin: Command, folder: Path) -> None:
    (folder / "in.toml").write_text(INPUT.replace(ASKED, "{ relative = 5e-2, replicas = 2 }"))
    assert wannier_spin("run", folder / "in.toml", "-o", folder / "whole.h5").code == 0
    code = dies_in_round(3, replica=2)
    assert in_process_of_its_own("run", folder / "in.toml", code=code).code == -signal.SIGKILL
    assert len(read_tree(folder / "in.checkpoint.h5", KIND)["states"]) == 2
    done = wannier_spin("run", folder / "in.toml", "--resume")
    assert done.code == 0, done.err
    assert done.err.splitlines()[1].startswith("round 2 of replica 2: ")  # behind the last round of the first one
    assert_same(ws.load(folder / "in.h5"), ws.load(folder / "whole.h5"))


# --- a full disk --------------------------------------------------------------------------------------------------------


def limited(limit: int, after: int) -> str:
    """A script in which, from some round on, no file may become larger than so many bytes."""
    how = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))"
    return "import resource\n" + dies_in_round(after, how)


@pytest.mark.parametrize("limit", [0, 1000, 8000])
def test_full_disk_at_a_checkpoint(whole: Whole, folder: Path, limit: int) -> None:
    """The checkpoint of the round before stays, and serves when there is room again."""
    done = in_process_of_its_own("run", folder / "in.toml", code=limited(limit, 3))
    assert done.code == 2, done.err
    *rounds, last = done.err.splitlines()
    assert len(rounds) == 2, done.err
    assert last.startswith("error: ")
    for part in (f"'{folder}/in.checkpoint.h5'", "is the disk full?"):
        assert part in last
    assert names(folder) == INPUTS | {"in.checkpoint.h5"}
    assert len(read_tree(folder / "in.checkpoint.h5", KIND)["states"]["0"]["rounds"]) == 2


def test_full_disk_at_the_result(wannier_spin: Command, whole: Whole, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last checkpoint stays: the result is written without computing again."""
    from wannier_spin.results import set as results

    def full(path: object, tree: object) -> None:
        raise ws.InputError(f"cannot write '{path}': No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(results, "write_tree", full)
        done = wannier_spin("run", folder / "in.toml")
    assert done.code == 2
    assert done.err.splitlines()[-1] == f"error: cannot write '{folder}/in.h5': No space left on device"
    assert names(folder) == INPUTS | {"in.checkpoint.h5"}
    again = wannier_spin("run", folder / "in.toml", "--resume")
    assert again.code == 0
    (line,) = again.err.splitlines()
    assert line.startswith(f"round {whole.result.provenance['rounds'][0]}: ")
    assert_same(ws.load(folder / "in.h5"), whole.result)


# --- plans --------------------------------------------------------------------------------------------------------------


def plan(out: str) -> dict[str, str]:
    head, *lines = out.splitlines()
    assert head == "plan"
    return {key: value for key, value in (re.split(r" {2,}", line, maxsplit=1) for line in lines)}


def test_plan_of_an_adaptive_run(wannier_spin: Command, folder: Path) -> None:
    (folder / "in.toml").write_text(INPUT.replace(ASKED, "{ relative = 2e-3, max_evaluations = 5000 }"))
    rows = plan(wannier_spin("run", folder / "in.toml", "--dry-run").out)
    assert rows["first mesh"] == "14x14x1, 196 k-points"
    assert re.match(r"error bars are at most \d+ times the tolerance", rows["after it"])
    (folder / "in.toml").write_text(INPUT.replace(ASKED, "{ relative = 2e-3, max_evaluations = 5000, replicas = 3, start = 4 }"))
    done = wannier_spin("run", folder / "in.toml", "--dry-run")
    assert (done.code, done.err) == (0, "")
    rows = plan(done.out)
    assert rows["model"] == "rashba_exchange: 2 bands, 2D"
    assert rows["scan"] == "2 mu x 1 temperatures"
    assert rows["first boxes"] == "16 of 49 points, 1 operations used"
    assert re.match(r"error bars are at most \d+ times the tolerance", rows["after them"])
    assert rows["replicas"] == "3"
    assert "5000 k-points" in rows["at most"]
    assert names(folder) == INPUTS


def test_plan_of_a_mesh(wannier_spin: Command, folder: Path) -> None:
    (folder / "in.toml").write_text(INPUT.replace(f"tolerance = {ASKED}", "[grid]\npoints = [30, 20, 1]"))
    done = wannier_spin("run", folder / "in.toml", "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert plan(done.out)["mesh"] == "30x20x1 = 600 k-points, 600 evaluated"
    assert names(folder) == INPUTS


def test_predicted_points() -> None:
    """A power law is continued; where the tolerance was reached nothing is."""
    rounds = [(n, (1e5 / n) ** 1.5) for n in (1000, 2000, 4000, 8000)]
    assert predicted_points(rounds) == pytest.approx(1e5)
    assert predicted_points([(1000, 3.0), (2000, 0.9), (4000, 0.2)]) == 2000
    assert predicted_points([(1000, 2.0)]) == 2000
    assert predicted_points([(1000, 2.0), (2000, 3.0)]) > 2000


def test_the_pace_of_rounds() -> None:
    """Start-up is told from work: by counted seconds, 5 before the first k-point, 0.01 for each; also of two sums."""

    def rounds(*points: int, begun: float = 5.0) -> list[tuple[Round, float]]:
        return [(Round(0, i, 0, n, {"spin_hall": 2.0}, (n, 1, 1)), begun + 0.01 * n) for i, n in enumerate(points)]

    start, seconds = pace_of(rounds(100, 600, 2600))
    assert (start, seconds) == pytest.approx((5.0, 0.01))
    assert pace_of([*rounds(100, 600), *rounds(50, 200, begun=11.0)]) == pytest.approx((5.0, 0.01))
    assert pace_of(rounds(100, 600, begun=-0.5)) == pytest.approx((0.0, 0.01))  # quicker than the points that followed
    assert pace_of(rounds(100)) == pytest.approx((0.0, 0.06))  # nothing to tell them by


def test_busy_cores_are_named() -> None:
    ((_, words),) = busy_rows(80.0, 10.0)
    assert "8.0 times as long" in words
    assert busy_rows(12.0, 10.0) == busy_rows(1.2, 0.3) == []


@pytest.mark.parametrize("tolerance", [2e-1, 2e-2])
def test_a_plan_predicts_the_points_of_a_tolerance(wannier_spin: Command, folder: Path, tolerance: float) -> None:
    (folder / "in.toml").write_text(INPUT.replace("2e-2", f"{tolerance}"))
    planned = float(re.match(r"about (\S+) ", plan(wannier_spin("run", folder / "in.toml", "--dry-run").out)["k-points"])[1])  # type: ignore[index]
    assert wannier_spin("run", folder / "in.toml").code == 0
    found = ws.load(folder / "in.h5").provenance["k_points_evaluated"]
    assert planned == pytest.approx(found, rel=0.5, abs=0)


def test_plan_beside_a_checkpoint(wannier_spin: Command, folder: Path, checkpoint: bytes) -> None:
    """Of a job that is running: the plan neither needs nor touches it."""
    (folder / "in.checkpoint.h5").write_bytes(checkpoint)
    assert wannier_spin("run", folder / "in.toml", "--dry-run").code == 0
    assert (folder / "in.checkpoint.h5").read_bytes() == checkpoint


BAD = {
    "unknown key": ((ASKED, "{ relativ = 2e-2 }"), ("'tolerance.relativ'", "did you mean 'relative'?")),
    "odd start": ((ASKED, "{ start = 5 }"), ("tolerance.start = 5", "even")),
    "unknown response of an absolute tolerance": (
        (ASKED, "{ absolute = { edelstien = 1.0 } }"),
        ("'edelstien'", "did you mean 'edelstein'?"),
    ),
    "negative absolute tolerance": ((ASKED, "{ absolute = { edelstein = -1.0 } }"), ("edelstein", "-1.0", "positive")),
    "few evaluations": ((ASKED, "{ max_evaluations = 100, start = 4 }"), ("max_evaluations = 100", "784 k-points")),
    "two ways": (("\ntolerance", "\ngrid = { spacing = 1.0 }\ntolerance"), ("[grid]", "tolerance", "not both")),
    "missing model": (("sheet.model", "shet.model"), ("shet.model.h5' does not exist",)),
    "unknown response": (('"edelstein"', '"edelstien"'), ("did you mean 'edelstein'?",)),
    "no folder for the output": (("tolerance", 'output = "no/out.h5"\ntolerance'), ("/no' does not exist", "create it")),
    "degeneracy tolerance": (
        ("tolerance", "numerics.degeneracy_tolerance = 1000.0\ntolerance"),
        ("degeneracy_tolerance = 1000 eV", "at most"),
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("planned", [False, True])
def test_bad_input(wannier_spin: Command, folder: Path, case: str, planned: bool) -> None:
    """A plan refuses what the run would refuse, in the same words."""
    (old, new), parts = BAD[case]
    assert old in INPUT
    (folder / "in.toml").write_text(INPUT.replace(old, new))
    assert_refused(wannier_spin("run", folder / "in.toml", *["--dry-run"] * planned), *parts)
    assert names(folder) == INPUTS


@pytest.mark.parametrize("case", ["few evaluations", "unknown response of an absolute tolerance", "unknown response"])
def test_a_plan_names_the_input_file(wannier_spin: Command, folder: Path, case: str) -> None:
    old, new = BAD[case][0]
    (folder / "in.toml").write_text(INPUT.replace(old, new))
    assert f"'{folder}/in.toml'" in wannier_spin("run", folder / "in.toml", "--dry-run").err


def test_limits_end_a_run_with_a_warning(wannier_spin: Command, folder: Path) -> None:
    """Not an error: the error bars say how far it came, and a warning that it is not far enough."""
    (folder / "in.toml").write_text(INPUT.replace(ASKED, "{ relative = 1e-4, max_evaluations = 3000 }"))
    done = wannier_spin("run", folder / "in.toml")
    assert done.code == 0, done.err
    result = ws.load(folder / "in.h5")
    assert 1500 < result.provenance["k_points_evaluated"] <= 3000
    assert not result["spin_hall"].converged
    assert any("tolerance" in message for message in result.warnings)
    assert names(folder) == INPUTS | {"in.h5", "in.checkpoint.h5"}
