"""The orbital moment as an observable: closed forms, its derivative, degenerate groups, and that one file is all it takes."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from outside import with_random_operators
from rotations import rotated
from test_layers import FILES
from test_limits import _lines_of_code

from wannier_spin import band_geometry, compute, models, observables, response_map, responses
from wannier_spin.analysis.kpath import k_mesh
from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import BandGeometry
from wannier_spin.observables import orbital
from wannier_spin.units import BOLTZMANN, ELECTRON_MASS

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
K = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 3))
MODELS = {
    "random": (models.random_model(n=4, seed=1), K),
    "pairs": (with_random_operators(models.pt_antiferromagnet(), seed=2), K * [1, 1, 0]),
    "flat pair": (with_random_operators(models.chiral_flat(), seed=3), K * [1, 1, 0]),
}


def test_moment_of_a_massive_dirac_cone():
    """m_e v^2 D/(v^2 k^2 + D^2) along z for both bands: Xiao, Yao and Niu, Phys. Rev. Lett. 99, 236809 (2007)."""
    v, gap, k = 1.3, 0.5, 0.4
    g = band_geometry(models.massive_dirac(v=v, gap=gap), [[k, 0.0, 0.0]])
    found = np.einsum("konn->on", g.observable("orbital_moment")).real
    expected = ELECTRON_MASS * v**2 * gap / (v**2 * k**2 + gap**2)
    assert found[2] == pytest.approx([expected, expected], rel=1e-13, abs=0)
    assert np.abs(found[:2]).max() < 1e-15


def test_orbital_hall_of_a_massive_dirac_cone():
    """sigma_xy;z = m_e v^2/(12 pi D) in the gap, times (D/mu)^3 in the bands, at T = 0: L times the Berry curvature, integrated."""
    v, gap, mu = 1.3, 0.04, 0.06
    name = "orbital_hall"
    tensor = compute(models.massive_dirac(v=v, gap=gap), name, grid=(40, 8), mu=[0.0, mu], temperature=0)[name]
    expected = ELECTRON_MASS * v**2 / (12 * np.pi * gap) * np.array([1, (gap / mu) ** 3])
    assert tensor.values[:, 0, 0, 1, 2] == pytest.approx(expected, rel=1e-6, abs=0)
    assert tensor.values[:, 0, 1, 0, 2] == pytest.approx(-expected, rel=1e-6, abs=0)


def test_definition():
    """i (m_e/2) sum_l [1/(e_l - e_n) + 1/(e_l - e_m)] (v_nl x v_lm), state by state."""
    g = band_geometry(*MODELS["random"], degeneracy_tolerance=1e-8)
    e, v, n = g.energies[0], g.velocity[0], g.energies.shape[1]
    expected = np.zeros((3, n, n), complex)
    for a, b in np.ndindex(n, n):
        for other in set(range(n)) - {a, b}:
            weight = 1 / (e[other] - e[a]) + 1 / (e[other] - e[b])
            expected[:, a, b] += 0.5j * ELECTRON_MASS * weight * np.cross(v[:, a, other], v[:, other, b])
    assert np.abs(expected).max() > 0.01
    assert np.abs(g.observable("orbital_moment")[0] - expected).max() < 1e-13


@pytest.mark.parametrize("name", ["orbital_moment", "orbital_current"])
@pytest.mark.parametrize("model", MODELS)
def test_covariant_derivative(model, name):
    """D_b O = d_b O - i [A_b, O], d_b by sixth-order differences in the Wannier gauge, also where bands are degenerate."""
    model, k = MODELS[model]

    def wannier_gauge(points):
        g = band_geometry(model, points, degeneracy_tolerance=1e-7)
        U = g.states[:, None]
        phase = np.exp(-2j * np.pi * (points - k) @ np.linalg.inv(model.lattice).T @ model.centres.T)[:, None]
        return phase[..., None] * (U @ g.observable(name) @ U.conj().swapaxes(-1, -2)) * phase[..., None, :].conj()

    g = band_geometry(model, k, degeneracy_tolerance=1e-7, derivatives=True)
    U = g.states[:, None, None]
    found = U @ g.observable_derivative(name) @ U.conj().swapaxes(-1, -2)
    A, O, h = BlochSum(model, False).at_points(k).connection, wannier_gauge(k), 1e-3  # noqa: E741
    for b in range(3 if all(model.periodic) else 2):
        step = h * model.lattice[:, b] / (2 * np.pi)
        ahead, behind = ([wannier_gauge(k + s * i * step) for i in (1, 2, 3)] for s in (1, -1))
        slope = sum(c * (x - y) for c, x, y in zip((3 / 4, -3 / 20, 1 / 60), ahead, behind, strict=True)) / h
        slope = slope if A is None else slope - 1j * (A[:, b, None] @ O - O @ A[:, b, None])
        assert np.abs(slope).max() > 1e-3
        assert np.abs(found[:, b] - slope).max() < 1e-9 * np.abs(found).max()


@pytest.mark.parametrize("model", ["pairs", "flat pair"])
def test_states_inside_a_block_do_not_matter(model):
    g = band_geometry(*MODELS[model], degeneracy_tolerance=1e-7, derivatives=True)
    other = rotated(g, np.random.default_rng(1))
    assert np.abs(g.observable("orbital_moment") - other.observable("orbital_moment")).max() > 1e-4

    def wannier(g: BandGeometry, X):
        U = g.states.reshape(len(g.states), *(1,) * (X.ndim - 3), *g.states.shape[1:])
        return U @ X @ U.conj().swapaxes(-1, -2)

    for name in ("orbital_moment", "orbital_current"):
        for part in (BandGeometry.observable, BandGeometry.observable_derivative):
            here, there = wannier(g, part(g, name)), wannier(other, part(other, name))
            assert np.abs(here).max() > 1e-3
            assert np.abs(here - there).max() < 1e-11 * np.abs(here).max()


# The spin in its place: everything behind an observable asks its record, and nothing else


@cache
def spin_as_moment():
    spin = observables.get("spin")
    moment = replace(observables.get("orbital_moment"), matrix=spin.matrix, derivative=spin.derivative, needs=spin.needs)
    current = observables.product(
        observables.get("charge_current"),
        moment,
        name="orbital_current",
        symbol="K",
        title="orbital current",
        measure=orbital.CURRENT.measure,
    )
    return {"orbital_moment": {"": moment}, "orbital_current": {"": current}}


def test_one_file_is_all_it_takes():
    """At most 60 lines of code; no other module names the observables or their responses, and one imports it."""
    words = ("orbital_moment", "orbital_current", "orbital_hall", "orbital_edelstein", "orbital_nernst")
    texts = {module: path.read_text(encoding="utf-8") for module, path in FILES.items()}
    assert {module for module, text in texts.items() if any(word in text for word in words)} == {"observables.orbital"}
    assert len(_lines_of_code(texts["observables.orbital"])) <= 60
    imports = re.compile(r"observables.*\borbital\b|^    orbital,$", re.MULTILINE)
    assert {module for module, text in texts.items() if imports.search(text)} == {"observables"}


PAIRS = {"orbital_hall": "spin_hall", "orbital_edelstein": "edelstein"}
MODEL = models.random_model(n=4, seed=1, decay=1.6)
SETTINGS = {"mu": [-0.2, 0.2], "temperature": 0.3 / BOLTZMANN}


@pytest.mark.parametrize(
    "how", [{"grid": (3, 3, 3)}, {"tolerance": 0.5}, {"grid": (3, 3, 3), "sites": {"one": [0, 1], "two": [2]}}]
)
def test_spin_in_its_place(how, monkeypatch):
    """L := sigma/2 makes the spin responses, on meshes, on boxes, and at sites."""
    for name, known in spin_as_moment().items():
        monkeypatch.setitem(observables.OBSERVABLES, name, known)
    orbital, spin = (compute(MODEL, list(names), **SETTINGS, **how) for names in (PAIRS, PAIRS.values()))
    for name, expected in PAIRS.items():
        assert np.abs(spin[expected].values).max() > 1e-3
        pairs = [(orbital[name], spin[expected])]
        pairs += [(part, spin[expected].site(site)) for site, part in orbital[name].sites.items()]
        for found, wanted in pairs:
            for block, values in wanted.blocks.items():
                assert np.abs(found.blocks[block] - values).max() <= 1e-13 * np.abs(values).max()
    assert bool(orbital["orbital_edelstein"].sites) == ("sites" in how)


def test_maps_add_up():
    """The mean of a map over the mesh is the response."""
    for name, component in (("orbital_hall", "xy;z"), ("orbital_edelstein", "xy")):
        options = {"mu": 0.2, "temperature": 0.3 / BOLTZMANN, "units": "SI", "tau": 10.0}
        whole = compute(MODEL, name, grid=(4, 4, 4), **options)[name]
        found = response_map(MODEL, k_mesh((4, 4, 4)), name, component, **options)
        assert found.unit == whole.unit
        index = tuple("xyz".index(letter) for letter in component.replace(";", ""))
        assert abs(whole.values[0, 0][index]) > 0
        assert found.values.sum(axis=-1).mean() == pytest.approx(whole.values[0, 0][index], rel=1e-9, abs=0)


def test_records():
    """Parities and units follow from the law: those of the spin, in their own words."""
    hall, edelstein = responses.get("orbital_hall"), responses.get("orbital_edelstein")
    assert hall.tensor.kinds == ("polar", "polar", "orbital")
    assert (hall.tensor.space_parity, hall.tensor.time_parity(0)) == (1, 1)
    assert (edelstein.tensor.space_parity, edelstein.tensor.time_parity(1)) == (-1, 1)
    without = replace(MODEL, spin_R=None)  # it needs no spin
    result = compute(without, list(PAIRS), grid=(3, 3, 3), units="SI", **SETTINGS)
    assert result["orbital_hall"].unit == "(hbar/e) S m^-1"
    assert result["orbital_edelstein"].unit == "<L> m^-3 per (V/m)"
    assert np.array_equal(result["orbital_edelstein"].magnetization, -result["orbital_edelstein"].values)
