"""The blocks of docs/theory.md, section 3, by brute force: independent of the package but for the data of the model.

Bloch sums without the centres in the phase, the whole position matrix (centres included) as the connection: another gauge
than the package's, so that agreement means something. Nondegenerate bands only. hbar = e = tau = 1.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

AXES = "xyz"


def sums(model, X, k, *along):
    """sum_R exp(2 pi i k.R) prod (i R_b) X(R), Cartesian R."""
    R = model.R_vectors @ model.lattice
    weight = np.prod([1j * R[:, b] for b in along], axis=0) if along else 1.0
    return np.einsum("kR,R...->k...", np.exp(2j * np.pi * k @ model.R_vectors.T) * weight, X)


def connection_R(model):
    if model.position_R is not None:
        return model.position_R
    A = np.zeros((*model.hamiltonian_R.shape, 3), complex)
    origin = np.flatnonzero((model.R_vectors == 0).all(axis=1))[0]
    for n in range(model.n_bands):
        A[origin, n, n] = model.centres[n]
    return A


def commutator(A, X):
    return A @ X - X @ A


@dataclass
class Bands:
    e: np.ndarray  # (k,n)
    v: np.ndarray  # (k,a,n,m)
    s: np.ndarray  # (k,c,n,m)
    dv: np.ndarray  # (k,b,a,n,m)
    ds: np.ndarray  # (k,b,c,n,m)
    U: np.ndarray
    p: np.ndarray  # (k,n,m) projector on a site, 1 without one
    dp: np.ndarray  # (k,b,n,m)


def wannier_gauge(model, k):
    """H, d_a H, A_a, sigma^c and v^a, not rotated: (k,n,m), or lists of three of them."""
    A_R, H_R = connection_R(model), model.hamiltonian_R
    S_R = model.spin_R if model.spin_R is not None else np.zeros_like(A_R)
    H = sums(model, H_R, k)
    dH = [sums(model, H_R, k, a) for a in range(3)]
    A, S = (np.moveaxis(sums(model, X, k), -1, 0) for X in (A_R, S_R))
    return H, dH, A, S, [dH[a] - 1j * commutator(A[a], H) for a in range(3)]


def bands(model, k, site=None):
    """site : Wannier functions of one."""
    A_R, H_R = connection_R(model), model.hamiltonian_R
    S_R = model.spin_R if model.spin_R is not None else np.zeros_like(A_R)
    H, dH, A, S, v = wannier_gauge(model, k)
    dv, ds = np.zeros((2, 3, 3, *H.shape), complex)
    for a, b in product(range(3), repeat=2):
        ddH, dA = sums(model, H_R, k, a, b), sums(model, A_R[..., a], k, b)
        plain = ddH - 1j * commutator(dA, H) - 1j * commutator(A[a], dH[b])
        dv[b, a] = plain - 1j * commutator(A[b], v[a])
        ds[b, a] = sums(model, S_R[..., a], k, b) - 1j * commutator(A[b], S[a])
    p = np.diag(np.isin(np.arange(model.n_bands), range(model.n_bands) if site is None else site)).astype(complex)
    e, U = np.linalg.eigh(H)
    rotate = lambda X: np.moveaxis(U.conj().swapaxes(-1, -2) @ np.asarray(X) @ U, -3, 0)  # noqa: E731
    dp = rotate([-1j * commutator(A[b], p) for b in range(3)])
    return Bands(e, rotate(v), rotate(S), rotate(dv), rotate(ds), U, rotate(p), dp)


def anticommutator(X, Y):
    return X @ Y + Y @ X


def observable(b, name):
    """O (k,o,n,m) and its covariant derivative (k,b,o,n,m)."""
    if name == "charge_current":
        return b.v, b.dv
    if name == "spin":
        return b.s / 2, b.ds / 2
    if name == "site_spin":
        dO = anticommutator(b.dp[:, :, None], b.s[:, None]) + anticommutator(b.p[:, None, None], b.ds)
        return anticommutator(b.p[:, None], b.s) / 4, dO / 4
    k, n = b.e.shape
    O = anticommutator(b.v[:, :, None], b.s[:, None]) / 4  # noqa: E741
    dO = anticommutator(b.dv[:, :, :, None], b.s[:, None, None]) / 4
    dO = dO + anticommutator(b.v[:, None, :, None], b.ds[:, :, None]) / 4
    return O.reshape(k, 9, n, n), dO.reshape(k, 3, 9, n, n)


SURFACE = {"N2", "N2dir", "N1", "F", "L1surf", "D"}


def densities(b, name, width=0.0):
    """Name of block -> (k,n,b,[d],o), by loops over bands; surface terms without f'. width : of gaps at second order."""
    O, dO = observable(b, name)  # noqa: E741
    e, v, (k, n) = b.e, b.v, b.e.shape
    vn, On = np.einsum("kann->kna", v).real, np.einsum("konn->kno", O).real
    o = O.shape[1]
    B, A, A2, X = (np.zeros((k, n, 3, o)) for _ in range(4))
    Q1, P = (np.zeros((k, n, 3, 3, o)) for _ in range(2))
    for i, j in product(range(n), repeat=2):
        if i == j:
            continue
        eps = (e[:, i] - e[:, j])[:, None, None]
        vO = v[:, :, i, j][:, :, None] * O[:, :, j, i][:, None]  # v^b_nm O_mn
        B[:, i] += 2 * vO.real / eps
        A[:, i] += 2 * vO.imag / eps**2
        A2[:, i] += 2 * vO.imag * eps**2 / (eps**2 + width**2) ** 2
        X[:, i] += 2 * vO.real * cubed(eps, width)
        Q1[:, i] += (2 * vO.real * cubed(eps, width) / eps)[:, :, None] * (vn[:, j] - vn[:, i])[:, None, :, None]
        vv = (v[:, :, i, j][:, :, None] * v[:, :, j, i][:, None]).real
        slope = eps**2 * (eps**2 - width**2) / (eps**2 + width**2) ** 4  # of `cubed`, times -1/3
        P[:, i] += (vv * slope)[..., None] * (On[:, j] - On[:, i])[:, None, None]
    direct = np.einsum("kbonn->knbo", dO).real
    S, W, G = static_parts(b, O, dO, width)
    return {
        "L1": -B,
        "L1dir": -direct,
        "L1surf": vn[:, :, :, None] * On[:, :, None, :],
        "L0": A,
        "N2": -np.einsum("knbo,knd->knbdo", B, vn),
        "N2dir": -np.einsum("knbo,knd->knbdo", direct, vn),
        "N1": np.einsum("knbo,knd->knbdo", A2, vn),
        "Q1": Q1,
        "P": P,
        "F": np.einsum("kndo,knb->knbdo", X, vn),
        "S": 3 * P + S,
        "W": W,
        "D": -np.einsum("kno,knbd->knbdo", On, G) / 2,
    }


