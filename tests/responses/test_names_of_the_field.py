"""The table "What is it called here?" of docs/howto.md against what is known of the effects that it names, in SI units.

Anomalous Hall, Drude, Berry curvature dipole, shift and injection currents: tests/cross_code, against wannierberri.
"""

import numpy as np
import pytest

from wannier_spin import TightBindingModel, Tolerance, compute, kp_model, models
from wannier_spin.integrals.algorithm import Control, Round
from wannier_spin.units import BOLTZMANN, CONDUCTANCE_QUANTUM, FEMTOSECOND, HBAR

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")


def graphene(hopping: float) -> TightBindingModel:
    """Two sites with spin, nearest neighbours, eV."""
    lattice = np.array([[2.46, 0, 0], [1.23, 2.46 * np.sqrt(0.75), 0], [0, 0, 10]])
    R = np.array([(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)])
    H = np.zeros((5, 2, 2))
    H[[0, 2, 4], 0, 1] = H[[0, 1, 3], 1, 0] = -hopping
    spin = np.zeros((5, 4, 4, 3))
    spin[0, :, :, 2] = np.diag([1, -1, 1, -1])
    centres = np.zeros((4, 3))
    centres[2:] = (lattice[0] + lattice[1]) / 3
    return TightBindingModel(lattice, R, np.kron(H, np.eye(2)), spin_R=spin, centres=centres, periodic=(True, True, False))


def test_optical_conductivity() -> None:
    """Graphene absorbs by e^2/(4 hbar) (1 + w^2/(36 t^2)), whatever the frequency: the cos part of the current."""
    t, omega = 2.7, np.array([0.8, 1.2])
    options = {"grid": (150, 150, 1), "mu": 0.0, "temperature": 300, "units": "SI", "channel": "charge"}
    found = compute(graphene(t), "ac_spin_current", omega=omega, broadening=0.2, **options)["ac_spin_current"]
    cosine, sine = found.values[0, 0, :, 0], found.values[0, 0, :, 1]
    known = CONDUCTANCE_QUANTUM / 4 * (1 + omega**2 / (36 * t**2))
    assert found.unit == "S"
    for a in (0, 1):
        np.testing.assert_allclose(cosine[:, a, a], known, rtol=0.03)  # a width of 0.2 eV; the mesh resolves it
    assert np.abs(sine).max() < 0.05 * known[0]  # interband: none, but for the bands' finite width
    assert np.abs(cosine[:, 0, 1]).max() < 1e-9 * known[0]


def test_nonlinear_drude() -> None:
    """-e^3 tau^2/hbar^3 sum f d^3 E/dk^3 with one tau for all orders of the distribution; half of it where the field is switched
    on slowly, which is the default.
    """
    a, c, T, mu, tau, edge = 10.0, 1.0, 300.0, 0.3, 10e-15, 0.35
    model = kp_model("a*k2 + c*kx^3", parameters={"a": a, "c": c}, dimension=2, cutoff=edge)
    options = {"mu": mu, "temperature": T, "tau": 10.0, "units": "SI", "channel": "charge", "grid": (8, 12)}
    found = compute(model, ["nonlinear_drude_spin_current", "magnetic_spin_hall"], relaxation="constant", **options)
    k = (np.arange(600) + 0.5) / 300 * edge - edge
    kx, ky = np.meshgrid(k, k, indexing="ij")
    filled = (kx**2 + ky**2 < edge**2) / (np.exp((a * (kx**2 + ky**2) + c * kx**3 - mu) / (BOLTZMANN * T)) + 1)
    states = 2 * filled / (600 * np.pi / edge) ** 2 * 1e20  # of both spins, 1/m^2
    third = -CONDUCTANCE_QUANTUM * (tau / HBAR) ** 2 * (states * 6 * c).sum() * 1e-30
    drude = CONDUCTANCE_QUANTUM * tau / HBAR * (states * (2 * a + 6 * c * kx)).sum() * 1e-20
    tensor = found["nonlinear_drude_spin_current"]
    assert tensor.values[0, 0, 0, 0, 0] == pytest.approx(third, rel=1e-3, abs=0)
    assert tensor.at(relaxation="adiabatic").values[0, 0, 0, 0, 0] == pytest.approx(third / 2, rel=1e-3, abs=0)
    assert found["magnetic_spin_hall"].values[0, 0, 0, 0] == pytest.approx(drude, rel=1e-3, abs=0)


