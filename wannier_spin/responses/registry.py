"""What a response is: one record. What it is made of: building blocks, computed once and stored with the result.

A block is an integrand per band (docs/theory.md, section 3), the same for every observable; a response is a named
combination of blocks for one observable. To add a response, write its block (if it is new) and its record in a module
of this package and import that module in `__init__`; tables, command line, units, parities and tests follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from wannier_spin import observables
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.observables.registry import PAPER as PAPER
from wannier_spin.observables.registry import Coefficient, Effect
from wannier_spin.responses.pairs import BandPairs, Real
from wannier_spin.responses.transitions import Transitions
from wannier_spin.tensors import SEA_MINUS_SURFACE, Channel, TensorLaw, charge_counterpart, parse_law, parts_of
from wannier_spin.weights import WEIGHTS, Weight

Form = Literal["paper", "full"]
Density = Callable[[BandPairs], Real]
DynamicDensity = Callable[[BandPairs, complex], Real]


@dataclass(frozen=True)
class Relaxation:
    """A relaxation model: prefactor of tau^2 and coefficients of F, P, D at second order (docs/theory.md, section 3).

    tau2 None: the model has no terms with tau.
    """

    tau2: float | None
    kF: float
    kP: float
    kD: float
    meaning: str

    def combine(self, recipe: Mapping[str, float | Coefficient]) -> dict[str, float]:
        """The recipe with the coefficients of this model put in."""
        return {name: float(getattr(self, factor) if isinstance(factor, str) else factor) for name, factor in recipe.items()}


RELAXATIONS = {
    "adiabatic": Relaxation(1 / 2, 2, 0, 0, "E e^{eta t}, order j carries j eta, eta = 1/tau: the factor printed in (9), (10)"),
    "constant": Relaxation(1, 1, 1, 0, "every matrix element relaxes with 1/tau towards rho_0 (an insulator keeps a spurious P)"),
    "intraband": Relaxation(1, 0, -1, 0, "1/tau on the diagonal only"),
    "gao": Relaxation(1, 1, 0, 1, "semiclassical wave packets; kD extends a charge result (Gao 2014) to spin observables"),
    "static": Relaxation(None, 0, 0, 0, "rectified part of E cos(wt), eta -> 0 then w -> 0; no terms with tau"),
}


@dataclass(frozen=True)
class Block:
    """An integrand: density(pairs) -> (k, n, fields..., o), summed over n with f ("sea") or f' ("surface").

    tau_power: what it is multiplied by. derivatives: needs the covariant derivative of the observable. direct: is nothing but
    that, which the printed forms lack. holds: name of the stack (k,n,d,o,m) of matrices that it keeps in memory, if it has one;
    blocks with the same name share it. broadened: whether its gaps have the broadening that is asked for. traced: whether it is
    one trace with the observable, `BandPairs.re` or `im`, times a number. The definition and its unit, [O] being that of the
    observable, are in the density's docstring.
    """

    name: str
    fermi: Literal["sea", "surface"]
    fields: str
    tau_power: int
    density: Density
    derivatives: bool = False
    direct: bool = False
    holds: str = ""
    broadened: bool = False
    traced: bool = False


@dataclass(frozen=True)
class DynamicBlock:
    """An integrand that depends on the frequency z = omega + i eta: density(pairs, z) -> (k, n, part, fields..., o).

    transitions : what its density is made of, at any frequency. time_odd: whether its parity under time reversal is opposite to
    that of the static response of order tau^0. tau_power: what it is multiplied by. derivatives, holds: see `Block`.
    """

    name: str
    fields: str
    density: DynamicDensity
    transitions: Transitions
    time_odd: bool = False
    tau_power: int = 0
    derivatives: bool = False
    holds: str = ""


@dataclass(frozen=True, kw_only=True)
class Response(Effect):
    """One response, of the paper or beyond: the data of `observables.Effect`, and what follows from them."""

    @cached_property
    def tensor(self) -> TensorLaw:
        return parse_law(self.law)

    def channel_tensor(self, channel: Channel) -> TensorLaw:
        return self.tensor if channel == "spin" else charge_counterpart(self.tensor)

    @property
    def known_of_charge(self) -> str:
        """What it is with the charge current in the place of the observable, in words; of responses that are one then, for all."""
        alike = (r for r in (RESPONSES | THERMAL_RESPONSES).values() if r.title_of_charge and r._of_charge == self._of_charge)
        return next(alike, self).title_of_charge

    def in_channel(self, channel: Channel) -> Response:
        """The record as results are labelled: of the charge a conductivity, which has indices and a name of its own."""
        if channel == "spin":
            return self
        law, driven = self.channel_tensor(channel), self.law.partition(" = ")[2].partition(" ")[2]
        letter = "sigma" if law.drive == "E" else "alpha"
        title = self.known_of_charge or f"{self.title} (charge counterpart)"
        return replace(self, title=title, law=f"I_{law.labels[0]} = {letter}_{law.labels} {driven}")

    @cached_property
    def _of_charge(self) -> tuple[object, ...]:
        """What tells responses of the charge apart."""
        return self.tensor.field_order, self.tensor.drive, self.paper, self.full, self.dynamic

    @property
    def weight(self) -> Weight:
        """What its densities are multiplied by."""
        return WEIGHTS[self.tensor.drive]

    def thermal_record(self) -> Response | None:
        """The record of its counterpart in a gradient of T, coefficient of +grad T."""
        if self.thermal is None:
            return None
        name, title = self.thermal
        law = re.sub(r" = [a-z]+_", " = alpha_", self.law).replace("E_b", "d_b T")
        nernst = tuple(usual.replace("hall", "nernst") for usual in self.usual_of_charge if "hall" in usual)
        told = self.title_of_charge.replace("Hall conductivity", "Nernst effect") if nernst else ""
        thermal = replace(self, name=name, title=title, law=law, geometry=(), thermal=None)
        return replace(thermal, usual=(), usual_of_charge=nernst, title_of_charge=told)

    @property
    def symbol(self) -> str:
        """For instance sigma(2)_abd;c."""
        name, _, indices = self.law.partition(" = ")[2].partition(" ")[0].partition("_")
        order = f"({self.tau_power})" if len(self.tau_powers) == 1 else ""
        return f"{name}{order}_{indices}" + ("(omega)" if self.dynamic else "")

    @property
    def parts(self) -> tuple[str, ...]:
        """What the axis `part` of a dynamic response has: the two polarizations of light, or the two phases."""
        return parts_of(self.tensor.field_order) if self.dynamic else ()

    @property
    def tau_powers(self) -> tuple[int, ...]:
        """Powers of tau that occur, in ascending order."""
        return tuple(sorted({block(name).tau_power for name in self.blocks("full")}))

    @property
    def direct(self) -> tuple[str, ...]:
        """Blocks with the explicit derivative of the observable, which the printed forms lack."""
        return tuple(name for name in self.full or {} if name in BLOCKS and BLOCKS[name].direct)

    @property
    def broadened(self) -> bool:
        """Whether a broadening of gaps changes it: static, second order, of order tau^0 or tau."""
        return any(isinstance(one := block(name), Block) and one.broadened for name in self.blocks("full"))

    @property
    def needs(self) -> tuple[str, ...]:
        """Operators of the model that its observable is made of, besides H and the position."""
        return observables.get(self.tensor.observable).needs

    @property
    def sea_minus_surface(self) -> dict[str, float]:
        """The difference of the two forms, whose sum over k vanishes; empty where there is one form."""
        if self.surface is None:
            return {}
        full = {name: factor for name, factor in (self.full or self.paper).items() if not isinstance(factor, str)}
        names = dict.fromkeys((*full, *self.surface))
        difference = {name: full.get(name, 0.0) - self.surface.get(name, 0.0) for name in names}
        return {name: factor for name, factor in difference.items() if factor}

    def blocks(self, form: Form, extra: Sequence[str] = ()) -> tuple[str, ...]:
        """What is computed: for the paper's form its own blocks, and the direct ones where `extra` has those of `surface`, with
        which the two forms are compared; else all.
        """
        names = (*self.paper, *(self.full or {}), *self.companions)
        if form == "paper":
            compared = self.surface is not None and set(self.surface) <= {*self.paper, *extra}
            names = (*self.paper, *(self.direct if compared else ()))
        return tuple(dict.fromkeys(names))

    def recipes(self, form: Form, extra: Sequence[str] = ()) -> dict[str, dict[str, float]]:
        """Combinations of those blocks that make a form: {"paper": ..., "full adiabatic": ..., ...}.

        extra : further blocks that are there; with those of `surface` also `SEA_MINUS_SURFACE`.
        """
        recipes = {"paper": dict(self.paper)}
        if form == "full":
            for name, relaxation in RELAXATIONS.items():
                if relaxation.tau2 is not None or self.tau_powers == (0,):
                    recipes[f"full {name}"] = relaxation.combine(self.full or self.paper)
        if self.surface and set(self.sea_minus_surface) <= {*self.blocks(form, extra), *extra}:
            recipes[SEA_MINUS_SURFACE] = self.sea_minus_surface
        return recipes


BLOCKS: dict[str, Block] = {}
DYNAMIC_BLOCKS: dict[str, DynamicBlock] = {}
RESPONSES: dict[str, Response] = {}
THERMAL_RESPONSES: dict[str, Response] = {}  # to a gradient of T: made of those to a field, asked for by name


def respond(effect: Effect) -> None:
    """Make a response of what was registered with an observable."""
    register(Response(**vars(effect)))


def register(*items: Block | DynamicBlock | Response) -> None:
    """Add blocks and responses to the registry. Raises ValueError for a name that is taken or a block that is not there."""
    for item in items:
        table: dict[str, object] = {Block: BLOCKS, DynamicBlock: DYNAMIC_BLOCKS, Response: RESPONSES}[type(item)]  # type: ignore[assignment]
        if item.name in table or item.name in (BLOCKS if isinstance(item, DynamicBlock) else DYNAMIC_BLOCKS):
            raise ValueError(f"'{item.name}' is registered twice")
        thermal = None
        if isinstance(item, Response):
            _check(item)
            thermal = item.thermal_record()
        if thermal and (thermal.name in RESPONSES or thermal.name in THERMAL_RESPONSES):
            raise ValueError(f"'{thermal.name}' is registered twice")
        table[item.name] = item
        if thermal:
            THERMAL_RESPONSES[thermal.name] = thermal


def _check(response: Response) -> None:
    """Raise ValueError for blocks that are not there or do not fit the law."""
    names = set(response.blocks("full")) | set(response.surface or ())
    missing = names - set(BLOCKS) - set(DYNAMIC_BLOCKS if response.dynamic else ())
    if missing:
        raise ValueError(f"response '{response.name}' names unknown blocks {sorted(missing)}")
    order = response.tensor.field_order
    wrong = sorted(name for name in names if len(block(name).fields) != order)
    if wrong:
        raise ValueError(f"response '{response.name}' is of order {order} in the fields, and its blocks {wrong} are not")
    if response.dynamic and order > 2:
        raise ValueError(f"response '{response.name}': frequencies are there for one field, or two of light")


def block(name: str) -> Block | DynamicBlock:
    """A block by its name."""
    return BLOCKS[name] if name in BLOCKS else DYNAMIC_BLOCKS[name]


def time_odd(name: str) -> bool:
    """Whether a block's parity under time reversal is opposite to that of a static one of order tau^0."""
    return DYNAMIC_BLOCKS[name].time_odd if name in DYNAMIC_BLOCKS else BLOCKS[name].tau_power % 2 == 1


def names() -> tuple[str, ...]:
    """The names of all responses to a field; those to a gradient of T: `thermal_names`."""
    return tuple(RESPONSES)


def thermal_names() -> tuple[str, ...]:
    """The names of the responses to a gradient of the temperature."""
    return tuple(THERMAL_RESPONSES)


def get(name: str) -> Response:
    """A response by its name. Raises InputError naming the nearest valid one."""
    known = RESPONSES | THERMAL_RESPONSES
    if name in known:
        return known[name]
    here = [f"'{r.name}'" for r in known.values() if _plain(name) in r.usual]
    here += [f"'{r.name}' with channel = 'charge'" for r in known.values() if _plain(name) in r.usual_of_charge]
    meant = f"here it is {here[0]}. All: {', '.join(known)}" if here else did_you_mean(name, known)
    raise InputError(f"unknown response '{name}'; {meant}")


def _plain(name: object) -> str:
    """As in `Effect.usual`."""
    return re.sub(r"_(effect|conductivity|current)$", "", re.sub(r"[\W_]+", "_", str(name).strip().lower()))
