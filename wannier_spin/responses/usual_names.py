"""What the field calls responses, where it is called otherwise here: for messages, and for the page of recipes."""

from __future__ import annotations

import re

from wannier_spin.tensors import Channel

USUAL_NAMES: dict[str, tuple[str, Channel]] = {  # without _effect, _conductivity, _current behind them
    "shc": ("spin_hall", "spin"),
    "she": ("spin_hall", "spin"),
    "spin_splitter": ("magnetic_spin_hall", "spin"),
    "rashba_edelstein": ("edelstein", "spin"),
    "inverse_spin_galvanic": ("edelstein", "spin"),
    "ohc": ("orbital_hall", "spin"),
    "ahc": ("spin_hall", "charge"),
    "ahe": ("spin_hall", "charge"),
    "anomalous_hall": ("spin_hall", "charge"),
    "anomalous_nernst": ("spin_nernst", "charge"),
    "charge": ("magnetic_spin_hall", "charge"),
    "electrical": ("magnetic_spin_hall", "charge"),
    "drude": ("magnetic_spin_hall", "charge"),
    "ohmic": ("magnetic_spin_hall", "charge"),
    "optical": ("ac_spin_current", "charge"),
    "nonlinear_drude": ("nonlinear_drude_spin_current", "charge"),
    "nonlinear_hall": ("nonlinear_extrinsic_spin_current", "charge"),
    "berry_curvature_dipole": ("nonlinear_extrinsic_spin_current", "charge"),
    "intrinsic_nonlinear_hall": ("nonlinear_intrinsic_spin_current", "charge"),
    "quantum_metric_dipole": ("nonlinear_intrinsic_spin_current", "charge"),
    "shift": ("shift_spin_current", "charge"),
    "injection": ("injection_spin_current", "charge"),
}


def called_here(name: str) -> str | None:
    """The name of a response and its channel, for what the field calls it; None where that is not known."""
    plain = re.sub(r"_(effect|conductivity|current)$", "", re.sub(r"[\W_]+", "_", name.strip().lower()))
    if plain not in USUAL_NAMES:
        return None
    response, channel = USUAL_NAMES[plain]
    return f"'{response}'" + (" with channel = 'charge'" if channel == "charge" else "")
