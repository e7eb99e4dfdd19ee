"""The tilted Dirac pair of the paper's Fig. 1(a): docs/theory.md, section 8, and reference/fig1a_tilted_dirac.json.

    H_s = vx kx sy - s vy ky sx + beta sz + s alpha ky,    s = +-1,    sigma_yxy;y summed over s, T = 0

The file's `scaled` numbers are for beta = v = 1, without units; the SI ones follow from them.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from wannier_spin import compute, models

TABLE = json.loads((Path(__file__).resolve().parents[1] / "reference" / "fig1a_tilted_dirac.json").read_text())
AT = {row["mu_meV"]: row for row in TABLE}
DRUDE, INTRINSIC = "nonlinear_drude_spin_current", "nonlinear_intrinsic_spin_current"
YXYY, YYXY = np.s_[1, 0, 1, 1], np.s_[1, 1, 0, 1]
GRID = (10, 20)  # converged to 1e-12 for the tilt 0.1, for which the Fermi line is close to a circle
# The two valleys cross on a line, and tunnel nowhere; on the meV scale of these bands the default tolerance would merge
# states that are far apart.
EXACT = {"temperature": 0, "degeneracy_tolerance": 1e-9}
IN_TABLE = (10.5, 11, 12, 15, 18, 20, 25, 30, 40, 60)  # meV
SCALED_MU = (*IN_TABLE, -10.5, -20)


@cache
def scaled(mu):
    """beta = v = 1, alpha = 0.1, mu in units of beta: the blocks, twice those of one valley (elements with two y agree)."""
    cone = models.tilted_dirac(vx=1, vy=1, beta=1, alpha=0.1)
    result = compute(cone, [DRUDE, INTRINSIC], grid=GRID, mu=mu, **EXACT)
    return {block: 2 * value[0, 0] for name in (DRUDE, INTRINSIC) for block, value in result[name].blocks.items()}


@pytest.mark.parametrize("mu_meV", SCALED_MU)
def test_scaled_numbers(mu_meV):
    blocks, expected = scaled(mu_meV / 10), AT[mu_meV]["scaled"]
    sea, surface = blocks["Q1"] + blocks["P"], blocks["F"]
    found = {
        "N2_xy": blocks["N2"][YXYY],
        "N2_yx": blocks["N2"][YYXY],
        "paper0_yxy": (sea + surface)[YXYY],
        "paper0_yyx": (sea + surface)[YYXY],
        "paper0_sea": sea[YXYY],
        "paper0_surf": surface[YXYY],
    }
    for key, value in found.items():
        assert abs(expected[key]) > 1e-8
        assert value == pytest.approx(expected[key], rel=1e-11, abs=0), key


def sigma(result):
    """(9), N2, (13) as printed and (13) symmetrized, of sigma_yxy;y: (mu, column)."""
    drude, intrinsic = (result[name].at(form="paper") for name in (DRUDE, INTRINSIC))
    steady = drude.at(combination={"N2": 1}).values
    columns = drude.values[:, 0][:, *YXYY], steady[:, 0][:, *YXYY], intrinsic.values[:, 0][:, *YXYY]
    return np.stack([*columns, (columns[2] + intrinsic.values[:, 0][:, *YYXY]) / 2], axis=1)


def test_table_in_si():
    """(hbar/e) A m/V^2 at 1e5 m/s, 10 meV, 500 fs. The file was made with e^2/hbar and hbar of ten digits, as `units`."""
    chosen = (10.5, 12, 20, 60)  # all of them: `test_scaled_numbers`
    rows = [AT[mu] for mu in chosen]
    options = {"grid": GRID, "mu": [row["mu_eV"] for row in rows], "units": "SI", "tau": 500.0, **EXACT}
    result = compute(models.tilted_dirac(), [DRUDE, INTRINSIC], **options)
    assert result[DRUDE].unit == result[INTRINSIC].unit == "(hbar/e) A m V^-2"
    keys = ("sigma2_paper", "sigma2_steady", "paper0", "paper0_sym")
    expected = np.array([[row[key] for key in keys] for row in rows])
    found = 2 * sigma(result)  # two valleys
    assert np.abs(expected).min() > 1e-17
    assert np.abs(found / expected - 1).max() < 4e-9  # rounding of e^2/hbar (1.5e-9) and of hbar
    for relaxation in ("static", "adiabatic", "constant", "intraband", "gao"):
        values = 2 * result[INTRINSIC].at(relaxation=relaxation).values[:, 0][:, *YXYY]
        expected = np.array([row[relaxation] for row in rows])
        assert np.abs(values / expected - 1).max() < 4e-9, relaxation
    # the digits of docs/theory.md
    row = [f"{x:.5e}" for x in found[chosen.index(20)]]
    assert row == ["1.21151e-12", "2.42303e-12", "3.91387e-15", "-5.02469e-15"]


def test_the_pair_is_the_sum_of_its_cones():
    pair = compute(models.tilted_dirac_pair(), [DRUDE, INTRINSIC], grid=GRID, mu=[0.012], units="SI", tau=500.0, **EXACT)
    expected = [AT[12][key] for key in ("sigma2_paper", "sigma2_steady", "paper0", "paper0_sym")]
    assert np.abs(sigma(pair)[0] / expected - 1).max() < 4e-9


def test_zero_in_the_gap():
    """Sea included: the valleys cancel what each has (the sea is odd in ky)."""
    pair = compute(models.tilted_dirac_pair(), [DRUDE, INTRINSIC], grid=GRID, mu=0.009, units="SI", tau=500.0, **EXACT)
    scale = AT[12]["paper0"]
    assert AT[9]["paper0"] == AT[9]["sigma2_paper"] == 0
    assert np.abs(pair[DRUDE].values).max() == 0
    one = compute(models.tilted_dirac(), INTRINSIC, grid=GRID, mu=0.009, units="SI", tau=500.0, **EXACT)[INTRINSIC]
    assert np.abs(one.values).max() > scale  # other elements do not vanish
    assert np.abs(sigma(pair)).max() < 1e-11 * scale


@pytest.mark.parametrize("mu_meV", [10.5, 20])
def test_odd_in_mu(mu_meV):
    plus, minus = scaled(mu_meV / 10), scaled(-mu_meV / 10)
    for block in ("N2", "Q1", "P", "F", "S", "D"):
        for element in (YXYY, YYXY):
            scale = max(abs(plus[name][element]) for name in (("N2",) if block == "N2" else ("Q1", "P", "F")))
            assert scale > 1e-7
            assert abs(plus[block][element] + minus[block][element]) < 1e-10 * scale


@pytest.mark.parametrize("mu", [1.2, 2.0, -1.7])
def test_small_tilt(mu):
    """N2 = alpha^2 sgn(mu)(mu^2 - beta^2)(mu^2 + 3 beta^2)/(16 pi v mu^4); the next order is alpha^4."""
    exact = np.sign(mu) * (mu**2 - 1) * (mu**2 + 3) / (16 * np.pi * mu**4)

    def excess(alpha):
        cone = models.tilted_dirac(vx=1, vy=1, beta=1, alpha=alpha)
        both = 2 * compute(cone, DRUDE, grid=(8, 16), mu=mu, **EXACT)[DRUDE].blocks["N2"][0, 0][YXYY]  # the valleys agree
        return both / (alpha**2 * exact) - 1

    coarse, fine = excess(0.02), excess(0.01)
    assert 0 < abs(fine) < 1e-3
    assert coarse / fine == pytest.approx(4, rel=0.01, abs=0)


def test_the_valleys_give_the_same():
    """ky -> -ky exchanges them: elements with an even number of y among flow and fields agree, odd ones are opposite."""
    one, other = (compute(models.tilted_dirac(valley=s), [DRUDE, INTRINSIC], grid=GRID, mu=0.012, **EXACT) for s in (+1, -1))
    number_of_y = np.sum(np.indices((3, 3, 3)) == 1, axis=0)
    sign = (-1) ** number_of_y
    for name in (DRUDE, INTRINSIC):
        for block, value in one[name].blocks.items():
            if block in ("N2dir", "W"):
                assert np.abs(value).max() == 0  # H is linear in k
                continue
            assert min(np.abs(value[0, 0][sign == s]).max() for s in (+1, -1)) > 0
            difference = other[name].blocks[block][0, 0] - sign[..., None] * value[0, 0]
            assert np.abs(difference).max() < 1e-10 * np.abs(value).max()


@pytest.mark.slow
def test_maximum():
    """(9) is largest at 17.292 meV."""
    scan = np.array([17.192, 17.292, 17.392]) / 10
    low, middle, high = (scaled(mu)["N2"][YXYY] for mu in scan)
    peak = scan[1] + 0.01 * (high - low) / (2 * (2 * middle - high - low))
    assert peak == pytest.approx(1.7292, abs=2e-4)
