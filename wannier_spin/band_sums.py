"""Sums over the bands of a batch of points, weighed at every (mu, T), of each point by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
FEWER = 0.75  # groups for each band, from which on adding up their densities takes what it saves


@dataclass(frozen=True)
class BandWeights:
    """At points k and all (mu, T) w. The lowest bands, `filled` of them, go as one where their weight is the same.

    sea : (k, w, 1 + a), that of the filled bands first, then those of the next a bands; surface : (k, w, a) of these, or None.
    """

    filled: int
    sea: Real
    surface: Real | None

    @property
    def _active(self) -> slice:
        return slice(self.filled, self.filled + self.sea.shape[2] - 1)

    def terms(self, sea: Real, surface: Real) -> tuple[Real, Real]:
        """What is weighed, of densities (k, n, c_sea), (k, n, c_surface): (k, 1 + a, c_sea), (k, a, c_surface)."""
        found = np.empty((len(sea), self.sea.shape[2], sea.shape[2]))
        np.matmul(np.ones(self.filled), sea[:, : self.filled], out=found[:, 0])
        found[:, 1:] = sea[:, self._active]
        return found, surface[:, self._active]

    def sums(self, sea: Real, surface: Real) -> Real:
        """All of them: (k, w, c_sea + c_surface)."""
        of_sea, of_surface = self.terms(sea, surface)
        result = np.empty((*self.sea.shape[:2], sea.shape[2] + surface.shape[2]))
        np.matmul(self.sea, of_sea, out=result[..., : sea.shape[2]])
        if surface.shape[2]:
            assert self.surface is not None
            np.matmul(self.surface, of_surface, out=result[..., sea.shape[2] :])
        return result


def over_groups(energies: Real, group: NDArray[np.int64], sea: Real, surface: Real) -> tuple[Real, Real, Real]:
    """Groups of degenerate bands in place of bands, where they are fewer (P times T): all bands of one have one energy.

    energies (k, n) of the groups, ascending; group (k, n), their numbers from 0 on; densities (k, n, c_sea), (k, n, c_surface).
    Returns (k, g), (k, g, c_sea), (k, g, c_surface), g groups of the point that has most; others have the last ones empty.
    """
    number = int(group.max()) + 1
    if number > FEWER * group.shape[1]:
        return energies, sea, surface
    inside = group[:, None] == np.arange(number)[:, None]  # (k, g, n)
    of_groups = np.where(inside, energies[:, None], energies[:, None, -1:]).min(axis=2)
    return of_groups, inside.astype(float) @ sea, inside.astype(float) @ surface
