"""`compute`: responses of a model on a uniform mesh, within a tolerance, or (for a k·p model) on a disk."""

from __future__ import annotations

import itertools
import platform
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin import responses as resp
from wannier_spin import units as un
from wannier_spin.calculation.sites import Sites, SitesLike, resolved_sites
from wannier_spin.calculation.symmetrize import irreducible_mesh, symmetrized, verified_group
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.integrals.adaptive import Control, integrate_adaptive
from wannier_spin.integrals.boxes import cell_integrands
from wannier_spin.integrals.channels import Tolerance, make_channels, parts_name
from wannier_spin.integrals.checkpoint import fingerprint, short
from wannier_spin.integrals.disk import integrate_disk
from wannier_spin.integrals.mesh import integrate_mesh
from wannier_spin.integrals.plan import Plan
from wannier_spin.integrals.sums import NEAR_FERMI, Minima, Progress, Sums
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import SERIAL, Communicator
from wannier_spin.model import KPModel, SpinCurrent, Structure, TightBindingModel
from wannier_spin.occupation import Occupation
from wannier_spin.responses.registry import Form, Response
from wannier_spin.results import SPIN_CURRENT_DEFINITIONS, ResponseTensor, ResultSet, RunFacts, at_site
from wannier_spin.symmetry import site_group
from wannier_spin.tensors import Channel

Real = NDArray[np.float64]
KP_TOLERANCE = 1e-6  # of the largest energy at k = 0
LEAST_TOLERANCE = 1e-12  # eV


