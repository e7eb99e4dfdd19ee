"""What the records of blocks and responses say, against the paper's list and against what the densities do."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from stored import check

from wannier_spin import models, responses
from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import geometry_of
from wannier_spin.responses import BLOCKS, DYNAMIC_BLOCKS, RESPONSES, BandPairs
from wannier_spin.responses.registry import RELAXATIONS, Block

MODEL = models.random_model(n=4, seed=3)
K = np.random.default_rng(2).uniform(size=(3, 3))
OBSERVABLES = ("spin_current", "spin")
Z = 0.3 + 0.2j
ALL = {**BLOCKS, **DYNAMIC_BLOCKS}


def geometry(derivatives: bool):
    return geometry_of(BlochSum(MODEL, derivatives).at_points(K), 1e-6)


def density(name, given):
    block, pairs = ALL[name], BandPairs(given, OBSERVABLES)
    return block.density(pairs) if isinstance(block, Block) else block.density(pairs, Z)


@pytest.mark.parametrize("name", ALL)
def test_a_block_has_derivatives_made_where_it_needs_them(name):
    """Of the matrices between bands, D_b O: without them it cannot be computed; where it can, they change nothing."""
    expected = density(name, geometry(True))
    assert np.abs(expected).max() > 1e-3
    if ALL[name].derivatives:
        with pytest.raises((ValueError, TypeError, AttributeError)):
            density(name, geometry(False))
    else:
        assert np.abs(density(name, geometry(False)) - expected).max() < 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("name", BLOCKS)
def test_a_broadening_of_gaps_concerns_whom_it_says(name):
    given = geometry(True)
    moved = np.abs(density(name, replace(given, gap_broadening=0.5)) - density(name, given)).max()
    assert (moved > 1e-3) == BLOCKS[name].broadened
    assert BLOCKS[name].broadened or moved == 0


def test_direct_blocks_are_the_explicit_derivative():
    """Nothing of them is left for an observable that does not depend on k: the spin of a lattice model."""
    given = geometry_of(BlochSum(models.kagome_mn3sn(soc=0.2, canting=0.3, angle=0.1), True).at_points(K * [1, 1, 0]), 1e-6)
    vanishing = {name for name, block in BLOCKS.items() if not np.abs(block.density(BandPairs(given, ("spin",)))).max() > 1e-12}
    assert vanishing == {"L1dir", "N2dir", "W"}
    assert {name for name, block in BLOCKS.items() if block.direct} == {"L1dir", "N2dir"}  # W is a part of S


# The paper's list: number of the equation, power of tau, printed blocks. Those beyond it: after docs/theory.md.
INTRINSIC, LIGHT = {"Q1": 1, "P": 1, "F": 1}, ({"INJ1": 1, "INJ2": 1}, {"SH1": 1, "SH2": 1})
WHOLE = {"L0": 1, "AC1": 1, "AC2": 1, "L1": 1}
LIST = {
    "magnetic_spin_hall": (1, {"L1": 1}),
    "edelstein": (1, {"L1": 1}),
    "spin_hall": (0, {"L0": 1}),
    "intrinsic_spin_magnetization": (0, {"L0": 1}),
    "displacement_spin_current": (0, {"AC1": 1, "AC2": 1}),
    "displacement_spin_magnetization": (0, {"AC1": 1, "AC2": 1}),
    "nonlinear_drude_spin_current": (2, {"N2": 0.5}),
    "nonlinear_drude_spin_magnetization": (2, {"N2": 0.5}),
    "nonlinear_extrinsic_spin_current": (1, {"N1": 1}),
    "nonlinear_extrinsic_spin_magnetization": (1, {"N1": 1}),
    "nonlinear_intrinsic_spin_current": (0, INTRINSIC),
    "nonlinear_intrinsic_spin_magnetization": (0, INTRINSIC),
    "ac_spin_current": (0, WHOLE),
    "ac_spin_magnetization": (0, WHOLE),
    "injection_spin_current": (1, LIGHT[0]),
    "injection_spin_magnetization": (1, LIGHT[0]),
    "shift_spin_current": (0, LIGHT[1]),
    "shift_spin_magnetization": (0, LIGHT[1]),
    "orbital_hall": (0, {"L0": 1}),
    "orbital_edelstein": (1, {"L1": 1}),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_printed_forms_and_powers_of_tau(name):
    record = RESPONSES[name]
    power, printed = LIST[name]
    assert record.paper == printed
    assert record.tau_power == power == min(record.tau_powers)
    assert {ALL[block].tau_power for block in record.blocks("full")} == ({0, 1} if name.startswith("ac_") else {power})
    assert record.dynamic == any(block in DYNAMIC_BLOCKS for block in printed)


def test_full_forms():
    """d_b f O in one piece or in two; at second order with the coefficients of the relaxation."""
    for name in ("magnetic_spin_hall", "edelstein", "orbital_edelstein"):
        assert RESPONSES[name].full == {"L1": 1, "L1dir": 1}
        assert RESPONSES[name].surface == {"L1surf": 1}
    for name in ("ac_spin_current", "ac_spin_magnetization"):
        assert RESPONSES[name].full == WHOLE | {"L1dir": 1}
        assert RESPONSES[name].surface == {key: 1 for key in WHOLE if key != "L1"} | {"L1surf": 1}
        assert RESPONSES[name].sea_minus_surface == {"L1": 1, "L1dir": 1, "L1surf": -1}
    for kind in ("current", "magnetization"):
        assert RESPONSES[f"nonlinear_drude_spin_{kind}"].full == {"N2": "tau2", "N2dir": "tau2"}
        assert RESPONSES[f"nonlinear_intrinsic_spin_{kind}"].full == {"S": 1, "F": "kF", "P": "kP", "D": "kD"}
        assert RESPONSES[f"nonlinear_intrinsic_spin_{kind}"].companions == ("W",)


@pytest.mark.parametrize(
    ("name", "diagonal", "off_diagonal"),
    [("adiabatic", (1, 2), (1, 2)), ("constant", (1, 1), (1, 1)), ("intraband", (1, 1), (0, 0))],
)
def test_relaxation_follows_from_rates(name, diagonal, off_diagonal):
    """Of the first and second order, in 1/tau: tau2 = 1/(g1d g2d), kF = g2o/g1d, kP = 2 g1o/g2d - 1."""
    found = RELAXATIONS[name]
    expected = (1 / (diagonal[0] * diagonal[1]), off_diagonal[1] / diagonal[0], 2 * off_diagonal[0] / diagonal[1] - 1, 0)
    assert (found.tau2, found.kF, found.kP, found.kD) == expected


def test_relaxation_of_wave_packets_and_of_none():
    """Semiclassical (the known intrinsic conductivity of the charge needs F and D once each); and without any tau."""
    packets, none = RELAXATIONS["gao"], RELAXATIONS["static"]
    assert (packets.tau2, packets.kF, packets.kP, packets.kD) == (1, 1, 0, 1)
    assert (none.tau2, none.kF, none.kP, none.kD) == (None, 0, 0, 0)
    assert "full static" not in RESPONSES["nonlinear_drude_spin_current"].recipes("full")
    assert RESPONSES["nonlinear_intrinsic_spin_current"].recipes("full")["full static"] == {"S": 1, "F": 0, "P": 0, "D": 0}


@pytest.mark.parametrize("name", ["L0", "P", "D"])
def test_partners_weigh_what_they_are_in(name):
    """The weight of the second band of a pair, in every term of two bands: half of all is a half."""
    given = geometry(True)
    whole, half = (BLOCKS[name].density(BandPairs(given, OBSERVABLES, partners=w * np.ones((3, 4)))) for w in (1.0, 0.5))
    assert np.abs(whole).max() > 1e-3
    assert np.abs(half - whole / 2).max() < 1e-12 * np.abs(whole).max()


def test_one_broadened_block_makes_a_response_broadened():
    record = replace(RESPONSES["nonlinear_drude_spin_current"], full=None)
    assert not record.broadened
    assert replace(record, full={"N2": 1, "S": 1}).broadened
    assert RESPONSES["nonlinear_extrinsic_spin_current"].broadened
    assert not RESPONSES["shift_spin_current"].broadened


def with_time_reversal(model):
    """The part of a random model that is even under T = i sigma_y K, its functions taken as two orbitals with two spins each."""
    U = np.kron(np.eye(2), [[0, 1], [-1, 0]])

    def part(X, parity):
        matrices = np.moveaxis(X, (1, 2), (-2, -1))
        return np.moveaxis((matrices + parity * U @ matrices.conj() @ U.T) / 2, (-2, -1), (1, 2))

    return replace(
        model,
        hamiltonian_R=part(model.hamiltonian_R, 1),
        position_R=part(model.position_R, 1),
        spin_R=part(model.spin_R, -1),
        centres=np.repeat(model.centres[::2], 2, axis=0),
    )


@pytest.mark.parametrize("name", ALL)
def test_parity_under_time_reversal(name):
    """Of a crystal with it: what a T-even observable has at k and -k together cancels in time-odd blocks, and only there."""
    source = BlochSum(with_time_reversal(MODEL), True)
    given = geometry_of(source.at_points(np.concatenate([K, -K])), 1e-6)
    block, pairs = ALL[name], BandPairs(given, ("spin_current",))
    bands = block.density(pairs) if isinstance(block, Block) else block.density(pairs, Z)
    weighted = np.cos(given.energies).reshape(*given.energies.shape, *(1,) * (bands.ndim - 2)) * bands
    each = weighted.sum(axis=1)
    together = each[: len(K)] + each[len(K) :]
    assert np.abs(each).max() > 1e-4
    assert (np.abs(together).max() < 1e-9 * np.abs(each).max()) == responses.time_odd(name)


def test_broadened_gaps_to_a_power():
    """[eps/(eps^2 + Gamma^2)]^power/eps^bare, bare of none where nothing is said."""
    given = geometry(False)
    width, gaps = 0.5, given.energies[:, :, None] - given.energies[:, None]
    off = ~np.eye(4, dtype=bool)
    pairs, plain = BandPairs(replace(given, gap_broadening=width), OBSERVABLES), BandPairs(given, OBSERVABLES)
    for power, bare in ((3, None), (2, 0), (3, 1)):
        asked = (power,) if bare is None else (power, bare)
        expected = (gaps[:, off] / (gaps[:, off] ** 2 + width**2)) ** power / gaps[:, off] ** (bare or 0)
        assert pairs.broadened(*asked)[:, :, 0][:, off] == pytest.approx(expected)
        assert plain.broadened(*asked)[:, :, 0][:, off] == pytest.approx(1 / gaps[:, off] ** (power + (bare or 0)))


@pytest.mark.parametrize("name", DYNAMIC_BLOCKS)
def test_a_dynamic_block_is_made_of_its_transitions(name):
    """What tables over the energy of transitions are made of is what its density is made of."""
    block, pairs = DYNAMIC_BLOCKS[name], BandPairs(geometry(True), OBSERVABLES)
    expected = block.density(pairs, Z)
    assert np.abs(block.transitions.density(pairs, Z) - expected).max() < 1e-13 * np.abs(expected).max()
    others = [one.transitions for other, one in DYNAMIC_BLOCKS.items() if other != name]
    assert all(
        np.abs(one.density(pairs, Z) - expected).max() > 1e-3 for one in others if one.density(pairs, Z).shape == expected.shape
    )


# When the tests are collected: later some register blocks and responses of their own.
SHIPPED = {"blocks": dict(BLOCKS), "dynamic blocks": dict(DYNAMIC_BLOCKS), "responses": dict(RESPONSES)}


def said(record: object) -> dict[str, object]:
    """What a record says in words, numbers and flags; of what it computes with only the names."""
    found: dict[str, object] = {}
    for one in fields(record):  # type: ignore[arg-type]
        value = getattr(record, one.name)
        if is_dataclass(value):
            found |= {f"{one.name}.{name}": x for name, x in said(value).items()}
        elif callable(value):
            found[one.name] = getattr(value, "__name__", type(value).__name__)
        else:
            found[one.name] = repr(dict(value) if isinstance(value, Mapping) else value)
    return found


@pytest.mark.parametrize("kind", ["blocks", "dynamic blocks", "responses"])
def test_every_word_and_number_of_the_records(kind):
    """Stored when they had been compared with docs/theory.md: WANNIER_SPIN_STORE=1 pytest -n 0 tests/responses/test_records.py"""
    check("records.json", kind, {name: said(record) for name, record in SHIPPED[kind].items()})
