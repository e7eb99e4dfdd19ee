"""Densities of dynamic blocks at several frequencies together: what does not depend on the frequency is made once.

    D_n = sum_m K(1/eps_nm, z) N_nm/eps_nm^p,      N_nm = Re or Im of X_mn v^b_nm

Each pair eps_n > eps_m gives its term to n, and minus it to m (see `responses.transitions`). Blocks with the same matrix X share
the products X_mn v^b_nm. `DynamicBlock.density` says the same block by block, and is used where there is little to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Real, to_power
from wannier_spin.compiled import compiled
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.registry import DynamicBlock

Integers = NDArray[np.int64]
COMPILED_FROM = 2**17  # numbers: machine code is loaded in 0.7 s


@dataclass(frozen=True)
class _Fold:
    """From N (fields) to what stands in a block with Re K and with Im K: matrices (part * fields, fields), kind by kind."""

    matrices: Real

    @classmethod
    def of(cls, block: DynamicBlock) -> _Fold:
        size, fields = 3 ** len(block.fields), (3,) * len(block.fields)
        one = np.eye(size).reshape(size, *fields, 1)
        both = (block.transitions.parts(one, 0 * one), block.transitions.parts(0 * one, one))
        return cls(np.stack([np.asarray(X).reshape(size, 2 * size).T for X in both]))

    @property
    def ends(self) -> Integers:
        """First and last row that are not zero, one more of the latter: (kind, 2)."""
        used = [np.flatnonzero(np.abs(M).max(axis=1)) for M in self.matrices]
        return np.array([[rows[0], rows[-1] + 1] if len(rows) else [0, 0] for rows in used])


def dynamic_densities(chosen: Sequence[tuple[DynamicBlock, BandPairs]], frequencies: Sequence[complex]) -> Real:
    """Of blocks one after the other, each with its own observables: (k, n, channels), a block's (omega, part, fields, o)."""
    k, n = chosen[0][1].geometry.energies.shape
    sizes = [2 * 3 ** len(block.fields) * p.n_components * len(frequencies) for block, p in chosen]
    starts = np.cumsum([0, *sizes])
    if k * n * starts[-1] < COMPILED_FROM or any(p.partners is not None for _, p in chosen):
        found = [block.density(p, z).reshape(k, n, -1) for block, p in chosen for z in frequencies]
        return np.concatenate(found, axis=-1)
    densities = np.zeros((k, n, int(starts[-1])))
    alike: dict[tuple[str, int], list[int]] = {}
    for i, (block, p) in enumerate(chosen):
        alike.setdefault((block.transitions.matrix, id(p)), []).append(i)
    for together in alike.values():
        _add(densities, [chosen[i][0] for i in together], starts[together], chosen[together[0]][1], frequencies)
    return densities


def _add(densities: Real, blocks: Sequence[DynamicBlock], starts: Integers, p: BandPairs, frequencies: Sequence[complex]) -> None:
    """Blocks of one matrix X, to their places among the densities."""
    z, (k, n, m, w) = np.array(frequencies), p.upward
    kernels = [block.transitions.kernel(w[:, None], z) * to_power(w, block.transitions.power)[:, None] for block in blocks]
    folds = [_Fold.of(block) for block in blocks]
    compiled(_add_terms)(
        densities,
        starts,
        p.v,
        blocks[0].transitions.matrices(p),
        (k, n, m),
        np.stack(kernels, axis=1),
        np.array([block.transitions.imaginary for block in blocks]),
        np.stack([fold.matrices for fold in folds]),
        np.stack([fold.ends for fold in folds]),
    )


def _add_terms(
    densities: Real,
    starts: Integers,
    v: NDArray[np.complex128],
    X: NDArray[np.complex128],
    pairs: tuple[Integers, Integers, Integers],
    kernels: NDArray[np.complex128],
    imaginary: NDArray[np.bool_],
    folds: Real,
    ends: Integers,
) -> None:  # pragma: no cover  (compiled)
    """densities[k, n, start of block ...] += K N of all pairs; to m minus that.

    v (k,n,b,m), X (k,n,x,m); kernels (pairs, blocks, omega), with the power of eps; folds (blocks, kind, part * fields, fields),
    ends (blocks, kind, 2).
    """
    of_k, of_n, of_m = pairs
    b, x, fields = v.shape[2], X.shape[2], folds.shape[3]
    o = b * x // fields
    N, parts = np.empty((2, b * x)), np.empty((2, folds.shape[2] * o))
    for i in range(len(of_k)):
        k, n, m = of_k[i], of_n[i], of_m[i]
        for row in range(b * x):
            product = v[k, n, row // x, m] * X[k, n, row % x, m].conjugate()
            N[0, row], N[1, row] = product.real, product.imag
        for block in range(len(starts)):
            own = N[1 if imaginary[block] else 0]
            for kind in range(2):
                for row in range(ends[block, kind, 0], ends[block, kind, 1]):
                    parts[kind, row * o : (row + 1) * o] = 0.0
                    for field in range(fields):
                        factor = folds[block, kind, row, field]
                        if factor != 0:
                            for c in range(o):
                                parts[kind, row * o + c] += factor * own[field * o + c]
            for omega in range(kernels.shape[2]):
                start, K = starts[block] + omega * folds.shape[2] * o, kernels[i, block, omega]
                for kind in range(2):
                    factor = K.imag if kind else K.real
                    upper = densities[k, n, start:]
                    lower = densities[k, m, start:]
                    for c in range(ends[block, kind, 0] * o, ends[block, kind, 1] * o):
                        term = factor * parts[kind, c]
                        upper[c] += term
                        lower[c] -= term
