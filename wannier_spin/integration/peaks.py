"""The largest terms of sums over k, with their points: what may not be left to a mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
KEPT = 24  # terms of every sum


@dataclass(frozen=True)
class Peaks:
    """size : (p, s) the p largest terms of every one of s sums, in this order. k : (p, s, 3) where they are."""

    size: Real
    k: Real

    @classmethod
    def of(cls, size: Real, k: Real) -> Peaks:
        """Of terms (p, s) at points (p, 3)."""
        return _largest(size, np.broadcast_to(k[:, None], (*size.shape, 3)))

    def merged(self, other: Peaks | None) -> Peaks:
        """The largest of both; where they are equal these first."""
        if other is None:
            return self
        return _largest(np.concatenate([self.size, other.size]), np.concatenate([self.k, other.k]))

    def scaled(self, factor: Callable[[Real], Real]) -> Peaks:
        """Times a factor, a function of k (p, 3)."""
        scaled = self.size * np.abs(factor(self.k.reshape(-1, 3))).reshape(self.size.shape)
        return _largest(scaled, self.k)


def _largest(size: Real, k: Real) -> Peaks:
    order = np.argsort(-size, axis=0, kind="stable")[:KEPT]
    return Peaks(np.take_along_axis(size, order, axis=0), np.take_along_axis(k, order[..., None], axis=0))
