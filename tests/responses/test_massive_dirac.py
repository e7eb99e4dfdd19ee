"""Closed forms of the massive Dirac cone at T = 0 (docs/theory.md, section 7): hbar = e = tau = 1.

    H = v (kx sx + ky sy) + D sz,    bands +- sqrt(v^2 k^2 + D^2)

The quadrature is exact up to rounding (Gauss-Legendre along smooth rays, trapezoid for trigonometric polynomials of low
degree in the angle), so the tolerances are 1e-11 of the value unless a comment says more.
"""

from functools import cache

import numpy as np
import pytest
from rounding import same

from wannier_spin import AccuracyWarning, compute, models
from wannier_spin.units import natural_tau

# block L1 is computed with the others here and diverges with the cut-off; the test of L1 has a finite one
pytestmark = pytest.mark.filterwarnings("ignore:the Fermi-sea form of the linear:wannier_spin.AccuracyWarning")

GRID = (12, 8)
PI = np.pi
X, Y, Z = 0, 1, 2
CASES = [(1.0, 2.0), (1.0, 1.05), (-0.7, 1.1), (0.04, 0.06), (0.04, 0.7)]  # D, mu


INTRINSIC = "nonlinear_intrinsic_spin_magnetization"
DRUDE = "nonlinear_drude_spin_magnetization"
EXTRINSIC = "nonlinear_extrinsic_spin_magnetization"
LINEAR = "intrinsic_spin_magnetization"
# One run serves all tests. (The sea block L1 of `edelstein` diverges with the cutoff: see there.)
TOGETHER = (INTRINSIC, DRUDE, EXTRINSIC, LINEAR, "edelstein")


@cache
def run(D, mu, v=1.0, cutoff=np.inf, **options):
    model = models.massive_dirac(v=v, gap=D, cutoff=cutoff)
    return compute(model, TOGETHER, grid=GRID, mu=mu, temperature=0, blocks=("L1surf",), **options)


def tensor(D, mu, name, **options):
    return run(D, mu, **options)[name].at(form="paper")


def block(D, mu, name, block_name, **options):
    return tensor(D, mu, name, **options).blocks[block_name][0, 0]


def assert_tensor(array, expected, relative=1e-11):
    """All elements of `array`: {index: value}, the others are zero."""
    full = np.zeros_like(array)
    for index, value in expected.items():
        full[index] = value
    scale = np.abs(full).max()
    assert scale > 0
    assert np.abs(array - full).max() < relative * scale


@pytest.mark.parametrize(("D", "mu"), CASES)
@pytest.mark.parametrize("sign", [+1, -1])  # the second order does not know electrons from holes
def test_nonlinear_drude(D, mu, sign):
    """(10) beta2_zxx = beta2_zyy = -D (mu^2 - D^2)/(16 pi mu^3); v drops out."""
    exact = -D * (mu**2 - D**2) / (16 * PI * mu**3)
    for v in (1.0, 0.3):
        values = tensor(D, sign * mu, DRUDE, v=v).values[0, 0]
        assert values[Z, X, X] == pytest.approx(exact, rel=1e-11, abs=0)
        assert values[Z, Y, Y] == pytest.approx(exact, rel=1e-11, abs=0)
        # steady state: twice the printed one, all of it in N2 since sigma does not depend on k
        assert block(D, sign * mu, DRUDE, "N2", v=v)[Z, X, X] == pytest.approx(2 * exact, rel=1e-11, abs=0)
        assert np.abs(block(D, sign * mu, DRUDE, "N2dir", v=v)).max() == 0


INTRINSIC_BLOCKS = {
    "Q1": lambda D, mu: D * (3 * D**2 - 5 * mu**2) / (480 * PI * mu**5),
    "P": lambda D, mu: D * (3 * D**2 + 5 * mu**2) / (960 * PI * mu**5),
    "F": lambda D, mu: D * (mu**2 - D**2) / (32 * PI * mu**5),
    "S": lambda D, mu: D * (mu**2 + 3 * D**2) / (192 * PI * mu**5),
    "D": lambda D, mu: D * (D**2 + mu**2) / (64 * PI * mu**5),
}
RELAXED = {  # the full form, S + kF sym(F) + kP P + kD D
    "static": INTRINSIC_BLOCKS["S"],
    "adiabatic": lambda D, mu: D * (13 * mu**2 - 9 * D**2) / (192 * PI * mu**5),
    "constant": lambda D, mu: D * (10 * mu**2 - 3 * D**2) / (240 * PI * mu**5),
    "intraband": lambda D, mu: D**3 / (80 * PI * mu**5),
    "gao": lambda D, mu: 5 * D / (96 * PI * mu**3),
}


