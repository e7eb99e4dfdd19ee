"""Every block is a tensor: it follows its model through rotations, inversion, time reversal (docs/theory.md, section 5)."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from rounding import same

from wannier_spin import TightBindingModel, compute, models, responses
from wannier_spin.responses import RESPONSES
from wannier_spin.units import BOLTZMANN

MU, KT, GRID, OMEGA, ETA = 0.2, 0.3, (3, 4, 5), (0.15, 0.4), 0.1
MODEL = models.random_model(n=3, seed=6)
TAU_POWER = {"L1": 1, "L1dir": 1, "L1surf": 1, "L0": 0, "N2": 2, "N2dir": 2, "N1": 1, "Q1": 0, "P": 0, "F": 0}
TAU_POWER |= {"S": 0, "W": 0, "D": 0}
# Parity under T with respect to a static response of order tau^0: AC1 the cos, AC2 the sin part if eta = 0
T_ODD = {"AC1": +1, "AC2": -1, "INJ1": -1, "INJ2": +1, "SH1": +1, "SH2": -1}
STATIC = [name for name in responses.names() if not RESPONSES[name].dynamic]
DYNAMIC = [name for name in responses.names() if RESPONSES[name].dynamic]
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse meshes, gaps below kT: identities


def run(model, channel="spin", shift=(0, 0, 0), grid=GRID, broadening=ETA):
    """All blocks: {(response, block): array}, without the axes mu and T."""
    result = compute(
        model,
        "all",
        grid=grid,
        shift=shift,
        mu=MU,
        temperature=KT / BOLTZMANN,
        omega=OMEGA,
        broadening=broadening,
        channel=channel,
        blocks=("L1surf",),
        degeneracy_tolerance=1e-8,
    )
    return {(name, block): value[0, 0] for name, tensor in result.items() for block, value in tensor.blocks.items()}


@cache
def original(channel="spin", shift=(0, 0, 0), broadening=ETA):
    return run(MODEL, channel, shift, broadening=broadening)


def law(name, channel):
    return RESPONSES[name].channel_tensor(channel)


def assert_equal(found, expected, tolerance=1e-11):
    """Relative to each block's largest element; all are there, and none vanishes."""
    assert found.keys() == expected.keys()
    assert {block for _, block in found} == set(TAU_POWER) | set(T_ODD)
    for key, value in expected.items():
        scale = np.abs(value).max()
        assert scale > 1e-5, key
        assert np.abs(found[key] - value).max() < tolerance * scale, key


def test_tau_powers_are_the_registered_ones():
    for name in STATIC:
        for block in RESPONSES[name].blocks("full"):
            assert (
                TAU_POWER[block]
                == RESPONSES[name].tau_power
                == responses.BLOCKS[block].tau_power
                == responses.block(block).tau_power
            )
    for block in (*TAU_POWER, *T_ODD):
        assert responses.time_odd(block) == (T_ODD.get(block) == -1 or TAU_POWER.get(block) == 1)
    assert set(responses.BLOCKS) == set(TAU_POWER)
    for record in RESPONSES.values():
        assert record.tau_power == record.tau_powers[0], record.name


# Rotations


def rotation(seed):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def rotated(model, R):
    return replace(
        model,
        lattice=model.lattice @ R.T,
        position_R=model.position_R @ R.T,
        spin_R=model.spin_R @ R.T,
        centres=model.centres @ R.T,
    )


def turned(array, R, rank):
    """R on each of the last `rank` axes."""
    for axis in range(array.ndim - rank, array.ndim):
        array = np.moveaxis(np.tensordot(array, R, axes=(axis, 1)), -1, axis)
    return array


@pytest.mark.parametrize("channel", ["spin", "charge"])
@pytest.mark.parametrize("seed", [0, 1])
def test_rotation(channel, seed):
    R = rotation(seed)
    assert np.linalg.det(R) == pytest.approx(1)
    shift = (0.2, 0.7, 0.4)
    found = run(rotated(MODEL, R), channel, shift)
    expected = {key: turned(value, R, law(key[0], channel).rank) for key, value in original(channel, shift).items()}
    assert_equal(found, expected)


# Inversion and time reversal: the mesh contains -k with k


def index_of_opposite(model):
    index = {tuple(R): i for i, R in enumerate(model.R_vectors.tolist())}
    return [index[tuple(-r for r in R)] for R in model.R_vectors.tolist()]


def inverted(model):
    """Orbitals keep their spin and change places with r -> -r: an axial vector does not change sign."""
    opposite = index_of_opposite(model)
    return replace(
        model,
        hamiltonian_R=model.hamiltonian_R[opposite],
        position_R=-model.position_R[opposite],
        spin_R=model.spin_R[opposite],
        centres=-model.centres,
    )


def reversed_in_time(model):
    return replace(
        model,
        hamiltonian_R=model.hamiltonian_R.conj(),
        position_R=model.position_R.conj(),
        spin_R=-model.spin_R.conj(),
    )


