"""`read_wannier90`: from a seedname to a model, by the best route that the files allow.

    chk route   .chk or .chk.fmt, .eig, .mmn, .spn: exact spin and position matrices, minimal-distance replicas
    tb route    _tb.dat, else _hr.dat (`tight_binding`), where there is no checkpoint

The spin currents of Qiao and Ryoo need the chk route and `.spn`. Ryoo's takes <u_k|sigma|u_k+b> and <u_k|sigma H|u_k+b> from
`.sIu` and `.sHu` where they are; else, and Qiao's always, they are sums over the bands of the files, of sigma, energies, overlaps.

Before a model is made the files are held against each other. Two checks find a wrong `.eig` (a k-point order that
differs from that of the other files, a fault no header shows):

    frozen      every band that .eig puts inside the frozen window of .win lies in the Wannier space
    kinetic     sum_n |<u_mk|u_n,k+b>|^2 (e_n,k+b - e_mk), averaged over b, is the mean of hbar^2 b^2 / 2m over b up to
                nonlocal potentials and missing bands: from k.p theory, <u_mk|H(k+b)|u_mk> = e_mk + b.v + hbar^2 b^2/2m
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import SPIN_CURRENT_OPERATORS, TightBindingModel
from wannier_spin.readers import berri_input
from wannier_spin.readers.files import find_file, require_file, seeds_in, sha256, similar_files
from wannier_spin.readers.tight_binding import (
    WS_DISTANCE_TOLERANCE,
    Spin,
    check_spin,
    hermiticity,
    pure_spinors,
    read_hr,
    read_tb,
)
from wannier_spin.readers.wannier90_files import (
    MISSING_SPN,
    Checkpoint,
    Overlaps,
    SpinNeighbours,
    WinFile,
    check_sizes,
    read_chk,
    read_eig,
    read_mmn,
    read_nnkp_kpoints,
    read_spin_neighbours,
    read_spn,
    read_win,
)

FROZEN_TOLERANCE = 1e-3  # eV. Right files: 4e-13 (Pt, GaAs, Fe, Mn2Au); permuted k-points: 0.2 to 2
KPOINT_TOLERANCE = 1e-5  # reduced; .win and .nnkp carry eight decimals or more
HBAR2_OVER_2M = 3.80998211  # eV angstrom^2
KINETIC_WEIGHT = 0.95  # bands of which at least this part of the norm lies in the bands at k + b
KINETIC_TOLERANCE = (
    0.5,
    1.0,
)  # eV + units of hbar^2 b^2 / 2m. Used up by right files: 51, 21, 39, 31 % (materials as above)


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


def read_wannier90(
    seedname: str | Path,
    *,
    spin: Spin | None = None,
    ws_distance_tolerance: float = WS_DISTANCE_TOLERANCE,
    name: str | None = None,
    spin_current: str | Sequence[str] = "simple",
) -> TightBindingModel:
    """Read the Wannier90 output of a seedname (a path without extension, or a folder with one seed).

    spin: None, matrices from `.spn` where there is a checkpoint, else charge only; "interleaved" or "blocks", pure
    spinors without `.spn`; "files", `.spn` and `.chk` even for a model from `_tb.dat`.
    ws_distance_tolerance: angstrom; replicas whose distances differ by less are tied.
    spin_current: its definitions that will be asked for, "simple", "qiao", "ryoo"; the last two take more memory. With "ryoo"
    alone (or with "simple") `.sIu` and `.sHu` are read where they are; with "qiao" both are made of sums over bands.
    Raises InputError for every kind of missing, damaged or inconsistent file.
    """
    check_spin(spin)
    definitions = _definitions(spin_current)
    if not 0 < ws_distance_tolerance < 1:
        raise InputError(f"ws_distance_tolerance = {ws_distance_tolerance}, expected a length between 0 and 1 angstrom")
    seed = resolve_seed(seedname)
    if definitions and (spin not in (None, "files") or find_file(seed, ".chk", ".chk.fmt") is None):
        raise InputError(
            f"spin_current = '{definitions[0]}' needs .chk, .eig, .mmn and .spn of '{seed}': it tells what pure spinors and "
            "_tb.dat do not, namely of states outside of the Wannier functions; give the files, or take spin_current = 'simple'"
        )
    if find_file(seed, ".chk", ".chk.fmt") is None:
        return read_without_checkpoint(seed, spin, ws_distance_tolerance, name)
    data = read_bloch_data(seed, spin, definitions)
    check_consistency(data)
    bloch = (data.checkpoint, data.energies, data.overlaps, data.spin)
    R = berri_input.build(*bloch, ws_distance_tolerance, seed.name, bool(definitions), data.neighbours)
    n = data.checkpoint.n_wannier
    pure = spin in ("interleaved", "blocks")
    return TightBindingModel(
        lattice=data.checkpoint.lattice,
        R_vectors=R.R_vectors,
        hamiltonian_R=R.hamiltonian,
        position_R=R.position,
        spin_R=pure_spinors(R.R_vectors, n, spin, data.paths["chk"]) if spin and pure else R.spin,
        centres=data.checkpoint.centres,  # what `spin_position` is relative to
        spin_position_R=R.spin_position,
        spin_hamiltonian_position_R=R.spin_hamiltonian_position,
        spin_hamiltonian_R=R.spin_hamiltonian if data.neighbours is None else None,  # Qiao's takes sums over bands only
        name=name or seed.name,
        source={
            "route": "chk",
            "files": json.dumps({path.name: sha256(path) for path in data.paths.values()}),
            "ws_distance": "distance",
            "ws_distance_tolerance": f"{ws_distance_tolerance:g}",
            "spin": "files" if spin is None else spin,
            **({"spin_current": _origin(data)} if definitions else {}),
            "mesh": " ".join(str(n) for n in data.checkpoint.mesh),
            "wannierberri": berri_input.wannierberri_version(),
            "hermiticity_error": json.dumps(hermiticity(R.R_vectors, R.hermitian())),
        },
    )


def resolve_seed(seedname: str | Path) -> Path:
    """Path of the seed: a folder stands for the one seed in it, an extension of a known file is dropped."""
    path = Path(seedname).expanduser()
    if path.is_dir():
        seeds = seeds_in(path)
        if len(seeds) == 1:
            return path / seeds[0]
        found = f"the seeds {', '.join(seeds)}" if seeds else similar_files(path / "?")
        raise InputError(f"'{path}' is a folder; expected exactly one seed in it, found {found}; give a seedname")
    base = path.name.removesuffix(".gz")
    for ending in (".chk", ".chk.fmt", ".win", "_tb.dat", "_hr.dat"):
        if path.is_file() and base.endswith(ending):
            return path.with_name(base[: -len(ending)])
    return path


def read_without_checkpoint(seed: Path, spin: Spin | None, tolerance: float, name: str | None) -> TightBindingModel:
    """From _tb.dat, else _hr.dat. Raises InputError where there is neither."""
    if find_file(seed, "_tb.dat") is not None:
        return read_tb(seed, spin=spin, ws_distance_tolerance=tolerance, name=name)
    if find_file(seed, "_hr.dat") is not None:
        return read_hr(seed, spin=spin, ws_distance_tolerance=tolerance, name=name)
    raise InputError(
        f"no Wannier90 output '{seed}.chk', '{seed}.chk.fmt', '{seed}_tb.dat' or '{seed}_hr.dat' (or .gz); "
        f"{similar_files(seed)}; give the path without extension"
    )


def _definitions(spin_current: str | Sequence[str]) -> tuple[str, ...]:
    """Definitions of the spin current for which more has to be read than for `simple`."""
    names = (spin_current,) if isinstance(spin_current, str) else tuple(spin_current)
    unknown = [name for name in names if name not in SPIN_CURRENT_OPERATORS]
    if unknown:
        raise InputError(f"spin_current = '{unknown[0]}' is not available; choose from {', '.join(SPIN_CURRENT_OPERATORS)}")
    return tuple(name for name in names if name != "simple")


def _origin(data: BlochData) -> str:
    return ".sIu and .sHu" if data.neighbours is not None else "sums over the bands of .mmn, .spn and .eig"


def read_bloch_data(seed: Path, spin: Spin | None, spin_currents: Sequence[str] = ()) -> BlochData:
    """Parse all files of the chk route; `.sIu` and `.sHu` for Ryoo's spin current alone.

    Raises InputError: a file is missing or damaged.
    """
    rerun = "it is written by pw2wannier90.x"
    paths = {
        "chk": require_file(seed, ".chk", ".chk.fmt", advice="it is written by wannier90.x"),
        "eig": require_file(seed, ".eig", advice=rerun),
        "mmn": require_file(seed, ".mmn", advice=f"{rerun}, which needs write_mmn = .true."),
    }
    if spin in (None, "files"):
        paths["spn"] = require_file(seed, ".spn", ".spn.fmt", advice=MISSING_SPN)
    win = find_file(seed, ".win")
    if win is not None:
        paths["win"] = win
    if "ryoo" in spin_currents and "qiao" not in spin_currents:
        paths |= _spin_neighbour_paths(seed)
    neighbours = {kind: read_spin_neighbours(paths[kind]) for kind in ("sIu", "sHu") if kind in paths}
    return BlochData(
        checkpoint=read_chk(paths["chk"]),
        energies=read_eig(paths["eig"]),
        spin=read_spn(paths["spn"]) if "spn" in paths else None,
        overlaps=read_mmn(paths["mmn"]),  # last: by far the slowest
        win=read_win(win) if win is not None else None,
        paths=paths | ({"nnkp": nnkp} if (nnkp := find_file(seed, ".nnkp")) is not None else {}),
        neighbours=SpinNeighbours(**neighbours) if neighbours else None,
    )


def _spin_neighbour_paths(seed: Path) -> dict[str, Path]:
    """`.sIu` and `.sHu`; none of them is fine, one of them is not."""
    found = {kind: find_file(seed, f".{kind}") for kind in ("sIu", "sHu")}
    paths = {kind: path for kind, path in found.items() if path is not None}
    if len(paths) == 1:
        (there,) = paths
        raise InputError(
            f"'{paths[there]}' is there, and '{seed}.{'sIu' if there == 'sHu' else 'sHu'}' is not; Ryoo's spin current takes both, "
            "or none of them: set write_sIu and write_sHu = .true. in the pw2wannier90 input, or move the file away"
        )
    return paths


# --- do the files belong together? ---------------------------------------------------------------------------


def check_consistency(data: BlochData) -> None:
    """Raise InputError unless sizes, k-points and energies of all files agree."""
    chk, paths = data.checkpoint, data.paths
    check_sizes(paths["chk"], chk, paths["eig"], data.energies.shape[1], data.energies.shape[0])
    check_sizes(paths["chk"], chk, paths["mmn"], data.overlaps.matrices.shape[2], data.overlaps.matrices.shape[0])
    if data.spin is not None:
        check_sizes(paths["chk"], chk, paths["spn"], data.spin.shape[1], data.spin.shape[0])
    if data.neighbours is not None:
        for kind, matrices in vars(data.neighbours).items():
            check_sizes(paths["chk"], chk, paths[kind], matrices.shape[2], matrices.shape[0])
            _check_neighbours(data, paths[kind], matrices.shape[1])
    if data.win is not None:
        _check_win(data, data.win)
        check_frozen_bands(data)
    if "nnkp" in paths:
        _check_kpoints(chk, paths["chk"], read_nnkp_kpoints(paths["nnkp"]), paths["nnkp"])
    check_kinetic_energy(data)


def _check_neighbours(data: BlochData, path: Path, n_b: int) -> None:
    if n_b != data.overlaps.matrices.shape[1]:
        raise InputError(
            f"'{path}' has {n_b} neighbours of each k-point, '{data.paths['mmn']}' {data.overlaps.matrices.shape[1]}; the files "
            "are of different runs, write them again together"
        )


def _check_win(data: BlochData, win: WinFile) -> None:
    chk, path = data.checkpoint, data.paths["chk"]
    n_wannier = win.number("num_wann")
    if n_wannier is not None and n_wannier != chk.n_wannier:
        raise InputError(
            f"'{win.path}' asks for {n_wannier:.0f} Wannier functions, '{path}' has {chk.n_wannier}; run wannier90.x again"
        )
    kpoints = win.kpoints()
    if kpoints is not None:
        _check_kpoints(chk, path, kpoints, win.path)


def _check_kpoints(chk: Checkpoint, chk_path: Path, kpoints: NDArray[np.float64], path: Path) -> None:
    if len(kpoints) != chk.n_k:
        raise InputError(f"'{path}' lists {len(kpoints)} k-points, '{chk_path}' has {chk.n_k}; run wannier90.x again")
    away = np.abs(kpoints - chk.kpoints).max(axis=1)
    if away.max() > KPOINT_TOLERANCE:
        k = int((away > KPOINT_TOLERANCE).argmax())
        raise InputError(
            f"k-point {k + 1} is {kpoints[k].tolist()} in '{path}' and {chk.kpoints[k].tolist()} in '{chk_path}'; the "
            "order of the k-points changed between runs, write all files again with one list"
        )


def read_frozen_window(path: str | Path) -> tuple[float, float] | None:
    """The frozen window (eV) of a `.win` file; None if it asks for none."""
    return frozen_window(read_win(Path(path)))


def frozen_window(win: WinFile) -> tuple[float, float] | None:
    """The frozen window (eV) that a `.win` file asks for; None if it asks for none."""
    top = win.number("dis_froz_max")
    if top is None:
        return None
    bottom = [x for x in (win.number("dis_froz_min"), win.number("dis_win_min")) if x is not None]
    return (bottom[0] if bottom else -np.inf), top


def frozen_residual(checkpoint: Checkpoint, energies: NDArray[np.float64], window: tuple[float, float]) -> NDArray[np.float64]:
    """|eigenvalue of H_W(q) - .eig| (k, band) at the mesh points, eV; zero outside the frozen window.

    A frozen band m has the state V^+ e_m in the Wannier space; without it the nearest eigenvalue is what counts.
    """
    V = checkpoint.V
    H = V.conj().swapaxes(1, 2) @ (energies[:, :, None] * V)
    eigenvalues = np.linalg.eigvalsh(H)
    frozen = (energies >= window[0]) & (energies <= window[1])
    # the n-th frozen band is the n-th eigenvalue above those that lie below the window
    below = (eigenvalues < window[0] - FROZEN_TOLERANCE).sum(axis=1, keepdims=True)
    rank = np.clip(np.cumsum(frozen, axis=1) - 1 + below, 0, eigenvalues.shape[1] - 1)
    return np.where(frozen, np.abs(np.take_along_axis(eigenvalues, rank, axis=1) - energies), 0.0)


def check_frozen_bands(data: BlochData) -> None:
    """Raise InputError if the Wannier bands miss an energy of .eig inside the frozen window."""
    window = frozen_window(data.win) if data.win is not None else None
    if window is None or data.win is None:
        return
    residual = frozen_residual(data.checkpoint, data.energies, window)
    if residual.max() > FROZEN_TOLERANCE:
        k = int(residual.max(axis=1).argmax())
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['chk']}': inside the frozen window of '{data.win.path}' "
            f"the Wannier bands miss .eig by {residual[k].max():.3f} eV at k-point {k + 1} "
            f"{_point(data.checkpoint, k)}; {_WRONG_EIG}"
        )


_WRONG_EIG = "the order of its k-points differs, or it is of another run: take all files from one pw2wannier90 run"


def _point(checkpoint: Checkpoint, k: int) -> str:
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


def check_kinetic_energy(data: BlochData) -> None:
    """Raise InputError if energies and overlaps contradict k.p theory, as they do when .eig is out of order."""
    values, expected = kinetic_energies(data)
    usable = np.isfinite(values).sum(axis=0) > len(values) / 2
    if not usable.any():
        return  # too few bands for the sum rule
    typical = np.nanmedian(values[:, usable], axis=0)
    error = np.nan_to_num(np.abs(values[:, usable] - typical))
    if error.max() > KINETIC_TOLERANCE[0] + KINETIC_TOLERANCE[1] * expected:
        k, column = np.unravel_index(int(error.argmax()), error.shape)
        band = int(np.flatnonzero(usable)[column])
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['mmn']}': from k-point {k + 1} "
            f"{_point(data.checkpoint, int(k))} to its neighbours the energy of state {band + 1} changes by "
            f"{values[k, band]:.2f} eV on average, at other k-points by {typical[column]:.2f} eV (k.p theory: about "
            f"{expected:.2f}); {_WRONG_EIG}"
        )
