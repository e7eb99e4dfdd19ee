"""Adaptive integrals of all channels: boxes -> Bloch states -> geometry -> densities -> occupation -> samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import BlochMatrices, BlochSum
from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.bars.hidden import Densities, NearestGaps
from wannier_spin.integrals.densities.channels import Channels, Tolerance
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import GIB, NEAR_FERMI, SUMS_OVER_R, Load, batch_size, cell_volume, minima_of, not_finite
from wannier_spin.integration.adaptive import DOUBT, Sample
from wannier_spin.integration.boxes import UNEVEN, Boxes, Tiling, tiling
from wannier_spin.integration.rules import Quadrature, Rule, tensor_rule
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation
from wannier_spin.symmetry import BoxSymmetry, box_symmetry

Real = NDArray[np.float64]
START = 4  # boxes along a periodic axis
REMEMBERED = 0.4  # of the memory, for the sums of boxes that may be split
DEARER = 2.0  # times: a point of a box, compared to one of a mesh
GOLDEN = (5**0.5 - 1) / 2  # multiples of it, modulo 1, stay apart
MANY_R = 150  # lattice vectors from which sums axis by axis are faster (18 bands: 0.9 to 2.3 times at 147, 2.1 to 4.7 at 739)


@dataclass(frozen=True)
class Points:
    """What is needed of points: energies, group (k,n), slopes along the axes (k,n,3), densities (k,n,c).

    steep : (k,3) bounds of |dH/dx_i|, eV.
    """

    energies: Real
    group: NDArray[np.int64]
    slopes: Real
    sea: Real
    surface: Real
    steep: Real


def joined(pieces: Sequence[tuple[Points, NearestGaps]]) -> tuple[Points, NearestGaps]:
    """One batch after the other."""
    samples = [points for points, _ in pieces]
    points = Points(*(np.concatenate([getattr(points, name) for points in samples]) for name in Points.__dataclass_fields__))
    return points, NearestGaps.joined([gaps for _, gaps in pieces])


@dataclass(frozen=True)
class BoxIntegrand:
    """The integrand of one calculation on boxes of x in [0, 1]; what x stands for, `CellIntegrand` and `RegionIntegrand` know."""

    plan: Plan
    channels: Channels
    occupation: Occupation
    degeneracy_tolerance: float
    axes: BoxSymmetry
    tiling: Tiling
    memory: float

    @property
    def used(self) -> tuple[bool, bool, bool]:
        """The axes of x that are integrated over."""
        raise NotImplementedError

    @property
    def load(self) -> Load:
        """What a point costs."""
        raise NotImplementedError

    @property
    def density(self) -> float:
        """From the mean over x to int d^dk/(2 pi)^d."""
        raise NotImplementedError

    def points_of(self, lower: Real, size: Real) -> tuple[Points, NearestGaps]:
        """What is kept of all points of boxes, in order, and their gaps. lower, size : (b, 3)."""
        raise NotImplementedError

    def coordinates(self, x: Real) -> Real:
        """k of points x (p, 3), as messages name it."""
        raise NotImplementedError

    @property
    def aligned(self) -> bool:
        """Whether Fermi surfaces may lie alike in many boxes, see `tensor_rule`."""
        return False

    @cached_property
    def rule(self) -> Rule:
        return tensor_rule(self.used, self.aligned)

    @cached_property
    def _broadened(self) -> NDArray[np.bool_]:
        return self.channels.broadened(self.plan)

    @cached_property
    def _mirrored(self) -> Rule:
        """For every other box."""
        return tensor_rule(self.used, self.aligned, -1)

    @cached_property
    def points_per_batch(self) -> int:
        """As many as fit into the memory that the remembered sums leave."""
        return batch_size(self.load, self.plan, self.occupation, (1 - REMEMBERED) * self.memory)

    def __call__(self, boxes: Boxes) -> Iterator[Sample]:
        """Samples of the boxes, in order.

        One box at a time: matrix products round by their sizes, and a box that is evaluated again, on another rank or after a
        run was resumed, must give the same bits. (Four together: a sheet of two bands not measurably faster.)
        """
        return (self._box(boxes[i : i + 1]) for i in range(len(boxes)))

    def _box(self, box: Boxes) -> Sample:
        """box : one row of the table."""
        lower, size = self.tiling.bounds(box)
        found, gaps = self.points_of(lower, size)
        slopes = found.slopes * size[0]
        change = (np.abs(slopes) @ self.rule.fine.halves.max(axis=0)).max(axis=0)
        volume = float(self.density * box.weight[0] * size[0].prod())
        states = _States(found.energies, slopes, change, volume * found.sea, volume * found.surface, volume / self.density)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
            suspect = self._suspect(found.energies, found.group, size[0] * found.steep.max(axis=0))
            minima = minima_of(found.energies, found.group, self.occupation)
            odd = np.round(box.corner[0] / box.edge[0])[list(self.rule.along)].sum() % 2
            hidden = self._hidden(states, gaps, size[0])
            sample = self._sample(self._mirrored if odd else self.rule, states, suspect, minima, hidden)
        if not np.isfinite([*sample.size, *sample.magnitude]).all():
            k = lower[0] + size[0] * np.stack(np.meshgrid(*self.rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
            raise not_finite(self.coordinates(k), found.energies, np.concatenate([states.sea, states.surface], axis=-1))
        return sample

    def _hidden(self, states: _States, gaps: NearestGaps, size: Real) -> tuple[Real, int]:
        """What small gaps between the points may add to each response (r,), and the axis along which the largest of it changes."""
        rows, axes = [], []
        for used, own in gaps.by_channel(self.plan.gap_broadening, self._broadened, states.sea.shape[-1]):
            there, along = own.in_box(self.rule.fine, size, self.occupation, Densities(states.sea, states.surface, used))
            rows.append(there.largest)
            axes.append(along)
        found = np.concatenate(rows)
        if not len(found):
            return np.zeros(len(self.channels.names)), 0
        each = np.array([np.abs(found @ Q).max(axis=1, initial=0.0) for Q in self.channels.responses])
        largest = each.max(axis=1)
        share = _shares(each.T, states.part * self.channels.noise).max(axis=1)
        return largest, int(np.concatenate(axes)[np.argmax(np.round(share, 9))])

    def _sample(self, rule: Rule, states: _States, suspect: float, minima: Real, hidden: tuple[Real, int]) -> Sample:
        fine = self._sum(rule.fine, states)
        difference = fine - self._sum(rule.coarse, states)
        if rule.beside is not None:
            difference = self._with_beside(difference, fine - self._sum(rule.beside, states), states)
        along = np.array([fine - self._sum(part, states) for part in rule.along.values()])
        one_axis = np.array([self.channels.sizes_of_scan(part) for part in along])
        share = _shares(one_axis, states.part * self.channels.noise)
        axis = tuple(rule.along)[int(np.argmax(np.round(share.sum(axis=1), 9)))]
        # What the axes miss is of both signs, and fine - coarse, about their sum, may vanish where none of them does.
        square = np.maximum(difference**2, (along**2).sum(axis=0))
        size = np.maximum(self.channels.sizes_of_scan(difference), np.sqrt((one_axis**2).sum(axis=0)))
        largest, where = hidden
        if (DOUBT * largest > size).any():  # the points know nothing of it, and so not along which axis it lies
            axis = where
        return Sample(fine, difference, square, size, self.channels.sizes_of_scan(fine), axis, suspect, minima, largest)

    def _with_beside(self, difference: Real, beside: Real, states: _States) -> Real:
        """Of the differences from both coarse rules (w, c) the one that counts.

        Along a line there are few steps, and the larger one does, with all its channels, so that they cancel as in one. Else steps
        of f count as they lie with second points; what f' weighs varies along them, and its differences are none of place alone.
        """
        if len(self.rule.along) > 1:
            n_sea = self.channels.sea.shape[1]
            return np.concatenate([beside[:, :n_sea], difference[:, n_sea:]], axis=1)
        both = np.concatenate([difference, beside])
        sizes = np.array([np.abs(both @ Q).max(axis=1, initial=0.0) for Q in self.channels.responses]).T
        first, second = np.split(_shares(sizes, states.part * self.channels.noise).sum(axis=1, keepdims=True), 2)
        return np.where(first > second, difference, beside)

    def _sum(self, rule: Quadrature, states: _States) -> Real:
        """One rule on one box: (w, c)."""
        energies, slopes, centre, surface = _linear(rule, states)
        spread = (np.abs(slopes) * rule.halves[:, None])[..., list(self.rule.along)]
        change = np.broadcast_to(states.change, energies.shape)
        reach = spread.sum(axis=-1) + (0.0 if rule.own else np.abs(centre - energies))
        low, high = self.occupation.window
        active, filled = (energies + reach >= low) & (energies - reach <= high), energies + reach < low
        f, slope = self.occupation.linear_weights(energies[active], centre[active], spread[active], change[active])
        weights = np.broadcast_to(rule.weights[:, None], energies.shape)
        sea = states.sea[rule.points]
        by_sea = (f * weights[active]) @ sea[active] + self.occupation.below * (weights[filled] @ sea[filled])
        slope = slope * weights[active]
        if rule.own:
            return np.concatenate([by_sea, slope @ surface[active]], axis=1)
        averaged = self.occupation.averaged(change[active])  # where not, both are those of the point itself
        by_surface = np.where(averaged, slope, 0.0) @ surface[active]
        by_surface += np.where(averaged, 0.0, slope) @ states.surface[rule.points][active]
        return np.concatenate([by_sea, by_surface], axis=1)

    def _suspect(self, energies: Real, group: NDArray[np.int64], steep: Real) -> float:
        """Fraction of the box where bands between which mu may lie can come as close as a few kT, by |H(k) - H(k0)| <= L|k - k0|.

        steep : (3,) bounds of the change of H from one face of the box to the opposite one, eV.
        """
        fine = self.rule.fine
        change = (fine.halves + np.abs(fine.centres)) @ steep
        near = NEAR_FERMI * float(self.occupation.kT.max())
        low, high = self.occupation.span
        pair = group[:, 1:] != group[:, :-1]
        reachable = (energies[:, :-1] - change[:, None] < high + near) & (energies[:, 1:] + change[:, None] > low - near)
        close = np.diff(energies, axis=1) - 2 * change[:, None] < near
        return float(fine.weights[(pair & reachable & close).any(axis=1)].sum())


@dataclass(frozen=True)
class _States:
    """States of one box: energies (p,n), their slope across the box (p,n,3), densities (p,n,c) times its volume.

    change : (n,) by how much a band changes from a point to the faces of its sub-box. part : of all that is integrated over.
    """

    energies: Real
    slopes: Real
    change: Real
    sea: Real
    surface: Real
    part: float


def _shares(sizes: Real, noise: Real) -> Real:
    """Of the largest in each column, one for each response: (rows, r). noise (r,) : a response that is no larger has no say."""
    largest = sizes.max(axis=0, initial=0.0)
    return np.where(largest > noise, sizes / np.maximum(largest, np.finfo(float).tiny), 0.0)


def _linear(rule: Quadrature, states: _States) -> tuple[Real, Real, Real, Real]:
    """Of each point of a rule: its energies (p,n), and means of what it and its second point say: slopes, energies in the middle of
    its sub-box, surface densities.
    """
    energies, slopes, surface = (X[rule.points] for X in (states.energies, states.slopes, states.surface))
    centre = energies + (slopes * rule.centres[:, None]).sum(axis=-1)
    if rule.own:
        return energies, slopes, centre, surface
    others = states.slopes[rule.anchors]
    centre_there = states.energies[rule.anchors] + (others * rule.leads[:, None]).sum(axis=-1)
    return energies, (slopes + others) / 2, (centre + centre_there) / 2, (surface + states.surface[rule.anchors]) / 2


@dataclass(frozen=True)
class CellIntegrand(BoxIntegrand):
    """On boxes of reciprocal space, x in the basis of `axes`."""

    model: TightBindingModel

    @property
    def used(self) -> tuple[bool, bool, bool]:
        """See `BoxIntegrand`."""
        return self.model.periodic

    @cached_property
    def source(self) -> BlochSum:
        return self.channels.selection.bloch_sum(self.model, self.axes.basis, SUMS_OVER_R * self.memory * GIB)

    @property
    def load(self) -> Load:
        """See `BoxIntegrand`."""
        return self.source

    @cached_property
    def density(self) -> float:
        """Mean over the region of the boxes, however many primitive cells it has, to int d^dk/(2 pi)^d."""
        return 1 / cell_volume(self.model)

    def coordinates(self, x: Real) -> Real:
        """Reduced: (p, 3)."""
        return np.asarray(x @ self.axes.basis)

    def points_of(self, lower: Real, size: Real) -> tuple[Points, NearestGaps]:
        """See `BoxIntegrand`."""
        return joined([self._points(bloch, size.max(axis=0)) for bloch in self._bloch(lower, size)])

    def _points(self, bloch: BlochMatrices, size: Real) -> tuple[Points, NearestGaps]:
        """What is kept of a batch of points. size : of the largest box."""
        plan = self.plan
        geometry = plan.geometry(bloch, self.degeneracy_tolerance)
        slopes = np.einsum("kan,ia->kni", geometry.group_velocity, self._axis_vectors)
        reach = float((np.abs(slopes) @ size).max()) / 2
        low, high = self.occupation.window  # of energies at which a state may be partly filled, also beside the point
        sea, surface = self.channels.densities(geometry, (low - reach, high + reach))
        steep = np.broadcast_to(self._lipschitz, (len(bloch), 3))
        found = Points(geometry.group_energies, geometry.group, slopes, sea, surface, steep)
        return found, NearestGaps.of(geometry, self._axis_vectors)

    def _bloch(self, lower: Real, size: Real) -> Iterator[BlochMatrices]:
        """All points of the boxes, in order: in one piece if they fit into memory, else in slices of a box."""
        nodes = [lower[:, a, None] + size[:, a, None] * x for a, x in enumerate(self.rule.nodes)]
        x1, x2, x3 = self.rule.nodes
        slices = -(-len(x1) // max(1, self.points_per_batch // (len(x2) * len(x3))))
        tensors = [(piece, b, c) for a, b, c in zip(*nodes, strict=True) for piece in np.array_split(a, slices)]
        together = len(tensors) if slices == 1 else 1
        for first in range(0, len(tensors), together):
            group = tensors[first : first + together]
            if len(self.model.R_vectors) >= MANY_R and self.source.keeps_cells:
                yield BlochMatrices.joined([self.source.on_cell(*x) for x in group])
            else:
                points = [np.stack(np.meshgrid(*x, indexing="ij"), axis=-1).reshape(-1, 3) for x in group]
                yield self.source.at_points(np.concatenate(points) @ self.axes.basis)

    @cached_property
    def _axis_vectors(self) -> Real:
        """d k / d x_i, Cartesian: (i, a), 1/angstrom."""
        return np.asarray(2 * np.pi * self.axes.basis @ np.linalg.inv(self.model.lattice).T)

    @cached_property
    def _lipschitz(self) -> Real:
        """Bounds of |dH/dx_i|, eV: (3,)."""
        R = np.abs(self.model.R_vectors @ self.axes.basis.T)
        return np.asarray(2 * np.pi * np.linalg.norm(self.model.hamiltonian_R, 2, axis=(1, 2)) @ R)


def cell_integrands(integral: Integral, wanted: Tolerance, memory: float) -> list[CellIntegrand]:
    """One integrand for each replica, on boxes that the group reduces where the integral says so."""
    model = integral.model
    assert isinstance(model, TightBindingModel)
    axes = box_symmetry(integral.reducing, model.periodic)
    counts = np.array([(wanted.start or START) if periodic else 1 for periodic in model.periodic])
    uneven = [UNEVEN * (1 + 3 * (replica * GOLDEN % 1)) for replica in range(wanted.replicas)]  # below 1: boundaries in order
    tilings = [tiling(counts, axes.permutations, axes.signs, u) for u in uneven]
    given = (integral.plan, integral.channels(wanted), integral.occupation, integral.degeneracy_tolerance, axes)
    return [CellIntegrand(*given, t, memory, model) for t in tilings]


def first_evaluations(integral: Integral) -> int:
    """Points of the boxes that one begins with."""
    model = integral.model
    assert isinstance(model, TightBindingModel)
    axes = box_symmetry(integral.reducing, model.periodic)
    counts = np.array([START if periodic else 1 for periodic in model.periodic])
    return len(tiling(counts, axes.permutations, axes.signs).first()) * tensor_rule(model.periodic).n_points
