"""Which points of a mesh are hot spots, from its largest terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.gaps import Gap, followed, geometry_at
from wannier_spin.integrals.hidden import NearestGaps, mesh_axes
from wannier_spin.integrals.sums import NEAR_FERMI
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


@dataclass(frozen=True)
class Hot:
    """A point of the mesh that is too large: k (3,), how many times its tolerance may stand for it, the mu and kT where it is."""

    k: Real
    excess: float
    mu: float
    kT: float


def hot_points(peaks: Peaks, tolerance: Real, scan: Occupation, judged: NDArray[np.bool_]) -> list[Hot]:
    """The largest first. peaks : as `Watch` makes them. tolerance : (r,). judged : (points of the scan,) held to a tolerance."""
    n, (mu, kT) = scan.n_points, scan.points
    size = peaks.size.reshape(len(peaks.size), 2, len(tolerance), n) / tolerance[:, None]
    typical = np.median(size[RANKS, 0], axis=0) if len(size) > RANKS.start else np.zeros(size.shape[2:])
    large = (size > SHARE) & judged
    large[:, 0] &= size[:, 0] > TYPICAL * typical
    found = []
    for row, kind, response, point in np.argwhere(large):
        place = (kind * len(tolerance) + response) * n + point
        k = peaks.k[row, place]
        found.append(Hot(k, float(size[row, kind, response, point]), float(mu[point]), float(kT[point])))
    order = np.argsort([-float(f"{hot.excess:.9g}") for hot in found], kind="stable")
    return [found[i] for i in order]


def bumps_at(integral: Integral, hot: Sequence[Hot], points: Sequence[int], most: int) -> list[tuple[Bump, Gap | None]] | None:
    """Bumps about the gaps next to hot points, none about one that another is near. points : of the mesh.

    None for more than `most` of them, or where a ball would meet its own images.
    """
    model = integral.model
    assert isinstance(model, TightBindingModel)
    reciprocal = np.asarray(2 * np.pi * np.linalg.inv(model.lattice).T, np.float64)
    several = np.array(points) > 1
    spacing = float((np.linalg.norm(reciprocal, axis=1) / np.array(points))[several].max())
    axes = mesh_axes(model.lattice, points, [op.rotation for op in integral.reducing])
    found: list[tuple[Bump, Gap | None]] = []
    for one in hot:
        if any(bump.distance(one.k) < APART * spacing for bump, _ in found):
            continue
        gap = _gap_near(integral, one, axes, spacing, reciprocal)
        centre = one.k if gap is None else gap.k
        if any(bump.distance(centre) < APART * spacing for bump, _ in found):
            continue
        bump = Bump(images_of(integral.reducing, centre), RADIUS * spacing, reciprocal)
        if len(found) == most or not bump.fits:
            return None
        found.append((bump, gap))
    return found


def _gap_near(integral: Integral, hot: Hot, axes: Real, spacing: float, reciprocal: Real) -> Gap | None:
    """The smallest gap at mu that leads from a hot point to its neighbourhood."""
    gaps = NearestGaps.of(geometry_at(integral, hot.k[None]), axes)
    reach = NEAR_FERMI * hot.kT
    near = np.isfinite(gaps.now[0]) & (np.abs(gaps.energy[0] - hot.mu) < reach + gaps.margin[0])
    best: Gap | None = None
    for band in np.flatnonzero(near):
        gap = followed(integral, hot.k, int(band), axes)
        step = gap.k - hot.k
        distance = float(np.linalg.norm((step - np.round(step)) @ reciprocal))
        if distance < FOLLOWED * spacing and abs(gap.energy - hot.mu) < reach + gap.size and (best is None or gap.size < best.size):
            best = gap
    return best
