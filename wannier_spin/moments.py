"""Moments in R of the matrices of a model, of which matrices at k and their derivatives are made:

    M(k) = sum_R exp(2 pi i k.R) O(R),    M_i(k) = sum_R R_i exp(2 pi i k.R) O(R),    M_ij(k) = sum_R R_i R_j exp(2 pi i k.R) O(R)

R_i are whole numbers along some basis of the lattice. Of one operator a list of them: the moment of order 0 (k,n,m), those of
order 1 (i,k,n,m), those of order 2 (ij,k,n,m) with ij in the upper triangle, as far as its order goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
_POWERS = (  # of R along the three axes, by order
    ((0, 0, 0),),
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 2, 0), (0, 1, 1), (0, 0, 2)),
)


def at_phases(phases: Complex, R: NDArray[np.int64], matrices: Sequence[Complex], orders: Sequence[int]) -> Iterator[list[Complex]]:
    """At any k, from exp(2 pi i k.R) (k, R): each matrix is read once, and none is copied.

    R : (R, 3) along the basis. matrices : (R, n, n, components) each. orders : of every component of every one.
    """
    weights = np.array([(R ** np.array(power)).prod(axis=1) for powers in _POWERS for power in powers], float)  # (w, R)
    left, ends = iter(orders), np.cumsum([len(powers) for powers in _POWERS])
    for X in matrices:
        wanted = [next(left) for _ in range(X.shape[-1])]
        rows = (weights[: ends[max(wanted)], None] * phases).reshape(-1, len(R))
        found = (rows @ X.reshape(len(R), -1)).reshape(-1, len(phases), *X.shape[1:])
        for x, order in enumerate(wanted):
            yield [found[0, ..., x], *(found[ends[o - 1] : ends[o], ..., x] for o in range(1, order + 1))]


class Cells:
    """Moments on small tensor products of k: sums go one axis after the other, as matrix products.

    R : (R, 3) along the basis. operators : (R, n, n) each; kept as (R1, columns, n*n) over the columns (R2, R3) that occur.
    """

    def __init__(self, R: NDArray[np.int64], operators: Iterator[Complex]) -> None:
        self._ranges = tuple(np.unique(R[:, axis]) for axis in range(3))
        places = [np.searchsorted(values, R[:, axis]) for axis, values in enumerate(self._ranges)]
        self._columns, column = np.unique(places[1] * len(self._ranges[2]) + places[2], return_inverse=True)
        self._operators = []
        for operator in operators:
            self._n = operator.shape[-1]
            dense = np.zeros((len(self._ranges[0]), len(self._columns), self._n**2), complex)
            dense[places[0], column] = operator.reshape(len(R), -1)
            self._operators.append(dense)

    def moments(self, x: tuple[Real, Real, Real], orders: Sequence[int]) -> Iterator[list[Complex]]:
        """At all points with coordinates x along the basis, three arrays (x,), the last running fastest.

        orders : of every operator.
        """
        phases = [self._phases(R, values) for R, values in zip(self._ranges, x, strict=True)]
        for operator, order in zip(self._operators, orders, strict=True):
            found = dict(self._by_powers(operator, phases, order))
            shape = (-1, self._n, self._n)
            ordered = [np.stack([found[power].reshape(shape) for power in powers]) for powers in _POWERS[: order + 1]]
            yield [ordered[0][0], *ordered[1:]]

    @staticmethod
    def _phases(R: NDArray[np.int64], x: Real) -> Complex:
        """R^o exp(2 pi i x R), o = 0, 1, 2: (o, x, R)."""
        powers = R.astype(float) ** np.arange(3)[:, None]
        return np.asarray(np.exp(2j * np.pi * np.outer(x, R)) * powers[:, None, :])

    def _by_powers(self, operator: Complex, phases: list[Complex], order: int) -> Iterator[tuple[tuple[int, int, int], Complex]]:
        """sum_R R1^i R2^j R3^k exp(i k.R) O(R) for all i + j + k <= order, (x1*x2*x3, n*n) each."""
        first, second, third = phases
        size = operator.shape[2]
        x1, R2, R3 = first.shape[1], second.shape[2], third.shape[2]
        for i in range(order + 1):
            plane = np.zeros((x1, R2 * R3, size), complex)
            plane[:, self._columns] = (first[i] @ operator.reshape(len(operator), -1)).reshape(x1, len(self._columns), size)
            for j in range(order + 1 - i):
                lines = (second[j] @ plane.reshape(x1, R2, R3 * size)).reshape(-1, R3, size)  # (x1*x2, R3, n*n)
                for k in range(order + 1 - i - j):
                    yield (i, j, k), (third[k] @ lines).reshape(-1, size)
