"""Spin and Zeeman quantum geometric tensors: definitions of docs/theory.md, section 1, and the printed equations of section 2.

The equations are evaluated here from metric, curvature and energies alone, and compared with the building blocks.
"""

import numpy as np
import pytest
from responses.test_gauge import rotated

import wannier_spin as ws
from wannier_spin import band_geometry, models, responses
from wannier_spin.quantum_geometry import curvature, dipole, metric, position
from wannier_spin.responses import BandPairs

K = np.random.default_rng(1).uniform(-0.5, 0.5, (10, 3))
SIMPLE = band_geometry(models.random_model(n=4, seed=1), K, degeneracy_tolerance=1e-8)
PAIRS = {
    "pt_antiferromagnet": band_geometry(models.pt_antiferromagnet(), K * [1, 1, 0], degeneracy_tolerance=1e-8, derivatives=True),
    "chiral_flat": band_geometry(models.chiral_flat(), K * [1, 1, 0], degeneracy_tolerance=1e-8, derivatives=True),
}


@pytest.mark.parametrize("g", [SIMPLE, *PAIRS.values()], ids=["random", *PAIRS])
def test_definitions(g):
    """T^{ab;c}_nm = v^{a;c}_nm v^b_mn/eps^2, Tbar^{ab}_nm = r^a_nm sigma^b_mn, element by element."""
    spin, zeeman = ws.spin_qgt(g), ws.zeeman_qgt(g)
    k, n = g.energies.shape
    assert spin.shape == (k, 3, 3, 3, n, n)
    assert zeeman.shape == (k, 3, 3, n, n)
    assert np.abs(spin).max() > 5e-3
    assert np.abs(zeeman).max() > 5e-3
    for i in range(n):
        for j in range(n):
            same = g.group[:, i] == g.group[:, j]
            assert np.abs(spin[same, ..., i, j]).sum() == np.abs(zeeman[same, ..., i, j]).sum() == 0
            eps = np.where(same, np.inf, g.energies[:, i] - g.energies[:, j])
            expected = np.einsum("kac,kb,k->kabc", g.spin_current[..., i, j], g.velocity[..., j, i], eps**-2.0)
            assert np.abs(spin[..., i, j] - expected).max() < 1e-12 * np.abs(spin).max()
            r = -1j * g.velocity[..., i, j] / eps[:, None]
            assert np.abs(position(g)[..., i, j] - r).max() < 1e-12 * np.abs(position(g)).max()
            assert np.abs(zeeman[..., i, j] - np.einsum("ka,kb->kab", r, g.spin[..., j, i])).max() < 1e-12 * np.abs(zeeman).max()


def test_metric_and_curvature_are_the_parts():
    """T = g - (i/2) Omega."""
    for tensor in (ws.spin_qgt(SIMPLE), ws.zeeman_qgt(SIMPLE)):
        g, omega = metric(tensor), curvature(tensor)
        assert min(np.abs(g).max(), np.abs(omega).max()) > 0.1
        assert np.abs(g - 0.5j * omega - tensor).max() < 1e-15 * np.abs(tensor).max()
    assert np.abs(metric(ws.spin_qgt(SIMPLE)) - metric(ws.spin_qgt(SIMPLE)).swapaxes(-1, -2)).max() < 1e-12
    assert np.abs(curvature(ws.spin_qgt(SIMPLE)) + curvature(ws.spin_qgt(SIMPLE)).swapaxes(-1, -2)).max() < 1e-12


def test_dictionary():
    """Section 1, with O = v^{a;c} and O = sigma^a/2.

    g^{ab;c} = Re[O_nm v^b_mn]/eps^2, Omega = -2 Im; gbar^{ba}_nm = 2 Im[v^b_nm O_mn]/eps, Obar^{ba}_nm = 4 Re[v^b_nm O_mn]/eps.
    """
    g, w = SIMPLE, SIMPLE.inverse_gap
    flow = np.einsum("kacnm,kbmn->kabcnm", g.spin_current, g.velocity)
    tensor = ws.spin_qgt(g)
    assert np.abs(metric(tensor) - flow.real * w[:, None, None, None] ** 2).max() < 1e-12 * np.abs(tensor).max()
    assert np.abs(curvature(tensor) + 2 * flow.imag * w[:, None, None, None] ** 2).max() < 1e-12 * np.abs(tensor).max()
    spin = np.einsum("kbnm,kamn->kbanm", g.velocity, g.observable("spin")) * w[:, None, None]
    tensor = ws.zeeman_qgt(g)
    assert np.abs(metric(tensor) - 2 * spin.imag).max() < 1e-12 * np.abs(tensor).max()
    assert np.abs(curvature(tensor) - 4 * spin.real).max() < 1e-12 * np.abs(tensor).max()


