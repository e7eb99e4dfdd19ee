"""Displacement spin current and displacement spin magnetization in a field E cos(omega t).

    (7)  sum_{n != m} int_k f_n (l1 Omega^{ab;c}_nm + 2 l2 g^{ab;c}_nm)
    (8)  sum_{n != m} int_k f_n (l1 gbar^{ba}_nm/eps_nm + (l2/2) Obar^{ba}_nm/eps_nm)
         l1 = -w^2 cos(wt) / (w^2 - eps_nm^2),   l2 = eps_nm w sin(wt) / (w^2 - eps_nm^2)

arXiv:2406.02257v3, without (6a), (6b), to which they are added (PHYSICS.md, section 3); they vanish at w = 0.
With a broadening eta the frequency is w + i eta, and cos and sin parts are Re and Im of the causal amplitude, so that
the response stays finite above the lowest transition.
"""

import numpy as np

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import DynamicBlock, Response, register


def AC(p: BandPairs, z: complex) -> Real:
    """Re (cos) and Im (sin) of sum_m (2 Im[v^b_nm O_mn] l1 + 2i Re[v^b_nm O_mn] l2) / eps_nm^2: (k,n,part,b,o).

    l1 = -z^2/(z^2 - eps^2) and l2 = eps z/(z^2 - eps^2) without their cos and sin, both zero inside a block.
    """
    w = p.inverse_gap(1)  # 1/eps, so that nothing is divided by a gap inside a block
    denominator = (z * w) ** 2 - 1
    l1, l2 = -((z * w) ** 2) / denominator, z * w / denominator
    cosine, sine = (
        -2 * l2.imag - 2j * l1.real,  # Re[lambda v O] = Re lambda Re[v O] - Im lambda Im[v O]
        2 * l2.real - 2j * l1.imag,
    )
    return np.stack([p.re(cosine * w**2 * p.v), p.re(sine * w**2 * p.v)], axis=2)


register(
    DynamicBlock("AC", "b", AC),
    Response(
        name="displacement_spin_current",
        title="displacement spin current",
        law="J_a;c = sigma_ab;c E_b",
        equation="(7)",
        tau_power=0,
        paper={"AC": 1},
        dynamic=True,
    ),
    Response(
        name="displacement_spin_magnetization",
        title="displacement spin magnetization",
        law="M_a = beta_ab E_b",
        equation="(8)",
        tau_power=0,
        paper={"AC": 1},
        dynamic=True,
    ),
)
