"""Models from `_tb.dat` (+ `_wsvec.dat`) and from `_hr.dat` (+ `_r.dat`), the R-space output of Wannier90.

Both hold O_nm(R) on the Wigner-Seitz cell of the mesh, to be divided by the degeneracy of R. On top of that comes the
choice of replicas (`wigner_seitz`), as a keyword `ws_distance`:

    "auto"   by distance with our tolerance if the mesh can be inferred from the R vectors, else as in the file
    "file"   as `_wsvec.dat` says (Wannier90's own choice, with its ws_distance_tol of 1e-5 angstrom)
    "none"   the plain sum
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers.checkpoint import read_chk
from wannier_spin.readers.consistency import check_sizes
from wannier_spin.readers.files import check_finite, find_file, numbers, read_bytes, require_file, sha256
from wannier_spin.readers.quality import examined
from wannier_spin.readers.wannier90_files import MISSING_SPN, read_spn
from wannier_spin.readers.wigner_seitz import distribute, fold
from wannier_spin.readers.win import read_win

Spin = Literal["interleaved", "blocks", "files"]
WSDistance = Literal["auto", "file", "none"]
Parts = dict[str, NDArray[np.complex128]]
WS_DISTANCE_TOLERANCE = 1e-2  # angstrom

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
"""sigma_a, shape (a, 2, 2)."""


@dataclass(frozen=True)
class RawTable:
    """What a file holds: degeneracies (R,), H (R, n, n), position and spin (R, n, n, 3) not yet divided by them."""

    lattice: NDArray[np.float64]
    R_vectors: NDArray[np.int64]
    degeneracies: NDArray[np.int64]
    hamiltonian: NDArray[np.complex128]
    position: NDArray[np.complex128] | None = None
    spin: NDArray[np.complex128] | None = None

    def divided(self) -> dict[str, NDArray[np.complex128]]:
        """The matrices that are there, by name, divided by the degeneracies."""
        parts = {"hamiltonian": self.hamiltonian, "position": self.position, "spin": self.spin}
        return {
            key: part / self.degeneracies.reshape(-1, *[1] * (part.ndim - 1)) for key, part in parts.items() if part is not None
        }


def read_tb(
    path: str | Path,
    *,
    spin: Spin | None = None,
    ws_distance: WSDistance = "auto",
    ws_distance_tolerance: float = WS_DISTANCE_TOLERANCE,
    name: str | None = None,
) -> TightBindingModel:
    """Model from `seed_tb.dat` (or `.gz`; the suffix may be left out).

    spin: None, charge only; "interleaved" (up and down alternate, Wannier90 3.1) or "blocks" (all up, then all down),
    both the approximation that Wannier functions are pure spinors; "files", matrices from `.spn` and `.chk` beside it.
    ws_distance: which replicas, see the module; ws_distance_tolerance in angstrom.
    Raises InputError: missing or truncated files, NaN, an odd number of functions with pure spinors.
    """
    path, seed = _resolve(path, "_tb.dat", "set write_tb = .true. in the .win and run wannier90.x again")
    return _model(read_tb_table(path), [path], seed, spin, ws_distance, ws_distance_tolerance, name)


def read_hr(
    path: str | Path,
    *,
    spin: Spin | None = None,
    ws_distance: WSDistance = "auto",
    ws_distance_tolerance: float = WS_DISTANCE_TOLERANCE,
    name: str | None = None,
) -> TightBindingModel:
    """Model from `seed_hr.dat`, `seed_r.dat` if there is one, and the lattice in `seed.win`; else like `read_tb`.

    Without `_r.dat` the position operator is diagonal, with the centres of `_centres.xyz` or `.wout` (InputError
    without either): Berry connections between orbitals are then left out.
    """
    path, seed = _resolve(path, "_hr.dat", "set write_hr = .true. in the .win and run wannier90.x again")
    win = require_file(seed, ".win", advice=f"'{path.name}' has no lattice vectors, put the .win beside it")
    table = read_hr_table(path, read_win(win).lattice())
    files = [path, win]
    if (r_path := find_file(seed, "_r.dat")) is not None:
        table = _with_position(table, r_path)
    else:
        r_path = require_file(seed, "_centres.xyz", ".wout", advice="the Wannier centres are needed: write_rmn = .true.")
        table = _with_centres(table, r_path)
    files.append(r_path)
    return _model(table, files, seed, spin, ws_distance, ws_distance_tolerance, name)


def _resolve(path: str | Path, suffix: str, advice: str) -> tuple[Path, Path]:
    """The file and its seed, from a path with or without suffix and .gz."""
    path = Path(path)
    base = path.name.removesuffix(".gz")
    for other in ("_tb.dat", "_hr.dat"):
        if other != suffix and base.endswith(other):
            raise InputError(f"'{path}' is named like an {other} file: read it with read{other[:3]}, or with open_model")
    seed = path.with_name(base.removesuffix(suffix))
    if path.is_file():
        return path, seed
    return require_file(seed, suffix, advice=advice), seed


# --- parsing ----------------------------------------------------------------------------------------------------


def read_tb_table(path: Path) -> RawTable:
    """Parse `_tb.dat`. Raises InputError: truncated, indices out of order, NaN."""
    values = numbers(read_bytes(path).split(b"\n", 1)[-1], path)
    if len(values) < 11:
        raise InputError(f"'{path}' is truncated: it ends within its header")
    lattice, n, n_R = values[:9].reshape(3, 3), int(values[9]), int(values[10])
    size_H, size_r = n_R * (3 + 4 * n * n), n_R * (3 + 8 * n * n)
    rest = values[11 + n_R :]
    if len(rest) != size_H + size_r:
        raise InputError(
            f"'{path}' is truncated or damaged: {len(rest)} numbers after the header, expected {size_H + size_r} for "
            f"{n} Wannier functions and {n_R} R vectors; run wannier90.x again (or copy the file again)"
        )
    H, r = rest[:size_H].reshape(n_R, -1), rest[size_H:].reshape(n_R, -1)
    if (H[:, :3] != r[:, :3]).any():
        raise InputError(f"'{path}': the R vectors of the position differ from those of the Hamiltonian")
    H_rows, r_rows = H[:, 3:].reshape(n_R, n * n, 4), r[:, 3:].reshape(n_R, n * n, 8)
    _check_indices(H_rows[:, :, :2], n, path)
    _check_indices(r_rows[:, :, :2], n, path)
    table = RawTable(
        lattice,
        H[:, :3].astype(np.int64),
        values[11 : 11 + n_R].astype(np.int64),
        _elements(H_rows[:, :, 2:], n)[..., 0],
        _elements(r_rows[:, :, 2:], n),
    )
    return _checked(table, path)


def read_hr_table(path: Path, lattice: NDArray[np.float64]) -> RawTable:
    """Parse `_hr.dat`. Raises InputError: truncated, indices out of order, NaN."""
    values = numbers(read_bytes(path).split(b"\n", 1)[-1], path)
    if len(values) < 2:
        raise InputError(f"'{path}' is truncated: it ends within its header")
    n, n_R = int(values[0]), int(values[1])
    rest, size = values[2 + n_R :], n_R * n * n * 7
    if len(rest) != size:
        raise InputError(
            f"'{path}' is truncated or damaged: {len(rest) // 7} lines of matrix elements, expected {n_R} R vectors x "
            f"{n}^2 = {size // 7}; run wannier90.x again (or copy the file again)"
        )
    rows = rest.reshape(n_R, n * n, 7)
    _check_indices(rows[:, :, 3:5], n, path)
    table = RawTable(
        lattice,
        rows[:, 0, :3].astype(np.int64),
        values[2 : 2 + n_R].astype(np.int64),
        _elements(rows[:, :, 5:], n)[..., 0],
    )
    return _checked(table, path)


def _with_position(table: RawTable, path: Path) -> RawTable:
    """Add the position of `_r.dat`, whose header has the number of R vectors or (older) has not."""
    values = numbers(read_bytes(path).split(b"\n", 1)[-1], path)
    n_R, n = len(table.R_vectors), table.hamiltonian.shape[-1]
    size = n_R * n * n * 11
    head = len(values) - size
    if head not in (1, 2) or int(values[0]) != n:
        raise InputError(
            f"'{path}' is truncated or of another run: {len(values) // 11} lines, expected {size // 11} for {n} "
            f"Wannier functions and the {n_R} R vectors of _hr.dat; run wannier90.x again"
        )
    rows = values[head:].reshape(n_R, n * n, 11)
    _check_indices(rows[:, :, 3:5], n, path)
    if (rows[:, 0, :3] != table.R_vectors).any():
        raise InputError(f"'{path}': its R vectors differ from those of _hr.dat; both must come from one run")
    position = _elements(rows[:, :, 5:], n)
    return _checked(dataclasses.replace(table, position=position), path)


def _with_centres(table: RawTable, path: Path) -> RawTable:
    """Add a position that is diagonal: the centres listed in `_centres.xyz` or in the final state of `.wout`."""
    text = read_bytes(path).decode("utf-8", "replace")
    number = r"\s*(-?\d+\.\d+)\s*,?"
    label = r"^X\s" if path.name.removesuffix(".gz").endswith(".xyz") else r"WF centre and spread\s+\d+\s+\("
    found = re.findall(label + 3 * number, text.rpartition("Final State")[2], re.MULTILINE)
    n = table.hamiltonian.shape[-1]
    if len(found) != n:
        raise InputError(f"'{path}' lists {len(found)} Wannier centres at its end, expected {n}; run wannier90.x again")
    position = np.zeros((*table.hamiltonian.shape, 3), complex)
    origin, diagonal = (table.R_vectors == 0).all(axis=1).argmax(), np.arange(n)
    position[origin, diagonal, diagonal] = np.array(found, float)
    return dataclasses.replace(table, position=position)


def _elements(columns: NDArray[np.float64], n: int) -> NDArray[np.complex128]:
    """(R, n * n, 2 c) with the first index fastest -> (R, n, m, c)."""
    values = np.ascontiguousarray(columns).view(np.complex128)
    return values.reshape(len(values), n, n, -1).swapaxes(1, 2)


def _check_indices(labels: NDArray[np.float64], n: int, path: Path) -> None:
    second, first = np.divmod(np.arange(n * n), n)
    wrong = (labels != np.stack([first, second], axis=1) + 1).any(axis=2)
    if wrong.any():
        R, line = np.argwhere(wrong)[0]
        raise InputError(
            f"'{path}': line {line + 1} of block {R + 1} is of element {labels[R, line].astype(int).tolist()}, "
            f"expected {[int(first[line]) + 1, int(second[line]) + 1]}; the file is damaged, run wannier90.x again"
        )


def _checked(table: RawTable, path: Path) -> RawTable:
    check_finite(table.lattice, path, "lattice", ("vector",))
    check_finite(table.hamiltonian, path, "Hamiltonian", ("R vector", "row", "column"))
    if table.position is not None:
        check_finite(table.position, path, "position", ("R vector", "row", "column"))
    if (table.degeneracies < 1).any():
        raise InputError(f"'{path}': a degeneracy of an R vector is below 1; the file is damaged")
    return table


# --- replicas ---------------------------------------------------------------------------------------------------


def infer_mesh(R_vectors: NDArray[np.int64], degeneracies: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The mesh whose Wigner-Seitz cell these R vectors are; None if there is none.

    The degeneracies tell: summed over the R of one class modulo the mesh, 1 / degeneracy gives 1.
    """
    weights = 1.0 / degeneracies
    points = int(round(weights.sum()))
    largest = np.ptp(R_vectors, axis=0) + 1
    for first in range(1, min(points, int(largest[0])) + 1):
        for second in range(1, min(points // first, int(largest[1])) + 1):
            mesh = np.array([first, second, points // (first * second)])
            if points % (first * second) or mesh[2] > largest[2]:
                continue
            classes = np.ravel_multi_index(tuple((R_vectors % mesh).T), tuple(mesh))
            if np.allclose(np.bincount(classes, weights, points), 1.0, atol=1e-6):
                return mesh
    return None


def _by_distance(table: RawTable, mesh: NDArray[np.int64], tolerance: float) -> tuple[NDArray[np.int64], Parts]:
    """Fold the table to the mesh, then give each element to its nearest replicas."""
    folded = fold(table.divided(), table.R_vectors, mesh)
    return distribute(folded, mesh, table.lattice, table_centres(table), tolerance)


def table_centres(table: RawTable) -> NDArray[np.float64]:
    """Wannier centres (n, 3), the diagonal of the position at R = 0; zeros without a position."""
    if table.position is None:
        return np.zeros((table.hamiltonian.shape[-1], 3))
    origin = (table.R_vectors == 0).all(axis=1).argmax()
    return np.array(np.einsum("nna->na", table.position[origin]).real, float)


def _by_file(table: RawTable, path: Path) -> tuple[NDArray[np.int64], Parts]:
    """Give each element to the replicas that `_wsvec.dat` lists."""
    source, target, rows, columns, counts = read_wsvec(path, table)
    R_vectors, index = np.unique(target, axis=0, return_inverse=True)
    out = {}
    for key, part in table.divided().items():
        out[key] = np.zeros((len(R_vectors), *part.shape[1:]), complex)
        shares = part[source, rows, columns] / counts.reshape(-1, *[1] * (part.ndim - 3))
        np.add.at(out[key], (index.ravel(), rows, columns), shares)
    return R_vectors, out


def read_wsvec(path: Path, table: RawTable) -> tuple[NDArray[np.int64], ...]:
    """Parse `_wsvec.dat`: source R (index), target R (x, 3), row, column, number of replicas; one entry per replica.

    Raises InputError: truncated, or R vectors that the table does not have.
    """
    values = numbers(read_bytes(path).split(b"\n", 1)[-1], path).astype(np.int64).tolist()
    index = {tuple(R): i for i, R in enumerate(table.R_vectors.tolist())}
    source: list[int] = []
    target: list[tuple[int, int, int]] = []
    rows: list[int] = []
    columns: list[int] = []
    shares: list[int] = []
    at = blocks = 0
    while at < len(values):
        if at + 6 > len(values) or at + 6 + 3 * values[at + 5] > len(values):
            break
        x, y, z, n, m, count = values[at : at + 6]
        if (x, y, z) not in index:
            raise InputError(f"'{path}': R = {(x, y, z)} is not in _tb.dat; both must come from one run")
        at, blocks = at + 6, blocks + 1
        for i in range(at, at + 3 * count, 3):
            target.append((x + values[i], y + values[i + 1], z + values[i + 2]))
        source += [index[x, y, z]] * count
        rows += [n - 1] * count
        columns += [m - 1] * count
        shares += [count] * count
        at += 3 * count
    expected = table.hamiltonian.size
    if blocks != expected or at != len(values):
        raise InputError(
            f"'{path}' is truncated or of another run: {blocks} whole blocks, expected {expected}; run wannier90.x again"
        )
    return tuple(np.array(column) for column in (source, target, rows, columns, shares))


# --- putting it together ------------------------------------------------------------------------------------------


def _model(
    table: RawTable,
    files: list[Path],
    seed: Path,
    spin: Spin | None,
    ws_distance: WSDistance,
    tolerance: float,
    name: str | None,
) -> TightBindingModel:
    check_spin(spin)
    if spin == "files":
        table, more = _with_spin(table, seed, files[0])
        files = files + more
    R_vectors, parts, used = _choose_replicas(table, seed, ws_distance, tolerance)
    files = files + ([used] if isinstance(used, Path) else [])
    mesh = infer_mesh(table.R_vectors, table.degeneracies)
    errors = hermiticity(R_vectors, parts)
    if "position" in parts and np.isfinite(errors["position"]):
        parts["position"] = hermitian_part(R_vectors, parts["position"])
    if spin is not None and spin != "files":
        parts["spin"] = pure_spinors(R_vectors, table.hamiltonian.shape[-1], spin, files[0])
    model = TightBindingModel(
        lattice=table.lattice,
        R_vectors=R_vectors,
        hamiltonian_R=parts["hamiltonian"],
        position_R=parts.get("position"),
        spin_R=parts.get("spin"),
        name=name or seed.name,
        source={
            "route": "tb",
            "files": json.dumps({path.name: sha256(path) for path in files}),
            "ws_distance": "file" if isinstance(used, Path) else used,
            "ws_distance_tolerance": f"{tolerance:g}",
            "spin": str(spin),
            "hermiticity_error": json.dumps(errors),
        }
        | ({} if mesh is None else {"mesh": " ".join(str(n) for n in mesh)}),
    )
    return examined(model)


def _choose_replicas(
    table: RawTable, seed: Path, ws_distance: WSDistance, tolerance: float
) -> tuple[NDArray[np.int64], Parts, str | Path]:
    """R vectors, matrices, and how the replicas were chosen: 'distance', 'none', or the file used."""
    if ws_distance not in ("auto", "file", "none"):
        raise InputError(f"ws_distance = '{ws_distance}', expected 'auto', 'file' or 'none'")
    if ws_distance == "file":
        path = require_file(seed, "_wsvec.dat", advice="set use_ws_distance and write_hr, or use ws_distance = 'auto'")
        return *_by_file(table, path), path
    mesh = infer_mesh(table.R_vectors, table.degeneracies) if ws_distance == "auto" else None
    if mesh is not None:
        return *_by_distance(table, mesh, tolerance), "distance"
    if ws_distance == "auto" and (found := find_file(seed, "_wsvec.dat")) is not None:
        return *_by_file(table, found), found
    return table.R_vectors, table.divided(), "none"


def check_spin(spin: str | None) -> None:
    """Raise InputError unless this is a choice that the readers know."""
    if spin not in (None, "interleaved", "blocks", "files"):
        raise InputError(f"spin = '{spin}', expected None, 'interleaved', 'blocks' or 'files'")


def pure_spinors(R_vectors: NDArray[np.int64], n: int, order: Spin, path: Path) -> NDArray[np.complex128]:
    """sigma (R, n, n, 3) at R = 0 only, for Wannier functions that are up or down times an orbital.

    Raises InputError if n is odd.
    """
    if n % 2:
        raise InputError(f"'{path}' has {n} Wannier functions; spin = '{order}' pairs them up and needs an even number")
    orbitals = np.eye(n // 2)
    pair = [np.kron(orbitals, s) if order == "interleaved" else np.kron(s, orbitals) for s in PAULI]
    spin = np.zeros((len(R_vectors), n, n, 3), complex)
    spin[(R_vectors == 0).all(axis=1).argmax()] = np.stack(pair, axis=-1)
    return spin


def _with_spin(table: RawTable, seed: Path, path: Path) -> tuple[RawTable, list[Path]]:
    """Add the spin matrices of `.spn`, rotated with the checkpoint's matrices and Fourier transformed."""
    chk = require_file(seed, ".chk", ".chk.fmt", advice="spin = 'files' needs it, or give spin = 'interleaved'")
    spn = require_file(seed, ".spn", ".spn.fmt", advice=MISSING_SPN)
    checkpoint, bloch = read_chk(chk), read_spn(spn)
    check_sizes(chk, checkpoint, spn, bloch.shape[1], bloch.shape[0])
    if checkpoint.n_wannier != table.hamiltonian.shape[-1]:
        raise InputError(
            f"'{chk}' has {checkpoint.n_wannier} Wannier functions, '{path}' {table.hamiltonian.shape[-1]}; both must "
            "come from one run"
        )
    if np.abs(checkpoint.lattice - table.lattice).max() > 1e-4:
        raise InputError(f"'{chk}' and '{path}' have different lattices; both must come from one run")
    phases = np.exp(-2j * np.pi * table.R_vectors @ checkpoint.kpoints.T) / checkpoint.n_k
    spin = np.einsum("Rk,knma->Rnma", phases, wannier_gauge(checkpoint.V, bloch), optimize=True)
    return dataclasses.replace(table, spin=spin), [chk, spn]


def wannier_gauge(V: NDArray[np.complex128], bloch: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """V^+ O V (k, n, m, a) of O (k, band, band, a)."""
    return np.stack([V.conj().swapaxes(1, 2) @ bloch[..., a] @ V for a in range(bloch.shape[-1])], axis=-1)


def hermiticity(R_vectors: NDArray[np.int64], parts: Parts) -> dict[str, float]:
    """Largest |O(R) - O(-R)^+| of each matrix as read, in its own unit; infinity where some -R is missing."""
    partner = _partners(R_vectors)
    if (partner < 0).any():
        return dict.fromkeys(parts, float("inf"))
    return {key: float(np.abs(X - X[partner].swapaxes(1, 2).conj()).max()) for key, X in parts.items()}


def hermitian_part(R_vectors: NDArray[np.int64], matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """(X(R) + X(-R)^+) / 2.

    Wannier90 writes the position as its finite differences give it, which is Hermitian only to the order of the
    differences (Pt, 5 x 5 x 5: 0.06 angstrom); postw90 too takes this part of it.
    """
    return (matrix + matrix[_partners(R_vectors)].swapaxes(1, 2).conj()) / 2


def _partners(R_vectors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of -R for each R, -1 where it is missing."""
    index = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    return np.array([index.get(tuple(-r for r in R), -1) for R in R_vectors.tolist()])
