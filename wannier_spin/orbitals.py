"""What each Wannier function is, where that is known: a real spherical harmonic times a spin, on a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError

SpinOrder = Literal["interleaved", "blocks"]

# Names in Wannier90's order: place in the list = its `mr` - 1.
HARMONICS: dict[int, tuple[str, ...]] = {
    0: ("s",),
    1: ("pz", "px", "py"),
    2: ("dz2", "dxz", "dyz", "dx2-y2", "dxy"),
    3: ("fz3", "fxz2", "fyz2", "fz(x2-y2)", "fxyz", "fx(x2-3y2)", "fy(3x2-y2)"),
}


@dataclass(frozen=True)
class Orbitals:
    """One entry per Wannier function, in the order of the model.

    positions (i, 3) reduced, of the sites; site (n,) index into them; l, m (n,): angular momentum, place in
    `HARMONICS[l]`; spin (n,): 0 up, 1 down along z. Several functions of a site may have the same l, m and spin: those
    are told apart by their order.

    Raises
    ------
    InputError : wrong shapes, an unknown harmonic, a function without its partner of the other spin.
    """

    positions: NDArray[np.float64]
    site: NDArray[np.int64]
    l: NDArray[np.int64]
    m: NDArray[np.int64]
    spin: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", np.atleast_2d(np.asarray(self.positions, float)))
        for key in ("site", "l", "m", "spin"):
            object.__setattr__(self, key, np.asarray(getattr(self, key), np.int64))
        n = len(self.site)
        if not n or {self.l.shape, self.m.shape, self.spin.shape} != {(n,)}:
            raise InputError("site, l, m and spin of the orbitals must be lists of the same length, one entry per function")
        if self.positions.shape[1] != 3 or set(self.site.tolist()) != set(range(len(self.positions))):
            raise InputError(
                f"{len(self.positions)} positions were given: every one must be the site of some orbital, and no other"
            )
        for l, m in zip(self.l.tolist(), self.m.tolist(), strict=True):
            if l not in HARMONICS or not 0 <= m < len(HARMONICS[l]):
                raise InputError(f"there is no harmonic l = {l}, m = {m}; l is 0 to 3, m 0 to 2 l")
        if not np.isin(self.spin, (0, 1)).all() or self._rows(0) != self._rows(1):
            raise InputError("every orbital must be there with spin up and spin down")

    def __len__(self) -> int:
        return len(self.site)

    @property
    def copy(self) -> NDArray[np.int64]:
        """(n,): how many functions of the same site, l, m and spin came before."""
        seen: dict[tuple[int, ...], int] = {}
        count = []
        for key in zip(*(x.tolist() for x in (self.site, self.l, self.m, self.spin)), strict=True):
            count.append(seen.get(key, 0))
            seen[key] = count[-1] + 1
        return np.array(count)

    def _rows(self, spin: int) -> list[tuple[int, ...]]:
        chosen = self.spin == spin
        return sorted(zip(self.site[chosen].tolist(), self.l[chosen].tolist(), self.m[chosen].tolist(), strict=True))

    def names(self) -> list[str]:
        """For instance "1 dxy up": site (from 1), harmonic, spin."""
        table = zip(self.site.tolist(), self.l.tolist(), self.m.tolist(), self.spin.tolist(), strict=True)
        return [f"{site + 1} {HARMONICS[l][m]} {('up', 'down')[s]}" for site, l, m, s in table]


def with_spin(positions: NDArray[np.float64], spatial: list[tuple[int, int, int]], order: SpinOrder = "interleaved") -> Orbitals:
    """Orbitals from site, l, m, each with spin up and down: alternating, or all up before all down.

    positions : (site, 3) reduced, see `Orbitals`.
    """
    table = np.array(spatial, np.int64).reshape(-1, 3)
    spins = np.arange(2)
    n = len(table)
    rows, spin = (np.tile(table, (2, 1)), np.repeat(spins, n)) if order == "blocks" else (np.repeat(table, 2, 0), np.tile(spins, n))
    return Orbitals(positions, rows[:, 0], rows[:, 1], rows[:, 2], spin)
