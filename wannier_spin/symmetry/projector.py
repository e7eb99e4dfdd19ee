"""How response tensors transform, and what a group leaves of them.

    (g X)_{ab...} = t R_aa' R_bb' ... X_{a'b'...},   R -> det(R) R for axial indices,   t = time parity if g reverses time

Axial indices are spins, which the operations of a spin group (`spin_groups`) turn on their own; orbital ones are axial too and
stay bound to the lattice.

Everything follows from the record of a response (its law and its power of tau). The projector on invariant tensors is
the mean over the group; its trace is the number of independent components.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.components import LETTERS, AllowedTensor, written
from wannier_spin.symmetry.operations import Operation
from wannier_spin.tensors import IndexKind, symmetrized

Real = NDArray[np.float64]
TOLERANCE = 1e-8
ROUNDING = 1e-14  # of elements of a projector, which are of order one


@dataclass(frozen=True)
class TensorKind:
    """What matters for symmetry: the kinds of the indices, the parity under time reversal, and equal fields.

    symmetric : positions of the indices, one after the other, in which the tensor is symmetric (fields of the full forms),
    or None. field_order : number of fields, for the names of components. reciprocal : of rank two, whether current and field
    exchange their places with the sign of the time parity: sigma_ab = t sigma_ba (L. Onsager, Phys. Rev. 38, 2265 (1931)).
    """

    labels: str
    kinds: tuple[IndexKind, ...]
    time_parity: int
    symmetric: tuple[int, ...] | None = None
    field_order: int | None = None
    reciprocal: bool = False

    @property
    def rank(self) -> int:
        return len(self.kinds)


def transform(values: Real, kind: TensorKind, operation: Operation) -> Real:
    """The tensor (..., 3, 3, ...) as seen after the operation."""
    result = values
    first = values.ndim - kind.rank
    for i, index in enumerate(kind.kinds):
        result = np.moveaxis(np.tensordot(operation.on_index(index), result, axes=(1, first + i)), 0, first + i)
    return np.asarray(result * (kind.time_parity if operation.time_reversal else 1))


def project(values: Real, kind: TensorKind, operations: Sequence[Operation], signs: Sequence[int] | None = None) -> Real:
    """Mean over the group: the invariant part of the tensor (..., 3, 3, ...).

    signs : a one-dimensional representation of the group, +1 or -1 for each operation; None: all +1.
    """
    P = projector(kind, operations, signs)
    P[np.abs(P) < ROUNDING] = 0.0  # what rounding leaves of zeros: forbidden components vanish exactly
    return np.asarray(values.reshape(-1, len(P)) @ P.T).reshape(values.shape)


def matrices(kind: TensorKind, operations: Sequence[Operation]) -> Iterator[Real]:
    """What each operation does with flattened tensors: (3^rank, 3^rank)."""
    for left, right in zip(*_halves(kind, operations), strict=True):
        yield np.kron(left, right)


def _halves(kind: TensorKind, operations: Sequence[Operation]) -> tuple[Real, Real]:
    """Matrices of all operations on the first and on the last half of the indices: (operations, 3^half, 3^half) each, the
    reversal of time with the first.
    """
    laws = {index: np.array([operation.on_index(index) for operation in operations]) for index in set(kind.kinds)}
    first = np.array([kind.time_parity if operation.time_reversal else 1.0 for operation in operations])[:, None, None]
    halves = [first, np.ones_like(first)]
    for i, index in enumerate(kind.kinds):
        half = i >= kind.rank // 2
        product = halves[half][:, :, None, :, None] * laws[index][:, None, :, None, :]
        halves[half] = product.reshape(len(operations), *2 * (3 * halves[half].shape[1],))
    return halves[0], halves[1]


def symmetric_in_fields(values: Real, kind: TensorKind) -> Real:
    """The part of the tensor (..., 3, 3, ...) that is symmetric in equal fields, or reciprocal, if its kind says so."""
    if kind.reciprocal:
        return (values + kind.time_parity * values.swapaxes(-1, -2)) / 2
    if not kind.symmetric:
        return values
    return symmetrized(values, values.ndim - kind.rank + kind.symmetric[0], len(kind.symmetric))


def project_bound(bounds: Real, kind: TensorKind, operations: Sequence[Operation]) -> Real:
    """Bounds of the components of the invariant part, from bounds of all components (..., 3, 3, ...)."""
    flat = bounds.reshape(*bounds.shape[: bounds.ndim - kind.rank], -1)
    return np.asarray(flat @ np.abs(projector(kind, operations)).T).reshape(bounds.shape)


def projector(kind: TensorKind, operations: Sequence[Operation], signs: Sequence[int] | None = None) -> Real:
    """Matrix of the projector on flattened tensors, (3^rank, 3^rank); P P = P. The sum over the group is one matrix product."""
    size, n = 3**kind.rank, len(operations)
    left, right = _halves(kind, operations)
    weights = np.ones(n) if signs is None else np.array(signs, float)
    mean = np.tensordot(left * (weights / n)[:, None, None], right, axes=(0, 0)).transpose(1, 3, 0, 2)  # transposed
    return symmetric_in_fields(mean.reshape(size, *(3,) * kind.rank), kind).reshape(size, size).T


def n_independent(kind: TensorKind, operations: Sequence[Operation]) -> int:
    """Number of independent components."""
    return round(float(np.trace(projector(kind, operations))))


def allowed(kind: TensorKind, operations: Sequence[Operation], signs: Sequence[int] | None = None) -> AllowedTensor:
    """Independent components and relations, by Gaussian elimination of the invariant tensors in the order xxx, xxy, ..."""
    basis = _echelon_basis(projector(kind, operations, signs))
    fields = kind.rank if kind.field_order is None else kind.field_order
    names = [written("".join(letters), fields) for letters in itertools.product(LETTERS, repeat=kind.rank)]
    pivots = [int(np.flatnonzero(np.abs(row) > TOLERANCE)[0]) for row in basis]
    relations = {}
    for i, name in enumerate(names):
        terms = tuple((float(row[i]), names[p]) for row, p in zip(basis, pivots, strict=True) if abs(row[i]) > TOLERANCE)
        if i not in pivots and terms:
            relations[name] = terms
    return AllowedTensor(tuple(names[p] for p in pivots), relations)


def invariant_basis(kind: TensorKind, operations: Sequence[Operation]) -> Real:
    """Orthonormal invariant tensors as rows, (n_independent, 3^rank); the same on every machine."""
    return basis_of(projector(kind, operations))


def basis_of(P: Real) -> Real:
    """An orthonormal basis (n_independent, n) of what a symmetric projector (n, n) leaves, as rows; the same on every machine."""
    rows = _echelon_basis(P)
    orthonormal, triangle = np.linalg.qr(rows.T)
    return np.asarray((orthonormal * np.where(np.diag(triangle) < 0, -1, 1)).T)


def _echelon_basis(P: Real) -> Real:
    """What a symmetric projector leaves, as rows in reduced echelon form."""
    left, singular, _ = np.linalg.svd(P)
    return _reduced_echelon(left[:, singular > 0.5].T)


def _reduced_echelon(rows: Real) -> Real:
    """Reduced row echelon form of independent rows."""
    rows = rows.copy()
    column = 0
    for i in range(len(rows)):
        while np.abs(rows[i:, column]).max() < TOLERANCE:
            column += 1
        pivot = i + int(np.argmax(np.abs(rows[i:, column])))
        rows[[i, pivot]] = rows[[pivot, i]]
        rows[i] /= rows[i, column]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, column], rows[i])
        column += 1
    rows[np.abs(rows) < TOLERANCE] = 0
    return rows
