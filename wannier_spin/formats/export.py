"""For other programs: results as CSV (one number a row), JSON, netCDF-4; the JSON schema of the input file."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

from wannier_spin.components import component_names
from wannier_spin.errors import InputError
from wannier_spin.results import ResponseTensor, ResultSet, RunFacts, independent, plain
from wannier_spin.storage import Tree, write_tree, write_whole

COLUMNS = (
    *("response", "mu_eV", "temperature_K", "omega_eV", "tau", "tau_unit", "part", "component"),
    *("value", "error", "unit", "independent", "form", "relaxation"),
)


def export(result: ResultSet, path: str | Path) -> Path:
    """Write a result as CSV, JSON or netCDF-4, as the ending says (.csv, .json, .nc), whole or not at all.

    Raises InputError for another ending, and for a place that cannot be written.
    """
    path = Path(path)
    check_ending(path)
    return WRITERS[path.suffix](result, path)


def check_ending(path: str | Path) -> None:
    """Raise InputError for an ending that `export` does not know."""
    if Path(path).suffix not in WRITERS:
        raise InputError(f"cannot export to '{path}': the ending must be {', '.join(WRITERS)}")


def rows(tensor: ResponseTensor, facts: RunFacts) -> Iterator[tuple[Any, ...]]:
    """One row for each number, see COLUMNS; what does not apply or is not known is None.

    independent : 1 where the component determines others by symmetry, 0 where it follows from others or is forbidden.
    """
    dynamic = bool(len(tensor.omega))
    names = component_names(tensor)
    values = tensor.over_tau.reshape(-1, len(names)).tolist()
    errors = tensor.error_over_tau.reshape(-1, len(names)).tolist()
    flags = [_flags(tensor, facts, names, part) for part in range(2 if dynamic else 1)]
    omega = tensor.omega.tolist() if dynamic else [None]
    axes = (tensor.tau, tensor.mu.tolist(), tensor.temperature.tolist(), omega, range(len(flags)))
    for i, (tau, mu, temperature, w, part) in enumerate(itertools.product(*axes)):
        head = (tensor.name, mu, temperature, w, tau, tensor.tau_unit, tensor.parts[part] if dynamic else None)
        for name, value, error, flag in zip(names, values[i], errors[i], flags[part], strict=True):
            known = None if error != error else error  # NaN: no estimate was made
            yield (*head, name, value, known, tensor.unit, flag, tensor.form, tensor.relaxation)


def as_json(result: ResultSet, component: str | None = None) -> dict[str, Any]:
    """Everything as JSON can hold it: responses with axes, values and errors; provenance; warnings.

    component : only this one, for instance "xy;z".
    """
    responses = {name: _describe(tensor, component) for name, tensor in result.items()}
    return {"responses": responses, "provenance": plain(result.provenance), "warnings": list(result.warnings)}


def input_schema() -> dict[str, Any]:
    """JSON schema of the input file (TOML holds the same types).

    pydantic describes what comes out of its validators; where they take a number or a range for a list, or one name for
    a list of names, the schema must take it too.
    """
    from wannier_spin.config import Numbers, Range, Settings

    schema = Settings.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$defs"]["Range"] = Range.model_json_schema()
    lists_of_numbers = get_args(Numbers)[1]  # the validator that makes a list of a number or a range
    for name, field in Settings.model_fields.items():
        if lists_of_numbers in field.metadata:
            _widen(schema["properties"][name], {"type": "number"}, {"$ref": "#/$defs/Range"})
    _widen(schema["properties"]["responses"], {"type": "string"})
    return schema


def _widen(entry: dict[str, Any], *alternatives: dict[str, Any]) -> None:
    """Let a property also have one of these forms."""
    about: dict[str, Any] = {key: entry.pop(key) for key in ("title", "default", "description") if key in entry}
    forms = entry.pop("anyOf", None) or [dict(entry)]
    entry.clear()
    entry.update(about, anyOf=[*forms, *alternatives])


def _describe(tensor: ResponseTensor, component: str | None) -> dict[str, Any]:
    values, errors = tensor.component(component) if component else (tensor.values, tensor.error)
    return {
        "symbol": tensor.symbol,
        "unit": tensor.unit,
        "equation": tensor.equation,
        "channel": tensor.channel,
        "form": tensor.form,
        "relaxation": tensor.relaxation,
        "tau_unit": tensor.tau_unit,
        "axes": tensor.axes[: values.ndim],
        "mu_eV": tensor.mu.tolist(),
        "temperature_K": tensor.temperature.tolist(),
        "omega_eV": tensor.omega.tolist(),
        "tau": list(tensor.tau),
        "values": plain(values),
        "error": plain(errors),
        **({"definition_spread": tensor.definition_spread} if tensor.definitions else {}),
    }


def _flags(tensor: ResponseTensor, facts: RunFacts, names: tuple[str, ...], part: int) -> list[int | None]:
    known = independent(tensor, facts, part)
    if known is None:
        return [None] * len(names)
    chosen = {group.name for group in known}
    return [int(name in chosen) for name in names]


def _write_csv(result: ResultSet, path: Path) -> Path:
    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for tensor in result.values():
                writer.writerows(rows(tensor, result.facts))

    return write_whole(path, write)


def _write_json(result: ResultSet, path: Path) -> Path:
    text = json.dumps(as_json(result), indent=1, allow_nan=False)
    return write_whole(path, lambda temporary: temporary.write_text(text + "\n", encoding="utf-8"))


def _write_netcdf(result: ResultSet, path: Path) -> Path:
    """One group, the variables of `ResultSet.to_xarray`; needs neither xarray nor a netCDF library."""
    tree: Tree = {**result.description(), **result.arrays()}
    return write_tree(path, tree)


WRITERS: dict[str, Callable[[ResultSet, Path], Path]] = {".csv": _write_csv, ".json": _write_json, ".nc": _write_netcdf}
