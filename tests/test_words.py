"""One word, one meaning (docs/glossary.md): parameters, fields and classes with a word that once meant several things.

block      an integrand with a name; and what files of others call so (a block of .win, of a CIF)
part       the axis of a dynamic response: (cos, sin), or (linear, circular)
tolerance  the accuracy that is asked for; any other one is said with its noun
"""

import ast
from collections.abc import Iterator

import pytest
from test_layers import FILES

FILES_OF_OTHERS = {"readers", "berri"}
ACCURACY = (
    "request",
    "keywords",
    "config",
    "cli.converge",
    "integration.adaptive",
    "integrals.tolerance.standing",
    "nonorthogonal",
    "results.facts",
)
ELSEWHERE = {
    "tolerance": "degeneracy_tolerance, ws_distance_tolerance, ...",
    "block_energies": "group_energies: bands are in degenerate groups",
    "block_mean": "group_mean: bands are in degenerate groups",
    "Part": "the noun it is a part of",
}


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every parameter, annotated field, class and function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.lineno, node.target.id
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.lineno, node.name


def wrong(module: str, source: str) -> list[str]:
    """Names of a module that have another meaning than the glossary says."""
    allowed = set() if module not in ACCURACY else {"tolerance"}
    if module.split(".")[0] in FILES_OF_OTHERS:
        allowed |= {"Block"}
    return [
        f"line {line}: {name}; say {ELSEWHERE[name]}"
        for line, name in named(ast.parse(source))
        if name in ELSEWHERE and name not in allowed
    ]


@pytest.mark.parametrize("module", FILES, ids=lambda name: name or "wannier_spin")
def test_words_mean_one_thing(module: str) -> None:
    assert wrong(module, FILES[module].read_text(encoding="utf-8")) == []


def test_another_meaning_is_seen() -> None:
    assert len(wrong("geometry", "def f(tolerance): ...\nclass Part: ...\n\ndef block_mean(): ...")) == 3
    assert len(wrong("readers.win", "class A:\n    tolerance: float")) == 1
    assert wrong("request", "class A:\n    tolerance: float\n\ndef f(degeneracy_tolerance): ...") == []
