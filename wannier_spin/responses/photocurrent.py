"""Direct spin currents and spin magnetization in light: injection, shift and rectification, for linear and circular light.

In a field E(t) = Re[E exp(-iwt)] the second-order response has a part that does not oscillate,

    J = sigma^L_abd;c Re(E_b E_d*) + sigma^C_abd;c Im(E_b E_d*)        part = (linear, circular) = (sigma^L, sigma^C)

With d rho/dt = -i[H, rho] + E.D rho, D_d = d_d - i[A_d, .], the first order is rho1^b_nm = r^b_nm (f_n - f_m)/(eps_nm - z),
z = w + i eta, and the second one gives <O> = -(1/2) Re{E_b E_d* int_k Tr[(D_d X) rho1^b]}, with X_NN = tau O_NN inside the
degenerate groups and X_nm = i O_nm/eps_nm between them: by parts the derivative acts on the observable, never on a resonance. So

    sigma^L = Re C^bd/2, symmetrized in b, d       sigma^C = -Im C^bd/2, antisymmetrized in b, d

    C^bd = sum_{n != m} int_k (f_n - f_m) (tau h^d + Z^d)_mn v^b_nm / (eps_nm^2 (eps_nm - z))

    injection  h^d = i [v^d, O_D]                                         O_D: the observable inside the groups only
    shift      Z^d_mn = (D_d O)_mn + [Y, v^d]_mn + [v^d, O_D]_mn/eps_mn   Y_nm = O_nm/eps_nm, zero inside a group

exact for any number of bands: [Y, v^d] is the sum over intermediate ones. For the charge, O = v, these are the injection and shift
currents of J. E. Sipe and A. I. Shkrebtii, Phys. Rev. B 61, 5337 (2000), as (D_d r^a)_mn = r^d_mn;a. For spin currents see H. Xu et
al., Nat. Commun. 12, 4330 (2021), and J.-M. Lihm and C.-H. Park, Phys. Rev. B 105, 045201 (2022); what the latter call
rectification is the linear part of the shift response below the gap.

The blocks with 1 have the real part of the numerator, those with 2 the imaginary one: of opposite parity under T. With T, spin
currents have INJ2 and SH1 (linear injection, circular shift), magnetization and the charge INJ1 and SH2.

With tau = 1/(2 eta), injection + shift go to S/2 at w -> 0 in an insulator, S the static response of `nonlinear_intrinsic`; in
general to (S + (2 eta tau - 1) P)/2. Left out are changes of the occupations to first order (d_b f), and with them, in metals,
rectified Drude (N2) and Berry curvature dipole (N1) terms, which go with 1/(1 - i w tau).
"""

import numpy as np
from numpy.typing import NDArray

from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.registry import DynamicBlock, Response, register
from wannier_spin.responses.transitions import Matrix, Transitions


def _even(w: Real, z: complex) -> NDArray[np.complex128]:
    """eps (1/(eps - z) + 1/(eps + z)), with Re[X_mn v_nm]/eps^3; the second term is that of f_m, with n and m exchanged."""
    return np.asarray(2 / (1 - (z * w) ** 2))  # w = 1/eps: nothing is divided by a gap inside a group


def _odd(w: Real, z: complex) -> NDArray[np.complex128]:
    """i eps (1/(eps - z) - 1/(eps + z)), with Im[X_mn v_nm]/eps^3."""
    return np.asarray(2j * z * w / (1 - (z * w) ** 2))


def _polarizations(real: Real, imaginary: Real) -> Real:
    """sigma^L, sigma^C of Re C^bd and Im C^bd: (...,b,d,o) -> (...,part,b,d,o)."""
    linear, circular = real + real.swapaxes(-3, -2), imaginary.swapaxes(-3, -2) - imaginary
    return np.stack([linear, circular], axis=-4) / 4


def _of_real_part(vertex: Matrix) -> Transitions:
    return Transitions(vertex, False, 3, _even, _polarizations)


def _of_imaginary_part(vertex: Matrix) -> Transitions:
    return Transitions(vertex, True, 3, _odd, _polarizations)


INJECTION = (_of_real_part("injection_vertex"), _of_imaginary_part("injection_vertex"))
SHIFT = (_of_real_part("shift_vertex"), _of_imaginary_part("shift_vertex"))


def INJ1(p: BandPairs, z: complex) -> Real:
    """sigma^L and sigma^C of Re[h^d_mn v^b_nm], summed with f_n: (k,n,part,b,d,o)."""
    return INJECTION[0].density(p, z)


def INJ2(p: BandPairs, z: complex) -> Real:
    """sigma^L and sigma^C of Im[h^d_mn v^b_nm], summed with f_n: (k,n,part,b,d,o)."""
    return INJECTION[1].density(p, z)


def SH1(p: BandPairs, z: complex) -> Real:
    """sigma^L and sigma^C of Re[Z^d_mn v^b_nm], summed with f_n: (k,n,part,b,d,o)."""
    return SHIFT[0].density(p, z)


def SH2(p: BandPairs, z: complex) -> Real:
    """sigma^L and sigma^C of Im[Z^d_mn v^b_nm], summed with f_n: (k,n,part,b,d,o)."""
    return SHIFT[1].density(p, z)


def _record(name: str, law: str, tau_power: int, blocks: tuple[str, str]) -> Response:
    return Response(
        name=name,
        title=name.replace("_", " "),
        law=law,
        equation="light",
        tau_power=tau_power,
        geometry=(),
        paper=dict.fromkeys(blocks, 1),
        reference="Phys. Rev. B 61, 5337 (2000), the velocity replaced by the observable",
        dynamic=True,
        usual_of_charge=(name.removesuffix("_spin_current"),) if "current" in name else (),
        title_of_charge=name.replace("_spin_", " ") if "current" in name else "",
    )


register(
    DynamicBlock("INJ1", "bd", INJ1, INJECTION[0], time_odd=True, tau_power=1, holds="injection vertex"),
    DynamicBlock("INJ2", "bd", INJ2, INJECTION[1], tau_power=1, holds="injection vertex"),
    DynamicBlock("SH1", "bd", SH1, SHIFT[0], derivatives=True, holds="shift vertex"),
    DynamicBlock("SH2", "bd", SH2, SHIFT[1], time_odd=True, derivatives=True, holds="shift vertex"),
    _record("injection_spin_current", "J_a;c = sigma_abd;c E_b E_d", 1, ("INJ1", "INJ2")),
    _record("injection_spin_magnetization", "M_a = beta_abc E_b E_c", 1, ("INJ1", "INJ2")),
    _record("shift_spin_current", "J_a;c = sigma_abd;c E_b E_d", 0, ("SH1", "SH2")),
    _record("shift_spin_magnetization", "M_a = beta_abc E_b E_c", 0, ("SH1", "SH2")),
)
