"""`ResponseTensor`: one response at all mu and temperatures, with its axes, unit, error bars and blocks.

The blocks (docs/theory.md, section 3) are the data; `values` is arithmetic on them. So tau, units and the combination of
blocks can be changed on a finished result, also on one that was read from a file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin import units as un
from wannier_spin.components import checked_index, checked_name, component_name
from wannier_spin.errors import InputError
from wannier_spin.results.arrays import axes_of, dataset, named_arrays
from wannier_spin.results.combine import combined, each, intraband_factor
from wannier_spin.results.component import Component
from wannier_spin.results.quoted import Quote
from wannier_spin.results.select import VARIANTS, Wanted, selected
from wannier_spin.tensors import SEA_MINUS_SURFACE, Channel, parts_of, symmetrized
from wannier_spin.values import check_positive

if TYPE_CHECKING:
    import xarray

Real = NDArray[np.float64]
OF_HALF = 0.7  # of the difference of a mesh from its half, which is larger than the error but for chance
SPREAD = 1.0  # standard deviations of a sum of independent differences that an error bar has besides the sum


def at_site(name: str, site: str) -> str:
    """Name of what a response is at a site, or a combination of sites such as "Mn1-Mn2"."""
    return f"{name}@{site}"


@dataclass(frozen=True, repr=False)
class ResponseTensor:
    """One response at all (mu, T), or (mu, T, omega).

    blocks : name -> (mu, T, tensor) or (mu, T, omega, part, tensor), natural units, without tau; block_errors : the same
        shapes, signed differences fine - coarse whose combination is the error estimate (NaN: none was made).
    recipes : what can be made of the blocks, "paper" or "full adiabatic" ... -> {block: factor}. form, relaxation : which of
        them `values` is; the full form is symmetrized in the two fields. labels : the paper's names of the Cartesian axes.
    mu (eV), temperature (K), omega (eV; empty for a static response), tau (hbar/eV for natural units, fs for SI; the first
        one is used by `values`).
    carriers, carriers_unit, carriers_mu, carriers_mu_error : of a scan over numbers of carriers, which then stand along the axis
        mu: (mu,), and (mu, T) the chemical potentials in eV that belong to them, with error bars; mu is that at the first
        temperature.
    tau_power : power of tau, of a dynamic response 0. tau_powers : of each block; one that does not depend on omega enters a
        dynamic response with (tau/(1 - i w tau))^p. time_odd : blocks with the T parity opposite to that of a static
        response of order tau^0.
    dimension, thickness (angstrom or None) : of the system; a 2D system has sheet units.
    block_residuals : what symmetrization removed from the blocks, or None.
    drive : what the response is to, the electric field or (see `thermal`) the gradient of the temperature.
    quote : another unit than that of SI, see `ResultSet.quoted`; files have that of SI.
    sites : the same response projected on sites (groups of Wannier functions), by name; see `site`, `uniform`, `staggered`.
    definitions : the same response with other definitions of the spin current, by name; see `definition`, `definition_spread`.
    Of a mesh: block_harmonics : contributions to the error, one more axis in front, each combined as the blocks are, then added in
        quadrature (`integration.stars`); block_errors is NaN without a half mesh. half_counts : whether its rest is among them.
    Of boxes: block_spreads : root of the sum of their squared errors; block_replicas : further estimates, one more
        axis in front; converged : whether the tolerance was reached (None: none was asked for).
    """

    name: str
    title: str
    symbol: str
    equation: str
    law: str
    reference: str
    channel: Channel
    output: str
    labels: str
    field_order: int
    tau_power: int
    tau_powers: Mapping[str, int]
    time_odd: tuple[str, ...]
    form: str
    recipes: Mapping[str, Mapping[str, float]]
    blocks: Mapping[str, Real]
    block_errors: Mapping[str, Real]
    mu: Real
    temperature: Real
    omega: Real
    tau: tuple[float, ...]
    units: un.UnitSystem
    dimension: int
    thickness: float | None = None
    relaxation: str | None = None
    custom: Mapping[str, float] | None = None
    block_residuals: Mapping[str, Real] | None = None
    block_spreads: Mapping[str, Real] | None = None
    block_replicas: Mapping[str, Real] | None = None
    block_harmonics: Mapping[str, Real] | None = None
    half_counts: bool = False
    converged: bool | None = None
    carriers: Real | None = None
    carriers_unit: str | None = None
    carriers_mu: Real | None = None
    carriers_mu_error: Real | None = None
    drive: un.Drive = "E"
    quote: Quote | None = None
    sites: Mapping[str, ResponseTensor] = field(default_factory=dict)
    definitions: Mapping[str, ResponseTensor] = field(default_factory=dict)

    @cached_property
    def values(self) -> Real:
        """(mu, T, tensor), or (mu, T, omega, part, tensor) with `parts`; Cartesian axes of length 3.

        In a field E cos(wt) a linear response is (values[cos] cos(wt) + values[sin] sin(wt)) E: real and imaginary part of the
        amplitude R in Re[R E exp(-iwt)]. Second order: what does not oscillate in a field Re[E exp(-iwt)] is
        values[linear] Re(E_b E_d*) + values[circular] Im(E_b E_d*).
        """
        return self._combine(self.blocks, self.combination)

    @cached_property
    def error(self) -> Real:
        """Estimated error of `values`, same shape; NaN where there is none.

        Of a mesh what the decay of its Fourier coefficients leaves (`block_harmonics`), but where `half_counts` is not set at least
        OF_HALF of the difference from its half, where it has one (all of it without the first). Of an adaptive integral the sum
        of all fine - coarse. To both a standard deviation of the sum over boxes, where there are any, as it may cancel by chance.
        """
        error = np.abs(self._combine(self.block_errors, self.combination))
        if self.block_harmonics is not None:
            rows = np.stack([self._combine(blocks, self.combination) for blocks in each(self.block_harmonics)])
            error = np.fmax(0.0 if self.half_counts else OF_HALF * error, np.sqrt((rows**2).sum(axis=0)))
        if self.block_spreads is not None:
            error += SPREAD * self._combine_bounds(self.block_spreads)
        return error

    @property
    def replica_spread(self) -> Real | None:
        """Standard error of the mean over replicas, same shape as `values`; None where there is one replica."""
        if self.block_replicas is None:
            return None
        values = np.stack([self._combine(blocks, self.combination) for blocks in each(self.block_replicas)])
        return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))

    @property
    def sea_surface_difference(self) -> Real | None:
        """Fermi-sea minus Fermi-surface form of a linear response of order tau, same shape as `values`: an error bar that knows
        nothing of the integrator. None where only one of them is stored (`blocks = ("L1surf",)` adds the other).
        """
        difference = self.recipes.get(SEA_MINUS_SURFACE)
        return None if difference is None else self.at(combination=difference).values

    @property
    def reactive(self) -> Real:
        """The part of `values`, in the same shape, that absorbs nothing: cos of one T parity, sin of the other.

        R = R1 + R2, R1 with the T parity of a static response of order tau^0 (L0 + AC1), R2 with the opposite one (AC2, and
        tau/(1 - i w tau) times L1 + L1dir). Re R1 and Im R2 are reactive; Im R1 and Re R2 are absorptive, for
        eta -> 0 and tau -> infinity delta functions at the transitions and at w = 0. InputError for any other response.
        """
        if not len(self.omega) or self.field_order > 1:
            what = "is a direct current in light" if len(self.omega) else "is a static response"
            raise InputError(f"'{self.name}' {what}; only linear responses to an alternating field have reactive parts")
        recipes = ({n: f for n, f in self.combination.items() if (n in self.time_odd) == odd} for odd in (False, True))
        one, two = (np.broadcast_to(self._combine(self.blocks, recipe), self.values.shape) for recipe in recipes)
        return np.stack([one[:, :, :, 0], two[:, :, :, 1]], axis=3)

    @property
    def absorptive(self) -> Real:
        """`values` - `reactive`, the same shape: what is resonant, see there."""
        return self.values - self.reactive

    @property
    def residual(self) -> Real | None:
        """What symmetrization removed from `values`, same shape; None: nothing was symmetrized, or only irreducible k evaluated."""
        if self.block_residuals is None:
            return None
        return self._combine(self.block_residuals, self.combination)

    @property
    def combination(self) -> Mapping[str, float]:
        """Block -> factor, what `values` is made of."""
        if self.custom is not None:
            return self.custom
        return self.recipes[self.form if self.relaxation is None else f"{self.form} {self.relaxation}"]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names along the axis `part`; none for a static response."""
        return parts_of(self.field_order) if len(self.omega) else ()

    @property
    def over_tau(self) -> Real:
        """`values` for every tau: (tau, mu, T, ...)."""
        return np.stack([self.at(tau=tau).values for tau in self.tau])

    @property
    def error_over_tau(self) -> Real:
        """`error` for every tau: (tau, mu, T, ...)."""
        return np.stack([self.at(tau=tau).error for tau in self.tau])

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of `values`."""
        return axes_of(self)

    @property
    def unit(self) -> str:
        if self.quote is not None:
            return self.quote.unit
        return un.unit_name(self.measure, self.field_order, self.dimension, self.units, self.drive)

    @property
    def measure(self) -> un.Measure:
        """What the observable is counted in. Raises InputError where nobody registers it."""
        return observables.get(self.output).measure

    @property
    def tau_unit(self) -> str:
        return "fs" if self.units == "SI" else "hbar/eV"

    @property
    def magnetization(self) -> Real:
        """M = -2 mu_B <sigma/2> (Bohr magnetons) per volume (area) of `unit`, same shape as `values`. InputError for a current."""
        if self.measure.magnetons is None:
            raise InputError(f"'{self.name}' is a current; only the spin responses give a magnetization")
        return self.measure.magnetons * self.at(units=self.units).values

    @property
    def bulk_values(self) -> Real:
        """A sheet response in SI over the thickness, same shape as `values`. InputError if there is no thickness, or no sheet."""
        if self.dimension != 2 or self.thickness is None or self.units != "SI":
            raise InputError(f"'{self.name}': bulk values need a 2D system with a thickness, and units = 'SI'")
        return un.bulk_unit_factor(self.thickness) * self.at(units="SI").values

    def at(
        self,
        *,
        tau: float | None = None,
        units: un.UnitSystem | None = None,
        form: str | None = None,
        relaxation: str | None = None,
        combination: Mapping[str, float] | None = None,
    ) -> ResponseTensor:
        """The same result with another tau, other units, another form, or any combination of its stored blocks.

        A change of units keeps the physical tau. `relaxation` alone means the full form. `combination` keeps the order of
        the fields. Raises InputError for blocks that were not stored and forms that they do not make.
        """
        if units not in (None, "natural", "SI"):
            raise InputError(f"units = '{units}', expected 'natural' or 'SI'")
        check_positive("tau", tau, "number")
        changes: dict[str, Any] = self._form_changes(form, relaxation)
        same: dict[str, Any] = {"tau": tau, "units": units, "form": form, "relaxation": relaxation, "combination": combination}
        for key in VARIANTS:
            changes[key] = {name: tensor.at(**same) for name, tensor in getattr(self, key).items()}
        if units is not None:
            changes["quote"] = None
        if units is not None and units != self.units:
            factor = 1 / un.natural_tau(1.0) if units == "SI" else un.natural_tau(1.0)
            changes |= {"units": units, "tau": tuple(factor * t for t in self.tau)}
        if tau is not None:
            changes["tau"] = (float(tau),)
        if combination is not None:
            missing = sorted(set(combination) - set(self.blocks))
            if missing:
                raise InputError(f"'{self.name}' has no block {missing}; stored: {sorted(self.blocks)}")
            changes |= {"custom": dict(combination), "form": "custom", "relaxation": None}
        return dataclasses.replace(self, **changes)

    def _form_changes(self, form: str | None, relaxation: str | None) -> dict[str, Any]:
        if form is None and relaxation is None:
            return {}
        form = form or "full"
        if form == "paper":
            return {"form": form, "relaxation": None, "custom": None}
        relaxation = relaxation or self.relaxation or "adiabatic"
        if f"{form} {relaxation}" not in self.recipes:
            raise InputError(f"'{self.name}' cannot be had in the form '{form} {relaxation}'; stored: {', '.join(self.recipes)}")
        return {"form": form, "relaxation": relaxation, "custom": None}

    def definition(self, name: str) -> ResponseTensor:
        """The same with another definition of the spin current. InputError where it was not computed."""
        if name not in self.definitions:
            known = f"it has {', '.join(self.definitions)}" if self.definitions else "it has no other"
            raise InputError(f"'{self.name}' has no other definition '{name}' of the spin current; {known}")
        return self.definitions[name]

    @property
    def definition_spread(self) -> dict[str, float]:
        """By definition of the spin current, the largest difference from `values`, relative to the largest of these."""
        scale = np.abs(self.values).max()
        largest = {name: np.abs(other.values - self.values).max() for name, other in self.definitions.items()}
        return {name: float(size / scale) if scale else float(size) for name, size in largest.items()}

    def site(self, name: str) -> ResponseTensor:
        """A spin response on one site. InputError where it was not computed."""
        if name not in self.sites:
            known = f"it has {', '.join(self.sites)}" if self.sites else "it has none: compute a spin response with sites"
            raise InputError(f"'{self.name}' has no site '{name}'; {known}")
        return self.sites[name]

    def uniform(self, *names: str) -> ResponseTensor:
        """The sum over sites: over all that there are, the total response, if every Wannier function belongs to one of them."""
        if not names:
            raise InputError(f"'{self.name}': name the sites to add up; it has {', '.join(self.sites) or 'none'}")
        return self._over_sites("+", names)

    def staggered(self, first: str, second: str) -> ResponseTensor:
        """One site minus another: of two sublattices the staggered response (not halved)."""
        return self._over_sites("-", (first, second))

    def _over_sites(self, operation: str, names: Sequence[str]) -> ResponseTensor:
        """The first plus or minus the others."""
        chosen = [self.site(name) for name in names]
        changes = combined([vars(one) for one in chosen], operation)
        title = self.title + ", " + f" {operation} ".join(names)
        return dataclasses.replace(chosen[0], name=at_site(self.name, operation.join(names)), title=title, **changes)

    def component(self, indices: str) -> tuple[Real, Real]:
        """Values and errors of one component, for instance "xy;z": (mu, T) or (mu, T, omega, part)."""
        index: Any = (..., *checked_index(self, indices))
        return self.values[index], self.error[index]

    def component_name(self, index: Sequence[int]) -> str:
        """The name of a place in `values`: "xy;z", of a dynamic response with part and frequency, "xy;z cos 0.1 eV"."""
        name = component_name(self, index[-len(self.labels) :])
        return f"{name} {self.parts[index[3]]} {self.omega[index[2]]:g} eV" if len(self.omega) else name

    def __getitem__(self, indices: str) -> Component:
        """One component with its error and axes, for instance tensor["xy;z"]. Raises InputError where there is no such one."""
        values, error = self.component(indices)
        coordinates = {"mu": self.mu, "temperature": self.temperature, "omega": self.omega, "part": self.parts}
        return Component(
            self.name, checked_name(self, indices), self.unit, values, error, self.axes[: -len(self.labels)], coordinates
        )

    def sel(self, **where: Wanted) -> ResponseTensor:
        """The same at chosen values of mu (eV) or of carriers (in their unit), temperature (K), omega (eV), tau (in its unit).

        A number or a list takes the nearest ones that there are, slice(low, high) all in a range. All axes stay, some shorter.
        Raises InputError for what is outside of the result.
        """
        unknown = sorted(set(where) - {"mu", "carriers", "temperature", "omega", "tau"})
        if unknown:
            raise InputError(f"'{self.name}' has no axis '{unknown[0]}'; choose from mu, carriers, temperature, omega, tau")
        return selected(self, where)

    def __repr__(self) -> str:
        from wannier_spin.results.show import tensor_text

        return tensor_text(self)

    def _repr_html_(self) -> str:
        from wannier_spin.results.html import tensor_html

        return tensor_html(self)

    def to_xarray(self) -> xarray.Dataset:
        """Variables `name` and `name_error` over (tau, mu, temperature, [omega, part,] Cartesian axes with x, y, z).

        Raises InputError where xarray is not installed.
        """
        return dataset(named_arrays(self))

    def _over_omega(self, name: str, block: Real) -> Real:
        """In a dynamic response, a static block times the (cos, sin) parts of (tau/(1 - i w tau))^p; any other as it is."""
        if not len(self.omega) or block.ndim > 2 + len(self.labels):
            return block
        tau = self.tau[0] if self.units == "natural" else un.natural_tau(self.tau[0])
        phases = intraband_factor(self.omega, tau, self.tau_powers[name])
        return np.asarray(np.expand_dims(block, (2, 3)) * np.expand_dims(phases, tuple(range(2, 2 + len(self.labels)))))

    def _combine(self, blocks: Mapping[str, Real], recipe: Mapping[str, float]) -> Real:
        return self._scale * self._symmetric(
            self._sum({name: f * self._over_omega(name, blocks[name]) for name, f in recipe.items()})
        )

    def _combine_bounds(self, bounds: Mapping[str, Real]) -> Real:
        """A bound of the combination from bounds of the blocks."""
        terms = {name: np.abs(factor * self._over_omega(name, bounds[name])) for name, factor in self.combination.items()}
        return abs(self._scale) * self._symmetric(self._sum(terms))

    @staticmethod
    def _sum(terms: Mapping[str, Real]) -> Real:
        return sum(terms.values(), np.zeros(()))

    def _symmetric(self, total: Real) -> Real:
        """Symmetrized in the static fields, for the full form."""
        if self.form != "full" or self.field_order < 2 or len(self.omega):
            return total
        return symmetrized(total, total.ndim - len(self.labels) + 1, self.field_order)

    @property
    def _scale(self) -> float:
        """Power of tau and unit."""
        scale = un.response_factor(self.measure, self.field_order, self.tau_power, self.dimension, self.units, self.tau[0])
        return scale if self.quote is None else scale * self.quote.factor
