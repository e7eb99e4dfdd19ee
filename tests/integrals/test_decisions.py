"""What is decided before and between sums: the next mesh, what boxes may take, batches, which of two equal ways is quicker.

    WANNIER_SPIN_STORE=1 pytest -n 0 tests/integrals/test_decisions.py

stores what is decided now, for inputs at equal steps on both sides of every bound, in tests/reference/decisions.json.
"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stored import check

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.integrals import mesh, sums
from wannier_spin.integrals.algorithm import Execution, Integral
from wannier_spin.integrals.boxes import CellIntegrand
from wannier_spin.integrals.densities import dynamic
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.densities.scan import edges_between, make_scan, windows
from wannier_spin.integrals.densities.selection import Selection
from wannier_spin.integrals.tolerance import meshes, trial
from wannier_spin.integrals.tolerance.cut import Cut
from wannier_spin.integrals.tolerance.denser import alike, first_mesh, length_of, next_mesh
from wannier_spin.integrals.tolerance.outlook import Outlook
from wannier_spin.integrals.tolerance.standing import needed
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.occupation import Occupation

LATTICES = {
    "cubic": np.eye(3),
    "hexagonal": np.array([[1.0, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 1.6]]),
    "long": np.diag([1.0, 1.3, 4.0]),
    "skewed": np.array([[1.0, 0.2, 0.0], [0.4, 1.1, 0.1], [0.3, -0.5, 1.4]]),
}
PERIODIC = {"crystal": (True, True, True), "sheet": (True, True, False), "chain": (False, True, False)}


def rounded(value: float) -> float:
    return float(f"{value:.6g}")


def an_integral(lattice: np.ndarray, periodic: tuple[bool, ...]) -> Integral:
    zero, centres = np.zeros((1, 1, 1), complex), np.zeros((1, 3))
    model = ws.TightBindingModel(lattice, np.zeros((1, 3), int), zero, centres=centres, periodic=periodic)
    plan, occupation = Plan((ws.responses.get("spin_hall"),), "spin", ()), Occupation(np.array([0.1]), np.array([0.1]))
    return Integral(model, plan, occupation, 1e-4, "adiabatic", 1.0, {"spin_hall": 1.0}, ())


@pytest.mark.parametrize("kind", PERIODIC)
@pytest.mark.parametrize("name", LATTICES)
def test_meshes(name: str, kind: str) -> None:
    """Of cells of many sizes the first one, and what follows where bars are so many tolerances."""
    whole = an_integral(LATTICES[name], PERIODIC[kind]).model
    seen: dict[str, Any] = {"alike": alike(whole, 3.0).tolist()}  # type: ignore[arg-type]
    for size in (1.3, 2.9, 3.6, 5.1, 7.0, 9.0, 13.0):
        integral = an_integral(size * LATTICES[name], PERIODIC[kind])
        first = first_mesh(integral)
        seen[f"first, {size}"] = [first.n_points, rounded(length_of(integral, first))]
    integral = an_integral(3.1 * LATTICES[name], PERIODIC[kind])
    for bar in (0.8, 1.2, 3.0, 20.0):
        found = [first_mesh(integral)]
        for _ in range(4):
            found.append(next_mesh(integral, found, Outlook.alone(bar, 2.0)))
        seen[f"bars of {bar}"] = [one.n_points for one in found]
    check("decisions.json", f"meshes of a {name} {kind}", seen)


def test_growths_and_trials() -> None:
    """What the next mesh has to be like, what boxes are predicted to take and may take."""
    excesses, powers = (0.3, 0.89, 0.99, 1.3, 4.0, 50.0), (1.5, 2.0, 6.0)
    seen: dict[str, Any] = {
        f"growth for {own} {excess}": [
            rounded(Outlook(own, excess, lasting, power).growth) for power in powers for lasting in (0.0, 0.2, 0.95)
        ]
        for own in (0.5, 3.0, 20.0)
        for excess in excesses
    }
    seen["needed"] = [rounded(needed(excess, aim)) for excess in (1.1, 2.0, 9.0) for aim in (0.7, 0.9, 1.0)]
    seen["worth"] = [rounded(meshes._worth(whole, left)) for whole in (10.0, 1000.0) for left in (0.0, 90.0, 5000.0)]
    rounds = [(100, 9.0), (150, 7.0), (399, 4.0), (401, 2.5), (900, 3.0), (4000, 0.4), (5000, np.inf)]
    for n in range(1, len(rounds) + 1):
        one = trial.Trial()
        for points, excess in rounds[:n]:
            one = one.after(points, excess)
        seen[f"trial of {n} rounds"] = [one.grown, rounded(min(one.predicted, 1e300))]
    for name, law in (("slow", [9.0, 8.9, 8.8, 8.7]), ("fast", [9e9, 9e6, 9e3, 9.0]), ("usual", [90.0, 25.0, 7.1, 2.0])):
        seen[f"trial of a {name} decrease"] = rounded(trial.Trial((1000, 2000, 4000, 8000), tuple(law)).predicted)
    check("decisions.json", "growths", seen)


LIMITS = {
    "meshes": ({"mu": [-2.6, -2.2], "temperature": 300}, (195, 196, 871, 872, 873, 2987, 2988, 3100, 5487, 5488)),
    "boxes": ({"mu": [-4.1], "temperature": 100}, (300, 872, 1100, 2500, 4497, 4498)),
}


@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
@pytest.mark.parametrize("kind", LIMITS)
def test_runs_that_may_take_so_many_points(kind: str) -> None:
    """One fewer than a mesh or a round of boxes needs, as many, and more: what is taken, and whether that is enough."""
    options, limits = LIMITS[kind]
    seen: dict[str, list[Any]] = {}
    model = ws.models.rashba_exchange(exchange=(0.1, 0.05, 0.2))
    for most in limits:
        try:
            found = ws.compute(model, "spin_hall", tolerance=ws.Tolerance(2e-2, max_evaluations=most), **options)
        except InputError as error:
            seen[f"{most}"] = [str(error)]
            continue
        taken = [found.provenance.get(name) for name in ("k_points_of_meshes", "boxes")]
        seen[f"{most}"] = [found.facts.k_points, found["spin_hall"].converged, *taken]
    check("decisions.json", f"limits of {kind}", seen)


def test_which_way_is_quicker() -> None:
    """Machine code for what is large; a table of energies for long scans."""
    seen: dict[str, Any] = {
        f"{k} points of {n} bands": [dynamic.worth_while((k, n), channels) for channels in (9, 54, 500, 4000, 30000)]
        for k in (1, 30, 1000)
        for n in (2, 15, 17, 40)
    }
    for n in (1, 7, 60, 900):
        for kT in (0.001, 0.03, 0.4):
            scan = Occupation(np.linspace(-0.3, 0.7, n), np.full(1, kT))
            chosen = [type(make_scan(scan, run, 50)).__name__ for run in (10, 1000, 100_000)]
            edges = windows(scan, 400)
            seen[f"{n} mu, kT {kT}"] = [chosen, None if edges is None else [len(edges), rounded(edges[1] - edges[0])]]
    far = edges_between((-3.0, 5.0), np.array([0.0, 0.5]), 0.01, 1000)
    assert far is not None
    seen["windows"] = [rounded(x) for x in far]
    seen["windows of none"] = edges_between((-3.0, 5.0), np.array([0.0]), 0.01, 3)
    check("decisions.json", "ways", seen)


@pytest.mark.parametrize("names", ["spin_hall", "nonlinear_intrinsic_spin_magnetization", "shift_spin_current"])
def test_batches(names: str) -> None:
    """How many points at a time, for few and many of anything; which of memory and cache decides, and what is too little."""
    plan = Plan((ws.responses.get(names),), "spin", (0.5 + 0.1j, 1.0 + 0.1j))
    seen = {}
    for n in (2, 9, 60):
        for points in (1, 500):
            for planes in (0, 10**8):
                source = SimpleNamespace(n_bands=n, n_operators=5, plane_bytes=lambda planes=planes: planes)
                scan, sizes = Occupation(np.linspace(0, 1, points), np.array([0.1])), []
                for given in ({}, {"held": 10**6}, {"by_point": 10**4}):
                    for memory in (0.003, 0.3, 8.0):
                        try:
                            sizes.append(sums.batch_size(source, plan, scan, memory, **given))
                        except InputError as error:
                            sizes.append(str(error))
                seen[f"{n} bands, {points} mu, {planes} bytes"] = sizes
    for thorough in (True, False):
        kept = [sums.fewer(x, thorough, least) for x in ((1, 1, 1), (40, 40, 1), (12, 300, 2)) for least in (1, 4)]
        seen[f"fewer {thorough}"] = kept
    check("decisions.json", f"batches of {names}", seen)


@pytest.mark.parametrize("memory", [0.5, 4.0])
def test_memory_of_sums_over_lattice_vectors(memory: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of all, on meshes and in boxes alike."""
    asked = []
    for owner in (Plan, Selection):  # of all densities, and of those that are needed

        def noted(own: Any, *given: Any, made: Any = owner.bloch_sum) -> Any:
            asked.append(given[-1])
            return made(own, *given)

        monkeypatch.setattr(owner, "bloch_sum", noted)
    integral = replace(an_integral(LATTICES["cubic"], PERIODIC["crystal"]), model=ws.models.random_model(n=2))
    mesh.OnMesh((4, 4, 4)).sums(integral, Execution(memory, SERIAL))
    channels = integral.channels(Tolerance(1e-2))
    axes = SimpleNamespace(basis=np.eye(3, dtype=int))
    CellIntegrand.source.func(SimpleNamespace(channels=channels, model=integral.model, axes=axes, memory=memory))  # type: ignore[attr-defined]
    assert set(asked) == {sums.SUMS_OVER_R * memory * sums.GIB}
    assert sums.SUMS_OVER_R < 1
    assert len(asked) > 1


