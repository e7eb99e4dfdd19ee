"""Which mesh is next within a tolerance: one whose shortest superlattice vector has a length, with the fewest points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.tolerance.outlook import GROWTH, Outlook
from wannier_spin.integration.superlattice import Shapes, Superlattice, factors_from
from wannier_spin.model import TightBindingModel
from wannier_spin.symmetry import mesh_operations

Real = NDArray[np.float64]
FIRST, FEWEST, MOST = 45.0, 6, 14  # angstrom: shortest superlattice vector of the first mesh; in shortest lattice vectors
LEAST = 0.7  # times that of the last mesh has a coarser one, where the mean of both needs no more
SURE = 3  # meshes tell whether a coarser one is enough
TRIED = 12  # lengths between the two
APART = 2  # meshes, the last ones, that a denser one has few points in common with
WORTH = 0.8  # of the points: what a skewed mesh must save


def first_mesh(integral: Integral) -> Superlattice:
    """Shortest superlattice vector FIRST, but not too few or too many times the shortest lattice vector."""
    shortest = length_of(integral, Superlattice((1, 1, 1)))
    return mesh_of(integral, float(np.clip(FIRST, FEWEST * shortest, MOST * shortest)))


def next_mesh(integral: Integral, before: Sequence[Superlattice], outlook: Outlook) -> Superlattice:
    """The one with fewest points for its chance to be enough, as far as GROWTH allows. before : all so far.

    A step that is too small costs a mesh and the next one; one that is too large only what it is larger by. From the SUREth on it
    may be coarser than the last one.
    """
    lengths = [length_of(integral, mesh) for mesh in before]
    last, longest = lengths[-1], max(lengths)
    found = [mesh_of(integral, length, before[-APART:]) for length in np.geomspace(*GROWTH, TRIED) * longest]
    if len(before) >= SURE and last == longest:
        coarser = [mesh_of(integral, length, before) for length in np.geomspace(LEAST, 1, TRIED) * last]
        found += [mesh for mesh in coarser if length_of(integral, mesh) < last]
    chances = [outlook.chance(length_of(integral, mesh) / last) for mesh in found]
    best = max(range(len(found)), key=lambda i: chances[i] / found[i].n_points)
    return found[best] if chances[best] else found[TRIED - 1]


def length_of(integral: Integral, mesh: Superlattice) -> float:
    """Its shortest superlattice vector, angstrom."""
    model = integral.model
    assert isinstance(model, TightBindingModel)
    return mesh.shortest(model.lattice, model.periodic)


def mesh_of(integral: Integral, length: float, before: Sequence[Superlattice] = ()) -> Superlattice:
    """The mesh with fewest points whose shortest superlattice vector is at least so long, angstrom.

    In a crystal that is periodic in all directions any superlattice that has the symmetries that k-points are reduced with, where
    it saves points. Along the lattice vectors all points are twice a number without a divisor 2 or 3, and without one of those of
    the meshes `before`: two in a row have few points in common, and a narrow feature at a rational point (7/16 of a
    reciprocal vector in platinum) is met by one of them at most, where others meet it again and again.
    """
    model = integral.model
    assert isinstance(model, TightBindingModel)
    apart = math.lcm(*(mesh.order for mesh in before))
    straight = _along_vectors(integral, model, length, apart)
    if not all(model.periodic):
        return straight
    rotations = {op.reduced.tobytes(): op.reduced for op in integral.reducing}
    skewed = _shapes(model.lattice.tobytes(), tuple(rotations)).fewest(length, apart)
    return skewed if skewed.n_points < WORTH * straight.n_points else straight


def _along_vectors(integral: Integral, model: TightBindingModel, length: float, apart: int) -> Superlattice:
    """In proportion to the reciprocal vectors, as many along all of them where that breaks a symmetry; see `mesh_of`."""
    found = []
    for wanted in (alike(model, 1.0), np.array(model.periodic, float)):
        across = np.linalg.norm(_steps(model) @ (wanted[:, None] * model.lattice), axis=1).min()
        factors = factors_from(wanted * length / (2 * across) - 1e-6, apart)
        n1, n2, n3 = (2 * int(p) if n else 1 for p, n in zip(factors, wanted, strict=True))
        found.append(Superlattice((n1, n2, n3)))
    kept = [len(mesh_operations(integral.reducing, mesh.points, (0.0, 0.0, 0.0))) for mesh in found]
    return found[0] if kept[0] == kept[1] else found[1]


@lru_cache(maxsize=8)
def _shapes(lattice: bytes, rotations: tuple[bytes, ...]) -> Shapes:
    """Of a lattice (3, 3) and rotations of reduced coordinates (3, 3), each as bytes."""
    return Shapes.of(np.frombuffer(lattice).reshape(3, 3), [np.frombuffer(W, np.int64).reshape(3, 3) for W in rotations])


def _steps(model: TightBindingModel) -> Real:
    """Short vectors of any lattice in the periodic directions, in its basis: (s, 3)."""
    steps = np.array([s for s in itertools.product((-1, 0, 1), repeat=3) if any(s)])
    return steps[(steps[:, ~np.array(model.periodic)] == 0).all(axis=1)]


def alike(model: TightBindingModel, longest: float) -> Real:
    """So much along the longest reciprocal vector and in proportion along the others, zero without periodicity: (3,)."""
    lengths = np.linalg.norm(np.linalg.inv(model.lattice), axis=0) * np.array(model.periodic)
    return np.asarray(longest * lengths / lengths.max())
