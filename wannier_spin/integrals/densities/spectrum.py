"""Responses at many frequencies: sums over pairs of bands from a table over the energy of the transition.

    sum_nm f_n N_nm K(1/eps_nm, z)/eps_nm^p  =  sum over windows i and j of  c_ij(z) t_ij

    t_ij = sum over eps_n > eps_m, eps_nm in i, of T_j((eps_nm - e_i)/a_i) (f_n - f_m) N_nm/eps_nm^p

(see `responses.transitions`; T_j and the windows e_i - a_i ... e_i + a_i as in `scan`). K has its poles eta beside +-omega, and the
windows are so narrow there that ORDER coefficients leave 1e-11 of the largest |K| in them (test_spectrum.py). Then
a pair of bands costs the same for any number of frequencies; without a broadening there is no table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import group_ends
from wannier_spin.compiled import compiled
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.scan import ORDER, PIECE, edges_between, nodes, series
from wannier_spin.model import TightBindingModel
from wannier_spin.observables import Observable
from wannier_spin.occupation import Occupation
from wannier_spin.responses import DYNAMIC_BLOCKS
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.transitions import Transitions
from wannier_spin.responses.vertices import Vertices

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
Integers = NDArray[np.int64]
Given = tuple[Complex, Complex, int, Integers]  # v, X, the first row of X, ends of groups: see `_add_pairs`
BandsOf = tuple[Integers, Integers, Integers, Real]  # k, n, m, eps
BESIDE = 4  # frequencies for which densities are made as well: what error bars are taken from
WORTH = 5  # frequencies for each (mu, T) point, from which a table is cheaper
LARGEST = 4000  # windows: beyond them frequencies are too far apart, as seen from their width
MOST_COSTS = 1.0  # numbers in a table for each density (k, n, channel) of a run: adding it up costs what these would
BYTES = 1.0e9  # of a table
BLOCK, TOGETHER = 512, 64  # pairs of bands whose products stay in the cache, and of one window that are added at once


@dataclass(frozen=True)
class Bands:
    """What is summed of a batch of points: pairs of groups of bands with eps_n > eps_m that are occupied differently.

    given : v, X, the first row of X and ends of groups, see `_add_pairs`. k, n, m (pairs,), n and m the first of their groups;
    eps (pairs,) eV; weights : (f_n - f_m)/eps^p, (w, pairs).
    """

    given: Given
    k: Integers
    n: Integers
    m: Integers
    eps: Real
    weights: Real

    @classmethod
    def of(cls, pairs: BandPairs, X: Transitions, f: Real) -> Bands:
        """f : (w, k, n)."""
        vertices, E, (k, n, m, _) = Vertices.of(pairs), pairs.geometry.group_energies, pairs.upward_groups
        eps, filled = E[k, n] - E[k, m], f[:, k, n] - f[:, k, m]
        used = np.flatnonzero(filled.any(axis=0))  # pairs that are occupied alike add nothing
        given = (pairs.v, vertices.matrices(X.matrix), vertices.first, group_ends(pairs.geometry.group)[1])
        return cls(given, k[used], n[used], m[used], eps[used], filled[:, used] / eps[used] ** X.power)


@dataclass(frozen=True)
class Numerators:
    """Blocks with the same matrix X and power of eps, which share the sums of X_mn v^b_nm over pairs.

    blocks : their names. observables : that X is made of. places : of the components of these on the axis o of the plan.
    """

    blocks: tuple[str, ...]
    observables: tuple[Observable, ...]
    places: Integers

    @property
    def transitions(self) -> Transitions:
        """Of the first block: matrix and power are those of all."""
        return DYNAMIC_BLOCKS[self.blocks[0]].transitions

    @property
    def shape(self) -> tuple[int, ...]:
        """(b, [d,] o)."""
        return (*(3 for _ in DYNAMIC_BLOCKS[self.blocks[0]].fields), len(self.places))

    @property
    def columns(self) -> int:
        """Of a table: real and imaginary part of every component."""
        return 2 * math.prod(self.shape)


@dataclass(frozen=True)
class Spectrum:
    """The dynamic blocks of a plan at all of its frequencies, by tables. edges : of the windows, eV."""

    plan: Plan
    occupation: Occupation
    numerators: tuple[Numerators, ...]
    edges: Real

    @classmethod
    def of(cls, plan: Plan, occupation: Occupation, model: TightBindingModel, longest_run: int) -> Spectrum | None:
        """None where densities at every frequency are cheaper. longest_run : points in k that are summed at most before a total."""
        centres = np.unique([abs(z.real) for z in plan.frequencies])
        eta = min((z.imag for z in plan.frequencies), default=0.0)
        if not plan.dynamic_blocks or len(plan.frequencies) < WORTH * occupation.n_points or not eta > 0:
            return None
        edges = edges_between((0.0, _highest(model)), centres, eta / np.pi, LARGEST)
        if edges is None:
            return None
        everything = {block.name: plan.observables for block in plan.dynamic_blocks}
        found = cls(plan, occupation, _numerators(plan, everything), edges)
        most = MOST_COSTS * longest_run * model.n_bands * plan.n_channels
        return found if found.size <= most and 8 * found.size < BYTES else None

    def restricted(self, wanted: Mapping[str, tuple[Observable, ...]]) -> Spectrum:
        """To blocks with the observables that each is computed for."""
        return replace(self, numerators=_numerators(self.plan, wanted))

    def coarse(self) -> Spectrum:
        """With windows that leave 1e-6: poles are one half width away."""
        centres, eta = np.unique([abs(z.real) for z in self.plan.frequencies]), min(z.imag for z in self.plan.frequencies)
        edges = edges_between((0.0, self.edges[-1]), centres, eta, LARGEST)
        return self if edges is None else replace(self, edges=edges)

    @property
    def rows(self) -> int:
        """Of a table: windows and coefficients."""
        return ORDER * (len(self.edges) - 1)

    @property
    def shapes(self) -> tuple[tuple[int, int, int], ...]:
        """Of the tables: (rows, w, columns)."""
        return tuple((self.rows, self.occupation.n_points, one.columns) for one in self.numerators)

    @property
    def size(self) -> int:
        """Numbers in all tables."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def chosen(self) -> Integers:
        """Frequencies at which densities are made as well, by their numbers, the first and the last among them: (chosen,)."""
        return np.unique(np.linspace(0, len(self.plan.frequencies) - 1, BESIDE).round().astype(np.int64))

    @cached_property
    def beside(self) -> Plan:
        """The plan at these frequencies."""
        return replace(self.plan, frequencies=tuple(self.plan.frequencies[i] for i in self.chosen))

    def add(self, totals: Sequence[Real], bands: Sequence[Bands], factors: Sequence[Real]) -> None:
        """Add points in k, see `bands`, to the tables of each total (size,), times the factors (k,) that it has."""
        for total, factor in zip(totals, factors, strict=True):
            for one, table in zip(bands, self.tables(total), strict=True):
                self.accumulate(table, one, factor[None], np.zeros((0, 0)))

    def accumulate(self, table: Real, bands: Bands, factors: Real, signs: Real) -> None:
        """Add points in k to a table (rows, (j, w), columns), with factors (j, k). signs : see `_add_pairs`."""
        used = np.flatnonzero((np.abs(factors).sum(axis=0) > 0)[bands.k])
        if not len(used):
            return
        k, n, m, eps = (X[used] for X in (bands.k, bands.n, bands.m, bands.eps))
        weights = (factors[:, None, k] * bands.weights[:, used]).reshape(-1, len(used))
        window = np.clip(np.searchsorted(self.edges, eps, side="right"), 1, len(self.edges) - 1) - 1
        rows = table.reshape(len(table), -1)
        compiled(_add_pairs)(rows, bands.given, (k, n, m, eps), weights, (self.edges, window), signs)

    def bands(self, geometry: BandGeometry, window: tuple[float, float]) -> list[Bands]:
        """What is summed of a batch, for every one of the numerators. window : that of the densities (`BandPairs`), which have the
        same vertices then.
        """
        energies = geometry.group_energies
        f = self.occupation.fermi(energies.ravel()).reshape(-1, *energies.shape)
        return [Bands.of(BandPairs(geometry, one.observables, window), one.transitions, f) for one in self.numerators]

    def sums(self, few: Real, total: Real, columns: Real | None = None) -> Real:
        """All channels of the plan (w, C), from those of `beside` and the tables, or from means of both.

        columns : coordinates of what symmetry leaves of the channels of `beside`, in columns (C_few, c); None: everything.
        """
        result, own, beside = np.zeros((len(few), self.plan.n_channels)), self.plan.places, self.beside.places
        for name, place in own.items():
            if name not in DYNAMIC_BLOCKS:
                result[:, place] = few[:, beside[name]]
        for one, table in zip(self.numerators, self.tables(total), strict=True):
            for name in one.blocks:
                found = np.zeros((len(few), *self.plan.shapes[name]))
                found[..., one.places] = self._at_frequencies(one, name, table)
                if columns is not None:
                    found = _projected(found, columns[beside[name]])
                result[:, own[name]] = found.reshape(len(few), -1)
        return result

    def tables(self, total: Real) -> Iterator[Real]:
        """Of all numerators, (rows, w, columns) each: views of a total (size,)."""
        start = 0
        for shape in self.shapes:
            yield total[start : start + math.prod(shape)].reshape(shape)
            start += math.prod(shape)

    def _at_frequencies(self, one: Numerators, name: str, table: Real) -> Real:
        """A block out of a table: (w, omega, part, fields, o)."""
        sums = at_frequencies(DYNAMIC_BLOCKS[name].transitions, np.array(self.plan.frequencies), table, self.edges)
        return DYNAMIC_BLOCKS[name].transitions.parts(*sums.reshape(*sums.shape[:3], *one.shape))


