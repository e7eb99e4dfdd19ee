"""Results in words: see `rows`."""

from dataclasses import replace
from types import SimpleNamespace as Like

import numpy as np
import pytest
from rows import (
    FACTS,
    INF,
    NAN,
    Rows,
    bar_of,
    changed,
    chosen_of,
    comparison,
    each,
    entry_of,
    only,
    response,
    result_of,
    same,
    spectrum,
    with_nan,
)
from scans import MU, against_mu, at_sites, doped, scan

from wannier_spin.results import CarrierScan, RunFacts, arrays, choose, html, numbers, select, show
from wannier_spin.results import compare as comparing

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
ROWS: Rows = {
    "numbers with bars": each(
        numbers.with_bar,
        *(
            (1234.5, error)
            for error in (0, 1e-7, 1e-5, 0.00195, 0.0994, 0.0995, 0.1, 0.15, 0.194, 0.195, 0.1999, 0.2, 1.95, 19.9, 950.0)
        ),
        *(
            (x, abs(x) * r)
            for x in (-1e-5, 1e-4, 9.99e-4, 1e-3, 99.9, 999.0, 1000.0, 1e5, -3e12)
            for r in (1e-10, 1e-9, 0.0194, 0.3, 7)
        ),
        (0.0, 0.5),
        (0.0, 0.0),
        (INF, 1.0),
        (NAN, 0.0),
        (1.0, INF),
        (1.0, NAN),
        (-0.0001, 1.0),
        (9.96, 0.1),
        (99.96, 1.0),
    ),
    "numbers in short": each(numbers.short, 0.0, -1.0, 123456.4, 1234567.0, 1e-4, 1e-5, 2.29e15, INF, NAN),
    "first of the largest": each(choose.first_largest, [0.0], [1, 1 + 2e-6, 1], [1, 1 + 0.5e-6, 1], [-2, -1, -1 + 1e-7]),
    "the same up to a sign": each(
        choose._same_up_to_sign,
        *((np.array([1.0, 2.0]), np.array([a, 2 * a]), r) for a in (1.0, -1.0, 1.1) for r in (0.0, 0.2, 0.3)),
    ),
    "the largest components": lambda: [
        chosen_of(response()),
        chosen_of(changed(response(), only((0, 1, 2)))),
        chosen_of(changed(response(), lambda b: b * 0)),
        chosen_of(changed(response(), with_nan)),
        [str(g) for part in (0, 1) for g in choose.largest(spectrum(), part)],
    ],
    "wanted of carriers": lambda: (
        CarrierScan(
            np.array([0.1, 0.2]), "cell", np.array([[0.3, 0.31], [0.5, 0.55]]), np.array([[0.01, 0.02], [0.0, 0.03]])
        ).wanted
    ),
    "forbidden": lambda: [choose.is_forbidden(t, FACTS) for t in (response(), spectrum())],
    "chosen of an axis": each(
        select._chosen,
        *(
            ("a", "mu", np.array(MU), x)
            for x in (-2.0, [-3.5, -1.0], -3.5 - 3e-6, -3.5 - 4e-6, -1 + 3e-6, -1 + 4e-6, slice(-2.6, -1.9))
        ),
        *(("a", "mu", np.array([x]), x + d) for x in (0.1, -5.0, 5.0) for d in (0.9e-6, 1.1e-6, 4e-6, 6e-6, -0.9e-6, -1.1e-6)),
        ("a", "mu", np.array(MU), slice(None, -3.0)),
        ("a", "mu", np.array(MU), slice(-1.2, None)),
        ("a", "mu", np.array(MU), slice(0, 1)),
    ),
    "bars in words": each(show.percent, 0.0, 0.0999, 0.1, 0.104, 0.105, 1.0, 9999.0, 9999.9, 1e4, 1e5),
    "states": lambda: [
        [show.state(t), show.brief(t), show.largest_bar(t), show.not_finite(t)]
        for t in (
            response(),
            spectrum(),
            bar_of(0.049),
            bar_of(0.0),
            changed(response(), lambda b: b * 0),
            changed(response(), with_nan),
            replace(response(), converged=True),
            replace(bar_of(0.2), converged=False),
            replace(response(), block_errors={n: np.full_like(b, np.nan) for n, b in response().blocks.items()}),
        )
    ],
    "advice": lambda: [
        show.advice(result_of(*tensors))
        for tensors in (
            (bar_of(0.0499),),
            (bar_of(0.0501),),
            (bar_of(0.3), response("edelstein")),
            (replace(bar_of(0.01), converged=True),),
            (replace(bar_of(0.01), converged=True), replace(response("edelstein"), converged=False)),
            (replace(bar_of(0.01), converged=True), response("edelstein")),
            (
                replace(response(), block_errors={n: np.full_like(b, np.nan) for n, b in response().blocks.items()}),
                response("edelstein"),
            ),
        )
    ],
    "where bars are large": lambda: [
        show._where_large(response(), FACTS),
        show._where_large(response(), RunFacts()),
        show._where_large(doped()["edelstein"], FACTS),
        show._where_large(replace(scan()["edelstein"]), FACTS),
        show._where_large(bar_of(0.05), FACTS),
        show._where_large(bar_of(0.051), FACTS),
    ],
    "listed": each(show._listed, ["a"], ["ab"] * 15, ["ab"] * 14 + ["abcd"], ["ab"] * 14 + ["abcde"], ["ab"] * 30, ["a" * 61, "b"]),
    "axes in words": each(
        show._axis, ("T", np.array([1.0]), "K"), ("T", np.array([3.0, 1.0, 2.0]), "K"), ("T", np.array([3.0, 1.0, 2.0, 5.0]), "K")
    ),
    "scans in words": lambda: [
        show.scan_text(t, f) for t in (response(), spectrum(), doped()["edelstein"]) for f in (None, FACTS, RunFacts())
    ],
    "places in words": lambda: [
        show.place_text(response(), 2),
        show.place_text(doped()["edelstein"], 1),
        arrays.place(response(), (2, 1)),
        arrays.near_fermi(response(), FACTS),
        arrays.near_fermi(response(), RunFacts()),
        arrays.near_fermi(doped()["edelstein"], FACTS),
        arrays.fermi_position(response(), RunFacts()),
        arrays.fermi_position(response(), FACTS),
    ],
    "entries": lambda: [
        [[e.name, e.short_name, e.text, e.index] for e in show.entries(t, f)]
        for t in (
            response(),
            spectrum(),
            changed(response(), only((0, 1, 2))),
            changed(response(), lambda b: b * 0),
            changed(response(), with_nan),
        )
        for f in (FACTS, RunFacts())
    ],
    "the top": lambda: [
        show._top([entry_of(1.0, 0.1), entry_of(-3.0, 0.1), entry_of(INF, 1.0)]).value,
        show._top([entry_of(NAN, 0), entry_of(0.5, 0)]).value,
    ],
    "results in words": lambda: [
        show.result_text(r).split("\n")
        for r in (
            result_of(),
            result_of(response()),
            against_mu(),
            at_sites(),
            result_of(*(replace(response(), name=f"response_{i}") for i in range(8))),
            result_of(*(replace(response(), name=f"response_{i}") for i in range(9))),
        )
    ],
    "responses in words": lambda: [
        show.tensor_text(t).split("\n") for t in (at_sites()["edelstein"], spectrum(), changed(response(), lambda b: b * 0))
    ],
    "comparisons in words": each(comparison, (0.0, NAN), (1e-9, 5.0), (1.1e-9, NAN), (0.1, 1.0), (0.1, 1.01)),
    "common points": each(
        comparing._common,
        *(
            (Like(name="a", mu=np.array([0.0, 1.0]), carriers_unit="cell"), Like(mu=np.array(x)), "mu")
            for x in ([1.0], [0.9e-6], [1.1e-6, 2], [], [-0.9e-6, 1 + 1e-3])
        ),
    ),
    "compared": lambda: [
        [c.relative, c.in_bars, c.mu, c.temperature, c.entries[0].name, c.words]
        for other in (
            against_mu(),
            result_of(changed(response(), lambda b: b * (1 + 1e-8))),
            result_of(changed(response(), lambda b: 1.3 * b)),
            result_of(changed(response(), lambda b: b * 0)),
            result_of(replace(response(), block_errors={n: b * 0 for n, b in response().blocks.items()})),
            result_of(
                changed(replace(response(), block_errors={n: b * np.nan for n, b in response().blocks.items()}), lambda b: b)
            ),
        )
        for c in comparing.compared(result_of(response()), other)[0]
    ],
    "curves of a table": lambda: [
        html._svg(np.array(x, float), np.array(y, float), np.array(e, float))
        for x, y, e in (
            ([0, 1, 3], [1, 2, -1], [0.1, 0.2, 9]),
            ([0, 1, 3], [1, 1, 1], [0, 0.5, 3]),
            ([0, 1, 3], [np.nan, 1, 2], [0, 0.5, 0]),
            ([0, 1, 3], [np.nan, 1, np.nan], [0, 0, 0]),
            ([0, 0, 0], [1, 2, 3], [0, 0, 0]),
            ([0, 1, 2], [0, 0, 0], [0, 0, 0]),
        )
    ],
}


@pytest.mark.parametrize("name", ROWS)
def test_both_sides(name: str) -> None:
    same("results", name, ROWS[name])
