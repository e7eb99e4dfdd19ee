"""Small gaps between points: where k.p theory expects them, and that nothing is called converged before they are resolved."""

import dataclasses
import itertools

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import geometry_of
from wannier_spin.integrals.bars import hidden as hidden_gaps
from wannier_spin.integrals.bars import nearest, slopes
from wannier_spin.integrals.bars.hidden import Densities, NearestGaps, _between, mesh_axes, mesh_margin
from wannier_spin.integration.rules import tensor_rule
from wannier_spin.occupation import Occupation

EXACT = 1 / (2 * np.pi)  # sigma_xy;z of a quantum spin Hall sheet that conserves s_z, T far below the gap
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def sheet(half_gap, k0, tilt=0.0):
    """Two copies of a Chern insulator with opposite spin; its only small gap lies at k0 (in units of 2 pi).

    tilt : of the cone there, tilt sin k_x is added to all energies.
    """
    x, y, z = (np.kron(p, s) for p, s in zip(PAULI, (PAULI[2], np.eye(2), np.eye(2)), strict=True))
    hoppings = {(0, 0, 0): (half_gap - 2) * z, (1, 0, 0): x / 2j + z / 2 + tilt * np.eye(4) / 2j, (0, 1, 0): y / 2j + z / 2}
    full = {}
    for R, H in hoppings.items():
        turned = H * np.exp(-2j * np.pi * np.dot(R[:2], k0[:2]))
        full[R], full[tuple(-r for r in R)] = turned, turned.conj().T
    spin = np.zeros((len(full), 4, 4, 3), complex)
    spin[0] = np.moveaxis([np.kron(np.eye(2), p) for p in PAULI], 0, -1)
    return ws.TightBindingModel(
        np.eye(3), np.array(list(full)), np.array(list(full.values())), spin_R=spin, periodic=(True, True, False)
    )


def gaps_at(model, k):
    bloch = BlochSum(model, second_order=False).at_points(np.atleast_2d(k))
    return NearestGaps.of(geometry_of(bloch, 1e-6), 2 * np.pi * np.eye(3))


@pytest.mark.parametrize("distance", [0.002, 0.01])
def test_finds_a_gap_from_beside_it(distance):
    """Up to the curvature of the bands: place and size."""
    k0 = np.array([0.313, 0.117, 0.0])
    gaps = gaps_at(sheet(1e-3, k0), k0 + distance * np.array([0.8, -0.6, 0]))
    assert gaps.now[0, 1] > 5 * 2e-3
    assert np.abs(gaps.where[0, 1] - distance * np.array([-0.8, 0.6, 0])).max() < 10 * distance**2
    assert gaps.least[0, 1] < 0.2 * gaps.now[0, 1]
    assert gaps.least[0, 1] == pytest.approx(2e-3, rel=0.1, abs=0) or distance > 0.005
    assert abs(gaps.energy[0, 1]) < 1e-9


