"""Responses against mu, T, omega or tau with error bands, one panel each; and all of them on one page."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wannier_spin.components import checked_name
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLOURS, COLUMN, LINES, PAGE, check_ending, new_figure, own_style, save
from wannier_spin.plotting.curves import Curve, View, curves, drawn_of, has_component, position, scan_axes, scan_axis
from wannier_spin.plotting.words import axis_label, fact_lines, math_symbol, math_unit, power_of_ten, setting
from wannier_spin.results import ResponseTensor, ResultSet, RunFacts, is_forbidden

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
Panel = tuple[ResponseTensor, View]
MARKED = 12  # points: with more, markers hide the line
WRAP = 145  # letters in a line of the summary sheet


def plot(
    result: ResultSet | ResponseTensor,
    path: str | Path | None = None,
    *,
    responses: str | Sequence[str] = (),
    components: str | Sequence[str] = (),
    against: str | None = None,
    lines: str | None = None,
    at: Mapping[str, float] | None = None,
) -> Figure:
    """Draw responses, one panel each, with error bands; written to `path` (.pdf, .png, .svg) where one is given.

    Parameters
    ----------
    responses : names; (): all that symmetry allows.
    components : like "xy;z"; (): the independent ones where symmetry is known, else the largest.
    against : mu, temperature, omega or tau; None: omega for a spectrum, else the first that has more than one value. A result
        of one point is drawn as bars.
    lines : one of those again: one curve for each of its values, of the first component or of those named.
    at : axis -> value (absolute, in the axis's unit) where an axis is neither; the nearest value of the result is taken.

    Raises
    ------
    InputError : names, components and axes that the result does not have, another ending, no matplotlib.
    """
    if path is not None:
        check_ending(path)
    result = ResultSet({result.name: result}) if isinstance(result, ResponseTensor) else result
    panels = _panels(result, _names(responses), View(_names(components), against, lines, at))
    columns = min(len(panels), 1 if len(panels) == 1 else 2 if len(panels) <= 4 else 3)
    rows = -(-len(panels) // columns)
    with own_style():
        figure = new_figure((COLUMN * columns, 2.75 * rows))
        _draw_panels(figure, panels, result.facts, (rows, columns))
    if path is not None:
        save(figure, path)
    return figure


def summary_sheet(result: ResultSet, path: str | Path | None = None, *, title: str | None = None) -> Figure:
    """One page (A4, longer for over twelve panels): every response that symmetry allows, how it was computed, and the warnings.

    title : of the page, for instance the name of the file. Raises InputError as `plot`.
    """
    if path is not None:
        check_ending(path)
    panels = _panels(result, (), View())
    columns = 1 if len(panels) == 1 else 2 if len(panels) <= 8 else 3
    most = 6 if columns < 3 else 4
    panels = tuple((tensor, View(most=most)) for tensor, _ in panels)
    forbidden = [name for name, tensor in result.items() if is_forbidden(tensor, result.facts)]
    head = [line for text in fact_lines(result) for line in textwrap.wrap(text, WRAP, subsequent_indent="    ")]
    if forbidden and len(forbidden) < len(result):
        head += textwrap.wrap(f"forbidden by symmetry: {', '.join(forbidden)}", WRAP, subsequent_indent="    ")
    notes = [line for text in result.warnings for line in textwrap.wrap(f"warning: {text}", WRAP, subsequent_indent="    ")]
    rows = max(-(-len(panels) // columns), 3)  # a page of few panels keeps their shape
    height = PAGE[1] * max(1, rows / 4)  # more than four rows do not fit on a page
    with own_style():
        figure = new_figure((PAGE[0], height), _rectangle(len(head) + 2, len(notes), height))
        _draw_panels(figure, panels, result.facts, (rows, columns))
        name = title or result.facts.model
        figure.text(0.04, 1 - 0.35 / height, name, size=11, weight="bold", va="top")
        figure.text(0.04, 1 - 0.62 / height, "\n".join(head), size=7, va="top", linespacing=1.4)
        figure.text(0.04, 0.35 / height, "\n".join(notes), size=7, va="bottom", linespacing=1.4, color=COLOURS[1])
    if path is not None:
        save(figure, path)
    return figure


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _panels(result: ResultSet, responses: Sequence[str], view: View) -> tuple[Panel, ...]:
    """The responses to draw, each with how to look at it. Raises InputError where nothing fits."""
    unknown = [name for name in responses if name not in result]
    if unknown:
        raise InputError(f"no response '{unknown[0]}' in this result; it has {', '.join(result)}")
    chosen = [result[name] for name in responses or result]
    if not responses and not view.components:
        chosen = [tensor for tensor in chosen if not is_forbidden(tensor, result.facts)] or chosen
    components = _by_response(chosen, view.components)
    fitting: list[Panel] = []
    refusal = None
    for tensor in chosen:
        own = replace(view, components=components[tensor.name])
        try:
            if view.components and not own.components:
                checked_name(tensor, view.components[0])
                continue  # the name fits, but is written as that of another response
            curves(tensor, result.facts, own)
            fitting.append((tensor, own))
        except InputError as error:
            refusal = error
    if refusal is not None and (not fitting or responses):
        raise refusal
    return tuple(fitting)


def _by_response(tensors: Sequence[ResponseTensor], components: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The components of each response: "zxx" is nonlinear where that is there, else zx;x. InputError for one of none."""
    found: dict[str, tuple[str, ...]] = {tensor.name: () for tensor in tensors}
    for component in components:
        fitting = [tensor for tensor in tensors if has_component(tensor, component)]
        if not fitting:
            checked_name(tensors[0], component)
        exact = [tensor for tensor in fitting if checked_name(tensor, component) == component]
        for tensor in exact or fitting:
            found[tensor.name] += (component,)
    return found


def _draw_panels(figure: Figure, panels: Sequence[Panel], facts: RunFacts, shape: tuple[int, int]) -> None:
    grid = figure.add_gridspec(*shape)
    for i, (tensor, view) in enumerate(panels):
        draw_response(figure.add_subplot(grid[divmod(i, shape[1])]), tensor, facts, view)


def draw_response(axes: Axes, tensor: ResponseTensor, facts: RunFacts, view: View) -> None:
    """One panel on given axes."""
    found = curves(tensor, facts, view)
    against = view.against or scan_axis(tensor)
    title = textwrap.fill(tensor.title + (" (not converged)" if tensor.converged is False else ""), _room(axes, 0.061))
    if not found:
        words = "forbidden by symmetry" if is_forbidden(tensor, facts) else "zero"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center")
        axes.set(xticks=[], yticks=[], ylabel=math_symbol(tensor.symbol))
        axes.set_title(title, loc="left")
        return
    power = power_of_ten(max(float(np.abs(curve.y[np.isfinite(curve.y)]).max(initial=0.0)) for curve in found))
    quantity = _quantity_label(tensor, power)
    title = "\n".join([title, *textwrap.wrap(_fixed(tensor, facts, view, against), _room(axes, 0.059))])
    if against is None:
        _draw_bars(axes, found, 10.0**-power)
        axes.set_xlabel(quantity)
        axes.set_title(title, loc="left")
        return
    _draw_lines(axes, found, 10.0**-power)
    axes.set(xlabel=axis_label(tensor, against, facts), ylabel=quantity)
    if against == "mu" and facts.fermi_energy is not None:
        axes.axvline(0, color="0.6", lw=0.6, zorder=0)
    _legend(axes, title, found)


def _room(axes: Axes, width: float) -> int:
    """How many letters of this width (inches) fit above a panel, before the layout moves it a little."""
    return int(axes.bbox.width / axes.figure.dpi / width)


def _quantity_label(tensor: ResponseTensor, power: int) -> str:
    """Symbol, power of ten and unit."""
    unit = math_unit(tensor.unit).removeprefix("1" if power else "")
    words = " ".join(part for part in (f"$10^{{{power}}}$" if power else "", unit) if part)
    return f"{math_symbol(tensor.symbol)} ({words})"


def _fixed(tensor: ResponseTensor, facts: RunFacts, view: View, against: str | None) -> str:
    """Where the axes stand that are not drawn: "T = 300 K, tau = 10 fs"."""
    matters = [axis for axis in scan_axes(tensor) if axis not in (against, view.lines) and (axis != "tau" or tensor.tau_power)]
    values = {axis: getattr(tensor, axis)[position(tensor, axis, facts, view.at or {})] for axis in matters}
    words = [setting(tensor, facts, axis, value) for axis, value in values.items()]
    drawn, total = drawn_of(tensor, facts, view)
    words += [f"largest {drawn} of {total}"] if drawn < total else []
    words += ["ħ = e = 1"] if tensor.units == "natural" else []
    return ", ".join(word.replace(" ", "\xa0") for word in words)  # lines break at commas only


def _draw_lines(axes: Axes, found: Sequence[Curve], scale: float) -> None:
    for i, curve in enumerate(found):
        y, error = scale * _drawable(curve.y), scale * curve.error
        colour, line = COLOURS[i % len(COLOURS)], LINES[(i + i // len(COLOURS)) % len(LINES)]
        axes.plot(curve.x, y, color=colour, ls=line, label=curve.label, marker="o" if len(curve.x) <= MARKED else "")
        if np.isfinite(error).any():
            axes.fill_between(curve.x, y - error, y + error, color=colour, alpha=0.2, lw=0)
    if not all(np.all(scale * curve.y > 0) for curve in found):
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    axes.margins(x=0.03 if len(found[0].x) <= MARKED else 0.01)


def _draw_bars(axes: Axes, found: Sequence[Curve], scale: float) -> None:
    """A result of one point: a bar for each component, with its error."""
    places = np.arange(len(found))
    for i, curve in enumerate(found):
        error = scale * curve.error[0]
        bar = None if math.isnan(error) else error
        axes.barh(i, scale * _drawable(curve.y)[0], xerr=bar, color=COLOURS[0], height=0.6, error_kw={"lw": 0.8, "capsize": 2})
    axes.set_yticks(places, [curve.label for curve in found])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(found), 3) - 0.4, -0.6)
    axes.axvline(0, color="0.3", lw=0.6)


def _legend(axes: Axes, title: str, found: Sequence[Curve]) -> None:
    """Above the axes, where no curve is; as many columns as the longest label leaves room for."""
    longest = max(len(re.sub(r"\$\\\w+\$", "x", curve.label)) for curve in found)
    axes.legend(
        title=title,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        borderpad=0,
        ncols=max(1, min(3, len(found), _room(axes, 0.053) // (longest + 7))),
        handlelength=2.4,
        columnspacing=1.2,
        labelspacing=0.3,
    )


def _drawable(y: Real) -> Real:
    """A gap in the line where the response diverges."""
    return np.where(np.isfinite(y), y, np.nan)


def _rectangle(lines_above: int, lines_below: int, height: float) -> tuple[float, float, float, float]:
    """The rectangle (left, bottom, width, height) that panels may fill on a page with text above and below."""
    above, below = 0.45 + 0.145 * lines_above, 0.4 + 0.145 * lines_below
    return 0.03, below / height, 0.94, 1 - (above + below) / height
