"""HDF5 trees, read with suspicion: only what this package writes comes in, and only as it was written.

Every group carries the digest of all that is in it (`DIGEST`): names, types, shapes, bytes. A file without any is of an earlier
version and loads; one in which some are missing or different does not. Links that leave the file or lead in circles, arrays kept
elsewhere, and sizes that the file cannot hold are refused before they are followed or allocated.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin.errors import InputError
from wannier_spin.storage.stamp import fault_of_stamp

Tree = dict[str, Any]
DIGEST = "tree_sha256"
PACKED = 1100  # gzip makes nothing smaller than by this factor
LARGEST_ATTRIBUTE = 65536  # bytes, HDF5's own limit; long texts are kept elsewhere


class Damaged(Exception):
    """Something in a file that this package does not write."""


def read_tree(path: str | Path, kind: str) -> Tree:
    """Read a tree whose root attribute `kind` must be as given.

    Raises InputError if the file is missing, is not HDF5, is truncated, damaged or changed, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        found = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"'{path}' {found}; expected an HDF5 file written by wannier_spin")
    tree = _whole_tree(path, own=True)
    if tree.get("kind") != kind:
        raise InputError(f"'{path}' holds '{tree.get('kind')}', expected '{kind}'")
    return tree


def foreign_tree(path: str | Path) -> Tree:
    """An HDF5 file of another program, read with the same suspicion. Raises InputError."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"'{path}' does not exist, or is not a file; expected an HDF5 file")
    return _whole_tree(path, own=False)


def _whole_tree(path: Path, *, own: bool) -> Tree:
    """All that is in a file; own : of this package. Raises InputError."""
    import h5py

    try:
        if own and (fault := fault_of_stamp(path)):
            raise Damaged(fault)
        with h5py.File(path, "r") as file:
            tree, _ = _Reader(path.stat().st_size, _is_sealed(file)).read(file)
    except Damaged as error:
        raise InputError(f"'{path}' is damaged: {error}; take a copy of it, or make it again") from error
    except OSError as error:
        what = str(error) if h5py.is_hdf5(path) else "it does not begin like one"
        raise InputError(f"'{path}' is not a readable HDF5 file: {what}") from error
    except MemoryError as error:
        raise InputError(f"'{path}' needs more memory than there is: {error}") from error
    except Exception as error:  # h5py has an exception of some kind for everything that can be wrong in a file
        raise InputError(f"'{path}' is damaged: {type(error).__name__}: {error}; take a copy of it, or make it again") from error
    return tree


def seal(file: Any) -> None:
    """Write the digest of every group of an open file into it."""
    _Reader(None, None).read(file)


def _is_sealed(group: Any) -> bool:
    """Whether any group has a digest: the loss of some must not make an old file of a new one."""
    seen: set[Any] = set()

    def any_digest(group: Any) -> bool:
        return DIGEST in group.attrs or any(any_digest(item) for _, item in _members(group, seen) if _is_group(item))

    return any_digest(group)


class _Reader:
    """One pass over a file. file_size: bytes, None: of a file that is being written. sealed: whether digests must be there; None:
    they are written.
    """

    def __init__(self, file_size: int | None, sealed: bool | None) -> None:
        self.file_size, self.sealed = file_size, sealed
        self.seen: set[Any] = set()

    def read(self, group: Any) -> tuple[Tree, bytes]:
        """What is in a group, and its digest. Raises Damaged."""
        tree: Tree = {}
        digest = hashlib.sha256()
        for key in sorted(group.attrs):
            if key != DIGEST:
                tree[key] = _attribute(group, key)
                digest.update(_framed("attribute", key, repr(tree[key]).encode()))
        for key, item in _members(group, self.seen):
            if key in tree:
                raise Damaged(f"'{_name(group)}' has two things named '{key}'")
            if _is_group(item):
                tree[key], content = self.read(item)
            else:
                tree[key] = self._array(item)
                content = _content(tree[key])
                if self.sealed is None:
                    tree[key] = None  # not kept: it may be large
            digest.update(_framed("group" if _is_group(item) else "array", key, content))
        if self.sealed is None:
            group.attrs[DIGEST] = digest.hexdigest()
        elif self.sealed:
            self._compare(group, digest.hexdigest())
        return tree, digest.digest()

    def _compare(self, group: Any, found: str) -> None:
        if DIGEST not in group.attrs:
            raise Damaged(f"'{_name(group)}' has lost its digest")
        if str(_attribute(group, DIGEST)) != found:
            raise Damaged(f"'{_name(group)}' is not what was written (its digest differs)")

    def _array(self, dataset: Any) -> Any:
        """The data, if the file can hold as many."""
        import h5py

        made = dataset.id.get_create_plist()
        if made.get_layout() == h5py.h5d.VIRTUAL or made.get_external_count():
            raise Damaged(f"'{_name(dataset)}' is kept outside of the file")
        text = h5py.check_string_dtype(dataset.dtype) is not None
        if dataset.shape is None or not (text or dataset.dtype.kind in "biufc"):
            raise Damaged(f"'{_name(dataset)}' has the type {dataset.dtype}, expected numbers or texts")
        size = math.prod(dataset.shape) * dataset.id.get_type().get_size()
        if self.file_size is not None:
            stored = dataset.id.get_storage_size()
            if stored > self.file_size or size > PACKED * stored:
                raise Damaged(f"'{_name(dataset)}' has the shape {dataset.shape}, which the file cannot hold")
        return np.asarray(dataset.asstr()[()]).astype(str) if text else dataset[()]


def _members(group: Any, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Groups and arrays of a group by name. Raises Damaged for anything that is not its own alone."""
    import h5py

    for key in sorted(group):
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise Damaged(f"'{key}' in '{_name(group)}' is a link to somewhere else")
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            raise Damaged(f"'{key}' in '{_name(group)}' is also found elsewhere in the file")
        seen.add(address)
        if not isinstance(item, h5py.Group | h5py.Dataset):
            raise Damaged(f"'{key}' in '{_name(group)}' is neither a group nor an array")
        yield key, item


def _is_group(item: Any) -> bool:
    import h5py

    return isinstance(item, h5py.Group)


def _attribute(group: Any, key: str) -> Any:
    """The value as Python has it: h5py hands out numpy scalars."""
    import h5py

    attribute = group.attrs.get_id(key)
    text = h5py.check_string_dtype(attribute.dtype) is not None
    if attribute.shape is None or not (text or attribute.dtype.kind in "biufc"):
        raise Damaged(f"attribute '{key}' of '{_name(group)}' has the type {attribute.dtype}, expected numbers or texts")
    if attribute.get_storage_size() > LARGEST_ATTRIBUTE:
        raise Damaged(f"attribute '{key}' of '{_name(group)}' has the shape {attribute.shape}")
    value = group.attrs[key]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value


def _content(value: Any) -> bytes:
    """Digest of an array: type, shape and bytes; of texts the texts."""
    array: Any = np.ascontiguousarray(value)
    text = array.dtype.kind == "U"
    digest = hashlib.sha256(f"{'text' if text else array.dtype.str} {np.shape(value)} ".encode())
    digest.update(repr(array.tolist()).encode() if text else array)
    return digest.digest()


def _framed(what: str, key: str, content: bytes) -> bytes:
    """So that no two trees give the same bytes."""
    return f"{what} {key!r} {len(content)}\n".encode() + content


def _name(item: Any) -> str:
    return str(item.name)
