"""Sums of a prepared request: on a mesh, on the disk of a k·p model, or on boxes within a tolerance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wannier_spin.calculation.cautions import caution, warn
from wannier_spin.calculation.degenerate import MOVED, Change, Merged, about_merged, changes, merged_pairs
from wannier_spin.calculation.symmetrize import VerifiedGroup, irreducible_mesh, symmetrized, verified_group
from wannier_spin.continuum import LEAST_ENERGY, ContinuumModel, Model
from wannier_spin.errors import InputError
from wannier_spin.integrals.adaptive import Control, integrate_adaptive
from wannier_spin.integrals.bars import Judged
from wannier_spin.integrals.boxes import BoxIntegrand, cell_integrands
from wannier_spin.integrals.channels import Tolerance, make_channels, whole
from wannier_spin.integrals.checkpoint import fingerprint, short
from wannier_spin.integrals.disk import integrate_disk
from wannier_spin.integrals.mesh import Execution, integrate_mesh
from wannier_spin.integrals.regions import region_integrands
from wannier_spin.integrals.sums import Progress, Sums
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import Communicator, together
from wannier_spin.model import TightBindingModel
from wannier_spin.prepared import Prepared
from wannier_spin.results import ResponseTensor
from wannier_spin.sites import resolved_sites
from wannier_spin.symmetry import Operation, SiteGroup, site_group

FEWER, ENOUGH = 20.0, 343  # comparing two tolerances takes this many times fewer points of a mesh each time, but no fewer than that
GENERIC_SHIFT = (0.37, 0.23, 0.41)  # of its spacing: off all points that symmetry distinguishes, where bands meet in any case


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
        return max(wanted.relative * scale, (wanted.absolute or {}).get(name, 0.0))

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


def carry_out(task: Task, comm: Communicator, progress: Progress, control: Control) -> tuple[Done, ...]:
    """Everything that a request asks for, one weight of states after the other. Raises InputError, and Interrupted."""
    done: list[Done] = []
    for single in task.by_weight():
        sums = integrate(single, comm, progress, _control(control, len(done)))
        warn(single.prepared, sums)
        done.append(_judged(single, sums, comm, progress, control))
    for number, one in enumerate(done[1:], 1):
        checkpoint = _control(control, number).checkpoint
        if checkpoint is not None and comm.rank == 0 and all(one.sums.converged.values()):
            checkpoint.unlink(missing_ok=True)
    return tuple(done)


def _judged(task: Task, sums: Sums, comm: Communicator, progress: Progress, control: Control) -> Done:
    """With what bands that count as degenerate do to the answer: a response that depends on it is not converged."""
    merged = _merged(task, sums, comm)
    sums.notes.update(merged.as_notes())
    tried = with_other_tolerances(task, merged, comm, progress, control)
    found = changes([task.tensors(one) for one in tried], {r.name: task.prepared.factor(r) for r in task.prepared.plan.responses})
    moved = {name: change for name, change in found.items() if change.largest > task.allowed(name, change.scale)}
    measured = any(change.scale > 0 for change in found.values())
    caution(about_merged(merged, task.prepared.degeneracy_tolerance, moved, measured))
    converged = {name: reached and whole(name) not in moved for name, reached in sums.converged.items()}
    return Done(task, replace(sums, converged=converged if merged.matters else sums.converged), found)


def _merged(task: Task, sums: Sums, comm: Communicator) -> Merged:
    """As rank 0 finds it: what follows is done by all ranks or by none."""
    prepared, paired = task.prepared, task.group is not None and task.group.group.has_pt

    def sampled() -> Merged | None:
        if comm.rank:
            return None
        return merged_pairs(prepared.model, prepared.occupation, prepared.degeneracy_tolerance, paired, sums.evaluations)

    found: Merged = comm.bcast(together(comm, sampled))
    return found


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
    if isinstance(model, TightBindingModel) and not any(model.periodic):
        raise InputError(f"model '{model.name}' is not periodic: there is nothing to integrate over")


def integrate(task: Task, comm: Communicator, progress: Progress, control: Control) -> Sums:
    """The sums that the request asks for. Raises InputError, and Interrupted."""
    request = task.prepared.request
    if request.tolerance is not None:
        return _on_boxes(task, request.tolerance, comm, control)
    mesh = MeshOf(request.grid or (), request.shift)
    return on_points(task, mesh, task.prepared.degeneracy_tolerance, comm, progress)


@dataclass(frozen=True)
class MeshOf:
    """Points and shift of a mesh, as requested; and whether its sums get error bars."""

    points: Sequence[int]
    shift: Sequence[float]
    bars: bool = True


def on_points(task: Task, asked: MeshOf, degeneracy_tolerance: float, comm: Communicator, progress: Progress) -> Sums:
    """Sums on a mesh of the crystal, or on the disk of a k·p model."""
    prepared, model = task.prepared, task.prepared.model
    if isinstance(model, ContinuumModel):
        return integrate_disk(model, prepared.plan, prepared.occupation, tuple(asked.points), degeneracy_tolerance)
    request = prepared.request
    mesh = Mesh(_three("grid", asked.points, int), _three("shift", asked.shift, float))
    if task.reducing:
        mesh = irreducible_mesh(mesh, task.reducing)
    operations = tuple(task.group.group.point_operations) if task.group else ()
    judged = Judged(request.relaxation, request.natural_tau, operations, task.sites, bool(task.reducing))
    execution = Execution(request.memory, comm, progress)
    how = (degeneracy_tolerance, judged if asked.bars else None, execution)
    return integrate_mesh(model, prepared.plan, prepared.occupation, mesh, *how)


def with_other_tolerances(task: Task, merged: Merged, comm: Communicator, progress: Progress, control: Control) -> list[Sums]:
    """On fewer points with the degeneracy tolerance, a tenth and ten times of it; or, where nobody said whether to check and pairs
    of bands are merged, with the tolerance and none.
    """
    request, merging = task.prepared.request, task.prepared.degeneracy_tolerance
    asked = request.degeneracy_check
    if asked is False or (asked is None and not merged.matters):
        return []
    tolerances = [merging, max(merged.exact, LEAST_ENERGY)] if asked is None else [merging, 0.1 * merging, 10 * merging]
    if request.tolerance is not None:
        return [_on_first_boxes(task, request.tolerance, one, comm, control) for one in tolerances]
    few = _fewer(task.prepared.model, request.grid or (), asked is True)
    shift = request.shift if asked else [x if n > 1 else 0.0 for x, n in zip(GENERIC_SHIFT, few, strict=False)]
    mesh = MeshOf(few, shift, bars=False)
    return [on_points(task, mesh, one, comm, progress if asked else lambda done, total: None) for one in tolerances]


def _fewer(model: Model, grid: Sequence[int], asked: bool) -> list[int]:
    """A mesh with half the points along each direction; where nobody asked, FEWER times fewer in all, but no fewer than ENOUGH."""
    active = max(1, sum(int(n) > 1 for n in grid))
    divisor, enough = (2.0, 1) if asked else (FEWER ** (1 / active), round(ENOUGH ** (1 / active)))
    least = 4 if isinstance(model, ContinuumModel) else 1
    return [max(least, math.ceil(int(n) / divisor), min(int(n), enough)) for n in grid]


def _on_first_boxes(task: Task, wanted: Tolerance, degeneracy_tolerance: float, comm: Communicator, control: Control) -> Sums:
    """On the boxes that an adaptive integral begins with."""
    cells = _cells(task, wanted, degeneracy_tolerance)[:1]
    once = replace(wanted, replicas=1, max_evaluations=len(cells[0].tiling.first()) * cells[0].rule.n_points)
    return integrate_adaptive(cells, once, comm, Control(stop=control.stop), {})


def _on_boxes(task: Task, wanted: Tolerance, comm: Communicator, control: Control) -> Sums:
    prepared, request = task.prepared, task.prepared.request
    cells = _cells(task, wanted, prepared.degeneracy_tolerance)
    identity = {
        "model": f"{prepared.model.name} ({fingerprint(prepared.model)})",
        **request.identity(),
        "summed": ", ".join(record.name for record in prepared.plan.responses),
        "operations": operations_text(task.reducing),
        "degeneracy_tolerance": f"{prepared.degeneracy_tolerance:g}",
        "sites": str(dict(prepared.plan.sites)),
        "replicas": str(wanted.replicas),
        "boxes": f"{cells[0].tiling.counts.tolist()} of {cells[0].rule.n_points} points",
    }
    return integrate_adaptive(cells, wanted, comm, control, identity)


def _cells(task: Task, wanted: Tolerance, degeneracy_tolerance: float) -> Sequence[BoxIntegrand]:
    """The integrand, once for each replica."""
    prepared, operations = task.prepared, task.reducing
    plan, request, model = prepared.plan, prepared.request, prepared.model
    scale = {record.name: prepared.factor(record) for record in plan.responses}
    sites = task.sites if request.reduce_k else None
    channels = make_channels(plan, request.relaxation, scale, request.natural_tau, operations, sites)
    if isinstance(model, ContinuumModel):
        return region_integrands(model, plan, channels, prepared.occupation, degeneracy_tolerance, wanted, request.memory)
    return cell_integrands(model, plan, channels, prepared.occupation, degeneracy_tolerance, wanted, operations, request.memory)


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
