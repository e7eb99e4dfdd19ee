"""What may hide between points: small gaps next to them, from k.p theory of two neighbouring bands at each point.

Two bands with energies E, E + delta, velocities v, v + dv and w between them have at a distance q the gap

    gap^2 = (delta + dv.q)^2 + |2 w.q|^2 = delta^2 + 2 delta dv.q + q.A.q,        A = dv dv^T + 4 Re(w w^+),

which is smallest at q = -delta A^-1 dv. Where that is inside the cell in k that a point stands for and much smaller than
delta, a sharp feature lies there that the points may miss: densities grow like a power of 1/gap, over a volume in which
q.A.q < gap^2. What the point says of its cell is subtracted, and what the points resolve decays: that is in the other estimates.

Terms of the Fermi sea count with what f of both bands differs by at the gap, densities of the Fermi surface that grow like that
(curvatures and metrics, with f') with f' at the edges of the bands, each band by itself: above its edge a Fermi surface leaves
behind what is sharp, and below it there is none. How far k.p theory is unsure of the edges, mu may lie at them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import group_ends, rows
from wannier_spin.compiled import compiled
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.bars.nearest import COMPILED_FROM, LEAST, ROUNDING, SINGULAR, UNCOUPLED, couple, minimize, select
from wannier_spin.integrals.bars.slopes import Slopes
from wannier_spin.integrals.sums import NEAR_FERMI
from wannier_spin.integration.rules import Quadrature
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
REACH = 1.25  # of the cell in k that a point of a box stands for: how far from the point its smallest gaps are believed
UNSURE = 0.2  # of the change of a gap on the way to its smallest value: k.p theory of two bands is not better
POWER = 3  # of the ratio of the gaps
CORE = np.pi / 2  # in two dimensions the integral of (1 + q^2)^(-3/2), 2 pi, over that of a square of the same half width, 4
SURE = 0.02  # of the gap at the point: smaller ones are not told apart by k.p theory
NEIGHBOUR = 0.4  # of the spacing: Gaussians of this width about all points of a mesh add up to one everywhere
MESH_RATE = np.pi  # decay of sums over a mesh
RATE = 2.0  # decay of Gauss sums over boxes with the width of a feature, per half width of a point's cell
BOX_DOUBT = 3.0  # times what is predicted of boxes: without it 3 of 20 sheets ended outside of their bars, for 1 % fewer points
EDGE_DOUBT = 2.0  # times what is predicted with f', which goes like the square of 1/gap in a plane, and the gap is not known well
EVERYWHERE = (-np.inf, np.inf)
SIDES = (-1, 1)  # of the gap, on which the lower and the upper band are


@dataclass(frozen=True)
class NearestGaps:
    """Of each pair of neighbouring bands (n, n + 1) at each point, coordinates those of the boxes.

    now, least : (k, n-1) the gap at the point and the smallest one, eV. where : (k, n-1, 3) how far that is. steepness :
    (k, n-1, 3, 3) A. energy : (k, n-1) of the middle between the two bands there. below, above : (k, n-1) the first state of
    the lower group, and the one after the upper group. Pairs of one group have infinite gaps, and so have pairs that only cross.
    """

    now: Real
    least: Real
    where: Real
    steepness: Real
    energy: Real
    below: Integer
    above: Integer

    @classmethod
    def of(
        cls, geometry: BandGeometry, axis_vectors: Real, slopes: Slopes | None = None, near: tuple[float, float] = EVERYWHERE
    ) -> NearestGaps:
        """At the points of a geometry. axis_vectors : d k/d x_i, Cartesian, (i, a) or at each point (k, i, a).

        slopes : along them; None: they are made. near : pairs whose middle does not come between these energies (eV) as far as a
        mesh looks from its points may be left out; they have infinite gaps.
        """
        slopes = Slopes.of(geometry, axis_vectors) if slopes is None else slopes
        if geometry.velocity.size >= COMPILED_FROM:
            return cls._compiled(geometry, axis_vectors, slopes.mean, near)
        energies, group, velocity = geometry.group_energies, geometry.group, slopes.mean
        first, after = group_ends(group)
        step = np.diff(velocity, axis=1)
        coupling = 4 * _between(geometry.velocity, axis_vectors, first, after)
        A = step[..., :, None] * step[..., None, :] + coupling
        meet = np.trace(coupling, axis1=-2, axis2=-1) > UNCOUPLED * np.trace(A, axis1=-2, axis2=-1)
        now = np.where((group[:, 1:] != group[:, :-1]) & meet, np.diff(energies, axis=1), np.inf)
        finite = np.where(np.isfinite(now), now, 0.0)
        rounding = ROUNDING * (velocity**2).sum(axis=(1, 2))[:, None]
        singular = np.maximum(SINGULAR * np.trace(A, axis1=-2, axis2=-1), rounding)[..., None, None] + LEAST
        where = -finite[..., None] * np.linalg.solve(A + singular * np.eye(3), step[..., None])[..., 0]
        least = np.sqrt(np.maximum(finite**2 + finite * np.einsum("kni,kni->kn", step, where), (ROUNDING * finite) ** 2))
        middle = (energies[:, 1:] + energies[:, :-1]) / 2
        middle = middle + np.einsum("kni,kni->kn", (velocity[:, 1:] + velocity[:, :-1]) / 2, where)
        return cls(now, np.where(np.isfinite(now), least, np.inf), where, A, middle, first[:, :-1], after[:, 1:])

    @classmethod
    def _compiled(cls, geometry: BandGeometry, axis_vectors: Real, slopes: Real, near: tuple[float, float]) -> NearestGaps:
        """The same from machine code."""
        (k, n), axes = geometry.group.shape, np.ascontiguousarray(axis_vectors).reshape(-1, 3, 3)
        energies, group = np.ascontiguousarray(geometry.group_energies), geometry.group
        gaps, where, A = np.full((3, k, n - 1), np.inf), np.zeros((k, n - 1, 3)), np.zeros((k, n - 1, 3, 3))
        pairs, ends = np.empty((k, 2), np.int64), np.empty((2, k, n - 1), np.int64)
        compiled(select)(pairs, ends, energies, slopes, group, np.array(near))
        compiled(couple)(A, rows(geometry.velocity), group, axes, pairs, ends)
        compiled(minimize)(gaps, where, A, energies, slopes, group, pairs)
        return cls(gaps[0], gaps[1], where, A, gaps[2], ends[0], ends[1])

    def __getitem__(self, index: slice) -> NearestGaps:
        return NearestGaps(*(getattr(self, field.name)[index] for field in fields(self)))

    @classmethod
    def joined(cls, several: list[NearestGaps]) -> NearestGaps:
        """One batch after the other."""
        return cls(*(np.concatenate([getattr(one, field.name) for one in several]) for field in fields(cls)))

    def by_channel(self, width: float, broadened: NDArray[np.bool_], n_sea: int) -> list[tuple[NDArray[np.bool_], NearestGaps]]:
        """Channels (c,), and the gaps that count in their densities: of those that are `broadened`, none below width (eV).

        The first n_sea channels are of the Fermi sea; of its surface those count that have powers of gaps, which may be broadened.
        """
        sharp = broadened | (np.arange(len(broadened)) < n_sea)
        if not width or not broadened.any():
            return [(sharp, self)]
        wide = replace(self, now=np.hypot(self.now, width), least=np.hypot(self.least, width))
        return [(columns, gaps) for columns, gaps in ((broadened, wide), (sharp & ~broadened, self)) if columns.any()]

    def in_box(self, rule: Quadrature, size: Real, occupation: Occupation, densities: Densities) -> tuple[Beside, Integer]:
        """What may hide next to the points of a box: by how much a feature exceeds what the point says of its cell; and along which
        axis of the box each gap changes most, (g,). Gaps away from all mu do not count.
        """
        half, centre = rule.halves * size, rule.centres * size
        counts = np.isfinite(self.now) & (np.abs(self.where - centre[:, None]) <= REACH * half[:, None] + ROUNDING).all(axis=-1)
        margin = self.margin + NEAR_FERMI * occupation.kT.max()
        low, high = occupation.span
        counts &= (self.energy < high + margin) & (self.energy > low - margin)
        counts, growth = self._hiding(counts, half[np.nonzero(counts)[0]], RATE)
        excess = BOX_DOUBT * rule.weights[np.nonzero(counts)[0]] * growth
        filled = _filled(self.least[counts], occupation.kT.min())[:, None] * np.ones(occupation.n_points)
        found = self._hidden(counts, excess[:, None], filled, occupation, densities)
        changes = np.diagonal(self.steepness[counts], 0, 1, 2) * size**2
        axis = np.argmax(np.round(changes / np.maximum(changes.max(axis=1, initial=0.0, keepdims=True), LEAST), 9), axis=1)
        return found, np.tile(axis, 3 if densities.of_surface else 1)

    def beside(self, occupation: Occupation, weights: Real, densities: Densities) -> Beside:
        """What may hide between the points of a mesh, with coordinates of `mesh_axes`, with its signs, at every (mu, T).

        weights (k, n-1) : of the gaps, that of the point for all of them unless something is cut out.
        """
        share = np.exp(-(self.where**2).sum(axis=-1) / (2 * NEIGHBOUR**2)) - 0.01  # edges are soft: rounding must not decide
        counts = np.isfinite(self.now) & (share > 0)
        margin = 2 * self.margin + mesh_margin(occupation)
        low, high = occupation.span
        counts &= (self.energy < high + margin) & (self.energy > low - margin)
        counts, growth = self._hiding(counts, np.full((counts.sum(), 3), 0.5), MESH_RATE)
        growth = growth * weights[counts] * share[counts]
        centre, kT = occupation.points
        least, away = self.least[counts][:, None], np.abs(self.energy[counts][:, None] - centre)
        reach = self.margin[counts][:, None] + NEAR_FERMI * kT
        near = growth[:, None] * np.clip(2 - away / np.maximum(reach, LEAST), 0, 1)
        return self._hidden(counts, near, _filled(least, kT), occupation, densities)

    def _hidden(self, counts: NDArray[np.bool_], near: Real, filled: Real, occupation: Occupation, densities: Densities) -> Beside:
        """Of the gaps that count, m of them, in the sea and in the Fermi surfaces of both bands. near (m, w) : how much, times
        filled (m, w) in the sea.
        """
        point, band = np.nonzero(counts)
        groups = ((self.below[counts], band + 1), (band + 1, self.above[counts]))
        lower, upper = (_of_states(densities.sea, point, *states) for states in groups)
        found = [Beside(point, near * filled, densities.counted((lower - upper) / 2, 0))]
        if densities.of_surface:
            for side, states in zip(SIDES, groups, strict=True):
                there = densities.counted(_of_states(densities.surface, point, *states), densities.sea.shape[2])
                found.append(Beside(point, near * self._at_edge(counts, side, occupation), there))
        return Beside.joined(found)

    def _at_edge(self, counts: NDArray[np.bool_], side: int, occupation: Occupation) -> Real:
        """-f' of the states at the edge of the upper (side 1) or lower band (-1) of the gaps that count: (m, w), 1/eV.

        Averaged over energies as wide as the gap, from the edge on. Behind them a Berry curvature times the density of states of a
        cone decays as the square of the energy. Where mu is nearer to the edge than k.p theory knows it, it may lie there.
        """
        now, energy = self.now[counts][:, None], self.energy[counts][:, None]
        least = np.maximum(self.least[counts][:, None], SURE * now)
        centre, kT = occupation.points
        mu, doubt, edge = side * (centre - energy), UNSURE * (now - least), least / 2
        inside = np.maximum(edge - doubt - mu, 0) / np.maximum(kT, LEAST)
        beyond = np.maximum((mu - doubt) / (edge + 2 * kT), 1)
        return np.asarray(EDGE_DOUBT * np.exp(-np.minimum(inside, 700.0)) / (least + 4 * kT) / beyond**2)

    @property
    def _closest(self) -> Real:
        """The smallest gap of both bands, also to their other neighbours: (k, n-1)."""
        k, pairs = np.arange(len(self.now))[:, None], self.now.shape[1]
        padded = np.pad(self.now, ((0, 0), (1, 1)), constant_values=np.inf)
        return np.minimum(self.now, np.minimum(padded[k, self.below], padded[k, np.minimum(self.above, pairs + 1)]))

    @property
    def margin(self) -> Real:
        """How far from the middle of the bands mu may lie for the gap to matter, at 0 K, eV: (k, n-1)."""
        return (0.5 - UNSURE) * self.least + UNSURE * self.now

    def _hiding(self, counts: NDArray[np.bool_], half: Real, rate: float) -> tuple[NDArray[np.bool_], Real]:
        """Those of the gaps that count which hide anything (k, n-1), and their `_growth`, m of them: (m,)."""
        growth, hiding = self._growth(counts, half, rate), np.zeros_like(counts)
        hiding[counts] = growth > 0
        return hiding, growth[growth > 0]

    def _growth(self, counts: NDArray[np.bool_], half: Real, rate: float) -> Real:
        """Of the gaps that count, m of them: (m,). half : (m, 3) half widths of what their points stand for.

        The cube of the ratio of the gaps (a Berry curvature at q from a gap 2 m goes like m/(m^2 + q^2)^(3/2)), times the volume of
        the feature over that of the cell, less the one that the point itself says; times what a sum over the points leaves of a
        feature as wide as this one is, exp(-rate width/half width). What a smaller gap on the other side makes is not this pair's.
        """
        now = self.now[counts]
        least = np.maximum(self.least[counts], SURE * now)
        scaled = half[:, :, None] * self.steepness[counts] * half[:, None, :]
        changes = np.sqrt(np.maximum(np.linalg.eigvalsh(scaled), least[:, None] ** 2 * ROUNDING))
        share = np.minimum(least[:, None] / changes, 1).prod(axis=1)  # of the cell, at most all of it
        resolved = np.exp(-rate * least / changes.max(axis=1))
        return np.maximum(CORE * (now / least) ** POWER * share - 1, 0) * resolved * (self._closest[counts] / now) ** 2


@dataclass(frozen=True)
class Densities:
    """At points: sea (k, n, c_sea), surface (k, n, c_surface); used (c_sea + c_surface,) : those that count, which are sharp at a
    gap.
    """

    sea: Real
    surface: Real
    used: NDArray[np.bool_]

    @property
    def of_surface(self) -> bool:
        """Whether any of the Fermi surface counts."""
        return bool(self.used[self.sea.shape[2] :].any())

    def counted(self, rows: Real, first: int) -> Real:
        """Rows (g, ...) of the channels from the first one on, as rows of all, with zeros for those that do not count: (g, c)."""
        found, place = np.zeros((len(rows), len(self.used))), slice(first, first + rows.shape[1])
        found[:, place] = rows * self.used[place]
        return found


@dataclass(frozen=True)
class Beside:
    """What small gaps may hide, gap by gap: the point next to it (g,), how much at every (mu, T) (g, w), and of which densities
    (g, c).
    """

    point: Integer
    amount: Real
    densities: Real

    @classmethod
    def joined(cls, several: list[Beside]) -> Beside:
        """All gaps of each."""
        return cls(*(np.concatenate([getattr(one, field.name) for one in several]) for field in fields(cls)))

    @property
    def sum(self) -> Real:
        """Of all of them: (w, c)."""
        return np.asarray(self.amount.T @ self.densities)

    @property
    def largest(self) -> Real:
        """Of each at the (mu, T) where it is largest: (g, c)."""
        return np.asarray(self.amount.max(axis=1, initial=0.0, keepdims=True) * self.densities)


def _of_states(densities: Real, point: Integer, first: Integer, after: Integer) -> Real:
    """Sums (m, c) over the states from the first one on, at these points. densities : (k, n, c); all others (m,)."""
    result = np.zeros((len(point), densities.shape[2]))
    for step in range(int((after - first).max(initial=0))):
        own = np.flatnonzero(first + step < after)
        result[own] += densities[point[own], first[own] + step]
    return result


def _between(velocity: NDArray[np.complex128], axis_vectors: Real, first: Integer, after: Integer) -> Real:
    """Re w w^+ between the groups of neighbouring bands, over the root of their sizes: (k, n-1, 3, 3); zero inside of a group.

    Summed over the states of both: it must not depend on the choice of states within a group.
    """
    last = np.arange(velocity.shape[-1] - 1)  # state of the lower group
    below, above = last + 1 - first[:, :-1], after[:, 1:] - last - 1
    edge = first[:, 1:] != first[:, :-1]
    products = np.zeros((3, 3, *edge.shape))  # of components along Cartesian axes
    for i in range(int(below[edge].max(initial=0))):
        for j in range(int(above[edge].max(initial=0))):
            states = slice(i, len(last) - j)
            counts = (edge & (below > i) & (above > j))[:, states]
            w = velocity.diagonal(1 + i + j, 2, 3).swapaxes(0, 1) * counts  # last - i, last + 1 + j: (a, k, states)
            x, y = (np.ascontiguousarray(part) for part in (w.real, w.imag))
            for a, b in itertools.combinations_with_replacement(range(3), 2):
                products[a, b, :, states] += x[a] * x[b] + y[a] * y[b]
    for a, b in itertools.combinations(range(3), 2):
        products[b, a] = products[a, b]
    products /= np.sqrt(below * above)
    axes = axis_vectors if axis_vectors.ndim == 2 else axis_vectors[:, None]
    return np.asarray(axes @ np.moveaxis(products, (0, 1), (2, 3)) @ axes.swapaxes(-1, -2))


def _filled(gap: Real, kT: Real) -> Real:
    """The difference of f across a gap in the middle of which mu lies."""
    return np.asarray(np.tanh(gap / (4 * np.maximum(kT, LEAST))))


def mesh_margin(occupation: Occupation) -> float:
    """How far from mu the middle of a pair may lie for a mesh, besides the gap at the point, eV."""
    return float(2 * NEAR_FERMI * occupation.kT.max())


def mesh_axes(spacings: Real, rotations: Sequence[Real]) -> Real:
    """Rows that span an ellipsoid like the cell in k that a point of a mesh stands for, Cartesian: (3, 3), 1/angstrom.

    It has the symmetry of the rotations (3, 3) (Cartesian), which the parallelepiped of the spacings has not. Directions with one
    point are left out: nothing is known of them. spacings : (d, 3), see `Mesh.spacings`.
    """
    metric = spacings.T @ spacings
    if len(rotations):
        metric = np.mean([R @ metric @ R.T for R in rotations], axis=0)
    squares, axes = np.linalg.eigh(metric)
    return np.asarray((axes * np.sqrt(np.maximum(squares, 0))) @ axes.T)
