"""Is this Wannier90 output fit for spin responses? One `Check` per question, for the `check` command.

Nothing is printed and nothing raises for a bad answer: `ok` is True, False, or None where there is no right answer.
The Bloch sums here are plain sums over R at a few k-points, independent of the layers that do them fast.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.readers.files import find_file, is_text
from wannier_spin.readers.wannier90 import frozen_residual, frozen_window, resolve_seed
from wannier_spin.readers.wannier90_files import Checkpoint, read_chk, read_eig, read_win

HERMITICITY_TOLERANCE = 1e-4
SPECTRUM_TOLERANCE = 0.1  # eigenvalues of S(k) off the mesh may leave [-1, 1] by this much
PAULI_TOLERANCE = 0.3  # mean residual of [s_x, s_y] = 2i s_z: Wannier functions are not closed under spin
EIG_TOLERANCE = 1e-3  # eV
PAIR_TOLERANCE = 1e-3  # eV: bands split by less are a pair
MOMENT_TOLERANCE = 0.5  # mu_B; moments in spheres and on a coarse grid are no better
EVEN_TOLERANCE = 0.02  # eV, rms of E(k) - E(-k): interpolation keeps T and P only so well
WINDOW = 5.0  # eV around the Fermi energy
SEED = 20240611  # of the k-points: the same ones each time
N_POINTS = 24
MESH_POINTS = 64  # at most so many mesh points are looked at


@dataclass(frozen=True)
class Check:
    """name; ok (None: for information); value found; value expected; advice where ok is False (else empty)."""

    name: str
    ok: bool | None
    value: str
    expected: str
    advice: str = ""


def check_model(
    model: TightBindingModel,
    seedname: str | Path | None = None,
    structure: Structure | None = None,
    fermi_energy: float | None = None,
) -> list[Check]:
    """All checks that the arguments allow: of the model alone, of the files of `seedname`, of the structure.

    fermi_energy (eV) is needed for the total moment and limits the pair splitting to the bands around it.
    Raises InputError only if a file of `seedname` cannot be read.
    """
    k = off_mesh_points(model)
    energies, states = bands(model, k)
    checks = [_hermiticity(model), *_spin_checks(model, k)]
    checks += _pair_checks(model, energies, fermi_energy)
    checks.append(_parity_check(model, k, energies))
    if fermi_energy is not None and model.spin_R is not None:
        checks.append(_moment(model, fermi_energy, structure))
    if seedname is not None:
        checks += _file_checks(model, resolve_seed(seedname))
    if structure is not None:
        checks.append(_lattice_check(model, structure))
    return checks


def off_mesh_points(model: TightBindingModel) -> NDArray[np.float64]:
    """Reduced k (k, 3): random ones and ones on the axes; zero along directions that are not periodic."""
    k = np.random.default_rng(SEED).uniform(-0.5, 0.5, (N_POINTS, 3))
    k[: N_POINTS // 3, 1:] = 0.0  # symmetry lines are where broken ties of the replicas show
    return np.where(model.periodic, k, 0.0)


def bloch_sum(operator_R: NDArray[np.complex128], R_vectors: NDArray[np.int64], k: NDArray[np.float64]) -> NDArray[np.complex128]:
    """sum_R exp(2 pi i k.R) O(R), shape (k, n, n, ...)."""
    return np.tensordot(np.exp(2j * np.pi * k @ R_vectors.T), operator_R, axes=1)


def bands(model: TightBindingModel, k: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Energies (k, n) eV and states (k, Wannier, n)."""
    energies, states = np.linalg.eigh(bloch_sum(model.hamiltonian_R, model.R_vectors, k))
    return energies, states


def _result(name: str, ok: bool | None, value: str, expected: str, advice: str) -> Check:
    return Check(name, ok, value, expected, advice if ok is False else "")


# --- of the model ----------------------------------------------------------------------------------------------


