"""Minimal-distance replicas: which R does a matrix element of the finite mesh belong to?

A mesh of N1 x N2 x N3 k-points fixes O_nm(R) only for R modulo the mesh. The element is given in equal parts to all
R + T (T a vector of the supercell) for which |R + T + tau_m - tau_n| is smallest. "Equal" needs a tolerance: the
centres carry 1e-6 to 1e-5 angstrom of noise, and a tie broken at random breaks the crystal's symmetry (Kramers pairs
of Pt split by 59 meV). References: Wannier90 user guide, `use_ws_distance`; Pizzi et al., JPCM 32, 165902 (2020).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WS_DISTANCE_TOLERANCE = 1e-2  # angstrom, the default: centres carry less noise, and different distances are seldom so close
SEARCH = 2  # supercells on each side of the one that contains the point
NOISE = 3e-4  # angstrom: by so much distances of partners under a symmetry differ (Mn2Au: 1.3e-4)
TRIAL_POINTS = 12  # k-points at which bands are compared
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
    ws_distance_tolerance: float,
    step: float | None = None,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.complex128]]]:
    """Give each O (cells, n, n, ...) to its nearest replicas.

    centres (n, 3) Cartesian, angstrom, like the tolerance and the step to which shifts are rounded (a quarter of the tolerance).
    Returns R_vectors (R, 3), sorted, and O (R, n, n, ...).
    """
    groups = list(_replicas(mesh, lattice, centres, ws_distance_tolerance, step or ws_distance_tolerance / ROUNDING))
    R_vectors = np.unique(np.concatenate([group.R_vectors for group in groups]), axis=0)
    index = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    out = {key: np.zeros((len(R_vectors), *matrix.shape[1:]), complex) for key, matrix in matrices.items()}
    for group in groups:
        R = np.array([index[tuple(vector)] for vector in group.R_vectors.tolist()])[:, None]
        for key, matrix in matrices.items():
            part = matrix[group.cells[:, None], group.rows, group.columns]
            out[key][R, group.rows, group.columns] = part * group.weights.reshape(-1, *[1] * (part.ndim - 1))
    return R_vectors, out


@dataclass(frozen=True)
class Ties:
    """ws_distance_tolerance (angstrom) that was used; close: how many distances are within a factor of two of it; moved (eV): how
    far bands between the mesh points go when it is halved or doubled.
    """

    ws_distance_tolerance: float
    close: int
    moved: float


def with_ties(
    matrices: dict[str, NDArray[np.complex128]],
    mesh: NDArray[np.int64],
    lattice: NDArray[np.float64],
    centres: NDArray[np.float64],
    ws_distance_tolerance: float,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.complex128]], Ties]:
    """See `distribute`; the default tolerance moves into the widest gap between distances near it, another one is taken as it is.

    Partners under a symmetry have distances that differ by the noise of the centres: a tolerance between the two would tie the one
    and not the other. Where there is no distance within a factor of two, the choice does not matter and nothing is moved.
    """
    step = ws_distance_tolerance / ROUNDING
    close = near_ties(mesh, lattice, centres, ws_distance_tolerance)
    used = in_widest_gap(close, ws_distance_tolerance) if ws_distance_tolerance == WS_DISTANCE_TOLERANCE else ws_distance_tolerance
    R_vectors, out = distribute(matrices, mesh, lattice, centres, used, step)
    if not len(close):
        return R_vectors, out, Ties(used, 0, 0.0)
    k = np.random.default_rng(0).uniform(-0.5, 0.5, (TRIAL_POINTS, 3)) * (mesh > 1)
    bands = _bands(out["hamiltonian"], R_vectors, k)
    others = [distribute({"H": matrices["hamiltonian"]}, mesh, lattice, centres, used * x, step) for x in (0.5, 2.0)]
    moved = max(float(np.abs(_bands(H["H"], R, k) - bands).max()) for R, H in others)
    return R_vectors, out, Ties(used, len(close), moved)


def near_ties(
    mesh: NDArray[np.int64], lattice: NDArray[np.float64], centres: NDArray[np.float64], ws_distance_tolerance: float
) -> NDArray[np.float64]:
    """By how much distances exceed the smallest of their element, (d,) angstrom, ascending: those within a factor of two of
    tolerance.

    mesh (3,), lattice (3, 3) rows, centres (n, 3): see `distribute`.
    """
    found = []
    for _, _, distance in _distances(mesh, lattice, centres, ws_distance_tolerance / ROUNDING):
        excess = distance - distance.min(axis=1, keepdims=True)
        found.append(excess[(excess > ws_distance_tolerance / 2) & (excess < 2 * ws_distance_tolerance)])
    return np.sort(np.concatenate(found))


def in_widest_gap(close: NDArray[np.float64], ws_distance_tolerance: float) -> float:
    """The middle of the widest gap between these distances (d,), angstrom; the tolerance itself if it lies well in it, or if
    there are none.
    """
    if not len(close):
        return ws_distance_tolerance
    edges = np.concatenate([[ws_distance_tolerance / 2], close, [2 * ws_distance_tolerance]])
    widest = int(np.diff(edges).argmax())
    low, high = float(edges[widest]), float(edges[widest + 1])
    return ws_distance_tolerance if low + NOISE < ws_distance_tolerance < high - NOISE else (low + high) / 2


def _bands(H: NDArray[np.complex128], R_vectors: NDArray[np.int64], k: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.eigvalsh(np.tensordot(np.exp(2j * np.pi * k @ R_vectors.T), H, axes=1)), float)


def _distances(
    mesh: NDArray[np.int64], lattice: NDArray[np.float64], centres: NDArray[np.float64], step: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """For each group of pairs with one shift tau_m - tau_n: the pairs, candidates R (cell, T, 3) and their distances (cell, T)."""
    cells = mesh_cells(mesh)
    around = np.array(list(itertools.product(range(-SEARCH, SEARCH + 1), repeat=3)))
    shifts = centres[None, :] - centres[:, None]  # (n, m, 3)
    rounded, group = np.unique(np.rint(shifts / step).reshape(-1, 3), axis=0, return_inverse=True)
    members = np.split(np.argsort(group.ravel(), kind="stable"), np.cumsum(np.bincount(group.ravel()))[:-1])
    for shift, pairs in zip(rounded * step, members, strict=True):
        reduced = shift @ np.linalg.inv(lattice)
        nearest = -np.rint((cells + reduced) / mesh).astype(np.int64)
        candidates = cells[:, None] + mesh * (nearest[:, None] + around)  # (cell, T, 3)
        yield pairs, candidates, np.linalg.norm((candidates + reduced) @ lattice, axis=-1)


def _replicas(
    mesh: NDArray[np.int64], lattice: NDArray[np.float64], centres: NDArray[np.float64], ws_distance_tolerance: float, step: float
) -> list[Replicas]:
    out = []
    for pairs, candidates, distance in _distances(mesh, lattice, centres, step):
        tied = distance < distance.min(axis=1, keepdims=True) + ws_distance_tolerance
        cell, T = np.nonzero(tied)
        rows, columns = np.divmod(pairs, len(centres))
        out.append(Replicas(rows, columns, cell, candidates[cell, T], 1.0 / tied.sum(axis=1)[cell]))
    return out
