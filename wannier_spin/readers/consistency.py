"""Do the files of one Wannier90 run belong together? What one of them says is held against what the others say of it.

    overlaps    V^+ M V of `.mmn` is the record of overlaps in `.chk`, to rounding; M(k,b) = M(k+b,-b)^+; |M| <= 1
    centres     those of `.chk` follow from its overlaps and the b vectors: sum_b w_b b arg(M_nn exp(i b.r_n)) = 0
    cell        lattice of `.chk` and of `.win`; k-points of `.chk`, `.win`, `.nnkp` modulo reciprocal lattice vectors
    windows     bands that `.chk` has in its outer window, and those wholly in its Wannier space, against `.eig` and `.win`
    electrons   of the DFT run fill `.eig` up to the Fermi energy that its output states
    kinetic     sum_n |<u_mk|u_n,k+b>|^2 (e_n,k+b - e_mk), averaged over b, is the mean of hbar^2 b^2 / 2m over b up to
                nonlocal potentials and missing bands: from k.p theory, <u_mk|H(k+b)|u_mk> = e_mk + b.v + hbar^2 b^2/2m

What contradicts is an InputError; what may have an innocent reason is a `Check` that is not ok.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.bloch_data import BlochData, check_sizes
from wannier_spin.readers.checkpoint import Checkpoint
from wannier_spin.readers.energy_tests import check_fermi_energy, check_kinetic_energy, check_spreads, check_windows
from wannier_spin.readers.fitness import Check, passed_or_not, untested
from wannier_spin.readers.overlap_tests import check_overlaps
from wannier_spin.readers.win import check_lattice, read_nnkp_kpoints

KPOINT_TOLERANCE = 1e-5  # reduced; .win and .nnkp carry eight decimals or more


def check_files(data: BlochData) -> list[Check]:
    """Raise InputError unless all files agree; what agreed, and what could not be tested."""
    _check_all_sizes(data)
    checks = _check_cell(data)
    if "nnkp" in data.paths:
        _check_kpoints(data.checkpoint, data.paths["chk"], read_nnkp_kpoints(data.paths["nnkp"]), data.paths["nnkp"])
    checks += check_overlaps(data)
    return [*checks, *check_windows(data), check_spreads(data), check_fermi_energy(data), check_kinetic_energy(data)]


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
    away = check_lattice(win, chk.lattice, path)
    if away is None:
        return [untested(name, "no unit_cell_cart in .win", expected)]
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
