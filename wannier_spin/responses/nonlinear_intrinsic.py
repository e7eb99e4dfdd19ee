"""Second-order responses that do not depend on tau: nonlinear intrinsic spin current and magnetization.

    (13)  sigma0_abd;c = sum_{n != m} int_k [Q^{abd;c}_nm f_n/eps_nm^2 + (2 g^{ad;c}_nm/eps_nm) d_b f_n]
          Q = 2 Delta^d_mn g^{ab;c}_nm + Dbar^{a;c}_mn g^{bd}_nm                        J_a;c = sigma_abd;c E_b E_d
    (14)  beta0_abc = sum_{n != m} int_k [Z^{abc}_nm f_n/eps_nm^3 + (Obar^{ca}_nm/(2 eps_nm^2)) d_b f_n]
          Z = Delta^c_mn Obar^{ba}_nm/2 + Dbar^a_mn eps_nm g^{bc}_nm                    M_a   = beta_abc E_b E_c

arXiv:2406.02257v3. Both are Q1 + P + F (docs/theory.md, section 3). No relaxation model gives this combination: it lacks the
direct part W, the three-band part, and 2P of the exact result for any number of bands, which is

    S + kF sym(F) + kP P + kD D          symmetrized in the fields; kF, kP, kD: see `registry.RELAXATIONS`

With a broadening of gaps (docs/theory.md, section 3) 1/eps^3 is [eps/(eps^2 + Gamma^2)]^3 in all of them, and 1/eps^4 that over
eps in Q1, and -1/3 of its derivative in P: S stays a derivative, and the relations between blocks stay exact.
"""

import numpy as np

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import Block, Response, register


def Q1(p: BandPairs) -> Real:
    """sum_m 2 Re[v^b_nm O_mn] (v^d_m - v^d_n) / eps_nm^4, summed with f_n: (k, n, b, d, o), [O] angstrom^2/eV^2."""
    return 2 * p.re(p.v, p.broadened(3, bare=1) * p.dv)


def P(p: BandPairs) -> Real:
    """Re{Tr[v^b_NM O_MM v^d_MN] - Tr[O_NN v^b_NM v^d_MN]} / eps_NM^4, symmetrized in b, d, summed with f_N.

    For single bands sum_m g^{bd}_nm (O_mm - O_nn) / eps_nm^2. The observable enters as a matrix inside each group.
    (k, n, b, d, o), [O] angstrom^2/eV^2.
    """
    return p.exchange


def F(p: BandPairs) -> Real:
    """Tr[v^b_NN X^d_NN], X^d = sum_m 2 Re[v^d_nm O_mn] / eps_nm^3, summed with f'_n: d_b f_n X^d_n.

    (k, n, b, d, o), [O] angstrom^2/eV.
    """
    return 2 * np.swapaxes(p.re(p.vv, p.broadened(3)), 2, 3)  # v^d_NN v^b_NM, and F wants v^b_NN v^d_NM


def S(p: BandPairs) -> Real:
    """d/dh [sum_m g^{bd}_nm/eps_nm] at H -> H + h O, summed with f_n:

    3P + sum_m Re[V^b_nm v^d_mn + V^d_nm v^b_mn]/eps_nm^3,   V^b = D_b O + [Y, v^b],   Y_nm = O_nm/eps_nm.

    (k, n, b, d, o), [O] angstrom^2/eV^2.
    """
    return 3 * p.exchange + p.direct_with_velocity + p.with_velocity(p.mixing(), p.broadened(3))


def W(p: BandPairs) -> Real:
    """The part of S with the explicit derivative, V^b = D_b O; S - sym(Q1) - 3P - W is the three-band part.

    (k, n, b, d, o), [O] angstrom^2/eV^2.
    """
    return p.direct_with_velocity


def D(p: BandPairs) -> Real:
    """-Re Tr[O_NN v^b_NM v^d_MN]/eps_NM^3, summed with f'_n. For single bands -(1/2) f'_n O_nn G^{bd}_n.

    (k, n, b, d, o), [O] angstrom^2/eV.
    """
    return -p.re_own_group(p.broadened(3))


register(
    Block("Q1", "sea", "bd", 0, Q1, broadened=True),
    Block("P", "sea", "bd", 0, P, broadened=True),
    Block("F", "surface", "bd", 0, F, broadened=True),
    Block("S", "sea", "bd", 0, S, derivatives=True, holds="mixing", broadened=True),
    Block("W", "sea", "bd", 0, W, derivatives=True, broadened=True),
    Block("D", "surface", "bd", 0, D, broadened=True),
    Response(
        name="nonlinear_intrinsic_spin_current",
        title="nonlinear intrinsic spin current",
        law="J_a;c = sigma_abd;c E_b E_d",
        equation="(13)",
        tau_power=0,
        geometry=("spin metric dipole",),
        paper={"Q1": 1, "P": 1, "F": 1},
        full={"S": 1, "F": "kF", "P": "kP", "D": "kD"},
        companions=("W",),
        usual_of_charge=("intrinsic_nonlinear_hall", "quantum_metric_dipole"),
        title_of_charge="intrinsic nonlinear conductivity",
    ),
    Response(
        name="nonlinear_intrinsic_spin_magnetization",
        title="nonlinear intrinsic spin magnetization",
        law="M_a = beta_abc E_b E_c",
        equation="(14)",
        tau_power=0,
        geometry=("Zeeman curvature dipole",),
        paper={"Q1": 1, "P": 1, "F": 1},
        full={"S": 1, "F": "kF", "P": "kP", "D": "kD"},
        companions=("W",),
    ),
)
