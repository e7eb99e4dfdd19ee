"""What a response is made of: by band, by pair of bands, by the energy of the states, as sums over a uniform mesh.

What belongs to a band n and to a pair (n, m) is said in `analysis.point`: n is the state with f_n or f'_n, m the empty
state (in the sea) or any other band (at the Fermi surface). Terms without a second band belong to (n, n). A degenerate
group's share is the same for each of its bands.

The sea form of (4) and (5), L1 + L1dir, has terms without a second band in all filled bands, which cancel only in the sum.
By band combination = {"L1surf": 1} tells more: the same response on the Fermi surface, each band by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Unpack, get_args

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.point import InParts, Point, point_of
from wannier_spin.continuum import Model
from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.mesh import LEAST_BATCHES, check_directions
from wannier_spin.integrals.sums import Progress, batch_size, check_progress
from wannier_spin.integration.grid import Batch, Mesh, Partial, mean_over_mesh
from wannier_spin.integration.parallel import Communicator, communicator, one_blas_thread
from wannier_spin.model import TightBindingModel
from wannier_spin.request import Request, taking_request
from wannier_spin.values import as_tuple, is_finite

Real = NDArray[np.float64]
By = Literal["band", "band_pair", "energy", "energy_pair"]


@described(mu="eV")
@dataclass(frozen=True)
class Decomposition:
    """values (contribution,), of pairs (contribution, contribution) [n, m]: they add up to `total`, which is computed without them.

    error : |fine - coarse| of each value as in `compute`, NaN where the mesh has no estimate. labels : theirs: numbers of
    bands, from 1, or windows of energy in eV. mu in eV. setting : what else it was computed for, in words.
    """

    response: str
    component: str
    unit: str
    by: By
    labels: tuple[str, ...]
    values: Real
    error: Real
    total: float
    mu: float
    setting: str
    model: str


@taking_request(InParts)
def decompose(
    model: Model,
    response: str | Request,
    component: str,
    *,
    by: By = "band",
    edges: Sequence[float] = (),
    comm: Communicator | None = None,
    progress: Progress = lambda done, total: None,
    **asked: Unpack[InParts],
) -> Decomposition:
    """One component of a response on a uniform mesh, by what brings it.

    Parameters
    ----------
    by : "band" n, "energy" of n, "band_pair" and "energy_pair" of (n, m). Pairs cost one evaluation for each of them.
    edges : eV, ascending: windows of energy are between them, below the first and above the last.
    response : its name, or a `Request`; asked (grid, part, combination, mu, temperature, ...) : see `point.point_of`. Here grid,
        shift and memory do count. comm, progress : as in `compute`.

    Raises
    ------
    InputError : unknown names, impossible requests, no edges or edges that do not ascend.
    """
    comm = communicator(comm)
    check_progress(progress)
    point = point_of(model, response, component, **asked)
    prepared, request = point.prepared, point.prepared.request
    if request.grid is None:
        raise InputError("a decomposition is a sum over a uniform mesh: give a grid")
    mesh = Mesh(request.grid, request.shift)  # type: ignore[arg-type]  # checks them
    assert isinstance(model, TightBindingModel)
    check_directions(model.periodic, mesh.points)
    edges = as_tuple(edges)
    labels, pairs = _labels(by, edges, model.n_bands), by.endswith("pair")

    def integrand(batch: Batch) -> Partial:
        g = point.geometry(point.source.on_batch(batch.k1, batch.k2, batch.k3, batch.used))
        return Partial(_rows(point, g, _shares(by, edges, g), pairs, np.stack(batch.masks).astype(float)), np.zeros(1))

    oriented = mesh.transposed(point.source.axes)
    largest = min(batch_size(point.source, prepared.plan, prepared.occupation, request.memory), -(-mesh.n_points // LEAST_BATCHES))
    with one_blas_thread():
        mean = mean_over_mesh(oriented, integrand, largest, comm, progress)
    total, *values = point.values(mean.fine)
    coarse = mean.fine * np.nan if mean.coarse is None else mean.coarse
    error = np.abs(point.values(mean.fine - coarse))[1:]
    shape = (len(labels),) * (2 if pairs else 1)
    names = (point.empty.name, point.component, point.empty.unit, by, labels)
    numbers = (np.reshape(values, shape), error.reshape(shape), float(total))
    return Decomposition(*names, *numbers, point.mu, point.setting, model.name)


def check_windows(by: str, edges: Sequence[float]) -> None:
    """Raise InputError for what a response cannot be taken apart by, and for edges that do not fit it."""
    if not isinstance(by, str) or by not in get_args(By):
        raise InputError(f"by = {by!r} is not available; choose from {', '.join(get_args(By))}")
    if by.startswith("band"):
        if len(edges):
            raise InputError(f"edges are for by = 'energy' and 'energy_pair', and by is '{by}': leave them out")
    elif not len(edges) or not all(map(is_finite, edges)) or (np.diff(edges) <= 0).any():
        raise InputError(f"edges = {list(edges)}: expected at least one energy in eV, each larger than the one before")


def _labels(by: str, edges: Sequence[float], n_bands: int) -> tuple[str, ...]:
    check_windows(by, edges)
    if by.startswith("band"):
        return tuple(str(n + 1) for n in range(n_bands))
    inner = [f"{low:g} to {high:g}" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return (f"below {edges[0]:g}", *inner, f"above {edges[-1]:g}")


def _shares(by: str, edges: Sequence[float], g: BandGeometry) -> Real:
    """How much of each band belongs to each contribution, the same within a group: (k,contribution,n)."""
    if by.startswith("band"):
        return np.asarray(g.same_group / g.same_group.sum(axis=-1, keepdims=True))
    window = np.searchsorted(np.asarray(edges, float), g.group_energies, side="right")
    return (window[:, None, :] == np.arange(len(edges) + 1)[:, None]).astype(float)


def _rows(point: Point, g: BandGeometry, shares: Real, pairs: bool, masks: Real) -> Real:
    """Sums over the points of each mask (mask,k): the total, and what each n or pair (n, m) brings: (mask,row,channels)."""

    def add(terms: Real) -> Real:
        return np.einsum("uk,kpn,knc->upc", masks, shares, terms, optimize=True)

    total = masks @ point.total(g)
    values = add(point.terms(g)) if not pairs else _pair_rows(point, g, shares, add)
    return np.concatenate([total[:, None], values], axis=1)


def _pair_rows(point: Point, g: BandGeometry, shares: Real, add: Callable[[Real], Real]) -> Real:
    """What each pair (n, m) brings, m running fastest: (mask,pair,channels)."""
    single = point.terms(g, np.zeros_like(g.energies))
    columns = [add(point.terms(g, shares[:, m]) - single) for m in range(shares.shape[1])]
    values = np.stack(columns, axis=2)
    diagonal = np.arange(shares.shape[1])
    values[:, diagonal, diagonal] += add(single)
    return values.reshape(len(values), -1, values.shape[-1])
