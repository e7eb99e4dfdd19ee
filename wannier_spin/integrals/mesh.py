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
from wannier_spin.integration.grid import Block, Mesh, MeshMean, Partial, mean_over_runs
from wannier_spin.integration.parallel import Communicator
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
LEAST_BLOCKS = 64  # so that a small mesh can be dealt to many ranks, cut alike for any number of them
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
    tolerance: float,
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
    most = -(-oriented.n_evaluated // LEAST_BLOCKS)
    scan = make_scan(occupation, most)
    parts = _Parts(plan, occupation, scan, channels, bars, source, tolerance)
    largest = min(parts.batch(execution.memory, 2 if mesh.nested else 1), most)
    runs = oriented.runs(largest, max(scan.least_run, -(-oriented.n_evaluated // MOST_RUNS)))
    mean: MeshMean = mean_over_runs(oriented, runs, parts.partial, execution.comm, execution.progress)
    density = 1 / cell_volume(model)

    def expand(means: Real) -> Real:
        sums = parts.scan.sums(means, parts.n_sea)
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
class _Parts:
    """Sums over the points of a run of blocks."""

    plan: Plan
    occupation: Occupation
    scan: Scan
    channels: Channels | None
    bars: Bars | None
    source: BlochSum
    tolerance: float

    @property
    def n_sea(self) -> int:
        return self.plan.n_channels - self.plan.n_surface_channels if self.channels is None else self.channels.sea.shape[1]

    @property
    def n_channels(self) -> int:
        return self.plan.n_channels if self.channels is None else self.n_sea + self.channels.surface.shape[1]

    def batch(self, memory: float, parts: int) -> int:
        """Points per block. What is held besides: three times what is summed, and the results."""
        summed = parts * self.scan.rows * self.n_channels + (0 if self.bars is None else self.bars.size)
        held = 3 * summed + 4 * self.occupation.n_points * self.plan.n_channels
        by_point = 0 if self.bars is None else sum(points * channels for _, points, channels in self.bars.shapes)
        return batch_size(self.source, self.plan, self.occupation, memory, held, by_point)

    def partial(self, run: Sequence[Block]) -> Partial:
        """Sums over each part of the blocks, and with the phases of the stars; the minima of `minima_of`."""
        sums = np.zeros((len(run[0].parts), self.scan.rows, self.n_channels))
        further = np.zeros(0 if self.bars is None else self.bars.size)
        minima: Real = np.array(np.inf)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
            for block in run:
                geometry, sea, surface = self._densities(block)
                self._add(sums, block, geometry.block_energies, sea, surface)
                if self.bars is not None:
                    self.bars.add(further, block, self.source.axes, geometry, sea, surface)
                minima = np.minimum(minima, minima_of(geometry.block_energies, geometry.group, self.occupation))
        if not np.isfinite(sums).all():
            raise self._not_finite(run)
        return Partial(sums, minima, further)

    def _densities(self, block: Block) -> tuple[BandGeometry, Real, Real]:
        bloch = self.source.on_block(block.k1, block.k2, block.k3, block.used)
        geometry = self.plan.geometry(bloch, self.tolerance)
        window = self.occupation.window
        if self.channels is not None:
            return geometry, *self.channels.densities(geometry, window)
        return geometry, *self.plan.densities(resp.BandPairs(geometry, self.plan.observables, window))

    def _add(self, sums: Real, block: Block, energies: Real, sea: Real, surface: Real) -> None:
        states = [X.reshape(energies.size, X.shape[-1]) for X in (sea, surface)]
        for total, part in zip(sums, block.parts, strict=True):
            if part.any():
                self.scan.add(total, energies.ravel(), np.repeat(block.weights * part, energies.shape[1]), *states)

    def _not_finite(self, run: Sequence[Block]) -> InputError:
        """What to say of a run with sums that are not finite: the first point with such densities."""
        for block in run:
            with np.errstate(invalid="ignore", over="ignore"):
                geometry, *densities = self._densities(block)
            energies, X = geometry.block_energies, np.concatenate(densities, axis=-1)
            if block is run[-1] or not np.isfinite(X).all() or not np.isfinite(energies).all():
                break
        return not_finite(self.source.block_points(block.k1, block.k2, block.k3, block.used), energies, X)
