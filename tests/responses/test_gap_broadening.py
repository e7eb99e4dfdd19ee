"""Gaps of width Gamma in static second-order responses (docs/theory.md, section 3), beside the brute force of test_brute_force.

On a circle of the massive Dirac cone (test_massive_dirac.py) all pairs have the gap 2 E, so that a broadening is a factor
of what each energy contributes: x^n for [eps/(eps^2 + Gamma^2)]^n, x = 1/(1 + (Gamma/2E)^2).
"""

from dataclasses import replace

import numpy as np
import pytest
from responses.test_massive_dirac import CASES, EXTRINSIC, GRID, INTRINSIC, INTRINSIC_BLOCKS, X, Y, Z
from rounding import same
from scipy.integrate import quad

from wannier_spin import InputError, compute, load, models
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.plotting.words import fact_lines
from wannier_spin.units import BOLTZMANN

CURRENT, NAMES = "nonlinear_intrinsic_spin_current", (INTRINSIC, EXTRINSIC)
SMALL_GAPS = pytest.mark.filterwarnings("ignore:.*a gap smaller than kT:wannier_spin.AccuracyWarning")


def reduced(E: float, width: float) -> float:
    return 1 / (1 + (width / (2 * E)) ** 2)


FACTORS = {
    "F": lambda x: x**3,
    "D": lambda x: x**3,
    "Q1": lambda x: x**3,
    "P": lambda x: x**3 * (2 * x - 1),  # x^4 (1 - (Gamma/2E)^2)
}
# energy by energy: minus the derivatives of INTRINSIC_BLOCKS with respect to mu
SEA = {
    "Q1": lambda D, E: D * (15 * D**2 - 15 * E**2) / (480 * np.pi * E**6),
    "P": lambda D, E: D * (15 * D**2 + 15 * E**2) / (960 * np.pi * E**6),
}


def of_dirac(D: float, mu: float, width: float):
    return compute(models.massive_dirac(gap=D), (INTRINSIC, EXTRINSIC), grid=GRID, mu=mu, temperature=0, gap_broadening=width)


def exact(name: str, D: float, mu: float, width: float) -> float:
    if name == "S":
        return exact("Q1", D, mu, width) + 3 * exact("P", D, mu, width)
    if name in SEA:  # from mu on: circles below have both bands filled
        return quad(lambda E: SEA[name](D, E) * FACTORS[name](reduced(E, width)), mu, np.inf, epsrel=1e-12)[0]
    return INTRINSIC_BLOCKS[name](D, mu) * FACTORS[name](reduced(mu, width))


@pytest.mark.parametrize(("D", "mu"), CASES[:2])
@pytest.mark.parametrize("part", [0.3, 3.0])
def test_the_massive_dirac_cone(D: float, mu: float, part: float) -> None:
    """All blocks of (14) and (12) at 0 K, for Gamma below and above the gap 2 mu at the Fermi line."""
    width = part * 2 * mu
    found = of_dirac(D, mu, width)
    for name in INTRINSIC_BLOCKS:
        block = found[INTRINSIC].blocks[name][0, 0]
        assert block[Z, X, X] == pytest.approx(exact(name, D, mu, width), rel=1e-5 if part > 1 else 1e-8, abs=0), name
        assert block[Z, Y, Y] == pytest.approx(block[Z, X, X], rel=1e-9, abs=0)
    extrinsic = (mu**2 - D**2) / (16 * np.pi * mu**3) * reduced(mu, width) ** 2
    assert found[EXTRINSIC].at(form="paper").values[0, 0, Z, X, Y] == pytest.approx(extrinsic, rel=1e-11, abs=0)


def test_a_vanishing_width_changes_nothing() -> None:
    """The change goes like Gamma^2, to what is there without."""
    bare, one, two = (of_dirac(0.7, 1.1, width)[INTRINSIC].values for width in (0.0, 1e-3, 2e-3))
    scale = np.abs(bare).max()
    assert scale > 1e-3
    assert 1e-7 * scale < np.abs(one - bare).max() < 1e-5 * scale
    assert np.abs((two - bare) - 4 * (one - bare)).max() < 1e-4 * np.abs(two - bare).max()


