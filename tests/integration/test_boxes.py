"""Boxes that tile a region: volumes, halves, and representatives under groups of signed permutations."""

from itertools import permutations, product

import numpy as np
import pytest

from wannier_spin.integration.boxes import UNEVEN, Boxes, tiling
from wannier_spin.integration.rules import tensor_rule


def signed(operations):
    rows = np.array(sorted(operations))
    return rows[:, :3], rows[:, 3:]


GROUPS = {
    "none": signed({(0, 1, 2, 1, 1, 1)}),
    "inversion": signed({(0, 1, 2, s, s, s) for s in (1, -1)}),
    "cyclic": signed({(0, 1, 2, 1, 1, 1), (1, 2, 0, 1, 1, 1), (2, 0, 1, 1, 1, 1)}),
    "square": signed({(*p, s, t, 1) for p in ((0, 1, 2), (1, 0, 2)) for s, t in product((1, -1), repeat=2)}),
    "rectangle": signed({(0, 1, 2, s, t, 1) for s, t in product((1, -1), repeat=2)}),
    "cubic": signed({(*p, *s) for p in permutations(range(3)) for s in product((1, -1), repeat=3)}),
    "tetragonal": signed({(*p, *s) for p in ((0, 1, 2), (1, 0, 2)) for s in product((1, -1), repeat=3)}),
}
COUNTS = {"square": (6, 6, 1), "rectangle": (4, 6, 1), "tetragonal": (4, 4, 6)}
FIRST = {"none": 64, "inversion": 32, "square": 6, "rectangle": 6, "cubic": 4, "tetragonal": 9}  # of 4 boxes along each axis


def tiling_of(name, uneven=UNEVEN):
    return tiling(np.array(COUNTS.get(name, (4, 4, 4))), *GROUPS[name], uneven)


def volume(t, boxes):
    return float(boxes.weight @ t.bounds(boxes)[1].prod(axis=1))


def refined(t, rounds=4, seed=0):
    """Boxes after some random splits, representatives only."""
    rng, boxes = np.random.default_rng(seed), t.first()
    for _ in range(rounds):
        halves = boxes.split(rng.choice(np.flatnonzero(t.counts > 1), len(boxes)))
        boxes = t.distinct(halves[rng.permutation(len(halves))])
    return boxes


def images(t, boxes):
    """Under every operation: (g, b, 6) corner and edge."""
    found = []
    for p, s in zip(t.permutations, t.signs, strict=True):
        corner, edge = boxes.corner[:, p], boxes.edge[:, p]
        found.append(np.concatenate([np.where(s > 0, corner, t.counts[p] - corner - edge), edge], axis=1))
    return np.array(found)


def rows(boxes):
    return [tuple(row) for row in np.concatenate([boxes.corner, boxes.edge], axis=1).tolist()]


@pytest.mark.parametrize("uneven", [0.0, UNEVEN, 4 * UNEVEN])
@pytest.mark.parametrize("name", GROUPS)
def test_first_boxes_tile_the_region(name, uneven):
    t = tiling_of(name, uneven)
    assert t.counts.tolist() == list(COUNTS.get(name, (4, 4, 4)))
    for edges in t.edges:
        assert edges[-1] - edges[0] == pytest.approx(1, abs=1e-15)
        assert (np.diff(edges) > 0).all()
    boxes = t.first()
    assert boxes.weight.sum() == t.counts.prod()
    assert volume(t, boxes) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(("name", "count"), FIRST.items())
def test_how_many_first_boxes(name, count):
    assert len(tiling_of(name).first()) == count


@pytest.mark.parametrize("name", GROUPS)
def test_boundaries_are_symmetric_under_a_group(name):
    """Under a group 0 and 1/2 are mirrors of the boundaries; without one they are not, on no axis alike."""
    edges = [e for e in tiling_of(name).edges if len(e) > 2]
    asymmetry = [np.abs(e + e[::-1] - 1).max() for e in edges]
    if name == "none":
        assert min(asymmetry) > 0.01
        assert len({round(e[0], 6) for e in edges}) == len(edges)
    else:
        assert max(asymmetry) < 1e-15


@pytest.mark.parametrize("name", GROUPS)
def test_first_boxes_come_in_lexicographic_order(name):
    found = rows(tiling_of(name).first())
    assert len(found) > 1
    assert found == sorted(set(found))


@pytest.mark.parametrize("name", GROUPS)
def test_splitting_keeps_the_volume(name):
    t = tiling_of(name)
    boxes = t.first()
    for axis in np.flatnonzero(t.counts > 1):
        halves = boxes.split(np.full(len(boxes), axis))
        assert len(halves) == 2 * len(boxes)
        assert volume(t, halves) == pytest.approx(1, abs=1e-14)
        first, second = halves[::2], halves[1::2]
        lower, size = t.bounds(boxes)
        (l1, s1), (l2, s2) = t.bounds(first), t.bounds(second)
        assert np.abs(l1 - lower).max() < 1e-15
        assert np.abs((l2 + s2) - (lower + size)).max() < 1e-15
        assert np.abs((l1 + s1 - l2)[:, axis]).max() < 1e-15
        assert np.abs(s1[:, axis] / size[:, axis] - 0.5).max() < 1e-14
        boxes = halves


