"""For other programs: results as CSV (one number a row), JSON, netCDF-4; the JSON schema of the input file."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from wannier_spin.components import AllowedTensor, checked_name, component_names, has_component
from wannier_spin.errors import InputError
from wannier_spin.results import ResponseTensor, ResultSet, RunFacts, load, plain
from wannier_spin.results.choose import form_of
from wannier_spin.results.show import state
from wannier_spin.storage import Tree, write_tree, write_whole

COLUMNS = (
    *("response", "mu_eV", "temperature_K", "omega_eV", "tau", "tau_unit", "part", "component"),
    *("value", "error", "unit", "independent", "form", "relaxation", "carriers"),
)
LEFT_OUT = -1


def export(result: ResultSet | str | Path, path: str | Path, components: str | Sequence[str] = ()) -> Path:
    """Write a result (or a result file) as CSV, JSON or netCDF-4, as the ending says (.csv, .json, .nc), whole or not at all.

    components : like "xy;z", of a CSV; (): all that symmetry allows, where it is known.
    Raises InputError for another ending, for a place that cannot be written, and for components that no response has.
    """
    path = Path(path)
    check_ending(path)
    if not isinstance(result, ResultSet):
        result = load(result)
    names = (components,) if isinstance(components, str) else tuple(components)
    if path.suffix == ".csv":
        return _write_csv(result, path, names)
    if names:
        raise InputError(f"'{path}': single components are written to .csv; the arrays of the other formats are whole")
    return WRITERS[path.suffix](result, path)


def check_ending(path: str | Path) -> None:
    """Raise InputError for an ending that `export` does not know."""
    if Path(path).suffix not in WRITERS:
        raise InputError(f"cannot export to '{path}': the ending must be {', '.join(WRITERS)}")


def rows(tensor: ResponseTensor, facts: RunFacts, components: Collection[str] = ()) -> Iterator[tuple[Any, ...]]:
    """One row for each number, see COLUMNS; what does not apply or is not known is None.

    components : like "xy;z"; (): all that symmetry allows, where it is known.
    independent : 1 where the component determines others by symmetry, 0 where it follows from others.
    """
    dynamic = bool(len(tensor.omega))
    wanted = {checked_name(tensor, name) for name in components}
    names = component_names(tensor)
    values = tensor.over_tau.reshape(-1, len(names)).tolist()
    errors = tensor.error_over_tau.reshape(-1, len(names)).tolist()
    forms = [form_of(tensor, facts, part) for part in range(2 if dynamic else 1)]
    flags = [_flags(form, names, wanted) for form in forms]
    omega = tensor.omega.tolist() if dynamic else [None]
    temperatures = range(len(tensor.temperature))
    axes = (tensor.tau, range(len(tensor.mu)), temperatures, omega, range(len(flags)))
    for i, (tau, place, t, w, part) in enumerate(itertools.product(*axes)):
        mu = float(tensor.mu[place] if tensor.carriers_mu is None else tensor.carriers_mu[place, t])
        carriers = None if tensor.carriers is None else float(tensor.carriers[place])
        temperature = float(tensor.temperature[t])
        head = (tensor.name, mu, temperature, w, tau, tensor.tau_unit, tensor.parts[part] if dynamic else None)
        for name, value, error, flag in zip(names, values[i], errors[i], flags[part], strict=True):
            if flag == LEFT_OUT:
                continue
            known = None if error != error else error  # NaN: no estimate was made
            yield (*head, name, value, known, tensor.unit, flag, tensor.form, tensor.relaxation, carriers)


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
    number_or_range = ({"type": "number"}, {"$ref": "#/$defs/Range"})
    for name, field in Settings.model_fields.items():
        inner = [validator for part in get_args(field.annotation) for validator in getattr(part, "__metadata__", ())]
        if lists_of_numbers in (*field.metadata, *inner):
            _widen(schema["properties"][name], *number_or_range)
    _widen(schema["$defs"]["CarriersSection"]["properties"]["values"], *number_or_range)
    _widen(schema["properties"]["carriers"], *number_or_range, {"type": "array", "items": {"type": "number"}, "minItems": 1})
    _widen(schema["properties"]["responses"], {"type": "string"})
    schema["oneOf"] = [{"required": ["mu"]}, {"required": ["carriers"]}]
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
        "state": state(tensor),
        "equation": tensor.equation,
        "channel": tensor.channel,
        "form": tensor.form,
        "relaxation": tensor.relaxation,
        "tau_unit": tensor.tau_unit,
        "axes": tensor.axes[: values.ndim],
        "mu_eV": tensor.mu.tolist(),
        **_carriers(tensor),
        "temperature_K": tensor.temperature.tolist(),
        "omega_eV": tensor.omega.tolist(),
        "tau": list(tensor.tau),
        "values": plain(values),
        "error": plain(errors),
        **({"definition_spread": tensor.definition_spread} if tensor.definitions else {}),
    }


def _carriers(tensor: ResponseTensor) -> dict[str, Any]:
    """Numbers of carriers with their mu (carriers, T), where they were asked for; mu_eV is that at the first temperature."""
    if tensor.carriers is None:
        return {}
    names = ("carriers", "carriers_unit", "carriers_mu", "carriers_mu_error")
    return {name: plain(getattr(tensor, name)) for name in names}


def _flags(form: AllowedTensor | None, names: Sequence[str], wanted: Collection[str]) -> list[int | None]:
    """By component: 1 independent, 0 it follows from others, None not known, LEFT_OUT forbidden or not wanted."""
    if form is None:
        return [None if not wanted or name in wanted else LEFT_OUT for name in names]
    kept = wanted or {*form.independent, *form.relations}
    return [int(name in form.independent) if name in kept else LEFT_OUT for name in names]


def _write_csv(result: ResultSet, path: Path, components: Sequence[str] = ()) -> Path:
    fitting = [(tensor, [name for name in components if has_component(tensor, name)]) for tensor in result.values()]
    if components and not any(names for _, names in fitting):
        checked_name(next(iter(result.values())), components[0])

    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for tensor, names in fitting:
                if names or not components:
                    writer.writerows(rows(tensor, result.facts, names))

    return write_whole(path, write)


def _write_json(result: ResultSet, path: Path) -> Path:
    text = json.dumps(as_json(result), indent=1, allow_nan=False)
    return write_whole(path, lambda temporary: temporary.write_text(text + "\n", encoding="utf-8"))


def _write_netcdf(result: ResultSet, path: Path) -> Path:
    """One group, the variables of `ResultSet.to_xarray`; needs neither xarray nor a netCDF library."""
    tree: Tree = {**result.description(), **result.arrays()}
    return write_tree(path, tree)


WRITERS: dict[str, Callable[[ResultSet, Path], Path]] = {".csv": _write_csv, ".json": _write_json, ".nc": _write_netcdf}