@pytest.mark.parametrize(("D", "mu"), CASES)
def test_nonlinear_intrinsic(D, mu):
    """(14) beta0_zxx = Q1 + P + F = D (25 mu^2 - 21 D^2)/(960 pi mu^5)."""
    total = D * (25 * mu**2 - 21 * D**2) / (960 * PI * mu**5)
    assert sum(INTRINSIC_BLOCKS[name](D, mu) for name in ("Q1", "P", "F")) == pytest.approx(total, rel=1e-12, abs=0)
    for v in (1.0, 0.3):
        values = tensor(D, mu, INTRINSIC, v=v).values[0, 0]
        assert values[Z, X, X] == pytest.approx(total, rel=1e-11, abs=0)
        assert values[Z, Y, Y] == pytest.approx(total, rel=1e-11, abs=0)
        for name, exact in INTRINSIC_BLOCKS.items():
            found = block(D, mu, INTRINSIC, name, v=v)
            assert found[Z, X, X] == pytest.approx(exact(D, mu), rel=1e-11, abs=0)
            assert found[Z, Y, Y] == pytest.approx(exact(D, mu), rel=1e-11, abs=0)


@pytest.mark.parametrize(("D", "mu"), CASES)
@pytest.mark.parametrize("relaxation", RELAXED)
def test_nonlinear_intrinsic_in_full(D, mu, relaxation):
    for v in (1.0, 0.3):
        values = run(D, mu, v=v)[INTRINSIC].at(relaxation=relaxation).values[0, 0]
        assert values[Z, X, X] == pytest.approx(RELAXED[relaxation](D, mu), rel=1e-11, abs=0)
        assert values[Z, Y, Y] == pytest.approx(RELAXED[relaxation](D, mu), rel=1e-11, abs=0)
        assert np.array_equal(values, values.swapaxes(1, 2))


@pytest.mark.parametrize("D", [1.0, -0.4])
@pytest.mark.parametrize("relaxation", ["static", "adiabatic"])
def test_full_form_in_the_gap(D, relaxation):
    """S = sgn(D)/(48 pi D^2)."""
    values = run(D, 0.5 * abs(D))[INTRINSIC].at(relaxation=relaxation).values[0, 0]
    assert values[Z, X, X] == pytest.approx(np.sign(D) / (48 * PI * D**2), rel=1e-11, abs=0)


@pytest.mark.parametrize(("relaxation", "ratio"), [("static", 5935), ("gao", 1385)])
def test_figure_1b_in_full(relaxation, ratio):
    """|beta2|/beta0 with the printed beta2."""
    result = run(0.04, 0.06, units="SI", tau=500.0)
    drude = result[DRUDE].at(form="paper").component("zxx")[0][0, 0]
    intrinsic = result[INTRINSIC].at(relaxation=relaxation).component("zxx")[0][0, 0]
    assert round(abs(drude / intrinsic)) == ratio


@pytest.mark.parametrize(("relaxation", "factor"), [("adiabatic", 1 / 2), ("constant", 1), ("intraband", 1), ("gao", 1)])
def test_drude_in_full(relaxation, factor):
    """The steady state has twice the printed value."""
    values = run(1.0, 2.0)[DRUDE].at(relaxation=relaxation).values[0, 0]
    assert values[Z, X, X] == pytest.approx(-factor * 3 / (64 * PI), rel=1e-11, abs=0)


def test_extrinsic_in_full():
    """(12) is antisymmetric in the fields: nothing is left."""
    values = run(1.0, 2.0)[EXTRINSIC].at(relaxation="constant").values[0, 0]
    assert np.abs(tensor(1.0, 2.0, EXTRINSIC).values).max() > 1e-3
    assert np.abs(values).max() < 1e-14