def _highest(model: TightBindingModel) -> float:
    """A bound of the distance of two states, eV."""
    return 2 * float(np.linalg.norm(model.hamiltonian_R, axis=(1, 2)).sum())


def _numerators(plan: Plan, wanted: Mapping[str, tuple[Observable, ...]]) -> tuple[Numerators, ...]:
    """What dynamic blocks share."""
    alike: dict[tuple[str, int, tuple[Observable, ...]], list[str]] = {}
    for name, found in wanted.items():
        if name in DYNAMIC_BLOCKS:
            kernel = DYNAMIC_BLOCKS[name].transitions
            alike.setdefault((kernel.matrix, kernel.power, found), []).append(name)
    ends = np.cumsum([0, *(o.n_components for o in plan.observables)])
    places = {o: np.arange(first, last) for o, first, last in zip(plan.observables, ends[:-1], ends[1:], strict=True)}
    return tuple(Numerators(tuple(names), key[2], np.concatenate([places[o] for o in key[2]])) for key, names in alike.items())


def _projected(found: Real, columns: Real) -> Real:
    """What columns leave of the components of a block (w, omega, part, ...): those at the first frequency hold at all."""
    flat = found.reshape(*found.shape[:3], -1)
    own = columns[: math.prod(flat.shape[2:])].reshape(*flat.shape[2:], -1)
    return np.stack([flat[:, :, part] @ Q @ Q.T for part, Q in enumerate(own)], axis=2).reshape(found.shape)


