"""How many points of a mesh know of a Fermi surface, how many of their cells it crosses, and with which velocities.

Sums over a mesh see a Fermi surface by the points that are near it: f and f' of all others do not change with mu. A pocket that is
smaller than the spacing, or a few kelvin, leave none: the sums then hardly change with mu, or vanish, and so do their Fourier
coefficients, of which error bars are made. That the Fermi surface is there all the same is known from the velocities: a band takes
within the cell in k that a point stands for all energies within half of what it changes by from one side to the other, and more
where one next to it bends it (`Slopes`).

A state and its images under the group are one: they lie at one energy, and all miss what one of them misses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin.compiled import compiled
from wannier_spin.integrals.bars.nearest import COMPILED_FROM
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
NEAR = 2.0 * (1 + 1e-7)  # in kT: -f' is 1/(4 kT) at its highest, and its integral is 1; rounding decides nothing at round distances
COUNTS = 4  # at each (mu, T)
NEAR_COLD = 0.01  # of the step of energies between points, where kT is less: f is then a step for all that the mesh resolves


@dataclass(frozen=True)
class FermiPoints:
    """At every (mu, T) of a scan. step : what an energy changes by from one point of the mesh to the next, eV. directions : along
    how many the mesh has points.
    """

    scan: Occupation
    step: float
    directions: int

    @property
    def size(self) -> int:
        """Numbers in the counts."""
        return COUNTS * self.scan.n_points

    def counted(self, energies: Real, reach: Real, weights: Real, alone: Real) -> Real:
        """States near mu, states whose cells mu crosses, and of the latter the squares of what one changes by from one point to the
        next (eV^2, mean over the directions), with the weights of their points, and once more states near mu, but all images of one
        under the group as one: (4, w).

        energies (k, n), and reach (2, k, n) : how far each one goes below and above within the cell of its point, eV. weights (k,),
        and alone (k,) : the same over the number of images of the point.
        """
        if 3 * energies.size * energies.shape[1] >= COMPILED_FROM:
            return self._counted_compiled(energies, reach, weights, alone)
        level, kT = self.scan.points
        near = np.maximum(NEAR * kT, NEAR_COLD * self.step)
        (low, high), widest = self.scan.span, near.max()
        bottom, top = energies - reach[0], energies + reach[1]
        used = (top > low - widest) & (bottom < high + widest)
        E, bottom, top = energies[used], bottom[used], top[used]
        w, one = (np.broadcast_to(x[:, None], energies.shape)[used] for x in (weights, alone))
        seen, distinct = (_below(E, x, level + near) - _below(E, x, level - near) for x in (w, one))
        crossed, squares = (
            _below(bottom, x, level + NEAR * kT) - _below(top, x, level - NEAR * kT)
            for x in (w, w * (top - bottom) ** 2 / self.directions)
        )
        return np.stack([seen, crossed, squares, distinct])

    def _counted_compiled(self, energies: Real, reach: Real, weights: Real, alone: Real) -> Real:
        """The same in one pass over the states."""
        counts = np.zeros((COUNTS, *self._limits.shape[2:]))
        compiled(_count)(counts, self._limits, *(np.ascontiguousarray(x) for x in (energies, reach, weights, alone)))
        counts[2] /= self.directions
        return counts[..., self._place].swapaxes(1, 2).reshape(COUNTS, -1)

    @cached_property
    def _place(self) -> NDArray[np.int64]:
        """Of every mu among all of them in order: (m,)."""
        return np.argsort(np.argsort(self.scan.mu, kind="stable"), kind="stable")

    @cached_property
    def _limits(self) -> Real:
        """For what is seen and what is crossed, the ends of all that is near each mu, in order: (2, lower or upper, T, m)."""
        mu, kT = np.sort(self.scan.mu), self.scan.kT[:, None]
        reach = np.stack([np.maximum(NEAR * kT, NEAR_COLD * self.step), NEAR * kT])
        return np.stack([mu - reach, mu + reach], axis=1)


def _count(
    counts: Real, limits: Real, energies: Real, reach: Real, weights: Real, alone: Real
) -> None:  # pragma: no cover  (compiled)
    """To counts (4,T,m) the weights (k,) of states (k,n) that are near each mu, of those whose cells it crosses, of these times the
    squares of what these change by, from reach (2,k,n), and of the first with the weights `alone` (k,).
    """
    _, _, temperatures, levels = limits.shape
    steps = np.zeros((COUNTS, temperatures, levels + 1))
    for k in range(len(energies)):
        for n in range(energies.shape[1]):
            for kind in range(2):
                bottom = energies[k, n] - (reach[0, k, n] if kind else 0.0)
                top = energies[k, n] + (reach[1, k, n] if kind else 0.0)
                for t in range(temperatures):
                    lower, upper = limits[kind, 0, t], limits[kind, 1, t]
                    if top < lower[0] or bottom >= upper[-1]:
                        continue
                    first = np.searchsorted(upper, bottom, side="right")
                    after = np.searchsorted(lower, top, side="right")
                    if first < after:
                        steps[kind, t, first] += weights[k]
                        steps[kind, t, after] -= weights[k]
                        further = weights[k] * (top - bottom) ** 2 if kind else alone[k]
                        steps[3 - kind, t, first] += further
                        steps[3 - kind, t, after] -= further
    for kind in range(COUNTS):
        for t in range(temperatures):
            total = 0.0
            for i in range(levels):
                total += steps[kind, t, i]
                counts[kind, t, i] += total


def _below(energies: Real, weights: Real, limits: Real) -> Real:
    """Sums of the weights (s,) of energies (s,) below each of the limits: (w,)."""
    order = np.argsort(energies)
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    return np.asarray(sums[np.searchsorted(energies[order], limits)])
