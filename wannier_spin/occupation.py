"""Fermi functions of all (mu, T) points, and the sums over bands that they weigh.

    sea:      sum_n f(eps_n) X_n           surface:  sum_n f'(eps_n) Y_n,   f' = df/d eps, analytic

Both are one matrix product per batch of k. States far above every mu do not enter, states far below every mu enter
with f = 1: pairs of filled bands cancel there as they should.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

Real = NDArray[np.float64]
LINEAR = 3.0  # in kT: where the energy of a state may change by more over its box, f is averaged over the box
HOT = 10.0  # in kT: beyond, the points of _THERMAL do not reach
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

    def linear_weights(self, energies: Real, centre: Real, spread: Real) -> tuple[Real, Real]:
        """f and f' of states (s,) that stand for boxes in which their energy is linear: (w, s) each.

        centre : (s,) energies in the middle of the boxes. spread : (s, d) by how much they change from there to the faces, eV.
        Where they change by several kT, f and f' are means over the box: no Fermi surface slips through between the points, and
        there is a limit at T = 0. Where they do not, f and f' at `energies`, which leaves the order of the rule as it is.
        """
        f, slope = self._at_points(energies)
        reach = spread.sum(axis=1)
        for i, kT in enumerate(self.kT):
            near = reach + HOT * kT
            wide = (reach > LINEAR * kT) & (centre - near < self.mu.max()) & (centre + near > self.mu.min())
            if wide.any():
                rows = np.arange(len(self.mu)) * len(self.kT) + i
                mean, density = _over_boxes(self.mu, kT, centre[wide], spread[wide])
                f[np.ix_(rows, np.flatnonzero(wide))] = mean
                slope[np.ix_(rows, np.flatnonzero(wide))] = -density
        return f, slope

    def _at_points(self, energies: Real) -> tuple[Real, Real]:
        """f and f' at energies (s,); f' = 0 at T = 0."""
        f = self.fermi(energies)
        kT = self.points[1]
        slope = f * (1 - f)
        slope *= np.where(kT > 0, -1 / np.where(kT > 0, kT, 1), 0)[:, None]
        return f, slope

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


def _thermal_rule(points: int = 5) -> tuple[Real, Real]:
    """Gauss rule for the weight -df/dx = 1/(4 cosh^2(x/2)): nodes in kT, and weights."""
    x = np.linspace(-60, 60, 24001)
    weight = 0.25 / np.cosh(x / 2) ** 2
    weight /= weight.sum()
    polynomials, norms = [np.zeros_like(x), np.ones_like(x)], [1.0]
    for _ in range(points):  # three-term recurrence of the orthogonal polynomials; the weight is even
        following = x * polynomials[-1] - (norms[-1] / norms[-2] if len(norms) > 1 else 0.0) * polynomials[-2]
        polynomials.append(following)
        norms.append(float(weight @ following**2))
    off = np.sqrt(np.array(norms[1:points]) / np.array(norms[: points - 1]))
    nodes, vectors = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))
    return nodes, vectors[0] ** 2


_THERMAL = _thermal_rule()
_FLATTEST = 2e-3  # of the largest spread: thinner boxes are taken as this thick, far below any other error


def _over_boxes(mu: Real, kT: float, energies: Real, spread: Real) -> tuple[Real, Real]:
    """Means of f and -f' over boxes in d dimensions in which the energy is linear: (mu, s) each.

    With half widths a, b, ... along the edges the share of a box below mu = energy + x is

        sum over signs  s_a s_b ... (x + s_a a + s_b b + ...)_+^d / (d! 2^d a b ...),

    -f' at T = 0 its derivative; a temperature is a mean over mu (the box is wider than kT, so few points do).
    """
    d = spread.shape[1]
    signs = np.array(list(itertools.product((1, -1), repeat=d)), float)
    widths = np.maximum(spread, _FLATTEST * spread.max(axis=1, keepdims=True))
    nodes, weights = _THERMAL if kT > 0 else (np.zeros(1), np.ones(1))
    corners = widths @ signs.T
    reach = corners[:, 0] * (1 + 1e-9)  # a little beyond the last corner: in one dimension the density is a step down there
    share, density = np.zeros((2, len(mu), len(energies)))
    for node, weight in zip(nodes, weights, strict=True):
        x = np.clip(mu[:, None] + node * kT - energies, -reach, reach)
        for corner, sign in zip(corners.T, signs.prod(axis=1), strict=True):
            above = np.maximum(x + corner, 0)
            power = sign * weight * (above ** (d - 1) if d > 1 else (above > 0))
            density += power
            power *= above
            share += power
    volume = 2.0**d * math.factorial(d) * widths.prod(axis=1)
    return share / volume, d * density / volume
