"""compute(sites=...): whose a Wannier function is, irreducible k-points, runs within a tolerance, files, command line."""

import csv
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point
from rounding import same
from symmetry.structures import NONE, crystal, symmetric_models

import wannier_spin as ws
from wannier_spin import InputError, compute, load, models
from wannier_spin.calculation import Control, Sites, Tolerance
from wannier_spin.components import component_names
from wannier_spin.readers import read_projections
from wannier_spin.results.numbers import with_bar
from wannier_spin.units import BOLTZMANN

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes, gaps below kT: identities

wannier_spin = pytest.fixture(entry_point)
SPIN = [name for name in ws.responses.names() if ws.responses.get(name).tensor.observable == "spin"]
OPTIONS = {"mu": [-1.1, 0.3], "temperature": 0.3 / BOLTZMANN, "omega": [0.15, 0.4], "broadening": 0.1}
PAIR, STRUCTURE, _ = symmetric_models()["pt_antiferromagnet x"]
NAMES = ("Mn1", "Mn2")
WITHIN = 3e-2


def grid_of(model, n):
    return [n if along else 1 for along in model.periodic]


# Whose a Wannier function is


def test_atoms_of_a_model():
    """By centres, in whatever cell they are; atoms without functions are no sites."""
    moved = PAIR.centres + PAIR.lattice[0] * [[0], [2], [-1], [0]] + [0.05, 0, 0]
    sites = ws.atomic_sites(replace(PAIR, centres=moved), STRUCTURE)
    assert sites.functions == {"Mn1": (0, 1), "Mn2": (2, 3)}
    assert sites.atoms == {"Mn1": (0,), "Mn2": (1,)}


def test_atoms_of_mn2au(example_inputs):
    """Localized functions are up to 0.26 angstrom from their atoms; centres and projections tell the same."""
    folder = example_inputs / "Mn2Au"
    model, structure = ws.load_model(folder / "Mn2Au.model.h5"), ws.read_structure(folder / "Mn2Au.win")
    sites = ws.atomic_sites(model, structure)
    assert sites.functions == {"Mn1": tuple(range(18)), "Mn2": tuple(range(18, 36)), "Au1": tuple(range(36, 54))}
    assert ws.projected_sites(read_projections(folder / "Mn2Au.win"), structure) == sites


def test_nearest_image_in_an_oblique_cell():
    """Rounding reduced coordinates does not find the nearest image here."""
    lattice = np.array([[1.0, 0, 0], [0.9, 0.6, 0], [0, 0, 5]])
    structure = crystal(lattice, [(26, (0, 0, 0), NONE), (8, (0, 0, 0.5), NONE)])
    places = np.array([[0.45, 0.45, 0.0], [0.5, -0.5, 0.0]])
    nearest = [min(np.linalg.norm((p - [i, j, 0]) @ lattice) for i in range(-3, 4) for j in range(-3, 4)) for p in places]
    rounded = np.linalg.norm((places - np.round(places)) @ lattice, axis=1)
    assert max(rounded - nearest) > 0.2
    model = replace(models.random_model(n=2), lattice=lattice, position_R=None, centres=places @ lattice)
    assert ws.atomic_sites(model, structure).functions == {"Fe1": (0, 1)}


