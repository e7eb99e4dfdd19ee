"""Parsers of the files that Wannier90 and pw2wannier90 write, one function per format, each with its own checks.

All of them accept gzipped files. Arrays come back in the order of the files, counted from zero:

    .chk, .chk.fmt   `Checkpoint`: U = window . u_opt . u as one matrix V (k, band, Wannier)
    .eig             (k, band) eV
    .mmn             `Overlaps`: M (k, b, m, n) = <u_mk|u_n,k+b>, neighbour (k, b), G (k, b, 3)
    .spn             (k, m, n, 3) = <u_mk|sigma|u_nk>, unformatted or formatted
    .sIu, .sHu       (k, b, m, n, 3) = <u_mk|sigma|u_n,k+b>, <u_mk|sigma H(k)|u_n,k+b> (eV), unformatted or formatted
    .win, .nnkp      what the readers need of them: `WinFile`, k-points
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import FortranRecords, check_finite, is_text, numbers, read_bytes

BOHR = 0.529177210903  # angstrom; CODATA 2018
ISOMETRY_TOLERANCE = 1e-6  # of V^+ V - 1
REAL_DIAGONAL_TOLERANCE = 1e-5  # of the spin matrices; formatted files carry few decimals
MISSING_SPN = "set write_spn = .true. in the pw2wannier90 input, or give spin = 'interleaved'"
RERUN_WANNIER90 = "run wannier90.x again (or copy the file again)"


@dataclass(frozen=True)
class Checkpoint:
    """The parts of a checkpoint that matter here.

    lattice (3, 3) rows, angstrom; mesh (3,); kpoints (k, 3) reduced; V (k, band, n), the Wannier states in the
    basis of all bands: |W_nk> = sum_m |u_mk> V_mnk; centres (n, 3) angstrom; formatted: text or binary.
    """

    lattice: NDArray[np.float64]
    mesh: NDArray[np.int64]
    kpoints: NDArray[np.float64]
    V: NDArray[np.complex128]
    centres: NDArray[np.float64]
    formatted: bool

    @property
    def n_k(self) -> int:
        return int(self.V.shape[0])

    @property
    def n_bands(self) -> int:
        """Number of Bloch bands (not of Wannier functions)."""
        return int(self.V.shape[1])

    @property
    def n_wannier(self) -> int:
        return int(self.V.shape[2])


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


# --- .chk -----------------------------------------------------------------------------------------------------


def read_chk(path: Path) -> Checkpoint:
    """Read `.chk` or `.chk.fmt`, told apart by content.

    Raises InputError: truncated, not wannierised, bands or k-points that do not add up, NaN, V^+ V != 1.
    """
    formatted = is_text(path)
    checkpoint = _read_chk_formatted(path) if formatted else _read_chk_unformatted(path)
    check_finite(checkpoint.V, path, "matrices U", ("k-point", "band", "Wannier function"))
    check_finite(checkpoint.centres, path, "Wannier centres", ("Wannier function",))
    gram = np.einsum("kmi,kmj->kij", checkpoint.V.conj(), checkpoint.V, optimize=True)
    error = np.abs(gram - np.eye(checkpoint.n_wannier)).max(axis=(1, 2))
    if error.max() > ISOMETRY_TOLERANCE:
        k = int(error.argmax())
        raise InputError(
            f"'{path}': the Wannier functions are not orthonormal at k-point {k + 1}, |V^+ V - 1| = {error[k]:.1e}; "
            f"the file is damaged, {RERUN_WANNIER90}"
        )
    return checkpoint


def _read_chk_unformatted(path: Path) -> Checkpoint:
    with FortranRecords(path) as records:
        records.skip("header")
        n_bands = _one(records.array("i4", "number of bands"), path, "number of bands")
        n_excluded = _one(records.array("i4", "number of excluded bands"), path, "number of excluded bands")
        records.array("i4", "excluded bands", n_excluded)
        lattice = records.array("f8", "lattice", 9).reshape(3, 3).T
        records.skip("reciprocal lattice")
        n_k = _one(records.array("i4", "number of k-points"), path, "number of k-points")
        mesh = records.array("i4", "k-point mesh", 3)
        kpoints = records.array("f8", "k-points", 3 * n_k).reshape(n_k, 3)
        _one(records.array("i4", "number of neighbours"), path, "number of neighbours")
        n_wannier = _one(records.array("i4", "number of Wannier functions"), path, "number of Wannier functions")
        stage = records.next_record("stage").decode("ascii", "replace").strip()
        _check_stage(stage, path)
        disentangled = bool(_one(records.array("i4", "disentanglement flag"), path, "flag"))
        window, u_opt = None, None
        if disentangled:
            records.skip("Omega_I")
            window = records.array("i4", "window", n_k * n_bands).reshape(n_k, n_bands) != 0
            records.array("i4", "window sizes", n_k)
            u_opt = records.array("c16", "U_opt", n_k * n_wannier * n_bands).reshape(n_k, n_wannier, n_bands)
        u = records.array("c16", "U", n_k * n_wannier**2).reshape(n_k, n_wannier, n_wannier)
        records.skip("M matrices")
        centres = records.array("f8", "Wannier centres", 3 * n_wannier).reshape(n_wannier, 3)
        records.array("f8", "spreads", n_wannier)  # not used; a file without them was cut off
    V = _assemble(u, u_opt, window, n_bands, path)
    return _checkpoint(path, lattice, mesh, kpoints, V, centres, formatted=False)


def _read_chk_formatted(path: Path) -> Checkpoint:
    head, stage, tail = _split_at_stage(path)
    first = _Cursor(head, path)
    n_bands = first.integer("number of bands")
    first.take(first.integer("number of excluded bands"), "excluded bands")
    lattice = first.take(9, "lattice").reshape(3, 3).T
    first.take(9, "reciprocal lattice")
    n_k = first.integer("number of k-points")
    mesh = first.take(3, "k-point mesh")
    kpoints = first.take(3 * n_k, "k-points").reshape(n_k, 3)
    n_neighbours, n_wannier = first.integer("number of neighbours"), first.integer("number of Wannier functions")
    _check_stage(stage, path)
    rest = _Cursor(tail, path)
    window, u_opt = None, None
    if rest.integer("disentanglement flag"):
        rest.take(1, "Omega_I")
        window = rest.take(n_k * n_bands, "window").reshape(n_k, n_bands) != 0
        rest.take(n_k, "window sizes")
        u_opt = rest.complex(n_k * n_wannier * n_bands, "U_opt").reshape(n_k, n_wannier, n_bands)
    u = rest.complex(n_k * n_wannier**2, "U").reshape(n_k, n_wannier, n_wannier)
    rest.take(2 * n_k * n_neighbours * n_wannier**2, "M matrices")
    centres = rest.take(3 * n_wannier, "Wannier centres").reshape(n_wannier, 3)
    rest.take(n_wannier, "spreads")
    V = _assemble(u, u_opt, window, n_bands, path)
    return _checkpoint(path, lattice, mesh, kpoints, V, centres, formatted=True)


def _split_at_stage(path: Path) -> tuple[NDArray[np.float64], str, NDArray[np.float64]]:
    """The numbers before the one word in a formatted checkpoint, the word, the numbers after it."""
    text = read_bytes(path).split(b"\n", 1)[-1]
    word = re.search(rb"^[ \t]*([a-zA-Z]\w*)[ \t]*\r?$", text, re.MULTILINE)
    if word is None:
        raise InputError(
            f"'{path}' is truncated or is no formatted checkpoint: the line 'postwann' is missing; write it again with "
            "w90chk2chk.x -export"
        )
    return numbers(text[: word.start()], path), word[1].decode("ascii"), numbers(text[word.end() :], path)


def _check_stage(stage: str, path: Path) -> None:
    if stage != "postwann":
        raise InputError(
            f"'{path}' was written at stage '{stage}', expected 'postwann'; the wannierisation did not finish, let "
            "wannier90.x run to its end"
        )


def _assemble(
    u: NDArray[np.generic],
    u_opt: NDArray[np.generic] | None,
    window: NDArray[np.bool_] | None,
    n_bands: int,
    path: Path,
) -> NDArray[np.complex128]:
    """V (k, band, n). The files hold u[k, n, i] = U_in; U_opt counts bands from the bottom of the window."""
    U = np.asarray(u, np.complex128).swapaxes(1, 2)
    if u_opt is None or window is None:
        if U.shape[1] != n_bands:
            raise InputError(f"'{path}': {U.shape[1]} Wannier functions from {n_bands} bands without disentanglement")
        return U
    V = np.zeros((len(U), n_bands, U.shape[2]), complex)
    U_opt = np.asarray(u_opt, np.complex128).swapaxes(1, 2)
    for k, inside in enumerate(window):
        V[k, inside] = U_opt[k, : inside.sum()] @ U[k]
    return V


def _checkpoint(
    path: Path,
    lattice: NDArray[np.generic],
    mesh: NDArray[np.generic],
    kpoints: NDArray[np.generic],
    V: NDArray[np.complex128],
    centres: NDArray[np.generic],
    formatted: bool,
) -> Checkpoint:
    sizes, points = np.asarray(mesh).astype(np.int64), np.asarray(kpoints, float)
    check_mesh(points, sizes, path)
    return Checkpoint(np.array(lattice, float), sizes, points, V, np.array(centres, float), formatted)


def check_mesh(kpoints: NDArray[np.float64], mesh: NDArray[np.int64], path: Path) -> None:
    """Raise InputError unless the k-points are the full mesh, each point once, Gamma among them."""
    steps = kpoints * mesh
    cells = {tuple(cell) for cell in (np.rint(steps).astype(int) % mesh).tolist()}
    off = np.abs(steps - np.rint(steps)).max()
    if len(cells) != mesh.prod() or len(kpoints) != mesh.prod() or off > 1e-3:
        raise InputError(
            f"'{path}': {len(kpoints)} k-points, {len(cells)} of them different, expected the full mesh of "
            f"{mesh[0]} x {mesh[1]} x {mesh[2]} = {mesh.prod()} points through Gamma (largest distance from it "
            f"{off:.1e} of a step); use the list of kmesh.pl in the nscf input and in the .win"
        )


def _one(values: NDArray[np.generic], path: Path, what: str) -> int:
    if len(values) != 1 or not 0 <= int(values[0]) < 10**8:
        raise InputError(f"'{path}': the {what} is {values[:4].tolist()}; the file is damaged, {RERUN_WANNIER90}")
    return int(values[0])


class _Cursor:
    """Takes numbers off an array from left to right."""

    def __init__(self, values: NDArray[np.float64], path: Path) -> None:
        self.values, self.path, self.at = values, path, 0

    def take(self, count: int, what: str) -> NDArray[np.float64]:
        part = self.values[self.at : self.at + count]
        if len(part) < count:
            raise InputError(
                f"'{self.path}' is truncated: it ends within the {what} ({len(part)} of {count} numbers); copy it "
                "again, or rerun the program that wrote it"
            )
        self.at += count
        return part

    def complex(self, count: int, what: str) -> NDArray[np.complex128]:
        return self.take(2 * count, what).view(np.complex128)

    def integer(self, what: str) -> int:
        return _one(self.take(1, what), self.path, what)


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
    bands, kpoints = table[:, 0].astype(int), table[:, 1].astype(int)
    n_bands, n_k = int(bands.max()), int(kpoints.max())
    if len(table) != n_bands * n_k:
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
    lines = read_bytes(path).split(b"\n", 2)
    header = numbers(lines[1], path) if len(lines) == 3 else np.zeros(0)
    if len(header) != 3 or (header < 1).any():
        raise InputError(f"'{path}': line 2 should hold the numbers of bands, k-points and neighbours")
    n_bands, n_k, n_b = (int(x) for x in header)
    values, block = numbers(lines[2], path), 5 + 2 * n_bands**2
    if len(values) != n_k * n_b * block:
        raise InputError(
            f"'{path}' is truncated or damaged: {len(values) // block} whole blocks of overlaps, expected {n_k} "
            f"k-points x {n_b} neighbours = {n_k * n_b}; rerun pw2wannier90.x (or copy the file again)"
        )
    blocks = values.reshape(n_k, n_b, block)
    check_finite(blocks, path, "overlaps", ("k-point", "neighbour"))
    labels = blocks[:, :, :5].astype(np.int64)
    _check_neighbours(labels, n_k, path)
    # the file runs over m fastest: M_mn stands at n * n_bands + m
    matrices = np.ascontiguousarray(blocks[:, :, 5:]).view(np.complex128).reshape(n_k, n_b, n_bands, n_bands)
    return Overlaps(matrices.swapaxes(2, 3), labels[:, :, 1] - 1, labels[:, :, 2:])


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

    Raises InputError: truncated, NaN, a diagonal that is not real, values beyond 1.
    """
    packed, n_bands = _read_spn_formatted(path) if is_text(path) else _read_spn_unformatted(path)
    check_finite(packed, path, "spin matrices", ("k-point",))
    m, n = np.tril_indices(n_bands)
    spin = np.zeros((len(packed), n_bands, n_bands, 3), complex)
    spin[:, n, m] = packed  # the file holds <n|sigma|m> for n <= m
    spin[:, m, n] = packed.conj()
    _check_spin_diagonal(packed[:, m == n], path)
    return spin


