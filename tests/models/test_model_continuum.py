"""k·p models: Hamiltonians, bands, symmetries, and exact results that fix signs and parameters."""

from dataclasses import replace

import numpy as np
import pytest
from rounding import same

from wannier_spin import models
from wannier_spin.errors import InputError
from wannier_spin.models.hoppings import PAULI, S0, SX, SY, SZ

K = np.random.default_rng(3).uniform(-0.1, 0.1, (6, 2))  # 1/angstrom
G0 = 2.43413481e-4  # e^2/hbar, S
HBAR = 6.582119569e-16  # eV s


def hamiltonian(model, k):
    k = np.pad(k, ((0, 0), (0, 1)))
    H = model.constant + np.einsum("ka,anm->knm", k, model.linear)
    return H + np.einsum("ka,kb,abnm->knm", k, k, model.quadratic) / 2


def T_residual(model, sign):
    """max |sy H(sign k)* sy - H(k)|: T for sign = -1, P T (spin-diagonal P) for +1."""
    U = np.kron(np.eye(model.n_bands // 2), SY)
    return np.abs(U @ hamiltonian(model, sign * K).conj() @ U - hamiltonian(model, K)).max()


@pytest.mark.parametrize("name", ["massive_dirac", "tilted_dirac", "tilted_dirac_pair"])
def test_is_hermitian_and_unsymmetric(name):
    model = models.get(name)
    H = hamiltonian(model, K)
    assert np.abs(H).max() > 1e-3
    assert np.abs(H - H.conj().swapaxes(1, 2)).max() < 1e-16
    assert np.abs(hamiltonian(model, -K) - H).max() > 1e-2
    assert min(T_residual(model, -1), T_residual(model, +1)) > 1e-2
    assert model.cutoff == np.inf
    assert models.get(name, cutoff=2.0).cutoff == 2.0


@pytest.mark.parametrize("definition", ["ryoo", "qiao"])
def test_spin_currents_of_a_continuum_are_simple(definition):
    with pytest.raises(InputError, match=f"'{definition}' is not there"):
        models.massive_dirac().check_spin_current(definition)


@pytest.mark.parametrize(("along", "rises"), [((1, 1), True), ((1, 0.01), True), ((1, 0), False), ((1, -1), False)])
def test_the_sea_has_a_bottom_where_all_bands_rise(along, rises):
    quadratic = np.zeros((3, 3, 2, 2), complex)
    quadratic[[0, 1], [0, 1]] = np.multiply.outer(along, S0)
    model = replace(models.massive_dirac(), quadratic=quadratic)
    assert (model.rises_everywhere, model.sea_diverges) == (rises, not rises)
    assert not replace(model, cutoff=2.0).sea_diverges


def test_velocity_from_si():
    assert abs(models.velocity_si(1e5) - 0.6582119569) < 1e-10


def test_massive_dirac():
    model = models.massive_dirac(v=1.3, gap=-0.05)
    expected = 1.3 * (K[:, 0, None, None] * SX + K[:, 1, None, None] * SY) - 0.05 * SZ
    assert np.abs(hamiltonian(model, K) - expected).max() < 1e-16
    assert np.array_equal(model.spin, PAULI)
    e = np.linalg.eigvalsh(hamiltonian(model, np.zeros((1, 2))))[0]
    assert np.allclose(e, [-0.05, 0.05])  # `gap` is half of the spectral gap
    assert T_residual(models.massive_dirac(gap=0), -1) < 1e-16
    assert np.abs(SZ @ hamiltonian(model, -K) @ SZ - hamiltonian(model, K)).max() < 1e-16  # C2z


@pytest.mark.parametrize(("mu", "expected"), [(0.0, 1 / (8 * np.pi)), (2.0, 1 / (16 * np.pi))])
def test_massive_dirac_intrinsic_magnetization(mu, expected):
    """(6b): beta0_xy = D/(8 pi v max(mu, D)), the disk by Gauss-Legendre in k = tan(u), D = 1, v = 1/2."""
    model = models.massive_dirac(v=0.5, gap=1.0)
    start = np.arctan(np.sqrt(max(mu**2 - 1, 0)) / 0.5)  # no pair below: both filled
    x, w = np.polynomial.legendre.leggauss(60)
    u = start + (np.pi / 2 - start) * (x + 1) / 2
    radius, weight = np.tan(u), w * (np.pi / 2 - start) / 2 / np.cos(u) ** 2
    angle = 2 * np.pi * np.arange(8) / 8
    k = np.stack([np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))], axis=-1).reshape(-1, 2)
    measure = np.repeat(weight * radius, 8) * 2 * np.pi / 8 / (2 * np.pi) ** 2
    e, U = np.linalg.eigh(hamiltonian(model, k))
    lower, upper = U[:, :, 0], U[:, :, 1]
    v = np.einsum("kn,anm,km->ak", lower.conj(), model.linear, upper)
    s = np.einsum("kn,anm,km->ak", upper.conj(), model.spin, lower) / 2
    beta = np.einsum("ak,bk,k->ab", s, v, 2 * measure / (e[:, 0] - e[:, 1]) ** 2).imag
    assert abs(beta[0, 1] - expected / 0.5) < 1e-10
    assert abs(beta[1, 0] + expected / 0.5) < 1e-10


