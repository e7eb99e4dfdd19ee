"""What the adaptive integrator sees: what symmetry allows of every block, and the responses made of it.

Blocks are reduced to coordinates in the space of tensors that the magnetic point group leaves invariant, before the sums over
bands: forbidden components are not integrated, do not ask for k-points, and cost nothing. The responses of sites, and those with
other definitions of the spin current, are one more response each, of which the largest component of any of them counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.errors import InputError
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.densities.contracted import Contracted
from wannier_spin.integrals.densities.dynamic import DynamicCoordinates, worth_while
from wannier_spin.integrals.densities.kinds import block_kind
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.selection import Selection
from wannier_spin.integration.adaptive import Totals, Verdict
from wannier_spin.occupation import Occupation
from wannier_spin.responses.registry import Response
from wannier_spin.results import SPREAD, intraband_factor
from wannier_spin.symmetry import Operation, SiteGroup, TensorKind, basis_of, invariant_basis
from wannier_spin.tensors import symmetrized
from wannier_spin.values import is_number, is_whole

Real = NDArray[np.float64]
NOISE = 1e-12  # natural units: smaller responses are rounding
SITES, DEFINITIONS = "@sites", "@definitions"  # behind the name of a response: what it is at sites, by definition
MOST_FOR_COLUMNS = 2**12  # channels: a matrix of so many rows and half as many columns takes 64 MiB
ROUNDING = 1e-9  # eV: of mu that is counted from a Fermi energy
CANCELLED = 1e-4  # of what boxes contribute: a response of which less is left is zero, as far as a relative tolerance goes


@dataclass(frozen=True)
class Tolerance:
    """What accuracy is asked for, and what it may cost.

    relative : of the largest component of a response over the scan. absolute : response -> error in its own unit (at the first
    tau); the larger of the two counts. max_evaluations : k-points. max_seconds : wall time. replicas : how often everything is
    done, with different first partitions; the spread is one more error bar. start : boxes along each periodic axis, even, and no
    meshes before them. window : of mu (eV, absolute), from, to: only there the error bars are held to the tolerance, which is
    relative to the largest component there; other mu of the scan carry their bars.

    A response at sites is held to the same, relative to its largest component at any site.
    """

    relative: float = 1e-2
    absolute: Mapping[str, float] | None = None
    max_evaluations: int = 1_000_000
    max_seconds: float = np.inf
    replicas: int = 1
    start: int | None = None
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.absolute is not None and not isinstance(self.absolute, Mapping):
            raise InputError(f"tolerance (absolute) = {self.absolute!r}, expected names of responses with an error each")
        numbers = {"relative": self.relative, "max_evaluations": self.max_evaluations, "max_seconds": self.max_seconds}
        numbers |= {f"absolute, {name}": value for name, value in (self.absolute or {}).items()}
        for name, value in numbers.items():
            if not is_number(value) or not value > 0:
                raise InputError(f"tolerance ({name}) = {value!r}, expected a positive number")
        if self.relative > 1:
            raise InputError(f"tolerance (relative) = {self.relative!r}, expected a share of the value of at most 1: 1e-2 is 1 %")
        if not self.max_evaluations < 2**63:
            raise InputError(f"tolerance (max_evaluations) = {self.max_evaluations!r}, expected a number of k-points")
        if not is_whole(self.replicas) or not 1 <= self.replicas <= 64:
            raise InputError(f"tolerance (replicas) = {self.replicas!r}, expected a whole number from 1 to 64")
        if self.start is not None and (not is_whole(self.start) or self.start < 4 or self.start % 2):
            raise InputError(f"tolerance (start) = {self.start!r}, expected an even whole number of boxes, at least 4")
        for name in self.absolute or {}:
            resp.get(name)
        if self.window is not None and not _ascending(self.window):
            raise InputError(f"tolerance (window) = {self.window!r}, expected two energies (eV), the lower one first")

    def allowed(self, name: str, largest: float) -> float:
        """How large the error of a response (or of its variants) may be whose largest component this is, in its unit."""
        return max(self.relative * largest, (self.absolute or {}).get(whole(name), 0.0))

    def holds(self, mu: Real) -> NDArray[np.bool_]:
        """Whether these mu (eV) are held to the tolerance, in the same shape."""
        low, high = self.window or (-np.inf, np.inf)
        return np.asarray((mu >= low - ROUNDING) & (mu <= high + ROUNDING))

    def judged(self, occupation: Occupation) -> NDArray[np.bool_]:
        """Points of a scan that are held to the tolerance: (w,). Raises InputError where there are none."""
        held, (first, last) = self.holds(occupation.points[0]), occupation.span
        if self.window is not None and not held.any():
            low, high = self.window
            raise InputError(
                f"tolerance (window) = {low:g} to {high:g} eV holds no mu of the scan ({first:g} to {last:g} eV); "
                "give a wider one, or mu inside of it"
            )
        return held


def _ascending(window: Any) -> bool:
    try:
        low, high = (float(x) for x in window)
    except (TypeError, ValueError):
        return False
    return bool(np.isfinite([low, high]).all()) and low <= high


@dataclass(frozen=True)
class Channels:
    """sea (C_sea, c_sea), surface (C_surface, c_surface) : orthonormal columns, from densities to coordinates.

    responses : for each response (c, components), from coordinates to the asked form in its own unit. names : theirs.
    selection : what of the plan occurs in any column, and is computed. dynamic, contracted : what is
        made in coordinates at once, of its dynamic blocks and of others.
    """

    sea: Real
    surface: Real
    names: tuple[str, ...]
    responses: tuple[Real, ...]
    selection: Selection
    judged: NDArray[np.bool_] | None = None
    dynamic: DynamicCoordinates | None = None
    contracted: tuple[Contracted, ...] = ()

    def densities(self, geometry: BandGeometry, window: tuple[float, float]) -> tuple[Real, Real]:
        """Coordinates of sea and surface densities, (k, n, c) each. window : see `BandPairs`."""
        if not self._at_once or not self._worth_while(geometry.energies.shape):
            sea, surface = self.selection.densities(geometry, window)
            return _coordinates(sea, self._computed[0]), _coordinates(surface, self._computed[1])
        pairs, (columns, places) = self.selection.pairs(geometry, window), self._others
        sea, surface = self.selection.without(self._at_once).densities_of(pairs, geometry.energies.shape)
        coordinates = np.zeros((*geometry.energies.shape, self.sea.shape[1]))
        coordinates[..., places] = _coordinates(sea, columns)
        for one in self.contracted:
            one.add(coordinates, geometry, window)
        if self.dynamic is not None:
            self.dynamic.add(coordinates, pairs)
        return coordinates, _coordinates(surface, self._computed[1])

    def _worth_while(self, points: tuple[int, ...]) -> bool:
        """Whether there is so much to do at (k, n) that it is made at once."""
        products = sum(one.observable.n_components for one in self.contracted) * points[1]
        return worth_while(points, self.selection.n_channels + products)

    @property
    def _at_once(self) -> set[str]:
        """Blocks that are made in coordinates, without all components first."""
        dynamic = set() if self.dynamic is None else set(resp.DYNAMIC_BLOCKS)
        return dynamic | {one.block.name for one in self.contracted}

    @cached_property
    def _others(self) -> tuple[Real | None, NDArray[np.int64]]:
        """Of all other densities of the sea their columns as in `_computed`, and which of all columns these are."""
        places = self.selection.without(self._at_once).positions
        rows = self.sea[places[places < len(self.sea)]]
        used = np.flatnonzero(np.abs(rows).max(axis=0, initial=0.0))
        return _unless_unit(rows[:, used]), used

    def broadened(self, plan: Plan) -> NDArray[np.bool_]:
        """Columns whose gaps are broadened, those of sea densities first: (c,)."""
        of_sea, of_surface = np.split(plan.broadened, [len(self.sea)])
        pairs = ((self.sea, of_sea), (self.surface, of_surface))
        return np.concatenate([(np.abs(Q[rows]) > 0).any(axis=0) for Q, rows in pairs])

    @cached_property
    def _computed(self) -> tuple[Real | None, Real | None]:
        """Columns over the densities that are computed; None: every component is a channel, the columns are the unit matrix."""
        places, n_sea = self.selection.positions, len(self.sea)
        columns = (self.sea[places[places < n_sea]], self.surface[places[places >= n_sea] - n_sea])
        return _unless_unit(columns[0]), _unless_unit(columns[1])

    def expand(self, sums: Real) -> Real:
        """Coordinates (..., c) -> the sums of all densities (..., C)."""
        c = self.sea.shape[1]
        return np.concatenate([sums[..., :c] @ self.sea.T, sums[..., c:] @ self.surface.T], axis=-1)

    def projected(self, sums: Real) -> Real:
        """What the columns span of sums of all densities (..., C)."""
        C = len(self.sea)
        return self.expand(np.concatenate([sums[..., :C] @ self.sea, sums[..., C:] @ self.surface], axis=-1))

    def expand_bound(self, spread: Real) -> Real:
        """Bounds of coordinates (..., c) -> bounds of the sums (..., C)."""
        c = self.sea.shape[1]
        return np.concatenate([spread[..., :c] @ np.abs(self.sea.T), spread[..., c:] @ np.abs(self.surface.T)], axis=-1)

    def sizes(self, rows: Real) -> Real:
        """Largest value of each response over rows and components: (rows, c) -> (r,)."""
        return np.array([np.abs(rows @ Q).max(initial=0.0) for Q in self.responses])

    @cached_property
    def noise(self) -> Real:
        """Up to which a response is rounding: (r,)."""
        return np.array([_noise(Q) for Q in self.responses])

    def sizes_of_scan(self, sums: Real) -> Real:
        """The same over the (mu, T) that are held to a tolerance: (w, c) -> (r,)."""
        return self.sizes(self._held(sums))

    def _held(self, sums: Real) -> Real:
        return sums if self.judged is None else sums[self.judged]

    def judge(self, totals: Totals, wanted: Tolerance) -> Verdict:
        """What is allowed, and how far the error bars exceed it."""
        values = [np.abs(self._held(totals.value) @ Q).max(initial=0.0) for Q in self.responses]
        allowed = []
        for name, Q, value, magnitude in zip(self.names, self.responses, values, totals.magnitude, strict=True):
            scale = max(value, CANCELLED * magnitude)
            allowed.append(max(wanted.allowed(name, scale), _noise(Q)))
        return self.judge_by(totals, np.array(allowed))

    def judge_by(self, totals: Totals, allowed: Real) -> Verdict:
        """The same with what is allowed of each response (r,)."""
        difference, spread = self._held(totals.difference), self._held(totals.spread)
        bars = [error_bar(difference @ Q, spread @ np.abs(Q)).max(initial=0.0) for Q in self.responses]
        return Verdict(allowed, np.array(bars) / allowed)


def variants_name(plan: Plan, response: Response) -> str:
    """What the variants of a response are called among the channels."""
    return response.name + (SITES if plan.sites_of(response) else DEFINITIONS)


def _noise(Q: Real) -> float:
    return max(NOISE * float(np.abs(Q).max(initial=0.0)), float(np.finfo(float).tiny))


def _coordinates(densities: Real, columns: Real | None) -> Real:
    """Coordinates of densities (k,n,C) in the columns (C,c)."""
    if columns is None:
        return densities
    return np.asarray(densities.reshape(-1, len(columns)) @ columns).reshape(*densities.shape[:2], -1)


def _unless_unit(columns: Real) -> Real | None:
    return None if columns.shape[0] == columns.shape[1] and np.array_equal(columns, np.eye(len(columns))) else columns


def whole(name: str) -> str:
    """The response that a name of a channel belongs to."""
    return name.partition("@")[0]


def error_bar(difference: Real, spread: Real) -> Real:
    """|sum of fine - coarse| and a standard deviation of it, for when it cancels by chance. All (...), of one shape and unit."""
    return np.asarray(np.abs(difference) + SPREAD * spread)


def make_channels(
    plan: Plan,
    relaxation: str,
    scale: Mapping[str, float],
    tau: float,
    group: Sequence[Operation],
    sites: SiteGroup | None = None,
    by_polarization: bool = False,
) -> Channels:
    """Channels of a plan.

    relaxation : of the full form. scale : response -> factor of its unit, tau included. tau : hbar/eV, for intraband terms at
    finite frequency. group : operations of the magnetic point group; none: every component is a channel. sites : how the
    magnetic space group permutes the sites of the plan. by_polarization : of light only what is symmetric in the fields in the
    linear part, and antisymmetric in the circular one, as it is in any case.
    """
    n, n_sea = plan.n_channels, plan.n_channels - plan.n_surface_channels
    if group:
        columns = np.concatenate([*_invariant(plan, group, sites, by_polarization), np.zeros((n, 0))], axis=1)
    else:
        columns = _polarizations(plan) if by_polarization else np.eye(n)
    surface = np.abs(columns[n_sea:]).max(axis=0, initial=0.0) > 0
    columns = np.concatenate([columns[:, ~surface], columns[:, surface]], axis=1)
    n_reduced = int((~surface).sum())
    selection = Selection.of(plan, columns if group else None)
    combined = {name: scale[whole(name)] * Q for name, Q in combinations(plan, columns.T, relaxation, tau).items()}
    sea, at_surface = columns[:n_sea, :n_reduced], columns[n_sea:, n_reduced:]
    at_once = (selection.dynamic_coordinates(sea), selection.contracted(sea) if group else ())
    return Channels(sea, at_surface, tuple(combined), tuple(combined.values()), selection, None, *at_once)


def has_polarizations(plan: Plan) -> bool:
    """Whether there is light in it, and not so much that columns over all of its channels would take much memory."""
    return any(_is_light(block.name) for block in plan.dynamic_blocks) and plan.n_channels <= MOST_FOR_COLUMNS


def _polarizations(plan: Plan) -> Real:
    """Columns (C, c) in the order of the channels: units, of light what is symmetric and antisymmetric in the fields."""
    pairs = np.eye(9).reshape(9, 3, 3)
    symmetric, antisymmetric = (basis_of((pairs + sign * pairs.swapaxes(1, 2)).reshape(9, 9) / 2) for sign in (1, -1))
    parts = np.zeros((18, 9))  # of (part, b, d)
    parts[:9, :6], parts[9:, 6:] = symmetric.T, antisymmetric.T
    found = [np.zeros((plan.n_channels, 0))]
    for name, place in plan.places.items():
        shape, size = plan.shapes[name], place.stop - place.start
        own = np.kron(np.eye(shape[0]), np.kron(parts, np.eye(shape[-1]))) if _is_light(name) else np.eye(size)
        found.append(np.zeros((plan.n_channels, own.shape[1])))
        found[-1][place] = own
    return np.concatenate(found, axis=1)


def _is_light(block: str) -> bool:
    """Whether it is a dynamic block of two fields, with their polarizations."""
    return block in resp.DYNAMIC_BLOCKS and len(resp.DYNAMIC_BLOCKS[block].fields) == 2


def combinations(plan: Plan, sums: Real, relaxation: str, tau: float) -> dict[str, Real]:
    """Components of every response, and of its variants together, from sums of all densities: (rows, C) -> (rows, components)."""
    form = "paper" if plan.form == "paper" else f"full {relaxation}"
    found = {}
    for r in plan.responses:
        recipe = plan.recipes(r)[form]
        found[r.name] = _combination(plan, sums, r, recipe, tau)
        n_variants = len(plan.sites_of(r) or plan.definitions_of(r))
        if n_variants:
            each = [_combination(plan, sums, r, recipe, tau, i) for i in range(n_variants)]
            found[variants_name(plan, r)] = np.concatenate(each, axis=1)
    return found


def _invariant(plan: Plan, group: Sequence[Operation], sites: SiteGroup | None, by_polarization: bool) -> Iterator[Real]:
    """For each block and observable, orthonormal columns (C, invariant tensors)."""
    done = set()
    for record in plan.responses:
        observable = record.channel_tensor(plan.channel).observable
        for block in plan.blocks_of(record):
            if (block, observable) in done:
                continue
            done.add((block, observable))
            kind = block_kind(record, plan.channel, block)
            place = plan.places[block]
            units = np.eye(place.stop - place.start, plan.n_channels, place.start)  # other channels are not of the block
            light = by_polarization and _is_light(block)
            for variant in (None, *range(len(plan.definitions_of(record)))):
                tensor, basis = plan.block_tensor(units, block, record, variant), invariant_basis(kind, group)
                yield _placed(plan, place, tensor, _of_each_part(basis, kind) if light else [basis])
            if sites is not None and plan.sites_of(record):
                tensor = plan.sites_tensor(units, block, record)  # (C, s, omega, part, tensor)
                beside, basis = np.moveaxis(tensor, 1, tensor.ndim - kind.rank - 1), sites.invariant_basis(kind)
                yield _placed(plan, place, beside, _of_each_part(basis, kind) if light else [basis])


def _of_each_part(basis: Real, kind: TensorKind) -> list[Real]:
    """Of a basis (i, ...) what is symmetric in the two fields, second and third index of a tensor, and what is antisymmetric."""
    exchanged = basis.reshape(-1, *(3,) * kind.rank).swapaxes(2, 3).reshape(basis.shape)
    return [basis_of(basis.T @ (basis + sign * exchanged) / 2) for sign in (1, -1)]


def _placed(plan: Plan, place: slice, tensor: Real, bases: Sequence[Real]) -> Real:
    """Columns (C, c) from what the channels of a block are in a tensor, whose last axes a basis spans, the same or one by part."""
    flat = tensor.reshape(len(tensor), -1, len(bases), bases[0].shape[1])
    found = np.concatenate([flat[:, :, part] @ basis.T for part, basis in enumerate(bases)], axis=-1)
    columns = np.zeros((plan.n_channels, math.prod(found.shape[1:])))
    columns[place] = found.reshape(len(found), -1)
    return columns


def _combination(
    plan: Plan, units: Real, record: Response, recipe: Mapping[str, float], tau: float, variant: int | None = None
) -> Real:
    """From all densities to the components of a response, or of a variant of it: (C, components)."""
    law = record.channel_tensor(plan.channel)
    omega = np.array([z.real for z in plan.frequencies])
    total: Any = 0
    for name, factor in recipe.items():
        block = plan.block_tensor(units, name, record, variant)
        if record.dynamic and name in resp.BLOCKS:
            phases = intraband_factor(omega, tau, resp.BLOCKS[name].tau_power)
            block = block[:, None, None] * np.expand_dims(phases, tuple(range(2, 1 + block.ndim)))
        total = total + factor * block
    if plan.form == "full" and not record.dynamic:
        total = symmetrized(total, 2, law.field_order)
    return np.asarray(total.reshape(len(units), math.prod(total.shape[1:])))  # also of no units: of what a group forbids
