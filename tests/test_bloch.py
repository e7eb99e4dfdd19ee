"""Bloch sums: two ways to the same matrices, derivatives, and independence of the Wannier centres in the phases."""

from dataclasses import fields, replace

import numpy as np
import pytest
from rounding import same

from wannier_spin import KPModel, compute, models, responses
from wannier_spin.arrays import eigvalsh
from wannier_spin.bloch import BlochMatrices, BlochSum, energies_at, kp_matrices
from wannier_spin.model import Operator
from wannier_spin.units import BOLTZMANN

FLAGS = [(True, True, True), (True, True, False), (True, False, True), (False, True, True), (False, True, False)]
K2, K3 = np.array([-0.31, 0.0, 0.123]), np.array([0.45, -0.2])


def random_model(flags=(True, True, True), position=True, seed=1):
    model = models.random_model(n=3, seed=seed, periodic=flags)
    return model if position else replace(model, position_R=None)


def matrices(bloch):
    """All of them by name."""
    plain = {field.name: getattr(bloch, field.name) for field in fields(BlochMatrices) if field.name not in ("operators", "slopes")}
    slopes = {f"{name}_gradient": X for name, X in bloch.slopes.items()}
    return {name: X for name, X in {**plain, **bloch.operators, **slopes}.items() if X is not None}


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("position", [True, False])
@pytest.mark.parametrize("second_order", [True, False])
def test_block_equals_points(flags, position, second_order):
    source = BlochSum(random_model(flags, position), second_order)
    assert sorted(source.axes) == [0, 1, 2]
    for k1 in (0.17, -0.4, 0.17):  # the last one: not what is kept from the one before
        points = source.batch_points(k1, K2, K3)
        assert points.shape == (6, 3)
        assert set(points[:, source.axes[0]]) == {k1}
        on_batch, at_points = (matrices(x) for x in (source.on_batch(k1, K2, K3), source.at_points(points)))
        names = {"hamiltonian", "gradient", "spin"} | ({"connection"} if position else set())
        if second_order:
            names |= {"hessian", "spin_gradient"} | ({"connection_gradient"} if position else set())
        assert on_batch.keys() == at_points.keys() == names
        for name, value in at_points.items():
            assert np.abs(value).max() > 0.01, name
            assert on_batch[name].shape == value.shape
            assert np.abs(on_batch[name] - value).max() < 1e-13 * np.abs(value).max(), name


@pytest.mark.parametrize("second_order", [True, False])
def test_sums_that_keep_nothing(second_order):
    """Where planes or cells would take more than they may: the same matrices on lines, leaning lines and parts of them."""
    model = random_model()
    kept, bare = BlochSum(model, second_order), BlochSum(model, second_order, most_bytes=0.0)
    assert kept.plane_bytes() > 0 == bare.plane_bytes()
    assert kept.keeps_cells
    assert not bare.keeps_cells
    just = BlochSum(model, second_order, most_bytes=kept.plane_bytes())
    assert just.plane_bytes() == kept.plane_bytes()
    taken = sum(X.nbytes for X in kept._cells._operators)
    assert BlochSum(model, second_order, most_bytes=taken).keeps_cells
    assert not BlochSum(model, second_order, most_bytes=taken - 1).keeps_cells
    used = np.array([[True, False], [False, True], [True, True]])
    for batch in ((0.17, K2, K3), (0.17, K2, K3, used), (0.17, K2, K3, used, np.array([0.1, 0.0, -0.3]))):
        expected, found = (matrices(source.on_batch(*batch)) for source in (kept, bare))
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            assert np.abs(value).max() > 0.01, name
            assert np.abs(found[name] - value).max() < 1e-13 * np.abs(value).max(), name
    assert kept.planes._kept
    assert not bare.planes._kept


