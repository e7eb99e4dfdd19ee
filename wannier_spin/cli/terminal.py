"""Text that is no wider than the terminal; in a file or a pipe lines stay whole, for other programs to read."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

NARROW = 20  # letters: of fewer, lines are not made


def columns(stream: TextIO) -> int | None:
    """Letters in a line of the terminal that a stream writes to; None where it is none."""
    return max(NARROW, shutil.get_terminal_size().columns) if stream.isatty() else None


def say(text: str, error: bool = False) -> None:
    """Print lines of words; error : to stderr, at once."""
    stream = sys.stderr if error else sys.stdout
    width = columns(stream)
    lines = text if width is None else "\n".join("\n    ".join(broken(line, width - 4)) for line in text.split("\n"))
    print(lines, file=stream, flush=error)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """A line on the terminal as long as something takes; nothing in a log file."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(what, spinner_style="none"):
        yield


def broken(text: str, width: int) -> list[str]:
    """Lines of at most so many letters, broken at spaces; longer words behind underscores, else anywhere. At least one."""
    lines = [""]
    for word in re.findall(r"\s*\S+", text):
        short = len(word.strip()) <= width
        for piece in (word,) if short else re.findall(rf"[^_]{{0,{width - 1}}}_|[^_]{{1,{width}}}", word.strip()):
            if lines[-1] and len(lines[-1] + piece) > width:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip() if len(lines) > 1 else piece
    return lines


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal at most."""
    print(table(head, rows, columns(sys.stdout)))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Columns of text, readable in a log file; cells are broken where they would make lines longer than `width`."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    if width is not None:
        widths = _narrowed(widths, lines, width)
    return "\n".join(_row(line, widths) for line in lines)


def _narrowed(widths: list[int], lines: Sequence[Sequence[str]], width: int) -> list[int]:
    """The widest columns become narrower until a line fits; words stay whole as long as possible, then parts of names."""

    def longest(separator: str) -> list[int]:
        return [max(len(piece) for line in lines for piece in re.split(separator, line[i])) for i in range(len(widths))]

    found, pieces = list(widths), longest(r"\s|(?<=_)")
    for least in (longest(r"\s"), pieces, [min(piece, 6) for piece in pieces]):
        while sum(found) + 2 * (len(found) - 1) > width:
            wide = [i for i in range(len(found)) if found[i] > least[i]]
            if not wide:
                break
            found[max(wide, key=lambda i: found[i])] -= 1
    return found


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row of a table, of as many lines as its longest cell takes."""
    columns = [broken(cell, width) if len(cell) > width else [cell] for cell, width in zip(cells, widths, strict=True)]
    height = max(len(column) for column in columns)
    padded = [[*column, *[""] * (height - len(column))] for column in columns]
    lines = zip(*padded, strict=True)
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
