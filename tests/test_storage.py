"""HDF5 trees: what is written comes back, or nothing is written at all."""

import json
import os
import signal
import stat
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from alike import assert_comes_back
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.results import KIND
from wannier_spin.storage import check_writable, read_tree, write_tree
from wannier_spin.storage.schema import Array, Each, Schema, Value, check_tree
from wannier_spin.storage.stamp import fault_of_stamp


def same(a: object, b: object) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and {k for k, v in a.items() if v is not None} == set(b) and all(same(a[k], b[k]) for k in b)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


TREE = {
    "kind": "test",
    "text": "Néel ∥ [110]\nσ_xy;z",
    "empty_text": "",
    "whole": 3,
    "real": 0.1,
    "yes": True,
    "nothing": None,
    "list": [1, 2, 3],
    "words": ["a", "bc"],
    "vector": np.array([1.0, -0.0, np.nan, np.inf]),
    "empty": np.empty((0, 3)),
    "flags": np.array([True, False]),
    "complex": np.array([[1 + 2j, np.pi * 1j]]),
    "whole_numbers": np.arange(6).reshape(2, 3),
    "scalar": np.array(2.5),
    "group": {"deeper": {"deepest": {"x": np.arange(3.0), "nothing": None}}, "empty": {}},
}


def test_round_trip(tmp_path: Path) -> None:
    path = write_tree(tmp_path / "tree.h5", TREE)
    assert path == tmp_path / "tree.h5"
    back = read_tree(path, "test")
    if not isinstance(back["scalar"], np.ndarray):  # HDF5 has no arrays of no dimension
        back["scalar"] = np.array(back["scalar"])
    assert same(TREE, back)


def test_large_arrays_are_compressed_and_exact(tmp_path: Path) -> None:
    import h5py

    large = np.random.default_rng(0).normal(size=(200, 300)).round(2)
    write_tree(tmp_path / "a.h5", {"kind": "test", "large": large, "small": large[:2]})
    assert same(read_tree(tmp_path / "a.h5", "test")["large"], large)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["large"].compression == "gzip"
        assert file["small"].compression is None
    assert (tmp_path / "a.h5").stat().st_size < large.nbytes


