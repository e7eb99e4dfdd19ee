"""Sums of a prepared request, by the algorithm that it needs: it is chosen here, in `algorithm_of`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wannier_spin.calculation.cautions import caution, warn
from wannier_spin.calculation.degenerate import MOVED, Change, Merged, about_merged, changes, merged_pairs
from wannier_spin.calculation.reasons import kept_open
from wannier_spin.calculation.symmetrize import VerifiedGroup, symmetrized, verified_group
from wannier_spin.continuum import LEAST_ENERGY, ContinuumModel, Model
from wannier_spin.errors import InputError
from wannier_spin.integrals.algorithm import Algorithm, Control, Execution, Integral
from wannier_spin.integrals.boxes import cell_integrands
from wannier_spin.integrals.densities.channels import whole
from wannier_spin.integrals.disk import OnDisk
from wannier_spin.integrals.mesh import OnMesh
from wannier_spin.integrals.regions import region_integrands
from wannier_spin.integrals.sums import Sums
from wannier_spin.integrals.tolerance.adaptive import OnBoxes
from wannier_spin.integrals.tolerance.checkpoint import fingerprint, short
from wannier_spin.integrals.tolerance.meshes import OnMeshes
from wannier_spin.integration.parallel import Communicator
from wannier_spin.prepared import Prepared
from wannier_spin.request import Request
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
        return tuple(replace(self, prepared=one) for one in self.prepared.by_weight())

    @property
    def reducing(self) -> tuple[Operation, ...]:
        """Operations that k-points are reduced with."""
        return tuple(self.group.group.point_operations) if self.group and self.prepared.request.reduce_k else ()

    def allowed(self, name: str, scale: float) -> float:
        """By how much a response with this largest value may move before that is told, in its unit."""
        wanted = self.prepared.request.tolerance
        if wanted is None:
            return MOVED * scale
        return wanted.allowed(name, scale)

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
    """A task with its sums. changes : by response, how far it moves with other degeneracy tolerances, where that was tried."""

    task: Task
    sums: Sums
    changes: Mapping[str, Change]


def carry_out(task: Task, algorithm: Algorithm, execution: Execution) -> tuple[Done, ...]:
    """Everything that a request asks for, one weight of states after the other. Raises InputError, and Interrupted."""
    done: list[Done] = []
    for single in task.by_weight():
        how = replace(execution, control=_control(execution.control, len(done)))
        integral = integral_of(single, single.prepared.degeneracy_tolerance)
        sums = algorithm.sums(integral, how)
        wanted = single.prepared.request.tolerance
        if wanted is not None and not all(sums.converged.values()):
            sums.notes["kept_open"] = kept_open(integral, sums, single.tensors(sums), wanted, execution.comm)
        warn(single.prepared, sums)
        done.append(_judged(single, sums, algorithm, execution))
    for number, one in enumerate(done[1:], 1):
        checkpoint = _control(execution.control, number).checkpoint
        if checkpoint is not None and execution.comm.rank == 0 and all(one.sums.converged.values()):
            checkpoint.unlink(missing_ok=True)
    return tuple(done)


def _judged(task: Task, sums: Sums, algorithm: Algorithm, execution: Execution) -> Done:
    """With what bands that count as degenerate do to the answer: a response that depends on it is not converged."""
    merged = _merged(task, sums, execution.comm)
    sums.notes.update(merged.as_notes())
    tried = with_other_tolerances(task, merged, algorithm, execution)
    found = changes([task.tensors(one) for one in tried], {r.name: task.prepared.factor(r) for r in task.prepared.plan.responses})
    moved = {name: change for name, change in found.items() if change.largest > task.allowed(name, change.scale)}
    measured = any(change.scale > 0 for change in found.values())
    caution(about_merged(merged, task.prepared.degeneracy_tolerance, moved, measured))
    converged = {name: reached and whole(name) not in moved for name, reached in sums.converged.items()}
    return Done(task, replace(sums, converged=converged if merged.matters else sums.converged), found)


def _merged(task: Task, sums: Sums, comm: Communicator) -> Merged:
    prepared, paired = task.prepared, task.group is not None and task.group.group.has_pt
    return merged_pairs(prepared.model, prepared.occupation, prepared.degeneracy_tolerance, paired, sums.evaluations, comm)


def _control(control: Control, number: int) -> Control:
    """Of the first weight as it is; the checkpoints of others lie beside the first one."""
    if not number or control.checkpoint is None:
        return control
    beside = control.checkpoint.with_name(f"{control.checkpoint.stem}.{number + 1}{control.checkpoint.suffix}")
    return replace(control, checkpoint=beside, resume=control.resume and beside.exists())


def algorithm_of(request: Request, model: Model) -> Algorithm:
    """How the integral over k is made: the only place where that is decided.

    Raises InputError unless the request has either a grid or a tolerance that the model can be integrated within.
    """
    if request.tolerance is not None:
        if isinstance(model, ContinuumModel):
            return OnBoxes(request.tolerance, region_integrands)
        if not any(model.periodic):
            raise InputError(f"model '{model.name}' is not periodic: there is nothing to integrate over")
        return OnMeshes(OnBoxes(request.tolerance, cell_integrands))
    if request.grid is None:
        raise InputError("expected either a grid (uniform mesh) or a tolerance, found neither")
    if isinstance(model, ContinuumModel):
        return OnDisk(tuple(request.grid))
    return OnMesh(_three("grid", request.grid, int), _three("shift", request.shift, float))


def integral_of(task: Task, degeneracy_tolerance: float) -> Integral:
    """What is summed."""
    prepared, request, group = task.prepared, task.prepared.request, task.group
    operations = () if group is None else tuple(group.group.point_operations)
    return Integral(
        prepared.model,
        prepared.plan,
        prepared.occupation,
        degeneracy_tolerance,
        request.relaxation,
        request.natural_tau,
        {record.name: abs(prepared.factor(record)) for record in prepared.plan.responses},  # the electron's charge is negative
        operations,
        request.reduce_k,
        task.sites,
        lambda: _identity(task, degeneracy_tolerance),
    )


def _identity(task: Task, degeneracy_tolerance: float) -> dict[str, str]:
    """What makes the calculation."""
    prepared, request, wanted = task.prepared, task.prepared.request, task.prepared.request.tolerance
    boxes = {} if wanted is None else {"replicas": str(wanted.replicas), "boxes": str(wanted.start)}
    return {
        "model": f"{prepared.model.name} ({fingerprint(prepared.model)})",
        **request.identity(),
        "summed": ", ".join(record.name for record in prepared.plan.responses),
        "operations": operations_text(task.reducing),
        "degeneracy_tolerance": f"{degeneracy_tolerance:g}",
        "sites": str(dict(prepared.plan.sites)),
        **boxes,
    }


def with_other_tolerances(task: Task, merged: Merged, algorithm: Algorithm, execution: Execution) -> list[Sums]:
    """On fewer points with the degeneracy tolerance, a tenth and ten times of it; or, where nobody said whether to check and pairs
    of bands are merged, with the tolerance and none.
    """
    request, merging = task.prepared.request, task.prepared.degeneracy_tolerance
    asked = request.degeneracy_check
    if asked is False or (asked is None and not merged.matters):
        return []
    tolerances = [merging, max(merged.exact, LEAST_ENERGY)] if asked is None else [merging, 0.1 * merging, 10 * merging]
    few = algorithm.sketch(integral_of(task, merging), bool(asked))
    quiet = execution if asked else replace(execution, progress=lambda done, total: None)
    return [few.sums(integral_of(task, one), quiet) for one in tolerances]


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
