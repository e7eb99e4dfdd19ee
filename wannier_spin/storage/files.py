"""Files written whole or not at all: through a temporary one in the same folder, renamed at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from wannier_spin.errors import InputError


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Write any file through a temporary one in the same folder, renamed at the end: `write` gets the temporary name.

    Raises InputError if the folder does not exist or cannot be written.
    """
    path = Path(path)
    temporary = temporary_beside(path)
    try:
        write(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # h5py raises RuntimeError when it cannot close a file on a full disk
        raise InputError(f"cannot write '{path}': {error}; is the disk full? Or choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file, whole or not at all. Raises InputError if that is impossible."""
    return write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def temporary_beside(path: Path) -> Path:
    """A new empty file beside `path`; InputError if that is impossible."""
    try:
        if path.is_dir():
            raise InputError(f"output '{path}' is a folder; give the name of a file")
        if not path.parent.is_dir():
            raise InputError(f"output folder '{path.parent}' does not exist; create it or choose another with -o")
        if not os.access(path.parent, os.W_OK):
            raise InputError(f"output folder '{path.parent}' is not writable; choose another with -o")
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:32]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error}; choose another place with -o") from error
    os.close(handle)
    return Path(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