@pytest.mark.parametrize(("away", "allowed"), [(0.2, True), (0.26, False), (0.3536, False)])
def test_functions_on_bonds_are_refused(away, allowed):
    """Atoms 0.707 angstrom apart: a third is 0.236."""
    structure = crystal(PAIR.lattice, [(25, (0, 0, 0), NONE), (25, (0.5, 0.5, 0), NONE)])
    centres = PAIR.centres.copy()
    centres[3] -= away * np.array([1, 1, 0]) / np.sqrt(2)
    model = replace(PAIR, centres=centres)
    if allowed:
        assert ws.atomic_sites(model, structure).functions == {"Mn1": (0, 1), "Mn2": (2, 3)}
        return
    with pytest.raises(InputError, match=r"function 4 \(counted from 1\) is 0\.\d+ angstrom from .* Mn., and Mn. is only 0.707"):
        ws.atomic_sites(model, structure)


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ("bonds", "sites = 'bonds', expected 'atoms', or names"),
        ({}, "sites = {} names no site; leave it out"),
        (["Mn1"], "expected 'atoms', or names"),
        ({"A": []}, "site 'A' has no Wannier function"),
        ({"A": [0, 0]}, "site 'A' has a Wannier function twice"),
        ({"A": [0, 1], "B": [1, 0]}, "sites 'A' and 'B' are the same Wannier functions"),
        ({"A/B": [0]}, "site 'A/B': a name is made of letters"),
        ({"A": [0, 4]}, r"site 'A' has Wannier functions \[0, 4\]; the model has 0 to 3"),
        ({"A": [-1]}, "the model has 0 to 3"),
        ({"A": [0, -1]}, "the model has 0 to 3"),
        ({"A": [0.5]}, r"site 'A' = \[0.5\], expected Wannier functions"),
        ({"A": [True]}, "expected Wannier functions"),
        ({"A": ["Mn1", 0]}, "expected Wannier functions"),
        ({"A": "Mn1"}, "sites named by atoms need a crystal structure"),
        ("atoms", "sites named by atoms need a crystal structure"),
    ],
)
def test_what_is_no_site(sites, message):
    with pytest.raises(InputError, match=message):
        compute(PAIR, "edelstein", grid=(2, 2, 1), sites=sites, **OPTIONS)


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ({"A": "Mn3"}, "site 'A': no atom 'Mn3' has Wannier functions; those that do: Mn1, Mn2"),
        ({"A": [0], "B": [2]}, "site 'A' has 1 of the 2 Wannier functions of atom Mn1: with a structure sites must be whole atoms"),
        ({"A": [0, 1]}, r"takes site 'A' \(atoms 1\) to atoms 2, which are no site: name all sites"),
    ],
)
def test_what_is_no_site_with_symmetry(sites, message):
    with pytest.raises(InputError, match=message):
        compute(PAIR, "edelstein", grid=(2, 2, 1), sites=sites, symmetry=STRUCTURE, **OPTIONS)


def test_only_responses_of_the_spin_have_sites():
    for options in ({"responses": "spin_hall"}, {"responses": "edelstein", "channel": "charge"}):
        with pytest.raises(InputError, match="sites are for responses of the spin .* add one of edelstein"):
            compute(PAIR, grid=(2, 2, 1), sites={"A": [0]}, **options, **OPTIONS)


def test_names_lists_and_atoms_are_one():
    options = {"grid": (4, 4, 1), "symmetry": STRUCTURE, **OPTIONS}
    by_atoms = compute(PAIR, "edelstein", sites="atoms", **options)["edelstein"]
    listed = compute(PAIR, "edelstein", sites={"up": [1, 0], "down": "Mn2", "both": ["Mn1", "Mn2"]}, **options)["edelstein"]
    given = compute(PAIR, "edelstein", sites=Sites({"Mn1": (0, 1), "Mn2": (2, 3)}), **options)["edelstein"]
    assert list(by_atoms.sites) == list(given.sites) == list(NAMES)
    for name, other in zip(NAMES, ("up", "down"), strict=True):
        assert np.abs(by_atoms.site(name).values).max() > 1e-3
        assert same(by_atoms.site(name).values, listed.site(other).values)
        assert same(by_atoms.site(name).values, given.site(name).values)
    assert np.abs(listed.site("both").values - listed.values).max() < 1e-14


def test_a_kp_model():
    """Its basis functions can be listed."""
    model, name = models.massive_dirac(), "intrinsic_spin_magnetization"
    tensor = compute(model, name, grid=(6, 8), mu=0.02, temperature=0, sites={"up": [0], "down": [1]})[name]
    assert np.abs(tensor.site("up").values).max() > 1e-3
    assert np.abs(tensor.uniform("up", "down").values - tensor.values).max() < 1e-12 * np.abs(tensor.values).max()


# Symmetry


MODELS = ["pt_antiferromagnet z", "pt_antiferromagnet x", "pt_antiferromagnet", "kane_mele 3m'", "kagome -", "rashba 4m'm'"]


