"""Meshes by the distance of their points."""

from __future__ import annotations

import math

import numpy as np

from wannier_spin.model import TightBindingModel


def default_grid(model: TightBindingModel, spacing: float) -> tuple[int, int, int]:
    """Even numbers of points, at most `spacing` (1/angstrom, 2 pi included) apart; one along a vacuum direction."""
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(model.lattice), axis=0)
    points = [2 * math.ceil(length / spacing / 2) if p else 1 for length, p in zip(lengths, model.periodic, strict=True)]
    return points[0], points[1], points[2]
