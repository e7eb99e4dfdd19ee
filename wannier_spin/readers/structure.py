"""Crystal structures with their magnetic moments.

`.win`, CIF (`cif`) and pw.x (`espresso`) have parsers of their own, everything else comes through ase; moments
of VASP through `vasp`. A file that speaks of moments and yields none is refused: without them its group would be a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.readers.cif import read_cif
from wannier_spin.readers.espresso import is_pw_input, is_pw_output, read_pw_input, read_pw_output
from wannier_spin.readers.files import check_finite, files_in, in_full, is_text, read_bytes, similar_files
from wannier_spin.readers.vasp import outcar_moments, poscar_moments, vasprun_moments
from wannier_spin.readers.win import read_win

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
    lattice, positions, numbers, own = _checked_atoms(path)
    moments = own() if magnetic_moments is None else _moments(magnetic_moments, len(numbers), path)
    return Structure(lattice, positions, numbers, moments)


def read_atoms(path: Path) -> Structure:
    """Cell and atoms of a structure file, where moments do not matter. Raises InputError as `read_structure`."""
    lattice, positions, numbers, _ = _checked_atoms(path)
    return Structure(lattice, positions, numbers, np.zeros((len(numbers), 3)))


def _checked_atoms(path: Path) -> Atoms:
    if path.is_dir():
        raise InputError(f"{files_in(path)}; expected a structure file")
    if not path.is_file():
        there = similar_files(path.with_suffix("") if path.name else path)
        raise InputError(f"structure file '{path}' does not exist: it is not in the folder '{in_full(path.parent)}'; {there}")
    lattice, positions, numbers, own = _atoms(path)
    check_finite(lattice, path, "lattice vectors", ("vector", "component"))
    check_finite(positions, path, "positions", ("atom", "component"))
    if not len(numbers):
        raise InputError(f"'{path}' has no atoms")
    return lattice, positions, numbers, own


Moments = Callable[[], NDArray[np.float64]]  # read only where nobody gave others: they may be refused
Atoms = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], Moments]
TELLING = re.compile(  # words of files that have moments
    rb"magmom|magnetic.?moment|initial_?moment|starting_?magnetization|initspin|spinat\b|noncolin|lnoncollinear|\bispin\b|\bspin\s*[=:]",
    re.I,
)


def _atoms(path: Path) -> Atoms:
    """Whichever parser is the file's."""
    if path.name.removesuffix(".gz").endswith(".win"):
        return _from_win(path)
    head = read_bytes(path) if is_text(path) else b""
    text = head.decode("utf-8", "replace")
    if path.name.removesuffix(".gz").lower().endswith((".cif", ".mcif")):
        cell = read_cif(path)
        return cell.lattice, cell.positions, _numbers(cell.symbols, path), lambda: _told(cell.checked_moments(path), path, head)
    if is_pw_input(text) or is_pw_output(text):
        crystal = read_pw_input(path) if is_pw_input(text) else read_pw_output(path)
        return crystal.lattice, crystal.positions, _numbers(crystal.labels, path), crystal.moments
    return _from_ase(path, head)


def _numbers(labels: Iterable[str], path: Path) -> NDArray[np.int64]:
    return np.array([atomic_number(label, path) for label in labels], np.int64)


def _from_win(path: Path) -> Atoms:
    win = read_win(path)
    lattice = win.lattice()
    labels, positions = win.atoms()
    return lattice, positions, _numbers(labels, path), lambda: np.zeros((len(labels), 3))


def atomic_number(label: str, path: Path) -> int:
    """Atomic number of a label such as Mn, Mn1, mn_up. Raises InputError for anything else."""
    letters = re.match(r"[A-Za-z]+", label)
    if letters and letters[0] in ("D", "T"):
        return 1  # deuterium, tritium
    for length in (2, 1):
        symbol = (letters[0] if letters else "")[:length].capitalize()
        if len(symbol) == length and symbol in SYMBOLS:
            return SYMBOLS.index(symbol) + 1
    raise InputError(f"'{path}': '{label}' is no chemical symbol; start each atom's label with one, such as Fe or Fe1")


def chemical_symbol(number: int) -> str:
    """Symbol of an atomic number; X for anything else."""
    return SYMBOLS[number - 1] if 1 <= number <= len(SYMBOLS) else "X"


def _from_ase(path: Path, head: bytes) -> Atoms:
    try:
        from ase.io import read
        from ase.io.formats import UnknownFileTypeError, filetype
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
    check_finite(lattice, path, "lattice vectors", ("vector", "component"))
    if abs(np.linalg.det(lattice)) < 1e-8:
        raise InputError(f"'{path}' has no unit cell; give a file of a periodic crystal")
    try:
        kind = filetype(str(path))
    except UnknownFileTypeError:
        kind = ""
    of_vasp = {"vasp": poscar_moments, "vasp-out": outcar_moments, "vasp-xml": vasprun_moments}.get(kind)

    def moments() -> NDArray[np.float64]:
        return of_vasp(path, len(atoms)) if of_vasp is not None else _ase_moments(atoms, path, head)

    return lattice, np.array(atoms.get_scaled_positions(wrap=False)), np.array(atoms.numbers, np.int64), moments


def _ase_moments(atoms: Any, path: Path, head: bytes) -> NDArray[np.float64]:
    """Those that ase found. Raises InputError as `_told`."""
    found = _moments(atoms.get_initial_magnetic_moments(), len(atoms), path)
    if not found.any() and "magmoms" in getattr(atoms.calc, "results", {}):
        found = _moments(atoms.calc.results["magmoms"], len(atoms), path)
    return _told(found, path, head)


def _told(found: NDArray[np.float64], path: Path, head: bytes) -> NDArray[np.float64]:
    """The moments that were found. Raises InputError where there are none, and the text speaks of some."""
    word = TELLING.search(head)
    if word is not None and not found.any():
        raise InputError(
            f"'{path}' speaks of moments ('{word[0].decode('ascii', 'replace')}'), and none could be read from it: say what they "
            "are with magnetic_moments, or --magmom 'x y z; ...' (zeros if there are none), or give a .mcif file"
        )
    return found


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
