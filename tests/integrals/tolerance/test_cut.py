"""What is cut out of meshes: how spots add up, how they join the sums of a mesh, and what of them a checkpoint keeps."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from wannier_spin.integrals.sums import Rows, Sums
from wannier_spin.integrals.tolerance.cut import CUT, Cut
from wannier_spin.integrals.tolerance.gaps import Gap
from wannier_spin.integrals.tolerance.spots import Inside, Spot
from wannier_spin.integration.bumps import Bump
from wannier_spin.storage import check_tree, read_tree, write_tree

SCAN, CHANNELS = 4, 3


def inside(seed: int, evaluations: int, converged: bool = True) -> Inside:
    value, difference, spread = np.random.default_rng(seed).normal(size=(3, SCAN, CHANNELS))
    return Inside(value, difference, np.abs(spread), np.array([0.3, -0.1 * seed]), evaluations, converged)


def spot(seed: int) -> Spot:
    rng = np.random.default_rng(seed)
    bump = Bump(rng.normal(size=(2, 3)), 0.2 + seed, rng.normal(size=(3, 3)))
    return Spot(bump, Gap(1e-3 * (seed + 1), 5 + seed, rng.normal(size=3), -0.4))


def test_two_spots_add_up() -> None:
    """Values and differences plainly, root mean squares in quadrature."""
    first, second = inside(1, 100), inside(2, 30)
    both = first.plus(second)
    assert np.array_equal(both.value, first.value + second.value)
    assert np.array_equal(both.difference, first.difference + second.difference)
    assert both.spread**2 == pytest.approx(first.spread**2 + second.spread**2)
    assert both.minima.tolist() == [0.3, -0.2]
    assert both.evaluations == 130
    assert [
        a.plus(b).converged for a in (first, replace(first, converged=False)) for b in (second, replace(second, converged=False))
    ] == [
        True,
        *3 * [False],
    ]


def test_every_spot_knows_what_it_took() -> None:
    cut = Cut().with_spot(spot(0), inside(1, 100)).with_spot(spot(1), inside(2, 30))
    assert [one.evaluations for one in cut.spots] == [100, 30]
    assert cut.inside is not None
    assert cut.inside.evaluations == 130
    assert cut.bumps == tuple(one.bump for one in cut.spots)
    assert cut.spread is cut.inside.spread
    assert Cut().spread is None
    assert Cut().notes() == {}
    assert list(cut.notes()["hot_spots"]) == ["1", "2"]


def test_joined_to_a_mesh() -> None:
    """What boxes differ by is one more row: at each point of the sample the largest of those points of the scan that have it."""
    sample, of_point = np.random.default_rng(5).normal(size=(2, 2, CHANNELS)), np.array([0, 1, 1, 0])
    rows = Rows(sample, of_point, {"a": np.full((2, SCAN), 0.5), "b": np.full((2, SCAN), 2.0)})
    sums = Sums(np.ones((SCAN, CHANNELS)), None, np.array([0.1, 0.0]), 7, rows=rows)
    assert Cut().joined(sums) is sums
    cut = Cut().with_spot(spot(0), inside(3, 50))
    assert cut.inside is not None
    joined = cut.joined(sums)
    assert np.array_equal(joined.fine, 1 + cut.inside.value)
    assert joined.spread is cut.inside.spread
    assert joined.minima.tolist() == pytest.approx([0.1, -0.3])
    assert joined.rows is not None
    assert np.array_equal(joined.rows.sample[:2], sample)
    for point, scan in ((0, [0, 3]), (1, [1, 2])):
        own, row = cut.inside.difference[scan], joined.rows.sample[2, point]
        assert np.array_equal(np.abs(row), np.abs(own).max(axis=0))
        assert all(row[c] in own[:, c] for c in range(CHANNELS))  # with its sign
    for name, factor in (("a", 0.5), ("b", 2.0)):
        assert joined.rows.factors[name].tolist() == [[factor] * SCAN, [factor] * SCAN, [1.0] * SCAN]


@pytest.mark.parametrize("given_up", [False, True])
@pytest.mark.parametrize("spots", [0, 2])
def test_kept_in_a_checkpoint(tmp_path: Path, spots: int, given_up: bool) -> None:
    cut = Cut(given_up=given_up)
    for i in range(spots):
        cut = cut.with_spot(spot(i), inside(i, 100 + i))
    path = tmp_path / "cut.h5"
    write_tree(path, {"kind": "cut", "format": 1, "cut": cut.as_tree()})
    tree = read_tree(path, "cut")["cut"]
    check_tree("cut", tree, CUT, "")
    found = Cut.of(tree)
    assert found.given_up is given_up
    assert len(found.spots) == spots
    for ours, theirs in zip(cut.spots, found.spots, strict=True):
        assert ours.evaluations == theirs.evaluations
        for a, b in ((ours.bump, theirs.bump), (ours.gap, theirs.gap)):
            for field in fields(a):
                assert np.array_equal(getattr(a, field.name), getattr(b, field.name)), field.name
        assert isinstance(theirs.gap.band, int)
    if not spots:
        assert found.inside is None
        return
    assert cut.inside is not None
    assert found.inside is not None
    for field in fields(Inside):
        assert np.array_equal(getattr(cut.inside, field.name), getattr(found.inside, field.name)), field.name


def test_a_checkpoint_without_spots() -> None:
    found = Cut.of({})
    assert (found.spots, found.inside, found.given_up) == ((), None, False)
