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


def lieb() -> ws.TightBindingModel:
    """Three sites of a square lattice, one band nearly flat: spin-orbit coupling between the two that are not at its corners, a
    magnet at the corner, and Rashba terms.
    """
    along, hoppings = {1: (1, 0), 2: (0, 1)}, {(0, 0, (0, 0)): 0.3 * SZ + 0.1 * SX}
    for site, step in along.items():
        d = np.array([*step, 0]) / 2
        rashba = 0.15j * dot_pauli(np.cross([0, 0, 1], 2 * d))
        hoppings[0, site, (0, 0)] = S0 + rashba
        hoppings[site, 0, step] = S0 + rashba
    for x, y in ((0, 0), (1, 0), (0, -1), (1, -1)):
        hoppings[1, 2, (x, y)] = 0.2 * S0 + 0.12j * (1 if (x + y) % 2 else -1) * SZ
    return from_hoppings(lattice=np.eye(3), sites=[[0, 0], [0.5, 0], [0, 0.5]], hoppings=hoppings, periodic=(True, True, False))


def bilayer() -> ws.TightBindingModel:
    """Two honeycomb sheets on top of one another, magnetized against each other across the plane, in an electric field."""
    lattice = np.array([[1, 0, 0], [0.5, np.sqrt(3) / 2, 0], [0, 0, 1]])
    sites, hoppings = [[0, 0], [1 / 3, 1 / 3], [0, 0], [1 / 3, 1 / 3]], {}
    bonds = {(0, 0): (1, 1), (-1, 0): (-2, 1), (0, -1): (1, -2)}  # to the second site: R, and the bond in thirds
    for layer, sign in ((0, 1), (2, -1)):
        for site in (layer, layer + 1):
            hoppings[site, site, (0, 0)] = sign * (0.25 * SX + 0.1 * SZ + 0.15 * S0)
        for R, thirds in bonds.items():
            bond = np.array([*thirds, 0]) @ lattice / np.sqrt(3)
            hoppings[layer, layer + 1, R] = S0 + 0.1j * sign * dot_pauli(np.cross([0, 0, 1], bond))
    for site in (0, 1):
        hoppings[site, site + 2, (0, 0)] = 0.3 * S0 + 0.05 * SX
    return from_hoppings(lattice=lattice, sites=sites, hoppings=hoppings, periodic=(True, True, False))


def spiral(sites: int = 4) -> ws.TightBindingModel:
    """Moments that turn once in a plane across it, along one direction of a rectangular lattice; Rashba terms along the other."""
    hoppings = {}
    for i in range(sites):
        angle = 2 * np.pi * i / sites
        hoppings[i, i, (0, 0)] = 0.6 * (np.cos(angle) * SZ + np.sin(angle) * SX)
        hoppings[i, (i + 1) % sites, (int(i + 1 == sites), 0)] = 0.7 * S0 + 0.1j * SY
        hoppings[i, i, (0, 1)] = 0.5 * S0 - 0.15j * SX
    places = [[i / sites, 0] for i in range(sites)]
    return from_hoppings(lattice=np.diag([sites, 1, 1]), sites=places, hoppings=hoppings, periodic=(True, True, False))


def magnetic_insulator(mass: float = 0.6, magnet: float = 0.35) -> ws.TightBindingModel:
    """Two orbitals of opposite parity on a cubic lattice with inverted bands, in a magnet that is tilted: gaps, nodes, surfaces.

    H = (mass - sum_i (1 - cos k_i)) tz + sum_i sin k_i tx s_i + magnet s_n + 0.2 sum_i cos k_i
    """
    spin, steps = np.array([np.kron(S0, s) for s in PAULI]), np.eye(3, dtype=int)
    direction = np.array([0.3, 0.2, 1.0]) / np.linalg.norm([0.3, 0.2, 1.0])
    hoppings = {(0, 0, (0, 0, 0)): (mass - 3) * np.kron(SZ, S0) + magnet * np.tensordot(direction, spin, 1)}
    for step, s in zip(steps, PAULI, strict=True):
        hoppings[0, 0, tuple(step)] = np.kron(SZ, S0) / 2 + np.kron(SX, s) / 2j + 0.1 * np.eye(4)
    return from_hoppings(lattice=np.diag([1, 1.1, 1.3]), sites=[[0, 0, 0]], hoppings=hoppings, spin=spin)


def pyrochlore(magnet: float = 0.4, soc: float = 0.15) -> ws.TightBindingModel:
    """Corner-sharing tetrahedra, moments to their centres or away from them, spin-orbit coupling across the bonds."""
    lattice, corners = (1 - np.eye(3)) * 1.5, np.vstack([np.zeros(3), np.eye(3) / 2])
    places = corners @ lattice
    outwards, hoppings = places - places.mean(axis=0), {}
    for i in range(4):
        hoppings[i, i, (0, 0, 0)] = magnet * dot_pauli(outwards[i] / np.linalg.norm(outwards[i]))
        for j in range(i + 1, 4):
            turn = np.cross(outwards[i], outwards[j])
            matrix = -S0 + 1j * soc * dot_pauli(turn / np.linalg.norm(turn))
            back = np.round(2 * (corners[i] - corners[j])).astype(int)
            hoppings[i, j, (0, 0, 0)], hoppings[i, j, tuple(back)] = matrix, matrix
    return from_hoppings(lattice=lattice, sites=corners, hoppings=hoppings)


