"""Means over boxes in which the energy is linear, of the Fermi function and of what is made like it; and its integrals.

They know the distances of mu from energies, and nothing else of a scan: `occupation` and `weights` ask for them.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wannier_spin.compiled import compiled

Real = NDArray[np.float64]

# Of the largest spread: boxes that are thinner, and yet not below _SMALL, are taken as this thick. So are only boxes
# wider than 10 kT: their means move by up to 2e-5 (20 kT) or 3e-4 (200 kT) where mu is near the face of the box.
_FLATTEST = 5e-3
COMPILED_FROM = 2**8  # numbers: machine code is loaded in 0.7 s; then they take a twentieth of the time
_SMALL = 0.05  # in kT: across smaller spreads, derivatives of f to fourth order instead of differences, both to 1e-9


Integrals = Callable[[int, Real], tuple[Real, Real]]


def box_means(distance: Real, kT: float, spread: Real, family: Integrals) -> tuple[Real, Real, Real]:
    """x, and means at -|x| of f and -f' over boxes in d dimensions in which the energy is linear: (mu, s) each.

    distance : (mu, s) of mu from the energies in the middle of the boxes, eV; x is the same in units of kT. spread : (s, d), see
    `Occupation.linear_weights`. family : the d-fold integral of f, or (above 0 K) of another weight, and its derivative.

    Along edges with half widths a, b, ... above _SMALL kT exactly: with F_m the m-fold integral of f over mu, the mean of f is

        sum over signs  s_a s_b ... F_m(x + s_a a + s_b b + ...) / (2^m a b ...),      F_m = x_+^m / m!  at T = 0.

    Along the others, where that is a quotient of two small numbers, by the series of sinh(a D)/(a D) in D = d/dx. The mean of -f'
    is the derivative with respect to x. Evaluated at -|x|, where nothing large cancels.
    """
    unit = kT if kT > 0 else max(float(spread.max()), np.finfo(float).tiny)
    widths = -np.sort(-spread, axis=1) / unit
    wide = (widths > (_SMALL if kT > 0 else 0)).sum(axis=1)
    x = distance / unit
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

    x : (...), an energy over kT; both in its shape.

    Up to d = 0 it is f or a derivative of f, a polynomial in f. Above, between the points of a table by the polynomial of degree
    five that has the right value and derivatives at both ends: to 1e-13.
    """
    if d <= 0:
        f = 0.5 - 0.5 * np.tanh(-x / 2)
        return _fermi_derivative(-d)(f), _fermi_derivative(1 - d)(f)
    found = np.empty((2, *x.shape))
    interpolate = compiled(_interpolate) if x.size >= COMPILED_FROM else _interpolate_all
    interpolate(np.ascontiguousarray(x).ravel(), _pieces(d), _pieces(d - 1), _TAILS[d], _TAILS[d - 1], found.reshape(2, -1))
    return found[0], found[1]


@functools.cache
def _fermi_derivative(order: int) -> np.polynomial.Polynomial:
    """d^n f/dx^n of f = 1/(1 + e^-x) as a polynomial in f: df/dx = f (1 - f)."""
    f = np.polynomial.Polynomial([0, 1])
    return f if order == 0 else _fermi_derivative(order - 1).deriv() * f * (1 - f)


def _interpolate_all(x: Real, first: Real, second: Real, tail: Real, other_tail: Real, found: Real) -> None:
    """F of two orders at x (p,), in found (2, p): below the table zero, in it by pieces (points, 6), above it by tails (5,)."""
    place = (np.clip(x, -_TABLE, _TABLE - 0.5 / _DENSITY) + _TABLE) * _DENSITY
    index = place.astype(np.int64)
    above = x > _TABLE - 1 / _DENSITY
    for pieces, far, value in zip((first, second), (tail, other_tail), found, strict=True):
        value[:] = np.polynomial.polynomial.polyval(place - index, pieces[index].T, tensor=False)
        value[above] = np.polynomial.polynomial.polyval(x[above], far)
        value[x < -_TABLE] = 0.0


def _interpolate(
    x: Real, first: Real, second: Real, tail: Real, other_tail: Real, found: Real
) -> None:  # pragma: no cover  (compiled)
    """The same in one pass."""
    for i in range(x.size):
        if x[i] > _TABLE - 1 / _DENSITY:
            y, a, b = x[i], tail, other_tail
            for n in range(2):
                c = a if n == 0 else b
                found[n, i] = c[0] + y * (c[1] + y * (c[2] + y * (c[3] + y * c[4])))
        elif x[i] >= -_TABLE:
            place = (x[i] + _TABLE) * _DENSITY
            index = int(place)
            t = place - index
            for n in range(2):
                c = first[index] if n == 0 else second[index]
                found[n, i] = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))))
        else:
            found[:, i] = 0.0 if x[i] < -_TABLE else np.nan


@functools.cache
def _pieces(order: int) -> Real:
    """Hermite interpolation of F_order from its values and first two derivatives, which are F_{order-1} and F_{order-2}.

    Coefficients of the polynomial of degree five in the distance from each point, in steps of the table: (points, 6).
    """
    table = _fermi_table()
    y, dy, ddy = table[order + 2], table[order + 1] / _DENSITY, table[order] / _DENSITY**2
    a, b, c = y[:-1], dy[:-1], ddy[:-1] / 2
    rest, slope, bend = y[1:] - a - b - c, dy[1:] - b - 2 * c, ddy[1:] - 2 * c
    c3, c4, c5 = 10 * rest - 4 * slope + bend / 2, -15 * rest + 7 * slope - bend, 6 * rest - 3 * slope + bend / 2
    return np.stack([a, b, c, c3, c4, c5], axis=1)


_TAILS = np.array(  # coefficients of F_0, F_1, ..., F_4 at large x (Sommerfeld)
    [
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [np.pi**2 / 6, 0, 1 / 2, 0, 0],
        [0, np.pi**2 / 6, 0, 1 / 6, 0],
        [7 * np.pi**4 / 360, 0, np.pi**2 / 12, 0, 1 / 24],
    ]
)
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
