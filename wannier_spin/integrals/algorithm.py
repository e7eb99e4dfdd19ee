"""What all ways of summing over k have in common: the integral, how it is carried out, and the protocol `Algorithm`.

Which of them a request needs is chosen in one place, `calculation.integrate.algorithm_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from wannier_spin.continuum import Model
from wannier_spin.integrals.densities.channels import Channels, Tolerance, make_channels
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import Progress, Sums
from wannier_spin.integration.parallel import Communicator
from wannier_spin.occupation import Occupation
from wannier_spin.symmetry import Operation, SiteGroup


@dataclass(frozen=True)
class Integral:
    """What is summed over k.

    scale : response -> factor of its unit, tau included. tau : the first one, hbar/eV. group : operations that the responses are
    projected on, none without a structure. reduced : whether k-points are reduced with them. sites : how the group permutes
    the sites of the plan. identity : makes what tells the calculation from others, by whose checkpoint it is refused; asked for
    where there is a checkpoint only, since it reads the whole model.
    """

    model: Model
    plan: Plan
    occupation: Occupation
    degeneracy_tolerance: float
    relaxation: str
    tau: float
    scale: Mapping[str, float]
    group: Sequence[Operation] = ()
    reduced: bool = True
    sites: SiteGroup | None = None
    identity: Callable[[], Mapping[str, str]] = dict

    @property
    def reducing(self) -> Sequence[Operation]:
        """Operations that k-points are reduced with."""
        return self.group if self.reduced else ()

    def channels(self, wanted: Tolerance) -> Channels:
        """Of irreducible k-points, judged where a tolerance is asked for."""
        found = make_channels(self.plan, self.relaxation, self.scale, self.tau, self.reducing, self.sites)
        return replace(found, judged=wanted.judged(self.occupation))


@dataclass(frozen=True)
class Round:
    """What has been reached after a round: boxes, k-points so far, and each response's error bar over its tolerance.

    mesh : points of the mesh that was this round; empty: it was one of boxes.
    """

    replica: int
    number: int
    boxes: int
    evaluations: int
    excess: dict[str, float]
    mesh: tuple[int, ...] = ()


@dataclass(frozen=True)
class Control:
    """How an integral within a tolerance is looked after.

    checkpoint : file that is replaced after every round. resume : go on from it. report : called after every round, on all
    ranks. stop : whether this process was told to stop. before : tells what is kept in a checkpoint beside the boxes.
    """

    checkpoint: Path | None = None
    resume: bool = False
    report: Callable[[Round], None] = lambda round_: None
    stop: Callable[[], bool] = lambda: False
    before: Callable[[], Mapping[str, Any]] = dict


@dataclass(frozen=True)
class Execution:
    """On which ranks a sum is made, with how many GiB per rank for batches, who is told how far it is, and how it is looked after.

    It changes no number.
    """

    memory: float
    comm: Communicator
    progress: Progress = lambda done, total: None
    control: Control = Control()  # noqa: RUF009  (frozen)


class Algorithm(Protocol):
    """A way of summing over k: a mesh, a disk, boxes within a tolerance, meshes within a tolerance."""

    def sums(self, integral: Integral, execution: Execution) -> Sums:
        """The integral, with what is known of its error. Raises InputError, and Interrupted."""

    def sketch(self, integral: Integral, thorough: bool) -> Algorithm:
        """The same with few points, to see what a parameter of the integral does. thorough : with half of them per direction."""
