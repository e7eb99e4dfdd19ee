"""Uniform meshes: every point once, nested error estimates, independence of how the work is cut, compensated sums."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from wannier_spin import AccuracyWarning, InputError, Structure, compute, models
from wannier_spin.integration.grid import CompensatedSum, Mesh, Partial, mean_over_mesh
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.units import BOLTZMANN

MESHES = [((4, 6, 2), (0.0, 0.0, 0.0)), ((3, 5, 4), (0.2, 0.5, -0.3)), ((1, 1, 8), (0.0, 0.0, 0.5)), ((1, 1, 1), (0.1, 0.2, 0.3))]


def points_of(batch):
    """Of a batch, in the order that `BlochSum.on_batch` uses: k3 fastest."""
    k2, k3 = np.meshgrid(batch.k2, batch.k3, indexing="ij")
    used = np.ones(k2.shape, bool) if batch.used is None else batch.used
    return np.stack([np.full(used.sum(), batch.k1), k2[used], k3[used]], axis=1)


@pytest.mark.parametrize(("points", "shift"), MESHES)
@pytest.mark.parametrize("largest", [1, 3, 7, 1000])
def test_every_point_once(points, shift, largest):
    mesh = Mesh(points, shift)
    batches = mesh.batches(largest)
    assert all(batch.n_points <= largest for batch in batches)
    found = np.concatenate([points_of(batch) for batch in batches])
    index = np.rint(found * points - shift).astype(int)
    assert np.abs((index + shift) / points - found).max() < 1e-15
    assert sorted(map(tuple, index.tolist())) == sorted(np.ndindex(points))
    assert all((batch.weights == 1).all() for batch in batches)
    for batch in batches:  # masks: the even points, and the others
        even = (np.rint(points_of(batch) * points - shift).astype(int) % 2 == 0) | (np.array(points) == 1)
        if mesh.nested:
            assert np.array_equal(batch.masks[0], even.all(axis=1))
            assert np.array_equal(batch.masks[1], ~even.all(axis=1))
        else:
            assert len(batch.masks) == 1
            assert batch.masks[0].all()


def test_nested():
    assert Mesh((4, 6, 2), (0, 0, 0)).nested
    assert Mesh((1, 1, 2), (0, 0, 0)).nested
    assert not Mesh((4, 5, 2), (0, 0, 0)).nested
    assert not Mesh((1, 1, 1), (0, 0, 0)).nested


def smooth(k):
    """Three integrands whose means over the zone are 1, 0 and I_0(1)^3."""
    x = 2 * np.pi * k
    return np.stack([1 + np.cos(x).sum(axis=1), np.sin(x[:, 0] + 2 * x[:, 2]), np.exp(np.cos(x).sum(axis=1))], axis=1)


def integrand(batch):
    values = smooth(points_of(batch))
    return Partial(np.stack([values[mask].sum(axis=0) for mask in batch.masks]), values.min(axis=0))


@pytest.mark.parametrize(("points", "shift"), MESHES)
@pytest.mark.parametrize("largest", [1, 5, 10**6])
def test_mean(points, shift, largest):
    mesh = Mesh(points, shift)
    k = (np.array(list(np.ndindex(points))) + shift) / points
    found = mean_over_mesh(mesh, integrand, largest, SERIAL)
    expected = smooth(k).mean(axis=0)
    assert expected[2] > 0.1
    assert np.abs(found.fine - expected).max() < 1e-14
    assert np.abs(found.minima - smooth(k).min(axis=0)).max() == 0
    if mesh.nested:
        half = [max(1, n // 2) for n in points]
        coarse = (np.array(list(np.ndindex(*half))) + np.where(np.array(points) > 1, np.array(shift) / 2, shift)) / half
        assert np.abs(found.coarse - smooth(coarse).mean(axis=0)).max() < 1e-14
    else:
        assert found.coarse is None


def test_weights_of_irreducible_points():
    """Weights 2 and 0 for pairs k, -k give the same as all points, for an even integrand."""
    points = (4, 4, 4)
    weights = np.zeros(points, int)
    for index in np.ndindex(points):
        weights[min(index, tuple(-np.array(index) % 4))] += 1
    mesh = Mesh(points, (0, 0, 0), weights)
    assert (weights > 1).any()
    assert mesh.n_evaluated == np.count_nonzero(weights) < mesh.n_points

    def even(batch):
        values = smooth(points_of(batch))[:, [0, 2]] * batch.weights[:, None]
        return Partial(np.stack([values[mask].sum(axis=0) for mask in batch.masks]), np.zeros(1))

    k = np.array(list(np.ndindex(points))) / points
    for largest in (1, 5, 100):
        found = mean_over_mesh(mesh, even, largest, SERIAL)
        assert np.abs(found.fine - smooth(k).mean(axis=0)[[0, 2]]).max() < 1e-14
        assert np.abs(found.coarse - smooth(k[(k * 4 % 2 == 0).all(axis=1)]).mean(axis=0)[[0, 2]]).max() < 1e-14
        assert sum(batch.n_points for batch in mesh.batches(largest)) == mesh.n_evaluated


@pytest.mark.parametrize(
    ("points", "shift", "message"),
    [
        ((4, 4), (0, 0, 0), "three positive whole numbers"),
        ((4, 0, 1), (0, 0, 0), "three positive whole numbers"),
        ((4, 2.5, 1), (0, 0, 0), "three positive whole numbers"),
        ((4, 4, 4), (0, 0), "three numbers"),
        ((4, 4, 4), (0, np.inf, 0), "three numbers"),
    ],
)
def test_refusals(points, shift, message):
    with pytest.raises(InputError, match=message):
        Mesh(points, shift)


# Compensated sums


def test_compensated_sum_is_exact():
    """Large terms that cancel leave what a plain sum loses."""
    terms = np.array([1e16, 1.0, -1e16, 1e-3, 3e12, -3e12, 2.0**-60])
    rng = np.random.default_rng(0)
    for _ in range(5):
        order = rng.permutation(len(terms))
        total = CompensatedSum((1,))
        for term in terms[order]:
            total.add(np.array([term]))
        exact = sum(map(Fraction, terms.tolist()))
        assert float(Fraction(total.high[0]) + Fraction(total.low[0])) == pytest.approx(float(exact), rel=1e-15, abs=0)
    plain = 0.0
    for term in terms:
        plain += term
    assert plain != pytest.approx(float(exact), rel=1e-6, abs=0)


def test_compensated_sum_does_not_depend_on_the_order():
    rng = np.random.default_rng(1)
    terms = rng.normal(size=(2000, 3)) * 10.0 ** rng.integers(-8, 8, size=(2000, 1))
    sums = []
    for _ in range(3):
        total = CompensatedSum((3,))
        for term in terms[rng.permutation(len(terms))]:
            total.add(term)
        sums.append(total.high + total.low)
    exact = [float(sum(map(Fraction, column.tolist()))) for column in terms.T]
    for found in sums:
        assert np.array_equal(found, sums[0])
        assert np.abs(found - exact).max() <= 2e-16 * np.abs(exact).max()


def test_compensated_sum_keeps_its_terms():
    term, total = np.ones(2), CompensatedSum((2,))
    total.add(term)
    total.add(term)
    assert term.tolist() == [1, 1]
    assert total.high.tolist() == [2, 2]


# In a calculation

MODEL = models.rashba_exchange()
NAMES = ["spin_hall", "edelstein", "nonlinear_intrinsic_spin_current"]
OPTIONS = {"mu": [0.3, 0.5], "temperature": 0.3 / BOLTZMANN}


def run(n, model=MODEL, **options):
    return compute(model, NAMES, grid=(n, n, 1), form="paper", **(OPTIONS | options))


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_estimate_is_the_coarse_run(shift):
    """values - error is what a mesh of half the density gives; its shift is half as large in units of its spacing."""
    fine, coarse = run(16, shift=(shift, shift, 0)), run(8, shift=(shift / 2, shift / 2, 0))
    for name, tensor in fine.items():
        for block, value in tensor.blocks.items():
            if not np.abs(value).any():
                continue
            scale = np.abs(value).max()
            assert scale > 1e-3
            assert np.abs(value - tensor.block_errors[block] - coarse[name].blocks[block]).max() < 1e-13 * scale
        alone = replace(tensor, block_harmonics=None).error
        assert np.abs(alone - np.abs(tensor.values - coarse[name].values)).max() < 1e-13
        assert tensor.half_counts and (tensor.error > 0).any()


@pytest.mark.parametrize(
    "shift",
    [
        0.0,
        0.5,
    ],
)
def test_irreducible_points_keep_the_estimate(shift):
    """Values and error estimates with the points of the symmetry left out are those with all of them."""
    model = models.kane_mele(soc=0.1)
    sites = np.array([[1 / 3, 1 / 3, 0], [2 / 3, 2 / 3, 0]])
    crystal = Structure(lattice=model.lattice, positions=sites, numbers=np.array([6, 6]), magnetic_moments=np.zeros((2, 3)))
    options = {"grid": (12, 12, 1), "shift": (shift, shift, 0), "mu": 0.0, "temperature": 300.0}
    few, every = (compute(model, "spin_hall", symmetry=crystal, reduce_k=r, **options) for r in (True, False))
    assert few.provenance["k_points_evaluated"] < every.provenance["k_points_evaluated"] / (1 if shift else 3) + 1
    few, every = few["spin_hall"], every["spin_hall"]
    assert np.abs(every.values).max() > 0.1
    assert np.abs(few.values - every.values).max() < 1e-12
    assert every.error.max() > 1e-3
    assert np.abs(few.error - every.error).max() < 1e-12


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_the_estimate_is_an_upper_one():
    exact = run(96)
    for n in (16, 24, 32):
        result = run(n)
        for name, tensor in result.items():
            true = np.abs(tensor.values - exact[name].values).max()
            assert true > 1e-16
            assert true < tensor.error.max()
            assert tensor.error.max() < {16: 1.0, 24: 0.1, 32: 0.01}[n] * np.abs(exact[name].values).max()


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_memory_does_not_change_the_answer(monkeypatch):
    """Nor the size of the batches."""
    from wannier_spin.integration import grid

    sizes = []
    batches = grid.Mesh.batches

    def seen(self, largest):
        sizes.append(largest)
        return batches(self, largest)

    monkeypatch.setattr(grid.Mesh, "batches", seen)
    monkeypatch.setattr("wannier_spin.integrals.mesh.LEAST_BATCHES", 1)  # the memory decides
    model = models.random_model(n=4, seed=1)
    results = []
    for memory in (1.0, 4e-2, 2e-2):
        results.append(compute(model, "all", grid=(6, 6, 6), omega=0.1, broadening=0.1, memory=memory, **OPTIONS))
    assert len(set(sizes)) == 3
    assert min(sizes) < 36 < max(sizes)
    for name, tensor in results[0].items():
        scale = np.abs(tensor.values).max()
        assert scale > 1e-4
        for other in results[1:]:
            assert np.abs(other[name].values - tensor.values).max() < 1e-13 * scale
            assert np.abs(other[name].error - tensor.error).max() < 1e-8 * scale  # the decay of what is rounding is no number


def test_too_little_memory():
    with pytest.raises(InputError, match="GiB is the least"):
        run(4, memory=1e-6)


def test_vacuum_directions():
    with pytest.raises(InputError, match="2 points along lattice vector c, which is not periodic"):
        compute(MODEL, "spin_hall", grid=(4, 4, 2), mu=0, temperature=300)


def test_volume():
    """int d^dk/(2 pi)^d is the mean over the mesh divided by the cell: a larger cell of the same bonds is not the issue,
    the same crystal in a supercell along c is: everything per volume stays."""
    model = models.weyl()
    one = compute(model, "spin_hall", channel="charge", grid=(6, 6, 8), mu=0.3, temperature=3000)["spin_hall"].values
    double = supercell(model)
    two = compute(double, "spin_hall", channel="charge", grid=(6, 6, 4), mu=0.3, temperature=3000)["spin_hall"].values
    assert np.abs(one).max() > 1e-2
    assert np.abs(one - two).max() < 1e-12


def supercell(model):
    """Two cells along c as one."""
    from dataclasses import replace

    n, H, S = model.n_bands, {}, {}
    for R, hop, spin in zip(model.R_vectors.tolist(), model.hamiltonian_R, model.spin_R, strict=True):
        for start in (0, 1):
            far, end = divmod(start + R[2], 2)
            key = (R[0], R[1], far)
            for table, X, extra in ((H, hop, ()), (S, spin, (3,))):
                matrix = table.setdefault(key, np.zeros((2, n, 2, n, *extra), complex))
                matrix[start, :, end] += X
    keys = sorted(H)
    shape = (len(keys), 2 * n, 2 * n)
    lattice = model.lattice * np.array([[1], [1], [2]])
    centres = np.concatenate([model.centres, model.centres + model.lattice[2]])
    return replace(
        model,
        lattice=lattice,
        R_vectors=np.array(keys),
        hamiltonian_R=np.array([H[key] for key in keys]).reshape(shape),
        spin_R=np.array([S[key] for key in keys]).reshape(*shape, 3),
        centres=centres,
    )


def test_a_temperature_that_the_mesh_cannot_resolve_is_told():
    """Bands cross mu, no point of the mesh is near it: Fermi-surface terms are zero, and with no other mu so is their error."""
    options = {"grid": (6, 6, 1), "shift": (0.3, 0.1, 0), "mu": 0.3}
    with pytest.warns(AccuracyWarning, match="no state of the mesh lies within"):
        cold = compute(MODEL, "nonlinear_drude_spin_current", temperature=1e-3, **options)["nonlinear_drude_spin_current"]
    assert np.abs(cold.values).max() < 1e-12
    warm = compute(MODEL, "nonlinear_drude_spin_current", temperature=3000, **options)["nonlinear_drude_spin_current"]
    assert np.abs(warm.values).max() > 1e-3
