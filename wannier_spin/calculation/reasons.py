"""Why a run has not reached its tolerance: where its largest bar is, and the smallest gap near the Fermi surface there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import slices
from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.bars.hidden import NearestGaps, mesh_axes
from wannier_spin.integrals.densities.channels import Tolerance, whole
from wannier_spin.integrals.mesh import OnMesh
from wannier_spin.integrals.sums import NEAR_FERMI, Sums
from wannier_spin.integrals.tolerance.denser import alike
from wannier_spin.integrals.tolerance.gaps import Gap, followed, geometry_at
from wannier_spin.integration.parallel import Communicator
from wannier_spin.integration.shared import from_first
from wannier_spin.model import TightBindingModel
from wannier_spin.results import ResponseTensor
from wannier_spin.results.choose import first_largest
from wannier_spin.results.numbers import with_bar

Real = NDArray[np.float64]
ALONG = 20  # points of the mesh from which gaps are followed, along its longest direction
FOLLOWED = 8  # gaps
CLOSEST = 1.5  # spacings of that mesh: further away k.p theory of two bands is not believed


def kept_open(
    integral: Integral, sums: Sums, tensors: dict[str, ResponseTensor], wanted: Tolerance, comm: Communicator
) -> dict[str, str]:
    """Of each response that is not converged the place of its largest bar in the scan, in words, and the smallest gap there.

    As rank 0 finds it.
    """

    def found() -> dict[str, str]:
        missed = dict.fromkeys(whole(name) for name, reached in sums.converged.items() if not reached)
        near = _NearGaps.of(integral, integral.model) if isinstance(integral.model, TightBindingModel) else None
        held = np.asarray(wanted.judged(integral.occupation).reshape(len(integral.occupation.mu), -1).any(axis=1))
        return {
            name: _largest_bar(integral, near, tensors[name], held) for name in missed if np.isfinite(tensors[name].error).any()
        }

    return from_first(comm, found)


def _largest_bar(integral: Integral, near: _NearGaps | None, tensor: ResponseTensor, held: NDArray[np.bool_]) -> str:
    """near : None for a model without a mesh. held : (mu,) which of them are held to the tolerance."""
    error = np.where(held.reshape(-1, *(1,) * (tensor.error.ndim - 1)), np.nan_to_num(tensor.error), -1.0)
    index = np.unravel_index(first_largest(error), error.shape)
    place = tuple(int(i) for i in index)
    mu, temperature = float(tensor.mu[place[0]]), float(tensor.temperature[place[1]])
    number = with_bar(float(tensor.values[place]), float(tensor.error[place]))
    text = f"{tensor.component_name(place)} at mu = {mu:.4f} eV, T = {temperature:g} K: {number} {tensor.unit}"
    gap = None if near is None else _smallest_gap(integral, near, mu, float(integral.occupation.kT[place[1]]))
    return text if gap is None else f"{text}; smallest gap there: {gap}"


@dataclass(frozen=True)
class _NearGaps:
    """Gaps next to the points of a small mesh: k (g,3) of the point, lower band (g,) from 0, smallest size and energy there (g,),
    and how far mu may be from it (g,), eV. axes : of the mesh.
    """

    k: Real
    band: NDArray[np.int64]
    least: Real
    energy: Real
    margin: Real
    axes: Real

    @classmethod
    def of(cls, integral: Integral, model: TightBindingModel) -> _NearGaps:
        """Those that k.p theory is believed about, at irreducible points."""
        mesh = OnMesh(_points(model)).mesh(integral)
        used = np.ones(mesh.points, bool) if mesh.weights is None else mesh.weights > 0
        k = np.argwhere(used) / np.array(mesh.points)
        axes = mesh_axes(mesh.spacings(model.lattice), [])
        found = []
        for part in (k[some] for some in slices(len(k), model.n_bands, 64)):
            gaps = NearestGaps.of(geometry_at(integral, part), axes)
            p, n = np.nonzero(((gaps.where**2).sum(axis=-1) < CLOSEST**2) & np.isfinite(gaps.now))
            found.append((part[p], n, gaps.least[p, n], gaps.energy[p, n], gaps.margin[p, n]))
        points, band, least, energy, margin = (np.concatenate(columns) for columns in zip(*found, strict=True))
        return cls(points, band, least, energy, margin, axes)


def _smallest_gap(integral: Integral, near: _NearGaps, mu: float, kT: float) -> Gap | None:
    """The smallest gap within a few kT of one mu that k.p theory leads to; None where none is near."""
    reach = NEAR_FERMI * kT
    close = np.flatnonzero(np.abs(near.energy - mu) < reach + near.margin)
    first = close[np.argsort(near.least[close], kind="stable")[:FOLLOWED]]
    gaps = [followed(integral, near.k[i], int(near.band[i]), near.axes) for i in first]
    at_mu = [gap for gap in gaps if abs(gap.energy - mu) < reach + gap.size]
    return min(at_mu, key=lambda gap: gap.size, default=None)


def _points(model: TightBindingModel) -> tuple[int, int, int]:
    n1, n2, n3 = (max(2, round(x)) if x else 1 for x in alike(model, ALONG))
    return n1, n2, n3
