"""Figures: what they show is what the result holds, nothing overlaps, and a file is written whole or not at all."""

import re
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import cli, observables
from wannier_spin import units as un
from wannier_spin.analysis.kpath import QUANTITIES, band_map, k_path
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import ENDINGS, save
from wannier_spin.plotting.colour import colour_bar, colour_scale, decades, rounded_up
from wannier_spin.plotting.curves import Curve, View, curves, scan_axis
from wannier_spin.plotting.plane import window_of, zone_boundaries
from wannier_spin.plotting.responses import _cut, _draw_lines
from wannier_spin.plotting.words import math_symbol, math_unit, power_of_ten, typeset
from wannier_spin.results import RunFacts, groups, is_forbidden

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402

Run = Callable[..., tuple[int, str, str]]
MU = np.linspace(-0.5, 1.0, 15)


def make(responses: object, **options: object) -> ws.ResultSet:
    """A small calculation without symmetry; warnings are the result's."""
    standard: dict[str, object] = {"grid": (6, 6, 1), "mu": 0.3, "temperature": 1000}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ws.compute(ws.models.get("rashba_exchange"), responses, **{**standard, **options})


@pytest.fixture(scope="module")
def result() -> ws.ResultSet:
    names = ["spin_hall", "edelstein", "displacement_spin_current", "nonlinear_drude_spin_magnetization"]
    options = {"temperature": [300, 1000], "omega": [0.1, 0.4, 2.0], "broadening": 0.05, "tau": [5, 20, 80], "units": "SI"}
    found = make(names, mu=MU, **options)
    return found.with_facts(fermi_energy=0.25)


@pytest.fixture(scope="module")
def everything() -> ws.ResultSet:
    return make("all", mu=MU, omega=[0.1, 0.4], broadening=0.05)


@pytest.fixture(scope="module")
def cubic(example_inputs: Path) -> ws.ResultSet:
    seed = example_inputs / "Pt" / "Pt"
    structure = ws.read_structure(seed.with_suffix(".win"))
    options = {"grid": (4, 4, 4), "mu": [22.0, 22.5, 23.0], "temperature": 2000, "symmetry": structure, "units": "SI"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ws.compute(ws.read_wannier90(seed), ["spin_hall", "edelstein"], **options)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wannier-spin", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


# --- what is drawn ------------------------------------------------------------------------------------------------------


def test_curves_against_mu(result: ws.ResultSet) -> None:
    tensor = result["spin_hall"]
    (curve,) = curves(tensor, result.facts, View(components=("yx;z",), at={"temperature": 900}))
    assert curve.label == "yx;z"
    assert curve.x == pytest.approx(MU - 0.25)
    assert np.array_equal(curve.y, tensor.values[:, 1, 1, 0, 2])
    assert np.array_equal(curve.error, tensor.error[:, 1, 1, 0, 2])
    assert np.abs(curve.y).max() > 0
    assert np.nanmax(curve.error) > 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_figure_on_a_full_disk(ending: str, tmp_path: Path) -> None:
    """Told in one sentence, and the old figure is left; a limit on the size of files stands for the full disk."""
    (tmp_path / f"a{ending}").write_text("old")
    figure, old = Figure((1, 1)), resource.getrlimit(resource.RLIMIT_FSIZE)
    figure.subplots().plot(np.random.default_rng(0).normal(size=3000))  # more than a buffer
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, old[1]))
    try:
        with pytest.raises(InputError, match=f"cannot write .*a{ending}.*is the disk full"):
            save(figure, tmp_path / f"a{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(f"a{ending}", "old")]


def test_a_place_is_a_number(result: ws.ResultSet) -> None:
    with pytest.raises(ws.InputError, match="temperature = nan: expected a finite number"):
        curves(result["spin_hall"], result.facts, View(at={"temperature": np.nan}))


def test_curves_against_omega_have_both_parts(result: ws.ResultSet) -> None:
    tensor = result["displacement_spin_current"]
    cos, sin = curves(tensor, result.facts, View(components=("xyz",)))
    nearest = int(np.argmin(np.abs(MU - 0.25)))  # the Fermi energy
    assert [cos.label, sin.label] == ["xy;z cos", "xy;z sin"]
    assert np.array_equal(cos.x, tensor.omega)
    assert np.array_equal(np.stack([cos.y, sin.y], axis=1), tensor.values[nearest, 0, :, :, 0, 1, 2])


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("v^{a;c} = {v^a, sigma^c}/4", "v$^{a;c}$ = {v$^{a}$, σ$^{c}$}/4"),
        ("order tau^0 scale like 1/gap^4, at mu - E_F = +2 eV", "order τ$^{0}$ scale like 1/gap$^{4}$, at μ - E$_F$ = +2 eV"),
        ("'mu.toml' costs $3, sigma_xy, tau_unit", r"'mu.toml' costs \$3, sigma_xy, tau_unit"),
    ],
)
def test_words_of_a_sheet_are_typeset(line: str, seen: str) -> None:
    assert typeset(line) == seen


@pytest.mark.parametrize("axis", ["temperature", "tau"])
def test_curves_against_temperature_and_tau(result: ws.ResultSet, axis: str) -> None:
    tensor = result["edelstein"]
    (curve,) = curves(tensor, result.facts, View(components=("yx",), against=axis, at={"mu": 0.93}))
    nearest = int(np.argmin(np.abs(MU - 0.93)))
    expected = {
        "temperature": tensor.values[nearest, :, 1, 0],
        "tau": np.array([tensor.at(tau=tau).values[nearest, 0, 1, 0] for tau in tensor.tau]),
    }
    assert np.array_equal(curve.x, getattr(tensor, axis))
    assert np.array_equal(curve.y, expected[axis])
    assert len(np.unique(curve.y)) == len(curve.x)


