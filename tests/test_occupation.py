"""Fermi functions, their slopes, and sums over states."""

import itertools
import math

import numpy as np
import pytest
from rounding import same

from wannier_spin import InputError, compute, models, occupation
from wannier_spin.occupation import CUTOFF, LINEAR, Choice, Occupation, subset

ENERGIES = np.linspace(-1, 1, 401)


def slope(occupation, energies):
    """f' of every point, read off from `sums` with one state at a time."""
    one = np.ones((1, 1))
    return np.array([occupation.sums(np.array([e]), np.empty((1, 0)), one)[:, 0] for e in energies]).T


def weights(occupation, energies, centre, spread):
    """Means over boxes where the whole change over a box is larger than kT."""
    return occupation.linear_weights(energies, centre, spread, spread.sum(axis=1))


@pytest.mark.parametrize("kT", [0.003, 0.05, 2.0])
@pytest.mark.parametrize("mu", [-0.3, 0.0, 0.77])
def test_fermi_function(mu, kT):
    f = Occupation(np.array([mu]), np.array([kT])).fermi(ENERGIES)[0]
    exact = [1 / (1 + math.exp(min(700.0, (e - mu) / kT))) for e in ENERGIES]
    assert 0 < np.ptp(exact)
    assert np.abs(f - exact).max() < 5e-16  # absolute: far below mu the relative error of 1 - f does not matter


@pytest.mark.parametrize("kT", [0.003, 0.05, 2.0])
def test_slope(kT):
    mu = 0.1
    found = slope(Occupation(np.array([mu]), np.array([kT])), ENERGIES)[0]
    exact = np.array([-1 / (4 * kT * math.cosh(min(350.0, abs(e - mu) / (2 * kT))) ** 2) for e in ENERGIES])
    assert found.min() < -0.24 / kT * (1 if kT < 1 else 1 - 0.1)
    # f (1 - f) loses digits in the tail where 1 - f is rounding, hence an absolute error of 1e-16/kT
    assert np.abs(found - exact).max() < 3e-16 / kT
    # int f' de = -1
    fine = np.linspace(mu - 60 * kT, mu + 60 * kT, 4001)
    total = slope(Occupation(np.array([mu]), np.array([kT])), fine)[0].sum() * (fine[1] - fine[0])
    assert total == pytest.approx(-1, abs=1e-13)


def test_zero_temperature_is_a_step():
    f = Occupation(np.array([0.2]), np.array([0.0])).fermi(np.array([-1.0, 0.2 - 1e-14, 0.2, 0.2 + 1e-14, 1.0]))
    assert f.tolist() == [[1, 1, 0.5, 0, 0]]


def test_points_run_over_temperature_first():
    occupation = Occupation(np.array([0.1, 0.2]), np.array([0.0, 0.01, 0.02]))
    mu, kT = occupation.points
    assert mu.tolist() == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    assert kT.tolist() == [0.0, 0.01, 0.02] * 2
    assert occupation.n_points == 6
    f = occupation.fermi(ENERGIES)
    for w in range(6):
        alone = Occupation(mu[w : w + 1], kT[w : w + 1]).fermi(ENERGIES)[0]
        assert same(f[w], alone)


def test_sums():
    """Against loops, with states far below, far above, and in between; sea and surface side by side."""
    rng = np.random.default_rng(0)
    occupation = Occupation(np.array([-0.1, 0.3]), np.array([0.01, 0.02]))
    energies = np.concatenate([rng.uniform(-0.5, 0.6, 50), rng.uniform(-90, -80, 20), rng.uniform(80, 90, 20)])
    sea, surface = rng.normal(size=(90, 3)), rng.normal(size=(90, 2))
    low, high = occupation.window
    assert (energies < low).sum() >= 20
    assert (energies > high).sum() >= 20
    found = occupation.sums(energies, sea, surface)
    assert found.shape == (4, 5)
    for w, (mu, kT) in enumerate(zip(*occupation.points, strict=True)):
        x = np.clip((energies - mu) / kT, -700, 700)
        f, df = 1 / (1 + np.exp(x)), -1 / (4 * kT * np.cosh(np.clip(x / 2, -300, 300)) ** 2)
        assert np.abs(found[w, :3] - f @ sea).max() < 1e-13
        assert np.abs(found[w, 3:] - df @ surface).max() < 1e-12
    low_only = occupation.sums(energies[50:70], sea[50:70], surface[50:70])
    assert np.abs(low_only[:, :3] - sea[50:70].sum(axis=0)).max() < 1e-14
    assert np.abs(low_only[:, 3:]).max() == 0
    assert np.abs(occupation.sums(energies[70:], sea[70:], surface[70:])).max() == 0


