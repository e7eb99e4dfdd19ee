"""Bounds of memory and time for what reads damaged files: beyond them a test fails, and the machine goes on."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GIB = 2**30
SECONDS = 10  # of the processor, for one case


class TooMuch(BaseException):
    """Not an Exception: nothing that reads files may take it for a damage of the file."""


@contextmanager
def bounded(memory: int = GIB, seconds: float = SECONDS) -> Iterator[None]:
    """No more than so much further memory (bytes of addresses) and processor time in this block.

    Raises TooMuch for time; what does not fit into memory raises MemoryError where it is asked for.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory, hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    except MemoryError as error:
        raise TooMuch("more memory than allowed") from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)


def _too_long(number: int, frame: object) -> None:
    raise TooMuch("more time than allowed")


def says_memory(error: BaseException) -> bool:
    """Whether this or what it was made from is a lack of memory."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
