"""Forms of response tensors of real materials, against the literature and against groups written down by hand."""

import json

import numpy as np
import pytest
from symmetry.structures import (
    MAGNETIC_POINT_GROUPS,
    X,
    Y,
    cumnas,
    group,
    iron,
    mn3sn,
    same_group,
    tellurium,
)

from wannier_spin import InputError, read_structure, responses
from wannier_spin.calculation import symmetry_report
from wannier_spin.integrals.densities.kinds import response_kinds
from wannier_spin.responses import RESPONSES
from wannier_spin.symmetry import (
    TensorKind,
    allowed,
    atom_group,
    magnetic_group,
    n_independent,
    project,
)
from wannier_spin.symmetry.projector import basis_of


def kind_of(name, symmetric=True, channel="spin"):
    return response_kinds(RESPONSES[name], symmetric, channel)[name]


T_EVEN, T_ODD = kind_of("spin_hall"), kind_of("magnetic_spin_hall")  # linear spin currents
HALL, DRUDE = kind_of("spin_hall", channel="charge"), kind_of("magnetic_spin_hall", channel="charge")
EDELSTEIN, INTRINSIC = kind_of("edelstein"), kind_of("intrinsic_spin_magnetization")


def structures(example_inputs):
    x = 2.4975
    win = {name: example_inputs / name / f"{name}.win" for name in ("Pt", "GaAs", "Mn2Au")}
    return {
        "Pt m-3m1'": read_structure(win["Pt"]),
        "GaAs -43m1'": read_structure(win["GaAs"]),
        "Fe 001 4/mm'm'": iron((0, 0, 2.2)),
        "Fe 110 m'm'm": iron((1.5, 1.5, 0)),
        "Fe 111 -3m'": iron((1.3, 1.3, 1.3)),
        "Mn2Au m'mm": read_structure(win["Mn2Au"], [(x, x, 0), (-x, -x, 0), (0, 0, 0)]),
        "CuMnAs m'mm": cumnas(),
        "Te 321'": tellurium(),
        "Mn3Sn, 2 along y": mn3sn(np.pi / 2),
    }


@pytest.mark.parametrize("name", MAGNETIC_POINT_GROUPS)
def test_group_and_all_forms(name, example_inputs):
    """spglib's group is the one written down by hand; so are all forms of the report."""
    by_hand = group(*MAGNETIC_POINT_GROUPS[name])
    report = symmetry_report(structures(example_inputs)[name])
    assert same_group(report.group.point_operations, by_hand)
    kinds = {key: kind for record in RESPONSES.values() for key, kind in response_kinds(record, symmetric_fields=True).items()}
    assert set(report.forms) == set(kinds)
    for key, kind in kinds.items():
        form, expected = report.forms[key], allowed(kind, by_hand)
        assert form.independent == expected.independent
        assert len(form.independent) == n_independent(kind, by_hand)
        assert set(form.relations) == set(expected.relations)
        for component, terms in expected.relations.items():
            assert dict((n, f) for f, n in form.relations[component]) == pytest.approx({n: f for f, n in terms}, abs=1e-6)


def test_a_hall_conductivity_without_any_symmetry_has_three_components():
    assert str(allowed(HALL, group())) == "xy = -yx, xz = -zx, yz = -zy"
    assert str(allowed(DRUDE, group())) == "xx, xy = yx, xz = zx, yy, yz = zy, zz"


def test_components_stand_in_order():
    """Without any symmetry all are independent, xx first; of a diagonal projector the basis is made of single components."""
    form = allowed(EDELSTEIN, group())
    assert form.independent == tuple(a + b for a in "xyz" for b in "xyz")
    assert not form.relations
    cubic = TensorKind("ab", ("polar", "polar"), 1)
    mirrors = allowed(cubic, group(*(np.diag(signs) for signs in ((-1.0, 1, 1), (1, -1, 1), (1, 1, -1)))))
    assert mirrors.independent == ("xx", "yy", "zz")
    assert np.abs(basis_of(np.diag([1.0, 0, 1]))) == pytest.approx(np.eye(3)[[0, 2]], abs=1e-15)


# Independent components: characters (count), the papers named at each form


