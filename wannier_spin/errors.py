"""Exceptions and warnings that a caller can tell apart."""


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
