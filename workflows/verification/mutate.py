"""Which faults in a module do its tests miss? One change at a time, one run of the tests for each.

    python workflows/verification/mutate.py wannier_spin/symmetry/kpoints.py
    python workflows/verification/mutate.py "wannier_spin/responses/*.py" --sample 40
    python workflows/verification/mutate.py wannier_spin/geometry.py --tests tests/test_geometry.py --line 117

What tests a module has, mutants.toml says; it also says of mutants that survive why they change nothing that counts. Fates are
kept in mutants.json, module by module, with the digest of the module: `--table` prints them.

Changes: + and -, * and /, comparisons, `and` and `or`, `not`, numbers, signs, min and max, real and imag, `if` conditions, and the
names of a few numpy functions. The module is changed in a copy of the package in a temporary folder, never in place. Each mutant is
tried in a fork of a process that has collected the tests, by exchanging the code of functions; what is done at import is tried
anew. A mutant that survives is a hole in the tests, or changes nothing that counts: look at each.
"""

from __future__ import annotations

import argparse
import ast
import copy
import gc
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

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


MAP = Path(__file__).with_name("mutants.toml")
REPORT = Path(__file__).with_name("mutants.json")
FOREIGN = ("numpy", "scipy.linalg", "scipy.special", "scipy.optimize", "h5py", "spglib", "pydantic", "pytest")
SLOWER = 5  # times the processor's time of the tests as they are: then a mutant counts as one that does not end
GIB = 2**30
AT_IMPORT = 77  # exit code: the change is in what is done when the module is imported


@dataclass(frozen=True)
class Mutant:
    """line, what the code was and what it is."""

    line: int
    before: str
    after: str


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


@dataclass(frozen=True)
class Found:
    """What became of the mutants of a module. digest : of the module. total : how many there are. killed : those that were tried
    and not survived.
    """

    digest: str
    total: int
    killed: int
    survived: list[Mutant]


def places(tree: ast.Module) -> list[tuple[int, int]]:
    """Each way to change a module: the number of the node, and of the change. What is only said (messages, annotations) is left."""
    said: list[ast.AST] = [node for node in ast.walk(tree) if isinstance(node, ast.Raise | ast.JoinedStr | ast.AnnAssign)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = (*node.args.args, *node.args.kwonlyargs)
            said += [x for x in (node.returns, *(argument.annotation for argument in arguments)) if x is not None]
    silent = {id(part) for node in said for part in ast.walk(node)}
    numbered = ((number, node) for number, node in enumerate(ast.walk(tree)) if id(node) not in silent)
    return [(number, i) for number, node in numbered for i, _ in enumerate(changes(node))]


def mutant(tree: ast.Module, number: int, which: int) -> tuple[Mutant, str]:
    """A mutant and its text."""
    node = next(other for i, other in enumerate(ast.walk(tree)) if i == number)
    changed = copy.deepcopy(tree)
    target = next(other for i, other in enumerate(ast.walk(changed)) if i == number)
    list(changes(node))[which](target)
    ast.fix_missing_locations(changed)
    shown = (node.test, target.test) if isinstance(node, ast.If | ast.IfExp) else (node, target)  # type: ignore[attr-defined]
    before, after = (ast.unparse(part)[:90] for part in shown)
    return Mutant(getattr(node, "lineno", 0), before, after), ast.unparse(changed)


def tried(copied: Path, module: Path, text: str, tests: list[str], seconds: float) -> tuple[str, float]:
    """Run the tests on the package in `copied` with this text of the module: its fate, and the processor's time."""
    (copied / module).write_text(text, encoding="utf-8")
    sys.stdout.flush()
    child = os.fork()
    if not child:
        _run_tests(copied, tests, seconds)
    _, status, used = os.wait4(child, 0)
    spent = used.ru_utime + used.ru_stime
    if os.WIFSIGNALED(status):
        return ("slow" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM) else "killed"), spent
    code = os.WEXITSTATUS(status)
    if code not in (0, 1, 2, 4):  # 4: a named test is not there, since its module or the package cannot be imported
        raise SystemExit(f"pytest did not run ({code}): {(copied / 'log').read_text()[-2000:]}")
    return ("killed" if code else "survived"), spent


