"""A trial of boxes: how many k-points they will take, from how their error has decreased so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GROWN = 4  # times as many points as at first tell the power: boxes find what is sharp in jerks
TELLING = 8  # times fewer points than the last round have the rounds that tell, at most
ASSUMED = 2.0  # power of the points with which the error decreases, before that
POWERS = (1.0, 2.5)  # what is believed

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """points, excess : k-points so far and the largest error over what is allowed, after each round."""

    points: tuple[int, ...] = ()
    excess: tuple[float, ...] = ()

    def after(self, points: int, excess: float) -> Trial:
        """With one more round."""
        return Trial((*self.points, points), (*self.excess, excess))

    @property
    def grown(self) -> bool:
        """Whether it tells its power."""
        return GROWN * self.points[0] <= self.points[-1]

    @property
    def predicted(self) -> float:
        """Points with which the error is what is allowed: along a power law through the last rounds, by least squares."""
        points, excess = np.array(self.points, float), np.array(self.excess)
        telling = (TELLING * points >= points[-1]) & np.isfinite(excess) & (excess > 0)
        if not (self.grown and telling[-1] and telling.sum() > 1):
            power, now = ASSUMED, excess[-1]
        else:
            power, now = _law(points[telling] / points[-1], excess[telling])
        return float(points[-1] * max(now, 1.0) ** (1 / power))


def _law(points: Real, excess: Real) -> tuple[float, float]:
    """Its power, and the error at 1."""
    x, y = np.log(points), np.log(excess)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    power = float(np.clip(-slope, *POWERS))
    return power, float(np.exp(y.mean() + power * x.mean()))
