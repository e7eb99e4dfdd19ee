"""Bands along a path through the Brillouin zone, each with a geometric quantity: where in k a response comes from.

    spin_berry_curvature   Omega^{ab;c}_n = sum_m -2 Im T^{ab;c}_nm      angstrom^2
    spin_metric            g^{ab;c}_n     = sum_m Re T^{ab;c}_nm         angstrom^2
    zeeman_berry_curvature Obar^{ab}_n    = sum_m -2 Im Tbar^{ab}_nm     angstrom (a position, b spin)
    zeeman_metric          gbar^{ab}_n    = sum_m Re Tbar^{ab}_nm        angstrom
    spin                   <sigma^a>_n                                   Pauli matrix

T, Tbar of `quantum_geometry`. The sum goes over the bands of other degenerate blocks. Every band of a block carries the
block's trace divided by the number of its bands, which does not depend on the choice of states inside the block; so a sum
over bands is the sum of the traces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE, BandGeometry, band_geometry
from wannier_spin.model import KPModel, TightBindingModel
from wannier_spin.quantum_geometry import curvature, metric, spin_qgt, zeeman_qgt

Real = NDArray[np.float64]
BATCH = 64  # k-points; the spin QGT of 36 bands takes 0.5 MB for each


@dataclass(frozen=True)
class KPath:
    """Points along straight lines: points (k,3) as `band_geometry` takes them, distance (k,) 1/angstrom from the start.

    ticks, labels : distance and name of the corners. breaks : indices of points that no line joins to the one before.
    """

    points: Real
    distance: Real
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    breaks: tuple[int, ...] = ()


@dataclass(frozen=True)
class BandMap:
    """energies, values (k,n): bands in eV, and the quantity of each in `unit`."""

    path: KPath
    energies: Real
    values: Real
    quantity: str
    component: str
    unit: str
    model: str


@dataclass(frozen=True)
class Quantity:
    """A geometric quantity: how many indices, its unit, and (k,a,...,n) of a BandGeometry."""

    title: str
    rank: int
    unit: str
    of: Callable[[BandGeometry], Real]


QUANTITIES = {
    "spin_berry_curvature": Quantity("spin Berry curvature", 3, "angstrom^2", lambda g: curvature(spin_qgt(g)).sum(axis=-1)),
    "spin_metric": Quantity("spin quantum metric", 3, "angstrom^2", lambda g: metric(spin_qgt(g)).sum(axis=-1)),
    "zeeman_berry_curvature": Quantity("Zeeman Berry curvature", 2, "angstrom", lambda g: curvature(zeeman_qgt(g)).sum(axis=-1)),
    "zeeman_metric": Quantity("Zeeman quantum metric", 2, "angstrom", lambda g: metric(zeeman_qgt(g)).sum(axis=-1)),
    "spin": Quantity("spin", 1, "", lambda g: np.einsum("kann->kan", g.spin_matrices).real),
}


def k_path(model: TightBindingModel | KPModel, corners: str, points: int = 300) -> KPath:
    """A path like "G 0 0 0; X .5 0 .5 | K .375 .375 .75; G 0 0 0": lines between ';', a jump at '|'.

    points : about how many k-points in all. Reduced coordinates; 1/angstrom for a KPModel. Raises InputError.
    """
    branches = [_corners(branch, corners) for branch in corners.split("|")]
    to_cartesian = np.eye(3) if isinstance(model, KPModel) else 2 * np.pi * np.linalg.inv(model.lattice).T
    lengths = [np.linalg.norm(np.diff(ends, axis=0) @ to_cartesian, axis=1) for _, ends in branches]
    total = float(sum(length.sum() for length in lengths))
    if any((length == 0).any() for length in lengths):
        raise InputError(f"path '{corners}': two corners that follow each other are the same point")
    if points < 2:
        raise InputError(f"path with {points} points, expected at least 2")
    k: list[Real] = []
    distance, ticks, labels, breaks = [], [0.0], [""], []
    start = 0.0
    for (names, ends), length in zip(branches, lengths, strict=True):
        breaks.append(sum(len(part) for part in k))
        labels[-1] = f"{labels[-1]}|{names[0]}".strip("|")
        k.append(ends[:1])
        distance.append(np.array([start]))
        for i, step in enumerate(length):
            fraction = np.linspace(0, 1, max(2, round(points * step / total) + 1))[1:]
            k.append(ends[i] + fraction[:, None] * (ends[i + 1] - ends[i]))
            distance.append(start + fraction * step)
            start += step
            ticks.append(start)
            labels.append(names[i + 1])
    return KPath(np.concatenate(k), np.concatenate(distance), tuple(map(float, ticks)), tuple(labels), tuple(breaks[1:]))


def band_map(
    model: TightBindingModel | KPModel,
    path: KPath,
    quantity: str,
    component: str,
    *,
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
) -> BandMap:
    """Bands along a path and one component of a quantity of QUANTITIES, for instance "xy;z".

    degeneracy_tolerance : eV. Raises InputError for an unknown quantity or component, and without spin matrices.
    """
    if quantity not in QUANTITIES:
        raise InputError(f"quantity '{quantity}' is not available; choose from {', '.join(QUANTITIES)}")
    record = QUANTITIES[quantity]
    letters = component.replace(";", "")
    if len(letters) != record.rank or not set(letters) <= set("xyz"):
        raise InputError(f"component '{component}' of '{quantity}': expected {record.rank} letter(s) x, y or z")
    index: Any = (slice(None), *("xyz".index(letter) for letter in letters))
    energies, values = [], []
    for first in range(0, len(path.points), BATCH):
        g = band_geometry(model, path.points[first : first + BATCH], degeneracy_tolerance=degeneracy_tolerance)
        energies.append(g.energies)
        values.append(_block_mean(g, record.of(g)[index]))
    name = f"{letters[:2]};{letters[2]}" if record.rank == 3 else letters
    return BandMap(path, np.concatenate(energies), np.concatenate(values), quantity, name, record.unit, model.name)


def occupied_sum(bands: BandMap, fermi_energy: float) -> Real:
    """Sum of the quantity over the bands below the Fermi energy at each k: (k,)."""
    return np.where(bands.energies < fermi_energy, bands.values, 0.0).sum(axis=1)


def _corners(branch: str, text: str) -> tuple[list[str], Real]:
    names, ends = [], []
    for corner in branch.split(";"):
        name, *numbers = corner.replace(",", " ").split() or [""]
        try:
            end = [float(Fraction(number)) for number in numbers]
        except (ValueError, ZeroDivisionError):
            end = []
        if len(end) != 3 or not np.isfinite(end).all():
            raise InputError(f"path '{text}': found '{corner.strip()}', expected a name and three numbers like 'X 1/2 0 .5'")
        names.append(name)
        ends.append(end)
    if len(ends) < 2:
        raise InputError(f"path '{text}': found one corner in '{branch.strip()}', expected two or more, with ';' between them")
    return names, np.array(ends)


def _block_mean(g: BandGeometry, X: Real) -> Real:
    """The mean over each degenerate block, for every band: (k,n)."""
    weight = g.same_group / g.same_group.sum(axis=-1, keepdims=True)
    return np.einsum("knm,km->kn", weight, X)
