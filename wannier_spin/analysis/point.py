"""One response at one (mu, T), tau and frequency as a sum over k, bands and pairs of bands.

    response = (1/cell) mean_k sum_n [ sum_m f_n (1 - f_m) X_nm + f_n D_n + f'_n (sum_m Y_nm + Z_n) ]

X, Y : terms of the sea and of the surface with a second band m of another group; D, Z : those without. Summed over groups
X_nm = -X_mn for every block of the sea, so that f_n (1 - f_m) adds up to the same as the f_n of docs/theory.md. With it the
part of n is what n gains from empty states, and pairs of filled bands vanish one by one, not only in the sum: no part
depends on how many filled bands a model has, or is spoiled where two of them touch.

In terms of three bands (in S) n and m are the outer pair. Contributions are means over degenerate groups: they do not depend on
the choice of states inside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin.bloch import BlochMatrices, BlochSum
from wannier_spin.components import checked_name, component_index
from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.geometry import BandGeometry
from wannier_spin.integrals.sums import cell_volume
from wannier_spin.keywords import OnMesh
from wannier_spin.model import TightBindingModel
from wannier_spin.prepared import Prepared, prepare_point
from wannier_spin.request import Request
from wannier_spin.responses import BandPairs
from wannier_spin.results import ResponseTensor

Real = NDArray[np.float64]


class InParts(OnMesh, total=False):
    """Keywords of a request on a mesh, and of `point_of`."""

    part: str | None
    combination: Mapping[str, float] | None


@dataclass(frozen=True)
class Point:
    """One component of one response at one mu, temperature, tau and frequency, whose integrand can be had by bands and pairs.

    part : of a dynamic response, None: the first. combination : block -> factor in place of a form.
    """

    prepared: Prepared
    component: str
    part: str | None
    combination: Mapping[str, float] | None

    @property
    def mu(self) -> float:
        return float(self.prepared.occupation.mu[0])

    @property
    def model(self) -> TightBindingModel:
        assert isinstance(self.prepared.model, TightBindingModel)  # `prepare_point` refuses others
        return self.prepared.model

    @cached_property
    def source(self) -> BlochSum:
        """Bloch sums of what the response needs."""
        return self.prepared.plan.bloch_sum(self.model)

    @cached_property
    def empty(self) -> ResponseTensor:
        """The response of nothing, for its names and units."""
        return self._tensor(np.zeros((1, self.prepared.plan.n_channels)))

    @property
    def setting(self) -> str:
        """In words, but for mu: temperature, tau, frequency, form."""
        t = self.empty
        form = f"form {t.form}" if t.relaxation is None or t.field_order == 1 else f"form {t.form} ({t.relaxation})"
        if width := self.prepared.plan.gap_broadening:
            form += f", gaps broadened by {width:g} eV"
        words = [f"T = {t.temperature[0]:g} K", form if t.custom is None else f"blocks {', '.join(t.custom)}"]
        if any(t.tau_powers[name] for name in t.combination):
            words.insert(1, f"tau = {t.tau[0]:g} {t.tau_unit}")
        if len(t.omega):
            words.insert(1, f"omega = {t.omega[0]:g} eV, {t.parts[self._part]}")
        return ", ".join([*words, "charge channel"] if t.channel == "charge" else words)

    def values(self, sums: Real) -> Real:
        """The component of sums over k and bands (rows, channels), per volume of the cell: (rows,)."""
        values = self._tensor(sums / cell_volume(self.model)).values[:, 0]
        if len(self.empty.omega):
            values = values[:, 0, self._part]
        index: Any = (slice(None), *component_index(self.component))
        return np.asarray(values[index])

    def geometry(self, bloch: BlochMatrices) -> BandGeometry:
        """Bands and what is between them, as the response needs them."""
        return self.prepared.plan.geometry(bloch, self.prepared.degeneracy_tolerance)

    def terms(self, g: BandGeometry, partners: Real | None = None) -> Real:
        """The terms of each band n in all channels, with its Fermi functions: (k,n,channels).

        partners : (k,m) weights of the second bands, the same within a group; None: 1.
        """
        plan, window = self.prepared.plan, self.prepared.occupation.window
        f, slope = self._weights(g)
        empty = 1 - f if partners is None else (1 - f) * partners
        sea, surface = (BandPairs(g, plan.observables, window, weight) for weight in (empty, partners))
        densities = plan.densities(sea, surface)
        return np.concatenate([w[..., None] * X for w, X in zip((f, slope), densities, strict=True)], axis=-1)

    def total(self, g: BandGeometry) -> Real:
        """The sum over bands in all channels as `compute` makes it, with f_n in place of f_n (1 - f_m): (k,channels)."""
        plan = self.prepared.plan
        densities = plan.densities(BandPairs(g, plan.observables, self.prepared.occupation.window))
        return np.concatenate([np.einsum("kn,knc->kc", w, X) for w, X in zip(self._weights(g), densities, strict=True)], axis=-1)

    def on_surface(self, g: BandGeometry) -> Real:
        """The terms of the Fermi surface with -1 in place of f', without those of the sea: (k,n,channels)."""
        sea, surface = self.prepared.plan.densities(BandPairs(g, self.prepared.plan.observables))
        return np.concatenate([np.zeros_like(sea), -surface], axis=-1)

    @property
    def _part(self) -> int:
        """Position of the part along its axis."""
        return 0 if self.part is None else self.empty.parts.index(self.part)

    def _weights(self, g: BandGeometry) -> tuple[Real, Real]:
        """f_n and f'_n: (k,n) each."""
        f, slope = self.prepared.occupation.weights(g.group_energies.ravel())
        return f.reshape(g.energies.shape), slope.reshape(g.energies.shape)

    def _tensor(self, sums: Real) -> ResponseTensor:
        tensor = self.prepared.tensor_of_rows(sums)
        return tensor if self.combination is None else tensor.at(combination=self.combination)


def point_of(
    model: Model,
    response: str | Request,
    component: str,
    *,
    part: str | None = None,
    combination: Mapping[str, float] | None = None,
    **asked: Unpack[OnMesh],
) -> Point:
    """Check what is asked for.

    response : its name, or a `Request` for one response at one mu, temperature, tau, frequency and definition of the spin current.
    part : of a dynamic response, see `ResponseTensor.parts`; None: the first. combination : block -> factor in place of a
    form, as in `ResponseTensor.at`, of any blocks of the response's order in field and tau, for instance {"L1surf": 1}.
    asked : keywords of a `Request`. Where the points in k lie is said elsewhere: grid, tolerance, symmetry do not count.

    Raises InputError.
    """
    more = [name for name in combination or () if name not in resp.DYNAMIC_BLOCKS]
    request = response.with_(**asked) if isinstance(response, Request) else Request(response, **asked)
    request = request.with_(blocks=tuple(dict.fromkeys((*request.blocks, *more))))
    point = Point(prepare_point(model, request), component, part, combination)
    if part is not None and part not in point.empty.parts:
        expected = " or ".join(point.empty.parts) or "none: it is static"
        raise InputError(f"part = '{part}' of '{point.empty.name}', expected {expected}")
    return replace(point, component=checked_name(point.empty, component))
