"""On-site spin-orbit coupling on collinear models: levels, algebra, and the symmetry that it must leave."""

from dataclasses import replace

import numpy as np
import pytest
from symmetry.structures import crystal
from symmetry.test_model_average import random_on
from symmetry.test_spin_groups import d_wave

import wannier_spin as ws
from wannier_spin import InputError, Structure, TightBindingModel
from wannier_spin.orbitals import Orbitals, with_spin
from wannier_spin.readers.collinear import join_channels
from wannier_spin.symmetry import add_spin_orbit, angular_momentum, group_violation, magnetic_group, spin_group, symmetrize_model
from wannier_spin.symmetry.representation import harmonic_rotation
from wannier_spin.symmetry.spin_orbit import _element

pytestmark = pytest.mark.filterwarnings("ignore:.*averaging over the group")
AXES = [(0, 0, 1), (1, 0, 0), (1, 2, 2), (0, 0, -1), (-1, 1, 0.3)]


@pytest.mark.parametrize("l", [1, 2, 3])
def test_angular_momentum_of_real_harmonics(l: int) -> None:
    Lx, Ly, Lz = L = angular_momentum(l)
    np.testing.assert_allclose(Lx @ Ly - Ly @ Lx, 1j * Lz, atol=1e-12)
    np.testing.assert_allclose(sum(X @ X for X in L), l * (l + 1) * np.eye(2 * l + 1), atol=1e-12)
    np.testing.assert_allclose(L.real, 0, atol=1e-12)
    angle = 1e-4
    R = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    np.testing.assert_allclose(harmonic_rotation(l, R), np.eye(2 * l + 1) - 1j * angle * Lz, atol=2 * l**2 * angle**2)


def test_px_and_py_turn_into_each_other() -> None:
    """L_z (px + i py) = +(px + i py); Wannier90's order is pz, px, py."""
    plus = np.array([0, 1, 1j])
    np.testing.assert_allclose(angular_momentum(1)[2] @ plus, plus, atol=1e-12)


def atom(l: int) -> tuple[TightBindingModel, Orbitals, Structure]:
    """One atom in a cubic cell, a whole shell without hopping."""
    n = 2 * l + 1
    channel = TightBindingModel(4 * np.eye(3), np.zeros((1, 3), int), np.zeros((1, n, n)), name="up", centres=np.zeros((n, 3)))
    orbitals = with_spin(np.zeros((1, 3)), [(0, l, m) for m in range(n)], "blocks")
    return join_channels(channel, channel), orbitals, crystal(4 * np.eye(3), [(78, (0, 0, 0), (0, 0, 1))])


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("l", [1, 2, 3])
def test_levels_of_an_atom(l: int, axis: tuple[float, ...]) -> None:
    """j = l + 1/2: lambda l/2, 2l + 2 times; j = l - 1/2: -lambda (l + 1)/2, 2l times."""
    model, orbitals, structure = atom(l)
    found = add_spin_orbit(model, orbitals, structure, {f"Pt {'spdf'[l]}": 0.4}, axis)
    energies = np.linalg.eigvalsh(found.hamiltonian_R[0])
    np.testing.assert_allclose(energies, [-0.2 * (l + 1)] * 2 * l + [0.2 * l] * (2 * l + 2), atol=1e-12)
    assert found.spin_axis is None
    sx, sy, sz = np.moveaxis(found.spin_R[0], -1, 0)
    np.testing.assert_allclose(sx @ sy - sy @ sx, 2j * sz, atol=1e-12)
    along = found.spin_R[0] @ (np.array(axis) / np.linalg.norm(axis))
    np.testing.assert_allclose(np.diag(along), np.repeat([1, -1], 2 * l + 1), atol=1e-12)


