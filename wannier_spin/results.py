"""What a calculation returns: tensors with their axes, units and blocks, and how they were made.

The blocks (PHYSICS.md, section 3) are the data; `values` is arithmetic on them. So tau, units and the combination of
blocks can be changed on a finished result, also on one that was read from a file.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import units as un
from wannier_spin.errors import InputError
from wannier_spin.storage import Tree, read_tree, write_tree
from wannier_spin.tensors import Channel

Real = NDArray[np.float64]
KIND = "wannier_spin result"
SPIN_CURRENT_DEFINITIONS = {
    "simple": "v^{a;c} = {v^a, sigma^c}/4, the product taken within the Wannier space; spin current = <{v, hbar sigma/2}/2>",
}


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
    block_residuals : what symmetrization removed from the blocks, or None; converged : None where no tolerance was asked for.
    drive : what the response is to, the electric field or (see `thermal`) the gradient of the temperature.
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
    converged: bool | None = None
    drive: un.Drive = "E"

    @cached_property
    def values(self) -> Real:
        """(mu, T, tensor), or (mu, T, omega, part, tensor) with part = (cos, sin); Cartesian axes of length 3.

        In a field E cos(wt) the response is (values[cos] cos(wt) + values[sin] sin(wt)) E: real and imaginary part of the
        amplitude R in Re[R E exp(-iwt)].
        """
        return self._combine(self.blocks, self.combination)

    @cached_property
    def error(self) -> Real:
        """Estimated error of `values`, same shape; NaN where there is none."""
        return np.abs(self._combine(self.block_errors, self.combination))

    @property
    def reactive(self) -> Real:
        """The part of `values`, in the same shape, that absorbs nothing: cos of one T parity, sin of the other.

        R = R1 + R2, R1 with the T parity of a static response of order tau^0 (L0 + AC1), R2 with the opposite one (AC2, and
        tau/(1 - i w tau) times L1 + L1dir). Re R1 and Im R2 are reactive; Im R1 and Re R2 are absorptive, for
        eta -> 0 and tau -> infinity delta functions at the transitions and at w = 0. InputError for a static response.
        """
        if not len(self.omega):
            raise InputError(f"'{self.name}' is a static response; only those to an alternating field have reactive parts")
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
    def over_tau(self) -> Real:
        """`values` for every tau: (tau, mu, T, ...)."""
        return np.stack([self.at(tau=tau).values for tau in self.tau])

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of `values`."""
        dynamic = ("omega", "part") if len(self.omega) else ()
        return ("mu", "temperature", *dynamic, *self.labels)

    @property
    def unit(self) -> str:
        return un.unit_name(self.output, self.field_order, self.dimension, self.units, self.drive)

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

    def component(self, indices: str) -> tuple[Real, Real]:
        """Values and errors of one component, for instance "xy;z": (mu, T) or (mu, T, omega, part)."""
        letters = indices.replace(";", "")
        if len(letters) != len(self.labels) or not set(letters) <= set("xyz"):
            raise InputError(f"component '{indices}' of '{self.name}': expected {len(self.labels)} letters x, y or z")
        index: Any = (..., *("xyz".index(letter) for letter in letters))
        return self.values[index], self.error[index]

    def _over_omega(self, name: str, block: Real) -> Real:
        """In a dynamic response, a static block times the (cos, sin) parts of (tau/(1 - i w tau))^p; any other as it is."""
        if not len(self.omega) or block.ndim > 2 + len(self.labels):
            return block
        tau = self.tau[0] if self.units == "natural" else un.natural_tau(self.tau[0])
        amplitude = (tau / (1 - 1j * self.omega * tau)) ** self.tau_powers[name]
        parts = np.stack([amplitude.real, amplitude.imag], axis=-1)  # (omega, part)
        return np.asarray(np.expand_dims(block, (2, 3)) * np.expand_dims(parts, tuple(range(2, 2 + len(self.labels)))))

    def _combine(self, blocks: Mapping[str, Real], recipe: Mapping[str, float]) -> Real:
        total: Real = sum((factor * self._over_omega(name, blocks[name]) for name, factor in recipe.items()), np.zeros(()))
        if self.form == "full" and self.field_order == 2:
            first_field = total.ndim - len(self.labels) + 1
            total = (total + np.swapaxes(total, first_field, first_field + 1)) / 2
        return self._scale * total

    @property
    def _scale(self) -> float:
        """Power of tau and SI unit."""
        if self.units == "natural":
            return float(self.tau[0]) ** self.tau_power
        factor = un.si_factor(self.output, self.field_order, self.dimension)
        return float(factor * un.natural_tau(self.tau[0]) ** self.tau_power)


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

    def save(self, path: str | Path) -> Path:
        """Write everything to one HDF5 file, whole or not at all. Raises InputError if that is impossible."""
        tree: Tree = {"kind": KIND, "format": 1, "warnings": json.dumps(self.warnings), "provenance": dict(self.provenance)}
        tree["order"] = list(self.tensors)
        tree["responses"] = {name: _to_tree(tensor) for name, tensor in self.tensors.items()}
        return write_tree(path, tree)


def load(path: str | Path) -> ResultSet:
    """Read a result file. Raises InputError if it is not one."""
    tree = read_tree(path, KIND)
    try:
        tensors = {name: _from_tree(tree["responses"][name]) for name in tree["order"]}
        return ResultSet(tensors, tree["provenance"], tuple(json.loads(tree["warnings"])))
    except (KeyError, TypeError) as error:
        raise InputError(f"'{path}' is not a whole result file of this version: {error!r}; compute it again") from error


def _to_tree(tensor: ResponseTensor) -> Tree:
    tree: Tree = {f.name: getattr(tensor, f.name) for f in dataclasses.fields(tensor)}
    tree |= {"values": tensor.values, "error": tensor.error, "unit": tensor.unit, "axes": json.dumps(tensor.axes)}
    tree |= {"recipes": json.dumps(tensor.recipes), "tau": np.array(tensor.tau)}
    tree |= {"tau_powers": json.dumps(tensor.tau_powers), "time_odd": json.dumps(tensor.time_odd)}
    tree["custom"] = None if tensor.custom is None else json.dumps(tensor.custom)
    tree["residual"] = tensor.residual
    tree["tau_unit"] = "fs" if tensor.units == "SI" else "hbar/eV"
    tree |= {"mu_unit": "eV", "temperature_unit": "K", "omega_unit": "eV"}
    tree["blocks_unit"] = "hbar = e = 1, eV, angstrom, without tau"
    if len(tensor.tau) > 1:
        tree["values_over_tau"] = tensor.over_tau
    if tensor.output == "spin":
        tree["magnetization"] = tensor.magnetization
        tree["magnetization_unit"] = f"mu_B {tensor.unit.removeprefix('<sigma/2>').strip()}, M = -2 mu_B <sigma/2>"
    return tree


def _from_tree(tree: Tree) -> ResponseTensor:
    known = {f.name for f in dataclasses.fields(ResponseTensor)}
    fields = {key: value for key, value in tree.items() if key in known}
    fields |= {"recipes": json.loads(tree["recipes"]), "tau": tuple(float(t) for t in tree["tau"])}
    fields |= {"tau_powers": json.loads(tree["tau_powers"]), "time_odd": tuple(json.loads(tree["time_odd"]))}
    if "custom" in tree:
        fields["custom"] = json.loads(tree["custom"])
    return ResponseTensor(**fields)
