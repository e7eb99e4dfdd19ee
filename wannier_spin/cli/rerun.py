"""`rerun`: compute a stored result again, and compare."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.progress import Progress
from wannier_spin.cli.terminal import print_table, say
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.integration import parallel
from wannier_spin.integration.shared import from_first


@app.command(
    epilog=examples(
        "wannier-spin rerun Pt.h5",
        "wannier-spin rerun results/Pt.h5 --folder runs/Pt     # where the files of Wannier90 are",
        "mpirun -n 64 wannier-spin rerun Pt.h5 -o Pt.new.h5",
    )
)
def rerun(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result of `run` or `screen`.")],
    folder: Annotated[Path | None, typer.Option(help="Where its input file was; default: the folder of OUT.h5.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Also keep the new result.")] = None,
) -> None:
    """Compute a result again from its own record and compare. Exit code 1 where a number is another."""
    from wannier_spin.calculation.rerun import recorded_settings
    from wannier_spin.calculation.rerun import rerun as compute_again
    from wannier_spin.results import load
    from wannier_spin.storage import check_writable

    comm = parallel.world()
    first = comm.rank == 0
    warnings.simplefilter("ignore", AccuracyWarning)  # they are in both results
    parallel.together(comm, lambda: check_writable(output) if first and output is not None else None)
    stored = from_first(comm, lambda: load(result_file))
    recorded_settings(stored.facts, str(result_file))  # what is wrong with the record is wrong in any folder
    progress = Progress(first)
    try:
        done = compute_again(stored, str(result_file), folder or result_file.parent, comm, progress)
    except InputError as error:
        if folder is not None:
            raise
        raise InputError(
            f"{error}; its input is taken to have been in '{result_file.parent}': --folder says where it was"
        ) from error
    finally:
        progress.close()
    parallel.together(comm, lambda: done.result.save(output) if first and output is not None else None)
    if first:
        rows = [(c.response, f"{c.relative:.1e}", f"{c.in_bars:.1g}", "yes" if c.same else "NO") for c in done.changes]
        print_table(("response", "largest change / largest value", "in error bars", "same"), rows)
        for line in done.differences:
            say(f"not as it was: {line}")
        print("the same numbers" if done.same else "other numbers than those stored")
    raise typer.Exit(0 if done.same else 1)
