"""Table I: computed from the index laws, and found on random models that have only P, only T or only PT."""

from functools import cache

import numpy as np
import pytest
from symmetry.structures import random_with

from wannier_spin import compute, responses
from wannier_spin.calculation.symmetrize import computed_table
from wannier_spin.responses import RESPONSES
from wannier_spin.symmetry import TensorKind, format_table, law_kind, table_one
from wannier_spin.units import BOLTZMANN

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes: identities

# docs/theory.md, section 5
TABLE_I = {
    "spin": {"P": "++--", "T": "-++-", "PT": "-+-+"},
    "Zeeman": {"P": "--++", "T": "-++-", "PT": "+-+-"},
}
QUANTITIES = ("metric", "curvature", "metric dipole", "curvature dipole")
GOVERNED = {  # docs/theory.md, section 5, "which dipole governs which response"; cos and sin part of the dynamic ones
    "magnetic_spin_hall": "spin metric",
    "edelstein": "Zeeman curvature",
    "spin_hall": "spin curvature",
    "intrinsic_spin_magnetization": "Zeeman metric",
    "displacement_spin_current cos": "spin curvature",
    "displacement_spin_current sin": "spin metric",
    "displacement_spin_magnetization cos": "Zeeman metric",
    "displacement_spin_magnetization sin": "Zeeman curvature",
    "ac_spin_current T-even": "spin curvature",
    "ac_spin_current T-odd": "spin metric",
    "ac_spin_magnetization T-odd": "Zeeman metric",
    "ac_spin_magnetization T-even": "Zeeman curvature",
    "nonlinear_drude_spin_current": "spin metric dipole",
    "nonlinear_drude_spin_magnetization": "Zeeman curvature dipole",
    "nonlinear_extrinsic_spin_current": "spin curvature dipole",
    "nonlinear_extrinsic_spin_magnetization": "Zeeman metric dipole",
    "nonlinear_intrinsic_spin_current": "spin metric dipole",
    "nonlinear_intrinsic_spin_magnetization": "Zeeman curvature dipole",
}
GOVERNED |= {"orbital_hall": "spin curvature", "orbital_edelstein": "Zeeman curvature"}  # L has the parities of the spin
GOVERNED |= {  # in light: what has the same parities
    f"{name}_spin_{output} {part}": quantity
    for name in ("injection", "shift")
    for output, part, quantity in (
        ("current", "T-even", "spin metric dipole"),
        ("current", "T-odd", "spin curvature dipole"),
        ("magnetization", "T-even", "Zeeman metric dipole"),
        ("magnetization", "T-odd", "Zeeman curvature dipole"),
    )
}
T_EVEN = {"injection_spin_current": "INJ2", "shift_spin_current": "SH1"}
T_EVEN |= {"injection_spin_magnetization": "INJ1", "shift_spin_magnetization": "SH2"}


def sign(quantity, operation):
    family, _, rest = quantity.partition(" ")
    return TABLE_I[family][operation][QUANTITIES.index(rest)]


def test_computed_table():
    table = computed_table()
    assert len(table) == 8
    for quantity, signs in table.items():
        assert {op: "+-"[s < 0] for op, s in signs.items()} == {op: sign(quantity, op) for op in ("P", "T", "PT")}, quantity


def test_printed_table():
    lines = format_table(computed_table()).splitlines()[1:]
    found = [("".join(line.split(",")[1].split()[0]), "".join(line.split()[2:])) for line in lines]
    assert found == [(op, signs) for family in ("spin", "Zeeman") for op, signs in TABLE_I[family].items()]

    signs = "".join(lines)
    assert signs.count("+") == signs.count("-") == 12
    centres = [name.center(18).index(name) + (len(name) - 1) // 2 for name in QUANTITIES]
    for line in lines:
        for i, start in enumerate(centres):
            assert line[12 + 18 * i + start] in "+-", line
    assert format_table(computed_table()).splitlines()[0] == " " * 12 + "".join(name.center(18) for name in QUANTITIES)


def test_fields_of_a_linear_law_are_not_symmetric():
    linear, second = RESPONSES["edelstein"].tensor, RESPONSES["nonlinear_drude_spin_magnetization"].tensor
    assert [law_kind(linear, 1, symmetric).symmetric for symmetric in (False, True)] == [None, None]
    assert [law_kind(second, 2, symmetric).symmetric for symmetric in (False, True)] == [None, (1, 2)]


def test_a_wrong_record_is_noticed():
    kinds = [TensorKind("ab", ("axial", "polar"), +1), TensorKind("ab", ("axial", "polar"), -1)]
    with pytest.raises(ValueError, match="disagree"):
        table_one({"Zeeman metric": kinds})


@cache
def run(symmetry, broadening):
    result = compute(
        random_with(symmetry),
        "all",
        grid=(4, 3, 4),
        mu=0.2,
        temperature=0.3 / BOLTZMANN,
        omega=(0.15, 0.4),
        broadening=broadening,
        gap_broadening=2 * broadening,
        degeneracy_tolerance=1e-8,
    )
    found = {}
    for name, tensor in result.items():
        if not RESPONSES[name].dynamic:
            found[name, "values"] = tensor.values
            found |= {(name, block): value for block, value in tensor.blocks.items()}
        elif name.startswith("ac_"):
            parts = ("T-even", "T-odd") if name.endswith("current") else ("T-odd", "T-even")
            for part, blocks in zip(parts, (("L0", "AC1"), ("AC2", "L1", "L1dir")), strict=True):
                found[f"{name} {part}", "complex"] = tensor.at(combination=dict.fromkeys(blocks, 1)).values
        elif name in T_EVEN:  # without absorption nothing is injected
            parts = {block: "T-even" if block == T_EVEN[name] else "T-odd" for block in tensor.blocks}
            found |= {(f"{name} {parts[b]}", b): x for b, x in tensor.blocks.items() if broadening or not b.startswith("INJ")}
        elif not broadening:
            found[f"{name} cos", "values"], found[f"{name} sin", "values"] = np.moveaxis(tensor.values, 3, 0)
        else:  # with absorption the T-odd and the T-even block have both parts
            one, two = (np.moveaxis(tensor.blocks[block], 3, 0) for block in ("AC1", "AC2"))
            for part in range(2):
                found[f"{name} cos", f"AC1 {part}"], found[f"{name} sin", f"AC2 {part}"] = one[part], two[part]
    return found


@pytest.mark.parametrize("broadening", [0.0, 0.1])
@pytest.mark.parametrize("symmetry", ["P", "T", "PT"])
def test_what_vanishes_in_models_with_one_symmetry(symmetry, broadening):
    generic, found = run(None, broadening), run(symmetry, broadening)
    assert {name for name, _ in found} == {name for name in GOVERNED if broadening or not name.startswith("injection")}
    for (name, block), value in found.items():
        scale = np.abs(generic[name, block]).max()
        size = np.abs(value).max()
        assert scale > 1e-5, (name, block)
        if sign(GOVERNED[name], symmetry) == "-":
            assert size < 1e-10 * scale, (name, block)
        else:
            # in light one of the models happens to have 6e-3 of the generic one
            assert size > (1e-3 if block in ("INJ1", "INJ2", "SH1", "SH2") else 1e-2) * scale, (name, block)


def test_every_response_is_governed_by_something():
    assert {name.partition(" ")[0] for name in GOVERNED} == set(responses.names())
