"""Which densities a calculation needs, and where each one stands among the channels of its sums."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin.arrays import Real
from wannier_spin.bloch import BlochMatrices, BlochSum
from wannier_spin.geometry import BandGeometry, geometry_of
from wannier_spin.integrals.densities.dynamic import dynamic_densities
from wannier_spin.model import SpinCurrent, TightBindingModel
from wannier_spin.observables import Observable
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.registry import BLOCKS, DYNAMIC_BLOCKS, Block, DynamicBlock, Form, Response
from wannier_spin.tensors import Channel


def side_by_side(densities: Sequence[Real], points: tuple[int, ...]) -> Real:
    """Densities (k, n, ...) as one array (k, n, channels). points : (k, n)."""
    flat = [X.reshape(*points, -1) for X in densities]
    return flat[0] if len(flat) == 1 else np.concatenate([*flat, np.empty((*points, 0))], axis=-1)


def densities_of(pairs: Mapping[str, BandPairs]) -> dict[str, Real]:
    """(k,n,fields...,o) of static blocks by name, each of its pairs. Bare derivatives come last: others have made them by then."""
    made = {name: BLOCKS[name].density(pairs[name]) for name in sorted(pairs, key=lambda name: BLOCKS[name].direct)}
    return {name: made[name] for name in pairs}


@dataclass(frozen=True)
class Plan:
    """Which densities are computed, and where each one stands among the channels of the sums.

    sites : name -> Wannier functions, on which the responses of densities are projected besides. spin_currents : definitions of the
    spin current, the chosen one first; the responses are computed with the others besides. gap_broadening : eV, of static
    second-order densities.

    What is computed besides are the variants of a response: on a site, or with another definition.
    """

    responses: tuple[Response, ...]
    channel: Channel
    frequencies: tuple[complex, ...]
    form: Form = "full"
    extra: tuple[str, ...] = ()
    sites: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    spin_currents: tuple[SpinCurrent, ...] = ("simple",)
    gap_broadening: float = 0.0
    _projected: dict[Observable, Observable] = field(default_factory=dict, init=False, repr=False, compare=False)

    def blocks_of(self, response: Response) -> tuple[str, ...]:
        """What is computed for a response; further blocks where their order in field and tau is the response's."""
        own = response.blocks(self.form, self.extra)
        extra = [BLOCKS[name] for name in self.extra] if any(name in BLOCKS for name in own) else []
        order, powers = response.tensor.field_order, response.tau_powers
        fitting = (block.name for block in extra if len(block.fields) == order and block.tau_power in powers)
        return tuple(dict.fromkeys((*own, *fitting)))

    def definitions(self, name: str) -> tuple[Observable, ...]:
        """The definitions of an observable that are asked for, the chosen one first."""
        known = observables.definitions(name)
        return tuple(known[d] for d in self.spin_currents if d in known) or (observables.get(name),)

    @cached_property
    def observables(self) -> tuple[Observable, ...]:
        """Side by side on the axis o: each one, what it is at the sites, and its other definitions."""
        wanted = {r.channel_tensor(self.channel).observable for r in self.responses}
        found: list[Observable] = []
        for name in observables.OBSERVABLES:
            if name in wanted:
                first, *others = self.definitions(name)
                found += [first, *self._at_sites(first), *others]
        return tuple(found)

    @cached_property
    def operators(self) -> tuple[str, ...]:
        """What of the model they need."""
        return observables.operators_of(self.observables)

    @property
    def n_components(self) -> int:
        """Length of the axis o."""
        return sum(observable.n_components for observable in self.observables)

    def bloch_sum(self, model: TightBindingModel, basis: NDArray[np.int64] | None = None, most_bytes: float = np.inf) -> BlochSum:
        """The sums over R that the plan needs. basis : (3, 3), and most_bytes: see `BlochSum`."""
        return BlochSum(model, self.derivatives, self.operators, basis, any(o.of_velocity for o in self.observables), most_bytes)

    def geometry(self, bloch: BlochMatrices, degeneracy_tolerance: float) -> BandGeometry:
        """Bands, with the chosen definition of the spin current and the broadening of gaps."""
        definition, width = self.spin_currents[0], self.gap_broadening
        return geometry_of(bloch, degeneracy_tolerance, definition=definition, gap_broadening=width)

    def _at_sites(self, observable: Observable) -> tuple[Observable, ...]:
        """Where there are sites, and it is a density."""
        if not self.sites or not observable.local:
            return ()
        if observable not in self._projected:
            self._projected[observable] = observables.projected(observable, tuple(self.sites.values()))
        return (self._projected[observable],)

    @cached_property
    def static_blocks(self) -> tuple[Block, ...]:
        """Sea blocks first."""
        wanted = {name for r in self.responses for name in self.blocks_of(r)}
        blocks = [block for name, block in BLOCKS.items() if name in wanted]
        return tuple(sorted(blocks, key=lambda block: block.fermi == "surface"))

    @cached_property
    def dynamic_blocks(self) -> tuple[DynamicBlock, ...]:
        wanted = {name for r in self.responses for name in self.blocks_of(r)}
        return tuple(block for name, block in DYNAMIC_BLOCKS.items() if name in wanted)

    @property
    def has_surface(self) -> bool:
        return any(block.fermi == "surface" for block in self.static_blocks)

    @property
    def derivatives(self) -> bool:
        return any(block.derivatives for block in self.static_blocks) or any(block.derivatives for block in self.dynamic_blocks)

    @property
    def held(self) -> set[str]:
        """The stacks of matrices (k,n,d,o,m) that the densities keep."""
        return ({b.holds for b in self.static_blocks} | {b.holds for b in self.dynamic_blocks}) - {""}

    def recipes(self, response: Response) -> dict[str, dict[str, float]]:
        """What can be made of the blocks of a response."""
        return response.recipes(self.form, self.blocks_of(response))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each block without (k, n), in the order of the channels: sea, dynamic, surface."""
        o = self.n_components
        static = {block.name: (*(3 for _ in block.fields), o) for block in self.static_blocks}
        n = len(self.frequencies)
        dynamic = {block.name: (n, 2, *(3 for _ in block.fields), o) for block in self.dynamic_blocks}
        sea = {name: shape for name, shape in static.items() if BLOCKS[name].fermi == "sea"}
        return sea | dynamic | {name: shape for name, shape in static.items() if name not in sea}

    @cached_property
    def places(self) -> dict[str, slice]:
        """Of each block among the channels."""
        ends = np.cumsum([0, *(math.prod(shape) for shape in self.shapes.values())]).tolist()
        return {name: slice(first, last) for name, first, last in zip(self.shapes, ends[:-1], ends[1:], strict=True)}

    @property
    def n_channels(self) -> int:
        return sum(math.prod(shape) for shape in self.shapes.values())

    @cached_property
    def broadened(self) -> NDArray[np.bool_]:
        """Channels of densities whose gaps have `gap_broadening`, sea channels first: (n_channels,)."""
        found = np.zeros(self.n_channels, bool)
        for block in self.static_blocks:
            found[self.places[block.name]] = block.broadened
        return found

    @property
    def n_surface_channels(self) -> int:
        return sum(math.prod(self.shapes[block.name]) for block in self.static_blocks if block.fermi == "surface")

    def densities(self, pairs: BandPairs, surface_pairs: BandPairs | None = None) -> tuple[Real, Real]:
        """Sea and surface densities, (k, n, channels) each. surface_pairs : where the surface has other weights than the sea."""
        points, at_surface = pairs.geometry.energies.shape, surface_pairs or pairs
        static = densities_of({block.name: at_surface if block.fermi == "surface" else pairs for block in self.static_blocks})
        sea = [X for name, X in static.items() if BLOCKS[name].fermi == "sea"]
        if self.dynamic_blocks:
            sea.append(dynamic_densities([(block, pairs) for block in self.dynamic_blocks], self.frequencies))
        surface = [X for name, X in static.items() if BLOCKS[name].fermi == "surface"]
        return side_by_side(sea, points), side_by_side(surface, points)

    def sites_of(self, response: Response) -> tuple[str, ...]:
        """The sites that a response is projected on."""
        return tuple(self.sites) if self._at_sites(self._observable(response)) else ()

    def definitions_of(self, response: Response) -> tuple[str, ...]:
        """The other definitions of its observable that a response is computed with."""
        return tuple(one.definition for one in self.definitions(self._observable(response).name)[1:])

    def block_tensor(self, sums: Real, block: str, response: Response, variant: int | None = None) -> Real:
        """A block of a response, or of one of its variants, out of the channels (w, channels), axes in the paper's order: (w, ...).

        variant : number of a site, or of another definition.
        """
        observable = self._observable(response)
        if variant is None:
            return self._tensor(sums, block, observable)[:, 0]
        if self._at_sites(observable):
            return self.sites_tensor(sums, block, response)[:, variant]
        return self._tensor(sums, block, self.definitions(observable.name)[1:][variant])[:, 0]

    def sites_tensor(self, sums: Real, block: str, response: Response) -> Real:
        """A block of a response at all sites: (w, s, ...)."""
        return self._tensor(sums, block, *self._at_sites(self._observable(response)))

    def _observable(self, response: Response) -> Observable:
        return self.definitions(response.channel_tensor(self.channel).observable)[0]

    def _tensor(self, sums: Real, block: str, observable: Observable) -> Real:
        """Take one block and observable out of the channels: (w, sites, ...), behind them omega, part, and the tensor."""
        array = sums[:, self.places[block]].reshape(-1, *self.shapes[block])
        start = sum(before.n_components for before in self.observables[: self.observables.index(observable)])
        array = array[..., start : start + observable.n_components]
        components = (3,) * len(observable.indices)
        first = 3 if block in DYNAMIC_BLOCKS else 1  # behind w, or behind w, omega, part
        array = array.reshape(*array.shape[:-1], observable.n_sites, *components)
        return np.moveaxis(np.moveaxis(array, -len(components) - 1, 1), -len(components), first + 1)
