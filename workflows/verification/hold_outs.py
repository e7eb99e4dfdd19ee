"""Models of other kinds, made for judging error bars once. Nothing was chosen on them, but for `random_magnet` with seed 8: it has
served for the power of the outer window (`Stars.decay`) since.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import wannier_spin as ws
from wannier_spin.models.hoppings import PAULI, S0, SX, SY, SZ, dot_pauli, from_hoppings


def sheared() -> ws.TightBindingModel:
    """Another lattice for the hoppings of `rashba_exchange`: no direction of it is as another."""
    return replace(ws.models.rashba_exchange(), lattice=np.array([[1, 0, 0], [0.35, 0.9, 0], [0, 0, 1]]))


def tilted_dirac(gap: float = 0.1, tilt: float = 0.4) -> ws.TightBindingModel:
    """Square lattice with one massive, tilted Dirac cone: gap (eV) at Gamma, tilt in units of the velocity along x.

    H = sin kx sx + sin ky sy + (gap/2 + 2 - cos kx - cos ky) sz + tilt sin kx
    """
    hoppings = {
        (0, 0, (0, 0)): (gap / 2 + 2) * SZ,
        (0, 0, (1, 0)): -0.5 * SZ - 0.5j * (SX + tilt * S0),
        (0, 0, (0, 1)): -0.5 * SZ - 0.5j * SY,
    }
    return from_hoppings(lattice=np.eye(3), sites=[[0, 0]], hoppings=hoppings, periodic=(True, True, False))


def random_magnet(seed: int = 8) -> ws.TightBindingModel:
    """Random hoppings of two magnetic sites with a spin each, related by P and T together, without any other symmetry.

    H_R = U H_R^T U^+ with U = tx i sy: the bands are twofold.
    """
    random, model = np.random.default_rng(seed), ws.models.random_model(n=4, seed=seed)
    U = np.kron(SX, 1j * SY)
    H = (model.hamiltonian_R + U @ model.hamiltonian_R.swapaxes(1, 2) @ U.conj().T) / 2
    home = int(np.flatnonzero(~model.R_vectors.any(axis=1))[0])
    spin = np.zeros((*H.shape, 3), complex)
    spin[home] = np.moveaxis([np.kron(S0, s) for s in PAULI], 0, -1)
    place = random.uniform(0.1, 0.4, 3) @ model.lattice
    centres = np.array([place, place, -place, -place])
    return ws.TightBindingModel(model.lattice, model.R_vectors, H, spin_R=spin, centres=centres)


def helices(along: float = 1.0, between: float = 0.3, soc: float = 0.25) -> ws.TightBindingModel:
    """Chains with three sites a turn on a triangular lattice, as in tellurium: chiral, T kept.

    Along a chain hoppings with spin-orbit coupling about the bond, weaker ones from each site to the next chains.
    """
    lattice = np.array([[1, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [0, 0, 1.3]])
    radius, turns = 0.27, 2 * np.pi * np.arange(3) / 3
    cartesian = np.stack([radius * np.cos(turns), radius * np.sin(turns), lattice[2, 2] * np.arange(3) / 3], axis=1)
    sites = cartesian @ np.linalg.inv(lattice)
    outwards = [(1, 0, 0), (0, 1, 0), (-1, -1, 0)]
    hoppings = {}
    for i, j, up in ((0, 1, 0), (1, 2, 0), (2, 0, 1)):
        bond = (sites[j] + [0, 0, up] - sites[i]) @ lattice
        hoppings[i, j, (0, 0, up)] = along * S0 + 1j * soc * dot_pauli(bond / np.linalg.norm(bond))
    for i in range(3):
        for j in (k for k in range(3) if k != i):
            hoppings[i, j, outwards[i]] = between * S0
    return from_hoppings(lattice=lattice, sites=sites, hoppings=hoppings)
