"""Second order of Weyl nodes without the package: a closed integrand, summed along lines through the nodes.

With f' a mesh sees of a Fermi surface what lies within kT of its points, and of the tip of a cone, where the integrand goes like
1/k^2, nothing but its nearest points: two meshes can agree and both be wrong. Here the half of the zone with kz > 0 (the other one
is its mirror image) is cut into the six pyramids over its faces whose tips are the node. Along a line through the node the volume
cancels 1/k^2 and one band goes on as the other, so that what is summed is smooth, and sums of equal steps converge exponentially;
so do Gauss points of a face. At the faces lines end; these are 0.5 eV from the energy of the nodes, or more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
BOLTZMANN = 8.617333262e-5  # eV/K
TILT, NODE = np.array([0.2, 0.0, 0.3]), np.pi / 2  # those of `wannier_spin.models.weyl`, whose t, mass, v and a are 1
HALVES = np.array([np.pi, np.pi, np.pi / 2])  # from the node to the faces
FASTEST = 1.5  # eV angstrom: of a band along a line
STEP = 1.2  # kT from one point of a line to the next, at most: what is left out is exp(-2 pi^2 / STEP)
FAR = 40.0  # kT: f' is nothing there
POINTS = 300_000  # of lines at a time


def energies(k: Real) -> tuple[Real, Real, Real]:
    """H = d0 + d.sigma at k (3, n): d0 (n,), d (3, n), |d| (n,)."""
    s, c = np.sin(k), np.cos(k)
    d0 = TILT[0] * s[0] + TILT[1] * s[1] + TILT[2] * (c[2] - np.cos(NODE))
    d = np.array([s[0], s[1], c[2] - np.cos(NODE) + c[0] + c[1] - 2])
    return d0, d, np.sqrt((d * d).sum(axis=0))


def bands(k: Real) -> Iterator[tuple[Real, Real]]:
    """Of both bands at k (3, n): energies (n,), and what f' is multiplied with (27, n), of (M, E, E).

    v_d Im[v^b_nm sigma^a_mn] / (2 |d|^2), symmetrized in b and d; Im[..] = +-(d x d_b d) . e_a / |d|, v_d = d_d (d0 +- |d|).
    """
    d0, d, size = energies(k)
    s, c, nothing = np.sin(k), np.cos(k), np.zeros(k.shape[1])
    slope = np.array([TILT[0] * c[0], TILT[1] * c[1], -TILT[2] * s[2]])
    slopes = np.array([[c[0], nothing, -s[0]], [nothing, c[1], -s[1]], [nothing, nothing, -s[2]]])  # d_b of d
    turned = np.cross(d / size, slopes, axisa=0, axisb=1, axisc=1)  # (b, a, n)
    along = np.einsum("bin,in->bn", slopes, d / size)
    for sign in (1, -1):
        found = np.einsum("ban,dn->abdn", turned, sign * (slope + sign * along) / (8 * size**2))
        yield d0 + sign * size, (found + found.swapaxes(1, 2)).reshape(27, -1)


def second_order(mu: Real, temperatures: Sequence[float], n: int) -> Real:
    """Equation (12), angstrom^-1 eV^-2 per tau: (mu, T, M, E, E). n : Gauss points along an edge of a face. |mu| at most 0.5 eV."""
    return np.stack([_at(mu, BOLTZMANN * T, n) for T in temperatures], axis=1)


def _at(mu: Real, kT: float, n: int) -> Real:
    """Of one kT (eV): (mu, M, E, E)."""
    of_half = sum(_along(*face, mu, kT) for face in _faces(n)).reshape(-1, 3, 3, 3) / (2 * np.pi) ** 3
    under_mirror = np.array([1, 1, -1])  # of the fields: kz changes its sign, H does not
    return np.asarray(of_half * (1 + np.multiply.outer(under_mirror, under_mirror)))


def _faces(n: int) -> Iterator[tuple[Real, Real]]:
    """From the node to the Gauss points of each face (r, 3), and three times the volume of the pyramid about each (r,)."""
    x, w = np.polynomial.legendre.leggauss(n)
    across = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    for axis in range(3):
        for sign in (1, -1):
            yield np.insert(across, axis, sign, axis=1) * HALVES, np.outer(w, w).ravel() * HALVES.prod()


def _along(rays: Real, volumes: Real, mu: Real, kT: float) -> Real:
    """Sums over the pyramids about rays (r, 3): (mu, 27)."""
    found = np.zeros((len(mu), 27))
    count = int(np.ceil(FASTEST * np.linalg.norm(rays, axis=1).max() / (STEP * kT)))
    t = (np.arange(count) + 0.5) / count
    for some in np.array_split(np.arange(len(rays)), max(len(rays) * count // POINTS, 1)):
        k = (rays[some].T[:, :, None] * t).reshape(3, -1) + np.array([[0], [0], [NODE]])
        weights = np.outer(volumes[some], t**2 / count).ravel()
        d0, _, size = energies(k)
        used = np.abs(np.abs(d0) - size) < np.abs(mu).max() + FAR * kT
        for E, F in bands(k[:, used]):
            order = np.argsort(E)
            E, F, w = E[order], F[:, order], weights[used][order]
            starts, ends = np.searchsorted(E, mu - FAR * kT), np.searchsorted(E, mu + FAR * kT)
            for row, (i, j) in enumerate(zip(starts, ends, strict=True)):
                found[row] -= F[:, i:j] @ (w[i:j] / (4 * kT * np.cosh((E[i:j] - mu[row]) / (2 * kT)) ** 2))
    return found
