"""What compilers, editors and other hands make of the same files: they are read as the same run."""

import re
import struct
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from wannier_spin import InputError
from wannier_spin.readers.checkpoint import read_chk
from wannier_spin.readers.structure import read_structure
from wannier_spin.readers.wannier90_files import read_spn
from wannier_spin.readers.win import read_win

WORDS = {  # records of a .chk by their number: what is written in whole numbers, with and without disentanglement
    True: (1, 2, 3, 6, 7, 9, 10, 12, 14, 15),
    False: (1, 2, 3, 6, 7, 9, 10, 12),
}


def records_of(path: Path) -> list[bytes]:
    """Of a file with markers of 4 bytes."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack("<i", data[at : at + 4])
        found.append(data[at + 4 : at + 4 + size])
        at += size + 8
    return found


def written(path: Path, records: list[bytes], order: str, wide_markers: bool) -> Path:
    mark = order + ("q" if wide_markers else "i")
    path.write_bytes(b"".join(struct.pack(mark, len(r)) + r + struct.pack(mark, len(r)) for r in records))
    return path


def swapped(record: bytes, size: int, order: str) -> bytes:
    """Numbers of so many bytes in another byte order."""
    return np.frombuffer(record, f"<u{size}").astype(f"{order}u{size}").tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide_markers", [False, True])
@pytest.mark.parametrize("wide_integers", [False, True])
@pytest.mark.parametrize("truth", [1, -1])
def test_checkpoints_of_other_compilers(
    seed_with: Callable[..., Path], tmp_path: Path, order: str, wide_markers: bool, wide_integers: bool, truth: int
) -> None:
    """Byte order, record markers of 8 bytes (gfortran -frecord-marker=8), integers and logicals of 8 bytes (-i8), .TRUE. = -1."""
    path = seed_with("Pt", ".chk").with_suffix(".chk")
    records, expected = records_of(path), read_chk(path)
    disentangled = bool(np.frombuffer(records[12], "<i4")[0])
    changed = [records[0]]
    for number, record in enumerate(records[1:], 1):
        if number in WORDS[disentangled]:
            values = np.frombuffer(record, "<i4").astype(np.int64)
            values = truth * values if number in (12, 14) and disentangled else values
            changed.append(values.astype(f"{order}i{8 if wide_integers else 4}").tobytes())
        else:
            changed.append(record if number == 11 else swapped(record, 8, order))
    found = read_chk(written(tmp_path / "other.chk", changed, order, wide_markers))
    for name in (f.name for f in fields(expected)):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide_markers", [False, True])
@pytest.mark.parametrize("wide_integers", [False, True])
def test_spin_matrices_of_other_compilers(
    seed_with: Callable[..., Path], tmp_path: Path, order: str, wide_markers: bool, wide_integers: bool
) -> None:
    path = seed_with("Pt", ".spn").with_suffix(".spn")
    head, sizes, *matrices = records_of(path)
    whole = np.frombuffer(sizes, "<i4").astype(f"{order}i{8 if wide_integers else 4}").tobytes()
    changed = [head, whole, *(swapped(record, 8, order) for record in matrices)]
    np.testing.assert_array_equal(read_spn(written(tmp_path / "other.spn", changed, order, wide_markers)), read_spn(path))


def test_markers_that_contradict_one_another_are_told(seed_with: Callable[..., Path], tmp_path: Path) -> None:
    data = bytearray(seed_with("Pt", ".chk").with_suffix(".chk").read_bytes())
    (size,) = struct.unpack("<i", data[:4])
    data[size + 4 : size + 8] = struct.pack("<i", size + 1)
    (tmp_path / "bad.chk").write_bytes(data)
    with pytest.raises(InputError, match=r"bad\.chk"):
        read_chk(tmp_path / "bad.chk")


COMMAS = """
num_wann = 2
num_bands : 4
mp_grid = 2, 2 ,1
spinors = .TRUE.
fermi_energy = 1.5d0
Begin\tUnit_Cell_Cart
ang
3.0, 0.0, 0.0
0.0,3.0 , 0.0
0.0 0.0, 1.0d1
End Unit_Cell_Cart
begin atoms_frac
Fe 0.0, 0.0 0.25 , ! iron
Fe, 0.5, 0.5, 0.25
end atoms_frac
begin kpoints
0.0, 0.0, 0.0
0.0, 0.5, 0.0
0.5, 0.0, 0.0
0.5, 0.5, 0.0
end kpoints
"""


def test_commas_tabs_and_exponents_of_win(tmp_path: Path) -> None:
    """Fortran's list-directed input takes them; the same file with blanks is the same input."""
    (tmp_path / "a.win").write_text(COMMAS)
    (tmp_path / "b.win").write_text(re.sub(r"[,\t]", " ", COMMAS).replace("d0", "e0").replace("d1", "e1"))
    one, other = read_win(tmp_path / "a.win"), read_win(tmp_path / "b.win")
    np.testing.assert_array_equal(one.lattice(), np.diag([3.0, 3.0, 10.0]))
    np.testing.assert_array_equal(one.lattice(), other.lattice())
    assert one.number("fermi_energy") == other.number("fermi_energy") == 1.5
    for (labels, places), name in ((one.atoms(), "a"), (other.atoms(), "b")):
        assert list(labels) == ["Fe", "Fe"], name
        np.testing.assert_array_equal(places, [[0, 0, 0.25], [0.5, 0.5, 0.25]], err_msg=name)
    np.testing.assert_array_equal(read_structure(tmp_path / "a.win").positions, read_structure(tmp_path / "b.win").positions)


@pytest.mark.parametrize(
    ("begin", "end"), [("begin_unit_cell_cart", "end_unit_cell_cart"), ("Begin  Unit_Cell_Cart", "END:unit_cell_cart")]
)
def test_brackets_of_blocks_as_wannier90_takes_them(begin: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "a.win").write_text(COMMAS.replace("Begin\tUnit_Cell_Cart", begin).replace("End Unit_Cell_Cart", end))
    assert begin in (tmp_path / "a.win").read_text()
    np.testing.assert_array_equal(read_win(tmp_path / "a.win").lattice(), np.diag([3.0, 3.0, 10.0]))
    np.testing.assert_array_equal(read_structure(tmp_path / "a.win").positions, [[0, 0, 0.25], [0.5, 0.5, 0.25]])


def test_a_shifted_mesh_is_told_as_such(seed_with: Callable[..., Path], tmp_path: Path) -> None:
    """Not as a wrong order or missing points."""
    path = seed_with("Pt", ".chk").with_suffix(".chk")
    records, chk = records_of(path), read_chk(path)
    k = chk.kpoints + 0.5 / chk.mesh
    changed = [*records[:8], k.astype("<f8").tobytes(), *records[9:]]
    with pytest.raises(InputError, match=r"shifted off Gamma by \(0\.5, 0\.5, 0\.5\) of a step"):
        read_chk(written(tmp_path / "shifted.chk", changed, "<", False))
