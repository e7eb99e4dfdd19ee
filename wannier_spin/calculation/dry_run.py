"""What a run will do and cost, from a small part of it that is really computed."""

from __future__ import annotations

import resource
from math import prod
from pathlib import Path

from wannier_spin import responses as resp
from wannier_spin.calculation.open_model import inputs_of
from wannier_spin.calculation.run import asked_tolerance, default_grid, run_model
from wannier_spin.config import GridSection, Settings, ToleranceSection
from wannier_spin.integrals.channels import Tolerance
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.model import TightBindingModel
from wannier_spin.results import ResultSet

SAMPLE_MESH = 6  # points along an axis of the mesh that is timed


def dry_run(settings: Settings, folder: Path, ranks: int) -> list[tuple[str, str]]:
    """Rows (what, how much) of a plan for so many ranks, made by one of them.

    The first boxes of an adaptive run, or a small mesh, are computed and timed; the rest is extrapolated.
    Raises InputError for whatever would stop the run.
    """
    inputs = inputs_of(settings, folder)
    assert inputs.settings is not None
    model, structure, settings = inputs.model, inputs.structure, inputs.settings
    wanted = asked_tolerance(settings)
    sample = run_model(model, structure, _small(settings, model), "", SERIAL)
    numbers = sample.provenance
    seconds = numbers["wall_seconds"] / max(1, numbers["k_points_evaluated"])
    rows = [
        ("model", f"{model.name}: {model.n_bands} Wannier functions, {len(model.R_vectors)} lattice vectors, {model.dimension}D"),
        ("scan", f"{len(settings.mu)} mu x {len(settings.temperature)} temperatures" + _frequencies(settings)),
        *_components(sample),
        ("speed", f"{1 / seconds:.0f} k-points/s on one core here (including start-up)"),
        ("memory", f"{_peak_memory():.2g} GiB now, up to {settings.numerics.memory:g} GiB more per rank for batches and sums"),
    ]
    if wanted is None:
        return rows + _mesh_rows(settings, model, sample, seconds, ranks)
    return rows + _adaptive_rows(wanted, sample, seconds, ranks)


def _small(settings: Settings, model: TightBindingModel) -> Settings:
    """The same with a small mesh, or with the first boxes only."""
    if settings.tolerance is None:
        points = [SAMPLE_MESH if periodic else 1 for periodic in model.periodic]
        return settings.model_copy(update={"grid": GridSection(points=points, shift=settings.grid.shift)})
    changes = {"max_seconds": 1e-9, "replicas": 1}  # time is up after the first boxes
    section = ToleranceSection.model_validate({**settings.tolerance.model_dump(), **changes})
    return settings.model_copy(update={"tolerance": section})


def _frequencies(settings: Settings) -> str:
    return f" x {len(settings.omega)} frequencies" if settings.omega else ""


def _components(sample: ResultSet) -> list[tuple[str, str]]:
    """Independent components of each response."""
    symmetry = sample.provenance["symmetry"]
    if not isinstance(symmetry, dict):
        return [("responses", ", ".join(sample)), ("symmetry", "none used: every component is computed")]
    rows = [("symmetry", f"magnetic group {symmetry['bns_number']}, {symmetry['operations']} point operations")]
    for name in sample:
        parts = [names for form, names in symmetry["independent"].items() if form.split(" ")[0] == name]
        rows.append((name, "; ".join(part or "forbidden by symmetry: zero" for part in parts) or resp.get(name).symbol))
    return rows


def _mesh_rows(
    settings: Settings, model: TightBindingModel, sample: ResultSet, seconds: float, ranks: int
) -> list[tuple[str, str]]:
    grid = settings.grid.points or default_grid(model, settings.grid.spacing)
    share = sample.provenance["k_points_evaluated"] / prod(sample.provenance["grid"])
    n = prod(grid)
    return [
        ("mesh", f"{'x'.join(map(str, grid))} = {n} k-points, about {share * n:.0f} evaluated"),
        ("estimated time", f"{_duration(share * n * seconds / ranks)} on {ranks} rank(s)"),
    ]


def _adaptive_rows(wanted: Tolerance, sample: ResultSet, seconds: float, ranks: int) -> list[tuple[str, str]]:
    numbers = sample.provenance
    first, excess = numbers["k_points_evaluated"], numbers["error_over_tolerance"]
    worst = max(excess, key=excess.get)
    most = wanted.max_evaluations * wanted.replicas * seconds / ranks
    return [
        (
            "first boxes",
            f"{numbers['boxes'][0]} of {numbers['points_per_box']} points, {numbers['box_operations']} operations used",
        ),
        ("after them", f"error bars are at most {excess[worst]:.3g} times the tolerance ({worst})"),
        ("replicas", str(wanted.replicas)),
        ("estimated time", f"{_duration(first * seconds / ranks)} for the first boxes on {ranks} rank(s)"),
        ("at most", f"{_duration(most)} for max_evaluations = {wanted.max_evaluations} k-points"),
    ]


def _peak_memory() -> float:
    """Of this process, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
