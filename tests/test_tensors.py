"""Index laws: rank, order of indices, parities, and what cannot be read."""

import numpy as np
import pytest

from wannier_spin.responses import RESPONSES
from wannier_spin.tensors import charge_counterpart, parse_law, parts_of, symmetrized


@pytest.mark.parametrize(
    ("law", "observable", "labels", "kinds", "fields"),
    [
        ("J_a;c = sigma_ab;c E_b", "spin_current", "abc", ("polar", "polar", "axial"), "b"),
        ("M_a = beta_ab E_b", "spin", "ab", ("axial", "polar"), "b"),
        ("J_a;c = sigma_abd;c E_b E_d", "spin_current", "abdc", ("polar", "polar", "polar", "axial"), "bd"),
        ("M_a = beta_abc E_b E_c", "spin", "abc", ("axial", "polar", "polar"), "bc"),
        ("J_x;z = s_xyuv;z E_y E_u E_v", "spin_current", "xyuvz", ("polar",) * 4 + ("axial",), "yuv"),
    ],
)
def test_laws(law, observable, labels, kinds, fields):
    found = parse_law(law)
    assert (found.observable, found.labels, found.kinds, found.fields) == (observable, labels, kinds, fields)
    assert (found.rank, found.field_order) == (len(labels), len(fields))
    assert found.space_parity == (-1) ** kinds.count("polar")


@pytest.mark.parametrize(
    "law",
    [
        "",
        "J_a;c",
        "J_a;c = sigma_ab;c",  # no field
        "X_a = beta_ab E_b",  # the letter of no observable
        "M_a = beta_ab B_b",
        "M_ab = beta_ab E_b",
        "J_a;c=sigma_ab;c E_b",
        "M_a = beta_ab E_b ",
    ],
)
def test_unreadable_laws(law):
    with pytest.raises(ValueError, match="cannot read the law"):
        parse_law(law)


@pytest.mark.parametrize(
    "law",
    [
        "J_a;c = sigma_ba;c E_b",  # order
        "J_a;c = sigma_ab;d E_b",  # spin
        "J_a;c = sigma_ab E_b",
        "J_a = sigma_ab E_b",  # a spin current needs a spin index
        "M_a;c = beta_ab;c E_b",  # a magnetization has none
        "M_a = beta_ab E_c",
        "M_a = beta_abc E_b",
        "M_a = beta_ab E_b E_c",
        "J_a;c = sigma_abd;c E_d E_b",  # the order of the fields is that of the indices
    ],
)
def test_mismatched_laws(law):
    with pytest.raises(ValueError, match="do not match"):
        parse_law(law)


@pytest.mark.parametrize("name", RESPONSES)
def test_charge_counterparts(name):
    law = RESPONSES[name].tensor
    charge = charge_counterpart(law)
    assert charge.observable == "charge_current"
    assert charge.labels == law.labels[: 1 + law.field_order]
    assert set(charge.kinds) == {"polar"}
    assert charge.fields == law.fields
    assert charge.space_parity == (-1) ** (1 + law.field_order)
    assert RESPONSES[name].channel_tensor("charge") == charge
    assert RESPONSES[name].channel_tensor("spin") is law


def test_time_parities():
    """Operator times (-1)^i: T-even spin current, T-odd magnetization and electric current."""
    current, spin = parse_law("J_a;c = sigma_ab;c E_b"), parse_law("M_a = beta_ab E_b")
    assert [current.time_parity(i) for i in range(3)] == [1, -1, 1]
    assert [spin.time_parity(i) for i in range(3)] == [-1, 1, -1]
    assert [charge_counterpart(current).time_parity(i) for i in range(3)] == [-1, 1, -1]  # Ohm: tau^1 is even


SYMBOLS = {
    "spin_hall": "sigma(0)_ab;c",
    "magnetic_spin_hall": "sigma(1)_ab;c",
    "edelstein": "beta(1)_ab",
    "intrinsic_spin_magnetization": "beta(0)_ab",
    "displacement_spin_current": "sigma(0)_ab;c(omega)",
    "displacement_spin_magnetization": "beta(0)_ab(omega)",
    "ac_spin_current": "sigma_ab;c(omega)",
    "ac_spin_magnetization": "beta_ab(omega)",
    "nonlinear_drude_spin_current": "sigma(2)_abd;c",
    "nonlinear_drude_spin_magnetization": "beta(2)_abc",
    "nonlinear_extrinsic_spin_current": "sigma(1)_abd;c",
    "nonlinear_extrinsic_spin_magnetization": "beta(1)_abc",
    "nonlinear_intrinsic_spin_current": "sigma(0)_abd;c",
    "nonlinear_intrinsic_spin_magnetization": "beta(0)_abc",
    "injection_spin_current": "sigma(1)_abd;c(omega)",
    "injection_spin_magnetization": "beta(1)_abc(omega)",
    "shift_spin_current": "sigma(0)_abd;c(omega)",
    "shift_spin_magnetization": "beta(0)_abc(omega)",
    "orbital_hall": "sigma(0)_ab;c",
    "orbital_edelstein": "beta(1)_ab",
}
EQUATIONS = [
    "(4)",
    "(5)",
    "(6a)",
    "(6b)",
    "(7)",
    "(8)",
    "(4) + (6a) + (7)",
    "(5) + (6b) + (8)",
    *(f"({i})" for i in range(9, 15)),
    *4 * ["light"],
    *2 * ["orbital"],
]


def test_the_responses():
    """Names, symbols, tau powers, axes in the paper's order; and the sums at finite frequency."""
    assert {name: record.symbol for name, record in RESPONSES.items()} == SYMBOLS
    assert [record.equation for record in RESPONSES.values()] == EQUATIONS
    for name, record in RESPONSES.items():
        alternating, light = name.startswith("ac_"), name.startswith(("injection", "shift"))
        assert record.tau_powers == ((0, 1) if alternating else (int(SYMBOLS[name].partition("(")[2][0]),))
        assert record.tau_power == record.tau_powers[0]
        second = "nonlinear" in name or light
        current = name.endswith("current") or name in ("spin_hall", "magnetic_spin_hall", "orbital_hall")
        assert record.tensor.labels == {(0, 1): "abc", (0, 0): "ab", (1, 1): "abdc", (1, 0): "abc"}[second, current]
        assert record.dynamic == (alternating or light or name.startswith("displacement"))


def test_symmetrized_in_the_fields() -> None:
    """One field: as it is; two: the mean of both orders, of the axes that are said and no others."""
    values = np.random.default_rng(0).normal(size=(2, 3, 3, 3, 3))
    assert symmetrized(values, 2, 1) is values
    found = symmetrized(values, 2, 2)
    assert np.abs(found - values).max() > 0.1
    assert np.allclose(found, (values + values.transpose(0, 1, 3, 2, 4)) / 2, rtol=0, atol=1e-15)


def test_names_of_the_parts_of_a_dynamic_response() -> None:
    assert parts_of(1) == ("cos", "sin")
    assert parts_of(2) == ("linear", "circular")
