"""Responses at many frequencies, out of tables over the energy of the transition, are those of densities at every frequency."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.arrays import group_ends
from wannier_spin.calculation.run import run
from wannier_spin.config import read_settings
from wannier_spin.integrals.bars.profile import FrequencyProfile
from wannier_spin.integrals.densities import dynamic, spectrum
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.scan import edges_between, nodes, series
from wannier_spin.integrals.densities.spectrum import Bands, Spectrum
from wannier_spin.integrals.sums import Rows
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.occupation import Occupation
from wannier_spin.responses import DYNAMIC_BLOCKS, RESPONSES
from wannier_spin.responses.vertices import Vertices
from wannier_spin.units import BOLTZMANN

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes: identities
OMEGA = np.linspace(0.0, 2.0, 40)
NAMES = ("ac_spin_magnetization", "displacement_spin_current", "shift_spin_magnetization", "injection_spin_magnetization")


@pytest.mark.parametrize("name", DYNAMIC_BLOCKS)
@pytest.mark.parametrize("eta", [0.003, 0.1])
def test_series_of_a_kernel(name: str, eta: float) -> None:
    """To 1e-11 of the largest value in the window, at every transition."""
    kernel = DYNAMIC_BLOCKS[name].transitions.kernel
    z = np.array([0.0, 0.2, 1.3]) + 1j * eta
    edges = edges_between((0.0, 40.0), z.real, eta / np.pi, 10**4)
    assert edges is not None and edges[0] == 0 and edges[-1] >= 40
    coefficients = series(kernel(1 / nodes(edges), z[:, None]), edges).reshape(len(z), len(edges) - 1, -1)
    for x in np.linspace(-0.999, 0.999, 7):
        eps = (edges[1:] + edges[:-1]) / 2 + x * np.diff(edges) / 2
        exact = kernel(1 / eps, z[:, None])
        found = np.polynomial.chebyshev.chebval(x, np.moveaxis(coefficients, -1, 0))
        at_nodes = np.abs(kernel(1 / nodes(edges), z[:, None])).reshape(len(z), len(edges) - 1, -1).max(axis=-1)
        assert np.abs(exact).max() > 0.1
        assert (np.abs(found - exact) < 1e-11 * np.maximum(at_nodes, np.abs(exact))).all()


@pytest.mark.parametrize(("block", "together"), [(3, 64), (512, 2)])
@pytest.mark.parametrize("summed", [False, True], ids=["all products", "sums of them"])
def test_every_pair_is_added_once(monkeypatch, summed, block, together) -> None:
    """The loops as they are written: weights times T_t in the window of eps, whatever the order of pairs; the last edge, too.

    A pair of groups has what all of their bands have.
    """
    monkeypatch.setattr(spectrum, "compiled", lambda function: function)
    monkeypatch.setattr(spectrum, "BLOCK", block)
    monkeypatch.setattr(spectrum, "TOGETHER", together)
    rng, edges = np.random.default_rng(3), np.array([0.0, 0.7, 1.6, 4.0])
    v, X = (rng.normal(size=(2, 3, 4, rows, 4)) for rows in (3, 2))
    v, X = v[0] + 1j * v[1], X[0] + 1j * X[1]
    eps = np.array([0.3, 3.0, 0.5, 4.0, 1.2, 0.7, 0.1, 0.6])
    k, n, m = np.array([0, 0, 0, 1, 1, 2, 2, 2]), np.array([1, 2, 3, 1, 3, 1, 2, 3]), np.array([0, 1, 2, 0, 1, 0, 1, 0])
    group = np.array([[0, 1, 2, 3], [0, 1, 1, 2], [0, 1, 2, 3]])
    weights, factors = rng.normal(size=(2, len(eps))), rng.normal(size=(3, 3))
    factors[:, 2] = [0.0, 1.0, 0.0]
    signs = rng.normal(size=(6, 4)) if summed else np.zeros((6, 0))
    table, found = np.zeros((spectrum.ORDER * 3, 6, 8 if summed else 12)), made(OMEGA)
    assert found is not None
    replace(found, edges=edges).accumulate(
        table, Bands((v, X[:, 1:, :, :3], 1, group_ends(group)[1]), k, n, m, eps, weights), factors, signs
    )
    expected = np.zeros_like(table)
    for pair, e in enumerate(eps):
        window = next(i for i in range(3) if edges[i] <= e < edges[i + 1] or (i == 2 and e == edges[3]))
        x = 2 * (e - edges[window]) / (edges[window + 1] - edges[window]) - 1
        T = np.polynomial.chebyshev.chebvander(x, spectrum.ORDER - 1).ravel()
        of_n, of_m = (np.flatnonzero(group[k[pair]] == group[k[pair], band[pair]]) for band in (n, m))
        both = [(k[pair], one, slice(None), other) for one in of_n for other in of_m]
        N = sum(np.outer(v[i], X[i].conj()).ravel() for i in both)
        N = N @ signs if summed else N
        given = np.multiply.outer(factors[:, k[pair]], weights[:, pair]).ravel()
        own = slice(spectrum.ORDER * window, spectrum.ORDER * (window + 1))
        expected[own] += T[:, None, None] * given[:, None] * np.concatenate([N.real, N.imag])
    assert (np.abs(expected).reshape(3, spectrum.ORDER, 6, -1).max(axis=(1, 3)) > 1e-3).all()
    assert np.abs(table - expected).max() < 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["ac_spin_magnetization", "shift_spin_magnetization"])
def test_pairs_that_are_summed(name: str) -> None:
    """(f_n - f_m)/eps^p of all groups that are occupied differently, by the first band of each."""
    found = made(OMEGA, points=2, names=(name,))
    assert found is not None
    model, k = ws.models.random_model(n=4, seed=2), np.random.default_rng(1).uniform(size=(3, 3))
    geometry = ws.band_geometry(model, k, degeneracy_tolerance=1.5, derivatives=True)
    assert geometry.has_degeneracies and geometry.group.max() > 1
    E, power, group = geometry.group_energies, found.numerators[0].transitions.power, geometry.group
    f = found.occupation.fermi(E.ravel()).reshape(-1, *E.shape)
    (own,) = found.bands(geometry, (-np.inf, np.inf))
    expected = {}
    for point, n, m in np.ndindex(3, 4, 4):
        first = all(not band or group[point, band - 1] != group[point, band] for band in (n, m))
        if n > m and first and (f[:, point, n] != f[:, point, m]).any():
            eps = E[point, n] - E[point, m]
            expected[point, n, m] = (eps, *((f[:, point, n] - f[:, point, m]) / eps**power))
    summed = zip(own.k.tolist(), own.n.tolist(), own.m.tolist(), strict=True)
    assert len(expected) > 5
    given = dict(zip(summed, np.transpose([own.eps, *own.weights]), strict=True))
    assert given.keys() == expected.keys()
    assert all(np.abs(given[pair] - numbers).max() < 1e-13 * np.abs(numbers).max() for pair, numbers in expected.items())


@pytest.mark.parametrize("name", ["AC1", "INJ2"])
def test_a_table_knows_every_frequency(monkeypatch, name) -> None:
    """N K(1/eps, z)/eps^p of single transitions, from what they leave in the windows: of the real or the imaginary part of N."""
    kernel = DYNAMIC_BLOCKS[name].transitions
    z = np.array([0.2, 1.0]) + 0.01j
    edges = edges_between((0.0, 5.0), z.real, z[0].imag / np.pi, 10**4)
    monkeypatch.setattr(spectrum, "PIECE", 10)
    assert edges is not None and len(edges) - 1 > 30
    eps, N = np.array([0.19, 0.7, 1.01, 4.9]), np.random.default_rng(5).normal(size=(4, 2)).view(complex)[:, 0]
    table = np.zeros((spectrum.ORDER * (len(edges) - 1), 1, 2))
    for e, number in zip(eps, N, strict=True):
        window = np.searchsorted(edges, e) - 1
        x = (2 * e - edges[window] - edges[window + 1]) / (edges[window + 1] - edges[window])
        T = np.polynomial.chebyshev.chebvander(x, spectrum.ORDER - 1).ravel()
        own = slice(spectrum.ORDER * window, spectrum.ORDER * (window + 1))
        table[own, 0] += np.outer(T, [number.real, number.imag]) / e**kernel.power
    part = N.imag if kernel.imaginary else N.real
    expected = (part * kernel.kernel(1 / eps, z[:, None]) / eps**kernel.power).sum(axis=1)
    found = spectrum.at_frequencies(kernel, z, table, edges)
    assert found.shape == (2, 1, 2, 1)
    assert np.abs(expected.real).min() > 0.01 and np.abs(expected.imag).min() > 1e-4
    assert np.abs(found[0, 0, :, 0] + 1j * found[1, 0, :, 0] - expected).max() < 1e-9 * np.abs(expected).max()


def test_what_columns_leave_of_a_block() -> None:
    """Of the components of each part what lies in the space of the columns, at every frequency."""
    rng = np.random.default_rng(2)
    parts = [np.linalg.qr(rng.normal(size=(6, size)))[0] for size in (2, 1)]
    inside, other = (np.stack([rng.normal(size=(3, 4, 6)) for _ in parts], axis=2) for _ in range(2))
    for part, Q in enumerate(parts):
        inside[:, :, part] = inside[:, :, part] @ Q @ Q.T
        other[:, :, part] -= other[:, :, part] @ Q @ Q.T
    columns = np.zeros((24, 3))  # of two frequencies
    columns[:6, :2], columns[6:12, 2:] = parts
    columns[12:] = 9 * columns[:12]
    found = spectrum._projected((inside + other).reshape(3, 4, 2, 2, 3), columns)
    assert min(np.abs(inside).max(), np.abs(other).max()) > 0.1
    assert np.abs(found.reshape(inside.shape) - inside).max() < 1e-12


def made(omega, eta=0.1, points=1, run=10**5, names=("displacement_spin_current",)) -> Spectrum | None:
    plan = Plan(tuple(RESPONSES[name] for name in names), "spin", tuple(np.asarray(omega) + 1j * eta))
    occupation = Occupation(np.linspace(0, 1, points), np.array([300 * BOLTZMANN]))
    return Spectrum.of(plan, occupation, ws.models.random_model(n=3, seed=2), run)


def test_what_a_table_is_made_of() -> None:
    """Windows of which none is wider than its distance from a pole allows; coefficients by rows, real and imaginary parts."""
    found = made(OMEGA, points=2)
    assert found is not None
    windows = len(found.edges) - 1
    assert found.rows == spectrum.ORDER * windows
    assert found.edges[0] == 0
    model = ws.models.random_model(n=3, seed=2)
    energies = ws.band_geometry(model, np.random.default_rng(0).uniform(size=(50, 3))).energies
    assert 1 < np.ptp(energies, axis=1).max() <= found.edges[-1] < 20 * np.ptp(energies, axis=1).max()
    ((rows, points, columns),) = found.shapes
    assert (points, rows, columns) == (2, found.rows, 2 * 3 * 27 // 3)
    assert found.size == points * rows * columns
    first, *_, last = found.chosen
    assert (first, last, len(found.chosen)) == (0, len(OMEGA) - 1, spectrum.BESIDE)
    assert found.beside.frequencies == tuple(found.plan.frequencies[i] for i in found.chosen)
    coarse = found.coarse()
    assert len(coarse.edges) < len(found.edges)
    assert coarse.edges[0] == 0
    assert coarse.edges[-1] >= found.edges[-1]
    widths = np.diff(coarse.edges)[np.searchsorted(coarse.edges, [1.0, 30.0]) - 1]
    assert widths[0] < 0.3 < widths[1]  # narrow where there are frequencies
    finer = np.diff(found.edges)[np.searchsorted(found.edges, OMEGA[1:]) - 1]
    assert (finer < 0.2).all()  # next to every frequency about the broadening, whatever its sign
    assert np.array_equal(found.edges, made(-OMEGA, points=2).edges)  # type: ignore[union-attr]


def test_tables_that_cost_too_much_are_not_made(monkeypatch) -> None:
    """Of so many numbers for each density that is summed at most, and of so much memory."""
    found = made(OMEGA)
    assert found is not None
    size, bands = found.size, 3
    run = -(-size // (spectrum.MOST_COSTS * bands * found.plan.n_channels))
    assert run > 1
    assert made(OMEGA, run=run) is not None
    assert made(OMEGA, run=run - 1) is None
    monkeypatch.setattr(spectrum, "BYTES", 8.1 * size)
    assert made(OMEGA) is not None
    monkeypatch.setattr(spectrum, "BYTES", 7.9 * size)
    assert made(OMEGA) is None
    monkeypatch.setattr(spectrum, "LARGEST", 10)
    assert made(OMEGA) is None


def both(monkeypatch, model, names, **options):
    """By tables, and by densities at all frequencies."""
    monkeypatch.setattr(spectrum, "MOST_COSTS", np.inf)
    calls = []
    original = Spectrum.add
    monkeypatch.setattr(Spectrum, "add", lambda *given: calls.append(1) or original(*given))
    asked = {"omega": OMEGA, "broadening": 0.1, "temperature": 1500.0} | options
    found = ws.compute(model, names, **asked)
    assert calls
    monkeypatch.setattr(spectrum, "WORTH", np.inf)
    calls.clear()
    expected = ws.compute(model, names, **asked)
    assert not calls
    return found, expected


def assert_same(found, expected, tolerance=1e-11):
    for name, tensor in expected.items():
        for block, value in tensor.blocks.items():
            size = np.abs(value).max()
            assert size > 1e-6, (name, block)
            assert np.abs(found[name].blocks[block] - value).max() < tolerance * size, (name, block)
            assert np.abs(found[name].block_errors[block] - tensor.block_errors[block]).max() < tolerance * size


def test_on_a_mesh(monkeypatch) -> None:
    model = ws.models.random_model(n=3, seed=2)
    found, expected = both(monkeypatch, model, NAMES, grid=(4, 4, 2), mu=[-0.5, 0.3])
    assert_same(found, expected)
    for name in NAMES:  # bars are those of a few frequencies, made larger and smaller by a profile
        bars, exact = (np.asarray(result[name].error) for result in (found, expected))
        large = exact > 0.1 * exact.max()
        assert large.sum() > 20 and 0.5 < np.median(bars[large] / exact[large]) < 2


def test_what_symmetry_leaves(monkeypatch) -> None:
    """On irreducible points, with what the group forbids an exact zero."""
    model, structure = symmetric_models()["zincblende -43m1'"][:2]
    names = ("displacement_spin_current", "shift_spin_current")
    found, expected = both(monkeypatch, model, names, grid=(4, 4, 4), mu=[0.1], symmetry=structure)
    for name in names:
        value, exact = found[name].values, expected[name].values
        assert np.abs(exact).max() > 1e-6
        assert np.abs(value - exact).max() < 1e-10 * np.abs(exact).max()
        assert ((value == 0) == (exact == 0)).all() and (value == 0).any()


def test_vertices_of_a_batch_are_made_once(monkeypatch) -> None:
    """For densities, which have the wider window of the bars, for tables, and for the profile behind them."""
    model, original, made = ws.models.random_model(n=6, seed=2), Vertices.shift, []
    monkeypatch.setattr(spectrum, "MOST_COSTS", np.inf)
    monkeypatch.setattr(dynamic, "COMPILED_FROM", 0)  # densities from vertices
    monkeypatch.setattr(Vertices, "shift", lambda self: made.append((self.pairs.geometry, self.first)) or original(self))
    ws.compute(model, ["shift_spin_magnetization"], grid=(4, 4, 2), mu=0.1, temperature=30.0, omega=OMEGA, broadening=0.1)
    assert len(made) == len({id(geometry) for geometry, _ in made}) > 3
    assert max(first for _, first in made) > 0  # not of all bands


def test_where_a_table_is_made() -> None:
    """Not without a broadening, nor for few frequencies or many (mu, T)."""
    model, records = ws.models.random_model(n=3, seed=2), (RESPONSES["displacement_spin_current"],)

    def made(omega, eta, points=1):
        plan = Plan(records, "spin", tuple(omega + 1j * eta))
        return Spectrum.of(plan, Occupation(np.linspace(0, 1, points), np.array([300 * BOLTZMANN])), model, 10**5) is not None

    assert made(OMEGA, 0.1)
    assert not made(OMEGA, 0.0) and not made(OMEGA[: spectrum.WORTH - 1], 0.1)
    assert not made(OMEGA, 0.1, len(OMEGA) // spectrum.WORTH + 1)
    static = Plan((RESPONSES["spin_hall"],), "spin", ())
    assert Spectrum.of(static, Occupation(np.zeros(1), np.ones(1)), model, 10**5) is None


TABLES = """
import sys
from wannier_spin import cli
from wannier_spin.integrals.densities import dynamic
from wannier_spin.integrals.densities import spectrum
spectrum.MOST_COSTS, spectrum.WORTH = 10**9, 8
sys.argv = ["wannier-spin", *sys.argv[1:]]
cli.main()
"""
INPUT = """
seedname = "random.h5"
responses = ["displacement_spin_magnetization"]
mu = 0.2
temperature = 1500
omega = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
broadening = 0.1
[grid]
points = [4, 4, 2]
"""


@pytest.mark.mpi
def test_any_number_of_ranks_gives_the_same_bits(mpirun, tmp_path, monkeypatch) -> None:
    """One is this process."""
    ws.models.random_model(n=3, seed=2).save(tmp_path / "random.h5")
    (tmp_path / "in.toml").write_text(INPUT)
    mpirun(3, "-c", TABLES, "run", tmp_path / "in.toml", "-o", tmp_path / "3.h5", timeout=120)
    monkeypatch.setattr(spectrum, "MOST_COSTS", 10**9)
    monkeypatch.setattr(spectrum, "WORTH", 8)
    serial = run(*read_settings(tmp_path / "in.toml"), tmp_path, SERIAL)
    found = [one["displacement_spin_magnetization"] for one in (serial, ws.load(tmp_path / "3.h5"))]
    for block, value in found[0].blocks.items():
        assert np.abs(value).max() > 0
        assert value.tobytes() == found[1].blocks[block].tobytes()
        assert found[0].block_harmonics[block].tobytes() == found[1].block_harmonics[block].tobytes()


def test_bars_between_frequencies_grow_with_what_they_are_of() -> None:
    """From those of the nearest frequency that has its own, block by block; where that has nothing they stay, as static ones do."""
    sizes = np.array([2.0, 6.0, 0.0, 5.0])
    places = {"L1surf": slice(0, 2), "AC2": slice(2, 10)}
    plan = SimpleNamespace(n_channels=10, frequencies=[0.1, 0.2, 0.3, 0.4], places=places, shapes={"L1surf": (2,), "AC2": (4, 2)})
    few = SimpleNamespace(n_channels=6, places=places | {"AC2": slice(2, 6)}, shapes={"L1surf": (2,), "AC2": (2, 2)})
    spectrum = SimpleNamespace(plan=plan, beside=few, chosen=np.array([0, 2]))
    profile = SimpleNamespace(spectrum=spectrum, _sizes=lambda total: [("AC2", sizes)])
    given = Rows(np.arange(1.0, 7.0).reshape(1, 1, 6), np.zeros(1, int), {})
    found = FrequencyProfile.rows_of_all(profile, given, np.zeros(1)).sample  # type: ignore[arg-type]
    (static, at_first, at_third) = ([1.0, 2.0], np.array([3.0, 4.0]), np.array([5.0, 6.0]))
    assert found[0, 0] == pytest.approx([*static, *at_first, *3 * at_first, *at_third, *at_third])
