"""SI units: docs/theory.md, section 6, by independent dimensional arithmetic, and by rescaling a model."""

from dataclasses import replace

import numpy as np
import pytest

from wannier_spin import compute, models, units
from wannier_spin.observables import get
from wannier_spin.responses import RESPONSES

# CODATA 2018
E_CHARGE, HBAR_J, K_B, M_E = 1.602176634e-19, 1.054571817646e-34, 1.380649e-23, 9.1093837015e-31
BOHR_M, HARTREE_EV = 5.29177210903e-11, 27.211386245988
ATOMIC_CURRENT = E_CHARGE * HARTREE_EV * E_CHARGE / HBAR_J  # e E_h/hbar, A
ATOMIC_FIELD = HARTREE_EV / BOHR_M  # E_h/(e a_0), V/m


def test_constants():
    """Ten digits, as they are given."""
    assert pytest.approx(HBAR_J / E_CHARGE, rel=2e-10, abs=0) == units.HBAR
    assert pytest.approx(K_B / E_CHARGE, rel=2e-10, abs=0) == units.BOLTZMANN
    assert pytest.approx(E_CHARGE**2 / HBAR_J, rel=3e-9, abs=0) == units.CONDUCTANCE_QUANTUM
    assert pytest.approx(E_CHARGE * HBAR_J / (2 * M_E) / E_CHARGE, rel=1e-9, abs=0) == units.BOHR_MAGNETON
    assert pytest.approx(BOHR_M * 1e10, rel=1e-12, abs=0) == units.BOHR
    assert pytest.approx(M_E * E_CHARGE / HBAR_J**2 * 1e-20, rel=1e-9, abs=0) == units.ELECTRON_MASS
    assert units.natural_tau(1.0) == pytest.approx(1 / 0.6582119569, rel=1e-10, abs=0)
    assert units.thermal_energy(300) == pytest.approx(0.025851999786, abs=0)


# In numbers of J, s, m, C: the SI value of one natural unit (energies eV, lengths angstrom, times hbar/eV), without tau.
# Spin current: hbar/2 x Pauli per time and area, quoted in hbar/e: times e. A field of one natural unit: eV/(e angstrom).
NATURAL = {
    "charge_current": lambda d: -E_CHARGE * (E_CHARGE / HBAR_J) / 1e-10 ** (d - 1),  # -e per (hbar/eV) and length^(d-1)
    "spin_current": lambda d: E_CHARGE * (E_CHARGE / HBAR_J) / 1e-10 ** (d - 1),
    "spin": lambda d: 1 / 1e-10**d,
}


@pytest.mark.parametrize("output", NATURAL)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_si_factors(output, order, d):
    """response = quantity/field^order, all that is not tau: eV, angstrom and hbar = e = 1."""
    expected = NATURAL[output](d) / (1 / 1e-10) ** order  # a field of 1 eV/(e angstrom) = 1e10 V/m
    assert units.si_factor(get(output).measure, order, d) == pytest.approx(expected, rel=3e-9, abs=0)


TABLE = [  # section 6: quantity, tau power, exponents of eV and m, and the factor's power of G0
    ("spin_current", 1, 0, lambda j, d: (0, 2 - d), 1),
    ("spin_current", 1, 1, lambda j, d: (1, 2 - d), 1),
    ("spin_current", 2, 0, lambda j, d: (j - 1, 3 - d), 1),
    ("spin_current", 2, 1, lambda j, d: (j - 1, 3 - d), 1),
    ("spin_current", 2, 2, lambda j, d: (j - 1, 3 - d), 1),
    ("spin", 1, 0, lambda j, d: (j - 1, 1 - d), 0),
    ("spin", 1, 1, lambda j, d: (j - 1, 1 - d), 0),
    ("spin", 2, 0, lambda j, d: (j - 2, 2 - d), 0),
    ("spin", 2, 1, lambda j, d: (j - 2, 2 - d), 0),
    ("spin", 2, 2, lambda j, d: (j - 2, 2 - d), 0),
]


@pytest.mark.parametrize(("output", "order", "j", "exponents", "conductances"), TABLE)
@pytest.mark.parametrize("d", [2, 3])
def test_table_of_the_specification(output, order, j, exponents, conductances, d):
    energy, length = exponents(j, d)
    name = units.unit_name(get(output).measure, order, d, "natural").replace(" (hbar = e = 1)", "")
    parts = dict(part.partition("^")[::2] for part in name.split() if part != "1")
    powers = {unit: int(power or 1) for unit, power in parts.items()}
    # tau, counted as 1/eV, is included in the name
    assert powers.get("eV", 0) == energy - j
    assert powers.get("angstrom", 0) == length
    assert units.si_factor(get(output).measure, order, d) == pytest.approx(
        units.CONDUCTANCE_QUANTUM**conductances * 1e-10**length, rel=1e-14, abs=0
    )


