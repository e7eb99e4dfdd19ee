"""Reference values of docs/theory.md, section 9: every block of five lattice models, computed by other people with other code.

The files hold each tensor for a = hbar = e = tau = 1, in the paper's index order, converged on three meshes to `change_last`.
"""

import json
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from wannier_spin import AccuracyWarning, compute, models, responses
from wannier_spin.units import BOLTZMANN

FOLDER = Path(__file__).resolve().parents[1] / "reference"
MODELS = {
    "rashba_metal": models.rashba_exchange,
    "rashba_low": models.rashba_exchange,
    "altermagnet_noSOC": models.altermagnet,
    "afm_metal": models.pt_antiferromagnet,
    "afm_insulator": models.pt_antiferromagnet,
}
# Meshes on which these sums have converged to the last digits (the files' own largest are 280 to 400).
GRID = {"rashba_metal": 220, "rashba_low": 310, "altermagnet_noSOC": 150, "afm_metal": 130, "afm_insulator": 100}
CHANNELS = {name: ("spin", "zeeman", "charge") for name in ("rashba_metal", "afm_metal")}
CHANNELS |= {"rashba_low": ("spin", "zeeman"), "afm_insulator": ("spin", "zeeman"), "altermagnet_noSOC": ("spin",)}
CASES = [
    pytest.param(name, channel, marks=pytest.mark.slow if name == "rashba_low" else ())  # 96,100 points
    for name in MODELS
    for channel in CHANNELS[name]
]
INTRINSIC = ("Q1", "P", "F", "S", "W", "D")
LINEAR, SECOND = ("L1", "L1dir", "L0", "cos", "sin"), ("N2", "N2dir", "N1", *INTRINSIC)
RESPONSE = {  # block -> response that stores it: spin current, spin density
    **dict.fromkeys(("L1", "L1dir"), ("magnetic_spin_hall", "edelstein")),
    "L0": ("spin_hall", "intrinsic_spin_magnetization"),
    **dict.fromkeys(("cos", "sin"), ("displacement_spin_current", "displacement_spin_magnetization")),
    **dict.fromkeys(("N2", "N2dir"), ("nonlinear_drude_spin_current", "nonlinear_drude_spin_magnetization")),
    "N1": ("nonlinear_extrinsic_spin_current", "nonlinear_extrinsic_spin_magnetization"),
    **dict.fromkeys(INTRINSIC, ("nonlinear_intrinsic_spin_current", "nonlinear_intrinsic_spin_magnetization")),
}
# |computed - reference| < RELATIVE max|reference| + ROUNDING: both sides are sums of about 1e5 numbers of order one in double
# precision, divided by their number; a block that vanishes by symmetry is rounding, in the file as here.
RELATIVE, ROUNDING = 1e-11, 1e-16


@cache
def reference(name):
    return json.loads((FOLDER / f"{name}.json").read_text())[name]


@cache
def result(name, channel):
    """The responses of one model that the file has; spin current and spin density come from the same run."""
    data = reference(name)
    omega = data["omega"]
    stored = {name for pair in RESPONSE.values() for name in (pair[:1] if channel == "charge" else pair)}  # 1: the same in both
    wanted = [r for r in responses.names() if r in stored and (omega is not None or not responses.get(r).dynamic)]
    # its bands touch on lines: the package says so, and the blocks in question vanish
    touching = pytest.warns(AccuracyWarning, match="smaller than kT") if name.startswith("alter") else nullcontext()
    with touching:
        return run(name, wanted, data, channel)


def run(name, wanted, data, channel):
    omega = data["omega"]
    return compute(
        MODELS[name](),
        wanted,
        grid=(GRID[name], GRID[name], 1),
        mu=data["mu"],
        temperature=data["T"] / BOLTZMANN,
        omega=[] if omega is None else omega,
        channel=channel,
        degeneracy_tolerance=1e-8,
    )


def computed(name, channel, block):
    """One block with the Cartesian axes of the file: polar ones x, y, spin x, y, z; and what lies outside of the plane."""
    tensor = result(name, "charge" if channel == "charge" else "spin")[RESPONSE[block][channel == "zeeman"]]
    array = tensor.values[0, 0, 0, ("cos", "sin").index(block)] if block in ("cos", "sin") else tensor.blocks[block][0, 0]
    outside = np.array(array)
    outside[in_plane(array, channel)] = 0
    return plane(array, channel), outside


def in_plane(array, channel):
    spin_axes = {"spin": (array.ndim - 1,), "zeeman": (0,), "charge": ()}[channel]
    return np.ix_(*(range(3) if axis in spin_axes else range(2) for axis in range(array.ndim)))


def plane(array, channel):
    return array[in_plane(array, channel)]


def blocks_of(name, channel):
    found = reference(name)["results"][channel]
    return {block: np.array(found[block]["value"]) for block in (*LINEAR, *SECOND) if block in found}


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_blocks(name, channel):
    expected = blocks_of(name, channel)
    assert len(expected) == (12 if name == "altermagnet_noSOC" else 14)
    assert max(np.abs(value).max() for value in expected.values()) > 5e-4
    for block, value in expected.items():
        found, outside = computed(name, channel, block)
        assert found.shape == value.shape
        error = np.abs(found - value).max()
        assert error < RELATIVE * np.abs(value).max() + ROUNDING, (block, error)
        assert np.abs(outside).max() == 0, block  # nothing moves along z


