"""What cannot be a record, a model or a question: each is refused by name. Messages that no other test comes by."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.continuum import Ball, Box
from wannier_spin.orbitals import Orbitals

SHEET = ws.models.rashba_exchange()
CUBE = np.eye(3)
POINT: dict[str, Any] = {"mu": 0.1, "temperature": 300}
CONE = {"dimension": 2, "cutoff": 0.5}


def structure(lattice: Any = CUBE, positions: Any = ((0, 0, 0),), moments: Any = ((0, 0, 0),)) -> ws.Structure:
    return ws.Structure(np.array(lattice), np.array(positions), np.array([26]), np.array(moments))


def result(**given: Any) -> ws.ResultSet:
    return ws.compute(SHEET, "edelstein", grid=(2, 2, 1), **POINT, **given)


THREE = [["k2", "kx", "0"], ["kx", "0", "ky"], ["0", "ky", "1"]]
REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("structure: the lattice vectors are singular", lambda: structure(lattice=np.ones((3, 3)))),
    ("structure of 1 atoms: positions has shape (2, 3), expected (1, 3)", lambda: structure(positions=np.zeros((2, 3)))),
    ("structure: magnetic_moments has NaN or infinity at [0, 2]", lambda: structure(moments=[[0, 0, np.nan]])),
    ("cutoff is -1.0, expected a positive number", lambda: Ball(2, -1.0)),
    ("expected two corners of one, two or three numbers each", lambda: Box((0.0,), (1.0, 1.0))),
    ("expected finite numbers, each upper one above the lower one", lambda: Box((0.0, 1.0), (1.0, 1.0))),
    ("box = 'x', expected two corners, [lower], [upper]", lambda: ws.kp_model("k2*s0", dimension=2, box="x")),  # type: ignore[arg-type]
    ("expected either cutoff (1/angstrom, radius of the disk or ball in k) or box", lambda: ws.kp_model("k2*s0", dimension=2)),
    (
        "derivatives are given for a polynomial, whose derivatives are known",
        lambda: ws.kp_model("k2*s0", derivatives=lambda k: k, **CONE),  # type: ignore[arg-type]
    ),
    ("H(k) has 3 bands: give the spin, three 3x3 Pauli matrices", lambda: ws.kp_model(THREE, **CONE)),
    ("found 'kx % ky', expected + - * / or ^", lambda: ws.kp_model("(kx % ky)*s0", **CONE)),
    ("'rashba_exchange' has a spin_axis and no spin matrices", lambda: replace(SHEET, spin_R=None, spin_axis=(0, 0, 1))),  # type: ignore[arg-type]
    ("thickness = -1, expected a positive length in angstrom", lambda: replace(SHEET, thickness=-1)),
    ("must be lists of the same length, one entry per function", lambda: Orbitals(np.zeros((1, 3)), (0, 0), (0,), (0,), (0,))),
    ("a decomposition is a sum over a uniform mesh: give a grid", lambda: ws.decompose(SHEET, "edelstein", "x;y", **POINT)),
    ("symmetry = 'Fe.cif', expected a Structure: read_structure('file') makes one", lambda: result(symmetry="Fe.cif")),
    ("this result has one definition of the spin current: compute it with several", lambda: result().definition("ryoo")),
    ("units = 'cgs', expected 'natural' or 'SI'", lambda: result()["edelstein"].at(units="cgs")),  # type: ignore[arg-type]
    ("tau = 0, expected a positive number", lambda: result()["edelstein"].at(tau=0)),
]


@pytest.mark.parametrize(("message", "call"), REFUSED, ids=[message[:40] for message, _ in REFUSED])
def test_what_is_refused(message: str, call: Callable[[], object]) -> None:
    with pytest.raises(ws.InputError, match=re.escape(message)):
        call()
