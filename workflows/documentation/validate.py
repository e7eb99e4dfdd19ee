"""What the validation page states, measured: every comparison with its oracle, and what the printed forms leave out.

    python workflows/documentation/validate.py [KEY ...]      # all, or only these; a few minutes for all; also: forms, GaAs

Writes validation.json beside this script; the page is made from it. The oracles are those of the tests, so that the packages of the
extra `test` are needed. Only run it again after a change that is meant to change numbers, and say in the commit why they changed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import wannier_spin as ws
from wannier_spin.units import BOLTZMANN

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "example_inputs"
OUTPUT = Path(__file__).with_name("validation.json")
PER_CM = 0.01  # S/m -> S/cm
ZERO = 1e-9  # eV, angstrom, tau = 1: what vanishes by symmetry is rounding; everything else here is 1e-4 and larger


@dataclass(frozen=True)
class Comparison:
    """One row: `measure` gives the largest relative deviation from the oracle; `tests` assert it, file::function."""

    feature: str
    oracle: str
    tests: tuple[str, ...]
    measure: Callable[[], float]


def deviation(found: Any, expected: Any) -> float:
    """Largest deviation over the largest value that is expected."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if not np.abs(expected).max() > 0:
        raise ValueError("the oracle vanishes everywhere: nothing can deviate from it")
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def massive_dirac(name: str, component: tuple[int, ...], exact: Callable[[float, float], float]) -> float:
    """A response in the printed form on the massive Dirac cone at 0 K, against its closed form."""
    from responses.test_massive_dirac import CASES, tensor

    return max(deviation(tensor(D, mu, name).values[0, 0][component], exact(D, mu)) for D, mu in CASES)


def massive_dirac_intrinsic() -> float:
    """Every block and every relaxation model of (14)."""
    from responses.test_massive_dirac import CASES, INTRINSIC, INTRINSIC_BLOCKS, RELAXED, block, run

    zxx = (2, 0, 0)
    found = [deviation(block(*case, INTRINSIC, name)[zxx], f(*case)) for name, f in INTRINSIC_BLOCKS.items() for case in CASES]
    for (name, exact), case in product(RELAXED.items(), CASES):
        found.append(deviation(run(*case)[INTRINSIC].at(relaxation=name).values[0, 0][zxx], exact(*case)))
    return max(found)


def edelstein_surface() -> float:
    from responses.test_massive_dirac import CASES, block

    exact = [-(mu**2 - D**2) / (8 * np.pi * mu) for D, mu in CASES]
    found = [block(D, mu, "edelstein", "L1surf")[0, 0] for D, mu in CASES]
    return max(deviation(one, other) for one, other in zip(found, exact, strict=True))


def reference_blocks(names: tuple[str, ...]) -> float:
    """All blocks of lattice models against tests/reference; blocks that vanish by symmetry are left to the test."""
    from responses.test_reference import CASES, blocks_of, computed

    return max(
        deviation(computed(name, channel, block)[0], value)
        for name, channel in CASES
        if name in names
        for block, value in blocks_of(name, channel).items()
        if np.abs(value).max() > 1e-5
    )


def brute_force() -> float:
    """All static blocks on a random model without symmetry, against loops over pairs of bands in another gauge."""
    from responses import brute
    from responses.test_brute_force import KT, MU, STATIC, N

    model = ws.models.random_model(seed=1)
    options: dict[str, Any] = {"grid": (N, N, N), "mu": MU, "temperature": KT / BOLTZMANN, "degeneracy_tolerance": 1e-8}
    result = ws.compute(model, STATIC, blocks=("L1surf",), **options)
    k = brute.mesh(model, N, 0.0)
    expected = {name: brute.responses(model, k, MU, KT, name) for name in ("spin_current", "spin")}
    blocks = ((t.output, name, b) for t in result.values() for name, b in t.blocks.items())
    return max(deviation(b[0, 0], expected[output][name]) for output, name, b in blocks)


