"""What may hide between points: small gaps next to them, from k.p theory of two neighbouring bands at each point.

Two bands with energies E, E + delta, velocities v, v + dv and w between them have at a distance q the gap

    gap^2 = (delta + dv.q)^2 + |2 w.q|^2 = delta^2 + 2 delta dv.q + q.A.q,        A = dv dv^T + 4 Re(w w^+),

which is smallest at q = -delta A^-1 dv. Where that is inside the part of the zone that a point stands for and much smaller than
delta, a sharp feature lies there that the points may miss: densities grow like a power of 1/gap, over a volume in which
q.A.q < gap^2.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.sums import NEAR_FERMI
from wannier_spin.integration.rules import Part
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
REACH = 1.25  # of the part of the zone that a point stands for: how far from the point its smallest gaps are believed
UNSURE = 0.2  # of the change of a gap on the way to its smallest value: k.p theory of two bands is not better
POWER = 3  # of the ratio of the gaps
SURE = 0.02  # of the gap at the point: smaller ones are not told apart by k.p theory
WIDEST = 7.0  # half widths of a point's part: features that are wider are not followed further
RATE = 2.0  # decay of Gauss sums over boxes with the width of a feature, per half width of a point's part
_TINY = 1e-12


@dataclass(frozen=True)
class NearestGaps:
    """Of each pair of neighbouring bands (n, n + 1) at each point, coordinates those of the boxes.

    now, least : (k, n-1) the gap at the point and the smallest one, eV. where : (k, n-1, 3) how far that is. steepness :
    (k, n-1, 3, 3) A. energy : (k, n-1) of the middle between the two bands there. Pairs of one block have infinite gaps.
    """

    now: Real
    least: Real
    where: Real
    steepness: Real
    energy: Real

    @classmethod
    def of(cls, geometry: BandGeometry, axis_vectors: Real) -> NearestGaps:
        """At the points of a geometry. axis_vectors : d k/d x_i, Cartesian."""
        energies, group = geometry.block_energies, geometry.group
        velocity = np.einsum("kan,ia->kni", geometry.block_velocity, axis_vectors)
        between = 2 * np.einsum("kan,ia->kni", np.diagonal(geometry.velocity, 1, axis1=2, axis2=3), axis_vectors.astype(complex))
        step = np.diff(velocity, axis=1)
        A = step[..., :, None] * step[..., None, :] + (between[..., :, None] * between[..., None, :].conj()).real
        now = np.where(group[:, 1:] != group[:, :-1], np.diff(energies, axis=1), np.inf)
        finite = np.where(np.isfinite(now), now, 0.0)
        singular = 1e-9 * np.trace(A, axis1=-2, axis2=-1)[..., None, None] + np.finfo(float).tiny
        where = -finite[..., None] * np.linalg.solve(A + singular * np.eye(3), step[..., None])[..., 0]
        least = np.sqrt(np.maximum(finite**2 + finite * np.einsum("kni,kni->kn", step, where), (_TINY * finite) ** 2))
        middle = (energies[:, 1:] + energies[:, :-1]) / 2
        middle = middle + np.einsum("kni,kni->kn", (velocity[:, 1:] + velocity[:, :-1]) / 2, where)
        return cls(now, np.where(np.isfinite(now), least, np.inf), where, A, middle)

    def __getitem__(self, index: slice) -> NearestGaps:
        return NearestGaps(*(getattr(self, field.name)[index] for field in fields(self)))

    @classmethod
    def joined(cls, parts: list[NearestGaps]) -> NearestGaps:
        """One batch after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def growth(self, part: Part, size: Real, occupation: Occupation) -> Real:
        """By how much a feature next to a point of a box may exceed what the point says of its part of it: (k, n-1), zero for none.

        See `_growth`. Gaps away from all mu do not count.
        """
        half, centre = part.halves * size, part.centres * size
        counts = np.isfinite(self.now) & (np.abs(self.where - centre[:, None]) <= REACH * half[:, None] + _TINY).all(axis=-1)
        margin = self.margin + NEAR_FERMI * occupation.kT.max()
        counts &= (self.energy < occupation.mu.max() + margin) & (self.energy > occupation.mu.min() - margin)
        result = np.zeros(self.now.shape)
        if counts.any():
            excess = self._growth(counts, half[np.nonzero(counts)[0]], RATE)
            result[counts] = excess * _filled(self.least[counts], occupation.kT.min())
        return result

    @property
    def margin(self) -> Real:
        """How far from the middle of the bands mu may lie for the gap to matter, at 0 K, eV: (k, n-1)."""
        return (0.5 - UNSURE) * self.least + UNSURE * self.now

    def _growth(self, counts: NDArray[np.bool_], half: Real, rate: float) -> Real:
        """Of the gaps that count, m of them: (m,). half : (m, 3) half widths of what their points stand for.

        The cube of the ratio of the gaps (a Berry curvature at q from a gap 2 m goes like m/(m^2 + q^2)^(3/2)), times the volume of
        the feature over that of the part, or one for a point on the feature itself; times what a sum over the points leaves of a
        feature as wide as this one is, exp(-rate width/half width).
        """
        now = self.now[counts]
        least = np.maximum(self.least[counts], SURE * now)
        scaled = half[:, :, None] * self.steepness[counts] * half[:, None, :]
        widths = np.sqrt(np.maximum(np.linalg.eigvalsh(scaled), (least[:, None] / WIDEST) ** 2))
        share = least**3 / widths.prod(axis=1)
        return np.maximum((now / least) ** POWER * share, 1) * np.exp(-rate * least / widths.max(axis=1))


def _filled(gap: Real, kT: Real) -> Real:
    """The difference of f across a gap in the middle of which mu lies."""
    return np.asarray(np.tanh(gap / (4 * np.maximum(kT, np.finfo(float).tiny))))
