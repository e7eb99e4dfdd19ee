"""Work in a process of its own, so that what ends it ends nothing else: a crash of a library, the memory, the time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from wannier_spin.errors import InputError, WannierSpinError
from wannier_spin.integration.parallel import RankError

Result = TypeVar("Result")
LONGEST = 1e6  # seconds that can be waited for at once


class Ended(WannierSpinError):
    """The process was ended before it had an answer; the message says by what."""


def isolated(work: Callable[[], Result], folder: Path, seconds: float) -> tuple[Result, tuple[str, ...]]:
    """What `work` returns, computed in a process of its own, and the files below `folder` that Python opened for it.

    Raises InputError if `work` does; Ended after `seconds`, or if the process dies; RankError (with a traceback) for all else.
    """
    start = "fork" if sys.platform == "linux" else "spawn"
    context: Any = multiprocessing.get_context(start)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(work, folder, sender), daemon=True)
    process.start()
    sender.close()  # the end of the process is then the end of the pipe
    try:
        end = time.monotonic() + seconds
        while not receiver.poll(min(max(0.0, end - time.monotonic()), LONGEST)):
            if time.monotonic() < end:
                continue
            raise Ended(f"took longer than the time limit of {seconds:g} s (--time-limit)")
        kind, value, opened = receiver.recv()
    except EOFError:
        process.join()
        raise Ended(_cause(process.exitcode)) from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if kind is not None:
        raise kind(value)
    return value, opened


def _answer(work: Callable[[], object], folder: Path, sender: Connection) -> None:
    """In the new process: a kind of exception or None, the value or the message, the files."""
    opened = _watch(folder)
    kind: type[WannierSpinError] | None
    try:
        value, kind = work(), None
    except InputError as error:
        value, kind = str(error), InputError
    except MemoryError as error:
        value, kind = f"it needs more memory than there is ({error})", InputError
    except Exception:
        value, kind = traceback.format_exc(), RankError
    sender.send((kind, value, tuple(sorted(opened))))
    sender.close()


def _watch(folder: Path) -> set[str]:
    """The files below a folder that are opened for reading from now on, relative to it."""
    opened: set[str] = set()
    above = os.path.join(os.path.realpath(folder), "")

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike) and "r" in (arguments[1] or "r"):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if path.startswith(above) and os.path.isfile(path):
                opened.add(os.path.relpath(path, above))

    sys.addaudithook(hear)
    return opened


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its process ended without an answer (exit code {code})"
    name = signal.Signals(-code).name
    why = {signal.SIGKILL: ", as by the system when memory is short", signal.SIGSEGV: ", a crash inside of a library"}
    return f"its process was ended by {name}{why.get(signal.Signals(-code), '')}"
