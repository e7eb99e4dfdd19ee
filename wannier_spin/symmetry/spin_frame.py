"""Which way do the spin matrices of a model point? Held against the crystal, of which they must be axial vectors.

The algebra of three Pauli matrices does not change when all are rotated, and tells only that an odd number of them is reversed.
The crystal knows more: quantities that are linear in the spin (means in bands, Zeeman metric, spin Berry curvature) must follow
the operations of its group. For each of the 48 ways to exchange and reverse x, y, z this is tried on the same quantities. What
turns into one another under the group itself, such as a rotation of the spins around the only axis, nothing can tell apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import DEGENERACY_TOLERANCE, BandGeometry, geometry_of
from wannier_spin.model import TightBindingModel
from wannier_spin.symmetry.operations import Operation, distinct
from wannier_spin.symmetry.projector import TensorKind, transform
from wannier_spin.symmetry.violation import ZEEMAN, pair_sum, zeeman_sum

Real = NDArray[np.float64]
CURVATURE = TensorKind("abc", ("polar", "polar", "axial"), time_parity=1)
MISFIT = 0.3  # relative. Right models: 0.02 and below; exchanged or reversed components: 0.5 and above
MOST_OPERATIONS = 12  # of the group: a few generate it
HANDEDNESS = 0.3
Quantity = tuple[Real, TensorKind, int]  # X, its symmetry, which of its axes from the end is the spin's
SMALLEST = 1e-3  # of typical matrix elements: a quantity below it is nothing to compare


@dataclass(frozen=True)
class SpinFrame:
    """How well the spin matrices follow the crystal.

    misfit : relative, 0 where they do. right_handed : their algebra. others : (3, 3) each, where they do not fit: all L for which
    L sigma would be right-handed and follow the crystal.
    """

    misfit: float
    right_handed: bool
    others: tuple[Real, ...]

    @property
    def fits(self) -> bool:
        return self.misfit < MISFIT and self.right_handed

    def told(self) -> str:
        """What is wrong with them, in words: only what the crystal proves."""
        if self.fits:
            return f"the spin matrices follow the crystal (to {100 * self.misfit:.2g} %)"
        start = f"the spin matrices do not follow the crystal (off by {100 * self.misfit:.0f} %), its bands do"
        if self.misfit < MISFIT:
            start = "the spin matrices are left-handed"
        if not self.others:
            return (
                f"{start}, and no exchange or reversal of their components makes them: moments or spin matrices are of another run"
            )
        words = [", ".join(_row(row) for row in L) for L in self.others[:3]]
        if len(self.others) == 1:
            return (
                f"{start}; right are (s_x, s_y, s_z) = ({words[0]}) of what the file has: its components are exchanged or reversed"
            )
        shown = ", or ".join(f"({word})" for word in words)
        return f"{start}; right is {shown} of what the file has, which the crystal does not tell apart ({len(self.others)} ways)"


def spin_frame(
    model: TightBindingModel, operations: Sequence[Operation], degeneracy_tolerance: float = DEGENERACY_TOLERANCE
) -> SpinFrame | None:
    """How well the spin matrices follow the operations, and what would; None where there is nothing to compare."""
    if model.spin_R is None:
        return None
    k = np.random.default_rng(0).random((4, 3)) * np.array(model.periodic)
    source = BlochSum(model, second_order=False)
    hands: list[float] = []

    def at(points: Real) -> list[Quantity]:
        geometry = geometry_of(source.at_points(points), degeneracy_tolerance)
        hands.append(handedness(geometry))
        return [(zeeman_sum(geometry), ZEEMAN, 2), (curvature_sum(geometry), CURVATURE, 1)]

    here = at(k)
    if all(np.sqrt(np.mean(X**2)) < SMALLEST for X, _, _ in here):
        return None
    chosen = np.random.default_rng(1).permutation(np.array(distinct(operations), object))[:MOST_OPERATIONS]
    images = [(operation, at(operation.act_on_k(k))) for operation in chosen]
    right_handed = float(np.mean(hands)) > -HANDEDNESS  # spins of other kinds (j = 3/2) need not have this algebra
    found = SpinFrame(_misfit(np.eye(3), here, images), right_handed, ())
    if found.fits:
        return found
    return replace(found, others=tuple(L for L in _ways(right_handed) if _misfit(L, here, images) < MISFIT))


def _ways(right_handed: bool) -> Iterator[Real]:
    """The 24 exchanges and reversals of x, y, z (3, 3) that make such spins right-handed."""
    reversals = [np.diag(signs) for signs in itertools.product((1, -1), repeat=3)]
    ways = [D[list(order)] for order in itertools.permutations(range(3)) for D in reversals]
    return (L for L in ways if (np.linalg.det(L) > 0) == right_handed)


def handedness(geometry: BandGeometry) -> float:
    """Im Tr([sigma_x, sigma_y] sigma_z) / 4, relative to norms: 1 for Pauli matrices, near 0 for what has no such algebra."""
    assert geometry.spin is not None
    x, y, z = (geometry.spin[:, c] for c in range(3))
    size = float(np.linalg.norm(x) * np.linalg.norm(y) * np.linalg.norm(z)) or 1.0
    return float(np.einsum("kij,kji->", x @ y - y @ x, z).imag / 2 / size * np.sqrt(x.shape[0] * x.shape[1]))


def _misfit(L: Real, here: list[Quantity], images: list[tuple[Operation, list[Quantity]]]) -> float:
    """rms of L X(gk) - g (L X(k)) over operations, relative to X, of the worst X; a quantity that vanishes tells nothing."""
    worst = 0.0
    for q, (X, kind, axis) in enumerate(here):
        size = np.sqrt(np.mean(X**2))
        if size < SMALLEST:
            continue
        turned = _turned(L, X, axis)
        squares = [
            np.mean((_turned(L, there[q][0], axis) - transform(turned, kind, operation)) ** 2) for operation, there in images
        ]
        worst = max(worst, float(np.sqrt(np.mean(squares)) / size))
    return worst


def _turned(L: Real, X: Real, axis: int) -> Real:
    """L on the index of the spin, which is the axis-th from the end."""
    return np.asarray(np.moveaxis(np.tensordot(L, X, axes=(1, X.ndim - axis)), 0, X.ndim - axis))


def curvature_sum(geometry: BandGeometry) -> Real:
    """sum_nm (f_n - f_m) Im[{v^a, sigma^c}_nm v^b_mn]/2 (eps_nm^2 + w^2), (k, filling, a, b, c), as `zeeman_sum`."""
    assert geometry.spin is not None
    v, s = geometry.velocity, geometry.spin
    j = (np.einsum("kanl,kclm->kacnm", v, s, optimize=True) + np.einsum("kcnl,kalm->kacnm", s, v, optimize=True)) / 2
    return pair_sum("kacnm,kbmn,kfnm->kfabc", j, v, geometry.group_energies)


def _row(row: Real) -> str:
    axis = int(np.abs(row).argmax())
    return f"{'-' if row[axis] < 0 else ''}s_{'xyz'[axis]}"