# What must not vanish, and what vanishes by symmetry (PT, or conservation of sz without spin-orbit coupling).
VANISHING = {
    ("altermagnet_noSOC", "spin"): {"L1", "L0", *SECOND},
    ("afm_metal", "spin"): {"L1", "L1dir", "sin", "N2", "N2dir", *INTRINSIC},
    ("afm_metal", "zeeman"): {"L1", "sin", "N2", *INTRINSIC},
    ("afm_metal", "charge"): {"L0", "cos", "N1"},
}
VANISHING |= {("afm_insulator", c): VANISHING["afm_metal", c] | {"N1"} for c in ("spin", "zeeman")}  # N1: exp(-gap/kT), 1e-15
WITHOUT_DIRECT = {"L1dir", "N2dir", "W"}  # the spin density does not depend on k


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_zeros(name, channel):
    zero = VANISHING.get((name, channel), set()) | (WITHOUT_DIRECT if channel == "zeeman" else set())
    expected = blocks_of(name, channel)
    assert set(expected) - zero
    for block in expected:
        size = np.abs(computed(name, channel, block)[0]).max()
        assert size < 1e-14 if block in zero else size > 1e-5, (block, size)


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_paper_form_of_the_intrinsic_response(name, channel):
    """`paper0` = Q1 + P + F, which is what the response's `values` are."""
    value = np.array(reference(name)["results"][channel]["paper0"]["value"])
    zero = VANISHING.get((name, channel), set())
    assert np.abs(value).max() < 1e-14 if {"Q1", "P", "F"} <= zero else np.abs(value).max() > 5e-3
    parts = [computed(name, channel, block)[0] for block in ("Q1", "P", "F")]
    assert np.abs(sum(parts) - value).max() < RELATIVE * np.abs(value).max() + ROUNDING
    tensor = result(name, "charge" if channel == "charge" else "spin")[RESPONSE["Q1"][channel == "zeeman"]]
    stored = sum(tensor.blocks[block] for block in ("Q1", "P", "F"))
    assert np.abs(tensor.at(form="paper").values - stored).max() <= 1e-15 * np.abs(stored).max()


@pytest.mark.parametrize(("name", "channel"), CASES)
@pytest.mark.parametrize("relaxation", ["adiabatic", "constant", "intraband", "gao", "static"])
def test_full_form_of_the_intrinsic_response(name, channel, relaxation):
    """`R0_*` = S + kF sym(F) + kP P + kD D."""
    value = np.array(reference(name)["results"][channel][f"R0_{relaxation}"]["value"])
    zero = VANISHING.get((name, channel), set())
    assert np.abs(value).max() < 1e-14 if {"S", "F", "P", "D"} <= zero else np.abs(value).max() > 5e-4
    tensor = result(name, "charge" if channel == "charge" else "spin")[RESPONSE["S"][channel == "zeeman"]]
    found = plane(tensor.at(relaxation=relaxation).values[0, 0], channel)
    assert np.abs(found - value).max() < RELATIVE * np.abs(value).max() + ROUNDING


@pytest.mark.parametrize(("name", "channel"), CASES)
def test_three_band_part(name, channel):
    """T3 = S - sym(Q1) - 3P - W, which vanishes for two bands (or two pairs)."""
    value = np.array(reference(name)["results"][channel]["T3"]["value"])
    S, Q1, P, W = (computed(name, channel, block)[0] for block in ("S", "Q1", "P", "W"))
    found = S - (Q1 + Q1.swapaxes(1, 2)) / 2 - 3 * P - W
    assert np.abs(value).max() < 1e-17
    assert np.abs(found).max() < 1e-13 * np.abs(S).max() + ROUNDING


@pytest.mark.parametrize(("name", "channel"), CASES)
@pytest.mark.parametrize(
    ("derived", "parts", "symmetrize"),
    [("L1_full", ("L1", "L1dir"), False), ("N2_full", ("N2", "N2dir"), True), ("N1_sym", ("N1",), True)],
)
def test_derived_sums(name, channel, derived, parts, symmetrize):
    value = np.array(reference(name)["results"][channel][derived]["value"])
    found = sum(computed(name, channel, block)[0] for block in parts)
    found = (found + found.swapaxes(1, 2)) / 2 if symmetrize else found  # in the fields: axes 1, 2 of J_abd;c and M_abc
    zero = VANISHING.get((name, channel), set()) | (WITHOUT_DIRECT if channel == "zeeman" else set())
    assert (np.abs(value).max() > 1e-4) == (not set(parts) <= zero)
    assert np.abs(found - value).max() < RELATIVE * np.abs(value).max() + ROUNDING


def test_altermagnet_magnetic_spin_hall_is_all_direct():
    """docs/theory.md, section 3: (4) gives 0, the exact sigma1_xy;z is -0.0335615571929, from footnote 80's term."""
    printed, direct = (computed("altermagnet_noSOC", "spin", block)[0] for block in ("L1", "L1dir"))
    assert np.abs(printed).max() < 1e-15
    assert abs(direct[0, 1, 2] - -0.0335615571929) < 1e-13
    assert abs(direct[1, 0, 2] - direct[0, 1, 2]) < 1e-14
