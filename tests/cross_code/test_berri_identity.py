"""Fermi-sea and Fermi-surface responses against wannierberri: charge channel, Edelstein effect, spin Berry dipole.

The model is `asymmetric`: Pt with random matrices added, so that nothing vanishes and no bands are degenerate; where
WANNIER_SPIN_MATERIALS is set also the real crystals, on meshes that break their symmetry. The same mesh on both sides.

What is compared, and why it is exact:

    sea       ours at T = 0 against their static calculator, unchanged (a step for f)
    thermal   ours at T > 0, through `compute`, against their formula summed with the exact f or f' (`berri.thermal`):
              their surface calculators have no temperature
    scan      our density per band, put into the bins of their fder=1 finite difference (`berri.surface_scan`), against
              their surface calculator, unchanged, with its factor

Factors (ours -> theirs; fder=1 is a derivative with respect to mu, so delta(eps - mu) = -f'):

    GME_spin_FermiSea[a,s]        = 2 mu_B/A^2 (L1 + L1dir)[s,a]   O = sigma/2;  K = -mu_B int d_a <sigma_s> f
    GME_spin_FermiSurf[a,s]       = 2 mu_B/A^2 L1surf[s,a]                       K = mu_B int v_a <sigma_s> f'
    Ohmic_FermiSea, _FermiSurf    = L1 + L1dir, L1surf        in S/m for tau = 1 fs: equal to units="SI", tau=1
    AHC: e_abd O_d                = L0[a,b]                   equal to units="SI"; see `out_of_space_curvature`
    BerryDipole_FermiSurf[b,d]    = e_dca N1[a,c,b]/2         with the antisymmetric part in a, c
    NLDrude_FermiSurf[a,b,d]      = (N2 + N2dir)[a,b,d]       in A/V^2 for tau = 1 fs: equal to units="SI", tau=1
    SpinBerryDipole_FermiSurf[d,a,b,s] = -2 N1[a,b,d,s]       J = {v, sigma}/2 = 2 v^{a;s}, and delta = -f'
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cross_code.berri import (
    EXACT,
    PAIRS,
    Both,
    densities,
    deviation,
    gap_energies,
    mesh_points,
    run,
    surface_scan,
    thermal,
)

from wannier_spin import band_geometry, compute
from wannier_spin.units import thermal_energy

pytestmark = pytest.mark.cross_code

MESH = (6, 5, 4)
TEMPERATURE = 1500.0  # K
LEVI_CIVITA = np.zeros((3, 3, 3))
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    LEVI_CIVITA[_i, _j, _k], LEVI_CIVITA[_i, _k, _j] = 1, -1
MU_B = 9.2740100783e-24 / 1e-20  # A m^2 / angstrom^2
INTERNAL = {"external_terms": False}


@pytest.fixture(
    params=[
        pytest.param(("", 22.0, EXACT), id="scrambled"),
        pytest.param(("Fe", 17.6048, EXACT), id="Fe"),
        pytest.param(("GaAs", 8.0, PAIRS), id="GaAs"),
        pytest.param(("Mn2Au", 16.5032, PAIRS), id="Mn2Au"),
    ]
)
def case(request: pytest.FixtureRequest, material: Callable[[str], Both], asymmetric: Both) -> tuple[Both, Any, float]:
    """The model on both sides, 41 energies around E_F, and the degeneracy tolerance."""
    name, centre, tolerance = request.param
    both = material(name) if name else asymmetric
    energies = band_geometry(both.model, mesh_points(MESH), degeneracy_tolerance=tolerance).block_energies
    return both, gap_energies(energies, centre - 2.0, centre + 2.0, 41), tolerance


def blocks(model: Any, response: str, mu: Any, T: float, tolerance: float, *names: str, channel: str = "charge") -> Any:
    """Sum of stored blocks in SI with tau = 1 fs: (mu, tensor)."""
    result = compute(
        model,
        response,
        grid=MESH,
        mu=mu,
        temperature=T,
        tau=1.0,
        units="SI",
        channel=channel,
        blocks=names,
        degeneracy_tolerance=tolerance,
    )[response]
    return result.at(combination=dict.fromkeys(names, 1.0)).values[:, 0]


def natural(model: Any, response: str, mu: Any, T: float, tolerance: float, *names: str, channel: str) -> Any:
    """The same, hbar = e = 1."""
    result = compute(
        model,
        response,
        grid=MESH,
        mu=mu,
        temperature=T,
        channel=channel,
        blocks=names,
        degeneracy_tolerance=tolerance,
    )[response]
    return sum(result.blocks[name] for name in names)[:, 0]


# --- linear ---------------------------------------------------------------------------------------------------------


def test_edelstein_sea(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static

    both, mu, tolerance = case
    theirs = run(both.system, MESH, {"x": static.GME_spin_FermiSea(Efermi=mu, degen_thresh=tolerance)}, tmp_path)["x"]
    ours = natural(both.model, "edelstein", mu, 0, tolerance, "L1", "L1dir", channel="spin")
    report(case, "GME sea", 2 * MU_B * ours.swapaxes(1, 2), theirs * 1e20 * 1e-20)


def test_edelstein_surface(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, tolerance = case
    calculators = {
        "scan": static.GME_spin_FermiSurf(Efermi=mu, degen_thresh=tolerance),
        "thermal": thermal(covariant.VelSpin, mu, thermal_energy(TEMPERATURE), "surface", tolerance),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    ours = natural(both.model, "edelstein", mu, TEMPERATURE, tolerance, "L1surf", channel="spin")
    report(case, "GME surface, thermal", 2 * ours.swapaxes(1, 2), theirs["thermal"])
    ours = -scan(both, mu, "L1surf", "spin", tolerance)  # delta = -f'
    report(case, "GME surface, scan", 2 * MU_B * ours.swapaxes(1, 2), theirs["scan"])


def test_ohmic(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, tolerance = case
    calculators = {
        "sea": static.Ohmic_FermiSea(Efermi=mu, degen_thresh=tolerance),
        "scan": static.Ohmic_FermiSurf(Efermi=mu, degen_thresh=tolerance),
        "thermal": thermal(covariant.VelVel, mu, thermal_energy(TEMPERATURE), "surface", tolerance),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    sea = blocks(both.model, "magnetic_spin_hall", mu, 0, tolerance, "L1", "L1dir")
    report(case, "Ohmic sea", sea, theirs["sea"])
    surface = natural(both.model, "magnetic_spin_hall", mu, TEMPERATURE, tolerance, "L1surf", channel="charge")
    report(case, "Ohmic surface, thermal", surface, theirs["thermal"])
    surface = blocks(both.model, "magnetic_spin_hall", mu, TEMPERATURE, tolerance, "L1surf")
    report(case, "Ohmic surface, SI", surface, -factor("ohmic") * theirs["thermal"])
    report(case, "Ohmic surface, scan", factor("ohmic") * scan(both, mu, "L1surf", "charge_current", tolerance), theirs["scan"])


def test_anomalous_hall_without_position_matrix(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static

    both, mu, tolerance = case
    calculator = static.AHC(Efermi=mu, degen_thresh=tolerance, kwargs_formula=INTERNAL)
    theirs = run(both.system, MESH, {"x": calculator}, tmp_path)["x"]
    ours = blocks(both.without_position(), "spin_hall", mu, 0, tolerance, "L0")
    report(case, "AHC, internal", ours, np.einsum("abd,wd->wab", LEVI_CIVITA, theirs))


def test_anomalous_hall_with_position_matrix(case: Any, tmp_path: Path) -> None:
    """Their curvature has a part from outside the Wannier space, which no sum over Wannier bands can have."""
    from wannierberri.calculators import static

    both, mu, tolerance = case
    calculators = {
        "all": static.AHC(Efermi=mu, degen_thresh=tolerance),
        "outside": static.StaticCalculator(
            Efermi=mu, degen_thresh=tolerance, Formula=out_of_space_curvature(), fder=0, constant_factor=-factor("G0")
        ),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    ours = blocks(both.model, "spin_hall", mu, 0, tolerance, "L0")
    print("out-of-space part of the AHC:", np.abs(theirs["outside"]).max() / np.abs(theirs["all"]).max())
    report(case, "AHC, all", ours, np.einsum("abd,wd->wab", LEVI_CIVITA, theirs["all"] - theirs["outside"]))


def out_of_space_curvature() -> Any:
    """Formula of curl A - i A x A, traced over a group: A_nl A_ln summed over all Wannier functions l.

    Completing the square in (D - iA)_nl (D - iA)_ln, which is the sum over Wannier bands, leaves this part of their
    curvature (Wang, Yates, Souza, Vanderbilt, PRB 74, 195118 (2006), eq. 32).
    """
    from wannierberri.formula.formula import Formula_ln
    from wannierberri.symmetry.point_symmetry import transform_ident, transform_odd

    class OutOfSpace(Formula_ln):
        """curl A - i A x A."""

        def __init__(self, data_K: Any, **parameters: Any) -> None:
            super().__init__(data_K, **parameters)
            self.A, self.O = data_K.covariant("AA"), data_K.covariant("rotAA")
            self.ndim, self.transformTR, self.transformInv = 1, transform_odd, transform_ident

        def nn(self, ik: int, inn: Any, out: Any) -> Any:
            A = np.concatenate([self.A.nn(ik, inn, out), self.A.ln(ik, inn, out)])
            product = np.einsum("lma,lnb->mnab", A.conj(), A)
            cross = np.einsum("abd,mnab->mnd", LEVI_CIVITA, product) / 2
            half = self.O.nn(ik, inn, out) / 2 - 1j * cross
            return half + half.swapaxes(0, 1).conj()

        def ln(self, ik: int, inn: Any, out: Any) -> Any:
            raise NotImplementedError

    return OutOfSpace


# --- second order ---------------------------------------------------------------------------------------------------


def test_berry_dipole(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, tolerance = case
    kT = thermal_energy(TEMPERATURE)
    calculators = {
        "scan": static.BerryDipole_FermiSurf(Efermi=mu, degen_thresh=tolerance, kwargs_formula=INTERNAL),
        "thermal": thermal(covariant.VelOmega, mu, kT, "surface", tolerance, external_terms=False),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    model = both.without_position()
    ours = natural(model, "nonlinear_extrinsic_spin_current", mu, TEMPERATURE, tolerance, "N1", channel="charge")
    report(case, "Berry dipole, thermal", np.einsum("acd,wacb->wbd", LEVI_CIVITA, ours) / 2, theirs["thermal"])
    ours = scan(Both(model, both.system), mu, "N1", "charge_current", tolerance)
    report(case, "Berry dipole, scan", np.einsum("acd,wacb->wbd", LEVI_CIVITA, ours) / 2, theirs["scan"])


def test_nonlinear_drude(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, tolerance = case
    calculators = {
        "scan": static.NLDrude_FermiSurf(Efermi=mu, degen_thresh=tolerance),
        "thermal": thermal(covariant.MassVel, mu, thermal_energy(TEMPERATURE), "surface", tolerance),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    ours = blocks(both.model, "nonlinear_drude_spin_current", mu, TEMPERATURE, tolerance, "N2", "N2dir")
    report(case, "nonlinear Drude, thermal", ours, factor("nldrude") * theirs["thermal"])
    ours = scan(both, mu, "N2", "charge_current", tolerance) + scan(both, mu, "N2dir", "charge_current", tolerance)
    report(case, "nonlinear Drude, scan", factor("nldrude") * ours, theirs["scan"])


@pytest.mark.parametrize("external_terms", [True, False], ids=["with position matrix", "without"])
def test_spin_berry_dipole(case: Any, external_terms: bool, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, tolerance = case
    options = {"spin_current_type": "simple", "external_terms": external_terms}
    calculators = {
        "scan": static.SpinBerryDipole_FermiSurf(Efermi=mu, degen_thresh=tolerance, kwargs_formula=options),
        "thermal": thermal(covariant.VelSpinOmega, mu, thermal_energy(TEMPERATURE), "surface", tolerance, **options),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    model = both.model if external_terms else both.without_position()
    ours = natural(model, "nonlinear_extrinsic_spin_current", mu, TEMPERATURE, tolerance, "N1", channel="spin")
    report(case, "spin Berry dipole, thermal", 2 * ours.transpose(0, 3, 1, 2, 4), theirs["thermal"])
    ours = scan(Both(model, both.system), mu, "N1", "spin_current", tolerance)
    report(case, "spin Berry dipole, scan", 2 * ours.transpose(0, 3, 1, 2, 4), theirs["scan"])


def scan(both: Both, mu: np.ndarray, block: str, observable: str, tolerance: float) -> np.ndarray:
    """Our density of a surface block with delta functions as theirs."""
    energies, X = densities(both.model, mesh_points(MESH), block, observable, tolerance)
    return surface_scan(energies, X, mu, abs(np.linalg.det(both.model.lattice)))


def factor(name: str) -> float:
    """Their factors, written down again from PHYSICS.md, section 6, for tau = 1 fs."""
    G0, tau = 2.434134807664281e-4, 1e-15 / 6.582119569509067e-16
    return {"G0": G0 * 1e10, "ohmic": G0 * 1e10 * tau, "nldrude": G0 * tau**2}[name]


def report(case: Any, what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Print the difference (pytest -rP shows it) and hold it against 1e-8."""
    found = deviation(ours, theirs)
    print(f"{case[0].model.name}: {what}: {found:.1e}")
    assert found < 1e-8
