"""Integrals over the plane in polar coordinates, exact at T = 0: for k·p models.

    int d^2k/(2 pi)^2 = sum over angles of int k dk/(2 pi)^2:  trapezoid in the angle, Gauss-Legendre panels along each ray

Panels end where a band crosses mu (and, at T > 0, mu plus or minus some kT), so that the integrand is smooth inside
each. At T = 0 the Fermi-surface terms are sums over crossings, f' = -delta(eps - mu). A disk of infinite radius is mapped
to a finite panel, k = k0 + s (1 + x)/(1 - x), for integrands that fall off as powers of 1/k.

A Fermi line that does not enclose k = 0 is touched by rays: there, at T = 0, the integral along a ray is singular like one over
the root of the angle. So the angle gets panels between the rays that touch, a and b, in which theta = a + (b - a) sin^2(phi/2)
makes the integrand smooth in phi.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
THERMAL_EDGES = (-36.0, -18.0, -9.0, -4.0, -1.5, 0.0, 1.5, 4.0, 9.0, 18.0, 36.0)  # in kT
_BISECTIONS = 52  # of the distance of two samples: all digits
_GOLDEN, _GOLDEN_STEPS = (5**0.5 - 1) / 2, 60
_AT_ONCE = 2**14  # points
_COARSER = 8  # samples of a ray where only the number of crossings counts
_SCAN = 96  # angles; a pocket that fits between two of them, seen from k = 0, is not found


@dataclass(frozen=True)
class Bands:
    """What rays need of a model: at k (nk, 3) energies (nk, n), ascending, at many points, and velocities (nk, 3, n), at few."""

    energies: Callable[[Real], Real]
    velocities: Callable[[Real], Real]


@dataclass(frozen=True)
class Nodes:
    """Points with weights of d^2k/(2 pi)^2: k (nk, 3), weight (nk,)."""

    k: Real
    weight: Real


@dataclass(frozen=True)
class Crossings:
    """Points of the Fermi line: k (nk, 3), band (nk,), weight (nk,) of -int d^2k/(2 pi)^2 delta(eps - mu)."""

    k: Real
    band: Integer
    weight: Real


@dataclass(frozen=True)
class Disk:
    """Disk of a radius (inf allowed), 1/angstrom.

    scale : the wave vector on which the bands change; reach : the one on which they get to the energies of interest.
    """

    radius: float
    scale: float
    n_radial: int
    n_angular: int
    reach: float = 0.0

    def nodes(self, bands: Bands, mu: float, kT: float) -> tuple[Nodes, Crossings]:
        """Nodes for the Fermi sea (and the surface at T > 0), and Fermi-line points (empty at T > 0)."""
        directions, angular_weight = self._directions(bands, mu if kT == 0 else None)
        levels = [mu] if kT == 0 else [mu + x * kT for x in THERMAL_EDGES]
        along = _Along.of(bands, directions, self._radii(1))
        found = [along.crossings(bands, level) for level in levels]
        rule = np.polynomial.legendre.leggauss(self.n_radial)
        k, weight = [], []
        for i, direction in enumerate(directions):
            crossings = np.concatenate([radius[ray == i] for ray, radius, _ in found])
            radius, radial_weight = self._panels(self._edges(crossings), rule)
            k.append(radius[:, None] * direction)
            weight.append(radial_weight * radius * angular_weight[i] / (2 * np.pi) ** 2)
        if kT > 0:
            return Nodes(np.concatenate(k), np.concatenate(weight)), _NOWHERE
        line = self._line_points(bands, directions, *found[0])
        measure = angular_weight[found[0][0]] / (2 * np.pi) ** 2
        return Nodes(np.concatenate(k), np.concatenate(weight)), Crossings(line.k, line.band, line.weight * measure)

    def _directions(self, bands: Bands, level: float | None) -> tuple[Real, Real]:
        """Directions of the rays and the angle that each one stands for; in panels where rays touch the line of a level."""
        touching = np.empty(0) if level is None else self._touching(bands, level)
        if not len(touching):
            angle = 2 * np.pi * (np.arange(self.n_angular) + 0.5) / self.n_angular  # off the symmetry axes
            return _unit_vectors(angle), np.full(self.n_angular, 2 * np.pi / self.n_angular)
        x, w = np.polynomial.legendre.leggauss(self.n_angular)
        phi, width = np.pi * (1 + x) / 2, np.diff(touching, append=touching[0] + 2 * np.pi)[:, None]
        angle = touching[:, None] + width * np.sin(phi / 2) ** 2
        return _unit_vectors(angle.ravel()), (width / 2 * np.sin(phi) * np.pi / 2 * w).ravel()

    def _touching(self, bands: Bands, level: float) -> Real:
        """Angles, ascending, at which the number of crossings of a band changes: between equidistant ones, then bisected."""

        def crossings(angle: Real) -> Integer:
            along = _Along.of(bands, _unit_vectors(angle), self._radii(_COARSER))
            ray, _, band = along.crossings(bands, level)
            count = np.zeros((len(angle), along.energy.shape[2]), np.int64)
            np.add.at(count, (ray, band), 1)
            return count

        grid = 2 * np.pi * (np.arange(_SCAN) + 0.5) / _SCAN
        count = crossings(grid)
        changes = (count != np.roll(count, -1, axis=0)).any(axis=1)
        low, before = grid[changes], count[changes]
        high = low + 2 * np.pi / _SCAN
        for _ in range(_BISECTIONS if len(low) else 0):
            middle = (low + high) / 2
            same = (crossings(middle) == before).all(axis=1)
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return np.sort((low + high) / 2 % (2 * np.pi))

    def _edges(self, crossings: Real) -> Real:
        """Panel edges along a ray."""
        octaves = max(4.0, 2 * self.reach / self.scale)
        fixed = self.scale * np.concatenate([[0.0, 0.5], 2.0 ** np.arange(np.ceil(np.log2(octaves)) + 1)])
        edges = np.unique(np.concatenate([fixed, crossings]))
        if np.isfinite(self.radius):
            edges = np.append(edges[edges < self.radius * (1 - 1e-12)], self.radius)
        return edges

    def _radii(self, coarser: int) -> Real:
        """Where rays are sampled: densely on all scales."""
        size = max(self.scale, self.reach)
        farthest = self.radius if np.isfinite(self.radius) else 1e4 * size
        near = size * np.linspace(0, 4, 400 // coarser)
        radii = np.unique(np.concatenate([near, np.geomspace(1e-4 * self.scale, farthest, 600 // coarser)]))
        return radii[radii <= farthest]

    def _panels(self, edges: Real, rule: tuple[Real, Real]) -> tuple[Real, Real]:
        """Gauss-Legendre nodes and weights between the edges, and to infinity for an infinite disk."""
        x, w = rule
        half = np.diff(edges)[:, None] / 2
        radius, weight = (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
        if np.isfinite(self.radius):
            return radius, weight
        last = edges[-1]
        far, far_weight = last + last * (1 + x) / (1 - x), w * 2 * last / (1 - x) ** 2
        return np.concatenate([radius, far]), np.concatenate([weight, far_weight])

    def _line_points(self, bands: Bands, directions: Real, ray: Integer, radius: Real, band: Integer) -> Crossings:
        """Points of the Fermi line with the weights of the radial integral of delta(eps - mu)."""
        if not len(ray):
            return _NOWHERE
        k = radius[:, None] * directions[ray]
        velocity = bands.velocities(k)[np.arange(len(band)), :, band]
        return Crossings(k, band, -radius / np.abs(np.einsum("ia,ia->i", velocity, directions[ray])))


@dataclass(frozen=True)
class _Along:
    """Bands sampled along rays: directions (ray, 3), radii (r,), energy (ray, r, n)."""

    directions: Real
    radii: Real
    energy: Real

    @classmethod
    def of(cls, bands: Bands, directions: Real, radii: Real) -> _Along:
        """Sample them."""
        k = (radii[:, None] * directions[:, None]).reshape(-1, 3)
        energy = np.concatenate([bands.energies(k[i : i + _AT_ONCE]) for i in range(0, len(k), _AT_ONCE)])
        return cls(directions, radii, energy.reshape(len(directions), len(radii), -1))

    def crossings(self, bands: Bands, level: float) -> tuple[Integer, Real, Integer]:
        """Where bands cross a level along the rays, bisected: (ray, radius, band)."""
        above = self.energy > level
        ray, index, band = np.nonzero(above[:, 1:] != above[:, :-1])
        between = self._twice_between_samples(bands, level)
        found = ((ray, self.radii[index], self.radii[index + 1], band), between)
        ray, low, high, band = (np.concatenate(both) for both in zip(*found, strict=True))
        start = self._energy_at(bands, ray, low, band) > level
        for _ in range(_BISECTIONS if len(band) else 0):
            middle = (low + high) / 2
            same = (self._energy_at(bands, ray, middle, band) > level) == start
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return ray, (low + high) / 2, band

    def _twice_between_samples(self, bands: Bands, level: float) -> tuple[Integer, Real, Real, Integer]:
        """Brackets of crossings where a band crosses the level and comes back before the next sample: (ray, low, high, band).

        About a sample that is an extremum the true one is sought (golden section); if the level lies between the two, the band
        crosses it on both sides of the true one.
        """
        side = np.where(self.energy > level, 1.0, -1.0)
        distance = side * (self.energy - level)  # positive; a dip of it may reach below zero
        dip = (distance[:, 1:-1] < distance[:, :-2]) & (distance[:, 1:-1] <= distance[:, 2:])
        dip &= (side[:, 1:-1] == side[:, :-2]) & (side[:, 1:-1] == side[:, 2:])
        dip &= distance[:, 1:-1] < np.maximum(distance[:, :-2], distance[:, 2:]) - distance[:, 1:-1]  # a parabola dips by less
        ray, index, band = np.nonzero(dip)
        sign = side[ray, index + 1, band]
        low, high = self.radii[index], self.radii[index + 2]
        for _ in range(_GOLDEN_STEPS if len(band) else 0):
            one, two = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
            lower = sign * self._energy_at(bands, ray, one, band) < sign * self._energy_at(bands, ray, two, band)
            low, high = np.where(lower, low, one), np.where(lower, two, high)
        bottom = (low + high) / 2
        below = sign * (self._energy_at(bands, ray, bottom, band) - level) < 0
        ray, index, band, bottom = ray[below], index[below], band[below], bottom[below]
        low, high = np.concatenate([self.radii[index], bottom]), np.concatenate([bottom, self.radii[index + 2]])
        return np.tile(ray, 2), low, high, np.tile(band, 2)

    def _energy_at(self, bands: Bands, ray: Integer, radius: Real, band: Integer) -> Real:
        """Of one band at one radius of each of these rays."""
        if not len(ray):
            return np.empty(0)
        return bands.energies(radius[:, None] * self.directions[ray])[np.arange(len(band)), band]


def _unit_vectors(angle: Real) -> Real:
    return np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)


_NOWHERE = Crossings(np.empty((0, 3)), np.empty(0, np.int64), np.empty(0))
