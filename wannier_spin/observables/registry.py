"""What an observable is: one record. To add one with its responses, write a module of this package that registers them, as
`orbital` does, and import it in `__init__`.

An observable is a tensor of Hermitian matrices between bands, O_nm(k), with its covariant derivative (docs/theory.md, section 1):

    D_b O = d_b O - i [A_b, O]

The letter of an observable stands in the laws of its responses ("J_a;c = sigma_ab;c E_b"): rank, parities and units of every
response follow from its record. `product` makes the flow of an observable, {v^a, O}/2, and `projected` what it is on sites.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import Complex, Real, adjoint, bracket, half_anticommutator
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.units import Measure

PAPER = "arXiv:2406.02257v3"
Coefficient = Literal["tau2", "kF", "kP", "kD"]
IndexKind = Literal["polar", "axial", "orbital"]  # axial: a spin, which may turn on its own; orbital: axial, bound to the lattice


class Bloch(Protocol):
    """Matrices in the Wannier gauge, see `bloch.BlochMatrices`: what is made of single Wannier functions starts from them."""

    @property
    def hamiltonian(self) -> Complex: ...
    @property
    def gradient(self) -> Complex: ...
    @property
    def hessian(self) -> Complex | None: ...
    @property
    def connection(self) -> Complex | None: ...
    @property
    def operators(self) -> Mapping[str, Complex]: ...
    @property
    def slopes(self) -> Mapping[str, Complex]: ...


class Bands(Protocol):
    """What an observable is made of, at a batch of k-points; all between bands (k,...,n,m). See `geometry.BandGeometry`.

    velocity v^a and velocity_derivative D_b v^a; position r^a_nm = -i v^a_nm/eps_nm and position_derivative D_b r^a, r zero inside
    a degenerate group of bands, as is interband_velocity, with its derivative; operator(name), operator_derivative(name): of the
    model. inverse_gap: 1/(eps_N - eps_M), zero inside a group. observable, observable_derivative: of another observable.
    """

    @property
    def bloch(self) -> Bloch: ...
    @property
    def states(self) -> Complex: ...
    @property
    def velocity(self) -> Complex: ...
    @property
    def velocity_derivative(self) -> Complex: ...
    @property
    def connection(self) -> Complex | None: ...
    @property
    def position(self) -> Complex: ...
    @property
    def position_derivative(self) -> Complex: ...
    @property
    def interband_velocity(self) -> Complex: ...
    @property
    def interband_velocity_derivative(self) -> Complex: ...
    @property
    def same_group(self) -> NDArray[np.bool_]: ...
    @property
    def inverse_gap(self) -> Real: ...
    def operator(self, name: str) -> Complex: ...
    def operator_derivative(self, name: str) -> Complex: ...
    def operator_derivative_diagonal(self, name: str) -> Real: ...
    @property
    def velocity_slope(self) -> Complex: ...
    def operator_slope(self, name: str) -> Complex: ...
    def observable(self, name: Observable) -> Complex: ...
    def observable_derivative(self, name: Observable) -> Complex: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Observable:
    """One observable; equal only to itself.

    name : what results call it. symbol : its letter in laws. title : in words. indices : kinds of its own Cartesian indices, the
    first one before the fields in a law, the others behind the semicolon. time_parity : +1 or -1. measure : unit.
    matrix : (k,o,n,m) of `Bands`, o running over all indices, the last one fastest. derivative : (k,b,o,n,m), covariant.
    derivative_diagonal : (k,b,o,n) of it, where that takes less. slope : d_b of it in the Wannier gauge, (k,b,o,w,w).
    needs : operators of the model, besides H and the position. definition : where an observable has several, the name of this one;
    meaning : its equation, stored with results. local : a density, which may be projected on sites. factors : of a product
    {X, Y}/2, whose traces are then those of X Y. of_velocity: whether its derivative needs that of the
    velocity. n_sites : so many of it side by side, one at each site.
    """

    name: str
    symbol: str
    title: str
    indices: tuple[IndexKind, ...]
    time_parity: int
    measure: Measure
    matrix: Callable[[Bands], Complex]
    derivative: Callable[[Bands], Complex]
    derivative_diagonal: Callable[[Bands], Real] | None = None
    slope: Callable[[Bands], Complex] | None = None
    needs: tuple[str, ...] = ()
    definition: str = ""
    meaning: str = ""
    local: bool = False
    of_velocity: bool = True
    factors: tuple[Observable, Observable] | None = None
    n_sites: int = 1

    @property
    def n_components(self) -> int:
        """Length of the axis o."""
        return int(self.n_sites * 3 ** len(self.indices))

    def __repr__(self) -> str:
        which = f", {self.definition}" if self.definition else ""
        kinds = " ".join(self.indices)
        needs = ", ".join(self.needs) or "H"
        return f"Observable({self.symbol}: {self.title}{which}; {kinds}, T {self.time_parity:+d}; needs {needs})"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A response as data: what it is of an observable, and of which blocks it is made. `responses.Response` is it at work.

    law : the index law, see `tensors`. equation : number in the paper. geometry : the geometric quantities that govern it
    (for a dynamic linear response those of its two parts under time reversal, see `time_odd`). paper : the printed combination of
    blocks. full : the exact one, with coefficients of the relaxation model by name; None: the same. surface : the full one with
    terms of the Fermi surface in place of those of the sea, where there are such blocks. companions : blocks that are stored
    besides. thermal : name and title of the response to a gradient of T that goes with it; its record is made of this one, and
    its densities have the weights of `weights` in place of f and f'. tau_power : the lowest power of tau. dynamic : a static block
    of order tau^p stands for what it is in an alternating field, with (tau/(1 - i w tau))^p; see `results`. usual :
    what else the field calls it, without "_effect", "_conductivity" or "_current" behind it; usual_of_charge : what it is called
    with the charge current in the place of the observable, title_of_charge: in words.
    """

    name: str
    title: str
    law: str
    equation: str
    tau_power: int
    paper: Mapping[str, float]
    geometry: tuple[str, ...] = ()
    full: Mapping[str, float | Coefficient] | None = None
    companions: tuple[str, ...] = ()
    surface: Mapping[str, float] | None = None
    thermal: tuple[str, str] | None = None
    reference: str = PAPER
    dynamic: bool = False
    usual: tuple[str, ...] = ()
    usual_of_charge: tuple[str, ...] = ()
    title_of_charge: str = ""


