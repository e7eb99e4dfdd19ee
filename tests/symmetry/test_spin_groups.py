"""Spin groups: against another code, and the forms they leave against models that have them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from symmetry.structures import crystal, cumnas, hexagonal, iron, mn3sn
from symmetry.test_model_average import random_on

from wannier_spin import InputError, Structure, TightBindingModel, compute, models
from wannier_spin.calculation import symmetry_report
from wannier_spin.integrals.densities.kinds import response_kinds
from wannier_spin.orbitals import with_spin
from wannier_spin.responses import RESPONSES
from wannier_spin.symmetry import (
    allowed,
    collinear_axis,
    group_violation,
    magnetic_group,
    spin_group,
    spin_only_operations,
    symmetrize_model,
    symmetry_group,
)

UP, DOWN, NONE = (0, 0, 2.0), (0, 0, -2.0), (0, 0, 0)
pytestmark = pytest.mark.filterwarnings("ignore:.*averaging over the group")


def d_wave(axis=(0, 0, 1)):
    """A metallic layer of KV2Se2O's kind: two sublattices that a fourfold rotation exchanges."""
    n = 1.7 * np.array(axis, float)
    atoms = [(23, (0.5, 0, 0.5), n), (23, (0, 0.5, 0.5), -n), (8, (0, 0, 0.5), NONE), (19, (0, 0, 0), NONE)]
    return crystal(np.diag([3.95, 3.95, 7.3]), [*atoms, (34, (0.5, 0.5, 0.263), NONE), (34, (0.5, 0.5, 0.737), NONE)])


def polar_d_wave():
    """Without inversion: the atoms above the layer are others than those below."""
    structure = d_wave()
    return replace(structure, numbers=np.array([*structure.numbers[:5], 52]))


def g_wave():
    """CrSb: P6_3/mmc, antiparallel moments along c."""
    atoms = [(24, (0, 0, 0), UP), (24, (0, 0, 0.5), DOWN), (51, (1 / 3, 2 / 3, 0.25), NONE), (51, (2 / 3, 1 / 3, 0.75), NONE)]
    return crystal(hexagonal(4.12, 5.46), atoms)


def polar_ferromagnet():
    """3m, moment across the polar axis."""
    atoms = [(26, (0, 0, 0), (1.5, 0, 0)), (8, (1 / 3, 2 / 3, 0.21), NONE), (16, (2 / 3, 1 / 3, 0.43), NONE)]
    return crystal(hexagonal(4.0, 5.0), atoms)


def doubled_antiferromagnet():
    """A translation turns all moments over."""
    return crystal(np.diag([3.0, 3.0, 6.4]), [(25, (0, 0, 0), UP), (25, (0, 0, 0.5), DOWN)])


def noncoplanar():
    atoms = [(25, (0.2, 0, 0), (2, 0, 0)), (25, (0, 0.2, 0), (0, 2, 0)), (25, (0, 0, 0.2), (0, 0, 2))]
    return crystal(4 * np.eye(3), atoms)


STRUCTURES = {
    "d wave": (d_wave(), "collinear"),
    "d wave, tilted axis": (d_wave((1 / 3, 2 / 3, 2 / 3)), "collinear"),
    "polar d wave": (polar_d_wave(), "collinear"),
    "g wave": (g_wave(), "collinear"),
    "iron": (iron((0.3, 0.4, 2.0)), "collinear"),
    "polar ferromagnet": (polar_ferromagnet(), "collinear"),
    "PT": (cumnas(), "collinear"),
    "translation": (doubled_antiferromagnet(), "collinear"),
    "Mn3Sn": (mn3sn(0.3), "coplanar"),
    "noncoplanar": (noncoplanar(), "noncoplanar"),
    "no moments": (iron(NONE), "nonmagnetic"),
}
SPIN_ONLY = {"collinear": 4, "coplanar": 2, "noncoplanar": 1, "nonmagnetic": 8}


def _space_parts(rotations, translations):
    return {(*np.ravel(W).tolist(), *((np.round(w, 4) + 0.0) % 1.0).tolist()) for W, w in zip(rotations, translations, strict=True)}


