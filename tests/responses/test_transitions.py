"""Kernels of dynamic blocks as the fractions that they stand for; what of a second-order sum each polarization of light sees."""

from types import SimpleNamespace

import numpy as np
import pytest

from wannier_spin.responses.displacement import CURVATURE, METRIC
from wannier_spin.responses.pairs import BandPairs
from wannier_spin.responses.photocurrent import INJECTION, SHIFT, _even, _odd, _polarizations

RANDOM = np.random.default_rng(7)
EPS = RANDOM.uniform(0.2, 3.0, 40) * RANDOM.choice([-1, 1], 40)
Z = (0.0, 0.3 + 0.01j, 1.7 + 0.2j, 2.5)


@pytest.mark.parametrize("z", Z)
def test_kernels_are_fractions(z):
    """The two resonances of a pair, eps_nm = z and -z; l1 and i l2 of the paper's (7), (8)."""
    w = 1 / EPS
    assert _even(w, z) == pytest.approx(EPS * (1 / (EPS - z) + 1 / (EPS + z)), rel=1e-12, abs=0)
    assert _odd(w, z) == pytest.approx(1j * EPS * (1 / (EPS - z) - 1 / (EPS + z)), rel=1e-12, abs=0)
    assert CURVATURE.kernel(w, z) == pytest.approx(-(z**2) / (z**2 - EPS**2), rel=1e-12, abs=0)
    assert METRIC.kernel(w, z) == pytest.approx(1j * EPS * z / (z**2 - EPS**2), rel=1e-12, abs=0)


def test_inside_a_group_nothing_is_divided():
    for z in Z:
        assert np.isfinite([one(np.zeros(1), z) for one in (_even, _odd, CURVATURE.kernel, METRIC.kernel)]).all()


def test_polarizations():
    """sigma^L Re(E_b E_d*) + sigma^C Im(E_b E_d*) = Re(C^bd E_b E_d*)/2, the first symmetric in b, d, the second not."""
    C = RANDOM.normal(size=(2, 5, 3, 3, 4)) + 1j * RANDOM.normal(size=(2, 5, 3, 3, 4))
    linear, circular = np.moveaxis(_polarizations(C.real, C.imag), -4, 0)
    assert np.abs(circular).max() > 0.1
    assert np.array_equal(linear, linear.swapaxes(-3, -2))
    assert np.array_equal(circular, -circular.swapaxes(-3, -2))
    for _ in range(5):
        E = RANDOM.normal(size=3) + 1j * RANDOM.normal(size=3)
        pairs = (E[:, None] * E.conj())[:, :, None]
        found = (linear * pairs.real + circular * pairs.imag).sum(axis=(-3, -2))
        assert found == pytest.approx((C * pairs).real.sum(axis=(-3, -2)) / 2)


def test_parts_of_the_numerator():
    """Blocks with 1 have its real part and the even kernel, those with 2 the imaginary part and the odd one; all over eps^3."""
    for real, imaginary in (INJECTION, SHIFT):
        assert (real.imaginary, imaginary.imaginary) == (False, True)
        assert (real.kernel, imaginary.kernel) == (_even, _odd)
        assert real.matrix == imaginary.matrix
    assert {one.power for one in (*INJECTION, *SHIFT)} == {3}
    assert (CURVATURE.imaginary, METRIC.imaginary) == (True, False)
    assert CURVATURE.power == METRIC.power == 2


def test_traces_of_a_vertex_with_the_velocity():
    """Re and Im of sum_m X^d_mn v^b_nm kernel_nm, fields in the order b, d."""
    n = 4

    def hermitian(*axes):
        X = RANDOM.normal(size=(2, *axes, n, n)) + 1j * RANDOM.normal(size=(2, *axes, n, n))
        return X + X.conj().swapaxes(-1, -2)

    v, X, kernel = hermitian(3), hermitian(3, 5), RANDOM.normal(size=(2, n, 1, n))
    pairs = BandPairs(SimpleNamespace(velocity=v), ())
    rows_of_X = np.moveaxis(X, -2, 1)  # (k,n,d,o,m)
    expected = np.einsum("kdomn,kbnm,knm->knbdo", X, v, kernel[:, :, 0])
    for found, part in (
        (pairs.re_of_velocity(rows_of_X, kernel), expected.real),
        (pairs.im_of_velocity(rows_of_X, kernel), expected.imag),
    ):
        assert np.abs(part - part.swapaxes(2, 3)).max() > 1
        assert found == pytest.approx(part)
