"""Densities of dynamic blocks at several frequencies together: what does not depend on the frequency is made once.

    D_n = sum_m K(1/eps_nm, z) N_nm/eps_nm^p,      N_nm = Re or Im of X_mn v^b_nm

Each pair eps_n > eps_m gives its term to n, and minus it to m (see `responses.transitions`). Blocks with the same matrix X share
the products X_mn v^b_nm. `DynamicBlock.density` says the same block by block, and is used where there is little to do.

What is made of N is linear in it: all components, or coordinates in the space of what symmetry allows, which light's two
polarizations have as well (symmetric and antisymmetric in the fields). They are taken of N, pair by pair, before any frequency.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Real, group_ends, to_power
from wannier_spin.compiled import compiled
from wannier_spin.observables import Observable
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.registry import DynamicBlock
from wannier_spin.responses.vertices import Vertices

Complex = NDArray[np.complex128]
Integers = NDArray[np.int64]
COMPILED_FROM = 2**17  # numbers: machine code is loaded in 0.7 s
MANY_BANDS = 16  # from so many on numpy's sums over bands count by their length
ROUNDING = 1e-14  # of coefficients of order one
Pairs = tuple[Complex, Complex, int, tuple[Integers, Integers], Integers, Integers, Integers, Real]  # see `_add_terms`
Rows = tuple[Integers, Integers, Integers, tuple[Integers, Integers, Integers, Real]]  # starts, imaginary, ends, runs
Targets = tuple[Integers, Integers, Integers, Integers, Real]  # source, place, length, step, sign


@dataclass(frozen=True)
class Outputs:
    """What is made of a block: real, imaginary (t, fields * o), rows over N, with Re K and with Im K.

    place, step : (t,) where each one stands among the densities at the first frequency, and how far it is from one to the next.
    Tensors of different rank, of one block, have different steps.
    """

    real: Real
    imaginary: Real
    place: Integers
    step: Integers

    @classmethod
    def all_of(cls, block: DynamicBlock, n_components: int, start: int) -> Outputs:
        """All components, (part, fields, o), from `start` on."""
        real, imaginary = (np.asarray(np.kron(X, np.eye(n_components)), float) for X in _parts(block))
        return cls(real, imaginary, start + np.arange(len(real)), np.full(len(real), len(real)))

    @classmethod
    def coordinates(cls, block: DynamicBlock, columns: Real, place: Integers, step: Integers) -> Outputs:
        """In columns (part * fields, o, t)."""
        found = (np.einsum("pot,pf->tfo", columns, X).reshape(columns.shape[2], -1) for X in _parts(block))
        real, imaginary = (np.where(np.abs(X) < ROUNDING, 0.0, X) for X in found)
        return cls(real, imaginary, place, step)


def _parts(block: DynamicBlock) -> tuple[Real, Real]:
    """What stands in a block with Re K, and with Im K: (part * fields, fields) on N."""
    size, fields = 3 ** len(block.fields), (3,) * len(block.fields)
    one = np.eye(size).reshape(size, *fields, 1)
    both = (block.transitions.parts(one, 0 * one), block.transitions.parts(0 * one, one))
    real, imaginary = (np.asarray(X).reshape(size, -1).T for X in both)
    return real, imaginary


@dataclass(frozen=True)
class Terms:
    """Rows over N of several blocks with the same X, each once up to its sign, and the outputs that are made of them.

    rows : of every block first those with Re K, then those with Im K, such a set being a segment: where each segment starts
    (segments + 1,), whether it takes Im N (segments,), where its runs end (segments + 1,), and the runs of all of them: rows that
    have one after the other the same number in one column after the other, see `_runs`. targets : runs of outputs that have one
    after the other one row after the other: its number, place, how many, the step to the next frequency, and the sign.
    """

    blocks: tuple[DynamicBlock, ...]
    rows: Rows
    targets: Targets

    @classmethod
    def of(cls, blocks: Sequence[DynamicBlock], outputs: Sequence[Outputs]) -> Terms:
        starts, ends, runs, targets = [0], [0], [], []
        for out in outputs:
            for rows in (out.real, out.imaginary):
                used = np.flatnonzero(rows.any(axis=1))
                sign = np.sign(rows[used, (rows[used] != 0).argmax(axis=1)])
                unique, source = _distinct(rows[used] * sign[:, None])
                runs.append(_runs(unique, starts[-1]))
                targets.append(_target_runs(starts[-1] + source, out.place[used], out.step[used], sign))
                starts.append(starts[-1] + len(unique))
                ends.append(ends[-1] + len(runs[-1][0]))
        imaginary = np.repeat([int(block.transitions.imaginary) for block in blocks], 2)
        row, column, length, value = (np.concatenate(X) for X in zip(*runs, strict=True))
        source, place, count, step, signs = (np.concatenate(X) for X in zip(*targets, strict=True))
        every = (np.array(starts), imaginary, np.array(ends), (row, column, length, value))
        return cls(tuple(blocks), every, (source, place, count, step, signs))


def _distinct(rows: Real) -> tuple[Real, Integers]:
    """Different rows in the order in which they come, and which of them each row is."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return rows[first[order]], np.argsort(order)[inverse.ravel()]


