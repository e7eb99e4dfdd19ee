"""Error bars of one uniform mesh from the decay of its own Fourier coefficients.

A mesh with points N_1, N_2, N_3 makes the error  sum over D of F_D, where F_R = mean over k of F(k) cos(2 pi k.R) and D are the
vectors of the superlattice N_i a_i (or of another one, see `superlattice`). The mesh itself knows F_R inside the Wigner-Seitz cell
of the superlattice. Along the ray to each of the shortest D (a shell: all D of one length, added with their signs, as they enter
the error) the amplitude in an outer window is continued to D, by how much it has fallen off since an inner window half as far out,
see `decay`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integration.decay import decay_per_octave, fermi_power, octaves_to, with_farther
from wannier_spin.integration.grid import Batch, Mesh
from wannier_spin.integration.superlattice import reduced

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integer = NDArray[np.int64]
NEAR = 1.8  # of the shortest vector: three shells are too few in low symmetry, see `_shells`
SHELLS = 4  # at most: of nearly equal lengths they are made one
WINDOW, SAMPLES = (0.6, 1.0), 4  # of the way to the boundary of the Wigner-Seitz cell, and how many vectors in it
SPANNED = 1e-10  # of a square: what is left of a vector that lies in a space
FEW = 8  # times the points of a batch: in a larger product of lines and columns they are taken one by one
FARTHEST = 6  # times the basis of the superlattice: vectors that are summed as if all were alike
CANCELLED = 1e-13  # of the largest sum of cosines: what is smaller is rounding
APART = 0.25  # octaves between halves of a window (usually 0.5): those of a small mesh round to one length, and tell nothing
KAPPA = 0.63  # of the estimate: chosen on the cases that docs/record_of_bars.md does not call hold-outs


@dataclass(frozen=True)
class Shell:
    """vectors : (D, 3) the D of one length, one of each pair +-D, in lattice vectors. reach : of each, the fraction of the way to D
    at which the ray leaves the Wigner-Seitz cell.
    """

    vectors: Integer
    reach: Real

    def rays(self, window: tuple[float, float]) -> list[Integer]:
        """Lattice vectors (D, 3) next to the rays at some distances within a window of the reach, each set once."""
        found = {}
        steps = np.gcd.reduce(self.vectors, axis=1, keepdims=True)  # to D on lattice vectors that lie on the ray
        on_ray, unit = steps * self.reach[:, None] >= 1 - 1e-9, self.vectors // steps  # else there is none but D
        for x in np.linspace(*window, SAMPLES):
            along_ray = x * self.reach[:, None]
            along = np.minimum(_inwards(along_ray * steps), np.floor(self.reach[:, None] * steps + 1e-9)).astype(np.int64)
            R = np.where(on_ray, along * unit, _inwards(along_ray * self.vectors))
            if R.any(axis=1).all():
                found[R.tobytes()] = R
        return list(found.values())

    @property
    def octaves(self) -> float:
        """From the middle of the outer window to D."""
        return float(-np.log2(np.mean(WINDOW) * self.reach.mean()))


def _waves(R: Integer, k: Real) -> Complex:
    """exp(2 pi i R k), (...), (k,) -> (..., k): powers of one another, of which few are different."""
    powers = np.ones((int(np.abs(R).max()) + 1, len(k)), complex)
    powers[1:] = np.exp(2j * np.pi * k)
    np.multiply.accumulate(powers, out=powers)
    return np.asarray(np.concatenate([powers, powers[:0:-1].conj()])[R])


def _halves(rows: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The first and the last of them, without the one in the middle."""
    half = len(rows) // 2
    return rows[:half], rows[len(rows) - half :]


def _inwards(x: Real) -> Integer:
    """To whole numbers, halves towards zero: inside the cell."""
    return np.asarray(np.sign(x) * np.ceil(np.abs(x) - 0.5 - 1e-9), np.int64)


