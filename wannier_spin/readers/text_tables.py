"""`_tb.dat`, `_hr.dat`, `_r.dat`, `_wsvec.dat`: what the R-space files of Wannier90, and of others in its format, hold."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import home, with_centres
from wannier_spin.readers.files import check_finite, counts, numbers, read_bytes, whole

LARGEST = 1e6  # eV or angstrom: no element is larger
LARGEST_SPARSE = 2 * 10**7  # elements, 320 MB
SMALLEST_CELL = 1e-3  # angstrom^3


@dataclass(frozen=True)
class RawTable:
    """What a file holds: degeneracies (R,), H (R, n, n), position and spin (R, n, n, 3) not yet divided by them.

    head : its first line, which Wannier90 writes itself.
    """

    lattice: NDArray[np.float64]
    R_vectors: NDArray[np.int64]
    degeneracies: NDArray[np.int64]
    hamiltonian: NDArray[np.complex128]
    position: NDArray[np.complex128] | None = None
    spin: NDArray[np.complex128] | None = None
    head: str = ""

    def divided(self) -> dict[str, NDArray[np.complex128]]:
        """The matrices (R, n, n, ...) that are there, by name, divided by the degeneracies."""
        parts = {"hamiltonian": self.hamiltonian, "position": self.position, "spin": self.spin}
        return {
            key: part / self.degeneracies.reshape(-1, *[1] * (part.ndim - 1)) for key, part in parts.items() if part is not None
        }


def read_tb_table(path: Path) -> RawTable:
    """Parse `_tb.dat`. Raises InputError: truncated, indices out of order, NaN."""
    head, _, text = read_bytes(path).partition(b"\n")
    values = numbers(text, path)
    if len(values) < 11:
        raise InputError(f"'{path}' is truncated: it ends within its header")
    n, n_R = counts(values[9:11], path, 2, "numbers of Wannier functions and R vectors")
    size_H, size_r = n_R * (3 + 4 * n * n), n_R * (3 + 8 * n * n)
    rest = values[11 + n_R :]
    if len(rest) != size_H + size_r:
        raise InputError(
            f"'{path}' is truncated or damaged: {len(rest)} numbers after the header, expected {size_H + size_r} for "
            f"{n} Wannier functions and {n_R} R vectors; run wannier90.x again (or copy the file again)"
        )
    H, r = rest[:size_H].reshape(n_R, -1), rest[size_H:].reshape(n_R, -1)
    if not (H[:, :3] == r[:, :3]).all():
        raise InputError(f"'{path}': the R vectors of the position differ from those of the Hamiltonian")
    H_rows, r_rows = H[:, 3:].reshape(n_R, n * n, 4), r[:, 3:].reshape(n_R, n * n, 8)
    _check_indices(H_rows[:, :, :2], n, path)
    _check_indices(r_rows[:, :, :2], n, path)
    table = RawTable(
        values[:9].reshape(3, 3),
        whole(H[:, :3], path, "R vectors"),
        whole(values[11 : 11 + n_R], path, "degeneracies"),
        _elements(H_rows[:, :, 2:], n)[..., 0],
        _elements(r_rows[:, :, 2:], n),
        head=head[:80].decode("ascii", "replace").strip(),
    )
    return checked(table, path)


def read_hr_table(path: Path, lattice: NDArray[np.float64]) -> RawTable:
    """Parse `_hr.dat`. The indices stand on every line, so that lines may come in any order; comments (! #) are left out.

    lattice : (3, 3), rows, angstrom; the file has none.

    Some programs write fewer degeneracies than R vectors, or more, all of them 1. Models made by hand often list only what is
    not zero; so does WannierTools' sparse form, which begins with the number of lines and has no degeneracies.
    Raises InputError: truncated, an element missing or twice, NaN.
    """
    head, text = _without_comments(path)
    values = numbers(text, path)
    if len(values) < 2:
        raise InputError(f"'{path}' is truncated: it ends within its header")
    if len(values) > 3 and len(values) == 3 + 7 * values[0]:
        _, n, n_R = counts(values[:3], path, 3, "numbers of lines, Wannier functions and R vectors")
        return _filled_up(_ListedRows(values[3:].reshape(-1, 7), n, n_R, head), lattice, path)
    n, n_R = counts(values[:2], path, 2, "numbers of Wannier functions and R vectors")
    size = n_R * n * n * 7
    given = values[2 : max(2, len(values) - size)]
    if len(values) - 2 < size or (len(given) != n_R and not (given == 1).all()):
        if (by_hand := _made_by_hand(values, n, n_R, head)) is not None:
            return _filled_up(by_hand, lattice, path)
        own = "run wannier90.x again (or copy the file again)"
        others = "another program must list every element of every R vector, or with each its Hermitian partner"
        raise InputError(
            f"'{path}' is truncated or damaged: {max(0, len(values) - 2 - n_R) // 7} lines of matrix elements, expected {n_R} R "
            f"vectors x {n}^2 = {size // 7}; {own if head.startswith('written on') else others}"
        )
    R_vectors, rows = _in_order(values[len(values) - size :].reshape(-1, 7), n, n_R, path)
    if len(R_vectors) != n_R and not (given == 1).all():
        raise InputError(f"'{path}' lists R vectors twice with degeneracies that are not 1: it is not known which belongs where")
    degeneracies = whole(given, path, "degeneracies") if len(given) == len(R_vectors) else np.ones(len(R_vectors), np.int64)
    H = _elements(rows[:, :, 5:], n)[..., 0]
    return checked(RawTable(lattice, R_vectors, degeneracies, H, head=head), path)


@dataclass(frozen=True)
class _ListedRows:
    """Lines R, row, column, Re H, Im H (x, 7) of a file of n functions and n_R R vectors that leaves out zeros."""

    values: NDArray[np.float64]
    n: int
    n_R: int
    head: str


def _made_by_hand(values: NDArray[np.float64], n: int, n_R: int, head: str) -> _ListedRows | None:
    """The lines of a file with too few of them, if it is no damaged one: not from Wannier90, all R vectors there, and each line
    with its Hermitian partner, which the last lines of a truncated file lack.
    """
    given, rest = values[2 : 2 + n_R], values[2 + n_R :]
    if head.startswith("written on") or len(given) < n_R or not (given == 1).all() or len(rest) % 7 or not len(rest):
        return None
    rows = rest.reshape(-1, 7)
    partners = rows * [-1, -1, -1, 1, 1, 1, -1] + 0.0
    partners[:, [3, 4]] = rows[:, [4, 3]]
    known = {tuple(row) for row in (rows + 0.0).round(6).tolist()}
    paired = all(tuple(row) in known for row in partners.round(6).tolist() if any(row[5:]))
    return _ListedRows(rows, n, n_R, head) if paired and len(np.unique(rows[:, :3], axis=0)) == n_R else None


def _filled_up(rows: _ListedRows, lattice: NDArray[np.float64], path: Path) -> RawTable:
    """The whole table. Raises InputError: an element twice, or outside."""
    labels, n = whole(rows.values[:, :5], path, "R vectors and indices of the elements"), rows.n
    vectors, index = np.unique(labels[:, :3], axis=0, return_inverse=True)
    inside = ((labels[:, 3:] >= 1) & (labels[:, 3:] <= n)).all()
    if len(vectors) > rows.n_R or not inside or len(np.unique(labels, axis=0)) != len(labels):
        raise InputError(
            f"'{path}' is damaged: its {len(labels)} lines have {len(vectors)} different R vectors and elements up to "
            f"{labels[:, 3:].max()}, expected {rows.n_R} and {n}, none of them twice"
        )
    if len(vectors) * n * n > LARGEST_SPARSE:
        raise InputError(f"'{path}' has {n} functions and {len(vectors)} R vectors in sparse form: too many to be filled up")
    H = np.zeros((len(vectors), n, n), complex)
    H[index.ravel(), labels[:, 3] - 1, labels[:, 4] - 1] = rows.values[:, 5] + 1j * rows.values[:, 6]
    return checked(RawTable(lattice, vectors, np.ones(len(vectors), np.int64), H, head=rows.head), path)


def _without_comments(path: Path) -> tuple[str, bytes]:
    """The first line, and the text from the line with the number of functions on."""
    head, _, text = read_bytes(path).partition(b"\n")
    if b"!" in text[:4000] or b"#" in text[:4000]:
        text = re.sub(rb"[!#][^\n]*", b"", text)
    first = re.search(rb"^[ \t]*\d+[ \t]*\r?$", text, re.MULTILINE)
    return head[:80].decode("ascii", "replace").strip(), text[first.start() :] if first else text


def _in_order(rows: NDArray[np.float64], n: int, n_R: int, path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """R vectors (R, 3) as they first appear, and the rows (R, n * n, 7), first index fastest."""
    labels = whole(rows[:, :5], path, "R vectors and indices of the elements")
    vectors, first, index = np.unique(labels[:, :3], axis=0, return_index=True, return_inverse=True)
    appearance = np.argsort(first)
    place = np.empty(len(first), np.int64)
    place[appearance] = np.arange(len(first))
    ij = labels[:, 3:] - 1
    inside = ((ij >= 0) & (ij < n)).all(axis=1)
    at = place[index.ravel()] * n * n + ij[:, 1] * n + ij[:, 0]
    if len(vectors) != n_R or not inside.all() or len(np.unique(at)) != len(at):
        left = _without_empty_repetitions(rows)
        if len(left) < len(rows):
            return _in_order(left, n, len(left) // (n * n), path)
        raise InputError(
            f"'{path}' is damaged: its lines have {len(vectors)} different R vectors (expected {n_R}), and not every element from "
            f"[1, 1] to [{n}, {n}] once for each; run wannier90.x again (or copy the file again)"
        )
    ordered = np.empty_like(rows)
    ordered[at] = rows
    return vectors[appearance], ordered.reshape(n_R, n * n, 7)


def _without_empty_repetitions(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (x, 7) less those of zeros whose element has another row: some writers fill up their list with R = (0, 0, 0)."""
    empty = (rows[:, 5:] == 0).all(axis=1)
    filled_first = np.argsort(empty, kind="stable")
    kept = filled_first[np.unique(rows[filled_first, :5], axis=0, return_index=True)[1]]
    return rows[np.sort(np.union1d(kept, np.flatnonzero(~empty)))]


def with_position(table: RawTable, path: Path) -> RawTable:
    """Add the position of `_r.dat`, whose header has the number of R vectors or (older) has not."""
    values = numbers(read_bytes(path).split(b"\n", 1)[-1], path)
    n_R, n = len(table.R_vectors), table.hamiltonian.shape[-1]
    size = n_R * n * n * 11
    head = len(values) - size
    if head in (1, 2) and values[0] != n:
        raise InputError(f"'{path}' begins with {values[0]:g}, expected {n}, the number of Wannier functions of _hr.dat")
    if head not in (1, 2):
        raise InputError(
            f"'{path}' is truncated or of another run: {len(values) // 11} lines, expected {size // 11} for {n} "
            f"Wannier functions and the {n_R} R vectors of _hr.dat; run wannier90.x again"
        )
    rows = values[head:].reshape(n_R, n * n, 11)
    _check_indices(rows[:, :, 3:5], n, path)
    if not (rows[:, 0, :3] == table.R_vectors).all():
        raise InputError(f"'{path}': its R vectors differ from those of _hr.dat; both must come from one run")
    position = _elements(rows[:, :, 5:], n)
    return checked(dataclasses.replace(table, position=position), path)


def with_diagonal_position(table: RawTable, centres: NDArray[np.float64]) -> RawTable:
    """Add a position that is diagonal: the centres (n, 3), angstrom."""
    nothing, times = np.zeros((*table.hamiltonian.shape, 3), complex), table.degeneracies[home(table.R_vectors)]
    return dataclasses.replace(table, position=with_centres(nothing, table.R_vectors, centres * times))


def _elements(columns: NDArray[np.float64], n: int) -> NDArray[np.complex128]:
    """(R, n * n, 2 c) with the first index fastest -> (R, n, m, c)."""
    values = np.ascontiguousarray(columns).view(np.complex128)
    return values.reshape(len(values), n, n, -1).swapaxes(1, 2)


def _check_indices(labels: NDArray[np.float64], n: int, path: Path) -> None:
    second, first = np.divmod(np.arange(n * n), n)
    wrong = ~(labels == np.stack([first, second], axis=1) + 1).all(axis=2)
    if wrong.any():
        R, line = np.argwhere(wrong)[0]
        raise InputError(
            f"'{path}': line {line + 1} of block {R + 1} is of element [{labels[R, line, 0]:g}, {labels[R, line, 1]:g}], "
            f"expected {[int(first[line]) + 1, int(second[line]) + 1]}; the file is damaged, run wannier90.x again"
        )


def checked(table: RawTable, path: Path) -> RawTable:
    """The table; raises InputError for NaN, absurd numbers, no cell, no R = 0, an R vector twice, a degeneracy below 1."""
    check_finite(table.lattice, path, "lattice", ("vector",))
    for what, values in (("Hamiltonian", table.hamiltonian), ("position", table.position)):
        if values is None:
            continue
        check_finite(values, path, what, ("R vector", "row", "column"))
        if np.abs(values).max() > LARGEST:
            where = table.R_vectors[int(np.abs(values).reshape(len(values), -1).max(axis=1).argmax())].tolist()
            raise InputError(
                f"'{path}': the {what} has an element of {np.abs(values).max():.3g} at R = {where}; the file is damaged"
            )
    with np.errstate(over="ignore", invalid="ignore"):
        volume = abs(np.linalg.det(table.lattice))
    if not SMALLEST_CELL < volume < np.inf or np.abs(table.lattice).max() > LARGEST:
        raise InputError(f"'{path}': its lattice vectors span a volume of {volume:.3g} angstrom^3; they are no cell")
    if (table.degeneracies < 1).any():
        raise InputError(f"'{path}': a degeneracy of an R vector is below 1; the file is damaged")
    if len(np.unique(table.R_vectors, axis=0)) != len(table.R_vectors) or not (table.R_vectors == 0).all(axis=1).any():
        raise InputError(f"'{path}': an R vector occurs twice, or R = (0, 0, 0) is missing; the file is damaged")
    return table


def read_wsvec(path: Path, table: RawTable) -> tuple[NDArray[np.int64], ...]:
    """Parse `_wsvec.dat`: source R (index), target R (x, 3), row, column, number of replicas; one entry per replica.

    Raises InputError: truncated, or R vectors and elements that the table does not have.
    """
    values = whole(numbers(read_bytes(path).split(b"\n", 1)[-1], path), path, "numbers").tolist()
    index = {tuple(R): i for i, R in enumerate(table.R_vectors.tolist())}
    size = table.hamiltonian.shape[-1]
    entries: list[tuple[int, ...]] = []  # source, target, row, column, share
    at = blocks = 0
    while at + 6 <= len(values):
        x, y, z, n, m, count = values[at : at + 6]
        if (x, y, z) not in index:
            raise InputError(f"'{path}': R = {(x, y, z)} is not in _tb.dat; both must come from one run")
        if not (1 <= n <= size and 1 <= m <= size and count >= 1):
            raise InputError(
                f"'{path}': the block of R = {(x, y, z)} is of element [{n}, {m}] with {count} replicas, expected [1, 1] to "
                f"[{size}, {size}] with at least one; the file is damaged or of another run, run wannier90.x again"
            )
        if at + 6 + 3 * count > len(values):
            break
        at, blocks = at + 6, blocks + 1
        for i in range(at, at + 3 * count, 3):
            entries.append((index[x, y, z], x + values[i], y + values[i + 1], z + values[i + 2], n - 1, m - 1, count))
        at += 3 * count
    expected = table.hamiltonian.size
    if blocks != expected or at != len(values):
        raise InputError(
            f"'{path}' is truncated or of another run: {blocks} whole blocks, expected {expected}; run wannier90.x again"
        )
    columns = np.array(entries, np.int64)
    if len(np.unique(columns[:, [0, 4, 5]], axis=0)) != expected:
        raise InputError(f"'{path}': an element occurs twice and another is missing; the file is damaged, run wannier90.x again")
    return columns[:, 0], columns[:, 1:4], columns[:, 4], columns[:, 5], columns[:, 6]
