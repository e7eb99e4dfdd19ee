"""Everything a user can get wrong ends in one InputError that names the file and says what to do."""

import gzip
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wannier_spin.errors import InputError
from wannier_spin.readers import berri_input, fitness_warnings, read_hr, read_structure, read_tb, read_wannier90
from wannier_spin.readers.files import FortranRecords, read_bytes

SPN_HEADER = 4 + 60 + 4  # one record of 60 characters


def replace(path: Path, data: bytes) -> None:
    """Put data where a link was; the file behind the link stays as it is."""
    path.unlink()
    path.write_bytes(data)


def edit(path: Path, old: bytes, new: bytes) -> None:
    data = read_bytes(path)
    assert data.count(old) >= 1, f"{old!r} is not in {path.name}: the test would test nothing"
    replace(path, data.replace(old, new, 1))


def lines_of(path: Path) -> list[bytes]:
    return read_bytes(path).splitlines(keepends=True)


def message(pt: Path, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        read_wannier90(pt, **options)  # type: ignore[arg-type]
    return str(caught.value)


def assert_says(text: str, *parts: str) -> None:
    missing = [part for part in parts if part not in text]
    assert not missing, f"{missing} not in: {text}"
    assert len(text) < 700, "one message, not a dump"


# --- missing ---------------------------------------------------------------------------------------------------


def test_wrong_seedname(pt: Path) -> None:
    assert_says(message(pt.with_name("Pd")), "Pd.chk", "_tb.dat", "'Pt'")


def test_missing_folder(tmp_path: Path) -> None:
    assert_says(message(tmp_path / "nowhere" / "Pt"), "nowhere", "does not exist")


def test_empty_folder(tmp_path: Path) -> None:
    assert_says(message(tmp_path), "folder", "exactly one seed")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Pt.spn", ("Pt.spn", "write_spn = .true.", "spin = 'interleaved'", "'Pt.chk'")),
        ("Pt.eig", ("Pt.eig", "pw2wannier90")),
        ("Pt.mmn.gz", ("Pt.mmn", "write_mmn")),
    ],
)
def test_missing_file(pt: Path, name: str, parts: tuple[str, ...]) -> None:
    pt.with_name(name).unlink()
    assert_says(message(pt), *parts)


# --- truncated -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [2, 3000, 500_000, -100])
def test_truncated_chk(pt: Path, keep: int) -> None:
    path = pt.with_suffix(".chk")
    replace(path, path.read_bytes()[:keep])
    assert_says(message(pt), "Pt.chk", "truncated")


@pytest.mark.parametrize("keep", [100, 40_000, -3])
def test_truncated_spn(pt: Path, keep: int) -> None:
    path = pt.with_suffix(".spn")
    replace(path, path.read_bytes()[:keep])
    assert_says(message(pt), "Pt.spn", "truncated", "record")


@pytest.mark.parametrize("keep", [3, -10])
def test_truncated_eig(pt: Path, keep: int) -> None:
    path = pt.with_suffix(".eig")
    replace(path, b"".join(lines_of(path)[:keep]))
    assert_says(message(pt), "Pt.eig", *(("truncated",) if keep < 0 else ("bands",)))


def test_eig_cut_within_a_line(pt: Path) -> None:
    path = pt.with_suffix(".eig")
    replace(path, path.read_bytes()[:-25])
    assert_says(message(pt), "Pt.eig", "truncated")


@pytest.mark.parametrize("keep", [1, 40, -300])
def test_truncated_mmn(pt: Path, keep: int) -> None:
    path = pt.with_name("Pt.mmn.gz")
    replace(path, gzip.compress(b"".join(lines_of(path)[:keep]), 1))
    assert_says(message(pt), "Pt.mmn.gz", *(("line 2",) if keep == 1 else ("truncated",)))


def test_truncated_gzip(pt: Path) -> None:
    path = pt.with_name("Pt.mmn.gz")
    replace(path, path.read_bytes()[:-1000])
    assert_says(message(pt), "Pt.mmn.gz", "cannot be read")


