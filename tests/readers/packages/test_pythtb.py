"""Models of PythTB: of the package where it is installed, of objects with the attributes of its version 2 otherwise."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import InputError
from wannier_spin.geometry import band_geometry
from wannier_spin.models.hoppings import S0, SX, SY, SZ
from wannier_spin.readers.packages.hermitian_sum import HermitianSum

LATTICE = [[1.0, 0.2], [0.3, 1.7]]
SITES = [[0.1, 1.3], [-0.4, 0.6]]  # outside of the cell on purpose
ONSITE = [0.2 * S0 + 0.3 * SZ, -0.2 * S0 + 0.1 * SX]
HOPPINGS = [
    (0.7 * S0 + 0.2j * SX, 0, 1, [0, 0]),
    (0.4 * S0 - 0.1j * SY, 0, 1, [1, 0]),
    ((0.2 + 0.1j) * S0 + 0.15 * SZ, 1, 1, [0, 1]),
    (0.3 * S0 + 0.1 * SX, 1, 0, [1, -1]),
]


def expected(k: np.ndarray) -> np.ndarray:
    """H(k) by hand, interleaved."""
    H = np.zeros((4, 4), complex)
    for i, energy in enumerate(ONSITE):
        H[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = energy
    for amplitude, i, j, R in HOPPINGS:
        term = np.zeros((4, 4), complex)
        term[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = amplitude * np.exp(2j * np.pi * np.dot(k, R))
        H += term + term.conj().T
    return H


def version_2(**changes: Any) -> SimpleNamespace:
    """An object with what a TBModel of PythTB 2 has."""
    hoppings = []
    for amplitude, i, j, R in HOPPINGS:
        hop = {"amplitude": amplitude, "from_orbital": i, "to_orbital": j}
        hoppings.append(hop | ({"lattice_vector": R} if any(R) else {}))
    fields = {"lat_vecs": np.array(LATTICE), "orb_vecs": np.array(SITES), "periodic_dirs": [0, 1], "_nspin": 2}
    fields |= {"_site_energies": np.array(ONSITE), "hoppings": hoppings, "assume_position_operator_diagonal": True}
    return SimpleNamespace(**{**fields, **changes})


def version_1() -> Any:
    pythtb = pytest.importorskip("pythtb")
    if not hasattr(pythtb, "tb_model"):
        pytest.skip("PythTB 2")
    model = pythtb.tb_model(2, 2, LATTICE, SITES, nspin=2)
    model.set_onsite(list(ONSITE))
    for amplitude, i, j, R in HOPPINGS:
        model.set_hop(amplitude, i, j, R)
    return model


@pytest.mark.parametrize("make", [version_1, version_2])
def test_bands_spin_and_places(make: Any) -> None:
    model = ws.from_pythtb(make())
    assert (model.periodic, model.dimension) == ((True, True, False), 2)
    assert np.allclose(model.centres[::2, :2], np.array(SITES) @ LATTICE, rtol=0, atol=1e-14)
    assert np.array_equal(model.centres[::2], model.centres[1::2])
    for k in np.random.default_rng(0).random((3, 2)):
        H = np.tensordot(np.exp(2j * np.pi * model.R_vectors[:, :2] @ k), model.hamiltonian_R, 1)
        assert np.abs(expected(k)).max() > 0.3
        assert np.abs(H - expected(k)).max() < 1e-14
    origin = model.spin_R[(model.R_vectors == 0).all(axis=1)][0]
    assert np.array_equal(origin[2:, 2:], np.moveaxis([SX, SY, SZ], 0, -1))


def test_bands_are_those_of_pythtb() -> None:
    theirs = version_1()
    k = np.random.default_rng(1).random((5, 2))
    energies = theirs.solve_all(k).T
    ours = band_geometry(ws.from_pythtb(theirs), np.pad(k, ((0, 0), (0, 1)))).energies
    assert np.abs(energies).max() > 0.3
    assert np.abs(ours - energies).max() < 1e-12


def test_ribbon_and_chain() -> None:
    """Fewer periodic directions than lattice vectors; one dimension; hoppings without R."""
    ribbon = ws.from_pythtb(version_2(periodic_dirs=[1], hoppings=version_2().hoppings[2:3]))
    assert ribbon.periodic == (False, True, False)
    chain = SimpleNamespace(
        **{"_lat": np.array([[2.5]]), "_orb": np.array([[0.0], [0.5]]), "_per": [0], "_nspin": 1},
        _site_energies=np.array([0.1, 0.2]),
        _hoppings=[[-1.0, 0, 1, np.array([0])], [-0.5 + 0.2j, 0, 1, np.array([-1])]],
    )
    model = ws.from_pythtb(chain)
    k = 0.13
    f = -1.0 + (-0.5 + 0.2j) * np.exp(-2j * np.pi * k)
    gap = np.sqrt(0.05**2 + abs(f) ** 2)
    assert np.allclose(band_geometry(model, [[k, 0, 0]]).energies, [[0.15 - gap, 0.15 + gap]], rtol=0, atol=1e-12)
    assert model.spin_R is None


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="leave spin out"):
        ws.from_pythtb(version_2(), spin="blocks")
    with pytest.raises(InputError, match="parameters without values"):
        ws.from_pythtb(version_2(_onsite_param_terms={0: "U"}))
    with pytest.raises(InputError, match="read the files themselves"):
        ws.from_pythtb(version_2(assume_position_operator_diagonal=False))
    with pytest.raises(InputError, match="expected a tb_model"):
        ws.from_pythtb(3)
    with pytest.raises(InputError, match="1, 2 or 3 dimensions"):
        ws.from_pythtb(version_2(lat_vecs=np.eye(4), orb_vecs=np.zeros((2, 4))))


def test_the_ways_in_are_named() -> None:
    with pytest.raises(InputError, match="from_pythtb"):
        ws.open_model(version_2())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="from_pythtb"):
        ws.compute(version_2(), "edelstein", grid=(2, 2, 1), mu=0, temperature=300)  # type: ignore[arg-type]


def test_a_molecule_has_no_other_cell() -> None:
    """Of a sum without directions everything is at R = 0."""
    found = HermitianSum(2)
    found.add((), slice(0, 1), slice(1, 2), np.array([[1j]]))
    assert list(found._found) == [(0, 0, 0)]
    assert np.array_equal(found._found[0, 0, 0], [[0, 1j], [-1j, 0]])