@pytest.mark.parametrize("shift", [0.0, 0.13])
@pytest.mark.parametrize("name", MODELS)
def test_irreducible_points_give_what_all_give(name, shift):
    """Values, error bars, forms: each site's, with the group on sites and tensors together, also where it is not the mesh's."""
    model, structure, _ = symmetric_models()[name]
    sites = ws.atomic_sites(model, structure)
    options = {"grid": grid_of(model, 4), "sites": sites, **OPTIONS}
    if shift:
        options["shift"] = [shift if along else 0 for along in model.periodic]
    raw = compute(model, SPIN, **options)
    reduced, whole = (compute(model, SPIN, symmetry=structure, reduce_k=reduce, **options) for reduce in (True, False))
    sizes = []
    for response, tensor in reduced.items():
        scale = max(np.abs(part.values).max() for part in raw[response].sites.values())
        floor = 1e-11
        for site, part in tensor.sites.items():
            assert np.abs(part.values - whole[response].site(site).values).max() < 1e-10 * scale + floor, (response, site)
            bars = max(part.error.max() for part in whole[response].sites.values())
            difference = np.abs(part.error - whole[response].site(site).error).max()
            assert difference < 1e-9 * bars + floor  # they know logarithms of amplitudes
            if not shift:  # the whole mesh has the symmetry already
                assert np.abs(part.values - raw[response].site(site).values).max() < 1e-10 * scale + floor, (response, site)
        total = tensor.uniform(*tensor.sites)
        assert np.abs(total.values - tensor.values).max() < 1e-10 * scale + floor  # 1/gap^4, and gaps of 2 meV
        sizes.append(scale)
    assert max(sizes) > 1e-3
    assert len(sites.functions) == model.n_bands / 2
    assert reduced.provenance["k_points_evaluated"] <= whole.provenance["k_points_evaluated"] == 16


def test_sites_of_a_real_material(example_inputs):
    """Mn2Au: irreducible points and all, to what the Wannier model has of the symmetry; P*T exchanges the Mn, keeps Au."""
    folder, x = example_inputs / "Mn2Au", 2.4975
    structure = ws.read_structure(folder / "Mn2Au.win", [(x, x, 0), (-x, -x, 0), (0, 0, 0)])
    names = ["edelstein", "intrinsic_spin_magnetization"]
    options = {"grid": (3, 3, 3), "mu": 16.5032, "temperature": 3000, "symmetry": structure, "sites": "atoms"}
    model = ws.load_model(folder / "Mn2Au.model.h5")
    reduced, whole = (compute(model, names, reduce_k=reduce, **options) for reduce in (True, False))
    for name, tensor in whole.items():
        scale = np.abs(tensor.site("Mn1").values).max()
        assert scale > 1e-5
        for site, part in tensor.sites.items():
            assert np.abs(part.residual).max() < 1e-2 * scale, (name, site)
            assert np.abs(part.values - reduced[name].site(site).values).max() < 5e-3 * scale, (name, site)
    found = reduced["edelstein"].staggered("Mn1", "Mn2").values[0, 0]
    (xx, xy), expected = found[0, :2], np.zeros((3, 3))
    expected[:2, :2] = [[xx, xy], [-xy, -xx]]
    assert np.abs(found - expected).max() < 1e-12 * np.abs(found).max()
    assert np.abs(reduced["edelstein"].site("Au1").values).max() < 1e-12 * np.abs(found).max()


def test_residual_of_sites():
    """What the projection removes, site by site: kept with all points, stored, and a part of the sum rule."""
    options = {"grid": (4, 4, 1), "shift": (0.13, 0.29, 0), "sites": ws.atomic_sites(PAIR, STRUCTURE), **OPTIONS}
    raw = compute(PAIR, "edelstein", **options)["edelstein"]
    whole = compute(PAIR, "edelstein", symmetry=STRUCTURE, reduce_k=False, **options)["edelstein"]
    for site in NAMES:
        part = whole.site(site)
        assert np.abs(part.residual).max() > 1e-3
        assert np.abs(part.values + part.residual - raw.site(site).values).max() < 1e-14
    difference = whole.staggered(*NAMES)
    assert np.abs(difference.residual - (whole.site("Mn1").residual - whole.site("Mn2").residual)).max() < 1e-15


