"""Small checks of what files hold, at both ends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wannier_spin import models
from wannier_spin.errors import InputError
from wannier_spin.readers import check_model
from wannier_spin.readers.bloch_data import BlochData, without_excluded
from wannier_spin.readers.checkpoint import Checkpoint, _check_cell, _one
from wannier_spin.readers.files import FortranRecords, check_finite
from wannier_spin.readers.overlap_tests import _in_order_of
from wannier_spin.readers.packages import is_system_folder
from wannier_spin.readers.quality import _spectrum
from wannier_spin.readers.wannier90_files import Overlaps, _check_spin_diagonal

PATH = Path("Pt.spn")


@pytest.mark.parametrize("value", [1.2, -1.2, 0.5 + 0.1j, 0.5 - 0.1j, np.nan])
def test_spin_of_a_band_is_real_and_at_most_one(value):
    diagonal = np.zeros((2, 3, 3), complex)
    _check_spin_diagonal(diagonal + np.array([1.0, -1.0, 0.3]), PATH)
    diagonal[1, 2, 0] = value
    with pytest.raises(InputError, match="at k-point 2, band 3"):
        _check_spin_diagonal(diagonal, PATH)


@pytest.mark.parametrize("where", [("k-point",), ("k-point", "band"), ("k-point", "band", "component")])
def test_the_place_of_nan_is_named_as_far_as_axes_have_names(where):
    values = np.zeros((2, 3, 4))
    check_finite(values, PATH, "spin", where)
    values[1, 2, 3] = np.inf
    expected = ", ".join(f"{name} {i}" for name, i in zip(where, (2, 3, 4), strict=False))
    with pytest.raises(InputError, match=f"in the spin at {expected} "):
        check_finite(values, PATH, "spin", where)


@pytest.mark.parametrize("vector", range(3))
def test_one_wrong_vector_of_the_reciprocal_lattice_is_enough(vector):
    lattice = np.array([[3.0, 0, 0], [0.5, 3.2, 0], [0, 0.3, 4.1]])
    reciprocal = 2 * np.pi * np.linalg.inv(lattice).T
    _check_cell(lattice, reciprocal, PATH)
    wrong = reciprocal.copy()
    wrong[vector] *= 1.01
    with pytest.raises(InputError, match="contradict each other"):
        _check_cell(lattice, wrong, PATH)


@pytest.mark.parametrize("values", [[], [2, 2], [0], [-1], [2.5], [1e9], [np.nan]])
def test_what_is_no_number_of_anything(values):
    assert _one(np.array([2.0]), PATH, "number of bands") == 2
    assert _one(np.array([0]), PATH, "number of excluded bands", 0) == 0
    with pytest.raises(InputError, match="the number of bands is"):
        _one(np.array(values, float), PATH, "number of bands")


@pytest.mark.parametrize("kind", ["<i4", "<i8", ">i4", ">i8"])
def test_whole_numbers_of_either_length(kind, tmp_path):
    """Compilers have an option for that."""
    values = np.arange(1, 6).astype(kind)
    marker = np.array([values.nbytes], f"{kind[0]}i4").tobytes()
    (tmp_path / "five").write_bytes(marker + values.tobytes() + marker)
    with FortranRecords(tmp_path / "five") as records:
        assert records.array("i4", "five numbers", 5).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("excluded", "kept"), [((), None), ((2,), [0, 2]), ((5,), None), ((1, 2), None)])
def test_bands_that_the_checkpoint_excludes(excluded, kept):
    """They are left out where that fits: of three bands in the files, two in the checkpoint."""
    three: Any = np.arange(9.0).reshape(1, 3, 3)
    cell, k = np.eye(3), np.zeros((1, 3))
    chk = Checkpoint(cell, np.ones(3, int), k, np.zeros((1, 2, 2), complex), np.zeros((2, 3)), False, excluded=excluded)
    data = BlochData(chk, three[:, 0], Overlaps(three[None], *2 * (np.zeros((1, 1), int),)), None, None, {})
    if kept is None:
        assert without_excluded(data).energies is data.energies
    else:
        found = without_excluded(replace(data, spin=three))
        assert found.overlaps.matrices.tolist() == three[None][:, :, kept][..., kept].tolist()
        assert found.energies.tolist() == three[:, 0, kept].tolist()
        assert found.spin.tolist() == three[:, kept][:, :, kept].tolist()


@pytest.mark.parametrize(("largest", "outside"), [(0.9, 0.0), (1.0, 0.0), (1.25, 0.25), (-1.25, 0.25)])
def test_spectrum_of_spin_matrices(largest, outside):
    found = _spectrum(np.diag([0.3, largest, 0.1]).astype(complex)[None])
    assert f"by {outside:.4f} off" in found.value
    assert found.ok == (outside == 0)


def test_handedness_of_whole_pauli_matrices_is_one():
    found = {check.name: check for check in check_model(models.kane_mele())}
    assert found["handedness of spin"].value == "1.000"


def test_recorded_overlaps_in_another_order_of_neighbours() -> None:
    """Put in that of .mmn, k-point by k-point; where no order fits they stay as they are."""
    rng = np.random.default_rng(5)
    M = rng.normal(size=(3, 4, 2, 2)) + 1j * rng.normal(size=(3, 4, 2, 2))
    orders = np.array([[2, 0, 3, 1], [0, 1, 2, 3], [3, 2, 1, 0]])
    recorded = np.stack([X[order] for X, order in zip(M, orders, strict=True)])
    assert np.array_equal(_in_order_of(recorded, M), M)
    assert _in_order_of(M, M) is M
    other = np.broadcast_to(recorded[:, :1], recorded.shape)
    assert np.array_equal(_in_order_of(other, M), other)


def test_a_folder_of_wannierberri_has_its_lattice(tmp_path: Path) -> None:
    """Any other folder, and a file, is none."""
    assert not is_system_folder(tmp_path)
    (tmp_path / "real_lattice.npz").touch()
    assert is_system_folder(tmp_path)
    assert not is_system_folder(tmp_path / "real_lattice.npz")
