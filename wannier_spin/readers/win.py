"""`.win` and `.nnkp`: what the readers need of the input of Wannier90."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import counts, numbers, read_bytes
from wannier_spin.units import BOHR

SMALLEST_CELL = 1e-3  # angstrom^3
LATTICE_TOLERANCE = 1e-3  # angstrom


@dataclass(frozen=True)
class WinFile:
    """A `.win` file: keywords (lower case, values as written) and blocks (lower case names, lists of lines)."""

    path: Path
    keywords: dict[str, str]
    blocks: dict[str, list[str]]

    def number(self, key: str) -> float | None:
        """A keyword as a number; Fortran's 1.0d0 is understood. Raises InputError if it is none."""
        if key not in self.keywords:
            return None
        text = self.keywords[key]
        value = _number(text)
        if value is None:
            raise InputError(f"'{self.path}': {key} = {text}, expected a number")
        return value

    def flag(self, key: str) -> bool | None:
        """A logical keyword, T, true, .true. and their opposites; None if it is not there. Raises InputError for other words."""
        if key not in self.keywords:
            return None
        word = self.keywords[key].lower().strip(".")[:1]
        if word not in ("t", "f"):
            raise InputError(f"'{self.path}': {key} = {self.keywords[key]}, expected true or false")
        return word == "t"

    def lattice(self) -> NDArray[np.float64]:
        """Lattice vectors (3, 3), rows, angstrom. Raises InputError if the block is missing, incomplete, or no cell."""
        scale, rows = self._block_with_unit("unit_cell_cart")
        vectors = [self._numbers(row)[:3] for row in rows]
        if len(vectors) != 3 or any(len(v) != 3 for v in vectors):
            raise InputError(f"'{self.path}': unit_cell_cart should hold three lines of three numbers")
        lattice = scale * np.array(vectors)
        with np.errstate(over="ignore", invalid="ignore"):
            volume = abs(np.linalg.det(lattice))
        if not SMALLEST_CELL < volume < np.inf or np.abs(lattice).max() > 1e6:
            raise InputError(
                f"'{self.path}': the vectors of unit_cell_cart span a volume of {volume:.3g} angstrom^3; they are no cell"
            )
        return lattice

    def atoms(self) -> tuple[list[str], NDArray[np.float64]]:
        """Labels as written and reduced positions (i, 3). Raises InputError if there is no such block."""
        frac = "atoms_frac" in self.blocks
        scale, rows = self._block_with_unit("atoms_frac" if frac else "atoms_cart")
        words = [row.replace(",", " ").split(maxsplit=1) for row in rows]
        places = [self._numbers(word[1])[:3] if len(word) == 2 else [] for word in words]
        if not rows or any(len(place) != 3 for place in places):
            raise InputError(f"'{self.path}': each line of the atoms block should hold a label and three numbers")
        positions = np.array(places)
        return [word[0] for word in words], positions if frac else scale * positions @ np.linalg.inv(self.lattice())

    def kpoints(self) -> NDArray[np.float64] | None:
        """The k-points block, (k, 3); None if there is none. Raises InputError where a line has no three numbers."""
        if "kpoints" not in self.blocks:
            return None
        rows = [self._numbers(row)[:3] for row in self.blocks["kpoints"]]
        if any(len(row) != 3 for row in rows):
            raise InputError(f"'{self.path}': each line of the k-points block should hold three numbers")
        return np.array(rows).reshape(-1, 3)

    def mesh(self) -> NDArray[np.int64] | None:
        """mp_grid, (3,); None if it is not there or is no mesh."""
        words = self.keywords.get("mp_grid", "").replace(",", " ").split()
        sizes = [int(word) for word in words[:3] if word.isdigit() and 0 < int(word) < 10**6]
        return np.array(sizes, np.int64) if len(sizes) == 3 else None

    def _block_with_unit(self, name: str) -> tuple[float, list[str]]:
        rows = list(self.blocks.get(name, []))
        if not rows:
            raise InputError(f"'{self.path}': the block '{name}' is missing; give the structure in another file")
        unit = rows[0].strip().lower()
        if unit.startswith("bohr"):
            return BOHR, rows[1:]
        return 1.0, rows[1:] if unit.startswith("ang") else rows

    def _numbers(self, row: str) -> list[float]:
        """The numbers at the start of a line; commas separate like blanks, as they do in Fortran."""
        words = row.replace(",", " ").split()
        if {word.lower().strip("+-") for word in words} & {"nan", "inf", "infinity"}:
            raise InputError(f"'{self.path}': '{row.strip()[:60]}' has NaN or infinity; the program that wrote it failed")
        found = [_number(word) for word in words]
        start = found.index(None) if None in found else len(found)
        if start < min(3, len(found)):
            raise InputError(f"'{self.path}': '{row.strip()[:60]}' should hold numbers")
        return [value for value in found[:start] if value is not None]


def _number(text: str) -> float | None:
    """A finite number, None for anything else."""
    try:
        value = float(text.lower().replace("d", "e"))
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def read_win(path: Path) -> WinFile:
    """Read a `.win` file. Comments (! or #) and letter case do not matter. Raises InputError: a 'begin' without a name."""
    keywords: dict[str, str] = {}
    blocks: dict[str, list[str]] = {}
    inside: list[str] | None = None
    for raw in read_bytes(path).decode("utf-8", "replace").splitlines():
        line = re.split(r"[!#]", raw)[0].strip()
        bracket = re.match(r"(begin|end)[\s_:=]*(\w*)", line, re.IGNORECASE)  # Wannier90 takes 'begin_block' for 'begin block'
        if bracket is not None and bracket[1].lower() == "begin":
            if not bracket[2]:
                raise InputError(f"'{path}' has a line 'begin' without the name of a block; correct the file")
            inside = blocks.setdefault(bracket[2].lower(), [])
        elif bracket is not None:
            inside = None
        elif inside is not None and line:
            inside.append(line)
        elif line:
            key, value = (re.split(r"\s*[=:]\s*|\s+", line, maxsplit=1) + [""])[:2]
            keywords[key.lower()] = value.strip()
    return WinFile(path, keywords, blocks)


def check_lattice(win: WinFile, lattice: NDArray[np.float64], path: str | Path) -> float | None:
    """How far the lattice vectors (3, 3) of another file are from those of `.win`, angstrom; None if it has none.

    Raises InputError.
    """
    if "unit_cell_cart" not in win.blocks:
        return None
    own = win.lattice()
    away = float(np.abs(own - lattice).max())
    if away > LATTICE_TOLERANCE:
        raise InputError(
            f"'{path}' has the lattice vectors {np.round(lattice, 4).tolist()}, '{win.path}' {np.round(own, 4).tolist()} "
            "(angstrom, rows); one of the two was changed, or they are of different runs"
        )
    return away


def read_nnkp_kpoints(path: Path) -> NDArray[np.float64]:
    """k-points of a `.nnkp` file, (k, 3). Raises InputError if the block is missing or short."""
    block = re.search(rb"begin\s+kpoints\s+(\d+)(.*?)end\s+kpoints", read_bytes(path), re.DOTALL)
    if block is None:
        raise InputError(f"'{path}' has no whole block of k-points; write it again with wannier90.x -pp")
    values = numbers(block[2], path)
    (wanted,) = counts(block[1], path, 1, "number of k-points")
    if len(values) != 3 * wanted or not np.isfinite(values).all():
        raise InputError(f"'{path}': {len(values)} numbers in its k-points, expected 3 x {wanted}, all finite")
    return values.reshape(-1, 3)
