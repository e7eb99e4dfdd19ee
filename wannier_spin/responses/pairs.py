"""What the integrands are written in: matrix elements between bands, arranged for sums over the second band.

Arrays are (k, n, rows..., m): for each band n, rows of matrix elements to the bands m. Every trace
Re or Im sum_m left_nm O_mn is then one small real matrix product per (k, n), for all observables at once.
Bands of one degenerate group do not see each other (weights vanish), mean velocities are those of the group, and
surface terms take the velocity as a matrix inside the group: docs/theory.md, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Complex as Complex
from wannier_spin.arrays import Real as Real
from wannier_spin.arrays import (
    adjoint,
    bracket,
    diagonal,
    half_rotated,
    joined_rows,
    plus_adjoint,
    row_trace,
    rows,
    to_power,
    weighted_row_trace,
)
from wannier_spin.compiled import compiled
from wannier_spin.geometry import BandGeometry
from wannier_spin.observables import Observable

Integers = NDArray[np.int64]
_FIRST, _SECOND = np.triu_indices(3)  # of b <= d


class BandPairs:
    """Pairs of bands of a BandGeometry with the observables O of docs/theory.md, section 1, side by side on one axis o.

    A density has shape (k, n, fields..., o); summed over n with f or f' it becomes a response.
    """

    def __init__(
        self,
        geometry: BandGeometry,
        observables: Sequence[str | Observable],
        window: tuple[float, float] = (-np.inf, np.inf),
        partners: Real | None = None,
    ) -> None:
        """observables : names or records. `window`: below it every state is filled, above it empty, at every (mu, T) asked for.

        partners : (k,m) weight of band m as the second band of a pair, the same within a group; None: 1. The inner sums of
        three-band terms and terms without a second band do not have it.
        """
        self.geometry = geometry
        self.observables = tuple(observables)
        self.window = window
        self.partners = partners

    @cached_property
    def v(self) -> Complex:
        """v^b_nm: (k,n,b,m)."""
        return rows(self.geometry.velocity)

    @cached_property
    def vv(self) -> Complex:
        """v^d_NN v^b_NM, the velocity of the group times the velocity between groups: (k,n,b,d,m)."""
        return rows(self.geometry.group_velocity_times(self.geometry.velocity).swapaxes(1, 2))

    @cached_property
    def dv(self) -> Real:
        """v^d_M - v^d_N: (k,n,d,m)."""
        v = self.geometry.group_velocity
        return np.asarray(v[:, None, :, :] - v.transpose(0, 2, 1)[:, :, :, None])

    @cached_property
    def O(self) -> Complex:  # noqa: E743  (the observable's name in the equations)
        """O_nm: (k,n,o,m)."""
        return joined_rows([self.geometry.observable(name) for name in self.observables])

    @property
    def _matrices(self) -> Complex:
        """`O` as matrices: (k,o,n,m)."""
        return self.O.swapaxes(1, 2)

    @cached_property
    def _inverse_gap(self) -> Real:
        """1/(eps_N - eps_M), zero inside a group and for pairs that are always both filled or both empty: (k,n,m).

        The contributions of such a pair cancel in every sum over bands; left out, they cancel exactly.
        """
        E, (low, high) = self.geometry.group_energies, self.window
        filled, empty = E < low, E > high
        idle = (filled[:, :, None] & filled[:, None]) | (empty[:, :, None] & empty[:, None])
        return np.where(idle, 0.0, self.geometry.inverse_gap)

    @cached_property
    def upward(self) -> tuple[Integers, Integers, Integers, Real]:
        """Pairs with eps_N > eps_M that can be occupied differently: k, n, m and 1/(eps_N - eps_M), (pairs,) each."""
        k, n, m = np.nonzero(self._inverse_gap > 0)
        return k, n, m, self._inverse_gap[k, n, m]

    @cached_property
    def upward_groups(self) -> tuple[Integers, Integers, Integers, Real]:
        """Of `upward` the first bands of each two groups: all of them have one gap, and one occupation. (pairs,) each."""
        (k, n, m, w), group = self.upward, self.geometry.group
        first = np.diff(group, axis=1, prepend=-1) != 0
        used = first[k, n] & first[k, m]
        return k[used], n[used], m[used], w[used]

    @property
    def n_components(self) -> int:
        """Length of the axis o."""
        return sum(self.geometry.record(name).n_components for name in self.observables)

    def inverse_gap(self, power: int) -> Real:
        """1/(eps_N - eps_M)^power between groups that can be occupied differently, else zero: (k,n,1,m)."""
        return np.asarray(self.kernel(lambda w: to_power(w, power)))

    def broadened(self, power: int, bare: int = 0) -> Real:
        """[eps/(eps^2 + Gamma^2)]^power/eps^bare, else as `inverse_gap`: (k,n,1,m). eps = eps_N - eps_M, Gamma = `gap_broadening`.

        What static second-order densities have in place of 1/eps^(power + bare): docs/theory.md, section 3.
        """
        width = self.geometry.gap_broadening
        if not width:
            return self.inverse_gap(power + bare)
        return np.asarray(self.kernel(lambda w: (w / (1 + (width * w) ** 2)) ** power * w**bare))

    def broadened_slope(self) -> Real:
        """-1/3 of the derivative of `broadened(3)` with respect to eps, in place of 1/eps^4: (k,n,1,m)."""
        width = self.geometry.gap_broadening
        if not width:
            return self.inverse_gap(4)
        return np.asarray(self.kernel(lambda w: (w / (1 + (width * w) ** 2)) ** 4 * (1 - (width * w) ** 2)))

    def kernel(self, of: Callable[[Real], NDArray[Any]]) -> NDArray[Any]:
        """A function of 1/(eps_N - eps_M), zero at zero, between groups that can be occupied differently, else zero: (k,n,1,m).

        With the weight of m: every sum over pairs takes its function of the gap from here, and takes it once.
        """
        values = of(self._inverse_gap[:, :, None, :])
        return values if self.partners is None else values * self.partners[:, None, None, :]

    def inside(self, left: Complex) -> Complex:
        """The elements inside each group only: (k,n,b,m)."""
        return np.asarray(left * self.geometry.same_group[:, :, None, :])

    def re(self, left: Complex, weights: Real | None = None) -> Real:
        """Re sum_m left_nm w_nm O_mn: (k,n,rows...,m) -> (k,n,rows...,o). weights : w (k,n,1,m), or (k,n,d,m) -> (k,n,rows...,d,o);
        None: 1.
        """
        return row_trace(left, self.O) if weights is None else weighted_row_trace(left, weights, self.O)

    def im(self, left: Complex, weights: Real | None = None) -> Real:
        """Im sum_m left_nm w_nm O_mn, as `re`: (k,n,rows...,m) -> (k,n,rows...,o)."""
        return row_trace(-1j * left, self.O) if weights is None else weighted_row_trace(left, weights, self.O, imaginary=True)

    def direct(self) -> Real:
        """<D_b O>_nn, the explicit derivative of the observables: (k,n,b,o)."""
        return self._each(self._diagonal)

    def velocity_times_direct(self) -> Real:
        """Tr[v^d_NN (D_b O)_NN] band by band: (k,n,b,d,o)."""
        return self._each(self._inside_velocity)

    def _each(self, of: Callable[[str | Observable], Real]) -> Real:
        """Densities (k,n,...,o) of one observable after the other."""
        return np.concatenate([of(name) for name in self.observables], axis=-1)

    def _diagonal(self, which: str | Observable) -> Real:
        """(D_b O)_nn of one observable: (k,n,b,o). Where D_b O is not there, it is not made for that."""
        g, of_diagonal = self.geometry, self.geometry.record(which).derivative_diagonal
        if g.has_derivative(which):
            return np.moveaxis(diagonal(g.observable_derivative(which)), 3, 1)
        if of_diagonal is not None:
            return np.moveaxis(of_diagonal(g), 3, 1)
        found = self._by_slopes(which)
        return self._direct(which, rows) if found is None else found

    def _by_slopes(self, which: str | Observable) -> Real | None:
        """(D_b O)_nn = ({d_b X, Y}/2 + {X, d_b Y}/2)_nn + 2 Im (A_b O)_nn of O = {X, Y}/2, d_b in the Wannier gauge: (k,n,b,o).

        The products of d_b X and d_b Y with the states are enough. None: there are no such slopes, or D_b X and D_b Y are there.
        """
        g, factors = self.geometry, self.geometry.record(which).factors
        if factors is None or all(map(g.has_derivative, factors)):
            return None
        slope_of_X, slope_of_Y = (factor.slope for factor in factors)
        if slope_of_X is None or slope_of_Y is None:
            return None
        X, Y = (rows(g.observable(factor)) for factor in factors)
        one = row_trace(half_rotated(slope_of_X(g), g.states), self._times_bras(Y))
        other = row_trace(half_rotated(slope_of_Y(g), g.states), self._times_bras(X))
        found = (one + other.swapaxes(-1, -2)).reshape(*one.shape[:3], -1)
        return found if g.connection is None else found + row_trace(-2j * rows(g.connection), rows(g.observable(which)))

    def _times_bras(self, X: Complex) -> Complex:
        """X U^+: (k,n,x,m) -> (k,n,x,w)."""
        k, n, x, m = X.shape
        return np.asarray(X.reshape(k, n * x, m) @ adjoint(self.geometry.states)).reshape(k, n, x, -1)

    def _inside_velocity(self, which: str | Observable) -> Real:
        """Tr[v^d_NN (D_b O)_NN] of one observable: (k,n,b,d,o)."""
        g = self.geometry
        if not g.has_derivative(which):
            return self._direct(which, self._weighed)
        DO = rows(g.observable_derivative(which))
        result = np.zeros((*DO.shape[:3], 3, DO.shape[3]))
        compiled(_add_inside)(result, self.v, DO, g.group)
        return result

    def _weighed(self, X: Complex) -> Complex:
        """v^d_NN X: (k,x,n,m) -> (k,n,d,x,m)."""
        return self.vv.swapaxes(2, 3) if X is self.geometry.velocity else rows(self.geometry.group_velocity_times(X))

    @cached_property
    def exchange(self) -> Real:
        """Re{Tr[v^b_NM O_MM v^d_MN] - Tr[O_NN v^b_NM v^d_MN]}/eps_NM^4, symmetric in b, d: (k,n,b,d,o). See `broadened_slope`."""
        return self._with_group(self.broadened_slope(), far=1.0, own=-1.0)

    def re_own_group(self, kernel: Real) -> Real:
        """Re Tr[O_NN v^b_NM v^d_MN] kernel_NM band by band, symmetric in b, d: (k,n,1,m) -> (k,n,b,d,o).

        Both bands of a pair inside the group have the same term.
        """
        return self._with_group(kernel, far=0.0, own=1.0)

    def _with_group(self, kernel: Real, far: float, own: float) -> Real:
        """own times `re_own_group`, and far times Re Tr[v^b_NM O_MM v^d_MN] kernel_NM, likewise: (k,n,b,d,o)."""
        result = np.empty((*self.v.shape[:2], 3, 3, self.O.shape[2]))
        compiled(_add_groups)(result, self.v, self.O, kernel, self.geometry.group, (far, own))
        return result

    @cached_property
    def DO(self) -> Complex:
        """(D_b O)_nm, the explicit derivative of the observables: (k,b,o,n,m)."""
        joined = joined_rows([self.geometry.observable_derivative(name) for name in self.observables])
        return np.moveaxis(joined, 1, 3)

    @cached_property
    def direct_with_velocity(self) -> Real:
        """sum_m Re[(D_b O)_nm v^d_mn + (D_d O)_nm v^b_mn]/eps_nm^3, see `broadened`: (k,n,b,d,o)."""
        kernel = self.broadened(3)
        return self._each(lambda name: self.with_velocity(self.geometry.observable_derivative(name), kernel))

    def mixing(self) -> Complex:
        """[Y, v^b]_nm with Y_nm = O_nm/eps_nm, zero inside a group: how O mixes the bands into v^b. (k,b,o,n,m)."""
        g = self.geometry
        minus_Y = (self.O * -g.inverse_gap[:, :, None]).swapaxes(1, 2)
        return plus_adjoint(g.velocity[:, :, None], minus_Y[:, None])  # Y is anti-Hermitian: [Y, v] = -v Y - (v Y)^+

    @cached_property
    def injection_vertex(self) -> Complex:
        """i [v^d, O_D]_nm between groups, O_D the observable inside them, Hermitian: (k,n,d,o,m)."""
        return rows(1j * self._own_difference)

    @cached_property
    def shift_vertex(self) -> Complex:
        """(D_d O)_nm + [Y, v^d]_nm + [v^d, O_D]_nm/eps_nm between groups, Hermitian: (k,n,d,o,m). See `mixing` for Y."""
        return rows(self.DO + self.mixing() + self._own_difference * self.geometry.inverse_gap[:, None, None])

    @cached_property
    def _own_difference(self) -> Complex:
        """[v^d, O_D]_nm = v^d_NM O_MM - O_NN v^d_NM: (k,d,o,n,m)."""
        g = self.geometry
        inside = self._matrices * g.same_group[:, None]
        return 1j * bracket(g.velocity[:, :, None], inside[:, None])

    def re_of_velocity(self, X: Complex, kernel: Real) -> Real:
        """Re sum_m X^d_mn v^b_nm kernel_nm of a Hermitian X: (k,n,d,o,m), (k,n,1,m) -> (k,n,b,d,o)."""
        return row_trace(kernel * self.v, X)

    def im_of_velocity(self, X: Complex, kernel: Real) -> Real:
        """Im sum_m X^d_mn v^b_nm kernel_nm of a Hermitian X: (k,n,d,o,m), (k,n,1,m) -> (k,n,b,d,o)."""
        return row_trace(-1j * kernel * self.v, X)

    def with_velocity(self, X: Complex, kernel: Real) -> Real:
        """sum_m Re[X^b_nm v^d_mn + X^d_nm v^b_mn] kernel_nm: (k,b,o,n,m), (k,n,1,m) -> (k,n,b,d,o)."""
        half = weighted_row_trace(self.v, kernel, rows(X))  # v^d_mn X^b_nm: (k,n,d,b,o)
        return np.asarray(half + half.swapaxes(2, 3))

    def _direct(self, which: str | Observable, right: Callable[[Complex], Complex]) -> Real:
        """Re sum_m (D_b X)_nm Y_mn for the factors of O = {X, Y}/2: (k,n,b,o), or (k,n,b,d,o) if `right` brings an index d.

        D_b O is {D_b X, Y}/2 + {X, D_b Y}/2; the trace of an anticommutator is twice a real part. Where O is no product, Y = 1.
        """
        g = self.geometry
        factors = g.record(which).factors
        if factors is None:
            return np.moveaxis(row_trace(rows(g.observable_derivative(which)), right(self._one)), 3, -1)[..., 0, :]
        X, Y = factors
        one = np.moveaxis(row_trace(rows(g.observable_derivative(X)), right(g.observable(Y))), 3, -2)
        other = np.moveaxis(row_trace(rows(g.observable_derivative(Y)), right(g.observable(X))), 3, -1)
        return (one + other).reshape(*one.shape[:-2], -1)

    @property
    def _one(self) -> Complex:
        """The unit matrix as one row: (k,1,n,m)."""
        velocity = self.geometry.velocity
        return np.broadcast_to(np.eye(velocity.shape[-1], dtype=complex), (len(velocity), 1, *velocity.shape[2:]))


def _add_inside(result: Real, v: Complex, DO: Complex, group: Integers) -> None:  # pragma: no cover  (compiled)
    """Re sum_m v^d_nm (D_b O)_mn over the m in the group of n, D_b O given as (k,n,b,o,m): to (k,n,b,d,o)."""
    points, bands, fields, _ = v.shape
    for k in range(points):
        for n in range(bands):
            for m in range(bands):
                if group[k, n] == group[k, m]:
                    for b in range(fields):
                        for d in range(fields):
                            left = v[k, n, d, m]
                            for o in range(DO.shape[3]):
                                right = DO[k, n, b, o, m]
                                result[k, n, b, d, o] += left.real * right.real + left.imag * right.imag


def _add_groups(
    result: Real, v: Complex, O: Complex, kernel: Real, group: Integers, factors: tuple[float, float]
) -> None:  # pragma: no cover  (compiled)
    """To (k,n,b,d,o). Re O_mm and Re, Im O_mm' of all m < m' in one group are the same numbers for all bands and fields: found is
    what each is multiplied with, and they are summed by one matrix product for each k, as long as groups are small.

    With y_n = v^b_mn v^d_nm' + v^d_mn v^b_nm' far bands n have Re O_mm' conj(y_n), and m and m' half of the sum over n of it.
    """
    points, bands, n_o, _ = O.shape
    far, own = factors
    numbers, given, sums = np.empty((4 * bands, n_o)), np.zeros((4 * bands, 6 * bands)), np.empty((6 * bands, n_o))
    for k in range(points):
        count = 0
        sums[:] = 0.0
        for m in range(bands):
            other = m
            while other < bands and group[k, other] == group[k, m]:
                real, imaginary, of_real, of_imaginary = (count, count, 0.5, 0.0) if other == m else (count, count + 1, 1.0, 1.0)
                for o in range(n_o):
                    numbers[imaginary, o] = O[k, m, o, other].imag
                    numbers[real, o] = O[k, m, o, other].real
                for pair in range(6):
                    b, d, first = _FIRST[pair], _SECOND[pair], pair * bands
                    A, B, C, D = v[k, m, b], v[k, other, d], v[k, m, d], v[k, other, b]
                    to_real, to_imaginary, x, y = given[real, first:], given[imaginary, first:], 0.0, 0.0
                    for n in range(bands):
                        a = A[n].real * B[n].real + A[n].imag * B[n].imag + C[n].real * D[n].real + C[n].imag * D[n].imag
                        c = A[n].imag * B[n].real - A[n].real * B[n].imag + C[n].imag * D[n].real - C[n].real * D[n].imag
                        x += 0.5 * kernel[k, m, 0, n] * a
                        y += 0.5 * kernel[k, m, 0, n] * c
                        to_real[n] += far * of_real * kernel[k, n, 0, m] * a
                        to_imaginary[n] += far * of_imaginary * kernel[k, n, 0, m] * c
                    to_real[m] += own * x
                    to_real[other] += own * of_imaginary * x
                    to_imaginary[m] += own * of_imaginary * y
                    to_imaginary[other] += own * of_imaginary * y
                count, other = imaginary + 1, other + 1
                if count + 2 > len(numbers) or (m == bands - 1 and other == bands):
                    sums += given[:count].T @ numbers[:count]
                    given[:count], count = 0.0, 0
        for pair in range(6):
            b, d, first = _FIRST[pair], _SECOND[pair], pair * bands
            for n in range(bands):
                result[k, n, b, d] = sums[first + n]
                result[k, n, d, b] = sums[first + n]
