"""Sums over a uniform mesh: model -> Bloch states -> geometry -> densities -> occupation -> mean over k.

With them come the Fourier sums that the error bar of a mesh is made of, see `integration.stars`. They are kept with their signs,
channel by channel: whatever is combined of the channels has as its bar the root of the sum of squares of the combined rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.bloch import BlochMatrices, BlochSum
from wannier_spin.errors import InputError
from wannier_spin.integrals.channels import Channels, combinations, make_channels
from wannier_spin.integrals.plan import Plan
from wannier_spin.integrals.sums import Progress, Sums, batch_size, cell_volume, minima_of, not_finite
from wannier_spin.integration.grid import Block, Mesh, MeshMean, Partial, mean_over_mesh
from wannier_spin.integration.parallel import Communicator
from wannier_spin.integration.stars import Stars, stars
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import CUTOFF, Occupation
from wannier_spin.symmetry import Operation, SiteGroup

Real = NDArray[np.float64]
LEAST_BLOCKS = 64  # so that a small mesh can be dealt to many ranks, cut alike for any number of them
LEAST_SCAN = 12  # values of mu from which a decay is taken: for shorter scans there are further ones within the window
AUXILIARY = 0.6 * CUTOFF  # in kT: how far they are from mu; their tails are still inside the window


@dataclass(frozen=True)
class Judged:
    """What the error bars of a mesh are judged by: the responses with this relaxation and tau (hbar/eV).

    operations : of the group that the responses are projected on, none without symmetry; sites : how it permutes the sites of the
    plan. reduced : whether the mesh has irreducible points only.
    """

    relaxation: str
    tau: float
    operations: Sequence[Operation] = ()
    sites: SiteGroup | None = None
    reduced: bool = False


def integrate_mesh(
    model: TightBindingModel,
    plan: Plan,
    occupation: Occupation,
    mesh: Mesh,
    tolerance: float,
    memory: float,
    comm: Communicator,
    progress: Progress,
    judged: Judged,
) -> Sums:
    """Mean over the mesh divided by the volume of the cell: int d^dk/(2 pi)^d."""
    check_directions(model, mesh)
    _check_temperature(plan, occupation)
    source = plan.bloch_sum(model)
    oriented = mesh.transposed(source.axes)
    scan = with_auxiliary(occupation)
    found = stars(mesh.points, mesh.shift, model.lattice, model.periodic)
    invariant = _channels(plan, judged)
    channels = invariant if judged.reduced else None
    parts = _Parts(plan, occupation, scan, channels, found, source)

    def integrand(block: Block) -> Partial:
        bloch = source.on_block(block.k1, block.k2, block.k3, block.used)
        return parts.partial(bloch, tolerance, block)

    batch = batch_size(source, plan, scan, memory, found.n_rows if found else 0)
    mean: MeshMean = mean_over_mesh(oriented, integrand, min(batch, -(-oriented.n_evaluated // LEAST_BLOCKS)), comm, progress)
    density = 1 / cell_volume(model)

    def expand(means: Real) -> Real:
        return (means if channels is None else channels.expand(means)) * density

    difference = None if mean.coarse is None else expand(mean.fine - mean.coarse)
    sums = Sums(expand(mean.fine), difference, mean.minima, oriented.n_evaluated)
    if found is None:
        return sums
    rows = expand(mean.further)
    if invariant is not None and channels is None:
        rows = invariant.projected(rows)
    harmonics, decays = _bars(found, rows, plan, scan, judged)
    n = occupation.n_points
    return replace(sums, harmonics=harmonics[:, :n], decays={name: factors[:, :n] for name, factors in decays.items()})


def _channels(plan: Plan, judged: Judged) -> Channels | None:
    """Coordinates of what the group leaves invariant, which sums over irreducible points are made of; None: all densities."""
    if not judged.operations:
        return None
    scale = dict.fromkeys((r.name for r in plan.responses), 1.0)
    return make_channels(plan, judged.relaxation, scale, judged.tau, judged.operations, judged.sites)


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


def with_auxiliary(occupation: Occupation) -> Occupation:
    """A short scan with further mu behind it, so that decays are means over many Fermi surfaces."""
    missing = math.ceil(max(LEAST_SCAN - len(occupation.mu), 0) / len(occupation.mu))
    if not missing or not occupation.kT.max() > 0:
        return occupation
    steps = np.arange(1, missing // 2 + 2) / (missing // 2 + 1) * AUXILIARY * occupation.kT.max()
    offsets = np.concatenate([steps, -steps])[:missing]
    return replace(occupation, mu=np.concatenate([occupation.mu, *(occupation.mu + x for x in offsets)]))


@dataclass(frozen=True)
class _Parts:
    """Sums over the points of a block. scan : the occupation with its auxiliary mu."""

    plan: Plan
    occupation: Occupation
    scan: Occupation
    channels: Channels | None
    stars: Stars | None
    source: BlochSum

    def partial(self, bloch: BlochMatrices, tolerance: float, block: Block) -> Partial:
        """Sums over each part of a block, and with the phases of the stars; the minima of `minima_of`."""
        plan, window = self.plan, self.occupation.window
        geometry = plan.geometry(bloch, tolerance)
        densities = plan.densities(resp.BandPairs(geometry, plan.observables, window))
        energies = geometry.block_energies
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
            reduced = densities if self.channels is None else self.channels.reduced(*densities)
            by_point = self.scan.sums_by_point(energies, *reduced)
            weighted = by_point * block.weights[:, None, None]
            rows = np.stack(block.parts).astype(float)
            sums = np.tensordot(rows, weighted[:, : self.occupation.n_points], 1)
        if not np.isfinite(sums).all():
            k = self.source.block_points(block.k1, block.k2, block.k3, block.used)
            raise not_finite(k, energies, np.concatenate(densities, axis=-1))
        minima = minima_of(energies, geometry.group, self.occupation)
        if self.stars is None:
            return Partial(sums, minima)
        phases = self.stars.phases(block.k1, block.k2, block.k3, block.used, self.source.axes)
        return Partial(sums, minima, np.tensordot(phases, weighted, 1))


def _bars(found: Stars, sums: Real, plan: Plan, scan: Occupation, judged: Judged) -> tuple[Real, dict[str, Real]]:
    """Rows of the outer windows (J, w, channels), and their decay (J, w) for every response; each temperature has its own."""
    rows, shape = len(sums), (len(scan.mu), len(scan.kT))
    combined = combinations(plan, sums.reshape(-1, sums.shape[-1]), judged.relaxation, judged.tau)
    components = [x.reshape(rows, *shape, -1) for x in combined.values()]
    by_temperature = [found.scaled(sums, [x[:, :, t] for x in components]) for t in range(shape[1])]
    outer = by_temperature[0][0]
    factors = [np.stack([f[i] for _, f in by_temperature], axis=-1).reshape(len(outer), -1) for i in range(len(components))]
    return outer, dict(zip(combined, factors, strict=True))
