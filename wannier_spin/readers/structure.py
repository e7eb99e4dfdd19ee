"""Crystal structures: from `.win` with our own parser, from everything else (CIF, POSCAR, QE, ...) through ase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.readers.files import similar_files
from wannier_spin.readers.wannier90_files import read_win

SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr"
).split()


def read_structure(path: str | Path, magnetic_moments: ArrayLike | None = None) -> Structure:
    """Read a crystal structure.

    magnetic_moments: (i, 3) Bohr magnetons, Cartesian, or (i,) along z; None: those in the file, else zero.
    Raises InputError: no such file, no structure in it, a wrong number of moments.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"structure file '{path}' does not exist; {similar_files(path.with_suffix(''))}")
    win = path.name.removesuffix(".gz").endswith(".win")
    lattice, positions, numbers, moments = _from_win(path) if win else _from_ase(path)
    if magnetic_moments is not None:
        moments = _moments(magnetic_moments, len(numbers), path)
    return Structure(lattice, positions, numbers, moments)


def read_win_lattice(path: str | Path) -> NDArray[np.float64]:
    """Lattice vectors (3, 3), rows, angstrom, of a `.win` file. Raises InputError if it has none."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"'{path}' does not exist; {similar_files(path.with_suffix(''))}")
    return read_win(path).lattice()


Parts = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]


def _from_win(path: Path) -> Parts:
    win = read_win(path)
    lattice = win.lattice()
    labels, positions = win.atoms()
    numbers = np.array([atomic_number(label, path) for label in labels])
    return lattice, positions, numbers, np.zeros((len(labels), 3))


def atomic_number(label: str, path: Path) -> int:
    """Atomic number of a label such as Mn, Mn1, mn_up. Raises InputError for anything else."""
    letters = re.match(r"[A-Za-z]+", label)
    for length in (2, 1):
        symbol = (letters[0] if letters else "")[:length].capitalize()
        if len(symbol) == length and symbol in SYMBOLS:
            return SYMBOLS.index(symbol) + 1
    raise InputError(f"'{path}': '{label}' is no chemical symbol; start each atom's label with one, such as Fe or Fe1")


def chemical_symbol(number: int) -> str:
    """Symbol of an atomic number; X for anything else."""
    return SYMBOLS[number - 1] if 1 <= number <= len(SYMBOLS) else "X"


def _from_ase(path: Path) -> Parts:
    try:
        from ase.io import read
    except ImportError as error:
        raise InputError(f"reading '{path}' needs ase; install it, or give the .win file") from error
    try:
        atoms: Any = read(path)
    except Exception as error:  # ase raises whatever its format readers raise
        raise InputError(
            f"ase cannot read a structure from '{path}' ({type(error).__name__}: {str(error)[:200]}); give a CIF, "
            "POSCAR, Quantum ESPRESSO or .win file"
        ) from error
    lattice = np.array(atoms.cell[:], float)
    if abs(np.linalg.det(lattice)) < 1e-8:
        raise InputError(f"'{path}' has no unit cell; give a file of a periodic crystal")
    moments = _moments(atoms.get_initial_magnetic_moments(), len(atoms), path)
    return lattice, np.array(atoms.get_scaled_positions(wrap=False)), np.array(atoms.numbers, np.int64), moments


def _moments(values: ArrayLike | Sequence[float], n_atoms: int, path: Path) -> NDArray[np.float64]:
    """(i, 3); collinear moments (i,) point along z."""
    try:
        moments = np.asarray(values, float)
    except (TypeError, ValueError):
        raise InputError(f"magnetic moments {values!r} are no array of numbers; give one (x, y, z) per atom") from None
    if moments.shape == (n_atoms,):
        moments = moments[:, None] * np.array([0.0, 0.0, 1.0])
    if moments.shape != (n_atoms, 3) or not np.isfinite(moments).all():
        raise InputError(
            f"'{path}' has {n_atoms} atoms; magnetic moments have shape {moments.shape}, expected ({n_atoms}, 3), finite"
        )
    return moments
