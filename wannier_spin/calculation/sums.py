"""Integrals of all channels: model -> Bloch states -> geometry -> densities -> occupation -> mean over k."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.bloch import BlochMatrices, BlochSum, kp_matrices
from wannier_spin.errors import InputError
from wannier_spin.geometry import geometry_of
from wannier_spin.integration.grid import Block, Mesh, MeshMean, Partial, mean_over_mesh
from wannier_spin.integration.parallel import Communicator
from wannier_spin.integration.rays import Disk
from wannier_spin.model import KPModel, TightBindingModel
from wannier_spin.occupation import CUTOFF, Occupation
from wannier_spin.responses.plan import Plan

Real = NDArray[np.float64]
Progress = Callable[[int, int], None]
GIB = 2.0**30
CACHE = 2.0e8  # bytes: larger batches only wait for memory
LEAST_BLOCKS = 64  # so that a small mesh can be dealt to many ranks, cut alike for any number of them
NEAR_FERMI = 5.0  # in kT: states that a Fermi-surface term sees


@dataclass(frozen=True)
class Sums:
    """Integrals of all channels (w, channels) and what is known of their errors; minima, and points evaluated.

    difference : fine - coarse, or None. spread : of an adaptive integral, the root of the sum of squared differences. replicas :
    further estimates of the integral. converged : by response, where a tolerance was asked for.
    """

    fine: Real
    difference: Real | None
    minima: Real
    evaluations: int
    notes: dict[str, Any] = field(default_factory=dict)
    spread: Real | None = None
    replicas: tuple[Real, ...] = ()
    converged: dict[str, bool] = field(default_factory=dict)


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
    source = BlochSum(model, second_order=plan.derivatives, spin=plan.needs_spin, spin_currents=plan.spin_currents)
    oriented = mesh.transposed(source.axes)

    def integrand(block: Block) -> Partial:
        bloch = source.on_block(block.k1, block.k2, block.k3, block.used)
        return _partial(bloch, plan, occupation, tolerance, block)

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


def _partial(bloch: BlochMatrices, plan: Plan, occupation: Occupation, tolerance: float, block: Block) -> Partial:
    """Sums over the points of each part, and the minima of `minima_of`."""
    geometry = geometry_of(bloch, tolerance, plan.derivatives, plan.site_functions, plan.spin_currents)
    sea, surface = plan.densities(resp.BandPairs(geometry, plan.observables, occupation.window))
    energies = geometry.block_energies
    if (block.weights != 1).any():
        sea, surface = (X * block.weights[:, None, None] for X in (sea, surface))
    sums = [_sum_states(occupation, energies[part], sea[part], surface[part]) for part in block.parts]
    return Partial(np.stack(sums), minima_of(energies, geometry.group, occupation))


def _sum_states(occupation: Occupation, energies: Real, sea: Real, surface: Real) -> Real:
    """Sum over k and bands: energies (k,n), densities (k,n,c) -> (w, c_sea + c_surface)."""
    return occupation.sums(energies.ravel(), *(X.reshape(energies.size, X.shape[-1]) for X in (sea, surface)))


def integrate_disk(model: KPModel, plan: Plan, occupation: Occupation, grid: tuple[int, ...], tolerance: float) -> Sums:
    """Polar quadrature, once for each (mu, T); the estimate is the same with three quarters of the points."""
    if len(grid) != 2 or not all(isinstance(n, int | float | np.integer) for n in grid) or any(n != int(n) or n < 4 for n in grid):
        raise InputError(f"grid = {grid}: a k·p model takes two numbers, points per radial panel and angles, at least 4 each")
    fine = _disk_sums(model, plan, occupation, (grid[0], grid[1]), tolerance)
    coarse = _disk_sums(model, plan, occupation, (max(3, grid[0] * 3 // 4), max(3, grid[1] * 3 // 4)), tolerance)
    evaluations = fine.evaluations + coarse.evaluations
    return Sums(fine.fine, fine.fine - coarse.fine, fine.minima, evaluations, {"cutoff": float(model.cutoff)})


def _disk_sums(model: KPModel, plan: Plan, occupation: Occupation, grid: tuple[int, int], tolerance: float) -> Sums:
    scale = _wave_vector_scale(model)

    def bands(k: Real) -> tuple[Real, Real]:
        geometry = geometry_of(kp_matrices(model, k), tolerance)
        return geometry.energies, np.einsum("kann->kan", geometry.velocity).real

    rows, minima, evaluations = [], [], 0
    for mu, kT in zip(*occupation.points, strict=True):
        point = Occupation(np.array([mu]), np.array([kT]))
        reach = (abs(mu) + CUTOFF * kT) / np.abs(model.linear).max()
        nodes, line = Disk(model.cutoff, scale, *grid, reach=reach).nodes(bands, mu, kT)
        geometry = geometry_of(kp_matrices(model, nodes.k), tolerance, plan.derivatives, plan.site_functions)
        sea, surface = plan.densities(resp.BandPairs(geometry, plan.observables, point.window))
        sea, surface = (X * nodes.weight[:, None, None] for X in (sea, surface))
        if kT > 0:
            row = _sum_states(point, geometry.block_energies, sea, surface)[0]
        else:
            row = _sum_states(point, geometry.block_energies, sea, surface[..., :0])[0]
            row = np.concatenate([row, _on_fermi_line(model, plan, line.k, line.band, line.weight, tolerance)])
        rows.append(row)
        minima.append(minima_of(geometry.block_energies, geometry.group, occupation))
        evaluations += len(nodes.k)
    return Sums(np.stack(rows), None, np.min(minima, axis=0), evaluations)


def _on_fermi_line(model: KPModel, plan: Plan, k: Real, band: NDArray[np.int64], weight: Real, tolerance: float) -> Real:
    """Surface densities of the crossing bands, summed with their weights: (c_surface,)."""
    if not len(k):
        return np.zeros(plan.n_surface_channels)
    geometry = geometry_of(kp_matrices(model, k), tolerance, plan.derivatives, plan.site_functions)
    surface = plan.densities(resp.BandPairs(geometry, plan.observables))[1]
    return np.asarray(weight @ surface[np.arange(len(k)), band])


def minima_of(energies: Real, group: NDArray[np.int64], occupation: Occupation) -> Real:
    """[lowest energy, -highest energy, lowest transition between states that may be occupied and empty; for each mu the
    smallest gap next to a state within a few kT of it, and the distance of the nearest state; for each band its lowest and
    minus its highest energy]; inf where there is none. See `Minima`.
    """
    low, high = occupation.window
    gap = np.where(group[:, 1:] != group[:, :-1], np.diff(energies, axis=1), np.inf)
    active = (energies[:, :-1] < high) & (energies[:, 1:] > low)
    transition = np.min(gap, where=active, initial=np.inf)
    nearest = np.full(energies.shape, np.inf)
    nearest[:, :-1] = gap
    np.minimum(nearest[:, 1:], gap, out=nearest[:, 1:])
    reach = NEAR_FERMI * occupation.kT.max()
    distance = np.abs(energies.ravel()[None] - occupation.mu[:, None])
    at_fermi = np.where(distance <= reach, nearest.ravel()[None], np.inf).min(axis=1)
    extremes = [energies.min(axis=0), -energies.max(axis=0)]
    return np.concatenate([[energies.min(), -energies.max(), transition], at_fermi, distance.min(axis=1), *extremes])


@dataclass(frozen=True)
class Minima:
    """The parts of `minima_of`."""

    lowest: float
    highest: float
    transition: float
    gap_at_mu: Real
    distance_from_mu: Real
    band_ranges: tuple[Real, Real]

    @classmethod
    def of(cls, values: Real, n_mu: int) -> Minima:
        """Take them apart."""
        rest = values[3 + 2 * n_mu :]
        ranges = (rest[: len(rest) // 2], -rest[len(rest) // 2 :])
        return cls(values[0], -values[1], values[2], values[3 : 3 + n_mu], values[3 + n_mu : 3 + 2 * n_mu], ranges)


def batch_size(source: BlochSum, plan: Plan, occupation: Occupation, memory: float) -> int:
    """Points per block that fit into the memory (GiB), at most what keeps the working set near the cache."""
    if not 0 < memory < np.inf:
        raise InputError(f"memory = {memory}, expected a positive number of GiB")
    n, observables = source.n_bands, plan.n_components(plan.observables)
    pairs = 30 + (60 if plan.has_surface or plan.derivatives else 0)
    pairs += 18 * observables * len(plan.shapes.keys() & {"S", "INJ1", "SH1"})  # which hold matrices with indices d, o
    matrices = 2 * source.n_operators + 3 * observables + pairs
    per_point = 16 * n**2 * matrices + 8 * n * (3 * plan.n_channels + 2 * occupation.n_points)
    fixed = 2 * source.plane_bytes() + 48 * occupation.n_points * plan.n_channels
    free = memory * GIB - fixed
    if free < per_point:
        raise InputError(
            f"memory = {memory:g} GiB is too little for {n} Wannier functions and {occupation.n_points} (mu, T) points: "
            f"{_rounded_up((fixed + per_point) / GIB):g} GiB is the least; give more, or fewer responses or (mu, T) points"
        )
    return int(min(free // per_point, max(1, CACHE // per_point)))


def _rounded_up(value: float) -> float:
    """To two digits, upwards."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit


def cell_volume(model: TightBindingModel) -> float:
    """Volume, area or length of the cell along the periodic directions, angstrom^d."""
    vectors = model.lattice[np.array(model.periodic)]
    return float(np.sqrt(np.linalg.det(vectors @ vectors.T)))


def _wave_vector_scale(model: KPModel) -> float:
    """The wave vector on which the bands of a k·p model change: |H0|/|H1|, 1/angstrom."""
    constant, linear = np.abs(model.constant).max(), np.abs(model.linear).max()
    if linear == 0:
        raise InputError(f"model '{model.name}' has no term linear in k; its wave-vector scale is not defined")
    return float(max(constant, 1e-6) / linear)
