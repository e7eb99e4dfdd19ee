"""Reading for the spin currents of Qiao and Ryoo: .sIu and .sHu, sums over bands in their place, and what is wrong with files."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rounding import same

from wannier_spin.errors import InputError
from wannier_spin.readers import read_wannier90
from wannier_spin.readers.wannier90 import read_bloch_data
from wannier_spin.readers.wannier90_files import read_spin_neighbours

Matrices = NDArray[np.complex128]
SeedWith = Callable[..., Path]
OPERATORS = ("spin_position_R", "spin_hamiltonian_position_R", "spin_hamiltonian_R")


def record(data: bytes) -> bytes:
    return struct.pack("<i", len(data)) + data + struct.pack("<i", len(data))


def write(path: Path, matrices: Matrices, formatted: bool = False) -> None:
    """(k, b, m, n, 3) as pw2wannier90 does: a record or lines for each component, n running fastest."""
    n_k, n_b, n_bands = matrices.shape[:3]
    parts = np.ascontiguousarray(matrices.transpose(0, 1, 4, 2, 3))
    if formatted:
        numbers = parts.ravel().view(float).reshape(-1, 2)
        lines = "\n".join(f"{x: .17e} {y: .17e}" for x, y in numbers)
        path.write_text(f"written by a test\n {n_bands} {n_k} {n_b}\n{lines}\n")
        return
    head = record(b"written by a test".ljust(60)) + record(struct.pack("<3i", n_bands, n_k, n_b))
    path.write_bytes(head + b"".join(record(part.tobytes()) for part in parts.reshape(-1, n_bands**2)))


def sums_over_bands(seed: Path) -> dict[str, Matrices]:
    """<u_mk|sigma|u_n,k+b> and <u_mk|sigma H(k)|u_n,k+b> as far as the bands of the files go."""
    data = read_bloch_data(seed, None)
    sigma, M = data.spin, data.overlaps.matrices
    weighted = sigma * data.energies[:, None, :, None]
    return {kind: np.einsum("kmlc,kbln->kbmnc", X, M, optimize=True) for kind, X in (("sIu", sigma), ("sHu", weighted))}


def random_matrices() -> Matrices:
    rng = np.random.default_rng(3)
    shape = (2, 3, 4, 4, 3)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.mark.parametrize("formatted", [False, True])
def test_round_trip(tmp_path: Path, formatted: bool) -> None:
    matrices = random_matrices()
    write(tmp_path / "x.sIu", matrices, formatted)
    assert np.array_equal(read_spin_neighbours(tmp_path / "x.sIu"), matrices)


@pytest.mark.cross_code
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("formatted", [False, True])
def test_order_of_the_numbers(tmp_path: Path, formatted: bool) -> None:
    """Which index runs fastest is as wannierberri reads it, which agrees with postw90."""
    from wannierberri.w90files.xxu import SIU

    matrices = random_matrices()
    write(tmp_path / "x.sIu", matrices, formatted)
    theirs = SIU.from_w90_file(str(tmp_path / "x"), formatted=formatted)
    assert np.array_equal(np.array([theirs.data[k] for k in range(2)]), matrices)


def test_files_take_the_place_of_sums(pt: Path) -> None:
    """The sums written to .sIu and .sHu: the same model; other numbers in them: another one; Qiao's does not look at them."""
    expected = read_wannier90(pt, spin_current="ryoo")
    assert expected.source["spin_current"] == "sums over the bands of .mmn, .spn and .eig"
    sums = sums_over_bands(pt)
    for kind, matrices in sums.items():
        write(pt.with_suffix(f".{kind}"), matrices)
    found = read_wannier90(pt, spin_current=["simple", "ryoo"])
    assert found.source["spin_current"] == ".sIu and .sHu"
    assert "Pt.sHu" in found.source["files"]
    assert found.spin_hamiltonian_R is None
    with pytest.raises(InputError, match="read it with spin_current = 'qiao'"):
        found.check_spin_current("qiao")
    for key in OPERATORS[:2]:
        scale = np.abs(getattr(expected, key)).max()
        assert scale > 0.1
        assert np.abs(getattr(found, key) - getattr(expected, key)).max() < 1e-12 * scale, key
    write(pt.with_suffix(".sHu"), 2 * sums["sHu"])
    doubled = read_wannier90(pt, spin_current="ryoo").spin_hamiltonian_position_R
    assert np.abs(doubled - 2 * expected.spin_hamiltonian_position_R).max() < 1e-11 * np.abs(doubled).max()
    both = read_wannier90(pt, spin_current=["qiao", "ryoo"])
    assert same(both.spin_hamiltonian_position_R, expected.spin_hamiltonian_position_R)


def test_read_only_when_asked_for(pt: Path) -> None:
    pt.with_suffix(".sIu").write_bytes(b"damaged")
    pt.with_suffix(".sHu").write_bytes(b"damaged")
    model = read_wannier90(pt)
    assert all(getattr(model, key) is None for key in OPERATORS)
    assert "spin_current" not in model.source
    assert "Pt.sHu" not in model.source["files"]


def message(pt: Path, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        read_wannier90(pt, **{"spin_current": "ryoo", **options})  # type: ignore[arg-type]
    assert len(str(caught.value)) < 700
    return str(caught.value)


def test_one_of_two_files(pt: Path) -> None:
    write(pt.with_suffix(".sHu"), random_matrices())
    found = message(pt)
    assert "Pt.sHu' is there" in found
    assert "Pt.sIu" in found
    assert "write_sIu" in found


@pytest.mark.parametrize("formatted", [False, True])
@pytest.mark.parametrize("keep", [50, 90, -30])
def test_truncated(pt: Path, keep: int, formatted: bool) -> None:
    for kind in ("sIu", "sHu"):
        write(pt.with_suffix(f".{kind}"), random_matrices(), formatted)
    path = pt.with_suffix(".sIu")
    path.write_bytes(path.read_bytes()[:keep])
    found = message(pt)
    assert "Pt.sIu" in found
    assert "truncated" in found or "damaged" in found or "line 2" in found


def test_nan(tmp_path: Path) -> None:
    matrices = random_matrices()
    matrices[1, 2, 0, 0, 0] = np.nan
    write(tmp_path / "x.sHu", matrices)
    with pytest.raises(InputError, match="x.sHu.*NaN.*k-point 2, neighbour 3"):
        read_spin_neighbours(tmp_path / "x.sHu")


def test_files_of_another_run(pt: Path) -> None:
    for kind in ("sIu", "sHu"):
        write(pt.with_suffix(f".{kind}"), random_matrices())
    found = message(pt)
    assert "4 bands and 2 k-points" in found
    short = np.zeros((125, 3, 26, 26, 3), complex)
    for kind in ("sIu", "sHu"):
        write(pt.with_suffix(f".{kind}"), short)
    assert "3 neighbours" in message(pt)


def test_what_it_needs(pt: Path, seed_with: SeedWith) -> None:
    assert ".chk, .eig, .mmn and .spn" in message(pt, spin="interleaved")
    assert ".chk, .eig, .mmn and .spn" in message(seed_with("GaAs", "_tb.dat"))
    assert "spin_current = 'nice' is not available; choose from simple" in message(pt, spin_current="nice")
    pt.with_suffix(".spn").unlink()
    assert "write_spn" in message(pt)
