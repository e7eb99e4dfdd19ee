"""Which densities a calculation needs, and where each one stands among the channels of its sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from wannier_spin.geometry import ObservableName
from wannier_spin.model import SpinCurrent
from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import BLOCKS, DYNAMIC_BLOCKS, Block, DynamicBlock, Form, Response
from wannier_spin.tensors import Channel

N_COMPONENTS: dict[ObservableName, int] = {  # of each definition, of each site
    **{"spin_current": 9, "other_spin_currents": 9},
    **{"spin": 3, "site_spin": 3, "charge_current": 3},
}


@dataclass(frozen=True)
class Plan:
    """Which densities are computed, and where each one stands among the channels of the sums.

    sites : name -> Wannier functions, on which the spin responses are projected besides. spin_currents : definitions of the spin
    current, the chosen one first; the responses are computed with the others besides.

    What is computed besides is called the parts of a response here.
    """

    responses: tuple[Response, ...]
    channel: Channel
    frequencies: tuple[complex, ...]
    form: Form = "full"
    extra: tuple[str, ...] = ()
    sites: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    spin_currents: tuple[SpinCurrent, ...] = ("simple",)

    def blocks_of(self, response: Response) -> tuple[str, ...]:
        """What is computed for a response; further blocks where their order in field and tau is the response's."""
        own = response.blocks(self.form)
        extra = [BLOCKS[name] for name in self.extra] if any(name in BLOCKS for name in own) else []
        order, powers = response.tensor.field_order, response.tau_powers
        fitting = (block.name for block in extra if len(block.fields) == order and block.tau_power in powers)
        return tuple(dict.fromkeys((*own, *fitting)))

    @cached_property
    def observables(self) -> tuple[ObservableName, ...]:
        found = {r.channel_tensor(self.channel).observable for r in self.responses}
        if self.sites and "spin" in found:
            found.add("site_spin")
        if self.spin_currents[1:] and "spin_current" in found:
            found.add("other_spin_currents")
        return tuple(name for name in N_COMPONENTS if name in found)

    @property
    def site_functions(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self.sites.values())

    def n_components(self, observables: Sequence[ObservableName]) -> int:
        """How many components these observables have together."""
        several = {"site_spin": len(self.sites), "other_spin_currents": len(self.spin_currents) - 1}
        return sum(N_COMPONENTS[name] * several.get(name, 1) for name in observables)

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
    def needs_spin(self) -> bool:
        return self.observables != ("charge_current",)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each block without (k, n), in the order of the channels: sea, dynamic, surface."""
        o = self.n_components(self.observables)
        static = {block.name: (*(3 for _ in block.fields), o) for block in self.static_blocks}
        n = len(self.frequencies)
        dynamic = {block.name: (n, 2, *(3 for _ in block.fields), o) for block in self.dynamic_blocks}
        sea = {name: shape for name, shape in static.items() if BLOCKS[name].fermi == "sea"}
        return sea | dynamic | {name: shape for name, shape in static.items() if name not in sea}

    @property
    def n_channels(self) -> int:
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def n_surface_channels(self) -> int:
        return sum(math.prod(self.shapes[block.name]) for block in self.static_blocks if block.fermi == "surface")

    def densities(self, pairs: BandPairs, surface_pairs: BandPairs | None = None) -> tuple[Real, Real]:
        """Sea and surface densities, (k, n, channels) each. surface_pairs : where the surface has other weights than the sea."""
        k, n = pairs.geometry.energies.shape

        def flat(parts: Iterable[Real]) -> Real:
            return np.concatenate([*(part.reshape(k, n, -1) for part in parts), np.empty((k, n, 0))], axis=-1)

        sea = [block.density(pairs) for block in self.static_blocks if block.fermi == "sea"]
        sea += [block.density(pairs, z) for block in self.dynamic_blocks for z in self.frequencies]
        at_surface = surface_pairs or pairs
        return flat(sea), flat(block.density(at_surface) for block in self.static_blocks if block.fermi == "surface")

    def sites_of(self, response: Response) -> tuple[str, ...]:
        """The sites that a response is projected on."""
        return tuple(self.sites) if response.channel_tensor(self.channel).observable == "spin" else ()

    def definitions_of(self, response: Response) -> tuple[str, ...]:
        """The other definitions of the spin current that a response is computed with."""
        return self.spin_currents[1:] if response.channel_tensor(self.channel).observable == "spin_current" else ()

    def block_tensor(self, sums: Real, block: str, response: Response, part: int | None = None) -> Real:
        """A block of a response, or of one of its parts, out of the channels (w, channels): (w, ...)."""
        observable = response.channel_tensor(self.channel).observable
        if part is None:
            return self.tensor(sums, block, observable)  # type: ignore[arg-type]
        return self.tensor(sums, block, "site_spin" if observable == "spin" else "other_spin_currents")[:, part]

    def tensor(self, sums: Real, block: str, observable: ObservableName) -> Real:
        """Take one block and observable out of the channels (w, channels), axes in the paper's order: (w, ...).

        "site_spin" and "other_spin_currents" have the sites, or the definitions, behind w: (w, s, ...).
        """
        names = list(self.shapes)
        position = sum(math.prod(self.shapes[name]) for name in names[: names.index(block)])
        shape = self.shapes[block]
        array = sums[:, position : position + math.prod(shape)].reshape(-1, *shape)
        start = self.n_components(self.observables[: self.observables.index(observable)])
        array = array[..., start : start + self.n_components((observable,))]
        components = (3, 3) if N_COMPONENTS[observable] == 9 else (3,)
        first = 3 if block in DYNAMIC_BLOCKS else 1  # behind w, or behind w, omega, part
        array = array.reshape(*array.shape[:-1], -1, *components)
        array = np.moveaxis(np.moveaxis(array, -len(components) - 1, 1), -len(components), first + 1)
        return array if observable in ("site_spin", "other_spin_currents") else array[:, 0]
