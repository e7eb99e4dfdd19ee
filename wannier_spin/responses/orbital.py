"""Orbital Hall effect and orbital Edelstein effect: (6a) and (5) with the orbital angular momentum in place of the spin sigma/2.

    sigma0_ab;c = sum_n int_k f_n sum_m 2 Im[v^b_nm K^{a;c}_mn]/eps_nm^2         K_a;c = sigma_ab;c E_b,    K = {v, L}/2
    beta1_ab    = tau sum_n int_k d_b f_n L^a_nn                                 L_a   = beta_ab E_b

L: `observables.orbital_moment`. The orbital Hall conductivity is in (hbar/e) S/m, as the spin Hall conductivity is.
"""

from wannier_spin.responses.registry import Response, register

REFERENCE = "Phys. Rev. B 103, 195309 (2021) and 106, 104414 (2022)"

register(
    Response(
        name="orbital_hall",
        title="orbital Hall effect",
        law="K_a;c = sigma_ab;c E_b",
        equation="orbital",
        tau_power=0,
        geometry=(),
        paper={"L0": 1},
        reference=REFERENCE,
        thermal=("orbital_nernst", "orbital Nernst effect"),
    ),
    Response(
        name="orbital_edelstein",
        title="orbital Edelstein effect",
        law="L_a = beta_ab E_b",
        equation="orbital",
        tau_power=1,
        geometry=(),
        paper={"L1": 1},
        full={"L1": 1, "L1dir": 1},
        surface={"L1surf": 1},
        reference=REFERENCE,
        thermal=("thermal_orbital_edelstein", "thermal orbital Edelstein effect"),
    ),
)
