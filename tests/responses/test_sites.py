"""The spin of a site, {p, sigma}/2: every block by brute force, derivatives by differences, and cases with a known answer."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from responses import brute

from wannier_spin import Tolerance, band_geometry, compute, models, observables, responses
from wannier_spin.bloch import BlochSum
from wannier_spin.models import from_hoppings
from wannier_spin.models.hoppings import SZ
from wannier_spin.responses import BandPairs
from wannier_spin.units import BOLTZMANN

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes, gaps below kT: identities

SPIN = [name for name in responses.names() if responses.RESPONSES[name].tensor.observable == "spin"]
DENSITIES = [*SPIN, "orbital_edelstein"]
STATIC = [name for name in SPIN if not responses.RESPONSES[name].dynamic]
SITES = {"A": [0, 2], "B": [3], "C": [1]}  # of four functions
OPTIONS = {"mu": [-0.9, 0.2], "temperature": 0.3 / BOLTZMANN, "omega": [0.15, 0.4], "broadening": 0.1}
MODELS = {
    "random": models.random_model(seed=1),
    "random, sheet": models.random_model(seed=2, periodic=(True, True, False)),
    "without position": replace(models.random_model(seed=5), position_R=None),
}


def grid_of(model, n):
    return [n if along else 1 for along in model.periodic]


# Against loops over bands, and differences


@pytest.mark.parametrize("name", MODELS)
def test_blocks(name):
    """Every block of every site, in another gauge, with D_b O by the product rule."""
    model = MODELS[name]
    options = {"mu": 0.2, "temperature": 0.3 / BOLTZMANN, "blocks": ("L1surf",), "degeneracy_tolerance": 1e-8}
    found = compute(model, STATIC, grid=grid_of(model, 4), sites=SITES, **options)
    seen = set()
    for site, functions in SITES.items():
        expected = brute.responses(model, brute.mesh(model, 4), 0.2, 0.3, "site_spin", functions)
        for response in found.values():
            for block, values in response.site(site).blocks.items():
                scale = np.abs(expected[block]).max()
                assert scale > 1e-5, (site, block)
                assert np.abs(values[0, 0] - expected[block]).max() < 1e-10 * scale, (site, block)
                seen.add(block)
    assert seen == set(responses.BLOCKS)


def test_covariant_derivative():
    """D_b O = d_b O - i [A_b, O] with the whole position matrix as A: d_b p = 0, D_b p is not."""
    model = MODELS["random"]
    k = np.random.default_rng(0).random((3, 3))
    functions = list(SITES.values())

    def spins(points):
        """In the Wannier gauge: (k,o,n,m)."""
        g = band_geometry(model, points, sites=functions)
        U = g.states[:, None]
        return U @ g.site_spin @ U.conj().swapaxes(-1, -2)

    g = band_geometry(model, k, derivatives=True, sites=functions)
    A, U = np.moveaxis(brute.sums(model, model.position_R, k), -1, 1), g.states[:, None]
    h = 1e-3
    for b in range(3):
        step = h * model.lattice[:, b] / (2 * np.pi)  # of reduced coordinates
        gradient = (8 * (spins(k + step) - spins(k - step)) - spins(k + 2 * step) + spins(k - 2 * step)) / (12 * h)
        expected = gradient - 1j * (A[:, b, None] @ spins(k) - spins(k) @ A[:, b, None])
        expected = U.conj().swapaxes(-1, -2) @ expected @ U
        scale = np.abs(expected).max()
        assert scale > 0.1
        assert np.abs(g.site_spin_derivative[:, b] - expected).max() < 1e-9 * scale  # h^4
    p = np.diag([1.0, 0, 1, 0])
    assert np.abs(A[:, 0] @ p - p @ A[:, 0]).max() > 0.01


def test_S_is_the_derivative_in_a_field_on_one_site():
    """S = f_n d/dh sum_m g^{bd}_nm/eps_nm at H -> H + h O, v^b -> v^b + h D_b O."""
    model = models.random_model(n=3, seed=10, decay=1.6)
    k = brute.mesh(model, 2, 0.3)
    b = brute.bands(model, k, [0, 2])
    O, dO = brute.observable(b, "site_spin")  # noqa: E741
    n = model.n_bands

    def density(h, o):
        e, U = np.linalg.eigh(b.e[:, :, None] * np.eye(n) + h * O[:, o])
        v = U.conj().swapaxes(1, 2)[:, None] @ (b.v + h * dO[:, :, o]) @ U[:, None]
        eps = e[:, :, None] - e[:, None, :] + np.eye(n)
        return np.einsum("kbnm,kdmn,knm->knbd", v, v, (1 - np.eye(n)) / eps**3).real

    geometry = band_geometry(model, k, degeneracy_tolerance=1e-8, derivatives=True, sites=[[0, 2]])
    found = responses.BLOCKS["S"].density(BandPairs(geometry, (observables.projected(observables.get("spin"), [[0, 2]]),)))
    h = 2e-3
    for o in range(3):
        numerical = sum(c * (density(s * h, o) - density(-s * h, o)) for s, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))) / h
        scale = np.abs(numerical).max()
        assert scale > 1e-2
        assert np.abs(found[..., o] - numerical).max() < 1e-8 * scale


# Sums over sites


@cache
def whole(how, form):
    model = MODELS["random, sheet"]
    names, options = "all", {"grid": (4, 4, 1)}
    if how == "tolerance":
        names = [*DENSITIES, "spin_hall"]
        enough = dict.fromkeys(names, 1e9)  # the first boxes do
        options = {"tolerance": Tolerance(1.0, enough, start=4), "mu": 0.2, "omega": 0.4}
    return compute(model, names, form=form, sites=SITES, blocks=("L1surf",), **OPTIONS | options)


@pytest.mark.parametrize(("how", "form"), [("mesh", "full"), ("mesh", "paper"), ("tolerance", "full")])
def test_sum_over_sites_is_the_whole(how, form):
    """Values and signed errors of all responses of densities; spin currents have no sites."""
    result = whole(how, form)
    for name, tensor in result.items():
        if name not in DENSITIES:
            assert not tensor.sites
            continue
        assert list(tensor.sites) == list(SITES)
        total = tensor.uniform(*SITES)
        assert np.abs(tensor.values).max() > 1e-4
        assert np.abs(tensor.site("A").values - tensor.site("B").values).max() > 1e-4
        for block, values in tensor.blocks.items():
            scale = max(np.abs(part.blocks[block]).max() for part in tensor.sites.values())
            assert np.abs(total.blocks[block] - values).max() < 1e-12 * scale, (name, block)
            error = np.abs(total.block_errors[block] - tensor.block_errors[block]).max()
            assert error < 1e-12 * scale, (name, block)
        if how == "tolerance":
            assert (total.error >= tensor.error * (1 - 1e-12)).all()  # a bound: the spreads of sites add up


def test_a_site_of_everything_is_the_whole():
    model = MODELS["random"]
    result = compute(model, SPIN, grid=(4, 4, 4), sites={"all": range(4)}, **OPTIONS)
    for tensor in result.values():
        assert np.abs(tensor.values).max() > 1e-3
        assert np.abs(tensor.site("all").values - tensor.values).max() < 1e-13 * np.abs(tensor.values).max()


def test_sea_and_surface():
    """Two forms of one response, also site by site: D_b O is what makes them equal."""
    model = MODELS["random, sheet"]
    result = compute(model, "edelstein", grid=(60, 60, 1), mu=0.2, temperature=0.3 / BOLTZMANN, sites=SITES, blocks=("L1surf",))
    for site in result["edelstein"].sites.values():
        assert np.abs(site.values).max() > 1e-3
        assert np.abs(site.blocks["L1dir"]).max() > 1e-3
        assert np.abs(site.sea_surface_difference).max() < 1e-9 * np.abs(site.values).max()


# Known answers


def test_two_layers_that_do_not_see_each_other():
    """Rashba layers of opposite sign: every site has the response of its layer alone, for all orders."""
    plus, minus = (models.rashba_exchange(rashba=sign * 0.5, dresselhaus=0, exchange=(0, 0, 0)) for sign in (1, -1))
    H = np.zeros((len(plus.R_vectors), 4, 4), complex)
    H[:, :2, :2], H[:, 2:, 2:] = plus.hamiltonian_R, minus.hamiltonian_R
    s = np.zeros((*H.shape, 3), complex)
    s[:, :2, :2], s[:, 2:, 2:] = plus.spin_R, minus.spin_R
    assert np.array_equal(plus.R_vectors, minus.R_vectors)
    both = replace(plus, hamiltonian_R=H, spin_R=s, centres=np.zeros((4, 3)))
    options = {"grid": (8, 8, 1), **OPTIONS}
    single = compute(plus, SPIN, **options)
    double = compute(both, SPIN, sites={"upper": [0, 1], "lower": [2, 3]}, **options)
    largest = np.abs(single["edelstein"].values).max()
    assert largest > 1e-2
    for name, tensor in double.items():
        odd = responses.RESPONSES[name].tensor.field_order == 1  # in the Rashba coupling, whose change of sign is P
        assert np.abs(tensor.site("upper").values - single[name].values).max() < 1e-12 * largest
        total, difference = tensor, tensor.staggered("upper", "lower")
        gone, left = (total, difference) if odd else (difference, total)
        assert np.abs(left.values - 2 * single[name].values).max() < 1e-12 * largest
        assert np.abs(gone.values).max() < 1e-12 * largest


def test_staggered_and_uniform_responses_of_an_antiferromagnet():
    """P*T exchanges the sites: of the total what P*T leaves, of the difference what it forbids in the total."""
    model = models.pt_antiferromagnet()
    result = compute(model, SPIN, grid=(12, 12, 1), sites={"A": [0, 1], "B": [2, 3]}, **(OPTIONS | {"broadening": 0.0}))
    uniform = {"intrinsic_spin_magnetization", "nonlinear_extrinsic_spin_magnetization"}
    for name in STATIC:
        tensor = result[name]
        total, difference = tensor.uniform("A", "B").values, tensor.staggered("A", "B").values
        left, gone = (total, difference) if name in uniform else (difference, total)
        assert np.abs(left).max() > 1e-3, name
        assert np.abs(gone).max() < 1e-12 * np.abs(left).max(), name
        assert np.abs(tensor.values - total).max() < 1e-12 * np.abs(left).max()
    for name in ("displacement_spin_magnetization", "ac_spin_magnetization"):  # cos and sin parts have opposite parities
        tensor = result[name].at(combination={"AC1": 1, "AC2": 1})
        for part, whole_tensor in enumerate((tensor.uniform("A", "B"), tensor.staggered("A", "B"))):
            size = [np.abs(whole_tensor.values[:, :, :, i]).max() for i in (0, 1)]
            assert size[part] > 1e-3
            assert size[1 - part] < 1e-12 * size[part]


def berry_loops(model, field, n_loop, n_across):
    """exp(-i int A dk) of the filled half of the bands on loops along x; field : added to H."""
    kx, ky = np.arange(n_loop) / n_loop, (np.arange(n_across) + 0.5) / n_across
    k = np.stack(np.meshgrid(ky, kx, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)[:, [1, 0, 2]]
    H = BlochSum(model, second_order=False).at_points(k).hamiltonian + field
    u = np.linalg.eigh(H)[1][..., : model.n_bands // 2].reshape(n_across, n_loop, model.n_bands, -1)
    turn = np.exp(-2j * np.pi / n_loop * (model.centres @ np.linalg.inv(model.lattice))[:, :1])  # the sites are not in the phase
    links = np.linalg.det(u.conj().swapaxes(-1, -2) @ (turn * np.roll(u, -1, axis=1)))
    return links.prod(axis=1)


@pytest.mark.parametrize("site", ["A", "B"])
def test_intrinsic_response_is_how_a_field_on_the_site_polarizes(site):
    """d<O>/dE_b = d<r_b>/dh with H + h O + E.r (Maxwell relation), in the gap at T = 0."""
    model = models.pt_antiferromagnet()
    functions = {"A": [0, 1], "B": [2, 3]}
    found = compute(model, "intrinsic_spin_magnetization", grid=(48, 48, 1), mu=0.1, temperature=0, sites=functions)
    values = found["intrinsic_spin_magnetization"].site(site).values[0, 0]
    p = np.diag(np.isin(np.arange(4), functions[site])).astype(float)
    spin = model.spin_R[np.flatnonzero((model.R_vectors == 0).all(axis=1))[0]]
    h = 1e-3
    for a in range(3):
        O = h * p @ spin[..., a] / 2  # noqa: E741
        turned = [berry_loops(model, O, n, 48) * berry_loops(model, -O, n, 48).conj() for n in (60, 120)]
        slope = [-np.angle(phases).mean() / (2 * np.pi) / (2 * h) for phases in turned]  # of <r_x> per area
        expected = (4 * slope[1] - slope[0]) / 3  # error of the discrete loop: 1/n^2
        assert abs(expected - values[a, 0]) < 1e-4 * np.abs(values).max()
    assert np.abs(values[:, 0]).max() > 1e-2


def test_antitranslation():
    """T with a translation exchanges the sites: T-even responses are uniform, T-odd ones staggered."""
    t, exchange = -0.5, 0.6
    chain = models.rashba_exchange(exchange=(0, 0, 0), dresselhaus=0, t2=0)
    along, across = (chain.hamiltonian_R[np.flatnonzero((chain.R_vectors == R).all(axis=1))[0]] for R in ([1, 0, 0], [0, 1, 0]))
    hoppings = {(0, 1, (0, 0)): along, (1, 0, (1, 0)): along}
    for site, sign in enumerate((1, -1)):
        hoppings |= {(site, site, (0, 0)): sign * exchange * SZ, (site, site, (0, 1)): across + t * np.eye(2)}
    model = from_hoppings(lattice=np.diag([2.0, 1, 1]), sites=[[0, 0], [0.5, 0]], hoppings=hoppings, periodic=(True, True, False))
    result = compute(model, STATIC, grid=(6, 10, 1), sites={"A": [0, 1], "B": [2, 3]}, **OPTIONS)
    largest = 0.0
    for name, tensor in result.items():
        even = responses.RESPONSES[name].tensor.time_parity(responses.RESPONSES[name].tau_power) > 0
        gone = tensor.staggered("A", "B").values if even else tensor.uniform("A", "B").values
        size = np.abs(tensor.site("A").values).max()
        largest = max(largest, size)
        assert np.abs(gone).max() < 1e-11 * largest, name
        if name in ("edelstein", "nonlinear_drude_spin_magnetization"):
            assert size > 1e-3