FORMS = {
    # cubic: only the antisymmetric tensor; Pt: Guo et al., PRL 100, 096401; GaAs the same
    ("Pt m-3m1'", T_EVEN): "xy;z = -xz;y = -yx;z = yz;x = zx;y = -zy;x",
    ("GaAs -43m1'", T_EVEN): "xy;z = -xz;y = -yx;z = yz;x = zx;y = -zy;x",
    ("Pt m-3m1'", T_ODD): "0",
    ("GaAs -43m1'", T_ODD): "0",
    ("Pt m-3m1'", EDELSTEIN): "0",
    ("GaAs -43m1'", EDELSTEIN): "0",
    # -43m is one of the three grey classes without it, arXiv:2406.14748
    ("GaAs -43m1'", kind_of("nonlinear_extrinsic_spin_magnetization")): "0",
    # zincblende is piezoelectric with e14 alone
    ("GaAs -43m1'", TensorKind("abc", ("polar",) * 3, +1, (1, 2))): "xyz = xzy = yxz = yzx = zxy = zyx",
    # 32 is gyrotropic with two constants; -3m1' and 32 1' by Seemann et al., PRB 92, 155138
    ("Te 321'", EDELSTEIN): "xx = yy, zz",
    ("Te 321'", INTRINSIC): "0",
    ("Te 321'", T_EVEN): "xx;x = -xy;y = -yx;y = -yy;x, xy;z = -yx;z, xz;y = -yz;x, zx;y = -zy;x",
    # 4/mm'm': Seemann et al., PRB 92, 155138, split by time reversal: polarization along and across the moment, and Hall
    ("Fe 001 4/mm'm'", T_EVEN): "xy;z = -yx;z, xz;y = -yz;x, zx;y = -zy;x",
    ("Fe 001 4/mm'm'", T_ODD): "xx;z = yy;z, xz;x = yz;y, zx;x = zy;y, zz;z",
    # charge: the Hall vector along the moment; a conductivity is symmetric (Onsager); T and P*T forbid a Hall effect
    ("Fe 001 4/mm'm'", HALL): "xy = -yx",
    ("Fe 001 4/mm'm'", DRUDE): "xx = yy, zz",
    ("Fe 110 m'm'm", HALL): "xz = -yz = -zx = zy",
    ("Fe 110 m'm'm", DRUDE): "xx = yy, xy = yx, zz",
    ("Fe 111 -3m'", HALL): "xy = -xz = -yx = yz = zx = -zy",
    ("Pt m-3m1'", HALL): "0",
    ("Pt m-3m1'", DRUDE): "xx = yy = zz",
    ("Te 321'", HALL): "0",
    ("CuMnAs m'mm", HALL): "0",
    # PEERS.md 3.3: symmetr's example, npj Spintronics 2026, table 1
    ("Mn3Sn, 2 along y", T_EVEN): "xy;z, xz;y, yx;z, yz;x, zx;y, zy;x",
    ("Mn3Sn, 2 along y", T_ODD): "xx;y, xy;x, yx;x, yy;y, yz;z, zy;z, zz;y",
    # m'mm with mirrors z and x: axial-polar, T-odd
    ("CuMnAs m'mm", INTRINSIC): "xz, zx",
    ("CuMnAs m'mm", EDELSTEIN): "0",
    ("CuMnAs m'mm", T_ODD): "0",
    ("Mn2Au m'mm", INTRINSIC): "xz = yz, zx = zy",
    ("Mn2Au m'mm", EDELSTEIN): "0",
    ("Mn2Au m'mm", T_ODD): "0",
}


@pytest.mark.parametrize(("name", "kind"), FORMS, ids=lambda x: x if isinstance(x, str) else f"{x.labels}{x.time_parity:+d}")
def test_form(name, kind, example_inputs):
    operations = magnetic_group(structures(example_inputs)[name]).point_operations
    assert str(allowed(kind, operations)) == FORMS[name, kind]


# (T-even, T-odd): characters of proper rotations; the unitary subgroup alone allows the sum of both
COUNTS = {
    "Pt m-3m1'": (1, 0),  # O: (27 + 8*0 + 3*(-1) + 6*(-1) + 6*1)/24
    "GaAs -43m1'": (1, 0),
    "Fe 001 4/mm'm'": (3, 4),  # D4: (27 + 2*1 + (-1) + 4*(-1))/8; C4: (27 + 2*1 - 1)/4 = 7 = 3 + 4
    "Fe 110 m'm'm": (6, 7),  # D2: (27 - 3)/4; C2: (27 - 1)/2 = 13 = 6 + 7
    "Fe 111 -3m'": (4, 5),  # D3: (27 + 2*0 - 3)/6; C3: (27 + 0)/3 = 9 = 4 + 5
    "Mn2Au m'mm": (6, 0),
    "CuMnAs m'mm": (6, 0),
    "Te 321'": (4, 0),
    "Mn3Sn, 2 along y": (6, 7),
}


@pytest.mark.parametrize("name", COUNTS)
def test_number_of_linear_spin_conductivities(name, example_inputs):
    operations = magnetic_group(structures(example_inputs)[name]).point_operations
    assert (n_independent(T_EVEN, operations), n_independent(T_ODD, operations)) == COUNTS[name]


def test_other_phase_of_mn3sn():
    """Moments turned by 90 degrees in the plane: the two-fold axis is x, and x, y exchange their roles."""
    operations = magnetic_group(mn3sn(0)).point_operations
    assert str(allowed(T_EVEN, operations)) == "xy;z, xz;y, yx;z, yz;x, zx;y, zy;x"
    assert str(allowed(T_ODD, operations)) == "xx;x, xy;y, xz;z, yx;y, yy;x, zx;z, zz;x"


