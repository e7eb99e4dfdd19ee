"""The Fermi energy, from the words that the programs print."""

import gzip
from pathlib import Path

import pytest

import wannier_spin as ws
from wannier_spin.readers import find_fermi_energy

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
        ({}, ("no Fermi energy found in '{}'", "X.win", "OUTCAR", "input.toml")),
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
