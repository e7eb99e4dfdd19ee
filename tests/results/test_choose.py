"""Of what symmetry makes equal the first is named, on every processor: rounding chooses nothing that is printed."""

from dataclasses import replace

import numpy as np
import pytest
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.components import component_names
from wannier_spin.results.choose import EQUAL, first_largest, form_of, largest
from wannier_spin.results.show import advice, entries

ROUNDING = 1e-3 * EQUAL


@pytest.mark.parametrize(
    ("sizes", "place"),
    [
        ([1.0, 3.0, 2.0], 1),
        ([1.0, 3.0, 3.0 * (1 + ROUNDING)], 1),
        ([1.0, 3.0 * (1 + ROUNDING), 3.0], 1),
        ([1.0, 3.0, 3.0 * (1 + 10 * EQUAL)], 2),
        ([[0.0, 0.0], [0.0, 4.0]], 3),
        ([np.nan, 2.0, 1.0], 1),
        ([2.0, np.inf, np.inf], 1),
        ([np.nan, np.nan], 0),
        ([-1.0, -3.0, -1.0], 0),
        ([0.0, 0.0], 0),
    ],
)
def test_first_of_the_largest(sizes: list[float], place: int) -> None:
    assert first_largest(sizes) == place


@pytest.fixture(scope="module")
def square() -> ws.ResultSet:
    """A square lattice with Rashba splitting: of the Edelstein effect xy = -yx."""
    model = ws.models.rashba_exchange(t2=0, dresselhaus=0, exchange=(0, 0, 0))
    return ws.compute(model, ["edelstein", "spin_hall"], mu=[-1.0, 1.0], temperature=3000, grid=(12, 12, 1))


def test_rounding_chooses_no_component(square: ws.ResultSet) -> None:
    tensor = square["edelstein"]
    xy, yx = tensor.component("xy")[0], tensor.component("yx")[0]
    assert np.abs(xy).min() > 1e-3
    np.testing.assert_allclose(xy, -yx, rtol=1e-9)
    for change in (1 + ROUNDING, 1 - ROUNDING):
        blocks = {name: block.copy() for name, block in tensor.blocks.items()}
        for block in blocks.values():
            block[..., 1, 0] *= change
        changed = replace(tensor, blocks=blocks)
        assert [(group.name, group.others) for group in largest(changed)] == [("xy", ("-yx",))]
        assert [e.short_name for e in entries(changed, square.facts)] == [e.short_name for e in entries(tensor, square.facts)]


def test_rounding_chooses_no_response_and_no_mu(square: ws.ResultSet) -> None:
    """That bars are worst of two responses and at two mu alike is said of the first of them."""

    def said(of_edelstein: float, of_second_mu: float) -> str:
        changed = {}
        for name, tensor in square.items():
            blocks = {block: values[[0, 0]] for block, values in tensor.blocks.items()}  # the same at both mu
            bars = (of_edelstein if name == "edelstein" else 1.0) * np.array([1.0, of_second_mu])
            errors = {block: values * bars.reshape(2, *(1,) * (values.ndim - 1)) for block, values in blocks.items()}
            changed[name] = replace(tensor, blocks=blocks, block_errors=errors, block_harmonics=None)
        return advice(ws.ResultSet(changed, square.facts))

    alike = said(1.0, 1.0)
    assert "edelstein: bars up to 100 % of its largest value, at mu = -1" in alike
    for change in (1 + ROUNDING, 1 - ROUNDING):
        assert said(change, 1.0) == alike
        assert said(1.0, change) == alike
    assert "spin_hall: bars" in said(0.5, 1.0)
    assert "at mu = 1" in said(1.0, 1.5)


@pytest.mark.parametrize("broadening", [0.0, 0.05])
@pytest.mark.parametrize("name", ["ac_spin_magnetization", "displacement_spin_magnetization"])
def test_what_symmetry_leaves_of_each_part_holds_what_is_there(name: str, broadening: float) -> None:
    """Time reversal parts what is in phase with the field from what is not, until states have a width."""
    model, structure, _ = symmetric_models()["rashba 4m'm'"]
    settings = {"grid": (4, 4, 1), "mu": -2.2, "temperature": 3000.0, "omega": 0.3, "symmetry": structure}
    result = ws.compute(model, name, broadening=broadening, **settings)  # type: ignore[arg-type]
    tensor, left = result[name], []
    for part in range(2):
        form = form_of(tensor, result.facts, part)
        assert form is not None
        sizes = np.abs(tensor.values[0, 0, 0, part]).ravel()
        there = {n for n, x in zip(component_names(tensor), sizes, strict=True) if x > 1e-9 * np.abs(tensor.values).max()}
        told = {name for group in form.groups for name in (group.name, *(other.lstrip("+-") for other in group.others))}
        left.append({one for one in told if one[1] != "z"})  # across a sheet no field drives anything
        assert there == left[-1] or (name[:2] == "ac" and there < left[-1])  # of several orders in tau, of which one may vanish
    assert any(left) and (left[0] == left[1]) == (broadening > 0 or name[:2] == "ac")


@pytest.mark.parametrize("top", [1e-30, 1.0, 7.0])
def test_what_is_large_hangs_on_no_unit(square: ws.ResultSet, top: float) -> None:
    tensor = square["edelstein"]
    blocks = {name: 0 * block for name, block in tensor.blocks.items()}
    assert largest(replace(tensor, blocks=blocks)) == ()
    first = next(iter(blocks.values()))
    first[..., 0, 1], first[..., 1, 0] = top, -top
    alone = replace(tensor, blocks=blocks)
    assert alone.values.max() == top
    assert [(group.name, group.others) for group in largest(alone)] == [("xy", ("-yx",))]
