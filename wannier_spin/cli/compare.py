"""`compare`: two results beside one another, in error bars and as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import LOOK, given, look_of, of_responses, with_options
from wannier_spin.cli.terminal import print_table, say
from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from wannier_spin.results import ResultSet
    from wannier_spin.results.compare import Comparison


@app.command(
    epilog=examples(
        "wannier-spin compare Pt-24.h5 Pt-48.h5                    # two meshes",
        "wannier-spin compare Fe.h5 Fe-new.h5 -c 'xx;z' -o both.pdf",
    )
)
@with_options(LOOK)
def compare(
    first: Annotated[Path, typer.Argument(metavar="A.h5", help="A result.")],
    second: Annotated[Path, typer.Argument(metavar="B.h5", help="Another one.")],
    response: Annotated[
        list[str] | None, typer.Option("-r", "--response", help="Only these; may be repeated. Default: all.")
    ] = None,
    component: Annotated[
        list[str] | None,
        typer.Option("-c", "--component", help="Of the figure, like 'xy;z'; default: the largest of each response."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")] = None,
    **options: Any,
) -> None:
    """Compare two results where their mu, temperatures and frequencies are the same: how far apart, in error bars of both."""
    from wannier_spin.results import load
    from wannier_spin.results.compare import compared

    if output is not None:
        from wannier_spin.plotting import check_ending

        check_ending(output)
    elif component or given(options, LOOK):
        raise InputError("-c, --title and the like change what is drawn: give -o as well")
    look = look_of(options)
    one, other = load(first), load(second)
    found, notes = compared(*(of_responses(result, path, response) for result, path in ((one, first), (other, second))))
    rows = [_row(c) for c in found]
    print_table(("response", "where they differ most", first.name, second.name, "apart", "in bars", ""), rows)
    for note in notes:
        say(note)
    if output is not None:
        from wannier_spin.plotting import plot_comparison

        names, energy = (first.name, second.name), _common_fermi_energy(one, other)
        plot_comparison(found, names, component or (), output, energy, look)
        print(f"written to {output}")


def _common_fermi_energy(one: ResultSet, other: ResultSet) -> float | None:
    """eV; None where the two do not say the same one."""
    energies = (one.facts.fermi_energy, other.facts.fermi_energy)
    return energies[0] if energies[0] == energies[1] else None


def _row(c: Comparison) -> tuple[str, ...]:
    one, other = c.entries
    where = f"{one.name}, mu = {c.mu:.4f} eV, T = {c.temperature:g} K"
    bars = "" if c.in_bars != c.in_bars else f"{c.in_bars:.2g}"
    return c.response, where, one.text, other.text, f"{100 * c.relative:.2g} % of the largest", bars, c.words
