"""Stacks of small matrices: the few operations that all between bands is made of, and the only seam for another array library.

All arrays are (k, components..., n, m): the last two axes are a matrix, those before them run over k-points and components. In
memory the components best stand between n and m: then products with one matrix, or of all pairs of two stacks, are one product of
large matrices for each k, and nothing is copied for the sums over m in the end. What is made here is laid out like that, and
`interleaved` makes such arrays; others are right too, and are copied.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wannier_spin.compiled import compiled

COMPILED_FROM = 2**15  # elements: machine code is loaded in 0.7 s, and numpy adds fewer in a fifth of a millisecond, bit for bit

IN_CACHE = 2**20  # bytes of matrices that are halfway between bands: they are read again before they leave the cache
AT_ONCE, MATRICES = 512, 2**24  # k-points, and bytes of matrices between the bands there, with about fifty of them for each
SYMMETRIC = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])  # (a, b) -> position in the upper triangle

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


def adjoint(X: Complex) -> Complex:
    """Hermitian conjugate: (..., n, m) -> (..., m, n)."""
    return X.swapaxes(-1, -2).conj()


def commutator(X: Complex, Y: Complex) -> Complex:
    """[X, Y]: (..., n, n), the axes before them as numpy broadcasts them."""
    return np.asarray(X @ Y - Y @ X)


def interleaved(points: int, components: int, n: int) -> Complex:
    """An empty array (k, components, n, m) with the components between n and m in memory."""
    return np.empty((points, n, components, n), complex).swapaxes(1, 2)


def bracket(A: Complex, X: Complex, *more: tuple[Complex, Complex]) -> Complex:
    """-i [A, X] of Hermitian matrices (k, ..., n, n), by one matrix product; with `more` pairs the sum. Shapes as in `times`."""
    return _with_adjoint(-1j, (A, X), *more)


def half_anticommutator(X: Complex, Y: Complex, *more: tuple[Complex, Complex]) -> Complex:
    """{X, Y}/2 of Hermitian matrices (k, ..., n, n), by one matrix product; with `more` pairs the sum. Shapes as in `times`."""
    return _with_adjoint(0.5, (X, Y), *more)


def plus_adjoint(X: Complex, Y: Complex) -> Complex:
    """X Y + (X Y)^+ of (k, ..., n, n). Shapes as in `times`."""
    return _with_adjoint(1.0, (X, Y))


def hermitian_part(X: Complex, factor: float = 1.0) -> Complex:
    """(X + X^+)/2, times a factor: (k, ..., n, n)."""
    between = _interleaved(X)
    own = between.copy() if np.may_share_memory(between, X) else between
    _plus_own_adjoint(own, 0.5 * factor)
    return _components(own, X.shape[1:-2])


def times(X: Complex, Y: Complex) -> Complex:
    """X Y: (k, ..., n, m), the axes between k and n, m as numpy broadcasts them."""
    order = _pairs_of(X, Y)
    return np.asarray(X @ Y) if order is None else np.asarray(_products(X, Y).transpose(order))


def rotate(X: Complex, U: Complex) -> Complex:
    """U^+ X U: (k,...,n,m) with U (k,n,m)."""
    k, n = U.shape[:2]
    between = _interleaved(X)
    result, bra = np.empty(between.shape, complex), adjoint(U)
    step = max(IN_CACHE // (16 * max(between[:1].size, 1)), 1)
    for some in (slice(first, first + step) for first in range(0, k, step)):
        half = bra[some] @ between[some].reshape(len(bra[some]), n, -1)
        np.matmul(half.reshape(len(half), -1, n), U[some], out=result[some].reshape(len(half), -1, n))
    return _components(result, X.shape[1:-2])


def _with_adjoint(factor: complex, *pairs: tuple[Complex, Complex]) -> Complex:
    """Z + Z^+, Z = factor times the sum of X Y over pairs."""
    orders = [_pairs_of(X, Y) for X, Y in pairs]
    if None in orders:
        plain = np.asarray(factor * sum(X @ Y for X, Y in pairs))
        return np.asarray(plain + adjoint(plain))
    product = _products(*pairs[0])
    result = product.transpose(orders[0])
    for (X, Y), order in zip(pairs[1:], orders[1:], strict=True):
        result += _products(X, Y).transpose(order)
    _plus_own_adjoint(product.reshape(*product.shape[:2], -1, product.shape[-1]), factor)
    return np.asarray(result)


def _pairs_of(X: Complex, Y: Complex) -> tuple[int, ...] | None:
    """Axes that bring `_products` into the order of X Y; None where one of them is an axis of both."""
    if X.ndim != Y.ndim or len(X) != len(Y) or any(x > 1 and y > 1 for x, y in zip(X.shape[1:-2], Y.shape[1:-2], strict=True)):
        return None
    places = [i for i in range(1, X.ndim - 2) if X.shape[i] > 1] + [i for i in range(1, X.ndim - 2) if X.shape[i] == 1]
    return (0, *(2 + places.index(i) for i in range(1, X.ndim - 2)), 1, X.ndim - 1)


def _products(X: Complex, Y: Complex) -> Complex:
    """X_x Y_y of all components: (k,n,x...,y...,m), one product of large matrices for each k."""
    k, n = len(X), X.shape[-1]
    product = _interleaved(X).reshape(k, -1, n) @ _interleaved(Y).reshape(k, n, -1)
    shape = [x for x in X.shape[1:-2] if x > 1] + [y for x, y in zip(X.shape[1:-2], Y.shape[1:-2], strict=True) if x == 1]
    return np.asarray(product.reshape(k, n, *shape, n))


def _interleaved(X: Complex) -> Complex:
    """(k,...,n,m) -> (k,n,(...),m); a copy only where the components do not stand between n and m, as part of a stack or alone."""
    k, n, m = len(X), *X.shape[-2:]
    return X.transpose(0, X.ndim - 2, *range(1, X.ndim - 2), X.ndim - 1).reshape(k, n, -1, m)


def _components(X: Complex, shape: tuple[int, ...]) -> Complex:
    """(k,n,(...),m) -> (k,...,n,m), as a view."""
    parted = X.reshape(*X.shape[:2], *shape, X.shape[-1])
    return parted.transpose(0, *range(2, parted.ndim - 1), 1, parted.ndim - 1)


def _plus_own_adjoint(X: Complex, factor: complex) -> None:
    """Z + Z^+ in place of X (k,n,c,m), Z = factor X."""
    if X.size >= COMPILED_FROM:
        compiled(_add_adjoint)(X, complex(factor))
        return
    X *= factor
    X += X.conj().swapaxes(1, 3)


def _add_adjoint(X: Complex, factor: complex) -> None:  # pragma: no cover  (compiled)
    """The same, one matrix after the other: it is in the cache."""
    points, n, components, _ = X.shape
    a, b = factor.real, factor.imag
    for k in range(points):
        for c in range(components):
            Y = X[k, :, c]
            for i in range(n):
                for j in range(i + 1):
                    x, y = Y[i, j], Y[j, i]
                    real = a * (x.real + y.real) - b * (x.imag + y.imag)
                    imaginary = a * (x.imag - y.imag) + b * (x.real - y.real)
                    Y[i, j], Y[j, i] = complex(real, imaginary), complex(real, -imaginary)


def group_ends(group: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First state of the group of each state, and the one after its last: (k, n) each."""
    n = group.shape[1]
    new = np.diff(group, axis=1) != 0
    ones = np.ones((len(group), 1), bool)
    first = np.maximum.accumulate(np.where(np.concatenate([ones, new], axis=1), np.arange(n), 0), axis=1)
    after = np.where(np.concatenate([new, ones], axis=1), np.arange(1, n + 1), n)
    return first, np.minimum.accumulate(after[:, ::-1], axis=1)[:, ::-1]


