"""Second-order responses proportional to tau^2: nonlinear Drude spin current and magnetization.

    (9)   sigma2_abd;c = -tau^2 sum_{n != m} int_k eps_nm g^{ab;c}_nm d_d f_n           J_a;c = sigma_abd;c E_b E_d
    (10)  beta2_abc    = -(tau^2/4) sum_{n != m} int_k Obar^{ba}_nm d_c f_n             M_a   = beta_abc E_b E_c

arXiv:2406.02257v3. Both are N2/2 (docs/theory.md, section 3); the factor 1/2 belongs to adiabatic switching. (9) lacks the
direct term N2dir/2. Exact: sym(N2 + N2dir) times 1/2 (adiabatic) or 1 (constant rates).
"""

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import Block, Response, register


def N2(p: BandPairs) -> Real:
    """-Tr[v^d_NN B^b_NN], B^b = sum_m 2 Re[O_nm v^b_mn] / eps_nm, summed with f'_n: -d_d f_n B^b_n.

    (k, n, b, d, o), [O] eV angstrom^2.
    """
    return -2 * p.re(p.vv, p.inverse_gap(1))


def N2dir(p: BandPairs) -> Real:
    """-Tr[v^d_NN (D_b O)_NN], summed with f'_n: -d_d f_n <D_b O>_nn. (k, n, b, d, o), [O] eV angstrom^2."""
    return -p.velocity_times_direct()


register(
    Block("N2", "surface", "bd", 2, N2),
    Block("N2dir", "surface", "bd", 2, N2dir, derivatives=True, direct=True),
    Response(
        name="nonlinear_drude_spin_current",
        title="nonlinear Drude spin current",
        law="J_a;c = sigma_abd;c E_b E_d",
        equation="(9)",
        tau_power=2,
        geometry=("spin metric dipole",),
        paper={"N2": 1 / 2},
        full={"N2": "tau2", "N2dir": "tau2"},
        usual_of_charge=("nonlinear_drude",),
        title_of_charge="nonlinear Drude conductivity",
    ),
    Response(
        name="nonlinear_drude_spin_magnetization",
        title="nonlinear Drude spin magnetization",
        law="M_a = beta_abc E_b E_c",
        equation="(10)",
        tau_power=2,
        geometry=("Zeeman curvature dipole",),
        paper={"N2": 1 / 2},
        full={"N2": "tau2", "N2dir": "tau2"},
    ),
)
