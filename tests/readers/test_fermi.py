"""The Fermi energy, from the words that the programs print."""

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.readers import find_fermi_energy
from wannier_spin.readers.energy_tests import check_fermi_energy

SCF = """
     convergence has been achieved in  11 iterations
     End of self-consistent calculation
     the Fermi energy is    {} ev
!    total energy              =    -105.6 Ry
"""
NSCF = "     End of band structure calculation\n     the Fermi energy is    {} ev\n"
INSULATOR = "     highest occupied, lowest unoccupied level (ev):     8.5000    9.5000\n"
OUTCAR = " E-fermi :   {0}     XC(G=0): -10.0966     alpha+bet :-14.4692\n\n Fermi energy:         {0}\n"
VASPRUN = '<dos>\n   <i name="efermi">      5.12345678 </i>\n'
WPOUT = " |  Fermi energy (eV)                         :            6.250             |\n"
WIN = "num_wann = 2\nfermi_energy = 7.25  ! eV\n"


@pytest.mark.parametrize(
    ("files", "value", "source"),
    [
        ({"X.win": WIN, "scf.out": SCF.format("1.0")}, 7.25, "X.win"),
        ({"X.win": WIN.replace("7.25", "7.25d0")}, 7.25, "X.win"),
        ({"X.win": "num_wann = 2", "scf.out": SCF.format("1.0") + SCF.format("-1.5000")}, -1.5, "scf.out"),
        ({"a_nscf.out": NSCF.format("3.0"), "scf.out": SCF.format("2.5")}, 2.5, "scf.out"),
        ({"nscf.out": NSCF.format("3.0")}, 3.0, "nscf.out"),
        ({"nscf.out": INSULATOR}, 9.0, "nscf.out, middle of the gap"),
        ({"OUTCAR": OUTCAR.format("9.9") + OUTCAR.format("4.5")}, 4.5, "OUTCAR"),
        ({"vasprun.xml": VASPRUN}, 5.12345678, "vasprun.xml"),
        ({"X.wout": "Final State", "X.wpout": WPOUT}, 6.25, "X.wpout"),
        ({"wt.in": "&SYSTEM\nSOC = 1\n! E_FERMI = 1.0\nNumOccupied = 8, E_fermi = 9.5 !9.6 ! eV\n/\n"}, 9.5, "wt.in"),
        ({"wt.in": "E_FERMI =0 ! model\n"}, 0.0, "wt.in"),
        ({"scf.out": SCF.format("2.5"), "scf2.out": SCF.format("2.55")}, 2.5, "scf.out"),
    ],
)
def test_found(tmp_path: Path, files: dict[str, str], value: float, source: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = find_fermi_energy(tmp_path / "X")
    assert (found.value, found.source) == (value, source)


def test_gzipped(tmp_path: Path) -> None:
    (tmp_path / "OUTCAR.gz").write_bytes(gzip.compress(OUTCAR.format("4.5").encode()))
    assert find_fermi_energy(tmp_path / "X").value == 4.5


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ({}, ("no Fermi energy found in '{}'", "X.win", "OUTCAR", "write fermi_energy (eV) into the input file")),
        ({"X.win": "num_wann = 2", "run.out": "nothing"}, ("no Fermi energy",)),
        ({"Y.win": WIN}, ("no Fermi energy",)),
        ({"a.out": SCF.format("2.5"), "b.out": SCF.format("2.7")}, ("'a.out'", "2.5 eV", "'b.out'", "2.7 eV", "input.toml")),
        (
            {"scf.out": SCF.format("0.0").replace("the Fermi energy is    0.0", "the spin up/dw Fermi energies are  5.1  5.2")},
            ("{}/scf.out", "each spin", "input.toml"),
        ),
        ({"X.win": "fermi_energy = high"}, ("fermi_energy = high",)),
        ({"OUTCAR.gz": "\x1f\x8b no gzip"}, ("OUTCAR.gz", "cannot be read")),
    ],
)
def test_refused(tmp_path: Path, files: dict[str, str], parts: tuple[str, ...]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(ws.InputError) as refusal:
        find_fermi_energy(tmp_path / "X")
    for part in parts:
        assert part.replace("{}", str(tmp_path)) in str(refusal.value)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ws.InputError, match="does not exist"):
        find_fermi_energy(tmp_path / "no" / "X")


# --- energies against it ------------------------------------------------------------------------------------------------


def bands(folder: Path, shift: float = 0.0, excluded: tuple[int, ...] = (1, 2, 9), spin: object = 1) -> Any:
    """Of an insulator: at 8 k-points four bands, two of them below 0, two above 1 eV; bands 1, 2 and 9 are left out."""
    k = np.linspace(0, 1, 8)
    energies = np.stack([-2 + k, -1 + k, 1 + k, 2 + k], axis=1) + shift
    return SimpleNamespace(
        spin=spin, energies=energies, paths={"eig": folder / "X.eig"}, checkpoint=SimpleNamespace(excluded=excluded)
    )


@pytest.mark.parametrize(
    "electrons", ["     number of electrons       =         4.00\n", "   NELECT =       4.0000    total number\n"]
)
def test_energies_are_filled_up_to_the_fermi_energy(tmp_path: Path, electrons: str) -> None:
    name, text = ("scf.out", SCF.format("0.6")) if "number of" in electrons else ("OUTCAR", OUTCAR.format("0.6"))
    (tmp_path / name).write_text(electrons + text)
    right = check_fermi_energy(bands(tmp_path))
    assert right.ok
    assert right.value == "2 electrons fill .eig up to 0.000 eV, the next state is at 1.000 eV"
    for shift in (1.2, -1.2):
        wrong = check_fermi_energy(bands(tmp_path, shift))
        assert wrong.ok is False
        assert f"'{name}' states 0.600 eV" in wrong.advice
        assert not wrong.certain
    assert check_fermi_energy(bands(tmp_path, 1.0)).ok
    assert check_fermi_energy(bands(tmp_path, excluded=(1, 9))).ok is False
    assert not check_fermi_energy(bands(tmp_path, spin=None)).tested
    assert not check_fermi_energy(bands(tmp_path, excluded=(1, 2, 3, 4))).tested


def test_no_output_no_test(tmp_path: Path) -> None:
    assert not check_fermi_energy(bands(tmp_path)).tested
    (tmp_path / "scf.out").write_text(SCF.format("0.6"))
    assert not check_fermi_energy(bands(tmp_path)).tested
    (tmp_path / "other.out").write_text(SCF.format("2.6"))
    assert "has the Fermi energy" in check_fermi_energy(bands(tmp_path)).value
