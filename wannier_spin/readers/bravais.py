"""The lattices that pw.x makes of `ibrav` and `celldm` (Quantum ESPRESSO, INPUT_PW, section ibrav)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

Real = NDArray[np.float64]
KNOWN = (1, 2, 3, -3, 4, 5, -5, 6, 7, 8, 9, -9, 91, 10, 11, 12, -12, 13, -13, 14)


def bravais_lattice(ibrav: int, celldm: Real, path: Path) -> Real:
    """Lattice vectors (rows) in the unit of celldm(1). celldm (6,): a, b/a, c/a, then cosines as pw.x takes them.

    Raises InputError: an ibrav that pw.x does not know, a length or cosine that is missing.
    """
    if ibrav not in KNOWN:
        raise InputError(f"'{path}': pw.x knows no ibrav = {ibrav}; it knows {', '.join(map(str, KNOWN))}")
    a, b, c = celldm[0], celldm[0] * celldm[1], celldm[0] * celldm[2]
    needs_b, needs_c = abs(ibrav) in (8, 9, 91, 10, 11, 12, 13, 14), ibrav == 4 or abs(ibrav) >= 6
    if not a > 0 or (needs_b and not b > 0) or (needs_c and not c > 0):
        raise InputError(f"'{path}': ibrav = {ibrav} needs celldm(1){', b/a' * needs_b}{', c/a' * needs_c} above zero (or A, B, C)")
    oblique = abs(ibrav) in (5, 12, 13, 14)
    lattice = _oblique(ibrav, a, b, c, celldm[3:]) if oblique else _simple(ibrav, a, b, c)
    if not np.isfinite(lattice).all() or abs(np.linalg.det(lattice)) < 1e-8:
        raise InputError(f"'{path}': ibrav = {ibrav} with the cosines {celldm[3:].tolist()} makes no cell")
    return np.asarray(lattice, float)


def _simple(ibrav: int, a: float, b: float, c: float) -> Real:
    """Lattices without free angles."""
    halves: dict[int, list[list[float]]] = {  # in units of (a/2, b/2, c/2), with b = a and c = a where they are not given
        1: [[2, 0, 0], [0, 2, 0], [0, 0, 2]],
        2: [[-1, 0, 1], [0, 1, 1], [-1, 1, 0]],
        3: [[1, 1, 1], [-1, 1, 1], [-1, -1, 1]],
        -3: [[-1, 1, 1], [1, -1, 1], [1, 1, -1]],
        4: [[2, 0, 0], [-1, np.sqrt(3), 0], [0, 0, 2]],
        6: [[2, 0, 0], [0, 2, 0], [0, 0, 2]],
        7: [[1, -1, 1], [1, 1, 1], [-1, -1, 1]],
        8: [[2, 0, 0], [0, 2, 0], [0, 0, 2]],
        9: [[1, 1, 0], [-1, 1, 0], [0, 0, 2]],
        -9: [[1, -1, 0], [1, 1, 0], [0, 0, 2]],
        91: [[2, 0, 0], [0, 1, -1], [0, 1, 1]],
        10: [[1, 0, 1], [1, 1, 0], [0, 1, 1]],
        11: [[1, 1, 1], [-1, 1, 1], [-1, -1, 1]],
    }
    lengths = np.array([a, b if ibrav in (8, 9, -9, 91, 10, 11) else a, a if abs(ibrav) <= 3 else c])
    return np.array(halves[ibrav]) * lengths / 2


def _oblique(ibrav: int, a: float, b: float, c: float, cosines: Real) -> Real:
    """Trigonal, monoclinic and triclinic lattices."""
    with np.errstate(invalid="ignore"):
        if abs(ibrav) == 5:
            return _trigonal(ibrav, a, cosines[0])
        if ibrav == 14:
            x, y, z = cosines
            sine = np.sqrt(1 - z * z)
            height = np.sqrt(1 + 2 * x * y * z - x * x - y * y - z * z)
            return np.array([[a, 0, 0], [b * z, b * sine, 0], [c * y, c * (x - y * z) / sine, c * height / sine]])
        cosine = cosines[0] if ibrav > 0 else cosines[1]
        sine = np.sqrt(1 - cosine * cosine)
        slanted_b, slanted_c = [b * cosine, b * sine, 0], [c * cosine, 0, c * sine]
        return {
            12: np.array([[a, 0, 0], slanted_b, [0, 0, c]]),
            -12: np.array([[a, 0, 0], [0, b, 0], slanted_c]),
            13: np.array([[a / 2, 0, -c / 2], slanted_b, [a / 2, 0, c / 2]]),
            -13: np.array([[a / 2, b / 2, 0], [-a / 2, b / 2, 0], slanted_c]),
        }[ibrav]


def _trigonal(ibrav: int, a: float, cosine: float) -> Real:
    tx, ty, tz = np.sqrt((1 - cosine) / 2), np.sqrt((1 - cosine) / 6), np.sqrt((1 + 2 * cosine) / 3)
    if ibrav == 5:
        return a * np.array([[tx, -ty, tz], [0, 2 * ty, tz], [-tx, -ty, tz]])
    u, v = tz - 2 * np.sqrt(2) * ty, tz + np.sqrt(2) * ty
    return a / np.sqrt(3) * np.array([[u, v, v], [v, u, v], [v, v, u]])
