"""Numbers and words of figures: see `rows`."""

from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace as Like
from typing import Any

import numpy as np
import pytest
from rows import FACTS, INF, NAN, Rows, each, outcome, response, result_of, same, spectrum
from scans import against_mu, at_sites, doped, scan

from wannier_spin.results import RunFacts

plot_bands, canvas, colour, curves, look, plane, surface, plot_words = (
    import_module(f"wannier_spin.plotting.{name}")
    for name in ("bands", "canvas", "colour", "curves", "look", "plane", "surface", "words")
)
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse


def scale_of(values: Any, scale: str = "auto") -> Any:
    norm, ticks = colour.colour_scale(np.array(values, float), scale)  # type: ignore[arg-type]
    return [
        type(norm).__name__,
        float(norm.vmin),
        float(norm.vmax),
        float(getattr(norm, "linear_width", 0.0)),
        [float(t) for t in ticks],
    ]


def labels_of(names: Any, places: Any) -> Any:
    return plot_bands._labels(Like(labels=names, ticks=np.array(places, float), distance=np.array([0.0, 10.0])))  # type: ignore[arg-type]


def curves_of(tensor: Any, facts: RunFacts = FACTS, **view: Any) -> Any:
    return [[c.label, c.x, c.y.sum(), np.nan_to_num(c.error).sum()] for c in curves.curves(tensor, facts, curves.View(**view))]


def drawn_of(tensor: Any, **view: Any) -> Any:
    return curves.drawn_of(tensor, FACTS, curves.View(**view))


