"""Direct currents and magnetization in light, against the equation of motion itself.

The package moves the derivative to the observable, by parts, and sums over intermediate bands. Here the density matrix of first
order is made on a mesh in the Wannier basis, differentiated there as a Fourier series, and traced with the observable: nothing
is shared but the model.
"""

import numpy as np
import pytest
from responses import brute, propagation

from wannier_spin import InputError, compute, models
from wannier_spin.units import BOLTZMANN

NAMES = {
    "spin_current": ("injection_spin_current", "shift_spin_current"),
    "spin": ("injection_spin_magnetization", "shift_spin_magnetization"),
}
RANDOM = models.random_model(n=3, seed=37, periodic=(True, True, False))  # transitions between 1.6 and 8 eV
KRAMERS = models.pt_antiferromagnet()
INSULATOR = models.kane_mele(rashba=0.1, exchange=(0.1, 0.2, 0.3))
SAME = 1e-6  # eV: bands that are one block


ALL = (*NAMES["spin_current"], *NAMES["spin"])


def light(model, n, eta, omega, names=ALL, **options):
    options = {"mu": 0.2, "temperature": 0.3 / BOLTZMANN, "degeneracy_tolerance": SAME} | options
    return compute(model, names, grid=(n, n, 1), omega=omega, broadening=eta, **options)


def covariant_derivative(model, n, X):
    """d_d X - i [A_d, X] of a periodic X (k,n,m) on an n x n mesh, d_d by Fourier series: (d,k,n,m)."""
    R = np.fft.fftfreq(n, 1 / n)
    cells = np.stack(np.meshgrid(R, R, [0.0], indexing="ij"), axis=-1).reshape(-1, 3) @ model.lattice
    grid = X.reshape(n, n, *X.shape[1:])
    series = np.fft.fftn(grid, axes=(0, 1)).reshape(X.shape)  # X(k) = sum_R exp(2 pi i k.R) X_R
    A = np.moveaxis(brute.sums(model, brute.connection_R(model), brute.mesh(model, n)), -1, 0)
    found = []
    for d in range(3):
        slope = np.fft.ifftn((1j * cells[:, d, None, None] * series).reshape(grid.shape), axes=(0, 1)).reshape(X.shape)
        found.append(slope - 1j * brute.commutator(A[d], X))
    return np.array(found)


def slopes(model, n, mu, kT, omega, eta):
    """D_d rho1^b between bands, of the density matrix of first order: (b,d,k,n,m)."""
    b = brute.bands(model, brute.mesh(model, n))
    f = brute.fermi(b.e, mu, kT)
    eps = b.e[:, :, None] - b.e[:, None]
    apart = np.abs(eps) > SAME
    gap = np.where(apart, eps, 1.0)
    adjoint = b.U.conj().swapaxes(1, 2)
    found = []
    for field in range(3):
        r = -1j * b.v[:, field] / gap * apart
        rho = r * (f[:, :, None] - f[:, None]) / (gap - omega - 1j * eta)
        found.append(adjoint @ covariant_derivative(model, n, b.U @ rho @ adjoint) @ b.U)
    return np.array(found)


def amplitudes(model, n, name, rates, between):
    """int_k Tr[X D_d rho1^b] for X_NN = O_NN/rates[0] and X_nm = O_nm/(i eps_mn + rates[1]): two arrays (b,d,o).

    between : `slopes`.
    """
    b = brute.bands(model, brute.mesh(model, n))
    O = brute.observable(b, name)[0]  # noqa: E741
    eps = b.e[:, :, None] - b.e[:, None]
    apart = np.abs(eps) > SAME
    gap = np.where(apart, eps, 1.0)
    X = (O * ~apart[:, None] / rates[0], O * apart[:, None] / (rates[1] - 1j * gap)[:, None])  # X_mn rho_nm, eps_nm = -eps_mn
    total = np.array([np.einsum("komn,bdknm->bdo", part, between, optimize=True) for part in X])
    return total / (n * n * brute.cell_volume(model))


def parts(C):
    """sigma^L and sigma^C of <O> = Re[C^bd E_b E_d*]/2: (part,b,d,o)."""
    swapped = C.swapaxes(0, 1)
    return np.stack([(C + swapped).real / 4, -(C - swapped).imag / 4])


@pytest.mark.parametrize(("model", "n", "eta"), [(RANDOM, 64, 0.9), (KRAMERS, 76, 0.75)], ids=["random", "Kramers pairs"])
def test_equation_of_motion(model, n, eta):
    """Injection and shift of spins and charges, linear and circular, with resonances."""
    tau, omega = 7.0, (0.4, 2.5)
    between = [slopes(model, n, 0.2, 0.3, w, eta) for w in omega]
    for observable, channel in (("spin_current", "spin"), ("spin_current", "charge"), ("spin", "spin")):
        what = "charge_current" if channel == "charge" else observable
        result = light(model, n, eta, omega, NAMES[observable], tau=tau, channel=channel)
        largest = []
        for i, w in enumerate(omega):
            C = amplitudes(model, n, what, (1 / tau, 0.0), between[i])
            for name, amplitude in zip(NAMES[observable], C, strict=True):
                expected = np.stack([brute.paper_order(part, what) for part in parts(amplitude)])
                found = result[name].values[0, 0, i]
                assert found.shape == expected.shape
                largest.append(np.abs(expected).max(axis=tuple(range(1, expected.ndim))))
                assert np.abs(found - expected).max() < 1e-8 * np.abs(expected).max(), (channel, name, w)
        assert np.max(largest, axis=0).max() > 1e-3  # P*T leaves one of linear and circular
        assert model is KRAMERS or np.max(largest, axis=0).min() > 1e-4


