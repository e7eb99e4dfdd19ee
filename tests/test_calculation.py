"""`compute`: the answer depends on the physics that was asked for and on nothing else."""

import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rounding import same

import wannier_spin as ws
from wannier_spin import units as un
from wannier_spin.integration.decay import NEGLIGIBLE
from wannier_spin.integration.grid import Batch, Mesh
from wannier_spin.results import ResponseTensor
from wannier_spin.results.tensor import OF_HALF

OMEGA = [0.0, 0.1, 0.4]
SETTINGS = {"grid": (6, 8, 1), "mu": [-0.2, 0.3], "temperature": [800.0, 3000.0], "omega": OMEGA, "broadening": 0.05}


@pytest.fixture(autouse=True)
def _no_accuracy_warnings() -> Iterator[None]:
    """These meshes are far too coarse, and it does not matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.AccuracyWarning)
        yield


@pytest.fixture(scope="module")
def sheet() -> ws.TightBindingModel:
    """No symmetry, two dimensions, position and spin matrices between all orbitals."""
    return ws.models.random_model(n=4, seed=1, periodic=(True, True, False))


@pytest.fixture(scope="module")
def everything(sheet: ws.TightBindingModel) -> ws.ResultSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.AccuracyWarning)
        return ws.compute(sheet, "all", **SETTINGS)


def assert_same(a: np.ndarray, b: np.ndarray, what: object = "", tolerance: float = 1e-12) -> None:
    assert a.shape == b.shape, what
    scale = np.abs(a).max()
    assert scale > 0, what
    assert np.abs(a - b).max() <= tolerance * scale, what


# --- shapes and meaning -------------------------------------------------------------------------------------------------


def test_all_responses_and_their_shapes(everything: ws.ResultSet) -> None:
    assert list(everything) == list(ws.responses.names())
    for name, tensor in everything.items():
        dynamic = (3, 2) if ws.responses.get(name).dynamic else ()
        assert tensor.values.shape == (2, 2, *dynamic, *(3,) * len(tensor.labels)), name
        assert tensor.error.shape == tensor.values.shape
        assert len(tensor.axes) == tensor.values.ndim
        assert np.isfinite(tensor.values).all()
        assert np.abs(tensor.values).max() > 0, name  # nothing is forbidden in this model
        assert tensor.unit.endswith("(hbar = e = 1)")


def test_one_name_is_a_list_of_one(sheet: ws.TightBindingModel) -> None:
    a, b = (ws.compute(sheet, x, grid=(2, 2, 1), mu=0.1, temperature=800) for x in ("edelstein", ["edelstein", "edelstein"]))
    assert list(a) == list(b) == ["edelstein"]
    assert same(a["edelstein"].values, b["edelstein"].values)


def test_fields_and_flow_lie_in_the_sheet() -> None:
    """Orbitals in a plane: no current and no field across it, while the spin has all directions."""
    result = ws.compute(ws.models.get("rashba_exchange"), "all", **SETTINGS)
    for tensor in result.values():
        for i, label in enumerate(tensor.labels):
            spin = i == (len(tensor.labels) - 1 if len(tensor.labels) > 1 + tensor.field_order else 0)
            across = np.abs(np.take(tensor.values, 2, axis=i - len(tensor.labels))).max()
            assert (across > 0) == spin, (tensor.name, label)


# --- scans --------------------------------------------------------------------------------------------------------------


def test_a_scan_is_many_single_runs(sheet: ws.TightBindingModel, everything: ws.ResultSet) -> None:
    for i, mu in enumerate(SETTINGS["mu"]):
        for j, T in enumerate(SETTINGS["temperature"]):
            single = ws.compute(sheet, "all", **SETTINGS | {"mu": mu, "temperature": T})
            for name, tensor in everything.items():
                scale = np.abs(tensor.values).max()
                difference = np.abs(single[name].values[0, 0] - tensor.values[i, j]).max()
                assert difference <= 1e-12 * scale, (name, mu, T)


def test_frequencies_one_by_one(sheet: ws.TightBindingModel, everything: ws.ResultSet) -> None:
    for i, omega in enumerate(OMEGA):
        single = ws.compute(sheet, "all", **SETTINGS | {"omega": omega})
        for name in (name for name in everything if ws.responses.get(name).dynamic):
            whole = everything[name].values
            assert np.abs(single[name].values[:, :, 0] - whole[:, :, i]).max() <= 1e-12 * np.abs(whole).max()
            assert single[name].omega.tolist() == [omega]


def test_nothing_displaced_by_a_static_field(sheet: ws.TightBindingModel) -> None:
    """(7) and (8) without (6): nothing is left at omega = 0, and it grows with omega."""
    names = ["displacement_spin_current", "displacement_spin_magnetization"]
    for tensor in ws.compute(sheet, names, **SETTINGS | {"broadening": 0.0, "omega": [0, 1e-4, 1e-3]}).values():
        size = np.abs(tensor.values).max(axis=tuple(i for i in range(tensor.values.ndim) if i != 2))
        assert size[0] == 0
        assert size[1] == pytest.approx(size[2] / 10, rel=0.1, abs=0)


def test_a_thousand_points_are_ten_points(sheet: ws.TightBindingModel) -> None:
    names = ["spin_hall", "edelstein", "nonlinear_drude_spin_magnetization", "nonlinear_intrinsic_spin_current"]
    many, few = (ws.compute(sheet, names, grid=(6, 6, 1), mu=np.linspace(-1, 1, n), temperature=1000.0) for n in (1000, 10))
    assert many["edelstein"].mu[::111] == pytest.approx(few["edelstein"].mu, abs=1e-14)
    for name in names:
        assert_same(many[name].values[::111], few[name].values, name, tolerance=1e-12)


# --- how the work is cut ------------------------------------------------------------------------------------------------


def _least_memory(sheet: ws.TightBindingModel) -> float:
    with pytest.raises(ws.InputError) as caught:
        ws.compute(sheet, "all", **SETTINGS | {"memory": 1e-9})
    return float(str(caught.value).partition("points: ")[2].split()[0])


def test_memory_does_not_change_the_answer(
    sheet: ws.TightBindingModel, everything: ws.ResultSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wannier_spin.integrals.mesh.LEAST_BATCHES", 1)  # the memory decides
    monkeypatch.setattr("wannier_spin.integrals.sums.CACHE", 1e12)
    least, batches, counts = _least_memory(sheet), Mesh.batches, []

    def counted(mesh: Mesh, largest: int) -> list[Batch]:
        found = batches(mesh, largest)
        counts.append(len(found))
        return found

    monkeypatch.setattr(Mesh, "batches", counted)
    for factor in (1.1, 2.0, 7.0):
        result = ws.compute(sheet, "all", **SETTINGS, memory=factor * least)
        for name, tensor in everything.items():
            assert_same(tensor.values, result[name].values, (name, factor))
            # a mesh's bar has logarithms of amplitudes down to NEGLIGIBLE of the largest, whose last digits these are
            assert_same(tensor.error, result[name].error, (name, factor), tolerance=1e-15 / NEGLIGIBLE)
    assert len(set(counts)) == 3  # it was cut differently


def test_progress_reaches_the_end(sheet: ws.TightBindingModel) -> None:
    calls: list[tuple[int, int]] = []
    ws.compute(sheet, "spin_hall", grid=(4, 4, 1), mu=0, temperature=500, progress=lambda *x: calls.append(x))
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1))
    assert calls[-1][0] == calls[-1][1] == len(calls)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 2, 0)])
def test_order_of_the_lattice_vectors(sheet: ws.TightBindingModel, everything: ws.ResultSet, order: tuple[int, ...]) -> None:
    """Results are Cartesian: calling the vacuum a or b, or exchanging a and b, changes nothing."""
    index = list(order)
    turned = replace(
        sheet,
        lattice=sheet.lattice[index],
        R_vectors=sheet.R_vectors[:, index],
        periodic=tuple(sheet.periodic[i] for i in order),
    )
    result = ws.compute(turned, "all", **SETTINGS | {"grid": tuple(SETTINGS["grid"][i] for i in order)})
    for name, tensor in everything.items():
        assert_same(tensor.values, result[name].values, name, tolerance=1e-11)


def test_shift_by_a_whole_step(sheet: ws.TightBindingModel, everything: ws.ResultSet) -> None:
    result = ws.compute(sheet, "all", **SETTINGS, shift=(1, -2, 0))
    for name, tensor in everything.items():
        assert_same(tensor.values, result[name].values, name, tolerance=1e-10)


# --- error estimate -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [(0, 0, 0), (0.3, 0.5, 0)])
def test_error_is_at_least_fine_minus_coarse(sheet: ws.TightBindingModel, shift: tuple[float, ...]) -> None:
    """The even points of a mesh are the mesh of half the density (and half the shift, in its own steps).

    What is left of it is in the error, and the decay of Fourier coefficients asks for more where the two agree by chance.
    """
    fine = ws.compute(sheet, "all", **SETTINGS, shift=shift)
    coarse = ws.compute(sheet, "all", **SETTINGS | {"grid": (3, 4, 1)}, shift=tuple(s / 2 for s in shift))
    for name, tensor in fine.items():
        difference = np.abs(tensor.values - coarse[name].values)
        alone = replace(tensor, block_harmonics=None).error
        scale = np.abs(coarse[name].values).max()
        assert np.abs(alone - difference).max() <= 1e-11 * scale, name
        left = np.abs(tensor._combine({k: rows[-1] for k, rows in tensor.block_harmonics.items()}, tensor.combination))
        assert (left > 0.01 * alone)[alone > 1e-6 * scale].any()
        assert (left <= alone + 1e-11 * scale).all()
        assert (tensor.error >= left).all()
        assert (tensor.error > 1.1 * alone)[alone > 1e-6 * scale].any()


def test_odd_meshes_have_estimates_and_a_point_has_none(sheet: ws.TightBindingModel) -> None:
    tensor = ws.compute(sheet, "spin_hall", grid=(3, 4, 1), mu=0, temperature=500)["spin_hall"]
    assert np.isfinite(tensor.error).all()
    assert tensor.error.max() > 1e-6
    with pytest.warns(ws.AccuracyWarning, match="no error can be estimated"):
        tensor = ws.compute(sheet, "spin_hall", grid=(1, 1, 1), mu=0, temperature=500)["spin_hall"]
    assert np.isnan(tensor.error).all()
    assert np.isfinite(tensor.values).all()


# --- tau, units, blocks: arithmetic on a finished result -----------------------------------------------------------------


def test_tau_is_a_power(everything: ws.ResultSet) -> None:
    for name, tensor in everything.items():
        if name.startswith("ac_"):  # tau/(1 - i w tau): tests/responses/test_finite_frequency.py
            continue
        assert_same(tensor.at(tau=7.0).values, 7.0**tensor.tau_power * tensor.values, name, tolerance=1e-15)
        assert tensor.at(tau=7.0).tau == (7.0,)
    powers = {name: tensor.tau_power for name, tensor in everything.items()}
    assert {name for name, p in powers.items() if p == 2} == {
        "nonlinear_drude_spin_current",
        "nonlinear_drude_spin_magnetization",
    }


def test_several_tau(sheet: ws.TightBindingModel) -> None:
    tensor = ws.compute(sheet, "edelstein", grid=(4, 4, 1), mu=0, temperature=500, tau=[1, 2, 5])["edelstein"]
    assert tensor.over_tau.shape == (3, *tensor.values.shape)
    assert_same(tensor.over_tau[2], 5 * tensor.values, tolerance=1e-15)


def test_si_is_a_factor(sheet: ws.TightBindingModel, everything: ws.ResultSet) -> None:
    """Computed in SI or converted afterwards, tau = 1 hbar/eV is 0.658 fs."""
    femtoseconds = 1 / un.natural_tau(1.0)
    assert femtoseconds == pytest.approx(0.6582119569, rel=1e-9, abs=0)
    result = ws.compute(sheet, "all", **SETTINGS, units="SI", tau=femtoseconds)
    for name, tensor in everything.items():
        converted = tensor.at(units="SI")
        assert converted.tau == pytest.approx((femtoseconds,), rel=1e-14, abs=0)
        assert converted.unit == result[name].unit
        assert_same(converted.values, result[name].values, name, tolerance=1e-14)
        assert_same(converted.at(units="natural").values, tensor.values, name, tolerance=1e-14)
        assert_same(converted.error, result[name].error, name, tolerance=1e-14)


def test_default_tau(sheet: ws.TightBindingModel) -> None:
    for units, tau in (("natural", 1.0), ("SI", 10.0)):
        assert ws.compute(sheet, "edelstein", grid=(2, 2, 1), mu=0, temperature=500, units=units)["edelstein"].tau == (tau,)


def test_sheet_units_by_hand(everything: ws.ResultSet) -> None:
    """Spin Hall conductance of a sheet: e^2/hbar; Edelstein: 1/(A^2 V/A) times tau/hbar, in SI per m^2 and V/m: 1e10."""
    e, hbar = 1.602176634e-19, 1.054571817e-34
    assert_same(everything["spin_hall"].at(units="SI").values, e**2 / hbar * everything["spin_hall"].values, tolerance=1e-8)
    assert_same(everything["edelstein"].at(units="SI").values, 1e10 * everything["edelstein"].values, tolerance=1e-8)


def test_magnetization(everything: ws.ResultSet) -> None:
    assert np.array_equal(everything["edelstein"].magnetization, -2 * everything["edelstein"].values)
    with pytest.raises(ws.InputError, match="is a current"):
        _ = everything["spin_hall"].magnetization


def test_bulk_values_need_a_thickness(everything: ws.ResultSet) -> None:
    with pytest.raises(ws.InputError, match="thickness"):
        _ = everything["spin_hall"].at(units="SI").bulk_values


def test_combination_of_blocks(everything: ws.ResultSet) -> None:
    tensor = everything["magnetic_spin_hall"]
    both = tensor.at(combination={"L1": 1, "L1dir": 1}, tau=3.0)
    assert_same(both.values, 3.0 * (tensor.blocks["L1"] + tensor.blocks["L1dir"]), tolerance=1e-15)
    assert (both.form, dict(both.combination)) == ("custom", {"L1": 1, "L1dir": 1})
    assert_same(tensor.at(form="paper").values, tensor.blocks["L1"], tolerance=1e-15)
    assert_same(tensor.at(form="full").values, tensor.blocks["L1"] + tensor.blocks["L1dir"], tolerance=1e-15)
    errors, rows = tensor.block_errors, tensor.block_harmonics
    assert rows is not None
    assert tensor.half_counts and np.abs(errors["L1"]).max() > 0
    assert_same(both.error, 3.0 * np.sqrt(((rows["L1"] + rows["L1dir"]) ** 2).sum(axis=0)), tolerance=1e-13)  # signed, then |...|
    large = {name: 100 * error for name, error in errors.items()}
    former = replace(both, half_counts=False, block_errors=large)
    floor = 3.0 * OF_HALF * np.abs(large["L1"] + large["L1dir"])
    assert (floor > both.error).any()
    assert_same(former.error, np.maximum(floor, both.error), tolerance=1e-13)


def test_unknown_block(everything: ws.ResultSet) -> None:
    with pytest.raises(ws.InputError, match="L1direct.*stored: .*L1dir"):
        everything["edelstein"].at(combination={"L1direct": 1})


def test_sea_and_surface_agree_on_a_fine_mesh(sheet: ws.TightBindingModel) -> None:
    """L1 + L1dir = L1surf once converged: an extra block is stored on request, under the response that it fits."""
    result = ws.compute(sheet, ["edelstein", "spin_hall"], grid=(96, 96, 1), mu=0.1, temperature=3000.0, blocks=["L1surf"])
    tensor = result["edelstein"]
    surface = tensor.at(combination={"L1surf": 1}).values
    assert_same(tensor.at(combination={"L1": 1, "L1dir": 1}).values, surface, tolerance=1e-4)


def test_component(everything: ws.ResultSet) -> None:
    tensor = everything["spin_hall"]
    values, errors = tensor.component("xy;z")
    assert np.array_equal(values, tensor.values[:, :, 0, 1, 2])
    assert np.array_equal(errors, tensor.error[:, :, 0, 1, 2])
    for wrong in ("xy", "xyzz", "abc"):
        with pytest.raises(ws.InputError, match="3 letters"):
            tensor.component(wrong)


# --- models without spin ------------------------------------------------------------------------------------------------


def test_without_spin_matrices(sheet: ws.TightBindingModel) -> None:
    spinless = replace(sheet, spin_R=None)
    with pytest.raises(ws.InputError, match=r"no spin matrices.*\.spn"):
        ws.compute(spinless, "spin_hall", grid=(2, 2, 1), mu=0, temperature=500)
    names = ["spin_hall", "magnetic_spin_hall", "nonlinear_drude_spin_current"]
    a, b = (ws.compute(m, names, **SETTINGS, channel="charge") for m in (spinless, sheet))
    for name in names:
        assert a[name].output == "charge_current"
        assert "hbar/e" not in a[name].at(units="SI").unit
        assert_same(a[name].values, b[name].values, name, tolerance=1e-13)


def test_charge_hall_effect_is_antisymmetric(sheet: ws.TightBindingModel) -> None:
    values = ws.compute(sheet, "spin_hall", **SETTINGS, channel="charge")["spin_hall"].values
    assert values.shape == (2, 2, 3, 3)
    assert_same(values, -values.swapaxes(-1, -2), tolerance=1e-12)


# --- requests that are refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"responses": "spin_hal"}, "did you mean 'spin_hall'"),
        ({"responses": []}, "no response was asked for"),
        ({"grid": (4, 4)}, "grid must have three numbers"),
        ({"grid": 4}, "grid must have three numbers"),
        ({"grid": (4, 4, 2)}, "2 points along lattice vector c"),
        ({"grid": (4, -4, 1)}, "positive whole numbers"),
        ({"grid": (4, 4.5, 1)}, "positive whole numbers"),
        ({"shift": (0, 0)}, "shift must have three numbers"),
        ({"shift": (0, np.nan, 0)}, "shift must have three numbers"),
        ({"mu": []}, "mu must be"),
        ({"mu": [np.nan]}, "mu must be"),
        ({"mu": "x"}, "mu must be"),
        ({"temperature": -1}, "must not be negative"),
        ({"temperature": 0, "blocks": ["L1surf"]}, "0 K"),
        ({"tau": np.inf}, "tau must be"),
        ({"responses": "displacement_spin_current", "omega": ()}, "give omega"),
        ({"broadening": -0.1, "omega": 0.1, "responses": "displacement_spin_current"}, "broadening = -0.1"),
        ({"units": "cgs"}, "units = 'cgs'.*natural, SI"),
        ({"channel": "heat"}, "channel = 'heat'.*spin, charge"),
        ({"form": "nice"}, "form = 'nice'"),
        ({"spin_current": "nice"}, "spin_current = 'nice'.*simple"),
        ({"relaxation": "nice"}, "relaxation"),
        ({"tolerance": 1e-3}, "tolerance"),
        ({"blocks": ["L9"]}, "block = 'L9'.*L1dir"),
        ({"degeneracy_tolerance": 0}, "degeneracy_tolerance = 0"),
        ({"memory": 1e-9}, "is the least"),
    ],
)
def test_refused(sheet: ws.TightBindingModel, change: dict, message: str) -> None:
    keywords = {"responses": "edelstein", "grid": (4, 4, 1), "mu": 0.1, "temperature": 500} | change
    with pytest.raises(ws.InputError, match=message):
        ws.compute(sheet, **keywords)


# --- provenance and warnings ----------------------------------------------------------------------------------------------


def test_provenance(sheet: ws.TightBindingModel) -> None:
    p = ws.compute(sheet, "spin_hall", grid=(4, 2, 1), mu=0.1, temperature=500, shift=(0.5, 0, 0)).provenance
    assert (p["grid"], p["shift"], p["ranks"], p["k_points_evaluated"]) == ([4, 2, 1], [0.5, 0.0, 0.0], 1, 8)
    assert (p["channel"], p["form"], p["spin_current"]) == ("spin", "full", "simple")
    assert "{v^a, sigma^c}/4" in p["spin_current_definition"]
    assert p["degeneracy_tolerance_eV"] == 5e-4
    assert p["model"] == "random_model"
    assert "seed=1" in p["model_source"]["parameters"]
    assert p["wall_seconds"] > 0
    assert p["versions"]["wannier-spin"] == ws.__version__
    assert {"python", "numpy", "h5py", "wannierberri"} <= set(p["versions"])
    energies = ws.band_geometry(sheet, [[(i + 0.5) / 4, j / 2, 0] for i in range(4) for j in range(2)]).energies
    assert p["lowest_energy_eV"] == pytest.approx(energies.min(), abs=1e-9)
    assert p["highest_energy_eV"] == pytest.approx(energies.max(), abs=1e-9)


def test_hashes_of_the_files(tmp_path: Path) -> None:
    lines = ["test", "1 0 0", "0 1 0", "0 0 1", "2", "1", "1", "", "0 0 0", "1 1 -1 0", "2 1 0.1 0", "1 2 0.1 0", "2 2 1 0"]
    lines += ["", "0 0 0", *(f"{i} {j} 0 0 0 0 0 0" for j in (1, 2) for i in (1, 2))]
    path = tmp_path / "X_tb.dat"
    path.write_text("\n".join(lines) + "\n")
    model = ws.read_tb(path, spin="interleaved")
    source = ws.compute(model, "spin_hall", grid=(2, 2, 2), mu=0, temperature=500).provenance["model_source"]
    assert json.loads(source["files"]) == {"X_tb.dat": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert source["spin"] == "interleaved"


def test_warnings_are_given_and_kept(sheet: ws.TightBindingModel) -> None:
    with pytest.warns(ws.AccuracyWarning, match="outside of them the model has no states") as caught:
        result = ws.compute(sheet, "spin_hall", grid=(2, 2, 1), mu=[0, 99], temperature=5000)
    assert [str(w.message) for w in caught] == list(result.warnings)
    assert len(result.warnings) == 1
    assert "'random_model'" in result.warnings[0]


def test_no_warning_without_a_reason() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = ws.compute(ws.models.get("rashba_exchange"), "spin_hall", grid=(8, 8, 1), mu=0.3, temperature=1000)
    assert result.warnings == ()


def test_nothing_is_left_of_a_large_scan_but_the_result(sheet: ws.TightBindingModel) -> None:
    """Values are real, owned and contiguous: safe to keep and to change."""
    tensor: ResponseTensor = ws.compute(sheet, "edelstein", grid=(2, 2, 1), mu=0, temperature=500)["edelstein"]
    assert tensor.values.dtype == np.float64
    assert tensor.values.flags.writeable
    before = tensor.at(tau=2).values
    tensor.values[...] = 0
    assert same(tensor.at(tau=2).values, before)
