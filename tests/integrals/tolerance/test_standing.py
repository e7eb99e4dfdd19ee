"""Where a mesh stands against a tolerance: bars of responses from rows of channels, and moves of the values."""

from dataclasses import replace

import numpy as np
import pytest

from wannier_spin import models
from wannier_spin.calculation.integrate import Task, integral_of
from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.densities.channels import NOISE, Tolerance, combinations
from wannier_spin.integrals.sums import Rows, Sums
from wannier_spin.integrals.tolerance.standing import (
    ALIKE,
    LEAST_SHARE,
    SCATTER,
    Pair,
    Standing,
    component_bars,
    needed,
    standing,
    with_all_seen,
    with_move,
)
from wannier_spin.prepared import prepare
from wannier_spin.request import Request
from wannier_spin.results import SPREAD

MU = (-0.3, 0.1, 0.4)
WANTED = Tolerance(0.1)


def integral_for(*names: str) -> Integral:
    task = Task.of(prepare(models.random_model(n=3, seed=6), Request(list(names), mu=list(MU), temperature=1000.0, tolerance=0.1)))
    return integral_of(task, task.prepared.degeneracy_tolerance)


SEA = integral_for("spin_hall", "intrinsic_spin_magnetization")
CHANNELS = SEA.plan.n_channels
RANDOM = np.random.default_rng(4)


def of(integral: Integral, channels: np.ndarray) -> dict[str, np.ndarray]:
    return combinations(integral.plan, channels, integral.relaxation, integral.tau)


def sums_of(fine: np.ndarray, *rows: np.ndarray, factor: float = 1.0, spread: np.ndarray | None = None) -> Sums:
    """On a mesh. rows : (channels,), the same for every point of the scan."""
    sample = np.array(rows).reshape(len(rows), 1, -1)
    factors = dict.fromkeys(("spin_hall", "intrinsic_spin_magnetization"), np.full((len(rows), len(MU)), factor))
    return Sums(fine, None, np.zeros(3 + 2 * len(MU) + 2), 100, rows=Rows(sample, np.zeros(len(MU), int), factors), spread=spread)


def test_rows_add_in_quadrature() -> None:
    one, other = RANDOM.normal(size=(2, CHANNELS))
    alone = component_bars(SEA, sums_of(np.zeros((3, CHANNELS)), one))
    both = component_bars(SEA, sums_of(np.zeros((3, CHANNELS)), 3 * one, 4 * one, factor=0.5))
    two = component_bars(SEA, sums_of(np.zeros((3, CHANNELS)), one, other))
    for name, expected in of(SEA, one[None]).items():
        assert np.abs(expected).max() > 0.1
        assert alone[name] == pytest.approx(np.abs(np.repeat(expected, 3, axis=0)))
        assert both[name] == pytest.approx(2.5 * alone[name])
        assert two[name] ** 2 == pytest.approx(np.repeat(expected**2 + of(SEA, other[None])[name] ** 2, 3, axis=0))


def test_what_boxes_differ_by_is_added() -> None:
    """One standard deviation, with the sizes of all channels that make a component."""
    row, spread = RANDOM.normal(size=CHANNELS), np.zeros((3, CHANNELS))
    spread[1, 5] = 0.3
    with_spread = component_bars(SEA, sums_of(np.zeros((3, CHANNELS)), row, spread=spread))
    without = component_bars(SEA, sums_of(np.zeros((3, CHANNELS)), row))
    unit = of(SEA, np.eye(CHANNELS)[5:6])
    assert max(np.abs(one).max() for one in unit.values()) > 0
    for name, one in unit.items():
        assert with_spread[name][1] - without[name][1] == pytest.approx(SPREAD * 0.3 * np.abs(one[0]))
        assert np.array_equal(with_spread[name][[0, 2]], without[name][[0, 2]])


def test_in_units_of_each_response() -> None:
    """Allowed is a part of the largest value, at least what is noise; of the points that are judged."""
    fine, row, moved = RANDOM.normal(size=(3, CHANNELS)), 0.01 * RANDOM.normal(size=CHANNELS), RANDOM.normal(size=(3, CHANNELS))
    found = standing(SEA, WANTED, sums_of(fine, row), moved)
    assert found.names == ("spin_hall", "intrinsic_spin_magnetization")
    for i, name in enumerate(found.names):
        scale = SEA.scale[name]
        assert found.allowed[i] == pytest.approx(WANTED.allowed(name, scale * np.abs(of(SEA, fine)[name]).max()))
        assert found.bars[i] == pytest.approx(scale * np.abs(of(SEA, row[None])[name]).max())
        assert found.moved[i] == pytest.approx(scale * np.abs(of(SEA, moved)[name]).max())
    assert (standing(SEA, WANTED, sums_of(fine, row), None).moved == 0).all()
    nothing = standing(SEA, WANTED, sums_of(0 * fine, 0 * row), None)
    assert nothing.allowed == pytest.approx([NOISE * SEA.scale[name] for name in nothing.names], abs=0)
    without_scale = replace(SEA, scale=dict.fromkeys(SEA.scale, 0.0))
    assert (standing(without_scale, WANTED, sums_of(fine, row), None).allowed == np.finfo(float).tiny).all()
    narrow = replace(WANTED, window=(0.0, 0.2))  # the second one
    judged = standing(SEA, narrow, sums_of(fine, row), moved)
    for i, name in enumerate(judged.names):
        assert judged.moved[i] == pytest.approx(SEA.scale[name] * np.abs(of(SEA, moved)[name][1]).max())


