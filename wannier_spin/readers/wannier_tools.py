"""`wt.in`, the input of WannierTools: what it says of the crystal and of the Wannier functions of its `_hr.dat`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import read_bytes
from wannier_spin.units import BOHR

ALTERNATING = ("QE", "quantumespresso", "quantum-espresso", "pwscf", "VASP6")  # packages that WannierTools takes up down up down of

FOREIGN = ((r"particle\s*=\s*['\"]?phonon", "of phonons"), (r"orthogonal_basis\s*=\s*\.?f", "in an overlapping basis"))
TOO_CLOSE = 0.5  # angstrom


class WannierToolsInput:
    """The cards LATTICE, ATOM_POSITIONS, PROJECTORS, WANNIER_CENTRES of a `wt.in`. Raises InputError for what is missing, and
    for Hamiltonians that are not those of electrons in an orthogonal basis.

    alternates : whether the functions are up and down in turns, as the Package of the file says; else all up, then all down.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = re.sub(r"[!#][^\n]*", "", read_bytes(path).decode("utf-8", "replace"))
        self.lines = [words for line in text.splitlines() if (words := line.replace(",", " ").split())]
        package = re.search(r"^\s*package\s*=\s*(['\"]?)(.*?)\1\s*$", text, re.MULTILINE | re.IGNORECASE)
        self.alternates = package is not None and any(name in package[2] for name in ALTERNATING)
        for pattern, what in FOREIGN:
            if re.search(pattern, text, re.IGNORECASE):
                raise InputError(f"'{path}': the Hamiltonian is one {what}; expected that of electrons in orthogonal functions")

    @property
    def has_centres(self) -> bool:
        return bool(self._centres())

    def lattice(self) -> NDArray[np.float64]:
        """(3, 3), rows, angstrom."""
        rows = self._rows("LATTICE", 4)
        scale = BOHR if rows and rows[0][0].lower().startswith("bohr") else 1.0
        return scale * self._numbers(rows[1:4], "LATTICE")

    def centres(self, n: int) -> NDArray[np.float64]:
        """(n, 3) angstrom, as WANNIER_CENTRES lists them."""
        rows = self._centres()
        return self._cartesian(rows[0], self._numbers(rows[1 : n + 1], "WANNIER_CENTRES"))

    def projectors(self, n: int) -> NDArray[np.float64]:
        """The place (angstrom, Cartesian) of the atom of each projector: (n, 3) or, of spinors, (n / 2, 3)."""
        rows = self._rows("ATOM_POSITIONS", 3)
        atoms = self._counts(rows, 1)[0]
        values = self._numbers([row[1:] for row in rows[2 : atoms + 2]], "ATOM_POSITIONS")
        places = self._cartesian(rows[1], values)
        if np.abs(values).max() <= 1 and _nearest(places) < TOO_CLOSE < _nearest(values @ self.lattice()):
            raise InputError(
                f"'{self.path}': ATOM_POSITIONS are said to be '{rows[1][0]}', by which two atoms are {_nearest(places):.2g} "
                "angstrom apart; they look like reduced ones: write Direct"
            )
        per_atom = self._counts(self._card("PROJECTORS"), atoms)
        if len(places) != atoms or n not in (sum(per_atom), 2 * sum(per_atom)):
            raise InputError(f"'{self.path}': PROJECTORS has {sum(per_atom)} orbitals, expected {n} or half of it")
        return np.repeat(places, per_atom, axis=0)

    def _centres(self) -> list[list[str]]:
        return self._card("WANNIER_CENTRES", optional=True) or self._card("WANNIER_CENTERS", optional=True)

    def _card(self, name: str, optional: bool = False) -> list[list[str]]:
        for i, line in enumerate(self.lines):
            if line[0].upper() == name:
                return self.lines[i + 1 :]
        if optional:
            return []
        raise InputError(f"'{self.path}' has no card {name}; give a .win, or _r.dat and a structure file")

    def _rows(self, name: str, least: int) -> list[list[str]]:
        rows = self._card(name)
        if len(rows) < least:
            raise InputError(f"'{self.path}': the card {name} is cut off; expected {least} lines or more")
        return rows

    def _cartesian(self, unit: list[str], values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values @ self.lattice() if unit[0].lower().startswith("dir") else values

    def _numbers(self, rows: list[list[str]], card: str) -> NDArray[np.float64]:
        try:
            found = np.array([[float(word.lower().replace("d", "e")) for word in row[:3]] for row in rows])
        except ValueError:
            found = np.zeros(0)
        if found.ndim != 2 or found.shape[1] != 3 or not np.isfinite(found).all():
            raise InputError(f"'{self.path}': the lines of {card} should hold three numbers each")
        return found

    def _counts(self, rows: list[list[str]], how_many: int) -> list[int]:
        """Whole numbers as Fortran reads them: over several lines if need be, and 3*2 for 2 2 2."""
        found: list[int] = []
        for word in (word for row in rows for word in row):
            times, _, value = word.rpartition("*")
            if len(found) >= how_many or not (value + times).isdigit() or len(value + times) > 6:
                break
            found += [int(value)] * min(int(times or 1), how_many)
        if not 0 < how_many <= len(found):
            raise InputError(f"'{self.path}': expected {how_many} whole numbers in '{' '.join(rows[0])[:60] if rows else ''}'")
        return found[:how_many]


def _nearest(places: NDArray[np.float64]) -> float:
    """The smallest distance of two places (i, 3)."""
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    return float((apart + np.diag(np.full(len(places), np.inf))).min())
