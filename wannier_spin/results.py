"""What a calculation returns: tensors with their axes, units and blocks, and how they were made.

The blocks (docs/theory.md, section 3) are the data; `values` is arithmetic on them. So tau, units and the combination of
blocks can be changed on a finished result, also on one that was read from a file.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import units as un
from wannier_spin.errors import InputError
from wannier_spin.storage import Labelled, Tree, read_tree, write_tree
from wannier_spin.tensors import Channel, parts_of

if TYPE_CHECKING:
    import xarray

Real = NDArray[np.float64]
KIND = "wannier_spin result"
PARTS = ("sites", "definitions")  # responses inside of a response
SPREAD = 1.0  # standard deviations of a sum of independent differences that an error bar has besides the sum
SPIN_CURRENT_DEFINITIONS = {
    "simple": "v^{a;c} = {v^a, sigma^c}/4, the product taken within the Wannier space; spin current = <{v, hbar sigma/2}/2>",
    "qiao": "v^{a;c} = {v^a, sigma^c}/4 of Qiao et al., PRB 98, 214402 (2018), derivatives of bands, without terms inside "
    "degenerate blocks; spin current = <{v, hbar sigma/2}/2>",
    "ryoo": "v^{a;c} = {v^a, sigma^c}/4 of Ryoo, Park and Souza, PRB 99, 235113 (2019), derivatives of Wannier functions; "
    "spin current = <{v, hbar sigma/2}/2>",
}


def at_site(name: str, site: str) -> str:
    """Name of what a response is at a site, or a combination of sites such as "Mn1-Mn2"."""
    return f"{name}@{site}"


def intraband_factor(omega: Real, tau: float, power: int) -> Real:
    """(cos, sin) parts of (tau/(1 - i w tau))^power: (omega, part). tau in hbar/eV."""
    amplitude = (tau / (1 - 1j * omega * tau)) ** power
    return np.stack([amplitude.real, amplitude.imag], axis=-1)


@dataclass(frozen=True)
class ResponseTensor:
    """One response at all (mu, T), or (mu, T, omega).

    blocks : name -> (mu, T, tensor) or (mu, T, omega, part, tensor), natural units, without tau; block_errors : the same
        shapes, signed differences fine - coarse whose combination is the error estimate (NaN: none was made).
    recipes : what can be made of the blocks, "paper" or "full adiabatic" ... -> {block: factor}. form, relaxation : which of
        them `values` is; the full form is symmetrized in the two fields. labels : the paper's names of the Cartesian axes.
    mu (eV), temperature (K), omega (eV; empty for a static response), tau (hbar/eV for natural units, fs for SI; the first
        one is used by `values`).
    tau_power : power of tau, of a dynamic response 0. tau_powers : of each block; one that does not depend on omega enters a
        dynamic response with (tau/(1 - i w tau))^p. time_odd : blocks with the T parity opposite to that of a static
        response of order tau^0.
    dimension, thickness (angstrom or None) : of the system; a 2D system has sheet units.
    block_residuals : what symmetrization removed from the blocks, or None.
    drive : what the response is to, the electric field or (see `thermal`) the gradient of the temperature.
    sites : the same response projected on sites (groups of Wannier functions), by name; see `site`, `uniform`, `staggered`.
    definitions : the same response with other definitions of the spin current, by name; see `definition`, `definition_spread`.
    Of an adaptive integral: block_spreads : root of the sum of squared differences; block_replicas : further estimates, one more
        axis in front; converged : whether the tolerance was reached (None: none was asked for).
    """

    name: str
    title: str
    symbol: str
    equation: str
    law: str
    reference: str
    channel: Channel
    output: un.Output
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
    converged: bool | None = None
    drive: un.Drive = "E"
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

        The sum of all fine - coarse; for an adaptive integral also a standard deviation of it, as it may cancel by chance.
        """
        error = np.abs(self._combine(self.block_errors, self.combination))
        if self.block_spreads is not None:
            error += SPREAD * self._combine_bounds(self.block_spreads)
        return error

    @property
    def replica_spread(self) -> Real | None:
        """Standard error of the mean over replicas, same shape as `values`; None where there is one replica."""
        if self.block_replicas is None:
            return None
        replicas = (
            dict(zip(self.block_replicas, blocks, strict=True)) for blocks in zip(*self.block_replicas.values(), strict=True)
        )
        values = np.stack([self._combine(blocks, self.combination) for blocks in replicas])
        return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))

    @property
    def sea_surface_difference(self) -> Real | None:
        """Fermi-sea minus Fermi-surface form of a linear response of order tau, same shape as `values`: an error bar that knows
        nothing of the integrator. None where only one of them is stored (`blocks = ("L1surf",)` adds the other).
        """
        if not {"L1", "L1dir", "L1surf"} <= set(self.blocks):
            return None
        return self.at(combination={"L1": 1, "L1dir": 1, "L1surf": -1}).values

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
        """`values` - `reactive`: what is resonant, see there."""
        return self.values - self.reactive

    @property
    def residual(self) -> Real | None:
        """What symmetrization removed from `values`; None where nothing was symmetrized, or only irreducible k were evaluated."""
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
        dynamic = ("omega", "part") if len(self.omega) else ()
        return ("mu", "temperature", *dynamic, *self.labels)

    @property
    def unit(self) -> str:
        return un.unit_name(self.output, self.field_order, self.dimension, self.units, self.drive)

    @property
    def tau_unit(self) -> str:
        return "fs" if self.units == "SI" else "hbar/eV"

    @property
    def magnetization(self) -> Real:
        """M = -2 mu_B <sigma/2> in Bohr magnetons per the volume (area) of `unit`. InputError for a current."""
        if self.output != "spin":
            raise InputError(f"'{self.name}' is a current; only the spin responses give a magnetization")
        return un.magnetization_factor() * self.values

    @property
    def bulk_values(self) -> Real:
        """A sheet response in SI divided by the thickness. InputError if there is no thickness, or no sheet."""
        if self.dimension != 2 or self.thickness is None or self.units != "SI":
            raise InputError(f"'{self.name}': bulk values need a 2D system with a thickness, and units = 'SI'")
        return un.bulk_unit_factor(self.thickness) * self.values

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
        if tau is not None and not (isinstance(tau, int | float) and 0 < tau < np.inf):
            raise InputError(f"tau = {tau!r}, expected a positive number")
        changes: dict[str, Any] = self._form_changes(form, relaxation)
        same: dict[str, Any] = {"tau": tau, "units": units, "form": form, "relaxation": relaxation, "combination": combination}
        for key in PARTS:
            changes[key] = {name: tensor.at(**same) for name, tensor in getattr(self, key).items()}
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
        """The part of a spin response on one site. InputError where it was not computed."""
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
        parts = [self.site(name) for name in names]
        signs = [1] + [1 if operation == "+" else -1] * (len(parts) - 1)

        def total(key: str, factors: Sequence[int]) -> dict[str, Real] | None:
            stored = [getattr(part, key) for part in parts]
            if stored[0] is None:
                return None
            return {name: sum(f * blocks[name] for f, blocks in zip(factors, stored, strict=True)) for name in stored[0]}

        signed = {key: total(key, signs) for key in ("blocks", "block_errors", "block_residuals", "block_replicas")}
        title = self.title + ", " + f" {operation} ".join(names)
        changes: dict[str, Any] = {**signed, "block_spreads": total("block_spreads", [1] * len(parts))}  # at most the sum
        return dataclasses.replace(parts[0], name=at_site(self.name, operation.join(names)), title=title, **changes)

    def component(self, indices: str) -> tuple[Real, Real]:
        """Values and errors of one component, for instance "xy;z": (mu, T) or (mu, T, omega, part)."""
        letters = indices.replace(";", "")
        if len(letters) != len(self.labels) or not set(letters) <= set("xyz"):
            raise InputError(f"component '{indices}' of '{self.name}': expected {len(self.labels)} letters x, y or z")
        index: Any = (..., *("xyz".index(letter) for letter in letters))
        return self.values[index], self.error[index]

    def to_xarray(self) -> xarray.Dataset:
        """Variables `name` and `name_error` over (tau, mu, temperature, [omega, part,] Cartesian axes with x, y, z).

        Raises InputError where xarray is not installed.
        """
        return _dataset(_named_arrays(self))

    def _over_omega(self, name: str, block: Real) -> Real:
        """In a dynamic response, a static block times the (cos, sin) parts of (tau/(1 - i w tau))^p; any other as it is."""
        if not len(self.omega) or block.ndim > 2 + len(self.labels):
            return block
        tau = self.tau[0] if self.units == "natural" else un.natural_tau(self.tau[0])
        parts = intraband_factor(self.omega, tau, self.tau_powers[name])
        return np.asarray(np.expand_dims(block, (2, 3)) * np.expand_dims(parts, tuple(range(2, 2 + len(self.labels)))))

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
        """Symmetrized in the two static fields, for the full form."""
        if self.form != "full" or self.field_order < 2 or len(self.omega):
            return total
        first_field = total.ndim - len(self.labels) + 1
        return (total + np.swapaxes(total, first_field, first_field + 1)) / 2

    @property
    def _scale(self) -> float:
        """Power of tau and SI unit."""
        return un.response_factor(self.output, self.field_order, self.tau_power, self.dimension, self.units, self.tau[0])


