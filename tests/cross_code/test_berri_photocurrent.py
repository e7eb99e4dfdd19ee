"""Shift and injection currents of the charge, against wannierberri's, resonant parts with the same Lorentzian.

Their fields are E(t) = E exp(-iwt) + c.c., half of ours in amplitude, and their responses are J = 2 sigma E E*: twice our numbers.
Their shift current has the opposite sign. Both signs of ours follow from one equation of motion (tests/responses/
test_photocurrent.py), which a propagation in real time confirms; -e^3 belongs to electrons in both.

Position matrices are left out (external_terms=False): in a Wannier space of few functions the components of r do not commute, and
then the derivative r_;a of theirs and D_d r^a of ours are not the same thing.
"""

import numpy as np
import pytest
from cross_code import berri

from wannier_spin import compute
from wannier_spin.units import BOLTZMANN

pytest.importorskip("wannierberri")
pytestmark = [
    pytest.mark.cross_code,
    pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning"),  # coarse mesh: both codes have the same
]
MESH, MU, T, ETA, OMEGA = (3, 3, 3), 22.0, 300.0, 0.3, np.array([1.0, 3.0])


@pytest.fixture(scope="module")
def theirs(asymmetric, tmp_path_factory):
    with berri.quietly():
        from wannierberri.calculators.dynamic import InjectionCurrent, ShiftCurrent

        options = {"Efermi": np.array([MU]), "omega": OMEGA, "kBT": T * BOLTZMANN, "smr_fixed_width": ETA}
        options |= {"kwargs_formula": {"external_terms": False}}
        calculators = {"shift": ShiftCurrent(sc_eta=1e-9, **options), "injection": InjectionCurrent(**options)}
    return berri.run(asymmetric.system, MESH, calculators, tmp_path_factory.mktemp("light"))


@pytest.fixture(scope="module")
def ours(asymmetric):
    return compute(
        asymmetric.without_position(),
        ["shift_spin_current", "injection_spin_current"],
        channel="charge",
        grid=MESH,
        mu=MU,
        temperature=T,
        omega=OMEGA,
        broadening=ETA,
        degeneracy_tolerance=berri.EXACT,
        units="SI",
        tau=1.0,
    )


def part(result, name, block, which):
    """One block: (omega, a, b, d)."""
    return result[name].at(combination={block: 1}).values[0, 0, :, which]


def assert_same(found, expected):
    assert np.abs(expected).max() > 1e-9
    assert np.abs(found - expected).max() < 1e-8 * np.abs(expected).max()  # their constants of nature have nine digits


def test_shift_current(ours, theirs):
    """The linear part of SH2."""
    assert_same(-2 * part(ours, "shift_spin_current", "SH2", 0), theirs["shift"][0])


def test_injection_current(ours, theirs):
    """Real part: linear part of INJ2; imaginary part: circular part of INJ1, for the other sense of rotation."""
    assert_same(2 * part(ours, "injection_spin_current", "INJ2", 0), theirs["injection"][0].real)
    assert_same(-2 * part(ours, "injection_spin_current", "INJ1", 1), theirs["injection"][0].imag)
