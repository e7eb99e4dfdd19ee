"""How a result was made, written into it."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from typing import Any

from wannier_spin.calculation.integrate import Done, Task
from wannier_spin.integrals.sums import cell_volume
from wannier_spin.model import TightBindingModel
from wannier_spin.results import SPIN_CURRENT_DEFINITIONS, RunFacts
from wannier_spin.versions import installed

PACKAGES = ("wannier-spin", "numpy", "scipy", "h5py", "wannierberri", "spglib", "numba", "fortio")


def run_facts(task: Task, done: Sequence[Done], ranks: int, seconds: float) -> RunFacts:
    """Of a task whose parts are done. seconds : of wall time."""
    prepared, plan, request = task.prepared, task.prepared.plan, task.prepared.request
    return RunFacts(
        model=prepared.model.name,
        model_source=dict(prepared.model.source),
        channel=plan.channel,
        spin_current=plan.spin_currents[0],
        spin_current_definition=SPIN_CURRENT_DEFINITIONS[plan.spin_currents[0]],
        other_spin_currents=plan.spin_currents[1:],
        form=request.form,
        relaxation=request.relaxation if request.form == "full" else "none",
        sampling=request.sampling(),
        degeneracy_tolerance=float(prepared.degeneracy_tolerance),
        broadening=float(request.broadening),
        gap_broadening=float(request.gap_broadening),
        k_points=sum(one.sums.evaluations for one in done),
        ranks=ranks,
        wall_seconds=seconds,
        finished=time.strftime("%Y-%m-%d %H:%M:%S %z"),
        versions={"python": platform.python_version(), **{package: installed(package) for package in PACKAGES}},
        symmetry=None if task.group is None else task.group.facts(plan, task.sites),
        sites={name: tuple(f + 1 for f in own) for name, own in plan.sites.items()},
        degeneracy_change={name: change.relative for one in done for name, change in one.changes.items()},
        notes=_cell(task) | _notes(done),
    )


def _cell(task: Task) -> dict[str, Any]:
    """What units of a cell or an atom need: its volume in angstrom^d, the number of atoms. Empty without a lattice."""
    model, structure = task.prepared.model, task.prepared.request.symmetry
    if not isinstance(model, TightBindingModel):
        return {}
    return {"cell_volume": cell_volume(model), **({} if structure is None else {"atoms": len(structure.numbers)})}


def _notes(done: Sequence[Done]) -> dict[str, Any]:
    """Of the first one; what is told by response, of all."""
    notes: dict[str, Any] = {}
    for one in reversed(done):
        for key, value in one.sums.notes.items():
            notes[key] = {**notes.get(key, {}), **value} if isinstance(value, dict) else value
    return notes
