"""Fermi surfaces in the first Brillouin zone: a picture, or a page that turns in a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.fermi_surface import FermiSurface
from wannier_spin.analysis.sheets import Sheet, sheets
from wannier_spin.analysis.zone import first_zone
from wannier_spin.errors import InputError
from wannier_spin.plotting.canvas import COLUMN, check_ending, new_figure, own_style, panels, rows_of, save
from wannier_spin.plotting.colour import Scale, colour_bar, colour_map, colour_scale
from wannier_spin.plotting.look import AS_IS, Look
from wannier_spin.plotting.words import unit_in_brackets
from wannier_spin.storage import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Real = NDArray[np.float64]
VIEW = (18.0, -55.0)  # degrees: height above the plane of x and y, and turn about z
SHADED = ("#0072B2", "#F2F2F2", "#D55E00")  # lighter at the ends than other maps: shadows make it darker
PLAIN = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")  # of sheets without a colour
DARKEST = 0.55  # of a face that looks away from the light
LIGHT = np.array([0.3, -0.5, 0.8])
IN_A_ROW = 3
ZOOM = 1.6  # fills the panel with the zone
TINY = 0.02  # of the area of all sheets
HEAD = (
    '<head><title>{}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
    "<style>html, body, body > div {{margin: 0; height: 100%; overflow: hidden}}</style>"
)
FILLING = 1.75  # of the zone on a page


def plot_fermi_surface(
    surface: FermiSurface,
    path: str | Path | None = None,
    *,
    colour: int = 0,
    view: tuple[float, float] = VIEW,
    scale: Scale = "auto",
    look: Look = AS_IS,
) -> Figure:
    """A picture of each sheet in the first Brillouin zone, in the colours of one quantity.

    colour : which of `surface.names`; without any, each sheet has one colour of its own. view : degrees above the plane of x and
    y, and about z. scale : of the colours, as `plot_plane`. look : title and size.

    Raises InputError as `plot`, for a colour that is not there, for a layer, whose Fermi surface is no surface, and for limits
    and reference data.
    """
    if path is not None:
        check_ending(path)
    look.check_solid()
    found = sheets(surface)
    name = _name_of(surface, colour)
    zone = first_zone(surface.reciprocal)
    with own_style():
        rows, columns = rows_of(len(found), IN_A_ROW), min(IN_A_ROW, len(found))
        figure = new_figure(look.size or (columns * COLUMN * 0.8 + 0.9, rows * COLUMN * 0.8 + 0.4))
        norm, ticks = colour_scale(np.concatenate([s.colours[colour] for s in found]) if name else np.zeros(1), scale)
        axes = _solid_panels(figure, len(found))
        for n, (panel, sheet) in enumerate(zip(axes, found, strict=True)):
            base = colour_map(SHADED)(norm(_on_faces(sheet, colour))) if name else _plain(n)
            _draw_zone(panel, zone.edges, view)
            _draw_sheet(panel, sheet, base)
            panel.set_title(f"{_bands(sheet)}{_share(sheet, found)}", loc="left", y=0.99)
        figure.suptitle(look.title or _title(surface, name), x=0.02, ha="left", size=8)
        if name:
            quantity, unit = _parts(name)
            mappable = _mappable(norm)
            colour_bar(figure, list(axes), mappable, ticks, lambda power: f"{quantity}{unit_in_brackets(unit, power)}")  # type: ignore[arg-type]
    if path is not None:
        save(figure, path)
    return figure


def fermi_surface_page(
    surface: FermiSurface, path: str | Path, *, colour: int = 0, from_network: bool = False, title: str | None = None
) -> Path:
    """Write a page for a browser: the sheets inside the first Brillouin zone, to be turned, and each switched off and on.

    colour : as `plot_fermi_surface`. from_network : the page loads plotly.js (5 MB) where it is opened, instead of holding it.
    title : in place of the usual one.

    Raises InputError without plotly, for an ending that is not .html, a place that cannot be written, and as `plot_fermi_surface`.
    """
    if Path(path).suffix.lower() != ".html":
        raise InputError(f"cannot write a page to '{path}': the ending must be .html")
    name = _name_of(surface, colour)
    found = sheets(surface)
    go = _plotly()
    edges = first_zone(surface.reciprocal).edges
    bar = _colour_bar(found, colour) if name else {}
    traces = [_mesh(go, sheet, n, colour if name else None, bar) for n, sheet in enumerate(found)]
    x, y, z = np.insert(edges, 2, np.nan, axis=1).reshape(-1, 3).T
    line = {"color": "#444444", "width": 3}
    traces.append(go.Scatter3d(x=x, y=y, z=z, mode="lines", line=line, name="zone", hoverinfo="skip"))
    figure = go.Figure(traces, layout=_layout(html.escape(title) if title else _heading(surface, name), np.ptp(edges, axis=(0, 1))))
    library = "cdn" if from_network else True
    text = figure.to_html(include_plotlyjs=library, div_id="fermi-surface", config={"responsive": True, "displaylogo": False})
    return write_text(path, text.replace("<head>", HEAD.format(html.escape(title or f"{surface.model}: Fermi surface")), 1))


def _plotly() -> Any:
    try:
        import plotly.graph_objects
    except ImportError as error:
        raise InputError("a page needs plotly: pip install 'wannier-spin[interactive]'; a .png or .pdf does not") from error
    return plotly.graph_objects


def _name_of(surface: FermiSurface, colour: int) -> str:
    """The colour that is drawn, "" where there is none. Raises InputError for a number that is not there."""
    if not 0 <= colour < max(1, len(surface.names)):
        raise InputError(f"colour {colour}: the surface has {len(surface.names)}, counted from 0: {', '.join(surface.names)}")
    return surface.names[colour] if surface.names else ""


def _title(surface: FermiSurface, name: str) -> str:
    words = f", {_parts(name)[0]}" if name else ""
    return f"{surface.model}: Fermi surface at {surface.fermi_energy:g} eV{words}"


def _heading(surface: FermiSurface, name: str) -> str:
    """Of a page: lines that a phone has room for."""
    quantity, unit = _parts(name)
    below = f"{quantity} ({_plain_unit(unit)})" if unit else quantity
    return f"{surface.model}: Fermi surface at {surface.fermi_energy:g} eV" + (f"<br>{below}" if name else "")


def _parts(name: str) -> tuple[str, str]:
    """Quantity and component in words, and the unit."""
    quantity, _, unit = name.partition(" (")
    return quantity.replace("_", " ").replace("berry", "Berry"), unit.removesuffix(")")


def _bands(sheet: Sheet) -> str:
    return f"band{'s' if len(sheet.bands) > 1 else ''} {', '.join(map(str, sheet.bands))}"


def _area(sheet: Sheet) -> float:
    first, second, third = sheet.vertices[sheet.triangles].transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2)


def _share(sheet: Sheet, found: Sequence[Sheet]) -> str:
    """How small it is, where it is hardly seen."""
    share = _area(sheet) / sum(map(_area, found))
    return f" ({100 * share:.1g} % of the surface)" if share < TINY else ""


def _on_faces(sheet: Sheet, colour: int) -> Real:
    return np.asarray(sheet.colours[colour][sheet.triangles].mean(axis=1))


def _plain(n: int) -> Real:
    from matplotlib.colors import to_rgba

    return np.array([to_rgba(PLAIN[n % len(PLAIN)])])


def _solid_panels(figure: Figure, number: int) -> list[Axes]:
    """Panels in three dimensions, without a frame."""
    flat = panels(figure, number, IN_A_ROW)
    solid = []
    for axes in flat:
        place = axes.get_subplotspec()
        axes.remove()
        assert place is not None
        solid.append(figure.add_subplot(place, projection="3d", computed_zorder=False, proj_type="ortho"))
        solid[-1].set_axis_off()
    return solid


def _towards(view: tuple[float, float]) -> Real:
    """The unit vector to who looks."""
    up, turn = np.radians(view)
    return np.array([np.cos(up) * np.cos(turn), np.cos(up) * np.sin(turn), np.sin(up)])


def _draw_zone(axes: Any, edges: Real, view: tuple[float, float]) -> None:
    """Edges of the zone; those behind the surface, whose middles lie in the half that looks away, are pale."""
    reach, towards = float(np.abs(edges).max()), _towards(view)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    axes.set_box_aspect((1, 1, 1), zoom=ZOOM * reach / _half_width(edges, towards))
    axes.view_init(*view)
    for edge in edges:
        near = float(edge.mean(axis=0) @ towards) > -1e-9
        axes.plot(*edge.T, color="0.15" if near else "0.65", lw=0.7, zorder=3 if near else 1)


def _half_width(edges: Real, towards: Real) -> float:
    """How far the zone reaches to the side, and up, as it is seen: 1/angstrom."""
    side = np.cross([0.0, 0.0, 1.0], towards)
    side = side / np.linalg.norm(side) if side.any() else np.array([1.0, 0.0, 0.0])
    return float(np.abs(edges @ np.stack([side, np.cross(towards, side)], axis=1)).max())


def _draw_sheet(axes: Any, sheet: Sheet, base: Real) -> None:
    """Triangles in these colours (t,4) or (1,4), darker where they look away from the light."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    corners = sheet.vertices[sheet.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.maximum(np.linalg.norm(normal, axis=1), 1e-30)
    bright = np.abs(normal @ (LIGHT / np.linalg.norm(LIGHT))) / length
    faces = np.broadcast_to(base, (len(corners), 4)).copy()
    faces[:, :3] *= (DARKEST + (1 - DARKEST) * bright)[:, None]
    look: Any = {"facecolors": faces, "edgecolors": faces, "linewidths": 0.15, "rasterized": True, "zorder": 2}
    axes.add_collection3d(Poly3DCollection(corners, **look))