@dataclass(frozen=True)
class ResultSet(Mapping[str, ResponseTensor]):
    """Responses by name, and how they were made: `provenance`, and `warnings` that were given."""

    tensors: Mapping[str, ResponseTensor]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> ResponseTensor:
        try:
            return self.tensors[name]
        except KeyError:
            raise KeyError(f"no response '{name}' in this result; it has {', '.join(self.tensors)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def definition(self, name: str) -> ResultSet:
        """The responses that were computed with another definition of the spin current. Raises InputError where there are none."""
        if name == self.provenance.get("spin_current"):
            return self
        found = {tensor.name: tensor.definition(name) for tensor in self.values() if tensor.definitions}
        if not found:
            raise InputError("this result has one definition of the spin current: compute it with several")
        changes = {"spin_current": name, "spin_current_definition": SPIN_CURRENT_DEFINITIONS[name]}
        return dataclasses.replace(self, tensors=found, provenance={**self.provenance, **changes})

    def site(self, name: str) -> ResultSet:
        """Those responses that were projected on sites, at one of them. Raises InputError where there are none."""
        return self._at_sites(lambda tensor: tensor.site(name))

    def uniform(self, *names: str) -> ResultSet:
        """Those responses summed over sites, see `ResponseTensor.uniform`."""
        return self._at_sites(lambda tensor: tensor.uniform(*names))

    def staggered(self, first: str, second: str) -> ResultSet:
        """Those responses at one site minus those at another, see `ResponseTensor.staggered`."""
        return self._at_sites(lambda tensor: tensor.staggered(first, second))

    def _at_sites(self, part: Callable[[ResponseTensor], ResponseTensor]) -> ResultSet:
        found = [part(tensor) for tensor in self.values() if tensor.sites]
        if not found:
            raise InputError("no response in this result is projected on sites: compute a spin response with sites")
        return dataclasses.replace(self, tensors={tensor.name: tensor for tensor in found})

    def save(self, path: str | Path) -> Path:
        """Write everything to one HDF5 file, whole or not at all. Raises InputError if that is impossible."""
        tree: Tree = {"kind": KIND, "format": 1, "warnings": json.dumps(self.warnings), "provenance": _own_axes(self.provenance)}
        tree["order"] = list(self.tensors)
        tree["responses"] = {name: _to_tree(tensor) for name, tensor in self.tensors.items()}
        return write_tree(path, tree)

    def arrays(self) -> dict[str, Labelled]:
        """Every response and its error as arrays with named axes, and their coordinates: what `to_xarray` makes a Dataset of.

        Raises InputError where two responses differ in mu, temperature, omega or tau.
        """
        return _merged(self.values())

    def to_xarray(self) -> xarray.Dataset:
        """One dataset of all responses, see `ResponseTensor.to_xarray`; attributes: provenance and warnings as JSON.

        Raises InputError where xarray is not installed, or where two responses differ in mu, temperature, omega or tau.
        """
        return _dataset(self.arrays()).assign_attrs(self.description())

    def description(self) -> dict[str, str]:
        """Provenance and warnings as JSON texts."""
        return {"provenance": json.dumps(plain(self.provenance)), "warnings": json.dumps(self.warnings)}


def load(path: str | Path) -> ResultSet:
    """Read a result file. Raises InputError if it is not one."""
    tree = read_tree(path, KIND)
    try:
        tensors = {name: _from_tree(tree["responses"][name]) for name in tree["order"]}
        return ResultSet(tensors, tree["provenance"], tuple(json.loads(tree["warnings"])))
    except (KeyError, TypeError) as error:
        raise InputError(f"'{path}' is not a whole result file of this version: {error!r}; compute it again") from error


def plain(value: Any) -> Any:
    """What JSON can hold: mappings, lists, and null for the numbers it has none for."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _own_axes(provenance: Mapping[str, Any]) -> Tree:
    """Lists of numbers become their own coordinates, so that netCDF finds a name for each dimension of the file."""
    one_dimensional = {key: value for key, value in provenance.items() if isinstance(value, np.ndarray) and value.ndim == 1}
    return {**provenance, **{key: Labelled(value, (key,)) for key, value in one_dimensional.items()}}


def _to_tree(tensor: ResponseTensor) -> Tree:
    tree: Tree = {f.name: getattr(tensor, f.name) for f in dataclasses.fields(tensor)}
    tree |= {"unit": tensor.unit, "axes": json.dumps(tensor.axes), "recipes": json.dumps(tensor.recipes)}
    tree |= _coordinates(tensor)

    def on_axes(array: Real | None, **attributes: str) -> Labelled | None:
        return None if array is None else Labelled(array, axes_of(array), attributes)

    def axes_of(array: Real) -> tuple[str, ...]:
        """Static blocks of a dynamic response do not depend on omega."""
        return tensor.axes if array.ndim == len(tensor.axes) else tuple(a for a in tensor.axes if a not in ("omega", "part"))

    for key in ("values", "error", "residual", "replica_spread", "sea_surface_difference"):
        tree[key] = on_axes(getattr(tensor, key), units=tensor.unit)
    for key in ("blocks", "block_errors", "block_residuals", "block_spreads"):
        blocks = getattr(tensor, key)
        tree[key] = None if blocks is None else {name: on_axes(block) for name, block in blocks.items()}
    if tensor.block_replicas is not None:
        tree["replica"] = Labelled(np.arange(len(next(iter(tensor.block_replicas.values())))), ("replica",))
        tree["block_replicas"] = {
            name: Labelled(block, ("replica", *axes_of(block[0]))) for name, block in tensor.block_replicas.items()
        }
    for key in PARTS:
        parts = getattr(tensor, key)
        tree[key] = {name: _to_tree(part) for name, part in parts.items()} or None
        tree[f"{key}_order"] = json.dumps(list(parts)) if parts else None
    tree |= {"tau_powers": json.dumps(tensor.tau_powers), "time_odd": json.dumps(tensor.time_odd)}
    tree["custom"] = None if tensor.custom is None else json.dumps(tensor.custom)
    tree["tau_unit"] = tensor.tau_unit
    tree |= {"mu_unit": "eV", "temperature_unit": "K", "omega_unit": "eV"}
    tree["blocks_unit"] = "hbar = e = 1, eV, angstrom, without tau"
    if len(tensor.tau) > 1:
        tree["values_over_tau"] = Labelled(tensor.over_tau, ("tau", *tensor.axes), {"units": tensor.unit})
    if tensor.output == "spin":
        tree["magnetization"] = on_axes(tensor.magnetization)
        tree["magnetization_unit"] = f"mu_B {tensor.unit.removeprefix('<sigma/2>').strip()}, M = -2 mu_B <sigma/2>"
    return tree


def _coordinates(tensor: ResponseTensor) -> dict[str, Labelled]:
    """What stands along each axis of `values`, and tau; omega is empty for a static response."""
    units = {"tau": tensor.tau_unit, "mu": "eV", "temperature": "K", "omega": "eV"}
    found = {name: Labelled(np.array(getattr(tensor, name)), (name,), {"units": unit}) for name, unit in units.items()}
    if len(tensor.omega):
        found["part"] = Labelled(np.array(tensor.parts), ("part",))
    return found | {label: Labelled(np.array(["x", "y", "z"]), (label,)) for label in tensor.labels}


def _named_arrays(tensor: ResponseTensor) -> dict[str, Labelled]:
    """Coordinates, and `name` and `name_error` over (tau, mu, temperature, ..., tensor)."""
    texts = {key: str(getattr(tensor, key)) for key in ("title", "symbol", "equation", "law", "channel", "form", "relaxation")}
    attributes = {"units": tensor.unit, "long_name": texts.pop("title"), **texts}
    axes = ("tau", *tensor.axes)
    coordinates = {name: array for name, array in _coordinates(tensor).items() if name in axes}
    return {
        **coordinates,
        tensor.name: Labelled(tensor.over_tau, axes, attributes),
        f"{tensor.name}_error": Labelled(tensor.error_over_tau, axes, {"units": tensor.unit}),
    }


def _merged(tensors: Iterable[ResponseTensor]) -> dict[str, Labelled]:
    """The arrays of several responses, which share their coordinates. Raises InputError where they do not."""
    found: dict[str, Labelled] = {}
    for tensor in tensors:
        for name, array in _named_arrays(tensor).items():
            if name in found and not np.array_equal(found[name].data, array.data):
                raise InputError(f"'{tensor.name}' has another '{name}' than the responses before it; convert them one by one")
            found[name] = array
    return found


def _dataset(arrays: Mapping[str, Labelled]) -> xarray.Dataset:
    try:
        import xarray
    except ImportError as error:
        raise InputError("to_xarray needs xarray: pip install 'wannier-spin[xarray]'") from error
    variables = {name: (array.axes, array.data, dict(array.attributes)) for name, array in arrays.items()}
    coordinates = {name: variables.pop(name) for name, array in arrays.items() if array.axes == (name,)}
    return xarray.Dataset(variables, coordinates)


def _from_tree(tree: Tree) -> ResponseTensor:
    known = {f.name for f in dataclasses.fields(ResponseTensor)}
    fields = {key: value for key, value in tree.items() if key in known}
    fields |= {"recipes": json.loads(tree["recipes"]), "tau": tuple(float(t) for t in tree["tau"])}
    fields |= {"tau_powers": json.loads(tree["tau_powers"]), "time_odd": tuple(json.loads(tree["time_odd"]))}
    if "custom" in tree:
        fields["custom"] = json.loads(tree["custom"])
    for key in PARTS:
        if key in tree:
            fields[key] = {name: _from_tree(tree[key][name]) for name in json.loads(tree[f"{key}_order"])}
    return ResponseTensor(**fields)
