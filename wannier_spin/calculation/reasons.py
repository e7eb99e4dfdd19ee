"""Why a run has not reached its tolerance: where its largest bar is, and the smallest gap near the Fermi surface there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import matrices_at
from wannier_spin.geometry import BandGeometry, geometry_of
from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.channels import Tolerance, whole
from wannier_spin.integrals.hidden import NearestGaps, mesh_axes
from wannier_spin.integrals.mesh import OnMesh
from wannier_spin.integrals.sums import NEAR_FERMI, Sums
from wannier_spin.integration.parallel import Communicator, together
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation
from wannier_spin.results import ResponseTensor
from wannier_spin.results.numbers import with_bar

Real = NDArray[np.float64]
ALONG = 20  # points of the mesh from which gaps are followed, along its longest direction
FOLLOWED, STEPS = 8, 6  # gaps, and steps towards their smallest value
CLOSEST = 1.5  # spacings of that mesh: further away k.p theory of two bands is not believed


@dataclass(frozen=True)
class Gap:
    """A small gap: size (eV) between `band` and the next one (from 1), at k (3,) in reciprocal lattice vectors, about `energy`."""

    size: float
    band: int
    k: Real
    energy: float

    def __str__(self) -> str:
        where = ", ".join(f"{x:.4f}" for x in self.k)
        return f"{1e3 * self.size:.2g} meV between bands {self.band} and {self.band + 1} at k = ({where}), {self.energy:.4f} eV"


def kept_open(
    integral: Integral, sums: Sums, tensors: dict[str, ResponseTensor], wanted: Tolerance, comm: Communicator
) -> dict[str, str]:
    """Of each response that is not converged the place of its largest bar in the scan, in words, and the smallest gap there.

    As rank 0 finds it.
    """

    def found() -> dict[str, str] | None:
        if comm.rank:
            return None
        missed = dict.fromkeys(whole(name) for name, reached in sums.converged.items() if not reached)
        held = np.asarray(wanted.judged(integral.occupation).reshape(len(integral.occupation.mu), -1).any(axis=1))
        return {name: _largest_bar(integral, tensors[name], held) for name in missed if np.isfinite(tensors[name].error).any()}

    words: dict[str, str] = comm.bcast(together(comm, found))
    return words


def _largest_bar(integral: Integral, tensor: ResponseTensor, held: NDArray[np.bool_]) -> str:
    """held : (mu,) which of them are held to the tolerance."""
    error = np.where(held.reshape(-1, *(1,) * (tensor.error.ndim - 1)), np.nan_to_num(tensor.error), -1.0)
    index = np.unravel_index(int(np.argmax(error)), error.shape)
    place = tuple(int(i) for i in index)
    mu, temperature = float(tensor.mu[place[0]]), float(tensor.temperature[place[1]])
    number = with_bar(float(tensor.values[place]), float(tensor.error[place]))
    text = f"{tensor.component_name(place)} at mu = {mu:.4f} eV, T = {temperature:g} K: {number} {tensor.unit}"
    occupation = Occupation(np.array([mu]), integral.occupation.kT[place[1] : place[1] + 1])
    gap = smallest_gap(integral, occupation) if isinstance(integral.model, TightBindingModel) else None
    return text if gap is None else f"{text}; smallest gap there: {gap}"


def smallest_gap(integral: Integral, occupation: Occupation) -> Gap | None:
    """The smallest gap within a few kT of one mu that k.p theory leads to from a small mesh; None where none is near."""
    model = integral.model
    assert isinstance(model, TightBindingModel)
    mesh = OnMesh(_points(model)).mesh(integral)
    used = np.ones(mesh.points, bool) if mesh.weights is None else mesh.weights > 0
    k = np.argwhere(used) / np.array(mesh.points)
    axes = mesh_axes(model.lattice, mesh.points, [])
    mu, near = float(occupation.mu[0]), NEAR_FERMI * float(occupation.kT[0])
    found = []
    for part in np.array_split(k, max(len(k) // 64, 1)):
        gaps = NearestGaps.of(_geometry(integral, part), axes)
        close = ((gaps.where**2).sum(axis=-1) < CLOSEST**2) & (np.abs(gaps.energy - mu) < near + gaps.margin)
        found += [(float(gaps.least[p, n]), part[p], int(n)) for p, n in np.argwhere(close & np.isfinite(gaps.now))]
    followed = [_followed(integral, k, band, axes) for _, k, band in sorted(found, key=lambda one: one[0])[:FOLLOWED]]
    at_mu = [gap for gap in followed if abs(gap.energy - mu) < near + gap.size]
    return min(at_mu, key=lambda gap: gap.size, default=None)


def _followed(integral: Integral, k: Real, band: int, axes: Real) -> Gap:
    """Newton steps of k.p theory, as long as they make the gap smaller."""
    model = integral.model
    assert isinstance(model, TightBindingModel)
    best = _gap(integral, k, band, axes)
    for _ in range(STEPS):
        step = best[1] @ axes @ model.lattice.T / (2 * np.pi)
        after = _gap(integral, best[0].k + step, band, axes)
        if not after[0].size < best[0].size * (1 - 1e-6):
            break
        best = after
    gap = best[0]
    return Gap(gap.size, gap.band, (gap.k + 0.5) % 1.0 - 0.5, gap.energy)


def _gap(integral: Integral, k: Real, band: int, axes: Real) -> tuple[Gap, Real]:
    """The gap at a point, and the step (in the axes) to where k.p theory has its smallest value."""
    geometry = _geometry(integral, k[None])
    gaps, energies = NearestGaps.of(geometry, axes), geometry.energies[0]
    size = float(energies[band + 1] - energies[band])
    return Gap(size, band + 1, k, float(energies[band] + size / 2)), gaps.where[0, band]


def _geometry(integral: Integral, k: Real) -> BandGeometry:
    return geometry_of(matrices_at(integral.model, k), integral.degeneracy_tolerance)


def _points(model: TightBindingModel) -> tuple[int, int, int]:
    lengths = np.linalg.norm(np.linalg.inv(model.lattice), axis=0) * np.array(model.periodic)
    n1, n2, n3 = (max(2, round(ALONG * x / lengths.max())) if x else 1 for x in lengths)
    return n1, n2, n3
