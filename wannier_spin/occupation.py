"""Fermi functions of all (mu, T) points, and the sums over bands that they weigh.

    sea:      sum_n f(eps_n) X_n           surface:  sum_n f'(eps_n) Y_n,   f' = df/d eps, analytic

Both are one matrix product per batch of k. States far above every mu do not enter, states far below every mu enter
with f = 1: pairs of filled bands cancel there as they should.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

Real = NDArray[np.float64]
LINEAR = 1.0  # in kT: where the energy of a state may change by more over its box, f is averaged over the box
HOT = 30.0  # in kT: farther from mu, means over boxes are not needed
CUTOFF = 40.0  # in kT: exp(-40) = 4e-18, below the last digit of f


@dataclass(frozen=True)
class Occupation:
    """All pairs of chemical potential (eV) and thermal energy (eV), T running fastest: w = (mu, T)."""

    mu: Real
    kT: Real

    sharp = True  # at T = 0 the weight of the surface is a delta function
    below = 1.0  # weight of the sea far below every mu

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
    def shape(self) -> tuple[int, int]:
        """How many mu, how many temperatures."""
        return len(self.mu), len(self.kT)

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest mu, eV."""
        return float(self.mu.min()), float(self.mu.max())

    @property
    def window(self) -> tuple[float, float]:
        """Energies outside of which f is 1 (below) or 0 (above) at all points."""
        reach = CUTOFF * float(self.kT.max())
        low, high = self.span
        return low - reach, high + reach

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

    def crossed(self, low: Real, high: Real) -> NDArray[np.bool_]:
        """For each mu whether it lies within any of these ranges of energy."""
        return np.asarray(((low[None] < self.mu[:, None]) & (self.mu[:, None] < high[None])).any(axis=1))

    def about(self, energies: Real, values: Real, reach: float) -> tuple[Real, Real]:
        """For each mu the smallest of the values that states within reach of it have, and the distance of the nearest state.

        energies, values : (s,). inf where there is none.
        """
        order = np.argsort(energies)
        sorted_energies, sorted_values = energies[order], np.append(values[order], np.inf)
        ends = np.stack(
            [np.searchsorted(sorted_energies, self.mu - reach), np.searchsorted(sorted_energies, self.mu + reach, side="right")]
        )
        smallest = np.minimum.reduceat(sorted_values, ends.T.ravel())[::2]  # between pairs of positions
        after = np.searchsorted(sorted_energies, self.mu)
        padded = np.concatenate([[-np.inf], sorted_energies, [np.inf]])
        return np.where(ends[0] < ends[1], smallest, np.inf), np.minimum(self.mu - padded[after], padded[after + 1] - self.mu)

    def linear_weights(self, energies: Real, centre: Real, spread: Real, change: Real) -> tuple[Real, Real]:
        """f and f' of states (s,) that stand for boxes in which their energy is linear: (w, s) each.

        centre : (s,) energies in the middle of the boxes. spread : (s, d) by how much they change from there to the faces, eV.
        change : (s,) what decides, the same for all states of a band in one cell, so that a rule is not mixed with another.
        Where it is several kT, f and f' are means over the box: no Fermi surface slips through between the points, and there is
        a limit at T = 0. Where it is not, they are f and f' at `energies`, which leaves the order of the rule as it is.
        """
        f, slope = self.weights(energies)
        reach = spread.sum(axis=1)
        for i, kT in enumerate(self.kT):
            near = reach + HOT * kT
            wide = (change > LINEAR * kT) & (centre - near < self.mu.max()) & (centre + near > self.mu.min())
            if wide.any():
                rows = np.arange(len(self.mu)) * len(self.kT) + i
                mean, density = self._over_boxes(kT, centre[wide], spread[wide])
                f[np.ix_(rows, np.flatnonzero(wide))] = mean
                slope[np.ix_(rows, np.flatnonzero(wide))] = -density
        return f, slope

    def _over_boxes(self, kT: float, energies: Real, spread: Real) -> tuple[Real, Real]:
        """Means of f and -f' over boxes: (mu, s) each. The share at x is 1 - that at -x."""
        x, share, density = box_means(self.mu, kT, energies, spread, fermi_integrals)
        return np.where(x > 0, 1 - share, share), density

    def weights(self, energies: Real) -> tuple[Real, Real]:
        """f and f' at energies (s,): (w, s) each; f' = 0 at T = 0."""
        f = self.fermi(energies)
        slope = f * (1 - f)
        slope *= self._minus_inverse_kT[:, None]
        return f, slope

    @property
    def _minus_inverse_kT(self) -> Real:
        """(w,): -1/kT, which makes f (1 - f) the derivative of f; 0 at T = 0."""
        kT = self.points[1]
        return np.where(kT > 0, -1 / np.where(kT > 0, kT, 1), 0)

    @staticmethod
    def _smooth(distance: Real, kT: Real) -> Real:
        # 1/(1 + e^x) = (1 - tanh(x/2))/2; the relative error of the far tail does not matter, f enters sums of order one
        distance *= (0.5 / kT)[:, None]
        np.tanh(distance, out=distance)
        distance *= -0.5
        distance += 0.5
        return distance

    def sums_by_point(self, energies: Real, sea: Real, surface: Real) -> Real:
        """Sums over bands: energies (k, n), densities (k, n, c_sea), (k, n, c_surface) -> (k, w, c_sea + c_surface)."""
        low, high = self.window
        filled, empty = (energies < low).all(axis=0), (energies > high).all(axis=0)
        active = ~(filled | empty)
        weights = self.fermi(energies[:, active].ravel()).reshape(self.n_points, len(energies), -1)
        result = np.empty((len(energies), self.n_points, sea.shape[2] + surface.shape[2]))
        result[..., : sea.shape[2]] = weights.transpose(1, 0, 2) @ sea[:, active]
        result[..., : sea.shape[2]] += sea[:, filled].sum(axis=1)[:, None]
        if surface.shape[2]:
            weights *= 1 - weights
            weights *= self._minus_inverse_kT[:, None, None]
            result[..., sea.shape[2] :] = weights.transpose(1, 0, 2) @ surface[:, active]
        return result

    def sums(self, energies: Real, sea: Real, surface: Real) -> Real:
        """(w, c_sea + c_surface) from energies (s,), sea densities (s, c_sea), surface densities (s, c_surface)."""
        low, high = self.window
        filled, active = energies < low, (energies >= low) & (energies <= high)
        result = self.weighted(energies[active], sea[active], surface[active])
        if self.below:
            result[:, : sea.shape[1]] += self.below * sea[filled].sum(axis=0)
        return result

    def weighted(self, energies: Real, sea: Real, surface: Real) -> Real:
        """The same for states near mu, with weights of all of them."""
        weights = self.fermi(energies)
        result = np.empty((self.n_points, sea.shape[1] + surface.shape[1]))
        result[:, : sea.shape[1]] = weights @ sea
        if surface.shape[1]:
            weights *= 1 - weights
            weights *= (-1 / self.points[1])[:, None]
            result[:, sea.shape[1] :] = weights @ surface
        return result


