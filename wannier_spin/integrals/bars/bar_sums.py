"""The sums that bars are made of (`mesh_bars`), over a run of batches of points.

What is added to, rows of all channels at many (mu, T), is larger than the caches, and than the densities of many points: it is read
and written once for as many points as are worth while, whatever the batches are, some channels after the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wannier_spin.band_sums import BandWeights
from wannier_spin.integrals.bars.mesh_bars import Bars

Real = NDArray[np.float64]
Gathered = tuple[Real, BandWeights, tuple[Real, Real]]  # factors (r,k), weights, and what these weigh
POINTS = 64  # that are added together, at least
CHANNELS = 64  # at once: products of fewer columns are slow, and of more do not stay in the cache


@dataclass
class BarSums:
    """Adds points of one run. total : (size,) of `Bars`; n_further : how many further sums of the same channels there are.

    whole : whether by `add` sums over bands are made at each point, since they are asked for.
    """

    bars: Bars
    total: Real
    n_further: int
    whole: bool = False
    _waiting: list[Gathered] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._sums, self._profile = self.bars.parts(self.total)
        self._further = np.zeros((self.n_further, *self._sums.shape[1:]))

    def add(self, phases: Real, further: Real, energies: Real, sea: Real, surface: Real) -> Real | None:
        """phases of the stars times weights (rows,k), factors of the further sums (i,k), energies (k,n), densities (k,n,c_sea),
        (k,n,c_surface). Returns the sums over bands at each point (k, points of the sample, channels) for `whole`.
        """
        weights = self.bars.at_sample.at_bands(energies, surface.shape[2] > 0)
        factors, by_point = np.concatenate([phases, further]), None
        if self.whole:
            by_point = weights.sums(sea, surface)
            self._put(factors, by_point, slice(0, by_point.shape[2]))
        else:
            self._waiting.append((factors, weights, weights.terms(sea, surface)))
            if sum(one.shape[1] for one, _, _ in self._waiting) >= POINTS:
                self._add_waiting()
        self._add_to_profile(phases, energies, sea, surface)
        return by_point

    def further(self) -> Real:
        """The further sums (i,w,c) of the sample's points and all channels, after the last of the points."""
        self._add_waiting()
        return self._further

    def _add_waiting(self) -> None:
        if not self._waiting:
            return
        factors = np.concatenate([one for one, _, _ in self._waiting], axis=1)
        self._add_products(factors, [(weights.sea, terms[0]) for _, weights, terms in self._waiting], 0)
        n_sea = self._waiting[0][2][0].shape[2]
        self._add_products(factors, [(weights.surface, terms[1]) for _, weights, terms in self._waiting], n_sea)
        self._waiting.clear()

    def _add_products(self, factors: Real, several: Sequence[tuple[Real | None, Real]], start: int) -> None:
        """factors (r,k); of each batch weights (k',w,n) and terms (k',n,c), with all k together; the first of the channels."""
        ends = np.cumsum([0, *(len(terms) for _, terms in several)])
        channels = several[0][1].shape[2]
        for first in range(0, channels, CHANNELS):
            own = slice(first, min(first + CHANNELS, channels))
            by_point = np.empty((factors.shape[1], self._sums.shape[1], own.stop - first))
            for (weights, terms), k in zip(several, itertools.pairwise(ends), strict=True):
                assert weights is not None
                np.matmul(weights, terms[..., own], out=by_point[slice(*k)])
            self._put(factors, by_point, slice(start + own.start, start + own.stop))

    def _put(self, factors: Real, by_point: Real, channels: slice) -> None:
        """Sums over bands at each point (k, w, c) times factors (r,k), to some of the channels."""
        found = (factors @ by_point.reshape(len(by_point), -1)).reshape(len(factors), *by_point.shape[1:])
        self._sums[:, :, channels] += found[: len(self._sums)]
        self._further[:, :, channels] += found[len(self._sums) :]

    def _add_to_profile(self, phases: Real, energies: Real, sea: Real, surface: Real) -> None:
        scan, probes = self.bars.at_profile, self.bars.probes
        if scan is None or probes is None:
            return
        weights = scan.at_bands(energies, surface.shape[2] > 0)
        of_sea, of_surface = weights.terms(np.tensordot(sea, probes.sea, 1), np.tensordot(surface, probes.surface, 1))
        probed = weights.sea @ of_sea
        if weights.surface is not None:
            probed += weights.surface @ of_surface
        self._profile += (phases @ probed.reshape(len(probed), -1)).reshape(self._profile.shape)
