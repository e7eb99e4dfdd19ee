"""The vertices of `BandPairs` where transitions can happen: from bands m that may be filled to bands n that may be empty.

Both are ranges of bands, the same for all k of a batch: n from `first` on, m before `stop`. What is computed of a product of two
matrices are the rows n of the one times the columns m of the other; the equations are those of `BandPairs`, where all n and m are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Complex, rows
from wannier_spin.compiled import compiled
from wannier_spin.observables import Observable
from wannier_spin.responses.pairs import BandPairs


@dataclass(frozen=True)
class Vertices:
    """Matrices X_nm, n >= first and m < stop, of a batch of k-points: (k,n,x,m). Elements within a group are not to be used."""

    pairs: BandPairs
    first: int
    stop: int

    @classmethod
    def of(cls, pairs: BandPairs) -> Vertices:
        """Where the pairs of bands are that can be occupied differently."""
        n, m = pairs.upward[1:3]
        return cls(pairs, int(n.min(initial=pairs.geometry.energies.shape[1] - 1)), int(m.max(initial=0)) + 1)

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
        p, result = self.pairs, self._zeros()
        total = result.reshape(*result.shape[:2], 3, p.n_components, self.stop)
        start = 0
        for record in map(p.geometry.record, p.observables):
            own = total[:, :, :, start : start + record.n_components]
            for term in self._derivative(record):
                own += term.reshape(own.shape)
            start += record.n_components
        v, Y = p.v, p.O * p.geometry.inverse_gap[:, :, None]
        total += self._product(Y, v).swapaxes(2, 3)
        total -= self._product(v, Y)
        self._add_own_difference(result, p.geometry.inverse_gap.astype(complex))
        return result

    def _derivative(self, record: Observable) -> Iterator[Complex]:
        """Terms of (D_d O)_nm; of O = {X, Y}/2 they are products of rows and columns: (k,n,d,...,m)."""
        g = self.pairs.geometry
        if record.factors is None:
            yield rows(g.observable_derivative(record))[:, self.first :, ..., : self.stop]
            return
        X, Y = (rows(g.observable(factor)) / 2 for factor in record.factors)
        DX, DY = (rows(g.observable_derivative(factor)) for factor in record.factors)
        flat = [D.reshape(*D.shape[:2], -1, D.shape[-1]) for D in (DX, DY)]
        k, n, x, y = len(X), X.shape[1] - self.first, X.shape[2], Y.shape[2]
        yield self._product(flat[0], Y).reshape(k, n, 3, x, y, self.stop)
        yield self._product(Y, flat[0]).reshape(k, n, y, 3, x, self.stop).transpose(0, 1, 3, 4, 2, 5)
        yield self._product(X, flat[1]).reshape(k, n, x, 3, y, self.stop).swapaxes(2, 3)
        yield self._product(flat[1], X).reshape(k, n, 3, y, x, self.stop).swapaxes(3, 4)

    def _product(self, left: Complex, right: Complex) -> Complex:
        """sum_l left_nl right_lm: (k,n,i,m), (k,n,j,m) -> (k,n,i,j,m)."""
        k, bands, j, _ = right.shape
        half, columns = left[:, self.first :], right[..., : self.stop].reshape(k, bands, -1)
        return np.asarray(half.reshape(k, -1, bands) @ columns).reshape(*half.shape[:3], j, self.stop)

    def _zeros(self) -> Complex:
        k, bands = self.pairs.geometry.energies.shape
        return np.zeros((k, bands - self.first, 3 * self.pairs.n_components, self.stop), complex)

    def _add_own_difference(self, total: Complex, weight: Complex) -> None:
        """[v^d, O_D]_nm times a weight (k,n,m): to (k,n,(d,o),m)."""
        compiled(_add_own_difference)(total, self.pairs.v, self.pairs.O, self.pairs.geometry.group, weight)


def _add_own_difference(
    total: Complex, v: Complex, O: Complex, group: NDArray[np.int64], weight: Complex
) -> None:  # pragma: no cover  (compiled)
    """total[k, n, (d, o), m] += weight_nm (sum over l in the group of m of v_nl O_lm - over l in that of n of O_nl v_lm).

    A group is a run of consecutive bands; n counts from the first row that is there.
    """
    bands, fields, components, stop = v.shape[1], v.shape[2], O.shape[2], total.shape[3]
    first = bands - total.shape[1]
    for k in range(len(total)):
        for n in range(first, bands):
            for l in range(bands):
                if group[k, l] == group[k, n]:
                    for d in range(fields):
                        for o in range(components):
                            factor = O[k, n, o, l]
                            for m in range(stop):
                                total[k, n - first, d * components + o, m] -= weight[k, n, m] * factor * v[k, l, d, m]
            for m in range(stop):
                for l in range(bands):
                    if group[k, l] == group[k, m]:
                        for d in range(fields):
                            factor = weight[k, n, m] * v[k, n, d, l]
                            for o in range(components):
                                total[k, n - first, d * components + o, m] += factor * O[k, l, o, m]
