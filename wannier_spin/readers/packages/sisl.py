"""Hamiltonians of sisl, which reads those of SIESTA, OpenMX (through its exports), Wannier90 and others; orthogonal or not.

sisl gives H(k) and S(k); H reaches as far as its supercell does, so that a mesh of that many points holds all of it. Energies are
eV, lengths angstrom; with spin, up and down of an orbital are neighbours, and polarized ones have two Hamiltonians.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.nonorthogonal import OverlappingBasis, conjugate_meshes, orthogonalized
from wannier_spin.readers.collinear import ChannelOverlaps, join_channels
from wannier_spin.readers.packages.hermitian_sum import known_spinors
from wannier_spin.readers.quality import examined
from wannier_spin.readers.spinors import PAULI

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


def is_sisl(given: object) -> bool:
    """Whether this looks like a Hamiltonian of sisl."""
    return all(hasattr(given, key) for key in ("Hk", "Sk", "geometry", "orthogonal", "spin"))


def from_sisl(hamiltonian: Any, *, name: str = "sisl") -> TightBindingModel:
    """The model of a sisl Hamiltonian; a basis that overlaps is brought to Loewdin's functions, see `nonorthogonal`.

    Orbitals sit on their atoms; the position of two that overlap is taken as midway between them, as sisl has no position matrix:
    dipoles within an atom (s to p) are left out. A direction without other cells in the supercell is not periodic. A polarized
    Hamiltonian becomes a collinear model, with moments along z; noncollinear and spin-orbit ones have spinors.

    Raises InputError: no such Hamiltonian, Nambu spinors, functions that are linearly dependent. Warns where Loewdin's functions
    reach too far.
    """
    if not is_sisl(hamiltonian):
        raise InputError(f"from_sisl was given a {type(hamiltonian).__name__}, expected a Hamiltonian of sisl")
    spin = hamiltonian.spin
    if getattr(spin, "is_nambu", False):
        raise InputError("this sisl Hamiltonian has Nambu spinors, of a superconductor; expected one of electrons")
    if spin.is_polarized:
        up, down = (_model(hamiltonian, f"{name} {label}", spin=i) for i, label in enumerate(("up", "down")))
        origin = np.zeros((1, 3), np.int64)
        same = ChannelOverlaps(origin, np.eye(up.n_bands, dtype=complex)[None])  # both spins have the functions of one basis
        return examined(join_channels(up, down, overlaps=same, name=name))
    model = _model(hamiltonian, name)
    return examined(model) if spin.is_diagonal or model.spin_R is not None else known_spinors(model)


def _model(hamiltonian: Any, name: str, **channel: int) -> TightBindingModel:
    """Of all spin components, or of one channel of a polarized Hamiltonian."""
    geometry, spinor = hamiltonian.geometry, not hamiltonian.spin.is_diagonal
    cells = np.asarray(geometry.lattice.nsc, int)
    H = _in_R(lambda k: hamiltonian.Hk(k, format="array", **channel), cells)
    lattice, atoms = np.array(geometry.cell, float), np.asarray(geometry.o2a(np.arange(geometry.no)))
    centres = np.repeat(np.array(geometry.xyz, float)[atoms], 2 if spinor else 1, axis=0)
    R_vectors = conjugate_meshes(cells.tolist())[0]
    a, b, c = (bool(n > 1) for n in cells)
    if hamiltonian.orthogonal:
        source = {"from": "sisl"}
        return TightBindingModel(lattice, R_vectors, H, centres=centres, periodic=(a, b, c), name=name, source=source)
    S = _in_R(lambda k: hamiltonian.Sk(k, format="array"), cells)
    sigma = None
    if spinor:
        orbitals = S[:, ::2, ::2]
        sigma = np.einsum("Rij,cst->Risjtc", orbitals, PAULI).reshape(*S.shape, 3)
    basis = OverlappingBasis(lattice, R_vectors, H, S, centres, None, sigma, (a, b, c), name)
    return orthogonalized(basis, source={"from": "sisl"})


def _in_R(at: Any, counts: NDArray[np.int64]) -> Complex:
    """O(R) from O(k) on a mesh of as many points."""
    R_vectors, k = conjugate_meshes(counts.tolist())
    matrices = np.array([at(point) for point in k])
    phases = np.exp(-2j * np.pi * R_vectors @ k.T) / len(k)
    return np.asarray((phases @ matrices.reshape(len(k), -1)).reshape(matrices.shape))
