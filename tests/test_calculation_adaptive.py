"""compute(tolerance=...): within its bars of converged meshes, at T = 0, with symmetry, and what a result says of itself."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.errors import Interrupted
from wannier_spin.integrals.algorithm import Control, Execution, Integral
from wannier_spin.integrals.boxes import CellIntegrand, cell_integrands, first_evaluations
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.tolerance.adaptive import OnBoxes
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.occupation import Occupation
from wannier_spin.symmetry import invariant_basis, magnetic_group, project, project_bound
from wannier_spin.symmetry.table import law_kind
from wannier_spin.units import thermal_energy

SHEETS = {
    "rashba": ws.models.rashba_exchange(),
    "kane_mele": ws.models.kane_mele(rashba=0.1, exchange=(0, 0, 0.3)),
    "altermagnet": ws.models.altermagnet(rashba=0.3),
    "antiferromagnet": ws.models.pt_antiferromagnet(),
}
# model, response, mu, T, tolerance, points of a converged mesh, evaluations when this was written
CASES = [
    ("rashba", "spin_hall", [-0.5, 0.3], 300.0, 1e-2, 240, 14_700),
    ("rashba", "magnetic_spin_hall", [0.3], 600.0, 1e-2, 200, 9_800),
    ("kane_mele", "spin_hall", [0.0, 1.0], 300.0, 1e-3, 200, 14_602),
    ("altermagnet", "magnetic_spin_hall", [-1.0, 0.4], 300.0, 1e-2, 300, 30_870),
    ("antiferromagnet", "nonlinear_extrinsic_spin_magnetization", [0.3], 900.0, 1e-2, 160, 6_860),
]


def on_mesh(model, name, n, **options):
    return ws.compute(model, name, grid=[n if periodic else 1 for periodic in model.periodic], **options)[name]


@pytest.mark.parametrize(("model", "name", "mu", "temperature", "tolerance", "n", "evaluations"), CASES)
@pytest.mark.filterwarnings("ignore:at . of . values of mu a gap:wannier_spin.AccuracyWarning")
def test_against_converged_meshes(model, name, mu, temperature, tolerance, n, evaluations):
    """Every component at every mu inside of its bar, the bar within the tolerance, for so many points and no more."""
    result = ws.compute(SHEETS[model], name, mu=mu, temperature=temperature, tolerance=tolerance)
    mesh = on_mesh(SHEETS[model], name, n, mu=mu, temperature=temperature)
    found, largest = result[name], np.abs(mesh.values).max()
    assert largest > 1e-4
    assert mesh.error.max() < 0.1 * tolerance * largest
    assert (np.abs(found.values - mesh.values) <= found.error + mesh.error + 1e-12).all()
    assert found.converged
    assert 0 < found.error.max() <= tolerance * np.abs(found.values).max() * (1 + 1e-9)
    assert 0.4 * evaluations < result.provenance["k_points_evaluated"] < 2 * evaluations
    assert result.provenance["error_over_tolerance"][name] <= 1
    assert result.provenance["tolerance"]["relative"] == tolerance


WEYL = {"channel": "charge", "mu": 0.25}  # the Berry curvature dipole, 0.25 eV above tilted Weyl nodes


def weyl(kT, **options):
    """Values, errors, and number of evaluations at kT (eV)."""
    model, name = ws.models.weyl(tilt=(0.35, 0, 0.3)), "nonlinear_extrinsic_spin_current"
    result = ws.compute(model, name, temperature=kT / thermal_energy(1.0), **WEYL, **options)
    return result[name].values[0, 0], result[name].error[0, 0], result.provenance["k_points_evaluated"]


def weyl_mesh(kT, n):
    return weyl(kT, grid=(n, n, n), shift=(0.31, 0.17, 0.23))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:at . of . values of mu a gap:wannier_spin.AccuracyWarning")
def test_weyl_nodes():
    """The Berry curvature is concentrated about the nodes: boxes go there."""
    values, error, evaluations = weyl(0.03, tolerance=1e-2)
    mesh, mesh_error, _ = weyl_mesh(0.03, 100)
    assert np.abs(mesh).max() > 1e-3
    rounding = 1e-13 * np.abs(mesh).max()  # components that a mirror forbids
    assert (np.abs(values - mesh) <= error + mesh_error + rounding).all()
    assert error.max() <= 1e-2 * np.abs(values).max() < 0.1 * mesh_error.max()  # a fifth of the points, an 18th of the bar
    assert 0.5 * 216_500 < evaluations < 1.5 * 216_500


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:at . of . values of mu a gap:wannier_spin.AccuracyWarning")
@pytest.mark.parametrize(("kT", "n", "gain"), [(0.1, 200, 9.5), (0.03, 100, 3.7), (0.01, 200, 18)])
def test_weyl_nodes_against_meshes(kT, n, gain):
    """True errors within what was asked for, and `gain` times fewer points than a mesh that is less accurate.

    The meshes and trials that a tolerance begins with are counted: 20,088 points at the second kT, where boxes take 244,000.
    """
    exact, bar, _ = weyl(kT, tolerance=ws.Tolerance(1e-3, max_evaluations=6_000_000))
    largest = np.abs(exact).max()
    assert bar.max() <= 1e-3 * largest
    values, _, evaluations = weyl(kT, tolerance=1e-2)
    error = np.abs(values - exact).max()
    print(f"kT {kT}: {evaluations} points, error {error / largest:.2e}")
    assert error < 1e-2 * largest - bar.max()
    mesh, _, points = weyl_mesh(kT, n)
    print(f"mesh {n}^3: {points} points, error {np.abs(mesh - exact).max() / largest:.2e}")
    assert np.abs(mesh - exact).max() > error + 2 * bar.max()
    assert points > gain * evaluations


@pytest.fixture(scope="module")
def cold():
    """A Fermi-surface response at 0, 100 and 200 K, and the same response as a Fermi sea."""
    options = {"mu": [-0.5, 0.3], "temperature": [0.0, 100.0, 200.0], "blocks": ("L1surf",)}
    return ws.compute(SHEETS["rashba"], ["magnetic_spin_hall", "edelstein"], tolerance=2e-3, **options)


def test_zero_temperature(cold):
    """Agrees with the limit of what is quadratic in T (Sommerfeld), well within what the temperature changes."""
    for name, tensor in cold.items():
        assert tensor.converged
        zero, low, high = np.moveaxis(tensor.values, 1, 0)
        e_zero, e_low, e_high = np.moveaxis(tensor.error, 1, 0)
        assert np.abs(zero).max() > 1e-3, name
        limit, bar = (4 * low - high) / 3, (4 * e_low + e_high) / 3
        assert (np.abs(zero - limit) <= e_zero + bar + 1e-12).all(), name
        assert bar.max() < 0.01 * np.abs(zero).max()


def test_sea_and_surface(cold):
    """Two forms of one response, integrated with nothing in common but the boxes: equal within their bars at all T."""
    for name, tensor in cold.items():
        difference = tensor.sea_surface_difference
        assert difference is not None
        assert difference.shape == tensor.values.shape
        assert np.abs(difference).max() > 0
        surface = tensor.at(combination={"L1surf": 1})
        assert np.abs(surface.values).max() > 1e-3, name
        assert (np.abs(difference) <= tensor.error + surface.error + 1e-12).all(), name
        assert surface.error.max() < 0.2 * np.abs(tensor.values).max()  # nobody asked for this block to be accurate
    assert on_mesh(SHEETS["rashba"], "edelstein", 8, mu=0.3, temperature=3000).sea_surface_difference is None


@pytest.mark.parametrize(
    ("name", "n", "gain", "tolerance"),
    [("zincblende -43m1'", 40, 8, 1e-2), ("altermagnet 4'/mm'm", 120, 6, 1e-3), ("rashba 4m'm'", 120, 3, 1e-3)],
)
def test_symmetry(name, n, gain, tolerance):
    """The same with a structure, from fewer points; what is forbidden is exactly zero, its bar as well."""
    model, structure, _ = symmetric_models()[name]
    response = "magnetic_spin_hall" if "altermagnet" in name else "spin_hall"
    options = {"mu": [-0.5, 0.3], "temperature": 1500.0}
    # so tight that what is gained does not depend on the few first boxes, of which those on mirror planes count whole
    reduced = ws.compute(model, response, tolerance=tolerance, symmetry=structure, **options)
    mesh = on_mesh(model, response, n, symmetry=structure, **options)
    found, largest = reduced[response], np.abs(mesh.values).max()
    assert largest > 1e-4
    accuracy = np.abs(on_mesh(model, response, 4 * n // 5, symmetry=structure, **options).values - mesh.values).max()
    assert accuracy < 1e-3 * largest  # its bar is larger, for what it cannot see
    assert found.converged
    assert (np.abs(found.values - mesh.values) <= found.error + accuracy + 1e-13 * largest).all()
    record = ws.responses.get(response)
    operations = magnetic_group(structure).point_operations
    allowed = np.abs(invariant_basis(law_kind(record.tensor, record.tau_power), operations)).max(axis=0) > 1e-9
    forbidden = ~allowed.reshape(found.values.shape[2:])
    assert 0 < forbidden.sum() < 27
    assert np.abs(found.values[..., forbidden]).max() < 1e-12 * largest
    assert found.error[..., forbidden].max() < 1e-12 * largest
    assert found.error[..., ~forbidden].max() > 1e-9 * largest
    whole = ws.compute(model, response, tolerance=tolerance, **options)
    assert whole[response].converged
    assert (np.abs(whole[response].values - found.values) <= whole[response].error + found.error + 1e-12 * largest).all()
    assert gain * reduced.provenance["k_points_evaluated"] < whole.provenance["k_points_evaluated"]


def test_invariant_basis_and_bounds():
    """Rows are orthonormal and span what the projector keeps; bounds hold for projected tensors and are reached."""
    _, structure, _ = symmetric_models()["rashba 4m'm'"]
    operations = magnetic_group(structure).point_operations
    record = ws.responses.get("magnetic_spin_hall")
    kind = law_kind(record.tensor, record.tau_power)
    basis = invariant_basis(kind, operations)
    assert 0 < len(basis) < 27
    assert np.abs(basis @ basis.T - np.eye(len(basis))).max() < 1e-13
    rng = np.random.default_rng(0)
    tensors, bounds = rng.normal(size=(200, 3, 3, 3)), rng.random((3, 3, 3))
    projected = project(tensors, kind, operations)
    assert np.abs(projected).max() > 0.1
    assert np.abs(projected.reshape(200, -1) @ basis.T @ basis - projected.reshape(200, -1)).max() < 1e-13
    bound = project_bound(bounds, kind, operations)
    random = project(bounds * rng.choice([-1, 1], (2000, 3, 3, 3)), kind, operations)
    assert (np.abs(random) <= bound + 1e-14).all()
    assert np.abs(random).max(axis=0).max() == pytest.approx(bound.max(), rel=0.3, abs=0)


# What a result says of itself


@pytest.fixture(scope="module")
def small():
    return {"model": SHEETS["antiferromagnet"], "mu": [0.1, 0.3], "temperature": 2000.0}


def compute_small(small, names=("spin_hall", "nonlinear_extrinsic_spin_magnetization"), **options):
    return ws.compute(small["model"], names, mu=small["mu"], temperature=small["temperature"], **options)


def test_replicas(small, tmp_path: Path):
    """The mean of runs that start from other boxes; their spread is stored and read back."""
    wanted = Tolerance(relative=1e-2, replicas=3)
    result = compute_small(small, "spin_hall", tolerance=wanted)
    tensor = result["spin_hall"]
    assert {block.shape[0] for block in tensor.block_replicas.values()} == {3}
    for name, block in tensor.blocks.items():
        assert np.abs(tensor.block_replicas[name].mean(axis=0) - block).max() < 1e-14
    spread = tensor.replica_spread
    assert spread.shape == tensor.values.shape
    assert 0 < spread.max() <= tensor.error.max()
    single = compute_small(small, "spin_hall", tolerance=1e-2)
    assert single["spin_hall"].replica_spread is None
    assert result.provenance["k_points_evaluated"] > 2 * single.provenance["k_points_evaluated"]
    assert (np.abs(single["spin_hall"].values - tensor.values) <= single["spin_hall"].error + tensor.error + 1e-14).all()
    assert len(result.provenance["rounds"]) == 3
    loaded = ws.load(result.save(tmp_path / "r.h5"))["spin_hall"]
    assert loaded.converged is True
    assert np.array_equal(loaded.replica_spread, spread)
    assert np.array_equal(loaded.error, tensor.error)
    for key in ("block_spreads", "block_replicas"):
        stored, kept = getattr(loaded, key), getattr(tensor, key)
        assert stored.keys() == kept.keys()
        assert all(np.array_equal(stored[name], kept[name]) for name in kept)


def test_first_boxes_of_all_replicas(small):
    """All that can be asked for have boxes of positive size, no two the same."""
    plan = Plan((ws.responses.get("spin_hall"),), "spin", (), "full")
    occupation = Occupation(np.array([0.1]), np.array([0.1]))
    integral = Integral(small["model"], plan, occupation, 1e-4, "adiabatic", 1.0, {"spin_hall": 1.0})
    cells = cell_integrands(integral, Tolerance(replicas=64), 1.0)
    edges = np.array([cell.tiling.edges[0] for cell in cells])
    assert edges.shape[0] == 64
    assert np.diff(edges, axis=1).min() > 0.1
    assert np.diff(np.sort(edges[:, 0])).min() > 1e-5
    for wanted in (Tolerance(1e-9), Tolerance(1e-9, replicas=3)):  # a sketch is of one replica, and no more than its first ones
        boxes = OnBoxes(wanted, cell_integrands).sketch(integral, False)
        assert boxes.sums(integral, Execution(1.0, SERIAL)).evaluations == first_evaluations(integral)


def test_not_converged(small, tmp_path: Path):
    """Told, with how far off it is, and stored; the numbers are inside of their larger bars."""
    wanted = Tolerance(relative=1e-9, max_evaluations=3_000)
    with pytest.warns(ws.AccuracyWarning, match="not converged after .* k-points: spin_hall") as caught:
        result = compute_small(small, "spin_hall", tolerance=wanted)
    assert len(caught) == 1
    tensor = result["spin_hall"]
    assert tensor.converged is False
    assert 2_000 < result.provenance["k_points_evaluated"] <= 3_000
    assert result.provenance["error_over_tolerance"]["spin_hall"] > 1
    assert any("not converged" in message for message in result.warnings)
    assert ws.load(result.save(tmp_path / "r.h5"))["spin_hall"].converged is False
    mesh = on_mesh(small["model"], "spin_hall", 80, mu=small["mu"], temperature=small["temperature"])
    assert mesh.error.max() < 1e-6
    rounding = 1e-13 * np.abs(mesh.values).max()
    assert (np.abs(tensor.values - mesh.values) <= tensor.error + mesh.error + rounding).all()


def test_out_of_time(small):
    with pytest.warns(ws.AccuracyWarning, match="not converged"):
        result = compute_small(small, "spin_hall", tolerance=Tolerance(relative=1e-9, max_seconds=1e-6))
    assert len(result.facts.meshes) == 1


def test_a_mesh_is_not_asked_whether_it_converged(small):
    tensor = compute_small(small, "spin_hall", grid=(8, 8, 1))["spin_hall"]
    assert (tensor.converged, tensor.block_spreads, tensor.block_replicas) == (None, None, None)


def test_absolute_tolerance(small):
    """In the response's own unit; the larger of both counts, for this response alone."""
    tight = compute_small(small, tolerance=1e-4)
    error = 0.02 * np.abs(tight["spin_hall"].values).max()
    loose = compute_small(small, "spin_hall", tolerance=Tolerance(relative=1e-9, absolute={"spin_hall": error}))
    assert loose["spin_hall"].converged
    assert 1e-3 * error < loose["spin_hall"].error.max() <= error
    assert (np.abs(loose["spin_hall"].values - tight["spin_hall"].values) <= loose["spin_hall"].error + 1e-4 * error / 0.02).all()
    si = compute_small(small, "spin_hall", units="SI", tolerance=1e-3)
    natural = compute_small(small, "spin_hall", tolerance=1e-3)
    assert si.provenance["k_points_evaluated"] == natural.provenance["k_points_evaluated"]


