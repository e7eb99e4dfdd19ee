"""Models that stand for no material: exact degeneracies and no symmetry at all, for tests."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from wannier_spin.model import TightBindingModel
from wannier_spin.models.hoppings import SQUARE, Hoppings, Matrix, from_hoppings, sheet
from wannier_spin.models.registry import library_model


@library_model
def chiral_flat(*, seed: int = 0, hopping: float = 0.2, a: float = 1.0) -> TightBindingModel:
    """Lieb-like chiral model: two exactly degenerate flat bands at zero energy, between two dispersive ones.

        H = [[0, h(k)], [h(k)^+, 0]],    h(k) = h_0 + hopping sum_R h_R exp(i k.R), a row of three
        E = -|h(k)|, 0, 0, +|h(k)|

    R runs over the eight nearest cells; h_0 (length 2) and h_R (length 1) are complex random vectors fixed by `seed`.
    All four orbitals sit at the origin of a square cell. The "spin" is three random Hermitian matrices with eigenvalues
    within [-1, 1] that reach one of the ends: they respect neither the chiral structure nor the degenerate pair, and
    obey no Pauli algebra.

    Symmetry: P, T, PT broken; only the chiral one, C H + H C = 0 with C = diag(1, -1, -1, -1). |h| >= 2 - 8 |hopping|:
    the flat pair stays apart from the other bands for |hopping| < 1/4.

    In such a model the block P (docs/theory.md section 4) summed per band changes by 10 % or so under a random U(2) of
    the flat pair; summed by degenerate groups it does not.
    """
    rng = np.random.default_rng(seed)
    chiral = np.zeros((4, 4), bool)
    chiral[0, 1:] = chiral[1:, 0] = True
    hoppings: Hoppings = {}
    for R in [(0, 0), (1, 0), (0, 1), (1, 1), (1, -1)]:
        matrix = np.where(chiral, _complex(rng, (4, 4)), 0)
        matrix[0] *= hopping / np.linalg.norm(matrix[0])  # h_R
        matrix[:, 0] *= hopping / np.linalg.norm(matrix[:, 0])  # h_{-R}^+
        if R == (0, 0):
            matrix[0] *= 2 / hopping
            matrix[:, 0] = matrix[0].conj()
        hoppings[0, 0, R] = matrix
    spin = np.array([_hermitian(rng, 4) for _ in range(3)])
    spin /= np.abs(np.linalg.eigvalsh(spin)).max(axis=1)[:, None, None]
    periodic = (True, True, False)
    return from_hoppings(lattice=sheet(SQUARE, a), sites=[[0, 0]], hoppings=hoppings, spin=spin, periodic=periodic)


@library_model
def random_model(
    *, n: int = 4, seed: int = 0, periodic: tuple[bool, bool, bool] = (True, True, True), decay: float = 1.0
) -> TightBindingModel:
    """Random Hermitian short-range model of n orbitals without any symmetry, position and spin included.

        O_nm(R) = (X(R) + X(-R)^+)/2 exp(-decay |R|),    X complex normal, R_i = -1, 0, 1 along the periodic directions

    for H (eV), the Cartesian components of the position <0n|r|Rm> (0.2 angstrom, the centres anywhere in the cell) and
    the three spin matrices, which obey no algebra and no bound. The lattice is triclinic with edges of about 1
    angstrom; an aperiodic direction is orthogonal to the periodic ones. The same seed gives the same model.

    Symmetry: none. No exact results: it is for identities that hold for every model.
    """
    rng = np.random.default_rng(seed)
    mix = np.outer(periodic, periodic)
    lattice = np.eye(3) + np.where(mix, rng.uniform(-0.2, 0.2, (3, 3)), 0.0)
    R_vectors = np.array(list(product(*[(-1, 0, 1) if along else (0,) for along in periodic])))
    amplitude = np.exp(-decay * np.linalg.norm(R_vectors @ lattice, axis=1))

    def operator(components: tuple[int, ...]) -> Matrix:
        X = _complex(rng, (len(R_vectors), n, n, *components))
        X = (X + X[::-1].swapaxes(1, 2).conj()) / 2  # R_vectors[::-1] = -R_vectors
        weighted: Matrix = np.einsum("R...,R->R...", X, amplitude)
        return weighted

    hamiltonian_R, position_R, spin_R = operator(()), 0.2 * operator((3,)), operator((3,))
    diagonal = np.arange(n)
    position_R[len(R_vectors) // 2, diagonal, diagonal] = rng.uniform(0, 1, (n, 3)) @ lattice
    return TightBindingModel(
        lattice=lattice,
        R_vectors=R_vectors,
        hamiltonian_R=hamiltonian_R,
        position_R=position_R,
        spin_R=spin_R,
        periodic=periodic,
    )


def _complex(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _hermitian(rng: np.random.Generator, n: int) -> Matrix:
    X = _complex(rng, (n, n))
    return (X + X.conj().T) / 2
