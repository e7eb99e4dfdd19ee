"""What a loader expects of a tree, as data: names, kinds, shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wannier_spin.errors import InputError

KINDS = {"b": "truth values", "i": "whole numbers", "u": "whole numbers", "f": "real numbers", "c": "complex numbers", "U": "texts"}


@dataclass(frozen=True)
class Array:
    """An array. kinds: of numpy dtypes ("f", "iu", "c", "U"); shapes: any of them, of numbers and names (one name, one number).

    finite : whether NaN and infinity are refused. optional : whether it may be missing.
    """

    kinds: str
    shapes: tuple[tuple[int | str, ...], ...]
    finite: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Value:
    """A number, a text or a list of them; a truth value is no number."""

    types: tuple[type, ...]
    optional: bool = False


@dataclass(frozen=True)
class Each:
    """A group in which everything is alike, under any name. least: how many at least."""

    of: Schema | Array | Value
    least: int = 0
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """A group. exact: whether other names are refused."""

    members: Mapping[str, Schema | Array | Value | Each]
    exact: bool = False
    optional: bool = False


def check_tree(where: str, tree: Mapping[str, Any], schema: Schema, remedy: str) -> None:
    """Raise InputError, which begins with `where` and ends with `remedy`, for what is missing, too much, or of another type or
    shape.
    """
    fault = _of_group("", tree, schema, {})
    if fault:
        raise InputError(f"{where}: {fault}; {remedy}")


def _of_group(place: str, tree: object, schema: Schema, sizes: dict[str, int]) -> str | None:
    if not isinstance(tree, Mapping):
        return f"'{place}' is no group"
    for name, wanted in schema.members.items():
        if name not in tree:
            if not wanted.optional:
                return f"'{_below(place, name)}' is missing"
            continue
        fault = _of(_below(place, name), tree[name], wanted, sizes)
        if fault:
            return fault
    unknown = sorted(set(tree) - set(schema.members)) if schema.exact else []
    return f"'{_below(place, unknown[0])}' is unknown" if unknown else None


def _of(place: str, found: object, wanted: Schema | Array | Value | Each, sizes: dict[str, int]) -> str | None:
    if isinstance(wanted, Schema):
        return _of_group(place, found, wanted, sizes)
    if isinstance(wanted, Array):
        return _of_array(place, found, wanted, sizes)
    if isinstance(wanted, Value):
        return _of_value(place, found, wanted)
    if not isinstance(found, Mapping):
        return f"'{place}' is no group"
    if len(found) < wanted.least:
        return f"'{place}' has {len(found)} members, expected at least {wanted.least}"
    faults = (_of(_below(place, name), item, wanted.of, sizes) for name, item in found.items())
    return next((fault for fault in faults if fault), None)


def _of_array(place: str, found: object, wanted: Array, sizes: dict[str, int]) -> str | None:
    array = np.asarray(found) if isinstance(found, np.ndarray | np.generic) else None
    if array is None:
        return f"'{place}' is no array"
    if array.dtype.kind not in wanted.kinds:
        expected = " or ".join(dict.fromkeys(KINDS[kind] for kind in wanted.kinds))
        return f"'{place}' has {KINDS.get(array.dtype.kind, array.dtype.str)}, expected {expected}"
    if not any(_fits(array.shape, shape, sizes) for shape in wanted.shapes):
        expected = " or ".join(_shape_text(shape, sizes) for shape in wanted.shapes)
        return f"'{place}' has the shape {array.shape}, expected {expected}"
    if wanted.finite and array.size and not np.isfinite(array).all():
        return f"'{place}' has NaN or infinity"
    return None


def _fits(found: tuple[int, ...], wanted: tuple[int | str, ...], sizes: dict[str, int]) -> bool:
    """Whether it does; what the names stand for is then known."""
    if len(found) != len(wanted):
        return False
    new: dict[str, int] = {}
    for length, name in zip(found, wanted, strict=True):
        if length != (sizes.get(name, new.setdefault(name, length)) if isinstance(name, str) else name):
            return False
    sizes.update({name: length for name, length in new.items() if name not in sizes})
    return True


def _shape_text(shape: tuple[int | str, ...], sizes: Mapping[str, int]) -> str:
    return "(" + ", ".join(str(sizes.get(n, n) if isinstance(n, str) else n) for n in shape) + ")"


def _of_value(place: str, found: object, wanted: Value) -> str | None:
    right = isinstance(found, wanted.types) and (bool in wanted.types or not isinstance(found, bool))
    names = " or ".join(kind.__name__ for kind in wanted.types)
    return None if right else f"'{place}' is {str(found)[:40]!r}, expected {names}"


def _below(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name
