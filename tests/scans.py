"""Small results with bars that are made up, so that what is drawn and printed hangs on no way to estimate them."""

import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

import wannier_spin as ws

SKEW = (0.07, 0.13, 0.3)
MU = [-3.5, -3.1, -2.6, -2.2, -1.9, -1.4, -1.0]


@cache
def scan(**options: Any) -> ws.ResultSet:
    """A coarse mesh of a model without symmetry, in which everything is there, with bars that are made up here."""
    names = ("spin_hall", "edelstein", "nonlinear_drude_spin_magnetization", "displacement_spin_current")
    standard: dict[str, Any] = {"temperature": (1000.0,), "omega": (0.1, 0.3, 0.7), "broadening": 0.1, "mu": (-2.2,)}
    found = {name: list(x) if isinstance(x, tuple) else x for name, x in (standard | options).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = ws.compute(ws.models.rashba_exchange(exchange=SKEW), names, grid=(6, 6, 1), **found)
    tensors = {name: replace(tensor, block_errors=bars(tensor), block_harmonics=None) for name, tensor in result.items()}
    return replace(result, tensors=tensors, warnings=("the mesh is coarse " * 12,)).with_facts(
        fermi_energy=-2.3, finished="then", versions={}, wall_seconds=2.5
    )


def bars(tensor: ws.ResponseTensor) -> dict[str, np.ndarray]:
    """Some percent of each number and of the largest; along the first axis one is far larger."""
    found = {name: 0.03 * np.abs(block) + 0.003 * np.abs(block).max() for name, block in tensor.blocks.items()}
    for error in found.values():
        error[1:2] *= 60.0
    return found


def against_mu() -> ws.ResultSet:
    return scan(mu=tuple(MU), temperature=(300.0, 1000.0), tau=(5.0, 20.0, 80.0), units="SI")