def time_parity(name, block, channel):
    """Of static blocks as the law says; the two parts of an AC response: like tau^0, and the opposite."""
    if block in T_ODD:
        return law(name, channel).time_parity(0) * T_ODD[block]
    return law(name, channel).time_parity(TAU_POWER[block])


@pytest.mark.parametrize("channel", ["spin", "charge"])
def test_inversion(channel):
    expected = {key: law(key[0], channel).space_parity * value for key, value in original(channel).items()}
    assert_equal(run(inverted(MODEL), channel), expected)


@pytest.mark.parametrize("channel", ["spin", "charge"])
def test_time_reversal(channel):
    before = original(channel)
    expected = {key: time_parity(*key, channel) * value for key, value in before.items()}
    assert_equal(run(reversed_in_time(MODEL), channel), expected)


def test_without_absorption_the_parts_are_cos_and_sin():
    for name in DYNAMIC[:4]:
        one, two = (original(broadening=0.0)[name, block] for block in ("AC1", "AC2"))
        assert min(np.abs(one[:, 0]).max(), np.abs(two[:, 1]).max()) > 1e-4
        assert np.abs(one[:, 1]).max() == np.abs(two[:, 0]).max() == 0
        one, two = (original()[name, block] for block in ("AC1", "AC2"))
        assert min(np.abs(one[:, 1]).max(), np.abs(two[:, 0]).max()) > 1e-4


def test_parities_are_those_of_table_1():
    """docs/theory.md, section 5: parity under P and T of what governs each response."""
    metric, curvature, metric_dipole, curvature_dipole = range(4)
    table = {
        "spin_current": {"P": (+1, +1, -1, -1), "T": (-1, +1, +1, -1)},
        "spin": {"P": (-1, -1, +1, +1), "T": (-1, +1, +1, -1)},
    }
    governs = {
        "magnetic_spin_hall": metric,
        "spin_hall": curvature,
        "nonlinear_drude_spin_current": metric_dipole,
        "nonlinear_extrinsic_spin_current": curvature_dipole,
        "edelstein": curvature,
        "intrinsic_spin_magnetization": metric,
        "nonlinear_drude_spin_magnetization": curvature_dipole,
        "nonlinear_extrinsic_spin_magnetization": metric_dipole,
    }
    for name, quantity in governs.items():
        record = RESPONSES[name]
        parities = table[record.tensor.observable]
        # inversion: the response is a tensor of the same parity as its geometric quantity
        assert record.tensor.space_parity == parities["P"][quantity]
        assert record.tensor.time_parity(record.tau_power) == parities["T"][quantity]


@pytest.mark.parametrize("exchange", [(0.25, 0.15, 0.45)])
def test_moment_reversal(exchange):
    """The exchange field alone breaks T in the Rashba model: turning it round is time reversal."""
    plus, minus = (models.rashba_exchange(exchange=tuple(s * x for x in exchange)) for s in (+1, -1))
    before, after = run(plus, grid=(6, 6, 1)), run(minus, grid=(6, 6, 1))
    odd = 0
    for (name, block), value in before.items():
        scale = np.abs(value).max()
        if block in ("L1dir", "N2dir", "W") and law(name, "spin").observable == "spin":
            assert scale == 0
            continue
        if (name, block) == ("orbital_edelstein", "L1"):  # the moment of two bands has no elements between them
            assert scale < 1e-14
            continue
        assert scale > 1e-5
        parity = time_parity(name, block, "spin")
        assert np.abs(after[name, block] - parity * value).max() < 1e-11 * scale, (name, block)
        odd += parity < 0
    assert odd > 5


def test_neel_vector_reversal():
    """PT keeps the T-odd spin currents away; T-even ones do not notice the sign of the Neel vector, the charge drift does."""
    plus, minus = (models.pt_antiferromagnet(direction=tuple(s * x for x in (0.6, 0.3, 0.742))) for s in (+1, -1))
    before, after = run(plus, "charge", grid=(6, 6, 1)), run(minus, "charge", grid=(6, 6, 1))
    for block in ("N2", "Q1", "P", "F", "S", "D"):  # T-odd for the current, allowed by PT
        key = next(key for key in before if key[1] == block)
        scale = np.abs(before[key]).max()
        assert scale > 1e-5
        assert np.abs(after[key] - time_parity(*key, "charge") * before[key]).max() < 1e-11 * scale
        assert np.abs(after[key] + before[key]).max() < 1e-11 * scale


# Spin and charge


