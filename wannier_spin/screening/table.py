"""The table of a screening: ranking, text, CSV, JSON, HDF5."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.described import described
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.results.numbers import short, with_bar
from wannier_spin.screening.figures import ANGLE, CHARGE, FORBIDDEN, Cell, Row
from wannier_spin.screening.figures import columns as columns_of
from wannier_spin.storage import check_writable, write_text, write_tree

KIND = "wannier_spin screening"
FIRST = ("material", "status", "fermi_energy", "temperature", "tau", "group", "grid")
LAST = ("seconds", "notes", "warnings", "error", "folder", "result")
TEXTS = {"material", "status", "group", "grid", "notes", "warnings", "error", "folder", "result"}
ENDINGS = (".csv", ".json", ".h5", ".hdf5")
ABOUT = (
    "value: largest |component| at the mu nearest to the Fermi energy, of those larger than their error where there are any, "
    "first temperature, first tau, SI units; .error: its error bar; .mu: eV, from the Fermi energy; .peak: the same over all mu; "
    "spin_hall_angle: (2e/hbar) sigma(0)_ab;c / sigma_bb with the Drude conductivity for the same tau; .to_intrinsic: ratio to the "
    "intrinsic response, same component and mu; fermi_energy: eV; temperature: K; tau: fs"
)


@described()
@dataclass(frozen=True)
class Table:
    """One row for each material; a row need not have a cell for each column."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def ranked(self, column: str | None) -> Table:
        """Numbers by descending magnitude, those below their error bar after the others, words alphabetically, empty cells last.

        None: as it is. Raises InputError.
        """
        if column is None:
            return self
        check_column(column, self.columns)
        return replace(self, rows=tuple(sorted(self.rows, key=lambda row: _rank(row.get(column), row.get(f"{column}.error")))))

    def numbers(self, column: str) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], str]:
        """Materials that have a number in a column, as they are ranked: names with components, values (n,), errors (n,), unit.

        Raises InputError for a column that is not there, or that holds words.
        """
        check_column(column, self.columns)
        if is_text(column):
            raise InputError(f"column '{column}' holds words; name one of numbers to draw, for instance a response")
        rows = [row for row in self.ranked(column).rows if isinstance(row.get(column), float)]
        names = [" ".join(str(row[key]) for key in ("material", f"{column}.component") if row.get(key)) for row in rows]
        found = [[np.nan if row.get(key) is None else row[key] for row in rows] for key in (column, f"{column}.error")]
        units = {str(row[f"{column}.unit"]) for row in rows if row.get(f"{column}.unit")}
        return names, np.array(found[0], float), np.array(found[1], float), " or ".join(sorted(units))

    def count(self, status: str) -> int:
        """Number of rows with this status: computed, reused or failed."""
        return sum(row["status"] == status for row in self.rows)

    def save(self, path: Path) -> None:
        """Write CSV, JSON or HDF5, as the name ends. Raises InputError."""
        if path.suffix == ".csv":
            write_text(path, self._csv())
        elif path.suffix == ".json":
            write_text(path, json.dumps(self._whole_rows(), indent=1) + "\n")  # records, as pandas reads them
        else:
            tree = {"kind": KIND, "format": 1, "about": ABOUT, "columns": json.dumps(self.columns)}
            write_tree(path, {**tree, "table": {name: self._column(name) for name in self.columns}})

    def text(self) -> str:
        """For reading: one line for each finished material, each figure as "value(error) component"; symbols; who failed."""
        finished = [row for row in self.rows if row["status"] != "failed"]
        responses = [
            name.removesuffix(".component") for name in self.columns if name.endswith(".component") and ".peak" not in name
        ]
        ratios = [name for name in self.columns if name == ANGLE or name.endswith(".to_intrinsic")]
        shown = [*responses, *ratios]
        head = ("material", "E_F/eV", "group", *map(_heading, shown))
        lines = [head, *(_line(row, shown) for row in finished)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        text = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines if finished]
        text += [f"  {_heading(name)}: {name}{_unit(name, finished)}" for name in shown if finished and _heading(name) != name]
        failed = [str(row["material"]) for row in self.rows if row["status"] == "failed"]
        text += [f"failed: {', '.join(failed)} (why: column 'error')"] if failed else []
        return "\n".join(text)

    def warnings(self) -> list[str]:
        """One line for each material that has any."""
        return [f"{row['material']}: {row['warnings']}" for row in self.rows if row.get("warnings")]

    def _whole_rows(self) -> list[Row]:
        return [{name: row.get(name) for name in self.columns} for row in self.rows]

    def _csv(self) -> str:
        file = io.StringIO()
        writer = csv.DictWriter(file, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._whole_rows())
        return file.getvalue()

    def _column(self, name: str) -> np.ndarray:
        """(row,): numbers with NaN for empty cells, or UTF-8 bytes."""
        cells = [row.get(name) for row in self.rows]
        if not is_text(name):
            return np.array([np.nan if cell is None else cell for cell in cells], float)
        words = [str(cell or "").encode() for cell in cells]
        return np.array(words, f"S{max([1, *map(len, words)])}")