def test_what_the_points_resolve_hides_nothing():
    k0 = np.array([0.3, 0.1, 0.0])
    rule, occupation = tensor_rule((True, True, False)), Occupation(np.array([0.0]), np.array([1e-4]))
    points = np.stack(np.meshgrid(*rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    for size, hidden in ((0.1, True), (1e-4, False)):
        extent = np.array([size, size, 1.0])
        gaps = gaps_at(sheet(1e-3, k0), k0 + (points - np.array([0.43, 0.57, 0])) * extent)
        sea, surface = np.ones((len(points), 4, 2)), np.ones((len(points), 4, 1))
        sea[:, 2:] = -1
        densities = Densities(sea, surface, np.ones(3, bool))
        found, axis = gaps.in_box(rule.fine, extent, occupation, densities)
        growth = found.largest / rule.fine.weights[found.point, None]
        for columns, scale in ((slice(2), 1.0), (slice(2, None), 1e3)):  # f' is so much larger
            assert (growth[:, columns].max() > 0.1 * scale) == hidden
            assert hidden or growth[:, columns].max() < 1e-3 * scale
        assert set(axis.tolist()) <= {0, 1}
        far = Occupation(np.array([0.5]), np.array([1e-4]))
        assert not gaps.in_box(rule.fine, extent, far, densities)[0].largest.any()  # mu is in a band


def dipole(half_gap, tilt, mu, kT):
    """-2 times the nonlinear extrinsic spin current of the tilted sheet, x y x;z: the integral of sum_n f'_n v_x Omega_n.

    On Gauss points in steps that decrease towards the gap, which is put at zero.
    """
    nodes, weights = np.polynomial.legendre.leggauss(16)
    edges = np.concatenate([[0], np.geomspace(half_gap / 10, np.pi, 40)])
    edges = np.concatenate([-edges[:0:-1], edges])
    k = np.concatenate([(a + b) / 2 + (b - a) / 2 * nodes for a, b in itertools.pairwise(edges)])
    w = np.concatenate([(b - a) / 2 * weights for a, b in itertools.pairwise(edges)])
    (kx, ky), total = np.meshgrid(k, k, indexing="ij"), 0.0
    d = np.stack([np.sin(kx), np.sin(ky), half_gap - 2 + np.cos(kx) + np.cos(ky)])
    dx, dy = (np.cos(kx), 0 * kx, -np.sin(kx)), (0 * kx, np.cos(ky), -np.sin(ky))
    size = np.sqrt((d**2).sum(axis=0))
    curvature = (d * np.cross(dx, dy, axis=0)).sum(axis=0) / (2 * size**3)
    for sign in (1, -1):
        E, v = tilt * np.sin(kx) + sign * size, tilt * np.cos(kx) + sign * (d * np.array(dx)).sum(axis=0) / size
        slope = -1 / (4 * kT * np.cosh(np.clip((E - mu) / (2 * kT), -300, 300)) ** 2)
        total += w @ (sign * curvature * slope * v) @ w
    return total / (2 * np.pi) ** 2


@pytest.mark.parametrize(
    ("k0", "temperature", "above"), [((0.6828, 0.8201), 10.0, 0.01), ((0.8711, 0.2754), 10.0, 0.01), ((0.805, 0.8079), 30.0, 0.02)]
)
def test_small_pockets_are_within_their_bars(k0, temperature, above):
    """A few boxes make all of the answer, and fine - coarse of a large one vanishes by chance, as its axes cancel.

    By fine - coarse alone these bars were 2.4, 2.1 and 1.05 times too small.
    """
    half_gap, tilt, name = 0.3, 0.3, "nonlinear_extrinsic_spin_current"
    exact = dipole(half_gap, tilt, half_gap + above, temperature * ws.units.BOLTZMANN)
    current = ws.compute(sheet(half_gap, k0, tilt), name, mu=half_gap + above, temperature=temperature, tolerance=0.1)[name]
    error, bar = abs(-2 * current.values[0, 0, 0, 1, 0, 2] - exact), 2 * current.error[0, 0, 0, 1, 0, 2]
    assert abs(exact) > 0.01
    assert current.converged
    assert error < bar < 0.12 * abs(exact)


def beside_one_another(first, second, shift):
    """Two sheets that know nothing of each other, the second one so much higher (eV)."""
    H, spin = np.zeros((len(first.R_vectors), 8, 8), complex), np.zeros((len(first.R_vectors), 8, 8, 3), complex)
    assert np.array_equal(first.R_vectors, second.R_vectors)
    for states, model in ((slice(4), first), (slice(4, None), second)):
        H[:, states, states], spin[:, states, states] = model.hamiltonian_R, model.spin_R
    H[~first.R_vectors.any(axis=1), 4:, 4:] += shift * np.eye(4)
    return ws.TightBindingModel(first.lattice, first.R_vectors, H, spin_R=spin, periodic=first.periodic)


PLACES = {"alone": ((0.12509547, 0.3972138), None), "beside a metal": ((0.16284295, -0.22469118), (-0.36203193, 0.28803959))}


@pytest.mark.parametrize("case", PLACES)
def test_fermi_surfaces_at_small_gaps(case):
    """Terms with f' of a band that mu just reaches at a gap of 2 meV between the points, at 2 K.

    Both where nothing else is near mu, so that all that the points know is zero, and beside a metal, which hides that they know
    nothing. By what hides in the sea alone the former was converged with zero, the latter with less than a hundredth of the value.
    """
    (k0, k1), tilt, mu, kT = PLACES[case], 0.3, np.array([1e-3, 1.5e-3, -3e-3]), 2 * ws.units.BOLTZMANN
    model, exact = sheet(1e-3, k0, tilt), np.array([dipole(1e-3, tilt, x, kT) for x in mu])
    if k1 is not None:
        model = beside_one_another(model, sheet(0.3, k1, tilt), 0.6)
        exact = exact + np.array([dipole(0.3, tilt, x - 0.6, kT) for x in mu])
    assert np.abs(exact).max() > 7
    found = ws.compute(model, "nonlinear_extrinsic_spin_current", mu=mu, temperature=2.0, tolerance=0.1)
    current = found["nonlinear_extrinsic_spin_current"]
    bars = 2 * current.error[:, 0, 0, 1, 0, 2]
    assert current.converged
    assert (np.abs(-2 * current.values[:, 0, 0, 1, 0, 2] - exact) < bars).all()
    assert bars.max() < 0.2 * np.abs(exact).max()


def test_a_mesh_knows_of_fermi_surfaces_at_small_gaps():
    """Its bar is no longer nothing at mu that only the states beside a gap between its points reach."""
    half_gap, tilt, kT = 3e-3, 0.3, 10 * ws.units.BOLTZMANN
    mu = np.array([1.0, 1.5, -3.0]) * half_gap
    exact, inside = np.array([dipole(half_gap, tilt, x, kT) for x in mu]), 0
    for k0 in np.random.default_rng(12).uniform(size=(4, 2)):
        found = ws.compute(sheet(half_gap, k0, tilt), "nonlinear_extrinsic_spin_current", mu=mu, temperature=10.0, grid=(48, 48, 1))
        current = found["nonlinear_extrinsic_spin_current"]
        inside += (np.abs(-2 * current.values[:, 0, 0, 1, 0, 2] - exact) < 2 * current.error[:, 0, 0, 1, 0, 2]).sum()
    assert inside >= 11  # of 12; by what hides in the sea alone 3


@pytest.mark.parametrize("half_gap", [1e-3, 1e-2])
def test_small_gaps_anywhere(half_gap):
    """A gap of 2 or 20 meV at a random k: found and resolved within the tolerance, and nearly always inside the bar."""
    rng, inside = np.random.default_rng(11), 0
    for _ in range(4):
        model = sheet(half_gap, rng.uniform(0, 1, 2))
        tensor = ws.compute(model, "spin_hall", mu=0.0, temperature=2.0, tolerance=1e-2)["spin_hall"]
        error = abs(tensor.values[0, 0, 0, 1, 2] - EXACT)
        assert tensor.converged
        assert error < 1e-2 * EXACT
        inside += error < tensor.error[0, 0, 0, 1, 2]
    assert inside >= 3


@pytest.mark.parametrize("half_gap", [1e-3, 1e-2, 0.1])
def test_the_bar_of_a_mesh_has_room_for_what_it_does_not_see(half_gap):
    """Gaps of 2 to 200 meV at random k; points of the mesh are 130 meV apart."""
    rng = np.random.default_rng(5)
    for _ in range(3):
        model = sheet(half_gap, rng.uniform(0, 1, 2))
        tensor = ws.compute(model, "spin_hall", mu=0.0, temperature=2.0, grid=(48, 48, 1))["spin_hall"]
        error = abs(tensor.values[0, 0, 0, 1, 2] - EXACT)
        assert error < tensor.error[0, 0, 0, 1, 2]
        assert half_gap > 1e-3 or error > 0.1 * EXACT


def test_broadened_gaps_hide_less():
    """Densities whose gaps have a width know of no smaller ones; the others of all, beside them."""
    k0 = np.array([0.313, 0.117, 0.0])
    bloch = BlochSum(sheet(1e-3, k0), second_order=False).at_points(k0[None] + 0.01 * np.array([0.8, -0.6, 0]))
    gaps = NearestGaps.of(geometry_of(bloch, 1e-6), 0.3 * np.eye(3))  # spacings of a mesh of about 20
    wanted, occupation = np.array([True, False, True]), Occupation(np.array([0.0]), np.array([1e-4]))
    (wide, broadened), (others, bare) = gaps.by_channel(8e-3, wanted, 3)
    assert np.array_equal(wide, wanted)
    assert np.array_equal(others, ~wanted)
    assert bare is gaps
    assert broadened.least[0, 1] == pytest.approx(np.hypot(gaps.least[0, 1], 8e-3))
    sea = np.ones((1, 4, 3)) * np.array([1, 1, -1, -1])[None, :, None]
    hidden = [
        one.beside(occupation, np.ones((1, 3)), Densities(sea, sea[..., :0], columns)).sum[:, columns]
        for columns, one in ((wide, broadened), (others, bare))
    ]
    assert 0 < np.abs(hidden[0]).max() < 0.7 * np.abs(hidden[1]).max()
    (columns, alone), *rest = gaps.by_channel(0.0, wanted, 3)
    assert columns.all()
    assert alone is gaps
    assert not rest


@pytest.fixture(params=[False, True])
def several_bands(request):
    """Groups of one to three bands at 7 points, and axes of all points or of each."""
    rng = np.random.default_rng(8)
    geometry = geometry_of(
        BlochSum(ws.models.random_model(n=9, seed=2), second_order=False).at_points(rng.uniform(size=(7, 3))), 1.5
    )
    sizes = np.bincount((geometry.group + 9 * np.arange(7)[:, None]).ravel())
    assert {1, 2, 3} <= set(sizes)
    return geometry, 0.2 * rng.normal(size=(7, 3, 3) if request.param else (3, 3))


def in_both_ways(make):
    """What numpy makes, and what machine code does."""
    found = []
    for least in (10**9, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hidden_gaps, "COMPILED_FROM", least)
            patch.setattr(slopes, "COMPILED_FROM", least)
            found.append(make())
    return found


def test_machine_code_makes_the_same_gaps(several_bands):
    geometry, axes = several_bands
    one, other = in_both_ways(lambda: NearestGaps.of(geometry, axes))
    finite = np.isfinite(one.now)
    assert finite.any() and not finite.all() and np.abs(one.where).max() > 0.1
    assert np.array_equal(one.now, other.now)
    assert np.array_equal(one.below, other.below) and np.array_equal(one.above, other.above)
    for name in ("least", "where", "steepness", "energy"):
        x, y = (np.where(finite, np.moveaxis(getattr(gaps, name), (0, 1), (-2, -1)), 0) for gaps in (one, other))
        np.testing.assert_allclose(y, x, rtol=1e-7, atol=1e-9 * np.abs(x).max())


def test_machine_code_makes_the_same_slopes(several_bands):
    one, other = in_both_ways(lambda: slopes.Slopes.of(*several_bands))
    assert np.abs(one.mean).max() > 0.1 and one.reach.min() > 0 and np.abs(np.diff(one.reach, axis=0)).min() > 0
    np.testing.assert_allclose(other.mean, one.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(other.reach, one.reach, rtol=1e-12, atol=1e-12)


def test_fermi_surfaces_hide_where_mu_may_lie_in_their_band():
    """At the edges of the bands, each by itself; in the gap as far as k.p theory knows that it is there; less far above it."""
    k0 = np.array([0.313, 0.117, 0.0])
    bloch = BlochSum(sheet(5e-2, k0), second_order=False).at_points(k0[None] + 0.008 * np.array([0.8, -0.6, 0]))
    gaps = NearestGaps.of(geometry_of(bloch, 1e-6), 0.5 * np.eye(3))
    now, least = gaps.now[0, 1], gaps.least[0, 1]
    edge, doubt = least / 2, hidden_gaps.UNSURE * (now - least)
    assert now > 1.1 * least
    mu = np.array([-edge, 0.0, edge - 2 * doubt, edge, edge + 2 * least])
    amounts = gaps._at_edge(np.array([[False, True, False]]), 1, Occupation(mu, np.array([1e-6])))[0]
    top = hidden_gaps.EDGE_DOUBT / (least + 4e-6)
    assert amounts[3] == pytest.approx(top)
    assert not amounts[:3].round(300).any()
    assert amounts[4] == pytest.approx(top * ((edge + 2e-6) / (edge + 2 * least - doubt)) ** 2)
    mirrored = gaps._at_edge(np.array([[False, True, False]]), -1, Occupation(-mu[::-1], np.array([1e-6])))[0]
    assert mirrored[::-1] == pytest.approx(amounts)


def test_a_box_is_split_along_the_axis_of_what_hides():
    """The gap changes along both axes alike, and the box is four times as long along one of them."""
    k0, rule = np.array([0.3, 0.1, 0.0]), tensor_rule((True, True, False))
    points = np.stack(np.meshgrid(*rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    densities = Densities(np.ones((len(points), 4, 1)), np.zeros((len(points), 4, 0)), np.ones(1, bool))
    for long in (0, 1):
        extent = np.array([0.02, 0.02, 1.0])
        extent[long] = 0.08
        gaps = gaps_at(sheet(1e-3, k0), k0 + (points - np.array([0.43, 0.57, 0])) * extent)
        found, axis = gaps.in_box(rule.fine, extent, Occupation(np.array([0.0]), np.array([1e-4])), densities)
        assert len(axis) == len(found.point) > 0
        assert set(axis.tolist()) == {long}


def test_gaps_that_are_left_out_hide_nothing():
    """Only pairs that may come near mu are looked at: the same is found to hide, and of most pairs nothing is made."""
    rng, axes = np.random.default_rng(1), 0.5 * np.eye(3)
    geometry = geometry_of(
        BlochSum(ws.models.random_model(n=9, seed=2), second_order=False).at_points(rng.uniform(size=(150, 3))), 0.1
    )
    occupation, weights, sea = (
        Occupation(np.array([-0.2, 0.1]), np.array([1e-3, 2e-2])),
        np.ones((150, 8)),
        rng.normal(size=(150, 9, 2)),
    )
    margin = mesh_margin(occupation)
    whole, near = in_both_ways(lambda: NearestGaps.of(geometry, axes, None, (-0.2 - margin, 0.1 + margin)))
    found = [gaps.beside(occupation, weights, Densities(sea, sea[..., :1], np.ones(3, bool))) for gaps in (whole, near)]
    assert len(found[0].point) > 3 and np.abs(found[0].sum).max() > 1e-2
    assert np.isfinite(near.now).sum() < 0.7 * np.isfinite(whole.now).sum()
    assert np.array_equal(found[0].point, found[1].point)
    np.testing.assert_allclose(found[1].sum, found[0].sum, rtol=1e-8, atol=1e-12)


def test_pairs_are_looked_at_as_far_as_their_middle_moves():
    """Over their cell, and by their gap besides, to either side of what is near: just into it, and not quite. With neighbours."""
    rng = np.random.default_rng(5)
    energies, slopes, group = np.sort(rng.normal(size=(1, 8))), rng.normal(size=(1, 8, 3)), np.array([[0, 1, 1, 2, 3, 4, 4, 5]])
    middles, steps = (energies[0, 1:] + energies[0, :-1]) / 2, np.diff(energies[0])
    reach = steps + 1.25 * np.linalg.norm((slopes[0, 1:] + slopes[0, :-1]) / 2, axis=1)
    lower, upper = (
        (group[0][:, None] == group[0]).argmax(axis=1),
        8 - (group[0][::-1][:, None] == group[0][::-1]).argmax(axis=1)[::-1],
    )
    none = 0
    for edge in (*(middles + reach), *(middles - reach)):
        for near in ((edge - 1e-9, np.inf), (edge + 1e-9, np.inf), (-np.inf, edge - 1e-9), (-np.inf, edge + 1e-9)):
            counts = np.flatnonzero((middles + reach > near[0]) & (middles - reach < near[1]))
            first, last = (max(lower[counts].min() - 1, 0), min(upper[counts[-1] + 1], 7)) if len(counts) else (8, 0)
            pairs, ends = np.full((1, 2), 99), np.full((2, 1, 7), 99)
            nearest.select(pairs, ends, energies, slopes, group, np.array(near))
            assert pairs[0, 0] == first and pairs[0, 1] == last, near
            assert (ends == np.array([lower[:-1], upper[1:]])[:, None]).all()
            none += not len(counts)
    assert none == 2


@pytest.mark.parametrize("points", [(6, 4, 5), (6, 1, 5), (1, 1, 3)])
def test_axes_of_a_mesh(points):
    """Their ellipsoid is that of the spacings; with a group that turns these into one another it is a sphere."""
    lattice = np.array([[1, 0, 0], [0.2, 1.1, 0], [0.3, 0.1, 1.3]])
    several = np.array(points) > 1
    spacings = 2 * np.pi * np.linalg.inv(lattice).T[several] / np.array(points)[several, None]
    axes = mesh_axes(spacings, ())
    assert axes.T @ axes == pytest.approx(spacings.T @ spacings, abs=1e-12)
    assert np.linalg.matrix_rank(axes) == several.sum()
    cyclic = np.eye(3)[[1, 2, 0]]
    turns = [
        np.linalg.matrix_power(cyclic, i) @ np.diag(signs) for i in range(3) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1))
    ]
    turns += [R @ np.diag([-1.0, -1, 1]) for R in (np.eye(3), cyclic, cyclic @ cyclic)]
    size = np.sqrt(np.trace(spacings.T @ spacings) / 3)
    assert mesh_axes(spacings, turns) == pytest.approx(size * np.eye(3), abs=1e-12)


def test_couplings_of_groups_are_sums_over_their_states():
    """By hand, for groups of one to three bands."""
    rng = np.random.default_rng(3)
    group = np.array([[0, 0, 1, 2, 2, 2, 3], [0, 1, 1, 1, 2, 3, 3]])
    v = rng.normal(size=(2, 3, 7, 7)) + 1j * rng.normal(size=(2, 3, 7, 7))
    axes = rng.normal(size=(3, 3))
    first = np.array([[np.flatnonzero(g == x)[0] for x in g] for g in group])
    after = np.array([[np.flatnonzero(g == x)[-1] + 1 for x in g] for g in group])
    found = _between(v, axes, first, after)
    for k, n in np.ndindex(2, 6):
        lower, upper = (np.flatnonzero(group[k] == group[k, i]) for i in (n, n + 1))
        w = np.einsum("ia,anm->inm", axes, v[k][:, lower][:, :, upper])
        one = np.einsum("inm,jnm->ij", w, w.conj()).real / np.sqrt(len(lower) * len(upper))
        expected = one if group[k, n] != group[k, n + 1] else np.zeros((3, 3))
        np.testing.assert_allclose(found[k, n], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kT", [1e-4, 1e-2, 0.2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_gaps_near_mu_count_as_far_as_states_are_partly_filled(kT, sign):
    """Some kT away they are filled, or empty, whatever hides there."""
    k0, extent = np.array([0.3, 0.1, 0.0]), np.array([0.1, 0.1, 1.0])
    rule = tensor_rule((True, True, False))
    points = np.stack(np.meshgrid(*rule.nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    gaps = gaps_at(sheet(1e-3, k0), k0 + (points - np.array([0.43, 0.57, 0])) * extent)
    sea = np.ones((len(points), 4, 1)) * np.array([1, 1, -1, -1])[:, None]
    densities, known = Densities(sea, sea[..., :0], np.ones(1, bool)), np.isfinite(gaps.now)
    beyond = hidden_gaps.NEAR_FERMI * kT + gaps.margin[known].max() + np.abs(gaps.energy[known]).max()
    at_mu, near, far = (
        gaps.in_box(rule.fine, extent, Occupation(np.array([sign * mu]), np.array([kT])), densities)[0]
        for mu in (0.0, 0.9 * hidden_gaps.NEAR_FERMI * kT, beyond)
    )
    assert at_mu.largest.max() > 1e-3 * rule.fine.weights.min()
    assert set(near.point.tolist()) == set(at_mu.point.tolist())
    assert not far.largest.any()


def test_one_band_hides_nothing():
    """It has no gaps, on a mesh and in a box."""
    rule, occupation = tensor_rule((True, True, False)), Occupation(np.array([0.0]), np.array([1e-4]))
    k = len(rule.fine.weights)
    none = NearestGaps(*np.zeros((2, k, 0)), *(np.zeros((k, 0, *tail)) for tail in ((3,), (3, 3), ())), *np.zeros((2, k, 0), int))
    densities = Densities(np.ones((k, 1, 2)), np.ones((k, 1, 1)), np.ones(3, bool))
    in_box, axis = none.in_box(rule.fine, np.ones(3), occupation, densities)
    beside = none.beside(occupation, np.ones((k, 0)), densities)
    for found in (in_box, beside):
        assert found.densities.shape == (0, 3)
    assert axis.shape == (0,)
    assert np.array_equal(beside.sum, np.zeros((1, 3)))


def some_gaps(rule, unit, bands=5, seed=4):
    """Of all kinds at the points of a rule: near and far, narrow and wide, known well or not, in and out of the cells."""
    rng, k = np.random.default_rng(seed), len(rule.weights)
    group = np.sort(rng.integers(0, bands, size=(k, bands)), axis=1)
    now = np.where(np.diff(group, axis=1) > 0, 10 ** rng.uniform(-2, -0.5, size=(k, bands - 1)), np.inf)
    least = now * 10 ** rng.uniform(-2.5, -0.1, size=now.shape)
    where = rule.centres[:, None] + rule.halves[:, None] * rng.uniform(-1.35, 1.35, size=(k, bands - 1, 3))
    A = rng.normal(size=(k, bands - 1, 3, 3)) * 10 ** rng.uniform(-1, 0.5, size=(k, bands - 1, 1, 1))
    A = A @ A.swapaxes(-1, -2)
    below = np.array([[np.flatnonzero(g == g[n])[0] for n in range(bands - 1)] for g in group])
    above = np.array([[np.flatnonzero(g == g[n + 1])[-1] + 1 for n in range(bands - 1)] for g in group])
    energy = rng.normal(size=now.shape) * 0.05
    now, least, A, energy = unit * now, unit * least, unit**2 * A, unit * energy
    densities = Densities(rng.normal(size=(k, bands, 2)), rng.normal(size=(k, bands, 2)), np.array([True, False, False, True]))
    return NearestGaps(now, least, where, A, energy, below, above), densities


def grown(gaps, k, n, half, rate):
    """By how much what a gap hides exceeds what its point knows: the cube of the ratio of the gaps over the volume of the feature.

    Where another neighbour of one of both bands is nearer, by the square of the ratio less.
    """
    now, bands = gaps.now[k, n], gaps.now.shape[1] + 1
    least = max(gaps.least[k, n], 0.02 * now)
    widths = np.sqrt(np.linalg.eigvalsh(np.diag(half) @ gaps.steepness[k, n] @ np.diag(half)))
    others = [gaps.now[k, i] for i in (gaps.below[k, n] - 1, gaps.above[k, n] - 1) if 0 <= i < bands - 1]
    volume = np.prod([min(least / width, 1) for width in widths])
    more = max(np.pi / 2 * (now / least) ** 3 * volume - 1, 0)
    return more * np.exp(-rate * least / widths.max()) * (min(now, *others, np.inf) / now) ** 2


def in_the_surface(gaps, k, n, side, mu, kT):
    """-f' at the edge of one of both bands, as far as it is known where that is. Inside the gap it decays with kT,
    beyond the edge as the density of states of a cone does.
    """
    now = gaps.now[k, n]
    least = max(gaps.least[k, n], 0.02 * now)
    above, doubt = side * (mu - gaps.energy[k, n]) - least / 2, 0.2 * (now - least)
    height = 2 / (least + 4 * kT)
    if above < -doubt:
        return height * np.exp(-min(-(above + doubt) / kT, 700))
    return height * min((least / 2 + 2 * kT) / max(above - doubt + least / 2, 1e-300), 1) ** 2


def densities_of(gaps, densities, k, n):
    """Of the two groups of a gap, sea and surface, what counts."""
    groups = (slice(gaps.below[k, n], n + 1), slice(n + 1, gaps.above[k, n]))
    return [[kind[k, states].sum(axis=0) for states in groups] for kind in (densities.sea, densities.surface)]


@pytest.mark.parametrize("on_a_mesh", [False, True])
@pytest.mark.parametrize(("temperatures", "unit"), [([1e-3], 1.0), ([2e-4, 2e-2], 1e-6)])
def test_what_hides_gap_by_gap(on_a_mesh, temperatures, unit):
    """One gap after the other, by the formulas of the theory page, in a box and beside the points of a mesh. unit : of energies."""
    rule = tensor_rule((True, True, True)).fine
    gaps, densities = some_gaps(rule, unit)
    kT, size, near = unit * np.array(temperatures), np.array([0.8, 1.3, 1.0]), hidden_gaps.NEAR_FERMI
    gaps = gaps if on_a_mesh else dataclasses.replace(gaps, where=gaps.where * size)
    occupation, weights = (
        Occupation(unit * np.array([-0.02, 0.03]), kT),
        np.random.default_rng(0).uniform(-1, 1, size=gaps.now.shape),
    )
    (centre, widths), doubt = occupation.points, 0.2
    total, axes, counted = np.zeros((len(centre), 4)), [], 0
    largest = []
    for k, n in zip(*np.nonzero(np.isfinite(gaps.now)), strict=True):
        now, least, energy = gaps.now[k, n], gaps.least[k, n], gaps.energy[k, n]
        margin = (0.5 - doubt) * least + doubt * now
        if on_a_mesh:
            share = np.exp(-(gaps.where[k, n] ** 2).sum() / 2 / 0.4**2) - 0.01
            away = 2 * margin + 2 * near * kT.max()
            grow = max(share, 0) * weights[k, n] * grown(gaps, k, n, np.full(3, 0.5), np.pi)
            amount = grow * np.clip(2 - np.abs(energy - centre) / (margin + near * widths), 0, 1)
            filled = np.tanh(least / (4 * widths))
        else:
            half = rule.halves[k] * size
            inside = (np.abs(gaps.where[k, n] - rule.centres[k] * size) <= 1.25 * half + 1e-12).all()
            away = margin + near * kT.max()
            amount = 3 * rule.weights[k] * inside * grown(gaps, k, n, half, 2.0) * np.ones(len(centre))
            filled = np.tanh(least / (4 * kT.min()))
        if not -0.02 * unit - away < energy < 0.03 * unit + away or not amount.any():
            continue
        counted += 1
        (lower, upper), surface = densities_of(gaps, densities, k, n)
        parts = [np.outer(amount * filled, np.append((lower - upper) / 2, [0, 0]))]
        for side, one in zip((-1, 1), surface, strict=True):
            slope = [in_the_surface(gaps, k, n, side, mu, T) for mu, T in zip(centre, widths, strict=True)]
            parts.append(np.outer(amount * slope, np.append([0, 0], one)))
        total += sum(parts) * densities.used
        largest.append([part[np.abs(part).max(axis=1).argmax()] * densities.used for part in parts])
        axes.append(int(np.argmax(np.diag(gaps.steepness[k, n]) * size**2)))
    assert 20 < counted < 0.7 * np.isfinite(gaps.now).sum()
    assert np.abs(total[:, [0, 3]]).max(axis=0).min() > 1e-3
    if on_a_mesh:
        np.testing.assert_allclose(gaps.beside(occupation, weights, densities).sum, total, rtol=1e-9, atol=1e-12)
        return
    found, along = gaps.in_box(rule, size, occupation, densities)
    assert along.tolist() == 3 * axes
    np.testing.assert_allclose(found.sum, total, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        found.largest, np.concatenate([np.array(x) for x in zip(*largest, strict=True)]), rtol=1e-9, atol=1e-12
    )
