"""Units that people quote: factors by hand, what fits, what is refused."""

from pathlib import Path

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.results.quoted import QUOTED

RESPONSES = ["spin_hall", "edelstein", "nonlinear_intrinsic_spin_current", "nonlinear_extrinsic_spin_magnetization"]


@pytest.fixture(scope="module")
def sheet() -> ws.ResultSet:
    """A Rashba magnet on a square lattice of 1 angstrom."""
    model = ws.models.rashba_exchange()
    return ws.compute(model, RESPONSES, grid=(6, 6, 1), mu=-3.0, temperature=1000, units="SI", sites={"A": [0, 1]})


def test_magnetons_of_a_cell(sheet: ws.ResultSet) -> None:
    """M = -2 mu_B <sigma/2>, of 1 angstrom^2, per V/m or V/nm."""
    spin = sheet["edelstein"].values
    assert np.abs(spin).max() > 1e6
    for unit, field in (("mu_B/cell", 1.0), ("mu_B nm/V", 1e9)):
        quoted = sheet.quoted(unit)["edelstein"]
        np.testing.assert_allclose(quoted.values, -2e-20 * field * spin, rtol=1e-12)
        np.testing.assert_allclose(quoted.error, 2e-20 * field * sheet["edelstein"].error, rtol=1e-12)
        np.testing.assert_allclose(quoted.site("A").values, -2e-20 * field * sheet["edelstein"].site("A").values, rtol=1e-12)
    assert sheet.quoted("mu_B nm/V")["edelstein"].unit == "mu_B nm/V per cell"
    assert sheet.quoted("mu_B/cell")["edelstein"].unit == "mu_B m/V per cell"
    second = sheet.quoted("mu_B/cell")["nonlinear_extrinsic_spin_magnetization"]
    assert second.unit == "mu_B (m/V)^2 per cell"
    np.testing.assert_allclose(second.values, -2e-20 * sheet[second.name].values, rtol=1e-12)
    second = sheet.quoted("mu_B nm/V")["nonlinear_extrinsic_spin_magnetization"]
    assert second.unit == "mu_B (nm/V)^2 per cell"
    np.testing.assert_allclose(second.values, -2e-2 * sheet[second.name].values, rtol=1e-12)


def test_currents(sheet: ws.ResultSet) -> None:
    second = sheet.quoted("uA/V^2")["nonlinear_intrinsic_spin_current"]
    assert second.unit == "(hbar/e) nm uA/V^2"
    np.testing.assert_allclose(second.values, 1e15 * sheet[second.name].values, rtol=1e-12)
    crystal = ws.compute(ws.models.zincblende(), "spin_hall", grid=(4, 4, 4), mu=0.5, temperature=3000, units="SI")
    quoted = crystal.quoted("S/cm")["spin_hall"]
    assert quoted.unit == "(hbar/e) S/cm"
    assert np.abs(quoted.values).max() > 0
    np.testing.assert_allclose(quoted.values, crystal["spin_hall"].values / 100, rtol=1e-12)
    np.testing.assert_allclose(quoted.at(units="SI").values, crystal["spin_hall"].values, rtol=1e-12)


def test_what_does_not_fit_stays_or_is_refused(sheet: ws.ResultSet) -> None:
    assert sheet.quoted("mu_B/cell")["spin_hall"].unit == sheet["spin_hall"].unit
    with pytest.raises(ws.InputError, match="no response of this result is in S/cm"):
        sheet.quoted("S/cm")
    with pytest.raises(ws.InputError, match=r"not known; choose from S/cm, mu_B/cell"):
        sheet.quoted("S/inch")
    with pytest.raises(ws.InputError, match="how many atoms"):
        sheet.quoted("mu_B/atom")
    old = sheet.with_facts(notes={})
    with pytest.raises(ws.InputError, match="how large its cell"):
        old.quoted("mu_B/cell")


@pytest.mark.parametrize(
    ("unit", "fitting"),
    [
        ("mu_B/cell", {"edelstein", "nonlinear_extrinsic_spin_magnetization"}),
        ("mu_B nm/V", {"edelstein", "nonlinear_extrinsic_spin_magnetization"}),
        ("uA/V^2", {"nonlinear_intrinsic_spin_current"}),
    ],
)
def test_which_responses_a_unit_fits(sheet: ws.ResultSet, unit: str, fitting: set[str]) -> None:
    assert {name for name, tensor in sheet.quoted(unit).items() if tensor.unit != sheet[name].unit} == fitting


def test_atoms_of_a_structure(sheet: ws.ResultSet) -> None:
    two = sheet.with_facts(notes={**sheet.facts.notes, "atoms": 2})
    one, other = (two.quoted(unit)["edelstein"] for unit in ("mu_B/cell", "mu_B/atom"))
    assert np.abs(one.values).max() > 0
    np.testing.assert_allclose(one.values / 2, other.values)
    assert other.unit == "mu_B m/V per atom"


def test_a_run_with_a_structure_counts_its_atoms() -> None:
    iron = Path(__file__).resolve().parents[2] / "example_inputs" / "Fe"
    crystal = {"symmetry": ws.read_structure(iron / "Fe.win", [(0, 0, 2.2)]), "reduce_k": False}
    result = ws.compute(ws.load_model(iron / "Fe.model.h5"), "spin_hall", grid=(2, 2, 2), mu=17.6, temperature=5000, **crystal)
    assert result.facts.notes["atoms"] == 1
    assert result.facts.notes["cell_volume"] == pytest.approx(2.87**3 / 2, rel=0.01, abs=0)


def test_files_have_the_unit_of_si(sheet: ws.ResultSet, tmp_path: Path) -> None:
    loaded = ws.load(sheet.quoted("mu_B/cell").save(tmp_path / "x.h5"))
    np.testing.assert_array_equal(loaded["edelstein"].values, sheet["edelstein"].values)
    assert loaded["edelstein"].unit == sheet["edelstein"].unit


def test_every_unit_is_explained() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "howto.md").read_text(encoding="utf-8")
    assert all(f"`{unit}`" in page for unit in QUOTED)
