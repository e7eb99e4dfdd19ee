"""The examples give, to the last digits, what they gave before (expected.json), and what others found for these materials."""

import importlib.util
import itertools
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.calculation import inputs_of, run_model
from wannier_spin.calculation.dry_run import dry_run, evaluated_points, small_run
from wannier_spin.config import read_settings
from wannier_spin.integration.parallel import SERIAL

ROOT = Path(__file__).resolve().parents[1]
NAMES = ["Fe", "GaAs", "KV2Se2O", "Mn2Au", "MnBi2Te4", "Pt"]

# Responses that the magnetic group allows (Pt m-3m1', GaAs -43m1', Fe 4/mm'm', Mn2Au: PT): PHYSICS of the inputs, not fits.
ALLOWED = {
    "Pt": {"spin_hall"},
    "GaAs": {"spin_hall", "displacement_spin_current"},
    "KV2Se2O": {"magnetic_spin_hall"},  # the spin group of a d-wave altermagnet
    "MnBi2Te4": {"spin_hall", "magnetic_spin_hall", "ac_spin_current"},  # P and not T: both parities of a spin current
    "Mn2Au": {
        "spin_hall",
        "intrinsic_spin_magnetization",
        "nonlinear_extrinsic_spin_current",
        "nonlinear_extrinsic_spin_magnetization",
    },
    "Fe": {
        "spin_hall",
        "magnetic_spin_hall",
        "orbital_hall",
        "displacement_spin_current",
        "ac_spin_current",
        "nonlinear_drude_spin_magnetization",
        "nonlinear_extrinsic_spin_magnetization",
        "nonlinear_intrinsic_spin_magnetization",
        "injection_spin_magnetization",
        "shift_spin_magnetization",
    },
}
# Of the largest |value| in the scan. Rounding: energies of 20 eV carry 1e-14, so that the smallest energy denominator
# (degeneracy tolerance, 5e-4 eV) has 1e-10 and its fourth power less than 1e-9. With other BLAS kernels
# (OPENBLAS_CORETYPE=Nehalem instead of Haswell) these responses moved by at most 5e-12: docs/theory.md, section 16.
TOLERANCE = 1e-8
# Of one in natural units: what the projector on the magnetic group leaves of responses that it forbids.
FORBIDDEN = 1e-12


def _workflow() -> ModuleType:
    spec = importlib.util.spec_from_file_location("expected", ROOT / "workflows" / "expected.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORKFLOW = _workflow()


class Example:
    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.output = WORKFLOW.run_example(name, folder / f"{name}.h5")
        self.result = ws.load(folder / f"{name}.h5")
        self.left = sorted(path.name for path in folder.iterdir())

    def component(self, response: str, indices: str) -> float:
        """At the Fermi level and the first temperature."""
        index = tuple("xyz".index(letter) for letter in indices.replace(";", ""))
        return float(WORKFLOW.at_fermi_level(self.result, response)[index])


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory):
    """Each example is run once, through the command line, when it is first asked for."""
    done: dict[str, Example] = {}

    def get(name: str) -> Example:
        if name not in done:
            done[name] = Example(name, tmp_path_factory.mktemp(name))
        return done[name]

    return get


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_the_expected_ones(examples, name: str) -> None:
    result = examples(name).result
    expected = json.loads((ROOT / "example_inputs" / name / "expected.json").read_text())
    assert set(result) == set(expected)
    for response, entry in expected.items():
        tensor, values = result[response], WORKFLOW.at_fermi_level(result, response)
        assert tensor.unit == entry["unit"]
        if response not in ALLOWED[name]:
            assert np.abs(tensor.at(units="natural").values).max() < FORBIDDEN, response
            continue
        assert entry["largest"]
        tolerance = TOLERANCE * entry["scan_maximum"]
        assert np.abs(tensor.values).max() == pytest.approx(entry["scan_maximum"], abs=tolerance), response
        for text, value in entry["largest"].items():
            assert values[WORKFLOW.entry_index(tensor, text)] == pytest.approx(value, abs=tolerance), (response, text)


@pytest.mark.parametrize("name", NAMES)
def test_allowed_responses_are_there(examples, name: str) -> None:
    """Finite everywhere, not zero where symmetry allows, and the whole scan is in the file."""
    example = examples(name)
    assert example.left == [f"{name}.h5"]
    for response, tensor in example.result.items():
        assert np.isfinite(tensor.values).all()
        assert np.isfinite(tensor.error).all()  # all these meshes are even: an error bar comes with each number
        assert response in example.output
    for response in ALLOWED[name]:
        assert np.abs(example.result[response].values).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_provenance(examples, name: str) -> None:
    p = examples(name).result.provenance
    assert p["input"] == (ROOT / "example_inputs" / name / "input.toml").read_text()
    assert len(json.loads(p["model_source"]["files"])) >= 2  # hashes of the Wannier90 files, also for a saved model
    assert all(len(digest) == 64 for digest in json.loads(p["model_source"]["files"]).values())


