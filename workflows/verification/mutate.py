"""Which faults in a module do the tests miss? One change at a time, against the tests that run the changed line.

    python workflows/verification/reached.py MAP.json tests
    python workflows/verification/mutate.py MAP.json "wannier_spin/responses/*.py"
    python workflows/verification/mutate.py MAP.json "wannier_spin/**/*.py" --sample 300
    python workflows/verification/mutate.py --table

The map says which tests run which line: of those that run the changed one the quickest are taken, first what killed other mutants
of the module, up to --seconds of the processor; the first that fails ends the trial. A test that needs five times its time and ten
seconds more counts as failed, and whatever fails must pass without the change. `--survivors` are tried again, with all tests of the
files that mutants.toml names for their module; `--tests` names others.

Each mutant is tried in a fork of a process that has collected the tests, by exchanging the code of functions (`mutants.py`); what
is done at import is tried anew in a copy of the package. Nothing is changed in place. Fates are kept in mutants.json, module by
module, with the digest of the module; mutants.toml says of survivors why they change nothing that counts.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from fates import Report, left, reasons, table, tests_about, written
from mutants import Module, Mutant, Running

FOREIGN = ("numpy", "scipy.linalg", "scipy.special", "scipy.optimize", "h5py", "spglib", "pydantic", "pytest")
SLOWER, MORE = 5, 10  # times the test's time, and seconds: then it does not end
GIB = 2**30
FIRST = 6  # tests that killed other mutants of the module, before all others
SHORT = 0.02  # seconds, what to start a test costs
FILES = 1  # of tests, where all must be imported anew
OWN = 0.6  # of the seconds, at most, for tests that have the module's name


@dataclass(frozen=True)
class Fate:
    """fate : killed, slow (killed by time), survived, unreached (no test of the map runs the line), same (equal machine code)."""

    mutant: Mutant
    fate: str
    test: str = ""


@dataclass
class Choice:
    """Which tests a mutant has to face. tests : seconds by test. lines : of each file, its tests by line; -1 is the import.

    about : of each module the beginnings of the names of all tests that its mutants face, whatever these run and take.
    before : by module and place, what killed a mutant in an earlier run. slow : tests that the map left out.
    """

    tests: dict[str, float]
    lines: dict[str, dict[str, list[int]]]
    seconds: float
    about: dict[str, list[str]] = field(default_factory=dict)
    before: dict[tuple[str, str], str] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    kills: dict[str, Counter[str]] = field(default_factory=dict)
    unsound: set[str] = field(default_factory=set)

    def facing(self, module: Module, number: int) -> list[str]:
        """The tests of a mutant: what killed it in an earlier run, then those of its line."""
        one = module.mutants[number]
        tests, killer = self.of(module, one.line), self.before.get((module.name, written(one)), "")
        known = killer in self.tests and killer not in self.unsound
        return [killer, *(name for name in tests if name != killer)] if known else tests

    def of(self, module: Module, line: int | None) -> list[str]:
        """The tests of a line, or of all functions of the module. What killed others first, then file by file."""
        names = list(self.tests)
        known = self.lines.get(module.name, {})
        if self.about:
            found = {i for i, name in enumerate(names) if name.startswith(tuple(self.about[module.name]))}
        elif line is None:
            found = {i for tests in known.values() for i in tests}
        else:
            found = set(known.get(str(line)) or known.get(str(module.statement.get(line, line)), ()))
            found = found if found != {-1} else {i for tests in known.values() for i in tests}
        able = {names[i] for i in found if i >= 0} - self.unsound
        counted = self.kills.get(module.name, Counter())
        killers = (name for name in able if counted[name])
        first = sorted(killers, key=lambda name: -counted[name] / (self.tests[name] + SHORT))[:FIRST]
        if self.about:
            return [*first, *(name for name in names if name in able and name not in first)]
        taken = self._affordable(able, first, module)
        cost: Counter[str] = Counter()
        for name in taken:
            cost[_file(name)] += self.tests[name]  # type: ignore[assignment]
        return [*first, *sorted(taken, key=lambda name: (cost[_file(name)], _file(name), self.tests[name]))]

    def at_import(self, module: Module, number: int) -> bool:
        """Whether a mutant acts when the package is imported, before functions are exchanged."""
        known, line = self.lines.get(module.name, {}), module.mutants[number].line
        return module.imported(number) or -1 in (known.get(str(line)) or known.get(str(module.statement.get(line, line)), ()))

    def _affordable(self, able: set[str], first: Sequence[str], module: Module) -> set[str]:
        """The quickest, those with the module's name first."""
        room, stem = Path(module.name).parts[-2], Path(module.name).stem
        left = sorted(able - set(first), key=lambda name: self.tests[name])
        own = [name for name in left if stem in _file(name) or f"/{room}/" in _file(name)]
        taken: set[str] = set()
        for group, limit in ((own, OWN * self.seconds), (left, self.seconds)):
            spent = sum(self.tests[name] + SHORT for name in taken)
            for name in group:
                if name not in taken and spent + self.tests[name] + SHORT <= limit:
                    taken.add(name)
                    spent += self.tests[name] + SHORT
        return taken


