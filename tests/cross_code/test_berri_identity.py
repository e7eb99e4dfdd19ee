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
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cross_code.berri import (
    EXACT,
    Both,
    densities,
    deviation,
    gap_energies,
    mesh_points,
    quietly,
    run,
    surface_scan,
    thermal,
)

from wannier_spin import band_geometry, compute
from wannier_spin.units import thermal_energy

pytestmark = pytest.mark.cross_code

MESH = (4, 3, 2)
TEMPERATURE = 1500.0  # K
LEVI_CIVITA = np.zeros((3, 3, 3))
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    LEVI_CIVITA[_i, _j, _k], LEVI_CIVITA[_i, _k, _j] = 1, -1
MU_B = 9.2740100783e-24 / 1e-20  # A m^2 / angstrom^2
INTERNAL = {"external_terms": False}


# Which real crystal has which tensor (on this mesh, which keeps P and T and breaks the rotations): P forbids the
# Edelstein effect and all second-order ones in Fe, T the Hall and Drude ones in GaAs, PT the Edelstein effect, the Hall
# effect and the Berry dipole in Mn2Au.
ALLOWED = {
    "scrambled Pt": ("edelstein", "ohmic", "hall", "berry_dipole", "nonlinear_drude", "spin_berry_dipole"),
    "Fe": ("ohmic", "hall"),
    "GaAs": ("edelstein", "ohmic", "berry_dipole"),
    "Mn2Au": ("ohmic", "nonlinear_drude", "spin_berry_dipole"),
}
LIMIT = 1e-8
# In degenerate groups their SpinOmega takes the imaginary part element by element, not the anti-Hermitian part, before
# it multiplies by v_NN: 1e-5 of the contribution of a point of Mn2Au with exact pairs (see `corrected_spin_omega`).
ELEMENTWISE_IMAGINARY_PART = 1e-6


@pytest.fixture(
    params=[
        pytest.param(("", 22.0), id="scrambled"),
        pytest.param(("Fe", 17.6048), id="Fe"),
        pytest.param(("GaAs", 8.0), id="GaAs"),
        pytest.param(("Mn2Au", 16.5032), id="Mn2Au", marks=pytest.mark.slow),
    ]
)
def case(request: pytest.FixtureRequest, material: Callable[[str], Both], asymmetric: Both) -> tuple[Both, Any, float]:
    """The model on both sides, 41 energies around E_F, and the largest difference allowed."""
    name, centre = request.param
    quantity = max((q for q in ALLOWED["scrambled Pt"] if q in request.node.originalname), key=len)
    if name and quantity not in ALLOWED[name]:
        pytest.skip(f"symmetry forbids it in {name}")
    both = material(name) if name else asymmetric
    energies = band_geometry(both.model, mesh_points(MESH), degeneracy_tolerance=EXACT).group_energies
    return both, gap_energies(energies, centre - 2.0, centre + 2.0, 41), LIMIT


def blocks(model: Any, response: str, mu: Any, T: float, *names: str, channel: str = "charge") -> Any:
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
        degeneracy_tolerance=EXACT,
    )[response]
    return result.at(combination=dict.fromkeys(names, 1.0)).values[:, 0]


def natural(model: Any, response: str, mu: Any, T: float, *names: str, channel: str) -> Any:
    """The same, hbar = e = 1."""
    result = compute(
        model,
        response,
        grid=MESH,
        mu=mu,
        temperature=T,
        channel=channel,
        blocks=names,
        degeneracy_tolerance=EXACT,
    )[response]
    return sum(result.blocks[name] for name in names)[:, 0]


def dipole(model: Any, mu: Any, channel: str) -> Any:
    """N1, (mu, flow, fields, [spin])."""
    return natural(model, "nonlinear_extrinsic_spin_current", mu, TEMPERATURE, "N1", channel=channel)


