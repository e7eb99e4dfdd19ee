"""A Wannier model averaged over its magnetic group, where it is known what each Wannier function is.

An operation g, r -> W r + w (Cartesian rotation Q), with or without time reversal, maps the function n of the cell R on

    g |R n> = sum_n' |W R + T_n, n'> D_n'n        W p_n + w = p_n' + T_n,  p: sites, T_n a lattice vector
    D = D_l(Q) x U(det(Q) Q) [(-i s_y) K]         real harmonics x spin 1/2

so that O_nm(R) = <0n|O|Rm> becomes, with K the complex conjugation of antiunitary operations,

    (g O)_n'm'(W R + T_m - T_n) = sum_nm D_n'n M(g) [K O_nm(R)] D*_m'm
    M = 1 for H;  Q for <0n|r|Rm> - p_n <0n|Rm>;  det(Q) Q, times -1 with time reversal, for the spin

A symmetric model has g O = O; the mean over the group makes it so, and is the nearest symmetric model in the Frobenius norm.
D describes Wannier functions that are still the orbitals that they were projected on. Maximal localization rotates
them away from that; then the average changes the bands: see `ModelChange`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import BlochSum
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE, BandGeometry, geometry_of
from wannier_spin.model import TightBindingModel
from wannier_spin.orbitals import Orbitals
from wannier_spin.symmetry.operations import Operation, distinct

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
Integer = NDArray[np.int64]

SITE_TOLERANCE = 1e-3  # angstrom: images of sites
UNITARITY = 1e-6  # of D: an incomplete shell gives errors of order one
GROUP_TOLERANCE = 1e-9  # of the largest element: how far the average may be from g times itself
WARN_ABOVE, REFUSE_ABOVE = 20.0, 200.0  # meV, rms change of the bands
SAMPLES = 24  # k-points of the report


@dataclass(frozen=True)
class Representation:
    """An operation on the Wannier functions: D (n, n); image (i,) of each site; shift (i, 3), the T of each site."""

    operation: Operation
    D: Complex
    image: Integer
    shift: Integer

    @property
    def axial(self) -> Real:
        """How it turns the spin: det(Q) Q, times -1 with time reversal."""
        Q = self.operation.rotation
        return np.asarray(np.linalg.det(Q) * Q * (-1 if self.operation.time_reversal else 1))


@dataclass(frozen=True)
class ModelChange:
    """What the average did.

    bands_meV, spin : change of energies and of <sigma> (rms, largest) at generic k inside the window; spins are those of blocks of
    degenerate bands. removed : norm of the part of each operator that was taken away, per Wannier function
    (hamiltonian eV, position angstrom, spin Pauli): the rms over the Brillouin zone. before, after : rms violation of the
    group by energies (meV), velocities (eV angstrom) and spins at generic k. not_symmetric : largest element of
    g O - O after the average, over all g and operators.
    """

    operations: int
    bands_meV: tuple[float, float]
    spin: tuple[float, float]
    removed: dict[str, float]
    before: dict[str, float]
    after: dict[str, float]
    not_symmetric: float

    def provenance(self) -> dict[str, str]:
        """For `TightBindingModel.source`."""
        removed = ", ".join(f"{key} {value:.3g}" for key, value in self.removed.items())
        text = f"{self.operations} operations; bands changed by {self.bands_meV[0]:.3g} meV rms, {self.bands_meV[1]:.3g} at most"
        return {"symmetrized": f"{text}; removed per function: {removed}"}

    def __str__(self) -> str:
        return (
            f"average over {self.operations} operations: bands changed by {self.bands_meV[0]:.3g} meV rms ({self.bands_meV[1]:.3g} at "
            f"most), spins by {self.spin[0]:.2g} ({self.spin[1]:.2g}); bands at equivalent k differed by "
            f"{self.before['bands_meV']:.3g} meV rms, now by {self.after['bands_meV']:.1g}"
        )


def symmetrize_model(
    model: TightBindingModel,
    orbitals: Orbitals,
    operations: Sequence[Operation],
    *,
    window: tuple[float, float] | None = None,
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
) -> tuple[TightBindingModel, ModelChange]:
    """The mean of the model over a magnetic space group, and what it changed.

    Parameters
    ----------
    orbitals : what the Wannier functions are, in the order of the model.
    operations : the whole space group, modulo lattice translations (`MagneticGroup.operations`, not `point_operations`).
    window : eV; energies inside it are compared, None: all. Give the frozen window.

    Raises
    ------
    InputError : orbitals that do not fit the model or the operations, no group, bands that change by more than 0.2 eV.
    Warns with AccuracyWarning above 20 meV.
    """
    if len(orbitals) != model.n_bands:
        raise InputError(f"model '{model.name}' has {model.n_bands} Wannier functions, the projections give {len(orbitals)}")
    _check_periodicity(model, operations)
    group = [represent(orbitals, model.lattice, operation) for operation in operations]
    parts, position_given = _operators(model, orbitals)
    R_vectors = _closed(model.R_vectors, group)
    parts = {key: _spread(value, model.R_vectors, R_vectors) for key, value in parts.items()}
    means = {key: _mean(value, R_vectors, orbitals, group, key) for key, value in parts.items()}
    violation = max(
        np.abs(moved - mean).max() / max(np.abs(mean).max(), 1e-300)
        for key, mean in means.items()
        for moved in _moved(mean, R_vectors, orbitals, group, key)
    )
    if violation > GROUP_TOLERANCE:
        raise InputError(
            f"the {len(group)} operations are not a whole magnetic space group: their average is not invariant "
            f"(by {violation:.1e}); give all operations, those with translations too"
        )
    averaged = _rebuilt(model, orbitals, R_vectors, means, position_given)
    change = _compare(model, averaged, operations, window, degeneracy_tolerance)
    removed = {key: float(np.linalg.norm(parts[key] - means[key]) / np.sqrt(model.n_bands)) for key in parts}
    change = replace(change, removed=removed, not_symmetric=float(violation))
    _judge(model, change)
    return replace(averaged, source={**model.source, **change.provenance()}), change


# --- operations on orbitals -----------------------------------------------------------------------------------


def represent(orbitals: Orbitals, lattice: Real, operation: Operation) -> Representation:
    """D, images and shifts of one operation. Raises InputError: a site without an image, shells that do not close."""
    image, shift = _images(orbitals.positions, lattice, operation)
    Q = operation.rotation
    spin = spinor_rotation(Q)
    if operation.time_reversal:
        spin = spin @ np.array([[0, -1], [1, 0]])  # U (-i s_y) K
    space = {l: harmonic_rotation(l, Q) for l in set(orbitals.l.tolist())}
    copy, n = orbitals.copy, len(orbitals)
    D = np.zeros((n, n), complex)
    for l, rotation in space.items():
        own = np.flatnonzero(orbitals.l == l)
        new, old = np.ix_(own, own)
        same = (orbitals.site[new] == image[orbitals.site[old]]) & (copy[new] == copy[old])
        D[new, old] = same * rotation[orbitals.m[new], orbitals.m[old]] * spin[orbitals.spin[new], orbitals.spin[old]]
    error = np.abs(D.conj().T @ D - np.eye(n))
    if error.max() > UNITARITY:
        worst = int(error.max(axis=0).argmax())
        raise InputError(
            f"an operation of the group turns the orbital '{orbitals.names()[worst]}' into one that is not among the "
            "projections (an incomplete shell, or different orbitals on equivalent atoms): the model cannot be symmetrized"
        )
    return Representation(operation, D, image, shift)


def harmonic_rotation(l: int, rotation: Real) -> Real:
    """D_l of a rotation, proper or not: Y_m(Q^-1 r) = sum_m' Y_m'(r) D_m'm, real harmonics in Wannier90's order."""
    points = _sample()
    return np.asarray(np.linalg.lstsq(_harmonics(l, points), _harmonics(l, points @ rotation), rcond=None)[0])


def spinor_rotation(rotation: Real) -> Complex:
    """U of spin 1/2 with U^+ s U = det(Q) Q s, up to the sign."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(np.linalg.det(rotation) * rotation).as_quat()
    return np.array([[w - 1j * z, -1j * x - y], [-1j * x + y, w + 1j * z]])


