"""The vertices of `BandPairs` where transitions can happen: from bands m that may be filled to bands n that may be empty.

Both are ranges of bands at each k: n from the first one on, m up to the last one. What is computed of a product of two matrices
are the rows n of the one times the columns m of the other; the equations are those of `BandPairs`, where all n and m are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wannier_spin.arrays import Complex, add_row_products, rows
from wannier_spin.compiled import compiled
from wannier_spin.observables import Observable
from wannier_spin.responses.pairs import BandPairs, Integers


@dataclass(frozen=True)
class Vertices:
    """Matrices X_nm, n >= first and m < stop, of a batch of k-points: (k,n,x,m). Elements within a group, or outside of the range
    of a point, are not to be used.
    """

    pairs: BandPairs
    first: int
    stop: int

    @classmethod
    def of(cls, pairs: BandPairs) -> Vertices:
        """Where the pairs of bands are that can be occupied differently."""
        n, m = pairs.upward[1:3]
        return cls(pairs, int(n.min(initial=pairs.geometry.energies.shape[1] - 1)), int(m.max(initial=0)) + 1)

    @cached_property
    def ranges(self) -> tuple[Integers, Integers]:
        """The same at each point: the first n, counted from `first`, and where m stops. (k,) each."""
        k, n, m, _ = self.pairs.upward
        points, bands = self.pairs.geometry.energies.shape
        first, stop = np.full(points, bands), np.zeros(points, np.int64)
        np.minimum.at(first, k, n)
        np.maximum.at(stop, k, m + 1)
        return first - self.first, stop

    def matrices(self, which: str) -> Complex:
        """An attribute of `BandPairs`: the observables (x = o) or a vertex (x = (d,o)); made once, whatever asks for it."""
        key = (which, self.pairs.observables, self.first, self.stop)
        made = {"O": self.observables, "injection_vertex": self.injection, "shift_vertex": self.shift}[which]
        return self.pairs.geometry.keep(key, made)

    def observables(self) -> Complex:
        """O_nm: (k,n,o,m)."""
        return np.ascontiguousarray(self.pairs.O[:, self.first :, :, : self.stop])

    def injection(self) -> Complex:
        """i [v^d, O_D]_nm: (k,n,(d,o),m)."""
        result = self._zeros()
        self._add_own_difference(result, np.full_like(self.pairs.geometry.inverse_gap, 1j, complex))
        return result

    def shift(self) -> Complex:
        """(D_d O)_nm + [Y, v^d]_nm + [v^d, O_D]_nm/eps_nm, Y_nm = O_nm/eps_nm: (k,n,(d,o),m)."""
        p, result, start = self.pairs, self._zeros(), 0
        of_field = np.arange(3)[:, None] * p.n_components  # (d, 1): places of components 0 on the axis (d,o)
        for record in map(p.geometry.record, p.observables):
            own = of_field + np.arange(start, start + record.n_components)
            self._add_derivative(result, record, own)
            start += record.n_components
        v, Y = p.v, p.O * p.geometry.inverse_gap[:, :, None]
        places = of_field + np.arange(p.n_components)
        add_row_products(result, Y, v, places.T, self.ranges)
        add_row_products(result, -v, Y, places, self.ranges)
        self._add_own_difference(result, p.geometry.inverse_gap.astype(complex))
        return result

    def _add_derivative(self, total: Complex, record: Observable, places: Integers) -> None:
        """(D_d O)_nm to these places (d,o); of O = {X, Y}/2 it is made of products of rows and columns."""
        g = self.pairs.geometry
        if record.factors is None:
            derivative = rows(g.observable_derivative(record))[:, self.first :, ..., : self.stop]
            total[:, :, places.ravel()] += derivative.reshape(*derivative.shape[:2], -1, self.stop)
            return
        X, Y = (rows(g.observable(factor)) / 2 for factor in record.factors)
        DX, DY = (_flat(rows(g.observable_derivative(factor))) for factor in record.factors)
        by_factor = places.reshape(3, X.shape[2], Y.shape[2])  # (d,x,y)
        of_X, of_Y = by_factor.reshape(-1, Y.shape[2]), by_factor.swapaxes(1, 2).reshape(-1, X.shape[2])  # ((d,x),y), ((d,y),x)
        add_row_products(total, DX, Y, of_X, self.ranges)
        add_row_products(total, Y, DX, of_X.T, self.ranges)
        add_row_products(total, X, DY, of_Y.T, self.ranges)
        add_row_products(total, DY, X, of_Y, self.ranges)

    def _zeros(self) -> Complex:
        k, bands = self.pairs.geometry.energies.shape
        return np.zeros((k, bands - self.first, 3 * self.pairs.n_components, self.stop), complex)

    def _add_own_difference(self, total: Complex, weight: Complex) -> None:
        """[v^d, O_D]_nm times a weight (k,n,m): to (k,n,(d,o),m)."""
        compiled(_add_own_difference)(total, self.pairs.v, self.pairs.O, self.pairs.geometry.group, weight)


def _flat(X: Complex) -> Complex:
    """(k,n,a,b,m) -> (k,n,(a,b),m)."""
    return X.reshape(*X.shape[:2], -1, X.shape[-1])


def _add_own_difference(
    total: Complex, v: Complex, O: Complex, group: Integers, weight: Complex
) -> None:  # pragma: no cover  (compiled)
    """total[k, n, (d, o), m] += weight_nm (sum over l in the group of m of v_nl O_lm - over l in that of n of O_nl v_lm).

    A group is a run of consecutive bands; n counts from the first row that is there.
    """
    bands, fields, components, stop = v.shape[1], v.shape[2], O.shape[2], total.shape[3]
    first, weighted = bands - total.shape[1], np.empty(stop, np.complex128)
    for k in range(len(total)):
        for n in range(first, bands):
            for l in range(bands):
                if group[k, l] == group[k, n]:
                    for d in range(fields):
                        for m in range(stop):
                            weighted[m] = weight[k, n, m] * v[k, l, d, m]
                        for o in range(components):
                            factor, into = O[k, n, o, l], total[k, n - first, d * components + o]
                            for m in range(stop):
                                into[m] -= factor * weighted[m]
            for m in range(stop):
                for l in range(bands):
                    if group[k, l] == group[k, m]:
                        for d in range(fields):
                            factor = weight[k, n, m] * v[k, n, d, l]
                            for o in range(components):
                                total[k, n - first, d * components + o, m] += factor * O[k, l, o, m]
