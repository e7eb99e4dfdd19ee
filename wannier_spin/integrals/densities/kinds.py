"""The symmetry of what is computed: of a response, and of each of its blocks."""

from __future__ import annotations

from dataclasses import replace

from wannier_spin import responses as resp
from wannier_spin.responses.registry import Response
from wannier_spin.symmetry import TensorKind, law_kind
from wannier_spin.tensors import Channel


def block_kind(record: Response, channel: Channel, block: str) -> TensorKind:
    """The symmetry of a block of a response."""
    return law_kind(record.channel_tensor(channel), int(resp.time_odd(block)))


def response_kinds(record: Response, symmetric_fields: bool = False, channel: Channel = "spin") -> dict[str, TensorKind]:
    """The tensors of a response: one, or two of a dynamic one, the first with the T parity of a static one of order tau^0.

    The two are the cos and sin parts of a displacement response without broadening, else what is even and odd under T. In light
    the fields are not interchangeable: the circular part is antisymmetric in them. A linear current of the charge has the
    reciprocity of Onsager.
    """
    law = record.channel_tensor(channel)
    kind = law_kind(law, record.tau_power, symmetric_fields and not record.dynamic)
    kind = replace(kind, reciprocal=channel == "charge" and law.field_order == 1)
    if not record.dynamic:
        return {record.name: kind}
    if record.tau_powers == (0,) and law.field_order == 1:
        parts = record.parts
    else:
        parts = ("T-even", "T-odd") if kind.time_parity > 0 else ("T-odd", "T-even")
    return {f"{record.name} {parts[0]}": kind, f"{record.name} {parts[1]}": replace(kind, time_parity=-kind.time_parity)}
