"""Spin Hall conductivity, equilibrium spin and input matrices against wannierberri, same R-space model, same mesh."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cross_code.berri import (
    EXACT,
    PAIRS,
    WS_TOLERANCE,
    Both,
    deviation,
    gap_energies,
    mesh_points,
    run,
    width_over_gap,
)

from wannier_spin import TightBindingModel, band_geometry, compute, read_wannier90
from wannier_spin.units import BOLTZMANN

pytestmark = pytest.mark.cross_code

MATERIALS = [
    pytest.param("Pt", 22.4839, (10, 10, 10), id="Pt"),
    pytest.param("Fe", 17.6048, (8, 8, 8), id="Fe"),
    pytest.param("GaAs", 9.0, (8, 8, 8), id="GaAs"),
    pytest.param("Mn2Au", 16.5032, (4, 4, 4), id="Mn2Au"),
]


def scan(both: Both, mesh: tuple[int, int, int], centre: float) -> np.ndarray:
    energies = band_geometry(both.model, mesh_points(mesh), degeneracy_tolerance=PAIRS).group_energies
    return gap_energies(energies, centre - 3.0, centre + 3.0, 61)


@pytest.mark.parametrize(("name", "fermi", "mesh"), MATERIALS)
def test_reader_and_their_own_reader_give_the_same_matrices(
    name: str, fermi: float, mesh: tuple[int, int, int], seeds: Callable[[str], Path], material: Callable[[str], Both]
) -> None:
    """read_wannier90 parses the files itself and hands arrays to wannierberri; here wannierberri reads the files.

    Which replicas share an element is decided by each code (they round differently, so that ties close to the tolerance
    differ: Mn2Au, distances 4.7e-3 angstrom apart). The sums over replicas do not depend on that.
    """
    theirs = material(name).model
    ours = read_wannier90(seeds(name), ws_distance_tolerance=WS_TOLERANCE)
    n = [int(i) for i in ours.source["mesh"].split()]
    for key in ("hamiltonian_R", "spin_R", "position_R"):
        assert deviation(fold(ours, key, n), fold(theirs, key, n)) < 1e-12, key


def fold(model: TightBindingModel, key: str, mesh: list[int]) -> np.ndarray:
    """Sum over all R that are equal modulo the mesh of the first-principles run."""
    cells = np.ravel_multi_index(tuple((model.R_vectors % mesh).T), mesh)
    value = getattr(model, key)
    folded = np.zeros((int(np.prod(mesh)), *value.shape[1:]), complex)
    np.add.at(folded, cells, value)
    return folded


@pytest.mark.parametrize(("name", "fermi", "mesh"), MATERIALS)
@pytest.mark.parametrize("external_terms", [True, False], ids=["with position matrix", "without"])
def test_spin_hall(
    name: str,
    fermi: float,
    mesh: tuple[int, int, int],
    external_terms: bool,
    material: Callable[[str], Both],
    tmp_path: Path,
) -> None:
    """static.SHC, simple: all 27 components at 61 energies; theirs in (hbar/e) S/m, step occupation.

    Theirs: J = {v, sigma}/2 and a factor 1/2 outside; ours v^{a;c} = {v, sigma}/4; so no factor is left. "External
    terms" are i[H, A] in the velocity, both in J and in v: our v always has them, unless r is diagonal.
    """
    from wannierberri.calculators import static

    both = material(name)
    mu = scan(both, mesh, fermi)
    calculator = static.SHC(
        Efermi=mu,
        degen_thresh=PAIRS,
        kwargs_formula={"spin_current_type": "simple", "external_terms": external_terms},
    )
    theirs = run(both.system, mesh, {"shc": calculator}, tmp_path)["shc"]
    model = both.model if external_terms else both.without_position()
    ours = compute(model, "spin_hall", grid=mesh, mu=mu, temperature=0, units="SI", degeneracy_tolerance=PAIRS)
    difference = np.abs(ours["spin_hall"].values[:, 0] - theirs).max(axis=(1, 2, 3)) / np.abs(theirs).max()
    definition = 2 * width_over_gap(band_geometry(model, mesh_points(mesh), degeneracy_tolerance=PAIRS), mu)
    print(name, "spin Hall: worst and median difference", difference.max(), np.median(difference))
    assert (difference < 1e-8 + definition).all()


def test_spin_hall_without_symmetry(asymmetric: Both, tmp_path: Path) -> None:
    """The same with nothing vanishing by symmetry."""
    from wannierberri.calculators import static

    mesh = (6, 5, 4)
    mu = scan(asymmetric, mesh, 22.0)
    calculator = static.SHC(Efermi=mu, degen_thresh=EXACT, kwargs_formula={"spin_current_type": "simple"})
    theirs = run(asymmetric.system, mesh, {"shc": calculator}, tmp_path)["shc"]
    ours = compute(asymmetric.model, "spin_hall", grid=mesh, mu=mu, temperature=0, units="SI", degeneracy_tolerance=EXACT)[
        "spin_hall"
    ].values[:, 0]
    assert (np.abs(theirs).max(axis=0) > 1e-3 * np.abs(theirs).max()).all()
    assert deviation(ours, theirs) < 1e-8


@pytest.mark.parametrize(("name", "fermi", "mesh"), MATERIALS[1:2])
def test_equilibrium_spin(
    name: str, fermi: float, mesh: tuple[int, int, int], material: Callable[[str], Both], tmp_path: Path
) -> None:
    """static.Spin: sum of <sigma> over the states up to Efermi, per cell."""
    check_spin(material(name), fermi, mesh, tmp_path)


def test_equilibrium_spin_without_symmetry(asymmetric: Both, tmp_path: Path) -> None:
    check_spin(asymmetric, 22.0, (6, 5, 4), tmp_path)


def check_spin(both: Both, fermi: float, mesh: tuple[int, int, int], folder: Path) -> None:
    from wannierberri.calculators import static

    mu = scan(both, mesh, fermi)
    theirs = run(both.system, mesh, {"spin": static.Spin(Efermi=mu, degen_thresh=EXACT)}, folder)["spin"]
    g = band_geometry(both.model, mesh_points(mesh), degeneracy_tolerance=EXACT)
    spin = np.einsum("kcnn->knc", g.spin_matrices).real
    occupied = g.energies[None] < mu[:, None, None]
    ours = np.einsum("wkn,knc->wc", occupied, spin) / len(g.energies)
    assert deviation(ours, theirs) < 1e-8


def test_spin_hall_at_finite_frequency(asymmetric: Both, tmp_path: Path) -> None:
    """dynamic.SHC, simple, complex, with a broadening: the blocks L0 + AC1 of ac_spin_current.

    Theirs is the part even under time reversal, 2 Im[v O]/(eps^2 - z^2) with z = omega + i eta, as postw90's; the other
    half (AC2, the spin metric, and the Drude term) has no counterpart in either code.

    postw90's scan of GaAs (12^3, eta = 0.05 eV) is the same quantity with another spin current, and cannot be compared: Qiao's
    operator, as it is coded there, keeps V/dE between states closer than 1e-4 eV, and reaches 11600 (hbar/e) S/cm where `simple`
    on the same mesh stays below 1100 (-162 against -65 at omega = 0).
    """
    from wannierberri import calculators

    omega, mesh, mu, kT = np.array([0.0, 0.3, 1.1, 2.0, 4.5]), (4, 4, 4), 22.4839, 0.05
    theirs = calculators.dynamic.SHC(
        SHC_type="simple",
        Efermi=np.array([mu]),
        omega=omega,
        kBT=kT,
        smr_fixed_width=0.05,
        smr_type="Lorentzian",
    )
    expected = run(asymmetric.system, mesh, {"x": theirs}, tmp_path)["x"][0]
    options = {"grid": mesh, "mu": mu, "temperature": kT / BOLTZMANN, "omega": omega, "broadening": 0.05, "units": "SI"}
    names = ["ac_spin_current", "spin_hall", "displacement_spin_current"]
    found = compute(asymmetric.model, names, degeneracy_tolerance=EXACT, **options)
    cosine, sine = np.moveaxis(found["ac_spin_current"].at(combination={"L0": 1, "AC1": 1}).values[0, 0], 1, 0)
    complete = cosine + 1j * sine
    assert np.abs(complete.imag).max() > 0.01 * np.abs(complete.real).max()
    assert deviation(complete, expected) < 1e-8
    cosine, sine = np.moveaxis(found["displacement_spin_current"].at(combination={"AC1": 1}).values[0, 0], 1, 0)
    assert deviation(found["spin_hall"].values[0, 0] + cosine + 1j * sine, expected) < 1e-8
