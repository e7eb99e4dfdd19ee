"""Band geometry: velocities, degenerate groups, rotations into bands, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from responses import brute
from rounding import same

from wannier_spin import InputError, band_geometry, models
from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import BandGeometry, degenerate_groups, geometry_of

MODEL = models.random_model(n=4, seed=1)
K = np.random.default_rng(0).uniform(-0.5, 0.5, (8, 3))
PAIRS = models.pt_antiferromagnet()
K2D = K * [1, 1, 0]


def cartesian_step(model, a, h):
    return h * model.lattice[:, a] / (2 * np.pi)


def along(f, model, k, a, h=1e-3):
    """Sixth-order derivative of f(k) along the Cartesian axis a."""
    step = cartesian_step(model, a, h)
    return sum(c * (f(k + s * step) - f(k - s * step)) for s, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))) / h


@pytest.mark.parametrize("model", [MODEL, replace(MODEL, position_R=None)], ids=["position", "centres"])
def test_velocity_is_the_slope_of_the_bands(model):
    g = band_geometry(model, K)
    assert np.diff(g.energies, axis=1).min() > 0.02  # far from crossings, for the differences
    diagonal = np.einsum("kann->kan", g.velocity)
    for a in range(3):
        slope = along(lambda k: band_geometry(model, k).energies, model, K, a)
        assert np.abs(slope).max() > 0.1
        # truncation (h/gap)^6, rounding 1e-15/h
        assert np.abs(diagonal[:, a] - slope).max() < 1e-8
    assert np.abs(diagonal.imag).max() < 1e-14


def test_velocity_where_positions_between_bands_are_wanted_in_any_case():
    """Then it is made of them, and not of [A, H] in the Wannier gauge."""
    g = geometry_of(BlochSum(MODEL, True, of_velocity=False).at_points(K), 1e-4)
    bloch = g.bloch
    assert bloch.hessian is None and bloch.slopes and bloch.connection is not None
    v = bloch.gradient - 1j * (bloch.connection @ bloch.hamiltonian[:, None] - bloch.hamiltonian[:, None] @ bloch.connection)
    U = g.states[:, None]
    assert same(g.velocity, U.conj().swapaxes(2, 3) @ v @ U)


def test_interband_velocity_is_the_motion_of_the_states():
    """<n|d_a m> = v_nm/(eps_m - eps_n) + i (A_a)_nm for n != m: only moduli are free of the phases of the states."""
    model, a = replace(MODEL, position_R=None, centres=np.zeros((4, 3))), 0
    g = band_geometry(model, K)
    h = 1e-4
    shifted = band_geometry(model, K + cartesian_step(model, a, h))
    transition = np.abs(np.einsum("kwn,kwm->knm", g.states.conj(), shifted.states)) ** 2 / h**2
    expected = np.abs(g.velocity[:, a] * g.inverse_gap) ** 2
    off = ~np.eye(4, dtype=bool)
    assert np.abs(expected).max() > 0.5
    assert np.abs(transition - expected)[:, off].max() < 1e-3  # the next order in h


def test_groups_above_a_band_that_is_alone():
    """Kramers pairs at the centre of the zone, which Rashba coupling splits beside it, over a level that is alone.

    There the velocity inside a group is a matrix, and not its mean.
    """
    pairs = models.kane_mele(rashba=0.2)
    n = pairs.n_bands + 1
    H, spin = (np.zeros((len(pairs.R_vectors), n, n, *more), complex) for more in ((), (3,)))
    H[:, 1:, 1:], spin[:, 1:, 1:] = pairs.hamiltonian_R, pairs.spin_R
    H[(pairs.R_vectors == 0).all(axis=1), 0, 0] = -20.0
    model = replace(pairs, hamiltonian_R=H, spin_R=spin, centres=np.concatenate([np.zeros((1, 3)), pairs.centres]))
    g = band_geometry(model, np.zeros((1, 3)))
    assert g.group.tolist() == [[0, 1, 1, 2, 2]]
    assert g.has_degeneracies
    X = np.random.default_rng(5).normal(size=(1, 2, n, n)) + 0j
    found = g.group_velocity_times(X)
    assert np.abs(found).max() > 0.1
    for N in ([0], [1, 2], [3, 4]):
        block = g.velocity[:, :, N][..., N]
        assert np.abs(found[:, :, :, N] - block[:, :, None] @ X[:, None, :, N]).max() < 1e-12
        mean = np.trace(block, axis1=2, axis2=3).real / len(N)
        assert np.abs(g.group_velocity[:, :, N] - mean[..., None]).max() < 1e-13
        assert len(N) == 1 or np.abs(block - mean[..., None, None] * np.eye(2)).max() > 0.1


def test_against_the_other_gauge():
    """Everything that does not depend on phases: diagonals and moduli, derivatives included."""
    g = band_geometry(MODEL, K, derivatives=True)
    b = brute.bands(MODEL, K)
    assert np.abs(g.energies - b.e).max() < 1e-13
    pairs = [(g.velocity, b.v), (g.spin, b.s), (g.velocity_derivative, b.dv), (g.spin_derivative, b.ds)]
    pairs.append((g.spin_current.reshape(len(K), 9, 4, 4), brute.observable(b, "spin_current")[0]))
    for found, expected in pairs:
        assert np.abs(expected).max() > 0.1
        assert found.shape == expected.shape
        assert np.abs(np.abs(found) - np.abs(expected)).max() < 1e-11 * np.abs(expected).max()
        diagonal = [np.einsum("...nn->...n", X) for X in (found, expected)]
        assert np.abs(diagonal[0] - diagonal[1]).max() < 1e-11 * np.abs(expected).max()
    # and one product that fixes the relative phases
    found = np.einsum("kanm,kcmn->kacnm", g.velocity, g.spin)
    expected = np.einsum("kanm,kcmn->kacnm", b.v, b.s)
    assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()


@pytest.mark.parametrize("model", [MODEL, PAIRS], ids=["random", "pairs"])
def test_matrices_are_hermitian(model):
    g = band_geometry(model, K2D, degeneracy_tolerance=1e-8, derivatives=True)
    for name in ("velocity", "spin", "spin_current", "velocity_derivative", "spin_derivative"):
        X = getattr(g, name)
        scale = np.abs(X).max()
        assert scale > 0.1 or (name == "spin_derivative" and model is PAIRS)
        assert np.abs(X - X.swapaxes(-1, -2).conj()).max() <= 1e-13 * scale
    U = g.states
    assert np.abs(U.conj().swapaxes(1, 2) @ U - np.eye(U.shape[-1])).max() < 1e-13


def test_spin_current_is_the_anticommutator():
    g = band_geometry(MODEL, K)
    for a in range(3):
        for c in range(3):
            v, s = g.velocity[:, a], g.spin[:, c]
            expected = (v @ s + s @ v) / 4
            assert np.abs(expected).max() > 0.1
            assert np.abs(g.spin_current[:, a, c] - expected).max() < 1e-13
    assert np.array_equal(g.observable("spin_current"), g.spin_current.reshape(len(K), 9, 4, 4))
    assert np.array_equal(g.observable("spin"), g.spin / 2)
    assert g.observable("charge_current") is g.velocity


def test_degenerate_groups_chain():
    """Consecutive gaps count: a ladder of small steps is one block."""
    energies = np.array([[0.0, 0.9, 1.8, 5.0], [0.0, 1.0, 1.0, 1.0], [0.0, 2.0, 4.0, 6.0]])
    assert degenerate_groups(energies, 1.0).tolist() == [[0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 2, 3]]
    assert degenerate_groups(energies, 1e-12).tolist()[1] == [0, 1, 1, 1]
    assert degenerate_groups(energies[:, :1], 1.0).tolist() == [[0], [0], [0]]


def test_blocks():
    g = band_geometry(PAIRS, K2D, degeneracy_tolerance=1e-8)
    assert g.group.tolist() == [[0, 0, 1, 1]] * len(K)
    assert g.has_degeneracies
    assert np.array_equal(g.same_group[0], np.kron(np.eye(2), np.ones((2, 2))).astype(bool))
    assert np.array_equal(g.group_energies[:, 0], g.group_energies[:, 1])
    assert np.abs(g.group_energies - g.energies).max() < 1e-13
    assert np.abs(g.inverse_gap[:, :2, :2]).max() == 0
    gap = g.energies[:, 2] - g.energies[:, 0]
    assert np.abs(g.inverse_gap[:, 2, 0] * gap - 1).max() < 1e-12
    assert np.array_equal(g.inverse_gap, -g.inverse_gap.swapaxes(1, 2))
    trace = np.einsum("kann->kan", g.velocity).real
    assert np.abs(g.group_velocity[..., 0] - (trace[..., 0] + trace[..., 1]) / 2).max() < 1e-14
    slope = along(lambda k: band_geometry(PAIRS, k).energies, PAIRS, K2D, 0)
    assert np.abs(slope).max() > 0.5
    assert np.abs(g.group_velocity[:, 0] - slope).max() < 1e-9


def test_velocity_inside_a_block_is_a_matrix():
    g = band_geometry(PAIRS, K2D, degeneracy_tolerance=1e-8)
    product = g.group_velocity_times(g.spin)
    assert product.shape == (len(K), 3, 3, 4, 4)
    for k in range(len(K)):
        inside = g.velocity[k] * g.same_group[k]
        expected = np.einsum("dnm,cmp->dcnp", inside, g.spin[k])
        assert np.abs(expected).max() > 0.1
        assert np.abs(product[k] - expected).max() < 1e-13
    # for a pair split by P T it is the mean velocity, up to rounding
    simple = replace(g, group=np.tile(np.arange(4), (len(K), 1)))
    assert not simple.has_degeneracies
    assert same(simple.group_energies, simple.energies)


def test_inverse_gap_of_split_bands():
    g = band_geometry(MODEL, K)
    gap = g.energies[:, :, None] - g.energies[:, None, :]
    off = ~np.eye(4, dtype=bool)
    assert np.abs(g.inverse_gap[:, off] * gap[:, off] - 1).max() < 1e-12
    assert np.abs(np.einsum("knn->kn", g.inverse_gap)).max() == 0


def test_one_k_point_is_enough():
    one, many = band_geometry(MODEL, [0.1, 0.2, 0.3]), band_geometry(MODEL, [[0.1, 0.2, 0.3], [0.4, 0.0, 0.1]])
    assert one.energies.shape == (1, 4)
    assert np.abs(one.energies[0] - many.energies[0]).max() < 1e-14


def test_kp_models_take_cartesian_k():
    g = band_geometry(models.massive_dirac(v=1.0, gap=0.5), [[0.3, 0.4, 0.0]], derivatives=True)
    e = np.sqrt(0.3**2 + 0.4**2 + 0.5**2)
    assert np.abs(g.energies - [-e, e]).max() < 1e-15
    velocity = np.einsum("kann->kan", g.velocity).real[0]
    assert np.abs(velocity - np.outer([0.3, 0.4, 0], [-1, 1]) / e).max() < 1e-15
    assert np.abs(g.velocity_derivative).max() == 0


def test_refusals():
    with pytest.raises(InputError, match=r"k has shape \(2, 2\)"):
        band_geometry(MODEL, np.zeros((2, 2)))
    without = band_geometry(replace(MODEL, spin_R=None), K)
    assert without.spin is None
    for use in (lambda: without.spin_current, lambda: without.observable("spin"), lambda: without.spin_matrices):
        with pytest.raises(InputError, match="needs spin matrices"):
            use()
    assert without.observable("charge_current").shape == (len(K), 3, 4, 4)
    bloch = BlochSum(MODEL, False).at_points(K)
    broken = replace(bloch, hamiltonian=bloch.hamiltonian * np.nan)
    with pytest.raises(InputError, match="NaN or infinity"):
        geometry_of(broken, 1e-3)


@pytest.mark.parametrize("model", [MODEL, replace(MODEL, position_R=None)], ids=["position", "centres"])
@pytest.mark.parametrize("name", ["position", "interband_velocity"])
def test_covariant_derivatives_of_what_is_between_bands(name, model):
    """As operators in the Wannier gauge: d_b X - i [A_b, X], by differences."""

    def in_wannier_gauge(k, which):
        g = band_geometry(model, k, derivatives=True)
        X = getattr(g, which)
        U = g.states.reshape(len(k), *(1,) * (X.ndim - 3), *g.states.shape[1:])
        return U @ X @ U.conj().swapaxes(-1, -2)

    found, X, A = in_wannier_gauge(K, f"{name}_derivative"), in_wannier_gauge(K, name), band_geometry(model, K).bloch.connection
    assert np.abs(found).max() > 1e-2
    for b in range(3):
        whole = np.diag(model.centres[:, b]) + (0 if A is None else A[:, b, None])  # H is without the phases of the centres
        expected = along(lambda k: in_wannier_gauge(k, name), model, K, b) - 1j * (whole @ X - X @ whole)
        assert np.abs(found[:, b] - expected).max() < 1e-6 * np.abs(expected).max()


def test_one_point_that_is_not_finite_is_refused():
    bloch = BlochSum(MODEL, False).at_points(K)
    bloch.hamiltonian[3, 1, 1] = np.nan
    with pytest.raises(InputError, match="NaN or infinity"):
        geometry_of(bloch, 1e-4)


def test_what_is_shown_of_it():
    g = band_geometry(MODEL, K)
    assert f"4 bands at 8 k-points, {g.energies.min():.4g} to {g.energies.max():.4g} eV; operators: spin" in repr(g)


def test_gaps_are_not_broadened_unless_asked_for():
    given = band_geometry(models.random_model(n=2, seed=1), np.zeros((1, 3)))
    assert given.gap_broadening == 0
    assert geometry_of(given.bloch, 1e-6).gap_broadening == 0
    assert geometry_of(given.bloch, 1e-6, gap_broadening=0.3).gap_broadening == 0.3
    assert BandGeometry(given.energies, given.states, given.group, given.bloch).gap_broadening == 0
