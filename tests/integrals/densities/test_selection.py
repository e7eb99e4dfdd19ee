"""What symmetry forbids is not computed, and is an exact zero; what it allows is what it would be without that."""

import warnings
from pathlib import Path

import numpy as np

import wannier_spin as ws
from wannier_spin.integrals.bars.mesh_bars import Judged
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.selection import Selection
from wannier_spin.responses.registry import BLOCKS, RESPONSES
from wannier_spin.symmetry import Operation


def operation(sign: int, time_reversal: bool) -> Operation:
    return Operation(sign * np.eye(3), sign * np.eye(3, dtype=np.int64), np.zeros(3), time_reversal)


INVERSION = (operation(1, False), operation(-1, False))
STATIC = tuple(r for r in RESPONSES.values() if not r.dynamic and "orbital" not in r.name)


def selected(operations: tuple[Operation, ...], responses=STATIC) -> tuple[Plan, Selection]:
    plan = Plan(tuple(responses), "spin", ())
    channels = Judged("adiabatic", 1.0, operations, None, True).channels(plan)
    assert channels is not None
    return plan, channels.selection


def test_inversion_leaves_what_is_even() -> None:
    """Spin currents of first order and magnetization of second order are even under P; all others vanish."""
    plan, selection = selected(INVERSION)
    names = {name: tuple(o.name for o in found) for name, found in selection.wanted.items()}
    assert names["L0"] == ("spin_current",) and names["Q1"] == ("spin",)
    for name, found in names.items():
        assert found == (("spin",) if len(BLOCKS[name].fields) == 2 else ("spin_current",))
    assert not selection.is_whole and len(selection.positions) < plan.n_channels / 2
    assert Selection.of(plan).is_whole and np.array_equal(Selection.of(plan).positions, np.arange(plan.n_channels))


def test_densities_are_those_of_the_plan() -> None:
    plan, selection = selected(INVERSION)
    model = ws.models.random_model(n=4, seed=3)
    geometry = ws.band_geometry(model, np.array([[0.1, 0.2, 0.3], [0.4, 0.1, 0.7]]), derivatives=True)
    window = (-np.inf, np.inf)
    every = np.concatenate(plan.densities(ws.responses.BandPairs(geometry, plan.observables, window)), axis=-1)
    found = np.concatenate(selection.densities(geometry, window), axis=-1)
    assert np.abs(found).max() > 0
    assert found.shape[-1] == len(selection.positions)
    assert np.abs(found - every[..., selection.positions]).max() < 1e-12 * np.abs(every).max()


def test_one_block_of_several_is_not_the_whole() -> None:
    plan = Plan(tuple(RESPONSES[name] for name in ("edelstein", "magnetic_spin_hall")), "spin", (), extra=("L1surf",))
    model = ws.models.random_model(n=4, seed=3)
    window = (-np.inf, np.inf)
    for block, place in plan.places.items():
        columns = np.eye(plan.n_channels)[:, place]
        selection = Selection.of(plan, columns)
        assert selection.wanted == {block: plan.observables}
        assert not selection.is_whole
        geometry = plan.geometry(selection.bloch_sum(model).at_points(np.array([[0.1, 0.2, 0.3]])), 1e-6)
        sea, surface = selection.densities(geometry, window)
        assert np.abs(np.concatenate([sea, surface], axis=-1)).max() > 1e-3
        assert (surface.shape[-1] > 0) == (block == "L1surf") == (sea.shape[-1] == 0)
    assert Selection.of(plan, np.eye(plan.n_channels)).is_whole


def test_needs_of_what_is_left_out_are_not_summed() -> None:
    """With P and T nothing but the spin Hall effect is left of the linear responses: no derivatives are needed."""
    everything = (*INVERSION, *(operation(sign, True) for sign in (1, -1)))
    linear = [r for r in STATIC if r.tensor.field_order == 1]
    plan, selection = selected(everything, linear)
    assert set(selection.wanted) == {"L0"} and plan.derivatives and not selection.derivatives


def test_forbidden_responses_are_exact_zeros(example_inputs: Path) -> None:
    model = ws.read_wannier90(example_inputs / "Pt" / "Pt")
    structure = ws.read_structure(example_inputs / "Pt" / "Pt.win")
    settings = {"grid": (4, 4, 4), "mu": [22.48], "temperature": 800.0, "symmetry": structure}
    names = ["spin_hall", "edelstein", "nonlinear_drude_spin_current"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.AccuracyWarning)
        used = ws.compute(model, names, **settings)
        every = ws.compute(model, names, reduce_k=False, **settings)
    size = np.abs(every["spin_hall"].values).max()
    assert size > 1e-3
    assert np.abs(used["spin_hall"].values - every["spin_hall"].values).max() < 1e-2 * size  # the model has the group to 1e-3
    for name in names[1:]:
        assert not used[name].values.any() and not used[name].error.any()


def test_a_selection_takes_the_memory_of_what_is_left() -> None:
    """What a batch is sized by: of everything the plan's numbers, of one block fewer."""
    names = ("spin_hall", "edelstein", "nonlinear_intrinsic_spin_current")
    plan = Plan(tuple(RESPONSES[name] for name in names), "spin", ())
    whole = Selection.of(plan)
    for name in ("n_components", "n_channels", "has_surface", "derivatives", "held"):
        assert getattr(whole, name) == getattr(plan, name)
    columns = np.zeros((plan.n_channels, 1))
    columns[plan.places["L0"].start] = 1.0  # the first component of the spin current or of the spin
    few = Selection.of(plan, columns)
    assert (few.n_components, few.n_channels) in {(9, 27), (3, 9)}
    assert not few.has_surface and not few.derivatives and not few.held
