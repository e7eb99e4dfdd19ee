"""The one place where the stages meet."""

from wannier_spin.calculation.compute import compute
from wannier_spin.calculation.dry_run import dry_run
from wannier_spin.calculation.open_model import Inputs, inputs_of, open_inputs, open_model, read_inputs
from wannier_spin.calculation.run import check_asked, run, run_model
from wannier_spin.calculation.spacing import default_grid
from wannier_spin.calculation.symmetrize import VerifiedGroup, symmetry_report
from wannier_spin.integrals.algorithm import Control, Round
from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.sites import Sites, atomic_sites, projected_sites

__all__ = [
    "Control",
    "Inputs",
    "Round",
    "Sites",
    "Tolerance",
    "VerifiedGroup",
    "atomic_sites",
    "check_asked",
    "compute",
    "default_grid",
    "dry_run",
    "inputs_of",
    "open_inputs",
    "open_model",
    "projected_sites",
    "read_inputs",
    "run",
    "run_model",
    "symmetry_report",
]
