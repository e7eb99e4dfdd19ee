"""The command line: `wannier-spin COMMAND`.

run, rerun, converge, compare, results (show, plot, export), figures (bands, plane, fermi-surface), models (check, symmetry), lists
(responses, schema), screen: one module for each group of commands. Exit codes: 0 done (a warning is still 0), 2 bad input,
1 anything else.
Under MPI rank 0 alone prints.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

from wannier_spin.cli import compare, converge, decompose, figures, files, lists, models, rerun, results, run, screen  # noqa: F401  (they register)
from wannier_spin.cli.app import app
from wannier_spin.cli.lists import responses_table
from wannier_spin.cli.terminal import say
from wannier_spin.errors import InputError, Interrupted
from wannier_spin.integration import parallel

__all__ = ["app", "main", "responses_table"]

ORDER = (  # of the list in the help: that of a day's work
    *("check", "init", "run", "show", "plot", "export"),
    *("screen", "converge", "compare", "rerun"),
    *("responses", "symmetry", "bands", "plane", "fermi_surface", "decompose"),
    *("convert", "schema"),
)
app.registered_commands.sort(key=lambda found: ORDER.index(found.callback.__name__) if found.callback else len(ORDER))


def main() -> None:
    """Entry point: an error that the user can mend becomes one message and exit code 2, on all ranks."""
    warnings.showwarning = _show_warning
    code = 1
    comm: parallel.Communicator = parallel.SERIAL
    try:
        comm = _world()
        if comm.rank > 0:  # failures reach rank 0 through `parallel.together`
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (until the process ends)
        with _interrupts_kept(), parallel.one_blas_thread():  # matrices are small, also where files are read and checked
            app()
    except InputError as error:
        say(f"error: {error}", error=True)
        code = 2
    except parallel.RankError as error:
        say(f"error: {error}", error=True)
    except Interrupted as error:
        say(f"stopped: {error}", error=True)
    except Exception as error:  # not collective: the other ranks do not know
        if isinstance(error, OSError) and error.filename:  # too long a name, a folder that may not be entered
            say(f"error: cannot reach '{str(error.filename)[:200]}': {error.strerror}", error=True)
            code = 2
        else:
            os.write(2, traceback.format_exc().encode())  # in one piece, before anybody aborts
        parallel.abort(comm, code)
    sys.exit(code)


@contextlib.contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Ctrl-C while a library calls back, as numba does where it loads machine code, is printed there and lost: it is made again."""
    hook = sys.unraisablehook

    def again(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):  # a little later: now it would be lost in this function
            threading.Timer(0.05, _thread.interrupt_main).start()
        else:
            hook(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = hook


def _world() -> parallel.Communicator:
    """The communicator; only `run` and `screen` insist on an MPI library where a batch system looks like a parallel job."""
    try:
        return parallel.world()
    except InputError:
        if sys.argv[1:2] in (["run"], ["screen"], ["rerun"], ["converge"]):
            raise
        return parallel.SERIAL


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    say(f"warning: {message}", error=True)