def _check_spin_diagonal(diagonal: NDArray[np.complex128], path: Path) -> None:
    """Raise InputError unless <n|sigma|n> (k, n, 3), as stored, is real and within [-1, 1]."""
    excess = np.maximum(np.abs(diagonal.imag) - REAL_DIAGONAL_TOLERANCE, np.abs(diagonal.real) - 1 - 1e-3)
    if excess.max() > 0:
        k, n, a = np.unravel_index(int(excess.argmax()), excess.shape)
        raise InputError(
            f"'{path}': <n|sigma|n> should be real and within [-1, 1], found {diagonal[k, n, a]:.4f} at k-point {k + 1}, "
            f"band {n + 1}; the file is damaged or does not hold Pauli matrices, rerun pw2wannier90.x"
        )


def _read_spn_unformatted(path: Path) -> tuple[NDArray[np.complex128], int]:
    with FortranRecords(path) as records:
        records.skip("header")
        n_bands, n_k = (int(x) for x in records.array("i4", "numbers of bands and k-points", 2))
        pairs = n_bands * (n_bands + 1) // 2
        rows = [records.array("c16", f"spin matrices of k-point {k + 1} of {n_k}", 3 * pairs) for k in range(n_k)]
    return np.array(rows).reshape(n_k, pairs, 3), n_bands