OBSERVABLES: dict[str, dict[str, Observable]] = {}
EFFECTS: list[Effect] = []
_FOLLOWERS: list[Callable[[Effect], None]] = []


def register(observable: Observable, *effects: Effect) -> Observable:
    """Enter an observable, and responses that go with it: the one door for a module that has both.

    Raises ValueError for a definition that is there, or a letter that another observable has.
    """
    _enter(observable)
    for effect in effects:
        EFFECTS.append(effect)
        for follower in _FOLLOWERS:
            follower(effect)
    return observable


def follow(follower: Callable[[Effect], None]) -> None:
    """Hand all effects to a layer above, those that are there and those that come: `responses` makes responses of them."""
    for effect in EFFECTS:
        follower(effect)
    _FOLLOWERS.append(follower)


def _enter(observable: Observable) -> None:
    known = OBSERVABLES.get(observable.name, {})
    if observable.definition in known:
        raise ValueError(f"observable '{observable.name}' is registered twice")
    letters = {one.symbol: name for name in OBSERVABLES for one in OBSERVABLES[name].values()}
    if letters.get(observable.symbol, observable.name) != observable.name:
        raise ValueError(f"the letter '{observable.symbol}' of '{observable.name}' is that of '{letters[observable.symbol]}'")
    first = next(iter(known.values()), observable)
    if (first.symbol, first.indices, first.time_parity) != (observable.symbol, observable.indices, observable.time_parity):
        raise ValueError(f"the definitions of '{observable.name}' differ in letter, indices or parity")
    if not observable.indices or observable.time_parity not in (1, -1):
        raise ValueError(f"'{observable.name}' needs at least one index, and time_parity +1 or -1")
    OBSERVABLES.setdefault(observable.name, {})[observable.definition] = observable


