"""HDF5 trees, written whole or not at all: the only module that imports h5py.

A *tree* is a nested dictionary. Dictionaries become groups, numpy arrays become datasets, everything
else (strings, numbers, booleans) becomes an attribute. What a tree means is decided by the modules
that own the data (`model`, `results`).

An array with named axes (`Labelled`) becomes a dataset with HDF5 dimension scales, which is what netCDF-4 calls
dimensions: the same file is then readable by h5py, by netCDF and by xarray.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

Tree = dict[str, Any]
SMALL = 65536  # bytes; larger datasets are compressed


@dataclass(frozen=True)
class Labelled:
    """An array with a name for each axis, and what else is to be said about it ("units" is what netCDF reads).

    Each name is an array of one dimension in the same group or in one above, of the length of that axis (the axis's
    coordinates). An array of one dimension that carries its own name is such coordinates. Read back as a plain array.
    """

    data: NDArray[Any]
    axes: tuple[str, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)


def write_tree(path: str | Path, tree: Mapping[str, Any]) -> Path:
    """Write a tree to `path` through a temporary file in the same folder, renamed at the end.

    HDF5 fills memory, not the disk: on a full disk the library cannot close its file, and crashes at exit.

    Raises InputError if the folder does not exist or cannot be written.
    """
    import h5py

    def write(temporary: Path) -> None:
        with h5py.File(temporary, "w", driver="core", backing_store=False) as file:
            _write_group(file, tree)
            for dataset, axes in _labelled(file, tree):
                _attach_scales(dataset, axes)
            file.flush()
            image = file.id.get_file_image()
        with temporary.open("wb") as whole:
            whole.write(image)
            whole.flush()
            os.fsync(whole.fileno())  # some file systems say only now that they are full

    return write_whole(path, write)


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Write any file through a temporary one in the same folder, renamed at the end: `write` gets the temporary name.

    Raises InputError if the folder does not exist or cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        write(temporary)
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
        elif isinstance(value, Labelled):
            dataset = _write_array(group, key, value.data)
            dataset.attrs.update(value.attributes)
            if value.axes == (key,):
                dataset.make_scale(key)
        elif isinstance(value, np.ndarray):
            _write_array(group, key, value)
        else:
            group.attrs[key] = value


def _write_array(group: Any, key: str, value: NDArray[Any]) -> Any:
    import h5py

    if value.dtype.kind == "U":
        return group.create_dataset(key, data=value.astype(object), dtype=h5py.string_dtype())
    packed = {"compression": "gzip", "shuffle": True} if value.nbytes > SMALL else {}
    return group.create_dataset(key, data=value, **packed)


def _labelled(group: Any, tree: Mapping[str, Any]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Every dataset with named axes that is not coordinates itself."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _labelled(group[key], value)
        elif isinstance(value, Labelled) and value.axes != (key,):
            yield group[key], value.axes


def _attach_scales(dataset: Any, axes: tuple[str, ...]) -> None:
    """Make the coordinates with these names, in the dataset's group or the nearest above, the scales of its dimensions."""
    for dimension, name in zip(dataset.dims, axes, strict=True):
        group = dataset.parent
        while name not in group and group.name != "/":
            group = group.parent
        dimension.attach_scale(group[name])


def _read_group(group: Any) -> Tree:
    import h5py

    tree: Tree = {key: _plain(value) for key, value in group.attrs.items()}
    for key, item in group.items():
        tree[key] = _read_group(item) if isinstance(item, h5py.Group) else _read_array(item)
    return tree


def _read_array(dataset: Any) -> Any:
    import h5py

    return dataset.asstr()[()].astype(str) if h5py.check_string_dtype(dataset.dtype) else dataset[()]


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
