"""Do error bars cover? Every case on several meshes and within tolerances, against a mesh that is better than all of them.

    python workflows/verification/coverage_of_bars.py [CASE ...] [--quick]

Without names all cases: ten minutes on a core. Replaces what it computed in coverage_of_bars.json beside this script, of which the
table in docs/bars.md is made. --quick: the smallest meshes of each case, printed and not stored.

The truth is known up to the difference of two reference meshes: a bar is judged where that leaves no doubt. Errors below 1e-4 of
the largest value of the scan are not judged. The bars' constants were chosen on the cases that are not marked as hold-outs.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hold_outs
import numpy as np
from numpy.typing import NDArray

import wannier_spin as ws

FOLDER = Path(__file__).resolve().parent
EXAMPLES = FOLDER.parents[1] / "example_inputs"
OUTPUT = FOLDER / "coverage_of_bars.json"
TEMPERATURES = (300.0, 30.0)
LEAST = 1e-4  # of the largest value
KNOWN = 0.25  # of the error: how far the truth may be uncertain where the ratio of bar and error counts
TOLERANCES, MOST = (1e-1, 3e-2), 60_000  # k-points of a tolerance
NEEL = ((2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0))
COLLINEAR = ((0, 0, 0), (0, 0, 1.7), (0, 0, -1.7), (0, 0, 0), (0, 0, 0), (0, 0, 0))

Real = NDArray[np.float64]
Opened = tuple[ws.TightBindingModel, ws.Structure | None]


@dataclass(frozen=True)
class Case:
    """meshes : points along every periodic axis. references : of the two best meshes, the truth first. tolerances : none where they
    take too long; few : their mu.
    """

    name: str
    open: Callable[[], Opened]
    responses: tuple[str, ...]
    mu: Real
    meshes: tuple[int, ...]
    references: tuple[int, int]
    hold_out: bool
    tolerances: tuple[float, ...] = TOLERANCES

    @property
    def few(self) -> Real:
        return self.mu[[len(self.mu) // 4, len(self.mu) // 2, 3 * len(self.mu) // 4]]


@dataclass(frozen=True)
class Covered:
    """Of one response at one temperature. judged : pairs (mu, component). inside : how many of them. ratio : median bar over error,
    NaN where none is known well. largest : of each run the largest bar over the largest error, the smallest of the runs.
    """

    case: str
    response: str
    temperature: float
    method: str
    hold_out: bool
    judged: int
    inside: int
    ratio: float
    largest: float


def material(name: str, moments: Any = None, structure: str = "") -> Callable[[], Opened]:
    folder = EXAMPLES / name

    def opened() -> Opened:
        saved = folder / f"{name}.model.h5"
        model = ws.load_model(saved) if saved.is_file() else ws.read_wannier90(folder / name)
        return model, ws.read_structure(folder / f"{structure or name}.win", moments)

    return opened


def crystal(build: Callable[[], ws.TightBindingModel]) -> Callable[[], Opened]:
    return lambda: (build(), None)


PLANE, SPACE = (16, 24, 32, 48, 64), (12, 16, 24, 32)
CASES = (
    Case("Pt", material("Pt"), ("spin_hall",), 22.4839 + np.linspace(-1, 1, 41), (16, 20, 24, 28, 36, 48), (88, 72), False),
    Case(
        "Fe",
        material("Fe", [(0, 0, 2.2)]),
        ("magnetic_spin_hall", "spin_hall"),
        17.6048 + np.linspace(-1, 1, 21),
        (12, 16, 20, 24, 32),
        (80, 72),
        False,
        (1e-1,),
    ),
    Case("GaAs, valence bands", material("GaAs"), ("spin_hall",), 7.53 + np.linspace(-1, 1, 21), SPACE, (80, 72), False, ()),
    Case(
        "Mn2Au",
        material("Mn2Au", NEEL),
        ("spin_hall",),
        16.5032 + np.linspace(-0.4, 0.4, 9),
        (8, 12, 16),
        (32, 28),
        False,
        (),
    ),
    Case(
        "KV2Se2O",
        material("KV2Se2O", COLLINEAR, "KV2Se2O_up"),
        ("magnetic_spin_hall",),
        6.9052 + np.linspace(-0.5, 0.5, 11),
        (8, 12, 16),
        (32, 28),
        False,  # its rows showed that bands which only cross hide nothing
        (),
    ),
    Case(
        "Rashba",
        crystal(ws.models.rashba_exchange),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-1.5, 1.5, 31),
        PLANE,
        (320, 280),
        False,
    ),
    Case(
        "altermagnet",
        crystal(lambda: ws.models.altermagnet(rashba=0.1)),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-2.5, -0.5, 31),
        PLANE,
        (320, 280),
        False,
    ),
    Case(
        "kagome",
        crystal(lambda: ws.models.kagome_mn3sn(soc=0.1)),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-2, 2, 31),
        PLANE,
        (320, 280),
        False,
    ),
    Case("Kane-Mele", crystal(ws.models.kane_mele), ("spin_hall",), np.linspace(-1, 1, 31), PLANE, (320, 280), False),
    Case(
        "P*T antiferromagnet",
        crystal(ws.models.pt_antiferromagnet),
        ("spin_hall", "intrinsic_spin_magnetization"),
        np.linspace(-1.5, 1.5, 31),
        PLANE,
        (160, 144),
        False,
        (1e-1,),
    ),
    Case(
        "zincblende",
        crystal(lambda: ws.models.zincblende(sublattice=0.5, soc=0.05)),
        ("spin_hall",),
        np.linspace(-2, -0.5, 21),
        SPACE,
        (48, 40),
        False,
        (1e-1,),
    ),
    Case("Weyl nodes", crystal(ws.models.weyl), ("spin_hall",), np.linspace(-0.5, 0.5, 21), SPACE, (64, 56), False, (1e-1,)),
    Case(
        "random hoppings",
        crystal(lambda: ws.models.random_model(n=4, seed=3)),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (72, 64),
        False,
        (1e-1,),
    ),
    Case(
        "GaAs, gap and conduction bands",
        material("GaAs"),
        ("spin_hall",),
        np.linspace(8.95, 10.45, 21),
        SPACE,
        (80, 72),
        False,  # these two showed what a Fermi surface between the points does
        (),
    ),
    Case(
        "Weyl nodes, second order",
        crystal(ws.models.weyl),
        ("nonlinear_extrinsic_spin_magnetization",),
        np.linspace(-0.5, 0.5, 21),
        SPACE,
        (64, 56),
        False,
        (1e-1,),
    ),
    Case(
        "random sheet",
        crystal(lambda: ws.models.random_model(n=3, seed=11, periodic=(True, True, False))),
        ("spin_hall", "edelstein"),
        np.linspace(-1, 1, 21),
        PLANE,
        (320, 280),
        True,
    ),
    Case(
        "sheared Rashba",
        crystal(hold_outs.sheared),
        ("spin_hall", "edelstein"),
        np.linspace(-1.5, 1.5, 31),
        PLANE,
        (320, 280),
        True,
    ),
    Case(
        "tilted Dirac sheet",
        crystal(hold_outs.tilted_dirac),
        ("spin_hall", "edelstein"),
        np.linspace(-0.5, 0.5, 21),
        PLANE,
        (320, 280),
        True,
    ),
    Case(
        "random P*T magnet",
        crystal(hold_outs.random_magnet),
        ("spin_hall", "intrinsic_spin_magnetization"),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (72, 64),
        True,
        (1e-1,),
    ),
    Case(
        "helices",
        crystal(hold_outs.helices),
        ("spin_hall", "edelstein"),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (72, 64),
        True,
        (1e-1,),
    ),
)


@dataclass(frozen=True)
class Truth:
    """values (mu, T, components), how far another mesh is from them, and which components do not vanish."""

    mu: Real
    values: Real
    doubt: Real
    components: NDArray[np.intp]

    @classmethod
    def of(cls, mu: Real, best: ws.ResponseTensor, other: ws.ResponseTensor) -> Truth:
        """One of components that are equal up to their sign counts."""
        found, second = (flat(x.values) for x in (best, other))
        scale, chosen = np.abs(found).max(), list[int]()
        for i in np.flatnonzero(np.abs(found).max(axis=(0, 1)) > LEAST * scale):
            if not any(np.allclose(abs(found[..., i]), abs(found[..., j]), rtol=1e-6, atol=1e-9 * scale) for j in chosen):
                chosen.append(int(i))
        return cls(mu, found[..., chosen], np.abs(found - second)[..., chosen], np.array(chosen, np.intp))

    def judge(self, mu: Real, tensor: ws.ResponseTensor) -> tuple[Real, Real, Real]:
        """Errors, bars and doubts (mu, T, components) of what is judged."""
        rows = np.array([int(np.abs(self.mu - x).argmin()) for x in mu])
        values, bars = (flat(x)[..., self.components] for x in (tensor.values, tensor.error))
        return np.abs(values - self.values[rows]), bars, self.doubt[rows]


def flat(tensor: Real) -> Real:
    return tensor.reshape(*tensor.shape[:2], -1)


def covered(errors: Real, bars: Real, doubts: Real, scale: float) -> tuple[int, int, float]:
    """How many bars are judged, how many of them hold the error, and the median of bar over error."""
    known = doubts < KNOWN * errors
    counts = errors + doubts > LEAST * scale
    inside = (bars >= errors + doubts) | (known & (bars >= errors))
    outside = (bars < errors - doubts) | (known & (bars < errors))
    ratios = (bars / np.maximum(errors, np.finfo(float).tiny))[known & counts]
    return (
        int((counts & (inside | outside)).sum()),
        int((counts & inside).sum()),
        float(np.median(ratios)) if ratios.size else np.nan,
    )


def measured(case: Case, meshes: Sequence[int], references: Sequence[int], tolerances: Sequence[float]) -> Iterator[Covered]:
    """Every response at every temperature, all meshes together and all tolerances together."""
    model, structure = case.open()
    options = {"temperature": TEMPERATURES, "symmetry": structure}

    def on_mesh(n: int) -> ws.ResultSet:
        grid = tuple(n if periodic else 1 for periodic in model.periodic)
        return ws.compute(model, list(case.responses), grid=grid, mu=case.mu, **options)

    best, other = (on_mesh(n) for n in references)
    runs = {"meshes": [(case.mu, on_mesh(n)) for n in meshes]}
    wanted = [ws.Tolerance(t, max_evaluations=MOST) for t in tolerances]
    runs["tolerances"] = [(case.few, ws.compute(model, list(case.responses), tolerance=t, mu=case.few, **options)) for t in wanted]
    for name in case.responses:
        truth = Truth.of(case.mu, best[name], other[name])
        for method, found in runs.items():
            for i, temperature in enumerate(TEMPERATURES if found else ()):
                scale = float(np.abs(truth.values[:, i]).max())
                parts = [[x[:, i] for x in truth.judge(mu, results[name])] for mu, results in found]
                ratio = min(float(bars.max() / errors.max()) for errors, bars, _ in parts)
                errors, bars, doubts = (np.concatenate([x.ravel() for x in several]) for several in zip(*parts, strict=True))
                numbers = covered(errors, bars, doubts, scale)
                yield Covered(case.name, name, temperature, method, case.hold_out, *numbers, ratio)


def summary(rows: Sequence[Covered]) -> str:
    """One line a row."""
    lines = []
    for r in rows:
        share = f"{100 * r.inside / max(r.judged, 1):5.1f} % of {r.judged:5}"
        label = f"{r.case:20} {r.response:38} {r.temperature:4.0f} K {r.method:10}"
        lines.append(f"{label} {share}  bar/error {r.ratio:5.1f}  largest {r.largest:5.2f}{'  hold-out' if r.hold_out else ''}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--quick", action="store_true", help="the smallest meshes, printed and not stored")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    unknown = set(given.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(case.name for case in CASES)}")
    for case in CASES:
        if given.cases and case.name not in given.cases:
            continue
        if given.quick:
            sizes = (case.meshes[:2], [n // 2 // 2 * 2 for n in case.references], ())
        else:
            sizes = (case.meshes, case.references, case.tolerances)
        rows = list(measured(case, *sizes))
        print(summary(rows), flush=True)
        if not given.quick:
            store(rows)
    return 0


def stored() -> list[Covered]:
    """What the file has, in the order of the cases."""
    rows = [Covered(**row) for row in json.loads(OUTPUT.read_text())] if OUTPUT.exists() else []
    order = [case.name for case in CASES]
    return sorted((row for row in rows if row.case in order), key=lambda row: order.index(row.case))


def store(rows: Sequence[Covered]) -> None:
    """Put these in the place of what the file has of their cases."""
    done = {row.case for row in rows}
    OUTPUT.write_text(json.dumps([asdict(row) for row in [*(r for r in stored() if r.case not in done), *rows]], indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