# The printed equations


def density(name, observable):
    return responses.BLOCKS[name].density(BandPairs(SIMPLE, (observable,)))


def assert_same(found, expected):
    assert np.abs(expected).max() > 1e-2
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()


EPS = SIMPLE.energies[:, :, None] - SIMPLE.energies[:, None, :]
W = SIMPLE.inverse_gap  # 1/eps
V = np.einsum("kann->kan", SIMPLE.velocity).real
G, OMEGA = (part(ws.spin_qgt(SIMPLE)) for part in (metric, curvature))  # (k,a,b,c,n,m)
GBAR, OBAR = (part(ws.zeeman_qgt(SIMPLE)) for part in (metric, curvature))  # (k,b,a,n,m)
RR = np.einsum("kbnm,kdmn->kbdnm", position(SIMPLE), position(SIMPLE)).real  # g^{bd}_nm
DELTA = V[:, :, None, :] - V[:, :, :, None]  # Delta^d_mn = v_m - v_n: (k,d,n,m)


def spin_tensor(X):
    """(k,n,b,[d],(a,c)) of a block -> (k,n,a,b,[d],c)."""
    X = X.reshape(*X.shape[:-1], 3, 3)
    return np.moveaxis(X, -2, 2)


def zeeman_tensor(X):
    """(k,n,b,[c],a) -> (k,n,a,b,[c])."""
    return np.moveaxis(X, -1, 2)


def test_equations_4_and_6a():
    assert_same(spin_tensor(density("L1", "spin_current")), -2 * np.einsum("knm,kabcnm->knabc", EPS, G))
    assert_same(spin_tensor(density("L0", "spin_current")), np.einsum("kabcnm->knabc", OMEGA))


def test_equations_5_and_6b():
    assert_same(zeeman_tensor(density("L1", "spin")), -np.einsum("kbanm->knab", OBAR) / 2)
    assert_same(zeeman_tensor(density("L0", "spin")), np.einsum("kbanm,knm->knab", GBAR, W))


@pytest.mark.parametrize("omega", [0.05, 0.4])
def test_equations_7_and_8(omega):
    """l1 = -w^2 cos/(w^2 - eps^2), l2 = eps w sin/(w^2 - eps^2)."""
    l1, l2 = -(omega**2) / (omega**2 - EPS**2), EPS * omega / (omega**2 - EPS**2)
    found = {}
    for observable in ("spin_current", "spin"):
        pairs = BandPairs(SIMPLE, (observable,))
        found[observable] = sum(responses.DYNAMIC_BLOCKS[name].density(pairs, complex(omega)) for name in ("AC1", "AC2"))
    cosine, sine = np.moveaxis(found["spin_current"], 2, 0)
    assert_same(spin_tensor(cosine), np.einsum("knm,kabcnm->knabc", l1, OMEGA))
    assert_same(spin_tensor(sine), np.einsum("knm,kabcnm->knabc", 2 * l2, G))
    cosine, sine = np.moveaxis(found["spin"], 2, 0)
    assert_same(zeeman_tensor(cosine), np.einsum("knm,kbanm->knab", l1 * W, GBAR))
    assert_same(zeeman_tensor(sine), np.einsum("knm,kbanm->knab", l2 * W / 2, OBAR))


def test_equations_9_and_10():
    """Times d_d f_n = v^d_n f'; the printed prefactors are half of N2."""
    assert_same(spin_tensor(density("N2", "spin_current")) / 2, -np.einsum("knm,kabcnm,kdn->knabdc", EPS, G, V))
    assert_same(zeeman_tensor(density("N2", "spin")) / 2, -np.einsum("kbanm,kcn->knabc", OBAR, V) / 4)


