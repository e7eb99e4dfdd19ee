"""A `SystemSOC` of wannierberri: two spin channels, and spin-orbit coupling as a perturbation between them.

Functions of the up channel are |n> (1, 0), of the down channel |n> (0, 1) along an axis (theta, phi); sigma^c_ss' are the Pauli
matrices in that frame, c Cartesian. With O_ud(R) = <0 n|R m> between the channels, and dV^c_ss'(R),

    H_ss'(R) = delta_ss' H_s(R) + alpha sum_c sigma^c_ss' dV^c_ss'(R),        sigma^c_ss'(R) = sigma^c_ss' O_ss'(R),    O_ss = 1

The system keeps the blocks ud only; du is its conjugate at -R. (Its own `get_system_R`, in wannierberri 26.10, puts the spin
matrices of the block ud on the R vectors of the down channel, and those of du on the ones of ud: they are not Hermitian then.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel, with_centres
from wannier_spin.readers import examined
from wannier_spin.versions import installed

Complex = NDArray[np.complex128]
Block = tuple[NDArray[np.int64], Complex]  # R vectors (R, 3), matrices (R, n, n, ...)


def from_system_soc(system: Any) -> TightBindingModel:
    """The model of a SystemSOC with its axis and strength set (`set_soc_axis`), up functions first.

    Raises InputError: no spin-orbit matrices, no axis, a position that is neither a matrix nor diagonal.
    """
    if not system.has_soc or not hasattr(system, "pauli_rotated"):
        raise InputError(
            "this SystemSOC has no spin-orbit matrices, or no axis: build it with a .soc file and call set_soc_axis(theta, phi); "
            "channels without spin-orbit coupling are joined by wannier_spin.readers.join_channels"
        )
    up, down, n = system.system_up, system.system_down, int(system.num_wann_scalar)
    diagonal, sigma = [_block(one, "Ham") for one in (up, down)], np.asarray(system.pauli_rotated)
    coupling = _coupling(system)
    overlap = _overlap(system, n)
    R_vectors = np.concatenate([R for R, _ in (*diagonal, *coupling.values(), overlap)])
    R_vectors = np.unique(np.concatenate([R_vectors, -R_vectors]), axis=0)
    H, spin = (np.zeros((len(R_vectors), 2 * n, 2 * n, *tail), complex) for tail in ((), (3,)))
    for s, block in enumerate(diagonal):
        _add(H, R_vectors, block, s, s)
    for (s, t), (R, dV) in coupling.items():
        _add(H, R_vectors, (R, system.alpha_soc * dV @ sigma[s, t]), s, t)
    one = (np.zeros((1, 3), np.int64), np.eye(n, dtype=complex)[None])
    between = {(0, 0): one, (1, 1): one, (0, 1): overlap, (1, 0): _adjoint(overlap)}
    for (s, t), (R, S) in between.items():
        _add(spin, R_vectors, (R, S[..., None] * sigma[s, t]), s, t)
    centres = np.concatenate([np.array(one.wannier_centers_cart, float) for one in (up, down)])
    version = f"wannierberri {installed('wannierberri')}"
    model = TightBindingModel(
        lattice=np.array(system.real_lattice),
        R_vectors=R_vectors,
        hamiltonian_R=H,
        position_R=None if system.force_internal_terms_only else _position(system, R_vectors, centres),
        spin_R=spin,
        centres=centres,
        periodic=tuple(bool(p) for p in system.periodic),  # type: ignore[arg-type]
        name=str(getattr(up, "name", "SystemSOC")),
        source={"route": "system", "system": f"SystemSOC of {version}, alpha = {system.alpha_soc:g}"},
    )
    return examined(model)


def _block(system: Any, name: str) -> Block:
    """A matrix of a system. Raises InputError where it is missing."""
    if not system.has_R_mat(name):
        raise InputError(f"a channel of this SystemSOC has no matrix {name}; build it with berry=True")
    return np.asarray(system.rvec.iRvec, np.int64), np.asarray(system.get_R_mat(name), complex)


def _adjoint(block: Block) -> Block:
    """<0 m|O|R n> from <0 n|O|R m>."""
    return -block[0], block[1].conj().swapaxes(1, 2)


def _coupling(system: Any) -> dict[tuple[int, int], Block]:
    """dV of the four blocks; of a nonmagnetic system all are that of its one channel."""
    if system.nspin == 1:
        one = _block(system.system_up, "dV_soc")
        return {(s, t): one for s in (0, 1) for t in (0, 1)}
    between = _block(system, "dV_soc")
    same = {(0, 0): _block(system.system_up, "dV_soc"), (1, 1): _block(system.system_down, "dV_soc")}
    return {**same, (0, 1): between, (1, 0): _adjoint(between)}


def _overlap(system: Any, n: int) -> Block:
    """Between the functions of the channels, up before down."""
    if system.nspin == 1:
        return np.zeros((1, 3), np.int64), np.eye(n, dtype=complex)[None]
    return _block(system, "overlap_up_down")


def _add(matrix: Complex, R_vectors: NDArray[np.int64], block: Block, row: int, column: int) -> None:
    """Add a block of spins (row, column) to a matrix (R, 2n, 2n, ...)."""
    places = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    n = matrix.shape[1] // 2
    at = np.array([places[tuple(R)] for R in block[0].tolist()])
    matrix[at, row * n : row * n + n, column * n : column * n + n] += block[1]


def _position(system: Any, R_vectors: NDArray[np.int64], centres: NDArray[np.float64]) -> Complex:
    """<0n|r|Rm>: nothing between the spins."""
    connection = np.zeros((len(R_vectors), len(centres), len(centres), 3), complex)
    for s, channel in enumerate((system.system_up, system.system_down)):
        _add(connection, R_vectors, _block(channel, "AA"), s, s)
    return with_centres(connection, R_vectors, centres)
