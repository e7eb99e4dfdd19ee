"""Electric current up to the electron's charge: the velocity, v^a. The observable of the charge channel."""

from wannier_spin.observables.registry import Observable, product, register
from wannier_spin.units import Measure

CHARGE_CURRENT = register(
    Observable(
        name="charge_current",
        symbol="I",
        title="electric current",
        indices=("polar",),
        time_parity=-1,
        measure=Measure(length=1, rate=1, charge=-1.0),
        matrix=lambda g: g.velocity,
        derivative=lambda g: g.velocity_derivative,
        slope=lambda g: g.velocity_slope,
    )
)


def flow(
    observable: Observable, *, name: str, symbol: str, title: str, definition: str = "", meaning: str = "", unit: str = "(hbar/e)"
) -> Observable:
    """{v^a, O}/2 of an observable O. unit : of O times that of a number's current, here of O in hbar."""
    counted = observable.measure
    measure = Measure(length=counted.length + 1, rate=counted.rate + 1, unit=unit)
    words = {"name": name, "symbol": symbol, "title": title, "definition": definition, "meaning": meaning}
    return product(CHARGE_CURRENT, observable, **words, measure=measure)
