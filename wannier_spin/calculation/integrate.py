"""Sums of a prepared request: on a mesh, on the disk of a k·p model, or on boxes within a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wannier_spin.calculation.cautions import warn
from wannier_spin.calculation.symmetrize import VerifiedGroup, irreducible_mesh, symmetrized, verified_group
from wannier_spin.continuum import ContinuumModel
from wannier_spin.errors import InputError
from wannier_spin.integrals.adaptive import Control, integrate_adaptive
from wannier_spin.integrals.boxes import cell_integrands
from wannier_spin.integrals.channels import Tolerance, make_channels
from wannier_spin.integrals.checkpoint import fingerprint, short
from wannier_spin.integrals.disk import integrate_disk
from wannier_spin.integrals.mesh import Judged, integrate_mesh
from wannier_spin.integrals.sums import Progress, Sums
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import Communicator
from wannier_spin.model import TightBindingModel
from wannier_spin.prepared import Prepared
from wannier_spin.results import ResponseTensor
from wannier_spin.sites import resolved_sites
from wannier_spin.symmetry import Operation, SiteGroup, site_group


@dataclass(frozen=True)
class Task:
    """A prepared request with its symmetry. group : of the structure, None without. sites : how it permutes the sites."""

    prepared: Prepared
    group: VerifiedGroup | None
    sites: SiteGroup | None

    @classmethod
    def of(cls, prepared: Prepared) -> Task:
        """Find the symmetry. Raises InputError where the group of the structure is not the model's."""
        model, structure = prepared.model, prepared.request.symmetry
        group = verified_group(model, structure, prepared.degeneracy_tolerance)
        chosen = resolved_sites(prepared.request.sites, model, structure)
        permuted = site_group(structure, group.group, chosen.atoms) if structure and group and chosen.functions else None
        return cls(prepared.with_sites(chosen), group, permuted)

    def by_weight(self) -> tuple[Task, ...]:
        """One for responses to a field, one for those to a gradient of T: they weigh states differently."""
        return tuple(replace(self, prepared=part) for part in self.prepared.by_weight())

    @property
    def reducing(self) -> tuple[Operation, ...]:
        """Operations that k-points are reduced with."""
        return tuple(self.group.group.point_operations) if self.group and self.prepared.request.reduce_k else ()

    def tensors(self, sums: Sums) -> dict[str, ResponseTensor]:
        """All responses out of the sums, symmetrized."""
        found = {record.name: self.prepared.tensor(record, sums) for record in self.prepared.plan.responses}
        if self.group is None:
            return found
        operations, keep = self.group.group.point_operations, not self.prepared.request.reduce_k
        records = {record.name: record for record in self.prepared.plan.responses}
        return {name: symmetrized(tensor, records[name], operations, keep, self.sites) for name, tensor in found.items()}


@dataclass(frozen=True)
class Done:
    """A task with its sums; tried : sums with other degeneracy tolerances, the first with the same on the same mesh."""

    task: Task
    sums: Sums
    tried: tuple[Sums, ...]


def carry_out(task: Task, comm: Communicator, progress: Progress, control: Control) -> tuple[Done, ...]:
    """Everything that a request asks for, one weight of states after the other. Raises InputError, and Interrupted."""
    done: list[Done] = []
    for part in task.by_weight():
        sums = integrate(part, comm, progress, _control(control, len(done)))
        warn(part.prepared, sums)
        tried = with_other_blocks(part, comm, progress) if part.prepared.request.degeneracy_check else []
        done.append(Done(part, sums, tuple(tried)))
    for number, one in enumerate(done[1:], 1):
        checkpoint = _control(control, number).checkpoint
        if checkpoint is not None and comm.rank == 0 and all(one.sums.converged.values()):
            checkpoint.unlink(missing_ok=True)
    return tuple(done)


def _control(control: Control, number: int) -> Control:
    """Of the first weight as it is; the checkpoints of others lie beside the first one."""
    if not number or control.checkpoint is None:
        return control
    beside = control.checkpoint.with_name(f"{control.checkpoint.stem}.{number + 1}{control.checkpoint.suffix}")
    return replace(control, checkpoint=beside, resume=control.resume and beside.exists())


