"""Plans, steps and records of runs: see `rows`."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace as Like
from typing import Any

import numpy as np
import pytest
from rows import INF, NAN, Rows, changed, each, outcome, response, same
from shown import shown

import wannier_spin as ws
from wannier_spin.integrals.algorithm import Round
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.occupation import Occupation
from wannier_spin.readers.fermi import FermiEnergy
from wannier_spin.results import RunFacts

carriers, converge, degenerate, draft, dry_run, integrate, rerun, running = (  # some functions have the names of their modules
    import_module(f"wannier_spin.calculation.{name}")
    for name in ("carriers", "converge", "degenerate", "draft", "dry_run", "integrate", "rerun", "run")
)
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse


def rounds(*numbers: tuple[int, float], mesh: Any = ()) -> list[Round]:
    return [
        Round(number=i, boxes=8 * i, evaluations=n, excess={"a": x / 2, "b": x}, replica=0, mesh=mesh)
        for i, (n, x) in enumerate(numbers, 1)
    ]


SAMPLE = Like(facts=Like(notes={"points_per_box": 27, "box_operations": 4}))
WANTED = Tolerance(0.01, {}, 100_000, INF, 2, None, None)


def adaptive_rows(*numbers: tuple[int, float], mesh: Any = ()) -> Any:
    return dry_run._adaptive_rows(WANTED, SAMPLE, rounds(*numbers, mesh=mesh), (3.0, 0.01), 4)  # type: ignore[arg-type]


def moved_by(change: Callable[[np.ndarray], np.ndarray]) -> Any:
    old = response()
    new = rerun._moved(old, changed(old, change))
    return [new.relative, new.in_bars, new.same]


def energies(*gaps: float) -> np.ndarray:
    return np.stack([np.cumsum([0.0, *gaps]), np.cumsum([0.05, *gaps]), np.cumsum([0.3, *gaps])])


def merged(paired: bool, tolerance: float, *gaps: float) -> Any:
    occupation = Occupation(np.array([0.1]), np.array([0.02]))
    return degenerate._merged(energies(*gaps), np.array([1.0, 2.0, 1.0]), occupation, tolerance, paired)


def found_in(**changes: Any) -> list[Any]:
    standard = {"model": ws.models.rashba_exchange(), "fermi": None, "win": None, "structure": None, "window": None, "moment": None}
    found = draft._Found(**(standard | changes))
    return [draft._energies(found), draft._responses(found), draft._symmetry(found, Path("runs")), draft._is_magnetic(found)]


FERMI = FermiEnergy(1.5, "scf.out")
CRYSTAL = ws.Structure(np.eye(3) * 3, np.zeros((1, 3)), np.array([26]), np.zeros((1, 3)))
PAIR = ws.Structure(np.eye(3) * 3, np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), np.array([26, 26]), np.zeros((2, 3)))
ROWS: Rows = {
    "durations": each(dry_run._duration, 0.0, 9.94, 10.0, 119.4, 120.0, 7199.0, 7200.0, 1e5),
    "k-points predicted": each(
        dry_run.predicted_points,
        [(100, 0.5)],
        [(100, 3.0), (200, 1.0)],
        [(100, 0.9), (200, 0.3)],
        [(100, 3.0)],
        [(100, 3.0), (200, 3.0)],
        [(100, 3.0), (200, 2.0)],
        [(100, 3.0), (110, 2.0)],
        [(10, 90.0), (20, 80.0), (100, 30.0), (200, 20.0), (400, 10.0)],
        [(10, 90.0), (20, 80.0), (40, 30.0), (80, 20.0)],
    ),
    "pace": each(
        dry_run.pace_of,
        *(
            list(zip(rounds(*((n, 2.0) for n in points)), times, strict=True))
            for points, times in (
                ((100,), (3.0,)),
                ((100, 300), (3.0, 4.0)),
                ((100, 300), (3.0, 9.0)),
                ((100, 300, 50), (3.0, 4.0, 5.0)),
                ((100, 50, 250), (3.0, 4.0, 5.0)),
                ((0,), (2.0,)),
            )
        ),
    ),
    "busy": each(dry_run.busy_rows, (2.4, 1.0), (2.5, 1.0), (3.0, 1.0), (16.1, 10.0), (15.9, 10.0)),
    "sums in turn": each(
        lambda *n: [[r.evaluations for r in one] for one in dry_run._sums(rounds(*((x, 1.0) for x in n)))],
        (1, 2, 3),
        (1, 2, 1, 3),
        (5, 5, 2),
    ),
    "plans": lambda: [
        adaptive_rows((100, 3.0)),
        adaptive_rows((100, 3.0), (200, 1.0)),
        adaptive_rows((100, 3.0), (200, 2.0)),
        adaptive_rows((100, 40.0), mesh=(4, 5, 1)),
    ],
    "rerun": lambda: [
        moved_by(lambda b: b),
        moved_by(lambda b: b * (1 + 0.9e-9)),
        moved_by(lambda b: b * (1 + 1.1e-9)),
        moved_by(lambda b: b * 1.5),
        moved_by(lambda b: b * 0),
    ],
    "files that differ": lambda: [
        rerun.differences(RunFacts(model_source=a, versions=a), RunFacts(model_source=b, versions=b))
        for a, b in (
            ({"x": "1"}, {"x": "1"}),
            ({"x": "1"}, {"x": "2"}),
            ({"x": "1" * 50}, {"x": "2" * 49}),
            ({"x": "1" * 50}, {"x": "2" * 50}),
            ({"x": "1"}, {}),
        )
    ],
    "pairs that are merged": lambda: [
        merged(paired, tolerance, *gaps)
        for paired in (False, True)
        for tolerance in (1e-3, 1e-2)
        for gaps in (
            (2e-3, 0.2, 2e-3),
            (5e-3, 5e-3, 0.3),
            (0.2, 5e-3, 0.2),
            (1e-12, 0.1, 1e-3),
            (0.2, 0.3, 0.4),
            (1e-2, 1e-3, 1e-2),
        )
    ],
    "merged matters": each(
        lambda *x: [degenerate.Merged(*x).matters, degenerate.Merged(*x).as_notes()],
        (0.0, 0.1, 0.0, 0.0),
        (0.01, 0.1, 1.0, 0.0),
        (0.011, 0.1, 1e-5, 0.0),
        (0.011, 0.1, 1.1e-5, 0.0),
    ),
    "about merged": lambda: [
        list(degenerate.about_merged(degenerate.Merged(share, 0.1, 1e-3, 0.0), 5e-4, moved, measured))
        for share in (0.001, 0.5)
        for moved in ({}, {"a": degenerate.Change(0.1, 2.0), "b": degenerate.Change(1.0, 0.0)})
        for measured in (False, True)
    ],
    "points that no symmetry knows": each(degenerate._generic, 1, 3),
    "drafts": lambda: [
        found_in(),
        found_in(fermi=FERMI),
        found_in(fermi=FERMI, window=(0.0, 4.0)),
        found_in(fermi=FERMI, window=(-5.0, 2.25)),
        found_in(win=Path("runs/a.win"), structure=CRYSTAL),
        found_in(win=Path("a.win"), structure=CRYSTAL, moment=(0.0, 0.0, 0.05)),
        found_in(win=Path("a.win"), structure=CRYSTAL, moment=(0.0, -0.0, 0.06)),
        found_in(win=Path("a.win"), structure=PAIR, moment=(1.0, 0.0, 0.06)),
        found_in(model=replace(ws.models.rashba_exchange(), spin_R=None)),
    ],
    "mu that counts from the Fermi energy": each(
        lambda mu, fermi: running.check_relative(np.array(mu), fermi, ws.models.rashba_exchange()),
        ([10.0 + 1.0], 10.0),
        ([20.0], 10.0),
        ([20.5, 19.5], 10.0),
        ([20.0, 0.0], 10.0),
        ([6.0], 3.0),
        ([7.0], 3.5),
        ([-20.0], -10.0),
        ([-20.0, -19.0], -10.0),
        ([4.0], 1.0),
    ),
    "sites from 1": each(
        lambda sites: running.asked_sites(Like(sites=sites), 4),  # type: ignore[arg-type]
        None,
        "atoms",
        {"A": [1, 4]},
        {"A": [5]},
        {"A": "Fe"},
        {"A": ["Fe1", "Fe2"]},
    ),
    "three numbers": each(
        integrate._three,
        ("grid", (1, 2, 3), int),
        ("grid", (1, 2), int),
        ("grid", (1.5, 2, 3), int),
        ("shift", (1.5, 2, 3), float),
        ("shift", "abc", float),
        ("shift", (INF, 0, 0), int),
    ),
    "steps of meshes": lambda: [
        outcome(lambda s=s, points=points: [(name, one.grid.points) for name, one in converge.grid_steps(inputs_on(points), s)])
        for points in ([8, 6, 1], [24, 24, 20], [5, 5, 5])
        for s in ((), (4, 8), (5, 3), (1, 4), (4,), (2, 3))
    ],
    "steps of tolerances": lambda: [
        outcome(lambda s=s, t=t: [(name, one.tolerance.relative) for name, one in tolerances_of(t, s)])
        for t in (None, 0.03, 0.2)
        for s in ((), (0.1, 0.01), (1.0, 1.1), (1.0, 0.5), (0.1,), (0.1, 0.0))
    ],
    "the neutral crystal": each(
        lambda *x: carriers._neutral(LEVELS, ws.Carriers([0.1], **dict([x]))),
        ("electrons", 3),
        ("fermi_energy", 0.5),
        ("fermi_energy", 1.5),
        ("fermi_energy", -1.0),
    ),
    "mu of carriers": each(
        lambda *x: LEVELS.mu(*x),
        (1, 0.0, 0.0),
        (1, 0.25, 0.0),
        (1, 0.3, 0.0),
        (1, -0.4, 0.02),
        (1, 0.9, 0.05),
        (1, 1.0, 0.02),
        (1, -1.0, 0.02),
        (1, 1.2, 0.0),
        (0, 0.1, 0.01),
    ),
    "requests": lambda: [outcome(lambda kw=kw: changed_request(kw)) for kw in REQUESTS],
}
BEYOND = (0, -1, 1e300, INF, NAN, "a", None, True)
REQUESTS: list[dict[str, Any]] = [
    {name: value}
    for name, standard in {
        "memory": (0.01, 1e9, 1.1e9),
        "tau": (1e-7, 1e-6, 1e12, 1.1e12),
        "temperature": (300, [300.0], []),
        "mu": ([0.1, 0.2], []),
        "degeneracy_tolerance": (1e-5, 1.0, 1.1),
        "gap_broadening": (0.0, 0.1, 1e5, 1.1e5),
        "broadening": (0.1, 1e5),
        "omega": (0.1, [0.1, 1e5], [1.1e5]),
        "reduce_k": (False, 1),
        "degeneracy_check": (True, "no"),
        "grid": ((2, 2, 2), (2, 2), (2.5, 2, 2), "222"),
        "shift": ((0.5, 0, 0), (1000, 0, 0), (1001, 0, 0), (0.5,)),
        "units": ("SI", "cgs", 1),
        "form": ("paper", "other"),
        "relaxation": ("gao", "other"),
        "channel": ("charge", "mass"),
        "spin_current": ("ryoo", "other", ("simple", "simple")),
        "blocks": (("L1surf",), ("L9",)),
        "carriers": (0.1,),
    }.items()
    for value in (*standard, *BEYOND)
]


def changed_request(changes: dict[str, Any]) -> str:
    standard: dict[str, Any] = {"grid": (2, 2, 1), "mu": 0.1, "temperature": 300}
    request = ws.Request(("spin_hall", "ac_spin_current"), **{**standard, "omega": 0.1, "broadening": 0.1, **changes})
    return str({name: shown(getattr(request, name, None)) for name in changes})


LEVELS = carriers.Levels(np.array([0.0, 0.2, 0.25, 0.3, 1.0, 1.2, 1.25, 1.3]), np.arange(9.0), 4)


def tolerances_of(tolerance: float | None, steps: Any) -> Any:
    return converge.tolerance_steps(inputs_on([4, 4, 1], tolerance), steps)


def inputs_on(points: list[int], tolerance: float | None = None) -> Any:
    from wannier_spin.config import settings_from

    text: dict[str, Any] = {
        "seedname": "a",
        "responses": ["spin_hall"],
        "mu": 0.1,
        "temperature": 300,
        "fermi_energy": 0.0,
        "grid": {"points": points},
    }
    if tolerance is not None:
        text |= {"tolerance": {"relative": tolerance}}
        text.pop("grid")
    return Like(settings=settings_from(text, "a.toml"), crystal=ws.models.rashba_exchange(), model=ws.models.rashba_exchange())


@pytest.mark.parametrize("name", ROWS)
def test_both_sides(name: str) -> None:
    same("runs", name, ROWS[name])