def test_one_line_for_each_temperature(result: ws.ResultSet) -> None:
    tensor = result["spin_hall"]
    found = curves(tensor, result.facts, View(lines="temperature"))
    largest = groups(tensor, result.facts)[0]
    assert [curve.label for curve in found] == [f"{largest.name}, T = 300 K", f"{largest.name}, T = 1000 K"]
    for i, curve in enumerate(found):
        assert np.array_equal(curve.y, tensor.values[(slice(None), i, *largest.index)])


def test_mu_need_not_be_sorted() -> None:
    tensor = make("spin_hall", mu=[0.3, -0.1, 0.2])["spin_hall"]
    (curve,) = curves(tensor, RunFacts(), View(components=("xy;z",)))
    assert curve.x.tolist() == [-0.1, 0.2, 0.3]
    assert np.array_equal(curve.y, tensor.values[[1, 2, 0], 0, 0, 1, 2])


def test_the_largest_components_are_drawn(everything: ws.ResultSet) -> None:
    tensor = everything["nonlinear_drude_spin_current"]
    assert len(groups(tensor, RunFacts())) > 4
    sizes = [np.abs(curve.y).max() for curve in curves(tensor, RunFacts(), View(most=4))]
    assert len(sizes) == 4
    assert sizes[0] == np.abs(tensor.values).max()
    assert min(sizes) >= sorted((np.abs(tensor.component(g.name)[0]).max() for g in groups(tensor, RunFacts())), reverse=True)[3]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_no_number_is_not_large(everything: ws.ResultSet, bad: float) -> None:
    """A component with a resonance is as large as the rest of it, also where all is small."""
    tensor = everything["nonlinear_drude_spin_current"]
    last = groups(tensor, RunFacts())[-1]
    blocks = {name: 1e-3 * block / np.abs(block).max() for name, block in tensor.blocks.items()}
    for block in blocks.values():
        block[(0, 0, *last.index)] = bad
    spoiled = replace(tensor, blocks=blocks)
    assert not np.isfinite(spoiled.values[(0, 0, *last.index)])
    shown = [curve.label for curve in curves(spoiled, RunFacts(), View(most=1))]
    assert not shown[0].startswith(last.name)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"mu": [0.1, 0.2], "temperature": [300, 400]}, "mu"),
        ({"temperature": [300, 400], "tau": [1, 2]}, "temperature"),
        ({"tau": [1, 2]}, "tau"),
        ({}, None),
    ],
)
def test_default_axis(options: dict[str, object], expected: str | None) -> None:
    found = make(["edelstein", "spin_hall", "displacement_spin_current"], omega=[0.1, 0.2], broadening=0.1, **options)
    assert scan_axis(found["edelstein"]) == expected
    assert scan_axis(found["displacement_spin_current"]) == "omega"
    assert scan_axis(found["spin_hall"]) == (None if expected == "tau" else expected)  # tau does not enter it


# --- labels -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (un.unit_name(observables.get("spin_current").measure, 1, 3, "SI"), "(ħ/e) S m$^{-1}$"),
        (un.unit_name(observables.get("spin_current").measure, 2, 2, "SI"), "(ħ/e) A m V$^{-2}$"),
        (un.unit_name(observables.get("spin").measure, 2, 2, "SI"), "⟨σ/2⟩ m$^{-2}$ / (V/m)$^{2}$"),
        (un.unit_name(observables.get("spin").measure, 1, 2, "natural"), "Å$^{-1}$ eV$^{-1}$"),
        (un.unit_name(observables.get("spin_current").measure, 1, 2, "natural"), "1"),
    ],
)
def test_units(unit: str, expected: str) -> None:
    assert math_unit(unit) == expected


def test_symbols_of_all_responses() -> None:
    assert math_symbol("sigma(0)_ab;c(omega)") == r"$\sigma^{(0)}_{ab;c}(\omega)$"
    for response in ws.responses.RESPONSES.values():
        assert re.fullmatch(r"\$\\(sigma|beta)(\^\{\(\d\)\})?_\{[abcd;]+\}(\(\\omega\))?\$", math_symbol(response.symbol))


@pytest.mark.parametrize(("largest", "power"), [(0.0, 0), (0.3, 0), (999.0, 0), (1000.0, 3), (0.0999, -2), (2.5e-13, -13)])
def test_power_of_ten(largest: float, power: int) -> None:
    assert power_of_ten(largest) == power


# --- figures ------------------------------------------------------------------------------------------------------------


def texts_of(figure: object) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]  # type: ignore[attr-defined]