@pytest.mark.parametrize("circular", [False, True], ids=["linear", "circular"])
def test_real_time(circular):
    """The density matrix of an insulator propagated in light, every matrix element relaxing with gamma: above, with the same rates.

    That the amplitudes with rates (tau, eta, 0) are ours is `test_equation_of_motion`.
    """
    gamma, omega, n, kT = 0.5, 3.0, 15, 0.02
    model = models.kane_mele(rashba=0.2, sublattice=2.0, exchange=(0.1, 0.2, 0.3))
    lattice = propagation.Lattice(model, (n, n, 1), 0.0, kT)
    small = 0.01 * np.array([[1, 1j if circular else 0.5, 0]])
    fields = np.concatenate([small, -small, 0 * small])
    plus, minus, without = lattice.rectified(fields, omega, gamma, 40, 20)
    found = ((plus + minus) / 2 - without) / 0.01**2
    product = np.einsum("b,d->bd", small[0], small[0].conj()) / 0.01**2
    start, between = 0, slopes(model, n, 0.0, kT, omega, gamma)
    for name, size in propagation.OBSERVABLES.items():
        linear, turning = parts(amplitudes(model, n, name, (gamma, gamma), between).sum(axis=0))
        expected = np.einsum("bdo,bd->o", linear, product.real) + np.einsum("bdo,bd->o", turning, product.imag)
        assert np.abs(expected).max() > 5e-4
        assert np.abs(found[start : start + size] - expected).max() < 2e-3 * np.abs(expected).max(), name
        start += size


@pytest.mark.parametrize("observable", NAMES)
def test_static_limit_of_an_insulator(observable):
    """S/2 with tau = 1/(2 eta), (S + P)/2 with 1/eta (every matrix element relaxes alike), (S - P)/2 without injection."""
    static = "nonlinear_intrinsic_spin_current" if observable == "spin_current" else "nonlinear_intrinsic_spin_magnetization"
    eta = 1e-7
    result = light(INSULATOR, 24, eta, [0.0], (*NAMES[observable], static), mu=0.0, temperature=100.0)
    injection, shift = (result[name] for name in NAMES[observable])
    S, P = (result[static].at(combination={name: 1}).values[0, 0] for name in "SP")
    assert min(np.abs(S).max(), np.abs(P).max()) > 1e-3
    for tau, expected in ((1 / (2 * eta), S), (1 / eta, S + P)):
        total = (injection.at(tau=tau).values + shift.values)[0, 0, 0]
        assert np.abs(total[0] - expected / 2).max() < 1e-6 * np.abs(S).max()
    assert np.abs(shift.values[0, 0, 0, 0] - (S - P) / 2).max() < 1e-6 * np.abs(S).max()


@pytest.mark.parametrize(("channel", "kept"), [("spin", {"INJ2", "SH1"}), ("charge", {"SH2"})])
def test_time_reversal(channel, kept):
    """With T linear injection and circular shift of spins, linear shift of the charge, whose circular injection C3v forbids."""
    result = light(
        models.kane_mele(rashba=0.1, sublattice=0.2),
        24,
        0.2,
        [2.0],
        NAMES["spin_current"],
        channel=channel,
        mu=0.0,
        temperature=300.0,
    )
    for name in NAMES["spin_current"]:
        for block, values in result[name].blocks.items():
            largest = np.abs(values[0, 0, 0]).reshape(2, -1).max(axis=1)
            if block in kept:
                assert largest.max() > 1e-3, block
                assert block != "INJ2" or largest[1] < 1e-12 < 1e-3 < largest[0]
            else:
                assert largest.max() < 1e-12, block


def test_symmetry_of_the_fields():
    """The linear part is symmetric in them and the circular one antisymmetric, in the full form as well."""
    for tensor in light(RANDOM, 8, 0.3, [0.5, 2.5]).values():
        assert tensor.form == "full"
        assert tensor.parts == ("linear", "circular")
        linear, circular = np.moveaxis(tensor.values, 3, 0)
        b = 4  # mu, T, omega, flow or spin, b, d
        assert min(np.abs(linear).max(), np.abs(circular).max()) > 1e-4
        assert np.abs(linear - linear.swapaxes(b, b + 1)).max() < 1e-13 * np.abs(linear).max()
        assert np.abs(circular + circular.swapaxes(b, b + 1)).max() < 1e-13 * np.abs(circular).max()
        with pytest.raises(InputError, match="only linear responses"):
            _ = tensor.reactive


def test_tau_and_units():
    """Injection is proportional to tau, shift does not depend on it."""
    injection, shift = (light(RANDOM, 6, 0.3, [2.5], tau=[1.0, 3.0])[name] for name in NAMES["spin_current"])
    assert np.abs(injection.over_tau[1] - 3 * injection.over_tau[0]).max() <= 1e-15 * np.abs(injection.over_tau).max()
    assert np.abs(shift.over_tau[1] - shift.over_tau[0]).max() == 0
    assert injection.at(units="SI").unit == shift.at(units="SI").unit == "(hbar/e) A m V^-2"
