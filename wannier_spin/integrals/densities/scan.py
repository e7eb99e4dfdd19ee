"""How the sums of many (mu, T) points are made: state by state, or from a table over energy.

    sum_s f_w(eps_s) X_s  =  sum over windows i and m of  c_wim t_im,      t_im = sum over s in i of T_m((eps_s - e_i)/a_i) X_s

f_w = sum_m c_wim T_m is the Chebyshev series of f (or of another weight) in the window e_i - a_i ... e_i + a_i, at least kT wide:
its poles lie pi kT beside mu, so that the coefficients fall off faster than 6^-m and ORDER of them leave 1e-12 (f) and 1e-11 (f')
of the largest value (test_scan.py). A state then costs the same for any number of (mu, T) points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wannier_spin.compiled import compiled
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
ORDER = 16  # coefficients of a window
WORTH = 3 * ORDER  # (mu, T) points from which a table is cheaper than weights
LARGEST = 8  # rows of a table for each (mu, T) point, at most: it shall not be larger than what it is made for
COSTS = 32  # points in k: what adding one more row to a sum costs, in sums of one (mu, T) point
WEIGHT = 100  # channels: what a weight of a state costs besides, in additions of one density
PIECE = 64  # windows at once
TOGETHER = 128  # channels of which all rows of a window are in the cache at once
_ANGLES = (np.arange(ORDER) + 0.5) * np.pi / ORDER


class Scan(Protocol):
    """Sums over states for many (mu, T) points."""

    @property
    def rows(self) -> int:
        """Length of the first axis of what is added to."""

    @property
    def least_run(self) -> int:
        """Points in k for which a total is worth while."""

    def add(self, total: Real, energies: Real, factors: Real, sea: Real, surface: Real) -> None:
        """Add states, each times a factor: energies (s,), densities (s, c_sea), (s, c_surface), to total (rows, c)."""

    def sums(self, total: Real, n_sea: int) -> Real:
        """The sums (w, c), from a total or from a mean of totals. n_sea : how many of the channels are those of the sea."""


@dataclass(frozen=True)
class ByState:
    """Weights of every state at every (mu, T) point."""

    occupation: Occupation
    least_run = 1

    @property
    def rows(self) -> int:
        return self.occupation.n_points

    def add(self, total: Real, energies: Real, factors: Real, sea: Real, surface: Real) -> None:
        """See `Scan`."""
        low, high = self.occupation.window
        _add_filled(total, self.occupation.below * factors * (energies < low), sea)
        inside = np.flatnonzero((energies >= low) & (energies <= high) & (factors != 0))
        weighted = [X[inside] * factors[inside, None] for X in (sea, surface)]
        total += self.occupation.weighted(energies[inside], *weighted)

    def sums(self, total: Real, n_sea: int) -> Real:
        """See `Scan`."""
        return total


@dataclass(frozen=True)
class ByEnergy:
    """Chebyshev moments in windows of energy; the first row is the sum over all states below the first window.

    edges : (windows + 1,), ascending. channels : how many densities are summed; None: many.
    """

    occupation: Occupation
    edges: Real
    channels: int | None = None

    @property
    def rows(self) -> int:
        return 1 + ORDER * (len(self.edges) - 1)

    @property
    def least_run(self) -> int:
        share = 1.0 if self.channels is None else self.channels / (self.channels + WEIGHT)
        return int(COSTS * share * self.rows) // self.occupation.n_points

    def add(self, total: Real, energies: Real, factors: Real, sea: Real, surface: Real) -> None:
        """See `Scan`."""
        _add_filled(total[:1], factors * (energies < self.edges[0]), sea)
        inside = np.flatnonzero((energies >= self.edges[0]) & (energies < self.edges[-1]) & (factors != 0))
        window = np.searchsorted(self.edges, energies[inside], side="right") - 1
        order = np.argsort(window, kind="stable")  # what goes to the same rows comes together
        inside, window = inside[order], window[order]
        low, high = self.edges[window], self.edges[window + 1]
        x = (2 * energies[inside] - low - high) / (high - low)
        add = compiled(_add_moments)
        for X, start in ((sea, 0), (surface, sea.shape[1])):
            if X.shape[1]:
                add(total, start, inside, window, x, factors, X)

    def sums(self, total: Real, n_sea: int) -> Real:
        """See `Scan`."""
        result = np.empty((self.occupation.n_points, total.shape[1]))
        result[:, :n_sea] = self.occupation.below * total[:1, :n_sea]
        result[:, n_sea:] = 0.0
        for first in range(0, len(self.edges) - 1, PIECE):
            edges = self.edges[first : first + PIECE + 1]
            sea, surface = (series(weight, edges) for weight in self._weights(edges))
            moments = total[1 + ORDER * first : 1 + ORDER * (first + len(edges) - 1)]
            result[:, :n_sea] += sea @ moments[:, :n_sea]
            result[:, n_sea:] += surface @ moments[:, n_sea:]
        return result

    def _weights(self, edges: Real) -> tuple[Real, Real]:
        """Both weights at the Chebyshev points of some windows: (w, windows * ORDER)."""
        return self.occupation.weights(nodes(edges))


def series(values: NDArray[Any], edges: Real) -> NDArray[Any]:
    """Chebyshev coefficients from values at the Chebyshev points of every window: (w, windows * ORDER)."""
    m = np.arange(ORDER)
    to_series = np.cos(m[:, None] * _ANGLES) * np.where(m == 0, 1, 2)[:, None] / ORDER
    return np.asarray(values.reshape(-1, len(edges) - 1, ORDER) @ to_series.T).reshape(len(values), -1)


def make_scan(occupation: Occupation, longest_run: int, channels: int | None = None) -> ByState | ByEnergy:
    """The cheaper way for an occupation, and sums of so many densities over runs of at most so many points in k."""
    by_state = ByState(occupation)
    if occupation.n_points < WORTH or not occupation.kT.min() > 0:
        return by_state
    edges = windows(occupation, LARGEST * occupation.n_points // ORDER)
    if edges is None:
        return by_state
    by_energy = ByEnergy(occupation, edges, channels)
    return by_energy if by_energy.least_run <= longest_run else by_state


def windows(occupation: Occupation, most: int) -> Real | None:
    """Edges (windows + 1,), eV, between the ends of `Occupation.window`, for the poles of f, which lie pi kT beside every mu; None:
    too many.
    """
    return edges_between(occupation.window, np.unique(occupation.mu), float(occupation.kT.min()), most)


def edges_between(ends: tuple[float, float], centres: Real, least: float, most: int) -> Real | None:
    """Edges of windows (windows + 1,) from end to end, from which poles pi times `least` beside each centre are at least
    pi half widths away.

    centres : (c,) ascending, eV as all others. Half widths are at least `least`, and grow with the distance d from
    the nearest centre: d/(pi - 1) behind it, d/(pi + 1) before it. None: there are more than `most`.
    """
    low, high = ends
    edges = [low]
    while edges[-1] < high:
        if len(edges) > most:
            return None
        at = edges[-1]
        after = int(np.searchsorted(centres, at))
        behind = (at - centres[after - 1]) / (np.pi - 1) if after else np.inf
        before = (centres[after] - at) / (np.pi + 1) if after < len(centres) else np.inf
        edges.append(at + 2 * max(least, min(behind, before)))
    return np.array(edges)


def nodes(edges: Real) -> Real:
    """The Chebyshev points of every window: (windows * ORDER,)."""
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    return np.asarray((middle[:, None] + half[:, None] * np.cos(_ANGLES)).ravel())


def _add_filled(total: Real, factors: Real, sea: Real) -> None:
    """To all rows the sum over states below every window."""
    if factors.any():
        total[:, : sea.shape[1]] += factors @ sea


def _add_moments(
    total: Real, start: int, states: NDArray[np.int64], window: NDArray[np.int64], x: Real, factors: Real, X: Real
) -> None:  # pragma: no cover  (compiled)
    """total[1 + ORDER i + m, start:] += T_m(x_s) factor_s X_s for all states s in window i, states of a window side by side.

    Some channels at a time, so that the rows of a window stay in the cache for all of its states, which come in pairs.
    """
    T, first = np.empty((len(states), ORDER)), 0
    for i in range(len(states)):
        now, last = factors[states[i]], factors[states[i]] * x[i]  # T_0, T_-1
        for m in range(ORDER):
            T[i, m] = now
            now, last = 2.0 * x[i] * now - last, now
    while first < len(states):
        row, stop = 1 + ORDER * window[first], first + 1
        while stop < len(states) and window[stop] == window[first]:
            stop += 1
        for c in range(0, X.shape[1], TOGETHER):
            after = min(c + TOGETHER, X.shape[1])
            for i in range(first, stop, 2):
                j = min(i + 1, stop - 1)
                A, B = X[states[i], c:after], X[states[j], c:after]
                for m in range(ORDER):
                    into, a, b = total[row + m, start + c : start + after], T[i, m], T[j, m] if j > i else 0.0
                    for n in range(len(A)):
                        into[n] += a * A[n] + b * B[n]
        first = stop
