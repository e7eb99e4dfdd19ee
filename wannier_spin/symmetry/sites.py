"""Symmetry of a response projected on one atom, and of pairs of sublattices: uniform and staggered (Néel) responses.

The tensor X_i of atom i is invariant under the operations that leave i where it is, and X_j = g X_i for every operation
g that maps i to j. For two atoms, uniform = X_i + X_j and staggered = X_i - X_j: an operation that exchanges the
atoms multiplies the staggered one by -1 besides.

A site is an atom or a group of atoms. The group acts on sites and tensors together, and the projector on what it leaves is

    (P X)_i = mean over g of g X_j,    j the site that g maps to i
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.components import AllowedTensor
from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.symmetry.operations import MagneticGroup, Operation
from wannier_spin.symmetry.projector import TensorKind, allowed, basis_of, matrices, symmetric_in_fields

Real = NDArray[np.float64]

SAME_PLACE = 1e-3  # angstrom


@dataclass(frozen=True)
class SublatticeForms:
    """What symmetry leaves of the response of two equivalent atoms, of their sum and of their difference."""

    first: AllowedTensor
    uniform: AllowedTensor
    staggered: AllowedTensor


@dataclass(frozen=True)
class SiteGroup:
    """The operations of a magnetic space group, those with translations too, and where each one takes each site.

    names (s,); images (operation, s).
    """

    operations: tuple[Operation, ...]
    names: tuple[str, ...]
    images: NDArray[np.int64]

    def exchanged(self, first: int, second: int) -> bool:
        """Whether an operation exchanges two sites."""
        return bool(((self.images[:, first] == second) & (self.images[:, second] == first)).any())

    def form(self, kind: TensorKind, site: int) -> AllowedTensor:
        """The form of the response of one site: invariant under its site symmetry group."""
        return allowed(kind, [op for op, image in zip(self.operations, self.images, strict=True) if image[site] == site])

    def pair_forms(self, kind: TensorKind, first: int, second: int) -> SublatticeForms:
        """Forms of the response of a site, and of sum and difference with one that it is exchanged with.

        Raises InputError if no operation exchanges the two.
        """
        if not self.exchanged(first, second):
            names = f"{self.names[first]} and {self.names[second]}"
            raise InputError(f"no symmetry operation exchanges {names}; their responses are unrelated")
        pairs = self.images[:, [first, second]].tolist()
        keeping = [op for op, pair in zip(self.operations, pairs, strict=True) if pair == [first, second]]
        exchanging = [op for op, pair in zip(self.operations, pairs, strict=True) if pair == [second, first]]
        signs = [1] * len(keeping) + [-1] * len(exchanging)
        operations = keeping + exchanging
        return SublatticeForms(self.form(kind, first), allowed(kind, operations), allowed(kind, operations, signs=signs))

    def project(self, values: Real, kind: TensorKind) -> Real:
        """The invariant part of the tensors of all sites (s, ..., 3, 3, ...)."""
        total = np.zeros((len(values), values[0].size // 3**kind.rank, 3**kind.rank))
        for matrix, image in zip(matrices(kind, self.operations), self.images, strict=True):
            total[image] += values.reshape(total.shape) @ matrix.T
        return symmetric_in_fields(total.reshape(values.shape) / len(self.operations), kind)

    def project_bound(self, bounds: Real, kind: TensorKind) -> Real:
        """Bounds of the components of the invariant part, from bounds of all components (s, ..., 3, 3, ...)."""
        last = bounds.ndim - kind.rank - 1  # where the sites stand next to the tensor
        moved = np.moveaxis(bounds, 0, last)
        flat = moved.reshape(*moved.shape[:last], -1) @ np.abs(self.projector(kind)).T
        return np.moveaxis(flat.reshape(moved.shape), last, 0)

    def projector(self, kind: TensorKind) -> Real:
        """Matrix of the projector on flattened (site, tensor), (s 3^rank, s 3^rank); P P = P."""
        n, size = len(self.names), 3**kind.rank
        total, sites = np.zeros((n, size, n, size)), np.arange(n)  # transposed
        for matrix, image in zip(matrices(kind, self.operations), self.images, strict=True):
            total[sites, :, image] += matrix.T
        mean = total.reshape(n * size, n, *(3,) * kind.rank) / len(self.operations)
        return symmetric_in_fields(mean, kind).reshape(n * size, n * size).T

    def invariant_basis(self, kind: TensorKind) -> Real:
        """Orthonormal invariant sets of tensors as rows, (n_independent, s 3^rank); the same on every machine."""
        return basis_of(self.projector(kind))


def site_group(structure: Structure, group: MagneticGroup, sites: Mapping[str, Sequence[int]]) -> SiteGroup:
    """How a group permutes sites, each given by its atoms (numbered from 0).

    Raises InputError if an operation takes a site to where no other is.
    """
    images = site_images(structure, group.operations)
    places = {frozenset(atoms): i for i, atoms in enumerate(sites.values())}
    found = np.empty((len(images), len(sites)), np.int64)
    for i, (name, atoms) in enumerate(sites.items()):
        for operation, image in enumerate(images):
            landed = frozenset(image[list(atoms)].tolist())
            if landed not in places:
                raise InputError(
                    f"a symmetry operation takes site '{name}' (atoms {_listed(atoms)}) to atoms {_listed(landed)}, which are no "
                    "site: name all sites that are equivalent by symmetry, or leave the symmetry out"
                )
            found[operation, i] = places[landed]
    return SiteGroup(group.operations, tuple(sites), found)


def _listed(atoms: Iterable[int]) -> str:
    """Counted from 1."""
    return ", ".join(str(atom + 1) for atom in sorted(atoms))


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


def atom_group(structure: Structure, group: MagneticGroup, names: Sequence[str]) -> SiteGroup:
    """Every atom a site. names : of the atoms."""
    return SiteGroup(group.operations, tuple(names), site_images(structure, group.operations))
