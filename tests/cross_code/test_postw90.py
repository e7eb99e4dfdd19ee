"""Spin Hall conductivity with Qiao's spin current against postw90 3.1.0, to the digits that it prints.

postw90 (`berry_task = shc`, xy;z) and what is made the same here:

    no phases of the centres in finite differences and Bloch sums: models with all centres at zero
    minimal-distance replicas with the true centres (`use_ws_distance`), ties within 1e-5 angstrom
    1/(e_n - e_m) inside the spin current down to 1e-7 eV, also within Kramers pairs: a degeneracy tolerance of 1e-7 eV
    eta = 0.05 eV in the denominators, (e_n - e_m)^2 - (omega + i eta)^2
    bands above `kubo_eigval_max` left out; its default is 2/3 eV above the frozen window

This version has no other spin current (`shc_method`, Ryoo's, came later).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cross_code.berri import EXACT

from wannier_spin import TightBindingModel, band_geometry, compute
from wannier_spin.readers import berri_input, wigner_seitz
from wannier_spin.readers.wannier90 import read_bloch_data
from wannier_spin.units import CONDUCTANCE_QUANTUM

pytestmark = pytest.mark.cross_code

PER_CM = 0.01  # (hbar/e) S/m -> (hbar/e) S/cm
ETA = 0.05  # eV
SHIFT = (0.31, 0.17, 0.43)
PLATINUM = [  # (hbar/e) S/cm at 20.4839, 20.6839, ... eV; 6^3 mesh moved by SHIFT, kubo_eigval_max = 1000, use_ws_distance = F
    *(-0.38907271e3, -0.49205554e3, -0.17962707e3, -0.20490527e3, 0.18327937e3, 0.20346425e3, 0.55653060e3, 0.91475358e3),
    *(0.12121098e4, 0.18310758e4, 0.21482241e4, 0.19261127e4, 0.16225923e4, 0.12715375e4, 0.10918411e4, 0.85108103e3),
    *(0.72979523e3, 0.67363738e3, 0.55653311e3, 0.47110018e3),
]


def model_of_postw90(seed: Path, replicas: bool, monkeypatch: pytest.MonkeyPatch) -> TightBindingModel:
    """The matrices that postw90 interpolates. replicas : `use_ws_distance`."""
    data = read_bloch_data(seed, None, ("qiao",))
    zero = replace(data.checkpoint, centres=np.zeros_like(data.checkpoint.centres))
    R = berri_input.build(zero, data.energies, data.overlaps, data.spin, 1e-3, seed.name, spin_current=True)
    names = ("hamiltonian", "position", "spin", "spin_position", "spin_hamiltonian_position", "spin_hamiltonian")
    R_vectors, parts = R.R_vectors, {name: getattr(R, name) for name in names}
    if replicas:
        monkeypatch.setattr(wigner_seitz, "ROUNDING", 1e5)  # postw90 does not round the centres before it looks for ties
        folded = wigner_seitz.fold(parts, R_vectors, zero.mesh)
        R_vectors, parts = wigner_seitz.distribute(folded, zero.mesh, zero.lattice, data.checkpoint.centres, 1e-5)
    matrices = {f"{name}_R": matrix for name, matrix in parts.items()}
    return TightBindingModel(lattice=zero.lattice, R_vectors=R_vectors, centres=zero.centres, name=seed.name, **matrices)


def test_platinum(example_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of_postw90(example_inputs / "Pt" / "Pt", False, monkeypatch)
    options = {"grid": (6, 6, 6), "shift": SHIFT, "mu": 20.4839 + 0.2 * np.arange(20), "temperature": 1e-3, "omega": [0.0]}
    options |= {"broadening": ETA, "units": "SI", "degeneracy_tolerance": EXACT, "spin_current": ("qiao", "ryoo", "simple")}
    found = compute(model, "ac_spin_current", **options)["ac_spin_current"].at(combination={"L0": 1, "AC1": 1})
    ours = {"qiao": found, **found.definitions}
    off = {name: np.abs(PER_CM * t.component("xy;z")[0][:, 0, 0, 0] - PLATINUM).max() for name, t in ours.items()}
    assert off["qiao"] < 6e-5  # half a digit of 1e4 is 5e-5
    assert off["ryoo"] > 10
    assert off["simple"] > 10


def test_gallium_arsenide_over_frequency(seeds: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """8^3 mesh moved by SHIFT, kubo_eigval_max = 1000, use_ws_distance = T: no two bands are close."""
    theirs = {
        0.0: 0.35593864e1,
        1.0: -0.60820965e1 + 0.38527794e1j,
        4.0: -0.25093409e3 + 0.22340942e3j,
        8.0: 0.21877797e2 - 0.38398992e2j,
    }
    model = model_of_postw90(seeds("GaAs"), True, monkeypatch)
    options = {"grid": (8, 8, 8), "shift": SHIFT, "mu": 9.13, "temperature": 1e-3, "omega": list(theirs), "broadening": ETA}
    found = compute(model, "ac_spin_current", units="SI", degeneracy_tolerance=EXACT, spin_current="qiao", **options)
    cosine, sine = found["ac_spin_current"].at(combination={"L0": 1, "AC1": 1}).component("xy;z")[0][0, 0].T * PER_CM
    for ours, expected in zip(cosine + 1j * sine, theirs.values(), strict=True):
        assert abs(ours - expected) < 1e-7 * abs(expected)


@pytest.mark.slow
def test_file_of_platinum(example_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`example_inputs/Pt/postw90`, 30^3 points, all defaults: the sum over pairs of bands below kubo_eigval_max, by hand."""
    model = model_of_postw90(example_inputs / "Pt" / "Pt", True, monkeypatch)
    theirs = np.loadtxt(example_inputs / "Pt" / "postw90" / "Pt-shc-fermiscan.dat")
    axis = np.arange(30) / 30
    mesh = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    total = np.zeros(len(theirs))
    for k in np.array_split(mesh, 60):
        g = band_geometry(model, k, degeneracy_tolerance=EXACT, spin_current="qiao")
        e, low = g.energies, g.energies <= 28.0 + 0.6667
        pairs = low[:, :, None] & low[:, None] & ~np.eye(model.n_bands, dtype=bool)
        curvature = 2 * np.imag(g.velocity[:, 1] * g.spin_current[:, 0, 2].swapaxes(-1, -2)) * pairs
        density = (curvature / ((e[:, :, None] - e[:, None]) ** 2 + ETA**2)).sum(axis=-1)
        total += [density[e < mu].sum() for mu in theirs[:, 1]]
    volume = abs(np.linalg.det(model.lattice))
    ours = total / len(mesh) / volume * CONDUCTANCE_QUANTUM * 1e10 * PER_CM
    assert np.abs(theirs[:, 2]).max() > 2000
    assert np.abs(ours - theirs[:, 2]).max() < 6e-5