@cache
def _sample() -> Real:
    points = np.random.default_rng(0).normal(size=(40, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def _harmonics(l: int, points: Real) -> Real:
    """Real harmonics on the unit sphere (point, m), all with the same norm; the order of `HARMONICS`."""
    x, y, z = points.T
    root = np.sqrt
    values = {
        0: [np.ones_like(x)],
        1: [z, x, y],
        2: [(3 * z**2 - 1) / (2 * root(3)), x * z, y * z, (x**2 - y**2) / 2, x * y],
        3: [
            root(7) / 2 * z * (5 * z**2 - 3),
            root(42) / 4 * x * (5 * z**2 - 1),
            root(42) / 4 * y * (5 * z**2 - 1),
            root(105) / 2 * z * (x**2 - y**2),
            root(105) * x * y * z,
            root(70) / 4 * x * (x**2 - 3 * y**2),
            root(70) / 4 * y * (3 * x**2 - y**2),
        ],
    }
    return np.stack(values[l], axis=1)


def _images(positions: Real, lattice: Real, operation: Operation) -> tuple[Integer, Integer]:
    """Site on which each site lands (i,), and the lattice vector in between (i, 3)."""
    landed = positions @ operation.reduced.T + operation.translation
    apart = landed[:, None] - positions[None]
    shift = np.rint(apart)
    distance = np.linalg.norm((apart - shift) @ lattice, axis=2)
    image = distance.argmin(axis=1)
    rows = np.arange(len(positions))
    if distance[rows, image].max() > SITE_TOLERANCE or len(set(image.tolist())) < len(image):
        worst = int(distance[rows, image].argmax())
        raise InputError(
            f"an operation moves the site {positions[worst].round(4).tolist()} of the projections to a place where there is no "
            f"other ({distance[worst, image[worst]]:.2g} angstrom off): structure and projections do not fit together"
        )
    return image.astype(np.int64), shift[rows, image].astype(np.int64)


# --- operations on operators ----------------------------------------------------------------------------------


def _operators(model: TightBindingModel, orbitals: Orbitals) -> tuple[dict[str, Complex], bool]:
    """Operators (R, n, n, x) that transform without translations: positions are relative to the sites.

    Also, whether the model needs a position matrix: not if its functions sit on the sites and it had none.
    """
    parts = {"hamiltonian": model.hamiltonian_R[..., None]}
    if model.spin_R is not None:
        parts["spin"] = model.spin_R
    sites = (orbitals.positions @ model.lattice)[orbitals.site]
    diagonal, origin = np.arange(model.n_bands), _origin(model.R_vectors)
    if model.position_R is None:
        if np.abs(model.centres - sites).max() < SITE_TOLERANCE:
            return parts, False
        relative = np.zeros((*model.hamiltonian_R.shape, 3), complex)
        relative[origin, diagonal, diagonal] = model.centres - sites
    else:
        relative = model.position_R.copy()
        relative[origin, diagonal, diagonal] -= sites
    return parts | {"position": relative}, True


def _rebuilt(
    model: TightBindingModel, orbitals: Orbitals, R_vectors: Integer, means: dict[str, Complex], position_given: bool
) -> TightBindingModel:
    sites = (orbitals.positions @ model.lattice)[orbitals.site]
    position, centres = None, sites
    if position_given:
        diagonal, origin = np.arange(model.n_bands), _origin(R_vectors)
        position = means["position"].copy()
        position[origin, diagonal, diagonal] += sites
        centres = position[origin, diagonal, diagonal].real.copy()
    return replace(
        model,
        R_vectors=R_vectors,
        hamiltonian_R=means["hamiltonian"][..., 0],
        position_R=position,
        spin_R=means.get("spin"),
        centres=centres,
    )


def _origin(R_vectors: Integer) -> int:
    found = np.flatnonzero((R_vectors == 0).all(axis=1))
    if not len(found):
        raise InputError("R = (0, 0, 0) is missing from the R vectors of the model")
    return int(found[0])


def _closed(R_vectors: Integer, group: Sequence[Representation]) -> Integer:
    """All R that the group reaches: one application is enough, because the operations form a group."""
    reached = {tuple(R) for R in R_vectors.tolist()}
    for g in group:
        turned = R_vectors @ g.operation.reduced.T
        steps = np.unique((g.shift[None, :] - g.shift[:, None]).reshape(-1, 3), axis=0)
        reached |= {tuple(R) for R in np.unique((turned[:, None] + steps).reshape(-1, 3), axis=0).tolist()}
    return np.array(sorted(reached), np.int64)


def _spread(values: Complex, R_vectors: Integer, larger: Integer) -> Complex:
    """The same operator on a larger set of R."""
    result = np.zeros((len(larger), *values.shape[1:]), complex)
    result[_Finder(larger)(R_vectors)] = values
    return result


class _Finder:
    """Rows of R vectors in a list, -1 where they are not."""

    def __init__(self, R_vectors: Integer) -> None:
        self.low = R_vectors.min(axis=0)
        self.shape = R_vectors.max(axis=0) - self.low + 1
        self.table = np.full(self.shape, -1, np.int64)
        self.table[tuple((R_vectors - self.low).T)] = np.arange(len(R_vectors))

    def __call__(self, R_vectors: Integer) -> Integer:
        place = R_vectors - self.low
        inside = ((place >= 0) & (place < self.shape)).all(axis=1)
        return np.where(inside, self.table[tuple(np.where(inside[:, None], place, 0).T)], -1)


def _moved(
    values: Complex, R_vectors: Integer, orbitals: Orbitals, group: Sequence[Representation], kind: str
) -> Iterator[Complex]:
    """g O for each operation, (R, n, n, x). Elements that would leave the R vectors are zero and dropped."""
    functions = [np.flatnonzero(orbitals.site == i) for i in range(len(orbitals.positions))]
    present = [i for i, rows in enumerate(functions) if len(rows)]
    find = _Finder(R_vectors)
    for g in group:
        M: Any = {"hamiltonian": np.eye(1), "position": g.operation.rotation, "spin": g.axial}[kind]
        source = (values.conj() if g.operation.time_reversal else values) @ M.T
        turned = R_vectors @ g.operation.reduced.T
        result = np.zeros_like(values)
        for i in present:
            new_i, old_i = functions[g.image[i]], functions[i]
            D_i = g.D[np.ix_(new_i, old_i)]
            for j in present:
                new_j, old_j = functions[g.image[j]], functions[j]
                target = find(turned + g.shift[j] - g.shift[i])
                kept = target >= 0
                block = source[np.ix_(kept, old_i, old_j)]  # (R, n, m, x)
                block = np.einsum("pn,Rnmx,qm->Rpqx", D_i, block, g.D[np.ix_(new_j, old_j)].conj(), optimize=True)
                result[np.ix_(target[kept], new_i, new_j)] = block
        yield result


def _mean(values: Complex, R_vectors: Integer, orbitals: Orbitals, group: Sequence[Representation], kind: str) -> Complex:
    total = np.zeros_like(values)
    for moved in _moved(values, R_vectors, orbitals, group, kind):
        total += moved
    return total / len(group)


# --- what changed ---------------------------------------------------------------------------------------------


def group_violation(
    model: TightBindingModel, operations: Sequence[Operation], degeneracy_tolerance: float = DEGENERACY_TOLERANCE
) -> dict[str, float]:
    """rms over generic k and operations of X(gk) - g X(k): energies (meV), velocities (eV angstrom), spins of blocks."""
    k = np.random.default_rng(0).random((4, 3)) * np.array(model.periodic)
    source = BlochSum(model, second_order=False)

    def vectors(geometry: BandGeometry) -> dict[str, Real]:
        found = {"bands_meV": 1e3 * geometry.block_energies[..., None], "velocity": np.moveaxis(geometry.block_velocity, 1, 2)}
        return found | ({} if geometry.spin is None else {"spin": np.moveaxis(geometry.block_spin, 1, 2)})

    def at(points: Real) -> dict[str, Real]:
        return vectors(geometry_of(source.at_points(points), degeneracy_tolerance))

    here = at(k)
    squares: dict[str, list[float]] = {key: [] for key in here}
    for operation in distinct(operations):
        Q, t = operation.rotation, -1 if operation.time_reversal else 1
        laws = {"bands_meV": np.eye(1), "velocity": t * Q, "spin": t * np.linalg.det(Q) * Q}
        for key, there in at(operation.act_on_k(k)).items():
            squares[key].append(float(np.mean((there - here[key] @ laws[key].T) ** 2)))
    return {key: float(np.sqrt(np.mean(values))) for key, values in squares.items()}


def _compare(
    model: TightBindingModel,
    averaged: TightBindingModel,
    operations: Sequence[Operation],
    window: tuple[float, float] | None,
    tolerance: float,
) -> ModelChange:
    k = np.random.default_rng(1).random((SAMPLES, 3)) * np.array(model.periodic)
    old, new = (geometry_of(BlochSum(m, second_order=False).at_points(k), tolerance) for m in (model, averaged))
    low, high = window or (-np.inf, np.inf)
    inside = (old.energies >= low) & (old.energies <= high)
    if not inside.any():
        raise InputError(f"no band of model '{model.name}' lies between {low:g} and {high:g} eV; change the window")

    def size(difference: Real) -> tuple[float, float]:
        return float(np.sqrt(np.mean(difference**2))), float(np.abs(difference).max())

    spin = (0.0, 0.0)
    if old.spin is not None:
        spin = size(np.moveaxis(new.block_spin - old.block_spin, 1, 2)[inside])
    return ModelChange(
        operations=len(operations),
        bands_meV=size(1e3 * (new.energies - old.energies)[inside]),
        spin=spin,
        removed={},
        before=group_violation(model, operations, tolerance),
        after=group_violation(averaged, operations, tolerance),
        not_symmetric=0.0,
    )


def _judge(model: TightBindingModel, change: ModelChange) -> None:
    """Warn or refuse where the Wannier functions are not the orbitals that they were projected on."""
    rms, largest = change.bands_meV
    if rms <= WARN_ABOVE:
        return
    message = (
        f"model '{model.name}': averaging over the group changes the bands by {rms:.3g} meV rms ({largest:.3g} at most), though they "
        f"violate it by {change.before['bands_meV']:.2g} meV only. "
        "The Wannier functions are not the orbitals of the projections: wrong order of the spins or of the functions, wrong "
        "moments, or localization turned them. Wannierise with num_iter = 0 (or in the site-symmetry mode), or do not symmetrize"
    )
    if rms > REFUSE_ABOVE:
        raise InputError(message)
    warnings.warn(message, AccuracyWarning, stacklevel=3)


def _check_periodicity(model: TightBindingModel, operations: Sequence[Operation]) -> None:
    periodic = np.array(model.periodic)
    for operation in operations:
        if np.abs(operation.reduced[np.ix_(~periodic, periodic)]).sum():
            raise InputError(
                f"an operation turns a periodic direction of model '{model.name}' into a direction of vacuum; give a structure "
                "with its vacuum"
            )