def test_a_state_at_the_edge_of_the_window_counts_once():
    """It is filled to rounding, and neither left out nor counted twice."""
    occupation = Occupation(np.array([0.0]), np.array([0.01]))
    edges = np.array(occupation.window)
    found = [occupation.sums(edge[None], np.ones((1, 1)), np.empty((1, 0))) for edge in edges]
    assert np.abs(np.ravel(found) - [1, 0]).max() < 1e-15


def test_window():
    low, high = Occupation(np.array([-0.1, 0.3]), np.array([0.01, 0.02])).window
    assert (low, high) == pytest.approx((-0.1 - CUTOFF * 0.02, 0.3 + CUTOFF * 0.02))
    assert math.exp(-CUTOFF) < 1e-17


@pytest.mark.parametrize(
    ("mu", "kT", "message"),
    [
        ([], [0.1], "mu must be a list of finite numbers"),
        ([np.nan], [0.1], "mu must be a list of finite numbers"),
        ([0.0], [[0.1]], "temperature must be a list of finite numbers"),
        ([0.0], [-0.1], "temperatures must not be negative"),
        ([0.0], [0.1, -0.1], "temperatures must not be negative"),
    ],
)
def test_refusals(mu, kT, message):
    with pytest.raises(InputError, match=message):
        Occupation(np.array(mu), np.array(kT))


# Linear weights


def box_mean(function, centre, spread, points=400):
    """The mean of a function of the energy over boxes in which it is linear, by the midpoint rule on a dense tensor product."""
    t = (np.arange(points) + 0.5) / points * 2 - 1
    energies = np.zeros(1)
    for width in spread:
        energies = (energies[:, None] + width * t).ravel()
    return function(centre + energies).mean()


SPREADS = {
    1: [[0.3], [0.05]],
    2: [[0.3, 0.1], [0.2, 0.2], [0.4, 0.01]],
    3: [[0.3, 0.2, 0.1], [0.25, 0.25, 0.25], [0.4, 0.05, 0.02]],
}
BOXES = [(d, spread) for d, found in SPREADS.items() for spread in found]


def share_below(mu, centre, spread):
    """Part of the box below mu: the distribution of a sum of uniform variables, exact, by inclusion and exclusion."""
    d, total = len(spread), 0.0
    for signs in itertools.product((1, -1), repeat=d):
        total += math.prod(signs) * max(mu - centre + sum(s * a for s, a in zip(signs, spread, strict=True)), 0.0) ** d
    return total / (math.factorial(d) * 2**d * math.prod(spread))


@pytest.mark.parametrize(("d", "spread"), BOXES)
def test_share_of_a_box(d, spread):
    """At T = 0: the part of the box below mu, from nothing to all, against counting on a dense tensor product."""
    mu = np.linspace(-1.1, 1.3, 13) * sum(spread)
    f, slope = weights(Occupation(mu, np.array([0.0])), np.array([0.02]), np.array([0.013]), np.array([spread]))
    points = {1: 20_000, 2: 1_000, 3: 120}[d]
    counted = [box_mean(lambda e, m=m: (e < m).astype(float), 0.013, spread, points) for m in mu]
    assert f.shape == slope.shape == (13, 1)
    assert (f[0, 0], f[-1, 0]) == pytest.approx((0, 1), abs=1e-13)
    assert np.ptp(f[1:-1]) > 0.9
    assert (np.diff(f[:, 0]) >= -1e-13).all()
    assert np.abs(f[:, 0] - counted).max() < 2 / points  # a layer of points, half of it wrong
    assert np.abs(f[:, 0] - [share_below(m, 0.013, spread) for m in mu]).max() < 1e-12


