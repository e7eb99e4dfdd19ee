"""What meshes within a tolerance have reached, as it is kept between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.sums import Rows, Sums
from wannier_spin.integrals.tolerance.cut import CUT, Cut
from wannier_spin.integrals.tolerance.trial import Trial
from wannier_spin.integration.superlattice import Skew, Superlattice, numbers, rows_of
from wannier_spin.storage import Array, Each, Schema, Value

Real = NDArray[np.float64]
STAGES = Schema(
    {
        "points": Array("i", (("stages", 3),)),
        "below": Array("i", (("stages", 3),)),
        "basis": Array("i", (("stages", 3, 3),)),
        "evaluations": Array("i", (("stages",),)),
        "seconds": Array("f", (("stages",),)),
        "bars": Array("f", (("stages", "responses"),)),
        "spots": Array("i", (("stages",),), optional=True),
        "spent": Value((int,)),
        "of_boxes": Value((float, int)),
        **{name: Array("f", (("scan", "channels"),), finite=True) for name in ("fine", "difference")},
        "moved": Array("f", (("scan", "channels"),), finite=True, optional=True),
        "minima": Array("f", (("minima",),)),
        "sample": Array("f", (("rows", "sample", "channels"),), finite=True),
        "of_point": Array("i", (("scan",),)),
        "factors": Each(Array("f", (("rows", "scan"),), finite=True), least=1),
        "halves": Each(Array("f", (("scan",),), finite=True), optional=True),
        "weights": Array("f", (("stages",),), optional=True),
        "trial": Schema({"points": Array("i", (("rounds",),)), "excess": Array("f", (("rounds",),))}, optional=True),
        "mean": Schema(
            {
                "fine": Array("f", (("scan", "channels"),), finite=True),
                "sample": Array("f", (("all rows", "sample", "channels"),), finite=True),
                "factors": Each(Array("f", (("all rows", "scan"),), finite=True), least=1),
            },
            optional=True,
        ),
        "mu_unknown": Array("f", (("unknown",),), optional=True),
        "step": Value((float,), optional=True),
        "cut": CUT,
    },
    optional=True,
)
_OF_STAGES = ("evaluations", "seconds", "bars")


@dataclass(frozen=True)
class Stage:
    """A mesh: evaluated k-points, seconds, the largest bar of each response (r,) in its unit, and how many spots are cut out."""

    superlattice: Superlattice
    evaluations: int
    seconds: float
    bars: Real
    spots: int = 0


@dataclass(frozen=True)
class Reached:
    """All meshes so far, the sums of the last one, by how much they have moved since the one before, and the mean of several.

    spent : k-points, with those of boxes that were tried. of_boxes : how many boxes were predicted to take when they were given up;
    0: not tried. on_boxes : whether boxes have taken over, trial : what their rounds before the last one have shown. cut : the hot
    spots that are cut out of the meshes.
    weights : of the meshes in the mean (stages,); none where the last one is best alone.
    """

    stages: tuple[Stage, ...] = ()
    sums: Sums | None = None
    moved: Real | None = None
    spent: int = 0
    of_boxes: float = 0.0
    on_boxes: bool = False
    cut: Cut = Cut()  # noqa: RUF009  (frozen)
    mean: Sums | None = None
    weights: tuple[float, ...] = ()
    trial: Trial = Trial()  # noqa: RUF009  (frozen)

    def notes(self) -> dict[str, Any]:
        """For the result."""
        if not self.stages:
            return {}
        meshes = [stage.superlattice for stage in self.stages]
        skewed = {} if all(mesh.skew.straight for mesh in meshes) else {"superlattices": [mesh.vectors.tolist() for mesh in meshes]}
        return {
            "meshes": [list(mesh.points) for mesh in meshes],
            **skewed,
            "k_points_of_meshes": [stage.evaluations for stage in self.stages],
            **self.cut.notes(),
        }

    def as_tree(self) -> dict[str, Any]:
        """For a checkpoint."""
        sums = self.sums
        assert sums is not None
        assert sums.rows is not None
        assert sums.difference is not None
        tree: dict[str, Any] = {name: np.array([getattr(stage, name) for stage in self.stages]) for name in _OF_STAGES}
        meshes = [stage.superlattice for stage in self.stages]
        tree |= {"points": np.array([mesh.points for mesh in meshes])}
        tree |= {name: np.array([getattr(mesh.skew, name) for mesh in meshes]) for name in ("below", "basis")}
        tree |= {"spent": self.spent, "of_boxes": float(self.of_boxes)}
        tree |= {name: getattr(sums, name) for name in ("fine", "difference", "minima")}
        tree |= {"sample": sums.rows.sample, "of_point": sums.rows.of_point, "factors": dict(sums.rows.factors)}
        tree |= {"halves": dict(sums.rows.halves)} if sums.rows.halves else {}
        tree |= {"mu_unknown": sums.rows.mu_unknown, "step": float(sums.rows.step)}
        tree |= {"spots": np.array([stage.spots for stage in self.stages])}
        if self.mean is not None and self.mean.rows is not None:
            of_mean = self.mean.rows
            tree |= {"mean": {"fine": self.mean.fine, "sample": of_mean.sample, "factors": dict(of_mean.factors)}}
            tree |= {"weights": np.array(self.weights)}
        if self.trial.points:
            tree |= {"trial": {"points": np.array(self.trial.points), "excess": np.array(self.trial.excess)}}
        tree |= {"cut": self.cut.as_tree()} if self.cut.spots or self.cut.given_up else {}
        return tree if self.moved is None else tree | {"moved": self.moved}

    @classmethod
    def of(cls, stored: tuple[Mapping[str, Any], bool]) -> Reached:
        """From what a checkpoint has of meshes, and whether it has boxes."""
        tree, on_boxes = stored
        if not tree:
            return cls(on_boxes=on_boxes)
        written = zip(*(tree[name] for name in ("points", "below", "basis")), strict=True)
        meshes = [Superlattice(numbers(points), Skew(numbers(below), rows_of(basis))) for points, below, basis in written]
        columns = zip(meshes, *(tree[name] for name in _OF_STAGES), tree.get("spots", np.zeros(len(meshes))), strict=True)
        stages = tuple(Stage(mesh, int(k), float(t), np.asarray(b), int(n)) for mesh, k, t, b, n in columns)
        rows = Rows(tree["sample"], tree["of_point"], dict(tree["factors"]), dict(tree.get("halves", {})))
        rows = replace(rows, mu_unknown=tree.get("mu_unknown", np.zeros(0)), step=float(tree.get("step", 0.0)))
        cut = Cut.of(tree.get("cut", {}))
        sums = Sums(tree["fine"], tree["difference"], tree["minima"], stages[-1].evaluations, rows=rows, spread=cut.spread)
        several: tuple[Sums | None, tuple[float, ...]] = (None, ())
        if "mean" in tree:
            of_mean = replace(rows, sample=tree["mean"]["sample"], factors=dict(tree["mean"]["factors"]), halves={})
            several = replace(sums, fine=tree["mean"]["fine"], rows=of_mean), tuple(tree["weights"].tolist())
        counted = int(tree["spent"]), float(tree["of_boxes"])
        trial = Trial(*(tuple(tree["trial"][name].tolist()) for name in ("points", "excess"))) if "trial" in tree else Trial()
        return cls(stages, sums, tree.get("moved"), *counted, on_boxes, cut, *several, trial)
