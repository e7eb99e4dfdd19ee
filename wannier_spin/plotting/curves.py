"""What is drawn of a response: its curves, as numbers and labels. Nothing here knows matplotlib."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.components import Group, checked_name
from wannier_spin.errors import InputError
from wannier_spin.plotting.words import setting
from wannier_spin.results import ResponseTensor, RunFacts, groups

Real = NDArray[np.float64]
AXES = ("mu", "temperature", "omega", "tau")
MOST_LINES = 7
ROUNDING = 1e-12  # of the largest value


@dataclass(frozen=True)
class Curve:
    """One line of a panel: x, y, error (points,); error is NaN where there is no estimate."""

    label: str
    x: Real
    y: Real
    error: Real


@dataclass(frozen=True)
class View:
    """How to look at a result.

    components : names like "xy;z"; (): the independent ones, or the largest. against : one of AXES; None: see `scan_axis`.
    lines : an axis, for each value of which one curve is drawn; None: none. at : axis -> value, for the other axes: the
    nearest one of the result is taken; by default the Fermi energy (or the middle) for mu, and the first one else.
    most : how many components at most, of those that nobody named.
    """

    components: tuple[str, ...] = ()
    against: str | None = None
    lines: str | None = None
    at: Mapping[str, float] | None = None
    most: int = 6


def scan_axis(tensor: ResponseTensor) -> str | None:
    """What a response is drawn against: omega for a spectrum, else mu, T or tau, the first of more than one value."""
    for axis in ("omega", "mu", "temperature"):
        if len(getattr(tensor, axis)) > 1:
            return axis
    return "tau" if len(tensor.tau) > 1 and tensor.tau_power else None


def curves(tensor: ResponseTensor, facts: RunFacts, view: View) -> tuple[Curve, ...]:
    """The lines of one panel; without a scan each has one point. Raises InputError for what the response does not have."""
    against = view.against or scan_axis(tensor)
    _check_axes(tensor, view)
    place = {axis: position(tensor, axis, facts, view.at or {}) for axis in scan_axes(tensor)}
    x = axis_values(tensor, against, facts.fermi_energy)
    order = np.argsort(x, kind="stable")  # a list of mu need not be in order
    values, errors = tensor.over_tau, tensor.error_over_tau
    found = []
    for group, part, where, label in _choices(tensor, facts, view, place):
        pick: list[Any] = [slice(None) if axis == against else where[axis] for axis in scan_axes(tensor)]
        index = (*pick, *(() if part is None else (part,)), *group.index)
        found.append(Curve(label, x[order], np.atleast_1d(values[index])[order], np.atleast_1d(errors[index])[order]))
    return tuple(found)


def axis_values(tensor: ResponseTensor, axis: str | None, fermi_energy: float | None) -> Real:
    """Coordinates (points,) along an axis, in its unit, mu (eV) from the Fermi energy where that is known, or the numbers of
    carriers; one zero for None.
    """
    if axis is None:
        return np.zeros(1)
    if axis == "mu" and tensor.carriers is not None:
        return tensor.carriers
    values = np.asarray(getattr(tensor, axis), float)
    return values - (fermi_energy or 0.0) if axis == "mu" else values


def scan_axes(tensor: ResponseTensor) -> tuple[str, ...]:
    """The axes of `over_tau` before the part and the Cartesian ones."""
    return ("tau", "mu", "temperature", *(("omega",) if len(tensor.omega) else ()))


def _check_axes(tensor: ResponseTensor, view: View) -> None:
    named = [axis for axis in (view.against, view.lines, *(view.at or {})) if axis is not None]
    for axis in named:
        if axis not in AXES:
            raise InputError(f"axis '{axis}' is not known; choose from {', '.join(AXES)}")
    for wanted in (view.against, view.lines):
        if wanted is not None and (count := len(getattr(tensor, wanted))) < 2:
            raise InputError(f"'{tensor.name}' has {count} value(s) of {wanted}, a line against it needs two; compute more")
    if view.lines is not None and view.lines == (view.against or scan_axis(tensor)):
        raise InputError(f"{view.lines} is the horizontal axis already; choose another one for the lines")
    if view.lines is not None and len(getattr(tensor, view.lines)) > MOST_LINES:
        count = len(getattr(tensor, view.lines))
        raise InputError(f"'{tensor.name}' has {count} values of {view.lines}; a figure shows at most {MOST_LINES} as lines")


def position(tensor: ResponseTensor, axis: str, facts: RunFacts, at: Mapping[str, float]) -> int:
    """Which value of an axis that is neither drawn against nor by lines."""
    values = np.asarray(getattr(tensor, axis), float)
    wanted = at.get(axis)
    if wanted is None and axis == "mu":
        wanted = values[len(values) // 2] if facts.fermi_energy is None else facts.fermi_energy
    if wanted is not None and not np.isfinite(wanted):
        raise InputError(f"{axis} = {wanted}: expected a finite number, where the other axes are cut")
    return 0 if wanted is None else int(np.argmin(np.abs(values - wanted)))


def _choices(
    tensor: ResponseTensor, facts: RunFacts, view: View, place: Mapping[str, int]
) -> Iterator[tuple[Group, int | None, Mapping[str, int], str]]:
    """(component, part or None, positions on the axes, label) of each line."""
    chosen = list(_chosen_groups(tensor, facts, view.components))
    if view.lines is None:
        for group, part in chosen if view.components else _largest(tensor, chosen, view.most):
            yield (
                group,
                part,
                place,
                _label(group) if part is None else group.name + _part(tensor, part),
            )  # there is no room for more
        return
    for group, part in chosen if view.components else _largest(tensor, chosen, 1):
        for i, value in enumerate(getattr(tensor, view.lines)):
            yield (
                group,
                part,
                {**place, view.lines: i},
                f"{group.name}{_part(tensor, part)}, {setting(tensor, facts, view.lines, value)}",
            )


def _chosen_groups(tensor: ResponseTensor, facts: RunFacts, components: Sequence[str]) -> Iterator[tuple[Group, int | None]]:
    parts: tuple[int | None, ...] = (0, 1) if len(tensor.omega) else (None,)
    if components:
        names = dict.fromkeys(checked_name(tensor, component) for component in components)
        yield from ((Group(name), part) for name in names for part in parts)
        return
    lists = [[(group, part) for group in groups(tensor, facts, part or 0) if not _is_zero(tensor, group, part)] for part in parts]
    for pairs in itertools.zip_longest(*lists):  # cos and sin in turn
        yield from (pair for pair in pairs if pair is not None)


def _is_zero(tensor: ResponseTensor, group: Group, part: int | None) -> bool:
    """Whether a component that symmetry allows is rounding: a part of light that is there for one T parity only."""
    index: Any = (..., *(() if part is None else (part,)), *group.index)
    sizes = np.nan_to_num(np.abs(tensor.values), posinf=0.0)
    return bool(np.nan_to_num(np.abs(tensor.values[index]), posinf=np.inf).max() <= ROUNDING * sizes.max())


def drawn_of(tensor: ResponseTensor, facts: RunFacts, view: View) -> tuple[int, int]:
    """How many components are drawn, of how many there are to draw (cos and sin counted apart)."""
    total = len(list(_chosen_groups(tensor, facts, view.components)))
    return (total if view.components else min(total, 1 if view.lines else view.most)), total


def _largest(tensor: ResponseTensor, chosen: list[tuple[Group, int | None]], most: int) -> list[tuple[Group, int | None]]:
    """All in their order, or the `most` largest ones."""
    if len(chosen) <= most:
        return chosen

    def size(choice: tuple[Group, int | None]) -> float:
        group, part = choice
        index = (..., *(() if part is None else (part,)), *group.index)
        return -float(np.abs(np.nan_to_num(tensor.values[index], posinf=0.0, neginf=0.0)).max())

    return sorted(chosen, key=size)[:most]


def _part(tensor: ResponseTensor, part: int | None) -> str:
    return "" if part is None else f" {tensor.parts[part]}"


def _label(group: Group) -> str:
    """The component and its equal, "xy;z = -yx;z", where there are more how many."""
    sign = " = " if group.exact else " ≈ "
    members = (group.name, *group.others)
    text = sign.join(members) if len(members) <= 2 else f"{group.name}{sign}… ({len(members)})"
    return text.replace("-", "−")
