"""Values as trees of lists, words and numbers to ten digits, to be stored and compared to the letter."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from typer.models import ParameterInfo

MANY = 60  # numbers: longer arrays are told by a few sums
PLAIN = (str, type(None), bool, int, np.bool_, np.integer)


def shown(value: Any) -> Any:
    """What has no numbers is told by its kind."""
    if isinstance(value, PLAIN):
        return value if value is None or isinstance(value, str | bool) else int(value)
    if isinstance(value, float | np.floating):
        return f"{value + 0.0:.10g}"
    if isinstance(value, complex | np.complexfloating):
        return f"{value.real + 0.0:.10g} {value.imag + 0.0:+.10g}i"
    if isinstance(value, np.ndarray):
        return [list(value.shape), *map(shown, numbers_of(value))]
    if isinstance(value, Mapping):
        return {str(key): shown(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, map(shown, value)))
    if isinstance(value, PurePath):
        return value.as_posix()
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