@dataclass(frozen=True)
class Stars:
    """Sets of lattice vectors over which cosines are added.

    vectors : (j, D, 3), padded with zeros; factors : (j, D), 2 for a pair +-R and 0 for padding. outer, inner : for each shell its
    rows j, none where the mesh is too small for a window. octaves : of each shell. lengths : of each shell, over the shortest;
    kept, farther : (k,), (n,) of all vectors of the superlattice that shells have, and of all. dimension : directions with points.
    distances : (j,) of the vectors of a row, angstrom. spacings : of each shell, from one plane of points across D to the next,
    2 pi D/|D|^2, Cartesian, 1/angstrom (D, 3).
    angles : (j, D) of a shifted mesh, on which F_D enters with the phase 2 pi k.D: then sums of cos(2 pi k.R - angle) stand behind
    those of cos(2 pi k.R).
    """

    vectors: Integer
    factors: Real
    outer: tuple[tuple[int, ...], ...]
    inner: tuple[tuple[int, ...], ...]
    octaves: tuple[float, ...]
    lengths: tuple[float, ...]
    kept: Real
    farther: Real
    dimension: int
    distances: Real
    spacings: tuple[Real, ...]
    angles: Real | None = None

    @property
    def n_rows(self) -> int:
        return len(self.vectors) * (1 if self.angles is None else 2)

    @property
    def outer_rows(self) -> Integer:
        """Rows of the outer windows, shell by shell: (J,)."""
        return np.concatenate([self._doubled(rows) for rows in self.outer]).astype(np.int64)

    def phases(self, batch: Batch, axes: tuple[int, int, int]) -> Real:
        """Sums of cosines at the points of a batch, whose coordinates are those along `axes`: (rows, points)."""
        R, used = self.vectors[..., axes], batch.used
        first = self.factors * np.exp(2j * np.pi * R[..., 0] * batch.k1)
        turned = [first] if self.angles is None else [first, first * np.exp(-1j * self.angles)]
        if used is not None and FEW * np.count_nonzero(used) < used.size:
            return self._at_few(turned, R, batch, used)
        second, third = _waves(R[..., 1], batch.k2), _waves(R[..., 2], batch.k3)
        if batch.lean is not None:
            second *= _waves(R[..., 2], batch.lean)
        sums = np.concatenate([((x[..., None] * second).swapaxes(1, 2) @ third).real for x in turned])  # (rows, k2, k3)
        return np.ascontiguousarray(sums.reshape(len(sums), -1) if used is None else sums[:, used])

    def _at_few(self, turned: Sequence[Complex], R: Integer, batch: Batch, used: NDArray[np.bool_]) -> Real:
        """The same one by one, for a mask (k2, k3) of few points. turned : what stars have along the first axis, (j,D) each."""
        some = self.factors > 0
        lines, columns = np.nonzero(used)
        k3 = batch.k3[columns] if batch.lean is None else batch.k3[columns] + batch.lean[lines]
        waves = _waves(R[some, 1], batch.k2[lines])
        waves *= _waves(R[some, 2], k3)
        starts = np.concatenate([[0], some.sum(axis=1).cumsum()[:-1]])
        return np.concatenate([np.add.reduceat((x[some, None] * waves).real, starts, axis=0) for x in turned])

    def decay(self, sums: Real, weights: Real, power: float) -> Real:
        """Per octave, of each shell: (s, m). sums : (rows, m, components) means of F times `phases`. weights : of `about`.
        power : of a Fermi surface.

        From the inner window to the outer one; but where they fall off slower within the outer window, and faster than those of a
        Fermi surface, as they do there: what a few hoppings make of coefficients is over, and a Fermi surface is what is left.
        Shells fall off by themselves: along a chain slower than across it, and that is then the error. Where the sums of one are
        nothing but rounding it has the mean of the others.
        """
        rounding = CANCELLED * np.abs(sums).max(initial=0.0)
        counts = np.array([np.abs(sums[self._doubled(outer)]).max(initial=0.0) > rounding for outer in self.outer])
        found = np.array([self._fall(sums, *pair, weights, power) for pair in zip(self.inner, self.outer, strict=True)])
        return np.where(counts[:, None], found, found[counts].mean(axis=0)) if counts.any() else found

    def _fall(self, sums: Real, inner: Sequence[int], outer: Sequence[int], weights: Real, power: float) -> Real:
        """Of one shell, per octave: (m,)."""
        whole = decay_per_octave(sums[self._doubled(inner)], sums[self._doubled(outer)], weights)
        late = self._late(sums, outer, weights) if self._apart(outer) > APART else whole
        return np.minimum(whole, np.maximum(late, power))

    def _late(self, sums: Real, outer: Sequence[int], weights: Real) -> Real:
        """Per octave between the two halves of an outer window: (m,)."""
        near, far = _halves(outer)
        return decay_per_octave(sums[self._doubled(near)], sums[self._doubled(far)], weights) / self._apart(outer)

    def _apart(self, outer: Sequence[int]) -> float:
        """Octaves between the two halves of an outer window, zero where there is one row."""
        near, far = (self.distances[list(rows)].mean() if rows else 1.0 for rows in _halves(outer))
        return float(np.log2(far / near))

    def continued(self, decay: Real, power: float, x: Real) -> Real:
        """Factors of `outer_rows`, which make of them contributions to the error that add in quadrature: (J, m).

        decay : (s, m). power : of a Fermi surface. x : (s, m) of `thermal` at the D of each shell.
        """
        whole = KAPPA * with_farther(self.farther, self.kept, fermi_power(self.dimension, False), self._shortest(x))
        found = []
        for rows, octaves, fall, end in zip(self.outer, self.octaves, decay, x, strict=True):
            factor = whole * 2.0 ** -octaves_to(octaves, fall, power, end) / math.sqrt(len(rows))
            found.append(np.broadcast_to(factor, (len(self._doubled(rows)), len(factor))))
        return np.concatenate(found)

    def of_half(self, decay: Real, power: float, x: Real) -> Real:
        """By how much the difference from a mesh of half the density counts, which is made of coefficients half way to D: (m,)."""
        octaves = octaves_to(self.octaves[0], decay.mean(axis=0), power, self._shortest(x))
        return np.asarray(2.0 ** (-octaves / self.octaves[0]))

    def _shortest(self, x: Real) -> Real:
        """Of `thermal` at a vector as long as the shortest D, along the fastest of all shells: (s, m) -> (m,)."""
        return np.asarray((x / np.array(self.lengths)[:, None]).min(axis=0))

    def _doubled(self, rows: Sequence[int]) -> Integer:
        """Rows of a window, with those of a shifted mesh."""
        found = np.array(rows, dtype=np.int64)
        return np.concatenate([found, found + len(self.vectors)]) if self.angles is not None else found


