"""The smallest gaps of `hidden` in machine code: the same numbers, each pair of neighbouring bands at each point by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integer = NDArray[np.int64]
UNCOUPLED = 1e-10  # bands with less than this of A between them cross (of two spins without spin-orbit coupling): nothing is sharp
SINGULAR = 1e-6  # of the trace of A: a gap that does not change along a direction is not sought along it
ROUNDING = 1e-12
COMPILED_FROM = 2**14  # matrix elements of velocities in a batch: machine code is loaded in 0.7 s
FARTHEST = 1.25  # of the axes, in which a mesh looks for gaps: it sees less than 0.01 of what is 1.214 away
LEAST = float(np.finfo(float).tiny)


def slope(
    slopes: Real, halves: Real, beside: Real, velocity: Complex, group: Integer, axes: Real
) -> None:  # pragma: no cover  (compiled)
    """Mean velocity of each group along the axes, to slopes (k,n,i), and half of what a state changes by over the cell that they
    span, root mean square of its group, to halves (k,n). To beside (2,k,n) squares of what is between it and all states of the
    group above, and below. velocity (k,n,a,m); axes (k,i,a), or (1,i,a) for all points.
    """
    points, n_bands = group.shape
    mean, metric = np.empty(3), np.empty((3, 3))
    for k in range(points):
        rows = axes[min(k, len(axes) - 1)]
        if k < len(axes):
            metric[:] = rows.T @ rows
        first, below = 0, 0.0
        while first < n_bands:
            after, squares, above = first + 1, 0.0, 0.0
            while after < n_bands and group[k, after] == group[k, first]:
                after += 1
            end = after
            while end < n_bands and group[k, end] == group[k, after]:
                end += 1
            mean[:] = 0.0
            for n in range(first, after):
                for m in range(n, end):
                    v, found = velocity[k, n, :, m], 0.0
                    for a in range(3):
                        mean[a] += v[a].real / (after - first) if n == m else 0.0
                        for b in range(3):
                            found += metric[a, b] * (v[a].real * v[b].real + v[a].imag * v[b].imag)
                    squares += (1.0 if n == m else 2.0) * found if m < after else 0.0
                    above += found if m >= after else 0.0
            half = np.sqrt(max(squares, 0.0) / (after - first)) / 2
            for n in range(first, after):
                halves[k, n] = half
                beside[0, k, n], beside[1, k, n] = max(above, 0.0) / (after - first), max(below, 0.0) / (after - first)
                for i in range(3):
                    slopes[k, n, i] = rows[i, 0] * mean[0] + rows[i, 1] * mean[1] + rows[i, 2] * mean[2]
            first, below = after, above


def bend(reach: Real, halves: Real, beside: Real, energies: Real, group: Integer) -> None:  # pragma: no cover  (compiled)
    """To reach (2,k,n) halves (k,n) and what `slopes.bends` says, from beside (2,k,n) of `slope` and energies (k,n) of groups."""
    n_bands = energies.shape[1]
    for k in range(len(energies)):
        first = 0
        while first < n_bands:
            after = first + 1
            while after < n_bands and group[k, after] == group[k, first]:
                after += 1
            for side in range(2):
                other = first - 1 if side else after
                there = 0 <= other < n_bands
                gap = abs(energies[k, other] - energies[k, first]) / 2 if there else 0.0
                for n in range(first, after):
                    E = np.sqrt(gap**2 + beside[side, k, n])
                    further = beside[side, k, n] ** 2 / (2 * E * (E + gap) ** 2) if there else 0.0
                    reach[side, k, n] = halves[k, n] + further
            first = after


def select(pairs: Integer, ends: Integer, energies: Real, slopes: Real, group: Integer, near: Real) -> None:  # pragma: no cover
    """To pairs (k,2) the first pair of neighbouring bands that may count at a point, and the one after the last, and those beside.

    To ends (2,k,n-1): the first state of the lower group, and the one after the upper group. near (2,) : energies between which the
    middle of a pair has to come. compiled.
    """
    for k in range(len(energies)):
        n_bands, lower, first, last = energies.shape[1], 0, energies.shape[1], -1
        for n in range(n_bands - 1):
            lower = n if n == 0 or group[k, n] != group[k, n - 1] else lower
            upper = n + 2
            while upper < n_bands and group[k, upper] == group[k, n + 1]:
                upper += 1
            ends[0, k, n], ends[1, k, n] = lower, upper
            middle, reach, squares = (energies[k, n] + energies[k, n + 1]) / 2, energies[k, n + 1] - energies[k, n], 0.0
            for i in range(3):
                squares += ((slopes[k, n, i] + slopes[k, n + 1, i]) / 2) ** 2
            reach += FARTHEST * np.sqrt(squares)
            if middle + reach > near[0] and middle - reach < near[1]:
                first, last = min(first, lower - 1), upper - 1
        pairs[k, 0], pairs[k, 1] = max(first, 0), min(last, n_bands - 2) + 1


def couple(
    coupling: Real, velocity: Complex, group: Integer, axes: Real, pairs: Integer, ends: Integer
) -> None:  # pragma: no cover  (compiled)
    """4 Re w w^+ between the groups of n and n + 1 over the root of their sizes, to coupling (k,n-1,i,j); zero inside a group."""
    S = np.empty((3, 3))
    for k in range(len(group)):
        rows = axes[min(k, len(axes) - 1)]
        for n in range(pairs[k, 0], pairs[k, 1]):
            coupling[k, n] = 0.0
            if group[k, n] == group[k, n + 1]:
                continue
            lower, upper = ends[0, k, n], ends[1, k, n]
            S[:] = 0.0
            for below in range(lower, n + 1):
                for above in range(n + 1, upper):
                    v = velocity[k, below, :, above]
                    for a in range(3):
                        for b in range(a, 3):
                            S[a, b] += v[a].real * v[b].real + v[a].imag * v[b].imag
            S[1, 0], S[2, 0], S[2, 1] = S[0, 1], S[0, 2], S[1, 2]
            factor = 4.0 / np.sqrt((n + 1 - lower) * (upper - n - 1))
            for i in range(3):
                for a in range(3):
                    part = factor * (rows[i, 0] * S[0, a] + rows[i, 1] * S[1, a] + rows[i, 2] * S[2, a])
                    for j in range(3):
                        coupling[k, n, i, j] += part * rows[j, a]


def minimize(
    gaps: Real, where: Real, A: Real, energies: Real, slopes: Real, group: Integer, pairs: Integer
) -> None:  # pragma: no cover  (compiled)
    """To gaps (3,k,n-1) now, least, energy, and where (k,n-1,i); to A (k,n-1,i,j), which holds couplings, the rest of it.

    See `NearestGaps`.
    """
    d, L = np.empty(3), np.empty((3, 3))
    for k in range(len(energies)):
        rounding = ROUNDING * (slopes[k] ** 2).sum()
        for n in range(pairs[k, 0], pairs[k, 1]):
            coupled = A[k, n, 0, 0] + A[k, n, 1, 1] + A[k, n, 2, 2]
            for i in range(3):
                d[i] = slopes[k, n + 1, i] - slopes[k, n, i]
                for j in range(i + 1):
                    A[k, n, i, j] += d[i] * d[j]
                    A[k, n, j, i] = A[k, n, i, j]
            trace = A[k, n, 0, 0] + A[k, n, 1, 1] + A[k, n, 2, 2]
            meet = group[k, n] != group[k, n + 1] and coupled > UNCOUPLED * trace
            gap = energies[k, n + 1] - energies[k, n] if meet else 0.0
            shift = max(SINGULAR * trace, rounding) + LEAST
            x = where[k, n]
            for i in range(3):  # Cholesky: A + shift = L L^T, L x = -gap d
                x[i] = -gap * d[i]
                for j in range(i + 1):
                    L[i, j] = A[k, n, i, j] + (shift if i == j else 0.0)
                    for m in range(j):
                        L[i, j] -= L[i, m] * L[j, m]
                    L[i, j] = np.sqrt(L[i, i]) if i == j else L[i, j] / L[j, j]
                    x[i] -= L[i, j] * x[j] if j < i else 0.0
                x[i] /= L[i, i]
            change, middle = 0.0, (energies[k, n] + energies[k, n + 1]) / 2
            for i in (2, 1, 0):
                for m in range(i + 1, 3):
                    x[i] -= L[m, i] * x[m]
                x[i] /= L[i, i]
                change += d[i] * x[i]
                middle += (slopes[k, n, i] + slopes[k, n + 1, i]) / 2 * x[i]
            least = np.sqrt(max(gap * gap + gap * change, (ROUNDING * gap) ** 2))
            gaps[0, k, n], gaps[1, k, n], gaps[2, k, n] = (gap, least, middle) if meet else (np.inf, np.inf, middle)
