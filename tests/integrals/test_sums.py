"""What is said of sums that are not finite: where it happened, never a sum of it."""

import tracemalloc

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.bloch import BlochSum
from wannier_spin.errors import InputError
from wannier_spin.integrals import sums
from wannier_spin.integrals.plan import Plan
from wannier_spin.integrals.selection import Selection
from wannier_spin.integrals.sums import batch_size, not_finite
from wannier_spin.occupation import Occupation
from wannier_spin.responses import RESPONSES

K = np.array([[0.0, 0.0, 0.0], [0.25, 0.125, 0.0]])
ENERGIES = np.array([[0.0, 1.0, 2.0], [0.1, 0.4, 0.4003]])


def test_names_the_point_and_the_band():
    densities = np.ones((2, 3, 4))
    densities[1, 2, 3] = np.nan
    message = str(not_finite(K, ENERGIES, densities))
    assert "k = (0.25, 0.125, 0), band 3 (0.4003 eV)" in message
    assert "0.0003 eV away" in message


def test_infinite_slope():
    assert "at 0 K a band without slope at mu" in str(not_finite(K, ENERGIES, np.ones((2, 3, 1))))


@pytest.mark.parametrize("how", [{"grid": (6, 6, 1)}, {"tolerance": 1e-1}])
def test_meshes_and_boxes_refuse(monkeypatch, how):
    """A density that is not a number at one state of one point."""

    def spoil(owner):
        original = owner.densities

        def spoiled(self, *args):
            sea, surface = original(self, *args)
            sea[-1, 1] = np.inf
            return sea, surface

        monkeypatch.setattr(owner, "densities", spoiled)

    for owner in (Plan, Selection):
        spoil(owner)
    with pytest.raises(InputError, match="not a finite number at k = .* band 2 "):
        ws.compute(ws.models.rashba_exchange(), "spin_hall", mu=0.0, temperature=300, **how)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.parametrize(
    ("name", "share"),
    [("spin_hall", 0.05), ("magnetic_spin_hall", 0.1), ("nonlinear_intrinsic_spin_magnetization", 0.1)],
)
def test_a_batch_fits_into_the_memory_and_makes_use_of_it(name, share, monkeypatch):
    """What numpy really takes, where nothing but the memory limits a batch. The estimate is on the safe side."""
    monkeypatch.setattr(sums, "CACHE", 1e15)
    model, memory = ws.models.random_model(n=6, seed=1), 0.008
    asked = {"mu": 0.0, "temperature": 3000}
    ws.compute(model, name, grid=(2, 2, 2), **asked)  # imports and tables
    tracemalloc.start()
    try:
        ws.compute(model, name, grid=(8, 8, 8), memory=memory, **asked)
        peak = tracemalloc.get_traced_memory()[1] / 2**30
    finally:
        tracemalloc.stop()
    assert share * memory < peak < memory


def test_less_memory_for_more_of_anything():
    """Wannier functions, observables, points of the scan, numbers by point: each makes batches smaller; what is held, too."""
    plan = Plan((RESPONSES["spin_hall"],), "spin", ())
    more = Plan((RESPONSES["spin_hall"], RESPONSES["nonlinear_intrinsic_spin_magnetization"]), "spin", ())
    source, larger = (BlochSum(ws.models.random_model(n=n, seed=1), False) for n in (3, 6))
    sparse, dense = (Occupation(np.linspace(0, 1, n), np.array([0.1])) for n in (1, 300))
    sizes = [
        batch_size(*asked, 0.01)
        for asked in ((source, plan, sparse), (larger, plan, sparse), (source, more, sparse), (source, plan, dense))
    ]
    assert min(sizes[0] - np.array(sizes[1:])) > 0.1 * sizes[0]
    assert batch_size(source, plan, sparse, 0.01, by_point=10_000) < 0.9 * sizes[0]
    assert batch_size(source, plan, sparse, 0.01, held=600_000) < 0.9 * sizes[0]
    assert batch_size(source, plan, sparse, 1e3) <= sums.CACHE / (16 * 9 * source.n_operators)
    for memory in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InputError, match="expected a positive number of GiB"):
            batch_size(source, plan, sparse, memory)
    with pytest.raises(
        InputError, match=r"too little for 3 Wannier functions and 1 \(mu, T\) points: (\S+) GiB is the least"
    ) as refused:
        batch_size(source, plan, sparse, 1e-7)
    least = float(str(refused.value).partition("points: ")[2].split()[0])
    assert batch_size(source, plan, sparse, least) >= 1
    with pytest.raises(InputError, match="is the least"):
        batch_size(source, plan, sparse, 0.8 * least)
