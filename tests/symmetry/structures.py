"""Groups from generators written down by hand, and structures that have the group of a library model or a real material."""

from dataclasses import replace
from itertools import product

import numpy as np

from wannier_spin import Structure, models
from wannier_spin.symmetry import Operation

E = np.eye(3)
UP, NONE = (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)


# Groups


def turn(axis, order):
    """Rotation by 2 pi/order about `axis`."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = 2 * np.pi / order
    return E + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def mirror(normal):
    return -turn(normal, 2)


def group(*generators):
    """Closure of generators: a Cartesian matrix, or (matrix, True) with time reversal."""
    wanted = [g if isinstance(g, tuple) else (g, False) for g in generators]
    elements, known = [(E, False)], {_key(E, False)}
    for R, t in elements:  # grows while it runs
        for G, g in wanted:
            new = (G @ R, t != g)
            if _key(*new) not in known:
                known.add(_key(*new))
                elements.append(new)
    return tuple(Operation(R, np.eye(3, dtype=np.int64), np.zeros(3), t) for R, t in elements)


def _key(R, time_reversal):
    return (*(np.round(R, 6) + 0.0).ravel().tolist(), time_reversal)


def signature(operations):
    """Which kinds of elements a magnetic point group has, and how many of each: a different one for each of the 122 classes."""
    found = ((round(np.linalg.det(o.rotation)), round(np.trace(o.rotation)), o.time_reversal) for o in operations)
    return tuple(sorted(found))


def same_group(first, second):
    """Whether two sets of operations agree in Cartesian axes, translations left aside."""

    def inside(a, others):
        return any(np.allclose(a.rotation, b.rotation, atol=1e-5) and a.time_reversal == b.time_reversal for b in others)

    return len(first) == len(second) and all(inside(a, second) for a in first)


X, Y, Z, D, DM, D3 = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 0), (1, 1, 1)
T = (E, True)
MAGNETIC_POINT_GROUPS = {  # generators in Cartesian axes
    "Pt m-3m1'": (turn(Z, 4), turn(D3, 3), -E, T),
    "GaAs -43m1'": (-turn(Z, 4), turn(D3, 3), T),
    "Fe 001 4/mm'm'": (turn(Z, 4), -E, (turn(X, 2), True)),
    "Fe 110 m'm'm": (turn(D, 2), -E, (turn(Z, 2), True)),
    "Fe 111 -3m'": (turn(D3, 3), -E, (turn(DM, 2), True)),
    "Mn2Au m'mm": (mirror(Z), mirror(D), (mirror(DM), True)),
    "CuMnAs m'mm": (mirror(Z), mirror(X), (mirror(Y), True)),
    "Te 321'": (turn(Z, 3), turn(X, 2), T),
    "Mn3Sn, 2 along y": (turn(Y, 2), -E, (turn(X, 2), True)),
}


# Materials


def crystal(lattice, atoms):
    """atoms: (atomic number, reduced position, moment)."""
    numbers, positions, moments = zip(*atoms, strict=True)
    return Structure(np.asarray(lattice, float), np.array(positions, float), np.array(numbers), np.array(moments, float))


def with_moments(structure, moments):
    return replace(structure, magnetic_moments=np.array(moments, float))


def turned(structure, R):
    """The whole crystal, moments included, rotated by a proper R."""
    return replace(structure, lattice=structure.lattice @ R.T, magnetic_moments=structure.magnetic_moments @ R.T)


def iron(moment, a=2.87):
    return crystal(a / 2 * (np.ones((3, 3)) - 2 * E), [(26, (0, 0, 0), moment)])


def hexagonal(a, c):
    return np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])


def tellurium(u=0.2636):
    """P3_121; two-fold axes along a, which is x."""
    return crystal(hexagonal(4.456, 5.921), [(52, p, NONE) for p in ((u, 0, 1 / 3), (0, u, 2 / 3), (-u, -u, 0))])


def mn3sn(phase, x=0.8388):
    """P6_3/mmc, Mn in 6h, inverse triangular order: where a Mn stands at the angle t about the hexagonal axis, its moment
    points to `phase` + 2 t; P, which turns t by pi, leaves it alone. Both phases 0 and pi/2 keep a two-fold axis in the plane.
    """
    lattice = hexagonal(5.665, 4.531)
    atoms = []
    for p, q in ((x, 2 * x), (-2 * x, -x), (x, -x)):
        for sign, z in ((1, 0.25), (-1, 0.75)):
            position = np.array([sign * p, sign * q, z])
            offset = position[:2] - np.round(position[:2])  # the triangle around the axis through the origin
            place = np.append(offset, 0) @ lattice
            angle = phase + 2 * np.arctan2(place[1], place[0])
            atoms.append((25, position, 3 * np.array([np.cos(angle), np.sin(angle), 0])))
    atoms += [(50, (1 / 3, 2 / 3, 0.25), NONE), (50, (2 / 3, 1 / 3, 0.75), NONE)]
    return crystal(lattice, atoms)


def cumnas(direction=(1, 0, 0)):
    """Tetragonal CuMnAs, P4/nmm, origin at the centre of inversion; Mn in 2c."""
    n = 3.6 * np.array(direction, float)
    z_mn, z_as = 0.330, 0.735
    atoms = [(25, (0.25, 0.25, z_mn), n), (25, (0.75, 0.75, -z_mn), -n)]
    atoms += [(33, (0.25, 0.25, z_as), NONE), (33, (0.75, 0.75, -z_as), NONE)]
    atoms += [(29, (0.75, 0.25, 0), NONE), (29, (0.25, 0.75, 0), NONE)]
    return crystal(np.diag([3.82, 3.82, 6.318]), atoms)


# Library models with a structure that has their group: magnetic atoms on the sites, ligands where symmetry must be lowered


def _square(*atoms):
    return crystal(E, atoms)


def _polar_square(moment=NONE):
    return _square((26, (0, 0, 0), moment), (8, (0, 0, 0.3), NONE))


def _tetrahedral_square(moment):
    """-42m with two-fold axes along x and y, as the Dresselhaus term has it."""
    u, w = 0.2, 0.3
    ligands = ((u, u, w), (-u, -u, w), (u, -u, -w), (-u, u, -w))
    return _square((26, (0, 0, 0), moment), *((8, p, NONE) for p in ligands))


def _diagonal_square(moment):
    """2mm with mirrors on the diagonals: Rashba, Dresselhaus and t2 together."""
    return _square((26, (0, 0, 0), moment), (8, (0.2, 0.2, 0.3), NONE), (8, (-0.2, -0.2, 0.3), NONE))


def _altermagnet(ligand):
    """Moments like x y around the site: T C4z, and mirrors x, y without T."""
    u = 0.2
    atoms = [(25, p, s) for p, s in (((u, u, 0), UP), ((-u, -u, 0), UP), ((u, -u, 0), (0, 0, -1)), ((-u, u, 0), (0, 0, -1)))]
    return _square(*atoms, *([(8, (0, 0, 0.3), NONE)] if ligand else []))


def neel_pair(direction):
    n = np.array(direction, float)
    ligands = [(8, (0, 0, 0.2), NONE), (8, (0.5, 0.5, -0.2), NONE)]
    return _square((25, (0, 0, 0), n), (25, (0.5, 0.5, 0), -n), *ligands)


def _honeycomb(lattice, numbers=(6, 6), moment=NONE, polar=False):
    sites = ((1 / 3, 1 / 3), (2 / 3, 2 / 3))
    atoms = [(number, (*p, 0), moment) for number, p in zip(numbers, sites, strict=True)]
    return crystal(lattice, atoms + ([(1, (*p, 0.3), NONE) for p in sites] if polar else []))


def _kagome(lattice, chirality, phase=0.0):
    angles = [phase + chirality * 2 * np.pi * i / 3 for i in range(3)]
    sites = ((0, 0, 0), (0.5, 0, 0), (0, 0.5, 0))
    return crystal(lattice, [(25, p, (np.cos(a), np.sin(a), 0)) for p, a in zip(sites, angles, strict=True)])


def _weyl():
    """422 by eight ligands, moment along z: 42'2'."""
    x, y, z = 0.31, 0.17, 0.23
    planar = ((x, y), (-y, x), (-x, -y), (y, -x))
    ligands = [(p, q, z) for p, q in planar] + [(p, -q, -z) for p, q in planar]
    return _square((26, (0, 0, 0), UP), *((8, p, NONE) for p in ligands))


def symmetric_models():
    """name -> (model, structure, number of operations of its magnetic point group)."""
    square = models.rashba_exchange
    hexagon = models.kane_mele().lattice
    found = {
        "rashba 4mm1'": (square(t2=0, dresselhaus=0, exchange=NONE), _polar_square(), 16),
        "rashba 4m'm'": (square(t2=0, dresselhaus=0, exchange=(0, 0, 0.45)), _polar_square(UP), 8),
        "rashba m'm2'": (square(t2=0, dresselhaus=0, exchange=(0.4, 0, 0)), _polar_square((1, 0, 0)), 4),
        "dresselhaus -42'm'": (square(t2=0, rashba=0, exchange=(0, 0, 0.45)), _tetrahedral_square(UP), 8),
        "both m'm'2": (square(exchange=(0, 0, 0.45)), _diagonal_square(UP), 4),
        "altermagnet 4'/mm'm": (models.altermagnet(), _altermagnet(False), 16),
        "altermagnet 4'mm'": (models.altermagnet(rashba=0.3), _altermagnet(True), 8),
        "pt_antiferromagnet z": (models.pt_antiferromagnet(direction=(0, 0, 1)), neel_pair((0, 0, 1)), 16),
        "pt_antiferromagnet x": (models.pt_antiferromagnet(direction=(1, 0, 0)), neel_pair((1, 0, 0)), 8),
        "pt_antiferromagnet": (models.pt_antiferromagnet(), neel_pair((0.6, 0.3, 0.742)), 2),
        "kane_mele 6/mmm1'": (models.kane_mele(), _honeycomb(hexagon), 48),
        "kane_mele 3m'": (
            models.kane_mele(rashba=0.1, sublattice=0.2, exchange=(0, 0, 0.3)),
            _honeycomb(hexagon, (5, 7), UP, polar=True),
            6,
        ),
        "kagome -": (models.kagome_mn3sn(soc=0.2), _kagome(hexagon, -1), 8),
        "kagome +": (models.kagome_mn3sn(soc=0.2, chirality=1, angle=np.pi / 6), _kagome(hexagon, 1, np.pi / 6), 24),
        "weyl 42'2'": (models.weyl(tilt=(0, 0, 0), node=1.2), _weyl(), 8),
        "zincblende -43m1'": (
            models.zincblende(),
            crystal(models.zincblende().lattice, [(31, (0, 0, 0), NONE), (33, (0.25, 0.25, 0.25), NONE)]),
            48,
        ),
    }
    return found


# Random models with one symmetry


def random_with(symmetry=None, seed=3):
    """Four orbitals, hoppings, position and spin matrices random but for "P", "T" or "PT" (None: no symmetry at all).

    P exchanges orbitals in pairs; T and PT square to -1.
    """
    model = models.random_model(n=4, seed=seed)
    if symmetry is None:
        return model
    U = np.kron(np.eye(2), [[0, 1], [1, 0]] if symmetry == "P" else [[0, 1], [-1, 0]]).astype(complex)
    opposite = [model.R_vectors.tolist().index((-R).tolist()) for R in model.R_vectors]

    def image_of(X):
        Y = X[opposite] if "P" in symmetry else X
        Y = Y.conj() if "T" in symmetry else Y
        return np.einsum("ij,Rjl...,ml->Rim...", U, Y, U.conj())

    position = (model.position_R + (-1 if "P" in symmetry else 1) * image_of(model.position_R)) / 2
    return replace(
        model,
        hamiltonian_R=(model.hamiltonian_R + image_of(model.hamiltonian_R)) / 2,
        position_R=position,
        spin_R=(model.spin_R + (-1 if "T" in symmetry else 1) * image_of(model.spin_R)) / 2,
        centres=None,
    )


def components(rank):
    return ["".join(letters) for letters in product("xyz", repeat=rank)]