def cubed(eps, width):
    """1/eps^3, or with a width what stands in its place."""
    return (eps / (eps**2 + width**2)) ** 3


def static_parts(b, O, dO, width=0.0):  # noqa: E741
    """S - 3P with V^b = d_bO + [Y, v^b], the part W of it with V^b = d_bO alone, and G^{bd}_n = 2 sum_m g^{bd}_nm/eps_nm."""
    e, v, n = b.e, b.v, b.e.shape[1]
    eps = e[:, :, None] - e[:, None, :] + np.eye(n)
    off = 1 - np.eye(n)
    Y = O * (off / eps)[:, None]
    V = dO + Y[:, None] @ v[:, :, None] - v[:, :, None] @ Y[:, None]
    parts = []
    for X in (V, dO):
        half = np.einsum("kbonm,kdmn,knm->knbdo", X, v, off * cubed(eps, width)).real
        parts.append(half + half.swapaxes(2, 3))
    return *parts, 2 * np.einsum("kbnm,kdmn,knm->knbd", v, v, off * cubed(eps, width)).real


def fermi(e, mu, kT):
    return 1 / (1 + np.exp((e - mu) / kT))


def fermi_slope(e, mu, kT):
    return -1 / (4 * kT * np.cosh((e - mu) / (2 * kT)) ** 2)


def mesh(model, n, shift=0.0):
    axis = [(np.arange(n) + shift) / n if along else np.zeros(1) for along in model.periodic]
    return np.stack(np.meshgrid(*axis, indexing="ij"), axis=-1).reshape(-1, 3)


def cell_volume(model):
    vectors = model.lattice[list(model.periodic)]
    return np.sqrt(np.linalg.det(vectors @ vectors.T))


def paper_order(tensor, name):
    """(fields..., o) -> flow or spin first, then fields, then the spin of a spin current."""
    if name == "spin_current":
        tensor = tensor.reshape(*tensor.shape[:-1], 3, 3)
        return np.moveaxis(tensor, -2, 0)
    return np.moveaxis(tensor, -1, 0)


def responses(model, k, mu, kT, name, site=None, width=0.0):
    """Every block, integrated over k (a mesh of the Brillouin zone) and summed over bands."""
    b = bands(model, k, site)
    f, slope = fermi(b.e, mu, kT), fermi_slope(b.e, mu, kT)
    scale = 1 / (len(k) * cell_volume(model))
    return {
        block: paper_order(np.einsum("kn,kn...->...", slope if block in SURFACE else f, X) * scale, name)
        for block, X in densities(b, name, width).items()
    }
