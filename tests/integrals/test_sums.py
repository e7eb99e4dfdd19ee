"""What is said of sums that are not finite: where it happened, never a sum of it."""

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.integrals.plan import Plan
from wannier_spin.integrals.selection import Selection
from wannier_spin.integrals.sums import not_finite

K = np.array([[0.0, 0.0, 0.0], [0.25, 0.125, 0.0]])
ENERGIES = np.array([[0.0, 1.0, 2.0], [0.1, 0.4, 0.4003]])


def test_names_the_point_and_the_band():
    densities = np.ones((2, 3, 4))
    densities[1, 2, 3] = np.nan
    message = str(not_finite(K, ENERGIES, densities))
    assert "k = (0.25, 0.125, 0), band 3 (0.4003 eV)" in message
    assert "0.0003 eV away" in message


def test_infinite_slope():
    assert "at 0 K a band without slope at mu" in str(not_finite(K, ENERGIES, np.ones((2, 3, 1))))


@pytest.mark.parametrize("how", [{"grid": (6, 6, 1)}, {"tolerance": 1e-1}])
def test_meshes_and_boxes_refuse(monkeypatch, how):
    """A density that is not a number at one state of one point."""

    def spoil(owner):
        original = owner.densities

        def spoiled(self, *args):
            sea, surface = original(self, *args)
            sea[-1, 1] = np.inf
            return sea, surface

        monkeypatch.setattr(owner, "densities", spoiled)

    for owner in (Plan, Selection):
        spoil(owner)
    with pytest.raises(InputError, match="not a finite number at k = .* band 2 "):
        ws.compute(ws.models.rashba_exchange(), "spin_hall", mu=0.0, temperature=300, **how)