@pytest.mark.parametrize("name", STRUCTURES)
def test_against_spinspg(name: str) -> None:
    """The same operations on positions; every rotation of the spins takes the moments where they should go."""
    spinspg = pytest.importorskip("spinspg")
    structure, arrangement = STRUCTURES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, rotations, translations, _ = spinspg.get_spin_symmetry(
            structure.lattice, structure.positions, structure.numbers, structure.magnetic_moments, symprec=1e-4, mag_symprec=1e-2
        )
    found = spin_group(structure)
    ours = _space_parts([op.reduced for op in found.operations], [op.translation for op in found.operations])
    assert ours == _space_parts(rotations, translations)
    assert found.arrangement == arrangement
    assert len(found.operations) == SPIN_ONLY[arrangement] * len(ours)
    for op in found.operations:
        assert np.linalg.det(op.spin) == pytest.approx(1)
        moved = structure.positions @ op.reduced.T + op.translation
        apart = moved[:, None] - structure.positions[None]
        image = np.linalg.norm((apart - np.round(apart)) @ structure.lattice, axis=-1).argmin(axis=1)
        moments = structure.magnetic_moments @ op.spin.T * (-1 if op.time_reversal else 1)
        np.testing.assert_allclose(moments, structure.magnetic_moments[image], atol=1e-9)


