"""Responses against real-time propagation of the density matrix: see propagation.py. Nothing but rho_0 is shared.

The orders in the field come from +-E and +-2E, those in tau at second order from a fit of several tau. Fields point along
directions without any symmetry, so that all components of a tensor enter. A chain with position matrices has responses to
fields in all three directions, in its own and in those across (where there is no k, but a dipole).
"""

import numpy as np
import pytest
from responses.propagation import OBSERVABLES, Lattice

from wannier_spin import compute, models
from wannier_spin.units import BOLTZMANN

DIRECTIONS = np.array([[0.5, 0.6, -0.4], [-0.3, 0.8, 0.5]])
CHAIN = Lattice(models.random_model(n=3, seed=124, periodic=(False, True, False), decay=1.6), (1, 25, 1), mu=0.2, kT=0.5)
SHEET = Lattice(models.rashba_exchange(), (19, 19, 1), mu=0.3, kT=1.0)
# The meshes integrate to 2e-8 at these temperatures. Transitions lie between 1.8 and 4.5 eV (CHAIN), below 2.5 eV (SHEET).


def parts(J):
    """Coefficients of E^1 and E^2 from J at E, -E, 2E, -2E: the next orders are E^5 and E^6 (E = 1 in J's units)."""
    plus, minus, double, opposite = J
    odd, even = [(plus - minus) / 2, (double - opposite) / 2], [(plus + minus) / 2, (double + opposite) / 2]
    return (8 * odd[0] - odd[1]) / 6, (16 * even[0] - even[1]) / 12


def fields(E):
    return np.concatenate([sign * E * DIRECTIONS for sign in (1, -1, 2, -2)])


def computed(lattice, names, contract, **options):
    """Tensors of the spin current, the spin density and the charge current, contracted with DIRECTIONS: (direction, 15)."""
    common = {"grid": lattice.points, "mu": lattice.mu, "temperature": lattice.kT / BOLTZMANN, "degeneracy_tolerance": 1e-8}
    spin, charge = (compute(lattice.model, names, channel=c, **common, **options) for c in ("spin", "charge"))
    tensors = [contract(result[name]) for result, name in ((spin, names[0]), (spin, names[1]), (charge, names[0]))]
    return np.concatenate([tensor.reshape(len(DIRECTIONS), -1) for tensor in tensors], axis=1)


def assert_close(found, expected, tolerance):
    """Relative to the largest element of each observable."""
    start = 0
    for name, size in OBSERVABLES.items():
        one, other = found[:, start : start + size], expected[:, start : start + size]
        assert np.abs(other).max() > 1e-4, name
        assert np.abs(one - other).max() < tolerance * np.abs(other).max(), name
        start += size


def linear(lattice, omega, tau):
    """ac_spin_current, ac_spin_magnetization with the relaxation that is propagated: eta = 1/tau."""

    def contract(tensor):
        R = tensor.values[0, 0, 0, 0] + 1j * tensor.values[0, 0, 0, 1]
        return np.einsum("ab...,fb->fa...", R, DIRECTIONS)

    names = ["ac_spin_current", "ac_spin_magnetization"]
    return computed(lattice, names, contract, omega=[omega], broadening=1 / tau, tau=tau)


@pytest.mark.parametrize(("lattice", "tau"), [(CHAIN, 0.7), (CHAIN, 3.0), (SHEET, 0.5)], ids=["chain", "chain, slow", "sheet"])
def test_linear_response_to_a_static_field(lattice, tau):
    """Any tau: L0 + AC1 + AC2 at w = 0, eta = 1/tau, and tau (L1 + L1dir)."""
    E = 0.005 / tau
    J = lattice.static(fields(E), 1 / tau, 0.25, 25).reshape(4, 2, 15)
    assert_close(parts(J)[0] / E, linear(lattice, 0.0, tau), 1e-7)


@pytest.mark.parametrize(
    ("lattice", "tau", "omega"),
    [(CHAIN, 0.7, 0.6), (CHAIN, 0.7, 2.2), pytest.param(SHEET, 0.5, 2.2, marks=pytest.mark.slow)],
    ids=["chain", "chain, resonant", "sheet, resonant"],
)
def test_linear_response_to_an_alternating_field(lattice, tau, omega):
    """The complex amplitude below and among the transitions: eta = 1/tau between bands, tau/(1 - i w tau) within them."""
    E = 0.01
    steps = int(2 * np.pi / omega / 0.06)
    coarse, fine = (lattice.alternating(fields(E), omega, 1 / tau, n, 18).reshape(4, 2, 15) for n in (steps, 2 * steps))
    J = (16 * fine - coarse) / 15  # the error of the Runge-Kutta method is proportional to dt^4
    assert_close(parts(J)[0] / E, linear(lattice, omega, tau), 1e-6)


def test_second_order():
    """tau^2, tau^1, tau^0 with the relaxation model `constant`: x^2 J is a power series in x = 1/tau (|x| < smallest gap, 1.8).

    Nine coefficients from nine values of x. The one of x^2 carries 2e5 times what is not smooth in x of the errors: the same time
    steps for all x, and a mesh on which J at E = 0 is the same to 1e-12 wherever its origin is.
    """
    lattice, n = CHAIN, 9
    x = 0.28 - 0.22 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    rest = np.zeros((1, 3))
    J0 = lattice.means(rest, lattice.at(rest)[:, :, 0])
    rows = []
    for gamma in x:
        E = 0.02 * gamma
        coarse, fine = (lattice.static(fields(E), gamma, dt, 25).reshape(4, 2, 15) for dt in (0.4, 0.2))
        rows.append(parts((16 * fine - coarse) / 15 - J0)[1] * gamma**2 / E**2)
    orders = np.linalg.solve(np.vander(x, increasing=True), np.reshape(rows, (n, -1))).reshape(n, 2, 15)

    def contract(tensor):
        return np.einsum("abd...,fb,fd->fa...", tensor.values[0, 0], DIRECTIONS, DIRECTIONS)

    for kind, order, tolerance in zip(("drude", "extrinsic", "intrinsic"), orders, (2e-5, 5e-5, 5e-3), strict=False):
        names = [f"nonlinear_{kind}_spin_{output}" for output in ("current", "magnetization")]
        assert_close(order, computed(lattice, names, contract, relaxation="constant"), tolerance)
