"""What is on every kind of figure: panels, limits, ticks, lines, colours, words, as they are stored in reference/figures.json."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accounts import account
from scans import MU, SKEW, against_mu, at_sites, doped, scan
from stored import check, differences, digest

import wannier_spin as ws
from wannier_spin.calculation.converge import Convergence
from wannier_spin.plotting import Look, Reference, plot_comparison, plot_convergence, plot_ranking
from wannier_spin.results.compare import compared

matplotlib = pytest.importorskip("matplotlib")
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
DATA = Reference("theirs", np.array([0.5, 1.5]), np.array([-1.0, 0.5]), np.array([0.1, 0.2]))


# --- what is drawn --------------------------------------------------------------------------------------------------------


@cache
def path(quantity: str, component: str) -> Any:
    model = ws.models.rashba_exchange(exchange=SKEW)
    return ws.band_map(model, ws.k_path(model, "G 0 0 0; X_1 1/2 0 0 | Y 0 1/2 0; M 1/2 1/2 0; G 0 0 0", 25), quantity, component)


def without_spin(bands: Any) -> Any:
    """But for rounding."""
    return replace(bands, values=1e-9 * bands.values)


@cache
def plane(corners: str, marks: str = "") -> Any:
    return ws.k_plane(ws.models.kane_mele(rashba=0.1, exchange=(0.0, 0.0, 0.2)), corners, (9, 7), marks)


def unknown(tensor: ws.ResponseTensor, first: int = 0) -> ws.ResponseTensor:
    """Without bars from a mu on."""
    errors = {name: block.copy() for name, block in tensor.block_errors.items()}
    for block in errors.values():
        block[first:] = np.nan
    return replace(tensor, block_errors=errors)


def map_on(corners: str, quantity: str = "spin_berry_curvature", component: str = "xy;z", marks: str = "") -> Any:
    return ws.band_map(ws.models.kane_mele(rashba=0.1, exchange=(0.0, 0.0, 0.2)), plane(corners, marks), quantity, component)


def convergence(*values: float, first: float = 0.3) -> Convergence:
    errors = np.array([first, 0.1, 0.02]) * max(map(abs, values))
    return Convergence(
        "spin_hall",
        "spin Hall effect",
        "xy;z",
        "S/cm",
        ("4x4x1", "8x8x1", "16x16x1"),
        np.array([16, 64, 256]),
        np.array(values),
        errors,
    )


def comparison(**options: Any) -> Any:
    one = scan(mu=tuple(MU))
    other = scan(mu=tuple(MU[1:]), broadening=0.2) if options.pop("other", True) else one
    found, _ = compared(one, other)
    return plot_comparison(found, ("first", "second"), **options)


PERIOD = ". -1/2 -1/2 0; . 1/2 -1/2 0; . -1/2 1/2 0"
PART = "G 0 0 0; K 2/3 1/3 0; M 1/2 1/2 0"
FIGURES: dict[str, Callable[[], Any]] = {
    "against mu": lambda: ws.plot(against_mu()),
    "components of one response": lambda: ws.plot(against_mu(), responses="spin_hall", components=["xy;z", "yx;z", "xx;x"]),
    "against tau": lambda: ws.plot(against_mu(), responses=["edelstein"], against="tau", at={"mu": -1.9, "temperature": 900}),
    "lines of temperature": lambda: ws.plot(against_mu(), responses="edelstein", lines="temperature"),
    "spectrum": lambda: ws.plot(scan(), responses="displacement_spin_current"),
    "points": lambda: ws.plot(scan(omega=0.1), responses=["edelstein", "spin_hall"]),
    "with data": lambda: ws.plot(
        against_mu(), responses="edelstein", components="yx", look=Look("Mine", (5.0, 4.0), (-1, 1), (-1e10, 2e10), (DATA,))
    ),
    "against carriers": lambda: ws.plot(doped(), responses=["thermal_edelstein", "spin_hall"]),
    "sheet of a layer": lambda: ws.summary_sheet(at_sites()),
    "sheet": lambda: ws.summary_sheet(against_mu(), title="run 7"),
    "an estimate of some errors": lambda: ws.plot(unknown(against_mu()["spin_hall"], 2), components=["xy;z"]),
    "no estimate of errors": lambda: ws.plot(unknown(against_mu()["spin_hall"]), components=["xy;z"]),
    "sheet of points": lambda: ws.summary_sheet(scan(omega=0.1)),
    "bands": lambda: ws.plot_bands(path("spin", "z")),
    "bands and their sum": lambda: ws.plot_bands(path("spin_berry_curvature", "xy;z"), fermi_energy=-1.0, energy_range=(-2.5, 0.7)),
    "bands, velocity": lambda: ws.plot_bands(path("velocity", "x"), fermi_energy=-2.0, look=Look("Mine", references=(DATA,))),
    "bands without spin": lambda: ws.plot_bands(without_spin(path("spin", "z")), fermi_energy=-1.0),
    "bands of a response": lambda: ws.plot_bands(response(path("spin", "z").k)),
    "period": lambda: ws.plot_plane(map_on(PERIOD), fermi_energy=-0.7),
    "marks in a period": lambda: ws.plot_plane(map_on(PERIOD, marks="G 0 0 0; M 1/2 0 0"), band=1),
    "part of a plane": lambda: ws.plot_plane(map_on(PART), band=2, fermi_energy=-0.7, scale="linear"),
    "plane of a response": lambda: ws.plot_plane(response(square()), arrows=slanted(81)),
    "arrows of a fine plane": lambda: ws.plot_plane(response(square(37, 25)), arrows=slanted(37 * 25)),
    "surface": lambda: ws.plot_fermi_surface(surface("spin_berry_curvature", "xy;z"), scale="linear"),
    "surface without colour": lambda: ws.plot_fermi_surface(surface(), view=(30.0, 20.0)),
    "comparison": comparison,
    "comparison of one": lambda: comparison(components=["xy;z"], fermi_energy=-2.3),
    "comparison of the same": lambda: comparison(other=False),
    "convergence": lambda: plot_convergence([convergence(1.0, 1.3, 1.2), convergence(-2e5, -1e5, -1.5e5)]),
    "convergence with a bar that is cut": lambda: plot_convergence([convergence(1.0, 1.3, 1.2, first=9.0)]),
    "ranking": lambda: plot_ranking(["a", "b", "c"], np.array([3e4, -2e3, 1e2]), np.array([1e3, 1e5, np.nan]), "spin Hall", "S/cm"),
    "ranking of what is resolved": lambda: plot_ranking(["a", "b"], np.array([3.0, -2.0]), np.array([0.1, 0.2]), "ratio"),
}


@cache
def square(n1: int = 9, n2: int = 9) -> Any:
    return ws.k_plane(ws.models.rashba_exchange(exchange=SKEW), ". -1/2 -1/2 0; . 1/2 -1/2 0; . -1/2 1/2 0", (n1, n2))


def slanted(number: int) -> np.ndarray:
    return np.stack([0.3 + 0.001 * np.arange(number), np.full(number, -0.6)], axis=1)


def response(where: Any) -> Any:
    return ws.response_map(
        ws.models.rashba_exchange(exchange=SKEW), where, "edelstein", "yx", mu=-2.2, temperature=3000, units="SI"
    )


@cache
def surface(*colour: str) -> Any:
    return ws.fermi_surface(ws.models.weyl(), (7, 7, 7), 0.37, *colour)


@pytest.mark.parametrize("name", FIGURES)
def test_what_is_drawn(name: str) -> None:
    check("figures.json", name, account(FIGURES[name]()))


@pytest.mark.parametrize("coloured", [True, False])
def test_what_is_on_a_page(coloured: bool, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    of = surface("spin_berry_curvature", "xy;z") if coloured else surface()
    page = ws.fermi_surface_page(of, tmp_path / "a.html", from_network=True, title=None if coloured else "a < b").read_text()
    traces, end = json.JSONDecoder().raw_decode(page, page.index("[", page.index("Plotly.newPlot(")))
    layout, _ = json.JSONDecoder().raw_decode(page, page.index("{", end))
    layout.pop("template")
    seen = {f"trace {i}": unpacked(trace) for i, trace in enumerate(traces)}
    head = page[page.index("<title>") : page.index("</title>")]
    check("figures.json", f"page {coloured}", {"layout": layout, "head": head, **seen})


def unpacked(tree: Any) -> Any:
    """What plotly packs, as digests."""
    if isinstance(tree, dict) and "bdata" in tree:
        return digest(np.frombuffer(base64.b64decode(tree["bdata"]), tree["dtype"]))
    if isinstance(tree, dict):
        return {name: unpacked(value) for name, value in tree.items()}
    return tree


def test_an_account_sees_what_changes() -> None:
    """A limit, a line, a word, a colour: each is told."""
    figure = FIGURES["convergence"]()
    before = account(figure)
    axes = figure.axes[0]
    for change in (
        lambda: axes.set_ylim(-1, 3),
        lambda: axes.lines[0].set_ydata(axes.lines[0].get_ydata() * 1.01),
        lambda: axes.set_xlabel("k"),
        lambda: axes.lines[0].set_color("red"),
        lambda: axes.set_xticks([16, 64]),
    ):
        change()
        after = account(figure)
        assert list(differences(before, after, ""))
        before = after
