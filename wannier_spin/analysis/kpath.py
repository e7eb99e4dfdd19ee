"""Bands along a path or on a plane through the Brillouin zone, each with a geometric quantity: where in k a response comes from.

    spin_berry_curvature   Omega^{ab;c}_n = sum_m -2 Im T^{ab;c}_nm      angstrom^2
    spin_metric            g^{ab;c}_n     = sum_m Re T^{ab;c}_nm         angstrom^2
    zeeman_berry_curvature Obar^{ab}_n    = sum_m -2 Im Tbar^{ab}_nm     angstrom (a position, b spin)
    zeeman_metric          gbar^{ab}_n    = sum_m Re Tbar^{ab}_nm        angstrom
    spin                   <sigma^a>_n                                   Pauli matrix
    velocity               v^a_n                                         eV angstrom
    any other moment       <O^a>_n       a vector density of `observables`, under its name there

T, Tbar of `quantum_geometry`. The sum goes over the bands of other degenerate groups. Every band of a group carries the
group's trace divided by the number of its bands, which does not depend on the choice of states inside the group; so a sum
over bands is the sum of the traces. Maps of responses are made in `analysis.maps`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import slices
from wannier_spin.bloch import BlochMatrices, BlochSum, kp_matrices
from wannier_spin.components import component_index, written
from wannier_spin.continuum import Model
from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE, BandGeometry, geometry_of
from wannier_spin.model import TightBindingModel
from wannier_spin.observables import OBSERVABLES, Observable
from wannier_spin.quantum_geometry import curvature, metric, spin_qgt, zeeman_qgt
from wannier_spin.values import is_whole

Real = NDArray[np.float64]
FLAT = 1e-6  # relative; less than this is no distance from a plane or a line
MOST_POINTS = 10**6  # of a path
BATCH = 64  # k-points; the spin QGT of 36 bands takes 0.5 MB for each


@described(distance="1/angstrom")
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


@described(cartesian="1/angstrom", positions="1/angstrom", reciprocal="1/angstrom")
@dataclass(frozen=True)
class KPlane:
    """Points of a parallelogram: points (k,3) as `band_geometry` takes them, the second of its edges running fastest.

    shape : points along the two edges. cartesian (k,3) : the points in 1/angstrom. axes (2,3) : Cartesian unit vectors in the
    plane, the first along the first edge. positions (k,2) : of the points along them, 1/angstrom. marks : name and position of
    what is to be named. reciprocal (d,3) : the lattice in k, 1/angstrom; none for a k·p model.
    """

    points: Real
    shape: tuple[int, int]
    cartesian: Real
    axes: Real
    positions: Real
    marks: tuple[tuple[str, float, float], ...]
    reciprocal: Real


@described()
@dataclass(frozen=True)
class KMesh:
    """The points i/n of a uniform mesh, reduced coordinates: points (k,3), the third index running fastest; shape (n1,n2,n3)."""

    points: Real
    shape: tuple[int, int, int]


Place = TypeVar("Place", bound=KPath | KPlane | KMesh)


@described(energies="eV", mu="eV")
@dataclass(frozen=True)
class BandMap(Generic[Place]):
    """energies, values (k,n): bands in eV, and the quantity of each in `unit`, at the points of k.

    quantity : of QUANTITIES, or a response. mu (eV) : of a response, whose values carry its Fermi functions, else None.
    setting : what a response was computed for, in words.
    """

    k: Place
    energies: Real
    values: Real
    quantity: str
    component: str
    unit: str
    model: str
    mu: float | None = None
    setting: str = ""


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
    "velocity": Quantity("velocity", 1, "eV angstrom", lambda g: np.einsum("kann->kan", g.velocity).real),
}


def _expectation(observable: Observable) -> Quantity:
    """<O^a>_n. Angular momenta are in hbar."""
    unit = observable.measure.unit if observable.indices == ("polar",) else "hbar"
    return Quantity(observable.title, 1, unit, lambda g: np.einsum("kann->kan", g.observable(observable)).real)


QUANTITIES |= {
    name: _expectation(observable)
    for name, definitions in OBSERVABLES.items()
    for observable in definitions.values()
    if name not in QUANTITIES and observable.local and len(observable.indices) == 1
}


class Frame(Protocol):
    """What of a model makes a path or a plane: (3,3) reduced -> Cartesian, and the lattice in k (d,3), 1/angstrom."""

    @property
    def to_cartesian(self) -> Real: ...
    @property
    def reciprocal_vectors(self) -> Real: ...


@dataclass(frozen=True)
class _AnyFrame:
    """Where only the text matters: what is no path or plane in it is none in any other."""

    to_cartesian: Real
    reciprocal_vectors: Real


_ANY_FRAME = _AnyFrame(np.eye(3), np.eye(3))


def check_path(corners: str, points: int) -> None:
    """Refuse what is no path of any model. Raises InputError."""
    k_path(_ANY_FRAME, corners, points)


def check_plane(corners: str | None, miller: Sequence[int] | None, points: tuple[int, int], marks: str) -> None:
    """Refuse what is no plane of any model, named by its corners or by Miller indices. Raises InputError."""
    if (corners is None) == (miller is None):
        raise InputError("give the plane either by --corners or by --miller, like --miller 0 0 1")
    check_miller(miller or (0, 0, 1))
    k_plane(_ANY_FRAME, corners or "G 0 0 0; X 1 0 0; Y 0 1 0", points)
    if marks:
        _named_points(marks, f"marks '{marks}'")


def check_miller(indices: Sequence[int]) -> Real:
    """Miller indices of a plane as numbers (3,). Raises InputError."""
    hkl = np.asarray(indices, float)
    if hkl.shape != (3,) or not hkl.any():
        raise InputError(f"Miller indices {' '.join(map(str, indices))}: expected three whole numbers, not all zero")
    return hkl


def k_path(model: Frame, corners: str, points: int = 300) -> KPath:
    """A path like "G 0 0 0; X .5 0 .5 | K .375 .375 .75; G 0 0 0": lines between ';', a jump at '|'.

    points : about how many k-points in all. Reduced coordinates; 1/angstrom for a k·p model. Raises InputError.
    """
    branches = [_corners(branch, corners) for branch in corners.split("|")]
    to_cartesian = model.to_cartesian
    lengths = [np.linalg.norm(np.diff(ends, axis=0) @ to_cartesian, axis=1) for _, ends in branches]
    total = float(sum(length.sum() for length in lengths))
    if any((length == 0).any() for length in lengths):
        raise InputError(f"path '{corners}': two corners that follow each other are the same point")
    if not is_whole(points) or not 2 <= points <= MOST_POINTS:
        raise InputError(f"path with {points!r} points, expected a whole number, at least 2 and at most {MOST_POINTS}")
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


def k_plane(model: Frame, corners: str, points: tuple[int, int] = (101, 101), marks: str = "") -> KPlane:
    """A plane like "G 0 0 0; X 1/2 0 1/2; L 1/2 1/2 1/2": a corner, and the ends of the two edges that start there.

    points : along the two edges, both ends included. marks : further points of the plane to be named, written alike; a
    corner called "." has no name. Reduced coordinates; 1/angstrom for a k·p model. Raises InputError.
    """
    names, ends = _named_points(corners, f"plane '{corners}'")
    if len(ends) != 3:
        raise InputError(f"plane '{corners}': found {len(ends)} corners, expected three: one, and the ends of the edges from it")
    n1, n2 = points
    if n1 < 2 or n2 < 2:
        raise InputError(f"plane with {n1} x {n2} points, expected at least 2 x 2")
    to_cartesian = model.to_cartesian
    s, t = np.meshgrid(np.linspace(0, 1, n1), np.linspace(0, 1, n2), indexing="ij")
    k = ends[0] + s.reshape(-1, 1) * (ends[1] - ends[0]) + t.reshape(-1, 1) * (ends[2] - ends[0])
    edges = (ends[1:] - ends[0]) @ to_cartesian
    axes = _orthonormal(edges)
    if axes is None:
        raise InputError(f"plane '{corners}': its three corners lie on a line")
    if marks:
        more, others = _named_points(marks, f"marks '{marks}'")
        outside = np.abs((others - ends[0]) @ to_cartesian @ np.cross(*axes)) > FLAT * np.linalg.norm(edges)
        if outside.any():
            raise InputError(f"marks '{marks}': '{more[int(np.argmax(outside))]}' does not lie in the plane '{corners}'")
        names, ends = [*names, *more], np.concatenate([ends, others])
    positions = ends @ to_cartesian @ axes.T
    named = tuple((name, float(x), float(y)) for name, (x, y) in zip(names, positions, strict=True) if name != ".")
    reciprocal = model.reciprocal_vectors
    cartesian = k @ to_cartesian
    return KPlane(k, (n1, n2), cartesian, axes, cartesian @ axes.T, named, reciprocal)


def k_mesh(points: Sequence[int]) -> KMesh:
    """A uniform mesh of (n1, n2, n3) points that starts at Gamma, as `compute` takes it. Raises InputError."""
    try:
        n1, n2, n3 = (operator.index(n) for n in points)
    except (TypeError, ValueError):
        n1 = n2 = n3 = 0
    if min(n1, n2, n3) < 1:
        raise InputError(f"mesh {points}: expected three positive whole numbers")
    index = np.stack(np.meshgrid(*map(np.arange, (n1, n2, n3)), indexing="ij"), axis=-1)
    return KMesh(index.reshape(-1, 3) / (n1, n2, n3), (n1, n2, n3))


def band_map(
    model: Model,
    k: Place,
    quantity: str,
    component: str,
    *,
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
) -> BandMap[Place]:
    """Bands at the points of k and one component of a quantity of QUANTITIES, for instance "xy;z".

    degeneracy_tolerance : eV. Raises InputError for an unknown quantity or component, and without spin matrices.
    """
    record, name = check_component(quantity, component)
    index: Any = (slice(None), *component_index(name))
    energies, values = np.empty((2, len(k.points), model.n_bands))
    for places, g in _geometries(model, k, degeneracy_tolerance):
        energies[places] = g.energies
        values[places] = g.group_mean(record.of(g)[index])
    return BandMap(k, energies, values, quantity, name, record.unit, model.name)


def _geometries(model: Model, k: KPath | KPlane | KMesh, degeneracy_tolerance: float) -> Iterator[tuple[Any, BandGeometry]]:
    """Batches: which points they are, and the bands there. The points of a mesh are summed one axis after the other."""
    some = slices(len(k.points), model.n_bands, BATCH)
    if isinstance(model, TightBindingModel):
        sums = BlochSum(model, second_order=False)  # no quantity needs more than the spin
        batches = _on_mesh(sums, k) if isinstance(k, KMesh) else ((places, sums.at_points(k.points[places])) for places in some)
    else:
        batches = ((places, kp_matrices(model, k.points[places])) for places in some)
    return ((places, geometry_of(bloch, degeneracy_tolerance)) for places, bloch in batches)


def _on_mesh(sums: BlochSum, mesh: KMesh) -> Iterator[tuple[Any, BlochMatrices]]:
    x1, x2, x3 = (np.arange(mesh.shape[axis]) / mesh.shape[axis] for axis in sums.axes)
    for k1, rows in itertools.product(x1, np.array_split(x2, min(len(x2), -(-len(x2) * len(x3) // BATCH)))):
        index = np.rint(sums.batch_points(k1, rows, x3) * mesh.shape).astype(int)
        yield np.ravel_multi_index(tuple(index.T), mesh.shape), sums.on_batch(k1, rows, x3)


def occupied_sum(bands: BandMap[Place], fermi_energy: float) -> Real:
    """Sum over the bands below the Fermi energy at each k, of a response over all bands: (k,)."""
    if bands.mu is not None:
        return np.asarray(bands.values.sum(axis=1))
    return np.where(bands.energies < fermi_energy, bands.values, 0.0).sum(axis=1)


def spin_in_plane(model: Model, plane: KPlane, band: int) -> Real:
    """The spin of a band (from 1) along the two axes of a plane: (k,2), Pauli matrices.

    Raises InputError for a band that is not there.
    """
    if not 1 <= band <= model.n_bands:
        raise InputError(f"band {band}: the model has bands 1 to {model.n_bands}")
    spin = np.stack([band_map(model, plane, "spin", c).values[:, band - 1] for c in "xyz"], axis=1)
    return np.asarray(spin @ plane.axes.T)


def _corners(branch: str, text: str) -> tuple[list[str], Real]:
    names, ends = _named_points(branch, f"path '{text}'")
    if len(ends) < 2:
        raise InputError(f"path '{text}': found one corner in '{branch.strip()}', expected two or more, with ';' between them")
    return names, ends


def _named_points(text: str, where: str) -> tuple[list[str], Real]:
    """Names and coordinates (point,3) of "G 0 0 0; X 1/2 0 .5"."""
    names: list[str] = []
    ends = []
    for corner in text.split(";"):
        name, *numbers = corner.replace(",", " ").split() or [""]
        try:
            end = [float(Fraction(number)) for number in numbers]
        except (ValueError, ZeroDivisionError):
            end = []
        if len(end) != 3 or not np.isfinite(end).all():
            raise InputError(f"{where}: found '{corner.strip()}', expected a name and three numbers like 'X 1/2 0 .5'")
        names.append(name)
        ends.append(end)
    return names, np.array(ends)


def check_component(quantity: str, component: str) -> tuple[Quantity, str]:
    """The record of a quantity, and the component as it is written. Raises InputError."""
    if quantity not in QUANTITIES:
        raise InputError(f"quantity '{quantity}' is not available; choose from {', '.join(QUANTITIES)}")
    record = QUANTITIES[quantity]
    letters = component.replace(";", "")
    if len(letters) != record.rank or not set(letters) <= set("xyz"):
        raise InputError(f"component '{component}' of '{quantity}': expected {record.rank} letter(s) x, y or z")
    return record, written(letters, field_order=1)


def _orthonormal(edges: Real) -> Real | None:
    """Two orthogonal unit vectors in the plane of two edges, the first along the first edge; None where there is no plane."""
    lengths = np.linalg.norm(edges, axis=1)
    normal = np.cross(*edges)
    if np.linalg.norm(normal) <= FLAT * lengths.max() ** 2:
        return None
    first = edges[0] / lengths[0]
    second = np.cross(normal, first)
    return np.stack([first, second / np.linalg.norm(second)])
