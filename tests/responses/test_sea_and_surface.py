"""Integrations by parts: sea forms against surface forms, and derivatives of observables (docs/theory.md, sections 3 and 9).

L1 + L1dir    =  sum d_b f_n O_nn          L1surf, the mesh error falls exponentially
N2 + N2dir    =  sum d_b d_d f_n O_nn      symmetric in b and d
-(L1 + L1dir) =  d_b (O_nn)                density by density, at every k
"""

from functools import cache

import numpy as np
import pytest
from responses import brute

from wannier_spin import band_geometry, compute, models, responses
from wannier_spin.responses import BandPairs
from wannier_spin.units import BOLTZMANN

# The random ones by seeds whose bands stay apart (by 1.5 and 1.1 eV), so that moderate meshes resolve them.
MODELS = {
    "rashba_exchange": (models.rashba_exchange(), 0.3, 0.4),  # model, mu, kT
    "altermagnet": (models.altermagnet(rashba=0.3), -2.5, 0.4),
    "pt_antiferromagnet": (models.pt_antiferromagnet(), -0.9, 0.4),
    "random_model": (models.random_model(n=3, seed=37, periodic=(True, True, False)), 0.2, 0.4),
    "random_model, 3D": (models.random_model(n=3, seed=10, decay=1.6), 0.2, 0.4),
}
MESHES = {name: (16, 32, 64) for name in MODELS} | {"random_model, 3D": (8, 16, 32)}
NAMES = {
    "spin_current": ("magnetic_spin_hall", "nonlinear_drude_spin_current"),
    "spin": ("edelstein", "nonlinear_drude_spin_magnetization"),
    "charge_current": ("magnetic_spin_hall", "nonlinear_drude_spin_current"),
}
# PT makes the T-odd responses of the spin vanish; without position matrix the spin does not depend on k.
VANISHING = {("pt_antiferromagnet", "spin_current"), ("pt_antiferromagnet", "spin")}


@cache
def run(name, n, channel):
    model, mu, kT = MODELS[name]
    return compute(
        model,
        sorted({x for names in NAMES.values() for x in names}),
        grid=[n if along else 1 for along in model.periodic],
        shift=(0.37, 0.11, 0.0),  # a mesh without symmetry: nothing cancels by accident
        mu=mu,
        temperature=kT / BOLTZMANN,
        channel=channel,
        blocks=("L1surf",),
        degeneracy_tolerance=1e-8,
    )


def blocks(name, n, observable, order):
    result = run(name, n, "charge" if observable == "charge_current" else "spin")
    return {key: value[0, 0] for key, value in result[NAMES[observable][order]].blocks.items()}


CASES = [(name, o) for name in MODELS for o in NAMES if (name, o) not in VANISHING]


@pytest.mark.parametrize(("name", "observable"), CASES)
def test_linear_sea_is_surface(name, observable):
    errors = []
    for n in MESHES[name]:
        found = blocks(name, n, observable, 0)
        scale = np.abs(found["L1surf"]).max()
        assert scale > 1e-3
        assert np.abs(found["L1"]).max() > 1e-3
        errors.append(np.abs(found["L1"] + found["L1dir"] - found["L1surf"]).max() / scale)
    print(name, observable, errors)  # shown when it fails
    assert errors[0] > 1e-7  # on a coarse mesh they differ
    assert errors[-1] < 2e-12
    assert errors[0] > errors[1] > errors[2]


# Where bands touch (altermagnet) the integrand of the second order diverges like 1/k, and sums converge like 1/n only.
@pytest.mark.parametrize(("name", "observable"), [case for case in CASES if case[0] != "altermagnet"])
def test_second_order_is_symmetric(name, observable):
    errors = []
    for n in MESHES[name]:
        found = blocks(name, n, observable, 1)
        total = found["N2"] + found["N2dir"]
        scale = np.abs(total).max()
        assert scale > 1e-4
        # each alone is not symmetric, but for observables that have no derivative of their own
        if name.startswith("random"):
            assert np.abs(found["N2"] - found["N2"].swapaxes(1, 2)).max() > 0.01 * scale
        errors.append(np.abs(total - total.swapaxes(1, 2)).max() / scale)
    print(name, observable, errors)  # shown when it fails
    assert errors[0] > 1e-7
    assert errors[-1] < 1e-9
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("observable", ["spin_current", "spin"])
def test_pt_keeps_the_odd_ones_out(observable):
    found = blocks("pt_antiferromagnet", 16, observable, 0)
    charge = blocks("pt_antiferromagnet", 16, "charge_current", 0)
    assert np.abs(charge["L1surf"]).max() > 1e-2
    for block in ("L1", "L1dir", "L1surf"):
        assert np.abs(found[block]).max() < 1e-14


