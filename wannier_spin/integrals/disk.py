"""Polar quadrature of k·p models on a disk, at 0 K with the Fermi line itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.arrays import diagonal, eigvalsh
from wannier_spin.bloch import kp_matrices
from wannier_spin.continuum import Ball, ContinuumModel
from wannier_spin.errors import InputError
from wannier_spin.geometry import geometry_of
from wannier_spin.integrals.algorithm import Execution, Integral
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import Sums, fewer, minima_of, sum_states
from wannier_spin.integration.rays import Bands, Disk
from wannier_spin.occupation import CUTOFF, Occupation
from wannier_spin.values import is_number

Real = NDArray[np.float64]
LEAST = 4  # points per panel, and angles


@dataclass(frozen=True)
class OnDisk:
    """Polar quadrature with so many points per radial panel and angles, once for each (mu, T). See `Algorithm`."""

    points: tuple[int, ...]

    def sums(self, integral: Integral, execution: Execution) -> Sums:
        """See `Algorithm`. The estimate of the error is the same with three quarters of the points."""
        model, grid = integral.model, self.points
        assert isinstance(model, ContinuumModel)
        if not isinstance(model.region, Ball) or model.dimension != 2:
            raise InputError(f"model '{model.name}' is integrated over no disk of the plane: give a tolerance in place of a grid")
        if len(grid) != 2 or any(not is_number(n) or n % 1 or n < LEAST for n in grid):
            raise InputError(f"grid = {grid}: a k·p model takes two numbers, points per radial panel and angles, at least 4 each")
        how = (integral.plan, integral.occupation)
        fine, coarse = (_disk_sums(model, *how, n, integral.degeneracy_tolerance) for n in (self._fine, self._coarse))
        evaluations = fine.evaluations + coarse.evaluations
        return Sums(fine.fine, fine.fine - coarse.fine, fine.minima, evaluations, {"cutoff": float(model.region.size)})

    @property
    def _fine(self) -> tuple[int, int]:
        return self.points[0], self.points[1]

    @property
    def _coarse(self) -> tuple[int, int]:
        return max(3, self.points[0] * 3 // 4), max(3, self.points[1] * 3 // 4)

    def sketch(self, integral: Integral, thorough: bool) -> OnDisk:
        """See `Algorithm`."""
        return OnDisk(tuple(fewer(self.points, thorough, LEAST)))


def _disk_sums(
    model: ContinuumModel, plan: Plan, occupation: Occupation, grid: tuple[int, int], degeneracy_tolerance: float
) -> Sums:
    region = model.region
    assert isinstance(region, Ball)
    scale, steepest = model.scales

    def velocities(k: Real) -> Real:
        return diagonal(geometry_of(kp_matrices(model, k), degeneracy_tolerance).velocity)

    bands = Bands(lambda k: eigvalsh(model.series(k)[0]), velocities)
    rows, minima, evaluations = [], [], 0
    for mu, kT in zip(*occupation.points, strict=True):
        point = replace(occupation, mu=np.array([mu]), kT=np.array([kT]))
        reach = (abs(mu) + CUTOFF * kT) / steepest
        nodes, line = Disk(region.radius, scale, *grid, reach=reach).nodes(bands, mu, kT)
        geometry = plan.geometry(kp_matrices(model, nodes.k), degeneracy_tolerance)
        sea, surface = plan.densities(resp.BandPairs(geometry, plan.observables, point.window))
        sea, surface = (X * nodes.weight[:, None, None] for X in (sea, surface))
        if kT > 0 or not occupation.sharp:
            row = sum_states(point, geometry.group_energies, sea, surface)[0]
        else:
            row = sum_states(point, geometry.group_energies, sea, surface[..., :0])[0]
            row = np.concatenate([row, _on_fermi_line(model, plan, line.k, line.band, line.weight, degeneracy_tolerance)])
        rows.append(row)
        minima.append(minima_of(geometry.group_energies, geometry.group, occupation))
        evaluations += len(nodes.k)
    return Sums(np.stack(rows), None, np.min(minima, axis=0), evaluations)


def _on_fermi_line(
    model: ContinuumModel, plan: Plan, k: Real, band: NDArray[np.int64], weight: Real, degeneracy_tolerance: float
) -> Real:
    """Surface densities of the crossing bands, summed with their weights: (c_surface,)."""
    if not len(k):
        return np.zeros(plan.n_surface_channels)
    geometry = plan.geometry(kp_matrices(model, k), degeneracy_tolerance)
    surface = plan.densities(resp.BandPairs(geometry, plan.observables))[1]
    return np.asarray(weight @ surface[np.arange(len(k)), band])
