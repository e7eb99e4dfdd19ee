"""The magnetic space group on sites and tensors together: projector, forms, and what is no set of sites."""

import numpy as np
import pytest
from symmetry.structures import NONE, UP, crystal, cumnas, mn3sn, symmetric_models

from wannier_spin import InputError, read_structure
from wannier_spin.calculation import symmetry_report
from wannier_spin.responses import RESPONSES
from wannier_spin.sites import atom_names
from wannier_spin.symmetry import TensorKind, atom_group, law_kind, magnetic_group, n_independent, project, site_group, transform

SPIN = {name: record for name, record in RESPONSES.items() if record.tensor.observable == "spin" and not record.dynamic}
KINDS = {name: law_kind(record.tensor, record.tau_power) for name, record in SPIN.items()}
NONLINEAR = law_kind(SPIN["nonlinear_drude_spin_magnetization"].tensor, 2, symmetric_fields=True)
MN2AU = [(2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0)]


def stripes():
    """Rows of moments up and down on a polar square lattice: T comes with a translation (type IV)."""
    rows = [(25, (x, 0, 0), s) for x, s in ((0, UP), (0.5, (0, 0, -1)))]
    return crystal(np.diag([2.0, 1, 4]), rows + [(8, (x, 0, 0.1), NONE) for x in (0, 0.5)])


STRUCTURES = {
    "doubled iron": crystal(np.diag([4.0, 2, 3]), [(26, (x, 0, 0), UP) for x in (0, 0.5)]),
    "CuMnAs": cumnas(),
    "Mn3Sn": mn3sn(np.pi / 2),
    "stripes": stripes(),
    "antiferromagnet": symmetric_models()["pt_antiferromagnet x"][1],
    "zincblende": symmetric_models()["zincblende -43m1'"][1],
}


def sites_of(name):
    structure = STRUCTURES[name]
    return atom_group(structure, magnetic_group(structure), atom_names(structure))


@pytest.mark.parametrize(
    "kind", [*KINDS.values(), NONLINEAR], ids=lambda kind: f"{kind.labels}{kind.time_parity:+d}{kind.symmetric}"
)
@pytest.mark.parametrize("name", STRUCTURES)
def test_projector(name, kind):
    """P P = P = P^T. Its trace counts what the site symmetry groups leave, once for each orbit of atoms."""
    sites = sites_of(name)
    P = sites.projector(kind)
    assert np.abs(P @ P - P).max() < 1e-12
    assert np.abs(P - P.T).max() < 1e-12
    orbits = {tuple(sorted(set(column))) for column in sites.images.T.tolist()}
    expected = sum(len(sites.form(kind, orbit[0]).independent) for orbit in orbits)
    basis = sites.invariant_basis(kind)
    assert round(np.trace(P)) == len(basis) == expected
    assert np.abs(basis @ basis.T - np.eye(len(basis))).max(initial=0) < 1e-12
    assert np.abs(basis.T @ basis - P).max() < 1e-12


@pytest.mark.parametrize("name", STRUCTURES)
def test_equivalent_sites_have_transformed_responses(name):
    """X_j = g X_i for every operation that takes i to j; arrays in front of the tensor go with it."""
    sites, kind = sites_of(name), KINDS["nonlinear_extrinsic_spin_magnetization"]
    raw = np.random.default_rng(0).normal(size=(len(sites.names), 2, 4, 3, 3, 3))
    found = sites.project(raw, kind)
    assert np.abs(found).max() > 0.05
    for operation, image in zip(sites.operations, sites.images, strict=True):
        assert np.abs(found[image] - transform(found, kind, operation)).max() < 1e-12
    whole = project(raw.sum(axis=0), kind, magnetic_group(STRUCTURES[name]).point_operations)
    assert np.abs(found.sum(axis=0) - whole).max() < 1e-12


def test_bounds_are_bounds():
    """Of any tensors within them, and reached by some."""
    sites, kind = sites_of("Mn3Sn"), KINDS["edelstein"]
    rng = np.random.default_rng(1)
    bound = rng.random((len(sites.names), 5, 3, 3))
    found = sites.project_bound(bound, kind)
    signs = np.sign(rng.normal(size=(200, *bound.shape)))
    worst = np.max([np.abs(sites.project(s * bound, kind)) for s in signs], axis=0)
    assert (worst <= found + 1e-12).all()
    assert np.abs(found).max() > 0.05
    moved = np.moveaxis(bound, 0, 1).reshape(5, -1)
    assert np.abs(np.moveaxis(found, 0, 1).reshape(5, -1) - moved @ np.abs(sites.projector(kind)).T).max() < 1e-12


def test_groups_of_atoms():
    """The two Mn as one site, next to the others: the operations keep it, and it has the form of the total."""
    structure = cumnas()
    group = magnetic_group(structure)
    sites = site_group(structure, group, {"Mn": (1, 0), "As": (2, 3), "Cu": (4, 5), "all": range(6)})
    assert (sites.images == np.arange(4)).all()
    for kind in KINDS.values():
        for i in range(4):
            assert len(sites.form(kind, i).independent) == n_independent(kind, group.point_operations)


