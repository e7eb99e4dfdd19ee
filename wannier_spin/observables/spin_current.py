"""Spin current v^{a;c}, flow a, spin c, in three definitions: {v^a, sigma^c}/4 as a product of matrices between the bands, and two
that know of states outside of the Wannier space, Ryoo's and Qiao's, in the Wannier gauge:

    v^{a;c} = (B + B^+)/4,      B_ac = <u|sigma^c d_aH|u>,      d_aH |u_m> = d_a(H |u_m>) - H |d_a u_m>

    ryoo     B_ac = S_c d_aH - i (R_ac H - L_ac)               J.-H. Ryoo, C.-H. Park, I. Souza, PRB 99, 235113 (2019)
    qiao     B_ac = ryoo - (K_c - S_c H) D_a                   J. Qiao, J. Zhou, Z. Yuan, W. Zhao, PRB 98, 214402 (2018)

    S_c = <u|sigma^c|u>,  R_ac = i<u|sigma^c|d_a u>,  L_ac = i<u|sigma^c H|d_a u>,  K_c = <u|sigma^c H|u>
    D_a = sum_{N != M} P_N d_aH P_M/(eps_M - eps_N)            P_N projector on a degenerate group of bands

Both take H|u> = |u> H_W under the derivative. Ryoo's derivative is that of Wannier functions; Qiao's that of bands, whose change
|u> D_a they let H act on exactly: hence K_c - S_c H, which vanishes where the Wannier functions span an invariant space of H.
There R = S A, L = S H A, and all definitions are {v^a, sigma^c}/4. The papers divide by the difference of single bands; D_a, which
has no elements inside a degenerate group, does not depend on the choice of states there.

Derivatives: d_b P_N = [D_b, P_N], so that X -> d_b X - [D_b, X] respects groups. Applied to [D_a, H] = d_aH between groups,

    d_b D_a = [D_b, D_a] + sum_{N != M} P_N (d_b d_aH - [D_b, d_aH] - [D_a, sum_L P_L d_bH P_L]) P_M/(eps_M - eps_N)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Complex, Real, adjoint, bracket, commutator, hermitian_part, rotate, times
from wannier_spin.observables.charge_current import flow
from wannier_spin.observables.registry import Bands, Bloch, Observable, register
from wannier_spin.observables.spin import SPIN

RYOO = ("spin", "spin_position", "spin_hamiltonian_position")  # S, R and L


@dataclass(frozen=True)
class Groups:
    """Degenerate groups of bands at a batch of k-points.

    states (k,w,n), columns; same (k,n,m): whether two bands are in one group; inverse_gap (k,n,m): 1/(eps_N - eps_M), 1/eV, zero
    inside a group.
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
        return np.asarray(U @ ((adjoint(U) @ X @ U) * weight.reshape(*axes, *weight.shape[1:])) @ adjoint(U))


def ryoo(bloch: Bloch) -> Complex:
    """B_ac of Ryoo, eV angstrom: (k,a,c,n,m)."""
    S, R, L = _matrices(bloch)
    total = times(R, bloch.hamiltonian[:, None, None])
    total -= L
    total *= -1j
    total += times(S[:, None], bloch.gradient[:, :, None])
    return total


def ryoo_derivative(bloch: Bloch) -> Complex:
    """d_b B_ac of Ryoo, eV angstrom^2: (k,b,a,c,n,m)."""
    S, R, _ = _matrices(bloch)
    dS, dR, dL = (bloch.slopes[name] for name in RYOO)
    assert bloch.hessian is not None
    H, dH, ddH = bloch.hamiltonian[:, None, None, None], bloch.gradient, bloch.hessian
    total = times(dS[:, :, None], dH[:, None, :, None]) + times(S[:, None, None], ddH[:, :, :, None])
    return np.asarray(total - 1j * (times(dR, H) + times(R[:, None], dH[:, :, None, None]) - dL))


def qiao(bloch: Bloch, groups: Groups) -> Complex:
    """B_ac of Qiao, eV angstrom: (k,a,c,n,m)."""
    D = groups.between(bloch.gradient)
    return ryoo(bloch) - _leak(bloch)[:, None] @ D[:, :, None]


