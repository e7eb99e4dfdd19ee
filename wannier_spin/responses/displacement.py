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

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import DynamicBlock, Response, register

Complex = NDArray[np.complex128]


def AC1(p: BandPairs, z: complex) -> Real:
    """Re (cos) and Im (sin) of sum_m 2 Im[v^b_nm O_mn] l1(z)/eps_nm^2, summed with f_n: (k,n,part,b,o)."""
    kernel = p.kernel(lambda w: -((z * w) ** 2) / ((z * w) ** 2 - 1) * w**2)  # w = 1/eps: nothing is divided by a gap in a block
    return 2 * _parts(p.im, kernel, p)


def AC2(p: BandPairs, z: complex) -> Real:
    """Re (cos) and Im (sin) of sum_m 2i Re[v^b_nm O_mn] l2(z)/eps_nm^2, summed with f_n: (k,n,part,b,o)."""
    kernel = p.kernel(lambda w: 1j * z * w / ((z * w) ** 2 - 1) * w**2)
    return 2 * _parts(p.re, kernel, p)


def _parts(trace: Callable[[Complex], Real], kernel: NDArray[Any], p: BandPairs) -> Real:
    """Re and Im of a sum over m of a trace of v^b_nm O_mn times a kernel (k,n,1,m)."""
    return np.stack([trace(kernel.real * p.v), trace(kernel.imag * p.v)], axis=2)


register(
    DynamicBlock("AC1", "b", AC1),
    DynamicBlock("AC2", "b", AC2, time_odd=True),
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