def _read_spn_formatted(path: Path) -> tuple[NDArray[np.complex128], int]:
    lines = read_bytes(path).split(b"\n", 2)
    header = numbers(lines[1], path) if len(lines) == 3 else np.zeros(0)
    if len(header) != 2 or (header < 1).any():
        raise InputError(f"'{path}': line 2 should hold the numbers of bands and of k-points; write the file again")
    n_bands, n_k = (int(x) for x in header)
    values, size = numbers(lines[2], path), 3 * n_bands * (n_bands + 1)
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
        n_bands, n_k, n_b = (int(x) for x in records.array("i4", "numbers of bands, k-points and neighbours", 3))
        matrices = np.empty((n_k, n_b, 3, n_bands**2), complex)
        for k, b, c in np.ndindex(n_k, n_b, 3):
            what = f"spin matrices of k-point {k + 1} of {n_k}, neighbour {b + 1} of {n_b}"
            matrices[k, b, c] = records.array("c16", what, n_bands**2)
    return matrices.reshape(n_k, n_b, 3, n_bands, n_bands)


def _read_neighbours_formatted(path: Path) -> NDArray[np.complex128]:
    lines = read_bytes(path).split(b"\n", 2)
    header = numbers(lines[1], path) if len(lines) == 3 else np.zeros(0)
    if len(header) != 3 or (header < 1).any():
        raise InputError(f"'{path}': line 2 should hold the numbers of bands, k-points and neighbours; write the file again")
    n_bands, n_k, n_b = (int(x) for x in header)
    values, size = numbers(lines[2], path), 6 * n_b * n_bands**2
    if len(values) != n_k * size:
        raise InputError(
            f"'{path}' is truncated: it ends within the spin matrices of k-point {len(values) // size + 1} of {n_k}; "
            "copy it again, or rerun pw2wannier90.x"
        )
    return values.view(np.complex128).reshape(n_k, n_b, 3, n_bands, n_bands)


