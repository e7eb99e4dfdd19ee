"""By how much bands change from one side of the cell in k that a point stands for to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import rows
from wannier_spin.compiled import compiled
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.nearest import COMPILED_FROM, slope
from wannier_spin.model import TightBindingModel

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Slopes:
    """mean : (k, n, i) of the group of each band along axes, eV. half : (k, n) half of what a band changes by over the cell that
    the axes span, eV. Bands that touch at a point leave it with different velocities: of a group it is the root mean square.
    """

    mean: Real
    half: Real

    @classmethod
    def of(cls, geometry: BandGeometry, axes: Real) -> Slopes:
        """axes : d k/d x_i, Cartesian, 1/angstrom, (i, a) or at each point (k, i, a)."""
        if geometry.velocity.size >= COMPILED_FROM:
            mean, half = np.empty((*geometry.group.shape, 3)), np.empty(geometry.group.shape)
            compiled(slope)(mean, half, rows(geometry.velocity), geometry.group, np.ascontiguousarray(axes).reshape(-1, 3, 3))
            return cls(mean, half)
        mean = np.asarray((axes @ geometry.group_velocity).swapaxes(1, 2))
        if not geometry.has_degeneracies:
            return cls(mean, np.asarray(np.linalg.norm(mean, axis=2) / 2))
        k, n, m = np.nonzero(geometry.same_group)  # few of all pairs
        changes = np.broadcast_to(axes, (len(mean), 3, 3))[k] @ geometry.velocity[k, :, n, m][..., None]
        shape = geometry.group.shape
        squares = (np.abs(changes) ** 2).sum(axis=(1, 2))
        of_states = np.asarray(np.bincount(k * shape[1] + n, squares, math.prod(shape)), float).reshape(shape)
        return cls(mean, np.asarray(np.sqrt(geometry.group_mean(of_states)) / 2))


def step_of(model: TightBindingModel, axes: Real) -> float:
    """What an energy changes by along an axis, root mean square over bands, the zone and the axes, eV.

    axes : (i, a) d k/d x_i, Cartesian, 1/angstrom. With the matrix elements between bands, which make it larger: dH/dk of the
    Fourier sum over R.
    """
    squares = ((model.R_vectors @ model.lattice @ axes.T) ** 2).sum(axis=1)
    weights = (np.abs(model.hamiltonian_R) ** 2).sum(axis=(1, 2)) / model.n_bands
    return float(np.sqrt(squares @ weights / directions(axes)))


def directions(axes: Real) -> int:
    """Along how many a mesh has points, one at least. axes : (i, a)."""
    return max(int(np.linalg.matrix_rank(axes)), 1)