def _file(test: str) -> str:
    return test.partition("::")[0]


class Trials:
    """A plugin of pytest: with all tests collected it tries each mutant in a fork."""

    def __init__(self, tasks: Sequence[tuple[Module, int]], choice: Choice, results: Path) -> None:
        self.tasks, self.choice, self.results = tasks, choice, results
        self.items: dict[str, Any] = {}
        self.sound: set[str] = set()

    def pytest_runtestloop(self, session: Any) -> bool:
        """In place of the loop over the tests."""
        self.items = {item.nodeid: item for item in session.items}
        if self.choice.about:
            quickest = sorted(self.items, key=lambda name: (name in self.choice.slow, self.choice.tests.get(name, 0.0)))
            self.choice.tests = dict.fromkeys(quickest, 10.0)  # they may take long
        self.choice.unsound |= self.choice.tests.keys() - self.items.keys()
        import numba  # noqa: F401  # once, for all forks

        running = Running("wannier_spin")
        gc.freeze()  # the collector of a fork would write to all pages
        for module, number in self.tasks:
            found = self._fate(session, running, module, number)
            if found.test:
                self.choice.kills.setdefault(module.name, Counter())[found.test] += 1
            note(self.results, found)
        return True

    def _fate(self, session: Any, running: Running, module: Module, number: int) -> Fate:
        one = module.mutants[number]
        while True:
            tests = self.choice.facing(module, number)
            fate, last = self._forked(session, tests, lambda: running.exchange(module, number))
            if fate in ("killed", "slow") and last is None:
                return Fate(one, fate)
            if fate == "survived" and self.choice.at_import(module, number):
                return Fate(one, "import")  # names may have been imported elsewhere, and other things made of them
            if fate == "survived" and not tests:
                return Fate(one, "unreached")
            if last is None or last in self.sound:
                return Fate(one, fate, last or "")
            if self._forked(session, tests[: tests.index(last) + 1], lambda: True)[0] == "survived":
                self.sound.add(last)
                return Fate(one, fate, last)
            self.choice.unsound.add(last)

    def _forked(self, session: Any, tests: Sequence[str], change: Any) -> tuple[str, str | None]:
        """Fate and the test that failed; "import" where the change is in what is done at import."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            self._in_child(session, tests, change, writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            said = pipe.read().split("\n")
        os.waitpid(child, 0)
        started = [int(word) for word in said if word.isdigit()]
        last = tests[started[-1]] if started else None
        fate = next((word for word in said if word in ("survived", "import", "same", "killed")), "slow")
        return fate, last if fate in ("killed", "slow") else None

    def _in_child(self, session: Any, tests: Sequence[str], change: Any, writing: int) -> None:
        def say(word: object) -> None:
            os.write(writing, f"{word}\n".encode())

        try:
            gc.disable()
            _limit()
            done = change()
            if not done:
                say("same" if done is None else "import")
                os._exit(0)
            items = [self.items[name] for name in tests]
            for i, item in enumerate(items):  # of none at all nothing dies
                say(i)
                signal.setitimer(signal.ITIMER_VIRTUAL, SLOWER * self.choice.tests[item.nodeid] + MORE)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=items[i + 1] if i + 1 < len(items) else None)
                if session.testsfailed:
                    say("killed")
                    os._exit(0)
            say("survived")
        except BaseException:
            say("killed")
        finally:
            os._exit(0)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (12 * GIB, 12 * GIB))
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(600)


def in_forks(copied: Path, tasks: Sequence[tuple[Module, int]], choice: Choice, files: Sequence[str], log: Path) -> list[Fate]:
    """The fates of mutants of functions; of others "import". Those in the log are not tried again."""
    done = {one.mutant: one for one in logged(log)}
    todo = [(module, i) for module, i in tasks if module.mutants[i] not in done]
    child = os.fork() if todo else 0
    if todo and not child:
        _pytest(copied, files, [Trials(todo, choice, log)])
    if todo:
        os.waitpid(child, 0)
    done = {one.mutant: one for one in logged(log)}
    mutants = [module.mutants[i] for module, i in tasks]
    if missing := sum(one not in done for one in mutants):
        print(f"{missing} were not tried: {(copied / 'log').read_text()[-3000:]}", flush=True)
    return [done[one] for one in mutants if one in done]


def note(log: Path, found: Fate) -> None:
    """One more line."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(found)) + "\n")


