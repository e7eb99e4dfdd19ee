"""How long a k-point takes: the rows of `rows.py`, ours, a bare `eigh`, and wannierberri's, side by side in one process.

    python workflows/benchmarks/measure.py [--models Pt Mn2Au random-100 random-200] [--rows WORD ...] [--rounds 3] [--keep]

Ours and theirs are run in turn on two meshes, on one core; the CPU time of a further k-point is the difference of both meshes over
that of their points, what is left is the start. Next to each run batched numpy `eigh` of the model's Hamiltonians is timed: ratios
are taken within a round, and their medians are shown. `--keep` writes results.json beside this script, from which the page on
speed is made, and leaves the rows of other models that are there. For Ryoo's spin current of Mn2Au, WANNIER_SPIN_MATERIALS names
the folder of its Wannier90 files. postw90.x, where it is in the path, is timed on Pt's spin Hall effect.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before anything imports numpy

import numpy as np  # noqa: E402
from postw90 import seconds_per_point  # noqa: E402
from rows import ROWS, Row, Subject  # noqa: E402
from subjects import SUBJECTS  # noqa: E402

import wannier_spin as ws  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
EIGH_SECONDS = 0.1  # of `eigh` beside every run


@dataclass(frozen=True)
class Measured:
    """One row of one model. eigh : CPU microseconds of it for a k-point; ours, theirs : in eigh, for a k-point (None: not there).

    start : CPU seconds that ours takes besides. spread : largest over smallest ratio of the rounds, of which there were so many.
    processor : where; models may be measured on several machines.
    """

    model: str
    functions: int
    row: str
    eigh: float
    ours: float
    goal: float | None
    theirs: float | None
    start: float
    spread: float
    rounds: int
    processor: str


@dataclass(frozen=True)
class Slope:
    """CPU seconds of a further point, and of the start."""

    point: float
    start: float


def slope(run: Callable[[int], int], meshes: tuple[int, int]) -> Slope:
    """From runs on two meshes. run : gives the number of points that it evaluated."""
    times, points = [], []
    for mesh in meshes:
        start = time.process_time()
        points.append(run(mesh))
        times.append(time.process_time() - start)
    point = (times[1] - times[0]) / (points[1] - points[0])
    return Slope(point, times[0] - point * points[0])


def eigh_seconds(subject: Subject) -> float:
    """CPU seconds of numpy's `eigh`, for a Hamiltonian."""
    model, random = subject.model, np.random.default_rng(1)
    phases = np.exp(2j * np.pi * random.uniform(size=(256, 3)) @ model.R_vectors.T)
    H = (phases @ model.hamiltonian_R.reshape(len(model.R_vectors), -1)).reshape(-1, model.n_bands, model.n_bands)
    count, start = 0, time.process_time()
    batch = max(1, min(256, 2_000_000 // model.n_bands**3))
    while time.process_time() - start < EIGH_SECONDS:
        np.linalg.eigh(H[:batch])
        count += batch
    return (time.process_time() - start) / count


def ours(subject: Subject, row: Row) -> Callable[[int], int]:
    """A run of `compute`."""
    options = {**row.options, "mu": subject.fermi + row.options["mu"], "units": "SI"}
    if row.symmetric:
        options["symmetry"] = subject.structure

    def run(mesh: int) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what a mesh resolves
            return ws.compute(subject.model, list(row.responses), grid=(mesh,) * 3, **options).facts.k_points

    return run


def theirs(subject: Subject, row: Row) -> Callable[[int], int] | None:
    """A run of wannierberri, with FFTs of the whole mesh or of pieces of six points along each direction."""
    if row.peer is None or subject.system is None:
        return None
    import wannierberri as wb

    calculators = row.peer(subject.fermi)

    def run(mesh: int) -> int:
        fft = 6 if mesh % 6 == 0 else mesh
        folder = Path(tempfile.mkdtemp())
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            grid = wb.Grid(subject.system, NKdiv=[mesh // fft] * 3, NKFFT=[fft] * 3)
            places = {"fout_name": str(folder / "out"), "file_Klist_path": str(folder / "K")}
            every_point = {"use_irred_kpt": False, "symmetrize": False, "parallel": False}
            wb.run(subject.system, grid, calculators, **every_point, **places)
        return mesh**3

    return run


def measured(subject: Subject, row: Row, rounds: int, alone: bool) -> Measured | None:
    """A row of a model; None where the model lacks what it needs. alone : without wannierberri."""
    if row.symmetric and subject.structure is None:
        return None
    mine, peer = ours(subject, row), None if alone else theirs(subject, row)
    light, heavy, irreducible = subject.meshes
    meshes = irreducible if row.symmetric else heavy if row.heavy else light
    try:
        mine(min(meshes))  # the first run compiles, imports and fills caches
    except ws.InputError as lacks:
        print(f"{subject.name}, {row.name}: {lacks}", file=sys.stderr)
        return None
    found: list[tuple[float, Slope, float | None]] = []
    for _ in range(rounds):
        before, own = eigh_seconds(subject), slope(mine, meshes)
        eigh = (before + eigh_seconds(subject)) / 2
        found.append((eigh, own, slope(peer, meshes).point / eigh if peer else None))
    ratios = [own.point / eigh for eigh, own, _ in found]
    return Measured(
        subject.name,
        subject.model.n_bands,
        row.name,
        1e6 * statistics.median(eigh for eigh, _, _ in found),
        statistics.median(ratios),
        row.goal,
        statistics.median(ratio for _, _, ratio in found if ratio is not None) if peer else None,
        statistics.median(own.start for _, own, _ in found),
        max(ratios) / min(ratios),
        rounds,
        processor(),
    )


def table(names: Sequence[str], words: Sequence[str], rounds: int, alone: bool = False) -> Iterator[Measured]:
    """All rows whose name has one of the words."""
    for name in names:
        subject = SUBJECTS[name]()
        for row in ROWS:
            if not words or any(word in row.name for word in words):
                found = measured(subject, row, rounds, alone)
                if found is not None:
                    theirs = "" if found.theirs is None else f"wannierberri {found.theirs:7.1f} "
                    print(
                        f"{name:10s} {row.name:38s} {found.ours:7.1f} eigh of {found.eigh:8.1f} us {theirs}start {found.start:.2f}",
                        flush=True,
                    )
                    yield found


def processor() -> str:
    """Where this was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, one of them used"


def software() -> dict[str, str]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload]
    return {"numpy": f"{np.__version__} ({blas['name']} {blas['version']})", "version": ws.__version__}


def keep(found: Sequence[dict[str, Any]], postw90: float | None) -> None:
    """Write rows beside those of other models and rows that are there, in the order of the tables.

    What was measured of wannierberri stays, in units of `eigh`, where only ours was measured again.
    """
    models, names = list(SUBJECTS), [row.name for row in ROWS]
    before = {(row["model"], row["row"]): row for row in (json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else [])}
    now = {(row["model"], row["row"]): row for row in found}
    for key, row in now.items():
        if row["theirs"] is None and key in before:  # measured alone
            row["theirs"] = before[key]["theirs"]
    rows = {**before, **now}.values()
    ordered = sorted(rows, key=lambda row: (models.index(row["model"]), names.index(row["row"])))
    kept = {"software": software(), "rows": ordered, "postw90": postw90}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def main(arguments: Sequence[str]) -> int:
    """Measure, and print or keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=tuple(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--rows", nargs="+", default=[], metavar="WORD")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without wannierberri, of which stays what was measured before")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args(arguments)
    postw90 = seconds_per_point() if asked.keep else None
    found = []
    for row in table(asked.models, asked.rows, asked.rounds, asked.alone):
        found.append(asdict(row))
        if asked.keep:  # what was measured stays, whatever ends the rest
            keep(found, postw90)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
