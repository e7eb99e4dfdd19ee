"""HDF5 trees, written whole or not at all: the only module that imports h5py.

A *tree* is a nested dictionary. Dictionaries become groups, numpy arrays become datasets, everything
else (strings, numbers, booleans) becomes an attribute. What a tree means is decided by the modules
that own the data (`model`, `results`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin.errors import InputError

Tree = dict[str, Any]
SMALL = 65536  # bytes; larger datasets are compressed


def write_tree(path: str | Path, tree: Mapping[str, Any]) -> Path:
    """Write a tree to `path` through a temporary file in the same folder, renamed at the end.

    Raises InputError if the folder does not exist or cannot be written.
    """
    import h5py

    path = Path(path)
    temporary = _temporary(path)
    try:
        with h5py.File(temporary, "w") as file:
            _write_group(file, tree)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # h5py raises RuntimeError when it cannot close a file on a full disk
        raise InputError(f"cannot write '{path}': {error}; is the disk full? Or choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file, whole or not at all. Raises InputError if that is impossible."""
    path = Path(path)
    temporary = _temporary(path)
    try:
        temporary.write_text(text, encoding="utf-8")
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error}; is the disk full? Or choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def read_tree(path: str | Path, kind: str) -> Tree:
    """Read a tree whose root attribute `kind` must be as given.

    Raises InputError if the file is missing, is not HDF5, is truncated, or holds something else.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        found = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"'{path}' {found}; expected an HDF5 file written by wannier_spin")
    try:
        with h5py.File(path, "r") as file:
            tree = _read_group(file)
    except OSError as error:
        raise InputError(f"'{path}' is not a readable HDF5 file (truncated?): {error}") from error
    if tree.get("kind") != kind:
        raise InputError(f"'{path}' holds '{tree.get('kind')}', expected '{kind}'")
    return tree


def check_writable(path: str | Path, kind: str | None = None) -> None:
    """Raise InputError now if `path` cannot be written later, or (with `kind`) exists and is not an older tree of this kind."""
    path = Path(path)
    _temporary(path).unlink()
    if kind is not None and path.exists() and _kind_of(path) != kind:
        raise InputError(f"output '{path}' exists and is not an older '{kind}', and is not replaced; choose another name with -o")


def _kind_of(path: Path) -> str | None:
    """The root attribute `kind`; None for anything that has none."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs["kind"])
    except (OSError, KeyError):
        return None


def _temporary(path: Path) -> Path:
    """A new empty file beside `path`; InputError if that is impossible."""
    try:
        if path.is_dir():
            raise InputError(f"output '{path}' is a folder; give the name of a file")
        if not path.parent.is_dir():
            raise InputError(f"output folder '{path.parent}' does not exist; create it or choose another with -o")
        if not os.access(path.parent, os.W_OK):
            raise InputError(f"output folder '{path.parent}' is not writable; choose another with -o")
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:32]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error}; choose another place with -o") from error
    os.close(handle)
    return Path(temporary)


def _write_group(group: Any, tree: Mapping[str, Any]) -> None:
    for key, value in tree.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            _write_group(group.create_group(key), value)
        elif isinstance(value, np.ndarray):
            packed = {"compression": "gzip", "shuffle": True} if value.nbytes > SMALL else {}
            group.create_dataset(key, data=value, **packed)
        else:
            group.attrs[key] = value


def _read_group(group: Any) -> Tree:
    import h5py

    tree: Tree = {key: _plain(value) for key, value in group.attrs.items()}
    for key, item in group.items():
        tree[key] = _read_group(item) if isinstance(item, h5py.Group) else item[()]
    return tree


def _plain(value: Any) -> Any:
    """Attributes come back as numpy scalars; hand out Python ones."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
