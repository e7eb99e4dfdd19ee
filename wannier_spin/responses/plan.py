"""Which densities a calculation needs, and where each one stands among the channels of its sums."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wannier_spin.geometry import ObservableName
from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import BLOCKS, DYNAMIC_BLOCKS, Block, DynamicBlock, Form, Response
from wannier_spin.tensors import Channel

N_COMPONENTS: dict[ObservableName, int] = {"spin_current": 9, "spin": 3, "charge_current": 3}


@dataclass(frozen=True)
class Plan:
    """Which densities are computed, and where each one stands among the channels of the sums."""

    responses: tuple[Response, ...]
    channel: Channel
    frequencies: tuple[complex, ...]
    form: Form = "full"
    extra: tuple[str, ...] = ()

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
        return tuple(name for name in N_COMPONENTS if name in found)

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
        return any(block.derivatives for block in self.static_blocks)

    @property
    def needs_spin(self) -> bool:
        return self.observables != ("charge_current",)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each block without (k, n), in the order of the channels: sea, dynamic, surface."""
        o = sum(N_COMPONENTS[name] for name in self.observables)
        static = {block.name: (*(3 for _ in block.fields), o) for block in self.static_blocks}
        dynamic = {block.name: (len(self.frequencies), 2, 3, o) for block in self.dynamic_blocks}
        sea = {name: shape for name, shape in static.items() if BLOCKS[name].fermi == "sea"}
        return sea | dynamic | {name: shape for name, shape in static.items() if name not in sea}

    @property
    def n_channels(self) -> int:
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def n_surface_channels(self) -> int:
        return sum(math.prod(self.shapes[block.name]) for block in self.static_blocks if block.fermi == "surface")

    def densities(self, pairs: BandPairs) -> tuple[Real, Real]:
        """Sea and surface densities, (k, n, channels) each."""
        k, n = pairs.geometry.energies.shape

        def flat(parts: Iterable[Real]) -> Real:
            return np.concatenate([*(part.reshape(k, n, -1) for part in parts), np.empty((k, n, 0))], axis=-1)

        sea = [block.density(pairs) for block in self.static_blocks if block.fermi == "sea"]
        sea += [block.density(pairs, z) for block in self.dynamic_blocks for z in self.frequencies]
        return flat(sea), flat(block.density(pairs) for block in self.static_blocks if block.fermi == "surface")

    def tensor(self, sums: Real, block: str, observable: ObservableName) -> Real:
        """Take one block and observable out of the channels (w, channels), axes in the paper's order: (w, ...)."""
        names = list(self.shapes)
        position = sum(math.prod(self.shapes[name]) for name in names[: names.index(block)])
        shape = self.shapes[block]
        array = sums[:, position : position + math.prod(shape)].reshape(-1, *shape)
        start = sum(N_COMPONENTS[name] for name in self.observables[: self.observables.index(observable)])
        array = array[..., start : start + N_COMPONENTS[observable]]
        if observable == "spin_current":
            array = array.reshape(*array.shape[:-1], 3, 3)
        flow = -2 if observable == "spin_current" else -1
        first = 3 if block in DYNAMIC_BLOCKS else 1  # behind w, or behind w, omega, part
        return np.moveaxis(array, flow, first)
