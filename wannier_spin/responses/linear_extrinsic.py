"""Linear responses proportional to tau: magnetic spin Hall effect and Edelstein effect.

    (4)  sigma1_ab;c = -2 tau sum_{n != m} int_k f_n eps_nm g^{ab;c}_nm          J_a;c = sigma_ab;c E_b
    (5)  beta1_ab    = -(tau/2) sum_{n != m} int_k f_n Obar^{ba}_nm              M_a   = beta_ab E_b

arXiv:2406.02257v3. Both are the block L1 (docs/theory.md, section 3). (5) is exact; (4) lacks the direct term L1dir
(footnote 80), which drops out of the antisymmetric part only: tau (L1 + L1dir) = tau sum_n int_k d_b f_n O_nn, which
is the Fermi-surface form L1surf.
"""

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import Block, Response, register


def L1(p: BandPairs) -> Real:
    """-B^b_n = -sum_m 2 Re[O_nm v^b_mn] / eps_nm, summed with f_n: (k, n, b, o), [O] angstrom."""
    return -2 * p.re(p.v, p.inverse_gap(1))


def L1dir(p: BandPairs) -> Real:
    """-<D_b O>_nn, summed with f_n: (k, n, b, o), [O] angstrom."""
    return -p.direct()


def L1surf(p: BandPairs) -> Real:
    """Tr[v^b_NN O_NN], summed with f'_n: d_b f_n O_nn. Equal to L1 + L1dir once the mesh is converged.

    (k, n, b, o), [O] eV angstrom.
    """
    return p.re(p.inside(p.v))


register(
    Block("L1", "sea", "b", 1, L1, traced=True),
    Block("L1dir", "sea", "b", 1, L1dir, derivatives=True, direct=True),
    Block("L1surf", "surface", "b", 1, L1surf),
    Response(
        name="magnetic_spin_hall",
        title="magnetic spin Hall effect",
        law="J_a;c = sigma_ab;c E_b",
        equation="(4)",
        tau_power=1,
        geometry=("spin metric",),
        paper={"L1": 1},
        full={"L1": 1, "L1dir": 1},
        surface={"L1surf": 1},
        thermal=("magnetic_spin_nernst", "magnetic spin Nernst effect"),
        usual=("spin_splitter",),
        usual_of_charge=("charge", "electrical", "drude", "ohmic"),
        title_of_charge="Drude conductivity",
    ),
    Response(
        name="edelstein",
        title="Edelstein effect",
        law="M_a = beta_ab E_b",
        equation="(5)",
        tau_power=1,
        geometry=("Zeeman curvature",),
        paper={"L1": 1},
        full={"L1": 1, "L1dir": 1},
        surface={"L1surf": 1},
        thermal=("thermal_edelstein", "thermal Edelstein effect"),
        usual=("rashba_edelstein", "inverse_spin_galvanic"),
    ),
)
