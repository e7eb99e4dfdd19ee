"""A Hamiltonian that is collected term by term, each with its Hermitian conjugate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers.quality import examined
from wannier_spin.readers.spinors import Spin, check_spin, chosen_order, pure_spinors

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


class HermitianSum:
    """H(R) (n, n) by R, of n functions."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._found: dict[tuple[int, int, int], Complex] = {(0, 0, 0): np.zeros((n, n), complex)}

    def add(self, R: Sequence[int], rows: slice, columns: slice, matrix: Complex) -> None:
        """Add <0 rows|H|R columns> (rows, columns), eV, and its conjugate at -R."""
        x, y, z = (*(int(r) for r in R), 0, 0, 0)[:3]
        self._at((x, y, z))[rows, columns] += matrix
        self._at((-x, -y, -z))[columns, rows] += np.conj(matrix).T

    def _at(self, R: tuple[int, int, int]) -> Complex:
        return self._found.setdefault(R, np.zeros((self.n, self.n), complex))

    def arrays(self) -> tuple[NDArray[np.int64], Complex]:
        """R_vectors (R, 3) and H (R, n, n)."""
        order = sorted(self._found)
        return np.array(order, np.int64), np.array([self._found[R] for R in order])


def embedded(vectors: Real, reduced: Real, what: str) -> tuple[Real, Real]:
    """The lattice (3, 3) and Cartesian positions (n, 3) of a model in d dimensions: further vectors are 1 angstrom along z, y, z.

    Raises InputError where d is not 1, 2 or 3, or the vectors span no cell.
    """
    d = len(vectors)
    if not 1 <= d <= 3 or vectors.shape != (d, d):
        raise InputError(f"{what} has lattice vectors of shape {vectors.shape}, expected 1, 2 or 3 dimensions")
    lattice = np.eye(3)
    lattice[:d, :d] = vectors
    return lattice, np.pad(reduced, ((0, 0), (0, 3 - d))) @ lattice


def known_spinors(model: TightBindingModel) -> TightBindingModel:
    """The model of functions that are up and down alternately, by the definition of where they come from. Raises UnfitError."""
    return examined(replace(model, spin_R=pure_spinors(model.R_vectors, model.n_bands, "interleaved", Path(model.name))))


def with_spin(model: TightBindingModel, spin: Spin | None) -> TightBindingModel:
    """The model with pure spinors where somebody says that its functions are up and down in some order; tested.

    Raises InputError: an unknown order, one that the Hamiltonian contradicts, an odd number of functions; UnfitError.
    """
    check_spin(spin)
    if spin == "files":
        raise InputError(f"model '{model.name}' comes from no files: spin is None, 'interleaved', 'blocks' or 'auto'")
    if spin is None:
        return examined(model)
    order, check = chosen_order(model.hamiltonian_R, spin, Path(model.name))
    return examined(replace(model, spin_R=pure_spinors(model.R_vectors, model.n_bands, order, Path(model.name))), [check])
