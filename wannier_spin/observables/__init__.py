"""Observables whose responses can be computed, one per module; see `registry`."""

from wannier_spin.observables import (  # noqa: I001  (the order of tables)
    charge_current,
    spin,
    spin_current,
    orbital_moment,
)
from wannier_spin.observables.charge_current import flow
from wannier_spin.observables.registry import (
    OBSERVABLES,
    Bands,
    IndexKind,
    Observable,
    by_symbol,
    definitions,
    get,
    operators_of,
    product,
    projected,
    register,
)

__all__ = [
    "OBSERVABLES",
    "Bands",
    "IndexKind",
    "Observable",
    "by_symbol",
    "definitions",
    "flow",
    "get",
    "operators_of",
    "product",
    "projected",
    "register",
]
_MODULES = (charge_current, spin, spin_current, orbital_moment)