@pytest.mark.parametrize("D", [1.0, -0.4, 0.04])
@pytest.mark.parametrize("fraction", [0.0, 0.5, -0.97])
def test_nonlinear_in_the_gap(D, fraction):
    """sgn(D)/(240 pi D^2), wherever mu is in the gap; the terms of the Fermi surface vanish exactly."""
    mu = fraction * abs(D)
    values = tensor(D, mu, INTRINSIC).values[0, 0]
    assert values[Z, X, X] == pytest.approx(np.sign(D) / (240 * PI * D**2), rel=1e-11, abs=0)
    assert np.abs(block(D, mu, INTRINSIC, "F")).max() == 0
    assert np.abs(tensor(D, mu, DRUDE).values).max() == 0


@pytest.mark.parametrize("name", [DRUDE, INTRINSIC, LINEAR])
def test_odd_in_the_mass(name):
    plus, minus = tensor(0.7, 1.3, name).values, tensor(-0.7, 1.3, name).values
    assert np.abs(plus).max() > 1e-3
    # in-plane components are even in D where they do not vanish; those with the spin along z, or (6b), are odd
    odd = np.s_[0, 0] if name == LINEAR else np.s_[0, 0, Z]
    assert np.abs(plus[odd] + minus[odd]).max() < 1e-12 * np.abs(plus).max()


@pytest.mark.parametrize(("D", "mu", "v"), [(1.0, 2.0, 1.0), (1.0, 0.3, 0.4), (-0.7, 1.1, 1.0), (0.04, 0.06, 2.0)])
def test_intrinsic_spin_magnetization(D, mu, v):
    """(6b) beta0_xy = -beta0_yx = D/(8 pi v max(mu, |D|))."""
    exact = D / (8 * PI * v * max(mu, abs(D)))
    assert_tensor(tensor(D, mu, LINEAR, v=v).values[0, 0], {(X, Y): exact, (Y, X): -exact})


@pytest.mark.parametrize(("D", "mu"), CASES)
def test_nonlinear_extrinsic(D, mu):
    """(12) beta1_zxy = -beta1_zyx = (mu^2 - D^2)/(16 pi mu^3): nothing is left of the symmetrized, physical part."""
    exact = (mu**2 - D**2) / (16 * PI * mu**3)
    values = tensor(D, mu, EXTRINSIC).values[0, 0]
    assert values[Z, X, Y] == pytest.approx(exact, rel=1e-11, abs=0)
    assert values[Z, Y, X] == pytest.approx(-exact, rel=1e-11, abs=0)


@pytest.mark.parametrize(("D", "mu", "v"), [(1.0, 2.0, 1.0), (-0.7, 1.1, 0.5), (0.04, 0.06, 2.0)])
def test_edelstein_sea_form(D, mu, v):
    """(5) at a finite cutoff, minus its value in the gap: beta1_xx = beta1_yy = -(mu^2 - D^2)/(8 pi v mu)."""
    cutoff = 20 * mu / v
    exact = -(mu**2 - D**2) / (8 * PI * v * mu)
    metal, gap = (tensor(D, m, "edelstein", v=v, cutoff=cutoff).values[0, 0] for m in (mu, 0.0))
    # the sea grows with the cutoff (here 40 times the answer), and loses that factor in precision
    assert abs(gap[X, X]) > 10 * abs(exact)
    assert_tensor(metal - gap, {(X, X): exact, (Y, Y): exact}, relative=1e-10)


@pytest.mark.parametrize(("D", "mu", "v"), [(1.0, 2.0, 1.0), (-0.7, 1.1, 0.5), (0.04, 0.06, 2.0)])
@pytest.mark.parametrize("cutoff", [40.0, np.inf])
def test_edelstein_surface_form(D, mu, v, cutoff):
    exact = -(mu**2 - D**2) / (8 * PI * v * mu)
    found = block(D, mu, "edelstein", "L1surf", v=v, cutoff=cutoff)
    assert_tensor(found, {(X, X): exact, (Y, Y): exact})


