"""Overlaps, projections and spins of PAW states, and the files that Wannier90 and we read. Needs nothing but numpy and scipy.

The true state of a PAW calculation is |psi> = T|psi~>, so that

    <psi_m,k| exp(-i b.r) |psi_n,k+b> = <psi~_m| exp(-i b.r) |psi~_n> + sum_a exp(-i b.R_a) sum_ij P_mi^* dO_ij P_nj

up to the change of exp(-i b.r) inside of an augmentation sphere. b.R_a must be in it: without that phase functions on atoms away
from the origin come out far too wide. Spinors are sums of the bands of both channels, psi_m = sum_sn v_msn |s,n>.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import FortranFile

GAUSSIANS = {-1: None, -2: 2, -3: 0, -4: 1}  # in place of projectors: s, and z, x, y times it, by their axis
WIDTH = 0.8  # angstrom
ORDER = {0: (0,), 1: (1, 2, 0), 2: (2, 3, 1, 4, 0)}  # of m = -l ... l, as Wannier90 has them: s; z, x, y; z2, xz, yz, x2-y2, xy
LETTERS = "spd"


@dataclass(frozen=True)
class Crystal:
    """grid (g,3) : points of the real-space grid, reduced. element : volume of one. positions (a,3) : of the atoms, reduced.

    cell (3,3) : vectors in rows, angstrom. augmentation : dO (i,i) of each atom.
    """

    grid: np.ndarray
    element: float
    positions: np.ndarray
    cell: np.ndarray
    augmentation: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Channel:
    """One spin channel at a k-point: periodic parts (n,g), and of each atom the projections <p_i|psi~_n> (n,i)."""

    periodic: np.ndarray
    projections: tuple[np.ndarray, ...]


def overlap(crystal: Crystal, left: Channel, right: Channel, b: np.ndarray, G: np.ndarray) -> np.ndarray:
    """<u_m,k|u_n,k+b> (m,n). b : reduced; the point that `right` belongs to is k + b - G."""
    shifted = right.periodic * np.exp(-2j * np.pi * (crystal.grid @ G))
    M = (left.periodic.conj() @ shifted.T).astype(complex) * crystal.element
    for P, dO, Q, position in zip(left.projections, crystal.augmentation, right.projections, crystal.positions, strict=True):
        M += P.conj() @ dO @ Q.T * np.exp(-2j * np.pi * (b @ position))
    return M


def spinor_overlap(blocks: Sequence[np.ndarray], left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of spinors v (m,s,n), from the overlaps of the two channels."""
    return sum(left[:, s].conj() @ block @ right[:, s].T for s, block in enumerate(blocks))


def spin_matrices(crystal: Crystal, channels: Sequence[Channel], v: np.ndarray) -> np.ndarray:
    """<psi_m|sigma_c|psi_n> (c,m,n) of spinors v (m,s,n)."""
    none = np.zeros(3)

    def between(s: int, t: int) -> np.ndarray:
        return v[:, s].conj() @ overlap(crystal, channels[s], channels[t], none, none) @ v[:, t].T

    up_down = between(0, 1)
    return np.stack([up_down + up_down.conj().T, -1j * up_down + 1j * up_down.conj().T, between(0, 0) - between(1, 1)])


def functions(
    shells: Sequence[tuple[int, int, int]], partial_waves: Sequence[Sequence[tuple[int, int]]], wide: Sequence[int] = ()
) -> list[tuple[int, int]]:
    """(atom, number of the projector) of each trial function, in the order of Wannier90, or a key of GAUSSIANS.

    shells : (atom, n, l). wide : those l of which Gaussians are taken: functions on projectors of 4s and 4p of iron come out 13 and
    0.4 angstrom^2 wide, at the wrong energies. partial_waves : (n, l) of the partial waves of each atom.
    Raises ValueError for a shell that an atom does not have.
    """
    found = []
    for atom, n, l in shells:
        if (n, l) not in partial_waves[atom]:
            raise ValueError(f"atom {atom + 1} has no partial wave {n}{LETTERS[l]}, only {list(partial_waves[atom])}")
        first = sum(2 * other + 1 for _, other in partial_waves[atom][: list(partial_waves[atom]).index((n, l))])
        keys = [key for key, axis in GAUSSIANS.items() if (axis is not None) == bool(l)]
        found += [(atom, i) for i in (keys if l in wide else [first + m for m in ORDER[l]])]
    return found


def gaussian(crystal: Crystal, atom: int, axis: int | None, k: np.ndarray) -> np.ndarray:
    """exp(-i k.r) times a Gaussian on the atom (axis: times x, y or z from it) and all its images, on the grid: (g,).

    k : reduced.
    """
    found = np.zeros(len(crystal.grid), complex)
    nearest = crystal.grid - crystal.positions[atom]
    nearest -= np.round(nearest)
    for image in itertools.product((-1, 0, 1), repeat=3):
        d = nearest + image
        r = d @ crystal.cell
        shape = 1.0 if axis is None else r[:, axis]
        found += shape * np.exp(-0.5 * (r**2).sum(axis=1) / WIDTH**2 - 2j * np.pi * (d @ k))
    return found * np.exp(-2j * np.pi * (k @ crystal.positions[atom]))


