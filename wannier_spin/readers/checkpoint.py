"""The checkpoint of Wannier90, `.chk` or `.chk.fmt`, and what it says about itself.

It holds U = window . u_opt . u as one matrix V (k, band, Wannier) here, and, for checks, the overlaps of the Wannier functions
between neighbouring k-points from which its centres were made, the bands that it leaves out, the outer window at each k.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.files import FortranRecords, check_finite, is_text, numbers, read_bytes, whole

ISOMETRY_TOLERANCE = 1e-6  # of V^+ V - 1
RECIPROCAL_TOLERANCE = 1e-6  # of A B^T / 2 pi - 1; right files: 2e-16
SMALLEST_CELL = 1e-3  # angstrom^3
RERUN_WANNIER90 = "run wannier90.x again (or copy the file again)"


@dataclass(frozen=True)
class Checkpoint:
    """What matters here of a checkpoint.

    lattice (3, 3) rows, angstrom; mesh (3,); kpoints (k, 3) reduced; V (k, band, n), the Wannier states in the
    basis of all bands: |W_nk> = sum_m |u_mk> V_mnk; centres (n, 3) angstrom; formatted: text or binary.
    overlaps (k, b, m, n) <W_mk|W_n,k+b> or None; excluded: bands (from 1) that are not among those of V; window (k, band): the
    bands inside the outer window, None without disentanglement. spreads (n,) : of the Wannier functions, angstrom^2.
    """

    lattice: NDArray[np.float64]
    mesh: NDArray[np.int64]
    kpoints: NDArray[np.float64]
    V: NDArray[np.complex128]
    centres: NDArray[np.float64]
    formatted: bool
    overlaps: NDArray[np.complex128] | None = None
    excluded: tuple[int, ...] = ()
    window: NDArray[np.bool_] | None = None
    spreads: NDArray[np.float64] | None = None

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

    def without_excluded(self, X: NDArray[Any], *axes: int) -> NDArray[Any]:
        """An array (...) of other files without the excluded bands along these axes, where it has them: programs differ."""
        everything = self.n_bands + len(self.excluded)
        kept = np.setdiff1d(np.arange(everything), np.array(self.excluded, np.int64) - 1)
        if not self.excluded or len(kept) != self.n_bands or X.shape[axes[0]] != everything:
            return X
        for axis in axes:
            X = np.take(X, kept, axis)
        return X


@dataclass(frozen=True)
class _Head:
    """What stands before the word 'postwann': sizes, cell, k-points."""

    n_bands: int
    excluded: NDArray[np.generic]
    lattice: NDArray[np.generic]
    reciprocal: NDArray[np.generic]
    n_k: int
    mesh: NDArray[np.generic]
    kpoints: NDArray[np.generic]
    n_b: int
    n_wannier: int


@dataclass(frozen=True)
class _Body:
    """What stands after it. window (k, band), u_opt (k, n, band), u (k, n, n), M (k, b, n, n), first index of the file last."""

    window: NDArray[np.generic] | None
    u_opt: NDArray[np.generic] | None
    u: NDArray[np.generic]
    M: NDArray[np.generic]
    centres: NDArray[np.generic]
    spreads: NDArray[np.generic]


def read_chk(path: Path) -> Checkpoint:
    """Read `.chk` or `.chk.fmt`, told apart by content.

    Raises InputError: truncated or too long, not wannierised, bands or k-points that do not add up, NaN, V^+ V != 1, lattice and
    reciprocal lattice that contradict each other.
    """
    formatted = is_text(path)
    head, body = _read_formatted(path) if formatted else _read_unformatted(path)
    mesh, kpoints = whole(head.mesh, path, "numbers of the k-point mesh"), np.asarray(head.kpoints, float)
    check_finite(kpoints, path, "k-points", ("k-point",))
    check_mesh(kpoints, mesh, path)
    lattice = np.array(head.lattice, float)
    _check_cell(lattice, np.asarray(head.reciprocal, float), path)
    window = None if body.window is None else np.asarray(body.window) != 0
    V = _assemble(body, window, head.n_bands, path)
    centres = np.array(body.centres, float)
    check_finite(centres, path, "Wannier centres", ("Wannier function",))
    _check_isometry(V, path)
    M = np.asarray(body.M, np.complex128).swapaxes(2, 3)
    check_finite(M, path, "overlaps", ("k-point", "neighbour"))
    excluded = tuple(sorted(set(whole(head.excluded, path, "excluded bands").tolist())))
    known = M if np.abs(M).max() > 0 else None
    spreads = np.asarray(body.spreads, float)
    return Checkpoint(lattice, mesh, kpoints, V, centres, formatted, known, excluded, window, spreads)


def _read_unformatted(path: Path) -> tuple[_Head, _Body]:
    with FortranRecords(path) as records:

        def count(what: str, least: int = 1) -> int:
            return _one(records.array("i4", what, 1), path, what, least)

        records.skip("header")
        n_bands, n_excluded = count("number of bands"), count("number of excluded bands", 0)
        excluded = records.array("i4", "excluded bands", n_excluded)
        lattice = records.array("f8", "lattice", 9).reshape(3, 3).T
        reciprocal = records.array("f8", "reciprocal lattice", 9).reshape(3, 3).T
        n_k = count("number of k-points")
        mesh = records.array("i4", "k-point mesh", 3)
        kpoints = records.array("f8", "k-points", 3 * n_k).reshape(n_k, 3)
        n_b, n = count("number of neighbours"), count("number of Wannier functions")
        _check_stage(records.next_record("stage").decode("ascii", "replace").strip(), path)
        window, u_opt = None, None
        # a true flag is 1 or -1: compilers differ
        if np.any(records.array("i4", "disentanglement flag", 1)):
            records.skip("Omega_I")
            window = records.array("i4", "window", n_k * n_bands).reshape(n_k, n_bands)
            records.array("i4", "window sizes", n_k)
            u_opt = records.array("c16", "U_opt", n_k * n * n_bands).reshape(n_k, n, n_bands)
        u = records.array("c16", "U", n_k * n**2).reshape(n_k, n, n)
        M = records.array("c16", "M matrices", n_k * n_b * n**2).reshape(n_k, n_b, n, n)
        centres = records.array("f8", "Wannier centres", 3 * n).reshape(n, 3)
        spreads = records.array("f8", "spreads", n)
    return _Head(n_bands, excluded, lattice, reciprocal, n_k, mesh, kpoints, n_b, n), _Body(window, u_opt, u, M, centres, spreads)


def _read_formatted(path: Path) -> tuple[_Head, _Body]:
    first, stage, last = _split_at_stage(path)
    cursor = _Cursor(first, path)
    n_bands = cursor.integer("number of bands")
    excluded = cursor.take(cursor.integer("number of excluded bands", 0), "excluded bands")
    lattice = cursor.take(9, "lattice").reshape(3, 3).T
    reciprocal = cursor.take(9, "reciprocal lattice").reshape(3, 3).T
    n_k = cursor.integer("number of k-points")
    mesh = cursor.take(3, "k-point mesh")
    kpoints = cursor.take(3 * n_k, "k-points").reshape(n_k, 3)
    n_b, n = cursor.integer("number of neighbours"), cursor.integer("number of Wannier functions")
    cursor.finish("before the word 'postwann'")
    _check_stage(stage, path)
    cursor = _Cursor(last, path)
    window, u_opt = None, None
    if np.any(cursor.take(1, "disentanglement flag")):
        cursor.take(1, "Omega_I")
        window = cursor.take(n_k * n_bands, "window").reshape(n_k, n_bands)
        cursor.take(n_k, "window sizes")
        u_opt = cursor.complex(n_k * n_bands * n, "U_opt").reshape(n_k, n, n_bands)
    u = cursor.complex(n_k * n**2, "U").reshape(n_k, n, n)
    M = cursor.complex(n_k * n_b * n**2, "M matrices").reshape(n_k, n_b, n, n)
    centres = cursor.take(3 * n, "Wannier centres").reshape(n, 3)
    spreads = cursor.take(n, "spreads")
    cursor.finish("after the spreads")
    return _Head(n_bands, excluded, lattice, reciprocal, n_k, mesh, kpoints, n_b, n), _Body(window, u_opt, u, M, centres, spreads)


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
            f"'{path}' was written at stage '{stage[:30]}', expected 'postwann'; the wannierisation did not finish, let "
            "wannier90.x run to its end"
        )


def _assemble(body: _Body, window: NDArray[np.bool_] | None, n_bands: int, path: Path) -> NDArray[np.complex128]:
    """V (k, band, n). The files hold u[k, n, i] = U_in; U_opt counts bands from the bottom of the window."""
    U = np.asarray(body.u, np.complex128).swapaxes(1, 2)
    check_finite(U, path, "matrices U", ("k-point", "row", "Wannier function"))
    if window is None:
        if U.shape[1] != n_bands:
            raise InputError(f"'{path}': {U.shape[1]} Wannier functions from {n_bands} bands without disentanglement")
        return U
    V = np.zeros((len(U), n_bands, U.shape[2]), complex)
    U_opt = np.asarray(body.u_opt, np.complex128).swapaxes(1, 2)
    check_finite(U_opt, path, "matrices U", ("k-point", "band", "Wannier function"))
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers are told by the check of V^+ V
        for k, inside in enumerate(window):
            V[k, inside] = U_opt[k, : inside.sum()] @ U[k]
    return V


def _check_isometry(V: NDArray[np.complex128], path: Path) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        gram = np.einsum("kmi,kmj->kij", V.conj(), V, optimize=True)
        error = np.nan_to_num(np.abs(gram - np.eye(V.shape[2])).max(axis=(1, 2)), nan=np.inf)
    if not error.max() < ISOMETRY_TOLERANCE:
        k = int(error.argmax())
        raise InputError(
            f"'{path}': the Wannier functions are not orthonormal at k-point {k + 1}, |V^+ V - 1| = {error[k]:.1e}; "
            f"the file is damaged, {RERUN_WANNIER90}"
        )


def _check_cell(lattice: NDArray[np.float64], reciprocal: NDArray[np.float64], path: Path) -> None:
    """Raise InputError unless both lattices of the file belong together: the program wrote a_i . b_j = 2 pi delta_ij."""
    check_finite(lattice, path, "lattice", ("vector",))
    check_finite(reciprocal, path, "reciprocal lattice", ("vector",))
    with np.errstate(over="ignore", invalid="ignore"):
        volume, error = abs(np.linalg.det(lattice)), np.abs(lattice @ reciprocal.T / (2 * np.pi) - np.eye(3)).max()
    if not (SMALLEST_CELL < volume < np.inf and np.abs(lattice).max() < 1e6 and error < RECIPROCAL_TOLERANCE):
        raise InputError(
            f"'{path}': its lattice vectors {np.round(lattice, 4).tolist()} (angstrom) and its reciprocal lattice contradict each "
            f"other, |A B^T / 2 pi - 1| = {error:.2g}: one of them was changed (unit, order, transposition), or the file is "
            f"damaged; {RERUN_WANNIER90}"
        )


def check_mesh(kpoints: NDArray[np.float64], mesh: NDArray[np.int64], path: Path) -> None:
    """Raise InputError unless the k-points (k, 3), reduced, are the full mesh (3,), each point once, Gamma among them."""
    total = int(np.prod([int(n) for n in mesh])) if (mesh > 0).all() else 0
    if total == len(kpoints) and np.abs(kpoints).max() < FARTHEST:
        steps = kpoints * mesh
        offset = (steps - np.rint(steps))[0]
        if np.abs(offset).max() > MESH_TOLERANCE and _points_of(steps - offset, mesh) == total:
            raise InputError(
                f"'{path}': the mesh of {mesh[0]} x {mesh[1]} x {mesh[2]} k-points is shifted off Gamma by "
                f"({', '.join(f'{x:.3g}' for x in offset)}) of a step; sums over R need Gamma in the mesh: run the nscf step and "
                "Wannier90 again with the list of kmesh.pl, or give the _tb.dat of this run"
            )
        if _points_of(steps, mesh) == total:
            return
    listed = " x ".join(str(int(n)) for n in mesh)
    raise InputError(
        f"'{path}': {len(kpoints)} k-points are not the full mesh of {listed} = {total} points, each point once, through Gamma; "
        "use the list of kmesh.pl in the nscf input and in the .win"
    )


MESH_TOLERANCE = 1e-3  # of a step
FARTHEST = 1e6  # reciprocal vectors: no program writes k-points beyond


def _points_of(steps: NDArray[np.float64], mesh: NDArray[np.int64]) -> int:
    """How many points of the mesh these are, in units of its steps; 0 if one lies beside it."""
    if np.abs(steps).max() > 1e6 or np.abs(steps - np.rint(steps)).max() > MESH_TOLERANCE:
        return 0
    return len({tuple(cell) for cell in (np.rint(steps).astype(int) % mesh).tolist()})


def _one(values: NDArray[np.generic], path: Path, what: str, least: int = 1) -> int:
    if len(values) != 1 or not least <= float(values[0]) < 1e8 or float(values[0]) % 1:
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

    def integer(self, what: str, least: int = 1) -> int:
        return _one(self.take(1, what), self.path, what, least)

    def finish(self, where: str) -> None:
        """Raise InputError if numbers are left over: a line too many moves everything behind it."""
        left = len(self.values) - self.at
        if left:
            raise InputError(
                f"'{self.path}' has {left} number(s) too many {where}: a line was added or a size in its head is wrong; write it "
                "again with w90chk2chk.x -export"
            )
