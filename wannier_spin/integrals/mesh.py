"""Sums over a uniform mesh: model -> Bloch states -> geometry -> densities -> occupation -> mean over k.

With them come the Fourier sums that the error bar of a mesh is made of, see `integration.stars`. They are kept with their signs,
channel by channel: whatever is combined of the channels has as its bar the root of the sum of squares of the combined rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.band_sums import over_groups
from wannier_spin.bloch import BlochSum
from wannier_spin.errors import InputError
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.algorithm import Execution, Integral
from wannier_spin.integrals.bars.bar_sums import BarSums
from wannier_spin.integrals.bars.hidden import Beside, NearestGaps
from wannier_spin.integrals.bars.mesh_bars import Bars, Judged
from wannier_spin.integrals.bars.profile import FrequencyProfile
from wannier_spin.integrals.bars.slopes import Slopes
from wannier_spin.integrals.densities.channels import Channels, Tolerance
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.scan import ByState, Scan, make_scan
from wannier_spin.integrals.densities.spectrum import Spectrum
from wannier_spin.integrals.sums import GIB, SUMS_OVER_R, Rows, Sums, batch_size, cell_volume, fewer, minima_of, not_finite
from wannier_spin.integrals.watch import Watch
from wannier_spin.integration.bumps import Bump, outside
from wannier_spin.integration.grid import Batch, Mesh, MeshMean, Partial, mean_over_runs
from wannier_spin.integration.peaks import Peaks
from wannier_spin.integration.superlattice import STRAIGHT, Skew
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation
from wannier_spin.symmetry import Operation, irreducible_weights, mesh_operations, orbit_sizes

Real = NDArray[np.float64]
LEAST_BATCHES = 32  # so that a small mesh can be dealt to many ranks, cut alike for any number of them
GENERIC_SHIFT = (0.37, 0.23, 0.41)  # of its spacing: off all points that symmetry distinguishes, where bands meet in any case
CAREFUL = 2000  # numbers in a sum for each point of a run: adding it up with care is then a few microseconds a point
MOST_RUNS = 1024  # of a large mesh: after each the sums are added up with care, which costs as much as some points


@dataclass(frozen=True)
class OnMesh:
    """A uniform mesh k = (i + shift)/points, of which irreducible points are evaluated. See `Algorithm`.

    bars : whether its sums get error bars; they cost some time. bumps : parts of the zone that are left out. skew : of the mesh of
    another superlattice, see `integration.superlattice`.
    """

    points: tuple[int, int, int]
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bars: bool = True
    bumps: tuple[Bump, ...] = ()
    skew: Skew = STRAIGHT

    def mesh(self, integral: Integral) -> Mesh:
        """With the weights of irreducible points."""
        return irreducible_mesh(Mesh(self.points, self.shift, skew=self.skew), integral.reducing)

    def sums(self, integral: Integral, execution: Execution) -> Sums:
        """See `Algorithm`."""
        return self.summed(integral, execution).sums()

    def summed(self, integral: Integral, execution: Execution, wanted: Tolerance | None = None) -> Summed:
        """The same as means. wanted : for it the largest terms are kept, see `Watch` (not of spectra)."""
        model, plan, occupation, mesh = integral.model, integral.plan, integral.occupation, self.mesh(integral)
        assert isinstance(model, TightBindingModel)
        check_directions(model.periodic, mesh.points)
        check_temperature(plan, occupation.sharp, occupation.kT)
        in_coordinates = bool(integral.reducing) or not integral.group
        sought = wanted is not None
        judged = Judged(integral.relaxation, integral.tau, integral.group, integral.sites, in_coordinates, sought)
        most = -(-mesh.n_evaluated // LEAST_BATCHES)
        spectrum = Spectrum.of(plan, occupation, model, most)
        dense = plan if spectrum is None else spectrum.beside
        invariant = judged.channels(dense) if self.bars else None
        channels = invariant if judged.reduced else None
        if spectrum is not None and channels is not None:
            spectrum = spectrum.restricted(channels.selection.wanted)
        kept = SUMS_OVER_R * execution.memory * GIB
        source = (dense if channels is None else channels.selection).bloch_sum(model, mesh.skew.coordinates, kept)
        oriented = mesh.transposed(source.axes)
        source.planes.expect(oriented.first_axis)
        bars = Bars.of(model, mesh, dense, judged, invariant, occupation) if self.bars else None
        summed_channels = dense.n_channels if channels is None else channels.sea.shape[1] + channels.surface.shape[1]
        summed_with_bars = bars is not None and bars.whole is not None
        scan = ByState(occupation) if summed_with_bars else make_scan(occupation, most, summed_channels)
        density, watch = 1 / cell_volume(model), None
        if wanted is not None and bars is not None and spectrum is None:
            watch = Watch.of(integral.channels(wanted), density / mesh.n_points, bars.sample.occupation.n_points)
        weigh = (lambda k: outside(self.bumps, k)) if self.bumps else None
        alike = None if in_coordinates else operations_of(mesh, integral.group)
        what = (integral.degeneracy_tolerance, spectrum, weigh, watch, alike)
        summed = _MeshSums(dense, occupation, scan, channels, bars, source, *what)
        return Summed(summed, oriented, density, summed.mean(oriented, most, execution), oriented.n_evaluated)

    def sketch(self, integral: Integral, thorough: bool) -> OnMesh:
        """See `Algorithm`. A mesh of few points is shifted: bands meet where symmetry makes them."""
        n1, n2, n3 = fewer(self.points, thorough)
        generic = tuple(x if n > 1 else 0.0 for x, n in zip(GENERIC_SHIFT, (n1, n2, n3), strict=True))
        return OnMesh((n1, n2, n3), self.shift if thorough else (generic[0], generic[1], generic[2]), bars=False)


@dataclass(frozen=True)
class Summed:
    """Means over a mesh. density : from them to integrals. evaluations : points so far."""

    how: _MeshSums
    mesh: Mesh
    density: float
    mean: MeshMean
    evaluations: int

    def sums(self) -> Sums:
        """The integrals, with their error bars."""
        how, mean, density = self.how, self.mean, self.density
        difference = None if mean.coarse is None else how.expanded(mean.fine - mean.coarse) * density
        found = Sums(how.expanded(mean.fine) * density, difference, mean.minima, self.evaluations)
        return found if how.bars is None else replace(found, rows=how.rows(mean.further, density))

    def without(self, bump: Bump, execution: Execution) -> Summed:
        """With this bump left out, too: the few points that it covers are evaluated once more, and subtracted."""
        k = self._points()
        covered = bump.at(k) > 0
        weights = np.zeros(self.mesh.points, np.int64)
        given = np.ones(self.mesh.points, np.int64) if self.mesh.weights is None else self.mesh.weights
        place = tuple(np.argwhere(given > 0)[covered].T)
        weights[place] = given[place]
        before = self.how.weigh
        if covered.any():
            few = replace(self.mesh, weights=weights)
            how = replace(self.how, weigh=lambda k: bump.at(k) * (1 if before is None else before(k)), watch=None)
            mean = self.mean.less(how.mean(few, max(few.n_evaluated // LEAST_BATCHES, 1), execution))
        else:
            mean = self.mean
        after = replace(self.how, weigh=lambda k: (1 - bump.at(k)) * (1 if before is None else before(k)))
        peaks = None if mean.peaks is None else mean.peaks.scaled(lambda k: 1 - bump.at(k))
        return replace(self, how=after, mean=replace(mean, peaks=peaks), evaluations=self.evaluations + int(covered.sum()))

    def _points(self) -> Real:
        """Those that are evaluated, in reciprocal lattice vectors: (p, 3)."""
        found = self.mesh.used_points()
        k = np.empty_like(found)
        k[:, self.how.source.axes] = found
        return self.how.source.in_reduced(k)


def operations_of(mesh: Mesh, operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Those that leave the mesh invariant, and the nested coarse mesh too: the error estimate compares the two."""
    usable = mesh_operations(operations, mesh.points, mesh.shift, mesh.superlattice.vectors)
    if mesh.nested:
        usable = mesh_operations(usable, mesh.coarse.points, mesh.coarse.shift, mesh.coarse.superlattice.vectors)
    return usable