def at_frequencies(kernel: Transitions, z: NDArray[np.complex128], table: Real, edges: Real) -> Real:
    """Sums with Re K and with Im K at all z, from a table (rows, x, columns): (2, x, omega, columns/2)."""
    N = table.reshape(*table.shape[:2], 2, -1)[:, :, 1 if kernel.imaginary else 0].swapaxes(0, 1)
    sums = np.zeros((2, len(N), len(z), N.shape[2]))
    for first in range(0, len(edges) - 1, PIECE):
        piece = edges[first : first + PIECE + 1]
        c = series(kernel.kernel(1 / nodes(piece), z[:, None]), piece)
        moments = N[:, ORDER * first : ORDER * (first + len(piece) - 1)]
        sums += np.stack([c.real @ moments, c.imag @ moments])
    return sums


def _add_pairs(
    table: Real, given: Given, bands: BandsOf, weights: Real, windows: tuple[Real, Integers], signs: Real
) -> None:  # pragma: no cover  (compiled)
    """table[ORDER i + t, (j, c)] += T_t(eps) weight_j N_c of all pairs, eps in window i, N_nm = X_mn v_nm summed over two groups.

    given : v (k,n,b,m), X (k,n - first,x,m), first, ends of groups (k,n). bands : k, n, m, eps (pairs,). weights (j, pairs).
    windows : edges, and that of each pair (pairs,). Columns c: real parts (b,x), imaginary parts (b,x), or sums of them with signs
    ((b,x), columns/2) where there are any. What is made of BLOCK pairs stays in the cache; those of one window go as a product.
    """
    (v, X, first, after), (of_k, of_n, of_m, eps), (edges, window) = given, bands, windows
    fields, width, columns = v.shape[2], X.shape[2], table.shape[1] // len(weights)
    real, imaginary, products = np.empty(width), np.empty(width), np.empty((BLOCK, 2, fields, width))
    T, now = np.empty((TOGETHER, ORDER)), np.empty((TOGETHER, table.shape[1]))
    for start in range(0, len(eps), BLOCK):
        count = min(BLOCK, len(eps) - start)
        for p in range(count):
            k, n, m = of_k[start + p], of_n[start + p], of_m[start + p]
            products[p] = 0.0
            for one in range(n, after[k, n]):
                for other in range(m, after[k, m]):
                    for x in range(width):
                        real[x], imaginary[x] = X[k, one - first, x, other].real, X[k, one - first, x, other].imag
                    for b in range(fields):
                        left = v[k, one, b, other]
                        for x in range(width):
                            products[p, 0, b, x] += left.real * real[x] + left.imag * imaginary[x]
                            products[p, 1, b, x] += left.imag * real[x] - left.real * imaginary[x]
        N = products[:count].reshape(2 * count, fields * width)
        N = (N @ signs if signs.shape[1] else N).reshape(count, columns)
        order, waiting = start + np.argsort(window[start : start + count], kind="mergesort"), 0
        for place, p in enumerate(order):
            i = window[p]
            x = (2.0 * eps[p] - edges[i] - edges[i + 1]) / (edges[i + 1] - edges[i])
            T[waiting, 0], T[waiting, 1] = 1.0, x
            for row in range(2, ORDER):
                T[waiting, row] = 2.0 * x * T[waiting, row - 1] - T[waiting, row - 2]
            for j in range(len(weights)):
                into, given_N, weight = now[waiting, j * columns : (j + 1) * columns], N[p - start], weights[j, p]
                for c in range(len(into)):
                    into[c] = weight * given_N[c]
            waiting += 1
            if waiting == TOGETHER or place == count - 1 or window[order[place + 1]] != i:
                table[ORDER * i : ORDER * (i + 1)] += T[:waiting].T @ now[:waiting]
                waiting = 0
