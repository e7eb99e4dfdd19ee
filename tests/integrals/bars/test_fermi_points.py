"""How many points of a mesh are near a Fermi surface, and how many cells it crosses; bars where it lies between the points."""

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.integrals.bars import fermi_points
from wannier_spin.integrals.bars.fermi_points import NEAR, NEAR_COLD, FermiPoints
from wannier_spin.integrals.bars.slopes import Slopes, Speeds, directions, step_of
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.stars import stars
from wannier_spin.models.hoppings import SX, SY, SZ, from_hoppings
from wannier_spin.occupation import Occupation

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes


def counted(mu, kT, step, energies, reach, weights, images=4):
    found = FermiPoints(Occupation(np.array(mu), np.array(kT)), step, 2).counted(energies, reach, weights, weights / images)
    return found.reshape(4, len(mu), len(kT))


def test_counts_one_by_one():
    random = np.random.default_rng(4)
    energies, reach, weights = random.normal(size=(50, 3)), random.uniform(0, 0.3, (2, 50, 3)), random.uniform(size=50)
    mu, kT, step = [0.4, -0.3, 0.1], [0.02, 0.0], 0.5
    found = counted(mu, kT, step, energies, reach, weights)
    for i, x in enumerate(mu):
        for j, t in enumerate(kT):
            near = weights[:, None] * (np.abs(energies - x) < max(NEAR * t, NEAR_COLD * step))
            crossed = weights[:, None] * ((energies - reach[0] < x + NEAR * t) & (energies + reach[1] > x - NEAR * t))
            expected = [near.sum(), crossed.sum(), (crossed * reach.sum(axis=0) ** 2 / 2).sum(), near.sum() / 4]  # two directions
            assert expected[1] > 0 and (expected[0] > 0 or not t)
            assert found[:, i, j] == pytest.approx(expected, rel=1e-12, abs=0)


def test_machine_code_counts_alike():
    """Many mu in any order, 0 K among the temperatures."""
    random = np.random.default_rng(5)
    energies, reach, weights = random.normal(size=(40, 6)), random.uniform(0, 0.3, (2, 40, 6)), random.uniform(size=40)
    given = (random.normal(size=30), [0.02, 0.0, 0.1], 0.5, energies, reach, weights)
    found = []
    for least in (10**9, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fermi_points, "COMPILED_FROM", least)
            found.append(counted(*given))
    assert (found[0].max(axis=1) > 0).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-12)


def test_rounding_does_not_decide_at_round_distances():
    """An irreducible mesh and the whole one have the same bars: energies that symmetry makes equal differ by rounding."""
    mu, kT, reach = 0.3, 0.3, np.full((2, 1, 2), 0.1)
    edges = np.array([[mu - 2 * kT, mu + 2 * kT]])
    totals = [counted([mu], [kT], 0.1, edges * (1 + x), reach, np.ones(1)).ravel().tolist() for x in (-1e-14, 0.0, 1e-14)]
    assert totals == [[2.0, 2.0, pytest.approx(2 * 0.2**2 / 2), 0.5]] * 3


def test_a_linear_band_is_crossed_once_and_a_gap_never():
    """v k on N points: one cell holds mu wherever it is, with the velocity of the band; 4 kT N/v points are near it."""
    n, v, kT = 1000, 2.0, 0.05
    k = (np.arange(n) + 0.3) / n
    bands = np.stack([v * k, v * k + 3], axis=1)
    found = counted([0.7, 1.234, 2.5], [kT, 0.0], v / n, bands, np.full((2, n, 2), v / n / 2), np.ones(n))
    assert found[1, :2, 1] == pytest.approx(1)
    assert found[2] / np.maximum(found[1], 1) == pytest.approx((found[1] > 0) * (v / n) ** 2 / 2)  # of two directions one
    assert found[0, :2, 0] == pytest.approx(2 * NEAR * kT * n / v, abs=1)
    assert not found[:, 2].any()


