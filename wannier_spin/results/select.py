"""Some of a result: values of mu, temperature, omega and tau chosen by what they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from wannier_spin.results.tensor import ResponseTensor

Wanted = float | Sequence[float] | slice
STACKED = ("block_replicas", "block_harmonics")  # with one more axis in front
BLOCKS = ("blocks", "block_errors", "block_residuals", "block_spreads", *STACKED)  # fields of a response: by name of the block
VARIANTS = ("sites", "definitions")  # responses inside of a response
POSITION = {"mu": 0, "carriers": 0, "temperature": 1, "omega": 2}
OUTSIDE = 1e-6  # of the step (or of the value): how far beyond the ends still counts as the end


def selected(tensor: ResponseTensor, wanted: Mapping[str, Wanted]) -> ResponseTensor:
    """The response at the chosen values, see `ResponseTensor.sel`."""
    changes: dict[str, Any] = {}
    for axis, choice in wanted.items():
        if axis == "tau":
            changes["tau"] = tuple(np.array(tensor.tau)[_chosen(tensor.name, "tau", np.array(tensor.tau), choice)].tolist())
            continue
        values = getattr(tensor, axis)
        if values is None or not len(values):
            raise InputError(f"'{tensor.name}' does not depend on {axis}")
        kept = _chosen(tensor.name, axis, values, choice)
        changes |= _axes(tensor, axis, kept, changes)
        for key in BLOCKS:
            blocks = changes.get(key, getattr(tensor, key))
            if blocks is not None:
                changes[key] = {name: _taken(tensor, key, block, POSITION[axis], kept) for name, block in blocks.items()}
    for key in VARIANTS:
        changes[key] = {name: selected(one, wanted) for name, one in getattr(tensor, key).items()}
    return dataclasses.replace(tensor, **changes)


def _axes(tensor: ResponseTensor, axis: str, kept: NDArray[np.int64], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The axis with what is kept of it; with numbers of carriers mu follows."""
    if tensor.carriers is None or axis == "omega":
        return {axis: getattr(tensor, axis)[kept]}
    found: dict[str, Any] = {key: changed.get(key, getattr(tensor, key)) for key in ("carriers_mu", "carriers_mu_error")}
    if axis == "temperature":
        found = {key: values[:, kept] for key, values in found.items()}
        return {**found, axis: tensor.temperature[kept], "mu": found["carriers_mu"][:, 0]}
    found = {key: values[kept] for key, values in found.items()}
    return {**found, "carriers": tensor.carriers[kept], "mu": found["carriers_mu"][:, 0]}


def _taken(tensor: ResponseTensor, key: str, block: NDArray[np.float64], place: int, kept: NDArray[np.int64]) -> Any:
    """Along one axis; static blocks of a dynamic response have no axis omega."""
    first = int(key in STACKED)
    if place == POSITION["omega"] and block.ndim - first == 2 + len(tensor.labels):
        return block
    return np.take(block, kept, axis=first + place)


def _chosen(name: str, axis: str, values: NDArray[np.float64], wanted: Wanted) -> NDArray[np.int64]:
    """Positions of what is wanted: the nearest ones, or all in a range."""
    if isinstance(wanted, slice):
        low = -np.inf if wanted.start is None else wanted.start
        high = np.inf if wanted.stop is None else wanted.stop
        found = np.flatnonzero((values >= low) & (values <= high))
        if not len(found):
            raise InputError(f"'{name}' has no {axis} from {low:g} to {high:g}; it has {_range(values)}")
        return found
    places = []
    for value in np.atleast_1d(np.asarray(wanted, float)):
        room = OUTSIDE * max(abs(float(values.max())), abs(float(values.min())), 1.0)
        if not values.min() - room <= value <= values.max() + room:
            raise InputError(f"'{name}' has no {axis} = {value:g}; it has {_range(values)}")
        places.append(int(np.argmin(np.abs(values - value))))
    return np.array(places)


def _range(values: NDArray[np.float64]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values.min():g} to {values.max():g}"
