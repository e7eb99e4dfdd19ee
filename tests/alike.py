"""Whether two results, records or trees are the same to the bit."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

import wannier_spin as ws
from wannier_spin.results.store import KIND
from wannier_spin.storage import read_tree


def assert_comes_back(result: ws.ResultSet, folder: Path) -> None:
    """Every field of the results and of the record of the run comes out of a file, and is saved again as it was."""
    again = ws.load(result.save(folder / "1.h5"))
    assert list(again) == list(result)
    assert again.warnings == result.warnings
    assert_alike(again.provenance, result.provenance, "provenance")
    for name, tensor in result.items():
        assert_alike(again[name], tensor, name)
        assert str(again[name]) == str(tensor)
    trees = [read_tree(path, KIND) for path in (folder / "1.h5", again.save(folder / "2.h5"))]
    assert_alike(*trees, "file")


def assert_alike(a: Any, b: Any, where: str) -> None:
    """Through records, mappings and sequences. Only what is known of a run may stand in another order."""
    if is_dataclass(a):
        assert type(a) is type(b), where
        a, b = ({one.name: getattr(x, one.name) for one in fields(x)} for x in (a, b))
    if isinstance(a, Mapping):
        assert a.keys() == b.keys(), where
        assert "provenance" in where or list(a) == list(b), where
        for key in a:
            assert_alike(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        assert np.shape(a) == np.shape(b), where
        np.testing.assert_array_equal(a, b, err_msg=where)
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, pair in enumerate(zip(a, b, strict=True)):
            assert_alike(*pair, f"{where}[{i}]")
    else:
        assert a == b or a != a and b != b, where
