"""Where a mesh stands: its error bars against a tolerance, response by response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.algorithm import Integral
from wannier_spin.integrals.densities.channels import NOISE, Tolerance, combinations, whole
from wannier_spin.integrals.sums import Minima, Sums
from wannier_spin.results import SPREAD

Real = NDArray[np.float64]
LEAST_SHARE = 0.05  # of earlier meshes: with less they are left out
SCATTER = 1.5  # by which bars of meshes that are as fine differ: nothing better is known of how much smaller an error is now
ALIKE = 0.1  # correlation of the errors of two meshes where they decay slowly: the median of nine models at 30 K


@dataclass(frozen=True)
class Standing:
    """Of each response, in its own unit: the error that is allowed (r,), the largest bar over the scan (r,), and by how much its
    values have moved at most since the mesh before (r,), zero where there is none.
    """

    names: tuple[str, ...]
    allowed: Real
    bars: Real
    moved: Real

    def excess(self, both: Real | None) -> Real:
        """Largest error over what is allowed: (r,). both : (r,) sums of the bars of the last two meshes.

        Values that have moved by more than both bars prove that one of them is wrong: then the move counts.
        """
        if both is None:
            return np.asarray(self.bars / self.allowed)
        return np.asarray(np.where(self.moved > both, np.maximum(self.bars, self.moved), self.bars) / self.allowed)

    def left(self, last: Sequence[Real]) -> Real:
        """What is left of the move, which is the error of the worse one of the last two meshes: (r,). last : (r,) bars of both.

        As much as bars say, SCATTER times; all of it where they cannot be true, or are not known.
        """
        worse = np.maximum(*last)
        known = np.isfinite(worse) & np.isfinite(self.bars) & (worse > 0) & (self.moved <= last[0] + last[1])
        return np.where(known, np.minimum(SCATTER * self.bars / np.where(known, worse, 1.0), 1.0), 1.0)


def standing(integral: Integral, wanted: Tolerance, sums: Sums, moved: Real | None) -> Standing:
    """Of sums on a mesh with bars. moved : (w, channels) their change since the mesh before; None: there is none."""
    values, bars = _components(integral, sums.fine), component_bars(integral, sums)
    changes = None if moved is None else _components(integral, moved)
    unseen = _unseen(integral, sums)
    judged = wanted.judged(integral.occupation)
    rows = []
    for name, value in values.items():
        scale = integral.scale[whole(name)]
        largest, bar, change = (
            scale * np.abs(X[judged]).max(initial=0.0) for X in (value, bars[name], 0 * value if changes is None else changes[name])
        )
        noise = max(NOISE * scale, np.finfo(float).tiny)
        rows.append((max(wanted.allowed(name, largest), noise), np.inf if (unseen & judged).any() else bar, change))
    allowed, largest_bars, changed = np.array(rows).reshape(-1, 3).T
    return Standing(tuple(values), allowed, largest_bars, changed)


@dataclass(frozen=True)
class Pair:
    """Earlier meshes and the last one. before, last : largest bars of both, over what is allowed."""

    before: float
    last: float

    @property
    def share(self) -> float:
        """Of the earlier meshes in the mean whose bar is smallest; 0 where that is too little, or a bar is not known."""
        if not (np.isfinite(self.before) and np.isfinite(self.last)) or self.before <= 0:
            return 0.0
        both = ALIKE * self.before * self.last
        share = (self.last**2 - both) / (self.before**2 + self.last**2 - 2 * both)
        return share if share >= LEAST_SHARE else 0.0

    @property
    def factor(self) -> float:
        """By how much the bar of the mean is larger than if their errors had nothing in common."""
        earlier, last = self.share * self.before, (1 - self.share) * self.last
        return float(np.sqrt(1 + 2 * ALIKE * earlier * last / (earlier**2 + last**2)))

    def mean(self, last: Sums, earlier: Sums, shared: int) -> Sums:
        """Of the last mesh and earlier ones.

        Their errors are sums of Fourier coefficients at other distances: they add in quadrature, but for what they have in common.
        What hides from the last mesh may hide from all, and boxes of spots are the same in all: so count its last rows, as many as
        `shared`. They are the last ones of the mean.
        """
        rows, before, share = last.rows, earlier.rows, self.share
        assert rows is not None
        assert before is not None
        own = np.full((len(rows.sample), 1), (1 - share) * self.factor)
        own[len(own) - shared :] = 1.0
        weighted = {name: (share * self.factor * before.factors[name], own * f) for name, f in rows.factors.items()}
        factors = {name: np.concatenate(pieces) for name, pieces in weighted.items()}
        both = replace(rows, sample=np.concatenate([before.sample, rows.sample]), factors=factors)
        return replace(last, fine=(1 - share) * last.fine + share * earlier.fine, rows=both)


def with_all_seen(sums: Sums, denser: Sums) -> Sums:
    """With what a denser mesh has seen of where bands cross mu."""
    assert sums.rows is not None
    assert denser.rows is not None
    unknown = np.intersect1d(sums.rows.mu_unknown, denser.rows.mu_unknown)
    return replace(sums, minima=np.minimum(sums.minima, denser.minima), rows=replace(sums.rows, mu_unknown=unknown))


def needed(excess: float, aim: float) -> float:
    """Tolerances of the next mesh with which the mean has the aim. excess : of the mean so far, larger than the aim."""
    return aim / (ALIKE * aim / excess + float(np.sqrt((1 - ALIKE**2) * (1 - (aim / excess) ** 2))))


def component_bars(integral: Integral, sums: Sums) -> dict[str, Real]:
    """Error bars of the components of each response, natural units: (w, components)."""
    rows, boxes = _bars_of_rows(integral, sums), _bars_of_boxes(integral, sums)
    return {name: bars + boxes[name] for name, bars in rows.items()}


def with_move(integral: Integral, sums: Sums, standing: Standing, moved: Real, last: Sequence[Real], within: bool) -> Sums:
    """With what is left of how far the values have moved since the mesh before, in quadrature.

    moved : (w, channels). last : of the last two meshes, see `Standing.left`. within : where the largest bars are within the
    tolerance, what is left ends there: what boxes scatter by is added to the root of all squares, and takes its room first.
    """
    assert sums.rows is not None
    bars, boxes, halves = _bars_of_rows(integral, sums), _bars_of_boxes(integral, sums), {}
    pairs = zip(_components(integral, moved).items(), standing.allowed, standing.left(last), strict=True)
    for (name, change), allowed, left in pairs:
        scale = integral.scale[whole(name)]
        largest = scale * np.abs(change).max(axis=1, initial=0.0)
        room = np.sqrt(
            np.clip((allowed - scale * boxes[name]) ** 2 - (scale * bars[name]) ** 2, 0.0, None).min(axis=1, initial=np.inf)
        )
        fits = (scale * (bars[name] + boxes[name]) <= allowed).all(axis=1)
        held = within & fits & (left * largest > room)
        halves[name] = np.where(held, room / np.where(held, largest, 1.0), left)
    return replace(sums, difference=moved, rows=replace(sums.rows, halves=halves))


def _bars_of_rows(integral: Integral, sums: Sums) -> dict[str, Real]:
    """The root of all squares: (w, components)."""
    assert sums.rows is not None
    sample, of_point = sums.rows.sample, sums.rows.of_point
    found = {}
    for name, rows in _components(integral, sample.reshape(-1, sample.shape[-1])).items():
        squares = (rows.reshape(*sample.shape[:2], -1) ** 2)[:, of_point]
        found[name] = np.sqrt(np.einsum("jwc,jw->wc", squares, sums.rows.factors[name] ** 2))
    return found


def _bars_of_boxes(integral: Integral, sums: Sums) -> dict[str, Real]:
    """What the boxes of spots scatter by, which bars have besides: (w, components)."""
    if sums.spread is None:
        return {name: np.zeros(value.shape) for name, value in _components(integral, sums.fine).items()}
    return {name: SPREAD * sums.spread @ np.abs(Q) for name, Q in _components(integral, np.eye(sums.spread.shape[1])).items()}


def _components(integral: Integral, sums: Real) -> dict[str, Real]:
    return combinations(integral.plan, sums, integral.relaxation, integral.tau)


def _unseen(integral: Integral, sums: Sums) -> NDArray[np.bool_]:
    """Points of the scan at which bands cross mu and no point of the mesh sees it: Fermi-surface terms are missed. (w,)"""
    occupation = integral.occupation
    if not integral.plan.has_surface:
        return np.zeros(occupation.n_points, bool)
    return np.repeat(Minima.of(sums.minima, occupation.shape[0]).unseen(occupation), occupation.shape[1])
