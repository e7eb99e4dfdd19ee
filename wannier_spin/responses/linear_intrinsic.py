"""Linear responses that do not depend on tau: spin Hall effect and intrinsic spin magnetization.

    (6a)  sigma0_ab;c = sum_{n != m} int_k f_n Omega^{ab;c}_nm                   J_a;c = sigma_ab;c E_b
    (6b)  beta0_ab    = sum_{n != m} int_k f_n gbar^{ba}_nm / eps_nm             M_a   = beta_ab E_b

arXiv:2406.02257v3. Both are the block L0 (docs/theory.md, section 3) and exact.
"""

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import Block, Response, register


def L0(p: BandPairs) -> Real:
    """A^b_n = sum_m 2 Im[v^b_nm O_mn] / eps_nm^2, summed with f_n: (k, n, b, o), [O] angstrom/eV."""
    return 2 * p.im(p.v, p.inverse_gap(2))


register(
    Block("L0", "sea", "b", 0, L0, traced=True),
    Response(
        name="spin_hall",
        title="spin Hall effect",
        law="J_a;c = sigma_ab;c E_b",
        equation="(6a)",
        tau_power=0,
        geometry=("spin curvature",),
        paper={"L0": 1},
        thermal=("spin_nernst", "spin Nernst effect"),
        usual=("shc", "she"),
        usual_of_charge=("ahc", "ahe", "anomalous_hall"),
        title_of_charge="anomalous Hall conductivity",
    ),
    Response(
        name="intrinsic_spin_magnetization",
        title="intrinsic spin magnetization",
        law="M_a = beta_ab E_b",
        equation="(6b)",
        tau_power=0,
        geometry=("Zeeman metric",),
        paper={"L0": 1},
        thermal=("intrinsic_thermal_spin_magnetization", "intrinsic thermal spin magnetization"),
    ),
)
