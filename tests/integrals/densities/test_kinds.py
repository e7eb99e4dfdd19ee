"""Which tensors a response has, by its parity under time reversal."""

import numpy as np
import pytest

from wannier_spin import compute, models
from wannier_spin.integrals.densities.kinds import block_kind, response_kinds
from wannier_spin.responses import RESPONSES, THERMAL_RESPONSES


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("spin_hall", {"": 1}),
        ("edelstein", {"": 1}),
        ("intrinsic_spin_magnetization", {"": -1}),
        ("displacement_spin_current", {" cos": 1, " sin": -1}),
        ("displacement_spin_magnetization", {" cos": -1, " sin": 1}),
        ("ac_spin_current", {" T-even": 1, " T-odd": -1}),
        ("ac_spin_magnetization", {" T-odd": -1, " T-even": 1}),
    ],
)
def test_parts_and_their_parities(name, parts):
    found = response_kinds(RESPONSES[name])
    assert {key.removeprefix(name): kind.time_parity for key, kind in found.items()} == parts
    assert list(found) == [name + part for part in parts]


@pytest.mark.parametrize("name", ["injection_spin_magnetization", "shift_spin_magnetization"])
def test_light_is_named_by_its_parities(name):
    kinds = response_kinds(RESPONSES[name], True)
    assert sorted(kinds) == [f"{name} T-even", f"{name} T-odd"]
    for key, kind in kinds.items():
        assert kind.time_parity == (1 if key.endswith("T-even") else -1)


def test_fields_are_interchangeable_only_where_they_are_static():
    static, light = RESPONSES["nonlinear_drude_spin_magnetization"], RESPONSES["shift_spin_magnetization"]
    assert response_kinds(static, True)[static.name].symmetric == (1, 2)
    assert response_kinds(static)[static.name].symmetric is None
    assert [kind.symmetric for kind in response_kinds(light, True).values()] == [None, None]


def test_blocks_have_parities_of_their_own():
    record = RESPONSES["displacement_spin_current"]
    assert [block_kind(record, "spin", name).time_parity for name in ("AC1", "AC2")] == [1, -1]


def test_linear_currents_of_the_charge_are_reciprocal():
    """Onsager: what is even under T is symmetric, what is odd antisymmetric, in any model; nothing of it is about zero."""
    linear = {name: r for name, r in (RESPONSES | THERMAL_RESPONSES).items() if r.tensor.field_order == 1}
    how = {"grid": (4, 4, 4), "mu": 0.1, "temperature": 3000, "omega": [0.3], "channel": "charge", "form": "full"}
    for name, tensor in compute(models.random_model(n=4), list(linear), **how).items():
        kinds = list(response_kinds(linear[name], True, "charge").values())
        assert all(kind.reciprocal for kind in kinds)
        parts = np.moveaxis(tensor.values, 3, 0) if len(tensor.omega) else [tensor.values]
        if name.startswith("ac_"):  # phases mix the parities: those that go together are found by their blocks
            parts = [tensor.at(combination=dict.fromkeys(blocks, 1)).values for blocks in (("L0", "AC1"), ("L1", "AC2"))]
        for values, kind in zip(parts, kinds, strict=True):
            largest = np.abs(values).max()
            assert largest > 1e-7
            assert values == pytest.approx(kind.time_parity * values.swapaxes(-1, -2), rel=0, abs=1e-13 * largest)
    spin = (kind for r in linear.values() for kind in response_kinds(r, True).values())
    assert not any(kind.reciprocal for kind in spin)
