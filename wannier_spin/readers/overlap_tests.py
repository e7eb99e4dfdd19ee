"""Overlaps of a Wannier90 run against themselves, and against what `.chk` recorded of them: see `consistency`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.bloch_data import BlochData, mesh_steps
from wannier_spin.readers.fitness import Check, passed_or_not, untested

RECORD = (1e-6, 1e-3)  # of V^+ M V: above the first a warning, above the second an error. Right files: 1e-9 and below
REVERSE = (1e-4, 1e-2)  # of M(k,b) - M(k+b,-b)^+. Right files: 2e-7 and below
NORM = (1e-3, 2e-2)  # of rows and columns of M beyond 1. Right files: 0
CENTRES = (5e-3, 5e-2)  # angstrom. Right files: 1e-8 and below
SHELL = 1e-4  # relative: b vectors whose lengths differ by less are one shell


def check_overlaps(data: BlochData) -> list[Check]:
    """Raise InputError for overlaps that contradict themselves or `.chk`; what agreed, and what could not be tested."""
    steps = mesh_steps(data.checkpoint, data.overlaps)
    return [_check_norm(data), _check_reverse(data, steps), *_check_record(data, steps)]


def _check_norm(data: BlochData) -> Check:
    """Rows and columns of <u_mk|u_n,k+b> are pieces of unit vectors."""
    squares = np.abs(data.overlaps.matrices) ** 2
    worst = float(np.sqrt(max(squares.sum(axis=2).max(), squares.sum(axis=3).max())))
    path, expected = data.paths["mmn"], "at most 1 for orthonormal states"
    if worst > 1 + NORM[1]:
        raise InputError(
            f"'{path}': a state has the norm {worst:.4f} within the bands at a neighbouring k-point, expected {expected}; the "
            "program that wrote it made wrong overlaps (such as augmentation charges without their phase), or the file was changed"
        )
    advice = "the overlaps are not of orthonormal states; the position matrix is wrong by about as much: check the interface"
    return passed_or_not("norm of overlaps", worst < 1 + NORM[0], f"{worst:.6f}", expected, advice)


def _check_reverse(data: BlochData, steps: NDArray[np.int64]) -> Check:
    name, expected = "overlaps forth and back", "M(k,b) = M(k+b,-b)^+"
    M, to = data.overlaps.matrices, data.overlaps.neighbours
    back = (steps[to] == -steps[:, :, None]).all(axis=-1)  # (k, b, b of the neighbour)
    if not (back.sum(axis=2) == 1).all():
        return untested(name, "the neighbours do not come in pairs b, -b", expected)
    reverse = back.argmax(axis=2)
    error = np.array(
        [np.abs(M[:, b] - M[to[:, b], reverse[:, b]].conj().swapaxes(1, 2)).max(axis=(1, 2)) for b in range(M.shape[1])]
    )
    worst = float(error.max())
    if worst > REVERSE[1]:
        b, k = (int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
        raise InputError(
            f"'{data.paths['mmn']}' contradicts itself: the overlaps of k-point {k + 1} with its neighbour {int(to[k, b]) + 1} "
            "and those "
            f"back differ by {worst:.3f}, expected {expected}; blocks are out of order or of different runs, rerun pw2wannier90.x"
        )
    return passed_or_not(name, worst < REVERSE[0], f"differ by {worst:.1e}", expected, "the overlaps are inexact")


def _check_record(data: BlochData, steps: NDArray[np.int64]) -> list[Check]:
    """The overlaps recorded in the checkpoint against `.mmn`, and the centres against them."""
    name, expected = "overlaps against .chk", "V^+ M V of .mmn is what .chk recorded"
    chk, to = data.checkpoint, data.overlaps.neighbours
    if chk.overlaps is None:
        return [untested(name, "no overlaps in .chk", expected), untested("Wannier centres", "no overlaps in .chk")]
    bra = chk.V.conj().swapaxes(1, 2)
    M = np.stack([bra @ data.overlaps.matrices[:, b] @ chk.V[to[:, b]] for b in range(to.shape[1])], axis=1)
    if M.shape != chk.overlaps.shape:
        raise InputError(
            f"'{data.paths['chk']}' recorded {chk.overlaps.shape[1]} neighbours of each k-point, '{data.paths['mmn']}' has "
            f"{M.shape[1]}; they are of different runs, write all files again together"
        )
    recorded = _in_order_of(chk.overlaps, M)
    error = np.abs(recorded - M).max(axis=(1, 2, 3))
    if error.max() > RECORD[1]:
        k, wrong = int(error.argmax()), int((error > RECORD[1]).sum())
        raise InputError(
            f"'{data.paths['mmn']}' is not the one that '{data.paths['chk']}' was made of: the overlaps that wannier90.x recorded "
            f"in it differ by {error.max():.3f} (k-point {k + 1}; {wrong} of {len(error)} k-points); phases and degenerate states "
            "change from one nscf run to the next: run wannier90.x again, with .mmn, .eig, .amn, .spn of one pw2wannier90 run"
        )
    first = passed_or_not(name, error.max() < RECORD[0], f"differ by {error.max():.1e}", expected, "one of them was rewritten")
    return [first, _check_centres(data, steps, recorded)]


def _in_order_of(recorded: NDArray[np.complex128], M: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The recorded blocks (k, b, n, n) in the order of the neighbours of M, where they stand in another."""
    if np.abs(recorded - M).max() < RECORD[1]:
        return recorded
    out = recorded.copy()
    for k in range(len(M)):
        best = [int(np.abs(recorded[k] - M[k, b]).max(axis=(1, 2)).argmin()) for b in range(M.shape[1])]
        if sorted(best) == list(range(M.shape[1])):
            out[k] = recorded[k, best]
    return out


