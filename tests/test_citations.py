"""What the code cites is on the page that it cites: sections, equations, blocks and relaxation models of docs/theory.md."""

import re
from pathlib import Path

import pytest

from wannier_spin.responses import BLOCKS, DYNAMIC_BLOCKS, RELAXATIONS, RESPONSES

ROOT = Path(__file__).resolve().parents[1]
THEORY = ROOT / "docs" / "theory.md"
TEXT = THEORY.read_text(encoding="utf-8")
SECTIONS = {int(number) for number in re.findall(r"^## (\d+)\. ", TEXT, flags=re.MULTILINE)}
FILES = [path for folder in ("wannier_spin", "tests", "workflows", "docs") for path in sorted((ROOT / folder).rglob("*.[pm][yd]"))]
CITATION = re.compile(r"theory\.md\)?`?,?\s+sections?\s+((?:\d+(?:,\s+|\s+and\s+)?)+)")
EQUATION = re.compile(r"\((1[0-4]|[4-9])([ab]?)\)")


def cited(text: str) -> list[int]:
    return [int(number) for numbers in CITATION.findall(text) for number in re.findall(r"\d+", numbers)]


def test_sections_are_numbered_without_a_gap() -> None:
    assert SECTIONS == set(range(1, len(SECTIONS) + 1))
    assert len(SECTIONS) >= 11


def test_the_pattern_finds_citations() -> None:
    assert cited("(docs/theory.md, section 3)") == [3]
    assert cited("docs/theory.md\nsections 3, 7 and 8.") == [3, 7, 8]
    assert cited("([](theory.md), section 4)") == [4]


def test_every_cited_section_exists() -> None:
    found = {path: cited(path.read_text(encoding="utf-8")) for path in FILES if path != Path(__file__)}
    assert sum(map(len, found.values())) >= 50
    for path, numbers in found.items():
        assert set(numbers) <= SECTIONS, path


def test_no_other_place_is_cited() -> None:
    """The theory is one page: nothing cites the private notes that it was made from."""
    for path in FILES:
        if path != Path(__file__):
            assert not re.search(r"PHYSICS\.md|DESIGN\b", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("name", RESPONSES)
def test_equation_of_a_response(name: str) -> None:
    record = RESPONSES[name]
    for equation in EQUATION.findall(record.equation):
        assert f"({''.join(equation)})" in TEXT, record.equation


def test_equations_of_the_modules() -> None:
    """Every number in parentheses in the docstrings of the responses."""
    found = set()
    for path in (ROOT / "wannier_spin" / "responses").glob("*.py"):
        docstring = path.read_text(encoding="utf-8").split('"""')[1]
        found |= {"".join(equation) for equation in EQUATION.findall(docstring)}
    assert {"4", "5", "6a", "6b", "7", "8", "9", "10", "11", "12", "13", "14"} <= found
    for equation in found:
        assert f"({equation})" in TEXT, equation


@pytest.mark.parametrize("name", [*BLOCKS, *DYNAMIC_BLOCKS])
def test_every_block_is_defined(name: str) -> None:
    """In the text itself, not only in the tables that are made from the code."""
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", RELAXATIONS)
def test_every_relaxation_is_explained(name: str) -> None:
    assert f"`{name}`" in TEXT