def amplitudes(
    crystal: Crystal, channels: Sequence[Channel], v: np.ndarray | None, chosen: Sequence[tuple[int, int]], k: np.ndarray
) -> np.ndarray:
    """<psi_m|g_w> (m,w): of spinors v (m,s,n) up and down alternate for each function."""

    def columns(channel: Channel) -> np.ndarray:
        return np.stack([_column(crystal, channel, atom, i, k) for atom, i in chosen], axis=1)

    if v is None:
        (channel,) = channels
        return columns(channel)
    both = [v[:, s].conj() @ columns(channels[s]) for s in (0, 1)]
    return np.stack(both, axis=2).reshape(len(v), -1)


def _column(crystal: Crystal, channel: Channel, atom: int, i: int, k: np.ndarray) -> np.ndarray:
    """<psi~_n|g> (n,)."""
    if i in GAUSSIANS:
        return channel.periodic.conj() @ gaussian(crystal, atom, GAUSSIANS[i], k) * crystal.element
    return channel.projections[atom][:, i].conj()


def neighbours(nnkp: str) -> list[tuple[int, int, np.ndarray]]:
    """(k, k', G) from 0, of the file that `wannier90.x -pp` writes."""
    rows = nnkp.partition("begin nnkpts")[2].partition("end nnkpts")[0].split("\n")
    numbers = [[int(x) for x in row.split()] for row in rows[2:] if row.strip()]
    return [(k - 1, other - 1, np.array(G)) for k, other, *G in numbers]


def write_eig(path: Path, energies: np.ndarray) -> None:
    """Energies (k,n), eV."""
    rows = (f"{n + 1:5d} {k + 1:5d} {e:18.12f}\n" for k, one in enumerate(energies) for n, e in enumerate(one))
    path.write_text("".join(rows))


def write_amn(path: Path, amplitudes: np.ndarray) -> None:
    """(k,m,w)."""
    n_k, n_bands, n_wannier = amplitudes.shape
    with open(path, "w") as file:
        file.write(f"projections on PAW projectors\n{n_bands:10d} {n_k:6d} {n_wannier:6d}\n")
        for k, w, m in np.ndindex(n_k, n_wannier, n_bands):
            a = amplitudes[k, m, w]
            file.write(f"{m + 1:5d} {w + 1:5d} {k + 1:5d} {a.real:18.12f} {a.imag:18.12f}\n")


def write_mmn(path: Path, n_k: int, pairs: Sequence[tuple[int, int, np.ndarray]], overlaps: Iterable[np.ndarray]) -> float:
    """Write them as they come; the largest singular value, which is at most 1 where all is well."""
    largest = 0.0
    with open(path, "w") as file:
        for i, (M, (k, other, G)) in enumerate(zip(overlaps, pairs, strict=True)):
            if not i:
                file.write(f"overlaps of PAW states, with exp(-i b.R_a)\n{len(M):10d} {n_k:6d} {len(pairs) // n_k:6d}\n")
            file.write(f"{k + 1:5d} {other + 1:5d} " + " ".join(f"{g:4d}" for g in G) + "\n")
            file.writelines(f"{x.real:18.12f} {x.imag:18.12f}\n" for x in M.T.ravel())
            largest = max(largest, float(np.linalg.svd(M, compute_uv=False)[0]))
    return largest


def write_spn(path: Path, spins: Sequence[np.ndarray]) -> None:
    """Unformatted, (c,m,n) of each k: the triangle m <= n, its rows running fastest, the three components innermost."""
    with FortranFile(str(path), "w") as file:
        file.write_record(np.frombuffer(b"spins of PAW spinors".ljust(60), dtype="S60"))
        file.write_record(np.array([len(spins[0][0]), len(spins)], "i4"))
        for spin in spins:
            file.write_record(np.ascontiguousarray(_triangle(spin), dtype=complex))


def _triangle(spin: np.ndarray) -> np.ndarray:
    n = np.arange(spin.shape[-1])
    rows = np.concatenate([n[: m + 1] for m in n])
    return spin[:, rows, np.repeat(n, n + 1)].T


def window(energies: np.ndarray) -> float:
    """Top of the outer window (eV): just below the lowest energy of the highest band, so that no multiplet is cut."""
    return float(energies[:, -1].min()) - 0.01


def by_neighbour(
    n_k: int, pairs: Sequence[tuple[int, int, np.ndarray]], kpoints: np.ndarray
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """(k, k', b, G) of every pair. Raises ValueError for a list that is not of these k-points."""
    if len(kpoints) != n_k or {k for k, _, _ in pairs} != set(range(n_k)):
        raise ValueError(
            f"the neighbours are of {len({k for k, _, _ in pairs})} k-points, there are {n_k}: run wannier90.x -pp again"
        )
    for k, other, G in pairs:
        yield k, other, kpoints[other] + G - kpoints[k], G