def random_states_in_blocks() -> float:
    """Traces over degenerate groups before and after a random rotation of the states inside."""
    from responses.test_gauge import MODELS, all_densities, block_traces, geometry, rotated

    found = []
    for name in MODELS:
        g = geometry(name)
        other = rotated(g, 0)
        before, after = all_densities(g), all_densities(other)
        found += [deviation(block_traces(other, after[b]), block_traces(g, before[b])) for b in before]
    return max(found)


def recorded(run: Callable[[Any], None]) -> float:
    """Largest deviation that tests of the propagation in real time find, in place of their assertions."""
    from responses import test_real_time

    found: list[float] = []
    asserted = test_real_time.assert_close

    def record(one: Any, other: Any, tolerance: float) -> None:
        asserted(one, other, tolerance)
        sizes = np.cumsum([0, *test_real_time.OBSERVABLES.values()])
        found.extend(deviation(one[:, a:b], other[:, a:b]) for a, b in zip(sizes, sizes[1:], strict=False))

    test_real_time.assert_close = record
    try:
        run(test_real_time)
    finally:
        test_real_time.assert_close = asserted
    return max(found)


def real_time_linear() -> float:
    def run(tests: Any) -> None:
        tests.test_linear_response_to_a_static_field(tests.CHAIN, 0.7)
        for omega in (0.6, 2.2):
            tests.test_linear_response_to_an_alternating_field(tests.CHAIN, 0.7, omega)

    return recorded(run)


def real_time_second_order() -> float:
    return recorded(lambda tests: tests.test_second_order())


def light_equation_of_motion() -> float:
    """Injection and shift, linear and circular, on a random model with resonances."""
    from responses import brute
    from responses.test_photocurrent import NAMES, RANDOM, amplitudes, parts
    from responses.test_photocurrent import light as computed

    tau, eta, n, omega, found = 7.0, 0.6, 96, (0.4, 2.5), []
    for observable, names in NAMES.items():
        result = computed(RANDOM, n, eta, omega, names, tau=tau)
        for i, w in enumerate(omega):
            C = amplitudes(RANDOM, n, 0.2, 0.3, w, eta, observable, (1 / tau, 0.0))
            for name, amplitude in zip(names, C, strict=True):
                expected = [brute.paper_order(part, observable) for part in parts(amplitude)]
                found.append(deviation(result[name].values[0, 0, i], expected))
    return max(found)


def quantized() -> float:
    """sigma_xy;z = -1/(2 pi) in the gap of the Kane-Mele model."""
    options: dict[str, Any] = {"grid": (120, 120, 1), "mu": 0, "temperature": 0}
    found = ws.compute(ws.models.kane_mele(soc=0.06), "spin_hall", **options)["spin_hall"].component("xy;z")[0]
    return deviation(found, -1 / (2 * np.pi))


def altermagnet() -> float:
    """(4) with its direct term; as printed it vanishes."""
    options: dict[str, Any] = {"grid": (160, 160, 1), "mu": -2.5, "temperature": 0.1 / BOLTZMANN, "shift": (0.5, 0.5, 0)}
    found = ws.compute(ws.models.altermagnet(), "magnetic_spin_hall", **options)["magnetic_spin_hall"]
    return deviation(found.component("xy;z")[0], -0.0335615571929)