def rephased(model: Any, seed: int = 0) -> Any:
    """The same physics: Wannier functions times random phases."""
    phase = np.exp(2j * np.pi * np.random.default_rng(seed).random(model.n_bands))

    def turned(X: Any) -> Any:
        return None if X is None else np.einsum("n,m,Rnm...->Rnm...", phase.conj(), phase, X)

    parts = {name: turned(getattr(model, name)) for name in ("hamiltonian_R", "position_R", "spin_R")}
    return replace(model, **parts)


def limit(model: Any, ours: Callable[[Any], np.ndarray]) -> float:
    """Pairs of bands that are split by 1e-7 eV and more multiply rounding errors by 1/splitting^2, in either code.

    By how much is measured: other phases of the Wannier functions change nothing but the rounding.
    """
    expected = ours(model)
    return max(LIMIT, 5 * float(np.abs(ours(rephased(model)) - expected).max() / np.abs(expected).max()))


# --- linear ---------------------------------------------------------------------------------------------------------


def test_edelstein_sea(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static

    both, mu, _ = case
    theirs = run(both.system, MESH, {"x": static.GME_spin_FermiSea(Efermi=mu, degen_thresh=EXACT)}, tmp_path)["x"]
    ours = natural(both.model, "edelstein", mu, 0, "L1", "L1dir", channel="spin")
    report(case, "GME sea", 2 * MU_B * ours.swapaxes(1, 2), theirs)


def test_edelstein_surface(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, _ = case
    calculators = {
        "scan": static.GME_spin_FermiSurf(Efermi=mu, degen_thresh=EXACT),
        "thermal": thermal(covariant.VelSpin, mu, thermal_energy(TEMPERATURE), "surface"),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    ours = natural(both.model, "edelstein", mu, TEMPERATURE, "L1surf", channel="spin")
    report(case, "GME surface, thermal", 2 * ours.swapaxes(1, 2), theirs["thermal"])
    ours = -scan(both, mu, "L1surf", "spin")  # delta = -f'
    report(case, "GME surface, scan", 2 * MU_B * ours.swapaxes(1, 2), theirs["scan"])


def test_ohmic(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, _ = case
    calculators = {
        "sea": static.Ohmic_FermiSea(Efermi=mu, degen_thresh=EXACT),
        "scan": static.Ohmic_FermiSurf(Efermi=mu, degen_thresh=EXACT),
        "thermal": thermal(covariant.VelVel, mu, thermal_energy(TEMPERATURE), "surface"),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    sea = blocks(both.model, "magnetic_spin_hall", mu, 0, "L1", "L1dir")
    report(case, "Ohmic sea", sea, theirs["sea"])
    surface = natural(both.model, "magnetic_spin_hall", mu, TEMPERATURE, "L1surf", channel="charge")
    report(case, "Ohmic surface, thermal", surface, theirs["thermal"])
    surface = blocks(both.model, "magnetic_spin_hall", mu, TEMPERATURE, "L1surf")
    report(case, "Ohmic surface, SI", surface, -factor("ohmic") * theirs["thermal"])
    report(case, "Ohmic surface, scan", factor("ohmic") * scan(both, mu, "L1surf", "charge_current"), theirs["scan"])


def test_anomalous_hall_without_position_matrix(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static

    both, mu, _ = case
    calculator = static.AHC(Efermi=mu, degen_thresh=EXACT, kwargs_formula=INTERNAL)
    theirs = run(both.system, MESH, {"x": calculator}, tmp_path)["x"]
    ours = blocks(both.without_position(), "spin_hall", mu, 0, "L0")
    report(case, "AHC, internal", ours, np.einsum("abd,wd->wab", LEVI_CIVITA, theirs))


def test_anomalous_hall_with_position_matrix(case: Any, tmp_path: Path) -> None:
    """Their curvature has a part from outside the Wannier space, which no sum over Wannier bands can have."""
    from wannierberri.calculators import static

    both, mu, _ = case
    calculators = {
        "all": static.AHC(Efermi=mu, degen_thresh=EXACT),
        "outside": static.StaticCalculator(
            Efermi=mu, degen_thresh=EXACT, Formula=out_of_space_curvature(), fder=0, constant_factor=-factor("G0")
        ),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    ours = blocks(both.model, "spin_hall", mu, 0, "L0")
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

    both, mu, _ = case
    kT = thermal_energy(TEMPERATURE)
    calculators = {
        "scan": static.BerryDipole_FermiSurf(Efermi=mu, degen_thresh=EXACT, kwargs_formula=INTERNAL),
        "thermal": thermal(covariant.VelOmega, mu, kT, "surface", external_terms=False),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    model = both.without_position()
    ours, case = dipole(model, mu, "charge"), (both, mu, limit(model, lambda m: dipole(m, mu, "charge")))
    report(case, "Berry dipole, thermal", np.einsum("acd,wacb->wbd", LEVI_CIVITA, ours) / 2, theirs["thermal"])
    ours = scan(Both(model, both.system), mu, "N1", "charge_current")
    report(case, "Berry dipole, scan", np.einsum("acd,wacb->wbd", LEVI_CIVITA, ours) / 2, theirs["scan"])


def test_nonlinear_drude(case: Any, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, _ = case
    calculators = {
        "scan": static.NLDrude_FermiSurf(Efermi=mu, degen_thresh=EXACT),
        "thermal": thermal(covariant.MassVel, mu, thermal_energy(TEMPERATURE), "surface"),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    ours = blocks(both.model, "nonlinear_drude_spin_current", mu, TEMPERATURE, "N2", "N2dir")
    report(case, "nonlinear Drude, thermal", ours, factor("nldrude") * theirs["thermal"])
    ours = scan(both, mu, "N2", "charge_current") + scan(both, mu, "N2dir", "charge_current")
    report(case, "nonlinear Drude, scan", factor("nldrude") * ours, theirs["scan"])


@pytest.mark.parametrize("external_terms", [True, False], ids=["with position matrix", "without"])
def test_spin_berry_dipole(case: Any, external_terms: bool, tmp_path: Path) -> None:
    from wannierberri.calculators import static
    from wannierberri.formula import covariant

    both, mu, _ = case
    options = {"spin_current_type": "simple", "external_terms": external_terms}
    kT = thermal_energy(TEMPERATURE)
    calculators = {
        "scan": static.SpinBerryDipole_FermiSurf(Efermi=mu, degen_thresh=EXACT, kwargs_formula=options),
        "thermal": thermal(covariant.VelSpinOmega, mu, kT, "surface", **options),
        "corrected": thermal(corrected_spin_omega(), mu, kT, "surface", **options),
    }
    theirs = run(both.system, MESH, calculators, tmp_path)
    model = both.model if external_terms else both.without_position()
    ours, case = dipole(model, mu, "spin"), (both, mu, limit(model, lambda m: dipole(m, mu, "spin")))
    ours = 2 * ours.transpose(0, 3, 1, 2, 4)
    report(case, "spin Berry dipole, thermal, corrected", ours, theirs["corrected"])
    unchanged = (both, mu, ELEMENTWISE_IMAGINARY_PART if model.name == "Mn2Au" else case[2])
    report(unchanged, "spin Berry dipole, thermal", ours, theirs["thermal"])
    ours = scan(Both(model, both.system), mu, "N1", "spin_current")
    report(unchanged, "spin Berry dipole, scan", 2 * ours.transpose(0, 3, 1, 2, 4), theirs["scan"])


def corrected_spin_omega() -> Any:
    """Their v_NN Omega_NN with i(X - X^+) in place of the elementwise -2 Im X: the same traces, but covariant."""
    from wannierberri.formula import covariant
    from wannierberri.formula.formula import FormulaProduct

    class SpinOmega(covariant.SpinOmega):
        """Spin Berry curvature as a Hermitian matrix inside each group."""

        def nn(self, ik: int, inn: Any, out: Any) -> Any:
            v = self.D.ln(ik, inn, out) - (1j * self.A.ln(ik, inn, out) if self.external_terms else 0)
            j = self.J.nl(ik, inn, out) * self.dEinv.nl(ik, inn, out)[:, :, None, None]
            X = np.einsum("mlas,lnb->mnabs", j, v)
            return 1j * (X - X.swapaxes(0, 1).conj())

    class VelSpinOmega(FormulaProduct):
        """v_NN Omega_NN."""

        def __init__(self, data_K: Any, **options: Any) -> None:
            super().__init__([data_K.covariant("Ham", commader=1), SpinOmega(data_K, **options)])

    return VelSpinOmega


# --- their Fermi-sea forms of second order ---------------------------------------------------------------------------
#
# On a mesh sea and surface forms differ by the discretization error of an integration by parts, so they are held
# against each other at single k-points: their integrand, traced over the lowest N bands below a gap, is the k derivative
# of ours, traced over the same bands. The derivative is a central difference of eighth order.


def test_second_order_sea_integrands(asymmetric: Both) -> None:
    """NLDrude_FermiSea (Der3E) = d_d of -(L1 + L1dir), BerryDipole_FermiSea (DerOmega) = d_d of L0, N bands each."""
    import wannierberri as wb
    from wannierberri.formula import covariant

    k, bands = isolated(asymmetric)
    formulas = {"mass": covariant.Der3E, "curvature": covariant.DerOmega, "spin": covariant.DerSpinOmegaSimple}
    internal = dict.fromkeys(("curvature", "spin"), INTERNAL)
    with quietly():
        theirs = wb.evaluate_k(
            asymmetric.system, k=k, formula=formulas, param_formula=internal, iband=np.arange(bands), parameters_K={}
        )
    theirs = {name: np.einsum("nn...->...", value).real for name, value in theirs.items()}
    model = asymmetric.without_position()

    def traced(block: str, observable: str) -> np.ndarray:
        """d_d of the trace over the bands of our density, d last."""
        return derivative(model, k, lambda at: densities(model, at, block, observable)[1][:, :bands].sum(axis=1))

    mass = -(traced("L1", "charge_current") + traced("L1dir", "charge_current"))
    curvature = np.einsum("acd,acb->db", LEVI_CIVITA, traced("L0", "charge_current")) / 2
    spin = 2 * traced("L0", "spin_current")
    for name, ours in (("mass", mass), ("curvature", curvature), ("spin", spin)):
        found = deviation(ours, theirs[name])
        print(f"sea integrand, {name}: {found:.1e}")
        assert found < LIMIT


def isolated(both: Both) -> tuple[np.ndarray, int]:
    """A k-point off all symmetry, and a number of bands that are well below the next one."""
    k = np.array([0.137, 0.291, 0.418])
    energies = band_geometry(both.model, k).energies[0]
    return k, int(np.diff(energies)[7:14].argmax()) + 8


def derivative(model: Any, k: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Gradient of function(k (nk, 3) reduced) -> (nk, tensor), Cartesian, by eighth-order central differences."""
    weights = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])
    step = 4e-3  # 1/angstrom
    offsets = np.arange(-4, 5)[:, None, None] * step * np.eye(3)  # (9, d, 3), Cartesian
    points = k + offsets.reshape(-1, 3) @ model.lattice.T / (2 * np.pi)
    values = function(points)
    return np.tensordot(weights, values.reshape(9, 3, *values.shape[1:]), axes=(0, 0)).transpose(*range(1, values.ndim), 0) / step


def scan(both: Both, mu: np.ndarray, block: str, observable: str) -> np.ndarray:
    """Our density of a surface block with delta functions as theirs."""
    energies, X = densities(both.model, mesh_points(MESH), block, observable)
    return surface_scan(energies, X, mu, abs(np.linalg.det(both.model.lattice)))


def factor(name: str) -> float:
    """Their factors, written down again from docs/theory.md, section 6, for tau = 1 fs."""
    G0, tau = 2.434134807664281e-4, 1e-15 / 6.582119569509067e-16
    return {"G0": G0 * 1e10, "ohmic": G0 * 1e10 * tau, "nldrude": G0 * tau**2}[name]


def report(case: Any, what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Print the difference (pytest -rP shows it) and hold it against the limit."""
    found = deviation(ours, theirs)
    print(f"{case[0].model.name}: {what}: {found:.1e}")
    assert found < case[2]