def test_rows_of_a_cut() -> None:
    assert Cut().rows == 0
    assert Cut(inside=SimpleNamespace()).rows == 1  # type: ignore[arg-type]


def test_boxes_that_were_given_up_are_tried_again_where_they_take_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Than a mesh: as far as they could tell when they were given up. Before that, where their first ones are few beside a mesh."""
    monkeypatch.setattr(meshes, "first_evaluations", lambda integral: 100)

    def tried(of_boxes: float, worth: float, spent: int = 0, n_meshes: int = 2, mesh: int = 10_000, eager: bool = True) -> bool:
        run: Any = SimpleNamespace(integral=None, wanted=SimpleNamespace(max_evaluations=1000), _evaluations=lambda mesh: mesh)
        reached: Any = SimpleNamespace(spent=spent, of_boxes=of_boxes, stages=[None] * n_meshes)
        return meshes._Run._to_boxes(run, reached, mesh, worth, eager)  # type: ignore[arg-type]

    assert tried(5000.0, 5001.0) and not tried(5000.0, 5000.0) and not tried(5000.0, 300.0)
    assert not tried(5000.0, 6000.0, spent=900) and tried(5000.0, 6000.0, spent=899)  # the first ones must fit
    first = 100 / meshes.TRIAL
    assert tried(0.0, first + 1) and not tried(0.0, first)
    assert tried(0.0, meshes.PATIENCE * first + 1, eager=False) and not tried(0.0, meshes.PATIENCE * first, eager=False)
    assert not tried(0.0, 1e9, n_meshes=1) and not tried(0.0, 1e9, mesh=int(100 * meshes.DEARER) - 1)
    assert tried(0.0, 1e9, mesh=int(100 * meshes.DEARER))
