"""What of a plan is computed: the blocks and observables that symmetry allows.

A block of an observable that the magnetic point group forbids has no invariant tensor: it is left out before the traces over
bands, with the operators and the derivatives in k that only such blocks need. In the sums it is an exact zero.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin.arrays import Real
from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.densities.contracted import Contracted
from wannier_spin.integrals.densities.dynamic import DynamicCoordinates, Outputs, Terms, dynamic_densities
from wannier_spin.integrals.densities.plan import Plan, densities_of, side_by_side
from wannier_spin.model import TightBindingModel
from wannier_spin.observables import Observable
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.registry import BLOCKS, DYNAMIC_BLOCKS, DynamicBlock, block

Pairs = Mapping[tuple[Observable, ...], BandPairs]


@dataclass(frozen=True)
class Selection:
    """Blocks of a plan with the observables that each is computed for."""

    plan: Plan
    wanted: Mapping[str, tuple[Observable, ...]]

    @classmethod
    def of(cls, plan: Plan, columns: Real | None = None) -> Selection:
        """What occurs in any of the columns (C, c) over the channels; None: everything."""
        rows = np.ones((plan.n_channels, 1)) if columns is None else columns
        wanted, start = {}, 0
        for name, shape in plan.shapes.items():
            stop = start + math.prod(shape)
            used: list[int] = np.count_nonzero(
                rows[start:stop].reshape((stop - start) // shape[-1], shape[-1], rows.shape[1]), axis=(0, 2)
            ).tolist()
            ends = np.cumsum([0, *(o.n_components for o in plan.observables)])
            pairs = zip(plan.observables, ends[:-1], ends[1:], strict=True)
            wanted[name] = tuple(o for o, first, last in pairs if any(used[first:last]))
            start = stop
        return cls(plan, {name: found for name, found in wanted.items() if found})

    @property
    def is_whole(self) -> bool:
        return all(self.wanted.get(name) == self.plan.observables for name in self.plan.shapes)

    @property
    def derivatives(self) -> bool:
        return any(block(name).derivatives for name in self.wanted)

    @cached_property
    def _needed(self) -> tuple[Observable, ...]:
        """All observables that any block is computed for."""
        return tuple(dict.fromkeys(o for found in self.wanted.values() for o in found))

    @property
    def has_surface(self) -> bool:
        return any(_at_surface(name) for name in self.wanted)

    @property
    def held(self) -> set[str]:
        """The stacks of matrices (k,n,d,o,m) that the densities keep."""
        return {block(name).holds for name in self.wanted} - {""}

    @property
    def n_components(self) -> int:
        """Of all observables that are computed."""
        return sum(o.n_components for o in self._needed)

    @property
    def n_channels(self) -> int:
        """Of what `densities` returns."""
        return len(self.positions)

    def bloch_sum(self, model: TightBindingModel, basis: NDArray[np.int64] | None = None, most_bytes: float = np.inf) -> BlochSum:
        """The sums over R that are needed. basis : (3, 3), and most_bytes: see `BlochSum`."""
        of_velocity = any(o.of_velocity for name, found in self.wanted.items() if block(name).derivatives for o in found)
        return BlochSum(model, self.derivatives, observables.operators_of(self._needed), basis, of_velocity, most_bytes)

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """Of what `densities` returns, sea and surface, among the channels of the plan: (channels,)."""
        found, start = [np.zeros(0, np.int64)], 0
        for name, shape in self.plan.shapes.items():
            chosen = [o in self.wanted.get(name, ()) for o in self.plan.observables for _ in range(o.n_components)]
            places = start + np.arange(math.prod(shape)).reshape(-1, shape[-1])
            found.append(places[:, chosen].ravel())
            start += places.size
        return np.concatenate(found)

    def without(self, names: Collection[str]) -> Selection:
        """Without blocks of these names."""
        return Selection(self.plan, {name: found for name, found in self.wanted.items() if name not in names})

    def pairs(self, geometry: BandGeometry, window: tuple[float, float]) -> Pairs:
        """By all observables that any block has. window : see `BandPairs`."""
        return {found: BandPairs(geometry, found, window) for found in dict.fromkeys(self.wanted.values())}

    def densities(self, geometry: BandGeometry, window: tuple[float, float]) -> tuple[Real, Real]:
        """Sea and surface densities, (k, n, channels) each. window : see `BandPairs`."""
        return self.densities_of(self.pairs(geometry, window), geometry.energies.shape)

    def densities_of(self, pairs: Pairs, points: tuple[int, ...]) -> tuple[Real, Real]:
        """The same, of pairs at (k, n)."""
        names = [name for name in self.plan.shapes if name in self.wanted]
        static = densities_of({name: pairs[self.wanted[name]] for name in names if name in BLOCKS})
        sea = [X for name, X in static.items() if not _at_surface(name)]
        dynamic = [(DYNAMIC_BLOCKS[name], pairs[self.wanted[name]]) for name in names if name in DYNAMIC_BLOCKS]
        if dynamic:
            sea.append(dynamic_densities(dynamic, self.plan.frequencies))
        return side_by_side(sea, points), side_by_side([X for name, X in static.items() if _at_surface(name)], points)

    def contracted(self, columns: Real) -> tuple[Contracted, ...]:
        """Sea blocks whose traces are better made in the columns (C_sea, c); the observable of one is not needed by any other."""
        found = []
        for name, wanted in self.wanted.items():
            alone = sum(any(o in others for o in wanted) for others in self.wanted.values()) == 1
            if alone and name in BLOCKS and not _at_surface(name):
                chosen = [o in wanted for o in self.plan.observables for _ in range(o.n_components)]
                own = columns[self.plan.places[name]].reshape(-1, len(chosen), columns.shape[1])[:, chosen]
                found.append(Contracted.of(BLOCKS[name], wanted, own.reshape(-1, columns.shape[1])))
        return tuple(one for one in found if one is not None)

    def dynamic_coordinates(self, columns: Real) -> DynamicCoordinates | None:
        """Of the dynamic blocks in the columns (C_sea, c), which are the same at every frequency; None: there are none."""
        alike: dict[tuple[str, tuple[Observable, ...]], list[tuple[DynamicBlock, Outputs]]] = {}
        for name, found in self.wanted.items():
            if name in DYNAMIC_BLOCKS:
                block, o = DYNAMIC_BLOCKS[name], self.plan.n_components
                chosen = np.flatnonzero([one in found for one in self.plan.observables for _ in range(one.n_components)])
                own = columns[self.plan.places[name]].reshape(len(self.plan.frequencies), -1, o, columns.shape[1])
                places = [np.flatnonzero(np.abs(X).max(axis=(0, 1))) for X in own[:2]]
                outputs = Outputs.coordinates(block, own[0][:, chosen][..., places[0]], places[0], places[-1] - places[0])
                alike.setdefault((block.transitions.matrix, found), []).append((block, outputs))
        if not alike:
            return None
        terms = [(key[1], Terms.of(*zip(*blocks, strict=True))) for key, blocks in alike.items()]
        return DynamicCoordinates(tuple(terms), self.plan.frequencies)


def _at_surface(name: str) -> bool:
    return name in BLOCKS and BLOCKS[name].fermi == "surface"
