"""Readers: files of other programs become `TightBindingModel` and `Structure`; every fault becomes an InputError.

files            opening, hashing, Fortran records
wannier90_files  one parser per Wannier90 format
berri_input      Bloch states -> R space (the only reader that imports wannierberri)
wigner_seitz     minimal-distance replicas for the text files
tight_binding    _tb.dat, _hr.dat
wannier90        read_wannier90: choose the route, hold the files against each other
structure        crystal structures (the only module that imports ase)
quality          is the output fit for use?
"""

from wannier_spin.readers.projections import read_projections
from wannier_spin.readers.quality import Check, check_model
from wannier_spin.readers.structure import read_structure, read_win_lattice
from wannier_spin.readers.tight_binding import WS_DISTANCE_TOLERANCE, read_hr, read_tb
from wannier_spin.readers.wannier90 import read_frozen_window, read_wannier90

__all__ = [
    "WS_DISTANCE_TOLERANCE",
    "Check",
    "check_model",
    "read_hr",
    "read_frozen_window",
    "read_projections",
    "read_structure",
    "read_tb",
    "read_wannier90",
    "read_win_lattice",
]
