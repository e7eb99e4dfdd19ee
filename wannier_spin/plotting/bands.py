"""Bands along a path, coloured by a geometric quantity or by what each brings to a response."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.kpath import BandMap, KPath, occupied_sum
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLOURS, COLUMN, DIVERGING, check_ending, new_figure, own_style, save
from wannier_spin.plotting.colour import SPIKY, colour_bar, colour_map, colour_scale, decades, power_below
from wannier_spin.plotting.look import AS_IS, Look, finish, name_references
from wannier_spin.plotting.words import gamma, map_symbol, map_title, power_of_ten, seen, unit_in_brackets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
NO_SPIN = 1e-3
ROUNDING = 1e-9  # of the largest sum: what is smaller is none
SHIFT = 0.6  # points
PANEL = (3.8, 2.2)  # inches, about
LETTER = 0.075  # inches, of a name at the axis
ROOM = 80  # letters above them


def plot_bands(
    bands: BandMap[KPath],
    path: str | Path | None = None,
    *,
    fermi_energy: float | None = None,
    energy_range: tuple[float, float] | None = None,
    look: Look = AS_IS,
) -> Figure:
    """Bands coloured by a geometric quantity; with a Fermi energy (eV), below them its sum over the bands below it.

    Of a response (`response_map`) bands are coloured by what they bring to it, below them is the sum over all, and energies
    count from its mu.

    energy_range : of the drawing, eV, relative to the Fermi energy where that is given. look : of the bands; x is the length of the
    path (1/angstrom), its limits of y are another name of energy_range, references are points like bands of another code.
    Raises InputError as `plot`.
    """
    if path is not None:
        check_ending(path)
    if energy_range is not None and not energy_range[0] < energy_range[1]:
        raise InputError(f"energy range {energy_range[0]:g} to {energy_range[1]:g} eV is empty; give the lower energy first")
    fermi_energy = fermi_energy if bands.mu is None else bands.mu
    energy_range = energy_range or look.y
    with own_style():
        rows = 1 if fermi_energy is None else 2
        figure = new_figure(look.size or (1.5 * COLUMN, 2.6 if rows == 1 else 4.0))
        panels = figure.subplots(rows, 1, sharex=True, height_ratios=[2.2, 1][:rows], squeeze=False)[:, 0]
        _draw_bands(figure, panels[0], bands, fermi_energy, energy_range)
        if fermi_energy is not None:
            _draw_sum(panels[1], bands, fermi_energy)
        for axes in panels:
            axes.set_xticks(bands.k.ticks, _labels(bands.k))
            axes.tick_params(axis="x", length=0)
            axes.set_xlim(bands.k.distance[0], bands.k.distance[-1])
            for tick in bands.k.ticks[1:-1]:
                axes.axvline(tick, color="0.6", lw=0.5, zorder=0)
        panels[0].set_title(map_title(bands, look.title, ROOM), loc="left")
        finish(panels[0], replace(look, y=energy_range))
        name_references(panels[0], look)
    if path is not None:
        save(figure, path)
    return figure


def _labels(path: KPath) -> list[str]:
    """Names of the corners; one that would touch the one before it stands in a second line."""
    names = [gamma(label) for label in path.labels]
    whole = float(path.distance[-1] - path.distance[0])
    end, found = -np.inf, []
    for name, place in zip(names, path.ticks, strict=True):
        half = (len(seen(name)) + 0.5) * LETTER / 2 * whole / PANEL[0]
        below = float(place) - half < end
        found.append("\n" + name if below else name)
        end = end if below else float(place) + half
    return found


def _draw_bands(
    figure: Figure, axes: Axes, bands: BandMap[KPath], fermi_energy: float | None, energy_range: tuple[float, float] | None
) -> None:
    from matplotlib.collections import LineCollection

    x, y = bands.k.distance, bands.energies - (fermi_energy or 0.0)
    low, high = energy_range or (float(y.min()), float(y.max()))
    margin = 0.0 if energy_range else 0.03 * (high - low)
    joined = np.ones(len(x) - 1, bool)
    joined[[start - 1 for start in bands.k.breaks]] = False
    ends = np.stack([np.broadcast_to(x[:, None], y.shape), y], axis=-1)  # (k,n,2)
    lines = np.stack([ends[:-1], ends[1:]], axis=2)[joined].reshape(-1, 2, 2)
    values = ((bands.values[:-1] + bands.values[1:]) / 2)[joined].ravel()
    seen = ((lines[..., 1].max(axis=1) >= low) & (lines[..., 1].min(axis=1) <= high)).ravel()
    order = np.argsort(np.abs(values[seen]), kind="stable")  # strong colours on top
    norm, ticks = colour_scale(_of_size(bands, values[seen]))
    collection = LineCollection(
        list(lines[seen][order]),
        cmap=colour_map(DIVERGING),
        norm=norm,
        linewidths=1.2,
        capstyle="round",
        offsets=_beside(lines[seen][order], np.asarray(norm(values[seen][order])), (float(x[-1] - x[0]), high - low)),
        offset_transform=figure.dpi_scale_trans,
    )
    collection.set_array(values[seen][order])
    axes.add_collection(collection, autolim=False)
    axes.set_ylim(low - margin, high + margin)
    reference = "E$_F$" if bands.mu is None else "μ"
    axes.set_ylabel("E (eV)" if fermi_energy is None else f"E − {reference} (eV)")
    if fermi_energy is not None:
        axes.axhline(0, color="0.3", lw=0.6, ls=":", zorder=0)
    colour_bar(figure, axes, collection, ticks, lambda power: f"{map_symbol(bands)}{unit_in_brackets(bands.unit, power)}")


def _of_size(bands: BandMap[KPath], values: Real) -> Real:
    """The values that make the colour scale: where no band has a spin, that of one, so that rounding has no colour."""
    if bands.quantity == "spin" and np.abs(values).max(initial=0.0) < NO_SPIN:
        return np.array([1.0])
    return values


def _beside(lines: Real, colours: Real, extent: tuple[float, float]) -> Real:
    """Shifts (inches) across each piece of a band, up where its value is positive and down where it is negative.

    Bands that lie on one another with opposite values are seen both. colours : from 0 to 1. extent : of the panel in its own units.
    """
    step = (lines[:, 1] - lines[:, 0]) / np.array(extent) * np.array(PANEL)
    across = np.stack([-step[:, 1], step[:, 0]], axis=1)
    length = np.linalg.norm(across, axis=1, keepdims=True)
    side = 2 * colours[:, None] - 1
    return np.asarray(SHIFT / 72 * side * across / np.where(length > 0, length, 1.0))


def _draw_sum(axes: Axes, bands: BandMap[KPath], fermi_energy: float) -> None:
    from matplotlib.ticker import LogFormatterSciNotation

    total = occupied_sum(bands, fermi_energy)
    top, usual = float(np.abs(total).max()), float(np.percentile(np.abs(total), 75))
    nothing = bands.quantity == "spin" and top < NO_SPIN
    logarithmic = top > SPIKY * usual > ROUNDING * top and not nothing
    power = 0 if logarithmic or nothing else power_of_ten(top)
    for part in np.split(np.arange(len(total)), bands.k.breaks):
        axes.plot(bands.k.distance[part], total[part] / 10.0**power, color=COLOURS[0], lw=1.0)
    axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    if logarithmic:
        linear = power_below(usual)
        axes.set_yscale("asinh", linear_width=linear)
        axes.set_yticks(decades(linear, top, most=2))
        axes.set_ylim(min(1.6 * float(total.min()), -linear), max(1.6 * float(total.max()), linear))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(LogFormatterSciNotation())
    if nothing:
        axes.set_ylim(-1, 1)  # rounding is no curve
    words = "sum, E < E$_F$" if bands.mu is None else "sum over bands"
    axes.set_title(f"{words}{unit_in_brackets(bands.unit, power)}", loc="left")
