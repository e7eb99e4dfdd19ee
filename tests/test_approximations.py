"""A comparison that cannot fail is no test: `pytest.approx` allows 1e-12 besides rel=, which is all there is of small numbers."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = sorted(Path(__file__).parent.rglob("*.py"))


def silent(source: str) -> Iterator[int]:
    """Lines of `approx` with a relative tolerance that say nothing of an absolute one."""
    for node in ast.walk(ast.parse(source if "rel=" in source else "")):
        if isinstance(node, ast.Call) and "approx" in (getattr(node.func, "attr", ""), getattr(node.func, "id", "")):
            named = {keyword.arg for keyword in node.keywords}
            if "rel" in named and "abs" not in named:
                yield node.lineno


def test_what_is_looked_for() -> None:
    assert list(silent("a == approx(1e-15, rel=1e-3)\nb == pytest.approx(1e-15, rel=1e-3, abs=0)\nc == approx(1.0)")) == [1]


def test_a_relative_tolerance_stands_with_an_absolute_one() -> None:
    found = [f"{path.name}:{line}" for path in TESTS for line in silent(path.read_text(encoding="utf-8"))]
    assert len(TESTS) > 100
    assert not found, f"{found}: say abs=0, or how much"
