"""What the scripts of this folder share: options, checks against reference curves, and the look of the panels."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wannier_spin.plotting import check_ending, save
from wannier_spin.plotting.canvas import COLOURS, COLUMN, LINES, new_figure, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[2]
RELAXATIONS = ("static", "adiabatic", "constant", "intraband", "gao")
PANEL = (1.12 * COLUMN, 2.9)  # inches


@dataclass(frozen=True)
class Curve:
    """One line of a panel; `points`: markers only, which is how reference values are drawn."""

    label: str
    x: Real
    y: Real
    points: bool = False


@dataclass(frozen=True)
class Check:
    """Numbers that must agree with a reference: the largest relative deviation, point by point, is within the tolerance.

    Where the reference is zero the deviation is taken from its largest value.
    """

    name: str
    found: Real
    expected: Real
    tolerance: float = 1e-4

    @property
    def deviation(self) -> float:
        found, expected = np.broadcast_arrays(np.atleast_1d(self.found), np.atleast_1d(self.expected))
        if not (scale := np.abs(expected).max()) > 0:
            raise ValueError(f"'{self.name}': the reference vanishes everywhere, nothing can deviate from it")
        worst = (np.abs(found - expected) / np.where(expected == 0, scale, np.abs(expected))).max()
        return float(worst)

    @property
    def passed(self) -> bool:
        return self.deviation <= self.tolerance  # also false for NaN


def options(description: str | None, default: str, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line of every script: -o and --quick."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path(default), help=f".pdf, .png or .svg (default: {default})")
    parser.add_argument("--quick", action="store_true", help="few points: seconds, the same checks")
    found = parser.parse_args(argv)
    check_ending(found.output)
    return found


def finish(figure: Figure, path: Path, checks: Sequence[Check]) -> int:
    """Save the figure, print the deviations; exit code 1 if one of them is too large."""
    print(f"\n{'largest relative deviation from the reference':62}{'found':>9}{'allowed':>9}")
    for check in checks:
        print(f"{check.name:62}{check.deviation:9.1e}{check.tolerance:9.0e}{'' if check.passed else '  TOO LARGE'}")
    print(f"written: {save(figure, path)}")
    return 0 if all(check.passed for check in checks) else 1


def figure_of(panels: Sequence[Callable[[Axes], None]], columns: int = 2) -> Figure:
    """A figure with one panel for each function that draws one, lettered (a), (b), ..."""
    rows = -(-len(panels) // columns)
    with own_style():
        figure = new_figure((PANEL[0] * columns, PANEL[1] * rows))
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
        for i, draw in enumerate(panels):
            axes = figure.add_subplot(rows, columns, i + 1)
            draw(axes)
            axes.text(-0.02, 1.02, f"({'abcdef'[i]})", transform=axes.transAxes, ha="right", va="bottom", weight="bold")
        return figure


def draw_curves(axes: Axes, curves: Sequence[Curve], title: str, labels: tuple[str, str], ncols: int = 2) -> None:
    """Lines and reference points; the legend is below the axes, where no curve is."""
    markers = iter("ox+D")
    lines = iter(zip(COLOURS, LINES, strict=True))
    for curve in curves:
        if curve.points:
            style = {"ls": "", "marker": next(markers), "mfc": "none", "mec": "black", "mew": 0.7, "ms": 4.5, "zorder": 3}
        else:
            style = dict(zip(("color", "ls"), next(lines), strict=True))
        axes.plot(curve.x, curve.y, label=curve.label, **style)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.set_title(title, loc="left")
    if axes.get_yscale() == "linear":
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    axes.margins(x=0.02)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=ncols, borderaxespad=0, handlelength=2.6, columnspacing=1.2)


def mark_gap(axes: Axes, edge: float, words: str = "gap") -> None:
    """Shade 0 < x < edge."""
    axes.axvspan(0, edge, color="0.92", lw=0, zorder=-1)
    axes.text(edge / 2, 0.97, words, transform=axes.get_xaxis_transform(), ha="center", va="top", size=7, color="0.4")