def _runs(rows: Real, start: int) -> tuple[Integers, Integers, Integers, Real]:
    """A matrix as runs along its diagonals: row (from `start` on) and column where each one starts, its length, and its number."""
    left, found = rows.copy(), []
    for r, c in np.argwhere(rows):
        value, length = left[r, c], 0
        while value and r + length < len(left) and c + length < left.shape[1] and left[r + length, c + length] == value:
            left[r + length, c + length] = 0.0
            length += 1
        if length:
            found.append((start + r, c, length, value))
    row, column, count, values = np.array(found).reshape(-1, 4).T
    return row.astype(np.int64), column.astype(np.int64), count.astype(np.int64), values.copy()


def _target_runs(source: Integers, place: Integers, step: Integers, sign: Real) -> Targets:
    """Outputs whose rows and places follow one another, and whose steps and signs are alike, together."""
    other = (np.diff(source) != 1) | (np.diff(place) != 1) | (np.diff(step) != 0) | (np.diff(sign) != 0)
    new = np.concatenate([[True], other])[: len(source)]
    first = np.flatnonzero(new)
    length = np.diff(np.append(first, len(source)))
    return source[first], place[first], length, step[first], sign[first]


def worth_while(points: tuple[int, ...], channels: int) -> bool:
    """Whether machine code is, for so many densities at (k, n): each takes a sum over n bands."""
    return math.prod(points) * max(points[1] / MANY_BANDS, 1) * channels >= COMPILED_FROM


def dynamic_densities(chosen: Sequence[tuple[DynamicBlock, BandPairs]], frequencies: Sequence[complex]) -> Real:
    """Of blocks one after the other, each with its own observables: (k, n, channels), a block's (omega, part, fields, o)."""
    k, n = chosen[0][1].geometry.energies.shape
    sizes = [2 * 3 ** len(block.fields) * p.n_components * len(frequencies) for block, p in chosen]
    starts = np.cumsum([0, *sizes]).tolist()
    if not worth_while((k, n), starts[-1]) or any(p.partners is not None for _, p in chosen):
        found = [block.density(p, z).reshape(k, n, -1) for block, p in chosen for z in frequencies]
        return np.concatenate(found, axis=-1)
    densities = np.zeros((k, n, starts[-1]))
    alike: dict[tuple[str, int], list[int]] = {}
    for i, (block, p) in enumerate(chosen):
        alike.setdefault((block.transitions.matrix, id(p)), []).append(i)
    for together in alike.values():
        p = chosen[together[0]][1]
        terms = _terms_of_all(tuple((chosen[i][0], starts[i]) for i in together), p.n_components)
        add_terms(densities, terms, p, frequencies)
    return densities


@cache
def _terms_of_all(blocks: tuple[tuple[DynamicBlock, int], ...], n_components: int) -> Terms:
    """All components of blocks, each from a place on."""
    return Terms.of([block for block, _ in blocks], [Outputs.all_of(block, n_components, start) for block, start in blocks])


