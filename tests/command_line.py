"""The command line, run in the process of a test, or by several ranks."""

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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


SEVERAL = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from mpi4py import MPI
from wannier_spin import cli
found = []
for given in json.loads(sys.argv[1]):
    sys.argv, out, err = ["wannier-spin", *given], io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as end:
            found.append((end.code, out.getvalue(), err.getvalue()))
with open("FOLDER" + str(MPI.COMM_WORLD.rank), "w") as file:
    json.dump(found, file)
"""


def several(mpirun: Callable[..., str], ranks: int, *lines: Sequence[object], timeout: float = 120) -> list[Outcome]:
    """Command lines, one after the other in one launch of so many ranks: what rank 0 said of each.

    All ranks ended alike, and only rank 0 said anything.
    """
    with tempfile.TemporaryDirectory() as folder:
        code = SEVERAL.replace('"FOLDER"', repr(folder + os.sep))
        said = mpirun(ranks, "-c", code, json.dumps([[str(word) for word in line] for line in lines]), timeout=timeout)
        found = [json.loads(Path(folder, str(rank)).read_text()) for rank in range(ranks)]
    assert "Traceback" not in said, said
    for line, of_ranks in zip(lines, zip(*found, strict=True), strict=True):
        assert {code for code, _, _ in of_ranks} == {of_ranks[0][0]}, (line, of_ranks)
        assert not any(out + err for _, out, err in of_ranks[1:]), (line, of_ranks)
    return [Outcome(int(code or 0), out, err) for code, out, err in found[0]]