def test_equations_11_and_12():
    assert_same(spin_tensor(density("N1", "spin_current")), np.einsum("kabcnm,kdn->knabdc", OMEGA, V))
    assert_same(zeeman_tensor(density("N1", "spin")), np.einsum("kbanm,knm,kcn->knabc", GBAR, W, V))


def diagonal_difference(observable):
    """O_mm - O_nn: (k,o,n,m)."""
    d = np.einsum("konn->kon", SIMPLE.observable(observable)).real
    return d[:, :, None, :] - d[:, :, :, None]


def test_equation_13():
    """Q = 2 Delta^d_mn g^{ab;c} + Dbar^{a;c}_mn g^{bd}, over eps^2; surface 2 g^{ad;c}/eps d_b f."""
    D = diagonal_difference("spin_current").reshape(len(K), 3, 3, 4, 4)
    first = 2 * np.einsum("kdnm,kabcnm,knm->knabdc", DELTA, G, W**2)
    second = np.einsum("kacnm,kbdnm,knm->knabdc", D, RR, W**2)
    assert_same(spin_tensor(density("Q1", "spin_current")), first)
    assert_same(spin_tensor(density("P", "spin_current")), second)
    assert_same(spin_tensor(density("F", "spin_current")), 2 * np.einsum("kadcnm,knm,kbn->knabdc", G, W, V))


def test_equation_14():
    """Z = Delta^c_mn Obar^{ba}/2 + Dbar^a_mn eps g^{bc}, over eps^3; surface Obar^{ca}/(2 eps^2) d_b f."""
    D = diagonal_difference("spin")
    first = np.einsum("kcnm,kbanm,knm->knabc", DELTA, OBAR, W**3) / 2
    second = np.einsum("kanm,kbcnm,knm->knabc", D, RR, W**2)
    assert_same(zeeman_tensor(density("Q1", "spin")), first)
    assert_same(zeeman_tensor(density("P", "spin")), second)
    assert_same(zeeman_tensor(density("F", "spin")), np.einsum("kcanm,knm,kbn->knabc", OBAR, W**2, V) / 2)


def test_dipole():
    """v^d X with the velocity of the block; the last but two axis is the derivative's."""
    expected = np.einsum("kabcnm,kdn->kabcdnm", OMEGA, V)
    assert_same(dipole(SIMPLE, OMEGA), expected)
    g = PAIRS["pt_antiferromagnet"]
    X = metric(ws.zeeman_qgt(g))
    found = dipole(g, X)
    assert np.abs(found).max() > 0.1
    assert np.abs(found - np.einsum("kabnm,kdn->kabdnm", X, g.group_velocity)).max() < 1e-14 * np.abs(found).max()


# Degenerate groups


@pytest.mark.parametrize("name", PAIRS)
def test_traces_over_pairs_of_blocks_do_not_change(name):
    g = PAIRS[name]
    other = rotated(g, 3)
    for tensor in (ws.spin_qgt, ws.zeeman_qgt):
        before, after = tensor(g), tensor(other)
        scale = np.abs(before).max()
        assert np.abs(after - before).max() > 0.01 * scale  # single elements do change
        inside = g.same_group.astype(float)
        traced = [np.einsum("kpn,k...nm,kmq->k...pq", inside, X, inside) for X in (before, after)]
        assert np.abs(traced[0]).max() > 0.01 * scale
        assert np.abs(traced[1] - traced[0]).max() < 1e-12 * scale


def test_pt_symmetry_of_traces():
    """Section 5, PT: the spin metric and the Zeeman curvature are odd, so that their traces vanish; the others are even."""
    g = PAIRS["pt_antiferromagnet"]
    inside = g.same_group.astype(float)

    def traced(X):
        return np.abs(np.einsum("kpn,k...nm,kmq->k...pq", inside, X, inside)).max()

    spin, zeeman = ws.spin_qgt(g), ws.zeeman_qgt(g)
    assert traced(curvature(spin)) > 0.01
    assert traced(metric(zeeman)) > 0.01
    assert traced(metric(spin)) < 1e-13
    assert traced(curvature(zeeman)) < 1e-13
    assert np.abs(metric(spin)).max() > 0.01  # element by element nothing vanishes
