"""Do the files of one Wannier90 run belong together? What one of them says is held against what the others say of it.

    overlaps    V^+ M V of `.mmn` is the record of overlaps in `.chk`, to rounding; M(k,b) = M(k+b,-b)^+; |M| <= 1
    centres     those of `.chk` follow from its overlaps and the b vectors: sum_b w_b b arg(M_nn exp(i b.r_n)) = 0
    cell        lattice of `.chk` and of `.win`; k-points of `.chk`, `.win`, `.nnkp` modulo reciprocal lattice vectors
    windows     bands that `.chk` has in its outer window, and those wholly in its Wannier space, against `.eig` and `.win`
    kinetic     sum_n |<u_mk|u_n,k+b>|^2 (e_n,k+b - e_mk), averaged over b, is the mean of hbar^2 b^2 / 2m over b up to
                nonlocal potentials and missing bands: from k.p theory, <u_mk|H(k+b)|u_mk> = e_mk + b.v + hbar^2 b^2/2m

What contradicts is an InputError; what may have an innocent reason is a `Check` that is not ok.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.checkpoint import Checkpoint
from wannier_spin.readers.fitness import Check, passed_or_not, untested
from wannier_spin.readers.wannier90_files import Overlaps, SpinNeighbours
from wannier_spin.readers.win import WinFile, read_nnkp_kpoints

KPOINT_TOLERANCE = 1e-5  # reduced; .win and .nnkp carry eight decimals or more
LATTICE_TOLERANCE = 1e-3  # angstrom
RECORD = (1e-6, 1e-3)  # of V^+ M V: above the first a warning, above the second an error. Right files: 1e-9 and below
REVERSE = (1e-4, 1e-2)  # of M(k,b) - M(k+b,-b)^+. Right files: 2e-7 and below
NORM = (1e-3, 2e-2)  # of rows and columns of M beyond 1. Right files: 0
CENTRES = (5e-3, 5e-2)  # angstrom. Right files: 1e-8 and below
SHELL = 1e-4  # relative: b vectors whose lengths differ by less are one shell
HBAR2_OVER_2M = 3.80998211  # eV angstrom^2
KINETIC_WEIGHT = 0.95  # bands of which at least this part of the norm lies in the bands at k + b
KINETIC_TOLERANCE = (
    0.5,
    1.0,
)  # eV + units of hbar^2 b^2 / 2m. Used up by right files: 51, 21, 39, 31 % (Pt, GaAs, Fe, Mn2Au)
WRONG_EIG = "the order of its k-points differs, or it is of another run: take all files from one pw2wannier90 run"


@dataclass(frozen=True)
class BlochData:
    """Everything of the chk route as parsed: energies (k, band) eV, spin (k, m, n, 3) or None, what `.sIu` and `.sHu` hold where
    they are wanted and there; paths by kind.
    """

    checkpoint: Checkpoint
    energies: NDArray[np.float64]
    overlaps: Overlaps
    spin: NDArray[np.complex128] | None
    win: WinFile | None
    paths: dict[str, Path]
    neighbours: SpinNeighbours | None = None


def without_excluded(data: BlochData) -> BlochData:
    """`.eig`, `.mmn`, `.spn` of all bands lose those that `.chk` excludes (programs differ in whether they write them)."""
    chk = data.checkpoint
    kept = np.setdiff1d(np.arange(chk.n_bands + len(chk.excluded)), np.array(chk.excluded, np.int64) - 1)
    if not chk.excluded or len(kept) != chk.n_bands:
        return data
    everything = chk.n_bands + len(chk.excluded)
    changes: dict[str, object] = {}
    if data.energies.shape[1] == everything:
        changes["energies"] = data.energies[:, kept]
    if data.overlaps.matrices.shape[2] == everything:
        changes["overlaps"] = replace(data.overlaps, matrices=data.overlaps.matrices[:, :, kept][..., kept])
    if data.spin is not None and data.spin.shape[1] == everything:
        changes["spin"] = data.spin[:, kept][:, :, kept]
    return replace(data, **changes)  # type: ignore[arg-type]


def check_files(data: BlochData) -> list[Check]:
    """Raise InputError unless all files agree; what agreed, and what could not be tested."""
    _check_all_sizes(data)
    checks = _check_cell(data)
    if "nnkp" in data.paths:
        _check_kpoints(data.checkpoint, data.paths["chk"], read_nnkp_kpoints(data.paths["nnkp"]), data.paths["nnkp"])
    steps = mesh_steps(data)
    checks += [_check_norm(data), _check_reverse(data, steps), *_check_record(data, steps)]
    checks += [*check_windows(data), check_kinetic_energy(data)]
    return checks


def check_sizes(chk: Path, checkpoint: Checkpoint, path: Path, n_bands: int, n_k: int) -> None:
    """Raise InputError unless a file has as many bands and k-points as the checkpoint."""
    if (n_bands, n_k) != (checkpoint.n_bands, checkpoint.n_k):
        raise InputError(
            f"'{path}' has {n_bands} bands and {n_k} k-points, '{chk}' has {checkpoint.n_bands} and {checkpoint.n_k}; "
            "the files are of different runs (check exclude_bands), write them again together"
        )


def _check_all_sizes(data: BlochData) -> None:
    chk, paths = data.checkpoint, data.paths
    check_sizes(paths["chk"], chk, paths["eig"], data.energies.shape[1], data.energies.shape[0])
    check_sizes(paths["chk"], chk, paths["mmn"], data.overlaps.matrices.shape[2], data.overlaps.matrices.shape[0])
    if data.spin is not None:
        check_sizes(paths["chk"], chk, paths["spn"], data.spin.shape[1], data.spin.shape[0])
    for kind, matrices in vars(data.neighbours).items() if data.neighbours is not None else ():
        check_sizes(paths["chk"], chk, paths[kind], matrices.shape[2], matrices.shape[0])
        if matrices.shape[1] != data.overlaps.matrices.shape[1]:
            raise InputError(
                f"'{paths[kind]}' has {matrices.shape[1]} neighbours of each k-point, '{paths['mmn']}' "
                f"{data.overlaps.matrices.shape[1]}; the files are of different runs, write them again together"
            )


# --- cell and k-points ------------------------------------------------------------------------------------------


def _check_cell(data: BlochData) -> list[Check]:
    name, expected = "lattice of .chk", "that of .win"
    chk, path, win = data.checkpoint, data.paths["chk"], data.win
    if win is None:
        return [untested(name, "no .win", expected)]
    n_wannier, kpoints = win.number("num_wann"), win.kpoints()
    if n_wannier is not None and n_wannier != chk.n_wannier:
        raise InputError(
            f"'{win.path}' asks for {n_wannier:.0f} Wannier functions, '{path}' has {chk.n_wannier}; run wannier90.x again"
        )
    if kpoints is not None:
        _check_kpoints(chk, path, kpoints, win.path)
    if "unit_cell_cart" not in win.blocks:
        return [untested(name, "no unit_cell_cart in .win", expected)]
    away = float(np.abs(win.lattice() - chk.lattice).max())
    if away > LATTICE_TOLERANCE:
        raise InputError(
            f"'{path}' has the lattice vectors {np.round(chk.lattice, 4).tolist()}, '{win.path}' "
            f"{np.round(win.lattice(), 4).tolist()} (angstrom, rows); one of the two was changed, or they are of different runs"
        )
    return [passed_or_not(name, True, f"differs by {away:.1e} angstrom", expected, "")]


def _check_kpoints(chk: Checkpoint, chk_path: Path, kpoints: NDArray[np.float64], path: Path) -> None:
    if len(kpoints) != chk.n_k:
        raise InputError(f"'{path}' lists {len(kpoints)} k-points, '{chk_path}' has {chk.n_k}; run wannier90.x again")
    away = kpoints - chk.kpoints
    away = np.abs(away - np.rint(away)).max(axis=1)  # k and k + G name the same point
    if not away.max() <= KPOINT_TOLERANCE:
        k = int((~(away <= KPOINT_TOLERANCE)).argmax())
        raise InputError(
            f"k-point {k + 1} is {kpoints[k].tolist()} in '{path}' and {chk.kpoints[k].tolist()} in '{chk_path}'; the "
            "order of the k-points changed between runs, write all files again with one list"
        )


# --- overlaps -----------------------------------------------------------------------------------------------------


def mesh_steps(data: BlochData) -> NDArray[np.int64]:
    """b in steps of the mesh, (k, b, 3)."""
    points = np.rint(data.checkpoint.kpoints * data.checkpoint.mesh).astype(np.int64)
    steps = points[data.overlaps.neighbours] - points[:, None] + data.overlaps.G * data.checkpoint.mesh
    return np.asarray(steps, np.int64)


def _check_norm(data: BlochData) -> Check:
    """Rows and columns of <u_mk|u_n,k+b> are parts of unit vectors."""
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
            f"{M.shape[1]}; "
            "they are of different runs, write all files again together"
        )
    recorded = _in_order_of(chk.overlaps, M)
    error = np.abs(recorded - M).max(axis=(1, 2, 3))
    if error.max() > RECORD[1]:
        k, wrong = int(error.argmax()), int((error > RECORD[1]).sum())
        raise InputError(
            f"'{data.paths['mmn']}' is not the one that '{data.paths['chk']}' was made of: the overlaps that wannier90.x "
            "recorded in it "
            f"differ by {error.max():.3f} (k-point {k + 1}; {wrong} of {len(error)} k-points); phases and degenerate states "
            "change from one "
            "nscf run to the next: run wannier90.x again, with .mmn, .eig, .amn, .spn of one pw2wannier90 run"
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
            f"'{data.paths['chk']}': the centre of Wannier function {n + 1}, ({there}) angstrom, is {away[n]:.3f} angstrom or "
            "more away "
            f"from where its overlaps have it ({int((away > CENTRES[1]).sum())} of {len(away)} functions); the file was changed, "
            "or wannier90.x "
            "took a wrong branch of the phases (set guiding_centres = true): run wannier90.x again"
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


# --- energies -----------------------------------------------------------------------------------------------------


CONTAINED = 1e-8  # a band of which less than this part of the norm is missing lies in the Wannier space
MISSING = 1e-6  # a band of which more than this part is missing does not
BY_SYMMETRY = 0.1  # of the bands in the Wannier space: more may not lie above the frozen window by accident or symmetry
EDGE = 1e-4  # eV


def read_window(win: WinFile, kind: str) -> tuple[float, float] | None:
    """The window (eV) "dis_win" or "dis_froz" that a `.win` file asks for; None if it asks for none."""
    top = win.number(f"{kind}_max")
    if top is None and kind == "dis_froz":
        return None
    bottom = [x for x in (win.number(f"{kind}_min"), win.number("dis_win_min")) if x is not None]
    return (bottom[0] if bottom else -np.inf), np.inf if top is None else top


def contained(checkpoint: Checkpoint) -> NDArray[np.bool_]:
    """Bands (k, band) that lie wholly in the Wannier space: there the Wannier bands are those of `.eig`."""
    return np.asarray((np.abs(checkpoint.V) ** 2).sum(axis=2) > 1 - CONTAINED)


def check_windows(data: BlochData) -> list[Check]:
    """Outer and frozen window: `.eig` against what `.chk` did with its bands, and both against `.win`.

    Where the outer window had no more bands than Wannier functions (as outside of the spheres of dis_spheres) nothing is frozen.
    """
    chk, names = data.checkpoint, ("outer window", "frozen window")
    if chk.window is None:
        why = "as many bands as Wannier functions: any energies of .eig would fit"
        return [untested(name, why) for name in names]
    free = chk.window.sum(axis=1) > chk.n_wannier  # k-points with a choice
    if not free.any():
        return [untested(name, "the outer window has no more bands than Wannier functions") for name in names]
    return [_outer_window(data, free), _frozen_window(data, free)]


def _outer_window(data: BlochData, free: NDArray[np.bool_]) -> Check:
    """Between the bands inside and those above lies one energy for all k."""
    chk, name = data.checkpoint, "outer window"
    assert chk.window is not None
    inside, e = chk.window[free], data.energies[free]
    highest = float(e[inside].max())
    above = np.where(inside, -np.inf, e) > np.where(inside, e, -np.inf).max(axis=1, keepdims=True)
    next_one = float(e[above].min()) if above.any() else np.inf
    if highest > next_one + EDGE:
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['chk']}': the outer window of the checkpoint has bands up to "
            f"{highest:.3f} eV and leaves out others from {next_one:.3f} eV upwards, which no window does; {WRONG_EIG}"
        )
    top = np.inf if data.win is None else (read_window(data.win, "dis_win") or (0.0, np.inf))[1]
    found = f"bands up to {highest:.4f} eV, the next from {next_one:.4f} eV"
    if not np.isfinite(top):
        return (
            untested(name, "no dis_win_max in .win: energies shifted or scaled as a whole would fit")
            if data.win
            else untested(name, "no .win")
        )
    return passed_or_not(name, highest - EDGE <= top <= next_one + EDGE, found, f"dis_win_max = {top:g} eV between the two", EDITED)


EDITED = (
    "either .win was edited after the run, or the energies of .eig are shifted or scaled as a whole: these files do not tell "
    "which; "
    "compare .eig with the output of the DFT run"
)


def _frozen_window(data: BlochData, free: NDArray[np.bool_]) -> Check:
    """All bands inside are wholly in the Wannier space; the first that is not lies above (symmetry may keep more of them whole)."""
    chk, win, name = data.checkpoint, data.win, "frozen window"
    window = None if win is None else read_window(win, "dis_froz")
    if win is None or window is None:
        return untested(name, ".win asks for none" if win else "no .win")
    e, norm = data.energies[free], (np.abs(chk.V[free]) ** 2).sum(axis=2)
    whole, missing = norm > 1 - CONTAINED, norm < 1 - MISSING
    inside = (e >= window[0]) & (e <= window[1])
    edge = float(e[missing & (e >= window[0])].min(initial=np.inf))  # a window whose top is below would fit
    highest = float(e[whole & (e < edge)].max(initial=-np.inf))
    found = f"bands are kept whole up to {highest:.4f} eV, and one at {edge:.4f} eV is not"
    above = float((whole & (e > edge)).sum() / max(1, whole.sum()))
    if (inside & missing).any() and above > BY_SYMMETRY:
        k = int(np.flatnonzero(free)[int((inside & missing).sum(axis=1).argmax())])
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['chk']}': no frozen window has the bands that the checkpoint keeps "
            f"whole ({100 * above:.0f} % of them lie above the first that it does not, {edge:.3f} eV; k-point {k + 1} "
            f"{point(chk, k)}); {WRONG_EIG}"
        )
    fits = not (inside & missing).any() and highest <= window[1] + EDGE
    return passed_or_not(name, fits, found, f"dis_froz_max = {window[1]:g} eV of '{win.path.name}' between the two", EDITED)


def frozen_residual(checkpoint: Checkpoint, energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """|eigenvalue of H_W(q) - .eig| (k, band) at the mesh points, eV; zero for bands that are not wholly in the Wannier space."""
    V = checkpoint.V
    return distance_to_bands(
        np.asarray(np.linalg.eigvalsh(V.conj().swapaxes(1, 2) @ (energies[:, :, None] * V)), float), energies, contained(checkpoint)
    )


def distance_to_bands(bands: NDArray[np.float64], energies: NDArray[np.float64], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """|E - nearest of the bands (k, n)| of the energies (k, band) that are wanted, zero elsewhere, eV."""
    away = np.abs(energies[:, :, None] - bands[:, None, :]).min(axis=2)
    return np.where(wanted, away, 0.0)


def point(checkpoint: Checkpoint, k: int) -> str:
    """A k-point in words, reduced."""
    return "(" + ", ".join(f"{x:.4f}" for x in checkpoint.kpoints[k]) + ")"


def kinetic_energies(data: BlochData) -> tuple[NDArray[np.float64], float]:
    """sum_n |M_mn(k,b)|^2 (e_n,k+b - e_mk) averaged over b, (k, band) eV, and what free electrons would give, eV.

    NaN where too much of <u_m,k+b|u_nk> lies outside the bands of the files.
    """
    overlaps, e = data.overlaps, data.energies
    weights = np.abs(overlaps.matrices) ** 2
    kept = weights.sum(axis=3)
    found = np.einsum("kbmn,kbn->km", weights, e[overlaps.neighbours]) - e * kept.sum(axis=1)
    reciprocal = 2 * np.pi * np.linalg.inv(data.checkpoint.lattice).T
    points = data.checkpoint.kpoints
    b = (points[overlaps.neighbours] + overlaps.G - points[:, None]) @ reciprocal
    values = np.where(kept.min(axis=1) > KINETIC_WEIGHT, found / kept.shape[1], np.nan)
    return values, float(HBAR2_OVER_2M * (b**2).sum(axis=-1).mean())


def check_kinetic_energy(data: BlochData) -> Check:
    """Raise InputError if energies and overlaps contradict k.p theory, as they do when .eig is out of order."""
    name, expected = "energies against overlaps", "k.p theory, to nonlocal potentials"
    values, free = kinetic_energies(data)
    usable = np.isfinite(values).sum(axis=0) > len(values) / 2
    if not usable.any():
        return untested(name, "too few bands for the sum rule", expected)
    typical = np.nanmedian(values[:, usable], axis=0)
    error = np.nan_to_num(np.abs(values[:, usable] - typical))
    allowed = KINETIC_TOLERANCE[0] + KINETIC_TOLERANCE[1] * free
    if error.max() > allowed:
        k, column = np.unravel_index(int(error.argmax()), error.shape)
        band = int(np.flatnonzero(usable)[column])
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['mmn']}': from k-point {k + 1} "
            f"{point(data.checkpoint, int(k))} to its neighbours the energy of state {band + 1} changes by "
            f"{values[k, band]:.2f} eV on average, at other k-points by {typical[column]:.2f} eV (k.p theory: about "
            f"{free:.2f}); {WRONG_EIG}"
        )
    return passed_or_not(name, True, f"off by up to {error.max():.2f} eV", f"below {allowed:.2f} eV ({expected})", "")
