"""Responses at numbers of carriers, out of responses at all chemical potentials that belong to them at some temperature."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.results.select import BLOCKS, STACKED, VARIANTS

if TYPE_CHECKING:
    from wannier_spin.results.tensor import ResponseTensor

Real = NDArray[np.float64]


@dataclass(frozen=True)
class CarrierScan:
    """Chemical potentials (carriers, T), eV, of numbers of carriers (carriers,) in a unit, and their error bars (carriers, T)."""

    carriers: Real
    unit: str
    mu: Real
    error: Real

    @property
    def wanted(self) -> Real:
        """Every mu (mu,), eV, at which responses are needed, ascending: those of the scan and the ends of their error bars."""
        return np.unique(np.stack([self.mu, self.mu - self.error, self.mu + self.error]))


def along_carriers(tensor: ResponseTensor, scan: CarrierScan) -> ResponseTensor:
    """Of a response at `scan.wanted` and all temperatures what belongs to each number of carriers.

    By how much it changes over the error bar of mu is one more contribution to its error, in quadrature.
    """
    places = [np.searchsorted(tensor.mu, mu) for mu in (scan.mu, scan.mu - scan.error, scan.mu + scan.error)]
    changes: dict[str, Any] = {"mu": scan.mu[:, 0], "carriers": scan.carriers, "carriers_unit": scan.unit}
    changes |= {"carriers_mu": scan.mu, "carriers_mu_error": scan.error}
    for key in BLOCKS:
        blocks = getattr(tensor, key)
        if blocks is not None:
            changes[key] = {name: _along(X, places[0], key in STACKED) for name, X in blocks.items()}
    slopes = {name: (_along(X, places[2], False) - _along(X, places[1], False)) / 2 for name, X in tensor.blocks.items()}
    if tensor.block_spreads is not None:
        changes["block_spreads"] = {name: np.hypot(X, slopes[name]) for name, X in changes["block_spreads"].items()}
    elif tensor.block_harmonics is not None:
        changes["block_harmonics"] = {
            name: np.concatenate([X, slopes[name][None]]) for name, X in changes["block_harmonics"].items()
        }
    for key in VARIANTS:
        changes[key] = {name: along_carriers(one, scan) for name, one in getattr(tensor, key).items()}
    return dataclasses.replace(tensor, **changes)


def _along(X: Real, places: NDArray[np.int64], stacked: bool) -> Real:
    """(mu, T, ...) at places (carriers, T): (carriers, T, ...); with an axis in front where stacked."""
    temperatures = np.arange(places.shape[1])
    return np.asarray(X[:, places, temperatures] if stacked else X[places, temperatures])
