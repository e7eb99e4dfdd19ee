"""Files written here, of every size, with every kind of marker, come back number by number; and a whole run becomes its model.

    WANNIER_SPIN_STORE=1 pytest -n 0 tests/readers/test_written_runs.py

stores anew what becomes of records that are damaged, and what the models of the small run say of themselves.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damages import mark_of
from hoppings import hr_lines, random_hoppings, spinful
from runs import (
    MESH,
    N,
    Records,
    a_run,
    chk_records,
    eig_text,
    formatted,
    hamiltonian,
    mmn_text,
    neighbour_records,
    row_of,
    spn_records,
    unformatted,
    win_text,
)
from stored import check, lines_of

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers import read_tb, read_wannier90
from wannier_spin.readers.bloch_data import BlochData
from wannier_spin.readers.checkpoint import Checkpoint, read_chk
from wannier_spin.readers.spinors import chosen_order, refuse_without_spinors
from wannier_spin.readers.text_tables import read_hr_table, read_tb_table
from wannier_spin.readers.wannier90_files import Overlaps, read_eig, read_mmn, read_spin_neighbours, read_spn
from wannier_spin.readers.win import WinFile

SIZES = [  # bands, functions, mesh, neighbours
    (1, 1, (1, 1, 1), 1),
    (2, 1, (2, 1, 1), 3),
    (3, 3, (1, 2, 1), 2),
    (5, 3, (3, 1, 2), 4),
]
MARKERS = [("<", 4, 4), (">", 4, 4), ("<", 8, 4), (">", 8, 8)]
RNG = np.random.default_rng(11)
LATTICE = np.array([[2.0, 0.1, 0.0], [0.3, 3.0, 0.2], [0.0, 0.4, 5.0]])


def noise(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def a_checkpoint(n_bands: int, n: int, mesh: tuple[int, ...], n_b: int) -> Checkpoint:
    """Of random numbers; with more bands than functions the window leaves out the lowest band at odd k-points."""
    n_k = int(np.prod(mesh))
    inside = np.ones((n_k, n_bands), bool)
    inside[1::2, 0] = n_bands == n
    V = np.zeros((n_k, n_bands, n), complex)
    for k in range(n_k):
        V[k, inside[k]] = np.linalg.qr(noise(int(inside[k].sum()), n))[0]
    k = np.indices(mesh).reshape(3, -1).T / mesh
    window = inside if n_bands > n else None
    return Checkpoint(
        LATTICE, np.array(mesh), k, V, RNG.normal(size=(n, 3)), False, noise(n_k, n_b, n, n), (7,), window, RNG.random(n)
    )


def spin_matrices(n_k: int, n: int) -> np.ndarray:
    """(k, m, n, 3), Hermitian and small."""
    spin = noise(n_k, n, n, 3)
    return 0.1 * (spin + spin.conj().swapaxes(1, 2)) / n


def some_overlaps(n_k: int, n_b: int, n: int) -> Overlaps:
    to = RNG.integers(0, n_k, (n_k, n_b))
    return Overlaps(noise(n_k, n_b, n, n).round(9), to, RNG.integers(-2, 3, (n_k, n_b, 3)))


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-14, atol=1e-15)


def written(path: Path, records: Records, markers: tuple[str, int, int] | None) -> Path:
    """As text without markers."""
    path.write_bytes(formatted(records).encode() if markers is None else unformatted(records, *markers))
    return path


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("markers", [None, *MARKERS])
def test_what_is_written_is_read(markers: tuple[str, int, int] | None, size: tuple[Any, ...], tmp_path: Path) -> None:
    n_bands, _, mesh, n_b = size
    chk, n_k = a_checkpoint(*size), int(np.prod(mesh))
    found = read_chk(written(tmp_path / "x.chk", chk_records(chk, n_b), markers))
    for name in ("lattice", "mesh", "kpoints", "V", "centres", "overlaps", "spreads", "excluded"):
        same(getattr(found, name), getattr(chk, name))
    assert found.formatted is (markers is None)
    assert (found.window is None) is (chk.window is None)
    assert chk.window is None or (found.window == chk.window).all()
    spin, neighbours = spin_matrices(n_k, n_bands), noise(n_k, n_b, n_bands, n_bands, 3)
    same(read_spn(written(tmp_path / "x.spn", spn_records(spin), markers)), spin)
    same(read_spin_neighbours(written(tmp_path / "x.sIu", neighbour_records(neighbours), markers)), neighbours)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_as_text_is_read(size: tuple[Any, ...], tmp_path: Path) -> None:
    (n, _, mesh, n_b), path = size, tmp_path / "x"
    n_k = int(np.prod(mesh))
    energies, overlaps = RNG.normal(size=(n_k, n)).round(12), some_overlaps(n_k, n_b, n)
    path.write_text(eig_text(energies))
    same(read_eig(path), energies)
    path.write_text(mmn_text(overlaps))
    for name in ("matrices", "neighbours", "G"):
        same(getattr(read_mmn(path), name), getattr(overlaps, name))


@pytest.mark.parametrize(("n", "n_R"), [(1, 1), (2, 1), (1, 16), (4, 31)])
def test_tables_of_hoppings(n: int, n_R: int, tmp_path: Path) -> None:
    """Whole ones, and those without their zeros, which may be as long."""
    R = np.array([(i // 5, i % 5, -i) for i in range(n_R)])
    H, r, degeneracies = noise(n_R, n, n).round(9), noise(n_R, n, n, 3).round(9), (1 + np.arange(n_R) % 3).tolist()
    path, lines = tmp_path / "x", hr_lines(R, H, degeneracies=degeneracies)
    path.write_text("\n".join(lines) + "\n")
    table = read_hr_table(path, LATTICE)
    same(table.R_vectors, R), same(table.hamiltonian, H), same(table.degeneracies, degeneracies)
    rows = [" ".join(map(str, row)) for row in LATTICE]
    for kind in (H[..., None], r):
        for i, vector in enumerate(R.tolist()):
            rows += ["", " ".join(map(str, vector))]
            rows += [
                f"{b + 1} {a + 1} " + " ".join(f"{x.real:.9f} {x.imag:.9f}" for x in kind[i, b, a])
                for a in range(n)
                for b in range(n)
            ]
    path.write_text("\n".join(["head", *rows[:3], str(n), str(n_R), " ".join(map(str, degeneracies)), *rows[3:]]) + "\n")
    table = read_tb_table(path)
    same(table.R_vectors, R), same(table.hamiltonian, H), same(table.position, r), same(table.degeneracies, degeneracies)
    same(table.lattice, LATTICE)
    last = np.ones((n_R, n, n), bool)
    last[-1, -1, -1] = n * n_R == 1
    sparse = [line for line, kept in zip(lines[4:], last.swapaxes(1, 2).ravel(), strict=True) if kept]
    path.write_text("\n".join(["by hand", str(len(sparse)), str(n), str(n_R), *sparse]) + "\n")
    table = read_hr_table(path, LATTICE)
    there = np.where(last, H, 0.0)[: len(table.R_vectors)]
    same(table.R_vectors, R[: len(table.R_vectors)]), same(table.hamiltonian, there)


# --- damaged records -------------------------------------------------------------------------------------------------------

DAMAGES: dict[str, Callable[[Records, int], bytes]] = {
    "lost": lambda records, i: unformatted([*records[:i], *records[i + 1 :]]),
    "twice": lambda records, i: unformatted([*records[: i + 1], *records[i:]]),
    "cut off before": lambda records, i: unformatted(records[:i]),
    "cut off within": lambda records, i: unformatted(records[: i + 1])[:-5],
    "marker": lambda records, i: unformatted(records[:i]) + b"\1" + unformatted(records[i:])[1:],
    "shorter": lambda records, i: unformatted([*records[:i], _part(records[i], -1), *records[i + 1 :]]),
    "longer": lambda records, i: unformatted([*records[:i], _longer(records[i]), *records[i + 1 :]]),
    "negative": lambda records, i: unformatted([*records[:i], _changed(records[i], -1), *records[i + 1 :]]),
    "twice as large": lambda records, i: unformatted([*records[:i], _changed(records[i], 2), *records[i + 1 :]]),
    "nan": lambda records, i: unformatted([*records[:i], _changed(records[i], np.nan), *records[i + 1 :]]),
    "x 1e9": lambda records, i: unformatted([*records[:i], _changed(records[i], 10**9), *records[i + 1 :]]),
}


def _part(record: Any, to: int) -> Any:
    return record[:to] if isinstance(record, str) else record.ravel()[:to]


def _longer(record: Any) -> Any:
    return record + "x" if isinstance(record, str) else np.r_[record.ravel(), record.ravel()[-1:]]


def _changed(record: Any, by: float) -> Any:
    """Its last number."""
    if isinstance(record, str) or not record.size or (np.isnan(by) and record.dtype.kind == "i"):
        return record
    flat = record.ravel().copy()
    flat[-1] = np.clip(int(flat[-1]) * by, -(2**31), 2**31 - 1) if record.dtype.kind == "i" else flat[-1] * by
    return flat


@pytest.mark.parametrize("kind", ["chk", "chk with a window", "spn", "sIu"])
def test_damaged_records(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(5))
    records, read = {
        "chk": lambda: (chk_records(a_checkpoint(2, 2, (2, 1, 1), 2), 2), read_chk),
        "chk with a window": lambda: (chk_records(a_checkpoint(4, 2, (2, 1, 1), 2), 2), read_chk),
        "spn": lambda: (spn_records(spin_matrices(3, 2)), read_spn),
        "sIu": lambda: (neighbour_records(noise(2, 2, 2, 2, 3)), read_spin_neighbours),
    }[kind]()
    path, seen = tmp_path / "x", {}
    for name, damage in DAMAGES.items():
        found = []
        for i in range(len(records)):
            path.write_bytes(damage(records, i))
            found.append(mark_of(path, read))
        seen[name] = " ".join(found)
    check("marks.json", f"records of {kind}", seen)


# --- a whole run -----------------------------------------------------------------------------------------------------------


def write_run(folder: Path, data: BlochData, sums: bool = False) -> Path:
    """All files of a run; with .sIu and .sHu as sums over bands."""
    written(folder / "x.chk", chk_records(data.checkpoint, data.overlaps.neighbours.shape[1]), MARKERS[0])
    (folder / "x.eig").write_text(eig_text(data.energies))
    (folder / "x.mmn").write_text(mmn_text(data.overlaps))
    assert data.win is not None and data.spin is not None
    (folder / "x.win").write_text(win_text(data.win))
    written(folder / "x.spn", spn_records(data.spin), MARKERS[0])
    if sums:
        for name, X in (("sIu", data.spin), ("sHu", data.spin * data.energies[:, None, :, None])):
            found = np.einsum("kmlc,kbln->kbmnc", X, data.overlaps.matrices, optimize=True)
            written(folder / f"x.{name}", neighbour_records(found), MARKERS[1])
    return folder / "x"


def of_model(model: TightBindingModel) -> dict[str, Any]:
    """What it is and says of itself, without what hangs on versions and bytes."""
    source = {key: value for key, value in model.source.items() if key not in ("wannierberri", "hermiticity_error", "fitness")}
    source["files"] = sorted(json.loads(source["files"]))
    H, k = model.hamiltonian_R, np.array([[0.1, 0.2, 0.3], [0.4, -0.2, 0.1]])
    bands = np.linalg.eigvalsh(np.tensordot(np.exp(2j * np.pi * k @ model.R_vectors.T), H, axes=1))
    matrices = [
        name for name in ("position_R", "spin_R", "spin_position_R", "spin_hamiltonian_R") if getattr(model, name) is not None
    ]
    sizes = {name: float(f"{np.abs(getattr(model, name)).sum():.4e}") for name in matrices}
    told = [[one["name"], one["ok"]] for one in json.loads(model.source["fitness"])]
    return {"name": model.name, "source": source, "R": len(H), "bands": bands.round(5).tolist(), "sizes": sizes, "checks": told}


WAYS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "named": {"name": "other"},
    "files said": {"spin": "files"},
    "interleaved": {"spin": "interleaved"},
    "replicas at a tolerance": {"ws_distance_tolerance": 0.02},
    "Ryoo": {"spin_current": "ryoo"},
    "Qiao": {"spin_current": "qiao"},
    "both": {"spin_current": ["ryoo", "qiao"]},
    "Ryoo from files": {"spin_current": "ryoo"},
    "both, with files": {"spin_current": ["ryoo", "qiao", "simple"]},
    "no .win": {},
    "a .nnkp": {},
}


@pytest.mark.parametrize("way", WAYS)
def test_models_of_a_run(way: str, tmp_path: Path) -> None:
    data = a_run()
    if way == "interleaved":
        assert data.win is not None
        data = replace(data, win=replace(data.win, keywords=data.win.keywords | {"spinors": "true"}))
    seed = write_run(tmp_path, data, "files" in way and "said" not in way)
    if way == "no .win":
        (tmp_path / "x.win").unlink()
    if way == "a .nnkp":
        rows = "\n".join(" ".join(f"{x:.9f}" for x in one) for one in data.checkpoint.kpoints)
        (tmp_path / "x.nnkp").write_text(f"begin kpoints\n 24\n{rows}\nend kpoints\n")
    model = read_wannier90(seed, **WAYS[way])
    phases = np.exp(2j * np.pi * data.checkpoint.kpoints @ model.R_vectors.T)
    found = np.linalg.eigvalsh(np.tensordot(phases, model.hamiltonian_R, axes=1))
    np.testing.assert_allclose(found, np.linalg.eigvalsh(hamiltonian(data.checkpoint.kpoints)), atol=1e-9)
    check("models.json", way, of_model(model))


# --- the order of pure spinors -------------------------------------------------------------------------------------------------

HAMILTONIANS = {
    "interleaved": spinful("interleaved", 0.8)[1],
    "blocks": spinful("blocks", 0.8)[1],
    "of no order": random_hoppings(4)[1],
    "one pair": random_hoppings(2)[1],
    "one pair of a kind": spinful("interleaved")[1][:, :2, :2],
    "an odd number": random_hoppings(3)[1],
    **{f"{x} of no order in it": spinful("interleaved", 0.8)[1] + x * random_hoppings(6, 1)[1] for x in (0.1, 0.5, 1.0)},
}


def test_what_is_said_of_spinors() -> None:
    seen: dict[str, Any] = {}
    for name, H in HAMILTONIANS.items():
        for spin in ("auto", "interleaved", "blocks"):
            try:
                order, told = chosen_order(H, spin, Path("x"))  # type: ignore[arg-type]
                seen[f"{name}, {spin}"] = [order, lines_of(f"{told.name} {told.ok} {told.value} {told.expected} {told.advice}")]
            except InputError as error:
                seen[f"{name}, {spin}"] = lines_of(str(error))
    check("models.json", "order of spinors", seen)


def test_what_is_said_of_a_win_without_spinors() -> None:
    """Keywords that tell whether Wannier functions have a spin, and what is asked for."""
    given: dict[str, dict[str, str]] = {
        "nothing": {},
        "a run": {"mp_grid": "2 2 1"},
        "spinors": {"spinors": "true", "spin": "up"},
        "none": {"spinors": ".false."},
        "up": {"spin": "up"},
    }
    seen: dict[str, Any] = {}
    for name, keywords in given.items():
        for blocks in ({}, {"kpoints": ["0 0 0"]}):
            for spin in (None, "files", "auto", "blocks"):
                try:
                    refuse_without_spinors(WinFile(Path("x.win"), keywords, blocks), spin)
                except InputError as error:
                    seen[f"{name}, {'with' if blocks else 'without'} k-points, {spin}"] = lines_of(str(error))
    check("models.json", "no spinors", seen)


def test_spins_beside_a_text_model(tmp_path: Path) -> None:
    """_tb.dat with the spins of .spn and .chk: at the points of the mesh they are V^+ sigma V, as H is V^+ E V."""
    run = a_run()
    chk, V = run.checkpoint, run.checkpoint.V
    wannier = [V.conj().swapaxes(1, 2) @ X @ V for X in (run.energies[:, :, None] * np.eye(N + 2), *np.moveaxis(run.spin, 3, 0))]
    R = np.array(list(itertools.product((-2, -1, 0, 1, 2), (-1, 0, 1), (-1, 0, 1))))
    ties = 2 ** (2 * np.abs(R) == MESH).sum(axis=1)  # at the border of the cell of the mesh
    H = np.einsum("Rk,kmn->Rmn", np.exp(-2j * np.pi * R @ chk.kpoints.T), wannier[0]) / len(chk.kpoints)
    numbers = [f"{i + 1} {j + 1} %.17e %.17e" for j in range(N) for i in range(N)]
    lines = ["text", *map(row_of, chk.lattice), f"{N}", f"{len(R)}", " ".join(map(str, ties))]
    for vector, one in zip(R, H, strict=True):
        lines += [
            "",
            " ".join(map(str, vector)),
            *(line % (x.real, x.imag) for line, x in zip(numbers, one.T.ravel(), strict=True)),
        ]
    for vector in R:
        lines += ["", " ".join(map(str, vector)), *(line % (0, 0) + " 0 0 0 0" for line in numbers)]
    (tmp_path / "x_tb.dat").write_text("\n".join(lines) + "\n")
    written(tmp_path / "x.chk", chk_records(chk, 6), ("<", 4, 4))
    written(tmp_path / "x.spn", spn_records(run.spin), ("<", 4, 4))
    model = read_tb(tmp_path / "x", spin="files", ws_distance="none")
    phases = np.exp(2j * np.pi * chk.kpoints @ model.R_vectors.T)
    for found, expected in zip((model.hamiltonian_R, *np.moveaxis(model.spin_R, 3, 0)), wannier, strict=True):
        assert np.abs(expected).max() > 0.9
        assert np.abs(np.tensordot(phases, found, 1) - expected).max() < 1e-12
