"""`run`: compute what an input file asks for."""

from __future__ import annotations

import signal
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.progress import Progress
from wannier_spin.cli.terminal import print_table, say
from wannier_spin.cli.words import print_summary
from wannier_spin.errors import AccuracyWarning, InputError, Interrupted
from wannier_spin.integration import parallel
from wannier_spin.integration.shared import from_first

if TYPE_CHECKING:
    from wannier_spin.calculation import Round
    from wannier_spin.config import Settings
    from wannier_spin.results import ResultSet


@app.command(
    epilog=examples(
        "wannier-spin run Pt.toml --dry-run           # what would be done, and how long it takes",
        "mpirun -n 64 wannier-spin run Pt.toml -o Pt.h5",
        "wannier-spin run Pt.toml --resume            # a run with a tolerance goes on after a stop",
        "",
        "A minimal input, energies in eV (`wannier-spin schema` has all keys):",
        "  seedname     = 'Pt'",
        "  responses    = ['spin_hall']     # or 'all'; see `wannier-spin responses`",
        "  fermi_energy = 22.4839",
        "  mu           = { from = -2, to = 2, points = 81 }  # from fermi_energy",
        "  temperature  = 300       # K; else tau = 10 fs, a mesh of 0.1/angstrom",
        "  [symmetry]",
        "  structure    = 'Pt.win'",
    )
)
def run(
    input_file: Annotated[Path, typer.Argument(metavar="INPUT.toml", help="The input file.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result file; default: INPUT.h5.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of a stopped run; leave a finished one.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a result of another input; without it that one is kept as OUT.1.h5, ...")
    ] = False,
    planned: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and how long it would take.")] = False,
) -> None:
    """Compute the responses that an input file asks for. Under MPI the same: mpirun -n N wannier-spin run INPUT.toml."""
    from wannier_spin.locks import locked

    comm = parallel.world()
    warnings.simplefilter("ignore", AccuracyWarning)  # they come with the result
    first = comm.rank == 0
    job: Job = from_first(comm, lambda: _job(input_file, output, resume or planned))
    if planned:
        with _naming(input_file):
            _plan(job, comm)
        return
    with ExitStack() as held:
        parallel.together(comm, lambda: held.enter_context(locked(job.target)) if first else None)
        if resume and not overwrite and from_first(comm, lambda: _finished(job)):
            return
        resumed = resume and job.checkpoint.exists()
        if first and resume and not resumed:
            reason = "" if job.settings.adaptive else ": a mesh is computed in one go"
            _tell(f"no checkpoint '{job.checkpoint}'{reason}; starting anew")
        with _naming(input_file):
            result = _computed(job, comm)
        parallel.together(comm, lambda: _save(result, job, overwrite, resumed) if first else None)
    if first:
        print_summary(result)
        print(f"written to {job.target}")
        if job.checkpoint.exists():
            say(f"not converged: '{job.checkpoint}' is kept, larger limits with --resume go on from it")


@dataclass(frozen=True)
class Job:
    """What is to be done: settings and their text, the folder they count from, where the result and the checkpoint go."""

    settings: Settings
    text: str
    folder: Path
    target: Path

    @property
    def checkpoint(self) -> Path:
        return self.target.with_name(f"{self.target.name.removesuffix('.h5')}.checkpoint.h5")


def _job(input_file: Path, output: Path | None, beside_checkpoint: bool) -> Job:
    """Read the input. Raises InputError for what is wrong with it, or with the place of the result."""
    from wannier_spin.config import read_settings
    from wannier_spin.results import KIND
    from wannier_spin.storage import check_writable

    settings, text = read_settings(input_file)
    target = output or (input_file.parent / settings.output if settings.output else input_file.with_suffix(".h5"))
    check_writable(target, KIND)
    if target.suffix != ".h5":
        raise InputError(f"'{target}': a result file ends with .h5; `wannier-spin export` makes tables of it")
    job = Job(settings, text, input_file.parent, target)
    if job.settings.adaptive and job.checkpoint.exists() and not beside_checkpoint:
        raise InputError(
            f"'{job.checkpoint}' is the checkpoint of an unfinished run: go on with --resume, or delete it to start again"
        )
    return job


