"""Sums over a uniform mesh: model -> Bloch states -> geometry -> densities -> occupation -> mean over k."""

from __future__ import annotations

import numpy as np

from wannier_spin import responses as resp
from wannier_spin.bloch import BlochMatrices, BlochSum
from wannier_spin.errors import InputError
from wannier_spin.integrals.plan import Plan
from wannier_spin.integrals.sums import Progress, Sums, batch_size, cell_volume, minima_of, not_finite, sum_states
from wannier_spin.integration.grid import Block, Mesh, MeshMean, Partial, mean_over_mesh
from wannier_spin.integration.parallel import Communicator
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation

LEAST_BLOCKS = 64  # so that a small mesh can be dealt to many ranks, cut alike for any number of them


def integrate_mesh(
    model: TightBindingModel,
    plan: Plan,
    occupation: Occupation,
    mesh: Mesh,
    tolerance: float,
    memory: float,
    comm: Communicator,
    progress: Progress,
) -> Sums:
    """Mean over the mesh divided by the volume of the cell: int d^dk/(2 pi)^d."""
    check_directions(model, mesh)
    if plan.has_surface and (occupation.kT == 0).any():
        surface = [
            r.name for r in plan.responses if any(b.fermi == "surface" and b.name in plan.blocks_of(r) for b in plan.static_blocks)
        ]
        raise InputError(
            f"temperature = 0 K with Fermi-surface responses ({', '.join(surface)}) on a uniform mesh: f' is a delta function "
            "that no mesh of points meets; give a temperature for which kT spans a few level spacings of the mesh"
        )
    source = plan.bloch_sum(model)
    oriented = mesh.transposed(source.axes)

    def integrand(block: Block) -> Partial:
        bloch = source.on_block(block.k1, block.k2, block.k3, block.used)
        return _partial(bloch, plan, occupation, tolerance, block, source)

    largest = min(batch_size(source, plan, occupation, memory), -(-oriented.n_evaluated // LEAST_BLOCKS))
    mean: MeshMean = mean_over_mesh(oriented, integrand, largest, comm, progress)
    density = 1 / cell_volume(model)
    difference = None if mean.coarse is None else (mean.fine - mean.coarse) * density
    return Sums(mean.fine * density, difference, mean.minima, oriented.n_evaluated)


def check_directions(model: TightBindingModel, mesh: Mesh) -> None:
    """Raise InputError for several points along a direction in which the model is not periodic."""
    for points, periodic, name in zip(mesh.points, model.periodic, "abc", strict=True):
        if not periodic and points != 1:
            raise InputError(f"grid has {points} points along lattice vector {name}, which is not periodic; expected 1")


def _partial(bloch: BlochMatrices, plan: Plan, occupation: Occupation, tolerance: float, block: Block, source: BlochSum) -> Partial:
    """Sums over the points of each part, and the minima of `minima_of`."""
    geometry = plan.geometry(bloch, tolerance)
    sea, surface = plan.densities(resp.BandPairs(geometry, plan.observables, occupation.window))
    energies = geometry.block_energies
    if (block.weights != 1).any():
        sea, surface = (X * block.weights[:, None, None] for X in (sea, surface))
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
        sums = [sum_states(occupation, energies[part], sea[part], surface[part]) for part in block.parts]
    if not np.isfinite(sums).all():
        k = source.block_points(block.k1, block.k2, block.k3, block.used)
        raise not_finite(k, energies, np.concatenate([sea, surface], axis=-1))
    return Partial(np.stack(sums), minima_of(energies, geometry.group, occupation))
