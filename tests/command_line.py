"""The command line, run in the process of a test."""

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from wannier_spin import cli


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


def entry_point(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the entry point in this process: call("run", path)."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["wannier-spin", *map(str, arguments)])
        capsys.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
            warnings.simplefilter("default")
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(end.value.code or 0), captured.out, captured.err)

    return call