def group_means(X: Real, group: NDArray[np.int64]) -> Real:
    """The mean over each group of bands, a run of neighbours, for every band of it: (k,...,n), (k,n) -> (k,...,n)."""
    k, n = group.shape
    if group.size * n < COMPILED_FROM:  # matrices of so many elements are handled in machine code in any case
        return _means_of_runs(X, group)
    result = np.array(X.reshape(k, -1, n))
    compiled(_group_means)(result, group)
    return result.reshape(X.shape)


def _means_of_runs(X: Real, group: NDArray[np.int64]) -> Real:
    """The same, but for rounding in groups of three and more."""
    new = np.concatenate([np.ones((len(group), 1), bool), group[:, 1:] != group[:, :-1]], axis=1)
    first = np.flatnonzero(new)
    sizes = np.diff(np.append(first, group.size))
    by_state = np.moveaxis(X, 0, -2).reshape(-1, group.size)
    means = np.repeat(np.add.reduceat(by_state, first, axis=1) / sizes, sizes, axis=1)
    return np.moveaxis(means.reshape(*X.shape[1:-1], *group.shape), -2, 0)


def _group_means(X: Real, group: NDArray[np.int64]) -> None:  # pragma: no cover  (compiled)
    """In place of X (k,x,n)."""
    points, rest, bands = X.shape
    for k in range(points):
        first = 0
        while first < bands:
            last = first + 1
            while last < bands and group[k, last] == group[k, first]:
                last += 1
            for x in range(rest if last > first + 1 else 0):
                total = X[k, x, first]
                for n in range(first + 1, last):
                    total += X[k, x, n]
                X[k, x, first:last] = total / (last - first)
            first = last


