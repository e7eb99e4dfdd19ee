"""How long the sums over a mesh take: the work of a few of many ranks is begun, on the mesh and with the batches of the run itself.

What a k-point costs depends on the mesh (sums along one axis are shared by all points of a plane), on the scan and on which points
are irreducible; so nothing is extrapolated from other meshes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wannier_spin.calculation.integrate import Task, integral_of
from wannier_spin.integrals.algorithm import Algorithm, Execution, Integral
from wannier_spin.integrals.mesh import OnMesh
from wannier_spin.integration.parallel import one_blas_thread

Clock = Callable[[], float]
RANKS, CHOSEN = 8, (0, 2, 5, 7)  # as many parts as a mesh is cut into, and those that are begun
SECONDS, LEAST = 1.0, 4  # of each part; and runs of batches, where the points allow it


class _Enough(BaseException):
    """Ends a sample. No fault: nothing on the way may take it for one."""


@dataclass(frozen=True)
class _Part:
    """One of many ranks, the others of which are nowhere; nothing is exchanged before the sample ends."""

    rank: int
    size: int = RANKS

    def allgather(self, item: Any) -> list[Any]:
        return [item] * self.size

    def bcast(self, item: Any, root: int = 0) -> Any:
        return item

    def Allreduce(self, send: Any, receive: Any, op: Any = None) -> None:
        raise _Enough  # a part without points


def mesh_seconds(task: Task, algorithm: Algorithm, memory: float, clock: Clock = time.process_time) -> float:
    """Of all sums over a mesh on one core of this machine, without what is done once. Time is that of this process."""
    merging, thorough = task.prepared.degeneracy_tolerance, bool(task.prepared.request.degeneracy_check)
    total = 0.0
    with one_blas_thread():
        for single in task.by_weight():
            integral = integral_of(single, merging)
            total += _seconds(algorithm, integral, memory, clock)
            if thorough:  # with three tolerances
                total += 3 * _seconds(algorithm.sketch(integral, thorough), integral, memory, clock)
    return total


def point_seconds(task: Task, points: tuple[int, int, int], memory: float, clock: Clock = time.process_time) -> float:
    """Of one k-point of such a mesh, as `mesh_seconds`."""
    mesh, found = OnMesh(points), []
    with one_blas_thread():
        for single in task.by_weight():
            integral = integral_of(single, task.prepared.degeneracy_tolerance)
            found.append((_seconds(mesh, integral, memory, clock), mesh.mesh(integral).n_evaluated))
    seconds, evaluated = (sum(numbers) for numbers in zip(*found, strict=True))
    return seconds / evaluated


def _seconds(algorithm: Algorithm, integral: Integral, memory: float, clock: Clock) -> float:
    """Of one sum: the mean over the parts that are begun, each as many runs of batches as fit, the first of which is warm-up.

    The last part is never empty.
    """
    means: list[float] = []
    runs = 0
    for rank in CHOSEN:
        times: list[float] = []

        def note(done: int, total: int, times: list[float] = times) -> None:
            times.append(clock())
            if done == total or (done >= LEAST and times[-1] - times[0] > SECONDS):
                times.append(float(total))
                raise _Enough

        start = clock()
        try:
            algorithm.sums(integral, Execution(memory, _Part(rank), note))
        except _Enough:
            if not times:  # a part without points
                continue
            *ends, total = times
            runs += round(total)
            means.append((ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else ends[0] - start)
    return sum(means) / len(means) * runs * RANKS / len(CHOSEN)