def add_terms(densities: Real, terms: Terms, p: BandPairs, frequencies: Sequence[complex]) -> None:
    """Add blocks to densities (k, n, c), contiguous."""
    z, (k, n, m, w) = np.array(frequencies), p.upward_groups
    kernels = np.empty((len(w), 2 * len(terms.blocks), len(z)))
    for i, block in enumerate(terms.blocks):
        K = block.transitions.kernel(w[:, None], z) * to_power(w, block.transitions.power)[:, None]
        kernels[:, 2 * i], kernels[:, 2 * i + 1] = K.real, K.imag
    vertices, ends = Vertices.of(p), np.searchsorted(k, np.arange(len(densities) + 1))
    X = vertices.matrices(terms.blocks[0].transitions.matrix)
    compiled(_add_terms)(
        densities, terms.rows, terms.targets, (p.v, X, vertices.first, group_ends(p.geometry.group), ends, n, m, kernels)
    )


def _add_terms(result: Real, rows: Rows, targets: Targets, pairs: Pairs) -> None:  # pragma: no cover  (compiled)
    """result[k, n, place + omega step] += sign K (row N) of all pairs of groups, of every output; to m minus that.

    pairs : v (k,n,b,m), X (k,n - first_n,x,m), first_n, first and last band of groups (k,n), ends (k+1,) of the pairs of each k,
    their first bands n and m (pairs,), kernels (pairs, segment, omega), with the power of eps. N is summed over two groups, whose
    bands share it.
    The inner loops go from zero along the last axis of slices: such are made fast.
    """
    v, X, first_n, (first, after), ends, of_n, of_m, kernels = pairs
    starts, imaginary, run_ends, (run_row, run_column, run_length, values) = rows
    source, place, length, step, sign = targets
    width, n_omega = X.shape[2], kernels.shape[2]
    N, now = np.empty((2, v.shape[2] * width)), np.empty(starts[-1])
    sums = np.empty((v.shape[1], n_omega, starts[-1]))
    for k in range(len(result)):
        sums[:] = 0.0
        for i in range(ends[k], ends[k + 1]):
            N[:] = 0.0
            n, m = of_n[i], of_m[i]
            for one in range(n, after[k, n]):
                for other in range(m, after[k, m]):
                    for b in range(v.shape[2]):
                        for x in range(width):
                            left, right = v[k, one, b, other], X[k, one - first_n, x, other]
                            N[0, b * width + x] += left.real * right.real + left.imag * right.imag
                            N[1, b * width + x] += left.imag * right.real - left.real * right.imag
            now[:] = 0.0
            for s in range(len(imaginary)):
                for j in range(run_ends[s], run_ends[s + 1]):
                    row, column, value = run_row[j], run_column[j], values[j]
                    into, given = now[row : row + run_length[j]], N[imaginary[s], column : column + run_length[j]]
                    for c in range(len(into)):
                        into[c] += value * given[c]
            for omega in range(n_omega):
                for s in range(len(imaginary)):
                    K, own = kernels[i, s, omega], now[starts[s] : starts[s + 1]]
                    to_n, to_m = sums[n, omega, starts[s] : starts[s + 1]], sums[m, omega, starts[s] : starts[s + 1]]
                    for c in range(len(own)):
                        to_n[c] += K * own[c]
                        to_m[c] -= K * own[c]
        for n in range(v.shape[1]):
            for omega in range(n_omega):
                for t in range(len(source)):
                    start, share = place[t] + omega * step[t], sign[t] / (after[k, n] - first[k, n])
                    into, given = result[k, n, start : start + length[t]], sums[first[k, n], omega, source[t] :]
                    for c in range(len(into)):
                        into[c] += share * given[c]


@dataclass(frozen=True)
class DynamicCoordinates:
    """Coordinates of the dynamic blocks of a plan: blocks that share X, the observables of each, and what is made of them."""

    alike: tuple[tuple[tuple[Observable, ...], Terms], ...]
    frequencies: tuple[complex, ...]

    def add(self, coordinates: Real, pairs: Mapping[tuple[Observable, ...], BandPairs]) -> None:
        """To coordinates (k, n, c), contiguous. pairs : of all observables that any block has."""
        for observables, terms in self.alike:
            add_terms(coordinates, terms, pairs[observables], self.frequencies)
