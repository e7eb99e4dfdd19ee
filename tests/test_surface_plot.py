"""Pictures and pages of Fermi surfaces."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin.analysis.sheets import sheets
from wannier_spin.analysis.zone import first_zone
from wannier_spin.errors import InputError
from wannier_spin.plotting.surface import _area, _half_width, _share, _tick

SURFACE = ws.fermi_surface(ws.models.get("random_model"), (6, 6, 6), 0.1, "spin_berry_curvature", "xy;z")


def test_a_panel_for_each_sheet() -> None:
    figure = ws.plot_fermi_surface(SURFACE)
    assert 0 < figure._suptitle.get_position()[0] < 0.1
    width, *others = figure.axes[0]._box_aspect
    assert others == pytest.approx([width, width])  # a zone is not stretched
    found = sheets(SURFACE)
    panels, bar = figure.axes[: len(found)], figure.axes[-1]
    assert [panel.get_title(loc="left") for panel in panels] == [f"band {sheet.bands[0]}" for sheet in found]
    for panel, sheet in zip(panels, found, strict=True):
        (triangles,) = panel.collections
        assert len(triangles.get_facecolors()) == len(sheet.triangles) > 0
        assert len(panel.lines) == len(first_zone(SURFACE.reciprocal).edges)
    assert "spin berry curvature xy;z" in bar.get_ylabel().lower()
    assert "Å" in bar.get_ylabel()
    top = max(np.abs(sheet.colours).max() for sheet in found)
    assert bar.get_ylim()[1] >= top


@pytest.mark.parametrize("height", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("view", [(18.0, -55.0), (90.0, 0.0), (0.0, 30.0)])
def test_the_zone_is_inside_of_its_panel(height: float, view: tuple[float, float]) -> None:
    """Also a flat or a long one: its corners, projected, lie in the panel and fill more than half of it."""
    from mpl_toolkits.mplot3d import proj3d

    long = replace(SURFACE, reciprocal=SURFACE.reciprocal * np.array([1, 1, height]))
    figure = ws.plot_fermi_surface(long, view=view)
    figure.canvas.draw()
    panel = figure.axes[0]
    edges = first_zone(long.reciprocal).edges.reshape(-1, 3)
    x, y, _ = proj3d.proj_transform(*edges.T, panel.get_proj())
    places = panel.transAxes.inverted().transform(panel.transData.transform(np.column_stack([x, y])))
    assert places.min() > 0
    assert places.max() < 1
    assert np.ptp(places, axis=0).max() > 0.5


def test_from_above_the_zone_is_as_wide_as_from_nearly_above() -> None:
    """There "up" and "to the side" are chosen, and no length with them."""
    edges = first_zone(SURFACE.reciprocal).edges
    nearly = np.array([0.0, -1e-6, 1.0])
    assert _half_width(edges, np.array([0.0, 0.0, 1.0])) == pytest.approx(_half_width(edges, nearly), rel=1e-4, abs=0)


def test_a_sheet_that_is_hardly_seen_says_how_small_it_is() -> None:
    (small, *_), large = sheets(SURFACE), max(sheets(SURFACE), key=_area)
    tiny = replace(small, vertices=0.01 * large.vertices, triangles=large.triangles)
    assert _share(tiny, [tiny, large]) == " (0.01 % of the surface)"
    assert _share(large, [tiny, large]) == ""


def test_without_colours_sheets_differ() -> None:
    figure = ws.plot_fermi_surface(ws.fermi_surface(ws.models.get("random_model"), (6, 6, 6), 0.1))
    hues = [tuple(np.argsort(panel.collections[0].get_facecolors()[0][:3])) for panel in figure.axes]
    assert len(figure.axes) == len(set(hues)) > 1


def data_of(page: str) -> list[dict]:
    """The traces that the page gives to plotly.js."""
    start = page.index("[", page.index("Plotly.newPlot("))
    return json.JSONDecoder().raw_decode(page, start)[0]


def numbers(array: dict[str, str]) -> np.ndarray:
    """As plotly packs them."""
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])


def test_page(tmp_path: Path) -> None:
    ws.fermi_surface_page(SURFACE, tmp_path / "a.html")
    ws.fermi_surface_page(SURFACE, tmp_path / "b.html", from_network=True)
    whole, small = ((tmp_path / name).read_text() for name in ("a.html", "b.html"))
    assert len(whole) > 1e6 > len(small)
    assert re.search(r'<script[^>]* src="https?://', whole) is None
    assert re.search(r'<script[^>]* src="https://[^"]*plotly', small) is not None
    *meshes, zone = data_of(small)
    assert [mesh["type"] for mesh in meshes] == ["mesh3d"] * len(sheets(SURFACE))
    assert [mesh["name"] for mesh in meshes] == [f"band {band}" for band in SURFACE.bands]
    assert meshes[0]["cmax"] == -meshes[0]["cmin"] == 1
    for mesh, sheet in zip(meshes, sheets(SURFACE), strict=True):
        assert numbers(mesh["customdata"]) == pytest.approx(sheet.colours[0], rel=1e-6, abs=0)
        seen = numbers(mesh["intensity"])
        assert np.abs(seen).max() <= 1
        assert (np.sign(seen) == np.sign(np.where(np.abs(seen) < 1e-7, 0, sheet.colours[0]))).all()
        assert numbers(mesh["x"]) == pytest.approx(sheet.vertices[:, 0], abs=1e-6)
    assert zone["mode"] == "lines"
    bar = meshes[0]["colorbar"]  # below the picture: beside it there is no room on a phone
    assert (bar["orientation"], bar["yanchor"], bar["tickangle"]) == ("h", "top", 0)
    assert "eV\\u003cbr\\u003espin Berry curvature" in small  # two short lines
    ws.fermi_surface_page(SURFACE, tmp_path / "c.html", from_network=True)
    assert (tmp_path / "c.html").read_text() == small


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (-1000.0, "−1000"), (1e5, "10<sup>5</sup>"), (-2e-7, "−2·10<sup>−7</sup>")]
)
def test_numbers_at_the_colour_bar(value: float, text: str) -> None:
    assert _tick(value) == text


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the ending must be .html"):
        ws.fermi_surface_page(SURFACE, tmp_path / "a.htm")
    with pytest.raises(InputError, match="colour 1: the surface has 1"):
        ws.plot_fermi_surface(SURFACE, colour=1)
    with pytest.raises(InputError, match="the ending must be one of"):
        ws.plot_fermi_surface(SURFACE, tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_without_plotly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    with pytest.raises(InputError, match=r"wannier-spin\[interactive\]"):
        ws.fermi_surface_page(SURFACE, tmp_path / "a.html")


@pytest.fixture
def wannier_spin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    ws.models.get("random_model").save(tmp_path / "model.h5")
    monkeypatch.chdir(tmp_path)
    return entry_point(monkeypatch, capsys)


def test_a_page_is_written(wannier_spin: Command, tmp_path: Path) -> None:
    name = "a.html"
    done = wannier_spin(
        *("fermi-surface", "model.h5", "--fermi-energy", 0.1, "--grid", 6, 6, 6, "-q", "orbital_moment", "-c", "z", "-o", name)
    )
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"; orbital_moment z (hbar)\nwritten to {name}\n")
    assert (tmp_path / name).read_bytes().startswith(b"<!doctype html>")
