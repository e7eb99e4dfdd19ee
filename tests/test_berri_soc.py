"""SystemSOC of wannierberri: its model against its own bands and spins, which it evaluates in k without `get_system_R`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cross_code.berri import quietly

import wannier_spin as ws
from wannier_spin import InputError, models
from wannier_spin.calculation import open_inputs
from wannier_spin.geometry import band_geometry
from wannier_spin.readers import is_finished
from wannier_spin.readers.spinors import pure_spinors

with quietly():
    import wannierberri as wb
    from wannierberri.fourier.rvectors import Rvectors

    from wannier_spin import berri

LATTICE = np.array([[3.0, 0.2, 0.0], [-0.4, 3.5, 0.1], [0.3, 0.2, 4.0]])
K = np.random.default_rng(4).random((3, 3))


def hermitian(R: np.ndarray, n: int, *shape: int, seed: int) -> np.ndarray:
    """Random O(R) with O(-R) = O(R)^+."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(len(R), n, n, *shape)) + 1j * rng.normal(size=(len(R), n, n, *shape))
    back = [np.flatnonzero((R == -vector).all(axis=1))[0] for vector in R]
    return (X + X[back].conj().swapaxes(1, 2)) / 2


def system_soc(magnetic: bool = True) -> Any:
    """Two random channels with random spin-orbit matrices, and overlaps on R vectors of their own."""
    channels = []
    for seed in (1, 2):
        model = replace(models.random_model(n=3, seed=seed), lattice=LATTICE, spin_R=None)
        channel = berri.to_system_R(model)
        channel.set_R_mat("dV_soc", 0.3 * hermitian(channel.rvec.iRvec, 3, 3, seed=seed + 10))
        channels.append(channel)
    up, down = channels
    system = wb.SystemSOC(system_up=up, system_down=down if magnetic else None)
    if magnetic:
        rng = np.random.default_rng(7)
        R = down.rvec.iRvec + [1, 0, 0]  # as many, so that its own get_system_R makes matrices of them
        system.rvec = Rvectors(up.real_lattice, up.wannier_centers_red, down.wannier_centers_red, iRvec=R)
        for name, shape, scale in (("dV_soc", (3,), 0.1), ("overlap_up_down", (), 0.004)):
            size = (len(R), 3, 3, *shape)
            matrix = scale * (rng.normal(size=size) + 1j * rng.normal(size=size))
            if name == "overlap_up_down":  # functions of both channels are nearly the same
                matrix[(R == 0).all(axis=1)] += 0.9 * np.eye(3)
            system.set_R_mat(name, matrix)
    system.set_soc_axis(theta=0.7, phi=0.4, alpha_soc=0.8)
    return system