def test_a_move_beyond_both_bars_counts() -> None:
    given = Standing(("a", "b", "c"), np.array([2.0, 2.0, 0.5]), np.array([1.0, 1.0, 1.0]), np.array([2.9, 3.1, 0.1]))
    assert given.excess(None).tolist() == [0.5, 0.5, 2.0]
    assert given.excess(np.array([3.0, 3.0, 3.0])).tolist() == [0.5, 3.1 / 2, 2.0]
    small = replace(given, bars=np.array([4.0, 1.0, 1.0]))
    assert small.excess(np.array([2.0, 3.0, 3.0])).tolist() == [2.0, 3.1 / 2, 2.0]  # the larger of both


def test_a_surface_that_no_point_sees_is_not_known() -> None:
    """Bands cross mu and no state lies near: any bar may be wrong. What has no surface terms does not mind."""
    for names, expected in ((("nonlinear_extrinsic_spin_magnetization",), np.inf), (("spin_hall",), 0.0)):
        given = integral_for(*names)
        channels = given.plan.n_channels
        factors = {names[0]: np.ones((1, len(MU)))}
        rows = Rows(np.zeros((1, 1, channels)), np.zeros(len(MU), int), factors)
        far = 1e3  # one band from -far to far, and no state as near as that to any mu
        minima = np.array([-far, -far, 0.0, *3 * [np.inf], *3 * [far], -far, -far])
        found = standing(given, WANTED, Sums(np.ones((3, channels)), None, minima, 1, rows=rows), None)
        assert found.bars[0] == expected
        near = minima.copy()
        near[6:9] = [far, 0.0, far]  # a state at the second mu
        partly = standing(given, WANTED, Sums(np.ones((3, channels)), None, near, 1, rows=rows), None)
        assert partly.bars[0] == expected
        second = replace(WANTED, window=(0.0, 0.2))
        assert standing(given, second, Sums(np.ones((3, channels)), None, near, 1, rows=rows), None).bars[0] == 0


def test_the_mean_of_two_meshes() -> None:
    """Its stars add in quadrature, and a little more; the last rows are those of the last mesh, as they are."""
    star, hidden, before, fine, earlier = RANDOM.normal(size=(5, CHANNELS))
    last, pair = sums_of(np.tile(fine, (3, 1)), 2 * star, hidden, factor=0.5), Pair(1.2, 1.0)
    share, factor = pair.share, pair.factor
    found = pair.mean(last, sums_of(np.tile(earlier, (3, 1)), before), shared=1)
    assert 0.3 < share < 0.5
    assert 1.04 < factor < (1 + ALIKE) ** 0.5
    assert found.fine == pytest.approx(np.tile((1 - share) * fine + share * earlier, (3, 1)))
    bars = component_bars(SEA, found)
    for name, expected in of(SEA, np.array([factor * (1 - share) * star, 0.5 * hidden, factor * share * before])).items():
        assert np.abs(expected).max() > 0.1
        assert bars[name] == pytest.approx(np.tile(np.sqrt((expected**2).sum(axis=0)), (3, 1)))
    assert last.rows is not None
    assert len(last.rows.sample) == 2
    assert found.rows is not None
    assert found.rows.sample[-1] == pytest.approx(last.rows.sample[-1], abs=0)
    assert found.minima is last.minima
    assert found.evaluations == last.evaluations


def test_a_mesh_knows_what_a_denser_one_has_seen() -> None:
    coarse, dense = (sums_of(np.ones((3, CHANNELS)), np.ones(CHANNELS)) for _ in range(2))
    coarse, dense = replace(coarse, minima=np.array([0.3, 0.1])), replace(dense, minima=np.array([0.2, np.inf]))
    assert coarse.rows is not None
    assert dense.rows is not None
    coarse = replace(coarse, rows=replace(coarse.rows, mu_unknown=np.array([0.5, 0.7])))
    found = with_all_seen(coarse, replace(dense, rows=replace(dense.rows, mu_unknown=np.array([0.7, 0.9]))))
    assert found.minima.tolist() == [0.2, 0.1]
    assert found.rows is not None
    assert found.rows.mu_unknown.tolist() == [0.7]


