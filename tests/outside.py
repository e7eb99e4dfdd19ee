"""Models with matrices of the spin currents of Qiao and Ryoo: random ones, and Wannier functions in a larger space."""

from dataclasses import replace

import numpy as np

from wannier_spin import TightBindingModel
from wannier_spin.bloch import BlochSum

REACH = 3  # cells: products of three operators that each reach one


def with_random_operators(model, seed=0, decay=1.0):
    """Any matrices, not Hermitian, that fall off with |R|: identities must hold for them too."""
    rng = np.random.default_rng(seed)
    amplitude = np.exp(-decay * np.linalg.norm(model.R_vectors @ model.lattice, axis=1))

    def operator(*components):
        shape = (*model.hamiltonian_R.shape, *components)
        X = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        return X * amplitude.reshape(-1, *(1,) * (X.ndim - 1))

    return replace(
        model, spin_position_R=operator(3, 3), spin_hamiltonian_position_R=operator(3, 3), spin_hamiltonian_R=operator(3)
    )


def separated(model, n):
    """The same with the first n orbitals decoupled from the others in H, but neither in the spin nor in the position."""
    apart = np.zeros((model.n_bands, model.n_bands))
    apart[:n, :n] = apart[n:, n:] = 1
    return replace(model, hamiltonian_R=model.hamiltonian_R * apart)


def part_of(model, n):
    """The first n orbitals as Wannier functions of a space that all orbitals span: what sigma and H sigma make of them is exact.

    Products of operators are made on a mesh of k-points that is dense enough to be exact.
    """
    size = 2 * REACH + 1
    ranges = [range(size) if along else range(1) for along in model.periodic]
    cells = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    R_vectors = cells - REACH * np.array(model.periodic)
    k = cells / size
    bloch = BlochSum(model, second_order=False).at_points(k)
    H, S = bloch.hamiltonian, bloch.spin
    A = np.zeros_like(S) if bloch.connection is None else bloch.connection
    back = np.exp(-2j * np.pi * R_vectors @ k.T) / len(k)

    def in_R_space(X):
        """(k, x..., n, m) -> (R, n, m, x...)."""
        total = np.tensordot(back, X[..., :n, :n], 1)
        return np.moveaxis(total, (-2, -1), (1, 2))

    position_R = in_R_space(A)
    origin = (R_vectors == 0).all(axis=1).argmax()
    position_R[origin, range(n), range(n)] += model.centres[:n]
    SH = S @ H[:, None]
    return TightBindingModel(
        lattice=model.lattice,
        R_vectors=R_vectors,
        hamiltonian_R=in_R_space(H),
        position_R=position_R,
        spin_R=in_R_space(S),
        centres=model.centres[:n],
        spin_position_R=in_R_space(S[:, None] @ A[:, :, None]),
        spin_hamiltonian_position_R=in_R_space(SH[:, None] @ A[:, :, None]),
        spin_hamiltonian_R=in_R_space(SH),
        periodic=model.periodic,
    )