def _hermiticity(model: TightBindingModel) -> Check:
    """As read, before anything is symmetrised: the reader left the errors in `source`.

    The position is for information: Wannier90's finite differences do not make it Hermitian.
    """
    expected = f"|O(R) - O(-R)^+| below {HERMITICITY_TOLERANCE:g} (H in eV, S); the position may be far from it"
    text = model.source.get("hermiticity_error")
    if text is None:
        return Check("Hermiticity", None, "not recorded", expected)
    errors: dict[str, float] = json.loads(text)
    worst = max((error for key, error in errors.items() if key != "position"), default=0.0)
    value = ", ".join(f"{key} {error:.1e}" for key, error in errors.items())
    return _result(
        "Hermiticity",
        worst < HERMITICITY_TOLERANCE,
        value,
        expected,
        "the file is damaged or has few digits: write it again",
    )


def _spin_checks(model: TightBindingModel, k: NDArray[np.float64]) -> list[Check]:
    if model.spin_R is None:
        return [
            Check(
                "spin matrices",
                False,
                "none",
                "spin matrices in the model",
                "give .spn (write_spn = .true. in pw2wannier90), or spin = 'interleaved'",
            )
        ]
    S = np.moveaxis(bloch_sum(model.spin_R, model.R_vectors, k), -1, 1)  # (k, a, n, m)
    return [_spectrum(S), *_pauli_algebra(S)]


def _spectrum(S: NDArray[np.complex128]) -> Check:
    """A spin matrix projected on any space has its eigenvalues within [-1, 1]; interpolation may overshoot."""
    outside = max(0.0, float(np.abs(np.linalg.eigvalsh(S)).max()) - 1.0)
    advice = (
        "the mesh of the DFT run is too coarse for the spin matrices; or (far beyond 1) they are not Pauli "
        "matrices, or are of another run"
    )
    return _result(
        "spectrum of S(k)",
        outside < SPECTRUM_TOLERANCE,
        f"leaves [-1, 1] by {outside:.4f} off the mesh",
        f"by less than {SPECTRUM_TOLERANCE}",
        advice,
    )


def pauli_residuals(S: NDArray[np.complex128]) -> tuple[float, float]:
    """|[s_x, s_y] - 2i s_z| / |2 s_z|, rms over k, as it is and with s_y -> -s_y. S (k, a, n, m).

    Only the commutator sees the sign of one component: the spectrum and s_a^2 do not.
    """
    x, y, z = S[:, 0], S[:, 1], S[:, 2]
    commutator, target = x @ y - y @ x, 2j * z
    scale = np.linalg.norm(target)
    return float(np.linalg.norm(commutator - target) / scale), float(np.linalg.norm(commutator + target) / scale)


def _pauli_algebra(S: NDArray[np.complex128]) -> list[Check]:
    if np.linalg.norm(S[:, 2]) == 0:
        return [Check("Pauli algebra", False, "s_z vanishes", "[s_x, s_y] = 2i s_z", "the .spn file is empty of spin")]
    right, flipped = pauli_residuals(S)
    sign = _result(
        "sign of s_y",
        right < flipped,
        f"residual {right:.3f}, with -s_y {flipped:.3f}",
        "smaller as it is than with -s_y",
        "the converter wrote s_y with the wrong sign (a known fault of VASP2WAN90): correct the .spn file",
    )
    algebra = _result(
        "Pauli algebra",
        min(right, flipped) < PAULI_TOLERANCE,
        f"{min(right, flipped):.3f}",
        f"below {PAULI_TOLERANCE} (zero if the Wannier functions come in up-down pairs)",
        "the Wannier functions are far from closed under spin; project on up-down pairs, iterate less",
    )
    return [algebra, sign]


