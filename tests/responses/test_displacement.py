"""AC responses (7), (8): the causal amplitude of docs/theory.md, section 3, by loops over pairs of bands, and its limits."""

from dataclasses import replace

import numpy as np
import pytest
from responses import brute

from wannier_spin import AccuracyWarning, InputError, compute, models
from wannier_spin.units import BOLTZMANN

NAMES = ("displacement_spin_current", "displacement_spin_magnetization")
STATIC = {"displacement_spin_current": "spin_hall", "displacement_spin_magnetization": "intrinsic_spin_magnetization"}
MU, KT, N, SHIFT = 0.2, 0.3, 4, 0.3
MODEL = models.random_model(n=3, seed=37, periodic=(True, True, False))  # bands at least 1.5 eV apart
OMEGA = np.array([0.0, 0.1, 0.5, 1.0])
LOWEST, HIGHEST = 1.6, 8.0  # transitions of MODEL on the mesh lie in between


def run(omega, broadening=0.0, names=NAMES, model=MODEL, **options):
    options = {"mu": MU, "temperature": KT / BOLTZMANN, "shift": (SHIFT,) * 3, "degeneracy_tolerance": 1e-8} | options
    return compute(model, names, grid=(N, N, 1), omega=omega, broadening=broadening, **options)


def amplitude(omega, eta, observable):
    """R(w) = sum_{n != m} (-i)(v^b_nm O_mn)(f_n - f_m)/[eps_nm (eps_nm - w - i eta)], paper's order."""
    k = brute.mesh(MODEL, N, SHIFT)
    k[:, 2] = SHIFT
    b = brute.bands(MODEL, k)
    O, f = brute.observable(b, observable)[0], brute.fermi(b.e, MU, KT)  # noqa: E741
    total = 0
    for n in range(3):
        for m in range(3):
            if n != m:
                eps = b.e[:, n] - b.e[:, m]
                weight = -1j * (f[:, n] - f[:, m]) / (eps * (eps - omega - 1j * eta))
                total = total + np.einsum("k,kb,ko->bo", weight, b.v[:, :, n, m], O[:, :, m, n])
    return brute.paper_order(total / (len(k) * brute.cell_volume(MODEL)), observable)


@pytest.mark.parametrize("channel", ["spin", "charge"])
@pytest.mark.parametrize("eta", [0.0, 0.05, 0.7])
def test_causal_amplitude(channel, eta):
    """(6) + (7): R(w) is the static response plus cos + i sin part."""
    result = run(OMEGA, eta, channel=channel)
    for name, tensor in result.items():
        observable = tensor.output
        static = amplitude(0.0, 0.0, observable)
        assert np.abs(static).max() > 1e-3
        for i, omega in enumerate(OMEGA):
            expected = amplitude(omega, eta, observable) - static
            cosine, sine = tensor.values[0, 0, i]
            scale = max(np.abs(amplitude(1.0, eta, observable) - static).max(), 1e-3)
            assert np.abs(cosine + 1j * sine - expected).max() < 1e-12 * scale, (name, omega)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.parametrize("eta", [0.0, 0.2])
def test_fast_fields(eta):
    """Far above all transitions nothing follows: what is left of R vanishes like 1/w, so that cos tends to -(6)."""
    result = run([1e5], eta, names=[*NAMES, *STATIC.values()])
    for name in NAMES:
        static = result[STATIC[name]].values[0, 0]
        cosine, sine = result[name].values[0, 0, 0]
        assert np.abs(static).max() > 1e-3
        assert np.abs(cosine + static).max() < 1e-3 * np.abs(static).max()
        assert np.abs(sine).max() < 1e-3 * np.abs(static).max()


