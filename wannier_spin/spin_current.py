"""Spin currents that know of states outside of the Wannier space: Ryoo's and Qiao's, in the Wannier gauge.

    v^{a;c} = (B + B^+)/4,      B_ac = <u|sigma^c d_aH|u>,      d_aH |u_m> = d_a(H |u_m>) - H |d_a u_m>

    ryoo     B_ac = S_c d_aH - i (R_ac H - L_ac)               J.-H. Ryoo, C.-H. Park, I. Souza, PRB 99, 235113 (2019)
    qiao     B_ac = ryoo - (K_c - S_c H) D_a                   J. Qiao, J. Zhou, Z. Yuan, W. Zhao, PRB 98, 214402 (2018)

    S_c = <u|sigma^c|u>,  R_ac = i<u|sigma^c|d_a u>,  L_ac = i<u|sigma^c H|d_a u>,  K_c = <u|sigma^c H|u>
    D_a = sum_{N != M} P_N d_aH P_M/(eps_M - eps_N)            P_N projector on a block of degenerate bands

Both take H|u> = |u> H_W under the derivative. Ryoo's derivative is that of Wannier functions; Qiao's that of bands, whose change
|u> D_a they let H act on exactly: hence K_c - S_c H, which vanishes where the Wannier functions span an invariant space of H.
There R = S A, L = S H A, and all definitions are {v^a, sigma^c}/4. The papers divide by the difference of single bands; D_a, which
has no elements inside a block of degenerate bands, does not depend on the choice of states there.

Derivatives: d_b P_N = [D_b, P_N], so that X -> d_b X - [D_b, X] respects blocks. Applied to [D_a, H] = d_aH between blocks,

    d_b D_a = [D_b, D_a] + sum_{N != M} P_N (d_b d_aH - [D_b, d_aH] - [D_a, sum_L P_L d_bH P_L]) P_M/(eps_M - eps_N)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import BlochMatrices

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Blocks:
    """Blocks of degenerate bands at a batch of k-points.

    states (k,w,n), columns; same (k,n,m): whether two bands are in one block; inverse_gap (k,n,m): 1/(eps_N - eps_M), 1/eV, zero
    inside a block.
    """

    states: Complex
    same: NDArray[np.bool_]
    inverse_gap: Real

    def between(self, X: Complex) -> Complex:
        """sum_{N != M} P_N X P_M/(eps_M - eps_N): (k,...,n,m)."""
        return self._weighted(X, -self.inverse_gap)

    def inside(self, X: Complex) -> Complex:
        """sum_N P_N X P_N: (k,...,n,m)."""
        return self._weighted(X, self.same)

    def _weighted(self, X: Complex, weight: Real | NDArray[np.bool_]) -> Complex:
        axes = (len(X),) + (1,) * (X.ndim - 3)
        U = self.states.reshape(*axes, *self.states.shape[1:])
        adjoint = U.conj().swapaxes(-1, -2)
        return np.asarray(U @ ((adjoint @ X @ U) * weight.reshape(*axes, *weight.shape[1:])) @ adjoint)


def ryoo(bloch: BlochMatrices) -> Complex:
    """B_ac of Ryoo, eV angstrom: (k,a,c,n,m)."""
    S, R, L = _matrices(bloch)
    return S[:, None] @ bloch.gradient[:, :, None] - 1j * (R @ bloch.hamiltonian[:, None, None] - L)


def ryoo_derivative(bloch: BlochMatrices) -> Complex:
    """d_b B_ac of Ryoo, eV angstrom^2: (k,b,a,c,n,m)."""
    S, R, _ = _matrices(bloch)
    dS, dR, dL = bloch.spin_gradient, bloch.spin_position_gradient, bloch.spin_hamiltonian_position_gradient
    assert dS is not None
    assert dR is not None
    assert dL is not None
    assert bloch.hessian is not None
    H, dH, ddH = bloch.hamiltonian[:, None, None, None], bloch.gradient, bloch.hessian
    product = dS[:, :, None] @ dH[:, None, :, None] + S[:, None, None] @ ddH[:, :, :, None]
    return np.asarray(product - 1j * (dR @ H + R[:, None] @ dH[:, :, None, None] - dL))


def qiao(bloch: BlochMatrices, blocks: Blocks) -> Complex:
    """B_ac of Qiao, eV angstrom: (k,a,c,n,m)."""
    D = blocks.between(bloch.gradient)
    return ryoo(bloch) - _leak(bloch)[:, None] @ D[:, :, None]


def qiao_derivative(bloch: BlochMatrices, blocks: Blocks) -> Complex:
    """d_b B_ac of Qiao, eV angstrom^2: (k,b,a,c,n,m)."""
    dK, dS, S = bloch.spin_hamiltonian_gradient, bloch.spin_gradient, bloch.spin
    assert dK is not None
    assert dS is not None
    assert S is not None
    D = blocks.between(bloch.gradient)
    d_leak = dK - dS @ bloch.hamiltonian[:, None, None] - S[:, None] @ bloch.gradient[:, :, None]  # (k,b,c,n,m)
    change = d_leak[:, :, None] @ D[:, None, :, None]
    change += _leak(bloch)[:, None, None] @ _mixing_derivative(bloch, blocks, D)[:, :, :, None]
    return ryoo_derivative(bloch) - change


def _leak(bloch: BlochMatrices) -> Complex:
    """K_c - S_c H, eV: what H makes of Wannier functions outside of their space, seen through the spin: (k,c,n,m)."""
    assert bloch.spin_hamiltonian is not None
    assert bloch.spin is not None
    return np.asarray(bloch.spin_hamiltonian - bloch.spin @ bloch.hamiltonian[:, None])


def _mixing_derivative(bloch: BlochMatrices, blocks: Blocks, D: Complex) -> Complex:
    """d_b D_a, angstrom^2: (k,b,a,n,m)."""
    assert bloch.hessian is not None
    D_b, D_a = D[:, :, None], D[:, None]
    inside = blocks.inside(bloch.gradient)[:, :, None]
    turned = bloch.hessian - _commutator(D_b, bloch.gradient[:, None]) - _commutator(D_a, inside)
    return _commutator(D_b, D_a) + blocks.between(turned)


def _commutator(X: Complex, Y: Complex) -> Complex:
    return np.asarray(X @ Y - Y @ X)


def _matrices(bloch: BlochMatrices) -> tuple[Complex, Complex, Complex]:
    """S, R and L of the module's docstring."""
    S, R, L = bloch.spin, bloch.spin_position, bloch.spin_hamiltonian_position
    assert S is not None
    assert R is not None
    assert L is not None
    return S, R, L
