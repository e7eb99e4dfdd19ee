"""A Wannier model averaged over its magnetic group, where it is known what each Wannier function is.

With the operation g on Wannier functions (`representation`), O_nm(R) = <0n|O|Rm> becomes

    (g O)_n'm'(W R + T_m - T_n) = sum_nm D_n'n M(g) [K O_nm(R)] D*_m'm

    M = 1 for H;  Q for the position <0n|r|Rm> - p_n <0n|Rm>;  det(Q) Q, times -1 with time reversal, for the spin

K is the complex conjugation of operations with time reversal. A symmetric model has g O = O. The mean over the group makes
it so; it is the nearest symmetric model in the Frobenius norm, and changes no matrix that was symmetric.

D describes Wannier functions that are still the orbitals that they were projected on. Localization turns them away from
that by some angle, and the average changes the bands by about the square of it: `ModelChange` says how much.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.bloch import BlochSum
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE, geometry_of
from wannier_spin.model import SPIN_CURRENT_OPERATORS, TightBindingModel, home, with_centres
from wannier_spin.orbitals import Orbitals
from wannier_spin.symmetry.operations import Operation
from wannier_spin.symmetry.representation import SITE_TOLERANCE, Representation, represent
from wannier_spin.symmetry.violation import band_vectors, group_violation

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
Integer = NDArray[np.int64]

GROUP_TOLERANCE = 1e-9  # of the largest element: how far the average may be from g times itself
WARN_ABOVE = 5.0  # meV, rms change of the bands; the real models of example_inputs change by 0.003 to 0.2
REFUSE_ABOVE = 100.0
SAMPLES = 24  # k-points of the report


@dataclass(frozen=True)
class ModelChange:
    """What the average did; pairs are (rms, largest).

    bands_meV, spin : change of energies, and of <sigma> of degenerate groups of bands, at generic k inside the window.
    removed : norm of the part that was taken away from each operator, per Wannier function (hamiltonian eV, position
    angstrom, spin Pauli), which is an rms over the Brillouin zone; most of it turns Wannier functions without changing
    bands. before, after : rms of X(gk) - g X(k) over generic k and operations, of energies (bands_meV), velocity
    (eV angstrom) and spin. not_symmetric : largest element of g O - O after the average, relative to that of O.
    """

    operations: int
    bands_meV: tuple[float, float]
    spin: tuple[float, float]
    removed: Mapping[str, float]
    before: Mapping[str, float]
    after: Mapping[str, float]
    not_symmetric: float

    def __str__(self) -> str:
        rms, largest = self.bands_meV
        return (
            f"averaged over {self.operations} operations: bands changed by {rms:.3g} meV rms, {largest:.3g} at most; at equivalent "
            f"k they differed by {self.before['bands_meV']:.3g} meV rms and now by {self.after['bands_meV']:.1g}"
        )


def symmetrize_model(
    model: TightBindingModel,
    orbitals: Orbitals,
    operations: Sequence[Operation],
    *,
    window: tuple[float, float] | None = None,
    limit_meV: float = REFUSE_ABOVE,
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
) -> tuple[TightBindingModel, ModelChange]:
    """The mean of the model over a magnetic space group, and what it changed.

    Parameters
    ----------
    orbitals : what the Wannier functions are, in the order of the model.
    operations : the whole space group, modulo lattice translations (`MagneticGroup.operations`, not `point_operations`).
    window : eV; the change of bands is judged inside it (give the frozen window); None: all bands.
    limit_meV : an rms change of the bands above it is an error, above 5 meV a warning (AccuracyWarning).

    Raises
    ------
    InputError : orbitals that fit neither the model nor the operations; operations that are no group; too large a change.
    """
    _check_averaged(model, orbitals)
    _check_periodicity(model, operations)
    orbitals = _in_the_cells_of(model, orbitals)
    group = [represent(orbitals, model.lattice, operation) for operation in operations]
    original = _operators(model, orbitals)
    R_vectors = _closed(model.R_vectors, original, orbitals, group)
    original = {kind: _on_more_vectors(O, model.R_vectors, R_vectors) for kind, O in original.items()}
    means = {kind: _mean(_images(O, R_vectors, orbitals, group, kind)) for kind, O in original.items()}
    averaged = _rebuilt(model, orbitals, R_vectors, means)

    removed = {kind: float(np.linalg.norm(original[kind] - O) / np.sqrt(model.n_bands)) for kind, O in means.items()}
    change = replace(
        _compare(model, averaged, operations, window, degeneracy_tolerance),
        removed=removed,
        not_symmetric=max(_asymmetry(O, R_vectors, orbitals, group, kind) for kind, O in means.items()),
    )
    _judge(model, change, limit_meV)
    return replace(averaged, source={**model.source, "symmetrized": str(change)}), change


def _check_averaged(model: TightBindingModel, orbitals: Orbitals) -> None:
    """Raise InputError for a model with matrices that are not averaged, or that the orbitals do not describe."""
    if model.extra_operators:
        raise InputError(
            f"model '{model.name}' has {', '.join(model.extra_operators)}, which are not averaged: leave the average out"
        )
    if any(name in model.operators for name in SPIN_CURRENT_OPERATORS["qiao"]):
        raise InputError(
            f"model '{model.name}' has matrices for the spin currents 'qiao' and 'ryoo', which are not averaged: leave the average "
            "out (symmetry.average_model), or read the model with spin_current = 'simple'"
        )
    if model.spin_axis is not None and not np.allclose(model.spin_axis, [0, 0, 1]):
        raise InputError(
            f"model '{model.name}' has its spins along {model.spin_axis.round(4).tolist()}; what is averaged are functions "
            "with spin up and down along z: read the channels with the axis (0, 0, 1), as good as any without spin-orbit coupling"
        )
    if len(orbitals) != model.n_bands:
        raise InputError(f"model '{model.name}' has {model.n_bands} Wannier functions, the projections give {len(orbitals)}")


# --- the average ----------------------------------------------------------------------------------------------
# Operators are arrays (n, m, R, x), x the Cartesian components, so that D is applied by matrix products.


def _images(O: Complex, R_vectors: Integer, orbitals: Orbitals, group: Sequence[Representation], kind: str) -> Iterator[Complex]:
    """g O for every operation."""
    functions = [np.flatnonzero(orbitals.site == i) for i in range(len(orbitals.positions))]
    find = _Finder(R_vectors)
    for g in group:
        M = {"hamiltonian": np.eye(1), "position": g.operation.rotation, "spin": g.axial}[kind]
        turned = R_vectors @ g.operation.reduced.T
        source = (O.conj() if g.operation.time_reversal else O) @ M.T
        image = np.zeros_like(O)
        for i, n in enumerate(functions):
            for j, m in enumerate(functions):
                target = find(turned + g.shift[j] - g.shift[i])
                inside = np.flatnonzero(target >= 0)  # outside, the operator is zero
                new_n, new_m = functions[g.image[i]], functions[g.image[j]]
                submatrix = _rotated(source[np.ix_(n, m, inside)], g.D[np.ix_(new_n, n)], g.D[np.ix_(new_m, m)])
                image[np.ix_(new_n, new_m, target[inside])] = submatrix
        yield image


def _rotated(submatrix: Complex, D_n: Complex, D_m: Complex) -> Complex:
    """D_n O D_m^+ of a submatrix (n, m, R, x)."""
    n, m = submatrix.shape[:2]
    left = D_n @ submatrix.reshape(n, -1)
    return np.asarray((D_m.conj() @ left.reshape(n, m, -1)).reshape(submatrix.shape))


def _mean(images: Iterator[Complex]) -> Complex:
    total, count = next(images), 1
    for image in images:
        total += image
        count += 1
    return np.asarray(total / count)


def _asymmetry(O: Complex, R_vectors: Integer, orbitals: Orbitals, group: Sequence[Representation], kind: str) -> float:
    """Largest element of g O - O over the group. Raises InputError where it is not zero: the operations are no group."""
    largest = max(float(np.abs(image - O).max()) for image in _images(O, R_vectors, orbitals, group, kind))
    relative = largest / max(float(np.abs(O).max()), 1e-300)
    if relative > GROUP_TOLERANCE:
        raise InputError(
            f"the {len(group)} operations are not a whole magnetic space group: the averaged {kind} violates them by "
            f"{relative:.1e}; give all operations, those with translations too"
        )
    return relative


def _operators(model: TightBindingModel, orbitals: Orbitals) -> dict[str, Complex]:
    """The operators (n, m, R, x). Positions are relative to the sites, and left out where functions sit on them."""
    H, position, spin = model.hamiltonian_R[..., None], model.position_R, model.spin_R
    sites = _sites(model, orbitals)
    if position is not None:
        position = with_centres(position, model.R_vectors, -sites)
    elif np.abs(model.centres - sites).max() > SITE_TOLERANCE:
        position = with_centres(np.zeros((*model.hamiltonian_R.shape, 3), complex), model.R_vectors, model.centres - sites)
    found = {"hamiltonian": H, "position": position, "spin": spin}
    return {kind: np.ascontiguousarray(np.moveaxis(O, 0, 2)) for kind, O in found.items() if O is not None}


def _rebuilt(model: TightBindingModel, orbitals: Orbitals, R_vectors: Integer, means: Mapping[str, Complex]) -> TightBindingModel:
    parts = {kind: np.moveaxis(O, 2, 0).copy() for kind, O in means.items()}
    centres, position = _sites(model, orbitals), parts.get("position")
    if position is not None:
        position = with_centres(position, R_vectors, centres)
        centres = np.einsum("nna->na", position[home(R_vectors)]).real.copy()
    return replace(
        model,
        R_vectors=R_vectors,
        hamiltonian_R=parts["hamiltonian"][..., 0],
        position_R=position,
        spin_R=parts.get("spin"),
        centres=centres,
    )


def _in_the_cells_of(model: TightBindingModel, orbitals: Orbitals) -> Orbitals:
    """Sites moved by lattice vectors to where the functions of the model are (.win may have them in another cell)."""
    away = (model.centres - _sites(model, orbitals)) @ np.linalg.inv(model.lattice)
    cells = np.rint(away).astype(np.int64)
    positions = orbitals.positions.copy()
    for i in range(len(positions)):
        own = np.unique(cells[orbitals.site == i], axis=0)
        if len(own) > 1:
            raise InputError(
                f"model '{model.name}': the Wannier functions of the site {positions[i].round(4).tolist()} lie in {len(own)} "
                "different cells; run wannier90.x without translate_home_cell and with guiding_centres"
            )
        positions[i] += own[0]
    return replace(orbitals, positions=positions)


def _sites(model: TightBindingModel, orbitals: Orbitals) -> Real:
    """Cartesian site of each function (n, 3)."""
    return np.asarray((orbitals.positions @ model.lattice)[orbitals.site])


def _closed(R_vectors: Integer, operators: Mapping[str, Complex], orbitals: Orbitals, group: Sequence[Representation]) -> Integer:
    """All R that the group reaches from elements that are not zero: applied once, because the operations form a group."""
    there = np.any([np.any(O != 0, axis=-1) for O in operators.values()], axis=0)  # (n, m, R)
    reached = {(0, 0, 0)}
    for i in range(len(orbitals.positions)):
        for j in range(len(orbitals.positions)):
            R = R_vectors[there[np.ix_(orbitals.site == i, orbitals.site == j)].any(axis=(0, 1))]
            for g in group:
                reached.update(map(tuple, (R @ g.operation.reduced.T + g.shift[j] - g.shift[i]).tolist()))
    return np.array(sorted(reached), np.int64)


def _on_more_vectors(O: Complex, R_vectors: Integer, larger: Integer) -> Complex:
    """The same operator on other R vectors; what is left out must be zero."""
    place = _Finder(larger)(R_vectors)
    result = np.zeros((*O.shape[:2], len(larger), O.shape[3]), complex)
    result[:, :, place[place >= 0]] = O[:, :, place >= 0]
    return result


class _Finder:
    """Places of R vectors in a list, -1 where they are not in it."""

    def __init__(self, R_vectors: Integer) -> None:
        self.low = R_vectors.min(axis=0)
        self.shape = R_vectors.max(axis=0) - self.low + 1
        self.table = np.full(self.shape, -1, np.int64)
        self.table[tuple((R_vectors - self.low).T)] = np.arange(len(R_vectors))

    def __call__(self, R_vectors: Integer) -> Integer:
        place = R_vectors - self.low
        inside = ((place >= 0) & (place < self.shape)).all(axis=1)
        return np.where(inside, self.table[tuple(np.where(inside[:, None], place, 0).T)], -1)


# --- what changed ---------------------------------------------------------------------------------------------


def _compare(
    model: TightBindingModel,
    averaged: TightBindingModel,
    operations: Sequence[Operation],
    window: tuple[float, float] | None,
    degeneracy_tolerance: float,
) -> ModelChange:
    """Bands and spins of both models at generic k; what the R matrices say is not filled in."""
    k = np.random.default_rng(1).random((SAMPLES, 3)) * np.array(model.periodic)
    old, new = (geometry_of(BlochSum(m, second_order=False).at_points(k), degeneracy_tolerance) for m in (model, averaged))
    low, high = window or (-np.inf, np.inf)
    inside = (old.energies >= low) & (old.energies <= high)
    if not inside.any():
        raise InputError(f"no band of model '{model.name}' lies between {low:g} and {high:g} eV; change the window")

    def size(difference: Real) -> tuple[float, float]:
        return float(np.sqrt(np.mean(difference[inside] ** 2))), float(np.abs(difference[inside]).max())

    spins = [band_vectors(geometry).get("spin", np.zeros((*inside.shape, 3))) for geometry in (old, new)]
    return ModelChange(
        operations=len(operations),
        bands_meV=size(1e3 * (new.energies - old.energies)),
        spin=size(spins[1] - spins[0]),
        removed={},
        before=group_violation(model, operations, degeneracy_tolerance),
        after=group_violation(averaged, operations, degeneracy_tolerance),
        not_symmetric=0.0,
    )


def _judge(model: TightBindingModel, change: ModelChange, limit_meV: float) -> None:
    """Warn, or refuse, where the Wannier functions are not the orbitals of the projections."""
    rms, largest = change.bands_meV
    if rms <= min(WARN_ABOVE, limit_meV):
        return
    energies, spins = change.before["bands_meV"], change.before.get("spin", 0.0)
    message = (
        f"model '{model.name}': averaging over the group changes the bands by {rms:.3g} meV rms ({largest:.3g} at most). They "
        f"violated it by {energies:.2g} meV, their spins by {spins:.2g}. If that is little, the "
        "Wannier functions are not the orbitals of the projections: localization turned them (symmetric Wannier functions are "
        "needed: num_iter = 0, or the site-symmetry mode), or the order of the spins is another. If it is much, the structure or "
        "its moments have a symmetry that the model lacks"
    )
    if rms > limit_meV:
        raise InputError(message)
    warnings.warn(message, AccuracyWarning, stacklevel=3)


def _check_periodicity(model: TightBindingModel, operations: Sequence[Operation]) -> None:
    periodic = np.array(model.periodic)
    for operation in operations:
        if operation.reduced[np.ix_(~periodic, periodic)].any() or operation.reduced[np.ix_(periodic, ~periodic)].any():
            raise InputError(
                f"an operation mixes periodic directions of model '{model.name}' with those of vacuum; give a structure with its "
                "vacuum"
            )