def test_static_limit():
    """Zero at w = 0; below, cos goes like w^2 and sin like w, and the sin part is odd in w."""
    result = run([0.0, 1e-3, 2e-3, -2e-3])
    for name in NAMES:
        zero, small, double, negative = result[name].values[0, 0]
        assert np.abs(zero).max() == 0
        assert np.abs(small[0]).max() > 1e-9
        assert np.abs(small[1]).max() > 1e-6
        # next orders: relative (w/gap)^2 = 2e-6
        assert np.abs(double[0] - 4 * small[0]).max() < 1e-5 * np.abs(double[0]).max()
        assert np.abs(double[1] - 2 * small[1]).max() < 1e-5 * np.abs(double[1]).max()
        assert np.abs(negative[0] - double[0]).max() < 1e-13 * np.abs(double[0]).max()
        assert np.abs(negative[1] + double[1]).max() < 1e-13 * np.abs(double[1]).max()


def test_broadening_to_zero():
    """Below the gap the parts are continuous in eta: (AC1, AC2) -> (cos, sin), the rest is linear in eta."""
    sharp = run(OMEGA)
    coarse, fine = (run(OMEGA, eta) for eta in (2e-4, 1e-4))
    for name in NAMES:
        exact = sharp[name].values
        scale = np.abs(exact).max()
        first, second = (np.abs(result[name].values - exact).max() for result in (coarse, fine))
        assert 1e-7 * scale < second < 1e-3 * scale
        assert first / second == pytest.approx(2, rel=1e-2, abs=0)


def test_above_the_gap():
    """Resonances: refused as accurate without broadening, finite with it."""
    with pytest.warns(AccuracyWarning, match="not below the lowest transition"):
        run([0.1, 4.0])
    result = run([4.0], 0.1)
    for name in NAMES:
        assert np.isfinite(result[name].values).all()
        assert np.abs(result[name].values).max() > 1e-3


def test_axes_and_frequencies():
    result = run(OMEGA, 0.1, mu=[0.1, MU], temperature=[2000, 3000, 4000])
    tensor = result["displacement_spin_current"]
    assert tensor.values.shape == (2, 3, len(OMEGA), 2, 3, 3, 3)
    assert tensor.axes == ("mu", "temperature", "omega", "part", "a", "b", "c")
    assert result["displacement_spin_magnetization"].values.shape == (2, 3, len(OMEGA), 2, 3, 3)
    one = run([OMEGA[2]], 0.1, temperature=3000)["displacement_spin_current"]
    assert np.abs(one.values).max() > 1e-4
    assert np.abs(tensor.values[1, 1, 2] - one.values[0, 0, 0]).max() < 1e-14
    assert np.array_equal(tensor.omega, OMEGA)


def test_filled_bands_do_nothing():
    """Full or empty: no transition is possible."""
    with pytest.warns(AccuracyWarning, match="outside of them the model has no states"):
        full = run(OMEGA, 0.1, mu=100.0)
    half = run(OMEGA, 0.1)
    for name in NAMES:
        assert np.abs(half[name].values).max() > 1e-3
        assert np.abs(full[name].values).max() < 1e-14 * np.abs(half[name].values).max() + 1e-16


def test_blocks_of_pairs():
    """Degenerate pairs: the same with every energy level, by P T only the magnetization's cos part survives."""
    model = models.pt_antiferromagnet()
    tensors = run([0.3], model=model)
    cosine, sine = tensors["displacement_spin_magnetization"].values[0, 0, 0]
    assert np.abs(cosine).max() > 1e-4
    assert np.abs(sine).max() < 1e-14
    split = replace(model, hamiltonian_R=model.hamiltonian_R + 1e-7 * np.diag([1, -1, 1, -1]) * origin(model)[:, None, None])
    near = run([0.3], model=split, degeneracy_tolerance=1e-5)["displacement_spin_magnetization"].values[0, 0, 0]
    assert np.abs(near - tensors["displacement_spin_magnetization"].values[0, 0, 0]).max() < 1e-5 * np.abs(cosine).max()


def origin(model):
    return (model.R_vectors == 0).all(axis=1)


def test_omega_is_needed():
    with pytest.raises(InputError, match="give omega"):
        run([])
    with pytest.raises(InputError, match="broadening = -0.1"):
        run([0.1], -0.1)