@pytest.mark.parametrize(("axes", "along"), [(np.diag([0.2, 0.3, 0.0]), 2), (np.diag([0.2, 0.0, 0.0]), 1)])
def test_the_step_is_what_energies_change_by_along_an_axis(axes, along):
    """Root mean square of v.axis over bands, the zone and the axes: of E = 2 (0.7 cos kx + 0.2 cos ky) in a cell of 2 x 3."""
    hop = {(0, 0, (1, 0)): 0.7 * np.eye(2), (0, 0, (0, 1)): 0.2 * np.eye(2)}
    model = from_hoppings(lattice=np.diag([2.0, 3.0, 1.0]), sites=[[0, 0]], hoppings=hop, periodic=(True, True, False))
    angles = 2 * np.pi * np.arange(40) / 40
    speeds = np.array([-2.8 * np.sin(angles), -1.2 * np.sin(angles)])  # along x, along y
    squares = ((speeds * np.diag(axes)[:2, None]) ** 2).mean(axis=1)
    assert directions(axes) == along
    assert step_of(model, axes) == pytest.approx(np.sqrt(squares.sum() / along), rel=1e-12, abs=0)
    assert directions(np.zeros((3, 3))) == 1


HEXAGONAL = np.array([[1, 0, 0], [-0.5, 3**0.5 / 2, 0], [0, 0, 1.3]])


@pytest.mark.parametrize(
    ("lattice", "points", "squares", "dimension"),
    [
        (np.eye(3), (12, 12, 12), (1, 1, 1), 3),
        ((1 - np.eye(3)) / 2, (12, 12, 12), (1, 1, 1), 3),
        (HEXAGONAL, (12, 12, 1), (1, 1, 0), 2),
        (np.eye(3), (12, 12, 12), (1, 1, 0), 2),  # layers
        (np.eye(3), (12, 12, 12), (0, 0, 1), 1),  # chains
        (np.eye(3), (12, 12, 12), (0.1, 0.1, 1), 1.44 / 1.02),
        (np.eye(3), (12, 12, 12), (0, 0, 0), 3),  # flat bands: all directions are alike
        (np.diag([1, 1, 0.5]), (12, 12, 24), (1, 1, 1), 3),  # points in proportion
    ],
)
def test_along_how_many_directions_bands_change(lattice, points, squares, dimension):
    """From velocities (mean squares along x, y, z), per point of the mesh; the axes need not have its symmetry."""
    periodic = tuple(n > 1 for n in points)
    mesh = Mesh(points, (0.0, 0.0, 0.0))
    axes = np.vstack([mesh.spacings(lattice), np.zeros((3, 3))])[:3]
    found = stars(mesh, lattice, periodic)
    products = axes @ np.diag(np.array(squares, float)) @ axes.T
    speeds = Speeds.of(products, axes, 0.5, found.spacings)
    assert speeds.dimension == pytest.approx(dimension)
    assert speeds.steps.shape == (len(found.outer),) and (speeds.steps > 0).all()
    if dimension in (2, 3) and np.ptp(squares) == 0:
        assert speeds.steps * found.lengths == pytest.approx(speeds.steps[0])  # in proportion to the distance of the planes


def test_the_step_along_a_vector_is_that_of_its_velocities():
    """E = 2 (0.7 cos kx + 0.2 cos ky) in a cell of 2 x 3: along y less than along x, root mean square over the zone."""
    lattice, mesh = np.diag([2.0, 3.0, 1.0]), Mesh((10, 12, 1), (0.0, 0.0, 0.0))
    hop = {(0, 0, (1, 0)): 0.7 * np.eye(2), (0, 0, (0, 1)): 0.2 * np.eye(2)}
    model = from_hoppings(lattice=lattice, sites=[[0, 0]], hoppings=hop, periodic=(True, True, False))
    axes = np.vstack([mesh.spacings(lattice), np.zeros((3, 3))])[:3]
    k = np.stack([*np.indices((9, 9)).reshape(2, -1) / 9, np.zeros(81)], axis=1)
    velocities = Slopes.of(ws.band_geometry(model, k), axes).mean.reshape(-1, 3)
    found = stars(mesh, lattice, model.periodic)
    steps = Speeds.of(velocities.T @ velocities / len(velocities), axes, step_of(model, axes), found.spacings).steps
    squares = 2 * (2 * np.pi * np.array([0.7 / 10, 0.2 / 12])) ** 2  # of what energies change by along x, along y
    along = [(squares * (q[:, :2] * [2.0 * 10, 3.0 * 12] / (2 * np.pi)) ** 2).sum(axis=1).mean() for q in found.spacings]
    assert steps == pytest.approx(np.sqrt(along), rel=1e-9, abs=0)
    assert steps.max() > 3 * steps.min()


