"""Observables whose responses can be computed, one per module, with the responses that are theirs alone; see `registry`."""

from wannier_spin.observables import (  # noqa: F401, I001  (they register, in the order of tables)
    charge_current,
    spin,
    spin_current,
    orbital,
)
from wannier_spin.observables.charge_current import flow
from wannier_spin.observables.registry import (
    OBSERVABLES,
    Bands,
    Effect,
    IndexKind,
    Observable,
    by_symbol,
    definitions,
    follow,
    get,
    operators_of,
    product,
    projected,
    register,
)

__all__ = [
    "OBSERVABLES",
    "Bands",
    "Effect",
    "IndexKind",
    "Observable",
    "by_symbol",
    "definitions",
    "flow",
    "follow",
    "get",
    "operators_of",
    "product",
    "projected",
    "register",
]
