"""Displacement spin current and displacement spin magnetization in a field E cos(omega t).

    (7)  sum_{n != m} int_k f_n (l1 Omega^{ab;c}_nm + 2 l2 g^{ab;c}_nm)
    (8)  sum_{n != m} int_k f_n (l1 gbar^{ba}_nm/eps_nm + (l2/2) Obar^{ba}_nm/eps_nm)
         l1 = -w^2 cos(wt) / (w^2 - eps_nm^2),   l2 = eps_nm w sin(wt) / (w^2 - eps_nm^2)

arXiv:2406.02257v3, without (6a), (6b), to which they are added (docs/theory.md, section 3); they vanish at w = 0.
With a broadening eta the frequency is z = w + i eta, and cos and sin parts are Re and Im of the causal amplitude

    R = sum_{n != m} int_k f_n (2 Im[v^b_nm O_mn] l1(z) + 2i Re[v^b_nm O_mn] l2(z)) / eps_nm^2
    l1(z) = -z^2/(z^2 - eps_nm^2),   l2(z) = eps_nm z/(z^2 - eps_nm^2)

so that the response stays finite above the lowest transition. The two terms are the blocks AC1 and AC2: they have opposite
parities under time reversal, and without broadening AC1 is the cos part and AC2 the sin part.
"""

import numpy as np

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import DynamicBlock, Response, register
from wannier_spin.responses.transitions import Transitions


def _phases(real: Real, imaginary: Real) -> Real:
    """Re and Im (cos and sin) of twice a sum with a complex kernel: (...,b,o) -> (...,part,b,o)."""
    return 2 * np.stack([real, imaginary], axis=-3)


# w = 1/eps: nothing is divided by a gap inside a group
CURVATURE = Transitions("O", True, 2, lambda w, z: -((z * w) ** 2) / ((z * w) ** 2 - 1), _phases)  # l1
METRIC = Transitions("O", False, 2, lambda w, z: 1j * z * w / ((z * w) ** 2 - 1), _phases)  # i l2


def AC1(p: BandPairs, z: complex) -> Real:
    """Re (cos) and Im (sin) of sum_m 2 Im[v^b_nm O_mn] l1(z)/eps_nm^2, summed with f_n: (k,n,part,b,o)."""
    return CURVATURE.density(p, z)


def AC2(p: BandPairs, z: complex) -> Real:
    """Re (cos) and Im (sin) of sum_m 2i Re[v^b_nm O_mn] l2(z)/eps_nm^2, summed with f_n: (k,n,part,b,o)."""
    return METRIC.density(p, z)


register(
    DynamicBlock("AC1", "b", AC1, CURVATURE),
    DynamicBlock("AC2", "b", AC2, METRIC, time_odd=True),
    Response(
        name="displacement_spin_current",
        title="displacement spin current",
        law="J_a;c = sigma_ab;c E_b",
        equation="(7)",
        tau_power=0,
        geometry=("spin curvature", "spin metric"),
        paper={"AC1": 1, "AC2": 1},
        dynamic=True,
    ),
    Response(
        name="displacement_spin_magnetization",
        title="displacement spin magnetization",
        law="M_a = beta_ab E_b",
        equation="(8)",
        tau_power=0,
        geometry=("Zeeman metric", "Zeeman curvature"),
        paper={"AC1": 1, "AC2": 1},
        dynamic=True,
    ),
)
