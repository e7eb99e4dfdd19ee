"""Physical constants (CODATA 2018, exact since 2019 where possible) and the only place where SI units are made.

Inside the package hbar = e = 1, energies in eV, lengths in angstrom, so time is in hbar/eV. docs/theory.md, section 6:
a response of field order j is (lengths)^(p - d) (energies)^q in these units, tau counted as a power of 1/eV.
"""

from __future__ import annotations

from typing import Literal

HBAR = 6.582119569e-16  # eV s
BOLTZMANN = 8.617333262e-5  # eV/K
CONDUCTANCE_QUANTUM = 2.43413481e-4  # e^2/hbar, S
BOHR_MAGNETON = 5.7883818060e-5  # eV/T
ANGSTROM = 1e-10  # m
BOHR = 0.529177210903  # angstrom
FEMTOSECOND = 1e-15  # s

UnitSystem = Literal["natural", "SI"]
Output = Literal["spin_current", "spin", "charge_current"]
Drive = Literal["E", "grad T"]


def thermal_energy(temperature: float) -> float:
    """k_B T in eV, of a temperature in kelvin."""
    return BOLTZMANN * temperature


def natural_tau(tau_fs: float) -> float:
    """A relaxation time in fs as tau/hbar in 1/eV."""
    return tau_fs * FEMTOSECOND / HBAR


def si_factor(output: Output, field_order: int, dimension: int) -> float:
    """What a response without its tau^j, in eV and angstrom, is multiplied by to be in SI (docs/theory.md, section 6).

    The electric current carries the electron's charge -e, hence the minus sign.
    """
    lengths = field_order + (0 if output == "spin" else 1) - dimension
    prefactor = {"spin_current": CONDUCTANCE_QUANTUM, "spin": 1.0, "charge_current": -CONDUCTANCE_QUANTUM}[output]
    return float(prefactor * ANGSTROM**lengths)


def response_factor(output: Output, field_order: int, tau_power: int, dimension: int, units: UnitSystem, tau: float) -> float:
    """What a sum of blocks is multiplied by to be a response: tau^j in natural units (tau in hbar/eV), with SI units tau in fs."""
    if units == "natural":
        return float(tau) ** tau_power
    return float(si_factor(output, field_order, dimension) * natural_tau(tau) ** tau_power)


def unit_name(output: Output, field_order: int, dimension: int, units: UnitSystem, drive: Drive = "E") -> str:
    """The unit of a response as text, tau included. Driven by a temperature gradient it has V/K more."""
    if drive == "grad T":
        return _thermal_unit_name(output, dimension, units)
    field = "(V/m)" if field_order == 1 else f"(V/m)^{field_order}"
    if units == "SI":
        if output == "spin":
            return f"<sigma/2> {_power('m', -dimension)} per {field}"
        metres = _power("m", field_order + 1 - dimension)
        parts = ["(hbar/e)"] if output == "spin_current" else []
        parts += ["S", metres] if field_order == 1 else ["A", metres, f"V^-{field_order}"]
        return " ".join(part for part in parts if part)
    lengths = field_order + (0 if output == "spin" else 1) - dimension
    energies = -field_order + (1 if output != "spin" else 0)  # with tau in hbar/eV counted as 1/eV
    name = f"{_power('angstrom', lengths)} {_power('eV', energies)}".strip() or "1"
    return f"{name} (hbar = e = 1)"


def _thermal_unit_name(output: Output, dimension: int, units: UnitSystem) -> str:
    """The unit of a linear response to a temperature gradient."""
    if units == "natural":
        lengths = 1 + (0 if output == "spin" else 1) - dimension
        parts = [_power("angstrom", lengths), "" if output == "spin" else "eV", "K^-1"]
        return f"{' '.join(part for part in parts if part)} (hbar = e = 1)"
    if output == "spin":
        return f"<sigma/2> {_power('m', -dimension)} per (K/m)"
    parts = ["(hbar/e)" if output == "spin_current" else "", "A", _power("m", 2 - dimension), "K^-1"]
    return " ".join(part for part in parts if part)


def bulk_unit_factor(thickness: float) -> float:
    """1/thickness in 1/m, of a thickness in angstrom: what turns a sheet response into a bulk one."""
    return 1.0 / (thickness * ANGSTROM)


def magnetization_factor() -> float:
    """M/<sigma/2> in Bohr magnetons for electrons, M = -g mu_B <sigma/2> with g = 2."""
    return -2.0


def _power(unit: str, exponent: int) -> str:
    if exponent == 0:
        return ""
    return unit if exponent == 1 else f"{unit}^{exponent}"
