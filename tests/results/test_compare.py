"""Two results beside one another: common points, bars, units; and the command."""

from dataclasses import replace

import numpy as np
import pytest
from command_line import entry_point

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.results.compare import compared

MU = [-0.5, 0.0, 0.5]


def result(n: int, mu: list[float] = MU, **options: object) -> ws.ResultSet:
    names = ["spin_hall", "magnetic_spin_hall"]
    return ws.compute(ws.models.get("rashba_exchange"), names, grid=(n, n, 1), mu=mu, temperature=2000, **options)


ONE, FINE = result(8), result(16)


wannier_spin = pytest.fixture(entry_point)


def test_two_meshes() -> None:
    found, notes = compared(ONE, FINE)
    assert [c.response for c in found] == ["spin_hall", "magnetic_spin_hall"]
    assert not notes
    for c in found:
        a, b = ONE[c.response], FINE[c.response]
        distance = np.abs(a.values - b.values)
        assert distance.max() > 0
        assert c.relative == pytest.approx(distance.max() / max(np.abs(a.values).max(), np.abs(b.values).max()))
        assert c.entries[0].value - c.entries[1].value == pytest.approx(
            distance.max() * np.sign(c.entries[0].value - c.entries[1].value)
        )
        assert c.words == ("agree within their bars" if c.in_bars <= 1 else "DIFFER by more than their bars")


def test_the_same() -> None:
    for c in compared(ONE, ONE)[0]:
        assert (c.relative, c.in_bars, c.words) == (0, 0, "the same")
        assert abs(c.entries[0].value) == np.abs(ONE[c.response].values).max() > 0  # the largest one is shown


def test_what_is_wrong_is_seen() -> None:
    tensor = FINE["spin_hall"]
    wrong = ws.ResultSet({**FINE, "spin_hall": tensor.at(combination={"L0": 1.5})}, FINE.facts)
    found, notes = compared(FINE, wrong)
    assert found[0].words == "DIFFER by more than their bars"
    assert "different blocks" in notes[0]


def test_common_points_units_and_tau() -> None:
    other = result(8, mu=[0.0, 0.25, 0.5], units="SI", tau=20.0)
    found, notes = compared(ONE, other)
    for c in found:
        assert list(c.tensors[1].mu) == [0.0, 0.5]
        assert c.relative < 1e-9
    assert any("tau of the second" in note for note in notes)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: result(4, mu=[0.1]), "no common mu"),
        (
            lambda: ws.compute(ws.models.get("rashba_exchange"), "edelstein", grid=(4, 4, 1), mu=0.0, temperature=900),
            "no response in common",
        ),
        (lambda: result(4, channel="charge"), "cannot be compared"),
    ],
)
def test_what_cannot_be_compared(other, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compared(ONE, other())


def test_nothing_and_nothing_are_the_same() -> None:
    """What vanishes on both sides has no size to be measured with."""
    tensor = ONE["spin_hall"]
    nothing = ws.ResultSet({"spin_hall": tensor.at(combination={"L0": 0.0})}, ONE.facts)
    (found,), _ = compared(nothing, nothing)
    assert (found.relative, found.in_bars, found.words) == (0, 0, "the same")


@pytest.mark.parametrize("place", [(0, 1), (2, 0), (1, 1)])
def test_where_they_are_furthest_apart(place: tuple[int, int]) -> None:
    """One number of several mu and temperatures is another."""
    names, how = ["spin_hall"], {"grid": (4, 4, 1), "mu": MU, "temperature": [1000, 2000]}
    a = ws.compute(ws.models.get("rashba_exchange"), names, **how)
    changed = {name: block.copy() for name, block in a["spin_hall"].blocks.items()}
    changed["L0"][place] *= 1.5
    b = ws.ResultSet({"spin_hall": replace(a["spin_hall"], blocks=changed)}, a.facts)
    (found,), _ = compared(a, b)
    assert (found.mu, found.temperature) == (MU[place[0]], (1000, 2000)[place[1]])
    largest = [np.abs(one["spin_hall"].values[place]).max() for one in (a, b)]
    assert sorted(abs(entry.value) for entry in found.entries) == pytest.approx(sorted(largest))
