"""Results as arrays with named axes, as netCDF and xarray have them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.storage import Labelled

if TYPE_CHECKING:
    import xarray

    from wannier_spin.results.facts import RunFacts
    from wannier_spin.results.tensor import ResponseTensor

SCAN = {"mu": "eV", "temperature": "K"}  # the first axes of all values, and their units
LIGHT = "light_part"  # the axis of linear and circular, where other responses have cos and sin


def plain(value: Any) -> Any:
    """What JSON can hold: mappings, lists, and null for the numbers it has none for."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def axes_of(tensor: ResponseTensor) -> tuple[str, ...]:
    """Names of the axes of `values`."""
    dynamic = ("omega", "part") if len(tensor.omega) else ()
    return (*SCAN, *dynamic, *tensor.labels)


def coordinates(tensor: ResponseTensor) -> dict[str, Labelled]:
    """What stands along each axis of `values`, and tau; omega is empty for a static response."""
    units = {"tau": tensor.tau_unit, **SCAN, "omega": "eV"}
    found = {name: Labelled(np.array(getattr(tensor, name)), (name,), {"units": unit}) for name, unit in units.items()}
    if len(tensor.omega):
        found["part"] = Labelled(np.array(tensor.parts), ("part",))
    return found | {label: Labelled(np.array(["x", "y", "z"]), (label,)) for label in tensor.labels}


def from_fermi(tensor: ResponseTensor, facts: RunFacts) -> NDArray[np.float64] | None:
    """mu - E_F, (mu,) eV; None where the Fermi energy is not known."""
    return None if facts.fermi_energy is None else np.asarray(tensor.mu - facts.fermi_energy)


def fermi_position(tensor: ResponseTensor, facts: RunFacts) -> int:
    """The value of mu nearest to the Fermi energy; the middle one where that is not known."""
    distance = from_fermi(tensor, facts)
    return len(tensor.values) // 2 if distance is None else int(np.abs(distance).argmin())


def place(tensor: ResponseTensor, index: Sequence[int]) -> str:
    """Where the first two axes of `values` are there: "mu = 22.48 eV, T = 300 K"."""
    return f"mu = {tensor.mu[index[0]]:g} eV, T = {tensor.temperature[index[1]]:g} K"


def near_fermi(tensor: ResponseTensor, facts: RunFacts) -> str:
    """The value of mu nearest to the Fermi energy, and how far it is from there."""
    place = fermi_position(tensor, facts)
    mu = tensor.mu[place]
    many = "" if tensor.carriers is None else f"carriers = {tensor.carriers[place]:g} {tensor.carriers_unit}, "
    return f"{many}mu = {mu:.4f} eV" + ("" if facts.fermi_energy is None else f" (mu - E_F = {mu - facts.fermi_energy:+.4f})")


def named_arrays(tensor: ResponseTensor) -> dict[str, Labelled]:
    """Coordinates, and `name` and `name_error` over (tau, mu, temperature, ..., tensor)."""
    texts = {key: str(getattr(tensor, key)) for key in ("title", "symbol", "equation", "law", "channel", "form", "relaxation")}
    attributes = {"units": tensor.unit, "long_name": texts.pop("title"), **texts}
    light = {"part": LIGHT} if tensor.field_order > 1 else {}  # linear and circular are other parts than cos and sin
    axes = tuple(light.get(axis, axis) for axis in ("tau", *tensor.axes))
    found = {light.get(name, name): array for name, array in coordinates(tensor).items()}
    return {
        **{name: Labelled(array.data, (name,), array.attributes) for name, array in found.items() if name in axes},
        tensor.name: Labelled(tensor.over_tau, axes, attributes),
        f"{tensor.name}_error": Labelled(tensor.error_over_tau, axes, {"units": tensor.unit}),
    }


def merged(tensors: Iterable[ResponseTensor]) -> dict[str, Labelled]:
    """The arrays of several responses, which share their coordinates. Raises InputError where they do not."""
    found: dict[str, Labelled] = {}
    for tensor in tensors:
        for name, array in named_arrays(tensor).items():
            if name in found and not np.array_equal(found[name].data, array.data):
                raise InputError(f"'{tensor.name}' has another '{name}' than the responses before it; convert them one by one")
            found[name] = array
    return found


def dataset(arrays: Mapping[str, Labelled]) -> xarray.Dataset:
    """Arrays as a Dataset. Raises InputError where xarray is not installed."""
    try:
        import xarray
    except ImportError as error:
        raise InputError("to_xarray needs xarray: pip install 'wannier-spin[xarray]'") from error
    variables = {name: (array.axes, array.data, dict(array.attributes)) for name, array in arrays.items()}
    coordinates = {name: variables.pop(name) for name, array in arrays.items() if array.axes == (name,)}
    return xarray.Dataset(variables, coordinates)
