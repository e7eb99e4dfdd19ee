"""Index laws: a string such as "J_a;c = sigma_abd;c E_b E_d" fixes rank, index order, parities and SI unit.

P = product over indices (polar -1, axial +1). T = (-1)^tau_power times the parity of the observable under T
(spin current +, spin density -, electric current -). docs/theory.md, section 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Channel = Literal["spin", "charge"]
IndexKind = Literal["polar", "axial"]

TIME_PARITY = {"spin_current": +1, "spin": -1, "charge_current": -1}
OBSERVABLE_SYMBOLS = {"J": "spin_current", "M": "spin"}
_LAW = re.compile(r"(?P<output>[JM])_(?P<flow>\w)(;(?P<spin>\w))? = (?P<symbol>\w+?)_(?P<indices>[\w;]+)(?P<fields>( E_\w)+)")


def parts_of(field_order: int) -> tuple[str, str]:
    """Parts of a response to an alternating field: in phase and out of phase with it, or what goes with Re, Im of E_b E_d*."""
    return ("cos", "sin") if field_order == 1 else ("linear", "circular")


@dataclass(frozen=True)
class TensorLaw:
    """What a law says. `labels` are the Cartesian axes of the tensor in the paper's order, for instance "abdc"."""

    observable: str
    labels: str
    kinds: tuple[IndexKind, ...]
    fields: str

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
        return TIME_PARITY[self.observable] * (-1) ** tau_power


def parse_law(law: str) -> TensorLaw:
    """Read a law. Raises ValueError if the indices on both sides do not match (a programming error)."""
    match = _LAW.fullmatch(law)
    if match is None:
        raise ValueError(f"cannot read the law '{law}'; expected 'J_a;c = sigma_ab;c E_b' or 'M_a = beta_ab E_b'")
    flow, spin, fields = match["flow"], match["spin"] or "", match["fields"].replace(" E_", "")
    polar_part, _, spin_part = match["indices"].partition(";")
    if polar_part != flow + fields or spin_part != spin or (match["output"] == "J") != bool(spin):
        raise ValueError(f"the indices of '{law}' do not match")
    first: IndexKind = "polar" if match["output"] == "J" else "axial"
    polar: IndexKind = "polar"
    axial: IndexKind = "axial"
    kinds: tuple[IndexKind, ...] = (first, *(polar for _ in fields), *(axial for _ in spin))
    return TensorLaw(OBSERVABLE_SYMBOLS[match["output"]], flow + fields + spin, kinds, fields)


def charge_counterpart(law: TensorLaw) -> TensorLaw:
    """The identity channel: the observable is the velocity, the electric current up to the electron's charge."""
    labels = law.labels[: 1 + law.field_order]
    polar: IndexKind = "polar"
    return TensorLaw("charge_current", labels, tuple(polar for _ in labels), law.fields)
