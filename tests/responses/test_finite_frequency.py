"""Linear responses at finite frequency: the causal amplitude R(w) of docs/theory.md, section 3, and what follows from it."""

import numpy as np
import pytest
from responses import brute
from rounding import same

from wannier_spin import InputError, compute, load, models
from wannier_spin.units import BOLTZMANN, natural_tau

NAMES = ("ac_spin_current", "ac_spin_magnetization")
STATIC = {  # intraband, interband
    "ac_spin_current": ("magnetic_spin_hall", "spin_hall"),
    "ac_spin_magnetization": ("edelstein", "intrinsic_spin_magnetization"),
}
DISPLACEMENT = {"ac_spin_current": "displacement_spin_current", "ac_spin_magnetization": "displacement_spin_magnetization"}
INTERBAND = {"L0": 1, "AC1": 1, "AC2": 1}
MODEL = models.random_model(n=3, seed=37, periodic=(True, True, False))  # transitions between 1.6 and 8 eV on the mesh
MU, KT, N, SHIFT, TAU = 0.2, 0.3, 4, 0.3, 3.0
OMEGA = np.array([-0.7, 0.0, 0.4, 0.7, 2.5, 5.0])


def run(omega=OMEGA, eta=0.1, names=NAMES, model=MODEL, n=N, **options):
    options = {"mu": MU, "temperature": KT / BOLTZMANN, "shift": (SHIFT,) * 3, "degeneracy_tolerance": 1e-8, "tau": TAU} | options
    return compute(model, names, grid=(n, n, 1), omega=omega, broadening=eta, **options)


def amplitude(values):
    """cos + i sin part: (omega, tensor), at the only mu and T."""
    return values[0, 0, :, 0] + 1j * values[0, 0, :, 1]


def brute_force(omega, eta, tau, observable):
    """Both terms of R(w) by loops over pairs of bands, in another gauge: see brute.py."""
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
    interband = brute.paper_order(total / (len(k) * brute.cell_volume(MODEL)), observable)
    static = brute.responses(MODEL, k, MU, KT, observable)
    return interband + tau / (1 - 1j * omega * tau) * (static["L1"] + static["L1dir"])


@pytest.mark.parametrize("channel", ["spin", "charge"])
@pytest.mark.parametrize(("eta", "tau"), [(0.05, 3.0), (0.7, 0.5)])
def test_both_terms_by_brute_force(channel, eta, tau):
    for name, tensor in run(eta=eta, tau=tau, channel=channel).items():
        expected = np.array([brute_force(omega, eta, tau, tensor.output) for omega in OMEGA])
        assert np.abs(expected).max() > 1e-2
        assert np.abs(amplitude(tensor.values) - expected).max() < 1e-13 * np.abs(expected).max(), name


def test_static_limit():
    """At w = 0 without broadening: cos part = tau^0 + tau^1 of the static field, no sin part."""
    result = run([0.0], 0.0, names=[*NAMES, *sum(STATIC.values(), ())])
    for name in NAMES:
        cosine, sine = result[name].values[0, 0, 0]
        drude, intrinsic = (result[other].values[0, 0] for other in STATIC[name])
        assert min(np.abs(drude).max(), np.abs(intrinsic).max()) > 1e-2
        assert np.abs(cosine - drude - intrinsic).max() < 1e-14 * np.abs(cosine).max()
        assert np.abs(sine).max() < 1e-16


def test_below_the_gap():
    """Static intrinsic response + displacement term + Drude term."""
    omega = np.array([0.2, 1.0])
    result = run(omega, 0.0, names=[*NAMES, *DISPLACEMENT.values(), *sum(STATIC.values(), ())])
    for name in NAMES:
        drude, intrinsic = (result[other].values[0, 0] for other in STATIC[name])  # drude: with tau = TAU
        factor = (1 / (1 - 1j * omega * TAU)).reshape(-1, *(1,) * drude.ndim)
        expected = intrinsic + amplitude(result[DISPLACEMENT[name]].values) + factor * drude
        assert np.abs(amplitude(result[name].values) - expected).max() < 1e-14 * np.abs(expected).max()


