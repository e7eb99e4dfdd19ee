"""A result computed again from its own record: the same numbers, and everything that is not as it was is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin.calculation.rerun import SAME, rerun
from wannier_spin.integration.parallel import SERIAL

INPUT = """
seedname = "weyl.model.h5"
responses = ["spin_hall", "edelstein"]
fermi_energy = 0.2
mu = [-0.1, 0.0]
temperature = 1000
tau = 20
[grid]
points = [4, 4, 2]
"""


wannier_spin = pytest.fixture(entry_point)


@pytest.fixture
def result(tmp_path: Path, wannier_spin: Command) -> Path:
    ws.models.get("weyl").save(tmp_path / "weyl.model.h5")
    (tmp_path / "weyl.toml").write_text(INPUT)
    assert wannier_spin("run", tmp_path / "weyl.toml").code == 0
    (tmp_path / "weyl.toml").unlink()  # the record suffices
    return tmp_path / "weyl.h5"


def test_the_same_numbers(wannier_spin: Command, result: Path) -> None:
    done = wannier_spin("rerun", result, "-o", result.with_name("new.h5"))
    assert done.code == 0, done.err
    assert "the same numbers" in done.out
    assert "not as it was" not in done.out
    old, new = ws.load(result), ws.load(result.with_name("new.h5"))
    assert np.abs(old["spin_hall"].values).max() > 1e-3
    for name, tensor in old.items():
        assert np.abs(tensor.values - new[name].values).max() <= SAME * np.abs(tensor.values).max()


def test_another_folder(wannier_spin: Command, result: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = result.rename(tmp_path / "elsewhere" / "weyl.h5")
    done = wannier_spin("rerun", moved)
    assert done.code == 2
    assert f"its input is taken to have been in '{moved.parent}': --folder says where it was" in done.err
    assert wannier_spin("rerun", moved, "--folder", tmp_path).code == 0


def test_another_model_is_seen(wannier_spin: Command, result: Path) -> None:
    ws.models.get("weyl", mass=2.1).save(result.with_name("weyl.model.h5"))
    done = wannier_spin("rerun", result)
    assert done.code == 1
    assert "other numbers than those stored" in done.out
    assert "not as it was: model parameters" in done.out


def test_another_number_is_seen(result: Path) -> None:
    stored = ws.load(result)
    tensor = stored["edelstein"]
    blocks = {name: (1 + 1e-6) * block for name, block in tensor.blocks.items()}
    changed = replace(stored, tensors={**stored.tensors, "edelstein": replace(tensor, blocks=blocks)})
    done = rerun(changed, "weyl.h5", result.parent, SERIAL)
    assert [(c.response, c.same) for c in done.changes] == [("spin_hall", True), ("edelstein", False)]
    assert done.changes[1].relative == pytest.approx(1e-6, rel=1e-3, abs=0)
    assert done.changes[1].in_bars > 0


def test_what_was_zero_has_moved_by_what_it_is(result: Path) -> None:
    stored = ws.load(result)
    tensor = stored["edelstein"]
    blocks = {name: 0 * block for name, block in tensor.blocks.items()}
    changed = replace(stored, tensors={**stored.tensors, "edelstein": replace(tensor, blocks=blocks)})
    moved = rerun(changed, "weyl.h5", result.parent, SERIAL).changes[1].relative
    assert moved == pytest.approx(np.abs(tensor.values).max(), rel=1e-9, abs=0)
    assert moved > 0


def test_another_version_is_named(result: Path) -> None:
    stored = ws.load(result)
    older = stored.with_facts(versions={**stored.facts.versions, "numpy": "1.0"})
    (line,) = rerun(older, "weyl.h5", result.parent, SERIAL).differences
    assert line.startswith("version of numpy: was 1.0, is ")


def test_a_result_from_python_has_no_input(tmp_path: Path, wannier_spin: Command) -> None:
    ws.compute(ws.models.get("weyl"), "spin_hall", grid=(2, 2, 2), mu=0.1, temperature=300).save(tmp_path / "r.h5")
    done = wannier_spin("rerun", tmp_path / "r.h5")
    assert done.code == 2
    assert "has no input file in its record" in done.err
