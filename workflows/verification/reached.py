"""Which test runs which line of the package, and how long it takes: `mutate.py` chooses by it.

    python workflows/verification/reached.py MAP.json tests/responses tests/test_geometry.py

Adds to a map of the same version that is there. Needs coverage.py (pip install coverage). A test that takes longer than --seconds
of the processor, with its fixtures, is stopped and left out, as is one that fails. Lines that run at import belong to no test: they
stand under "import". What `compiled` gives to numba is not seen line by line: all its lines count as run.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest
from mutants import Running

PACKAGE = Path("wannier_spin").resolve()
BETWEEN = 60.0  # seconds of the processor, between two times that the map is written


class TooLong(BaseException):
    """Not an Exception: no test may take it for its own."""


class Reached:
    """A plugin of pytest that switches the context of coverage.py from test to test."""

    def __init__(self, watched: coverage.Coverage, given: argparse.Namespace) -> None:
        self.watched, self.seconds, self.most, self.path = watched, given.seconds, given.most, given.map
        self.written = time.process_time()
        self.spent: dict[str, float] = {}
        self.kernels: dict[str, set[tuple[str, int]]] = {}
        self.failed: set[str] = set()
        self.now = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Of many cases of one test some, at equal steps."""
        cases: dict[str, list[pytest.Item]] = {}
        for item in items:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
        kept = (one[i * len(one) // n] for one in cases.values() for n in [min(len(one), self.most)] for i in range(n))
        items[:] = kept

    def pytest_collection_finish(self) -> None:
        """Note what is given to numba."""
        from wannier_spin.compiled import compiled

        for name, module in list(sys.modules.items()):
            if name.startswith("wannier_spin.") and name != compiled.__module__ and hasattr(module, "compiled"):
                module.compiled = self._noting(compiled)  # type: ignore[attr-defined]
        self.caches = [cache for cache in Running("wannier_spin").caches if cache is not compiled]

    def _noting(self, compiled: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noting(function: Any) -> Any:
            lines, first = inspect.getsourcelines(function)
            path = str(Path(inspect.getsourcefile(function) or "").relative_to(PACKAGE.parent))
            self.kernels.setdefault(self.now, set()).update((path, first + i) for i in range(len(lines)))
            return compiled(function)

        return noting

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One test."""
        self.now = item.nodeid
        for cache in self.caches:
            cache.cache_clear()  # whoever needs what is kept runs its lines
        self.watched.switch_context(item.nodeid)
        signal.signal(signal.SIGVTALRM, _stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, self.seconds)
        before = time.process_time()
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self.spent[item.nodeid] = round(time.process_time() - before, 4)
            self.watched.switch_context("import")
            if time.process_time() > self.written + BETWEEN:
                write(self.path, self, self.watched.get_data())
                self.written = time.process_time()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What fails is of no use."""
        if report.failed or report.skipped:
            self.failed.add(report.nodeid)


def _stop(number: int, frame: object) -> None:
    raise TooLong("more time than allowed")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("map", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--seconds", type=float, default=2.5)
    parser.add_argument("--most", type=int, default=1000, help="cases of one test")
    given = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    sys.path.insert(0, str(Path.cwd()))
    watched = coverage.Coverage(data_file=None, source=[str(PACKAGE)], config_file=False, messages=False)
    watched.start()
    watched.switch_context("import")
    plugin = Reached(watched, given)
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow and not mpi and not cross_code", "--tb=line"]
    pytest.main([*options, *given.tests], [plugin])
    watched.stop()
    write(given.map, plugin, watched.get_data())


def write(path: Path, plugin: Reached, data: coverage.CoverageData) -> None:
    """tests : seconds by test. lines : of each file, the numbers of its tests by line, -1 for import. What the map has stays."""
    known = json.loads(path.read_text()) if path.exists() else {"tests": {}, "left_out": [], "lines": {}}
    tests = known["tests"] | {name: spent for name, spent in plugin.spent.items() if name not in plugin.failed}
    number = {name: i for i, name in enumerate(tests)} | {"import": -1}
    lines: dict[str, dict[str, set[int]]] = {}
    for short, old in known["lines"].items():
        lines[short] = {line: set(found) for line, found in old.items()}
    for file in data.measured_files():
        short = str(Path(file).relative_to(PACKAGE.parent))
        for line, names in data.contexts_by_lineno(file).items():
            lines.setdefault(short, {}).setdefault(str(line), set()).update(number[x] for x in names if x in number)
    for name, places in plugin.kernels.items():
        for short, line in places if name in number else ():
            lines.setdefault(short, {}).setdefault(str(line), set()).add(number[name])
    stored = {short: {line: sorted(found) for line, found in one.items()} for short, one in lines.items()}
    left_out = sorted({*known["left_out"], *plugin.failed} - tests.keys())
    path.write_text(json.dumps({"tests": tests, "left_out": left_out, "lines": stored}))


if __name__ == "__main__":
    main()
