"""What a figure is made of, as words and numbers: panels, limits, ticks, lines, colours, words."""

from typing import Any

import numpy as np
from stored import digest


def account(figure: Any) -> dict[str, Any]:
    """All that is drawn, as words and numbers; what the layout finds by itself is left out."""
    panels = {f"panel {i}": panel(axes) for i, axes in enumerate(figure.axes)}
    legends = [legend(one) for one in figure.legends]
    head = {"size": list(map(float, figure.get_size_inches())), "title": figure.get_suptitle()}
    rectangle = figure.get_layout_engine().get()["rect"]
    shown = {"rectangle": list(map(float, rectangle)), "texts": [text(x) for x in figure.texts], "legends": legends}
    return {"figure": {**head, **shown}, **panels}


def panel(axes: Any) -> dict[str, Any]:
    own = axes.get_legend()
    limits = {name: list(map(float, getattr(axes, f"get_{name}lim")())) for name in "xy"}
    told = {
        "words": [axes.get_title(), axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()],
        "limits": limits,
        "scales": [axes.get_xscale(), axes.get_yscale(), str(axes.get_aspect())],
        "ticks": [ticks(axes.xaxis), ticks(axes.yaxis)],
        "marks": [mark(axes.xaxis), mark(axes.yaxis)],
        "legend": [] if own is None else legend(own),
        "bar": [float(axes._colorbar_info[name]) for name in ("aspect", "pad")] if hasattr(axes, "_colorbar_info") else [],
        "lines": [line(x) for x in axes.lines],
        "patches": [patch(x) for x in axes.patches],
        "collections": [collection(x) for x in axes.collections],
        "texts": [text(x) for x in axes.texts],
    }
    if hasattr(axes, "elev"):
        told |= {"view": [axes.elev, axes.azim], "box": list(map(float, axes._box_aspect))}
    place = axes.get_subplotspec()
    if place is not None:
        grid = place.get_gridspec()
        told["place"] = [*map(int, (grid.nrows, grid.ncols, place.num1, place.num2)), str(grid.get_height_ratios())]
    return {name: value for name, value in told.items() if value != []}


def legend(one: Any) -> list[Any]:
    """Title, words, columns, place and frame."""
    frame = [one.get_frame_on(), float(one.get_frame().get_alpha() or 0.0), float(one.borderpad), float(one.handletextpad)]
    return [one.get_title().get_text(), *(x.get_text() for x in one.get_texts()), one._ncols, str(one._loc_real), *frame]


def mark(axis: Any) -> list[Any]:
    """How the ticks of an axis are drawn, where they were told to be otherwise."""
    told = axis.get_tick_params()
    return [str(told.get("length", "")), bool(axis.get_visible()), float(axis.label.get_size())]


def ticks(axis: Any) -> object:
    """Those that were set; where matplotlib chooses them, nothing."""
    from matplotlib.ticker import FixedLocator

    if not isinstance(axis.get_major_locator(), FixedLocator):
        return type(axis.get_major_locator()).__name__
    labels = [one.get_text() for one in axis.get_ticklabels()]
    return {"at": digest(axis.get_majorticklocs()), "labels": labels, "minor": len(axis.get_minorticklocs())}


def line(one: Any) -> list[Any]:
    name = one.get_label()
    style = [one.get_marker(), float(one.get_linewidth()), float(one.get_markersize()), one.get_zorder(), edges(one)]
    shown = ["" if name.startswith("_") else name, colour(one.get_color()), str(one._dash_pattern), *style]
    data = np.sort(one.get_data_3d()) if hasattr(one, "get_data_3d") else one.get_data(orig=True)  # an edge has no direction
    return [*shown, *map(digest, data)]


def edges(one: Any) -> list[float]:
    """Widths of what is drawn around, and whether it may reach over the frame."""
    return [*(float(effect._gc["linewidth"]) for effect in one.get_path_effects() or ()), float(one.get_clip_on())]


def patch(one: Any) -> list[Any]:
    corners = one.get_patch_transform().transform(one.get_path().vertices)
    return [type(one).__name__, colour(one.get_facecolor()), float(one.get_linewidth()), float(one.get_zorder()), digest(corners)]


def collection(one: Any) -> dict[str, Any]:
    """In the order of places: which of two pieces with the same size is drawn first is rounding."""
    paths = (
        [path.vertices for path in one.get_paths() if path.vertices.size]
        if not hasattr(one, "get_coordinates")
        else [one.get_coordinates()]
    )
    order = np.lexsort(np.round([path.reshape(-1, 2).mean(axis=0) for path in paths], 7).T) if paths else []
    paths = [paths[i] for i in order]

    def of_each(values: Any) -> list[Any]:
        return digest(np.asarray(values)[order] if len(paths) == len(values) else values)

    told: dict[str, Any] = {
        "kind": type(one).__name__,
        "alpha": one.get_alpha(),
        "zorder": float(one.get_zorder()),
        "rasterized": one.get_rasterized(),
        "edges": edges(one),
    }
    told |= {
        "paths": len(paths),
        "widths": digest(one.get_linewidths()),
        "vertices": digest(np.concatenate(paths) if paths else []),
    }
    told |= {"offsets": of_each(one.get_offsets())}
    for name in ("U", "V", "scale", "width"):
        told |= {name: digest(getattr(one, name))} if hasattr(one, name) else {}
    if one.get_array() is None:
        return told | {"colours": of_each(one.get_facecolor()), "lines": of_each(one.get_edgecolor())}
    norm, ends = one.norm, one.cmap([0.0, 0.3, 0.5, 0.8, 1.0])
    scale = [type(norm).__name__, float(norm.vmin), float(norm.vmax), float(getattr(norm, "linear_width", 0.0))]
    return told | {"values": of_each(one.get_array()), "scale": scale, "map": digest(ends)}


def text(one: Any) -> list[Any]:
    place = one.xyann if hasattr(one, "xyann") else one.get_position()
    places = [list(map(float, place)), list(map(float, one.xy)) if hasattr(one, "xy") else []]
    return [one.get_text(), *places, one.get_ha(), one.get_va(), float(one.get_size()), colour(one.get_color()), edges(one)]


def colour(given: Any) -> str:
    from matplotlib.colors import to_hex

    return str(to_hex(given, keep_alpha=True))
