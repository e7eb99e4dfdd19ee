"""Stars of a mesh: their geometry, their phases, and bars of functions whose mesh errors are known exactly."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from wannier_spin.integration import stars as module
from wannier_spin.integration.decay import fermi_power
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.stars import KAPPA, WINDOW, Shell, stars
from wannier_spin.integration.superlattice import Skew, Superlattice

CUBIC = np.eye(3)
FCC = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
HEXAGONAL = np.array([[1, 0, 0], [-0.5, 3**0.5 / 2, 0], [0, 0, 1.7]])
TRICLINIC = np.array([[1, 0, 0], [0.2, 1.1, 0], [0.3, 0.1, 1.3]])
LATTICES = {"sc": np.eye(3), "fcc": FCC, "bcc": np.ones((3, 3)) / 2 - np.eye(3), "hexagonal": HEXAGONAL, "triclinic": TRICLINIC}
ALL = (True, True, True)
NO_SHIFT = (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("name", "sizes"), [("sc", [6, 12, 8]), ("fcc", [12, 6, 24]), ("bcc", [8, 6, 12])])
def test_shells_of_cubic_lattices(name, sizes):
    found = stars(Mesh((24, 24, 24), NO_SHIFT), LATTICES[name], ALL)
    assert [found.factors[rows[0]].sum() for rows in found.outer] == sizes


@pytest.mark.parametrize("points", [(24, 24, 24), (13, 13, 13), (20, 24, 8), (7, 30, 11)])
@pytest.mark.parametrize("name", LATTICES)
def test_vectors_lie_in_the_cell_of_the_superlattice(name, points):
    """No shorter vector has the same cosine on the mesh: else the amplitude at a large R would be that of a small one."""
    lattice = LATTICES[name]
    found = stars(Mesh(points, NO_SHIFT), lattice, ALL)
    R = found.vectors[found.factors > 0]
    assert len(R) > 20
    G = np.array(list(itertools.product(range(-2, 3), repeat=3))) * points
    distance = np.linalg.norm((R[:, None] - G) @ lattice, axis=-1).min(axis=1)
    step = 0.5 * np.linalg.norm(lattice, axis=1).sum()  # rounding to a lattice vector may leave the ray, and so the cell, by this
    exact = len(set(points)) == 1
    assert (np.linalg.norm(R @ lattice, axis=1) <= distance + (1e-9 if exact else step)).all()
    assert R.any(axis=1).all()
    for direction in range(3):
        assert np.abs(R[:, direction]).max() > points[direction] / 4  # no direction is forgotten


@pytest.mark.parametrize("shift", [NO_SHIFT, (0.2, 0.0, 0.5)])
def test_phases_are_sums_of_cosines(shift):
    axes, points = (2, 0, 1), (4, 6, 5)
    rng = np.random.default_rng(3)
    weights = rng.integers(0, 3, points)
    mesh = Mesh(points, shift, weights)
    found = stars(mesh, TRICLINIC, ALL)
    batch = mesh.transposed(axes).batches(30)[1]
    k2, k3 = (x.ravel() for x in np.meshgrid(batch.k2, batch.k3, indexing="ij"))
    used = np.ones(len(k2), bool) if batch.used is None else batch.used.ravel()
    k = np.zeros((used.sum(), 3))
    k[:, axes[0]], k[:, axes[1]], k[:, axes[2]] = batch.k1, k2[used], k3[used]
    angles = 2 * np.pi * np.einsum("jdi,ki->jkd", found.vectors, k)
    expected = np.einsum("jd,jkd->jk", found.factors, np.cos(angles))
    if shift != NO_SHIFT:
        expected = np.concatenate([expected, np.einsum("jd,jkd->jk", found.factors, np.cos(angles - found.angles[:, None]))])
    assert np.abs(expected).max() > 1
    assert found.n_rows == len(expected)
    assert np.abs(found.phases(batch, axes) - expected).max() < 1e-12


@pytest.mark.parametrize(
    "mesh",
    [
        Mesh((4, 30, 20), (0.0, 0.2, 0.5), (np.arange(2400) % 23 == 5).reshape(4, 30, 20).astype(int)),
        Mesh(
            (4, 10, 14),
            NO_SHIFT,
            (np.arange(560) % 17 == 5).reshape(4, 10, 14) * 3,
            Skew((2, 4, 6), ((1, 1, 0), (0, 1, 0), (0, -1, 1))),
        ),
    ],
)
def test_phases_at_few_points_are_those_among_all(mesh):
    """An irreducible mesh has few points in a product of lines and columns: the same numbers as where all are used."""
    found, every = stars(mesh, TRICLINIC, ALL), replace(mesh, weights=None)
    for few, all_of_them in zip(mesh.batches(10**6), every.batches(10**6), strict=True):
        lines = np.isin(all_of_them.k2, few.k2)
        whole = found.phases(all_of_them, (0, 1, 2)).reshape(found.n_rows, len(all_of_them.k2), -1)[:, lines]
        assert few.used is not None and 8 * few.used.sum() < few.used.size
        assert np.abs(whole).max() > 1
        assert np.abs(found.phases(few, (0, 1, 2)) - whole[:, few.used]).max() < 1e-12


def bar_and_error(function, exact, points, dimension, lattice=CUBIC):
    """Bar of the mean of a function of x = 2 pi k over a mesh, and its error."""
    periodic = tuple(i < dimension for i in range(3))
    mesh = Mesh(tuple(points if p else 1 for p in periodic), NO_SHIFT)
    found = stars(mesh, lattice, periodic)
    mean, sums = 0.0, np.zeros(found.n_rows)
    for batch in mesh.batches(4096):
        k2, k3 = np.meshgrid(batch.k2, batch.k3, indexing="ij")
        F = function(*(2 * np.pi * np.array(x) for x in (np.full_like(k2, batch.k1), k2, k3)[:dimension])).ravel()
        mean += F.sum() / mesh.n_points
        sums += found.phases(batch, (0, 1, 2)) @ F / mesh.n_points
    power = fermi_power(dimension, False)
    decay = found.decay(sums[:, None, None], np.ones((1, 1)), power)
    factors = found.continued(decay, power, np.zeros_like(decay))[:, 0]
    return float(np.sqrt(((sums[found.outer_rows] * factors) ** 2).sum())), abs(mean - exact)


def test_bars_of_a_scan():
    """The filling of a band in 2D and of one in 3D at many mu, whose coefficients oscillate and fall until kT cuts them off."""
    ratios = []
    for dimension, meshes, dense in ((2, range(10, 34, 3), 97), (3, range(8, 20, 3), 51)):
        for n in meshes:
            mu = np.linspace(-1.2, 1.7, 15)
            x = np.meshgrid(*[2 * np.pi * np.arange(dense) / dense] * dimension, sparse=True)
            scan = [band(m)(*x).mean() for m in mu]
            found = [bar_and_error(band(m), exact, n, dimension) for m, exact in zip(mu, scan, strict=True)]
            ratios += [bar / error for bar, error in found]
            assert max(error for _, error in found) > 1e-6
    assert np.mean(np.array(ratios) > 1) >= 0.85
    assert 1.5 < np.median(ratios) < 12


def band(mu):
    """f of a band of cosines of different strength at kT = 0.05."""
    return lambda *x: 0.5 - 0.5 * np.tanh((sum(a * np.cos(y) for a, y in zip((1.0, 0.7, 0.45), x, strict=False)) - mu) / 0.1)


def test_bars_of_exponentials():
    """A function that a mesh integrates to many digits: the bar falls with the error, from above."""
    found = [bar_and_error(lambda x, y: 1 / (1.3 - np.cos(x)) + np.cos(y), 1 / (1.3**2 - 1) ** 0.5, n, 2) for n in (8, 16, 32)]
    bars, errors = np.array(found).T
    assert errors[1] > 1e-6
    assert (bars > errors).all()
    assert bars[2] < 1e-3 * bars[0]


@pytest.mark.parametrize(
    ("amplitude", "least", "most"),
    [
        (lambda R: R**-2.0 + 1e3 * np.exp(-2 * R), 2.0, 2.2),  # a few hoppings, and a Fermi surface behind them
        (lambda R: R**-3.0 + 1e3 * np.exp(-2 * R), 3.0, 3.4),
        (lambda R: R**-4.0, 3.9, 4.1),
        (lambda R: R**-1.0, 0.9, 1.1),
        (lambda R: R**-1.0 + 1e6 * np.exp(-2 * R), 2.0, 2.0),  # within the outer window slower than a Fermi surface
        (lambda R: np.exp(-R), 6.0, 10.0),  # faster and faster: as between the windows
    ],
)
def test_decay_is_that_of_the_outer_window_where_it_is_slower(amplitude, least, most):
    found = stars(Mesh((28, 28, 28), NO_SHIFT), np.eye(3), ALL)
    sums = amplitude(np.linalg.norm(found.vectors[:, 0], axis=1))[:, None, None]
    decay = found.decay(sums, np.ones((1, 1)), 2.0)
    assert decay.shape == (len(found.outer), 1)
    assert least - 1e-9 <= np.median(decay) <= most + 1e-9


@pytest.mark.parametrize("lattice", [np.eye(3), np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, 3]])])
def test_decay_on_small_meshes(lattice):
    """Amplitudes like R^-3, scattered by a third: a power of that kind, also where a window has hardly two lengths."""
    rng = np.random.default_rng(0)
    for points in [(n, n, 1) for n in range(6, 13)] + [(4, 6, 4), (6, 6, 6), (8, 4, 8)]:
        found = stars(Mesh(points, NO_SHIFT), lattice, ALL)
        lengths = np.linalg.norm(found.vectors[:, 0], axis=1)
        amplitudes = np.maximum(lengths, 0.5) ** -3.0 * np.exp(0.3 * rng.normal(size=len(lengths)))
        decay = found.decay(amplitudes[:, None, None], np.ones((1, 1)), 2.0)
        assert 0.3 < decay.mean() < 5, points


def test_stars_of_a_superlattice_do_not_depend_on_how_it_is_written():
    """The bars of a mesh along the lattice vectors, and of the same points as a skewed mesh of another basis."""
    basis = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1]])
    other = np.linalg.inv(basis) @ TRICLINIC  # its lattice vectors are the same lattice
    skewed = Superlattice.of(np.array(np.diag((10, 10, 12)) @ basis, np.int64), other)
    assert not skewed.skew.straight
    straight = stars(Mesh((10, 10, 12), NO_SHIFT), TRICLINIC, ALL)
    found = stars(Mesh(skewed.points, NO_SHIFT, skew=skewed.skew), other, ALL)
    assert [len(rows) for rows in found.outer] == [len(rows) for rows in straight.outer]
    assert np.abs(np.array(found.octaves) - straight.octaves).max() < 1e-12
    vectors = found.vectors[found.factors > 0] @ np.array(skewed.skew.basis) @ other
    G = np.array(list(itertools.product(range(-2, 3), repeat=3))) * (10, 10, 12) @ TRICLINIC
    step = 0.5 * np.linalg.norm(np.array(skewed.skew.basis) @ other, axis=1).sum()
    assert len(vectors) > 20
    assert (np.linalg.norm(vectors, axis=1) <= np.linalg.norm(vectors[:, None] - G, axis=-1).min(axis=1) + step).all()


def test_phases_of_a_skewed_mesh():
    """At the points of a batch whose lines lean, sums of cosines of the same k.R."""
    mesh = Mesh((4, 10, 14), NO_SHIFT, skew=Skew((2, 4, 6), ((1, 1, 0), (0, 1, 0), (0, -1, 1))))
    found = stars(mesh, TRICLINIC, ALL)
    leaning = [batch for batch in mesh.batches(1000) if batch.lean is not None and np.abs(batch.lean).max() > 0.1]
    batch = leaning[-1]
    k2, k3 = np.meshgrid(batch.k2, batch.k3, indexing="ij")
    k = np.stack([np.full(k2.size, batch.k1), k2.ravel(), (k3 + batch.lean[:, None]).ravel()], axis=1)
    expected = np.einsum("jd,jkd->jk", found.factors, np.cos(2 * np.pi * np.einsum("jdi,ki->jkd", found.vectors, k)))
    assert np.abs(expected).max() > 1
    assert np.abs(found.phases(batch, (0, 1, 2)) - expected).max() < 1e-12


@pytest.mark.parametrize("n", [8, 16])
def test_shells_of_rounding_have_no_vote(n):
    """Along the diagonal of f(x) + cos(y) there is nothing: rounding there, of whatever kind, does not change how fast it falls."""
    bars = []
    for phase in (0.3, 1.1, 2.0):
        noise = lambda x, y, p=phase: 1e-17 * (np.cos(x + y + p) + p * np.cos(2 * x + 2 * y) + np.cos(3 * x + 3 * y - p))  # noqa: E731
        bars.append(
            bar_and_error(lambda x, y, z=noise: 1 / (1.3 - np.cos(x)) + np.cos(y) + z(x, y), 1 / (1.3**2 - 1) ** 0.5, n, 2)[0]
        )
    assert bars[0] > 1e-4
    np.testing.assert_allclose(bars, bars[0], rtol=1e-6)


@pytest.mark.parametrize("n", [8, 12, 16])
def test_each_shell_falls_off_by_itself(n):
    """A narrow peak along the long axis, and what changes along another one is smooth: the error is that of the peak. With the mean
    of how all shells fall off bars were 1.2, 0.7 and 0.4 of it.
    """
    exact = 1 / (1.05**2 - 1) ** 0.5 + 2 / (3**2 - 1) ** 0.5
    chains = lambda x, _, z: 1 / (1.05 - np.cos(z)) + 2 / (3 - np.cos(x))  # noqa: E731
    bar, error = bar_and_error(chains, exact, n, 3, lattice=np.diag([1, 1, 1.3]))
    assert error > 0.01
    assert error < bar < 6 * error


def test_rounding_does_not_take_vectors_off_their_ray():
    """Half way to D lies a lattice vector, whether the reach came out as a half or a little less."""
    below, half = (Shell(np.array([[6, 0, 8]]), np.array([reach])) for reach in (np.nextafter(0.5, 0), 0.5))
    found = below.rays(WINDOW)
    assert [R.tolist() for R in found] == [R.tolist() for R in half.rays(WINDOW)] == [[[3, 0, 4]]]


def test_no_mesh_no_star():
    assert stars(Mesh((1, 1, 1), NO_SHIFT), np.eye(3), ALL) is None
    assert stars(Mesh((1, 1, 9), NO_SHIFT), np.eye(3), (True, True, False)) is None
    small = stars(Mesh((2, 2, 2), NO_SHIFT), np.eye(3), ALL)
    assert [len(rows) for rows in small.outer] == [1, 1, 1]
    assert [len(rows) for rows in small.inner] == [0, 0, 0]  # no decay can be known: the amplitude itself is the bar


def test_what_a_mesh_is_made_of():
    """Lengths of shells and of all vectors, powers of a Fermi surface; more decay and heat leave less."""
    found = stars(Mesh((24, 24, 24), NO_SHIFT), FCC, ALL)
    assert found.lengths == pytest.approx((1, 2**0.5, 3**0.5))
    assert np.sort(found.kept)[[0, 11, 12, 17, 18]] == pytest.approx(np.sqrt([1, 1, 2, 2, 3]))
    assert len(found.kept) == 42 and (found.farther < 1.8).sum() == 42
    assert found.dimension == 3
    decay, cold = np.tile([1.0, 2.0, 4.0], (3, 1)), np.zeros((3, 3))
    factors, halves = found.continued(decay, 2.0, cold), found.of_half(decay, 2.0, cold)
    assert factors.shape == (len(found.outer_rows), 3)
    assert (np.diff(factors, axis=1) < 0).all() and (found.continued(decay, 2.0, cold + 2) < factors).all()
    assert (found.continued(decay, 1.0, cold)[:, 0] > factors[:, 0]).all()
    assert halves == pytest.approx(2.0 ** -np.array([1.5, 2, 4]))
    slab = stars(Mesh((24, 20, 1), NO_SHIFT), np.eye(3), (True, True, False))
    assert slab.dimension == 2
    for shell, q in zip(slab.lengths, slab.spacings, strict=True):
        assert 2 * np.pi / np.linalg.norm(q, axis=1).mean() == pytest.approx(20 * shell)


def test_bars_scale_with_the_function():
    one, two = (bar_and_error(lambda x, a=a: a * np.abs(np.sin(x)), 2 * a / np.pi, 20, 1) for a in (1.0, 3.0))
    assert two == pytest.approx(tuple(3 * x for x in one), rel=1e-10, abs=0)
    assert 0 < KAPPA < 1


@pytest.mark.parametrize("distortion", [0.0, 0.01, 0.02])
def test_of_many_lengths_the_last_are_one_shell(distortion):
    """Every vector stays, once, in the order of lengths; no more shells than SHELLS."""
    random = np.random.default_rng(0).normal(size=(3, 3))
    every = module._shells(np.eye(3, dtype=int), np.eye(3) + distortion * random)
    assert (len(every) > module.SHELLS) == (distortion > 0)
    found = module._merged(every)
    assert len(found) == min(len(every), module.SHELLS)
    for key in ("vectors", "reach"):
        assert np.array_equal(*(np.concatenate([getattr(shell, key) for shell in shells]) for shells in (found, every)))


@pytest.mark.parametrize("direction", range(3))
def test_a_skewed_mesh_may_be_shifted_along_each_direction(direction):
    """Coefficients enter its error with a phase then; half a step has none but signs."""
    skew = Skew((2, 4, 6), ((1, 1, 0), (0, 1, 0), (0, -1, 1)))
    along = np.eye(3)[direction]
    some, half = (stars(Mesh((4, 10, 14), tuple(x * along), skew=skew), TRICLINIC, ALL) for x in (0.2, 0.5))
    assert some.angles is not None and half.angles is None
    assert some.n_rows == 2 * half.n_rows


def test_units_do_not_change_how_fast_coefficients_fall():
    found = stars(Mesh((16, 16, 1), NO_SHIFT), np.eye(3), (True, True, False))
    distance = np.concatenate([found.distances, found.distances])[: found.n_rows]
    sums = np.exp(-distance)[:, None, None] * np.cos(np.arange(found.n_rows))[:, None, None]
    one = found.decay(sums, np.eye(1), 1.5)
    assert one.min() > 1
    for scale in 10.0 ** np.arange(-25, 26):
        assert found.decay(scale * sums, np.eye(1), 1.5) == pytest.approx(one, rel=1e-9, abs=0)
