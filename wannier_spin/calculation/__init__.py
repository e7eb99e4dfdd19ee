"""The one place where the stages meet."""

from wannier_spin.calculation.compute import compute
from wannier_spin.calculation.run import default_grid, read_inputs, run, run_model
from wannier_spin.calculation.symmetrize import VerifiedGroup, symmetry_report

__all__ = ["VerifiedGroup", "compute", "default_grid", "read_inputs", "run", "run_model", "symmetry_report"]
