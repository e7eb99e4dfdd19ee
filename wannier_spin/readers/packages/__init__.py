"""Hamiltonians of other packages, in memory or in their own files: PythTB, TBmodels, sisl, System_R of wannierberri on disk.

None of these packages is imported: the objects are read by their attributes.
"""

from __future__ import annotations

from pathlib import Path

from wannier_spin.readers.packages.pythtb import from_pythtb, is_pythtb
from wannier_spin.readers.packages.sisl import from_sisl, is_sisl
from wannier_spin.readers.packages.system_npz import is_system_folder, read_system
from wannier_spin.readers.packages.tbmodels import from_tbmodels, is_tbmodels, is_tbmodels_file

FINISHED = (".h5", ".hdf5")  # endings of files with a whole model: ours, of TBmodels

__all__ = [
    "from_pythtb",
    "from_sisl",
    "from_tbmodels",
    "is_finished",
    "is_system_folder",
    "is_tbmodels_file",
    "read_system",
    "way_in",
]


def is_finished(path: Path) -> bool:
    """Whether a path stands for a whole model, not for the files of a run."""
    return path.suffix in FINISHED or is_system_folder(path)


def way_in(given: object) -> str:
    """How an object, or a file that is no model yet, becomes one; empty where that is not known."""
    if isinstance(given, Path):
        if "hamdata" in given.name:
            return (
                f"'{given.name}' is written by FPLO: system = wannierberri.System_R.from_fplo('{given}', spin=True), then "
                "wannier_spin.berri.from_system_R(system).save('name.model.h5')"
            )
        return ""
    for name, is_it in (("from_pythtb", is_pythtb), ("from_tbmodels", is_tbmodels), ("from_sisl", is_sisl)):
        if is_it(given):
            return f"wannier_spin.{name}(...) makes a model of it"
    if type(given).__module__.startswith("wannierberri"):
        return "wannier_spin.berri.from_system_R(...) makes a model of it"
    return ""
