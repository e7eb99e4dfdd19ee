"""Nested quadrature rules on boxes: a tensor-product Gauss-Kronrod rule and what can be made of the same points.

The fine rule uses all points, the coarse one (Gauss in every direction) a subset of them, so the difference costs nothing. A
rule that is coarse in one direction only says along which axis a box has to be split.

Every rule also cuts the box into one sub-box per point, with its weight as volume: there a function can be integrated
whose argument is linear in k, see `Occupation.linear_weights`. A step in the sub-box of a point that both rules have lies at the
same place for both, wrong by the curvature, and fine - coarse says nothing of it. Where that may happen in all boxes at once, there
is another coarse rule, which takes the mean of two linear functions, those of its points and of the ones next to them, which are
none of Gauss's.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

# Nodes >= 0 on [-1, 1], Kronrod weights, Gauss weights: the middle one last (R. Piessens et al., QUADPACK, 1983).
_KRONROD = {
    5: (
        (0.9258200997725514, 0.5773502691896257, 0.0),
        (0.1979797979797980, 0.4909090909090909, 0.6222222222222222),
        (0.0, 1.0, 0.0),
    ),
    7: (
        (0.9604912687080202, 0.7745966692414834, 0.4342437493468026, 0.0),
        (0.1046562260264673, 0.2684880898683334, 0.4013974147759622, 0.4509165386584741),
        (0.0, 0.5555555555555556, 0.0, 0.8888888888888888),
    ),
}
POINTS = {1: 7, 2: 7, 3: 5}  # per axis, by dimension: what reached 1e-3 with the fewest evaluations on the model library


@dataclass(frozen=True)
class Quadrature:
    """One rule on the points of a box.

    points : (p,) which of them it uses. weights : (p,), sum 1. centres, halves : (p, 3) centre of each point's sub-box relative
    to the point, and half its edges, in units of the box. anchors : (p,) the second points that what is linear is taken from.
    leads : (p, 3) from there to the centre of the sub-box.
    """

    points: NDArray[np.int64]
    weights: Real
    centres: Real
    halves: Real
    anchors: NDArray[np.int64]
    leads: Real

    @property
    def own(self) -> bool:
        """Whether there is no other point than each one itself."""
        return bool(np.array_equal(self.points, self.anchors))


@dataclass(frozen=True)
class Rule:
    """nodes : three arrays, the coordinates of the points along each axis in [0, 1]; x3 runs fastest.

    fine, coarse : the two rules. beside : coarse with second points, where a step may lie alike in many boxes. along : for each
    axis that is integrated over, the rule that is coarse in it alone.
    """

    nodes: tuple[Real, Real, Real]
    fine: Quadrature
    coarse: Quadrature
    along: dict[int, Quadrature]
    beside: Quadrature | None = None

    @property
    def n_points(self) -> int:
        return len(self.fine.weights)


@dataclass(frozen=True)
class _Line:
    """A rule along one axis, by node: weights, and which node is its second one."""

    nodes: Real
    weights: Real
    anchors: NDArray[np.int64]


def tensor_rule(periodic: tuple[bool, bool, bool], aligned: bool = False, step: int = 1) -> Rule:
    """The rule for boxes along the periodic axes; the others have one point at 0. aligned : whether a step may lie alike in many
    boxes; along a single axis it always may. step : 1 or -1, on which side of the middle its second point is: in neighbouring boxes
    not on the same, or what it changes would add up.
    """
    axes = [axis for axis in range(3) if periodic[axis]]
    nodes, kronrod, gauss = _line(POINTS[len(axes)])
    point = _Line(np.zeros(1), np.ones(1), np.zeros(1, np.int64))
    itself = np.arange(len(nodes))
    fine = [_Line(nodes, kronrod, itself) if p else point for p in periodic]
    coarse = [_Line(nodes, gauss, itself) if p else point for p in periodic]
    along = {axis: _product([coarse[i] if i == axis else fine[i] for i in range(3)]) for axis in axes}
    x1, x2, x3 = (line.nodes for line in fine)
    second = [_Line(nodes, gauss, _neighbours(len(nodes), step)) if p else point for p in periodic]
    beside = _product(second) if aligned or len(axes) == 1 else None
    return Rule((x1, x2, x3), _product(fine), _product(coarse), along, beside)


def _line(points: int) -> tuple[Real, Real, Real]:
    """Nodes on [0, 1], Kronrod weights, Gauss weights."""
    x, kronrod, gauss = (np.array(values) for values in _KRONROD[points])
    return (
        np.concatenate([1 - x, 1 + x[-2::-1]]) / 2,
        np.concatenate([kronrod, kronrod[-2::-1]]) / 2,
        np.concatenate([gauss, gauss[-2::-1]]) / 2,
    )


def _neighbours(count: int, step: int) -> NDArray[np.int64]:
    """For each node along a line the next one towards the middle; for the middle that one step away."""
    number, middle = np.arange(count), count // 2
    return np.asarray(number + np.where(number == middle, step, np.sign(middle - number)))


def _product(lines: list[_Line]) -> Quadrature:
    """Tensor product of rules along three axes, without the points of weight zero."""
    edges = [np.concatenate([[0.0], np.cumsum(line.weights)]) for line in lines]
    middles = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    index = np.array(list(itertools.product(*(range(len(line.nodes)) for line in lines))))
    columns = range(3)
    factors = np.stack([lines[a].weights[index[:, a]] for a in columns], axis=1)
    used = np.flatnonzero(factors.prod(axis=1))
    anchors = np.stack([lines[a].anchors[index[used, a]] for a in columns], axis=1)
    flat = [len(line.nodes) == 1 for line in lines]
    centres, leads = (
        np.stack([middles[a][index[used, a]] - lines[a].nodes[at[:, a]] for a in columns], axis=1) for at in (index[used], anchors)
    )
    centres[:, flat], leads[:, flat] = 0, 0
    halves = np.where(flat, 0.0, factors[used] / 2)
    numbers = np.ravel_multi_index(tuple(anchors.T), [len(line.nodes) for line in lines])
    return Quadrature(used, factors[used].prod(axis=1), centres, halves, np.asarray(numbers), leads)
