"""k·p models on the plane. Energies eV, velocities hbar v in eV angstrom, k in 1/angstrom; s, sigma: Pauli matrices.

hbar = e = 1, e > 0, electron charge -e, int_k = int d^2k/(2 pi)^2. P, T and PT act on the spin as on a true spin (P:
not at all). Equation numbers are the paper's, block names and exact results those of docs/theory.md sections 3, 7 and 8.
"""

from __future__ import annotations

import numpy as np

from wannier_spin.continuum import KPModel
from wannier_spin.errors import InputError
from wannier_spin.models.hoppings import PAULI, S0, SX, SY, SZ, Matrix
from wannier_spin.models.registry import library_model
from wannier_spin.units import HBAR


def velocity_si(v: float) -> float:
    """hbar v in eV angstrom of a velocity v in m/s: 1e5 m/s is 0.6582119569 eV angstrom."""
    return HBAR * v * 1e10


FIG_1A_VELOCITY = velocity_si(1e5)


@library_model
def massive_dirac(*, v: float = 1.0, gap: float = 0.04, cutoff: float = np.inf) -> KPModel:
    """Massive Dirac cone, the two-band model of the paper's Fig. 1(b).

        H = v (kx sx + ky sy) + D sz,    E = +- sqrt(v^2 k^2 + D^2)

    `gap` IS D, HALF OF THE SPECTRAL GAP: the bands are 2|gap| apart.

    Parameters: v, hbar velocity in eV angstrom; gap = D in eV, either sign (default 0.040, Fig. 1(b));
    cutoff in 1/angstrom. Symmetry: P, T, PT broken (T restored at gap = 0); C2z and every rotation about z are kept.

    Exact results at T = 0, tau = 1, for mu > D > 0 (odd in D; v drops out of the second order):

        (10) steady state  beta2_zxx = beta2_zyy = -D (mu^2 - D^2)/(8 pi mu^3)     (printed prefactor: /(16 pi))
        (12)               beta1_zxy = -beta1_zyx = (mu^2 - D^2)/(16 pi mu^3)      (symmetrized: 0)
        (14)               beta0_zxx = D (25 mu^2 - 21 D^2)/(960 pi mu^5); sgn(D)/(240 pi D^2) in the gap
            S              D (mu^2 + 3 D^2)/(192 pi mu^5); sgn(D)/(48 pi D^2) in the gap
            Q1, P          D (3 D^2 - 5 mu^2)/(480 pi mu^5), D (3 D^2 + 5 mu^2)/(960 pi mu^5)
            F, D-term      D (mu^2 - D^2)/(32 pi mu^5), D (D^2 + mu^2)/(64 pi mu^5)
        (5), surface form  beta1_xx = beta1_yy = -(mu^2 - D^2)/(8 pi v mu)
        (6b)               beta0_xy = -beta0_yx = D/(8 pi v max(mu, D))

    The sea form of (5) diverges with the cutoff: subtract its value in the gap at the same cutoff.
    Fig. 1(b): D = 40 meV, mu = 60 meV, tau = 0.5 ps: |beta2|/beta0 = 4420 with (14).
    """
    linear = np.array([v * SX, v * SY, 0 * SZ])
    return _linear_model(gap * SZ, linear, PAULI, cutoff)


@library_model
def tilted_dirac(
    *,
    vx: float = FIG_1A_VELOCITY,
    vy: float = FIG_1A_VELOCITY,
    beta: float = 0.010,
    alpha: float = 0.1 * FIG_1A_VELOCITY,
    valley: int = +1,
    cutoff: float = np.inf,
) -> KPModel:
    """One tilted massive Dirac cone of the paper's Fig. 1(a), s = `valley` = +-1.

        H_s = vx kx sy - s vy ky sx + beta sz + s alpha ky
        E   = s alpha ky +- sqrt(vx^2 kx^2 + vy^2 ky^2 + beta^2)

    Parameters: vx, vy, alpha, hbar velocities in eV angstrom (defaults: 1e5 m/s, 1e5 m/s, 1e4 m/s, see `velocity_si`);
    beta in eV; cutoff in 1/angstrom. |alpha| < |vy| keeps the Fermi surface closed (type I); the gap at k = 0 is
    2|beta|, the indirect one 2|beta| sqrt(1 - (alpha/vy)^2). Symmetry: P, T, PT broken.

    Exact, small tilt, vx = vy = v, for the sum over s (tau = 1):
        N2_yxy;y = alpha^2 sgn(mu) (mu^2 - beta^2)(mu^2 + 3 beta^2)/(16 pi v mu^4)
    """
    if valley not in (+1, -1):
        raise InputError(f"valley is {valley}, expected +1 or -1")
    s = valley
    linear = np.array([vx * SY, s * (alpha * S0 - vy * SX), 0 * SZ])
    return _linear_model(beta * SZ, linear, PAULI, cutoff)


@library_model
def tilted_dirac_pair(
    *,
    vx: float = FIG_1A_VELOCITY,
    vy: float = FIG_1A_VELOCITY,
    beta: float = 0.010,
    alpha: float = 0.1 * FIG_1A_VELOCITY,
    cutoff: float = np.inf,
) -> KPModel:
    """Both cones of `tilted_dirac`, the model of the paper's Fig. 1(a).

        H = diag(H_{+1}, H_{-1}),    spin = diag(sigma, sigma)

    Parameters, units and bands as in `tilted_dirac`. Symmetry: P, T, PT broken. ky -> -ky exchanges the cones and
    leaves sigma alone: only tensor elements with an even number of y among flow and fields survive.

    sigma_yxy;y in (hbar/e) A m/V^2 at the defaults, tau = 0.5 ps, T = 0 (odd in mu, zero in the gap):

        mu/meV   (9)              N2 (steady state)   (13) as printed     (13) symmetrized    S
        12       8.79695451e-13   1.75939090e-12      1.84614946e-15     -8.35162851e-15      2.08058114e-15
        20       1.21151364e-12   2.42302727e-12      3.91386890e-15     -5.02468694e-15      1.83897969e-16
        60       9.73222409e-13   1.94644482e-12      7.31986613e-16     -5.58689746e-16     -9.26221279e-17

    The maximum of (9) is at mu = 17.292 meV.
    """
    plus, minus = (tilted_dirac(vx=vx, vy=vy, beta=beta, alpha=alpha, valley=s) for s in (+1, -1))
    linear = _direct_sum(plus.linear, minus.linear)
    return _linear_model(_direct_sum(plus.constant, minus.constant), linear, _direct_sum(PAULI, PAULI), cutoff)


def _linear_model(constant: Matrix, linear: Matrix, spin: Matrix, cutoff: float) -> KPModel:
    n = constant.shape[-1]
    return KPModel(constant=constant, linear=linear, quadratic=np.zeros((3, 3, n, n), complex), spin=spin, cutoff=cutoff)


def _direct_sum(first: Matrix, second: Matrix) -> Matrix:
    """Block-diagonal matrices over the last two axes."""
    n, m = first.shape[-1], second.shape[-1]
    total = np.zeros((*first.shape[:-2], n + m, n + m), complex)
    total[..., :n, :n], total[..., n:, n:] = first, second
    return total
