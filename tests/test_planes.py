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
@pytest.mark.parametrize("hermitian", [(True, True), (False, True), (False,)])
def test_all_elements_come_from_the_packed_ones(hermitian: tuple[bool, ...], least: int, monkeypatch) -> None:
    """In machine code and without, of lines with fewer and with more points than are unpacked at once, group by group."""
    monkeypatch.setattr(planes, "COMPILED_FROM", least)
    random, n, counts, R3 = np.random.default_rng(0), 4, (3, 2)[: len(hermitian)], 5
    X = random.normal(size=(R3, sum(counts), n, n)) + 1j * random.normal(size=(R3, sum(counts), n, n))
    groups = np.split(X, counts[:1], axis=1)[: len(counts)]
    for own, group in zip(hermitian, groups, strict=True):
        group += group.swapaxes(2, 3).conj() * own
    packed = planes.Packed(n, list(zip(counts, hermitian, strict=True)))
    stack = np.zeros((R3, packed.size), complex)
    for i in range(sum(counts)):
        packed.put(stack, (slice(None),), i, X[:, i])
    sizes = [count * (n * (n + 1) // 2 if own else n * n) for count, own in zip(counts, hermitian, strict=True)]
    assert stack.shape[1] == sum(sizes)
    lines = [random.normal(size=(points, R3)).astype(complex) for points in (2, 0, planes.AT_ONCE + 3)]
    kept = [i for i, own in enumerate(hermitian) if own and i]
    found = packed.matrices(planes.AT_ONCE + 5, ((line, stack) for line in lines), kept)
    for i, (own, group) in enumerate(zip(found, groups, strict=True)):
        expected = np.tensordot(np.concatenate(lines), group, 1)
        own = planes.Triangles({"X": own}, n)["X"] if i in kept else own
        assert np.abs(expected).max() > 5
        assert np.abs(own - expected).max() < 1e-13 * np.abs(expected).max()


@pytest.mark.parametrize("least", [0, 10**9])
def test_diagonals_between_bands_come_from_the_packed_elements(least: int, monkeypatch) -> None:
    """U^+ X U, and no matrix is made for it."""
    monkeypatch.setattr(planes, "COMPILED_FROM", least)
    random, n, k = np.random.default_rng(2), 5, planes.AT_ONCE + 3
    X, U = (random.normal(size=(k, *shape)) + 1j * random.normal(size=(k, *shape)) for shape in ((3, 2, n, n), (n, n)))
    X += X.swapaxes(3, 4).conj()
    kept = planes.Triangles({"X": np.ascontiguousarray(X[..., *np.triu_indices(n)])}, n)
    expected = np.einsum("kin,kabij,kjn->kabn", U.conj(), X, U).real
    assert np.abs(expected).max() > 5
    assert np.abs(kept.rotated_diagonal("X", U) - expected).max() < 1e-13 * np.abs(expected).max()
    assert list(kept) == ["X"] and len(kept) == 1 and np.array_equal(kept["X"], X)
