"""Tables of many materials: see `rows`."""

from typing import Any

import pytest
from rows import NAN, Rows, changed, each, outcome, response, result_of, same, with_nan
from scans import against_mu, scan

from wannier_spin.screening import figures, isolated, table

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse

ROW: dict[str, Any] = {
    "material": "Pt",
    "status": "computed",
    "fermi_energy": 1.5,
    "group": "225",
    "spin_hall": 2.0e5,
    "spin_hall.error": 1e4,
    "spin_hall.component": "xy;z",
    "spin_hall.unit": "S/cm",
    "spin_hall.mu": 6e-4,
}
OTHER = ROW | {
    "material": "Au",
    "spin_hall": -3.0e5,
    "spin_hall.error": None,
    "spin_hall.mu": 5e-4,
    "group": None,
    "spin_hall.unit": "S",
    "warnings": "coarse",
}
NOISE = ROW | {"material": "Ag", "spin_hall": 1e4, "spin_hall.component": "", "fermi_energy": None}
FAILED = {"material": "W", "status": "failed", "error": "no file"}
WORDS = ROW | {"material": "Fe", "spin_hall": 0.0, "spin_hall.component": "forbidden", "spin_hall.error": None}
NOTHING = ROW | {"material": "C", "spin_hall": None, "spin_hall.component": None}
COLUMNS = table.table_columns(["spin_hall", "edelstein"])
TABLE = table.Table(COLUMNS, (ROW, OTHER, NOISE, FAILED, WORDS, NOTHING))
ROWS: Rows = {
    "tables of screening": lambda: [
        TABLE.text().split("\n"),
        TABLE.warnings(),
        [TABLE.count(s) for s in ("computed", "failed")],
        table.Table(COLUMNS, (FAILED,)).text(),
    ],
    "ranked": lambda: [[row["material"] for row in TABLE.ranked(c).rows] for c in (None, "spin_hall", "material", "group")],
    "numbers of a column": lambda: [
        outcome(lambda c=c: TABLE.numbers(c)) for c in ("spin_hall", "material", "fermi_energy", "spin_hal", "spin_hall.mu")
    ],
    "columns": lambda: [
        [TABLE._column(c) for c in ("material", "spin_hall", "group", "error")],
        table.Table(("error",), ())._column("error"),
        COLUMNS,
    ],
    "table as text": lambda: TABLE._csv().split("\n"),
    "resolved": each(lambda *x: figures.Quantity(*x).resolved, (1.0, 0.5), (1.0, 1.0), (-1.1, 1.0), (0.0, NAN), (1e-9, NAN)),
    "ratios": each(
        lambda a, b, c, d: figures.Quantity(a, b).over(figures.Quantity(c, d), 2.0),
        (3.0, 0.3, -2.0, 0.5),
        (3.0, 0.3, 2.0, 2.0),
        (-3.0, NAN, 2.0, 0.1),
    ),
    "columns of responses": each(
        figures.columns,
        ["edelstein"],
        ["spin_hall"],
        ["nonlinear_drude_spin_current", "nonlinear_intrinsic_spin_current"],
        ["nonlinear_drude_spin_current"],
    ),
    "figures of results": lambda: [
        figures.figures(r)
        for r in (
            result_of(response()),
            result_of(response(), response("edelstein"), fermi_energy=None),
            scan(),
            result_of(changed(response(), with_nan)),
            against_mu(),
        )
    ],
    "causes": each(isolated._cause, 0, 3, None, -9, -11, -15),
}


@pytest.mark.parametrize("name", ROWS)
def test_both_sides(name: str) -> None:
    same("screening", name, ROWS[name])
