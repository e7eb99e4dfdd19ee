"""What an integral over the zone gives, and what all algorithms share: minima over the points, batches, volumes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation

Real = NDArray[np.float64]
Progress = Callable[[int, int], None]


def check_progress(progress: object) -> None:
    """Raise InputError for what cannot be called, as True is."""
    if not callable(progress):
        raise InputError(f"progress = {progress!r}, expected a function that is called with (done, total)")


GIB = 2.0**30
CACHE = 1.0e8  # bytes: larger batches wait for memory, smaller ones for Python
FEWER, ENOUGH = 20.0, 343  # trying something out takes this many times fewer points of a mesh, but no fewer than that
SUMS_OVER_R = 0.25  # of the memory, that sums over some of the R may take from one batch to the next
STACKS = {"injection vertex": 6, "shift vertex": 12}  # of `Plan.held`, matrices for each o at once; 3: one stack (d, o)
NEAR_FERMI = 5.0  # in kT: states that a Fermi-surface term sees


@dataclass(frozen=True)
class Rows:
    """Contributions to the errors of a mesh, see `bars`: rows (J, points, channels) of a sample of the scan; for every point of
    the scan which of them it has; by response its factors (J, w), and what its difference from the mesh of half the density counts
    (w,), none where that is not one of its rows. mu_unknown : (u,) eV, at which a Fermi surface lies between the points and nothing
    within `step`, by which energies change from one point to the next, tells of it.
    """

    sample: Real
    of_point: NDArray[np.int64]
    factors: dict[str, Real]
    halves: dict[str, Real] = field(default_factory=dict)
    mu_unknown: Real = field(default_factory=lambda: np.zeros(0))
    step: float = 0.0


@dataclass(frozen=True)
class Sums:
    """Integrals of all channels (w, channels) and what is known of their errors; minima, and points evaluated.

    difference : fine - coarse, or None. rows : of a mesh, what its error bars are made of.
    spread : of an adaptive integral, the root of the sum of the boxes' squared errors. replicas :
    further estimates of the integral. converged : by response, where a tolerance was asked for. on_points : of a mesh or disk; not
    so of boxes, over which f is averaged: they see every Fermi surface.
    """

    fine: Real
    difference: Real | None
    minima: Real
    evaluations: int
    notes: dict[str, Any] = field(default_factory=dict)
    spread: Real | None = None
    replicas: tuple[Real, ...] = ()
    converged: dict[str, bool] = field(default_factory=dict)
    rows: Rows | None = None
    on_points: bool = True

    def harmonics_of(self, name: str, places: Sequence[slice]) -> Iterator[Real]:
        """Contributions to the error of a response, which add in quadrature after they are combined: (w, channels) each.

        places : of its blocks; zero elsewhere.
        """
        if self.rows is not None:
            for row, factor in zip(self.rows.sample, self.rows.factors[name], strict=True):
                found = np.zeros((len(factor), row.shape[1]))
                for place in places:
                    found[:, place] = row[self.rows.of_point, place] * factor[:, None]
                yield found
            if self.difference is not None and name in self.rows.halves:
                found = np.zeros_like(self.difference)
                for place in places:
                    found[:, place] = self.difference[:, place] * self.rows.halves[name][:, None]
                yield found


def sum_states(occupation: Occupation, energies: Real, sea: Real, surface: Real) -> Real:
    """Sum over k and bands: energies (k,n), densities (k,n,c) -> (w, c_sea + c_surface)."""
    return occupation.sums(energies.ravel(), *(X.reshape(energies.size, X.shape[-1]) for X in (sea, surface)))


def not_finite(k: Real, energies: Real, densities: Real) -> InputError:
    """What to say of sums that are not finite: where. k (k,3) in reciprocal lattice vectors, energies (k,n), densities (k,n,c)."""
    bad = ~np.isfinite(energies) | ~np.isfinite(densities).all(axis=-1)
    point, band = np.argwhere(bad)[0] if bad.any() else (0, 0)
    where = f"k = ({', '.join(f'{x:.6g}' for x in k[point])}), band {band + 1} ({energies[point, band]:.6g} eV)"
    if bad.any():
        gap = np.abs(np.delete(energies[point], band) - energies[point, band]).min(initial=np.inf)
        return InputError(
            f"the integrand is not a finite number at {where}, expected one: the nearest band there is {gap:.2g} eV away; "
            "a larger degeneracy_tolerance makes one group of them"
        )
    return InputError(
        f"f or f' is not a finite number near k = ({', '.join(f'{x:.6g}' for x in k[0])}), expected one: at 0 K a band without "
        "slope at mu has none; give a temperature above 0 K or another mu"
    )


def minima_of(energies: Real, group: NDArray[np.int64], occupation: Occupation) -> Real:
    """[lowest energy, -highest energy, lowest transition between states that may be occupied and empty; for each mu the
    smallest gap next to a state within a few kT of it, and the distance of the nearest state; for each band its lowest and
    minus its highest energy]; inf where there is none. See `Minima`.
    """
    low, high = occupation.window
    gap = np.where(group[:, 1:] != group[:, :-1], np.diff(energies, axis=1), np.inf)
    active = (energies[:, :-1] < high) & (energies[:, 1:] > low)
    transition = np.min(gap, where=active, initial=np.inf)
    nearest = np.full(energies.shape, np.inf)
    nearest[:, :-1] = gap
    np.minimum(nearest[:, 1:], gap, out=nearest[:, 1:])
    at_fermi, distance = occupation.about(energies.ravel(), nearest.ravel(), NEAR_FERMI * occupation.kT.max())
    extremes = [energies.min(axis=0), -energies.max(axis=0)]
    return np.concatenate([[energies.min(), -energies.max(), transition], at_fermi, distance, *extremes])


@dataclass(frozen=True)
class Minima:
    """What `minima_of` packs, eV: gap_at_mu and distance_from_mu (mu,); band_ranges (n,) lowest and (n,) highest energies."""

    lowest: float
    highest: float
    transition: float
    gap_at_mu: Real
    distance_from_mu: Real
    band_ranges: tuple[Real, Real]

    @classmethod
    def of(cls, values: Real, n_mu: int) -> Minima:
        """Take them apart: (m,), m = 3 + 2 n_mu + 2 n."""
        rest = values[3 + 2 * n_mu :]
        ranges = (rest[: len(rest) // 2], -rest[len(rest) // 2 :])
        return cls(values[0], -values[1], values[2], values[3 : 3 + n_mu], values[3 + n_mu : 3 + 2 * n_mu], ranges)

    def unseen(self, occupation: Occupation) -> NDArray[np.bool_]:
        """Values of mu that bands cross, with no point within a few kT of any: Fermi-surface terms are missed there. (mu,)"""
        crossed = occupation.crossed(*self.band_ranges)
        return np.asarray(crossed & (self.distance_from_mu > NEAR_FERMI * float(occupation.kT.min())))


class Load(Protocol):
    """What decides how much memory a point takes."""

    @property
    def n_bands(self) -> int:
        """Number of bands."""

    @property
    def n_operators(self) -> int:
        """Matrices (n, n) that are made for every point."""

    def plane_bytes(self) -> int:
        """Memory that is filled however few the points are."""


class Work(Protocol):
    """What is computed of a point, and how much memory that takes: a `Plan`, or a `Selection` of one."""

    @property
    def n_components(self) -> int:
        """Matrices (n, n) of all observables."""

    @property
    def n_channels(self) -> int:
        """Densities of a state."""

    @property
    def has_surface(self) -> bool: ...
    @property
    def derivatives(self) -> bool: ...
    @property
    def held(self) -> set[str]:
        """The stacks of matrices (k,n,d,o,m) that the densities keep."""


def batch_size(source: Load, plan: Work, occupation: Occupation, memory: float, held: int | None = None, by_point: int = 0) -> int:
    """Points per batch that fit into the memory (GiB), at most what keeps the working set near the cache.

    held : numbers that are kept all the time; None: some sums of all channels. by_point : further numbers for each point.
    """
    if not 0 < memory < np.inf:
        raise InputError(f"memory = {memory}, expected a positive number of GiB")
    n, observables = source.n_bands, plan.n_components
    pairs = 30 + (60 if plan.has_surface or plan.derivatives else 0)
    pairs += observables * sum(STACKS.get(name, 18) for name in plan.held)
    matrices = 2 * source.n_operators + 3 * observables + pairs
    per_point = 16 * n**2 * matrices + 8 * n * (3 * plan.n_channels + 2 * occupation.n_points) + 8 * by_point
    fixed = 2 * source.plane_bytes() + 8 * (6 * occupation.n_points * plan.n_channels if held is None else held)
    free = memory * GIB - fixed
    if free < per_point:
        raise InputError(
            f"memory = {memory:g} GiB is too little for {n} Wannier functions and {occupation.n_points} (mu, T) points: "
            f"{_rounded_up((fixed + per_point) / GIB):g} GiB is the least; give more, or fewer responses or (mu, T) points"
        )
    return int(min(free // per_point, max(1, CACHE // per_point)))


def _rounded_up(value: float) -> float:
    """To two digits, upwards."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit


def cell_volume(model: TightBindingModel) -> float:
    """Volume, area or length of the cell along the periodic directions, angstrom^d."""
    vectors = model.lattice[np.array(model.periodic)]
    return float(np.sqrt(np.linalg.det(vectors @ vectors.T)))


def fewer(points: Sequence[int], thorough: bool, least: int = 1) -> list[int]:
    """To try something out: half as many along each direction; not thorough, FEWER times fewer in all, at least ENOUGH."""
    active = max(1, sum(int(n) > 1 for n in points))
    divisor, enough = (2.0, 1) if thorough else (FEWER ** (1 / active), round(ENOUGH ** (1 / active)))
    return [max(least, math.ceil(int(n) / divisor), min(int(n), enough)) for n in points]
