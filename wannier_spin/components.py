"""Which components of a response to show: the independent ones where symmetry is known, else the largest.

Components that are the same number up to a sign form one `Group`, so that they make one curve and not six.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.results import ResponseTensor

Real = NDArray[np.float64]
SAME = 5e-3  # of the largest component: curves closer than this cannot be told apart in a figure
NEGLIGIBLE = 1e-2  # of the largest component


@dataclass(frozen=True)
class Group:
    """One component, and the others that equal it up to a sign.

    name : "xy;z". others : ("-yx;z", ...). exact : by symmetry; False: found equal within `SAME`.
    """

    name: str
    others: tuple[str, ...] = ()
    exact: bool = True

    @property
    def index(self) -> tuple[int, ...]:
        """Position in the Cartesian axes."""
        return component_index(self.name)


def component_index(name: str) -> tuple[int, ...]:
    """Position in the Cartesian axes: "xy;z" -> (0, 1, 2)."""
    return tuple("xyz".index(letter) for letter in name.replace(";", ""))


def component_name(tensor: ResponseTensor, index: tuple[int, ...]) -> str:
    """(0, 1, 2) -> "xy;z", with a semicolon before the spin of a spin current."""
    letters = "".join("xyz"[i] for i in index)
    return f"{letters[:-1]};{letters[-1]}" if tensor.output == "spin_current" else letters


def component_names(tensor: ResponseTensor) -> tuple[str, ...]:
    """All components in the order of the array."""
    return tuple(component_name(tensor, index) for index in itertools.product(range(3), repeat=len(tensor.labels)))


def checked_name(tensor: ResponseTensor, given: str) -> str:
    """The component as `component_name` writes it. Raises InputError if the response has no such component."""
    tensor.component(given)
    return component_name(tensor, component_index(given))


def independent(tensor: ResponseTensor, provenance: Mapping[str, Any], part: int = 0) -> tuple[Group, ...] | None:
    """The independent components by symmetry (none: forbidden), or None where symmetry does not tell.

    part : position in `ResponseTensor.parts`, of a dynamic response.

    The provenance has the relations of the form that was computed: the full one is symmetric in the fields.
    """
    symmetry = provenance.get("symmetry")
    if not isinstance(symmetry, Mapping) or tensor.form != provenance.get("form"):
        return None
    if not len(tensor.omega):
        return _relations(symmetry, tensor.name)
    forms = [_relations(symmetry, key) for key in symmetry["forms"] if key.partition(" ")[0] == tensor.name]
    if forms and not any(forms):
        return ()  # what is even and what is odd under T are both forbidden
    parts = tuple(_relations(symmetry, f"{tensor.name} {name}") for name in tensor.parts)
    if not provenance.get("broadening_eV", 0.0):
        return parts[part]
    # broadening mixes what time reversal keeps apart: clear only where one of the two is forbidden
    return (parts[0] or parts[1]) if () in parts else None


def _relations(symmetry: Mapping[str, Any], name: str) -> tuple[Group, ...] | None:
    """The groups of "xy;z = -yx;z, zz;z" (`symmetry.AllowedTensor` as text); longer sums are no group."""
    if name not in symmetry["forms"]:
        return None
    pieces = [piece.split(" = ") for piece in symmetry["forms"][name].split(", ")]
    others = {first: tuple(rest) for first, *rest in pieces}
    return tuple(Group(first, others.get(first, ())) for first in symmetry["independent"][name].split())


def largest(tensor: ResponseTensor, part: int = 0) -> tuple[Group, ...]:
    """The components above `NEGLIGIBLE` over the whole scan, largest first, those that coincide in one group."""
    columns = _columns(tensor.values, len(tensor.labels))
    top = float(np.abs(columns).max())
    if top == 0:
        return ()
    if len(tensor.omega):
        columns = _columns(tensor.values[:, :, :, part], len(tensor.labels))
    names = component_names(tensor)
    size = np.abs(columns).max(axis=0)
    found: list[tuple[int, list[str]]] = []
    for i in (int(i) for i in np.argsort(-size, kind="stable") if size[i] > NEGLIGIBLE * top):
        for head, others in found:
            sign = _same_up_to_sign(columns[:, i], columns[:, head], SAME * top)
            if sign:
                others.append(names[i] if sign > 0 else f"-{names[i]}")
                break
        else:
            found.append((i, []))
    return tuple(Group(names[head], tuple(others), exact=False) for head, others in found)


def groups(tensor: ResponseTensor, provenance: Mapping[str, Any], part: int = 0) -> tuple[Group, ...]:
    """The independent components where symmetry is known, else the largest."""
    known = independent(tensor, provenance, part)
    return largest(tensor, part) if known is None else known


def is_forbidden(tensor: ResponseTensor, provenance: Mapping[str, Any]) -> bool:
    """Whether symmetry leaves no component of the response."""
    parts = range(2 if len(tensor.omega) else 1)
    return all(independent(tensor, provenance, part) == () for part in parts)


def _columns(values: Real, rank: int) -> Real:
    """(points of the scan, components); what is not finite (a resonance) says nothing about size."""
    return np.nan_to_num(values.reshape(-1, 3**rank), nan=0.0, posinf=0.0, neginf=0.0)


def _same_up_to_sign(a: Real, b: Real, tolerance: float) -> int:
    """+1 or -1 if a = +b or -b within the tolerance, else 0."""
    for sign in (1, -1):
        if np.abs(a - sign * b).max() <= tolerance:
            return sign
    return 0
