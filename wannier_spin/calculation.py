"""The one place where the stages meet: model -> Bloch states -> geometry -> densities -> occupation -> mean -> result."""

from __future__ import annotations

import math
import platform
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin import units as un
from wannier_spin.bloch import BlochMatrices, BlochSum, kp_matrices
from wannier_spin.config import Settings
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE, geometry_of
from wannier_spin.integration.grid import Block, Mesh, MeshMean, Partial, mean_over_mesh
from wannier_spin.integration.parallel import SERIAL, Communicator, together
from wannier_spin.integration.rays import Disk
from wannier_spin.model import KPModel, Structure, TightBindingModel, load_model
from wannier_spin.occupation import Occupation
from wannier_spin.readers import read_wannier90
from wannier_spin.responses.plan import N_COMPONENTS, Plan
from wannier_spin.responses.registry import Response
from wannier_spin.results import SPIN_CURRENT_DEFINITIONS, ResponseTensor, ResultSet
from wannier_spin.symmetry import (
    MagneticGroup,
    Operation,
    TensorKind,
    irreducible_weights,
    law_kind,
    magnetic_group,
    mesh_operations,
    project,
    transform,
)
from wannier_spin.tensors import Channel

Real = NDArray[np.float64]
Progress = Callable[[int, int], None]
GIB = 2.0**30
LATTICE_TOLERANCE = 1e-3  # angstrom
BAND_RESIDUAL = 0.05  # eV, rms: real models are below 0.001 (Pt), wrong groups above 0.1
SPIN_RESIDUAL = 0.3  # rms of <sigma>
NEAR_FERMI = 5.0  # in kT: states that a Fermi-surface term sees


@dataclass(frozen=True)
class Sums:
    """Integrals of all channels (w, channels), the estimate fine - coarse (or None), minima, and points evaluated."""

    fine: Real
    coarse: Real | None
    minima: Real
    evaluations: int
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VerifiedGroup:
    """A magnetic group and how far the model is from having it: rms over sampled k, operations and bands."""

    group: MagneticGroup
    energy_residual: float
    spin_residual: float

    def provenance(self) -> dict[str, Any]:
        g = self.group
        return {
            "space_group": g.space_group,
            "bns_number": g.bns_number,
            "uni_number": g.uni_number,
            "operations": len(g.point_operations),
            "P": g.has_inversion,
            "T": g.has_time_reversal,
            "PT": g.has_pt,
            "band_residual_eV": self.energy_residual,
            "spin_residual": self.spin_residual,
        }