def dimers(dimension: int = 2, between: float = 0.12, soc: float = 0.2) -> ws.TightBindingModel:
    """Chains along x of alternating bonds, 1.1 and 0.7, weakly coupled across them; spin-orbit coupling on all bonds, a magnet."""
    hoppings = {
        (0, 0, (0, 0, 0)): 0.2 * S0 + 0.15 * SZ,
        (1, 1, (0, 0, 0)): -0.2 * S0 + 0.15 * SZ + 0.1 * SX,
        (0, 1, (0, 0, 0)): 1.1 * S0 + 1j * soc * SY,
        (1, 0, (1, 0, 0)): 0.7 * S0 + 1j * soc * dot_pauli([0, 0.6, 0.8]),
    }
    for axis in range(1, dimension):
        step = tuple(int(i == axis) for i in range(3))
        hoppings[0, 0, step] = between * S0 + 0.5j * between * PAULI[axis - 1]
        hoppings[0, 1, step] = 0.6 * between * S0
        hoppings[1, 1, step] = between * S0 - 0.3j * between * SZ
    periodic = (True, True, dimension == 3)
    return from_hoppings(lattice=np.diag([1.8, 1, 1.2]), sites=[[0, 0], [0.45, 0.2]], hoppings=hoppings, periodic=periodic)


def chain_altermagnet() -> ws.TightBindingModel:
    """Two sublattices of opposite moments on a rectangular lattice, hoppings along x ten times those along y; bonds along the
    diagonals that are not alike on the two of them, spin-orbit coupling.
    """
    hoppings = {}
    for site, sign in ((0, 1), (1, -1)):
        hoppings[site, site, (0, 0)] = 0.5 * sign * dot_pauli([0.2, 0, 1])
        hoppings[site, site, (1, 0)] = 0.4 * S0 + 0.1j * SY
        hoppings[site, site, (0, 1)] = 0.08 * S0 - 0.02j * SX
        hoppings[site, site, (1, sign)] = 0.06 * S0
    for x, y in ((0, 0), (-1, 0)):
        hoppings[0, 1, (x, y)] = 0.9 * S0 + (0.1 + 0.2 * x) * 1j * SY
        hoppings[0, 1, (x, y - 1)] = 0.09 * S0
    return from_hoppings(lattice=np.diag([2.0, 1, 1]), sites=[[0, 0], [0.5, 0.5]], hoppings=hoppings, periodic=(True, True, False))


def ladders(rungs: float = 0.5, between: float = 0.1) -> ws.TightBindingModel:
    """Zigzag ladders along x, side by side: two legs half a step apart, magnetized against each other at their outer edges."""
    hoppings = {}
    for leg, sign in ((0, 1), (1, -1)):
        hoppings[leg, leg, (0, 0)] = 0.2 * sign * dot_pauli([0.3, 0.1, 1])
        hoppings[leg, leg, (1, 0)] = S0 + 0.15j * sign * SZ
    for x in (0, -1):
        hoppings[0, 1, (x, 0)] = rungs * S0 + 0.1j * dot_pauli([1, 1 + 2 * x, 0])
        hoppings[1, 0, (x + 1, 1)] = between * S0
    lattice = np.diag([1.0, 2.5, 1])
    return from_hoppings(lattice=lattice, sites=[[0, 0], [0.5, 0.35]], hoppings=hoppings, periodic=(True, True, False))


def stretched_rashba(across: float = 0.1) -> ws.TightBindingModel:
    """A Rashba magnet on a square lattice, hoppings and spin-orbit coupling along y so many times those along x."""
    hoppings = {
        (0, 0, (0, 0)): 0.25 * dot_pauli([0.4, 0.3, 1]),
        (0, 0, (1, 0)): -S0 + 0.3j * SY,
        (0, 0, (0, 1)): across * (-S0 - 0.3j * SX),
    }
    return from_hoppings(lattice=np.eye(3), sites=[[0, 0]], hoppings=hoppings, periodic=(True, True, False))


def weyl_chains(across: float = 0.12) -> ws.TightBindingModel:
    """Two orbitals of opposite parity along z, hoppings across ten times weaker, in a magnet: Weyl nodes in nearly flat planes.

    H = (0.5 - cos kz + across (2 - cos kx - cos ky)) tz + 0.8 sin kz tx s_z + 2 across (sin kx tx s_x + sin ky tx s_y) + 0.3 s_n
    + 0.3 cos kz
    """
    spin = np.array([np.kron(S0, s) for s in PAULI])
    direction = np.array([0.2, 0.3, 1.0]) / np.linalg.norm([0.2, 0.3, 1.0])
    hoppings = {(0, 0, (0, 0, 0)): (0.5 + 2 * across) * np.kron(SZ, S0) + 0.3 * np.tensordot(direction, spin, 1)}
    for axis in range(2):
        step = tuple(int(i == axis) for i in range(3))
        hoppings[0, 0, step] = across * (-np.kron(SZ, S0) / 2 + np.kron(SX, PAULI[axis]) / 1j)
    hoppings[0, 0, (0, 0, 1)] = -np.kron(SZ, S0) / 2 + 0.8 * np.kron(SX, SZ) / 2j + 0.15 * np.eye(4)
    return from_hoppings(lattice=np.diag([1, 1.1, 1.3]), sites=[[0, 0, 0]], hoppings=hoppings, spin=spin)
