"""What is short can be read: limits of functions and modules. Lines of code count, without docstrings, comments and empty lines.

What is asked of a model enters a function as `**keywords` of a `Request`, and an option of the command line that is made from a
record (`cli.options`) as `**options`: such keywords stand in the source once, in their record, and are not counted here.

What takes or returns arrays and is public names a shape in its docstring (a method without one: in that of its class), such as
"(k, n)" or "(3,)", or "(...)" for any, or says whose shapes they are: "see `distribute`", "same shape as ...".
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_layers import FILES

FUNCTION, MODULE, PARAMETERS = 40, 400, 8
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
Function = ast.FunctionDef | ast.AsyncFunctionDef
ARRAY = re.compile(r"\b(NDArray|ndarray|Real|Complex|Integer|Integers)\b")
AXIS = r"(?:[\w^+*-]+|\.{3})(?: (?:[+*/-]|//) [\w^]+| \d[\w^]*|\.{3})*"  # n, 3^rank, n // 2, 2l + 1, rows..., ...
SHAPE = re.compile(rf"(?<![\w`])\((?:{AXIS}(?:, ?{AXIS})+|{AXIS},|\.{{3}})\)|[Ss]ee `\w|[Ss]hapes as in `\w|same shape")


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


def without_shape(source: str) -> list[str]:
    """Public functions and methods of arrays whose docstrings name no shape, one line each."""
    return [
        f"line {function.lineno}: {name} has arrays, and its docstring names no shape"
        for name, function, text in _public(ast.parse(source))
        if ARRAY.search(_signature(function)) and not SHAPE.search(text)
    ]


def _public(node: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[tuple[str, Function, str]]:
    """Functions and methods without underscores, and what describes them."""
    for child in node.body:
        if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
            if isinstance(child, ast.ClassDef):
                yield from _public(child, f"{inside}{child.name}.")
            else:
                of_class = ast.get_docstring(node) if inside else None
                yield inside + child.name, child, ast.get_docstring(child) or of_class or ""


def _signature(function: Function) -> str:
    """The annotations of parameters and of what is returned."""
    a = function.args
    parameters = (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg)
    written = [parameter.annotation for parameter in parameters if parameter is not None] + [function.returns]
    return " ".join(ast.unparse(annotation) for annotation in written if annotation is not None)


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


@pytest.mark.parametrize("module", FILES, ids=lambda name: name or "wannier_spin")
def test_shapes_of_arrays_are_named(module: str) -> None:
    path: Path = FILES[module]
    found = without_shape(path.read_text(encoding="utf-8"))
    assert not found, "\n".join([str(path), *found])


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("(x: Real) -> None", "Of energies (eV)."),
        ("(self) -> NDArray[np.float64] | None", ""),
        ("(x: int) -> tuple[int, Complex]", "As f(a, b) does."),
        ("(*x: Real) -> float", "The sum (of all, and more)."),
        ("(x: dict[str, Integer]) -> int", "What `other` returns."),
    ],
)
def test_a_missing_shape_is_seen(signature: str, text: str) -> None:
    assert len(without_shape(f'def f{signature}:\n    """{text}"""\n')) == 1
    assert len(without_shape(f'class A:\n    """No shape."""\n    def f{signature}:\n        """{text}"""\n')) == 1


@pytest.mark.parametrize(
    "text", ["(k, n)", "(k,...,n,m)", "(3,)", "(...)", "(R, n // 2, 3^rank)", "See `other`.", "The same shape."]
)
def test_a_named_shape_is_seen(text: str) -> None:
    assert without_shape(f'def f(x: Real) -> Real:\n    """Values: {text}"""\n') == []
    assert (
        without_shape(f'class A:\n    """x : {text}"""\n    def f(self) -> Real: ...\n    def _g(self) -> Real:\n        """."""\n')
        == []
    )


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
