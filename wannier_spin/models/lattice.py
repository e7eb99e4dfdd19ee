"""Lattice models with spin. Energies in eV (or in hopping units), lattice constant `a` in angstrom, k·a written as k.

hbar = e = 1, e > 0, electron charge -e, int_k = int d^dk/(2 pi)^d. s = (sx, sy, sz) are the Pauli matrices, and the
spin; the basis is site by site, up before down. P, T and PT act on the spin as on a true spin (P: not at all). 2D
models lie in the xy plane, with an aperiodic third vector of 1 angstrom. "Reference" numbers are those of docs/theory.md
section 9 (a = 1, tau = 1); block names are those of its section 3.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.models.hoppings import (
    FCC,
    S0,
    SQUARE,
    SX,
    SY,
    SZ,
    TRIANGULAR,
    Hoppings,
    Matrix,
    dot_pauli,
    from_hoppings,
    sheet,
)
from wannier_spin.models.registry import library_model

Vector = tuple[float, float, float]
IN_PLANE = (True, True, False)


@library_model
def rashba_exchange(
    *,
    t: float = 1.0,
    t2: float = 0.15,
    rashba: float = 0.5,
    dresselhaus: float = 0.2,
    exchange: Vector = (0.25, 0.15, 0.45),
    a: float = 1.0,
) -> TightBindingModel:
    """Square lattice with Rashba and Dresselhaus coupling in an exchange field: the generic two-band metal.

        H = -2t (cos kx + cos ky) - 2 t2 sin kx sin ky
            + rashba (sin ky sx - sin kx sy) + dresselhaus (sin kx sx - sin ky sy) + exchange . s
        E = -2t (cos kx + cos ky) - 2 t2 sin kx sin ky +- |d(k)|,    H = E0 + d . s

    Symmetry: P, T, PT and every other one broken; T restored without exchange, P without rashba and dresselhaus.

    Reference `rashba_metal` (mu = 0.3, kT = 0.1), `rashba_low` (mu = -3.2, kT = 0.06), spin density block L0_ab:
        rashba_metal   xx 0.0030005175820, yx 0.0012002070328, zy -0.0004670086492; charge L0_xy -0.0270302484412
        rashba_low     xx -0.0185199269039, yx -0.0074079707616, zy 0.0088069902932
    """
    ex, ey = rashba, dresselhaus
    along_x, along_y = ey * SX - ex * SY, ex * SX - ey * SY  # coefficients of sin kx, sin ky
    hoppings: Hoppings = {
        (0, 0, (0, 0)): dot_pauli(exchange),
        (0, 0, (1, 0)): -t * S0 - 0.5j * along_x,
        (0, 0, (0, 1)): -t * S0 - 0.5j * along_y,
        (0, 0, (1, 1)): t2 / 2 * S0,
        (0, 0, (1, -1)): -t2 / 2 * S0,
    }
    return from_hoppings(lattice=sheet(SQUARE, a), sites=[[0, 0]], hoppings=hoppings, periodic=IN_PLANE)


@library_model
def altermagnet(*, t: float = 1.0, J: float = 0.4, rashba: float = 0.0, a: float = 1.0) -> TightBindingModel:
    """d-wave altermagnet, spin-orbit coupling optional.

        H = -2t (cos kx + cos ky) + J sin kx sin ky sz + rashba (sin ky sx - sin kx sy)
        E = -2t (cos kx + cos ky) +- sqrt(J^2 sin^2 kx sin^2 ky + rashba^2 (sin^2 kx + sin^2 ky))

    Symmetry: T and PT broken, T C4z kept; P kept without rashba. The bands touch on the lines kx = 0, pi and
    ky = 0, pi (with rashba: where two of them meet), so that meshes see accidental degeneracies.

    Reference (rashba = 0, mu = -2.5, kT = 0.1): exact sigma1_xy;z = sigma1_yx;z = -0.0335615571929, all of it from the
    direct term L1dir; (4) as printed gives 0.
    """
    hoppings: Hoppings = {
        (0, 0, (1, 0)): -t * S0 + 0.5j * rashba * SY,
        (0, 0, (0, 1)): -t * S0 - 0.5j * rashba * SX,
        (0, 0, (1, 1)): -J / 4 * SZ,
        (0, 0, (1, -1)): J / 4 * SZ,
    }
    return from_hoppings(lattice=sheet(SQUARE, a), sites=[[0, 0]], hoppings=hoppings, periodic=IN_PLANE)


@library_model
def pt_antiferromagnet(
    *,
    t: float = 1.0,
    t2: float = 0.08,
    soc: float = 0.8,
    neel: float = 0.6,
    direction: Vector = (0.6, 0.3, 0.742),
    a: float = 1.0,
) -> TightBindingModel:
    """P T-symmetric collinear antiferromagnet (CuMnAs type), sites A (0, 0) and B (1/2, 1/2) of a square lattice.

        H = -2t tx cos(kx/2) cos(ky/2) - t2 (cos kx + cos ky) + tz m . s      tx, tz: Pauli matrices of the sites
        m = soc (-sin ky, sin kx, 0) + neel n,    n = direction/|direction|
        E = -t2 (cos kx + cos ky) +- sqrt(4 t^2 cos^2(kx/2) cos^2(ky/2) + m^2), each twofold degenerate

    Symmetry: P (exchange of the sites) and T broken, PT kept: (4), (5), (9), (10), (13), (14) vanish identically.
    neel = 0: P and T kept as well.

    Reference `afm_insulator` (mu = 0.09, kT = 0.015), `afm_metal` (mu = -0.9, kT = 0.08), spin density block L0_ab:
        afm_insulator  xx -0.0740140964841, yy -0.0565558054764, zx -0.0008998454284, zy -0.0022805581718
        afm_metal      xx -0.0033793900942, yy -0.0054617672112, zx 0.0110639964709, zy 0.0073664769634
    """
    length = float(np.linalg.norm(direction))
    if length == 0:
        raise InputError("the Neel vector's direction is (0, 0, 0); turn the order off with neel=0")
    moment = neel / length * dot_pauli(direction)
    hoppings: Hoppings = {(0, 1, R): -t / 2 * S0 for R in [(0, 0), (-1, 0), (0, -1), (-1, -1)]}
    for site, sign in enumerate((+1, -1)):
        hoppings |= {
            (site, site, (0, 0)): sign * moment,
            (site, site, (1, 0)): -t2 / 2 * S0 - 0.5j * sign * soc * SY,
            (site, site, (0, 1)): -t2 / 2 * S0 + 0.5j * sign * soc * SX,
        }
    return from_hoppings(lattice=sheet(SQUARE, a), sites=[[0.0, 0.0], [0.5, 0.5]], hoppings=hoppings, periodic=IN_PLANE)


HONEYCOMB = np.array([[1, 1], [-2, 1], [1, -2]]) / 3  # bonds A -> B, reduced; lattice vectors at 60 degrees


@library_model
def kane_mele(
    *,
    t: float = 1.0,
    soc: float = 0.06,
    rashba: float = 0.0,
    sublattice: float = 0.0,
    exchange: Vector = (0.0, 0.0, 0.0),
    a: float = 1.0,
) -> TightBindingModel:
    """Kane-Mele model on the honeycomb lattice (Phys. Rev. Lett. 95, 226801 (2005)), plus an exchange field.

        H = t sum_<ij> c+_i c_j + i soc sum_<<ij>> nu_ij c+_i sz c_j + i rashba sum_<ij> c+_i (s x d_ij)_z c_j
            + sum_i c+_i (xi_i sublattice + exchange . s) c_i

    nu_ij = (2/sqrt 3)(d1 x d2)_z along the two bonds d1, d2 from j to i, d_ij from j to i, all unit vectors; xi = +1 on
    A (1/3, 1/3) and -1 on B (2/3, 2/3).

    Symmetry: P kept for rashba = sublattice = 0, T kept without exchange, sz kept without rashba and in-plane exchange:

        E = s exchange_z +- sqrt(t^2 |f|^2 + (s soc g + sublattice)^2),    s = +-1
        |f|^2 = 3 + 2 (cos k.a1 + cos k.a2 + cos k.(a1 - a2)),    a1 = (1, 0), a2 = (1/2, sqrt 3/2)
        g = -2 (sin k.a1 - sin k.a2 - sin k.(a1 - a2))

    Gap (rashba = exchange = 0, 3 sqrt 3 |soc| < |t|): 2 |3 sqrt 3 |soc| - |sublattice||, at K. For |sublattice| below
    3 sqrt 3 |soc| it is a quantum spin Hall insulator, with Chern numbers -sgn(soc) of spin up, +sgn(soc) of spin down,
    and in the gap at T = 0

        sigma0_xy;z = -sigma0_yx;z = -sgn(soc)/(2 pi) = -0.159154943 sgn(soc)      (times G0 = e^2/hbar: e^2/h)

    by (6a), where the charge counterpart of one filled band is C/(2 pi), C = int d^2k Omega_xy/(2 pi).
    """
    unit = np.sqrt(3) * HONEYCOMB @ TRIANGULAR  # (bond, 3), from A to B
    cells = np.rint(HONEYCOMB - 1 / 3).astype(int)  # of the B at the end of each bond
    hoppings: Hoppings = {}
    for R, d in zip(cells.tolist(), unit, strict=True):
        hoppings[0, 1, tuple(R)] = t * S0 - 1j * rashba * _cross_z(d)  # d_ij = -d
    for p, q in [(0, 1), (1, 2), (2, 0)]:
        R = tuple(np.rint(HONEYCOMB[p] - HONEYCOMB[q]).astype(int).tolist())
        nu = 2 / np.sqrt(3) * np.cross(unit[q], -unit[p])[2]  # A at R -> B at bond p -> A at 0; the opposite turn on B
        hoppings |= {(0, 0, R): 1j * soc * nu * SZ, (1, 1, R): -1j * soc * nu * SZ}
    for site, xi in enumerate((+1, -1)):
        hoppings[site, site, (0, 0)] = xi * sublattice * S0 + dot_pauli(exchange)
    sites = [[1 / 3, 1 / 3], [2 / 3, 2 / 3]]
    return from_hoppings(lattice=sheet(TRIANGULAR, a), sites=sites, hoppings=hoppings, periodic=IN_PLANE)


@library_model
def kagome_mn3sn(
    *,
    t: float = 1.0,
    J: float = 1.7,
    soc: float = 0.0,
    angle: float = 0.0,
    canting: float = 0.0,
    chirality: int = -1,
    a: float = 1.0,
) -> TightBindingModel:
    """Kagome lattice with noncollinear 120-degree exchange, a layer of Mn3Sn.

        H = t sum_<ij> c+_i c_j + J sum_i c+_i n_i . s c_i + i soc sum_<ij> nu_ij c+_i sz c_j
        n_i = (cos canting cos phi_i, cos canting sin phi_i, sin canting),    phi_i = angle + chirality 2 pi i/3

    Sites 0 (0, 0), 1 (1/2, 0), 2 (0, 1/2) with lattice vectors at 60 degrees, counterclockwise around an up triangle;
    nu_ij = +1 for hops 1 -> 0, 2 -> 1, 0 -> 2. chirality = -1: the inverse triangular order of Mn3Sn, +1: that of Mn3Ir
    and Mn3Pt (111) layers, where C3z is kept. Angles in radian.

    Symmetry: P kept; T and PT broken. In the plane (canting = 0), T followed by a spin turn of pi about z is kept, also
    with soc: the anomalous Hall effect and the T-even spin Hall effect of in-plane spins vanish, the magnetic spin Hall
    effect (4) of in-plane spins does not.

        J = soc = 0          E = -2t, t [1 +- sqrt(4 (c1^2 + c2^2 + c3^2) - 3)], each twice,
                             c_i = cos(k.d_i), d_i = a1/2, a2/2, (a1 - a2)/2
        k = 0, canting = 0   E = -2t - 2q +- J, and twice t + q +- sqrt((3t - q)^2 + J^2),    q = sqrt(3) chirality soc
    """
    if chirality not in (+1, -1):
        raise InputError(f"chirality is {chirality}, expected +1 or -1")
    hoppings: Hoppings = {}
    for i, j, R in [(0, 1, (-1, 0)), (1, 2, (1, -1)), (2, 0, (0, 1))]:
        hop = t * S0 + 1j * soc * SZ
        hoppings |= {(i, j, (0, 0)): hop, (i, j, R): hop}  # in the up triangle, in the down triangle
    for i in range(3):
        phi = angle + chirality * 2 * np.pi * i / 3
        n = [np.cos(canting) * np.cos(phi), np.cos(canting) * np.sin(phi), np.sin(canting)]
        hoppings[i, i, (0, 0)] = J * dot_pauli(n)
    sites = [[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]
    return from_hoppings(lattice=sheet(TRIANGULAR, a), sites=sites, hoppings=hoppings, periodic=IN_PLANE)


@library_model
def weyl(
    *,
    t: float = 1.0,
    mass: float = 1.0,
    v: float = 1.0,
    node: float = np.pi / 2,
    tilt: Vector = (0.2, 0.0, 0.3),
    a: float = 1.0,
) -> TightBindingModel:
    """Magnetic Weyl semimetal with tilted cones, simple cubic, two bands.

        H = v (sin kx sx + sin ky sy) + [t (cos kz - cos node) + mass (cos kx + cos ky - 2)] sz
            + tilt_x sin kx + tilt_y sin ky + tilt_z (cos kz - cos node)

    Weyl nodes, the only band touchings for mass > t (1 - cos node)/2 > 0: k = (0, 0, +-node), both at E = 0, with
    velocities (v, v, -+t sin node) and chirality -+1. The cones tilt by (tilt_x, tilt_y, -+tilt_z sin node): type I for
    (tilt_x/v)^2 + (tilt_y/v)^2 + (tilt_z/t)^2 < 1.

    Symmetry: P, T and PT broken; C2z kept for tilt_x = tilt_y = 0.

    Without tilt, at mu = 0, T = 0 (mass, t > 0): the planes |kz| < node have the Chern number +1 in the sense of
    `kane_mele`, all others 0; the charge counterpart of (6a) is sigma_xy = node/(2 pi^2 a), 1/(4 pi) by default.
    """
    tx, ty, tz = tilt
    hoppings: Hoppings = {
        (0, 0, (0, 0, 0)): -(t * np.cos(node) + 2 * mass) * SZ - tz * np.cos(node) * S0,
        (0, 0, (1, 0, 0)): -0.5j * (v * SX + tx * S0) + mass / 2 * SZ,
        (0, 0, (0, 1, 0)): -0.5j * (v * SY + ty * S0) + mass / 2 * SZ,
        (0, 0, (0, 0, 1)): t / 2 * SZ + tz / 2 * S0,
    }
    return from_hoppings(lattice=a * np.eye(3), sites=[[0, 0, 0]], hoppings=hoppings)


@library_model
def zincblende(*, t: float = 1.0, soc: float = 0.05, sublattice: float = 1.0, a: float = 1.0) -> TightBindingModel:
    """Zincblende crystal with one orbital per site: the Fu-Kane-Mele model with a staggered potential.

    Phys. Rev. Lett. 98, 106803 (2007):

        H = t sum_<ij> c+_i c_j + i (8 soc/a^2) sum_<<ij>> c+_i s.(d1 x d2) c_j + sublattice sum_i xi_i c+_i c_i

    d1, d2: the two bonds from j to i. A (0, 0, 0), xi = +1; B (1/4, 1/4, 1/4) of the cubic cell with edge a, xi = -1.

        H = f tx + g ty + tz (sublattice + soc D . s),    f - i g = t sum_d exp(i k.d)
        E = +- sqrt(f^2 + g^2 + (sublattice +- soc |D|)^2)
        D_x = 4 sin(kx/2) (cos(kz/2) - cos(ky/2)) and cyclic

    Symmetry: T kept, P and PT broken (both kept at sublattice = 0); point group -43m. |D| reaches its maximum 8 at W,
    where f = g = 0: an insulator with the gap 2 (|sublattice| - 8 |soc|) at W where that is positive (1.2 by default).
    """
    bonds = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 4  # A -> B, in units of a
    cells = np.rint((bonds - bonds[0]) @ np.linalg.inv(FCC)).astype(int).tolist()  # of the B at the end of each bond
    hoppings: Hoppings = {(0, 1, tuple(R)): t * S0 for R in cells}
    for p, q in combinations(range(4), 2):
        R = tuple(np.subtract(cells[p], cells[q]).tolist())
        turn = 8 * np.cross(bonds[q], -bonds[p])  # A at R -> B at bond p -> A at 0; the opposite turn on B
        hoppings |= {(0, 0, R): 1j * soc * dot_pauli(turn), (1, 1, R): -1j * soc * dot_pauli(turn)}
    hoppings |= {(0, 0, (0, 0, 0)): sublattice * S0, (1, 1, (0, 0, 0)): -sublattice * S0}
    return from_hoppings(lattice=a * FCC, sites=[[0.0] * 3, [0.25] * 3], hoppings=hoppings)


def _cross_z(d: NDArray[np.float64]) -> Matrix:
    """(s x d)_z."""
    return float(d[1]) * SX - float(d[0]) * SY