def test_a_text_longer_than_64_kib(tmp_path: Path) -> None:
    """An input file with a long list of mu must not fail at the very end."""
    text = "mu = " + str(list(range(30000)))
    write_tree(tmp_path / "a.h5", {"kind": "test", "input": text})
    assert read_tree(tmp_path / "a.h5", "test")["input"] == text


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_tree(tmp_path / "a.h5", {"kind": "test"})
    assert stat.S_IMODE((tmp_path / "a.h5").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


# --- whole or not at all --------------------------------------------------------------------------------------------


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    write_tree(tmp_path / "a.h5", {"kind": "test", "x": 1})
    with pytest.raises(TypeError):
        write_tree(tmp_path / "a.h5", {"kind": "test", "x": object()})
    assert read_tree(tmp_path / "a.h5", "test")["x"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    code = (
        "import resource, sys, numpy as np\n"
        "from wannier_spin.storage import write_tree\n"
        "import h5py\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "x = np.random.default_rng(0).normal(size=40000)\n"
        "try:\n    write_tree(sys.argv[1], {'kind': 'test', 'x': x})\n"
        "except BaseException as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.h5"], capture_output=True, text=True, timeout=60)
    assert list(tmp_path.iterdir()) == []
    assert done.stdout.startswith("InputError cannot write"), done.stdout + done.stderr
    assert "a.h5" in done.stdout


def test_killed_before_the_rename(tmp_path: Path) -> None:
    """The worst moment: everything written, nothing renamed. The old result is whole, the new one does not exist."""
    write_tree(tmp_path / "old.h5", {"kind": "test", "x": 1})
    code = (
        "import os, sys\nfrom wannier_spin import storage\n"
        "os.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "storage.write_tree(sys.argv[1], {'kind': 'test', 'x': 2})"
    )
    for name in ("old.h5", "new.h5"):
        done = subprocess.run([sys.executable, "-c", code, tmp_path / name], timeout=60)
        assert done.returncode == -signal.SIGKILL
    assert read_tree(tmp_path / "old.h5", "test")["x"] == 1
    assert not (tmp_path / "new.h5").exists()


@pytest.mark.parametrize(
    ("path", "part"),
    [("nofolder/a.h5", "'{}/nofolder' does not exist"), ("folder", "is a folder"), ("file/a.h5", "'{}/file' does not exist")],
)
def test_unwritable(tmp_path: Path, path: str, part: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for attempt in (check_writable, lambda target: write_tree(target, {"kind": "test"})):
        with pytest.raises(InputError) as caught:
            attempt(tmp_path / path)
        assert part.format(tmp_path) in str(caught.value)


def test_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(InputError, match="is not writable"):
        check_writable(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["a" * 300 + ".h5", "/proc/a.h5"])
def test_whatever_the_system_refuses_is_an_input_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_tree(tmp_path / name, {"kind": "test"})


@pytest.mark.parametrize("name", ["a" * 300 + ".h5", "/proc/a.h5"])
def test_what_cannot_be_written_later_is_found_before(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        check_writable(tmp_path / name)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_missing_other_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.h5' does not exist"):
        read_tree(tmp_path / "none.h5", "test")
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(InputError, match=r"text\.h5' is not a readable HDF5 file"):
        read_tree(tmp_path / "text.h5", "test")
    write_tree(tmp_path / "other.h5", {"kind": "other"})
    with pytest.raises(InputError, match=r"other\.h5' holds 'other', expected 'test'"):
        read_tree(tmp_path / "other.h5", "test")


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_result(tmp_path: Path, keep: float) -> None:
    ws.compute(ws.models.get("weyl"), "spin_hall", grid=(2, 2, 2), mu=0.1, temperature=300).save(tmp_path / "r.h5")
    whole = (tmp_path / "r.h5").read_bytes()
    (tmp_path / "r.h5").write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(InputError, match=r"r\.h5' is .*truncated" if keep else r"r\.h5' is .*it does not begin like one"):
        ws.load(tmp_path / "r.h5")


def test_result_with_a_missing_group(tmp_path: Path) -> None:
    write_tree(tmp_path / "r.h5", {"kind": KIND, "format": 1})
    with pytest.raises(InputError, match=r"r\.h5"):
        ws.load(tmp_path / "r.h5")


def test_model_with_a_missing_group(tmp_path: Path) -> None:
    write_tree(tmp_path / "m.h5", {"kind": "wannier_spin model", "lattice": np.eye(3)})
    with pytest.raises(InputError, match=r"m\.h5"):
        ws.load_model(tmp_path / "m.h5")


# --- results ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result() -> ws.ResultSet:
    return ws.compute(
        ws.models.get("weyl"),
        ["spin_hall", "edelstein", "displacement_spin_magnetization", "nonlinear_drude_spin_current"],
        grid=(4, 4, 2),
        mu=[0.1, 0.3],
        temperature=[300, 2000],
        omega=[0.01],
        tau=[5, 10],
        units="SI",
    )


def test_result_round_trip(result: ws.ResultSet, tmp_path: Path) -> None:
    assert result.save(tmp_path / "r.h5") == tmp_path / "r.h5"
    back = ws.load(tmp_path / "r.h5")
    assert set(back) == set(result)
    assert back.warnings == result.warnings
    for name, tensor in result.items():
        other = back[name]
        assert vars(tensor).keys() - {"values", "error"} == vars(other).keys() - {"values", "error"}
        for key in ("values", "error", "over_tau", "mu", "temperature", "omega"):
            assert np.array_equal(getattr(tensor, key), getattr(other, key), equal_nan=True), (name, key)
        for key in ("unit", "axes", "tau", "symbol", "equation", "law", "labels", "combination", "dimension", "units", "form"):
            assert getattr(tensor, key) == getattr(other, key), (name, key)
        assert set(tensor.blocks) == set(other.blocks)
        assert np.array_equal(tensor.at(tau=3).values, other.at(tau=3).values)
        assert np.array_equal(tensor.at(units="natural").values, other.at(units="natural").values)


RICH: dict[str, tuple[list[str], dict[str, Any]]] = {
    "atoms and symmetry": (["edelstein", "spin_hall", "injection_spin_magnetization"], {"sites": "atoms", "grid": (4, 4, 1)}),
    "carriers": (["spin_hall", "spin_nernst"], {"carriers": ws.Carriers([-0.1, 0.1], electrons=1), "mu": None, "grid": (6, 6, 1)}),
    "a tolerance with symmetry": (["spin_hall"], {"tolerance": 0.3, "mu": [-1.1], "temperature": 3000}),
    "printed form, SI": (["nonlinear_extrinsic_spin_current"], {"form": "paper", "units": "SI", "tau": [5, 10], "grid": (5, 5, 1)}),
    "merged pairs": (["spin_hall", "orbital_hall"], {"degeneracy_check": True, "degeneracy_tolerance": 0.1, "grid": (4, 4, 1)}),
}


@pytest.mark.parametrize("name", RICH)
def test_all_that_a_result_may_have_comes_back(name: str, tmp_path: Path) -> None:
    model, structure, _ = symmetric_models()["pt_antiferromagnet x"]
    responses, given = RICH[name]
    options = {"mu": [-1.1, 0.3], "temperature": [300, 3000], "omega": [0.15], "broadening": 0.1, **given}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.AccuracyWarning)
        result = ws.compute(model, responses, symmetry=structure, **options)
    assert any(np.abs(tensor.values).max() > 0 for tensor in result.values())
    assert_comes_back(result, tmp_path)


def test_a_file_of_before_the_two_forms_were_compared(tmp_path: Path) -> None:
    """Their difference is an error bar, of a recipe that was not yet written."""
    path = tmp_path / "r.h5"
    found = ws.compute(ws.models.rashba_exchange(), "edelstein", grid=(2, 2, 1), mu=0.1, temperature=3000, blocks=["L1surf"])
    found.save(path)
    tree = read_tree(path, KIND)
    tensor = tree["responses"]["edelstein"]
    recipes = json.loads(tensor["recipes"])
    assert recipes.pop("sea - surface") and found["edelstein"].sea_surface_difference.max() > 0
    tensor["recipes"] = json.dumps(recipes)
    write_tree(path, tree)
    again = ws.load(path)["edelstein"]
    assert again.recipes == found["edelstein"].recipes
    assert np.array_equal(again.sea_surface_difference, found["edelstein"].sea_surface_difference)


def test_order_of_the_responses_survives(result: ws.ResultSet, tmp_path: Path) -> None:
    result.save(tmp_path / "r.h5")
    assert list(ws.load(tmp_path / "r.h5")) == list(result)


def test_provenance_round_trip(result: ws.ResultSet, tmp_path: Path) -> None:
    result.save(tmp_path / "r.h5")
    back = ws.load(tmp_path / "r.h5").provenance
    assert set(back) == set(result.provenance)
    for key, value in result.provenance.items():
        assert np.array_equal(back[key], value) if isinstance(value, np.ndarray) else back[key] == value, key


def test_lists_of_the_provenance_are_their_own_axes(result: ws.ResultSet, tmp_path: Path) -> None:
    """So that netCDF has a name for their length; tables are left as they are."""
    noted = result.with_facts(notes={**result.facts.notes, "few": np.arange(3.0), "table": np.ones((2, 2))})
    noted.save(tmp_path / "r.h5")
    with h5py.File(tmp_path / "r.h5") as file:
        found = file["provenance"]
        assert (found["few"].is_scale, found["table"].is_scale) == (True, False)


def test_file_is_readable_without_this_package(result: ws.ResultSet, tmp_path: Path) -> None:
    """Values, error, axes, unit, equation, units of the axes, and M = -2 mu_B <sigma/2>."""
    import h5py

    result.save(tmp_path / "r.h5")
    with h5py.File(tmp_path / "r.h5") as file:
        assert set(file["responses"]) == set(result)
        group = file["responses/edelstein"]
        assert np.array_equal(group["values"][()], result["edelstein"].values)
        assert np.array_equal(group["magnetization"][()], -2 * result["edelstein"].values)
        assert group["values_over_tau"].shape == (2, *result["edelstein"].values.shape)
        assert group.attrs["unit"] == result["edelstein"].unit
        assert (group.attrs["tau_unit"], group.attrs["mu_unit"], group.attrs["equation"]) == ("fs", "eV", "(5)")
        assert "spin_current_definition" in file["provenance"].attrs


def test_unknown_response_names_what_is_there(result: ws.ResultSet) -> None:
    with pytest.raises(KeyError, match="it has spin_hall, edelstein"):
        result["edelstien"]
    assert "edelstien" not in result
    assert len(result) == 4


# --- what a tree is held against -------------------------------------------------------------------------------------------

ASKED = Schema(
    {
        "x": Array("f", (("n", 3),), finite=True),
        "w": Array("iu", (("n",), ()), optional=True),
        "name": Value((str,)),
        "parts": Each(Array("f", ((2,),)), least=2),
    },
    exact=True,
)
HELD = {"x": np.ones((4, 3)), "w": np.arange(4), "name": "a", "parts": {"one": np.zeros(2), "two": np.full(2, np.nan)}}
WITH_NAN = np.ones((4, 3))
WITH_NAN[2, 1] = np.nan


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"w": np.int64(3)}, None),
        ({"x": WITH_NAN}, "'x' has NaN or infinity"),  # one number of many
        ({"x": np.ones((4, 2))}, r"'x' has the shape \(4, 2\), expected"),
        ({"x": np.ones((4, 3), int)}, "'x' has whole numbers, expected real numbers"),
        ({"w": np.arange(3)}, r"'w' has the shape \(3,\), expected \(4\) or \(\)"),  # not as many as x
        ({"x": [1.0]}, "'x' is no array"),
        ({"x": None}, "'x' is missing"),
        ({"w": None}, None),
        ({"more": 1}, "'more' is unknown"),
        ({"parts": {"one": np.zeros(2)}}, "'parts' has 1 members, expected at least 2"),
        ({"parts": {"one": np.zeros(2), "two": np.zeros(3)}}, r"'parts/two' has the shape \(3,\), expected \(2"),
        ({"parts": 3}, "'parts' is no group"),
        ({"name": 3}, "'name'"),
    ],
)
def test_what_is_wrong_with_a_tree_is_named(change: dict[str, object], fault: str | None) -> None:
    tree = {name: value for name, value in (HELD | change).items() if value is not None}
    if fault is None:
        check_tree("a file", tree, ASKED, "make it again")
        return
    with pytest.raises(InputError, match=f"^a file: {fault}.*; make it again$"):
        check_tree("a file", tree, ASKED, "make it again")


