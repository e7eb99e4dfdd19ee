"""Densities of dynamic blocks at several frequencies together: what does not depend on the frequency is made once.

    D_n = sum_m K(1/eps_nm, z) N_nm/eps_nm^p,      N_nm = Re or Im of X_mn v^b_nm

Each pair eps_n > eps_m gives its term to n, and minus it to m (see `responses.transitions`). Blocks with the same matrix X share
the products X_mn v^b_nm. `DynamicBlock.density` says the same block by block, and is used where there is little to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Real, to_power
from wannier_spin.compiled import compiled
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.registry import DynamicBlock
from wannier_spin.responses.vertices import Vertices

Integers = NDArray[np.int64]
COMPILED_FROM = 2**17  # numbers: machine code is loaded in 0.7 s
CHUNK = 8  # points in k at once: what they have stays in the cache


@dataclass(frozen=True)
class _Fold:
    """What stands in a block with Re K, or with Im K: rows of a matrix (part * fields, fields) on N, each once up to its sign.

    unique : (r, fields), in light what is symmetric (6 rows) or antisymmetric (3) in the fields. source, sign : (part * fields,),
    every row of the matrix is a sign, or 0, times that of `unique`.
    """

    unique: Real
    source: Integers
    sign: Real

    @classmethod
    def of(cls, block: DynamicBlock) -> tuple[_Fold, _Fold]:
        """For Re K and for Im K."""
        size, fields = 3 ** len(block.fields), (3,) * len(block.fields)
        one = np.eye(size).reshape(size, *fields, 1)
        both = (block.transitions.parts(one, 0 * one), block.transitions.parts(0 * one, one))
        return cls._split(np.asarray(both[0]).reshape(size, -1).T), cls._split(np.asarray(both[1]).reshape(size, -1).T)

    @classmethod
    def _split(cls, matrix: Real) -> _Fold:
        unique: list[Real] = []
        source, sign = np.zeros(len(matrix), np.int64), np.zeros(len(matrix))
        for i, row in enumerate(matrix):
            if row.any():
                known = [j for j, one in enumerate(unique) if np.array_equal(row, one) or np.array_equal(row, -one)]
                if not known:
                    unique.append(row)
                source[i] = known[0] if known else len(unique) - 1
                sign[i] = np.sign(unique[source[i]] @ row)
        return cls(np.array(unique).reshape(len(unique), matrix.shape[1]), source, sign)


@cache
def _folds(blocks: tuple[DynamicBlock, ...]) -> list[_Fold]:
    """Of several blocks side by side, for Re K and for Im K: (block, r, fields) with zeros behind, (block, part * fields) twice."""
    found = []
    for folds in zip(*map(_Fold.of, blocks), strict=True):
        most = max(len(fold.unique) for fold in folds)
        unique = [np.pad(fold.unique, ((0, most - len(fold.unique)), (0, 0))) for fold in folds]
        found.append(_Fold(np.stack(unique), np.stack([fold.source for fold in folds]), np.stack([fold.sign for fold in folds])))
    return found


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
    imaginary = np.array([block.transitions.imaginary for block in blocks], np.int64)
    vertices, ends = Vertices.of(p), np.searchsorted(k, np.arange(len(densities) + 1))
    X, kernel, o = vertices.matrices(blocks[0].transitions.matrix), np.stack(kernels, axis=1), p.n_components
    for first in range(0, len(densities), CHUNK):
        some, own = slice(first, first + CHUNK), slice(ends[first], ends[min(first + CHUNK, len(densities))])
        given = (p.v[some], X[some], vertices.first, imaginary, ends[first : first + CHUNK + 1] - own.start, n[own], m[own])
        for part, fold in zip((np.real, np.imag), _folds(tuple(blocks)), strict=True):
            sums = np.zeros((*densities[some].shape[:2], len(blocks), len(z), fold.unique.shape[1] * o))
            compiled(_add_terms)(sums, fold.unique, *given, np.ascontiguousarray(part(kernel[own])))
            compiled(_place)(densities[some], starts, fold.source, fold.sign, sums, o)


def _add_terms(
    sums: Real,
    unique: Real,
    v: NDArray[np.complex128],
    X: NDArray[np.complex128],
    first_n: int,
    imaginary: Integers,
    ends: Integers,
    of_n: Integers,
    of_m: Integers,
    kernels: Real,
) -> None:  # pragma: no cover  (compiled)
    """sums[k, n, block, omega, (r, o)] += K (unique N) of all pairs; to m minus that.

    unique (block, r, fields); v (k,n,b,m), X (k,n - first_n,x,m); imaginary (block,) 1 or 0; ends (k+1,): of the pairs of each k;
    kernels (pairs, block, omega), with the power of eps. The inner loops go from zero along the last axis: such are made fast.
    """
    width, fields = X.shape[2], unique.shape[2]
    product = np.empty((2, v.shape[2], width))
    N = product.reshape(2, fields, v.shape[2] * width // fields)
    now = np.empty((*unique.shape[:2], N.shape[2]))
    folded = now.reshape(len(now), now.shape[1] * now.shape[2])
    for k in range(len(sums)):
        for i in range(ends[k], ends[k + 1]):
            n, m = of_n[i], of_m[i]
            for b in range(v.shape[2]):
                for x in range(width):
                    one = v[k, n, b, m] * X[k, n - first_n, x, m].conjugate()
                    product[0, b, x], product[1, b, x] = one.real, one.imag
            now[:] = 0.0
            for block in range(len(unique)):
                for r in range(unique.shape[1]):
                    for field in range(fields):
                        factor = unique[block, r, field]
                        if factor != 0:
                            for c in range(now.shape[2]):
                                now[block, r, c] += factor * N[imaginary[block], field, c]
                for omega in range(kernels.shape[2]):
                    K = kernels[i, block, omega]
                    for c in range(folded.shape[1]):
                        sums[k, n, block, omega, c] += K * folded[block, c]
                    for c in range(folded.shape[1]):
                        sums[k, m, block, omega, c] -= K * folded[block, c]


def _place(
    densities: Real, starts: Integers, source: Integers, sign: Real, sums: Real, o: int
) -> None:  # pragma: no cover  (compiled)
    """densities[k, n, start of block + (omega, row, c)] += sign[block, row] sums[k, n, block, omega, (source[block, row], c)]."""
    blocks, rows = source.shape
    size = rows * o
    for k in range(len(densities)):
        for n in range(densities.shape[1]):
            for block in range(blocks):
                for omega in range(sums.shape[3]):
                    start = starts[block] + omega * size
                    there = densities[k, n, start : start + size].reshape(rows, o)
                    found = sums[k, n, block, omega].reshape(sums.shape[4] // o, o)
                    for row in range(rows):
                        factor, known = sign[block, row], source[block, row]
                        if factor != 0:
                            for c in range(o):
                                there[row, c] += factor * found[known, c]
