"""One component of a response over its scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.results.numbers import with_bar

Real = NDArray[np.float64]
SHOWN = 6  # lines of a repr


@dataclass(frozen=True, repr=False, eq=False)
class Component:
    """One component of a response; numpy takes it for its `values`.

    name : "xy;z". values, error : (mu, T) or (mu, T, omega, part), in `unit`; error is NaN where there is no estimate.
    axes : their names. coordinates : by axis, mu in eV, temperature in K, omega in eV, part as words.
    """

    response: str
    name: str
    unit: str
    values: Real
    error: Real
    axes: tuple[str, ...]
    coordinates: dict[str, Any]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def value(self) -> float:
        """The number of a component at one point. Raises InputError where there are several."""
        if self.values.size != 1:
            raise InputError(f"'{self.response}' {self.name} has {self.values.size} values: choose one with sel(mu=..., ...)")
        return float(self.values.reshape(-1)[0])

    def __repr__(self) -> str:
        """The first values with their errors."""
        head = f"{self.response} {self.name} ({self.unit}): {_shape(self.axes, self.values)}"
        places = list(np.ndindex(self.values.shape))
        numbers = [(self._where(i), with_bar(float(self.values[i]), float(self.error[i]))) for i in places[:SHOWN]]
        lines = [f"  {where}: {text}" for where, text in numbers]
        return "\n".join([head, *lines, *(["  …"] if len(places) > SHOWN else [])])

    def _where(self, place: tuple[int, ...]) -> str:
        words = []
        for axis, i in zip(self.axes, place, strict=True):
            value = self.coordinates[axis][i]
            words.append(str(value) if axis == "part" else f"{SYMBOLS[axis]} = {value:.6g} {UNITS[axis]}")
        return ", ".join(words)


SYMBOLS = {"mu": "mu", "temperature": "T", "omega": "omega", "tau": "tau"}
UNITS = {"mu": "eV", "temperature": "K", "omega": "eV"}


def _shape(axes: tuple[str, ...], values: Real) -> str:
    return " x ".join(f"{n} {axis}" for axis, n in zip(axes, values.shape, strict=True))
