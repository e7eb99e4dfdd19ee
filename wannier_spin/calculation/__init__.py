"""The one place where the stages meet."""

from wannier_spin.calculation.adaptive import Control, Round
from wannier_spin.calculation.channels import Tolerance
from wannier_spin.calculation.compute import compute
from wannier_spin.calculation.decompose import Decomposition, decompose
from wannier_spin.calculation.dry_run import dry_run
from wannier_spin.calculation.fermi_surface import FermiSurface, check_surface_file, fermi_surface
from wannier_spin.calculation.maps import is_response, response_map
from wannier_spin.calculation.run import default_grid, read_inputs, run, run_model
from wannier_spin.calculation.sites import Sites, atomic_sites, projected_sites
from wannier_spin.calculation.symmetrize import VerifiedGroup, symmetry_report

__all__ = [
    "Control",
    "Decomposition",
    "FermiSurface",
    "Round",
    "Sites",
    "Tolerance",
    "VerifiedGroup",
    "atomic_sites",
    "check_surface_file",
    "compute",
    "decompose",
    "default_grid",
    "dry_run",
    "projected_sites",
    "fermi_surface",
    "is_response",
    "read_inputs",
    "response_map",
    "run",
    "run_model",
    "symmetry_report",
]
