"""The first of the sums over R of a model, at one value of k1 on the first axis:

    O(k1; R2, R3) = sum_R1 exp(2 pi i k1 R1) O(R1, R2, R3)

for all operators. All of them are read for it: where the values of k1 are known beforehand, it is made for several of them at once,
as one matrix product. Where all are Hermitian at every k the elements n <= m are summed alone, here and behind: half of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import interleaved
from wannier_spin.compiled import compiled

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
TOGETHER = 8  # values of k1 for which sums over R1 are made at once
DENSE_BYTES = 3e8  # that these may take
AT_ONCE = 32  # points that are unpacked at once
COMPILED_FROM = 2**15  # elements of a batch: machine code is loaded in 0.7 s


class Packed:
    """Operators one after the other as their elements n <= m, row by row, where all are Hermitian; else (n, op, m)."""

    def __init__(self, n: int, count: int, hermitian: bool) -> None:
        """So many operators (n, m). hermitian : whether all are."""
        self.n, self.count, self.hermitian = n, count, hermitian
        self._upper = np.triu_indices(n)
        self.size = count * (len(self._upper[0]) if hermitian else n * n)

    def put(self, packed: Complex, where: tuple[Any, ...], i: int, X: Complex) -> None:
        """The i-th operator (R, n, m) to packed[where] (R, size)."""
        if self.hermitian:
            elements = len(self._upper[0])
            packed[*where, i * elements : (i + 1) * elements] = X[:, *self._upper]
        else:
            packed.reshape(*packed.shape[:-1], self.n, self.count, self.n)[*where, :, i] = X

    def matrices(self, points: int, lines: Iterator[tuple[Complex, Complex]]) -> Complex:
        """All operators at so many points as matrices (k,op,n,m), their components between n and m in memory.

        lines : factors (k, R3), (R3, size), of which a product are the next points. What is packed stays in the cache.
        """
        found = interleaved(points, self.count, self.n)
        flat, last = found.swapaxes(1, 2).reshape(points, -1), 0
        for phases, line in lines:
            first, last = last, last + len(phases)
            if not self.hermitian:
                np.matmul(phases, line, out=flat[first:last])
                continue
            for some in (slice(i, min(i + AT_ONCE, last)) for i in range(first, last, AT_ONCE)):
                self._unpack(found[some], phases[some.start - first : some.stop - first] @ line, found.size >= COMPILED_FROM)
        return found

    def _unpack(self, found: Complex, stack: Complex, in_machine_code: bool) -> None:
        """To (k,op,n,m) from (k, size)."""
        if in_machine_code:
            compiled(_unpack)(found.swapaxes(1, 2), stack)
            return
        elements = stack.reshape(len(stack), self.count, -1)
        found[:, :, *self._upper[::-1]] = elements.conj()
        found[:, :, *self._upper] = elements


class Planes:
    """Sums over R1 of the operators of one model."""

    def __init__(self, R: NDArray[np.int64], operators: Callable[[], Iterator[Complex]], packed: Packed) -> None:
        """R : (R, 3), in the order of the axes. operators : each (R, n, m), as they are packed."""
        self._operators, self.packed = operators, packed
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
        one = 16 * len(self.R2) * len(self.R3) * self.packed.size
        return max(one, self._dense_bytes) if self._dense_bytes <= DENSE_BYTES else one

    def expect(self, k1: Real) -> None:
        """The values (k1,), reduced, that will be asked for, in ascending order."""
        self._expected = np.asarray(k1)

    def at(self, k1: float) -> Complex:
        """(R2, R3, packed). Kept for the next calls with the same k1, or the next few."""
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
        phase = np.exp(2j * np.pi * k1 * self._R1)[:, None, None]
        plane = np.zeros((len(self.R2) * len(self.R3), self.packed.size), complex)
        for i, operator in enumerate(self._operators()):
            self.packed.put(plane, (self._columns,), i, np.add.reduceat(phase * operator[self._order], self._starts, axis=0))
        return plane.reshape(len(self.R2), len(self.R3), -1)

    def _several(self, k1: Real) -> Complex:
        """One matrix product for all of them: (k1, R2, R3, packed)."""
        dense = self._dense
        planes = np.zeros((len(k1), len(self.R2) * len(self.R3), dense.shape[2]), complex)
        phases = np.exp(2j * np.pi * np.outer(k1, np.unique(self._R1)))
        planes[:, self._columns] = (phases @ dense.reshape(len(dense), -1)).reshape(len(k1), *dense.shape[1:])
        return planes.reshape(len(k1), len(self.R2), len(self.R3), -1)

    @cached_property
    def _dense(self) -> Complex:
        """All operators over R1 and the columns (R2, R3) that occur: (R1, columns, packed)."""
        values, place = np.unique(self._R1, return_inverse=True)
        dense = np.zeros((len(values), len(self._columns), self.packed.size), complex)
        column = np.searchsorted(self._columns, self._column)
        for i, operator in enumerate(self._operators()):
            self.packed.put(dense, (place, column), i, operator[self._order])
        return dense

    @property
    def _dense_bytes(self) -> int:
        """What several planes at once take: the operators, and the planes."""
        rows = len(np.unique(self._R1)) * len(self._columns) + TOGETHER * len(self.R2) * len(self.R3)
        return 16 * rows * self.packed.size


def _unpack(found: Complex, stack: Complex) -> None:  # pragma: no cover  (compiled)
    """To (k,n,op,m) from (k, size), see `Packed`. The inner loops go from zero along slices: such are made fast."""
    points, bands, count, _ = found.shape
    for k in range(points):
        place = 0
        for i in range(count):
            X = found[k, :, i]
            for n in range(bands):
                into, given = X[n, n:], stack[k, place : place + bands - n]
                for m in range(len(into)):
                    into[m] = given[m]
                place += bands - n
            for n in range(bands):
                for m in range(n):
                    X[n, m] = X[m, n].conjugate()
