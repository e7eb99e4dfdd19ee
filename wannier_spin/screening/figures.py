"""Figures of merit: what a result comes to in one row of the table. Everything in SI, first temperature, first tau.

The largest component of a response is that of largest |value| over mu (and omega, and cos and sin). Two kinds of ratio:

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

from wannier_spin import components
from wannier_spin.results import ResponseTensor, ResultSet

Cell = str | float | None
Row = dict[str, Cell]
Real = NDArray[np.float64]
CHARGE = "charge_conductivity"
COUNTERPARTS = {
    "nonlinear_drude_spin_current": "nonlinear_intrinsic_spin_current",
    "nonlinear_drude_spin_magnetization": "nonlinear_intrinsic_spin_magnetization",
}
PARTS = ("", ".component", ".error", ".unit", ".mu", ".at_fermi")
ANGLE = "spin_hall_angle"
EQUAL = 1e-9  # relative: symmetry-equivalent components differ by rounding
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
    names = [name + part for name in responses for part in PARTS]
    if "spin_hall" in responses:
        names += [ANGLE, f"{ANGLE}.error", CHARGE, f"{CHARGE}.component", f"{CHARGE}.error", f"{CHARGE}.unit"]
    ratios = [drude for drude, intrinsic in COUNTERPARTS.items() if {drude, intrinsic} <= set(responses)]
    return tuple(names + [f"{name}.to_intrinsic{part}" for name in ratios for part in ("", ".error")])


def figures(result: ResultSet) -> Row:
    """The cells of one material."""
    fermi = result.facts.fermi_energy or 0.0
    tensors = {name: tensor.at(units="SI") for name, tensor in result.items()}
    row: Row = {}
    for name, tensor in tensors.items():
        if name != CHARGE:
            row |= _of_one(tensor, fermi, result.facts.symmetry is not None and result.facts.symmetry.forbids(name))
    if "spin_hall" in tensors and CHARGE in tensors and row["spin_hall.component"] != FORBIDDEN:
        row |= _spin_hall_angle(tensors["spin_hall"], tensors[CHARGE])
    for drude, intrinsic in COUNTERPARTS.items():
        if drude in tensors and intrinsic in tensors and row[f"{drude}.component"] != FORBIDDEN:
            row |= _to_intrinsic(tensors[drude], tensors[intrinsic])
    return row


def largest(tensor: ResponseTensor) -> tuple[int, ...]:
    """Index (mu, T = 0, ..., tensor) of the largest |value|; of equal ones the first in the order xx, xy, ..."""
    size = np.abs(tensor.values[:, 0])
    scan = tuple(range(size.ndim - len(tensor.labels)))
    component = np.unravel_index(int(np.argmax(size.max(axis=scan) >= (1 - EQUAL) * size.max())), (3,) * len(tensor.labels))
    everywhere: Any = (..., *component)
    of_component = size[everywhere]
    place = np.unravel_index(int(np.argmax(of_component)), of_component.shape)
    return (int(place[0]), 0, *(int(i) for i in place[1:]), *(int(i) for i in component))


def component_name(tensor: ResponseTensor, index: tuple[int, ...]) -> str:
    """For instance "xy;z", or "xy;z cos 0.1 eV", of an index as `largest` gives it."""
    name = components.component_name(tensor, index[-len(tensor.labels) :])
    return f"{name} {('cos', 'sin')[index[3]]} {tensor.omega[index[2]]:g} eV" if len(tensor.omega) else name


def _of_one(tensor: ResponseTensor, fermi: float, forbidden: bool) -> Row:
    name = tensor.name
    if forbidden:
        return {name: 0.0, f"{name}.component": FORBIDDEN, f"{name}.unit": tensor.unit}
    index = largest(tensor)
    at_fermi = (int(np.argmin(np.abs(tensor.mu - fermi))), *index[1:])
    return {
        name: _at(tensor, index).value,
        f"{name}.component": component_name(tensor, index),
        f"{name}.error": _number(_at(tensor, index).error),
        f"{name}.unit": tensor.unit,
        f"{name}.mu": float(tensor.mu[index[0]] - fermi),
        f"{name}.at_fermi": _at(tensor, at_fermi).value,
    }


def _spin_hall_angle(spin: ResponseTensor, charge: ResponseTensor) -> Row:
    index = largest(spin)
    field = index[-2]  # of ab;c
    conductivity = _at(charge, (index[0], 0, field, field))
    row: Row = {CHARGE: conductivity.value, f"{CHARGE}.error": _number(conductivity.error)}
    row |= {f"{CHARGE}.component": 2 * "xyz"[field], f"{CHARGE}.unit": charge.unit}
    if conductivity.value > 0:  # a negative one is noise of the mesh, whatever its error says
        row |= _cells(ANGLE, _at(spin, index).over(conductivity, factor=2.0))
    return row


def _to_intrinsic(drude: ResponseTensor, intrinsic: ResponseTensor) -> Row:
    index = largest(drude)
    return _cells(f"{drude.name}.to_intrinsic", _at(drude, index).over(_at(intrinsic, index)))


def _at(tensor: ResponseTensor, index: tuple[int, ...]) -> Quantity:
    return Quantity(float(tensor.values[index]), float(tensor.error[index]))


def _cells(name: str, quantity: Quantity | None) -> Row:
    return {} if quantity is None else {name: quantity.value, f"{name}.error": _number(quantity.error)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
