"""Operations that map boxes onto boxes: signed permutations of well-chosen reciprocal vectors.

In the primitive reciprocal cell of an fcc crystal only 12 of 48 operations permute the axes; in the cube of two primitive
cells all of them do. What counts is the number of operations for each primitive cell that has to be covered.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.symmetry.operations import Operation

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
_EXACT = 1e-6


@dataclass(frozen=True)
class BoxSymmetry:
    """basis : (3, 3) reciprocal vectors in reduced coordinates, the axes of the boxes, covering |det basis| primitive cells.

    permutations, signs : (g, 3) the operations that permute these axes, x'_i = signs_i x_permutations(i).
    """

    basis: Integer
    permutations: Integer
    signs: Integer

    @property
    def n_cells(self) -> int:
        return round(abs(float(np.linalg.det(self.basis))))


def box_symmetry(operations: Sequence[Operation], periodic: tuple[bool, bool, bool]) -> BoxSymmetry:
    """The axes that leave the least to compute; without operations the primitive ones."""
    maps = [operation.act_on_k(np.eye(3)) for operation in operations] or [np.eye(3)]  # k' = k W
    found = [_in_basis(basis, maps, periodic) for basis in _candidates(periodic)]
    return max(found, key=lambda s: (len(s.signs) / s.n_cells, -s.n_cells, -int(np.abs(s.basis).sum())))


def _candidates(periodic: tuple[bool, bool, bool]) -> list[Integer]:
    """Sets of short reciprocal vectors, each axis that is not periodic staying alone in its place."""
    free = [axis for axis in range(3) if periodic[axis]]
    short = [v for v in itertools.product((-1, 0, 1), repeat=len(free)) if any(v) and next(x for x in v if x) > 0]
    found = []
    for rows in itertools.combinations(short, len(free)):
        basis = np.eye(3, dtype=np.int64)
        basis[np.ix_(free, free)] = rows
        if abs(np.linalg.det(basis)) > 0.5:
            found.append(basis)
    return found


def _in_basis(basis: Integer, maps: Sequence[Real], periodic: tuple[bool, bool, bool]) -> BoxSymmetry:
    """The operations that are signed permutations of these axes."""
    permutations, signs = [], []
    inverse = np.linalg.inv(basis)
    for W in maps:
        turned = basis @ W @ inverse  # x' = x turned
        whole = np.round(turned)
        if np.abs(turned - whole).max() > _EXACT or not (np.abs(whole).sum(axis=0) == 1).all():
            continue
        permutation = np.argmax(np.abs(whole), axis=0)
        sign = whole[permutation, range(3)].astype(np.int64)
        sign[[axis for axis in range(3) if not periodic[axis]]] = 1  # one point at 0
        if all(periodic[i] == periodic[p] for i, p in enumerate(permutation)):
            permutations.append(permutation)
            signs.append(sign)
    distinct = sorted({(*map(int, p), *map(int, s)) for p, s in zip(permutations, signs, strict=True)})
    rows = np.array(distinct, dtype=np.int64)
    return BoxSymmetry(basis, rows[:, :3], rows[:, 3:])


def axes_about(operations: Sequence[Operation], k: Real, periodic: tuple[bool, bool, bool], reciprocal: Real) -> BoxSymmetry:
    """Axes of boxes that cover a ball about k, with those of the operations that leave k where it is.

    k : in reciprocal lattice vectors. reciprocal : (3, 3), rows are these vectors, Cartesian. Of the axes that the most operations
    permute, those that are nearest to right angles.
    """
    maps = [operation.act_on_k(np.eye(3)) for operation in operations] or [np.eye(3)]
    kept = [W for W in maps if np.abs(k @ W - k - np.round(k @ W - k)).max() < _EXACT]
    found = [_in_basis(basis, kept, periodic) for basis in _candidates(periodic)]
    return max(
        found, key=lambda s: (len(s.signs), -round(_oblique(s.basis @ reciprocal, periodic), 6), -int(np.abs(s.basis).sum()))
    )


def _oblique(axes: Real, periodic: tuple[bool, bool, bool]) -> float:
    """Volume of the parallelepiped about a ball, over that of the cube."""
    used = axes[np.array(periodic)]
    volume = np.sqrt(np.linalg.det(used @ used.T))
    return float(volume * np.linalg.norm(np.linalg.pinv(used), axis=0).prod())


def images_of(operations: Sequence[Operation], k: Real) -> Real:
    """k (3,) and every other point that the operations map it to: (m, 3), in reciprocal lattice vectors, k first."""
    found = [k]
    for operation in operations:
        image = operation.act_on_k(k)
        if all(np.abs(image - one - np.round(image - one)).max() > _EXACT for one in found):
            found.append(image)
    return np.array(found)