def definitions(name: str) -> dict[str, Observable]:
    """All definitions of an observable by their names; the first one is the default. Raises InputError where it is not known."""
    if name in OBSERVABLES:
        return OBSERVABLES[name]
    raise InputError(f"unknown observable '{name}'; {did_you_mean(name, OBSERVABLES)}; import the module that registers it")


def get(name: str, definition: str | None = None) -> Observable:
    """An observable by name, in one of its definitions (None: the first). Raises InputError for names that are not known."""
    known = definitions(name)
    if definition is None:
        return next(iter(known.values()))
    if definition not in known:
        raise InputError(f"{name} = '{definition}' is not available; choose from {', '.join(known)}")
    return known[definition]


def by_symbol(symbol: str) -> Observable:
    """The observable of a letter in a law. Raises ValueError where there is none (a programming error)."""
    for known in OBSERVABLES.values():
        first = next(iter(known.values()))
        if first.symbol == symbol:
            return first
    letters = ", ".join(next(iter(known.values())).symbol for known in OBSERVABLES.values())
    raise ValueError(f"cannot read the law: no observable has the letter '{symbol}'; known: {letters}")


def product(
    left: Observable,
    right: Observable,
    *,
    name: str,
    symbol: str,
    title: str,
    measure: Measure,
    definition: str = "",
    meaning: str = "",
) -> Observable:
    """{X, Y}/2 of two observables, x before y: with the velocity as X the flow of Y."""

    def matrix(g: Bands) -> Complex:
        X, Y = g.observable(left), g.observable(right)
        return _flat(half_anticommutator(X[:, :, None], Y[:, None]), 1)

    def derivative(g: Bands) -> Complex:
        X, Y = g.observable(left)[:, None, :, None], g.observable(right)[:, None, None]
        DX, DY = g.observable_derivative(left)[:, :, :, None], g.observable_derivative(right)[:, :, None]
        return _flat(half_anticommutator(DX, Y, (X, DY)), 2)

    return Observable(
        name=name,
        symbol=symbol,
        title=title,
        indices=left.indices + right.indices,
        time_parity=left.time_parity * right.time_parity,
        measure=measure,
        matrix=matrix,
        derivative=derivative,
        needs=tuple(dict.fromkeys((*left.needs, *right.needs))),
        definition=definition,
        meaning=meaning,
        factors=(left, right),
    )


def projected(observable: Observable, sites: Sequence[Sequence[int]]) -> Observable:
    """{p_s, O}/2 for each site s, p_s the projector on its Wannier functions: (k,(s,o),n,m).

    p_s does not depend on k in the Wannier gauge, and is no constant for all that: D_b p_s = -i [A_b, p_s].
    """

    def projectors(g: Bands) -> Complex:
        """p_s between bands: (k,s,n,m)."""
        own = [g.states[:, sorted(site)] for site in sites]
        return np.stack([adjoint(U) @ U for U in own], axis=1)

    def matrix(g: Bands) -> Complex:
        return _flat(half_anticommutator(projectors(g)[:, :, None], g.observable(observable)[:, None]), 1)

    def derivative(g: Bands) -> Complex:
        p = projectors(g)
        O, DO = g.observable(observable), g.observable_derivative(observable)  # noqa: E741  (the letter of the equations)
        moved = []
        if g.connection is not None:
            Dp = bracket(g.connection[:, :, None], p[:, None])
            moved.append((Dp[:, :, :, None], O[:, None, None]))
        return _flat(half_anticommutator(p[:, None, :, None], DO[:, :, None], *moved), 2)

    return Observable(
        name=observable.name,
        symbol=observable.symbol,
        title=f"{observable.title} at sites",
        indices=observable.indices,
        time_parity=observable.time_parity,
        measure=observable.measure,
        matrix=matrix,
        derivative=derivative,
        needs=observable.needs,
        definition=observable.definition,
        of_velocity=observable.of_velocity,
        n_sites=len(sites),
    )


def operators_of(observables: Sequence[Observable]) -> tuple[str, ...]:
    """What observables need of the model, each once."""
    return tuple(dict.fromkeys(chain.from_iterable(observable.needs for observable in observables)))


def _flat(X: Complex, first: int) -> Complex:
    """Two axes of components behind `first` axes as one."""
    return X.reshape(*X.shape[:first], -1, *X.shape[-2:])
