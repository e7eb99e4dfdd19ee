"""Responses to a temperature gradient: limits of the Mott integral, closed forms, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from rounding import same
from scipy.integrate import quad

import wannier_spin as ws
from wannier_spin import InputError, compute, load, models, thermal_counterpart
from wannier_spin.units import BOLTZMANN

T = 100.0
KT = BOLTZMANN * T
LORENZ = np.pi**2 / 3 * BOLTZMANN**2  # (eV/K)^2


@pytest.fixture(scope="module")
def flat():
    """A result whose numbers are replaced: see `with_values`."""
    mu = np.linspace(-0.4, 0.4, 401)
    sheet = models.random_model(n=2, seed=1, periodic=(True, True, False))
    return compute(sheet, ["spin_hall", "edelstein"], grid=(2, 2, 1), mu=mu, temperature=[T / 5, 300], tau=2.0)


def with_values(tensor, function):
    """sigma(mu) = function(mu) in all components."""
    shape = (len(tensor.mu), len(tensor.temperature), *(1 for _ in tensor.labels))
    value = np.broadcast_to(function(tensor.mu).reshape(-1, *(1,) * (len(shape) - 1)), tensor.values.shape)
    first, *others = tensor.blocks
    blocks = {first: np.array(value), **{name: np.zeros(value.shape) for name in others}}
    return replace(tensor, blocks=blocks, block_errors=blocks)


def mott(sigma, mu, kT, points=None):
    """The definition, by adaptive quadrature: int dE (E - mu)/T (-f') sigma(E), V/K."""

    def integrand(x):
        return x / (4 * np.cosh(x / 2) ** 2) * sigma(mu + kT * x)

    inner = None if points is None else [p for p in ((e - mu) / kT for e in points) if abs(p) < 40]
    return BOLTZMANN * quad(integrand, -40, 40, limit=400, epsabs=0, epsrel=1e-10, points=inner)[0]


def test_constant_gives_nothing(flat):
    found = thermal_counterpart(with_values(flat["spin_hall"], np.ones_like), T)
    assert np.abs(found.values).max() == 0


@pytest.mark.parametrize("power", [1, 2, 3])
def test_powers(flat, power):
    """Linear: the Mott relation (pi^2/3) k_B^2 T sigma' at any temperature. Higher powers: the definition."""
    tensor = with_values(flat["spin_hall"], lambda mu: 0.7 * mu**power)
    found = thermal_counterpart(tensor, [T, 2 * T], mu=[-0.05, 0.1])
    for i, mu in enumerate(found.mu):
        for j, temperature in enumerate(found.temperature):
            expected = mott(lambda E: 0.7 * E**power, mu, BOLTZMANN * temperature)
            if power == 1:
                assert expected == pytest.approx(0.7 * LORENZ * temperature, rel=1e-9, abs=0)
            # beyond the span 1e-5; straight lines between points of the scan: (step^2/12) sigma''' instead of sigma'
            lines = 0.002**2 / 12 * 0.7 * (6 if power == 3 else 0) * LORENZ * temperature
            assert np.abs(found.values[i, j] - expected).max() < 2e-5 * abs(expected) + 1.01 * lines


def test_step_in_the_conductivity(flat):
    """sigma jumps at 0: k_B times the entropy of a level there, here between two points of the scan."""
    tensor = with_values(flat["spin_hall"], lambda mu: np.heaviside(mu, 0.5))
    mu = np.array([-0.03, -0.008, 0.0, 0.02])
    x = mu / KT
    f = 1 / (1 + np.exp(x))
    expected = -BOLTZMANN * (f * np.log(f) + (1 - f) * np.log(1 - f))
    found = thermal_counterpart(tensor, T, mu=mu).values[:, 0, 0, 1, 2]
    assert np.abs(found - expected).max() < 3e-3 * BOLTZMANN  # the jump takes two steps of 0.23 kT: 0.23^2/6 s''


DELTA, V = 0.04, 0.6
SCAN = np.linspace(-0.12, 0.24, 91)  # with the kinks at +-DELTA


@pytest.fixture(scope="module")
def dirac():
    """docs/theory.md, section 7, at 0 K: surface form of the Edelstein effect and the intrinsic magnetization."""
    names, model = ["edelstein", "intrinsic_spin_magnetization"], models.massive_dirac(v=V, gap=DELTA)
    with pytest.warns(ws.AccuracyWarning, match="diverges with the cut-off"):
        return compute(model, names, grid=(4, 4), mu=SCAN, temperature=0, blocks=("L1surf",))


def beta1(mu):
    return -(mu**2 - DELTA**2) / (8 * np.pi * V * abs(mu)) if abs(mu) > DELTA else 0.0


def beta0(mu):
    return DELTA / (8 * np.pi * V * max(abs(mu), DELTA))


def test_massive_dirac(dirac):
    """Thermal Edelstein effect and its intrinsic sister of the massive Dirac model against their integrals."""
    surface = dirac["edelstein"].at(combination={"L1surf": 1})
    assert surface.values[:, 0, 0, 0] == pytest.approx([beta1(mu) for mu in SCAN], abs=1e-9)
    mu = np.array([0.02, 0.05, 0.1])
    for tensor, component, closed in (
        (surface, (0, 0), beta1),
        (dirac["intrinsic_spin_magnetization"], (0, 1), beta0),
    ):
        found = thermal_counterpart(tensor, T, mu=mu)
        expected = np.array([mott(closed, m, KT, (-DELTA, DELTA)) for m in mu])
        assert np.abs(found.values[(slice(None), 0, *component)] - expected).max() < 1e-3 * np.abs(expected).max()


def test_seebeck_coefficient():
    """Charge: the field that stops the current of a gradient is S grad T, and S < 0 for electrons."""
    scan = np.linspace(-0.05, 0.25, 81)
    with pytest.warns(ws.AccuracyWarning, match="diverges with the cut-off"):
        result = compute(
            models.massive_dirac(v=V, gap=DELTA),
            "magnetic_spin_hall",
            grid=(4, 4),
            mu=scan,
            temperature=0,
            blocks=("L1surf",),
            channel="charge",
            units="SI",
        )
    conductivity = result["magnetic_spin_hall"].at(combination={"L1surf": 1})
    gradient = thermal_counterpart(conductivity, T, mu=0.1)
    sigma = np.interp(0.1, scan, conductivity.values[:, 0, 0, 0])
    seebeck = -gradient.values[0, 0, 0, 0] / sigma  # 0 = sigma E + alpha grad T
    # sigma ~ (mu^2 - D^2)/|mu| like beta1
    assert sigma > 0
    assert seebeck == pytest.approx(-mott(beta1, 0.1, KT, (-DELTA, DELTA)) / beta1(0.1), rel=1e-3, abs=0)
    slope = (0.1**2 + DELTA**2) / 0.1 / (0.1**2 - DELTA**2)  # d ln sigma/d mu
    assert seebeck == pytest.approx(-LORENZ * T * slope, rel=0.03, abs=0)  # -34 microvolts/K
    assert gradient.unit == "A K^-1"


def test_derivatives():
    """d alpha/d mu = (1/e) d sigma/d T: both integrals come from the same sigma(E, 0)."""
    model = models.random_model(n=3, seed=37, periodic=(True, True, False))
    options = {"grid": (12, 12, 1), "degeneracy_tolerance": 1e-8}
    hot, step = 1500.0, 20.0
    cold = compute(model, "spin_hall", mu=np.linspace(-1.6, 2.4, 4001), temperature=0, **options)["spin_hall"]
    alpha = thermal_counterpart(cold, hot, mu=[0.39, 0.4, 0.41]).values[:, 0]
    warm = compute(model, "spin_hall", mu=0.4, temperature=[hot - step, hot + step], **options)["spin_hall"].values[0]
    found, expected = (alpha[2] - alpha[0]) / 0.02, (warm[1] - warm[0]) / (2 * step)
    assert np.abs(expected).max() > 1e-6
    assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()


def test_blocks_tau_units_files(flat, tmp_path):
    """A response like any other: forms, tau, units, errors, and it can be saved."""
    tensor = flat["edelstein"]
    found = thermal_counterpart(tensor, [T, 150])
    assert (found.name, found.title) == ("thermal_edelstein", "thermal Edelstein effect")
    assert (found.law, found.symbol) == ("M_a = alpha_ab d_b T", "alpha(1)_ab")
    assert found.axes == ("mu", "temperature", "a", "b")
    reach = 15 * BOLTZMANN * 150
    assert found.mu[0] == pytest.approx(-0.4 + reach, abs=0.002)
    assert found.values.shape == found.error.shape == (len(found.mu), 2, 3, 3)
    assert np.isfinite(found.error).all()
    assert same(found.at(tau=6.0).values, 3 * found.values)
    assert found.at(form="paper").values == pytest.approx(2 * found.blocks["L1"])
    assert found.unit == "angstrom^-1 K^-1 (hbar = e = 1)"
    si = found.at(units="SI")
    assert si.unit == "<sigma/2> m^-2 per (K/m)"
    largest = np.unravel_index(np.abs(tensor.values).argmax(), tensor.values.shape)
    assert si.values == pytest.approx(found.values * tensor.at(units="SI").values[largest] / tensor.values[largest])
    assert thermal_counterpart(flat["spin_hall"], T).at(units="SI").unit == "(hbar/e) A K^-1"
    result = replace(flat, tensors={**flat.tensors, found.name: found})
    back = load(result.save(tmp_path / "out.h5"))["thermal_edelstein"]
    assert (back.drive, back.unit) == ("grad T", found.unit)
    assert np.array_equal(back.values, found.values)


def test_contributions_to_the_error_go_with_it(flat):
    """Each is integrated as the response is; of a result without any there are none."""
    tensor = flat["edelstein"]
    found = thermal_counterpart(tensor, [T, 150])
    assert found.block_harmonics.keys() == tensor.block_harmonics.keys()
    sizes = []
    for name, harmonics in tensor.block_harmonics.items():
        for i, one in enumerate(harmonics):
            alone = thermal_counterpart(replace(tensor, blocks={**tensor.blocks, name: one}), [T, 150])
            assert np.array_equal(found.block_harmonics[name][i], alone.blocks[name])
            sizes.append(np.abs(alone.blocks[name]).max())
    assert max(sizes) > 0
    assert thermal_counterpart(replace(tensor, block_harmonics=None), T).block_harmonics is None
    charge = thermal_counterpart(replace(tensor, channel="charge"), T)
    assert (charge.title, charge.symbol) == ("thermal Edelstein effect (charge counterpart)", "alpha(1)_ab")


def test_what_is_refused(flat):
    tensor = flat["spin_hall"]
    with pytest.raises(InputError, match="computed at 20 K, too warm for a thermal response at 0.5 K"):
        thermal_counterpart(tensor, 0.5)
    with pytest.raises(InputError, match=r"steps of up to 0\.016 eV"):  # one wide step among many fine ones
        kept = np.r_[:200, 207:401]
        some = {name: block[kept] for name, block in tensor.blocks.items()}
        thermal_counterpart(replace(tensor, mu=tensor.mu[kept], blocks=some, block_errors=some), T)
    with pytest.raises(InputError, match=r"computed at 20 K, too warm for a thermal response at 50 K; expected at most 10 K"):
        thermal_counterpart(tensor, 50)
    with pytest.raises(InputError, match=r"covers 15 kT on both sides of mu from -0\.2707 to 0\.2707 eV; extend it"):
        thermal_counterpart(tensor, T, mu=[0.0, 0.3])
    with pytest.raises(InputError, match=r"at no mu; it needs 1\.29 eV in all; extend it"):
        thermal_counterpart(tensor, 500)
    with pytest.raises(InputError, match=r"steps of up to 0\.008 eV, expected at most kT/2 = 0\.00431 eV"):
        few = {name: block[::4] for name, block in tensor.blocks.items()}
        thermal_counterpart(replace(tensor, mu=tensor.mu[::4], blocks=few, block_errors=few), [T, 2 * T])
    with pytest.raises(InputError, match="needs a scan of ascending mu"):
        thermal_counterpart(replace(tensor, mu=tensor.mu[::-1]), T)
    with pytest.raises(InputError, match="needs a scan of ascending mu"):
        thermal_counterpart(replace(tensor, mu=np.sort([*tensor.mu[1:], tensor.mu[5]])), T)
    with pytest.raises(InputError, match="too warm for a thermal response at 50 K"):
        thermal_counterpart(tensor, [T, 50])
    for wrong in (0, -1, [], np.nan, [T, -1], [T, np.nan], [[T]]):
        with pytest.raises(InputError, match="positive numbers in K"):
            thermal_counterpart(tensor, wrong)
    for wrong in ([np.nan], [0.0, np.nan]):
        with pytest.raises(InputError, match="mu must be a number or a list"):
            thermal_counterpart(tensor, T, mu=wrong)
    with pytest.raises(InputError, match=r"from -0\.2707 to 0\.2707 eV"):
        thermal_counterpart(tensor, T, mu=[-0.3, 0.0])
    with pytest.raises(
        InputError, match="'spin_nernst' has no thermal counterpart; static linear responses have: magnetic_spin_hall, "
    ):
        thermal_counterpart(thermal_counterpart(tensor, T), T)
    sheet = models.random_model(n=2, seed=1, periodic=(True, True, False))
    nonlinear = compute(sheet, "nonlinear_drude_spin_current", grid=(2, 2, 1), mu=0, temperature=3000)
    with pytest.raises(InputError, match="'nonlinear_drude_spin_current' has no thermal counterpart"):
        thermal_counterpart(nonlinear["nonlinear_drude_spin_current"], T)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_of_an_adaptive_integral():
    """Its error bar holds what a mesh gives; replicas and spreads follow."""
    model = ws.models.rashba_exchange()
    scan = {"mu": np.linspace(0.0, 0.6, 241), "temperature": 20.0}
    boxes = ws.compute(model, "spin_hall", tolerance=ws.Tolerance(3e-2, replicas=2, max_evaluations=60_000), **scan)["spin_hall"]
    mesh = ws.compute(model, "spin_hall", grid=(400, 400, 1), **scan)["spin_hall"]
    found, expected = (ws.thermal_counterpart(tensor, 100.0, mu=0.3) for tensor in (boxes, mesh))
    largest = np.abs(expected.values).max()
    assert largest > 1e-9
    assert found.error.shape == found.values.shape == found.replica_spread.shape
    assert (np.abs(found.values - expected.values) <= found.error + expected.error).all()
    assert 0 < found.error.max() < 20 * largest
    halves = np.mean([found.block_replicas["L0"][i] for i in range(2)], axis=0)
    assert np.abs(halves - found.blocks["L0"]).max() < 1e-12 * np.abs(found.blocks["L0"]).max()


def test_spreads_are_bounded_by_their_worst_signs(flat):
    """They come from the same boxes: whatever the signs of errors, their Mott integral is no larger; of one alone as large."""
    tensor, random = flat["spin_hall"], np.random.default_rng(2)

    def found(at):
        blocks = {name: random.random(X.shape) * at.reshape(-1, *(1,) * (X.ndim - 1)) for name, X in tensor.blocks.items()}
        signs = {name: X * random.choice([-1, 1], X.shape) for name, X in blocks.items()}
        return thermal_counterpart(replace(tensor, blocks=signs, block_spreads=blocks), [T, 1.5 * T], mu=[-0.05, 0.1])

    for mu in (172, 175, 181, 248, 255):
        one = found(np.eye(len(tensor.mu))[mu])
        for name, X in one.block_spreads.items():
            assert X.max() > 1e-10
            assert X == pytest.approx(np.abs(one.blocks[name]), rel=1e-9, abs=1e-10 * X.max())
    every = found(np.ones(len(tensor.mu)))
    assert all((np.abs(every.blocks[name]) < X).all() for name, X in every.block_spreads.items())
