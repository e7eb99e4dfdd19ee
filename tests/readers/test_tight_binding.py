"""The text route: _tb.dat and _hr.dat against the checkpoint, replicas, spin."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers import read_hr, read_tb, read_wannier90
from wannier_spin.readers.replicas import infer_mesh
from wannier_spin.readers.text_tables import read_tb_table
from wannier_spin.readers.wigner_seitz import distribute, mesh_cells

Bloch = Callable[..., NDArray[np.complex128]]
SeedWith = Callable[..., Path]


def energies(model: TightBindingModel, k: NDArray[np.float64], bloch: Bloch) -> NDArray[np.float64]:
    return np.linalg.eigvalsh(bloch(model.hamiltonian_R, model.R_vectors, k))


def test_wsvec_and_our_replicas_agree_for_gaas(seed_with: SeedWith, bloch: Bloch, off_mesh: NDArray[np.float64]) -> None:
    """Wannier90's choice and ours; without any choice the bands are 31 meV off, so the comparison means something."""
    seed = seed_with("GaAs", "_tb.dat", "_wsvec.dat")
    ours, theirs, none = (read_tb(seed, ws_distance=choice) for choice in ("auto", "file", "none"))
    assert (ours.source["ws_distance"], theirs.source["ws_distance"]) == ("distance", "file")
    E = energies(ours, off_mesh, bloch)
    np.testing.assert_allclose(E, energies(theirs, off_mesh, bloch), atol=1e-9)
    assert np.abs(E - energies(none, off_mesh, bloch)).max() > 1e-2


@pytest.mark.parametrize("choice", ["auto", "file"])
def test_checkpoint_and_tb_give_the_same_bands_for_gaas(
    choice: str,
    models: Callable[[str], TightBindingModel],
    seed_with: SeedWith,
    bloch: Bloch,
    off_mesh: NDArray[np.float64],
) -> None:
    """wannierberri's replicas against ours and Wannier90's; _tb.dat has eight digits."""
    tb = read_tb(seed_with("GaAs", "_tb.dat", "_wsvec.dat"), ws_distance=choice)  # type: ignore[arg-type]
    np.testing.assert_allclose(energies(tb, off_mesh, bloch), energies(models("GaAs"), off_mesh, bloch), atol=2e-6)


@pytest.mark.parametrize("material", ["Pt", "GaAs", "Fe"])
def test_spin_from_files_equals_the_checkpoint_route(
    material: str,
    models: Callable[[str], TightBindingModel],
    seed_with: SeedWith,
    bloch: Bloch,
    off_mesh: NDArray[np.float64],
) -> None:
    tb, model = read_tb(seed_with(material, "_tb.dat", ".chk", ".spn"), spin="files"), models(material)
    found = bloch(tb.spin_R, tb.R_vectors, off_mesh)
    assert np.abs(found).max() > 0.5
    np.testing.assert_allclose(found, bloch(model.spin_R, model.R_vectors, off_mesh), atol=1e-9)


@pytest.mark.parametrize(("material", "error"), [("Pt", 0.2), ("GaAs", 0.01), ("Fe", 0.01)])
def test_interleaved_is_the_order_of_wannier90(
    material: str, error: float, models: Callable[[str], TightBindingModel], seed_with: SeedWith
) -> None:
    """Relative distance of pure spinors from the true matrices: Pt 11 %, GaAs 0.4 %, Fe 0.6 %; wrong order 140 %."""
    seed, exact = seed_with(material, "_tb.dat"), models(material).spin_R
    assert exact is not None
    origin = int((models(material).R_vectors == 0).all(axis=1).argmax())

    model = read_tb(seed, spin="auto")
    assert model.source["spin"] == "interleaved"
    assert model.spin_R is not None
    guess = model.spin_R[int((model.R_vectors == 0).all(axis=1).argmax())]
    assert np.linalg.norm(guess - exact[origin]) < error * np.linalg.norm(exact[origin])
    with pytest.raises(InputError, match="spin = 'blocks' contradicts the Hamiltonian"):
        read_tb(seed, spin="blocks")


def test_hr_with_centres_equals_tb(seed_with: SeedWith, bloch: Bloch, off_mesh: NDArray[np.float64]) -> None:
    """Replicas need the centres: those of .wout do (GaAs without centres: 31 meV off)."""
    seed = seed_with("GaAs", "_hr.dat", "_tb.dat", ".wout", ".win")
    hr, tb = read_hr(seed), read_tb(seed)
    np.testing.assert_allclose(energies(hr, off_mesh, bloch), energies(tb, off_mesh, bloch), atol=1e-4)
    np.testing.assert_allclose(hr.centres, tb.centres, atol=1e-5)


