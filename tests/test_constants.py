"""Numbers that the package is written with: those of its modules, and what functions, records and commands take where nothing is
said. Error bars, bounds and help texts hang on them, so none changes by accident: `tests/reference/constants.json` has them all.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import ModuleType
from typing import Any, Literal, get_origin

import numpy as np
from pydantic import BaseModel
from stored import check
from typer.models import ParameterInfo

import wannier_spin

MANY = 60  # numbers: longer arrays are told by a few sums
BOUNDS = ("Ge", "Gt", "Le", "Lt", "MinLen", "MaxLen")  # of keywords
PLAIN = (str, type(None), bool, int, np.bool_, np.integer)


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(wannier_spin.__path__, "wannier_spin."):
        if not found.name.endswith("__main__") and ".berri" not in found.name:
            yield importlib.import_module(found.name)


def shown(value: Any) -> Any:
    """Numbers to ten digits, in trees of lists and words. What has no numbers is told by its kind."""
    if isinstance(value, PLAIN):
        return value if value is None or isinstance(value, str | bool) else int(value)
    if isinstance(value, float | np.floating):
        return f"{value:.10g}"
    if isinstance(value, complex | np.complexfloating):
        return f"{value.real + 0.0:.10g} {value.imag + 0.0:+.10g}i"
    if isinstance(value, np.ndarray):
        return [list(value.shape), *map(shown, numbers_of(value))]
    if isinstance(value, Mapping):
        return {str(key): shown(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, map(shown, value)))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list | range):
        return [shown(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: shown(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, ParameterInfo):
        return [shown(value.default), value.min, value.max]
    return type(value).__name__


def numbers_of(array: np.ndarray) -> list[Any]:
    flat = array.ravel()
    if flat.dtype.kind not in "fciub" or flat.size <= MANY:
        return flat.tolist()
    return [flat.sum(), np.abs(flat).sum(), flat @ np.cos(1.7 * np.arange(flat.size))]


def defaults(function: Any) -> dict[str, Any]:
    """Of a function, by the names of its parameters: what is not said is not shown."""
    told = inspect.signature(function).parameters.values()
    return {one.name: shown(one.default) for one in told if one.default is not one.empty}


def of_class(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if is_dataclass(kind):
        for one in fields(kind):
            factory = one.default_factory
            if factory is not MISSING and getattr(factory, "__module__", "") != "time":
                found[one.name] = shown(factory())
            elif one.default is not MISSING:
                found[one.name] = shown(one.default)
    elif issubclass(kind, BaseModel):
        found["model_config"] = shown(dict(kind.model_config))
        for name, one in kind.model_fields.items():
            given = "required" if one.is_required() else shown(one.get_default(call_default_factory=True))
            bounds = [str(limit) for limit in one.metadata if type(limit).__name__ in BOUNDS]
            found[name] = [given, *bounds]
    for name, one in vars(kind).items():
        function = getattr(one, "__func__", one)
        if inspect.isfunction(function) and not name.startswith("__") and (given := defaults(function)):
            found[f"{name}()"] = given
        elif not callable(function) and not name.startswith("_") and name not in found and isinstance(one, int | float | tuple):
            found[name] = shown(one)
    return found


def of_module(module: ModuleType) -> dict[str, Any]:
    """What is defined there: names that are imported stand where they come from."""
    imported = set(re.findall(r"\w+", " ".join(re.findall(r"(?m)^from \S+ import ([^(\n]+|\([^)]*\))", inspect.getsource(module)))))
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if name.startswith("__") or name in imported or inspect.ismodule(value) or get_origin(value) is Literal:
            continue
        inner = getattr(value, "__wrapped__", value)
        if inspect.isfunction(inner):
            given: Any = defaults(inner) if inner.__module__ == module.__name__ else {}
        elif inspect.isclass(value):
            given = of_class(value) if value.__module__ == module.__name__ else {}
        else:
            given = shown(value)
        if given not in ({}, [], "") and given != type(value).__name__ and not isinstance(value, str | re.Pattern):
            found[name] = given
    return found


def test_constants_and_defaults():
    seen = {module.__name__.removeprefix("wannier_spin."): of_module(module) for module in modules()}
    assert sum(map(len, seen.values())) > 500
    check("constants.json", "constants", {name: one for name, one in seen.items() if one})
