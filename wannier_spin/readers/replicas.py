"""Which replicas the elements of a text file belong to: is it from a mesh, and from which?

Wannier90 writes O(R) on the Wigner-Seitz cell of its mesh, with degeneracies; there the choice of replicas is open. An exact
tight-binding model in the same format is to be summed as it is. They are told apart by the degeneracies (of a mesh, 1 / degeneracy
sums up to 1 over R equal modulo the mesh), by the shape of the set of R vectors (that of the Wigner-Seitz cell), and where all that
fits both, by the words of the file: Wannier90 begins it with "written on", and a `.win` beside it has the mesh.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.fitness import Check, passed_or_not
from wannier_spin.readers.text_tables import RawTable
from wannier_spin.readers.win import WinFile

EXACT = 1e-6  # of sums of 1 / degeneracy
NEARLY = 0.8  # of the classes of R vectors: where so many fit a mesh, the others are damaged
TIE = 1e-5  # angstrom, Wannier90's own
MOST_POINTS = 10**6


def infer_mesh(R_vectors: NDArray[np.int64], degeneracies: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The mesh (3,) whose Wigner-Seitz cell these R vectors (R, 3) are; None if there is none.

    The degeneracies (R,) tell: summed over the R of one class modulo the mesh, 1 / degeneracy gives 1.
    """
    weights = 1.0 / degeneracies
    points = int(round(weights.sum()))
    for mesh in _meshes(points, np.ptp(R_vectors, axis=0) + 1):
        if np.allclose(_class_sums(R_vectors, weights, mesh), 1.0, atol=EXACT):
            return mesh
    return None


def mesh_of(table: RawTable, path: Path, win: WinFile | None) -> tuple[NDArray[np.int64] | None, list[Check]]:
    """The mesh (3,) that a table is of, None for one to be summed as it is, and what was found.

    Raises InputError where all but a few degeneracies are those of a mesh.
    """
    R, degeneracies = table.R_vectors, table.degeneracies
    stated = None if win is None else win.mesh()
    _check_pairs(R, degeneracies, path)
    name, expected = "degeneracies", "those of the mesh of a run, or all 1"
    if (degeneracies == degeneracies[0]).all() and degeneracies[0] > 1:  # of a run, R = 0 has 1
        return None, [passed_or_not(name, True, f"all {degeneracies[0]}: a model that is summed as it is", expected, "")]
    mesh = infer_mesh(R, degeneracies)
    if (degeneracies == 1).all():
        if mesh is not None and _is_of_a_run(table, mesh, stated):
            return mesh, [passed_or_not(name, True, f"mesh {_words(mesh)}", expected, "")]
        return None, [_summed_as_it_is(table, stated)]
    if mesh is not None:
        return mesh, [passed_or_not(name, True, f"mesh {_words(mesh)}", expected, "")]
    _refuse_nearly(R, degeneracies, stated, path)
    advice = "no mesh has these: R vectors were cut off or merged; the file is summed as it is, without a choice of replicas"
    return None, [passed_or_not(name, False, f"up to {degeneracies.max()}, of no mesh", expected, advice)]


def _summed_as_it_is(table: RawTable, stated: NDArray[np.int64] | None) -> Check:
    """Of a table whose degeneracies are all 1: Wannier90's own never has two R vectors then that are equal modulo its mesh."""
    name, expected = "degeneracies", "those of the mesh of a run, or all 1"
    found = "all 1: a model that is summed as it is"
    if stated is None or not table.head.lower().startswith("written on"):
        return passed_or_not(name, True, found, expected, "")
    sums = _class_sums(table.R_vectors, np.ones(len(table.R_vectors)), stated)
    advice = (
        f"Wannier90 wrote the file, by its first line, and divides R vectors that are equal modulo the mesh of .win "
        f"({_words(stated)}), of which {int((sums > 1).sum())} classes have several: its degeneracies were lost, unless another "
        "program has divided them already and left the first line; run wannier90.x again"
    )
    return passed_or_not(name, bool((sums <= 1).all()), found, expected, advice)


