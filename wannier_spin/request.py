"""`Request`: what is asked of a model. One record for every entry: `compute` and maps in Python, input files, the command line.

It is checked once, here, as far as that goes without a model; what depends on the model is checked in `prepared`. Its defaults
are the defaults of all entries, and it makes the identity of a checkpoint.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from wannier_spin import responses as resp
from wannier_spin import units as un
from wannier_spin.carriers import Carriers
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.tolerance.checkpoint import short
from wannier_spin.keywords import Keywords as Keywords
from wannier_spin.model import SpinCurrent, Structure
from wannier_spin.occupation import Occupation
from wannier_spin.responses.registry import Form, Response
from wannier_spin.results import SPIN_CURRENT_DEFINITIONS, MeshFacts, ToleranceFacts
from wannier_spin.sites import SitesLike
from wannier_spin.tensors import Channel
from wannier_spin.values import DEFAULT_TAU as DEFAULT_TAU
from wannier_spin.values import TAU_UNIT, as_tuple, check_positive, check_switch, is_number, is_whole, numbers, taus_of, texts
from wannier_spin.versions import installed
from wannier_spin.weights import Weight

Real = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])
LARGEST_ENERGY, LARGEST_TOLERANCE = 1e5, 1.0  # eV: of mu, omega, broadenings; of what is degenerate
LARGEST_MEMORY = 1e9  # GiB


def _told(**meanings: Any) -> Any:
    """What is known of a field besides its default.

    identity : whether it makes another calculation. help, kind : of its option on the command line, if it has one.
    """
    return field(default=meanings.pop("default", dataclasses.MISSING), metadata=meanings)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Request:
    """What is asked of a model: Request("spin_hall", grid=(24, 24, 24), mu=22.48, temperature=300, units="SI").

    Parameters
    ----------
    responses : names (`wannier_spin.responses.names()`, `.thermal_names()`), or "all": all responses to a field.
    mu : eV, absolute: on the scale of the model's energies. (In an input file mu counts from fermi_energy.)
    carriers : `Carriers` in place of mu, which is then solved for at every temperature; for `compute`. The result has mu as well.
    temperature : K; 0 is allowed for Fermi-sea responses, within a tolerance, and for everything on a k·p model.
    grid : three numbers of k-points, k = (i + shift)/n; one along a vacuum direction. For a k·p model two numbers:
        Gauss-Legendre points per radial panel, and angles. None: give a tolerance.
    tolerance : relative to the largest component over the scan, or a `Tolerance`: meshes become denser, or k-points go where they
        are needed (boxes), until the error bars of all components at all (mu, T), or in a window of mu, are within it. Also at
        0 K. `ResponseTensor.converged` says whether they are.
    tau : hbar/eV with natural units (default 1), fs with SI units (default 10). Several: see `ResponseTensor.over_tau`.
    omega : eV, for the responses to an alternating field. broadening : eV, half width eta in omega + i eta.
    gap_broadening : eV, Gamma in static second-order responses of order tau^0 and tau: 1/eps of two bands becomes
        eps/(eps^2 + Gamma^2), so that pairs closer than Gamma do not count (docs/theory.md, section 3). 0: none. It is part of the
        result, like a temperature. InputError where no response has it.
    units : "natural", hbar = e = 1, eV, angstrom, K, tau in hbar/eV; or "SI", tau in fs. Default in Python: natural; in input
        files and on the command line: SI.
    channel : "charge" replaces the observable by the velocity (the identity channel), for validation: natural units give the
        response of <v>, SI units that of the electric current -e <v>. Berry curvature that
        comes from outside of the Wannier space (curl A - i A x A) is not part of it.
    form : "paper", the printed combination of blocks, or "full", the exact one for any number of bands, symmetrized in the
        two fields. relaxation : of the full form at second order, see `responses.RELAXATIONS`. Both are arithmetic on the
        stored blocks: `ResponseTensor.at(form=..., relaxation=...)`; with "paper" the blocks of "full" are not computed.
    spin_current : its definition, "simple", "qiao" or "ryoo" (the model must have been read for it); or several, from one
        diagonalization: the responses are those of the first, see `ResponseTensor.definition` for the others.
    blocks : further building blocks to store with the responses of their order in field and tau, for instance "L1surf".
    symmetry : structure with its magnetic moments; the tensors are projected on what its magnetic point group allows.
    reduce_k : with `symmetry`, evaluate irreducible k-points only; False: all, and what the projection removes is kept
        as `ResponseTensor.residual`, a measure of how far the Wannier model breaks the symmetry.
    sites : projects the spin responses on groups of Wannier functions, see `ResponseTensor.site`. "atoms": one for each atom of
        `symmetry`; or name -> Wannier functions (numbered from 0) or names of atoms (Mn1, Mn2, ...); or what `atomic_sites`
        returns. With `symmetry` they are whole atoms, and all equivalent ones.
    degeneracy_tolerance : eV; bands closer than this are one degenerate group. None: 5e-4, for a k·p model 1e-6 of its largest
        energy at k = 0 (its bands are exact, and may be meV apart on purpose).
    degeneracy_check : True: also compute with a tenth and with ten times of that tolerance, on a mesh of half the density (within
        a tolerance: on the first boxes), and record how much each response moves, relative to its maximum, in the provenance.
        None: with that tolerance and none, on a few points, where more than a hundredth of the states at mu is in bands that
        are closer than it, not degenerate, and not pairs by the symmetry of the structure. False: never.
    memory : GiB per rank that batches may fill, next to the model itself.

    Lists are kept as arrays, a single response as a tuple of one.

    Raises
    ------
    InputError : unknown names, impossible requests, magnitudes that cannot be meant.
    """

    responses: tuple[str, ...]
    mu: Real
    carriers: Carriers | None = _told(default=None)
    temperature: Real = _told(kind=float, help="K; default: 300.")
    grid: tuple[int, ...] | None = _told(default=None, identity=False)
    shift: tuple[float, ...] = _told(default=(0.0, 0.0, 0.0), identity=False)
    tolerance: Tolerance | None = _told(default=None, identity=False)  # a resumed run may be asked for another accuracy
    units: un.UnitSystem = _told(default="natural")
    tau: Real = _told(default=None, kind=float, help="fs; default: 10.")
    omega: Real = _told(default=(), kind=float, help="eV, of a response to an alternating field.")
    broadening: float = _told(default=0.0, kind=float, help="eV, half width in omega + i eta.")
    gap_broadening: float = _told(default=0.0, kind=float, help="eV, of gaps in static second-order responses.")
    channel: Channel = _told(default="spin", kind=str, help="spin, or charge: the velocity in place of the observable.")
    form: Form = _told(default="full", kind=str, help="full or paper.")
    relaxation: str = _told(default="adiabatic", kind=str, help="Relaxation model of the full form at second order.")
    spin_current: tuple[SpinCurrent, ...] = _told(default=("simple",), kind=str, help="Its definition: simple, qiao or ryoo.")
    blocks: tuple[str, ...] = _told(default=())
    symmetry: Structure | None = _told(default=None, identity=False)  # with reduce_k: what is kept are the operations
    reduce_k: bool = _told(default=True, identity=False)
    sites: SitesLike | None = _told(default=None, identity=False)  # what is kept are the Wannier functions
    degeneracy_tolerance: float | None = _told(
        default=None, identity=False, kind=float, help="eV; bands closer than this are one degenerate group."
    )
    degeneracy_check: bool | None = _told(default=None, identity=False)
    memory: float = _told(default=1.0, identity=False)

    def __init__(self, responses: str | Sequence[str], **given: Unpack[Keywords]) -> None:
        for name, value in _checked(responses, {**DEFAULTS, **_known(given)}).items():
            object.__setattr__(self, name, value)

    @property
    def records(self) -> tuple[Response, ...]:
        """The responses as they are registered."""
        return tuple(resp.get(name) for name in self.responses)

    @property
    def natural_tau(self) -> float:
        """The first tau in hbar/eV."""
        return float(self.tau[0]) if self.units == "natural" else un.natural_tau(float(self.tau[0]))

    def occupation(self, weight: Weight) -> Occupation:
        """How the states are weighed at all mu and temperatures."""
        return weight(self.mu, np.array([un.thermal_energy(T) for T in self.temperature]))

    def axes(self, dynamic: bool = True) -> dict[str, Any]:
        """What stands along the axes of a response. dynamic : with frequencies."""
        omega = self.omega if dynamic else np.empty(0)
        return {"mu": self.mu, "temperature": self.temperature, "omega": omega, "tau": tuple(self.tau.tolist())}

    def sampling(self) -> MeshFacts | ToleranceFacts:
        """How the integrals are made, as results keep it."""
        wanted = self.tolerance
        if wanted is None:
            return MeshFacts(tuple(int(n) for n in self.grid or ()), tuple(float(s) for s in self.shift))
        limits = (wanted.replicas, int(wanted.max_evaluations), float(wanted.max_seconds))
        window = None if wanted.window is None else (float(wanted.window[0]), float(wanted.window[1]))
        return ToleranceFacts(float(wanted.relative), dict(wanted.absolute or {}), *limits, window)

    def single(self) -> Request:
        """The same, if it asks for one response at one mu, temperature, tau, frequency. Raises InputError for several."""
        for name in ("mu", "temperature", "tau", "omega"):
            values = getattr(self, name)
            if len(values) > 1:
                raise InputError(f"{name} = {values.tolist()}: expected one number")
        if len(self.spin_current) > 1:
            raise InputError(f"spin_current = {list(self.spin_current)}: expected one definition")
        if len(self.responses) > 1:
            raise InputError(f"responses = {list(self.responses)}: expected one")
        return self

    def repeated(self, times: int) -> Request:
        """The same with its one mu so many times."""
        request = copy.copy(self)
        object.__setattr__(request, "mu", np.full(times, self.mu[0]))  # the class is frozen
        return request

    def with_(self, **changes: Any) -> Request:
        """The same with other values for some keywords."""
        return Request(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)} | changes)

    def identity(self) -> dict[str, str]:
        """What makes a calculation, as text: of two with the same identity (and the same model) one can go on with the other."""
        kept = [f.name for f in dataclasses.fields(self) if f.metadata.get("identity", True)]
        values = {name: getattr(self, name) for name in kept} | {"tau": self.tau[:1]}  # others are arithmetic on the result
        return {"package": installed("wannier-spin")} | {name: _as_text(value) for name, value in values.items()}

    def __repr__(self) -> str:
        filling = (
            _range("mu", self.mu, "eV")
            if self.carriers is None
            else _range("carriers", np.array(self.carriers.values), self.carriers.unit)
        )
        scan = [filling, _range("T", self.temperature, "K"), _range("tau", self.tau, TAU_UNIT[self.units])]
        scan += [_range("omega", self.omega, "eV")] if len(self.omega) else []
        if self.tolerance is None:
            accuracy = "accuracy not said" if self.grid is None else f"mesh {'x'.join(map(str, self.grid))}"
        else:
            accuracy = f"tolerance {self.tolerance.relative:g}"
        units = "SI units" if self.units == "SI" else "natural units (hbar = e = 1, eV, angstrom)"
        how = [accuracy, f"form {self.form}", f"spin current {', '.join(self.spin_current)}", units]
        return f"Request: {', '.join(self.responses)}\n  at {', '.join(scan)}\n  {', '.join(how)}"


NEEDED = {"mu": "energies in eV", "temperature": "temperatures in K"}
INSTEAD = {"mu": "carriers"}
ENERGIES = ("mu", "omega", "broadening", "gap_broadening")
DEFAULTS: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(Request) if f.default is not dataclasses.MISSING}


def taking_request(keywords: Any) -> Callable[[Function], Function]:
    """A decorator: the signature of a function with these keywords of a request names them, for help and completion."""

    def named(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        kind = inspect.Parameter.KEYWORD_ONLY
        defaults = {
            name: DEFAULTS.get(name, None if name not in NEEDED else inspect.Parameter.empty) for name in keywords.__annotations__
        }
        more = [
            inspect.Parameter(name, kind, default=defaults[name], annotation=getattr(hint, "__forward_arg__", hint))
            for name, hint in keywords.__annotations__.items()
        ]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        return function

    return named


def _known(given: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in given:
        if name not in Keywords.__annotations__:
            raise InputError(f"unknown keyword '{name}'; {did_you_mean(name, Keywords.__annotations__)}")
    return given


def _checked(responses: str | Sequence[str], asked: dict[str, Any]) -> dict[str, Any]:
    """Every value checked, and lists as arrays or tuples. Raises InputError."""
    _check_needed(asked)
    asked["blocks"] = texts("blocks", asked["blocks"])
    asked["spin_current"] = _definitions(asked["spin_current"])
    _check_choices(asked)
    if asked["grid"] is not None and asked["tolerance"] is not None:
        raise InputError("expected either a grid (uniform mesh) or a tolerance, found both")
    asked["grid"] = None if asked["grid"] is None else as_tuple(asked["grid"])
    asked["shift"] = as_tuple(asked["shift"])
    if asked["tolerance"] is not None and not isinstance(asked["tolerance"], Tolerance):
        asked["tolerance"] = Tolerance(relative=asked["tolerance"])
    asked["tau"] = taus_of(asked["tau"], asked["units"])
    asked["temperature"] = numbers("temperature", asked["temperature"])
    check_count("omega", asked["omega"])
    asked["omega"] = numbers("omega", () if asked["omega"] is None else asked["omega"])
    asked |= _filling(asked)
    if (asked["temperature"] < 0).any():
        raise InputError(f"temperature must not be negative, found {asked['temperature'].min():g} K")
    asked["responses"] = _names(responses)
    _check_responses(asked)
    check_positive("degeneracy_tolerance", asked["degeneracy_tolerance"], "energy in eV")
    _check_energies(asked)
    check_switch("reduce_k", asked["reduce_k"])
    check_switch("degeneracy_check", False if asked["degeneracy_check"] is None else asked["degeneracy_check"])
    if not is_number(asked["memory"]) or not 0 < asked["memory"] <= LARGEST_MEMORY:
        raise InputError(f"memory = {asked['memory']!r}, expected a positive number of GiB")
    return asked


def _check_needed(asked: Mapping[str, Any]) -> None:
    for name, what in NEEDED.items():
        if name not in asked and asked.get(INSTEAD.get(name, name)) is None:
            raise InputError(f"{name} is missing: give {what}")


def _filling(asked: Mapping[str, Any]) -> dict[str, Real]:
    """Chemical potentials; none where carriers take their place."""
    given, carriers = asked.get("mu", ()), asked["carriers"]
    if carriers is None:
        check_count("mu", given)
        return {"mu": numbers("mu", given)}
    if not isinstance(carriers, Carriers):
        raise InputError(f"carriers = {carriers!r}, expected Carriers(values, unit, electrons=...) of wannier_spin")
    if given is not None and np.size(given):
        raise InputError("expected either mu or carriers, found both")
    return {"mu": np.empty(0)}


def _check_choices(asked: Mapping[str, Any]) -> None:
    choices = {"units": ("natural", "SI"), "channel": ("spin", "charge"), "form": ("full", "paper"), "relaxation": resp.RELAXATIONS}
    for name, valid in choices.items():
        _choice(name, asked[name], valid)
    for block in asked["blocks"]:
        _choice("block", block, resp.BLOCKS)


def _choice(name: str, value: object, valid: Iterable[str]) -> None:
    if not isinstance(value, str):
        raise InputError(f"{name} = {value!r}, expected one of {', '.join(valid)}")
    if value not in (known := tuple(valid)):
        raise InputError(f"{name} = '{value}' is not available; choose from {', '.join(known)}")


def _definitions(spin_current: str | Sequence[str]) -> tuple[SpinCurrent, ...]:
    """Definitions of the spin current, each once."""
    names = texts("spin_current", spin_current)
    if not names:
        raise InputError(f"spin_current names no definition; choose from {', '.join(SPIN_CURRENT_DEFINITIONS)}")
    for name in names:
        _choice("spin_current", name, SPIN_CURRENT_DEFINITIONS)
    return tuple(dict.fromkeys(names))  # type: ignore[arg-type]


def _names(responses: str | Sequence[str]) -> tuple[str, ...]:
    names = resp.names() if isinstance(responses, str) and responses == "all" else texts("responses", responses)
    if not names:
        raise InputError(f"no response was asked for; choose from {', '.join((*resp.names(), *resp.thermal_names()))}, or 'all'")
    return tuple(resp.get(name).name for name in dict.fromkeys(names))


def _check_responses(asked: Mapping[str, Any]) -> None:
    """What responses, form, relaxation and frequencies have to do with each other."""
    records = [resp.get(name) for name in asked["responses"]]
    with_tau = [r.name for r in records if r.tau_powers != (0,) and asked["form"] == "full"]
    if with_tau and resp.RELAXATIONS[asked["relaxation"]].tau2 is None:
        raise InputError(
            f"relaxation = '{asked['relaxation']}' has no terms with tau: leave out {', '.join(with_tau)}, or take another one"
        )
    dynamic = [r.name for r in records if r.dynamic]
    if dynamic and not len(asked["omega"]):
        raise InputError(f"{', '.join(dynamic)}: give omega, a list of frequencies in eV, or leave these responses out")
    for name in ("broadening", "gap_broadening"):
        if not is_number(asked[name]) or not 0 <= asked[name] < np.inf:
            raise InputError(f"{name} = {asked[name]!r}, expected zero or a positive energy in eV")
    if asked["gap_broadening"] and not any(record.broadened for record in records):
        with_gaps = [r.name for r in resp.RESPONSES.values() if r.broadened]
        raise InputError(
            f"gap_broadening = {asked['gap_broadening']:g} eV changes nothing in {', '.join(asked['responses'])}: it is for static "
            f"responses of second order ({', '.join(with_gaps)}); leave it out, or did you mean broadening, of omega?"
        )


def _check_energies(asked: Mapping[str, Any]) -> None:
    """No power of an energy of another unit overflows in the middle of a calculation; no tolerance makes all bands one."""
    for name in ENERGIES:
        largest = max((abs(float(energy)) for energy in np.atleast_1d(asked[name])), default=0.0)
        if largest > LARGEST_ENERGY:
            raise InputError(f"{name} = {largest:g} eV cannot be meant: energies are in eV, of at most {LARGEST_ENERGY:g} eV")
    hottest, most = float(np.max(asked["temperature"], initial=0.0)), LARGEST_ENERGY / un.BOLTZMANN
    if hottest > most:
        raise InputError(f"temperature = {hottest:g} K cannot be meant: temperatures are in kelvin, of at most {most:.2g} K")
    tolerance = asked["degeneracy_tolerance"]
    if tolerance is not None and tolerance > LARGEST_TOLERANCE:
        raise InputError(
            f"degeneracy_tolerance = {tolerance:g} eV makes one of bands that are no degenerate ones; expected at most "
            f"{LARGEST_TOLERANCE:g} eV, far below the splittings that matter (default 5e-4 eV)"
        )


def check_count(name: str, given: object) -> None:
    """Refuse [first, last, number of points], which is no list of three energies. Raises InputError."""
    if not isinstance(given, list | tuple) or len(given) != 3 or not all(map(is_number, given)):
        return
    first, last, count = given
    if is_whole(count) and first < last and count >= 5 and count - last > 4 * (last - first):
        raise InputError(
            f"{name} = {list(given)} is a list of three energies (eV), and looks like {count} points from {first} to {last}: write "
            f"numpy.linspace({first}, {last}, {count}), in an input file {{ from = {first}, to = {last}, points = {count} }}; or "
            f"{count}.0 if three energies are meant"
        )


def _as_text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return short(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _range(name: str, values: Real, unit: str) -> str:
    if len(values) <= 3:
        return f"{name} = {', '.join(f'{value:g}' for value in values)} {unit}"
    return f"{name} = {values.min():g} to {values.max():g} {unit} ({len(values)} values)"