def test_what_vanishes_at_every_k_ends_quickly():
    """No spin-orbit coupling: zero at every k-point, found in the first boxes without a structure."""
    result = ws.compute(ws.models.altermagnet(), "edelstein", mu=0.3, temperature=300, tolerance=1e-3)
    tensor = result["edelstein"]
    assert tensor.converged
    assert np.abs(tensor.values).max() < 1e-12
    assert result.provenance["k_points_evaluated"] < 5_000


def test_resuming(small, tmp_path: Path):
    """Stopped in the middle, then resumed: the same numbers; the checkpoint of another calculation is refused."""
    wanted, calls, rounds = Tolerance(relative=1e-4, start=4), [], []

    def control(stop_after, resume=False):
        calls.clear()
        stop = lambda: calls.append(1) or len(calls) > stop_after  # noqa: E731
        return Control(tmp_path / "c.h5", resume, rounds.append, stop)

    whole = compute_small(small, tolerance=wanted)
    assert len(whole["spin_hall"].values) == 2
    boxes = whole.provenance["k_points_evaluated"] // whole.provenance["points_per_box"]
    with pytest.raises(Interrupted):
        compute_small(small, tolerance=wanted, control=control(boxes // 2))
    done = len(rounds)
    assert done > 1
    resumed = compute_small(small, tolerance=wanted, control=control(sys.maxsize, True))
    assert rounds[done].number == done
    for name, tensor in whole.items():
        scale = np.abs(tensor.values).max()
        assert np.abs(resumed[name].values - tensor.values).max() <= 1e-12 * scale
        assert np.abs(resumed[name].error - tensor.error).max() <= 1e-9 * scale
    with pytest.raises(ws.InputError, match="another calculation .*form: was full, is paper"):
        compute_small(small, tolerance=wanted, form="paper", control=control(sys.maxsize, True))


def test_resuming_replicas_with_a_tighter_tolerance(small, tmp_path: Path):
    """All of them go on, and end where they would have ended at once."""
    control = Control(tmp_path / "c.h5")
    compute_small(small, "spin_hall", tolerance=Tolerance(0.3, replicas=2), control=control)
    tight = Tolerance(1e-3, replicas=2)
    once = compute_small(small, "spin_hall", tolerance=tight)
    resumed = compute_small(small, "spin_hall", tolerance=tight, control=Control(tmp_path / "c.h5", resume=True))
    assert resumed.provenance["boxes"] == once.provenance["boxes"]
    assert resumed["spin_hall"].converged
    scale = np.abs(once["spin_hall"].values).max()
    assert np.abs(resumed["spin_hall"].values - once["spin_hall"].values).max() <= 1e-12 * scale


def test_memory_does_not_change_the_answer(small, monkeypatch):
    """Small batches, and sums that are forgotten and made again: a box counts once."""
    made, original = [], CellIntegrand._box

    def counted(self, box):
        made[-1] += 1
        return original(self, box)

    monkeypatch.setattr(CellIntegrand, "_box", counted)
    found = []
    for memory in (1.0, 6e-4):
        made.append(0)
        found.append(compute_small(small, tolerance=Tolerance(1e-3, start=4), memory=memory))
    a, b = found
    for name, tensor in a.items():
        assert np.abs(tensor.values - b[name].values).max() <= 1e-12 * np.abs(tensor.values).max()
    assert made[1] > made[0] > 0
    assert b.provenance["k_points_evaluated"] == a.provenance["k_points_evaluated"]


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either a grid .* or a tolerance, found neither"),
        ({"grid": (4, 4, 1), "tolerance": 1e-2}, "found both"),
        ({"tolerance": 0.0}, r"tolerance \(relative\) = 0.0, expected a positive number"),
        ({"tolerance": -1e-3}, r"tolerance \(relative\) = -0.001"),
        ({"tolerance": float("nan")}, r"tolerance \(relative\) = nan"),
        ({"tolerance": "1e-3"}, r"tolerance \(relative\) = '1e-3'"),
        ({"tolerance": True}, r"tolerance \(relative\) = True"),
        ({"tolerance": 1e-2, "memory": 0.0}, "memory = 0.0"),
        ({"tolerance": Tolerance(max_evaluations=10)}, "max_evaluations = 10 does not suffice for the first"),
    ],
)
def test_refusals(small, options, message):
    with pytest.raises(ws.InputError, match=message):
        compute_small(small, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_evaluations": 0}, "max_evaluations"),
        ({"max_seconds": -1.0}, "max_seconds"),
        ({"replicas": 0}, "replicas"),
        ({"replicas": 65}, "replicas"),
        ({"replicas": 2.0}, "replicas"),
        ({"start": 3}, "start"),
        ({"start": 2}, "start"),
        ({"start": 5}, "start"),
        ({"absolute": {"spin_hall": 0.0}}, "absolute, spin_hall"),
        ({"absolute": {"spin_hal": 1.0}}, "did you mean 'spin_hall'"),
    ],
)
def test_wrong_tolerances(options, message):
    with pytest.raises(ws.InputError, match=message):
        Tolerance(**options)