def compute(
    model: TightBindingModel | KPModel,
    responses: str | Sequence[str],
    *,
    grid: Sequence[int],
    mu: float | Sequence[float] | Real,
    temperature: float | Sequence[float] | Real,
    shift: Sequence[float] = (0.0, 0.0, 0.0),
    tau: float | Sequence[float] | None = None,
    omega: float | Sequence[float] | Real = (),
    broadening: float = 0.0,
    units: un.UnitSystem = "natural",
    channel: Channel = "spin",
    blocks: Sequence[str] = (),
    spin_current: str = "simple",
    form: str = "paper",
    relaxation: str | None = None,
    symmetry: Structure | None = None,
    reduce_k: bool = True,
    tolerance: float | None = None,
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
    memory: float = 1.0,
    comm: Communicator | None = None,
    progress: Progress = lambda done, total: None,
) -> ResultSet:
    """Compute responses on a uniform mesh (or, for a k·p model, on a disk).

    Parameters
    ----------
    responses : names (`wannier_spin.responses.names()`), or "all".
    grid : three numbers of k-points, k = (i + shift)/n; one along a vacuum direction. For a k·p model two numbers:
        Gauss-Legendre points per radial panel, and angles.
    mu : eV. temperature : K; 0 is allowed for Fermi-sea responses, and for everything on a k·p model.
    tau : hbar/eV with natural units (default 1), fs with SI units (default 10). Several: see `ResponseTensor.over_tau`.
    omega : eV, for the displacement responses. broadening : eV, half width eta in omega + i eta.
    channel : "charge" replaces the observable by the velocity (the identity channel), for validation.
    blocks : further building blocks to store with the responses of their order in field and tau, for instance "L1surf".
    symmetry : structure with its magnetic moments; the tensors are projected on what its magnetic point group allows.
    reduce_k : with `symmetry`, evaluate irreducible k-points only; False: all, and what the projection removes is kept
        as `ResponseTensor.residual`, a measure of how far the Wannier model breaks the symmetry.
    degeneracy_tolerance : eV; bands closer than this are one block.
    memory : GiB per rank that batches may fill, next to the model itself.
    comm : an mpi4py communicator; None: serial.
    progress : called with (done, total) blocks of this rank.

    Raises
    ------
    InputError : unknown names, impossible requests. Warns with AccuracyWarning.
    """
    start = time.monotonic()
    _refuse_unavailable(spin_current, form, relaxation, tolerance)
    records = tuple(_with_blocks(record, blocks) for record in _records(responses))
    taus = _list("tau", (1.0 if units == "natural" else 10.0) if tau is None else tau)
    if units not in ("natural", "SI"):
        raise InputError(f"units = '{units}', expected 'natural' or 'SI'")
    if channel not in ("spin", "charge"):
        raise InputError(f"channel = '{channel}', expected 'spin' or 'charge'")
    temperatures, omegas = _list("temperature", temperature), _list("omega", omega)
    occupation = Occupation(_list("mu", mu), np.array([un.thermal_energy(T) for T in temperatures]))
    plan = _plan(records, channel, omegas, broadening)
    _check_spin(model, plan)
    if not degeneracy_tolerance > 0:
        raise InputError(f"degeneracy_tolerance = {degeneracy_tolerance}, expected a positive energy in eV")

    comm = comm or SERIAL
    with warnings.catch_warnings(record=True) as caught, _one_blas_thread():
        warnings.simplefilter("always", AccuracyWarning)
        group = _group_of(model, symmetry, degeneracy_tolerance)
        if isinstance(model, KPModel):
            sums = _integrate_disk(model, plan, occupation, tuple(grid), degeneracy_tolerance)
        else:
            mesh = Mesh(_three("grid", grid), _three("shift", shift))
            if group and reduce_k:
                mesh = _irreducible(mesh, group.group.point_operations)
            sums = _integrate_mesh(model, plan, occupation, mesh, degeneracy_tolerance, memory, comm, progress)
        _warn(model, plan, occupation, sums)
    messages = tuple(str(w.message) for w in caught if issubclass(w.category, AccuracyWarning))
    for message in messages:
        warnings.warn(message, AccuracyWarning, stacklevel=2)

    def tensor(record: Response) -> ResponseTensor:
        raw = _tensor(record, plan, occupation, temperatures, omegas, tuple(taus.tolist()), units, model, sums)
        return raw if group is None else _symmetrized(raw, record, group.group.point_operations, keep_residual=not reduce_k)

    provenance = {
        "model": model.name,
        "model_source": dict(model.source),
        "channel": channel,
        "spin_current": spin_current,
        "spin_current_definition": SPIN_CURRENT_DEFINITIONS[spin_current],
        "form": form,
        "grid": [int(n) for n in grid],
        "shift": [float(s) for s in shift],
        "degeneracy_tolerance_eV": float(degeneracy_tolerance),
        "broadening_eV": float(broadening),
        "k_points_evaluated": sums.evaluations,
        "ranks": comm.size,
        "wall_seconds": time.monotonic() - start,
        "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "versions": _versions(),
        "symmetry": group.provenance() if group else "none used",
        **sums.notes,
    }
    return ResultSet({record.name: tensor(record) for record in records}, provenance, messages)


