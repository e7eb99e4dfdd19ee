"""Figures of merit: what a result comes to in one row of the table. Everything in SI, first temperature, first tau.

A response stands for its largest component at the mu nearest to the Fermi energy (over omega and parts), among those that are
larger than their error bar where there are any: noise is no record. Its peak is the same over all mu. Two kinds of ratio:

    spin Hall angle   (2e/hbar) sigma(0)_ab;c / sigma_bb, at the mu and component of `spin_hall`. sigma_bb is the Drude
                      conductivity -e^2 tau int_k v_b v_b f' in the same model with the same tau, mesh and temperature: the
                      response (4) in the identity channel, in its Fermi-sea form e^2 tau sum_n int_k f_n d_b d_b eps_n. It is
                      the relaxation-time approximation, in which the angle is proportional to 1/tau.
    to_intrinsic      (9)/(13) and (10)/(14): the nonlinear Drude response over its intrinsic counterpart of the same
                      component and mu, proportional to tau^2

A ratio is left out where its denominator is not larger than its own error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.results import ResponseTensor, ResultSet
from wannier_spin.results.choose import first_largest

Cell = str | float | None
Row = dict[str, Cell]
Real = NDArray[np.float64]
CHARGE = "charge_conductivity"
COUNTERPARTS = {
    "nonlinear_drude_spin_current": "nonlinear_intrinsic_spin_current",
    "nonlinear_drude_spin_magnetization": "nonlinear_intrinsic_spin_magnetization",
}
COLUMNS = ("", ".component", ".error", ".unit", ".mu")
PEAK = (".peak", ".peak.component", ".peak.error", ".peak.mu")
ANGLE = "spin_hall_angle"
EQUAL = 1e-9  # of the largest value: less is rounding
FORBIDDEN = "forbidden"


@dataclass(frozen=True)
class Quantity:
    """A number and its error estimate (NaN: none was made)."""

    value: float
    error: float

    @property
    def resolved(self) -> bool:
        """Larger than its error; where there is no estimate, not zero."""
        return abs(self.value) > (0.0 if math.isnan(self.error) else self.error)

    def over(self, other: Quantity, factor: float = 1.0) -> Quantity | None:
        """factor * self/other, errors added up; None where `other` is not resolved."""
        if not other.resolved:
            return None
        ratio = factor * self.value / other.value
        return Quantity(ratio, abs(factor) * self.error / abs(other.value) + abs(ratio) * other.error / abs(other.value))


def columns(responses: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns that these responses give."""
    names = [name + column for name in responses for column in (*COLUMNS, *PEAK)]
    if "spin_hall" in responses:
        names += [ANGLE, f"{ANGLE}.error", CHARGE, f"{CHARGE}.component", f"{CHARGE}.error", f"{CHARGE}.unit"]
    ratios = [drude for drude, intrinsic in COUNTERPARTS.items() if {drude, intrinsic} <= set(responses)]
    return tuple(names + [f"{name}.to_intrinsic{column}" for name in ratios for column in ("", ".error")])


def figures(result: ResultSet) -> Row:
    """The cells of one material."""
    fermi = result.facts.fermi_energy or 0.0
    tensors = {name: tensor.at(units="SI") for name, tensor in result.items()}
    row: Row = {}
    for name, tensor in tensors.items():
        if name != CHARGE:
            row |= _of_one(tensor, fermi, result.facts.symmetry is not None and result.facts.symmetry.forbids(name))
    if "spin_hall" in tensors and CHARGE in tensors and row["spin_hall.component"] != FORBIDDEN:
        row |= _spin_hall_angle(tensors["spin_hall"], tensors[CHARGE], fermi)
    for drude, intrinsic in COUNTERPARTS.items():
        if drude in tensors and intrinsic in tensors and row[f"{drude}.component"] != FORBIDDEN:
            row |= _to_intrinsic(tensors[drude], tensors[intrinsic], fermi)
    return row


def largest(tensor: ResponseTensor, rows: Sequence[int]) -> tuple[int, ...]:
    """Index (mu, T = 0, ..., tensor) of the largest |value| at these values of mu.

    Of those that are larger than their error where there are any; of equal ones the first in the order xx, xy, ...
    """
    values, errors = tensor.values[list(rows), 0], tensor.error[list(rows), 0]
    size = np.where(np.isfinite(values), np.abs(values), 0.0)
    resolved = size > np.maximum(np.nan_to_num(errors, nan=0.0, posinf=np.inf), EQUAL * size.max())  # rounding is no number
    size = np.where(resolved, size, 0.0) if resolved.any() else size
    scan = tuple(range(size.ndim - len(tensor.labels)))
    component = np.unravel_index(first_largest(size.max(axis=scan)), (3,) * len(tensor.labels))
    everywhere: Any = (..., *component)
    of_component = size[everywhere]
    place = np.unravel_index(first_largest(of_component), of_component.shape)
    return (int(rows[int(place[0])]), 0, *(int(i) for i in place[1:]), *(int(i) for i in component))


def at_fermi(tensor: ResponseTensor, fermi: float) -> tuple[int, ...]:
    """The index as `largest` gives it, at the mu nearest to the Fermi energy."""
    return largest(tensor, [int(np.argmin(np.abs(tensor.mu - fermi)))])


def _of_one(tensor: ResponseTensor, fermi: float, forbidden: bool) -> Row:
    name = tensor.name
    if forbidden:
        return {name: 0.0, f"{name}.component": FORBIDDEN, f"{name}.unit": tensor.unit}
    row: Row = {f"{name}.unit": tensor.unit}
    places = {name: at_fermi(tensor, fermi), f"{name}.peak": largest(tensor, range(len(tensor.mu)))}
    for key, index in places.items():
        quantity = _at(tensor, index)
        row |= {key: quantity.value, f"{key}.component": tensor.component_name(index), f"{key}.error": _number(quantity.error)}
        row[f"{key}.mu"] = float(tensor.mu[index[0]] - fermi)
    return row


def _spin_hall_angle(spin: ResponseTensor, charge: ResponseTensor, fermi: float) -> Row:
    index = at_fermi(spin, fermi)
    field = index[-2]  # of ab;c
    conductivity = _at(charge, (index[0], 0, field, field))
    row: Row = {CHARGE: conductivity.value, f"{CHARGE}.error": _number(conductivity.error)}
    row |= {f"{CHARGE}.component": 2 * "xyz"[field], f"{CHARGE}.unit": charge.unit}
    if conductivity.value > 0:  # a negative one is noise of the mesh, whatever its error says
        row |= _cells(ANGLE, _at(spin, index).over(conductivity, factor=2.0))
    return row


def _to_intrinsic(drude: ResponseTensor, intrinsic: ResponseTensor, fermi: float) -> Row:
    index = at_fermi(drude, fermi)
    return _cells(f"{drude.name}.to_intrinsic", _at(drude, index).over(_at(intrinsic, index)))


def _at(tensor: ResponseTensor, index: tuple[int, ...]) -> Quantity:
    return Quantity(float(tensor.values[index]), float(tensor.error[index]))


def _cells(name: str, quantity: Quantity | None) -> Row:
    return {} if quantity is None else {name: quantity.value, f"{name}.error": _number(quantity.error)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
