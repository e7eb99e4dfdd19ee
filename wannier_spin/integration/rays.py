"""Integrals over the plane in polar coordinates, exact at T = 0: for k·p models.

    int d^2k/(2 pi)^2 = sum over angles of int k dk/(2 pi)^2:  trapezoid in the angle, Gauss-Legendre panels along each ray

Panels end where a band crosses mu (and, at T > 0, mu plus or minus some kT), so that the integrand is smooth inside
each. At T = 0 the Fermi-surface terms are sums over crossings, f' = -delta(eps - mu). A disk of infinite radius is mapped
to a finite panel, k = k0 + s (1 + x)/(1 - x), for integrands that fall off as powers of 1/k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
Bands = Callable[[Real], tuple[Real, Real]]  # k (nk, 3) -> energies (nk, n), velocities (nk, 3, n)
THERMAL_EDGES = (-36.0, -18.0, -9.0, -4.0, -1.5, 0.0, 1.5, 4.0, 9.0, 18.0, 36.0)  # in kT
_BISECTIONS = 60


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
        directions = self._directions()
        levels = [mu] if kT == 0 else [mu + x * kT for x in THERMAL_EDGES]
        found = [self._find(bands, directions, level) for level in levels]
        rule = np.polynomial.legendre.leggauss(self.n_radial)
        k, weight = [], []
        for i, direction in enumerate(directions):
            crossings = np.concatenate([radius[ray == i] for ray, radius, _ in found])
            radius, radial_weight = self._panels(self._edges(crossings), rule)
            k.append(radius[:, None] * direction)
            weight.append(radial_weight * radius)
        measure = 2 * np.pi / self.n_angular / (2 * np.pi) ** 2
        line = self._line_points(bands, directions, *found[0]) if kT == 0 else _NOWHERE
        return Nodes(np.concatenate(k), np.concatenate(weight) * measure), Crossings(line.k, line.band, line.weight * measure)

    def _directions(self) -> Real:
        angle = 2 * np.pi * (np.arange(self.n_angular) + 0.5) / self.n_angular  # off the symmetry axes
        return np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)

    def _edges(self, crossings: Real) -> Real:
        """Panel edges along a ray."""
        octaves = max(4.0, 2 * self.reach / self.scale)
        fixed = self.scale * np.concatenate([[0.0, 0.5], 2.0 ** np.arange(np.ceil(np.log2(octaves)) + 1)])
        edges = np.unique(np.concatenate([fixed, crossings]))
        if np.isfinite(self.radius):
            edges = np.append(edges[edges < self.radius * (1 - 1e-12)], self.radius)
        return edges

    def _find(self, bands: Bands, directions: Real, level: float) -> tuple[Integer, Real, Integer]:
        """Where bands cross a level along the rays: (ray, radius, band). Sampled densely on all scales, then bisected."""
        size = max(self.scale, self.reach)
        farthest = self.radius if np.isfinite(self.radius) else 1e4 * size
        near, far = size * np.linspace(0, 4, 400), np.geomspace(1e-4 * self.scale, farthest, 600)
        sample = np.unique(np.concatenate([near, far]))
        sample = sample[sample <= farthest]
        above = np.stack([bands(sample[:, None] * direction)[0] > level for direction in directions])  # (ray, radius, band)
        ray, index, band = np.nonzero(above[:, 1:] != above[:, :-1])
        low, high = sample[index], sample[index + 1]
        start = above[ray, index, band]
        rows = np.arange(len(band))
        for _ in range(_BISECTIONS if len(band) else 0):
            middle = (low + high) / 2
            same = (bands(middle[:, None] * directions[ray])[0][rows, band] > level) == start
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        return ray, (low + high) / 2, band

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
        velocity = bands(k)[1][np.arange(len(band)), :, band]
        return Crossings(k, band, -radius / np.abs(np.einsum("ia,ia->i", velocity, directions[ray])))


_NOWHERE = Crossings(np.empty((0, 3)), np.empty(0, np.int64), np.empty(0))