def paper_script(name: str) -> float:
    """Largest deviation that a script of workflows/paper reports."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, ROOT / "workflows" / "paper" / f"{name}.py", "--quick", "-o", Path(folder) / "figure.pdf"]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    report = done.stdout.partition("largest relative deviation")[2]
    return max(float(found) for found in re.findall(r" (\d\.\de[-+]\d\d) +\d?e", report))


def thermal() -> float:
    """Thermal Edelstein effect of the massive Dirac cone against the Mott integral by quadrature."""
    from test_thermal import DELTA, KT, SCAN, T, V, beta1, mott

    options: dict[str, Any] = {"grid": (4, 4), "mu": SCAN, "temperature": 0, "blocks": ("L1surf",)}
    result = ws.compute(ws.models.massive_dirac(v=V, gap=DELTA), "edelstein", **options)["edelstein"]
    mu = np.array([0.02, 0.05, 0.1])
    found = ws.thermal_counterpart(result.at(combination={"L1surf": 1}), T, mu=mu).values[:, 0, 0, 0]
    return deviation(found, [mott(beta1, m, KT, (-DELTA, DELTA)) for m in mu])


def symmetric_sums() -> float:
    """Irreducible k-points and projection against the whole mesh."""
    from symmetry.test_symmetric_sums import MODELS, blocks, operations_of, projected, run

    found = []
    for name, (model, structure, _) in MODELS.items():
        raw = run(model, broadening=0.1)
        expected, reduced = projected(raw, operations_of(name)), blocks(run(model, structure, broadening=0.1))
        scale = {key: np.abs(value).max() for key, value in blocks(raw).items()}
        found += [np.abs(reduced[key] - value).max() / scale[key] for key, value in expected.items() if scale[key] > 1e-5]
    return float(max(found))


def frozen_bands() -> float:
    """Pt: interpolated bands against Pt.eig at points of the mesh, states inside of the frozen window; eV."""
    from wannier_spin.readers.checkpoint import read_chk
    from wannier_spin.readers.wannier90_files import read_eig

    k, expected = (values[::5] for values in (read_chk(EXAMPLES / "Pt" / "Pt.chk").kpoints, read_eig(EXAMPLES / "Pt" / "Pt.eig")))
    found = ws.band_geometry(ws.read_wannier90(EXAMPLES / "Pt" / "Pt"), k).energies
    frozen = expected[:, : found.shape[1]] <= 28.0  # dis_froz_max
    return float(np.abs(found - expected[:, : found.shape[1]])[frozen].max())


def berri_spin_hall() -> float:
    """Pt with random matrices added, so that nothing vanishes: static.SHC of wannierberri, all 27 components, 61 energies."""
    from cross_code.berri import EXACT, Both, model_of, run, scramble, system_from_files
    from cross_code.conftest import unpack
    from cross_code.test_berri_spin_hall import scan
    from wannierberri.calculators import static

    with tempfile.TemporaryDirectory() as folder:
        system = scramble(system_from_files(unpack(EXAMPLES / "Pt", Path(folder)), 5e-3), strength=1.0, seed=7)
        both, mesh = Both(model_of(system, "scrambled Pt"), system), (6, 5, 4)
        mu = scan(both, mesh, 22.0)
        calculator = static.SHC(Efermi=mu, degen_thresh=EXACT, kwargs_formula={"spin_current_type": "simple"})
        theirs = run(both.system, mesh, {"shc": calculator}, Path(folder))["shc"]
    options: dict[str, Any] = {"grid": mesh, "mu": mu, "temperature": 0, "units": "SI", "degeneracy_tolerance": EXACT}
    return deviation(ws.compute(both.model, "spin_hall", **options)["spin_hall"].values[:, 0], theirs)


def berri_light() -> float:
    """Shift and injection currents of the charge on Pt with random matrices added, position matrices left out."""
    from cross_code import test_berri_photocurrent as tests
    from cross_code.berri import EXACT, Both, model_of, quietly, run, scramble, system_from_files
    from cross_code.conftest import unpack

    with tempfile.TemporaryDirectory() as folder, quietly():
        from wannierberri.calculators.dynamic import InjectionCurrent, ShiftCurrent

        system = scramble(system_from_files(unpack(EXAMPLES / "Pt", Path(folder)), 5e-3), strength=1.0, seed=7)
        both = Both(model_of(system, "scrambled Pt"), system)
        options: dict[str, Any] = {"Efermi": np.array([tests.MU]), "omega": tests.OMEGA, "kBT": tests.T * BOLTZMANN}
        options |= {"smr_fixed_width": tests.ETA, "kwargs_formula": {"external_terms": False}}
        calculators = {"shift": ShiftCurrent(sc_eta=1e-9, **options), "injection": InjectionCurrent(**options)}
        theirs = run(both.system, tests.MESH, calculators, Path(folder))
    ours: dict[str, Any] = {
        "grid": tests.MESH,
        "mu": tests.MU,
        "temperature": tests.T,
        "omega": tests.OMEGA,
        "units": "SI",
        "tau": 1,
    }
    ours |= {"broadening": tests.ETA, "degeneracy_tolerance": EXACT, "channel": "charge"}
    result = ws.compute(both.without_position(), ["shift_spin_current", "injection_spin_current"], **ours)
    linear, circular = (tests.part(result, "injection_spin_current", block, i) for i, block in enumerate(("INJ2", "INJ1")))
    return max(
        deviation(-2 * tests.part(result, "shift_spin_current", "SH2", 0), theirs["shift"][0]),
        deviation(2 * linear, theirs["injection"][0].real),
        deviation(-2 * circular, theirs["injection"][0].imag),
    )


def berri_plugin() -> float:
    """All static responses on the same model: our calculators inside of wannierberri.run, against our integrator."""
    from cross_code.berri import Both, model_of, quietly, run, scramble, system_from_files
    from cross_code.conftest import unpack
    from cross_code.test_berri_plugin import MESH, MU, STATIC

    with tempfile.TemporaryDirectory() as folder, quietly():
        from wannier_spin.berri import calculators

        system = scramble(system_from_files(unpack(EXAMPLES / "Pt", Path(folder)), 5e-3), strength=1.0, seed=7)
        both = Both(model_of(system, "scrambled Pt"), system)
        options: dict[str, Any] = {"temperature": [1500.0], "units": "SI", "tau": 5.0}
        found = run(both.system, MESH, calculators(STATIC, Efermi=MU, **options), Path(folder))
        expected = ws.compute(both.model, STATIC, grid=MESH, mu=MU, **options)
    return max(deviation(found[name], expected[name].values) for name in STATIC)


def postw90_platinum() -> float:
    """sigma_xy;z of Pt at the Fermi energy, same 30^3 mesh and eta."""
    theirs = np.loadtxt(EXAMPLES / "Pt" / "postw90" / "Pt-shc-fermiscan.dat")
    at = int(np.abs(theirs[:, 1] - 22.4839).argmin())
    names = ["spin_hall", "displacement_spin_current"]
    options: dict[str, Any] = {"temperature": 0, "omega": [0.0], "broadening": 0.05, "units": "SI", "grid": (30, 30, 30)}
    result = ws.compute(ws.read_wannier90(EXAMPLES / "Pt"), names, mu=theirs[at, 1], **options)
    static, moving = (result[name].component("xy;z")[0].ravel()[0] for name in names)
    return deviation(PER_CM * (static + moving), theirs[at, 2])


def adaptive() -> float:
    """True error over error bar of integrals within a tolerance; at most 1 where the bar is honest."""
    from test_calculation_adaptive import CASES, SHEETS, on_mesh

    found = []
    for model, name, mu, temperature, tolerance, n, _ in CASES:
        options = {"mu": mu, "temperature": temperature}
        tensor = ws.compute(SHEETS[model], name, tolerance=tolerance, **options)[name]
        bar = np.maximum(tensor.error, 1e-3 * tensor.error.max())
        found.append(float((np.abs(tensor.values - on_mesh(SHEETS[model], name, n, **options).values) / bar).max()))
    return max(found)


def ranks() -> float:
    """All responses of iron on three ranks against one."""
    text = (EXAMPLES / "Fe" / "input.toml").read_text().replace("[16, 16, 16]", "[4, 4, 4]").replace("300.0, ", "")
    for name in ("Fe.model.h5", "Fe.win"):
        text = text.replace(f'"{name}"', f'"{EXAMPLES / "Fe" / name}"')
    beside = Path(sys.executable).with_name("mpirun")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "input.toml").write_text(text)
        files = []
        for launcher in ([], [beside if beside.is_file() else "mpirun", "-n", "3"]):
            files.append(Path(folder) / f"{len(files)}.h5")
            command = [*launcher, sys.executable, "-m", "wannier_spin.cli", "run", "input.toml", "-o", files[-1]]
            subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        one, three = (ws.load(path) for path in files)
    return max(deviation(three[name].values, one[name].values) for name in one if np.abs(one[name].values).max() > 0)


def sites() -> float:
    """The spin responses of the two sublattices of an antiferromagnet add up to the whole."""
    names = ["intrinsic_spin_magnetization", "nonlinear_extrinsic_spin_magnetization"]
    options: dict[str, Any] = {"grid": (32, 32, 1), "mu": -0.9, "temperature": 0.08 / BOLTZMANN}
    options["sites"] = {"A": [0, 1], "B": [2, 3]}
    result = ws.compute(ws.models.pt_antiferromagnet(), names, **options)
    return max(deviation(result[name].uniform("A", "B").values, result[name].values) for name in names)


LATTICE = "tests/reference/{}.json: computed by other people with other code, converged on three meshes"
DIRAC = "closed form, massive Dirac cone at 0 K, five (D, mu)"
TEST = "tests/responses/test_massive_dirac.py::"
COMPARISONS = {
    "dirac 6b": Comparison(
        "(6b) intrinsic spin magnetization",
        DIRAC,
        (TEST + "test_intrinsic_spin_magnetization",),
        lambda: massive_dirac("intrinsic_spin_magnetization", (0, 1), lambda D, mu: D / (8 * np.pi * mu)),
    ),
    "dirac 5": Comparison("(5) Edelstein effect, surface form", DIRAC, (TEST + "test_edelstein_surface_form",), edelstein_surface),
    "dirac 10": Comparison(
        "(10) nonlinear Drude spin magnetization",
        DIRAC,
        (TEST + "test_nonlinear_drude",),
        lambda: massive_dirac(
            "nonlinear_drude_spin_magnetization", (2, 0, 0), lambda D, mu: -D * (mu**2 - D**2) / (16 * np.pi * mu**3)
        ),
    ),
    "dirac 12": Comparison(
        "(12) nonlinear extrinsic spin magnetization, as printed",
        DIRAC,
        (TEST + "test_nonlinear_extrinsic",),
        lambda: massive_dirac(
            "nonlinear_extrinsic_spin_magnetization", (2, 0, 1), lambda D, mu: (mu**2 - D**2) / (16 * np.pi * mu**3)
        ),
    ),
    "dirac 14": Comparison(
        "(14) and the full form: blocks Q1, P, F, S, D and all five relaxation models",
        DIRAC,
        (TEST + "test_nonlinear_intrinsic", TEST + "test_nonlinear_intrinsic_in_full"),
        massive_dirac_intrinsic,
    ),
    "figure 1a": Comparison(
        "(9), (13), N2, S and all relaxation models of the spin current; SI units",
        "tests/reference/fig1a_tilted_dirac.json, and the printed metric along the Fermi line",
        ("tests/responses/test_tilted_dirac.py::test_table_in_si", "tests/workflows/test_paper.py::test_agrees_with_its_reference"),
        lambda: paper_script("fig1a"),
    ),
    "figure 1b": Comparison(
        "(10), (14) of Fig. 1(b), SI units",
        "corrected closed forms",
        ("tests/workflows/test_paper.py::test_agrees_with_its_reference",),
        lambda: paper_script("fig1b"),
    ),
    "table 1": Comparison(
        "Table I: 24 parities",
        "measured on random models with one symmetry each",
        ("tests/responses/test_symmetry.py::test_parities_are_those_of_table_1", "tests/symmetry/test_table.py"),
        lambda: paper_script("table1"),
    ),
    "displacement model": Comparison(
        "(7) displacement spin current, below and through the edge",
        "closed form, Dirac insulator with conserved spin",
        ("tests/workflows/test_paper.py::test_agrees_with_its_reference",),
        lambda: paper_script("displacement_model"),
    ),
    "displacement GaAs": Comparison(
        "(6a), (7) of GaAs",
        "printed formula, pair by pair of bands, same mesh",
        ("tests/workflows/test_paper.py::test_agrees_with_its_reference",),
        lambda: paper_script("displacement_gaas"),
    ),
    "rashba": Comparison(
        "all blocks, two-band metal without symmetry; spin current, spin, charge",
        LATTICE.format("rashba_*"),
        ("tests/responses/test_reference.py::test_blocks",),
        lambda: reference_blocks(("rashba_metal",)),
    ),
    "antiferromagnet": Comparison(
        "all blocks, P*T antiferromagnet (twofold degenerate bands), metal and insulator",
        LATTICE.format("afm_*"),
        ("tests/responses/test_reference.py::test_blocks", "tests/responses/test_reference.py::test_zeros"),
        lambda: reference_blocks(("afm_metal", "afm_insulator")),
    ),
    "altermagnet": Comparison(
        "(4) with its direct term, d-wave altermagnet",
        "-0.0335615571929, converged",
        ("tests/responses/test_reference.py::test_altermagnet_magnetic_spin_hall_is_all_direct",),
        altermagnet,
    ),
    "brute force": Comparison(
        "all static blocks, random model, position matrices included",
        "loops over pairs of bands in another gauge",
        ("tests/responses/test_brute_force.py::test_blocks",),
        brute_force,
    ),
    "degenerate groups": Comparison(
        "all blocks under random rotations inside degenerate groups",
        "the same traces before the rotation",
        ("tests/responses/test_gauge.py::test_block_traces_do_not_change",),
        random_states_in_blocks,
    ),
    "real time, linear": Comparison(
        "linear response, DC and AC, below and on a resonance, finite tau",
        "density matrix propagated in real time",
        (
            "tests/responses/test_real_time.py::test_linear_response_to_a_static_field",
            "tests/responses/test_real_time.py::test_linear_response_to_an_alternating_field",
        ),
        real_time_linear,
    ),
    "real time, second order": Comparison(
        "second order: tau^2, tau^1, tau^0 with relaxation `constant`",
        "density matrix propagated in real time, orders by a fit",
        ("tests/responses/test_real_time.py::test_second_order",),
        real_time_second_order,
    ),
    "light": Comparison(
        "direct spin current and magnetization in light: injection, shift; linear, circular; resonant",
        "density matrix of first order, differentiated on a mesh in the Wannier basis",
        ("tests/responses/test_photocurrent.py::test_equation_of_motion", "tests/responses/test_photocurrent.py::test_real_time"),
        light_equation_of_motion,
    ),
    "light, wannierberri": Comparison(
        "charge currents in light, first-principles matrices without symmetry",
        "wannierberri 26.10, ShiftCurrent and InjectionCurrent, same mesh",
        (
            "tests/cross_code/test_berri_photocurrent.py::test_shift_current",
            "tests/cross_code/test_berri_photocurrent.py::test_injection_current",
        ),
        berri_light,
    ),
    "quantized": Comparison(
        "(6a) spin Hall effect, Kane-Mele model, gap",
        "-1/(2 pi)",
        ("tests/models/test_model_lattice.py::test_kane_mele_quantized_spin_hall",),
        quantized,
    ),
    "wannierberri": Comparison(
        "(6a) spin Hall effect, first-principles matrices without symmetry, 27 components",
        "wannierberri 26.10, static.SHC, `simple`, same mesh",
        ("tests/cross_code/test_berri_spin_hall.py::test_spin_hall_without_symmetry",),
        berri_spin_hall,
    ),
    "plugin": Comparison(
        "calculators inside wannierberri, all static responses",
        "our integrator, same model and mesh",
        ("tests/cross_code/test_berri_plugin.py::test_without_symmetry",),
        berri_plugin,
    ),
    "postw90": Comparison(
        "(6a) + (7) spin Hall effect of Pt at the Fermi energy, 30^3 mesh",
        "postw90 3.1.0; another spin current (Qiao's), so that 1 % is expected",
        ("tests/cross_code/test_platinum.py::test_postw90",),
        postw90_platinum,
    ),
    "frozen bands": Comparison(
        "reading Wannier90's files: bands of Pt at the mesh points; eV",
        "Pt.eig inside the frozen window",
        ("tests/readers/test_wannier90.py::test_frozen_bands_are_exact_at_the_mesh_points",),
        frozen_bands,
    ),
    "symmetric sums": Comparison(
        "symmetry: irreducible k-points and projection, all responses, magnetic groups",
        "whole mesh, projected",
        ("tests/symmetry/test_symmetric_sums.py::test_irreducible_sum_is_the_whole_sum",),
        symmetric_sums,
    ),
    "adaptive": Comparison(
        "error bars of integrals within a tolerance: true error over bar (at most 1)",
        "converged meshes",
        ("tests/test_calculation_adaptive.py::test_against_converged_meshes", "tests/test_error_bars.py::test_bars_are_honest"),
        adaptive,
    ),
    "ranks": Comparison(
        "MPI: all responses of Fe on three ranks", "one rank", ("tests/test_mpi.py::test_ranks_agree_on_iron",), ranks
    ),
    "thermal": Comparison(
        "thermal Edelstein effect (Mott integral; straight lines between the values of mu)",
        "quadrature of the closed form",
        ("tests/test_thermal.py::test_massive_dirac",),
        thermal,
    ),
    "sites": Comparison(
        "responses on sites: the sum over sublattices",
        "the whole response",
        ("tests/responses/test_sites.py::test_sum_over_sites_is_the_whole",),
        sites,
    ),
}


Tensor = ws.ResponseTensor


@dataclass(frozen=True)
class Case:
    """A model on which the printed and the full forms are compared, at one mu and T."""

    name: str
    model: Callable[[], ws.TightBindingModel]
    grid: tuple[int, int, int]
    mu: float
    kT: float  # eV, or hopping energies
    structure: Callable[[], ws.Structure | None] = lambda: None
    units: str = "natural"


def saved(name: str) -> Callable[[], ws.TightBindingModel]:
    return lambda: ws.load_model(EXAMPLES / name / f"{name}.model.h5")


def crystal(name: str, moments: list[tuple[float, float, float]] | None = None) -> Callable[[], ws.Structure]:
    return lambda: ws.read_structure(EXAMPLES / name / f"{name}.win", moments)


NEEL = [(2.4975, 2.4975, 0.0), (-2.4975, -2.4975, 0.0), (0.0, 0.0, 0.0)]
CASES = (
    Case("Fe", saved("Fe"), (64, 64, 64), 17.6048, 0.05, crystal("Fe", [(0, 0, 2.2)]), "SI"),
    Case("Mn2Au", saved("Mn2Au"), (12, 12, 12), 16.5032, 0.05, crystal("Mn2Au", NEEL), "SI"),
    Case("GaAs", saved("GaAs"), (96, 96, 96), 9.13, 0.01, crystal("GaAs"), "SI"),
    Case("rashba_exchange", ws.models.rashba_exchange, (240, 240, 1), 0.3, 0.1),
    Case("altermagnet", ws.models.altermagnet, (240, 240, 1), -2.5, 0.1),
    Case("pt_antiferromagnet", ws.models.pt_antiferromagnet, (160, 160, 1), -0.9, 0.08),
    Case("kagome_mn3sn", ws.models.kagome_mn3sn, (160, 160, 1), 0.3, 0.1),
)


def differing() -> list[str]:
    """Static responses whose printed form is not the full one: other blocks, or not symmetrized in the fields."""
    records = ws.responses.RESPONSES.values()
    return [r.name for r in records if not r.dynamic and (r.full is not None or r.tensor.field_order > 1)]


def forms(case: Case) -> Iterator[dict[str, Any]]:
    """One row for each response and form: the component in which printed and full form differ most, with error bars."""
    options: dict[str, Any] = {"mu": case.mu, "temperature": case.kT / BOLTZMANN, "units": case.units}
    result = ws.compute(case.model(), differing(), grid=case.grid, symmetry=case.structure(), **options)
    where = {"case": case.name, "grid": list(case.grid), "kT": case.kT, "smallest_gap": smallest_gap(result)}
    for name, tensor in result.items():
        if largest(tensor) < ZERO:
            yield {**where, "response": name, "vanishes": True}
            continue
        for relaxations in relaxed(tensor):
            yield {**where, "response": name, "vanishes": False, **difference(tensor, relaxations)}


def smallest_gap(result: ws.ResultSet) -> float | None:
    """Smallest gap between blocks at the Fermi level, weighted by f', in the energy unit of the model."""
    found = result.provenance.get("smallest_gap_at_fermi_level_eV")
    return None if found is None else float(np.min(found))


