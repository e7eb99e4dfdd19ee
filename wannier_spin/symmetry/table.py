"""Table I of the paper, computed: parities of the geometric quantities under P, T and P*T.

A quantity's parity is that of the responses it governs, and that follows from the response's law and power of tau.
"""

from __future__ import annotations

from collections.abc import Mapping

from wannier_spin.symmetry.projector import TensorKind
from wannier_spin.tensors import TensorLaw

OPERATIONS = ("P", "T", "PT")
QUANTITIES = ("metric", "curvature", "metric dipole", "curvature dipole")


def law_kind(law: TensorLaw, tau_power: int, symmetric_fields: bool = False) -> TensorKind:
    """The symmetry of a response's tensor; `symmetric_fields` for sums that are symmetric in the fields."""
    fields = tuple(range(1, 1 + law.field_order)) if symmetric_fields and law.field_order > 1 else None
    return TensorKind(law.labels, law.kinds, law.time_parity(tau_power), fields, law.field_order)


def parities(kind: TensorKind) -> dict[str, int]:
    """Sign under P, T and P*T."""
    space = (-1) ** kind.kinds.count("polar")
    return {"P": space, "T": kind.time_parity, "PT": space * kind.time_parity}


def table_one(governed: Mapping[str, list[TensorKind]]) -> dict[str, dict[str, int]]:
    """Parities of each geometric quantity from the tensors that it governs: {"spin metric": {"P": 1, "T": -1, ...}, ...}.

    Raises ValueError if two responses give one quantity different parities (a wrong record).
    """
    table = {}
    for quantity, kinds in governed.items():
        found = [parities(kind) for kind in kinds]
        if any(other != found[0] for other in found):
            raise ValueError(f"the responses governed by '{quantity}' disagree about its parities: {found}")
        table[quantity] = found[0]
    return table


def format_table(table: Mapping[str, Mapping[str, int]]) -> str:
    """Table I in the paper's form: rows P, T, PT; columns metric, curvature and their dipoles, spin and Zeeman."""
    width = max(len(quantity) for quantity in QUANTITIES) + 2
    lines = ["".ljust(12) + "".join(quantity.center(width) for quantity in QUANTITIES)]
    for family in ("spin", "Zeeman"):
        for operation in OPERATIONS:
            signs = [table[f"{family} {quantity}"][operation] for quantity in QUANTITIES]
            lines.append(f"{family}, {operation}".ljust(12) + "".join("+-"[sign < 0].center(width) for sign in signs).rstrip())
    return "\n".join(lines)
