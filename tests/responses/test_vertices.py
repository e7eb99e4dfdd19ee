"""The vertices where transitions can happen are those of all bands there."""

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import observables
from wannier_spin.responses import BandPairs
from wannier_spin.responses.vertices import Vertices

SITES = observables.projected(observables.get("spin"), [[0, 1], [2, 3]])


@pytest.mark.parametrize("tolerance", [1e-5, 2.0])
@pytest.mark.parametrize("asked", [("spin_current",), ("spin", "spin_current"), ("charge_current", SITES)])
@pytest.mark.parametrize("which", ["O", "injection_vertex", "shift_vertex"])
def test_between_what_may_be_filled_and_empty(which: str, asked, tolerance: float) -> None:
    """With and without groups of bands; observables that are products, and others."""
    k = np.random.default_rng(0).uniform(size=(4, 3))
    geometry = ws.band_geometry(ws.models.random_model(n=6, seed=3), k, degeneracy_tolerance=tolerance, derivatives=True)
    assert geometry.has_degeneracies == (tolerance > 0.1)
    pairs = BandPairs(geometry, asked, (-0.8, 0.5))
    found = Vertices.of(pairs)
    n, m = pairs.upward[1:3]
    assert 0 < found.first == n.min() and m.max() + 1 == found.stop < 6 and len(n) > 10
    whole = getattr(pairs, which)
    expected = whole.reshape(*whole.shape[:2], -1, 6)[:, found.first :, :, : found.stop]
    between = (pairs.kernel(lambda w: w) > 0)[:, found.first :, :, : found.stop]
    size = np.abs(expected * between).max()
    assert size > 1e-2
    assert np.abs((found.matrices(which) - expected) * between).max() < 1e-13 * size


def test_what_is_made_is_kept_for_others() -> None:
    """Of the same observables and bands; not of others."""
    geometry = ws.band_geometry(ws.models.random_model(n=6, seed=3), np.array([[0.1, 0.2, 0.3]]))
    spin, current = (Vertices.of(BandPairs(geometry, (name,), (-0.8, 0.5))) for name in ("spin", "spin_current"))
    again = Vertices.of(BandPairs(geometry, ("spin",), (-0.8, 0.5)))
    assert again.matrices("injection_vertex") is spin.matrices("injection_vertex")
    assert spin.matrices("injection_vertex").shape != current.matrices("injection_vertex").shape


def test_where_no_pair_can_be_occupied_differently() -> None:
    geometry = ws.band_geometry(ws.models.random_model(n=6, seed=3), np.array([[0.1, 0.2, 0.3]]), derivatives=True)
    found = Vertices.of(BandPairs(geometry, ("spin",), (100.0, 101.0)))
    assert found.matrices("shift_vertex").shape == (1, 1, 9, 1) and (found.first, found.stop) == (5, 1)
