"""Structures with numbers beside them, put into an ase database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wannier_spin.errors import InputError
from wannier_spin.model import Structure

ENDINGS = (".db", ".json")


@dataclass(frozen=True)
class Entry:
    """One row: a crystal, where it comes from (the row of the same origin is replaced), numbers and words about it."""

    structure: Structure
    origin: str
    values: Mapping[str, float | str]


def check_database(path: Path) -> None:
    """Raise InputError now for what `fill_database` would refuse later: the ending, the folder, a missing ase."""
    if path.suffix not in ENDINGS:
        raise InputError(f"ase database '{path}': expected a name that ends in {' or '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise InputError(f"the folder of the ase database '{path}' does not exist; create it")
    try:
        import ase.db  # noqa: F401
    except ImportError as error:
        raise InputError("an ase database needs ase; pip install ase") from error


def fill_database(path: Path, entries: Sequence[Entry]) -> None:
    """Add the entries to the database, or make it; whole or not at all. Its other rows stay.

    Points in the names of values become underscores, as ase wants them; `data["magnetic_moments"]` has the moments (atom, xyz) in
    Bohr magnetons. Raises InputError if ase cannot write it.
    """
    check_database(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        if path.exists():
            shutil.copy2(path, copy)
        try:
            _write(copy, entries)
        except Exception as error:  # ase and sqlite raise what they like
            raise InputError(f"cannot fill the ase database '{path}' ({type(error).__name__}: {error}); is it one?") from error
        if copy.exists():
            copy.replace(path)


def _write(path: Path, entries: Sequence[Entry]) -> None:
    import ase.db

    connect: Any = ase.db.connect  # not typed
    with connect(path, type=path.suffix[1:], use_lock_file=False) as database:
        for entry in entries:
            if path.exists():  # ase makes it with the first row, and searches only what is there
                database.delete([row.id for row in database.select(origin=entry.origin)])
            values = {key.replace(".", "_"): value for key, value in entry.values.items()}
            moments = {"magnetic_moments": entry.structure.magnetic_moments.tolist()}
            database.write(_atoms(entry.structure), data=moments, origin=entry.origin, **values)


def _atoms(structure: Structure) -> Any:
    """Moments along z are ase's collinear ones; others are in the row's data only: ase's databases lose their shape."""
    from ase import Atoms

    moments = structure.magnetic_moments
    along_z = moments[:, 2].any() and not moments[:, :2].any()
    return Atoms(
        numbers=structure.numbers,
        cell=structure.lattice,
        scaled_positions=structure.positions,
        pbc=True,
        magmoms=moments[:, 2] if along_z else None,
    )