@pytest.mark.parametrize(
    ("output", "order", "d", "name"),
    [
        ("spin_current", 1, 3, "(hbar/e) S m^-1"),
        ("spin_current", 1, 2, "(hbar/e) S"),
        ("spin_current", 2, 3, "(hbar/e) A V^-2"),
        ("spin_current", 2, 2, "(hbar/e) A m V^-2"),
        ("charge_current", 1, 3, "S m^-1"),
        ("spin", 1, 3, "<sigma/2> m^-3 per (V/m)"),
        ("spin", 2, 2, "<sigma/2> m^-2 per (V/m)^2"),
    ],
)
def test_names_in_si(output, order, d, name):
    assert units.unit_name(get(output).measure, order, d, "SI") == name


@pytest.mark.parametrize(
    ("output", "d", "SI", "natural"),
    [
        ("spin_current", 3, "(hbar/e) A m^-1 K^-1", "angstrom^-1 eV K^-1 (hbar = e = 1)"),
        ("charge_current", 2, "A K^-1", "eV K^-1 (hbar = e = 1)"),
        ("spin", 3, "<sigma/2> m^-3 per (K/m)", "angstrom^-2 K^-1 (hbar = e = 1)"),
    ],
)
def test_names_of_what_a_gradient_drives(output, d, SI, natural):
    measure = get(output).measure
    assert units.unit_name(measure, 1, d, "SI", "grad T") == SI
    assert units.unit_name(measure, 1, d, "natural", "grad T") == natural


# A crystal in two systems of units

ATOMIC = {"energy": HARTREE_EV, "length": BOHR_M * 1e10}  # eV, angstrom


def in_atomic_units(model):
    """The same crystal with its numbers in Hartree and bohr."""
    length = ATOMIC["length"]
    return replace(
        model,
        lattice=model.lattice / length,
        hamiltonian_R=model.hamiltonian_R / ATOMIC["energy"],
        position_R=None if model.position_R is None else model.position_R / length,
        centres=model.centres / length,
    )


SHEET = models.random_model(n=3, seed=37, periodic=(True, True, False))
CRYSTAL = models.random_model(n=3, seed=10, decay=1.6)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes: an identity
@pytest.mark.parametrize(("model", "d"), [(SHEET, 2), (CRYSTAL, 3)])
@pytest.mark.parametrize("channel", ["spin", "charge"])
def test_electronvolts_and_hartrees_agree(model, d, channel):
    """The numbers of one system, taken to SI by `units`; of the other, by atomic units of current, field and length."""
    mu, T, omega, eta, tau = 0.2, 3000.0, 0.3, 0.1, 50.0  # eV, K, eV, eV, fs
    grid = (4, 4, 1) if d == 2 else (4, 4, 4)
    si = compute(model, "all", grid=grid, mu=mu, temperature=T, omega=omega, broadening=eta, tau=tau, units="SI", channel=channel)
    energy = ATOMIC["energy"]
    atomic = compute(
        in_atomic_units(model),
        "all",
        grid=grid,
        mu=mu / energy,
        temperature=T / energy,
        omega=omega / energy,
        broadening=eta / energy,
        tau=tau * 1e-15 / (HBAR_J / (HARTREE_EV * E_CHARGE)),
        degeneracy_tolerance=5e-4 / energy,
        channel=channel,
    )
    for name, tensor in si.items():
        order = RESPONSES[name].tensor.field_order
        unit = {
            "spin": BOHR_M**-d,  # <sigma/2> per volume
            "spin_current": ATOMIC_CURRENT / BOHR_M ** (d - 1),
            "charge_current": -ATOMIC_CURRENT / BOHR_M ** (d - 1),
            "orbital_moment": BOHR_M**-d / units.ELECTRON_MASS,  # the mass is 1 in these units, and is not told
            "orbital_current": ATOMIC_CURRENT / BOHR_M ** (d - 1) / units.ELECTRON_MASS,
        }[tensor.output]
        expected = atomic[name].values * unit / ATOMIC_FIELD**order
        scale = np.abs(expected).max()
        assert scale > 0
        # the digits of e^2/hbar (nine), and of hbar to the second power
        assert np.abs(tensor.values - expected).max() < 5e-9 * scale, name


def test_bulk_and_magnetization():
    assert units.bulk_unit_factor(3.35) == pytest.approx(1 / 3.35e-10, rel=1e-12, abs=0)
    assert get("spin").measure.magnetons == -2.0
    assert get("spin_current").measure.magnetons is None
