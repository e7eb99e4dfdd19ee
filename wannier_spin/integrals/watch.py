"""What a mesh within a tolerance keeps of single points: those that much of the answer hangs on.

An orbit of k-points whose share of a response is as large as its tolerance lies at something that the mesh does not resolve, and so
does what a small gap is predicted to hide next to a point. `integrals.tolerance.spots` decides what becomes of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.bars.hidden import Beside
from wannier_spin.integrals.densities.channels import Channels
from wannier_spin.integration.adaptive import DOUBT
from wannier_spin.integration.peaks import Peaks

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
_ALIKE = 1e-9


@dataclass(frozen=True)
class Watch:
    """responses : of each the channels that it is made of (j,), and its components from these (j, components), alike ones once.
    density : of one point of the mesh. points : of the sample of the scan.

    Peaks have a column for each (response, point of the sample), first of the points themselves, then of what they hide.
    """

    responses: tuple[tuple[Integer, Real], ...]
    density: float
    points: int

    @classmethod
    def of(cls, channels: Channels, density: float, points: int) -> Watch:
        """Of the responses of these channels, in their units."""
        used = [np.flatnonzero(np.abs(Q).max(axis=1, initial=0.0)) for Q in channels.responses]
        return cls(tuple((rows, _distinct(Q[rows])) for rows, Q in zip(used, channels.responses, strict=True)), density, points)

    def peaks(self, k: Real, weights: Real, by_point: Real, beside: Beside) -> Peaks:
        """k (p,3), weights (p,), sums over bands (p, points of the sample and others, channels), and what hides beside them."""
        sums, amount = by_point[:, : self.points], DOUBT * self.density * beside.amount[:, : self.points]
        seen, hidden = [], np.zeros((len(k), len(self.responses), self.points))
        for number, (rows, Q) in enumerate(self.responses):
            size = np.abs(sums[..., rows] @ Q).max(axis=-1, initial=0.0)
            seen.append(size * (self.density * np.abs(weights))[:, None])
            largest = np.abs(beside.densities[:, rows] @ Q).max(axis=-1, initial=0.0)
            np.add.at(hidden[:, number], beside.point, np.abs(amount) * largest[:, None])
        return Peaks.of(np.concatenate([*seen, hidden.reshape(len(k), -1)], axis=1), k)


def _distinct(Q: Real) -> Real:
    """Columns without those that are zero, or others but for their sign."""
    scale = _ALIKE * np.abs(Q).max(initial=0.0)
    kept: list[Real] = []
    for q in Q.T:
        if np.abs(q).max(initial=0.0) > scale and all(min(np.abs(q - p).max(), np.abs(q + p).max()) > scale for p in kept):
            kept.append(q)
    return np.stack(kept, axis=1) if kept else np.zeros((len(Q), 0))
