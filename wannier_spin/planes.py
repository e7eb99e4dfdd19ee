"""The first of the sums over R of a model, at one value of k1 on the first axis:

    O(k1; R2, R3) = sum_R1 exp(2 pi i k1 R1) O(R1, R2, R3)

for all operators. All of them are read for it: where the values of k1 are known beforehand, it is made for several of them at once,
as one matrix product. Of those that are Hermitian at every k the elements n <= m are summed alone, here and behind: half of all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.compiled import compiled

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
TOGETHER = 8  # values of k1 for which sums over R1 are made at once
DENSE_BYTES = 3e8  # that these may take
AT_ONCE = 32  # points that are unpacked at once
COMPILED_FROM = 2**15  # elements of a batch: machine code is loaded in 0.7 s


class Packed:
    """Operators one after the other, in groups: of Hermitian ones the elements n <= m, row by row, of others (n, op, m)."""

    def __init__(self, n: int, groups: Sequence[tuple[int, bool]]) -> None:
        """groups : how many operators (n, m) each has, and whether they are Hermitian."""
        self.n, self.counts, self.hermitian = n, [count for count, _ in groups], [hermitian for _, hermitian in groups]
        self._upper = np.triu_indices(n)
        self._group = np.repeat(np.arange(len(groups)), self.counts)  # of each operator
        self._first = np.cumsum([0, *self.counts])
        places, self.size = dict[int, slice](), 0
        for i in sorted(range(len(groups)), key=lambda i: not self.hermitian[i]):  # Hermitian ones first
            size = self.counts[i] * (len(self._upper[0]) if self.hermitian[i] else n * n)
            places[i] = slice(self.size, self.size + size)
            self.size += size
        self.places = [places[i] for i in range(len(groups))]
        self._all_hermitian = slice(0, max((places[i].stop for i in places if self.hermitian[i]), default=0))

    def put(self, packed: Complex, where: tuple[Any, ...], i: int, X: Complex) -> None:
        """The i-th operator (R, n, m) to packed[where] (R, size)."""
        group = self._group[i]
        own, i = packed[..., self.places[group]], i - self._first[group]
        if self.hermitian[group]:
            elements = len(self._upper[0])
            own[*where, i * elements : (i + 1) * elements] = X[:, *self._upper]
        else:
            own.reshape(*own.shape[:-1], self.n, self.counts[group], self.n)[*where, :, i] = X

    def matrices(self, points: int, lines: Iterator[tuple[Complex, Complex]], kept: Sequence[int] = ()) -> list[Complex]:
        """Each group at so many points as matrices (k,op,n,m), their components between n and m in memory.

        lines : factors (k, R3), (R3, size), of which a product are the next points. What is packed stays in the cache.
        kept : Hermitian groups that stay as they are packed, (k,op,elements).
        """
        found, last = [self._empty(points, i, i in kept) for i in range(len(self.counts))], 0
        in_machine_code = points * self.n**2 * sum(self.counts) >= COMPILED_FROM
        for phases, line in lines:
            first, last = last, last + len(phases)
            for start in range(first, last, AT_ONCE):
                some = slice(start, min(start + AT_ONCE, last))
                self._sum([X[some] for X in found], phases[some.start - first : some.stop - first], line, kept, in_machine_code)
        return [X if i in kept else X.swapaxes(1, 2) for i, X in enumerate(found)]

    def _empty(self, points: int, group: int, kept: bool) -> Complex:
        """For a group: (k,n,op,m), or as it is packed (k,op,elements)."""
        shape = (self.counts[group], len(self._upper[0])) if kept else (self.n, self.counts[group], self.n)
        return np.empty((points, *shape), complex)

    def _sum(self, found: list[Complex], phases: Complex, line: Complex, kept: Sequence[int], in_machine_code: bool) -> None:
        """A product (k, R3), (R3, size) to groups at some points."""
        stack = phases @ line[:, self._all_hermitian]
        for i, (X, place) in enumerate(zip(found, self.places, strict=True)):
            if not self.hermitian[i]:
                np.matmul(phases, line[:, place], out=X.reshape(len(X), -1))
            elif i in kept:
                X[:] = stack[:, place].reshape(X.shape)
            else:
                unpack(X, stack, place.start, in_machine_code)


def unpack(found: Complex, stack: Complex, start: int = 0, in_machine_code: bool = True) -> None:
    """Hermitian matrices (k,n,op,m) of their elements n <= m, which stand in (k, size) from a place on."""
    if in_machine_code:
        compiled(_unpack)(found, stack, start)
        return
    count, upper = found.shape[2], np.triu_indices(found.shape[1])
    elements = stack[:, start : start + count * len(upper[0])].reshape(len(stack), count, -1)
    matrices = found.swapaxes(1, 2)
    matrices[:, :, *upper[::-1]] = elements.conj()
    matrices[:, :, *upper] = elements


class Triangles(Mapping[str, Complex]):
    """Hermitian matrices (k,x...,n,m) by name, kept as their elements n <= m, and made where they are asked for."""

    def __init__(self, packed: Mapping[str, Complex], n: int) -> None:
        """packed : (k,x...,elements)."""
        self._packed, self._n = packed, n

    def __getitem__(self, name: str) -> Complex:
        X = self._packed[name]
        found = np.empty((len(X), self._n, math.prod(X.shape[1:-1]), self._n), complex)
        unpack(found, X.reshape(len(X), -1), 0, found.size >= COMPILED_FROM)
        return found.swapaxes(1, 2).reshape(*X.shape[:-1], self._n, self._n)

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def rotated_diagonal(self, name: str, U: Complex) -> Real:
        """Re (U^+ X U)_nn with U (k,n,m): (k,x...,n). A quarter of what matrices take, see `arrays.rotated_diagonal`."""
        X, n = self._packed[name], U.shape[-1]
        numbers = X.reshape(len(X), -1, X.shape[-1]).view(float)
        found = np.empty((*numbers.shape[:2], n))
        for some in (slice(first, first + AT_ONCE) for first in range(0, len(X), AT_ONCE)):
            weights = np.empty((len(U[some]), numbers.shape[2], n))
            weigh = compiled(_weigh) if X.size >= COMPILED_FROM else _weigh_all
            weigh(weights, np.ascontiguousarray(U[some]))
            np.matmul(numbers[some], weights, out=found[some])
        return found.reshape(*X.shape[:-1], n)


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


def _unpack(found: Complex, stack: Complex, start: int) -> None:  # pragma: no cover  (compiled)
    """See `unpack`. The inner loops go from zero along slices: such are made fast."""
    points, bands, count, _ = found.shape
    for k in range(points):
        place = start
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


def _weigh(weights: Real, U: Complex) -> None:  # pragma: no cover  (compiled)
    """conj(U_in) U_jn, twice for i < j, as weights (k,2e,n) of the real and the imaginary part of each X_ij, i <= j."""
    for k in range(len(U)):
        place = 0
        for i in range(U.shape[1]):
            for j in range(i, U.shape[1]):
                a, b, real, imaginary = U[k, i], U[k, j], weights[k, place], weights[k, place + 1]
                times = 1.0 if i == j else 2.0
                for n in range(len(a)):
                    real[n] = times * (a[n].real * b[n].real + a[n].imag * b[n].imag)
                    imaginary[n] = times * (a[n].imag * b[n].real - a[n].real * b[n].imag)
                place += 2


def _weigh_all(weights: Real, U: Complex) -> None:
    """The same."""
    i, j = np.triu_indices(U.shape[1])
    a, b, times = U[:, i], U[:, j], np.where(i == j, 1.0, 2.0)[:, None]
    weights[:, ::2] = times * (a.real * b.real + a.imag * b.imag)
    weights[:, 1::2] = times * (a.imag * b.real - a.real * b.imag)