def correlated(share: float, before: float, last: float) -> float:
    """Bar of the mean."""
    earlier, own = share * before, (1 - share) * last
    return float(np.sqrt(earlier**2 + own**2 + 2 * ALIKE * earlier * own))


def test_shares() -> None:
    """The mean has the smallest bar with them; none of what is too far off, or not known."""
    for before, last in ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0)):
        pair = Pair(before, last)
        smallest = min(correlated(x, before, last) for x in np.linspace(0, 1, 1001))
        assert correlated(pair.share, before, last) == pytest.approx(smallest, rel=1e-5, abs=0)
        bar = pair.factor * np.hypot(pair.share * before, (1 - pair.share) * last)
        assert bar == pytest.approx(correlated(pair.share, before, last))
    assert Pair(5.0, 1.0).share == 0 < LEAST_SHARE < Pair(2.0, 1.0).share
    assert Pair(np.inf, 1.0).share == Pair(1.0, np.inf).share == Pair(0.0, 0.0).share == 0


def test_the_next_mesh_that_is_needed() -> None:
    for excess in (1.2, 2.0, 3.0):
        pair = Pair(excess, needed(excess, 0.95))
        assert pair.share > 0
        assert correlated(pair.share, pair.before, pair.last) == pytest.approx(0.95)


def test_what_is_left_of_a_move() -> None:
    """As much as the bars say, with their scatter; all of it where both bars are too small for it, or one is not known."""
    given = Standing(("a", "b", "c", "d"), np.ones(4), np.array([0.2, 0.9, 0.2, 0.2]), np.array([0.5, 0.5, 1.5, 0.5]))
    last = [np.array([1.0, 1.0, 1.0, np.inf]), np.array([0.25, 1.0, 0.25, 0.25])]
    assert given.left(last).tolist() == pytest.approx([0.2 * SCATTER, 1, 1, 1])
    assert given.left(last[::-1]).tolist() == given.left(last).tolist()
    twice = replace(given, bars=2 * given.bars, moved=2 * given.moved)  # in another unit
    assert twice.left([2 * one for one in last]).tolist() == pytest.approx(given.left(last).tolist())


@pytest.mark.parametrize("size", [1.0, 1e-6])
@pytest.mark.parametrize("within", [False, True])
def test_what_is_left_of_a_move_adds_in_quadrature(size: float, within: bool) -> None:
    """Within the tolerance the largest error of each point ends there."""
    moved, fine, row = 5 * size * RANDOM.normal(size=(3, CHANNELS)), np.zeros((3, CHANNELS)), size * RANDOM.normal(size=CHANNELS)
    sums = sums_of(fine, row)
    bars, changes = component_bars(SEA, sums), of(SEA, moved)
    largest = {name: SEA.scale[name] * np.abs(x).max() for name, x in bars.items()}
    allowed, ones = 1.2 * np.array(list(largest.values())), np.ones(2)
    given = Standing(tuple(bars), allowed, ones, 2 * ones)
    found = with_move(SEA, sums, given, moved, [ones, ones], within)
    assert found.rows is not None and found.difference is moved
    for (name, change), most in zip(changes.items(), allowed, strict=True):
        left = found.rows.halves[name]
        total = SEA.scale[name] * np.hypot(bars[name], left[:, None] * change).max(axis=1)
        if within:
            assert (total <= most * (1 + 1e-12)).all() and (left > 0).all() and (left < 1).all()
            least = SEA.scale[name] * np.abs(left[:, None] * change).max(axis=1)
            assert least[left < 1] == pytest.approx(np.sqrt(most**2 - largest[name] ** 2))
        else:
            assert left.tolist() == [1.0] * 3 and (total > most).any()


def test_what_is_left_of_a_move_leaves_room_for_boxes() -> None:
    """What boxes scatter by is added to the root of all squares: no bar of a run that ends is larger than the tolerance."""
    moved, fine = 5 * RANDOM.normal(size=(3, CHANNELS)), np.zeros((3, CHANNELS))
    sums = sums_of(fine, RANDOM.normal(size=CHANNELS), spread=0.1 * np.abs(RANDOM.normal(size=(3, CHANNELS))))
    rows, both = component_bars(SEA, replace(sums, spread=None)), component_bars(SEA, sums)
    names, ones = tuple(both), np.ones(2)
    allowed = 1.05 * np.array([SEA.scale[name] * np.abs(x).max() for name, x in both.items()])
    found = with_move(SEA, sums, Standing(names, allowed, ones, 2 * ones), moved, [ones, ones], within=True)
    assert found.rows is not None
    for (name, change), most in zip(of(SEA, moved).items(), allowed, strict=True):
        boxes = both[name] - rows[name]
        assert boxes.max() > 0.03 * most / SEA.scale[name]
        left = found.rows.halves[name]
        total = SEA.scale[name] * (np.hypot(rows[name], left[:, None] * change) + boxes).max(axis=1)
        assert (total <= most * (1 + 1e-12)).all()
        assert (left < 1).all() and (left > 0).any()
