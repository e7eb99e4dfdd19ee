"""Which components are shown, and that those of one group are one number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.components import Group, component_names, read_form
from wannier_spin.results import groups, independent, is_forbidden, largest
from wannier_spin.results.choose import NEGLIGIBLE, SAME

NAMES = ["spin_hall", "edelstein", "displacement_spin_current", "nonlinear_drude_spin_current", "shift_spin_current"]
NAMES += ["displacement_spin_magnetization"]
FORBIDDEN = ["edelstein", "nonlinear_drude_spin_current", "shift_spin_current", "displacement_spin_magnetization"]  # by inversion


def platinum(folder: Path, broadening: float) -> ws.ResultSet:
    seed = folder / "Pt" / "Pt"
    options = {"grid": (4, 4, 4), "mu": [22.0, 22.5], "temperature": 2000, "omega": [0.1, 0.3], "broadening": broadening}
    return ws.compute(ws.read_wannier90(seed), NAMES, symmetry=ws.read_structure(seed.with_suffix(".win")), **options)


@pytest.fixture(scope="module")
def cubic(example_inputs: Path) -> ws.ResultSet:
    return platinum(example_inputs, 0.1)


@pytest.fixture(scope="module")
def sheet() -> ws.ResultSet:
    """A model without any symmetry."""
    options = {"grid": (6, 6, 1), "mu": [-0.2, 0.3], "temperature": 1000, "omega": [0.1, 0.4]}
    return ws.compute(ws.models.get("rashba_exchange"), NAMES, **options)


def column(tensor: ws.ResponseTensor, name: str) -> np.ndarray:
    sign, letters = (-1, name[1:]) if name.startswith("-") else (1, name)
    return sign * tensor.component(letters)[0]


def test_independent_component_of_a_cubic_crystal(cubic: ws.ResultSet) -> None:
    (group,) = groups(cubic["spin_hall"], cubic.facts)
    assert group.name == "xy;z"
    assert set(group.others) == {"-xz;y", "-yx;z", "yz;x", "zx;y", "-zy;x"}
    assert group.exact
    first = column(cubic["spin_hall"], group.name)
    assert np.abs(first).min() > 0
    for other in group.others:
        assert column(cubic["spin_hall"], other) == pytest.approx(first, rel=1e-10, abs=0)


def test_what_is_forbidden(cubic: ws.ResultSet, sheet: ws.ResultSet) -> None:
    assert [name for name in NAMES if is_forbidden(cubic[name], cubic.facts)] == FORBIDDEN
    assert not any(is_forbidden(tensor, sheet.facts) for tensor in sheet.values())


def test_broadening_mixes_cos_and_sin(cubic: ws.ResultSet) -> None:
    """Without broadening time reversal forbids the sin part; with it, both have the component."""
    tensor = cubic["displacement_spin_current"]
    assert np.abs(tensor.values[:, :, :, 1]).max() > 1e-3 * np.abs(tensor.values).max()
    for part in range(2):
        found = independent(tensor, cubic.facts, part)
        assert found is not None
        assert [group.name for group in found] == ["xy;z"]
    sharp = replace(cubic.facts, broadening=0.0)
    assert [len(independent(tensor, sharp, part) or ()) for part in range(2)] == [1, 0]


def test_symmetry_tells_only_about_the_form_that_was_computed(cubic: ws.ResultSet) -> None:
    assert independent(cubic["spin_hall"].at(form="paper"), cubic.facts) is None


def test_longer_relations_are_no_group(cubic: ws.ResultSet) -> None:
    """As in a hexagonal crystal: a sum of components follows from symmetry, but is no curve of another one."""
    form = read_form("xx;y = xy;x = -yy;y, zz;z, yx;x = +0.5 xx;y -0.5 zz;z", "xx;y zz;z")
    assert form.relations["yx;x"] == ((0.5, "xx;y"), (-0.5, "zz;z"))
    assert cubic.facts.symmetry is not None
    symmetry = replace(cubic.facts.symmetry, forms={"spin_hall": form})
    found = independent(cubic["spin_hall"], replace(cubic.facts, symmetry=symmetry))
    assert found == (Group("xx;y", ("xy;x", "-yy;y")), Group("zz;z"))


@pytest.mark.parametrize("name", NAMES)
def test_largest_covers_everything_that_matters_once(sheet: ws.ResultSet, name: str) -> None:
    tensor = sheet[name]
    top = np.abs(tensor.values).max()
    assert top > 0
    for part in range(2 if len(tensor.omega) else 1):

        def of(component: str, part: int = part) -> np.ndarray:
            values = column(tensor, component)
            return values[..., part] if len(tensor.omega) else values

        found = largest(tensor, part)
        members = [name.removeprefix("-") for group in found for name in (group.name, *group.others)]
        assert len(members) == len(set(members))
        expected = {c for c in component_names(tensor) if np.abs(of(c)).max() > NEGLIGIBLE * top}
        assert set(members) == expected, part
        sizes = [np.abs(of(group.name)).max() for group in found]
        assert sizes == sorted(sizes, reverse=True)
        for group in found:
            assert not group.exact
            for other in group.others:
                assert np.abs(of(other) - of(group.name)).max() <= SAME * top


def test_equal_components_are_found(sheet: ws.ResultSet) -> None:
    """The full form at second order is symmetric in the two fields."""
    found = largest(sheet["nonlinear_drude_spin_current"])
    assert any(group.others for group in found)


def test_zero_and_infinity() -> None:
    options = {"grid": (2, 2, 1), "mu": 0.1, "temperature": 1000}
    tensor = ws.compute(ws.models.get("rashba_exchange"), "spin_hall", **options)["spin_hall"]
    assert largest(replace(tensor, blocks={name: 0 * block for name, block in tensor.blocks.items()})) == ()
    blocks = {name: block.copy() for name, block in tensor.blocks.items()}
    for block in blocks.values():
        block[..., 2, 2, 2] = np.inf
    names = [group.name for group in largest(replace(tensor, blocks=blocks))]
    assert names
    assert "zz;z" not in names
