"""Pure spinors: Wannier functions that are up or down times an orbital, in which order, and whether they are that at all.

Without spin matrices the order ("interleaved": up and down alternate; "blocks": all up, then all down) is a claim. The
Hamiltonian bears on it: in the right order it commutes with one component of the spin, and with T = sigma_y K, but for
spin-orbit coupling and exchange; in the wrong one spins are exchanged between orbitals, and it does neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import home
from wannier_spin.readers.fitness import Check, passed_or_not, untested
from wannier_spin.readers.win import WinFile

Spin = Literal["interleaved", "blocks", "files", "auto"]
Order = Literal["interleaved", "blocks"]
ORDERS: tuple[Order, Order] = ("interleaved", "blocks")
DECISIVE = 3.0  # how many times smaller the violation of the right order must be. Pt, Fe, GaAs, Mn2Au: 5 and more; MnBi2Te4: 2.3
NOTICED = 0.05  # a violation below this is not held against an order
NO_SPINORS = 0.35  # relative; right orders: 0.27 and below (a strong Rashba model), 0.18 (MnBi2Te4), 0.04 (Mn2Au)

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
"""sigma_a, shape (a, 2, 2)."""


def check_spin(spin: str | None) -> None:
    """Raise InputError unless this is a choice that the readers know."""
    if spin not in (None, "interleaved", "blocks", "files", "auto"):
        raise InputError(f"spin = '{spin}', expected None, 'interleaved', 'blocks', 'auto' or 'files'")


def is_pure(spin: str | None) -> TypeGuard[Literal["interleaved", "blocks", "auto"]]:
    """Whether the spin matrices are to be made instead of read."""
    return spin in (*ORDERS, "auto")


def refuse_without_spinors(win: WinFile | None, spin: str | None) -> None:
    """Raise InputError where pure spinors are asked for and `.win` is of a run whose Wannier functions have no spin.

    A `.win` without k-points is no input of a run but gives the cell to a model; it says nothing.
    """
    if win is None or not is_pure(spin):
        return
    spinors = win.flag("spinors")
    if spinors or (spinors is None and "spin" not in win.keywords and not ("kpoints" in win.blocks or "mp_grid" in win.keywords)):
        return
    given = "false" if spinors is False else "not set, which means false"
    found = f"spin = {win.keywords['spin']}" if "spin" in win.keywords else f"spinors {given}"
    raise InputError(
        f"'{win.path}' has {found}: the Wannier functions of this run have no spin index, and spin = '{spin}' would make up a spin "
        "for pairs of orbitals. For a run with spin-orbit coupling whose .win lacks it, set spinors = true; two collinear runs, up "
        "and down, are read by read_collinear, or seedname = { up = ..., down = ... } in an input file; without either there are "
        "no spin responses"
    )


def pure_spinors(R_vectors: NDArray[np.int64], n: int, order: Order, path: Path) -> NDArray[np.complex128]:
    """sigma (R, n, n, 3) at R = 0 only, for Wannier functions that are up or down times an orbital.

    Raises InputError if n is odd.
    """
    _check_even(n, order, path)
    spin = np.zeros((len(R_vectors), n, n, 3), complex)
    spin[home(R_vectors)] = np.moveaxis(_sigma(n, order), 0, -1)
    return spin


def _check_even(n: int, order: str, path: Path) -> None:
    if n % 2:
        raise InputError(f"'{path}' has {n} Wannier functions; spin = '{order}' pairs them up and needs an even number")


def _sigma(n: int, order: Order) -> NDArray[np.complex128]:
    """(a, n, n)."""
    orbitals = np.eye(n // 2)
    return np.array([np.kron(orbitals, s) if order == "interleaved" else np.kron(s, orbitals) for s in PAULI])


def violation(hamiltonian_R: NDArray[np.complex128], order: Order) -> float:
    """How far H (R, n, n) is from commuting with sigma_y K or with one component of the spin, the smaller, relative to |H|.

    Both are zero without spin-orbit coupling and exchange; 1 if H changes its sign, resp. anticommutes.
    """
    sigma = _sigma(hamiltonian_R.shape[-1], order)
    H = hamiltonian_R.reshape(-1, *hamiltonian_R.shape[-2:])
    size = float(np.linalg.norm(H)) or 1.0
    reversed_H = sigma[1] @ H.conj() @ sigma[1]
    commutators = [(H @ s - s @ H).ravel() for s in sigma]
    squares = np.array([[np.vdot(a, b).real for b in commutators] for a in commutators])
    along_axis = np.sqrt(max(0.0, float(np.linalg.eigvalsh(squares)[0])))
    return min(float(np.linalg.norm(H - reversed_H)), float(along_axis)) / (2 * size)


def _compared(hamiltonian_R: NDArray[np.complex128]) -> tuple[dict[Order, float], Order, bool]:
    """The violation of each order, the order of the smaller one, and whether that decides."""
    found = {order: violation(hamiltonian_R, order) for order in ORDERS}
    better, worse = sorted(ORDERS, key=lambda order: found[order])
    return found, better, found[worse] > max(NOTICED, DECISIVE * found[better])


def order_or(hamiltonian_R: NDArray[np.complex128], spin: Spin | None, otherwise: Order) -> Order:
    """The order that is said, else the one that H (R, n, n), n even, decides for, else this one."""
    if spin == "interleaved" or spin == "blocks":
        return spin
    _, better, decided = _compared(hamiltonian_R)
    return better if decided else otherwise


def chosen_order(hamiltonian_R: NDArray[np.complex128], spin: Spin, path: Path) -> tuple[Order, Check]:
    """The order that is asked for, or with "auto" the one that the Hamiltonian (R, n, n), eV, decides for; and the test of it.

    Raises InputError: an odd number of functions, an order that the Hamiltonian contradicts, no decision with "auto".
    """
    n = hamiltonian_R.shape[-1]
    _check_even(n, spin, path)
    found, better, decided = _compared(hamiltonian_R)
    value = ", ".join(f"{order} {x:.3f}" for order, x in found.items()) + " from commuting with T or a component of the spin"
    name, expected = "order of spinors", "the order that commutes better"
    if spin == "auto":
        if n > 2 and not decided:
            raise InputError(
                f"'{path}': spin = 'auto', and the Hamiltonian does not tell the order of its spinors ({value}); say 'interleaved' "
                "(up and down alternate, Wannier90 3) or 'blocks' (all up first)"
            )
        return better, passed_or_not(name, True, value, expected, "")
    order: Order = "blocks" if spin == "blocks" else "interleaved"
    if decided and order != better:
        raise InputError(
            f"'{path}': spin = '{order}' contradicts the Hamiltonian ({value}): in the order '{better}' its spins hardly mix, in "
            f"this one they are exchanged between orbitals; say spin = '{better}', or 'auto'"
        )
    if found[better] > NO_SPINORS:
        advice = "in neither order the functions look like up-down pairs: perhaps they are no pure spinors; give .spn"
        return order, passed_or_not(name, False, value, f"below {NO_SPINORS}", advice)
    if not decided:
        return order, untested(name, f"{value}: the Hamiltonian does not tell", expected)
    return order, passed_or_not(name, True, value, expected, "")
