"""Sums over R1: those made for several k1 at once are those of each, bit by bit the same whichever is asked for first."""

import numpy as np
import pytest

from wannier_spin import models, planes
from wannier_spin.bloch import BlochSum

K1 = np.arange(11) / 11


def source() -> BlochSum:
    return BlochSum(models.random_model(n=3, seed=1), second_order=True)


def test_several_at_once() -> None:
    each, together = source(), source()
    together.planes.expect(K1)
    for k1 in K1:
        expected = each.planes.at(k1)
        assert np.abs(expected).max() > 0.1
        assert together.planes.at(k1) == pytest.approx(expected, abs=1e-13)
    unexpected = together.planes.at(0.123)
    assert unexpected == pytest.approx(each.planes.at(0.123), abs=1e-13)


def test_the_order_does_not_matter() -> None:
    forward, backward = source(), source()
    for one in (forward, backward):
        one.planes.expect(K1)
    found = [forward.planes.at(k1).tobytes() for k1 in K1]
    assert found == [backward.planes.at(k1).tobytes() for k1 in K1[::-1]][::-1]


def test_large_models_take_no_more_memory(monkeypatch) -> None:
    own = source()
    several = own.planes.bytes
    monkeypatch.setattr(planes, "DENSE_BYTES", 0)
    assert own.planes.bytes < several
    own.planes.expect(K1)
    monkeypatch.setattr(planes.Planes, "_several", None)
    assert np.abs(own.planes.at(K1[3])).max() > 0.1


@pytest.mark.parametrize("least", [0, 10**9])
@pytest.mark.parametrize("hermitian", [True, False])
def test_all_elements_come_from_the_packed_ones(hermitian: bool, least: int, monkeypatch) -> None:
    """In machine code and without, of lines with fewer and with more points than are unpacked at once."""
    monkeypatch.setattr(planes, "COMPILED_FROM", least)
    random, n, count, R3 = np.random.default_rng(0), 4, 3, 5
    X = random.normal(size=(R3, count, n, n)) + 1j * random.normal(size=(R3, count, n, n))
    if hermitian:
        X += X.swapaxes(2, 3).conj()
    packed = planes.Packed(n, count, hermitian)
    stack = np.zeros((R3, packed.size), complex)
    for i in range(count):
        packed.put(stack, (slice(None),), i, X[:, i])
    assert stack.shape[1] == count * (n * (n + 1) // 2 if hermitian else n * n)
    lines = [random.normal(size=(points, R3)) for points in (2, 0, planes.AT_ONCE + 3)]
    found = packed.matrices(planes.AT_ONCE + 5, ((line.astype(complex), stack) for line in lines))
    expected = np.tensordot(np.concatenate(lines), X, 1)
    assert np.abs(expected).max() > 5
    assert np.abs(found - expected).max() < 1e-13 * np.abs(expected).max()
