"""Other programs: whether they are there, and how one of them is run to its end."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

TAIL = 12  # lines of a failed program's output that are shown


class Failure(Exception):
    """What the user has to know, in one message."""


def require(programs: Mapping[str, str]) -> None:
    """Raise Failure for programs that are not there. programs : with the packages of Debian that have them."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted({programs[program] for program in missing}))
        raise Failure(f"no {', '.join(missing)} on the path; on Debian: apt-get install {packages}")


def launch(command: tuple[str, ...], folder: Path, output: str) -> tuple[int, Path]:
    """Run a program; its exit code, and the file with what it printed: `output`, but for those that write this one themselves."""
    target = folder / ("wannier90.log" if output.endswith(".wout") else output)
    with open(target, "w") as printed:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT)
    return done.returncode, target


def unfinished(title: str, command: tuple[str, ...], folder: Path, name: str, text: str) -> Failure:
    """What to say of a program that did not finish. name, text : of the file whose end tells why."""
    last = "\n".join(text.splitlines()[-TAIL:])
    return Failure(f"{title}: '{shlex.join(command)}' in '{folder}' did not finish; the end of {name}:\n{last}")


def exit_code(work: Callable[[], None]) -> int:
    """0; or 2, with the reason on stderr."""
    try:
        work()
    except (Failure, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
