"""The smallest gap between two bands near a point, by steps of k.p theory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import matrices_at
from wannier_spin.geometry import BandGeometry, geometry_of
from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.bars.hidden import NearestGaps
from wannier_spin.model import TightBindingModel

Real = NDArray[np.float64]
STEPS = 6  # towards the smallest value


@dataclass(frozen=True)
class Gap:
    """A small gap: size (eV) between `band` and the next one (from 1), at k (3,) in reciprocal lattice vectors, about `energy`."""

    size: float
    band: int
    k: Real
    energy: float

    def __str__(self) -> str:
        where = ", ".join(f"{round(x, 4) + 0.0:.4f}" for x in self.k)  # no -0.0000
        return f"{1e3 * self.size:.2g} meV between bands {self.band} and {self.band + 1} at k = ({where}), {self.energy:.4f} eV"


def followed(integral: Integral, k: Real, band: int, axes: Real) -> Gap:
    """Newton steps of k.p theory from k (3,), as long as they make the gap above a band (from 0) smaller.

    axes : of `NearestGaps`.
    """
    model = integral.model
    assert isinstance(model, TightBindingModel)
    best = _gap(integral, k, band, axes)
    for _ in range(STEPS):
        step = best[1] @ axes @ model.lattice.T / (2 * np.pi)
        after = _gap(integral, best[0].k + step, band, axes)
        if not after[0].size < best[0].size * (1 - 1e-6):
            break
        best = after
    gap = best[0]
    return Gap(gap.size, gap.band, (gap.k + 0.5) % 1.0 - 0.5, gap.energy)


def _gap(integral: Integral, k: Real, band: int, axes: Real) -> tuple[Gap, Real]:
    """The gap at a point, and the step (in the axes) to where k.p theory has its smallest value."""
    geometry = geometry_at(integral, k[None])
    gaps, energies = NearestGaps.of(geometry, axes), geometry.energies[0]
    size = float(energies[band + 1] - energies[band])
    return Gap(size, band + 1, k, float(energies[band] + size / 2)), gaps.where[0, band]


def geometry_at(integral: Integral, k: Real) -> BandGeometry:
    """Bands at k (p, 3)."""
    return geometry_of(matrices_at(integral.model, k), integral.degeneracy_tolerance)
