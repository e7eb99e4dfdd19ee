"""Hamiltonians of sisl, against its own bands and spin moments."""

from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import InputError
from wannier_spin.geometry import band_geometry

K = np.random.default_rng(0).random((4, 3)) * [1, 1, 0]
WIDTH = {"unpolarized": 1, "polarized": 2, "non-colinear": 4, "spin-orbit": 8}


def hamiltonian(spin: str, orthogonal: bool) -> Any:
    """A sheet of two atoms with one and two orbitals, random elements within a supercell of 3 x 5 x 1 cells."""
    sisl = pytest.importorskip("sisl")
    atoms = [sisl.Atom(6, R=[2.9]), sisl.Atom(7, R=[2.9, 2.9])]
    lattice = sisl.Lattice([[3.0, 0.3, 0.0], [0.2, 2.5, 0.0], [0.0, 0.0, 15.0]], nsc=[3, 5, 1])
    geometry = sisl.Geometry([[0.1, 0.2, 1.0], [1.4, 1.1, 2.0]], atoms, lattice)
    rng, n = np.random.default_rng(5), WIDTH[spin]
    H = sisl.Hamiltonian(geometry, spin=spin, orthogonal=orthogonal)
    for i in range(3):
        for j in range(3):
            for cell in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (-1, 2, 0)):
                energy, overlap = rng.normal(size=n), 0.04 * rng.normal()
                if cell == (0, 0, 0):
                    overlap = 1.0 if i == j else overlap
                H[i, j, cell] = energy if orthogonal else [*energy, overlap]
    return 0.5 * (H + H.transpose(conjugate=True))


@pytest.mark.parametrize("orthogonal", [True, False])
@pytest.mark.parametrize("spin", ["unpolarized", "non-colinear", "spin-orbit"])
def test_bands(spin: str, orthogonal: bool) -> None:
    theirs = hamiltonian(spin, orthogonal)
    model = ws.from_sisl(theirs)
    assert model.periodic == (True, True, False)
    assert (model.spin_R is None) == (spin == "unpolarized")
    ours = band_geometry(model, K).energies
    for k, energies in zip(K, ours, strict=True):
        expected = theirs.eigh(k)
        assert np.ptp(expected) > 1
        assert np.abs(energies - expected).max() < (1e-10 if orthogonal else 1e-5)


@pytest.mark.parametrize("orthogonal", [True, False])
def test_two_spins(orthogonal: bool) -> None:
    theirs = hamiltonian("polarized", orthogonal)
    model = ws.from_sisl(theirs)
    assert np.array_equal(model.spin_axis, [0, 0, 1])
    assert model.transverse_spin_known
    for k, energies in zip(K, band_geometry(model, K).energies, strict=True):
        expected = np.sort(np.concatenate([theirs.eigh(k, spin=0), theirs.eigh(k, spin=1)]))
        assert np.abs(energies - expected).max() < (1e-10 if orthogonal else 1e-5)


@pytest.mark.parametrize("orthogonal", [True, False])
def test_spins_of_bands(orthogonal: bool) -> None:
    """<n|sigma|n> as sisl has it."""
    theirs = hamiltonian("non-colinear", orthogonal)
    geometry = band_geometry(ws.from_sisl(theirs), K)
    spins = np.einsum("kann->kna", geometry.operator("spin")).real
    for k, ours in zip(K, spins, strict=True):
        expected = np.asarray(theirs.eigenstate(k).spin_moment())
        expected = expected.T if expected.shape[0] == 3 and expected.shape[1] != 3 else expected
        assert np.abs(expected).max() > 0.3
        assert np.abs(ours - expected).max() < 1e-4


def test_atoms_are_in_angstrom() -> None:
    model = ws.from_sisl(hamiltonian("unpolarized", True))
    assert np.allclose(model.centres, [[0.1, 0.2, 1.0], [1.4, 1.1, 2.0], [1.4, 1.1, 2.0]], rtol=0, atol=1e-12)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="expected a Hamiltonian of sisl"):
        ws.from_sisl(3)
    with pytest.raises(InputError, match="from_sisl"):
        ws.open_model(hamiltonian("unpolarized", True))
