"""The materials of the GPAW route: one record each. To add yours, add a record. Needs ase alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ase import Atoms
from ase.build import bulk

SHELLS = {"s": 0, "p": 1, "d": 2}


@dataclass(frozen=True)
class Sampling:
    """Plane waves (eV), and the Gamma-centred mesh of both runs."""

    cutoff: float
    mesh: tuple[int, int, int]


@dataclass(frozen=True)
class PawMaterial:
    """What a run needs to know.

    shells : of each element those that become Wannier functions, like "3d 4s"; the order of elements is that of the .win file.
    wide : those l whose trial functions are Gaussians and not projectors, for shells that reach far. valence : electrons of the
    bands that these describe; the bands below are left out. bands : how many are kept, spinor bands with spin-orbit coupling, else
    of each spin channel. frozen, outer : tops of the windows above the Fermi energy (eV), of an insulator above the middle of its
    gap; outer None: as high as the highest band allows. moments : along z, Bohr magnetons; empty: not magnetic. spinors : with
    spin-orbit coupling. options : further keywords of GPAW.
    """

    atoms: Atoms
    shells: dict[str, str]
    valence: int
    bands: int
    frozen: float
    samplings: dict[str, Sampling]
    spinors: bool = True
    moments: tuple[float, ...] = ()
    outer: float | None = None
    wide: tuple[int, ...] = ()
    width: float = 0.05
    vacuum: str = ""
    responses: tuple[str, ...] = ("spin_hall",)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def functions(self) -> list[tuple[int, int, int]]:
        """(atom, n, l) of each shell, in the order of Wannier90: by the lines of the projections, then by atom."""
        symbols = self.atoms.get_chemical_symbols()
        return [
            (atom, int(shell[:-1]), SHELLS[shell[-1]])
            for symbol, shells in self.shells.items()
            for atom in (i for i, other in enumerate(symbols) if other == symbol)
            for shell in sorted(shells.split(), key=lambda shell: SHELLS[shell[-1]])
        ]

    @property
    def n_wannier(self) -> int:
        return (1 + self.spinors) * sum(2 * l + 1 for _, _, l in self.functions)


def _altermagnet() -> Atoms:
    places = [(0, 0, 0), (0.5, 0, 0.5), (0, 0.5, 0.5), (0.5, 0.5, 0.263), (0.5, 0.5, 0.737), (0, 0, 0.5)]
    return Atoms("KV2Se2O", cell=[3.95, 3.95, 7.30], pbc=True, scaled_positions=places)


def _septuple() -> Atoms:
    """Around z = 0: in the middle of the cell the centres would sit on the branch cut of Im ln M."""
    A, B, C, height = (0, 0), (1 / 3, 2 / 3), (2 / 3, 1 / 3), 24.0
    heights = [(A, 0), (B, 1.597), (C, -1.597), (C, 3.762), (B, -3.762), (A, 5.503), (A, -5.503)]
    cell = [[4.33, 0, 0], [-4.33 / 2, 4.33 * 0.75**0.5, 0], [0, 0, height]]
    return Atoms("MnTe2Bi2Te2", cell=cell, pbc=True, scaled_positions=[(*place, z / height) for place, z in heights])


MATERIALS = {
    "Fe": PawMaterial(
        atoms=bulk("Fe", "bcc", a=2.87),
        shells={"Fe": "4s 4p 3d"},
        valence=8,
        bands=38,
        frozen=5.0,
        samplings={"test": Sampling(340, (4, 4, 4)), "production": Sampling(600, (8, 8, 8))},
        moments=(2.2,),
        wide=(0, 1),
        responses=("spin_hall", "magnetic_spin_hall"),
    ),
    "Pt": PawMaterial(
        atoms=bulk("Pt", "fcc", a=3.92),
        shells={"Pt": "6s 6p 5d"},
        valence=10,
        bands=28,
        frozen=5.0,
        samplings={"test": Sampling(340, (4, 4, 4)), "production": Sampling(600, (8, 8, 8))},
        wide=(0, 1),
    ),
    "KV2Se2O": PawMaterial(
        atoms=_altermagnet(),
        shells={"V": "3d", "Se": "4p", "O": "2p"},
        valence=23,
        bands=25,
        frozen=2.0,
        outer=6.1,
        samplings={"test": Sampling(340, (4, 4, 2)), "production": Sampling(400, (8, 8, 4))},
        spinors=False,
        moments=(0, 2, -2, 0, 0, 0),
        width=0.03,
        responses=("magnetic_spin_hall", "spin_hall"),
    ),
    "MnBi2Te4": PawMaterial(
        atoms=_septuple(),
        shells={"Mn": "3d", "Te": "5p", "Bi": "6p"},
        valence=29,
        bands=60,
        frozen=1.8,
        outer=5.1,
        samplings={"test": Sampling(280, (4, 4, 1)), "production": Sampling(330, (8, 8, 1))},
        moments=(4.6, 0, 0, 0, 0, 0, 0),
        width=0.02,
        vacuum="c",
        responses=("spin_hall", "magnetic_spin_hall"),
        options={"setups": {"Mn": ":d,4.0"}},
    ),
}