def irreducible_mesh(mesh: Mesh, operations: Sequence[Operation]) -> Mesh:
    """The mesh with the weights of its irreducible points, under the `operations_of` it; without any, as it is."""
    if not operations:
        return mesh
    usable, skew = operations_of(mesh, operations), mesh.skew
    return replace(mesh, weights=irreducible_weights(usable, mesh.points, mesh.shift, skew.below, np.array(skew.basis)))


def check_directions(along: Sequence[bool], points: Sequence[int]) -> None:
    """Raise InputError for several points along a direction that is not periodic. along : whether it is, and points : (3,)."""
    for number, periodic, name in zip(points, along, "abc", strict=True):
        if not periodic and number != 1:
            raise InputError(f"grid has {number} points along lattice vector {name}, which is not periodic; expected 1")


def check_temperature(plan: Plan, sharp: bool, kT: Real) -> None:
    """Raise InputError for Fermi-surface terms at T = 0. sharp : as in `Occupation`; kT : (T,)."""
    if plan.has_surface and sharp and (kT == 0).any():
        surface = [
            r.name for r in plan.responses if any(b.fermi == "surface" and b.name in plan.blocks_of(r) for b in plan.static_blocks)
        ]
        raise InputError(
            f"temperature = 0 K with Fermi-surface responses ({', '.join(surface)}) on a uniform mesh: f' is a delta function "
            "that no mesh of points meets; give a temperature for which kT spans a few level spacings of the mesh, or a tolerance"
        )


