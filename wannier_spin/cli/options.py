"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from wannier_spin.cli.terminal import busy
from wannier_spin.errors import InputError
from wannier_spin.request import Request

if TYPE_CHECKING:
    from wannier_spin.calculation import Inputs
    from wannier_spin.plotting import Look
    from wannier_spin.results import ResultSet

Function = TypeVar("Function", bound=Callable[..., Any])
QUANTITIES = (
    "spin_berry_curvature, spin_metric, zeeman_berry_curvature, zeeman_metric, spin, velocity, another moment, or a response"
)
QUANTITY = Annotated[str, typer.Option("-q", "--quantity", help=f"{QUANTITIES}.")]
COMPONENT = Annotated[str, typer.Option("-c", "--component", help="Like 'xy;z' (flow, field; spin).")]
SEEDNAME = typer.Argument(help="Wannier90 seedname (path without ending), a folder with one, a saved model .h5, or an INPUT.toml.")


def _optional(kind: Any, text: str) -> Any:
    return Annotated[kind | None, typer.Option(help=text)]


MODEL: dict[str, Any] = {  # keys of [model] of an input file
    "spin": _optional(str, "files, interleaved, blocks or auto (pure spinors, order found); default: the .spn file."),
    "ws_distance_tolerance": _optional(float, "angstrom; replicas whose distances differ by less are tied."),
    "ws_distance": _optional(str, "auto, file or none: replicas of _tb.dat and _hr.dat; none: the plain sum."),
    "vacuum": _optional(str, "a, b or c: the lattice vector across a layer."),
    "thickness": _optional(float, "angstrom, of a layer."),
}
OF_RESPONSE: dict[str, Any] = {
    f.name: _optional(f.metadata["kind"], f"Of a response. {f.metadata['help']}") for f in fields(Request) if "help" in f.metadata
}
IN_PARTS: dict[str, Any] = {
    "part": _optional(str, "Of a response to an alternating field: cos, sin, linear or circular."),
    "block": _optional(str, "Of a response: one building block in place of a form, like L1surf."),
}
OF_PLANE: dict[str, Any] = {
    "band": _optional(int, "The number of one band, from 1, in place of the sum."),
    "mark": _optional(str, "Points of the plane to be named: 'G 0 0 0; X 1/2 0 0'."),
    "scale": _optional(str, "Of the colours: auto (default), linear or symlog."),
    "arrows": Annotated[bool, typer.Option("--arrows", help="Also the spin of --band in the plane, as arrows.")],
}
OF_SCREEN: dict[str, Any] = {  # fields of a screening's request
    "rank_by": _optional(str, "Sort by a column of the table, for instance spin_hall_angle."),
    "ranks_per_material": _optional(int, "MPI: work on several materials at once; default: one."),
    "time_limit": Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Of each material: one that takes longer is a failed line.")
    ],
    "database": Annotated[Path | None, typer.Option("--ase-db", help="Also fill an ase database: .db or .json.")],
}
CHOICE: dict[str, Any] = {  # of what a result has
    "response": Annotated[
        list[str] | None, typer.Option("-r", "--response", help="Only these responses; may be repeated. Default: all.")
    ],
    "tau": _optional(float, "Another tau: fs for SI units, hbar/eV for natural ones; default: as computed."),
    "form": _optional(str, "full or paper, from the stored blocks; default: as computed."),
    "relaxation": _optional(
        str, "Of the full form at second order: adiabatic, constant, intraband, gao or static; default: as computed."
    ),
    "site": _optional(str, "Spin responses at one site, as the input names it."),
    "staggered": Annotated[tuple[str, str] | None, typer.Option(help="Spin responses at one site minus another.")],
    "spin_current": _optional(str, "Another definition of the spin current, if it is there."),
    "unit": Annotated[
        list[str] | None,
        typer.Option(help="Where it fits: 'S/cm', 'mu_B/cell', 'mu_B/atom', 'mu_B nm/V' (per cell), 'uA/V^2'; may be repeated."),
    ],
}
LOOK: dict[str, Any] = {  # of a figure
    "title": _optional(str, "In place of the name of what is drawn."),
    "size": Annotated[tuple[float, float] | None, typer.Option(help="Of the figure: width and height, inches.")],
    "xlim": Annotated[tuple[float, float] | None, typer.Option(help="Lowest and highest number at the horizontal axis.")],
    "ylim": Annotated[tuple[float, float] | None, typer.Option(help="The same at the vertical axis, without its power of ten.")],
    "reference": Annotated[
        list[Path] | None,
        typer.Option(help="Data of others, drawn as points: a file with columns x, y and maybe error, in the units at the axes."),
    ],
}
FRAME = {name: LOOK[name] for name in ("title", "size")}  # of a figure without axes
SURFACE = {name: option for name, option in OF_RESPONSE.items() if name not in ("temperature", "omega", "broadening")}


def with_options(*groups: Mapping[str, Any]) -> Callable[[Function], Function]:
    """A decorator: the options of these groups, None where they are not given, take the place of **options of a command."""

    def signed(function: Function) -> Function:
        signature = inspect.signature(function, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        kind = inspect.Parameter.KEYWORD_ONLY
        more = [inspect.Parameter(name, kind, default=None, annotation=hint) for group in groups for name, hint in group.items()]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        return function

    return signed


def given(options: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a group that were given."""
    return {name: options[name] for name in group if options.get(name) is not None}


def of_responses(result: ResultSet, path: Path, names: list[str] | None) -> ResultSet:
    """Some responses of a result, None: all. Raises InputError for one that the file does not have."""
    unknown = [name for name in names or [] if name not in result]
    if unknown:
        raise InputError(f"'{path}' has no response '{unknown[0]}'; it has {', '.join(result)}")
    return replace(result, tensors={name: result[name] for name in names or result})


def look_of(options: Mapping[str, Any]) -> Look:
    """What options of LOOK or FRAME choose. Raises InputError for files of reference data that are none."""
    from wannier_spin.plotting import Look, read_reference

    references = tuple(read_reference(path) for path in options.get("reference") or ())
    return Look(options["title"], options["size"], options.get("xlim"), options.get("ylim"), references)


def opened(path: Path | Mapping[str, Path], options: Mapping[str, Any], **more: Any) -> Inputs:
    """What a path, or those of both spins, stand for. options : also MODEL and the definition of the spin current; more : keywords
    of `open_inputs`.
    """
    from wannier_spin.calculation import open_inputs

    spin = options.get("spin")
    if spin not in (None, "files", "interleaved", "blocks", "auto"):
        raise InputError(f"--spin {spin}: expected files, interleaved, blocks or auto")
    named = given(options, MODEL) | given(options, {"spin_current": None}) | given(more, more)
    with busy(f"reading {path if isinstance(path, Path) else ' and '.join(map(str, path.values()))} ..."):
        return open_inputs(path, **named)
