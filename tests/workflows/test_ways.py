"""The way of a word from the input file to the result goes through few files, and few functions name it.

Before the rooms were made (bb5f8a9), by the same method, files and functions: on a mesh mu 6 and 17, tolerance 7 and 16,
spin_current 7 and 14, seedname 1 and 1; within a tolerance mu 7 and 21, tolerance 8 and 14, spin_current 7 and 15. One function
more names mu, and one the tolerance, since what is asked for is checked before the model is read.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

import wannier_spin as ws

TOOL = Path(__file__).parents[2] / "workflows" / "verification" / "ways.py"
MOST = {"mu": (5, 17), "tolerance": (6, 13), "spin_current": (5, 7), "seedname": (1, 1)}
WITHIN_A_TOLERANCE = MOST | {"mu": (5, 19), "tolerance": (6, 14)}
INPUT = """
seedname = "model.h5"
responses = ["spin_hall", "edelstein"]
fermi_energy = 0.0
mu = [0.1, 0.2]
temperature = 3000
"""


@pytest.mark.parametrize(
    ("how", "most"), [("grid = [4, 4, 1]", MOST), ("tolerance = { relative = 0.1, start = 4 }", WITHIN_A_TOLERANCE)]
)
def test_ways_are_short(tmp_path: Path, how: str, most: dict[str, tuple[int, int]]) -> None:
    spec = importlib.util.spec_from_file_location("ways", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    ws.models.rashba_exchange().save(tmp_path / "model.h5")
    (tmp_path / "IN.toml").write_text(INPUT + how + "\n", encoding="utf-8")
    profile = sys.getprofile()
    found = tool.of_a_run(tmp_path / "IN.toml", Path(ws.__file__).parent)
    sys.setprofile(profile)
    for word, (files, functions) in most.items():
        way = found[word]
        assert 0 < len(way) <= files, (word, way)
        assert sum(map(len, way.values())) <= functions, (word, way)
    assert {"request.py", "occupation.py"} <= set(found["mu"])