def _mappable(norm: Any) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(norm=norm, cmap=colour_map(SHADED))


def _colour_bar(found: Sequence[Sheet], colour: int) -> dict[str, Any]:
    """What the sheets of a page share: the scale of `colour_scale`, as numbers from -1 to 1, and its ticks."""
    norm, ticks = colour_scale(np.concatenate([sheet.colours[colour] for sheet in found]))
    texts = [_tick(float(tick)) for tick in ticks]
    bar = {"tickvals": _scaled(norm, np.array(ticks)), "ticktext": texts, "tickangle": 0, "orientation": "h"}
    steps = [[n / (len(SHADED) - 1), c] for n, c in enumerate(SHADED)]
    return {"norm": norm, "colorscale": steps, "colorbar": bar | {"len": 0.9, "thickness": 12, "x": 0.5, "y": 0, "yanchor": "top"}}


def _tick(value: float) -> str:
    """A number at the colour bar of a page: 0.1, 1000, 10^5."""
    plain = f"{value:.4g}".replace("-", "−")
    return re.sub(r"(?:1|(\S+))e\+?(−?)0*(\d+)", lambda m: f"{m[1] + '·' if m[1] else ''}10<sup>{m[2]}{m[3]}</sup>", plain)


def _scaled(norm: Any, values: Real) -> NDArray[np.float32]:
    """On the colour bar, from -1 to 1; single precision is enough for the eye, and halves the page."""
    return (2 * np.asarray(norm(values), float) - 1).astype(np.float32)


