"""The first Brillouin zone: the points that no other point of the lattice in k is nearer to than Gamma."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.described import described

Real = NDArray[np.float64]
REACH = 3  # lattice points in each direction; a zone has few neighbours
SAME = 1e-7  # of the longest vector: two corners closer than this are one


@described(distances="1/angstrom", edges="1/angstrom")
@dataclass(frozen=True)
class FirstZone:
    """The polyhedron normals @ k <= distances: normals (f,3) unit vectors, distances (f,); edges (e,2,3), its straight edges."""

    normals: Real
    distances: Real
    edges: Real


def first_zone(reciprocal: Real) -> FirstZone:
    """The zone of the lattice in k with these vectors in its rows, (3,3) 1/angstrom."""
    from scipy.spatial import Voronoi

    steps = np.array(list(itertools.product(range(-REACH, REACH + 1), repeat=3)))
    cells = Voronoi(steps @ reciprocal)
    gamma = len(steps) // 2
    faces = [i for i, pair in enumerate(cells.ridge_points) if gamma in pair]
    lattice = cells.points[cells.ridge_points[faces]].sum(axis=1)  # Gamma is zero: the other point
    lengths = np.linalg.norm(lattice, axis=1)
    rings = [cells.vertices[cells.ridge_vertices[i]] for i in faces]
    edges = np.concatenate([np.stack([ring, np.roll(ring, -1, axis=0)], axis=1) for ring in rings])
    return FirstZone(lattice / lengths[:, None], lengths / 2, _once(edges, SAME * float(lengths.max())))


def _once(edges: Real, same: float) -> Real:
    """Each edge once, none of no length: two faces share it."""
    ends = np.round(edges / same).astype(np.int64)
    swapped = [a.tolist() > b.tolist() for a, b in ends]
    ends[swapped] = ends[swapped][:, ::-1]
    first = np.unique(ends.reshape(-1, 6), axis=0, return_index=True)[1]
    return np.asarray(edges[first][np.abs(ends[first, 0] - ends[first, 1]).max(axis=1) > 1])
