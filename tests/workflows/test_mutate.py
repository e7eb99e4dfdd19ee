"""workflows/verification/mutate.py: what is changed, how a running function is given a change, which tests are taken."""

import importlib
import sys
from pathlib import Path

import pytest
from scripts import scripts

ROOT = Path(__file__).resolve().parents[2]
SOURCE = '''
"""Words - and 1 + 1."""
from functools import cache
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from decimal import Decimal
LIMIT: float = 3.0

def outer(x: "1 + 1", n=2) -> "2 + 2":
    if x < 0:
        raise ValueError(f"{x + 1} is below {0}")
    return [inner(x) * n for _ in range(1)][0]

@cache
def inner(x):
    return x + 1j * max(x, 0)

class Box:
    def __repr__(self):
        return "1" + "2"
    def half(self, x):
        return list(zip([x / 2], [x / 2], strict=True))
'''


@pytest.fixture(scope="module")
def tools():
    with scripts("verification") as load:
        yield {name: load(name) for name in ("mutants", "fates", "mutate")}


@pytest.fixture
def small(tools, tmp_path, monkeypatch):
    """The text above as a module of a package that is imported."""
    (tmp_path / "small_package").mkdir()
    (tmp_path / "small_package" / "__init__.py").touch()
    (tmp_path / "small_package" / "one.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tools["mutants"].Module("small_package/one.py", SOURCE), importlib.import_module("small_package.one")
    for name in ("small_package", "small_package.one"):
        sys.modules.pop(name)


def test_what_is_said_is_left_alone(small):
    module, _ = small
    assert [(one.function, one.before, one.after) for one in module.mutants] == [
        ("", "3.0", "4.0"),
        ("outer", "2", "3"),
        ("outer", "x < 0", "not x < 0"),
        ("outer", "x < 0", "x >= 0"),
        ("outer", "0", "1"),
        ("outer", "inner(x) * n", "inner(x) / n"),
        ("outer", "1", "2"),
        ("outer", "0", "1"),
        ("inner", "x + 1j * max(x, 0)", "x - 1j * max(x, 0)"),
        ("inner", "1j * max(x, 0)", "1j / max(x, 0)"),
        ("inner", "1j", "(-0-1j)"),
        ("inner", "max", "min"),
        ("inner", "0", "1"),
        *2 * [("Box.half", "x / 2", "x * 2"), ("Box.half", "2", "3")],
    ]
    assert [one.nth for one in module.mutants[-4:]] == [0, 0, 1, 1]


def test_a_running_function_is_given_the_change(small, tools):
    module, package = small
    running = tools["mutants"].Running("small_package")
    assert package.outer(3.0) == 6 + 6j
    number = {one.before: i for i, one in enumerate(module.mutants)}
    assert running.exchange(module, number["1j"]) is True
    assert package.outer(3.0) == 6 - 6j  # what the cache held is forgotten
    assert running.exchange(module, number["3.0"]) is True
    assert package.LIMIT == 4.0


def test_what_is_done_at_import_is_tried_anew(small, tools):
    module, package = small
    number = next(i for i, one in enumerate(module.mutants) if (one.function, one.before) == ("outer", "2"))  # a default
    assert tools["mutants"].Running("small_package").exchange(module, number) is False
    assert package.outer(3.0) == 6 + 6j


def test_which_tests_are_taken(small, tools):
    module, _ = small
    tests = {"tests/a.py::slow": 9.0, "tests/a.py::quick": 1.0, "tests/test_one.py::own": 2.0, "tests/b.py::other": 0.5}
    line = next(one.line for one in module.mutants if one.before == "1j")
    lines = {module.name: {str(line): [0, 1, 2], str(line - 1): [-1]}}
    choice = tools["mutate"].Choice(tests, lines, 10.0)
    assert choice.of(module, line) == ["tests/a.py::quick", "tests/test_one.py::own"]
    choice.kills[module.name] = tools["mutate"].Counter({"tests/a.py::slow": 1})
    assert choice.of(module, line)[0] == "tests/a.py::slow"
    assert set(choice.of(module, line - 1)) == set(choice.of(module, line))  # what runs at import: all tests of the module
    numbers = [next(i for i, one in enumerate(module.mutants) if one.before == text) for text in ("3.0", "max")]
    assert [choice.at_import(module, number) for number in numbers] == [True, False]
    lines[module.name][str(line)].append(-1)
    assert choice.at_import(module, numbers[1])
    lines[module.name][str(line)].pop()
    choice.before = {(module.name, "inner: max -> min"): "tests/b.py::other"}
    assert choice.facing(module, numbers[1]) == ["tests/b.py::other", *choice.of(module, line)]
    choice.unsound = {"tests/a.py::quick"}
    assert "tests/a.py::quick" not in choice.of(module, line)
    choice.about = {module.name: ["tests/b.py", "tests/a.py::slow"]}
    assert choice.of(module, line) == ["tests/a.py::slow", "tests/b.py::other"]


def test_a_mutant_that_no_test_runs_is_not_killed(small, tools, tmp_path):
    module, _ = small
    trials = tools["mutate"].Trials([], tools["mutate"].Choice({}, {}, 5.0), tmp_path / "log")
    number = next(i for i, one in enumerate(module.mutants) if one.before == "max")
    fate = trials._fate(None, tools["mutants"].Running("small_package"), module, number)
    assert (fate.fate, fate.test) == ("unreached", "")


def test_fates_are_counted_by_room(small, tools):
    module, _ = small
    fates = tools["fates"]
    report = fates.Report()
    report.add([module], zip(module.mutants[:4], ("killed", "slow", "survived", "same"), strict=True), True, sampled=True)
    place = "outer: x < 0 -> not x < 0"
    assert report.survivors() == {(module.name, place)}
    assert "| one | 16 | 3 | 2 | 0 | 1 |  |" in fates.table(report, {})  # three of a sample tell no percentage
    assert "| one | 16 | 3 | 2 | 1 | 0 |  |" in fates.table(report, {module.name: {place: "why"}})
    whole = fates.Report()
    whole.add([module], [*((one, "killed") for one in module.mutants[:12]), (module.mutants[2], "survived")], True)
    assert "| one | 17 | 13 | 12 | 0 | 1 | 92.3 |" in fates.table(whole, {})
    report.add([module], [(module.mutants[2], "killed")], False)
    assert not report.survivors()
    assert report.found[module.name].killed == 3


def test_the_page_has_the_counts(tools):
    fates, folder = tools["fates"], ROOT / "workflows" / "verification"
    reports, known = [fates.Report.read(folder / name) for name in ("mutants.json", "sample.json")], fates.reasons()
    assert all(sum(one.tried for one in report.found.values()) > n for report, n in zip(reports, (1000, 80), strict=True))
    page = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    assert all(fates.table(report, known) in page for report in reports)
    survivors = reports[0].survivors() | reports[1].survivors()
    assert [(name, place) for name, places in known.items() for place in places if (name, place) not in survivors] == []


def test_what_is_given_to_numba_in_another_module_is_compiled_anew(tools, tmp_path):
    """Else its mutants would never run: machine code is kept."""
    (tmp_path / "a.py").write_text("def loop(x):\n    x[0] = 1\n\n\ndef other(x):\n    return x\n")
    (tmp_path / "b.py").write_text("from a import loop\nfrom c import compiled\n\ncompiled(loop)([0])\n")
    assert tools["mutants"].kernels(tmp_path) == {"loop"}
