"""What single points make of responses, seen and hidden, in numbers."""

import numpy as np
import pytest

from wannier_spin.integrals.bars.hidden import Beside
from wannier_spin.integrals.watch import Watch, _distinct
from wannier_spin.integration.adaptive import DOUBT

NO_GAPS = Beside(np.zeros(0, int), np.zeros((0, 3)), np.zeros((0, 3)))
# Two responses of three channels, the last of which is of the surface: a has two components, b is twice the third channel.
RESPONSES = ((np.array([0, 2]), np.array([[1.0, 3.0], [0.0, 1.0]])), (np.array([1]), np.array([[2.0]])))
WATCH = Watch(RESPONSES, 0.5, 2)
K = np.array([[0.1, 0.0, 0.0], [0.2, 0.0, 0.0]])


def test_alike_components_count_once() -> None:
    """Also with another sign, not by their size; none that is zero."""
    q, p = np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.0, 0.0])
    columns = np.stack([q, 0 * q, -q, p, q * (1 + 1e-12), 2 * q, p], axis=1)
    assert np.array_equal(_distinct(columns), np.stack([q, p, 2 * q], axis=1))
    assert _distinct(np.zeros((3, 2))).shape == (3, 0)
    assert _distinct(np.zeros((3, 0))).shape == (3, 0)


def test_seen() -> None:
    """The largest component of a point's share: weight times density times the sums."""
    sums = np.zeros((2, 3, 3))  # points, scan and one more, channels
    sums[0, 0] = [1.0, 5.0, -9.0]  # a: 1 and 3 - 9, b: 10
    sums[1, 1] = [2.0, 0.0, 0.0]  # a: 2 and 6, b: 0
    sums[:, 2] = 1e6  # not of the sample
    found = WATCH.peaks(K, np.array([4.0, -2.0]), sums, NO_GAPS)
    assert found.size.shape == (2, 2 * 2 * 2)
    largest = {(0, 0): (4.0 * 0.5 * 6, 0.1), (0, 1): (2.0 * 0.5 * 6, 0.2), (1, 0): (4.0 * 0.5 * 10, 0.1)}
    for (response, point), (size, k) in largest.items():
        column = response * 2 + point
        assert found.size[0, column] == pytest.approx(size)
        assert found.k[0, column, 0] == k
        assert found.size[1, column] == 0
    assert not found.size[:, [3, 4, 5, 6, 7]].any()


def test_hidden() -> None:
    """What gaps hide next to a point adds up, three times what is predicted."""
    beside = Beside(
        np.array([1, 0, 1]),
        np.array([[1.0, 0.0, 9.0], [0.0, 2.0, 9.0], [-1.0, 0.0, 9.0]]),
        np.array([[1.0, 4.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 5.0]]),
    )
    found = WATCH.peaks(K, np.ones(2), np.zeros((2, 3, 3)), beside)
    assert not found.size[:, :4].any()
    expected = {
        4: (3 + 5, 0.2),
        5: (2 * 9, 0.1),
        6: (8, 0.2),
    }  # a: 1 and 3 times the first channel and the last, b: 2 times the second
    for column, (size, k) in expected.items():
        assert found.size[0, column] == pytest.approx(DOUBT * 0.5 * size)
        assert found.k[0, column, 0] == k
    assert not found.size[:, 7].any()


def test_responses_are_made_of_the_channels_they_use() -> None:
    class Channels:
        responses = (np.array([[0.0, 0.0], [2.0, -2.0], [1.0, 1.0]]), np.zeros((3, 1)))

    watch = Watch.of(Channels(), 0.25, 7)  # type: ignore[arg-type]
    assert [rows.tolist() for rows, _ in watch.responses] == [[1, 2], []]
    assert np.array_equal(watch.responses[0][1], [[2.0, -2.0], [1.0, 1.0]])
    assert watch.responses[1][1].shape == (0, 0)
    assert (watch.density, watch.points) == (0.25, 7)
