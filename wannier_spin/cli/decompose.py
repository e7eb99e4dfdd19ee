"""`decompose`: what a response is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.figures import asked_of, check_before_reading, fermi_energy_of, keywords_of
from wannier_spin.cli.options import COMPONENT, IN_PARTS, MODEL, OF_RESPONSE, SEEDNAME, opened, with_options
from wannier_spin.cli.progress import Progress
from wannier_spin.cli.terminal import print_table, say
from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from wannier_spin.analysis.decompose import Decomposition


@app.command(
    epilog=examples(
        "wannier-spin decompose Pt.toml -r spin_hall --grid 24 24 24",
        "wannier-spin decompose Fe.toml -r magnetic_spin_hall -c 'xx;z' --block L1surf --by energy --edge 16.6 --edge 17.6",
    )
)
@with_options(MODEL, OF_RESPONSE, IN_PARTS)
def decompose(
    seedname: Annotated[Path, SEEDNAME],
    response: Annotated[str, typer.Option("-r", "--response", "-q", "--quantity", help="A response.")],
    component: COMPONENT = "xy;z",
    by: Annotated[str, typer.Option(help="band, band_pair, energy or energy_pair.")] = "band",
    edge: Annotated[list[float] | None, typer.Option(help="eV; windows of energy are between these; may be repeated.")] = None,
    grid: Annotated[tuple[int, int, int] | None, typer.Option(help="k-points; default: about 0.1 / angstrom apart.")] = None,
    fermi_energy: Annotated[float | None, typer.Option(help="eV, the mu; default: that of INPUT.toml.")] = None,
    **options: Any,
) -> None:
    """Print what bands, pairs of bands, or windows of energy bring to one component of a response, on a uniform mesh."""
    from wannier_spin.analysis.decompose import check_windows
    from wannier_spin.analysis.decompose import decompose as make
    from wannier_spin.calculation import default_grid
    from wannier_spin.responses import get

    asked = asked_of(options, response)
    get(response)  # a geometric quantity is none
    check_before_reading(seedname, response, (component,), asked)
    check_windows(by, edge or ())
    inputs = opened(seedname, options)
    mu = fermi_energy_of(inputs, fermi_energy, seedname)
    if mu is None:
        raise InputError(f"'{seedname}' tells no Fermi energy: give --fermi-energy, the mu in eV")
    keywords: Any = {**keywords_of(inputs, mu, asked), "grid": grid or default_grid(inputs.crystal, 0.1)}
    progress = Progress(True)
    try:
        found = make(inputs.model, response, component, by=by, edges=edge or (), progress=progress, **keywords)  # type: ignore[arg-type]
    finally:
        progress.close()
    say(f"{found.model}: {found.response} {found.component}, {found.unit}, mu = {found.mu:.4f} eV, {found.setting}")
    print_table((by.partition("_")[0], "value", "error", "share"), _rows(found))


ROWS = 20  # at most, the largest contributions


def _rows(found: Decomposition) -> list[tuple[str, ...]]:
    """The largest contributions, what the others add up to, and the total."""
    values, errors = found.values.ravel(), found.error.ravel()
    names = [", ".join(found.labels[i] for i in index) for index in np.ndindex(found.values.shape)]
    order = [int(i) for i in np.argsort(-np.abs(values)) if values[i]]
    scale = found.total or 1.0

    def row(name: str, value: float, error: str) -> tuple[str, ...]:
        return name, f"{value: .4e}", error, f"{100 * value / scale: .1f} %"

    rows = [row(names[i], float(values[i]), f"{errors[i]:.1e}") for i in order[:ROWS]]
    if order[ROWS:]:
        rows.append(row(f"{len(order) - ROWS} others", float(values[order[ROWS:]].sum()), ""))
    return [*rows, row("all", found.total, "")]
