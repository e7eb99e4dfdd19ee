"""A `System_R` that wannierberri has saved: a folder with one .npz for each property and matrix.

    real_lattice (rows, angstrom), periodic, wannier_centers_cart, iRvec, and _XX_R_Ham, _XX_R_AA, _XX_R_SS, ... (R, n, n, ...)

Its position AA is <0n|r - tau|Rm>. Files of versions in which R was the last of three indices are known by their shape.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel, with_centres
from wannier_spin.readers.berri_input import NAMES
from wannier_spin.readers.files import sha256
from wannier_spin.readers.quality import examined

NEEDED = ("real_lattice", "iRvec", "wannier_centers_cart", "_XX_R_Ham")


def is_system_folder(path: Path) -> bool:
    """Whether this is a folder that System_R.to_npz (save_npz) has written."""
    return path.is_dir() and (path / "real_lattice.npz").is_file()


def read_system(path: str | Path) -> TightBindingModel:
    """The model of a System_R on disk.

    Without a position matrix AA the position operator is diagonal, with the centres of the functions.

    Raises InputError: files that are missing or damaged, shapes that do not fit, phonons, a SystemSOC.
    """
    path = Path(path)
    if (path / "system_up").is_dir():
        raise InputError(
            f"'{path}' holds a SystemSOC of wannierberri: load it, wannierberri.system.SystemSOC.from_npz('{path}'), then "
            "wannier_spin.berri.from_system_R(system).save('name.model.h5')"
        )
    missing = [name for name in NEEDED if not (path / f"{name}.npz").is_file()]
    if missing:
        raise InputError(f"'{path}' is no whole System_R of wannierberri: {missing[0]}.npz is missing; save the system again")
    if (path / "is_phonon.npz").is_file() and bool(_array(path, "is_phonon")):
        raise InputError(f"'{path}' holds phonons; expected electrons")
    R_vectors = np.asarray(_array(path, "iRvec"), np.int64)
    matrices = _matrices(path, len(R_vectors))
    centres = np.asarray(_array(path, "wannier_centers_cart"), float)
    position = with_centres(matrices["position"], R_vectors, centres) if "position" in matrices else None
    periodic = np.asarray(_array(path, "periodic"), bool) if (path / "periodic.npz").is_file() else np.ones(3, bool)
    files = {file.name: sha256(file) for file in sorted(path.glob("*.npz"))}
    model = TightBindingModel(
        np.asarray(_array(path, "real_lattice"), float),
        R_vectors,
        matrices["hamiltonian"],
        position_R=position,
        centres=centres,
        periodic=(bool(periodic[0]), bool(periodic[1]), bool(periodic[2])),
        name=path.name,
        source={"route": "system", "from": "System_R of wannierberri", "files": json.dumps(files)},
        **{f"{key}_R": X for key, X in matrices.items() if key not in ("hamiltonian", "position")},  # type: ignore[arg-type]
    )
    return examined(model)


def _matrices(path: Path, n_R: int) -> dict[str, NDArray[np.complex128]]:
    """By our names. Raises InputError for shapes that are not (R, n, n, ...)."""
    found = {}
    for theirs, ours in NAMES.items():
        if not (path / f"_XX_R_{theirs}.npz").is_file():
            continue
        X = np.asarray(_array(path, f"_XX_R_{theirs}"), complex)
        if X.ndim > 2 and X.shape[0] == X.shape[1] != n_R and X.shape[2] == n_R:
            X = np.moveaxis(X, 2, 0)
        if X.ndim < 3 or X.shape[0] != n_R or X.shape[1] != X.shape[2]:
            raise InputError(f"'{path / f'_XX_R_{theirs}.npz'}' has shape {X.shape}, expected ({n_R}, n, n, ...)")
        found[ours] = np.ascontiguousarray(X)
    return found


def _array(path: Path, name: str) -> NDArray[np.generic]:
    """What one file holds; of the R vectors, of newer versions with more beside them. Raises InputError."""
    file = path / f"{name}.npz"
    try:
        with np.load(file, allow_pickle=False) as stored:
            key = "iRvec" if "iRvec" in stored.files else "arr_0"
            return np.asarray(stored[key])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"'{file}' is not a readable .npz file: {error!r}; save the system again") from error