def test_translations_within_a_doubled_cell():
    """They make two atoms alike: exactly, where the model has them only nearly."""
    single = models.rashba_exchange(t2=0, dresselhaus=0, exchange=(0, 0, 0.45))
    hop = {R: single.hamiltonian_R[np.flatnonzero((single.R_vectors == (*R, 0)).all(axis=1))[0]] for R in ((0, 0), (1, 0), (0, 1))}
    hoppings = {(0, 1, (0, 0)): hop[1, 0], (1, 0, (1, 0)): hop[1, 0]}
    for i in range(2):
        hoppings |= {(i, i, (0, 0)): hop[0, 0] + 1e-3 * i * np.eye(2), (i, i, (0, 1)): hop[0, 1]}
    periodic = (True, True, False)
    model = models.from_hoppings(lattice=np.diag([2.0, 1, 1]), sites=[[0, 0], [0.5, 0]], hoppings=hoppings, periodic=periodic)
    moments = [(26, (x, 0, 0), (0, 0, 1)) for x in (0, 0.5)]
    structure = crystal(model.lattice, moments + [(8, (x, 0, 0.3), NONE) for x in (0, 0.5)])
    options = {"grid": (2, 4, 1), "sites": ws.atomic_sites(model, structure), **OPTIONS}
    raw, found = (compute(model, "edelstein", symmetry=s, **options)["edelstein"] for s in (None, structure))
    difference = np.abs(raw.staggered("Fe1", "Fe2").values).max()
    scale = np.abs(found.site("Fe1").values).max()
    assert 1e-6 < difference < 1e-2 * scale
    assert np.abs(found.staggered("Fe1", "Fe2").values).max() < 1e-15
    assert np.abs(found.site("Fe1").values - raw.site("Fe1").values).max() < 2 * difference


def test_forms_in_the_provenance():
    result = compute(PAIR, ["edelstein", "spin_hall"], grid=(4, 4, 1), symmetry=STRUCTURE, sites="atoms", **OPTIONS)
    forms = result.provenance["symmetry"]["forms"]
    assert forms["edelstein"] == forms["edelstein@Mn1+Mn2"] == "0"
    assert forms["edelstein@Mn1-Mn2"] == forms["edelstein@Mn1"] != "0"
    assert result.provenance["sites"] == {"Mn1": [1, 2], "Mn2": [3, 4]}
    assert not result["spin_hall"].sites


# Within a tolerance


@pytest.fixture(scope="module")
def within():
    """With symmetry and without."""
    options = {"mu": 0.3, "temperature": 3000, "tolerance": WITHIN, "sites": ws.atomic_sites(PAIR, STRUCTURE)}
    names = ["edelstein", "nonlinear_drude_spin_magnetization"]
    return [compute(PAIR, names, symmetry=structure, **options) for structure in (STRUCTURE, None)]


def test_sites_are_held_to_the_tolerance(within):
    """The total is zero here: it is the sites that ask for points, and that converge."""
    options = {"mu": 0.3, "temperature": 3000, "sites": ws.atomic_sites(PAIR, STRUCTURE)}
    meshes = compute(PAIR, list(within[0]), grid=(160, 160, 1), **options)
    for result in within:
        for name, tensor in result.items():
            mesh = meshes[name]
            largest = max(np.abs(part.values).max() for part in mesh.sites.values())
            assert largest > 1e-3
            assert result.provenance["error_over_tolerance"][f"{name}@sites"] <= 1
            for site, part in tensor.sites.items():
                assert part.converged is True
                assert part.error.max() <= WITHIN * largest * (1 + 1e-3)
                expected = mesh.site(site)
                assert (np.abs(part.values - expected.values) <= part.error + expected.error + 1e-12).all()
            difference = tensor.staggered(*NAMES)
            assert difference.converged is True
            expected = mesh.staggered(*NAMES)
            assert (np.abs(difference.values - expected.values) <= difference.error + expected.error + 1e-12).all()
    assert within[0].provenance["k_points_evaluated"] < within[1].provenance["k_points_evaluated"]


