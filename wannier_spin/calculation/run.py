"""`run`: what an input file asks for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin import units as un
from wannier_spin.calculation.compute import compute
from wannier_spin.calculation.open_model import read_inputs
from wannier_spin.config import Settings
from wannier_spin.errors import InputError
from wannier_spin.integrals.adaptive import Control
from wannier_spin.integrals.channels import Tolerance
from wannier_spin.integrals.sums import Progress
from wannier_spin.integration.parallel import Communicator, together
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.request import Request
from wannier_spin.results import ResultSet
from wannier_spin.sites import SitesLike


def run(
    settings: Settings,
    text: str,
    folder: Path,
    comm: Communicator,
    progress: Progress = lambda done, total: None,
    control: Control = Control(),  # noqa: B008  (frozen)
) -> ResultSet:
    """Read the model on rank 0, compute on all ranks. `folder`: what a relative seedname is relative to.

    Raises InputError on all ranks alike, and Interrupted.
    """
    model, structure = comm.bcast(together(comm, lambda: read_inputs(settings, folder) if comm.rank == 0 else None))
    return run_model(model, structure, settings, text, comm, progress, control)


def run_model(
    model: TightBindingModel,
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
    return result.with_facts(fermi_energy=settings.fermi_energy, input=text)


def request_of(settings: Settings, model: TightBindingModel, structure: Structure | None) -> Request:
    """What an input file asks for: mu counts from its fermi_energy there, tau is in fs with any units, sites count from 1.

    Raises InputError.
    """
    wanted = asked_tolerance(settings)
    grid = settings.grid.points or default_grid(model, settings.grid.spacing)
    numerics = settings.numerics
    return Request(
        settings.responses,
        mu=settings.fermi_energy + np.array(settings.mu),
        temperature=settings.temperature,
        grid=grid if wanted is None else None,
        shift=settings.grid.shift,
        tolerance=wanted,
        tau=settings.tau if settings.units == "SI" else [un.natural_tau(t) for t in settings.tau],
        omega=settings.omega,
        broadening=settings.broadening,
        units=settings.units,
        channel=settings.channel,
        blocks=settings.blocks,
        spin_current=settings.spin_current,
        form=settings.form,
        relaxation=settings.relaxation,
        symmetry=structure,
        reduce_k=settings.symmetry.reduce,
        sites=asked_sites(settings, model.n_bands),
        degeneracy_tolerance=numerics.degeneracy_tolerance,
        degeneracy_check=numerics.degeneracy_check,
        memory=numerics.memory,
    )


def asked_tolerance(settings: Settings) -> Tolerance | None:
    """The tolerance of an input file, or None for a mesh."""
    asked = settings.tolerance
    if asked is None:
        return None
    seconds = np.inf if asked.max_seconds is None else asked.max_seconds
    return Tolerance(asked.relative, asked.absolute, asked.max_evaluations, seconds, asked.replicas, asked.start)


def asked_sites(settings: Settings, n_bands: int) -> SitesLike | None:
    """The sites of an input file as `compute` takes them: it counts Wannier functions from 0, Wannier90 and input files from 1.

    Raises InputError for a function that is not there.
    """
    if settings.sites is None or settings.sites == "atoms":
        return settings.sites
    found: dict[str, Any] = {}
    for name, members in settings.sites.items():
        numbers = [] if isinstance(members, str) else [member for member in members if isinstance(member, int)]
        if numbers and max(numbers) > n_bands:
            raise InputError(f"sites.{name} has Wannier function {max(numbers)}; the model has 1 to {n_bands}")
        found[name] = [number - 1 for number in numbers] or members
    return found


def default_grid(model: TightBindingModel, spacing: float) -> tuple[int, int, int]:
    """Even numbers of points, at most `spacing` (1/angstrom, 2 pi included) apart; one along a vacuum direction."""
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(model.lattice), axis=0)
    points = [2 * math.ceil(length / spacing / 2) if p else 1 for length, p in zip(lengths, model.periodic, strict=True)]
    return points[0], points[1], points[2]