def compute(
    model: TightBindingModel | KPModel,
    responses: str | Sequence[str],
    *,
    grid: Sequence[int] | None = None,
    mu: float | Sequence[float] | Real,
    temperature: float | Sequence[float] | Real,
    shift: Sequence[float] = (0.0, 0.0, 0.0),
    tau: float | Sequence[float] | None = None,
    omega: float | Sequence[float] | Real = (),
    broadening: float = 0.0,
    units: un.UnitSystem = "natural",
    channel: Channel = "spin",
    blocks: Sequence[str] = (),
    spin_current: str | Sequence[str] = "simple",
    form: Form = "full",
    relaxation: str = "adiabatic",
    symmetry: Structure | None = None,
    reduce_k: bool = True,
    sites: SitesLike | None = None,
    tolerance: float | Tolerance | None = None,
    degeneracy_tolerance: float | None = None,
    degeneracy_check: bool = False,
    memory: float = 1.0,
    comm: Communicator | None = None,
    progress: Progress = lambda done, total: None,
    control: Control = Control(),  # noqa: B008  (frozen)
) -> ResultSet:
    """Compute responses on a uniform mesh (`grid`) or within a `tolerance`; of a k·p model on a disk (`grid`).

    Parameters
    ----------
    responses : names (`wannier_spin.responses.names()`), or "all".
    grid : three numbers of k-points, k = (i + shift)/n; one along a vacuum direction. For a k·p model two numbers:
        Gauss-Legendre points per radial panel, and angles. None: give a tolerance.
    tolerance : relative to the largest component over the scan, or a `Tolerance`: k-points go where they are needed until the error
        bars of all components at all (mu, T) are within it. Also at 0 K. `ResponseTensor.converged` says whether they are.
    mu : eV. temperature : K; 0 is allowed for Fermi-sea responses, and for everything on a k·p model.
    tau : hbar/eV with natural units (default 1), fs with SI units (default 10). Several: see `ResponseTensor.over_tau`.
    omega : eV, for the responses to an alternating field. broadening : eV, half width eta in omega + i eta.
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
    degeneracy_tolerance : eV; bands closer than this are one block. None: 5e-4, for a k·p model 1e-6 of its largest energy
        at k = 0 (its bands are exact, and may be meV apart on purpose).
    degeneracy_check : also compute with a tenth and with ten times of that tolerance, on a mesh of half the density, and
        record how much each response moves (relative to its maximum) in the provenance.
    memory : GiB per rank that batches may fill, next to the model itself.
    comm : an mpi4py communicator; None: serial.
    progress : called with (done, total) blocks of this rank. control : checkpoints, resuming, reports of an adaptive integral.

    Raises
    ------
    InputError : unknown names, impossible requests. Warns with AccuracyWarning.
    """
    start = time.monotonic()
    blocks = (blocks,) if isinstance(blocks, str) else tuple(blocks)
    definitions = _definitions(spin_current)
    _check_choices(units, channel, form, relaxation, blocks)
    wanted = _wanted(model, grid, tolerance, degeneracy_check)
    taus = _taus(tau, units)
    temperatures, omegas = _list("temperature", temperature), _list("omega", omega)
    occupation = _occupation(_list("mu", mu), temperatures)
    plan = replace(_plan(_records(responses), channel, omegas, broadening, form, relaxation), extra=blocks)
    _check_operators(model, plan)
    plan = _with_spin_currents(plan, definitions, model)
    degeneracy_tolerance = _tolerance(model, degeneracy_tolerance)
    comm = comm or SERIAL

    with warnings.catch_warnings(record=True) as caught, one_blas_thread():
        warnings.simplefilter("always", AccuracyWarning)
        group = verified_group(model, symmetry, degeneracy_tolerance)
        chosen = resolved_sites(sites, model, symmetry)
        plan = _with_sites(plan, chosen)
        permutations = site_group(symmetry, group.group, chosen.atoms) if symmetry and group and chosen.functions else None

        def integrate(points: Sequence[int], tolerance: float) -> Sums:
            if isinstance(model, KPModel):
                return integrate_disk(model, plan, occupation, tuple(np.atleast_1d(np.asarray(points)).tolist()), tolerance)
            mesh = Mesh(_three("grid", points, int), _three("shift", shift, float))
            if group and reduce_k:
                mesh = irreducible_mesh(mesh, group.group.point_operations)
            return integrate_mesh(model, plan, occupation, mesh, tolerance, memory, comm, progress)

        def converge(wanted: Tolerance) -> Sums:
            assert isinstance(model, TightBindingModel)
            operations = group.group.point_operations if group and reduce_k else ()
            tau_natural = float(taus[0]) if units == "natural" else un.natural_tau(float(taus[0]))
            scale = {r.name: _factor(r, plan, model, units, float(taus[0])) for r in plan.responses}
            channels = make_channels(plan, relaxation, scale, tau_natural, operations, permutations if reduce_k else None)
            cells = cell_integrands(model, plan, channels, occupation, degeneracy_tolerance, wanted, operations, memory)
            identity = {
                "model": f"{model.name} ({fingerprint(model)})",
                "responses": ", ".join(r.name for r in plan.responses),
                "form": f"{form} {relaxation}",
                "channel": channel,
                "blocks": ", ".join(blocks),
                "mu": short(occupation.mu),
                "temperature": short(temperatures),
                "omega": f"{short(omegas)}, broadening {broadening:g}",
                "units": f"{units}, tau {taus[0]:g}",
                "symmetry": short([op.rotation * (-1) ** op.time_reversal for op in operations]) if operations else "none",
                "degeneracy_tolerance": f"{degeneracy_tolerance:g}",
                "replicas": str(wanted.replicas),
                **({"spin_current": ", ".join(plan.spin_currents)} if plan.spin_currents != ("simple",) else {}),
                **({"sites": str(plan.sites)} if plan.sites else {}),
                "boxes": f"{cells[0].tiling.counts.tolist()} of {cells[0].rule.n_points} points",
            }
            return integrate_adaptive(cells, wanted, comm, control, identity)

        sums = converge(wanted) if wanted is not None else integrate(grid or (), degeneracy_tolerance)
        _warn(model, plan, occupation, sums)
        tried = []
        if degeneracy_check and grid is not None:
            half = [max(4 if isinstance(model, KPModel) else 1, -(-int(n) // 2)) for n in grid]
            tried = [integrate(half, factor * degeneracy_tolerance) for factor in (1, 0.1, 10)]
    messages = tuple(str(w.message) for w in caught if issubclass(w.category, AccuracyWarning))
    for message in messages:
        warnings.warn(message, AccuracyWarning, stacklevel=2)

    def tensors(sums: Sums) -> dict[str, ResponseTensor]:
        found = {}
        for record in plan.responses:
            raw = _tensor(record, plan, occupation, temperatures, omegas, tuple(taus.tolist()), units, model, sums)
            found[record.name] = raw.at(form=form, relaxation=relaxation)
            if group is not None:
                operations = group.group.point_operations
                found[record.name] = symmetrized(found[record.name], record, operations, not reduce_k, permutations)
        return found

    provenance: dict[str, Any] = {
        "model": model.name,
        "model_source": dict(model.source),
        "channel": channel,
        "spin_current": plan.spin_currents[0],
        "spin_current_definition": SPIN_CURRENT_DEFINITIONS[plan.spin_currents[0]],
        **({"other_spin_currents": list(plan.spin_currents[1:])} if plan.spin_currents[1:] else {}),
        "form": form,
        "relaxation": relaxation if form == "full" else "none",
        **_integration(grid, shift, wanted),
        "degeneracy_tolerance_eV": float(degeneracy_tolerance),
        "broadening_eV": float(broadening),
        "k_points_evaluated": sums.evaluations,
        "ranks": comm.size,
        "wall_seconds": time.monotonic() - start,
        "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "versions": _versions(),
        "symmetry": "none used" if group is None else group.facts(plan, permutations),
        **({"sites": {name: [f + 1 for f in own] for name, own in plan.sites.items()}} if plan.sites else {}),
        **sums.notes,
    }
    if degeneracy_check:
        values = [tensors(s) for s in tried]
        provenance["degeneracy_change"] = {name: _largest_change([v[name].values for v in values]) for name in values[0]}
    return ResultSet(tensors(sums), RunFacts.from_mapping(provenance), messages)


@dataclass(frozen=True)
class Request:
    """One response of a crystal at one (mu, T), checked as `compute` does. omega: one frequency (eV), or none."""

    model: TightBindingModel
    record: Response
    plan: Plan
    occupation: Occupation
    temperature: Real
    omega: Real
    tau: float
    units: un.UnitSystem
    form: Form
    relaxation: str
    tolerance: float

    def tensor(self, sums: Real) -> ResponseTensor:
        """The response of sums over k and bands (rows, channels), the rows being what values of mu are elsewhere."""
        rows = replace(self.occupation, mu=np.full(len(sums), self.occupation.mu[0]))
        integrals, taus = Sums(sums, None, np.empty(0), 0), (self.tau,)
        raw = _tensor(self.record, self.plan, rows, self.temperature, self.omega, taus, self.units, self.model, integrals)
        return raw.at(form=self.form, relaxation=self.relaxation)


def single_request(
    model: TightBindingModel | KPModel,
    response: str,
    *,
    mu: float,
    temperature: float,
    tau: float | None = None,
    omega: float | None = None,
    broadening: float = 0.0,
    units: un.UnitSystem = "natural",
    channel: Channel = "spin",
    blocks: Sequence[str] = (),
    form: Form = "full",
    relaxation: str = "adiabatic",
    spin_current: str = "simple",
    degeneracy_tolerance: float | None = None,
) -> Request:
    """One response at one mu, temperature, tau and (of a dynamic response) omega; everything else as in `compute`.

    Raises InputError, also for k·p models, whose responses are no means over a cell, and for surface terms at 0 K.
    """
    if isinstance(model, KPModel):
        raise InputError(f"model '{model.name}' is a k·p model: its responses are no means over a cell in k; take a crystal")
    _check_choices(units, channel, form, relaxation, blocks)
    definitions = _definitions(spin_current)
    if len(definitions) > 1:
        raise InputError(f"spin_current = {list(definitions)}: expected one definition")
    mus, temperatures, taus = _list("mu", mu), _list("temperature", temperature), _taus(tau, units)
    omegas = _list("omega", () if omega is None else omega)
    for name, values in {"mu": mus, "temperature": temperatures, "tau": taus, "omega": omegas}.items():
        if len(values) > 1:
            raise InputError(f"{name} = {values.tolist()}: expected one number")
    record, occupation = resp.get(response), _occupation(mus, temperatures)
    plan = replace(_plan((record,), channel, omegas, broadening, form, relaxation), extra=tuple(blocks))
    if plan.has_surface and temperatures[0] == 0:
        raise InputError(f"'{response}' has Fermi-surface terms, which no k-point meets at temperature = 0 K; give a higher one")
    _check_operators(model, plan)
    plan = _with_spin_currents(plan, definitions, model)
    tolerance = _tolerance(model, degeneracy_tolerance)
    return Request(model, record, plan, occupation, temperatures, omegas, float(taus[0]), units, form, relaxation, tolerance)


def _tensor(
    record: Response,
    plan: Plan,
    occupation: Occupation,
    temperatures: Real,
    omegas: Real,
    taus: tuple[float, ...],
    units: un.UnitSystem,
    model: TightBindingModel | KPModel,
    sums: Sums,
) -> ResponseTensor:
    law = record.channel_tensor(plan.channel)
    scan = (len(occupation.mu), len(occupation.kT))

    def blocks_of(array: Real, part: int | None) -> dict[str, Real]:
        tensors = {name: plan.block_tensor(array, name, record, part) for name in plan.blocks_of(record)}
        return {name: np.ascontiguousarray(t.reshape(*scan, *t.shape[1:])) for name, t in tensors.items()}

    difference = np.full_like(sums.fine, np.nan) if sums.difference is None else sums.difference

    def numbers(part: int | None = None) -> dict[str, Any]:
        replicas = [blocks_of(replica, part) for replica in sums.replicas]
        return {
            "blocks": blocks_of(sums.fine, part),
            "block_errors": blocks_of(difference, part),
            "block_spreads": None if sums.spread is None else blocks_of(sums.spread, part),
            "block_replicas": {name: np.stack([r[name] for r in replicas]) for name in replicas[0]} if replicas else None,
            "converged": sums.converged.get(record.name if part is None else parts_name(plan, record)),
        }

    total = ResponseTensor(
        name=record.name,
        title=record.title + (" (charge counterpart)" if plan.channel == "charge" else ""),
        symbol=record.symbol,
        equation=record.equation,
        law=record.law,
        reference=record.reference,
        channel=plan.channel,
        output=law.observable,
        labels=law.labels,
        field_order=law.field_order,
        tau_power=record.tau_power,
        tau_powers={name: resp.block(name).tau_power for name in plan.blocks_of(record)},
        time_odd=tuple(name for name in plan.blocks_of(record) if resp.time_odd(name)),
        form="paper",
        recipes=record.recipes(plan.form),
        mu=occupation.mu,
        temperature=temperatures,
        omega=omegas if record.dynamic else np.empty(0),
        tau=taus,
        units=units,
        dimension=model.dimension,
        thickness=None if isinstance(model, KPModel) else model.thickness,
        **numbers(),
    )
    sites = {
        name: replace(total, name=at_site(record.name, name), title=f"{total.title}, {name}", **numbers(i))
        for i, name in enumerate(plan.sites_of(record))
    }
    others = {name: replace(total, **numbers(i)) for i, name in enumerate(plan.definitions_of(record))}
    return replace(total, sites=sites, definitions=others)


def _factor(record: Response, plan: Plan, model: TightBindingModel, units: un.UnitSystem, tau: float) -> float:
    """What a combination of blocks of a response is multiplied by."""
    law = record.channel_tensor(plan.channel)
    return un.response_factor(
        observables.get(law.observable).measure, law.field_order, record.tau_power, model.dimension, units, tau
    )


def _integration(grid: Sequence[int] | None, shift: Sequence[float], wanted: Tolerance | None) -> dict[str, Any]:
    """How the integrals were made, for the provenance."""
    if wanted is None:
        return {"grid": [int(n) for n in grid or ()], "shift": [float(s) for s in shift]}
    limits = {"max_evaluations": int(wanted.max_evaluations), "max_seconds": float(wanted.max_seconds)}
    asked = {"relative": float(wanted.relative), "absolute": dict(wanted.absolute or {}), "replicas": wanted.replicas}
    return {"tolerance": {**asked, **limits}}


def _warn(model: TightBindingModel | KPModel, plan: Plan, occupation: Occupation, sums: Sums) -> None:
    """Tell what makes the numbers worth less than they look, and note it."""
    m = Minima.of(sums.minima, len(occupation.mu))
    sums.notes.update(lowest_energy_eV=float(m.lowest), highest_energy_eV=float(m.highest))
    found = (_about_energies(model, plan, occupation, m, sums), _about_responses(model, plan, occupation, m), _unfinished(sums))
    for message in itertools.chain(*found):
        warnings.warn(message, AccuracyWarning, stacklevel=2)
    if plan.frequencies:
        sums.notes["lowest_transition_eV"] = float(m.transition)
    if _has_intrinsic(plan):
        sums.notes["smallest_gap_at_fermi_level_eV"] = m.gap_at_mu


def _unfinished(sums: Sums) -> Iterator[str]:
    """Responses that are not within their tolerance."""
    excess = sums.notes.get("error_over_tolerance", {})
    found = [f"{name} ({excess[name]:.2g} times its tolerance)" for name, converged in sums.converged.items() if not converged]
    if found:
        yield (
            f"not converged after {sums.evaluations} k-points: {', '.join(found)}; `error` says how far the numbers can be "
            "trusted; allow more (max_evaluations, max_seconds), a larger tolerance, or a higher temperature"
        )


def _about_energies(model: TightBindingModel | KPModel, plan: Plan, occupation: Occupation, m: Minima, sums: Sums) -> Iterator[str]:
    """mu outside of the bands; a temperature that a mesh cannot resolve (boxes see every Fermi surface)."""
    if isinstance(model, KPModel):
        return
    mu = occupation.mu
    if mu.max() > m.highest or mu.min() < m.lowest:
        yield (
            f"mu goes from {mu.min():.4f} to {mu.max():.4f} eV, and the bands of '{model.name}' on this mesh from {m.lowest:.4f} "
            f"to {m.highest:.4f} eV: outside of them the model has no states; is the Fermi energy right?"
        )
    low, high = m.band_ranges
    crossed = ((low[None] < mu[:, None]) & (mu[:, None] < high[None])).any(axis=1)
    coldest = float(occupation.kT.min())
    unseen = crossed & (m.distance_from_mu > NEAR_FERMI * coldest)
    if plan.has_surface and unseen.any() and sums.spread is None:
        yield (
            f"at {unseen.sum()} of {len(mu)} values of mu no state of the mesh lies within {NEAR_FERMI:g} kT "
            f"({coldest:.2g} eV at the lowest temperature) though "
            "bands cross mu: Fermi-surface terms are missed there, and so is their error; take a "
            "denser mesh or a higher temperature"
        )


def _about_responses(model: TightBindingModel | KPModel, plan: Plan, occupation: Occupation, m: Minima) -> Iterator[str]:
    """Divergences: with the cut-off, at resonances, at small gaps."""
    if isinstance(model, KPModel) and np.isinf(model.cutoff) and "L1" in plan.shapes:
        yield (
            "the Fermi-sea form of the linear responses of order tau (block L1) diverges with the cut-off of a k·p model, which "
            "is infinite here: add blocks = ('L1surf',) and take at(combination={'L1surf': 1}), or subtract the "
            "value in the gap at the same finite cut-off"
        )
    resonant = [z.real for z in plan.frequencies if z.imag == 0 and abs(z.real) >= m.transition]
    if resonant:
        yield (
            f"omega = {min(resonant):g} eV and above is not below the lowest transition ({m.transition:.4g} eV on this mesh): "
            "the responses diverge at resonances; give a broadening (eV), or lower frequencies"
        )
    hottest = float(occupation.kT.max())
    close = m.gap_at_mu < hottest
    if _has_intrinsic(plan) and close.any():
        yield (
            f"at {close.sum()} of {len(close)} values of mu a gap smaller than kT = {hottest:.3g} eV lies within "
            f"{NEAR_FERMI:g} kT of mu (smallest: {m.gap_at_mu.min():.2g} eV): second-order responses of order tau^0 "
            "scale like 1/gap^4 and are outside perturbation theory there"
        )


def _has_intrinsic(plan: Plan) -> bool:
    return any(r.tensor.field_order == 2 and r.tau_power == 0 for r in plan.responses)


def _largest_change(values: Sequence[Real]) -> float:
    """Largest difference from the first array, relative to its maximum."""
    scale = np.abs(values[0]).max()
    change = max(np.abs(other - values[0]).max() for other in values[1:])
    return float(change / scale) if scale else float(change)


def _wanted(
    model: TightBindingModel | KPModel, grid: Sequence[int] | None, tolerance: float | Tolerance | None, degeneracy_check: bool
) -> Tolerance | None:
    """The tolerance; None for a mesh."""
    if (grid is None) == (tolerance is None):
        found = "neither" if grid is None else "both"
        raise InputError(f"expected either a grid (uniform mesh) or a tolerance (adaptive boxes), found {found}")
    if tolerance is None:
        return None
    if isinstance(model, KPModel):
        raise InputError(f"model '{model.name}' is a k·p model: give grid = (radial points, angles), a tolerance needs a crystal")
    if not any(model.periodic):
        raise InputError(f"model '{model.name}' is not periodic: there is nothing to integrate over")
    if degeneracy_check:
        raise InputError("degeneracy_check compares meshes: give a grid for it, and no tolerance")
    return tolerance if isinstance(tolerance, Tolerance) else Tolerance(relative=tolerance)


def _check_choices(units: str, channel: str, form: str, relaxation: str, blocks: Sequence[str]) -> None:
    _choice("units", units, ("natural", "SI"))
    _choice("channel", channel, ("spin", "charge"))
    _choice("form", form, ("full", "paper"))
    _choice("relaxation", relaxation, resp.RELAXATIONS)
    for block in blocks:
        _choice("block", block, resp.BLOCKS)


def _definitions(spin_current: str | Sequence[str]) -> tuple[SpinCurrent, ...]:
    """Definitions of the spin current, each once."""
    names = (spin_current,) if isinstance(spin_current, str) else tuple(spin_current)
    if not names:
        raise InputError(f"spin_current names no definition; choose from {', '.join(SPIN_CURRENT_DEFINITIONS)}")
    for name in names:
        _choice("spin_current", name, SPIN_CURRENT_DEFINITIONS)
    return tuple(dict.fromkeys(names))  # type: ignore[arg-type]


def _taus(given: float | Sequence[float] | None, units: un.UnitSystem) -> Real:
    """Relaxation times in their unit; None: the default."""
    taus = _list("tau", (1.0 if units == "natural" else 10.0) if given is None else given)
    if (taus <= 0).any():
        raise InputError(f"tau must be positive, found {taus.min():g}")
    return taus


def _occupation(mu: Real, temperatures: Real) -> Occupation:
    if (temperatures < 0).any():
        raise InputError(f"temperature must not be negative, found {temperatures.min():g} K")
    return Occupation(mu, np.array([un.thermal_energy(T) for T in temperatures]))


def _tolerance(model: TightBindingModel | KPModel, given: float | None) -> float:
    """The degeneracy tolerance, eV."""
    if given is None:
        if isinstance(model, KPModel):
            return max(KP_TOLERANCE * float(np.abs(model.constant).max()), LEAST_TOLERANCE)
        return DEGENERACY_TOLERANCE
    if not isinstance(given, int | float) or not 0 < given < np.inf:
        raise InputError(f"degeneracy_tolerance = {given}, expected a positive energy in eV")
    return given


def _choice(name: str, value: str, valid: Iterable[str]) -> None:
    if value not in (known := tuple(valid)):
        raise InputError(f"{name} = '{value}' is not available; choose from {', '.join(known)}")


def _records(responses: str | Sequence[str]) -> tuple[Response, ...]:
    names = resp.names() if responses == "all" else (responses,) if isinstance(responses, str) else tuple(responses or ())
    if not names:
        raise InputError(f"no response was asked for; choose from {', '.join(resp.names())}, or 'all'")
    return tuple(resp.get(name) for name in dict.fromkeys(names))


def _plan(records: tuple[Response, ...], channel: Channel, omegas: Real, broadening: float, form: Form, relaxation: str) -> Plan:
    with_tau = [r.name for r in records if r.tau_powers != (0,) and form == "full"]
    if with_tau and resp.RELAXATIONS[relaxation].tau2 is None:
        raise InputError(f"relaxation = '{relaxation}' has no terms with tau: leave out {', '.join(with_tau)}, or take another one")
    dynamic = [r.name for r in records if r.dynamic]
    if dynamic and not len(omegas):
        raise InputError(f"{', '.join(dynamic)}: give omega, a list of frequencies in eV")
    if not isinstance(broadening, int | float) or not 0 <= broadening < np.inf:
        raise InputError(f"broadening = {broadening!r}, expected zero or a positive energy in eV")
    frequencies = tuple(complex(w, broadening) for w in omegas) if dynamic else ()
    return Plan(records, channel, frequencies, form)


def _with_sites(plan: Plan, sites: Sites) -> Plan:
    """Raises InputError where no response would be projected on them."""
    plan = replace(plan, sites=sites.functions)
    if sites.functions and not any(plan.sites_of(record) for record in plan.responses):
        local = [r.name for r in resp.RESPONSES.values() if observables.get(r.tensor.observable).local]
        raise InputError(
            f"sites are for responses of the spin (channel 'spin'), and none is asked for: add one of {', '.join(local)}"
        )
    return plan


def _with_spin_currents(plan: Plan, definitions: tuple[SpinCurrent, ...], model: TightBindingModel | KPModel) -> Plan:
    """Raises InputError where the model lacks what they need. Where no spin current is asked for, they do not count."""
    wanted = {r.channel_tensor(plan.channel).observable for r in plan.responses}
    if not any(set(definitions) & set(observables.definitions(name)) for name in wanted):
        return plan
    for definition in definitions:
        model.check_spin_current(definition)
    return replace(plan, spin_currents=definitions)


def _check_operators(model: TightBindingModel | KPModel, plan: Plan) -> None:
    for record in plan.responses:
        observable = observables.get(record.channel_tensor(plan.channel).observable)
        model.require(observable.needs, f"'{record.name}' ({observable.title})")


def _list(name: str, values: object) -> Real:
    try:
        array = np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if array.ndim != 1 or not np.isfinite(array).all() or (not len(array) and name != "omega"):
        raise InputError(f"{name} must be a number or a list of finite numbers, found {values!r}")
    return array


def _three(name: str, values: object, kind: type) -> Any:
    """Three whole numbers (kind int) or three numbers (kind float)."""
    try:
        given = np.asarray(values, float)
        found = [kind(value) for value in given]
        exact = len(found) == 3 and found == given.tolist()
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact:
        wanted = "three numbers, positive whole numbers" if kind is int else "three numbers"
        raise InputError(f"{name} must have {wanted}, found {values!r}")
    return tuple(found)


def one_blas_thread() -> Any:
    """One BLAS thread per rank: 64 ranks times 64 threads is a common way to lose a node."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("wannier-spin", "numpy", "scipy", "h5py", "wannierberri", "spglib", "numba", "fortio"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