def test_forbidden_components_of_sites_are_exactly_zero(within):
    tensor = within[0]["edelstein"]
    assert np.abs(tensor.values).max() == 0
    first, second = (tensor.site(name).values for name in NAMES)
    assert np.abs(first).max() > 1e-3
    assert np.abs(first + second).max() < 1e-15
    assert (np.abs(first) > 1e-9).sum() < 9


def test_tolerances_of_sites_in_their_own_unit():
    """absolute counts for a response and its sites; without sites nothing is said of them."""
    wanted = Tolerance(relative=1e-9, absolute={"edelstein": 1e6})
    options = {"mu": 0.3, "temperature": 3000, "tolerance": wanted}
    with_sites = compute(PAIR, "edelstein", sites={"A": [0, 1], "B": [2, 3]}, **options)
    assert with_sites["edelstein"].site("A").converged is True
    assert list(with_sites.provenance["error_over_tolerance"]) == ["edelstein", "edelstein@sites"]
    without = compute(PAIR, "edelstein", **options)
    assert list(without.provenance["error_over_tolerance"]) == ["edelstein"]
    short = compute(PAIR, "edelstein", sites={"A": [0, 1]}, **(options | {"tolerance": Tolerance(1e-9, max_evaluations=2000)}))
    assert short["edelstein"].site("A").converged is False
    assert any("edelstein@sites" in message for message in short.warnings)


def test_replicas_of_sites():
    wanted = Tolerance(relative=0.5, replicas=3)
    result = compute(PAIR, "edelstein", mu=0.3, temperature=2000, tolerance=wanted, sites="atoms", symmetry=STRUCTURE)["edelstein"]
    part, difference = result.site("Mn1"), result.staggered(*NAMES)
    assert part.replica_spread.shape == part.values.shape
    assert np.abs(part.replica_spread).max() > 0
    assert np.abs(difference.replica_spread - 2 * part.replica_spread).max() < 1e-12  # X2 = -X1
    assert np.abs(part.block_spreads["L1"]).max() > 1e-6  # of a sum or difference at most the sum
    assert np.abs(difference.block_spreads["L1"] - 2 * part.block_spreads["L1"]).max() < 1e-15
    assert (difference.error <= result.site("Mn1").error + result.site("Mn2").error + 1e-15).all()


def test_a_checkpoint_knows_its_sites(tmp_path):
    """Of other sites it is refused; of the same ones the run goes on to the same numbers."""
    options = {"mu": 0.3, "temperature": 1000, "tolerance": 0.05}
    sites, path = {"A": [0, 1], "B": [2, 3]}, tmp_path / "c.h5"
    rounds = []
    whole = compute(PAIR, "edelstein", sites=sites, control=Control(path, report=rounds.append), **options)["edelstein"]
    assert len(rounds) > 1
    assert "edelstein@sites" in rounds[0].excess
    resumed = compute(PAIR, "edelstein", sites=sites, control=Control(path, resume=True), **options)["edelstein"]
    assert same(resumed.site("A").values, whole.site("A").values)
    for other in ({"A": [0, 1], "B": [2]}, None):
        with pytest.raises(InputError, match="checkpoint .* is of another calculation .sites: was .*'A'.*is"):
            compute(PAIR, "edelstein", sites=other, control=Control(path, resume=True), **options)


# Results


@cache
def result():
    names = ["edelstein", "spin_hall", "nonlinear_intrinsic_spin_magnetization", "ac_spin_magnetization"]
    options = {"mu": [0.0, 0.3], "temperature": [2000, 3000], "omega": [0.1, 0.2], "broadening": 0.1, "blocks": ("L1surf",)}
    return compute(PAIR, names, grid=(4, 4, 1), tau=[10.0, 20.0], units="SI", symmetry=STRUCTURE, sites="atoms", **options)