def inside_times(V: Complex, X: Complex, group: NDArray[np.int64]) -> Complex:
    """V_NN X, V inside the groups of bands only, each a run of neighbours: (k,d,n,m), (k,x,n,m), (k,n) -> (k,d,x,n,m)."""
    k, d, n, m = V.shape
    result = np.empty((k, n, X.shape[1], d, m), complex)
    compiled(_inside_times)(result, rows(V), rows(X), group)
    return result.transpose(0, 3, 2, 1, 4)


def _inside_times(result: Complex, V: Complex, X: Complex, group: NDArray[np.int64]) -> None:  # pragma: no cover  (compiled)
    """To (k,n,x,d,m) from (k,n,d,m), (k,n,x,m)."""
    points, bands, fields, _ = V.shape
    for k in range(points):
        for n in range(bands):
            first = n
            while first > 0 and group[k, first - 1] == group[k, n]:
                first -= 1
            for x in range(X.shape[2]):
                for d in range(fields):
                    for m in range(bands):
                        result[k, n, x, d, m] = V[k, n, d, first] * X[k, first, x, m]
                    last = first + 1
                    while last < bands and group[k, last] == group[k, n]:
                        for m in range(bands):
                            result[k, n, x, d, m] += V[k, n, d, last] * X[k, last, x, m]
                        last += 1


def rotated_diagonal(X: Complex, U: Complex) -> Real:
    """Re (U^+ X U)_nn: (k,...,n,m) with U (k,n,m) -> (k,...,n). Half of what `rotate` takes."""
    half, bra = half_rotated(X, U), np.ascontiguousarray(adjoint(U))
    return (
        row_trace(half.reshape(*half.shape[:2], -1, half.shape[-1]), bra[:, :, None])[..., 0].swapaxes(1, 2).reshape(*X.shape[:-1])
    )


def half_rotated(X: Complex, U: Complex) -> Complex:
    """U^+ X as `rows`: (k,...,w,v) with U (k,w,n) -> (k,n,...,v)."""
    k, n = U.shape[:2]
    return np.asarray(adjoint(U) @ _interleaved(X).reshape(k, n, -1)).reshape(k, n, *X.shape[1:-2], n)


