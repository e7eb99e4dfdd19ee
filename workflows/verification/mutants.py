"""Small changes of a module, one at a time, and how a running program is given one.

Changes: + and -, * and /, comparisons, `and` and `or`, `not`, numbers, signs (of i too), min and max, real and imag, conj, `if`
conditions, and the names of a few numpy functions. What is only said is left: messages, annotations and their imports, `__repr__`;
and what only guards or hastens: `strict` of zip, `optimize` of einsum, keywords of dataclasses, -1 of reshape.
"""

from __future__ import annotations

import ast
import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    "conj": "copy",
    "any": "all",
    "all": "any",
    "sin": "cos",
    "cos": "sin",
    "floor": "ceil",
    "ceil": "floor",
    "argmin": "argmax",
    "argmax": "argmin",
}
GUARDS = {"strict", "optimize", "stacklevel", "frozen", "slots", "kw_only", "eq", "repr"}  # keywords
SAID = {"warn", "info", "debug", "print"}  # calls whose arguments are words


@dataclass(frozen=True)
class Mutant:
    """function : the names of the classes and functions around the place, "" in the module itself. nth : of equal ones."""

    module: str
    function: str
    before: str
    after: str
    nth: int
    line: int


def changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    """Each way to change a node, as a function that does so."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in BINARY:
        yield lambda copied: setattr(copied, "op", BINARY[type(node.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
        yield lambda copied: setattr(copied, "ops", [COMPARE[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.BoolOp):
        yield lambda copied: setattr(copied, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda copied: setattr(copied, "op", ast.UAdd())
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda copied: setattr(copied, "value", node.value + 1)
    elif isinstance(node, ast.Constant) and type(node.value) is complex:
        yield lambda copied: setattr(copied, "value", -node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda copied: setattr(copied, "value", not node.value)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda copied: setattr(copied, "attr", NAMES[node.attr])
    elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
        yield lambda copied: setattr(copied, "id", NAMES[node.id])
    elif isinstance(node, ast.If | ast.IfExp):
        yield lambda copied: setattr(copied, "test", ast.UnaryOp(ast.Not(), node.test))


def silent(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that say, guard or hasten."""
    if isinstance(node, ast.Raise | ast.JoinedStr):
        yield node
    elif isinstance(node, ast.AnnAssign | ast.arg):
        yield from (node.annotation,) if node.annotation is not None else ()
    elif isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        yield node
    elif isinstance(node, ast.FunctionDef):
        yield from (node,) if node.name in ("__repr__", "__str__") else ()
        yield from (node.returns,) if node.returns is not None else ()
    elif isinstance(node, ast.Assert):
        yield from (node.msg,) if node.msg is not None else ()
    elif isinstance(node, ast.Call):
        yield from (keyword for keyword in node.keywords if keyword.arg in GUARDS)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yield from node.args if name in SAID else ()
        yield from (one for one in node.args if name == "reshape" and isinstance(one, ast.UnaryOp))  # -1: what is left