def test_sites_are_responses():
    """Names, and the same arithmetic: tau, units, form, relaxation and combinations of blocks, before or after."""
    tensor = result()["nonlinear_intrinsic_spin_magnetization"]
    part = tensor.site("Mn1")
    assert part.name == "nonlinear_intrinsic_spin_magnetization@Mn1"
    assert part.title == f"{tensor.title}, Mn1"
    assert (part.unit, part.axes, part.tau) == (tensor.unit, tensor.axes, tensor.tau)
    assert part.magnetization.shape == part.values.shape
    seen = [part.values]
    for change in ({"relaxation": "gao"}, {"form": "paper"}, {"combination": {"S": 2.0}}):
        changed = tensor.at(**change)
        assert np.abs(changed.site("Mn1").values).max() > 0
        assert same(changed.site("Mn1").values, part.at(**change).values)
        assert same(changed.staggered(*NAMES).values, tensor.staggered(*NAMES).at(**change).values)
        assert not any(same(changed.site("Mn1").values, other, within=1e-6) for other in seen)
        seen.append(changed.site("Mn1").values)
    edelstein = result()["edelstein"]
    first, scale = edelstein.site("Mn1"), np.abs(edelstein.site("Mn1").values).max()
    assert np.abs(first.at(tau=50).values - 5 * first.values).max() < 1e-12 * scale
    assert np.abs(edelstein.at(units="natural").site("Mn1").values).max() < 1e-6 * scale


def test_uniform_and_staggered():
    tensor = result()["edelstein"]
    first, second = (tensor.site(name) for name in NAMES)
    total, difference = tensor.uniform(*NAMES), tensor.staggered(*NAMES)
    assert (total.name, difference.name) == ("edelstein@Mn1+Mn2", "edelstein@Mn1-Mn2")
    assert difference.title.endswith(", Mn1 - Mn2")
    assert np.abs(difference.values).max() > 0
    assert same(difference.values, first.values - second.values)
    assert same(tensor.staggered("Mn2", "Mn1").values, -difference.values)
    signed = first.block_errors["L1"] - second.block_errors["L1"]
    assert same(difference.block_errors["L1"], signed)  # fine - coarse adds up with its sign
    assert np.abs(total.values).max() < 1e-12 * np.abs(difference.values).max()
    assert same(tensor.uniform("Mn1").values, first.values)
    for wrong in (lambda: tensor.site("Mn3"), lambda: tensor.staggered("Mn1", "Au1"), lambda: tensor.uniform("x")):
        with pytest.raises(InputError, match="has no site '.*'; it has Mn1, Mn2"):
            wrong()
    with pytest.raises(InputError, match="name the sites to add up; it has Mn1, Mn2"):
        tensor.uniform()
    with pytest.raises(InputError, match="'spin_hall' has no site 'Mn1'; it has none"):
        result()["spin_hall"].site("Mn1")


def test_sets_of_sites():
    whole = result()
    part = whole.site("Mn2")
    assert list(part) == [f"{name}@Mn2" for name in whole if name != "spin_hall"]
    assert np.array_equal(part["edelstein@Mn2"].values, whole["edelstein"].site("Mn2").values)
    assert list(whole.uniform(*NAMES))[0] == "edelstein@Mn1+Mn2"
    assert np.array_equal(whole.staggered(*NAMES)["edelstein@Mn1-Mn2"].values, whole["edelstein"].staggered(*NAMES).values)
    with pytest.raises(InputError, match="no response in this result is projected on sites"):
        replace(whole, tensors={"spin_hall": whole["spin_hall"]}).site("Mn1")


