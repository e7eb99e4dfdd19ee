"""Responses in parts: the parts add up, are what plain sums give, and do not depend on states inside of blocks or on ranks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rotations import rotated

import wannier_spin as ws
from wannier_spin import observables
from wannier_spin import responses as resp
from wannier_spin.analysis.kpath import k_mesh
from wannier_spin.analysis.point import Point, point_of
from wannier_spin.errors import InputError

POINT: dict[str, Any] = {"mu": 0.3, "temperature": 3000.0, "tau": 3.0}
FIELD = {"omega": 0.4, "broadening": 0.1}
CHIRAL = ws.models.get("chiral_flat")  # two of its four bands are degenerate everywhere
RANDOM = ws.models.get("random_model")
MODELS = {"random": (RANDOM, (4, 2, 2)), "degenerate": (CHIRAL, (4, 4, 1))}
EDGES = (-1.0, 0.2, 1.0)
WAYS: dict[str, tuple[float, ...]] = {"band": (), "band_pair": (), "energy": EDGES, "energy_pair": EDGES}


def conditions(name: str, **more: Any) -> dict[str, Any]:
    return {**POINT, **(FIELD if resp.get(name).dynamic else {}), **more}


def component_of(name: str) -> str:
    law = resp.get(name).tensor
    return "zxy"[: law.rank] if observables.get(law.observable).local else {3: "xy;z", 4: "xyx;z"}[law.rank]


@pytest.mark.filterwarnings("ignore::wannier_spin.errors.AccuracyWarning")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", resp.names())
def test_parts_add_up(model: str, name: str) -> None:
    """However it is taken apart: to the total, which is what `compute` gives."""
    crystal, grid = MODELS[model]
    expected = ws.compute(crystal, name, grid=grid, **conditions(name))[name].component(component_of(name))[0].ravel()[0]
    assert abs(expected) > 1e-7
    for by, edges in WAYS.items():
        found = ws.decompose(crystal, name, component_of(name), grid=grid, by=by, edges=edges, **conditions(name))
        assert found.values.shape == (4,) * (2 if by.endswith("pair") else 1)
        assert found.total == pytest.approx(expected, rel=1e-12, abs=0)
        assert found.values.sum() == pytest.approx(found.total, rel=1e-10, abs=1e-14 * np.abs(found.values).max())
        if by.endswith("pair"):
            rows = ws.decompose(
                crystal, name, component_of(name), grid=grid, by=by.removesuffix("_pair"), edges=edges, **conditions(name)
            )
            assert found.values.sum(axis=1) == pytest.approx(rows.values, rel=1e-10, abs=1e-13 * np.abs(found.values).max())


@pytest.mark.parametrize("name", [*resp.BLOCKS, *resp.DYNAMIC_BLOCKS])
def test_every_block_is_linear_in_the_weights_of_second_bands(name: str) -> None:
    """Sums over pairs take their weights once; what has no second band does not have them."""
    g = ws.band_geometry(CHIRAL, np.array([[0.1, 0.23, 0.0], [0.4, 0.2, 0.0]]), derivatives=True)
    z = () if name in resp.BLOCKS else (0.4 + 0.1j,)

    def density(partners: np.ndarray | None) -> np.ndarray:
        return resp.block(name).density(resp.BandPairs(g, ("spin_current", "spin"), partners=partners), *z)

    low = np.array([0.7, 0.2, 0.2, 0.4]) * np.ones((2, 1))  # the same within a block
    whole, none = density(None), density(np.zeros((2, 4)))
    assert np.abs(whole).max() > 1e-5
    assert density(low) + density(1 - low) - none == pytest.approx(whole, abs=1e-12 * np.abs(whole).max())
    alone = {"L1dir", "N2dir", "L1surf"}
    assert (np.abs(none).max() > 0) == (name in alone)


@pytest.mark.parametrize("form", ["paper", "full"])
@pytest.mark.parametrize("relaxation", ["adiabatic", "gao"])
def test_parts_add_up_in_every_form(form: str, relaxation: str) -> None:
    options: Any = {"form": form, "relaxation": relaxation, "units": "SI"}
    name = "nonlinear_intrinsic_spin_magnetization"
    found = ws.decompose(CHIRAL, name, "zxy", grid=(4, 4, 1), by="band_pair", **POINT, **options)
    assert abs(found.total) > 0
    assert found.values.sum() == pytest.approx(found.total, rel=1e-9, abs=0)
    assert found.unit == "<sigma/2> m^-2 per (V/m)^2"


def geometry(name: str, grid: tuple[int, int, int]) -> tuple[Any, np.ndarray]:
    """Matrix elements of the random model on a mesh, and f by hand."""
    point = point_of(RANDOM, name, component_of(name), **POINT)
    g = point.geometry(point.source.at_points(k_mesh(grid).points))
    assert not g.has_degeneracies
    return g, 1 / (1 + np.exp((g.energies - POINT["mu"]) / (ws.units.BOLTZMANN * POINT["temperature"])))


def test_pairs_by_plain_sums() -> None:
    """(5) with its direct term, -sum 2 Re[O_nm v^b_mn]/eps_nm f_n (1 - f_m) and -f_n <D_b O>_nn, written out."""
    grid = (2, 2, 1)
    g, f = geometry("edelstein", grid)
    expected = np.zeros((4, 4))
    for k, n, m in np.ndindex(*g.velocity[:, 0].shape):
        if n == m:
            expected[n, n] -= f[k, n] * g.spin_derivative[k, 0, 2, n, n].real / 2
        else:
            element = g.spin[k, 2, n, m] / 2 * g.velocity[k, 0, m, n]
            expected[n, m] -= f[k, n] * (1 - f[k, m]) * 2 * element.real / (g.energies[k, n] - g.energies[k, m])
    expected *= POINT["tau"] / 4 / abs(np.linalg.det(RANDOM.lattice))
    assert np.abs(expected.diagonal()).min() > 1e-5
    found = ws.decompose(RANDOM, "edelstein", "zx", grid=grid, by="band_pair", **POINT)
    assert found.values == pytest.approx(expected, rel=1e-9, abs=1e-12 * np.abs(expected).max())


def test_three_band_terms_belong_to_the_outer_pair() -> None:
    """S, written out: 3P + Re[V^b_nm v^d_mn + V^d_nm v^b_mn]/eps_nm^3, V^b = D_b O + [Y, v^b], whose inner sum is whole."""
    grid = (2, 1, 1)
    g, f = geometry("nonlinear_intrinsic_spin_magnetization", grid)
    expected = np.zeros((4, 4))
    for k, n, m in np.ndindex(*g.velocity[:, 0].shape):
        if n == m:
            continue
        E, v, O, DO = g.energies[k], g.velocity[k], g.spin[k, 2] / 2, g.spin_derivative[k, :, 2] / 2
        gap = E[:, None] - E + np.diag([np.inf] * 4)
        V = [DO[b] + O / gap @ v[b] - v[b] @ (O / gap) for b in (0, 1)]
        exchange = (v[0, n, m] * v[1, m, n]).real * (O[m, m] - O[n, n]).real / gap[n, m] ** 4
        mixed = (V[0][n, m] * v[1, m, n] + V[1][n, m] * v[0, m, n]).real / gap[n, m] ** 3
        expected[n, m] += f[k, n] * (1 - f[k, m]) * (3 * exchange + mixed)
    expected /= 2 * abs(np.linalg.det(RANDOM.lattice))
    options: Any = {"by": "band_pair", "combination": {"S": 1}}
    found = ws.decompose(RANDOM, "nonlinear_intrinsic_spin_magnetization", "zxy", grid=grid, **options, **POINT)
    assert np.abs(found.values).max() > 1e-3
    assert found.values == pytest.approx(expected, rel=1e-9, abs=1e-12 * np.abs(expected).max())


def test_energies_by_a_map() -> None:
    """The part of a window is the sum of the map over the states in it."""
    grid = (4, 3, 1)
    bands = ws.response_map(CHIRAL, k_mesh(grid), "spin_hall", "xyz", **POINT)
    window = np.digitize(bands.energies, EDGES)
    expected = [np.where(window == i, bands.values, 0).sum() / len(bands.values) for i in range(4)]
    found = ws.decompose(CHIRAL, "spin_hall", "xyz", grid=grid, by="energy", edges=EDGES, **POINT)
    assert found.labels == ("below -1", "-1 to 0.2", "0.2 to 1", "above 1")
    assert np.abs(expected[:2]).min() > 1e-6
    assert found.values == pytest.approx(expected, rel=1e-10, abs=0)


def test_pairs_of_filled_bands_are_nothing() -> None:
    model = ws.models.get("kane_mele", rashba=0.03, exchange=(0.05, 0.0, 0.1))
    found = ws.decompose(model, "spin_hall", "xy;z", grid=(6, 6, 1), by="band_pair", mu=0.0, temperature=10.0)
    assert np.abs(found.values[:2, 2:]).max() > 1e-3
    assert np.abs(found.values[:2, :2]).max() < 1e-15
    assert np.abs(found.values[2:]).max() < 1e-15


@pytest.mark.parametrize("name", resp.names())
@pytest.mark.parametrize("by", WAYS)
def test_blocks_are_respected(name: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"grid": (3, 3, 1), "by": by, "edges": WAYS[by], **conditions(name)}
    before = ws.decompose(CHIRAL, name, component_of(name), **options).values
    scale = np.abs(before).max()
    assert scale > 1e-7
    if by.startswith("band"):  # two flat bands, one block: exchanging them changes nothing
        exchanged = before[[0, 2, 1, 3]] if by == "band" else before[np.ix_([0, 2, 1, 3], [0, 2, 1, 3])]
        assert exchanged == pytest.approx(before, abs=1e-10 * scale)
    rng, original = np.random.default_rng(1), Point.geometry
    monkeypatch.setattr(Point, "geometry", lambda self, bloch: rotated(original(self, bloch), rng))
    assert ws.decompose(CHIRAL, name, component_of(name), **options).values == pytest.approx(before, abs=1e-10 * scale)


def test_error_is_that_of_the_mesh() -> None:
    fine, coarse = (ws.decompose(RANDOM, "spin_hall", "xy;z", grid=grid, **POINT) for grid in ((4, 4, 2), (2, 2, 1)))
    assert fine.error == pytest.approx(np.abs(fine.values - coarse.values), rel=1e-9, abs=0)
    assert np.isnan(ws.decompose(RANDOM, "spin_hall", "xy;z", grid=(3, 1, 1), **POINT).error).all()


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [3])
def test_ranks(mpirun: Callable[..., str], tmp_path: Path, ranks: int) -> None:
    RANDOM.save(tmp_path / "model.h5")
    code = (
        "import sys, wannier_spin as ws\n"
        "from wannier_spin.integration.parallel import world\n"
        "comm = world()\n"
        f"options = dict(grid=(5, 2, 3), by='band_pair', mu={POINT['mu']}, temperature=3000.0)\n"
        f"found = ws.decompose(ws.load_model(r'{tmp_path}/model.h5'), 'edelstein', 'xy', comm=comm, **options)\n"
        "if comm.rank == 0: print(*map(repr, map(float, found.values.ravel())))"
    )
    expected = ws.decompose(RANDOM, "edelstein", "xy", grid=(5, 2, 3), by="band_pair", mu=POINT["mu"], temperature=3000.0)
    printed = np.array(mpirun(ranks, "-c", code).split(), float)
    assert np.abs(printed).max() > 1e-4
    assert printed == pytest.approx(expected.values.ravel(), rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "spin"}, "by = 'spin' is not available; choose from band, band_pair, energy, energy_pair"),
        ({"by": "energy"}, "edges = .*: expected at least one energy"),
        ({"by": "energy", "edges": (1.0, 0.0)}, "each larger than the one before"),
        ({"by": "band", "edges": (1.0,)}, "leave them out"),
        ({"grid": (2, 2)}, "grid must be three positive whole numbers"),
        ({"grid": (2, 2, 0)}, "grid must be three positive whole numbers"),
        ({"temperature": 0.0, "combination": {"L1surf": 1}}, "temperature = 0 K"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ws.decompose(RANDOM, "edelstein", "xy", **{"grid": (2, 2, 2), **POINT, **options})


def test_a_sheet_has_one_point_across() -> None:
    with pytest.raises(InputError, match="not periodic; expected 1"):
        ws.decompose(CHIRAL, "edelstein", "xy", grid=(2, 2, 2), **POINT)


def test_bands_are_counted_from_one() -> None:
    found = ws.decompose(CHIRAL, "spin_hall", "xyz", grid=(2, 2, 1), by="band", **POINT)
    assert found.labels == tuple(str(n) for n in range(1, CHIRAL.n_bands + 1))
