"""The materials of this workflow: one record each. To add yours, add a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from ase import Atoms
from ase.build import bulk


@dataclass(frozen=True)
class Sampling:
    """Cut-off (Ry) and meshes: of the self-consistent run, and of the one that Wannier90 gets."""

    ecutwfc: float
    scf: int
    wannier: int


@dataclass(frozen=True)
class Material:
    """What a run needs to know.

    valence : electrons of the bands that the Wannier functions describe; the bands of what the pseudopotentials have besides, the
    semicore, are excluded. bands : how many there are above those, spinor bands. wannier : number of Wannier functions, two for
    each orbital of `projections`. frozen : top of the frozen window above the Fermi energy (eV), of an insulator above the middle
    of its gap. moment : direction and size (Bohr magnetons) on each atom, for the magnetic group; None: not magnetic.
    """

    atoms: Atoms
    pseudopotentials: dict[str, str]
    valence: int
    bands: int
    wannier: int
    projections: tuple[str, ...]
    frozen: float
    sampling: dict[Literal["test", "production"], Sampling]
    metal: bool = True
    moment: tuple[float, float, float] | None = None
    scan: tuple[float, float] = (-1.0, 1.0)
    responses: tuple[str, ...] = ("spin_hall",)
    temperature: float = 300.0
    electrons: dict[str, object] = field(default_factory=dict)


MATERIALS = {
    "GaAs": Material(
        atoms=bulk("GaAs", "zincblende", a=5.6533),
        pseudopotentials={"Ga": "Ga.upf", "As": "As.upf"},
        valence=8,
        bands=28,
        wannier=16,
        projections=("Ga:s;p", "As:s;p"),
        frozen=2.3,
        sampling={"test": Sampling(24, 4, 3), "production": Sampling(72, 6, 6)},
        metal=False,
        scan=(-0.1, 0.1),
    ),
    "Pt": Material(
        atoms=bulk("Pt", "fcc", a=3.92),
        pseudopotentials={"Pt": "Pt.upf"},
        valence=10,
        bands=26,
        wannier=18,
        projections=("Pt:s;p;d",),
        frozen=5.5,
        sampling={"test": Sampling(50, 6, 5), "production": Sampling(75, 10, 5)},
    ),
    "Fe": Material(
        atoms=bulk("Fe", "bcc", a=2.87),
        pseudopotentials={"Fe": "Fe.upf"},
        valence=8,
        bands=38,
        wannier=18,
        projections=("Fe:s;p;d",),
        frozen=6.4,
        sampling={"test": Sampling(45, 6, 3), "production": Sampling(80, 10, 5)},
        moment=(0.0, 0.0, 2.2),
        responses=("spin_hall", "magnetic_spin_hall"),
        electrons={"mixing_beta": 0.4},
    ),
}


def mesh(n: int) -> np.ndarray:
    """All k-points of an n x n x n mesh, reduced, in the order that Wannier90's kmesh.pl writes: (n^3, 3)."""
    axis = np.arange(n) / n
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
