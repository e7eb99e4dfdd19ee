"""Electric current up to the electron's charge: the velocity, v^a. The observable of the charge channel."""

from wannier_spin.observables.registry import Observable, register
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
    )
)