@pytest.mark.parametrize("kT", [0.0, 0.01])
@pytest.mark.parametrize(("d", "spread"), BOXES)
def test_slope_is_the_derivative_of_the_share(d, spread, kT):
    """dF/dmu = -mean f'; and its integral over mu is one."""
    centre, reach = 0.013, sum(spread)
    box = (np.array([0.02]), np.array([centre]), np.array([spread]))
    mu, h = centre + np.linspace(-0.93, 0.88, 12) * reach, 1e-5 * min(spread)
    _, slope = weights(Occupation(mu, np.array([kT])), *box)
    up, down = (weights(Occupation(mu + s * h, np.array([kT])), *box)[0] for s in (1, -1))
    scale = np.abs(slope).max()
    assert scale > 0.2 / reach
    assert np.abs((up - down) / (2 * h) + slope).max() < 1e-4 * scale
    fine = centre + np.linspace(-1, 1, 40_001) * (reach + 0.2)
    _, slope = weights(Occupation(fine, np.array([kT])), *box)
    step = fine[1] - fine[0]
    assert -slope.sum() * step == pytest.approx(1, abs=2 * step * scale)  # where it jumps, one step more or less


@pytest.mark.parametrize(("d", "spread"), BOXES)
def test_warm_boxes(d, spread):
    """At T > 0: f and f' averaged over the box, wide as it is against kT, by quadrature of the exact share."""
    kT, centre = 0.1 * min(0.05, max(spread) / 5), -0.02
    mu = centre + np.linspace(-1.2, 1.2, 9) * sum(spread)
    f, slope = weights(Occupation(mu, np.array([kT])), np.array([0.0]), np.array([centre]), np.array([spread]))
    t = np.linspace(-36, 36, 4001)
    weight = 0.25 / np.cosh(t / 2) ** 2 * (t[1] - t[0])  # -f' in units of kT
    expected = [sum(w * share_below(m + kT * s, centre, spread) for w, s in zip(weight, t, strict=True)) for m in mu]
    assert np.ptp(expected) > 0.9
    cold = [share_below(m, centre, spread) for m in mu]
    error = np.abs(f[:, 0] - expected).max()
    assert error < 2e-3
    assert np.abs(np.array(cold) - expected).max() < 0.1
    assert slope.min() < -0.2 / sum(spread)
    assert slope.max() <= 1e-13 * -slope.min()


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("largest", [0.0, 1e-9, 1e-5, 1e-2, 0.049, 0.051, 0.3, 1.0, 3.0])  # in kT
def test_small_spreads(d, largest):
    """Means of f and f' by Gauss-Legendre quadrature of f itself, from no spread to several kT: no quotient of differences left."""
    kT, mu = 0.02, 0.02 * np.array([-2.7, -0.4, 0.0, 1.3])
    nodes, gauss = np.polynomial.legendre.leggauss(24)
    for ratios in ((1, 1, 1), (1, 0.3, 0.02), (1, 1e-4, 0)):
        spread = largest * kT * np.array(ratios[:d])
        energies = sum(np.meshgrid(*(nodes * a for a in spread), indexing="ij"))
        volume = math.prod(np.meshgrid(*[gauss / 2] * d, indexing="ij"))
        y = (energies[None] - mu.reshape(-1, *[1] * d)) / kT
        axes = tuple(range(1, d + 1))
        expected = (
            (volume * (0.5 - 0.5 * np.tanh(y / 2))).sum(axis=axes),
            (-volume * 0.25 / np.cosh(y / 2) ** 2 / kT).sum(axis=axes),
        )
        wide = np.full(1, 2 * kT)  # the cell as a whole decides for averages, whatever the spread of this state
        f, slope_ = Occupation(mu, np.array([kT])).linear_weights(np.zeros(1), np.zeros(1), spread[None], wide)
        assert np.ptp(expected[0]) > 0.3
        assert np.abs(f[:, 0] - expected[0]).max() < 1e-9
        assert np.abs(slope_[:, 0] - expected[1]).max() < 1e-9 / kT


