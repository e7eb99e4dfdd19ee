"""The one place where the stages meet."""

from wannier_spin.calculation.adaptive import Control, Round
from wannier_spin.calculation.channels import Tolerance
from wannier_spin.calculation.compute import compute
from wannier_spin.calculation.dry_run import dry_run
from wannier_spin.calculation.run import default_grid, read_inputs, run, run_model
from wannier_spin.calculation.sites import Sites, atomic_sites, projected_sites
from wannier_spin.calculation.symmetrize import VerifiedGroup, symmetry_report

__all__ = [
    "Control",
    "Round",
    "Sites",
    "Tolerance",
    "VerifiedGroup",
    "atomic_sites",
    "compute",
    "default_grid",
    "dry_run",
    "projected_sites",
    "read_inputs",
    "run",
    "run_model",
    "symmetry_report",
]
