"""Nested rules on boxes: degrees of exactness, subsets of points, and sub-boxes that tile the box."""

from itertools import product

import numpy as np
import pytest

from wannier_spin.integration.rules import POINTS, tensor_rule

FLAGS = [
    (True, False, False),
    (False, False, True),
    (True, True, False),
    (True, False, True),
    (False, True, True),
    (True, True, True),
]
CASES = [(flags, name) for flags in FLAGS for name in ("fine", "coarse", 0, 1, 2) if not isinstance(name, int) or flags[name]]


def axes_of(flags):
    return [axis for axis in range(3) if flags[axis]]


def part_of(rule, name):
    return rule.along[name] if isinstance(name, int) else getattr(rule, name)


def degrees(flags, name):
    """Of exactness along each axis: 2n - 1 for n Gauss points, 3n + 1 for the 2n + 1 of Kronrod, or the odd number after it."""
    n = (POINTS[len(axes_of(flags))] - 1) // 2
    gauss, kronrod = 2 * n - 1, 3 * n + 1 + n % 2
    assert gauss < kronrod
    return [gauss if name in ("coarse", axis) else kronrod for axis in range(3)]


def points_of(rule, part):
    """The points that a part uses, x3 running fastest."""
    return np.stack(np.meshgrid(*rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)[part.points]


def legendre(x, order):
    """Shifted Legendre polynomial on [0, 1]: its integral is 1 for order 0, else 0."""
    return np.polynomial.legendre.Legendre.basis(order)(2 * x - 1)


@pytest.mark.parametrize(("flags", "name"), CASES)
def test_degree_of_exactness(flags, name):
    """All products of polynomials up to the degrees are exact, and the next even power along each axis is not."""
    rule = tensor_rule(flags)
    part, axes = part_of(rule, name), axes_of(flags)
    x = points_of(rule, part)
    most = degrees(flags, name)
    for orders in product(*(range(most[axis] + 1) for axis in axes)):
        values = np.prod([legendre(x[:, axis], order) for axis, order in zip(axes, orders, strict=True)], axis=0)
        assert part.weights @ values == pytest.approx(float(not any(orders)), abs=1e-14), orders
    for axis in axes:
        assert abs(part.weights @ legendre(x[:, axis], most[axis] + 1)) > 1e-3


@pytest.mark.parametrize("flags", FLAGS)
def test_points(flags):
    """As many as the product of the axes, inside the box, in all parts some of the same; without a vacuum axis, and 0 there."""
    rule = tensor_rule(flags)
    axes = axes_of(flags)
    n = POINTS[len(axes)]
    assert rule.n_points == n ** len(axes) == len(rule.fine.points)
    assert rule.fine.points.tolist() == list(range(rule.n_points))
    assert set(rule.along) == set(axes)
    for axis, nodes in enumerate(rule.nodes):
        if axis in axes:
            assert len(nodes) == n
            assert (np.diff(nodes) > 0).all()
            assert 0 < nodes[0] < nodes[-1] < 1
            assert np.abs(nodes + nodes[::-1] - 1).max() < 1e-15
        else:
            assert nodes.tolist() == [0.0]
    coarse = set(rule.coarse.points.tolist())
    assert len(coarse) == ((n - 1) // 2) ** len(axes) == len(rule.coarse.points)
    for part in rule.along.values():
        found = set(part.points.tolist())
        assert len(found) == (n - 1) // 2 * n ** (len(axes) - 1) == len(part.points)
        assert coarse <= found


@pytest.mark.parametrize(("flags", "name"), CASES)
def test_sub_boxes_tile_the_box(flags, name):
    """Their volumes are the weights, each holds its point, and every place in the box lies in exactly one of them."""
    rule = tensor_rule(flags)
    part, axes = part_of(rule, name), axes_of(flags)
    assert (part.weights > 0).all()
    assert part.weights.sum() == pytest.approx(1, abs=1e-14)
    assert np.abs((2 * part.halves[:, axes]).prod(axis=1) - part.weights).max() < 1e-15
    flat = [axis for axis in range(3) if axis not in axes]
    assert not part.halves[:, flat].any()
    assert not part.centres[:, flat].any()
    x = points_of(rule, part)
    lower, upper = x + part.centres - part.halves, x + part.centres + part.halves
    assert lower[:, axes].min() == pytest.approx(0, abs=1e-15)
    assert upper[:, axes].max() == pytest.approx(1, abs=1e-15)
    assert (lower <= x).all()
    assert (x <= upper).all()
    somewhere = np.random.default_rng(0).random((500, 3))
    inside = [((lower <= place) & (place < upper))[:, axes].all(axis=1).sum() for place in somewhere]
    assert inside == [1] * 500


@pytest.mark.parametrize(("flags", "name"), CASES)
def test_sub_boxes_integrate_what_is_linear(flags, name):
    """The mean over the box of a linear function from the centres of the sub-boxes."""
    rule = tensor_rule(flags)
    part, axes = part_of(rule, name), axes_of(flags)
    slope = np.array([0.7, -1.3, 0.4])[axes]
    middle = (points_of(rule, part) + part.centres)[:, axes]
    assert part.weights @ (middle @ slope) == pytest.approx(slope.sum() / 2, abs=1e-14)


@pytest.mark.parametrize("flags", FLAGS)
def test_second_points_are_none_of_gauss(flags):
    """Where steps may lie alike in many boxes; leads go from there to the middle of the sub-box, as centres do from the point."""
    rule = tensor_rule(flags, aligned=True)
    x = np.stack(np.meshgrid(*rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    assert rule.fine.own
    assert np.array_equal(rule.fine.leads, rule.fine.centres)
    assert all(part.own for part in (rule.coarse, *rule.along.values()))
    for part in (rule.beside, tensor_rule(flags, aligned=True, step=-1).beside):
        assert not part.own
        assert np.array_equal(part.points, rule.coarse.points)
        np.testing.assert_allclose(x[part.anchors] + part.leads, x[part.points] + part.centres, atol=1e-15)
        assert not set(part.anchors) & set(part.points)
    assert (tensor_rule(flags).beside is not None) == (len(axes_of(flags)) == 1)
