"""The first of the sums over R of a model, at one value of k1 on the first axis:

    O(k1; R2, R3) = sum_R1 exp(2 pi i k1 R1) O(R1, R2, R3)

for all operators, with their components between n and m (`arrays`). All operators are read for it: where the values of k1 are known
beforehand, it is made for several of them at once, as one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
TOGETHER = 8  # values of k1 for which sums over R1 are made at once
DENSE_BYTES = 3e8  # that these may take


class Planes:
    """Sums over R1 of the operators of one model."""

    def __init__(self, R: NDArray[np.int64], operators: Callable[[], Iterator[Complex]], count: int, n: int) -> None:
        """R : (R, 3), in the order of the axes. operators : each (R, n, m), so many of them."""
        self._operators, self._count, self._n = operators, count, n
        R1, R2, R3 = R.T
        self._order = np.lexsort((R1, R3, R2))  # sorted by (R2, R3), the sum over R1 is a sum over runs
        self._R1 = R1[self._order]
        self.R2, column2 = np.unique(R2[self._order], return_inverse=True)
        self.R3, column3 = np.unique(R3[self._order], return_inverse=True)
        self._column = column2 * len(self.R3) + column3
        self._columns, self._starts = np.unique(self._column, return_index=True)
        self._expected: Real = np.zeros(0)
        self._kept: dict[float, Complex] = {}

    @property
    def bytes(self) -> int:
        """Memory that they take."""
        one = 16 * len(self.R2) * len(self.R3) * self._count * self._n**2
        return max(one, self._dense_bytes) if self._dense_bytes <= DENSE_BYTES else one

    def expect(self, k1: Real) -> None:
        """The values (k1,), reduced, that will be asked for, in ascending order."""
        self._expected = np.asarray(k1)

    def at(self, k1: float) -> Complex:
        """(R2, R3, n*op*n). Kept for the next calls with the same k1, or the next few."""
        if k1 not in self._kept:
            self._kept = {}  # before the next ones are made
            place = int(np.searchsorted(self._expected, k1))
            known = place < len(self._expected) and self._expected[place] == k1
            if known and self._dense_bytes <= DENSE_BYTES:
                first = place // TOGETHER * TOGETHER  # the same values go together, whichever is asked for first
                values = self._expected[first : first + TOGETHER]
                self._kept = dict(zip(values.tolist(), self._several(values), strict=True))
            else:
                self._kept = {k1: self._one(k1)}
        return self._kept[k1]

    def _one(self, k1: float) -> Complex:
        phase, n = np.exp(2j * np.pi * k1 * self._R1)[:, None], self._n
        plane = np.zeros((len(self.R2) * len(self.R3), n, self._count, n), complex)
        for i, operator in enumerate(self._operators()):
            terms = phase * operator.reshape(len(phase), -1)[self._order]
            plane[self._columns, :, i] = np.add.reduceat(terms, self._starts, axis=0).reshape(-1, n, n)
        return plane.reshape(len(self.R2), len(self.R3), -1)

    def _several(self, k1: Real) -> Complex:
        """One matrix product for all of them: (k1, R2, R3, n*op*n)."""
        dense = self._dense
        planes = np.zeros((len(k1), len(self.R2) * len(self.R3), dense.shape[2]), complex)
        phases = np.exp(2j * np.pi * np.outer(k1, np.unique(self._R1)))
        planes[:, self._columns] = (phases @ dense.reshape(len(dense), -1)).reshape(len(k1), *dense.shape[1:])
        return planes.reshape(len(k1), len(self.R2), len(self.R3), -1)

    @cached_property
    def _dense(self) -> Complex:
        """All operators over R1 and the columns (R2, R3) that occur: (R1, columns, n*op*n)."""
        values, place = np.unique(self._R1, return_inverse=True)
        dense = np.zeros((len(values), len(self._columns), self._n, self._count, self._n), complex)
        column = np.searchsorted(self._columns, self._column)
        for i, operator in enumerate(self._operators()):
            dense[place, column, :, i] = operator[self._order]
        return dense.reshape(len(values), len(self._columns), -1)

    @property
    def _dense_bytes(self) -> int:
        """What several planes at once take: the operators, and the planes."""
        rows = len(np.unique(self._R1)) * len(self._columns) + TOGETHER * len(self.R2) * len(self.R3)
        return 16 * rows * self._count * self._n**2
