"""A ranking as bars with their errors: what stands above its error bar, and what does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLOURS, COLUMN, check_ending, new_figure, own_style, save
from wannier_spin.plotting.words import power_of_ten, unit_in_brackets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
ROOM = 2.0  # times the largest value that is above its error: longer bars of errors are cut


def plot_ranking(
    names: Sequence[str], values: Real, errors: Real, quantity: str, unit: str = "", path: str | Path | None = None
) -> Figure:
    """One bar for each name, in the given order from the top; pale where the value (n,) is below its error (n,; NaN: none).

    quantity, unit : for the axis. Raises InputError where there is nothing to draw, and as `plot`.
    """
    if path is not None:
        check_ending(path)
    if not len(names):
        raise InputError(f"'{quantity}': no material has a number to draw")
    known = np.nan_to_num(errors, nan=0.0)
    resolved = np.abs(values) > known
    top = float(np.abs(values[resolved] if resolved.any() else values).max()) or 1.0
    power = power_of_ten(top)
    with own_style():
        figure = new_figure((1.3 * COLUMN, 0.8 + 0.26 * len(names)))
        axes = figure.subplots()
        for i, (value, error) in enumerate(zip(values / 10.0**power, known / 10.0**power, strict=True)):
            axes.barh(i, value, color=COLOURS[0], alpha=1.0 if resolved[i] else 0.3, height=0.6)
            axes.errorbar(value, i, xerr=error or None, color="black", elinewidth=0.8, capsize=2)
        axes.set_yticks(range(len(names)), list(names))
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(names) - 0.4, -0.6)
        limit = ROOM * top / 10.0**power
        ends = np.concatenate([values - known, values + known, [0.0]]) / 10.0**power
        margin = 0.04 * float(np.ptp(ends))
        axes.set_xlim(max(-limit, float(ends.min()) - margin), min(limit, float(ends.max()) + margin))
        axes.axvline(0, color="0.3", lw=0.6)
        axes.set_xlabel(f"{quantity}{unit_in_brackets(unit, power)}")
        if not resolved.all():
            axes.set_title("pale: below its error bar", loc="left")
    if path is not None:
        save(figure, path)
    return figure
