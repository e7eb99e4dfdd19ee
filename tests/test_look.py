"""Title, size, limits and reference data of a figure, from Python and on the command line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import entry_point

import wannier_spin as ws
from wannier_spin.calculation.converge import Convergence
from wannier_spin.plotting import Look, Reference, plot_comparison, plot_convergence, read_reference
from wannier_spin.results.compare import compared

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
    relative = result.with_facts(fermi_energy=-2.0)  # along mu - E_F the energies of a table of postw90 count from there, too
    for absolute, x in ((False, data.x), (True, data.x + 2.0)):
        figure = ws.plot(relative, responses="spin_hall", look=Look(references=(replace(data, absolute=absolute),)))
        np.testing.assert_allclose(figure.axes[0].containers[-1].lines[0].get_xdata(), x)


def test_what_is_of_one_response_is_refused_for_two(result: ws.ResultSet) -> None:
    with pytest.raises(ws.InputError, match="are of one panel, and 2 are drawn"):
        ws.plot(result, look=Look(title="Both"))
    assert len(ws.plot(result, look=Look(x=(-3.0, -2.0))).axes) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"x": (1.0, 0.0)},
        {"y": (0.0, np.inf)},
        {"size": (0.1, 3.0)},
        {"size": (3.0, 60.0)},
        {"size": (np.nan, 3.0)},
        {"x": (0.0, 0.0)},
    ],
)
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
    wrong = {
        "1 2\n3\n": "3",
        "E, s\n1 2\n": "E, s",
        "1 2 3 4\n": "1 2 3 4",
        "1 2\n1 nan\n": "1 nan",
        "0,1 1,5\n": "0,1 1,5",
        "1": "1",
    }
    for text, line in wrong.items():
        path.write_text(text)
        with pytest.raises(ws.InputError, match=f"found '{line}', expected lines of two or three numbers"):
            read_reference(path)
    path.write_text("#No.   Fermi energy(eV)   SHC((hbar/e)*S/cm)\n   1    20.48   -0.4E+03\n   2    20.68   -0.3E+03\n")
    found = read_reference(path)  # a table of postw90: its numbers of lines were taken for x, its values for errors
    np.testing.assert_allclose([found.x, found.y], [[20.48, 20.68], [-400, -300]])
    assert found.error is None
    assert found.absolute
    path.write_text("1 20.48 -400\n")
    with pytest.raises(ws.InputError, match="-400 in the third column, which is the error of y"):
        read_reference(path)
    path.write_text("# nothing\n")
    with pytest.raises(ws.InputError, match="theirs.dat': expected lines of two or three numbers"):
        read_reference(path)
    with pytest.raises(ws.InputError, match="cannot be read"):
        read_reference(tmp_path / "nothing")


# --- the same of maps in k, Fermi surfaces, scans of meshes, two results ------------------------------------------------

DATA = Reference("theirs", np.array([0.5, 1.5]), np.array([-1.0, 0.5]), np.array([0.1, 0.2]))
LOOK = Look("Mine", (6.0, 5.0), (0.2, 2.0), (-2.0, 1.0), (DATA,))


def looks_as_asked(figure: Any) -> None:
    """Title, size, limits and data of LOOK."""
    axes = figure.axes[0]
    assert tuple(figure.get_size_inches()) == LOOK.size
    assert (axes.get_xlim(), axes.get_ylim()) == (LOOK.x, LOOK.y)
    assert axes.get_title(loc="left").startswith("Mine")
    assert "theirs" in [text.get_text() for text in axes.get_legend().get_texts()]
    np.testing.assert_allclose(axes.containers[-1].lines[0].get_data(), [DATA.x, DATA.y])


def test_bands_and_planes_look_as_they_were_asked_for() -> None:
    model = ws.models.rashba_exchange()
    path = ws.band_map(model, ws.k_path(model, "G 0 0 0; X 1/2 0 0; M 1/2 1/2 0", 12), "spin", "z")
    looks_as_asked(ws.plot_bands(path, fermi_energy=-2.0, look=LOOK))
    plane = ws.k_plane(model, ". 0 0 0; . 1 0 0; . 0 1 0", (5, 5))
    looks_as_asked(ws.plot_plane(ws.band_map(model, plane, "spin", "z"), band=1, look=LOOK))
    response = ws.response_map(model, plane, "edelstein", "yx", mu=-2.0, temperature=300)
    first, second = ws.plot_plane(response, look=Look("A longer title of mine")).axes[0].get_title(loc="left").split("\n")
    assert first == "A longer title of mine"
    assert second.startswith("μ = -2 eV")  # what the numbers are for is not lost


def test_scans_and_comparisons_look_as_they_were_asked_for(result: ws.ResultSet) -> None:
    scan = Convergence(
        "edelstein", "Edelstein effect", "yx", "", ("4x4x1", "8x8x1"), np.array([1, 2]), np.array([0.2, 0.3]), np.array([0.1, 0.05])
    )
    looks_as_asked(plot_convergence([scan], look=LOOK))
    with pytest.raises(ws.InputError, match=r"and 2 are drawn: choose one component \(-c\)"):
        plot_convergence([scan, scan], look=LOOK)
    found, _ = compared(result, result)
    with pytest.raises(ws.InputError, match=r"and 2 are drawn: choose one response"):
        plot_comparison(found, ("a", "b"), look=LOOK)
    figure = plot_comparison(found[:1], ("a", "b"), look=Look("Mine", (6.0, 5.0), (-3.0, -2.0)))
    assert tuple(figure.get_size_inches()) == (6.0, 5.0)
    assert (figure.axes[0].get_title(loc="left"), figure.axes[0].get_xlim()) == ("Mine", (-3.0, -2.0))


def test_two_results_are_drawn_along_what_each_of_them_would_be() -> None:
    """mu in ascending order, from the Fermi energy, or numbers of carriers: as `plot` has them."""
    model, common = ws.models.rashba_exchange(), {"temperature": 300, "grid": (8, 8, 1)}
    one = ws.compute(model, "edelstein", mu=[-2.0, -2.5, -1.0], **common)
    axes = plot_comparison(compared(one, one)[0], ("a", "b"), fermi_energy=-2.0).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [-0.5, 0.0, 1.0])
    assert axes.get_xlabel() == r"$\mu - E_F$ (eV)"
    absolute = Reference("postw90", np.array([-2.5, -1.0]), np.array([0.1, 0.2]), absolute=True)
    axes = plot_comparison(compared(one, one)[0], ("a", "b"), fermi_energy=-2.0, look=Look(references=(absolute,))).axes[0]
    np.testing.assert_allclose(axes.lines[-1].get_xdata(), [-0.5, 1.0])
    doped = ws.compute(model, "edelstein", carriers=ws.Carriers([0.2, 0.1], electrons=1), **common)
    axes = plot_comparison(compared(doped, doped)[0], ("a", "b"), fermi_energy=-2.0).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.1, 0.2])
    assert axes.get_xlabel() == "carriers (electrons per cell)"


def test_what_is_zero_in_both_results_is_not_drawn(result: ws.ResultSet) -> None:
    found, _ = compared(result, result)
    nothing = replace(found[1], tensors=(zeros(found[1].tensors[0]),) * 2)
    assert len(plot_comparison([found[0], nothing], ("a", "b")).axes) == 1
    assert len(plot_comparison([found[0], nothing], ("a", "b"), ["xy", "xy;z"]).axes) == 2  # but where it is asked for
    with pytest.raises(ws.InputError, match="both results are zero everywhere"):
        plot_comparison([nothing], ("a", "b"))


def zeros(tensor: ws.ResponseTensor) -> ws.ResponseTensor:
    return replace(tensor, blocks={name: 0 * block for name, block in tensor.blocks.items()})


def test_a_surface_has_a_title_and_a_size_and_no_limits() -> None:
    surface = ws.fermi_surface(ws.models.get("random_model"), (4, 4, 4), 0.1)
    figure = ws.plot_fermi_surface(surface, look=Look("Mine", (6.0, 5.0)))
    assert (figure.get_suptitle(), tuple(figure.get_size_inches())) == ("Mine", (6.0, 5.0))
    with pytest.raises(ws.InputError, match="no axes"):
        ws.plot_fermi_surface(surface, look=LOOK)
