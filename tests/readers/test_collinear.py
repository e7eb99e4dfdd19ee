"""Two spin channels become one model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import InputError, TightBindingModel, compute, models
from wannier_spin.model import load_model
from wannier_spin.readers.collinear import ChannelOverlaps, join_channels, read_collinear, transverse_axes

HOW = {"grid": (12, 12, 1), "mu": -0.7, "temperature": 1500}


def channel(model: TightBindingModel, spin: int) -> TightBindingModel:
    """One spin of a model that conserves it; functions alternate."""
    own = slice(spin, None, 2)
    H = model.hamiltonian_R[:, own, own]
    return replace(model, hamiltonian_R=H, spin_R=None, centres=model.centres[own], name=f"X_{('up', 'dn')[spin]}")


@pytest.fixture
def channels() -> tuple[TightBindingModel, TightBindingModel]:
    model = models.altermagnet(t=1.0, J=0.6)
    return channel(model, 0), channel(model, 1)


def test_the_two_channels_give_the_responses_of_the_whole(channels, tmp_path: Path) -> None:
    for model in channels:
        model.save(tmp_path / f"{model.name}.h5")
    joined = read_collinear(tmp_path / "X_up.h5", tmp_path / "X_dn.h5")
    assert (joined.name, joined.n_bands) == ("X", 2)
    np.testing.assert_allclose(joined.spin_axis, [0, 0, 1])
    whole = compute(models.altermagnet(t=1.0, J=0.6), "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values
    assert np.abs(whole).max() > 1e-3
    np.testing.assert_allclose(compute(joined, "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values, whole, atol=1e-12)
    joined.save(tmp_path / "joined.h5")
    np.testing.assert_array_equal(load_model(tmp_path / "joined.h5").spin_axis, joined.spin_axis)


def test_by_hand_from_the_charge_conductivities_of_the_channels(channels) -> None:
    """Spin current (hbar/2)(up - down): half the difference of the charge conductivities of the channels."""
    joined = join_channels(*channels)
    spin = compute(joined, "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values[..., 2]
    up, down = (compute(c, "magnetic_spin_hall", channel="charge", **HOW)["magnetic_spin_hall"].values for c in channels)
    both = compute(joined, "magnetic_spin_hall", channel="charge", **HOW)["magnetic_spin_hall"].values
    assert np.abs(spin).max() > 1e-3
    np.testing.assert_allclose(spin, (up - down) / 2, atol=1e-12)
    np.testing.assert_allclose(both, up + down, atol=1e-12)


@pytest.mark.parametrize("axis", [(0, 0, -2), (1, 0, 0), (1, 2, 2)])
def test_the_spin_is_carried_along_the_axis(channels, axis) -> None:
    n = np.array(axis) / np.linalg.norm(axis)
    joined = join_channels(*channels, axis)
    assert not joined.transverse_spin_known
    along_z = compute(join_channels(*channels), "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values[..., 2]
    values = compute(joined, "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values
    assert np.abs(along_z).max() > 1e-3
    np.testing.assert_allclose(values, along_z[..., None] * n, atol=1e-12)


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0), (1, 2, 2), (0, 0, -1)])
def test_overlaps_between_the_channels_bring_the_whole_spin(channels, axis) -> None:
    """Functions of both channels alike: a pure spinor, whose matrices obey the algebra of the Pauli matrices."""
    overlaps = ChannelOverlaps(np.zeros((1, 3), np.int64), np.eye(1, dtype=complex)[None])
    joined = join_channels(*channels, axis, overlaps=overlaps)
    assert joined.transverse_spin_known
    sx, sy, sz = np.moveaxis(joined.spin_R[(joined.R_vectors == 0).all(axis=1).argmax()], -1, 0)
    np.testing.assert_allclose(sx @ sy - sy @ sx, 2j * sz, atol=1e-12)
    np.testing.assert_allclose(sy @ sz - sz @ sy, 2j * sx, atol=1e-12)
    for s in (sx, sy, sz):
        np.testing.assert_allclose(s @ s, np.eye(2), atol=1e-12)
    e1, e2 = transverse_axes(joined.spin_axis)
    np.testing.assert_allclose(np.cross(e1, e2), joined.spin_axis, atol=1e-12)
    values = compute(joined, "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values
    without = compute(join_channels(*channels, axis), "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values
    assert np.abs(without).max() > 1e-3
    np.testing.assert_allclose(values, without, atol=1e-12)  # components across the axis vanish, known or not


def test_overlaps_that_reach_other_cells(channels) -> None:
    R = np.array([[0, 0, 0], [1, 0, 0]])
    overlaps = ChannelOverlaps(R, np.array([[[0.9]], [[0.1 + 0.2j]]]))
    joined = join_channels(*channels, overlaps=overlaps)
    at = {tuple(r): i for i, r in enumerate(joined.R_vectors.tolist())}
    np.testing.assert_allclose(joined.spin_R[at[1, 0, 0], 0, 1], (0.1 + 0.2j) * np.array([1, -1j, 0]))
    np.testing.assert_allclose(joined.spin_R[at[-1, 0, 0], 1, 0], (0.1 - 0.2j) * np.array([1, 1j, 0]))
    with pytest.raises(InputError, match="overlaps between the channels have shape"):
        join_channels(*channels, overlaps=ChannelOverlaps(R, np.ones((2, 2, 2), complex)))


def test_channels_of_other_sizes_and_vectors(channels) -> None:
    up, down = channels
    far = replace(
        down,
        R_vectors=np.concatenate([down.R_vectors, [[3, 0, 0], [-3, 0, 0]]]),
        hamiltonian_R=np.concatenate([down.hamiltonian_R, 0.1 * np.ones((2, 1, 1))]),
    )
    joined = join_channels(up, far)
    i = (joined.R_vectors == [3, 0, 0]).all(axis=1).argmax()
    np.testing.assert_allclose(joined.hamiltonian_R[i], [[0, 0], [0, 0.1]])


@pytest.mark.parametrize("axis", [(0, np.nan, 1), (0, 0, 0), (0, 1), (np.inf, 0, 0)])
def test_an_axis_that_is_none(axis: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"expected the direction of the moments, three numbers that are not all zero"):
        ws.read_collinear("up", "down", axis=axis)


# --- refusals -------------------------------------------------------------------------------------------------

WIN = (
    "num_wann = 1\n{keys}\nbegin unit_cell_cart\n1 0 0\n0 1 0\n0 0 1\nend unit_cell_cart\n"
    "begin atoms_frac\n{atom}\nend atoms_frac\nmp_grid = 1 1 1\n"
)


def _tb(
    folder: Path, name: str, energy: float, keys: str = "", atom: str = "Mn 0 0 0", lattice: float = 1.0, centre: float = 0.0
) -> Path:
    """A run with one function and hoppings to six neighbours."""
    R = [(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)]
    H = "".join(f"\n{x} {y} 0\n1 1 {-0.3 if x or y else energy} 0.0\n" for x, y, _ in R)
    r = "".join(f"\n{x} {y} 0\n1 1 {0.0 if x or y else centre} 0 0 0 0 0\n" for x, y, _ in R)
    cell = "\n".join(" ".join(str(lattice * (i == j)) for j in range(3)) for i in range(3))
    (folder / f"{name}_tb.dat").write_text(f"made by a test\n{cell}\n1\n5\n1 1 1 1 1\n{H}{r}")
    (folder / f"{name}.win").write_text(WIN.format(keys=keys, atom=atom))
    return folder / name


def test_from_text_files(tmp_path: Path) -> None:
    up, down = _tb(tmp_path, "X_up", 0.5, "spin = up"), _tb(tmp_path, "X_dn", -0.5, "spin = down")
    joined = ws.read_collinear(up, down, axis=(1, 0, 0))
    energies = np.linalg.eigvalsh(joined.hamiltonian_R.sum(axis=0))
    np.testing.assert_allclose(energies, [-1.7, -0.7], atol=1e-6)
    assert joined.source["transverse_spin"] == "not known"


@pytest.mark.parametrize(
    ("up", "down", "message"),
    [
        ({"keys": "spin = down"}, {}, "has spin = down, and was given as up"),
        ({}, {"keys": "spin = up"}, "has spin = up, and was given as down"),
        ({}, {"lattice": 1.01}, "the lattice vectors"),
        ({}, {"energy": 0.5}, "the same Hamiltonian"),
        ({"keys": "fermi_energy = 1.0"}, {"keys": "fermi_energy = 1.5"}, "one Fermi energy"),
        ({}, {"atom": "Fe 0 0 0"}, "different atoms"),
    ],
)
def test_channels_that_do_not_belong_together(tmp_path: Path, up: dict, down: dict, message: str) -> None:
    first = _tb(tmp_path, "X_up", **({"energy": 0.5} | up))
    second = _tb(tmp_path, "X_dn", **({"energy": -0.5} | down))
    with pytest.raises(InputError, match=message):
        read_collinear(first, second)


def test_one_atom_on_another_place(tmp_path: Path) -> None:
    """Of several: 1.2 angstrom away, the other one where it was."""
    paths = _tb(tmp_path, "X_up", 0.5, lattice=4.0), _tb(tmp_path, "X_dn", -0.5, lattice=4.0)
    for path, place in zip(paths, (0.5, 0.8), strict=True):
        text = WIN.format(keys="", atom=f"Mn 0 0 0\nMn 0.5 {place} 0")
        path.with_suffix(".win").write_text(text.replace("1 0 0\n0 1 0\n0 0 1", "4 0 0\n0 4 0\n0 0 4"))
    with pytest.raises(InputError, match="different atoms"):
        read_collinear(*paths)


def test_functions_on_other_places(tmp_path: Path) -> None:
    up, down = _tb(tmp_path, "X_up", 0.5, lattice=3.0), _tb(tmp_path, "X_dn", -0.5, lattice=3.0, centre=1.2)
    for name in ("X_up", "X_dn"):
        (tmp_path / f"{name}.win").unlink()
    with pytest.warns(ws.AccuracyWarning, match="1.2 angstrom"):
        read_collinear(up, down)


def test_other_refusals(channels, tmp_path: Path) -> None:
    up, down = channels
    with pytest.raises(InputError, match="axis"):
        read_collinear("x", "y", (0, 0, 0))
    path = models.altermagnet().save(tmp_path / "whole.h5")
    with pytest.raises(InputError, match="expected one of a single spin channel"):
        read_collinear(path, path)
    with pytest.raises(InputError, match="spin_current = 'simple' is exact"):
        compute(join_channels(up, down), "spin_hall", spin_current="ryoo", **HOW)
    with pytest.raises(InputError, match="does not conserve the spin along"):
        replace(models.altermagnet(rashba=0.1), spin_axis=np.array([0, 0, 1.0]))
    between = models.altermagnet().spin_R.copy()
    between[models.altermagnet().R_vectors.any(axis=1)] += 1e-3
    with pytest.raises(InputError, match="does not conserve the spin along"):
        replace(models.altermagnet(), spin_R=between, spin_axis=np.array([0, 0, 1.0]))
    with pytest.raises(InputError, match="spin_axis is"):
        replace(models.altermagnet(), spin_axis=np.zeros(3))


def test_the_spin_group_comes_by_itself(channels) -> None:
    u, up, down = 0.2, (0, 0, 2.0), (0, 0, -2.0)
    positions = [(u, u, 0), (-u, -u, 0), (u, -u, 0), (-u, u, 0)]
    structure = ws.Structure(np.eye(3), np.array(positions), np.full(4, 25), np.array([up, up, down, down]))
    joined = join_channels(*channels)
    result = compute(joined, "magnetic_spin_hall", symmetry=structure, **HOW)
    assert result.provenance["symmetry"]["forms"]["magnetic_spin_hall"] == "xy;z = yx;z"
    plain = compute(joined, "magnetic_spin_hall", **HOW)["magnetic_spin_hall"].values
    np.testing.assert_allclose(result["magnetic_spin_hall"].values, plain, atol=1e-12)
    turned = replace(structure, magnetic_moments=structure.magnetic_moments[:, ::-1])
    with pytest.raises(InputError, match="the spins of the model along"):
        compute(joined, "magnetic_spin_hall", symmetry=turned, **HOW)
    canted = replace(structure, magnetic_moments=structure.magnetic_moments + [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(InputError, match="not collinear"):
        compute(joined, "magnetic_spin_hall", symmetry=canted, **HOW)
