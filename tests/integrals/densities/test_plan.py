"""A plan: which blocks are computed for which responses, what they need, and where they stand."""

import numpy as np
import pytest

from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import ENOUGH, FEWER, fewer
from wannier_spin.responses import BLOCKS, RESPONSES


def plan(*names, extra=(), form="full", omega=()):
    return Plan(tuple(RESPONSES[name] for name in names), "spin", omega, form, extra)


def test_further_blocks_go_where_their_orders_fit():
    """L1surf is of first order in the field and in tau: with the Edelstein effect and with ac currents, and with nothing else."""
    names = ["edelstein", "ac_spin_magnetization", "spin_hall", "displacement_spin_current", "nonlinear_drude_spin_magnetization"]
    whole = plan(*names, extra=("L1surf",), omega=(0.1 + 0j,))
    having = [name for name in names if "L1surf" in whole.blocks_of(RESPONSES[name])]
    assert having == names[:2]
    assert whole.blocks_of(RESPONSES["edelstein"]) == ("L1", "L1dir", "L1surf")
    assert plan("edelstein").blocks_of(RESPONSES["edelstein"]) == ("L1", "L1dir")


def test_what_a_plan_has_made_is_no_part_of_it():
    """Plans of one request are equal, whatever was asked of them before."""
    one, other = (Plan((RESPONSES["edelstein"],), "spin", (), sites={"A": (0, 1)}) for _ in range(2))
    assert one == other
    assert len(one.observables) == 2  # the spin, and that of the site
    assert one == other


def test_one_block_is_enough_to_need_something():
    sea, surface, slopes = plan("spin_hall"), plan("spin_hall", "edelstein", extra=("L1surf",)), plan("spin_hall", "edelstein")
    assert [p.has_surface for p in (sea, surface, slopes)] == [False, True, False]
    assert [p.derivatives for p in (sea, surface, slopes)] == [False, True, True]
    light = plan("spin_hall", "shift_spin_magnetization", omega=(0.1 + 0.1j,))
    assert light.derivatives
    assert light.held == {"shift vertex"}
    assert light.gap_broadening == 0


def test_channels_are_those_of_sea_then_of_surface():
    whole = plan("spin_hall", "edelstein", "displacement_spin_magnetization", extra=("L1surf",), omega=(0.1 + 0j, 0.2 + 0j))
    fermi = [BLOCKS[name].fermi if name in BLOCKS else "dynamic" for name in whole.shapes]
    assert fermi == ["sea"] * fermi.count("sea") + ["dynamic"] * 2 + ["surface"]
    assert [block.fermi for block in whole.static_blocks] == ["sea"] * fermi.count("sea") + ["surface"]
    assert whole.n_components == 9 + 3
    assert whole.shapes["L1surf"] == (3, 12)
    assert whole.shapes["AC1"] == (2, 2, 3, 12)
    ends = [place.stop for place in whole.places.values()]
    assert [place.start for place in whole.places.values()] == [0, *ends[:-1]]
    assert ends[-1] == whole.n_channels == sum(int(np.prod(shape)) for shape in whole.shapes.values())
    assert whole.n_surface_channels == 36


def test_other_definitions_of_the_spin_current():
    several = Plan((RESPONSES["spin_hall"], RESPONSES["edelstein"]), "spin", (), spin_currents=("qiao", "simple", "ryoo"))
    assert several.definitions_of(RESPONSES["spin_hall"]) == ("simple", "ryoo")
    assert several.definitions_of(RESPONSES["edelstein"]) == ()
    assert several.n_components == 3 * 9 + 3


@pytest.mark.parametrize(
    ("points", "least", "expected"),
    [((10, 7, 1), 1, [5, 4, 1]), ((10, 7, 1), 2, [5, 4, 2]), ((2, 3, 1), 1, [1, 2, 1])],
)
def test_half_as_many_points(points, least, expected):
    assert fewer(points, True, least) == expected


@pytest.mark.parametrize("points", [(100, 120, 80), (300, 200, 1), (1, 4000, 1)])
def test_as_many_points_as_try_something_out(points):
    found = fewer(points, False)
    assert [n == 1 for n in found] == [n == 1 for n in points]
    assert np.prod(found) == pytest.approx(max(np.prod(points) / FEWER, ENOUGH), rel=0.2, abs=0)
    assert fewer((2, 3, 1), False) == [2, 3, 1]