def test_resonance():
    """H = sz + r (sin ky sx - sin kx sy): flat levels 2 eV apart and |v^x_nm|^2 = r^2 cos^2 kx, so that

    R_xx = i (r^2/2) z/(4 - z^2) in the charge channel, but for levels shifted by up to 2 r^2, which matters by 2 r^2/eta.
    """
    r = 1e-4
    model = models.rashba_exchange(t=0, t2=0, rashba=r, dresselhaus=0, exchange=(0, 0, 1))
    for eta in (0.02, 0.04):
        omega = np.array([0.5, 1.9, 2 - eta, 2, 2 + eta, 3])
        result = run(omega, eta, ["ac_spin_current"], model, n=8, mu=0, temperature=0, channel="charge")
        found = amplitude(result["ac_spin_current"].values)[:, 0, 0]
        z = omega + 1j * eta
        expected = 1j * r**2 / 2 * z / (4 - z**2)
        assert np.abs(found - expected).max() < 2 * r**2 / eta * np.abs(expected).max()
        assert -expected[3].real == pytest.approx(r**2 / 4 / eta, rel=1e-3, abs=0)  # resonant


@pytest.mark.parametrize("channel", ["spin", "charge"])
def test_kramers_kronig(channel):
    """R is analytic in the upper half plane and vanishes at infinity: Re R is the Hilbert transform of Im R.

    w = W tan(theta/2) maps the real axis on a circle and the upper half plane on its inside, and the principal values on the
    conjugate function: R(theta) has Fourier coefficients of one sign, and sum to 0 at w = infinity.
    """
    n, W = 1024, 6.0
    theta = 2 * np.pi * (np.arange(n) + 0.5) / n - np.pi
    for name, tensor in run(W * np.tan(theta / 2), 0.4, tau=1.5, channel=channel).items():
        R = amplitude(tensor.values)
        order = np.fft.fftfreq(n, 1 / n).reshape(-1, *(1,) * (R.ndim - 1))
        phase = np.exp(-1j * order * theta[0])
        imaginary = np.fft.fft(R.imag, axis=0) * phase
        # conjugate function: exp(i m theta) -> -i sgn(m) exp(i m theta); the constant from R(infinity) = 0, theta = pi
        coefficient = 1j * np.sign(order) * imaginary
        coefficient[0] = -(coefficient * np.exp(1j * np.pi * order))[1:].sum(axis=0)
        transformed = np.fft.ifft(coefficient / phase, axis=0)
        scale = np.abs(R.real).max()
        assert scale > 1e-2
        # the smallest exponent is that of the highest transition, 2 eta W/(W^2 + 8^2) n/2 = 24
        assert np.abs(transformed - R.real).max() < 1e-10 * scale, name


def test_negative_frequencies():
    """A real field gives a real response: R(-w) is the conjugate of R(w)."""
    for tensor in run().values():
        R = amplitude(tensor.values)
        assert OMEGA[0] == -OMEGA[3]
        assert np.abs(R[0].imag).max() > 1e-3
        assert np.abs(R[0] - R[3].conj()).max() < 1e-14 * np.abs(R).max()


@pytest.mark.parametrize("channel", ["spin", "charge"])
@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # far above the transitions without broadening: no resonance
def test_fast_fields(channel):
    """Free acceleration far above all transitions: R -> -(i/w) sum f <D_b O>, the f-sum rule (n/m of the charge).

    Interband term and Drude peak cancel but for the direct term; the next order is 1/w^2.
    """
    omega = 1e5
    for name, tensor in run([omega], 0.0, channel=channel).items():
        expected = 1j / omega * tensor.blocks["L1dir"][0, 0]
        assert np.abs(expected).max() > 1e-2 / omega
        assert np.abs(amplitude(tensor.values)[0] - expected).max() < 20 / omega * np.abs(expected).max(), name


def test_absorption_is_positive():
    """Charge channel: the field does work on the electrons at any frequency. j = -e<v>, so Re sigma = -Re R must be positive
    definite; each pair of bands does so, and the Fermi-surface form of the Drude term."""
    omega = np.linspace(0, 9, 50)
    tensor = run(omega, 0.1, ["ac_spin_current"], channel="charge", blocks=("L1surf",))["ac_spin_current"]
    for blocks in (INTERBAND, {"L1surf": 1}):
        sigma = -tensor.at(combination=blocks).values[0, 0, :, 0, :2, :2]
        lowest = np.linalg.eigvalsh((sigma + sigma.swapaxes(1, 2)) / 2)[:, 0]
        assert (lowest > 0).all()
        assert lowest.max() > 1e-2