def _check_centres(data: BlochData, steps: NDArray[np.int64], M: NDArray[np.complex128]) -> Check:
    name, expected = "Wannier centres", "where the overlaps of .chk have them"
    chk = data.checkpoint
    b = steps / chk.mesh @ (2 * np.pi * np.linalg.inv(chk.lattice).T)  # (k, b, 3)
    weights = shell_weights(b[0])
    known = {} if weights is None else dict(zip(map(tuple, steps[0].tolist()), weights.tolist(), strict=True))
    w = np.array([[known.get(tuple(step), np.nan) for step in row] for row in steps.tolist()])
    if not np.isfinite(w).all():
        return untested(name, "the b vectors are not complete, or differ from k to k", expected)
    phases = np.angle(np.einsum("kbnn->kbn", M) * np.exp(1j * np.einsum("kbx,nx->kbn", b, chk.centres)))
    away = np.linalg.norm(np.einsum("kb,kbx,kbn->nx", w, b, phases, optimize=True) / chk.n_k, axis=1)
    n = int(away.argmax())
    if away[n] > CENTRES[1]:
        there = ", ".join(f"{x:.4f}" for x in chk.centres[n])
        raise InputError(
            f"'{data.paths['chk']}': the centre of Wannier function {n + 1}, ({there}) angstrom, is {away[n]:.3f} angstrom or more "
            f"away from where its overlaps have it ({int((away > CENTRES[1]).sum())} of {len(away)} functions); the file was "
            "changed, or wannier90.x took a wrong branch of the phases (set guiding_centres = true): run wannier90.x again"
        )
    return passed_or_not(name, away[n] < CENTRES[0], f"away by {away[n]:.1e} angstrom", expected, "take guiding_centres = true")


def shell_weights(b: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """w (b,) with sum_b w_b b_x b_y = delta_xy, one weight for b vectors of one length; None where there are no such weights."""
    length = np.linalg.norm(b, axis=1)
    order = np.argsort(length)
    jump = np.diff(length[order], prepend=length[order][0]) > SHELL * length.max()
    shell = np.empty(len(b), np.int64)
    shell[order] = np.cumsum(jump)
    squares = np.stack([np.einsum("bx,by->xy", b[shell == s], b[shell == s]).ravel() for s in range(int(shell.max()) + 1)], axis=1)
    weights = np.linalg.lstsq(squares, np.eye(3).ravel(), rcond=1e-8)[0]
    if np.abs(squares @ weights - np.eye(3).ravel()).max() > 1e-4:
        return None
    return np.asarray(weights[shell], float)
