"""Bumps: one at every centre, invariant, and shares that add up to them."""

import numpy as np
import pytest
from symmetry.structures import symmetric_models

from wannier_spin.integration.bumps import Bump, outside
from wannier_spin.integration.peaks import KEPT, Peaks
from wannier_spin.symmetry import axes_about, images_of, magnetic_group

RANDOM = np.random.default_rng(3)
_, STRUCTURE, ORDER = symmetric_models()["zincblende -43m1'"]
GROUP = magnetic_group(STRUCTURE).point_operations
RECIPROCAL = 2 * np.pi * np.linalg.inv(STRUCTURE.lattice).T
CENTRES = {
    "generic": (0.31, 0.12, 0.23),
    "on the axis to X": (0.0, 0.41, 0.41),
    "next to it": (0.004, 0.41, 0.42),
    "zero": (0, 0, 0),
}
POINTS = np.concatenate([RANDOM.uniform(-0.7, 0.7, (1000, 3)), *(RANDOM.normal(k, 0.05, (60, 3)) for k in CENTRES.values())])
IMAGES = {"generic": 48, "on the axis to X": 6, "next to it": 48, "zero": 1}


def bump_at(name: str, radius: float = 1.2) -> Bump:
    return Bump(images_of(GROUP, np.array(CENTRES[name], float)), radius, RECIPROCAL)


@pytest.mark.parametrize("name", CENTRES)
def test_one_at_the_centres_and_alike_at_images(name: str) -> None:
    bump = bump_at(name)
    assert len(bump.centres) == IMAGES[name]
    assert bump.fits
    assert np.abs(bump.at(bump.centres + [1, -2, 0]) - 1).max() < 1e-12
    chi = bump.at(POINTS)
    assert chi.min() == 0
    assert 0.5 < chi.max() <= 1
    for operation in GROUP[::7]:
        assert np.abs(bump.at(operation.act_on_k(POINTS)) - chi).max() < 1e-9
    for k in POINTS[:20]:
        d = (k - bump.centres - np.round(k - bump.centres)) @ RECIPROCAL
        assert bump.distance(k) == pytest.approx(np.linalg.norm(d, axis=1).min())


@pytest.mark.parametrize("name", CENTRES)
def test_the_shares_of_all_images_are_the_bump(name: str) -> None:
    """Also where images are so near that their bumps overlap."""
    bump = bump_at(name)
    shares = [Bump(np.roll(bump.centres, -i, axis=0), bump.radius, RECIPROCAL).share(POINTS) for i in range(len(bump.centres))]
    overlapping = np.count_nonzero(np.array(shares) > 0, axis=0).max() > 1
    assert overlapping == (name in ("next to it", "generic"))  # 48 images
    assert np.abs(np.sum(shares, axis=0) - bump.at(POINTS)).max() < 1e-12


def test_what_is_outside_of_several() -> None:
    first, second = bump_at("generic"), bump_at("zero", 2.5)
    expected = (1 - first.at(POINTS)) * (1 - second.at(POINTS))
    assert expected.min() < 0.5
    assert np.abs(outside((first, second), POINTS) - expected).max() < 1e-14
    assert (outside((), POINTS) == 1).all()
    assert not bump_at("zero", 4.5).fits


@pytest.mark.parametrize(("name", "operations"), [("generic", 1), ("on the axis to X", 8), ("next to it", 1), ("zero", 48)])
def test_axes_about_a_point(name: str, operations: int) -> None:
    """As many operations as leave the point where it is (each map once: time reversal makes of 24 operations 48 maps), at right
    angles.
    """
    axes = axes_about(GROUP, np.array(CENTRES[name], float), (True, True, True), RECIPROCAL)
    assert len(axes.signs) == operations
    angles = axes.basis @ RECIPROCAL
    assert np.abs(angles @ angles.T - np.diag(np.diag(angles @ angles.T))).max() < 1e-9


def test_volumes_and_slopes() -> None:
    """Balls, discs and lines, of all centres; the bump is exp(-1/2) at half of the radius, and level where it begins."""
    bump = bump_at("on the axis to X", 0.7)
    assert bump.volume(3) == pytest.approx(6 * 4 / 3 * np.pi * 0.7**3)
    assert bump.volume(2) == pytest.approx(6 * np.pi * 0.7**2)
    assert bump.volume(1) == pytest.approx(6 * 2 * 0.7)
    alone = bump_at("zero", 0.7)
    along = np.linalg.solve(RECIPROCAL.T, [0.35, 0.0, 0.0])
    assert alone.at(along[None])[0] == pytest.approx(np.exp(-0.5))
    assert alone.share(along[None])[0] == pytest.approx(np.exp(-0.5))
    assert 1 - alone.at(1e-3 * along[None])[0] == pytest.approx(1.5 * (0.5e-3) ** 2, rel=1e-5, abs=0)
    assert 0 <= alone.at(1.999 * along[None])[0] < 1e-100
    assert alone.at(2.001 * along[None])[0] == 0


def test_a_ball_that_fits_stays_within_half_a_cell() -> None:
    """Along no direction does a coordinate reach 1/2, and beyond the largest radius one does."""
    metric = np.array([[1.0, 0.0, 0.0], [0.9, 0.5, 0.1], [0.0, 0.3, 2.0]])
    directions = RANDOM.normal(size=(20000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    reach = np.abs(directions @ np.linalg.inv(metric)).max()
    assert Bump(np.zeros((1, 3)), 0.97 * 0.5 / reach, metric).fits
    assert not Bump(np.zeros((1, 3)), 1.03 * 0.5 / reach, metric).fits


def test_about_one_centre_alone() -> None:
    """No image on the other side of zero."""
    bump = Bump(np.array([[0.2, 0.1, 0.0]]), 0.5, RECIPROCAL)
    assert bump.distance(np.array([0.2, 0.1, 1.0])) == pytest.approx(0.0, abs=1e-12)
    assert bump.at(np.array([[0.2, 0.1, 0.0], [-0.2, -0.1, 0.0]])).tolist() == [1.0, 0.0]


def test_what_scales_peaks() -> None:
    """Times the size of a factor at their points, in a new order."""
    k = np.array([[0.1, 0, 0], [0.2, 0, 0], [0.3, 0, 0]])
    peaks = Peaks.of(np.array([[3.0], [2.0], [1.0]]), k)
    scaled = peaks.scaled(lambda k: -10 * k[:, 0])
    assert scaled.size[:, 0] == pytest.approx([4.0, 3.0, 3.0])
    assert scaled.k[:, 0, 0].tolist()[0] == 0.2
    assert peaks.merged(None) is peaks


def test_peaks_do_not_depend_on_how_the_points_are_dealt() -> None:
    random = np.random.default_rng(0)
    size = np.round(random.uniform(size=(500, 3)), 2)  # many are equal
    k = random.uniform(size=(500, 3))
    whole = Peaks.of(size, k)
    assert whole.size.shape == (KEPT, 3)
    assert (whole.size == -np.sort(-size, axis=0)[:KEPT]).all()
    parts = [Peaks.of(size[i : i + 7], k[i : i + 7]) for i in range(0, 500, 7)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merged(part)
    assert merged.size.tobytes() == whole.size.tobytes()
    assert merged.k.tobytes() == whole.k.tobytes()
    scaled = whole.scaled(lambda k: np.where(k[:, 0] < 0.5, 0.1, 1.0))
    assert (np.diff(scaled.size, axis=0) <= 0).all()
    assert (scaled.k[0, :, 0] >= 0.5).all()
