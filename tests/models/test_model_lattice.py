"""Lattice models: closed-form bands, symmetries with explicit matrices, gaps, Chern numbers, reference values."""

import numpy as np
import pytest

from wannier_spin import models
from wannier_spin.errors import InputError
from wannier_spin.models.hoppings import PAULI, SY, SZ

K = np.random.default_rng(7).uniform(-0.5, 0.5, (6, 3))  # reduced
TWO_PI = 2 * np.pi
LATTICE_MODELS = sorted(set(models.names()) - {"massive_dirac", "tilted_dirac", "tilted_dirac_pair"})


# The reference: a direct Fourier sum, sites in the phase (in that gauge P, T and rotations are constant matrices).


def bonds(model):
    """(R, n, m, 3) vectors from orbital n in the cell 0 to orbital m in the cell R."""
    return (model.R_vectors @ model.lattice)[:, None, None] + model.centres[None, None] - model.centres[None, :, None]


def cartesian(model, k):
    return TWO_PI * np.asarray(k) @ np.linalg.inv(model.lattice).T


def fourier(model, operator_R, k, along=None):
    """sum_R O(R) exp(i k.(R + tau_m - tau_n)) at reduced k, or its derivative along a Cartesian axis; (k, n, m)."""
    d = bonds(model)
    if along is not None:
        operator_R = 1j * d[..., along] * operator_R
    return np.einsum("Rnm,kRnm->knm", operator_R, np.exp(1j * np.einsum("ka,Rnma->kRnm", cartesian(model, k), d)))


def hamiltonian(model, k):
    return fourier(model, model.hamiltonian_R, k)


def energies(model, k):
    return np.linalg.eigvalsh(hamiltonian(model, k))


def spin(model, k):
    return np.array([fourier(model, model.spin_R[..., c], k) for c in range(3)])


def mesh(n, model):
    axes = [np.arange(n) / n if along else [0.0] for along in model.periodic]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def assert_bands(model, k, *expected):
    """The bands at k are `expected`, in any order; they depend on k and are not all alike."""
    found = energies(model, k)
    assert np.ptp(found) > 0.1
    assert np.abs(found - np.sort(np.array(expected).T, axis=1)).max() < 1e-12


def transformed(matrix, U):
    return U @ matrix @ U.conj().T


