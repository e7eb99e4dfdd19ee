"""A group held against a model, what a result says of it, and projection of all that a response has."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq
from symmetry.structures import NONE, UP, neel_pair, symmetric_models, with_moments

import wannier_spin as ws
from wannier_spin import InputError, models
from wannier_spin.calculation.symmetrize import symmetrized, verified_group
from wannier_spin.integrals.densities.kinds import block_kind
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.responses import RESPONSES
from wannier_spin.sites import atomic_sites
from wannier_spin.symmetry import group_violation, magnetic_group, project, site_group, spin_group

MODELS = symmetric_models()
RASHBA, POLAR, _ = MODELS["rashba 4m'm'"]
PAIR, NEEL, _ = MODELS["pt_antiferromagnet x"]


def off(model, size, of_spin=0.0):
    """With a term that has no symmetry."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2, model.n_bands, model.n_bands))
    X = X + X.swapaxes(1, 2)
    home = np.flatnonzero((model.R_vectors == 0).all(axis=1))[0]
    H, S = model.hamiltonian_R.copy(), model.spin_R.copy()
    H[home] += size * X[0]
    S[home, ..., 0] += of_spin * X[1]
    return replace(model, hamiltonian_R=H, spin_R=S)


def test_how_far_a_model_is_from_its_group():
    """In eV, and of the spin; without spin matrices there is nothing of them to tell."""
    group = magnetic_group(POLAR)
    for size, of_spin in ((3e-3, 0.0), (0.0, 0.05), (5e-3, 0.02)):
        model = off(RASHBA, size, of_spin)
        violation = group_violation(model, group.operations)
        found = verified_group(model, POLAR, 5e-4)
        assert violation["bands_meV"] / 1e3 + violation["spin"] > 1e-3
        assert found.energy_residual == pytest.approx(violation["bands_meV"] / 1e3, rel=1e-9, abs=1e-15)
        assert found.spin_residual == pytest.approx(violation["spin"], rel=1e-9, abs=1e-15)
    assert verified_group(replace(RASHBA, spin_R=None), POLAR, 5e-4).spin_residual == 0


def test_bands_alone_or_spins_alone_are_enough_to_refuse():
    group = magnetic_group(POLAR)
    for model, what in ((off(RASHBA, 0.5), "bands_meV"), (off(RASHBA, 0.0, 1.0), "spin")):
        violation = group_violation(model, group.operations)
        assert (violation["bands_meV"] > 50) == (what == "bands_meV")
        with pytest.raises(InputError, match=f"does not have the magnetic group {group.bns_number}|do not follow the crystal"):
            verified_group(model, POLAR, 5e-4)
    forgotten = with_moments(neel_pair((0, 0, 1)), np.zeros((4, 3)))  # bands and spins have T as well
    with pytest.raises(
        InputError, match=r"differ by .*e-1\d meV rms, spins by .*, the Zeeman metric by .* are the magnetic moments"
    ):
        verified_group(models.pt_antiferromagnet(direction=(0, 0, 1)), forgotten, 5e-4)


@pytest.mark.parametrize(("size", "of_spin", "what", "bound"), [(0.05, 0.0, "bands_meV", 50.0), (0.0, 0.25, "spin", 0.3)])
def test_how_far_is_too_far(size, of_spin, what, bound):
    """A model a tenth below the bound is taken, one a tenth above it is not."""
    group = magnetic_group(POLAR)

    def found(scale):
        model = off(RASHBA, scale * size, scale * of_spin)
        return model, group_violation(model, group.operations)[what]

    below, above = (brentq(lambda scale, aim=aim: found(scale)[1] - aim * bound, 0.1, 3.0) for aim in (0.9, 1.1))
    verified_group(found(below)[0], POLAR, 5e-4)
    with pytest.raises(InputError, match="does not have the magnetic group|do not follow the crystal"):
        verified_group(found(above)[0], POLAR, 5e-4)


def test_one_vector_of_another_lattice_is_enough_to_refuse():
    wrong = replace(POLAR, lattice=POLAR.lattice + np.diag([0, 0, 0.1]))
    with pytest.raises(InputError, match="differ from those of model .* by up to 0.1 angstrom"):
        verified_group(RASHBA, wrong, 5e-4)


def test_exchanged_components_of_the_spin_are_named():
    """In a crystal that proves it; of a model with a spin axis nothing is said, whatever its matrices."""
    model, structure, _ = MODELS["zincblende -43m1'"]
    wrong = replace(model, spin_R=model.spin_R[..., [1, 0, 2]])
    with pytest.raises(InputError, match="right are .* of what the file has: its components are exchanged or reversed"):
        verified_group(wrong, structure, 5e-4)
    assert verified_group(model, structure, 5e-4).spin_residual < 1e-10
    with pytest.raises(InputError, match="of what the file has, .*; or are the magnetic moments right"):
        verified_group(replace(RASHBA, spin_R=RASHBA.spin_R[..., [1, 0, 2]]), POLAR, 5e-4)


