"""Channels: from coordinates to sums, bounds and sizes; what a tolerance allows, against loops; what is made of a plan."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from outside import with_random_operators
from scipy.linalg import block_diag
from symmetry.structures import symmetric_models

from wannier_spin import InputError, Request, Tolerance
from wannier_spin.integrals.densities import dynamic
from wannier_spin.integrals.densities.channels import (
    CANCELLED,
    NOISE,
    ROUNDING,
    Channels,
    _of_each_part,
    combinations,
    has_polarizations,
    make_channels,
    variants_name,
)
from wannier_spin.integrals.densities.kinds import block_kind
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import Sums
from wannier_spin.integration.adaptive import Totals
from wannier_spin.occupation import Occupation
from wannier_spin.prepared import Prepared, prepare
from wannier_spin.responses import RESPONSES as RESPONSES_OF_THE_PAPER
from wannier_spin.responses import BandPairs
from wannier_spin.results import SPREAD
from wannier_spin.sites import atomic_sites
from wannier_spin.symmetry import magnetic_group, project, site_group

RNG = np.random.default_rng(4)
SEA, SURFACE = (np.linalg.qr(RNG.normal(size=shape))[0] for shape in ((5, 2), (4, 3)))
NAMES = ("spin_hall", "edelstein")
RESPONSES = tuple(unit * RNG.normal(size=(5, n)) for unit, n in ((1.0, 3), (1e-3, 4)))
NOTHING_COMPUTED: Any = None
JUDGED = np.array([True, False, True, True])


def channels(judged=None):
    return Channels(SEA, SURFACE, NAMES, RESPONSES, NOTHING_COMPUTED, judged)


def test_coordinates_and_their_bounds():
    x = RNG.normal(size=(6, 5))
    many = x.reshape(2, 3, 5)
    sums = channels().expand(x)
    for made in (channels().expand, channels().expand_bound):
        assert np.array_equal(made(many).reshape(6, 9), made(x))
    assert np.array_equal(channels().projected(channels().expand(many)).reshape(6, 9), channels().projected(sums))
    assert np.abs(sums[:, :5] - np.einsum("wc,Cc->wC", x[:, :2], SEA)).max() < 1e-14
    assert np.abs(sums[:, 5:] - np.einsum("wc,Cc->wC", x[:, 2:], SURFACE)).max() < 1e-14
    assert np.abs(channels().projected(sums) - sums).max() < 1e-14
    one = np.eye(5)
    assert np.abs(channels().expand_bound(one) - np.abs(channels().expand(one))).max() < 1e-15
    assert (channels().expand_bound(np.abs(x)) >= np.abs(sums)).all()


def test_sizes_of_what_is_held_to_a_tolerance():
    x = RNG.normal(size=(4, 5))
    x[1] *= 100
    for judged in (None, JUDGED):
        kept = x if judged is None else x[judged]
        expected = [max(abs(row @ Q[:, i]) for row in kept for i in range(Q.shape[1])) for Q in RESPONSES]
        assert channels(judged).sizes_of_scan(x) == pytest.approx(expected, rel=1e-13, abs=0)


@pytest.mark.parametrize("judged", [None, JUDGED])
@pytest.mark.parametrize(
    ("size", "magnitude", "absolute"),
    [(1.0, 1.0, None), (1.0, 1.0, {"edelstein": 7e-3}), (1e-30, 1e9, None), (0.0, 0.0, None)],
    ids=["values", "absolute", "cancelled", "nothing"],
)
def test_what_a_tolerance_allows(size, magnitude, absolute, judged):
    """Of the largest value, of what cancels, of rounding; the error is that of the difference and the spread together."""
    value, difference, spread = (size * RNG.normal(size=(4, 5)) for _ in range(3))
    spread = np.abs(spread)
    value[1], difference[1] = 50 * value[1], 90 * difference[1]  # where mu is not in the window
    wanted = Tolerance(1e-2, absolute=absolute)
    sums = np.stack([value, difference, spread**2])
    found = channels(judged).judge(Totals(sums, 0 * sums, np.zeros(1), np.array([magnitude, 2 * magnitude])), wanted)
    for r, (name, Q) in enumerate(zip(NAMES, RESPONSES, strict=True)):
        rows = range(4) if judged is None else np.flatnonzero(judged)
        places = [(w, i) for w in rows for i in range(Q.shape[1])]
        largest = max(abs(value[w] @ Q[:, i]) for w, i in places)
        bar = max(abs(difference[w] @ Q[:, i]) + SPREAD * spread[w] @ abs(Q[:, i]) for w, i in places)
        relative = 1e-2 * max(largest, CANCELLED * (1 + r) * magnitude)
        allowed = max(relative, (absolute or {}).get(name, 0), NOISE * np.abs(Q).max())
        assert found.allowed[r] == pytest.approx(allowed, rel=1e-13, abs=0)
        assert found.excess[r] == pytest.approx(bar / allowed, rel=1e-12, abs=0)


# Of which mu an accuracy is asked for


MU = np.array([-0.2, 0.0, 0.1, 0.3])


def test_window_holds_its_edges_to_rounding():
    """mu that is counted from a Fermi energy is not exact."""
    scan = Occupation(MU, np.array([0.1, 0.2]))
    low, high = 0.0 + 0.5 * ROUNDING, 0.1 - 0.5 * ROUNDING
    held = Tolerance(window=(low, high)).judged(scan)
    assert held.tolist() == np.repeat([False, True, True, False], 2).tolist()
    assert Tolerance().judged(scan).all()
    assert Tolerance(window=(0.1, 0.1)).judged(scan).sum() == 2
    with pytest.raises(InputError, match="holds no mu of the scan"):
        Tolerance(window=(0.0 + 2 * ROUNDING, 0.1 - 2 * ROUNDING)).judged(scan)


@pytest.mark.parametrize("window", [(0.0, np.inf), (-np.inf, 0.0), (0.0, np.nan), (0.2, 0.1), (0.1,), "ab"])
def test_what_is_no_window(window):
    with pytest.raises(InputError, match="expected two energies"):
        Tolerance(window=window)


def test_limits_of_what_may_be_asked_for():
    assert Tolerance(start=4, replicas=64, max_evaluations=2**63 - 1).start == 4
    for wrong in ({"start": 9}, {"start": 3}, {"replicas": 65}, {"max_evaluations": 2**63}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Tolerance(**wrong)


# Of a plan


CONDITIONS: dict[str, Any] = {"mu": 0.1, "temperature": 2000.0, "tau": 3.0, "omega": [0.1, 0.4], "broadening": 0.1}
SPINS = ("edelstein", "intrinsic_spin_magnetization", "nonlinear_intrinsic_spin_magnetization", "ac_spin_magnetization")
CURRENTS = ("spin_hall", "magnetic_spin_hall", "nonlinear_extrinsic_spin_current", "displacement_spin_current")
PAIR, STRUCTURE, _ = symmetric_models()["pt_antiferromagnet x"]


def prepared(*names: str, **asked: Any) -> Prepared:
    """Of the antiferromagnet and its two sites, with a term of the Fermi surface."""
    found = prepare(with_random_operators(PAIR, seed=2), Request(names, blocks=("L1surf",), **CONDITIONS, **asked))
    return found.with_sites(atomic_sites(PAIR, STRUCTURE)) if set(names) & set(SPINS) else found


@pytest.mark.parametrize("form", ["paper", "full"])
@pytest.mark.parametrize("relaxation", ["adiabatic", "gao"])
def test_what_is_judged_is_the_response(form, relaxation):
    """Of all densities to every component of every response, at sites and with other definitions too, as results make them."""
    asked = prepared(*SPINS, *CURRENTS, form=form, relaxation=relaxation, spin_current=("simple", "ryoo"))
    rows = RNG.normal(size=(2, asked.plan.n_channels))
    found = combinations(asked.plan, rows, relaxation, CONDITIONS["tau"])
    several = 0
    for record in asked.plan.responses:
        ours = asked.factor(record) * found[record.name]
        for row, one in zip(rows, ours, strict=True):
            tensor = asked.tensor(record, Sums(row[None], None, np.empty(0), 0))
            assert np.abs(tensor.values).max() > 0.1
            assert one == pytest.approx(tensor.values.ravel(), abs=1e-12 * np.abs(tensor.values).max())
        variants = [*tensor.sites.values(), *tensor.definitions.values()]
        if variants:
            several += 1
            name = variants_name(asked.plan, record)
            assert name == f"{record.name}@{'sites' if tensor.sites else 'definitions'}"
            expected = np.concatenate([one.values.ravel() for one in variants])
            assert asked.factor(record) * found[name][1] == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert several == len(SPINS) + len(CURRENTS)
    assert len(found) == 2 * several


@pytest.mark.parametrize("symmetric", [True, False])
def test_coordinates_are_those_of_the_densities(symmetric):
    """However few are computed: of the sea and of the Fermi surface."""
    asked = prepared(*CURRENTS[:2], SPINS[0])
    group = magnetic_group(STRUCTURE)
    sites = site_group(STRUCTURE, group, atomic_sites(PAIR, STRUCTURE).atoms)
    plan, unit = asked.plan, dict.fromkeys((*CURRENTS, *SPINS), 1.0)
    found = make_channels(plan, "adiabatic", unit, 3.0, group.point_operations if symmetric else (), sites if symmetric else None)
    g = asked.plan.geometry(plan.bloch_sum(PAIR).at_points(np.array([[0.1, 0.23, 0], [0.4, 0.2, 0]])), 1e-4)
    window = (-np.inf, np.inf)
    whole, ours = plan.densities(BandPairs(g, plan.observables, window)), found.densities(g, window)
    assert found.selection.is_whole == (not symmetric)
    assert found.dynamic is None
    for X, columns, one in zip(whole, (found.sea, found.surface), ours, strict=True):
        assert np.abs(one).max() > 1e-4
        assert np.abs(one - X @ columns).max() < 1e-12 * np.abs(X).max()
        assert np.abs(columns.T @ columns - np.eye(columns.shape[1])).max() < 1e-12
        assert (columns.shape[1] < len(columns)) == symmetric
    assert found.sea.shape[0] + found.surface.shape[0] == plan.n_channels
    assert found.surface.shape[0] == plan.n_surface_channels


@pytest.mark.parametrize("symmetric", [True, False])
def test_which_coordinates_have_gaps_that_are_broadened(symmetric):
    """Those of nonlinear blocks, of the sea and of the Fermi surface: no coordinate is of two blocks."""
    names = (*SPINS[:3], "nonlinear_intrinsic_spin_current")
    plan = Plan(tuple(RESPONSES_OF_THE_PAPER[name] for name in names), "spin", (), extra=("L1surf",))
    group = magnetic_group(symmetric_models()["weyl 42'2'"][1]).point_operations if symmetric else ()
    found = make_channels(plan, "adiabatic", dict.fromkeys(names, 1.0), 3.0, group)
    share = plan.broadened @ block_diag(found.sea, found.surface) ** 2
    assert np.abs(share * (1 - share)).max() < 1e-12
    assert found.broadened(plan).tolist() == (share > 0.5).tolist()
    of_sea, of_surface = np.split(share > 0.5, [found.sea.shape[1]])
    assert 0 < of_sea.sum() < len(of_sea)
    assert 0 < of_surface.sum() < len(of_surface)


def test_coordinates_span_what_symmetry_leaves():
    """Of the whole, what the point group leaves; at sites, what the group leaves of sites and tensors together."""
    asked = prepared(*SPINS[:3])
    plan, group = asked.plan, magnetic_group(STRUCTURE)
    sites = site_group(STRUCTURE, group, atomic_sites(PAIR, STRUCTURE).atoms)
    unit = dict.fromkeys(SPINS, 1.0)
    found = make_channels(plan, "adiabatic", unit, 3.0, group.point_operations, sites)
    rows = RNG.normal(size=(1, plan.n_channels))
    kept = found.projected(rows)
    sizes = {}
    for record in plan.responses:
        for block in plan.blocks_of(record):
            kind = block_kind(record, "spin", block)
            one = project(plan.block_tensor(rows, block, record)[0], kind, group.point_operations)
            assert plan.block_tensor(kept, block, record)[0] == pytest.approx(one, abs=1e-13)
            each = sites.project(plan.sites_tensor(rows, block, record)[0], kind)
            assert plan.sites_tensor(kept, block, record)[0] == pytest.approx(each, abs=1e-13)
            sizes[block] = np.abs(each).max()
    assert min(sizes.values()) > 0.05


@pytest.mark.parametrize("symmetric", [True, False])
def test_coordinates_of_light(monkeypatch, symmetric):
    """Each polarization has half of the components in the fields, and what is made in them at once are the densities."""
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    model, structure = symmetric_models()["zincblende -43m1'"][:2]
    group = magnetic_group(structure).point_operations if symmetric else ()
    names = ("shift_spin_current", "spin_hall", "injection_spin_magnetization")
    plan = Plan(tuple(RESPONSES_OF_THE_PAPER[name] for name in names), "spin", (0.3 + 0.1j, 2.0 + 0.2j))
    unit = dict.fromkeys(names, 1.0)
    whole, halves = (make_channels(plan, "adiabatic", unit, 3.0, group, **each) for each in ({}, {"by_polarization": True}))
    g = plan.geometry(plan.bloch_sum(model).at_points(np.array([[0.1, 0.23, 0], [0.4, 0.2, 0.3]])), 1e-4)
    window = (-np.inf, np.inf)
    every = np.concatenate(plan.densities(BandPairs(g, plan.observables, window)), axis=-1)
    light = np.zeros(plan.n_channels, bool)
    for block in ("SH1", "SH2", "INJ1", "INJ2"):
        light[plan.places[block]] = True
    for found in (whole, halves):
        assert found.dynamic is not None
        ours = np.concatenate(found.densities(g, window), axis=-1)
        columns = block_diag(found.sea, found.surface)
        assert np.abs(ours[..., np.abs(columns[light]).max(axis=0) > 0]).max() > 1e-4
        assert np.abs(ours - every @ columns).max() < 1e-12 * np.abs(every).max()
        assert np.abs(columns.T @ columns - np.eye(columns.shape[1])).max() < 1e-12
    of_light = [np.abs(found.sea[light]).max(axis=0) > 0 for found in (whole, halves)]
    assert halves.sea.shape[1] - of_light[1].sum() == whole.sea.shape[1] - of_light[0].sum()
    if not symmetric:
        assert 2 * of_light[1].sum() == of_light[0].sum() == light.sum()
        assert np.abs(halves.expand(every @ block_diag(halves.sea, halves.surface)) - every).max() < 1e-13 * np.abs(every).max()


@pytest.mark.parametrize(
    ("names", "omegas", "expected"),
    [("shift", 1, True), ("shift ac", 1, True), ("ac", 1, False), ("shift", 10, True), ("shift", 20, False)],
)
def test_where_polarizations_are_told_apart(names, omegas, expected):
    """Light of some frequencies, alone or with another field, as long as columns of all channels are small."""
    asked = tuple(RESPONSES_OF_THE_PAPER[f"{name}_spin_current"] for name in names.split())
    plan = Plan((*asked, RESPONSES_OF_THE_PAPER["spin_hall"]), "spin", tuple(np.linspace(0.3, 2, omegas) + 0.1j))
    assert omegas == 1 or 2048 < plan.n_channels < 8192
    assert has_polarizations(plan) == expected


def test_parts_of_invariant_tensors():
    """18 of 27 tensors of rank 3 are symmetric in the fields and 9 antisymmetric, whatever basis they have."""
    kind = block_kind(RESPONSES_OF_THE_PAPER["shift_spin_magnetization"], "spin", "SH1")
    parts = _of_each_part(np.linalg.qr(RNG.normal(size=(27, 27)))[0], kind)
    assert [len(part) for part in parts] == [18, 9]
    for part, sign in zip(parts, (1, -1), strict=True):
        tensors = part.reshape(-1, 3, 3, 3)
        assert np.abs(tensors.swapaxes(2, 3) - sign * tensors).max() < 1e-13


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("name", ["weyl 42'2'", "zincblende -43m1'"])
def test_coordinates_of_tensors_of_different_rank(monkeypatch, name, number):
    """Currents and densities together: a group leaves another number of each at every frequency."""
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)
    model, structure = symmetric_models()[name][:2]
    names = tuple(
        f"{of}_spin_{what}" for of in ("displacement", "ac", "shift", "injection") for what in ("current", "magnetization")
    )
    plan = Plan(tuple(RESPONSES_OF_THE_PAPER[name] for name in names), "spin", (0.3 + 0.1j, 2.0 + 0.2j, 0.7 + 0.3j)[:number])
    group = magnetic_group(structure).point_operations
    found = make_channels(plan, "adiabatic", dict.fromkeys(names, 1.0), 3.0, group, None, True)
    g = plan.geometry(plan.bloch_sum(model).at_points(np.array([[0.1, 0.23, 0], [0.4, 0.2, 0.3]])), 1e-4)
    window = (-np.inf, np.inf)
    sea, surface = plan.densities(BandPairs(g, plan.observables, window))
    assert surface.shape[-1] == 0
    expected = sea @ found.sea
    ours, _ = found.densities(g, window)
    allowed = [(block, own) for block, place in plan.places.items() if (own := np.abs(found.sea[place]).max(axis=0) > 0).any()]
    assert len(allowed) >= 4
    for block, own in allowed:
        scale = np.abs(expected[..., own]).max()
        assert scale > 1e-4, block
        assert np.abs(ours - expected)[..., own].max() < 1e-12 * scale, block


@dataclass(frozen=True)
class Computed:
    """In place of a selection."""

    positions: np.ndarray
    found: tuple[np.ndarray, np.ndarray]

    def densities(self, geometry: Any, window: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.found


def test_as_many_coordinates_as_densities():
    """Turned among themselves, and as they are; of more densities than are computed."""
    turned, unit = np.linalg.qr(RNG.normal(size=(3, 3)))[0], np.eye(2)
    sea, surface = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4, 2))
    selection: Any = Computed(np.arange(5), (sea, surface))
    found = Channels(turned, unit, NAMES, RESPONSES, selection).densities(NOTHING_COMPUTED, (0, 0))
    assert found[0] == pytest.approx(sea @ turned, abs=1e-14)
    assert np.array_equal(found[1], surface)
    selection = Computed(np.array([0, 2, 3]), (sea[..., [0, 2]], surface[..., :1]))
    few = Channels(turned * [[1], [0], [1]], unit[:, :1], NAMES, RESPONSES, selection).densities(NOTHING_COMPUTED, (0, 0))
    assert few[0] == pytest.approx(sea[..., [0, 2]] @ turned[[0, 2]], abs=1e-14)
    assert np.array_equal(few[1], surface[..., :1])
