"""Irreducible points of a uniform mesh under the operations that map the mesh onto itself, antiunitary ones included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wannier_spin.compiled import compiled
from wannier_spin.symmetry.operations import Operation

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
COMPILED_FROM = 100_000  # points; for fewer, starting the compiler takes longer
_MATCH = 1e-6  # of a mesh spacing


def mesh_operations(
    operations: Sequence[Operation], points: Sequence[int], shift: Sequence[float], vectors: Integer | None = None
) -> tuple[Operation, ...]:
    """The operations that map the mesh k = (i + shift)/n onto itself. They form a group.

    vectors : (3, 3) rows, in lattice vectors, of the superlattice of another mesh, V k = i + shift; None: n along each.
    """
    V, s = np.diag(points) if vectors is None else vectors, np.array(shift, float)

    def fits(operation: Operation) -> bool:
        index = _image_of_corners(operation, V, s)
        return bool((np.abs(index - np.round(index)) < _MATCH).all())

    return tuple(operation for operation in operations if fits(operation))


def irreducible_weights(
    operations: Sequence[Operation],
    points: Sequence[int],
    shift: Sequence[float],
    below: Sequence[int] = (0, 0, 0),
    basis: Integer | None = None,
) -> NDArray[np.int16]:
    """Number of points that each point of the mesh stands for, (n1, n2, n3); zero for those that others stand for.

    The first point of an orbit, in the order of the array, stands for all of it. The operations must be a group, each of which
    maps the mesh onto itself, see `mesh_operations`. below, basis : of a mesh that is skewed, see `integration.superlattice`: s21,
    s31, s32 of the triangular matrix H, and (3, 3) U; its points have H U k = i + shift.
    """
    H = np.diag(np.array(points))
    H[1, 0], H[2, 0], H[2, 1] = below
    V = H if basis is None else H @ basis
    weights = np.full(tuple(points), -1, np.int16)
    mark = _mark_orbits if weights.size < COMPILED_FROM else compiled(_mark_orbits)
    mark(weights.ravel(), _images(operations, H, V, np.array(shift, float)), H)
    return weights


def orbit_sizes(operations: Sequence[Operation], k: Real) -> Integer:
    """How many different points the operations, a group, make of each k: (p, 3) in reciprocal lattice vectors -> (p,)."""
    maps = np.unique(np.round([operation.act_on_k(np.eye(3)) for operation in operations]).astype(np.int64), axis=0)
    moved = k @ maps - k  # (maps, p, 3)
    fixed = (np.abs(moved - np.round(moved)) < _MATCH).all(axis=2).sum(axis=0)
    return np.asarray(len(maps) // fixed)


def _image_of_corners(operation: Operation, V: Integer, shift: Real) -> Real:
    """Where an operation takes the points with the indices (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1): (4, 3) indices."""
    index = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    return np.asarray(operation.act_on_k((index + shift) @ np.linalg.inv(V).T) @ V.T - shift)


def _images(operations: Sequence[Operation], H: Integer, V: Integer, shift: Real) -> Integer:
    """What the operations do to the indices of a mesh, i -> M i + c but for columns of H, each map once.

    (maps, 3, 3, largest n): what index i of axis y adds to the image's index of axis x, [x, y, i].
    """
    images = np.stack([np.round(_image_of_corners(operation, V, shift)).astype(np.int64) for operation in operations])
    images[:, 1:] -= images[:, :1]
    for axis in range(3):  # H is lower triangular
        images -= (images[..., axis] // H[axis, axis])[..., None] * H[:, axis]
    maps = np.unique(np.concatenate([images[:, 1:], images[:, :1]], axis=1), axis=0)  # (maps, y, x), then the offset
    tables = maps[:, :3].swapaxes(1, 2)[..., None] * np.arange(np.diag(H).max())
    tables[:, :, 0] += maps[:, 3][..., None]
    return tables


def _mark_orbits(weights: NDArray[np.int16], images: Integer, H: Integer) -> None:
    """Fill `weights`, -1 where a point has not been met, with the sizes of orbits, point by point.

    The maps are a group: a point that as many as `fixed` of them leave where it is has an orbit of maps / fixed points.
    """
    n1, n2, n3 = H[0, 0], H[1, 1], H[2, 2]
    for start in range(weights.size):
        if weights[start] >= 0:
            continue
        i, j, k = start // (n2 * n3), start // n3 % n2, start % n3
        a = images[:, 0, 0, i] + images[:, 0, 1, j] + images[:, 0, 2, k]
        b = images[:, 1, 0, i] + images[:, 1, 1, j] + images[:, 1, 2, k]
        c = images[:, 2, 0, i] + images[:, 2, 1, j] + images[:, 2, 2, k]
        turns = a // n1  # along the first axis move the others, too
        b -= turns * H[1, 0]
        c -= turns * H[2, 0] + b // n2 * H[2, 1]
        orbit = (a % n1 * n2 + b % n2) * n3 + c % n3
        weights[orbit] = 0
        weights[start] = len(images) // (orbit == start).sum()
