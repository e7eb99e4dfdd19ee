"""Damaged files: whatever a byte, a line or a number in them becomes, the reader answers with a value or with one InputError."""

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from bounded import bounded, says_memory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wannier_spin.errors import InputError
from wannier_spin.readers import read_hr, read_projections, read_tb
from wannier_spin.readers.checkpoint import read_chk
from wannier_spin.readers.files import read_bytes
from wannier_spin.readers.hr_companions import WannierToolsInput
from wannier_spin.readers.text_tables import read_hr_table, read_tb_table
from wannier_spin.readers.wannier90_files import read_eig, read_mmn, read_spin_neighbours, read_spn
from wannier_spin.readers.win import read_nnkp_kpoints, read_win

EXAMPLES = int(os.environ.get("WANNIER_SPIN_FUZZ", "25"))  # cases of each format
VALUES = ["nan", "inf", "-inf", "1e300", "-1e300", "-1", "0", "1.5", "999999999", "99999999999", "x", "", "*****", "1,2", "é"]

WIN = """num_wann = 2
num_bands = 3
spinors = .true.
dis_win_max 8.0
mp_grid = 2 1 1
begin unit_cell_cart
bohr
1.0 0.0 0.0
0.0 2.0 0.0
0.0 0.0 3.0
end unit_cell_cart
begin atoms_frac
Fe 0.0 0.0 0.0
end atoms_frac
begin projections
Fe:s
end projections
begin kpoints
0.0 0.0 0.0
0.5 0.0 0.0
end kpoints
"""
NNKP = "begin kpoints\n 2\n 0.0 0.0 0.0\n 0.5 0.0 0.0\nend kpoints\n"
EIG = "".join(f"{n} {k} {0.5 * n + k}\n" for k in (1, 2) for n in (1, 2, 3))
MMN = "head\n2 2 1\n" + "".join(f"{k} {3 - k} 0 0 0\n1.0 0.0\n0.0 0.0\n0.0 0.0\n1.0 0.0\n" for k in (1, 2))
SPN = "head\n2 2\n" + "0 0\n0 0\n1 0\n1 0\n0 -1\n0 0\n0 0\n0 0\n-1 0\n" * 2
SIU = "head\n1 2 1\n" + "0.5 0.0\n" * 6
CHK = """head
2
1
1
1.0 0.0 0.0 0.0 2.0 0.0 0.0 0.0 3.0
6.283185307179586 0.0 0.0 0.0 3.141592653589793 0.0 0.0 0.0 2.0943951023931953
2
2 1 1
0.0 0.0 0.0
0.5 0.0 0.0
1
1
postwann
1
0.5
1 1
1 1
2 2
1.0 0.0 0.0 0.0
1.0 0.0 0.0 0.0
1.0 0.0
1.0 0.0
0.9 0.0
0.9 0.0
0.0 0.0 0.0
1.0
"""
TB = "written on x\n1 0 0\n0 1 0\n0 0 1\n2\n3\n1 1 1\n"
for columns, x in ((1, -1), (1, 0), (1, 1), (3, -1), (3, 0), (3, 1)):
    TB += f"\n{x} 0 0\n" + "".join(f"{i} {j}{' 0.5 0.0' * columns}\n" for j in (1, 2) for i in (1, 2))
HR = "head\n2\n3\n1 1 1\n" + "".join(f"{x} 0 0 {i} {j} 0.5 0.0\n" for x in (-1, 0, 1) for j in (1, 2) for i in (1, 2))
WSVEC = "head\n" + "".join(f"{x} 0 0 {i} {j}\n1\n0 0 0\n" for x in (-1, 0, 1) for j in (1, 2) for i in (1, 2))
WT = "LATTICE\nAngstrom\n1 0 0\n0 1 0\n0 0 1\nATOM_POSITIONS\n1\nDirect\nFe 0 0 0\nPROJECTORS\n1\nFe s\n"
WT += "WANNIER_CENTRES\nCartesian\n0.1 0.0 0.0\n0.1, 0.2, 0.0\n"


def everything_of_win(path: Path) -> None:
    win = read_win(path)
    for use in (win.lattice, win.atoms, win.kpoints, win.mesh, partial(win.number, "dis_win_max"), partial(win.flag, "spinors")):
        try:
            use()
        except InputError:
            pass
    read_projections(path)


