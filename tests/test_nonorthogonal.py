"""Loewdin's functions: against functions in real space, the generalized eigenproblem, and its Berry connection."""

from itertools import product

import numpy as np
import pytest

from wannier_spin import AccuracyWarning, InputError, models
from wannier_spin.geometry import band_geometry
from wannier_spin.models.hoppings import S0, SX, SZ
from wannier_spin.nonorthogonal import OverlappingBasis, _without_small, orthogonalized

LATTICE = np.array([[3.0, 0.2, 0.0], [-0.4, 3.5, 0.1], [0.3, 0.2, 4.0]])


def random_basis(seed: int = 3, spin: bool = False) -> OverlappingBasis:
    """Three functions with overlaps and positions that have nothing special about them."""
    rng = np.random.default_rng(seed)
    R = np.array(list(product((-1, 0, 1), (-1, 0, 1), (0,))))
    n, centres = 3, rng.random((3, 3))

    def hermitian(*shape: int) -> np.ndarray:
        X = rng.normal(size=(len(R), n, n, *shape)) + 1j * rng.normal(size=(len(R), n, n, *shape))
        return (X + X[::-1].conj().swapaxes(1, 2)) / 2

    H, S = hermitian(), 0.02 * hermitian()
    S[len(R) // 2] = np.eye(n)
    middle = (centres[:, None] + centres + (R @ LATTICE)[:, None, None]) / 2
    position = S[..., None] * middle + 0.05 * hermitian(3)  # the second part: off the midpoint
    return OverlappingBasis(LATTICE, R, H, S, centres, position, hermitian(3) if spin else None, (True, True, False))


def sums(basis: OverlappingBasis, k: np.ndarray) -> tuple[np.ndarray, ...]:
    """H, S, r and the derivatives of H and S at one k."""
    phases, R = np.exp(2j * np.pi * basis.R_vectors @ k), basis.R_vectors @ basis.lattice
    H, S, r = (np.tensordot(phases, X, 1) for X in (basis.hamiltonian_R, basis.overlap_R, basis.position))
    dH, dS = (np.einsum("R,Ra,Rnm->anm", phases, 1j * R, X) for X in (basis.hamiltonian_R, basis.overlap_R))
    return H, S, np.moveaxis(r, -1, 0), dH, dS


def generalized_states(H: np.ndarray, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H c = e S c with c^+ S c = 1, by Cholesky's factor."""
    L = np.linalg.cholesky(S)
    inverse = np.linalg.inv(L)
    energies, states = np.linalg.eigh(inverse @ H @ inverse.conj().T)
    return energies, inverse.conj().T @ states


def test_bands_berry_connection_and_curvature_are_those_of_the_generalized_eigenproblem():
    """A_nm = c_n^+ (r + i dS) c_m + i c_n^+ (dH - e_m dS) c_m/(e_m - e_n), compared by products that have no phase."""
    basis = random_basis()
    model = orthogonalized(basis)
    for k in np.random.default_rng(1).random((5, 3)):
        H, S, r, dH, dS = sums(basis, k)
        e, c = generalized_states(H, S)
        bra = c.conj().T
        gaps = e[None, :] - e[:, None] + np.eye(3)
        first = bra @ (r + 1j * dS) @ c
        second = 1j * (bra @ dH @ c - e[None, None, :] * (bra @ dS @ c)) / gaps
        A = np.where(np.eye(3, dtype=bool), 0, first + second)
        geometry = band_geometry(model, k[None])
        assert np.abs(geometry.energies[0] - e).max() < 1e-5
        v = geometry.velocity[0]
        ours = np.where(np.eye(3, dtype=bool), 0, v / (1j * (e[:, None] - e[None, :] + np.eye(3))))
        found, expected = (np.einsum("anm,bmn->abn", X, X) for X in (ours, A))
        assert np.abs(expected.imag).max() > 0.1
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def gaussians_on_a_chain() -> tuple[np.ndarray, ...]:
    """Two s-like functions of different widths in a cell of 2.5 angstrom: x, functions (cell, i, x), R (cells)."""
    a, x = 2.5, np.linspace(-60, 60, 24001)
    R = np.arange(-12, 13)
    centres, widths = np.array([0.3, 1.4]), np.array([0.5, 0.7])
    shapes = np.exp(-(((x - centres[:, None] - a * R[:, None, None]) / (2 * widths[:, None])) ** 2))
    return a, x, shapes / np.sqrt(np.sqrt(2 * np.pi) * widths[:, None]), R, centres


def test_position_is_that_of_functions_in_real_space():
    """Loewdin's functions of a finite chain, by the inverse root of the overlaps of all its functions, integrated on a line."""
    a, x, functions, R, centres = gaussians_on_a_chain()
    step, flat, middle = x[1] - x[0], functions.reshape(-1, len(x)), len(R) // 2
    overlap = flat @ flat.T * step
    s, u = np.linalg.eigh(overlap)
    loewdin = ((u / np.sqrt(s)) @ u.T @ flat).reshape(functions.shape)
    reach = np.abs(R) <= 6
    S = np.einsum("ix,Rjx->Rij", functions[middle], functions[reach]) * step
    r = np.einsum("ix,x,Rjx->Rij", functions[middle], x, functions[reach]) * step
    vectors = np.stack([R[reach], 0 * R[reach], 0 * R[reach]], axis=1)
    position = np.zeros((*S.shape, 3), complex)
    position[..., 0] = r
    sites = np.stack([centres, 0 * centres, 0 * centres], axis=1)
    lattice = np.diag([a, 1.0, 1.0])
    basis = OverlappingBasis(lattice, vectors, S.astype(complex), S.astype(complex), sites, position, None, (True, False, False))
    model = orthogonalized(basis)
    assert 0.3 < np.abs(S[7]).max() < 1  # neighbours overlap much
    for cell in (0, 1, 2):
        expected = np.einsum("ix,x,jx->ij", loewdin[middle], x, loewdin[middle + cell]) * step
        found = model.position_R[(model.R_vectors == [cell, 0, 0]).all(axis=1)][0, :, :, 0]
        assert np.abs(expected).max() > 1e-3
        assert np.abs(found - expected).max() < 1e-5, cell
    origin = (model.R_vectors == 0).all(axis=1)
    assert np.abs(model.hamiltonian_R[origin][0] - np.eye(2)).max() < 1e-6  # H = S becomes 1


def test_midpoint_is_exact_for_equal_even_functions():
    """Two equal Gaussians: <i|x|j> is their overlap times the middle."""
    a, x, functions, R, centres = gaussians_on_a_chain()
    one, step = functions[:, :1], x[1] - x[0]
    S = np.einsum("ix,Rjx->Rij", one[len(R) // 2], one[9:16]) * step
    r = np.einsum("ix,x,Rjx->Rij", one[len(R) // 2], x, one[9:16]) * step
    vectors = np.stack([R[9:16], 0 * R[9:16], 0 * R[9:16]], axis=1)
    basis = OverlappingBasis(np.diag([a, 1.0, 1.0]), vectors, S + 0j, S + 0j, np.array([[centres[0], 0, 0]]))
    assert np.abs(r[4]).max() > 0.05
    assert np.abs(basis.position[..., 0] - r).max() < 1e-8


def test_spin_of_pure_spinors_stays_a_pauli_matrix():
    """S times sigma between all functions becomes sigma at R = 0 and nothing elsewhere."""
    overlaps = {(0, 1, (0, 0)): 0.2 * S0, (0, 1, (-1, 0)): 0.1 * S0, (0, 0, (0, 1)): 0.05 * S0}
    hoppings = {(0, 1, (0, 0)): -1.0 * S0 + 0.3j * SX, (0, 1, (-1, 0)): -0.6 * S0, (0, 0, (0, 0)): 0.4 * SZ}
    options = {"lattice": np.diag([3.0, 3.0, 1.0]), "sites": [[0, 0], [0.4, 0.1]], "periodic": (True, True, False)}
    model = models.from_hoppings(**options, hoppings=hoppings, overlaps=overlaps)
    plain = models.from_hoppings(**options, hoppings=hoppings)
    assert len(model.R_vectors) > len(plain.R_vectors)
    origin = (model.R_vectors == 0).all(axis=1)
    expected = plain.spin_R[(plain.R_vectors == 0).all(axis=1)][0]
    assert np.abs(model.spin_R[origin][0] - expected).max() < 1e-6
    assert np.abs(model.spin_R[~origin]).max() < 1e-6
    assert "Loewdin" in model.source["orthogonalization"]


def test_without_overlaps_nothing_changes():
    plain = models.rashba_exchange()
    S = np.zeros_like(plain.hamiltonian_R)
    S[(plain.R_vectors == 0).all(axis=1)] = np.eye(plain.n_bands)
    basis = OverlappingBasis(
        plain.lattice, plain.R_vectors, plain.hamiltonian_R, S, plain.centres, None, plain.spin_R, plain.periodic
    )
    model = orthogonalized(basis)
    k = np.random.default_rng(0).random((4, 3))
    first, second = (band_geometry(m, k) for m in (plain, model))
    assert np.abs(first.energies - second.energies).max() < 1e-12
    assert np.abs(np.abs(first.velocity) ** 2 - np.abs(second.velocity) ** 2).max() < 1e-6


def test_what_cannot_be_is_refused(monkeypatch):
    basis = random_basis()
    fields = {name: getattr(basis, name) for name in OverlappingBasis.__dataclass_fields__}
    dense = 40 * basis.overlap_R
    dense[len(dense) // 2] = np.eye(3)
    with pytest.raises(InputError, match="linearly dependent"):
        orthogonalized(OverlappingBasis(**{**fields, "overlap_R": dense, "position_R": None}))
    with pytest.raises(InputError, match="does not fit the overlaps"):
        OverlappingBasis(**{**fields, "position_R": basis.position * 1j})
    with pytest.raises(InputError, match="not Hermitian"):
        OverlappingBasis(**{**fields, "overlap_R": basis.overlap_R * 1j})
    with pytest.raises(InputError, match="also -R"):
        OverlappingBasis(**{**fields, "R_vectors": basis.R_vectors + 1})
    monkeypatch.setattr("wannier_spin.nonorthogonal.MUCH_TOO_LARGE", 1.0)
    with pytest.raises(InputError, match="GiB when they are made orthogonal"):
        orthogonalized(basis)
    monkeypatch.undo()
    monkeypatch.setattr("wannier_spin.nonorthogonal.LARGEST", 0.0)
    with pytest.warns(AccuracyWarning, match="reach too far for the memory"):
        orthogonalized(basis, tolerance=1e-12)


def test_overlaps_that_mix_spins_are_refused():
    with pytest.raises(InputError, match="between different spins"):
        models.from_hoppings(
            lattice=np.eye(3), sites=[[0, 0, 0]], hoppings={(0, 0, (1, 0, 0)): S0}, overlaps={(0, 0, (1, 0, 0)): 0.1 * SX}
        )


def test_vectors_where_nothing_is_are_left_out():
    """But for R = 0, and for those whose opposite has something."""
    R = np.array([[-1, 0, 0], [0, -1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0]])
    matrices = {"H": np.zeros((5, 2, 2), complex), "S": np.zeros((5, 2, 2), complex)}
    matrices["H"][4, 0, 1] = 0.1
    kept, found = _without_small(R, matrices, 1e-3)
    assert kept.tolist() == [[-1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert np.array_equal(found["H"], matrices["H"][[0, 2, 4]])


def test_a_crystal_unless_directions_are_named():
    basis = random_basis()
    given = {name: getattr(basis, name) for name in OverlappingBasis.__dataclass_fields__ if name not in ("periodic", "position_R")}
    assert orthogonalized(OverlappingBasis(**given)).periodic == (True, True, True)
    assert orthogonalized(OverlappingBasis(**given, periodic=(True, False, True))).periodic == (True, False, True)