def test_accidental_degeneracies():
    """The altermagnet's bands touch on lines of an unshifted mesh: surface terms need v as a matrix inside the block.

    docs/theory.md, section 4: -0.0335615572 so, -0.033050 with the averaged velocity, on 240^2.
    """
    from wannier_spin import AccuracyWarning

    with pytest.warns(AccuracyWarning, match="smaller than kT"):
        result = compute(
            models.altermagnet(),
            ["magnetic_spin_hall", "nonlinear_intrinsic_spin_current"],
            grid=(240, 240, 1),
            mu=-2.5,
            temperature=0.1 / BOLTZMANN,
            blocks=("L1surf",),
            degeneracy_tolerance=1e-8,
        )
    found = {key: value[0, 0, 0, 1, 2] for key, value in result["magnetic_spin_hall"].blocks.items()}
    assert found["L1dir"] == pytest.approx(-0.0335615571929, abs=1e-13)
    assert found["L1surf"] == pytest.approx(-0.0335615571929, abs=1e-13)


def test_second_order_by_numerical_derivatives():
    """N2 + N2dir = sum_n int_k (d_b d_d f_n) O_nn = f'' v_b v_d O + f' w_bd O, w by differences of energies."""
    model, mu, kT = MODELS["rashba_exchange"]
    n, h = 64, 2e-3
    k = brute.mesh(model, n, 0.2)
    step = h * np.linalg.inv(model.lattice) / (2 * np.pi)  # column a: a Cartesian step h along a, in reduced k

    def energies(points):
        return np.linalg.eigvalsh(brute.sums(model, model.hamiltonian_R, points))

    def along(f, a):
        """Fourth-order first derivative of f(points)."""
        return lambda p: (8 * (f(p + step[:, a]) - f(p - step[:, a])) - f(p + 2 * step[:, a]) + f(p - 2 * step[:, a])) / (12 * h)

    v = [along(energies, a)(k) for a in range(2)]
    w = [[along(along(energies, a), b)(k) for a in range(2)] for b in range(2)]
    e = energies(k)
    f, slope = brute.fermi(e, mu, kT), brute.fermi_slope(e, mu, kT)
    curvature = -slope * (1 - 2 * f) / kT
    result = compute(
        model,
        ["nonlinear_drude_spin_current", "nonlinear_drude_spin_magnetization"],
        grid=(n, n, 1),
        shift=(0.2, 0.2, 0),
        mu=mu,
        temperature=kT / BOLTZMANN,
    )
    b = brute.bands(model, k)
    for observable in ("spin_current", "spin"):
        O = np.einsum("konn->kno", brute.observable(b, observable)[0]).real  # noqa: E741
        found = result[NAMES[observable][1]].blocks
        found = (found["N2"] + found["N2dir"])[0, 0]
        for i in range(2):
            for j in range(2):
                weight = curvature * v[i] * v[j] + slope * w[i][j]
                expected = brute.paper_order(np.einsum("kn,kno->o", weight, O)[None, None] / n**2, observable)[:, 0, 0]
                assert np.abs(expected).max() > 1e-3
                # differences: rounding 1e-16/h^2 and truncation h^4, both some 1e-10 of numbers of order one
                assert np.abs(found[:, i, j] - expected).max() < 1e-8 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["random_model", "random_model, 3D", "rashba_exchange"])
def test_derivative_of_the_diagonal(name):
    """d_b (O_nn) = <n|D_b O|n> + B^b_n by differences in k, for every observable, band and direction."""
    model = MODELS[name][0]
    k = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 3)) * np.array(model.periodic)
    observables = ("spin_current", "spin", "charge_current")
    pairs = BandPairs(band_geometry(model, k, degeneracy_tolerance=1e-8, derivatives=True), observables)
    gap = np.diff(pairs.geometry.energies, axis=1).min()
    assert gap > 0.05  # for the differences
    blocks_of = {block: responses.BLOCKS[block].density(pairs) for block in ("L1", "L1dir")}

    def diagonal(points):
        g = band_geometry(model, points, degeneracy_tolerance=1e-8)
        return np.concatenate([np.einsum("konn->kno", g.observable(name)).real for name in observables], axis=-1)

    h = 1e-3
    for b in np.flatnonzero(model.periodic):
        step = np.zeros(3)
        step[b] = h
        step = model.lattice @ step / (2 * np.pi)  # Cartesian to reduced
        coefficients = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # sixth order
        numerical = sum(c * (diagonal(k + s * step) - diagonal(k - s * step)) for s, c in coefficients.items()) / h
        analytic = -(blocks_of["L1"] + blocks_of["L1dir"])[:, :, b]
        for part, start in (("L1", 0), ("L1dir", 0)):
            assert np.abs(blocks_of[part][:, :, b, start:9]).max() > 0.1
        assert np.abs(numerical).max() > 0.1
        # truncation h^6/gap^6 and rounding 1e-15/h
        assert np.abs(analytic - numerical).max() < 1e-9 * np.abs(numerical).max()