def test_empty_files(pt: Path) -> None:
    for suffix in (".spn", ".eig", ".chk"):  # .spn is read last, .chk first
        replace(pt.with_suffix(suffix), b"")
        assert_says(message(pt), f"Pt{suffix}")


# --- sizes that do not fit ---------------------------------------------------------------------------------------


def test_eig_of_fewer_bands(pt: Path) -> None:
    path = pt.with_suffix(".eig")
    replace(path, b"".join(line for line in lines_of(path) if int(line.split()[0]) < 26))
    assert_says(message(pt), "25 bands", "26", "Pt.eig", "Pt.chk")


def test_spn_of_fewer_kpoints(pt: Path) -> None:
    path = pt.with_suffix(".spn")
    data = path.read_bytes()
    with FortranRecords(path) as records:
        records.skip("header")
        start = 8 + len(records.next_record("sizes"))
    size = SPN_HEADER + start
    assert data[SPN_HEADER + 4 : SPN_HEADER + 12] == np.array([26, 125], "<i4").tobytes()
    k_record = 8 + 16 * 3 * 26 * 27 // 2
    new = data[: SPN_HEADER + 8] + np.array([124], "<i4").tobytes() + data[SPN_HEADER + 12 : size + 124 * k_record]
    replace(path, new)
    assert_says(message(pt), "Pt.spn", "124 k-points", "125")


def test_win_of_other_number_of_functions(pt: Path) -> None:
    edit(pt.with_suffix(".win"), b"num_wann = 18", b"num_wann = 16")
    assert_says(message(pt), "Pt.win", "16", "18")


def test_win_with_kpoints_in_other_order(pt: Path) -> None:
    path = pt.with_suffix(".win")
    head, tail = read_bytes(path).split(b"begin kpoints\n")
    points = tail.splitlines(keepends=True)
    points[1], points[2] = points[2], points[1]
    replace(path, head + b"begin kpoints\n" + b"".join(points))
    assert_says(message(pt), "k-point 2", "Pt.win", "Pt.chk", "order")


def test_nnkp_with_other_kpoints(pt: Path) -> None:
    pt.with_suffix(".nnkp").write_text("begin kpoints\n 1\n 0.0 0.0 0.0\nend kpoints\n")
    assert_says(message(pt), "Pt.nnkp", "1 k-points", "125")


def test_text_in_place_of_binary(pt: Path) -> None:
    replace(pt.with_suffix(".chk"), b"this is not a checkpoint\n")
    assert_says(message(pt), "Pt.chk", "postwann")


def test_unfinished_wannierisation(pt: Path) -> None:
    edit(pt.with_suffix(".chk"), b"postwann".ljust(20), b"postdis".ljust(20))
    assert_says(message(pt), "Pt.chk", "postdis", "postwann")


def test_damaged_checkpoint(pt: Path) -> None:
    """One byte of U changed: V^+ V = 1 no longer."""
    path = pt.with_suffix(".chk")
    data = bytearray(path.read_bytes())
    at = len(data) // 20
    data[at : at + 512] = bytes(512)
    replace(path, bytes(data))
    assert_says(message(pt), "Pt.chk", "orthonormal", "k-point")


# --- values ----------------------------------------------------------------------------------------------------


def test_nan_in_eig(pt: Path) -> None:
    edit(pt.with_suffix(".eig"), b"18.124888573759", b"NaN            ")
    assert_says(message(pt), "Pt.eig", "NaN", "line 3")


def test_stars_in_eig(pt: Path) -> None:
    edit(pt.with_suffix(".eig"), b"18.124888573759", b"***************")
    assert_says(message(pt), "Pt.eig", "***")


def test_nan_in_spn(pt: Path) -> None:
    path = pt.with_suffix(".spn")
    data = bytearray(path.read_bytes())
    data[-100:-92] = np.array([np.nan]).tobytes()
    replace(path, bytes(data))
    assert_says(message(pt), "Pt.spn", "NaN", "k-point 125")


