"""Meshes that are the reciprocal lattice of any superlattice, and which of them has the fewest points.

A mesh integrates without error what has no Fourier coefficient on its superlattice; so the length of the shortest superlattice
vector says how fine it is, and its points are as many as the superlattice has cells. N x N x N points of a skewed or a long cell
are far from the best: 1.8 times too many in body-centred tetragonal Mn2Au, 2.6 times in a tetragonal cell of 4 x 4 x 7
angstrom. Compared are all superlattices 2 p M, p of `factors_from`, with the few M of small index that the group leaves invariant.

The points k of the superlattice H U (rows in lattice vectors; U whole numbers with determinant 1 or -1, H lower triangular) are
those for which H x is whole, x = U k: n1 values of x1; for each of them n2 of x2, which begin elsewhere; and n3 of x3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
Rows = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
UNTURNED: Rows = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
LARGEST_INDEX = 64  # of M
ENOUGH = 1000  # of the M that a small group leaves invariant: the next ones have the same shapes but for a few percent
NEAR = 1.3  # times the longest of three vectors as short as they can be: along longer ones k is not counted
_WHOLE = 1e-6


@dataclass(frozen=True)
class Skew:
    """below : s21, s31, s32 of H, below its diagonal. basis : U, the primitive lattice vectors along which k is counted."""

    below: tuple[int, int, int] = (0, 0, 0)
    basis: Rows = UNTURNED

    @property
    def coordinates(self) -> Integer:
        """(3, 3) rows: k = x @ coordinates."""
        return np.round(np.linalg.inv(np.array(self.basis))).T.astype(np.int64)

    @property
    def straight(self) -> bool:
        """Whether a mesh is a product along the reciprocal vectors."""
        return not any(self.below) and self.basis == UNTURNED


STRAIGHT = Skew()


@dataclass(frozen=True)
class Superlattice:
    """points : the diagonal of H."""

    points: tuple[int, int, int]
    skew: Skew = STRAIGHT

    @classmethod
    def of(cls, vectors: Integer, lattice: Real) -> Superlattice:
        """Of any vectors (3, 3), rows, in lattice vectors; lattice (3, 3), rows, angstrom. Straight where that is possible.

        x1 is counted along the vector of the smallest order of those that are short, so that sums along it are few, and x2 along
        the one that is next; along short vectors Hamiltonians reach least far. Raises ValueError for vectors in one plane.
        """
        along = hermite(vectors)
        if np.count_nonzero(along) == 3:
            return cls(numbers(along.diagonal()))
        U = _basis(vectors, lattice)
        H = hermite(vectors @ np.round(np.linalg.inv(U)).astype(np.int64))
        return cls(numbers(H.diagonal()), Skew(numbers(H[[1, 2, 2], [0, 0, 1]]), rows_of(U)))

    @property
    def n_points(self) -> int:
        return math.prod(self.points)

    @property
    def order(self) -> int:
        """The smallest n for which n k is whole at all points. Points that two meshes share are of a common divisor of both."""
        adjugate = np.round(np.linalg.det(self.matrix) * np.linalg.inv(self.matrix)).astype(np.int64)
        return self.n_points // int(np.gcd.reduce(adjugate, axis=None))

    @property
    def matrix(self) -> Integer:
        """H: (3, 3)."""
        return triangular(self.points, self.skew.below)

    @property
    def vectors(self) -> Integer:
        """H U, rows in lattice vectors: (3, 3)."""
        return self.matrix @ np.array(self.skew.basis)

    def shortest(self, lattice: Real, periodic: Sequence[bool] = (True, True, True)) -> float:
        """Length of its shortest vector in the periodic directions, angstrom. lattice : (3, 3), rows, angstrom."""
        used = np.array(periodic)
        basis = self.vectors[used]
        if len(basis) == 3:
            basis = reduced(basis, lattice)
        multiples = np.array([m for m in itertools.product(range(-2, 3), repeat=len(basis)) if any(m)])
        return float(np.linalg.norm(multiples @ basis @ lattice, axis=1).min())


def triangular(points: Sequence[int], below: Sequence[int]) -> Integer:
    """H from its diagonal and what is below it: (3, 3)."""
    H = np.diag(np.array(points, dtype=np.int64))
    H[1, 0], H[2, 0], H[2, 1] = below
    return H


def hermite(vectors: Integer) -> Integer:
    """The lower triangular basis of the lattice with these rows (3, 3): positive on the diagonal, below it the smallest ones that
    are not negative. Raises ValueError where they are in one plane.
    """
    H = np.array(vectors, dtype=object)  # products may be large
    for row in (2, 1, 0):
        while any(H[:row, row]):
            pivot = min((i for i in range(row + 1) if H[i, row]), key=lambda i: abs(H[i, row]))
            H[[pivot, row]] = H[[row, pivot]]
            for i in range(row):
                H[i] -= H[i, row] // H[row, row] * H[row]
        if not H[row, row]:
            raise ValueError(f"superlattice vectors {np.asarray(vectors).tolist()} are in one plane")
        if H[row, row] < 0:
            H[row] = -H[row]
    for row, column in ((1, 0), (2, 1), (2, 0)):
        H[row] -= H[row, column] // H[column, column] * H[column]
    return H.astype(np.int64)


def reduced(vectors: Integer, lattice: Real) -> Integer:
    """The same lattice with shortest vectors (Minkowski): (3, 3), rows, the shortest first."""
    return np.round(_minkowski((vectors @ lattice)[None])[0] @ np.linalg.inv(lattice)).astype(np.int64)


def short_rows(rows: Real) -> Real:
    """The same lattice, (3, 3) rows, Cartesian, with shortest vectors."""
    return np.asarray(_minkowski(rows[None])[0])


def _minkowski(rows: Real) -> Real:
    """Lattices (c, 3, 3), each with shortest vectors, the shortest first."""
    rows = np.array(rows, float)
    while True:
        before = np.linalg.norm(rows, axis=2)
        rows = np.take_along_axis(rows, np.argsort(before, axis=1, kind="stable")[..., None], axis=1)
        a, b = rows[:, 0], rows[:, 1]
        b -= np.round((a * b).sum(axis=1) / (a * a).sum(axis=1))[:, None] * a
        plane = rows[:, :2]
        x = np.linalg.solve(plane @ plane.swapaxes(1, 2), plane @ rows[:, 2, :, None])[..., 0]
        corners = np.floor(x)[:, None] + np.array(list(itertools.product((0, 1), repeat=2)))
        nearest = rows[:, 2, None] - corners @ plane
        best = np.linalg.norm(nearest, axis=2).argmin(axis=1)
        rows[:, 2] = nearest[np.arange(len(rows)), best]
        if np.linalg.norm(rows, axis=2).sum() > before.sum() * (1 - 1e-9):
            return rows


@dataclass(frozen=True)
class Shapes:
    """matrices : (c, 3, 3) the M. shortest : (c,) their shortest vectors, angstrom. index : (c,) their determinants."""

    matrices: Integer
    shortest: Real
    index: Integer
    lattice: Real

    @classmethod
    def of(cls, lattice: Real, rotations: Sequence[Integer]) -> Shapes:
        """Invariant under these rotations of reduced coordinates (3, 3). lattice : (3, 3), rows, angstrom."""
        found: list[Integer] = []
        for index in range(1, LARGEST_INDEX + 1):
            found.append(_invariant(_of_index(index), rotations))
            if sum(map(len, found)) > ENOUGH:
                break
        M = np.concatenate(found)
        return cls(
            M, np.linalg.norm(_minkowski(M @ lattice), axis=2).min(axis=1), np.prod(np.einsum("cii->ci", M), axis=1), lattice
        )

    def fewest(self, length: float, apart: int = 1) -> Superlattice:
        """The one with fewest points of those whose shortest vectors are at least so long, angstrom; of equal ones the finest.

        apart : see `factors_from`.
        """
        p = factors_from(length / (2 * self.shortest) * (1 - 1e-9), apart)
        points, fineness = 8 * p**3 * self.index, np.round(p * self.shortest, 6)
        best = int(np.lexsort((np.arange(len(p)), -fineness, points))[0])
        return Superlattice.of(2 * p[best] * self.matrices[best], self.lattice)


@cache
def _of_index(index: int) -> Integer:
    """All M of an index, with entries without a common factor: (c, 3, 3)."""
    found = []
    for a, b in itertools.product([n for n in range(1, index + 1) if index % n == 0], repeat=2):
        if index % (a * b) == 0:
            d, e, f = np.unravel_index(np.arange(a * a * b), (a, a, b))
            M = np.zeros((a * a * b, 3, 3), np.int64)
            M[:, 0, 0], M[:, 1, 1], M[:, 2, 2] = a, b, index // (a * b)
            M[:, 1, 0], M[:, 2, 0], M[:, 2, 1] = d, e, f
            found.append(M)
    M = np.concatenate(found)
    return M[np.gcd.reduce(M.reshape(len(M), -1), axis=1) == 1]


def _invariant(M: Integer, rotations: Sequence[Integer]) -> Integer:
    """Those of M (c, 3, 3) that all rotations leave as they are."""
    for W in rotations:
        images = M @ W.T @ np.linalg.inv(M)
        M = M[(np.abs(images - np.round(images)) < _WHOLE).all(axis=(1, 2))]
    return M


def factors_from(least: Real, apart: int = 1) -> Integer:
    """For each of (c,) the smallest factor that is not below it: (c,).

    Factors are primes, and what has no divisor 2 or 3, of which the denominators of symmetric points are made; without a divisor
    in common with `apart`.
    """
    found = np.arange(2, max(int(np.ceil(least.max())), 2) + 64 * apart.bit_length())
    plain = (found < 4) | ((found % 2 > 0) & (found % 3 > 0))
    usable = found[plain & (np.gcd(found.astype(object), apart) == 1)]  # a dozen meshes share no number of 64 bits
    return usable[np.searchsorted(usable, least)]


def _basis(vectors: Integer, lattice: Real) -> Integer:
    """U of a superlattice, see `Superlattice.of`: (3, 3)."""
    inverse, short = np.linalg.inv(vectors), reduced(np.eye(3, dtype=np.int64), lattice)
    small = np.array([v for v in itertools.product(range(-2, 3), repeat=3) if v > (0, 0, 0) and math.gcd(*v) == 1]) @ short
    length = np.round(np.linalg.norm(small @ lattice, axis=1), 6)
    order = np.argsort(length, kind="stable")
    near = small[order][: max(int((length <= NEAR * np.linalg.norm(short[2] @ lattice)).sum()), 3)]
    first = min(near, key=lambda v: _order(v @ inverse))
    planar = [v for v in near if np.gcd.reduce(np.cross(first, v)) == 1]
    second = min(planar, key=lambda v: _plane_index(first, v, inverse))
    normal = np.cross(first, second)
    return np.array([first, second, next(v for v in small[order] if abs(v @ normal) == 1)])


def _order(x: Real) -> int:
    """The smallest n for which n x is whole. x : (3,) quotients."""
    return next(n for n in itertools.count(1) if np.abs(n * x - np.round(n * x)).max() < _WHOLE)


def _plane_index(first: Integer, second: Integer, inverse: Real) -> int:
    """The smallest n for which n second is a superlattice vector but for a multiple of first."""
    a, b = first @ inverse, second @ inverse
    multiples = np.arange(_order(a))[:, None] * a
    for n in itertools.count(1):
        x = n * b + multiples
        if (np.abs(x - np.round(x)) < _WHOLE).all(axis=1).any():
            return n
    raise AssertionError


def numbers(found: Sequence[int] | Integer) -> tuple[int, int, int]:
    """Three of them, from (3,)."""
    a, b, c = (int(n) for n in found)
    return a, b, c


def rows_of(matrix: Integer) -> Rows:
    """Of (3, 3)."""
    a, b, c = (numbers(row) for row in matrix)
    return a, b, c
