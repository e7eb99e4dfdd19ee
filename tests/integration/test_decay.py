"""How Fourier coefficients fall off: powers, Fermi surfaces at a temperature, and estimates along a scan."""

import numpy as np
import pytest

from wannier_spin.integration.decay import (
    CELLS,
    FEW,
    HOTTEST,
    PARTS,
    about,
    at_end,
    decay_per_octave,
    expected,
    fermi_power,
    mixed,
    octaves_to,
    parts,
    patterns,
    shared,
    steps_at,
    thermal,
    with_farther,
)

MU = np.linspace(-1, 1, 21)
ONES = np.ones((21, 1))


def test_weights_of_the_mu_about_each_one():
    found = about(MU, 0.3)
    assert np.array_equal(found > 0, np.abs(MU[:, None] - MU) < 0.45 - 1e-9)
    assert found[10, 10] == found[10, 11] == 1  # 0.1 away
    assert found[10, 13] == pytest.approx(0.5)
    few = about(np.array([0.0, 1.0, 5.0]), 0.01, least=2)  # the nearest one counts, be it ever so far
    assert few[2, 1] > 0 and few[0, 2] == 0
    assert np.array_equal(about(MU, 0.0), np.eye(21))


def test_a_metal_and_an_insulator_have_their_own_decays():
    """Powers 1 and 4 on the two sides of a scan, with random signs and sizes that are the same in both windows."""
    random = np.random.default_rng(2)
    outer = random.normal(size=(6, 21, 3))
    power = np.where(MU < 0, 1.0, 4.0)
    inner = outer * 2.0 ** power[:, None]
    found = decay_per_octave(inner, outer, about(MU, 0.2, least=3))
    assert found[:8] == pytest.approx(1.0) and found[-8:] == pytest.approx(4.0)
    assert (np.diff(found) > -1e-12).all()
    assert not decay_per_octave(outer, inner, np.eye(21)).any()  # no growth is continued
    assert not decay_per_octave(inner[:0], outer, np.eye(21)).any()
    outer[:, 3] = 0  # nothing is known there, and its neighbours do not suffer
    assert decay_per_octave(inner, outer, about(MU, 0.2, least=3))[2] == pytest.approx(1.0)


def test_a_step_at_a_temperature_has_thermal_coefficients():
    """f of a linear band, R = 3: the coefficient over that at T = 0."""
    velocity, R = 2.0, 3
    k = np.linspace(-0.5, 0.5, 200001)[:-1]
    ratio = []
    for kT in (0.05, 0.1):
        step = 1 / (1 + np.exp(2 * np.pi * velocity * k / kT))  # energy 2 pi k v, with the edge of the zone far away
        ratio.append(-np.mean((step - (k < 0)) * np.sin(2 * np.pi * R * k)) * 2 * np.pi * R)  # what is lost, of 1
    expected = 1 - thermal(np.pi * np.array([0.05, 0.1]) * R / velocity)
    assert expected.min() > 0.005
    assert np.abs(ratio) == pytest.approx(expected, rel=1e-3, abs=0)


def test_amplitudes_are_continued_with_a_power_and_a_temperature():
    """R^-3 x/sinh x, measured between two windows: what is continued is what is at the end of the way."""
    x, octaves = np.array([0.0, 0.5, 2.0, 4.0]), 1.3
    amplitude = [r**-3 * thermal(x * r) for r in (0.5 * 2**-octaves, 2**-octaves, 1.0)]
    measured = np.log2(amplitude[0] / amplitude[1])
    assert octaves_to(octaves, measured, 1.5, x) == pytest.approx(np.log2(amplitude[1] / amplitude[2]), rel=1e-12, abs=0)
    assert octaves_to(octaves, np.array([0.0, 1.0, 1.5]), 1.5, np.zeros(3)) == pytest.approx(1.3 * np.array([0.75, 1.25, 1.5]))


def test_how_hot_a_mesh_is():
    step, kT = 0.5, np.array([0.0, 0.01, 0.02, 10.0])
    found = at_end(kT, step)
    assert found[2] == pytest.approx(2 * found[1]) and found[0] == 0
    edge = kT[1] * HOTTEST / found[1]  # from there on windows know of the fall
    assert at_end(edge * np.array([0.5, 1.0, 2.0, 4.0]), step) == pytest.approx(HOTTEST * np.array([0.5, 1, 0.5, 0.25]))
    assert found[3] < 0.1 and at_end(kT, 0.0)[3] < 1e-6