def assert_tidy(figure: "matplotlib.figure.Figure") -> None:
    """Panels with all their labels lie inside of the figure, apart from one another, and off the free texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    page = figure.bbox
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [text.get_window_extent() for text in figure.texts if text.get_text()]
    assert boxes
    for box in boxes:
        assert box.x0 >= page.x0 - 1
        assert box.y0 >= page.y0 - 1
        assert box.x1 <= page.x1 + 1
        assert box.y1 <= page.y1 + 1
    for one, other in combinations(boxes, 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert width <= 1 or height <= 1, (one, other)
    for axes in figure.axes:
        if axes.get_label() != "<colorbar>":
            assert axes.bbox.width > 0.35 * page.width / axes.get_gridspec().ncols


def test_a_panel_has_symbol_unit_and_settings(result: ws.ResultSet) -> None:
    figure = ws.plot(result, responses=["edelstein"], at={"temperature": 1000})
    (axes,) = figure.axes
    power = power_of_ten(max(np.abs(c.y).max() for c in curves(result["edelstein"], result.facts, View(at={"temperature": 1000}))))
    assert axes.get_ylabel() == rf"$\beta^{{(1)}}_{{ab}}$ ($10^{{{power}}}$ ⟨σ/2⟩ m$^{{-2}}$ / (V/m))"
    assert axes.get_xlabel() == r"$\mu - E_F$ (eV)"
    title = axes.get_legend().get_title().get_text().replace("\xa0", " ").replace("\n", " ")
    assert title.startswith("Edelstein effect τ = 5 fs, T = 1000 K".replace("τ", r"$\tau$"))
    line = next(line for line in axes.lines if line.get_label() == "yx")
    assert line.get_ydata() * 10.0**power == pytest.approx(result["edelstein"].values[:, 1, 1, 0])
    assert len(axes.collections) == sum(not line.get_label().startswith("_") for line in axes.lines)  # error bands
    assert_tidy(figure)


def test_curves_differ_in_colour_and_in_line(result: ws.ResultSet) -> None:
    (axes,) = ws.plot(result["spin_hall"]).axes
    drawn = [line for line in axes.lines if not line.get_label().startswith("_")]
    assert len(drawn) == 6
    assert len({line.get_color() for line in drawn}) == 6
    assert len({str(line._dash_pattern) for line in drawn}) == 6


def test_more_curves_than_colours(result: ws.ResultSet) -> None:
    (axes,) = ws.plot(result["spin_hall"], components=[a + b + c for a in "xyz" for b in "xyz" for c in "xyz"]).axes
    drawn = [line for line in axes.lines if not line.get_label().startswith("_")]
    assert len(drawn) == 27
    assert len({(line.get_color(), str(line._dash_pattern)) for line in drawn}) == 27


def test_components_go_to_the_response_that_writes_them_so(result: ws.ResultSet) -> None:
    """The semicolon is for the eye, but "zxx" is the magnetization's where there is one, and "xy;z" never."""

    def labels(**options: object) -> dict[str, list[str]]:
        found = {}
        for axes in ws.plot(result, **options).axes:
            title = axes.get_legend().get_title().get_text().split("\n")[0]
            found[title] = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
        return found

    assert labels(components=["xy;z", "zxx"], responses=["spin_hall", "nonlinear_drude_spin_magnetization"]) == {
        "spin Hall effect": ["xy;z"],
        "nonlinear Drude spin magnetization": ["zxx"],
    }
    assert labels(components="zxx", responses="spin_hall") == {"spin Hall effect": ["zx;x"]}
    with pytest.raises(InputError, match="'xyw'"):
        ws.plot(result, components=["xy;z", "xyw"])


def test_equivalent_components_are_one_curve(cubic: ws.ResultSet) -> None:
    figure = ws.plot(cubic)
    (axes,) = figure.axes  # edelstein is forbidden
    (label,) = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
    assert label == "xy;z = … (6)"
    (forbidden,) = ws.plot(cubic, responses=["edelstein"]).axes
    assert [(text.get_text(), text.get_position()) for text in forbidden.texts] == [("forbidden by symmetry", (0.5, 0.5))]
    edelstein = cubic["edelstein"]
    nothing = replace(edelstein, blocks={name: 0 * block for name, block in edelstein.blocks.items()})
    (zero,) = ws.plot(replace(cubic, tensors={"edelstein": nothing}).with_facts(symmetry=None)).axes
    assert [text.get_text() for text in zero.texts] == ["zero"]  # symmetry was not asked


@pytest.mark.parametrize("options", [{}, {"mu": MU, "units": "SI"}, {"tau": [1, 10]}])
def test_nothing_overlaps(options: dict[str, object]) -> None:
    found = make("all", omega=[0.1, 0.4], broadening=0.05, **options)
    assert_tidy(ws.summary_sheet(found))
    assert_tidy(ws.plot(found, responses=list(found)[-4:]))
    assert_tidy(ws.plot(found["nonlinear_extrinsic_spin_current"]))


def test_points_become_bars_with_errors() -> None:
    found = make("edelstein", units="SI")
    (axes,) = ws.plot(found).axes
    widths = [patch.get_width() for patch in axes.patches]
    names = [label.get_text() for label in axes.get_yticklabels()]
    values = found["edelstein"].values[0, 0]
    power = power_of_ten(float(np.abs(values).max()))
    assert widths[names.index("yx")] * 10.0**power == pytest.approx(values[1, 0])
    assert "⟨σ/2⟩" in axes.get_xlabel()


def test_divergence_is_a_gap_in_the_line(result: ws.ResultSet) -> None:
    tensor = result["spin_hall"]
    blocks = {name: block.copy() for name, block in tensor.blocks.items()}
    for block in blocks.values():
        block[3] = np.inf
    (axes,) = ws.plot(replace(tensor, blocks=blocks), components=["xy;z"]).axes
    y = axes.lines[0].get_ydata()
    assert np.flatnonzero(np.isnan(y)).tolist() == [3]
    assert 0.1 <= np.nanmax(np.abs(y)) < 1000


def test_not_converged_is_said(result: ws.ResultSet) -> None:
    tensors = {**result, "edelstein": replace(result["edelstein"], converged=False)}
    tensors["spin_hall"] = replace(result["spin_hall"], converged=True)
    found = replace(result, tensors=tensors)
    assert "(not converged)" in " ".join(texts_of(ws.plot(found, responses=["edelstein"])))
    assert "not converged" not in " ".join(texts_of(ws.plot(found, responses=["spin_hall"])))
    assert "NOT CONVERGED: edelstein" in " ".join(texts_of(ws.summary_sheet(found)))


