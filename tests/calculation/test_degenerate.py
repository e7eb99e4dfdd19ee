"""Pairs of bands that the degeneracy tolerance merges although they are not degenerate: counted, told, never in silence."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.calculation.degenerate import Change, Merged, changes, merged_pairs
from wannier_spin.continuum import KPModel
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.models.hoppings import S0, SX, SY
from wannier_spin.occupation import Occupation

SPLITTING = 3e-4  # eV angstrom: with the wave vectors of POINT, below the tolerance
POINT = {"mu": -3.7, "temperature": 100.0}
WEAK, STRONG = (ws.models.rashba_exchange(rashba=r, dresselhaus=0, exchange=(0, 0, 0)) for r in (SPLITTING, 0.3))
ACCURACY = {"mesh": {"grid": (40, 40, 1)}, "boxes": {"tolerance": 0.05}}
OF_MERGED = "of the states within .* belong to bands that are closer than degeneracy_tolerance"


def quiet(model, names="spin_hall", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ws.compute(model, names, **{**POINT, **options})


def told(result):
    return [message for message in result.warnings if "closer than degeneracy_tolerance" in message]


def share(result):
    return result.provenance.get("merged_share_at_fermi_level", 0.0)


def gas(rashba):
    """H = k^2 + rashba (kx sy - ky sx)."""
    linear, quadratic = np.zeros((3, 2, 2), complex), np.zeros((3, 3, 2, 2), complex)
    linear[0], linear[1] = rashba * SY, -rashba * SX
    quadratic[0, 0] = quadratic[1, 1] = 2 * S0
    return KPModel(np.zeros((2, 2), complex), linear, quadratic, np.array(ws.models.massive_dirac().spin), cutoff=3.0)


@pytest.mark.parametrize("how", ACCURACY)
def test_a_weak_splitting_is_named(how):
    """The spin Hall conductivity of a Rashba model does not depend on its strength; merged it is zero."""
    expected = quiet(STRONG, **ACCURACY["boxes"])["spin_hall"].values
    assert np.abs(expected).max() > 0.03
    result = quiet(WEAK, **ACCURACY[how])
    assert np.abs(result["spin_hall"].values).max() < 1e-6
    assert share(result) > 0.9
    assert 0 < result.provenance["merged_splitting_eV"] < DEGENERACY_TOLERANCE
    assert result.provenance["degeneracy_change"]["spin_hall"] > 0.9
    (message,) = told(result)
    assert "spin_hall by 100 %" in message
    assert result["spin_hall"].converged is (None if how == "mesh" else False)


@pytest.mark.parametrize("how", ACCURACY)
def test_what_it_says_to_do_helps(how):
    tolerance = 0.2 * quiet(WEAK, grid=(20, 20, 1)).provenance["merged_splitting_eV"]
    result = quiet(WEAK, **ACCURACY[how], degeneracy_tolerance=tolerance)
    strong = quiet(STRONG, **ACCURACY["boxes"])["spin_hall"]
    assert told(result) == []
    assert result["spin_hall"].converged is (None if how == "mesh" else True)
    if how == "boxes":
        assert np.abs(result["spin_hall"].values - strong.values).max() < 0.1 * np.abs(strong.values).max()


@pytest.mark.parametrize("model", [STRONG, replace(WEAK, hamiltonian_R=STRONG.hamiltonian_R.real + 0j)])
def test_nothing_is_said_of_separate_and_of_degenerate_bands(model):
    """Bands split by far more, and bands that are degenerate to the last digit."""
    for options in ACCURACY.values():
        result = quiet(model, **options)
        assert share(result) == 0
        assert told(result) == []
        assert "degeneracy_change" not in result.provenance
        assert result["spin_hall"].converged in (None, True)


def noisy(size=1e-5):
    """Pairs by inversion with time reversal, split by a field as the noise of Wannier functions splits them."""
    model = ws.models.pt_antiferromagnet()
    H = np.array(model.hamiltonian_R)
    home = int(np.flatnonzero((np.asarray(model.R_vectors) == 0).all(axis=1))[0])
    H[home] += size * model.spin_R[home, :, :, 2] / 2
    return replace(model, hamiltonian_R=H)


def test_pairs_by_symmetry_are_no_fault():
    """Counted as what is demanded where the group has PT; without it the check measures that nothing hangs on it."""
    model, occupation = noisy(), Occupation(np.array([-0.9]), np.array([0.02]))
    alone = merged_pairs(model, occupation, DEGENERACY_TOLERANCE, False, 1000)
    assert alone.share > 0.9
    assert 1e-7 < alone.splitting < 1e-4
    assert merged_pairs(model, occupation, DEGENERACY_TOLERANCE, True, 1000).share == 0


def test_two_pairs_that_are_close_are_no_pair_by_symmetry():
    """Two copies of a model with PT, an energy apart that the tolerance bridges: four bands make one block."""
    model = ws.models.pt_antiferromagnet()
    n = model.n_bands
    H = np.zeros((len(model.R_vectors), 2 * n, 2 * n), complex)
    home = int(np.flatnonzero((np.asarray(model.R_vectors) == 0).all(axis=1))[0])
    H[:, :n, :n] = H[:, n:, n:] = model.hamiltonian_R
    H[home, n:, n:] += 1e-4 * np.eye(n)
    double = ws.TightBindingModel(model.lattice, model.R_vectors, H, periodic=model.periodic)
    found = merged_pairs(double, Occupation(np.array([-0.9]), np.array([0.02])), DEGENERACY_TOLERANCE, True, 1000)
    assert found.share == 1
    assert found.splitting == pytest.approx(1e-4, rel=1e-6, abs=0)


def test_an_insulator_has_no_states_to_merge():
    far = Occupation(np.array([-50.0]), np.array([0.01]))
    assert merged_pairs(WEAK, far, DEGENERACY_TOLERANCE, False, 1000).share == 0


def test_of_a_kp_model():
    """Its own tolerance is far smaller; one that is given may merge."""
    options = {"grid": (12, 12), "mu": 0.05, "temperature": 20.0}
    exact, merged = (quiet(gas(1e-4), **options, degeneracy_tolerance=t) for t in (None, 1e-3))
    assert share(exact) == 0
    assert np.abs(exact["spin_hall"].values).max() > 0.03
    assert share(merged) > 0.9
    assert np.abs(merged["spin_hall"].values).max() < 1e-6
    assert "spin_hall by 100 %" in told(merged)[0]


def test_on_request_and_never():
    """True: a tenth and ten times, with a tolerance too; False: not even where it matters, but it is said."""
    result = quiet(STRONG, tolerance=0.05, degeneracy_check=True)
    assert result.provenance["degeneracy_change"]["spin_hall"] < 0.05
    never = quiet(WEAK, tolerance=0.05, degeneracy_check=False)
    assert "degeneracy_change" not in never.provenance
    assert len(told(never)) == 1
    assert "%)" not in told(never)[0]


def test_on_a_terminal():
    with pytest.warns(ws.AccuracyWarning, match=OF_MERGED):
        ws.compute(WEAK, "spin_hall", grid=(20, 20, 1), **POINT)


def test_changes_are_relative_to_the_largest_value_of_any():
    tensor = quiet(STRONG, grid=(12, 12, 1))["spin_hall"]
    none = replace(tensor, blocks={name: 0 * block for name, block in tensor.blocks.items()})
    noise = replace(tensor, blocks={name: 1e-17 * block for name, block in tensor.blocks.items()})
    largest = np.abs(tensor.values).max()
    assert changes([{"x": none}, {"x": tensor}], {"x": 1.0})["x"] == Change(largest, largest)
    assert changes([{"x": tensor}, {"x": none}, {"x": tensor}], {"x": 1.0})["x"].relative == 1
    assert changes([{"x": none}, {"x": noise}], {"x": 1.0})["x"].relative == 0
    assert changes([], {}) == {}


def test_where_nothing_could_be_measured_it_is_said():
    """Two points along each direction: no state of them is at mu, and nobody knows what moves."""
    result = quiet(WEAK, grid=(2, 2, 1))
    assert np.abs(result["spin_hall"].values).max() < 1e-12
    assert len(told(result)) == 1
    assert "Resolved" not in told(result)[0]


@pytest.mark.parametrize("tolerance", [1000.0, float("nan"), float("inf"), 0.0, -1e-4])
def test_tolerances_that_cannot_be_meant(tolerance):
    with pytest.raises(InputError, match=r"degeneracy_tolerance = "):
        ws.compute(WEAK, "spin_hall", grid=(4, 4, 1), degeneracy_tolerance=tolerance, **POINT)


@pytest.mark.parametrize(("share", "splitting", "matters"), [(0.5, 1e-3, True), (1e-3, 1e-3, False), (0.5, 1e-7, False)])
def test_what_matters_is_common_and_split(share, splitting, matters):
    """A crossing is rare, and what files cannot mean is no splitting."""
    assert Merged(share, 0.1, splitting, 1e-8).matters is matters