# Of the largest spread: boxes that are thinner, and yet not below _SMALL, are taken as this thick. So are only boxes
# wider than 10 kT: their means move by up to 2e-5 (20 kT) or 3e-4 (200 kT) where mu is near the face of the box.
_FLATTEST = 5e-3
_SMALL = 0.05  # in kT: across smaller spreads, derivatives of f to fourth order instead of differences, both to 1e-9


Integrals = Callable[[int, Real], tuple[Real, Real]]


def box_means(mu: Real, kT: float, energies: Real, spread: Real, family: Integrals) -> tuple[Real, Real, Real]:
    """x = mu - energy, and means at -|x| of f and -f' over boxes in d dimensions in which the energy is linear: (mu, s) each.

    family : the d-fold integral of f, or (above 0 K) of another weight, and its derivative.

    Along edges with half widths a, b, ... above _SMALL kT exactly: with F_m the m-fold integral of f over mu, the mean of f is

        sum over signs  s_a s_b ... F_m(x + s_a a + s_b b + ...) / (2^m a b ...),      F_m = x_+^m / m!  at T = 0.

    Along the others, where that is a quotient of two small numbers, by the series of sinh(a D)/(a D) in D = d/dx. The mean of -f'
    is the derivative with respect to x. Evaluated at -|x|, where nothing large cancels.
    """
    unit = kT if kT > 0 else max(float(spread.max()), np.finfo(float).tiny)
    widths = -np.sort(-spread, axis=1) / unit
    wide = (widths > (_SMALL if kT > 0 else 0)).sum(axis=1)
    x = (mu[:, None] - energies) / unit
    share, density = np.empty((2, *x.shape))
    for m in np.unique(wide):
        chosen = wide == m
        at = -np.abs(x[:, chosen])
        found = _linear_means(at, widths[chosen], int(m), family) if kT > 0 else _step_means(at, widths[chosen], int(m))
        share[:, chosen], density[:, chosen] = found
    return x, share, density / unit