def stars(mesh: Mesh, lattice: Real, periodic: Sequence[bool]) -> Stars | None:
    """The stars of a mesh; None where it has one point along every periodic direction. lattice : (3, 3), rows, angstrom.

    Directions with one point are left out: nothing is known of them. Vectors are in those along which the mesh counts k.
    """
    matrix, lattice = mesh.superlattice.matrix, np.array(mesh.skew.basis) @ lattice
    used = [i for i in range(3) if periodic[i] and mesh.points[i] > 1] if mesh.skew.straight else [0, 1, 2]
    if not used:
        return None
    basis = matrix[used] if mesh.skew.straight else reduced(matrix, lattice)
    shells = _merged(_shells(basis, lattice))
    sets: list[Integer] = []
    superlattice: list[Integer] = []
    windows: tuple[list[tuple[int, ...]], list[tuple[int, ...]]] = ([], [])
    for shell in shells:
        for half, found in zip((1.0, 0.5), windows, strict=True):
            rays = shell.rays((half * WINDOW[0], half * WINDOW[1]))
            found.append(tuple(range(len(sets), len(sets) + len(rays))))
            sets.extend(rays)
            superlattice += [shell.vectors] * len(rays)
    widest = max(map(len, sets))
    vectors, factors, angles = np.zeros((len(sets), widest, 3), np.int64), *np.zeros((2, len(sets), widest))
    first = np.linalg.solve(matrix, np.array(mesh.shift))
    for row, (R, D) in enumerate(zip(sets, superlattice, strict=True)):
        vectors[row, : len(R)], factors[row, : len(R)] = R, 2.0
        angles[row, : len(R)] = 2 * np.pi * D @ first
    real = all(abs(2 * mesh.shift[i] - round(2 * mesh.shift[i])) < 1e-9 for i in used)
    distances = np.array([np.linalg.norm(R @ lattice, axis=1).mean() for R in sets])
    vectors_of = [shell.vectors @ lattice for shell in shells]
    spacings = tuple(2 * np.pi * D / (D**2).sum(axis=1, keepdims=True) for D in vectors_of)
    geometry = (tuple(shell.octaves for shell in shells), *_lengths(shells, basis, lattice), len(used), distances, spacings)
    return Stars(vectors, factors, tuple(windows[0]), tuple(windows[1]), *geometry, None if real else angles)


