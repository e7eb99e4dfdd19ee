"""Sums over ranks without MPI: threads that meet at a barrier. Exact, in whatever way the terms were dealt."""

import math
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from wannier_spin.integration.grid import CompensatedSum
from wannier_spin.integration.parallel import all_failed, minimum_over_ranks, sum_over_ranks

MPI = SimpleNamespace(MIN="min")


class Thread:
    """One rank of a communicator whose ranks are threads."""

    def __init__(self, rank, shared):
        self.rank, self.size, self.shared = rank, len(shared["data"]), shared

    def Allreduce(self, send, receive, op=None):
        self.shared["data"][self.rank] = send
        self.shared["barrier"].wait()
        everything = np.stack(self.shared["data"])
        receive[...] = everything.min(axis=0) if op == MPI.MIN else everything.sum(axis=0)
        self.shared["barrier"].wait()


@pytest.fixture(autouse=True)
def without_mpi(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))


def on_ranks(parts):
    """`sum_over_ranks` of the (high, low) of every rank, on all of them."""
    shared = {"data": [None] * len(parts), "barrier": threading.Barrier(len(parts))}
    found = [None] * len(parts)

    def work(rank):
        found[rank] = sum_over_ranks(Thread(rank, shared), *parts[rank])

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[0], other) for other in found)
    return found[0]


def dealt(terms, ranks):
    parts = []
    for rank in range(ranks):
        total = CompensatedSum(terms.shape[1:])
        for term in terms[len(terms) * rank // ranks : len(terms) * (rank + 1) // ranks]:
            total.add(term)
        parts.append((total.high, total.low))
    return parts


@pytest.mark.parametrize("seed", range(5))
def test_the_same_bits_on_any_number_of_ranks(seed):
    """Terms of very different sizes that cancel to a part in 1e6: equal to the exactly rounded sum."""
    rng = np.random.default_rng(seed)
    terms = rng.normal(size=(210, 40)) * 10.0 ** rng.integers(-8, 1, size=(210, 40))
    terms[-1] = -terms[:-1].sum(axis=0) * (1 + 1e-6 * rng.normal(size=40))
    exact = np.array([math.fsum(column) for column in terms.T])
    assert np.abs(exact).max() > 1e-9
    for ranks in (1, 2, 3, 7):
        parts = dealt(terms, ranks)
        found = on_ranks(parts) if ranks > 1 else parts[0][0] + parts[0][1]
        assert np.array_equal(found, exact), ranks


@pytest.mark.parametrize("size", [1e-200, 1e-9])
def test_small_numbers_too(size):
    """The step is as small as they are; a component that is zero everywhere stays so."""
    terms = np.random.default_rng(1).normal(size=(60, 40)) * size
    terms[:, 0] = 0
    terms[-1] = -terms[:-1].sum(axis=0) * (1 - 1e-9)
    exact = np.array([math.fsum(column) for column in terms.T])
    for ranks in (2, 5):
        assert np.array_equal(on_ranks(dealt(terms, ranks)), exact)


def test_the_least_of_all_ranks():
    shared = {"data": [None] * 2, "barrier": threading.Barrier(2)}
    found = [None] * 2
    own = np.array([[1.0, 5.0], [2.0, -3.0]])

    def work(rank):
        found[rank] = minimum_over_ranks(Thread(rank, shared), own[rank])

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.tolist() for one in found] == [[1.0, -3.0], [1.0, -3.0]]


def test_what_rounding_dropped_counts():
    parts = [(np.array([1.0, 0.0]), np.array([1e-20, 0.0])), (np.array([-1.0, 0.0]), np.array([2e-20, 0.0]))]
    assert on_ranks(parts) == pytest.approx([3e-20, 0.0], rel=1e-12, abs=0)


class Barrier:
    """A request that is done after some seconds."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def Test(self):
        return time.monotonic() > self.end


@pytest.mark.parametrize(("others_after", "expected"), [(0.0, True), (0.2, True), (1e9, False)])
def test_patience(others_after, expected):
    """Whether the others failed too is waited for, and not for ever."""
    comm = SimpleNamespace(size=2, Ibarrier=lambda: Barrier(others_after))
    start = time.monotonic()
    assert all_failed(comm, patience=1.0) is expected
    waited = time.monotonic() - start
    assert waited < 5
    if not expected:
        assert waited >= 1.0
