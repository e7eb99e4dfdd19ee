"""Readers: see `rows`."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Like
from typing import Any

import numpy as np
import pytest
from rows import Rows, each, outcome, same
from stored import check

from wannier_spin.readers import collinear, files, replicas, spinors, wannier_tools, wigner_seitz, win
from wannier_spin.readers.text_tables import RawTable

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse


def win_of(text: str, folder: Path) -> win.WinFile:
    path = folder / "a.win"
    path.write_text(text)
    return win.read_win(path)


WINS = (
    "num_wann = 4\nspinors=.true.\nmp_grid : 2 3 4\nx 1.0d2 ! end\n",
    "mp_grid = 2, 3\nspinors = no\nx = 1e999",
    "mp_grid = 0 2 3\nspinors\n",
    "begin unit_cell_cart\nbohr\n4 0 0\n0 4 0\n0 0 4\nend unit_cell_cart\nbegin atoms_cart\nAng\nFe 1 1 1\nend atoms_cart",
    "begin unit_cell_cart\n1 0 0 5 6\n0 1 0\n0 0 1\nend\nbegin atoms_frac\nFe 0.5, 0.5 0.5 extra\nend\n"
    "Begin_Kpoints\n0 0 0\n0.5 0 0 1\nend",
    "begin unit_cell_cart\n0.09 0 0\n0 0.1 0\n0 0 0.1\nend\nbegin atoms_frac\nFe 0.5 0.5\nend\nbegin kpoints\n0 0\nend",
    "begin unit_cell_cart\n1 0 0\n0 1 0\nend\nbegin atoms_frac\nFe\nend",
    "begin unit_cell_cart\n1e7 0 0\n0 1 0\n0 0 1\nend\nbegin atoms_frac\nend",
    "begin unit_cell_cart\n1 0 x\n0 1 0\n0 0 1\nend\nbegin kpoints\n0 nan 0\nend",
    "begin\n",
)
ASKED: tuple[Callable[[Any], Any], ...] = (
    lambda w: w.number("x"),
    lambda w: w.flag("spinors"),
    lambda w: w.mesh(),
    lambda w: w.lattice(),
    lambda w: w.atoms(),
    lambda w: w.kpoints(),
    lambda w: w.keywords,
)


def test_input_files_of_wannier90(tmp_path: Path) -> None:
    seen = {f"{i}": [outcome(lambda t=t, a=a: a(win_of(t, tmp_path))) for a in ASKED] for i, t in enumerate(WINS)}
    check("functions.json", "win", {name: str(one).replace(str(tmp_path), "") for name, one in seen.items()})


CARDS = """Package = 'QE'
LATTICE
{unit}
{a} 0 0
0 2.0d0, 0
0 0 3 9
ATOM_POSITIONS
{atoms}
{kind}
Fe 0 0 0
Fe 0.5 {y} 0.5
PROJECTORS
{orbitals}
Fe s
WANNIER_CENTRES
Cartesian
0 0 0
1 1 1
"""
TOOLS = (
    {},
    {"unit": "Bohr", "orbitals": "2*1"},
    {"kind": "Cartesian"},
    {"kind": "Cartesian", "y": 1.5},
    {"atoms": "3"},
    {"atoms": "0"},
    {"atoms": "x"},
    {"orbitals": "1"},
    {"orbitals": "1 2"},
    {"a": "nan"},
    {"a": "x"},
)


def tools_of(folder: Path, **changes: Any) -> list[Any]:
    path = folder / "wt.in"
    path.write_text(
        CARDS.format(**({"unit": "Angstrom", "a": 1, "atoms": 2, "kind": "Direct", "y": 0.5, "orbitals": "1 1"} | changes))
    )
    asked: list[Callable[[Any], Any]] = [
        lambda w: w.alternates,
        lambda w: w.has_centres,
        lambda w: w.lattice(),
        lambda w: w.centres(2),
    ]
    asked += [lambda w, n=n: w.projectors(n) for n in (2, 4, 3)]
    return [outcome(lambda a=a: a(wannier_tools.WannierToolsInput(path))) for a in asked]


def test_input_files_of_wannier_tools(tmp_path: Path) -> None:
    seen = {str(i): str(tools_of(tmp_path, **changes)).replace(str(tmp_path), "") for i, changes in enumerate(TOOLS)}
    check("functions.json", "wt.in", seen)


def test_what_a_folder_has(tmp_path: Path) -> None:
    seen = []
    for names in (
        (),
        ("notes.txt",),
        ("Fe.chk", "Fe.win"),
        ("Pt.win", "Fe_hr.dat"),
        ("Pt.win",),
        tuple(f"Pt.{i}" for i in range(14)),
    ):
        folder = tmp_path / str(len(seen))
        folder.mkdir()
        for name in names:
            (folder / name).touch()
        seen.append(files.similar_files(folder / "Fe"))
        seen.append(files.similar_files(folder / "Pt"))
    seen.append(files.similar_files(tmp_path / "none" / "Fe"))
    check("functions.json", "similar files", {"found": [text.replace(str(tmp_path), "") for text in seen]})


def degenerate_table(R: Any, degeneracies: Any, head: str = "") -> RawTable:
    R = np.array(R)
    return RawTable(
        R_vectors=R,
        degeneracies=np.array(degeneracies),
        hamiltonian=np.zeros((len(R), 1, 1), complex),
        lattice=np.eye(3),
        head=head,
    )


LINE = [[i, 0, 0] for i in (-2, -1, 0, 1, 2)]
MESH = np.array([4, 1, 1])
ROWS: Rows = {
    "meshes of so many points": each(
        replicas._meshes,
        (4, np.array([4, 4, 4])),
        (4, np.array([2, 2, 1])),
        (0, np.array([4, 4, 4])),
        (10**6 + 1, np.array([4, 4, 4])),
        (6, np.array([3, 2, 1])),
        (1, np.array([1, 1, 1])),
    ),
    "meshes inferred": each(
        lambda *x: replicas.infer_mesh(np.array(x[0]), np.array(x[1])),
        (LINE, [2, 1, 1, 1, 2]),
        (LINE, [1] * 5),
        (LINE, [2, 1, 1, 1, 1]),
        ([[0, 0, 0]], [1]),
    ),
    "sums over classes": each(
        lambda m: replicas._class_sums(np.array(LINE), np.array([0.5, 1, 1, 1, 0.5]), np.array(m)), [4, 1, 1], [5, 1, 1], [2, 1, 1]
    ),
    "pairs of degeneracies": each(
        lambda d: replicas._check_pairs(np.array(LINE), np.array(d), Path("a")), [2, 1, 1, 1, 2], [2, 1, 1, 1, 1], [2, 3, 1, 1, 2]
    ),
    "degeneracies that nearly fit": each(
        lambda d, stated: replicas._refuse_nearly(np.array([[i, 0, 0] for i in range(-4, 5)]), np.array(d), stated, Path("a")),
        ([2, 1, 1, 1, 1, 1, 1, 1, 2], None),
        ([2, 1, 1, 3, 1, 1, 1, 1, 2], None),
        ([2, 1, 3, 3, 1, 1, 1, 1, 2], None),
        ([2, 1, 1, 3, 1, 1, 1, 1, 2], np.array([8, 1, 1])),
        ([2, 5, 4, 3, 1, 1, 1, 1, 2], np.array([8, 1, 1])),
        ([9] * 9, None),
    ),
    "cells of a mesh": each(lambda m: wigner_seitz.mesh_cells(np.array(m)), [2, 1, 2], [1, 1, 1]),
    "the widest gap": lambda: [
        wigner_seitz.in_widest_gap(np.array(x), 0.01)
        for x in (
            (),
            (0.006,),
            (0.0097, 0.0104),
            (0.0098, 0.0103),
            (0.006, 0.007, 0.012),
            (0.0051, 0.0199),
            (0.0096, 0.0199),
            (0.0099, 0.0101),
        )
    ],
    "distances near a tie": lambda: wigner_seitz.near_ties(
        np.array([2, 2, 1]), 3 * np.eye(3), np.array([[0.0, 0, 0], [0.006, 0, 0], [1.5, 0.002, 0]]), 0.01
    ),
    "ties": lambda: ties(),
    "sources of both channels": lambda: [
        collinear._both_sources(Like(source=up), Like(source=down))  # type: ignore[arg-type]
        for up, down in (
            ({"route": "a", "x": "1"}, {"route": "a", "x": "1"}),
            ({"x": "1", "y": "2", "files": '{"a": "1"}'}, {"x": "2", "y": "2", "files": '{"b": "2"}'}),
            ({"hermiticity_error": '{"H": 0.5, "S": 0.1}'}, {"hermiticity_error": '{"H": 0.2, "S": 0.3, "r": 1.0}'}),
            ({"hermiticity_error": '{"H": 0.5}'}, {}),
        )
    ],
    "common names": each(collinear._common_name, ("X_up", "X_dn"), ("up", "dn"), ("Fe-1", "Fe-2"), ("Fe", "Fe")),
    "choices of a spin": each(spinors.check_spin, None, "interleaved", "blocks", "files", "auto", "up"),
    "pure spins": each(spinors.is_pure, None, "interleaved", "files", "auto"),
    "violations": lambda: [[spinors.violation(H, order) for order in spinors.ORDERS] for H in HAMILTONIANS],
    "orders": lambda: [
        [spinors.order_or(H, spin, "blocks") for spin in (None, "interleaved", "blocks", "auto")] for H in HAMILTONIANS
    ],
    "orders chosen": lambda: [
        outcome(lambda H=H, s=s: spinors.chosen_order(H, s, Path("a")))
        for H in HAMILTONIANS
        for s in ("interleaved", "blocks", "auto")
    ],
}


def ties() -> Any:
    rng = np.random.default_rng(4)
    mesh, centres = np.array([2, 2, 1]), np.array([[0.0, 0, 0], [0.007, 0, 0], [1.5, 0.002, 0]])
    H = rng.normal(size=(4, 3, 3)) + 0j
    found = []
    for tolerance in (0.01, 0.02, 1e-5):
        R, out, told = wigner_seitz.with_ties({"hamiltonian": H}, mesh, 3 * np.eye(3), centres, tolerance)
        found.append([R, np.abs(out["hamiltonian"]).sum(axis=(1, 2)), told])
    return found


def hamiltonian(mixing: float, order: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    h = rng.normal(size=(2, 2, 2))
    h = h + np.swapaxes(h, -1, -2)
    plain = np.array([np.kron(one, np.eye(2)) if order == "interleaved" else np.kron(np.eye(2), one) for one in h]) + 0j
    other = rng.normal(size=(2, 4, 4)) + 1j * rng.normal(size=(2, 4, 4))
    return plain + mixing * (other + np.conj(np.swapaxes(other, -1, -2)))


HAMILTONIANS = [hamiltonian(mixing, order) for order in ("interleaved", "blocks") for mixing in (0.0, 0.02, 0.1, 0.3, 3.0)] + [
    np.zeros((1, 2, 2), complex)
]


@pytest.mark.parametrize("name", ROWS)
def test_both_sides(name: str) -> None:
    same("readers", name, ROWS[name])