def _finished(job: Job) -> bool:
    """Whether the result is there, of this input and these files: then it is shown. What has changed is told."""
    from wannier_spin.calculation.files import outdated
    from wannier_spin.results import load

    if job.checkpoint.exists() or not job.target.exists():
        return False
    try:
        done = load(job.target)
    except InputError:  # damaged
        return False
    if changed := outdated(done, job.target, job.settings, job.folder):
        _tell(f"'{job.target}' is finished, but not of this input: {', '.join(changed)} changed")
        return False
    if any(tensor.converged is False for tensor in done.values()):
        return False
    print_summary(done)
    print(f"finished before: '{job.target}' is left as it is; --overwrite computes it again")
    return True


def _plan(job: Job, comm: parallel.Communicator) -> None:
    from wannier_spin.calculation import dry_run

    rows = parallel.together(comm, lambda: dry_run(job.settings, job.folder, comm.size) if comm.rank == 0 else [])
    print_table(("plan", ""), rows)


def _computed(job: Job, comm: parallel.Communicator) -> ResultSet:
    """The result, from the checkpoint where there is one. Raises Interrupted, saying what is kept."""
    from wannier_spin.calculation import Control
    from wannier_spin.calculation import run as run_calculation

    progress, control = Progress(comm.rank == 0), Control()
    if job.settings.adaptive:
        control = Control(job.checkpoint, comm.bcast(job.checkpoint.exists()), report, _told_to_stop())
    if comm.rank == 0 and sys.stderr.isatty():
        say(f"reading what '{job.target.stem}' is computed from ...", error=True)
    try:
        return run_calculation(job.settings, job.text, job.folder, comm, progress, control, _tell)
    except Interrupted as error:
        raise Interrupted(f"{error}{_what_is_kept(job)}") from error
    except KeyboardInterrupt:
        _tell(f"stopped: told to stop{_what_is_kept(job)}")
        raise
    finally:
        progress.close()


def _what_is_kept(job: Job) -> str:
    if not job.settings.adaptive:
        return ": a mesh is computed in one go, nothing is kept"
    if not job.checkpoint.exists():
        return " before the first round was done: nothing is kept, start again"
    return f"; '{job.checkpoint}' has everything up to the last round: go on with --resume"


def _save(result: ResultSet, job: Job, overwrite: bool, resumed: bool) -> None:
    """Write the result; then the checkpoint has served, unless the limits ended the run before it converged."""
    if not overwrite:
        _keep(job, resumed)
    result.save(job.target)
    if all(tensor.converged is not False for tensor in result.values()):
        job.checkpoint.unlink(missing_ok=True)


def _keep(job: Job, resumed: bool) -> None:
    """A result of another input at the same place gets another name."""
    from wannier_spin.results import load

    if not job.target.exists():
        return
    try:
        if _of_this_run(load(job.target).facts.input, job, resumed):
            return
    except InputError:  # damaged: nobody misses it, but nobody said so
        pass
    stem = job.target.name.removesuffix(".h5")
    kept = next(path for n in count(1) if not (path := job.target.with_name(f"{stem}.{n}.h5")).exists())
    job.target.rename(kept)
    _tell(f"the result of another input that was there is now '{kept}'")


def _of_this_run(text: str | None, job: Job, resumed: bool) -> bool:
    """Whether an input is that of this run; of one that was gone on with, the tolerance may have been another."""
    from wannier_spin.config import settings_from

    if not resumed:
        return text == job.text
    former = settings_from(tomllib.loads(text or ""), str(job.target))
    return former.model_copy(update={"tolerance": None}) == job.settings.model_copy(update={"tolerance": None})


@contextmanager
def _naming(input_file: Path) -> Iterator[None]:
    """What is wrong is wrong with the input file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"'{input_file}': {error}") from error


def _tell(line: str) -> None:
    say(line, error=True)


def _told_to_stop() -> Callable[[], bool]:
    """Whether SIGTERM came: batch systems send it when the time is nearly up."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    return lambda: bool(told)


def report(reached: Round) -> None:
    """One line for every round of an adaptive run (the other ranks have no output)."""
    worst = sorted(reached.excess.items(), key=lambda item: -item[1])[:3]
    errors = ", ".join(f"{name} {excess:.2g}" for name, excess in worst)
    if reached.mesh:
        what = f"mesh {'x'.join(map(str, reached.mesh))}"
    else:
        of_replica = f" of replica {reached.replica + 1}" if reached.replica else ""
        what = f"round {reached.number}{of_replica}: {reached.boxes} boxes"
    line = f"{what}, {reached.evaluations} k-points; error / tolerance: {errors}"
    say(line, error=True)
