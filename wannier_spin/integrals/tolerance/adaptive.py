"""Adaptive integrals from start to end: checkpoints, reports, replicas, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.integrals.algorithm import Control, Execution, Integral, Round
from wannier_spin.integrals.boxes import REMEMBERED, BoxIntegrand
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.sums import GIB, Sums
from wannier_spin.integrals.tolerance.checkpoint import Checkpoint
from wannier_spin.integration.adaptive import Limits, Problem, State, Totals, Verdict, adapt, useful_ranks
from wannier_spin.integration.parallel import Communicator, together

Real = NDArray[np.float64]


@dataclass(frozen=True)
class OnBoxes:
    """Boxes that are split where the error is, until it is within a tolerance. See `Algorithm`.

    integrands : makes them for an integral, one for each replica, with so many GiB: of a crystal, or of a region.
    """

    wanted: Tolerance
    integrands: Callable[[Integral, Tolerance, float], Sequence[BoxIntegrand]]

    def sums(self, integral: Integral, execution: Execution) -> Sums:
        """See `Algorithm`. Raises InputError if the limit of evaluations does not suffice for the first boxes; Interrupted."""
        found = self.integrands(integral, self.wanted, execution.memory)
        return integrate_adaptive(found, self.wanted, execution, checkpoint_of(execution.control, integral))

    def sketch(self, integral: Integral, thorough: bool) -> FirstBoxes:
        """See `Algorithm`."""
        return FirstBoxes(self)


@dataclass(frozen=True)
class FirstBoxes:
    """The boxes that others begin with, and no more. See `Algorithm`."""

    boxes: OnBoxes

    def sums(self, integral: Integral, execution: Execution) -> Sums:
        """See `Algorithm`."""
        first = self.boxes.integrands(integral, replace(self.boxes.wanted, replicas=1), execution.memory)
        once = replace(self.boxes.wanted, replicas=1, max_evaluations=len(first[0].tiling.first()) * first[0].rule.n_points)
        return integrate_adaptive(first, once, replace(execution, control=Control(stop=execution.control.stop)), None)

    def sketch(self, integral: Integral, thorough: bool) -> FirstBoxes:
        """See `Algorithm`."""
        return self


def checkpoint_of(control: Control, integral: Integral) -> Checkpoint | None:
    """Where what is reached is kept, if it is."""
    return None if control.checkpoint is None else Checkpoint(control.checkpoint, integral.identity(), control.before)


def integrate_adaptive(
    integrands: Sequence[BoxIntegrand], wanted: Tolerance, execution: Execution, checkpoint: Checkpoint | None
) -> Sums:
    """Integrals within a tolerance, or as near as the limits allow; one integrand for each replica.

    Raises InputError if the limit of evaluations does not suffice for the first boxes; Interrupted.
    """
    comm, control = execution.comm, execution.control
    states: list[State] = _stored(checkpoint, comm) if control.resume else []
    verdicts = []
    for replica, integrand in enumerate(integrands):
        problem = _problem(integrand, wanted, comm, control, checkpoint, states, replica)
        state, verdict = adapt(problem, states[replica] if replica < len(states) else None)
        states = [*states[:replica], state, *states[replica + 1 :]]
        verdicts.append(verdict)
    return _sums(integrands, states, verdicts)


def _stored(checkpoint: Checkpoint | None, comm: Communicator) -> list[State]:
    """What a checkpoint has of each replica: read by rank 0, known to all."""
    if checkpoint is None:
        raise InputError("resume: no checkpoint is named to go on from")
    states: list[State] = comm.bcast(together(comm, lambda: checkpoint.read() if comm.rank == 0 else None))
    return states


def _problem(
    integrand: BoxIntegrand,
    wanted: Tolerance,
    comm: Communicator,
    control: Control,
    checkpoint: Checkpoint | None,
    states: list[State],
    replica: int,
) -> Problem:
    names = integrand.channels.names
    n_first = len(integrand.tiling.first()) * integrand.rule.n_points
    if n_first > wanted.max_evaluations:
        raise InputError(
            f"max_evaluations = {wanted.max_evaluations} does not suffice for the first {n_first} k-points; "
            "allow more, or start with fewer boxes (tolerance, start)"
        )

    def after_round(state: State, verdict: Verdict) -> None:
        if checkpoint is not None:
            everything = [*states[:replica], state, *states[replica + 1 :]]
            together(comm, lambda: checkpoint.write(everything) if comm.rank == 0 else None)
        excess = dict(zip(names, verdict.excess.tolist(), strict=True))
        control.report(Round(replica, len(state.rounds), len(state), state.evaluations, excess))

    return Problem(
        integrand=integrand,
        points=integrand.rule.n_points,
        judge=lambda totals: integrand.channels.judge(totals, wanted),
        tiling=integrand.tiling,
        limits=Limits(wanted.max_evaluations, wanted.max_seconds),
        comm=comm,
        memory=REMEMBERED * integrand.memory * GIB,
        after_round=after_round,
        stop=control.stop,
    )


def _sums(integrands: Sequence[BoxIntegrand], states: Sequence[State], verdicts: Sequence[Verdict]) -> Sums:
    """The mean over replicas; their differences and spreads together."""
    channels = integrands[0].channels
    n = len(states)

    def mean(totals: Callable[[Totals], Real]) -> Real:
        return np.asarray(sum(totals(state.totals) for state in states) / n)

    spread = np.sqrt(mean(lambda totals: totals.spread**2) / n)
    values = tuple(channels.expand(state.totals.value) for state in states)
    excess = np.max([verdict.excess for verdict in verdicts], axis=0)
    notes = {
        "boxes": [len(state) for state in states],
        "rounds": [len(state.rounds) for state in states],
        "boxes_per_round": list(states[0].rounds),
        "useful_ranks": useful_ranks(states[0].rounds),
        "points_per_box": integrands[0].rule.n_points,
        "box_axes": integrands[0].axes.basis.tolist(),
        "box_operations": len(integrands[0].axes.signs),
        "zone_part_where_features_may_hide": float(max((s.suspect * s.volume).sum() / s.volume.sum() for s in states)),
        "error_over_tolerance": dict(zip(channels.names, excess.tolist(), strict=True)),
    }
    return Sums(
        fine=channels.expand(mean(lambda totals: totals.value)),
        difference=channels.expand(mean(lambda totals: totals.difference)),
        minima=np.min([state.totals.minima for state in states], axis=0),
        evaluations=sum(state.evaluations for state in states),
        notes=notes,
        spread=channels.expand_bound(spread),
        replicas=values if n > 1 else (),
        converged={name: bool(x <= 1) for name, x in zip(channels.names, excess, strict=True)},
        on_points=False,
    )
