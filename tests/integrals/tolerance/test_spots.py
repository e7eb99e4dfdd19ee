"""Hot spots: mesh outside and boxes inside make the whole; found, centred, kept and counted within a tolerance."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import entry_point
from integrals.bars.test_hidden import EXACT, sheet
from symmetry.structures import symmetric_models

import wannier_spin as ws
from wannier_spin.calculation.integrate import Task, integral_of
from wannier_spin.errors import Interrupted
from wannier_spin.integrals.algorithm import Control, Execution, Integral, Round
from wannier_spin.integrals.densities.channels import Tolerance, combinations
from wannier_spin.integrals.mesh import OnMesh
from wannier_spin.integrals.tolerance.cut import Cut
from wannier_spin.integrals.tolerance.found import Hot, Room, bumps_at
from wannier_spin.integrals.tolerance.gaps import Gap
from wannier_spin.integrals.tolerance.spots import Spot, integrate, spot_integrand
from wannier_spin.integration.adaptive import Limits
from wannier_spin.integration.bumps import Bump
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.prepared import prepare
from wannier_spin.request import Request
from wannier_spin.symmetry import images_of

RUN = Execution(1.0, SERIAL)
LIMITS = Limits(10**6, np.inf)
K0 = (0.3819, 0.1372)
NONE = Gap(0.0, 1, np.zeros(3), 0.0)
LEVI_CIVITA = np.array([[[(i - j) * (j - k) * (k - i) / 2 for k in range(3)] for j in range(3)] for i in range(3)])


def integral(name: str = "zincblende -43m1'", **options: object) -> Integral:
    model, structure, _ = symmetric_models()[name]
    asked = {"mu": [-1.5, -1.2], "temperature": 3000.0, "tolerance": 1e-2, "symmetry": structure} | options
    task = Task.of(prepare(model, Request(["spin_hall"], **asked)))  # type: ignore[arg-type]
    return integral_of(task, task.prepared.degeneracy_tolerance)


def bump_of(given: Integral, k: Sequence[float], radius: float) -> Bump:
    return Bump(images_of(given.reducing, np.array(k)), radius, 2 * np.pi * np.linalg.inv(given.model.lattice).T)  # type: ignore[union-attr]


def spots(given: Integral, bumps: list[Bump], tolerance: float) -> Cut:
    cut = Cut()
    for bump in bumps:
        integrand = spot_integrand(given, Tolerance(), 1.0, bump, cut.bumps)
        inside = integrate(integrand, np.array([tolerance]), RUN, LIMITS)
        assert inside is not None
        assert inside.converged
        cut = cut.with_spot(Spot(bump, NONE), inside)
    return cut


@pytest.mark.parametrize("k", [(0.0, 0.3, 0.3), (0.31, 0.12, 0.23)], ids=["on an axis", "generic"])
def test_outside_and_inside_are_the_whole(k: tuple[float, float, float]) -> None:
    """Two spots that overlap, with the operations that leave the first one where it is, and without: the integral over the zone."""
    given = integral()
    whole = OnMesh((24, 24, 24)).sums(given, RUN).fine
    largest = np.abs(whole).max()
    assert largest > 1e-6
    bumps = [bump_of(given, k, 2.2), bump_of(given, (k[0], k[1], k[2] + 0.05), 1.8)]
    cut = spots(given, bumps, 1e-3 * largest)
    assert cut.inside is not None
    assert np.abs(cut.inside.value).max() > 0.02 * largest
    outside = OnMesh((30, 30, 30), bumps=cut.bumps).sums(given, RUN)
    assert np.abs(outside.fine - whole).max() > 0.02 * largest
    assert np.abs(cut.joined(outside).fine - whole).max() < 2e-3 * largest


def test_the_operations_of_a_spot_change_nothing_but_its_cost() -> None:
    """Six images by the group with the site's eight operations, and one of the six without any symmetry: what zincblende leaves of
    the tensor, its antisymmetric part, is a sixth.
    """
    given, free = integral(), integral(symmetry=None)
    assert not free.reducing
    bump = bump_of(given, (0.0, 0.3, 0.3), 1.5)
    together, alone = spots(given, [bump], 1e-5), spots(free, [replace(bump, centres=bump.centres[:1])], 1e-5)
    assert len(bump.centres) == 6
    assert alone.spots[0].evaluations > 3 * together.spots[0].evaluations
    left = []
    for one, cut in ((given, together), (free, alone)):
        assert cut.inside is not None
        tensor = combinations(one.plan, cut.inside.value, one.relaxation, one.tau)["spin_hall"].reshape(2, 3, 3, 3)
        left.append(np.einsum("wabc,abc->w", tensor, LEVI_CIVITA))
    assert np.abs(left[0]).min() > 1e-4
    assert 6 * left[1] == pytest.approx(left[0], abs=1e-5)


def test_cutting_out_afterwards_is_cutting_out() -> None:
    """Only the points in the bump are evaluated once more; sums, bars and the largest terms become those of the mesh without."""
    given, points = integral(), (22, 22, 22)
    before = OnMesh(points).summed(given, RUN, Tolerance())
    assert before.mean.peaks is not None
    bump = bump_of(given, before.mean.peaks.k[0, 0], 1.5)
    after, expected = before.without(bump, RUN), OnMesh(points, bumps=(bump,)).summed(given, RUN, Tolerance())
    assert 0 < after.evaluations - before.evaluations < 0.5 * before.evaluations
    ours, theirs, old = after.sums(), expected.sums(), before.sums()
    scale = np.abs(old.fine).max()
    assert np.abs(old.fine - theirs.fine).max() > 1e-3 * scale
    for name in ("fine", "difference"):
        assert np.abs(getattr(ours, name) - getattr(theirs, name)).max() < 1e-12 * scale
    assert ours.rows is not None
    assert theirs.rows is not None
    assert np.abs(ours.rows.sample - theirs.rows.sample).max() < 1e-12 * scale
    assert ours.rows.factors["spin_hall"] == pytest.approx(theirs.rows.factors["spin_hall"], rel=1e-6, abs=0)
    peaks = (before.mean.peaks, after.mean.peaks, expected.mean.peaks)
    first, second, third = (one.size[:4, 0] for one in peaks if one is not None)
    assert third.max() < 0.98 * first.max()
    assert np.abs(second - third).max() < 1e-9 * first.max()


OPTIONS = {"mu": 0.0, "temperature": 2.0}


@pytest.fixture(scope="module")
def cut_out() -> tuple[ws.ResultSet, list[Round]]:
    rounds: list[Round] = []
    control = Control(report=rounds.append)
    return ws.compute(sheet(1e-3, K0), "spin_hall", tolerance=1e-2, control=control, **OPTIONS), rounds


def test_a_small_gap_is_cut_out(cut_out: tuple[ws.ResultSet, list[Round]]) -> None:
    """Centred on the gap though no point of the mesh is there, and every k-point counted."""
    result, rounds = cut_out
    tensor = result["spin_hall"]
    assert tensor.converged
    error = abs(tensor.values[0, 0, 0, 1, 2] - EXACT)
    assert error <= tensor.error[0, 0, 0, 1, 2] <= 1e-2 * EXACT * 1.01
    notes = result.facts.notes
    assert list(notes["hot_spots"]) == ["1"]
    words = notes["hot_spots"]["1"]
    assert words.startswith("2 meV between bands 2 and 3 at k = (0.3819, 0.1372, 0.0000), ")
    on_boxes = int(words.rsplit(", ", 1)[1].split()[0])
    again = result.facts.k_points - on_boxes - sum(notes["k_points_of_meshes"])
    assert on_boxes > 500
    assert 0 < again < 0.3 * notes["k_points_of_meshes"][-1]
    assert rounds[-1].evaluations == result.facts.k_points
    assert rounds[0].evaluations == 14**2  # on the first mesh nothing is cut out, and nothing tried
    assert all(round_.mesh for round_ in rounds)
    assert result.facts.how().endswith(", 1 hot spot")
    assert "hot_spots" not in ws.compute(sheet(0.5, K0), "spin_hall", tolerance=1e-2, mu=0.0, temperature=300.0).facts.notes


def test_who_reads_the_result_sees_the_spot(
    cut_out: tuple[ws.ResultSet, list[Round]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it is and what it took: on the terminal, on the summary sheet, in JSON, in xarray."""
    result, command = cut_out[0], entry_point(monkeypatch, capsys)
    words = result.facts.notes["hot_spots"]["1"]
    path = result.save(tmp_path / "R.h5")
    assert f"hot spot 1: {words}\n" in command("show", path).out
    assert command("export", path, "-o", tmp_path / "R.json").code == 0
    assert json.loads((tmp_path / "R.json").read_text())["provenance"]["hot_spots"] == {"1": words}
    assert json.loads(result.to_xarray().attrs["provenance"])["hot_spots"] == {"1": words}
    head = " ".join(text.get_text() for text in ws.summary_sheet(path).texts)
    assert "1 hot spot" in head
    assert re.sub(r"\s+", " ", words[:60]) in re.sub(r"\s+", " ", head)


