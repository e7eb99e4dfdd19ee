"""The projections of a `.win` file: which orbital each Wannier function started from.

    Fe:s;p;d        f=0.25,0.25,0.25:dxy;dxz        c=0,0,1.2:l=2,mr=1,4        Mn1:d

Order (parameters.F90 of Wannier90): line by line, atom by atom of the label, then by l and mr whatever the order on the line,
then spin up, spin down. Only orbitals that turn into one another under rotations of the crystal are read: s, p, d, f in
the Cartesian frame. Hybrids, random functions, own axes and own spin axes are refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.orbitals import HARMONICS, Orbitals, SpinOrder, with_spin
from wannier_spin.readers.files import in_full, similar_files
from wannier_spin.readers.win import WinFile, read_win
from wannier_spin.units import BOHR

SHELLS = ("s", "p", "d", "f")
HYBRIDS = ("sp", "sp2", "sp3", "sp3d", "sp3d2")  # l = -1 ... -5
NUMBERED = {str(l): name for l, name in enumerate(SHELLS)} | {str(-1 - i): name for i, name in enumerate(HYBRIDS)}
SIZES = {name: 2 * l + 1 for l, name in enumerate(SHELLS)} | {name: 2 + i for i, name in enumerate(HYBRIDS)}
DEFAULT_AXES = {"z": (0.0, 0.0, 1.0), "x": (1.0, 0.0, 0.0)}


def read_projections(path: str | Path, spin_order: SpinOrder | None = "interleaved") -> Orbitals:
    """Orbitals of a spinor calculation from its `.win` file.

    spin_order: "interleaved" for Wannier90 2 and 3 with pw2wannier90, "blocks" where all up come before all down. None: the file is
    of one channel of a collinear magnet; its functions with spin up, then with spin down.
    Raises InputError: no such file or block, hybrids, random projections, own axes, a number that is not `num_wann`.
    """
    path = Path(path)
    if not path.is_file():
        looked = f"'{path}' does not exist: it is not in the folder '{in_full(path.parent)}'; {similar_files(path.with_suffix(''))}"
        raise InputError(f"{looked}; its projections are needed to know what the Wannier functions are")
    win = read_win(path)
    if spin_order is None:
        return _with_number(win, with_spin(*_spatial(win), order="blocks"), 2)
    if not win.flag("spinors"):
        raise InputError(f"'{path}' has no 'spinors = true'; what is known are projections on functions with spin")
    return _with_number(win, with_spin(*_spatial(win), order=spin_order), 1)


def projected_places(win: WinFile) -> NDArray[np.float64]:
    """Where the functions were projected, (i, 3) Cartesian, angstrom, one for each of them without its spin.

    Hybrids and axes of their own do not matter here. Raises InputError: random projections, projections on one spin.
    """
    places: list[np.ndarray] = []
    lines, scale = _lines(win)
    for line in lines:
        where, angular, _ = _parts(win, line)
        for position in _sites(win, line, where, scale):
            places += [position] * len(_functions(win, line, angular))
    return np.array(places) @ win.lattice()


def _with_number(win: WinFile, orbitals: Orbitals, channels: int) -> Orbitals:
    """The orbitals, if they are as many as there are Wannier functions in all runs. Raises InputError."""
    wanted = win.number("num_wann")
    if wanted is not None and channels * int(wanted) != len(orbitals):
        raise InputError(
            f"'{win.path}' projects on {len(orbitals) // channels} functions, and num_wann = {wanted:.0f}: with select_projections "
            "or fewer functions than projections it is not known which function is which"
        )
    return orbitals


def _spatial(win: WinFile) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Positions (i, 3) of all sites, and (site, l, m) of every orbital."""
    lines, scale = _lines(win)
    positions: list[np.ndarray] = []
    spatial: list[tuple[int, int, int]] = []
    for line in lines:
        where, angular, rest = _parts(win, line)
        _check_frame(win, line, rest)
        states = _states(win, line, angular)
        for position in _sites(win, line, where, scale):
            site = next((i for i, known in enumerate(positions) if np.abs(known - position).max() < 1e-8), len(positions))
            if site == len(positions):
                positions.append(position)
            spatial += [(site, l, m) for l, m in states]
    return np.array(positions), spatial


