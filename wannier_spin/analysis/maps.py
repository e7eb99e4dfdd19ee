"""Where in k a response comes from: its integrand on a path, a plane or a mesh, band by band."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.analysis.kpath import BATCH, QUANTITIES, BandMap, Place
from wannier_spin.analysis.point import Point, point_of
from wannier_spin.arrays import slices
from wannier_spin.continuum import Model
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.geometry import BandGeometry
from wannier_spin.keywords import AtPoint
from wannier_spin.request import Request, taking_request

Real = NDArray[np.float64]


@taking_request(AtPoint)
def response_map(
    model: Model,
    k: Place,
    response: str | Request,
    component: str,
    *,
    part: str | None = None,
    combination: Mapping[str, float] | None = None,
    **asked: Unpack[AtPoint],
) -> BandMap[Place]:
    """One component of a response at the points of k (`k_path`, `k_plane`, `k_mesh`), as the sum of what each band brings:

        response = mean over the cell in k of sum_n values_kn

    What belongs to which band is said in `analysis.point`. Every point is evaluated, on this rank, without use of symmetry.
    response : its name, or a `Request`; part, combination, asked (mu, temperature, ...) : see `point.point_of`.

    Raises
    ------
    InputError : unknown names, impossible requests, a k·p model (which has no cell in k), surface terms at 0 K.
    """
    point = point_of(model, response, component, part=part, combination=combination, **asked)
    return _map(point, k, point.terms, point.empty.unit)


@taking_request(AtPoint)
def surface_map(
    model: Model,
    k: Place,
    response: str | Request,
    component: str,
    *,
    part: str | None = None,
    **asked: Unpack[AtPoint],
) -> BandMap[Place]:
    """As `response_map`, the density c_n of a response on the Fermi surface, with no Fermi function:

        response = mean over the cell in k of sum_n -f'_n c_n        of its terms with f'

    Of (4), (5) in their Fermi-surface form (block L1surf). Other terms of the sea, as the whole of (6) or the block S, have no
    place there. The temperature does not enter. InputError also for responses without terms of the Fermi surface.
    """
    point = surface_point(model, response, component, part, asked)
    return _map(point, k, point.on_surface, f"eV {point.empty.unit}")


def surface_point(model: Model, response: str | Request, component: str, part: str | None, asked: AtPoint) -> Point:
    """The terms of a response that have a place on the Fermi surface. Raises InputError where there are none; cheap."""
    whole = point_of(model, response, component, part=part, **asked).empty
    combination = {name: factor for name, factor in whole.combination.items() if _on_surface(name)}
    surface = resp.get(whole.name).surface
    if surface and not len(whole.omega):
        combination = dict(surface)
    if not combination:
        raise InputError(
            f"'{whole.name}' has terms of the Fermi sea only, which have no place on the Fermi surface: colour that by another "
            "quantity (spin_berry_curvature), or draw this one along bands or on a plane (bands, plane; response_map)"
        )
    return point_of(model, response, component, part=part, combination=combination, **asked)


def is_response(quantity: str) -> bool:
    """Whether it is a response, and no geometric quantity. Raises InputError where it is neither."""
    known = (*QUANTITIES, *resp.names(), *resp.thermal_names())
    if quantity not in known:
        raise InputError(f"quantity '{quantity}' is not available; {did_you_mean(quantity, known)}")
    return quantity not in QUANTITIES


def _on_surface(block: str) -> bool:
    return block in resp.BLOCKS and resp.BLOCKS[block].fermi == "surface"


def _map(point: Point, k: Place, terms: Callable[[BandGeometry], Real], unit: str) -> BandMap[Place]:
    """A map of terms in all channels (k,n,channels)."""
    energies, values = [], []
    for places in slices(len(k.points), point.prepared.model.n_bands, BATCH):
        g = point.geometry(point.source.at_points(k.points[places]))
        sums = terms(g)
        energies.append(g.energies)
        values.append(g.group_mean(point.values(sums.reshape(-1, sums.shape[-1])).reshape(g.energies.shape)))
    names = (point.empty.name, point.component, unit, point.prepared.model.name)
    return BandMap(k, np.concatenate(energies), np.concatenate(values), *names, point.mu, point.setting)
