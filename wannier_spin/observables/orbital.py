"""Orbital angular momentum of Bloch states from their geometry, L = r x m_e v, with orbital Hall and Edelstein effect.

    L_nm = i (m_e/2) sum_l [1/(e_l - e_n) + 1/(e_l - e_m)] v_nl x v_lm        l in no group of n or m, in units of hbar

The responses are (6a), with K^{a;c} = {v^a, L^c}/2 in place of the spin current, and (5):

    sigma0_ab;c = sum_n int_k f_n sum_m 2 Im[v^b_nm K^{a;c}_mn]/eps_nm^2         K_a;c = sigma_ab;c E_b, in (hbar/e) S/m
    beta1_ab    = tau sum_n int_k d_b f_n L^a_nn                                 L_a   = beta_ab E_b

L is (r x v - v x r) m_e/2 with the position r_nm = -i v_nm/(e_n - e_m) and the velocity between degenerate groups of bands only,
so that it does not depend on the choice of states inside them. Its diagonal is the orbital moment of a wave packet: M = -mu_B L
(g_L = 1) for electrons, m_e v^2 D/(v^2 k^2 + D^2) for both bands of a massive Dirac model.

S. Bhowal and G. Vignale, Phys. Rev. B 103, 195309 (2021); A. Pezo, D. Garcia Ovalle and A. Manchon, Phys. Rev. B 106, 104414
(2022), with i e hbar^2/(4 g_L mu_B) for i m_e/2. What is left out is what does not follow from the velocity between the bands of
the model: moments inside a group, and of states outside of the Wannier space.
"""

import numpy as np

from wannier_spin.arrays import Complex, adjoint
from wannier_spin.observables.charge_current import flow
from wannier_spin.observables.registry import Bands, Effect, Observable, register
from wannier_spin.units import ELECTRON_MASS, Measure

REFERENCE = "Phys. Rev. B 103, 195309 (2021) and 106, 104414 (2022)"


def moment(g: Bands) -> Complex:
    """L^c between bands: (k,c,n,m)."""
    return ELECTRON_MASS / 2 * _cross(g.position, g.interband_velocity)


def moment_derivative(g: Bands) -> Complex:
    """D_b L^c, angstrom: (k,b,c,n,m)."""
    r, v = g.position[:, None], g.interband_velocity[:, None]
    return ELECTRON_MASS / 2 * (_cross(g.position_derivative, v) + _cross(r, g.interband_velocity_derivative))


def _cross(r: Complex, v: Complex) -> Complex:
    """r x v - v x r, by products of Hermitian matrices (...,a,n,m)."""
    total = [r[..., a, :, :] @ v[..., b, :, :] - r[..., b, :, :] @ v[..., a, :, :] for a, b in ((1, 2), (2, 0), (0, 1))]
    half = np.stack(total, axis=-3)
    return np.asarray(half + adjoint(half))


MOMENT = register(
    Observable(
        name="orbital_moment",
        symbol="L",
        title="orbital angular momentum",
        indices=("orbital",),
        time_parity=-1,
        measure=Measure(unit="<L>", magnetons=-1.0),
        matrix=moment,
        derivative=moment_derivative,
        local=True,
    )
)
CURRENT = register(
    flow(MOMENT, name="orbital_current", symbol="K", title="orbital current"),
    Effect(
        name="orbital_hall",
        title="orbital Hall effect",
        law="K_a;c = sigma_ab;c E_b",
        equation="orbital",
        tau_power=0,
        paper={"L0": 1},
        reference=REFERENCE,
        thermal=("orbital_nernst", "orbital Nernst effect"),
        usual=("ohc",),
    ),
    Effect(
        name="orbital_edelstein",
        title="orbital Edelstein effect",
        law="L_a = beta_ab E_b",
        equation="orbital",
        tau_power=1,
        paper={"L1": 1},
        full={"L1": 1, "L1dir": 1},
        surface={"L1surf": 1},
        reference=REFERENCE,
        thermal=("thermal_orbital_edelstein", "thermal orbital Edelstein effect"),
    ),
)
