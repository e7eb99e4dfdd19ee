"""Maps of responses: their mean is the response, what belongs to a band is what plain sums give, blocks are respected."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from outside import with_random_operators
from rotations import rotated

import wannier_spin as ws
from wannier_spin import responses as resp
from wannier_spin.analysis.kpath import k_mesh
from wannier_spin.analysis.maps import surface_map
from wannier_spin.analysis.point import Point, point_of
from wannier_spin.errors import InputError
from wannier_spin.units import BOLTZMANN

POINT: dict[str, Any] = {"mu": 0.3, "temperature": 3000.0, "tau": 3.0}
FIELD = {"omega": 0.4, "broadening": 0.1}
CHIRAL = ws.models.get("chiral_flat")  # two of its four bands are degenerate everywhere
RANDOM = ws.models.get("random_model")
MODELS = {"random": (RANDOM, (4, 3, 2)), "degenerate": (CHIRAL, (4, 6, 1))}


def conditions(name: str, **more: Any) -> dict[str, Any]:
    return {**POINT, **(FIELD if resp.get(name).dynamic else {}), **more}


def computed(model: ws.TightBindingModel, name: str, grid: tuple[int, int, int], **more: Any) -> ws.ResponseTensor:
    return ws.compute(model, name, grid=grid, **conditions(name, **more))[name]


def largest(tensor: ws.ResponseTensor, part: int = 0) -> tuple[str, float]:
    """The largest component and its value."""
    values = tensor.values[0, 0, 0, part] if len(tensor.omega) else tensor.values[0, 0]
    index = np.unravel_index(np.argmax(np.abs(values)), values.shape)
    return "".join("xyz"[i] for i in index), float(values[index])


def assert_mean(model: ws.TightBindingModel, name: str, grid: tuple[int, int, int], **more: Any) -> None:
    part = more.pop("part", None)
    tensor = computed(model, name, grid, **more)
    component, expected = largest(tensor, tensor.parts.index(part) if part else 0)
    assert np.abs(tensor.at(units="natural").values).max() > 1e-6
    bands = ws.response_map(model, k_mesh(grid), name, component, **conditions(name, part=part, **more))
    assert bands.unit == tensor.unit
    assert bands.values.sum(axis=1).mean() == pytest.approx(expected, rel=1e-12, abs=1e-13 * np.abs(bands.values).mean())


@pytest.mark.filterwarnings("ignore::wannier_spin.errors.AccuracyWarning")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", resp.names())
def test_the_mean_is_the_response(model: str, name: str) -> None:
    assert_mean(*(MODELS[model][0], name, MODELS[model][1]))


@pytest.mark.filterwarnings("ignore::wannier_spin.errors.AccuracyWarning")
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("nonlinear_intrinsic_spin_current", {"form": "paper"}),
        ("nonlinear_intrinsic_spin_magnetization", {"relaxation": "gao", "units": "SI"}),
        ("nonlinear_intrinsic_spin_current", {"relaxation": "static"}),
        ("nonlinear_drude_spin_current", {"relaxation": "constant", "units": "SI"}),
        ("magnetic_spin_hall", {"form": "paper", "units": "SI"}),
        ("spin_hall", {"channel": "charge"}),
        ("displacement_spin_magnetization", {"part": "sin"}),
        ("ac_spin_current", {"part": "sin", "units": "SI"}),
        ("shift_spin_current", {"part": "circular", "units": "SI"}),
    ],
)
def test_the_mean_is_the_response_in_every_form(name: str, more: dict[str, Any]) -> None:
    assert_mean(CHIRAL, name, (4, 6, 1), **more)


@pytest.mark.filterwarnings("ignore::wannier_spin.errors.AccuracyWarning")
@pytest.mark.parametrize("definition", ["ryoo", "qiao"])
@pytest.mark.parametrize("name", ["spin_hall", "nonlinear_drude_spin_current", "shift_spin_current"])
def test_the_mean_is_the_response_with_other_spin_currents(name: str, definition: str) -> None:
    model = with_random_operators(RANDOM)
    assert_mean(model, name, (4, 3, 2), spin_current=definition)
    options = conditions(name, grid=(4, 3, 2))
    simple, other = (ws.compute(model, name, **options, spin_current=which)[name].values for which in ("simple", definition))
    assert np.abs(other - simple).max() > 1e-2 * np.abs(simple).max()


def test_any_combination_of_blocks() -> None:
    tensor = computed(RANDOM, "edelstein", (4, 3, 2), blocks=("L1surf",)).at(combination={"L1surf": 1})
    bands = ws.response_map(RANDOM, k_mesh((4, 3, 2)), "edelstein", "xy", **POINT, combination={"L1surf": 1})
    assert bands.values.sum(axis=1).mean() == pytest.approx(tensor.component("xy")[0].item(), rel=1e-12, abs=0)
    assert "blocks L1surf" in bands.setting


def states(name: str, k: np.ndarray) -> tuple[Point, Any, np.ndarray, np.ndarray]:
    """A point, its geometry at k, and f and f' of the bands by hand."""
    point = point_of(RANDOM, name, "xyz", **POINT)
    g = point.geometry(point.source.at_points(k))
    assert not g.has_degeneracies
    kT = BOLTZMANN * POINT["temperature"]
    f = 1 / (1 + np.exp((g.energies - POINT["mu"]) / kT))
    return point, g, f, -f * (1 - f) / kT


