"""What a user may choose of a figure besides what is drawn: title, size, limits, and data of others over the curves."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^v"


@dataclass(frozen=True)
class Reference:
    """Numbers of others: (points,) in the units of the axes. error : None where none are known. absolute : x are energies that do
    not count from the Fermi energy, wherever mu does.
    """

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    error: NDArray[np.float64] | None = None
    absolute: bool = False


@dataclass(frozen=True)
class Look:
    """title : in place of the name of what is drawn. size : (width, height) of the figure, inches. x, y : (low, high) of the axes,
    in the units at the axes, y without the power of ten there. references : drawn as points.
    """

    title: str | None = None
    size: tuple[float, float] | None = None
    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        for name, pair in (("x", self.x), ("y", self.y)):
            if pair is not None and not (np.isfinite(pair).all() and pair[0] < pair[1]):
                raise InputError(f"limits of {name}: {pair[0]:g} {pair[1]:g}, expected two numbers, the smaller one first")
        if self.size is not None and not (np.isfinite(self.size).all() and 1 <= min(self.size) and max(self.size) <= 50):
            raise InputError(f"size of the figure: {self.size[0]:g} {self.size[1]:g} inches, expected numbers from 1 to 50")

    def check_panels(self, number: int, how: str = "choose one") -> None:
        """Raise InputError where something is chosen that has a meaning for one panel, and more are drawn. how : to get one."""
        if number > 1 and (self.title or self.y or self.references):
            raise InputError(f"a title, limits of y and reference data are of one panel, and {number} are drawn: {how}")

    def counted_from(self, fermi_energy: float) -> Look:
        """With absolute energies of references as those along an axis of mu - E_F."""
        counted = (replace(one, x=one.x - fermi_energy, absolute=False) if one.absolute else one for one in self.references)
        return replace(self, references=tuple(counted))

    def check_solid(self) -> None:
        """Raise InputError where something is chosen that needs axes with numbers."""
        if self.x or self.y or self.references:
            raise InputError("a Fermi surface has no axes: limits and reference data have no meaning there, only title and size")


AS_IS = Look()
COUNTED = re.compile(r"\s*#\s*No\.")


def read_reference(path: str | Path) -> Reference:
    """Columns of numbers: x, y and maybe the error; # begins a comment, commas are spaces. Raises InputError for other files.

    Tables of postw90 count their lines in a column of their own, No., which is left out; their Fermi energies are absolute.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"reference data '{path}' cannot be read: {error}") from error
    lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
    rows = [_numbers(line) for line in lines]
    bad = next((line for line, row in zip(lines, rows, strict=True) if len(row) != len(rows[0]) or len(row) not in (2, 3)), "")
    if bad or not rows:
        found = f"found '{bad[:80]}', " if bad else ""
        raise InputError(
            f"reference data '{path}': {found}expected lines of two or three numbers, x, y and if known the error, all alike; "
            "# begins a comment"
        )
    numbers = np.array(rows)
    postw90 = COUNTED.match(text) is not None and numbers.shape[1] == 3
    if postw90:
        numbers = numbers[:, 1:]
    if numbers.shape[1] == 3 and (numbers[:, 2] < 0).any():
        raise InputError(f"reference data '{path}': {numbers[:, 2].min():g} in the third column, which is the error of y")
    bars = numbers[:, 2] if numbers.shape[1] == 3 else None
    return Reference(path.stem, numbers[:, 0], numbers[:, 1], bars, absolute=postw90 and "fermi" in text[: text.find("\n")].lower())


def _numbers(line: str) -> list[float]:
    """Those of a line; none if any word of it is no finite number."""
    try:
        found = [float(word) for word in line.partition("#")[0].replace(",", " ").split()]
    except ValueError:
        return []
    return found if np.isfinite(found).all() else []


def finish(axes: Axes, look: Look, scale: float = 1.0) -> None:
    """Reference data as open black markers, and the limits that were chosen.

    scale : what numbers of y are multiplied by for the power of ten at the axis.
    """
    for marker, one in zip(MARKERS, look.references, strict=False):
        error = None if one.error is None else scale * one.error
        axes.errorbar(one.x, scale * one.y, error, color="0.1", ls="", marker=marker, mfc="none", capsize=2, label=one.label)
    if look.x is not None:
        axes.set_xlim(*look.x)
    if look.y is not None:
        axes.set_ylim(scale * look.y[0], scale * look.y[1])


def name_references(axes: Axes, look: Look) -> None:
    """A small legend inside of a map, whose own colours are named at the bar. The white behind it keeps it legible."""
    if look.references:
        axes.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none", borderpad=0.3, handletextpad=0.3)
