"""From a list of hoppings to a TightBindingModel.

    H = sum_{(i, j, R)} |0 i> M <R j| + h.c.,    M = <0 i|H|R j>, an (s, s) matrix, s orbitals on every site

The orbitals of a site are neighbours in the basis: site 0 up, site 0 down, site 1 up, ... for s = 2. The position
operator is diagonal (the sites) and the spin matrices act within a site, so that spin and position commute exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.nonorthogonal import OverlappingBasis, orthogonalized

Matrix = NDArray[np.complex128]
Bond = tuple[int, int, tuple[int, int, int]]
Hoppings = dict[tuple[int, int, tuple[int, ...]], Matrix]  # {(i, j, R): <0 i|H|R j>}

S0: Matrix = np.eye(2, dtype=complex)
SX: Matrix = np.array([[0, 1], [1, 0]], complex)
SY: Matrix = np.array([[0, -1j], [1j, 0]], complex)
SZ: Matrix = np.array([[1, 0], [0, -1]], complex)
PAULI: Matrix = np.array([SX, SY, SZ])  # (c, s, s)

SQUARE = np.eye(3)[:2]  # rows, in units of the lattice constant
TRIANGULAR = np.array([[1, 0, 0], [1 / 2, np.sqrt(3) / 2, 0]])
FCC = (1 - np.eye(3)) / 2


def dot_pauli(vector: ArrayLike) -> Matrix:
    """vector . sigma, shape (2, 2)."""
    x, y, z = np.asarray(vector, float)
    matrix: Matrix = x * SX + y * SY + z * SZ
    return matrix


def sheet(vectors: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """The lattice (3, 3) of a plane: `vectors` (2, 3) times a, and 1 angstrom along z."""
    return np.vstack([a * vectors, [0.0, 0.0, 1.0]])


def from_hoppings(
    *,
    lattice: ArrayLike,
    sites: ArrayLike,
    hoppings: Hoppings,
    spin: ArrayLike = PAULI,
    periodic: tuple[bool, bool, bool] = (True, True, True),
    overlaps: Hoppings | None = None,
) -> TightBindingModel:
    """A TightBindingModel from its hoppings; Hermitian conjugates are added.

    Parameters
    ----------
    lattice : (3, 3) rows, angstrom
    sites : (sites, 3) reduced; missing trailing coordinates are zero
    hoppings : {(i, j, R): M}, M (s, s) = <0 i|H|R j> in eV; R may be shorter than 3, the rest is zero.
        List each bond once, in either direction. (i, i, 0) is the on-site matrix, which must be Hermitian.
    spin : (3, s, s), the same on every site; Pauli by default (s = 2)
    periodic : as in TightBindingModel
    overlaps : {(i, j, R): M}, M (s, s) = <0 i|R j>, listed as the hoppings, of orbitals that are not orthogonal; each has the norm
        one. The model is that of Loewdin's functions, see `nonorthogonal`; the position of a pair is midway between its sites.

    Raises
    ------
    InputError : a bond listed in both directions, a wrong shape or site, an on-site matrix that is not Hermitian, overlaps between
        different spins, orbitals that are linearly dependent.
    """
    spin = np.asarray(spin, complex)
    sites = np.atleast_2d(np.asarray(sites, float))
    sites = np.pad(sites, ((0, 0), (0, 3 - sites.shape[1])))
    n_sites, shape, vectors = len(sites), spin.shape[1:], np.asarray(lattice, float)
    bonds = _both_directions(hoppings, n_sites, shape)
    overlapping = {} if overlaps is None else _both_directions(overlaps, n_sites, shape)
    identity = {(i, i, (0, 0, 0)): np.eye(shape[0], dtype=complex) for i in range(n_sites)}
    for bond, matrix in overlapping.items():
        if np.abs(spin @ matrix - matrix @ spin).max() > 1e-9:
            raise InputError(f"overlap {bond} is between different spins, or mixes the orbitals of a site: it changes the spin")
    metric = {**identity, **overlapping}
    R_vectors = np.array(sorted({R for _, _, R in (*bonds, *metric)}))
    H, S = (_matrices(found, R_vectors, n_sites) for found in (bonds, metric))
    sigma = np.stack([_matrices({b: s @ M for b, M in metric.items()}, R_vectors, n_sites) for s in spin], axis=-1)
    centres = np.repeat(sites @ vectors, shape[0], axis=0)
    if overlaps:
        basis = OverlappingBasis(vectors, R_vectors, H, S, centres, spin_R=sigma, periodic=periodic)
        return orthogonalized(basis)
    return TightBindingModel(vectors, R_vectors, H, spin_R=sigma, centres=centres, periodic=periodic)


def _matrices(bonds: Mapping[Bond, Matrix], R_vectors: NDArray[np.int64], n_sites: int) -> Matrix:
    """(R, n, n) from blocks (s, s)."""
    s = len(next(iter(bonds.values()))) if bonds else 1
    places = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    result = np.zeros((len(R_vectors), n_sites, s, n_sites, s), complex)
    for (i, j, R), matrix in bonds.items():
        result[places[R], i, :, j, :] = matrix
    return result.reshape(len(R_vectors), n_sites * s, n_sites * s)


def _both_directions(hoppings: Hoppings, n_sites: int, shape: Sequence[int]) -> dict[Bond, Matrix]:
    """The bonds and their Hermitian conjugates, R padded to three components."""
    bonds: dict[Bond, Matrix] = {}
    for (i, j, short), value in hoppings.items():
        x, y, z = (*short, 0, 0, 0)[:3]
        there, back = (i, j, (x, y, z)), (j, i, (-x, -y, -z))
        matrix = np.asarray(value, complex)
        if matrix.shape != tuple(shape):
            raise InputError(f"hopping {there} has shape {matrix.shape}, expected {tuple(shape)}")
        if not (0 <= i < n_sites and 0 <= j < n_sites):
            raise InputError(f"hopping {there} names a site that is not there; the sites are 0 to {n_sites - 1}")
        if there in bonds:
            raise InputError(f"hopping {there} is listed twice (or in both directions); conjugates are added for you")
        if there == back and not np.allclose(matrix, matrix.conj().T, rtol=0, atol=1e-12):
            raise InputError(f"the on-site matrix {there} is not Hermitian")
        bonds[there], bonds[back] = matrix, matrix.conj().T
    return bonds