def check_accuracy(prepared: Prepared) -> None:
    """Raise InputError unless the request has either a grid or a tolerance that the model can be integrated within."""
    request, model = prepared.request, prepared.model
    if request.grid is None and request.tolerance is None:
        raise InputError("expected either a grid (uniform mesh) or a tolerance (adaptive boxes), found neither")
    if request.tolerance is None:
        return
    if isinstance(model, ContinuumModel):
        raise InputError(f"model '{model.name}' is a k·p model: give grid = (radial points, angles), a tolerance needs a crystal")
    if not any(model.periodic):
        raise InputError(f"model '{model.name}' is not periodic: there is nothing to integrate over")


def integrate(task: Task, comm: Communicator, progress: Progress, control: Control) -> Sums:
    """The sums that the request asks for. Raises InputError, and Interrupted."""
    request = task.prepared.request
    if request.tolerance is not None:
        return _on_boxes(task, request.tolerance, comm, control)
    return on_points(task, request.grid or (), task.prepared.degeneracy_tolerance, comm, progress)


def on_points(task: Task, points: Sequence[int], degeneracy_tolerance: float, comm: Communicator, progress: Progress) -> Sums:
    """Sums on a mesh of the crystal, or on the disk of a k·p model."""
    prepared, model = task.prepared, task.prepared.model
    if isinstance(model, ContinuumModel):
        return integrate_disk(model, prepared.plan, prepared.occupation, tuple(points), degeneracy_tolerance)
    request = prepared.request
    mesh = Mesh(_three("grid", points, int), _three("shift", request.shift, float))
    if task.reducing:
        mesh = irreducible_mesh(mesh, task.reducing)
    operations = tuple(task.group.group.point_operations) if task.group else ()
    judged = Judged(request.relaxation, request.natural_tau, operations, task.sites, bool(task.reducing))
    plan, memory = prepared.plan, request.memory
    return integrate_mesh(model, plan, prepared.occupation, mesh, degeneracy_tolerance, memory, comm, progress, judged)


def with_other_blocks(task: Task, comm: Communicator, progress: Progress) -> list[Sums]:
    """On half the mesh with the degeneracy tolerance, a tenth and ten times of it."""
    least = 4 if isinstance(task.prepared.model, ContinuumModel) else 1
    half = [max(least, -(-int(n) // 2)) for n in task.prepared.request.grid or ()]
    return [on_points(task, half, factor * task.prepared.degeneracy_tolerance, comm, progress) for factor in (1, 0.1, 10)]


def _on_boxes(task: Task, wanted: Tolerance, comm: Communicator, control: Control) -> Sums:
    prepared, operations = task.prepared, task.reducing
    plan, request, model = prepared.plan, prepared.request, prepared.model
    assert isinstance(model, TightBindingModel)
    scale = {record.name: prepared.factor(record) for record in plan.responses}
    sites = task.sites if request.reduce_k else None
    channels = make_channels(plan, request.relaxation, scale, request.natural_tau, operations, sites)
    tolerance = prepared.degeneracy_tolerance
    cells = cell_integrands(model, plan, channels, prepared.occupation, tolerance, wanted, operations, request.memory)
    identity = {
        "model": f"{model.name} ({fingerprint(model)})",
        **request.identity(),
        "summed": ", ".join(record.name for record in plan.responses),
        "operations": operations_text(operations),
        "degeneracy_tolerance": f"{tolerance:g}",
        "sites": str(dict(plan.sites)),
        "replicas": str(wanted.replicas),
        "boxes": f"{cells[0].tiling.counts.tolist()} of {cells[0].rule.n_points} points",
    }
    return integrate_adaptive(cells, wanted, comm, control, identity)


def operations_text(operations: Sequence[Operation]) -> str:
    """A group in a few words: two that differ in what reverses time have different ones."""
    return short([op.rotation * (-1) ** op.time_reversal for op in operations]) if operations else "none"


def _three(name: str, values: object, kind: type) -> Any:
    """Three whole numbers (kind int) or three numbers (kind float)."""
    try:
        given = np.asarray(values, float)
        found = [kind(value) for value in given]
        exact = len(found) == 3 and found == given.tolist()
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact:
        wanted = "three numbers, positive whole numbers" if kind is int else "three numbers"
        raise InputError(f"{name} must have {wanted}, found {values!r}")
    return tuple(found)