def test_a_gap_on_an_axis_has_no_negative_zero() -> None:
    assert "k = (0.0000, 0.5000, 0.0000)" in str(Gap(1e-3, 1, np.array([-1e-9, 0.5, -0.0]), 0.0))


def test_stored_and_resumed(cut_out: tuple[ws.ResultSet, list[Round]], tmp_path: Path) -> None:
    """Stopped in the boxes of the spot, and after it: the same bits; and the result comes back from its file."""
    path, model = tmp_path / "c.h5", sheet(1e-3, K0)
    for until in (1, 2):
        rounds: list[Round] = []
        calls = [0]

        def stop(rounds: list[Round] = rounds, calls: list[int] = calls, until: int = until) -> bool:
            calls[0] += len(rounds) >= until
            return calls[0] > 60

        control = Control(path, until > 1, rounds.append, stop)
        try:
            result = ws.compute(model, "spin_hall", tolerance=1e-2, control=control, **OPTIONS)
        except Interrupted:
            assert until == 1
            result = ws.compute(model, "spin_hall", tolerance=1e-2, control=Control(path, True), **OPTIONS)
        for name in ("values", "error"):
            assert getattr(result["spin_hall"], name).tobytes() == getattr(cut_out[0]["spin_hall"], name).tobytes()
        assert result.facts.k_points == cut_out[0].facts.k_points
        assert result.facts.notes["hot_spots"] == cut_out[0].facts.notes["hot_spots"]
    loaded = ws.load(result.save(tmp_path / "r.h5"))
    assert (loaded["spin_hall"].error == result["spin_hall"].error).all()
    assert loaded.facts.notes["hot_spots"] == result.facts.notes["hot_spots"]


