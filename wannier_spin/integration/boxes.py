"""Boxes that tile a periodic region, and which of them stand for others under a group of signed permutations.

Coordinates: u counts the boxes of the first partition, so that every corner and edge is an exact dyadic number; x in
[0, 1] is where they lie. The first partition is uneven on purpose: no point of a rule falls on a special k-point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
UNEVEN = 0.0831  # how much the first boxes differ, of their size; irrational enough


@dataclass(frozen=True)
class Boxes:
    """corner, edge : (b, 3) in u. weight : (b,) how many boxes each one stands for."""

    corner: Real
    edge: Real
    weight: Real

    def __len__(self) -> int:
        return len(self.weight)

    def __getitem__(self, index: slice | Integer | NDArray[np.bool_]) -> Boxes:
        return Boxes(self.corner[index], self.edge[index], self.weight[index])

    def split(self, axis: Integer) -> Boxes:
        """Two halves of each box along its axis (b,), next to each other."""
        edge = self.edge.copy()
        rows = np.arange(len(self))
        edge[rows, axis] /= 2
        second = self.corner.copy()
        second[rows, axis] += edge[rows, axis]
        corners = np.stack([self.corner, second], axis=1).reshape(-1, 3)
        return Boxes(corners, np.repeat(edge, 2, axis=0), np.repeat(self.weight, 2))


@dataclass(frozen=True)
class Tiling:
    """The first partition of the region.

    edges : for each axis its boundaries in x, from some x to x + 1. permutations, signs : (g, 3) the group, u'_i = +-u_p(i); it
    holds the identity, and its axes have equal, symmetric boundaries.
    """

    edges: tuple[Real, Real, Real]
    permutations: Integer
    signs: Integer

    @property
    def counts(self) -> Integer:
        """How many boxes along each axis, (3,)."""
        return np.array([len(edge) - 1 for edge in self.edges])

    def first(self) -> Boxes:
        """The boxes of the first partition, only those that do not stand for others."""
        corner = np.stack(np.meshgrid(*(np.arange(n) for n in self.counts), indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
        return self.distinct(Boxes(corner, np.ones_like(corner), np.ones(len(corner))))

    def distinct(self, boxes: Boxes) -> Boxes:
        """Every box as its representative under the group; equal ones become one, with the sum of their weights."""
        if len(self.permutations) == 1:
            return boxes
        best = np.concatenate([boxes.corner, boxes.edge], axis=1)
        for permutation, sign in zip(self.permutations, self.signs, strict=True):
            corner, edge = boxes.corner[:, permutation], boxes.edge[:, permutation]
            corner = np.where(sign > 0, corner, self.counts - corner - edge)
            image = np.concatenate([corner, edge], axis=1)
            smaller = _lexicographically_smaller(image, best)
            best[smaller] = image[smaller]
        rows, first, inverse = np.unique(best, axis=0, return_index=True, return_inverse=True)
        weight = np.bincount(inverse.ravel(), boxes.weight, minlength=len(rows)).astype(float)
        order = np.argsort(first, kind="stable")  # the order of the first occurrence: neighbours stay neighbours
        return Boxes(rows[order, :3], rows[order, 3:], weight[order])

    def bounds(self, boxes: Boxes) -> tuple[Real, Real]:
        """Lower corner and size in x: (b, 3) each."""
        lower, size = np.empty_like(boxes.corner), np.empty_like(boxes.corner)
        for axis, edges in enumerate(self.edges):
            cell = np.floor(boxes.corner[:, axis]).astype(int)
            length = np.diff(edges)[cell]
            lower[:, axis] = edges[cell] + (boxes.corner[:, axis] - cell) * length
            size[:, axis] = boxes.edge[:, axis] * length
        return lower, size


def tiling(counts: Integer, permutations: Integer, signs: Integer, uneven: float = UNEVEN) -> Tiling:
    """Partition with `counts` (3,) boxes along the axes (1: an axis that is not integrated over).

    permutations, signs : (g, 3), see `Tiling`.

    Under a group the boundaries are symmetric about 1/2 and equal on all axes, and counts must be even; without one they are
    shifted, each axis by another amount.
    """
    alone = len(permutations) == 1
    edges = [_edges(int(n), uneven * (1 + axis / 3) if alone else 0.0, uneven) for axis, n in enumerate(counts)]
    return Tiling((edges[0], edges[1], edges[2]), np.asarray(permutations), np.asarray(signs))


def _edges(count: int, shift: float, uneven: float) -> Real:
    """Boundaries from shift to shift + 1 (both in units of a box), closer together about 0 than about 1/2, symmetric."""
    if count == 1:
        return np.array([0.0, 1.0])
    t = np.arange(count + 1) / count
    return np.asarray(t + shift / count - uneven / count * np.sin(2 * np.pi * t))


def _lexicographically_smaller(a: Real, b: Real) -> NDArray[np.bool_]:
    """Row by row: whether a comes before b."""
    differs = a != b
    first = np.argmax(differs, axis=1)
    rows = np.arange(len(a))
    return np.asarray(a[rows, first] < b[rows, first])
