"""Every block against loops over pairs of bands, in another gauge (see brute.py), on models without any symmetry."""

from dataclasses import replace

import numpy as np
import pytest
from responses import brute

from wannier_spin import band_geometry, compute, models, responses
from wannier_spin.responses import BandPairs
from wannier_spin.units import BOLTZMANN

MODELS = {
    "random": models.random_model(seed=1),
    "random, sheet": models.random_model(n=3, seed=2, periodic=(True, True, False)),
    "random, chain": models.random_model(n=3, seed=3, periodic=(False, True, False)),
    "without position": replace(models.random_model(n=3, seed=5), position_R=None),
    "rashba_exchange": models.rashba_exchange(),
    "kagome_mn3sn": models.kagome_mn3sn(soc=0.2, canting=0.3, angle=0.1),
}
MU, KT, N = 0.2, 0.3, 4
CHANNELS = {"spin": ("spin_current", "spin"), "charge": ("charge_current",)}
STATIC = [name for name in responses.names() if not responses.RESPONSES[name].dynamic]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("channel", "width"), [("spin", 0.0), ("charge", 0.0), ("spin", 0.3)])
@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # gaps below kT: an identity holds all the same
def test_blocks(name, channel, width):
    """width : of gaps at second order."""
    model = MODELS[name]
    grid = [N if along else 1 for along in model.periodic]
    shift = 0.3 if name != "random" else 0.0
    result = compute(
        model,
        STATIC,
        grid=grid,
        shift=(shift,) * 3 if name != "random" else (0, 0, 0),
        mu=MU,
        temperature=KT / BOLTZMANN,
        channel=channel,
        blocks=("L1surf",),
        degeneracy_tolerance=1e-8,
        gap_broadening=width,
    )
    k = brute.mesh(model, N, shift)
    k[:, ~np.array(model.periodic)] = shift  # a vacuum direction has one point, anywhere
    seen = set()
    for observable in CHANNELS[channel]:
        expected = brute.responses(model, k, MU, KT, observable, width=width)
        for response in result.values():
            if response.output != observable:
                continue
            for block, values in response.blocks.items():
                scale = np.abs(expected[block]).max()
                if not (block in ("L1dir", "N2dir", "W") and observable == "spin" and model.position_R is None):
                    assert scale > 1e-5, (observable, block)
                # 64 to 1000 numbers of order `scale` and rounding of gaps: some 1e-14; 1/gap^4 amplifies
                error = np.abs(values[0, 0] - expected[block]).max()
                assert error < 1e-10 * scale + 1e-14, (observable, block, error / scale)
                seen.add(block)
    assert seen == set(responses.BLOCKS)


@pytest.mark.parametrize("width", [0.0, 0.5])
@pytest.mark.parametrize("observable", ["spin_current", "spin", "charge_current"])
def test_S_is_the_derivative_in_a_field(observable, width):
    """S = f_n d/dh sum_m g^{bd}_nm/eps_nm at H -> H + h O, v^b -> v^b + h D_b O, by differences in h, band by band.

    With any broadening of the gaps.
    """
    model = models.random_model(n=3, seed=10, decay=1.6)
    k = brute.mesh(model, 2, 0.3)
    b = brute.bands(model, k)
    O, dO = brute.observable(b, observable)  # noqa: E741
    n = model.n_bands

    def density(h, o):
        e, U = np.linalg.eigh(b.e[:, :, None] * np.eye(n) + h * O[:, o])
        v = U.conj().swapaxes(1, 2)[:, None] @ (b.v + h * dO[:, :, o]) @ U[:, None]
        eps = e[:, :, None] - e[:, None, :] + np.eye(n)
        return np.einsum("kbnm,kdmn,knm->knbd", v, v, (1 - np.eye(n)) * (eps / (eps**2 + width**2)) ** 3).real

    geometry = band_geometry(model, k, degeneracy_tolerance=1e-8, derivatives=True)
    pairs = BandPairs(replace(geometry, gap_broadening=width), (observable,))
    found = responses.BLOCKS["S"].density(pairs)
    h = 2e-3
    for o in range(O.shape[1]):
        numerical = sum(c * (density(s * h, o) - density(-s * h, o)) for s, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))) / h
        scale = np.abs(numerical).max()
        assert scale > 1e-2
        assert np.abs(found[..., o] - numerical).max() < 1e-8 * scale  # truncation (h O/gap)^6, rounding 1e-15/h


def test_the_two_gauges_differ():
    """What the comparison is worth: the Wannier-gauge matrices are not the same, only the results are."""
    model = MODELS["random"]
    k = brute.mesh(model, 2, 0.3)
    from wannier_spin.bloch import BlochSum

    package = BlochSum(model, second_order=False).at_points(k)
    other = brute.sums(model, model.hamiltonian_R, k, 0)
    assert np.abs(package.gradient[:, 0] - other).max() > 0.1
