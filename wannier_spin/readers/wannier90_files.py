"""Parsers of the files that Wannier90 and pw2wannier90 write, one function per format, each with its own checks.

All of them accept gzipped files. Arrays come back in the order of the files, counted from zero:

    .chk, .chk.fmt   in `checkpoint`; .win and .nnkp in `win`
    .eig             (k, band) eV
    .mmn             `Overlaps`: M (k, b, m, n) = <u_mk|u_n,k+b>, neighbour (k, b), G (k, b, 3)
    .spn             (k, m, n, 3) = <u_mk|sigma|u_nk>, unformatted or formatted
    .sIu, .sHu       (k, b, m, n, 3) = <u_mk|sigma|u_n,k+b>, <u_mk|sigma H(k)|u_n,k+b> (eV), unformatted or formatted
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import FortranRecords, check_finite, counts, is_text, numbers, read_bytes, whole

REAL_DIAGONAL_TOLERANCE = 1e-5  # of the spin matrices; formatted files carry few decimals
SPIN_TOLERANCE = 1e-3  # eigenvalues of the spin matrices may leave [-1, 1] by this much; right files: 1e-7
LARGEST_ENERGY = 1e6  # eV
MISSING_SPN = (
    "set write_spn = .true. in the pw2wannier90 input; spin = 'interleaved' or 'blocks' is for Wannier functions that are spinors "
    "in pairs of up and down (spinors = true in the .win)"
)


@dataclass(frozen=True)
class Overlaps:
    """matrices (k, b, m, n); neighbours (k, b); G (k, b, 3) int: k + b = k[neighbour] + G."""

    matrices: NDArray[np.complex128]
    neighbours: NDArray[np.int64]
    G: NDArray[np.int64]


@dataclass(frozen=True)
class SpinNeighbours:
    """sIu <u_mk|sigma|u_n,k+b> and sHu <u_mk|sigma H(k)|u_n,k+b> (eV), (k, b, m, n, 3), neighbours as in `.mmn`."""

    sIu: NDArray[np.complex128]
    sHu: NDArray[np.complex128]


# --- .eig, .mmn, .spn ------------------------------------------------------------------------------------------


def read_eig(path: Path) -> NDArray[np.float64]:
    """Band energies (k, band) in eV.

    Raises InputError: truncated, lines out of order, NaN.
    """
    values = numbers(read_bytes(path), path)
    if len(values) == 0 or len(values) % 3:
        raise InputError(f"'{path}' is truncated: {len(values)} numbers, expected three on each line")
    table = values.reshape(-1, 3)
    check_finite(table, path, "band energies", ("line",))
    if np.abs(table[:, 2]).max() > LARGEST_ENERGY:
        line = int(np.abs(table[:, 2]).argmax())
        raise InputError(f"'{path}': line {line + 1} has the energy {table[line, 2]:g} eV; the file is damaged, write it again")
    bands, kpoints = whole(table[:, :2], path, "labels of bands and k-points").T
    n_bands, n_k = int(bands.max()), int(kpoints.max())
    if min(n_bands, n_k) < 1 or len(table) != n_bands * n_k:
        raise InputError(
            f"'{path}' is truncated: {len(table)} lines, expected {n_bands} bands x {n_k} k-points = {n_bands * n_k}; "
            "rerun pw2wannier90.x (or copy the file again)"
        )
    expected = np.indices((n_k, n_bands)).reshape(2, -1) + 1
    wrong = np.flatnonzero((bands != expected[1]) | (kpoints != expected[0]))
    if len(wrong):
        line = wrong[0]
        raise InputError(
            f"'{path}': line {line + 1} is of band {bands[line]}, k-point {kpoints[line]}, expected band "
            f"{expected[1][line]}, k-point {expected[0][line]}; sort it by k-point, then band, or write it again"
        )
    return table[:, 2].reshape(n_k, n_bands).copy()


def read_mmn(path: Path) -> Overlaps:
    """Overlaps of neighbouring k-points. Raises InputError: truncated, neighbours out of range, NaN."""
    head, rest = _after_first_line(path)
    n_bands, n_k, n_b = counts(head, path, 3, "numbers of bands, k-points and neighbours")
    values, block = numbers(rest, path), 5 + 2 * n_bands**2
    if len(values) != n_k * n_b * block:
        raise InputError(
            f"'{path}' is truncated or damaged: {len(values) // block} whole blocks of overlaps, expected {n_k} "
            f"k-points x {n_b} neighbours = {n_k * n_b}; rerun pw2wannier90.x (or copy the file again)"
        )
    blocks = values.reshape(n_k, n_b, block)
    check_finite(blocks, path, "overlaps", ("k-point", "neighbour"))
    labels = whole(blocks[:, :, :5], path, "labels of the neighbours")
    _check_neighbours(labels, n_k, path)
    # the file runs over m fastest: M_mn stands at n * n_bands + m
    matrices = np.ascontiguousarray(blocks[:, :, 5:]).view(np.complex128).reshape(n_k, n_b, n_bands, n_bands)
    return Overlaps(matrices.swapaxes(2, 3), labels[:, :, 1] - 1, labels[:, :, 2:])


def _after_first_line(path: Path) -> tuple[bytes, bytes]:
    """The second line, with the sizes, and everything behind it."""
    lines = read_bytes(path).split(b"\n", 2)
    if len(lines) < 3:
        raise InputError(f"'{path}' is truncated: it ends before the sizes on line 2; write it again (or copy it again)")
    return lines[1], lines[2]


def _check_neighbours(labels: NDArray[np.int64], n_k: int, path: Path) -> None:
    wrong = (labels[:, :, 0] != np.arange(1, n_k + 1)[:, None]) | (labels[:, :, 1] < 1) | (labels[:, :, 1] > n_k)
    if wrong.any():
        k, b = np.argwhere(wrong)[0]
        raise InputError(
            f"'{path}': block {b + 1} of k-point {k + 1} is labelled {labels[k, b, :2].tolist()}, expected "
            f"[{k + 1}, a k-point up to {n_k}]; the file is damaged or out of order, rerun pw2wannier90.x"
        )


def read_spn(path: Path) -> NDArray[np.complex128]:
    """Spin matrices (k, m, n, 3) between Bloch states, Pauli matrices; unformatted or formatted.

    Raises InputError: truncated, NaN, a diagonal that is not real, eigenvalues beyond 1.
    """
    packed, n_bands = _read_spn_formatted(path) if is_text(path) else _read_spn_unformatted(path)
    check_finite(packed, path, "spin matrices", ("k-point",))
    m, n = np.tril_indices(n_bands)
    _check_spin_diagonal(packed[:, m == n], path)
    spin = np.zeros((len(packed), n_bands, n_bands, 3), complex)
    spin[:, n, m] = packed  # the file holds <n|sigma|m> for n <= m
    spin[:, m, n] = packed.conj()
    _check_spin_spectrum(spin, path)
    return spin


def _check_spin_diagonal(diagonal: NDArray[np.complex128], path: Path) -> None:
    """Raise InputError unless <n|sigma|n> (k, n, 3), as stored, is real and within [-1, 1]."""
    excess = np.maximum(np.abs(diagonal.imag) - REAL_DIAGONAL_TOLERANCE, np.abs(diagonal.real) - 1 - 1e-3)
    if not excess.max() <= 0:
        k, n, a = np.unravel_index(int(excess.argmax()), excess.shape)
        raise InputError(
            f"'{path}': <n|sigma|n> should be real and within [-1, 1], found {diagonal[k, n, a]:.4g} at k-point {k + 1}, "
            f"band {n + 1}; the file is damaged or does not hold Pauli matrices, rerun pw2wannier90.x"
        )


def _check_spin_spectrum(spin: NDArray[np.complex128], path: Path) -> None:
    """Raise InputError where an eigenvalue of <m|sigma_a|n> leaves [-1, 1]: no set of states can do that."""
    with np.errstate(over="ignore", invalid="ignore"):
        norm = np.nan_to_num(np.linalg.norm(spin, axis=1).max(axis=(1, 2)), nan=np.inf)  # of rows: a bound from below
    worst = norm if not norm.max() < 2 else np.abs(np.linalg.eigvalsh(np.moveaxis(spin, -1, 1))).max(axis=(1, 2))
    if not worst.max() < 1 + SPIN_TOLERANCE:
        k = int(worst.argmax())
        raise InputError(
            f"'{path}': at k-point {k + 1} a spin matrix has an eigenvalue of size {worst[k]:.4g} or more, expected at most 1 for "
            "Pauli matrices between orthonormal states; the file is damaged or of another kind, rerun pw2wannier90.x"
        )


def _read_spn_unformatted(path: Path) -> tuple[NDArray[np.complex128], int]:
    with FortranRecords(path) as records:
        records.skip("header")
        sizes = np.asarray(records.array("i4", "numbers of bands and k-points", 2), float)
        n_bands, n_k = counts(sizes, path, 2, "numbers of bands and k-points")
        pairs = n_bands * (n_bands + 1) // 2
        rows = [records.array("c16", f"spin matrices of k-point {k + 1} of {n_k}", 3 * pairs) for k in range(n_k)]
    return np.array(rows).reshape(n_k, pairs, 3), n_bands


def _read_spn_formatted(path: Path) -> tuple[NDArray[np.complex128], int]:
    head, rest = _after_first_line(path)
    n_bands, n_k = counts(head, path, 2, "numbers of bands and k-points")
    values, size = numbers(rest, path), 3 * n_bands * (n_bands + 1)
    if len(values) != n_k * size:
        raise InputError(
            f"'{path}' is truncated: it ends within the spin matrices of k-point {len(values) // size + 1} of {n_k}; "
            "copy it again, or rerun pw2wannier90.x with write_spn = .true."
        )
    return values.view(np.complex128).reshape(n_k, -1, 3), n_bands


def read_spin_neighbours(path: Path) -> NDArray[np.complex128]:
    """A `.sIu` or `.sHu` file, (k, b, m, n, 3); unformatted or formatted. Raises InputError: truncated, NaN.

    The file runs over n fastest, then m, the component of the spin, the neighbour, the k-point.
    """
    matrices = _read_neighbours_formatted(path) if is_text(path) else _read_neighbours_unformatted(path)
    check_finite(matrices, path, "spin matrices", ("k-point", "neighbour"))
    return np.ascontiguousarray(matrices.transpose(0, 1, 3, 4, 2))


def _read_neighbours_unformatted(path: Path) -> NDArray[np.complex128]:
    with FortranRecords(path) as records:
        records.skip("header")
        what = "numbers of bands, k-points and neighbours"
        n_bands, n_k, n_b = counts(np.asarray(records.array("i4", what, 3), float), path, 3, what)
        matrices = []  # grows with what the file holds, whatever its head promises
        for k, b, _ in np.ndindex(n_k, n_b, 3):
            what = f"spin matrices of k-point {k + 1} of {n_k}, neighbour {b + 1} of {n_b}"
            matrices.append(records.array("c16", what, n_bands**2))
    return np.array(matrices).reshape(n_k, n_b, 3, n_bands, n_bands)


def _read_neighbours_formatted(path: Path) -> NDArray[np.complex128]:
    head, rest = _after_first_line(path)
    n_bands, n_k, n_b = counts(head, path, 3, "numbers of bands, k-points and neighbours")
    values, size = numbers(rest, path), 6 * n_b * n_bands**2
    if len(values) != n_k * size:
        raise InputError(
            f"'{path}' is truncated: it ends within the spin matrices of k-point {len(values) // size + 1} of {n_k}; "
            "copy it again, or rerun pw2wannier90.x"
        )
    return values.view(np.complex128).reshape(n_k, n_b, 3, n_bands, n_bands)
