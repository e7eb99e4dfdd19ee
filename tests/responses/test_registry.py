"""What a record says is all that anything else knows: memory, direct terms, the surface form, needs, symmetry in the fields."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wannier_spin import InputError, Tolerance, compute, load_model, models, observables, response_map, responses
from wannier_spin.analysis.kpath import k_mesh
from wannier_spin.bloch import BlochSum
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import batch_size
from wannier_spin.model import Operator
from wannier_spin.occupation import Occupation
from wannier_spin.responses.registry import BLOCKS, DYNAMIC_BLOCKS, RESPONSES, THERMAL_RESPONSES, Block, Response, register
from wannier_spin.tensors import SEA_MINUS_SURFACE
from wannier_spin.units import BOLTZMANN, Measure

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
MODEL = models.random_model(n=3, seed=6)
SETTINGS = {"grid": (3, 3, 3), "mu": 0.2, "temperature": 0.3 / BOLTZMANN}


@pytest.fixture
def registry():
    """Registries that a test may add to: what it adds is taken out again."""
    tables = (BLOCKS, DYNAMIC_BLOCKS, RESPONSES, THERMAL_RESPONSES, observables.OBSERVABLES)
    kept = [dict(table) for table in tables]
    yield
    for table, before in zip(tables, kept, strict=True):
        table.clear()
        table.update(before)  # type: ignore[arg-type]


def response(name, law, block, **more):
    return Response(name=name, title=name, law=law, equation="test", tau_power=0, geometry=(), paper={block: 1}, **more)


def test_third_order_is_symmetric_in_the_fields(registry):
    """In all permutations, the full form; the printed form is left as it is."""

    def density(p):
        v, x = p.v[:, :, :, None, None, :], p.dv[:, :, None, :, None, :]
        return p.re(v * x * x.swapaxes(3, 4) * p.inverse_gap(3)[:, :, :, None, None])

    register(Block("T", "sea", "bde", 0, density), response("third", "M_a = gamma_abde E_b E_d E_e", "T"))
    tensor = compute(MODEL, "third", **SETTINGS)["third"]
    values = tensor.values[0, 0]
    printed = tensor.at(form="paper").values[0, 0]
    assert np.abs(printed).max() > 1e-3
    assert np.abs(printed - printed.swapaxes(1, 2)).max() > 0.1 * np.abs(printed).max()
    for turn in ((0, 2, 1, 3), (0, 3, 2, 1), (0, 1, 3, 2), (0, 2, 3, 1)):
        assert np.abs(values - values.transpose(turn)).max() < 1e-13 * np.abs(values).max()


def test_a_record_that_does_not_fit_is_refused(registry):
    with pytest.raises(ValueError, match="of order 2 in the fields"):
        register(response("wrong", "M_a = beta_abc E_b E_c", "L0"))
    with pytest.raises(ValueError, match="unknown blocks"):
        register(response("wrong", "M_a = beta_ab E_b", "L9"))
    with pytest.raises(ValueError, match="has the letter 'X'"):
        response("wrong", "X_a = beta_ab E_b", "L0").tensor  # noqa: B018


def test_a_name_that_is_taken_is_refused(registry):
    """By its own kind, by the other kind of block, and by what a gradient of T drives."""
    before = [dict(table) for table in (BLOCKS, DYNAMIC_BLOCKS, RESPONSES, THERMAL_RESPONSES)]
    taken = [
        BLOCKS["L1"],
        DYNAMIC_BLOCKS["AC1"],
        replace(BLOCKS["L1"], name="AC1"),
        replace(DYNAMIC_BLOCKS["AC1"], name="L1"),
        RESPONSES["spin_hall"],
    ]
    for item in taken:
        with pytest.raises(ValueError, match=f"'{item.name}' is registered twice"):
            register(item)
    for name in ("spin_hall", "thermal_edelstein"):
        with pytest.raises(ValueError, match=f"'{name}' is registered twice"):
            register(replace(RESPONSES["edelstein"], name=f"like_{name}", thermal=(name, "taken")))
    assert [dict(table) for table in (BLOCKS, DYNAMIC_BLOCKS, RESPONSES, THERMAL_RESPONSES)] == before
    register(replace(BLOCKS["L1"], name="odd", tau_power=3), replace(RESPONSES["edelstein"], name="mine", thermal=None))
    assert responses.time_odd("odd")
    assert "mine" in RESPONSES
    assert THERMAL_RESPONSES == before[-1]
    with pytest.raises(ValueError, match="frequencies are there for one field, or two of light"):
        register(
            Block("T", "sea", "bde", 0, BLOCKS["L0"].density), response("ac", "M_a = gamma_abde E_b E_d E_e", "T", dynamic=True)
        )


@pytest.mark.parametrize(("name", "like"), [("nonlinear_intrinsic_spin_magnetization", "S"), ("shift_spin_magnetization", "SH1")])
def test_memory_does_not_depend_on_names(registry, name, like):
    record, block = RESPONSES[name], (BLOCKS | DYNAMIC_BLOCKS)[like]
    register(replace(block, name="other"))
    alone, renamed = (replace(record, name=f"{n}!", paper={n: 1}, full=None, companions=()) for n in (like, "other"))
    sizes = []
    for r in (alone, renamed):
        plan = Plan((r,), "spin", (0.1 + 0.1j,) if record.dynamic else ())
        source = BlochSum(MODEL, True)
        sizes.append(batch_size(source, plan, Occupation(np.array([0.1]), np.array([0.1])), 0.01))
    assert sizes[0] == sizes[1] > 1
    lighter = Plan((replace(alone, paper={"Q1": 1}, law="M_a = beta_abc E_b E_c", dynamic=False),), "spin", ())
    assert batch_size(source, lighter, Occupation(np.array([0.1]), np.array([0.1])), 0.01) > sizes[0]


def test_forms_of_a_renamed_response(registry):
    """Direct terms and the surface form belong to the record: copies under other names have them."""
    for name in ("L1", "L1dir", "L1surf"):
        register(replace(BLOCKS[name], name=f"my{name}"))
    register(
        replace(
            RESPONSES["edelstein"],
            name="mine",
            paper={"myL1": 1},
            full={"myL1": 1, "myL1dir": 1},
            surface={"myL1surf": 1},
            thermal=("my_thermal", "mine in a gradient of T"),
        )
    )
    assert RESPONSES["mine"].direct == ("myL1dir",)
    mine = compute(MODEL, "mine", blocks=("myL1surf",), **SETTINGS)["mine"]
    known = compute(MODEL, "edelstein", blocks=("L1surf",), **SETTINGS)["edelstein"]
    assert np.abs(known.sea_surface_difference).max() > 1e-4
    assert np.abs(mine.sea_surface_difference - known.sea_surface_difference).max() < 1e-13


def test_the_difference_of_two_forms_is_there_where_all_its_blocks_are():
    edelstein, hall = RESPONSES["edelstein"], RESPONSES["spin_hall"]
    assert edelstein.sea_minus_surface == {"L1": 1, "L1dir": 1, "L1surf": -1}
    assert hall.sea_minus_surface == {}
    for form in ("paper", "full"):
        assert edelstein.recipes(form, ("L1surf",))[SEA_MINUS_SURFACE] == edelstein.sea_minus_surface
        assert SEA_MINUS_SURFACE not in edelstein.recipes(form)
        assert SEA_MINUS_SURFACE not in hall.recipes(form, ("L1surf",))
    assert edelstein.blocks("paper") == ("L1",)  # nothing else is computed for the printed form alone
    assert edelstein.blocks("paper", ("L1surf",)) == ("L1", "L1dir")
    assert hall.direct == ()
    thermal = edelstein.thermal_record()
    assert (thermal.name, thermal.law, thermal.thermal) == ("thermal_edelstein", "M_a = alpha_ab d_b T", None)
    assert thermal.thermal_record() is None


def test_a_missing_operator_names_what_brings_it():
    without = replace(MODEL, spin_R=None)
    with pytest.raises(InputError, match=r"no spin matrices; read it with its \.spn file"):
        compute(without, "edelstein", **SETTINGS)
    with pytest.raises(InputError, match=r"read it with\s+spin_current = 'ryoo'"):
        compute(MODEL, "spin_hall", spin_current="ryoo", **SETTINGS)
    assert responses.get("edelstein").needs == ("spin",)
    assert responses.get("orbital_hall").needs == ()


# A torque in one record, from an operator that the user gives


def torque():
    """-i [sigma^c/2, X_c'] for a field X along z that couples to the spin: an axial rate, T-even."""
    return observables.Observable(
        name="torque",
        symbol="T",
        title="torque",
        indices=("axial",),
        time_parity=+1,
        measure=Measure(rate=1, unit="(hbar/e)"),
        matrix=lambda g: g.operator("torque"),
        derivative=lambda g: g.operator_derivative("torque"),
        needs=("torque",),
        local=True,
    )


def test_an_observable_from_an_operator_of_the_user(registry, tmp_path):
    name = "spin_orbit_torque"
    effect = observables.Effect(name=name, title=name, law="T_a = chi_ab E_b", equation="test", tau_power=0, paper={"L0": 1})
    observables.register(torque(), effect)
    with pytest.raises(InputError, match=r"no operator torque, which 'spin_orbit_torque' \(torque\) needs; it has spin"):
        compute(MODEL, "spin_orbit_torque", **SETTINGS)
    X = Operator(MODEL.spin_R / 2, ("axial",), +1)
    model = replace(MODEL, extra_operators={"torque": X})
    assert list(model.operators) == ["spin", "torque"]
    found = compute(model, "spin_orbit_torque", units="SI", **SETTINGS)["spin_orbit_torque"]
    spin = compute(MODEL, "intrinsic_spin_magnetization", **SETTINGS)["intrinsic_spin_magnetization"]
    assert found.unit == "(hbar/e) S m^-2"
    assert np.abs(found.at(units="natural").values - spin.values).max() < 1e-13 * np.abs(spin.values).max()
    assert np.abs(spin.values).max() > 1e-3
    read = load_model(model.save(tmp_path / "model.h5"))
    assert np.array_equal(read.extra_operators["torque"].matrices, X.matrices)
    assert read.extra_operators["torque"].indices == ("axial",)
    adaptive = compute(model, "spin_orbit_torque", mu=0.2, temperature=2000, tolerance=Tolerance(relative=0.5))
    assert np.abs(adaptive["spin_orbit_torque"].values).max() > 0
    options = {"mu": 0.2, "temperature": SETTINGS["temperature"], "units": "SI"}
    at_k = response_map(model, k_mesh((3, 3, 3)), name, "xy", **options)
    assert at_k.values.sum(axis=-1).mean() == pytest.approx(found.values[0, 0, 0, 1], rel=1e-9, abs=0)


def test_wrong_operators_are_refused():
    X = MODEL.spin_R
    for bad, message in (
        (Operator(X[:-1], ("axial",)), "has shape"),
        (Operator(X * np.nan, ("axial",)), "NaN"),
        (Operator(1j * X, ("axial",)), "not Hermitian"),
    ):
        with pytest.raises(InputError, match=message):
            replace(MODEL, extra_operators={"mine": bad})
    with pytest.raises(InputError, match="keyword of its own"):
        replace(MODEL, extra_operators={"spin": Operator(X, ("axial",))})


def test_what_the_field_calls_it() -> None:
    """A name of the field is told its name here, and the page of recipes has that with its channel."""
    page = (Path(__file__).parents[2] / "docs" / "howto.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and line.count("|") == 4]
    known = RESPONSES | THERMAL_RESPONSES
    usual = [(name, r.name, False) for r in known.values() for name in r.usual]
    usual += [(name, r.name, True) for r in known.values() for name in r.usual_of_charge]
    assert ("anomalous_nernst", "spin_nernst", True) in usual
    assert len({name for name, _, _ in usual}) == len(usual) > 20
    for name, response, of_charge in usual:
        assert name not in known
        assert any(f"`{response}`" in row and ('"charge"' in row) >= of_charge for row in rows), name
    for given, meant in (
        ("SHC", "here it is 'spin_hall'. All"),
        ("Anomalous Hall effect", "here it is 'spin_hall' with channel = 'charge'. All"),
        ("shift_current", "here it is 'shift_spin_current' with channel = 'charge'. All"),
        ("spinhall", "did you mean 'spin_hall'"),
        ("nothing of the kind", "; All: magnetic_spin_hall"),
    ):
        with pytest.raises(InputError, match=re.escape(meant)):
            responses.get(given)


def test_responses_that_are_one_in_the_channel_of_the_charge() -> None:
    """They are told the same name of the field, have the same numbers, and none is about zero."""
    called: dict[str, list[str]] = {}
    for r in RESPONSES.values():
        called.setdefault(r.known_of_charge, []).append(r.name)
    assert called["Drude conductivity"] == ["magnetic_spin_hall", "edelstein", "orbital_edelstein"]
    assert called["anomalous Hall conductivity"] == ["spin_hall", "intrinsic_spin_magnetization", "orbital_hall"]
    assert called["shift current"] == ["shift_spin_current", "shift_spin_magnetization"]
    assert THERMAL_RESPONSES["orbital_nernst"].known_of_charge == "anomalous Nernst effect"
    names = [*called["Drude conductivity"][:2], *called["anomalous Hall conductivity"][:2]]
    found = compute(MODEL, names, channel="charge", **SETTINGS)
    hall = found["spin_hall"]
    assert (hall.title, hall.symbol, hall.law) == ("anomalous Hall conductivity", "sigma(0)_ab", "I_a = sigma_ab E_b")
    for one, other in (names[:2], names[2:]):
        assert np.abs(found[one].values).max() > 1e-6
        assert np.array_equal(found[one].values, found[other].values)
