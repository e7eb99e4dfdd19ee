"""Traces with what symmetry leaves are those of all components, and then what symmetry leaves."""

import numpy as np
import pytest
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin import observables
from wannier_spin.integrals.densities import contracted, dynamic
from wannier_spin.integrals.densities.channels import make_channels
from wannier_spin.integrals.densities.contracted import Contracted, ContractedPairs
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.responses import BLOCKS, RESPONSES, BandPairs
from wannier_spin.symmetry import magnetic_group

CURRENT = observables.get("spin_current")
WINDOW = (-0.8, 0.5)


@pytest.mark.parametrize("tolerance", [1e-5, 2.0])
@pytest.mark.parametrize("machine_code", [True, False])
@pytest.mark.parametrize("name", ["L0", "L1"])
def test_coordinates_of_a_block(monkeypatch, name: str, machine_code: bool, tolerance: float) -> None:
    """With and without groups of bands, in random columns."""
    if not machine_code:
        monkeypatch.setattr(contracted, "compiled", lambda function: function)
    monkeypatch.setattr(contracted, "CACHE", 2 * 16 * 6 * 6 * 9)  # two points at once
    rng = np.random.default_rng(0)
    geometry = ws.band_geometry(ws.models.random_model(n=6, seed=3), rng.uniform(size=(3, 3)), degeneracy_tolerance=tolerance)
    assert geometry.has_degeneracies == (tolerance > 0.1)
    columns = rng.normal(size=(3, 9, 2)) * (rng.uniform(size=(3, 9, 2)) < 0.3)
    every = BLOCKS[name].density(BandPairs(geometry, (CURRENT,), WINDOW))
    found = BLOCKS[name].density(ContractedPairs(geometry, CURRENT, WINDOW, columns))
    expected = np.einsum("knbo,boc->knc", every, columns)
    assert np.abs(expected).max() > 1e-2
    assert np.abs(found - expected).max() < 1e-13 * np.abs(expected).max()


def channels_of(*names: str):
    model, structure = symmetric_models()["zincblende -43m1'"][:2]
    plan = Plan(tuple(RESPONSES[name] for name in names), "spin", ())
    found = make_channels(plan, "adiabatic", dict.fromkeys(names, 1.0), 1.0, magnetic_group(structure).point_operations)
    k = np.random.default_rng(1).uniform(size=(2, 3))
    return found, plan.geometry(found.selection.bloch_sum(model).at_points(k), 1e-4)


def test_what_a_group_leaves(monkeypatch) -> None:
    """One number of 27 components: made at once where there is enough to do, the same either way."""
    found, geometry = channels_of("spin_hall", "magnetic_spin_hall")
    assert [one.block.name for one in found.contracted] == ["L0"] and found.sea.shape[1] == 1
    expected = found.densities(geometry, WINDOW)[0]
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    monkeypatch.setattr(BandPairs, "O", None)  # all components are not made
    at_once = found.densities(geometry, WINDOW)[0]
    assert np.abs(expected).max() > 1e-3 and np.abs(at_once - expected).max() < 1e-13 * np.abs(expected).max()


def test_where_all_components_are_made() -> None:
    """Of what is no product, of blocks that are more than a trace, of many numbers; and of what another block needs as well."""
    few, many = (np.zeros((27, 5)) for _ in range(2))
    few[3:5, 2], many[: contracted.MOST + 1, 0] = 1, 1
    block = Contracted.of(BLOCKS["L0"], (CURRENT,), few)
    assert block is not None and block.places.tolist() == [2] and block.columns.shape == (3, 9, 1)
    assert Contracted.of(BLOCKS["L0"], (CURRENT,), many) is None
    assert Contracted.of(BLOCKS["L1dir"], (CURRENT,), few) is None
    assert Contracted.of(BLOCKS["L0"], (observables.get("spin"),), few[:9]) is None
    assert Contracted.of(BLOCKS["L0"], (observables.get("spin_current", "ryoo"),), few) is None
    found, geometry = channels_of("spin_hall", "nonlinear_drude_spin_current")
    assert not found.contracted and geometry.energies.size
