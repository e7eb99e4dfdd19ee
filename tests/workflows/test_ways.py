"""The way of a word from the input file to the result goes through few files.

Before the rooms were made (bb5f8a9), by the same method: mu 6 files, tolerance 7, spin_current 7, seedname 1.
"""

import importlib.util
import sys
from pathlib import Path

import wannier_spin as ws

TOOL = Path(__file__).parents[2] / "workflows" / "verification" / "ways.py"
MOST = {"mu": 6, "tolerance": 6, "spin_current": 5, "seedname": 2}
INPUT = """
seedname = "model.h5"
responses = ["spin_hall", "edelstein"]
fermi_energy = 0.0
mu = [0.1, 0.2]
temperature = 3000
grid = [4, 4, 1]
"""


def test_ways_are_short(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("ways", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    ws.models.rashba_exchange().save(tmp_path / "model.h5")
    (tmp_path / "IN.toml").write_text(INPUT, encoding="utf-8")
    profile = sys.getprofile()
    found = tool.of_a_run(tmp_path / "IN.toml", Path(ws.__file__).parent)
    sys.setprofile(profile)
    for word, most in MOST.items():
        way = found[word]
        assert way, word
        assert len(way) <= most, (word, way)
    assert {"request.py", "occupation.py"} <= set(found["mu"])
