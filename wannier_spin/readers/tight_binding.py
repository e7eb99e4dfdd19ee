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
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel, home
from wannier_spin.readers.bloch_data import check_sizes
from wannier_spin.readers.checkpoint import read_chk
from wannier_spin.readers.files import find_file, require_file, sha256
from wannier_spin.readers.fitness import Check, passed_or_not
from wannier_spin.readers.hr_companions import about_centres, add_position, check_centres, read_cell
from wannier_spin.readers.quality import examined, ties_check
from wannier_spin.readers.replicas import infer_mesh, mesh_of
from wannier_spin.readers.spinors import Spin, check_spin, chosen_order, is_pure, pure_spinors, refuse_without_spinors
from wannier_spin.readers.text_tables import RawTable, read_hr_table, read_tb_table, read_wsvec
from wannier_spin.readers.wannier90_files import MISSING_SPN, read_spn
from wannier_spin.readers.wigner_seitz import WS_DISTANCE_TOLERANCE, Ties, fold, with_ties
from wannier_spin.readers.win import WinFile, check_lattice, read_win

WSDistance = Literal["auto", "file", "none"]
Matrices = dict[str, NDArray[np.complex128]]
OUT_OF_PLANE = 0.02  # angstrom: smaller elements of the position do not matter
LEAST_COSINE = 0.5  # below it elements are too damped to be restored


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
    """Model from `seed_hr.dat`, `seed_r.dat` if there is one, the lattice of `seed.win`, wt.in or a structure; else like `read_tb`.

    Without `_r.dat` the position operator is diagonal, with the centres of `.wout`, `_centres.xyz` or wt.in, or, with a
    warning, where `.win` projected the functions (InputError without any): Berry connections between orbitals are then left out.
    """
    path, seed = _resolve(path, "_hr.dat", "set write_hr = .true. in the .win and run wannier90.x again")
    lattice, win, cell = read_cell(seed, path)
    table, centres = add_position(read_hr_table(path, lattice), seed, win, spin)
    return _model(table, [path, cell, centres], seed, spin, ws_distance, ws_distance_tolerance, name, about_centres(centres))


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


# --- replicas ---------------------------------------------------------------------------------------------------


def _by_distance(
    table: RawTable, mesh: NDArray[np.int64], ws_distance_tolerance: float
) -> tuple[NDArray[np.int64], Matrices, Ties]:
    """Fold the table to the mesh, then give each element to its nearest replicas."""
    folded = fold(table.divided(), table.R_vectors, mesh)
    return with_ties(folded, mesh, table.lattice, table_centres(table), ws_distance_tolerance)


def table_centres(table: RawTable) -> NDArray[np.float64]:
    """Wannier centres (n, 3), the diagonal of the position at R = 0; zeros without a position."""
    if table.position is None:
        return np.zeros((table.hamiltonian.shape[-1], 3))
    return np.array(np.einsum("nna->na", table.position[home(table.R_vectors)]).real, float)


def _by_file(table: RawTable, path: Path) -> tuple[NDArray[np.int64], Matrices]:
    """Give each element to the replicas that `_wsvec.dat` lists."""
    source, target, rows, columns, counts = read_wsvec(path, table)
    R_vectors, index = np.unique(target, axis=0, return_inverse=True)
    out = {}
    for key, part in table.divided().items():
        out[key] = np.zeros((len(R_vectors), *part.shape[1:]), complex)
        shares = part[source, rows, columns] / counts.reshape(-1, *[1] * (part.ndim - 3))
        np.add.at(out[key], (index.ravel(), rows, columns), shares)
    return R_vectors, out


# --- putting it together ------------------------------------------------------------------------------------------


def _model(
    table: RawTable,
    files: list[Path],
    seed: Path,
    spin: Spin | None,
    ws_distance: WSDistance,
    ws_distance_tolerance: float,
    name: str | None,
    told: Sequence[Check] = (),
) -> TightBindingModel:
    check_spin(spin)
    win = _win_of(table, files[0], seed, spin)
    if spin == "files":
        table, more = _with_spin(table, seed, files[0])
        files = files + more
    mesh, checks = mesh_of(table, files[0], win) if ws_distance != "file" else (infer_mesh(table.R_vectors, table.degeneracies), [])
    if mesh is not None:
        table, found = _out_of_plane(table, mesh)
        checks += found
    R_vectors, matrices, used, ties = _choose_replicas(table, seed, ws_distance, ws_distance_tolerance, mesh)
    errors = hermiticity(R_vectors, matrices)
    if "position" in matrices and np.isfinite(errors["position"]):
        matrices["position"] = hermitian_part(R_vectors, matrices["position"])
    if is_pure(spin):
        order, answer = chosen_order(matrices["hamiltonian"], spin, files[0])
        matrices["spin"], spin = pure_spinors(R_vectors, table.hamiltonian.shape[-1], order, files[0]), order
        checks.append(answer)
    source = _source(files, used, ties.ws_distance_tolerance if ties else ws_distance_tolerance, mesh)
    model = TightBindingModel(
        lattice=table.lattice,
        R_vectors=R_vectors,
        hamiltonian_R=matrices["hamiltonian"],
        position_R=matrices.get("position"),
        spin_R=matrices.get("spin"),
        name=name or seed.name,
        source=source | {"spin": str(spin), "hermiticity_error": json.dumps(errors)},
    )
    return examined(model, [*told, *checks, *([ties_check(ties)] if ties else [])])


def _win_of(table: RawTable, file: Path, seed: Path, spin: Spin | None) -> WinFile | None:
    """The .win file beside a table, if there is one. Raises InputError where it or the centres are those of another run."""
    path = find_file(seed, ".win")
    win = None if path is None else read_win(path)
    refuse_without_spinors(win, spin)
    if win is not None:
        check_lattice(win, table.lattice, file)
    if table.position is not None:
        check_centres(table_centres(table), file, seed, table.lattice)
    return win


