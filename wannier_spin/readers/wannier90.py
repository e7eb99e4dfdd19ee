"""`read_wannier90`: from a seedname to a model, by the best route that the files allow.

    chk route   .chk or .chk.fmt, .eig, .mmn, .spn: exact spin and position matrices, minimal-distance replicas
    tb route    _tb.dat, else _hr.dat (`tight_binding`), where there is no checkpoint

The spin currents of Qiao and Ryoo need the chk route and `.spn`. Ryoo's takes <u_k|sigma|u_k+b> and <u_k|sigma H|u_k+b> from
`.sIu` and `.sHu` where they are; else, and Qiao's always, they are sums over the bands of the files, of sigma, energies, overlaps.

Before a model is made the files are held against each other (`consistency`), and the spin matrices against states and bands
(`spin_tests`); what was tested goes with the model as its `Fitness`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from wannier_spin.errors import InputError
from wannier_spin.model import SPIN_CURRENT_OPERATORS, TightBindingModel
from wannier_spin.readers import berri_input
from wannier_spin.readers.bloch_data import BlochData, without_excluded
from wannier_spin.readers.checkpoint import read_chk
from wannier_spin.readers.consistency import check_files
from wannier_spin.readers.energy_tests import read_window
from wannier_spin.readers.files import channels_advice, find_file, in_full, require_file, seeds_in, sha256, similar_files
from wannier_spin.readers.quality import examined, ties_check
from wannier_spin.readers.spin_tests import check_spin_matrices
from wannier_spin.readers.spinors import Spin, check_spin, chosen_order, is_pure, pure_spinors, refuse_without_spinors
from wannier_spin.readers.tight_binding import WSDistance, check_ws_distance, hermiticity, read_hr, read_tb
from wannier_spin.readers.wannier90_files import MISSING_SPN, SpinNeighbours, read_eig, read_mmn, read_spin_neighbours, read_spn
from wannier_spin.readers.wigner_seitz import WS_DISTANCE_TOLERANCE
from wannier_spin.readers.win import read_win
from wannier_spin.versions import installed


def read_wannier90(
    seedname: str | Path,
    *,
    spin: Spin | None = None,
    ws_distance_tolerance: float = WS_DISTANCE_TOLERANCE,
    name: str | None = None,
    spin_current: str | Sequence[str] = "simple",
    ws_distance: WSDistance = "auto",
) -> TightBindingModel:
    """Read the Wannier90 output of a seedname (a path without extension, or a folder with one seed).

    spin: None, matrices from `.spn` where there is a checkpoint, else charge only; "interleaved" or "blocks", pure
    spinors without `.spn`; "auto", pure spinors in the order that the Hamiltonian tells; "files", `.spn` and `.chk` even for a
    model from `_tb.dat`.
    ws_distance_tolerance: angstrom; replicas whose distances differ by less are tied. The default moves into the widest gap
    between distances near it. ws_distance: for `_tb.dat` and `_hr.dat`, see `tight_binding`; "none" for exact models.
    spin_current: its definitions that will be asked for, "simple", "qiao", "ryoo"; the last two take more memory. With "ryoo"
    alone (or with "simple") `.sIu` and `.sHu` are read where they are; with "qiao" both are made of sums over bands.
    Raises InputError for every kind of missing, damaged or inconsistent file, and for one whose tests prove that it is wrong.
    """
    check_spin(spin)
    check_ws_distance(ws_distance)
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
        return read_without_checkpoint(seed, spin, ws_distance_tolerance, name, ws_distance)
    if ws_distance != "auto":
        raise InputError(
            f"ws_distance = '{ws_distance}' is about _tb.dat and _hr.dat, and '{seed}' has a checkpoint, which is read with "
            "minimal distances; leave it out, or name the file _tb.dat or _hr.dat"
        )
    return model_from_checkpoint(seed, spin, ws_distance_tolerance, name, definitions)


def model_from_checkpoint(
    seed: Path,
    spin: Spin | Literal["channel"] | None,
    ws_distance_tolerance: float,
    name: str | None = None,
    definitions: tuple[str, ...] = (),
) -> TightBindingModel:
    """The model of .chk, .eig, .mmn and, unless the functions are pure spinors or those of one spin channel, .spn.

    Raises InputError, and UnfitError.
    """
    data = read_bloch_data(seed, spin, definitions)
    checks = check_files(data)
    if spin != "channel":
        refuse_without_spinors(data.win, spin)
        checks = [*checks, *check_spin_matrices(data)]
    bloch = (data.checkpoint, data.energies, data.overlaps, data.spin)
    R = berri_input.build(*bloch, ws_distance_tolerance, seed.name, bool(definitions), data.neighbours)
    spin_R, ties = R.spin, R.ties
    if is_pure(spin):
        order, told = chosen_order(R.hamiltonian, spin, data.paths["chk"])
        spin_R, spin = pure_spinors(R.R_vectors, data.checkpoint.n_wannier, order, data.paths["chk"]), order
        checks.append(told)
    model = TightBindingModel(
        lattice=data.checkpoint.lattice,
        R_vectors=R.R_vectors,
        hamiltonian_R=R.hamiltonian,
        position_R=R.position,
        spin_R=spin_R,
        centres=data.checkpoint.centres,  # what `spin_position` is relative to
        spin_position_R=R.spin_position,
        spin_hamiltonian_position_R=R.spin_hamiltonian_position,
        spin_hamiltonian_R=R.spin_hamiltonian if data.neighbours is None else None,  # Qiao's takes sums over bands only
        name=name or seed.name,
        source=_source(data, R, spin, ties.ws_distance_tolerance if ties else ws_distance_tolerance, bool(definitions)),
    )
    return examined(model, [*checks, *([ties_check(ties)] if ties else [])])


def _source(
    data: BlochData, R: berri_input.RMatrices, spin: str | None, ws_distance_tolerance: float, spin_currents: bool
) -> dict[str, str]:
    return {
        "route": "chk",
        "files": json.dumps({path.name: sha256(path) for path in data.paths.values()}),
        "ws_distance": "distance",
        "ws_distance_tolerance": f"{ws_distance_tolerance:g}",
        "spin": "files" if spin is None else spin,
        **({"spin_current": _origin(data)} if spin_currents else {}),
        "mesh": " ".join(str(n) for n in data.checkpoint.mesh),
        "wannierberri": installed("wannierberri"),
        "hermiticity_error": json.dumps(hermiticity(R.R_vectors, R.hermitian())),
    }


def resolve_seed(seedname: str | Path) -> Path:
    """Path of the seed: a folder stands for the one seed in it, an extension of a known file is dropped."""
    path = Path(seedname).expanduser()
    if path.is_dir():
        seeds = seeds_in(path)
        if len(seeds) == 1:
            return path / seeds[0]
        found = f"the seeds {', '.join(seeds)}" if seeds else f"none: {similar_files(path / '?')}"
        advice = f"give a seedname{channels_advice(path)}"
        raise InputError(f"'{path}' is a folder; expected exactly one seed in it, found {found}; {advice}")
    base = path.name.removesuffix(".gz")
    for ending in (".chk", ".chk.fmt", ".win", "_tb.dat", "_hr.dat"):
        if path.is_file() and base.endswith(ending):
            return path.with_name(base[: -len(ending)])
    return path


def read_without_checkpoint(
    seed: Path, spin: Spin | None, ws_distance_tolerance: float, name: str | None, ws_distance: WSDistance = "auto"
) -> TightBindingModel:
    """From _tb.dat, else _hr.dat. Raises InputError where there is neither."""
    for ending, read in (("_tb.dat", read_tb), ("_hr.dat", read_hr)):
        if find_file(seed, ending) is not None:
            return read(seed, spin=spin, ws_distance=ws_distance, ws_distance_tolerance=ws_distance_tolerance, name=name)
    raise InputError(
        f"no Wannier90 output '{seed}.chk', '{seed}.chk.fmt', '{seed}_tb.dat' or '{seed}_hr.dat' (or .gz); "
        f"looked in '{in_full(seed.parent)}': {similar_files(seed)}; give the path without extension, of a run that is "
        "finished: wannier90.x writes the .chk"
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


def read_bloch_data(seed: Path, spin: Spin | Literal["channel"] | None, spin_currents: Sequence[str] = ()) -> BlochData:
    """Parse all files of the chk route; `.spn` where `spin` is None or "files", `.sIu` and `.sHu` for Ryoo's spin current alone.

    Raises InputError: a file is missing or damaged.
    """
    rerun = "it is written by pw2wannier90.x"
    paths = {
        "chk": require_file(seed, ".chk", ".chk.fmt", advice="it is written by wannier90.x"),
        "eig": require_file(seed, ".eig", advice=rerun),
        "mmn": require_file(seed, ".mmn", advice=f"{rerun}, which needs write_mmn = .true."),
    }
    if spin in (None, "files"):
        paths["spn"] = require_file(seed, ".spn", ".spn.fmt", advice=MISSING_SPN + channels_advice(seed.parent, seed.name))
    win = find_file(seed, ".win")
    if win is not None:
        paths["win"] = win
    if "ryoo" in spin_currents and "qiao" not in spin_currents:
        paths |= _spin_neighbour_paths(seed)
    neighbours = {kind: read_spin_neighbours(paths[kind]) for kind in ("sIu", "sHu") if kind in paths}
    return without_excluded(
        BlochData(
            checkpoint=read_chk(paths["chk"]),
            energies=read_eig(paths["eig"]),
            spin=read_spn(paths["spn"]) if "spn" in paths else None,
            overlaps=read_mmn(paths["mmn"]),  # last: by far the slowest
            win=read_win(win) if win is not None else None,
            paths=paths | ({"nnkp": nnkp} if (nnkp := find_file(seed, ".nnkp")) is not None else {}),
            neighbours=SpinNeighbours(**neighbours) if neighbours else None,
        )
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


def read_frozen_window(path: str | Path) -> tuple[float, float] | None:
    """The frozen window (eV) of a `.win` file; None if it asks for none."""
    return read_window(read_win(Path(path)), "dis_froz")
