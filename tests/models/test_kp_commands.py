"""k·p models in input files: every command either does what it does or says why there is nothing to do."""

from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws

TEXT = """
responses = ["spin_hall"]
mu = [0.0, 0.1]
temperature = 300
units = "natural"
[tolerance]
relative = 1e-4
max_evaluations = {evaluations}
[kp]
hamiltonian = "v*(kx*tx*sz + ky*ty) + D*tz + 0.02*kx*sz"
parameters = {{ v = 0.8, D = 0.04 }}
dimension = 2
cutoff = 0.5
"""

call = pytest.fixture(entry_point)


@pytest.fixture
def bhz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bhz.toml").write_text(TEXT.format(evaluations=100_000))
    return tmp_path / "bhz.toml"


def test_dry_run(bhz: Path, call: Command) -> None:
    done = call("run", bhz, "--dry-run")
    assert done.code == 0
    assert "k.p: 4 bands, 2D" in done.out
    assert not bhz.with_suffix(".h5").exists()


def test_a_run_goes_on_from_its_checkpoint(bhz: Path, call: Command) -> None:
    """With the bits of a run that was not stopped."""
    assert call("run", bhz).code == 0
    whole = ws.load("bhz.h5")["spin_hall"]
    small = bhz.with_name("small.toml")
    small.write_text(TEXT.format(evaluations=1200))
    assert call("run", small).code == 0
    assert ws.load("small.h5")["spin_hall"].converged is False
    assert Path("small.checkpoint.h5").exists()
    small.write_text(TEXT.format(evaluations=100_000))
    done = call("run", small, "--resume")
    assert done.code == 0
    assert "round 1:" not in done.err
    resumed = ws.load("small.h5")["spin_hall"]
    assert resumed.converged
    assert np.abs(whole.values).max() > 0.01
    np.testing.assert_array_equal(resumed.values, whole.values)
    assert not Path("small.checkpoint.h5").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("bands", "-o", "x.png", "--path", "A -0.3 0 0; G 0 0 0; B 0 0.3 0", "-q", "spin", "-c", "z"),
        ("plane", "-o", "x.png", "--corners", ". -0.3 -0.3 0; . 0.3 -0.3 0; . -0.3 0.3 0", "-q", "spin", "-c", "z"),
    ],
)
def test_figures(bhz: Path, call: Command, arguments: tuple[str, ...]) -> None:
    assert call(arguments[0], bhz, *arguments[1:]).code == 0
    assert Path("x.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bands", "-o", "x.png"), "no path is known of: give --path"),
        (("bands", "-o", "x.png", "--path", "A 0 0 0; B 0 0.3 0", "-q", "spin_hall", "-c", "xy;z"), "no means over a cell"),
        (("plane", "-o", "x.png", "-q", "spin", "-c", "z", "--miller", "0", "0", "1"), "Miller indices need a lattice"),
        (("check",), "this needs a crystal"),
        (("convert", "-o", "x.model.h5"), "this needs a crystal"),
        (("fermi-surface", "-o", "x.frmsf"), "this needs a crystal"),
        (("decompose", "-q", "spin_hall", "-c", "xy;z"), "this needs a crystal"),
    ],
)
def test_what_needs_a_crystal(bhz: Path, call: Command, arguments: tuple[str, ...], words: str) -> None:
    done = call(arguments[0], bhz, *arguments[1:])
    assert done.code == 2
    assert words in done.err
