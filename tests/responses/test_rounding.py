"""What rounding does to responses: docs/theory.md, section 16; and no more, as no step of the program enlarges it.

Energies measured from a zero that is far away have large rounding errors: eps |H| of a matrix H + E0 is that of E0. Nothing else
changes, so that the results of a model and of the same model shifted by E0 differ by what rounding does with that |H|.
"""

from dataclasses import replace

import numpy as np
import pytest
from integrals.bars.test_hidden import sheet

from wannier_spin import compute, models
from wannier_spin.bloch import energies_at
from wannier_spin.units import BOLTZMANN

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
POINTS = 4
FAR = 1e4  # eV
NAMES = [
    *("magnetic_spin_hall", "edelstein", "spin_hall", "displacement_spin_current", "orbital_hall"),
    *("nonlinear_drude_spin_magnetization", "nonlinear_extrinsic_spin_magnetization", "nonlinear_intrinsic_spin_magnetization"),
    *("ac_spin_current", "injection_spin_magnetization", "shift_spin_magnetization"),
]
LARGEST_POWER = 6  # of 1/gap that eps |H| may meet: four of the density, two of the states


def shifted(model, energy):
    hamiltonian = model.hamiltonian_R.copy()
    hamiltonian[(model.R_vectors == 0).all(axis=1)] += energy * np.eye(hamiltonian.shape[-1])
    return replace(model, hamiltonian_R=hamiltonian)


def smallest_gap(model, degeneracy_tolerance=1e-6):
    """At the points of the mesh: middle and width."""
    axes = [np.arange(POINTS if periodic else 1) / POINTS for periodic in model.periodic]
    energies = energies_at(model, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
    gaps = np.diff(energies, axis=1)
    gaps[gaps < degeneracy_tolerance] = np.inf
    k, n = np.unravel_index(gaps.argmin(), gaps.shape)
    return energies[k, n : n + 2].mean(), gaps[k, n]


@pytest.mark.parametrize(
    ("model", "temperature"),
    [(models.random_model(n=4, seed=6), 300.0), (sheet(5e-4, (0.25, 0.25, 0)), 3000.0)],
    ids=["a narrow step of f", "a small gap"],
)
def test_no_more_than_the_gaps_and_the_temperature_demand(model, temperature):
    """6 n eps |H| (1/gap + 1/kT) of the largest value, for responses of every kind."""
    mu, gap = smallest_gap(model)
    grid = tuple(POINTS if periodic else 1 for periodic in model.periodic)
    settings = {"grid": grid, "temperature": temperature, "omega": 0.1, "broadening": 0.05}
    here = compute(model, NAMES, mu=mu, **settings)
    there = compute(shifted(model, FAR), NAMES, mu=mu + FAR, **settings)
    one = np.finfo(float).eps * FAR * (1 / gap + 1 / (BOLTZMANN * temperature))
    moved = {}
    for name, tensor in here.items():
        largest = np.abs(tensor.values).max()
        if largest > 1e-6:
            moved[name] = np.abs(there[name].values - tensor.values).max() / largest
    assert len(moved) > 3
    for name, change in moved.items():
        assert change < LARGEST_POWER * model.n_bands * one, (name, change / one)
    assert max(moved.values()) > one / 10  # it is rounding that moves them, by as much as it may