def relaxed(tensor: Tensor) -> list[list[str]]:
    """Relaxation models that give the same combination of blocks, together; `static` has no terms with tau and is left out."""
    found: dict[str, list[str]] = {}
    for name in ("adiabatic", "constant", "intraband", "gao"):
        found.setdefault(json.dumps(tensor.recipes[f"full {name}"], sort_keys=True), []).append(name)
    return list(found.values())


def largest(tensor: Tensor) -> float:
    """Largest value of any form, in eV and angstrom, tau = 1."""
    natural = tensor.at(units="natural", tau=1.0)
    return float(max(np.abs(natural.at(combination=recipe).values).max() for recipe in tensor.recipes.values()))


def difference(tensor: Tensor, relaxations: list[str]) -> dict[str, Any]:
    """The component in which the forms differ most, and that difference over the largest component of both."""
    from wannier_spin.components import component_names

    paper, full = tensor.at(form="paper"), tensor.at(form="full", relaxation=relaxations[0])
    apart = np.abs(full.values - paper.values)
    at = np.unravel_index(apart.argmax(), apart.shape)
    flat = int(np.ravel_multi_index(at[2:], apart.shape[2:]))
    share = apart.max() / max(np.abs(full.values).max(), np.abs(paper.values).max())
    numbers = {"paper": paper.values[at], "paper_error": paper.error[at], "full": full.values[at], "full_error": full.error[at]}
    text = {"relaxation": relaxations, "component": component_names(tensor)[flat], "unit": tensor.unit}
    return text | {key: float(f"{value:.4g}") for key, value in (numbers | {"share": share}).items()}


def gallium_arsenide() -> list[dict[str, float]]:
    """Static sigma_xy;z of GaAs, mu at mid-gap, in (hbar/e) S/cm, on meshes that are doubled."""
    rows = []
    for n in (12, 24, 48, 96, 128):
        options: dict[str, Any] = {"mu": 9.13, "temperature": 0, "units": "SI", "symmetry": crystal("GaAs")()}
        tensor = ws.compute(saved("GaAs")(), "spin_hall", grid=(n, n, n), **options)["spin_hall"]
        value, error = tensor.component("xy;z")
        rows.append({"n": n, "value": PER_CM * float(value[0, 0]), "error": PER_CM * float(error[0, 0])})
    return rows


def main(keys: list[str]) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    warnings.simplefilter("ignore")
    stored = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {"comparisons": {}}
    for key in keys or COMPARISONS:
        if key in COMPARISONS:
            stored["comparisons"][key] = float(f"{COMPARISONS[key].measure():.1e}")
            print(f"{key}: {stored['comparisons'][key]:.1e}", flush=True)
    if not keys or "forms" in keys:
        stored["forms"] = [row for case in CASES for row in forms(case)]
    if not keys or "GaAs" in keys:
        stored["GaAs"] = gallium_arsenide()
    OUTPUT.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
