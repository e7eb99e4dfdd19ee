"""What may hide between points: small gaps next to them, from k.p theory of two neighbouring bands at each point.

Two bands with energies E, E + delta, velocities v, v + dv and w between them have at a distance q the gap

    gap^2 = (delta + dv.q)^2 + |2 w.q|^2 = delta^2 + 2 delta dv.q + q.A.q,        A = dv dv^T + 4 Re(w w^+),

which is smallest at q = -delta A^-1 dv. Where that is inside the part of the zone that a point stands for and much smaller than
delta, a sharp feature lies there that the points may miss: densities grow like a power of 1/gap, over a volume in which
q.A.q < gap^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.geometry import BandGeometry

Real = NDArray[np.float64]
REACH = 1.25  # of the part of the zone that a point stands for: how far from the point its smallest gaps are believed
_TINY = 1e-12


@dataclass(frozen=True)
class NearestGaps:
    """Of each pair of neighbouring bands (n, n + 1) at each point, coordinates those of the boxes.

    now, least : (k, n-1) the gap at the point and the smallest one, eV. where : (k, n-1, 3) how far that is. steepness :
    (k, n-1, 3, 3) A. energy : (k, n-1) of the middle between the two bands there. Pairs of one block have infinite gaps.
    """

    now: Real
    least: Real
    where: Real
    steepness: Real
    energy: Real

    @classmethod
    def of(cls, geometry: BandGeometry, axis_vectors: Real) -> NearestGaps:
        """At the points of a geometry. axis_vectors : d k/d x_i, Cartesian."""
        energies, group = geometry.block_energies, geometry.group
        velocity = np.einsum("kan,ia->kni", geometry.block_velocity, axis_vectors)
        between = 2 * np.einsum("kan,ia->kni", np.diagonal(geometry.velocity, 1, axis1=2, axis2=3), axis_vectors.astype(complex))
        step = np.diff(velocity, axis=1)
        A = step[..., :, None] * step[..., None, :] + (between[..., :, None] * between[..., None, :].conj()).real
        now = np.where(group[:, 1:] != group[:, :-1], np.diff(energies, axis=1), np.inf)
        finite = np.where(np.isfinite(now), now, 0.0)
        where = -finite[..., None] * np.einsum("knij,knj->kni", np.linalg.pinv(A, rcond=1e-9, hermitian=True), step)
        least = np.sqrt(np.maximum(finite**2 + finite * np.einsum("kni,kni->kn", step, where), (_TINY * finite) ** 2))
        middle = (energies[:, 1:] + energies[:, :-1]) / 2
        middle = middle + np.einsum("kni,kni->kn", (velocity[:, 1:] + velocity[:, :-1]) / 2, where)
        return cls(now, np.where(np.isfinite(now), least, np.inf), where, A, middle)
