"""One writer for one result, as long as the writer lives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wannier_spin import InputError
from wannier_spin.locks import locked

HOLD = """
import sys
from wannier_spin.locks import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def holder(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_refused_and_the_first_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    process = holder(tmp_path / "r.h5")
    try:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match=f"'r.h5' is being written by another run .process {process.pid} on"), locked("r.h5"):
            pass
        with locked(tmp_path / "other.h5"):
            pass
    finally:
        process.communicate("")
    with locked("r.h5"):
        pass
    assert list((cache / "wannier_spin" / "locks").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}  # nothing is left beside the results


def test_a_killed_writer_holds_nothing(tmp_path: Path) -> None:
    process = holder(tmp_path / "r.h5")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with locked(tmp_path / "r.h5"), pytest.raises(InputError, match=f"process {os.getpid()}"), locked(tmp_path / "r.h5"):
        pass


def test_without_a_cache_there_is_no_protection_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with locked(tmp_path / "r.h5"), locked(tmp_path / "r.h5"):
        pass
