"""Many Wannier90 runs, one table.

material   a folder becomes settings: its own input file, common ones, what is found beside the Wannier90 files
figures    a result becomes a row: figures of merit
table      rows as text, CSV, JSON, HDF5; ranking
process    the loop over materials: failures, resuming, groups of ranks
"""

from wannier_spin.screening.figures import CHARGE
from wannier_spin.screening.material import Common, Material, material_in, material_names, read_common
from wannier_spin.screening.process import Screening, screen
from wannier_spin.screening.table import Table, check_table

__all__ = [
    "CHARGE",
    "Common",
    "Material",
    "Screening",
    "Table",
    "check_table",
    "material_names",
    "material_in",
    "read_common",
    "screen",
]