def test_bands_of_the_sea_by_plain_sums() -> None:
    """(6a) with f_n (1 - f_m), written out."""
    mesh = k_mesh((2, 1, 1))
    _, g, f, _ = states("spin_hall", mesh.points)
    expected = np.zeros(g.energies.shape)
    for k, n, m in np.ndindex(*g.velocity[:, 0].shape):
        if n != m:
            element = g.velocity[k, 1, n, m] * g.spin_current[k, 0, 2, m, n]
            weight = f[k, n] * (1 - f[k, m]) / (g.energies[k, n] - g.energies[k, m]) ** 2
            expected[k, n] += 2 * element.imag * weight / abs(np.linalg.det(RANDOM.lattice))
    assert np.abs(expected).max() > 1e-3
    assert ws.response_map(RANDOM, mesh, "spin_hall", "xyz", **POINT).values == pytest.approx(expected)


def test_bands_of_the_surface_by_plain_sums() -> None:
    """(10), -tau^2/4 Obar^{ba} d_c f, written out for band n: the pairs have no further Fermi function."""
    mesh = k_mesh((2, 1, 1))
    _, g, _, slope = states("nonlinear_drude_spin_magnetization", mesh.points)
    expected = np.zeros(g.energies.shape)
    for k, n, m in np.ndindex(*g.velocity[:, 0].shape):
        if n != m:
            r = -1j * g.velocity[k, 1, n, m] / (g.energies[k, n] - g.energies[k, m])
            curvature = -2 * (r * g.spin[k, 0, m, n]).imag
            expected[k, n] -= curvature * slope[k, n] * g.velocity[k, 2, n, n].real / 4
    expected *= POINT["tau"] ** 2 / abs(np.linalg.det(RANDOM.lattice))
    assert np.abs(expected).max() > 1e-3
    found = ws.response_map(RANDOM, mesh, "nonlinear_drude_spin_magnetization", "xyz", **POINT, form="paper")
    assert found.values == pytest.approx(expected)


def test_filled_bands_do_not_cancel_but_vanish() -> None:
    """In the gap at low temperature nothing of an upper band is left, and a pair of filled bands does not matter."""
    model = ws.models.get("kane_mele", rashba=0.03, exchange=(0.05, 0.0, 0.1))
    low = ws.response_map(model, k_mesh((6, 6, 1)), "spin_hall", "xyz", mu=0.0, temperature=10.0)
    assert np.abs(low.values[:, :2]).max() > 1e-2
    assert np.abs(low.values[:, 2:]).max() < 1e-12
    bands = ws.band_map(model, low.k, "spin_berry_curvature", "xyz")
    area = np.linalg.norm(np.cross(*model.lattice[:2]))
    assert low.values.sum(axis=1) == pytest.approx(
        bands.values[:, :2].sum(axis=1) / area, rel=1e-9, abs=1e-12 * np.abs(bands.values).max() / area
    )
    assert np.abs(low.values[:, 0] - bands.values[:, 0] / area).max() > 1e-3  # band by band the filled pairs do matter


