"""Rounds of the adaptive integrator on analytic integrands: bars, counts, marking, limits, resuming, ranks."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from integration.integrands import SQUARE, bar_of, centred, cosines, disk, exact, gaussian, problem, ridge
from threads import on_threads

from wannier_spin.errors import Interrupted
from wannier_spin.integration import adaptive
from wannier_spin.integration.adaptive import FRACTION, LEAST, SCOUTS, State, Totals, Verdict, adapt, mark, useful_ranks
from wannier_spin.integration.boxes import Boxes
from wannier_spin.integration.rules import tensor_rule

# function, dimension, tolerance (relative), evaluations: what it took when this was written
COUNTS = [
    (gaussian, 1, 1e-4, 126),
    (gaussian, 2, 1e-3, 2_156),
    (gaussian, 3, 1e-2, 18_000),
    (disk, 1, 1e-3, 182),
    (disk, 2, 1e-2, 3_234),
    (disk, 3, 1e-2, 53_750),
    (cosines, 1, 1e-4, 70),
    (cosines, 2, 1e-4, 1_568),
    (cosines, 3, 1e-3, 14_000),
    (ridge, 1, 1e-3, 196),
    (ridge, 2, 1e-3, 4_998),
    (ridge, 3, 1e-2, 35_000),
]


def relative_error(state, functions, d):
    expected = exact(functions, d)
    return np.abs(state.totals.value - expected) / expected


@pytest.mark.parametrize(("function", "d", "tolerance", "evaluations"), COUNTS)
def test_within_the_bar_and_the_budget(function, d, tolerance, evaluations):
    """The error is inside the bar, the bar inside the tolerance; the count says when efficiency or care is lost."""
    p = problem([function], d, tolerance)
    state, verdict = adapt(p)
    assert verdict.converged
    assert (verdict.excess <= 1).all()
    error = relative_error(state, [function], d)[0]
    bar = bar_of(state.totals)[0] / state.totals.value[0]
    assert 0 < error < bar <= tolerance
    assert 0.6 * evaluations <= state.evaluations <= 1.5 * evaluations
    assert state.evaluations == p.integrand.boxes * p.points == sum(state.rounds) * p.points
    assert state.volume.sum() == pytest.approx(p.tiling.counts.prod(), rel=1e-13, abs=0)


@pytest.mark.parametrize(("function", "d", "gain"), [(gaussian, 2, 4), (ridge, 2, 25), (gaussian, 3, 10), (disk, 2, 2)])
def test_fewer_points_than_equal_boxes(function, d, gain):
    """Equal boxes need `gain` times the points for a bar as small."""
    state, verdict = adapt(problem([function], d, 1e-2))
    assert verdict.converged
    most = int((gain * state.evaluations / tensor_rule((True, d > 1, d > 2)).n_points) ** (1 / d)) // 2 * 2
    equal, _ = adapt(problem([function], d, 1e-2, start=most, max_evaluations=1))
    assert len(equal) == most**d
    assert bar_of(equal.totals)[0] > bar_of(state.totals)[0]


def test_a_tighter_tolerance_costs_more_and_is_better():
    errors, counts = [], []
    for tolerance in (1e-1, 1e-2, 1e-3, 1e-4):
        state, verdict = adapt(problem([ridge], 2, tolerance, least_rounds=1))
        assert verdict.converged
        errors.append(bar_of(state.totals)[0])
        counts.append(state.evaluations)
    assert errors == sorted(errors, reverse=True)
    assert counts == sorted(set(counts))


def test_several_functions_at_once():
    """All of them within their own tolerance, for less than one after the other, more than any alone."""
    functions = [gaussian, ridge, cosines]
    together, verdict = adapt(problem(functions, 2, 1e-3))
    assert verdict.converged
    assert (relative_error(together, functions, 2) < 1e-3).all()
    alone = [adapt(problem([f], 2, 1e-3))[0].evaluations for f in functions]
    assert max(alone) < together.evaluations < sum(alone)
    assert together.totals.minima.tolist() == pytest.approx([0, together.totals.minima[1], np.exp(-2)], abs=1e-3)


def test_symmetry_saves_points():
    """A function with the symmetry of the square: the same integral from less than half of the points, in an eighth of the zone."""

    def peak(x):
        return np.exp(-(centred(x) ** 2).sum(axis=1) / (2 * 0.03**2))

    full, _ = adapt(problem([peak], 2, 1e-4))
    reduced, verdict = adapt(problem([peak], 2, 1e-4, group=SQUARE))
    assert verdict.converged
    assert reduced.totals.value[0] == pytest.approx(exact([gaussian], 2)[0], rel=1e-4, abs=0)
    assert full.totals.value[0] == pytest.approx(exact([gaussian], 2)[0], rel=1e-4, abs=0)
    assert reduced.evaluations < full.evaluations / 2.5
    assert reduced.volume.sum() == pytest.approx(16, rel=1e-13, abs=0)


def test_nothing_to_integrate():
    """A zero is found at once, and nothing is split for it."""
    state, verdict = adapt(problem([lambda x: np.zeros(len(x))], 2, 1e-3))
    assert verdict.converged
    assert state.totals.value.tolist() == [0]
    assert state.rounds == (16,)


# Limits


@pytest.mark.parametrize("most", [1, 800, 2_000, 5_000, 12_345])
def test_limit_of_evaluations(most):
    """Never more, but for the first boxes, and nearly as many; told as not converged; the error is still inside the bar."""
    p = problem([disk], 2, 1e-6, max_evaluations=most)
    state, verdict = adapt(p)
    assert not verdict.converged
    first = len(p.tiling.first()) * p.points
    assert state.evaluations <= max(most, first)
    assert state.evaluations > min(most, max(first, most - 3 * p.points)) - 1
    assert relative_error(state, [disk], 2)[0] * exact([disk], 2)[0] <= bar_of(state.totals)[0]


@pytest.mark.parametrize("memory", [1e9, 0.0])
def test_limit_of_evaluations_counts_each_box_once(memory):
    """Else the answer would depend on memory, and a resumed run would end earlier."""
    p = problem([disk], 2, 1e-6, max_evaluations=7_000, memory=memory)
    state, _ = adapt(p)
    assert (p.integrand.boxes * p.points > state.evaluations) == (memory == 0)
    assert 7_000 - 2 * p.points <= state.evaluations <= 7_000
    assert state.totals.sums.tobytes() == adapt(problem([disk], 2, 1e-6, max_evaluations=7_000))[0].totals.sums.tobytes()


@pytest.mark.parametrize("rounds", [0, 1, 4])
def test_limit_of_time(monkeypatch, rounds):
    """A clock that goes on by a second each time it is looked at: once at the start, once before each round."""
    ticks = iter(range(1000))
    monkeypatch.setattr(adaptive, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    state, verdict = adapt(problem([disk], 2, 1e-6, max_seconds=rounds + 0.5))
    assert not verdict.converged
    assert len(state.rounds) == 1 + rounds


@pytest.mark.parametrize("least", [1, 3, 6])
def test_least_rounds(least):
    """Convergence is not believed before."""
    state, verdict = adapt(problem([cosines], 1, 0.5, least_rounds=least))
    assert verdict.converged
    assert len(state.rounds) == least


def test_totals_are_leading_and_rest():
    """Values, differences and their squares, in this order; a verdict holds at the tolerance itself."""
    totals = Totals(np.array([[1.0], [2.0], [4.0]]), np.array([[0.25], [0.5], [5.0]]), np.zeros(1), np.zeros(1))
    assert (totals.value.item(), totals.difference.item(), totals.spread.item()) == (1.25, 2.5, 3.0)
    assert [Verdict(np.ones(1), np.array([excess])).converged for excess in (1.0, 1.001)] == [True, False]
    assert not Verdict(np.ones(2), np.array([0.5, 2.0])).converged


def test_what_hides_counts_in_quadrature():
    """Of all boxes, three times what is predicted, over what is allowed."""
    state = replace(table([[1.0], [1.0]]), hidden=np.array([[0.3], [0.4]]))
    given = SimpleNamespace(judge=lambda totals: verdict_of([0.1], tolerance=[2.0]))
    assert adaptive._judged(given, state).excess == pytest.approx(adaptive.DOUBT * 0.5 / 2.0)
    given = SimpleNamespace(judge=lambda totals: verdict_of([9.0], tolerance=[2.0]))
    assert adaptive._judged(given, state).excess.tolist() == [9.0]


# Marking


def table(size, suspect=None, edge=None):
    """A state with these errors (b, r), all boxes of one size."""
    size = np.array(size, float).reshape(len(size), -1)
    n = len(size)
    boxes = Boxes(np.zeros((n, 3)), np.ones((n, 3)) if edge is None else np.array(edge, float), np.ones(n))
    suspect = np.zeros(n) if suspect is None else np.array(suspect, float)
    totals = Totals(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(1), np.zeros(size.shape[1]))
    return State(boxes, size, size, np.zeros(n, int), suspect, np.full(n, -1), np.zeros_like(size), totals, 0, (n,))


def verdict_of(excess, tolerance=None):
    excess = np.array(excess, float)
    return Verdict(np.ones(len(excess)) if tolerance is None else np.array(tolerance, float), excess)


@pytest.mark.parametrize("seed", range(20))
def test_marked_is_the_smallest_set(seed):
    """With a fixed part of the sum of errors, the largest first; and a fixed part of the boxes, if their errors are large."""
    errors = np.random.default_rng(seed).lognormal(0, 3, 40)
    marked = mark(table(errors), verdict_of([2]))
    assert marked.tolist() == np.argsort(-errors)[: len(marked)].tolist()
    part, least = FRACTION * errors.sum() * (1 - 1e-6), min(int(np.ceil(LEAST * 40)), (errors > 40**-0.5).sum())
    assert errors[marked].sum() >= part
    assert len(marked) >= least
    assert errors[marked[:-1]].sum() < part or len(marked) == least


def test_a_few_large_errors_do_not_leave_ranks_idle():
    """One box holds nearly everything: some that have to be split too go with it, none whose errors do not matter."""
    errors = np.concatenate([[1e6], np.linspace(1, 2, 49)])
    assert mark(table(errors), verdict_of([2])).tolist() == [0, 49, 48, 47, 46]
    assert mark(table(errors), verdict_of([2], tolerance=[10.0])).tolist() == [0, 49, 48, 47, 46]  # 0.2 each, 50 make 1.4
    assert mark(table(errors), verdict_of([2], tolerance=[20.0])).tolist() == [0]


def test_useful_ranks():
    """As many as keep the given part of themselves busy when whole boxes are dealt, round by round."""
    assert useful_ranks((8,)) == 10  # 8 boxes on 10 ranks: 80 % of them work
    assert useful_ranks((1, 1, 1)) == 1
    assert useful_ranks((64, 4, 4, 4)) == 8  # 76 boxes in 8 + 1 + 1 + 1 turns of 8 ranks
    rounds = (64, 20, 60, 180, 540, 1600)
    best = useful_ranks(rounds, 0.8)

    def busy(ranks):
        return sum(rounds) / (ranks * sum(-(-n // ranks) for n in rounds))

    assert busy(best) >= 0.8
    assert all(busy(ranks) < 0.8 for ranks in range(best + 1, 4000))
    assert useful_ranks(rounds, 0.5) > best


def test_equal_errors_are_marked_together():
    errors = np.array([1.0, 5, 3, 3, 5, 3, 3, 1])
    assert sorted(mark(table(errors), verdict_of([2])).tolist()) == [1, 2, 3, 4, 5, 6]  # 5 + 5 + 3 would do
    assert sorted(mark(table(np.full(7, 0.3)), verdict_of([2])).tolist()) == list(range(7))


@pytest.mark.parametrize("seed", range(20))
def test_rounding_does_not_decide(seed):
    """Errors of symmetric boxes agree but for rounding."""
    rng = np.random.default_rng(seed)
    errors, suspect = np.repeat(rng.lognormal(0, 2, 10), 4), np.repeat(rng.random(10), 4)
    expected = mark(table(errors, suspect), verdict_of([2]))
    for _ in range(10):
        noisy = errors * (1 + 1e-15 * rng.uniform(-1, 1, 40))
        assert (noisy != errors).any()
        found = mark(table(noisy, suspect * (1 + 1e-15 * rng.uniform(-1, 1, 40))), verdict_of([2]))
        assert found.tolist() == expected.tolist()


def test_only_open_responses_count():
    """Each in units of its tolerance; all of them where all are within."""
    size = [[8.0, 0.1], [0.1, 1.0], [0.1, 0.1], [0.1, 0.1]]
    assert mark(table(size), verdict_of([0.5, 1.5])).tolist() == [1]
    assert mark(table(size), verdict_of([1.5, 0.5])).tolist() == [0]
    assert mark(table(size), verdict_of([1.5, 1.5])).tolist() == [0]
    assert mark(table(size), verdict_of([1.5, 1.5], tolerance=[100.0, 0.1])).tolist() == [1]
    assert mark(table(size), verdict_of([0.5, 0.5])).tolist() == [0]


def test_nothing_to_mark():
    assert mark(table(np.zeros(5)), verdict_of([0])).tolist() == []
    assert mark(table(np.zeros(5), np.ones(5)), verdict_of([0])).tolist() == []


def test_one_box_alone():
    assert mark(table([1.0]), verdict_of([2])).tolist() == [0]


@pytest.mark.parametrize("axis", range(3))
def test_the_smallest_boxes_are_not_split(axis):
    """Along any of their edges."""
    edge = np.ones((4, 3))
    edge[1, axis] = 2.0**-37
    assert mark(table([1.0, 9.0, 2.0, 0.1], edge=edge), verdict_of([2])).tolist() == [2]


def test_scouts():
    """Some of the suspects, the largest by volume, next to those with errors and not among them."""
    errors, suspect = np.zeros(60), np.zeros(60)
    errors[:20] = 1.0
    suspect[10:40] = np.linspace(0.1, 0.9, 30)
    marked = mark(table(errors, suspect), verdict_of([2]))
    assert sorted(marked[:20].tolist()) == list(range(20))
    assert marked[20:].tolist() == [39, 38][: int(np.ceil(SCOUTS * 20))]


def test_a_peak_between_the_points_is_found_by_its_suspicion():
    """Too narrow for any point of the first boxes to see: found only where a bound says that something may hide."""
    width, at = 1e-3, 0.811

    def narrow(x):
        return 1 + 200 * gaussian(x, width, at)

    def suspect(lower, size):
        inside = (np.abs(centred(lower + size / 2 - at))[:2] <= size[:2] / 2).all()
        return float(inside and size[:2].max() > 8 * width)

    hidden = 200 * 2 * np.pi * width**2
    blind, seeing = (adapt(problem([narrow, gaussian], 2, 1e-5, suspect=s, least_rounds=16)) for s in (None, suspect))
    assert blind[1].converged
    assert blind[0].totals.value[0] == pytest.approx(1, abs=0.01 * hidden)
    assert seeing[1].converged
    assert seeing[0].totals.value[0] == pytest.approx(1 + hidden, rel=1e-5, abs=0)


# States


def recorded(p, state=None):
    """The states after all rounds, and the answer."""
    states = []
    answer = adapt(replace(p, after_round=lambda state, verdict: states.append(state)), state)
    return states, answer


@pytest.mark.parametrize(("functions", "d"), [([ridge, gaussian], 2), ([disk], 1), ([gaussian, cosines], 3)])
def test_resuming_from_a_checkpoint(functions, d):
    """From every round on: the same boxes and the same numbers; rounds are reported as if nothing had happened."""
    p = problem(functions, d, 1e-2)
    states, (state, verdict) = recorded(p)
    assert len(states) == len(state.rounds) > 4
    for i in range(0, len(states), 3):
        stored = State.from_tree(states[i].as_tree())
        again, (resumed, other) = recorded(problem(functions, d, 1e-2), stored)
        assert len(again) == len(states) - i
        assert other.converged == verdict.converged
        assert len(resumed.rounds) == len(state.rounds)
        assert same_bits(resumed, state)


def same_bits(a, b):
    """Of everything but who remembers what."""
    ours, theirs = a.as_tree(), b.as_tree()
    assert np.abs(ours["rest"]).max() > 0
    return all(np.asarray(ours[key]).tobytes() == np.asarray(theirs[key]).tobytes() for key in (*ours, *theirs))


def test_a_state_survives_its_tree():
    state = adapt(problem([ridge], 2, 1e-2))[0]
    copy = State.from_tree(state.as_tree())
    for name in ("size", "axis", "suspect", "evaluations", "rounds"):
        assert np.array_equal(getattr(copy, name), getattr(state, name)), name
    assert same_bits(copy, state)
    assert np.array_equal(copy.volume, state.volume)
    assert set(copy.holder.tolist()) == {-1}
    assert set(state.holder.tolist()) == {0}
    assert (copy.holder == -1).all()
    with pytest.raises(KeyError):
        State.from_tree({key: value for key, value in state.as_tree().items() if key != "axis"})


@pytest.mark.parametrize("memory", [0.0, 500.0])
def test_forgotten_sums_are_made_again(memory):
    """Without room for them: the same bits, for more evaluations; with some room, fewer of them."""
    functions = [ridge, gaussian]
    remembered = adapt(problem(functions, 2, 1e-3))[0]
    p = problem(functions, 2, 1e-3, memory=memory)
    made_again = adapt(p)[0]
    assert same_bits(made_again, remembered)
    assert (made_again.holder >= 0).sum() * 2 * 2 * 8 <= memory
    extra = p.integrand.boxes - sum(remembered.rounds)
    splits = sum(remembered.rounds[1:]) // 2
    assert (0 < extra < splits) if memory else extra == splits


@pytest.mark.parametrize("room", [0, 1, 5, 16, 100])
def test_as_many_boxes_are_remembered_as_there_is_room_for(room):
    """Each has three sums of a function."""
    state, _ = adapt(problem([gaussian], 2, 1e-9, memory=room * 3 * 8.0, max_evaluations=1))
    assert len(state) == 16 and (state.holder == 0).sum() == min(room, 16)


def test_told_to_stop():
    """In the middle of a round: the last state is the one of the round before."""
    calls, states = [], []

    def stop():
        calls.append(1)
        return len(calls) > 25

    p = problem([ridge], 2, 1e-3, stop=stop, after_round=lambda state, verdict: states.append(state))
    with pytest.raises(Interrupted, match="told to stop"):
        adapt(p)
    assert len(calls) == 26
    assert sum(states[-1].rounds) <= 25
    state = adapt(problem([ridge], 2, 1e-3))[0]
    resumed = adapt(problem([ridge], 2, 1e-3), State.from_tree(states[-1].as_tree()))[0]
    assert same_bits(resumed, state)


# Ranks


def test_ranks_share_evenly():
    """Every box once, in order."""
    for n in (1, 7, 12, 25):
        for size in (1, 2, 5, 30):
            shares = [
                adaptive._Worker(problem([ridge], 2, 1e-3, comm=SimpleNamespace(rank=r, size=size)))._share(n) for r in range(size)
            ]
            assert [i for share in shares for i in range(n)[share]] == list(range(n))
            taken = [len(range(n)[share]) for share in shares]
            assert max(taken) - min(taken) <= 1


@pytest.mark.parametrize("memory", [1e9, 300.0, 0.0])
@pytest.mark.parametrize(("functions", "d", "start"), [([ridge, gaussian], 2, 4), ([cosines], 1, 2)])
def test_threads_agree(functions, d, start, memory, monkeypatch):
    """With boxes for all of them, and at first with fewer boxes than ranks; from the beginning, and from a stored state."""
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=SimpleNamespace(MIN="min")))
    given = {"relative": 1e-2, "start": start}
    alone = adapt(problem(functions, d, **given))[0]
    half = State.from_tree(adapt(problem(functions, d, **given, max_evaluations=alone.evaluations // 2))[0].as_tree())
    assert len(alone) > 3 and len(half) < len(alone)
    for before in (None, half):
        found = on_threads(3, lambda comm, b=before: adapt(problem(functions, d, **given, comm=comm, memory=memory), b)[0])
        for one in found:
            assert isinstance(one, State), one
            assert np.array_equal(one.boxes.corner, alone.boxes.corner) and np.array_equal(one.boxes.edge, alone.boxes.edge)
            assert np.array_equal(one.size, alone.size) and one.rounds == alone.rounds and one.evaluations == alone.evaluations
            assert np.array_equal(one.totals.minima, alone.totals.minima)
            assert one.totals.value == pytest.approx(alone.totals.value, rel=1e-14, abs=0)
            assert one.totals.difference == pytest.approx(alone.totals.difference, rel=1e-9, abs=0)
            assert np.array_equal(one.totals.leading, found[0].totals.leading)
            assert memory or (one.holder == -1).all()
        assert memory < 1e9 or before is not None or (found[0].holder.min() >= 0 and found[0].holder.max() > 0)


RANKS = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from mpi4py import MPI
from integration.integrands import *
from rounding import same
from wannier_spin.integration.adaptive import adapt
comm = MPI.COMM_WORLD
for functions, d in (([ridge, gaussian], 2), ([disk], 3), ([cosines], 1)):
    alone = adapt(problem(functions, d, 1e-2))[0]
    for memory in (1e9, 300.0, 0.0):
        shared = adapt(problem(functions, d, 1e-2, comm=comm, memory=memory))[0]
        assert np.array_equal(shared.boxes.corner, alone.boxes.corner)
        assert np.array_equal(shared.boxes.edge, alone.boxes.edge)
        assert np.array_equal(shared.size, alone.size)
        assert same(shared.totals.minima, alone.totals.minima)
        assert len(shared.rounds) == len(alone.rounds)
        assert memory or (shared.holder == -1).all()
        assert memory < 1e9 or len(set(shared.holder.tolist())) == min(comm.size, len(shared))
        scale = np.abs(alone.totals.value)
        for a, b in ((shared.totals.value, alone.totals.value), (shared.totals.difference, alone.totals.difference)):
            worst = max(comm.allgather(float((np.abs(a - b) / scale).max())))
            if comm.rank == 0:
                print("worst", worst, alone.evaluations)
"""
FAILING = """
import sys
sys.path.insert(0, sys.argv[1])
from mpi4py import MPI
from integration.integrands import *
from wannier_spin.errors import InputError, Interrupted
from wannier_spin.integration.adaptive import adapt
from wannier_spin.integration.parallel import RankError
comm = MPI.COMM_WORLD
def ended(raised, calls):
    seen = []
    def bad():
        return comm.rank == comm.size - 1 and len(seen) > calls
    def peak(x):
        seen.append(1)
        if bad() and raised.endswith("Error"):
            raise {"InputError": InputError, "ZeroDivisionError": ZeroDivisionError}[raised]("rank on fire")
        return ridge(x)
    try:
        adapt(problem([peak], 2, 1e-4, comm=comm, stop=lambda: bad() and raised == "told to stop"))
    except (RankError, InputError, Interrupted) as error:
        return type(error).__name__ + " " + str("rank on fire" in str(error))
    return "converged False"
for raised, calls, _ in CASES:
    lines = comm.gather(ended(raised, calls), 0)
    if comm.rank == 0:
        print(*lines, sep=", ", flush=True)
"""


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 4])
def test_ranks_agree(mpirun: Callable[..., str], ranks: int) -> None:
    """Whoever evaluates, and whoever remembers: the same boxes, and sums to the last digits; also more ranks than boxes."""
    output = mpirun(ranks, "-c", RANKS, Path(__file__).parents[1], timeout=120)
    worst = [float(line.split()[1]) for line in output.splitlines() if line.startswith("worst")]
    assert len(worst) == 18
    assert max(worst) <= 1e-14


