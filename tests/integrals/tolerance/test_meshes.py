"""Meshes within a tolerance: true errors inside of the bars, what ends a run, resuming, windows of mu, hand-over to boxes."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.errors import Interrupted
from wannier_spin.integrals.algorithm import Control, Execution, Integral, Round
from wannier_spin.integrals.bars import mesh_bars as bars
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.mesh import OnMesh
from wannier_spin.integrals.tolerance import meshes
from wannier_spin.integrals.tolerance.denser import APART, LEAST, SURE, first_mesh, length_of, mesh_of, next_mesh
from wannier_spin.integrals.tolerance.meshes import DEARER, FIRST_POWER, POWERS, _power
from wannier_spin.integrals.tolerance.outlook import GROWTH, Outlook
from wannier_spin.integrals.tolerance.stages import Stage
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.integration.superlattice import Superlattice
from wannier_spin.occupation import Occupation
from wannier_spin.symmetry import Operation, group_from_database, magnetic_group, mesh_operations

SHEET = ws.models.pt_antiferromagnet()
NAMES = ["spin_hall", "nonlinear_extrinsic_spin_magnetization"]
RUN = Execution(1.0, SERIAL)
SCAN = {"mu": [0.1, 0.3], "temperature": 2000.0}


def compute(tolerance, names=NAMES, model=SHEET, **options) -> ws.ResultSet:
    return ws.compute(model, names, tolerance=tolerance, **(SCAN | options))


@pytest.fixture(scope="module")
def dense() -> ws.ResultSet:
    return ws.compute(SHEET, NAMES, grid=(80, 80, 1), **SCAN)


@pytest.fixture(scope="module")
def whole() -> tuple[ws.ResultSet, list[Round]]:
    rounds: list[Round] = []
    return compute(1e-2, control=Control(report=rounds.append)), rounds


def test_errors_are_inside_of_the_bars(whole: tuple[ws.ResultSet, list[Round]], dense: ws.ResultSet) -> None:
    result, rounds = whole
    for name, tensor in result.items():
        largest = np.abs(dense[name].values).max()
        assert largest > 1e-6
        assert dense[name].error.max() < 1e-4 * largest
        assert tensor.converged
        assert 0 < tensor.error.max() <= 1e-2 * np.abs(tensor.values).max() * (1 + 1e-9)
        assert (np.abs(tensor.values - dense[name].values) <= tensor.error + dense[name].error + 1e-13 * largest).all()
    taken, points = result.facts.notes["meshes"], result.facts.notes["k_points_of_meshes"]
    assert len(taken) == len(rounds) > 1
    assert result.facts.k_points == sum(points) == sum(a * b * c for a, b, c in taken)
    assert [list(round_.mesh) for round_ in rounds] == taken
    assert max(rounds[-1].excess.values()) <= 1 < max(rounds[0].excess.values())
    assert result.facts.how() == f"tolerance 0.01, mesh {'x'.join(map(str, taken[-1]))}"


def test_the_mean_of_meshes_is_what_is_known_best() -> None:
    """Values are those of the meshes with their weights; the bar is smaller than that of the last one."""
    options = {"model": ws.models.rashba_exchange(), "mu": [0.3, 0.7], "temperature": 100.0, "names": "spin_hall"}
    result = compute(0.15, **options)
    weights = result.facts.notes["weights_of_meshes"]
    used = [(w, mesh) for w, mesh in zip(weights, result.facts.meshes, strict=True) if w]
    assert len(used) > 1
    assert sum(weights) == pytest.approx(1.0)
    alone = [
        ws.compute(options["model"], "spin_hall", grid=mesh, mu=[0.3, 0.7], temperature=100.0)["spin_hall"] for _, mesh in used
    ]
    mean = sum(w * tensor.values for (w, _), tensor in zip(used, alone, strict=True))
    largest = np.abs(mean).max()
    assert largest > 1e-6
    assert np.abs(result["spin_hall"].values - mean).max() < 1e-12 * largest
    assert np.abs(alone[-1].values - mean).max() > 1e-5 * largest
    assert result["spin_hall"].converged
    assert alone[-1].error.max() > 0.1 * np.abs(alone[-1].values).max()
    assert result.facts.how().endswith("meshes " + " and ".join("x".join(map(str, mesh)) for _, mesh in used))


def test_two_meshes_at_least() -> None:
    """One alone is not believed, however small its bar."""
    result = compute(0.5, "spin_hall")
    assert len(result.facts.notes["meshes"]) == 2
    assert result["spin_hall"].converged


def test_limits(dense: ws.ResultSet) -> None:
    """The largest mesh that is allowed; not converged, where the largest bar is and which gap is there; what is converged is not
    told.
    """
    wanted = Tolerance(1e-9, {NAMES[1]: 1e9}, max_evaluations=3000)
    with pytest.warns(ws.AccuracyWarning, match="not converged .*; the largest bar of spin_hall is at .* mu = 0.[13]000 eV"):
        result = compute(wanted)
    tensor = result["spin_hall"]
    assert tensor.converged is False and result[NAMES[1]].converged is True
    assert list(result.facts.notes["kept_open"]) == ["spin_hall"]
    assert 2000 < result.facts.k_points <= 3000
    assert " meV between bands " in result.facts.notes["kept_open"]["spin_hall"]
    rounding = 1e-13 * np.abs(tensor.values).max()
    assert (np.abs(tensor.values - dense["spin_hall"].values) <= tensor.error + dense["spin_hall"].error + rounding).all()
    with pytest.raises(ws.InputError, match="max_evaluations = 10 does not suffice for the first 196 k-points"):
        compute(Tolerance(max_evaluations=10))
    with pytest.warns(ws.AccuracyWarning, match="not converged"):
        assert len(compute(Tolerance(1e-9, max_seconds=1e-6)).facts.notes["meshes"]) == 1


def test_a_window_of_mu() -> None:
    """Only there the bars are held to the tolerance: fewer points, and the others carry theirs; on boxes as on meshes."""
    mu = np.linspace(-1.5, 1.5, 7)
    options = {"model": ws.models.rashba_exchange(), "mu": mu, "temperature": 600.0, "names": "spin_hall"}
    inside = np.abs(mu - 0.5) < 0.1
    for start in (None, 4):
        narrow = Tolerance(3e-2, window=(0.4, 0.6), start=start)
        result, everywhere = compute(narrow, **options), compute(replace(narrow, window=None), **options)
        bar, scale = (np.abs(x).reshape(len(mu), -1).max(axis=1) for x in (result["spin_hall"].error, result["spin_hall"].values))
        assert result["spin_hall"].converged
        assert 0 < bar[inside].max() <= 3e-2 * scale[inside].max()
        distance = np.abs(result["spin_hall"].values - everywhere["spin_hall"].values)
        assert (distance <= result["spin_hall"].error + everywhere["spin_hall"].error).all()
        assert str(result.facts.tolerance) == "tolerance 0.03 for mu from 0.4 to 0.6 eV"
        assert "within the tolerance for mu from 0.4 to 0.6 eV" in repr(result)
    with pytest.raises(ws.InputError, match=r"window\) = 5 to 6 eV holds no mu"):
        compute(Tolerance(window=(5.0, 6.0)))
    for wrong in ((1.0, 0.0), (1.0,), "ab", (0.0, np.nan)):
        with pytest.raises(ws.InputError, match="two energies"):
            Tolerance(window=wrong)  # type: ignore[arg-type]


def test_a_window_in_an_input_file(tmp_path: Path) -> None:
    """It counts from fermi_energy, and comes back from the result."""
    from wannier_spin.calculation.run import run_model
    from wannier_spin.config import settings_from
    from wannier_spin.integration.parallel import SERIAL

    asked = {"seedname": "x", "responses": ["spin_hall"], "fermi_energy": 0.2, "mu": [-0.1, 0.1], "temperature": 2000.0}
    settings = settings_from(asked | {"tolerance": {"relative": 0.3, "window": [0.05, 0.15]}}, "in.toml")
    result = run_model(SHEET, None, settings, "", SERIAL)
    window = ws.load(result.save(tmp_path / "r.h5")).facts.tolerance.window
    assert window == pytest.approx((0.25, 0.35), abs=1e-12)


def test_boxes_take_over_what_is_sharp(tmp_path: Path) -> None:
    """A Fermi line at 10 K: boxes after some meshes, and what those have cost counts; resumed in the boxes the same."""
    rounds: list[Round] = []
    options = {"model": ws.models.rashba_exchange(), "mu": 0.3, "temperature": 10.0, "names": "magnetic_spin_hall"}
    result = compute(0.015, control=Control(report=rounds.append), **options)
    assert result["magnetic_spin_hall"].converged
    on_meshes = [bool(round_.mesh) for round_ in rounds]
    n = on_meshes.index(False)
    assert n > 1
    assert not any(on_meshes[n:])
    assert len(result.facts.notes["meshes"]) == n
    assert result.facts.k_points == rounds[-1].evaluations > rounds[n - 1].evaluations
    assert result.facts.how() == f"tolerance 0.015, {rounds[-1].boxes} boxes"
    stopped: list[Round] = []
    control = Control(tmp_path / "c.h5", False, stopped.append, lambda: len(stopped) == n + 2)
    with pytest.raises(Interrupted):
        compute(0.015, control=control, **options)
    resumed = compute(0.015, control=Control(tmp_path / "c.h5", True), **options)
    assert_same(resumed, result)
    assert resumed.facts.notes["meshes"] == result.facts.notes["meshes"]


SHARP = {"names": NAMES[1], "mu": 0.3, "temperature": 300.0}  # at 2000 K it is smooth


def test_boxes_that_gain_are_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """At first their error is 20 times what is allowed, and then falls with the square of their number."""
    rounds: list[Round] = []
    wanted = Tolerance(1e-2, max_evaluations=12_000)
    found = compute(wanted, control=Control(report=rounds.append), **SHARP)
    assert found.facts.boxes > 0
    boxes = found[NAMES[1]]
    first = next(round_ for round_ in rounds if not round_.mesh)
    assert first.excess[NAMES[1]] > 20
    assert boxes.converged
    monkeypatch.setattr(meshes, "TRIAL", 0.0)
    with pytest.warns(ws.AccuracyWarning, match="not converged"):
        found = compute(wanted, **SHARP)
    assert found.facts.boxes == 0
    on_meshes = found[NAMES[1]]
    assert on_meshes.error.max() > 2 * boxes.error.max() > 0
    rounding = 1e-14 * np.abs(boxes.values).max()  # of components that symmetry makes zero: 5e-16, and not as large everywhere
    assert (np.abs(boxes.values - on_meshes.values) <= boxes.error + on_meshes.error + rounding).all()


def test_what_boxes_may_take() -> None:
    """Where the last mesh is not allowed, they are not compared with it alone."""
    assert meshes._worth(1000.0, 2000.0) == 1000.0 / DEARER
    assert meshes._worth(3000.0, 2000.0) == 2000.0
    assert meshes._worth(1e9, 2000.0) == 1e9 / DEARER


def test_an_interrupted_trial_of_boxes(tmp_path: Path) -> None:
    """Boxes that were stopped while they were tried are given up as they would have been, and meshes go on."""
    options = {"model": ws.models.rashba_exchange(), "mu": 0.3, "temperature": 300.0, "names": "magnetic_spin_hall"}
    rounds: list[Round] = []
    whole = compute(4e-3, control=Control(report=rounds.append), **options)
    on_meshes = [bool(round_.mesh) for round_ in rounds]
    first, n_boxes = on_meshes.index(False), on_meshes.count(False)
    assert n_boxes > 3
    assert all(on_meshes[first + n_boxes :])
    assert rounds[first + n_boxes].evaluations > rounds[first + n_boxes - 1].evaluations
    assert whole.facts.boxes == 0
    path = tmp_path / "c.h5"
    stopped: list[Round] = []
    with pytest.raises(Interrupted):
        control = Control(path, False, stopped.append, lambda: len(stopped) == first + n_boxes - 1)
        compute(4e-3, control=control, **options)
    assert not stopped[-1].mesh
    again: list[Round] = []
    assert_same(compute(4e-3, control=Control(path, True, again.append), **options), whole)
    assert again == rounds[first + n_boxes - 2 :]


def test_spectra() -> None:
    """All frequencies are held to the tolerance."""
    options = {"mu": 0.3, "temperature": 2000.0, "omega": np.linspace(0.2, 2.0, 5), "broadening": 0.3}
    found = ws.compute(SHEET, "ac_spin_current", tolerance=0.05, **options)
    tensor, dense = found["ac_spin_current"], ws.compute(SHEET, "ac_spin_current", grid=(60, 60, 1), **options)["ac_spin_current"]
    largest = np.abs(dense.values).max()
    assert found.facts.meshes
    assert tensor.converged
    assert 1e-6 * largest < tensor.error.max() <= 0.05 * np.abs(tensor.values).max()
    assert (np.abs(tensor.values - dense.values) <= tensor.error + dense.error + 1e-13 * largest).all()


def test_at_zero_temperature_there_are_only_boxes() -> None:
    result = compute(0.3, "spin_hall", temperature=0.0)
    assert "meshes" not in result.facts.notes
    assert result.facts.boxes > 0


def test_resuming(whole: tuple[ws.ResultSet, list[Round]], tmp_path: Path) -> None:
    """Stopped within the second mesh, then resumed: the same numbers; and from the end for a smaller tolerance."""
    path, calls = tmp_path / "c.h5", [0]

    def stop() -> bool:
        calls[0] += len(rounds) == 1
        return calls[0] > 10

    rounds: list[Round] = []
    with pytest.raises(Interrupted):
        compute(1e-2, control=Control(path, False, rounds.append, stop))
    assert len(rounds) == 1
    resumed = compute(1e-2, control=Control(path, True, rounds.append))
    assert [r.mesh for r in rounds] == [r.mesh for r in whole[1]]
    assert_same(resumed, whole[0])
    with pytest.raises(ws.InputError, match="another calculation .*form: was full, is paper"):
        compute(1e-2, form="paper", control=Control(path, True))
    again: list[Round] = []
    compute(Tolerance(1e-2, max_evaluations=sys.maxsize), control=Control(path, True, again.append))
    assert again == []  # nothing is left to do


def assert_same(found: ws.ResultSet, expected: ws.ResultSet) -> None:
    """To the last bit."""
    for name, tensor in expected.items():
        assert np.abs(tensor.values).max() > 0
        assert found[name].values.tobytes() == tensor.values.tobytes()
        assert found[name].error.tobytes() == tensor.error.tobytes()
    assert found.facts.k_points == expected.facts.k_points


def alone(bar: float, power: float = 2.0) -> Outlook:
    """After meshes of which the last one is best alone."""
    return Outlook.alone(bar, power)


def test_points_of_meshes() -> None:
    """Twice a number without divisors 2 and 3, alike in all periodic directions, denser about as the limits of growth say."""
    sheet = integral(ws.models.rashba_exchange())
    assert first_mesh(sheet) == Superlattice((14, 14, 1))
    found = []
    for bar in (0.0, 1.0, 1.5, 2.5, 1e9, np.inf):
        n, m, one = next_mesh(sheet, [Superlattice((22, 22, 1))], alone(bar)).points
        assert n == m
        assert one == 1
        assert GROWTH[0] * 22 <= n <= GROWTH[1] * 22 + 8
        assert n % 4 == 2
        assert n % 3
        assert n % 11
        found.append(n)
    assert found == sorted(found)
    assert found[0] == 26 < found[3] < found[-1]
    assert found[-2] == found[-1] == mesh_of(sheet, GROWTH[1] * 22, [Superlattice((22, 22, 1))]).points[0]
    _, structure, _ = symmetric_models()["rashba 4m'm'"]
    long = replace(ws.models.rashba_exchange(), lattice=np.diag([1.0, 2.0, 1.0]) @ ws.models.rashba_exchange().lattice)
    length = 44 * float(np.linalg.norm(long.lattice[0]))
    assert mesh_of(integral(long), length) == Superlattice((46, 22, 1))
    assert mesh_of(integral(long, magnetic_group(structure).point_operations), length) == Superlattice((46, 46, 1))


def test_meshes_in_a_row_have_few_points_in_common() -> None:
    """None but those of time reversal with the last two, however close they are asked to be."""
    sheet = integral(ws.models.rashba_exchange())
    meshes = [first_mesh(sheet)]
    for _ in range(8):
        meshes.append(next_mesh(sheet, meshes[-APART:], alone(0.0)))
    points = [mesh.points[0] for mesh in meshes]
    assert any(not is_prime(n // 2) for n in points)
    for i, n in enumerate(points[1:], 1):
        for before in points[max(i - APART, 0) : i]:
            assert before < n < 1.6 * points[i - 1]
            assert np.gcd(n, before) == 2


def test_where_little_is_missing_the_next_mesh_is_coarser() -> None:
    """Once: apart from all that there are, and then a denser one again. The first SURE meshes are denser and denser."""
    sheet = integral(ws.models.rashba_exchange())
    before = [Superlattice((n, n, 1)) for n in (14, 26, 46)]
    for bar in (1.001, 1.05, 1.1):
        n, m, one = next_mesh(sheet, before, alone(bar)).points
        assert n == m
        assert one == 1
        assert LEAST * 46 <= n < 46
        assert all(np.gcd(n, mesh.points[0]) == 2 for mesh in before)
        assert next_mesh(sheet, [*before, Superlattice((n, n, 1))], alone(bar)).points[0] > 46
        assert next_mesh(sheet, before, Outlook(bar, bar, bar, 2.0)).points[0] > 46  # what lasts
        for few in range(1, SURE):
            assert next_mesh(sheet, before[:few], alone(bar)).points[0] > before[few - 1].points[0]
    assert next_mesh(sheet, before, alone(3.0)).points[0] > 46


def test_a_step_is_worth_its_points() -> None:
    """No mesh between the limits has more chance to be enough for its points, whether it is one just above or far above."""
    sheet, before = integral(ws.models.rashba_exchange()), [Superlattice((n, n, 1)) for n in (26, 46)]
    for bar, power in ((1.2, 2.0), (1.5, 3.0), (2.5, 4.0)):
        outlook = alone(bar, power)
        chosen = next_mesh(sheet, before, outlook).points[0]
        others = [2 * p for p in range(26, 43) if np.gcd(p, 6 * 13 * 23) == 1]
        assert chosen in others
        worth = {n: outlook.chance(n / 46) / n**2 for n in others}
        assert worth[chosen] == max(worth.values())


def test_a_coarser_mesh_ends_what_is_nearly_done() -> None:
    """And joins the mean with the weight of its bar; the bars hold."""
    options = {"model": ws.models.rashba_exchange(), "mu": [-0.8, 0.0, 0.8], "temperature": [300.0, 30.0]}
    options |= {"names": ["spin_hall", "magnetic_spin_hall"]}
    result = compute(0.09, **options)
    points, weights = [mesh[0] for mesh in result.facts.notes["meshes"]], result.facts.notes["weights_of_meshes"]
    assert points[-1] < points[-2]
    assert 0.05 < weights[-1] < weights[-2]
    exact = ws.compute(options["model"], options["names"], grid=(200, 200, 1), mu=options["mu"], temperature=[300.0, 30.0])
    for name, tensor in result.items():
        assert tensor.converged
        largest = np.abs(exact[name].values).max()
        assert largest > 1e-6
        assert (np.abs(tensor.values - exact[name].values) <= tensor.error + exact[name].error + 1e-13 * largest).all()


def is_prime(n: int) -> bool:
    return all(n % divisor for divisor in range(2, n))


def test_meshes_of_a_long_cell_are_nearly_isotropic() -> None:
    """In three dimensions as fine as asked for in all directions, with fewer points than any mesh along the lattice vectors."""
    model, structure, _ = symmetric_models()["zincblende -43m1'"]
    given = integral(model, magnetic_group(structure).point_operations)
    assert mesh_of(given, length_of(given, Superlattice((10, 10, 10)))).n_points <= 1000
    long = replace(model, lattice=np.diag([1.0, 1.0, 1.6]) * np.linalg.norm(model.lattice[0]))  # tetragonal
    group = group_from_database(661)  # P4
    for length in (7.0, 12.0):
        mesh = mesh_of(integral(long, group), length)
        assert length <= length_of(integral(long), mesh)
        assert mesh.n_points < 0.9 * length**3 / abs(np.linalg.det(long.lattice))  # what a primitive tetragonal one has at best
        assert mesh_operations(group, mesh.points, (0.0, 0.0, 0.0), mesh.vectors) == group


TETRAGONAL = np.array([[4], [4], [6]]) * [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]  # 4 x 4 x 6 cubes of a face-centred crystal


def test_a_skewed_mesh_sums_what_its_points_sum() -> None:
    """All of them, the irreducible ones, and the half mesh."""
    model, structure, _ = symmetric_models()["zincblende -43m1'"]
    group = mesh_operations(magnetic_group(structure).point_operations, (1, 1, 1), (0, 0, 0), TETRAGONAL)
    assert len(group) == 16
    mesh, half = (Superlattice.of(V, model.lattice) for V in (TETRAGONAL, TETRAGONAL // 2))
    assert not mesh.skew.straight
    whole, few = (OnMesh(mesh.points, skew=mesh.skew).sums(integral(model, ops), RUN) for ops in ((), group))
    coarse = OnMesh(half.points, skew=half.skew).sums(integral(model), RUN)
    assert few.evaluations < 0.2 * whole.evaluations
    assert whole.evaluations == 8 * coarse.evaluations == 4 * 4 * 6 * 4
    scale = np.abs(whole.fine).max()
    assert scale > 1e-6
    assert np.abs(few.fine - whole.fine).max() < 1e-10 * scale
    for sums in (few, whole):
        assert sums.difference is not None
        assert np.abs(sums.difference).max() > 1e-6 * scale
        assert np.abs(sums.fine - sums.difference - coarse.fine).max() < 1e-10 * scale


def test_resuming_with_skewed_meshes(tmp_path: Path) -> None:
    """In three dimensions: the meshes that were done are those of the whole run."""
    model, structure, _ = symmetric_models()["zincblende -43m1'"]
    options = {"names": "spin_hall", "model": model, "mu": -1.3, "temperature": 3000.0, "symmetry": structure}
    model = replace(model, lattice=model.lattice @ np.diag([1.0, 1.0, 2.0]))
    options |= {"model": model, "symmetry": replace(structure, lattice=model.lattice)}
    path, rounds, whole = tmp_path / "c.h5", list[Round](), compute(3e-2, **options)
    with pytest.raises(Interrupted):
        compute(3e-2, **options, control=Control(path, False, rounds.append, lambda: bool(rounds)))
    resumed = compute(3e-2, **options, control=Control(path, True))
    assert_same(resumed, whole)
    notes = whole.facts.notes
    assert len(notes["meshes"]) == len(notes["superlattices"]) > 1
    assert any(np.count_nonzero(V) > 3 for V in notes["superlattices"])
    assert [abs(round(np.linalg.det(V))) for V in notes["superlattices"]] == np.prod(notes["meshes"], axis=1).tolist()
    assert resumed.facts.notes["superlattices"] == notes["superlattices"]


def integral(model: ws.TightBindingModel, group: Sequence[Operation] = ()) -> Integral:
    plan = Plan((ws.responses.get("spin_hall"),), "spin", (), "full")
    return Integral(model, plan, Occupation(np.array([0.1]), np.array([0.1])), 1e-4, "adiabatic", 1.0, {"spin_hall": 1.0}, group)


def test_bars_of_a_mesh_that_is_sought_are_wider() -> None:
    """The first mesh whose bars are small is taken: they may be so by chance. What hides between its points is what it is."""
    given, points = integral(ws.models.altermagnet(rashba=0.2)), OnMesh((8, 8, 1))
    alone, sought = (points.summed(given, RUN, wanted).sums().rows.factors["spin_hall"] for wanted in (None, Tolerance()))
    assert (alone > 0).all()
    assert sought[:-1] == pytest.approx(bars.SOUGHT * alone[:-1])
    assert sought[-1] == pytest.approx(alone[-1])


def test_the_power_is_that_of_the_last_meshes() -> None:
    """Four of them with the same spots cut out; of several bars the one that decreases most slowly."""
    integral = SimpleNamespace(model=ws.models.rashba_exchange())

    def stage(n: int, *bars: float) -> Stage:
        return Stage(Superlattice((n, n, 1)), n * n, 0.0, np.array(bars))

    stages = [stage(10, 9.0, 9.0), *(stage(n, n**-2.0, n**-3.5) for n in (20, 30, 44, 50))]
    assert _power(integral, stages[:1]) == FIRST_POWER
    cut = replace(stages[4], spots=1)
    assert _power(integral, [*stages[1:4], cut]) == pytest.approx(2.0, rel=1e-9, abs=0)  # at least as before it was cut out
    assert _power(integral, [stage(20, 1.0), stage(30, 0.9), cut]) == FIRST_POWER
    assert _power(integral, [stage(20, 1.0), stage(30, (2 / 3) ** 4.0), cut]) == pytest.approx(4.0, rel=1e-9, abs=0)
    for several in (stages, stages[1:], stages[3:], [replace(stages[1], spots=1), *stages[2:]]):
        assert _power(integral, several) == pytest.approx(2.0, rel=1e-9, abs=0)
    assert _power(integral, [stage(10, 1.0), stage(20, 2.0)]) == POWERS[0]
    assert _power(integral, [stage(10, 1.0), stage(20, 1e-9)]) == POWERS[1]
    assert _power(integral, [stage(10, np.nan, 1.0), stage(20, 1.0, 0.0)]) == POWERS[0]  # nothing to compare
    assert _power(integral, [stage(10, np.nan, 1.0), stage(20, 1.0, 1 / 8)]) == pytest.approx(3.0, rel=1e-9, abs=0)
