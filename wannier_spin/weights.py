"""What multiplies a density in a sum over states: one class for each drive.

    field E                  sea   W = f                       surface   dW/dE = f'
    gradient of T            sea   W = k_B s                   surface   dW/dE = (E - mu) f'/T

s = -f ln f - (1 - f) ln(1 - f) is the entropy of a level. The weight of the surface is the derivative of that of the sea with
respect to energy in both, so that what holds for responses to a field holds for those to a gradient of T: the generalized Mott
relation, alpha = int dE (E - mu)/(eT) (-f') sigma(E, T = 0), level by level. See `analysis.thermal` for what it leaves out.

Means over boxes in which the energy is linear, with F_d the d-fold integral of f over x = (mu - E)/kT (`box_means`): the
d-fold integral of s is (d + 1) F_{d+1} - x F_d. At T = 0 both weights of the gradient vanish.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.band_sums import BandWeights
from wannier_spin.box_means import box_means, fermi_integrals
from wannier_spin.occupation import Occupation
from wannier_spin.units import BOLTZMANN, Drive

Real = NDArray[np.float64]
FAR = 40.0  # in kT: from here on integrals of the entropy are those of Sommerfeld's expansion, exactly as far as digits go


@dataclass(frozen=True)
class Entropy(Occupation):
    """k_B s in place of f and (E - mu) f'/T in place of f', eV/K and 1/K."""

    sharp = False
    below = 0.0

    def fermi(self, energies: Real) -> Real:
        """k_B s at energies (s,): (w, s)."""
        return self.weights(energies)[0]

    def weights(self, energies: Real) -> tuple[Real, Real]:
        """k_B s and (E - mu) f'/T at energies (s,): (w, s) each; 0 at T = 0."""
        mu, kT = (values[:, None] for values in self.points)
        cold = kT == 0
        unit = np.where(cold, 1.0, kT)
        x = (mu - energies[None, :]) / unit
        s, slope = entropy_integrals(0, x)
        return np.where(cold, 0.0, BOLTZMANN * s), np.where(cold, 0.0, -BOLTZMANN * slope / unit)

    def weighted(self, energies: Real, sea: Real, surface: Real) -> Real:
        """See `Occupation.weighted`."""
        W, slope = self.weights(energies)
        return np.concatenate([W @ sea, slope @ surface], axis=1)

    def at_bands(self, energies: Real, of_surface: bool) -> BandWeights:
        """Both weights of bands at several points: energies (k, n)."""
        W, slope = (X.reshape(-1, *energies.shape).swapaxes(0, 1) for X in self.weights(energies.ravel()))
        filled = np.zeros((*W.shape[:2], 1))  # none
        return BandWeights(0, np.concatenate([filled, W], axis=2), slope if of_surface else None)

    def _over_boxes(self, kT: float, energies: Real, spread: Real) -> tuple[Real, Real]:
        """Means over boxes of k_B s and of minus its derivative: (mu, s) each."""
        if kT == 0:
            zero = np.zeros((self.shape[0], len(energies)))
            return zero, zero
        x, share, density = box_means(self.distances(energies), kT, spread, entropy_integrals)
        return BOLTZMANN * share, BOLTZMANN * np.where(x > 0, -density, density)  # s is even in x


def entropy_integrals(d: int, x: Real) -> tuple[Real, Real]:
    """S_d(x), the d-fold integral of s from minus infinity (d <= 0: a derivative), d <= 3, and its derivative S_{d-1}.

    x : (...), an energy over kT; both in its shape.
    """
    above, (here, below) = fermi_integrals(d + 1, x)[0], fermi_integrals(d, x)
    values = ((d + 1) * above - x * here, d * here - x * below)
    far = x > FAR
    return (np.where(far, _entropy_above(d, x), values[0]), np.where(far, _entropy_above(d - 1, x), values[1]))


def _entropy_above(d: int, x: Real) -> Real:
    """S_d at large x, where terms of (d + 1) F_{d+1} - x F_d cancel."""
    if d <= 0:
        return np.zeros_like(x)
    third = np.pi**2 / 3
    return (np.full_like(x, third), third * x, third * x**2 / 2 + 7 * np.pi**4 / 90)[d - 1]


Weight = type[Occupation]  # of (mu, T), with sums over bands and means over boxes
WEIGHTS: dict[Drive, Weight] = {"E": Occupation, "grad T": Entropy}
