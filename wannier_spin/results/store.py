"""Results as trees of HDF5 files, and back. Files of earlier layouts load."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin.errors import InputError
from wannier_spin.results.arrays import coordinates
from wannier_spin.results.facts import RunFacts
from wannier_spin.results.schema import check_result
from wannier_spin.results.select import BLOCKS, VARIANTS
from wannier_spin.results.set import ResultSet
from wannier_spin.results.tensor import ResponseTensor
from wannier_spin.storage import Labelled, Tree, read_tree
from wannier_spin.tensors import SEA_MINUS_SURFACE

Real = NDArray[np.float64]
KIND = "wannier_spin result"
FORMAT = 2  # of the file; 1: relations between components as text only


def load(path: str | Path) -> ResultSet:
    """Read a result file. Raises InputError if it is not one."""
    if str(path).endswith(".toml"):
        raise InputError(f"'{path}' is an input file; expected a result, OUT.h5, which `wannier-spin run {path}` makes of it")
    tree, where = read_tree(path, KIND), f"'{path}' is not a whole result file of this version"
    check_result(where, tree)
    try:
        tensors = {name: _from_tree(tree["responses"][name]) for name in tree["order"]}
        result = ResultSet(tensors, RunFacts.from_mapping(tree["provenance"]), tuple(json.loads(tree["warnings"])))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where}: {error!r}; compute it again") from error
    for name, tensor in tensors.items():
        _check_observable(path, name, str(tensor.output))  # of a damaged file anything
    return result


def _check_observable(path: str | Path, response: str, observable: str) -> None:
    """Raise InputError for a response of an observable that is no part of this program: its unit would not be known."""
    if observable not in observables.OBSERVABLES:
        raise InputError(
            f"'{path}' has '{response}', a response of '{observable}', which is not registered here: import the module that does; "
            "for commands let it end with `from wannier_spin.cli import main; main()`, then `python MODULE.py show ...`"
        )


def to_file(result: ResultSet) -> Tree:
    """Everything of a result: what `load` reads."""
    tree: Tree = {"kind": KIND, "format": FORMAT, "warnings": json.dumps(result.warnings)}
    tree |= {"provenance": _own_axes(result.provenance), "order": list(result)}
    return {**tree, "responses": {name: _to_tree(tensor) for name, tensor in result.items()}}


def _own_axes(provenance: Mapping[str, Any]) -> Tree:
    """Lists of numbers become their own coordinates, so that netCDF finds a name for each dimension of the file."""
    one_dimensional = {key: value for key, value in provenance.items() if isinstance(value, np.ndarray) and value.ndim == 1}
    return {**provenance, **{key: Labelled(value, (key,)) for key, value in one_dimensional.items()}}


def _to_tree(tensor: ResponseTensor) -> Tree:
    tensor = tensor.at(units=tensor.units)  # not in a unit that people quote
    tree: Tree = {f.name: getattr(tensor, f.name) for f in dataclasses.fields(tensor) if f.name != "quote"}
    tree |= {"unit": tensor.unit, "axes": json.dumps(tensor.axes), "recipes": json.dumps(tensor.recipes)}
    tree |= coordinates(tensor)

    def on_axes(array: Real | None, **attributes: str) -> Labelled | None:
        return None if array is None else Labelled(array, axes_of(array), attributes)

    def axes_of(array: Real) -> tuple[str, ...]:
        """Static blocks of a dynamic response do not depend on omega."""
        return tensor.axes if array.ndim == len(tensor.axes) else tuple(a for a in tensor.axes if a not in ("omega", "part"))

    if tensor.carriers is not None:
        tree["carriers"] = Labelled(tensor.carriers, tensor.axes[:1], {"units": str(tensor.carriers_unit)})
        for key in ("carriers_mu", "carriers_mu_error"):
            tree[key] = Labelled(getattr(tensor, key), tensor.axes[:2], {"units": "eV"})
    for key in ("values", "error", "residual", "replica_spread", "sea_surface_difference"):
        tree[key] = on_axes(getattr(tensor, key), units=tensor.unit)
    for key in ("blocks", "block_errors", "block_residuals", "block_spreads"):
        blocks = getattr(tensor, key)
        tree[key] = None if blocks is None else {name: on_axes(block) for name, block in blocks.items()}
    for key, axis in (("block_replicas", "replica"), ("block_harmonics", "harmonic")):
        stacked = getattr(tensor, key)
        if stacked is not None:
            tree[axis] = Labelled(np.arange(len(next(iter(stacked.values())))), (axis,))
            tree[key] = {name: Labelled(block, (axis, *axes_of(block[0]))) for name, block in stacked.items()}
    for key in VARIANTS:
        variants = getattr(tensor, key)
        tree[key] = {name: _to_tree(one) for name, one in variants.items()} or None
        tree[f"{key}_order"] = json.dumps(list(variants)) if variants else None
    tree |= {"tau_powers": json.dumps(tensor.tau_powers), "time_odd": json.dumps(tensor.time_odd)}
    tree["custom"] = None if tensor.custom is None else json.dumps(tensor.custom)
    tree["tau_unit"] = tensor.tau_unit
    tree |= {"mu_unit": "eV", "temperature_unit": "K", "omega_unit": "eV"}
    tree["blocks_unit"] = "hbar = e = 1, eV, angstrom, without tau"
    if len(tensor.tau) > 1:
        tree["values_over_tau"] = Labelled(tensor.over_tau, ("tau", *tensor.axes), {"units": tensor.unit})
    unit, magnetons = tensor.measure.unit, tensor.measure.magnetons
    if magnetons is not None:
        tree["magnetization"] = on_axes(tensor.magnetization)
        tree["magnetization_unit"] = f"mu_B {tensor.unit.removeprefix(unit).strip()}, M = {magnetons:g} mu_B {unit}"
    return tree


def _from_tree(tree: Tree) -> ResponseTensor:
    known = {f.name for f in dataclasses.fields(ResponseTensor)}
    fields = {key: value for key, value in tree.items() if key in known}
    fields |= {"recipes": json.loads(tree["recipes"]), "tau": tuple(float(t) for t in tree["tau"])}
    fields |= {"tau_powers": json.loads(tree["tau_powers"]), "time_odd": tuple(json.loads(tree["time_odd"]))}
    for key in fields.keys() & BLOCKS:  # a file has them in the order of the alphabet
        fields[key] = {name: fields[key][name] for name in fields["tau_powers"] if name in fields[key]}
    if "custom" in tree:
        fields["custom"] = json.loads(tree["custom"])
    if {"L1", "L1dir", "L1surf"} <= set(fields["blocks"]):  # of files before the recipe was stored
        fields["recipes"].setdefault(SEA_MINUS_SURFACE, {"L1": 1.0, "L1dir": 1.0, "L1surf": -1.0})
    for key in VARIANTS:
        if key in tree:
            fields[key] = {name: _from_tree(tree[key][name]) for name in json.loads(tree[f"{key}_order"])}
    return ResponseTensor(**fields)
