"""No energy or length is fixed in the program: with energies four times, or lengths twice as large all numbers change by units.

Powers of two are exact, so the same meshes, boxes, bars and decisions must come out, to rounding. What is compared to a fixed
energy or length in the program shows here, as does every product that has not the dimension of its sum.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alike import assert_comes_back
from scans import SKEW
from stored import check, digest, lines_of

import wannier_spin as ws

NOTHING = 1e-5
ROUNDED = "a disk at zero temperature"  # its bars are of crossings on rays, which rounding moves
TIMES = {"energy": (4.0, 1.0), "length": (1.0, 2.0)}
CONE = "A*k2 + v*(kx*sy - ky*sx) + w*(kx**3 - 3*kx*ky**2)*sz + m*sx"
NODE = "v*(kx*sx + ky*sy + kz*sz) + t*kx + A*kz**2*sx + m*s0"
MODELS: dict[str, Callable[[float, float], Any]] = {
    "sheet": lambda energy, length: scaled(ws.models.rashba_exchange(exchange=SKEW), energy, length),
    "crystal": lambda energy, length: scaled(ws.models.random_model(n=3), energy, length),
    "massive cone": lambda energy, length: ws.models.massive_dirac(v=energy * length, gap=0.3 * energy, cutoff=2.0 / length),
    "cone": lambda energy, length: ws.kp_model(CONE, dimension=2, cutoff=0.8 / length, parameters=parameters(energy, length)),
    "node": lambda energy, length: ws.kp_model(
        NODE, dimension=3, box=([-0.5 / length] * 3, [0.6 / length] * 3), parameters=parameters(energy, length)
    ),
}


def parameters(energy: float, length: float) -> dict[str, float]:
    """Coefficients of powers of k."""
    size = {"m": 0.13, "v": 0.9, "t": 0.3, "A": 0.7, "w": 0.4}
    power = {"m": 0, "v": 1, "t": 1, "A": 2, "w": 3}
    return {name: energy * length ** power[name] * size[name] for name in size}


def scaled(model: Any, energy: float, length: float) -> ws.TightBindingModel:
    given = {name: getattr(model, name) for name in ("lattice", "position_R", "centres")}
    lengths = {name: length * vectors for name, vectors in given.items() if vectors is not None}
    return replace(model, hamiltonian_R=energy * model.hamiltonian_R, **lengths)


def computed(run: str, energy: float = 1.0, length: float = 1.0, change: Any = None, backwards: bool = False) -> ws.ResultSet:
    """A run of RUNS. change : of the model. backwards : mu from the end."""
    name, responses, mu, given = RUNS[run]
    options = {"temperature": 1000, **given}
    for axis in ("omega", "temperature", "broadening", "gap_broadening"):
        if axis in options:
            options[axis] = (energy * np.array(options[axis])).tolist()
    options |= {"mu": [energy * x for x in mu][:: -1 if backwards else 1], "tau": 3.0 / energy}
    model = MODELS[name](energy, length) if change is None else change(MODELS[name](energy, length))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ws.compute(model, responses, degeneracy_tolerance=5e-4 * energy, **options)


as_it_is = cache(computed)


def factor(tensor: ws.ResponseTensor, energy: float, length: float) -> float:
    """What the unit says; the angular momentum of orbitals is m_e r x v, and m_e is fixed."""
    powers = {name: float(power or 1) for name, power in re.findall(r"(eV|angstrom)(?:\^(-?\d+))?", tensor.unit)}
    found = energy ** powers.get("eV", 0.0) * length ** powers.get("angstrom", 0.0)
    return found * energy * length**2 if "orbital" in tensor.name else found


SCAN = [-2.6, -2.2, -1.9]
TWO = ["spin_hall", "edelstein"]
LIGHT = {"omega": [0.1, 0.45], "broadening": 0.05}
SPECTRUM = {"omega": [0.1, 0.2, 0.35, 0.45, 0.6, 0.9], "broadening": 0.1}
RUNS: dict[str, tuple[Any, ...]] = {
    "everything on a mesh": ("sheet", "all", SCAN, {"grid": (6, 6, 1), "temperature": [1000, 300], **LIGHT}),
    "gaps broadened": ("sheet", ["nonlinear_intrinsic_spin_current"], SCAN, {"grid": (6, 6, 1), "gap_broadening": 0.2}),
    "a spectrum": ("crystal", ["displacement_spin_current", "shift_spin_current"], [0.0, 0.2], {"grid": (4, 4, 4), **SPECTRUM}),
    "everything static of a crystal": ("crystal", ["spin_hall", "magnetic_spin_hall"], [0.0, 0.2], {"grid": (6, 6, 6)}),
    "meshes": ("sheet", TWO, SCAN, {"tolerance": ws.Tolerance(2e-2), "temperature": 800}),
    "boxes": ("sheet", TWO, SCAN, {"tolerance": ws.Tolerance(5e-2, start=4), "temperature": 600}),
    "boxes and light": ("sheet", ["ac_spin_current"], SCAN[:1], {"tolerance": ws.Tolerance(1e-1, start=4), **LIGHT}),
    "boxes at zero temperature": ("sheet", TWO, SCAN, {"tolerance": ws.Tolerance(8e-2), "temperature": 0}),
    "replicas": ("sheet", TWO, SCAN[:1], {"tolerance": ws.Tolerance(8e-2, start=4, replicas=2), "temperature": 600}),
    "a disk": ("massive cone", TWO, [0.1, 0.5], {"tolerance": ws.Tolerance(1e-2), "temperature": 500}),
    "a disk at zero temperature": ("massive cone", TWO, [0.1, 0.5], {"tolerance": ws.Tolerance(1e-2), "temperature": 0}),
    "boxes in a disk": ("cone", [*TWO, "nonlinear_drude_spin_magnetization"], [0.2, 0.5], {"tolerance": ws.Tolerance(1e-1)}),
    "boxes in a box": ("node", ["edelstein"], [0.2, 0.5], {"tolerance": ws.Tolerance(2e-1)}),
    "a wide scan": ("sheet", ["spin_hall"], np.linspace(-4, 1, 60).tolist(), {"grid": (8, 8, 1), "temperature": [0, 200]}),
}


BY_LENGTH = ("everything on a mesh", "a spectrum", "boxes", "boxes at zero temperature", "a disk", "boxes in a disk")
CASES = [(run, "energy") for run in RUNS] + [(run, "length") for run in BY_LENGTH]
LONG = ("boxes in a box", "energy")
COUNTED = ("mesh", "meshes", "k_points_of_meshes", "weights_of_meshes", "error_over_tolerance", "boxes", "replicas", "spots")
FINE = {  # of meshes alone: what bars are made of
    "cold": ("sheet", ["edelstein", "spin_hall"], [-2.6, -2.2], {"grid": (16, 16, 1), "temperature": [30, 300]}),
    "below the points": ("sheet", ["edelstein"], [-4.3, -4.25, -4.2], {"grid": (12, 12, 1), "temperature": [30, 200]}),
    "a long scan": ("sheet", ["edelstein"], np.linspace(-4.2, -3.6, 30).tolist(), {"grid": (10, 10, 1), "temperature": 100}),
    "an odd mesh": ("sheet", TWO, SCAN, {"grid": (9, 15, 1)}),
    "one point": ("sheet", TWO, SCAN, {"grid": (1, 1, 1)}),
    "a crystal": (
        "crystal",
        ["edelstein", "nonlinear_intrinsic_spin_magnetization"],
        [0.0, 0.3],
        {"grid": (6, 4, 8), "temperature": [300, 2000]},
    ),
    "frequencies": ("crystal", ["ac_spin_current", "edelstein"], [0.1], {"grid": (4, 4, 4), **LIGHT}),
    "shifted": ("crystal", ["spin_hall"], [0.1], {"grid": (4, 4, 4), "shift": (0.0, 0.5, 0.25)}),
}
RUNS |= FINE


@pytest.mark.parametrize(("run", "of"), [pytest.param(*x, marks=[pytest.mark.slow] if x == LONG else []) for x in CASES])
def test_numbers_change_by_their_units(run: str, of: str) -> None:
    before, after = as_it_is(run), computed(run, *TIMES[of])
    assert after.facts.k_points == before.facts.k_points
    assert len(after.warnings) == len(before.warnings)
    for name, tensor in before.items():
        other, times = after[name], factor(tensor, *TIMES[of])
        assert other.converged == tensor.converged
        assert np.abs(tensor.values).max() > 0
        for mine, theirs in ((tensor.values, other.values), (tensor.error, other.error)):
            top = times * np.nanmax(np.abs(mine), initial=0.0)
            np.testing.assert_allclose(theirs, times * mine, rtol=1e-6, atol=1e-9 * top, err_msg=name)


@pytest.mark.parametrize("run", [pytest.param(x, marks=[pytest.mark.slow] if x == LONG[0] else []) for x in RUNS])
def test_what_is_found(run: str) -> None:
    """Points, decisions, warnings, and values and bars to some digits: stored when they had been looked at.

    WANNIER_SPIN_STORE=1 pytest -n 0 tests/test_dimensions.py -k what_is_found
    """
    result = as_it_is(run)
    facts = {name: result.provenance[name] for name in COUNTED if name in result.provenance}
    if run == ROUNDED:
        facts.pop("error_over_tolerance")
    elif "error_over_tolerance" in facts:
        facts["error_over_tolerance"] = {name: x for name, x in facts["error_over_tolerance"].items() if x > NOTHING}
    seen: dict[str, Any] = {
        "k-points": result.facts.k_points,
        "facts": facts,
        "warnings": [lines_of(text) for text in result.warnings],
    }
    for name, tensor in result.items():
        top = np.abs(tensor.values).max()
        assert top > 0
        assert np.nanmax(tensor.error, initial=0.0) < 100 * top, "more than all that there is: a quotient of rounding"
        bars = np.where(tensor.error > NOTHING * top, tensor.error, 0.0)  # less is rounding
        seen[name] = [tensor.converged, digest(tensor.values), [] if run == ROUNDED else digest(bars)]
    check("runs.json", run, seen)


@pytest.mark.parametrize("run", [pytest.param(x, marks=[pytest.mark.slow] if x == LONG[0] else []) for x in RUNS])
def test_what_is_saved_comes_back(run: str, tmp_path: Path) -> None:
    assert_comes_back(as_it_is(run), tmp_path)


def turned(model: ws.TightBindingModel) -> ws.TightBindingModel:
    """x becomes y, y becomes z, z becomes x: the same crystal in another frame."""
    given = {name: getattr(model, name) for name in ("lattice", "position_R", "spin_R", "centres")}
    return replace(model, **{name: np.roll(vectors, 1, axis=-1) for name, vectors in given.items() if vectors is not None})


@pytest.mark.parametrize("run", ["everything on a mesh", "boxes", "boxes and light", "meshes", "a spectrum"])
def test_axes_in_another_order(run: str) -> None:
    """All components, bars and decisions are those of the other frame."""
    before, after = as_it_is(run), computed(run, change=turned)
    assert after.facts.k_points == before.facts.k_points
    for name, tensor in before.items():
        axes = tuple(range(tensor.values.ndim - len(tensor.labels), tensor.values.ndim))
        for mine, theirs in ((tensor.values, after[name].values), (tensor.error, after[name].error)):
            top = np.nanmax(np.abs(mine), initial=0.0)
            np.testing.assert_allclose(theirs, np.roll(mine, 1, axis=axes), rtol=1e-6, atol=1e-9 * top, err_msg=name)


@pytest.mark.parametrize("run", ["boxes", "meshes", "a wide scan"])
def test_mu_in_another_order(run: str) -> None:
    before, after = as_it_is(run), computed(run, backwards=True)
    assert after.facts.k_points == before.facts.k_points
    for name, tensor in before.items():
        for mine, theirs in ((tensor.values, after[name].values), (tensor.error, after[name].error)):
            np.testing.assert_allclose(theirs[::-1], mine, rtol=1e-9, atol=1e-12 * np.nanmax(np.abs(mine)), err_msg=name)
