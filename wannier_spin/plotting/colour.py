"""Colour scales that are symmetric about zero: linear, or logarithmic beyond a linear middle where a few points are far larger."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.plotting.words import power_of_ten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
Scale = Literal["auto", "linear", "symlog"]
ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
OVER = 1.01
SPIKY = 20.0  # times the upper quartile: a largest value beyond it would leave nothing but white in a linear scale


def colour_scale(values: Real, scale: Scale = "auto") -> tuple[Any, Sequence[float]]:
    """A norm of matplotlib and ticks, of values (...). auto : logarithmic where a few points are much larger than most."""
    from matplotlib.colors import AsinhNorm, Normalize

    if scale not in ("auto", "linear", "symlog"):
        raise InputError(f"scale = '{scale}' is not available; choose from auto, linear, symlog")
    top = rounded_up(max(float(np.abs(values).max(initial=0.0)), 1e-12))
    usual = max(float(np.percentile(np.abs(values), 75)) if len(values) else 0.0, 1e-4 * top)
    if scale == "linear" or (scale == "auto" and top < SPIKY * usual):
        return Normalize(-top, top), (-top, -top / 2, 0.0, top / 2, top)
    linear = power_below(min(usual, top / SPIKY))
    return AsinhNorm(linear, vmin=-top, vmax=top), decades(linear, top)


def colour_bar(figure: Figure, axes: Axes, artist: Any, ticks: Sequence[float], label: Callable[[int], str]) -> None:
    """A colour bar with these ticks; label(p) : its label, where ticks are in units of 10^p."""
    from matplotlib.colors import Normalize

    linear = type(artist.norm) is Normalize
    power = power_of_ten(max(ticks)) if linear else 0
    plain = all(tick == 0 or 0.01 <= abs(tick) <= 100 for tick in ticks)
    texts = [_plain_text(tick / 10.0**power) if linear or plain else _power_text(tick) for tick in ticks]
    bar = figure.colorbar(artist, ax=axes, pad=0.02, aspect=25)
    bar.set_ticks(ticks, labels=texts)
    bar.minorticks_off()
    bar.set_label(label(power))


def _plain_text(tick: float) -> str:
    return f"{tick:.3g}".replace("-", "−")


def _power_text(tick: float) -> str:
    """A power of ten as mathtext, or zero."""
    if tick == 0:
        return "0"
    return f"${'-' if tick < 0 else ''}10^{{{round(math.log10(abs(tick)))}}}$"


def decades(linear: float, top: float, most: int = 3) -> Sequence[float]:
    """Powers of ten of both signs beyond the linear middle, the largest ones, and zero."""
    powers = [10.0**n for n in range(math.ceil(math.log10(linear)) + 1, math.floor(math.log10(top)) + 1)][-most:]
    return (*(-p for p in reversed(powers)), 0.0, *powers)


def power_below(value: float) -> float:
    """The power of ten at or below."""
    return 10.0 ** math.floor(math.log10(value))


def rounded_up(value: float) -> float:
    """To a number that stands well at the end of a colour bar: 1, 1.2, 1.5, 2 ... times a power of ten.

    What is beyond it by less than a hundredth has the last colour: interpolated spins are a little larger than one.
    """
    power = power_below(value)
    return next((step * power for step in ROUND if value <= step * power * OVER), 10 * power)


def colour_map(colours: Sequence[str]) -> Any:
    """A colour map of matplotlib through these colours."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("wannier_spin", list(colours))
