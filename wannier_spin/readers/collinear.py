"""Collinear magnets without spin-orbit coupling: two runs of Wannier90, one for each spin channel, become one model.

With the moments along a unit vector n the Hamiltonian is block diagonal, spin up (+n) before spin down, and so is sigma.n = +1, -1.
The other two components of sigma turn one channel into the other:

    <0 n up| sigma |R m down> = (e1 - i e2) S_nm(R),   S_nm(R) = <0 n up|R m down> (functions of space),  e1 x e2 = n

They are there where the overlaps S between the channels are given. Without them they are not known, and left zero: no
response to an electric field needs them. The velocity conserves sigma.n, sigma across n changes it by two, so that no product of
velocities with one of these has a trace: the spin is carried along n alone (the spin-only group of a collinear magnet).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.model import TightBindingModel, home, load_model, with_centres
from wannier_spin.readers.fermi import AGREEMENT
from wannier_spin.readers.files import find_file
from wannier_spin.readers.fitness import stored_fitness
from wannier_spin.readers.quality import examined
from wannier_spin.readers.wannier90 import model_from_checkpoint, read_without_checkpoint, resolve_seed
from wannier_spin.readers.wigner_seitz import WS_DISTANCE_TOLERANCE
from wannier_spin.readers.win import WinFile, read_win

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integer = NDArray[np.int64]
SAME_LATTICE = 1e-4  # angstrom
SAME_PLACE = 0.5  # angstrom: functions of the two channels on one atom
WINS = {"up": ("up", "1"), "down": ("down", "2")}  # what `spin` of a .win begins with


@dataclass(frozen=True)
class ChannelOverlaps:
    """S_nm(R) = <0 n up|R m down>: R_vectors (R, 3), matrices (R, n up, n down)."""

    R_vectors: Integer
    matrices: Complex


@dataclass(frozen=True)
class _Channel:
    """One run: its model without spin, and its .win file where there is one."""

    model: TightBindingModel
    win: WinFile | None
    path: Path


def read_collinear(
    up: str | Path,
    down: str | Path,
    axis: Sequence[float] = (0.0, 0.0, 1.0),
    *,
    overlaps: ChannelOverlaps | None = None,
    ws_distance_tolerance: float = WS_DISTANCE_TOLERANCE,
    name: str | None = None,
) -> TightBindingModel:
    """The model of a collinear magnet without spin-orbit coupling, from a run for each spin.

    Parameters
    ----------
    up, down : seednames (.chk with .eig and .mmn, else _tb.dat, else _hr.dat), or saved models (.h5). No `.spn` is needed.
    axis : Cartesian direction n of the moments; without spin-orbit coupling any direction is as good as another.
    overlaps : between the functions of the two channels, for the components of the spin across the axis.
    ws_distance_tolerance : angstrom, as in `read_wannier90`.

    Returns the model with `spin_axis`; functions of the up channel come first.

    Raises InputError: what the readers refuse; channels with other cells, atoms, meshes or Fermi energies, the same channel twice,
    a channel whose .win has the other spin. Warns where the functions of the channels sit on other places.
    """
    direction(axis)  # refused before files are read
    channels = (_channel(Path(up), ws_distance_tolerance), _channel(Path(down), ws_distance_tolerance))
    _check_channels(*channels)
    return join_channels(channels[0].model, channels[1].model, axis, overlaps=overlaps, name=name)


def join_channels(
    up: TightBindingModel,
    down: TightBindingModel,
    axis: Sequence[float] | Real = (0.0, 0.0, 1.0),
    *,
    overlaps: ChannelOverlaps | None = None,
    name: str | None = None,
) -> TightBindingModel:
    """One collinear model of two without spin, see `read_collinear`. Raises InputError where they are not of one crystal."""
    if np.abs(up.lattice - down.lattice).max() > SAME_LATTICE or up.periodic != down.periodic:
        raise InputError(
            f"'{up.name}' and '{down.name}' have different lattice vectors (by up to {np.abs(up.lattice - down.lattice).max():.2g} "
            "angstrom): the two spins of a crystal have one cell"
        )
    unit = direction(axis)
    between = np.empty((0, 3), np.int64) if overlaps is None else overlaps.R_vectors
    R_vectors = np.unique(np.concatenate([up.R_vectors, down.R_vectors, between, -between]), axis=0)
    position = None
    if up.position_R is not None or down.position_R is not None:
        position = _blocks(_position(up), up.R_vectors, _position(down), down.R_vectors, R_vectors)
    model = TightBindingModel(
        lattice=up.lattice,
        R_vectors=R_vectors,
        hamiltonian_R=_blocks(up.hamiltonian_R, up.R_vectors, down.hamiltonian_R, down.R_vectors, R_vectors),
        position_R=position,
        spin_R=_spin(R_vectors, up.n_bands, down.n_bands, unit, overlaps),
        centres=np.concatenate([up.centres, down.centres]),
        spin_axis=unit,
        periodic=up.periodic,
        thickness=up.thickness,
        name=name or _common_name(up.name, down.name),
        source={
            **({"route": "collinear"} if "route" in up.source else {}),
            "spin_axis": " ".join(f"{x:g}" for x in unit),
            "transverse_spin": "not known" if overlaps is None else "from the overlaps between the channels",
            **_both_sources(up, down),
        },
    )
    found = [replace(c, name=f"{s}: {c.name}") for s, m in (("up", up), ("down", down)) for c in stored_fitness(m.source).checks]
    return examined(model, found)


# --- one channel ----------------------------------------------------------------------------------------------


def _channel(path: Path, ws_distance_tolerance: float) -> _Channel:
    if path.suffix == ".h5":
        model = load_model(path)
        if model.spin_R is not None:
            raise InputError(f"'{path}' is a model with spin matrices; expected one of a single spin channel")
        return _Channel(model, None, path)
    seed = resolve_seed(path)
    win = find_file(seed, ".win")
    if find_file(seed, ".chk", ".chk.fmt") is None:
        model = replace(read_without_checkpoint(seed, None, ws_distance_tolerance, None), spin_R=None)
    else:
        model = model_from_checkpoint(seed, "channel", ws_distance_tolerance)
    return _Channel(model, None if win is None else read_win(win), seed)


# --- do they belong together? -----------------------------------------------------------------------------------


def _check_channels(up: _Channel, down: _Channel) -> None:
    """Raise InputError unless the two are the spins of one crystal."""
    for spin, channel in (("up", up), ("down", down)):
        tag = "" if channel.win is None else channel.win.keywords.get("spin", "").lower()
        other = "down" if spin == "up" else "up"
        if tag.startswith(WINS[other]):
            raise InputError(
                f"'{channel.win.path if channel.win else ''}' has spin = {tag}, and was given as {spin}; exchange the two"
            )
    a, b = up.model, down.model
    if np.shape(a.hamiltonian_R) == np.shape(b.hamiltonian_R) and np.abs(a.hamiltonian_R - b.hamiltonian_R).max() < 1e-9:
        raise InputError(f"'{up.path}' and '{down.path}' have the same Hamiltonian: give the runs of both spins")
    meshes = [channel.model.source.get("mesh") for channel in (up, down)]
    if None not in meshes and meshes[0] != meshes[1]:
        raise InputError(f"'{up.path}' has a mesh of {meshes[0]} k-points, '{down.path}' of {meshes[1]}; run both with one mesh")
    if up.win is not None and down.win is not None:
        _check_inputs(up.win, down.win)
    _check_centres(up, down)


def _check_inputs(up: WinFile, down: WinFile) -> None:
    """Atoms and Fermi energies of the two .win files."""
    energies = up.number("fermi_energy"), down.number("fermi_energy")
    if energies[0] is not None and energies[1] is not None and abs(energies[0] - energies[1]) > AGREEMENT:
        raise InputError(
            f"fermi_energy is {energies[0]:g} eV in '{up.path}' and {energies[1]:g} eV in '{down.path}': the two spins of a metal "
            "have one Fermi energy; energies with different zeros cannot be put together"
        )
    if not ({"atoms_frac", "atoms_cart"} & set(up.blocks) and {"atoms_frac", "atoms_cart"} & set(down.blocks)):
        return
    (labels, first), (others, second) = up.atoms(), down.atoms()
    apart = first - second if len(first) == len(second) else np.full((1, 3), np.inf)
    if list(labels) != list(others) or np.abs((apart - np.round(apart)) @ up.lattice()).max() > SAME_PLACE:
        raise InputError(f"'{up.path}' and '{down.path}' have different atoms; the two spins of a crystal have one structure")


def _check_centres(up: _Channel, down: _Channel) -> None:
    """Warn where functions of one channel have no partner in the other: that is allowed, and rarely meant."""
    apart = (up.model.centres[:, None] - down.model.centres[None]) @ np.linalg.inv(up.model.lattice)
    distance = np.linalg.norm((apart - np.round(apart)) @ up.model.lattice, axis=-1)
    alone = max(float(distance.min(axis=0).max()), float(distance.min(axis=1).max()))
    if alone > SAME_PLACE or len(distance) != distance.shape[1]:
        warnings.warn(
            f"'{up.path}' has {len(distance)} Wannier functions, '{down.path}' {distance.shape[1]}, and some sit {alone:.2g} "
            "angstrom from the nearest one of the other spin: were both projected on the same orbitals?",
            AccuracyWarning,
            stacklevel=4,
        )


# --- matrices -------------------------------------------------------------------------------------------------


def _position(model: TightBindingModel) -> Complex:
    """<0n|r|Rm>, also of a model that has centres only."""
    if model.position_R is not None:
        return model.position_R
    return with_centres(np.zeros((*model.hamiltonian_R.shape, 3), complex), model.R_vectors, model.centres)


def _blocks(up: Complex, R_up: Integer, down: Complex, R_down: Integer, R_vectors: Integer) -> Complex:
    """Block-diagonal matrices (R, n, n, ...) on common R vectors."""
    n, size = up.shape[1], up.shape[1] + down.shape[1]
    result = np.zeros((len(R_vectors), size, size, *up.shape[3:]), complex)
    result[_places(R_up, R_vectors), :n, :n] = up
    result[_places(R_down, R_vectors), n:, n:] = down
    return result


def _places(R: Integer, R_vectors: Integer) -> Integer:
    index = {vector: i for i, vector in enumerate(map(tuple, R_vectors.tolist()))}
    return np.array([index[vector] for vector in map(tuple, R.tolist())], np.int64)


def _spin(R_vectors: Integer, n_up: int, n_down: int, n: Real, overlaps: ChannelOverlaps | None) -> Complex:
    """Pauli matrices (R, n, n, 3)."""
    size = n_up + n_down
    spin = np.zeros((len(R_vectors), size, size, 3), complex)
    signs = np.repeat([1.0, -1.0], [n_up, n_down])
    spin[home(R_vectors), np.arange(size), np.arange(size)] = signs[:, None] * n
    if overlaps is None:
        return spin
    if overlaps.matrices.shape != (len(overlaps.R_vectors), n_up, n_down):
        raise InputError(
            f"the overlaps between the channels have shape {overlaps.matrices.shape}, expected "
            f"({len(overlaps.R_vectors)}, {n_up}, {n_down})"
        )
    e1, e2 = transverse_axes(n)
    block = overlaps.matrices[..., None] * (e1 - 1j * e2)
    spin[_places(overlaps.R_vectors, R_vectors), :n_up, n_up:] = block
    spin[_places(-overlaps.R_vectors, R_vectors), n_up:, :n_up] = block.conj().swapaxes(1, 2)
    return spin


def direction(axis: Sequence[float] | Real) -> Real:
    """The unit vector along an axis of moments, (3,) Cartesian. Raises InputError for what is no direction."""
    n = np.asarray(axis, float)
    if n.shape != (3,) or not np.isfinite(n).all() or not n.any():
        raise InputError(f"axis = {axis!r}, expected the direction of the moments, three numbers that are not all zero")
    return np.asarray(n / np.linalg.norm(n))


def transverse_axes(n: Real) -> tuple[Real, Real]:
    """e1, e2 with e1 x e2 = n, unit vectors (3,) each, along theta and phi of spherical coordinates; x and y for n = z."""
    theta, phi = np.arctan2(np.hypot(n[0], n[1]), n[2]), np.arctan2(n[1], n[0])
    e1 = np.array([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)])
    return e1, np.array([-np.sin(phi), np.cos(phi), 0.0])


def _both_sources(up: TightBindingModel, down: TightBindingModel) -> dict[str, str]:
    """What the channels say about themselves: the hashes of all files, the larger error, options that are the same."""
    sources = (up.source, down.source)
    found = {key: value for key, value in up.source.items() if down.source.get(key) == value and key not in ("route", "spin")}
    for key in ("files", "hermiticity_error"):
        if all(key in source for source in sources):
            first, second = (json.loads(source[key]) for source in sources)
            worse = {x: max(second[x], first.get(x, 0.0)) for x in second} if key == "hermiticity_error" else second
            found[key] = json.dumps({**first, **worse})
    return found


def _common_name(up: str, down: str) -> str:
    """What two names begin with: X_up, X_dn -> X."""
    common = "".join(a for i, (a, b) in enumerate(zip(up, down, strict=False)) if up[: i + 1] == down[: i + 1])
    return common.rstrip("_.-") or f"{up}+{down}"
