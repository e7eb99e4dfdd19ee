"""Values with their bars against the number of k-points: one panel for each component."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLOURS, COLUMN, check_ending, new_figure, own_style, panels, rows_of, save
from wannier_spin.plotting.look import AS_IS, Look, finish
from wannier_spin.plotting.words import power_of_ten, scaled_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
ROOM = 1.5  # times the largest value: a longer bar is cut, and ends in an arrow
HEIGHT = 2.1  # inches, of a panel


class Scan(Protocol):
    """What is drawn, see `calculation.converge.Convergence`: points, and values and errors in `unit`, (step,)."""

    @property
    def title(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def points(self) -> NDArray[np.int64]: ...
    @property
    def values(self) -> Real: ...
    @property
    def errors(self) -> Real: ...


def plot_convergence(scans: Sequence[Scan], path: str | Path | None = None, *, look: Look = AS_IS) -> Figure:
    """One panel for each component; the band is the last bar. look : x is a number of k-points.

    Raises InputError where there is nothing to draw, and as `plot`.
    """
    if path is not None:
        check_ending(path)
    if not scans:
        raise InputError("nothing to draw: every response of this input is forbidden by symmetry")
    look.check_panels(len(scans), "choose one component (-c)")
    columns = min(2, len(scans))
    with own_style():
        figure = new_figure(look.size or (1.15 * COLUMN * columns, 0.3 + HEIGHT * rows_of(len(scans), columns)))
        for axes, scan in zip(panels(figure, len(scans), columns), scans, strict=True):
            _draw(axes, scan, look)
    if path is not None:
        save(figure, path)
    return figure


def _draw(axes: Axes, scan: Scan, look: Look) -> None:
    power = power_of_ten(float(np.abs(scan.values).max()))
    values, errors = scan.values / 10.0**power, np.nan_to_num(scan.errors, nan=0.0) / 10.0**power
    ends = np.concatenate([values - errors, values + errors])
    centre, reach = float(values[-1]), ROOM * float(np.abs(values).max())
    low, high = max(float(ends.min()), centre - reach), min(float(ends.max()), centre + reach)
    margin = 0.08 * ((high - low) or abs(centre) or 1.0)
    axes.axhspan(centre - errors[-1], centre + errors[-1], color=COLOURS[0], alpha=0.15, lw=0)
    axes.errorbar(scan.points, values, yerr=errors, color=COLOURS[0], marker="o", capsize=2, elinewidth=0.8)
    axes.set_ylim(low - margin, high + margin)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(scan.points, [f"{label}\n{n:,}" for label, n in zip(scan.labels, scan.points, strict=True)])
    axes.set_xlabel("k-points evaluated")
    axes.set_ylabel(scaled_unit(scan.unit, power))
    axes.set_title(look.title or f"{scan.title}, {scan.component}", loc="left")
    finish(axes, look, 10.0**-power)
    if look.references:
        axes.legend()
