"""The spin currents of Ryoo and Qiao: derivatives, exact limits, degenerate groups, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from outside import part_of, separated, with_random_operators
from rounding import same

from wannier_spin import (
    InputError,
    Tolerance,
    band_geometry,
    compute,
    load,
    load_model,
    models,
    observables,
    read_structure,
    read_wannier90,
)
from wannier_spin.bloch import BlochSum
from wannier_spin.calculation import run
from wannier_spin.config import settings_from
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.observables import spin_current
from wannier_spin.readers import read_projections
from wannier_spin.symmetry import magnetic_group, symmetrize_model
from wannier_spin.units import BOLTZMANN

DEFINITIONS = ("simple", "ryoo", "qiao")
RYOO, QIAO = (observables.get("spin_current", definition).needs for definition in ("ryoo", "qiao"))
RANDOM = with_random_operators(models.random_model(n=4, seed=1))
PAIRS = with_random_operators(models.pt_antiferromagnet(), seed=2)
FLAT = with_random_operators(models.chiral_flat(), seed=3)
K = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 3))
K2D = K * [1, 1, 0]
MODELS = {"random": (RANDOM, K, 1), "pairs": (PAIRS, K2D, 2), "flat pair": (FLAT, K2D, 2)}


def in_wannier_gauge(model, k, definition, origin):
    """v^{a;c}(k) between Bloch sums whose phases have the centres: those that derivatives belong to. (k,a,c,n,m)."""
    g = band_geometry(model, k, degeneracy_tolerance=1e-7, spin_current=definition)
    U = g.states[:, None, None]
    phase = np.exp(-2j * np.pi * (k - origin) @ np.linalg.inv(model.lattice).T @ model.centres.T)[:, None, None]
    return phase[..., None] * (U @ g.spin_current @ U.conj().swapaxes(-1, -2)) * phase[..., None, :].conj()


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("name", MODELS)
def test_covariant_derivative(name, definition):
    """D_b J = d_b J - i [A_b, J], d_b by sixth-order differences of J(k) in the Wannier gauge."""
    model, k, size = MODELS[name]
    g = band_geometry(model, k, degeneracy_tolerance=1e-7, derivatives=True, spin_current=definition)
    assert g.same_group.sum(axis=-1).max() == size
    U = g.states[:, None, None, None]
    n = model.n_bands
    found = U @ g.observable_derivative("spin_current").reshape(len(k), 3, 3, 3, n, n) @ U.conj().swapaxes(-1, -2)
    A, J = BlochSum(model, False).at_points(k).connection, in_wannier_gauge(model, k, definition, k)
    h = 1e-3
    for b in range(3 if all(model.periodic) else 2):
        step = h * model.lattice[:, b] / (2 * np.pi)
        ahead, behind = ([in_wannier_gauge(model, k + s * i * step, definition, k) for i in (1, 2, 3)] for s in (1, -1))
        slope = sum(c * (x - y) for c, x, y in zip((3 / 4, -3 / 20, 1 / 60), ahead, behind, strict=True)) / h
        if A is not None:
            slope = slope - 1j * (A[:, b, None, None] @ J - J @ A[:, b, None, None])
        assert np.abs(slope).max() > 0.1
        assert np.abs(found[:, b] - slope).max() < 1e-9 * np.abs(found).max()  # truncation (h/gap)^6, rounding 1e-16/h


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("name", MODELS)
def test_hermitian(name, definition):
    model, k, _ = MODELS[name]
    g = band_geometry(model, k, degeneracy_tolerance=1e-7, derivatives=True, spin_current=definition)
    for X in (g.spin_current, g.observable_derivative("spin_current")):
        assert np.abs(X).max() > 0.1
        assert np.abs(X - X.conj().swapaxes(-1, -2)).max() < 1e-13 * np.abs(X).max()


def test_nothing_projected_out():
    """Wannier functions that span everything: all definitions are {v^a, sigma^c}/4, derivatives too."""
    model = part_of(models.random_model(n=3, seed=4), 3)
    simple, ryoo, qiao = (band_geometry(model, K, derivatives=True, spin_current=d) for d in DEFINITIONS)
    for other in (ryoo, qiao):
        for X, Y in (
            (simple.spin_current, other.spin_current),
            (simple.observable_derivative("spin_current"), other.observable_derivative("spin_current")),
        ):
            assert np.abs(X).max() > 1
            assert np.abs(X - Y).max() < 1e-12 * np.abs(X).max()


@pytest.mark.parametrize("definition", ["ryoo", "qiao"])
def test_exact_for_an_invariant_space(definition):
    """Functions that H does not couple to the others, though spin and position do: `simple` errs, the others do not."""
    full = separated(models.random_model(n=5, seed=5), 3)
    part = part_of(full, 3)
    whole = band_geometry(full, K)
    U = whole.states[:, None, None]
    expected = (U @ whole.spin_current @ U.conj().swapaxes(-1, -2))[..., :3, :3]

    def current(d):
        g = band_geometry(part, K, spin_current=d)
        V = g.states[:, None, None]
        return V @ g.spin_current @ V.conj().swapaxes(-1, -2)

    scale = np.abs(expected).max()
    assert np.abs(current("simple") - expected).max() > 0.05 * scale
    assert np.abs(current(definition) - expected).max() < 1e-12 * scale


def test_definitions_differ_where_H_leaves_the_space():
    """And the phases of the Bloch sums count then: the two derivatives of H|u> = |u> H_W are those of different functions."""
    part = part_of(models.random_model(n=5, seed=5), 3)
    currents = [band_geometry(part, K, spin_current=d).spin_current for d in DEFINITIONS]
    scale = np.abs(currents[0]).max()
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(currents[i] - currents[j]).max() > 0.01 * scale


def test_states_inside_a_block_do_not_matter():
    """D_a and everything made of it, under random unitary rotations of the states of each block."""
    rng = np.random.default_rng(7)
    for model in (PAIRS, FLAT):
        g = band_geometry(model, K2D, degeneracy_tolerance=1e-7)
        bloch = BlochSum(model, True, QIAO).at_points(K2D)
        turn = np.zeros_like(g.states)
        for k, group in enumerate(g.group):
            for block in np.unique(group):
                inside = np.flatnonzero(group == block)
                X = rng.normal(size=(len(inside),) * 2) + 1j * rng.normal(size=(len(inside),) * 2)
                turn[k][np.ix_(inside, inside)] = np.linalg.qr(X)[0]
        blocks = spin_current.Groups(g.states, g.same_group, g.inverse_gap)
        turned = replace(blocks, states=g.states @ turn)
        for f in (spin_current.qiao, spin_current.qiao_derivative):
            before, after = f(bloch, blocks), f(bloch, turned)
            assert np.abs(before).max() > 1
            assert np.abs(after - before).max() < 1e-11 * np.abs(before).max()


def test_two_close_bands_do_not_poison_qiao():
    """Their difference, 1e-6 here, divides what H leaks out of the Wannier space; a block of both keeps it out."""
    g = band_geometry(RANDOM, K[:1])
    U, e = g.states[0], g.energies[0]
    closer = U @ np.diag([0, e[0] + 1e-6 - e[1], 0, 0]) @ U.conj().T
    model = replace(RANDOM, hamiltonian_R=RANDOM.hamiltonian_R + closer * (RANDOM.R_vectors == 0).all(axis=1)[:, None, None])
    assert abs(np.diff(band_geometry(model, K[:1]).energies[0])[0] - 1e-6) < 1e-12
    poisoned, qiao, ryoo = (
        np.abs(band_geometry(model, K[:1], degeneracy_tolerance=t, spin_current=d).spin_current).max()
        for t, d in ((1e-8, "qiao"), (1e-4, "qiao"), (1e-4, "ryoo"))
    )
    assert qiao < 3 * ryoo
    assert poisoned > 1e4 * ryoo


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.parametrize("definition", ["ryoo", "qiao"])
def test_sea_and_surface_forms_agree(definition):
    """L1 + L1dir = sum d_b f O_nn: the direct term of the response is the derivative of this spin current, and of no other.

    The mesh error falls exponentially; for `qiao` with the smallest gap, here 0.4 eV.
    """
    model = with_random_operators(models.random_model(n=3, seed=2, periodic=(True, True, False), decay=2.0), seed=9, decay=2.0)
    options = {"mu": 0.1, "temperature": 0.35 / BOLTZMANN, "blocks": ("L1surf",), "spin_current": (definition, "simple")}
    found = compute(model, "magnetic_spin_hall", grid=(48, 48, 1), **options)["magnetic_spin_hall"]
    for tensor in (found, found.definition("simple")):
        scale = np.abs(tensor.blocks["L1surf"]).max()
        assert scale > 1e-3
        assert np.abs(tensor.sea_surface_difference).max() < 1e-9 * scale
    mixed = found.blocks["L1"] + found.definition("simple").blocks["L1dir"] - found.blocks["L1surf"]
    assert np.abs(mixed).max() > 1e-3 * np.abs(found.blocks["L1surf"]).max()


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_several_definitions_from_one_run():
    """What each gives alone; responses of the spin do not know of them; files, forms and tau work on all."""
    names = ["spin_hall", "nonlinear_intrinsic_spin_current", "nonlinear_drude_spin_current", "ac_spin_current", "edelstein"]
    options = {
        "grid": (4, 3, 5),
        "shift": (0.1, 0.2, 0.3),
        "mu": [0.0, 0.4],
        "temperature": 3000,
        "omega": [0.3],
        "broadening": 0.1,
    }
    together = compute(RANDOM, names, spin_current=("qiao", "simple", "ryoo"), **options)
    assert together.provenance["spin_current"] == "qiao"
    assert list(together.provenance["other_spin_currents"]) == ["simple", "ryoo"]
    for definition in DEFINITIONS:
        alone = compute(RANDOM, names, spin_current=definition, **options)
        assert not alone["spin_hall"].definitions
        other = together.definition(definition)
        assert ("edelstein" in other) == (definition == "qiao")
        for name in names[:4]:
            for block, value in alone[name].blocks.items():
                assert np.abs(value).max() > 1e-6, block
                assert np.abs(other[name].blocks[block] - value).max() < 1e-12 * np.abs(value).max(), (name, block)
        assert np.abs(alone["edelstein"].values - together["edelstein"].values).max() < 1e-14
    drude = together["nonlinear_drude_spin_current"]
    changed = drude.at(form="paper", tau=2.0)
    assert same(changed.definition("ryoo").values, drude.definition("ryoo").at(form="paper", tau=2.0).values)
    spread, ryoo = drude.definition_spread, drude.definition("ryoo").values
    assert spread["ryoo"] == np.abs(ryoo - drude.values).max() / np.abs(drude.values).max() > 0.01


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_saved_with_all_definitions(tmp_path):
    model = load_model(RANDOM.save(tmp_path / "model.h5"))
    options = {"grid": (4, 4, 4), "mu": 0.1, "temperature": 3000, "spin_current": ("ryoo", "simple", "qiao")}
    result = compute(model, ["spin_hall", "magnetic_spin_hall"], **options)
    back = load(result.save(tmp_path / "result.h5"))
    for name, tensor in result.items():
        assert list(back[name].definitions) == ["simple", "qiao"]
        assert back[name].definition_spread == tensor.definition_spread
        assert min(tensor.definition_spread.values()) > 0.01
        for definition in ("simple", "qiao"):
            assert np.array_equal(back[name].definition(definition).values, tensor.definition(definition).values)
            assert np.array_equal(back[name].definition(definition).error, tensor.definition(definition).error)


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_within_a_tolerance():
    """Adaptive boxes hold all definitions to the tolerance, and give what a mesh gives."""
    model = with_random_operators(models.random_model(n=3, seed=8, periodic=(True, True, False), decay=2.0), seed=9, decay=2.0)
    options = {"mu": 0.1, "temperature": 2000, "spin_current": ("ryoo", "qiao")}
    adaptive = compute(model, "spin_hall", tolerance=1e-3, **options)["spin_hall"]
    mesh = compute(model, "spin_hall", grid=(60, 60, 1), **options)["spin_hall"]
    for found, expected in ((adaptive, mesh), (adaptive.definition("qiao"), mesh.definition("qiao"))):
        assert found.converged
        assert np.abs(found.values - expected.values).max() < 1e-3 * np.abs(expected.values).max()


def test_batches_do_not_matter():
    """One point alone, among others, and on tensor products."""
    k1, k2, k3 = 0.17, np.array([-0.31, 0.0]), np.array([0.45, -0.2, 0.1])
    source = BlochSum(RANDOM, True, QIAO)
    k = source.batch_points(k1, k2, k3)
    several, block = source.at_points(k), source.on_batch(k1, k2, k3)
    coordinates = [np.array([0.0]), np.array([0.0]), np.array([0.0])]
    coordinates[source.axes[0]], coordinates[source.axes[1]], coordinates[source.axes[2]] = np.array([k1]), k2, k3
    cell = source.on_cell(*coordinates)
    for name in ("spin_position", "spin_hamiltonian_position", "spin_hamiltonian"):
        for key in ("operators", "slopes"):
            expected, on_batch, on_cell, alone = (getattr(x, key)[name] for x in (several, block, cell, source.at_points(k[2:3])))
            scale = np.abs(expected).max()
            assert scale > 0.1
            assert np.abs(on_batch - expected).max() < 1e-13 * scale
            assert np.abs(on_cell - expected).max() < 1e-13 * scale
            assert np.abs(alone[0] - expected[2]).max() < 1e-13 * scale


def test_only_what_is_asked_for_is_summed():
    assert BlochSum(RANDOM, False).n_operators == 4 + 3 + 3
    assert BlochSum(RANDOM, False, RYOO).n_operators == 4 + 3 + 3 + 9 + 9
    assert BlochSum(RANDOM, True, QIAO).n_operators == 4 + 27 + 6 + 3 * 27


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_charge_and_spin_ignore_the_definition():
    plain = models.random_model(n=4, seed=1)
    options = {"grid": (2, 2, 2), "mu": 0.1, "temperature": 3000}
    for channel, name in (("charge", "spin_hall"), ("spin", "edelstein")):
        a, b = (compute(plain, name, channel=channel, spin_current=d, **options)[name] for d in ("simple", "ryoo"))
        assert np.abs(a.values).max() > 1e-6
        assert same(a.values, b.values)


@pytest.mark.parametrize("definition", ["ryoo", "qiao"])
def test_refused_without_matrices(definition):
    plain = models.random_model(n=4, seed=1)
    for model in (plain, models.massive_dirac(v=1.0, gap=0.5)):
        with pytest.raises(InputError, match=f"'{definition}'.*|simple"):
            compute(model, "spin_hall", grid=(4, 4), mu=0.1, temperature=300, spin_current=definition)
    with pytest.raises(InputError, match=f"spin_current = '{definition}' from .chk, .eig, .mmn and .spn"):
        band_geometry(plain, K, spin_current=definition)
    with pytest.raises(InputError, match="no other definition 'qiao'"):
        compute(plain, "spin_hall", grid=(2, 2, 2), mu=0.1, temperature=300)["spin_hall"].definition("qiao")


@pytest.fixture(scope="module")
def pt(example_inputs):
    return read_wannier90(example_inputs / "Pt" / "Pt", spin_current=("ryoo", "qiao"))


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_with_symmetry(pt, example_inputs):
    """All definitions are spin currents to the group, on a mesh and in boxes; what the projection removes is the model's fault."""
    structure = read_structure(example_inputs / "Pt" / "Pt.win")
    options = {"mu": 22.4839, "temperature": 3000, "symmetry": structure, "spin_current": ("ryoo", "qiao", "simple")}
    whole = compute(pt, "spin_hall", grid=(6, 6, 6), reduce_k=False, **options)["spin_hall"]
    reduced = compute(pt, "spin_hall", grid=(6, 6, 6), **options)["spin_hall"]
    boxes = compute(pt, "spin_hall", tolerance=Tolerance(relative=0.5), **options)["spin_hall"]
    for definition in ("ryoo", "qiao", "simple"):
        a, b, c = (t if definition == "ryoo" else t.definition(definition) for t in (whole, reduced, boxes))
        scale = np.abs(a.values).max()
        assert np.abs(a.residual).max() < 5e-3 * scale
        assert np.abs(b.values - a.values).max() < 5e-3 * scale
        for values in (b.values[0, 0], c.values[0, 0]):
            assert np.abs(values + values.swapaxes(0, 1)).max() < 1e-12 * scale  # spin Hall of m-3m: one component
            assert np.abs(values[0, 0]).max() < 1e-12 * scale
            assert np.abs(values[0, 1, 2] - values[1, 2, 0]) < 1e-12 * scale
    assert 0.005 < reduced.definition_spread["simple"] < 0.1


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_from_an_input_file(pt, example_inputs):
    """spin_current is read with the model, and the model keeps it."""
    data = {"seedname": "Pt/Pt", "responses": "spin_hall", "mu": 22.4839, "fermi_energy": 0.0, "temperature": 3000}
    definitions, grid = ["qiao", "simple"], {"points": [3, 3, 3], "shift": [0.1, 0.2, 0.3]}
    settings = settings_from({**data, "spin_current": definitions, "grid": grid}, "test")
    found = run(settings, "", example_inputs, SERIAL)
    options = {"grid": (3, 3, 3), "shift": (0.1, 0.2, 0.3), "mu": 22.4839, "temperature": 3000, "units": "SI"}
    expected = compute(pt, "spin_hall", spin_current=("qiao", "simple"), **options)["spin_hall"].values
    assert np.abs(found["spin_hall"].values - expected).max() < 1e-12 * np.abs(expected).max()
    assert found.provenance["spin_current"] == "qiao"
    assert "Qiao et al." in found.provenance["spin_current_definition"]


def test_not_averaged_over_a_group(pt, example_inputs):
    win = example_inputs / "Pt" / "Pt.win"
    with pytest.raises(InputError, match="'qiao' and 'ryoo', which are not averaged"):
        symmetrize_model(pt, read_projections(win), magnetic_group(read_structure(win)).operations)