def test_in_a_file(tmp_path):
    """Everything of every site comes back, in order; the file is readable by others."""
    back = load(result().save(tmp_path / "out.h5"))
    for name, tensor in result().items():
        assert list(back[name].sites) == list(tensor.sites)
        for site, part in tensor.sites.items():
            found = back[name].site(site)
            for field in fields(part):
                one, other = getattr(found, field.name), getattr(part, field.name)
                if isinstance(other, dict) and other and isinstance(next(iter(other.values())), np.ndarray):
                    assert all(np.array_equal(one[key], other[key], equal_nan=True) for key in other), field.name
                else:
                    assert np.array_equal(one, other) if isinstance(other, np.ndarray) else one == other, field.name
            assert np.array_equal(found.values, part.values)
            assert np.array_equal(found.at(form="paper").values, part.at(form="paper").values)
    again = load(back.save(tmp_path / "again.h5"))
    assert np.array_equal(again["edelstein"].staggered(*NAMES).values, result()["edelstein"].staggered(*NAMES).values)
    xarray = pytest.importorskip("xarray")
    with xarray.open_datatree(tmp_path / "out.h5", engine="h5netcdf") as tree:
        values = tree["responses/edelstein/sites/Mn1/values"]
        assert values.dims == ("mu", "temperature", "a", "b")
        assert np.array_equal(values, result()["edelstein"].site("Mn1").values)


def test_thermal_counterparts_have_sites():
    scan = {"mu": np.linspace(-0.2, 0.2, 81), "temperature": 10.0}
    tensor = compute(PAIR, "intrinsic_spin_magnetization", grid=(6, 6, 1), sites={"A": [0, 1], "B": [2, 3]}, **scan)
    thermal = ws.thermal_counterpart(tensor["intrinsic_spin_magnetization"], 120.0)
    assert thermal.site("A").name == "intrinsic_thermal_spin_magnetization@A"
    assert thermal.site("A").title == "intrinsic thermal spin magnetization, A"
    assert thermal.site("A").unit == thermal.unit
    assert np.abs(thermal.uniform("A", "B").values - thermal.values).max() < 1e-12 * np.abs(thermal.values).max()
    assert np.abs(thermal.values).max() > 0


# Command line


INPUT = """
seedname = "pair.h5"
responses = ["edelstein", "intrinsic_spin_magnetization", "spin_hall"]
mu = 0.3
temperature = 3000
[grid]
points = [4, 4, 1]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model, and a structure that ase reads."""
    PAIR.save(tmp_path / "pair.h5")
    return tmp_path


WIN = """
begin unit_cell_cart
1 0 0
0 1 0
0 0 1
end unit_cell_cart
begin atoms_frac
Mn 0 0 0
Mn 0.5 0.5 0
O 0 0 0.2
O 0.5 0.5 -0.2
end atoms_frac
"""
PROJECTIONS = """
num_wann = 4
spinors = true
begin projections
Mn: s
end projections
"""
SYMMETRY = """
[symmetry]
structure = "pair.win"
magnetic_moments = [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
"""


SITES_OF_THE_FILE = {
    "functions": "[sites]\nMn1 = [1, 2]\nMn2 = [3, 4]\n",
    "names": '[sites]\nMn1 = "Mn1"\nMn2 = ["Mn2"]\n',
    "atoms": 'sites = "atoms"\n',
    "projections": 'sites = "projections"\n',
}


@pytest.mark.parametrize("kind", SITES_OF_THE_FILE)
def test_run_and_show(wannier_spin: Command, folder: Path, kind: str) -> None:
    """Wannier functions are counted from 1 in the input file; atoms come from the structure."""
    (folder / "pair.win").write_text(WIN + (PROJECTIONS if kind == "projections" else ""))
    top, sites = ("", SITES_OF_THE_FILE[kind]) if kind in ("functions", "names") else (SITES_OF_THE_FILE[kind], "")
    (folder / "in.toml").write_text(top + INPUT + SYMMETRY + sites)
    done = wannier_spin("run", folder / "in.toml")
    assert done.code == 0, done.err
    assert "sites Mn1, Mn2: --site NAME" in done.out
    options = {"grid": (4, 4, 1), "mu": 0.3, "temperature": 3000, "units": "SI"}
    expected = compute(PAIR, "edelstein", sites={"Mn1": [0, 1], "Mn2": [2, 3]}, symmetry=STRUCTURE, **options)["edelstein"].site(
        "Mn1"
    )
    found = load(folder / "in.h5")["edelstein"]
    scale = np.abs(expected.values).max()
    assert scale > 1
    assert np.abs(found.values).max() < 1e-12 * scale
    assert np.abs(found.site("Mn1").values - expected.values).max() < 1e-10 * scale

    shown = wannier_spin("show", folder / "in.h5", "--staggered", "Mn1", "Mn2").out
    rows = [line.split()[:3] for line in shown.splitlines()]
    for component in ("xy", "yx"):
        value, error = found.staggered("Mn1", "Mn2").component(component)
        assert abs(value[0, 0]) > 0.1 * scale
        assert ["edelstein@Mn1-Mn2", component, with_bar(value[0, 0], error[0, 0])] in rows
    assert ["intrinsic_spin_magnetization@Mn1-Mn2", "all", "0"] in rows
    assert "spin_hall" not in shown
    one = wannier_spin("show", folder / "in.h5", "--site", "Mn2", "-r", "edelstein", "-c", "xy", "--tau", "20").out
    assert one.startswith("# edelstein@Mn2 xy")
    assert f"{found.site('Mn2').at(tau=20).values[0, 0, 0, 1]: .9e}" in one


