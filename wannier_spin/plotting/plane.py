"""A plane in k as a heat map, with Fermi lines and the boundaries of Brillouin zones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.kpath import BandMap, KPlane, occupied_sum
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLUMN, HEAT, check_ending, new_figure, own_style, save
from wannier_spin.plotting.colour import Scale, colour_bar, colour_map, colour_scale
from wannier_spin.plotting.look import AS_IS, Look, finish, name_references
from wannier_spin.plotting.words import gamma, map_symbol, map_title, unit_in_brackets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
EDGE = 1e-9
ROOM = 80  # letters above the panel
N_ARROWS, LENGTH = 18, 0.85  # on the longer side; of a vector of length 1, in distances between arrows
NEAREST = 12  # lattice points: those that share a corner of a zone, and their mirror images


def plot_plane(
    bands: BandMap[KPlane],
    path: str | Path | None = None,
    *,
    fermi_energy: float | None = None,
    band: int | None = None,
    scale: Scale = "auto",
    arrows: Real | None = None,
    look: Look = AS_IS,
) -> Figure:
    """A map on a plane: of a response its integrand, of a geometric quantity the sum over the bands below the Fermi energy (eV).

    band : number of a band, from 1, in place of the sum. scale : of the colours; "symlog" shows values of very different sizes,
    "auto" takes it where a few points are much larger than most. arrows (k,2) : along the axes of the plane, such as
    `spin_in_plane`; one of length 1 nearly fills the distance between arrows. Lines are where bands cross the Fermi energy (that
    band, if one is given), grey ones are boundaries of Brillouin zones. look : limits and references are places in the plane
    (1/angstrom).

    Raises InputError as `plot`, for a band that is not there, and where there is no Fermi energy to sum up to.
    """
    if path is not None:
        check_ending(path)
    level = fermi_energy if bands.mu is None else bands.mu
    values = _values(bands, level, band)
    x, y = (bands.k.positions[:, i].reshape(bands.k.shape) for i in (0, 1))
    with own_style():
        window, shifts = window_of(bands.k)
        seen = (look.x or window[0], look.y or window[1])
        figure = new_figure(look.size or _size(seen), fixed_aspect=True)
        axes = figure.subplots()
        _draw_values(figure, axes, bands, (x, y), shifts, values, band, scale)
        for boundary in zone_boundaries(bands.k):
            for shift in shifts:
                axes.contour(x + shift, y, boundary, levels=[0.0], colors="0.5", linewidths=0.5)
        if level is not None:
            numbers = range(bands.energies.shape[1]) if band is None else (band - 1,)
            _draw_fermi_lines(axes, (x, y), shifts, [(bands.energies[:, n] - level).reshape(x.shape) for n in numbers])
        if arrows is not None:
            _draw_arrows(axes, bands.k, arrows, window, shifts)
        _draw_marks(axes, bands.k, window, shifts)
        axes.set(xlim=window[0], ylim=window[1], aspect="equal")
        axes.set_xlabel(axis_label(bands.k.axes[0]))
        axes.set_ylabel(axis_label(bands.k.axes[1]))
        title = f"{map_title(bands, look.title, ROOM)}{_what(bands, fermi_energy, band)}"
        axes.set_title(title, loc="left")
        finish(axes, look)
        name_references(axes, look)
    if path is not None:
        save(figure, path)
    return figure


def window_of(plane: KPlane) -> tuple[tuple[tuple[float, float], tuple[float, float]], tuple[float, ...]]:
    """What is seen of the plane: limits of x and y, and the shifts along x of the copies of the parallelogram that fill them.

    A parallelogram whose edges are vectors of the lattice in k is one period: its copies fill a rectangle of the same area. Any
    other one is seen as it is.
    """
    x, y = plane.positions.reshape(*plane.shape, 2).transpose(2, 0, 1)
    if not is_period(plane):
        return ((float(x.min()), float(x.max())), (float(y.min()), float(y.max()))), (0.0,)
    length, slant = float(x[-1, 0] - x[0, 0]), float(x[0, -1] - x[0, 0])
    middle = (x[0, 0] + x[-1, -1]) / 2
    reach = int(np.ceil(abs(slant) / length)) + 1
    limits = (float(middle - length / 2), float(middle + length / 2))
    shifts = (i * length for i in range(-reach, reach + 1))
    kept = tuple(s for s in shifts if x.max() + s > limits[0] + EDGE and x.min() + s < limits[1] - EDGE)
    return (limits, (float(y.min()), float(y.max()))), kept


def is_period(plane: KPlane) -> bool:
    """Whether both edges are vectors of the lattice in k."""
    if not len(plane.reciprocal):
        return False
    corners = plane.points.reshape(*plane.shape, -1)
    edges = np.stack([corners[-1, 0] - corners[0, 0], corners[0, -1] - corners[0, 0]])
    return bool(np.abs(edges - np.round(edges)).max() < EDGE)


def _size(seen: tuple[tuple[float, float], tuple[float, float]]) -> tuple[float, float]:
    """Of the figure in inches, so that the panel fills it. seen : limits of x and y."""
    x, y = seen
    width = 1.5 * COLUMN
    return width, min(max((width - 1.3) * (y[1] - y[0]) / (x[1] - x[0]), 1.5), 6.5) + 0.9


def _what(bands: BandMap[KPlane], fermi_energy: float | None, band: int | None) -> str:
    """Which bands are meant, as the end of the title."""
    if band is not None:
        return f", band {band}"
    return "" if bands.mu is not None else f", sum over E < E$_F$ = {fermi_energy:g} eV"


def _values(bands: BandMap[KPlane], level: float | None, band: int | None) -> Real:
    """What is drawn: (k,)."""
    n_bands = bands.energies.shape[1]
    if band is not None and not 1 <= band <= n_bands:
        raise InputError(f"band {band}: the model has bands 1 to {n_bands}")
    if band is not None:
        return np.asarray(bands.values[:, band - 1])
    if level is None:
        raise InputError(
            f"'{bands.quantity}' on a plane: give a Fermi energy, below which bands are summed, or the number of a band"
        )
    return occupied_sum(bands, level)


def _draw_values(
    figure: Figure,
    axes: Axes,
    bands: BandMap[KPlane],
    place: tuple[Real, Real],
    shifts: Sequence[float],
    values: Real,
    band: int | None,
    scale: Scale,
) -> None:
    """Colours that go over smoothly from point to point."""
    x, y = place
    norm, ticks = colour_scale(values, scale)
    look: Any = {"norm": norm, "cmap": colour_map(HEAT), "rasterized": True, "shading": "gouraud"}
    for shift in shifts:
        cells = axes.pcolormesh(x + shift, y, values.reshape(x.shape), **look)
    symbol = map_symbol(bands, "" if band is None else str(band))
    colour_bar(figure, axes, cells, ticks, lambda power: f"{symbol}{unit_in_brackets(bands.unit, power)}")


def _draw_fermi_lines(axes: Axes, place: tuple[Real, Real], shifts: Sequence[float], energies: Sequence[Real]) -> None:
    """White edges of all lines first: the edge of one must not cut another."""
    x, y = place
    crossing = [energy for energy in energies if energy.min() < 0 < energy.max()]
    for colour, width in (("white", 1.6), ("black", 0.7)):
        for shift in shifts:
            for energy in crossing:
                axes.contour(x + shift, y, energy, levels=[0.0], colors=colour, linewidths=width)


def _draw_arrows(axes: Axes, plane: KPlane, arrows: Real, window: Any, shifts: Sequence[float]) -> None:
    """Arrows at equal distances along both axes, about N_ARROWS on the longer side, their middles on their points."""
    corners = plane.positions.reshape(*plane.shape, 2)
    edges = [np.linalg.norm(end - corners[0, 0]) for end in (corners[-1, 0], corners[0, -1])]
    unit = max(edges) / N_ARROWS
    steps = [max(1, round(unit * (n - 1) / edge)) for n, edge in zip(plane.shape, edges, strict=True)]
    chosen = tuple(slice((n - 1) % step // 2, None, step) for n, step in zip(plane.shape, steps, strict=True))
    x, y, u, v = (a.reshape(plane.shape)[chosen].ravel() for a in (*plane.positions.T, *arrows.T))
    for shift in shifts:
        seen = (x + shift >= window[0][0] - EDGE) & (x + shift <= window[0][1] + EDGE)
        look: Any = {
            "angles": "xy",
            "scale_units": "xy",
            "scale": 1 / (LENGTH * unit),
            "pivot": "mid",
            "width": 0.0035,
            "zorder": 3,
        }
        axes.quiver(x[seen] + shift, y[seen], u[seen], v[seen], color="black", path_effects=_halo(1.0), **look)


def _draw_marks(axes: Axes, plane: KPlane, window: Any, shifts: Sequence[float]) -> None:
    for name, *place in plane.marks:
        for shift in shifts:
            if window[0][0] - EDGE <= place[0] + shift <= window[0][1] + EDGE:
                _draw_mark(axes, gamma(name), (place[0] + shift, place[1]))


def _draw_mark(axes: Axes, name: str, place: tuple[float, float]) -> None:
    axes.plot(*place, "o", color="black", ms=2.5, clip_on=False, path_effects=_halo(1.2))
    text = axes.annotate(name, place, (3, 3), textcoords="offset points", size=8, annotation_clip=False)
    text.set_path_effects(_halo(1.8))


def _halo(width: float) -> list[Any]:
    """A white edge, so that black is seen on dark colours."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="white")]