# --- .win, .nnkp -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WinFile:
    """A `.win` file: keywords (lower case, values as written) and blocks (lower case names, lists of lines)."""

    path: Path
    keywords: dict[str, str]
    blocks: dict[str, list[str]]

    def number(self, key: str) -> float | None:
        """A keyword as a number; Fortran's 1.0d0 is understood. Raises InputError if it is none."""
        if key not in self.keywords:
            return None
        text = self.keywords[key]
        try:
            return float(text.lower().replace("d", "e"))
        except ValueError:
            raise InputError(f"'{self.path}': {key} = {text}, expected a number") from None

    def lattice(self) -> NDArray[np.float64]:
        """Lattice vectors (3, 3), rows, angstrom. Raises InputError if the block is missing or incomplete."""
        scale, rows = self._block_with_unit("unit_cell_cart")
        vectors = [self._numbers(row)[:3] for row in rows]
        if len(vectors) != 3 or any(len(v) != 3 for v in vectors):
            raise InputError(f"'{self.path}': unit_cell_cart should hold three lines of three numbers")
        return scale * np.array(vectors)

    def atoms(self) -> tuple[list[str], NDArray[np.float64]]:
        """Labels as written and reduced positions (i, 3). Raises InputError if there is no such block."""
        frac = "atoms_frac" in self.blocks
        scale, rows = self._block_with_unit("atoms_frac" if frac else "atoms_cart")
        labels = [row.split()[0] for row in rows]
        positions = np.array([self._numbers(row.split(maxsplit=1)[-1])[:3] for row in rows])
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise InputError(f"'{self.path}': each line of the atoms block should hold a label and three numbers")
        return labels, positions if frac else scale * positions @ np.linalg.inv(self.lattice())

    def kpoints(self) -> NDArray[np.float64] | None:
        """The k-points block, (k, 3); None if there is none."""
        if "kpoints" not in self.blocks:
            return None
        return np.array([self._numbers(row)[:3] for row in self.blocks["kpoints"]]).reshape(-1, 3)

    def _block_with_unit(self, name: str) -> tuple[float, list[str]]:
        rows = list(self.blocks.get(name, []))
        if not rows:
            raise InputError(f"'{self.path}': the block '{name}' is missing; give the structure in another file")
        unit = rows[0].strip().lower()
        if unit.startswith("bohr"):
            return BOHR, rows[1:]
        return 1.0, rows[1:] if unit.startswith("ang") else rows

    def _numbers(self, row: str) -> list[float]:
        try:
            return [float(word.lower().replace("d", "e")) for word in row.split()]
        except ValueError:
            raise InputError(f"'{self.path}': '{row.strip()}' should hold numbers") from None


