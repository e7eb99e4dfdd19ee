"""Spin Hall conductivity of Pt: against postw90's file, and what the tolerance for equal distances does to it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cross_code.berri import model_of, system_from_files

from wannier_spin import TightBindingModel, compute, read_wannier90

pytestmark = [pytest.mark.cross_code, pytest.mark.slow]

FERMI = 22.4839
PER_CM = 0.01  # (hbar/e) S/m -> (hbar/e) S/cm


def test_postw90(example_inputs: Path) -> None:
    """sigma_xy;z at 20 Fermi energies on the same unshifted 30^3 mesh.

    postw90's 0.05 eV is no smearing of the occupation, which is a step for a Fermi scan (and `kubo_smr_type` is not
    used): it is eta in the denominators, (eps_n - eps_m)^2 -> (eps_n - eps_m)^2 + eta^2 (`berry_get_shc_klist`). Ours is
    then spin_hall plus displacement_spin_current at omega = 0 with broadening eta: 1/eps^2 (1 + l1), z = i eta.

    What is left are two differences of definition on a coarse (5^3) first-principles mesh:
      * the spin current: Qiao's, with matrix elements over states outside the Wannier space, here `simple`;
      * the position matrix: no phases of the centres and no minimal-distance replicas there.
    Known sizes: wannierberri against postw90 with the same spin current differ by 4.8 % of the maximum (12^3, each
    code's convention), and at E_F simple and ryoo, which has the same states as Qiao's, by 1 % (WANNIERBERRI.md, 4.3,
    4.4). That is the tolerance: 5 % of the maximum at any energy and 1 % at E_F
    (found: 3.3 % and 0.04 %).
    """
    theirs = np.loadtxt(example_inputs / "Pt" / "postw90" / "Pt-shc-fermiscan.dat")
    energies, reference = theirs[:, 1], theirs[:, 2]
    model = read_wannier90(example_inputs / "Pt")
    result = compute(
        model,
        ["spin_hall", "displacement_spin_current"],
        grid=(30, 30, 30),
        mu=energies,
        temperature=0,
        omega=[0.0],
        broadening=0.05,
        units="SI",
    )
    bare = result["spin_hall"].component("xy;z")[0][:, 0] * PER_CM
    ours = bare + result["displacement_spin_current"].component("xy;z")[0][:, 0, 0, 0] * PER_CM
    print("  E (eV)    eta = 0   eta = 0.05    postw90   difference  (hbar/e) S/cm")
    for row in zip(energies, bare, ours, reference, ours - reference, strict=True):
        print("{:8.4f} {:10.1f} {:12.1f} {:10.1f} {:12.1f}".format(*row))
    difference = np.abs(ours - reference)
    assert difference.max() < 0.05 * np.abs(reference).max()
    at_fermi = np.abs(energies - FERMI).argmin()
    assert difference[at_fermi] < 0.01 * reference[at_fermi]


def spin_hall_pair(model: TightBindingModel) -> np.ndarray:
    """sigma_xy;z and sigma_yx;z at E_F, kT = 0.05 eV, 24^3 shifted by half a spacing, (hbar/e) S/cm."""
    response = compute(
        model,
        "spin_hall",
        grid=(24, 24, 24),
        shift=(0.5, 0.5, 0.5),
        mu=FERMI,
        temperature=580.2,
        units="SI",
        degeneracy_tolerance=1e-4,
    )["spin_hall"]
    return np.array([response.component(name)[0][0, 0] for name in ("xy;z", "yx;z")]) * PER_CM


@pytest.mark.filterwarnings("ignore:.*closer than degeneracy_tolerance:wannier_spin.AccuracyWarning")
def test_equal_distances_must_be_tied(seeds: Callable[[str], Path], example_inputs: Path) -> None:
    """sigma_xy;z = -sigma_yx;z = 2185 with a tolerance of 5e-3 angstrom; 1284 and -1830 with wannierberri's default.

    The first pair does not depend on the degeneracy tolerance; on the unshifted mesh it is 2219, -2219. The second one
    does, for the pairs are split by up to 59 meV: 2131, -2176 with 1e-3 eV and 1115, -1932 with 1e-6 eV.
    """
    tied = spin_hall_pair(model_of(system_from_files(seeds("Pt"), 5e-3), "Pt"))
    random = spin_hall_pair(model_of(system_from_files(seeds("Pt"), 1e-5), "Pt"))
    ours = spin_hall_pair(read_wannier90(example_inputs / "Pt"))
    print("tolerance 5e-3:", tied, "1e-5:", random, "read_wannier90:", ours)
    np.testing.assert_allclose(tied, [2185, -2185], atol=2)
    np.testing.assert_allclose(random, [1284, -1830], atol=5)
    np.testing.assert_allclose(ours, tied, rtol=1e-6)
