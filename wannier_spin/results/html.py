"""Results in notebooks: a table of responses, their components with error bars, and the curve as a small picture."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.results.choose import is_forbidden
from wannier_spin.results.facts import RunFacts
from wannier_spin.results.set import ResultSet
from wannier_spin.results.show import Entry, advice, entries, scan_text, state
from wannier_spin.results.tensor import ResponseTensor

Real = NDArray[np.float64]
WIDTH, HEIGHT = 150, 34  # of a curve, pixels
MOST = 6  # components of a response
HEAD = ("response", "component", "value(bar)", "unit", "over the scan")


def result_html(result: ResultSet) -> str:
    """All responses, near the Fermi energy at the first temperature and tau."""
    facts = result.facts
    first = next(iter(result.values()), None)
    about = f"<b>{escape(facts.model)}</b>: {escape(facts.how())}"
    if facts.symmetry is not None:
        about += f", {escape(facts.symmetry.title)}"
    if first is not None:
        about += f"<br>{escape(scan_text(first, facts))}"
    notes = "".join(f"<div>warning: {escape(message)}</div>" for message in result.warnings)
    state_line = f"<div>{escape(advice(result))}</div>" if first is not None else ""
    return f"<div>{about}</div>{_table(result.values(), facts)}{state_line}{notes}"


def tensor_html(tensor: ResponseTensor) -> str:
    """One response, of which neither symmetry nor Fermi energy are known."""
    about = f"<b>{escape(tensor.title)}</b>, {escape(tensor.symbol)}, Eq. {escape(tensor.equation)}"
    scan = f"<div>{escape(scan_text(tensor))}</div>"
    return f"<div>{about}</div>{scan}{_table([tensor], RunFacts())}<div>{escape(state(tensor))}</div>"


def _table(tensors: Iterable[ResponseTensor], facts: RunFacts) -> str:
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in HEAD)
    return f"<table><tr>{head}</tr>{''.join(row for tensor in tensors for row in _rows(tensor, facts))}</table>"


def _rows(tensor: ResponseTensor, facts: RunFacts) -> list[str]:
    found = entries(tensor, facts)
    if not found:
        return [_row(tensor.name, "forbidden by symmetry" if is_forbidden(tensor, facts) else "zero", "", "", "")]
    if len(found) > MOST:
        found = tuple(sorted(found, key=lambda entry: -abs(entry.value) if np.isfinite(entry.value) else 0.0))
    rows = []
    for i, entry in enumerate(found[:MOST]):
        rows.append(_row(tensor.name if i == 0 else "", entry.name, entry.text, entry.unit, curve(tensor, entry)))
    if len(found) > MOST:
        rows.append(_row("", f"and {len(found) - MOST} more", "", "", ""))
    return rows


def _row(name: str, component: str, value: str, unit: str, picture: str) -> str:
    cells = (*(escape(text) for text in (name, component, value, unit)), picture)
    return f"<tr>{''.join(f'<td style={chr(34)}text-align:left{chr(34)}>{cell}</td>' for cell in cells)}</tr>"


def curve(tensor: ResponseTensor, entry: Entry) -> str:
    """The component over its longest axis as SVG, with its error band and a line at zero; empty for one point."""
    index = list(entry.index)
    lengths = tensor.values.shape[: 3 if len(tensor.omega) else 2]
    axis = int(np.argmax(lengths))
    if lengths[axis] < 3:
        return ""
    place: Any = (*index[:axis], slice(None), *index[axis + 1 :])
    x = (tensor.mu if tensor.carriers is None else tensor.carriers, tensor.temperature, tensor.omega)[axis]
    order = np.argsort(x)
    return _svg(x[order], tensor.values[place][order], np.nan_to_num(tensor.error[place][order], posinf=0.0))


def _svg(x: Real, y: Real, error: Real) -> str:
    kept = np.isfinite(y)
    if kept.sum() < 2 or not np.ptp(x[kept]):
        return ""
    x, y, error = x[kept], y[kept], error[kept]
    error = np.minimum(error, np.ptp(y) if np.ptp(y) else np.abs(y).max())  # a band beyond the picture says nothing more
    low, high = min(0.0, float((y - error).min())), max(0.0, float((y + error).max()))
    scale = (HEIGHT - 4) / (high - low or 1.0)

    def points(values: Real, places: Real) -> str:
        across = 2 + (places - x[0]) / np.ptp(x) * (WIDTH - 4)
        return " ".join(f"{a:.1f},{2 + (high - b) * scale:.1f}" for a, b in zip(across, values, strict=True))

    band = f"{points(y + error, x)} {points((y - error)[::-1], x[::-1])}"
    zero = 2 + high * scale
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<line x1="2" x2="{WIDTH - 2}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="#999" stroke-width="0.5"/>'
        f'<polygon points="{band}" fill="#0072B2" fill-opacity="0.2"/>'
        f'<polyline points="{points(y, x)}" fill="none" stroke="#0072B2" stroke-width="1.2"/></svg>'
    )
