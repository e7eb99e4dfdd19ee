"""Two results beside one another, at the points that both have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.results.choose import first_largest
from wannier_spin.results.set import ResultSet
from wannier_spin.results.show import Entry, entry
from wannier_spin.results.tensor import ResponseTensor

Real = NDArray[np.float64]
NEAR = 1e-6  # eV, K: points this close are the same
ROUNDING = 1e-9  # of the largest value
AXES = ("mu", "temperature", "omega")


@dataclass(frozen=True)
class Comparison:
    """A response of both results, at common points. tensors : restricted to them, in the units and with the tau of the first.

    entries : of both where they are furthest apart; mu (eV) and temperature (K) there. relative : that distance, of the largest
    value of both. in_bars : the largest distance in units of the two bars added up; NaN where no bar is known.
    """

    response: str
    tensors: tuple[ResponseTensor, ResponseTensor]
    entries: tuple[Entry, Entry]
    mu: float
    temperature: float
    relative: float
    in_bars: float

    @property
    def words(self) -> str:
        if self.relative <= ROUNDING:
            return "the same"
        if np.isnan(self.in_bars):
            return "no bars"
        return "agree within their bars" if self.in_bars <= 1 else "DIFFER by more than their bars"


def compared(one: ResultSet, other: ResultSet) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Every response that both have, and in words what is not compared. Raises InputError where they have nothing in common."""
    common = [name for name in one if name in other]
    if not common:
        raise InputError(f"the results have no response in common: {', '.join(one)}; and {', '.join(other)}")
    notes = [f"only one has {name}" for name in sorted({*one} ^ {*other})]
    found = []
    for name in common:
        a, b = one[name], other[name].at(units=one[name].units, tau=one[name].tau[0])
        if a.combination != b.combination:
            notes.append(f"{name}: made of different blocks, {_recipe(a)} and {_recipe(b)}")
        if tuple(one[name].tau) != tuple(other[name].tau) and a.tau_power:
            notes.append(f"{name}: tau of the second set to that of the first, {a.tau[0]:g} {a.tau_unit}")
        found.append(_compared(a, b))
    return tuple(found), tuple(notes)


def _recipe(tensor: ResponseTensor) -> str:
    return " + ".join(f"{factor:g} {block}" for block, factor in tensor.combination.items())


def _compared(a: ResponseTensor, b: ResponseTensor) -> Comparison:
    """Raises InputError where units or all points differ."""
    if (a.output, a.labels, a.unit) != (b.output, b.labels, b.unit):
        of = [f"{t.title} in {t.unit}" for t in (a, b)]
        raise InputError(f"'{a.name}': one is the {of[0]}, the other the {of[1]}; they cannot be compared")
    doped = a.carriers is not None and b.carriers is not None and a.carriers_unit == b.carriers_unit
    axes = ("carriers", *AXES[1:]) if doped else AXES  # mu of the same carriers differs as the meshes do
    places = {axis: _common(a, b, axis) for axis in axes if len(getattr(a, axis)) or len(getattr(b, axis))}
    a, b = a.sel(**places), b.sel(**places)
    distance, bars = np.abs(a.values - b.values), a.error + b.error
    scale = max(float(np.abs(a.values).max()), float(np.abs(b.values).max()))
    furthest = distance if np.nanmax(distance) > ROUNDING * scale else np.abs(a.values)  # of the same the largest is shown
    index = tuple(int(i) for i in np.unravel_index(first_largest(furthest), furthest.shape))
    counts = distance > ROUNDING * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        in_bars = np.where(counts, distance / bars, 0.0)
    relative = float(distance[index]) / scale if scale else 0.0
    known = in_bars[~np.isnan(in_bars)]
    largest = float(known.max()) if known.size and (known.any() or not counts.any()) else float("nan")
    place = float(a.mu[index[0]]), float(a.temperature[index[1]])
    return Comparison(a.name, (a, b), (entry(a, index), entry(b, index)), *place, relative, largest)


def _common(a: ResponseTensor, b: ResponseTensor, axis: str) -> list[float]:
    """Points of an axis that both have. Raises InputError where there are none."""
    one, other = np.asarray(getattr(a, axis)), np.asarray(getattr(b, axis))
    shared = [float(x) for x in one if len(other) and np.abs(other - x).min() <= NEAR]
    if not shared:
        unit = {"temperature": "K", "carriers": str(a.carriers_unit)}.get(axis, "eV")
        spans = [f"{x.min():g} to {x.max():g} {unit}" if len(x) else "none" for x in (one, other)]
        raise InputError(f"'{a.name}': no common {axis}: {spans[0]}, and {spans[1]}")
    return shared
