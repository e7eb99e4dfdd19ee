"""The Fermi energy of a finished run, from what the programs wrote beside its Wannier90 files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from wannier_spin.errors import InputError
from wannier_spin.readers.files import find_file, in_full, read_bytes
from wannier_spin.readers.win import read_win

AGREEMENT = 0.1  # eV: two outputs of one program further apart are of different runs
_NUMBER = rb"(-?\d+\.\d*)"
_GAP = re.compile(rb"highest occupied, lowest unoccupied level \(ev\):\s+" + _NUMBER + rb"\s+" + _NUMBER)
_TWO_LEVELS = re.compile(rb"the spin up/dw Fermi energies are\s+" + _NUMBER + rb"\s+" + _NUMBER)
_ELECTRONS = re.compile(rb"(?:number of electrons\s*=|NELECT\s*=)" + rb"\s*(\d+\.\d*)")
_SELF_CONSISTENT = b"End of self-consistent calculation"
_QE = ("*.out", "*.out.*", "*.pwo", "*.pwo.gz", "*.log")


@dataclass(frozen=True)
class FermiEnergy:
    """value (eV), and the file it comes from, in words. path : of an output that states it."""

    value: float
    source: str
    path: Path | None = None


@dataclass(frozen=True)
class _Output:
    """Names of a program's outputs and the statement in them; with several statements the last one counts."""

    files: tuple[str, ...]
    statement: re.Pattern[bytes]
    must_have: bytes = b""


# In this order. A self-consistent run comes before a non-self-consistent one: its k-points are chosen for the Fermi energy.
_OUTPUTS = (
    _Output(_QE, re.compile(rb"the Fermi energy is\s+" + _NUMBER + rb"\s*ev", re.IGNORECASE), _SELF_CONSISTENT),
    _Output(_QE, re.compile(rb"the Fermi energy is\s+" + _NUMBER + rb"\s*ev", re.IGNORECASE)),
    _Output(_QE, _GAP),
    _Output(("OUTCAR", "OUTCAR.gz"), re.compile(rb"(?:E-fermi\s*:|Fermi energy:)\s*" + _NUMBER)),
    _Output(("vasprun.xml", "vasprun.xml.gz"), re.compile(rb'<i name="efermi">\s*' + _NUMBER)),
    _Output(("*.wout", "*.wout.gz", "*.wpout"), re.compile(rb"Fermi energy\s*\(eV\)\s*:\s*" + _NUMBER)),
    _Output(("wt.in",), re.compile(rb"^[^!#\n]*?\bE_FERMI\s*=\s*(-?\d+\.?\d*)", re.IGNORECASE | re.MULTILINE)),
)


def find_fermi_energy(seed: Path) -> FermiEnergy:
    """The Fermi energy that belongs to a seed (a path without ending).

    From `fermi_energy` of its .win; else from outputs in its folder: Quantum ESPRESSO (of an insulator the middle of the gap),
    VASP, Wannier90, or the wt.in of WannierTools. Raises InputError where none has it, two disagree, or the two spins have one
    each.
    """
    win = find_file(seed, ".win")
    value = None if win is None else read_win(win).number("fermi_energy")
    if win is not None and value is not None:
        return FermiEnergy(value, win.name)
    if not seed.parent.is_dir():
        raise InputError(f"the folder '{in_full(seed.parent)}' does not exist; is the seedname right?")
    if (found := fermi_energy_of_outputs(seed.parent)) is not None:
        return found
    raise InputError(
        f"no Fermi energy found in '{in_full(seed.parent)}': no fermi_energy in '{seed.name}.win', and no output of Quantum "
        "ESPRESSO (*.out), VASP (OUTCAR, vasprun.xml) or Wannier90 (*.wout), and no wt.in, that states it; "
        "write fermi_energy (eV) into the input file"
    )


def fermi_energy_of_outputs(folder: Path) -> FermiEnergy | None:
    """What the outputs of programs in a folder state; None without any. Raises InputError as `find_fermi_energy`."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    for output in _OUTPUTS:
        found = list(_statements(output, files))
        if found:
            return _one(found, folder)
    return None


def electrons_of(path: Path) -> float | None:
    """The number of electrons in the cell that an output of Quantum ESPRESSO or VASP states; None if it states none."""
    found = _ELECTRONS.search(read_bytes(path))
    return None if found is None else float(found[1])


def _statements(output: _Output, files: list[Path]) -> Iterator[FermiEnergy]:
    for path in files:
        if not any(fnmatch(path.name, pattern) for pattern in output.files):
            continue
        text = read_bytes(path)
        if output.must_have not in text:
            continue
        if output.files == _QE and _TWO_LEVELS.search(text):
            raise InputError(f"'{path}' has a Fermi energy for each spin; write the one to use into input.toml (fermi_energy)")
        matches = output.statement.findall(text)
        if not matches:
            continue
        if output.statement is _GAP:
            top, bottom = (float(number) for number in matches[-1])
            yield FermiEnergy((top + bottom) / 2, f"{path.name}, middle of the gap", path)
        else:
            yield FermiEnergy(float(matches[-1]), path.name, path)


def _one(found: list[FermiEnergy], folder: Path) -> FermiEnergy:
    low, high = min(found, key=lambda f: f.value), max(found, key=lambda f: f.value)
    if high.value - low.value > AGREEMENT:
        raise InputError(
            f"'{folder}': '{low.source}' has the Fermi energy {low.value:g} eV, '{high.source}' has {high.value:g} eV; "
            "write the right one into input.toml (fermi_energy)"
        )
    return found[0]
