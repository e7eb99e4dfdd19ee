"""Bands along a path, coloured by a geometric quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.kpath import QUANTITIES, BandMap, occupied_sum
from wannier_spin.plotting.canvas import COLOURS, COLUMN, DIVERGING, check_ending, new_figure, own_style, save
from wannier_spin.plotting.words import math_unit, power_of_ten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]


def plot_bands(
    bands: BandMap,
    path: str | Path | None = None,
    *,
    fermi_energy: float | None = None,
    energy_range: tuple[float, float] | None = None,
) -> Figure:
    """Bands coloured by a geometric quantity; with a Fermi energy (eV), below them its sum over the bands below it.

    energy_range : of the drawing, eV, relative to the Fermi energy where that is given. Raises InputError as `plot`.
    """
    if path is not None:
        check_ending(path)
    if energy_range is not None and not energy_range[0] < energy_range[1]:
        raise InputError(f"energy range {energy_range[0]:g} to {energy_range[1]:g} eV is empty; give the lower energy first")
    with own_style():
        rows = 1 if fermi_energy is None else 2
        figure = new_figure((1.5 * COLUMN, 2.6 if rows == 1 else 3.8))
        panels = figure.subplots(rows, 1, sharex=True, height_ratios=[2.2, 1][:rows], squeeze=False)[:, 0]
        _draw_bands(figure, panels[0], bands, fermi_energy, energy_range)
        if fermi_energy is not None:
            _draw_sum(panels[1], bands, fermi_energy)
        for axes in panels:
            axes.set_xticks(bands.path.ticks, [_corner(label) for label in bands.path.labels])
            axes.tick_params(axis="x", length=0)
            axes.set_xlim(bands.path.distance[0], bands.path.distance[-1])
            for tick in bands.path.ticks[1:-1]:
                axes.axvline(tick, color="0.6", lw=0.5, zorder=0)
    if path is not None:
        save(figure, path)
    return figure


def _draw_bands(
    figure: Figure, axes: Axes, bands: BandMap, fermi_energy: float | None, energy_range: tuple[float, float] | None
) -> None:
    from matplotlib.collections import LineCollection

    x, y = bands.path.distance, bands.energies - (fermi_energy or 0.0)
    low, high = energy_range or (float(y.min()), float(y.max()))
    margin = 0.0 if energy_range else 0.03 * (high - low)
    joined = np.ones(len(x) - 1, bool)
    joined[[start - 1 for start in bands.path.breaks]] = False
    ends = np.stack([np.broadcast_to(x[:, None], y.shape), y], axis=-1)  # (k,n,2)
    lines = np.stack([ends[:-1], ends[1:]], axis=2)[joined].reshape(-1, 2, 2)
    values = ((bands.values[:-1] + bands.values[1:]) / 2)[joined].ravel()
    seen = ((lines[..., 1].max(axis=1) >= low) & (lines[..., 1].min(axis=1) <= high)).ravel()
    order = np.argsort(np.abs(values[seen]), kind="stable")  # strong colours on top
    norm, ticks = _colour_scale(values[seen])
    collection = LineCollection(list(lines[seen][order]), cmap=_colour_map(), norm=norm, linewidths=1.4, capstyle="round")
    collection.set_array(values[seen][order])
    axes.add_collection(collection)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel("E (eV)" if fermi_energy is None else "E − E$_F$ (eV)")
    if fermi_energy is not None:
        axes.axhline(0, color="0.3", lw=0.6, ls=":", zorder=0)
    bar = figure.colorbar(collection, ax=axes, pad=0.02, aspect=25)
    bar.set_ticks(ticks)
    bar.minorticks_off()
    bar.set_label(_quantity_label(bands))
    axes.set_title(f"{bands.model}: {QUANTITIES[bands.quantity].title}, {bands.component}", loc="left")


def _draw_sum(axes: Axes, bands: BandMap, fermi_energy: float) -> None:
    from matplotlib.ticker import LogFormatterSciNotation

    total = occupied_sum(bands, fermi_energy)
    top, usual = float(np.abs(total).max()), float(np.percentile(np.abs(total), 75))
    logarithmic = top > 20 * usual > 0
    power = 0 if logarithmic else power_of_ten(top)
    for part in np.split(np.arange(len(total)), bands.path.breaks):
        axes.plot(bands.path.distance[part], total[part] / 10.0**power, color=COLOURS[0], lw=1.0)
    axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    if logarithmic:
        linear = _nice(usual)
        axes.set_yscale("asinh", linear_width=linear)
        axes.set_yticks(_decades(linear, top))
        axes.set_ylim(min(1.6 * float(total.min()), -linear), max(1.6 * float(total.max()), linear))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(LogFormatterSciNotation())
    axes.set_ylabel(f"sum, E < E$_F${_unit_in_brackets(bands, power)}")


def _colour_scale(values: Real) -> tuple[Any, Sequence[float]]:
    """Symmetric about zero; logarithmic beyond a linear middle where a few points are much larger than most."""
    from matplotlib.colors import AsinhNorm, Normalize

    top = max(float(np.abs(values).max(initial=0.0)), 1e-12)
    usual = max(float(np.percentile(np.abs(values), 75)) if len(values) else 0.0, 1e-4 * top)
    if top < 20 * usual:
        edge = float(f"{top:.2g}")
        return Normalize(-top, top), (-edge, -edge / 2, 0.0, edge / 2, edge)
    linear = _nice(usual)
    return AsinhNorm(linear, vmin=-top, vmax=top), _decades(linear, top)


def _decades(linear: float, top: float) -> Sequence[float]:
    """Powers of ten of both signs beyond the linear middle, three at most, and zero."""
    decades = [10.0**n for n in range(math.ceil(math.log10(linear)) + 1, math.floor(math.log10(top)) + 1)][-3:]
    return (*(-d for d in reversed(decades)), 0.0, *decades)


def _nice(value: float) -> float:
    """The power of ten at or below."""
    return 10.0 ** math.floor(math.log10(value))


def _colour_map() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("wannier_spin", DIVERGING)


def _quantity_label(bands: BandMap) -> str:
    head, letters = {
        "spin_berry_curvature": ("\\Omega", bands.component),
        "spin_metric": ("g", bands.component),
        "zeeman_berry_curvature": ("\\bar{\\Omega}", bands.component),
        "zeeman_metric": ("\\bar{g}", bands.component),
    }.get(bands.quantity, ("", ""))
    symbol = f"${head}^{{{letters}}}_n$" if head else f"$\\langle\\sigma^{bands.component}\\rangle_n$"
    return symbol + _unit_in_brackets(bands)


def _unit_in_brackets(bands: BandMap, power: int = 0) -> str:
    words = " ".join(word for word in (f"$10^{{{power}}}$" if power else "", math_unit(bands.unit)) if word)
    return f" ({words})" if words else ""


def _corner(label: str) -> str:
    """The name of a corner; "G" and "GAMMA" are Gamma."""
    return "|".join("Γ" if name.upper() in ("G", "GAMMA", "GM", "\\GAMMA") else name for name in label.split("|"))
