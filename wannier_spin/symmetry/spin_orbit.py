"""Spin-orbit coupling on top of a collinear magnet: lambda L.S on each atom, for moments along any axis.

    H + sum over atoms and shells of lambda L.S,    S = sigma/2,  L of the real harmonics that the Wannier functions started from

An approximation, in three ways: the Wannier functions are taken for the atomic orbitals of their projections, those of both spins
for the same functions of space, and the coupling between atoms is left out. It serves to see what spin-orbit coupling does and how
it depends on the direction of the moments; numbers that matter need a run with spin-orbit coupling. lambda is a fit to such a
run, or a value of the atom (3d 0.02 to 0.1 eV, 4d 0.1 to 0.3, 5d 0.3 to 0.6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure, TightBindingModel, home
from wannier_spin.orbitals import Orbitals
from wannier_spin.readers.collinear import direction, transverse_axes
from wannier_spin.readers.spinors import PAULI
from wannier_spin.readers.structure import chemical_symbol
from wannier_spin.symmetry.representation import SITE_TOLERANCE, harmonic_rotation
from wannier_spin.values import is_finite

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]
SHELLS = "spdf"
SAME_CELL = 0.5  # angstrom, between a function of spin up and the same of spin down


def add_spin_orbit(
    model: TightBindingModel,
    orbitals: Orbitals,
    structure: Structure,
    strengths: Mapping[str, float],
    axis: Sequence[float] | None = None,
) -> TightBindingModel:
    """The model with lambda L.S, all three components of its spin, and no spin axis any more.

    Parameters
    ----------
    model : of `read_collinear`, functions of spin up before those of spin down.
    orbitals : what its functions are, in its order: `read_projections("X_up.win", None)`.
    structure : names the atoms. Its moments do not matter.
    strengths : lambda in eV by element and shell, {"V d": 0.03, "Se p": 0.2}; shells that are not named have none.
    axis : Cartesian direction of the moments, which with spin-orbit coupling matters; None: that of the model.

    Raises InputError: a model without spin axis, orbitals that do not fit it, an element or shell that is not there.
    """
    n = _direction(model, axis)
    half = _checked_pairs(model, orbitals)
    origin = home(model.R_vectors)
    axes = np.array([*transverse_axes(n), n])
    sigma = np.einsum("ac,anm->cnm", axes, PAULI)  # Cartesian components in the basis of spins along n, against n
    coupling = np.zeros((2, 2, half, half), complex)
    for own, l, strength in _shells(orbitals, structure, strengths, half):
        L = angular_momentum(l)[:, orbitals.m[own]][:, :, orbitals.m[own]]
        coupling[:, :, own[:, None], own] += strength / 2 * np.einsum("cst,cnm->stnm", sigma, L)
    H = model.hamiltonian_R.copy()
    H[origin] += coupling.swapaxes(1, 2).reshape(2 * half, 2 * half)
    spin = np.zeros((*H.shape, 3), complex)
    spin[origin] = np.einsum("cst,nm->sntmc", sigma, np.eye(half)).reshape(2 * half, 2 * half, 3)
    source = {**model.source, "spin_orbit": f"on-site lambda L.S, {dict(strengths)} eV, axis {n.round(6).tolist()}"}
    return replace(model, hamiltonian_R=H, spin_R=spin, spin_axis=None, source=source)


@cache
def angular_momentum(l: int) -> Complex:
    """L_c of the real harmonics of one shell, in the order of `HARMONICS`: (3, 2l + 1, 2l + 1), Hermitian, imaginary.

    From D(2 pi j/N) = sum_m exp(-2 pi i m j/N) P_m with N = 2l + 1 angles: L = sum_m m P_m.
    """
    size = 2 * l + 1
    found = np.zeros((3, size, size), complex)
    for c in range(3):
        for j in range(size):
            angle = 2 * np.pi * j / size
            D = harmonic_rotation(l, _turn(c, angle))
            found[c] += sum(m * np.exp(1j * m * angle) for m in range(-l, l + 1)) * D / size
    return found


def _turn(c: int, angle: float) -> Real:
    """Rotation about a Cartesian axis."""
    a, b = (c + 1) % 3, (c + 2) % 3
    R = np.eye(3)
    R[a, a] = R[b, b] = np.cos(angle)
    R[b, a], R[a, b] = np.sin(angle), -np.sin(angle)
    return R


def _direction(model: TightBindingModel, axis: Sequence[float] | None) -> Real:
    if model.spin_axis is None:
        raise InputError(
            f"model '{model.name}' has no spin axis: spin-orbit coupling can be added to models of read_collinear only"
        )
    return model.spin_axis if axis is None else direction(axis)


def _checked_pairs(model: TightBindingModel, orbitals: Orbitals) -> int:
    """Half of the functions. Raises InputError unless the n-th with spin up is the n-th with spin down."""
    half = model.n_bands // 2
    if len(orbitals) != model.n_bands or (orbitals.spin != np.repeat([0, 1], half)).any():
        raise InputError(
            f"model '{model.name}' has {model.n_bands} functions, the projections give {len(orbitals)}; expected all with spin up, "
            "then the same with spin down: read_projections(win, None)"
        )
    apart = np.linalg.norm(model.centres[:half] - model.centres[half:], axis=1)
    if apart.max() > SAME_CELL:
        raise InputError(
            f"model '{model.name}': the Wannier functions {int(apart.argmax()) + 1} of both spins are {apart.max():.2g} angstrom "
            "apart: they are no pair"
        )
    return half


def _shells(
    orbitals: Orbitals, structure: Structure, strengths: Mapping[str, float], half: int
) -> list[tuple[NDArray[np.int64], int, float]]:
    """Functions (with spin up), l and lambda of each shell that has a strength."""
    wanted = {}
    for name, strength in strengths.items():
        parts = re.fullmatch(r"([A-Z][a-z]?)\s+([pdf])", name)
        if parts is None or not is_finite(strength):
            raise InputError(
                f"strengths: '{name}' = {strength!r}; expected an element and a shell p, d or f, and eV: {{'V d': 0.03}}"
            )
        wanted[parts[1], SHELLS.index(parts[2])] = float(strength)
    found = []
    for site, position in enumerate(orbitals.positions):
        element = _element(structure, position)
        for copy in range(int(orbitals.copy.max()) + 1):
            for (symbol, l), strength in wanted.items():
                own = np.flatnonzero((orbitals.site == site) & (orbitals.l == l) & (orbitals.copy == copy))
                own = own[own < half]
                if symbol == element and len(own):
                    found.append((own, l, strength))
    there = {(_element(structure, orbitals.positions[orbitals.site[own[0]]]), l) for own, l, _ in found}
    missing = [f"{symbol} {SHELLS[l]}" for symbol, l in wanted if (symbol, l) not in there]
    if missing:
        raise InputError(f"strengths names {', '.join(missing)}, which is not among the projections")
    return found


def _element(structure: Structure, position: Real) -> str:
    """Of the atom at a reduced position; empty where there is none."""
    apart = structure.positions - position
    distance = np.linalg.norm((apart - np.round(apart)) @ structure.lattice, axis=1)
    nearest = int(distance.argmin())
    return chemical_symbol(int(structure.numbers[nearest])) if distance[nearest] < SITE_TOLERANCE else ""