def test_what_is_no_set_of_sites():
    structure = cumnas()
    group = magnetic_group(structure)
    with pytest.raises(InputError, match=r"takes site 'Mn1' \(atoms 1\) to atoms 2, which are no site: name all sites"):
        site_group(structure, group, {"Mn1": (0,), "As": (2, 3)})
    with pytest.raises(InputError, match="'mixed' .atoms 1, 4. to atoms 2, 3"):
        site_group(structure, group, {"mixed": (0, 3)})
    with pytest.raises(InputError, match="no symmetry operation exchanges Mn1 and As1"):
        atom_group(structure, group, atom_names(structure)).pair_forms(KINDS["edelstein"], 0, 2)


# Forms


FORMS = {
    # PEERS.md 3.3: T-even xy, yx staggered, T-odd xz, zx equal on both Mn
    ("CuMnAs", "edelstein@Mn1"): "xy, yx",
    ("CuMnAs", "edelstein@Mn2"): "xy, yx",
    ("CuMnAs", "edelstein@Mn1-Mn2"): "xy, yx",
    ("CuMnAs", "edelstein@Mn1+Mn2"): "0",
    ("CuMnAs", "intrinsic_spin_magnetization@Mn1"): "xz, zx",
    ("CuMnAs", "intrinsic_spin_magnetization@Mn1+Mn2"): "xz, zx",
    ("CuMnAs", "intrinsic_spin_magnetization@Mn1-Mn2"): "0",
    # Neel vector along [110]: xy = -yx of 4mm, and what is of second order in the Neel vector
    ("Mn2Au", "edelstein@Mn1-Mn2"): "xx = -yy, xy = -yx",
    ("Mn2Au", "edelstein@Mn1+Mn2"): "0",
    ("Mn2Au", "edelstein@Au1"): "0",
    ("Mn2Au", "intrinsic_spin_magnetization@Mn1+Mn2"): "xz = yz, zx = zy",
    ("Mn2Au", "intrinsic_spin_magnetization@Au1"): "xz = yz, zx = zy",
    # no moments: the local symmetry 4mm of Mn alone
    ("Mn2Au, not magnetic", "edelstein@Mn1-Mn2"): "xy = -yx",
    ("Mn2Au, not magnetic", "intrinsic_spin_magnetization@Mn1"): "0",
}


def reported(name, example_inputs):
    moments = {"Mn2Au": MN2AU, "Mn2Au, not magnetic": None}
    structure = STRUCTURES[name] if name in STRUCTURES else read_structure(example_inputs / "Mn2Au" / "Mn2Au.win", moments[name])
    return symmetry_report(structure, sites=True).forms


@pytest.mark.parametrize(("name", "response"), FORMS)
def test_form(name, response, example_inputs):
    assert str(reported(name, example_inputs)[response]) == FORMS[name, response]


def test_report_with_sites():
    """Dynamic responses have two forms; pairs that nothing exchanges have none; without sites nothing is added."""
    forms = symmetry_report(cumnas(), sites=True).forms
    assert str(forms["displacement_spin_magnetization@Mn1-Mn2 sin"]) == str(forms["edelstein@Mn1-Mn2"])
    assert str(forms["ac_spin_magnetization@Mn1-Mn2 T-odd"]) == "0"
    assert "edelstein@As1-As2" in forms
    assert "edelstein@Mn1-As1" not in forms
    assert not any("spin_hall" in name for name in forms if "@" in name)
    assert not any("@" in name for name in symmetry_report(cumnas()).forms)


def test_second_order_at_sites_is_symmetric_in_the_fields():
    """Of an atom without any symmetry all is there that the fields leave: 3 x 6."""
    lattice = np.array([[3.0, 0.1, 0.3], [0.4, 3.3, 0.2], [0.1, 0.6, 3.9]])
    atoms = [(25, (0.1, 0.2, 0.3), (0.3, 0.5, 2)), (33, (0.35, 0.6, 0.8), NONE), (34, (0.7, 0.15, 0.6), NONE)]
    found = symmetry_report(crystal(lattice, atoms), sites=True).forms
    assert len(found["edelstein@Mn1"].independent) == 9
    assert len(found["nonlinear_extrinsic_spin_magnetization@Mn1"].independent) == 18


def test_antitranslation():
    """T with a translation exchanges the rows: T-even responses are uniform, T-odd ones staggered."""
    sites = sites_of("stripes")
    assert any(op.time_reversal and np.allclose(op.rotation, np.eye(3)) for op in sites.operations)
    even, odd = (TensorKind("ab", ("axial", "polar"), sign) for sign in (1, -1))
    for kind, gone in ((even, "staggered"), (odd, "uniform")):
        forms = sites.pair_forms(kind, 0, 1)
        assert str(getattr(forms, gone)) == "0"
        assert str(forms.first) != "0"


def test_a_single_site_is_projected_on_its_own_group():
    """A crystal of one atom: what its group leaves of a tensor, and twice is once."""
    structure = crystal(np.diag([2.0, 2, 3]), [(26, (0, 0, 0), UP)])
    group = magnetic_group(structure)
    sites, kind = atom_group(structure, group, atom_names(structure)), KINDS["edelstein"]
    raw = np.random.default_rng(0).normal(size=(1, 5, 3, 3))
    found = sites.project(raw, kind)
    assert 0.1 < np.abs(found).max() or not n_independent(kind, group.point_operations)
    assert np.abs(found[0] - project(raw[0], kind, group.point_operations)).max() < 1e-12
    assert np.abs(sites.project(found, kind) - found).max() < 1e-12
