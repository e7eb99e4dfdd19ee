"""Means of the Fermi function over boxes, against integrals (with states and scans: test_occupation)."""

import numpy as np
import pytest

from wannier_spin.box_means import COMPILED_FROM, box_means, fermi_integrals


@pytest.mark.parametrize(("widest", "bound"), [(9.0, 1e-9), (20.0, 2e-5), (200.0, 3e-4), (1e7, 9e-4)])  # in kT
def test_wide_and_thin(widest, bound):
    """What the least thickness of boxes costs: nothing up to 10 kT; what it is for: thinner ones would cancel to a fifth at 1e7 kT.

    Exact along the wide edge, series along the thin ones.
    """
    thin, x = 0.055, np.linspace(-1.2, 1.2, 97) * widest
    _, share, _ = box_means(x[:, None], 1.0, np.array([[widest, thin, thin]]), fermi_integrals)
    below, orders = -np.abs(x), (1, -1, -3)
    means = [fermi_integrals(m, below + widest)[0] - fermi_integrals(m, below - widest)[0] for m in orders]
    second = thin**2 / 3
    expected = (means[0] + second * means[1] + (second**2 / 2 - thin**4 / 90) * means[2]) / (2 * widest)
    assert np.ptp(expected) > 0.3
    assert np.abs(share[:, 0] - expected).max() < bound


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_integrals_vanish_far_below(d):
    """Each is exp(x) there, at the beginning of the table and before it."""
    value, slope = fermi_integrals(d, np.concatenate([np.linspace(-39.999, -39, 80), np.linspace(-45, -40.001, 9)]))
    assert 0 < np.abs(value).max() < 2e-17
    assert 0 < np.abs(slope).max() < 2e-17
    assert not value[80:].any()
    assert not slope[80:].any()


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_machine_code_and_numpy_agree(d: int) -> None:
    """Across the table, at its ends, and beyond; what is no number stays none."""
    ends = [-40.0, 40.0, 40 - 1 / 32, np.nextafter(40 - 1 / 32, 50), -np.inf, np.nextafter(-40.0, -50), 60.0]
    x = np.concatenate([np.random.default_rng(d).uniform(-45, 45, COMPILED_FROM), ends])
    at_once = np.array(fermi_integrals(d, x))
    singly = np.concatenate([np.array(fermi_integrals(d, part)) for part in np.array_split(x, 4)], axis=1)
    assert len(x) // 4 + 1 < COMPILED_FROM < len(x)
    assert np.abs(at_once).max() > 10
    np.testing.assert_allclose(at_once, singly, rtol=1e-13, atol=1e-17)
    assert (at_once[:, x < -40] == 0).all()
    assert np.isnan(fermi_integrals(d, np.full(COMPILED_FROM, np.nan))).all()


def test_boxes_without_width_at_zero_temperature():
    """A step, half of it at the step itself, where -f' is infinite; beside one with widths."""
    distance, spread = np.array([[-0.3, 0.0, 0.4, 0.0]]), np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.2, 0.1]])
    x, share, density = box_means(distance, 0.0, spread, fermi_integrals)
    assert x[0] * 0.2 == pytest.approx(distance[0], abs=1e-15)
    assert share[0].tolist() == [0.0, 0.5, 0.0, 0.5]
    assert density[0, :3].tolist() == [0.0, np.inf, 0.0]
    assert density[0, 3] == pytest.approx(1 / 0.4, rel=1e-12, abs=0)  # a box of half widths 0.2 and 0.1: flat in the middle
