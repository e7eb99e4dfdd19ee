"""Sums over a uniform mesh: model -> Bloch states -> geometry -> densities -> occupation -> mean over k.

With them come the Fourier sums that the error bar of a mesh is made of, see `integration.stars`. They are kept with their signs,
channel by channel: whatever is combined of the channels has as its bar the root of the sum of squares of the combined rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.bloch import BlochSum
from wannier_spin.errors import InputError
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.bars import Bars, Judged
from wannier_spin.integrals.channels import Channels
from wannier_spin.integrals.plan import Plan
from wannier_spin.integrals.scan import Scan, make_scan
from wannier_spin.integrals.sums import Progress, Sums, batch_size, cell_volume, minima_of, not_finite
from wannier_spin.integration.grid import Batch, Mesh, MeshMean, Partial, mean_over_runs
from wannier_spin.integration.parallel import Communicator
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
LEAST_BATCHES = 64  # so that a small mesh can be dealt to many ranks, cut alike for any number of them
MOST_RUNS = 1024  # of a large mesh: after each the sums are added up with care, which costs as much as some points


@dataclass(frozen=True)
class Execution:
    """On which ranks a sum is made, in batches of how many GiB per rank, and who is told how far it is. It changes no number."""

    memory: float
    comm: Communicator
    progress: Progress


def integrate_mesh(
    model: TightBindingModel,
    plan: Plan,
    occupation: Occupation,
    mesh: Mesh,
    degeneracy_tolerance: float,
    judged: Judged | None,
    execution: Execution,
) -> Sums:
    """Mean over the mesh divided by the volume of the cell: int d^dk/(2 pi)^d. judged : what its bars are judged by, None: none."""
    check_directions(model, mesh)
    _check_temperature(plan, occupation)
    channels = judged.channels(plan) if judged and judged.reduced else None
    source = plan.bloch_sum(model) if channels is None else channels.selection.bloch_sum(model)
    oriented = mesh.transposed(source.axes)
    bars = Bars.of(model, mesh, plan, judged, occupation) if judged else None
    most = -(-oriented.n_evaluated // LEAST_BATCHES)
    scan = make_scan(occupation, most)
    summed = _MeshSums(plan, occupation, scan, channels, bars, source, degeneracy_tolerance)
    largest = min(summed.batch(execution.memory, 2 if mesh.nested else 1), most)
    runs = oriented.runs(largest, max(scan.least_run, -(-oriented.n_evaluated // MOST_RUNS)))
    mean: MeshMean = mean_over_runs(oriented, runs, summed.partial, execution.comm, execution.progress)
    density = 1 / cell_volume(model)

    def expand(means: Real) -> Real:
        sums = summed.scan.sums(means, summed.n_sea)
        return (sums if channels is None else channels.expand(sums)) * density

    difference = None if mean.coarse is None else expand(mean.fine - mean.coarse)
    sums = Sums(expand(mean.fine), difference, mean.minima, oriented.n_evaluated)
    return sums if bars is None else replace(sums, rows=bars.rows(mean.further, density))


def check_directions(model: TightBindingModel, mesh: Mesh) -> None:
    """Raise InputError for several points along a direction in which the model is not periodic."""
    for points, periodic, name in zip(mesh.points, model.periodic, "abc", strict=True):
        if not periodic and points != 1:
            raise InputError(f"grid has {points} points along lattice vector {name}, which is not periodic; expected 1")


def _check_temperature(plan: Plan, occupation: Occupation) -> None:
    """Raise InputError for Fermi-surface terms at T = 0."""
    if plan.has_surface and occupation.sharp and (occupation.kT == 0).any():
        surface = [
            r.name for r in plan.responses if any(b.fermi == "surface" and b.name in plan.blocks_of(r) for b in plan.static_blocks)
        ]
        raise InputError(
            f"temperature = 0 K with Fermi-surface responses ({', '.join(surface)}) on a uniform mesh: f' is a delta function "
            "that no mesh of points meets; give a temperature for which kT spans a few level spacings of the mesh"
        )


@dataclass(frozen=True)
class _MeshSums:
    """Sums over the points of a run of batches."""

    plan: Plan
    occupation: Occupation
    scan: Scan
    channels: Channels | None
    bars: Bars | None
    source: BlochSum
    degeneracy_tolerance: float

    @property
    def n_sea(self) -> int:
        return self.plan.n_channels - self.plan.n_surface_channels if self.channels is None else self.channels.sea.shape[1]

    @property
    def n_channels(self) -> int:
        return self.plan.n_channels if self.channels is None else self.n_sea + self.channels.surface.shape[1]

    def batch(self, memory: float, sums: int) -> int:
        """Points per batch. What is held besides: three times what is summed, and the results."""
        summed = sums * self.scan.rows * self.n_channels + (0 if self.bars is None else self.bars.size)
        held = 3 * summed + 4 * self.occupation.n_points * self.plan.n_channels
        by_point = 0 if self.bars is None else sum(points * channels for _, points, channels in self.bars.shapes)
        return batch_size(self.source, self.plan, self.occupation, memory, held, by_point)

    def partial(self, run: Sequence[Batch]) -> Partial:
        """Sums over the points of each mask, and with the phases of the stars; the minima of `minima_of`."""
        sums = np.zeros((len(run[0].masks), self.scan.rows, self.n_channels))
        further = np.zeros(0 if self.bars is None else self.bars.size)
        minima: Real = np.array(np.inf)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
            for batch in run:
                geometry, sea, surface = self._densities(batch)
                self._add(sums, batch, geometry.group_energies, sea, surface)
                if self.bars is not None:
                    self.bars.add(further, batch, self.source.axes, geometry, sea, surface)
                minima = np.minimum(minima, minima_of(geometry.group_energies, geometry.group, self.occupation))
        if not np.isfinite(sums).all():
            raise self._not_finite(run)
        return Partial(sums, minima, further)

    def _densities(self, batch: Batch) -> tuple[BandGeometry, Real, Real]:
        bloch = self.source.on_batch(batch.k1, batch.k2, batch.k3, batch.used)
        geometry = self.plan.geometry(bloch, self.degeneracy_tolerance)
        window = self.occupation.window
        if self.channels is not None:
            return geometry, *self.channels.densities(geometry, window)
        return geometry, *self.plan.densities(resp.BandPairs(geometry, self.plan.observables, window))

    def _add(self, sums: Real, batch: Batch, energies: Real, sea: Real, surface: Real) -> None:
        states = [X.reshape(energies.size, X.shape[-1]) for X in (sea, surface)]
        for total, mask in zip(sums, batch.masks, strict=True):
            if mask.any():
                self.scan.add(total, energies.ravel(), np.repeat(batch.weights * mask, energies.shape[1]), *states)

    def _not_finite(self, run: Sequence[Batch]) -> InputError:
        """What to say of a run with sums that are not finite: the first point with such densities."""
        for batch in run:
            with np.errstate(invalid="ignore", over="ignore"):
                geometry, *densities = self._densities(batch)
            energies, X = geometry.group_energies, np.concatenate(densities, axis=-1)
            if batch is run[-1] or not np.isfinite(X).all() or not np.isfinite(energies).all():
                break
        return not_finite(self.source.batch_points(batch.k1, batch.k2, batch.k3, batch.used), energies, X)
