"""Symmetry of a response projected on one atom, and of pairs of sublattices: uniform and staggered (Néel) responses.

The tensor X_i of atom i is invariant under the operations that leave i where it is, and X_j = g X_i for every operation
g that maps i to j. For two atoms, uniform = X_i + X_j and staggered = X_i - X_j: an operation that exchanges the
atoms multiplies the staggered one by -1 besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.symmetry.operations import MagneticGroup, Operation
from wannier_spin.symmetry.projector import AllowedTensor, TensorKind, allowed

SAME_PLACE = 1e-3  # angstrom


@dataclass(frozen=True)
class SublatticeForms:
    """What symmetry leaves of the response of two equivalent atoms, of their sum and of their difference."""

    first: AllowedTensor
    uniform: AllowedTensor
    staggered: AllowedTensor


def site_images(structure: Structure, operations: Sequence[Operation]) -> NDArray[np.int64]:
    """Where each operation takes each atom: (operation, atom).

    Raises InputError if an operation does not map the atoms on one another.
    """
    images = []
    for operation in operations:
        moved = structure.positions @ operation.reduced.T + operation.translation
        difference = moved[:, None] - structure.positions[None]
        difference -= np.round(difference)
        near = np.linalg.norm(difference @ structure.lattice, axis=-1) < SAME_PLACE
        near &= structure.numbers[:, None] == structure.numbers[None]
        if not (near.sum(axis=1) == 1).all():
            atom = int(np.flatnonzero(near.sum(axis=1) != 1)[0])
            raise InputError(f"a symmetry operation takes atom {atom + 1} to where no atom of its kind is; tighten symprec")
        images.append(near.argmax(axis=1))
    return np.array(images)


def equivalent_sites(structure: Structure, group: MagneticGroup) -> tuple[tuple[int, ...], ...]:
    """Orbits of atoms under the magnetic space group, numbered from 0."""
    images = site_images(structure, group.operations)
    return tuple(sorted({tuple(sorted(set(column.tolist()))) for column in images.T}))


def site_form(structure: Structure, group: MagneticGroup, kind: TensorKind, atom: int) -> AllowedTensor:
    """The form of the response of one atom: invariant under its site symmetry group."""
    images = site_images(structure, group.operations)[:, _checked(structure, atom)]
    return allowed(kind, [op for op, image in zip(group.operations, images, strict=True) if image == atom])


def sublattice_forms(structure: Structure, group: MagneticGroup, kind: TensorKind, first: int, second: int) -> SublatticeForms:
    """Forms of the response of an atom, and of sum and difference with an equivalent one.

    Raises InputError if no operation exchanges the two.
    """
    images = site_images(structure, group.operations)[:, [_checked(structure, first), _checked(structure, second)]]
    keeping = [op for op, image in zip(group.operations, images.tolist(), strict=True) if image == [first, second]]
    exchanging = [op for op, image in zip(group.operations, images.tolist(), strict=True) if image == [second, first]]
    if not exchanging:
        raise InputError(f"no symmetry operation exchanges atoms {first + 1} and {second + 1}; their responses are unrelated")
    signs = [1] * len(keeping) + [-1] * len(exchanging)
    operations = keeping + exchanging
    return SublatticeForms(
        site_form(structure, group, kind, first), allowed(kind, operations), allowed(kind, operations, signs=signs)
    )


def _checked(structure: Structure, atom: int) -> int:
    if not 0 <= atom < len(structure.numbers):
        raise InputError(f"atom {atom} does not exist; the structure has atoms 0 to {len(structure.numbers) - 1}")
    return atom
