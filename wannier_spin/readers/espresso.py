"""Crystal and moments from input and output of Quantum ESPRESSO's pw.x.

Input: namelists and cards, every `ibrav`. The moment of an atom is `starting_magnetization` of its species, along z or, with
noncolin, along (angle1, angle2) = (theta, phi): a fraction of the valence charge, of which symmetry needs directions and ratios.
Output: the last cell, positions and moments that are printed; Bohr magnetons in a sphere around each atom.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.bravais import bravais_lattice
from wannier_spin.readers.files import read_bytes
from wannier_spin.units import BOHR

Real = NDArray[np.float64]
CARDS: tuple[str, ...] = (
    "ATOMIC_SPECIES",
    "ATOMIC_POSITIONS",
    "K_POINTS",
    "CELL_PARAMETERS",
    "OCCUPATIONS",
    "CONSTRAINTS",
    "ATOMIC_VELOCITIES",
)
CARDS += ("ATOMIC_FORCES", "ADDITIONAL_K_POINTS", "SOLVENTS", "HUBBARD")
SMALLEST_CELL = 1e-3  # angstrom^3
NUMBER = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"
QUOTED = r"'[^'\n]*'|\"[^\"\n]*\""
THREE = rf"\(?\s*({NUMBER})\s+({NUMBER})\s+({NUMBER})\s*\)?"


@dataclass(frozen=True)
class Crystal:
    """lattice (3, 3) rows, angstrom; labels; positions (i, 3) reduced; moments: (i, 3) Cartesian when called.

    `moments` raises InputError where the file leaves them open, which does not matter to who knows them.
    """

    lattice: Real
    labels: tuple[str, ...]
    positions: Real
    moments: Callable[[], Real]


def is_pw_input(text: str) -> bool:
    """Whether a text is an input of pw.x."""
    return re.search(r"^\s*&system\b", text, re.I | re.M) is not None and "ATOMIC_POSITIONS" in text.upper()


def is_pw_output(text: str) -> bool:
    """Whether a text is the output of pw.x."""
    return "Program PWSCF" in text[:20000]


# --- input ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Input:
    """Keywords of &system in small letters, arrays as name(i); cards: options and lines."""

    path: Path
    system: dict[str, str]
    cards: dict[str, tuple[str, list[str]]]

    def number(self, key: str) -> float | None:
        text = self.system.get(key)
        return None if text is None else _value(text, self.path)

    def true(self, key: str) -> bool:
        return self.system.get(key, "f").lower().strip(".")[:1] == "t"


def read_pw_input(path: Path) -> Crystal:
    """Raises InputError: no cell, positions in a form that needs the space group."""
    found = _parsed(path)
    lattice, alat = _cell(found)
    option, lines = found.cards.get("ATOMIC_POSITIONS", ("", []))
    rows = [line.split() for line in lines]
    short = [line.strip() for line in lines if len(line.split()) < 4]
    if not rows or short:
        found_there = f"'{short[0][:60]}'" if rows else "none"
        raise InputError(f"'{path}': expected lines 'label x y z' after ATOMIC_POSITIONS, found {found_there}")
    values = np.array([[_value(word, path) for word in row[1:4]] for row in rows])
    labels = tuple(row[0] for row in rows)
    unit = _unit(option, ("crystal_sg", "crystal", "bohr", "angstrom", "alat")) or option or "alat"
    return Crystal(lattice, labels, _reduced(values, unit, lattice, alat, path), partial(_starting_moments, found, labels))


def _unit(option: str, known: tuple[str, ...]) -> str:
    """pw.x takes the first word of these that stands anywhere in the line, as in '(alat= 7.01)'."""
    return next((unit for unit in known if unit in option), "")


def _parsed(path: Path) -> _Input:
    text = read_bytes(path).decode("utf-8", "replace").replace("\r", "\n")
    text = re.sub(rf"({QUOTED})|[!#].*", lambda m: re.sub(r"[=,/&$]", " ", m[1] or ""), text)  # no words in them mean anything here
    namelist = re.search(r"^\s*&system\b(.*?)(?:/|[&$]end\b)", text, re.I | re.S | re.M)
    if namelist is None:
        raise InputError(f"'{path}': the namelist &system does not end with '/'")
    cards: dict[str, tuple[str, list[str]]] = {}
    lines: list[str] = []
    for line in text[namelist.end() :].splitlines():
        words = line.split()
        if words and words[0].upper() in CARDS:
            lines = []
            cards[words[0].upper()] = (" ".join(words[1:]).strip("(){} ").lower(), lines)
        elif words and not line.strip().startswith(("&", "/")):
            lines.append(line)
    return _Input(path, _namelist(namelist[1]), cards)


def _namelist(text: str) -> dict[str, str]:
    """name = value, name(i) = value; a list of values fills name(i), name(i + 1), ..."""
    pieces = re.split(r"([A-Za-z_]\w*\s*(?:\(\s*\d+(?:\s*,\s*\d+)*\s*\))?)\s*=", text)
    found: dict[str, str] = {}
    for name, value in zip(pieces[1::2], pieces[2::2], strict=True):
        key, _, index = "".join(name.split()).lower().partition("(")
        values = [v for v in re.split(r"[,\s]+", value.strip()) if v]
        start = index.rstrip(")")
        if start.isdigit():
            found |= {f"{key}({int(start) + i})": v for i, v in enumerate(values)}
        elif not start and values:
            found |= {key: values[0]} | ({f"{key}({i + 1})": v for i, v in enumerate(values)})
    return found


def _cell(found: _Input) -> tuple[Real, float]:
    """Lattice (rows) and alat, angstrom."""
    path, system = found.path, found.system
    ibrav = found.number("ibrav")
    if ibrav is None:
        raise InputError(f"'{path}' has no ibrav in &system, which pw.x needs")
    if "space_group" in system:
        raise InputError(f"'{path}' gives the space_group and the inequivalent atoms only; give all atoms, or the output of pw.x")
    celldm = np.array([found.number(f"celldm({i})") or 0.0 for i in range(1, 7)])
    if celldm[0]:
        celldm[0] *= BOHR
    elif a := found.number("a"):
        celldm[:] = a, *((found.number(key) or 0.0) / a for key in ("b", "c")), 0, 0, 0
        cosines = {key: found.number(f"cos{key}") or 0.0 for key in ("ab", "ac", "bc")}
        if ibrav in (14, 0):
            celldm[3:] = cosines["bc"], cosines["ac"], cosines["ab"]
        else:
            celldm[3:5] = (0, cosines["ac"]) if ibrav in (-12, -13) else (cosines["ab"], 0)
    if ibrav != 0:
        return bravais_lattice(int(ibrav), celldm, path), float(celldm[0])
    option, lines = found.cards.get("CELL_PARAMETERS", ("", []))
    rows = [[_value(word, path) for word in line.split()[:3]] for line in lines[:3]]
    if len(rows) != 3 or any(len(row) != 3 for row in rows):
        raise InputError(f"'{path}': ibrav = 0 needs three lines of three numbers after CELL_PARAMETERS")
    unit = _unit(option, ("bohr", "angstrom", "alat")) or ("alat" if celldm[0] else "bohr")  # pw.x passes over other words
    if unit == "alat" and not celldm[0]:
        raise InputError(f"'{path}': CELL_PARAMETERS alat needs celldm(1) or A in &system, which are missing")
    lattice = _spanning(np.array(rows) * {"alat": celldm[0], "bohr": BOHR, "angstrom": 1.0}[unit], path)
    return lattice, float(celldm[0] or np.linalg.norm(lattice[0]))


def _spanning(lattice: Real, path: Path) -> Real:
    """Lattice vectors, if they are three. Raises InputError."""
    volume = abs(np.linalg.det(lattice))
    if not volume >= SMALLEST_CELL:
        raise InputError(f"'{path}': the lattice vectors span a volume of {volume:.3g} angstrom^3; they are no cell")
    return lattice


def _reduced(values: Real, unit: str, lattice: Real, alat: float, path: Path) -> Real:
    if unit == "crystal":
        return values
    scale = {"alat": alat, "bohr": BOHR, "angstrom": 1.0}.get(unit)
    if scale is None:
        raise InputError(f"'{path}': ATOMIC_POSITIONS {unit}, expected alat, bohr, angstrom or crystal")
    return np.asarray(scale * values @ np.linalg.inv(lattice))


def _starting_moments(found: _Input, labels: tuple[str, ...]) -> Real:
    species = [line.split()[0] for line in found.cards.get("ATOMIC_SPECIES", ("", []))[1]]
    unknown = sorted(set(labels) - set(species))
    if unknown:
        raise InputError(f"'{found.path}': the atom '{unknown[0]}' is not among the ATOMIC_SPECIES {', '.join(species)}")
    noncollinear = found.true("noncolin") or found.number("nspin") == 4
    if not noncollinear and found.number("nspin") != 2:
        return np.zeros((len(labels), 3))
    if not any(key.startswith("starting_magnetization(") for key in found.system):
        if noncollinear:
            return np.zeros((len(labels), 3))  # pw.x keeps time reversal
        raise InputError(
            f"'{found.path}' has nspin = 2 and no starting_magnetization: the moments of the atoms are not known; give the output "
            "of pw.x, or the moments with magnetic_moments (zeros if there are none)"
        )

    def moment(label: str) -> Real:
        i = species.index(label) + 1
        size = found.number(f"starting_magnetization({i})") or 0.0
        if not noncollinear:
            return np.array([0.0, 0.0, size])
        theta, phi = (np.deg2rad(found.number(f"{angle}({i})") or 0.0) for angle in ("angle1", "angle2"))
        return size * np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])

    return np.array([moment(label) for label in labels])


_ARITHMETIC: dict[type, Any] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
_ARITHMETIC |= {ast.Pow: operator.pow, ast.UAdd: operator.pos, ast.USub: operator.neg}


def _value(text: str, path: Path) -> float:
    """A number, or what pw.x takes for one: '1/3', '0.5*sqrt(3)', '1.0d0'."""

    def worth(node: ast.AST) -> float:
        match node:
            case ast.Constant(value=int() | float() as value):
                return float(value)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return float(_ARITHMETIC[type(op)](worth(left), worth(right)))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _ARITHMETIC:
                return float(_ARITHMETIC[type(op)](worth(operand)))
            case ast.Call(func=ast.Name(id="sqrt"), args=[argument]):
                return float(np.sqrt(worth(argument)))
        raise ValueError

    plain = re.sub(r"(?<=[\d.])[dD](?=[-+\d])", "e", text).replace("^", "**")
    try:
        value = worth(ast.parse(plain, mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError, OverflowError):
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"'{path}': '{text}' is no finite number")
    return value


# --- output ---------------------------------------------------------------------------------------------------


def read_pw_output(path: Path) -> Crystal:
    """The last cell, positions and moments of the output of pw.x.

    Raises InputError: a run that did not get as far as the list of atoms; a magnetic run without a moment for each atom.
    """
    text = read_bytes(path).decode("utf-8", "replace")
    starts = [found.start() for found in re.finditer(r"lattice parameter \((?:alat|a_0)\)\s*=", text)]
    last = text[starts[-1] :] if starts else ""  # relaxations of the cell print the summary once more, of what they found
    alat = re.search(rf"=\s*({NUMBER})", last)
    axes = re.findall(rf"a\([123]\)\s*=\s*{THREE}", last)
    if alat is None or len(axes) < 3:
        raise InputError(f"'{path}' has no 'lattice parameter (alat)' with 'crystal axes' after it: is it a whole output of pw.x?")
    scale = float(alat[1]) * BOHR
    lattice = _spanning(np.array(axes[:3], float) * scale, path)
    listed = re.split(r"positions \((?:alat|a_0) units\)", last, maxsplit=1)[-1]
    listed = listed.partition("Crystallographic axes")[0]  # of verbose runs: the same list in reduced coordinates
    sites = re.findall(rf"^\s*\d+\s+(\S+)\s+tau\(\s*\d+\)\s*=\s*{THREE}", listed, re.M)
    if not sites:
        raise InputError(f"'{path}' has no list 'site n. atom positions' after its cell: is it a whole output of pw.x?")
    labels = tuple(site[0] for site in sites)
    positions = _reduced(np.array([site[1:] for site in sites], float), "alat", lattice, scale, path)
    lattice, positions = _last_geometry(last, lattice, scale, positions, path)
    return Crystal(lattice, labels, positions, partial(_final_moments, text, len(labels), path))


def _last_geometry(text: str, lattice: Real, alat: float, positions: Real, path: Path) -> tuple[Real, Real]:
    """Of the last step of a relaxation, if it is one."""
    row = rf"\s*{NUMBER}\s+{NUMBER}\s+{NUMBER}"
    cells = re.findall(rf"CELL_PARAMETERS\s*\(?\s*(\w+)\s*=?\s*({NUMBER})?\s*\)?\s*\n((?:{row}\s*\n){{3}})", text)
    if cells:
        unit, own, rows = cells[-1][:3]
        scale = {"angstrom": 1.0, "bohr": BOHR}.get(unit, float(own) * BOHR if own else alat)
        lattice = _spanning(scale * np.array(rows.split()[:9], float).reshape(3, 3), path)
    row = rf"[ \t]+{NUMBER}[ \t]+{NUMBER}[ \t]+{NUMBER}"  # on one line with its label, which may be missing
    lists = re.findall(rf"ATOMIC_POSITIONS\s*[({{]?\s*(\w+)\s*[)}}]?\s*\n((?:[ \t]*[A-Za-z][^\s=]*{row}[ \t01]*\n)+)", text)
    whole = [(unit, rows.strip().splitlines()) for unit, rows in lists if len(rows.strip().splitlines()) == len(positions)]
    if whole:
        unit, atoms = whole[-1]  # a run that was stopped may end within a list
        values = np.array([line.split()[1:4] for line in atoms], float)
        positions = _reduced(values, unit.lower(), lattice, alat, path)
    return lattice, positions


def _final_moments(text: str, n_atoms: int, path: Path) -> Real:
    vectors = re.findall(rf"^\s*magnetization\s*:\s*{THREE}", text, re.M)
    numbers = re.findall(rf"^\s*atom:?\s+\d+\s+(?:\(R=.*?\))?\s*charge[:=]\s*{NUMBER}\s+magn[:=]\s*({NUMBER})", text, re.M)
    if len(vectors) >= n_atoms:
        return np.array(vectors[-n_atoms:], float)
    if len(numbers) >= n_atoms:
        return np.array(numbers[-n_atoms:], float)[:, None] * np.array([0.0, 0.0, 1.0])
    if re.search(r"Starting magnetic structure|total magnetization\s*=|Noncollinear calculation", text) is None:
        return np.zeros((n_atoms, 3))
    raise InputError(
        f"'{path}' is of a magnetic run of pw.x and does not print a moment for each of its {n_atoms} atoms: run pw.x with "
        "verbosity = 'high', or give its input, or the moments with magnetic_moments"
    )
