"""Physical constants (CODATA 2018, exact since 2019 where possible) and the only place where SI units are made.

Inside the package hbar = e = 1, energies in eV, lengths in angstrom, so time is in hbar/eV. docs/theory.md, section 6:
a response of field order j is (lengths)^(p - d) (energies)^q in these units, tau counted as a power of 1/eV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HBAR = 6.582119569e-16  # eV s
BOLTZMANN = 8.617333262e-5  # eV/K
CONDUCTANCE_QUANTUM = 2.43413481e-4  # e^2/hbar, S
BOHR_MAGNETON = 5.7883818060e-5  # eV/T
ELECTRON_MASS = 0.5 / 3.80998211616  # m_e/hbar^2, 1/(eV angstrom^2)
ANGSTROM = 1e-10  # m
BOHR = 0.529177210903  # angstrom
FEMTOSECOND = 1e-15  # s

UnitSystem = Literal["natural", "SI"]
Drive = Literal["E", "grad T"]


@dataclass(frozen=True)
class Measure:
    """What an observable is counted in, of its density.

    length, rate : powers of a length and of 1/time in it; a current has both, a rate is an energy with hbar = 1.
    unit : of what is counted, in SI. charge : what the number is multiplied by in SI besides, -1 for electrons. magnetons : Bohr
    magnetons of the magnetic moment that goes with one unit, None where it has none.
    """

    length: int = 0
    rate: int = 0
    unit: str = ""
    charge: float = 1.0
    magnetons: float | None = None


def thermal_energy(temperature: float) -> float:
    """k_B T in eV, of a temperature in kelvin."""
    return BOLTZMANN * temperature


def natural_tau(tau_fs: float) -> float:
    """A relaxation time in fs as tau/hbar in 1/eV."""
    return tau_fs * FEMTOSECOND / HBAR


def si_factor(output: Measure, field_order: int, dimension: int) -> float:
    """What a response without its tau^j, in eV and angstrom, is multiplied by to be in SI (docs/theory.md, section 6).

    e^2/hbar for a rate: (hbar/e) A is hbar/s. The electric current carries the electron's charge -e, hence its minus sign.
    """
    lengths = field_order + output.length - dimension
    prefactor = output.charge * (CONDUCTANCE_QUANTUM if output.rate else 1.0)
    return float(prefactor * ANGSTROM**lengths)


def response_factor(output: Measure, field_order: int, tau_power: int, dimension: int, units: UnitSystem, tau: float) -> float:
    """What a sum of blocks is multiplied by to be a response: tau^j in natural units (tau in hbar/eV), with SI units tau in fs."""
    if units == "natural":
        return float(tau) ** tau_power
    return float(si_factor(output, field_order, dimension) * natural_tau(tau) ** tau_power)


def unit_name(output: Measure, field_order: int, dimension: int, units: UnitSystem, drive: Drive = "E") -> str:
    """The unit of a response as text, tau included. Driven by a temperature gradient it has V/K more."""
    if drive == "grad T":
        return _thermal_unit_name(output, dimension, units)
    lengths = field_order + output.length - dimension
    if units == "natural":  # with tau in hbar/eV counted as 1/eV
        name = f"{_power('angstrom', lengths)} {_power('eV', output.rate - field_order)}".strip() or "1"
        return f"{name} (hbar = e = 1)"
    if not output.rate:
        field = "(V/m)" if field_order == 1 else f"(V/m)^{field_order}"
        return f"{_density(output, dimension)} per {field}"
    conductance = ["S", _power("m", lengths)] if field_order == 1 else ["A", _power("m", lengths), f"V^-{field_order}"]
    return " ".join(part for part in (output.unit, *conductance) if part)


def _thermal_unit_name(output: Measure, dimension: int, units: UnitSystem) -> str:
    """The unit of a linear response to a temperature gradient."""
    lengths = 1 + output.length - dimension
    if units == "natural":
        parts = [_power("angstrom", lengths), "eV" if output.rate else "", "K^-1"]
        return f"{' '.join(part for part in parts if part)} (hbar = e = 1)"
    if not output.rate:
        return f"{_density(output, dimension)} per (K/m)"
    return " ".join(part for part in (output.unit, "A", _power("m", lengths), "K^-1") if part)


def _density(output: Measure, dimension: int) -> str:
    return " ".join(part for part in (output.unit, _power("m", output.length - dimension)) if part)


def bulk_unit_factor(thickness: float) -> float:
    """1/thickness in 1/m, of a thickness in angstrom: what turns a sheet response into a bulk one."""
    return 1.0 / (thickness * ANGSTROM)


def _power(unit: str, exponent: int) -> str:
    if exponent == 0:
        return ""
    return unit if exponent == 1 else f"{unit}^{exponent}"
