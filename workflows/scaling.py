"""How many ranks can a run within a tolerance use? A model of its rounds, made of what was measured.

    python workflows/scaling.py OUT.h5 [--boxes 1e6] [--ranks 64 512 4096]

A round with n boxes, N in the table, on P ranks takes

    ceil(n/P) t_box  +  N t_row  +  t_collect(P, n)

    t_box      from OUT.h5: wall time x ranks / boxes evaluated
    t_row      measured here: marking, halving and joining the table, which every rank does alike
    t_collect  12 collectives a round: latency x log2(P), and bytes / bandwidth for the table and the totals;
               latency and bandwidth are measured here between 2 ranks, or given (--latency s, --bandwidth bytes/s)

`--boxes` continues the rounds of OUT.h5 with the growth of its last ones, for a run of the same kind with a tighter tolerance or a
larger model. Printed: efficiency = time of all boxes on one rank / (P x time on P ranks).
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import wannier_spin as ws
from wannier_spin.integration.adaptive import State, Totals, Verdict, mark
from wannier_spin.integration.boxes import Boxes, tiling

COLLECTIVES = 12  # a round: table (3), totals (3), minima, time, and 4 votes on failures
COLUMNS = 16  # of the table: axis, suspect, holder, size and magnitude of a few responses
LAST_ROUNDS = 6  # whose growth is continued
PING = """
import sys, time
import numpy as np
from mpi4py import MPI
comm = MPI.COMM_WORLD
for n in (1, 1_000_000):
    data, total = np.ones(n), np.empty(n)
    times = []
    for _ in range(30):
        comm.Barrier()
        start = time.perf_counter()
        comm.Allreduce(data, total)
        times.append(time.perf_counter() - start)
    if comm.rank == 0:
        print(sorted(times)[len(times) // 2])
"""


@dataclass(frozen=True)
class Costs:
    """box, row : seconds. latency : seconds of a small collective between two ranks; bandwidth : bytes/s of a large one."""

    box: float
    row: float
    latency: float
    bandwidth: float

    def round(self, ranks: int, boxes: int, table: int) -> float:
        """Seconds of one round."""
        collect = 0.0
        if ranks > 1:
            collect = COLLECTIVES * self.latency * math.log2(ranks) + 3 * 8 * COLUMNS * boxes / self.bandwidth
        return math.ceil(boxes / ranks) * self.box + table * self.row + collect


def efficiency(rounds: Sequence[int], ranks: int, costs: Costs) -> float:
    """Part of the time of `ranks` ranks that goes into boxes."""
    table = np.cumsum([rounds[0], *(n / 2 for n in rounds[1:])])  # two halves replace one box
    total = sum(costs.round(ranks, n, int(size)) for n, size in zip(rounds, table, strict=True))
    return sum(rounds) * costs.box / (ranks * total)


def continued(rounds: Sequence[int], boxes: float) -> list[int]:
    """The rounds, and further ones that grow as the last ones did, until so many boxes are evaluated."""
    grown = list(rounds)
    growth = max(1.1, (rounds[-1] / rounds[-1 - LAST_ROUNDS]) ** (1 / LAST_ROUNDS))
    while sum(grown) < boxes:
        grown.append(math.ceil(growth * grown[-1]))
    return grown


def seconds_per_row(rows: int = 200_000) -> float:
    """Marking, halving and joining a table of so many boxes, by row."""
    rng = np.random.default_rng(1)
    boxes = Boxes(rng.integers(0, 1 << 20, (rows, 3)) / 2.0**18, np.full((rows, 3), 2.0**-18), np.ones(rows))
    size = rng.lognormal(-10, 2, (rows, 3))
    empty = Totals(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(1), np.zeros(3))
    state = State(boxes, size, size, rng.integers(0, 3, rows), size[:, 0], np.zeros(rows, int), 0 * size, empty, 0, (rows,))
    whole = tiling(np.array([4, 4, 4]), np.array([[0, 1, 2]]), np.array([[1, 1, 1]]))
    start = time.perf_counter()
    marked = np.sort(mark(state, Verdict(np.ones(3), np.full(3, 2.0))))
    halves = whole.distinct(boxes[marked].split(state.axis[marked]))
    kept = np.ones(rows, bool)
    kept[marked] = False
    for old, new in ((boxes.corner, halves.corner), (boxes.edge, halves.edge), (size, halves.edge), (size, halves.edge)):
        np.concatenate([old[kept], new])
    return (time.perf_counter() - start) / rows


def collective_costs() -> tuple[float, float]:
    """Latency (s) and bandwidth (bytes/s) of Allreduce between two ranks on this machine."""
    launcher = Path(sys.executable).with_name("mpirun")
    command = [str(launcher) if launcher.is_file() else "mpirun", "-n", "2", sys.executable, "-c", PING]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=120)
    small, large = (float(line) for line in done.stdout.split())
    return small, 8e6 / max(large - small, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", help="file of a run with a tolerance")
    parser.add_argument("--boxes", type=float, help="continue the rounds to so many boxes")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 8, 64, 256, 1024, 4096])
    parser.add_argument("--latency", type=float, help="seconds; default: measured here")
    parser.add_argument("--bandwidth", type=float, help="bytes/s; default: measured here")
    options = parser.parse_args()
    how = ws.load(options.result).provenance
    if "boxes_per_round" not in how:
        raise SystemExit(f"'{options.result}' was made on a mesh; expected a run with a tolerance")
    rounds = [int(n) for n in how["boxes_per_round"]]
    latency, bandwidth = options.latency, options.bandwidth
    if latency is None or bandwidth is None:
        measured = collective_costs()
        latency, bandwidth = latency or measured[0], bandwidth or measured[1]
    box = float(how["wall_seconds"]) * int(how["ranks"]) / sum(rounds)
    costs = Costs(box, seconds_per_row(), latency, bandwidth)
    print(f"box {costs.box:.3g} s, table row {costs.row:.3g} s, latency {latency:.3g} s, bandwidth {bandwidth / 1e9:.3g} GB/s")
    if options.boxes:
        rounds = continued(rounds, options.boxes)
    print(f"{len(rounds)} rounds, {sum(rounds)} boxes, the largest round has {max(rounds)}")
    for ranks in options.ranks:
        print(f"{ranks:6d} ranks: efficiency {100 * efficiency(rounds, ranks, costs):.1f} %")


if __name__ == "__main__":
    main()