def test_without_checkpoint_the_tb_file_is_used(seed_with: SeedWith, tmp_path: Path) -> None:
    seed = seed_with("GaAs", "_tb.dat")
    (tmp_path / "GaAs_tb.dat.gz").symlink_to(seed.with_name("GaAs_tb.dat.gz").resolve())
    model = read_wannier90(tmp_path)
    assert (model.source["route"], model.spin_R, model.n_bands) == ("tb", None, 16)


def test_hr_and_r_files(tmp_path: Path) -> None:
    """A chain with alternating distances, both files with their headers, divided by degeneracies."""
    (tmp_path / "x.win").write_text("Begin Unit_Cell_Cart\nBohr\n2 0 0 ! comment\n0 9.0d0 0\n0 0 9\nEnd Unit_Cell_Cart")
    hr = ["header", "1", "3", "2 1 2"] + [f"{x} 0 0 1 1 {-2.0 if x else 0.5} 0.0" for x in (-1, 0, 1)]
    r = ["header", "1", "3"] + [f"{x} 0 0 1 1 {0.2 if x else 0.3} 0 0 0 0 0" for x in (-1, 0, 1)]
    (tmp_path / "x_hr.dat").write_text("\n".join(hr))
    (tmp_path / "x_r.dat").write_text("\n".join(r))
    model = read_hr(tmp_path / "x_hr.dat")
    assert model.hamiltonian_R[:, 0, 0].tolist() == [-1.0, 0.5, -1.0]
    assert model.position_R is not None
    assert model.position_R[:, 0, 0, 0].tolist() == [0.1, 0.3, 0.1]
    np.testing.assert_allclose(model.lattice[0, 0], 2 * 0.529177210903)


def test_mesh_is_inferred_from_degeneracies(seed_with: SeedWith) -> None:
    table = read_tb_table(seed_with("GaAs", "_tb.dat").with_name("GaAs_tb.dat.gz"))
    mesh = infer_mesh(table.R_vectors, table.degeneracies)
    assert mesh is not None
    assert mesh.tolist() == [6, 6, 6]
    assert infer_mesh(np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [4, 0, 0]]), np.array([1, 2, 2, 1])) is None


def test_replicas_of_a_chain_by_hand() -> None:
    """Mesh of 2, orbitals at 0 and at 0.4 of the cell: R = 1 and -1 are tied for n = m, and differ for n != m."""
    lattice, centres = np.diag([10.0, 50.0, 50.0]), np.array([[0.0, 0, 0], [4.0, 0, 0]])
    mesh = np.array([2, 1, 1])
    H = np.zeros((2, 2, 2), complex)
    H[mesh_cells(mesh)[:, 0] == 1] = [[1.0, 3.0], [3.0, 2.0]]
    R, out = distribute({"H": H}, mesh, lattice, centres, 1e-2)
    found = {int(x): out["H"][i].real.tolist() for i, (x, _, _) in enumerate(R)}
    # element (0, 1) sits at R + 0.4: R = -1 is nearer than R = 1; element (1, 0) the other way round
    assert found == {-1: [[0.5, 3.0], [0.0, 1.0]], 0: [[0.0, 0.0], [0.0, 0.0]], 1: [[0.5, 0.0], [3.0, 1.0]]}


def test_replicas_of_centres_far_from_their_cell() -> None:
    """The same chain with the second orbital listed six cells away: its elements move by six cells."""
    lattice, centres = np.diag([10.0, 50.0, 50.0]), np.array([[0.0, 0, 0], [64.0, 0, 0]])
    mesh = np.array([2, 1, 1])
    H = np.zeros((2, 2, 2), complex)
    H[1] = [[0.0, 3.0], [3.0, 0.0]]
    R, out = distribute({"H": H}, mesh, lattice, centres, 1e-2)
    assert {int(x): out["H"][i, 0, 1].real for i, (x, _, _) in enumerate(R) if out["H"][i, 0, 1] != 0} == {-7: 3.0}


def test_ties_survive_noise_in_the_centres() -> None:
    """Centres off by 1e-5 angstrom keep H(R) of a square lattice symmetric, as long as the tolerance is larger."""
    mesh, lattice = np.array([2, 2, 1]), np.diag([3.0, 3.0, 30.0])
    centres = np.array([[1e-5, -2e-5, 0.0], [-1e-5, 1e-5, 0.0]])
    H = np.ones((4, 2, 2), complex)
    weights = {tol: distribute({"H": H}, mesh, lattice, centres, tol)[1]["H"].real for tol in (1e-6, 1e-3)}
    assert set(np.unique(weights[1e-3])) == {0.25, 0.5, 1.0}
    assert (weights[1e-6] == 0).any()