def test_powers_of_a_fermi_surface():
    """A step of f and f' in three dimensions, and across chains, where f' of flat sheets does not fall off at all."""
    assert [fermi_power(3, False), fermi_power(3, True), fermi_power(1, False), fermi_power(1, True)] == [2, 1, 1, 0]


def test_farther_vectors():
    """In one dimension 1 + 1/4 + 1/9 + ... at T = 0, the first one alone where it is hot."""
    lengths = np.repeat(np.arange(1.0, 7), 2)
    cold, hot = with_farther(lengths, lengths[:2], 1.0, np.array([0.0, HOTTEST]))
    assert cold == pytest.approx(np.sqrt((1 / np.arange(1.0, 7) ** 2).sum()))
    assert 1 < hot < 1.01


def test_pinches_are_raised_and_gaps_are_not():
    size = np.ones((21, 1))
    size[4], size[10:] = 0.2, 1e-9
    many, crossed = np.full((21, 1), 1e6), np.where(MU < -1e-9, 1e6, 0.0)[:, None]
    found = expected(size, MU, 0.25 * ONES, many, crossed, many)
    assert found[4] == pytest.approx(0.2**0.2, rel=1e-4, abs=0)  # the geometric mean of five
    assert found[0] == pytest.approx(1, rel=1e-4, abs=0)
    assert not found[10:].any()
    tail = expected(size, MU, 0.25 * ONES, many, np.full((21, 1), CELLS / 16), many)
    assert tail[4] == pytest.approx(found[4] / 4)


def test_what_no_point_has_seen_is_as_large_as_what_points_see():
    """A Fermi surface between the points at most mu of a scan: what is small there is not known to be small, be it zero."""
    size, seen, crossed = np.full((21, 1), 1e-7), np.zeros((21, 1)), np.full((21, 1), 30.0)
    size[[5, 15]], seen[[5, 15]] = [[1.0], [3.0]], 100.0
    size[8:13] = 0
    found = expected(size, MU, ONES, seen, crossed, seen)[:, 0]
    mean = np.sqrt((1 + 9) / 2)
    assert found[10] == pytest.approx(np.sqrt(2) * mean, rel=0.01, abs=0)  # twice the square
    assert found[0] == pytest.approx(np.sqrt(2), rel=0.01, abs=0)  # the other one is farther than a step
    known = np.exp((np.log(1) + np.log(9)) / 4)  # where points see it, the geometric mean
    assert known < found[5] < known * (mean / known) ** (FEW / 100) * (1 + FEW / 100)
    assert not expected(size[8:13], MU[8:13], 0.1 * ONES[8:13], seen[8:13], crossed[8:13], seen[8:13]).any()  # nobody knows


def test_images_of_one_state_tell_as_little_as_it_does():
    """Twelve images that points have seen at every mu weigh as twelve, but are one: what is small there may be so by chance."""
    size, seen, crossed = np.full((21, 1), 1e-3), np.full((21, 1), 12.0), np.full((21, 1), 30.0)
    size[10] = 1.0
    of_twelve, of_one = (expected(size, MU, 10 * ONES, seen, crossed, np.full((21, 1), n))[0, 0] for n in (12.0, 1.0))
    geometric, mean = 1e-3 ** (40 / 21), 1 / 21
    for found, blind in ((of_twelve, FEW / (FEW + 12)), (of_one, FEW / (FEW + 1))):
        assert found == pytest.approx(np.sqrt(geometric ** (1 - blind) * mean**blind * (1 + blind)), rel=1e-4, abs=0)
    assert of_one > 5 * of_twelve