def test_bands_that_touch_leave_with_velocities_of_their_own():
    """Weyl nodes: their mean is the tilt; away from them every band has its own, and is bent away from the other."""
    model, axes = ws.models.weyl(tilt=(0.2, 0.0, 0.3)), 0.1 * np.eye(3)
    geometry = ws.band_geometry(model, np.array([[0, 0, 0.25], [0.1, 0.05, 0.2]]))
    down, up = Slopes.of(geometry, axes).reach
    assert geometry.has_degeneracies
    assert down[0] == pytest.approx(0.05 * np.sqrt(1 + 0.2**2 + 1 + 1 + 0.3**2))
    assert np.array_equal(up[0], down[0])
    halves = 0.05 * np.linalg.norm(geometry.group_velocity[1], axis=0)
    assert (down[1, 1], up[1, 0]) == pytest.approx((halves[1], halves[0]))
    assert halves[0] != pytest.approx(halves[1])
    assert 0 < down[1, 0] - halves[0] < 0.01 * halves[0]


def test_cells_hold_all_energies_of_a_cone_with_a_small_gap_and_none_in_it():
    """Its apex is a point of the mesh, where bands have no slope, and the slope of the next ones reaches half of the way."""
    gap, n = 0.04, 16
    hop = {(0, 0, (0, 0)): (gap / 2 + 2) * SZ, (0, 0, (1, 0)): -SZ / 2 - 0.5j * SX, (0, 0, (0, 1)): -SZ / 2 - 0.5j * SY}
    model = from_hoppings(lattice=np.eye(3), sites=[[0, 0]], hoppings=hop, periodic=(True, True, False))
    k = np.stack([*np.indices((n, n)).reshape(2, -1) / n, np.zeros(n * n)], axis=1)
    geometry, axes = ws.band_geometry(model, k), 2 * np.pi / n * np.diag([1.0, 1.0, 0.0])
    energies, (down, up) = geometry.group_energies, Slopes.of(geometry, axes).reach
    assert down[0, 0] == pytest.approx(up[0, 1]) and down[0, 0] > 0.1 and np.abs(geometry.group_velocity[0]).max() < 1e-12
    levels = np.array([-0.5, -0.2, -0.1, -0.021, -0.019, 0.0, 0.019, 0.021, 0.1, 0.2, 0.5])[:, None, None]
    held = ((energies - down < levels) & (energies + up > levels)).any(axis=(1, 2))
    assert held.tolist() == [True] * 4 + [False] * 3 + [True] * 4


@pytest.mark.parametrize("name", ["spin_hall", "nonlinear_extrinsic_spin_magnetization"])
def test_bars_of_a_fermi_surface_between_the_points(name):
    """Spheres about Weyl nodes that no point of the mesh is near: sums see nothing there, f' is zero, and bars are not."""
    model, mu = ws.models.weyl(), np.linspace(0.1, 0.5, 9)
    coarse, fine = (ws.compute(model, name, grid=(n, n, n), mu=mu, temperature=30.0)[name] for n in (12, 26))
    pocket = mu < 0.24
    largest, bars = np.abs(fine.values).max(), coarse.error[pocket, 0]
    error = np.abs(coarse.values - fine.values)[pocket, 0]
    known = np.abs(fine.values).max(axis=(0, 1)) > 1e-3 * largest
    assert known.any() and error.max() > 1e-3 * largest
    if name.startswith("nonlinear"):
        assert np.abs(coarse.values[pocket]).max() < 1e-12 * largest
    assert (bars.reshape(len(bars), -1).max(axis=1) > 0.1 * np.abs(fine.values)[pocket].max()).all()
