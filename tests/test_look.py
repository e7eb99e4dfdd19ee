"""Title, size, limits and reference data of a figure, from Python and on the command line."""

from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin.plotting import Look, Reference, read_reference

pytest.importorskip("matplotlib")
wannier_spin = pytest.fixture(entry_point)
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse


@pytest.fixture(scope="module")
def result() -> ws.ResultSet:
    model = ws.models.rashba_exchange()
    return ws.compute(model, ["edelstein", "spin_hall"], grid=(8, 8, 1), mu=[-3.5, -3.0, -2.5, -2.0, -1.5, -1.0], temperature=1000)


def test_a_figure_looks_as_it_was_asked_for(result: ws.ResultSet) -> None:
    data = Reference("postw90", np.array([-3.2, -1.2]), np.array([0.01, 0.03]), np.array([0.001, 0.002]))
    look = Look("Title of mine", (5.0, 4.0), (-3.3, -1.1), (-0.1, 0.2), (data,))
    figure = ws.plot(result, responses="spin_hall", components="xy;z", look=look)
    (axes,) = figure.axes
    assert tuple(figure.get_size_inches()) == (5.0, 4.0)
    assert axes.get_xlim() == (-3.3, -1.1)
    low, high = axes.get_ylim()
    assert high / low == pytest.approx(-2)  # whatever power of ten is at the axis
    legend = axes.get_legend()
    assert legend.get_title().get_text().startswith("Title of mine")
    assert "postw90" in [text.get_text() for text in legend.get_texts()]
    drawn = axes.containers[-1].lines[0].get_data()
    np.testing.assert_allclose(drawn[0], data.x)
    np.testing.assert_allclose(drawn[1] / low, data.y / -0.1)


def test_what_is_of_one_response_is_refused_for_two(result: ws.ResultSet) -> None:
    with pytest.raises(ws.InputError, match="are of one response, and 2 are drawn"):
        ws.plot(result, look=Look(title="Both"))
    assert len(ws.plot(result, look=Look(x=(-3.0, -2.0))).axes) == 2


@pytest.mark.parametrize("wrong", [{"x": (1.0, 0.0)}, {"y": (0.0, np.inf)}, {"size": (0.1, 3.0)}])
def test_limits_and_sizes(wrong: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(ws.InputError, match="expected"):
        Look(**wrong)


def test_reference_files(tmp_path: Path) -> None:
    path = tmp_path / "theirs.dat"
    path.write_text("# E sigma error\n-1.0, 2.0, 0.1\n0 3e3 0.2  # here\n")
    found = read_reference(path)
    assert found.label == "theirs"
    assert found.error is not None
    np.testing.assert_allclose([found.x, found.y, found.error], [[-1, 0], [2, 3000], [0.1, 0.2]])
    for text in ("", "1 2\n3\n", "a b\n", "1 2 3 4\n", "1 nan\n"):
        path.write_text(text)
        with pytest.raises(ws.InputError, match="two or three numbers"):
            read_reference(path)
    with pytest.raises(ws.InputError, match="cannot be read"):
        read_reference(tmp_path / "nothing")


def test_on_the_command_line(wannier_spin: Command, result: ws.ResultSet, tmp_path: Path) -> None:
    file, data = result.save(tmp_path / "R.h5"), tmp_path / "theirs.dat"
    data.write_text("-3 0.1\n-2 0.2\n")
    options = ("--title", "Mine", "--size", "4", "3", "--xlim", "-3", "-1", "--ylim", "-1", "1", "--reference", data)
    done = wannier_spin("plot", file, "-r", "edelstein", "--unit", "mu_B nm/V", *options, "-o", tmp_path / "F.svg")
    assert done.code == 0, done.err
    assert (tmp_path / "F.svg").stat().st_size > 5000
    refused = wannier_spin("plot", file, "--sheet", "--title", "Mine")
    assert refused.code == 2
    assert "--sheet shows everything" in refused.err
