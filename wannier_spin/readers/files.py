"""Opening, counting and hashing input files, with messages that help.

Nothing here knows what a file means. Every function that fails raises `InputError` naming the file, what was
found, what was expected and what to do.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

LARGEST = 1e9  # no count and no index in these files is larger
LISTED = 12  # names in a message
CHANNELS = (("up", "dn"), ("up", "down"), ("up", "dw"), (".1", ".2"))  # how seeds of collinear runs end; the last of VASP
HEADER = 1 << 20  # bytes: no first record of these files is longer
CHUNK = 1 << 24  # bytes read at once: a wrong length in a file must not become memory


def find_file(seed: Path, *suffixes: str) -> Path | None:
    """First of `seed + suffix`, plain or with `.gz`, that exists; None if there is none."""
    for suffix in suffixes:
        for ending in (suffix, suffix + ".gz"):
            path = seed.with_name(seed.name + ending)
            if path.is_file():
                return path
    return None


def seed_of(path: Path) -> Path:
    """What the names of the files of a run begin with, also of the model that was saved from it: X of X.model.h5."""
    return path.parent / path.name.removesuffix(".h5").removesuffix(".model")


def require_file(seed: Path, *suffixes: str, advice: str) -> Path:
    """Like `find_file`, but a missing file is an InputError that lists what the folder has instead."""
    path = find_file(seed, *suffixes)
    if path is None:
        wanted = " or ".join(f"'{seed.name}{suffix}'" for suffix in suffixes)
        raise InputError(f"{wanted} (or .gz) not found in '{in_full(seed.parent)}'; {similar_files(seed)}; {advice}")
    return path


def in_full(folder: Path) -> str:
    """The path of a folder from the root: '.' tells nobody where was looked."""
    return os.path.abspath(folder)


def similar_files(seed: Path) -> str:
    """A phrase that says what is there: files of this seed, else other seeds, else that the folder is missing."""
    if not seed.parent.is_dir():
        return f"the folder '{in_full(seed.parent)}' does not exist"
    names = _names_in(seed.parent)
    same = [name for name in names if name.startswith((f"{seed.name}.", f"{seed.name}_"))]
    if same:
        return f"of this seed the folder has {_listed(same)}"
    seeds = seeds_in(seed.parent)
    if seeds:
        return f"no file belongs to seed '{seed.name}'; the folder has seeds {_listed(seeds)}"
    return f"the folder holds no Wannier90 output but {_listed(names)}" if names else "the folder is empty"


def files_in(folder: Path) -> str:
    """A phrase that says what a folder has, where a file was expected."""
    return f"'{folder}' is a folder, with {_listed(_names_in(folder)) or 'nothing in it'}"


def _names_in(folder: Path) -> list[str]:
    """Files, and folders with a slash behind them, sorted; no hidden ones."""
    return sorted(f"{p.name}/" if p.is_dir() else p.name for p in folder.iterdir() if not p.name.startswith("."))


def seeds_in(folder: Path) -> list[str]:
    """Names X for which the folder has X.chk, X.chk.fmt, X_tb.dat or X_hr.dat (or .gz of them), sorted."""
    endings = (".chk", ".chk.fmt", "_tb.dat", "_hr.dat")
    names = [p.name.removesuffix(".gz") for p in folder.iterdir() if p.is_file()]
    return sorted({name[: -len(end)] for name in names for end in endings if name.endswith(end)} - {""})


def channels_advice(folder: Path, seed: str = "") -> str:
    """What to do with two seeds of a folder that are named like spin up and down, of which `seed` is one; else nothing."""
    pair = channels_in(folder, seed)
    if pair is None:
        return ""
    one, other = pair
    write = f"seedname = {{ up = '{one}', down = '{other}' }} in an input file, as `wannier-spin init {one} {other}` does"
    return f"; '{one}' and '{other}' look like the spin channels of collinear runs: then write {write}"


def channels_in(folder: Path, seed: str = "") -> tuple[str, str] | None:
    """Two seeds of a folder that are named like spin up and down, of which `seed` is one; None where there are none."""
    seeds = seeds_in(folder)
    for one in seeds:
        for up, down in CHANNELS:
            other = one[: -len(up)] + down
            if one.endswith(up) and other in seeds and seed in ("", one, other):
                return one, other
    return None


def channels_alone(folder: Path) -> tuple[Path, Path] | None:
    """The same with the folder, where it has no other seeds; None for what is no folder."""
    pair = channels_in(folder) if folder.is_dir() else None
    return (folder / pair[0], folder / pair[1]) if pair and len(seeds_in(folder)) == len(pair) else None


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:LISTED])
    return shown + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def open_binary(path: Path) -> BinaryIO:
    """Open a plain or gzipped file for reading bytes; told apart by content, not by name."""
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        return cast(BinaryIO, gzip.open(path, "rb")) if zipped else path.open("rb")
    except OSError as error:
        raise InputError(f"cannot open '{path}': {error}") from error


def read_bytes(path: Path) -> bytes:
    """The whole file, unzipped. Raises InputError if it cannot be read or its gzip stream is damaged."""
    try:
        with open_binary(path) as file:
            return file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"'{path}' cannot be read ({error}); copy or unpack it again") from error


def is_text(path: Path) -> bool:
    """Whether the file starts like a text file. A Fortran record starts with its length, hence with a zero byte."""
    with open_binary(path) as file:
        try:
            return b"\x00" not in file.read(512)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"'{path}' cannot be read ({error}); copy or unpack it again") from error


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of the file as it lies on disk."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def numbers(text: bytes, path: Path) -> NDArray[np.float64]:
    """All numbers of a text, in order, as one array (numbers,); Fortran's 1.0D+00 is understood.

    Raises InputError with the first line that holds something else.
    """
    try:
        return _numbers(text)
    except (ValueError, DeprecationWarning):
        pass
    try:
        return _numbers(_FORTRAN_EXPONENT.sub(b"e", text))
    except (ValueError, DeprecationWarning):
        raise InputError(f"'{path}' is damaged: {_bad_line(text)}; write it again") from None


_FORTRAN_EXPONENT = re.compile(rb"(?<=[\d.])[dD](?=[+-]?\d)")


def _numbers(text: bytes) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy < 2.3 only warns about what is no number
        return np.fromstring(text, sep=" ")


def whole(values: NDArray[np.generic], path: Path, what: str) -> NDArray[np.int64]:
    """Numbers of a text that must be whole ones, (...), the shape is kept.

    Raises InputError for the first that is not (or has more than nine digits).
    """
    found = np.asarray(values, float)
    with np.errstate(invalid="ignore"):
        wrong = ~((np.abs(found) < LARGEST) & (found == np.rint(found)))  # NaN compares as False
    if wrong.any():
        raise InputError(
            f"'{path}' has {found[wrong][0]:g} among the {what}, expected whole numbers; the file is damaged, or is not what its "
            "name says: copy it or write it again"
        )
    return found.astype(np.int64)


def counts(line: bytes | NDArray[np.float64], path: Path, how_many: int, what: str) -> tuple[int, ...]:
    """Positive whole numbers, such as those of bands and k-points at the head of a file.

    line : its text, or its numbers (how_many,).

    Raises InputError for anything else.
    """
    found = numbers(line, path) if isinstance(line, bytes) else line
    if len(found) != how_many or not (found >= 1).all():
        raise InputError(
            f"'{path}': its head should hold the {what}, found {found[: how_many + 1].tolist()}; the file is damaged or is not "
            "what its name says, write it again"
        )
    return tuple(int(x) for x in whole(found, path, what))


def _bad_line(text: bytes) -> str:
    for line in text.splitlines():
        try:
            [float(word) for word in line.split()]
        except ValueError:
            return f"the line '{line.decode('ascii', 'replace').strip()[:60]}' should hold numbers only"
    return "it should hold numbers only"


def check_finite(values: NDArray[np.generic], path: Path, what: str, where: tuple[str, ...]) -> None:
    """Raise InputError if `values` (...) has NaN or infinity; `where` names the first axes (they are counted from 1)."""
    bad = ~np.isfinite(values)
    if bad.any():
        index = np.argwhere(bad)[0]
        place = ", ".join(f"{name} {i + 1}" for name, i in zip(where, index, strict=False))
        raise InputError(
            f"'{path}' has NaN or infinity in the {what} at {place} ({bad.sum()} in all); "
            "the program that wrote it failed, run it again"
        )


class FortranRecords:
    """Records of an unformatted sequential Fortran file: markers of 4 or 8 bytes, either byte order, split records too.

    `next_record` returns bytes, `skip` jumps over one. A short file raises InputError that names record and file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file = open_binary(path)
        try:
            self.order, self.width = self._markers()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> FortranRecords:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def next_record(self, what: str) -> bytes:
        """One record."""
        return b"".join(self._pieces(what))

    def array(self, kind: str, what: str, count: int) -> NDArray[np.generic]:
        """One record of numbers (count,), 'i4', 'f8' or 'c16'; integers may have 8 bytes (compilers have an option for that)."""
        dtype = np.dtype(self.order + kind)
        data = self.next_record(what)
        if kind == "i4" and len(data) == 8 * count:
            dtype = np.dtype(self.order + "i8")
        if len(data) != count * dtype.itemsize:
            raise InputError(
                f"'{self.path}': record {self.count} ({what}) has {len(data)} bytes, expected {count * dtype.itemsize}; the file "
                "is damaged, or is not what its name says"
            )
        return np.frombuffer(data, dtype).astype(kind)

    def skip(self, what: str) -> None:
        for _ in self._pieces(what):
            pass

    def _pieces(self, what: str) -> Iterator[bytes]:
        """The parts of one record; gfortran splits records beyond 2 GiB, with a negative marker on all but the last."""
        self.count += 1
        more = True
        while more:
            head = self._marker(what)
            data = self._read(abs(head), what)
            if abs(self._marker(what)) != abs(head):
                raise InputError(
                    f"'{self.path}': the length of record {self.count} ({what}) differs at its two ends; the file is "
                    "damaged, or was not written by Fortran as an unformatted sequential file"
                )
            more = head < 0
            yield data

    def _marker(self, what: str) -> int:
        return int(struct.unpack(self.order + ("i" if self.width == 4 else "q"), self._read(self.width, what))[0])

    def _read(self, size: int, what: str) -> bytes:
        data = bytearray()
        try:
            while len(data) < size and (part := self._file.read(min(CHUNK, size - len(data)))):
                data += part
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"'{self.path}' cannot be read ({error}); copy or unpack it again") from error
        if len(data) < size:
            raise InputError(
                f"'{self.path}' is truncated: it ends within record {self.count} ({what}); copy it again, or rerun the "
                "program that wrote it"
            )
        return bytes(data)

    def _markers(self) -> tuple[str, int]:
        """Byte order and width of the markers: those with which the first record has the same length at both of its ends.

        Where none has (a damaged file), the order in which a marker of 4 bytes is smallest: the message comes with the record.
        """
        head = self._read(4, "header")
        for width, code in ((4, "i"), (8, "q")):
            for order in "<>":
                if self._fits(order + code, width):
                    return order, width
        self._file.seek(0)
        return min("<>", key=lambda order: abs(struct.unpack(order + "i", head)[0])), 4

    def _fits(self, code: str, width: int) -> bool:
        self._file.seek(0)
        try:
            length = abs(struct.unpack(code, self._read(width, "header"))[0])
            if length > HEADER:
                return False
            self._read(length, "header")
            return bool(abs(struct.unpack(code, self._read(width, "header"))[0]) == length)
        except InputError:
            return False
        finally:
            self._file.seek(0)