# --- heaps of texts in files without a stamp ----------------------------------------------------------------------------


def heap(sizes: tuple[int, ...], free: int = 16) -> bytes:
    """Objects of so many bytes, and what is free behind them, as HDF5 writes them."""
    data = b"".join(
        struct.pack("<HxxxxxxQ", i + 1, size) + b"\xff" * (-(-size // 8) * 8) for i, size in enumerate(sizes)
    ) + struct.pack("<HxxxxxxQ", 0, free).ljust(free, b"\xff")
    return struct.pack("<4sB3xQ", b"GCOL", 1, 16 + len(data)) + data


@pytest.mark.parametrize("before", [b"", b"something else"])
@pytest.mark.parametrize("sizes", [(), (0,), (8,), (1, 24, 9)])
def test_heaps_of_texts_end_where_they_say(tmp_path: Path, before: bytes, sizes: tuple[int, ...]) -> None:
    """Whole ones pass, one after the other; a length that leads nowhere, or beyond the end, is named by its place."""
    whole, path = before + heap(sizes) + heap((3,)) + heap((), free=24), tmp_path / "x.h5"
    path.write_bytes(whole)
    assert fault_of_stamp(path) is None
    start = len(before) + 16
    for size in (*sizes, None):
        for wrong in (1000, 2**40) if size is not None else (0, 15, 17, 2**40):
            path.write_bytes(whole[: start + 8] + struct.pack("<Q", wrong) + whole[start + 16 :])
            assert fault_of_stamp(path) == f"a heap of texts is damaged at byte {start}"
        start += 16 + -(-(size or 0) // 8) * 8
