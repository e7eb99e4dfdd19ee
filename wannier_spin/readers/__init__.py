"""Readers: files of other programs become `TightBindingModel` and `Structure`; every fault becomes an InputError.

files            opening, hashing, Fortran records
checkpoint, wannier90_files, win: one parser per Wannier90 format
berri_input      Bloch states -> R space (the only reader that imports wannierberri)
wigner_seitz     minimal-distance replicas for the text files
tight_binding    _tb.dat, _hr.dat
wannier90        read_wannier90: choose the route, hold the files against each other
collinear        read_collinear: a run for each spin, without spin-orbit coupling
structure        crystal structures with moments (imports ase); cif (imports gemmi), espresso, bravais, vasp
fermi            the Fermi energy, from the outputs beside the Wannier90 files
database         structures with numbers into an ase database (imports ase)
fitness          what was tested of a model: kept with it and with every result
consistency      files of a run (bloch_data) against one another: overlap_tests, energy_tests
spin_tests       spin matrices against states and algebra
quality          tests of a model alone
packages         Hamiltonians of PythTB, TBmodels, sisl; a System_R of wannierberri on disk
model_check      all of them as a table, for `check`
"""

from wannier_spin.readers.collinear import ChannelOverlaps, join_channels, read_collinear
from wannier_spin.readers.database import Entry, check_database, fill_database
from wannier_spin.readers.fermi import FermiEnergy, find_fermi_energy
from wannier_spin.readers.files import channels_advice, channels_alone, find_file, seed_of, seeds_in, sha256
from wannier_spin.readers.fitness import Check, Fitness, UnfitError, fitness_warnings
from wannier_spin.readers.model_check import check_model
from wannier_spin.readers.packages import (
    from_pythtb,
    from_sisl,
    from_tbmodels,
    is_finished,
    is_system_folder,
    is_tbmodels_file,
    read_system,
    way_in,
)
from wannier_spin.readers.projections import read_projections
from wannier_spin.readers.quality import examined, fitness_of
from wannier_spin.readers.structure import chemical_symbol, read_structure
from wannier_spin.readers.tight_binding import read_hr, read_tb
from wannier_spin.readers.wannier90 import read_frozen_window, read_wannier90, resolve_seed
from wannier_spin.readers.wigner_seitz import WS_DISTANCE_TOLERANCE

__all__ = [
    "WS_DISTANCE_TOLERANCE",
    "ChannelOverlaps",
    "Check",
    "Entry",
    "FermiEnergy",
    "Fitness",
    "UnfitError",
    "channels_advice",
    "channels_alone",
    "check_database",
    "check_model",
    "chemical_symbol",
    "examined",
    "fill_database",
    "find_fermi_energy",
    "from_pythtb",
    "from_sisl",
    "from_tbmodels",
    "is_finished",
    "is_system_folder",
    "is_tbmodels_file",
    "read_system",
    "way_in",
    "find_file",
    "join_channels",
    "read_collinear",
    "fitness_of",
    "fitness_warnings",
    "read_hr",
    "read_frozen_window",
    "read_projections",
    "read_structure",
    "read_tb",
    "read_wannier90",
    "resolve_seed",
    "seed_of",
    "seeds_in",
    "sha256",
]
