"""What is measured: rows of a table, each one call of `compute`, with what wannierberri does instead where it has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from wannierberri.calculators import dynamic, static

import wannier_spin as ws

TEN = (
    "spin_hall",
    "intrinsic_spin_magnetization",
    "magnetic_spin_hall",
    "edelstein",
    "nonlinear_drude_spin_current",
    "nonlinear_drude_spin_magnetization",
    "nonlinear_extrinsic_spin_current",
    "nonlinear_extrinsic_spin_magnetization",
    "nonlinear_intrinsic_spin_current",
    "nonlinear_intrinsic_spin_magnetization",
)
BROADENING, KT = 0.05, 0.0258  # eV
Calculators = Callable[[float], Mapping[str, Any]]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    options : keywords of `compute`, mu relative to the Fermi energy. goal : in eigh, of a model of 18 functions. peer : its
    calculators in wannierberri, made with the Fermi energy. symmetric : with the group of the structure. heavy : fewer points are
    enough.
    """

    name: str
    responses: tuple[str, ...]
    options: Mapping[str, Any]
    goal: float | None = None
    peer: Calculators | None = None
    symmetric: bool = False
    heavy: bool = False


def scan(points: int) -> np.ndarray:
    """Chemical potentials about the Fermi energy, eV."""
    return np.linspace(-1.0, 1.0, points)


def _spin_hall(kind: str) -> Calculators:
    return lambda fermi: {"shc": static.SHC(Efermi=fermi + scan(100), kwargs_formula={"spin_current_type": kind})}


def _ten(fermi: float) -> dict[str, Any]:
    """The three of the ten that are there."""
    mu = fermi + scan(200)
    return {
        "shc": static.SHC(Efermi=mu, kwargs_formula={"spin_current_type": "simple"}),
        "gme": static.GME_spin_FermiSea(Efermi=mu),
        "bcd": static.BerryDipole_FermiSea(Efermi=mu),
    }


def _edelstein(fermi: float) -> dict[str, Any]:
    return {"gme": static.GME_spin_FermiSea(Efermi=fermi + scan(100))}


def _frequencies(kind: str, points: int) -> Calculators:
    def made(fermi: float) -> dict[str, Any]:
        options = {"Efermi": np.array([fermi]), "omega": omegas(points), "kBT": KT, "smr_fixed_width": BROADENING}
        if kind == "shc":
            return {kind: dynamic.SHC(SHC_type="simple", smr_type="Lorentzian", **options)}
        return {kind: dynamic.ShiftCurrent(sc_eta=0.04, **options) if kind == "shift" else dynamic.InjectionCurrent(**options)}

    return made


def omegas(points: int) -> np.ndarray:
    """Frequencies, eV."""
    return np.linspace(0.05, 5.0, points)


def _in_light(points: int) -> dict[str, Any]:
    return {"mu": 0.0, "temperature": 300, "omega": omegas(points), "broadening": BROADENING}


_HALL = {"mu": scan(100), "temperature": 300}
_STATIC = {"mu": scan(200), "temperature": [100, 200, 300]}
ROWS = (
    Row("spin Hall, 27 components, 100 mu", ("spin_hall",), _HALL, 3.5, _spin_hall("simple")),
    Row("spin Hall with the group", ("spin_hall",), _HALL, 3, symmetric=True),
    Row("spin Hall, 1000 mu", ("spin_hall",), {"mu": scan(1000), "temperature": 300}),
    Row("spin Hall, spin current of Ryoo", ("spin_hall",), {**_HALL, "spin_current": "ryoo"}, 6, _spin_hall("ryoo")),
    Row("Edelstein, 100 mu", ("edelstein",), _HALL, 4, _edelstein),
    Row("ten static, full form, 200 mu x 3 T", TEN, _STATIC, 18, _ten, heavy=True),
    Row("ten static, printed form", TEN, {**_STATIC, "form": "paper"}, 12, heavy=True),
    Row("ten static with the group", TEN, _STATIC, 6, symmetric=True),
    Row("ten static, 2000 (mu, T)", TEN, {"mu": scan(1000), "temperature": [200, 300]}, heavy=True),
    Row("displacement, 1 omega", ("displacement_spin_current",), _in_light(1)),
    Row("displacement, 100 omega", ("displacement_spin_current",), _in_light(100), 15, _frequencies("shc", 100), heavy=True),
    Row("ac spin current, 100 omega", ("ac_spin_current",), _in_light(100), 15, _frequencies("shc", 100), heavy=True),
    Row("shift, 10 omega", ("shift_spin_current",), _in_light(10), 12, _frequencies("shift", 10), heavy=True),
    Row("injection, 10 omega", ("injection_spin_current",), _in_light(10), 12, _frequencies("injection", 10), heavy=True),
)


@dataclass(frozen=True)
class Subject:
    """A model: fermi eV; meshes: points along each direction of two meshes, for rows, heavy rows and rows with the group."""

    name: str
    model: ws.TightBindingModel
    fermi: float
    meshes: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    structure: ws.Structure | None = None
    system: Any = None
