"""Numbers that the package is written with: those of its modules, and what functions, records and commands take where nothing is
said. Error bars, bounds and help texts hang on them, so none changes by accident: `tests/reference/constants.json` has them all.
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from types import ModuleType
from typing import Any, Literal, get_origin

from pydantic import BaseModel
from shown import shown
from stored import STORING, check, read

import wannier_spin

NOTHING: tuple[Any, ...] = (None, {}, [])
NUMBER = r"(-?(\d[\d.]*(e[-+]\d+)?|inf|nan)( [-+]\d.*i)?|(Ge|Gt|Le|Lt|MinLen|MaxLen)\(.*)"
BOUNDS = ("Ge", "Gt", "Le", "Lt", "MinLen", "MaxLen")  # of keywords


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(wannier_spin.__path__, "wannier_spin."):
        if not found.name.endswith("__main__") and ".berri" not in found.name:
            yield importlib.import_module(found.name)


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
    """By name, wherever it stands: names may move, come and go, but a number that is known must still be there."""
    seen: dict[str, list[Any]] = {}
    for module in modules():
        for name, value in of_module(module).items():
            seen.setdefault(name, []).append(value)
    assert sum(map(len, seen.values())) > 400
    seen = {name: found for name, values in seen.items() if (found := [x for x in map(numbers_in, values) if x not in NOTHING])}
    known = seen if STORING else read("constants.json").get("constants", {})
    check("constants.json", "constants", {name: kept(known[name], seen.get(name)) for name in known})


def numbers_in(tree: Any) -> Any:
    """Without words, which the messages and pages are tested for."""
    if isinstance(tree, dict):
        return {name: found for name, one in tree.items() if (found := numbers_in(one)) not in NOTHING}
    if isinstance(tree, list):
        return [found for one in tree if (found := numbers_in(one)) not in NOTHING]
    return tree if not isinstance(tree, str) or re.fullmatch(NUMBER, tree) else None


def kept(known: list[Any], seen: list[Any] | None) -> list[Any]:
    """What is known where all of it is still there, or nothing is; else what is there now."""
    words = {json.dumps(value) for value in json.loads(json.dumps(seen or known))}
    return known if {json.dumps(value) for value in known} <= words else seen or []