def test_operators_that_are_not_hermitian_to_the_last_bit():
    """They and their slopes are made whole, beside those of which half is kept."""
    model, k = random_model(), np.array([[0.17, -0.31, 0.45], [0.17, 0.0, 0.45]])
    model = replace(model, extra_operators={"torque": Operator(model.spin_R / 3, ("axial",))})
    source = BlochSum(model, True, ("spin", "torque"))
    expected, found = matrices(source.at_points(k)), matrices(source.on_batch(0.17, k[:, 1], k[:1, 2]))
    assert expected.keys() == found.keys() >= {"spin_gradient", "torque_gradient"}
    for name, value in expected.items():
        assert np.abs(value).max() > 0.01, name
        assert np.abs(found[name] - value).max() < 1e-13 * np.abs(value).max(), name


def test_the_connection_is_that_of_positions_about_the_centres():
    """A_nm(k) = <n|r|m>(k) - tau_n delta_nm, whichever way it is summed; its slopes have no share of the centres."""
    model, k = random_model(), np.array([[0.17, -0.31, 0.45], [0.17, 0.0, 0.45]])
    source = BlochSum(model, True)
    r = np.einsum("kR,Rnma->kanm", np.exp(2j * np.pi * k @ model.R_vectors.T), model.position_R)
    expected = r - np.einsum("na,nm->anm", model.centres, np.eye(3))
    assert np.abs(expected - r).max() > 0.1
    batch = source.on_batch(0.17, np.array([-0.31, 0.0]), np.array([0.45]))
    for found in (source.at_points(k), batch, source.on_cell(np.array([0.17]), np.array([-0.31, 0.0]), np.array([0.45]))):
        assert np.abs(found.connection - expected).max() < 1e-13


@pytest.mark.parametrize("position", [True, False])
def test_slopes_of_operators_without_those_of_the_velocity(position):
    """d_b sigma without the second derivatives of H and d_b A: the same matrices as with them, by all three ways."""
    model = random_model(position=position)
    source, whole = BlochSum(model, True, of_velocity=False), BlochSum(model, True)
    expected = matrices(whole.on_cell(*CELL))
    left_out = {"hessian", "connection_gradient"} if position else {"hessian"}
    found = matrices(source.on_cell(*CELL))
    assert found.keys() == expected.keys() - left_out
    for name, value in found.items():
        assert np.abs(value).max() > 0.01, name
        assert np.abs(value - expected[name]).max() < 1e-13 * np.abs(value).max(), name
    points = source.batch_points(0.17, K2, K3)
    on_batch, at_points = matrices(source.on_batch(0.17, K2, K3)), matrices(whole.at_points(points))
    assert on_batch.keys() == found.keys()
    for name, value in on_batch.items():
        assert np.abs(value - at_points[name]).max() < 1e-13 * np.abs(value).max(), name


def test_vacuum_directions_come_first():
    """So that the longest range of k-points is the cheapest."""
    assert BlochSum(random_model((True, False, True)), False).axes[0] == 1
    assert BlochSum(random_model((False, True, False)), False).axes[-1] == 1


@pytest.mark.parametrize("second_order", [True, False])
def test_without_spin(second_order):
    model, k = random_model(), np.array([[0.1, 0.2, 0.3]])
    with_spin, without = (BlochSum(model, second_order, operators=s).at_points(k) for s in (("spin",), ()))
    assert without.spin is None
    assert not without.slopes
    assert same(with_spin.hamiltonian, without.hamiltonian, within=1e-15)
    assert np.abs(with_spin.gradient - without.gradient).max() < 1e-15 * np.abs(with_spin.gradient).max()


def test_operator_count():
    """4 for H and its gradient, 3 each for A and spin, then 6 second derivatives, 9 each for gradients of A and spin."""
    assert BlochSum(random_model(), True).n_operators == 4 + 3 + 3 + 6 + 9 + 9
    assert BlochSum(random_model(), True).planes.packed.size == 34 * 6  # Hermitian ones are kept as half, of 3 functions
    assert BlochSum(random_model(position=False), False).n_operators == 4 + 3


def cartesian_step(model, a, h):
    """A step h along the Cartesian axis a, in reduced coordinates."""
    return h * model.lattice[:, a] / (2 * np.pi)


