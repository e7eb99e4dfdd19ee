"""`check_model`: right answers for good data, and each fault that it is there for is seen."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wannier_spin.model import TightBindingModel
from wannier_spin.readers import Check, check_model, read_structure
from wannier_spin.readers.quality import bands, come_in_pairs, pauli_residuals, total_moment

Models = Callable[[str], TightBindingModel]
FERMI_ENERGIES = {"Pt": 22.4839, "GaAs": 9.13, "Fe": 17.6048, "Mn2Au": 16.5032}
MAY_FAIL = {"Mn2Au": {"spectrum of S(k)"}}  # 3 x 3 x 3 is coarse: S(k) leaves [-1, 1] by 0.18
PAULI = {"Pt": 0.15, "GaAs": 0.001, "Fe": 0.01, "Mn2Au": 0.03}


def by_name(checks: list[Check]) -> dict[str, Check]:
    named = {check.name: check for check in checks}
    assert len(named) == len(checks)
    return named


@pytest.mark.parametrize("material", list(FERMI_ENERGIES))
def test_example_materials(material: str, models: Models, example_inputs: Path) -> None:
    folder = example_inputs / material
    structure = read_structure(folder / f"{material}.win")
    checks = by_name(check_model(models(material), folder / material, structure, FERMI_ENERGIES[material]))
    failed = {name for name, check in checks.items() if check.ok is False}
    assert failed <= MAY_FAIL.get(material, set())
    assert all(bool(check.advice) == (check.ok is False) for check in checks.values())
    assert checks["handedness of spin"].ok
    assert float(checks["Pauli algebra"].value) < PAULI[material]
    assert ("Kramers pairs" in checks["bands"].value) == (material in ("Pt", "Mn2Au"))
    assert ("not even in k" in checks["E(k) - E(-k)"].value) == (material == "Mn2Au")


def test_bands_against_eig(models: Models, example_inputs: Path) -> None:
    checks = by_name(check_model(models("Pt"), example_inputs / "Pt"))
    assert checks["bands against .eig"].ok
    shifted = dataclasses.replace(models("Pt"), hamiltonian_R=models("Pt").hamiltonian_R * 1.001)
    assert by_name(check_model(shifted, example_inputs / "Pt"))["bands against .eig"].ok is False


@pytest.mark.parametrize("change", [[1, -1, 1], [1, 1, -1], [-1, -1, -1]])
def test_wrong_handedness_is_seen(change: list[int], models: Models) -> None:
    good = models("Pt")
    assert good.spin_R is not None
    bad = dataclasses.replace(good, spin_R=good.spin_R * np.array(change))
    check = by_name(check_model(bad))["handedness of spin"]
    assert check.ok is False
    assert check.certain
    assert "does not tell which" in check.advice


def test_spin_in_wrong_units_or_missing(models: Models) -> None:
    good = models("Pt")
    assert good.spin_R is not None
    twice = dataclasses.replace(good, spin_R=2 * good.spin_R)
    assert by_name(check_model(twice))["spectrum of S(k)"].ok is False
    half = dataclasses.replace(good, spin_R=good.spin_R / 2)
    size = by_name(check_model(half))["size of spin"]
    assert size.ok is False
    assert "multiply by 2" in size.advice
    none = dataclasses.replace(good, spin_R=None)
    assert by_name(check_model(none))["spin matrices"].ok is False


def test_pauli_residuals_of_pauli_matrices() -> None:
    S = np.array([[[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]])
    assert pauli_residuals(S) == pytest.approx((0.0, 2.0))


def test_pairs_split_by_the_interpolation_are_seen(models: Models) -> None:
    """A term that vanishes at the mesh points of Pt and splits pairs by up to 20 meV between them."""
    good = models("Pt")
    assert by_name(check_model(good))["splitting of pairs"].ok
    index = {tuple(R): i for i, R in enumerate(good.R_vectors.tolist())}
    R = next(R for R in index if tuple(R[i] - 5 * (i == 0) for i in range(3)) in index)
    partner = (R[0] - 5, R[1], R[2])  # equal modulo the mesh of 5
    H = good.hamiltonian_R.copy()
    up = np.diag(np.arange(18) % 2).astype(complex)
    for vector, sign in ((R, 1), (partner, -1)):
        H[index[vector]] += 5e-3 * sign * up
        H[index[tuple(-x for x in vector)]] += 5e-3 * sign * up
    checks = by_name(check_model(dataclasses.replace(good, hamiltonian_R=H)))
    assert "Kramers pairs at the mesh points" in checks["bands"].value
    assert checks["splitting of pairs"].ok is False
    assert "ws_distance_tolerance" in checks["splitting of pairs"].advice


def test_points_where_time_reversal_makes_pairs_say_nothing(models: Models) -> None:
    """All points of a mesh of two per direction are such: gallium arsenide has no inversion, and no pairs elsewhere."""
    model = models("GaAs")
    two = dataclasses.replace(model, source={**model.source, "mesh": "2 2 2"})
    k = np.random.default_rng(0).random((30, 3))
    paired, how = come_in_pairs(two, bands(two, k)[0])
    assert not paired
    assert "at random k-points" in how
    at_two_k = bands(two, np.indices((2, 2, 2)).reshape(3, -1).T / 2)[0]
    assert np.abs(at_two_k[:, 1::2] - at_two_k[:, ::2]).max() < 1e-3


def test_moment_of_iron_points_along_z(models: Models, example_inputs: Path) -> None:
    model = models("Fe")
    moment = total_moment(model, FERMI_ENERGIES["Fe"])
    np.testing.assert_allclose(moment, [0, 0, 2.2], atol=0.15)
    structure = read_structure(example_inputs / "Fe" / "Fe.win", magnetic_moments=[[0, 0, -2.2]])
    check = by_name(check_model(model, structure=structure, fermi_energy=FERMI_ENERGIES["Fe"]))["total moment"]
    assert check.ok is False


def test_structure_of_another_cell_is_seen(models: Models, example_inputs: Path) -> None:
    structure = read_structure(example_inputs / "Fe" / "Fe.win")
    assert by_name(check_model(models("Pt"), structure=structure))["lattice of the structure"].ok is False
