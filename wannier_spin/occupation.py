"""Fermi functions of all (mu, T) points, and the sums over bands that they weigh.

    sea:      sum_n f(eps_n) X_n           surface:  sum_n f'(eps_n) Y_n,   f' = df/d eps, analytic

Both are one matrix product per batch of k. States far above every mu do not enter, states far below every mu enter
with f = 1: pairs of filled bands cancel there as they should.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wannier_spin.band_sums import BandWeights
from wannier_spin.box_means import box_means, fermi_integrals
from wannier_spin.compiled import compiled
from wannier_spin.errors import InputError

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
Element = TypeVar("Element", bound=np.generic)
LINEAR = 1.0  # in kT: where the energy of a state may change by more over its box, f is averaged over the box
HOT = 30.0  # in kT: farther from mu, means over boxes are not needed
COMPILED_FROM = 2**15  # numbers of a batch: machine code is loaded in 0.7 s
STRETCH = 16.0  # in kT: of mu that share an exponential
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
        """mu and kT of every point, eV: (w,) each."""
        return np.repeat(self.mu, len(self.kT)), np.tile(self.kT, len(self.mu))

    @property
    def n_points(self) -> int:
        return math.prod(self.shape)

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
        kT = self.points[1]
        distance = energies[None, :] - self.points[0][:, None]
        if (kT == 0).any():
            cold = kT == 0
            step = np.heaviside(-distance[cold], 0.5)
            distance[cold] = 0
            result = self._smooth(distance, np.where(cold, 1.0, kT))
            result[cold] = step
            return result
        return self._smooth(distance, kT)

    def crossed(self, low: Real, high: Real) -> NDArray[np.bool_]:
        """For each mu whether it lies within any of these ranges of energy (r,): (mu,)."""
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
        reach, (lowest, highest) = spread.sum(axis=1), self.span
        by_temperature = [X.reshape(*self.shape, -1).swapaxes(0, 1) for X in (f, slope)]  # views
        for i, kT in enumerate(self.kT):
            near = reach + HOT * kT
            wide = (change > LINEAR * kT) & (centre - near < highest) & (centre + near > lowest)
            if wide.any():
                mean, density = self._over_boxes(kT, centre[wide], spread[wide])
                by_temperature[0][i][:, wide] = mean
                by_temperature[1][i][:, wide] = -density
        return f, slope

    def distances(self, energies: Real) -> Real:
        """Of every mu from energies (s,): (mu, s)."""
        return np.asarray(self.mu[:, None] - energies)

    def averaged(self, change: Real) -> NDArray[np.bool_]:
        """Whether f of states (s,) near mu are means over boxes, see `linear_weights`: (w, s)."""
        return np.asarray(change > LINEAR * self.points[1][:, None])

    def _over_boxes(self, kT: float, energies: Real, spread: Real) -> tuple[Real, Real]:
        """Means of f and -f' over boxes: (mu, s) each. The share at x is 1 - that at -x."""
        x, share, density = box_means(self.distances(energies), kT, spread, fermi_integrals)
        return np.where(x > 0, 1 - share, share), density

    def along_mu(self, function: Callable[[Real], NDArray[Element]]) -> NDArray[Element]:
        """A function (...) of the values of mu (m,)."""
        return function(self.mu)

    def longer(self, enough: int, least: int, reach: float) -> Occupation:
        """One of fewer than `enough` mu with at least `least`: it gets further ones behind its own, up to `reach` (eV) away."""
        missing = math.ceil(max(least - len(self.mu), 0) / len(self.mu))
        if len(self.mu) >= enough or not missing:
            return self
        steps = np.arange(1, missing // 2 + 2) / (missing // 2 + 1) * reach
        offsets = np.concatenate([[0.0], steps, -steps])[: missing + 1]
        return replace(self, mu=(offsets[:, None] + self.mu).ravel())

    def wider(self, beside: int, reach: float) -> Occupation:
        """With so many further mu behind its own below and above all of them, up to `reach` (eV) away."""
        low, high = self.span
        steps = np.arange(1, beside + 1) / beside * reach
        return replace(self, mu=np.concatenate([self.mu, low - steps, high + steps]))

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

    def at_bands(self, energies: Real, of_surface: bool) -> BandWeights:
        """f and f' of bands at several points: energies (k, n), ascending."""
        low, high = self.window
        first, last = int((energies < low).all(axis=0).sum()), int((energies <= high).any(axis=0).sum())
        filled = np.full((len(energies), 1), -np.inf)
        sea = self._fermi_by_point(np.concatenate([filled, energies[:, first : max(first, last)]], axis=1))
        if not of_surface:
            return BandWeights(first, sea, None)
        surface = 1 - sea[..., 1:]
        surface *= sea[..., 1:]
        surface *= self._minus_inverse_kT[:, None]
        return BandWeights(first, sea, surface)

    def _fermi_by_point(self, energies: Real) -> Real:
        """f at energies (k, n): (k, w, n)."""
        if energies.size * self.n_points < COMPILED_FROM or not self.kT.min() > 0:
            return self.fermi(energies.ravel()).reshape(self.n_points, *energies.shape).swapaxes(0, 1)
        result = np.empty((len(energies), *self.shape, energies.shape[1]))
        levels, order = self.along_mu(np.sort), self.along_mu(partial(np.argsort, kind="stable"))
        compiled(_fill_fermi)(result, np.ascontiguousarray(energies), levels, order, self.kT)
        return result.reshape(len(energies), self.n_points, -1)

    def sums(self, energies: Real, sea: Real, surface: Real) -> Real:
        """(w, c_sea + c_surface) from energies (s,), sea densities (s, c_sea), surface densities (s, c_surface)."""
        low, high = self.window
        filled, active = energies < low, (energies >= low) & (energies <= high)
        result = self.weighted(energies[active], sea[active], surface[active])
        if self.below:
            result[:, : sea.shape[1]] += self.below * sea[filled].sum(axis=0)
        return result

    def weighted(self, energies: Real, sea: Real, surface: Real) -> Real:
        """The same (w, channels) for states (s,) near mu, with weights of all of them."""
        weights = self.fermi(energies)
        result = np.empty((self.n_points, sea.shape[1] + surface.shape[1]))
        result[:, : sea.shape[1]] = weights @ sea
        if surface.shape[1]:
            weights *= 1 - weights
            weights *= (-1 / self.points[1])[:, None]
            result[:, sea.shape[1] :] = weights @ surface
        return result


def _fill_fermi(result: Real, energies: Real, mu: Real, order: Integer, kT: Real) -> None:  # pragma: no cover  (compiled)
    """f to (k,mu,T,n) at energies (k,n), for ascending mu, which are `order` in the result; kT > 0.

    exp(x) of two factors, each the same for many states or many mu: mu in stretches of a few kT, so that neither loses digits.
    """
    levels = len(mu)
    ends, factors, f = np.empty(levels + 1, np.int64), np.empty(levels), np.empty(levels)
    for t in range(len(kT)):
        stretches, ends[0] = 0, 0
        for i in range(levels):
            if mu[i] - mu[ends[stretches]] >= STRETCH * kT[t]:
                stretches += 1
                ends[stretches] = i
            factors[i] = np.exp((mu[ends[stretches]] - mu[i]) / kT[t])
        ends[stretches + 1] = levels
        for k in range(energies.shape[0]):
            for n in range(energies.shape[1]):
                for stretch in range(stretches + 1):
                    x = (energies[k, n] - mu[ends[stretch]]) / kT[t]
                    if x < -CUTOFF or x > CUTOFF + STRETCH:
                        f[ends[stretch] : ends[stretch + 1]] = 1.0 if x < 0 else 0.0
                        continue
                    own = np.exp(x)
                    for i in range(ends[stretch], ends[stretch + 1]):
                        f[i] = 1.0 / (1.0 + own * factors[i])
                for i in range(levels):
                    result[k, order[i], t, n] = f[i]


@dataclass(frozen=True)
class Choice:
    """Some of the values (v,) along an axis of a scan: their positions (c,), ascending in value."""

    values: Real
    positions: Integer

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def own(self) -> Real:
        return self.values[self.positions]

    @property
    def nearest(self) -> Integer:
        """For every value of the axis the nearest one of these, by its number: (v,)."""
        return self.nearest_to(self.values)

    def nearest_to(self, values: Real) -> Integer:
        """For each of some values (v,) the nearest one of these, by its number: (v,)."""
        return np.abs(values[:, None] - self.own).argmin(axis=1)

    @property
    def around(self) -> tuple[Integer, Integer]:
        """For every value of the axis those on both sides, or itself twice, by their numbers: (v,) each."""
        after = np.searchsorted(self.own, self.values).clip(max=len(self) - 1)
        return np.where(self.own[after] == self.values, after, (after - 1).clip(0)), after

    def below(self, values: Real) -> Integer:
        """For each of some values (v,) the next lower one of these, or itself, by its number: (v,)."""
        return np.searchsorted(self.own, values, side="right") - 1

    @classmethod
    def spread(cls, values: Real, most: int, beside: Choice | None) -> Choice:
        """At most so many of the values (v,), evenly spread, and those of another choice."""
        order = np.argsort(values, kind="stable")
        chosen = order[np.unique(np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(np.int64))]
        together = chosen if beside is None else np.union1d(chosen, beside.positions)
        return cls(values, np.asarray(together[np.argsort(values[together], kind="stable")]))


@dataclass(frozen=True)
class Subset:
    """Some points of a scan: some of its chemical potentials with some of its temperatures, the lowest one among them.

    occupation : of these points alone.
    """

    scan: Occupation
    occupation: Occupation
    levels: Choice
    temperatures: Choice

    def dense(self, distance: float) -> bool:
        """Whether its levels are all there are, or no farther from one another than so many kT of the scan."""
        steps = np.diff(self.levels.own)
        return len(self.levels) == len(self.levels.values) or bool(steps.max(initial=0.0) <= distance * self.scan.kT.min())

    def position(self, levels: Integer, temperatures: Integer) -> Integer:
        """Of points by their numbers on both axes (a,), (b,), among all of its points: (a b,)."""
        return np.asarray(levels[:, None] * len(self.temperatures) + temperatures).ravel()

    def among(self, values: NDArray[Element]) -> NDArray[Element]:
        """Of values (w,) at all points of the scan those at its own."""
        own = np.ix_(self.levels.positions, self.temperatures.positions)
        return np.asarray(values.reshape(self.scan.shape)[own].ravel())

    @property
    def standing_for(self) -> Integer:
        """For every point of the scan the one of these that stands for it: nearest in mu, next lower in temperature. (w,)"""
        return self.position(self.levels.nearest, self.temperatures.below(self.scan.kT))


def subset(scan: Occupation, points: int, temperatures: int, beside: Subset | None = None) -> Subset:
    """About so many points of a scan, evenly spread, the lowest temperature among them. beside : another one that belongs to it."""
    cold = Choice.spread(scan.kT, temperatures, None if beside is None else beside.temperatures)
    levels = Choice.spread(scan.mu, max(points // len(cold), 1), None if beside is None else beside.levels)
    return Subset(scan, replace(scan, mu=levels.own, kT=cold.own), levels, cold)