def test_export_and_plot_of_a_site(wannier_spin: Command, tmp_path: Path) -> None:
    result().save(tmp_path / "out.h5")
    assert wannier_spin("export", tmp_path / "out.h5", "-o", tmp_path / "s.csv", "--site", "Mn1", "-r", "edelstein").code == 0
    with open(tmp_path / "s.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    part = result()["edelstein"].site("Mn1")
    assert {row["response"] for row in rows} == {"edelstein@Mn1"}
    names = component_names(part)
    written = {row["component"] for row in rows}
    assert 0 < len(written) < len(names)
    allowed = [name in written for name in names]
    values = part.over_tau.reshape(-1, len(names))
    assert np.abs(values[:, np.logical_not(allowed)]).max() == 0  # what symmetry forbids is not written
    assert [float(row["value"]) for row in rows] == pytest.approx(values[:, allowed].ravel(), rel=1e-15, abs=0)
    marked = {row["component"] for row in rows if row["independent"] == "1"}
    assert marked == set(result().provenance["symmetry"]["independent"]["edelstein@Mn1"].split())
    pytest.importorskip("matplotlib")
    for options in (["--staggered", "Mn1", "Mn2", "-r", "edelstein"], ["--site", "Mn1"], ["--site", "Mn1", "--sheet"]):
        done = wannier_spin("plot", tmp_path / "out.h5", "-o", tmp_path / "f.svg", *options)
        assert done.code == 0, done.err
        assert (tmp_path / "f.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--site", "Mn3"), "has no site 'Mn3'; it has Mn1, Mn2"),
        (("--staggered", "Mn1", "x"), "has no site 'x'"),
        (("--site", "Mn1", "--staggered", "Mn1", "Mn2"), "--site and --staggered: give one of them"),
        (("--site", "Mn1", "-r", "spin_hall"), "no response in this result is projected on sites"),
    ],
)
def test_what_cannot_be_shown(wannier_spin: Command, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result().save(tmp_path / "out.h5")
    done = wannier_spin("show", tmp_path / "out.h5", *arguments)
    assert done.code == 2
    assert message in done.err


def test_functions_beyond_the_model(wannier_spin: Command, folder: Path) -> None:
    (folder / "in.toml").write_text(INPUT + "[sites]\nA = [4, 5]\n")
    done = wannier_spin("run", folder / "in.toml")
    assert done.code == 2
    assert "sites.A has Wannier function 5; the model has 1 to 4" in done.err


def test_symmetry_report(wannier_spin: Command, folder: Path) -> None:
    (folder / "pair.win").write_text(WIN)
    arguments = ("symmetry", folder / "pair.win", "--magmom", "1 0 0; -1 0 0; 0 0 0; 0 0 0")
    assert "@" not in wannier_spin(*arguments).out
    done = wannier_spin(*arguments, "--sites")
    rows = {line.split()[0]: line.split()[1] for line in done.out.splitlines() if line.startswith("edelstein")}
    assert rows["edelstein"] == rows["edelstein@Mn1+Mn2"] == "0"
    assert int(rows["edelstein@Mn1-Mn2"]) > 0
    assert '"edelstein@Mn1-Mn2"' in wannier_spin(*arguments, "--sites", "--json").out