def derivative(model, name, a, k, h=1e-3):
    """Sixth-order difference of one matrix along the Cartesian axis a.

    Of exp(i k.(tau_m - tau_n)) O_nm: derivatives carry the centres, the phases of the sums do not.
    """
    source, step = BlochSum(model, True), cartesian_step(model, a, h)

    def at(s):
        phase = np.exp(1j * s * h * (model.centres[None, :, a] - model.centres[:, None, a]))
        return phase * matrices(source.at_points(k + s * step))[name]

    return sum(c * (at(s) - at(-s)) for s, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))) / h


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("gradient", "hamiltonian"),
        ("hessian", "gradient"),
        ("connection_gradient", "connection"),
        ("spin_gradient", "spin"),
    ],
)
def test_derivatives(name, of):
    model, k = random_model(), np.random.default_rng(0).uniform(-0.5, 0.5, (4, 3))
    analytic = matrices(BlochSum(model, True).at_points(k))[name]
    for a in range(3):
        numerical = derivative(model, of, a, k)
        assert np.abs(numerical).max() > 0.1
        # rounding 1e-16/h and truncation h^6
        assert np.abs(analytic[:, a] - numerical).max() < 1e-11 * np.abs(numerical).max() + 1e-12


def test_hermiticity():
    k = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 3))
    for name, value in matrices(BlochSum(random_model(), True).at_points(k)).items():
        assert np.abs(value - value.swapaxes(-1, -2).conj()).max() < 1e-14 * np.abs(value).max(), name
    hessian = BlochSum(random_model(), True).at_points(k).hessian
    assert np.array_equal(hessian, hessian.swapaxes(1, 2))


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # a coarse mesh: an identity
@pytest.mark.parametrize("flags", [(True, True, True), (True, True, False)])
def test_centres_only_choose_phases(flags):
    model = random_model(flags)
    moved = replace(model, centres=np.random.default_rng(1).normal(size=(3, 3)))
    k = np.array([[0.1, 0.3, 0.2]])
    assert np.abs(BlochSum(moved, False).at_points(k).gradient - BlochSum(model, False).at_points(k).gradient).max() > 0.1
    options = {"mu": 0.1, "temperature": 0.3 / BOLTZMANN, "omega": [0.2], "broadening": 0.1, "blocks": ("L1surf",)}
    grid = [3 if along else 1 for along in flags]
    for channel in ("spin", "charge"):
        before, after = (compute(m, "all", grid=grid, channel=channel, **options) for m in (model, moved))
        seen = set()
        for name in responses.names():
            for block, value in before[name].blocks.items():
                scale = np.abs(value).max()
                assert scale > 1e-5, (name, block)
                assert np.abs(after[name].blocks[block] - value).max() < 1e-10 * scale, (name, block)
                seen.add(block)
        assert seen == set(responses.BLOCKS) | set(responses.DYNAMIC_BLOCKS)


def test_centres_are_the_positions_without_position_matrix():
    """position_R = None is the diagonal position matrix of the centres."""
    model = random_model(position=False)
    position_R = np.zeros((*model.hamiltonian_R.shape, 3), complex)
    origin = np.flatnonzero((model.R_vectors == 0).all(axis=1))[0]
    position_R[origin, range(3), range(3)] = model.centres
    explicit = replace(model, position_R=position_R)
    assert not explicit.has_connection
    options = {"grid": (3, 3, 3), "mu": 0.1, "temperature": 3000}
    values = [compute(m, "spin_hall", **options)["spin_hall"].values for m in (model, explicit)]
    assert np.abs(values[0]).max() > 1e-3
    assert same(values[0], values[1])
    moved = replace(explicit, centres=np.zeros((3, 3)))
    assert moved.has_connection
    other = compute(moved, "spin_hall", **options)["spin_hall"].values
    assert np.abs(other - values[0]).max() < 1e-12 * np.abs(values[0]).max()


def test_periodic():
    """exp(ik.R), without centres: every matrix repeats from one Brillouin zone to the next."""
    model, k, G = random_model(), np.array([[0.1, 0.3, -0.2]]), np.array([1, -2, 3])
    here, there = (matrices(BlochSum(model, True).at_points(p)) for p in (k, k + G))
    for name, value in here.items():
        assert np.abs(value).max() > 0.01
        assert np.abs(there[name] - value).max() < 1e-13 * np.abs(value).max()