@pytest.mark.parametrize("D", [1.0, -0.04])
def test_drude_peak(D):
    """|beta2_zxx| peaks at mu = sqrt(3)|D|: a parabola through three points close to it (its error is of third order)."""
    mu = np.sqrt(3) * abs(D) * (1 + 1e-3 * np.array([-1, 0, 1]))
    low, middle, high = (abs(tensor(D, m, DRUDE).values[0, 0, Z, X, X]) for m in mu)
    assert middle > max(low, high)
    peak = 1 + 1e-3 * (high - low) / (2 * (2 * middle - high - low))
    assert abs(peak - 1) < 1e-5
    far = [abs(tensor(D, f * abs(D), DRUDE).values[0, 0, Z, X, X]) for f in (1.5, 2.0)]
    assert middle > max(far)


def test_figure_1b():
    """D = 40 meV, tau = 0.5 ps, mu = 60 meV: |beta2|/beta0 = 4420, in SI as well as in natural units."""
    si = run(0.04, 0.06, units="SI", tau=500.0)
    natural = run(0.04, 0.06, tau=natural_tau(500.0))
    for result in (si, natural):
        drude, intrinsic = (result[name].at(form="paper").component("zxx")[0][0, 0] for name in (DRUDE, INTRINSIC))
        assert drude < 0 < intrinsic
        assert round(-drude / intrinsic) == 4420
    # <sigma/2> per m^2 and (V/m)^2: angstrom^0/eV^2 = 1/V^2 has the value 1 m^-2/(V/m)^2
    assert si[DRUDE].unit == "<sigma/2> m^-2 per (V/m)^2"
    exact = 0.04 * (0.06**2 - 0.04**2) / (16 * PI * 0.06**3) * (0.5e-12 / 6.582119569e-16) ** 2
    assert -si[DRUDE].component("zxx")[0][0, 0] == pytest.approx(exact, rel=1e-11, abs=0)


def test_scan_is_the_same_as_single_points():
    model = models.massive_dirac(gap=1.0)
    values = compute(model, INTRINSIC, grid=GRID, mu=[0.5, 2.0], temperature=0, form="paper")[INTRINSIC].values
    assert values.shape == (2, 1, 3, 3, 3)
    for i, mu in enumerate((0.5, 2.0)):
        assert same(values[i], tensor(1.0, mu, INTRINSIC).values[0])


def test_warm_goes_to_cold():
    """Sommerfeld: with f of temperature T the answer differs by pi^2/6 (kT)^2 d^2/dmu^2 of the cold one."""
    D, mu, kT = 1.0, 2.0, 0.01
    exact = lambda m: D * (25 * m**2 - 21 * D**2) / (960 * PI * m**5)  # noqa: E731
    warm = compute(models.massive_dirac(gap=D), INTRINSIC, grid=(20, 8), mu=mu, temperature=kT / 8.617333262e-5, form="paper")
    found = warm[INTRINSIC].values[0, 0, Z, X, X] - exact(mu)
    h = 1e-2
    curvature = (exact(mu + h) - 2 * exact(mu) + exact(mu - h)) / h**2
    assert found == pytest.approx(PI**2 / 6 * kT**2 * curvature, rel=1e-3, abs=0)  # the next order: (kT/mu)^2, and h^2


@pytest.mark.parametrize("gap", [1e-3, 5e-6, 1e-6, 0.0])
def test_fermi_line_far_above_the_gap(gap):
    """The linear response in its Fermi-surface form, however small the gap: -(mu^2 - D^2)/(8 pi v mu)."""
    mu = 0.06
    result = compute(models.massive_dirac(gap=gap), "edelstein", grid=(24, 16), mu=mu, temperature=0, blocks="L1surf")
    found = result["edelstein"].at(combination={"L1surf": 1}).values[0, 0, 0, 0]
    assert found == pytest.approx(-(mu**2 - gap**2) / (8 * np.pi * mu), rel=1e-10, abs=0)


def test_divergence_with_the_cutoff_is_told():
    with pytest.warns(AccuracyWarning, match="diverges with the cut-off"):
        compute(models.massive_dirac(), "edelstein", grid=(8, 8), mu=0.06, temperature=0)
