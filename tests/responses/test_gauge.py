"""Nothing depends on the choice of states inside a degenerate group (docs/theory.md, section 4)."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from outside import with_random_operators

from wannier_spin import models, observables, responses
from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import BandGeometry, band_geometry, geometry_of
from wannier_spin.responses import BandPairs

OBSERVABLES = ("spin_current", "spin", "charge_current")
OTHERS = tuple(observables.get("spin_current", definition) for definition in ("ryoo", "qiao"))
AT_SITES = observables.projected(observables.get("spin"), ((0, 1), (2, 3)))
K = np.random.default_rng(4).uniform(-0.5, 0.5, (20, 3)) * [1, 1, 0]
MODELS = {
    "pt_antiferromagnet": (with_random_operators(models.pt_antiferromagnet()), [2, 2]),
    "chiral_flat": (with_random_operators(models.chiral_flat()), [1, 2, 1]),
}


def geometry(name):
    model = MODELS[name][0]
    g = geometry_of(BlochSum(model, True, tuple(model.operators)).at_points(K), 1e-8)
    sizes = [np.unique(row, return_counts=True)[1].tolist() for row in g.group]
    assert all(size == MODELS[name][1] for size in sizes)
    return g


def unitary(rng, n):
    q, r = np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    return q * (r.diagonal() / np.abs(r.diagonal()))


def rotated(g, seed):
    """The same bands with random states inside each block."""
    rng = np.random.default_rng(seed)
    U = np.zeros(g.states.shape, complex)
    for k, row in enumerate(g.group):
        for group in np.unique(row):
            inside = np.flatnonzero(row == group)
            U[k][np.ix_(inside, inside)] = unitary(rng, len(inside))

    return replace(g, states=g.states @ U)


def block_traces(g, density):
    """Sum over the bands of each block: (k, band, ...), the same number for each band of a block."""
    return np.einsum("knm,km...->kn...", g.same_group.astype(float), density)


def all_densities(g):
    pairs = BandPairs(g, (*OBSERVABLES, AT_SITES, *OTHERS))
    found = {name: block.density(pairs) for name, block in responses.BLOCKS.items()}
    dynamic = responses.DYNAMIC_BLOCKS.items()
    return found | {f"{name} {z}": block.density(pairs, z) for name, block in dynamic for z in (0.3 + 0.1j, 0.7 + 0.2j)}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_block_traces_do_not_change(name, seed):
    g = geometry(name)
    other = rotated(g, seed)
    assert isinstance(other, BandGeometry)
    assert np.abs(other.velocity - g.velocity).max() > 0.1
    before, after = all_densities(g), all_densities(other)
    assert len(before) == len(responses.BLOCKS) + 2 * len(responses.DYNAMIC_BLOCKS)
    for block in before:
        old, new = block_traces(g, before[block]), block_traces(other, after[block])
        for start, stop in ((0, 9), (9, 12), (12, 15), (15, 18), (18, 21), (21, 39)):  # observables: their sizes differ
            scale = np.abs(before[block][..., start:stop]).max()
            if not (block in ("L1dir", "N2dir", "W") and start in (9, 15, 18)):
                assert scale > (1e-5 if block.startswith("INJ") else 1e-4), block  # 0.3 eV is far from any resonance
            assert np.abs(new - old)[..., start:stop].max() <= 1e-12 * scale, block


def per_band_P(g):
    """P as printed, band by band: sum_m g^{bd}_nm (O_mm - O_nn)/eps_nm^2, with the mask but with the bands' own O_nn."""
    O = np.concatenate([g.observable(name) for name in OBSERVABLES], axis=1)  # noqa: E741
    diagonal = np.einsum("konn->kno", O).real
    metric = np.einsum("kbnm,kdmn,knm->knmbd", g.velocity, g.velocity, g.inverse_gap**4).real
    return np.einsum("knmbd,knmo->knbdo", metric, diagonal[:, None] - diagonal[:, :, None])


def test_per_band_P_is_not_invariant():
    """On two flat bands it changes by several percent, the block form by rounding; nondegenerate bands agree."""
    g = geometry("chiral_flat")
    other = rotated(g, 0)
    old, new = (block_traces(x, per_band_P(x)) for x in (g, other))
    change = np.abs(new - old).max() / np.abs(old).max()
    assert change > 0.03
    block = [block_traces(x, responses.BLOCKS["P"].density(BandPairs(x, OBSERVABLES))) for x in (g, other)]
    assert np.abs(block[1] - block[0]).max() < 1e-12 * np.abs(block[0]).max()
    simple = band_geometry(models.random_model(), K, degeneracy_tolerance=1e-8, derivatives=True)
    exact = responses.BLOCKS["P"].density(BandPairs(simple, OBSERVABLES))
    assert np.abs(per_band_P(simple) - exact).max() < 1e-11 * np.abs(exact).max()


def test_P_is_the_trace_formula():
    """Re{Tr[v^b_NM O_MM v^d_MN] - Tr[O_NN v^b_NM v^d_MN]}/eps^4, symmetrized in b, d, one pair of blocks after the other."""
    for name in MODELS:
        g = geometry(name)
        O = np.concatenate([g.observable(x) for x in OBSERVABLES], axis=1)  # noqa: E741
        found = block_traces(g, responses.BLOCKS["P"].density(BandPairs(g, OBSERVABLES)))
        for k in range(3):
            groups = [np.flatnonzero(g.group[k] == i) for i in np.unique(g.group[k])]
            for N in groups:
                expected = np.zeros((3, 3, 15))
                for M in groups:
                    if M is N:
                        continue
                    eps = g.energies[k, N].mean() - g.energies[k, M].mean()
                    for b, d, o in product(range(3), range(3), range(15)):
                        vb, vd = g.velocity[k, b], g.velocity[k, d]
                        for first, second in ((vb, vd), (vd, vb)):
                            NM, MN = first[np.ix_(N, M)], second[np.ix_(M, N)]
                            far, own = NM @ O[k, o][np.ix_(M, M)] @ MN, O[k, o][np.ix_(N, N)] @ NM @ MN
                            expected[b, d, o] += (np.trace(far) - np.trace(own)).real / eps**4 / 2
                assert np.abs(expected).max() > 1e-3
                assert np.abs(found[k, N[0]] - expected).max() < 1e-11 * np.abs(expected).max()


@pytest.mark.parametrize("name", MODELS)
def test_a_literal_double_loop_fails(name):
    """Without the blocks n != m divides by the 1e-16 that separate the states of a pair."""
    g = geometry(name)
    gap = g.energies[:, :, None] - g.energies[:, None, :]
    off = ~np.eye(g.energies.shape[1], dtype=bool)
    pairs = g.same_group & off
    assert pairs.any()
    with np.errstate(all="ignore"):
        vO = np.einsum("kbnm,komn->kbonm", g.velocity, g.observable("spin"))
        literal = np.where(off, 2 * vO.imag / gap[:, None, None] ** 2, 0).sum(axis=-1)
    good = responses.BLOCKS["L0"].density(BandPairs(g, ("spin",)))
    assert np.isfinite(good).all()
    assert not np.isfinite(literal).all() or np.abs(literal).max() > 1e8 * np.abs(good).max()


def test_tolerance_decides_what_a_block_is():
    model = models.pt_antiferromagnet()
    tight, wide = (band_geometry(model, K, degeneracy_tolerance=t) for t in (1e-8, 1e3))
    assert tight.group.max() == 1
    assert wide.group.max() == 0
    assert np.abs(wide.inverse_gap).max() == 0