def _lengths(shells: Sequence[Shell], basis: Integer, lattice: Real) -> tuple[tuple[float, ...], Real, Real]:
    """Over the shortest: mean of each shell, of all vectors of the shells (k,), of all of the superlattice (n,)."""
    of_shells = [np.linalg.norm(shell.vectors @ lattice, axis=1) for shell in shells]
    multiples = np.indices((2 * FARTHEST + 1,) * len(basis)).reshape(len(basis), -1).T - FARTHEST
    every = np.linalg.norm(multiples[multiples.any(axis=1)] @ basis @ lattice, axis=1)
    shortest = every.min()
    kept = np.repeat(np.concatenate(of_shells), 2)  # one of each pair is in a shell
    return tuple(float(x.mean() / shortest) for x in of_shells), kept / shortest, every / shortest


def _shells(basis: Integer, lattice: Real) -> list[Shell]:
    """Shells of the superlattice with this basis (d, 3), the shortest first.

    In a space of one, two, three dimensions that the shortest vectors span one after the other, vectors that are not NEAR times
    longer than the shortest that is new there.
    """
    multiples = np.array(list(itertools.product(range(-2, 3), repeat=len(basis))))
    D = multiples[np.gcd.reduce(multiples, axis=1) == 1] @ basis
    length = np.linalg.norm(D @ lattice, axis=1)
    order = np.argsort(np.round(length / length.min(), 6), kind="stable")
    D, length = D[order], length[order]
    kept, spanned, limits = list[tuple[float, Integer]](), np.zeros((0, 3)), list[float]()  # spanned : orthonormal, Cartesian
    for vector, size, direction in zip(D, length, D @ lattice / length[:, None], strict=True):
        rest = 1 - np.cumsum((spanned @ direction) ** 2)  # of its square, behind the first of them, the first two, ...
        level = int(np.argmax(rest < SPANNED)) if (rest < SPANNED).any() else len(spanned)
        if level == len(spanned):
            beyond = direction - (spanned @ direction) @ spanned
            spanned = np.vstack([spanned, beyond / np.linalg.norm(beyond)])
            limits.append(NEAR * size)
        if size < limits[level]:
            kept.append((size, vector))
    result: dict[float, list[Integer]] = {}
    for size, vector in kept:
        same = next((s for s in result if abs(s - size) < 1e-3 * size), size)
        result.setdefault(same, []).append(vector)
    return [_shell(np.array(found), D, lattice) for found in result.values()]


def _shell(found: Integer, D: Integer, lattice: Real) -> Shell:
    """One of each pair, and where their rays leave the Wigner-Seitz cell: |t D| = |t D - G|."""
    half = np.array([v for v in found if tuple(v) > tuple(-v)])
    dots = (half @ lattice) @ (D @ lattice).T
    squares = ((D @ lattice) ** 2).sum(axis=1)
    reach = np.where(dots > 1e-12 * squares, squares / np.maximum(2 * dots, 1e-300), np.inf).min(axis=1)
    return Shell(half, np.minimum(reach, 0.5))


def _merged(shells: list[Shell]) -> list[Shell]:
    """At most SHELLS: the last ones, least in weight, together."""
    if len(shells) <= SHELLS:
        return shells
    rest = shells[SHELLS - 1 :]
    last = Shell(np.concatenate([s.vectors for s in rest]), np.concatenate([s.reach for s in rest]))
    return [*shells[: SHELLS - 1], last]
