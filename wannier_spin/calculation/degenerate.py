"""Bands that count as degenerate though no symmetry makes them so: what part of the states at mu they hold, and what that does.

Splittings below the degeneracy tolerance are noise of the Wannier functions where inversion with time reversal makes pairs of all
bands, and physics where it does not (a weak Rashba splitting). A model alone cannot tell one from the other; that the answer
depends on it can be measured, and is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.calculation.energies import energies_by_all
from wannier_spin.continuum import Model
from wannier_spin.integrals.densities.channels import NOISE
from wannier_spin.integrals.sums import NEAR_FERMI
from wannier_spin.integration.parallel import SERIAL, Communicator
from wannier_spin.integration.shared import from_first
from wannier_spin.occupation import Occupation
from wannier_spin.results import ResponseTensor

Real = NDArray[np.float64]
ROUNDING = 1e-10  # of the largest energy where there are states at mu: bands as close as this are degenerate as far as digits go
SHARE = 0.01  # of the states at mu: fewer are crossings of bands, which every metal has
MEANT = 1e-5  # eV: no Wannier function is as good as that, and files have 1e-6; pairs of Pt and Mn2Au are split by 2e-7 and 5e-6
MOVED = 0.01  # of a response on a mesh: less is below other errors
POINTS = (300, 1000)  # k at which bands are sampled: a twentieth of the points of a calculation, within these
NEAREST = 50  # states that are looked at, if fewer are within a few kT of mu
GENERIC = np.array([0.8191725133961645, 0.6710436067037893, 0.5497004779019703])  # powers of 1/1.2207...: multiples fill the cell


@dataclass(frozen=True)
class Merged:
    """Pairs of bands closer than the degeneracy tolerance, but not degenerate.

    share : of the states within `reach` (eV) of mu, those in such a pair. splitting : its median, eV. exact : another tolerance
    (eV) that keeps only degenerate bands together.
    """

    share: float
    reach: float
    splitting: float
    exact: float

    @property
    def matters(self) -> bool:
        """Whether they are more than crossings of bands, and their splitting is more than what a model can mean."""
        return self.share > SHARE and self.splitting > MEANT

    def as_notes(self) -> dict[str, float]:
        """For the provenance; nothing where there are none."""
        return {"merged_share_at_fermi_level": self.share, "merged_splitting_eV": self.splitting} if self.share else {}


@dataclass(frozen=True)
class Change:
    """By how much a response moves at most with another degeneracy tolerance, and its largest value, in its own unit."""

    largest: float
    scale: float

    @property
    def relative(self) -> float:
        """1: nothing in common."""
        return self.largest / self.scale if self.scale else 0.0


def merged_pairs(
    model: Model,
    occupation: Occupation,
    degeneracy_tolerance: float,
    pairs_by_symmetry: bool,
    evaluations: int,
    comm: Communicator = SERIAL,
) -> Merged:
    """Sample the bands.

    degeneracy_tolerance : eV. pairs_by_symmetry : whether inversion with time reversal makes pairs of all bands.
    evaluations : k-points of the calculation, of which this takes a small part. As rank 0 finds it: what follows is done by all
    ranks or by none.
    """
    few = int(np.clip(evaluations // 20, *POINTS))
    k, weights = model.spread_over(_generic(few))
    energies = energies_by_all(model, k, comm)
    return from_first(comm, lambda: _merged(energies, weights, occupation, degeneracy_tolerance, pairs_by_symmetry))


def _merged(energies: Real, weights: Real, occupation: Occupation, degeneracy_tolerance: float, pairs_by_symmetry: bool) -> Merged:
    near, reach = _at_fermi_level(energies, occupation)
    exact = ROUNDING * float(np.abs(energies[near.any(axis=1)]).max(initial=0.0))
    gaps = np.diff(energies, axis=1)
    merged = (gaps > exact) & (gaps < degeneracy_tolerance)
    if pairs_by_symmetry:
        merged[:, ::2] = False
    inside = np.zeros(energies.shape, bool)
    inside[:, :-1] = merged
    inside[:, 1:] |= merged
    if pairs_by_symmetry:
        inside[:, ::2] |= inside[:, 1::2]
        inside[:, 1::2] |= inside[:, ::2]
    seen = merged & (near[:, :-1] | near[:, 1:])
    total = float((near * weights[:, None]).sum())
    if not seen.any() or not total > 0:
        return Merged(0.0, reach, 0.0, exact)
    share = float(((near & inside) * weights[:, None]).sum()) / total
    return Merged(share, reach, float(np.median(gaps[seen])), exact)


def _at_fermi_level(energies: Real, occupation: Occupation) -> tuple[NDArray[np.bool_], float]:
    """States (k,n) of bands that cross the scan of mu, within a few kT of it or the nearest ones; how far they are, eV."""
    low, high = occupation.span
    reach = NEAR_FERMI * float(occupation.kT.max())
    crossing = (energies.min(axis=0) < high + reach) & (energies.max(axis=0) > low - reach)
    distance = np.where(crossing, np.maximum(0, np.maximum(low - energies, energies - high)), np.inf)
    nearest = np.sort(distance, axis=None)[:NEAREST]
    reach = max(reach, float(nearest[np.isfinite(nearest)].max(initial=0.0)))
    return distance <= reach, reach


def _generic(points: int) -> Real:
    """Points of the unit cube (points, 3) that fill it evenly and that no symmetry distinguishes."""
    return np.asarray((0.5 + np.arange(points)[:, None] * GENERIC) % 1, float)


def changes(tried: Sequence[Mapping[str, ResponseTensor]], units: Mapping[str, float]) -> dict[str, Change]:
    """By response, how far the others are from the first; 0 of 0 where there is nothing but rounding (or no state at mu).

    units : factor of each response's unit.
    """
    found = {}
    for name in tried[0] if tried else ():
        values = [one[name].values for one in tried]
        scale = max(float(np.abs(v).max(initial=0.0)) for v in values)
        largest = max(float(np.abs(v - values[0]).max(initial=0.0)) for v in values)
        found[name] = Change(largest, scale) if scale > NOISE * abs(units[name]) else Change(0.0, 0.0)
    return found


def about_merged(merged: Merged, degeneracy_tolerance: float, moved: Mapping[str, Change], measured: bool) -> Iterator[str]:
    """What to tell. moved : responses that depend on it. measured : whether that is known."""
    if not merged.matters or (measured and not moved):
        return
    largest = "; ".join(f"{name} by {100 * change.relative:.3g} %" for name, change in moved.items())
    yield (
        f"{100 * merged.share:.3g} % of the states within {merged.reach:.2g} eV of mu belong to bands that are closer than "
        f"degeneracy_tolerance = {degeneracy_tolerance:g} eV and not degenerate ({merged.splitting:.2g} eV apart), and count as "
        "degenerate. "
        + (f"Resolved, they move the answer ({largest}, on few points): it is not converged in this. " if moved else "")
        + "If inversion with time reversal pairs all bands, the splitting is noise and the answer right: give the structure "
        "(symmetry), which proves it. If not, the splitting is real: give a degeneracy_tolerance below it"
    )