@dataclass(frozen=True)
class _MeshSums:
    """Sums over the points of a run of batches. spectrum : tables besides, for a plan with more frequencies; None: no more.

    weigh : what the integrand is multiplied by at k (p, 3); None: nothing is cut out. watch : keeps the largest terms. alike : the
    operations that make of points of the mesh others; None: irreducible points stand for those.
    """

    plan: Plan
    occupation: Occupation
    scan: Scan
    channels: Channels | None
    bars: Bars | None
    source: BlochSum
    degeneracy_tolerance: float
    spectrum: Spectrum | None
    weigh: Callable[[Real], Real] | None = None
    watch: Watch | None = None
    alike: Sequence[Operation] | None = None

    @property
    def n_sea(self) -> int:
        return self.plan.n_channels - self.plan.n_surface_channels if self.channels is None else self.channels.sea.shape[1]

    @property
    def n_channels(self) -> int:
        return self.plan.n_channels if self.channels is None else self.n_sea + self.channels.surface.shape[1]

    @cached_property
    def profile(self) -> FrequencyProfile | None:
        """What bars at all frequencies are made of besides."""
        return None if self.bars is None or self.spectrum is None else FrequencyProfile(self.spectrum.coarse(), self.bars.stars)

    @property
    def n_further(self) -> int:
        """Numbers in further sums: those of bars, those of the profile behind them."""
        return (0 if self.bars is None else self.bars.size) + (0 if self.profile is None else self.profile.size)

    @property
    def least_run(self) -> int:
        """Points in k for which a total is worth while."""
        return max(self.scan.least_run, (self.n_sums + self.n_further) // CAREFUL)

    @property
    def n_dense(self) -> int:
        """Numbers in the sums of densities; tables stand behind them."""
        return self.scan.rows * self.n_channels

    @property
    def n_sums(self) -> int:
        """Numbers in a sum."""
        return self.n_dense + (0 if self.spectrum is None else self.spectrum.size)

    def expanded(self, means: Real) -> Real:
        """All channels (w, C), from means of what is summed."""
        few = self.scan.sums(means[: self.n_dense].reshape(self.scan.rows, -1), self.n_sea)
        if self.channels is not None:
            few = self.channels.expand(few)
        if self.spectrum is None:
            return few
        return self.spectrum.sums(few, means[self.n_dense :], None if self.channels is None else self.channels.sea)

    def batch(self, memory: float, sums: int) -> int:
        """Points per batch. What is held besides: three times what is summed, and the results."""
        summed = sums * self.n_sums + self.n_further
        held = 3 * summed + 4 * self.occupation.n_points * self.plan.n_channels
        by_point = 0 if self.bars is None else sum(points * channels for _, points, channels in self.bars.shapes)
        works = (self.plan,) if self.channels is None else (self.plan, self.channels.selection)
        # the memory must be enough for the plan all the same: what is tried out without bars takes all of it
        fitting = [partial(batch_size, self.source, work, self.occupation, memory, held, by_point) for work in works]
        try:
            return [size() for size in fitting][-1]
        except InputError:
            self.source.most_bytes = 0.0  # then nothing is kept of sums over R: what is said to be the least is enough
            return [size() for size in fitting][-1]

    def mean(self, mesh: Mesh, most: int, execution: Execution) -> MeshMean:
        """Mean over the mesh, in batches of at most so many points."""
        largest = min(self.batch(execution.memory, 2 if mesh.nested else 1), most)
        runs = mesh.runs(largest, min(max(self.least_run, -(-mesh.n_evaluated // MOST_RUNS)), most))
        return mean_over_runs(mesh, runs, self.partial, execution.comm, execution.progress)

    def rows(self, further: Real, density: float) -> Rows:
        """What error bars are made of, from means of further sums."""
        assert self.bars is not None
        rows = self.bars.rows(further[: self.bars.size], density)
        return rows if self.profile is None else self.profile.rows_of_all(rows, further[self.bars.size :])

    def partial(self, run: Sequence[Batch]) -> Partial:
        """Sums over the points of each mask, and with the phases of the stars; the minima of `minima_of`."""
        totals = np.zeros((len(run[0].masks), self.n_sums))
        further = np.zeros(self.n_further)
        minima: Real = np.array(np.inf)
        peaks: Peaks | None = None
        bar_sums = self._bar_sums(further, len(totals))
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
            for batch in run:
                geometry, sea, surface = self._densities(batch)
                bands = [] if self.spectrum is None else self.spectrum.bands(geometry, self._window)
                k = self._points(batch)
                weights = batch.weights if self.weigh is None else batch.weights * self.weigh(k)
                used = [(total, weights * mask) for total, mask in zip(totals, batch.masks, strict=True) if mask.any()]
                states = over_groups(geometry.group_energies, geometry.group, sea, surface)
                if self.bars is not None and bar_sums is not None:
                    own = bar_sums.total
                    phases = self.bars.stars.phases(batch, self.source.axes) * weights
                    slopes = Slopes.of(geometry, self.bars.axes)
                    beside = self._beside(k, batch.weights, self.bars.gaps(geometry, slopes), sea, surface)
                    self.bars.add_beside(own, beside)
                    by_point = bar_sums.add(phases, weights * np.array(batch.masks)[: bar_sums.n_further], *states)
                    self.bars.count(own, geometry.group_energies, slopes, weights, weights / self._images(batch, k))
                    if self.profile is not None:
                        self.profile.add(further[self.bars.size :], phases, bands)
                    if self.watch is not None and by_point is not None:
                        found = self.watch.peaks(k, weights, by_point, beside)
                        peaks = found if peaks is None else peaks.merged(found)
                if bar_sums is None or not bar_sums.n_further:
                    self._add(used, *states)
                if self.spectrum is not None:
                    self.spectrum.add([total[self.n_dense :] for total, _ in used], bands, [factors for _, factors in used])
                minima = np.minimum(minima, minima_of(geometry.group_energies, geometry.group, self.occupation))
            if bar_sums is not None and self.bars is not None:
                for total, sums in zip(totals, bar_sums.further(), strict=False):
                    total[: self.n_dense] += sums[self.bars.whole].ravel()
        if not np.isfinite(totals).all():
            raise self._not_finite(run)
        return Partial(totals, minima, further, peaks)

    def _images(self, batch: Batch, k: Real) -> Real:
        """How many points of the mesh symmetry makes of each one of a batch, itself among them: (p,)."""
        return batch.weights if self.alike is None else orbit_sizes(self.alike, k).astype(float)

    def _beside(self, k: Real, weights: Real, gaps: NearestGaps, sea: Real, surface: Real) -> Beside:
        """What may hide next to the points, as far as it is not cut out there. weights : of the points alone."""
        assert self.bars is not None
        of_gaps = np.broadcast_to(weights[:, None], gaps.now.shape)
        if self.weigh is not None:
            there = k[:, None] + gaps.where @ self.bars.axes @ self.source.model.lattice.T / (2 * np.pi)
            of_gaps = of_gaps * self.weigh(there.reshape(-1, 3)).reshape(gaps.now.shape)
        return self.bars.beside(gaps, of_gaps, sea, surface)

    def _points(self, batch: Batch) -> Real:
        """Of a batch, in reciprocal lattice vectors: (p, 3)."""
        return self.source.batch_points(batch.k1, batch.k2, batch.k3, batch.used, batch.lean)

    def _densities(self, batch: Batch) -> tuple[BandGeometry, Real, Real]:
        bloch = self.source.on_batch(batch.k1, batch.k2, batch.k3, batch.used, batch.lean)
        geometry = self.plan.geometry(bloch, self.degeneracy_tolerance)
        if self.channels is not None:
            return geometry, *self.channels.densities(geometry, self._window)
        return geometry, *self.plan.densities(resp.BandPairs(geometry, self.plan.observables, self._window))

    @property
    def _window(self) -> tuple[float, float]:
        """Of `BandPairs`."""
        return self.occupation.window if self.bars is None else self.bars.window

    def _bar_sums(self, further: Real, n_totals: int) -> BarSums | None:
        """Adds to further sums; and to totals, where all of the scan is in the sample."""
        if self.bars is None:
            return None
        return BarSums(self.bars, further[: self.bars.size], 0 if self.bars.whole is None else n_totals, self.watch is not None)

    def _add(self, used: Sequence[tuple[Real, Real]], energies: Real, sea: Real, surface: Real) -> None:
        """Densities to totals (n_sums,), times the factors (k,) of each."""
        states = [X.reshape(energies.size, X.shape[-1]) for X in (sea, surface)]
        for total, factors in used:
            dense = total[: self.n_dense].reshape(self.scan.rows, -1)
            self.scan.add(dense, energies.ravel(), np.repeat(factors, energies.shape[1]), *states)

    def _not_finite(self, run: Sequence[Batch]) -> InputError:
        """What to say of a run with sums that are not finite: the first point with such densities."""
        for batch in run:
            with np.errstate(invalid="ignore", over="ignore"):
                geometry, *densities = self._densities(batch)
            energies, X = geometry.group_energies, np.concatenate(densities, axis=-1)
            if batch is run[-1] or not np.isfinite(X).all():
                break
        return not_finite(self._points(batch), energies, X)
