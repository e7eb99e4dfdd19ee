"""Results: files, changes of tau, units and combination, components, and what is refused."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from rounding import same

import wannier_spin as ws
from wannier_spin import InputError, ResponseTensor, compute, models
from wannier_spin.units import natural_tau

SHEET = replace(models.random_model(n=3, seed=37, periodic=(True, True, False)), thickness=3.0)
# 30 eV is outside of the bands: a warning, to be kept with the result
OPTIONS = {"grid": (4, 4, 1), "mu": [0.1, 0.2, 30.0], "temperature": [2000, 3000], "omega": [0.1, 0.2], "broadening": 0.1}
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")


@pytest.fixture(scope="module")
def natural():
    with pytest.warns(ws.AccuracyWarning):
        return compute(SHEET, "all", tau=[1.0, 20.0], **OPTIONS)


@pytest.fixture(scope="module")
def si():
    with pytest.warns(ws.AccuracyWarning):
        return compute(SHEET, "all", tau=[10.0], units="SI", **OPTIONS)


def test_shapes(natural):
    assert list(natural) == list(ws.responses.names())
    for name, tensor in natural.items():
        rank = len(tensor.labels)
        dynamic = (2, 2) if ws.responses.get(name).dynamic else ()
        assert tensor.values.shape == tensor.error.shape == (3, 2, *dynamic, *(3,) * rank)
        assert len(tensor.axes) == tensor.values.ndim
        assert np.abs(tensor.values).max() > 1e-5
        assert np.isfinite(tensor.error).all()  # an even mesh has an estimate
        for block, values in tensor.blocks.items():
            assert values.shape == (3, 2, *(dynamic if block in ws.responses.DYNAMIC_BLOCKS else ()), *(3,) * rank)


def assert_equal_tensors(found, expected):
    for field in fields(ResponseTensor):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name in ("blocks", "block_errors", "block_harmonics") and one is not None:
            assert one.keys() == other.keys()
            for key in one:
                assert np.array_equal(one[key], other[key], equal_nan=True)
        elif isinstance(other, np.ndarray):
            assert np.array_equal(one, other), field.name
        else:
            assert one == other, field.name


@pytest.mark.parametrize("which", ["natural", "si"])
def test_round_trip(which, tmp_path, request):
    result = request.getfixturevalue(which)
    path = result.save(tmp_path / "out.h5")
    assert path == tmp_path / "out.h5"
    back = ws.load(path)
    assert set(back) == set(result)
    for name, tensor in result.items():
        assert_equal_tensors(back[name], tensor)
        assert np.array_equal(back[name].values, tensor.values)
        assert np.array_equal(back[name].error, tensor.error)
        assert back[name].unit == tensor.unit
    assert back.warnings == result.warnings
    assert len(back.warnings) >= 1
    assert dict(back.provenance).keys() == dict(result.provenance).keys()
    for key in ("grid", "shift", "model", "k_points_evaluated", "degeneracy_tolerance_eV", "versions", "model_source"):
        assert back.provenance[key] == result.provenance[key], key
    # what comes back can be changed like the original
    assert same(back["edelstein"].at(tau=3.0).values, result["edelstein"].at(tau=3.0).values)
    again = ws.load(back.save(tmp_path / "again.h5"))
    assert_equal_tensors(again["spin_hall"], result["spin_hall"])


def test_round_trip_keeps_the_order(natural, tmp_path):
    assert list(ws.load(natural.save(tmp_path / "out.h5"))) == list(natural)


def test_the_file_is_for_other_people_too(natural, si, tmp_path):
    """`values`, units and axes are in it, and need no package to be read."""
    with h5py.File(natural.save(tmp_path / "out.h5")) as file:
        group = file["responses/edelstein"]
        assert np.array_equal(group["values"][()], natural["edelstein"].values)
        assert np.array_equal(group["values_over_tau"][()], natural["edelstein"].over_tau)
        assert group.attrs["unit"] == natural["edelstein"].unit
        assert group.attrs["axes"] == '["mu", "temperature", "a", "b"]'
        assert group.attrs["tau_unit"] == "hbar/eV"
    with h5py.File(si.save(tmp_path / "si.h5")) as file:
        group = file["responses/edelstein"]
        assert np.array_equal(group["magnetization"][()], -2 * si["edelstein"].values)
        assert group.attrs["magnetization_unit"] == "mu_B m^-2 per (V/m), M = -2 mu_B <sigma/2>"
        assert group.attrs["tau_unit"] == "fs"


def test_files_that_are_not_results(tmp_path, natural):
    with pytest.raises(InputError, match="does not exist"):
        ws.load(tmp_path / "missing.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        ws.load(tmp_path / "text.h5")
    with pytest.raises(InputError, match="holds 'wannier_spin model', expected 'wannier_spin result'"):
        ws.load(SHEET.save(tmp_path / "model.h5"))
    with pytest.raises(InputError, match="does not exist; create it"):
        natural.save(tmp_path / "nowhere" / "out.h5")
    with pytest.raises(InputError, match="is a folder"):
        natural.save(tmp_path)
    whole = natural.save(tmp_path / "out.h5").read_bytes()
    (tmp_path / "short.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated"):
        ws.load(tmp_path / "short.h5")
    assert not list(tmp_path.glob("*.part"))


def test_tau_is_arithmetic(natural):
    for tensor in natural.values():
        if tensor.name.startswith("ac_"):  # 1/(1 - i w tau): see test_finite_frequency.py
            continue
        at = tensor.at(tau=7.0)
        assert at.tau == (7.0,)
        assert np.abs(at.values - 7.0**tensor.tau_power * tensor.values).max() <= 1e-14 * np.abs(at.values).max()
        assert np.abs(at.error - 7.0**tensor.tau_power * tensor.error).max() <= 1e-14 * np.abs(at.error).max()
        over = tensor.over_tau
        assert over.shape == (2, *tensor.values.shape)
        assert same(over[0], tensor.values)
        assert np.abs(over[1] - 20.0**tensor.tau_power * tensor.values).max() <= 1e-14 * np.abs(over[1]).max()


def test_units_are_arithmetic(natural, si):
    """A change of units keeps the physical tau: 10 fs."""
    for name, tensor in si.items():
        there = natural[name].at(tau=natural_tau(10.0)).at(units="SI")
        assert there.tau == pytest.approx((10.0,))
        assert there.unit == tensor.unit
        scale = np.abs(tensor.values).max()
        assert scale > 0
        assert np.abs(there.values - tensor.values).max() < 1e-13 * scale
        back = there.at(units="natural")
        assert back.tau == pytest.approx((natural_tau(10.0),))
        assert np.abs(back.values - natural[name].at(tau=natural_tau(10.0)).values).max() < 1e-13 * np.abs(back.values).max()
        assert tensor.at(units="SI").tau == tensor.tau


def test_combination(natural):
    tensor = natural["magnetic_spin_hall"]
    full = tensor.at(combination={"L1": 1, "L1dir": 1})
    assert full.form == "custom"
    assert np.abs(tensor.blocks["L1dir"]).max() > 1e-3
    assert same(full.values, tensor.blocks["L1"] + tensor.blocks["L1dir"])
    rows = tensor.block_harmonics["L1"] + tensor.block_harmonics["L1dir"]
    assert same(full.error, np.sqrt((rows**2).sum(axis=0)))  # errors add up with their signs
    half = tensor.at(combination={"L1": 0.5}, tau=2.0)
    assert np.abs(half.values - tensor.blocks["L1"]).max() < 1e-15 * np.abs(half.values).max()
    with pytest.raises(InputError, match=r"has no block \['N2'\]; stored: \['L1', 'L1dir'"):
        tensor.at(combination={"L1": 1, "N2": 1})


def test_forms(natural):
    """Arithmetic on the blocks; the full form is symmetric in the fields (docs/theory.md, section 3)."""
    tensor = natural["nonlinear_intrinsic_spin_current"]
    b = tensor.blocks
    assert tensor.form == "full"
    assert tensor.relaxation == "adiabatic"
    swap = lambda X: (X + X.swapaxes(3, 4)) / 2  # noqa: E731  (mu, T, a, b, d, c)
    coefficients = {"adiabatic": (2, 0, 0), "constant": (1, 1, 0), "intraband": (0, -1, 0), "gao": (1, 0, 1), "static": (0, 0, 0)}
    for relaxation, (kF, kP, kD) in coefficients.items():
        expected = swap(b["S"] + kF * b["F"] + kP * b["P"] + kD * b["D"])
        found = tensor.at(relaxation=relaxation)
        assert np.abs(expected).max() > 1e-4
        assert np.abs(found.values - expected).max() < 1e-14 * np.abs(expected).max()
        assert found.relaxation == relaxation
    paper = tensor.at(form="paper")
    assert paper.relaxation is None
    assert np.abs(paper.values - (b["Q1"] + b["P"] + b["F"])).max() < 1e-15 * np.abs(paper.values).max()
    assert same(paper.at(form="full", relaxation="adiabatic").values, tensor.values)
    drude = natural["nonlinear_drude_spin_current"]
    half = swap(drude.blocks["N2"] + drude.blocks["N2dir"]) / 2
    assert np.abs(drude.values - half).max() < 1e-14 * np.abs(half).max()
    assert np.abs(drude.at(relaxation="constant").values - 2 * half).max() < 1e-14 * np.abs(half).max()
    assert same(drude.at(form="paper").values, drude.blocks["N2"] / 2)
    with pytest.raises(InputError, match="cannot be had in the form 'full static'"):
        drude.at(relaxation="static")
    with pytest.raises(InputError, match="cannot be had in the form"):
        tensor.at(relaxation="exponential")


def test_component(natural):
    tensor = natural["spin_hall"]
    values, error = tensor.component("xy;z")
    assert values.shape == error.shape == (3, 2)
    assert np.array_equal(values, tensor.values[:, :, 0, 1, 2])
    assert np.array_equal(error, tensor.error[:, :, 0, 1, 2])
    assert np.array_equal(tensor.component("xyz")[0], values)
    assert natural["displacement_spin_current"].component("yx;x")[0].shape == (3, 2, 2, 2)
    assert natural["nonlinear_intrinsic_spin_current"].component("xyx;z")[0].shape == (3, 2)
    for wrong in ("xy", "xy;w", "xyzx", ""):
        with pytest.raises(InputError, match="expected 3 letters x, y or z"):
            tensor.component(wrong)


def test_magnetization(natural):
    tensor = natural["edelstein"]
    assert np.array_equal(tensor.magnetization, -2 * tensor.values)
    with pytest.raises(InputError, match="is a current"):
        _ = natural["spin_hall"].magnetization


def test_bulk_values(natural, si):
    bulk, sheet = si["spin_hall"].bulk_values, si["spin_hall"].values
    assert np.abs(sheet).max() > 0
    assert np.abs(bulk - sheet / 3e-10).max() < 1e-12 * np.abs(bulk).max()
    with pytest.raises(InputError, match="need a 2D system with a thickness"):
        _ = natural["spin_hall"].bulk_values
    thin = compute(replace(SHEET, thickness=None), "spin_hall", grid=(2, 2, 1), mu=0, temperature=300, units="SI")["spin_hall"]
    with pytest.raises(InputError, match="need a 2D system with a thickness"):
        _ = thin.bulk_values


def test_error_estimate(natural):
    """The root of the sum of squared harmonics of the combination."""
    tensor = natural["nonlinear_intrinsic_spin_current"]
    rows = sum(tensor.block_harmonics[name] for name in ("Q1", "P", "F"))
    expected = np.sqrt((rows**2).sum(axis=0))
    assert expected.max() > 0
    assert np.abs(tensor.at(form="paper").error - expected).max() <= 1e-14 * expected.max()
    odd = compute(SHEET, "spin_hall", grid=(3, 4, 1), mu=0, temperature=300)["spin_hall"]
    assert np.isnan(odd.block_errors["L0"]).all()
    assert np.isfinite(odd.error).all()


def test_a_missing_response_is_named(natural):
    with pytest.raises(KeyError, match="no response 'spin_nernst'"):
        natural["spin_nernst"]
    assert "spin_nernst" not in natural
