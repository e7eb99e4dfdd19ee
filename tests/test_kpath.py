"""Bands with a geometric quantity along a path: the path, and the quantities against responses and plain sums."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rotations import rotated
from rounding import same

import wannier_spin as ws
from wannier_spin.analysis.kpath import QUANTITIES, KPath, band_map, k_mesh, k_path, k_plane, occupied_sum
from wannier_spin.errors import InputError
from wannier_spin.geometry import BandGeometry
from wannier_spin.units import ELECTRON_MASS

SQUARE = ws.models.get("altermagnet")
NO_BLOCKS = "rashba_exchange"


def path_of(k: np.ndarray) -> KPath:
    """Any points at all."""
    return KPath(k, np.arange(len(k), dtype=float), (), ())


def mesh(points: tuple[int, int, int]) -> np.ndarray:
    grid = np.meshgrid(*(np.arange(n) / n for n in points), indexing="ij")
    return np.stack(grid, axis=-1).reshape(-1, 3)


def test_path() -> None:
    a = np.linalg.norm(SQUARE.lattice[0])
    path = k_path(SQUARE, "G 0 0 0; X 1/2 0 0; M .5,.5,0 | Y 0 0.5 0; G 0 0 0", points=60)
    assert path.labels == ("G", "X", "M|Y", "G")
    assert path.ticks == pytest.approx(np.array([0, 1, 2, 3]) * np.pi / a)
    assert len(path.points) == len(path.distance) == pytest.approx(60, abs=4)
    corner = [int(np.argmin(np.abs(path.distance - tick))) for tick in path.ticks]
    assert path.points[corner[1]] == pytest.approx([0.5, 0, 0])
    (start,) = path.breaks
    assert path.points[start - 1] == pytest.approx([0.5, 0.5, 0])
    assert path.points[start] == pytest.approx([0, 0.5, 0])
    assert path.distance[start] == path.distance[start - 1]
    steps = np.delete(np.diff(path.distance), start - 1)
    assert steps == pytest.approx(np.full(len(steps), np.pi / a / 20))


def test_path_of_a_kp_model_is_cartesian() -> None:
    path = k_path(ws.models.get("massive_dirac"), "A -0.1 0 0; B 0.1 0 0")
    assert path.distance[-1] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("G 0 0 0", "one corner"),
        ("G 0 0 0; X 0 0", "found 'X 0 0', expected a name and three numbers"),
        ("G 0 0 0; X 0 0 a", "found 'X 0 0 a'"),
        ("G 0 0 0; X 0 0 1/0", "found 'X 0 0 1/0'"),
        ("G 0 0 0; X 0 0 nan", "found 'X 0 0 nan'"),
        ("G 0 0 0;", "found ''"),
        ("", "found ''"),
        ("G 0 0 0; X .5 0 0 | M .5 .5 0", "one corner in 'M .5 .5 0'"),
        ("G 0 0 0; X 0 0 0", "the same point"),
    ],
)
def test_wrong_paths(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        k_path(SQUARE, text)
    assert message in str(caught.value)


HEXAGONAL = ws.models.get("kane_mele")
LENGTH = 4 * np.pi / np.sqrt(3)  # of the shortest reciprocal lattice vectors, for a = 1


def test_plane_of_a_hexagonal_lattice() -> None:
    """Angles and lengths are right, whatever the reduced coordinates look like."""
    plane = k_plane(HEXAGONAL, "G 0 0 0; . 1 0 0; . 0 1 0", (7, 5), "M 1/2 0 0")
    x, y = (plane.positions[:, i].reshape(plane.shape) for i in (0, 1))
    assert (x[0, 0], y[0, 0]) == pytest.approx((0, 0))
    assert (x[-1, 0], y[-1, 0]) == pytest.approx((LENGTH, 0))
    across = np.array([x[0, -1], y[0, -1]])
    assert np.linalg.norm(across) == pytest.approx(LENGTH)
    assert abs(across[0]) == pytest.approx(LENGTH / 2)  # 60 or 120 degrees
    assert across[1] > 0
    assert plane.points.reshape(7, 5, 3)[3, 2] == pytest.approx([1 / 2, 1 / 2, 0])
    assert np.linalg.norm(np.diff(plane.cartesian.reshape(7, 5, 3), axis=0), axis=-1) == pytest.approx(LENGTH / 6)
    places = {name: np.array(place) for name, *place in plane.marks}
    assert list(places) == ["G", "M"]
    assert np.linalg.norm(places["M"]) == pytest.approx(LENGTH / 2)
    assert plane.reciprocal.shape == (2, 3)  # none across the sheet


def test_corner_of_the_hexagonal_zone() -> None:
    """The corner that belongs to the angle of 120 or 60 degrees between the two edges."""
    lattice = 2 * np.pi * np.linalg.inv(HEXAGONAL.lattice).T
    acute = lattice[0] @ lattice[1] > 0
    plane = k_plane(HEXAGONAL, "G 0 0 0; . 1 0 0; . 0 1 0", (2, 2), "K 1/3 1/3 0" if acute else "K 2/3 1/3 0")
    places = {name: np.array(place) for name, *place in plane.marks}
    assert np.linalg.norm(places["K"]) == pytest.approx(4 * np.pi / 3)


def test_plane_off_the_origin() -> None:
    """Positions count from Gamma, along axes that do not depend on where the plane is."""
    model = ws.models.get("zincblende")
    plane = k_plane(model, "A 0 0 1/2; B 1/2 1/2 1/2; C 1/2 -1/2 1", (3, 4))
    assert plane.axes @ plane.axes.T == pytest.approx(np.eye(2))
    expected = 2 * np.pi * np.linalg.inv(model.lattice).T
    assert plane.cartesian == pytest.approx(plane.points @ expected)
    assert plane.positions == pytest.approx(plane.cartesian @ plane.axes.T)
    along = plane.cartesian[-4] - plane.cartesian[0]
    assert along / np.linalg.norm(along) == pytest.approx(plane.axes[0])


def test_plane_of_a_kp_model_is_cartesian() -> None:
    plane = k_plane(ws.models.get("massive_dirac"), ". -0.1 -0.1 0; . 0.1 -0.1 0; . -0.1 0.1 0", (3, 3))
    assert plane.positions[:, 0].reshape(3, 3)[:, 0] == pytest.approx([-0.1, 0, 0.1])
    assert len(plane.reciprocal) == 0
    assert plane.marks == ()


@pytest.mark.parametrize(
    ("corners", "points", "marks", "message"),
    [
        ("G 0 0 0; X .5 0 0", (3, 3), "", "found 2 corners, expected three"),
        ("G 0 0 0; X .5 0 0; Y 1 0 0", (3, 3), "", "lie on a line"),
        ("G 0 0 0; X 0 0 0; Y 1 0 0", (3, 3), "", "lie on a line"),
        ("G 0 0 0; X 0 0; Y 1 0 0", (3, 3), "", "plane 'G 0 0 0; X 0 0; Y 1 0 0': found 'X 0 0'"),
        ("G 0 0 0; X .5 0 0; Y 0 .5 0", (1, 3), "", "1 x 3 points, expected at least 2 x 2"),
        ("G 0 0 0; X .5 0 0; Y 0 .5 0", (3, 3), "M .5 .5 0; Z 0 0 .5", "'Z' does not lie in the plane"),
        ("G 0 0 0; X .5 0 0; Y 0 .5 0", (3, 3), "M .5", "marks 'M .5': found 'M .5'"),
    ],
)
def test_wrong_planes(corners: str, points: tuple[int, int], marks: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        k_plane(SQUARE, corners, points, marks)
    assert message in str(caught.value)


def test_mesh() -> None:
    assert k_mesh((2, 3, 4)).points == pytest.approx(mesh((2, 3, 4)))
    assert k_mesh((2, 3, 4)).shape == (2, 3, 4)
    for wrong in ((2, 3), (2, 3, 0), (2, 3, 1.5), 4):
        with pytest.raises(InputError, match="three positive whole numbers"):
            k_mesh(wrong)  # type: ignore[arg-type]


def test_maps_on_a_plane_are_those_of_its_points() -> None:
    plane = k_plane(SQUARE, "G 0 0 0; X .5 0 0; Y 0 .5 0", (3, 4))
    bands = band_map(SQUARE, plane, "spin", "z")
    assert bands.values.shape == (12, 2)
    assert bands.values[6] == pytest.approx(band_map(SQUARE, path_of(plane.points[6:7]), "spin", "z").values[0])


def test_wrong_quantities_and_components() -> None:
    path = k_path(SQUARE, "G 0 0 0; X .5 0 0", points=3)
    with pytest.raises(InputError, match="choose from spin_berry_curvature, spin_metric"):
        band_map(SQUARE, path, "berry", "xy")
    with pytest.raises(InputError, match="expected 3 letter"):
        band_map(SQUARE, path, "spin_metric", "xy")
    with pytest.raises(InputError, match="expected 1 letter"):
        band_map(SQUARE, path, "spin", "up")
    with pytest.raises(InputError, match="needs spin matrices"):
        band_map(replace(SQUARE, spin_R=None), path, "spin", "z")
    with pytest.raises(InputError, match="at least 2"):
        k_path(SQUARE, "G 0 0 0; X .5 0 0", points=1)


def test_sum_over_a_mesh_is_the_spin_hall_conductivity(example_inputs: Path) -> None:
    """(6a): int_k sum_n f_n Omega_n, for Kramers pairs of a real metal."""
    model = ws.load_model(example_inputs / "GaAs" / "GaAs.model.h5")
    mu, points = 9.13, (3, 3, 3)
    bands = band_map(model, path_of(mesh(points)), "spin_berry_curvature", "xyz")
    assert bands.component == "xy;z"
    found = occupied_sum(bands, mu).mean() / abs(np.linalg.det(model.lattice))
    result = ws.compute(model, "spin_hall", grid=points, mu=mu, temperature=0)
    expected = result["spin_hall"].component("xy;z")[0].item()
    assert abs(expected) > 1e-6
    assert found == pytest.approx(expected, rel=1e-8, abs=0)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # a coarse mesh at 10 K: an identity
def test_sum_over_a_mesh_is_the_edelstein_response_in_paper_form() -> None:
    """(5): -(tau/2) int_k sum_n f_n Obar^{ba}_n, in a gap."""
    model, points = ws.models.get(NO_BLOCKS), (6, 6, 1)
    bands = band_map(model, path_of(mesh(points)), "zeeman_berry_curvature", "xy")
    energies = np.sort(bands.energies.ravel())
    wide = len(energies) // 8 + int(np.argmax(np.diff(energies[len(energies) // 8 : len(energies) // 3])))
    mu = float(energies[wide : wide + 2].mean())
    assert energies[wide + 1] - energies[wide] > 0.05  # no state within 25 kT of mu
    area = np.linalg.norm(np.cross(*model.lattice[:2]))
    found = -occupied_sum(bands, mu).mean() / 2 / area
    result = ws.compute(model, "edelstein", grid=points, mu=mu, temperature=10, form="paper")
    expected = result["edelstein"].at(combination={"L1": 1}).component("yx")[0].item()
    assert abs(expected) > 1e-4
    assert found == pytest.approx(expected, rel=1e-8, abs=0)


@pytest.mark.parametrize(("quantity", "component"), [("spin_metric", "xy;z"), ("zeeman_metric", "yx"), ("spin", "z")])
def test_against_plain_sums(quantity: str, component: str) -> None:
    """Written out for bands without blocks, from matrix elements."""
    model, k = ws.models.get(NO_BLOCKS), np.array([[0.11, 0.23, 0.0], [0.4, 0.05, 0.0]])
    g = ws.band_geometry(model, k)
    assert not g.has_degeneracies
    a, b, c = 0, 1, 2
    expected = np.zeros(g.energies.shape)
    for p, n, m in np.ndindex(*g.velocity.shape[0:1], *g.velocity.shape[2:]):
        if n == m:
            expected[p, n] += g.spin_matrices[p, c, n, n].real if quantity == "spin" else 0
            continue
        gap = g.energies[p, n] - g.energies[p, m]
        if quantity == "spin_metric":
            expected[p, n] += (g.spin_current[p, a, c, n, m] * g.velocity[p, b, m, n]).real / gap**2
        elif quantity == "zeeman_metric":
            expected[p, n] += (-1j * g.velocity[p, b, n, m] / gap * g.spin_matrices[p, a, m, n]).real
    assert np.abs(expected).max() > 1e-3
    assert band_map(model, path_of(k), quantity, component).values == pytest.approx(expected)


def blocks(g: BandGeometry) -> list[tuple[int, int]]:
    """(k-point, number of the block)."""
    return [(p, int(block)) for p, groups in enumerate(g.group) for block in np.unique(groups)]


@pytest.mark.parametrize("quantity", [name for name in QUANTITIES if name != "orbital_moment"])  # its trace is zero with P*T
def test_degenerate_bands(quantity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map does not depend on the choice of states inside of a block, and its bands add up to the block's trace."""
    model, rng = ws.models.get("chiral_flat"), np.random.default_rng(3)
    k = rng.uniform(size=(5, 3)) * model.periodic
    g = ws.band_geometry(model, k)
    assert g.has_degeneracies
    component = "xyz"[: QUANTITIES[quantity].rank]
    bands = band_map(model, path_of(k), quantity, component)
    assert np.abs(bands.values).max() > 1e-3
    elements = QUANTITIES[quantity].of(g)[(slice(None), *("xyz".index(letter) for letter in component))]
    for p, block in blocks(g):
        inside = g.group[p] == block
        assert np.ptp(bands.values[p, inside]) <= 1e-10
        assert bands.values[p, inside].sum() == pytest.approx(elements[p, inside].sum(), abs=1e-10)
    monkeypatch.setattr("wannier_spin.analysis.kpath.geometry_of", lambda bloch, tolerance: rotated(g, rng))
    change = np.abs(QUANTITIES[quantity].of(rotated(g, rng)) - QUANTITIES[quantity].of(g)).max()
    if quantity == "velocity":  # a multiple of one in blocks that stay degenerate along every k
        assert change < 1e-12
    else:
        assert change > 1e-6  # elements do change
    assert band_map(model, path_of(k), quantity, component).values == pytest.approx(bands.values, abs=1e-9)