def test_each_box_along_its_own_axis():
    boxes = Boxes(np.zeros((3, 3)), np.ones((3, 3)), np.array([1.0, 2.0, 4.0]))
    halves = boxes.split(np.array([2, 0, 1]))
    assert halves.weight.tolist() == [1, 1, 2, 2, 4, 4]
    assert halves.edge.tolist() == [[1, 1, 0.5]] * 2 + [[0.5, 1, 1]] * 2 + [[1, 0.5, 1]] * 2
    assert halves.corner[1::2].tolist() == [[0, 0, 0.5], [0.5, 0, 0], [0, 0.5, 0]]
    assert not halves.corner[::2].any()
    assert boxes.edge.tolist() == [[1, 1, 1]] * 3  # untouched


@pytest.mark.parametrize("name", GROUPS)
def test_refined_boxes_keep_the_volume(name):
    """Through rounds of splits and merging; the mean over the group covers every place once."""
    t = tiling_of(name)
    boxes = refined(t)
    assert volume(t, boxes) == pytest.approx(1, abs=1e-13)
    assert len(boxes) > 10
    covered = np.zeros(200)
    places = np.random.default_rng(1).random((200, 3))
    for image in images(t, boxes):
        lower, size = t.bounds(Boxes(image[:, :3], image[:, 3:], boxes.weight))
        x = lower[:, None] + np.mod(places - lower[:, None], 1)  # the place, or its image one period on
        inside = ((x < (lower + size)[:, None]) | (t.counts == 1)).all(axis=2)
        covered += boxes.weight @ inside / len(t.signs)
    assert np.abs(covered - 1).max() < 1e-12


@pytest.mark.parametrize("name", [name for name in GROUPS if name != "none"])
def test_distinct(name):
    """The lexicographically first image, once; the same for images of the boxes; again nothing changes."""
    t = tiling_of(name)
    corner = np.stack(np.meshgrid(*(np.arange(n) for n in t.counts), indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    boxes = Boxes(corner, np.ones_like(corner), np.random.default_rng(0).integers(1, 9, len(corner)).astype(float))
    boxes = boxes.split(np.random.default_rng(1).choice(np.flatnonzero(t.counts > 1), len(boxes)))
    found = t.distinct(boxes)
    assert len(found) < len(boxes)
    assert found.weight.sum() == boxes.weight.sum()
    assert volume(t, found) == pytest.approx(volume(t, boxes), rel=1e-14, abs=0)
    representatives = [min(tuple(row) for row in image.tolist()) for image in images(t, boxes).swapaxes(0, 1)]
    assert rows(found) == list(dict.fromkeys(representatives))
    weights = dict.fromkeys(representatives, 0.0)
    for row, weight in zip(representatives, boxes.weight, strict=True):
        weights[row] += weight
    assert found.weight.tolist() == list(weights.values())
    again = t.distinct(found)
    assert rows(again) == rows(found)
    assert again.weight.tolist() == found.weight.tolist()
    for image in images(t, boxes):
        other = t.distinct(Boxes(image[:, :3], image[:, 3:], boxes.weight))
        assert rows(other) == rows(found)
        assert other.weight.tolist() == found.weight.tolist()


@pytest.mark.parametrize("name", [name for name in GROUPS if name != "none"])
def test_images_are_images_in_space(name):
    """Counting boxes and measuring x are the same: x' = +-x, modulo 1."""
    t = tiling_of(name)
    boxes = refined(t)
    lower, size = t.bounds(boxes)
    for p, s, image in zip(t.permutations, t.signs, images(t, boxes), strict=True):
        moved, turned = t.bounds(Boxes(image[:, :3], image[:, 3:], boxes.weight))
        expected = np.where((s > 0) | (t.counts == 1), lower[:, p], 1 - lower[:, p] - size[:, p])
        assert np.abs(moved - expected).max() < 1e-15
        assert np.abs(turned - size[:, p]).max() < 1e-15


@pytest.mark.parametrize("counts", [4, 6, 8])
@pytest.mark.parametrize("name", ["none", "cubic"])
def test_no_point_is_special(name, counts):
    """No node of a rule on a multiple of 1/8, also not after the first splits: symmetric k-points have degenerate bands."""
    t = tiling(np.full(3, counts), *GROUPS[name])
    boxes = t.first()
    for _ in range(3):
        lower, size = t.bounds(boxes)
        for nodes, axis in product(tensor_rule((True, True, True)).nodes + tensor_rule((True, True, False)).nodes[:2], range(3)):
            x = 8 * (lower[:, axis, None] + size[:, axis, None] * nodes)
            assert np.abs(x - np.round(x)).min() > 1e-4
        boxes = boxes.split(np.zeros(len(boxes), int)).split(np.ones(2 * len(boxes), int)).split(np.full(4 * len(boxes), 2))
        boxes = Boxes(boxes.corner[::7], boxes.edge[::7], boxes.weight[::7])
