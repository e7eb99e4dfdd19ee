"""Fermi surfaces for other programs: bands on a uniform mesh over the cell in k, with colours.

.frmsf of FermiSurfer ("Input file" of its manual), one number a line:

    n1 n2 n3; 1, which says k = i/n; number of bands; three reciprocal vectors in any unit; energies from E_F; up to
    three colours. Of each band all points, the third index running fastest.

.bxsf of XCrySDen ("XSF format specification", Bandgrids):

    Fermi energy; number of bands; n1 + 1, n2 + 1, n3 + 1 points, the first ones again at the end ("general grid");
    origin; three reciprocal vectors; energies of each band, the third index running fastest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.kpath import BandMap, KMesh, band_map, k_mesh
from wannier_spin.analysis.maps import is_response, surface_map, surface_point
from wannier_spin.bloch import energies_at
from wannier_spin.continuum import Model
from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.keywords import AtPoint, OfResponse
from wannier_spin.request import taking_request
from wannier_spin.storage import write_text

Real = NDArray[np.float64]
ANY_TEMPERATURE = 300.0  # K; densities on the Fermi surface do not depend on it
COLOURS = {".frmsf": 3, ".bxsf": 0}  # how many a file can hold


@described(energies="eV", fermi_energy="eV", reciprocal="1/angstrom")
@dataclass(frozen=True)
class FermiSurface:
    """Bands that cross the Fermi energy at k = i/n: energies (n,n1,n2,n3) eV, colours (colour,n,n1,n2,n3).

    bands : their numbers, from 1. names : of the colours, with their unit. reciprocal (3,3) : rows, 1/angstrom.
    """

    energies: Real
    colours: Real
    bands: tuple[int, ...]
    names: tuple[str, ...]
    fermi_energy: float
    reciprocal: Real
    model: str

    def save(self, path: str | Path) -> Path:
        """Write it as the ending says, .frmsf or .bxsf, whole or not at all.

        Raises InputError for another ending, for colours in .bxsf, and for a place that cannot be written.
        """
        check_surface_file(path, len(self.names))
        lines = {".frmsf": _frmsf, ".bxsf": _bxsf}[Path(path).suffix](self)
        return write_text(path, "\n".join(lines) + "\n")


def check_surface_file(path: str | Path, n_colours: int) -> None:
    """Raise InputError for a file that cannot hold a Fermi surface with so many colours."""
    ending = Path(path).suffix
    if ending not in COLOURS:
        raise InputError(f"cannot write a Fermi surface to '{path}': the ending must be {' or '.join(COLOURS)}")
    if n_colours > COLOURS[ending]:
        raise InputError(
            f"'{path}': {n_colours} colours are more than the {COLOURS[ending]} that {ending} holds (.frmsf: 3, .bxsf: 0)"
        )


@taking_request(OfResponse)
def fermi_surface(
    model: Model,
    grid: Sequence[int],
    fermi_energy: float,
    quantity: str | None = None,
    components: str | Sequence[str] = (),
    **asked: Unpack[OfResponse],
) -> FermiSurface:
    """The bands that cross the Fermi energy (eV) on a mesh of (n1, n2, n3) points, coloured by components of a quantity.

    quantity : a geometric one (`kpath.QUANTITIES`), or a response with terms of the Fermi surface, see `surface_map`; None:
        no colours. asked : keywords of a `Request`, of a response (tau, units, form, relaxation, spin_current, ...); of all
        colours degeneracy_tolerance (eV). All points are evaluated on this rank.

    Raises
    ------
    InputError : no band crosses the Fermi energy; unknown names; a response of the Fermi sea; a k·p model.
    """
    model = model.crystal("it has no cell in k, which a Fermi surface file holds")
    wanted = (components,) if isinstance(components, str) else tuple(components)
    if (quantity is None) == bool(wanted):
        raise InputError(f"quantity {quantity} with components {list(wanted)}: expected both, or neither")
    geometric = quantity is None or not is_response(quantity)
    at_surface: AtPoint = {"mu": fermi_energy, "temperature": ANY_TEMPERATURE, **asked}
    degeneracy_tolerance = asked.get("degeneracy_tolerance") or DEGENERACY_TOLERANCE
    for component in () if geometric else wanted:  # what cannot be drawn is told before all points are computed
        surface_point(model, str(quantity), component, None, at_surface)
    mesh = k_mesh(grid)
    energies = energies_at(model, mesh.points)
    crossing = _crossing(energies, fermi_energy, model.name)

    def colour(component: str) -> BandMap[KMesh]:
        if geometric:
            return band_map(model, mesh, str(quantity), component, degeneracy_tolerance=degeneracy_tolerance)
        return surface_map(model, mesh, str(quantity), component, **at_surface)

    maps = [colour(component) for component in wanted]
    names = tuple(f"{m.quantity} {m.component} ({m.unit})".replace(" ()", "") for m in maps)
    on_mesh = [X[:, crossing].T.reshape(-1, *mesh.shape) for X in (energies, *(m.values for m in maps))]
    numbers = tuple(int(n) + 1 for n in crossing)
    colours = np.reshape(on_mesh[1:], (len(maps), *on_mesh[0].shape))
    return FermiSurface(on_mesh[0], colours, numbers, names, float(fermi_energy), model.to_cartesian, model.name)


def _crossing(energies: Real, fermi_energy: float, name: str) -> NDArray[np.int64]:
    """The bands with states below and above the Fermi energy, from (k,n). Raises InputError where there are none."""
    low, high = energies.min(axis=0), energies.max(axis=0)
    found = np.flatnonzero((low < fermi_energy) & (fermi_energy < high))
    if not len(found):
        below, above = (np.append(-np.inf, high[high <= fermi_energy]).max(), np.append(np.inf, low[low >= fermi_energy]).min())
        raise InputError(
            f"no band of '{name}' crosses {fermi_energy:g} eV on this mesh: the next energy below is {below:.4f} eV, "
            f"the next above {above:.4f} eV; give another Fermi energy, or a denser mesh"
        )
    return found


def _frmsf(surface: FermiSurface) -> Iterator[str]:
    yield "{} {} {}".format(*surface.energies.shape[1:])
    yield "1"
    yield str(len(surface.bands))
    yield from _vectors(surface.reciprocal)
    for array in (surface.energies - surface.fermi_energy, *surface.colours):
        yield from (f"{value:.8e}" for value in array.ravel().tolist())


def _bxsf(surface: FermiSurface) -> Iterator[str]:
    yield from ("BEGIN_INFO", f"  # {surface.model}, by wannier_spin; energies in eV, vectors in 1/angstrom with 2 pi")
    yield from (f"  Fermi Energy: {surface.fermi_energy:.8f}", "END_INFO")
    yield from ("BEGIN_BLOCK_BANDGRID_3D", "band_energies", "BEGIN_BANDGRID_3D")
    yield str(len(surface.bands))
    yield "{} {} {}".format(*(n + 1 for n in surface.energies.shape[1:]))
    yield from _vectors(np.concatenate([np.zeros((1, 3)), surface.reciprocal]))
    for number, energies in zip(surface.bands, surface.energies, strict=True):
        yield f"BAND: {number}"
        closed = np.pad(energies, (0, 1), mode="wrap")
        yield from (" ".join(f"{value:.8f}" for value in line) for line in closed.reshape(-1, closed.shape[-1]).tolist())
    yield from ("END_BANDGRID_3D", "END_BLOCK_BANDGRID_3D")


def _vectors(vectors: Real) -> Iterator[str]:
    return (" ".join(f"{x:.10f}" for x in vector) for vector in vectors.tolist())
