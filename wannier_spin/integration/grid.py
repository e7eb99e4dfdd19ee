"""Sums over a uniform mesh, k = (i + shift)/n, in tensor-product blocks dealt to the ranks of a communicator.

The mesh carries its own error bar at no cost: the points whose indices are all even are a mesh of half the density
(a nested rule), and |fine - coarse| estimates the error of the coarse sum, which is an upper estimate for the fine one
once the sums converge. Where a direction has an odd number of points there is no estimate.

Sums are compensated (error-free additions), so that the answer does not depend on how the work is dealt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.integration.parallel import Communicator, minimum_over_ranks, sum_over_ranks, together

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Points (k1, k2, k3) of a tensor product, one k1. The points run with k2 fastest: (k3, k2).

    parts: masks over the points, one per partial sum that the integrator wants.
    """

    k1: float
    k2: Real
    k3: Real
    parts: tuple[NDArray[np.bool_], ...]

    @property
    def n_points(self) -> int:
        return len(self.k2) * len(self.k3)


@dataclass(frozen=True)
class Partial:
    """What an integrand returns for a block: sums (parts, ...) over its points, and minima (m,) over its points."""

    sums: Real
    minima: Real


@dataclass(frozen=True)
class Mesh:
    """Uniform mesh: points and shift (in units of the spacing) along the three axes of the integrand."""

    points: tuple[int, int, int]
    shift: tuple[float, float, float]

    def __post_init__(self) -> None:
        if len(self.points) != 3 or any(n != int(n) or n < 1 for n in self.points):
            raise InputError(f"grid must be three positive whole numbers, found {self.points}")
        if len(self.shift) != 3 or not np.isfinite(self.shift).all():
            raise InputError(f"shift must be three numbers (in units of the mesh spacing), found {self.shift}")

    @property
    def n_points(self) -> int:
        return int(np.prod(self.points))

    @property
    def nested(self) -> bool:
        """Whether the even points are a mesh of half the density."""
        return self.n_points > 1 and all(n == 1 or n % 2 == 0 for n in self.points)

    def axis(self, i: int) -> Real:
        return (np.arange(self.points[i]) + self.shift[i]) / self.points[i]

    def blocks(self, largest: int) -> list[Block]:
        """Cut the mesh into blocks of at most `largest` points (or one line of k3 if that is longer)."""
        n1, n2, n3 = self.points
        lines = max(1, largest // n3)
        chunks = [np.arange(start, min(start + lines, n2)) for start in range(0, n2, lines)]
        pieces = np.array_split(np.arange(n3), -(-n3 // max(1, largest)))
        return [self._block(i, j, piece) for i in range(n1) for j in chunks for piece in pieces]

    def _block(self, i: int, j: NDArray[np.int64], piece: NDArray[np.int64]) -> Block:
        everything = np.ones(len(j) * len(piece), bool)
        if not self.nested:
            parts: tuple[NDArray[np.bool_], ...] = (everything,)
        else:
            even = [n == 1 or index % 2 == 0 for n, index in zip(self.points, (i, j, piece), strict=True)]
            coarse = everything & np.logical_and.outer(np.broadcast_to(even[2], len(piece)), even[1] & (j >= 0)).ravel()
            coarse &= bool(even[0])
            parts = (coarse, ~coarse)
        return Block(float(self.axis(0)[i]), self.axis(1)[j], self.axis(2)[piece], parts)


@dataclass(frozen=True)
class MeshMean:
    """Mean of the integrand over the mesh, its mean over the nested coarse mesh (or None), and the minima."""

    fine: Real
    coarse: Real | None
    minima: Real


class CompensatedSum:
    """A running sum that also keeps what rounding drops (Knuth's two-sum)."""

    def __init__(self) -> None:
        self.high: Real | None = None

    def add(self, term: Real) -> None:
        if self.high is None:
            self.high, self.low = term.copy(), np.zeros_like(term)
            return
        total = self.high + term
        virtual = total - self.high
        self.low += (self.high - (total - virtual)) + (term - virtual)
        self.high = total


def mean_over_mesh(
    mesh: Mesh,
    integrand: Callable[[Block], Partial],
    largest_block: int,
    comm: Communicator,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MeshMean:
    """Mean over the mesh of an integrand that maps a Block to partial sums.

    comm : blocks are dealt whole, in runs, so that neighbours share the sums along the first axis.
    progress : called with the number of blocks done and to do on this rank.
    """
    blocks = mesh.blocks(largest_block)
    if len(blocks) < 4 * comm.size:  # few blocks: cut finer, so that every rank gets its share
        blocks = mesh.blocks(max(1, mesh.n_points // (4 * comm.size)))
    mine = blocks[len(blocks) * comm.rank // comm.size : len(blocks) * (comm.rank + 1) // comm.size]
    total, minima = together(comm, lambda: _sum_blocks(mine, blocks[0], integrand, progress))
    sums = sum_over_ranks(comm, total.high) + sum_over_ranks(comm, total.low)
    minima = minimum_over_ranks(comm, minima)
    n = mesh.n_points
    if not mesh.nested:
        return MeshMean(sums[0] / n, None, minima)
    n_coarse = int(np.prod([-(-count // 2) for count in mesh.points]))
    return MeshMean((sums[0] + sums[1]) / n, sums[0] / n_coarse, minima)


def _sum_blocks(
    mine: Sequence[Block], template: Block, integrand: Callable[[Block], Partial], progress: Callable[[int, int], None]
) -> tuple[CompensatedSum, Real]:
    total, minima = CompensatedSum(), None
    for done, block in enumerate(mine):
        partial = integrand(block)
        total.add(partial.sums)
        minima = partial.minima if minima is None else np.minimum(minima, partial.minima)
        progress(done + 1, len(mine))
    if minima is None:  # more ranks than blocks: take part in the sums with zero, of the right shape
        partial = integrand(template)
        total.add(np.zeros_like(partial.sums))
        minima = partial.minima
    assert total.high is not None
    return total, minima
