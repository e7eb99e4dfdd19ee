"""What a result comes to in a few lines, and parts of it by what they are."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.components import component_names
from wannier_spin.results import independent, show
from wannier_spin.results.html import _svg, curve
from wannier_spin.results.show import advice, entries, largest_bar, state

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
SMALL = 1500  # letters
NAMES = ["spin_hall", "edelstein", "magnetic_spin_hall", "ac_spin_current"]
NAMES += ["injection_spin_magnetization", "shift_spin_magnetization"]


@pytest.fixture(scope="module")
def iron(example_inputs: Path) -> ws.ResultSet:
    folder = example_inputs / "Fe"
    crystal = ws.read_structure(folder / "Fe.win", [(0, 0, 2.2)])
    scan = {"mu": [17.4, 17.5, 17.6], "temperature": [3000, 4000], "omega": [0.1, 0.2], "broadening": 0.05, "tau": [10, 50]}
    model = ws.load_model(folder / "Fe.model.h5")
    result = ws.compute(model, NAMES, grid=(4, 4, 4), units="SI", symmetry=crystal, **scan)
    return result.with_facts(fermi_energy=17.49)


def test_reprs_are_small_and_say_what_it_is(iron: ws.ResultSet) -> None:
    for thing, words in [
        (iron, ("grid 4x4x4", "139.537", "spin_hall", "forbidden by symmetry: edelstein", "E_F = 17.49 eV")),
        (iron["spin_hall"], ("spin Hall effect", "(hbar/e) S m^-1", "3 x 2 x 3 x 3 x 3", "mu = 17.4, 17.5, 17.6 eV", "bars up to")),
        (iron["ac_spin_current"], ("omega = 0.1, 0.2 eV", "cos")),
        (iron["spin_hall"]["xy;z"], ("xy;z", "(hbar/e) S m^-1", "T = 3000 K")),
    ]:
        assert len(repr(thing)) < SMALL
        for word in words:
            assert word in repr(thing), (word, repr(thing))


def test_all_independent_components_of_a_dynamic_response(iron: ws.ResultSet) -> None:
    """What is even and what is odd under T together; every component follows from those that are named."""
    for name in ("ac_spin_current", "injection_spin_magnetization", "shift_spin_magnetization"):
        tensor = iron[name]
        for part in range(2):
            found = independent(tensor, iron.facts, part)
            assert found
            named = [n.removeprefix("-") for group in found for n in (group.name, *group.others)]
            assert len(named) == len(set(named))
            values = tensor.values[:, :, :, part].reshape(-1, len(component_names(tensor)))
            top = np.abs(values).max()
            assert top > 0
            for i, component in enumerate(component_names(tensor)):
                if component not in named:
                    assert np.abs(values[:, i]).max() < 1e-9 * top, component
            for group in found:
                first = tensor.component(group.name)[0][..., part]
                for other in group.others:
                    sign = -1 if other.startswith("-") else 1
                    assert np.abs(sign * tensor.component(other.removeprefix("-"))[0][..., part] - first).max() < 1e-9 * top


def test_entries_are_the_numbers_near_the_fermi_energy(iron: ws.ResultSet) -> None:
    for tensor in iron.values():
        for entry in entries(tensor, iron.facts):
            assert entry.index[:2] == (1, 0)
            assert entry.value == tensor.values[entry.index]
            assert tensor.component_name(entry.index).split()[0] == entry.component
    assert entries(iron["edelstein"], iron.facts) == ()
    assert advice(replace(iron, tensors={"edelstein": iron["edelstein"]})) == "zero by symmetry: nothing to converge"
    tensor = iron["injection_spin_magnetization"]
    blocks = {name: 1e-30 * block for name, block in tensor.blocks.items()}
    first = next(iter(blocks.values()))
    first[-1].ravel()[np.abs(first[-1]).argmax()] = np.inf  # a resonance at one place hides no number at the others, however small
    small = replace(tensor, blocks=blocks)
    assert [e.short_name for e in entries(small, iron.facts)] == [e.short_name for e in entries(tensor, iron.facts)]
    parts = {entry.where.split()[0] for entry in entries(iron["injection_spin_magnetization"], iron.facts)}
    assert parts == {"linear", "circular"}


def test_select(iron: ws.ResultSet) -> None:
    tensor = iron["ac_spin_current"]
    one = tensor.sel(mu=17.52, temperature=4000, omega=0.2)
    assert one.values.shape[:4] == (1, 1, 1, 2)
    assert np.abs(one.values).max() > 0
    assert np.array_equal(one.values[0, 0, 0], tensor.values[1, 1, 1])
    assert np.array_equal(one.error[0, 0, 0], tensor.error[1, 1, 1])
    assert np.array_equal(tensor.sel(mu=slice(17.45, None)).values, tensor.values[1:])
    assert np.array_equal(tensor.sel(tau=50).values, tensor.at(tau=50).values)
    assert iron.sel(temperature=3000, omega=0.1)["spin_hall"]["xy;z"].values.shape == (3, 1)
    assert iron.sel(mu=17.5, temperature=3000)["spin_hall"]["xy;z"].value == iron["spin_hall"].component("xy;z")[0][1, 0]
    with pytest.raises(ws.InputError, match=r"has no mu = 22; it has 17.4 to 17.6"):
        tensor.sel(mu=22)
    with pytest.raises(ws.InputError, match="has no axis 'T'; choose from mu"):
        tensor.sel(T=300)
    with pytest.raises(ws.InputError, match="does not depend on omega"):
        iron["spin_hall"].sel(omega=0.1)
    with pytest.raises(ws.InputError, match="choose one with sel"):
        _ = iron["spin_hall"]["xy;z"].value


def test_numpy_takes_a_component(iron: ws.ResultSet) -> None:
    component = iron["spin_hall"]["xyz"]
    assert component.name == "xy;z"
    assert np.array_equal(np.abs(component), np.abs(iron["spin_hall"].values[..., 0, 1, 2]))


def test_state(iron: ws.ResultSet) -> None:
    """A mesh and a tolerance say the same kind of line; nothing that is not a number passes unnamed."""
    tensor = iron["spin_hall"]
    bar = largest_bar(tensor)
    assert 0.05 < bar
    assert state(tensor) == f"bars up to {100 * bar:.0f} % of the largest value"
    assert state(replace(tensor, converged=False)).startswith("NOT converged, bars up to")
    assert advice(iron).startswith("NOT converged within 5 %: spin_hall")
    assert "take a denser grid" in advice(iron)
    assert re.search(r", at mu - E_F = [+-]0\.\d+ eV; [123] of 3 mu have more than 5 %\); take", advice(iron))
    small = {name: 1e-3 * block for name, block in tensor.block_errors.items()}
    calm = replace(tensor, block_errors=small, block_harmonics=None)
    assert advice(replace(iron, tensors={"spin_hall": calm})).startswith("converged within 5 %")
    rounding = replace(calm, block_errors={name: 1e18 * block for name, block in small.items()})
    assert re.search(r"bars up to \d(\.\d)?e\+\d\d % of", state(rounding))
    unknown = replace(calm, block_errors={name: np.nan * block for name, block in tensor.block_errors.items()})
    assert state(unknown) == "no estimate"
    assert "no estimate of the error of spin_hall" in advice(replace(iron, tensors={"spin_hall": unknown}))
    blocks = {name: block.copy() for name, block in tensor.blocks.items()}
    next(iter(blocks.values()))[0, 0, 0, 1, 2] = np.inf
    assert "1 of 162 values are not finite" in state(replace(tensor, blocks=blocks))
    assert "1 of 162 values are not finite" in repr(replace(tensor, blocks=blocks))


def test_notebook(iron: ws.ResultSet) -> None:
    """A table that a parser takes, with a curve for what has a scan, and the errors."""
    for thing in (iron, iron["magnetic_spin_hall"]):
        tree = ElementTree.fromstring(f"<body>{thing._repr_html_().replace('<br>', '<br/>')}</body>")
        cells = ["".join(cell.itertext()) for cell in tree.iter("td")]
        assert "xx;z = yy;z" in cells or "zz;z" in cells
        assert any(re.fullmatch(r"-?[\d.]+\(\d+\)(e-?\d+)?", cell) for cell in cells)
        assert len(list(tree.iter("polyline"))) >= 1
    assert "<polyline" in _svg(np.arange(3.0), np.array([1.0, np.nan, 2.0]), np.zeros(3))  # two numbers make a line, one does not
    assert _svg(np.arange(3.0), np.array([1.0, np.nan, np.inf]), np.zeros(3)) == ""
    one = iron.sel(mu=17.5, temperature=3000, omega=0.1)._repr_html_()
    assert "<svg" not in one


def test_one_point_has_no_curve(iron: ws.ResultSet) -> None:
    """However many components are there."""
    scan, point = iron["spin_hall"], iron.sel(mu=17.5, temperature=3000)["spin_hall"]
    assert curve(scan, show.entry(scan, (0, 0, 0, 1, 2))).startswith("<svg")
    assert point.values.shape == (1, 1, 3, 3, 3) and curve(point, show.entry(point, (0, 0, 0, 1, 2))) == ""