def is_text(name: str) -> bool:
    """Whether a column holds words."""
    return name in TEXTS or name.endswith((".component", ".unit"))


def table_columns(responses: Sequence[str]) -> tuple[str, ...]:
    """All columns of a screening of these responses."""
    return (*FIRST, *columns_of(responses), *LAST)


def check_table(path: Path) -> None:
    """Raise InputError now for what `save` would refuse later: the ending, the folder, a file that is something else."""
    if path.suffix not in ENDINGS:
        raise InputError(f"table '{path}': expected a name that ends in {', '.join(ENDINGS)}")
    check_writable(path, KIND if path.suffix in (".h5", ".hdf5") else None)


def check_column(column: str, columns: Sequence[str]) -> None:
    """Raise InputError naming the nearest valid one if there is no such column."""
    if column not in columns:
        raise InputError(f"the table has no column '{column}' to rank by; {did_you_mean(column, columns, 'It has')}")


def _rank(cell: Cell, error: Cell) -> tuple[int, float, str]:
    if cell is None:
        return 3, 0.0, ""
    if isinstance(cell, str):
        return 2, 0.0, cell
    return int(isinstance(error, float) and abs(cell) <= error), -abs(cell), ""


def _heading(name: str) -> str:
    """Short enough for a table of several responses."""
    response, _, kind = name.partition(".")
    symbol = {CHARGE: "sigma_bb", ANGLE: ANGLE}.get(response) or resp.get(response).symbol
    return f"{symbol}/intrinsic" if kind else symbol


def _unit(name: str, rows: Sequence[Row]) -> str:
    """The units that occur (a layer's differ from a crystal's)."""
    units = sorted({str(row[f"{name}.unit"]) for row in rows if row.get(f"{name}.unit")})
    return f", in {' or '.join(units)}" if units else ""


def _line(row: Row, shown: Sequence[str]) -> tuple[str, ...]:
    fermi = row.get("fermi_energy")
    first = (str(row["material"]), "" if fermi is None else f"{fermi:.4f}", str(row.get("group") or "none used"))
    return (*first, *(_value(row, name) for name in shown))


def _with_bar(value: Cell, error: Cell) -> str:
    if not isinstance(value, float):
        return str(value)
    return with_bar(value, error) if isinstance(error, float) else short(value)


def _value(row: Row, name: str) -> str:
    value, error, component, mu = (row.get(name + column) for column in ("", ".error", ".component", ".mu"))
    if component == FORBIDDEN or value is None:
        return FORBIDDEN if component else "-"
    text = _with_bar(value, error) + (f" {component}" if component else "")
    return text + (f" at {mu:+.3g} eV" if isinstance(mu, float) and abs(mu) > 5e-4 else "")