def test_reactive_and_absorptive_parts():
    """Reactive: cos of L0 + AC1, sin of AC2 and Drude. Absorptive: the rest, which vanishes with eta in an insulator."""
    tensor = run()["ac_spin_current"]
    one, two = (tensor.at(combination=dict.fromkeys(names, 1)).values for names in (("L0", "AC1"), ("AC2", "L1", "L1dir")))
    reactive, absorptive = tensor.reactive, tensor.absorptive
    scale = np.abs(tensor.values).max()
    assert reactive.shape == absorptive.shape == tensor.values.shape
    for found, cosine, sine in ((reactive, one, two), (absorptive, two, one)):
        assert min(np.abs(cosine[:, :, :, 0]).max(), np.abs(sine[:, :, :, 1]).max()) > 1e-2
        assert np.abs(found[:, :, :, 0] - cosine[:, :, :, 0]).max() < 1e-15 * scale
        assert np.abs(found[:, :, :, 1] - sine[:, :, :, 1]).max() < 1e-15 * scale
    sharp = run([0.4], 0.0)["ac_spin_current"].at(combination=INTERBAND)  # below the gap, interband: nothing absorbed
    assert np.abs(sharp.reactive).max() > 1e-2
    assert np.abs(sharp.absorptive).max() < 1e-16
    with pytest.raises(InputError, match="'spin_hall' is a static response"):
        _ = run((), 0.0, ["spin_hall"])["spin_hall"].reactive


def test_tau_units_and_files(tmp_path):
    """Arithmetic on a finished result, also on one read back: the Drude factor follows tau, in either unit."""
    result = run(tau=[TAU, 7.0])
    for name, again in load(result.save(tmp_path / "out.h5")).items():
        tensor = result[name]
        assert tensor.axes[2:4] == ("omega", "part")
        assert tensor.blocks["L1"].ndim == tensor.values.ndim - 2
        assert np.array_equal(again.values, tensor.values)
        assert same(again.reactive, tensor.reactive)
        drude = tensor.blocks["L1"][0, 0] + tensor.blocks["L1dir"][0, 0]
        weight = (7 / (1 - 7j * OMEGA)).reshape(-1, *(1,) * drude.ndim)
        expected = amplitude(tensor.at(combination=INTERBAND).values) + weight * drude
        assert np.abs(amplitude(again.at(tau=7.0).values) - expected).max() < 1e-14 * np.abs(expected).max()
        assert same(again.over_tau[1], tensor.at(tau=7.0).values)
        si = again.at(units="SI")
        assert natural_tau(si.tau[0]) == pytest.approx(TAU)
        back = si.at(units="natural").values
        assert np.abs(back - tensor.values).max() < 1e-13 * np.abs(tensor.values).max()
        factor = si.values[0, 0, 0, 0].ravel()[0] / tensor.values[0, 0, 0, 0].ravel()[0]
        assert np.abs(si.values - factor * tensor.values).max() < 1e-12 * np.abs(si.values).max()
        assert np.isfinite(tensor.error).all()
        assert np.abs(tensor.error).max() > 0


def test_forms():
    """The paper's form lacks the direct part of the Drude term only; static relaxation has no tau at all."""
    tensor = run()["ac_spin_current"]
    missing = amplitude(tensor.values - tensor.at(form="paper").values)
    weight = (TAU / (1 - 1j * TAU * OMEGA)).reshape(-1, 1, 1, 1)
    expected = weight * tensor.blocks["L1dir"][0, 0]
    assert np.abs(expected).max() > 1e-2
    assert np.abs(missing - expected).max() < 1e-14 * np.abs(expected).max()
    with pytest.raises(InputError, match="'static' has no terms with tau: leave out ac_spin_current"):
        run(names=["ac_spin_current"], relaxation="static")
    with pytest.raises(InputError, match="give omega"):
        run([])


def test_sea_and_surface_form_of_the_drude_term():
    """L1surf may be asked for, and replaces L1 + L1dir on a converged mesh."""
    tensor = run([0.5], 0.1, n=60, blocks=("L1surf",), names=["ac_spin_current"])["ac_spin_current"]
    surface = tensor.at(combination={**INTERBAND, "L1surf": 1})
    scale = np.abs(tensor.values).max()
    assert np.abs(tensor.values - tensor.at(combination=INTERBAND).values).max() > 0.1 * scale
    assert np.abs(surface.values - tensor.values).max() < 1e-13 * scale
