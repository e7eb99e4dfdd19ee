"""Smooth bumps about a few points of a periodic zone: chi F is left to others by a mesh that sums (1 - chi) F.

About one point k0 the bump is exp(-1.5 x^2/(1 - x^2)), x = |k - k0|/radius: smooth where it ends, and flat at k0, so that what is
sharp there vanishes from the mesh. With the images of k0 under a group it is

    chi = 1 - product over the images of (1 - bump),

invariant under the group, and one at all of them even where they overlap. The integral of chi F for an invariant F is the number of
images times that of `Bump.share` F: share = bump about k0 times chi over the sum of all bumps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
STEEPNESS = 1.5


@dataclass(frozen=True)
class Bump:
    """centres : (m, 3) k0 and its images, in reciprocal lattice vectors. radius : 1/angstrom. metric : (3, 3), rows are the
    reciprocal vectors, Cartesian, 1/angstrom.
    """

    centres: Real
    radius: float
    metric: Real

    @property
    def fits(self) -> bool:
        """Whether a ball of this radius meets none of its own periodic images, and the nearest image is found by rounding."""
        return bool(self.radius * np.linalg.norm(np.linalg.inv(self.metric), axis=0).max() < 0.5)

    def volume(self, dimension: int) -> float:
        """Of all balls, 1/angstrom^d."""
        return len(self.centres) * math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1) * self.radius**dimension

    def at(self, k: Real) -> Real:
        """chi at k (p, 3): (p,)."""
        return np.asarray(1 - np.prod(1 - self._each(k), axis=1))

    def share(self, k: Real) -> Real:
        """What the first centre has of chi at k (p, 3): (p,)."""
        each = self._each(k)
        total = each.sum(axis=1)
        chi = 1 - np.prod(1 - each, axis=1)
        return np.divide(each[:, 0] * chi, total, out=np.zeros_like(total), where=total > 0)

    def distance(self, k: Real) -> float:
        """From k (3,) to the nearest centre, 1/angstrom."""
        return float(np.sqrt(self._squares(k[None]).min()) * self.radius)

    def _each(self, k: Real) -> Real:
        """Bumps about all centres: (p, m)."""
        x2 = self._squares(k)
        inside = x2 < 1
        result = np.zeros(x2.shape)
        result[inside] = np.exp(-STEEPNESS * x2[inside] / (1 - x2[inside]))
        return result

    def _squares(self, k: Real) -> Real:
        """x^2 of all centres: (p, m)."""
        d = k[:, None] - self.centres
        d -= np.round(d)
        return np.asarray(((d @ self.metric) ** 2).sum(axis=-1) / self.radius**2)


def outside(bumps: Sequence[Bump], k: Real) -> Real:
    """Product of 1 - chi at k (p, 3): (p,)."""
    kept = np.ones(len(k))
    for bump in bumps:
        kept *= 1 - bump.at(k)
    return kept