def test_a_spin_axis_has_a_spin_group():
    """Of the structure or of the model: without spin-orbit coupling the spins turn on their own."""
    collinear = models.altermagnet(rashba=0.0)
    _, structure, _ = MODELS["altermagnet 4'/mm'm"]
    axis = replace(collinear, spin_axis=np.array([0.0, 0, 1]))
    free = replace(structure, spin_orbit=False)
    expected = spin_group(free)
    for model, given in ((axis, structure), (axis, free), (collinear, free)):
        found = verified_group(model, given, 5e-4).group
        assert found.bns_number == expected.bns_number
        assert len(found.operations) == len(expected.operations)
    assert len(verified_group(collinear, structure, 5e-4).group.operations) < len(expected.operations)


def test_forms_that_a_result_has():
    """Symmetric in the fields in the full form only; of the charge those of a conductivity."""
    records = tuple(RESPONSES[name] for name in ("edelstein", "nonlinear_extrinsic_spin_magnetization"))
    group = verified_group(RASHBA, POLAR, 5e-4)
    counts = {}
    for form in ("full", "paper"):
        forms = group.facts(Plan(records, "spin", (), form)).forms
        assert set(forms) == {record.name for record in records}
        counts[form] = {name: len(one.independent) for name, one in forms.items()}
    assert counts["full"]["edelstein"] == counts["paper"]["edelstein"] > 0
    assert 0 < counts["full"][records[1].name] < counts["paper"][records[1].name]
    of_charge = group.facts(Plan(records, "charge", (), "full")).forms
    expected = ("xx = yy, zz", "xxz = xzx = yyz = yzy, zxx = zyy, zzz")
    assert {name: str(form) for name, form in of_charge.items()} == dict(zip(counts["full"], expected, strict=True))


@pytest.mark.parametrize("keep", [True, False])
def test_all_that_a_response_has_is_projected(keep):
    """Blocks, differences, contributions to the error, also at sites; what is removed is kept on demand."""
    group = magnetic_group(NEEL)
    chosen = atomic_sites(PAIR, NEEL)
    sites = site_group(NEEL, group, chosen.atoms)
    name = "edelstein"
    options = {"grid": (4, 4, 1), "shift": (0.3, 0.1, 0), "mu": 0.3, "temperature": 3000}
    raw = ws.compute(PAIR, name, sites=chosen, **options)[name]
    record, operations = RESPONSES[name], group.point_operations
    found = symmetrized(raw, record, operations, keep, sites)
    removed = kept = 0.0
    for block, X in raw.blocks.items():
        kind = block_kind(record, "spin", block)
        expected = project(X, kind, operations)
        assert found.blocks[block] == pytest.approx(expected, abs=1e-15)
        assert found.block_harmonics[block] == pytest.approx(project(raw.block_harmonics[block], kind, operations), abs=1e-15)
        each = sites.project(np.stack([one.blocks[block] for one in raw.sites.values()]), kind)
        kept = max(kept, np.abs(each).max())
        for one, at, whole in zip(each, found.sites.values(), raw.sites.values(), strict=True):
            assert at.blocks[block] == pytest.approx(one, abs=1e-15)
            if keep:
                assert at.block_residuals[block] == pytest.approx(whole.blocks[block] - one, abs=1e-15)
                removed = max(removed, np.abs(at.block_residuals[block]).max())
        if keep:
            assert found.block_residuals[block] == pytest.approx(X - expected, abs=1e-15)
    assert kept > 1e-4
    assert (removed > 1e-5) == keep
    assert (found.block_residuals is None) == (not keep)
    without = symmetrized(replace(raw, sites={}), record, operations, keep, sites)
    assert without.sites == {}
    plain = symmetrized(raw, record, operations, keep)
    assert all(
        np.array_equal(plain.sites[at].blocks[block], raw.sites[at].blocks[block]) for at in raw.sites for block in raw.blocks
    )


def test_moments_that_are_not_those_of_the_model():
    wrong = with_moments(POLAR, [(1, 0, 0), NONE])
    assert np.abs(POLAR.magnetic_moments[0] - UP).max() == 0
    with pytest.raises(InputError, match=r"right \(size, direction, order of the atoms\)"):
        verified_group(RASHBA, wrong, 5e-4)
    with pytest.raises(InputError, match="The structure has none; give them, in mu_B"):
        verified_group(RASHBA, with_moments(POLAR, [NONE, NONE]), 5e-4)
