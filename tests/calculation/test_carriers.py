"""Numbers of carriers in place of mu."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import entry_point
from scipy.optimize import brentq
from scipy.special import expit

import wannier_spin as ws
from wannier_spin import Carriers, InputError
from wannier_spin.calculation.carriers import Levels
from wannier_spin.calculation.carriers import _judged as judged_with_mu
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.prepared import prepare
from wannier_spin.results import load
from wannier_spin.results.carriers import CarrierScan, along_carriers
from wannier_spin.results.compare import compared
from wannier_spin.units import thermal_energy

SHEET = ws.models.rashba_exchange()
GRID = (24, 24, 1)
ASKED: Any = {"temperature": [300.0, 900.0], "grid": GRID}


def levels(model: Any = SHEET, grid: tuple[int, int, int] = GRID) -> Levels:
    return Levels.on(model, Mesh(grid, (0.0, 0.0, 0.0)), SERIAL)


def test_mu_holds_the_number_of_electrons() -> None:
    """By a sum over all states that shares nothing with the solution; between and beyond 0 K."""
    found = levels()
    states = np.repeat(found.energies, np.diff(found.before).astype(int))
    assert len(states) == 2 * 24 * 24
    for added in (-0.4, 0.1, 0.83):
        for T in (30.0, 300.0, 3000.0):
            kT = thermal_energy(T)
            mu = found.mu(1, added, kT)
            assert expit((mu - states) / kT).sum() / 24**2 == pytest.approx(1 + added, abs=1e-12)
        cold = found.mu(1, added, 0.0)
        below, above = (states < cold - 1e-9).sum(), (states < cold + 1e-9).sum()
        assert below <= (1 + added) * 24**2 <= above
        assert abs(found.mu(1, added, thermal_energy(0.1)) - cold) < 1e-3


def test_intrinsic_semiconductor() -> None:
    """Carriers of 1e-30 in a gap of 1.5 eV: two levels of different degeneracy, mu = middle + kT/2 log(g_v/g_c)."""
    found = Levels(np.array([0.0, 1.5]), np.array([0.0, 3.0, 4.0]), 1)
    for T in (100.0, 300.0):
        kT = thermal_energy(T)
        assert found.mu(3, 0.0, kT) == pytest.approx(0.75 + kT / 2 * np.log(3), abs=1e-10)
        doped = brentq(lambda mu, kT=kT: 3 * expit(mu / kT) + expit((mu - 1.5) / kT) - 3 - 1e-6, 0.75, 1.5, xtol=1e-14)
        assert found.mu(3, 1e-6, kT) == pytest.approx(doped, abs=1e-7)
    assert found.mu(3, 0.0, 0.0) == 0.75


def test_responses_are_those_at_the_solved_mu() -> None:
    carriers = Carriers([-0.3, 0.0, 0.2], electrons=1)
    result = ws.compute(SHEET, ["edelstein", "spin_hall"], carriers=carriers, **ASKED)
    for name, tensor in result.items():
        assert tensor.values.shape[:2] == (3, 2)
        assert np.array_equal(tensor.carriers, carriers.values)
        assert np.ptp(tensor.carriers_mu, axis=0).min() > 0.1
        assert np.abs(np.diff(tensor.carriers_mu, axis=1)).max() > 1e-3  # mu moves with T
        for i in range(3):
            for t, T in enumerate(ASKED["temperature"]):
                mu = tensor.carriers_mu[i, t]
                assert mu == pytest.approx(levels().mu(1, carriers.values[i], thermal_energy(T)), abs=1e-9)
                plain = ws.compute(SHEET, name, mu=mu, temperature=T, grid=GRID)[name]
                assert np.abs(tensor.values[i, t] - plain.values[0, 0]).max() < 1e-10 * np.abs(tensor.values).max()
                assert (tensor.error[i, t] >= 0.5 * plain.error[0, 0]).all()  # bars of a scan are made at a sample of it


def test_half_of_the_change_over_the_bar_of_mu_is_a_contribution() -> None:
    """On each side of mu the bar is as long: of a straight line it is slope times bar."""
    mu, error = np.array([[-0.5], [0.3]]), np.array([[0.1], [0.2]])
    wanted = np.unique(np.concatenate([mu, mu - error, mu + error]))
    tensor = ws.compute(SHEET, "edelstein", mu=wanted, temperature=300.0, grid=(4, 4, 1))["edelstein"]
    straight = {name: 2.5 * wanted[:, None, None, None] + np.zeros_like(X) for name, X in tensor.blocks.items()}
    scan = CarrierScan(np.array([0.1, 0.2]), "electrons", mu, error)
    found = along_carriers(replace(tensor, blocks=straight), scan)
    for name, X in found.blocks.items():
        assert X == pytest.approx(2.5 * mu[..., None, None] + np.zeros_like(X))
        assert found.block_harmonics[name][-1] == pytest.approx(2.5 * error[..., None, None] + np.zeros_like(X))
        assert len(found.block_harmonics[name]) == len(tensor.block_harmonics[name]) + 1


def test_the_bar_of_mu_is_part_of_the_bar() -> None:
    """Both bars cover what a denser mesh changes; mu alone moves the response by the difference over its bar."""
    carriers = Carriers([0.1, 0.4], electrons=1)
    coarse, fine = (
        ws.compute(SHEET, "edelstein", carriers=carriers, temperature=300.0, grid=(n, n, 1))["edelstein"] for n in (16, 96)
    )
    assert coarse.carriers_mu_error.max() > 1e-5
    assert (np.abs(coarse.carriers_mu - fine.carriers_mu) <= 3 * (coarse.carriers_mu_error + fine.carriers_mu_error)).all()
    assert (np.abs(coarse.values - fine.values) <= 2 * (coarse.error + fine.error) + 1e-12).all()
    at = [coarse.carriers_mu.ravel() + sign * coarse.carriers_mu_error.ravel() for sign in (-1, 1)]
    low, high = (ws.compute(SHEET, "edelstein", mu=mu, temperature=300.0, grid=(16, 16, 1))["edelstein"].values for mu in at)
    assert np.abs(high - low).max() > 1e-6
    assert (coarse.error >= np.abs(high - low) / 2 - 1e-9).all()


def test_symmetry_and_tolerance(tmp_path: Path) -> None:
    """Irreducible points give the same mu; within a tolerance its meshes are chosen, and the result says whether it holds."""
    model = ws.models.kane_mele()
    carriers = Carriers(0.1, "cm-2", electrons=2)
    result = ws.compute(model, "spin_hall", carriers=carriers, temperature=[600.0, 10.0], tolerance=0.05)["spin_hall"]
    assert result.converged
    assert result.carriers_unit == "cm-2"
    bar, small = result.carriers_mu_error, 0.02 * np.array([thermal_energy(T) for T in (600.0, 10.0)])
    assert (bar <= np.maximum(small, 1e-4)).all()
    assert bar[0, 1] > small[1]  # where 1e-4 eV is the larger of both, it is enough


def test_zeros_sites_and_windows_within_a_tolerance() -> None:
    """What P times T forbids is no less converged than at a given mu; with the bar of mu sites are held to the tolerance, too; and
    only carriers whose mu is in its window.
    """
    asked: Any = {"temperature": 600.0, "tolerance": ws.Tolerance(0.05), "sites": {"A": [0, 1], "B": [2, 3]}}
    model, name = ws.models.pt_antiferromagnet(), "edelstein"
    result = ws.compute(model, name, carriers=Carriers([-0.3, 0.4], electrons=2), **asked)[name]
    at_mu = ws.compute(model, name, mu=result.carriers_mu.ravel(), **asked)[name]
    at_a_site = result.site("A")
    assert np.abs(result.values).max() < 1e-12 < 1e-3 < np.abs(at_a_site.values).max()
    assert at_mu.converged and result.converged and all(one.converged for one in result.sites.values())
    low, high = ((mu - 1e-3, mu + 1e-3) for mu in result.carriers_mu.ravel())
    for window, factors, reached in (
        (None, [1, 1], True),
        (None, [1, 20.0], False),
        (low, [1, 20.0], True),
        (high, [1, 20.0], False),
        (high, [20.0, 1], True),
    ):
        wider = {key: rows * np.array(factors).reshape(-1, 1, 1, 1) for key, rows in at_a_site.block_harmonics.items()}
        sites = {**result.sites, "A": replace(at_a_site, block_harmonics=wider)}
        judged = judged_with_mu(replace(result, sites=sites), at_mu, ws.Tolerance(0.05, window=window))
        assert judged.converged and all(one.converged == reached for one in judged.sites.values()), window


def test_results_of_two_meshes_are_compared_at_their_carriers() -> None:
    """Their mu differ. What integrates over mu refuses a scan over carriers. What is noted for each mu is so for each number."""
    asked: Any = {"carriers": Carriers([-0.1, 0.1], electrons=1), "temperature": 300.0}
    one, other = (ws.compute(SHEET, ["edelstein", "spin_hall"], grid=(n, n, 1), **asked) for n in (24, 30))
    assert np.abs(one["edelstein"].mu - other["edelstein"].mu).min() > 1e-8
    (found, *_), notes = compared(one, other)
    assert found.tensors[0].values.shape[0] == 2
    assert not notes
    with pytest.raises(InputError, match="scan over carriers"):
        ws.thermal_counterpart(one["edelstein"], 3000.0)
    gaps = ws.compute(SHEET, "nonlinear_intrinsic_spin_current", grid=GRID, **asked).provenance["smallest_gap_at_fermi_level_eV"]
    assert np.shape(gaps) == (2,)


def test_units() -> None:
    """1e14 electrons for each square centimetre of the sheet."""
    area = abs(np.linalg.det(SHEET.lattice[:2, :2]))
    carriers = Carriers(1e14, "cm-2", electrons=1)
    assert carriers.per_cell(area, 2) == pytest.approx([1e14 * area * 1e-16])
    assert Carriers(1e20, "cm-3", electrons=1).per_cell(100.0, 3) == pytest.approx([1e20 * 100e-24], rel=1e-12, abs=0)
    with pytest.raises(InputError, match="expected cell or cm-2"):
        Carriers(1.0, "cm-3", electrons=1).per_cell(area, 2)


def test_stored_shown_and_chosen(tmp_path: Path) -> None:
    result = ws.compute(SHEET, "edelstein", carriers=Carriers([-0.3, 0.0, 0.2], electrons=1), **ASKED)
    result.save(tmp_path / "a.h5")
    again = load(tmp_path / "a.h5")["edelstein"]
    for name in ("carriers", "carriers_mu", "carriers_mu_error", "values", "error"):
        assert np.array_equal(getattr(again, name), getattr(result["edelstein"], name)), name
    assert "carriers = -0.3, 0, 0.2 cell (6 mu from" in repr(result)
    one = again.sel(carriers=0.2, temperature=900.0)
    assert one.mu == pytest.approx([again.carriers_mu[2, 1]])
    assert np.array_equal(one.values[0, 0], again.values[2, 1])
    assert "carriers" not in ws.compute(SHEET, "edelstein", mu=0.1, **ASKED)["edelstein"].sel(mu=0.1).__repr__()
    with pytest.raises(InputError, match="does not depend on carriers"):
        ws.compute(SHEET, "edelstein", mu=0.1, **ASKED)["edelstein"].sel(carriers=0.1)
    table = ws.export(result, tmp_path / "a.csv").read_text().splitlines()
    mu = {(row.split(",")[-1], row.split(",")[2]): float(row.split(",")[1]) for row in table[1:]}
    assert mu[("0.2", "900.0")] == again.carriers_mu[2, 1]
    data = ws.export(result, tmp_path / "a.json").read_text()
    assert '"carriers_mu"' in data
    figure = ws.plot(result)
    assert figure.axes[0].get_xlabel() == "carriers (electrons per cell)"


def test_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    SHEET.save(tmp_path / "sheet.model.h5")
    low = levels().mu(1, 0.0, 0.0)
    text = f"""
        seedname = "sheet.model.h5"
        responses = "edelstein"
        fermi_energy = {low}
        temperature = 300
        grid = [24, 24, 1]
        units = "natural"
        """
    (tmp_path / "a.toml").write_text(text + "carriers = [0.1, 0.2]")
    (tmp_path / "b.toml").write_text(text + "[carriers]\nvalues = { from = 0.1, to = 0.2, points = 2 }\nelectrons = 1")
    for name in ("a", "b"):
        done = entry_point(monkeypatch, capsys)("run", tmp_path / f"{name}.toml")
        assert done.code == 0
    a, b = (load(tmp_path / f"{name}.h5")["edelstein"] for name in ("a", "b"))
    expected = ws.compute(SHEET, "edelstein", carriers=Carriers([0.1, 0.2], electrons=1), temperature=300.0, grid=GRID)
    assert np.abs(a.values).max() > 1e-4
    assert np.array_equal(a.values, b.values)
    assert "components at carriers = 0.1 cell, mu = " in done.out
    assert np.allclose(a.carriers_mu, expected["edelstein"].carriers_mu, rtol=0, atol=1e-9)
    assert load(tmp_path / "a.h5").provenance["electrons_when_neutral"] == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"carriers": Carriers(5.0, electrons=1)}, "have room for"),
        ({"carriers": Carriers(0.1, fermi_energy=0.3)}, "no whole number|has a whole number"),
        ({"carriers": Carriers(0.1, electrons=1), "mu": 0.1}, "found both"),
        ({"carriers": 0.1}, r"expected Carriers\(values"),
    ],
)
def test_what_is_refused(asked: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ws.compute(SHEET, "edelstein", **asked, **ASKED)


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InputError, match="count from the neutral crystal"):
        Carriers(0.1)
    with pytest.raises(InputError, match="expected one of cell"):
        Carriers(0.1, "m-3", electrons=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="finite numbers"):
        Carriers([0.1, np.nan], electrons=1)
    with pytest.raises(InputError, match="whole number of electrons"):
        Carriers(0.1, electrons=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="need a crystal"):
        ws.compute(ws.models.massive_dirac(), "edelstein", carriers=Carriers(0.1, electrons=1), temperature=0, tolerance=0.1)
    with pytest.raises(InputError, match="are solved for by compute"):
        prepare(SHEET, ws.Request("edelstein", carriers=Carriers(0.1, electrons=1), temperature=300))
