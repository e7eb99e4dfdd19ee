"""What is short can be read: limits of functions and modules. Lines of code count, without docstrings, comments and empty lines.

What is asked of a model enters a function as `**keywords` of a `Request`, and an option of the command line that is made from a
record (`cli.options`) as `**options`: such keywords stand in the source once, in their record, and are not counted here.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_layers import FILES

FUNCTION, MODULE, PARAMETERS = 40, 400, 8
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def excesses(source: str) -> list[str]:
    """What is beyond the limits, one line each."""
    tree, code = ast.parse(source), _lines_of_code(source)
    found = []
    if (lines := len(source.splitlines())) > MODULE:
        found.append(f"the module has {lines} lines, more than {MODULE}")
    for name, function in _functions(tree):
        body = range(function.lineno, (function.end_lineno or 0) + 1)
        if (lines := len(code & set(body))) > FUNCTION:
            found.append(f"line {function.lineno}: {name} has {lines} lines of code, more than {FUNCTION}")
        if not name.rpartition(".")[2].startswith("_") and (count := _parameters(name, function)) > PARAMETERS:
            found.append(f"line {function.lineno}: {name} has {count} parameters, more than {PARAMETERS}")
    return found


def _functions(node: ast.AST, inside: str = "") -> Iterator[tuple[str, Function]]:
    """All functions and methods with their full names, also those inside others."""
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, Function | ast.ClassDef)
        name = f"{inside}.{child.name}".lstrip(".") if named else inside  # type: ignore[attr-defined]
        if isinstance(child, Function):
            yield name, child
        yield from _functions(child, name)


def _parameters(name: str, function: Function) -> int:
    """Those that are written out, without self."""
    a = function.args
    written = [argument.arg for argument in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return len(written) - ("." in name and written[:1] in (["self"], ["cls"]))


def _lines_of_code(source: str) -> set[int]:
    """Numbers of the lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            text = node.body[0]
            lines -= set(range(text.lineno, (text.end_lineno or 0) + 1))
    return lines


@pytest.mark.parametrize("module", FILES, ids=lambda name: name or "wannier_spin")
def test_what_is_written_is_short(module: str) -> None:
    path: Path = FILES[module]
    found = excesses(path.read_text(encoding="utf-8"))
    assert not found, "\n".join([str(path), *found])


BODY = "    x = 1\n"
PLAIN, NAMES = "def f():\n", "a, b, c, d, e, f, g, h"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (PLAIN + BODY * 40, "f has 41 lines of code"),
        ("class A:\n    def f(self):\n" + f"    {BODY}" * 40, "A.f has 41 lines of code"),
        (PLAIN + "    def g():\n" + f"    {BODY}" * 40 + BODY, "f.g has 41 lines of code"),
        (f"def f({NAMES}, *, i): pass\n", "f has 9 parameters"),
        (f"class A:\n    def f(self, {NAMES}, i): pass\n", "A.f has 9 parameters"),
        ("x = 1\n" * 401, "the module has 401 lines"),
    ],
)
def test_what_is_too_long_is_seen(source: str, told: str) -> None:
    assert any(told in line for line in excesses(source))


@pytest.mark.parametrize(
    "source",
    [
        PLAIN + BODY * 39,
        PLAIN + '    """Text.\n' + "\n" * 50 + '    """\n' + "    # comment\n\n" * 50 + BODY * 39,
        f"class A:\n    def f(self, {NAMES}, **options): pass\n",
        f"def _f({NAMES}, i): pass\n",
        "x = 1\n" * 400,
    ],
)
def test_what_is_short_enough_passes(source: str) -> None:
    assert excesses(source) == []
