"""Commands about results: `show`, `plot`, `export`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import CHOICE, LOOK, given, look_of, of_responses, with_options
from wannier_spin.cli.terminal import say
from wannier_spin.cli.words import print_component, print_summary
from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from wannier_spin.results import ResponseTensor, ResultSet


@app.command(
    epilog=examples(
        "wannier-spin show Pt.h5",
        "wannier-spin show Pt.h5 -r spin_hall -c 'xy;z'   # flow x, field y, spin z",
        "wannier-spin show Fe.h5 --tau 50",
        "wannier-spin show Fe.h5 --form paper          # the printed combination of blocks",
        "wannier-spin show Fe.h5 --relaxation gao --json",
    )
)
@with_options(CHOICE)
def show(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result file.")],
    component: Annotated[str | None, typer.Option("-c", "--component", help="One component over the scan, like 'xy;z'.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    **options: Any,
) -> None:
    """Print a result: its largest components, or one over the scan."""
    from wannier_spin.formats.export import as_json as in_json

    result = _chosen(result_file, options)
    if component:
        tensors = _fitting(result, lambda t: t if t.component(component) else t)
        result = replace(result, tensors=tensors)
    if as_json:
        print(json.dumps(in_json(result, component), indent=1))
    elif component:
        for tensor in result.values():
            print_component(tensor, component)
    else:
        print_summary(result)


def _chosen(result_file: Path, options: Mapping[str, Any]) -> ResultSet:
    """What a result file has of what options of CHOICE ask for: tau, form and definition where they fit."""
    from wannier_spin.results import load

    result = of_responses(load(result_file), result_file, options["response"])
    other = {name: options[name] for name in ("tau", "form", "relaxation")}
    result = replace(result, tensors=_fitting(result, lambda t: t.at(**other)))
    if options["spin_current"] is not None:
        result = result.definition(options["spin_current"])
    site, staggered = options["site"], options["staggered"]
    if site and staggered:
        raise InputError("--site and --staggered: give one of them")
    if site:
        result = result.site(site)
    elif staggered:
        result = result.staggered(*staggered)
    return result.quoted(*options["unit"]) if options["unit"] else result


def _fitting(
    tensors: Mapping[str, ResponseTensor], change: Callable[[ResponseTensor], ResponseTensor]
) -> dict[str, ResponseTensor]:
    """Those that the change fits; its refusal where it fits none."""
    found, refusal = {}, None
    for name, tensor in tensors.items():
        try:
            found[name] = change(tensor)
        except InputError as error:
            refusal = error
    if not found and refusal is not None:
        raise refusal
    return found


@app.command(
    epilog=examples(
        "wannier-spin plot Pt.h5 -c 'xy;z' -o Pt.pdf",
        "wannier-spin plot Fe.h5 -r magnetic_spin_hall --against temperature --at mu=17.6",
        "wannier-spin plot Fe.h5 --lines temperature -o Fe.svg",
        "wannier-spin plot Pt.h5 -r spin_hall --unit S/cm --reference postw90.dat --xlim -2 2 --title Pt -o Pt.pdf",
        "wannier-spin plot Fe.h5 --sheet -o Fe.pdf",
    )
)
@with_options(CHOICE, LOOK)
def plot(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result file.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg; default: OUT.pdf.")] = None,
    component: Annotated[list[str] | None, typer.Option("-c", "--component", help="Only these components, like 'xy;z'.")] = None,
    against: Annotated[str | None, typer.Option(help="Horizontal axis: mu, temperature, omega or tau.")] = None,
    lines: Annotated[str | None, typer.Option(help="One curve for each value of this axis.")] = None,
    at: Annotated[
        list[str] | None, typer.Option(help="Where another axis stands, like 'temperature=300'; the nearest value.")
    ] = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="One page: all responses and how they were computed.")] = False,
    **options: Any,
) -> None:
    """Draw responses against mu, T, omega or tau, with error bands. Or, with --sheet, one page about everything."""
    from wannier_spin import plotting

    target = output or result_file.with_suffix(".pdf")
    plotting.check_ending(target)
    if sheet and (options["response"] or component or against or lines or at or given(options, LOOK)):
        raise InputError("--sheet shows everything: leave out -r, -c, --against, --lines, --at, and what changes one figure")
    result = _chosen(result_file, options)
    if sheet:
        plotting.summary_sheet(result, target, title=result_file.name)
    else:
        names = () if options["response"] is None else tuple(result)
        axes: Any = {"against": against, "lines": lines, "at": _places(at), "look": look_of(options)}
        plotting.plot(result, target, responses=names, components=component or (), **axes)
    print(f"written to {target}")


def _places(texts: Sequence[str] | None) -> dict[str, float]:
    """['temperature=300'] -> {"temperature": 300.0}."""
    places = {}
    for text in texts or []:
        axis, _, value = text.partition("=")
        try:
            places[axis.strip()] = float(value)
        except ValueError:
            raise InputError(f"--at '{text}': expected an axis and a number, like 'temperature=300'") from None
    return places


@app.command(
    epilog=examples(
        "wannier-spin export Pt.h5 -o Pt.csv",
        "wannier-spin export Fe.h5 -r spin_hall -c 'xy;z' -o Fe.csv",
        "wannier-spin export Fe.h5 -r magnetic_spin_hall --form paper -o Fe.nc",
    )
)
@with_options(CHOICE)
def export(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="OUT.csv, OUT.json or OUT.nc (netCDF-4).")],
    component: Annotated[list[str] | None, typer.Option("-c", "--component", help="CSV: only these, like 'xy;z'.")] = None,
    **options: Any,
) -> None:
    """Write a result as CSV (one number a row; what symmetry allows), JSON or netCDF."""
    from wannier_spin.formats.export import check_ending
    from wannier_spin.formats.export import export as write
    from wannier_spin.results.show import not_finite

    check_ending(output)
    result = _chosen(result_file, options)
    written = write(result, output, component or ())
    for name, tensor in result.items():
        if not_finite(tensor):
            say(f"warning: {name}: {not_finite(tensor)}")
    print(f"written to {written}")
