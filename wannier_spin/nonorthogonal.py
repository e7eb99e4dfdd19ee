"""Hamiltonians in a basis that overlaps (atomic orbitals), brought to the orthogonal functions of Loewdin.

With Bloch sums |k j> = sum_R exp(i k.R) |R j>, O(k) = sum_R exp(i k.R) <0 i|O|R j>, and S(k) the overlaps, C = S^(-1/2):

    H -> C H C,    sigma -> C sigma C,    r -> C r C - i (dC/dk) S C

The last term is where C, which depends on k, moves charge from cell to cell: it is the sum over R1 of C(R1)^+ R1 S C. From
eigenvectors u and eigenvalues s of S its derivative follows without any difference of energies in a denominator,

    dC_ab = -(u^+ dS u)_ab / (sqrt(s_a s_b) (sqrt(s_a) + sqrt(s_b))),

so that all matrices are exact at every k (P.-O. Loewdin, J. Chem. Phys. 18, 365 (1950)). What is not is their Fourier series: it
is cut off, and how much that changes is measured between the points that it was made from.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import slices
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.model import TightBindingModel

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
TOLERANCE = 1e-6  # eV and angstrom, of H and r between the points of the mesh
NEGLECTED = 1e-2  # of the tolerance: R vectors whose elements are all smaller are left out
SMALLEST_OVERLAP = 1e-5  # eigenvalue of S(k): below, the functions are linearly dependent
LARGEST = 2.0**31  # bytes of the matrices on the mesh
MUCH_TOO_LARGE = 64 * LARGEST
BATCH = 64  # k-points
PROBES = 16  # k-points between those of the mesh
NOT_HERMITIAN = 1e-6  # of S and r


@dataclass(frozen=True)
class OverlappingBasis:
    """A Hamiltonian between functions that overlap.

    lattice (3, 3) rows, angstrom; R_vectors (R, 3) int, with each R also -R; hamiltonian_R (R, n, n) eV; overlap_R (R, n, n);
    centres (n, 3) Cartesian, angstrom; position_R (R, n, n, 3) angstrom, <0 i|r|R j>. None: S_ij(R) times the point midway between
    the two functions, which is exact for equal functions that are even about their centres. spin_R (R, n, n, 3) Pauli.

    Raises InputError: wrong shapes, overlaps that are not Hermitian or not normalized, a position that does not fit them.
    """

    lattice: Real
    R_vectors: NDArray[np.int64]
    hamiltonian_R: Complex
    overlap_R: Complex
    centres: Real
    position_R: Complex | None = None
    spin_R: Complex | None = None
    periodic: tuple[bool, bool, bool] = (True, True, True)
    name: str = "model"

    def __post_init__(self) -> None:
        R, n = len(self.R_vectors), self.hamiltonian_R.shape[-1]
        shapes = {"hamiltonian_R": (R, n, n), "overlap_R": (R, n, n), "centres": (n, 3)}
        shapes |= {key: (R, n, n, 3) for key in ("position_R", "spin_R") if getattr(self, key) is not None}
        for key, shape in shapes.items():
            if np.shape(getattr(self, key)) != shape:
                raise InputError(f"model '{self.name}': {key} has shape {np.shape(getattr(self, key))}, expected {shape}")
        places = {tuple(vector): i for i, vector in enumerate(self.R_vectors.tolist())}
        if any(tuple(-x for x in vector) not in places for vector in places) or (0, 0, 0) not in places:
            raise InputError(f"model '{self.name}': expected R = (0, 0, 0), and with each R vector also -R")
        back = np.array([places[tuple(-x for x in vector)] for vector in places])
        S = self.overlap_R
        if np.abs(S - S[back].conj().swapaxes(1, 2)).max() > NOT_HERMITIAN:
            raise InputError(f"model '{self.name}': the overlaps are not Hermitian, S(-R) != S(R)^+")
        if self.position_R is not None:
            there = (self.position_R[back] + (self.R_vectors @ self.lattice)[:, None, None, :] * S[back][..., None]).conj()
            if np.abs(self.position_R - there.swapaxes(1, 2)).max() > NOT_HERMITIAN:
                raise InputError(
                    f"model '{self.name}': position_R does not fit the overlaps: <0i|r|Rj>* != <0j|r|-Ri> + R <0j|-Ri>"
                )

    @property
    def position(self) -> Complex:
        """<0 i|r|R j>, (R, n, n, 3)."""
        if self.position_R is not None:
            return self.position_R
        there = self.centres[None, None] + (self.R_vectors @ self.lattice)[:, None, None]
        middle = (self.centres[None, :, None] + there) / 2
        return np.asarray(self.overlap_R[..., None] * middle, complex)


def orthogonalized(
    basis: OverlappingBasis, *, tolerance: float = TOLERANCE, source: Mapping[str, str] | None = None
) -> TightBindingModel:
    """The same Hamiltonian between Loewdin's functions.

    tolerance : eV and angstrom, by which H and r may be off between the points of the mesh that they are made on; the mesh is
    made denser until they are not. What was reached is told in `source["orthogonalization"]`. source : further entries of it.

    Raises InputError where the functions are linearly dependent. Warns with AccuracyWarning where the tolerance is not reached.
    """
    probes = _probes(basis)
    exact = _orthogonal(basis, probes)
    counts, R_vectors = (0, 0, 0), np.empty((0, 3), np.int64)
    found: dict[str, Complex] = {}
    errors = {"hamiltonian_R": np.inf, "position_R": np.inf}
    for counts in _meshes(basis):
        R_vectors, found = _without_small(*_series(basis, counts), NEGLECTED * tolerance)
        sums = _bloch_sums(found, R_vectors, probes)
        errors = {name: float(np.abs(sums[name] - exact[name]).max()) for name in errors}
        if max(errors.values()) < tolerance:
            break
    told = (
        f"Loewdin, {' x '.join(map(str, counts))} points, {len(R_vectors)} R vectors: H to {errors['hamiltonian_R']:.1e} eV, "
        f"r to {errors['position_R']:.1e} angstrom between them"
    )
    if not max(errors.values()) < tolerance:
        warnings.warn(
            f"model '{basis.name}': {told}, and {tolerance:g} was asked for: the overlaps reach too far for the memory; results "
            "are as good as the bands are",
            AccuracyWarning,
            stacklevel=2,
        )
    more = {"orthogonalization": told, **(source or {})}
    matrices: dict[str, Any] = dict(found)
    return TightBindingModel(
        basis.lattice, R_vectors, **matrices, centres=basis.centres, periodic=basis.periodic, name=basis.name, source=more
    )


def _probes(basis: OverlappingBasis) -> Real:
    """Points (k, 3) that belong to no mesh."""
    return np.random.default_rng(0).random((PROBES, 3)) * (basis.R_vectors.any(axis=0))


def _meshes(basis: OverlappingBasis) -> Iterator[tuple[int, int, int]]:
    """Odd numbers of points, from twice the reach of the Hamiltonian upwards while they fit into memory; the first in any case."""
    reach, n = np.abs(basis.R_vectors).max(axis=0), basis.hamiltonian_R.shape[-1]
    for growth in (2.0, 3.0, 4.5, 6.5, 9.5, 14.0, 20.0, 30.0):
        a, b, c = (2 * int(np.ceil(growth * r)) + 1 for r in reach)
        needed = 16.0 * 8 * n**2 * a * b * c
        if growth > 2 and needed > LARGEST:
            return
        if needed > MUCH_TOO_LARGE:
            raise InputError(
                f"model '{basis.name}': {n} functions that reach {reach.tolist()} cells take {needed / 2**30:.0f} GiB when "
                "they are made orthogonal; cut off what is small, or take a smaller basis"
            )
        yield a, b, c


def _series(basis: OverlappingBasis, counts: tuple[int, int, int]) -> tuple[NDArray[np.int64], dict[str, Complex]]:
    """R vectors about 0, and the Fourier coefficients there of what is exact on a mesh."""
    R_vectors, k = conjugate_meshes(counts)
    result: dict[str, Complex] = {}
    for some in slices(len(k), basis.hamiltonian_R.shape[1], BATCH):
        part = k[some]
        phases = np.exp(-2j * np.pi * R_vectors @ part.T) / len(k)
        for name, X in _orthogonal(basis, part).items():
            sums = (phases @ X.reshape(len(part), -1)).reshape(len(R_vectors), *X.shape[1:])
            result[name] = result[name] + sums if name in result else sums
    return R_vectors, result


def conjugate_meshes(counts: Sequence[int]) -> tuple[NDArray[np.int64], Real]:
    """R vectors (R, 3) about 0, and as many points k (R, 3), reduced, between which Fourier sums are exact: odd counts along
    each direction.
    """
    R_vectors = np.array(list(product(*(range(-(n // 2), n // 2 + 1) for n in counts))))
    return R_vectors, np.array(list(product(*(range(n) for n in counts)))) / counts


def _without_small(
    R_vectors: NDArray[np.int64], matrices: dict[str, Complex], smallest: float
) -> tuple[NDArray[np.int64], dict[str, Complex]]:
    """Without R vectors where nothing is; those are symmetric about 0, as the matrices are Hermitian."""
    sizes = np.max([np.abs(X).reshape(len(R_vectors), -1).max(axis=1) for X in matrices.values()], axis=0)
    kept = (np.maximum(sizes, sizes[::-1]) > smallest) | ~R_vectors.any(axis=1)
    return R_vectors[kept], {name: X[kept] for name, X in matrices.items()}


def _bloch_sums(matrices: Mapping[str, Complex], R_vectors: NDArray[np.int64], k: Real) -> dict[str, Complex]:
    """sum_R exp(2 pi i k.R) O(R): (k, n, n, ...)."""
    phases = np.exp(2j * np.pi * k @ R_vectors.T)
    return {name: (phases @ X.reshape(len(X), -1)).reshape(len(k), *X.shape[1:]) for name, X in matrices.items()}


def _orthogonal(basis: OverlappingBasis, k: Real) -> dict[str, Complex]:
    """H, r and the spin between Loewdin's functions at points k (k, 3): (k, n, n) and (k, n, n, 3)."""
    given: dict[str, Complex] = {"H": basis.hamiltonian_R, "S": basis.overlap_R, "r": basis.position}
    R = basis.R_vectors @ basis.lattice
    given["slope"] = 1j * R[:, None, None, :] * basis.overlap_R[..., None]
    if basis.spin_R is not None:
        given["spin"] = basis.spin_R
    sums = _bloch_sums(given, basis.R_vectors, k)
    C, slope, root = _inverse_root(basis.name, sums["S"], sums["slope"])
    vectors = {name: np.moveaxis(sums[name], -1, 1) for name in ("r", "spin") if name in sums}  # (k, a, n, n)
    position = C[:, None] @ vectors["r"] @ C[:, None] - 1j * slope @ root[:, None]
    found = {"hamiltonian_R": C @ sums["H"] @ C, "position_R": np.moveaxis(position, 1, -1)}
    if "spin" in vectors:
        found["spin_R"] = np.moveaxis(C[:, None] @ vectors["spin"] @ C[:, None], 1, -1)
    return found


def _inverse_root(name: str, S: Complex, slope: Complex) -> tuple[Complex, Complex, Complex]:
    """S^(-1/2) (k, n, n), its derivatives (k, a, n, n) from those of S (k, n, n, a), and S^(1/2). Raises InputError."""
    s, u = np.linalg.eigh(S)
    if s.min() < SMALLEST_OVERLAP:
        raise InputError(
            f"model '{name}': the overlaps have an eigenvalue {s.min():.2g}, expected at least {SMALLEST_OVERLAP:g}: the functions "
            "are linearly dependent, or overlaps of far cells are cut off; take a smaller basis, or a larger supercell"
        )
    root, back = np.sqrt(s), u.conj().swapaxes(1, 2)
    quotient = -1 / (root[:, :, None] * root[:, None] * (root[:, :, None] + root[:, None]))
    between = back[:, None] @ np.moveaxis(slope, -1, 1) @ u[:, None]
    derivative = u[:, None] @ (quotient[:, None] * between) @ back[:, None]
    return (u / root[:, None]) @ back, derivative, (u * root[:, None]) @ back