@pytest.mark.parametrize("moment", [(0, 0, 2.2), (1.5, 1.5, 0), (1.3, 1.3, 1.3)])
def test_iron_along_its_moment(moment):
    """Current, field and spin along the moment: T-odd; the isotropic Hall tensor: T-even; the moment itself, nothing else."""
    operations = magnetic_group(iron(moment)).point_operations
    n = np.array(moment) / np.linalg.norm(moment)
    form = np.einsum("a,b,c->abc", n, n, n)
    assert np.abs(project(form, T_ODD, operations) - form).max() < 1e-12
    assert np.abs(project(form, T_EVEN, operations)).max() < 1e-12
    epsilon = np.cross(np.eye(3)[:, None], np.eye(3)[None])
    assert np.abs(project(epsilon, T_EVEN, operations) - epsilon).max() < 1e-12
    axial = TensorKind("a", ("axial",), -1)
    assert n_independent(axial, operations) == 1
    assert np.abs(project(n, axial, operations) - n).max() < 1e-12


# Sites


def test_sites_of_cumnas():
    """PEERS.md 3.3: T-even chi_xy, chi_yx staggered; T-odd chi_xz, chi_zx equal on both Mn."""
    structure = cumnas(X)
    atoms = atom_group(structure, magnetic_group(structure), range(6))
    assert set(atoms.images[:, 0].tolist()) == {0, 1}
    even, odd = (atoms.pair_forms(kind, 0, 1) for kind in (EDELSTEIN, INTRINSIC))
    assert (str(even.first), str(even.uniform), str(even.staggered)) == ("xy, yx", "0", "xy, yx")
    assert (str(odd.first), str(odd.uniform), str(odd.staggered)) == ("xz, zx", "xz, zx", "0")
    assert str(atoms.form(EDELSTEIN, 1)) == "xy, yx"


def test_sites_turn_with_the_moments():
    """Neel vector along y in CuMnAs: the T-odd response has yz, zy instead."""
    structure = cumnas(Y)
    found = magnetic_group(structure)
    assert str(allowed(INTRINSIC, found.point_operations)) == "yz, zy"
    assert str(atom_group(structure, found, range(6)).pair_forms(EDELSTEIN, 0, 1).staggered) == "xy, yx"


def test_unrelated_sites():
    structure = cumnas()
    atoms = atom_group(structure, magnetic_group(structure), ("Mn1", "Mn2", "Cu1", "Cu2", "As1", "As2"))
    with pytest.raises(InputError, match="exchanges Mn1 and Cu1"):
        atoms.pair_forms(EDELSTEIN, 0, 2)


# The report


SURVIVING = {  # Table I with P, T and PT of the material
    "Pt m-3m1'": {"spin curvature", "Zeeman metric dipole"},
    "GaAs -43m1'": {"spin curvature", "spin metric dipole", "Zeeman curvature", "Zeeman metric dipole"},
    "Fe 001 4/mm'm'": {"spin metric", "spin curvature", "Zeeman metric dipole", "Zeeman curvature dipole"},
    "Mn2Au m'mm": {"spin curvature", "spin curvature dipole", "Zeeman metric", "Zeeman metric dipole"},
}


@pytest.mark.parametrize("name", SURVIVING)
def test_report(name, example_inputs):
    report = symmetry_report(structures(example_inputs)[name])
    surviving = {quantity for quantity, survives in report.survives.items() if survives}
    assert surviving == SURVIVING[name]
    for quantity in surviving:
        assert quantity in report.table_text().splitlines()[-1]
    data = json.loads(json.dumps(report.as_dict()))
    assert data["group"]["operations"] == len(group(*MAGNETIC_POINT_GROUPS[name]))
    assert {key.partition(" ")[0] for key in data["responses"]} == set(responses.names())
    for key, form in report.forms.items():
        assert data["responses"][key]["independent"] == list(form.independent)
        assert set(data["responses"][key]["relations"]) == set(form.relations)
    for key in report.forms:  # what P, T or PT forbid is "0"
        record = RESPONSES[key.partition(" ")[0]]
        governing = record.geometry[1 if key.endswith(" sin") else 0 :][:1]
        if governing and governing[0] not in surviving:
            assert str(report.forms[key]) == "0"


@pytest.mark.parametrize("name", ["Pt m-3m1'", "GaAs -43m1'"])
def test_report_of_what_two_fields_see(name, example_inputs):
    """form = "full" is symmetrized in the fields; m-3m1' and -43m1' have no such T-even spin response (29 of 32)."""
    report = symmetry_report(structures(example_inputs)[name])
    assert str(report.forms["nonlinear_extrinsic_spin_magnetization"]) == "0"


def test_a_basis_is_orthonormal_and_spans_what_the_projector_leaves():
    Q = np.linalg.qr(np.random.default_rng(3).normal(size=(9, 4)))[0]
    found = basis_of(Q @ Q.T)
    assert found.shape == (4, 9)
    assert np.abs(found @ found.T - np.eye(4)).max() < 1e-12
    assert np.abs(found.T @ found - Q @ Q.T).max() < 1e-12