@pytest.mark.parametrize("name", resp.names())
def test_blocks_are_respected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The values of the bands of a block are equal, and do not depend on the states chosen inside of it."""
    law = resp.get(name).tensor
    component = "zxy"[: law.rank] if law.rank == 1 + law.field_order else f"{'xyx'[: law.rank - 1]};z"
    arguments: Any = (CHIRAL, k_mesh((5, 3, 1)), name, component)
    before = ws.response_map(*arguments, **conditions(name))
    scale = np.abs(before.values).max()
    assert scale > 1e-6
    rng, original = np.random.default_rng(1), Point.geometry
    monkeypatch.setattr(Point, "geometry", lambda self, bloch: rotated(original(self, bloch), rng))
    after = ws.response_map(*arguments, **conditions(name))
    assert after.values == pytest.approx(before.values, abs=1e-10 * scale)
    assert before.values[:, 1] == pytest.approx(before.values[:, 2], abs=1e-10 * scale)
    assert before.energies[:, 1] == pytest.approx(before.energies[:, 2], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("edelstein", {"L1surf": 1}),
        ("magnetic_spin_hall", {"L1surf": 1}),
        ("nonlinear_drude_spin_current", {"N2": 0.5, "N2dir": 0.5}),
        ("nonlinear_intrinsic_spin_current", {"F": 2}),
    ],
)
def test_density_on_the_fermi_surface(name: str, recipe: dict[str, float]) -> None:
    """response = mean_k sum_n -f'_n c_n."""
    grid = (4, 3, 2)
    tensor = computed(RANDOM, name, grid, blocks=("L1surf",)).at(combination=recipe)
    component = {2: "xy", 3: "xyz", 4: "xxxz"}[len(tensor.labels)]  # equal fields: nothing to symmetrize
    expected = tensor.component(component)[0].item()
    bands = surface_map(RANDOM, k_mesh(grid), name, component, **POINT)
    kT = BOLTZMANN * POINT["temperature"]
    f = 1 / (1 + np.exp((bands.energies - POINT["mu"]) / kT))
    assert abs(expected) > 1e-3
    assert (f * (1 - f) / kT * bands.values).sum(axis=1).mean() == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("name", "component", "options", "message"),
    [
        ("spin_hal", "xyz", {}, "unknown response 'spin_hal'; did you mean 'spin_hall'"),
        ("spin_hall", "xy", {}, "component 'xy' of 'spin_hall': expected 3 letters"),
        ("edelstein", "xy", {"tau": -1}, "tau must be positive"),
        ("edelstein", "xy", {"mu": [0.1, 0.2]}, "mu = .*: expected one number"),
        ("edelstein", "xy", {"temperature": -3}, "temperature must not be negative"),
        ("edelstein", "xy", {"relaxation": "static"}, "no terms with tau"),
        ("edelstein", "xy", {"combination": {"S": 1}}, "has no block"),
        ("edelstein", "xy", {"combination": {"X": 1}}, "block = 'X' is not available"),
        ("nonlinear_drude_spin_magnetization", "xyz", {"temperature": 0}, "temperature = 0 K"),
        ("ac_spin_current", "xyz", {}, "give omega"),
        ("ac_spin_current", "xyz", {"omega": 0.1, "part": "real"}, "part = 'real' of 'ac_spin_current', expected cos or sin"),
        ("edelstein", "xy", {"part": "cos"}, "expected none: it is static"),
    ],
)
def test_refusals(name: str, component: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ws.response_map(RANDOM, k_mesh((1, 1, 1)), name, component, **{**POINT, **options})


def test_models_that_have_no_map() -> None:
    with pytest.raises(InputError, match="is a k·p model"):
        ws.response_map(ws.models.get("massive_dirac"), k_mesh((1, 1, 1)), "spin_hall", "xyz", **POINT)
    with pytest.raises(InputError, match="no spin matrices"):
        ws.response_map(replace(RANDOM, spin_R=None), k_mesh((1, 1, 1)), "spin_hall", "xyz", **POINT)
    with pytest.raises(InputError, match="terms of the Fermi sea only"):
        surface_map(RANDOM, k_mesh((1, 1, 1)), "spin_hall", "xyz", **POINT)


def test_batches_join(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ws.response_map(RANDOM, k_mesh((5, 1, 1)), "edelstein", "xy", **POINT)
    monkeypatch.setattr("wannier_spin.analysis.maps.BATCH", 2)
    parts = ws.response_map(RANDOM, k_mesh((5, 1, 1)), "edelstein", "xy", **POINT)
    assert parts.values == pytest.approx(whole.values, rel=1e-12, abs=0)