def logged(log: Path) -> list[Fate]:
    """The fates in a log."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    read = [json.loads(line) for line in lines]
    return [Fate(Mutant(**one["mutant"]), one["fate"], one["test"]) for one in read]


def anew(copied: Path, module: Module, number: int, tests: Sequence[str], seconds: float) -> Fate:
    """The fate of a mutant of what is done at import."""
    with module.changed(number) as tree:
        text = ast.unparse(tree)
    failed = not _passes(copied, module, text, tests, seconds)
    return Fate(module.mutants[number], "killed" if failed else "survived", "at import" if failed else "")


def _passes(copied: Path, module: Module, text: str, tests: Sequence[str], seconds: float) -> bool:
    (copied / module.name).write_text(text, encoding="utf-8")
    sys.stdout.flush()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
        _pytest(copied, tests)
    _, status, _ = os.wait4(child, 0)
    (copied / module.name).write_text(module.source, encoding="utf-8")
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def _pytest(copied: Path, tests: Sequence[str], plugins: Sequence[object] = ()) -> None:
    """In a child: never returns."""
    code = 3
    try:
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


def all_anew(copied: Path, tasks: Sequence[tuple[Module, int]], choice: Choice, log: Path) -> Iterator[Fate]:
    """Of what is done at import, module by module."""
    for module in {id(module): module for module, _ in tasks}.values():
        tests = choice.of(module, None)
        killing, many = choice.kills.get(module.name, Counter()), Counter(_file(name) for name in tests)
        best = sorted(many, key=lambda file: (-sum(n for test, n in killing.items() if _file(test) == file), -many[file]))[:FILES]
        tests = [name for name in tests if _file(name) in best]
        spent = sum(choice.tests[name] for name in tests)
        tests = choice.about.get(module.name) or tests or tests_about(module.name)
        if not tests or not _passes(copied, module, module.source, tests, 3600):
            print(f"{module.name}: the tests fail without any change: {(copied / 'log').read_text()[-1000:]}", flush=True)
            continue
        for one, number in tasks:
            if one is module:
                found = anew(copied, module, number, tests, 120 + SLOWER * spent)
                note(log, found)
                yield found


@contextmanager
def copied_package() -> Iterator[Path]:
    """The package and its tests in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder)
        for name in ("wannier_spin", "tests", "workflows", "docs"):
            shutil.copytree(name, copied / name, ignore=shutil.ignore_patterns("*.pyc"))  # what numba has compiled is kept
        for name in ("pyproject.toml", "example_inputs", "README.md"):
            (copied / name).symlink_to(Path(name).resolve())
        yield copied


