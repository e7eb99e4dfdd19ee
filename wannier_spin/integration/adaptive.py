"""Adaptive integration over boxes, in rounds, on all ranks alike.

In every round the boxes with the largest errors are split: the smallest set that holds a fixed fraction of the sum of all errors
(W. Doerfler, SIAM J. Numer. Anal. 33, 1106 (1996)) and is not too small to keep many ranks busy, and a few where a sharp
feature may hide between the points. Each rank
has the table of boxes and their errors, so all decide alike; whole boxes are dealt to the ranks; channel sums never travel, only
their totals do. Additions are compensated: a parent that is replaced by its children leaves nothing behind, and the answer does
not depend on the number of ranks.

A rank remembers the sums of the boxes it has evaluated as far as memory allows; the others are evaluated once more when they
are split. So the state that has to survive is small: the table and the totals.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import Interrupted
from wannier_spin.integration.boxes import Boxes, Tiling
from wannier_spin.integration.grid import CompensatedSum
from wannier_spin.integration.parallel import Communicator, leading_and_rest, minimum_over_ranks, sum_over_ranks, together

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
FRACTION = 0.5  # of the sum of errors that is split in a round
LEAST = 0.1  # of all boxes: where a few hold FRACTION of the errors, rounds would be many, and most ranks idle
DOUBT = 3.0  # what is predicted to hide between points may be so many times larger than predicted
SCOUTS = 0.1  # boxes that are split because a feature may hide in them, for every one that is split for its error
_DIGITS = 20  # binary digits of errors that count for decisions: rounding must not decide
_SMALLEST_EDGE = 2.0**-36


@dataclass(frozen=True)
class Sample:
    """What the integrand gives for one box, weight included.

    value, difference, square : (...) fine sum, fine - coarse, expected square of the error. size, magnitude : (r,) expected largest
    error, and value, of each response. axis : along which to split. suspect : fraction of the box in which something may
    hide. minima : (m,). hidden : (r,) how large what is predicted to lie between the points may be; None: nothing.
    """

    value: Real
    difference: Real
    square: Real
    size: Real
    magnitude: Real
    axis: int
    suspect: float
    minima: Real
    hidden: Real | None = None


@dataclass(frozen=True)
class Totals:
    """Sums over all boxes: values, differences, squares, (3, ...) in this order, as leading + rest; minima (m,).

    Both parts are kept, so that a resumed run goes on from the same bits. magnitude : (r,) sum of the largest value of each
    response in every box: what there is to cancel.
    """

    leading: Real
    rest: Real
    minima: Real
    magnitude: Real

    @property
    def sums(self) -> Real:
        return np.asarray(self.leading + self.rest)

    @property
    def value(self) -> Real:
        return np.asarray(self.sums[0])

    @property
    def difference(self) -> Real:
        return np.asarray(self.sums[1])

    @property
    def spread(self) -> Real:
        """Root of the sum of squares: (...)."""
        return np.asarray(np.sqrt(np.maximum(self.sums[2], 0)))


@dataclass(frozen=True)
class Verdict:
    """allowed : (r,) error of each response, in the unit of `Sample.size`. excess : (r,) largest error bar over that."""

    allowed: Real
    excess: Real

    @property
    def converged(self) -> bool:
        return bool((self.excess <= 1).all())

    def relative(self, errors: Real) -> Real:
        """Errors (..., r) over what is allowed."""
        return np.asarray(errors / self.allowed)


@dataclass(frozen=True)
class Limits:
    """max_evaluations of points, max_seconds of wall time, least_rounds before convergence is believed."""

    max_evaluations: int
    max_seconds: float
    least_rounds: int = 3


@dataclass(frozen=True)
class State:
    """After a round: the table (boxes, size, magnitude, axis, suspect, holder, hidden), the totals, and what it took.

    holder : (b,) rank that remembers the sums of a box, or -1. rounds : boxes evaluated in each one.
    """

    boxes: Boxes
    size: Real
    magnitude: Real
    axis: Integer
    suspect: Real
    holder: Integer
    hidden: Real
    totals: Totals
    evaluations: int
    rounds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def volume(self) -> Real:
        """In u, of all boxes that each one stands for: (b,)."""
        return np.asarray(self.boxes.edge.prod(axis=1) * self.boxes.weight)

    def as_tree(self) -> dict[str, Any]:
        """For a checkpoint."""
        table = {name: getattr(self, name) for name in ("size", "magnitude", "axis", "suspect", "hidden")}
        boxes = {field.name: getattr(self.boxes, field.name) for field in fields(Boxes)}
        totals = {name: getattr(self.totals, name) for name in ("leading", "rest", "minima")}
        return {**table, **boxes, **totals, "evaluations": self.evaluations, "rounds": np.array(self.rounds)}

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> State:
        """From a checkpoint; nobody remembers the sums of single boxes. Raises KeyError."""
        boxes = Boxes(tree["corner"], tree["edge"], tree["weight"])
        totals = Totals(tree["leading"], tree["rest"], tree["minima"], _summed(tree["magnitude"]))
        nobody = np.full(len(boxes), -1)
        rounds = tuple(int(n) for n in tree["rounds"])
        table = (tree["size"], tree["magnitude"], tree["axis"], tree["suspect"], nobody, tree["hidden"])
        return cls(boxes, *table, totals, int(tree["evaluations"]), rounds)


Table = tuple[Real, Real, Integer, Real, Integer, Real]  # size, magnitude, axis, suspect, holder, hidden
Integrand = Callable[[Boxes], Iterator[Sample]]


@dataclass(frozen=True)
class Problem:
    """What is integrated, and by whom.

    integrand : boxes -> samples, in order; a box gives the same bits whatever the others are. points : of each box.
    judge : totals -> verdict. memory : bytes for remembered sums. after_round : called on all ranks with the state and the
    verdict, for checkpoints and progress. stop : whether this rank was told to stop.
    """

    integrand: Integrand
    points: int
    judge: Callable[[Totals], Verdict]
    tiling: Tiling
    limits: Limits
    comm: Communicator
    memory: float
    after_round: Callable[[State, Verdict], None] = lambda state, verdict: None
    stop: Callable[[], bool] = lambda: False


def adapt(problem: Problem, state: State | None = None) -> tuple[State, Verdict]:
    """Split boxes until the verdict is good or a limit is reached; from a stored state if there is one.

    Raises Interrupted on all ranks if any was told to stop, RankError or InputError if one failed.
    """
    start = time.monotonic()
    worker = _Worker(problem)
    if state is None:
        state = worker.begin(problem.tiling.first())
    else:
        worker.resume(state)
    verdict = _judged(problem, state)
    problem.after_round(state, verdict)
    while not (verdict.converged and len(state.rounds) >= problem.limits.least_rounds):
        marked = _affordable(mark(state, verdict), state, problem)
        if not len(marked) or _out_of_time(problem, start):
            break
        state = worker.refine(state, marked)
        verdict = _judged(problem, state)
        problem.after_round(state, verdict)
    return state, verdict


def _judged(problem: Problem, state: State) -> Verdict:
    """With what may hide: nothing is converged as long as that is larger than a tolerance."""
    verdict = problem.judge(state.totals)
    hidden = DOUBT * np.sqrt((state.hidden**2).sum(axis=0))
    return replace(verdict, excess=np.maximum(verdict.excess, verdict.relative(hidden)))


def mark(state: State, verdict: Verdict) -> Integer:
    """Boxes to be split (boxes,), by number, the largest first: the smallest set with FRACTION of the errors that matter, more
    of those that have to be split in any case as long as they are less than LEAST of all, and some suspects.

    Only responses that are not within their tolerance matter, as long as there are any.
    """
    open_ = verdict.excess > 1 if (verdict.excess > 1).any() else np.ones(len(verdict.excess), bool)
    size = np.maximum(state.size, DOUBT * state.hidden)
    error = _coarsened(verdict.relative(size)[:, open_].max(axis=1))
    too_small = state.boxes.edge.min(axis=1) < _SMALLEST_EDGE
    error[too_small] = 0
    order = np.argsort(-error, kind="stable")
    collected = np.cumsum(error[order])
    if not collected[-1] > 0:
        return order[:0]
    enough = int(np.searchsorted(collected, FRACTION * collected[-1] * (1 - 1e-9)))
    large = int(np.count_nonzero(error > 1 / math.sqrt(len(error))))  # n errors of this size make a bar of one tolerance
    enough = max(enough, min(math.ceil(LEAST * len(error)), large) - 1)
    last = error[order[min(enough, len(order) - 1)]]
    chosen = order[: int(np.searchsorted(-error[order], -last, side="right"))]  # with all that are as large as the last
    hidden = _coarsened(state.suspect * state.volume)
    hidden[chosen], hidden[too_small] = 0, 0
    scouts = np.argsort(-hidden, kind="stable")[: math.ceil(SCOUTS * len(chosen))]
    return np.concatenate([chosen, scouts[hidden[scouts] > 0]])


def useful_ranks(rounds: Sequence[int], efficiency: float = 0.8) -> int:
    """The largest number of ranks of which this fraction works on average when these boxes are dealt, round by round."""
    total = sum(rounds)
    candidates = np.arange(1, int(total / efficiency) + 1)  # a round takes at least one turn
    turns = sum(-(-n // candidates) for n in rounds)
    return int(candidates[total >= efficiency * candidates * turns][-1])


def _coarsened(values: Real) -> Real:
    """Without the last binary digits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(mantissa, _DIGITS)), exponent - _DIGITS)


