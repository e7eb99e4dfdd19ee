"""Which faults in a module do its tests miss? One change at a time, one run of the tests for each.

    python workflows/verification/mutate.py wannier_spin/symmetry/kpoints.py tests/symmetry/test_kpoints.py
    python workflows/verification/mutate.py wannier_spin/geometry.py tests/test_geometry.py --sample 40 --report report.json

Changes: + and -, * and /, comparisons, `and` and `or`, `not`, numbers, signs, min and max, real and imag, `if` conditions, and the
names of a few numpy functions. The module is changed in a copy of the package in a temporary folder, never in place. A mutant that
survives is a hole in the tests, or changes nothing that counts: look at each.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
}
COMPARE = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
NAMES = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "real": "imag",
    "imag": "real",
    "any": "all",
    "all": "any",
    "sin": "cos",
    "cos": "sin",
    "floor": "ceil",
    "ceil": "floor",
    "argmin": "argmax",
    "argmax": "argmin",
}


@dataclass(frozen=True)
class Mutant:
    """line, what the code was and what it is, and what became of it: killed, survived or slow (which counts as killed)."""

    line: int
    before: str
    after: str
    fate: str = ""


def changes(node: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    """Each way to change a node, as a function that does so to a copy of it."""
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        yield lambda copied: setattr(copied, "op", BINARY[type(node.op)]())
    elif isinstance(node, ast.AugAssign) and type(node.op) in BINARY:
        yield lambda copied: setattr(copied, "op", BINARY[type(node.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
        yield lambda copied: copied.ops.__setitem__(0, COMPARE[type(node.ops[0])]())  # type: ignore[attr-defined]
    elif isinstance(node, ast.BoolOp):
        yield lambda copied: setattr(copied, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda copied: setattr(copied, "op", ast.UAdd())
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda copied: setattr(copied, "value", node.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda copied: setattr(copied, "value", not node.value)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda copied: setattr(copied, "attr", NAMES[node.attr])
    elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
        yield lambda copied: setattr(copied, "id", NAMES[node.id])
    elif isinstance(node, ast.If | ast.IfExp):
        yield lambda copied: setattr(copied, "test", ast.UnaryOp(ast.Not(), copied.test))  # type: ignore[attr-defined]


def mutants(source: str) -> Iterator[tuple[Mutant, str]]:
    """Every mutant of a module and its text. What is only said (messages, annotations) is left alone."""
    tree = ast.parse(source)
    silent = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.AnnAssign)
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for said in (node.returns, *(argument.annotation for argument in (*node.args.args, *node.args.kwonlyargs))):
                silent |= {id(part) for part in ast.walk(said)} if said is not None else set()
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in silent:
            continue
        for change in changes(node):
            changed = copy.deepcopy(tree)
            target = next(other for i, other in enumerate(ast.walk(changed)) if i == number)
            change(target)
            ast.fix_missing_locations(changed)
            shown = (node.test, target.test) if isinstance(node, ast.If | ast.IfExp) else (node, target)  # type: ignore[attr-defined]
            before, after = (ast.unparse(part)[:90] for part in shown)
            yield Mutant(getattr(node, "lineno", 0), before, after), ast.unparse(changed)


def fate(copied: Path, module: Path, text: str, tests: list[str], seconds: float) -> str:
    """Run the tests on the package in `copied` with this text of the module."""
    (copied / module).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copied), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copied, env=environment, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "slow"
    if done.returncode not in (0, 1, 2):
        raise SystemExit(f"pytest did not run: {done.stdout.decode()[-2000:]}{done.stderr.decode()[-2000:]}")
    return "killed" if done.returncode else "survived"


def examine(module: Path, tests: list[str], sample: int | None, seed: int) -> tuple[list[Mutant], int]:
    """The fates of all mutants, or of a sample, and how many there are. Ends if the tests fail without any change."""
    source = module.read_text(encoding="utf-8")
    every = list(mutants(source))
    chosen = every if sample is None or sample >= len(every) else random.Random(seed).sample(every, sample)
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder)
        for name in ("wannier_spin", "tests"):
            shutil.copytree(name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "example_inputs"):
            (copied / name).symlink_to(Path(name).resolve())
        start = time.monotonic()
        if fate(copied, module, source, tests, 3600) != "survived":
            raise SystemExit(f"the tests {' '.join(tests)} fail without any change")
        limit = 20 + 5 * (time.monotonic() - start)
        found = []
        for mutant, text in sorted(chosen, key=lambda pair: pair[0].line):
            found.append(Mutant(mutant.line, mutant.before, mutant.after, fate(copied, module, text, tests, limit)))
            print(f"{module}:{mutant.line}: {found[-1].fate}: {mutant.before}  ->  {mutant.after}", flush=True)
    return found, len(every)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--sample", type=int, help="this many mutants, at random; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, help="JSON file for the fates")
    given = parser.parse_args()
    found, total = examine(given.module, given.tests, given.sample, given.seed)
    survived = [mutant for mutant in found if mutant.fate == "survived"]
    print(f"{given.module}: {len(found)} of {total} mutants, {len(found) - len(survived)} killed, {len(survived)} survived")
    if given.report:
        given.report.write_text(json.dumps([asdict(mutant) for mutant in found], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
