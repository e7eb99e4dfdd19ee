"""What the files of one Wannier90 run hold of its Bloch states, as parsed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.checkpoint import Checkpoint
from wannier_spin.readers.wannier90_files import Overlaps, SpinNeighbours
from wannier_spin.readers.win import WinFile


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
    """`.eig`, `.mmn`, `.spn` without the bands that `.chk` excludes."""
    chk = data.checkpoint
    overlaps = replace(data.overlaps, matrices=chk.without_excluded(data.overlaps.matrices, 2, 3))
    spin = None if data.spin is None else chk.without_excluded(data.spin, 1, 2)
    return replace(data, energies=chk.without_excluded(data.energies, 1), overlaps=overlaps, spin=spin)


def mesh_steps(checkpoint: Checkpoint, overlaps: Overlaps) -> NDArray[np.int64]:
    """b of every neighbour in steps of the mesh, (k, b, 3)."""
    points = np.rint(checkpoint.kpoints * checkpoint.mesh).astype(np.int64)
    return np.asarray(points[overlaps.neighbours] - points[:, None] + overlaps.G * checkpoint.mesh, np.int64)


def check_sizes(chk: Path, checkpoint: Checkpoint, path: Path, n_bands: int, n_k: int) -> None:
    """Raise InputError unless a file has as many bands and k-points as the checkpoint."""
    if (n_bands, n_k) != (checkpoint.n_bands, checkpoint.n_k):
        raise InputError(
            f"'{path}' has {n_bands} bands and {n_k} k-points, '{chk}' has {checkpoint.n_bands} and {checkpoint.n_k}; "
            "the files are of different runs (check exclude_bands), write them again together"
        )


def point(checkpoint: Checkpoint, k: int) -> str:
    """A k-point in words, reduced."""
    return "(" + ", ".join(f"{x:.4f}" for x in checkpoint.kpoints[k]) + ")"