def test_infinity_in_mmn(pt: Path) -> None:
    path = pt.with_name("Pt.mmn.gz")
    edit(path, b"0.108210854586", b"Infinity      ")
    assert_says(message(pt), "Pt.mmn.gz", "infinity", "k-point 1, neighbour 1")


def test_spn_that_is_not_real_on_the_diagonal(pt: Path) -> None:
    path = pt.with_suffix(".spn")
    data = bytearray(path.read_bytes())
    first = SPN_HEADER + 16 + 4
    data[first + 8 : first + 16] = np.array([0.3]).tobytes()  # imaginary part of <1|s_x|1>
    replace(path, bytes(data))
    assert_says(message(pt), "Pt.spn", "real", "k-point 1")


# --- .eig out of order -------------------------------------------------------------------------------------------


def permuted(path: Path, order: np.ndarray, n_bands: int = 26) -> bytes:
    """The energies of k-point order[k] under the label k: a file without a formal fault."""
    lines = lines_of(path)
    energies = np.array([line.split()[2] for line in lines]).reshape(-1, n_bands)[order].ravel()
    return b"".join(b" ".join([*line.split()[:2], e]) + b"\n" for line, e in zip(lines, energies, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_eig_with_permuted_kpoints(pt: Path, seed: int) -> None:
    path = pt.with_suffix(".eig")
    replace(path, permuted(path, np.random.default_rng(seed).permutation(125)))
    assert_says(message(pt), "Pt.eig", "k-point", "order of its k-points")


def test_eig_with_two_kpoints_exchanged(pt: Path) -> None:
    """Gamma and its neighbour: the frozen window sees nothing (12 bands at each), k.p theory does."""
    path, order = pt.with_suffix(".eig"), np.arange(125)
    order[[0, 1]] = [1, 0]
    replace(path, permuted(path, order))
    assert_says(message(pt), "Pt.eig", "k.p theory")


def test_frozen_window_edited_after_the_run(pt: Path) -> None:
    """A frozen window that the wannierisation did not have is no fault of the model: it is read, with a warning."""
    edit(pt.with_suffix(".win"), b"dis_froz_max = 28.0", b"dis_froz_max = 33.0")
    (told,) = fitness_warnings(read_wannier90(pt).source)
    assert_says(told, "frozen window", "dis_froz_max = 33 eV", "edited", "do not tell which")


def test_right_files_pass(pt: Path) -> None:
    assert read_wannier90(pt).n_bands == 18


# --- options, wannierberri ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [0.0, -1e-2, 5.0, float("nan")])
def test_senseless_tolerance(pt: Path, tolerance: float) -> None:
    with pytest.raises(InputError, match="ws_distance_tolerance"):
        read_wannier90(pt, ws_distance_tolerance=tolerance)


def test_unknown_spin(pt: Path) -> None:
    assert_says(message(pt, spin="up"), "'up'", "interleaved")


def test_whatever_wannierberri_raises_is_an_input_error(pt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("NK=3 " * 1000)

    monkeypatch.setattr(berri_input, "_system", fail)
    assert_says(message(pt), "Pt", "wannierberri", "AssertionError", "NK=3")


def test_without_wannierberri(pt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wannierberri", None)  # import then raises ImportError
    assert_says(message(pt), "Pt", "install", "_tb.dat")


# --- _tb.dat, _hr.dat, structures --------------------------------------------------------------------------------


@pytest.fixture
def tb(tmp_path: Path) -> Path:
    """A chain of one orbital with two spins, hopping -1 eV, as Wannier90 writes it."""
    lines = ["written by a test", "2.0 0.0 0.0", "0.0 9.0 0.0", "0.0 0.0 9.0", "2", "3", "1 1 1"]
    for x in (-1, 0, 1):
        lines += ["", f"{x} 0 0", *(f"{n} {m} {-abs(x) * (n == m):.1f} 0.0" for m in (1, 2) for n in (1, 2))]
    for x in (-1, 0, 1):
        lines += ["", f"{x} 0 0", *(f"{n} {m}" + " 0.0" * 6 for m in (1, 2) for n in (1, 2))]
    path = tmp_path / "chain_tb.dat"
    path.write_text("\n".join(lines) + "\n")
    return path


def tb_message(path: Path, reader: Callable[..., object] = read_tb, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        reader(path, **options)
    return str(caught.value)


def test_whole_tb(tb: Path) -> None:
    model = read_tb(tb, spin="interleaved")
    assert model.R_vectors.tolist() == [[-1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert model.hamiltonian_R[:, 0, 0].tolist() == [-1, 0, -1]


@pytest.mark.parametrize("keep", [2, 12, 25, -1])
def test_truncated_tb(tb: Path, keep: int) -> None:
    tb.write_bytes(b"".join(lines_of(tb)[:keep]))
    assert_says(tb_message(tb), "chain_tb.dat", "truncated")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (b"1 1 -1.0 0.0", b"1 1 NaN 0.0", ("NaN", "Hamiltonian", "R vector 1")),
        (b"1 1 -1.0 0.0", b"1 1 **** 0.0", ("****",)),
        (b"1 1 -1.0 0.0", b"2 1 -1.0 0.0", ("[2, 1]", "[1, 1]")),
        (b"1 1 -1.0 0.0", b"1 1 -0.9 0.0", ("not Hermitian",)),
        (b"1 1 1\n", b"1 0 1\n", ("degeneracy",)),
    ],
)
def test_damaged_tb(tb: Path, old: bytes, new: bytes, parts: tuple[str, ...]) -> None:
    edit(tb, old, new)
    assert_says(tb_message(tb), "chain" if "not Hermitian" in parts else "chain_tb.dat", *parts)


def test_tb_without_its_companions(tb: Path) -> None:
    assert_says(tb_message(tb.with_name("other_tb.dat")), "other_tb.dat", "'chain'", "write_tb")
    assert_says(tb_message(tb, ws_distance="file"), "chain_wsvec.dat", "use_ws_distance")
    assert_says(tb_message(tb, spin="files"), "chain.chk", "spin = 'interleaved'")
    assert_says(tb_message(tb, ws_distance="nearest"), "'nearest'", "'auto'")


def test_hr_without_lattice(tmp_path: Path) -> None:
    (tmp_path / "x_hr.dat").write_text("header\n1\n1\n1\n0 0 0 1 1 0.0 0.0\n")
    assert_says(tb_message(tmp_path / "x_hr.dat", read_hr), "x.win", "lattice")


def test_truncated_wsvec(seed_with: Callable[..., Path], tmp_path: Path) -> None:
    seed = seed_with("GaAs", "_tb.dat", "_wsvec.dat")
    shutil.copy(seed.with_name("GaAs_tb.dat.gz"), tmp_path)
    text = b"".join(lines_of(seed.with_name("GaAs_wsvec.dat.gz"))[:-50])
    (tmp_path / "GaAs_wsvec.dat").write_bytes(text)
    assert_says(tb_message(tmp_path / "GaAs", ws_distance="file"), "GaAs_wsvec.dat", "truncated")


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("a.win", "num_wann = 1\n", ("unit_cell_cart", "missing")),
        ("b.win", "begin unit_cell_cart\n1 0 0\n0 1 0\nend unit_cell_cart\n", ("three lines",)),
        ("c.cif", "this is no cif", ("c.cif' is no CIF", "line 1", "this is no cif")),
        ("c.xsf", "CRYSTAL\nPRIMVEC\n", ("ase", "c.xsf")),
        ("d.xyz", "1\n\nFe 0.0 0.0 0.0\n", ("d.xyz", "unit cell")),
    ],
)
def test_bad_structure(tmp_path: Path, name: str, text: str, parts: tuple[str, ...]) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_structure(tmp_path / name)
    assert_says(str(caught.value), *parts)
