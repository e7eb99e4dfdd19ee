"""Sums and what is said of their errors: see `rows`."""

from types import SimpleNamespace as Like
from typing import Any

import numpy as np
import pytest
from rows import Rows as Table
from rows import each, outcome, same

import wannier_spin as ws
from wannier_spin.analysis.kpath import _orthonormal
from wannier_spin.integrals.densities.channels import Channels, Tolerance
from wannier_spin.integrals.disk import OnDisk
from wannier_spin.integrals.sums import Rows, Sums, _rounded_up, batch_size
from wannier_spin.integration.adaptive import Totals
from wannier_spin.integration.superlattice import _basis
from wannier_spin.symmetry import magnetic_group
from wannier_spin.symmetry.projector import TensorKind, project

WORK = {"n_components": 9, "n_channels": 20, "has_surface": False, "derivatives": False, "held": ()}


def points_of(memory: float, kept: int | None = None, by_point: int = 0, bands: int = 4, **work: Any) -> int:
    source = Like(n_bands=bands, n_operators=3, plane_bytes=lambda: 10_000)
    return batch_size(source, Like(**(WORK | work)), Like(n_points=50), memory, kept, by_point)  # type: ignore[arg-type]


def verdict(scale: float, magnitude: float, **wanted: Any) -> Any:
    """Of two responses at two points of a scan, of two channels."""
    first, second = np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([[0.5], [0.0]])
    channels = Channels(np.eye(2), np.zeros((0, 0)), ("spin_hall", "edelstein"), (first, second), None)  # type: ignore[arg-type]
    leading = np.array([[[3.0, -1.0], [0.5, 2.0]], [[0.1, 0.02], [-0.3, 0.1]], [[0.01, 0.0], [0.04, 0.01]]]) * scale
    totals = Totals(leading, 0.1 * leading, np.zeros(1), np.full(2, magnitude))
    standard: dict[str, Any] = {"relative": 0.01, "absolute": {"edelstein": 0.3}}
    return channels.judge(totals, Tolerance(**(standard | wanted)))


def harmonics(difference: bool, halves: bool) -> Any:
    sample = np.arange(12.0).reshape(2, 2, 3) + 1
    rows = Rows(
        sample,
        np.array([0, 1, 0, 1]),
        {"a": np.array([[1.0, 2, 3, 4], [0.5, 0.25, 2, 3]])},
        {"a": np.array([1.0, 0.5, 0, 2])} if halves else {},
    )
    sums = Sums(np.zeros((4, 3)), np.arange(12.0).reshape(4, 3) if difference else None, np.zeros(1), 5, rows=rows)
    return list(sums.harmonics_of("a", [slice(0, 1), slice(2, 3)]))


def kept_of(tensor: Any, kind: TensorKind, crystal: ws.Structure) -> Any:
    """How many numbers are exactly zero, and the others."""
    found = project(tensor, kind, magnetic_group(crystal).point_operations)
    return [int((found == 0).sum()), np.round(found, 9)]


HEXAGON = np.array([[1.0, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [0, 0, 1.6]]) * 3
CRYSTALS = [
    ws.Structure(HEXAGON, np.zeros((1, 3)), np.array([22]), np.zeros((1, 3))),
    ws.Structure(HEXAGON, np.zeros((1, 3)), np.array([26]), np.array([[0, 0, 2.0]])),
    ws.Structure(3 * np.eye(3), np.zeros((1, 3)), np.array([26]), np.array([[0, 0, 2.0]])),
]
KINDS = [TensorKind("abc", ("polar", "polar", "axial"), 1), TensorKind("ab", ("axial", "polar"), -1)]
ROWS: Table = {
    "points of a batch": lambda: (
        [
            outcome(lambda m=memory, w=work: points_of(m, **w))
            for memory in (0.0, 1e-5, 1e-3, 1e-2, 1.0, np.inf)
            for work in (
                {},
                {"has_surface": True},
                {"derivatives": True},
                {"held": ("shift vertex", "other")},
                {"held": ("injection vertex",)},
                {"by_point": 1000},
                {"held": (), "bands": 40},
            )
        ]
        + [points_of(1.0, 100_000), points_of(1e-3, 100_000), points_of(1e-3, 0)]
    ),
    "coarse meshes of a disk": each(lambda *p: OnDisk(p)._coarse, (4, 4), (8, 12), (40, 5)),
    "two directions in a plane": lambda: [
        _orthonormal(np.array([[length, 0, 0], [length * x, length * y, 0]]))
        for length in (0.1, 10.0)
        for x, y in ((1.0, 1e-6), (1.0, 1.1e-6), (0.5, 5e-6), (0.0, -1.0), (0.5, 2e-7))
    ],
    "short vectors of superlattices": lambda: [
        _basis(np.array(vectors), lattice)
        for vectors in ([[4, 0, 0], [0, 5, 0], [0, 0, 3]], [[4, 1, 0], [0, 5, 2], [1, 0, 3]], [[2, 2, 0], [0, 3, 3], [5, 0, 5]])
        for lattice in (np.eye(3), HEXAGON, np.diag([1.0, 1.0, 4.0]))
    ],
    "rounded up": each(_rounded_up, 0.0123, 0.012, 1.01, 99.5, 1e-9),
    "verdicts": lambda: [
        verdict(s, m, **w) for s in (1.0, 1e-3, 0.0) for m in (0.0, 1e6) for w in ({}, {"absolute": None}, {"relative": 1.0})
    ],
    "rows of a mesh": lambda: [harmonics(difference, halves) for difference in (False, True) for halves in (False, True)],
    "invariant parts": lambda: [
        kept_of(np.cos(np.arange(3.0**kind.rank)).reshape((3,) * kind.rank) + 0.3, kind, crystal)
        for kind in KINDS
        for crystal in CRYSTALS
    ],
}


@pytest.mark.parametrize("name", ROWS)
def test_both_sides(name: str) -> None:
    same("sums", name, ROWS[name])
