"""What is said of sums that are not finite: where it happened, never a sum of it."""

import re
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.bloch import BlochSum, energies_at
from wannier_spin.errors import InputError
from wannier_spin.integrals import sums
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.selection import Selection
from wannier_spin.integrals.sums import batch_size, not_finite
from wannier_spin.integrals.tolerance import cutting
from wannier_spin.integrals.tolerance.cut import Cut
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


def test_nothing_is_unknown_unless_it_is_said():
    rows = sums.Rows(np.zeros((1, 1, 1)), np.zeros(1, int), {})
    assert rows.mu_unknown.shape == (0,)
    assert rows.step == 0
    assert sums.Sums(np.zeros((1, 1)), None, np.empty(0), 0).on_points
    assert not Cut().given_up


def test_shares_are_less_than_the_whole():
    """Of the zone, that spots may cover, and of the tolerance, that one may use up."""
    assert 0 < cutting.COVERED < 1
    assert 0 < cutting.PART < 1


def test_infinite_slope():
    assert "at 0 K a band without slope at mu" in str(not_finite(K, ENERGIES, np.ones((2, 3, 1))))


@pytest.mark.parametrize("how", [{"grid": (6, 6, 1)}, {"tolerance": 1e-1}, {"tolerance": ws.Tolerance(0.1, start=4)}])
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
    model = ws.models.rashba_exchange()
    with pytest.raises(InputError, match="not a finite number at k = .* band 2 ") as refused:
        ws.compute(model, "spin_hall", mu=0.0, temperature=300, **how)
    *k, energy = map(float, re.search(r"k = \((.*), (.*), (.*)\), band 2 \((.*?) eV\)", str(refused.value)).groups())
    assert energies_at(model, np.array([k]))[0, 1] == pytest.approx(energy, abs=1e-4)  # it is that point


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


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7])
def test_least_memory_is_the_least(n):
    """Upwards, to two digits."""
    source, scan = BlochSum(ws.models.random_model(n=n, seed=1), False), Occupation(np.zeros(1), np.array([0.1]))
    plan = Plan((RESPONSES["spin_hall"],), "spin", ())
    with pytest.raises(InputError, match=rf"too little for {n} Wannier functions and 1 \(mu, T\) points") as refused:
        batch_size(source, plan, scan, 1e-7)
    text = str(refused.value).partition("points: ")[2].split()[0]
    assert f"{float(text):.2g}" == text
    assert batch_size(source, plan, scan, float(text)) >= 1
    with pytest.raises(InputError, match="is the least"):
        batch_size(source, plan, scan, float(text) - float(f"1e{np.floor(np.log10(float(text))) - 1:g}"))


@dataclass(frozen=True)
class Much:
    """Of everything that decides about a batch, as much as one likes."""

    n_bands: int = 2
    n_operators: int = 1
    n_components: int = 1
    n_channels: int = 1
    n_points: int = 1
    held: tuple[str, ...] = ()
    has_surface: bool = False
    derivatives: bool = False
    planes: int = 0

    def plane_bytes(self) -> int:
        return self.planes

    def batch(self, memory: float, held: int | None = 0, by_point: int = 0) -> int:
        much: Any = self
        return batch_size(much, much, much, memory, held, by_point)


@pytest.mark.parametrize(
    ("one", "power"),
    [
        ({"n_bands": 10_000}, 2),
        ({"n_operators": 10**6}, 1),
        ({"n_components": 10**6}, 1),
        ({"held": ("",) * 1000, "n_components": 1000}, 1),
        ({"n_channels": 10**7}, 1),
        ({"n_points": 10**7}, 1),
        ({"n_bands": 100, "n_channels": 10**8}, 1),
    ],
    ids=str,
)
def test_what_there_is_most_of_decides(monkeypatch, one, power):
    """Twice as many matrices, channels or points of a scan: half as many points in a batch."""
    monkeypatch.setattr(sums, "CACHE", 1e300)
    name, many = next(iter(one.items()))
    few, twice = Much(**one).batch(1e6), Much(**{**one, name: 2 * many}).batch(1e6)
    assert few > 1000
    assert few / twice == pytest.approx(2**power, rel=5e-2, abs=0)


def test_what_is_kept_all_the_time_is_taken_off(monkeypatch):
    """Planes of sums over R, sums of all channels; further numbers of each point; what has slopes or a Fermi surface."""
    monkeypatch.setattr(sums, "CACHE", 1e300)
    whole, memory = Much().batch(1.0), 2**30
    assert whole > 10_000
    assert Much(planes=memory // 4).batch(1.0) == pytest.approx(whole / 2, rel=1e-2, abs=0)
    assert Much().batch(1.0, held=memory // 16) == pytest.approx(whole / 2, rel=1e-2, abs=0)
    scan = Much(n_points=1000, n_channels=1000)
    assert scan.batch(1.0, None) == pytest.approx(scan.batch(1.0) * (1 - 48e6 / memory), rel=1e-2, abs=0)
    assert Much().batch(1.0, by_point=10**6) == pytest.approx(memory / 8e6, rel=2e-2, abs=0)
    surface, slopes, both = (Much(has_surface=a, derivatives=b).batch(1.0) for a, b in ((True, False), (False, True), (True, True)))
    assert 0 < surface == slopes == both < 0.6 * whole


def test_of_many_the_first_is_named():
    densities = np.ones((2, 3, 4))
    densities[0, 2, 1] = densities[1, 0, 0] = np.inf
    assert "k = (0, 0, 0), band 3 (2 eV)" in str(not_finite(K, ENERGIES, densities))
