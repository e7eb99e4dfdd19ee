"""Magnetic moments of VASP: `MAGMOM` of INCAR (beside POSCAR) or vasprun.xml, and the tables of OUTCAR.

Noncollinear moments are components with respect to SAXIS, with the Euler angles alpha = atan2(s_y, s_x) and
beta = angle between SAXIS and z (VASP wiki, SAXIS):

    m_x = cos b cos a m1 - sin a m2 + sin b cos a m3
    m_y = cos b sin a m1 + cos a m2 + sin b sin a m3
    m_z = -sin b m1 + cos b m3

Collinear moments (ISPIN = 2 without LNONCOLLINEAR) point along z, where VASP itself leaves the direction open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import read_bytes

Real = NDArray[np.float64]
OF_MOMENTS = ("ISPIN", "LNONCOLLINEAR", "LSORBIT", "MAGMOM", "SAXIS")
FLOAT = r"[-+]?\d+\.?\d*(?:[eEdD][-+]?\d+)?"


def poscar_moments(path: Path, n_atoms: int) -> Real:
    """(i, 3) Cartesian, from the INCAR in the folder of a POSCAR; zero where there is none, or it is not magnetic.

    Raises InputError: MAGMOM has a wrong number of moments, or is missing in a magnetic calculation.
    """
    incar = path.with_name("INCAR")
    if not incar.is_file():
        return np.zeros((n_atoms, 3))
    return _initial(_incar(read_bytes(incar).decode("utf-8", "replace"), incar), n_atoms, incar)


def vasprun_moments(path: Path, n_atoms: int) -> Real:
    """(i, 3) Cartesian, the MAGMOM that a vasprun.xml was started with. Raises InputError as `poscar_moments`."""
    try:
        root = ElementTree.fromstring(read_bytes(path))
    except ElementTree.ParseError as error:
        raise InputError(f"'{path}' is no whole XML file ({error}); was the run finished?") from error
    found = [node for table in ("parameters", "incar") for part in root.iter(table) for node in part.iter() if node.tag in "iv"]
    tags = {str(node.get("name")): (node.text or "").strip() for node in found}
    return _initial(tags, n_atoms, path)


def outcar_moments(path: Path, n_atoms: int) -> Real:
    """(i, 3) Cartesian, of the last tables 'magnetization (x)', ... of an OUTCAR.

    Raises InputError: a magnetic calculation without such tables, as without LORBIT.
    """
    text = read_bytes(path).decode("utf-8", "replace")
    noncollinear = re.search(r"LNONCOLLINEAR\s*=\s*T", text) is not None
    if not noncollinear and re.search(r"ISPIN\s*=\s*2", text) is None:
        return np.zeros((n_atoms, 3))
    columns = [_table(text, axis, n_atoms) for axis in ("xyz" if noncollinear else "x")]
    if any(column is None for column in columns):
        raise InputError(
            f"'{path}' is of a magnetic calculation and has no table 'magnetization ({'z' if noncollinear else 'x'})' of "
            f"{n_atoms} atoms: run VASP with LORBIT = 11, or give the moments with magnetic_moments"
        )
    if not noncollinear:
        return np.asarray(columns[0])[:, None] * np.array([0.0, 0.0, 1.0])
    angles = re.findall(rf"Euler angles ALPHA=\s*({FLOAT})\s+BETA=\s*({FLOAT})", text)
    alpha, beta = (_value(x) for x in angles[-1]) if angles else (0.0, 0.0)
    return np.asarray(np.array(columns).T @ _frame(alpha, beta).T)


def _table(text: str, axis: str, n_atoms: int) -> list[float] | None:
    """The last column, "tot", of the last table of one component."""
    start = text.rfind(f"magnetization ({axis})")
    rows = re.findall(r"^\s+\d+((?:\s+-?\d+\.\d+)+)\s*$", text[start : start + 200 * (n_atoms + 5)], re.M) if start >= 0 else []
    return [float(row.split()[-1]) for row in rows[:n_atoms]] if len(rows) >= n_atoms else None


def _incar(text: str, path: Path) -> dict[str, str]:
    """Tags of an INCAR; comments, continued lines and several tags in one line as VASP has them.

    Raises InputError where a tag of the moments stands twice with different values: VASP takes the first, others the last.
    """
    text = re.sub(r"[#!].*", "", re.sub(r"\\\s*\n", " ", text))
    tags: dict[str, str] = {}
    for part in (part for line in text.splitlines() for part in line.split(";") if "=" in part):
        key, value = (word.strip() for word in part.split("=", 1))
        key = key.upper()
        if key in OF_MOMENTS and _meaning(tags.get(key, value)) != _meaning(value):
            raise InputError(f"'{path}' has {key} twice, '{tags[key][:40]}' and '{value[:40]}': leave the one that was meant")
        tags.setdefault(key, value)
    return tags


def _meaning(value: str) -> list[float] | bool:
    return _expanded(value)[0] or _true(value)


def _initial(tags: Mapping[str, str], n_atoms: int, path: Path) -> Real:
    noncollinear = _true(tags.get("LNONCOLLINEAR", "")) or _true(tags.get("LSORBIT", ""))
    magnetic = noncollinear or tags.get("ISPIN", "1").split()[:1] == ["2"]
    given = tags.get("MAGMOM")
    if not magnetic:
        return np.zeros((n_atoms, 3))  # VASP does not look at MAGMOM
    if given is None:
        raise InputError(
            f"'{path}' is of a magnetic calculation and has no MAGMOM: VASP then starts all atoms alike, and what they became is "
            "in OUTCAR; give that file, or the moments with magnetic_moments (zeros if there are none)"
        )
    values, rest = _expanded(given)
    wanted = 3 * n_atoms if noncollinear else n_atoms
    if len(values) != wanted:
        kind = "noncollinear" if noncollinear else "collinear"
        then = f" and then '{rest}'" if rest else ""
        raise InputError(f"'{path}': MAGMOM has {len(values)} numbers{then}; {n_atoms} atoms of a {kind} calculation need {wanted}")
    if not noncollinear:
        return np.array(values)[:, None] * np.array([0.0, 0.0, 1.0])
    axis = np.array(_expanded(tags.get("SAXIS", "0 0 1"))[0])
    if axis.shape != (3,) or not axis.any():
        raise InputError(f"'{path}': SAXIS is '{tags['SAXIS']}', expected three numbers, not all zero")
    alpha, beta = np.arctan2(axis[1], axis[0]), np.arctan2(np.hypot(axis[0], axis[1]), axis[2])
    return np.asarray(np.array(values).reshape(-1, 3) @ _frame(float(alpha), float(beta)).T)


def _expanded(text: str) -> tuple[list[float], str]:
    """'2*0 1.5 (up)' -> [0, 0, 1.5], '(up)': the numbers that the text begins with, and what follows, which VASP passes over."""
    values: list[float] = []
    words = text.split()
    for i, word in enumerate(words):
        number = re.fullmatch(rf"(?:(\d{{1,6}})\*)?({FLOAT}|[-+]?\.\d+)", word)
        if number is None:
            return values, " ".join(words[i:])[:40]
        values += [_value(number[2])] * int(number[1] or 1)
    return values, ""


def _value(number: str) -> float:
    """Of a FLOAT, which may have Fortran's exponent."""
    return float(re.sub("[dD]", "e", number))


def _frame(alpha: float, beta: float) -> Real:
    """Components along SAXIS -> Cartesian."""
    (ca, sa), (cb, sb) = ((np.cos(x), np.sin(x)) for x in (alpha, beta))
    return np.array([[cb * ca, -sa, sb * ca], [cb * sa, ca, sb * sa], [-sb, 0.0, cb]])


def _true(text: str) -> bool:
    return text.strip().lstrip(".").upper().startswith("T")
