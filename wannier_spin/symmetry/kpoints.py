"""Irreducible points of a uniform mesh under the operations that map the mesh onto itself, antiunitary ones included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wannier_spin.symmetry.operations import Operation

Real = NDArray[np.float64]
_MATCH = 1e-6  # of a mesh spacing


def mesh_operations(operations: Sequence[Operation], points: Sequence[int], shift: Sequence[float]) -> tuple[Operation, ...]:
    """The operations that map the mesh k = (i + shift)/n onto itself. They form a group."""
    n, s = np.array(points), np.array(shift, float)
    corners = (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) + s) / n

    def fits(operation: Operation) -> bool:
        index = operation.act_on_k(corners) * n - s
        return bool((np.abs(index - np.round(index)) < _MATCH).all())

    return tuple(operation for operation in operations if fits(operation))


def irreducible_weights(operations: Sequence[Operation], points: Sequence[int], shift: Sequence[float]) -> NDArray[np.int64]:
    """Number of points that each point of the mesh stands for, (n1, n2, n3); zero for those that others stand for.

    Every operation must map the mesh onto itself, see `mesh_operations`.
    """
    n, s = np.array(points), np.array(shift, float)
    size = int(n.prod())
    index = np.stack(np.unravel_index(np.arange(size), tuple(n)), axis=1)
    k = (index + s) / n
    representative = np.arange(size)
    for operation in operations:
        image = np.round(operation.act_on_k(k) * n - s).astype(np.int64) % n
        np.minimum(representative, np.ravel_multi_index(tuple(image.T), tuple(n)), out=representative)
    return np.bincount(representative, minlength=size).reshape(tuple(n))
