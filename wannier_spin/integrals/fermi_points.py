"""How many points of a mesh know of a Fermi surface, and how many of their cells it crosses.

Sums over a mesh see a Fermi surface by the points that are near it: f and f' of all others do not change with mu. A pocket that is
smaller than the spacing, or a few kelvin, leave none: the sums then hardly change with mu, or vanish, and so do their Fourier
coefficients, of which error bars are made. That the Fermi surface is there all the same is known from the velocities: a band takes
within the cell in k that a point stands for all energies within half of what it changes by from one side to the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.geometry import BandGeometry
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
NEAR = 2.0 * (1 + 1e-7)  # in kT: -f' is 1/(4 kT) at its highest, and its integral is 1; rounding decides nothing at round distances
NEAR_COLD = 0.01  # of the step of energies between points, where kT is less: f is then a step for all that the mesh resolves


@dataclass(frozen=True)
class FermiPoints:
    """At every (mu, T) of a scan. step : what an energy changes by from one point of the mesh to the next, eV."""

    scan: Occupation
    step: float

    @property
    def size(self) -> int:
        """Numbers in the counts."""
        return 2 * self.scan.n_points

    def counted(self, energies: Real, halves: Real, weights: Real) -> Real:
        """States near mu, and states whose cells mu crosses, with the weights of their points: (2, w).

        energies (k, n) and halves (k, n) : half of what each one changes by over the cell of its point, eV. weights : (k,).
        """
        level, kT = self.scan.points
        near = np.maximum(NEAR * kT, NEAR_COLD * self.step)
        (low, high), widest = self.scan.span, near.max()
        used = (energies + halves > low - widest) & (energies - halves < high + widest)
        E, half, w = energies[used], halves[used], np.broadcast_to(weights[:, None], energies.shape)[used]
        seen = _below(E, w, level + near) - _below(E, w, level - near)
        crossed = _below(E - half, w, level + NEAR * kT) - _below(E + half, w, level - NEAR * kT)
        return np.stack([seen, crossed])


def half_changes(geometry: BandGeometry, axes: Real) -> Real:
    """Half of what every band changes by over the cell of its point, eV: (k, n).

    axes : rows that span the cell, Cartesian, 1/angstrom. Bands that touch at a point leave it with different velocities: of a
    group it is the root mean square.
    """
    if not geometry.has_degeneracies:
        return np.asarray(np.linalg.norm(axes @ geometry.group_velocity, axis=1) / 2)
    k, n, m = np.nonzero(geometry.same_group)  # few of all pairs
    squares: Real = (np.abs(geometry.velocity[k, :, n, m] @ axes.T) ** 2).sum(axis=1)
    shape = geometry.group.shape
    of_states = np.asarray(np.bincount(k * shape[1] + n, squares, math.prod(shape)), float).reshape(shape)
    return np.asarray(np.sqrt(geometry.group_mean(of_states)) / 2)


def _below(energies: Real, weights: Real, limits: Real) -> Real:
    """Sums of the weights (s,) of energies (s,) below each of the limits: (w,)."""
    order = np.argsort(energies)
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    return np.asarray(sums[np.searchsorted(energies[order], limits)])
