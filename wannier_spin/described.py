"""Representations of records in a few lines: what it is, shapes, units, ranges; never the numbers themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import numpy as np

Record = TypeVar("Record")
MOST = 1400  # letters
WORD = 70  # letters of a text or a list
FEW = 6  # members of a list that are shown


def described(**units: str) -> Callable[[type[Record]], type[Record]]:
    """Decorate a dataclass: its repr names it and describes its fields. units : of fields, for instance energies="eV"."""

    def decorate(cls: type[Record]) -> type[Record]:
        cls.__repr__ = lambda self: describe(self, units)  # type: ignore[method-assign]
        return cls

    return decorate


def describe(record: Any, units: Mapping[str, str]) -> str:
    """The name of the class and its first sentence, then a line for each field that has something."""
    about = (type(record).__doc__ or "").strip().split("\n")[0].split(". ")[0].rstrip(".")
    lines = [f"{type(record).__name__}: {about}" if about else type(record).__name__]
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if value is None or (isinstance(value, Collection) and not len(value)):
            continue
        unit = units.get(field.name, "")
        lines.append(f"  {field.name}: {of_value(value)}{f' {unit}' if unit else ''}")
    text = "\n".join(lines)
    return text if len(text) <= MOST else text[:MOST].rsplit("\n", 1)[0] + "\n  …"


def of_value(value: Any) -> str:
    """A value in at most a line: an array by shape and range, a collection by its first members."""
    if isinstance(value, np.ndarray):
        return of_array(value)
    if isinstance(value, Mapping):
        return _shortened(f"{{{_members([_named(key, item) for key, item in value.items()])}}}")
    if isinstance(value, list | tuple):
        return _shortened(f"({_members([of_value(item) for item in value[: FEW + 1]], len(value))})")
    if isinstance(value, float):
        return f"{value:.6g}"
    return _shortened((str(value) if isinstance(value, str) else repr(value)).split("\n")[0])


def of_array(array: np.ndarray[Any, Any]) -> str:
    """Shape and range of an array (...): "(8, 18), -3.2 to 14.1"; a few numbers themselves."""
    shape = f"({', '.join(map(str, array.shape))})"
    if array.dtype.kind not in "biufc" or not array.size:
        return f"{shape} of {array.dtype}"
    if array.size <= FEW and array.dtype.kind != "c":
        return np.array2string(array, precision=5, separator=", ").replace("\n", "")
    size = np.abs(array) if array.dtype.kind == "c" else array
    finite = size[np.isfinite(size)] if array.dtype.kind in "fc" else size
    lost = size.size - finite.size
    if not finite.size:
        return f"{shape}, not finite"
    reach = f"up to {finite.max():.4g} in size" if array.dtype.kind == "c" else f"{finite.min():.6g} to {finite.max():.6g}"
    return f"{shape}, {reach}" + (f", {lost} not finite" if lost else "")


def _named(key: Any, item: Any) -> str:
    return f"{key}: {of_array(item)}" if isinstance(item, np.ndarray) else str(key)


def _members(texts: list[str], total: int | None = None) -> str:
    total = len(texts) if total is None else total
    return ", ".join(texts[:FEW]) + (f", … {total} in all" if total > FEW else "")


def _shortened(text: str) -> str:
    return text if len(text) <= WORD * 2 else text[: WORD * 2 - 1] + "…"
