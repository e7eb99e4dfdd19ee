"""Exchanged and reversed components of the spin matrices, found by what the crystal demands of them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from wannier_spin.calculation.symmetrize import verified_group
from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers import read_structure, read_wannier90
from wannier_spin.symmetry import symmetry_group
from wannier_spin.symmetry.spin_frame import spin_frame

CHANGES = {
    "x -> y -> z": np.eye(3)[[1, 2, 0]],
    "-sigma": -np.eye(3),
    "-s_y": np.diag([1.0, -1, 1]),
    "-s_z": np.diag([1.0, 1, -1]),
    "x <-> z": np.eye(3)[[2, 1, 0]],
}


@pytest.fixture(scope="module")
def pt_model(example_inputs: Path) -> TightBindingModel:
    return read_wannier90(example_inputs / "Pt" / "Pt")


@pytest.mark.parametrize("change", list(CHANGES))
def test_each_change_is_named_in_a_cubic_crystal(change: str, pt_model: TightBindingModel, example_inputs: Path) -> None:
    """In Pt, without moments, the crystal tells all 48 apart, but for the sign of all three, which the algebra tells."""
    L = CHANGES[change]
    assert pt_model.spin_R is not None
    structure = read_structure(example_inputs / "Pt" / "Pt.win")
    wrong = dataclasses.replace(pt_model, spin_R=pt_model.spin_R @ L.T)
    frame = spin_frame(wrong, symmetry_group(structure).operations)
    assert frame is not None
    assert not frame.fits
    (undo,) = frame.others
    np.testing.assert_array_equal(undo @ L, np.eye(3))
    with pytest.raises(InputError, match="components are exchanged or reversed"):
        verified_group(wrong, structure, 5e-4)


def test_right_components_fit(pt_model: TightBindingModel, example_inputs: Path) -> None:
    frame = spin_frame(pt_model, symmetry_group(read_structure(example_inputs / "Pt" / "Pt.win")).operations)
    assert frame is not None
    assert frame.fits
    assert frame.misfit < 0.05


def test_nothing_to_compare(pt_model: TightBindingModel) -> None:
    assert spin_frame(dataclasses.replace(pt_model, spin_R=None), ()) is None