def _integrate_mesh(
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
    for points, periodic, name in zip(mesh.points, model.periodic, "abc", strict=True):
        if not periodic and points != 1:
            raise InputError(f"grid has {points} points along lattice vector {name}, which is not periodic; expected 1")
    if plan.has_surface and (occupation.kT == 0).any():
        surface = [r.name for r in plan.responses if any(b in resp.BLOCKS and resp.BLOCKS[b].fermi == "surface" for b in r.blocks)]
        raise InputError(
            f"temperature = 0 K with Fermi-surface responses ({', '.join(surface)}) on a uniform mesh: f' is a delta function "
            "that no mesh of points meets; give a temperature for which kT spans a few level spacings of the mesh"
        )
    source = BlochSum(model, second_order=plan.derivatives, spin=plan.needs_spin)
    oriented = mesh.transposed(source.axes)

    def integrand(block: Block) -> Partial:
        bloch = source.on_block(block.k1, block.k2, block.k3, block.used)
        return _partial(bloch, plan, occupation, tolerance, block)

    largest = _batch_size(source, plan, occupation, memory)
    mean: MeshMean = mean_over_mesh(oriented, integrand, largest, comm, progress)
    density = 1 / _cell_volume(model)
    coarse = None if mean.coarse is None else mean.coarse * density
    return Sums(mean.fine * density, coarse, mean.minima, oriented.n_evaluated)


def _partial(bloch: BlochMatrices, plan: Plan, occupation: Occupation, tolerance: float, block: Block) -> Partial:
    """Sums over the points of each part, and the minima of `_minima`."""
    geometry = geometry_of(bloch, tolerance, plan.derivatives)
    sea, surface = plan.densities(resp.BandPairs(geometry, plan.observables))
    energies = geometry.block_energies
    if (block.weights != 1).any():
        sea, surface = (X * block.weights[:, None, None] for X in (sea, surface))
    sums = [_sum_states(occupation, energies[part], sea[part], surface[part]) for part in block.parts]
    return Partial(np.stack(sums), _minima(energies, geometry.group, occupation))


def _sum_states(occupation: Occupation, energies: Real, sea: Real, surface: Real) -> Real:
    """Sum over k and bands: energies (k,n), densities (k,n,c) -> (w, c_sea + c_surface)."""
    return occupation.sums(energies.ravel(), *(X.reshape(energies.size, X.shape[-1]) for X in (sea, surface)))


def _integrate_disk(model: KPModel, plan: Plan, occupation: Occupation, grid: tuple[int, ...], tolerance: float) -> Sums:
    """Polar quadrature, once for each (mu, T); the estimate is the same with three quarters of the points."""
    if len(grid) != 2 or any(n != int(n) or n < 4 for n in grid):
        raise InputError(f"grid = {grid}: a k·p model takes two numbers, points per radial panel and angles, at least 4 each")
    fine = _disk_sums(model, plan, occupation, (grid[0], grid[1]), tolerance)
    coarse = _disk_sums(model, plan, occupation, (max(3, grid[0] * 3 // 4), max(3, grid[1] * 3 // 4)), tolerance)
    return Sums(fine.fine, coarse.fine, fine.minima, fine.evaluations + coarse.evaluations, {"cutoff": float(model.cutoff)})


def _disk_sums(model: KPModel, plan: Plan, occupation: Occupation, grid: tuple[int, int], tolerance: float) -> Sums:
    disk = Disk(model.cutoff, _wave_vector_scale(model), *grid)

    def bands(k: Real) -> tuple[Real, Real]:
        geometry = geometry_of(kp_matrices(model, k), tolerance)
        return geometry.energies, np.einsum("kann->kan", geometry.velocity).real

    rows, minima, evaluations = [], [], 0
    for mu, kT in zip(*occupation.points, strict=True):
        point = Occupation(np.array([mu]), np.array([kT]))
        nodes, line = disk.nodes(bands, mu, kT)
        geometry = geometry_of(kp_matrices(model, nodes.k), tolerance, plan.derivatives)
        sea, surface = plan.densities(resp.BandPairs(geometry, plan.observables))
        sea, surface = (X * nodes.weight[:, None, None] for X in (sea, surface))
        if kT > 0:
            row = _sum_states(point, geometry.block_energies, sea, surface)[0]
        else:
            row = _sum_states(point, geometry.block_energies, sea, surface[..., :0])[0]
            row = np.concatenate([row, _on_fermi_line(model, plan, line.k, line.band, line.weight, tolerance)])
        rows.append(row)
        minima.append(_minima(geometry.block_energies, geometry.group, occupation))
        evaluations += len(nodes.k)
    return Sums(np.stack(rows), None, np.min(minima, axis=0), evaluations)


def _on_fermi_line(
    model: KPModel, plan: Plan, k: Real, band: NDArray[np.int64], weight: Real, tolerance: float
) -> Real:
    """Surface densities of the crossing bands, summed with their weights: (c_surface,)."""
    if not len(k):
        return np.zeros(plan.n_surface_channels)
    geometry = geometry_of(kp_matrices(model, k), tolerance, plan.derivatives)
    surface = plan.densities(resp.BandPairs(geometry, plan.observables))[1]
    return np.asarray(weight @ surface[np.arange(len(k)), band])


def _minima(energies: Real, group: NDArray[np.int64], occupation: Occupation) -> Real:
    """[lowest energy, -highest energy, lowest transition between states that may be occupied and empty,
    then for each mu the smallest gap next to a state within a few kT of it]; inf where there is none."""
    low, high = occupation.window
    gap = np.where(group[:, 1:] != group[:, :-1], np.diff(energies, axis=1), np.inf)
    active = (energies[:, :-1] < high) & (energies[:, 1:] > low)
    transition = np.min(gap, where=active, initial=np.inf)
    nearest = np.full(energies.shape, np.inf)
    nearest[:, :-1] = gap
    np.minimum(nearest[:, 1:], gap, out=nearest[:, 1:])
    reach = NEAR_FERMI * occupation.kT.max()
    near = np.abs(energies.ravel()[None] - occupation.mu[:, None]) <= reach
    at_fermi = np.where(near, nearest.ravel()[None], np.inf).min(axis=1)
    return np.concatenate([[energies.min(), -energies.max(), transition], at_fermi])


def _tensor(
    record: Response,
    plan: Plan,
    occupation: Occupation,
    temperatures: Real,
    omegas: Real,
    taus: tuple[float, ...],
    units: un.UnitSystem,
    model: TightBindingModel | KPModel,
    sums: Sums,
) -> ResponseTensor:
    law = record.channel_tensor(plan.channel)
    scan = (len(occupation.mu), len(occupation.kT))

    def blocks_of(array: Real) -> dict[str, Real]:
        tensors = {name: plan.tensor(array, name, law.observable) for name in record.blocks}  # type: ignore[arg-type]
        return {name: np.ascontiguousarray(t.reshape(*scan, *t.shape[1:])) for name, t in tensors.items()}

    difference = np.full_like(sums.fine, np.nan) if sums.coarse is None else sums.fine - sums.coarse
    return ResponseTensor(
        name=record.name,
        title=record.title,
        symbol=record.symbol,
        equation=record.equation,
        law=record.law,
        reference=record.reference,
        channel=plan.channel,
        output=law.observable,  # type: ignore[arg-type]
        labels=law.labels,
        field_order=law.field_order,
        tau_power=record.tau_power,
        form="paper",
        combination=dict(record.paper),
        blocks=blocks_of(sums.fine),
        block_errors=blocks_of(difference),
        mu=occupation.mu,
        temperature=temperatures,
        omega=omegas if record.dynamic else np.empty(0),
        tau=taus,
        units=units,
        dimension=model.dimension,
        thickness=None if isinstance(model, KPModel) else model.thickness,
    )


def _warn(model: TightBindingModel | KPModel, plan: Plan, occupation: Occupation, sums: Sums) -> None:
    lowest, highest, transition = sums.minima[0], -sums.minima[1], sums.minima[2]
    sums.notes.update(lowest_energy_eV=float(lowest), highest_energy_eV=float(highest))
    if not isinstance(model, KPModel) and (occupation.mu.max() > highest or occupation.mu.min() < lowest):
        warnings.warn(
            f"mu goes from {occupation.mu.min():.4f} to {occupation.mu.max():.4f} eV, and the bands of '{model.name}' on this mesh "
            f"from {lowest:.4f} to {highest:.4f} eV: outside of them the model has no states; is the Fermi energy right?",
            AccuracyWarning,
            stacklevel=2,
        )
    if plan.frequencies:
        resonant = [z.real for z in plan.frequencies if z.imag == 0 and abs(z.real) >= transition]
        sums.notes["lowest_transition_eV"] = float(transition)
        if resonant:
            warnings.warn(
                f"omega = {min(resonant):g} eV and above is not below the lowest transition ({transition:.4g} eV on this mesh): "
                "the displacement responses diverge at resonances; give a broadening (eV), or lower frequencies",
                AccuracyWarning,
                stacklevel=2,
            )
    if any(len(r.tensor.fields) == 2 and r.tau_power == 0 for r in plan.responses):
        sums.notes["smallest_gap_at_fermi_level_eV"] = sums.minima[3:]
        close = sums.minima[3:] < occupation.kT.max()
        if close.any():
            warnings.warn(
                f"at {close.sum()} of {len(close)} values of mu a gap smaller than kT = {occupation.kT.max():.3g} eV lies within "
                f"{NEAR_FERMI:g} kT of mu (smallest: {sums.minima[3:].min():.2g} eV): second-order responses of order tau^0 "
                "scale like 1/gap^4 and are outside perturbation theory there",
                AccuracyWarning,
                stacklevel=2,
            )


def _group_of(model: TightBindingModel | KPModel, structure: Structure | None, tolerance: float) -> VerifiedGroup | None:
    """The magnetic group of the structure, held against bands and spins of the model at some k and their images.

    Raises InputError where it is not the model's group: a wrong one would project away what is there.
    """
    if structure is None:
        return None
    if isinstance(model, KPModel):
        raise InputError("symmetry needs a crystal; a k·p model has none")
    if np.abs(structure.lattice - model.lattice).max() > LATTICE_TOLERANCE:
        raise InputError(
            f"the lattice vectors of the structure differ from those of model '{model.name}' by up to "
            f"{np.abs(structure.lattice - model.lattice).max():.3g} angstrom; give the structure in the cell of the Wannier90 run"
        )
    group = magnetic_group(structure)
    energies, spins = _group_residuals(model, group.point_operations, tolerance)
    if energies > BAND_RESIDUAL or spins > SPIN_RESIDUAL:
        raise InputError(
            f"model '{model.name}' does not have the magnetic group {group.bns_number} of the structure: bands at equivalent k "
            f"differ by {1e3 * energies:.3g} meV rms, spins by {spins:.3g}; are the magnetic moments right (size, direction, "
            "order of the atoms)?"
        )
    return VerifiedGroup(group, energies, spins)


def _group_residuals(model: TightBindingModel, operations: Sequence[Operation], tolerance: float) -> tuple[float, float]:
    """rms of E_n(gk) - E_n(k), and of <sigma>_n(gk) - g <sigma>_n(k), over operations and a few generic k."""
    k = np.random.default_rng(0).random((4, 3)) * np.array(model.periodic)
    source = BlochSum(model, second_order=False)

    def bands(points: Real) -> tuple[Real, Real]:
        geometry = geometry_of(source.at_points(points), tolerance)
        return geometry.block_energies, geometry.block_spin

    energies, spins = bands(k)
    axial = TensorKind("a", ("axial",), -1)
    misfits = []
    for operation in operations:
        E, S = bands(operation.act_on_k(k))
        expected = transform(np.moveaxis(spins, 1, -1), axial, operation)
        misfits.append((np.mean((E - energies) ** 2), np.mean((np.moveaxis(S, 1, -1) - expected) ** 2)))
    energy, spin = np.sqrt(np.mean(misfits, axis=0))
    return float(energy), float(spin)


def _irreducible(mesh: Mesh, operations: Sequence[Operation]) -> Mesh:
    """The mesh with the weights of its irreducible points, under the operations that leave it invariant."""
    usable = mesh_operations(operations, mesh.points, mesh.shift)
    return replace(mesh, weights=irreducible_weights(usable, mesh.points, mesh.shift))


def _symmetrized(raw: ResponseTensor, record: Response, operations: Sequence[Operation], keep_residual: bool) -> ResponseTensor:
    """Every block projected on what the group allows; the removed part of `values` as residual."""
    law = record.channel_tensor(raw.channel)

    kind = law_kind(law, record.tau_power)
    kinds = {name: kind for name in raw.blocks}
    if record.dynamic:
        kinds = {name: replace(kind, time_parity=-kind.time_parity) if resp.DYNAMIC_BLOCKS[name].time_odd else kind for name in kinds}

    def projected(blocks: Mapping[str, Real]) -> dict[str, Real]:
        return {name: project(block, kinds[name], operations) for name, block in blocks.items()}

    blocks, errors = projected(raw.blocks), projected(raw.block_errors)
    result = replace(raw, blocks=blocks, block_errors=errors)
    return replace(result, residual=raw.values - result.values) if keep_residual else result


def _refuse_unavailable(
    spin_current: str, form: str, relaxation: str | None, tolerance: float | None
) -> None:
    if spin_current not in SPIN_CURRENT_DEFINITIONS:
        raise InputError(f"spin_current = '{spin_current}' is not available; use {' or '.join(map(repr, SPIN_CURRENT_DEFINITIONS))}")
    if form != "paper":
        raise InputError(f"form = '{form}' is not available; use 'paper', and combine the stored blocks (`result[name].blocks`)")
    if relaxation is not None:
        raise InputError("a relaxation model belongs to form = 'full', which is not available; leave it out")
    if tolerance is not None:
        raise InputError("a tolerance is not available; leave it out and converge the mesh (see `error`)")


def _records(responses: str | Sequence[str]) -> tuple[Response, ...]:
    names = resp.names() if responses == "all" else (responses,) if isinstance(responses, str) else tuple(responses)
    if not names:
        raise InputError(f"no response was asked for; choose from {', '.join(resp.names())}, or 'all'")
    return tuple(resp.get(name) for name in dict.fromkeys(names))


def _with_blocks(record: Response, names: Sequence[str]) -> Response:
    """The record with further blocks of its field order and power of tau among its companions."""
    unknown = sorted(set(names) - set(resp.BLOCKS))
    if unknown:
        raise InputError(f"unknown block {', '.join(unknown)}; choose from {', '.join(resp.BLOCKS)}")
    def fits(block: resp.Block) -> bool:
        return len(block.fields) == record.tensor.field_order and block.tau_power == record.tau_power

    fitting = [name for name in names if not record.dynamic and fits(resp.BLOCKS[name])]
    return replace(record, companions=tuple(dict.fromkeys((*record.companions, *fitting))))


def _plan(records: tuple[Response, ...], channel: Channel, omegas: Real, broadening: float) -> Plan:
    dynamic = [r.name for r in records if r.dynamic]
    if dynamic and not len(omegas):
        raise InputError(f"{', '.join(dynamic)}: give omega, a list of frequencies in eV")
    if broadening < 0:
        raise InputError(f"broadening = {broadening}, expected zero or a positive energy in eV")
    frequencies = tuple(complex(w, broadening) for w in omegas) if dynamic else ()
    return Plan(records, channel, frequencies)


def _check_spin(model: TightBindingModel | KPModel, plan: Plan) -> None:
    if plan.needs_spin and isinstance(model, TightBindingModel) and model.spin_R is None:
        raise InputError(
            f"model '{model.name}' has no spin matrices; read it with its .spn file (write_spn = .true. in the pw2wannier90 "
            "input), or with spin = 'interleaved' or 'blocks'"
        )


def _batch_size(source: BlochSum, plan: Plan, occupation: Occupation, memory: float) -> int:
    """Points per block that fit into the memory (GiB), at most what keeps the working set near the cache."""
    n, observables = source.n_bands, sum(N_COMPONENTS[name] for name in plan.observables)
    matrices = 2 * source.n_operators + 3 * observables + (90 if plan.derivatives or plan.has_surface else 30)
    per_point = 16 * n**2 * matrices + 8 * n * (3 * plan.n_channels + 2 * occupation.n_points)
    fixed = 2 * source.plane_bytes() + 48 * occupation.n_points * plan.n_channels
    free = memory * GIB - fixed
    if free < per_point:
        raise InputError(
            f"memory = {memory:g} GiB is too little for {n} Wannier functions and {occupation.n_points} (mu, T) points: "
            f"{(fixed + per_point) / GIB:.2g} GiB is the least; give more, or fewer responses or (mu, T) points"
        )
    return int(min(free // per_point, max(1, 2.0e8 // per_point)))


def _cell_volume(model: TightBindingModel) -> float:
    """Volume, area or length of the cell along the periodic directions, angstrom^d."""
    vectors = model.lattice[np.array(model.periodic)]
    return float(np.sqrt(np.linalg.det(vectors @ vectors.T)))


def _wave_vector_scale(model: KPModel) -> float:
    """The wave vector on which the bands of a k·p model change: |H0|/|H1|, 1/angstrom."""
    constant, linear = np.abs(model.constant).max(), np.abs(model.linear).max()
    if linear == 0:
        raise InputError(f"model '{model.name}' has no term linear in k; its wave-vector scale is not defined")
    return float(max(constant, 1e-6) / linear)


def _list(name: str, values: object) -> Real:
    array = np.atleast_1d(np.asarray(values, float))
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(f"{name} must be a number or a list of finite numbers, found {values!r}")
    return array


def _three(name: str, values: Sequence[Any]) -> tuple[Any, Any, Any]:
    if isinstance(values, int | float) or len(values) != 3:
        raise InputError(f"{name} must have three numbers, found {values!r}")
    return values[0], values[1], values[2]


def _one_blas_thread() -> Any:
    """One BLAS thread per rank: 64 ranks times 64 threads is a common way to lose a node."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("wannier-spin", "numpy", "h5py", "wannierberri"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def run(settings: Settings, text: str, folder: Path, comm: Communicator, progress: Progress) -> ResultSet:
    """Read the model on rank 0, compute on all ranks. `folder`: what a relative seedname is relative to.

    Raises InputError on all ranks alike.
    """
    model = comm.bcast(together(comm, lambda: _read_model(settings, folder) if comm.rank == 0 else None))
    grid = settings.grid.points or default_grid(model, settings.grid.spacing)
    result = compute(
        model,
        settings.responses,
        grid=grid,
        shift=settings.grid.shift,
        mu=settings.fermi_energy + np.array(settings.mu),
        temperature=settings.temperature,
        tau=settings.tau if settings.units == "SI" else [un.natural_tau(t) for t in settings.tau],
        omega=settings.omega,
        broadening=settings.broadening,
        units=settings.units,
        channel=settings.channel,
        spin_current=settings.spin_current,
        form=settings.form,
        degeneracy_tolerance=settings.numerics.degeneracy_tolerance,
        memory=settings.numerics.memory,
        comm=comm,
        progress=progress,
    )
    return replace(result, provenance={**result.provenance, "fermi_energy_eV": settings.fermi_energy, "input": text})


def default_grid(model: TightBindingModel, spacing: float) -> tuple[int, int, int]:
    """Even numbers of points, at most `spacing` (1/angstrom, 2 pi included) apart; one along a vacuum direction."""
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(model.lattice), axis=0)
    points = [2 * math.ceil(length / spacing / 2) if p else 1 for length, p in zip(lengths, model.periodic, strict=True)]
    return points[0], points[1], points[2]


def _read_model(settings: Settings, folder: Path) -> TightBindingModel:
    seed, options = folder / settings.seedname, settings.model
    if seed.suffix == ".h5":
        if options.spin is not None or options.ws_distance_tolerance is not None:
            raise InputError(f"'{seed}' is a finished model: leave out model.spin and model.ws_distance_tolerance")
        model = load_model(seed)
    else:
        given = {} if options.ws_distance_tolerance is None else {"ws_distance_tolerance": options.ws_distance_tolerance}
        model = read_wannier90(seed, spin=options.spin, **given)
    if options.vacuum is None:
        if options.thickness is not None:
            raise InputError("model.thickness is given without model.vacuum; say which lattice vector crosses the layer")
        return model
    return replace(model, periodic=tuple(axis != options.vacuum for axis in "abc"), thickness=options.thickness)
