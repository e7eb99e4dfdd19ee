"""What has been cut out of meshes: spots and the sum of their integrals, and how it joins the sums of a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.sums import Rows, Sums
from wannier_spin.integrals.tolerance.gaps import Gap
from wannier_spin.integrals.tolerance.spots import Inside, Spot
from wannier_spin.integration.bumps import Bump
from wannier_spin.storage import Array, Each, Schema, Value

Real = NDArray[np.float64]
CUT = Schema(
    {
        "given_up": Value((bool,)),
        "spots": Each(
            Schema(
                {
                    "centres": Array("f", (("images", 3),), finite=True),
                    "metric": Array("f", ((3, 3),), finite=True),
                    "radius": Value((float,)),
                    "evaluations": Value((int,)),
                    "gap": Array("f", ((6,),), finite=True),
                }
            )
        ),
        "inside": Schema(
            {
                **{name: Array("f", (("scan", "channels"),), finite=True) for name in ("value", "difference", "spread")},
                "minima": Array("f", (("minima",),)),
            },
            optional=True,
        ),
    },
    optional=True,
)


@dataclass(frozen=True)
class Cut:
    """spots, and the sum of their integrals, None where there are none. given_up : whether some took too many points: no more are
    tried.
    """

    spots: tuple[Spot, ...] = ()
    inside: Inside | None = None
    given_up: bool = False

    @property
    def bumps(self) -> tuple[Bump, ...]:
        return tuple(spot.bump for spot in self.spots)

    @property
    def spread(self) -> Real | None:
        """Root of the sum of the squared errors of all boxes: (w, C)."""
        return None if self.inside is None else self.inside.spread

    @property
    def rows(self) -> int:
        """How many `joined` adds to those of a mesh."""
        return 0 if self.inside is None else 1

    def with_spot(self, spot: Spot, inside: Inside) -> Cut:
        """One more."""
        counted = replace(spot, evaluations=inside.evaluations)
        return replace(self, spots=(*self.spots, counted), inside=inside if self.inside is None else self.inside.plus(inside))

    def joined(self, sums: Sums) -> Sums:
        """With the sums of a mesh from which they are cut out: what boxes differ by is one more row of its error bars."""
        inside = self.inside
        if inside is None:
            return sums
        assert sums.rows is not None
        rows, minima = _with_row(sums.rows, inside.difference), np.minimum(sums.minima, inside.minima)
        return replace(sums, fine=sums.fine + inside.value, spread=inside.spread, rows=rows, minima=minima)

    def as_tree(self) -> dict[str, Any]:
        """For a checkpoint."""
        tree = {"given_up": self.given_up, "spots": {str(i): _tree(spot) for i, spot in enumerate(self.spots)}}
        if self.inside is None:
            return tree
        return tree | {"inside": {name: getattr(self.inside, name) for name in ("value", "difference", "spread", "minima")}}

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Cut:
        """From a checkpoint, empty where it has none."""
        spots, inside = tree.get("spots", {}), None
        found = tuple(_spot(spots[str(i)]) for i in range(len(spots)))
        if "inside" in tree:
            inside = Inside(**tree["inside"], evaluations=sum(spot.evaluations for spot in found), converged=True)
        return cls(found, inside, bool(tree.get("given_up", False)))

    def notes(self) -> dict[str, Any]:
        """For the result."""
        return {"hot_spots": {str(i): str(spot) for i, spot in enumerate(self.spots, 1)}} if self.spots else {}


def _tree(spot: Spot) -> dict[str, Any]:
    bump, gap = spot.bump, spot.gap
    found = {"centres": bump.centres, "metric": bump.metric, "radius": float(bump.radius), "evaluations": spot.evaluations}
    return found | {"gap": np.array([gap.size, gap.band, *gap.k, gap.energy])}


def _spot(tree: Mapping[str, Any]) -> Spot:
    size, band, *k, energy = (float(x) for x in tree["gap"])
    bump = Bump(tree["centres"], float(tree["radius"]), tree["metric"])
    return Spot(bump, Gap(size, int(band), np.array(k), energy), int(tree["evaluations"]))


def _with_row(rows: Rows, difference: Real) -> Rows:
    """difference : (w, C). A point of the sample has the largest of all points of the scan that have its rows."""
    row = np.zeros(rows.sample.shape[1:])
    for point in np.unique(rows.of_point):
        own = difference[rows.of_point == point]
        row[point] = np.take_along_axis(own, np.abs(own).argmax(axis=0)[None], axis=0)[0]
    factors = {name: np.concatenate([f, np.ones((1, f.shape[1]))]) for name, f in rows.factors.items()}
    return replace(rows, sample=np.concatenate([rows.sample, row[None]]), factors=factors)