def _linear_means(x: Real, widths: Real, m: int, family: Integrals) -> tuple[Real, Real]:
    """At T > 0, in units of kT: the first m of the widths (s, d), in descending order, are wide, the others small."""
    second = (widths[:, m:] ** 2).sum(axis=1) / 6
    fourth = second**2 / 2 - (widths[:, m:] ** 4).sum(axis=1) / 180  # log(sinh(y)/y) = y^2/6 - y^4/180 + ...
    series = (np.ones_like(second), second, fourth) if m < widths.shape[1] else (np.ones_like(second),)

    def integrals(x: Real) -> tuple[Real, Real]:
        terms = [(c * F, c * slope) for k, c in enumerate(series) for F, slope in [family(m - 2 * k, x)]]
        return sum(F for F, _ in terms), sum(slope for _, slope in terms)

    return _corner_sums(integrals, x, widths[:, :m])


def _step_means(x: Real, widths: Real, m: int) -> tuple[Real, Real]:
    """At T = 0: a step and no slope without any width; but at the step itself f' is infinite."""
    if m == 0:
        return np.where(x == 0, 0.5, 0.0), np.where(x == 0, np.inf, 0.0)
    return _corner_sums(lambda x: _step_integrals(widths.shape[1], x), x, widths)


def _corner_sums(integrals: Callable[[Real], tuple[Real, Real]], x: Real, widths: Real) -> tuple[Real, Real]:
    """Sums over the corners of the wide edges (s, m), divided by the volume."""
    if not widths.shape[1]:
        return integrals(x)
    widths = np.maximum(widths, _FLATTEST * widths[:, :1])
    signs = np.array(list(itertools.product((1, -1), repeat=widths.shape[1])), float)
    share, density = np.zeros((2, *x.shape))
    for corner, sign in zip((widths @ signs.T).T, signs.prod(axis=1), strict=True):
        integral, slope = integrals(x + corner)
        share += sign * integral
        density += sign * slope
    volume = 2.0 ** widths.shape[1] * widths.prod(axis=1)
    return share / volume, density / volume


def _step_integrals(d: int, x: Real) -> tuple[Real, Real]:
    """x_+^d/d! and its derivative."""
    above = np.maximum(x, 0)
    slope = above ** (d - 1) / math.factorial(d - 1) if d > 1 else (above > 0).astype(float)
    return slope * above / d, slope


