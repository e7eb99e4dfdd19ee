"""How far a model is from having a magnetic group: what its bands carry at k, held against the same at equivalent k."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import DEGENERACY_TOLERANCE, BandGeometry, geometry_of
from wannier_spin.model import TightBindingModel
from wannier_spin.symmetry.operations import Operation, distinct
from wannier_spin.symmetry.projector import TensorKind, transform

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
ZEEMAN = TensorKind("ab", ("axial", "polar"), time_parity=-1)
LEVELS = (0.25, 0.5, 0.75)  # of the band width: filled up to here
SMOOTH = 0.03  # of the band width
VANISHING = 1e-4  # in units of typical matrix elements


def group_violation(
    model: TightBindingModel, operations: Sequence[Operation], degeneracy_tolerance: float = DEGENERACY_TOLERANCE
) -> dict[str, float]:
    """rms over generic k and operations of X(gk) - g X(k).

    bands_meV, velocity (eV angstrom), spin : means over degenerate groups of bands. zeeman : relative to its rms, of the Zeeman
    metric summed over pairs of filled and empty bands, which sees staggered moments that P*T hides from bands and spins.
    The last two are missing where the model has no spin matrices.
    """
    k = np.random.default_rng(0).random((4, 3)) * np.array(model.periodic)
    source = BlochSum(model, second_order=False)

    def at(points: Real) -> tuple[dict[str, Real], Real]:
        geometry = geometry_of(source.at_points(points), degeneracy_tolerance)
        return band_vectors(geometry), zeeman_sum(geometry)

    here, zeeman = at(k)
    squares: dict[str, list[float]] = {key: [] for key in here}
    misfit = []
    for operation in distinct(operations):
        Q, sign = operation.rotation, -1 if operation.time_reversal else 1
        laws = {"bands_meV": np.eye(1), "velocity": sign * Q, "spin": sign * operation.axial}
        vectors, there = at(operation.act_on_k(k))
        for key, vector in vectors.items():
            squares[key].append(float(np.mean((vector - here[key] @ laws[key].T) ** 2)))
        misfit.append(float(np.mean((there - transform(zeeman, ZEEMAN, operation)) ** 2)))
    found = {key: float(np.sqrt(np.mean(values))) for key, values in squares.items()}
    if "spin" in found:
        found["zeeman"] = float(np.sqrt(np.mean(misfit)) / max(np.sqrt(np.mean(zeeman**2)), VANISHING))
    return found


def zeeman_sum(geometry: BandGeometry) -> Real:
    """sum_nm (f_n - f_m) Im[v^b_nm sigma^a_mn]/(eps_nm^2 + w^2) at some fillings, (k, filling, a, b).

    w and the smearing of f are a few percent of the band width, so that no pair of bands rules. Divided by the sum of the
    weights and the rms of the matrix elements, so that a sum that cancels is small. Zero for a model without spin matrices.
    """
    if geometry.spin is None:
        return np.zeros((len(geometry.energies), len(LEVELS), 3, 3))
    return pair_sum("kbnm,kamn,kfnm->kfab", geometry.velocity, geometry.spin, geometry.group_energies)


def pair_sum(indices: str, X: Complex, Y: Complex, E: Real) -> Real:
    """sum_nm (f_n - f_m) Im[X Y]/(eps_nm^2 + w^2) as `zeeman_sum`, by einsum over X, Y and the weights (k, filling, n, m)."""
    width = float(E.max() - E.min()) or 1.0
    levels = E.min() + width * np.array(LEVELS)
    f = 0.5 - 0.5 * np.tanh((E[:, None] - levels[:, None]) / (2 * SMOOTH * width))  # (k, filling, n)
    gap = E[:, :, None] - E[:, None, :]
    weight = (f[..., :, None] - f[..., None, :]) / (gap**2 + (SMOOTH * width) ** 2)[:, None]
    terms = np.einsum(indices, X, Y, weight, optimize=True).imag
    scale = np.abs(weight).sum(axis=(-1, -2)).mean() * np.sqrt(np.mean(np.abs(X) ** 2) * np.mean(np.abs(Y) ** 2))
    return np.asarray(terms / (scale or 1.0))


def band_vectors(geometry: BandGeometry) -> dict[str, Real]:
    """Means over degenerate groups (k, n, x): bands_meV, velocity, spin where there is one."""
    found = {"bands_meV": 1e3 * geometry.group_energies[..., None], "velocity": np.moveaxis(geometry.group_velocity, 1, 2)}
    return found | ({} if geometry.spin is None else {"spin": np.moveaxis(geometry.group_spin, 1, 2)})
