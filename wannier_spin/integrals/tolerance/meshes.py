"""Meshes within a tolerance: each one as dense as the bars of the last ones predict; boxes where they are cheaper.

On what is smooth on the scale of kT a mesh needs up to four times fewer points than boxes (a trapezoid needs two points for a
wave, Gauss needs pi, along every direction), and its points cost half. On what is sharp, boxes win. So meshes begin, since they
are cheap at first, and say after each how many points the last one will take. Where that is much more than what boxes begin with,
boxes are tried, and go on as long as they are on a better way.

What comes out is the mean of the last meshes, with the weights that make its bar smallest: their errors have little in common, and
bars that scatter from mesh to mesh decide less. Where little is missing, the next mesh is a coarser one that joins them. A run ends
where the largest bar of the mean over the scan (the decay of Fourier coefficients and what may hide between the points, see `bars`)
is within the tolerance, and the last two meshes agree within both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError, Interrupted
from wannier_spin.integrals.algorithm import Execution, Integral, Round
from wannier_spin.integrals.boxes import DEARER, first_evaluations
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.mesh import OnMesh, Summed
from wannier_spin.integrals.sums import Sums
from wannier_spin.integrals.tolerance.adaptive import FirstBoxes, OnBoxes, checkpoint_of
from wannier_spin.integrals.tolerance.checkpoint import Checkpoint
from wannier_spin.integrals.tolerance.cut import Cut
from wannier_spin.integrals.tolerance.cutting import Cutting
from wannier_spin.integrals.tolerance.denser import LEAST, first_mesh, length_of, mesh_of, next_mesh
from wannier_spin.integrals.tolerance.outlook import Outlook
from wannier_spin.integrals.tolerance.stages import Reached, Stage
from wannier_spin.integrals.tolerance.standing import Pair, Standing, standing, with_all_seen, with_move
from wannier_spin.integrals.tolerance.trial import Trial
from wannier_spin.integration.parallel import together
from wannier_spin.integration.superlattice import Superlattice

Real = NDArray[np.float64]
POWERS = (1.5, 6.0)  # of 1/length of the superlattice with which bars decrease
FIRST_POWER = 2.0  # before there are two meshes
POOLED = 4  # meshes, the last ones, that tell the power: single bars are as uncertain as they are large
TRIAL = 0.2  # of the points that boxes may take: they are tried where their first ones are fewer
UNSURE = 2.0  # times too large may the prediction of boxes be, before they tell their power
SMOOTH, PATIENCE = 2.0, 3  # from this power on boxes are tried for so many times dearer meshes only
LESS = 0.97  # of the length of a superlattice that the limits do not allow


class _Dearer(Exception):
    """Boxes were tried, and would take more than they are worth."""

    def __init__(self, evaluations: int, predicted: float) -> None:
        super().__init__()
        self.evaluations, self.predicted = evaluations, predicted


@dataclass(frozen=True)
class Step:
    """What is done next: a mesh, or boxes. worth : points that these may take."""

    mesh: Superlattice
    to_boxes: bool
    worth: float


@dataclass(frozen=True)
class OnMeshes:
    """Meshes, or boxes, within a tolerance. See `Algorithm`."""

    boxes: OnBoxes

    def sums(self, integral: Integral, execution: Execution) -> Sums:
        """See `Algorithm`. Raises InputError if the limit of evaluations does not suffice to begin; Interrupted."""
        return _Run(integral, execution, self.boxes).sums() if self._fit(integral) else self.boxes.sums(integral, execution)

    def _fit(self, integral: Integral) -> bool:
        """Whether meshes can be tried: not at 0 K; and not if boxes are asked for, or replicas of them."""
        wanted = self.boxes.wanted
        return bool(integral.occupation.kT.min() > 0) and wanted.replicas == 1 and wanted.start is None

    def sketch(self, integral: Integral, thorough: bool) -> FirstBoxes:
        """See `Algorithm`."""
        return self.boxes.sketch(integral, thorough)


@dataclass(frozen=True)
class _Run:
    integral: Integral
    execution: Execution
    boxes: OnBoxes
    begun: float = field(default_factory=time.monotonic)

    @property
    def wanted(self) -> Tolerance:
        return self.boxes.wanted

    def sums(self) -> Sums:
        """From the first mesh, or from a checkpoint, to the last one."""
        reached, done = self._stored(), None
        while done is None:
            reached, done = self._further(reached)
        return done

    def _further(self, reached: Reached) -> tuple[Reached, Sums | None]:
        """One mesh more, or boxes, which may be given up; the sums at the end."""
        step = self._next(reached)
        if reached.on_boxes or (step is not None and step.to_boxes):
            tried = step is not None and step.to_boxes and not reached.of_boxes
            try:
                return reached, self._on_boxes(reached, step.worth if step is not None and tried else np.inf)
            except _Dearer as found:
                spent = reached.spent + found.evaluations
                after = replace(reached, spent=spent, of_boxes=found.predicted, on_boxes=False, trial=Trial())
                return self._kept(after), None
        if step is None:
            return reached, self._finished(reached)
        return self._on_mesh(reached, step.mesh), None

    def _kept(self, reached: Reached) -> Reached:
        """In the checkpoint, if there is one."""
        checkpoint, comm = self._checkpoint, self.execution.comm
        if checkpoint is not None:
            together(comm, lambda: checkpoint.write_meshes(reached.as_tree()) if comm.rank == 0 else None)
        return reached

    def _stored(self) -> Reached:
        """What a checkpoint has, where the run goes on from one."""
        control, comm = self.execution.control, self.execution.comm
        checkpoint = self._checkpoint
        if not control.resume:
            return Reached()
        if checkpoint is None:
            raise InputError("resume: no checkpoint is named to go on from")
        found: Reached = comm.bcast(together(comm, lambda: Reached.of(checkpoint.stored()) if comm.rank == 0 else None))
        return found

    @cached_property
    def _checkpoint(self) -> Checkpoint | None:
        return checkpoint_of(self.execution.control, self.integral)

    def _next(self, reached: Reached) -> Step | None:
        """None: it is done, or limits do not allow more."""
        if not reached.stages:
            return Step(self._first(), False, 0.0)
        excess, last = self._excess(reached), reached.stages[-1]
        if excess <= 1 and len(reached.stages) > 1:
            return None
        power = _power(self.integral, reached.stages)
        outlook = Outlook(self._own(reached), excess, self._lasting(reached), power)
        mesh = next_mesh(self.integral, _meshes(reached), outlook)
        whole, left = self._points(last.evaluations, outlook.growth), self._left(reached)
        worth = _worth(whole, left)
        if self._to_boxes(reached, mesh, worth, whole > left or power < SMOOTH):
            return Step(mesh, True, worth)
        affordable = self._affordable(mesh, reached, left)
        return None if affordable is None else Step(affordable, False, worth)

    def _to_boxes(self, reached: Reached, mesh: Superlattice, worth: float, eager: bool) -> bool:
        """Whether boxes are tried before the next mesh, or taken where they were. worth : points that they may take."""
        first = first_evaluations(self.integral)
        if reached.spent + first >= self.wanted.max_evaluations:
            return False
        if reached.of_boxes:
            return reached.of_boxes < worth
        if len(reached.stages) < 2 or self._evaluations(mesh) < DEARER * first:  # cheap meshes say more about those that follow
            return False
        return TRIAL * worth > first * (1 if eager else PATIENCE)

    def _points(self, evaluations: int, growth: float) -> float:
        """Of a mesh that is so many times finer than one of these."""
        return float(evaluations * max(growth, 1.0) ** self.integral.model.dimension)

    @property
    def _seconds_left(self) -> float:
        return self.wanted.max_seconds - (time.monotonic() - self.begun)

    def _first(self) -> Superlattice:
        mesh = first_mesh(self.integral)
        n = self._evaluations(mesh)
        if n > self.wanted.max_evaluations:
            raise InputError(
                f"max_evaluations = {self.wanted.max_evaluations} does not suffice for the first {n} k-points; allow more"
            )
        return mesh

    def _evaluations(self, mesh: Superlattice) -> int:
        return OnMesh(mesh.points, skew=mesh.skew).mesh(self.integral).n_evaluated

    def _left(self, reached: Reached) -> float:
        """Points of meshes that the limits allow. Rank 0 looks at the clock for all."""
        last = reached.stages[-1]
        seconds = self._seconds_left / max(last.seconds, 1e-9) * last.evaluations
        return float(min(self.wanted.max_evaluations - reached.spent, self.execution.comm.bcast(max(seconds, 0.0))))

    def _affordable(self, mesh: Superlattice, reached: Reached, left: float) -> Superlattice | None:
        """The mesh, or the largest one that has as few points as are left; None if the last one was."""
        length, last = length_of(self.integral, mesh), length_of(self.integral, reached.stages[-1].superlattice)
        least = last if self._denser(mesh, reached) else LEAST * last
        while length > least:
            if self._evaluations(mesh) <= left:
                return mesh
            length *= LESS
            mesh = mesh_of(self.integral, length, _meshes(reached))
        return None

    def _denser(self, mesh: Superlattice, reached: Reached) -> bool:
        """Than the last one."""
        return length_of(self.integral, mesh) > length_of(self.integral, reached.stages[-1].superlattice)

    def _excess(self, reached: Reached) -> float:
        """Of what there is, as far as its digits do not depend on rounding."""
        found = self._standing(reached, self._sums(reached))
        return _rounded(found.excess(_both(reached.stages)).max(initial=0.0))

    def _own(self, reached: Reached) -> float:
        """The same of the last mesh alone."""
        assert reached.sums is not None
        return _rounded(self._standing(reached, reached.sums).excess(_both(reached.stages)).max(initial=0.0))

    def _lasting(self, reached: Reached) -> float:
        """The same of what hides from the densest mesh, and of spots: a coarser mesh does not make it smaller."""
        sums, shared = self._sums(reached), reached.cut.rows + 1
        assert sums.rows is not None
        factors = {name: f[-shared:] for name, f in sums.rows.factors.items()}
        found = self._standing(reached, replace(sums, rows=replace(sums.rows, sample=sums.rows.sample[-shared:], factors=factors)))
        return _rounded((found.bars / found.allowed).max(initial=0.0))

    def _standing(self, reached: Reached, sums: Sums) -> Standing:
        return standing(self.integral, self.wanted, sums, reached.moved)

    def _sums(self, reached: Reached) -> Sums:
        """Of the last mesh, or the mean of several where that is known better."""
        sums = reached.sums if reached.mean is None else reached.mean
        assert sums is not None
        return sums

    def _mean(self, reached: Reached, sums: Sums, cut: Cut, denser: bool) -> tuple[Sums | None, tuple[float, ...]]:
        """Of the next mesh and what there is, with the weights of all meshes; none where other spots are cut out.

        What hides from the denser one counts. denser : whether the next mesh is.
        """
        if reached.sums is None or len(cut.spots) != len(reached.cut.spots):
            return None, ()
        earlier, shared = self._sums(reached), cut.rows + 1
        last, before = (standing(self.integral, self.wanted, one, None) for one in (sums, earlier))
        old, new = (_rounded((one.bars / last.allowed).max(initial=0.0)) for one in (before, last))
        pair = Pair(old, new) if denser else Pair(new, old)
        if denser and not pair.share:
            return None, ()
        share = pair.share if denser else 1 - pair.share
        mean = pair.mean(sums, earlier, shared) if denser else pair.mean(earlier, sums, shared) if pair.share else earlier
        assert sums.rows is not None
        assert mean.rows is not None
        rows = replace(sums.rows, sample=mean.rows.sample, factors=mean.rows.factors)
        weights = reached.weights or (0.0,) * (len(reached.stages) - 1) + (1.0,)
        return replace(sums, fine=mean.fine, rows=rows), (*(share * w for w in weights), 1 - share)

    def _on_mesh(self, reached: Reached, mesh: Superlattice) -> Reached:
        """One more mesh: kept, and reported."""
        start, control = time.monotonic(), self.execution.control

        def progress(done: int, total: int) -> None:
            self.execution.progress(done, total)
            if control.stop():
                raise Interrupted("told to stop")

        how = replace(self.execution, progress=progress)
        on_mesh = OnMesh(mesh.points, bumps=reached.cut.bumps, skew=mesh.skew)
        summed, cut, wasted = self._cut(on_mesh.summed(self.integral, how, self.wanted), mesh, reached)
        sums = cut.joined(summed.sums())
        denser = not reached.stages or self._denser(mesh, reached)
        if reached.sums is not None and not denser:
            sums = with_all_seen(sums, reached.sums)
        moved = None if reached.sums is None else sums.fine - reached.sums.fine
        found = standing(self.integral, self.wanted, sums, moved)
        stage = Stage(mesh, summed.mesh.n_evaluated, time.monotonic() - start, found.bars, len(cut.spots))
        of_spots = sum(spot.evaluations for spot in cut.spots[len(reached.cut.spots) :])
        stages, spent = (*reached.stages, stage), reached.spent + summed.evaluations + of_spots + wasted
        mean, weights = self._mean(reached, sums, cut, denser)
        reached = replace(reached, stages=stages, sums=sums, moved=moved, mean=mean, weights=weights)
        after = self._kept(replace(reached, spent=spent, cut=cut))
        excess = self._standing(after, self._sums(after)).excess(_both(stages))
        control.report(Round(0, len(stages), 0, spent, dict(zip(found.names, excess.tolist(), strict=True)), mesh.points))
        return after

    def _cut(self, summed: Summed, mesh: Superlattice, reached: Reached) -> tuple[Summed, Cut, int]:
        """With hot spots cut out, where that saves points; see `Cutting`."""
        n = summed.mesh.n_evaluated
        if not reached.stages or not self._denser(mesh, reached):  # bars tell nothing yet; a coarser mesh joins those there are
            return summed, reached.cut, 0

        def predicted(bars: Real, allowed: Real) -> float:
            power = _power(self.integral, (*reached.stages, Stage(mesh, n, 0.0, bars, len(reached.cut.spots))))
            excess = float((bars / allowed).max(initial=0.0))
            return self._points(n, Outlook.alone(excess, power).growth) if np.isfinite(excess) else np.inf

        left = self.wanted.max_evaluations - reached.spent - summed.evaluations
        quiet = replace(self.execution, progress=lambda done, total: None)
        return Cutting(self.integral, self.wanted, quiet, predicted, left, self._seconds_left).cut(summed, reached.cut)

    def _on_boxes(self, reached: Reached, worth: float) -> Sums:
        """Boxes take over. worth : points that they may take; raises _Dearer once they are predicted to take more."""
        control, spent, trials = self.execution.control, reached.spent, [reached.trial]

        def report(round_: Round) -> None:
            control.report(replace(round_, evaluations=spent + round_.evaluations))
            trials.append(trials[-1].after(round_.evaluations, max(round_.excess.values(), default=0.0)))
            predicted = trials[-1].predicted
            if predicted - round_.evaluations > worth * (1.0 if trials[-1].grown else UNSURE):  # what is spent is spent
                raise _Dearer(round_.evaluations, predicted)

        def before() -> dict[str, Any]:
            return replace(reached, trial=trials[-1]).as_tree() if reached.stages else {}

        limited = replace(
            self.wanted, max_evaluations=self.wanted.max_evaluations - spent, max_seconds=max(self._seconds_left, 1e-9)
        )
        how = replace(self.execution, control=replace(control, resume=reached.on_boxes, report=report, before=before))
        found = replace(self.boxes, wanted=limited).sums(self.integral, how)
        reached_by_boxes = max(found.notes["error_over_tolerance"].values(), default=0.0)
        if reached.stages and reached_by_boxes > max(1.0, self._excess(reached)):  # limits have ended them: the mesh knows more
            return self._finished(replace(reached, spent=spent + found.evaluations))
        return replace(found, evaluations=spent + found.evaluations, notes={**found.notes, **reached.notes()})

    def _finished(self, reached: Reached) -> Sums:
        """The last mesh or the mean of the last two, with what they say of the error."""
        sums = self._sums(reached)
        found = self._standing(reached, sums)
        excess = found.excess(_both(reached.stages))
        several = len(reached.stages) > 1
        by_name = dict(zip(found.names, excess.tolist(), strict=True))
        if reached.moved is not None:
            last = [stage.bars for stage in reached.stages[-2:]]
            sums = with_move(self.integral, sums, found, reached.moved, last, bool((excess <= 1).all()))
        converged = {name: bool(x <= 1) and several for name, x in by_name.items()}
        weights = {"weights_of_meshes": list(reached.weights)} if reached.weights else {}
        notes = {**reached.notes(), **weights, "error_over_tolerance": by_name}
        return replace(sums, evaluations=reached.spent, converged=converged, notes=notes)


def _meshes(reached: Reached) -> list[Superlattice]:
    return [stage.superlattice for stage in reached.stages]


def _both(stages: Sequence[Stage]) -> Real | None:
    """Bars of the last two together."""
    return stages[-2].bars + stages[-1].bars if len(stages) > 1 else None


def _rounded(excess: float) -> float:
    """As far as its digits do not depend on rounding."""
    return float(f"{excess:.6g}")


def _worth(whole: float, left: float) -> float:
    """Points that boxes may take. whole : of the last mesh; where these are more than are left, boxes may take all of those."""
    return max(whole / DEARER, left if whole > left else 0.0)


def _power(integral: Integral, stages: Sequence[Stage]) -> float:
    """With which bars decrease, from the coarsest and the densest of the last meshes that have the same spots cut out."""
    alike = [stage for stage in stages[-POOLED:] if stage.spots == stages[-1].spots]
    before, last = (of(alike, key=lambda stage: length_of(integral, stage.superlattice)) for of in (min, max))
    ratio = length_of(integral, last.superlattice) / length_of(integral, before.superlattice)
    if ratio <= 1:  # what is left is smoother than what there was
        earlier = [stage for stage in stages if stage.spots != last.spots]
        return max(_power(integral, earlier), FIRST_POWER) if earlier else FIRST_POWER
    finite = np.isfinite(before.bars) & np.isfinite(last.bars) & (last.bars > 0)
    if not finite.any():
        return POWERS[0]
    slowest = float(np.min(np.log(np.maximum(before.bars[finite] / last.bars[finite], 1.0))))
    return float(np.clip(slowest / np.log(ratio), *POWERS))
