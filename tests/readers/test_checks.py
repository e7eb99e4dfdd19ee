"""Small checks of what files hold, at both ends."""

from pathlib import Path

import numpy as np
import pytest

from wannier_spin.errors import InputError
from wannier_spin.readers.files import check_finite
from wannier_spin.readers.wannier90_files import _check_spin_diagonal

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
