"""Which points of a mesh are hot spots, from its largest terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.bars.hidden import NearestGaps, mesh_axes
from wannier_spin.integrals.sums import NEAR_FERMI
from wannier_spin.integrals.tolerance.gaps import Gap, followed, geometry_at
from wannier_spin.integration.bumps import Bump
from wannier_spin.integration.peaks import Peaks
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation
from wannier_spin.symmetry import images_of

Real = NDArray[np.float64]
SHARE = 0.5  # of the tolerance: a single orbit that makes more of the answer is one too many
TYPICAL, RANKS = 4.0, slice(4, 24)  # times the median of these orbits: where all are as large, the mesh is too coarse
RADIUS = 4.0  # spacings: a bump that the mesh resolves
APART = 2.0  # spacings: nearer ones are one
FOLLOWED = 3.0  # spacings: how far from its point a gap may be
SMALL = 0.5  # of what energies change by from one point to the next: larger gaps are seen


@dataclass(frozen=True)
class Hot:
    """A point of the mesh that is too large: k (3,), how many times its tolerance may stand for it, the mu and kT where it is."""

    k: Real
    excess: float
    mu: float
    kT: float


def hot_points(peaks: Peaks, allowed: Real, scan: Occupation, judged: NDArray[np.bool_]) -> list[Hot]:
    """The largest first.

    peaks : as `Watch` makes them. allowed : (r,) errors of the responses. judged : (points of the scan,) held to a tolerance.
    """
    n, (mu, kT) = scan.n_points, scan.points
    size = peaks.size.reshape(len(peaks.size), 2, len(allowed), n) / allowed[:, None]
    typical = np.median(size[RANKS, 0], axis=0) if len(size) > RANKS.start else np.zeros(size.shape[2:])
    large = (size > SHARE) & judged
    large[:, 0] &= size[:, 0] > TYPICAL * typical
    found = []
    for row, kind, response, point in np.argwhere(large):
        place = (kind * len(allowed) + response) * n + point
        k = peaks.k[row, place]
        found.append(Hot(k, float(size[row, kind, response, point]), float(mu[point]), float(kT[point])))
    order = np.argsort([-float(f"{hot.excess:.9g}") for hot in found], kind="stable")
    return [found[i] for i in order]


def bumps_at(integral: Integral, hot: Sequence[Hot], spacings: Real, step: float, room: Room) -> list[tuple[Bump, Gap]]:
    """Bumps about the small gaps next to hot points, as many as there is room for.

    spacings : of the mesh, (d, 3). step : what an energy changes by from one point to the next, eV. What is hot without a small gap
    is left to the mesh: it is not one spot, but the scale of the bands.
    """
    model = integral.model
    assert isinstance(model, TightBindingModel)
    reciprocal = model.to_cartesian
    spacing = float(np.linalg.norm(spacings, axis=1).max())
    near = _Near(integral, mesh_axes(spacings, [op.rotation for op in integral.reducing]), spacing, step, reciprocal)
    found: list[tuple[Bump, Gap]] = []
    for one in hot:
        if any(bump.distance(one.k) < APART * spacing for bump, _ in found):
            continue
        gap = near.gap(one)
        if gap is None or any(bump.distance(gap.k) < APART * spacing for bump, _ in found):
            continue
        bump = Bump(images_of(integral.reducing, gap.k), RADIUS * spacing, reciprocal)
        if (
            len(found) < room.spots
            and sum(b.volume(model.dimension) for b in (bump, *(b for b, _ in found))) <= room.volume
            and bump.fits
        ):
            found.append((bump, gap))
    return found


@dataclass(frozen=True)
class Room:
    """How many spots there may be, and how large all their balls together, 1/angstrom^d."""

    spots: int
    volume: float


@dataclass(frozen=True)
class _Near:
    """axes : of `NearestGaps`. spacing : 1/angstrom. step : eV. reciprocal : rows are the reciprocal vectors, Cartesian."""

    integral: Integral
    axes: Real
    spacing: float
    step: float
    reciprocal: Real

    def gap(self, hot: Hot) -> Gap | None:
        """The smallest gap near a hot point, between bands that come as near to mu as they change from one point to the next."""
        gaps = NearestGaps.of(geometry_at(self.integral, hot.k[None]), self.axes)
        reach = NEAR_FERMI * hot.kT + self.step
        near = np.isfinite(gaps.now[0]) & (np.abs(gaps.energy[0] - hot.mu) < reach) & (gaps.least[0] < SMALL * self.step)
        best: Gap | None = None
        for band in np.flatnonzero(near):
            gap = followed(self.integral, hot.k, int(band), self.axes)
            step = gap.k - hot.k
            distance = float(np.linalg.norm((step - np.round(step)) @ self.reciprocal))
            small = gap.size < SMALL * self.step and distance < FOLLOWED * self.spacing and abs(gap.energy - hot.mu) < reach
            if small and (best is None or gap.size < best.size):
                best = gap
        return best