def test_limits_hold_for_spots_too() -> None:
    """Where they do not suffice the spot is given up, not counted as integrated, and nothing is called converged."""
    with pytest.warns(ws.AccuracyWarning, match="not converged"):
        result = ws.compute(sheet(1e-3, K0), "spin_hall", tolerance=Tolerance(1e-2, max_evaluations=4000), **OPTIONS)
    tensor = result["spin_hall"]
    assert tensor.converged is False
    assert result.facts.k_points <= 4000
    assert "hot_spots" not in result.facts.notes
    assert abs(tensor.values[0, 0, 0, 1, 2] - EXACT) <= tensor.error[0, 0, 0, 1, 2]


def test_what_symmetry_forbids_has_no_hot_points() -> None:
    """A response of which the group leaves nothing beside one that it allows."""
    model, structure, _ = symmetric_models()["rashba 4mm1'"]
    found = ws.compute(model, ["spin_hall", "magnetic_spin_hall"], tolerance=0.3, mu=0.3, temperature=3000.0, symmetry=structure)
    assert found["spin_hall"].converged
    assert np.abs(found["spin_hall"].values).max() > 1e-6
    assert np.abs(found["magnetic_spin_hall"].values).max() == 0


def test_room_for_spots() -> None:
    """About the gap next to a hot point, once for several points next to it; none where there is no room, or no small gap."""
    given = integral_of_sheet(1e-3)
    hot = [Hot(np.array([0.39, 0.15, 0.0]), 3.0, 0.0, 1e-4), Hot(np.array([0.37, 0.13, 0.0]), 2.0, 0.0, 1e-4)]
    step, spacings = 0.2, Mesh((26, 26, 1), (0, 0, 0)).spacings(given.model.lattice)
    ((bump, gap),) = bumps_at(given, hot, spacings, step, Room(8, 5.0))
    assert gap.k[:2] == pytest.approx(K0, abs=1e-5)
    assert gap.size == pytest.approx(2e-3, rel=1e-3, abs=0)
    assert bump.radius == pytest.approx(4 * 2 * np.pi / 26)
    assert bumps_at(given, hot, spacings, step, Room(0, 5.0)) == []
    assert bumps_at(given, hot, spacings, step, Room(8, 0.99 * bump.volume(2))) == []
    assert bumps_at(given, hot, spacings * 26 / 6, step, Room(8, 100.0)) == []  # a ball that meets its own images
    assert bumps_at(integral_of_sheet(0.2), hot, spacings, step, Room(8, 5.0)) == []


def integral_of_sheet(half_gap: float) -> Integral:
    task = Task.of(prepare(sheet(half_gap, K0), Request(["spin_hall"], mu=0.0, temperature=2.0, tolerance=1e-2)))
    return integral_of(task, task.prepared.degeneracy_tolerance)
