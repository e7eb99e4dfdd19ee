"""Magnetic symmetry operations of a structure: the only module that imports spglib.

An operation maps r to W r + w (reduced coordinates) and reverses time or not. Its Cartesian rotation R acts on polar
vectors, det(R) R on axial ones; time reversal flips what is odd under it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.described import described
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.model import Structure
from wannier_spin.observables import IndexKind

Real = NDArray[np.float64]
SYMPREC = 1e-4  # angstrom
MAGNETIC_SYMPREC = 1e-2  # Bohr magnetons
THIN = 0.1  # volume over the product of the lengths: below, a cell is taken in shorter vectors; 0.71 for fcc, 0.77 for bcc
LARGEST = 10**12  # of M: beyond, products are no longer exact


@dataclass(frozen=True)
class Operation:
    """rotation (3, 3) Cartesian; reduced (3, 3) int, acting on reduced coordinates; translation (3,) reduced; time_reversal;
    spin (3, 3), a proper rotation of the spins where they turn on their own (spin groups); None: with the lattice.
    """

    rotation: Real
    reduced: NDArray[np.int64]
    translation: Real
    time_reversal: bool
    spin: Real | None = None

    @cached_property
    def pseudo(self) -> Real:
        """det(R) R, (3, 3): how it turns axial vectors of the lattice, their reversal by T aside."""
        return np.round(np.linalg.det(self.rotation)) * self.rotation

    @property
    def axial(self) -> Real:
        """How it turns spins, their reversal by T aside: det(R) R, or a rotation of their own: (3, 3)."""
        return self.pseudo if self.spin is None else self.spin

    def on_index(self, kind: IndexKind) -> Real:
        """How it turns an index of this kind, reversal by T aside: (3, 3)."""
        return self.rotation if kind == "polar" else self.axial if kind == "axial" else self.pseudo

    def act_on_k(self, k: Real) -> Real:
        """Reduced k (..., 3) -> the k that it is mapped to; time reversal maps k to -k."""
        sign = -1 if self.time_reversal else 1
        return sign * (k @ np.linalg.inv(self.reduced))


@described()
@dataclass(frozen=True)
class MagneticGroup:
    """A magnetic space group: its operations and its names; `uni_number` 0 where spglib found none."""

    operations: tuple[Operation, ...]
    uni_number: int
    bns_number: str
    msg_type: int
    space_group: str

    @property
    def has_inversion(self) -> bool:
        return self._has(-np.eye(3), False)

    @property
    def has_time_reversal(self) -> bool:
        """T, possibly together with a translation."""
        return self._has(np.eye(3), True)

    @property
    def has_pt(self) -> bool:
        return self._has(-np.eye(3), True)

    @property
    def point_operations(self) -> tuple[Operation, ...]:
        """One operation for each rotation and time reversal: the magnetic point group."""
        return distinct(self.operations)

    def _has(self, rotation: Real, time_reversal: bool) -> bool:
        spins = np.linalg.det(rotation) * rotation
        return any(
            op.time_reversal == time_reversal
            and np.allclose(op.rotation, rotation, atol=1e-6)
            and np.allclose(op.axial, spins, atol=1e-6)
            for op in self.operations
        )


def magnetic_group(structure: Structure, symprec: float = SYMPREC, magnetic_symprec: float = MAGNETIC_SYMPREC) -> MagneticGroup:
    """The magnetic space group of a structure; without moments time reversal belongs to it.

    Parameters
    ----------
    symprec : angstrom. magnetic_symprec : Bohr magnetons.

    Raises InputError where spglib finds nothing; warns where the group changes with tolerances ten times larger or smaller.
    """
    operations = _operations(structure, symprec, magnetic_symprec)
    counts = [len(_operations(structure, symprec * f, magnetic_symprec * f)) for f in (0.1, 10)]
    if any(count != len(operations) for count in counts):
        warnings.warn(
            f"the magnetic group has {len(operations)} operations with symprec = {symprec:g} angstrom and {magnetic_symprec:g} "
            f"mu_B, {counts[0]} with a tenth and {counts[1]} with ten times of both: check positions, moments and tolerances",
            AccuracyWarning,
            stacklevel=2,
        )
    uni, bns, kind = _names(structure, symprec, magnetic_symprec)
    return MagneticGroup(operations, uni, bns, kind, space_group_symbol(structure, symprec))


def group_from_database(uni_number: int) -> tuple[Operation, ...]:
    """Operations of a magnetic space group (1 to 1651) of spglib's database, in a lattice that it leaves invariant."""
    import spglib

    with _quiet():
        data = spglib.get_magnetic_symmetry_from_database(uni_number)
    if data is None:
        raise InputError(f"spglib's database has no magnetic space group {uni_number}; the numbers are 1 to 1651")
    lattice = invariant_lattice(data["rotations"])
    return _make(lattice, data["rotations"], data["translations"], data["time_reversals"])


