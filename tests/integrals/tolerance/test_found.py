"""Which points of a mesh are hot, of its largest terms; and the small gap next to one."""

import numpy as np
import pytest
from integrals.tolerance.test_spots import K0, integral_of_sheet

from wannier_spin.integrals.tolerance.found import RADIUS, RANKS, SHARE, TYPICAL, Hot, Room, bumps_at, hot_points
from wannier_spin.integrals.tolerance.gaps import followed
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.peaks import KEPT, Peaks
from wannier_spin.occupation import Occupation

SCAN = Occupation(np.array([0.1, 0.2]), np.array([0.01, 0.03, 0.05]))
ALLOWED = np.array([2.0, 0.5])
EVERYWHERE = np.ones(SCAN.n_points, bool)
SEEN, HIDDEN = 0, 1


def peaks(background: float, *larger: tuple[int, int, int, int, float], rows: int = KEPT) -> Peaks:
    """Terms that all make this part of the tolerance, and a few others: (row, kind, response, point of the scan, part of it)."""
    size = background * np.ones((rows, 2, 2, SCAN.n_points)) * ALLOWED[:, None]
    for row, kind, response, point, part in larger:
        size[row, kind, response, point] = part * ALLOWED[response]
    flat = size.reshape(rows, -1)
    return Peaks(flat, np.arange(3 * flat.size, dtype=float).reshape(*flat.shape, 3))


def places(found: list[Hot]) -> list[tuple[float, float, float]]:
    return [(round(hot.excess, 9), hot.mu, hot.kT) for hot in found]


def test_what_makes_much_of_a_tolerance() -> None:
    """The largest first, at its mu and kT, where it is."""
    given = peaks(0.01, (0, SEEN, 0, 1, 0.9), (1, HIDDEN, 1, 5, 3.0), (2, SEEN, 1, 3, 0.6))
    found = hot_points(given, ALLOWED, SCAN, EVERYWHERE)
    assert places(found) == [(3.0, 0.2, 0.05), (0.9, 0.1, 0.03), (0.6, 0.2, 0.01)]
    n = SCAN.n_points
    for hot, (row, column) in zip(found, [(1, 3 * n + 5), (0, 1), (2, n + 3)], strict=True):
        assert np.array_equal(hot.k, given.k[row, column])


@pytest.mark.parametrize(("part", "hot"), [(SHARE, 0), (SHARE * 1.01, 1)])
@pytest.mark.parametrize("kind", [SEEN, HIDDEN])
def test_half_of_it_is_too_much(kind: int, part: float, hot: int) -> None:
    assert len(hot_points(peaks(0.01, (0, kind, 0, 0, part)), ALLOWED, SCAN, EVERYWHERE)) == hot


def test_where_all_are_as_large_the_mesh_is_too_coarse() -> None:
    """The typical one is the median of the lower ranks; what hides next to a point counts by itself."""
    assert hot_points(peaks(0.3, (0, SEEN, 0, 0, 0.99 * TYPICAL * 0.3)), ALLOWED, SCAN, EVERYWHERE) == []
    assert len(hot_points(peaks(0.3, (0, SEEN, 0, 0, 1.01 * TYPICAL * 0.3)), ALLOWED, SCAN, EVERYWHERE)) == 1
    assert len(hot_points(peaks(0.3, (0, HIDDEN, 0, 0, 0.6)), ALLOWED, SCAN, EVERYWHERE)) == 1
    first = [(row, SEEN, 0, 0, 9.0) for row in range(RANKS.start)]
    assert len(hot_points(peaks(0.3, *first), ALLOWED, SCAN, EVERYWHERE)) == RANKS.start
    most = [(row, SEEN, 0, 0, 9.0) for row in range(RANKS.start + 11)]
    assert hot_points(peaks(0.3, *most), ALLOWED, SCAN, EVERYWHERE) == []


def test_few_points_have_no_typical_one() -> None:
    few = RANKS.start
    assert len(hot_points(peaks(0.6, rows=few), ALLOWED, SCAN, EVERYWHERE)) == 4 * few * SCAN.n_points
    assert len(hot_points(peaks(0.6, rows=few + 1), ALLOWED, SCAN, EVERYWHERE)) == 2 * (few + 1) * SCAN.n_points  # hidden ones


def test_only_what_is_held_to_the_tolerance() -> None:
    given = peaks(0.01, (0, SEEN, 0, 1, 0.9), (0, SEEN, 0, 2, 0.8))
    judged = EVERYWHERE.copy()
    judged[1] = False
    assert places(hot_points(given, ALLOWED, SCAN, judged)) == [(0.8, 0.1, 0.05)]


def test_a_bump_is_resolved_along_every_direction() -> None:
    """Four of the widest spacings; directions with one point do not count."""
    hot = [Hot(np.array([0.39, 0.15, 0.0]), 3.0, 0.0, 1e-4)]
    for points, widest in (((30, 24, 1), 24), ((24, 30, 1), 24)):
        given = integral_of_sheet(1e-3)
        ((bump, _),) = bumps_at(given, hot, Mesh(points, (0, 0, 0)).spacings(given.model.lattice), 0.2, Room(8, 50.0))
        assert bump.radius == pytest.approx(RADIUS * 2 * np.pi / widest)


@pytest.mark.parametrize("start", [(0.39, 0.15, 0.0), (0.36, 0.12, 0.0), (1.37, -0.85, 0.0)])
def test_followed_to_the_smallest_gap(start: tuple[float, float, float]) -> None:
    """Its place in the first zone, its size, the number of the band below it counted from one, the energy of its middle."""
    given = integral_of_sheet(1e-3)
    gap = followed(given, np.array(start), 1, given.model.to_cartesian)
    assert gap.k == pytest.approx([*K0, 0.0], abs=1e-5)
    assert gap.size == pytest.approx(2e-3, rel=1e-3, abs=0)
    assert gap.band == 2
    assert gap.energy == pytest.approx(0.0, abs=1e-6)
