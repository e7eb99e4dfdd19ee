"""Minimal-distance replicas: which R does a matrix element of the finite mesh belong to?

A mesh of N1 x N2 x N3 k-points fixes O_nm(R) only for R modulo the mesh. The element is given in equal parts to all
R + T (T a vector of the supercell) for which |R + T + tau_m - tau_n| is smallest. "Equal" needs a tolerance: the
centres carry 1e-6 to 1e-5 angstrom of noise, and a tie broken at random breaks the crystal's symmetry (Kramers pairs
of Pt split by 59 meV). References: Wannier90 user guide, `use_ws_distance`; Pizzi et al., JPCM 32, 165902 (2020).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEARCH = 2  # supercells on each side of the one that contains the point
ROUNDING = 4  # shifts tau_m - tau_n are rounded to tolerance / ROUNDING: it must stay well below the tolerance


@dataclass(frozen=True)
class Replicas:
    """For one group of element pairs (n, m): element (cell, n, m) goes to R with weight; all arrays of one length."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    cells: NDArray[np.int64]
    R_vectors: NDArray[np.int64]
    weights: NDArray[np.float64]


def mesh_cells(mesh: NDArray[np.int64]) -> NDArray[np.int64]:
    """R modulo the mesh, (cells, 3), first index slowest."""
    return np.indices(tuple(mesh)).reshape(3, -1).T.astype(np.int64)


def fold(
    matrices: dict[str, NDArray[np.complex128]], R_vectors: NDArray[np.int64], mesh: NDArray[np.int64]
) -> dict[str, NDArray[np.complex128]]:
    """Sum of O(R) over all R that are equal modulo the mesh, (cells, n, n, ...): what `distribute` takes."""
    cells = np.ravel_multi_index(tuple((R_vectors % mesh).T), tuple(mesh))
    out = {key: np.zeros((int(mesh.prod()), *matrix.shape[1:]), complex) for key, matrix in matrices.items()}
    for key, matrix in matrices.items():
        for cell, part in zip(cells, matrix, strict=True):
            out[key][cell] += part
    return out


def distribute(
    matrices: dict[str, NDArray[np.complex128]],
    mesh: NDArray[np.int64],
    lattice: NDArray[np.float64],
    centres: NDArray[np.float64],
    tolerance: float,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.complex128]]]:
    """Give each O (cells, n, n, ...) to its nearest replicas.

    centres (n, 3) Cartesian, angstrom, like the tolerance. Returns R_vectors (R, 3), sorted, and O (R, n, n, ...).
    """
    groups = list(_replicas(mesh, lattice, centres, tolerance))
    R_vectors = np.unique(np.concatenate([group.R_vectors for group in groups]), axis=0)
    index = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    out = {key: np.zeros((len(R_vectors), *matrix.shape[1:]), complex) for key, matrix in matrices.items()}
    for group in groups:
        R = np.array([index[tuple(vector)] for vector in group.R_vectors.tolist()])[:, None]
        for key, matrix in matrices.items():
            part = matrix[group.cells[:, None], group.rows, group.columns]
            out[key][R, group.rows, group.columns] = part * group.weights.reshape(-1, *[1] * (part.ndim - 1))
    return R_vectors, out


def _replicas(
    mesh: NDArray[np.int64], lattice: NDArray[np.float64], centres: NDArray[np.float64], tolerance: float
) -> list[Replicas]:
    cells = mesh_cells(mesh)
    around = np.array(list(itertools.product(range(-SEARCH, SEARCH + 1), repeat=3)))
    shifts = centres[None, :] - centres[:, None]  # (n, m, 3)
    step = tolerance / ROUNDING
    rounded, group = np.unique(np.rint(shifts / step).reshape(-1, 3), axis=0, return_inverse=True)
    members = np.split(np.argsort(group.ravel(), kind="stable"), np.cumsum(np.bincount(group.ravel()))[:-1])
    out = []
    for shift, pairs in zip(rounded * step, members, strict=True):
        reduced = shift @ np.linalg.inv(lattice)
        nearest = -np.rint((cells + reduced) / mesh).astype(np.int64)
        candidates = cells[:, None] + mesh * (nearest[:, None] + around)  # (cell, T, 3)
        distance = np.linalg.norm((candidates + reduced) @ lattice, axis=-1)
        tied = distance < distance.min(axis=1, keepdims=True) + tolerance
        cell, T = np.nonzero(tied)
        rows, columns = np.divmod(pairs, len(centres))
        out.append(Replicas(rows, columns, cell, candidates[cell, T], 1.0 / tied.sum(axis=1)[cell]))
    return out
