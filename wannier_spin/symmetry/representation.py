"""What an operation does to Wannier functions that are real harmonics times spin 1/2 on known sites.

    g |R n> = sum_n' |W R + T_n, n'> D_n'n        W p_n + w = p_n' + T_n,  p: sites, T_n a lattice vector
    D = D_l(Q) x U(det(Q) Q) [(-i s_y) K]         Q Cartesian rotation; [...] with time reversal, K complex conjugation

In a spin group det(Q) Q is the operation's own rotation of the spins.

U, and so D, is known up to the sign: D(g) D(h) = +-D(gh). No operator sees the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.orbitals import Orbitals
from wannier_spin.symmetry.operations import Operation

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
Integer = NDArray[np.int64]

SITE_TOLERANCE = 1e-3  # angstrom: images of sites
UNITARITY = 1e-6  # of D: an incomplete shell gives errors of order one


@dataclass(frozen=True)
class Representation:
    """An operation on the Wannier functions: D (n, n); image (i,) of each site; shift (i, 3), the T of each site."""

    operation: Operation
    D: Complex
    image: Integer
    shift: Integer

    @property
    def axial(self) -> Real:
        """How it turns the spin: det(Q) Q, times -1 with time reversal: (3, 3)."""
        return np.asarray(self.operation.axial * (-1 if self.operation.time_reversal else 1))


def represent(orbitals: Orbitals, lattice: Real, operation: Operation) -> Representation:
    """D, images and shifts of one operation. lattice : (3, 3), rows, angstrom.

    Raises InputError: a site without an image, shells that do not close.
    """
    image, shift = _image_sites(orbitals.positions, lattice, operation)
    Q = operation.rotation
    spin = spinor_rotation(operation.axial)
    if operation.time_reversal:
        spin = spin @ np.array([[0, -1], [1, 0]])  # U (-i s_y) K
    space = {l: harmonic_rotation(l, Q) for l in set(orbitals.l.tolist())}
    copy, n = orbitals.copy, len(orbitals)
    D = np.zeros((n, n), complex)
    for l, rotation in space.items():
        own = np.flatnonzero(orbitals.l == l)
        new, old = np.ix_(own, own)
        same = (orbitals.site[new] == image[orbitals.site[old]]) & (copy[new] == copy[old])
        D[new, old] = same * rotation[orbitals.m[new], orbitals.m[old]] * spin[orbitals.spin[new], orbitals.spin[old]]
    error = np.abs(D.conj().T @ D - np.eye(n))
    if error.max() > UNITARITY:
        worst = int(error.max(axis=0).argmax())
        raise InputError(
            f"an operation of the group turns the orbital '{orbitals.names()[worst]}' into one that is not among the "
            "projections (an incomplete shell, or different orbitals on equivalent atoms): the model cannot be symmetrized"
        )
    return Representation(operation, D, image, shift)


def harmonic_rotation(l: int, rotation: Real) -> Real:
    """D_l (2l + 1, 2l + 1) of a rotation Q (3, 3), Cartesian, proper or not: Y_m(Q^-1 r) = sum_m' Y_m'(r) D_m'm.

    Real harmonics in Wannier90's order.
    """
    points = _sample()
    return np.asarray(np.linalg.lstsq(_harmonics(l, points), _harmonics(l, points @ rotation), rcond=None)[0])


def spinor_rotation(rotation: Real) -> Complex:
    """U (2, 2) of spin 1/2 with U^+ s U = det(Q) Q s, up to the sign; Q (3, 3), Cartesian."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(np.linalg.det(rotation) * rotation).as_quat()
    return np.array([[w - 1j * z, -1j * x - y], [-1j * x + y, w + 1j * z]])


@cache
def _sample() -> Real:
    points = np.random.default_rng(0).normal(size=(40, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def _harmonics(l: int, points: Real) -> Real:
    """Real harmonics on the unit sphere (point, m), all with the same norm; the order of `HARMONICS`."""
    x, y, z = points.T
    root = np.sqrt
    values = {
        0: [np.ones_like(x)],
        1: [z, x, y],
        2: [(3 * z**2 - 1) / (2 * root(3)), x * z, y * z, (x**2 - y**2) / 2, x * y],
        3: [
            root(7) / 2 * z * (5 * z**2 - 3),
            root(42) / 4 * x * (5 * z**2 - 1),
            root(42) / 4 * y * (5 * z**2 - 1),
            root(105) / 2 * z * (x**2 - y**2),
            root(105) * x * y * z,
            root(70) / 4 * x * (x**2 - 3 * y**2),
            root(70) / 4 * y * (3 * x**2 - y**2),
        ],
    }
    return np.stack(values[l], axis=1)


def _image_sites(positions: Real, lattice: Real, operation: Operation) -> tuple[Integer, Integer]:
    """Site on which each site lands (i,), and the lattice vector in between (i, 3)."""
    landed = positions @ operation.reduced.T + operation.translation
    apart = landed[:, None] - positions[None]
    shift = np.rint(apart)
    distance = np.linalg.norm((apart - shift) @ lattice, axis=2)
    image = distance.argmin(axis=1)
    rows = np.arange(len(positions))
    if distance[rows, image].max() > SITE_TOLERANCE or len(set(image.tolist())) < len(image):
        worst = int(distance[rows, image].argmax())
        raise InputError(
            f"an operation moves the site {positions[worst].round(4).tolist()} of the projections to a place where there is no "
            f"other ({distance[worst, image[worst]]:.2g} angstrom off): structure and projections do not fit together"
        )
    return image.astype(np.int64), shift[rows, image].astype(np.int64)