ROWS: Rows = {
    "colour scales": each(
        scale_of,
        [0.0],
        [1.0, 2.0],
        [1.0] * 9 + [19.0],
        [1.0] * 9 + [21.0],
        [1.0] * 9 + [1e6],
        ([1.0] * 9 + [1e6], "linear"),
        ([1.0, 1.0], "symlog"),
        ([], "auto"),
        ([1e-13], "auto"),
        ([1.0], "log"),
        ([0.0] * 9 + [5.0], "auto"),
    ),
    "rounded up": each(colour.rounded_up, 1.0, 1.009, 1.011, 1.2, 1.9, 2.02, 2.021, 3.5, 7.0, 8.07, 8.09, 9.9, 1e-5, 4.2e7),
    "powers below": each(colour.power_below, 1.0, 9.99, 10.0, 0.1, 0.099),
    "decades": each(colour.decades, (1.0, 10.0), (1.0, 9.9), (1.0, 1e5), (1.1, 1e3, 2), (0.1, 1.0), (1.0, 1e4, 1)),
    "ticks in words": lambda: [
        [colour._plain_text(x), colour._power_text(x), surface._tick(x)]
        for x in (0.0, 1.0, -1.0, 0.01, -100.0, 1234.5, 1e5, -2.5e-6, 3e12)
    ],
    "powers of ten": each(plot_words.power_of_ten, 0.0, 0.099, 0.1, 1.0, 999.0, 1000.0, 3e-5, 2e9),
    "wrapped": each(
        plot_words.wrapped,
        ("a bc def", 4),
        ("a bc def", 3),
        ("a bc def", 8),
        ("a $\\mu_{ab}$ c", 6),
        ("abcdef gh", 3),
        ("", 3),
    ),
    "typeset": each(plot_words.typeset, "tau^0 and tau^{-1}, mu - E_F = $3 sigma_x omega", "a_tau hbar^2"),
    "symbols": each(plot_words.math_symbol, "sigma(0)_ab;c", "beta_ab", "sigma(0)_ab;c(omega)", "x y", "g"),
    "units": each(
        plot_words.math_unit,
        "(hbar/e) S m^-1",
        "1 (hbar = e = 1)",
        "mu_B nm/V per cell",
        "angstrom^2",
        "uA/V^2",
        "<sigma/2> m^-3 per (V/m)^2",
    ),
    "corners": each(plot_words.gamma, "G", "GAMMA|X", "S_0", "GM|K_1", "Gx"),
    "settings": lambda: [
        plot_words.setting(response(), f, axis, x)
        for f in (FACTS, RunFacts())
        for axis, x in (("mu", -2.3), ("mu", -2.30001), ("mu", 1.23456), ("temperature", 300.0), ("omega", 0.12345), ("tau", 5.0))
    ],
    "labels of axes": lambda: [
        plot_words.axis_label(t, axis, f.fermi_energy)
        for t in (response(), doped()["edelstein"])
        for f in (FACTS, RunFacts())
        for axis in ("mu", "temperature", "omega", "tau")
    ],
    "facts in lines": lambda: [
        plot_words.fact_lines(r)
        for r in (
            against_mu(),
            scan(),
            at_sites(),
            result_of(replace(response(), converged=False), replace(response("edelstein"), converged=True)),
            result_of(replace(response(), converged=True)),
        )
    ],
    "columns": each(canvas.columns_of, *range(1, 16)),
    "rows": each(canvas.rows_of, (1, 2), (2, 2), (3, 2), (7, 3)),
    "limits": each(
        lambda x: look.Look(**x),
        {"x": (0, 1)},
        {"x": (1, 1)},
        {"y": (0, INF)},
        {"size": (1, 50)},
        {"size": (0.99, 3)},
        {"size": (3, 50.1)},
        {"size": (3, NAN)},
    ),
    "what needs one panel": each(lambda number: look.Look().check_panels(number), 1, 2),
    "what needs one panel, chosen": lambda: [
        outcome(lambda n=n, x=x: look.Look(**x).check_panels(n))
        for n in (1, 2)
        for x in ({"title": "a"}, {"x": (0, 1)}, {"y": (0, 1)}, {"references": (look.Reference("a", np.zeros(1), np.zeros(1)),)})
    ],
    "what has axes": lambda: [
        outcome(lambda x=x: look.Look(**x).check_solid())
        for x in ({"title": "a"}, {"x": (0, 1)}, {"y": (0, 1)}, {"references": (look.Reference("a", np.zeros(1), np.zeros(1)),)})
    ],
    "names at corners": each(
        labels_of,
        (("G", "X"), (0, 10)),
        (("G", "X", "Y"), (0, 0.2, 10)),
        (("G", "X", "Y"), (0, 0.3, 10)),
        (("G", "X|Y", "Y"), (0, 0.5, 10)),
        (("G", "X", "S_0", "A"), (0, 5, 5.2, 5.4)),
    ),
    "axes of planes": each(
        lambda x: plane.axis_label(np.array(x, float)),
        [1, 0, 0],
        [0, -1, 0],
        [0, 0, 2.0],
        [1, 1, 0],
        [0.5, -1 / 3, 0],
        [1, 0.7, 0.1],
        [1, 0.5004, 0],
        [1, 0.506, 0],
        [1 / 6, 1, 0],
        [1 / 7, 1, 0],
    ),
    "sizes of planes": each(
        lambda *x: plane._size(x),
        ((0.0, 1.0), (0.0, 1.0)),
        ((0.0, 1.0), (0.0, 0.1)),
        ((0.0, 0.1), (0.0, 1.0)),
        ((-1.0, 1.0), (1.0, 2.5)),
    ),
    "scan axes": lambda: [
        curves.scan_axis(t) for t in (response(), spectrum(), scan()["edelstein"], replace(response("edelstein"), tau=(1.0, 2.0)))
    ],
    "curves": lambda: [
        outcome(lambda t=t, v=v: curves_of(t, **v))
        for t in (response(), spectrum(), doped()["edelstein"])
        for v in (
            {},
            {"most": 2},
            {"components": ("xy;z",)},
            {"against": "mu"},
            {"against": "temperature", "at": {"mu": -1.0}},
            {"lines": "temperature"},
            {"lines": "mu"},
            {"at": {"mu": NAN}},
            {"against": "tau", "lines": "temperature"},
        )
    ],
    "what is drawn": lambda: [
        drawn_of(t, **v)
        for t in (response(), spectrum())
        for v in ({}, {"most": 1}, {"lines": "temperature"}, {"components": ("xy;z", "yx;z")})
    ],
    "many lines": each(
        lambda n: curves._check_axes(
            Like(name="a", mu=np.zeros(n), temperature=np.zeros(3)), curves.View(lines="mu", against="temperature")
        ),
        1,
        2,
        7,
        8,  # type: ignore[arg-type]
    ),
    "titles of surfaces": each(
        lambda *x: [
            surface._title(Like(model="m", fermi_energy=1.25), *x),
            surface._heading(Like(model="m", fermi_energy=1.25), *x),
            surface._parts(*x),
        ],
        "",
        "spin_berry_curvature xy;z (angstrom^2)",
        "spin z",
    ),
    "widths of zones": lambda: [
        surface._half_width(np.array([[[0.0, 0, 0], [1, 2, 3]], [[-1, 0, 1], [2, 1, 0]]]), surface._towards(v))
        for v in ((18.0, -55.0), (0.0, 0.0), (90.0, 0.0))
    ],
}


@pytest.mark.parametrize("name", ROWS)
def test_both_sides(name: str) -> None:
    same("figures", name, ROWS[name])
