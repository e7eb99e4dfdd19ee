"""Nested quadrature rules on boxes: a tensor-product Gauss-Kronrod rule and what can be made of the same points.

The fine rule uses all points, the coarse one (Gauss in every direction) a subset of them, so the difference costs nothing. A
rule that is coarse in one direction only says along which axis a box has to be split.

Every rule also cuts the box into one sub-box per point, with its weight as volume: there a function can be integrated
whose argument is linear in k, see `Occupation.linear_weights`.
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
    to the point, and half its edges, in units of the box.
    """

    points: NDArray[np.int64]
    weights: Real
    centres: Real
    halves: Real


@dataclass(frozen=True)
class Rule:
    """nodes : three arrays, the coordinates of the points along each axis in [0, 1]; x3 runs fastest.

    fine, coarse : the two rules. along : for each axis that is integrated over, the rule that is coarse in it alone.
    """

    nodes: tuple[Real, Real, Real]
    fine: Quadrature
    coarse: Quadrature
    along: dict[int, Quadrature]

    @property
    def n_points(self) -> int:
        return len(self.fine.weights)


def tensor_rule(periodic: tuple[bool, bool, bool]) -> Rule:
    """The rule for boxes along the periodic axes; the others have one point at 0."""
    axes = [axis for axis in range(3) if periodic[axis]]
    nodes, kronrod, gauss = _line(POINTS[len(axes)])
    point = (np.zeros(1), np.ones(1))
    fine = [(nodes, kronrod) if p else point for p in periodic]
    coarse = [(nodes, gauss) if p else point for p in periodic]
    along = {axis: _product([coarse[i] if i == axis else fine[i] for i in range(3)]) for axis in axes}
    x1, x2, x3 = (line[0] for line in fine)
    return Rule((x1, x2, x3), _product(fine), _product(coarse), along)


def _line(points: int) -> tuple[Real, Real, Real]:
    """Nodes on [0, 1], Kronrod weights, Gauss weights."""
    x, kronrod, gauss = (np.array(values) for values in _KRONROD[points])
    return (
        np.concatenate([1 - x, 1 + x[-2::-1]]) / 2,
        np.concatenate([kronrod, kronrod[-2::-1]]) / 2,
        np.concatenate([gauss, gauss[-2::-1]]) / 2,
    )


def _product(lines: list[tuple[Real, Real]]) -> Quadrature:
    """Tensor product of (nodes, weights) along three axes, without the points of weight zero."""
    edges = [np.concatenate([[0.0], np.cumsum(weights)]) for _, weights in lines]
    middles = [(edge[1:] + edge[:-1]) / 2 - nodes for edge, (nodes, _) in zip(edges, lines, strict=True)]
    index = np.array(list(itertools.product(*(range(len(nodes)) for nodes, _ in lines))))
    columns = range(3)
    factors = np.stack([lines[a][1][index[:, a]] for a in columns], axis=1)
    used = np.flatnonzero(factors.prod(axis=1))
    centres = np.stack([middles[a][index[used, a]] for a in columns], axis=1)
    flat = [len(nodes) == 1 for nodes, _ in lines]
    centres[:, flat] = 0
    halves = np.where(flat, 0.0, factors[used] / 2)
    return Quadrature(used, factors[used].prod(axis=1), centres, halves)
