"""Magnetic symmetry: operations of a structure, allowed tensors, Table I, irreducible k-points."""

from wannier_spin.components import AllowedTensor
from wannier_spin.symmetry.boxes import BoxSymmetry, axes_about, box_symmetry, images_of
from wannier_spin.symmetry.kpoints import irreducible_weights, mesh_operations, orbit_sizes
from wannier_spin.symmetry.model_average import ModelChange, symmetrize_model
from wannier_spin.symmetry.operations import (
    MagneticGroup,
    Operation,
    conventional_cell,
    distinct,
    group_from_database,
    magnetic_group,
)
from wannier_spin.symmetry.projector import (
    TensorKind,
    allowed,
    basis_of,
    invariant_basis,
    n_independent,
    project,
    project_bound,
    projector,
    transform,
)
from wannier_spin.symmetry.sites import (
    SiteGroup,
    SublatticeForms,
    atom_group,
    site_group,
    site_images,
)
from wannier_spin.symmetry.spin_groups import (
    SpinGroup,
    check_axis,
    collinear_axis,
    spin_group,
    spin_only_operations,
    symmetry_group,
)
from wannier_spin.symmetry.spin_orbit import add_spin_orbit, angular_momentum
from wannier_spin.symmetry.table import format_table, law_kind, parities, table_one
from wannier_spin.symmetry.violation import group_violation

__all__ = [
    "AllowedTensor",
    "SiteGroup",
    "SublatticeForms",
    "atom_group",
    "site_group",
    "site_images",
    "MagneticGroup",
    "ModelChange",
    "group_violation",
    "SpinGroup",
    "add_spin_orbit",
    "angular_momentum",
    "check_axis",
    "collinear_axis",
    "spin_group",
    "spin_only_operations",
    "symmetry_group",
    "symmetrize_model",
    "BoxSymmetry",
    "axes_about",
    "box_symmetry",
    "images_of",
    "Operation",
    "TensorKind",
    "allowed",
    "basis_of",
    "conventional_cell",
    "distinct",
    "format_table",
    "group_from_database",
    "invariant_basis",
    "irreducible_weights",
    "law_kind",
    "magnetic_group",
    "mesh_operations",
    "n_independent",
    "orbit_sizes",
    "parities",
    "project",
    "project_bound",
    "projector",
    "table_one",
    "transform",
]
