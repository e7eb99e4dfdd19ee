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
    return made_up(computed(ws.models.rashba_exchange(exchange=SKEW), names, grid=(6, 6, 1), **found))


def computed(model: Any, responses: Any, **options: Any) -> ws.ResultSet:
    """Without warnings: it is coarse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ws.compute(model, responses, **options)


def made_up(result: ws.ResultSet) -> ws.ResultSet:
    """With bars, a warning and facts that do not change from run to run."""
    found = replace(result, tensors={name: with_bars(tensor) for name, tensor in result.items()})
    known = {"fermi_energy": -2.3, "finished": "then", "versions": {}, "wall_seconds": 2.5}
    return replace(found, warnings=("the mesh is coarse " * 12,)).with_facts(**known)


def with_bars(tensor: ws.ResponseTensor) -> ws.ResponseTensor:
    sites = {name: with_bars(one) for name, one in tensor.sites.items()}
    return replace(tensor, block_errors=bars(tensor), block_harmonics=None, sites=sites)


def bars(tensor: ws.ResponseTensor) -> dict[str, np.ndarray]:
    """Some percent of each number and of the largest; along the first axis one is far larger."""
    part = 0.03 * (1 + len(tensor.name) / 50)  # so that no two responses have equal bars
    found = {name: part * np.abs(block) + 0.1 * part * np.abs(block).max() for name, block in tensor.blocks.items()}
    for error in found.values():
        error[1:2] *= 60.0
    return found


def against_mu() -> ws.ResultSet:
    return scan(mu=tuple(MU), temperature=(300.0, 1000.0), tau=(5.0, 20.0, 80.0), units="SI")


def doped() -> ws.ResultSet:
    """Against numbers of carriers, to both drives."""
    names = ["edelstein", "thermal_edelstein", "spin_hall", "spin_nernst"]
    carriers = ws.Carriers([0.05, 0.3, 0.6], electrons=0)
    options: dict[str, Any] = {"temperature": [900.0, 1200.0], "units": "SI", "tau": 7.0, "grid": (8, 8, 1)}
    return made_up(computed(ws.models.rashba_exchange(exchange=SKEW), names, carriers=carriers, **options))


def doped_light() -> ws.ResultSet:
    """Against numbers of carriers and frequencies."""
    carriers = ws.Carriers([0.05, 0.3], electrons=0)
    options: dict[str, Any] = {"temperature": [900.0, 1200.0], "omega": [0.1, 0.3], "broadening": 0.1, "grid": (4, 4, 1)}
    return made_up(computed(ws.models.rashba_exchange(exchange=SKEW), ["ac_spin_magnetization"], carriers=carriers, **options))


def at_sites() -> ws.ResultSet:
    """Of two sublattices, in a layer of known thickness."""
    model = replace(ws.models.kane_mele(rashba=0.1, exchange=(0.05, 0.0, 0.2)), thickness=3.35)
    options: dict[str, Any] = {"mu": [-0.7, 0.1], "temperature": 900.0, "units": "SI", "sites": {"A": [0, 1], "B": [2, 3]}}
    return made_up(computed(model, ["edelstein", "intrinsic_spin_magnetization"], grid=(6, 6, 1), **options))
