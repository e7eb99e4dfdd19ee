"""The look of the figures, and how they become files. No pyplot: nothing is global, and no display is needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wannier_spin.errors import InputError
from wannier_spin.storage import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".pdf", ".png", ".svg")
SCREEN = 110  # dots per inch in a notebook
COLUMN = 3.4  # inches: one column of a journal
PAGE = (8.27, 11.69)  # inches: A4
# Okabe and Ito: told apart by colour-blind readers; the line styles serve those who print in grey
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1)))
DIVERGING = ("#0072B2", "#BDBDBD", "#D55E00")  # grey in the middle: a band of no curvature is still seen on white
HEAT = ("#003A5D", "#0072B2", "#F7F7F7", "#D55E00", "#6E2C00")  # white in the middle: an area of nothing is not seen
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "legend.title_fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "mathtext.default": "regular",
    "pdf.fonttype": 42,  # letters stay letters in an editor
    "savefig.dpi": 300,
    "svg.hashsalt": "wannier_spin",  # the same figure twice is the same file
    "xtick.direction": "in",
    "xtick.labelsize": 7,
    "xtick.top": True,
    "ytick.direction": "in",
    "ytick.labelsize": 7,
    "ytick.right": True,
}


@contextmanager
def own_style() -> Iterator[None]:
    """The defaults of these figures, given back afterwards. Raises InputError without matplotlib."""
    try:
        import matplotlib
    except ImportError as error:
        raise InputError("figures need matplotlib: pip install 'wannier-spin[plot]'") from error
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(
    size: tuple[float, float], rectangle: tuple[float, float, float, float] = (0, 0, 1, 1), fixed_aspect: bool = False
) -> Figure:
    """An empty figure (inches), whose panels keep inside of the rectangle (left, bottom, width, height).

    fixed_aspect : panels keep their shape, and colour bars are as high as they are.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return _shown()(figsize=size, layout=ConstrainedLayoutEngine(rect=rectangle, compress=fixed_aspect))


def panels(figure: Figure, number: int, columns: int) -> list[Axes]:
    """So many panels of equal size in rows of at most `columns`; `rows_of` says how many rows these are."""
    found = figure.subplots(rows_of(number, columns), min(columns, number), squeeze=False).ravel()
    for axes in found[number:]:
        axes.remove()
    return list(found[:number])


def columns_of(number: int) -> int:
    """Columns, 3 at most, of which the last row is full or nearly so."""
    return min(number, 3 if number % 3 == 0 or number % 6 == 5 or number > 12 else 2)


def rows_of(number: int, columns: int) -> int:
    """Rows that so many panels take."""
    return -(-number // columns)


@cache
def _shown() -> type[Figure]:
    """Figures that show themselves in a notebook, without pyplot."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            with own_style():
                self.savefig(stream, format="png", dpi=SCREEN)
            return stream.getvalue()

    return ShownFigure


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure as its ending says, whole or not at all. Raises InputError for another ending, or a wrong place."""
    check_ending(path)
    kind = Path(path).suffix[1:].lower()
    quiet = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})

    def write(temporary: Path) -> None:
        stream = io.BytesIO()  # writing to a full disk matplotlib ends in faults of its own
        figure.savefig(stream, format=kind, metadata=quiet)
        temporary.write_bytes(stream.getvalue())

    with own_style():
        return write_whole(path, write)


def check_ending(path: str | Path) -> None:
    """Raise InputError for a file that is not a picture."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise InputError(f"cannot draw to '{path}': the ending must be one of {', '.join(ENDINGS)}")
