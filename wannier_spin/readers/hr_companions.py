"""What `_hr.dat` does not hold: lattice vectors and Wannier centres, from the files beside it.

Lattice: `.win`, else `wt.in` of WannierTools, else one structure file (POSCAR, CONTCAR, seed.cif, any single .cif).
Centres: `_r.dat` (with the whole position), else `.wout`, else `_centres.xyz`, else the projectors of `wt.in`, else (as in the
JARVIS database) where `.win` says that the functions were projected, which is told as a doubt. Wannier90 writes
`.wout` in its length unit, and with translate_home_cell it moves the centres of `_centres.xyz`, but not `_hr.dat`, into one cell.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import find_file, read_bytes, require_file
from wannier_spin.readers.fitness import Check, passed_or_not
from wannier_spin.readers.projections import projected_places
from wannier_spin.readers.spinors import ORDERS, Spin, chosen_order
from wannier_spin.readers.structure import read_structure
from wannier_spin.readers.text_tables import RawTable, with_centres, with_position
from wannier_spin.readers.win import BOHR, WinFile, read_win

SAME_CENTRE = 1e-2  # angstrom: .wout and _centres.xyz of one run agree so well, but for lattice vectors


def read_cell(seed: Path, hr: Path) -> tuple[NDArray[np.float64], WinFile | None, Path]:
    """Lattice vectors (3, 3), the `.win` if there is one, and the file they come from. Raises InputError where none has them."""
    win_path = find_file(seed, ".win")
    win = None if win_path is None else read_win(win_path)
    if win is not None and win_path is not None and "unit_cell_cart" in win.blocks:
        return win.lattice(), win, win_path
    if (tools := seed.with_name("wt.in")).is_file():
        return WannierToolsInput(tools).lattice(), win, tools
    named = [seed.with_name(name) for name in ("POSCAR", "CONTCAR", f"{seed.name}.cif")]
    found = [path for path in named if path.is_file()][:1] or sorted(seed.parent.glob("*.cif"))
    if len(found) == 1:
        return read_structure(found[0]).lattice, win, found[0]
    advice = f"'{hr.name}' has no lattice vectors: put the .win, wt.in, POSCAR or one .cif beside it"
    return win.lattice() if win is not None else np.eye(3), win, require_file(seed, ".win", advice=advice)


def add_position(table: RawTable, seed: Path, win: WinFile | None, spin: Spin | None = None) -> tuple[RawTable, Path]:
    """The table with its position, and the file that it comes from: that of `.win` are places of projections.

    spin : the order of spinors, where somebody says it. Raises InputError where nothing has the centres.
    """
    if (path := find_file(seed, "_r.dat")) is not None:
        return with_position(table, path), path
    n, wout, xyz = table.hamiltonian.shape[-1], find_file(seed, ".wout"), find_file(seed, "_centres.xyz")
    if wout is not None:
        centres = _from_wout(wout, n)
        if xyz is not None:
            _compare(centres, wout, _from_xyz(xyz, n), xyz, table.lattice)
        return with_centres(table, centres), wout
    if xyz is not None:
        if win is not None and win.flag("translate_home_cell"):
            raise InputError(
                f"'{win.path}' has translate_home_cell = true: '{xyz.name}' has the centres moved by lattice vectors that "
                f"'{seed.name}"
                "_hr.dat' does not know of; give the .wout of the run, or _tb.dat, or run wannier90.x without it"
            )
        return with_centres(table, _from_xyz(xyz, n)), xyz
    if (tools := seed.with_name("wt.in")).is_file():
        return with_centres(table, WannierToolsInput(tools).centres(n)), tools
    if win is not None and win.blocks.get("projections"):
        return with_centres(table, _from_projections(win, table, spin)), win.path
    advice = "the Wannier centres are needed: write_rmn = .true., the .wout, PROJECTORS in a wt.in, or projections on atoms in .win"
    return table, require_file(seed, "_centres.xyz", ".wout", advice=advice)


def check_centres(centres: NDArray[np.float64], path: Path, seed: Path, lattice: NDArray[np.float64]) -> None:
    """Raise InputError where the centres (n, 3) that a file's position has are not those of `.wout` or `_centres.xyz` beside it.

    A `.wout` of a run that only plotted has none.
    """
    wout, xyz = find_file(seed, ".wout"), find_file(seed, "_centres.xyz")
    if wout is not None and b"Final State" in read_bytes(wout):
        _compare(centres, path, _from_wout(wout, len(centres)), wout, lattice)
    if xyz is not None:
        _compare(centres, path, _from_xyz(xyz, len(centres)), xyz, lattice)


def about_centres(path: Path) -> list[Check]:
    """What is to be told of centres from this file."""
    if path.suffix != ".win":
        return []
    advice = (
        "velocities between atoms are right as far as the functions stayed where they began, and Berry connections between "
        "orbitals are left out; give .wout, _centres.xyz or _tb.dat of the run"
    )
    return [passed_or_not("Wannier centres", False, f"where '{path.name}' projected the functions", "those of the run", advice)]


def _from_projections(win: WinFile, table: RawTable, spin: Spin | None) -> NDArray[np.float64]:
    """The places of the projections, (n, 3); of spinors in the order that is said, else that H decides for. Raises InputError."""
    places, n = projected_places(win), table.hamiltonian.shape[-1]
    if n == len(places) and not win.flag("spinors"):
        return places
    if n != 2 * len(places):
        raise InputError(
            f"'{win.path}' projects on {len(places)} functions, expected {n} or, of spinors, {n // 2}: with select_projections "
            "it is not known which function is where; give .wout, _centres.xyz or _tb.dat of the run"
        )
    order = spin if spin in ORDERS else chosen_order(table.divided()["hamiltonian"], "auto", win.path)[0]
    return np.tile(places, (2, 1)) if order == "blocks" else np.repeat(places, 2, axis=0)


_NUMBER = r"\s*(-?\d+\.\d+)\s*,?"


def _from_wout(path: Path, n: int) -> NDArray[np.float64]:
    """Centres (n, 3) of the final state, angstrom."""
    text = read_bytes(path).decode("utf-8", "replace")
    unit = re.search(r"Length Unit\s*:\s*(\w+)", text)
    scale = BOHR if unit is not None and unit[1].lower().startswith("bohr") else 1.0
    return scale * _found(r"WF centre and spread\s+\d+\s+\(", text.rpartition("Final State")[2], path, n)


def _from_xyz(path: Path, n: int) -> NDArray[np.float64]:
    """Centres (n, 3); this file is in angstrom whatever the length unit."""
    return _found(r"^\s*X\s", read_bytes(path).decode("utf-8", "replace"), path, n)


def _found(label: str, text: str, path: Path, n: int) -> NDArray[np.float64]:
    found = re.findall(label + 3 * _NUMBER, text, re.MULTILINE)
    centres = np.array(found, float)
    if len(found) != n or np.abs(centres).max() > 1e6:
        raise InputError(f"'{path}' lists {len(found)} Wannier centres at its end, expected {n}; run wannier90.x again")
    return centres


def _compare(
    centres: NDArray[np.float64], path: Path, others: NDArray[np.float64], other: Path, lattice: NDArray[np.float64]
) -> None:
    """Raise InputError where two files have different centres, lattice vectors apart."""
    away = (centres - others) @ np.linalg.inv(lattice)
    distance = np.linalg.norm((away - np.rint(away)) @ lattice, axis=1)
    if distance.max() > SAME_CENTRE:
        k = int(distance.argmax())
        raise InputError(
            f"the centre of Wannier function {k + 1} is {np.round(centres[k], 4).tolist()} in '{path}' and "
            f"{np.round(others[k], 4).tolist()} in '{other}' (angstrom), {distance[k]:.3g} apart: one of the two was changed, or "
            "they are of different runs"
        )


class WannierToolsInput:
    """The cards LATTICE, ATOM_POSITIONS, PROJECTORS, WANNIER_CENTRES of a `wt.in`. Raises InputError for what is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = re.sub(r"[!#][^\n]*", "", read_bytes(path).decode("utf-8", "replace"))
        self.lines = [line.split() for line in text.splitlines() if line.strip()]

    def lattice(self) -> NDArray[np.float64]:
        """Rows, angstrom."""
        rows = self._rows("LATTICE", 4)
        scale = BOHR if rows and rows[0][0].lower().startswith("bohr") else 1.0
        return scale * self._numbers(rows[1:4], "LATTICE")

    def centres(self, n: int) -> NDArray[np.float64]:
        """(n, 3) angstrom: WANNIER_CENTRES, else each projector at its atom, all for spin up, then all for spin down."""
        if rows := self._card("WANNIER_CENTRES", optional=True) or self._card("WANNIER_CENTERS", optional=True):
            return self._cartesian(rows[0], self._numbers(rows[1 : n + 1], "WANNIER_CENTRES"))
        rows = self._rows("ATOM_POSITIONS", 3)
        atoms = self._integers(rows[:1])[0]
        places = self._cartesian(rows[1], self._numbers([row[1:] for row in rows[2 : atoms + 2]], "ATOM_POSITIONS"))
        per_atom = self._integers(self._card("PROJECTORS")[:1])
        if len(per_atom) < atoms or n not in (sum(per_atom[:atoms]), 2 * sum(per_atom[:atoms])):
            raise InputError(f"'{self.path}': PROJECTORS has {sum(per_atom)} orbitals, expected {n} or half of it")
        once = np.repeat(places, per_atom[:atoms], axis=0)
        return np.concatenate([once] * (n // len(once)))

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

    def _integers(self, rows: list[list[str]]) -> list[int]:
        found = [int(word) for row in rows for word in row if word.isdigit() and len(word) < 7]
        if not found:
            raise InputError(f"'{self.path}': a card should begin with a number")
        return found