def by_hand(system: Any, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H(k) and sigma(k), up functions first, out of the Bloch sums of the blocks."""

    def sums(one: Any, name: str) -> np.ndarray:
        return np.tensordot(np.exp(2j * np.pi * one.rvec.iRvec @ k), one.get_R_mat(name), 1)

    up, down, sigma = system.system_up, system.system_down, system.pauli_rotated
    alone = system.nspin == 1
    dV = [[sums(up, "dV_soc"), sums(up if alone else system, "dV_soc")], [None, sums(down, "dV_soc")]]
    dV[1][0] = dV[0][1].conj().swapaxes(0, 1)
    O = np.eye(3) if alone else sums(system, "overlap_up_down")
    S = [[np.eye(3), O], [O.conj().T, np.eye(3)]]
    H = np.block([[system.alpha_soc * dV[s][t] @ sigma[s, t] for t in (0, 1)] for s in (0, 1)])
    H[:3, :3] += sums(up, "Ham")
    H[3:, 3:] += sums(down, "Ham")
    return H, np.array([np.block([[S[s][t] * sigma[s, t, c] for t in (0, 1)] for s in (0, 1)]) for c in range(3)])


@pytest.mark.parametrize("magnetic", [True, False])
def test_matrices(magnetic: bool) -> None:
    system = system_soc(magnetic)
    with quietly():
        model = berri.from_system_R(system)
    for k in K:
        H, spin = by_hand(system, k)
        phases = np.exp(2j * np.pi * model.R_vectors @ k)
        assert np.abs(H[:3, 3:]).max() > 0.1
        assert np.abs(np.tensordot(phases, model.hamiltonian_R, 1) - H).max() < 1e-13
        assert np.abs(np.tensordot(phases, model.spin_R, 1) - np.moveaxis(spin, 0, -1)).max() < 1e-13


def test_bands_are_those_of_wannierberri() -> None:
    system = system_soc()
    with quietly():
        energies = band_geometry(berri.from_system_R(system), K).energies
        theirs = [np.ravel(wb.evaluate_k(system, k=k, quantities=["energy"])) for k in K]
    assert np.ptp(energies) > 1
    assert np.abs(energies - theirs).max() < 1e-10


def test_their_system_r_is_not_hermitian() -> None:
    """What makes it necessary to build the model here. Where this fails, wannierberri has mended it."""
    with quietly():
        system = system_soc().get_system_R()
        with pytest.raises(InputError, match="spin_R is not Hermitian"):
            berri.from_system_R(system)


def test_position_has_no_element_between_the_spins() -> None:
    system = system_soc()
    with quietly():
        model = berri.from_system_R(system)
    ours = berri.from_system_R(system.system_down)
    origin, theirs = ((m.R_vectors == 0).all(axis=1) for m in (model, ours))
    assert np.abs(ours.position_R[theirs]).max() > 0.1
    assert np.array_equal(model.position_R[origin][0, 3:, 3:], ours.position_R[theirs][0])
    assert not model.position_R[:, :3, 3:].any()


def test_nothing_without_an_axis() -> None:
    system = wb.SystemSOC(system_up=berri.to_system_R(models.random_model()))
    with pytest.raises(InputError, match="no spin-orbit matrices"):
        berri.from_system_R(system)


def test_a_channel_without_a_matrix() -> None:
    system = system_soc()
    system.system_down.clear_R_mat("Ham")
    with pytest.raises(InputError, match="no matrix Ham"):
        berri.from_system_R(system)


def test_saved_systems(tmp_path: Path) -> None:
    """A folder of System_R opens without wannierberri; one of a SystemSOC names the way in."""
    model = models.random_model()
    model = replace(model, spin_R=pure_spinors(model.R_vectors, 4, "blocks", tmp_path))
    with quietly():
        berri.to_system_R(model).to_npz(str(tmp_path / "plain"))
        system_soc().to_npz(str(tmp_path / "soc"), exclude_properties=("cell",))
    opened = ws.open_model(tmp_path / "plain")
    assert is_finished(tmp_path / "plain")
    (tmp_path / "in.toml").write_text('seedname = "plain"\nresponses = "edelstein"\nmu = 0\n')
    with pytest.raises(InputError, match="fermi_energy is missing"):  # not zero: it comes from a run
        open_inputs(tmp_path / "in.toml")
    expected = berri.from_system_R(berri.to_system_R(model))
    for name in ("R_vectors", "hamiltonian_R", "position_R", "spin_R", "centres", "lattice"):
        assert np.array_equal(getattr(opened, name), getattr(expected, name)), name
    with pytest.raises(InputError, match=r"SystemSOC.from_npz"):
        ws.open_model(tmp_path / "soc")
    old = dict(np.load(tmp_path / "plain" / "_XX_R_SS.npz"))["arr_0"]
    np.savez(tmp_path / "plain" / "_XX_R_SS.npz", np.moveaxis(old, 0, 2))  # as older versions had it
    assert np.array_equal(ws.open_model(tmp_path / "plain").spin_R, expected.spin_R)
    np.savez(tmp_path / "plain" / "_XX_R_SS.npz", old[:-1])
    with pytest.raises(InputError, match="has shape"):
        ws.open_model(tmp_path / "plain")
    (tmp_path / "plain" / "_XX_R_SS.npz").write_bytes(b"no zip file")
    with pytest.raises(InputError, match=r"not a readable \.npz"):
        ws.open_model(tmp_path / "plain")
    (tmp_path / "plain" / "iRvec.npz").unlink()
    with pytest.raises(InputError, match=r"iRvec\.npz is missing"):
        ws.open_model(tmp_path / "plain")


def test_fplo_is_told_the_way_in(tmp_path: Path) -> None:
    (tmp_path / "+hamdata").write_text("lattice_vectors:\n")
    with pytest.raises(InputError, match="from_fplo"):
        ws.open_model(tmp_path / "+hamdata")
