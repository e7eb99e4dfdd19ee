"""Weights of states: means over boxes, T = 0, and responses to a gradient of T integrated level by level."""

from dataclasses import replace

import numpy as np
import pytest

from wannier_spin import compute, load, models, response_map, responses, thermal_counterpart
from wannier_spin.analysis.kpath import k_mesh
from wannier_spin.occupation import Occupation
from wannier_spin.units import BOLTZMANN
from wannier_spin.weights import WEIGHTS, Entropy, entropy_integrals

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
SHEET = models.random_model(n=3, seed=1, periodic=(True, True, False))
T = 1200.0
PAIRS = {r.name: r.thermal[0] for r in responses.RESPONSES.values() if r.thermal}


def entropy(x):
    f = 1 / (1 + np.exp(-x))
    return -f * np.log(f) - (1 - f) * np.log(1 - f)


@pytest.mark.parametrize("kind", [Occupation, Entropy])
def test_what_kinds_say_of_themselves(kind):
    """below : the weight of a state far below mu. sharp : whether at T = 0 the surface has a weight, in a box that mu crosses."""
    warm, cold = kind(np.zeros(1), np.array([0.05])), kind(np.zeros(1), np.zeros(1))
    assert warm.fermi(np.array([-1e3])).item() == pytest.approx(kind.below, abs=1e-12)
    share, density = cold._over_boxes(0.0, np.zeros(1), np.full((1, 2), 0.1))
    assert (density.item() > 1) is kind.sharp
    assert (share.item() > 0.1) is kind.sharp


@pytest.mark.parametrize("kind", [Occupation, Entropy])
def test_sums_by_point_are_those_of_its_states(kind):
    """With terms of the Fermi surface and without."""
    rng, scan = np.random.default_rng(5), kind(np.array([-0.1, 0.2]), np.array([0.03, 0.08]))
    energies, sea, surface = np.sort(rng.uniform(-1, 1, (3, 4)), axis=1), rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 4, 1))
    for on_surface in (surface, surface[..., :0]):
        found = scan.at_bands(energies, on_surface.shape[-1] > 0).sums(sea, on_surface)
        for k in range(3):
            expected = scan.sums(energies[k], sea[k], on_surface[k])
            assert np.abs(expected).max(axis=0).min() > 1e-6
            assert np.abs(found[k] - expected).max() < 1e-13 * np.abs(expected).max()


def test_weights_are_what_they_are_called():
    kT = 0.05
    occupation = WEIGHTS["grad T"](np.array([0.1]), np.array([kT]))
    E = np.linspace(-0.3, 0.5, 41)
    x = (0.1 - E) / kT
    f = 1 / (1 + np.exp(-x))
    s, slope = occupation.weights(E)
    assert np.abs(s[0] - BOLTZMANN * entropy(x)).max() < 1e-14 * BOLTZMANN
    expected = (E - 0.1) * (-f * (1 - f) / kT) / (kT / BOLTZMANN)  # (E - mu) f'/T
    assert np.abs(expected).max() > 1e-4
    assert np.abs(slope[0] - expected).max() < 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_integrals_of_the_entropy(d):
    """Each is the integral of the one before, also where Sommerfeld's expansion takes over."""
    x = np.linspace(-45, 50, 1901)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    inner = x[:-1, None] + (nodes + 1) / 2 * np.diff(x)[:, None]
    steps = entropy_integrals(d - 1, inner)[0] @ weights / 2 * np.diff(x)
    values, slope = entropy_integrals(d, x)
    assert np.abs(values).max() > 3
    assert np.abs(np.diff(values) - steps).max() < 1e-11 * np.abs(values).max()
    assert np.abs(slope - entropy_integrals(d - 1, x)[0]).max() < 1e-12 * np.abs(slope).max()


@pytest.mark.parametrize("spread", [(0.05, 0.03, 0.08), (0.3, 0.2, 5e-4), (0.3, 1e-4, 1e-4), (0.08, 0.0, 0.0)])
def test_means_over_boxes(spread):
    """Of both weights, by quadrature; nothing is left at T = 0."""
    occupation = Entropy(np.array([0.1, 0.115, 0.13]), np.array([0.02, 0.0]))
    centre, widths = np.array([0.11]), np.array([spread])
    found = occupation.linear_weights(centre, centre, widths, np.array([10.0]))
    x, w = np.polynomial.legendre.leggauss(80)
    energies = centre + sum(s * np.reshape(x, np.roll((80, 1, 1), i)) for i, s in enumerate(spread))
    weight = np.prod(np.meshgrid(w, w, w, indexing="ij"), axis=0).ravel() / 8
    for mean, at_points in zip(found, occupation.weights(energies.ravel()), strict=True):
        expected = at_points @ weight
        assert np.abs(expected[::2]).min() > 0
        assert np.abs(mean[:, 0] - expected).max() < 1e-8 * np.abs(at_points).max()
        assert not mean[1::2].any()


