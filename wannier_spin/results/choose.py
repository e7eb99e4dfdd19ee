"""Which components of a response to show: the independent ones where symmetry is known, else the largest.

Components that are the same number up to a sign form one `Group`, so that they make one curve and not six.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wannier_spin.components import AllowedTensor, Group, component_names, sum_of
from wannier_spin.results.facts import RunFacts
from wannier_spin.results.tensor import ResponseTensor

Real = NDArray[np.float64]
SAME = 5e-3  # of the largest component: curves closer than this cannot be told apart in a figure
NEGLIGIBLE = 1e-2  # of the largest component
EQUAL = 1e-6  # of the largest: what symmetry makes equal differs by rounding


def first_largest(sizes: ArrayLike) -> int:
    """Position, in the flat array, of the first of the largest ones: rounding does not choose between what is equal."""
    flat = np.nan_to_num(np.ravel(np.asarray(sizes, float)), nan=-np.inf)
    top = float(flat.max())
    return int(np.argmax(flat >= top - EQUAL * abs(top)))


def form_of(tensor: ResponseTensor, facts: RunFacts, part: int = 0) -> AllowedTensor | None:
    """What symmetry leaves of a response and how its components are related, or None where symmetry does not tell.

    part : position in `ResponseTensor.parts`, of a dynamic response.
    The facts have the relations of the form that was computed: the full one is symmetric in the fields.
    """
    symmetry = facts.symmetry
    if symmetry is None or tensor.form != facts.form:
        return None
    forms = symmetry.of(tensor.name)
    if not len(tensor.omega) or not forms:
        return forms.get(tensor.name)
    if not facts.broadening and all(f"{tensor.name} {name}" in forms for name in tensor.parts):
        return forms[f"{tensor.name} {tensor.parts[part]}"]
    # broadening mixes what time reversal keeps apart, and so do responses of several orders in tau
    fields = 0 if tensor.field_order < 2 else (1, -1)[part]
    return sum_of(tuple(forms.values()), len(tensor.labels), tensor.field_order, fields)


def independent(tensor: ResponseTensor, facts: RunFacts, part: int = 0) -> tuple[Group, ...] | None:
    """The independent components by symmetry (none: forbidden), or None where symmetry does not tell, see `form_of`."""
    form = form_of(tensor, facts, part)
    return None if form is None else form.groups


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
    while size[i := first_largest(size)] > NEGLIGIBLE * top:
        size[i] = -np.inf  # is taken
        for head, others in found:
            sign = _same_up_to_sign(columns[:, i], columns[:, head], SAME * top)
            if sign:
                others.append(names[i] if sign > 0 else f"-{names[i]}")
                break
        else:
            found.append((i, []))
    return tuple(Group(names[head], tuple(others), exact=False) for head, others in found)


def groups(tensor: ResponseTensor, facts: RunFacts, part: int = 0) -> tuple[Group, ...]:
    """The independent components where symmetry is known, else the largest."""
    known = independent(tensor, facts, part)
    return largest(tensor, part) if known is None else known


def is_forbidden(tensor: ResponseTensor, facts: RunFacts) -> bool:
    """Whether symmetry leaves no component of the response."""
    parts = range(max(1, len(tensor.parts)))
    return all(independent(tensor, facts, part) == () for part in parts)


def _columns(values: Real, rank: int) -> Real:
    """(points of the scan, components); what is not finite (a resonance) says nothing about size."""
    return np.nan_to_num(values.reshape(-1, 3**rank), nan=0.0, posinf=0.0, neginf=0.0)


def _same_up_to_sign(a: Real, b: Real, rounding: float) -> int:
    """+1 or -1 if a = +b or -b up to rounding, else 0."""
    for sign in (1, -1):
        if np.abs(a - sign * b).max() <= rounding:
            return sign
    return 0