def test_spins_of_torques() -> None:
    """That of the field-like torque, z x E, does not turn with the moments m; that of the antidamping torque, m x (z x E), does."""
    names, field_like, damping = ["edelstein", "intrinsic_spin_magnetization"], {}, {}
    for m in ((0.0, 0.0, 0.1), (0.0, 0.0, -0.1), (0.1, 0.0, 0.0)):
        sheet = models.rashba_exchange(exchange=m, dresselhaus=0.0)
        found = compute(sheet, names, mu=-3.0, temperature=600, grid=(24, 24, 1))
        field_like[m], damping[m] = (found[name].values[0, 0, :, 0] for name in names)  # E along x
    up, down, along = field_like
    for m in field_like:
        assert abs(field_like[m][1]) > 5 * np.abs(field_like[m][[0, 2]]).max()
        direction = np.cross(np.sign(m), [0, 1, 0])
        assert abs(damping[m] @ direction) > 2 * np.linalg.norm(damping[m] - damping[m] @ direction * direction)
    np.testing.assert_allclose(field_like[up], field_like[down], atol=1e-9)
    np.testing.assert_allclose(damping[up], -damping[down], atol=1e-9)


def test_antidamping_spin_of_a_surface_state() -> None:
    """Garate and Franz (2010): H = v (k x s)_z + D sz with mu in the gap; the spin is the half-quantized Hall current over v."""
    v, D, edge = 2.0, 0.04, 3.0
    model = kp_model("v*(kx*sy - ky*sx) + D*sz", parameters={"v": v, "D": D}, dimension=2, cutoff=edge)
    found = compute(model, "intrinsic_spin_magnetization", mu=0.0, temperature=20, tolerance=1e-3)["intrinsic_spin_magnetization"]
    known = (1 - D / np.hypot(D, v * edge)) / (8 * np.pi * v)
    np.testing.assert_allclose(found.values[0, 0], known * np.diag([1, 1, 0]), atol=2e-3 * known)


@pytest.mark.parametrize("start", [None, 4])  # meshes, boxes
def test_a_tolerance_for_the_charge(start: int | None) -> None:
    """The unit of the electric current has the sign of the electron's charge: no error is negative for that, and within any
    tolerance.
    """
    reached: list[Round] = []
    control = Control(report=reached.append)
    names = ["magnetic_spin_hall", "spin_hall"]
    options = {"mu": [-3.0, -2.5], "temperature": 1000, "tolerance": Tolerance(0.005, start=start), "channel": "charge"}
    model = models.rashba_exchange(exchange=(0.1, 0.2, 0.3))
    natural = compute(model, names, tau=10 * FEMTOSECOND / HBAR, **options)
    found = compute(model, names, units="SI", tau=10.0, control=control, **options)
    assert min(min(one.excess.values()) for one in reached) > 0
    assert max(reached[0].excess.values()) > 1  # it took more than one round
    assert found.facts.k_points == natural.facts.k_points
    for name, tensor in found.items():
        factor = tensor.values.ravel()[0] / natural[name].values.ravel()[0]
        assert factor < 0
        np.testing.assert_allclose(tensor.values, factor * natural[name].values, rtol=1e-9, atol=1e-9 * np.abs(tensor.values).max())
        np.testing.assert_allclose(tensor.error, -factor * natural[name].error, rtol=1e-9)
        assert tensor.converged and tensor.error.max() < 0.005 * np.abs(tensor.values).max()
