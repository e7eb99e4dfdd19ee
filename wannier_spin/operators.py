"""Operators of a model besides H and the position: what observables are made of, by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.observables import IndexKind


@described()
@dataclass(frozen=True)
class Operator:
    """Matrices <0n|O|Rm> of one operator, with as many Cartesian indices as it has `indices`.

    matrices : (R, n, m, x...) of a TightBindingModel, (x..., n, m) of a KPModel, x of length 3 each, complex. hermitian : whether
    O(-R) = O(R)^+. indices, time_parity : how it transforms.
    """

    matrices: NDArray[np.complex128]
    indices: tuple[IndexKind, ...] = ()
    time_parity: int = 1
    hermitian: bool = True

    @property
    def rank(self) -> int:
        return len(self.indices)


KNOWN: dict[
    str, tuple[tuple[IndexKind, ...], int, bool]
] = {  # the operators that have a keyword of their own: indices, T parity, Hermitian
    "spin": (("axial",), -1, True),
    "spin_position": (("polar", "axial"), -1, False),
    "spin_hamiltonian_position": (("polar", "axial"), -1, False),
    "spin_hamiltonian": (("axial",), -1, False),
}


def check_operator(model: str, name: str, operator: Operator, shape: tuple[int, ...]) -> None:
    """Raise InputError for a name that is taken, a wrong shape, NaN."""
    if name in KNOWN:
        raise InputError(f"model '{model}': operator '{name}' has a keyword of its own, not extra_operators")
    if operator.matrices.shape != shape:
        raise InputError(f"model '{model}': operator '{name}' has shape {operator.matrices.shape}, expected {shape}")
    if not np.isfinite(operator.matrices).all():
        raise InputError(f"model '{model}': operator '{name}' has NaN or infinity")


def unknown_operator(model: str, missing: Sequence[str], purpose: str, there: Iterable[str]) -> str:
    """What is said where an operator is missing."""
    return (
        f"model '{model}' has no operator {', '.join(missing)}, which {purpose} needs; it has {', '.join(there) or 'none'}; "
        f"give its matrices to the model: extra_operators = {{'{missing[0]}': Operator(...)}}"
    )
