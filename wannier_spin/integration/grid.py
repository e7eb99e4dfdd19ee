"""Sums over a uniform mesh, k = (i + shift)/n, in tensor-product batches dealt to the ranks of a communicator.

The points whose indices are all even are a mesh of half the density (a nested rule): its sum costs nothing. Where a direction has
an odd number of points there is none. Besides, integrands may give sums with phases, see `stars`.

Sums are compensated (error-free additions), so that the answer does not depend on how the work is dealt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.integration.parallel import Communicator, minimum_over_ranks, sum_over_ranks, together
from wannier_spin.integration.peaks import Peaks
from wannier_spin.integration.superlattice import STRAIGHT, Skew, Superlattice, short_rows

Real = NDArray[np.float64]
MOST_POINTS = 10**10  # a mesh of more would take years
LARGEST_SHIFT = 1e3  # of larger ones the digits that count are lost
PIECE = 2**14  # numbers that are added at once: they stay in the cache


@dataclass(frozen=True)
class Batch:
    """Points (k1, k2, k3), one k1, within a tensor product of k2 and k3.

    used : (k2, k3) mask of the points, or None for all of them. The points run over k3 fastest.
    weights : (points,) how many points of the mesh each one stands for.
    masks : masks over the points, one per partial sum that the integrator wants.
    lean : (k2,) what is added to k3 on each line; None: nothing.
    """

    k1: float
    k2: Real
    k3: Real
    used: NDArray[np.bool_] | None
    weights: Real
    masks: tuple[NDArray[np.bool_], ...]
    lean: Real | None = None

    @property
    def n_points(self) -> int:
        return len(self.weights)


@dataclass(frozen=True)
class Partial:
    """What an integrand returns for a batch, or for a run of batches: sums (masks, ...) and minima (m,) over its points,
    further sums whose last digits do not matter, and its largest terms where they are asked for.
    """

    sums: Real
    minima: Real
    further: Real = field(default_factory=lambda: np.zeros(0))
    peaks: Peaks | None = None


@dataclass(frozen=True)
class Mesh:
    """Uniform mesh: points and shift (in units of the spacing) along the three axes of the integrand.

    weights : (n1, n2, n3) how many points each point stands for, zero for those that others stand for; None: all one.
    skew : of meshes that are no product along the axes, see `superlattice`: the points x for which H x - shift is whole.
    """

    points: tuple[int, int, int]
    shift: tuple[float, float, float]
    weights: NDArray[np.integer] | None = None
    skew: Skew = STRAIGHT

    def __post_init__(self) -> None:
        if len(self.points) != 3 or any(n != int(n) or n < 1 for n in self.points):
            raise InputError(f"grid must be three positive whole numbers, found {self.points}")
        if math.prod(int(n) for n in self.points) > MOST_POINTS:
            raise InputError(f"grid = {self.points} has {math.prod(self.points):.1e} k-points; expected at most {MOST_POINTS:.0e}")
        if len(self.shift) != 3 or not np.isfinite(self.shift).all():
            raise InputError(f"shift must be three numbers (in units of the mesh spacing), found {self.shift}")
        if np.abs(self.shift).max() > LARGEST_SHIFT:
            raise InputError(
                f"shift = {self.shift} cannot be meant: it is in units of the mesh spacing, and only what is left of a whole "
                f"number counts; expected numbers between 0 and 1 (at most {LARGEST_SHIFT:g})"
            )

    @property
    def n_points(self) -> int:
        return math.prod(self.points)

    @property
    def n_evaluated(self) -> int:
        return self.n_points if self.weights is None else int(np.count_nonzero(self.weights))

    @property
    def nested(self) -> bool:
        """Whether the even points are a mesh of half the density."""
        if any(self.skew.below):
            return all(n % 2 == 0 for n in (*self.points, *self.skew.below))
        return self.n_points > 1 and all(n == 1 or n % 2 == 0 for n in self.points)

    @property
    def coarse(self) -> Mesh:
        """The nested mesh of the even points, without weights."""
        halved = [n > 1 for n in self.points]
        n1, n2, n3 = (n // 2 if half else n for n, half in zip(self.points, halved, strict=True))
        s1, s2, s3 = (s / 2 if half else s for s, half in zip(self.shift, halved, strict=True))
        s21, s31, s32 = (s // 2 for s in self.skew.below)
        return Mesh((n1, n2, n3), (s1, s2, s3), skew=replace(self.skew, below=(s21, s31, s32)))

    @property
    def superlattice(self) -> Superlattice:
        """Whose reciprocal lattice it is."""
        return Superlattice(self.points, self.skew)

    def spacings(self, lattice: Real) -> Real:
        """Vectors from one point to the next, Cartesian, 1/angstrom, of the axes with several points: (d, 3).

        lattice : (3, 3), rows, angstrom.
        """
        rows = np.asarray(2 * np.pi * np.linalg.inv(self.superlattice.vectors @ lattice).T, float)
        return rows[np.array(self.points) > 1] if self.skew.straight else short_rows(rows)

    def used_points(self) -> Real:
        """Coordinates along the axes of the points with weights, in the order of `weights`: (p, 3)."""
        given = np.ones(self.points, bool) if self.weights is None else self.weights > 0
        return np.linalg.solve(self.superlattice.matrix, (np.argwhere(given) + np.array(self.shift)).T).T

    def transposed(self, axes: tuple[int, int, int]) -> Mesh:
        """The same mesh with its axes in another order. Not of one that is skewed."""
        if axes == (0, 1, 2):
            return self
        assert self.skew.straight
        i, j, k = axes
        weights = None if self.weights is None else self.weights.transpose(axes)
        return Mesh((self.points[i], self.points[j], self.points[k]), (self.shift[i], self.shift[j], self.shift[k]), weights)

    def axis(self, i: int) -> Real:
        """Reduced coordinates along an axis, (points,)."""
        return (np.arange(self.points[i]) + self.shift[i]) / self.points[i]

    @property
    def first_axis(self) -> Real:
        """The values on it that have points, ascending, reduced: (points,)."""
        used = True if self.weights is None else self.weights.any(axis=(1, 2))
        return self.axis(0)[np.broadcast_to(used, self.points[0])]

    def batches(self, largest: int) -> list[Batch]:
        """Cut the mesh into batches of at most `largest` points (or one point)."""
        n1, _, n3 = self.points
        pieces = np.array_split(np.arange(n3), -(-n3 // max(1, largest)))
        return [self._batch(i, lines, piece) for i in range(n1) for piece in pieces for lines in self._lines(i, piece, largest)]

    def runs(self, largest: int, points: int) -> list[list[Batch]]:
        """The batches in runs of neighbours, of as many points as given or of one batch more."""
        runs: list[list[Batch]] = []
        room = 0
        for batch in self.batches(largest):
            if room <= 0:
                runs.append([])
                room = points
            runs[-1].append(batch)
            room -= batch.n_points
        return runs

    def _lines(self, i: int, piece: NDArray[np.int64], largest: int) -> list[NDArray[np.int64]]:
        """Runs of lines (i, j, piece) of at most `largest` points in all; lines without points are left out."""
        every = np.full(self.points[1], len(piece))
        count = every if self.weights is None else np.count_nonzero(self.weights[i][:, piece], axis=1)
        runs: list[list[int]] = []
        room = 0
        for j in np.flatnonzero(count):
            if room < count[j]:
                runs.append([])
                room = largest
            runs[-1].append(int(j))
            room -= count[j]
        return [np.array(run) for run in runs]

    def _batch(self, i: int, lines: NDArray[np.int64], piece: NDArray[np.int64]) -> Batch:
        product = np.ix_(np.array([i]), lines, piece)
        weights = (np.ones(self.points) if self.weights is None else self.weights)[product][0].astype(float)
        used = weights > 0
        masks: tuple[NDArray[np.bool_], ...] = (np.ones(int(used.sum()), bool),)
        if self.nested:
            even = [np.logical_or(n == 1, index % 2 == 0) for n, index in zip(self.points, product, strict=True)]
            coarse = (even[0] & even[1] & even[2])[0][used]
            masks = (coarse, ~coarse)
        mask = None if used.all() else used
        k1, (s21, s31, s32) = float(self.axis(0)[i]), self.skew.below
        k2, k3 = self.axis(1)[lines] - s21 * k1 / self.points[1], self.axis(2)[piece] - s31 * k1 / self.points[2]
        lean = -s32 * k2 / self.points[2] if s32 else None
        return Batch(k1, k2, k3, mask, weights[used], masks, lean)


@dataclass(frozen=True)
class MeshMean:
    """Mean of the integrand over the mesh, its mean over the nested coarse mesh (or None), the minima, further means, and its
    largest terms where they are asked for.
    """

    fine: Real
    coarse: Real | None
    minima: Real
    further: Real
    peaks: Peaks | None = None

    def less(self, other: MeshMean) -> MeshMean:
        """Without a part of the integrand on the same mesh."""
        coarse = None if self.coarse is None or other.coarse is None else self.coarse - other.coarse
        return replace(self, fine=self.fine - other.fine, coarse=coarse, further=self.further - other.further)


class CompensatedSum:
    """A running sum that also keeps what rounding drops (Knuth's two-sum)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.high, self.low = np.zeros(shape), np.zeros(shape)
        self._work = np.empty((3, min(self.high.size, PIECE)))

    def add(self, term: Real) -> None:
        """Add a term of the same shape, piece by piece: these arrays may be large, and each is read once.

        total = high + term,  virtual = total - high,  low += (high - (total - virtual)) + (term - virtual)
        """
        arrays = (self.high.reshape(-1), self.low.reshape(-1), np.ascontiguousarray(term).reshape(-1))
        for start in range(0, self.high.size, PIECE):
            high, low, new = (X[start : start + PIECE] for X in arrays)
            total, virtual, error = self._work[:, : len(high)]
            np.add(high, new, out=total)
            np.subtract(total, high, out=virtual)
            np.subtract(new, virtual, out=error)
            np.subtract(total, virtual, out=virtual)
            np.subtract(high, virtual, out=virtual)
            error += virtual
            low += error
            high[...] = total


def mean_over_mesh(
    mesh: Mesh,
    integrand: Callable[[Batch], Partial],
    largest_batch: int,
    comm: Communicator,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MeshMean:
    """Mean over the mesh of an integrand that maps a Batch to partial sums. See `mean_over_runs`."""
    return mean_over_runs(mesh, mesh.runs(largest_batch, 1), lambda run: integrand(run[0]), comm, progress)


def mean_over_runs(
    mesh: Mesh,
    runs: Sequence[Sequence[Batch]],
    integrand: Callable[[Sequence[Batch]], Partial],
    comm: Communicator,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MeshMean:
    """Mean over the mesh of an integrand that maps a run of batches to partial sums.

    comm : runs are dealt whole, neighbours to one rank, so that they share the sums along the first axis.
    progress : called with the number of runs done and to do on this rank.
    """
    mine = runs[len(runs) * comm.rank // comm.size : len(runs) * (comm.rank + 1) // comm.size]
    total, minima, further, peaks = together(comm, lambda: _sum_runs(mine, runs[0], integrand, progress))
    sums = sum_over_ranks(comm, total.high, total.low)
    minima = minimum_over_ranks(comm, minima)
    n = mesh.n_points
    further_sums = sum_over_ranks(comm, further.high, further.low) / n
    peaks = _over_ranks(comm, peaks)
    if not mesh.nested:
        return MeshMean(sums[0] / n, None, minima, further_sums, peaks)
    return MeshMean((sums[0] + sums[1]) / n, sums[0] / mesh.coarse.n_points, minima, further_sums, peaks)


def _over_ranks(comm: Communicator, peaks: Peaks | None) -> Peaks | None:
    """The largest terms of all ranks, in the order of the mesh."""
    found = None
    for one in reversed(comm.allgather(peaks)):
        found = found if one is None else one.merged(found)
    return found


def _sum_runs(
    mine: Sequence[Sequence[Batch]],
    template: Sequence[Batch],
    integrand: Callable[[Sequence[Batch]], Partial],
    progress: Callable[[int, int], None],
) -> tuple[CompensatedSum, Real, CompensatedSum, Peaks | None]:
    """Sums, minima, further sums and largest terms over the runs of this rank; a rank without runs has zeros of the right shape."""
    first = integrand(mine[0] if mine else template)
    total, minima, further = CompensatedSum(first.sums.shape), first.minima, CompensatedSum(first.further.shape)
    peaks = None
    for done, run in enumerate(mine, start=1):
        partial = first if done == 1 else integrand(run)
        total.add(partial.sums)
        minima = np.minimum(minima, partial.minima)
        further.add(partial.further)
        peaks = partial.peaks if peaks is None else peaks.merged(partial.peaks)
        progress(done, len(mine))
    return total, minima, further, peaks