def pair_splittings(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """E_2n - E_2n-1, (k, n // 2) eV."""
    even = energies.shape[1] // 2 * 2
    return energies[:, 1:even:2] - energies[:, :even:2]


def _pair_checks(model: TightBindingModel, energies: NDArray[np.float64], fermi_energy: float | None) -> list[Check]:
    """All bands in Kramers pairs (P*T), or not? If they are, by how much does the interpolation split them?"""
    paired, how = come_in_pairs(model, energies)
    checks = [Check("bands", None, ("Kramers pairs" if paired else "no pairs") + how, "pairs if P*T is a symmetry")]
    if not paired:
        return checks
    split = pair_splittings(energies)
    near = np.ones_like(split, bool) if fermi_energy is None else np.abs(energies[:, :-1:2] - fermi_energy) < WINDOW
    worst = float(split[near].max()) if near.any() else 0.0
    where = "all bands" if fermi_energy is None else f"within {WINDOW:g} eV of the Fermi energy"
    advice = (
        "pairs are split by the interpolation: try ws_distance_tolerance = 1e-2 or 1e-3, fewer wannierisation steps "
        "(num_iter), or symmetrise the model"
    )
    value, expected = f"{worst * 1e3:.4f} meV off the mesh ({where})", f"below {PAIR_TOLERANCE * 1e3:g} meV"
    return [*checks, _result("splitting of pairs", worst < PAIR_TOLERANCE, value, expected, advice)]


def come_in_pairs(model: TightBindingModel, energies: NDArray[np.float64]) -> tuple[bool, str]:
    """Whether nine of ten bands are in pairs, at the mesh points where they are known, and how that was found.

    Interpolation is exact at the mesh points, so a splitting there is physics, and one that is only elsewhere is not.
    """
    if model.n_bands % 2:
        return False, " (an odd number of bands)"
    if "mesh" in model.source:
        mesh = np.array([int(n) for n in model.source["mesh"].split()])
        points = np.indices(tuple(mesh)).reshape(3, -1).T[:MESH_POINTS] / mesh
        split, how = pair_splittings(bands(model, points)[0]), " at the mesh points"
    else:
        split, how = pair_splittings(energies[N_POINTS // 3 :]), " at random k-points"
    return bool(
        np.quantile(split, 0.9) < PAIR_TOLERANCE
    ), f"{how} (nine of ten split by less than {np.quantile(split, 0.9) * 1e3:.3g} meV)"


def _parity_check(model: TightBindingModel, k: NDArray[np.float64], energies: NDArray[np.float64]) -> Check:
    """E(k) = E(-k) holds if P or T is a symmetry."""
    opposite, _ = bands(model, -k)
    difference = np.abs(energies - opposite)
    rms = float(np.sqrt((difference**2).mean()))
    kind = "even in k: T or P" if rms < EVEN_TOLERANCE else "not even in k: neither T nor P"
    return Check(
        "E(k) - E(-k)",
        None,
        f"largest {difference.max() * 1e3:.3f}, rms {rms * 1e3:.3f} meV ({kind})",
        "zero if T or P is a symmetry",
    )


def total_moment(model: TightBindingModel, fermi_energy: float, grid: int = 8) -> NDArray[np.float64]:
    """Sum of <sigma> over occupied states per cell, Cartesian, on a shifted grid^d mesh.

    In Bohr magnetons for g = 2, with the sign of DFT codes: up minus down is positive.
    """
    if model.spin_R is None:
        raise InputError(f"model '{model.name}' has no spin matrices")
    counts = [grid if periodic else 1 for periodic in model.periodic]
    k = (np.indices(counts).reshape(3, -1).T + 0.5 * np.array(model.periodic)) / np.array(counts)
    total = np.zeros(3)
    for batch in np.array_split(k, max(1, len(k) // 32)):
        energies, states = bands(model, batch)
        spin = bloch_sum(model.spin_R, model.R_vectors, batch)
        occupied = states * (energies < fermi_energy)[:, None, :]
        density = occupied @ occupied.conj().swapaxes(1, 2)
        total += np.einsum("knma,kmn->a", spin, density).real
    return total / len(k)


def _moment(model: TightBindingModel, fermi_energy: float, structure: Structure | None) -> Check:
    moment = total_moment(model, fermi_energy)
    expected = "that of the DFT run; zero with T or P*T"
    ok = None
    if structure is not None and structure.magnetic_moments.any():
        wanted = structure.magnetic_moments.sum(axis=0)
        expected = f"{_vector(wanted)} within {MOMENT_TOLERANCE:g} mu_B (sum over the structure)"
        ok = bool(np.linalg.norm(moment - wanted) < MOMENT_TOLERANCE)
    return _result(
        "total moment",
        ok,
        f"{_vector(moment)} mu_B per cell",
        expected,
        "the moments of the structure and of the Wannier90 run differ, or the Fermi energy is of another run",
    )


def _vector(values: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{x + 0.0:.3f}" for x in np.round(values, 3)) + ")"


# --- of the files ----------------------------------------------------------------------------------------------


def _file_checks(model: TightBindingModel, seed: Path) -> list[Check]:
    checks = [_formats(seed)]
    chk_path, eig_path = find_file(seed, ".chk", ".chk.fmt"), find_file(seed, ".eig")
    if chk_path is None:
        return [*checks, Check("checkpoint", None, "missing", "a .chk file", "")]
    checkpoint = read_chk(chk_path)  # raises if the list of k-points is not complete
    mesh = " x ".join(str(n) for n in checkpoint.mesh)
    checks.append(Check("k-points", True, f"{checkpoint.n_k} points, {mesh}", "the full mesh"))
    if eig_path is not None:
        checks.append(_against_eig(model, seed, checkpoint, read_eig(eig_path)))
    return checks


def _formats(seed: Path) -> Check:
    """Which files are there, and are they text or binary?"""
    found = []
    for suffix in (".chk", ".chk.fmt", ".eig", ".mmn", ".spn", ".spn.fmt", "_tb.dat", "_wsvec.dat", "_hr.dat"):
        if (path := find_file(seed, suffix)) is not None:
            found.append(f"{path.name} ({'formatted' if is_text(path) else 'unformatted'})")
    return Check("files", None, ", ".join(found) or "none", ".chk, .eig, .mmn, .spn")


def _against_eig(model: TightBindingModel, seed: Path, checkpoint: Checkpoint, energies: NDArray[np.float64]) -> Check:
    """The model's bands at the mesh points against the frozen bands of `.eig`."""
    name, expected = "bands against .eig", f"below {EIG_TOLERANCE * 1e3:g} meV inside the frozen window"
    if energies.shape != checkpoint.V.shape[:2]:
        return Check(name, False, f".eig has shape {energies.shape}", f"{checkpoint.V.shape[:2]}", "files of different runs")
    win = find_file(seed, ".win")
    window = frozen_window(read_win(win)) if win is not None else None
    if window is None and checkpoint.n_bands == checkpoint.n_wannier:
        window = (-np.inf, np.inf)
    if window is None:
        return Check(name, None, "no frozen window", expected)
    difference = mesh_residual(model, checkpoint, energies, window)
    stored = frozen_residual(checkpoint, energies, window)
    worst, rms = float(difference.max()), float(np.sqrt((difference**2).mean()))
    value = f"max {worst * 1e3:.2e}, rms {rms * 1e3:.2e} meV (checkpoint alone: {stored.max() * 1e3:.1e} meV)"
    return _result(name, worst < EIG_TOLERANCE, value, expected, "the files are of different runs, or .eig is out of order")


def mesh_residual(
    model: TightBindingModel,
    checkpoint: Checkpoint,
    energies: NDArray[np.float64],
    window: tuple[float, float],
) -> NDArray[np.float64]:
    """|E_model - .eig| in eV of all bands inside the window at the mesh points, one-dimensional.

    A band of .eig is compared with the eigenvalue of equal rank, counted from the bottom of the window.
    """
    found, _ = bands(model, checkpoint.kpoints)
    out = []
    for e, w in zip(energies, found, strict=True):
        inside = e[(e >= window[0]) & (e <= window[1])]
        start = int((w < window[0] - EIG_TOLERANCE).sum())
        out.append(np.abs(w[start : start + len(inside)] - inside[: len(w) - start]))
    return np.concatenate(out) if out else np.zeros(1)


def _lattice_check(model: TightBindingModel, structure: Structure) -> Check:
    difference = float(np.abs(model.lattice - structure.lattice).max())
    return _result(
        "lattice of the structure",
        difference < 1e-3,
        f"differs by {difference:.1e} angstrom",
        "the lattice vectors of the model, in the same order",
        "give the structure in the cell of the Wannier90 run, for example its .win file",
    )