@SMALL_GAPS
def test_the_charge_has_one_polarizability() -> None:
    """O = v^a: S = f d_a sum_m g^{bd}/eps, D = -f' v^a of the same; equal once the integral is converged, with any width."""
    model = replace(models.random_model(n=4, seed=3, periodic=(True, True, False)), position_R=None)
    options = {"channel": "charge", "grid": (64, 64, 1), "mu": 0.3, "temperature": 0.2 / BOLTZMANN, "degeneracy_tolerance": 1e-8}
    blocks = compute(model, CURRENT, gap_broadening=0.4, **options)[CURRENT].blocks
    scale = np.abs(blocks["S"]).max()
    assert scale > 1e-2
    assert np.abs(blocks["S"] - blocks["D"]).max() < 3e-4 * scale  # what the mesh leaves: 9e-5


@SMALL_GAPS
def test_meshes_and_boxes_agree() -> None:
    """Within their bars, on a sheet whose bands are 0.5 eV apart and less."""
    options = {"mu": 0.2, "temperature": 900.0, "gap_broadening": 0.1}
    model = models.rashba_exchange()
    boxes, mesh = (
        compute(model, INTRINSIC, **how, **options)[INTRINSIC]
        for how in ({"tolerance": Tolerance(2e-2, start=4)}, {"grid": (64, 64, 1)})
    )
    assert boxes.converged
    scale = np.abs(boxes.values).max()
    assert scale > 1e-2
    assert mesh.error.max() < 0.1 * scale
    assert np.abs(boxes.values - mesh.values).max() < boxes.error.max() + mesh.error.max()


def test_the_cone_within_a_tolerance_at_0_K() -> None:
    D, mu, width = 0.7, 1.1, 0.8
    model, wanted = models.massive_dirac(gap=D), Tolerance(1e-2)
    found = compute(model, INTRINSIC, tolerance=wanted, mu=mu, temperature=0, gap_broadening=width)[INTRINSIC].at(relaxation="gao")
    expected = sum(factor * exact(name, D, mu, width) for name, factor in {"S": 1, "F": 1, "D": 1}.items())
    assert found.values[0, 0, Z, X, X] == pytest.approx(expected, rel=1e-2, abs=0)
    bare = 5 * D / (96 * np.pi * mu**3)
    assert abs(expected - bare) > 0.1 * bare


def test_it_is_refused_where_it_means_nothing() -> None:
    model, options = models.rashba_exchange(), {"grid": (4, 4, 1), "mu": 0.0, "temperature": 1000.0}
    drude = "nonlinear_drude_spin_magnetization"
    with pytest.raises(InputError, match="gap_broadening = 0.1 eV changes nothing in spin_hall, nonlinear_drude_spin_mag.*omega"):
        compute(model, ["spin_hall", drude], gap_broadening=0.1, **options)
    for wrong in (-0.1, np.inf, np.nan, "0.1"):
        with pytest.raises(InputError, match="gap_broadening = .* expected zero or a positive energy in eV"):
            compute(model, INTRINSIC, gap_broadening=wrong, **options)
    with pytest.raises(InputError, match="gap_broadening = 1e\\+06 eV cannot be meant"):
        compute(model, INTRINSIC, gap_broadening=1e6, **options)


@SMALL_GAPS
def test_other_responses_do_not_know_it() -> None:
    names = ("spin_hall", "edelstein", "nonlinear_drude_spin_current", "shift_spin_current", INTRINSIC)
    options = {"grid": (6, 6, 1), "mu": 0.3, "temperature": 1000.0, "omega": [0.3], "broadening": 0.1}
    bare, wide = (compute(models.rashba_exchange(), names, gap_broadening=width, **options) for width in (0.0, 0.5))
    for name in names:
        a, b = bare[name].values, wide[name].values
        assert np.abs(a).max() > 1e-4
        assert same(a, b) if name != INTRINSIC else np.abs(a - b).max() > 0.1 * np.abs(a).max()


@SMALL_GAPS
def test_the_result_says_so(tmp_path) -> None:
    options = {"grid": (6, 6, 1), "mu": 0.3, "temperature": 1000.0}
    found = compute(models.rashba_exchange(), INTRINSIC, gap_broadening=0.05, **options)
    found.save(tmp_path / "out.h5")
    for result in (found, load(tmp_path / "out.h5")):
        assert result.facts.gap_broadening == 0.05
        assert "gaps of second order broadened by 0.05 eV" in repr(result)
        assert any("gaps of second order broadened by 0.05 eV" in line for line in fact_lines(result))
    assert "broadened" not in repr(compute(models.rashba_exchange(), INTRINSIC, **options))
