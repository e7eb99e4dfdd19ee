"""Two results over one another, with their error bands: one panel for each response."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wannier_spin.components import has_component
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLOURS, COLUMN, LINES, check_ending, new_figure, own_style, panels, rows_of, save
from wannier_spin.plotting.curves import axis_values
from wannier_spin.plotting.look import AS_IS, Look, finish
from wannier_spin.plotting.words import axis_label, power_of_ten, scaled_unit
from wannier_spin.results import ResponseTensor
from wannier_spin.results.choose import first_largest
from wannier_spin.results.compare import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = ("mu", "temperature", "omega")


def plot_comparison(
    found: Sequence[Comparison],
    names: tuple[str, str],
    components: Sequence[str] = (),
    path: str | Path | None = None,
    fermi_energy: float | None = None,
    look: Look = AS_IS,
) -> Figure:
    """One panel for each response against its longest axis (mu, temperature or omega), the others at their first value.

    components : those that a response has; none given: where the two are largest, and no panel where both are zero. names : of the
    two results. fermi_energy : eV, from which mu counts; None: mu is absolute. look : title, limits and data of one panel.
    Raises InputError where nothing is left to draw, and as `plot`.
    """
    if path is not None:
        check_ending(path)
    chosen = [(c, component) for c in found for component in _components(c, components) if components or not _is_zero(c)]
    if not chosen:
        lack = f"no response has a component {', '.join(components)}" if components else "both results are zero everywhere"
        raise InputError(f"nothing to draw: {lack}")
    look.check_panels(len(chosen), "choose one response (-r) and component (-c)")
    columns = min(2, len(chosen))
    with own_style():
        figure = new_figure(look.size or (1.15 * COLUMN * columns, 0.4 + 2.2 * rows_of(len(chosen), columns)))
        drawn = panels(figure, len(chosen), columns)
        for axes, (comparison, component) in zip(drawn, chosen, strict=True):
            _draw(axes, comparison, component, names, fermi_energy, look)
        handles, labels = drawn[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2)
    if path is not None:
        save(figure, path)
    return figure


def _is_zero(c: Comparison) -> bool:
    return not any(tensor.values.any() for tensor in c.tensors)


def _components(c: Comparison, wanted: Sequence[str]) -> list[str]:
    if not wanted:
        tensor = c.tensors[0]
        place = np.unravel_index(first_largest(np.abs(tensor.values)), tensor.values.shape)
        return [tensor.component_name(tuple(int(i) for i in place)).partition(" ")[0]]
    return [name for name in wanted if has_component(c.tensors[0], name)]


def _draw(axes: Axes, c: Comparison, component: str, names: tuple[str, str], fermi_energy: float | None, look: Look) -> None:
    lengths = {axis: len(getattr(c.tensors[0], axis)) for axis in AXES}
    along = max(lengths, key=lambda axis: lengths[axis])
    lines = [_line(tensor, component, along, fermi_energy) for tensor in c.tensors]
    power = power_of_ten(max(float(np.abs(values).max()) for _, values, _ in lines))
    for (x, values, error), name, colour, style in zip(lines, names, COLOURS, LINES, strict=False):
        y, bar = values / 10.0**power, np.nan_to_num(error) / 10.0**power
        axes.plot(x, y, color=colour, ls=style, marker="o" if len(x) == 1 else None, label=name)
        axes.fill_between(x, y - bar, y + bar, color=colour, alpha=0.2, lw=0)
        if len(x) == 1:
            axes.errorbar(x, y, yerr=bar, color=colour, capsize=2)
    inside = [values / 10.0**power for _, values, _ in lines]
    low, high = min(v.min() for v in inside), max(v.max() for v in inside)
    margin = 0.25 * ((high - low) or abs(high) or 1.0)
    axes.set_ylim(low - margin, high + margin)
    axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    axes.set_xlabel(axis_label(c.tensors[0], along, fermi_energy))
    axes.set_ylabel(scaled_unit(c.tensors[0].unit, power))
    part = f", {c.tensors[0].parts[0]}" if c.tensors[0].parts else ""
    axes.set_title(look.title or f"{c.tensors[0].title}, {component}{part}", loc="left")
    if along == "mu" and fermi_energy is not None:
        look = look.counted_from(fermi_energy)
    finish(axes, look, 10.0**-power)


def _line(
    tensor: ResponseTensor, component: str, along: str, fermi_energy: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x in ascending order, values and errors along an axis, everything else at its first value."""
    place = tuple(slice(None) if axis == along else 0 for axis in tensor.axes[: -len(tensor.labels)])
    x, (values, error) = axis_values(tensor, along, fermi_energy), tensor.component(component)
    order = np.argsort(x, kind="stable")
    return x[order], values[place][order], error[place][order]