@pytest.mark.parametrize("name", STRUCTURES)
def test_it_is_a_group(name: str) -> None:
    def key(rotation, spin, reverses):
        return (reverses, *(np.round(np.concatenate([rotation.ravel(), spin.ravel()]), 4) + 0.0).tolist())

    operations = spin_group(STRUCTURES[name][0]).point_operations
    known = {key(op.rotation, op.spin, op.time_reversal) for op in operations}
    assert len(known) == len(operations)
    for a in operations:
        for b in operations[:: max(1, len(operations) // 16)]:
            assert key(a.rotation @ b.rotation, a.spin @ b.spin, a.time_reversal != b.time_reversal) in known


@pytest.mark.parametrize("name", ["d wave", "g wave", "iron", "PT", "Mn3Sn"])
def test_it_contains_the_magnetic_group(name: str) -> None:
    """With spin-orbit coupling spins turn with the lattice; without it they may, too."""
    structure = STRUCTURES[name][0]
    larger = spin_group(structure).point_operations
    for op in magnetic_group(structure).point_operations:
        fits = [g for g in larger if g.time_reversal == op.time_reversal and np.allclose(g.rotation, op.rotation, atol=1e-6)]
        turned = structure.magnetic_moments @ op.axial.T
        assert any(np.allclose(turned, structure.magnetic_moments @ g.axial.T, atol=1e-6) for g in fits)


# --- forms ------------------------------------------------------------------------------------------------------


def form(structure, response, part=""):
    kinds = response_kinds(RESPONSES[response], symmetric_fields=True)
    return str(allowed(kinds[f"{response} {part}".strip()], spin_group(structure).point_operations))


def test_the_spin_splitter_of_a_d_wave_altermagnet() -> None:
    """T-odd, longitudinal along the axes; no T-even spin current, no Edelstein effect."""
    assert form(d_wave(), "magnetic_spin_hall") == "xx;z = -yy;z"
    for response in ("spin_hall", "edelstein", "intrinsic_spin_magnetization", "nonlinear_intrinsic_spin_current"):
        assert form(d_wave(), response) == "0"
    with_coupling = symmetry_report(d_wave()).forms
    assert str(with_coupling["spin_hall"]) != "0"


def test_a_g_wave_altermagnet_has_no_linear_spin_conductivity() -> None:
    assert form(g_wave(), "magnetic_spin_hall") == "0"
    assert form(g_wave(), "spin_hall") == "0"


def test_a_cubic_ferromagnet_carries_its_polarization_along_the_field() -> None:
    assert form(iron((0, 0, 2.2)), "magnetic_spin_hall") == "xx;z = yy;z = zz;z"
    along_y = form(iron((0, 2.2, 0)), "magnetic_spin_hall")
    assert along_y == "xx;y = yy;y = zz;y"
    assert form(iron((0, 0, 2.2)), "spin_hall") == "0"


def test_orbital_moments_stay_bound_to_the_lattice() -> None:
    """As in a nonmagnetic cubic metal: without spin-orbit coupling the order is not seen by what is no spin."""
    assert form(iron((0, 0, 2.2)), "orbital_hall") == str(
        allowed(
            response_kinds(RESPONSES["orbital_hall"], symmetric_fields=True)["orbital_hall"],
            magnetic_group(iron(NONE)).point_operations,
        )
    )
    assert form(iron((0, 0, 2.2)), "orbital_hall") != "0"


def test_a_polar_ferromagnet_at_second_order() -> None:
    """As the charge of a nonmagnetic polar metal: the Berry curvature dipole gives zxx = zyy, xxz = yyz at tau^1, and tau^0, tau^2
    vanish; the spin is carried along the moments alone.
    """
    found = form(polar_ferromagnet(), "nonlinear_extrinsic_spin_current")
    assert found != "0"
    assert set(found.replace(" ", "").replace("=", ",").replace("-", "").split(",")[0]) <= set("xyz;")
    assert all(part.endswith(";x") for part in found.replace("-", "").split(" = "))
    for response in ("nonlinear_drude_spin_current", "nonlinear_intrinsic_spin_current"):
        assert form(polar_ferromagnet(), response) == "0"


def test_nothing_is_left_without_moments() -> None:
    report = symmetry_report(replace(iron(NONE), spin_orbit=False))
    assert {str(f) for name, f in report.forms.items() if not name.startswith("orbital")} == {"0"}
    assert report.group.has_time_reversal
    assert report.group.has_inversion


def test_flags() -> None:
    d, pt = spin_group(d_wave()), spin_group(cumnas())
    assert (d.has_inversion, d.has_time_reversal, d.has_pt) == (True, False, False)
    assert (pt.has_inversion, pt.has_time_reversal, pt.has_pt) == (False, False, True)
    assert spin_group(doubled_antiferromagnet()).has_time_reversal
    np.testing.assert_allclose(collinear_axis(d_wave((0, 3, 4))), [0, 0.6, 0.8])
    assert collinear_axis(mn3sn(0.1)) is None
    assert symmetry_group(d_wave()).uni_number > 0
    assert symmetry_group(replace(d_wave(), spin_orbit=False)).bns_number == "spin group (collinear)"


# --- models -----------------------------------------------------------------------------------------------------


def symmetric_model(structure: Structure) -> tuple[TightBindingModel, Structure]:
    """s functions on all atoms and p on the magnetic ones, all matrices random, averaged over the spin group."""
    magnetic = np.flatnonzero(structure.magnetic_moments.any(axis=1)).tolist()
    functions = [(i, 0, 0) for i in range(len(structure.numbers))] + [(i, 1, m) for i in magnetic for m in range(3)]
    orbitals = with_spin(structure.positions, functions)
    model = random_on(structure, orbitals, seed=4)
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    spin = np.zeros_like(model.spin_R)
    origin = (model.R_vectors == 0).all(axis=1).argmax()
    spin[origin] = np.einsum("ij,anm->injma", np.eye(len(orbitals) // 2), sigma).reshape(len(orbitals), -1, 3)
    exchange = np.einsum("ia,anm->inm", structure.magnetic_moments, sigma)
    H = model.hamiltonian_R.copy()
    for site, field in enumerate(exchange):
        own = np.flatnonzero(orbitals.site == site)
        H[origin][np.ix_(own, own)] -= np.kron(np.eye(len(own) // 2), field)
    model = replace(model, hamiltonian_R=H, spin_R=spin)
    averaged, _ = symmetrize_model(model, orbitals, spin_group(structure).operations, limit_meV=np.inf)
    return averaged, replace(structure, spin_orbit=False)


@pytest.mark.parametrize("name", ["d wave", "polar ferromagnet"])
def test_models_of_a_spin_group_have_the_forms_it_leaves(name: str) -> None:
    """All three components of the spin are in the model; those across the axis vanish by themselves."""
    model, structure = symmetric_model(STRUCTURES[name][0])
    assert max(group_violation(model, spin_group(structure).operations).values()) < 1e-6
    names = ["magnetic_spin_hall", "spin_hall", "nonlinear_extrinsic_spin_current", "orbital_hall"]
    how = {"grid": (4, 4, 4), "shift": (0.2, 0.2, 0.3), "mu": 0.3, "temperature": 3000}
    raw = compute(model, names, **how)
    average = compute(model, names, symmetry=structure, reduce_k=False, grid=(4, 4, 4), mu=0.3, temperature=3000)
    seen = 0
    for response in names:
        kinds = response_kinds(RESPONSES[response], symmetric_fields=True)
        wanted = allowed(kinds[response], spin_group(structure).point_operations)
        values = average[response].values
        if not wanted.independent:
            assert np.abs(values).max() < 1e-12
            continue
        seen += 1
        assert np.abs(values).max() > 1e-6
        assert np.abs(average[response].residual).max() < 1e-9 * max(1.0, np.abs(values).max())
    assert seen
    across = [c for c in range(3) if c not in np.flatnonzero(spin_group(structure).axis)]
    spin_hall = raw["magnetic_spin_hall"].values
    assert np.abs(spin_hall).max() > 1e-6
    assert np.abs(spin_hall[..., across]).max() < 1e-10 * np.abs(spin_hall).max()


def test_irreducible_points_of_the_spin_group() -> None:
    model, structure = symmetric_model(d_wave())
    how = {"grid": (6, 6, 6), "mu": 0.3, "temperature": 3000}
    few = compute(model, "magnetic_spin_hall", symmetry=structure, **how)
    plain = compute(model, "magnetic_spin_hall", **how)
    assert np.abs(plain["magnetic_spin_hall"].values).max() > 1e-4
    np.testing.assert_allclose(few["magnetic_spin_hall"].values, plain["magnetic_spin_hall"].values, atol=1e-9)
    assert few.provenance["k_points_evaluated"] < plain.provenance["k_points_evaluated"] / 5


def test_library_altermagnet() -> None:
    """The square lattice with J sin kx sin ky s_z: its reference value, on few points; the group of a crystal with
    moments like xy around the site.
    """
    u = 0.2
    atoms = [(25, p, s) for p, s in (((u, u, 0), UP), ((-u, -u, 0), UP), ((u, -u, 0), DOWN), ((-u, u, 0), DOWN))]
    structure = replace(crystal(np.eye(3), atoms), spin_orbit=False)
    model = models.altermagnet()
    kT = 0.1 / 8.617333262e-5
    result = compute(model, "magnetic_spin_hall", grid=(160, 160, 1), mu=-2.5, temperature=kT, symmetry=structure)
    values = result["magnetic_spin_hall"].values.reshape(3, 3, 3)
    assert values[0, 1, 2] == pytest.approx(-0.0335615571929, rel=1e-9, abs=0)
    assert np.count_nonzero(np.abs(values) > 1e-12) == 2
    assert result.provenance["symmetry"]["forms"]["magnetic_spin_hall"] == "xy;z = yx;z"


def test_the_spin_only_group_of_an_axis() -> None:
    n = np.array([1.0, 2.0, 2.0]) / 3
    operations = spin_only_operations(3 * n)
    assert len(operations) == 4
    mean = sum(op.axial * (-1 if op.time_reversal else 1) for op in operations) / 4
    np.testing.assert_allclose(mean, np.outer(n, n), atol=1e-12)


def test_a_model_with_spin_orbit_coupling_does_not_have_it() -> None:
    u = 0.2
    atoms = [(25, p, s) for p, s in (((u, u, 0), UP), ((-u, -u, 0), UP), ((u, -u, 0), DOWN), ((-u, u, 0), DOWN))]
    structure = replace(crystal(np.eye(3), atoms), spin_orbit=False)
    with pytest.raises(InputError, match="does not have"):
        compute(models.altermagnet(rashba=0.5), "spin_hall", grid=(8, 8, 1), mu=0, temperature=300, symmetry=structure)
