"""Numbers that no other test can know to be right: those that error bars were measured with, and what users get who say nothing.

A change of the first asks for `workflows/verification/coverage_of_bars.py` again, one of the second for a line in CHANGELOG.md.
"""

import inspect
from dataclasses import is_dataclass
from typing import Any

from pydantic import BaseModel
from shown import shown
from stored import check

import wannier_spin as ws
from wannier_spin import cli, config
from wannier_spin.integrals.bars import fermi_points, hidden
from wannier_spin.integrals.bars import mesh_bars as bars
from wannier_spin.integrals.tolerance import standing
from wannier_spin.integration import adaptive, decay, stars

BOUNDS = ("Ge", "Gt", "Le", "Lt", "MinLen", "MaxLen")  # of keywords


def test_error_bars_were_measured_with_these() -> None:
    """The table of docs/record_of_bars.md is of these numbers."""
    found = {
        f"{module.__name__.rpartition('.')[2]}.{name}": shown(value)
        for module in (adaptive, bars, decay, fermi_points, hidden, standing, stars)
        for name, value in vars(module).items()
        if name.isupper() and name[0] != "_" and isinstance(value, int | float) and f"\n{name} = " in inspect.getsource(module)
    }
    assert len(found) > 30
    check("constants.json", "error bars", found)


def defaults(function: Any) -> dict[str, Any]:
    """By the names of its parameters."""
    told = inspect.signature(function).parameters.values()
    return {one.name: shown(one.default) for one in told if one.default is not one.empty}


def test_python_takes_what_is_not_said() -> None:
    public = {name: getattr(ws, name) for name in ws.__all__}
    functions = {name: one for name, one in public.items() if callable(one) and not isinstance(one, type)}
    records = {name: one for name, one in public.items() if is_dataclass(one)}
    found = {name: given for name, one in (functions | records).items() if (given := defaults(one))}
    assert len(found) > 20
    check("constants.json", "python", found)


def test_commands_take_what_is_not_said() -> None:
    found = {
        command.callback.__name__: given
        for command in cli.app.registered_commands
        if command.callback is not None and (given := defaults(command.callback))
    }
    assert len(found) > 10
    check("constants.json", "commands", found)


def test_input_files_take_what_is_not_said() -> None:
    """With the bounds of each number."""
    found = {
        kind.__name__: {
            name: [
                "required" if one.is_required() else shown(one.get_default(call_default_factory=True)),
                *(str(limit) for limit in one.metadata if type(limit).__name__ in BOUNDS),
            ]
            for name, one in kind.model_fields.items()
        }
        for kind in vars(config).values()
        if inspect.isclass(kind) and issubclass(kind, BaseModel) and kind.model_fields
    }
    assert len(found) > 5
    check("constants.json", "input files", found)
