"""Fermi functions of all (mu, T) points, and the sums over bands that they weigh.

    sea:      sum_n f(eps_n) X_n           surface:  sum_n f'(eps_n) Y_n,   f' = df/d eps, analytic

Both are one matrix product per batch of k. States far above every mu do not enter, states far below every mu enter
with f = 1: pairs of filled bands cancel there as they should.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

Real = NDArray[np.float64]
CUTOFF = 40.0  # in kT: exp(-40) = 4e-18, below the last digit of f


@dataclass(frozen=True)
class Occupation:
    """All pairs of chemical potential (eV) and thermal energy (eV), T running fastest: w = (mu, T)."""

    mu: Real
    kT: Real

    def __post_init__(self) -> None:
        for name, values in (("mu", self.mu), ("temperature", self.kT)):
            if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
                raise InputError(f"{name} must be a list of finite numbers, found {values}")
        if (self.kT < 0).any():
            raise InputError(f"temperatures must not be negative, found {self.kT.min():g} (as an energy in eV)")

    @property
    def points(self) -> tuple[Real, Real]:
        """mu and kT of every point w."""
        return np.repeat(self.mu, len(self.kT)), np.tile(self.kT, len(self.mu))

    @property
    def n_points(self) -> int:
        return len(self.mu) * len(self.kT)

    @property
    def window(self) -> tuple[float, float]:
        """Energies outside of which f is 1 (below) or 0 (above) at all points."""
        reach = CUTOFF * float(self.kT.max())
        return float(self.mu.min()) - reach, float(self.mu.max()) + reach

    def fermi(self, energies: Real) -> Real:
        """f at energies (s,): (w, s). A step at T = 0, with 1/2 at the step."""
        mu, kT = self.points
        distance = energies[None, :] - mu[:, None]
        if (kT == 0).any():
            cold = kT == 0
            step = np.heaviside(-distance[cold], 0.5)
            distance[cold] = 0
            result = self._smooth(distance, np.where(cold, 1.0, kT))
            result[cold] = step
            return result
        return self._smooth(distance, kT)

    @staticmethod
    def _smooth(distance: Real, kT: Real) -> Real:
        # 1/(1 + e^x) = (1 - tanh(x/2))/2; the relative error of the far tail does not matter, f enters sums of order one
        distance *= (0.5 / kT)[:, None]
        np.tanh(distance, out=distance)
        distance *= -0.5
        distance += 0.5
        return distance

    def sums(self, energies: Real, sea: Real, surface: Real) -> Real:
        """(w, c_sea + c_surface) from energies (s,), sea densities (s, c_sea), surface densities (s, c_surface)."""
        low, high = self.window
        filled, active = energies < low, (energies >= low) & (energies <= high)
        weights = self.fermi(energies[active])
        result = np.empty((self.n_points, sea.shape[1] + surface.shape[1]))
        result[:, : sea.shape[1]] = weights @ sea[active] + sea[filled].sum(axis=0)
        if surface.shape[1]:
            kT = self.points[1]
            weights *= 1 - weights
            weights *= (-1 / kT)[:, None]
            result[:, sea.shape[1] :] = weights @ surface[active]
        return result
