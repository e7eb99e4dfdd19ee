"""One writer for one result: a second run that would write the same file is refused while the first one lives.

The lock is the operating system's (it ends with its process, however that ends) on a small file in the user's cache folder, which
the nodes of a cluster usually share; nothing is left beside the results. Where there is no such folder, or no locks, there is
no protection, and no error.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wannier_spin.errors import InputError


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold the lock of a file that will be written. Raises InputError where another process holds it."""
    try:
        handle, place = _open(Path(path))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            place.unlink()
        os.close(handle)


def _open(path: Path) -> tuple[int, Path]:
    """The locked file. Raises OSError where locks are impossible, InputError where the file is locked."""
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError("no locks") from error
    place = _place(path)
    while True:
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(handle, 200).decode(errors="replace")
            os.close(handle)
            raise InputError(f"'{path}' is being written by another run ({owner}): wait for it, or choose another place") from None
        except OSError:
            os.close(handle)
            raise
        with suppress(FileNotFoundError):
            if os.stat(place).st_ino == os.fstat(handle).st_ino:
                break
        os.close(handle)  # its last owner has just removed it
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode())
    return handle, place


def _place(path: Path) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wannier_spin" / "locks"
    cache.mkdir(parents=True, exist_ok=True)
    return cache / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]}.lock"
