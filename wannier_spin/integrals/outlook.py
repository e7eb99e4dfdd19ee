"""What meshes within a tolerance may expect of one more: the chance that it is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wannier_spin.integrals.standing import needed

SCATTER = 0.4  # of the logarithm of bars about what is predicted (0.36 and 0.44 in two sets of 24 steps)


@dataclass(frozen=True)
class Outlook:
    """In tolerances: own, the bar of the last mesh; mean, that of the mean so far; lasting, what only a denser mesh makes smaller.

    power : of the length of the shortest superlattice vector with which bars decrease.
    """

    own: float
    mean: float
    lasting: float
    power: float

    def chance(self, growth: float) -> float:
        """That the mean with a mesh so many times as long as the last one is within the tolerance."""
        enough, expected = self._enough(denser=growth > 1), self.own * growth**-self.power
        if enough == math.inf or expected == 0:
            return 1.0
        if not enough or not math.isfinite(expected):
            return 0.0
        return math.erfc(math.log(expected / enough) / (SCATTER * math.sqrt(2))) / 2

    def _enough(self, *, denser: bool) -> float:
        """The bar of one more mesh with which the mean is within the tolerance."""
        if self.mean <= 1:
            return math.inf
        if denser:
            return needed(self.mean, 1.0)
        if self.lasting >= 1:
            return 0.0
        return needed(math.sqrt(self.mean**2 - self.lasting**2), math.sqrt(1 - self.lasting**2))
