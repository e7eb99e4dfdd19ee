"""What `_hr.dat` does not hold: lattice vectors and Wannier centres, from the files beside it.

Lattice: `.win`, else `.wout`, else `wt.in` of WannierTools, else one structure file (POSCAR, CONTCAR, seed.cif, any single .cif),
whose axes and cell must be those of the run: `_centres.xyz` lists the atoms, which tells.
Centres: `_r.dat` (with the whole position), else `.wout`, else `_centres.xyz`, else the projectors of `wt.in`, else (as in the
JARVIS database) where `.win` says that the functions were projected, which is told as a doubt. Wannier90 writes
`.wout` in its length unit, and with translate_home_cell it moves the centres of `_centres.xyz`, but not `_hr.dat`, into one cell.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.readers.files import find_file, read_bytes, require_file
from wannier_spin.readers.fitness import Check, passed_or_not
from wannier_spin.readers.projections import projected_places
from wannier_spin.readers.spinors import ORDERS, Spin, chosen_order, order_or
from wannier_spin.readers.structure import read_atoms
from wannier_spin.readers.text_tables import RawTable, with_diagonal_position, with_position
from wannier_spin.readers.wannier_tools import WannierToolsInput
from wannier_spin.readers.win import WinFile, check_lattice, read_win
from wannier_spin.units import BOHR

SAME_ATOM = 0.05  # angstrom; CIFs have few digits
SAME_CENTRE = 1e-2  # angstrom: .wout and _centres.xyz of one run agree so well, but for lattice vectors


def read_cell(seed: Path, hr: Path) -> tuple[NDArray[np.float64], WinFile | None, Path]:
    """Lattice vectors (3, 3), the `.win` if there is one, and the file they come from. Raises InputError where none has them."""
    win_path = find_file(seed, ".win")
    win = None if win_path is None else read_win(win_path)
    wout = find_file(seed, ".wout")
    stated = None if wout is None else _lattice_of_wout(wout)
    if win is not None and win_path is not None and "unit_cell_cart" in win.blocks:
        if wout is not None and stated is not None:
            check_lattice(win, stated, wout)
        return win.lattice(), win, win_path
    if wout is not None and stated is not None:
        return stated, win, wout
    if (tools := seed.with_name("wt.in")).is_file():
        return WannierToolsInput(tools).lattice(), win, tools
    named = [seed.with_name(name) for name in ("POSCAR", "CONTCAR", f"{seed.name}.cif")]
    found = [path for path in named if path.is_file()][:1] or sorted(seed.parent.glob("*.cif"))
    if len(found) == 1:
        crystal = read_atoms(found[0])
        _check_axes(crystal, found[0], seed)
        return crystal.lattice, win, found[0]
    advice = f"'{hr.name}' has no lattice vectors: put the .win, .wout, wt.in, POSCAR or one .cif beside it"
    return win.lattice() if win is not None else np.eye(3), win, require_file(seed, ".win", advice=advice)


def add_position(table: RawTable, seed: Path, win: WinFile | None, spin: Spin | None = None) -> tuple[RawTable, Path]:
    """The table with its position, and the file that it comes from: that of `.win` are places of projections.

    spin : the order of spinors, where somebody says it. Raises InputError where nothing has the centres.
    """
    if (path := find_file(seed, "_r.dat")) is not None:
        return with_position(table, path), path
    n, wout, xyz = table.hamiltonian.shape[-1], find_file(seed, ".wout"), find_file(seed, "_centres.xyz")
    if wout is not None and _ran_to_its_end(wout):
        centres = _from_wout(wout, n)
        if xyz is not None:
            _compare(centres, wout, _from_xyz(xyz, n), xyz, table.lattice)
        return with_diagonal_position(table, centres), wout
    if xyz is not None:
        if win is not None and win.flag("translate_home_cell"):
            raise InputError(
                f"'{win.path}' has translate_home_cell = true: '{xyz.name}' has the centres moved by lattice vectors that "
                f"'{seed.name}_hr.dat' does not know of; give the .wout of the run, or _tb.dat, or run wannier90.x without it"
            )
        return with_diagonal_position(table, _from_xyz(xyz, n)), xyz
    if (tools := seed.with_name("wt.in")).is_file():
        return with_diagonal_position(table, _from_wannier_tools(tools, table, spin)), tools
    if win is not None and win.blocks.get("projections"):
        return with_diagonal_position(table, _from_projections(win, table, spin)), win.path
    advice = "the Wannier centres are needed: write_rmn = .true., the .wout, PROJECTORS in a wt.in, or projections on atoms in .win"
    if wout is not None:
        raise InputError(f"'{wout}' has no 'Final State', as of a run that only plotted, or stopped; {advice}")
    return table, require_file(seed, "_centres.xyz", ".wout", advice=advice)


def _ran_to_its_end(wout: Path) -> bool:
    """Whether a `.wout` has centres: that of a run that only plotted has none."""
    return b"Final State" in read_bytes(wout)


def check_centres(centres: NDArray[np.float64], path: Path, seed: Path, lattice: NDArray[np.float64]) -> None:
    """Raise InputError where the centres (n, 3) that a file's position has are not those of `.wout` or `_centres.xyz` beside it.

    A `.wout` of a run that only plotted has none.
    """
    wout, xyz = find_file(seed, ".wout"), find_file(seed, "_centres.xyz")
    if wout is not None and _ran_to_its_end(wout):
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


def _from_wannier_tools(path: Path, table: RawTable, spin: Spin | None) -> NDArray[np.float64]:
    """Centres (n, 3) as `wt.in` has them; of projectors in the order of spinors that is said, H decides for, or `wt.in` says."""
    tools, H = WannierToolsInput(path), table.divided()["hamiltonian"]
    if tools.has_centres:
        return tools.centres(H.shape[-1])
    places = tools.projectors(H.shape[-1])
    if len(places) == H.shape[-1]:
        return places
    order = order_or(H, spin, "interleaved" if tools.alternates else "blocks")
    return np.tile(places, (2, 1)) if order == "blocks" else np.repeat(places, 2, axis=0)


def _lattice_of_wout(path: Path) -> NDArray[np.float64] | None:
    """Rows, angstrom, of the last list of lattice vectors in a `.wout`; None without any."""
    row = 3 * r"\s+(-?\d+\.\d+)"
    lists = re.findall(rf"Lattice Vectors \((\w+)\)\s+a_1{row}\s+a_2{row}\s+a_3{row}", read_bytes(path).decode("utf-8", "replace"))
    if not lists:
        return None
    unit, *numbers = lists[-1]
    return np.array(numbers, float).reshape(3, 3) * (BOHR if unit.lower().startswith("bohr") else 1.0)


def _check_axes(crystal: Structure, path: Path, seed: Path) -> None:
    """Raise InputError where `_centres.xyz`, which lists the atoms behind the centres, has an atom where the crystal has none.

    A CIF says nothing of the axes, and often holds another cell than the run.
    """
    xyz = find_file(seed, "_centres.xyz")
    listed = [] if xyz is None else read_bytes(xyz).decode("utf-8", "replace").splitlines()[2:]
    atoms = [words for line in listed if len(words := line.split()) == 4 and words[0] != "X"]
    if xyz is None or not atoms:
        return
    places = _found(r"^\S+", "\n".join(" ".join(words) for words in atoms), xyz, len(atoms))
    apart = (places @ np.linalg.inv(crystal.lattice))[:, None] - crystal.positions
    nearest = np.linalg.norm((apart - np.rint(apart)) @ crystal.lattice, axis=2).min(axis=1)
    if nearest.max() > SAME_ATOM:
        i = int(nearest.argmax())
        raise InputError(
            f"'{xyz}' has {atoms[i][0]} at {np.round(places[i], 4).tolist()} angstrom, where '{path}' has no atom (the next "
            f"{nearest[i]:.2g} angstrom away): the run had other axes or another cell; give its .win or .wout, or a POSCAR in them"
        )


_NUMBER = r"\s*(-?\d+\.\d+)\s*,?"
_ANY_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def _from_wout(path: Path, n: int) -> NDArray[np.float64]:
    """Centres (n, 3) of the final state, angstrom: in the unit of the spreads below them.

    The first versions wrote them in angstrom whatever they said of their length unit, which decides only where no spreads are.
    """
    text = read_bytes(path).decode("utf-8", "replace")
    last = text.rpartition("Final State")[2]
    unit = re.search(r"Spreads \((\w+)", last) or re.search(r"Length Unit\s*:\s*(\w+)", text)
    scale = BOHR if unit is not None and unit[1].lower().startswith("bohr") else 1.0
    return scale * _found(r"WF centre and spread\s+\d+\s+\(", last, path, n)


def _from_xyz(path: Path, n: int) -> NDArray[np.float64]:
    """Centres (n, 3); this file is in angstrom whatever the length unit. Written by hand, it has numbers of any form."""
    lines = re.findall(r"^\s*X\s(.*)$", read_bytes(path).decode("utf-8", "replace"), re.MULTILINE)
    return _checked([numbers for line in lines if len(numbers := _ANY_NUMBER.findall(line)) == 3], path, n)


def _found(label: str, text: str, path: Path, n: int) -> NDArray[np.float64]:
    return _checked(re.findall(label + 3 * _NUMBER, text, re.MULTILINE), path, n)


def _checked(found: list[Any], path: Path, n: int) -> NDArray[np.float64]:
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