def invariant_lattice(rotations: NDArray[np.int64]) -> Real:
    """A lattice (3, 3), rows, whose metric the reduced rotations W (operation, 3, 3) leave invariant: the mean of W^T W.

    It has no unit of length.
    """
    metric = np.mean([W.T @ W for W in np.asarray(rotations, float)], axis=0)
    return np.linalg.cholesky(metric)


def distinct(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Without those that differ by a translation only."""
    found: dict[tuple[Any, ...], Operation] = {}
    for op in operations:
        spin = () if op.spin is None else tuple(np.round(op.spin, 6).ravel().tolist())
        found.setdefault((op.time_reversal, *op.reduced.ravel().tolist(), *spin), op)
    return tuple(found.values())


def _cell(structure: Structure) -> tuple[Any, ...]:
    return structure.lattice, structure.positions, structure.numbers, structure.magnetic_moments


@dataclass(frozen=True)
class ShortCell:
    """A crystal in short lattice vectors L' = M L; M and its inverse N are whole numbers."""

    structure: Structure
    M: NDArray[np.int64]
    N: NDArray[np.int64]

    def in_given_cell(self, rotations: NDArray[np.int64], translations: Real) -> tuple[NDArray[np.int64], Real]:
        """Rotations (operation, 3, 3) and translations (operation, 3), reduced, from the basis L' into that of L.

        x = M^T x' in columns.
        """
        return self.M.T @ rotations.astype(np.int64) @ self.N.T, translations @ self.M


def unskewed(structure: Structure) -> ShortCell:
    """M = 1 but for long, thin cells, in which spglib finds nothing.

    Raises InputError: so thin a cell that its short vectors cannot be found in double precision.
    """
    lattice, M, N = structure.lattice.copy(), np.eye(3, dtype=np.int64), np.eye(3, dtype=np.int64)
    lengths = np.linalg.norm(lattice, axis=1)
    if abs(np.linalg.det(lattice)) > THIN * np.prod(lengths):
        return ShortCell(structure, M, N)
    for _ in range(1000):
        i, j, n = _shortening(lattice)
        if n == 0 or max(np.abs(M).max(), np.abs(N).max()) > LARGEST:
            break
        M[i] -= n * M[j]
        N[:, j] += n * N[:, i]
        lattice[i] -= n * lattice[j]  # loses less than M @ lattice
    if n:
        raise InputError(
            f"the lattice vectors of lengths {lengths.round(4).tolist()} angstrom are nearly parallel; give the same crystal in "
            "shorter vectors"
        )
    return ShortCell(Structure(lattice, structure.positions @ N, structure.numbers, structure.magnetic_moments), M, N)


def _shortening(lattice: Real) -> tuple[int, int, int]:
    """The i, j, n for which a_i - n a_j is shorter than a_i by most; n = 0: there are none."""
    metric = lattice @ lattice.T
    n = np.rint(metric / np.diag(metric)).astype(np.int64)  # of a_j in a_i
    np.fill_diagonal(n, 0)
    gain = 2 * n * metric - n**2 * np.diag(metric)
    i, j = divmod(int(gain.argmax()), 3)
    return i, j, int(n[i, j]) if gain[i, j] > 1e-9 * metric[i, i] else 0


def _operations(structure: Structure, symprec: float, magnetic_symprec: float) -> tuple[Operation, ...]:
    import spglib

    short = unskewed(structure)
    try:
        with _quiet():
            found = spglib.get_magnetic_symmetry(_cell(short.structure), symprec=symprec, mag_symprec=magnetic_symprec)
    except Exception as error:  # spglib has its own exceptions, and others in the next release
        raise InputError(f"spglib finds no magnetic symmetry: {error}; check the structure and the tolerances") from error
    if found is None or not len(found["rotations"]):
        raise InputError(
            f"spglib finds no magnetic symmetry with symprec = {symprec:g} angstrom and {magnetic_symprec:g} mu_B: "
            "do two atoms sit on one place, or are the lattice vectors wrong?"
        )
    return _make(structure.lattice, *short.in_given_cell(found["rotations"], found["translations"]), found["time_reversals"])


def space_operations(structure: Structure, symprec: float = SYMPREC) -> tuple[Operation, ...]:
    """The space group of the positions alone, without time reversal. Raises InputError where spglib finds none."""
    import spglib

    short = unskewed(structure)
    try:
        with _quiet():
            found = spglib.get_symmetry(_cell(short.structure)[:3], symprec=symprec)
    except Exception as error:
        raise InputError(f"spglib finds no space group: {error}; check the structure and the tolerance") from error
    if found is None or not len(found["rotations"]):
        raise InputError(f"spglib finds no space group with symprec = {symprec:g} angstrom: do two atoms sit on one place?")
    rotations, translations = short.in_given_cell(found["rotations"], found["translations"])
    return _make(structure.lattice, rotations, translations, np.zeros(len(rotations), bool))


def _names(structure: Structure, symprec: float, magnetic_symprec: float) -> tuple[int, str, int]:
    import spglib

    try:
        with _quiet():
            dataset = spglib.get_magnetic_symmetry_dataset(
                _cell(unskewed(structure).structure), symprec=symprec, mag_symprec=magnetic_symprec
            )
    except Exception:  # a group without a name is still a group
        dataset = None
    if dataset is None:  # the operations are there; only the name is missing
        return 0, "not identified", 0
    with _quiet():
        kind = spglib.get_magnetic_spacegroup_type(dataset.uni_number)
    return int(dataset.uni_number), "not identified" if kind is None else str(kind.bns_number), int(dataset.msg_type)


def conventional_cell(structure: Structure, symprec: float = SYMPREC) -> Real:
    """Vectors (3, 3), as rows, of the conventional cell of the positions, in whose axes planes and directions are named; angstrom.

    Its orientation is that of the structure, which is not turned. Those of the structure itself where spglib finds none.
    """
    import spglib

    short = unskewed(structure).structure
    try:
        with _quiet():
            dataset = spglib.get_symmetry_dataset(_cell(short)[:3], symprec=symprec)
    except Exception:  # the axes of the structure are axes, too
        dataset = None
    if dataset is None:
        return np.asarray(structure.lattice, float)
    return np.asarray(np.linalg.inv(dataset.transformation_matrix).T @ short.lattice, float)


def space_group_symbol(structure: Structure, symprec: float) -> str:
    """Symbol of the space group of the positions alone."""
    import spglib

    try:
        with _quiet():
            found = spglib.get_spacegroup(_cell(unskewed(structure).structure)[:3], symprec=symprec)
    except Exception:  # the symbol is for the reader only
        found = None
    return str(found) if found else "not identified"


@contextmanager
def _quiet() -> Iterator[None]:
    """spglib warns of its future exceptions at every call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _make(lattice: Real, rotations: Any, translations: Any, time_reversals: Any) -> tuple[Operation, ...]:
    to_cartesian, to_reduced = lattice.T, np.linalg.inv(lattice.T)
    return tuple(
        Operation(_orthogonal(to_cartesian @ W @ to_reduced), np.asarray(W, np.int64), np.asarray(w, float), bool(t))
        for W, w, t in zip(rotations, translations, time_reversals, strict=True)
    )


def _orthogonal(R: Real) -> Real:
    """The nearest orthogonal matrix: lattice vectors from a file are rounded."""
    left, _, right = np.linalg.svd(R)
    return np.asarray(left @ right)