def _mesh(go: Any, sheet: Sheet, number: int, colour: int | None, bar: Mapping[str, Any]) -> Any:
    """A trace of plotly. colour : of the sheet's, drawn by the scale of `_colour_bar`; None: one of its own."""
    x, y, z = sheet.vertices.T.astype(np.float32)
    i, j, k = sheet.triangles.T.astype(np.int32)
    look: dict[str, Any] = {"color": PLAIN[number % len(PLAIN)]}
    if colour is not None:
        values = sheet.colours[colour]
        look = {"intensity": _scaled(bar["norm"], values), "customdata": values.astype(np.float32), "cmin": -1, "cmax": 1}
        look |= {"colorscale": bar["colorscale"], "colorbar": bar["colorbar"], "showscale": number == 0}
    light = {"ambient": 0.75, "diffuse": 0.45, "specular": 0.1, "roughness": 0.8}
    hover = "k = (%{x:.3f}, %{y:.3f}, %{z:.3f}) / Å" + ("" if colour is None else "<br>%{customdata:.3g}")
    shown: Any = {"name": _bands(sheet), "showlegend": True, "hovertemplate": hover, "lighting": light, "flatshading": False}
    return go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, **shown, **look)


def _plain_unit(unit: str) -> str:
    return re.sub(r"\^(-?\d+)", r"<sup>\1</sup>", unit.replace("hbar", "ħ").replace("angstrom", "Å"))


def _layout(title: str, size: Real) -> dict[str, Any]:
    """size (3,) : of the zone, 1/angstrom."""
    camera = {"projection": {"type": "orthographic"}, "eye": dict(zip("xyz", _towards(VIEW), strict=True))}
    ratio = dict(zip("xyz", FILLING * size / size.max(), strict=True))
    scene = {"aspectmode": "manual", "aspectratio": ratio, "camera": camera} | {f"{x}axis": {"visible": False} for x in "xyz"}
    legend = {"x": 0, "y": -0.12, "yanchor": "top", "orientation": "h"}
    margin = {"l": 0, "r": 0, "t": 70, "b": 0}
    heading = {"text": title, "font": {"size": 14}, "x": 0.02}
    return {"title": heading, "scene": scene, "legend": legend, "margin": margin, "modebar": {"orientation": "v"}}
