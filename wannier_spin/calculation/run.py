"""`run`: what an input file asks for."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin import units as un
from wannier_spin.calculation.compute import compute
from wannier_spin.calculation.sites import SitesLike
from wannier_spin.calculation.symmetrize import verified_group
from wannier_spin.config import Settings
from wannier_spin.errors import InputError
from wannier_spin.integrals.adaptive import Control
from wannier_spin.integrals.channels import Tolerance
from wannier_spin.integrals.sums import Progress
from wannier_spin.integration.parallel import Communicator, together
from wannier_spin.model import Structure, TightBindingModel, load_model
from wannier_spin.readers import WS_DISTANCE_TOLERANCE, read_frozen_window, read_projections, read_structure, read_wannier90
from wannier_spin.results import ResultSet
from wannier_spin.symmetry import symmetrize_model


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
    wanted = asked_tolerance(settings)
    grid = settings.grid.points or default_grid(model, settings.grid.spacing)
    result = compute(
        model,
        settings.responses,
        grid=grid if wanted is None else None,
        shift=settings.grid.shift,
        mu=settings.fermi_energy + np.array(settings.mu),
        temperature=settings.temperature,
        tau=settings.tau if settings.units == "SI" else [un.natural_tau(t) for t in settings.tau],
        omega=settings.omega,
        broadening=settings.broadening,
        units=settings.units,
        channel=settings.channel,
        spin_current=settings.spin_current,
        form=settings.form,
        relaxation=settings.relaxation,
        symmetry=structure,
        reduce_k=settings.symmetry.reduce,
        sites=asked_sites(settings, model.n_bands),
        degeneracy_tolerance=settings.numerics.degeneracy_tolerance,
        degeneracy_check=settings.numerics.degeneracy_check,
        memory=settings.numerics.memory,
        tolerance=wanted,
        comm=comm,
        progress=progress,
        control=control,
    )
    return replace(result, provenance={**result.provenance, "fermi_energy_eV": settings.fermi_energy, "input": text})


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


def read_inputs(settings: Settings, folder: Path) -> tuple[TightBindingModel, Structure | None]:
    """The model and the structure (None: no symmetry) that the settings name. Raises InputError."""
    wanted = settings.symmetry
    if wanted.structure is None:
        if wanted.magnetic_moments is not None:
            raise InputError("symmetry.magnetic_moments is given without symmetry.structure; say which file has the atoms")
        return _read_model(settings, folder), None
    structure = read_structure(folder / wanted.structure, magnetic_moments=wanted.magnetic_moments)
    model = _read_model(settings, folder)
    if not wanted.average_model:
        return model, structure
    group = verified_group(model, structure, settings.numerics.degeneracy_tolerance)
    assert group is not None
    win = folder / (wanted.projections or wanted.structure)
    orbitals = read_projections(win, wanted.spin_order)
    return symmetrize_model(model, orbitals, group.group.operations, window=read_frozen_window(win))[0], structure


def _read_model(settings: Settings, folder: Path) -> TightBindingModel:
    seed, options = folder / settings.seedname, settings.model
    if seed.suffix == ".h5":
        if options.spin is not None or options.ws_distance_tolerance is not None:
            raise InputError(f"'{seed}' is a finished model: leave out model.spin and model.ws_distance_tolerance")
        model = load_model(seed)
    else:
        tolerance = WS_DISTANCE_TOLERANCE if options.ws_distance_tolerance is None else options.ws_distance_tolerance
        wanted = settings.spin_current
        model = read_wannier90(seed, spin=options.spin, ws_distance_tolerance=tolerance, spin_current=wanted)
    if options.vacuum is None:
        if options.thickness is not None:
            raise InputError("model.thickness is given without model.vacuum; say which lattice vector crosses the layer")
        return model
    a, b, c = (axis != options.vacuum for axis in "abc")
    return replace(model, periodic=(a, b, c), thickness=options.thickness)
