"""Adaptive integrals over a region of k: k·p models on a disk, in a ball or a box.

Boxes tile the unit cube of x, which the region maps to k; energies are linear in x across a box, densities carry |det dk/dx|.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import kp_matrices
from wannier_spin.continuum import ContinuumModel
from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.bars.hidden import NearestGaps
from wannier_spin.integrals.boxes import GOLDEN, START, BoxIntegrand, Points, joined
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integration.boxes import UNEVEN, Tiling, tiling
from wannier_spin.symmetry import box_symmetry

Real = NDArray[np.float64]
NO_SYMMETRY = np.arange(3)[None], np.ones((1, 3), np.int64)


@dataclass(frozen=True)
class _Load:
    """What a point of a k·p model costs, see `sums.Load`."""

    n_bands: int
    n_operators: int

    def plane_bytes(self) -> int:
        """Nothing is kept between points."""
        return 0


@dataclass(frozen=True)
class RegionIntegrand(BoxIntegrand):
    """On boxes of x in the unit cube, which the region of a k·p model maps to k."""

    model: ContinuumModel

    @property
    def used(self) -> tuple[bool, bool, bool]:
        """See `BoxIntegrand`."""
        return _used(self.model)

    @property
    def aligned(self) -> bool:
        """See `BoxIntegrand`: round ones in polar coordinates."""
        return True

    @property
    def load(self) -> _Load:
        """See `BoxIntegrand`. H, 3 + 9 derivatives, the spin and its derivatives, other operators."""
        return _Load(self.model.n_bands, 13 + sum(4 * 3**X.rank for X in self.model.operators.values()))

    @property
    def density(self) -> float:
        """The measure is with the densities."""
        return float((2 * np.pi) ** -self.model.dimension)

    def coordinates(self, x: Real) -> Real:
        """Cartesian: (p, 3), 1/angstrom."""
        return self.model.region.place(x)[0]

    def points_of(self, lower: Real, size: Real) -> tuple[Points, NearestGaps]:
        """See `BoxIntegrand`."""
        nodes = np.stack(np.meshgrid(*self.rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
        x = (lower[:, None] + size[:, None] * nodes).reshape(-1, 3)
        pieces = -(-len(x) // self.points_per_batch)
        return joined([self._points(piece, size.max(axis=0)) for piece in np.array_split(x, pieces)])

    def _points(self, x: Real, size: Real) -> tuple[Points, NearestGaps]:
        k, tangents, measure = self.model.region.place(x)
        bloch = kp_matrices(self.model, k)
        geometry = self.plan.geometry(bloch, self.degeneracy_tolerance)
        slopes = np.einsum("kan,kia->kni", geometry.group_velocity, tangents)
        reach = float((np.abs(slopes) @ size).max()) / 2
        low, high = self.occupation.window
        densities = self.channels.densities(geometry, (low - reach, high + reach))
        sea, surface = (X * measure[:, None, None] for X in densities)
        along = np.einsum("kanm,kia->kinm", bloch.gradient, tangents)
        steep = np.linalg.norm(along, 2, axis=(2, 3))
        found = Points(geometry.group_energies, geometry.group, slopes, sea, surface, steep)
        return found, NearestGaps.of(geometry, tangents)


def region_integrands(integral: Integral, wanted: Tolerance, memory: float) -> list[RegionIntegrand]:
    """One integrand for each replica."""
    model = integral.model
    assert isinstance(model, ContinuumModel)
    used = _used(model)
    counts = np.array([(wanted.start or START) if one else 1 for one in used])
    uneven = [UNEVEN * (1 + 3 * (replica * GOLDEN % 1)) for replica in range(wanted.replicas)]
    tilings = [_whole(tiling(counts, *NO_SYMMETRY, u)) for u in uneven]
    given = (integral.plan, integral.channels(wanted), integral.occupation, integral.degeneracy_tolerance, box_symmetry((), used))
    return [RegionIntegrand(*given, t, memory, model) for t in tilings]


def _whole(given: Tiling) -> Tiling:
    """From 0 to 1: the cube is not periodic."""
    a, b, c = (edges - edges[0] for edges in given.edges)
    return replace(given, edges=(a, b, c))


def _used(model: ContinuumModel) -> tuple[bool, bool, bool]:
    return model.dimension > 0, model.dimension > 1, model.dimension > 2