def test_each_mu_has_the_step_of_its_own_velocities():
    """Slow bands below zero, faster ones above than all of them are on average, none at the top; at the second temperature no point
    is near mu, or only far from MU[0].
    """
    many = np.full((21, 2), 1e9)
    crossed, slow, step = np.where(MU < 0.75, 1e9, 0.0)[:, None] * np.ones(2), 0.2, 1.0
    squares = crossed * np.where(MU < -0.05, slow, 2.0)[:, None] ** 2
    seen = many * [1, 0]
    found = steps_at(MU, step, seen, crossed, squares)
    assert found[:10, 0] == pytest.approx(slow) and np.array_equal(found[10:], np.ones((11, 2)))  # at most that of all bands
    assert np.array_equal(found[:, 1], np.ones(21))
    seen[0, 1] = 1e9  # one of three within the step of its own
    assert steps_at(MU, step, seen, crossed, squares)[:4, 1] == pytest.approx(
        [slow + 0.8 * 2 / 3, slow + 0.8 * 3 / 4, slow + 0.8 * 4 / 5, 1]
    )
    few = steps_at(MU, step, many, crossed * CELLS / 1e9, squares * CELLS / 1e9)  # half of the weight
    assert few[:10] == pytest.approx(np.sqrt((slow**2 + step**2) / 2))


def test_an_estimate_is_raised_by_those_within_its_own_step():
    """Two pinches among sizes of one, in a scan of which slow bands are all of one half."""
    size, many = ONES.copy(), np.full((21, 1), 1e6)
    size[[4, 16]] = 1e-2
    steps = np.where(MU < 0, 0.15, 0.35)[:, None]
    found = expected(size, MU, steps, many, many, many)
    assert found[[4, 16], 0] == pytest.approx([1e-2 ** (1 / 3), 1e-2 ** (1 / 7)], rel=1e-4, abs=0)


def test_mixed_rows_have_the_mean_square_of_those_about():
    random = np.random.default_rng(5)
    rows = random.normal(size=(400, 21, 1, 1)) * np.where(MU < 0, 1.0, 0.01)[:, None, None] * np.array([1.0, -2.0])
    found = mixed(rows, MU, 0.4, 3)
    squares = (rows**2).mean(axis=0)
    weights = about(MU, 0.4)
    expected = np.tensordot(weights / weights.sum(axis=1, keepdims=True), squares, 1)
    assert (found**2).mean(axis=0) == pytest.approx(expected, rel=0.3, abs=0)
    assert found[..., 1] == pytest.approx(-2 * found[..., 0])  # components keep their signs
    assert expected[10, 0, 0] > 100 * squares[10, 0, 0]


def test_patterns_of_a_scan_know_components_that_a_large_one_hides():
    """One value of mu has a thousand times the size of the others, in one component; another component vanishes everywhere."""
    random = np.random.default_rng(7)
    size = np.where(np.arange(21) == 4, 1000.0, 1.0)[:, None, None] * np.ones((21, 2, 1))
    components = np.where((np.arange(21) == 4)[:, None], [1.0, 0.0, 0.0], [0.6, 0.8, 0.0])[:, None]
    rows = random.choice([-1.0, 1.0], (5, 21, 2, 1)) * size * components
    turned = random.permutation(21)
    for mu, some, order in ((MU, rows, slice(None)), (MU[turned], rows[:, turned], turned)):
        among = parts(mu)
        found = patterns(some, among, 3)
        assert found.shape == (PARTS, 21, 2, 3) and (found == found[:, :1]).all()
        assert np.array_equal(among.sum(axis=0), np.ones(21)) and set(among.sum(axis=1)) == {2.0, 3.0}
        assert (np.diff(among[:, np.argsort(mu)].argmax(axis=0)) >= 0).all()  # of neighbours
        evenly = found.reshape(PARTS, 42, 3) * shared(found.reshape(PARTS, 42, 3), np.ones(42), among)[..., None]
        squares = (evenly**2).sum(axis=0)
        assert squares.sum(axis=-1) == pytest.approx(1.0)
        assert (squares[:, 1] > 0.3).all() and not squares[:, 2].any()
        seen = np.where(np.arange(21) == 4, 1.0, 0.0)[order][:, None] * np.ones(2)
        only = np.abs(found.reshape(PARTS, 42, 3)) * shared(found.reshape(PARTS, 42, 3), seen.ravel(), among)[..., None]
        assert (
            (only > 0).any(axis=(1, 2)) == among[:, np.arange(21)[order] == 4].any(axis=1)
        ).all()  # the part that has seen something
    nothing = np.zeros((PARTS, 42, 3))
    assert not shared(nothing, np.ones(42), among).any()
