"""Spin density, sigma^c/2."""

from wannier_spin.observables.registry import Observable, register
from wannier_spin.units import Measure

SPIN = register(
    Observable(
        name="spin",
        symbol="M",
        title="spin density",
        indices=("axial",),
        time_parity=-1,
        measure=Measure(unit="<sigma/2>", magnetons=-2.0),
        matrix=lambda g: 0.5 * g.operator("spin"),
        derivative=lambda g: 0.5 * g.operator_derivative("spin"),
        derivative_diagonal=lambda g: 0.5 * g.operator_derivative_diagonal("spin"),
        slope=lambda g: 0.5 * g.operator_slope("spin"),
        needs=("spin",),
        local=True,
        of_velocity=False,
    )
)
