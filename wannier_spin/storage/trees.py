"""HDF5 trees, written whole or not at all.

An array with named axes (`Labelled`) becomes a dataset with HDF5 dimension scales, which is what netCDF-4 calls
dimensions: the same file is then readable by h5py, by netCDF and by xarray.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.storage.files import temporary_beside, write_whole
from wannier_spin.storage.reading import seal
from wannier_spin.storage.stamp import stamp

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
            if "kind" in tree:  # else it is for others to read
                seal(file)
            file.flush()
            image = file.id.get_file_image()
        with temporary.open("wb") as whole:
            whole.write(image)
            whole.write(stamp(image) if "kind" in tree else b"")
            whole.flush()
            os.fsync(whole.fileno())  # some file systems say only now that they are full

    return write_whole(path, write)


def check_writable(path: str | Path, kind: str | None = None) -> None:
    """Raise InputError now if `path` cannot be written later, or (with `kind`) exists and is not an older tree of this kind."""
    path = Path(path)
    temporary_beside(path).unlink()
    if kind is not None and path.exists() and _kind_of(path) != kind:
        raise InputError(
            f"output '{path}' exists and is not an older '{kind}', and is not replaced; remove it, or choose another name with -o"
        )


def _kind_of(path: Path) -> str | None:
    """The root attribute `kind`; None for anything that has none."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs["kind"])
    except Exception:  # whatever h5py says of a damaged file
        return None


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
