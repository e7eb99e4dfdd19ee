"""Planted faults of `_tb.dat`, `_hr.dat` and input files: who names them. `faults.py` puts the table into docs/faults.md.

    python workflows/verification/text_faults.py

The files of gallium arsenide in example_inputs are changed as text, one fault at a time, and `wannier-spin run` reads them.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import numpy as np
from planted import Fault, Verdict

from wannier_spin import cli

EXAMPLE = Path(__file__).resolve().parents[2] / "example_inputs" / "GaAs"
HEAD = 7  # lines of a _tb.dat before the degeneracies: title, lattice, numbers of functions and of R vectors
PER_LINE = 15  # degeneracies
BOHR = 0.529177210903
INPUT = """seedname = "GaAs"
responses = ["spin_hall"]
mu = 0.1
fermi_energy = 6.0
temperature = 300
grid = { points = [2, 2, 2] }
model = { spin = "interleaved" }
symmetry = { structure = "GaAs.win" }
"""
Files = Mapping[str, str]


def edited(name: str, change: Callable[[str], str]) -> Callable[[Files], Files]:
    """A fault of one file. Raises AssertionError where it changes nothing."""

    def plant(files: Files) -> Files:
        after = change(files[name])
        assert after != files[name], f"the fault changes nothing in {name}"
        return {**files, name: after}

    return plant


def degeneracies(change: Callable[[list[str]], list[str]], head: int = HEAD - 1) -> Callable[[str], str]:
    """A fault of the degeneracies that stand behind the head of `_tb.dat` or `_hr.dat`."""

    def of(text: str) -> str:
        lines = text.split("\n")
        n = -(-int(lines[head - 1]) // PER_LINE)
        words = " ".join(lines[head : head + n]).split()
        new = change(words)
        rows = ["".join(f"{word:>5}" for word in new[i : i + PER_LINE]) for i in range(0, len(new), PER_LINE)]
        return "\n".join([*lines[:head], *rows, *lines[head + n :]])

    return of


def one_wrong(words: list[str]) -> list[str]:
    i = next(i for i, word in enumerate(words) if word == "2")
    return [*words[:i], "1", *words[i + 1 :]]


def pair_wrong(words: list[str]) -> list[str]:
    """Of R and -R, which stand at the same distance from both ends."""
    i = next(i for i, word in enumerate(words) if word == "2" and words[-1 - i] == "2")
    new = list(words)
    new[i] = new[-1 - i] = "1"
    return new


def permuted(words: list[str]) -> list[str]:
    return [words[i] for i in np.random.default_rng(0).permutation(len(words))]


def lattice(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[str], str]:
    def of(text: str) -> str:
        lines = text.split("\n")
        vectors = change(np.array([line.split() for line in lines[1:4]], float))
        return "\n".join([lines[0], *(" ".join(f"{x:.10f}" for x in row) for row in vectors), *lines[4:]])

    return of


def blocks_of(text: str) -> tuple[str, list[str]]:
    """The head of a `_tb.dat`, and what stands between empty lines: a block for each R, first of H, then of the position."""
    head, *blocks = text.split("\n\n")
    return head, blocks


def blocks(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    def of(text: str) -> str:
        head, found = blocks_of(text)
        return "\n\n".join([head, *change(found)])

    return of


def numbers(change: Callable[[np.ndarray], np.ndarray], of_position: bool) -> Callable[[str], str]:
    """A fault of all matrices of H or of the position: rows of (i, j, re, im, ...)."""

    def one(block: str) -> str:
        first, *rows = block.split("\n")
        values = change(np.array([row.split() for row in rows if row], float))
        return "\n".join([first, *(f"{int(v[0])} {int(v[1])} " + " ".join(f"{x:.10e}" for x in v[2:]) for v in values)])

    def every(found: list[str]) -> list[str]:
        half = len(found) // 2
        return [one(block) if (i >= half) == of_position else block for i, block in enumerate(found)]

    return blocks(every)


def conjugated(values: np.ndarray) -> np.ndarray:
    return np.asarray(values * np.array([1, 1, *([1, -1] * ((values.shape[1] - 2) // 2))]))


def scaled(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: np.concatenate([values[:, :2], factor * values[:, 2:]], axis=1)


def exchanged(i: int, j: int) -> Callable[[list[str]], list[str]]:
    """Two blocks, with their R."""

    def change(found: list[str]) -> list[str]:
        new = list(found)
        a, b = new[i].split("\n", 1), new[j].split("\n", 1)
        new[i], new[j] = f"{a[0]}\n{b[1]}", f"{b[0]}\n{a[1]}"
        return new

    return change


def setting(name: str, value: str) -> Callable[[Files], Files]:
    """A fault of the input file."""

    def change(text: str) -> str:
        kept = [line for line in text.splitlines() if line.split("=")[0].strip() != name]
        return "\n".join([*kept, *([f"{name} = {value}"] if value else [])]) + "\n"

    return edited("in.toml", change)


TB, HR = "GaAs_tb.dat", "GaAs_hr.dat"
BANDS = ("splitting of pairs", "do not follow the crystal", "do not have the symmetry", "bands", "Hermitian")
TEXT_FAULTS = (
    Fault("`_tb.dat`: one degeneracy wrong", edited(TB, degeneracies(one_wrong)), ("has the degeneracy",)),
    Fault("`_tb.dat`: the degeneracies of R and -R wrong", edited(TB, degeneracies(pair_wrong)), ("degenerac", *BANDS)),
    Fault("`_tb.dat`: degeneracies permuted", edited(TB, degeneracies(permuted)), ("has the degeneracy",)),
    Fault("`_tb.dat`: all degeneracies 1", edited(TB, degeneracies(lambda w: ["1"] * len(w))), ("degenerac", *BANDS)),
    Fault("`_tb.dat`: one degeneracy lost", edited(TB, degeneracies(lambda w: w[:-1])), ("damaged", "truncated")),
    Fault("`_tb.dat`: H of two R exchanged", edited(TB, blocks(exchanged(3, 100))), ("Hermitian", "H(-R)", *BANDS)),
    Fault(
        "`_tb.dat`: H of R and -R exchanged everywhere (H conjugated)",
        edited(TB, numbers(conjugated, False)),
        ("time reversal", *BANDS),
    ),
    Fault("`_tb.dat`: H in hartree", edited(TB, numbers(scaled(1 / 27.2114), False)), (".eig", "energies", "bands")),
    Fault("`_tb.dat`: positions in bohr", edited(TB, numbers(scaled(1 / BOHR), True)), ("centre", "position")),
    Fault("`_tb.dat`: positions zero", edited(TB, numbers(scaled(0.0), True)), ("centre", "position")),
    Fault("`_tb.dat`: lattice in bohr", edited(TB, lattice(lambda a: a / BOHR)), ("lattice",)),
    Fault("`_tb.dat`: two lattice vectors exchanged", edited(TB, lattice(lambda a: a[[1, 0, 2]])), ("lattice",)),
    Fault("`_tb.dat`: the last block lost", edited(TB, blocks(lambda b: b[:-1])), ("truncated",)),
    Fault("spin = blocks where spins are interleaved", setting("model", '{ spin = "blocks" }'), ("spin", "interleaved")),
)
INPUT_FAULTS = (
    Fault("mu in meV", setting("mu", "100"), ("mu goes from", "outside of them")),
    Fault("mu absolute, counted from fermi_energy again", setting("mu", "6.1"), (), "bands are there too"),
    Fault("mu in joule", setting("mu", "1.6e-20"), (), "it is a small number of eV, and zero is a usual one"),
    Fault("fermi_energy missing", setting("fermi_energy", ""), ("fermi_energy is missing",)),
    Fault("fermi_energy in hartree", setting("fermi_energy", "0.2205"), (), "bands are there too"),
    Fault("fermi_energy not a number", setting("fermi_energy", "nan"), ("fermi_energy = nan",)),
    Fault(
        "temperature in eV",
        setting("temperature", "0.02585"),
        ("no state of the mesh",),
        "0.03 K is a temperature; where there are Fermi-surface terms the mesh warns",
    ),
    Fault("temperature below zero", setting("temperature", "-1"), ("temperature",)),
    Fault("tau in seconds", setting("tau", "1e-14"), ("if seconds are meant",)),
    Fault("a list that is a range", setting("mu", "[-2, 2, 81]"), ("looks like 81 points",)),
    Fault("grid and tolerance", setting("tolerance", "1e-2"), ("grid", "tolerance")),
    Fault("a key with a slip", setting("temprature", "300"), ("temprature",)),
    Fault("a response with a slip", setting("responses", '["spin_hal"]'), ("did you mean 'spin_hall'",)),
    Fault("a seedname that is not there", setting("seedname", '"GaSb"'), ("GaSb",)),
    Fault("degeneracy_tolerance of all bands", setting("numerics", "{ degeneracy_tolerance = 30 }"), ("makes one of bands",)),
)


def whole_files() -> dict[str, str]:
    """As they are read without any fault."""
    packed = {name: gzip.decompress((EXAMPLE / f"{name}.gz").read_bytes()).decode() for name in (TB, "GaAs_wsvec.dat")}
    beside = {"GaAs.win": "GaAs.win", "GaAs.wout": "GaAs.wout.txt"}
    return {**packed, **{name: (EXAMPLE / source).read_text(encoding="utf-8") for name, source in beside.items()}, "in.toml": INPUT}


def said(files: Files) -> tuple[int, str]:
    """The exit code of a run with these files, and what it says: the error, or the warnings."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        arguments = ["wannier-spin", "run", f"{folder}/in.toml"]
        with patch.object(sys, "argv", arguments), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
    if code:
        return code, err.getvalue().strip().removeprefix("error: ").replace(folder + "/", "")
    return code, " ".join(line for line in out.getvalue().splitlines() if line.startswith("warning"))


def judged(fault: Fault[Files], files: Files, known: str) -> Verdict:
    """known : what is said of the right files too."""
    code, message = said(fault.plant(files))
    if code not in (0, 2):
        return Verdict(f"exit code {code}", message, False)
    if not code and (not message or message == known):
        return Verdict("silent", message, False)
    return Verdict("refused" if code else "warned", message, any(part in message for part in fault.cause))


def text_table() -> dict[str, Verdict]:
    """What is said of each fault."""
    files = whole_files()
    code, known = said(files)
    if code:
        raise SystemExit(f"the right files: {known}")
    found = {}
    for fault in (*TEXT_FAULTS, *INPUT_FAULTS):
        one = found[fault.what] = judged(fault, files, known)
        print(f"{fault.what}: {one.by}{'' if one.named else ' WITHOUT CAUSE'}: {one.message[:300]}", flush=True)
    return found


if __name__ == "__main__":
    text_table()
