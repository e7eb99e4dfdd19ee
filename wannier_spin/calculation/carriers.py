"""Chemical potentials of given numbers of carriers, at every temperature, from the energies of all states on a mesh.

A first pass diagonalizes H alone, on the mesh of the run (within a tolerance: on meshes that become denser until mu stands), and
solves for mu; the run itself is then one at these mu. Of a denser and a thinner mesh the difference is the error bar of mu.

With M electrons in the neutral crystal and the states in order of energy, the first i of them filled at 0 K,

    sum_(j >= i) f(e_j) - sum_(j < i) (1 - f(e_j)) = added - (filled - M),

where the right side is exact and nothing cancels on the left: also the carriers of an intrinsic semiconductor come out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import units as un
from wannier_spin.calculation.energies import energies_by_all
from wannier_spin.calculation.spacing import default_grid
from wannier_spin.calculation.symmetrize import verified_group
from wannier_spin.carriers import Carriers
from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.integrals.densities.channels import NOISE, Tolerance
from wannier_spin.integrals.mesh import check_directions, irreducible_mesh
from wannier_spin.integrals.sums import cell_volume
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import Communicator
from wannier_spin.model import TightBindingModel
from wannier_spin.request import Request
from wannier_spin.results import CarrierScan, ResponseTensor, ResultSet, along_carriers
from wannier_spin.results.select import VARIANTS
from wannier_spin.symmetry import Operation

Real = NDArray[np.float64]
THINNER = 1.4  # ratio of points along an axis of the two meshes that are compared
SPACINGS = (0.1, 0.07, 0.05, 0.035, 0.025, 0.018)  # 1/angstrom, of the meshes within a tolerance
MOST_POINTS = 200_000  # evaluated on such a mesh
WELL_KNOWN = 0.02, 1e-4  # in kT, and in eV: error bars of mu below the larger are small
WHOLE = 0.1  # electrons: by how much their number at the Fermi energy may differ from a whole one
FAR = 40.0  # in kT
OF_MU = "smallest_gap_at_fermi_level_eV"  # what is noted for every mu


@dataclass(frozen=True)
class Levels:
    """States of all points of a mesh: energies (s,), ascending; before (s + 1,), how many states stand before each; points."""

    energies: Real
    before: Real
    points: int

    @classmethod
    def on(cls, model: TightBindingModel, mesh: Mesh, comm: Communicator) -> Levels:
        """Diagonalized by all ranks, known to all."""
        weights = np.ones(mesh.points, np.int64) if mesh.weights is None else mesh.weights
        index = np.argwhere(weights)
        k = (index + np.array(mesh.shift)) / mesh.points
        energies = energies_by_all(model, k, comm)
        states = np.repeat(weights[tuple(index.T)].astype(float), model.n_bands)
        order = np.argsort(energies, axis=None)
        return cls(energies.ravel()[order], np.concatenate([[0.0], np.cumsum(states[order])]), mesh.n_points)

    def electrons_below(self, energy: float) -> float:
        """For each cell."""
        return float(self.before[np.searchsorted(self.energies, energy)]) / self.points

    def mu(self, electrons: int, added: float, kT: float) -> float:
        """Where so many electrons for each cell are added to the neutral crystal. Raises InputError where no band has room."""
        before, target = self.before - electrons * self.points, added * self.points
        if not before[0] < target < before[-1]:
            room = before[[0, -1]] / self.points
            raise InputError(
                f"carriers = {added:g} electrons for each cell: the bands of the model have room for {room[0]:g} to {room[1]:+g} "
                f"beside the {electrons} of the neutral crystal"
            )
        i = int(np.searchsorted(before, target))
        exact = before[i] == target
        cold = (self.energies[i - 1] + self.energies[i]) / 2 if exact else self.energies[i - 1]
        return float(cold) if kT == 0 else self._warm(i, float(before[i] - target), kT, float(cold))

    def _warm(self, i: int, rest: float, kT: float, start: float) -> float:
        """With i states filled at 0 K, rest: how many electrons these are too many."""
        from scipy.optimize import brentq
        from scipy.special import expit

        occupied, empty, states = self.energies[:i], self.energies[i:], np.diff(self.before)

        def excess(mu: float) -> float:
            top = np.searchsorted(empty, max(mu, float(empty[0])) + FAR * kT) if len(empty) else 0
            low = np.searchsorted(occupied, min(mu, float(occupied[-1])) - FAR * kT)  # one state at least is occupied
            electrons = states[i : i + top] @ expit((mu - empty[:top]) / kT)
            holes = states[low:i] @ expit((occupied[low:] - mu) / kT)
            return float(electrons - holes) + rest

        reach = kT
        while excess(start - reach) > 0 or excess(start + reach) < 0:
            reach *= 2
        if excess(start) == 0:
            return start
        return float(brentq(excess, start - reach, start + reach, xtol=1e-13, rtol=1e-14))


def at_carriers(model: Model, request: Request, comm: Communicator, compute: Callable[[Request], ResultSet]) -> ResultSet:
    """A result at numbers of carriers. compute : of a request at values of mu. Raises InputError."""
    assert request.carriers is not None
    crystal = model.crystal("carriers need a crystal, whose bands have a number of electrons")
    electrons, scan = _solved(crystal, request, request.carriers, comm)
    result = compute(request.with_(mu=scan.wanted, carriers=None))
    tensors = {name: along_carriers(tensor, scan) for name, tensor in result.items()}
    if request.tolerance is not None:
        tensors = {name: _judged(tensor, result[name], request.tolerance) for name, tensor in tensors.items()}
    notes = {**result.facts.notes, "electrons_when_neutral": electrons}
    if OF_MU in notes:
        notes[OF_MU] = np.asarray(notes[OF_MU])[np.searchsorted(scan.wanted, scan.mu[:, 0])]
    return replace(result, tensors=tensors).with_facts(notes=notes)


def _judged(tensor: ResponseTensor, at_mu: ResponseTensor, wanted: Tolerance) -> ResponseTensor:
    """Also with what the error of mu adds to the bars within a tolerance: of the response, and of its variants together.

    at_mu : at all mu, without that. What its bars have is allowed where they are: of what is zero they may exceed any share.
    """
    unit = abs(
        un.response_factor(tensor.measure, tensor.field_order, tensor.tau_power, tensor.dimension, tensor.units, tensor.tau[0])
    )
    assert tensor.carriers_mu is not None
    held, held_before = (wanted.holds(mu) for mu in (tensor.carriers_mu, at_mu.mu))

    def within(several: Sequence[ResponseTensor], before: Sequence[ResponseTensor]) -> bool:
        largest = max((float(np.abs(one.values[held]).max(initial=0.0)) for one in several), default=0.0)
        known = max((float(one.error[held_before].max(initial=0.0)) for one in before), default=0.0)
        allowed = max(wanted.allowed(tensor.name, largest), known, NOISE * unit)
        return all(bool((one.error[held] <= allowed).all()) for one in several)

    def judged(several: Mapping[str, ResponseTensor], before: Mapping[str, ResponseTensor]) -> dict[str, ResponseTensor]:
        reached = within(list(several.values()), list(before.values()))
        return {name: replace(one, converged=bool(one.converged) and reached) for name, one in several.items()}

    variants: dict[str, Any] = {key: judged(getattr(tensor, key), getattr(at_mu, key)) for key in VARIANTS}
    return replace(judged({"": tensor}, {"": at_mu})[""], **variants)


def _solved(model: TightBindingModel, request: Request, asked: Carriers, comm: Communicator) -> tuple[int, CarrierScan]:
    """Electrons of the neutral crystal, and mu of every number of carriers at every temperature."""
    added = asked.per_cell(cell_volume(model), model.dimension)
    kT = np.array([un.thermal_energy(T) for T in request.temperature])
    group = verified_group(model, request.symmetry, request.degeneracy_tolerance or model.degeneracy_tolerance)
    operations = tuple(group.group.point_operations) if group and request.reduce_k else ()
    small, electrons, mu, error = np.maximum(WELL_KNOWN[0] * kT, WELL_KNOWN[1]), 0, np.empty(0), np.empty(0)
    for mesh in _meshes(model, request, operations):
        fine, coarse = (Levels.on(model, one, comm) for one in (mesh, _thinner(mesh, operations)))
        electrons = _neutral(fine, asked)
        mu, other = (np.array([[one.mu(electrons, n, t) for t in kT] for n in added]) for one in (fine, coarse))
        error = np.abs(mu - other)
        if (error <= small).all():
            break
    return electrons, CarrierScan(np.array(asked.values), asked.unit, mu, error)


def _neutral(levels: Levels, asked: Carriers) -> int:
    """The whole number of electrons of the neutral crystal. Raises InputError where there is none."""
    if asked.electrons is not None:
        return int(asked.electrons)
    assert asked.fermi_energy is not None
    counted = levels.electrons_below(asked.fermi_energy)
    if abs(counted - round(counted)) > WHOLE:
        raise InputError(
            f"below fermi_energy = {asked.fermi_energy:g} eV the bands hold {counted:.3f} electrons for each cell, and a neutral "
            "crystal has a whole number: give carriers.electrons, the number in the bands of the model (or a denser mesh)"
        )
    return round(counted)


def _meshes(model: TightBindingModel, request: Request, operations: Sequence[Operation]) -> list[Mesh]:
    """The mesh of the run; within a tolerance several, each denser than the one before."""
    if request.grid is not None:
        points, shift = (tuple(values) for values in (request.grid, request.shift))
        mesh = Mesh(points, shift)  # type: ignore[arg-type]  # checked there
        check_directions(model.periodic, mesh.points)
        return [irreducible_mesh(mesh, operations)]
    found: list[Mesh] = []
    for spacing in SPACINGS:
        mesh = irreducible_mesh(Mesh(default_grid(model, spacing), (0.0, 0.0, 0.0)), operations)
        if found and mesh.n_evaluated > MOST_POINTS:
            break
        found.append(mesh)
    return found


def _thinner(mesh: Mesh, operations: Sequence[Operation]) -> Mesh:
    a, b, c = (max(1, math.ceil(n / THINNER)) for n in mesh.points)
    return irreducible_mesh(Mesh((a, b, c), mesh.shift), operations)
