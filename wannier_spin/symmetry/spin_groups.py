"""Spin groups: the symmetry of a magnetic crystal without spin-orbit coupling, where spins turn on their own.

An element (U || R | t) turns the spins with U and the lattice with R; it leaves the crystal as it is where U m_i = m_j for every
atom i that (R | t) takes to j. Elements with R = 1, t = 0 form the spin-only group (Litvin and Opechowski, Physica 76, 538 (1974)):

    no moments    all rotations, and time reversal         here D2 x {1, T}
    collinear     rotations about n, and T C2 across n      here {1, C2n, T C2x, T C2y}, x, y across n
    coplanar      T C2 about the normal of the plane
    noncoplanar   nothing

Continuous rotations are represented by those by pi: a tensor with one spin index, as every response here is, has the same
invariant part under both. U is a proper rotation: one with determinant -1 is T times a proper one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.symmetry.operations import (
    MAGNETIC_SYMPREC,
    SYMPREC,
    MagneticGroup,
    Operation,
    magnetic_group,
    space_group_symbol,
    space_operations,
)
from wannier_spin.symmetry.sites import site_images

Real = NDArray[np.float64]
SPIN_GROUP = "spin group"  # what stands in place of the number of a magnetic group
Arrangement = Literal["nonmagnetic", "collinear", "coplanar", "noncoplanar"]
ARRANGEMENTS: tuple[Arrangement, ...] = ("nonmagnetic", "collinear", "coplanar", "noncoplanar")


@dataclass(frozen=True)
class SpinGroup(MagneticGroup):
    """A spin space group; its operations have rotations of the spin of their own.

    arrangement : of the moments. axis (3,) : the direction of collinear moments, the normal of coplanar ones; else None.
    """

    arrangement: Arrangement = "noncoplanar"
    axis: Real | None = None


def symmetry_group(structure: Structure, symprec: float = SYMPREC, magnetic_symprec: float = MAGNETIC_SYMPREC) -> MagneticGroup:
    """The group of a crystal: the magnetic space group, or without spin-orbit coupling the spin group. Errors as theirs."""
    find = magnetic_group if structure.spin_orbit else spin_group
    return find(structure, symprec, magnetic_symprec)


def spin_group(structure: Structure, symprec: float = SYMPREC, magnetic_symprec: float = MAGNETIC_SYMPREC) -> SpinGroup:
    """The spin space group of a structure: every operation of its positions, with every rotation of the spins that fits.

    symprec : angstrom. magnetic_symprec : Bohr magnetons, of moments and their images.

    Raises InputError where spglib finds no space group.
    """
    moments = structure.magnetic_moments
    axes, rank = _frame(moments, magnetic_symprec)
    operations = []
    space = space_operations(structure, symprec)
    only = tuple(_spin_only(axes, rank))
    for operation, image in zip(space, site_images(structure, space), strict=True):
        turned = np.empty_like(moments)
        turned[image] = moments  # the moment that comes to each atom
        rotation = _spin_rotation(turned, moments, axes, rank)
        if np.abs(turned @ rotation.T - moments).max() < magnetic_symprec:
            reverses = np.linalg.det(rotation) < 0
            element = replace(operation, spin=-rotation if reverses else rotation, time_reversal=bool(reverses))
            operations += [_product(extra, element) for extra in only]
    arrangement = ARRANGEMENTS[rank]
    axis = {"collinear": axes[0], "coplanar": axes[2]}.get(arrangement)
    return SpinGroup(
        tuple(operations), 0, f"{SPIN_GROUP} ({arrangement})", 0, space_group_symbol(structure, symprec), arrangement, axis
    )


def collinear_axis(structure: Structure, magnetic_symprec: float = MAGNETIC_SYMPREC) -> Real | None:
    """The direction of collinear moments, a Cartesian unit vector (3,); None for any others. Raises nothing."""
    axes, rank = _frame(structure.magnetic_moments, magnetic_symprec)
    return axes[0] if rank == 1 else None


def spin_only_operations(axis: Real) -> tuple[Operation, ...]:
    """What every collinear magnet has without spin-orbit coupling, whatever its lattice: the spin-only group of the axis
    (3,), Cartesian.
    """
    n = np.asarray(axis, float) / np.linalg.norm(axis)
    return tuple(_spin_only(_frame(n[None], 0.0)[0], 1))


def _frame(moments: Real, smallest: float) -> tuple[Real, int]:
    """Right-handed axes (rows), the first `rank` of which span the moments."""
    _, sizes, axes = np.linalg.svd(np.vstack([moments, np.zeros((3, 3))]))
    rank = int((sizes > smallest).sum())
    axes = axes * np.where(axes[np.arange(3), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]
    axes[2] *= np.linalg.det(axes)
    return axes, rank


def _half_turn(axis: Real) -> Real:
    return 2 * np.outer(axis, axis) - np.eye(3)


def _spin_only(axes: Real, rank: int) -> Iterator[Operation]:
    """The spin-only group, by the rank of the moments."""
    x, y, z = (_half_turn(axis) for axis in axes)
    unit = np.eye(3)
    elements: list[list[tuple[Real, bool]]] = [
        [(U, t) for t in (False, True) for U in (unit, x, y, z)],
        [(unit, False), (x, False), (y, True), (z, True)],
        [(unit, False), (z, True)],
        [(unit, False)],
    ]
    for U, t in elements[rank]:
        yield Operation(unit, np.eye(3, dtype=np.int64), np.zeros(3), t, U)


def _spin_rotation(turned: Real, moments: Real, axes: Real, rank: int) -> Real:
    """The U of O(3) with U turned_i = moments_i as nearly as can be; where moments leave it open, a proper one."""
    if rank == 0:
        return np.eye(3)
    if rank == 1:  # along the axis, or against it
        return np.eye(3) if np.sum(turned * moments) >= 0 else _half_turn(axes[1])
    left, _, right = np.linalg.svd(moments.T @ turned)
    rotation = left @ right
    if rank == 2 and np.linalg.det(rotation) < 0:
        rotation = left @ np.diag([1.0, 1.0, -1.0]) @ right
    return np.asarray(rotation)


def _product(first: Operation, second: Operation) -> Operation:
    """A spin-only element times another."""
    assert first.spin is not None
    assert second.spin is not None
    return replace(second, spin=first.spin @ second.spin, time_reversal=first.time_reversal != second.time_reversal)


def check_axis(structure: Structure, axis: Real) -> None:
    """Raise InputError unless the moments of a structure are collinear along an axis (3,), Cartesian, either sense."""
    found = collinear_axis(structure)
    if found is None:
        raise InputError(
            "the moments of the structure are not collinear, those of the model are: give one moment n m_i for each atom"
        )
    if np.linalg.norm(np.cross(found, axis)) > 1e-3:
        raise InputError(
            f"the moments of the structure are along {found.round(4).tolist()}, the spins of the model along "
            f"{np.asarray(axis).round(4).tolist()}; turn one of them"
        )
