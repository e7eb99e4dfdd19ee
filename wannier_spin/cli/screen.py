"""`screen`: many materials, one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import OF_SCREEN, given, with_options
from wannier_spin.cli.terminal import say
from wannier_spin.errors import InputError
from wannier_spin.integration import parallel

if TYPE_CHECKING:
    from wannier_spin.screening import Table


@app.command(
    epilog=examples(
        "wannier-spin screen runs/* --settings common.toml -o table.csv --rank-by spin_hall_angle",
        "mpirun -n 64 wannier-spin screen runs/* --settings common.toml --resume --ranks-per-material 16",
    )
)
@with_options(OF_SCREEN)
def screen(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER…", help="Folders with finished Wannier90 runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Table: .csv, .json or .h5.")] = Path("screening.csv"),
    settings: Annotated[Path | None, typer.Option(help="COMMON.toml: settings for all; a folder's input.toml overrides.")] = None,
    overrule: Annotated[
        bool,
        typer.Option("--overrule", help="COMMON.toml overrides input.toml, but for seedname, fermi_energy, [model], [symmetry]."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Reuse finished results whose input is unchanged.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the column of --rank-by (default: the first response): .pdf, .png or .svg.")
    ] = None,
    **options: Any,
) -> None:
    """Many materials, one table. A folder that fails is one line of it; the exit code is 0 nevertheless, and 1 if all fail."""
    from wannier_spin.screening import Screening
    from wannier_spin.screening import screen as screen_folders

    limit = options["time_limit"]
    if limit is not None and not limit > 0:
        raise InputError(f"--time-limit {limit:g}: expected a positive number of seconds")
    comm = parallel.world()
    chief = comm.rank == 0
    parallel.together(comm, lambda: _check(output, figure) if chief else None)
    results = output.with_name(f"{output.stem}_results")
    wanted = Screening(tuple(folders), results, settings, overrule, resume=resume, **given(options, OF_SCREEN))
    table = screen_folders(wanted, comm, lambda line: say(line, error=True))
    parallel.together(comm, lambda: table.save(output) if chief else None)
    if figure is not None:
        parallel.together(comm, lambda: _draw(table, wanted.rank_by, figure) if chief else None)
    say(table.text())
    for line in table.warnings():
        say(f"warning: {line}")
    done, failed = len(table.rows) - table.count("failed"), table.count("failed")
    say(f"{done} materials done ({table.count('reused')} reused), {failed} failed; table {output}, results in {results}")
    if not done:
        raise typer.Exit(1)


def _check(output: Path, figure: Path | None) -> None:
    """Raise InputError now for what cannot be written later."""
    from wannier_spin import plotting
    from wannier_spin.screening import check_table
    from wannier_spin.storage import check_writable

    check_table(output)
    if figure is not None:
        plotting.check_ending(figure)
        check_writable(figure)


def _draw(table: Table, column: str | None, figure: Path) -> None:
    """The ranking as a figure."""
    from wannier_spin import plotting

    responses = [name.removesuffix(".component") for name in table.columns if name.endswith(".component")]
    if not responses:
        say(f"no figure '{figure}': no material has a number to draw", error=True)
        return
    chosen = column or responses[0]
    names, values, errors, unit = table.numbers(chosen)
    plotting.plot_ranking(names, values, errors, chosen, unit, figure)
    print(f"written to {figure}")
