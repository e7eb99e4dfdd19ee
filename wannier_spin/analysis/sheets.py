"""Fermi surfaces as triangles inside the first Brillouin zone, by marching tetrahedra.

A. Doi and A. Koide, IEICE Trans. E74-D, 214 (1991): each cube of the mesh is cut into six tetrahedra along its diagonal; in each of
them the energies are linear, so that the surface is a triangle or two. It has no ambiguous cases, and no holes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wannier_spin.analysis.fermi_surface import FermiSurface
from wannier_spin.analysis.zone import FirstZone, first_zone
from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE

Real = NDArray[np.float64]
Whole = NDArray[np.int64]
# By corners below the level, which come first: pairs of corners whose edges the three corners of a triangle lie on.
TRIANGLES = {
    1: (((0, 1), (0, 2), (0, 3)),),
    2: (((0, 2), (0, 3), (1, 3)), ((0, 2), (1, 3), (1, 2))),
    3: (((0, 3), (1, 3), (2, 3)),),
}
ROUNDING = 1e-9  # 1/angstrom


@described(vertices="1/angstrom")
@dataclass(frozen=True)
class Sheet:
    """What bands of the same energies bring: vertices (v,3), triangles (t,3) of their numbers, colours (colour,v).

    bands : numbers from 1; two where each state is one of a pair. Corners of a triangle go round rising energy.
    """

    vertices: Real
    triangles: Whole
    colours: Real
    bands: tuple[int, ...]


def sheets(surface: FermiSurface) -> tuple[Sheet, ...]:
    """The Fermi surface inside the first Brillouin zone, one sheet for each group of bands of the same energies.

    Raises InputError for a layer or a chain, whose Fermi surface is no surface.
    """
    shape = surface.energies.shape[1:]
    if min(shape) < 2:
        raise InputError(f"mesh {'x'.join(map(str, shape))}: a surface needs points along all three axes; of a layer draw `plane`")
    zone = first_zone(surface.reciprocal)
    return tuple(_sheet(surface, zone, group) for group in _groups(surface.energies))


def _groups(energies: Real) -> list[list[int]]:
    """Places of bands (n,n1,n2,n3) that have the same energies."""
    apart = np.abs(np.diff(energies, axis=0)).max(axis=(1, 2, 3)) > DEGENERACY_TOLERANCE
    return [group.tolist() for group in np.split(np.arange(len(energies)), np.flatnonzero(apart) + 1)]


def _sheet(surface: FermiSurface, zone: FirstZone, group: list[int]) -> Sheet:
    values = np.stack([surface.energies[group[0]] - surface.fermi_energy, *surface.colours[:, group].mean(axis=1)], axis=-1)
    ends = np.linalg.solve(surface.reciprocal.T, zone.edges.reshape(-1, 3).T).T * values.shape[:3]
    low, high = np.floor(ends.min(axis=0)).astype(int), np.ceil(ends.max(axis=0)).astype(int)
    index = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    whole = values[np.ix_(*(i % n for i, n in zip(index, values.shape[:3], strict=True)))]
    points, triangles = isosurface(whole)
    points[:, :3] = (points[:, :3] + low) / values.shape[:3] @ surface.reciprocal
    if np.linalg.det(surface.reciprocal) < 0:
        triangles = triangles[:, ::-1]
    for normal, distance in zip(zone.normals, zone.distances, strict=True):
        points, triangles = clipped(points, triangles, normal, distance)
    used, numbers = np.unique(triangles, return_inverse=True)
    bands = tuple(surface.bands[i] for i in group)
    return Sheet(points[used, :3], numbers.reshape(-1, 3), points[used, 3:].T, bands)


def isosurface(values: Real) -> tuple[Real, Whole]:
    """Where the first of values (n1,n2,n3,1+c) is zero: points (v,3+c), index and the other values, and triangles (t,3)."""
    inside = values[..., 0] < 0
    flat = values.reshape(-1, values.shape[-1])
    pairs = np.concatenate(list(_crossings(inside)))
    edges, numbers = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
    place = np.concatenate([np.stack(np.unravel_index(np.arange(len(flat)), inside.shape), axis=-1), flat[:, 1:]], axis=-1)
    a, b = edges.T
    t = (flat[a, 0] / (flat[a, 0] - flat[b, 0]))[:, None]
    return (1 - t) * place[a] + t * place[b], numbers.reshape(-1, 3)


def _crossings(inside: NDArray[np.bool_]) -> Iterator[Whole]:
    """Triangles (t,3,2) as pairs of points, the one inside first, of the tetrahedra along each order of the axes."""
    strides = np.array([inside.shape[1] * inside.shape[2], inside.shape[2], 1])
    parts = [inside[tuple(slice(i, n - 1 + i) for i, n in zip(c, inside.shape, strict=True))] for c in CORNERS]
    cubes = np.sum(parts, axis=0)
    first = np.argwhere((cubes > 0) & (cubes < 8)) @ strides
    flat = inside.ravel()
    for order in itertools.permutations(range(3)):
        corners = first[:, None] + np.cumsum([0, *strides[list(order)]])
        below = flat[corners]
        sorted_ = np.take_along_axis(corners, np.argsort(~below, axis=1, kind="stable"), axis=1)
        number = below.sum(axis=1)
        for count, triangles in TRIANGLES.items():
            chosen = sorted_[number == count]
            for triangle in triangles:
                yield _rising(chosen[:, np.array(triangle)], chosen, count, inside.shape)


CORNERS = tuple(itertools.product((0, 1), repeat=3))


def _rising(triangles: Whole, corners: Whole, count: int, shape: tuple[int, ...]) -> Whole:
    """The same with the corners in the order that goes round the direction from below to above: of the middles of the edges."""

    def at(points: Whole) -> Real:
        return np.stack(np.unravel_index(points, shape), axis=-1).astype(float)

    middles = at(triangles).mean(axis=2)
    normal = np.cross(middles[:, 1] - middles[:, 0], middles[:, 2] - middles[:, 0])
    up = at(corners[:, count:]).mean(axis=1) - at(corners[:, :count]).mean(axis=1)
    falling = np.einsum("ta,ta->t", normal, up) < 0
    return np.where(falling[:, None, None], triangles[:, ::-1], triangles)


def clipped(points: Real, triangles: Whole, normal: Real, distance: float) -> tuple[Real, Whole]:
    """What lies at normal @ k <= distance: points (v,3+c), whose further values are linear on a triangle, and triangles (t,3)."""
    height = points[:, :3] @ normal - distance
    outside = height > ROUNDING
    number = outside[triangles].sum(axis=1)
    cut = triangles[(number == 1) | (number == 2)]
    if not len(cut):
        return points, triangles[number == 0]
    lone = np.where((outside[cut].sum(axis=1) == 1)[:, None], outside[cut], ~outside[cut]).argmax(axis=1)
    a, b, c = np.take_along_axis(cut, (lone[:, None] + np.arange(3)) % 3, axis=1).T
    edges, numbers = np.unique(np.sort([(*a, *a), (*b, *c)], axis=0), axis=1, return_inverse=True)
    i, j = edges.reshape(2, -1)
    t = (height[i] / (height[i] - height[j]))[:, None]
    between = (1 - t) * points[i] + t * points[j]
    p, q = (numbers.ravel() + len(points)).reshape(2, -1)
    keeps_lone = ~outside[a]
    kept = [triangles[number == 0], np.stack([a, p, q], axis=1)[keeps_lone]]
    kept += [part[~keeps_lone] for part in (np.stack([p, b, c], axis=1), np.stack([p, c, q], axis=1))]
    return np.concatenate([points, between]), np.concatenate(kept)
