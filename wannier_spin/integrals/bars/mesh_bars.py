"""The error bars of a mesh: Fourier sums of all channels where a scan can afford them, their size everywhere.

The sums that bars are made of (`integration.stars`) cost as much as all else if they are taken of every channel at every (mu, T)
of a long scan. So there are three sets of points:

    all of the scan   values
    the profile       of each response two combinations of its components with random signs: how large the sums are
    the sample        all channels, with their signs: how much of it each component has, and how fast it decays

A short scan is its own sample, and has no profile. In a long one a point has the rows of the sample's nearest point (at the next
lower temperature), times how much larger the profile is here; and where the sample is as dense as kT, there is nothing to add.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.bars.fall import Continuation
from wannier_spin.integrals.bars.fermi_points import COUNTS, FermiPoints
from wannier_spin.integrals.bars.hidden import Beside, Densities, NearestGaps, mesh_axes, mesh_margin
from wannier_spin.integrals.bars.slopes import Slopes, Speeds, directions, step_of
from wannier_spin.integrals.densities.channels import Channels, combinations, has_polarizations, make_channels
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import Rows
from wannier_spin.integration.adaptive import DOUBT
from wannier_spin.integration.decay import Sizes, expected, mixed, parts, patterns, shared, steps_at, unknown
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.stars import Stars, stars
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import CUTOFF, Occupation, Subset, subset
from wannier_spin.symmetry import Operation, SiteGroup

Real = NDArray[np.float64]
ENOUGH, LEAST_SCAN = 8, 12  # values of mu: a scan of fewer is made so long by further ones within the window, which may differ much
LEAST_SAMPLE = 48  # points of a sample
LEAST_COLD = 24  # the same where AUXILIARY kT are less than what energies change by from one point to the next: then they go so far
AUXILIARY = 0.6 * CUTOFF  # in kT: how far they are from mu at least
AFFORDABLE = 9  # times n_bands^2: channels times points of a sample, a twentieth of what the geometry costs
PROFILE, TEMPERATURES = 256, 4  # points of a profile, and temperatures
DENSE = 2.0  # in kT: distances of mu below which nothing lies between
PROBES = 2  # combinations of each response
BESIDE = 3.0**0.5  # times the rows of the mu about each one, which are at most as large as its own
CANCELLED = 1e-12  # of signs: a sum of which no more is left is rounding
MOST = 1e3  # times its own size: an estimate is raised at most so far, what is farther is in the rows of the mu about it
SEED = 14
SOUGHT = 10 / 9  # times the estimates of a mesh within a tolerance: it is the first whose bars are small, as they may be by chance


@dataclass(frozen=True)
class Judged:
    """What the error bars of a mesh are judged by: the responses with this relaxation and tau (hbar/eV).

    operations : of the group that the responses are projected on, none without symmetry; sites : how it permutes the sites of the
    plan. reduced : whether coordinates of `channels` are summed, and not all densities: on irreducible points, and without a group.
    sought : whether the mesh is one of several, of which the first with small bars is taken; of light one that is not sums what
    polarizations have, see `make_channels`.
    """

    relaxation: str
    tau: float
    operations: Sequence[Operation] = ()
    sites: SiteGroup | None = None
    reduced: bool = False
    sought: bool = False

    def channels(self, plan: Plan) -> Channels | None:
        """Coordinates of what the group leaves invariant, and in light of what polarizations have; None without either."""
        light = not self.sought and has_polarizations(plan)
        if not (self.operations or light):
            return None
        scale = dict.fromkeys((r.name for r in plan.responses), 1.0)
        return make_channels(plan, self.relaxation, scale, self.tau, self.operations, self.sites, light)


@dataclass(frozen=True)
class Bars:
    """What a mesh sums for its bars: Fourier sums, and what small gaps between its points may hide.

    spacings, axes, n_points : of the mesh, and of what a point of it stands for, see `hidden.mesh_axes`. step : what an energy
    changes by from one point to the next, eV (root mean square). invariant : coordinates of what the group leaves; None: no group.
    """

    stars: Stars
    spacings: Real
    axes: Real
    n_points: int
    step: float
    plan: Plan
    judged: Judged
    sample: Subset
    profile: Subset | None
    invariant: Channels | None

    @classmethod
    def of(
        cls, model: TightBindingModel, mesh: Mesh, plan: Plan, judged: Judged, invariant: Channels | None, scan: Occupation
    ) -> Bars | None:
        """Choose the sample, and a profile where one is needed. None for a mesh with one point along every direction.

        invariant : of `Judged.channels`.
        """
        found = stars(mesh, model.lattice, model.periodic)
        if found is None:
            return None
        spacings = mesh.spacings(model.lattice)
        axes = mesh_axes(spacings, [op.rotation for op in judged.operations])
        found_for = (found, spacings, axes, mesh.n_points, step_of(model, axes), plan, judged)
        most = max(AFFORDABLE * model.n_bands**2 // max(plan.n_channels, 1), LEAST_SAMPLE)
        if scan.n_points <= most:
            return cls(*found_for, subset(scan, scan.n_points, scan.shape[1]), None, invariant)
        sample = subset(scan, most, max(most // LEAST_SCAN, 1))  # what is seen of a Fermi surface depends on T
        if sample.dense(DENSE) and len(sample.temperatures) == scan.shape[1]:
            return cls(*found_for, sample, None, invariant)
        return cls(*found_for, sample, subset(scan, PROFILE, TEMPERATURES, sample), invariant)

    @cached_property
    def at_sample(self) -> Occupation:
        """With further mu about few of them, or beside many that lie within less than a step: what oscillates along a scan with
        about that period is not known from one of its phases.
        """
        own = self.sample.occupation
        coldest, hottest = (AUXILIARY * float(kT) for kT in (own.kT.min(), own.kT.max()))
        if own.shape[0] < ENOUGH:
            return own.longer(ENOUGH, LEAST_SCAN if coldest >= self.step else LEAST_COLD, max(hottest, self.step))
        low, high = own.span
        return own.wider(LEAST_COLD // 2, self.step) if high - low + coldest < self.step else own

    @property
    def window(self) -> tuple[float, float]:
        """Energies between which states are partly filled at some of what is summed. See `Occupation.window`."""
        (low, high), (first, last) = self.at_sample.window, self.sample.scan.window
        return min(low, first), max(high, last)

    @cached_property
    def at_profile(self) -> Occupation | None:
        return None if self.profile is None else self.profile.occupation

    @cached_property
    def whole(self) -> NDArray[np.int64] | None:
        """Of every point of the scan which one of the sample it is: (w,); None where not all of them are."""
        return self.sample.standing_for if self.sample.occupation.n_points == self.sample.scan.n_points else None

    @property
    def _reduced(self) -> Channels | None:
        return self.invariant if self.judged.reduced else None

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of what is summed of the sample (rows, points, channels), the last row what may hide, and of the profile (rows, points,
        probes).
        """
        reduced, profile = self._reduced, self.at_profile
        channels = self.plan.n_channels if reduced is None else reduced.sea.shape[1] + reduced.surface.shape[1]
        of_profile = (0, 0, 0) if profile is None else (self.stars.n_rows, profile.n_points, len(self._probes.columns))
        return (self.stars.n_rows + 1, self.at_sample.n_points, channels), of_profile

    @cached_property
    def _broadened(self) -> NDArray[np.bool_]:
        """Of the channels that are summed."""
        return self.plan.broadened if self._reduced is None else self._reduced.broadened(self.plan)

    @property
    def size(self) -> int:
        """Numbers in all sums."""
        return int(self._places[-1].stop)

    @cached_property
    def _fermi_points(self) -> tuple[FermiPoints, ...]:
        """Of the sample, and of the profile."""
        scans = (self.at_sample,) if self.at_profile is None else (self.at_sample, self.at_profile)
        return tuple(FermiPoints(scan, self.step, directions(self.axes)) for scan in scans)

    def _parts(self, total: Real) -> tuple[Real, Real, Real, list[Real]]:
        """Views of sums (size,): of the sample and of the profile (`shapes`), products of velocities (3, 3), and counts (4, w) of
        sample and profile.
        """
        sample, profile, products, *counts = (total[part] for part in self._places)
        of_both = [one.reshape(COUNTS, -1) for one in counts]
        return sample.reshape(self.shapes[0]), profile.reshape(self.shapes[1]), products.reshape(3, 3), of_both

    @cached_property
    def _places(self) -> list[slice]:
        """Of the sample, of the profile, of products of velocities, and of the counts of both."""
        ends = np.cumsum([0, *map(math.prod, self.shapes), 9, *(one.size for one in self._fermi_points)])
        return [slice(*pair) for pair in itertools.pairwise(ends)]

    def count(self, total: Real, energies: Real, slopes: Slopes, weights: Real, alone: Real) -> None:
        """Add to the sums (size,) what `FermiPoints` count at these points, and products of velocities: energies (k,n), weights
        (k,).
        """
        *_, products, of_both = self._parts(total)
        velocities = slopes.mean.reshape(-1, 3)
        products += velocities.T @ (velocities * np.repeat(weights, energies.shape[1])[:, None])
        for points, counts in zip(self._fermi_points, of_both, strict=True):
            counts += points.counted(energies, slopes.reach, weights, alone)

    @property
    def probes(self) -> Probes | None:
        """What is summed of the profile; None without one."""
        return None if self.profile is None else self._probes

    @cached_property
    def _probes(self) -> Probes:
        plan, random, signs = self.plan, np.random.default_rng(SEED), dict[str, Real]()
        C, signed = plan.n_channels, []
        for first in range(0, C, 256):
            units = np.eye(min(256, C - first), C, first)
            found = combinations(plan, units, self.judged.relaxation, self.judged.tau)
            for name, X in found.items():
                signs.setdefault(name, random.choice([-1.0, 1.0], (X.shape[1], PROBES)))
            signed.append(np.concatenate([X @ signs[name] for name, X in found.items()], axis=1))
        n_sea = C - plan.n_surface_channels
        whole = np.concatenate(signed)
        sea, surface = whole[:n_sea], whole[n_sea:]
        if self.invariant is not None:
            sea, surface = self.invariant.sea.T @ sea, self.invariant.surface.T @ surface
            if not self.judged.reduced:
                sea, surface = self.invariant.sea @ sea, self.invariant.surface @ surface
        left = np.maximum(np.abs(sea).max(axis=0, initial=0), np.abs(surface).max(axis=0, initial=0))
        columns = np.flatnonzero(left > CANCELLED * np.abs(whole).max(axis=0, initial=0))
        return Probes(sea[:, columns], surface[:, columns], columns, whole.shape[1])

    def gaps(self, geometry: BandGeometry, slopes: Slopes) -> NearestGaps:
        """Those that may hide something. slopes : along the axes."""
        return NearestGaps.of(geometry, self.axes, slopes, self._near_gaps)

    @cached_property
    def _near_gaps(self) -> tuple[float, float]:
        reach = mesh_margin(self.at_sample) + self.plan.gap_broadening
        low, high = self.at_sample.span
        return low - reach, high + reach

    def beside(self, gaps: NearestGaps, weights: Real, sea: Real, surface: Real) -> Beside:
        """What may hide next to points: weights (k, n-1) of their gaps, densities (k, n, c_sea), (k, n, c_surface)."""
        found = [
            own.beside(self.at_sample, weights, Densities(sea, surface, used))
            for used, own in gaps.by_channel(self.plan.gap_broadening, self._broadened, sea.shape[2])
        ]
        return Beside.joined(found)

    def add_beside(self, total: Real, beside: Beside) -> None:
        """Add to the sums (size,) what hides beside points."""
        self._parts(total)[0][-1] += beside.sum

    def parts(self, total: Real) -> tuple[Real, Real]:
        """What `BarSums` adds to, of the sums (size,): (rows, points of the sample, channels), and those of the profile."""
        sums, profile, *_ = self._parts(total)
        return sums[:-1], profile

    def rows(self, means: Real, density: float) -> Rows:
        """From the means over the mesh (size,)."""
        means_of_sample, means_of_profile, products, counts = self._parts(means)
        continuation = self._continuation(products)
        sums = means_of_sample * density
        if self._reduced is not None:
            sums = self._reduced.expand(sums)
        elif self.invariant is not None:
            sums = self.invariant.projected(sums)
        outer, n, point = sums[self.stars.outer_rows], self.sample.occupation.n_points, self.sample.standing_for
        by_mu = outer.reshape(len(outer), *self.at_sample.shape, -1)
        around = self.at_sample.along_mu(partial(mixed, by_mu, reach=self.step, seed=SEED)).reshape(outer.shape)
        among = self.at_sample.along_mu(parts)
        of_scan = patterns(by_mu, among, SEED).reshape(-1, *outer.shape[1:])
        of_around, of_parts = self._combined(around), self._combined(of_scan)
        at_profile = self._probes.expanded(means_of_profile * density) if self.profile is not None else means_of_profile
        factors, halves = {}, {}
        for number, (name, components) in enumerate(self._combined(sums[:-1]).items()):
            fall = continuation.of(self.at_sample, name, components)
            size, beside = (_size(x, fall.factors) for x in (components[self.stars.outer_rows], of_around[name]))
            found = Sizes(size, self._expected(self.at_sample, size, counts[0]), fall.of_half)
            here = of_sample = found[point]
            if self.profile is not None:
                own = at_profile[..., number * PROBES : (number + 1) * PROBES]
                here, of_sample = self._at_scan(name, own, counts[1], continuation)
            share = BESIDE * np.minimum(_ratio(found.expected, beside)[point], 1) * _ratio(here.expected, of_sample.expected)
            raised = np.minimum(_ratio(here.own, of_sample.size), MOST)
            lost = here.lost * _ratio(found.expected[point], of_sample.expected)
            anywhere = lost * shared(of_parts[name], _ratio(size, found.expected), among)[:, point]
            doubt = DOUBT * np.minimum(_ratio(here.size, of_sample.size), MOST)
            factors[name] = np.concatenate([*(fall.factors[:, point] * x for x in (raised, share)), anywhere, doubt[None]])
            halves[name] = here.of_half
        where = self._levels_unknown(*((self.at_sample, counts[0]) if self.at_profile is None else (self.at_profile, counts[1])))
        return Rows(np.concatenate([outer, around, of_scan, sums[-1:]])[:, :n], point, factors, halves, where, self.step)

    def _continuation(self, products: Real) -> Continuation:
        """products : of velocities, mean over the points, which need not have the symmetry of the mesh."""
        rotations = [op.rotation for op in self.judged.operations] or [np.eye(3)]
        alike = np.mean([R @ products @ R.T for R in rotations], axis=0)
        speeds = Speeds.of(alike, self.axes, self.step, self.stars.spacings)
        return Continuation(self.stars, self.plan, self.step, speeds, SOUGHT if self.judged.sought else 1.0)

    def _expected(self, scan: Occupation, size: Real, counts: Real) -> Real:
        """At least the size, and what `expected` says: (w,). counts : (4, w) means over the mesh."""
        seen, crossed, squares, alone = self._counts(scan, counts)
        steps = scan.along_mu(partial(steps_at, step=self.step, seen=seen, crossed=crossed, squares=squares))
        found = partial(expected, size.reshape(scan.shape), steps=steps, seen=seen, crossed=crossed, alone=alone)
        return np.maximum(size, scan.along_mu(found).ravel())

    def _levels_unknown(self, scan: Occupation, counts: Real) -> Real:
        """Values of mu of the scan itself at which, at some temperature, bars know nothing of a Fermi surface: (u,)."""
        seen, crossed, *_ = self._counts(scan, counts)
        found = scan.along_mu(lambda energies: energies[unknown(energies, self.step, seen, crossed).any(axis=1)])
        return self.sample.scan.along_mu(partial(np.intersect1d, found))

    def _counts(self, scan: Occupation, counts: Real) -> Real:
        """Points of the mesh (4, mu, T) from their means (4, w)."""
        return np.maximum(self.n_points * counts, 0.0).reshape(COUNTS, *scan.shape)

    def _combined(self, rows: Real) -> dict[str, Real]:
        """Components of every response from rows (..., points, channels): (..., points, components)."""
        found = combinations(self.plan, rows.reshape(-1, rows.shape[-1]), self.judged.relaxation, self.judged.tau)
        return {name: x.reshape(*rows.shape[:-1], -1) for name, x in found.items()}

    def _at_scan(self, name: str, probes: Real, counts: Real, continuation: Continuation) -> tuple[Sizes, Sizes]:
        """Of a response at the points of the scan, and at those of the sample that stand for them.

        probes : (rows, points, PROBES) of the profile; counts : (2, points) of it. Between two points of the profile the larger
        one counts.
        """
        assert self.profile is not None
        profile, sample = self.profile, self.sample
        fall = continuation.of(profile.occupation, name, probes)
        size = _size(probes[self.stars.outer_rows], fall.factors)
        found = Sizes(size, self._expected(profile.occupation, size, counts), fall.of_half)
        colder = profile.temperatures.below(profile.scan.kT)
        before, after = (profile.position(levels, colder) for levels in profile.levels.around)
        at_sample = profile.position(
            np.searchsorted(profile.levels.own, sample.levels.own),
            np.searchsorted(profile.temperatures.own, sample.temperatures.own),
        )
        return found[before].or_larger(found[after]), found[at_sample][sample.standing_for]


@dataclass(frozen=True)
class Probes:
    """Random signs of the components of each response, as columns (c_sea, p), (c_surface, p) over what is summed of both.

    columns : (p,) which of all responses * PROBES these are; the others belong to responses that the group forbids.
    """

    sea: Real
    surface: Real
    columns: NDArray[np.int64]
    count: int

    def expanded(self, sums: Real) -> Real:
        """All of them, of sums (..., p)."""
        found = np.zeros((*sums.shape[:-1], self.count))
        found[..., self.columns] = sums
        return found


def _size(components: Real, factors: Real) -> Real:
    """Root of the sum of squares over rows and components: (J, points, components), (J, points) -> (points,)."""
    return np.sqrt(((components * factors[..., None]) ** 2).sum(axis=(0, 2)))


def _ratio(numbers: Real, others: Real) -> Real:
    """One where there is nothing to compare with."""
    return np.divide(numbers, others, out=np.ones_like(numbers), where=others > 0)