def T_residual(model, U=None):
    """max |U H(-k)* U^+ - H(k)| with U = i sy on every site by default."""
    U = np.kron(np.eye(model.n_bands // 2), 1j * SY) if U is None else U
    return np.abs(transformed(hamiltonian(model, -K).conj(), U) - hamiltonian(model, K)).max()


def P_residual(model, sites):
    """max |U H(-k) U^+ - H(k)|, U the permutation of the sites."""
    U = np.kron(np.eye(len(sites))[sites], np.eye(2))
    return np.abs(transformed(hamiltonian(model, -K), U) - hamiltonian(model, K)).max()


def PT_residual(model, sites):
    U = np.kron(np.eye(len(sites))[sites], 1j * SY)
    return np.abs(transformed(hamiltonian(model, K).conj(), U) - hamiltonian(model, K)).max()


def chern_number(H):
    """Fukui, Hatsugai, Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005), lowest band of H(i, j) on a closed mesh.

    C = int d^2k Omega_xy/(2 pi), Omega = d_x A_y - d_y A_x, A = <u|i d|u>.
    """
    u = np.linalg.eigh(H)[1][..., 0]
    link = lambda axis: np.einsum("ijn,ijn->ij", u.conj(), np.roll(u, -1, axis))  # noqa: E731
    x, y = link(0), link(1)
    flux = np.angle(x * np.roll(y, -1, 0) / (np.roll(x, -1, 1) * y))
    return -flux.sum() / TWO_PI  # a link is exp(-i A dk)


def response_L0(model, n, mu, kT, observable):
    """docs/theory.md section 3, block L0, by brute force; (..., field)."""
    k = mesh(n, model)
    e, U = np.linalg.eigh(hamiltonian(model, k))
    v = np.array([fourier(model, model.hamiltonian_R, k, along=b) for b in range(3)])
    v, s = (U.conj().swapaxes(1, 2) @ X @ U for X in (v, spin(model, k)))
    O = {  # noqa: E741
        "charge": v,
        "zeeman": s / 2,
        "spin": (v[:, None] @ s[None] + s[None] @ v[:, None]) / 4,
    }[observable]
    eps = e[:, :, None] - e[:, None, :]
    weight = np.divide(2, eps**2, out=np.zeros_like(eps), where=np.abs(eps) > 1e-6)
    f = (1 - np.tanh((e - mu) / (2 * kT))) / 2
    cell = abs(np.linalg.det(model.lattice))
    return np.einsum("kn,bknm,...kmn,knm->...b", f, v, O, weight, optimize=True).imag / (len(k) * cell)


# Every lattice model


@pytest.mark.parametrize("name", LATTICE_MODELS)
def test_is_hermitian_and_periodic(name):
    model = models.get(name)
    H = hamiltonian(model, K)
    assert np.abs(H).max() > 0.1
    assert np.abs(H - H.conj().swapaxes(1, 2)).max() < 1e-14
    G = np.array([2, -1, 3]) * np.array(model.periodic)
    assert np.abs(energies(model, K) - energies(model, K + G)).max() < 1e-12


@pytest.mark.parametrize("name", sorted(set(LATTICE_MODELS) - {"chiral_flat", "random_model"}))
def test_spin_is_pauli_on_every_site(name):
    model = models.get(name)
    s = spin(model, K)
    expected = np.array([np.kron(np.eye(model.n_bands // 2), pauli) for pauli in PAULI])
    assert np.abs(s - expected[:, None]).max() < 1e-14
    assert np.abs(s[0] @ s[1] - s[1] @ s[0] - 2j * s[2]).max() < 1e-14


@pytest.mark.parametrize("name", sorted(set(LATTICE_MODELS) - {"random_model"}))
def test_lattice_constant_scales_lengths_only(name):
    one, three = models.get(name), models.get(name, a=3.0)
    assert np.abs(energies(one, K) - energies(three, K)).max() < 1e-12
    along = np.array(one.periodic)
    assert np.allclose(three.lattice[along], 3 * one.lattice[along])
    assert np.allclose(three.centres, 3 * one.centres)
    assert one.periodic[2] or np.allclose(three.lattice[2], [0, 0, 1])


# Two-band metals


def test_rashba_exchange_bands():
    model = models.rashba_exchange()
    x, y, _ = cartesian(model, K).T
    e0 = -2 * (np.cos(x) + np.cos(y)) - 0.3 * np.sin(x) * np.sin(y)
    d = np.array([
        0.5 * np.sin(y) + 0.2 * np.sin(x) + 0.25,
        -0.5 * np.sin(x) - 0.2 * np.sin(y) + 0.15,
        np.full_like(x, 0.45),
    ])  # fmt: skip
    H = hamiltonian(model, K)
    assert np.abs(H - e0[:, None, None] * np.eye(2) - np.einsum("ck,cij->kij", d, PAULI)).max() < 1e-13
    size = np.linalg.norm(d, axis=0)
    assert_bands(model, K, e0 - size, e0 + size)


def test_rashba_exchange_symmetry():
    model = models.rashba_exchange()
    assert min(T_residual(model), P_residual(model, [0]), PT_residual(model, [0])) > 0.1
    assert T_residual(models.rashba_exchange(exchange=(0, 0, 0))) < 1e-14
    assert P_residual(models.rashba_exchange(rashba=0, dresselhaus=0), [0]) < 1e-14


@pytest.mark.parametrize("rashba", [0.0, 0.3])
def test_altermagnet_bands(rashba):
    model = models.altermagnet(rashba=rashba)
    x, y, _ = cartesian(model, K).T
    e0 = -2 * (np.cos(x) + np.cos(y))
    d = np.sqrt((0.4 * np.sin(x) * np.sin(y)) ** 2 + rashba**2 * (np.sin(x) ** 2 + np.sin(y) ** 2))
    up = hamiltonian(model, K)[:, 0, 0]
    assert np.abs(up - e0 - 0.4 * np.sin(x) * np.sin(y)).max() < 1e-13
    assert_bands(model, K, e0 - d, e0 + d)


@pytest.mark.parametrize("rashba", [0.0, 0.3])
def test_altermagnet_symmetry(rashba):
    model = models.altermagnet(rashba=rashba)
    assert T_residual(model) > 0.1
    assert PT_residual(model, [0]) > 0.1
    if rashba:
        assert P_residual(model, [0]) > 0.1
    else:
        assert P_residual(model, [0]) < 1e-14
    C4 = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])  # on k and R; spin: exp(-i pi/4 sz)
    U = np.diag(np.exp([-0.25j * np.pi, 0.25j * np.pi]))
    assert np.abs(transformed(PAULI[0], U) - PAULI[1]).max() < 1e-15
    moved = transformed(hamiltonian(model, -K).conj(), U @ (1j * SY))
    assert np.abs(moved - hamiltonian(model, K @ C4.T)).max() < 1e-14


def test_altermagnet_reference_conductivity():
    """docs/theory.md section 3: sigma1_xy;z = sum d_y f_n v^{x;z}_n, a closed form since sz is conserved."""
    model = models.altermagnet()
    k = mesh(160, model)
    v = [fourier(model, model.hamiltonian_R, k, along=b).diagonal(axis1=1, axis2=2).real for b in (0, 1)]
    e = hamiltonian(model, k).diagonal(axis1=1, axis2=2).real
    df = -(1 - np.tanh((e + 2.5) / 0.2) ** 2) / (4 * 0.1)
    sigma = (df * v[1] * v[0] * [0.5, -0.5]).sum() / len(k)
    assert abs(sigma - -0.0335615571929) < 1e-11


# P T antiferromagnet


def test_pt_antiferromagnet_bands():
    model = models.pt_antiferromagnet()
    x, y, _ = cartesian(model, K).T
    n = np.array([0.6, 0.3, 0.742])
    m = 0.8 * np.array([-np.sin(y), np.sin(x), 0 * x]) + 0.6 * (n / np.linalg.norm(n))[:, None]
    H = hamiltonian(model, K)
    shift = -0.08 * (np.cos(x) + np.cos(y))
    m_sigma = np.einsum("ck,cij->kij", m, PAULI)
    assert np.abs(H[:, :2, :2] - shift[:, None, None] * np.eye(2) - m_sigma).max() < 1e-13
    assert np.abs(H[:, 0, 2] + 2 * np.cos(x / 2) * np.cos(y / 2)).max() < 1e-13
    size = np.sqrt((2 * np.cos(x / 2) * np.cos(y / 2)) ** 2 + (m**2).sum(axis=0))
    assert_bands(model, K, shift - size, shift - size, shift + size, shift + size)


def test_pt_antiferromagnet_symmetry():
    model = models.pt_antiferromagnet()
    assert T_residual(model) > 0.1
    assert P_residual(model, [1, 0]) > 0.1
    assert PT_residual(model, [1, 0]) < 1e-14
    without = models.pt_antiferromagnet(neel=0)
    assert np.abs(hamiltonian(without, K)).max() > 0.1
    assert max(T_residual(without), P_residual(without, [1, 0])) < 1e-14
    turned = models.pt_antiferromagnet(direction=(6.0, 3.0, 7.42))  # only the direction counts
    assert np.abs(turned.hamiltonian_R - model.hamiltonian_R).max() < 1e-15
    with pytest.raises(InputError, match="neel=0"):
        models.pt_antiferromagnet(direction=(0, 0, 0))


AFM, RASHBA = models.pt_antiferromagnet, models.rashba_exchange


# block L0 of docs/theory.md section 9, rows: field; columns: spin
AFM_INSULATOR = [
    [-0.07401409648413586, 0, -0.0008998454284166952],
    [0, -0.056555805476398845, -0.0022805581717787976],
]
AFM_METAL = [
    [-0.0033793900941896543, 0, 0.011063996470884943],
    [0, -0.005461767211212603, 0.00736647696335597],
]
RASHBA_METAL = [
    [0.0030005175820082943, 0.00120020703280332, -0.0003599804125691032],
    [0.000614955600917095, 0.0015373890022927486, -0.0004670086492206882],
]
RASHBA_LOW = [
    [-0.018519926903913957, -0.007407970761565582, 0.00980866340317798],
    [-0.007309382162377686, -0.018273455405944213, 0.008806990293205703],
]


@pytest.mark.parametrize(
    ("build", "mu", "kT", "expected", "tolerance"),
    [
        (AFM, 0.09, 0.015, AFM_INSULATOR, 1e-14),
        (AFM, -0.9, 0.08, AFM_METAL, 1e-12),
        (RASHBA, 0.3, 0.1, RASHBA_METAL, 1e-9),
        (RASHBA, -3.2, 0.06, RASHBA_LOW, 1e-7),
    ],
    ids=["afm_insulator", "afm_metal", "rashba_metal", "rashba_low"],
)
def test_reference_spin_density(build, mu, kT, expected, tolerance):
    """The tolerance is the error of the 100 x 100 mesh."""
    found = response_L0(build(), 100, mu, kT, "zeeman")
    assert np.abs(found[:, :2] - np.transpose(expected)).max() < tolerance


# Honeycomb


def kane_mele_fg(model, k):
    k = cartesian(model, k)
    k1, k2 = k @ model.lattice[0], k @ model.lattice[1]
    f2 = 3 + 2 * (np.cos(k1) + np.cos(k2) + np.cos(k1 - k2))
    return f2, -2 * (np.sin(k1) - np.sin(k2) - np.sin(k1 - k2))


def test_kane_mele_bands():
    model = models.kane_mele(t=1.1, soc=0.2, sublattice=0.3, exchange=(0, 0, 0.15))
    f2, g = kane_mele_fg(model, K)
    bands = [s * 0.15 + r * np.sqrt(1.1**2 * f2 + (0.2 * s * g + 0.3) ** 2) for s in (1, -1) for r in (1, -1)]
    assert_bands(model, K, *bands)
    assert np.abs(hamiltonian(model, K)[:, 0, 0].real - 0.2 * g - 0.3 - 0.15).max() < 1e-13  # A, spin up


def test_kane_mele_rashba_by_hand():
    """The bond below A: i = A, j = B, so that d_ij = (0, 1) and (s x d_ij)_z = sx."""
    model = models.kane_mele(t=0, soc=0, rashba=0.3)
    bond = model.hamiltonian_R[(model.R_vectors == [0, -1, 0]).all(axis=1)][0][:2, 2:]
    assert np.allclose(bonds(model)[(model.R_vectors == [0, -1, 0]).all(axis=1)][0][0, 2], [0, -1 / np.sqrt(3), 0])
    assert np.abs(bond - 0.3j * PAULI[0]).max() < 1e-15


def test_kane_mele_symmetry():
    plain = models.kane_mele()
    assert np.abs(hamiltonian(plain, K)).max() > 0.1
    assert max(T_residual(plain), P_residual(plain, [1, 0]), PT_residual(plain, [1, 0])) < 1e-14
    for broken in (models.kane_mele(rashba=0.2), models.kane_mele(sublattice=0.2)):
        assert P_residual(broken, [1, 0]) > 0.1
        assert T_residual(broken) < 1e-14
    magnet = models.kane_mele(exchange=(0.1, 0.2, 0.3))
    assert T_residual(magnet) > 0.1
    assert P_residual(magnet, [1, 0]) < 1e-14


@pytest.mark.parametrize("sublattice", [0.0, 0.2, 0.6])
def test_kane_mele_gap(sublattice):
    model = models.kane_mele(sublattice=sublattice)
    expected = 2 * abs(3 * np.sqrt(3) * 0.06 - sublattice)
    e = energies(model, mesh(60, model))  # holds K = (1/3, 2/3)
    assert expected > 0.1
    assert abs(e[:, 2].min() - e[:, 1].max() - expected) < 1e-12


@pytest.mark.parametrize("soc", [0.06, -0.06])
def test_kane_mele_spin_chern_numbers(soc):
    model = models.kane_mele(soc=soc)
    k = mesh(24, model)
    up, down = (fourier_cell(model, k)[:, s::2, s::2].reshape(24, 24, 2, 2) for s in (0, 1))
    assert abs(chern_number(up) + np.sign(soc)) < 1e-10
    assert abs(chern_number(down) - np.sign(soc)) < 1e-10
    trivial = models.kane_mele(soc=soc, sublattice=0.5)
    assert abs(chern_number(fourier_cell(trivial, k)[:, ::2, ::2].reshape(24, 24, 2, 2))) < 1e-10


def fourier_cell(model, k):
    """H(k) without the sites in the phase: periodic in the reciprocal lattice."""
    return np.einsum("Rnm,kR->knm", model.hamiltonian_R, np.exp(1j * TWO_PI * k @ model.R_vectors.T))


@pytest.mark.parametrize("soc", [0.06, -0.06])
def test_kane_mele_quantized_spin_hall(soc):
    sigma = response_L0(models.kane_mele(soc=soc), 90, 0.0, 0.002, "spin")  # (flow, spin, field)
    assert abs(sigma[0, 2, 1] + np.sign(soc) / TWO_PI) < 1e-11
    assert abs(sigma[1, 2, 0] - np.sign(soc) / TWO_PI) < 1e-11


# Kagome


def test_kagome_bands_without_exchange():
    model = models.kagome_mn3sn(t=1.2, J=0)
    k = cartesian(model, K)
    a1, a2, _ = model.lattice
    c2 = sum(np.cos(k @ d / 2) ** 2 for d in (a1, a2, a1 - a2))
    root = np.sqrt(4 * c2 - 3)
    bands = [np.full(len(K), -2.4), 1.2 * (1 + root), 1.2 * (1 - root)]
    assert_bands(model, K, *bands, *bands)


@pytest.mark.parametrize("chirality", [+1, -1])
def test_kagome_bands_at_gamma(chirality):
    model = models.kagome_mn3sn(soc=0.2, angle=0.4, chirality=chirality)
    q = np.sqrt(3) * chirality * 0.2
    root = np.sqrt((3 - q) ** 2 + 1.7**2)
    expected = [-2 - 2 * q + 1.7, -2 - 2 * q - 1.7, 1 + q + root, 1 + q - root, 1 + q + root, 1 + q - root]
    assert_bands(model, np.zeros((1, 3)), *[[e] for e in expected])


def test_kagome_symmetry():
    flat = models.kagome_mn3sn(soc=0.2, angle=0.4)
    assert min(T_residual(flat), PT_residual(flat, [0, 1, 2])) > 0.1
    assert P_residual(flat, [0, 1, 2]) < 1e-14
    spin_turn = np.kron(np.eye(3), SZ @ (1j * SY))
    assert T_residual(flat, spin_turn) < 1e-14
    assert T_residual(models.kagome_mn3sn(canting=0.2), spin_turn) > 0.1
    with pytest.raises(InputError, match="chirality"):
        models.kagome_mn3sn(chirality=2)


def test_kagome_three_fold_rotation():
    """C3z about the centre of a triangle: sites 0 -> 1 -> 2, spin turned by 2 pi/3."""
    third = TWO_PI / 3
    C3 = np.array([[np.cos(third), -np.sin(third), 0], [np.sin(third), np.cos(third), 0], [0, 0, 1]])
    U = np.kron(np.eye(3)[[2, 0, 1]], np.diag(np.exp([-0.5j * third, 0.5j * third])))

    def residual(model):
        k = cartesian(model, K)
        turned = k @ C3.T @ model.lattice.T / TWO_PI  # reduced
        return np.abs(transformed(hamiltonian(model, K), U) - hamiltonian(model, turned)).max()

    assert residual(models.kagome_mn3sn(soc=0.2, chirality=+1, canting=0.3)) < 1e-13
    assert residual(models.kagome_mn3sn(soc=0.2, chirality=-1)) > 0.1


def test_kagome_moments_make_120_degrees():
    model = models.kagome_mn3sn(angle=0.4)
    home = model.hamiltonian_R[(model.R_vectors == 0).all(axis=1)][0]
    n = np.array([np.einsum("ij,cji->c", home[i : i + 2, i : i + 2], PAULI).real / 2 / 1.7 for i in (0, 2, 4)])
    assert np.abs(n @ n.T - (1.5 * np.eye(3) - 0.5)).max() < 1e-14
    assert np.cross(n[0], n[1])[2] < -0.8  # the inverse triangular order


def test_kagome_selection_rules():
    """In the plane: no anomalous Hall effect, T-even spin Hall only for sz, magnetic spin Hall only for sx and sy."""
    flat, canted = models.kagome_mn3sn(soc=0.2, angle=0.4), models.kagome_mn3sn(soc=0.2, angle=0.4, canting=0.3)
    hall = [response_L0(model, 40, -1.0, 0.1, "charge")[0, 1] for model in (flat, canted)]
    assert abs(hall[0]) < 1e-12
    assert abs(hall[1]) > 1e-4
    spin_hall = np.abs(response_L0(flat, 40, -1.0, 0.1, "spin")).max(axis=(0, 2))
    assert spin_hall[2] > 1e-3
    assert spin_hall[:2].max() < 1e-12
    magnetic = np.abs(magnetic_spin_conductivity(flat, 40, -1.0, 0.1)).max(axis=(0, 2))
    assert magnetic[:2].min() > 1e-3
    assert magnetic[2] < 1e-12


def magnetic_spin_conductivity(model, n, mu, kT):
    """sum d_b f_n O_nn without degenerate pairs, (flow, spin, field)."""
    k = mesh(n, model)
    e, U = np.linalg.eigh(hamiltonian(model, k))
    v = np.array([fourier(model, model.hamiltonian_R, k, along=b) for b in range(3)])
    v, s = (U.conj().swapaxes(1, 2) @ X @ U for X in (v, spin(model, k)))
    current = np.einsum("aknm,ckmn->ackn", v, s).real / 2
    df = -(1 - np.tanh((e - mu) / (2 * kT)) ** 2) / (4 * kT)
    return np.einsum("ackn,bknn,kn->acb", current, v.real, df) / (len(k) * abs(np.linalg.det(model.lattice)))


# Three dimensions


@pytest.mark.parametrize("tilt", [(0.2, 0.0, 0.3), (0.1, -0.3, 0.6)])
def test_weyl_bands_and_nodes(tilt):
    node = 1.1
    model = models.weyl(t=0.9, mass=1.3, v=0.7, node=node, tilt=tilt)
    x, y, z = cartesian(model, K).T
    d = [0.7 * np.sin(x), 0.7 * np.sin(y), 0.9 * (np.cos(z) - np.cos(node)) + 1.3 * (np.cos(x) + np.cos(y) - 2)]
    e0 = tilt[0] * np.sin(x) + tilt[1] * np.sin(y) + tilt[2] * (np.cos(z) - np.cos(node))
    H = hamiltonian(model, K)
    expected = e0[:, None, None] * np.eye(2) + np.einsum("ck,cij->kij", d, PAULI)
    assert np.abs(H - expected).max() < 1e-13
    assert_bands(model, K, e0 + np.linalg.norm(d, axis=0), e0 - np.linalg.norm(d, axis=0))
    nodes = np.array([[0, 0, node], [0, 0, -node]]) / TWO_PI
    assert np.abs(energies(model, nodes)).max() < 1e-14
    slope = np.array([fourier(model, model.hamiltonian_R, nodes, along=b) for b in range(3)])
    cone = np.einsum("bkij,cji->kbc", slope, PAULI).real / 2
    assert np.array_equal(np.sign(np.linalg.det(cone)), [-1, +1])
    assert np.allclose(cone[0], np.diag([0.7, 0.7, -0.9 * np.sin(node)]))
    tilts = np.einsum("bkii->kb", slope).real / 2
    assert np.allclose(tilts, [[tilt[0], tilt[1], -tilt[2] * np.sin(node)], [tilt[0], tilt[1], tilt[2] * np.sin(node)]])


def test_weyl_has_no_other_touching():
    model = models.weyl()
    k = mesh(24, model)  # holds both nodes
    gap = np.ptp(energies(model, k), axis=1)
    assert sorted(k[gap < 1e-10, 2].tolist()) == [0.25, 0.75]
    assert np.sort(gap)[2] > 0.1


@pytest.mark.parametrize(("kz", "expected"), [(0.0, 1), (0.2, 1), (-0.2, 1), (0.3, 0), (0.5, 0)])
def test_weyl_chern_number_of_planes(kz, expected):
    model = models.weyl(tilt=(0, 0, 0))
    k = mesh(30, model).reshape(30, 30, 30, 3)[:, :, 0].reshape(-1, 3) + [0, 0, kz]
    H = fourier_cell(model, k).reshape(30, 30, 2, 2)
    assert abs(chern_number(H) - expected) < 1e-10


def test_weyl_symmetry():
    tilted, upright = models.weyl(), models.weyl(tilt=(0, 0, 0.3))
    for model in (tilted, upright):
        assert min(T_residual(model), P_residual(model, [0]), PT_residual(model, [0])) > 0.1
    C2 = [-1, -1, 1]
    turned = [np.abs(transformed(hamiltonian(m, K), SZ) - hamiltonian(m, K * C2)).max() for m in (tilted, upright)]
    assert turned[0] > 0.1
    assert turned[1] < 1e-14


def zincblende_D(k):
    x, y, z = np.asarray(k).T / 2
    return 4 * np.array([
        np.sin(x) * (np.cos(z) - np.cos(y)),
        np.sin(y) * (np.cos(x) - np.cos(z)),
        np.sin(z) * (np.cos(y) - np.cos(x)),
    ])  # fmt: skip


def test_zincblende_bands():
    model = models.zincblende(t=0.9, soc=0.11, sublattice=0.6)
    k = cartesian(model, K)
    directions = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 4
    f = 0.9 * np.exp(1j * k @ directions.T).sum(axis=1)
    D = 0.11 * zincblende_D(k)
    H, D_sigma = hamiltonian(model, K), np.einsum("ck,cij->kij", D, PAULI)
    assert np.abs(H[:, :2, :2] - 0.6 * np.eye(2) - D_sigma).max() < 1e-13
    assert np.abs(H[:, 2:, 2:] + 0.6 * np.eye(2) + D_sigma).max() < 1e-13
    assert np.abs(H[:, 0, 2] - f).max() < 1e-13
    size = np.linalg.norm(D, axis=0)
    assert size.min() > 0.01
    assert_bands(model, K, *[r * np.sqrt(np.abs(f) ** 2 + (0.6 + s * size) ** 2) for r in (1, -1) for s in (1, -1)])


def test_zincblende_gap_is_at_W():
    model = models.zincblende()
    W = np.array([[1.0, 0.5, 0.0]]) @ model.lattice.T  # Cartesian in 2 pi/a, to reduced
    assert abs(np.linalg.norm(zincblende_D(cartesian(model, W))) - 8) < 1e-12
    assert abs(np.diff(energies(model, W)[0])[1] - 1.2) < 1e-12
    e = energies(model, mesh(24, model))
    assert e[:, 2].min() - e[:, 1].max() > 1.2 - 1e-12


def test_zincblende_symmetry():
    model = models.zincblende()
    assert P_residual(model, [1, 0]) > 0.1
    assert PT_residual(model, [1, 0]) > 0.1
    assert T_residual(model) < 1e-14
    diamond = models.zincblende(sublattice=0)
    assert max(P_residual(diamond, [1, 0]), T_residual(diamond)) < 1e-14
    # Td: C3 about (111) turns x -> y -> z, spin too; mirror x <-> y acts on the axial spin as -(x <-> y)
    C3 = np.roll(np.eye(3), 1, axis=0)
    U = np.kron(np.eye(2), (np.eye(2) - 1j * PAULI.sum(axis=0)) / 2)
    M = np.eye(3)[[1, 0, 2]]
    V = np.kron(np.eye(2), (PAULI[0] - PAULI[1]) / np.sqrt(2))
    for O, W in [(C3, U), (M, V)]:  # noqa: E741
        assert np.abs(transformed(hamiltonian(model, K), W) - hamiltonian(model, turn(model, O))).max() < 1e-13
    assert np.abs(hamiltonian(model, K) - hamiltonian(model, turn(model, C3))).max() > 0.1


def turn(model, rotation):
    """The reduced k points of the rotated Cartesian K."""
    return cartesian(model, K) @ rotation.T @ model.lattice.T / TWO_PI


# Synthetic models


@pytest.mark.parametrize("seed", range(4))
def test_chiral_flat_has_two_zero_bands(seed):
    model = models.chiral_flat(seed=seed)
    H, e = hamiltonian(model, K), energies(model, K)
    h = np.linalg.norm(H[:, 0, 1:], axis=1)
    assert np.ptp(h) > 0.1
    assert np.abs(e[:, 1:3]).max() < 1e-14
    assert np.abs(e[:, 3] - h).max() < 1e-13
    assert energies(model, mesh(30, model))[:, 3].min() > 2 - 8 * 0.2
    C = np.diag([1, -1, -1, -1])
    assert np.abs(C @ H + H @ C).max() == 0


def test_chiral_flat_spin_is_generic():
    model = models.chiral_flat()
    s = spin(model, K)[:, 0]
    assert np.allclose(np.abs(np.linalg.eigvalsh(s)).max(axis=1), 1)
    flat = np.linalg.eigh(hamiltonian(model, K))[1][:, :, 1:3]
    inside = np.einsum("kni,cnm,kmj->ckij", flat.conj(), s, flat)
    assert np.abs(inside[..., 0, 1]).min(axis=1).max() > 0.01  # mixes the pair
    assert np.abs(s[0] @ s[1] - s[1] @ s[0]).max() > 0.1
    assert np.abs(s[:, 0, 1:]).max() > 0.1  # and the two sublattices
    assert np.abs(s[:, 1:, 1:]).max() > 0.1
    assert min(np.abs(H_minus - hamiltonian(model, K)).max() for H_minus in
               (hamiltonian(model, -K), hamiltonian(model, -K).conj(), hamiltonian(model, K).conj())) > 0.1  # fmt: skip


@pytest.mark.parametrize("periodic", [(True, True, True), (True, True, False), (False, False, True)])
def test_random_model_is_hermitian_and_generic(periodic):
    model = models.random_model(n=3, seed=5, periodic=periodic)
    assert len(model.R_vectors) == 3 ** sum(periodic)
    assert model.periodic == periodic
    assert (model.R_vectors[:, ~np.array(periodic)] == 0).all()
    for operator in (model.hamiltonian_R, model.position_R, model.spin_R):
        adjoint = operator[::-1].swapaxes(1, 2).conj()  # R -> -R
        assert np.abs(operator - adjoint).max() < 1e-14
        assert np.abs(operator.imag).max() > 0.1
    off_diagonal = ~np.eye(3, dtype=bool)
    assert np.abs(model.position_R[len(model.R_vectors) // 2][off_diagonal]).max() > 0.05
    assert model.has_connection
    along, across = np.array(periodic), ~np.array(periodic)
    assert np.abs(model.lattice[along] @ model.lattice[across].T).max(initial=0) == 0


def test_random_model_is_fixed_by_its_seed():
    first, again, other = (models.random_model(seed=seed).hamiltonian_R for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
