"""A small run of Wannier90 made here: three orbitals with spin on 4 x 3 x 2 k-points, one more pair of bands above, which the
Wannier functions leave out; and its files, as the programs write them.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.readers.bloch_data import BlochData
from wannier_spin.readers.checkpoint import Checkpoint
from wannier_spin.readers.wannier90_files import Overlaps
from wannier_spin.readers.win import WinFile

MESH = np.array([4, 3, 2])
LATTICE = np.diag([2.5, 3.0, 4.0])
PLACES = np.array([[0.1, 0.2, 0.3], [1.0, -0.4, 0.2], [0.3, 1.1, -0.6]])
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
N = 6


def hamiltonian(k: np.ndarray) -> np.ndarray:
    """(k, 6, 6): random hoppings to neighbours, spin-orbit coupling odd in k, an exchange field; no symmetry of its own."""
    rng = np.random.default_rng(5)
    H = np.zeros((len(k), N, N), complex)
    for step, size in (((0, 0, 0), 1.0), ((1, 0, 0), 0.5), ((0, 1, 0), 0.4), ((0, 0, 1), 0.3)):
        t = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)) * (step != (0, 0, 0))
        spin = np.einsum("a,aij->ij", 0.2 * rng.normal(size=3), PAULI)
        block = size * (np.kron(t, np.eye(2)) + 1j * np.kron(np.eye(3), spin)) * np.exp(2j * np.pi * k @ step)[:, None, None]
        H += block + block.conj().swapaxes(1, 2)
    return H + 0.3 * np.kron(np.eye(3), PAULI[2])


def a_run() -> BlochData:
    k = np.indices(MESH).reshape(3, -1).T / MESH
    rng = np.random.default_rng(8)
    energies, states = np.linalg.eigh(hamiltonian(k))
    own = np.einsum("i,kin->kn", [0.3, 0.7, 1.1, 0.9, 1.3, 0.5], states)  # phases that every library has its own of
    states = states / np.exp(1j * np.angle(own[:, None])) * np.exp(2j * np.pi * rng.random((len(k), 1, N)))
    steps = np.concatenate([np.eye(3), -np.eye(3)]).astype(int)
    to = np.array([[_index((p * MESH).round().astype(int) + s) for s in steps] for p in k])
    G = np.rint(k[:, None] + steps / MESH - k[to]).astype(np.int64)
    phase = np.exp(-1j * (steps / MESH @ (2 * np.pi * np.linalg.inv(LATTICE).T)) @ np.repeat(PLACES, 2, axis=0).T)  # (b, i)
    M = np.einsum("kim,bi,kbin->kbmn", states.conj(), phase, states[to])
    spin = np.einsum("kim,aij,kjn->kmna", states.conj(), np.kron(np.eye(3), PAULI), states)
    V = np.concatenate([states.conj().swapaxes(1, 2), np.zeros((len(k), 2, N))], axis=1)
    recorded = np.zeros((len(k), len(steps), N, N), complex)
    recorded[:] = [np.diag(one) for one in phase]
    chk = Checkpoint(
        LATTICE, MESH, k, V, np.repeat(PLACES, 2, axis=0), False, recorded, (), np.ones((len(k), N + 2), bool), np.full(N, 1.5)
    )
    win = WinFile(
        Path("x.win"),
        {"num_wann": "6", "dis_froz_max": "5.5", "dis_win_max": "9.0"},
        {"unit_cell_cart": [row_of(v) for v in LATTICE]},
    )
    above = np.linspace(6, 6.4, len(k))[:, None] + [0, 0.5]
    paths = {kind: Path(f"x.{kind}") for kind in ("chk", "eig", "mmn", "spn", "win")}
    return BlochData(
        chk,
        np.concatenate([energies, above], axis=1),
        Overlaps(_two_more(M), to, G),
        _two_more(spin.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1),
        win,
        paths,
    )


def row_of(vector: np.ndarray) -> str:
    return " ".join(f"{x:.8f}" for x in vector)


def _index(step: np.ndarray) -> int:
    return int(np.ravel_multi_index(tuple(step % MESH), tuple(MESH)))


def _two_more(blocks: np.ndarray) -> np.ndarray:
    """(..., n, n) -> (..., n + 2, n + 2): two states that nothing else has a part of."""
    out = np.zeros((*blocks.shape[:-2], N + 2, N + 2), complex)
    out[..., :N, :N] = blocks
    if blocks.shape[1] == 3:
        out[..., N:, N:] = PAULI
    else:
        out[..., [N, N + 1], [N, N + 1]] = 1.0
    return out


# --- files -------------------------------------------------------------------------------------------------------------

Records = list[str | NDArray[np.generic]]


def chk_records(chk: Checkpoint, n_b: int) -> Records:
    """With disentanglement where there are more bands than functions."""
    n_k, n_bands, n = chk.V.shape
    window = np.ones((n_k, n_bands), bool) if chk.window is None else chk.window
    u_opt = np.zeros((n_k, n, n_bands), complex)
    for k, inside in enumerate(window):
        u_opt[k, :, : inside.sum()] = chk.V[k, inside].T
    opt: Records = [np.array([1.5]), window.astype(np.int32), window.sum(axis=1).astype(np.int32), u_opt]
    recorded = np.zeros((n_k, n_b, n, n), complex) if chk.overlaps is None else chk.overlaps
    head: Records = [_int(n_bands), _int(len(chk.excluded)), np.array(chk.excluded, np.int32)]
    head += [chk.lattice.T, 2 * np.pi * np.linalg.inv(chk.lattice), _int(n_k), chk.mesh.astype(np.int32)]
    head += [chk.kpoints, _int(n_b), _int(n), "postwann", _int(n_bands > n), *(opt if n_bands > n else [])]
    u = np.tile(np.eye(n, dtype=complex), (n_k, 1, 1)) if n_bands > n else chk.V.swapaxes(1, 2)
    return ["head", *head, u, recorded.swapaxes(2, 3), chk.centres, np.ones(n) if chk.spreads is None else chk.spreads]


def spn_records(spin: NDArray[np.complex128]) -> Records:
    """(k, m, n, 3)."""
    row, column = np.tril_indices(spin.shape[1])
    return ["head", np.array([spin.shape[1], len(spin)], np.int32), *(one[column, row] for one in spin)]


def neighbour_records(matrices: NDArray[np.complex128]) -> Records:
    """Of .sIu and .sHu: (k, b, m, n, 3)."""
    n_k, n_b, n = matrices.shape[:3]
    parts = matrices.transpose(0, 1, 4, 2, 3).reshape(-1, n, n)
    return ["head", np.array([n, n_k, n_b], np.int32), *parts]


def _int(value: int) -> NDArray[np.int32]:
    return np.array([value], np.int32)


def unformatted(records: Records, order: str = "<", width: int = 4, integers: int = 4) -> bytes:
    """order : of bytes; width : of the markers; integers : bytes of each."""
    out = b""
    for record in records:
        if isinstance(record, str):
            data = record.ljust(20).encode()
        else:
            kind = {"i": f"i{integers}", "f": "f8", "c": "c16"}[record.dtype.kind]
            data = record.astype(order + kind).tobytes()
        marker = len(data).to_bytes(width, "little" if order == "<" else "big")
        out += marker + data + marker
    return out


def formatted(records: Records) -> str:
    lines = []
    for record in records:
        if isinstance(record, str):
            lines.append(record)
        elif record.dtype.kind == "c":
            lines += [f"{x.real:.17e} {x.imag:.17e}" for x in record.ravel()]
        else:
            lines.append(" ".join(f"{x:d}" if record.dtype.kind == "i" else f"{x:.17e}" for x in record.ravel()))
    return "\n".join(lines) + "\n"


def eig_text(energies: NDArray[np.float64]) -> str:
    """(k, band)."""
    return "".join(f"{n + 1} {k + 1} {e:.14f}\n" for k, one in enumerate(energies) for n, e in enumerate(one))


def mmn_text(overlaps: Overlaps) -> str:
    n_k, n_b, n = overlaps.matrices.shape[:3]
    lines = ["head", f"{n} {n_k} {n_b}"]
    for k, b in np.ndindex(n_k, n_b):
        lines.append(f"{k + 1} {overlaps.neighbours[k, b] + 1} {' '.join(map(str, overlaps.G[k, b]))}")
        lines += [f"{x.real:.16f} {x.imag:.16f}" for x in overlaps.matrices[k, b].T.ravel()]
    return "\n".join(lines) + "\n"


def win_text(win: WinFile) -> str:
    blocks = (f"begin {name}\n" + "\n".join(rows) + f"\nend {name}\n" for name, rows in win.blocks.items())
    return "".join(f"{key} = {value}\n" for key, value in win.keywords.items()) + "".join(blocks)
