"""A stamp behind the end of an HDF5 file, which HDF5 ignores: the digest of all bytes before it.

HDF5 does not survive every damaged file (a zeroed heap of texts sends it round in a loop for ever), so damage has to be known
before it opens one. What other programs rewrite loses its stamp, and has the digests of the groups still; it and files of
earlier versions are looked at for what would end in that loop.
"""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path
from typing import BinaryIO

MARK = b"\nwannier_spin, SHA-256 of the above:\n"
LENGTH = len(MARK) + 64
_PIECE = 2**24
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def stamp(image: bytes) -> bytes:
    """What stands behind these bytes."""
    return MARK + hashlib.sha256(image).hexdigest().encode()


def fault_of_stamp(path: Path) -> str | None:
    """Why a file is not what was written; None if it is, or has no stamp and nothing else behind its end.

    Raises OSError.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        file.seek(max(0, length - LENGTH))
        last = file.read()
        if not last.startswith(MARK):
            end = _end(head)
            if end is not None and length > end:
                return f"it has {length} bytes, expected {end + LENGTH} (truncated?)"
            return _fault_of_heaps(file, length)
        file.seek(0)
        digest, left = hashlib.sha256(), length - LENGTH
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                return "it became shorter while it was read"
            digest.update(piece)
            left -= len(piece)
    return None if last.endswith(digest.hexdigest().encode()) else "its bytes are not what was written (their digest differs)"


def _end(head: bytes) -> int | None:
    """Where HDF5 says that the file ends; None if that is not known."""
    if not head.startswith(_SIGNATURE) or len(head) < 48:
        return None
    place = 40 if head[8] < 2 else 28  # by version of the superblock
    return int.from_bytes(head[place : place + 8], "little")


def _fault_of_heaps(file: BinaryIO, length: int) -> str | None:
    """Why HDF5 would not come to the end of a heap of texts.

    A heap is "GCOL", version (1 byte), 3 bytes, its length (8); then objects: index (2 bytes), 6 bytes, length (8), data up to a
    multiple of 8 bytes. The length of index 0, what is free, counts its own 16 bytes.
    """
    if not length:
        return None
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        heap = data.find(b"GCOL")
        while heap >= 0:
            end = heap + int.from_bytes(data[heap + 8 : heap + 16], "little")
            place = heap + 16
            while place + 16 <= min(end, length):
                size = int.from_bytes(data[place + 8 : place + 16], "little")
                step = size if data[place : place + 2] == bytes(2) else 16 + -(-size // 8) * 8
                if not 16 <= step <= end - place:
                    return f"a heap of texts is damaged at byte {place}"
                place += step
            heap = data.find(b"GCOL", heap + 4)
    return None
