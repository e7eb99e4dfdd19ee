"""What a run will do and cost, from a small piece of it that is really computed."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Sequence
from itertools import pairwise
from math import log, prod
from pathlib import Path

import numpy as np

from wannier_spin import responses as resp
from wannier_spin.calculation.integrate import Task, algorithm_of
from wannier_spin.calculation.open_model import inputs_of
from wannier_spin.calculation.pace import Clock, mesh_seconds, point_seconds
from wannier_spin.calculation.run import asked_tolerance, check_asked, request_of, run_model
from wannier_spin.calculation.spacing import default_grid
from wannier_spin.calculation.symmetrize import verified_group
from wannier_spin.config import GridSection, Settings, ToleranceSection
from wannier_spin.continuum import Model
from wannier_spin.errors import Interrupted
from wannier_spin.integrals.algorithm import Control, Round
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.mesh import irreducible_mesh
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.prepared import Prepared, prepare
from wannier_spin.results import ResultSet

SAMPLE_MESH = 6  # points along an axis of the mesh that shows what a run does once
SAMPLE_SECONDS = 20.0  # of an adaptive run: as many rounds as fit, and the first one
DENSER = 2  # times the points of the last mesh along each axis
BUSY = 1.5  # times the CPU time: less is start-up and files
FITTED = 4  # rounds, the last ones, from which the number of k-points is extrapolated
SLOWEST, FASTEST = 0.4, 4.0  # powers of 1/k-points with which errors may decrease


def dry_run(settings: Settings, folder: Path, ranks: int, clock: Clock = time.process_time) -> list[tuple[str, str]]:
    """Rows (what, how much) of a plan for so many ranks, made by one of them.

    The first boxes of an adaptive run, or parts of the mesh, are computed and timed; the rest is extrapolated.
    Raises InputError for whatever would stop the run.
    """
    begun, wall = clock(), time.perf_counter()
    check_asked(settings)
    inputs = inputs_of(settings, folder)
    assert inputs.settings is not None
    model, structure, settings = inputs.model, inputs.structure, inputs.settings
    wanted = asked_tolerance(settings)
    rounds = [] if wanted is None else first_rounds(settings, model, structure, lambda: clock() - begun)
    sample = run_model(model, structure, small_run(settings, model, rounds[0][0].evaluations if rounds else 0), "", SERIAL)
    if wanted is None:
        small, first = sample.facts.k_points or 0, clock() - begun
        evaluated = evaluated_points(settings, inputs.crystal, structure, sample)
        seconds = _mesh_seconds(settings, model, structure, clock) / evaluated
        start = max(0.0, first - small * seconds)
    else:
        start, seconds = _tolerance_pace(settings, model, structure, rounds, clock)
    pace = start, seconds / ranks
    rows = [
        ("model", f"{model.name}: {model.n_bands} bands, {model.dimension}D"),
        ("scan", f"{_filling(settings)} x {len(settings.temperature)} temperatures" + _frequencies(settings)),
        *_components(sample),
        ("speed", f"{1 / seconds:.0f} k-points/s on one core here"),
        ("memory", f"{_peak_memory():.2g} GiB now, up to {settings.numerics.memory:g} GiB more per rank for batches and sums"),
    ]
    if wanted is None:
        rows += _mesh_rows(settings, inputs.crystal, evaluated, pace, ranks)
    else:
        rows += _adaptive_rows(wanted, sample, [done for done, _ in rounds], pace, ranks)
    return rows + busy_rows(time.perf_counter() - wall, clock() - begun)


def first_rounds(settings: Settings, model: Model, structure: Structure | None, clock: Clock) -> list[tuple[Round, float]]:
    """The rounds that a run within a tolerance makes in SAMPLE_SECONDS, the first one in any case, and when each ended.

    It is told to stop, instead of being allowed less: limits change what it does.
    """
    rounds: list[tuple[Round, float]] = []
    control = Control(
        report=lambda done: rounds.append((done, clock())), stop=lambda: bool(rounds) and clock() > rounds[0][1] + SAMPLE_SECONDS
    )
    with contextlib.suppress(Interrupted):
        run_model(model, structure, settings, "", SERIAL, control=control)
    return rounds


def small_run(settings: Settings, model: Model, first: int = 0) -> Settings:
    """The same with a small mesh, or within a tolerance with the first so many k-points."""
    if settings.tolerance is None:
        points = [SAMPLE_MESH if periodic else 1 for periodic in model.crystal("give a tolerance").periodic]
        return settings.model_copy(update={"grid": GridSection(points=points, shift=settings.grid.shift)})
    section = ToleranceSection.model_validate({**settings.tolerance.model_dump(), "max_evaluations": first, "replicas": 1})
    return settings.model_copy(update={"tolerance": section})


def _mesh_seconds(settings: Settings, model: Model, structure: Structure | None, clock: Clock) -> float:
    """Of all sums over the mesh, on one core."""
    prepared = _prepared(settings, model, structure)
    return mesh_seconds(Task.of(prepared), algorithm_of(prepared.request, model), prepared.request.memory, clock)


def _tolerance_pace(
    settings: Settings, model: Model, structure: Structure | None, rounds: Sequence[tuple[Round, float]], clock: Clock
) -> tuple[float, float]:
    """Seconds to start, and for a k-point. Small meshes have more to do than to sum; of those that follow a denser one tells."""
    last, end = rounds[-1]
    if not last.mesh or all(x <= 1 for x in last.excess.values()):
        return pace_of(rounds)
    n1, n2, n3 = (DENSER * n if n > 1 else 1 for n in last.mesh)
    prepared = _prepared(settings, model, structure)
    seconds = point_seconds(Task.of(prepared), (n1, n2, n3), prepared.request.memory, clock)
    return max(0.0, end - last.evaluations * seconds), seconds


def _prepared(settings: Settings, model: Model, structure: Structure | None) -> Prepared:
    """As the run, with numbers for the mu that carriers will come to."""
    request = request_of(settings, model, structure)
    if request.carriers is not None:  # as many mu as they will come to; which ones does not matter here
        number = len(request.carriers.values) * len(settings.temperature)
        request = request.with_(carriers=None, mu=(settings.fermi_energy or 0.0) + 1e-3 * np.arange(number))
    return prepare(model, request)


def _filling(settings: Settings) -> str:
    return f"{len(settings.mu or ())} mu" if settings.carriers is None else f"{len(settings.carriers.values)} numbers of carriers"


def _frequencies(settings: Settings) -> str:
    return f" x {len(settings.omega)} frequencies" if settings.omega else ""


def _components(sample: ResultSet) -> list[tuple[str, str]]:
    """Independent components of each response."""
    symmetry = sample.facts.symmetry
    if symmetry is None:
        return [("responses", ", ".join(sample)), ("symmetry", "none used: every component is computed")]
    rows = [("symmetry", f"{symmetry.title}, {symmetry.operations} point operations")]
    for name in sample:
        forms = symmetry.of(name).items()  # of an alternating field those of its parts, which have names of their own
        rows += [(part, " ".join(form.independent) or "forbidden by symmetry: zero") for part, form in forms]
        rows += [] if forms else [(name, resp.get(name).symbol)]
    return rows


def evaluated_points(settings: Settings, model: TightBindingModel, structure: Structure | None, sample: ResultSet) -> int:
    """How many k-points the mesh of the input has, counted; several sums on it, as the sample has."""
    wanted = Mesh(_points(settings, model), tuple(settings.grid.shift))  # type: ignore[arg-type]
    small = Mesh(tuple(sample.provenance["grid"]), wanted.shift)
    if structure is not None and settings.symmetry.reduce:
        group = verified_group(model, structure, settings.numerics.degeneracy_tolerance)
        assert group is not None
        wanted, small = (irreducible_mesh(mesh, group.group.point_operations) for mesh in (wanted, small))
    return round(wanted.n_evaluated * (sample.facts.k_points or 0) / small.n_evaluated)


def _points(settings: Settings, model: TightBindingModel) -> tuple[int, int, int]:
    n1, n2, n3 = settings.grid.points or default_grid(model, settings.grid.spacing)
    return n1, n2, n3


def _mesh_rows(
    settings: Settings, model: TightBindingModel, evaluated: int, pace: tuple[float, float], ranks: int
) -> list[tuple[str, str]]:
    """pace : seconds to start, and for a k-point on all ranks."""
    grid = _points(settings, model)
    return [
        ("mesh", f"{'x'.join(map(str, grid))} = {prod(grid)} k-points, {evaluated} evaluated"),
        ("estimated time", f"{_duration(pace[0] + evaluated * pace[1])} on {ranks} rank(s)"),
    ]


def pace_of(rounds: Sequence[tuple[Round, float]]) -> tuple[float, float]:
    """Seconds before the first k-point, and of each, from when rounds ended; of first rounds alone all counts as work."""
    points, spent = 0, 0.0
    for (before, start), (after, end) in pairwise(rounds):
        if after.evaluations > before.evaluations:  # else another sum begins
            points, spent = points + after.evaluations - before.evaluations, spent + end - start
    if not points:
        return 0.0, rounds[-1][1] / max(1, sum(done.evaluations for done, _ in rounds))
    return max(0.0, rounds[0][1] - rounds[0][0].evaluations * spent / points), spent / points


def busy_rows(elapsed: float, used: float) -> list[tuple[str, str]]:
    """Estimates are CPU seconds: where other programs take the cores, the clock says more. elapsed, used : of the sample, s."""
    if elapsed < BUSY * used + 1.0:
        return []
    return [("busy", f"the cores here are shared: as things are now, all of it takes {elapsed / used:.1f} times as long")]


def _adaptive_rows(
    wanted: Tolerance, sample: ResultSet, rounds: Sequence[Round], pace: tuple[float, float], ranks: int
) -> list[tuple[str, str]]:
    """pace : seconds to start, and for a k-point on all ranks."""
    points = wanted.replicas * sum(
        predicted_points([(r.evaluations, max(r.excess.values())) for r in _last_kind(one)]) for one in _sums(rounds)
    )
    most = wanted.max_evaluations * wanted.replicas
    done = all(x <= 1 for x in rounds[-1].excess.values())
    how = "counted" if done else f"extrapolated from {len(rounds)} round(s), good to a factor of a few"
    return [
        *_first_rows(sample, rounds[0]),
        ("replicas", str(wanted.replicas)),
        ("k-points", f"about {min(points, most):.2g} ({how})"),
        ("estimated time", f"{_duration(pace[0] + min(points, most) * pace[1])} on {ranks} rank(s)"),
        ("at most", f"{_duration(pace[0] + most * pace[1])} for max_evaluations = {wanted.max_evaluations} k-points"),
    ]


def _first_rows(sample: ResultSet, first: Round) -> list[tuple[str, str]]:
    """What a run within a tolerance begins with, and how far that comes."""
    worst = max(first.excess, key=lambda name: first.excess[name])
    reached = f"error bars are at most {first.excess[worst]:.3g} times the tolerance ({worst})"
    if first.mesh:
        mesh = f"{'x'.join(map(str, first.mesh))}, {first.evaluations} k-points"
        return [("first mesh", mesh), ("after it", reached), ("then", "denser meshes, or boxes where those take less")]
    numbers = sample.facts.notes
    boxes = f"{first.boxes} of {numbers['points_per_box']} points, {numbers['box_operations']} operations used"
    return [("first boxes", boxes), ("after them", reached)]


def _last_kind(rounds: Sequence[Round]) -> list[Round]:
    """Those on meshes, or those on boxes: what the last one was."""
    return [round_ for round_ in rounds if bool(round_.mesh) == bool(rounds[-1].mesh)]


def _sums(rounds: Sequence[Round]) -> list[list[Round]]:
    """The rounds of each integral: a request may need several, one after the other."""
    starts = [i for i in range(len(rounds)) if not i or rounds[i].evaluations < rounds[i - 1].evaluations]
    return [list(rounds[a:b]) for a, b in zip(starts, [*starts[1:], len(rounds)], strict=True)]


def predicted_points(rounds: Sequence[tuple[int, float]]) -> float:
    """k-points until the error is the tolerance, from (k-points, error over tolerance) after each round.

    Errors go like a power of the number of points; the last rounds tell which.
    """
    points, excess = rounds[-1]
    if excess <= 1:
        return next(n for n, x in rounds if x <= 1)
    n, x = rounds[max(0, len(rounds) - FITTED)]
    power = log(x / excess) / log(points / n) if points > n and x > excess else 1.0 if points == n else SLOWEST
    return float(points * excess ** (1 / min(max(power, SLOWEST), FASTEST)))


def _peak_memory() -> float:
    """Of this process, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
