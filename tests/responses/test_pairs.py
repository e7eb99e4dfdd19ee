"""Traces between bands, where they can be made in more than one way."""

from dataclasses import replace

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import observables
from wannier_spin.arrays import diagonal
from wannier_spin.responses import BandPairs

SITES = observables.projected(observables.get("spin"), [[0, 1], [2, 3]])
K = np.random.default_rng(0).uniform(size=(4, 3))


def _pairs(tolerance: float, asked=("spin", "spin_current", SITES)) -> BandPairs:
    model = ws.models.random_model(n=6, seed=3)
    return BandPairs(ws.band_geometry(model, K, degeneracy_tolerance=tolerance, derivatives=True), asked)


@pytest.mark.parametrize("tolerance", [1e-5, 2.0])
def test_explicit_derivatives_from_factors_and_from_matrices(tolerance: float) -> None:
    """Where D_b O is there it is taken; else traces of its factors, which share out what a group has differently."""
    factors, whole = _pairs(tolerance), _pairs(tolerance)
    v, inside = whole.geometry.velocity, whole.geometry.same_group[:, None, None]
    assert whole.geometry.has_degeneracies == (tolerance > 0.1)
    diagonal = np.einsum("kbonn->knbo", whole.DO).real
    within = np.einsum("kdnm,kbomn->knbdo", v, whole.DO * inside).real
    for name, expected in (("direct", diagonal), ("velocity_times_direct", within)):
        size = np.abs(expected).max()
        assert size > 0.1
        for pairs in (factors, whole):
            assert pairs.geometry.has_derivative("spin_current") == (pairs is whole)
            of_groups = np.einsum("knm,km...->kn...", inside[:, 0, 0], getattr(pairs, name)() - expected)
            assert np.abs(of_groups).max() < 1e-13 * size
    assert not factors.geometry.has_derivative("spin_current")  # nor was it made on the way


@pytest.mark.parametrize("tolerance", [1e-5, 2.0, 4.0])
def test_traces_over_groups(tolerance: float) -> None:
    """O_NN and O_MM as whole matrices; groups of up to all bands but one."""
    pairs = _pairs(tolerance)
    v, O = pairs.geometry.velocity, pairs.O.swapaxes(1, 2) * pairs.geometry.same_group[:, None]  # noqa: E741
    kernel = pairs.broadened(3)
    weighted = v * kernel[:, None, :, 0]
    own = np.einsum("konl,kblm,kdmn->knbdo", O, weighted, v).real
    far = np.einsum("kbnl,kolm,kdmn->knbdo", weighted, O, v).real
    for found, one in ((pairs.re_own_group(kernel), own), (pairs._with_group(kernel, far=1.0, own=0.0), far)):
        expected = (one + one.swapaxes(2, 3)) / 2
        size = np.abs(expected).max()
        assert size > 0.1
        assert np.abs(found - expected).max() < 1e-12 * size


def test_diagonals_of_derivatives() -> None:
    """Of spin, without its derivative between all bands."""
    few, whole = (_pairs(1e-5).geometry for _ in range(2))
    expected = np.einsum("kbcnn->kbcn", whole.operator_derivative("spin")).real
    size = np.abs(expected).max()
    assert size > 0.1
    for geometry in (few, whole):
        assert np.abs(geometry.operator_derivative_diagonal("spin") - expected).max() < 1e-13 * size
    assert ("operator derivative", "spin") not in few._kept


def test_how_an_observable_mixes_bands_into_the_velocity() -> None:
    pairs = _pairs(1e-5)
    Y, v = pairs.O.swapaxes(1, 2) * pairs.geometry.inverse_gap[:, None], pairs.geometry.velocity[:, :, None]
    expected = Y[:, None] @ v - v @ Y[:, None]
    assert np.abs(pairs.mixing() - expected).max() < 1e-13 * np.abs(expected).max()


@pytest.mark.parametrize("which", ["spin_current", "orbital_current"])
@pytest.mark.parametrize("connection", [True, False])
def test_the_derivative_of_a_product_from_slopes(which: str, connection: bool) -> None:
    """Its diagonal is that of D_b O, whether or not the factors have slopes in the Wannier gauge."""
    model = ws.models.random_model(n=5, seed=4)
    if not connection:
        model = replace(model, position_R=None)
    k = np.random.default_rng(2).uniform(size=(4, 3))
    whole, alone = (ws.band_geometry(model, k, derivatives=True) for _ in range(2))
    expected = np.moveaxis(diagonal(whole.observable_derivative(which)), 3, 1)
    found = BandPairs(alone, (which,))
    assert (found._by_slopes(which) is not None) == (which == "spin_current")
    assert np.abs(expected).max() > 1
    assert np.abs(found.direct() - expected).max() < 1e-13 * np.abs(expected).max()
    assert BandPairs(whole, (which,))._by_slopes(which) is None  # D_b X and D_b Y are there