def _source(files: list[Path], used: str | Path, ws_distance_tolerance: float, mesh: NDArray[np.int64] | None) -> dict[str, str]:
    """Where a model comes from; used : the file of the replicas, or how they were chosen, with this tolerance (angstrom)."""
    everything = [*files, used] if isinstance(used, Path) else files
    return {
        "route": "tb",
        "files": json.dumps({path.name: sha256(path) for path in everything}),
        "ws_distance": "file" if isinstance(used, Path) else used,
        "ws_distance_tolerance": f"{ws_distance_tolerance:g}",
    } | ({} if mesh is None else {"mesh": " ".join(str(n) for n in mesh)})


def _choose_replicas(
    table: RawTable, seed: Path, ws_distance: WSDistance, ws_distance_tolerance: float, mesh: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], Matrices, str | Path, Ties | None]:
    """R vectors, matrices, how the replicas were chosen ('distance', 'none', or the file used), and how much that matters."""
    check_ws_distance(ws_distance)
    if ws_distance == "file":
        path = require_file(seed, "_wsvec.dat", advice="set use_ws_distance and write_hr, or use ws_distance = 'auto'")
        return *_by_file(table, path), path, None
    if ws_distance == "auto" and mesh is not None:
        R_vectors, matrices, ties = _by_distance(table, mesh, ws_distance_tolerance)
        return R_vectors, matrices, "distance", ties
    if ws_distance == "auto" and (table.degeneracies > 1).any() and (found := find_file(seed, "_wsvec.dat")) is not None:
        return *_by_file(table, found), found, None
    return table.R_vectors, table.divided(), "none", None


def check_ws_distance(ws_distance: str) -> None:
    """Raise InputError unless this is a choice that the readers know."""
    if ws_distance not in ("auto", "file", "none"):
        raise InputError(f"ws_distance = '{ws_distance}', expected 'auto', 'file' or 'none'")


def _out_of_plane(table: RawTable, mesh: NDArray[np.int64]) -> tuple[RawTable, list[Check]]:
    """The position along a direction with one k-point, restored where Wannier90's finite differences damp it.

    They are i (M(b) - M(-b)) / 2b of M(b) = <0n|exp(-i b.r)|Rm>: between functions around z the element of r_z comes out times
    cos(b z), b the reciprocal lattice vector. With a slab in the middle of the cell that is -1.
    """
    name, expected = "position across the slab", "functions near z = 0, or elements that can be restored"
    if table.position is None or table.spin is None and not np.abs(table.position).max() > 0:
        return table, []
    position, worst = table.position.copy(), 1.0
    centres, diagonal = table_centres(table), np.arange(table.hamiltonian.shape[-1])
    middle = (centres[:, None] + centres[None, :]) / 2
    reciprocal = 2 * np.pi * np.linalg.inv(table.lattice).T
    for axis in np.flatnonzero(mesh == 1):
        b = reciprocal[axis]
        unit = b / np.linalg.norm(b)
        cosine = np.cos(middle @ b)  # the diagonal is the centre itself and is right
        cosine[diagonal, diagonal] = 1.0
        along = position @ unit
        large = np.abs(along).max(axis=0) > OUT_OF_PLANE
        worst = min(worst, float(np.abs(cosine)[large].min(initial=1.0)))
        factor = np.where(np.abs(cosine) > LEAST_COSINE, 1 / np.where(cosine == 0, 1.0, cosine), 1.0)
        position += ((factor - 1) * along)[..., None] * unit
    advice = "Wannier90 damped elements of the position across the slab beyond repair: take .chk, or put the slab at z = 0"
    check = passed_or_not(name, worst > LEAST_COSINE, f"elements damped to {worst:.3f} at worst", expected, advice)
    return dataclasses.replace(table, position=position), [check] if (mesh == 1).any() else []


def _with_spin(table: RawTable, seed: Path, path: Path) -> tuple[RawTable, list[Path]]:
    """Add the spin matrices of `.spn`, rotated with the checkpoint's matrices and Fourier transformed."""
    chk = require_file(seed, ".chk", ".chk.fmt", advice="spin = 'files' needs it, or give spin = 'interleaved'")
    spn = require_file(seed, ".spn", ".spn.fmt", advice=MISSING_SPN)
    checkpoint = read_chk(chk)
    bloch = checkpoint.without_excluded(read_spn(spn), 1, 2)
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


def hermiticity(R_vectors: NDArray[np.int64], matrices: Matrices) -> dict[str, float]:
    """Largest |O(R) - O(-R)^+| of each matrix (R, n, n, ...) as read, in its own unit; infinity where some -R is missing."""
    partner = _partners(R_vectors)
    if (partner < 0).any():
        return dict.fromkeys(matrices, float("inf"))
    return {key: float(np.abs(X - X[partner].swapaxes(1, 2).conj()).max()) for key, X in matrices.items()}


def hermitian_part(R_vectors: NDArray[np.int64], matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """(X(R) + X(-R)^+) / 2, (R, n, n, ...) in the unit of X.

    Wannier90 writes the position as its finite differences give it, which is Hermitian only to the order of the
    differences (Pt, 5 x 5 x 5: 0.06 angstrom); postw90 too takes this part of it.
    """
    return (matrix + matrix[_partners(R_vectors)].swapaxes(1, 2).conj()) / 2


def _partners(R_vectors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of -R for each R, -1 where it is missing."""
    index = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    return np.array([index.get(tuple(-r for r in R), -1) for R in R_vectors.tolist()])