def test_orbital_moment_and_velocity_of_a_massive_dirac_cone() -> None:
    v, gap = 1.7, 0.3
    model = ws.models.massive_dirac(v=v, gap=gap)
    path = k_path(model, "G 0 0 0; . 0.4 0 0", 20)
    energy = np.sqrt((v * path.distance) ** 2 + gap**2)
    moment = band_map(model, path, "orbital_moment", "z")
    assert (moment.unit, band_map(model, path, "velocity", "x").unit) == ("hbar", "eV angstrom")
    assert moment.values == pytest.approx(np.stack([ELECTRON_MASS * v**2 * gap / energy**2] * 2, axis=1))
    slope = v**2 * path.distance / energy
    assert band_map(model, path, "velocity", "x").values == pytest.approx(np.stack([-slope, slope], axis=1))


def test_a_mesh_is_summed_axis_by_axis() -> None:
    """The same as point by point, also across a vacuum, whose axis comes first."""
    rng = np.random.default_rng(5)
    for model, shape in ((ws.models.get("random_model"), (5, 4, 3)), (SQUARE, (17, 9, 1))):
        mesh = k_mesh(shape)
        found = band_map(model, mesh, "spin", "z")
        assert np.abs(found.values).max() > 1e-3
        places = rng.choice(len(mesh.points), 6, replace=False)
        expected = band_map(model, path_of(mesh.points[places]), "spin", "z")
        assert found.energies[places] == pytest.approx(expected.energies, abs=1e-12)
        assert found.values[places] == pytest.approx(expected.values, abs=1e-12)


def test_batches_join(monkeypatch: pytest.MonkeyPatch) -> None:
    path = k_path(SQUARE, "G 0 0 0; M .5 .4 0", points=10)
    whole = band_map(SQUARE, path, "spin", "z")
    monkeypatch.setattr("wannier_spin.analysis.kpath.BATCH", 3)
    parts = band_map(SQUARE, path, "spin", "z")
    assert same(whole.values, parts.values)
    assert same(whole.energies, parts.energies)
