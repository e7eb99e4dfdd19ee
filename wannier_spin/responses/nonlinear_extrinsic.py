"""Second-order responses proportional to tau: nonlinear extrinsic spin current and magnetization.

    (11)  sigma1_abd;c = tau sum_{n != m} int_k Omega^{ab;c}_nm d_d f_n                 J_a;c = sigma_abd;c E_b E_d
    (12)  beta1_abc    = tau sum_{n != m} int_k (gbar^{ba}_nm/eps_nm) d_c f_n           M_a   = beta_abc E_b E_c

arXiv:2406.02257v3. Both are the block N1 (docs/theory.md, section 3), exact once symmetrized in the two fields.
"""

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import Block, Response, register


def N1(p: BandPairs) -> Real:
    """Tr[v^d_NN A^b_NN], A^b = sum_m 2 Im[v^b_nm O_mn] / eps_nm^2, summed with f'_n: d_d f_n A^b_n.

    (k, n, b, d, o), [O] angstrom^2.
    """
    return 2 * p.im(p.vv, p.broadened(2))


register(
    Block("N1", "surface", "bd", 1, N1, broadened=True),
    Response(
        name="nonlinear_extrinsic_spin_current",
        title="nonlinear extrinsic spin current",
        law="J_a;c = sigma_abd;c E_b E_d",
        equation="(11)",
        tau_power=1,
        geometry=("spin curvature dipole",),
        paper={"N1": 1},
        usual_of_charge=("nonlinear_hall", "berry_curvature_dipole"),
        title_of_charge="nonlinear Hall effect of the Berry curvature dipole",
    ),
    Response(
        name="nonlinear_extrinsic_spin_magnetization",
        title="nonlinear extrinsic spin magnetization",
        law="M_a = beta_abc E_b E_c",
        equation="(12)",
        tau_power=1,
        geometry=("Zeeman metric dipole",),
        paper={"N1": 1},
    ),
)
