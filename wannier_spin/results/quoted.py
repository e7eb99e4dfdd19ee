"""Units that people quote in place of those of SI: (hbar/e) S/cm, Bohr magnetons for each cell or atom, microamperes per V^2."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wannier_spin.errors import InputError
from wannier_spin.units import ANGSTROM

if TYPE_CHECKING:
    from wannier_spin.results.set import ResultSet
    from wannier_spin.results.tensor import ResponseTensor

PER_NM = 1e9  # V/nm over V/m


@dataclass(frozen=True)
class Quote:
    """Another unit. factor : what numbers of the SI unit are multiplied by."""

    unit: str
    factor: float


@dataclass(frozen=True)
class Cell:
    """What a quantity of a cell needs. volume : angstrom^d, None of a k·p model. atoms : None without a structure."""

    volume: float | None = None
    atoms: int | None = None


Rule = Callable[["ResponseTensor", Cell], Quote | None]


def _per_cm(tensor: ResponseTensor, cell: Cell) -> Quote | None:
    return Quote(tensor.unit.replace("S m^-1", "S/cm"), 0.01) if tensor.unit.endswith("S m^-1") else None


def _microamperes(tensor: ResponseTensor, cell: Cell) -> Quote | None:
    if not tensor.unit.endswith("V^-2") or not tensor.measure.rate:
        return None
    lengths = tensor.field_order + tensor.measure.length - tensor.dimension
    unit = " ".join(part for part in (tensor.measure.unit, "nm" if lengths == 1 else "", "uA/V^2") if part)
    return Quote(unit, 1e6 * PER_NM**lengths) if lengths in (0, 1) else None


def _magnetons(tensor: ResponseTensor, cell: Cell, per: str, nanometres: bool) -> Quote | None:
    """M = magnetons * density, of a cell or an atom, per V/m or V/nm."""
    magnetons, n = tensor.measure.magnetons, tensor.field_order
    if magnetons is None or tensor.drive != "E":
        return None
    if cell.volume is None:
        raise InputError("this result does not say how large its cell is (a k·p model, or an older version): compute it again")
    if per == "atom" and cell.atoms is None:
        raise InputError("this result does not say how many atoms its cell has: compute it with a structure (symmetry)")
    counted = 1 if per == "cell" else cell.atoms
    field = ("nm/V" if nanometres else "m/V") if n == 1 else f"({'nm' if nanometres else 'm'}/V)^{n}"
    factor = magnetons * cell.volume * ANGSTROM**tensor.dimension / (counted or 1)
    return Quote(f"mu_B {field} per {per}", factor * (PER_NM**n if nanometres else 1.0))


QUOTED: Mapping[str, Rule] = {
    "S/cm": _per_cm,
    "mu_B/cell": lambda tensor, cell: _magnetons(tensor, cell, "cell", False),
    "mu_B/atom": lambda tensor, cell: _magnetons(tensor, cell, "atom", False),
    "mu_B nm/V": lambda tensor, cell: _magnetons(tensor, cell, "cell", True),
    "uA/V^2": _microamperes,
}


def quoted(result: ResultSet, *units: str) -> ResultSet:
    """The same result with the responses that a unit of `QUOTED` fits in that unit, the others as they are.

    Raises InputError for a unit that is not known or fits none of them, and where the result does not have what it needs.
    """
    tensors = dict(result)
    for name in units:
        if name not in QUOTED:
            raise InputError(f"unit '{name}' is not known; choose from {', '.join(QUOTED)}")
        cell = Cell(result.facts.notes.get("cell_volume"), result.facts.notes.get("atoms"))
        found = {key: _in_unit(tensor.at(units="SI"), QUOTED[name], cell) for key, tensor in tensors.items()}
        fitting = {key: tensor for key, tensor in found.items() if tensor is not None}
        if not fitting:
            raise InputError(f"no response of this result is in {name}; they are in {', '.join({t.unit for t in result.values()})}")
        tensors |= fitting
    return dataclasses.replace(result, tensors=tensors)


def _in_unit(tensor: ResponseTensor, rule: Rule, cell: Cell) -> ResponseTensor | None:
    quote = rule(tensor, cell)
    if quote is None:
        return None
    definitions = {name: dataclasses.replace(one, quote=quote) for name, one in tensor.definitions.items()}
    sites = {name: dataclasses.replace(one, quote=quote) for name, one in tensor.sites.items()}
    return dataclasses.replace(tensor, quote=quote, sites=sites, definitions=definitions)
