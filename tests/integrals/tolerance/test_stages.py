"""What meshes have reached survives a checkpoint: everything, and nothing that was not there."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from integrals.tolerance.test_cut import inside, spot

from wannier_spin.errors import InputError
from wannier_spin.integrals.sums import Rows, Sums
from wannier_spin.integrals.tolerance.cut import Cut
from wannier_spin.integrals.tolerance.stages import STAGES, Reached, Stage
from wannier_spin.integrals.tolerance.trial import Trial
from wannier_spin.integration.superlattice import Skew, Superlattice
from wannier_spin.storage import check_tree, read_tree, write_tree

RANDOM = np.random.default_rng(8)
SCAN, CHANNELS = 4, 3
ROWS = Rows(
    RANDOM.normal(size=(2, 3, CHANNELS)), np.array([0, 1, 2, 2]), {"a": RANDOM.normal(size=(2, SCAN))}, {}, np.array([0.5]), 0.25
)
FINE, DIFFERENCE, MOVED = RANDOM.normal(size=(3, SCAN, CHANNELS))
SKEWED = Superlattice((9, 10, 2), Skew((1, -2, 3), ((1, 1, 0), (0, 1, 0), (0, -1, 1))))
STAGED = (
    Stage(Superlattice((6, 6, 1)), 20, 0.5, np.array([0.3, 0.1])),
    Stage(Superlattice((7, 8, 1)), 25, 0.7, np.array([0.3, 0.1])),
    Stage(SKEWED, 31, 1.5, np.array([0.2, 0.05])),
)
REACHED = Reached(STAGED, Sums(FINE, DIFFERENCE, np.array([0.1, np.inf]), 31, rows=ROWS), None, 51, 0.0)


def stored(reached: Reached, folder: Path, on_boxes: bool = False) -> Reached:
    write_tree(folder / "c.h5", {"kind": "stages", "format": 1, "meshes": reached.as_tree()})
    tree = read_tree(folder / "c.h5", "stages")["meshes"]
    check_tree("stages", tree, STAGES, "")
    return Reached.of((tree, on_boxes))


@pytest.mark.parametrize("spots", [0, 2])
@pytest.mark.parametrize("moved", [None, MOVED], ids=["one mesh", "several"])
def test_kept(tmp_path: Path, moved: np.ndarray | None, spots: int) -> None:
    cut = Cut(given_up=bool(spots))
    for i in range(spots):
        cut = cut.with_spot(spot(i), inside(i, 10 + i))
    reached = replace(REACHED, moved=moved, of_boxes=1e7, cut=cut)
    found = stored(reached, tmp_path, on_boxes=True)
    assert found.on_boxes
    assert (found.spent, found.of_boxes) == (51, 1e7)
    for ours, theirs in zip(reached.stages, found.stages, strict=True):
        assert (ours.superlattice, ours.evaluations, ours.seconds) == (theirs.superlattice, theirs.evaluations, theirs.seconds)
        assert np.array_equal(ours.bars, theirs.bars)
    assert found.sums is not None
    for name in ("fine", "difference", "minima"):
        assert np.array_equal(getattr(reached.sums, name), getattr(found.sums, name))
    assert found.sums.evaluations == 31
    assert found.sums.rows is not None
    assert np.array_equal(found.sums.rows.sample, ROWS.sample)
    assert np.array_equal(found.sums.rows.of_point, ROWS.of_point)
    assert np.array_equal(found.sums.rows.factors["a"], ROWS.factors["a"])
    assert (found.sums.rows.mu_unknown.tolist(), found.sums.rows.step) == ([0.5], 0.25)
    assert (found.moved is None) == (moved is None)
    assert moved is None or np.array_equal(found.moved, moved)  # type: ignore[arg-type]
    assert len(found.cut.spots) == spots
    assert found.cut.given_up is bool(spots)
    if spots:
        assert np.array_equal(found.sums.spread, cut.spread)  # type: ignore[arg-type]
    else:
        assert found.sums.spread is None


def test_a_mean_is_kept(tmp_path: Path) -> None:
    assert REACHED.sums is not None
    rows = Rows(RANDOM.normal(size=(5, 3, CHANNELS)), ROWS.of_point, {"a": RANDOM.normal(size=(5, SCAN))})
    stages = (*STAGED[:2], replace(STAGED[2], spots=2))
    reached = replace(REACHED, stages=stages, mean=replace(REACHED.sums, fine=MOVED, rows=rows), weights=(0.0, 0.25, 0.75))
    found = stored(reached, tmp_path)
    assert found.weights == (0.0, 0.25, 0.75)
    assert [stage.spots for stage in found.stages] == [0, 0, 2]
    assert found.mean is not None
    assert found.mean.rows is not None
    assert np.array_equal(found.mean.fine, MOVED)
    assert np.array_equal(found.mean.minima, REACHED.sums.minima)
    assert np.array_equal(found.mean.rows.sample, rows.sample)
    assert np.array_equal(found.mean.rows.of_point, rows.of_point)
    assert np.array_equal(found.mean.rows.factors["a"], rows.factors["a"])
    assert found.sums is not None
    assert np.array_equal(found.sums.fine, FINE)
    assert stored(REACHED, tmp_path).mean is None


def test_a_checkpoint_without_spots_of_stages() -> None:
    """As it was written before means were taken, and before it was known what no point sees."""
    tree = {name: value for name, value in REACHED.as_tree().items() if name not in {"spots", "mu_unknown", "step"}}
    check_tree("stages", tree, STAGES, "")
    found = Reached.of((tree, False))
    assert [stage.spots for stage in found.stages] == [0, 0, 0]
    assert found.sums is not None and found.sums.rows is not None
    assert found.sums.rows.step == 0
    assert len(found.sums.rows.mu_unknown) == 0


def test_given_up_without_a_spot(tmp_path: Path) -> None:
    assert stored(replace(REACHED, cut=Cut(given_up=True)), tmp_path).cut.given_up


@pytest.mark.parametrize("on_boxes", [False, True])
def test_a_checkpoint_of_boxes_alone(on_boxes: bool) -> None:
    found = Reached.of(({}, on_boxes))
    expected = Reached(on_boxes=on_boxes)
    for field in fields(Reached):
        assert getattr(found, field.name) == getattr(expected, field.name)
    assert (expected.spent, expected.of_boxes, Reached().on_boxes) == (0, 0.0, False)


def test_notes() -> None:
    assert Reached().notes() == {}
    cut = Cut().with_spot(spot(0), inside(0, 10))
    notes = replace(REACHED, cut=cut).notes()
    assert notes["meshes"] == [[6, 6, 1], [7, 8, 1], [9, 10, 2]]
    assert notes["superlattices"] == [
        [[6, 0, 0], [0, 6, 0], [0, 0, 1]],
        [[7, 0, 0], [0, 8, 0], [0, 0, 1]],
        [[9, 9, 0], [1, 11, 0], [-2, -1, 2]],
    ]
    assert "superlattices" not in replace(REACHED, stages=STAGED[:1]).notes()
    assert notes["k_points_of_meshes"] == [20, 25, 31]
    assert list(notes["hot_spots"]) == ["1"]


MAY_LACK = {"spots", "moved", "halves", "weights", "trial", "mean", "mu_unknown", "step"}


def test_what_a_checkpoint_may_lack() -> None:
    """Each of these, whatever else is there, and nothing but these."""
    sums = REACHED.sums
    assert sums is not None and sums.rows is not None
    whole = replace(sums, rows=replace(sums.rows, halves={"a": np.ones(SCAN)}))
    reached = replace(REACHED, sums=whole, mean=sums, weights=(0.0, 0.25, 0.75), trial=Trial((1, 2), (0.5, 0.4)), moved=MOVED)
    tree = {name: value for name, value in reached.as_tree().items() if value is not None}
    check_tree("stages", tree, STAGES, "")
    assert tree.keys() >= MAY_LACK
    for key in tree:
        less = {name: value for name, value in tree.items() if name != key}
        if key in MAY_LACK:
            check_tree("stages", less, STAGES, "")
        else:
            with pytest.raises(InputError, match=f"'{key}"):
                check_tree("stages", less, STAGES, "")


@pytest.mark.parametrize("key", ["fine", "difference", "moved", "sample", "factors", "halves"])
def test_a_checkpoint_with_what_is_no_number(key: str) -> None:
    """One NaN in a sum, in what bars are made of, or in their factors: the run does not go on from it."""
    sums = REACHED.sums
    assert sums is not None and sums.rows is not None
    rows = replace(sums.rows, halves={"a": np.ones(SCAN)})
    tree = replace(REACHED, sums=replace(sums, rows=rows), moved=MOVED).as_tree()
    check_tree("stages", tree, STAGES, "")
    spoiled = np.array(tree[key]["a"] if key in ("factors", "halves") else tree[key])
    spoiled.flat[-1] = np.nan
    with pytest.raises(InputError, match=f"'{key}.*NaN"):
        check_tree("stages", {**tree, key: {"a": spoiled} if key in ("factors", "halves") else spoiled}, STAGES, "")