def test_summary_sheet(everything: ws.ResultSet) -> None:
    found = replace(everything, warnings=("the mesh is coarse " * 12, "and cold"))
    figure = ws.summary_sheet(found, title="run 7")
    assert len(figure.axes) == len(everything)
    text = " ".join(" ".join(texts_of(figure)).split())
    for part in ("run 7", "rashba_exchange, 2D", "grid 6×6×1", "form 'full', relaxation 'adiabatic'", "{v$^{a}$, σ$^{c}$}/4"):
        assert part in text
    assert "warning: the mesh is coarse" in text
    assert "warning: and cold" in text
    assert_tidy(figure)


def test_summary_sheet_of_a_symmetric_crystal(cubic: ws.ResultSet) -> None:
    figure = ws.summary_sheet(cubic)
    text = " ".join(texts_of(figure))
    assert "magnetic group 225.117, 96 point operations" in text
    assert "forbidden by symmetry: edelstein" in text
    assert len(figure.axes) == 1
    assert_tidy(figure)


@pytest.fixture(scope="module")
def iron(example_inputs: Path) -> ws.ResultSet:
    """Everything of the shipped example, on few points."""
    folder = example_inputs / "Fe"
    scan = {"mu": [17.5, 17.55, 17.6], "temperature": 3000, "tau": [10, 50], "omega": [0.1, 0.2, 0.3], "broadening": 0.05}
    crystal = ws.read_structure(folder / "Fe.win", [(0, 0, 2.2)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ws.load_model(folder / "Fe.model.h5")
        found = ws.compute(model, "all", grid=(4, 4, 4), units="SI", symmetry=crystal, **scan)  # type: ignore[arg-type]
    return found.with_facts(fermi_energy=17.55)


def test_captions_are_whole(iron: ws.ResultSet) -> None:
    """No line has half of a formula, on the sheet with its narrow panels as in a figure; legends are short."""
    for figure in (ws.summary_sheet(iron), ws.plot(iron)):
        for text in texts_of(figure):
            for line in text.split("\n"):
                assert line.count("$") % 2 == 0, text
        for axes in figure.axes:
            assert len(axes.get_legend().get_texts()) <= 6
        assert_tidy(figure)


def test_what_is_forbidden_is_not_drawn(iron: ws.ResultSet) -> None:
    """Injection in light has a linear part of one T parity, a circular one of the other: no line is rounding."""
    titles = {axes.get_legend().get_title().get_text().split("\n")[0] for axes in ws.plot(iron).axes}
    for tensor in iron.values():
        if is_forbidden(tensor, iron.facts):
            assert tensor.title not in titles
            continue
        top = np.abs(tensor.values).max()
        assert top > 0
        drawn = curves(tensor, iron.facts, View(most=50))
        assert drawn
        everywhere = [np.abs(tensor.component(curve.label.split()[0])[0]).max() for curve in drawn]
        assert min(everywhere) > 1e-9 * top


def test_few_points_have_error_bars(iron: ws.ResultSet) -> None:
    (axes,) = ws.plot(iron, responses="spin_hall").axes
    assert len(axes.containers) == sum(not line.get_label().startswith("_") for line in axes.lines)
    assert all(line.get_marker() == "o" for line in axes.lines if not line.get_label().startswith("_"))


@pytest.mark.parametrize("points", [1, 20])
def test_one_huge_bar_does_not_set_the_scale(points: int) -> None:
    tensor = make("edelstein", mu=np.linspace(-0.3, 0.3, points))["edelstein"]
    errors = {name: 1e-3 * block for name, block in tensor.blocks.items()}
    for block in errors.values():
        block[0, 0, 1, 0] = 1e3 * np.abs(tensor.values).max()
    (axes,) = ws.plot(replace(tensor, block_errors=errors)).axes
    low, high = axes.get_ylim() if points > 1 else axes.get_xlim()
    power = power_of_ten(float(np.abs(tensor.values).max()))
    assert high - low < 5 * np.abs(tensor.values).max() / 10.0**power
    assert "bars longer than the panel" in " ".join(texts_of(axes.figure)).replace("\xa0", " ").replace("\n", " ")


def test_a_sheet_is_as_high_as_what_is_on_it(cubic: ws.ResultSet, everything: ws.ResultSet) -> None:
    assert ws.summary_sheet(cubic).get_figheight() < 8 < ws.summary_sheet(everything).get_figheight()


def test_a_file_is_drawn_by_its_name(result: ws.ResultSet, tmp_path: Path) -> None:
    path = result.save(tmp_path / "r.h5")
    assert len(ws.plot(str(path), responses="spin_hall").axes) == 1
    with pytest.raises(InputError, match="cannot draw int; expected a result"):
        ws.plot(3)  # type: ignore[arg-type]


def test_figures_show_themselves(result: ws.ResultSet) -> None:
    assert ws.plot(result["spin_hall"])._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


# --- bands --------------------------------------------------------------------------------------------------------------

ALTERMAGNET = ws.models.get("altermagnet")


def coloured_segments(figure: "matplotlib.figure.Figure") -> Iterator[tuple[np.ndarray, float]]:
    from matplotlib.collections import LineCollection

    (lines,) = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    yield from zip(lines.get_segments(), lines.get_array(), strict=True)


def test_bands_are_coloured_by_their_quantity() -> None:
    model = ws.models.get("rashba_exchange")
    bands = band_map(model, k_path(model, "G 0 0 0; X 1/2 0 0 | Y 0 1/2 0; G 0 0 0", 30), "spin", "x")
    figure = ws.plot_bands(bands, fermi_energy=0.5)
    segments = list(coloured_segments(figure))
    assert len(segments) == bands.energies.shape[1] * (len(bands.k.points) - 2)  # none across the jump
    x, start = bands.k.distance, bands.k.breaks[0]
    for segment, value in segments:
        places = [
            p for p in np.flatnonzero(np.isclose(x, segment[0, 0])) if p != start - 1 or not np.isclose(segment[1, 0], x[start])
        ]
        found = [
            (bands.values[p, n] + bands.values[p + 1, n]) / 2
            for p in places
            if p + 1 < len(x)
            for n in range(bands.energies.shape[1])
            if np.allclose(segment[:, 1], bands.energies[p : p + 2, n] - 0.5)
        ]
        assert any(np.isclose(value, other) for other in found)
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["Γ", "X|Y", "Γ"]
    assert_tidy(figure)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("fermi_energy", [None, 9.13])
def test_maps_of_a_crystal(example_inputs: Path, quantity: str, fermi_energy: float | None) -> None:
    model = ws.load_model(example_inputs / "GaAs" / "GaAs.model.h5")
    path = k_path(model, "L 1/2 1/2 1/2; G 0 0 0; X 1/2 0 1/2", 40)
    bands = band_map(model, path, quantity, "xyz"[: QUANTITIES[quantity].rank])
    figure = ws.plot_bands(bands, fermi_energy=fermi_energy)
    assert len(figure.axes) == (2 if fermi_energy is None else 3)  # with the colour bar
    unit = {"angstrom^2": "(Å$^{2}$)", "angstrom": "(Å)", "": "", "eV angstrom": "(eV Å)", "hbar": "(ħ)"}[bands.unit]
    assert unit in " ".join(texts_of(figure))
    assert_tidy(figure)


def test_energy_range() -> None:
    bands = band_map(ALTERMAGNET, k_path(ALTERMAGNET, "G 0 0 0; M 1/2 0.4 0", 10), "spin", "z")
    figure = ws.plot_bands(bands, fermi_energy=0.0, energy_range=(-2, 1))
    assert figure.axes[0].get_ylim() == (-2, 1)
    assert 0 < len(list(coloured_segments(figure))) < 2 * (len(bands.k.points) - 1)
    with pytest.raises(InputError, match="energy range 1 to -2 eV is empty"):
        ws.plot_bands(bands, energy_range=(1, -2))


def test_bands_of_a_response() -> None:
    """Coloured by what they bring, counted from mu; below them the sum over all bands."""
    model = ws.models.get("rashba_exchange")
    path = k_path(model, "G 0 0 0; X 1/2 0 0", 30)
    bands = ws.response_map(model, path, "edelstein", "yx", mu=0.5, temperature=3000, units="SI")
    figure = ws.plot_bands(bands)
    texts = texts_of(figure)
    assert any("rashba_exchange: Edelstein effect, yx\nμ = 0.5 eV, T = 3000 K, τ = 10 fs, form full" in text for text in texts)
    assert "E − μ (eV)" in texts
    label = next(text for text in texts if "band n" in text)
    assert "$\\beta^{(1)}_{yx}$(k), band n" in label
    assert "⟨σ/2⟩ m$^{-2}$ / (V/m)" in label
    assert any(text.startswith("sum over bands (") and "⟨σ/2⟩" in text for text in texts)
    line = next(line for line in figure.axes[1].lines if len(line.get_xdata()) == len(path.points))
    drawn, total = np.asarray(line.get_ydata()), bands.values.sum(axis=1)
    assert np.abs(total).max() > 0
    assert drawn / np.abs(drawn).max() == pytest.approx(total / np.abs(total).max())
    assert_tidy(figure)


def test_bands_that_coincide_are_seen_both() -> None:
    """Of a pair with opposite spins one lies a little above, the other below."""
    model = ws.models.get("rashba_exchange", rashba=0.0, exchange=(0.0, 0.0, 0.05))
    figure = ws.plot_bands(band_map(model, k_path(model, "G 0 0 0; X 1/2 0 0", 20), "spin", "z"))
    (lines,) = [c for c in figure.axes[0].collections if hasattr(c, "get_segments")]
    spins, shifts = np.asarray(lines.get_array()), np.asarray(lines.get_offsets())
    assert np.abs(spins).max() > 0.3
    assert (np.sign(shifts[:, 1]) == np.sign(spins)).all()
    assert np.linalg.norm(shifts, axis=1) == pytest.approx(0.6 / 72 * np.abs(spins) / lines.norm.vmax)  # inches


def test_no_spin_has_no_colour() -> None:
    model = ws.models.get("rashba_exchange", rashba=0.0, exchange=(0.0, 0.0, 1e-9))
    bands = band_map(model, k_path(model, "G 0 0 0; X 1/2 0 0", 20), "spin", "z")
    assert np.abs(bands.values).max() < 1e-3
    (lines,) = [c for c in ws.plot_bands(bands).axes[0].collections if hasattr(c, "get_segments")]
    assert lines.norm.vmax == 1.0


@pytest.mark.parametrize(("value", "end"), [(0.987, 1.0), (1.0, 1.0), (1.003, 1.0), (1.02, 1.2), (4.2e-5, 5e-5), (83.0, 100.0)])
def test_colour_bars_end_at_round_numbers(value: float, end: float) -> None:
    assert rounded_up(value) == pytest.approx(end, rel=1e-12, abs=0)


@pytest.mark.parametrize(("top", "texts"), [(20.0, ["−1", "0", "0.1", "10"]), (2e4, ["$-10^{3}$", "0", "$10^{2}$", "$10^{4}$"])])
def test_numbers_beside_a_scale_of_decades(top: float, texts: list[str]) -> None:
    """Plain as long as all of them are short, zero among them."""
    norm, ticks = colour_scale(np.append(np.full(50, top / 1e3), top), "symlog")
    figure = Figure()
    axes = figure.add_subplot()
    colour_bar(figure, axes, axes.imshow([[0.0, top]], norm=norm), ticks, str)
    found = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert set(texts) <= set(found)


def test_decades_of_a_scale() -> None:
    assert decades(1e-3, 25.0) == pytest.approx((-10, -1, -0.1, 0, 0.1, 1, 10))
    assert decades(1e-3, 0.5) == pytest.approx((-0.1, -0.01, 0, 0.01, 0.1))
    assert decades(1e-3, 1e-3) == (0.0,)


def test_a_bar_that_leaves_the_panel_is_told() -> None:
    """One of many is enough, upwards or downwards."""
    x = np.arange(5.0)
    for sign in (1, -1):
        error = np.array([0.1, 0.1, 50.0, 0.1, 0.1])
        assert _cut([Curve("", x, sign * x, error), Curve("", x, x, 0.1 + 0 * x)])
    assert not _cut([Curve("", x, x, 0.1 + 0 * x)])


def test_the_zero_line_is_drawn_unless_all_is_above_it() -> None:
    x = np.arange(5.0)
    for y, expected in ((x - 2, True), (x + 1, False), (-x - 1, True)):
        axes = matplotlib_axes()
        _draw_lines(axes, [Curve("", x, y, np.full(5, np.nan)), Curve("", x, x + 1, np.full(5, np.nan))], 1.0)
        flat = [line for line in axes.lines if list(line.get_ydata()) == [0, 0]]
        assert bool(flat) == expected


def matplotlib_axes() -> "matplotlib.axes.Axes":
    from matplotlib.figure import Figure

    axes: matplotlib.axes.Axes = Figure().subplots()
    return axes


# --- planes -------------------------------------------------------------------------------------------------------------

HEXAGONAL = ws.models.get("kane_mele", rashba=0.1, exchange=(0.0, 0.0, 0.2))
CELL = ". -1/2 -1/2 0; . 1/2 -1/2 0; . -1/2 1/2 0"


def quadrilaterals(figure: "matplotlib.figure.Figure") -> "matplotlib.collections.QuadMesh":
    from matplotlib.collections import QuadMesh

    cells = [c for c in figure.axes[0].collections if isinstance(c, QuadMesh)]
    middle = np.mean(figure.axes[0].get_xlim())
    return min(cells, key=lambda c: abs(c.get_coordinates()[..., 0].mean() - middle))  # the others are its copies


def contours(figure: "matplotlib.figure.Figure", colour: str) -> np.ndarray:
    """The vertices of the lines of this colour: (vertex, 2)."""
    from matplotlib.colors import to_rgba
    from matplotlib.contour import ContourSet

    sets = [c for c in figure.axes[0].collections if isinstance(c, ContourSet) and tuple(c.get_edgecolor()[0]) == to_rgba(colour)]
    return np.concatenate([path.vertices for contour in sets for path in contour.get_paths()])


def test_plane_shows_the_integrand_where_it_is() -> None:
    plane = ws.k_plane(HEXAGONAL, CELL, (21, 21), "G 0 0 0")
    bands = ws.response_map(HEXAGONAL, plane, "magnetic_spin_hall", "xy;z", mu=0.9, temperature=1000, units="SI", tau=5)
    figure = ws.plot_plane(bands)
    cells = quadrilaterals(figure)
    assert np.asarray(cells.get_array()).ravel() == pytest.approx(bands.values.sum(axis=1))
    assert np.abs(bands.values.sum(axis=1)).max() > 0
    assert np.asarray(cells.get_coordinates()).reshape(-1, 2) == pytest.approx(plane.positions, abs=1e-12)
    assert figure.axes[0].get_aspect() == 1  # angles are right
    low, high = cells.get_clim()
    assert low == pytest.approx(-high)  # white is zero
    texts = texts_of(figure)
    assert any("magnetic spin Hall effect, xy;z\nμ = 0.9 eV, T = 1000 K, τ = 5 fs, form full" in text for text in texts)
    label = next(text for text in texts if text.startswith("$\\sigma^{(1)}_{xy;z}$(k)"))
    assert label.endswith("(ħ/e) S)")  # of a sheet
    assert "$k_x$ (Å$^{-1}$)" in texts or any(text.startswith("k along") for text in texts)
    assert "Γ" in texts
    assert_tidy(figure)


@pytest.mark.parametrize("corners", [CELL, "G 0.1 0.2 0; A 1.1 0.2 0; B 0.1 1.2 0", "G 0 0 0; A 1 0 0; B -1 1 0"])
@pytest.mark.parametrize("points", [(21, 21), (9, 30)])
def test_the_window_of_a_period(corners: str, points: tuple[int, int]) -> None:
    """As long as the first edge, about the middle of the parallelogram."""
    plane = ws.k_plane(HEXAGONAL, corners, points)
    ((low, high), _), _ = window_of(plane)
    x = plane.positions[:, 0]
    assert high - low == pytest.approx(x[points[1] * (points[0] - 1)] - x[0])
    assert (low + high) / 2 == pytest.approx(x.mean())
    assert abs(x.mean() - x[points[1] - 1]) > 0.05 * (high - low)  # the middle is not at a corner


def test_fermi_lines_are_where_bands_cross() -> None:
    plane = ws.k_plane(HEXAGONAL, CELL, (41, 41))
    figure = ws.plot_plane(ws.band_map(HEXAGONAL, plane, "spin", "z"), fermi_energy=0.9)
    at = contours(figure, "black")
    assert len(at) > 20
    k = np.linalg.lstsq(plane.reciprocal.T, (at @ plane.axes).T, rcond=None)[0].T  # reduced coordinates in the sheet
    energies = ws.band_geometry(HEXAGONAL, np.column_stack([k, np.zeros(len(k))])).energies
    assert np.abs(energies - 0.9).min(axis=1).max() < 0.02  # linear between points that are 0.18/angstrom apart


def test_zone_boundary_is_a_hexagon() -> None:
    figure = ws.plot_plane(ws.band_map(HEXAGONAL, ws.k_plane(HEXAGONAL, CELL, (41, 41)), "spin", "z"), band=1)
    radius = np.linalg.norm(contours(figure, "0.5"), axis=1)
    middle, corner = 2 * np.pi / np.sqrt(3), 4 * np.pi / 3
    near = radius[radius < 1.02 * corner]
    assert near.min() == pytest.approx(middle, rel=0.01, abs=0)
    assert near.max() == pytest.approx(corner, rel=0.02, abs=0)


def test_one_band_of_a_plane() -> None:
    bands = ws.band_map(HEXAGONAL, ws.k_plane(HEXAGONAL, CELL, (9, 8)), "spin_berry_curvature", "xy;z")
    figure = ws.plot_plane(bands, band=2)
    assert np.asarray(quadrilaterals(figure).get_array()).ravel() == pytest.approx(bands.values[:, 1])
    assert any(text.endswith("spin Berry curvature, xy;z, band 2") for text in texts_of(figure))
    assert any("\\Omega^{xy;z}_{2}$ (Å$^{2}$)" in text for text in texts_of(figure))
    both = ws.plot_plane(bands, fermi_energy=0.0)
    assert np.asarray(quadrilaterals(both).get_array()).ravel() == pytest.approx(bands.values[:, :2].sum(axis=1))
    assert any("sum over E < E$_F$ = 0 eV" in text for text in texts_of(both))


@pytest.mark.parametrize(("scale", "norm"), [("auto", "AsinhNorm"), ("linear", "Normalize"), ("symlog", "AsinhNorm")])
def test_scales_of_a_spiky_map(scale: str, norm: str) -> None:
    bands = ws.band_map(HEXAGONAL, ws.k_plane(HEXAGONAL, CELL, (9, 8)), "spin", "z")
    spiky = np.where(np.arange(72)[:, None] == 30, 1e4, bands.values)
    figure = ws.plot_plane(replace(bands, values=spiky), band=1, scale=scale)
    cells = quadrilaterals(figure)
    assert type(cells.norm).__name__ == norm
    assert cells.norm(0.0) == pytest.approx(0.5)
    assert_tidy(figure)


@pytest.mark.parametrize(
    ("direction", "label"),
    [
        ((0, 1, 0), "$k_y$ (Å$^{-1}$)"),
        ((np.sqrt(1 / 2), np.sqrt(1 / 2), 0), "k along [1 1 0] (Å$^{-1}$)"),
        ((np.sqrt(4 / 5), -np.sqrt(1 / 5), 0), "k along [2 −1 0] (Å$^{-1}$)"),
        ((0.96, -0.28, 0), "k along [0.96 −0.28 0.00] (Å$^{-1}$)"),
        ((-1, 0, 0), "k along [−1 0 0] (Å$^{-1}$)"),
    ],
)
def test_names_of_directions(direction: tuple[float, ...], label: str) -> None:
    from wannier_spin.plotting.plane import axis_label

    assert axis_label(np.array(direction)) == label


def test_planes_that_cannot_be_drawn() -> None:
    bands = ws.band_map(HEXAGONAL, ws.k_plane(HEXAGONAL, CELL, (3, 3)), "spin", "z")
    with pytest.raises(InputError, match="give a Fermi energy"):
        ws.plot_plane(bands)
    with pytest.raises(InputError, match="band 5: the model has bands 1 to 4"):
        ws.plot_plane(bands, band=5)
    with pytest.raises(InputError, match="scale = 'log' is not available"):
        ws.plot_plane(bands, band=1, scale="log")
    with pytest.raises(InputError, match=r"\.pdf, \.png, \.svg"):
        ws.plot_plane(bands, "a.tif", band=1)


# --- files --------------------------------------------------------------------------------------------------------------

MAGIC = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.mark.parametrize("ending", MAGIC)
def test_formats(result: ws.ResultSet, tmp_path: Path, ending: str) -> None:
    paths = [tmp_path / f"{name}{ending}" for name in ("plot", "again", "sheet", "BANDS")]
    for path in paths[:2]:
        ws.plot(result, path, responses=["edelstein"])
    ws.summary_sheet(ws.ResultSet({"edelstein": result["edelstein"]}, result.facts), paths[2])
    ws.plot_bands(band_map(ALTERMAGNET, k_path(ALTERMAGNET, "G 0 0 0; M 1/2 0.4 0", 10), "spin", "z"), paths[3])
    for path in paths:
        assert path.read_bytes().startswith(MAGIC[ending])
    assert paths[0].read_bytes() == paths[1].read_bytes()  # the same figure is the same file
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_no_global_state(result: ws.ResultSet, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    ws.plot(result, tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before
    code = (
        "import sys, wannier_spin as ws\n"
        "ws.plot(ws.load(sys.argv[1]), sys.argv[2])\n"
        "print('matplotlib.pyplot' in sys.modules, ws.plot.__name__, ws.export.__name__, ws.band_map.__name__)"
    )
    source = result.save(tmp_path / "r.h5")
    done = subprocess.run(
        [sys.executable, "-c", code, source, tmp_path / "b.png"], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["False", "plot", "export", "band_map"]


# --- command line -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(result: ws.ResultSet, tmp_path: Path) -> Path:
    result.save(tmp_path / "r.h5")
    ALTERMAGNET.save(tmp_path / "model.h5")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ("'spin_berry_curvature' on a plane", "give a Fermi energy")),
        (("-q", "edelstein", "-c", "xy"), ("'edelstein' is a response", "--fermi-energy")),
        (("-q", "edelstien", "-c", "xy"), ("'edelstien'", "did you mean 'edelstein'")),
        (("-q", "edelstein", "-c", "x", "--fermi-energy", "0"), ("'x' of 'edelstein'", "2 letters")),
        (("-q", "spin", "-c", "z", "--tau", "3"), ("--tau is for responses",)),
        (("-q", "edelstein", "-c", "zx", "--fermi-energy", "0", "--block", "L2"), ("'L2'", "L1surf")),
        (("-q", "ac_spin_current", "--fermi-energy", "0"), ("give omega",)),
        (("--band", "9"), ("band 9", "1 to 2")),
        (("--scale", "log", "--band", "1"), ("'log'", "auto, linear, symlog")),
        (("--corners", "G 0 0 0; X 1 0 0"), ("found 2 corners",)),
        (("--mark", "Z 0 0 1/2"), ("'Z' does not lie in the plane",)),
        (("-o", "a.tif"), ("a.tif", ".pdf, .png, .svg")),
    ],
)
def test_plane_refuses(
    run: Run, folder: Path, arguments: tuple[str, ...], parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    standard = ("--corners", "G 0 0 0; . 1/2 0 0; . 0 1/2 0", "--points", "3", "3", "-o", "a.png")
    code, out, err = run("plane", "model.h5", *standard, *arguments)
    assert (code, out, err.count("error: ")) == (2, "", 1)
    for part in parts:
        assert part in err
    assert sorted(folder.iterdir()) == before


def test_without_matplotlib(folder: Path) -> None:
    code = (
        "import sys\nsys.modules['matplotlib'] = None\n"
        f"sys.argv = ['wannier-spin', 'plot', {str(folder / 'r.h5')!r}]\n"
        "from wannier_spin import cli\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'wannier-spin[plot]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "r.pdf").exists()


# --- zones and periods ----------------------------------------------------------------------------------------------------


def test_zone_lines_of_a_plane_on_which_zones_meet(example_inputs: Path) -> None:
    """(001) through Gamma of a face-centred lattice: part of the plane is a face between two zones, which is no line in it."""
    model = ws.load_model(example_inputs / "GaAs" / "GaAs.model.h5")
    plane = ws.k_plane(model, ". 0 -1 -1; . 1 0 -1; . -1 0 1", (41, 41))
    found = zone_boundaries(plane)
    assert len(found) >= 3
    steps = np.array([(i, j, k) for i in range(-4, 5) for j in range(-4, 5) for k in range(-4, 5)]) @ plane.reciprocal
    normal = np.cross(*plane.axes)
    distance = np.linalg.norm(plane.cartesian[:, None] - steps[None], axis=2)
    spacing = np.linalg.norm(np.diff(plane.cartesian[:2], axis=0))
    for X in found:
        inside = X > 0
        edge = (inside != np.roll(inside, 1, axis=1))[1:, 1:] | (inside != np.roll(inside, 1, axis=0))[1:, 1:]
        for point in np.flatnonzero(np.pad(edge, ((1, 0), (1, 0))).ravel()):
            near = steps[distance[point] < distance[point].min() + 3 * spacing]
            seen_from_the_plane = {(*np.round(G @ plane.axes.T, 4), round(abs(float(G @ normal)), 4)) for G in near}
            assert len(seen_from_the_plane) > 1  # a line lies between zones that differ, not between mirror images


def test_a_period_fills_a_rectangle(example_inputs: Path) -> None:
    """A slanted cell: copies fill the corners, and every colour is that of the point."""
    model = ws.load_model(example_inputs / "GaAs" / "GaAs.model.h5")
    plane = ws.k_plane(model, ". 0 -1 -1; . 1 0 -1; . -1 0 1", (21, 21))
    (x, y), shifts = window_of(plane)
    edges = [plane.positions[(21 - 1) * 21] - plane.positions[0], plane.positions[20] - plane.positions[0]]
    assert abs(edges[0] @ edges[1]) > 0.1  # slanted
    assert (x[1] - x[0]) * (y[1] - y[0]) == pytest.approx(abs(np.linalg.det(edges)))
    corner = np.array([x[0], y[0]])
    inside = [
        np.linalg.solve(
            np.transpose(edges),
            corner + (x[1] - x[0]) * np.array([u, 0]) + (y[1] - y[0]) * np.array([0, v]) - plane.positions[0] - [shift, 0],
        )
        for u in (0.0, 1.0)
        for v in (0.0, 1.0)
        for shift in shifts
    ]
    covered = [np.all((-1e-9 < c) & (c < 1 + 1e-9)) for c in inside]
    assert np.array(covered).reshape(4, -1).any(axis=1).all()
    part = ws.k_plane(model, ". 0 0 0; . 1/2 0 0; . 0 1/2 0", (21, 21))
    whole = list(zip(part.positions.min(axis=0), part.positions.max(axis=0), strict=True))
    assert window_of(part) == (tuple(whole), (0.0,))  # no period: seen as it is
