"""Error bars of long scans: made of a sample of its points and a profile, they are as good as those made of every point."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.integrals.bars import bar_sums
from wannier_spin.integrals.bars import mesh_bars as bars
from wannier_spin.models.hoppings import S0, SX, SY, SZ, from_hoppings

MU, TEMPERATURES = np.linspace(-2, 2, 64), [300.0, 150.0, 1000.0]
RESPONSES = ["spin_hall", "edelstein"]


@pytest.fixture(scope="module")
def found() -> dict[str, ws.ResultSet]:
    """The truth, and a coarse mesh with bars of every point and of a sample."""
    model = ws.models.altermagnet(rashba=0.2)
    scan = {"mu": MU, "temperature": TEMPERATURES}
    result = {"truth": ws.compute(model, RESPONSES, grid=(256, 256, 1), shift=(0.3, 0.2, 0), **scan)}
    for name, affordable in (("all", 10**6), ("sample", 0)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bars, "AFFORDABLE", affordable)
            result[name] = ws.compute(model, RESPONSES, grid=(32, 32, 1), **scan)
    return result


@pytest.mark.parametrize("response", RESPONSES)
def test_bars_of_a_sample_are_as_good(found: dict[str, ws.ResultSet], response: str) -> None:
    truth = found["truth"][response].values
    counts = np.abs(truth).max(axis=(0, 1)) > 1e-3 * np.abs(truth).max()
    assert counts.any()
    of_all, of_sample = (found[name][response].values for name in ("all", "sample"))
    assert np.abs(of_all - of_sample).max() < 1e-11 * np.abs(truth).max()  # one summed with the bars, one from a table
    error = np.abs(found["all"][response].values - truth)[..., counts]
    of_all, of_sample = (found[name][response].error[..., counts] for name in ("all", "sample"))
    covered = [(error <= bar).mean() for bar in (of_all, of_sample)]
    ratio = of_sample / of_all
    assert error.max() > 0 and covered[0] > 0.9
    assert covered[1] > covered[0] - 0.02
    assert 0.7 < np.median(ratio) < 1.8
    assert np.quantile(ratio, 0.1) > 0.3 and np.quantile(ratio, 0.9) < 5


def test_a_short_scan_has_all_rows() -> None:
    model = ws.models.altermagnet(rashba=0.2)
    settings = {"grid": (12, 12, 1), "temperature": 300.0}
    long = ws.compute(model, "spin_hall", mu=MU[:12], **settings)["spin_hall"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bars, "AFFORDABLE", 0)
        short = ws.compute(model, "spin_hall", mu=MU[:12], **settings)["spin_hall"]
    assert long.error.max() > 0
    assert np.array_equal(long.error, short.error)


def test_responses_that_the_group_forbids_have_no_probes() -> None:
    """Their bars vanish, and those of the others are what they are with probes of all."""
    model, structure = symmetric_models()["zincblende -43m1'"][:2]
    found = []
    for least in (bars.CANCELLED, -1.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bars, "AFFORDABLE", 0)
            patch.setattr(bars, "CANCELLED", least)
            found.append(ws.compute(model, RESPONSES, grid=(4, 4, 4), mu=MU, temperature=TEMPERATURES, symmetry=structure))
    few, every = found
    size = every["spin_hall"].error.max()
    assert size > 0 and np.abs(few["spin_hall"].error - every["spin_hall"].error).max() < 1e-12 * size
    assert np.abs(every["edelstein"].values).max() < 1e-12
    assert not few["edelstein"].error.any()


@pytest.mark.parametrize("mu", [np.array([-0.4, 0.9, 0.2]), np.array([0.3])])
@pytest.mark.parametrize("points", [(8, 6, 1), (7, 5, 1)])
def test_values_that_are_summed_with_the_bars(mu: np.ndarray, points: tuple[int, int, int]) -> None:
    """They are those of a mesh without bars; mu in any order, terms of the Fermi surface among them."""
    model, settings = ws.models.altermagnet(rashba=0.2), {"grid": points, "mu": mu, "temperature": [300.0, 150.0]}
    found = [ws.compute(model, RESPONSES, **settings)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bars.Bars, "whole", None)
        found.append(ws.compute(model, RESPONSES, **settings))
    for response in RESPONSES:
        values, others = (results[response].values for results in found)
        assert np.abs(values).max() > 0
        assert np.abs(values - others).max() < 1e-13 * np.abs(values).max()
        assert np.array_equal(found[0][response].error > 0, found[1][response].error > 0)


@pytest.mark.parametrize("mu", [np.array([0.3, -0.4]), np.linspace(-1.0, 1.0, 150)])
def test_how_many_points_are_added_at_once_does_not_matter(mu: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor how many channels: of a scan that is summed with the bars, and of a long one, with terms of the Fermi surface."""
    model, found = ws.models.altermagnet(rashba=0.2), []
    monkeypatch.setattr(bars, "AFFORDABLE", 0)
    for points, channels in ((64, 64), (1, 5)):
        monkeypatch.setattr(bar_sums, "POINTS", points)
        monkeypatch.setattr(bar_sums, "CHANNELS", channels)
        found.append(ws.compute(model, RESPONSES, grid=(8, 6, 1), mu=mu, temperature=[300.0, 150.0]))
    for response in RESPONSES:
        one, other = (results[response] for results in found)
        assert one.error.max() > 0
        assert np.abs(one.error - other.error).max() < 1e-12 * one.error.max()
        assert np.abs(one.values - other.values).max() < 1e-13 * np.abs(one.values).max()


