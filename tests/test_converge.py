"""`converge`: steps are what a run gives, the verdict follows from them, and wrong requests are refused."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin.calculation import open_inputs
from wannier_spin.calculation.converge import Convergence, converge, grid_steps
from wannier_spin.cli.converge import _steps

INPUT = """
seedname = "weyl.model.h5"
responses = ["spin_hall", "magnetic_spin_hall"]
fermi_energy = 0.2
mu = [-0.1, 0.0]
temperature = 3000
grid = [16, 16, 8]
"""


wannier_spin = pytest.fixture(entry_point)


@pytest.fixture
def input_file(tmp_path: Path) -> Path:
    ws.models.get("weyl").save(tmp_path / "weyl.model.h5")
    (tmp_path / "weyl.toml").write_text(INPUT)
    return tmp_path / "weyl.toml"


def test_steps_are_what_runs_give(input_file: Path) -> None:
    inputs = open_inputs(input_file)
    steps = grid_steps(inputs, (8, 16))
    assert [label for label, _ in steps] == ["8x8x4", "16x16x8"]
    (one,) = converge(inputs, steps, ["xy;z"])[:1]
    assert one.response == "spin_hall"
    for n, value, error in zip((8, 16), one.values, one.errors, strict=True):
        run = ws.compute(inputs.model, one.response, grid=(n, n, n // 2), mu=[0.1, 0.2], temperature=3000, units="SI")[one.response]
        expected, bar = (x[1, 0] for x in run.component("xy;z"))
        assert abs(expected) > 1
        assert value == pytest.approx(expected, rel=1e-9, abs=0)
        assert error == pytest.approx(bar, rel=1e-6, abs=0)
    assert list(one.points) == [256, 2048]


@pytest.mark.parametrize(
    ("own", "sizes", "labels"),
    [
        ([30, 30, 10], (), ["8x8x2", "15x15x5", "30x30x10"]),
        ([15, 10, 1], (), ["4x2x1", "8x6x1", "15x10x1"]),
        ([16, 9, 5], (9, 16), ["9x5x3", "16x9x5"]),
    ],
)
def test_steps_are_in_proportion(tmp_path: Path, own: list[int], sizes: tuple[int, ...], labels: list[str]) -> None:
    """As even or odd as the longest axis; the last of those that nobody told is the mesh of the input."""
    ws.models.get("weyl").save(tmp_path / "weyl.model.h5")
    (tmp_path / "weyl.toml").write_text(INPUT.replace("[16, 16, 8]", str(own)))
    assert [label for label, _ in grid_steps(open_inputs(tmp_path / "weyl.toml"), sizes)] == labels


def test_default_steps_end_with_the_input(input_file: Path) -> None:
    inputs = open_inputs(input_file)
    assert [label for label, _ in grid_steps(inputs)] == ["4x4x2", "8x8x4", "16x16x8"]
    for own, expected in ((0.02, ["0.2", "0.06", "0.02"]), (0.2, ["1", "0.6", "0.2"])):
        input_file.write_text(INPUT.replace("grid = [16, 16, 8]", f"tolerance = {own}"))
        steps = _steps(open_inputs(input_file), (), ())
        assert [label for label, _ in steps] == [f"tolerance {one}" for one in expected]


RECORD = Convergence("r", "r", "xy;z", "1", ("a", "b"), np.array([1, 8]), np.array([2.0, 1.0]), np.array([1.5, 0.01]))


@pytest.mark.parametrize(
    ("values", "errors", "converged", "honest"),
    [
        ([2.0, 1.0], [1.5, 0.01], False, True),  # the last change is large
        ([1.01, 1.0], [0.02, 0.01], True, True),
        ([1.01, 1.0], [0.001, 0.001], True, False),  # the first bar is ten times too small
        ([1.01, 1.0], [0.02, 0.2], False, True),  # the last bar is large
        ([1.01, 1.0], [np.nan, np.nan], True, True),
        ([0.0, 0.0], [0.0, 0.0], False, True),
    ],
)
def test_verdict(values: list[float], errors: list[float], converged: bool, honest: bool) -> None:
    one = replace(RECORD, values=np.array(values), errors=np.array(errors))
    assert (one.converged, one.honest) == (converged, honest)


def test_command_with_tolerances(wannier_spin: Command, tmp_path: Path) -> None:
    ws.models.get("kane_mele").save(tmp_path / "sheet.model.h5")
    (tmp_path / "sheet.toml").write_text('seedname = "sheet.model.h5"\nresponses = ["spin_hall"]\nfermi_energy = 0.0\nmu = 1.2\n')
    done = wannier_spin("converge", tmp_path / "sheet.toml", "--tolerance", "0.5", "--tolerance", "0.2", "-c", "xy;z")
    assert done.code == 0, done.err
    assert done.out.index("tolerance 0.5") < done.out.index("tolerance 0.2")


def test_what_is_forbidden_is_said(wannier_spin: Command, tmp_path: Path, example_inputs: Path) -> None:
    """Inversion forbids a spin density in iron."""
    lines = [
        f'seedname = "{example_inputs / "Fe" / "Fe.model.h5"}"',
        'responses = ["edelstein"]',
        "fermi_energy = 17.6048",
        "mu = 0",
    ]
    lines += ["[symmetry]", f'structure = "{example_inputs / "Fe" / "Fe.win"}"', "magnetic_moments = [[0, 0, 2.2]]"]
    (tmp_path / "Fe.toml").write_text("\n".join(lines))
    done = wannier_spin("converge", tmp_path / "Fe.toml", "--grid", "2", "--grid", "4")
    assert done.code == 0, done.err
    assert "forbidden by symmetry" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "8", "--tolerance", "0.1"], "give one of them"),
        (["--grid", "8"], "two different numbers"),
        (["--grid", "1", "--grid", "8"], "from 2 on"),
        (["--tolerance", "0.1", "--tolerance", "-1"], "up to 1"),
        (["--grid", "2", "--grid", "4", "-c", "xq;z"], "no response of spin_hall, magnetic_spin_hall has a component xq;z"),
        (["-o", "scan.gif"], ".pdf, .png, .svg"),
        (["-o", "no/scan.pdf"], "output folder 'no' does not exist"),
        (["--tolerance", "nan", "--tolerance", "0.1"], "tolerances nan, 0.1: expected two different numbers or more, up to 1"),
    ],
)
def test_wrong_requests(wannier_spin: Command, input_file: Path, arguments: list[str], message: str) -> None:
    done = wannier_spin("converge", input_file, *arguments)
    assert done.code == 2
    assert message in done.err
    assert "computing" not in done.err or "-c" in arguments


def test_a_seedname_is_no_input_file(wannier_spin: Command, input_file: Path) -> None:
    done = wannier_spin("converge", input_file.with_name("weyl.model.h5"))
    assert done.code == 2
    assert "wannier-spin init" in done.err


def test_the_last_step_says_which_component_is_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coarse meshes may have another one."""
    results = []
    for largest in ((0, 1), (0, 1), (1, 0)):
        tensor = ws.compute(ws.models.rashba_exchange(), "edelstein", grid=(2, 2, 1), mu=-2.0, temperature=3000)["edelstein"]
        blocks = {name: 0 * block for name, block in tensor.blocks.items()}
        next(iter(blocks.values()))[(0, 0, *largest)] = 1.0
        results.append(ws.ResultSet({"edelstein": replace(tensor, blocks=blocks)}))
    given = iter(results)
    monkeypatch.setitem(converge.__globals__, "run_model", lambda *_: next(given))
    steps: Any = [(label, None) for label in "abc"]
    inputs: Any = SimpleNamespace(model=None, structure=None)
    (found,) = converge(inputs, steps)
    assert (found.component, found.values.tolist()) == ("yx", [0.0, 0.0, 1.0])