def _run_tests(copied: Path, tests: list[str], seconds: float, plugins: Sequence[object] = ()) -> None:
    """In the child: never returns."""
    code = 3
    try:
        _limit(seconds)
        log = os.open(copied / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(copied)
        sys.path.insert(0, str(copied))
        os.environ["PYTHONPATH"] = str(copied)  # for processes that tests start
        import pytest

        code = int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests], list(plugins)))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Trials:
    """A plugin of pytest: with all tests collected it tries each mutant in a fork, by exchanging the code of functions in place.

    fates : by number of the mutant, "killed", "survived", "slow"; None where it changes what is done at import.
    """

    def __init__(self, module: str, source: str, texts: list[str], seconds: float, results: Path) -> None:
        self.module, self.source, self.texts, self.seconds, self.results = module, source, texts, seconds, results

    def pytest_runtestloop(self, session: Any) -> bool:
        """In place of the loop over the tests."""
        for text in self.texts:
            child = os.fork()
            if not child:
                self._try(session, text)
            _, status = os.waitpid(child, 0)
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
            fate = {0: "survived", 1: "killed", AT_IMPORT: AT_IMPORT}.get(code, "killed") if code is not None else "slow"
            with self.results.open("a") as file:
                file.write(f"{fate}\n")
        return True

    def _try(self, session: Any, text: str) -> None:
        code = 1
        try:
            _limit(self.seconds)
            if not exchange(self.module, self.source, text):
                os._exit(AT_IMPORT)
            for item, following in zip(session.items, [*session.items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    break
            code = int(bool(session.testsfailed))
        finally:
            os._exit(code)


def _limit(seconds: float) -> None:
    limit = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    resource.setrlimit(resource.RLIMIT_AS, (8 * GIB, 8 * GIB))
    signal.alarm(60 * limit)


def exchange(module: str, source: str, text: str) -> bool:
    """Give the functions of an imported module the code of a mutant; False where the change is not in a function.

    The codes of a module and of its mutant stand in the same order; a function is found by name and line.
    """
    before, after = (list(_codes(compile(t, module, "exec"))) for t in (ast.unparse(ast.parse(source)), text))
    places = [(code.co_qualname, code.co_firstlineno) for code in _codes(compile(source, module, "exec"))]
    changed = {i for i, (a, b) in enumerate(zip(before, after, strict=True)) if _own(a) != _own(b)}
    alive = [f for f in gc.get_objects() if isinstance(f, FunctionType) and f.__module__ == module]
    done: set[int] = set()
    for function in alive:
        place = (function.__code__.co_qualname, function.__code__.co_firstlineno)
        for i in (i for i, known in enumerate(places) if known == place):
            inside = {j for j in changed if i <= j < i + len(list(_codes(after[i])))}
            if inside:
                function.__code__ = after[i]
                done |= inside
    return bool(changed) and done == changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code and all that are in it, in one order."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _own(code: CodeType) -> tuple[object, ...]:
    """What a code does, but for those in it."""
    return code.co_code, code.co_names, tuple(repr(x) for x in code.co_consts if not isinstance(x, CodeType))


def fates(copied: Path, module: Path, texts: list[str], tests: list[str], spent: float) -> list[str]:
    """Of all mutants: first those in functions, all with one collection of the tests; then the others, each by itself."""
    source = (copied / module).read_text(encoding="utf-8")
    results = copied / "fates"
    results.write_text("", encoding="utf-8")
    dotted = ".".join(module.with_suffix("").parts).removesuffix(".__init__")
    child = os.fork()
    if not child:
        _run_tests(copied, tests, 1e6, [Trials(dotted, source, texts, 5 + SLOWER * spent, results)])
    os.waitpid(child, 0)
    found = results.read_text(encoding="utf-8").split()
    if len(found) != len(texts):
        raise SystemExit(f"pytest did not run: {(copied / 'log').read_text()[-2000:]}")
    return [
        tried(copied, module, text, tests, 5 + SLOWER * spent)[0] if fate == str(AT_IMPORT) else fate
        for text, fate in zip(texts, found, strict=True)
    ]


def examine(module: Path, tests: list[str], sample: int | None, seed: int, lines: list[int] | None) -> Found:
    """The fates of all mutants, of a sample, or of those of some lines. Ends if the tests fail without any change."""
    source = module.read_text(encoding="utf-8")
    tree = ast.parse(source)
    every = places(tree)
    chosen = every if sample is None or sample >= len(every) else random.Random(seed).sample(every, sample)
    made = [one for one in (mutant(tree, *place) for place in sorted(chosen)) if lines is None or one[0].line in lines]
    with copied_package() as copied:
        fate, spent = tried(copied, module, source, tests, 3600)
        if fate != "survived":
            raise SystemExit(f"the tests {' '.join(tests)} fail without any change: {(copied / 'log').read_text()[-2000:]}")
        print(f"{module}: {len(made)} of {len(every)} mutants; {spent:.1f} s for the tests", flush=True)
        found = fates(copied, module, [text for _, text in made], tests, spent)
    for (one, _), fate in zip(made, found, strict=True):
        print(f"{module}:{one.line}: {fate}: {one.before}  ->  {one.after}", flush=True)
    survived = [one for (one, _), fate in zip(made, found, strict=True) if fate == "survived"]
    return Found(hashlib.sha256(source.encode()).hexdigest()[:16], len(every), len(made) - len(survived), survived)


@contextmanager
def copied_package() -> Iterator[Path]:
    """The package and its tests in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder)
        for name in ("wannier_spin", "tests", "workflows", "docs"):
            shutil.copytree(name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "example_inputs", "README.md"):
            (copied / name).symlink_to(Path(name).resolve())
        yield copied


def tests_of(module: Path, given: Mapping[str, list[str]]) -> list[str]:
    """The tests of the first pattern that fits."""
    for pattern, tests in given.items():
        if module.full_match(pattern) if hasattr(module, "full_match") else module.match(pattern):
            return tests
    raise SystemExit(f"no tests are named for {module} in {MAP.name}")


def read_report() -> dict[str, Found]:
    stored = json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
    return {name: Found(**{**one, "survived": [Mutant(**x) for x in one["survived"]]}) for name, one in stored.items()}


def write_report(report: Mapping[str, Found]) -> None:
    text = json.dumps({name: asdict(found) for name, found in sorted(report.items())}, indent=1)
    REPORT.write_text(text + "\n", encoding="utf-8")


def table(report: Mapping[str, Found], reasons: Mapping[str, Mapping[str, str]]) -> str:
    """Module, mutants, tried, killed, equivalent, open; and the open ones."""
    rows, left = [], []
    for name, found in sorted(report.items()):
        known = reasons.get(name, {})
        opened = [one for one in found.survived if f"{one.before} -> {one.after}" not in known]
        equivalent = len(found.survived) - len(opened)
        rows.append((name, found.total, found.killed + len(found.survived), found.killed, equivalent, len(opened)))
        left += [f"{name}:{one.line}: {one.before}  ->  {one.after}" for one in opened]
    total = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])) if rows else ()
    head = f"{'module':52} {'mutants':>8} {'tried':>6} {'killed':>6} {'equivalent':>10} {'open':>5}"
    lines = [f"{name:52} {a:8} {b:6} {c:6} {d:10} {e:5}" for name, a, b, c, d, e in [*rows, total]]
    return "\n".join([head, *lines, "", *left])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("module", nargs="*", help="a file, or a pattern of files")
    parser.add_argument("--tests", nargs="+", help="instead of those that mutants.toml names; nothing is stored")
    parser.add_argument("--sample", type=int, help="this many mutants of each module, at random; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--line", type=int, nargs="+", help="only mutants of these lines; nothing is stored")
    parser.add_argument("--table", action="store_true", help="what mutants.json has")
    given = parser.parse_args()
    known = tomllib.loads(MAP.read_text(encoding="utf-8"))
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    for name in FOREIGN:
        importlib.import_module(name)
    for module in sorted({path for pattern in given.module for path in Path().glob(pattern)}):
        found = examine(module, given.tests or tests_of(module, known["tests"]), given.sample, given.seed, given.line)
        if not given.tests and given.line is None:
            write_report(read_report() | {str(module): found})
    if given.table:
        print(table(read_report(), known["equivalent"]))


if __name__ == "__main__":
    main()
