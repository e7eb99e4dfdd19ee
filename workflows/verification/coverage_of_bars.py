"""Do error bars cover? Every case on several meshes and within tolerances, against a reference that is better than all of them.

    python workflows/verification/coverage_of_bars.py [CASE ...] [--quick]

Without names all cases: twenty minutes on a core. Replaces what it computed in coverage_of_bars.json beside this script, of which
the tables of docs/bars.md and docs/record_of_bars.md are made. --quick: the smallest meshes of each case, printed and not stored.

A reference is a mesh, and what it may be off by, its doubt, is its difference from a second mesh of another kind: other numbers of
points, none of them symmetric (two meshes that both hold a node agree and are wrong). Where no mesh is good enough a case has
values of its own. A bar is judged where the reference is BETTER times better than the bar, or than the error found (a
bar that is far too small must not go unjudged); what is not judged is counted. Errors below 1e-4 of the largest value of the scan
are neither. The bars' constants were chosen on the cases that are not marked as hold-outs.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from cases_of_bars import CASES, Case, Real
from numpy.typing import NDArray

import wannier_spin as ws

OUTPUT = Path(__file__).resolve().parent / "coverage_of_bars.json"
TEMPERATURES = (300.0, 30.0)
LEAST = 1e-4  # of the largest value
BETTER = 5  # times: the reference than what it judges
KNOWN = 0.25  # of the error: how far the truth may be uncertain where the ratio of bar and error counts
MOST = 60_000  # k-points of a tolerance
SHIFT = (0.21, 0.37, 0.43)  # of a step, of the second reference; with a group the first along all axes: it leaves more operations


@dataclass(frozen=True)
class Covered:
    """Of one response at one temperature. judged : pairs (mu, component). inside : how many of them. unjudged : how many more there
    are, for which the reference is not good enough. ratio : median bar over error, NaN where none is known well. largest : of each
    run the largest bar over the largest error, the smallest of the runs; NaN where nothing is known well enough.
    """

    case: str
    response: str
    temperature: float
    method: str
    hold_out: bool
    judged: int
    inside: int
    unjudged: int
    ratio: float
    largest: float


@dataclass(frozen=True)
class Truth:
    """values (mu, T, components), by how much they may be wrong, and which components do not vanish."""

    mu: Real
    values: Real
    doubt: Real
    components: NDArray[np.intp]

    @classmethod
    def of(cls, mu: Real, best: Real, other: Real) -> Truth:
        """One of components that are equal up to their sign counts. A difference may vanish by chance: that of the next mu counts
        too.
        """
        found, second = flat(best), flat(other)
        scale, chosen = np.abs(found).max(), list[int]()
        for i in np.flatnonzero(np.abs(found).max(axis=(0, 1)) > LEAST * scale):
            if not any(np.allclose(abs(found[..., i]), abs(found[..., j]), rtol=1e-6, atol=1e-9 * scale) for j in chosen):
                chosen.append(int(i))
        apart = np.pad(np.abs(found - second)[..., chosen], ((1, 1), (0, 0), (0, 0)))
        return cls(mu, found[..., chosen], np.max([apart[:-2], apart[1:-1], apart[2:]], axis=0), np.array(chosen, np.intp))

    def judge(self, mu: Real, tensor: ws.ResponseTensor) -> tuple[Real, Real, Real]:
        """Errors, bars and doubts (mu, T, components) of what is judged."""
        rows = np.array([int(np.abs(self.mu - x).argmin()) for x in mu])
        values, bars = (flat(x)[..., self.components] for x in (tensor.values, tensor.error))
        return np.abs(values - self.values[rows]), bars, self.doubt[rows]


def flat(tensor: Real) -> Real:
    return tensor.reshape(*tensor.shape[:2], -1)


def usable(errors: Real, bars: Real, doubts: Real) -> NDArray[np.bool_]:
    """Where the reference is good enough to judge."""
    return np.asarray(BETTER * doubts <= np.maximum(bars, errors))


def covered(errors: Real, bars: Real, doubts: Real, scale: float) -> tuple[int, int, int, float]:
    """How many bars are judged, how many of them hold the error, how many cannot be judged, and the median of bar over error."""
    counts = errors > LEAST * scale
    judged = counts & usable(errors, bars, doubts)
    ratios = (bars / np.maximum(errors, np.finfo(float).tiny))[judged & (doubts < KNOWN * errors)]
    median = float(np.median(ratios)) if ratios.size else np.nan
    return int(judged.sum()), int((judged & (bars >= errors)).sum()), int((counts & ~judged).sum()), median


def largest(errors: Real, bars: Real, doubts: Real) -> float:
    """The largest bar of a run over its largest error."""
    known = usable(errors, bars, doubts)
    return float(bars[known].max() / errors[known].max()) if known.any() else np.nan


def measured(case: Case, meshes: Sequence[int], references: Sequence[int], tolerances: Sequence[float]) -> Iterator[Covered]:
    """Every response at every temperature, all meshes together and all tolerances together."""
    model, structure = case.open()
    options = {"temperature": TEMPERATURES, "symmetry": structure}

    def on_mesh(n: int, shift: Sequence[float] = (0.0, 0.0, 0.0)) -> ws.ResultSet:
        grid = tuple(n if periodic else 1 for periodic in model.periodic)
        moved = tuple(x if periodic else 0.0 for x, periodic in zip(shift, model.periodic, strict=True))
        return ws.compute(model, list(case.responses), grid=grid, shift=moved, mu=case.mu, **options)

    def within(tolerance: float) -> ws.ResultSet:
        wanted = ws.Tolerance(tolerance, max_evaluations=MOST)
        return ws.compute(model, list(case.responses), tolerance=wanted, mu=case.few, **options)

    runs = {"meshes": [(case.mu, on_mesh(n)) for n in meshes], "tolerances": [(case.few, within(t)) for t in tolerances]}
    for name, truth in truths(case, references, on_mesh, SHIFT if structure is None else SHIFT[:1] * 3).items():
        for method, found in runs.items():
            for i, temperature in enumerate(TEMPERATURES if found else ()):
                scale = float(np.abs(truth.values[:, i]).max())
                parts = [[x[:, i] for x in truth.judge(mu, results[name])] for mu, results in found]
                ratios = [x for x in (largest(*part) for part in parts) if not np.isnan(x)]
                numbers = covered(*(np.concatenate([x.ravel() for x in several]) for several in zip(*parts, strict=True)), scale)
                yield Covered(case.name, name, temperature, method, case.hold_out, *numbers, min(ratios, default=np.nan))


def truths(case: Case, references: Sequence[int], on_mesh: Callable[..., ws.ResultSet], shift: Sequence[float]) -> dict[str, Truth]:
    """Of every response. shift : of the second mesh."""
    if case.exact is not None:
        best, other = (case.exact(case.mu, TEMPERATURES, n) for n in references)
        return {name: Truth.of(case.mu, best, other) for name in case.responses}
    whole, moved = on_mesh(references[0]), on_mesh(references[1], shift)
    return {name: Truth.of(case.mu, whole[name].values, moved[name].values) for name in case.responses}


def summary(rows: Sequence[Covered]) -> str:
    """One line a row."""
    lines = []
    for r in rows:
        share = f"{100 * r.inside / max(r.judged, 1):5.1f} % of {r.judged:5}, {r.unjudged:4} unjudged"
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