@pytest.mark.mpi
def test_one_failing_rank_stops_all(mpirun: Callable[..., str]) -> None:
    """In the first round or later; told to stop likewise."""
    cases = [
        ("ZeroDivisionError", 0, "RankError True"),
        ("ZeroDivisionError", 9, "RankError True"),
        ("InputError", 9, "InputError True"),
        ("told to stop", 0, "Interrupted False"),
        ("told to stop", 9, "Interrupted False"),
        ("nothing", 0, "converged False"),
    ]
    output = mpirun(3, "-c", FAILING.replace("CASES", repr(cases)), Path(__file__).parents[1], timeout=120)
    assert output.splitlines() == [", ".join([seen] * 3) for _, _, seen in cases], output


def test_boxes_that_occur_twice():
    """Under a group the images of two boxes may be the same one: each is removed with its own weight."""

    def wave(x):
        peaks = np.exp(-(centred(x) ** 2).sum(axis=1) / (2 * 0.03**2))
        return peaks + ridge(x) + ridge(x[:, ::-1]) + ridge(-x) + ridge(-x[:, ::-1])

    states, (state, verdict) = recorded(problem([wave], 2, 1e-5, group=SQUARE))
    twice = [len(s) - len(np.unique(np.concatenate([s.boxes.corner, s.boxes.edge], axis=1), axis=0)) for s in states]
    assert max(twice) > 0
    assert verdict.converged
    expected = exact([gaussian], 2)[0] + 4 * exact([ridge], 2)[0]
    assert state.totals.value[0] == pytest.approx(expected, rel=1e-5, abs=0)
    assert state.totals.value == pytest.approx(
        adapt(problem([wave], 2, 1e-5, group=SQUARE, memory=0.0))[0].totals.value, rel=1e-12, abs=0
    )