def kp_model():
    rng = np.random.default_rng(2)

    def hermitian(*shape):
        X = rng.normal(size=(*shape, 3, 3)) + 1j * rng.normal(size=(*shape, 3, 3))
        return X + X.swapaxes(-1, -2).conj()

    quadratic = hermitian(3, 3)
    return KPModel(constant=hermitian(), linear=hermitian(3), quadratic=quadratic + quadratic.swapaxes(0, 1), spin=hermitian(3))


def test_kp_matrices():
    """H = H0 + k_a H1_a + k_a k_b H2_ab/2 and its derivatives, exactly."""
    model, k, h = kp_model(), np.random.default_rng(3).normal(size=(4, 3)), 0.25
    found = kp_matrices(model, k)
    expected = model.constant + np.einsum("ka,anm->knm", k, model.linear)
    expected = expected + np.einsum("ka,kb,abnm->knm", k, k, model.quadratic) / 2
    assert np.abs(expected).max() > 1
    assert np.abs(found.hamiltonian - expected).max() < 1e-13
    for a in range(3):
        step = h * np.eye(3)[a]
        plus, minus = (kp_matrices(model, k + s * step) for s in (+1, -1))  # central differences are exact here
        assert np.abs((plus.hamiltonian - minus.hamiltonian) / (2 * h) - found.gradient[:, a]).max() < 1e-12
        assert np.abs((plus.gradient - minus.gradient) / (2 * h) - found.hessian[:, a]).max() < 1e-12
    assert found.connection is None
    assert np.array_equal(found.spin, np.broadcast_to(model.spin, found.spin.shape))
    assert np.abs(found.slopes["spin"]).max() == 0


# Tensor-product cells


def cell_models():
    """With and without position matrix, in fewer dimensions, fcc, and two bands."""
    return {
        "random": random_model(),
        "centres only": random_model(position=False),
        "random sheet": random_model((True, True, False)),
        "random chain": random_model((False, True, False)),
        "zincblende": models.zincblende(),
        "kane_mele": models.kane_mele(rashba=0.1, exchange=(0, 0, 0.3)),
        "weyl": models.weyl(),
        "random, longer along one axis": only_near(random_model(), (0, 1, 1)),
        "random, shorter along one axis": only_near(random_model(), (1, 0, 1)),
    }


def only_near(model, reach):
    """Without hoppings to cells farther away than this along each axis."""
    near = (np.abs(model.R_vectors) <= reach).all(axis=1)
    assert 1 < near.sum() < len(near)
    cut = {name: getattr(model, name)[near] for name in ("R_vectors", "hamiltonian_R", "position_R")}
    return replace(model, **cut, spin_R=model.spin_R[near])


BASES = {
    "primitive": np.eye(3, dtype=np.int64),
    "cube of two fcc cells": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    "skew": np.array([[1, 1, 0], [0, 1, 0], [-1, 0, 2]]),
    "in the plane": np.array([[1, 1, 0], [1, -1, 0], [0, 0, 1]]),
    "exchanged": np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
}
CELL = (np.array([0.11, 0.17, 0.31]), np.array([-0.4, 0.02]), np.array([0.0, 0.27, 0.5, 0.73]))


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("name", cell_models())
@pytest.mark.parametrize("second_order", [True, False])
def test_cell_equals_points(name, basis, second_order):
    """The sums axis by axis, and the derivatives from moments, against direct sums at the same k."""
    model, axes = cell_models()[name], BASES[basis]
    source = BlochSum(model, second_order, basis=axes)
    x = [values if periodic else np.zeros(1) for values, periodic in zip(CELL, model.periodic, strict=True)]
    k = np.stack(np.meshgrid(*x, indexing="ij"), axis=-1).reshape(-1, 3) @ axes
    on_cell, at_points = (matrices(m) for m in (source.on_cell(*x), source.at_points(k)))
    assert on_cell.keys() == at_points.keys()
    assert ("connection" in on_cell) == name.startswith("random")
    assert ("hessian" in on_cell) == second_order
    for key, value in at_points.items():
        assert on_cell[key].shape == value.shape
        scale = np.abs(value).max()
        if not (key == "spin_gradient" and name in ("weyl", "zincblende", "kane_mele")):  # spin is diagonal in the sites there
            assert scale > 0.01, key
        assert np.abs(on_cell[key] - value).max() <= 1e-13 * scale + 1e-15, key