def zone_boundaries(plane: KPlane) -> list[Real]:
    """For each lattice point in k whose zone meets the plane, what changes sign at the boundary of its zone: (n1,n2) each.

    The zone is where no lattice point is nearer: min_G' |k - G'|^2 - |k - G|^2 > 0. Two lattice points that mirror one another in
    the plane are one: between their zones the plane itself is the boundary.
    """
    if not len(plane.reciprocal):
        return []
    from scipy.spatial import cKDTree

    reach = int(np.ceil(np.abs(plane.points).max())) + 2
    steps = itertools.product(range(-reach, reach + 1), repeat=len(plane.reciprocal))
    lattice = np.array(list(steps)) @ plane.reciprocal
    distance, index = cKDTree(lattice).query(plane.cartesian, k=min(NEAREST, len(lattice)))  # (k, nearest ones)
    owner = _mirrored(plane, lattice)[index]
    found = []
    for G in np.unique(owner[:, 0]):
        own = np.where(owner == G, distance, np.inf).min(axis=1)
        others = np.where(owner != G, distance, np.inf).min(axis=1)
        known = np.isfinite(own) & np.isfinite(others)
        found.append(np.where(known, others**2 - own**2, np.where(np.isfinite(own), 1.0, -1.0)).reshape(plane.shape))
    return [X for X in found if X.min() < 0 < X.max()]


def _mirrored(plane: KPlane, lattice: Real) -> NDArray[np.int64]:
    """A number for each lattice point, the same for two that the plane mirrors on one another."""
    normal = np.cross(*plane.axes)
    height = np.abs((lattice - plane.cartesian[0]) @ normal)
    place = np.column_stack([lattice @ plane.axes.T, height])
    return np.unique(np.round(place, 6) + 0.0, axis=0, return_inverse=True)[1].ravel()


def axis_label(direction: Real) -> str:
    """k_x for a Cartesian axis, else the direction (3,), Cartesian, in the smallest whole numbers, or in decimals."""
    multiples = (direction / np.abs(direction).max() * n for n in range(1, 7))
    whole = next((w.round() for w in multiples if np.abs(w - w.round()).max() < 1e-3), None)
    if whole is not None and np.abs(whole).sum() == 1 and whole.sum() > 0:
        return f"$k_{'xyz'[int(np.argmax(whole))]}$ (Å$^{{-1}}$)"
    numbers = " ".join(f"{x:.2f}" for x in direction) if whole is None else " ".join(str(int(x)) for x in whole)
    return f"k along [{numbers}] (Å$^{{-1}}$)".replace("-", "−").replace("{−1}", "{-1}")