@pytest.mark.parametrize("valley", [+1, -1])
def test_tilted_dirac(valley):
    vx, vy, beta, alpha = 0.7, 0.5, 0.02, 0.1
    model = models.tilted_dirac(vx=vx, vy=vy, beta=beta, alpha=alpha, valley=valley)
    x, y = K.T[:, :, None, None]
    expected = vx * x * SY - valley * vy * y * SX + beta * SZ + valley * alpha * y * S0
    assert np.abs(hamiltonian(model, K) - expected).max() < 1e-16
    size = np.sqrt((vx * K[:, 0]) ** 2 + (vy * K[:, 1]) ** 2 + beta**2)
    bands = np.stack([valley * alpha * K[:, 1] - size, valley * alpha * K[:, 1] + size], axis=1)
    assert np.abs(np.linalg.eigvalsh(hamiltonian(model, K)) - bands).max() < 1e-15


def test_tilted_dirac_indirect_gap():
    y = np.linspace(-0.1, 0.1, 20001)
    e = np.linalg.eigvalsh(hamiltonian(models.tilted_dirac(), np.stack([0 * y, y], axis=1)))
    assert abs(e[:, 1].min() - e[:, 0].max() - 0.02 * np.sqrt(1 - 0.1**2)) < 1e-9


def test_tilted_dirac_rejects_a_third_valley():
    with pytest.raises(InputError, match="valley is 0"):
        models.tilted_dirac(valley=0)


def test_tilted_dirac_pair():
    pair = models.tilted_dirac_pair()
    H = hamiltonian(pair, K)
    for block, s in ((slice(0, 2), +1), (slice(2, 4), -1)):
        cone = models.tilted_dirac(valley=s)
        assert same(H[:, block, block], hamiltonian(cone, K))
        assert np.array_equal(pair.spin[:, block, block], PAULI)
    assert np.abs(H[:, :2, 2:]).max() == 0
    swap = np.kron(SX, S0)  # the cones, with ky -> -ky
    assert np.abs(swap @ hamiltonian(pair, K * [1, -1]) @ swap - H).max() < 1e-16
    assert np.abs(H - hamiltonian(pair, K * [1, -1])).max() > 1e-2


DRUDE = [(0.012, 1.75939090e-12), (0.020, 2.42302727e-12), (-0.060, -1.94644482e-12)]  # mu, (hbar/e) A m/V^2


@pytest.mark.parametrize(("mu", "expected"), DRUDE)
def test_tilted_dirac_pair_drude_spin_current(mu, expected):
    """docs/theory.md section 8, N2 of sigma_yxy;y at T = 0, integrated along the Fermi line."""
    natural = sum(drude_yxyy(models.tilted_dirac(valley=s), mu) for s in (+1, -1))  # eV angstrom
    assert abs(natural * 1e-10 * G0 * (0.5e-12 / HBAR) ** 2 / expected - 1) < 1e-8


def drude_yxyy(model, mu):
    """int_k delta(E_n - mu) v^y_n B^x_n, B^x_n = 2 Re[O_nm v^x_mn]/eps_nm, O = {v^y, sy}/4."""
    angle = 2 * np.pi * np.arange(200) / 200
    tilt, velocity = model.linear[1].trace().real / 2, models.velocity_si(1e5)
    # (mu - tilt k sin)^2 = v^2 k^2 + beta^2, the positive root
    a, b, c = velocity**2 - (tilt * np.sin(angle)) ** 2, tilt * mu * np.sin(angle), mu**2 - 0.01**2
    radius = (-b + np.sqrt(b**2 + a * c)) / a
    radial = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    e, U = np.linalg.eigh(hamiltonian(model, radius[:, None] * radial))
    n, m = (1, 0) if mu > 0 else (0, 1)
    assert np.abs(e[:, n] - mu).max() < 1e-14
    rotate = lambda X: U.conj().swapaxes(1, 2) @ X @ U  # noqa: E731
    vx, vy = rotate(model.linear[0]), rotate(model.linear[1])
    O = rotate(model.linear[1] @ model.spin[1] + model.spin[1] @ model.linear[1]) / 4  # noqa: E741
    B = 2 * (O[:, n, m] * vx[:, m, n]).real / (e[:, n] - e[:, m])
    slope = np.abs((radial * np.stack([vx[:, n, n].real, vy[:, n, n].real], axis=1)).sum(axis=1))
    return (radius / slope * vy[:, n, n].real * B).mean() / (2 * np.pi)
