"""A plane in k as a heat map, with Fermi lines and the boundaries of Brillouin zones."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.kpath import BandMap, KPlane, occupied_sum
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLUMN, HEAT, check_ending, new_figure, own_style, save
from wannier_spin.plotting.colour import Scale, colour_bar, colour_map, colour_scale
from wannier_spin.plotting.words import gamma, map_symbol, map_title, map_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]


def plot_plane(
    bands: BandMap[KPlane],
    path: str | Path | None = None,
    *,
    fermi_energy: float | None = None,
    band: int | None = None,
    scale: Scale = "auto",
) -> Figure:
    """A map on a plane: of a response its integrand, of a geometric quantity the sum over the bands below the Fermi energy (eV).

    band : number of a band, from 1, in place of the sum. scale : of the colours; "symlog" shows values of very different sizes,
    "auto" takes it where a few points are much larger than most. Lines are where bands cross the Fermi energy (that band, if one
    is given), grey ones are boundaries of Brillouin zones.

    Raises InputError as `plot`, for a band that is not there, and where there is no Fermi energy to sum up to.
    """
    if path is not None:
        check_ending(path)
    level = fermi_energy if bands.mu is None else bands.mu
    values = _values(bands, level, band)
    x, y = (bands.k.positions[:, i].reshape(bands.k.shape) for i in (0, 1))
    with own_style():
        figure = new_figure(_size(x, y), fixed_aspect=True)
        axes = figure.subplots()
        _draw_values(figure, axes, bands, x, y, values, band, scale)
        for boundary in zone_boundaries(bands.k):
            axes.contour(x, y, boundary, levels=[0.0], colors="0.5", linewidths=0.5)
        if level is not None:
            for n in range(bands.energies.shape[1]) if band is None else (band - 1,):
                _draw_fermi_line(axes, x, y, (bands.energies[:, n] - level).reshape(x.shape))
        for name, *place in bands.k.marks:
            _draw_mark(axes, gamma(name), (place[0], place[1]))
        axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), aspect="equal")
        axes.set_xlabel(axis_label(bands.k.axes[0]))
        axes.set_ylabel(axis_label(bands.k.axes[1]))
        axes.set_title(f"{map_title(bands)}{_what(bands, fermi_energy, band)}", loc="left")
    if path is not None:
        save(figure, path)
    return figure


def _size(x: Real, y: Real) -> tuple[float, float]:
    """Of the figure in inches, so that the panel fills it."""
    width = 1.5 * COLUMN
    return width, min(max((width - 1.3) * float(np.ptp(y) / np.ptp(x)), 1.5), 6.5) + 0.9


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
    figure: Figure, axes: Axes, bands: BandMap[KPlane], x: Real, y: Real, values: Real, band: int | None, scale: Scale
) -> None:
    norm, ticks = colour_scale(values, scale)
    cells = axes.pcolormesh(_edges(x), _edges(y), values.reshape(x.shape), norm=norm, cmap=colour_map(HEAT), rasterized=True)
    symbol = map_symbol(bands, "" if band is None else str(band))
    colour_bar(figure, axes, cells, ticks, lambda power: f"{symbol}{map_unit(bands, power)}")


def _edges(x: Real) -> Real:
    """Where the cells around the points of a parallelogram meet, from a coordinate of the points: (n1 + 1, n2 + 1)."""
    n1, n2 = x.shape
    along, across = (x[-1, 0] - x[0, 0]) / (n1 - 1), (x[0, -1] - x[0, 0]) / (n2 - 1)
    return np.asarray(x[0, 0] + along * (np.arange(n1 + 1) - 0.5)[:, None] + across * (np.arange(n2 + 1) - 0.5))


def _draw_fermi_line(axes: Axes, x: Real, y: Real, energy: Real) -> None:
    if energy.min() < 0 < energy.max():
        axes.contour(x, y, energy, levels=[0.0], colors="black", linewidths=0.6).set_path_effects(_halo(1.2))


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

    The zone is where no lattice point is nearer: min_G' |k - G'|^2 - |k - G|^2 > 0.
    """
    if not len(plane.reciprocal):
        return []
    from scipy.spatial import cKDTree

    reach = int(np.ceil(np.abs(plane.points).max())) + 2
    steps = itertools.product(range(-reach, reach + 1), repeat=len(plane.reciprocal))
    lattice = np.array(list(steps)) @ plane.reciprocal
    distance, index = cKDTree(lattice).query(plane.cartesian, k=2)  # (k, nearest and second nearest)
    found = []
    for G in np.unique(index[:, 0]):
        others = np.where(index[:, 0] == G, distance[:, 1], distance[:, 0])
        own = ((plane.cartesian - lattice[G]) ** 2).sum(axis=1)
        found.append((others**2 - own).reshape(plane.shape))
    return [X for X in found if X.min() < 0 < X.max()]


def axis_label(direction: Real) -> str:
    """k_x for a Cartesian axis, else the direction in the smallest whole numbers, or in decimals."""
    multiples = (direction / np.abs(direction).max() * n for n in range(1, 7))
    whole = next((w for w in multiples if np.abs(w - w.round()).max() < 1e-3), None)
    if whole is not None and np.abs(whole).sum() == 1 and whole.sum() > 0:
        return f"$k_{'xyz'[int(np.argmax(whole))]}$ (Å$^{{-1}}$)"
    numbers = " ".join(f"{x:.2f}" for x in direction) if whole is None else " ".join(str(int(x)) for x in whole.round())
    return f"k along [{numbers}] (Å$^{{-1}}$)".replace("-", "−").replace("{−1}", "{-1}")