def test_no_tolerance_for_molecules(small):
    molecule = replace(ws.models.random_model(n=2, periodic=(True, False, False)), periodic=(False, False, False))
    with pytest.raises(ws.InputError, match="not periodic"):
        ws.compute(molecule, "spin_hall", mu=0.1, temperature=300, tolerance=1e-2)


def test_flat_bands_in_boxes():
    """A level without slope and an s band that crosses it at mu: as a dense mesh has it, where averages over boxes are 0/0."""
    model = flat_level(0.3)
    mesh = ws.compute(model, "magnetic_spin_hall", grid=(160, 160, 1), mu=0.3, temperature=300)["magnetic_spin_hall"]
    boxes = ws.compute(model, "magnetic_spin_hall", tolerance=1e-2, mu=0.3, temperature=300)["magnetic_spin_hall"]
    value, found = mesh.values[0, 0, 0, 0, 2], boxes.values[0, 0, 0, 0, 2]
    assert abs(value) > 1e-3
    assert np.isfinite(boxes.error).all()
    assert abs(found - value) < boxes.error[0, 0, 0, 0, 2]
    assert abs(found - value) < 2e-2 * abs(value)


def flat_level(energy):
    """Square lattice: an s band with spins split by 0.2 eV and a pair of levels about `energy` that do not hop."""
    R = [(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)]
    hamiltonian = np.zeros((5, 4, 4), complex)
    hamiltonian[0] = np.diag([0.1, -0.1, energy + 0.25, energy - 0.25])
    hamiltonian[1:, :2, :2] = -np.eye(2)
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    spin = np.zeros((5, 4, 4, 3), complex)
    spin[0] = np.moveaxis([np.kron(np.eye(2), p) for p in pauli], 0, -1)
    return ws.TightBindingModel(3 * np.eye(3), np.array(R), hamiltonian, spin_R=spin, periodic=(True, True, False))
