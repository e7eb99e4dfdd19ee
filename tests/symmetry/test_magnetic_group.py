"""From a structure with its moments to a magnetic group: names, flags, tolerances, refusals, the command line."""

import json
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from symmetry.structures import (
    MAGNETIC_POINT_GROUPS,
    NONE,
    cumnas,
    group,
    iron,
    mn3sn,
    same_group,
    tellurium,
    turn,
    turned,
    with_moments,
)

from wannier_spin import AccuracyWarning, InputError, Structure, cli, read_structure
from wannier_spin.responses import RESPONSES
from wannier_spin.symmetry import allowed, group_from_database, law_kind, magnetic_group

X110 = [(2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0)]
# BNS number (Fm-3m1', F-43m1', I4/mm'm', Fm'm'm, R-3m', Im-3m1', Fm'mm, Fm'm'm, I4/mmm1'), operations of the point group,
# (P, T, PT), space group of the positions alone
EXAMPLES = {
    "Pt": (None, "225.117", 96, (True, True, True), "Fm-3m"),
    "GaAs": (None, "216.75", 48, (False, True, False), "F-43m"),
    "Fe": ([(0, 0, 2.2)], "139.537", 16, (True, False, False), "Im-3m"),
    "Fe 110": ([(1.5, 1.5, 0)], "69.524", 8, (True, False, False), "Im-3m"),
    "Fe 111": ([(1.3, 1.3, 1.3)], "166.101", 12, (True, False, False), "Im-3m"),
    "Fe without moment": (None, "229.141", 96, (True, True, True), "Im-3m"),
    "Mn2Au": (X110, "69.523", 8, (False, False, True), "I4/mmm"),
    "Mn2Au ferromagnetic": ([(2, 2, 0), (2, 2, 0), (0, 0, 0)], "69.524", 8, (True, False, False), "I4/mmm"),
    "Mn2Au without moment": (None, "139.532", 32, (True, True, True), "I4/mmm"),
}


def win(example_inputs, name):
    name = name.split()[0]
    return example_inputs / name / f"{name}.win"


@pytest.mark.parametrize("name", EXAMPLES)
def test_group_of_an_example(name, example_inputs):
    moments, bns, order, flags, positions = EXAMPLES[name]
    found = magnetic_group(read_structure(win(example_inputs, name), moments))
    assert found.bns_number == bns
    assert len(found.point_operations) == order
    assert (found.has_inversion, found.has_time_reversal, found.has_pt) == flags
    assert found.space_group.startswith(positions + " ")
    assert found.msg_type == (2 if flags[1] else 3)
    assert len(group_from_database(found.uni_number)) % order == 0


def test_group_of_other_magnets():
    """Mn3Sn: Cm'cm' and Cmc'm', one for each phase; Te: P3_121 1'; CuMnAs: a type III group of Pmmn."""
    assert {magnetic_group(mn3sn(phase)).bns_number for phase in (0, np.pi / 2)} == {"63.463", "63.464"}
    assert magnetic_group(tellurium()).bns_number == "152.34"
    assert magnetic_group(cumnas()).bns_number == "59.407"
    assert not magnetic_group(tellurium()).has_inversion


def test_time_reversal_with_a_translation():
    """Up and down along a chain: T, together with half of the doubled cell; a type IV group."""
    chain = Structure(
        np.diag([3, 3, 6.0]), np.array([[0, 0, 0], [0, 0, 0.5]]), np.array([25, 25]), np.array([[0, 0, 2.0], [0, 0, -2]])
    )
    found = magnetic_group(chain)
    assert found.has_time_reversal
    assert found.has_pt
    assert found.msg_type == 4
    T = [o for o in found.operations if o.time_reversal and np.allclose(o.rotation, np.eye(3))]
    assert [np.abs(o.translation - np.round(o.translation)).max() for o in T] == pytest.approx([0.5])


