"""Exceptions and warnings that a caller can tell apart."""

import difflib
from collections.abc import Iterable


class WannierSpinError(Exception):
    """Base class of every error raised on purpose by this package."""


class InputError(WannierSpinError, ValueError):
    """Something that the caller can mend: a file, a key, a value, an impossible request.

    The message says what was found, what was expected, and what to do.
    """


class WannierSpinWarning(UserWarning):
    """Base class of the package's warnings."""


class AccuracyWarning(WannierSpinWarning):
    """The result is usable but less accurate, or less meaningful, than it looks."""


class Interrupted(WannierSpinError):
    """The job was told to stop; what was done until its last checkpoint is kept."""


def did_you_mean(given: object, valid: Iterable[str], listed: str = "All:") -> str:
    """What to say of a word that is none of some: the nearest of these, if one is near, and all of them."""
    known = tuple(valid)
    near = difflib.get_close_matches(str(given), known, n=1, cutoff=0.5)
    guess = f"did you mean '{near[0]}'? " if near else ""
    return f"{guess}{listed} {', '.join(known)}"