def test_a_short_scan_of_nothing_but_what_the_group_forbids() -> None:
    model, structure = symmetric_models()["zincblende -43m1'"][:2]
    found = ws.compute(model, "edelstein", grid=(4, 4, 4), mu=[0.1, 0.2], temperature=300.0, symmetry=structure)["edelstein"]
    assert not found.values.any() and not found.error.any() and found.values.size


@pytest.mark.parametrize("mu", [[-1.7, -1.2, -0.8], np.linspace(-1.72, -1.68, 9)])
def test_few_levels_in_the_cold_have_bars_of_a_scan(mu: list[float]) -> None:
    """Errors oscillate along a scan with about the step of energies: levels of one phase say little of how large they are."""
    model, n_inside = ws.models.altermagnet(rashba=0.1), []
    settings = {"mu": mu, "temperature": 30.0}
    truth = ws.compute(model, "spin_hall", grid=(200, 200, 1), **settings)["spin_hall"].values
    for n in (16, 22, 28):
        found = ws.compute(model, "spin_hall", grid=(n, n, 1), **settings)["spin_hall"]
        error = np.abs(found.values - truth)
        counts = error > 1e-2 * np.abs(truth).max()
        assert counts.any()
        n_inside.append((found.error >= error)[counts])
    assert np.mean(np.concatenate(n_inside)) > 0.9


def bars_of(monkeypatch: pytest.MonkeyPatch, responses: object, mu: object, temperature: object) -> bars.Bars:
    """Those that a mesh of a sheet chooses for a scan."""
    made: list[bars.Bars | None] = []
    own = bars.Bars.of
    monkeypatch.setattr(bars.Bars, "of", lambda *given: made.append(own(*given)) or made[-1])
    ws.compute(ws.models.altermagnet(rashba=0.2), responses, grid=(4, 4, 1), mu=mu, temperature=temperature)  # type: ignore[arg-type]
    assert made[0] is not None
    return made[0]


@pytest.mark.parametrize("affordable", [0, 4000, 12000])
def test_a_sample_is_as_large_as_it_may_be(monkeypatch: pytest.MonkeyPatch, affordable: int) -> None:
    """So many points that their channels cost a share of what n^3 bands cost, and never fewer than the least."""
    monkeypatch.setattr(bars, "AFFORDABLE", affordable)
    found = bars_of(monkeypatch, RESPONSES, np.linspace(-2, 2, 2000), TEMPERATURES)
    n_bands, points = 2, found.sample.occupation.n_points
    most = affordable * n_bands**2 / found.plan.n_channels
    assert points <= max(most, bars.LEAST_SAMPLE) < found.sample.scan.n_points
    assert points > 0.7 * max(most, bars.LEAST_SAMPLE)


def test_what_is_hot_reaches_farther(monkeypatch: pytest.MonkeyPatch) -> None:
    """The further mu of a short scan go as far as f of the hottest one changes."""
    cold, hot, both = (bars_of(monkeypatch, "spin_hall", [0.1], T).at_sample for T in (1000.0, 4000.0, [1000.0, 4000.0]))
    reach = [max(abs(mu - 0.1) for mu in one.span) for one in (cold, hot, both)]
    assert 0 < reach[0] < 0.5 * reach[1]
    assert reach[2] == pytest.approx(reach[1])


def test_a_gap_broadening_of_nothing_changes_no_bar() -> None:
    """Of densities in the sea that are broadened, of others that are not, and of terms of the Fermi surface; of all channels."""
    model, structure = symmetric_models()["zincblende -43m1'"][:2]
    names = ["spin_hall", "nonlinear_intrinsic_spin_current"]
    how = {"grid": (3, 3, 3), "mu": [0.1], "temperature": 1000.0, "symmetry": structure, "reduce_k": False}
    without, tiny, large = (ws.compute(model, names, gap_broadening=width, **how) for width in (0.0, 1e-9, 0.3))
    size = without[names[1]].error.max()
    assert size > 0 and not np.allclose(large[names[1]].error, without[names[1]].error, rtol=1e-2)
    for name in names:
        assert np.abs(tiny[name].error - without[name].error).max() <= 1e-9 * without[name].error.max()


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
def test_bars_of_a_response_do_not_depend_on_its_sites() -> None:
    """Not with ten of them either, of more channels than are combined at once."""
    model, name = ws.models.random_model(n=10, seed=1), "nonlinear_extrinsic_spin_magnetization"
    scan = {"grid": (2, 2, 2), "mu": MU[::2], "temperature": [300.0, 1000.0]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bars, "AFFORDABLE", 0)
        alone = ws.compute(model, name, **scan)[name].error
        with_sites = ws.compute(model, name, sites={f"s{i}": [i] for i in range(10)}, **scan)[name].error
    assert alone.max() > 0
    np.testing.assert_allclose(with_sites, alone, rtol=1e-9)