def test_operations_map_the_structure_on_itself():
    for structure in (mn3sn(0.0), cumnas(), tellurium(), iron((1, 1, 1))):
        for o in magnetic_group(structure).operations:
            axial = np.linalg.det(o.rotation) * o.rotation * (-1 if o.time_reversal else 1)
            for r, number, moment in zip(structure.positions, structure.numbers, structure.magnetic_moments, strict=True):
                difference = structure.positions - (o.reduced @ r + o.translation)
                image = np.abs(difference - np.round(difference)).max(axis=1).argmin()
                assert np.abs(difference - np.round(difference))[image].max() < 1e-6
                assert structure.numbers[image] == number
                assert np.abs(structure.magnetic_moments[image] - axial @ moment).max() < 1e-6


def test_k_moves_as_phases_do():
    """k . r is invariant up to the sign of time reversal, and so is the Cartesian picture."""
    structure = mn3sn(np.pi / 2)
    reciprocal = np.linalg.inv(structure.lattice).T
    k, r = np.random.default_rng(0).random((2, 5, 3))
    for o in magnetic_group(structure).operations:
        sign = -1 if o.time_reversal else 1
        assert np.abs((o.act_on_k(k) * (r @ o.reduced.T)).sum(1) - sign * (k * r).sum(1)).max() < 1e-12
        assert np.abs(o.act_on_k(k) @ reciprocal - sign * (k @ reciprocal) @ o.rotation.T).max() < 1e-6


@pytest.mark.parametrize("moment", [(0, 0, 2.2), (1.3, 1.3, 1.3), NONE])
def test_turned_crystal(moment):
    R = turn((0.3, -0.5, 0.8), 7.3)
    first, second = magnetic_group(iron(moment)), magnetic_group(turned(iron(moment), R))
    assert first.bns_number == second.bns_number
    expected = [replace(o, rotation=R @ o.rotation @ R.T) for o in first.point_operations]
    assert same_group(second.point_operations, expected)


def test_reversal_of_all_moments_keeps_the_group():
    for structure in (mn3sn(0.0), cumnas(), iron((0, 0, 2.2))):
        back = with_moments(structure, -structure.magnetic_moments)
        assert same_group(magnetic_group(structure).point_operations, magnetic_group(back).point_operations)


# Tolerances and refusals


def distorted(structure, size):
    """One atom off its place by `size` angstrom in no special direction."""
    positions = structure.positions.copy()
    positions[0] += np.array([0.6, 0.48, 0.64]) * size @ np.linalg.inv(structure.lattice)
    return replace(structure, positions=positions)


