"""What cannot be a record, a model or a question: each is refused by name. Messages that no other test comes by."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hoppings import random_hoppings

import wannier_spin as ws
from wannier_spin.calculation import rerun
from wannier_spin.continuum import Ball, Box, Model
from wannier_spin.integrals.algorithm import Control
from wannier_spin.nonorthogonal import OverlappingBasis
from wannier_spin.orbitals import Orbitals
from wannier_spin.plotting import Look, Reference, plot_convergence, plot_ranking
from wannier_spin.readers.quality import total_moment
from wannier_spin.screening.table import Table

SHEET = ws.models.rashba_exchange()
CUBE = np.eye(3)
POINT: dict[str, Any] = {"mu": 0.1, "temperature": 300}
CONE = {"dimension": 2, "cutoff": 0.5}
DIRAC = ws.models.massive_dirac()
SQUARE = ws.kp_model("k2*s0 + kx*sx", dimension=2, box=((-1, -1), (1, 1)))
BALL = ws.kp_model("k2*s0 + kx*sx", dimension=3, cutoff=0.5)


def structure(lattice: Any = CUBE, positions: Any = ((0, 0, 0),), moments: Any = ((0, 0, 0),)) -> ws.Structure:
    return ws.Structure(np.array(lattice), np.array(positions), np.array([26]), np.array(moments))


def result(**given: Any) -> ws.ResultSet:
    return ws.compute(SHEET, "edelstein", grid=(2, 2, 1), **POINT, **given)


def within(model: Model, control: Control = Control()) -> ws.ResultSet:  # noqa: B008  (frozen)
    return ws.compute(model, "edelstein", tolerance=0.5, control=control, **POINT)


def on_a_grid(model: Model) -> ws.ResultSet:
    return ws.compute(model, "edelstein", grid=(4, 4), **POINT)


def orbitals(positions: Any = ((0, 0, 0),), l: Any = (0, 0), m: Any = (0, 0)) -> Orbitals:
    return Orbitals(np.array(positions), (0, 0), l, m, (0, 1))  # type: ignore[arg-type]


def line(k: Any) -> Any:
    """H(k), and no derivative of it."""
    return k[:, 0, None, None] * np.eye(2)


def nowhere(k: Any) -> Any:
    return np.full((len(k), 2, 2), np.nan)


def gradient(k: Any) -> Any:
    return np.zeros((len(k), 3, 2, 2))


def hessian(k: Any) -> Any:
    return np.zeros((len(k), 3, 3, 2, 2))


POINTS = Look(references=(Reference("theirs", np.zeros(1), np.zeros(1)),))
TWO_DEFINITIONS = ws.Request("spin_hall", grid=(2, 2, 1), spin_current=("simple", "qiao"), **POINT)
R, H = random_hoppings()


def compare_with(new: ws.ResultSet) -> object:
    old = ws.compute(SHEET, "edelstein", grid=(2, 2, 1), mu=[0.1, 0.2], temperature=300)
    return rerun._moved(old["edelstein"], new["edelstein"])


THREE = [["k2", "kx", "0"], ["kx", "0", "ky"], ["0", "ky", "1"]]
REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("structure: the lattice vectors are singular", lambda: structure(lattice=np.ones((3, 3)))),
    ("structure of 1 atoms: positions has shape (2, 3), expected (1, 3)", lambda: structure(positions=np.zeros((2, 3)))),
    ("structure: magnetic_moments has NaN or infinity at [0, 2]", lambda: structure(moments=[[0, 0, np.nan]])),
    ("cutoff is -1.0, expected a positive number", lambda: Ball(2, -1.0)),
    ("expected two corners of one, two or three numbers each", lambda: Box((0.0,), (1.0, 1.0))),
    ("expected finite numbers, each upper one above the lower one", lambda: Box((0.0, 1.0), (1.0, 1.0))),
    ("expected finite numbers, each upper one above the lower one", lambda: Box((0.0, 0.0), (1.0, np.inf))),
    ("expected finite numbers, each upper one above the lower one", lambda: Box((0.0, -np.inf), (1.0, 1.0))),
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
    ("'edelstein' has no mu from 1 to 2; it has 0.1", lambda: result()["edelstein"].sel(mu=slice(1.0, 2.0))),
    ("resume: no checkpoint is named to go on from", lambda: within(SHEET, Control(resume=True))),
    ("resume: no checkpoint is named to go on from", lambda: within(DIRAC, Control(resume=True))),
    ("is integrated over no disk of the plane: give a tolerance in place of a grid", lambda: on_a_grid(SQUARE)),
    ("is integrated over no disk of the plane: give a tolerance in place of a grid", lambda: on_a_grid(BALL)),
    ("H(k) of model 'k.p' does not depend on k", lambda: on_a_grid(ws.kp_model("s0", **CONE))),
    ("H has matrices (2, 2), and the spin (4, 4)", lambda: replace(ws.kp_model("kx*s0", **CONE), spin=np.zeros((3, 4, 4)))),
    ("H has NaN or infinity in the region", lambda: ws.kp_model(nowhere, derivatives=(gradient, hessian), **CONE)),
    ("a derivative of H(k) has shape", lambda: ws.kp_model(line, derivatives=(line, line), **CONE)),
    ("cutoff is -1.0, expected a positive number", lambda: replace(DIRAC, cutoff=-1.0)),
    ("linear is not Hermitian", lambda: replace(DIRAC, linear=DIRAC.linear * 1j)),
    ("has no term linear in k; its wave-vector scale is not defined", lambda: replace(DIRAC, linear=DIRAC.linear * 0).wave_vector),
    ("2 positions were given: every one must be the site of some orbital", lambda: orbitals(positions=np.zeros((2, 3)))),
    ("there is no harmonic l = 1, m = 3; l is 0 to 3, m 0 to 2 l", lambda: orbitals(l=(1, 1), m=(3, 3))),
    ("there is no harmonic l = 4, m = 0; l is 0 to 3, m 0 to 2 l", lambda: orbitals(l=(4, 4))),
    ("no response 'spin_hall' in this result; it has edelstein", lambda: ws.plot(result(), responses="spin_hall")),
    ("nothing to draw: every response of this input is forbidden by symmetry", lambda: plot_convergence([])),
    ("'spin_hall': no material has a number to draw", lambda: plot_ranking([], np.zeros(0), np.zeros(0), "spin_hall")),
    ("reference data are points along an axis, and this result has one point", lambda: ws.plot(result(), look=POINTS)),
    (
        "column 'material' holds words; name one of numbers to draw",
        lambda: Table(("material", "spin_hall"), ()).numbers("material"),
    ),
    ("spin_current = ['simple', 'qiao']: expected one definition", lambda: TWO_DEFINITIONS.single()),
    ("overlap_R has shape (9, 2, 1), expected (9, 2, 2)", lambda: OverlappingBasis(CUBE, R, H, H[..., :1], np.zeros((2, 3)))),
    ("has the shape (1, 1, 3, 3), and had (2, 1, 3, 3): the record is not of this result", lambda: compare_with(result())),
    ("model 'rashba_exchange' has no spin matrices", lambda: total_moment(replace(SHEET, spin_R=None), 0.0)),
]


@pytest.mark.parametrize(("message", "call"), REFUSED, ids=[message[:40] for message, _ in REFUSED])
def test_what_is_refused(message: str, call: Callable[[], object]) -> None:
    with pytest.raises(ws.InputError, match=re.escape(message)):
        call()