class Module:
    """The text of a module and its mutants. Each is a change of the tree that is undone afterwards."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source, self.tree = name, source, ast.parse(source)
        self.codes = list(_codes(compile(source, name, "exec", dont_inherit=True)))
        self._nodes: list[tuple[ast.AST, Callable[[Any], None]]] = []
        self.mutants: list[Mutant] = []
        self.statement: dict[int, int] = {}  # first line of the statement that a line belongs to
        quiet = {id(part) for node in ast.walk(self.tree) for said in silent(node) for part in ast.walk(said)}
        self._collect(self.tree, "", quiet, {})

    def _collect(self, node: ast.AST, inside: str, quiet: set[int], seen: dict[tuple[str, ...], int]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement |= dict.fromkeys(range(child.lineno, (child.end_lineno or child.lineno) + 1), child.lineno)
            for change in () if id(child) in quiet else changes(child):
                before, after = self._shown(child, change)
                known = (inside, before, after)
                seen[known] = seen.get(known, -1) + 1
                self.mutants.append(Mutant(self.name, *known, seen[known], getattr(child, "lineno", 0)))
                self._nodes.append((child, change))
            named = isinstance(child, ast.FunctionDef | ast.ClassDef)
            self._collect(child, f"{inside}.{child.name}".lstrip(".") if named else inside, quiet, seen)  # type: ignore[attr-defined]

    def _shown(self, node: Any, change: Callable[[Any], None]) -> tuple[str, str]:
        conditional = isinstance(node, ast.If | ast.IfExp)
        before = ast.unparse(node.test if conditional else node)[:90]
        with _changed(node, change):
            return before, ast.unparse(node.test if conditional else node)[:90]

    def outermost(self, number: int) -> ast.stmt:
        """The statement of the module that holds a mutant."""
        line = self.mutants[number].line
        return next(one for one in self.tree.body if one.lineno <= line <= (one.end_lineno or line))

    def imported(self, number: int) -> bool:
        """Whether a mutant is outside of all functions."""
        return not isinstance(self.outermost(number), ast.FunctionDef | ast.ClassDef)

    @contextmanager
    def changed(self, number: int) -> Iterator[ast.Module]:
        """The tree of one mutant."""
        with _changed(*self._nodes[number]):
            yield ast.fix_missing_locations(self.tree)


@contextmanager
def _changed(node: ast.AST, change: Callable[[Any], None]) -> Iterator[None]:
    kept = dict(node.__dict__)
    change(node)
    try:
        yield
    finally:
        node.__dict__.update(kept)


class Running:
    """The functions of the imported package, by their code, and its caches."""

    def __init__(self, package: str) -> None:
        self.package, self.kernels = package, kernels(Path(sys.modules[package].__file__ or "").parent)
        objects = gc.get_objects()
        self.functions: dict[CodeType, list[FunctionType]] = {}
        for one in objects:
            if isinstance(one, FunctionType) and (one.__module__ or "").partition(".")[0] == package:
                self.functions.setdefault(one.__code__, []).append(one)
        cached = (one for one in objects if isinstance(one, functools._lru_cache_wrapper))
        self.caches = [one for one in cached if (one.__module__ or "").partition(".")[0] == package]

    def exchange(self, module: Module, number: int) -> bool | None:
        """Give the functions the code of a mutant. False where it is in what is done at import, None where the codes are equal."""
        with module.changed(number) as tree:
            after = list(_codes(compile(tree, module.name, "exec", dont_inherit=True)))
        if len(after) != len(module.codes):
            return False
        changed = {i for i, (a, b) in enumerate(zip(module.codes, after, strict=True)) if _own(a) != _own(b)}
        if not changed:
            return None
        done: set[int] = set()
        for i, code in enumerate(module.codes):
            inside = {j for j in changed if i <= j < i + len(list(_codes(code)))}
            for function in self.functions.get(code, ()) if inside else ():
                function.__code__ = after[i]
                done |= inside
        for cache in self.caches:
            cache.cache_clear()
        if self.kernels & {module.codes[i].co_name for i in changed}:
            _compile_anew(self.package)
        return done == changed or (changed == {0} and _assign(module, number))


def _assign(module: Module, number: int) -> bool:
    """Make the assignment of a mutant outside of all functions in the running module, wherever its names were imported to."""
    statement = module.outermost(number)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if not all(isinstance(target, ast.Name) for target in targets):
        return False
    running = sys.modules[dotted(module.name)].__dict__
    with module.changed(number):
        code = compile(ast.Module([statement], []), module.name, "exec", dont_inherit=True)
    old = {target.id: running[target.id] for target in targets if isinstance(target, ast.Name)}
    exec(code, running)
    for other in list(sys.modules.values()):
        space = getattr(other, "__dict__", {})
        for name, value in old.items():
            if space.get(name) is value and type(value) not in (int, bool, str):
                space[name] = running[name]
    return True


def kernels(package: Path) -> set[str]:
    """Names of functions that are given to `compiled`, in whatever module."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in package.rglob("*.py"))
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    return {x.args[0].id for x in calls if getattr(x.func, "id", "") == "compiled" and isinstance(x.args[0], ast.Name)}


def _compile_anew(package: str) -> None:
    """Machine code that is kept on disk knows nothing of changed numbers; a changed index must not write where others read."""
    import numba

    anew = functools.cache(numba.njit(boundscheck=True))
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{package}.") and isinstance(getattr(module, "compiled", None), functools._lru_cache_wrapper):
            module.compiled = anew  # type: ignore[attr-defined]


def dotted(path: str) -> str:
    """The name that a file is imported by."""
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code and all that are in it, in one order."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _own(code: CodeType) -> tuple[object, ...]:
    """What a code does, but for those in it."""
    return code.co_code, code.co_names, tuple(repr(x) for x in code.co_consts if not isinstance(x, CodeType))