def test_well_defined_structures_give_no_warning(example_inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("error", AccuracyWarning)
        for name, (moments, *_) in EXAMPLES.items():
            magnetic_group(read_structure(win(example_inputs, name), moments))


@pytest.mark.parametrize(("size", "order"), [(3e-5, 12), (5e-4, 2)])
def test_distortion_near_the_tolerance_is_told(size, order):
    """1e-4 angstrom; a factor of ten in both directions is looked at."""
    with pytest.warns(AccuracyWarning, match="check positions, moments and tolerances"):
        found = magnetic_group(distorted(tellurium(), size))
    assert len(found.point_operations) == order


def test_moments_near_the_tolerance_are_told():
    with pytest.warns(AccuracyWarning, match="mu_B"):
        found = magnetic_group(with_moments(cumnas(), [(0, 0, 3.60), (0, 0, -3.63), *4 * [NONE]]))
    assert not found.has_pt
    with pytest.warns(AccuracyWarning):
        assert magnetic_group(with_moments(cumnas(), [(0, 0, 3.60), (0, 0, -3.605), *4 * [NONE]])).has_pt


def test_tolerances_are_arguments():
    structure = distorted(tellurium(), 1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)
        assert len(magnetic_group(structure).point_operations) == 2
        assert len(magnetic_group(structure, symprec=0.05).point_operations) == 12


@pytest.mark.parametrize("moment", [NONE, (0, 0, 2.0)])
def test_two_atoms_on_one_place(moment):
    structure = Structure(3 * np.eye(3), np.zeros((2, 3)), np.array([26, 26]), np.array([moment, moment], float))
    with pytest.raises(InputError, match="two atoms|structure and the tolerances"):
        magnetic_group(structure)


@pytest.mark.parametrize("moments", [[(0, 0, 1)], [(0, 0, 1)] * 3, [1.0], [[1, 0]] * 2, [(0, 0, np.nan)] * 2, "up", []])
def test_wrong_moments(moments, example_inputs):
    with pytest.raises(InputError, match="moments"):
        read_structure(example_inputs / "GaAs" / "GaAs.win", moments)


def test_collinear_moments_point_along_z(example_inputs):
    found = magnetic_group(read_structure(example_inputs / "Fe" / "Fe.win", [2.2]))
    assert found.bns_number == "139.537"


def test_no_deprecation_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        magnetic_group(iron((0, 0, 2.2)))
        group_from_database(100)


def test_rounded_lattice_in_any_orientation():
    """Lattice vectors with six decimals, as files have them: forms as with all digits."""
    R = turn((0.3, -0.5, 0.8), 7.3)
    exact = turned(tellurium(), R)
    rounded = replace(exact, lattice=np.round(exact.lattice, 6))
    record = RESPONSES["edelstein"]
    kind = law_kind(record.tensor, record.tau_power)
    forms = [allowed(kind, magnetic_group(s).point_operations) for s in (exact, rounded)]
    assert [len(f.independent) for f in forms] == [2, 2]
    assert [{n: len(t) for n, t in f.relations.items()} for f in forms][1] == {n: len(t) for n, t in forms[0].relations.items()}


# The command line


@pytest.fixture
def wannier_spin(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["wannier-spin", *map(str, arguments)])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # `main` sets it
        capsys.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", DeprecationWarning)
            cli.main()
        return int(end.value.code or 0), *capsys.readouterr()

    return call


def test_command_line(wannier_spin, example_inputs):
    code, out, err = wannier_spin("symmetry", example_inputs / "Fe" / "Fe.win", "--magmom", "0 0 2.2")
    assert (code, err) == (0, "")
    assert "139.537 (BNS)" in out
    assert "16 operations of the magnetic point group; it contains P\n" in out
    assert "spin, PT" in out
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert set(RESPONSES) == set(rows) & set(RESPONSES)
    assert rows["spin_hall"].split(None, 2)[1:] == ["3", "xy;z = -yx;z, xz;y = -yz;x, zx;y = -zy;x"]
    assert rows["edelstein"].split() == ["edelstein", "0", "0"]
    code, out, _ = wannier_spin("symmetry", example_inputs / "Pt" / "Pt.win")
    assert code == 0
    assert "it contains P, T, PT" in out
    code, out, _ = wannier_spin("symmetry", example_inputs / "Mn2Au" / "Mn2Au.win", "--magmom", "1 2 0; 1 0 0; 0 0 0")
    assert code == 0
    assert "none of P, T, PT" in out


@pytest.mark.parametrize("separator", ["; ", ";", " ;"])
def test_command_line_json(wannier_spin, example_inputs, separator):
    magmom = separator.join(["2.4975 2.4975 0", "-2.4975, -2.4975, 0", "0 0 0"])
    code, out, err = wannier_spin("symmetry", example_inputs / "Mn2Au" / "Mn2Au.win", "--magmom", magmom, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["group"] == {
        "uni_number": 621,
        "bns_number": "69.523",
        "msg_type": 3,
        "space_group": "I4/mmm (139)",
        "has_inversion": False,
        "has_time_reversal": False,
        "has_pt": True,
        "operations": 8,
    }
    assert found["responses"]["intrinsic_spin_magnetization"]["independent"] == ["xz", "zx"]
    assert found["responses"]["intrinsic_spin_magnetization"]["relations"] == {
        "yz": [[pytest.approx(1), "xz"]],
        "zy": [[pytest.approx(1), "zx"]],
    }
    assert found["responses"]["edelstein"] == {"independent": [], "relations": {}}
    assert found["table"]["Zeeman metric"] == {"P": -1, "T": -1, "PT": 1}
    assert found["survives"]["Zeeman metric"] is True
    assert found["survives"]["spin metric"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--magmom", "0 0 2.2; 0 0 -2.2"], "has 1 atoms"),
        (["--magmom", "0 0"], "three numbers for each atom"),
        (["--magmom", "0 0 2.2;"], "three numbers for each atom"),
        (["--magmom", "0 0 up"], "could not convert"),
        (["--magmom", ""], "three numbers for each atom"),
        (["--magmom", "0 0 nan"], "finite"),
    ],
)
def test_command_line_refuses(wannier_spin, example_inputs, arguments, message):
    code, out, err = wannier_spin("symmetry", example_inputs / "Fe" / "Fe.win", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


def test_command_line_without_a_file(wannier_spin, tmp_path):
    code, _, err = wannier_spin("symmetry", tmp_path / "no.win")
    assert code == 2
    assert "does not exist" in err


def test_command_line_tells_of_tolerances(wannier_spin, tmp_path):
    """Te with cell vectors of four decimals: the group depends on the tolerance, and that is all the user should know."""
    cell = "4.456 0 0\n-2.228 3.8590 0\n0 0 5.921\n"
    atoms = "Te 0.2636 0 0.333333333333\nTe 0 0.2636 0.666666666667\nTe -0.2636 -0.2636 0\n"
    text = f"begin unit_cell_cart\nang\n{cell}end unit_cell_cart\nbegin atoms_frac\n{atoms}end atoms_frac\n"
    (tmp_path / "Te.win").write_text(text)
    code, out, err = wannier_spin("symmetry", tmp_path / "Te.win")
    assert code == 0
    assert "tolerances" in out + err


def test_hand_made_groups_are_groups():
    for generators in MAGNETIC_POINT_GROUPS.values():
        g = group(*generators)
        a = g[-1]
        products = [replace(b, rotation=a.rotation @ b.rotation, time_reversal=a.time_reversal != b.time_reversal) for b in g]
        assert same_group(products, g)


@pytest.mark.parametrize("skew", [7, 1003, 100_003])
def test_the_group_does_not_depend_on_how_skewed_the_cell_is(skew: int) -> None:
    """spglib finds nothing in vectors that are nearly parallel, and takes its time."""
    lattice = np.diag([3.0, 4.0, 5.0])
    moments = np.array([[0, 0, 2.0], [0, 0, -2.0]])
    straight = Structure(lattice, np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), np.array([26, 26]), moments)
    M = np.array([[1, skew, 0], [0, 1, 0], [skew // 3, -5, 1]])
    skewed = Structure(M @ lattice, straight.positions @ np.linalg.inv(M), straight.numbers, moments)
    expected, found = magnetic_group(straight), magnetic_group(skewed)
    assert (found.uni_number, len(found.operations)) == (expected.uni_number, len(expected.operations))
    for operation in found.operations:
        moved = skewed.positions @ operation.reduced.T + operation.translation
        apart = moved[:, None] - skewed.positions[None]
        distance = np.linalg.norm((apart - np.round(apart)) @ skewed.lattice, axis=-1)
        assert distance.min(axis=1).max() < 1e-3
        np.testing.assert_allclose(operation.rotation @ operation.rotation.T, np.eye(3), atol=1e-12)
    key = lambda op: (op.time_reversal, *op.rotation.round(6).ravel().tolist())  # noqa: E731
    assert sorted(map(key, found.point_operations)) == sorted(map(key, expected.point_operations))


def test_a_cell_beyond_rounding_is_refused() -> None:
    lattice = np.array([[1, 4_000_000_003, 0], [0, 1, 0], [1_300_000_001, -5, 1]]) @ np.diag([3.0, 4.0, 5.0])
    with pytest.raises(InputError, match="nearly parallel"):
        magnetic_group(Structure(lattice, np.zeros((1, 3)), np.array([26]), np.zeros((1, 3))))
