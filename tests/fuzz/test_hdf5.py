"""Damaged HDF5 files: one message that names the file, or the very numbers that were written. No other exception, no hang, no
silent change.

Two kinds of damage. Of bytes, on files as they are written: stamp and digests must see it. Of structure, with h5py and without
any digest, as in a file of an earlier version: what is expected of the tree must see it, or the numbers are unchanged.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bounded import bounded, says_memory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.integrals.algorithm import Control
from wannier_spin.integrals.tolerance.checkpoint import KIND, Checkpoint
from wannier_spin.storage import read_tree, write_tree
from wannier_spin.storage.reading import DIGEST
from wannier_spin.storage.stamp import LENGTH

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@dataclass(frozen=True)
class File:
    """A whole file, how it is read, and all numbers that reading gives."""

    path: Path
    numbers: Callable[[Path], dict[str, np.ndarray]]

    @property
    def whole(self) -> bytes:
        return self.path.read_bytes()


def numbers_of_result(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, tensor in ws.load(path).items():
        found |= {f"{name} {key}": getattr(tensor, key) for key in ("values", "error", "mu", "temperature", "omega")}
        found |= {f"{name} {key}": block for key, block in tensor.blocks.items()}
    return found


def numbers_of_model(path: Path) -> dict[str, np.ndarray]:
    model = ws.load_model(path)
    names = ("lattice", "R_vectors", "hamiltonian_R", "position_R", "spin_R", "centres")
    return {name: getattr(model, name) for name in names} | {"periodic": np.array(model.periodic)}


def numbers_of_checkpoint(path: Path) -> dict[str, np.ndarray]:
    (state,) = Checkpoint(path, IDENTITY).read()
    return {**{k: np.asarray(v) for k, v in state.as_tree().items()}}


def numbers_of_tree(path: Path) -> dict[str, np.ndarray]:
    tree = read_tree(path, "table")
    return {"numbers": tree["numbers"], "names": tree["names"], "text": np.array(tree["text"])}


IDENTITY: dict[str, str] = {}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, File]:
    folder = tmp_path_factory.mktemp("whole")
    result = ws.compute(
        ws.models.get("weyl"), ["spin_hall", "ac_spin_current"], grid=(4, 4, 2), mu=[0.1, 0.3], temperature=[300, 2000], omega=[0.1]
    )
    result.save(folder / "result.h5")
    ws.models.random_model(n=3, seed=1).save(folder / "model.h5")
    control, boxes = Control(checkpoint=folder / "checkpoint.h5"), ws.Tolerance(0.3, start=4)
    ws.compute(ws.models.get("rashba_exchange"), "spin_hall", tolerance=boxes, mu=0.1, temperature=300, control=control)
    IDENTITY.update(json.loads(read_tree(folder / "checkpoint.h5", KIND)["identity"]))
    tree = {"kind": "table", "numbers": np.arange(1.0, 40.0), "names": np.array(["Pt", "Fe", "Mn₂Au"]), "text": "σ" * 300}
    write_tree(folder / "table.h5", tree)
    readers = {
        "result": numbers_of_result,
        "model": numbers_of_model,
        "checkpoint": numbers_of_checkpoint,
        "table": numbers_of_tree,
    }
    return {kind: File(folder / f"{kind}.h5", numbers) for kind, numbers in readers.items()}


def unchanged(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        np.array_equal(x, b[key], equal_nan=x.dtype.kind == "f") and x.dtype == b[key].dtype for key, x in a.items()
    )


def judged(file: File, damaged: Path) -> str:
    """Refused, or unchanged; anything else fails."""
    try:
        with bounded():
            found = file.numbers(damaged)
    except InputError as error:
        assert not says_memory(error)
        assert str(damaged) in str(error)
        assert len(str(error)) < 2000
        return "refused"
    assert unchanged(file.numbers(file.path), found), "silently changed"
    return "unchanged"


# --- bytes --------------------------------------------------------------------------------------------------------------


@st.composite
def damages(draw: Any) -> tuple[str, float, int, int]:
    """How, where (part of the length), how many bytes, seed."""
    how = draw(st.sampled_from(["flip", "zero", "cut", "noise", "repeat"]))
    return how, draw(st.floats(0, 1, exclude_max=True)), draw(st.sampled_from([1, 2, 8, 64, 512, 4096])), draw(st.integers(0, 255))


def damaged_bytes(whole: bytes, how: str, where: float, count: int, seed: int) -> bytes:
    data, start = bytearray(whole), int(where * len(whole))
    stop = min(len(data), start + count)
    if how == "flip":
        data[start] ^= 1 << seed % 8
    elif how == "zero":
        data[start:stop] = bytes(stop - start)
    elif how == "cut":
        del data[start:]
    elif how == "noise":
        data[start:stop] = np.random.default_rng(seed).bytes(stop - start)
    else:
        data[start:start] = data[start:stop]
    return bytes(data)


def check_damaged_bytes(files: dict[str, File], kind: str, damage: tuple[str, float, int, int], folder: Path) -> str:
    file = files[kind]
    target = folder / "damaged.h5"
    target.write_bytes(damaged_bytes(file.whole, *damage))
    return judged(file, target)


KINDS = ("result", "model", "checkpoint", "table")
OPTIONS: dict[str, Any] = {
    "derandomize": True,
    "deadline": None,  # `bounded` counts the processor's time
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


@settings(max_examples=200, **OPTIONS)
@given(kind=st.sampled_from(KINDS), damage=damages())
def test_damaged_bytes(files: dict[str, File], tmp_path: Path, kind: str, damage: tuple[str, float, int, int]) -> None:
    check_damaged_bytes(files, kind, damage, tmp_path)


@pytest.mark.slow
@settings(max_examples=10_000, **OPTIONS)
@given(kind=st.sampled_from(KINDS), damage=damages())
def test_damaged_bytes_many(files: dict[str, File], tmp_path: Path, kind: str, damage: tuple[str, float, int, int]) -> None:
    check_damaged_bytes(files, kind, damage, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_seen(files: dict[str, File], tmp_path: Path, kind: str) -> None:
    """One bit in each of 300 bytes: none is read as if nothing had happened."""
    length = len(files[kind].whole)
    for place in np.linspace(0, length - 1, 300).astype(int):
        damage = ("flip", (place + 0.5) / length, 1, int(place))
        assert check_damaged_bytes(files, kind, damage, tmp_path) == "refused" or place >= length - LENGTH


@pytest.mark.parametrize("kind", KINDS)
def test_zeroed_numbers_without_stamp_are_seen_by_the_digests(files: dict[str, File], tmp_path: Path, kind: str) -> None:
    """A file that another program has rewritten: its numbers are zeroed in place."""
    target = tmp_path / "changed.h5"
    target.write_bytes(files[kind].whole[:-LENGTH])
    places = {
        "result": "responses/spin_hall/blocks/L0",
        "model": "hamiltonian_R",
        "checkpoint": "states/0/leading",
        "table": "numbers",
    }
    with h5py.File(target, "r+") as file:
        data = file[places[kind]]
        assert np.abs(data[()]).max() > 1e-3
        data[...] = np.zeros(data.shape, data.dtype)
    with pytest.raises(InputError, match="is not what was written"):
        files[kind].numbers(target)


# --- structure ----------------------------------------------------------------------------------------------------------


def without_digests(source: Path, target: Path) -> None:
    """As an earlier version wrote it."""
    target.write_bytes(source.read_bytes()[:-LENGTH])
    with h5py.File(target, "r+") as file:
        file.attrs.pop(DIGEST)
        file.visititems(lambda _, item: item.attrs.pop(DIGEST, None) and None)


def items(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return sorted(names)


def replace(file: h5py.File, name: str, data: Any, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, data=data, **options)


def attribute(file: h5py.File, name: str, number: int, value: Any) -> None:
    group = file[name] if isinstance(file[name], h5py.Group) else file
    keys = sorted(group.attrs)
    if keys:
        group.attrs[keys[number % len(keys)]] = value


def drop_attribute(file: h5py.File, name: str, number: int) -> None:
    group = file[name] if isinstance(file[name], h5py.Group) else file
    keys = sorted(group.attrs)
    if keys:
        del group.attrs[keys[number % len(keys)]]


def moved(file: h5py.File, name: str, make: Callable[[], Any]) -> None:
    del file[name]
    file[name] = make()


def array(file: h5py.File, name: str) -> Any:
    return file[name][()] if isinstance(file[name], h5py.Dataset) else np.zeros(3)


def empty_group(file: h5py.File, name: str) -> None:
    del file[name]
    file.create_group(name)


def virtual(file: h5py.File, name: str) -> None:
    layout = h5py.VirtualLayout(shape=(5,), dtype="f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(5,))
    del file[name]
    file.create_virtual_dataset(name, layout)


STRUCTURES: dict[str, Callable[[h5py.File, str, int], None]] = {
    "missing": lambda f, name, n: f.__delitem__(name),
    "a group for an array": lambda f, name, n: empty_group(f, name),
    "soft link": lambda f, name, n: moved(f, name, lambda: h5py.SoftLink("/")),
    "soft link to itself": lambda f, name, n: moved(f, name, lambda: h5py.SoftLink("/" + name)),
    "external link": lambda f, name, n: moved(f, name, lambda: h5py.ExternalLink("other.h5", "/secret")),
    "loop of hard links": lambda f, name, n: moved(f, name, lambda: f["/"]),
    "twice": lambda f, name, n: f.__setitem__("again", f[name]),
    "texts": lambda f, name, n: replace(f, name, ["a", "b"], dtype=h5py.string_dtype()),
    "whole numbers": lambda f, name, n: replace(f, name, np.zeros(np.shape(array(f, name)), int)),
    "complex": lambda f, name, n: replace(f, name, np.zeros(np.shape(array(f, name)), complex)),
    "records": lambda f, name, n: replace(f, name, np.zeros(3, [("a", "f8"), ("b", "i4")])),
    "references": lambda f, name, n: replace(f, name, np.array([f.ref] * 3, object), dtype=h5py.ref_dtype),
    "ragged": lambda f, name, n: replace(f, name, None, shape=(3,), dtype=h5py.vlen_dtype("f8")),
    "no axes": lambda f, name, n: replace(f, name, 1.0),
    "empty": lambda f, name, n: replace(f, name, np.zeros((0, 3))),
    "nothing": lambda f, name, n: replace(f, name, h5py.Empty("f8")),
    "one more": lambda f, name, n: replace(f, name, np.concatenate([np.atleast_1d(array(f, name))] * 2)),
    "one axis more": lambda f, name, n: replace(f, name, np.asarray(array(f, name))[None]),
    "huge": lambda f, name, n: replace(f, name, None, shape=(2**20, 2**20), dtype="f8", chunks=(64, 64)),
    "huge and packed": lambda f, name, n: replace(f, name, None, shape=(2**40,), dtype="f8", compression="gzip"),
    "elsewhere": lambda f, name, n: replace(f, name, None, shape=(3,), dtype="f8", external=[("/etc/hostname", 0, 24)]),
    "virtual": lambda f, name, n: virtual(f, name),
    "a type": lambda f, name, n: moved(f, name, lambda: np.dtype("f8")),
    "attribute missing": drop_attribute,
    "attribute of another kind": lambda f, name, n: attribute(
        f, name, n, [None, 3.5, "{", [1.0, 2.0], True, -1, "", "[]"][n % 8] or 0
    ),
    "attribute that is an array": lambda f, name, n: attribute(f, name, n, np.zeros((2, 2))),
    "attribute that is nothing": lambda f, name, n: attribute(f, name, n, h5py.Empty("f8")),
}


# what leaves the numbers as they are, or changes them to what could have been written
LAWFUL = {"missing", "whole numbers", "attribute missing", "attribute of another kind", "one more", "no axes", "complex", "texts"}


@settings(max_examples=200, **OPTIONS)
@given(
    kind=st.sampled_from(KINDS[:3]), how=st.sampled_from(sorted(STRUCTURES)), place=st.integers(0, 10**6), number=st.integers(0, 50)
)
def test_damaged_structure(files: dict[str, File], tmp_path: Path, kind: str, how: str, place: int, number: int) -> None:
    check_damaged_structure(files, tmp_path, kind, how, place, number)


@pytest.mark.slow
@settings(max_examples=5_000, **OPTIONS)
@given(
    kind=st.sampled_from(KINDS[:3]), how=st.sampled_from(sorted(STRUCTURES)), place=st.integers(0, 10**6), number=st.integers(0, 50)
)
def test_damaged_structure_many(files: dict[str, File], tmp_path: Path, kind: str, how: str, place: int, number: int) -> None:
    check_damaged_structure(files, tmp_path, kind, how, place, number)


def check_damaged_structure(files: dict[str, File], folder: Path, kind: str, how: str, place: int, number: int) -> None:
    """Without digests nobody can know of a number that is another: then only that nothing but InputError comes out."""
    target = folder / "damaged.h5"
    without_digests(files[kind].path, target)
    with h5py.File(target, "r+") as file:
        names = items(file)
        STRUCTURES[how](file, names[place % len(names)], number)
    try:
        with bounded():
            found = files[kind].numbers(target)
    except InputError as error:
        assert not says_memory(error)
        assert str(target) in str(error)
    else:
        assert how in LAWFUL or unchanged(files[kind].numbers(files[kind].path), found), how


def test_an_earlier_file_loads(files: dict[str, File], tmp_path: Path) -> None:
    for kind, file in files.items():
        without_digests(file.path, tmp_path / f"{kind}.h5")
        assert judged(file, tmp_path / f"{kind}.h5") == "unchanged"


@pytest.mark.parametrize("kind", KINDS)
def test_some_digests_lost(files: dict[str, File], tmp_path: Path, kind: str) -> None:
    """A new file does not become an old one by losing the digest of its root."""
    target = tmp_path / "lost.h5"
    target.write_bytes(files[kind].whole[:-LENGTH])
    with h5py.File(target, "r+") as file:
        groups = [item for item in file.values() if isinstance(item, h5py.Group)]
        file.attrs.pop(DIGEST)
    if groups:
        with pytest.raises(InputError, match="has lost its digest"):
            files[kind].numbers(target)


def test_a_huge_array_is_refused_before_it_is_allocated(files: dict[str, File], tmp_path: Path) -> None:
    target = tmp_path / "huge.h5"
    without_digests(files["model"].path, target)
    with h5py.File(target, "r+") as file:
        STRUCTURES["huge and packed"](file, "spin_R", 0)
    with pytest.raises(InputError, match="which the file cannot hold"):
        ws.load_model(target)


def test_no_link_is_followed(files: dict[str, File], tmp_path: Path) -> None:
    shutil.copy(files["model"].path, tmp_path / "other.h5")
    without_digests(files["model"].path, tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file["spin_R"]
        file["spin_R"] = h5py.ExternalLink(os.fspath(tmp_path / "other.h5"), "/spin_R")
    with pytest.raises(InputError, match="'spin_R' in '/' is a link to somewhere else"):
        ws.load_model(tmp_path / "m.h5")
