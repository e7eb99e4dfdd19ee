"""Irreducible points of a uniform mesh under the operations that map the mesh onto itself, antiunitary ones included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wannier_spin.compiled import compiled
from wannier_spin.symmetry.operations import Operation

Real = NDArray[np.float64]
COMPILED_FROM = 100_000  # points; for fewer, starting the compiler takes longer
_MATCH = 1e-6  # of a mesh spacing


def mesh_operations(operations: Sequence[Operation], points: Sequence[int], shift: Sequence[float]) -> tuple[Operation, ...]:
    """The operations that map the mesh k = (i + shift)/n onto itself. They form a group."""
    n, s = np.array(points), np.array(shift, float)
    corners = (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) + s) / n

    def fits(operation: Operation) -> bool:
        index = operation.act_on_k(corners) * n - s
        return bool((np.abs(index - np.round(index)) < _MATCH).all())

    return tuple(operation for operation in operations if fits(operation))


def irreducible_weights(operations: Sequence[Operation], points: Sequence[int], shift: Sequence[float]) -> NDArray[np.int16]:
    """Number of points that each point of the mesh stands for, (n1, n2, n3); zero for those that others stand for.

    The first point of an orbit, in the order of the array, stands for all of it. The operations must be a group, each of which
    maps the mesh onto itself, see `mesh_operations`.
    """
    n = np.array(points)
    weights = np.full(tuple(n), -1, np.int16)
    mark = _mark_orbits if weights.size < COMPILED_FROM else compiled(_mark_orbits)
    mark(weights.ravel(), _images(operations, n, np.array(shift, float)), *n.tolist())
    return weights


def _images(operations: Sequence[Operation], n: NDArray[np.int64], shift: Real) -> NDArray[np.int64]:
    """What the operations do to the indices of a mesh, i -> M i + c mod n, each map once.

    (maps, 3, 3, largest n): what index i of axis y adds to the image's index of axis x, [x, y, i].
    """
    corners = (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) + shift) / n
    images = np.stack([np.round(operation.act_on_k(corners) * n - shift).astype(np.int64) for operation in operations])
    matrices, offsets = (images[:, 1:] - images[:, :1]) % n, images[:, 0] % n  # (maps, y, x), (maps, x)
    maps = np.unique(np.concatenate([matrices, offsets[:, None]], axis=1), axis=0)
    tables = maps[:, :3].swapaxes(1, 2)[..., None] * np.arange(n.max())
    tables[:, :, 0] += maps[:, 3][..., None]
    return tables % n[:, None, None]


def _mark_orbits(weights: NDArray[np.int16], images: NDArray[np.int64], n1: int, n2: int, n3: int) -> None:
    """Fill `weights`, -1 where a point has not been met, with the sizes of orbits, point by point.

    The maps are a group: a point that as many as `fixed` of them leave where it is has an orbit of maps / fixed points.
    """
    for start in range(weights.size):
        if weights[start] >= 0:
            continue
        i, j, k = start // (n2 * n3), start // n3 % n2, start % n3
        a = (images[:, 0, 0, i] + images[:, 0, 1, j] + images[:, 0, 2, k]) % n1
        b = (images[:, 1, 0, i] + images[:, 1, 1, j] + images[:, 1, 2, k]) % n2
        c = (images[:, 2, 0, i] + images[:, 2, 1, j] + images[:, 2, 2, k]) % n3
        orbit = (a * n2 + b) * n3 + c
        weights[orbit] = 0
        weights[start] = len(images) // (orbit == start).sum()
