"""Error bars at many frequencies: how large the Fourier sums of a mesh (`mesh_bars`) are at each, from tables as in `spectrum`.

All channels are summed at a few frequencies only. At all of them there are two combinations of the components of every block with
random signs, at the points of the scan: a frequency has the rows of the nearest one of the few, times how much larger these are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.densities.spectrum import Bands, Spectrum, at_frequencies
from wannier_spin.integrals.sums import Rows
from wannier_spin.integration.stars import Stars
from wannier_spin.responses import DYNAMIC_BLOCKS

Real = NDArray[np.float64]
PROBES, SEED = 2, 15


@dataclass(frozen=True)
class FrequencyProfile:
    """Fourier sums of the outer windows of `stars` at all frequencies. spectrum : with windows for a few digits."""

    spectrum: Spectrum
    stars: Stars

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the table of each of the numerators: (rows, (J, w), columns)."""
        spectrum = self.spectrum
        return spectrum.rows, len(self.stars.outer_rows) * spectrum.occupation.n_points, 2 * PROBES

    @property
    def size(self) -> int:
        """Numbers in all of them."""
        return math.prod(self.shape) * len(self.spectrum.numerators)

    @cached_property
    def _signs(self) -> list[Real]:
        """For each of the numerators, of all components: ((b,x), probes)."""
        random = np.random.default_rng(SEED)
        return [random.choice([-1.0, 1.0], (math.prod(one.shape), PROBES)) for one in self.spectrum.numerators]

    def add(self, total: Real, phases: Real, bands: Sequence[Bands]) -> None:
        """Add points to the sums (size,). phases : of all rows of the stars, times weights: (rows,k). bands : of `Spectrum`."""
        tables = total.reshape(-1, *self.shape)
        for table, own, signs in zip(tables, bands, self._signs, strict=True):
            self.spectrum.accumulate(table, own, phases[self.stars.outer_rows], signs)

    def rows_of_all(self, rows: Rows, total: Real) -> Rows:
        """Contributions to the errors at all frequencies, from those at the few of `Spectrum.beside`. total : (size,)."""
        spectrum = self.spectrum
        plan, few = spectrum.plan, spectrum.beside
        channel, growth = np.empty(plan.n_channels, np.int64), np.ones(plan.n_channels)
        nearest = np.abs(np.arange(len(plan.frequencies))[:, None] - spectrum.chosen).argmin(axis=1)
        for name, place in plan.places.items():
            there = np.arange(few.n_channels)[few.places[name]].reshape(few.shapes[name])
            channel[place] = (there[nearest] if name in DYNAMIC_BLOCKS else there).ravel()
        for name, size in self._sizes(total):
            own = size[spectrum.chosen][nearest]
            found = np.divide(size, own, out=np.ones_like(size), where=own > 0)
            growth[plan.places[name]] = np.repeat(found, math.prod(plan.shapes[name][1:]))
        return replace(rows, sample=rows.sample[..., channel] * growth)

    def _sizes(self, total: Real) -> Iterator[tuple[str, Real]]:
        """Root of the sum of squares of all rows, points, parts and probes of each block: (omega,)."""
        spectrum, z = self.spectrum, np.array(self.spectrum.plan.frequencies)
        for one, table in zip(spectrum.numerators, total.reshape(-1, *self.shape), strict=True):
            for name in one.blocks:
                sums = at_frequencies(DYNAMIC_BLOCKS[name].transitions, z, table, spectrum.edges)
                yield name, np.sqrt((sums**2).sum(axis=(0, 1, 3)))
