"""By how much bands change from one side of the cell in k that a point stands for to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import group_ends, rows
from wannier_spin.compiled import compiled
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.bars.nearest import COMPILED_FROM, bend, slope
from wannier_spin.model import TightBindingModel

Real = NDArray[np.float64]
Integer = NDArray[np.int64]
FLAT = 1e-10  # of the step: velocities below it are rounding


@dataclass(frozen=True)
class Slopes:
    """mean : (k, n, i) of the group of each band along axes, eV. reach : (2, k, n) how far a band goes below and above its energy
    within the cell that the axes span, eV.

    Half of what its velocity makes from one side to the other; bands that touch at a point leave it with different velocities: of a
    group it is the root mean square. And as far as the group next to it bends it out of the reach of other points: from the apex of
    a cone with a small gap bands have no slope, and that of the next point does not reach to it, see `bends`.
    """

    mean: Real
    reach: Real

    @classmethod
    def of(cls, geometry: BandGeometry, axes: Real) -> Slopes:
        """axes : d k/d x_i, Cartesian, 1/angstrom, (i, a) or at each point (k, i, a)."""
        return cls(*(_from_machine_code if geometry.velocity.size >= COMPILED_FROM else _from_arrays)(geometry, axes))


def _from_arrays(geometry: BandGeometry, axes: Real) -> tuple[Real, Real]:
    number = np.cumsum(np.diff(geometry.group, axis=1, prepend=geometry.group[:, :1]) != 0, axis=1)
    apart = number[:, None, :] - number[:, :, None]
    squares = (np.abs(axes[..., None, :, :] @ geometry.velocity.swapaxes(1, 2)) ** 2).sum(axis=2)  # (k, n, m)
    own, *beside = (geometry.group_mean((squares * (apart == which)).sum(axis=2)) for which in (0, 1, -1))
    mean = np.asarray((axes @ geometry.group_velocity).swapaxes(1, 2))
    return mean, np.sqrt(own) / 2 + bends(np.array(beside), _gaps(geometry))


def _from_machine_code(geometry: BandGeometry, axes: Real) -> tuple[Real, Real]:
    shape, energies = geometry.group.shape, np.ascontiguousarray(geometry.group_energies)
    mean, halves, beside, reach = np.empty((*shape, 3)), np.empty(shape), np.empty((2, *shape)), np.empty((2, *shape))
    along = np.ascontiguousarray(axes).reshape(-1, 3, 3)
    compiled(slope)(mean, halves, beside, rows(geometry.velocity), geometry.group, along)
    compiled(bend)(reach, halves, beside, energies, geometry.group)
    return mean, reach


def _gaps(geometry: BandGeometry) -> Real:
    """To the groups above and below that of each band, infinite where there is none: (2, k, n), eV."""
    energies = geometry.group_energies
    padded = np.pad(energies, ((0, 0), (1, 1)), constant_values=((0, 0), (-np.inf, np.inf)))
    first, after = group_ends(geometry.group)
    return np.stack(
        [np.take_along_axis(padded, after + 1, axis=1) - energies, energies - np.take_along_axis(padded, first, axis=1)]
    )


def bends(squares: Real, gap: Real) -> Real:
    """How far from the energy of a point the reach of the next one begins: zero for a parabola, half of the way for a cone, eV.

    Two bands go like E = (gap^2/4 + |w.q|^2)^(1/2), and E - q.dE/dq/2 lies (E - gap/2)^2/(2 E) above gap/2. squares : (2, k, n)
    of |w.q| at the next point, w the velocity between them; gap : (2, k, n) in eV. Returns (2, k, n).
    """
    E = np.sqrt(gap**2 / 4 + squares)
    return np.asarray(squares**2 / (2 * E * (E + gap / 2) ** 2))


def step_of(model: TightBindingModel, axes: Real) -> float:
    """What an energy changes by along an axis, root mean square over bands, the zone and the axes, eV.

    axes : (i, a) d k/d x_i, Cartesian, 1/angstrom. With the matrix elements between bands, which make it larger: those of dH/dk,
    i (R + tau_m - tau_n) H_nm(R), from where one function is to where the other is, in whatever cells they are counted.
    """
    centres = model.centres @ axes.T
    apart, cells = centres - centres[:, None], model.R_vectors @ model.lattice @ axes.T
    squares = sum(
        float(np.einsum("nm,nmi->", np.abs(H) ** 2, (cell + apart) ** 2))
        for cell, H in zip(cells, model.hamiltonian_R, strict=True)
    )
    return float(np.sqrt(squares / model.n_bands / directions(axes)))


def directions(axes: Real) -> int:
    """Along how many a mesh has points, one at least. axes : (i, a)."""
    return max(int(np.linalg.matrix_rank(axes)), 1)


@dataclass(frozen=True)
class Speeds:
    """How bands change from point to point along the vectors D that make the error of a mesh.

    dimension : along how many directions they do: all where these are alike, about one where Fermi surfaces are sheets across
    chains. steps : (s,) what an energy changes by along the D of each shell of `Stars`, eV.
    """

    dimension: float
    steps: Real

    @classmethod
    def of(cls, products: Real, axes: Real, step: float, spacings: Sequence[Real]) -> Speeds:
        """products : (i, i) of velocities along the axes (i, a), of `Slopes.mean`, mean over states. step : of `step_of`, which
        is shared out as they are. spacings : of `Stars`.

        dimension : (sum of s)^2/sum of s^2 (participation number) of the eigenvalues s of the squares of what changes.
        """
        if np.trace(products) <= (FLAT * step) ** 2:
            products = axes @ axes.T
        cartesian = np.linalg.pinv(axes) @ products @ np.linalg.pinv(axes).T
        squares = np.array([((q @ cartesian) * q).sum(axis=1).mean() for q in spacings])
        every = np.concatenate(spacings)
        changes = every.T @ every @ cartesian
        dimension = np.trace(changes) ** 2 / np.trace(changes @ changes)
        return cls(float(dimension), step * np.sqrt(squares * directions(axes) / np.trace(products)))