def collinear(structure: Structure) -> tuple[TightBindingModel, Orbitals]:
    """s functions on all atoms, p on the magnetic ones, random, with the spin group of moments along z."""
    magnetic = np.flatnonzero(structure.magnetic_moments.any(axis=1)).tolist()
    functions = [(i, 0, 0) for i in range(len(structure.numbers))] + [(i, 1, m) for i in magnetic for m in range(3)]
    orbitals = with_spin(structure.positions, functions, "blocks")
    model = random_on(structure, orbitals, seed=4)
    half = len(functions)
    spin = np.zeros_like(model.spin_R)
    spin[(model.R_vectors == 0).all(axis=1), ..., 2] = np.diag(np.repeat([1.0, -1.0], half))
    H = model.hamiltonian_R.copy()
    H[:, :half, half:] = H[:, half:, :half] = 0
    model = replace(model, hamiltonian_R=H, spin_R=spin, spin_axis=np.array([0, 0, 1.0]))
    averaged, _ = symmetrize_model(model, orbitals, spin_group(structure).operations, limit_meV=np.inf)
    return averaged, orbitals


@pytest.fixture(scope="module")
def d_wave_model() -> tuple[TightBindingModel, Orbitals]:
    return collinear(d_wave())


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0), (1, 1, 0), (0.3, 0.4, 0.6)])
def test_the_magnetic_group_is_left(axis: tuple[float, ...], d_wave_model: tuple[TightBindingModel, Orbitals]) -> None:
    """From a spin group to the magnetic group of moments along any axis, and to nothing more."""
    structure, (model, orbitals) = d_wave(), d_wave_model
    n = np.array(axis) / np.linalg.norm(axis)
    coupled = add_spin_orbit(model, orbitals, structure, {"V p": 0.5}, axis)
    turned = replace(structure, magnetic_moments=structure.magnetic_moments[:, 2:] * n)
    violation = group_violation(coupled, magnetic_group(turned).operations)
    assert max(violation[key] for key in ("bands_meV", "spin")) < 1e-6
    assert group_violation(coupled, spin_group(turned).operations)["spin"] > 0.01
    assert group_violation(add_spin_orbit(model, orbitals, structure, {}, axis), spin_group(turned).operations)["bands_meV"] < 1e-6


def test_what_does_not_fit(d_wave_model: tuple[TightBindingModel, Orbitals]) -> None:
    structure, (model, orbitals) = d_wave(), d_wave_model
    with pytest.raises(InputError, match="is not among the projections"):
        add_spin_orbit(model, orbitals, structure, {"V d": 0.1})
    for wrong in ({"V": 0.1}, {"V p": "0.1"}, {"V p": np.inf}):
        with pytest.raises(InputError, match="expected an element and a shell"):
            add_spin_orbit(model, orbitals, structure, wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="has no spin axis"):
        add_spin_orbit(replace(model, spin_axis=None), orbitals, structure, {"V p": 0.1})
    with pytest.raises(InputError, match="axis ="):
        add_spin_orbit(model, orbitals, structure, {"V p": 0.1}, (0, 0, 0))
    half = np.flatnonzero(orbitals.spin == 0)
    spatial = list(zip(*(x[half].tolist() for x in (orbitals.site, orbitals.l, orbitals.m)), strict=True))
    interleaved = with_spin(orbitals.positions, spatial)
    with pytest.raises(InputError, match="then the same with spin down"):
        add_spin_orbit(model, interleaved, structure, {"V p": 0.1})
    far = replace(model, centres=model.centres + np.repeat([[0, 0, 0], [0, 0, 1.0]], model.n_bands // 2, axis=0))
    with pytest.raises(InputError, match="they are no pair"):
        add_spin_orbit(far, orbitals, structure, {"V p": 0.1})
    assert ws.add_spin_orbit is add_spin_orbit


def test_elements_are_those_of_the_nearest_atoms() -> None:
    """At places that are no one's inverse, in whatever cell; where there is none, none is named."""
    places = np.array([[0.1, 0.23, 0.37], [0.42, 0.61, 0.78]])
    structure = Structure(np.diag([3.0, 4.0, 5.0]), places, np.array([22, 8]), np.zeros((2, 3)))
    assert [_element(structure, place + [1, -2, 0]) for place in places] == ["Ti", "O"]
    assert _element(structure, -places[0]) == ""