def test_images_of_one_state_are_one(example_inputs: Path) -> None:
    """GaAs on 12 x 12 x 12 points sees a pocket of its conduction bands by 44 states, images of a few: their Fourier coefficients
    are a twelfth of those at other mu, and bars were 0.97 of the error. Values: of 80 x 80 x 80 points, good to 2 % of the largest.
    """
    folder = example_inputs / "GaAs"
    model, structure = ws.load_model(folder / "GaAs.model.h5"), ws.read_structure(folder / "GaAs.win")
    mu, true, known = np.linspace(8.95, 10.45, 21), np.array([-0.0080859, -0.0090734]), 3e-4
    found = ws.compute(model, "spin_hall", grid=(12, 12, 12), mu=mu, temperature=[300.0, 30.0], symmetry=structure)["spin_hall"]
    value, bar = (x[17:19, 0].reshape(2, -1)[:, 5] for x in (found.values, found.error))
    assert (np.abs(value - true) > 10 * known).all()
    assert (bar > 1.05 * np.abs(value - true)).all()


def test_bars_of_chains_that_hardly_touch() -> None:
    """A Rashba magnet with hoppings along y 0.15 times those along x: its Fermi surfaces are nearly flat, at 300 K too. With the
    power of round ones, and the mean of all velocities, 59 % of these bars held.
    """
    hop = {
        (0, 0, (0, 0)): 0.1 * SX + 0.25 * SZ,
        (0, 0, (1, 0)): -S0 + 0.3j * SY,
        (0, 0, (0, 1)): 0.15 * (-S0 - 0.3j * SX),
    }
    model = from_hoppings(lattice=np.eye(3), sites=[[0, 0]], hoppings=hop, periodic=(True, True, False))
    options = {"mu": np.linspace(-1.8, 1.8, 13), "temperature": 300.0}
    coarse, fine = (ws.compute(model, "edelstein", grid=(n, n, 1), **options)["edelstein"] for n in (16, 96))
    errors = np.abs(coarse.values - fine.values)
    counts = errors > 1e-3 * np.abs(fine.values).max()
    assert counts.sum() > 20 and fine.error.max() < 0.05 * errors.max()
    assert (coarse.error >= errors)[counts].mean() >= 0.95
    assert coarse.error.max() < 3 * errors.max()


def in_other_cells(model: ws.TightBindingModel, cells: np.ndarray) -> ws.TightBindingModel:
    """The same crystal with each function counted in another cell (n, 3): H_nm(R + c_m - c_n) becomes H_nm(R)."""
    found: dict[tuple[int, ...], dict[str, np.ndarray]] = {}
    keys = ("hamiltonian_R", "spin_R")
    for R, matrices in zip(model.R_vectors, zip(*(getattr(model, key) for key in keys), strict=True), strict=True):
        for n, m in np.ndindex(model.n_bands, model.n_bands):
            place = found.setdefault(
                tuple(R - cells[m] + cells[n]), {key: np.zeros_like(x) for key, x in zip(keys, matrices, strict=True)}
            )
            for key, x in zip(keys, matrices, strict=True):
                place[key][n, m] = x[n, m]
    kept = [R for R, x in found.items() if any(y.any() for y in x.values())]
    matrices_R = {key: np.array([found[R][key] for R in kept]) for key in keys}
    centres = model.centres + cells @ model.lattice
    return replace(model, R_vectors=np.array(kept), position_R=None, centres=centres, **matrices_R)


def test_bars_do_not_depend_on_the_cells_in_which_functions_are_counted() -> None:
    """The step of energies from one point to the next did: 0.1 and 0.31 for these two, with bars up to nine times apart."""
    model = ws.models.kagome_mn3sn()
    cells = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [-1, 2, 0], [-1, 2, 0]])
    options = {"grid": (20, 20, 1), "mu": np.linspace(-2, 2, 12), "temperature": 300.0}
    one, other = (ws.compute(each, "spin_hall", **options)["spin_hall"] for each in (model, in_other_cells(model, cells)))
    assert np.abs(one.values).max() > 1e-3
    assert np.abs(one.values - other.values).max() < 1e-12 * np.abs(one.values).max()
    assert np.abs(one.error - other.error).max() < 1e-9 * one.error.max()
