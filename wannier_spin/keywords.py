"""Keywords of a `Request` as they may be given, for type checkers and completion (see `request`), and those of `open_model`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from wannier_spin import units as un
from wannier_spin.carriers import Carriers
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.model import Structure
from wannier_spin.responses.registry import Form
from wannier_spin.sites import SitesLike
from wannier_spin.tensors import Channel

Real = NDArray[np.float64]


class OfResponse(TypedDict, total=False):
    """What a response is."""

    tau: float | Sequence[float] | None
    omega: float | Sequence[float] | Real | None
    broadening: float
    gap_broadening: float
    units: un.UnitSystem
    channel: Channel
    blocks: str | Sequence[str]
    spin_current: str | Sequence[str]
    form: Form
    relaxation: str
    degeneracy_tolerance: float | None


class AtPoint(OfResponse, total=False):
    """And at which mu (eV) and temperature (K)."""

    mu: float | Sequence[float] | Real
    temperature: float | Sequence[float] | Real


class OnMesh(AtPoint, total=False):
    """And on which mesh."""

    grid: Sequence[int] | None
    shift: Sequence[float]
    memory: float


class Keywords(OnMesh, total=False):
    """All keywords of `Request`."""

    carriers: Carriers | None
    tolerance: float | Tolerance | None
    symmetry: Structure | None
    reduce_k: bool
    sites: SitesLike | None
    degeneracy_check: bool | None


class HowRead(TypedDict, total=False):
    """How the files of a run become a model: keys of [model] and [symmetry] of an input file, and spin_current."""

    spin: Literal["files", "interleaved", "blocks", "auto"] | None
    ws_distance_tolerance: float | None
    ws_distance: Literal["auto", "file", "none"] | None
    vacuum: Literal["a", "b", "c"] | None
    thickness: float | None
    structure: str | Path | None
    magnetic_moments: Sequence[Sequence[float]] | None
    average_model: bool
    projections: str | Path | None
    spin_order: Literal["interleaved", "blocks"]
    spin_orbit: bool
    reduce: bool
    spin_current: str | Sequence[str]
