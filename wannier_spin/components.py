"""Components of tensors: the one place where their names are made and read, and what symmetry relates them by.

A name has one letter x, y or z for each Cartesian axis, with a semicolon before the spin of a spin current: "xy;z".
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

LETTERS = "xyz"
SIGN = 1e-6  # a factor this near to 1 or -1 is a sign


class Axes(Protocol):
    """What names need of a response. labels : the letters of its axes; field_order : how many of them belong to fields."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> str: ...
    @property
    def field_order(self) -> int: ...


def written(letters: str, field_order: int) -> str:
    """The name of a component: letters of output and fields, those of further indices behind a semicolon."""
    before = 1 + field_order
    return f"{letters[:before]};{letters[before:]}" if len(letters) > before else letters


def component_index(name: str) -> tuple[int, ...]:
    """Position in the Cartesian axes: "xy;z" -> (0, 1, 2)."""
    return tuple(LETTERS.index(letter) for letter in name.replace(";", ""))


def component_name(tensor: Axes, index: Sequence[int]) -> str:
    """(0, 1, 2) -> "xy;z"."""
    return written("".join(LETTERS[i] for i in index), tensor.field_order)


def component_names(tensor: Axes) -> tuple[str, ...]:
    """All components in the order of the array."""
    return tuple(component_name(tensor, index) for index in itertools.product(range(3), repeat=len(tensor.labels)))


def checked_index(tensor: Axes, given: str) -> tuple[int, ...]:
    """Position of a component, named with or without the semicolon. Raises InputError if the response has no such one."""
    if not has_component(tensor, given):
        like = written("xyzx"[: len(tensor.labels)], tensor.field_order)
        raise InputError(f"component '{given}' of '{tensor.name}': expected {len(tensor.labels)} letters x, y or z, like '{like}'")
    return component_index(given)


def has_component(tensor: Axes, given: str) -> bool:
    """Whether the response has such a component, named with or without the semicolon."""
    letters = given.replace(";", "")
    return len(letters) == len(tensor.labels) and set(letters) <= set(LETTERS)


def checked_name(tensor: Axes, given: str) -> str:
    """The component as `component_name` writes it. Raises InputError if the response has no such component."""
    return component_name(tensor, checked_index(tensor, given))


@dataclass(frozen=True)
class Group:
    """One component, and the others that equal it up to a sign.

    name : "xy;z". others : ("-yx;z", ...). exact : by symmetry; False: found equal within a few parts in a thousand.
    """

    name: str
    others: tuple[str, ...] = ()
    exact: bool = True

    @property
    def index(self) -> tuple[int, ...]:
        """Position in the Cartesian axes."""
        return component_index(self.name)

    def __str__(self) -> str:
        """For instance "xy;z = -yx;z"."""
        return (" = " if self.exact else " ~ ").join((self.name, *self.others))


@dataclass(frozen=True)
class AllowedTensor:
    """The form of an invariant tensor.

    independent : the components that determine it, as letters. relations : every other non-zero component as a sum of
    (coefficient, independent component).
    """

    independent: tuple[str, ...]
    relations: Mapping[str, tuple[tuple[float, str], ...]]

    @property
    def groups(self) -> tuple[Group, ...]:
        """The independent components, each with those that equal it up to a sign."""
        equal: dict[str, list[str]] = {name: [] for name in self.independent}
        for name, terms in self.relations.items():
            if _is_sign(terms):
                equal[terms[0][1]].append(("-" if terms[0][0] < 0 else "") + name)
        return tuple(Group(name, tuple(others)) for name, others in equal.items())

    @property
    def sums(self) -> tuple[str, ...]:
        """The other relations as text, for instance "yx;x = +0.5 xx;y -0.5 zz;z"."""
        found = ((name, terms) for name, terms in self.relations.items() if not _is_sign(terms))
        return tuple(f"{name} = " + " ".join(f"{factor:+.4g} {other}" for factor, other in terms) for name, terms in found)

    def __str__(self) -> str:
        """For instance "xy;z = -yx;z, zz;z", or "0"."""
        return ", ".join([*map(str, self.groups), *self.sums]) or "0"


def sum_of(forms: Sequence[AllowedTensor], labels: int, field_order: int, fields: int = 0) -> AllowedTensor:
    """The form of a sum of tensors of these forms: what any of them allows, related as all of them have it.

    labels : number of axes; field_order : how many of them belong to fields. fields : +1 or -1: the part of it that is symmetric or
    antisymmetric in the last two fields (axes 1 and 2); 0: all of it.
    """
    names = [written("".join(letters), field_order) for letters in itertools.product(LETTERS, repeat=labels)]
    columns = [_coefficients(form, names) for form in forms if form.independent]
    rows = np.concatenate([np.zeros((len(names), 0)), *columns], axis=1)
    if fields:
        cartesian = rows.reshape(*(3,) * labels, -1)
        rows = ((cartesian + fields * cartesian.swapaxes(1, 2)) / 2).reshape(len(names), -1)
    chosen: list[int] = []
    relations: dict[str, tuple[tuple[float, str], ...]] = {}
    for i, row in enumerate(rows):
        factors = np.linalg.lstsq(rows[chosen].T, row, rcond=None)[0] if chosen else np.zeros(0)
        if np.abs(row - factors @ rows[chosen]).max(initial=0.0) > SIGN:
            chosen.append(i)
        elif np.abs(factors).max(initial=0.0) > SIGN:
            relations[names[i]] = tuple((float(f), names[c]) for f, c in zip(factors, chosen, strict=True) if abs(f) > SIGN)
    return AllowedTensor(tuple(names[c] for c in chosen), relations)


def _coefficients(form: AllowedTensor, names: Sequence[str]) -> NDArray[np.float64]:
    """Every component as a sum of the independent ones: (component, independent)."""
    place = {name: i for i, name in enumerate(form.independent)}
    rows = np.zeros((len(names), len(place)))
    for i, name in enumerate(names):
        for factor, other in ((1.0, name),) if name in place else form.relations.get(name, ()):
            rows[i, place[other]] = factor
    return rows


def read_form(text: str, independent: str) -> AllowedTensor:
    """An `AllowedTensor` from its text and the list of its independent components, as files of earlier versions have them."""
    names = tuple(independent.split())
    relations: dict[str, tuple[tuple[float, str], ...]] = {}
    for piece in text.split(", ") if names else ():
        first, *others = piece.split(" = ")
        if first in names:
            signed = (((-1.0, o[1:]) if o.startswith("-") else (1.0, o)) for o in others)
            relations |= {name: ((sign, first),) for sign, name in signed}
        else:
            words = others[0].split()
            relations[first] = tuple((float(f), name) for f, name in zip(words[::2], words[1::2], strict=True))
    return AllowedTensor(names, relations)


def _is_sign(terms: Sequence[tuple[float, str]]) -> bool:
    return len(terms) == 1 and abs(abs(terms[0][0]) - 1) < SIGN
