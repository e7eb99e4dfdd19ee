"""Index laws: a string such as "J_a;c = sigma_abd;c E_b E_d" fixes rank, index order, parities and SI unit.

The letter on the left is that of an observable (`observables`): its first index stands before those of the fields, the others
behind the semicolon. P = product over indices (polar -1, axial +1). T = (-1)^tau_power times the parity of the observable
under T. docs/theory.md, section 5.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin.observables import IndexKind as IndexKind
from wannier_spin.observables import Observable
from wannier_spin.observables.charge_current import CHARGE_CURRENT
from wannier_spin.units import Drive

Channel = Literal["spin", "charge"]
_LAW = re.compile(
    r"(?P<output>[A-Z]+)_(?P<first>\w)(;(?P<rest>\w+))? = (?P<symbol>\w+?)_(?P<indices>[\w;]+)"
    r"(?P<fields>( E_\w)+| d_\w T)"
)


SEA_MINUS_SURFACE = "sea - surface"  # a recipe: the difference of two forms of a response, an error bar


def symmetrized(values: NDArray[np.float64], first: int, order: int) -> NDArray[np.float64]:
    """The part of a tensor (..., fields, ...), in its shape, that is symmetric in its `order` equal fields.

    Their axes start at `first`.
    """
    permutations = list(itertools.permutations(range(order)))
    if len(permutations) == 1:
        return values
    before, behind = tuple(range(first)), tuple(range(first + order, values.ndim))
    total = sum(values.transpose(*before, *(first + i for i in turn), *behind) for turn in permutations)
    return np.asarray(total / len(permutations))


def parts_of(field_order: int) -> tuple[str, str]:
    """Parts of a response to an alternating field: in phase and out of phase with it, or what goes with Re, Im of E_b E_d*."""
    return ("cos", "sin") if field_order == 1 else ("linear", "circular")


@dataclass(frozen=True)
class TensorLaw:
    """What a law says. `labels` are the Cartesian axes of the tensor in the paper's order, for instance "abdc".

    drive : what the response is to; d_b T is the gradient of the temperature.
    """

    observable: str
    labels: str
    kinds: tuple[IndexKind, ...]
    fields: str
    drive: Drive = "E"

    @property
    def rank(self) -> int:
        return len(self.labels)

    @property
    def field_order(self) -> int:
        return len(self.fields)

    @property
    def space_parity(self) -> int:
        """Sign of the tensor under inversion."""
        return (-1) ** self.kinds.count("polar")

    def time_parity(self, tau_power: int) -> int:
        """Sign of the coefficient of tau^tau_power under time reversal."""
        return observables.get(self.observable).time_parity * (-1) ** tau_power


def parse_law(law: str) -> TensorLaw:
    """Read a law. Raises ValueError if its indices do not match, or are not the observable's (a programming error)."""
    match = _LAW.fullmatch(law)
    if match is None:
        raise ValueError(f"cannot read the law '{law}'; expected 'J_a;c = sigma_ab;c E_b' or 'M_a = beta_ab E_b'")
    observable = observables.by_symbol(match["output"])
    drive: Drive = "E" if match["fields"].startswith(" E_") else "grad T"
    first, rest, fields = match["first"], match["rest"] or "", re.sub(" E_| d_| T", "", match["fields"])
    before, _, behind = match["indices"].partition(";")
    if before != first + fields or behind != rest or len(first + rest) != len(observable.indices):
        raise ValueError(f"the indices of '{law}' do not match")
    return _law_of(observable, first + fields + rest, fields, drive)


def charge_counterpart(law: TensorLaw) -> TensorLaw:
    """The identity channel: the observable is the velocity, the electric current up to the electron's charge."""
    return _law_of(CHARGE_CURRENT, law.labels[: 1 + law.field_order], law.fields, law.drive)


def _law_of(observable: Observable, labels: str, fields: str, drive: Drive) -> TensorLaw:
    polar: IndexKind = "polar"
    first, *rest = observable.indices
    return TensorLaw(observable.name, labels, (first, *(polar for _ in fields), *rest), fields, drive)
