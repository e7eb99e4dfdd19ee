"""Numbers of carriers in place of chemical potentials: what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wannier_spin.errors import InputError
from wannier_spin.values import is_finite, is_number, numbers

Real = NDArray[np.float64]
CarrierUnit = Literal["cell", "cm-3", "cm-2", "cm-1"]
CENTIMETRE = 1e8  # angstrom


@dataclass(frozen=True, init=False)
class Carriers:
    """Electrons that are added to a neutral crystal: positive, n-doped; negative, p-doped; zero, intrinsic.

    Parameters
    ----------
    values : a number or several.
    unit : "cell", electrons for each cell; or "cm-3" (in 2D "cm-2", in 1D "cm-1").
    electrons : how many electrons for each cell are in the bands of the model when it is neutral, a whole number. None: what is
        counted at `fermi_energy`.
    fermi_energy : eV, of the neutral crystal: in its gap, or the Fermi energy of a metal. Not needed with `electrons`.

    Raises InputError: no finite numbers, another unit, neither electrons nor fermi_energy.
    """

    values: tuple[float, ...]
    unit: CarrierUnit
    electrons: int | None
    fermi_energy: float | None

    def __init__(
        self,
        values: ArrayLike | Sequence[float],
        unit: CarrierUnit = "cell",
        *,
        electrons: int | None = None,
        fermi_energy: float | None = None,
    ) -> None:
        found = numbers("carriers", values)
        if not isinstance(unit, str) or unit not in get_args(CarrierUnit):
            raise InputError(f"carriers have the unit '{unit}', expected one of {', '.join(get_args(CarrierUnit))}")
        if electrons is None and fermi_energy is None:
            raise InputError("carriers count from the neutral crystal: give electrons (in the bands of the model) or fermi_energy")
        if electrons is not None and not (is_number(electrons) and electrons >= 0 and electrons % 1 == 0):
            raise InputError(f"electrons = {electrons!r}, expected the whole number of electrons of the neutral crystal")
        if fermi_energy is not None and not is_finite(fermi_energy):
            raise InputError(f"fermi_energy = {fermi_energy!r}, expected an energy in eV")
        fields = {"values": tuple(found.tolist()), "unit": unit, "electrons": electrons, "fermi_energy": fermi_energy}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def per_cell(self, volume: float, dimension: int) -> Real:
        """The same for each cell, (carriers,), of this volume in angstrom^dimension. Raises InputError for another dimension."""
        if self.unit == "cell":
            return np.array(self.values)
        if self.unit != f"cm-{dimension}":
            raise InputError(
                f"carriers are in {self.unit}, and the model has {dimension} dimensions: expected cell or cm-{dimension}"
            )
        return np.array(self.values) * volume / CENTIMETRE**dimension

    def __str__(self) -> str:
        return f"{list(self.values)} {self.unit}, neutral: {self.electrons} electrons, {self.fermi_energy} eV"
