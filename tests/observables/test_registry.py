"""What records of observables say, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from wannier_spin import InputError, band_geometry, models, observables
from wannier_spin.observables import OBSERVABLES, Effect, Observable
from wannier_spin.observables.registry import _enter, by_symbol, definitions, get, product
from wannier_spin.units import Measure

SPIN, VELOCITY = get("spin"), get("charge_current")
MODEL = models.random_model(n=3, seed=4)
K = np.random.default_rng(1).uniform(size=(2, 3))


@pytest.fixture
def registered():
    """The registry, which a test may add to."""
    kept = {name: dict(known) for name, known in OBSERVABLES.items()}
    yield OBSERVABLES
    OBSERVABLES.clear()
    OBSERVABLES.update(kept)


def observable(**changes):
    return replace(SPIN, **({"name": "mine", "symbol": "Y"} | changes))


def test_what_a_record_need_not_say():
    """No density that sites share, one of them, its derivative made with that of the velocity; an effect of no frequency."""
    plain = Observable(
        name="x", symbol="X", title="x", indices=("axial", "polar"), time_parity=1, measure=Measure(), matrix=None, derivative=None
    )
    assert (plain.local, plain.of_velocity, plain.n_sites, plain.n_components) == (False, True, 1, 9)
    assert replace(plain, n_sites=4).n_components == 36
    assert not Effect(name="x", title="x", law="X_ab = chi_abc E_c", equation="", tau_power=0, paper={}).dynamic


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "spin", "symbol": SPIN.symbol, "definition": SPIN.definition}, "'spin' is registered twice"),
        ({"symbol": SPIN.symbol}, f"the letter '{SPIN.symbol}' of 'mine' is that of 'spin'"),
        ({"name": "spin", "symbol": SPIN.symbol, "definition": "other", "time_parity": 1}, "differ in letter, indices or parity"),
        (
            {"name": "spin", "symbol": SPIN.symbol, "definition": "other", "indices": ("polar",)},
            "differ in letter, indices or parity",
        ),
        ({"name": "spin", "symbol": "Y", "definition": "other"}, "differ in letter, indices or parity"),
        ({"indices": ()}, "at least one index"),
        ({"time_parity": 0}, "time_parity"),
        ({"time_parity": 2}, "time_parity"),
    ],
)
def test_refused(registered, changes, words):
    before = {name: dict(known) for name, known in registered.items()}
    with pytest.raises(ValueError, match=words):
        _enter(observable(**changes))
    assert {name: dict(known) for name, known in registered.items()} == before


@pytest.mark.parametrize("parity", [1, -1])
def test_entered(registered, parity):
    _enter(observable(time_parity=parity))
    assert by_symbol("Y") is get("mine")
    _enter(observable(time_parity=parity, definition="other"))
    assert list(definitions("mine")) == [SPIN.definition, "other"]
    assert get("mine", "other").definition == "other"
    assert get("mine") is get("mine", SPIN.definition)


def test_what_is_not_there():
    with pytest.raises(InputError, match="unknown observable 'spn'; did you mean 'spin'"):
        get("spn")
    with pytest.raises(InputError, match="spin = 'other' is not available"):
        get("spin", "other")
    with pytest.raises(ValueError, match="no observable has the letter 'Q'"):
        by_symbol("Q")


def test_a_product_is_half_the_anticommutator():
    """{s^a, v^b}/2, a before b, with the derivative of both factors."""
    made = product(SPIN, VELOCITY, name="x", symbol="X", title="x", measure=Measure())
    assert (made.indices, made.time_parity, made.n_components) == (("axial", "polar"), 1, 9)
    assert product(SPIN, SPIN, name="x", symbol="X", title="x", measure=Measure()).time_parity == 1
    given = band_geometry(MODEL, K, derivatives=True)
    s, v, X = given.observable(SPIN), given.observable(VELOCITY), made.matrix(given)
    Ds, Dv, DX = (given.observable_derivative(one) for one in (SPIN, VELOCITY, made))
    assert np.abs(X).max() > 0.1
    for a in range(3):
        for b in range(3):
            one, other = s[:, a], v[:, b]
            assert X[:, 3 * a + b] == pytest.approx((one @ other + other @ one) / 2, abs=1e-12)
            for d in range(3):
                parts = [Ds[:, d, a] @ other, other @ Ds[:, d, a], one @ Dv[:, d, b], Dv[:, d, b] @ one]
                assert DX[:, d, 3 * a + b] == pytest.approx(sum(parts) / 2, abs=1e-10)


def test_needs_are_told_once():
    assert observables.registry.operators_of([SPIN, VELOCITY, SPIN]) == SPIN.needs