def test_cell_without_spin():
    model = random_model()
    with_spin, without = (BlochSum(model, True, operators=s).on_cell(*CELL) for s in (("spin",), ()))
    assert without.spin is None
    assert not without.slopes
    for name in ("hamiltonian", "hessian", "connection_gradient"):
        assert same(getattr(with_spin, name), getattr(without, name))


@pytest.mark.parametrize("axis", range(3))
def test_hoppings_along_one_axis(axis):
    """By axes whose ranges are not alike; and energies at points, from the sum over R as it is written."""
    model = random_model()
    kept = (np.delete(model.R_vectors, axis, axis=1) == 0).all(axis=1)
    assert 1 < kept.sum() < len(kept)
    names = ("R_vectors", "hamiltonian_R", "position_R", "spin_R")
    model = replace(model, **{name: getattr(model, name)[kept] for name in names})
    k = np.stack(np.meshgrid(*CELL, indexing="ij"), axis=-1).reshape(-1, 3)
    on_cell, at_points = (matrices(one) for one in (BlochSum(model, True).on_cell(*CELL), BlochSum(model, True).at_points(k)))
    for key, value in at_points.items():
        assert np.abs(on_cell[key] - value).max() <= 1e-13 * np.abs(value).max() + 1e-15, key
    phases = np.exp(2j * np.pi * (k[:, None] * model.R_vectors).sum(axis=-1))
    expected = np.linalg.eigvalsh((phases[:, :, None, None] * model.hamiltonian_R).sum(axis=1))
    assert np.ptp(expected, axis=0).max() > 0.005
    assert np.abs(energies_at(model, k) - expected).max() < 1e-12


@pytest.mark.parametrize("model", [models.random_model(n=4, seed=3), models.massive_dirac()], ids=["crystal", "k.p"])
def test_energies_of_large_models_are_made_one_point_at_a_time(model, monkeypatch):
    """A thousand functions at 300 points took 27 GB."""
    k = np.random.default_rng(2).random((5, 3))
    expected = energies_at(model, k)
    assert np.ptp(expected, axis=0).min() > 1e-3
    seen = []

    def counted(H):
        seen.append(len(H))
        return eigvalsh(H)

    monkeypatch.setattr("wannier_spin.bloch.eigvalsh", counted)
    monkeypatch.setattr("wannier_spin.arrays.MATRICES", 1)
    assert np.abs(energies_at(model, k) - expected).max() < 1e-13
    assert seen == [1] * 5


@pytest.mark.parametrize("position", [True, False])
@pytest.mark.parametrize("second_order", [True, False])
def test_batches_one_after_the_other(position, second_order):
    """Joined they are the whole; what is done to each array is done to all, and what is not there stays so."""
    k = np.random.default_rng(2).random((6, 3))
    source = BlochSum(random_model(position=position), second_order=second_order)
    whole = matrices(source.at_points(k))
    parts = [source.at_points(k[i:j]) for i, j in ((0, 3), (3, 4), (4, 6))]
    found = matrices(BlochMatrices.joined(parts))
    assert found.keys() == whole.keys() == matrices(parts[0].each(lambda X: 2 * X)).keys()
    for name, X in whole.items():
        assert same(found[name], X), name
        assert np.array_equal(matrices(parts[0].each(lambda X: 2 * X))[name], 2 * matrices(parts[0])[name])
        assert np.abs(X).max() > 0
    assert BlochMatrices.joined(parts[:1]) is parts[0]
    assert len(list(parts[0].arrays())) == len(whole)
