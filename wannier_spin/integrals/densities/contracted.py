"""Traces of a product of two observables with what symmetry leaves of them, and no more.

    D_nc = Re sum_bo Q_boc sum_m left^b_nm O^o_mn,      O^o = {X^x, Y^y}/2,      o = (x, y)

The products X^x Y^y are made for all components at once, by one product of large matrices for each k. Where the group leaves few
numbers of the tensors Q, each is taken of them as they are: neither the Hermitian parts nor the traces of all components are made.
`BandPairs` says the same without Q.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Complex, Real, rows, times
from wannier_spin.compiled import compiled
from wannier_spin.geometry import BandGeometry
from wannier_spin.observables import Observable
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.registry import Block

Integers = NDArray[np.int64]
MOST = 12  # numbers in the tensors: then traces of all components take as long
ROUNDING = 1e-14  # of numbers of order one
CACHE = 2**20  # bytes of products at once: they are read while they are in the cache


class ContractedPairs(BandPairs):
    """Pairs of bands whose traces with one observable, a product, are coordinates (k,n,c) in columns (fields, o, c)."""

    def __init__(self, geometry: BandGeometry, observable: Observable, window: tuple[float, float], columns: Real) -> None:
        super().__init__(geometry, (observable,), window)
        self.columns = columns

    def _products(self, some: slice) -> Complex:
        """X^x Y^y at some of the points: (k,n,(x,y),m)."""
        factors = self.geometry.record(self.observables[0]).factors
        assert factors is not None
        X, Y = (self.geometry.observable(factor)[some] for factor in factors)
        product = rows(times(X[:, :, None], Y[:, None]))
        return product.reshape(*product.shape[:2], -1, product.shape[-1])

    def re(self, left: Complex, weights: Real | None = None) -> Real:
        """Re sum_m left^b_nm w_nm O^o_mn in the columns: (k,n,fields...,m) -> (k,n,c). weights : w (k,n,1,m); None: 1."""
        left = left if weights is None else left * weights
        k, n, *fields, m = left.shape
        given = np.ascontiguousarray(left).reshape(k, n, math.prod(fields), m)
        result = np.zeros((k, n, self.columns.shape[2]))
        tensors = np.moveaxis(self.columns, 2, 0)
        used = np.nonzero(tensors)
        step = max(CACHE // (16 * n * m * self.columns.shape[1]), 1)
        for some in (slice(first, first + step) for first in range(0, k, step)):
            compiled(_add_traces)(result[some], given[some], self._products(some), (*used, tensors[used] / 2))
        return result

    def im(self, left: Complex, weights: Real | None = None) -> Real:
        """Im sum_m left^b_nm w_nm O^o_mn in the columns, as `re`: (k,n,fields...,m) -> (k,n,c)."""
        return self.re(-1j * left, weights)


def _add_traces(
    result: Real, left: Complex, products: Complex, tensors: tuple[Integers, Integers, Integers, Real]
) -> None:  # pragma: no cover  (compiled)
    """result[k,n,c] += value Re sum_m left^b_nm (P^o_mn + conj(P^o_nm)), every P^o_nm being read once for each c and b.

    tensors : c, b, o and value, those of the same c and b side by side. The inner loops are along the last axes of slices.
    """
    of_c, of_b, of_o, values = tensors
    bands = left.shape[3]
    turned, sums, Z = np.empty((left.shape[2], bands, bands), left.dtype), np.empty((result.shape[2], bands)), left[0, 0, 0].copy()
    for k in range(len(result)):
        for b in range(len(turned)):
            for n in range(bands):
                for m in range(bands):
                    turned[b, n, m] = left[k, m, b, n]
        sums[:] = 0.0
        for n in range(bands):
            first = 0
            while first < len(values):
                c, b, last = of_c[first], of_b[first], first
                Z[:] = 0.0
                while last < len(values) and of_c[last] == c and of_b[last] == b:
                    P, value = products[k, n, of_o[last]], values[last]
                    for m in range(len(P)):
                        Z[m] += value * P[m]
                    last += 1
                own, other, to_m = left[k, n, b], turned[b, n], sums[c]
                for m in range(len(own)):
                    to_m[m] += other[m].real * Z[m].real - other[m].imag * Z[m].imag
                    to_m[n] += own[m].real * Z[m].real + own[m].imag * Z[m].imag
                first = last
        for n in range(bands):
            for c in range(len(sums)):
                result[k, n, c] += sums[c, n]


@dataclass(frozen=True)
class Contracted:
    """A block of one observable in columns (fields, o, c), whose places among the coordinates are (c,)."""

    block: Block
    observable: Observable
    columns: Real
    places: Integers

    @classmethod
    def of(cls, block: Block, found: Sequence[Observable], columns: Real) -> Contracted | None:
        """In the columns (fields * o, c) of all coordinates; None: its traces are better made of all components."""
        if len(found) != 1 or found[0].factors is None or not block.traced:
            return None
        places = np.flatnonzero(np.abs(columns).max(axis=0))
        few = np.where(np.abs(columns) < ROUNDING, 0.0, columns)[:, places].reshape(-1, found[0].n_components, len(places))
        return cls(block, found[0], few, places) if np.count_nonzero(few) <= MOST else None

    def add(self, coordinates: Real, geometry: BandGeometry, window: tuple[float, float]) -> None:
        """To coordinates (k, n, c)."""
        coordinates[..., self.places] = self.block.density(ContractedPairs(geometry, self.observable, window, self.columns))
