"""Responses against mu, T, omega or tau with error bands, one panel each; and all of them on one page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wannier_spin.components import checked_name, has_component
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import (
    COLOURS,
    COLUMN,
    LINES,
    PAGE,
    check_ending,
    columns_of,
    new_figure,
    own_style,
    rows_of,
    save,
)
from wannier_spin.plotting.curves import Curve, View, curves, drawn_of, position, scan_axes, scan_axis
from wannier_spin.plotting.look import AS_IS, Look, finish
from wannier_spin.plotting.words import (
    axis_label,
    fact_lines,
    math_symbol,
    math_unit,
    power_of_ten,
    seen,
    setting,
    typeset,
    wrapped,
)
from wannier_spin.results import ResponseTensor, ResultSet, RunFacts, is_forbidden, load
from wannier_spin.results.numbers import with_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
Panel = tuple[ResponseTensor, View]
MARKED = 12  # points: with more, markers hide the line
FEW = 5  # points: up to so many are drawn as points with error bars
BEYOND = 0.5  # of the range of the values
BAR = 0.5  # of the distance between two of them
TICKS = 6  # intervals at the horizontal axis: more would touch in a narrow panel
ROW = {1: 4.2, 2: 3.2, 3: 3.1}  # inches, height of a row of so many panels on the summary sheet
WRAP = 145  # letters in a line of the summary sheet


def plot(
    result: ResultSet | ResponseTensor | str | Path,
    path: str | Path | None = None,
    *,
    responses: str | Sequence[str] = (),
    components: str | Sequence[str] = (),
    against: str | None = None,
    lines: str | None = None,
    at: Mapping[str, float] | None = None,
    look: Look = AS_IS,
) -> Figure:
    """Draw responses, one panel each, with error bands; written to `path` (.pdf, .png, .svg) where one is given.

    Parameters
    ----------
    result : a result, a response, or the name of a result file.
    responses : names; (): all that symmetry allows.
    components : like "xy;z"; (): the independent ones where symmetry is known, else the largest.
    against : mu, temperature, omega or tau; None: omega for a spectrum, else the first that has more than one value. A result
        of one point is drawn as bars.
    lines : one of those again: one curve for each of its values, of the first component or of those named.
    at : axis -> value (absolute, in the axis's unit) where an axis is neither; the nearest value of the result is taken.
    look : title, size, limits and reference data; a title, limits of y and references are of one response.

    Raises
    ------
    InputError : names, components and axes that the result does not have, another ending, no matplotlib.
    """
    if path is not None:
        check_ending(path)
    result = _result(result)
    panels = _panels(result, _names(responses), View(_names(components), against, lines, at))
    look.check_panels(len(panels), "choose one response (-r)")
    columns = columns_of(len(panels))
    rows = rows_of(len(panels), columns)
    with own_style():
        figure = new_figure(look.size or (COLUMN * columns, 2.75 * rows))
        _draw_panels(figure, panels, result.facts, (rows, columns), look)
    if path is not None:
        save(figure, path)
    return figure


def _result(given: ResultSet | ResponseTensor | str | Path) -> ResultSet:
    """The result that a response, a file or a result stands for. Raises InputError."""
    if isinstance(given, ResultSet):
        return given
    if isinstance(given, ResponseTensor):
        return ResultSet({given.name: given})
    if isinstance(given, str | Path):
        return load(given)
    raise InputError(f"cannot draw {type(given).__name__}; expected a result, a response, or the name of a result file")


def summary_sheet(result: ResultSet | str | Path, path: str | Path | None = None, *, title: str | None = None) -> Figure:
    """One page (A4, longer for over twelve panels): every response that symmetry allows, how it was computed, and the warnings.

    title : of the page, for instance the name of the file. Raises InputError as `plot`.
    """
    if path is not None:
        check_ending(path)
    result = _result(result)
    panels = _panels(result, (), View())
    columns = columns_of(len(panels))
    most = 6 if columns < 3 else 4
    panels = tuple((tensor, View(most=most)) for tensor, _ in panels)
    forbidden = [name for name, tensor in result.items() if is_forbidden(tensor, result.facts)]
    head = [line for text in fact_lines(result) for line in textwrap.wrap(text, WRAP, subsequent_indent="    ")]
    if forbidden and len(forbidden) < len(result):
        head += textwrap.wrap(f"forbidden by symmetry: {', '.join(forbidden)}", WRAP, subsequent_indent="    ")
    notes = [line for text in result.warnings for line in textwrap.wrap(f"warning: {text}", WRAP, subsequent_indent="    ")]
    rows = rows_of(len(panels), columns)
    height = rows * ROW[columns] + _above(len(head) + 2) + _below(len(notes))  # as high as what is on it
    with own_style():
        figure = new_figure((PAGE[0], height), _rectangle(len(head) + 2, len(notes), height))
        _draw_panels(figure, panels, result.facts, (rows, columns))
        name = title or result.facts.model
        figure.text(0.04, 1 - 0.35 / height, name, size=11, weight="bold", va="top")
        figure.text(0.04, 1 - 0.62 / height, "\n".join(map(typeset, head)), size=7, va="top", linespacing=1.4)
        figure.text(0.04, 0.35 / height, "\n".join(map(typeset, notes)), size=7, va="bottom", linespacing=1.4, color=COLOURS[1])
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


def _draw_panels(figure: Figure, panels: Sequence[Panel], facts: RunFacts, shape: tuple[int, int], look: Look = AS_IS) -> None:
    grid = figure.add_gridspec(*shape)
    for i, (tensor, view) in enumerate(panels):
        draw_response(figure.add_subplot(grid[divmod(i, shape[1])]), tensor, facts, view, look)


def draw_response(axes: Axes, tensor: ResponseTensor, facts: RunFacts, view: View, look: Look = AS_IS) -> None:
    """One panel on given axes."""
    found = curves(tensor, facts, view)
    against = view.against or scan_axis(tensor)
    title = wrapped((look.title or tensor.title) + (" (not converged)" if tensor.converged is False else ""), _room(axes, 0.061))
    if not found:
        words = "forbidden by symmetry" if is_forbidden(tensor, facts) else "zero"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center")
        axes.set(xticks=[], yticks=[], ylabel=math_symbol(tensor.symbol))
        axes.set_title(title, loc="left")
        return
    power = power_of_ten(max(float(np.abs(curve.y[np.isfinite(curve.y)]).max(initial=0.0)) for curve in found))
    quantity = _quantity_label(tensor, power)
    title = "\n".join([title, wrapped(_fixed(tensor, facts, view, against, found), _room(axes, 0.057))])
    if against is None:
        _draw_bars(axes, found, 10.0**-power)
        if look.references:
            raise InputError("reference data are points along an axis, and this result has one point")
        axes.set_xlabel(quantity)
        axes.set_title(title, loc="left")
        return
    _draw_lines(axes, found, 10.0**-power)
    axes.set(xlabel=axis_label(tensor, against, facts.fermi_energy), ylabel=quantity)
    if against == "mu" and facts.fermi_energy is not None:
        axes.axvline(0, color="0.6", lw=0.6, zorder=0)
        look = look.counted_from(facts.fermi_energy)
    finish(axes, look, 10.0**-power)
    _legend(axes, title, [*(curve.label for curve in found), *(one.label for one in look.references)])


def _room(axes: Axes, width: float) -> int:
    """How many letters of this width (inches) fit above a panel, before the layout moves it a little."""
    return int(axes.bbox.width / axes.figure.dpi / width)


def _quantity_label(tensor: ResponseTensor, power: int) -> str:
    """Symbol, power of ten and unit."""
    unit = math_unit(tensor.unit).removeprefix("1" if power else "")
    words = " ".join(part for part in (f"$10^{{{power}}}$" if power else "", unit) if part)
    return f"{math_symbol(tensor.symbol)} ({words})"


def _fixed(tensor: ResponseTensor, facts: RunFacts, view: View, against: str | None, found: Sequence[Curve]) -> str:
    """Where the axes stand that are not drawn: "T = 300 K, tau = 10 fs"."""
    matters = [axis for axis in scan_axes(tensor) if axis not in (against, view.lines) and (axis != "tau" or tensor.tau_power)]
    values = {axis: getattr(tensor, axis)[position(tensor, axis, facts, view.at or {})] for axis in matters}
    words = [setting(tensor, facts, axis, value) for axis, value in values.items()]
    drawn, total = drawn_of(tensor, facts, view)
    words += [f"largest {drawn} of {total}"] if drawn < total else []
    words += ["ħ = e = 1"] if tensor.units == "natural" else []
    words += ["bars longer than the panel"] if _cut(found) else []
    lost = sum(int((~np.isfinite(curve.y)).sum()) for curve in found)
    words += [f"{lost} points not finite"] if lost else []
    words += ["no estimate of errors"] if all(np.isnan(curve.error).all() for curve in found) else []
    return ", ".join(word.replace(" ", "\xa0") for word in words)  # lines break at commas only


def _draw_lines(axes: Axes, found: Sequence[Curve], scale: float) -> None:
    """Lines with error bands; of few points the points, with error bars."""
    few = len(found[0].x) <= FEW
    for i, curve in enumerate(found):
        y, error = scale * _drawable(curve.y), scale * _drawable(curve.error)
        colour, line = COLOURS[i % len(COLOURS)], LINES[(i + i // len(COLOURS)) % len(LINES)]
        marker = "o" if len(curve.x) <= MARKED else ""
        axes.plot(curve.x, y, color=colour, ls=line, label=curve.label, marker=marker, lw=0.6 if few else 1.2)
        if np.isfinite(error).any() and few:
            axes.errorbar(curve.x, y, error, color=colour, ls="", elinewidth=0.8, capsize=2)
        elif np.isfinite(error).any():
            axes.fill_between(curve.x, y - error, y + error, color=colour, alpha=0.2, lw=0)
    if not all(np.all(scale * curve.y > 0) for curve in found):
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    axes.set_ylim(*_limits(found, scale))
    axes.locator_params(axis="x", nbins=TICKS)
    axes.margins(x=0.08 if few else 0.03 if len(found[0].x) <= MARKED else 0.01)


def _limits(found: Sequence[Curve], scale: float) -> tuple[float, float]:
    """Of the values, which bars of errors may enlarge by no more than `BEYOND` of it: one huge bar must not flatten all curves."""
    y = scale * np.concatenate([_drawable(curve.y) for curve in found])
    error = scale * np.nan_to_num(np.concatenate([_drawable(curve.error) for curve in found]))
    low, high = float(np.nanmin(y, initial=0.0)), float(np.nanmax(y, initial=0.0))
    if np.isfinite(y).any():
        low, high = float(np.nanmin(y)), float(np.nanmax(y))
    room = BEYOND * max(high - low, 0.5 * max(abs(low), abs(high)))
    with_bars = float(np.nanmin(y - error, initial=low)), float(np.nanmax(y + error, initial=high))
    low, high = max(with_bars[0], low - room), min(with_bars[1], high + room)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _cut(found: Sequence[Curve]) -> bool:
    """Whether a bar goes beyond the panel."""
    low, high = _limits(found, 1.0)
    ends = ((curve.y - curve.error, curve.y + curve.error) for curve in found)
    return any((a < low).any() or (b > high).any() for a, b in ends)


def _draw_bars(axes: Axes, found: Sequence[Curve], scale: float) -> None:
    """A result of one point: a bar for each component, with its error and the number."""
    places = np.arange(len(found))
    for i, curve in enumerate(found):
        error = scale * curve.error[0]
        bar = None if not math.isfinite(error) else error
        axes.barh(i, scale * _drawable(curve.y)[0], xerr=bar, color=COLOURS[0], height=BAR, error_kw={"lw": 0.8, "capsize": 2})
        axes.annotate(
            with_bar(float(curve.y[0]), float(curve.error[0])),
            (1, i - BAR / 2),
            (-3, 1.5),
            size=6.5,
            ha="right",
            va="bottom",
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
        )
    axes.set_yticks(places, [curve.label for curve in found])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(found), 3) - 0.4, -0.6)
    low, high = _limits(found, scale)
    axes.set_xlim(min(low, 0.05 * low if low > 0 else low, 0.0), max(high, 0.0))
    axes.axvline(0, color="0.3", lw=0.6)


def _legend(axes: Axes, title: str, labels: Sequence[str]) -> None:
    """Above the axes, where no curve is; as many columns as the longest label leaves room for."""
    longest = max(len(seen(label)) for label in labels)
    axes.legend(
        title=title,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        borderpad=0,
        ncols=max(1, min(3, len(labels), _room(axes, 0.053) // (longest + 6))),
        handlelength=2.4,
        columnspacing=1.2,
        labelspacing=0.3,
    )


def _drawable(y: Real) -> Real:
    """A gap in the line where the response diverges."""
    return np.where(np.isfinite(y), y, np.nan)


def _rectangle(lines_above: int, lines_below: int, height: float) -> tuple[float, float, float, float]:
    """The rectangle (left, bottom, width, height) that panels may fill on a page with text above and below."""
    above, below = _above(lines_above), _below(lines_below)
    return 0.03, below / height, 0.94, 1 - (above + below) / height


def _above(lines: int) -> float:
    """Inches of text on top of a page."""
    return 0.45 + 0.145 * lines


def _below(lines: int) -> float:
    return 0.4 + 0.145 * lines