def _is_of_a_run(table: RawTable, mesh: NDArray[np.int64], stated: NDArray[np.int64] | None) -> bool:
    if not _is_wigner_seitz(table, mesh):
        return False
    return table.head.lower().startswith("written on") or (stated is not None and bool((stated == mesh).all()))


def _is_wigner_seitz(table: RawTable, mesh: NDArray[np.int64]) -> bool:
    """Whether every R is nearest to the origin among those equal to it modulo the mesh."""
    around = np.array(list(itertools.product(range(-2, 3), repeat=3))) * mesh
    for R in table.R_vectors:
        distance = np.linalg.norm((R + around) @ table.lattice, axis=1)
        if np.linalg.norm(R @ table.lattice) > distance.min() + TIE:
            return False
    return True


def _meshes(points: int, largest: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """All meshes of so many points that are not wider than the set of R vectors."""
    if not 1 <= points <= MOST_POINTS:
        return []
    found = []
    for first in range(1, min(points, int(largest[0])) + 1):
        if points % first:
            continue
        for second in range(1, min(points // first, int(largest[1])) + 1):
            third = points // (first * second)
            if points == first * second * third and third <= largest[2]:
                found.append(np.array([first, second, third]))
    return found


def _class_sums(R_vectors: NDArray[np.int64], weights: NDArray[np.float64], mesh: NDArray[np.int64]) -> NDArray[np.float64]:
    classes = np.ravel_multi_index(tuple((R_vectors % mesh).T), tuple(mesh))
    return np.asarray(np.bincount(classes, weights, int(mesh.prod())), float)


def _check_pairs(R_vectors: NDArray[np.int64], degeneracies: NDArray[np.int64], path: Path) -> None:
    """Raise InputError where R and -R have different degeneracies, which no mesh and no model has."""
    index = {tuple(R): i for i, R in enumerate(R_vectors.tolist())}
    for R, i in index.items():
        j = index.get((-R[0], -R[1], -R[2]))
        if j is not None and degeneracies[i] != degeneracies[j]:
            raise InputError(
                f"'{path}': R = {list(R)} has the degeneracy {degeneracies[i]}, and -R has {degeneracies[j]}; one of them is "
                "damaged, run wannier90.x again (or copy the file again)"
            )


def _refuse_nearly(
    R_vectors: NDArray[np.int64], degeneracies: NDArray[np.int64], stated: NDArray[np.int64] | None, path: Path
) -> None:
    """Raise InputError, naming R, where all but a few classes of R vectors fit a mesh."""
    weights, width = 1.0 / degeneracies, np.ptp(R_vectors, axis=0) + 1
    around = range(max(1, int(weights.sum()) - 2), int(weights.sum()) + 3)
    candidates = [] if stated is None else [stated]
    candidates += [mesh for points in around for mesh in _meshes(points, width)]
    for mesh in candidates:
        sums = _class_sums(R_vectors, weights, mesh)
        wrong = np.abs(sums - 1) > EXACT
        few = 0 < wrong.sum() <= max(1, (1 - NEARLY) * len(sums)) and (~wrong).sum() >= 3
        if few and not (sums[wrong] == 0).any():
            classes = np.ravel_multi_index(tuple((R_vectors % mesh).T), tuple(mesh))
            members = [f"{R.tolist()} ({d})" for R, d in zip(R_vectors, degeneracies, strict=True)]
            named = [members[i] for i in np.flatnonzero(wrong[classes])][:6]
            raise InputError(
                f"'{path}': the degeneracies are those of a mesh of {_words(mesh)} k-points but for R = {', '.join(named)}; the "
                "file is damaged, run wannier90.x again (or copy the file again)"
            )


def _words(mesh: NDArray[np.int64]) -> str:
    return " x ".join(str(n) for n in mesh)
