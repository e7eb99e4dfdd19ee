"""Hot spots: what a few k-points make of an integral, found by a mesh, and integrated by boxes under a bump.

A small gap is as sharp as it is small, and no mesh resolves it; but a few of them in the zone are no reason to leave the mesh, on
which all else converges. The mesh sums (1 - chi) F, with a bump chi that is one at the gap and its images (`integration.bumps`),
and boxes about one of the images integrate chi F, reduced by the operations that leave it where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.algorithm import Execution, Integral
from wannier_spin.integrals.bars.hidden import NearestGaps
from wannier_spin.integrals.boxes import REMEMBERED, CellIntegrand, Points
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.sums import GIB, cell_volume
from wannier_spin.integrals.tolerance.gaps import Gap
from wannier_spin.integration.adaptive import Limits, Problem, adapt
from wannier_spin.integration.boxes import Tiling
from wannier_spin.integration.bumps import Bump, outside
from wannier_spin.model import TightBindingModel
from wannier_spin.symmetry import BoxSymmetry, axes_about

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Spot:
    """Where it is, the gap that makes it, and k-points spent on it."""

    bump: Bump
    gap: Gap
    evaluations: int = 0

    def __str__(self) -> str:
        n = len(self.bump.centres)
        return f"{self.gap}; within {self.bump.radius:.3g} 1/angstrom, {n} of them by symmetry, {self.evaluations} k-points"


@dataclass(frozen=True)
class Inside:
    """The integral of chi F of one spot or several, all images together: value, fine - coarse, and root of the sum of squared
    errors, of all channels (w, C) each; minima, see `minima_of`; k-points, and whether it is within its tolerance.
    """

    value: Real
    difference: Real
    spread: Real
    minima: Real
    evaluations: int
    converged: bool

    def plus(self, other: Inside) -> Inside:
        """Of two spots."""
        spread, minima = np.sqrt(self.spread**2 + other.spread**2), np.minimum(self.minima, other.minima)
        n, both = self.evaluations + other.evaluations, self.converged and other.converged
        return Inside(self.value + other.value, self.difference + other.difference, spread, minima, n, both)


@dataclass(frozen=True)
class SpotIntegrand(CellIntegrand):
    """On boxes about the first centre of a bump. before : bumps whose integrand is taken out of this one."""

    bump: Bump
    before: tuple[Bump, ...]

    @cached_property
    def density(self) -> float:
        """See `BoxIntegrand`: x counts the axes, which span so many primitive cells."""
        return self.axes.n_cells * len(self.bump.centres) / cell_volume(self.model)

    def points_of(self, lower: Real, size: Real) -> tuple[Points, NearestGaps]:
        """See `BoxIntegrand`."""
        found, gaps = super().points_of(lower, size)
        nodes = np.stack(np.meshgrid(*self.rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
        k = self.coordinates((lower[:, None] + size[:, None] * nodes).reshape(-1, 3))
        share = (self.bump.share(k) * outside(self.before, k))[:, None, None]
        points = Points(found.energies, found.group, found.slopes, found.sea * share, found.surface * share, found.steep)
        return points, gaps


def spot_integrand(integral: Integral, wanted: Tolerance, memory: float, bump: Bump, before: Sequence[Bump]) -> SpotIntegrand:
    """Boxes that cover the ball about the first centre."""
    model = integral.model
    assert isinstance(model, TightBindingModel)
    axes = axes_about(integral.reducing, bump.centres[0], model.periodic, bump.metric)
    given = (integral.plan, integral.channels(wanted), integral.occupation, integral.degeneracy_tolerance, axes)
    return SpotIntegrand(*given, _cover(axes, bump, model.periodic), memory, model, bump, tuple(before))


def _cover(axes: BoxSymmetry, bump: Bump, periodic: Sequence[bool]) -> Tiling:
    """Two boxes along each axis, that meet in the centre."""
    used = np.array(periodic)
    half = np.zeros(3)
    half[used] = bump.radius * np.linalg.norm(np.linalg.pinv((axes.basis @ bump.metric)[used]), axis=0)
    centre = bump.centres[0] @ np.linalg.inv(axes.basis)
    a, b, c = (x + np.array([-h, 0.0, h]) if p else np.array([0.0, 1.0]) for x, h, p in zip(centre, half, periodic, strict=True))
    return Tiling((a, b, c), axes.permutations, axes.signs)


def integrate(integrand: SpotIntegrand, allowed: Real, execution: Execution, limits: Limits) -> Inside | None:
    """The integral of a spot, with error bars of the responses within what is allowed (r,); None if the limits do not allow it
    to begin. Raises Interrupted.
    """
    channels, points = integrand.channels, integrand.rule.n_points
    if len(integrand.tiling.first()) * points > limits.max_evaluations:
        return None
    problem = Problem(
        integrand=integrand,
        points=points,
        judge=lambda totals: channels.judge_by(totals, allowed),
        tiling=integrand.tiling,
        limits=limits,
        comm=execution.comm,
        memory=REMEMBERED * integrand.memory * GIB,
        stop=execution.control.stop,
    )
    state, verdict = adapt(problem)
    totals = state.totals
    value, difference, spread = (
        channels.expand(totals.value),
        channels.expand(totals.difference),
        channels.expand_bound(totals.spread),
    )
    return Inside(value, difference, spread, totals.minima, state.evaluations, verdict.converged)