def direct_sum(first, second, spin_first, spin_second):
    """A model of two that do not see each other, on the same lattice; sigma^c = spin_first[c] or spin_second[c] times 1."""
    n = first.n_bands
    assert np.array_equal(first.R_vectors, second.R_vectors)
    shape = (len(first.R_vectors), 2 * n, 2 * n)
    H, r, s = np.zeros(shape, complex), np.zeros((*shape, 3), complex), np.zeros((*shape, 3), complex)
    H[:, :n, :n], H[:, n:, n:] = first.hamiltonian_R, second.hamiltonian_R
    r[:, :n, :n], r[:, n:, n:] = first.position_R, second.position_R
    origin = np.flatnonzero((first.R_vectors == 0).all(axis=1))[0]
    for i in range(n):
        s[origin, i, i], s[origin, n + i, n + i] = spin_first, spin_second
    return TightBindingModel(
        lattice=first.lattice, R_vectors=first.R_vectors, hamiltonian_R=H, position_R=r, spin_R=s, periodic=first.periodic
    )


def spin_current_blocks(found):
    return {key: value for key, value in found.items() if law(key[0], "spin").observable == "spin_current"}


def charge_blocks(found):
    """The identity channel gives the same for the spin current's and the spin density's responses: take the former's."""
    return {key: value for key, value in found.items() if RESPONSES[key[0]].tensor.observable == "spin_current"}


def test_conserved_spin_is_up_minus_down():
    """v^{a;z} = +-v^a/2: the current of sz is half of what up carries minus what down carries."""
    up, down = models.random_model(n=2, seed=7), models.random_model(n=2, seed=8)
    down = replace(down, lattice=up.lattice)
    doubled = direct_sum(up, down, [0, 0, 1], [0, 0, -1])
    charge_up, charge_down = charge_blocks(run(up, "charge")), charge_blocks(run(down, "charge"))
    found = spin_current_blocks(run(doubled))
    assert found.keys() == charge_up.keys()
    for key, value in found.items():
        expected = (charge_up[key] - charge_down[key]) / 2
        scale = np.abs(expected).max()
        assert scale > 1e-5
        assert np.abs(value[..., 2] - expected).max() < 1e-11 * scale
        assert np.abs(value[..., :2]).max() == 0


@pytest.mark.parametrize("model", [MODEL, models.pt_antiferromagnet()], ids=["random", "pairs"])
def test_identity_channel(model):
    """sigma^c -> 1 for all c: v^{a;c} = v^a/2, so that each spin current is half of the charge current."""
    grid = [n if along else 1 for n, along in zip(GRID, model.periodic, strict=True)]
    spin_R = np.zeros_like(model.spin_R)
    origin = np.flatnonzero((model.R_vectors == 0).all(axis=1))[0]
    spin_R[origin] = np.eye(model.n_bands)[..., None]
    spin = spin_current_blocks(run(replace(model, spin_R=spin_R), grid=grid))
    charge = charge_blocks(run(model, "charge", grid=grid))
    assert spin.keys() == charge.keys()
    largest = max(np.abs(value).max() for value in charge.values())
    for key, value in spin.items():
        assert largest > 1e-2
        if model is MODEL:
            assert np.abs(charge[key]).max() > 1e-5
        for c in range(3):
            assert np.abs(value[..., c] - charge[key] / 2).max() < 1e-12 * max(np.abs(charge[key]).max(), 1e-3 * largest)


def test_charge_of_the_spin_density_is_the_same():
    found = original("charge")
    pairs = dict(zip(responses.names()[::2], responses.names()[1::2], strict=True))
    for (name, block), value in found.items():
        twin = pairs.get(name)
        if twin and (twin, block) in found:
            assert same(found[twin, block], value)


def test_quantized_spin_hall():
    """Kane-Mele: sigma0_xy;z = -sgn(soc)/(2 pi) in the gap (times e^2/hbar), in SI -e^2/h."""
    for sign in (+1, -1):
        result = compute(models.kane_mele(soc=0.1 * sign), "spin_hall", grid=(60, 60, 1), mu=0, temperature=0)
        values = result["spin_hall"].values[0, 0]
        assert values[0, 1, 2] == pytest.approx(-sign / (2 * np.pi), abs=1e-9)  # exponential in gap x mesh
        assert values[1, 0, 2] == pytest.approx(sign / (2 * np.pi), abs=1e-9)
        assert np.abs(values[..., :2]).max() < 1e-14
    si = compute(models.kane_mele(soc=0.1), "spin_hall", grid=(60, 60, 1), mu=0, temperature=0, units="SI")["spin_hall"]
    assert si.values[0, 0, 0, 1, 2] == pytest.approx(-3.874045865e-5, rel=3e-9, abs=0)  # e^2/h, (hbar/e) S


def test_weyl_anomalous_hall():
    """sigma_xy = node/(2 pi^2 a) of the charge: the density of Chern numbers between the nodes."""
    model = models.weyl(tilt=(0, 0, 0), node=np.pi / 2)
    # planes of kz: all but those next to the nodes are quantized on an in-plane mesh of 24; 0.5: symmetric about the nodes
    found = compute(model, "spin_hall", channel="charge", grid=(24, 24, 16), shift=(0, 0, 0.5), mu=0, temperature=0)
    assert found["spin_hall"].values[0, 0, 0, 1] == pytest.approx(1 / (4 * np.pi), rel=5e-3, abs=0)