def chosen(modules: Sequence[Module], sample: int | None, seed: int, only: set[tuple[str, str]] | None) -> list[tuple[Module, int]]:
    """All mutants, or a systematic sample: every n-th of all in order, from a random start, so that each room has its share."""
    every = [(module, i) for module in modules for i in range(len(module.mutants))]
    if only is not None:
        every = [(module, i) for module, i in every if (module.name, written(module.mutants[i])) in only]
    if sample is None or sample >= len(every):
        return every
    step = len(every) / sample
    start = random.Random(seed).uniform(0, step)
    return [every[int(start + i * step)] for i in range(sample)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("map", nargs="?", type=Path, help="made by reached.py")
    parser.add_argument("module", nargs="*", help="a file, or a pattern of files")
    parser.add_argument("--not", dest="without", nargs="+", default=[], help="patterns of files that are left out")
    parser.add_argument("--tests", nargs="+", help="all tests of these files, whatever lines they run")
    parser.add_argument("--survivors", action="store_true", help="only those that the report has as survivors without a reason")
    parser.add_argument("--sample", type=int, help="this many mutants of all, at equal steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=15, help="of tests, at most, for each mutant")
    parser.add_argument("--log", type=Path, help="fates as they come; those in it are not tried again")
    parser.add_argument(
        "--first",
        nargs="+",
        default=[],
        type=Path,
        help="logs of earlier runs: what killed a mutant of the module then is tried first",
    )
    parser.add_argument("--report", type=Path, default=Path(__file__).with_name("mutants.json"))
    parser.add_argument("--table", action="store_true", help="what the report has")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    report = Report.read(given.report)
    if given.map and given.module:
        for name in FOREIGN:
            importlib.import_module(name)
        read = json.loads(given.map.read_text())
        choice = Choice(read["tests"], read["lines"], given.seconds, slow=set(read["left_out"]))
        for one in (one for log in given.first for one in logged(log)):
            choice.before[one.mutant.module, written(one.mutant)] = one.test
            choice.kills.setdefault(one.mutant.module, Counter()).update([one.test] if one.test else [])
        paths = sorted({path for pattern in given.module for path in Path().glob(pattern)})
        modules = [Module(str(p), p.read_text()) for p in paths if not any(fnmatch(str(p), x) for x in given.without)]
        again = {one for one in report.survivors() if one[1] not in reasons().get(one[0], {})} if given.survivors else None
        tasks = chosen(modules, given.sample, given.seed, again)
        files = sorted({_file(name) for name in choice.tests})
        if given.tests or given.survivors:
            choice.about = {one.name: given.tests or tests_about(one.name) for one in {id(m): m for m, _ in tasks}.values()}
            files = sorted({_file(test) for tests in choice.about.values() for test in tests})
        with copied_package() as copied:
            log = (given.log or copied / "fates").resolve()
            found = in_forks(copied, tasks, choice, files, log)
            for one in found:
                choice.kills.setdefault(one.mutant.module, Counter()).update([one.test] if one.test else [])
            numbered = {module.mutants[i]: (module, i) for module, i in tasks}
            late = [numbered[one.mutant] for one in found if one.fate == "import"]
            found = [one for one in found if one.fate != "import"] + list(all_anew(copied, late, choice, log))
        report.add(modules, [(one.mutant, one.fate) for one in found], not given.survivors, given.sample is not None)
        report.write(given.report)
    if given.table:
        print("\n".join([table(report, reasons()), "", *left(report, reasons())]))


if __name__ == "__main__":
    main()