def add_row_products(
    total: Complex, left: Complex, right: Complex, places: NDArray[np.int64], ranges: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> None:
    """sum_l left_nl right_lm to total (k,n,x,m), (k,n,i,m), (k,n,j,m), at the place x of each pair of components (i,j).

    ranges : at each point the first row, counted from the first that is there, and where columns end, (k,) each.
    """
    compiled(_add_row_products)(total, left, right, np.ascontiguousarray(places), ranges)


def _add_row_products(
    total: Complex, left: Complex, right: Complex, places: NDArray[np.int64], ranges: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> None:  # pragma: no cover  (compiled)
    """total[k, n, places[i, j], m] += sum_l left_nil right_ljm, one k after the other: what is made of it is in the cache.

    Rows n are counted from the first that is there.
    """
    bands, n_left, n_right = left.shape[1], left.shape[2], right.shape[2]
    all_columns = np.empty(bands * n_right * total.shape[3], np.complex128)
    all_products = np.empty(total.shape[1] * n_left * n_right * total.shape[3], np.complex128)
    for k in range(len(total)):
        first, stop = ranges[0][k], ranges[1][k]
        n_rows = total.shape[1] - first
        columns = all_columns[: bands * n_right * stop].reshape(bands, n_right * stop)
        product = all_products[: n_rows * n_left * n_right * stop].reshape(n_rows * n_left, n_right * stop)
        if not product.size:
            continue
        for l in range(bands):
            for j in range(n_right):
                for m in range(stop):
                    columns[l, j * stop + m] = right[k, l, j, m]
        np.dot(left[k, bands - n_rows :].reshape(n_rows * n_left, bands), columns, product)
        for n in range(n_rows):
            for i in range(n_left):
                for j in range(n_right):
                    into, given = total[k, first + n, places[i, j]], product[n * n_left + i, j * stop : (j + 1) * stop]
                    for m in range(len(given)):
                        into[m] += given[m]


def eigh(H: Complex) -> tuple[Real, Complex]:
    """Eigenvalues (k,n) ascending and eigenvectors (k,w,n), columns, of Hermitian matrices (k,w,w)."""
    energies, states = np.linalg.eigh(H)
    return energies, states


def hermitian_over_R(X: Complex, partner: NDArray[np.int64]) -> tuple[Complex, float, float]:
    """(O(R) + O(-R)^+)/2 of matrices (R,n,m,...), and the largest |O(R) - O(-R)^+| and |O(R)|. partner : index of -R, (R,).

    One R after the other: of the largest models there is no room for copies.
    """
    result, error, scale = np.empty(X.shape, complex), 0.0, 0.0
    for R, opposite in enumerate(partner):
        adjoint = X[opposite].swapaxes(0, 1).conj()
        error = max(error, float(np.abs(X[R] - adjoint).max(initial=0.0)))
        scale = max(scale, float(np.abs(X[R]).max(initial=0.0)))
        result[R] = (X[R] + adjoint) / 2
    return result, error, scale


def slices(points: int, n_bands: int, most: int = AT_ONCE) -> Iterator[slice]:
    """Of so many k-points, in order, one after the other: fewer at once where a matrix between the bands is large."""
    step = max(1, min(most, MATRICES // (16 * n_bands**2)))
    return (slice(first, min(first + step, points)) for first in range(0, points, step))


def eigvalsh(H: Complex) -> Real:
    """Eigenvalues (k,n) ascending of Hermitian matrices (k,w,w)."""
    return np.asarray(np.linalg.eigvalsh(H))


def diagonal(X: Complex) -> Real:
    """Re X_nn of Hermitian matrices: (...,n)."""
    return np.asarray(np.diagonal(X, axis1=-2, axis2=-1).real)


def to_power(X: Real, power: int) -> Real:
    """X^power of each element (...), power >= 1, by products: numpy's own powers above the second are ten times slower."""
    result = X
    for _ in range(power - 1):
        result = result * X
    return result


def pairs(left: Complex, right: Complex, weights: Real | None = None) -> Complex:
    """left_nm right_mn, times w_nm: (k,a,n,m), (k,b,n,m), (k,n,m) -> (k,a,b,n,m); or (k,a,c,n,m), ... -> (k,a,b,c,n,m)."""
    after = "c" if left.ndim == 5 else ""
    factors = (left, right) if weights is None else (left, right, weights)
    given = f"ka{after}nm,kbmn" + ("" if weights is None else ",knm")
    return np.asarray(np.einsum(f"{given}->kab{after}nm", *factors, optimize=weights is not None))


def rows(X: Complex) -> Complex:
    """(k, rows..., n, m) -> (k, n, rows..., m), contiguous: for each n all that a sum over m needs."""
    return np.ascontiguousarray(X.transpose(0, X.ndim - 2, *range(1, X.ndim - 2), X.ndim - 1))


def joined_rows(several: Sequence[Complex]) -> Complex:
    """`rows` of stacks that differ in the number of their last components, side by side: (k,...,c,n,m) -> (k,n,...,(c),m)."""
    if len(several) == 1:
        return rows(several[0])
    return np.concatenate([X.transpose(0, X.ndim - 2, *range(1, X.ndim - 2), X.ndim - 1) for X in several], axis=-2)


def row_trace(left: Complex, right: Complex) -> Real:
    """Re sum_m left_nm right_mn of Hermitian `right`, given as right_nm: (k,n,i...,m), (k,n,j...,m) -> (k,n,i...,j...)."""
    k, n, *i, m = left.shape
    j = right.shape[2:-1]
    a, b = (np.ascontiguousarray(X).view(float).reshape(k, n, -1, 2 * m) for X in (left, right))
    return np.asarray(a @ b.swapaxes(-1, -2)).reshape(k, n, *i, *j)


def weighted_row_trace(left: Complex, weights: Real, right: Complex, imaginary: bool = False) -> Real:
    """Re (or Im) sum_m left_nm w_nm right_mn, shapes as in `row_trace`, with weights (k,n,1,m), or (k,n,w,m): then (k,n,i...,w,j).

    One (k,n) after the other: what is weighed stays in the cache.
    """
    k, n, *i, m = left.shape
    if left.size * weights.shape[2] < COMPILED_FROM:
        weighed = (-1j * left if imaginary else left)[..., None, :] * np.expand_dims(weights, tuple(range(2, 2 + len(i))))
        result = row_trace(weighed, right)
    else:
        result = np.empty((k, n, math.prod(i), weights.shape[2], math.prod(right.shape[2:-1])))
        numbers = (np.ascontiguousarray(X).view(float).reshape(k, n, -1, 2 * m) for X in (left, right))
        compiled(_weighted_row_trace)(result, *numbers, np.ascontiguousarray(weights), imaginary)
    w = weights.shape[2:3] if weights.shape[2] > 1 else ()
    return np.asarray(result.reshape(k, n, *i, *w, *right.shape[2:-1]))


def _weighted_row_trace(
    result: Real, left: Real, right: Real, weights: Real, imaginary: bool
) -> None:  # pragma: no cover  (compiled)
    """To (k,n,i,w,j) from (k,n,i,2m), (k,n,j,2m), (k,n,w,m)."""
    points, bands, n_left, n_weights, n_right = result.shape
    weighed = np.empty((n_left, n_weights, left.shape[3]))
    rows = weighed.reshape(n_left * n_weights, left.shape[3])
    for k in range(points):
        for n in range(bands):
            for i in range(n_left):
                X = left[k, n, i]
                for w in range(n_weights):
                    into, weight = weighed[i, w], weights[k, n, w]
                    for m in range(len(weight)):
                        real, imag = weight[m] * X[2 * m], weight[m] * X[2 * m + 1]
                        into[2 * m] = imag if imaginary else real
                        into[2 * m + 1] = -real if imaginary else imag
            np.dot(rows, right[k, n].T, result[k, n].reshape(n_left * n_weights, n_right))
