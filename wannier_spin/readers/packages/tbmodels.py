"""Models of TBmodels, in memory and in its HDF5 files.

H(R) = hop[R] + hop[-R]^+: each pair of R vectors is kept once, R = 0 by half. Positions are reduced, in the cell, and the position
operator is diagonal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers.files import sha256
from wannier_spin.readers.packages.hermitian_sum import HermitianSum, embedded, with_spin
from wannier_spin.readers.spinors import Spin
from wannier_spin.storage import foreign_tree


def is_tbmodels(given: object) -> bool:
    """Whether this looks like a Model of TBmodels."""
    return all(hasattr(given, key) for key in ("hop", "uc", "pos", "size"))


def is_tbmodels_file(path: Path) -> bool:
    """Whether this is an HDF5 file of TBmodels."""
    if path.suffix not in (".h5", ".hdf5") or not path.is_file():
        return False
    tree = foreign_tree(path)
    return "hop" in tree.get("tb_model", tree)


def from_tbmodels(model: Any, *, spin: Spin | None = None, name: str | None = None) -> TightBindingModel:
    """The model of a TBmodels model, or of a path to one in HDF5; its lengths are taken as angstrom, its energies as eV.

    spin : None, no spin; or the order of its functions, "interleaved" (up and down alternate), "blocks" (all up first), "auto".

    Raises InputError: no such model, none of 1, 2 or 3 dimensions, no unit cell, an order that the Hamiltonian contradicts.
    """
    if isinstance(model, str | Path):
        path = Path(model)
        found = from_tbmodels(_StoredModel(path), spin=spin, name=name or path.stem)
        return replace(found, source={**found.source, "files": json.dumps({path.name: sha256(path)})})
    if not is_tbmodels(model):
        raise InputError(f"from_tbmodels was given a {type(model).__name__}, expected a Model of TBmodels or a path")
    if model.uc is None:
        raise InputError("this TBmodels model has no unit cell (uc), without which there are no velocities; give it one")
    lattice, centres = embedded(np.asarray(model.uc, float), np.asarray(model.pos, float), "this TBmodels model")
    total, whole = HermitianSum(int(model.size)), slice(None)
    for R, matrix in model.hop.items():
        dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
        total.add(R, whole, whole, np.asarray(dense, complex))
    R_vectors, H = total.arrays()
    a, b, c = (direction < len(model.uc) for direction in range(3))
    found = TightBindingModel(
        lattice, R_vectors, H, centres=centres, periodic=(a, b, c), name=name or "tbmodels", source={"from": "TBmodels"}
    )
    return with_spin(found, spin)


class _StoredModel:
    """What a file of TBmodels holds, with the attributes of its model. Raises InputError."""

    def __init__(self, path: Path) -> None:
        tree = foreign_tree(path)
        tree = tree.get("tb_model", tree)
        try:
            self.size = int(tree["size"])
            self.uc = np.asarray(tree["uc"], float) if "uc" in tree else None
            self.pos = np.asarray(tree["pos"], float)
            self.hop = {tuple(np.asarray(part["R"]).tolist()): _matrix(part) for part in tree["hop"].values()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"'{path}' is not a whole model of TBmodels: {error!r}; expected size, uc, pos and hop, as to_hdf5_file writes"
            ) from error


def _matrix(part: Mapping[str, Any]) -> Any:
    """Dense, or rows compressed."""
    if "mat" in part:
        return np.asarray(part["mat"], complex)
    dense = np.zeros(tuple(int(n) for n in part["shape"]), complex)
    starts = np.asarray(part["indptr"])
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    dense[rows, np.asarray(part["indices"])] = part["data"]
    return dense
