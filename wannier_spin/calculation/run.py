"""`run`: what an input file asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import units as un
from wannier_spin.bloch import energies_at
from wannier_spin.calculation.compute import compute
from wannier_spin.calculation.open_model import Inputs, inputs_of
from wannier_spin.calculation.spacing import default_grid
from wannier_spin.carriers import Carriers
from wannier_spin.config import Settings
from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.integrals.algorithm import Control
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.mesh import check_directions, check_temperature
from wannier_spin.integrals.sums import Progress
from wannier_spin.integration.grid import Mesh
from wannier_spin.integration.parallel import Communicator
from wannier_spin.integration.shared import from_first
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.prepared import by_weight, check_sited, plan_of
from wannier_spin.request import Request
from wannier_spin.results import ResultSet
from wannier_spin.sites import Sites, SitesLike

Real = NDArray[np.float64]
SAMPLE = 64  # k-points for the range of the bands
MARGIN = 2.0  # eV, by which it may be larger
FAR = 5.0  # eV: a mu that is farther from the Fermi energy and about as far as that is from zero was not counted from it


def run(
    settings: Settings,
    text: str,
    folder: Path,
    comm: Communicator,
    progress: Progress = lambda done, total: None,
    control: Control = Control(),  # noqa: B008  (frozen)
    tell: Callable[[str], None] = lambda line: None,
) -> ResultSet:
    """Read the model on rank 0, compute on all ranks. `folder`: what a relative seedname is relative to; tell : what was found.

    Raises InputError on all ranks alike, and Interrupted.
    """
    check_asked(settings)
    inputs: Inputs = from_first(comm, lambda: inputs_of(settings, folder))
    assert inputs.settings is not None
    if inputs.fermi_source:
        tell(f"fermi_energy = {inputs.settings.fermi_energy:g} eV, from {inputs.fermi_source}; mu counts from there")
    result = run_model(inputs.model, inputs.structure, inputs.settings, text, comm, progress, control)
    if not inputs.fermi_source:
        return result
    return result.with_facts(notes={**result.facts.notes, "fermi_energy_source": inputs.fermi_source})


def run_model(
    model: Model,
    structure: Structure | None,
    settings: Settings,
    text: str,
    comm: Communicator,
    progress: Progress = lambda done, total: None,
    control: Control = Control(),  # noqa: B008  (frozen)
) -> ResultSet:
    """What the settings ask for, on a model that has been read. `text`: the input, for the provenance.

    Raises InputError on all ranks alike.
    """
    result = compute(model, request_of(settings, model, structure), comm=comm, progress=progress, control=control)
    return result.with_facts(fermi_energy=settings.fermi_energy or 0.0, input=text)


def check_relative(mu: Real, fermi: float, model: TightBindingModel) -> None:
    """Refuse mu, (mu,) in eV, that were not counted from the Fermi energy but absolute: they lie about it as they were given, and,
    counted from it, outside of all bands or far away.
    """
    k = np.random.default_rng(1).random((SAMPLE, 3)) * model.periodic
    energies = energies_at(model, k)
    given, low, high = mu - fermi, energies.min() - MARGIN, energies.max() + MARGIN
    outside = ((mu < low) | (mu > high)).all() and abs(given.mean() - fermi) < abs(given.mean())
    far = (np.append(given, fermi) * np.sign(fermi) > FAR).all() and given.min() - 1 <= fermi <= given.max() + 1
    if (outside or far) and ((low < given) & (given < high)).all():
        bands = f"({energies.min():.1f} to {energies.max():.1f} eV)"
        where = "far away, and near" if far else f"outside of the bands {bands}, and inside"
        raise InputError(
            f"mu counts from fermi_energy = {fermi:g} eV: {given.min():g} to {given.max():g} eV from there is {where} as absolute "
            f"energies; write mu = {given.min() - fermi:g}"
            + (f" to {given.max() - fermi:g}" if len(given) > 1 else "")
            + ", or fermi_energy = 0.0 for absolute ones"
        )


def request_of(settings: Settings, model: Model, structure: Structure | None) -> Request:
    """What an input file asks for: mu counts from its fermi_energy there, tau is in fs with any units, sites count from 1.

    Raises InputError.
    """
    asked = asked_of(settings)
    if model.bands_end and len(asked.mu):
        check_relative(asked.mu, settings.fermi_energy or 0.0, model.crystal())
    grid = None if settings.adaptive else _mesh(settings, model)
    return asked.with_(grid=grid, symmetry=structure, sites=asked_sites(settings, model.n_bands))


def asked_of(settings: Settings) -> Request:
    """The same without what a model adds: a structure, sites, a mesh whose points are not given.

    Raises InputError.
    """
    numerics = settings.numerics
    with np.errstate(over="ignore"):  # what is not finite is refused by its name
        mu = (settings.fermi_energy or 0.0) + np.array(settings.mu or ())
    return Request(
        settings.responses,
        mu=mu,
        carriers=asked_carriers(settings),
        temperature=settings.temperature,
        grid=None if settings.adaptive else settings.grid.points,
        shift=settings.grid.shift,
        tolerance=asked_tolerance(settings),
        tau=settings.tau if settings.units == "SI" else [un.natural_tau(t) for t in settings.tau],
        omega=settings.omega,
        broadening=settings.broadening,
        gap_broadening=settings.gap_broadening,
        units=settings.units,
        channel=settings.channel,
        blocks=settings.blocks,
        spin_current=settings.spin_current,
        form=settings.form,
        relaxation=settings.relaxation,
        reduce_k=settings.symmetry.reduce,
        degeneracy_tolerance=numerics.degeneracy_tolerance,
        degeneracy_check=numerics.degeneracy_check,
        memory=numerics.memory,
    )


def check_asked(settings: Settings) -> None:
    """Refuse what no model would make possible, before one is read: that takes minutes. Raises InputError."""
    request = asked_of(settings)
    plan, places = plan_of(request), settings.grid.points
    if settings.sites is not None:
        check_sited(plan)
        _check_atoms_known(settings)
    if request.tolerance is not None:
        if request.carriers is None:
            request.tolerance.judged(request.occupation(plan.responses[0].weight))
        return
    for weight, part in by_weight(plan):
        check_temperature(part, weight.sharp, request.temperature)
    if places is not None:
        a, b, c = settings.grid.shift
        Mesh((places[0], places[1], places[2]), (a, b, c))
        check_directions([axis != settings.model.vacuum for axis in "abc"], places)


def _check_atoms_known(settings: Settings) -> None:
    """Raise InputError for sites that are atoms where no structure says which there are."""
    if settings.symmetry.structure is not None:
        return
    named: Any = {} if isinstance(settings.sites, str) else settings.sites
    atoms = [name for name, members in named.items() if isinstance(members, str) or isinstance(members[0], str)]
    if isinstance(settings.sites, str) or atoms:
        what = f"sites = '{settings.sites}'" if isinstance(settings.sites, str) else f"sites.{atoms[0]}"
        raise InputError(f"{what}: symmetry.structure is missing, which has the atoms")


def _mesh(settings: Settings, model: Model) -> Sequence[int]:
    return settings.grid.points or default_grid(model.crystal("give a tolerance"), settings.grid.spacing)


def asked_tolerance(settings: Settings) -> Tolerance | None:
    """The tolerance of an input file, or None for a mesh; its window counts from fermi_energy there."""
    asked = settings.tolerance
    if asked is None:
        return None
    seconds = np.inf if asked.max_seconds is None else asked.max_seconds
    fermi = settings.fermi_energy or 0.0
    window = None if asked.window is None else (fermi + asked.window[0], fermi + asked.window[1])
    return Tolerance(asked.relative, asked.absolute, asked.max_evaluations, seconds, asked.replicas, asked.start, window)


def asked_carriers(settings: Settings) -> Carriers | None:
    """The numbers of carriers of an input file, beside a crystal that is neutral with its Fermi energy."""
    asked = settings.carriers
    if asked is None:
        return None
    return Carriers(asked.values, asked.unit, electrons=asked.electrons, fermi_energy=settings.fermi_energy or 0.0)


def asked_sites(settings: Settings, n_bands: int) -> SitesLike | None:
    """The sites of an input file as `compute` takes them: it counts Wannier functions from 0, Wannier90 and input files from 1.

    Raises InputError for a function that is not there.
    """
    given: Any = settings.sites
    if given is None or given == "atoms" or isinstance(given, Sites):  # of "projections": made with the inputs
        return given
    found: dict[str, Any] = {}
    for name, members in given.items():
        numbers = [] if isinstance(members, str) else [member for member in members if isinstance(member, int)]
        if numbers and max(numbers) > n_bands:
            raise InputError(f"sites.{name} has Wannier function {max(numbers)}; the model has 1 to {n_bands}")
        found[name] = [number - 1 for number in numbers] or members
    return found