def fermi_integrals(d: int, x: Real) -> tuple[Real, Real]:
    """F_d(x) = -Li_d(-e^x), the d-fold integral of 1/(1 + e^-x) from minus infinity, d <= 4, and its derivative F_{d-1}.

    Up to d = 0 it is f or a derivative of f, a polynomial in f. Above, between the points of a table by the polynomial of degree
    five that has the right value and derivatives at both ends: to 1e-13.
    """
    if d <= 0:
        f = 0.5 - 0.5 * np.tanh(-x / 2)
        return _fermi_derivative(-d)(f), _fermi_derivative(1 - d)(f)
    table, low, high, step = _fermi_table(), -_TABLE, _TABLE, 1 / _DENSITY
    inside = np.clip(x, low, high - step / 2)
    index = ((inside - low) / step).astype(np.int64)
    t = (inside - low) / step - index
    results = []
    for order in (d, d - 1):
        value = _quintic(table, order, index, t, step)
        above = x > high - step
        if above.any():
            value[above] = _fermi_above(order, x[above])
        value[x < low] = 0
        results.append(value)
    return results[0], results[1]


@functools.cache
def _fermi_derivative(order: int) -> np.polynomial.Polynomial:
    """d^n f/dx^n of f = 1/(1 + e^-x) as a polynomial in f: df/dx = f (1 - f)."""
    f = np.polynomial.Polynomial([0, 1])
    return f if order == 0 else _fermi_derivative(order - 1).deriv() * f * (1 - f)


def _quintic(table: Real, order: int, index: NDArray[np.int64], t: Real, h: float) -> Real:
    """Hermite interpolation of F_order from its values and first two derivatives, which are F_{order-1} and F_{order-2}."""
    y, dy, ddy = table[order + 2], table[order + 1] * h, table[order] * h**2
    a, b, c = y[index], dy[index], ddy[index] / 2
    rest, slope, bend = y[index + 1] - a - b - c, dy[index + 1] - b - 2 * c, ddy[index + 1] - 2 * c
    c3, c4, c5 = 10 * rest - 4 * slope + bend / 2, -15 * rest + 7 * slope - bend, 6 * rest - 3 * slope + bend / 2
    return np.asarray(a + t * (b + t * (c + t * (c3 + t * (c4 + t * c5)))))


def _fermi_above(order: int, x: Real) -> Real:
    """F_order at large x (Sommerfeld)."""
    if order == 0:
        return np.ones_like(x)
    if order == 1:
        return x
    if order == 2:
        return np.asarray(x**2 / 2 + np.pi**2 / 6)
    if order == 3:
        return np.asarray(x**3 / 6 + np.pi**2 * x / 6)
    return np.asarray(x**4 / 24 + np.pi**2 * x**2 / 12 + 7 * np.pi**4 / 360)


_TABLE, _DENSITY = 40, 32  # reach of the table, and its points per unit


@functools.cache
def _fermi_table() -> Real:
    """F_-2, F_-1, F_0, ..., F_4 on the table's points: (7, points)."""
    from scipy.special import spence

    x = np.arange(-_TABLE * _DENSITY, _TABLE * _DENSITY + 1) / _DENSITY
    f = 1 / (1 + np.exp(-x))
    slope = f * (1 - f)

    def dilogarithm(x: Real) -> Real:
        """F_2 = -Li_2(-e^x); for x > 0 by inversion, where spence loses digits."""
        small = -spence(1 + np.exp(-np.abs(x)))
        return np.where(x > 0, x**2 / 2 + np.pi**2 / 6 + spence(1 + np.exp(-np.abs(x))), small)

    nodes, weights = np.polynomial.legendre.leggauss(10)
    inner = x[:-1, None] + (nodes + 1) / (2 * _DENSITY)
    steps = dilogarithm(inner) @ weights / (2 * _DENSITY)
    third = np.exp(x[0]) + np.concatenate([[0.0], np.cumsum(steps)])
    steps = third[:-1] / _DENSITY + ((x[1:, None] - inner) * dilogarithm(inner)) @ weights / (2 * _DENSITY)
    fourth = np.exp(x[0]) + np.concatenate([[0.0], np.cumsum(steps)])
    return np.stack([slope * (1 - 2 * f), slope, f, np.logaddexp(0, x), dilogarithm(x), third, fourth])
