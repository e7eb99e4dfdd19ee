"""`run`: compute what an input file asks for."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.progress import Progress
from wannier_spin.cli.words import print_summary, table
from wannier_spin.errors import AccuracyWarning, InputError, Interrupted
from wannier_spin.integration import parallel

if TYPE_CHECKING:
    from wannier_spin.calculation import Round


@app.command(
    epilog=examples(
        "wannier-spin run Pt.toml --dry-run           # what would be done, and how long it takes",
        "mpirun -n 64 wannier-spin run Pt.toml -o Pt.h5",
        "wannier-spin run Pt.toml --resume            # a run with a tolerance goes on after a stop",
        "",
        "A minimal input, energies in eV (`wannier-spin schema` has all keys):",
        "  seedname     = 'Pt'",
        "  responses    = ['spin_hall']                 # or 'all'; see `wannier-spin responses`",
        "  fermi_energy = 22.4839",
        "  mu           = { from = -2, to = 2, points = 81 }   # from fermi_energy",
        "  temperature  = 300                           # K; by default tau = 10 fs and a mesh of 0.1/angstrom",
        "  [symmetry]",
        "  structure    = 'Pt.win'",
    )
)
def run(
    input_file: Annotated[Path, typer.Argument(metavar="INPUT.toml", help="The input file.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result file; default: INPUT.h5.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of a run that was stopped.")] = False,
    planned: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and how long it would take.")] = False,
) -> None:
    """Compute the responses that an input file asks for. Under MPI the same: mpirun -n N wannier-spin run INPUT.toml."""
    from wannier_spin.calculation import Control, dry_run
    from wannier_spin.calculation import run as run_calculation
    from wannier_spin.config import Settings, read_settings
    from wannier_spin.results import KIND
    from wannier_spin.storage import check_writable

    comm = parallel.world()
    chief = comm.rank == 0

    def prepare() -> tuple[Settings, str, Path, Path | None]:
        settings, text = read_settings(input_file)
        target = output or (input_file.parent / settings.output if settings.output else input_file.with_suffix(".h5"))
        check_writable(target, KIND)
        if planned:
            return settings, text, target, None
        return settings, text, target, _checkpoint(target, settings.tolerance is not None, resume)

    settings, text, target, checkpoint = comm.bcast(parallel.together(comm, lambda: prepare() if chief else None))
    warnings.simplefilter("ignore", AccuracyWarning)  # they come with the result
    if planned:
        try:
            rows = parallel.together(comm, lambda: dry_run(settings, input_file.parent, comm.size) if chief else [])
        except InputError as error:
            raise InputError(f"'{input_file}': {error}") from error
        print(table(("plan", ""), rows))
        return
    progress = Progress(chief)
    control = Control() if checkpoint is None else Control(checkpoint, comm.bcast(checkpoint.exists()), report, _told_to_stop())
    try:
        result = run_calculation(settings, text, input_file.parent, comm, progress, control)
    except InputError as error:
        raise InputError(f"'{input_file}': {error}") from error
    except Interrupted as error:
        assert checkpoint is not None
        if not checkpoint.exists():
            raise Interrupted(f"{error} before the first round was done: nothing is kept, start again") from error
        raise Interrupted(f"{error}; '{checkpoint}' has everything up to the last round: go on with --resume") from error
    finally:
        progress.close()
    parallel.together(comm, lambda: result.save(target) if chief else None)
    if chief:
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
        print_summary(result)
        print(f"written to {target}")


def _checkpoint(target: Path, adaptive: bool, resume: bool) -> Path | None:
    """The checkpoint file of a run; InputError where it and --resume do not fit together."""
    if not adaptive:
        if resume:
            raise InputError("--resume: only runs with a tolerance have checkpoints; a mesh is computed in one go, leave it out")
        return None
    path = target.with_name(f"{target.name.removesuffix('.h5')}.checkpoint.h5")
    if path.exists() and not resume:
        raise InputError(f"'{path}' is the checkpoint of an unfinished run: go on with --resume, or delete it to start again")
    return path


def _told_to_stop() -> Callable[[], bool]:
    """Whether SIGTERM came: batch systems send it when the time is nearly up."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    return lambda: bool(told)


def report(reached: Round) -> None:
    """One line for every round of an adaptive run (the other ranks have no output)."""
    worst = sorted(reached.excess.items(), key=lambda item: -item[1])[:3]
    errors = ", ".join(f"{name} {excess:.2g}" for name, excess in worst)
    start = f"round {reached.number}" + (f" of replica {reached.replica + 1}" if reached.replica else "")
    line = f"{start}: {reached.boxes} boxes, {reached.evaluations} k-points; error / tolerance: {errors}"
    print(line, file=sys.stderr, flush=True)