def test_no_spread_is_the_point():
    """Flat boxes, and those whose energy changes by less than kT: f and f' at the energy of the point, as `sums` has them."""
    occupation = Occupation(np.array([-0.1, 0.2]), np.array([0.02, 0.1]))
    for spread in (np.zeros((len(ENERGIES), 3)), np.full((len(ENERGIES), 3), 0.002)):
        f, found = weights(occupation, ENERGIES, ENERGIES + 0.01, spread)
        assert same(f, occupation.fermi(ENERGIES))
        assert np.abs(found - slope(occupation, ENERGIES)).max() <= 1e-15 * np.abs(found).max()
        assert np.abs(found).max() > 10


def test_no_spread_at_zero_temperature():
    """A step, no slope: nothing that cannot be averaged, and no division by zero."""
    occupation = Occupation(np.array([0.1]), np.array([0.0]))
    f, found = weights(occupation, np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.1, 0.2]), np.zeros((3, 2)))
    assert f.tolist() == [[1, 0.5, 0]]
    assert not found.any()


@pytest.mark.parametrize("kT", [0.0, 0.004])
def test_far_away_boxes_are_full_or_empty(kT):
    """And the change from boxes that mu crosses to those that it does not is a continuous one."""
    occupation = Occupation(np.array([0.0]), np.array([kT]))
    centre = np.linspace(-1, 1, 4001)
    spread = np.tile([0.2, 0.07, 0.03], (4001, 1))
    f, slope_ = weights(occupation, centre, centre, spread)
    assert f[0, 0] == pytest.approx(1, abs=1e-12)
    assert f[0, -1] == pytest.approx(0, abs=1e-12)
    assert np.abs(np.diff(f[0])).max() < 2 * 5e-4 * np.abs(slope_).max()
    assert (np.diff(f[0]) <= 1e-13).all()
    assert f[0] + f[0, ::-1] == pytest.approx(np.ones(4001), abs=1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_flat_directions_do_not_matter(d):
    """A width of zero along one axis is the box of one dimension less."""
    mu = np.linspace(-0.4, 0.4, 33)
    wide = np.array([[0.3, 0.1]])[:, : d - 1]
    for kT in (0.0, 0.01):
        occupation = Occupation(mu, np.array([kT]))
        args = (np.zeros(1), np.zeros(1))
        lower = weights(occupation, *args, wide)
        upper = weights(occupation, *args, np.concatenate([wide, np.zeros((1, 1))], axis=1))
        assert np.ptp(lower[0]) > 0.5
        assert np.abs(lower[0] - upper[0]).max() < 2e-3
        edge = np.abs(np.abs(mu) - wide.sum()) < 0.02  # at T = 0 in one dimension f' is a box with sharp ends
        assert np.abs(lower[1] - upper[1])[~edge].max() < 2e-3 * np.abs(lower[1]).max()


def test_axes_of_a_box_are_alike():
    occupation = Occupation(np.linspace(-0.3, 0.3, 7), np.array([0.0, 0.01]))
    found = [
        weights(occupation, np.zeros(1), np.zeros(1), np.array([spread])) for spread in itertools.permutations([0.2, 0.1, 0.05])
    ]
    for f, slope_ in found[1:]:
        assert np.abs(f - found[0][0]).max() < 1e-13
        assert np.abs(slope_ - found[0][1]).max() < 1e-12


# Filled bands


def insulator(**options):
    """Kane-Mele without conservation of sz, gap about 0.55 around zero."""
    model = models.kane_mele(soc=0.1, rashba=0.05, sublattice=0.1, exchange=(0.05, 0.02, 0.03))
    return compute(model, ["spin_hall", "intrinsic_spin_magnetization", "magnetic_spin_hall"], grid=(12, 12, 1), **options)


def test_an_insulator_does_not_notice_mu():
    """Anywhere in the gap, at low temperature and at zero: the same to rounding."""
    result = insulator(mu=[-0.05, 0.0, 0.08], temperature=[0, 20])
    for tensor in result.values():
        for block, values in tensor.blocks.items():
            scale = np.abs(values).max()
            if not (block == "L1dir" and tensor.output == "spin"):
                assert scale > 1e-5
            assert np.abs(values - values[:1, :1]).max() <= 1e-13 * scale


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # mu outside of the bands
def test_all_filled_is_nothing():
    """Two filled bands cancel: the sum over all bands of a sea term vanishes but for L1dir, which has no partner."""
    half, full, empty = (insulator(mu=mu, temperature=300) for mu in (0.0, 50.0, -50.0))
    for name, tensor in half.items():
        for block, values in tensor.blocks.items():
            scale = np.abs(values).max()
            assert np.abs(empty[name].blocks[block]).max() == 0
            if block == "L1dir":
                continue
            assert scale > 1e-4
            assert np.abs(full[name].blocks[block]).max() < 1e-14  # rounding of pair terms of order one to ten


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_near_degenerate_pairs_of_filled_bands_cancel():
    """A pair split by 1e-4, above the tolerance: its 1/eps^4 = 1e16 cancels out where both are filled."""
    from dataclasses import replace

    model = models.pt_antiferromagnet()
    spin = np.kron(np.eye(2), np.diag([1.0, -1.0]))
    origin = (model.R_vectors == 0).all(axis=1)[:, None, None]
    split = replace(model, hamiltonian_R=model.hamiltonian_R + 5e-5 * spin * origin)
    names = ["spin_hall", "nonlinear_intrinsic_spin_magnetization"]
    options = {"grid": (6, 6, 1), "shift": (0.3, 0.4, 0), "mu": 0.09, "temperature": 20, "degeneracy_tolerance": 1e-6}
    pair, apart = (compute(m, names, **options) for m in (model, split))
    hall = [result["spin_hall"].values for result in (pair, apart)]
    assert np.abs(hall[0]).max() > 1e-4
    # the splitting itself: of first order in 5e-5, with rounding 1e-16/gap^2 = 1e-8 of what cancels
    assert np.abs(hall[1] - hall[0]).max() < 1e-3 * np.abs(hall[0]).max()
    assert np.abs(apart["nonlinear_intrinsic_spin_magnetization"].values).max() < 10


def test_sums_by_point_add_up_to_the_sums() -> None:
    """Bands that are filled, partly filled and empty at all points."""
    rng = np.random.default_rng(0)
    occupation = Occupation(np.array([-0.1, 0.2]), np.array([0.02, 0.05]))
    energies = np.array([-5.0, -0.1, 0.1, 5.0]) + 0.1 * rng.normal(size=(7, 4))
    energies[2, 1], energies[4, 2] = -6.0, 6.0  # bands that leave the window at some points
    low, high = occupation.window
    assert energies[2, 1] < low
    assert energies[4, 2] > high
    sea, surface = rng.normal(size=(7, 4, 3)), rng.normal(size=(7, 4, 2))
    found = occupation.at_bands(energies, True).sums(sea, surface)
    expected = occupation.sums(energies.ravel(), sea.reshape(28, 3), surface.reshape(28, 2))
    assert found.shape == (7, 4, 5)
    assert np.abs(expected[:, 3:]).max() > 1
    assert np.abs(found.sum(axis=0) - expected).max() < 1e-12 * np.abs(expected).max()
    alone = occupation.sums(energies[3], sea[3], surface[3])
    assert np.abs(found[3] - alone).max() < 1e-12 * np.abs(alone).max()


@pytest.mark.parametrize("mu", [np.array([0.3]), np.array([0.5, -1.2, 0.1, 0.10001, 1.9]), np.linspace(-1, 1, 40)])
def test_machine_code_makes_the_same_sums_by_point(mu: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """mu in any order, near to one another and far apart in units of kT; states from far below to far above all of them."""
    rng, scan = np.random.default_rng(2), Occupation(mu, np.array([0.03, 2e-3, 0.2]))
    energies, sea, surface = np.sort(rng.uniform(-3, 3, (9, 30)), axis=1), rng.normal(size=(9, 30, 2)), rng.normal(size=(9, 30, 1))
    found = []
    for least in (10**9, 0):
        monkeypatch.setattr(occupation, "COMPILED_FROM", least)
        found.append(scan.at_bands(energies, True).sums(sea, surface))
    assert (np.abs(found[0]).max(axis=(0, 1)) > 1).all()
    assert np.abs(found[0] - found[1]).max() < 1e-13 * np.abs(found[0]).max()


def test_a_step_among_warm_ones_needs_no_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """T = 0 beside another, however many states there are: 1 below mu, 1/2 at it, 0 above."""
    monkeypatch.setattr(occupation, "COMPILED_FROM", 0)
    energies, sea = np.array([[-0.5, 0.1, 0.7], [0.1, 0.2, 0.3]]), np.ones((2, 3, 1))
    found = Occupation(np.array([0.1]), np.array([0.0, 0.05])).at_bands(energies, False).sums(sea, sea[..., :0])[..., 0]
    assert same(found[:, 0], [1.5, 0.5])
    assert same(found[:, 1], (1 / (1 + np.exp((energies - 0.1) / 0.05))).sum(axis=1))


@pytest.mark.parametrize("bad", [np.array([0.0, np.nan]), np.array([]), np.array([[0.0]])])
def test_mu_that_is_no_list_of_numbers(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="mu must be a list of finite numbers"):
        Occupation(bad, np.array([0.02]))


def test_what_a_scan_knows_of_itself():
    """Against loops: where mu lies among bands and states. Order of mu and of the states does not matter."""
    scan = Occupation(np.array([0.4, -0.3, 0.1]), np.array([0.02, 0.01]))
    assert scan.shape == (3, 2)
    assert scan.span == (-0.3, 0.4)
    low, high = np.array([-0.5, 0.35]), np.array([0.05, 0.6])
    assert scan.crossed(low, high).tolist() == [True, True, False]
    energies, values = np.array([0.12, -0.33, 0.38, 0.9, 0.05]), np.array([3.0, 1.0, 2.0, 0.1, 0.5])
    smallest, distance = scan.about(energies, values, 0.06)
    for i, mu in enumerate(scan.mu):
        near = np.abs(energies - mu) <= 0.06
        assert near.any()
        assert smallest[i] == values[near].min()
        assert distance[i] == pytest.approx(np.abs(energies - mu).min(), rel=1e-12, abs=0)
    assert np.isinf(scan.about(energies, values, 0.001)[0]).all()
    outside = Occupation(np.array([-1.0, 2.0]), np.array([0.01])).about(energies, values, 0.06)
    assert outside[1] == pytest.approx([0.67, 1.1], rel=1e-12, abs=0)


def test_boxes_at_several_temperatures_stand_in_their_rows():
    """Each pair of mu and T as if it were alone, also where only the colder has boxes that are wide."""
    rng = np.random.default_rng(2)
    mu, kT = np.array([-0.1, 0.0, 0.2]), np.array([0.002, 0.03, 1.0])
    centre, spread = rng.uniform(-0.4, 0.4, 30), rng.uniform(0.01, 0.1, (30, 2))
    found = weights(Occupation(mu, kT), centre, centre, spread)
    assert np.ptp(found[0]) > 0.9
    for w, (m, t) in enumerate(itertools.product(mu, kT)):
        alone = weights(Occupation(np.array([m]), np.array([t])), centre, centre, spread)
        for all_of_them, one in zip(found, alone, strict=True):
            assert np.abs(all_of_them[w] - one[0]).max() <= 1e-12 * np.abs(one).max()


def test_a_subset_spans_the_scan():
    scan = Occupation(np.array([0.3, -1.0, 2.0, 0.0, 1.0]), np.array([0.03, 0.01, 0.02]))
    few = subset(scan, 6, 2)
    assert few.levels.own.tolist() == few.occupation.mu.tolist() == [-1.0, 0.3, 2.0]
    assert few.temperatures.own.tolist() == few.occupation.kT.tolist() == [0.01, 0.03]
    assert few.temperatures.below(scan.kT).tolist() == [1, 0, 0]  # never a higher temperature: its bars are smaller
    assert few.levels.nearest.tolist() == [1, 0, 2, 1, 1]
    before, after = few.levels.around
    assert before.tolist() == [1, 0, 2, 0, 1] and after.tolist() == [1, 0, 2, 1, 2]
    assert few.standing_for.tolist() == [3, 2, 2, 1, 0, 0, 5, 4, 4, 3, 2, 2, 3, 2, 2]
    mu, kT = scan.points
    assert (
        few.among(mu).tolist() == few.occupation.points[0].tolist() and few.among(kT).tolist() == few.occupation.points[1].tolist()
    )
    assert few.occupation.n_points == 6 and not few.dense(2.0) and few.dense(200.0)
    more = subset(scan, 1, 1, few)
    assert set(few.levels.positions) <= set(more.levels.positions)
    assert set(few.temperatures.positions) <= set(more.temperatures.positions)


def test_a_short_scan_gets_further_points_behind_its_own():
    scan = Occupation(np.array([0.3, 0.1]), np.array([0.02, 0.01]))
    longer = scan.longer(99, 7, 0.4)
    assert longer.mu[:2].tolist() == scan.mu.tolist() and len(longer.mu) == 8
    assert longer.mu.max() == pytest.approx(0.3 + 20 * 0.02) and longer.mu.min() == pytest.approx(0.1 - 10 * 0.02)
    assert scan.longer(99, 2, 0.4) is scan  # long enough
    assert scan.longer(len(scan.mu), 7, 0.4) is scan


def test_a_wider_scan():
    """Own values first, in their order; as many beside both ends, evenly up to the reach."""
    scan = Occupation(np.array([0.3, 0.1, 0.2]), np.array([0.0, 0.01]))
    wider = scan.wider(4, 0.8)
    assert wider.kT is scan.kT and wider.mu[:3].tolist() == scan.mu.tolist()
    assert wider.mu[3:] == pytest.approx([-0.1, -0.3, -0.5, -0.7, 0.5, 0.7, 0.9, 1.1])


def test_a_function_along_the_scan():
    scan = Occupation(np.array([0.3, 0.1, 0.2]), np.array([0.02, 0.01]))
    assert scan.along_mu(lambda mu: 2 * mu).tolist() == [0.6, 0.2, 0.4]


def test_one_negative_temperature_is_refused():
    with pytest.raises(InputError, match="must not be negative, found -0.1"):
        Occupation(np.zeros(1), np.array([0.2, -0.1]))


def test_where_f_is_averaged():
    """In states whose energy changes by more than LINEAR kT across a box, at each temperature; at 0 K in all."""
    occupation = Occupation(np.array([0.0, 1.0]), np.array([0.0, 0.01, 1.0]))
    change = LINEAR * np.array([0.005, 0.02, 2.0])
    assert occupation.averaged(change).tolist() == 2 * [[True, True, True], [False, True, True], [False, False, True]]


@pytest.mark.parametrize("least", [1, 2, 3, 5, 8, 20])
@pytest.mark.parametrize("own", [[0.3], [0.3, 0.7, 0.4]])
def test_a_longer_scan(own, least):
    """Own values first; further ones at even distances from them, the farthest at the reach, whatever the temperature."""
    kT, reach = np.array([0.0, 0.05]), 0.2
    scan = Occupation(np.array(own), kT)
    longer = scan.longer(99, least, reach)
    assert longer.kT is kT
    if least <= len(own):
        assert longer is scan
        return
    assert least <= len(longer.mu) < least + len(own)
    blocks = longer.mu.reshape(-1, len(own))
    assert blocks[0].tolist() == own
    offsets = blocks - blocks[0]
    assert offsets == pytest.approx(np.repeat(offsets[:, :1], len(own), axis=1))
    steps = np.diff(np.sort(offsets[:, 0]))
    assert steps == pytest.approx(np.full(len(steps), steps[0]))
    assert offsets.max() == pytest.approx(reach)
    assert offsets.min() > -1.001 * reach


def test_a_choice_that_leaves_out_the_ends():
    """Beyond them the outermost ones."""
    choice = Choice(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([1, 3]))
    before, after = choice.around
    assert after.tolist() == [0, 0, 1, 1, 1]
    assert before.tolist() == [0, 0, 0, 1, 0]
    assert choice.nearest.tolist() == [0, 0, 0, 1, 1]


def test_levels_that_lie_densely():
    """All there are, or no farther apart than so many kT of the lowest temperature; one alone has no distance."""
    scan = Occupation(np.array([0.0, 1.0, 2.0, 3.0, 10.0]), np.array([0.5, 2.0]))
    some, all_, one = subset(scan, 6, 2), subset(scan, 10, 2), subset(scan, 1, 2)
    assert some.levels.own.tolist() == [0.0, 2.0, 10.0]
    assert some.dense(16.0)
    assert not some.dense(15.9)
    assert all_.dense(0.0)
    assert len(one.levels) == 1
    assert one.dense(1e-3)
    assert subset(Occupation(scan.mu, np.zeros(1)), 1, 1).dense(1.0)