def _lines(win: WinFile) -> tuple[list[str], float]:
    """The projections, and the unit of Cartesian positions in angstrom."""
    lines = win.blocks.get("projections")
    if not lines:
        raise InputError(f"'{win.path}' has no block 'projections'; nothing says what the Wannier functions are")
    unit = lines[0].strip().lower()
    found = lines[1:] if unit in ("bohr", "ang") else lines
    if not found:
        raise InputError(f"the block 'projections' of '{win.path}' has a unit and no projections; write one a line, such as Fe:d")
    return found, BOHR if unit == "bohr" else 1.0


def _parts(win: WinFile, line: str) -> tuple[str, str, list[str]]:
    """Site, angular part and options of a line."""
    text = "".join(line.split()).lower()
    if text == "random" or ":" not in text:
        raise _refusal(win, line, "random projections and Bloch phases have no symmetry and no place")
    where, angular, *rest = text.split(":")
    if "[" in line or any("(u)" in part or "(d)" in part for part in (angular, *rest)):
        raise _refusal(win, line, "projections on one spin, or with a spin axis of their own, are not supported")
    return where, angular, rest


def _functions(win: WinFile, line: str, angular: str) -> set[tuple[str, int]]:
    """(shell, number from 0) of "s;px,py;sp3-2;l=-1,mr=1" on one site, each once, hybrids too."""
    found: set[tuple[str, int]] = set()
    for part in angular.split(";"):
        for name in _named(part):
            members = _members(name)
            if not members:
                raise _refusal(win, line, f"'{part}' names no function that is known, such as p, px, sp3-1 or l=1,mr=1 to 3")
            found |= members
    return found


def _named(part: str) -> list[str]:
    """What is between semicolons as names, those of numbers l and mr as "p-1", the first."""
    if not part.startswith("l="):
        return part.split(",")
    number, _, chosen = part.removeprefix("l=").partition(",")
    shell = NUMBERED.get(number, "")
    return [f"{shell}-{member}" for member in chosen.removeprefix("mr=").split(",")] if chosen else [shell]


def _members(name: str) -> set[tuple[str, int]]:
    """Of one name; empty where it is not known."""
    shell, _, member = name.partition("-")
    if name in SIZES:
        return {(name, i) for i in range(SIZES[name])}
    if shell in SIZES and member.isdigit() and 1 <= int(member) <= SIZES[shell]:
        return {(shell, int(member) - 1)}
    return {(SHELLS[l], names.index(name)) for l, names in HARMONICS.items() if name in names}


def _sites(win: WinFile, line: str, where: str, scale: float) -> list[np.ndarray]:
    """Reduced positions that one line projects on."""
    if where[:2] in ("f=", "c="):
        try:
            x, y, z = (float(word) for word in where[2:].split(","))
        except ValueError:
            raise _refusal(win, line, "a position needs three numbers") from None
        place = np.array([x, y, z])
        return [place if where[0] == "f" else scale * place @ np.linalg.inv(win.lattice())]
    labels, positions = win.atoms()
    found = [p for label, p in zip(labels, positions, strict=True) if label.lower() == where]
    if not found:
        raise _refusal(win, line, f"no atom is called '{where}'; the atoms are {', '.join(dict.fromkeys(labels))}")
    return found


def _states(win: WinFile, line: str, angular: str) -> list[tuple[int, int]]:
    """(l, m) of "s;px,py;l=2,mr=1,4", sorted, each once."""
    found = _functions(win, line, angular)
    hybrids = sorted({shell for shell, _ in found} - set(SHELLS))
    if hybrids:
        raise _refusal(win, line, f"hybrids ({', '.join(hybrids)}) do not turn into one another, as s, p, d and f do")
    for name in HARMONICS[3]:  # Wannier90 counts fxyz and fz(x2-y2) differently as names and as mr
        if any(name in part.split(",") for part in angular.split(";")):
            raise _refusal(win, line, f"'{name}': write single f orbitals as l=3,mr=..")
    return sorted((SHELLS.index(shell), m) for shell, m in found)


def _check_frame(win: WinFile, line: str, rest: list[str]) -> None:
    """Refuse own axes; the radial part (r=, zona=) does not matter."""
    for option in rest:
        axis, _, value = option.partition("=")
        if axis in ("r", "zona"):
            continue
        try:
            direction = tuple(float(word) for word in value.split(","))
        except ValueError:
            direction = ()
        if axis not in DEFAULT_AXES or direction != DEFAULT_AXES[axis]:
            raise _refusal(win, line, f"'{option}': orbitals with axes of their own are not supported")


def _refusal(win: WinFile, line: str, why: str) -> InputError:
    return InputError(f"'{win.path}', projection '{line.strip()}': {why}; what is asked needs to know each function")
