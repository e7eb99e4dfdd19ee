"""Paths and planes in k that need no coordinates: the lines of a `.win` file or of a structure, and planes by Miller indices."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.kpath import KPlane, check_miller, k_plane
from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.readers.win import read_win

Real = NDArray[np.float64]
Segment = tuple[str, Real, str, Real]
SAME = 1e-6  # reduced coordinates
ROOM = 1.08  # of a plane, around the first Brillouin zone
SAMPLES = 61  # points along an axis, to find out how far the zone reaches


def path_of_win(path: Path) -> str | None:
    """The block kpoint_path of a `.win` file as `k_path` takes it; None if there is none.

    Raises InputError for a line that is not two labels with three numbers each.
    """
    rows = read_win(path).blocks.get("kpoint_path")
    if not rows:
        return None
    segments: list[Segment] = []
    for row in rows:
        words = row.replace(",", " ").split()
        try:
            start, end = np.array(words[1:4], float), np.array(words[5:8], float)
        except (ValueError, IndexError):
            start = end = np.empty(0)
        if len(words) < 8 or len(start) != 3 or len(end) != 3:
            raise InputError(
                f"'{path}': '{row.strip()}' in kpoint_path, expected two labels with three numbers each, 'G 0 0 0 X .5 0 .5'"
            )
        segments.append((words[0], start, words[4], end))
    return _written(segments)


def path_of_structure(structure: Structure, periodic: Sequence[bool] = (True, True, True)) -> str:
    """High-symmetry lines of a structure, in its own reciprocal lattice, by seekpath (HPKOT); those across a vacuum are left out.

    With moments k and -k are not taken to be equivalent. Raises InputError without seekpath, and where no line is left.
    """
    try:
        import seekpath
    except ImportError as error:
        raise InputError(
            "paths of a structure need seekpath: pip install 'wannier-spin[paths]'; or give --path 'G 0 0 0; X 1/2 0 0', or write "
            "kpoint_path into .win"
        ) from error
    cell = (structure.lattice, structure.positions, structure.numbers)
    magnetic = bool(np.abs(structure.magnetic_moments).max() > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of spglib's dictionaries, which seekpath still uses
        found: Any = seekpath.get_path_orig_cell(cell, with_time_reversal=not magnetic)
    points = {name: np.asarray(k, float) for name, k in found["point_coords"].items()}
    across = ~np.asarray(periodic)
    segments = [
        (_label(a), points[a], _label(b), points[b])
        for a, b in found["path"]
        if np.abs(np.concatenate([points[a][across], points[b][across]])).max(initial=0.0) < SAME
    ]
    if not segments:
        raise InputError("no high-symmetry line of this structure lies in the layer: give --path")
    return _written(segments)


def _label(name: str) -> str:
    return "G" if name == "GAMMA" else name


def _written(segments: Sequence[Segment]) -> str:
    """Segments as "G 0 0 0; X 0.5 0 0 | K ...": one that starts where the last one ended goes on with it."""
    text, last = "", None
    for name, start, end_name, end in segments:
        goes_on = last is not None and last[0] == name and np.abs(last[1] - start).max() < SAME
        if not goes_on:
            text += (" | " if text else "") + _corner(name, start)
        text += "; " + _corner(end_name, end)
        last = (end_name, end)
    return text


def _corner(name: str, k: Real) -> str:
    return " ".join([name, *(f"{x + 0.0:.10g}" for x in k)])


def miller_plane(
    model: Model,
    indices: Sequence[int],
    points: tuple[int, int] = (101, 101),
    marks: str = "",
    *,
    cell: Real | None = None,
) -> KPlane:
    """The plane in k through Gamma that is parallel to the lattice plane (h k l), as large as the first Brillouin zone there.

    indices : of the vectors of `cell` (3, 3), rows, angstrom, so that the normal is h b1 + k b2 + l b3; None: those of the model.
    marks : as of `k_plane`.
    Raises InputError for 0 0 0, for a k·p model, and for a plane that a vacuum cuts.
    """
    model = model.crystal("Miller indices need a lattice, which it has not; give the corners of the plane")
    hkl = check_miller(indices)
    reciprocal = model.to_cartesian
    normal = hkl @ (reciprocal if cell is None else 2 * np.pi * np.linalg.inv(cell).T)
    axes = _in_plane(normal / np.linalg.norm(normal))
    vacuum = model.lattice[~np.asarray(model.periodic)]
    if len(vacuum) and np.abs(axes @ vacuum.T).max() > SAME * np.linalg.norm(vacuum):
        raise InputError(f"the plane ({' '.join(f'{int(i)}' for i in hkl)}) leads through the vacuum, where nothing depends on k")
    x, y = _reach(axes, reciprocal[np.asarray(model.periodic)])
    corners = np.array([[-x, -y], [x, -y], [-x, y]]) @ axes @ np.linalg.inv(reciprocal)
    return k_plane(model, "; ".join(_corner(".", corner) for corner in corners), points, marks or "G 0 0 0")


def _in_plane(normal: Real) -> Real:
    """Two orthogonal unit vectors across the normal, the first as near to a Cartesian axis as can be: (2,3)."""
    axis = np.eye(3)[int(np.argmin(np.abs(np.round(normal, 9))))]
    first = axis - (axis @ normal) * normal
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first)])


def _reach(axes: Real, lattice: Real) -> tuple[float, float]:
    """How far the first Brillouin zone reaches along both axes of the plane, with some room."""
    steps = np.stack(np.meshgrid(*[range(-2, 3)] * len(lattice), indexing="ij"), axis=-1).reshape(-1, len(lattice)) @ lattice
    others = steps[np.linalg.norm(steps, axis=1) > 0]
    far = float(np.linalg.norm(lattice, axis=1).sum())
    line = np.linspace(-far, far, 2 * SAMPLES + 1)
    place = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    k = place @ axes
    inside = place[(2 * k @ others.T <= (others**2).sum(axis=1) * (1 + SAME)).all(axis=1)]
    x, y = ROOM * (np.abs(inside).max(axis=0) + line[1] - line[0])
    return float(x), float(y)