def wsvec(path: Path) -> None:
    path.with_name("x_tb.dat").write_text(TB)
    read_tb(path.with_name("x"), ws_distance="file")


def tools(path: Path) -> None:
    given_file = WannierToolsInput(path)
    given_file.lattice()
    given_file.projectors(2)
    if given_file.has_centres:
        given_file.centres(2)


READERS: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "win": ("x.win", WIN, everything_of_win),
    "nnkp": ("x.nnkp", NNKP, read_nnkp_kpoints),
    "eig": ("x.eig", EIG, read_eig),
    "mmn": ("x.mmn", MMN, read_mmn),
    "spn": ("x.spn", SPN, read_spn),
    "sIu": ("x.sIu", SIU, read_spin_neighbours),
    "chk": ("x.chk.fmt", CHK, read_chk),
    "tb": ("x_tb.dat", TB, read_tb_table),
    "tb model": ("x_tb.dat", TB, read_tb),
    "hr": ("x_hr.dat", HR, lambda path: read_hr_table(path, np.eye(3))),
    "wsvec": ("x_wsvec.dat", WSVEC, wsvec),
    "wt.in": ("wt.in", WT, tools),
}


@pytest.mark.parametrize("kind", list(READERS))
def test_whole_files_are_read(kind: str, tmp_path: Path) -> None:
    name, text, read = READERS[kind]
    (tmp_path / name).write_text(text)
    read(tmp_path / name)


@st.composite
def damaged(draw: st.DrawFn, text: bytes) -> bytes:
    """One to three of: bytes changed, the end cut off, lines lost, doubled or exchanged, a word replaced."""
    for _ in range(draw(st.integers(1, 3))):
        lines = text.split(b"\n")
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        what = draw(st.sampled_from(["word", "word", "word", "byte", "cut", "lost", "twice", "exchanged"]))
        if what == "byte" and text:
            i = draw(st.integers(0, len(text) - 1))
            text = text[:i] + bytes([draw(st.integers(0, 255))]) + text[i + 1 :]
        elif what == "cut":
            text = text[: draw(st.integers(0, len(text)))]
        else:
            words = lines[at].split()
            if what == "word" and words:
                words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(VALUES)).encode()
            other = draw(st.integers(0, max(0, len(lines) - 1)))
            new = {"word": [b" ".join(words)], "lost": [], "twice": [lines[at]] * 2, "exchanged": [lines[other]]}.get(what, [])
            text = b"\n".join([*lines[:at], *new, *lines[at + 1 :]])
    return text


@pytest.mark.parametrize("kind", list(READERS))
def test_a_damaged_text_file_is_one_message(kind: str, tmp_path: Path) -> None:
    name, whole, read = READERS[kind]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(damaged(whole.encode()))
    def check(data: bytes) -> None:
        only_input_errors(read, tmp_path / name, data)

    check()


def only_input_errors(read: Callable[[Path], object], path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with bounded():
                read(path)
        except InputError as error:
            assert not says_memory(error)
            assert path.parent.name in str(error) or path.name.split("_")[0].split(".")[0] in str(error)
            assert len(str(error)) < 1500


@pytest.mark.parametrize("suffix", [".chk", ".spn"])
def test_a_damaged_binary_file_is_one_message(suffix: str, pt: Path, tmp_path: Path) -> None:
    """Words in the first records, where the sizes are, and bytes anywhere."""
    whole = read_bytes(pt.with_suffix(suffix))
    read = read_chk if suffix == ".chk" else read_spn
    path = tmp_path / f"y{suffix}"
    wild = st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31), 10**6])

    @settings(max_examples=min(EXAMPLES, 40), deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.integers(0, 120), wild, st.integers(1, len(whole)))
    def check(word: int, value: int, keep: int) -> None:
        data = whole[: 4 * word] + int(value).to_bytes(4, "little", signed=True) + whole[4 * word + 4 :]
        only_input_errors(read, path, data[:keep] if keep % 2 else data)

    check()


def test_a_damaged_hr_model(tmp_path: Path) -> None:
    """Through `read_hr`, with its companions."""
    (tmp_path / "x.win").write_text(WIN)
    (tmp_path / "x_centres.xyz").write_text("2\n\nX 0.0 0.0 0.0\nX 0.0 0.0 0.0\n")

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(damaged(HR.encode()))
    def check(data: bytes) -> None:
        only_input_errors(read_hr, tmp_path / "x_hr.dat", data)

    check()