def qiao_derivative(bloch: Bloch, groups: Groups) -> Complex:
    """d_b B_ac of Qiao, eV angstrom^2: (k,b,a,c,n,m)."""
    dK, dS, S = bloch.slopes["spin_hamiltonian"], bloch.slopes["spin"], bloch.operators["spin"]
    D = groups.between(bloch.gradient)
    d_leak = dK - dS @ bloch.hamiltonian[:, None, None] - S[:, None] @ bloch.gradient[:, :, None]  # (k,b,c,n,m)
    change = d_leak[:, :, None] @ D[:, None, :, None]
    change += _leak(bloch)[:, None, None] @ _mixing_derivative(bloch, groups, D)[:, :, :, None]
    return ryoo_derivative(bloch) - change


def _leak(bloch: Bloch) -> Complex:
    """K_c - S_c H, eV: what H makes of Wannier functions outside of their space, seen through the spin: (k,c,n,m)."""
    return np.asarray(bloch.operators["spin_hamiltonian"] - bloch.operators["spin"] @ bloch.hamiltonian[:, None])


def _mixing_derivative(bloch: Bloch, groups: Groups, D: Complex) -> Complex:
    """d_b D_a, angstrom^2: (k,b,a,n,m)."""
    assert bloch.hessian is not None
    D_b, D_a = D[:, :, None], D[:, None]
    inside = groups.inside(bloch.gradient)[:, :, None]
    turned = bloch.hessian - commutator(D_b, bloch.gradient[:, None]) - commutator(D_a, inside)
    return commutator(D_b, D_a) + groups.between(turned)


def _matrices(bloch: Bloch) -> tuple[Complex, Complex, Complex]:
    """S, R and L of the module's docstring."""
    S, R, L = (bloch.operators[name] for name in RYOO)
    return S, R, L


def _groups(g: Bands) -> Groups:
    return Groups(g.states, g.same_group, g.inverse_gap)


def _register(
    definition: str, meaning: str, needs: tuple[str, ...], B: Callable[[Bands], Complex], dB: Callable[[Bands], Complex]
) -> Observable:
    """v^{a;c} = (B + B^+)/4 between bands, and D_b v^{a;c}."""

    def current(g: Bands) -> Complex:
        """In the Wannier gauge."""
        return _half_real(B(g))

    def matrix(g: Bands) -> Complex:
        return rotate(current(g), g.states).reshape(len(g.states), 9, *g.velocity.shape[2:])

    def derivative(g: Bands) -> Complex:
        slope, connection = _half_real(dB(g)), g.bloch.connection
        if connection is not None:
            slope = slope + bracket(connection[:, :, None, None], current(g)[:, None])
        return rotate(slope, g.states).reshape(len(g.states), 3, 9, *g.velocity.shape[2:])

    return register(
        replace(SIMPLE, definition=definition, meaning=meaning, needs=needs, matrix=matrix, derivative=derivative, factors=None)
    )


def _half_real(B: Complex) -> Complex:
    return hermitian_part(B, 0.5)


SIMPLE = register(
    flow(
        SPIN,
        name="spin_current",
        symbol="J",
        title="spin current",
        definition="simple",
        meaning="v^{a;c} = {v^a, sigma^c}/4, the product taken within the Wannier space; spin current = <{v, hbar sigma/2}/2>",
    )
)
_register(
    "qiao",
    "v^{a;c} = {v^a, sigma^c}/4 of Qiao et al., PRB 98, 214402 (2018), derivatives of bands, without terms inside "
    "degenerate groups; spin current = <{v, hbar sigma/2}/2>",
    (*RYOO, "spin_hamiltonian"),
    lambda g: qiao(g.bloch, _groups(g)),
    lambda g: qiao_derivative(g.bloch, _groups(g)),
)
_register(
    "ryoo",
    "v^{a;c} = {v^a, sigma^c}/4 of Ryoo, Park and Souza, PRB 99, 235113 (2019), derivatives of Wannier functions; "
    "spin current = <{v, hbar sigma/2}/2>",
    RYOO,
    lambda g: ryoo(g.bloch),
    lambda g: ryoo_derivative(g.bloch),
)
