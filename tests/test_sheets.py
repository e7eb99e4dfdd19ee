"""Fermi surfaces as triangles: against spheres and planes, the area of a cell in k, and the polyhedra of the lattices."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import wannier_spin as ws
from wannier_spin.analysis.fermi_surface import FermiSurface
from wannier_spin.analysis.sheets import clipped, isosurface, sheets
from wannier_spin.analysis.zone import first_zone
from wannier_spin.errors import InputError

Real = NDArray[np.float64]
CUBIC = np.eye(3)
BODY_CENTRED = 1.0 - np.eye(3)  # vectors of the lattice in k of a bcc crystal
FACE_CENTRED = 1.0 - 2 * np.eye(3)
HEXAGONAL = np.array([[1, 0, 0], [0.5, 0.75**0.5, 0], [0, 0, 0.6]])


def areas(points: Real, triangles: NDArray[np.int64]) -> Real:
    """Area vectors (t,3)."""
    a, b, c = points[triangles, :3].transpose(1, 0, 2)
    return np.cross(b - a, c - a) / 2


@pytest.mark.parametrize(
    ("reciprocal", "faces", "edges"), [(CUBIC, 6, 12), (BODY_CENTRED, 12, 24), (FACE_CENTRED, 14, 36), (HEXAGONAL, 8, 18)]
)
def test_polyhedra(reciprocal: Real, faces: int, edges: int) -> None:
    """Cube, rhombic dodecahedron, truncated octahedron, hexagonal prism; every edge is one third of the way between no points."""
    zone = first_zone(reciprocal * 1.7)
    assert (len(zone.normals), len(zone.edges)) == (faces, edges)
    heights = zone.edges @ zone.normals.T - zone.distances
    assert heights.max() < 1e-12
    assert ((np.abs(heights) < 1e-12).sum(axis=(1, 2)) >= 4).all()  # both ends on two faces at least
    assert len({tuple(np.round(end, 6)) for edge in zone.edges for end in edge}) == edges - faces + 2  # Euler


@pytest.mark.parametrize("radius", [2.9, 6.3])
def test_sphere(radius: float) -> None:
    """Closed, outwards, of the right area and volume, and a linear colour comes out as it is."""
    centre = np.array([8.1, 7.9, 8.03])
    x = np.stack(np.meshgrid(*3 * [np.arange(17.0)], indexing="ij"), axis=-1)
    values = np.stack([np.linalg.norm(x - centre, axis=-1) - radius, 2 * x[..., 0] - x[..., 2]], axis=-1)
    points, triangles = isosurface(values)
    area = areas(points, triangles)
    assert np.linalg.norm(area, axis=1).sum() == pytest.approx(4 * np.pi * radius**2, rel=0.4 / radius**2, abs=0)
    volume = np.einsum("ta,ta->", points[triangles, :3].mean(axis=1), area) / 3
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.6 / radius**2, abs=0)
    edges = Counter(tuple(sorted(pair)) for t in triangles.tolist() for pair in zip(t, t[1:] + t[:1], strict=True))
    assert set(edges.values()) == {2}
    assert len(points) - len(edges) + len(triangles) == 2
    assert points[:, 3] == pytest.approx(2 * points[:, 0] - points[:, 2], abs=1e-12)


def test_clipped() -> None:
    """Half of a triangle, on the right side, its colour linear."""
    points = np.array([[0.0, 0, 0, 5], [2, 0, 0, 7], [0, 2, 0, 9]])
    triangle = np.array([[0, 1, 2]])
    for sign, area in ((1.0, 1.5), (-1.0, 0.5)):  # the part at x <= 1, and at x >= 1
        found, parts = clipped(points, triangle, np.array([sign, 0, 0]), sign)
        assert areas(found, parts).sum(axis=0) == pytest.approx([0, 0, area])
        used = found[np.unique(parts)]
        assert (sign * used[:, 0]).max() == pytest.approx(sign * 1.0) if sign > 0 else used[:, 0].min() == pytest.approx(1.0)
        assert used[:, 3] == pytest.approx(5 + used[:, 0] + 2 * used[:, 1])


def test_the_zone_holds_what_a_cell_holds() -> None:
    """Every point of the cell in k lies in the zone once: the areas are the same, to rounding."""
    model = ws.models.get("random_model")
    surface = ws.fermi_surface(model, (9, 8, 7), 0.1, "spin", "z")
    zone = first_zone(surface.reciprocal)
    found = sheets(surface)
    assert [sheet.bands for sheet in found] == [(band,) for band in surface.bands]
    for sheet, energies in zip(found, surface.energies, strict=True):
        cell = np.pad(energies - surface.fermi_energy, (0, 1), mode="wrap")[..., None]
        points, triangles = isosurface(cell)
        points = points / energies.shape @ surface.reciprocal
        whole = np.linalg.norm(areas(points, triangles), axis=1).sum()
        assert whole > 1e-2
        assert np.linalg.norm(areas(sheet.vertices, sheet.triangles), axis=1).sum() == pytest.approx(whole, rel=1e-9, abs=0)
        assert (sheet.vertices @ zone.normals.T - zone.distances).max() < 1e-8
        assert np.ptp(sheet.colours) > 0.1


def test_energies_rise_outwards() -> None:
    """The corners go round the direction of the velocity, also where the vectors in k are left-handed."""
    model = ws.models.get("random_model")
    surface = ws.fermi_surface(model, (16, 16, 16), 0.1, "velocity", ["x", "y", "z"])
    mirrored = FermiSurface(
        *(surface.energies[..., ::-1], surface.colours[..., ::-1], surface.bands, surface.names, surface.fermi_energy),
        surface.reciprocal * [[1], [1], [-1]],
        "left-handed",
    )
    mirrored = replace(mirrored, energies=np.roll(mirrored.energies, 1, -1), colours=np.roll(mirrored.colours, 1, -1))
    for one in (surface, mirrored):
        for sheet in sheets(one):
            velocity = sheet.colours[:, sheet.triangles].mean(axis=2).T
            flow = np.einsum("ta,ta->t", velocity, areas(sheet.vertices, sheet.triangles))
            assert flow.sum() > 0.9 * np.abs(flow).sum() > 0


def test_pairs_are_one_sheet(example_inputs: object) -> None:
    model = ws.load_model(f"{example_inputs}/Mn2Au/Mn2Au.model.h5")
    surface = ws.fermi_surface(model, (4, 4, 4), 16.5)
    assert all(len(sheet.bands) == 2 for sheet in sheets(surface))


def test_a_surface_of_one_band() -> None:
    surface = ws.fermi_surface(ws.models.get("random_model"), (6, 6, 6), 0.1)
    assert len(surface.bands) > 1
    one = replace(surface, energies=surface.energies[:1], colours=surface.colours[:, :1], bands=surface.bands[:1])
    (alone,), (first, *_) = sheets(one), sheets(surface)
    assert len(alone.triangles) > 0
    assert np.array_equal(alone.vertices, first.vertices)


def test_a_layer_has_no_surface() -> None:
    surface = ws.fermi_surface(ws.models.get("kane_mele"), (6, 6, 1), -1.5)
    with pytest.raises(InputError, match="of a layer draw `plane`"):
        sheets(surface)
