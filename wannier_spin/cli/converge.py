"""`converge`: one input on several meshes, or within several tolerances, as a table and a figure."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import LOOK, given, look_of, with_options
from wannier_spin.cli.terminal import print_table, say
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.integration import parallel
from wannier_spin.integration.shared import from_first

if TYPE_CHECKING:
    from wannier_spin.calculation import Inputs
    from wannier_spin.calculation.converge import Convergence, Step


@app.command(
    epilog=examples(
        "wannier-spin converge Pt.toml -o Pt-converge.pdf           # a quarter, half and all of the input's mesh, or tolerance",
        "wannier-spin converge Pt.toml --grid 24 --grid 48 --grid 96",
        "wannier-spin converge Fe.toml --tolerance 0.1 --tolerance 0.03 -c 'xx;z'",
        "mpirun -n 16 wannier-spin converge Pt.toml -o Pt-converge.pdf",
    )
)
@with_options(LOOK)
def converge(
    input_file: Annotated[Path, typer.Argument(metavar="INPUT.toml", help="The input file.")],
    grid: Annotated[
        list[int] | None, typer.Option(help="k-points along the longest axis, the others in proportion; may be repeated.")
    ] = None,
    tolerance: Annotated[list[float] | None, typer.Option(help="Relative; may be repeated.")] = None,
    component: Annotated[
        list[str] | None, typer.Option("-c", "--component", help="Like 'xy;z'; may be repeated. Default: the largest of each.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")] = None,
    **options: Any,
) -> None:
    """Compute an input on finer and finer meshes, or within smaller and smaller tolerances, and compare. At mu nearest to E_F."""
    from wannier_spin.calculation import check_asked, open_inputs
    from wannier_spin.calculation.converge import converge as scan
    from wannier_spin.config import read_settings

    comm = parallel.world()
    first = comm.rank == 0
    warnings.simplefilter("ignore", AccuracyWarning)  # the table says it
    if output is not None:
        from wannier_spin.plotting import check_ending
        from wannier_spin.storage import check_writable

        check_ending(output)
        check_writable(output)
    elif given(options, LOOK):
        raise InputError("--title and the like change a figure: give -o as well")
    look = look_of(options)
    if grid and tolerance:
        raise InputError("--grid and --tolerance: give one of them")
    if input_file.suffix != ".toml":
        raise InputError(f"'{input_file}': expected an INPUT.toml; `wannier-spin init` writes one from the files of a run")
    check_asked(read_settings(input_file)[0])
    inputs: Inputs = from_first(comm, lambda: open_inputs(input_file))
    found = scan(inputs, _steps(inputs, grid or (), tolerance or ()), component or (), comm, _tell if first else _silent)
    if first:
        _report(found)
        if output is not None:
            from wannier_spin.plotting import plot_convergence

            plot_convergence(found, output, look=look)
            print(f"written to {output}")


def _steps(inputs: Inputs, grids: list[int] | tuple[()], tolerances: list[float] | tuple[()]) -> list[Step]:
    from wannier_spin.calculation.converge import grid_steps, tolerance_steps

    by_tolerance = tolerances or (not grids and inputs.settings is not None and inputs.settings.tolerance is not None)
    return tolerance_steps(inputs, tolerances) if by_tolerance else grid_steps(inputs, grids)


def _report(found: tuple[Convergence, ...]) -> None:
    """A table, and a line of words for each component."""
    from wannier_spin.results.numbers import with_bar
    from wannier_spin.results.show import percent

    if not found:
        say("every response of this input is forbidden by symmetry: zero on any mesh")
    for one in found:
        say(f"{one.response} {one.component}, {one.unit}")
        steps = zip(one.labels, one.points, one.values, one.errors, one.changes, strict=True)
        rows = [(label, f"{n}", with_bar(value, error), percent(change)) for label, n, value, error, change in steps]
        rows[-1] = (*rows[-1][:3], "")
        print_table(("step", "k-points", "value(bar)", "from the last"), rows)
        say(_words(one))


def _words(one: Convergence) -> str:
    if not one.converged:
        return "NOT converged within 5 %: go on with a denser grid, a smaller tolerance, or a higher temperature\n"
    if not one.honest:
        return "converged within 5 %, but a bar does not reach the last value: trust the change, not the bar\n"
    return "converged within 5 %\n"


def _tell(line: str) -> None:
    say(f"computing {line} ...", error=True)


def _silent(line: str) -> None:
    pass