def read_win(path: Path) -> WinFile:
    """Read a `.win` file. Comments (! or #) and letter case do not matter."""
    keywords: dict[str, str] = {}
    blocks: dict[str, list[str]] = {}
    inside: list[str] | None = None
    for raw in read_bytes(path).decode("utf-8", "replace").splitlines():
        line = re.split(r"[!#]", raw)[0].strip()
        lower = line.lower()
        if lower.startswith("begin "):
            inside = blocks.setdefault(lower.split()[1], [])
        elif lower.startswith("end "):
            inside = None
        elif inside is not None and line:
            inside.append(line)
        elif line:
            key, value = (re.split(r"\s*[=:]\s*|\s+", line, maxsplit=1) + [""])[:2]
            keywords[key.lower()] = value.strip()
    return WinFile(path, keywords, blocks)


def read_nnkp_kpoints(path: Path) -> NDArray[np.float64]:
    """k-points of a `.nnkp` file, (k, 3). Raises InputError if the block is missing or short."""
    block = re.search(rb"begin\s+kpoints\s+(\d+)(.*?)end\s+kpoints", read_bytes(path), re.DOTALL)
    if block is None:
        raise InputError(f"'{path}' has no whole block of k-points; write it again with wannier90.x -pp")
    values = numbers(block[2], path)
    if len(values) != 3 * int(block[1]):
        raise InputError(f"'{path}': {len(values)} numbers in its k-points, expected 3 x {int(block[1])}")
    return values.reshape(-1, 3)


def check_sizes(chk: Path, checkpoint: Checkpoint, path: Path, n_bands: int, n_k: int) -> None:
    """Raise InputError unless a file has as many bands and k-points as the checkpoint."""
    if (n_bands, n_k) != (checkpoint.n_bands, checkpoint.n_k):
        raise InputError(
            f"'{path}' has {n_bands} bands and {n_k} k-points, '{chk}' has {checkpoint.n_bands} and {checkpoint.n_k}; "
            "the files are of different runs (check exclude_bands), write them again together"
        )