def _affordable(marked: Integer, state: State, problem: Problem) -> Integer:
    """As many of them, from the first on, as the limit of evaluations allows. Boxes that are evaluated once more do not count:
    what is computed must depend neither on memory nor on whether a run was resumed.
    """
    halves = 2 * problem.points * np.arange(1, len(marked) + 1)
    return marked[state.evaluations + halves <= problem.limits.max_evaluations]


def _out_of_time(problem: Problem, start: float) -> bool:
    """Whether any rank finds that time is up."""
    late = np.array([-float(time.monotonic() - start > problem.limits.max_seconds)])
    return bool(minimum_over_ranks(problem.comm, late)[0] < 0)


class _Worker:
    """What a rank does: it evaluates boxes, adds and subtracts their sums, and remembers some of them."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.comm = problem, problem.comm
        self.total: CompensatedSum | None = None
        self.minima: Real | None = None
        self.held: dict[bytes, list[Real]] = {}  # under a group images of boxes overlap: one may occur twice
        self.n_held = 0

    def begin(self, boxes: Boxes) -> State:
        """Evaluate the first boxes."""
        table = self._evaluate(boxes)
        return State(boxes, *table, self._totals(table[1]), len(boxes) * self.problem.points, (len(boxes),))

    def resume(self, state: State) -> None:
        """Go on from stored totals: rank 0 has them, the others have zero."""
        self.total = CompensatedSum(state.totals.leading.shape)
        if self.comm.rank == 0:
            self.total.high[...], self.total.low[...] = state.totals.leading, state.totals.rest
        self.minima = state.totals.minima

    def refine(self, state: State, marked: Integer) -> State:
        """Replace the marked boxes by their halves."""
        marked = np.sort(marked)  # neighbours stay neighbours
        parents = state.boxes[marked]
        halves = self.problem.tiling.distinct(parents.split(state.axis[marked]))
        together(self.comm, lambda: self._remove(parents, state.holder[marked]))
        table = self._evaluate(halves)
        kept = np.ones(len(state), bool)
        kept[marked] = False
        boxes = Boxes(*(np.concatenate([getattr(state.boxes, f.name)[kept], getattr(halves, f.name)]) for f in fields(Boxes)))
        old = (state.size, state.magnitude, state.axis, state.suspect, state.holder, state.hidden)
        size, magnitude, axis, suspect, holder, hidden = (np.concatenate([x[kept], new]) for x, new in zip(old, table, strict=True))
        evaluations = state.evaluations + len(halves) * self.problem.points
        rounds = (*state.rounds, len(halves))
        return State(boxes, size, magnitude, axis, suspect, holder, hidden, self._totals(magnitude), evaluations, rounds)

    def _remove(self, parents: Boxes, holder: Integer) -> None:
        """Subtract the sums of boxes that are about to be split: remembered ones, and this rank's share of those that nobody
        remembers. In the order of the table, so that rounding does not depend on what is remembered.
        """
        assert self.total is not None
        forgotten = np.flatnonzero(holder < 0)
        again = forgotten[self._share(len(forgotten))]
        samples = self._samples(parents[again])
        for i in np.sort(np.concatenate([again, np.flatnonzero(holder == self.comm.rank)])):
            if holder[i] < 0:
                sample = next(samples)
                self.total.add(-_stack(sample))
            else:
                self.total.add(-self._take(_keys(parents[i : i + 1])[0]))

    def _take(self, key: bytes) -> Real:
        """The remembered sums of a box, which are forgotten."""
        found = self.held[key].pop()
        self.n_held -= 1
        if not self.held[key]:
            del self.held[key]
        return found

    def _share(self, n: int) -> slice:
        """Of n boxes, as even as they can be dealt."""
        rank, size = self.comm.rank, self.comm.size
        return slice(n * rank // size, n * (rank + 1) // size)

    def _samples(self, boxes: Boxes) -> Iterator[Sample]:
        for sample in self.problem.integrand(boxes):
            yield sample
            if self.problem.stop():
                raise Interrupted("told to stop")

    def _evaluate(self, boxes: Boxes) -> Table:
        """Evaluate this rank's share and add it; on all ranks the table of all: size, magnitude, axis, suspect, holder, hidden."""
        mine = self._share(len(boxes))
        rows = together(self.comm, lambda: self._add(boxes[mine], boxes[:1]))
        table = np.zeros((len(boxes), rows.shape[1]))
        table[mine] = rows
        table = sum_over_ranks(self.comm, table, np.zeros_like(table))  # every row comes from one rank
        size, magnitude, hidden = np.split(table[:, 3:], 3, axis=1)
        return size, magnitude, table[:, 0].astype(np.int64), table[:, 1], table[:, 2].astype(np.int64) - 1, hidden

    def _add(self, mine: Boxes, template: Boxes) -> Real:
        """Add the samples of these boxes; their rows of the table. A rank without boxes learns the shapes from the template."""
        rows = []
        for key, sample in zip(_keys(mine), self._samples(mine), strict=True):
            self._prepare(sample)
            assert self.total is not None
            assert self.minima is not None
            self.total.add(_stack(sample))
            self.minima = np.minimum(self.minima, sample.minima)
            hidden = np.zeros_like(sample.size) if sample.hidden is None else sample.hidden
            rows.append([sample.axis, sample.suspect, 1 + self._remember(key, sample), *sample.size, *sample.magnitude, *hidden])
        if not rows:
            sample = next(iter(self.problem.integrand(template)))
            self._prepare(sample)
            return np.zeros((0, 3 + 3 * len(sample.size)))
        return np.array(rows)

    def _prepare(self, sample: Sample) -> None:
        if self.total is None:
            self.total = CompensatedSum((3, *sample.value.shape))
            self.minima = np.full(len(sample.minima), np.inf)

    def _remember(self, key: bytes, sample: Sample) -> int:
        """Keep the sums if there is room; the rank, or -1."""
        if (self.n_held + 1) * 3 * sample.value.nbytes > self.problem.memory:
            return -1
        self.held.setdefault(key, []).append(_stack(sample))
        self.n_held += 1
        return self.comm.rank

    def _totals(self, magnitude: Real) -> Totals:
        assert self.total is not None
        assert self.minima is not None
        leading, rest = leading_and_rest(self.comm, self.total.high.copy(), self.total.low.copy())
        return Totals(leading, rest, minimum_over_ranks(self.comm, self.minima), _summed(magnitude))


def _summed(rows: Real) -> Real:
    """Over the first axis, in one order whatever the layout in memory."""
    return np.asarray(np.ascontiguousarray(rows).sum(axis=0))


def _stack(sample: Sample) -> Real:
    """(3, ...): value, difference, square."""
    return np.stack([sample.value, sample.difference, sample.square])


def _keys(boxes: Boxes) -> list[bytes]:
    """What a box's sums depend on."""
    return [row.tobytes() for row in np.concatenate([boxes.corner, boxes.edge, boxes.weight[:, None]], axis=1)]
