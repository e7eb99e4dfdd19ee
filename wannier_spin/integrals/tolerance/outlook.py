"""What meshes within a tolerance may expect of one more: how dense it has to be, and the chance that it is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wannier_spin.integrals.tolerance.standing import needed

GROWTH = (1.15, 1.75)  # of the shortest superlattice vector, from one mesh to a denser one: least and most that is looked for
AIM = 0.95  # of the tolerance: what points are predicted with
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

    @classmethod
    def alone(cls, own: float, power: float) -> Outlook:
        """Of a mesh that is the only one of its kind, so that the next one has to be denser."""
        return cls(own, own, 0.0, power)

    @property
    def growth(self) -> float:
        """Of the length, for a mesh with which the mean has the aim: below one where a coarser one is enough."""
        if self.mean <= AIM:
            return 1.0
        growth = self._to(self._enough(AIM, denser=True))
        if growth >= 1:
            return growth
        enough = self._enough(AIM, denser=False)
        return self._to(enough) if enough else GROWTH[0]

    def chance(self, growth: float) -> float:
        """That the mean with a mesh so many times as long as the last one is within the tolerance."""
        enough, expected = self._enough(1.0, denser=growth > 1), self.own * growth**-self.power
        if enough == math.inf or expected == 0:
            return 1.0
        if not enough or not math.isfinite(expected):
            return 0.0
        return math.erfc(math.log(expected / enough) / (SCATTER * math.sqrt(2))) / 2

    def _enough(self, aim: float, *, denser: bool) -> float:
        """The bar of one more mesh with which the mean has the aim."""
        if self.mean <= aim:
            return math.inf
        if denser:
            return needed(self.mean, aim)
        if self.lasting >= aim:
            return 0.0
        return needed(math.sqrt(self.mean**2 - self.lasting**2), math.sqrt(aim**2 - self.lasting**2))

    def _to(self, bar: float) -> float:
        """Of the length, to such a bar of a mesh alone."""
        return float((self.own / bar) ** (1 / self.power))
