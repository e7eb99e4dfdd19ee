"""Cutting hot spots out of a mesh within a tolerance, where that pays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.algorithm import Execution, Integral
from wannier_spin.integrals.boxes import DEARER
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.mesh import Summed
from wannier_spin.integrals.tolerance.cut import Cut
from wannier_spin.integrals.tolerance.found import Room, bumps_at, hot_points
from wannier_spin.integrals.tolerance.gaps import Gap
from wannier_spin.integrals.tolerance.spots import Spot, integrate, spot_integrand
from wannier_spin.integrals.tolerance.standing import Standing, standing
from wannier_spin.integration.adaptive import Limits
from wannier_spin.integration.bumps import Bump
from wannier_spin.integration.shared import from_first
from wannier_spin.model import TightBindingModel

Real = NDArray[np.float64]
MOST, IN_A_PLANE = 8, 1  # spots in all: with more of them the zone is one hot spot, and in a plane boxes cost less than two
COVERED = 0.1  # of the zone at most
ROUNDS = 3  # of looking for more on one mesh
PART = 0.25  # of the tolerance for each spot
LIKELY = 6_000  # points, of boxes, that a spot takes, as long as none has taken more
NEARLY = 4.0  # tolerances: what is left of the bar, so that one or two more meshes end the run
DEAR, BOXES = 6, 250  # times the points of the mesh, or of a box, that a spot may take


@dataclass(frozen=True)
class Cutting:
    """predicted : points of meshes until they are within the tolerance, from bars (r,) and what is allowed (r,) of this one.
    max_evaluations, max_seconds : that are left.
    """

    integral: Integral
    wanted: Tolerance
    execution: Execution
    predicted: Callable[[Real, Real], float]
    max_evaluations: int
    max_seconds: float

    def cut(self, summed: Summed, cut: Cut) -> tuple[Summed, Cut, int]:
        """The mesh with less in it, what is cut out, and k-points spent on what was of no use. Raises Interrupted."""
        end, left = time.monotonic() + self.max_seconds, self.max_evaluations
        for _ in range(ROUNDS):
            before = standing(self.integral, self.wanted, cut.joined(summed.sums()), None)
            if cut.given_up or before.excess(None).max() <= 1 or left < summed.mesh.n_evaluated:
                break
            found = self._found(summed, before.allowed, cut)
            if not found:
                break
            trial = self._without(summed, found)
            again = trial.evaluations - summed.evaluations
            if not self._pays(before, trial, cut, len(found)):
                return summed, cut, again
            limits = Limits(left - again, end - time.monotonic())
            inside, evaluations = self._integrated(found, before.allowed, cut, trial, limits)
            if inside is None:
                return summed, replace(cut, given_up=True), again + evaluations
            left -= again + evaluations
            summed, cut = trial, inside
        return summed, cut, 0

    def _found(self, summed: Summed, allowed: Real, cut: Cut) -> list[tuple[Bump, Gap]] | None:
        """Bumps about what is too large, as rank 0 finds them."""
        integral, peaks, bars = self.integral, summed.mean.peaks, summed.how.bars
        if peaks is None or bars is None:
            return None

        def found() -> list[tuple[Bump, Gap]]:
            sample = bars.sample
            held = sample.among(self.wanted.judged(integral.occupation))
            hot = hot_points(peaks, allowed, sample.occupation, held)
            return bumps_at(integral, hot, bars.spacings, bars.step, self._room(cut))

        return from_first(self.execution.comm, found)

    def _room(self, cut: Cut) -> Room:
        """What others have left."""
        model = self.integral.model
        assert isinstance(model, TightBindingModel)
        used = model.to_cartesian[np.array(model.periodic)]
        zone = float(np.sqrt(np.linalg.det(used @ used.T)))
        most = MOST if model.dimension == 3 else IN_A_PLANE
        return Room(most - len(cut.spots), COVERED * zone - sum(bump.volume(model.dimension) for bump in cut.bumps))

    def _without(self, summed: Summed, found: Sequence[tuple[Bump, Gap]]) -> Summed:
        """The mesh without them."""
        for bump, _ in found:
            summed = summed.without(bump, self.execution)
        return summed

    def _pays(self, before: Standing, trial: Summed, cut: Cut, spots: int) -> bool:
        """Whether meshes without them are nearly done, and need less by what spots take, as those before have."""
        after = standing(self.integral, self.wanted, cut.joined(trial.sums()), None)
        if not (after.bars <= NEARLY * before.allowed).all():
            return False
        saved = self.predicted(before.bars, before.allowed) - self.predicted(after.bars, before.allowed)
        taken = [spot.evaluations for spot in cut.spots]
        return saved > DEARER * max(LIKELY, sum(taken) / max(len(taken), 1)) * spots

    def _integrated(
        self, found: Sequence[tuple[Bump, Gap]], allowed: Real, cut: Cut, mesh: Summed, limits: Limits
    ) -> tuple[Cut | None, int]:
        """With the integrals of all of them, None where one is not within its tolerance; and k-points spent on them."""
        spent = 0
        for bump, gap in found:
            integrand = spot_integrand(self.integral, self.wanted, self.execution.memory, bump, cut.bumps)
            most = max(DEAR * mesh.mesh.n_evaluated, BOXES * integrand.rule.n_points)
            own = replace(limits, max_evaluations=min(limits.max_evaluations - spent, most))
            inside = integrate(integrand, PART * allowed, self.execution, own)
            spent += 0 if inside is None else inside.evaluations
            if inside is None or not inside.converged:
                return None, spent
            cut = cut.with_spot(Spot(bump, gap), inside)
        return cut, spent