def test_the_spin_splitter_of_an_altermagnet(examples, example_inputs: Path) -> None:
    """Spin current per charge current along a, in units of hbar/2e, against mu: 78 % at the Fermi energy were published for KV2O2Se
    without spin-orbit coupling. The bars of this mesh hold what one of 48 x 48 x 24 points gives.
    """
    found = examples("KV2Se2O").result["magnetic_spin_hall"]
    folder = example_inputs / "KV2Se2O"
    mu = 6.9052 + np.array([-0.2, 0.0, 0.2])
    near = [int(np.abs(found.mu - x).argmin()) for x in mu]
    (spin, spin_bar), (other, _) = ((x.ravel()[near] for x in found.component(name)) for name in ("xx;z", "yy;z"))
    assert spin == pytest.approx(-other, rel=1e-6, abs=0)
    how = {"grid": (16, 16, 8), "mu": mu, "temperature": 300, "tau": 10.0, "units": "SI", "channel": "charge"}
    how["symmetry"] = ws.read_structure(folder / "KV2Se2O_up.win", [(0, 0, m) for m in (0, 1.7, -1.7, 0, 0, 0)])
    current = ws.compute(ws.load_model(folder / "KV2Se2O.model.h5"), "magnetic_spin_hall", **how)["magnetic_spin_hall"]
    (charge, charge_bar), (across, _) = ((x.ravel() for x in current.component(name)) for name in ("xx", "yy"))
    assert charge == pytest.approx(across, rel=1e-6, abs=0)
    ratio = -2 * spin / charge
    bar = np.abs(ratio) * (spin_bar / np.abs(spin) + charge_bar / np.abs(charge))
    assert (bar < 0.2).all()
    assert (np.abs(ratio - [0.671, 0.777, 0.821]) < bar).all()
    assert ratio[1] == pytest.approx(0.78, abs=0.03)


def test_each_spin_current_of_the_ferromagnetic_layer_has_one_time_parity(examples) -> None:
    """P-3m'1: xy;z is made of the spin curvature alone, xx;z of the spin metric alone."""
    tensor = examples("MnBi2Te4").result["ac_spin_current"]
    even, odd = (tensor.at(combination=recipe) for recipe in ({"L0": 1, "AC1": 1}, {"AC2": 1, "L1": 1, "L1dir": 1}))
    for own, other, component in ((even, odd, "xy;z"), (odd, even, "xx;z")):
        scale = np.abs(own.component(component)[0]).max()
        assert scale > 1e-6  # (hbar/e) S
        assert np.abs(other.component(component)[0]).max() < 1e-9 * scale


# --- numbers that nobody here made ------------------------------------------------------------------------------


def test_spin_hall_conductivity_of_platinum(examples) -> None:
    """About 2200 (hbar/e) S/cm: Guo et al., Phys. Rev. Lett. 100, 096401 (2008); postw90 on these files 2198 (30x30x30)."""
    value = examples("Pt").component("spin_hall", "xy;z") / 100  # (hbar/e) S/cm
    assert 2000 < value < 2400


@pytest.fixture(scope="module")
def unsymmetrized(example_inputs: Path):
    """Linear responses at the Fermi energy on a coarse mesh, all points, no projector: what the Wannier model itself gives."""
    done: dict[tuple[str, str], np.ndarray] = {}

    def get(name: str, response: str) -> np.ndarray:
        if (name, response) not in done:
            saved = example_inputs / name / f"{name}.model.h5"
            model = ws.load_model(saved) if saved.is_file() else ws.read_wannier90(example_inputs / name / name)
            mu = {"Pt": 22.4839, "GaAs": 9.13, "Fe": 17.6048}[name]
            result = ws.compute(model, response, grid=(8, 8, 8), mu=mu, temperature=600, units="SI")
            done[name, response] = result[response].values[0, 0]
        return done[name, response]

    return get


@pytest.mark.parametrize(("name", "tolerance"), [("Pt", 1e-3), ("GaAs", 1e-2)])
def test_cubic_crystals(unsymmetrized, name: str, tolerance: float) -> None:
    """m-3m1' and -43m1' leave one number: sigma_xy;z = sigma_yz;x = sigma_zx;y = -sigma_yx;z = ..., and zeros."""
    values = unsymmetrized(name, "spin_hall")
    one = values[0, 1, 2]
    levi_civita = np.zeros((3, 3, 3))
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        levi_civita[a, b, c], levi_civita[b, a, c] = 1, -1
    assert np.abs(values - one * levi_civita).max() < tolerance * abs(one)


