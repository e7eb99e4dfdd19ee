"""Stacks of small matrices: the few operations that all between bands is made of, and the only seam for another array library.

All arrays are (..., n, m): the last two axes are a matrix, those before them run over k-points and components. The functions
use the operators and methods that arrays of any library have, and `eigh` asks the library of its argument.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


def adjoint(X: Complex) -> Complex:
    """Hermitian conjugate."""
    return X.swapaxes(-1, -2).conj()


def commutator(X: Complex, Y: Complex) -> Complex:
    """[X, Y]."""
    return np.asarray(X @ Y - Y @ X)


def bracket(A: Complex, X: Complex) -> Complex:
    """-i [A, X] of Hermitian matrices, by one matrix product."""
    product = A @ X
    return np.asarray(-1j * (product - adjoint(product)))


def half_anticommutator(X: Complex, Y: Complex) -> Complex:
    """{X, Y}/2 of Hermitian matrices, by one matrix product."""
    product = X @ Y
    return np.asarray((product + adjoint(product)) / 2)


def rotate(X: Complex, U: Complex) -> Complex:
    """U^+ X U: (k,...,n,m) with U (k,n,m)."""
    U = U.reshape(len(X), *(1,) * (X.ndim - 3), *U.shape[1:])
    return np.asarray(adjoint(U) @ (X @ U))


def eigh(H: Complex) -> tuple[Real, Complex]:
    """Eigenvalues (k,n) ascending and eigenvectors (k,w,n), columns, of Hermitian matrices (k,w,w)."""
    energies, states = np.linalg.eigh(H)
    return energies, states


def diagonal(X: Complex) -> Real:
    """Re X_nn of Hermitian matrices: (...,n)."""
    return np.asarray(np.diagonal(X, axis1=-2, axis2=-1).real)


def weighted(weights: Real, X: Real) -> Real:
    """sum_m w_nm X_m: (k,n,m), (k,...,m) -> (k,...,n)."""
    return np.asarray(np.einsum("knm,k...m->k...n", weights, X))


def pairs(left: Complex, right: Complex, weights: Real | None = None) -> Complex:
    """left_nm right_mn, times w_nm: (k,a,n,m), (k,b,n,m), (k,n,m) -> (k,a,b,n,m); or (k,a,c,n,m), ... -> (k,a,b,c,n,m)."""
    after = "c" if left.ndim == 5 else ""
    factors = (left, right) if weights is None else (left, right, weights)
    given = f"ka{after}nm,kbmn" + ("" if weights is None else ",knm")
    return np.asarray(np.einsum(f"{given}->kab{after}nm", *factors, optimize=weights is not None))


def rows(X: Complex) -> Complex:
    """(k, rows..., n, m) -> (k, n, rows..., m), contiguous: for each n all that a sum over m needs."""
    return np.ascontiguousarray(np.moveaxis(X, -2, 1))


def row_trace(left: Complex, right: Complex) -> Real:
    """Re sum_m left_nm right_mn of Hermitian `right`, given as right_nm: (k,n,i...,m), (k,n,j...,m) -> (k,n,i...,j...)."""
    k, n, *i, m = left.shape
    j = right.shape[2:-1]
    a, b = (np.ascontiguousarray(X).view(float).reshape(k, n, -1, 2 * m) for X in (left, right))
    return np.asarray(a @ b.swapaxes(-1, -2)).reshape(k, n, *i, *j)