@pytest.mark.parametrize("name", PAIRS)
def test_mott_integral(name):
    """The integral over a scan of mu at T0 tends to the direct sum as (T0/T)^2."""
    direct = compute(SHEET, PAIRS[name], grid=(12, 12, 1), mu=[0.0, 0.1], temperature=T, units="SI", tau=10.0)[PAIRS[name]]
    scale = np.abs(direct.values).max()
    assert scale > 0
    differences = []
    for ratio in (8, 16):
        scan = np.arange(-1.8, 1.9, BOLTZMANN * T / 8)
        electric = compute(SHEET, name, grid=(12, 12, 1), mu=scan, temperature=T / ratio, units="SI", tau=10.0)[name]
        mott = thermal_counterpart(electric, T, mu=direct.mu)
        assert (mott.name, mott.symbol, mott.law, mott.unit, mott.drive, mott.title) == (
            *(direct.name, direct.symbol, direct.law, direct.unit, direct.drive, direct.title),
        )
        differences.append(np.abs(mott.values - direct.values).max() / scale)
    assert differences[0] < 0.02
    assert differences[1] < 0.35 * differences[0]


def test_low_temperature_of_a_massive_dirac_cone():
    """Sommerfeld: (pi^2/3) k_B^2 T (1 + 7 pi^2/5 (kT/mu)^2) d beta0_xy/d mu, beta0_xy = D/(8 pi v mu); nothing at 0 K."""
    v, gap, mu, cold = 1.3, 0.04, 0.08, 25.0
    name = "intrinsic_thermal_spin_magnetization"
    found = compute(models.massive_dirac(v=v, gap=gap), name, grid=(40, 8), mu=mu, temperature=[0.0, cold])[name].values[0]
    expected = -(np.pi**2) / 3 * BOLTZMANN**2 * cold * gap / (8 * np.pi * v * mu**2)
    expected *= 1 + 7 * np.pi**2 / 5 * (BOLTZMANN * cold / mu) ** 2
    assert found[1, 0, 1] == pytest.approx(expected, rel=5e-4, abs=0)
    assert not found[0].any()


def test_boxes_and_mesh_agree():
    """With responses to a field in the same run; and at 0 K there is nothing."""
    names = ["thermal_edelstein", "spin_hall", "spin_nernst"]
    mesh = compute(SHEET, names, grid=(32, 32, 1), mu=0.1, temperature=T)
    boxes = compute(SHEET, names, tolerance=0.02, mu=0.1, temperature=[0.0, T])
    assert list(boxes) == names
    for name, tensor in boxes.items():
        scale = np.abs(tensor.values).max()
        assert tensor.converged
        assert scale > 0
        assert np.abs(tensor.values[:, 1] - mesh[name].values[:, 0]).max() < 0.03 * scale
        assert (np.abs(tensor.values[:, 0]).max() > 0) == (name == "spin_hall")


def test_a_gradient_is_asked_for_by_name(tmp_path):
    """It is stored with its drive, on sites, and its map adds up; "all" are the responses to a field."""
    assert not set(PAIRS.values()) & set(responses.names())
    assert set(PAIRS.values()) == set(responses.thermal_names())
    options = {"mu": 0.1, "temperature": T}
    result = compute(SHEET, "thermal_edelstein", grid=(6, 6, 1), sites={"one": [0], "others": [1, 2]}, **options)
    tensor = result["thermal_edelstein"]
    assert tensor.drive == "grad T"
    assert np.abs(tensor.uniform("one", "others").values - tensor.values).max() < 1e-13 * np.abs(tensor.values).max()
    again = load(result.save(tmp_path / "x.h5"))["thermal_edelstein"]
    assert (again.unit, again.drive) == (tensor.unit, tensor.drive)
    found = response_map(SHEET, k_mesh((6, 6, 1)), "thermal_edelstein", "xy", **options)
    assert found.values.sum(axis=-1).mean() == pytest.approx(tensor.values[0, 0, 0, 1], rel=1e-9, abs=0)


def test_checkpoints_of_two_weights(tmp_path):
    """Each weight has its own checkpoint beside the other; a run that is done leaves the first one, as before."""
    from wannier_spin import Control

    control = Control(checkpoint=tmp_path / "run.checkpoint.h5")
    names = ["spin_hall", "spin_nernst"]
    first = compute(SHEET, names, tolerance=0.3, mu=0.1, temperature=T, control=control)
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint.h5"]
    again = compute(SHEET, names, tolerance=0.3, mu=0.1, temperature=T, control=replace(control, resume=True))
    for name in names:
        assert np.array_equal(first[name].values, again[name].values)


def test_entropy_of_states():
    """-k_B (f ln f + (1 - f) ln (1 - f)), zero without temperature."""
    occupation, energies = Entropy(np.array([0.1]), np.array([0.02, 0.0])), np.array([0.05, 0.1, 0.17])
    f = 1 / (1 + np.exp((energies - 0.1) / 0.02))
    found = occupation.fermi(energies)
    assert found[0] == pytest.approx(-BOLTZMANN * (f * np.log(f) + (1 - f) * np.log(1 - f)), rel=1e-9, abs=0)
    assert found[1].tolist() == [0.0, 0.0, 0.0]