@pytest.mark.parametrize(("first", "second"), [("xx;z", "yy;z"), ("zx;x", "zy;y"), ("xz;x", "yz;y")])
def test_iron_is_tetragonal_about_its_moment(unsymmetrized, first: str, second: str) -> None:
    values = unsymmetrized("Fe", "magnetic_spin_hall")
    a, b = (values[tuple("xyz".index(letter) for letter in text.replace(";", ""))] for text in (first, second))
    assert a == pytest.approx(b, abs=1e-3 * np.abs(values).max())


def test_spin_hall_conductivity_of_platinum_peaks_at_the_fermi_level(examples) -> None:
    """Guo et al.: the maximum lies at the Fermi level to about 0.2 eV, and the sign changes well below."""
    result = examples("Pt").result
    scan = result["spin_hall"].component("xy;z")[0][:, 0]
    mu = result["spin_hall"].mu - result.provenance["fermi_energy_eV"]
    assert abs(mu[scan.argmax()]) < 0.5


def test_current_of_iron_carries_spin_along_its_moment(examples) -> None:
    values = np.abs(WORKFLOW.at_fermi_level(examples("Fe").result, "magnetic_spin_hall"))
    assert values[..., 2].max() > 20 * values[..., :2].max()


def _spin_per_cell(model: ws.TightBindingModel, fermi_energy: float, n: int) -> np.ndarray:
    """<sigma> of the occupied states: in Bohr magnetons the moment as DFT codes print it."""
    k = np.stack(np.meshgrid(*3 * [(np.arange(n) + 0.5) / n], indexing="ij"), axis=-1).reshape(-1, 3)
    geometry = ws.band_geometry(model, k)
    spin = np.einsum("kann->kna", geometry.spin).real
    return np.einsum("kn,kna->a", geometry.energies < fermi_energy, spin) / len(k)


def test_moment_of_iron(example_inputs: Path) -> None:
    """DFT (README of the example): (0, 0, 2.20) mu_B."""
    moment = _spin_per_cell(ws.load_model(example_inputs / "Fe" / "Fe.model.h5"), 17.6048, 8)
    assert moment[2] == pytest.approx(2.20, abs=0.1)
    assert np.abs(moment[:2]).max() < 1e-3


def test_moment_of_mn2au_is_zero_and_bands_are_pairs(example_inputs: Path) -> None:
    model = ws.load_model(example_inputs / "Mn2Au" / "Mn2Au.model.h5")
    assert np.abs(_spin_per_cell(model, 16.5032, 3)).max() < 1e-2
    energies = ws.band_geometry(model, np.random.default_rng(1).random((5, 3))).energies
    assert np.abs(energies[:, 1::2] - energies[:, ::2]).max() < 1e-3


def test_gap_of_gallium_arsenide(example_inputs: Path) -> None:
    """DFT (README of the example), at Gamma: 8.9253 and 9.3329 eV, split-off band 0.334 eV below."""
    energies = ws.band_geometry(ws.load_model(example_inputs / "GaAs" / "GaAs.model.h5"), [[0.0, 0.0, 0.0]]).energies[0]
    assert energies[7] == pytest.approx(8.9253, abs=1e-3)
    assert energies[8] == pytest.approx(9.3329, abs=1e-3)
    assert energies[7] - energies[3] == pytest.approx(0.334, abs=2e-3)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.parametrize(
    "name", ["GaAs", "MnBi2Te4", *(pytest.param(n, marks=pytest.mark.slow) for n in ("Fe", "KV2Se2O", "Mn2Au"))]
)
def test_a_plan_counts_the_points_of_a_mesh(examples, example_inputs: Path, name: str) -> None:
    """Not extrapolated: `--dry-run` says how many k-points `run` evaluates."""
    settings, _ = read_settings(example_inputs / name / "input.toml")
    inputs = inputs_of(settings, example_inputs / name)
    sample = run_model(inputs.model, inputs.structure, small_run(inputs.settings, inputs.model), "", SERIAL)
    planned = evaluated_points(inputs.settings, inputs.model, inputs.structure, sample)
    assert planned == examples(name).result.provenance["k_points_evaluated"] > 100


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.slow
def test_a_plan_counts_the_points_of_a_short_run_within_a_tolerance(examples, example_inputs: Path) -> None:
    """What converges while it watches is counted. Its clock ticks at every look: the speed of the machine does not decide."""
    settings, _ = read_settings(example_inputs / "Pt" / "input.toml")
    ticks = itertools.count()
    plan = dict(dry_run(settings, example_inputs / "Pt", 1, clock=lambda: 1e-3 * next(ticks)))
    number = re.fullmatch(r"about (\S+) \(counted\)", plan["k-points"])
    assert number, plan["k-points"]
    assert float(number[1]) == pytest.approx(examples("Pt").result.provenance["k_points_evaluated"], rel=0.05, abs=0)
