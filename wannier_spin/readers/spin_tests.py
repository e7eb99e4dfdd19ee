"""Are these the spin matrices of these states, and are they Pauli matrices? A test proves its fault, or says what it cannot tell.

states      sigma commutes with exp(i b.r): <u_k|sigma|u_k> M(k,b) = M(k,b) <u_k+b|sigma|u_k+b> but for bands that the files
lack. Phases, order of k-points and conjugation break this; sign, size and names of the components do not.
size        some state of the files is a pure spinor, so that the largest eigenvalue of each component is 1
handedness  Im sum_abc eps_abc Tr(sigma_a sigma_b sigma_c) > 0: an odd number of reversed components, or two exchanged, make
it negative. A rotation of all three does not change it: only the crystal (`check --structure`) can tell that.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from wannier_spin.readers.bloch_data import BlochData
from wannier_spin.readers.fitness import Check, passed_or_not, untested

COMMUTATOR_TOLERANCE = 0.4  # relative, of one k-point. Right files: 0.13 and below; of another run or order: 0.8 and above
SIZE_TOLERANCE = 0.02  # of the largest eigenvalue. Right files: 1e-4 and below
HANDEDNESS = 0.3  # relative to right Pauli matrices; right files: 0.95 and above
EVEN_BANDS = 2e-3  # eV: T or P is a symmetry of the bands at the mesh points
GROUP = 5e-3  # eV: bands closer than that are one level, within which a run may choose any states
EVEN_SPIN = 0.05  # of |sigma_NN|^2, which is equal at k and -k if E(k) = E(-k)
COMPONENTS = ("s_x", "s_y", "s_z")

ODD_COMPONENTS = (
    "one component (or all three) has the wrong sign, or two are exchanged: the algebra does not tell which, wannier-spin check "
    "--structure does where the crystal can; some interfaces write s_y with the wrong sign (VASP2WAN90 is known for it)"
)


def check_spin_matrices(data: BlochData) -> list[Check]:
    """The tests that `.spn` allows together with `.mmn` and `.chk`; nothing without spin matrices."""
    if data.spin is None:
        return []
    name, expected = "spin matrices of these states", f"sigma M = M sigma' to {COMMUTATOR_TOLERANCE} between neighbouring k-points"
    if data.checkpoint.n_k < 2:
        return [untested(name, "one k-point has no neighbours", expected), *size_and_handedness(np.moveaxis(data.spin, -1, 1))]
    misfit, spin = commutator(data, data.spin), data.spin
    value = f"{misfit.max():.3f} at most, {np.median(misfit):.3f} typically"
    wrong, advice = misfit > COMMUTATOR_TOLERANCE, ""
    if wrong.any():
        value += f"; {int(wrong.sum())} of {len(wrong)} k-points, the first is {int(wrong.argmax()) + 1}"
        if commutator(data, spin.conj()).max() < COMMUTATOR_TOLERANCE:
            spin = spin.conj()
            advice = "its matrices are complex conjugated (or transposed): conjugated they fit; write them as <m|sigma|n>, m <= n"
        else:
            advice = _cause(data, wrong)
    states = passed_or_not(name, not wrong.any(), value, expected, f"'{data.paths['spn']}': {advice}", certain=True)
    return [states, *size_and_handedness(np.moveaxis(spin, -1, 1))]


def commutator(data: BlochData, spin: NDArray[np.complex128]) -> NDArray[np.float64]:
    """|sigma M - M sigma'| / sqrt(|sigma M|^2 + |M sigma'|^2) of each k-point (k,), in the Wannier space; 1 if unrelated."""
    V, to = data.checkpoint.V, data.overlaps.neighbours
    bra = V.conj().swapaxes(1, 2)
    sigma = [bra @ spin[..., a] @ V for a in range(3)]
    difference, size = np.zeros(len(V)), np.zeros(len(V))
    for b in range(to.shape[1]):
        M = bra @ data.overlaps.matrices[:, b] @ V[to[:, b]]
        for s in sigma:
            left, right = s @ M, M @ s[to[:, b]]
            difference += np.linalg.norm(left - right, axis=(1, 2)) ** 2
            size += np.linalg.norm(left, axis=(1, 2)) ** 2 + np.linalg.norm(right, axis=(1, 2)) ** 2
    return np.asarray(np.sqrt(difference / np.where(size > 0, size, 1.0)))


def _cause(data: BlochData, wrong: NDArray[np.bool_]) -> str:
    """What makes the matrices fit after all, or what is left. wrong (k,): where they do not."""
    assert data.spin is not None
    for order, words in _orders(data):
        if commutator(data, data.spin[order]).max() < COMMUTATOR_TOLERANCE:
            return (
                f"its k-points run over the mesh in another order ({words}): reordered they fit; write it with the k-points of .chk"
            )
    if not wrong.mean() > 0.9:
        return "only some k-points do not fit: their matrices are exchanged, damaged, or of another run; rerun pw2wannier90.x"
    rerun = "take .spn and .mmn from one pw2wannier90 run on one nscf run"
    if (even := _even_spin(data)) is None:
        return (
            "its states have other phases (another nscf run), or its k-points are in another order: without E(k) = E(-k) these "
            f"files do not tell which; {rerun}"
        )
    if even < EVEN_SPIN:
        return (
            "its states have other phases, or are other states within degenerate levels, than those of .mmn and .chk, as those of "
            f"another nscf run do (what does not depend on that, |sigma| within levels at k and -k, fits the energies); {rerun}"
        )
    return (
        "its k-points are in another order, or it is of another crystal: |sigma|^2 within levels of one energy at k and -k differs "
        f"by {even:.2f}; {rerun}, with the k-points of .chk"
    )


def _orders(data: BlochData) -> list[tuple[NDArray[np.int64], str]]:
    """Other ways to run over the mesh that programs use: which axis is slowest."""
    mesh, axes = data.checkpoint.mesh, "abc"
    k = np.rint(data.checkpoint.kpoints * mesh).astype(np.int64)
    found = []
    starts = (np.zeros(3, np.int64), -((mesh - 1) // 2))
    for order, start in itertools.product(itertools.permutations(range(3)), starts):
        sorted_by = np.lexsort(((k - start) % mesh).T[list(order[::-1])])  # the first of the order is the slowest
        place = np.argsort(sorted_by)
        if (place != np.arange(len(place))).any():
            found += [(place, f"{axes[order[0]]} slowest, {axes[order[2]]} fastest"), (sorted_by, f"not {axes[order[0]]} slowest")]
    return found


def _even_spin(data: BlochData) -> float | None:
    """Largest difference of |sigma_NN|^2 per state between k and -k, N a level; None where E(k) = E(-k) does not hold."""
    assert data.spin is not None
    mesh, e = data.checkpoint.mesh, data.energies
    steps = np.rint(data.checkpoint.kpoints * mesh).astype(np.int64) % mesh
    index = {tuple(step): k for k, step in enumerate(steps.tolist())}
    opposite = np.array([index[tuple(step)] for step in (-steps % mesh).tolist()])
    if np.abs(e - e[opposite]).max() > EVEN_BANDS:
        return None
    level = np.cumsum(np.diff(e, axis=1, prepend=e[:, :1]) > GROUP, axis=1)
    same = level[:, :, None] == level[:, None, :]
    weight = np.where(same[..., None], np.abs(data.spin) ** 2, 0.0).sum(axis=2)  # (k, band, a)
    weight = np.einsum("kmn,kna->kma", same / same.sum(axis=2, keepdims=True), weight)
    within = slice(0, max(1, e.shape[1] - 2))  # the last levels may be cut
    return float(np.sqrt(np.mean((weight - weight[opposite])[:, within] ** 2)) / max(np.sqrt(np.mean(weight**2)), 1e-12))


# --- Pauli matrices? ------------------------------------------------------------------------------------------------


def size_and_handedness(S: NDArray[np.complex128]) -> list[Check]:
    """Of spin matrices S (k, a, n, n) between any states."""
    largest = np.abs(np.linalg.eigvalsh(S)).max(axis=(0, 2))
    overlap = np.einsum("kaij,kbji->ab", S, S, optimize=True).real
    size = np.sqrt(np.diag(overlap))
    if size.min() < 1e-3 * max(size.max(), 1e-12):
        missing = " and ".join(name for name, s in zip(COMPONENTS, size, strict=True) if s < 1e-3 * max(size.max(), 1e-12))
        return [
            passed_or_not(
                "size of spin", False, f"{missing} vanishes", "three components", "the file is empty of spin", certain=True
            )
        ]
    cosines = np.abs(overlap / np.outer(size, size) - np.eye(3))
    if cosines.max() > 0.5:
        a, b = np.unravel_index(int(cosines.argmax()), (3, 3))
        value, advice = f"{COMPONENTS[a]} and {COMPONENTS[b]} are alike ({cosines.max():.2f})", "a component was written twice"
        return [passed_or_not("size of spin", False, value, "independent components", advice, certain=True)]
    return [_size(largest, S), _handedness(S)]


def product(S: NDArray[np.complex128]) -> float:
    """Im Tr([s_x, s_y] s_z) / 2 Tr s_z^2 of S (k, 3, n, n): the factor in [s_x, s_y] = 2i c s_z; 1 for Pauli matrices."""
    x, y, z = S[:, 0], S[:, 1], S[:, 2]
    return float(np.einsum("kij,kji->", x @ y - y @ x, z).imag / (2 * np.linalg.norm(z) ** 2))


def _size(largest: NDArray[np.float64], S: NDArray[np.complex128]) -> Check:
    name, expected = "size of spin", "largest eigenvalue of each component 1"
    value = ", ".join(f"{component} {x:.4f}" for component, x in zip(COMPONENTS, largest, strict=True))
    if largest.min() > 1 - SIZE_TOLERANCE:
        return passed_or_not(name, True, value, expected, "")
    equal, scale = np.ptp(largest) < SIZE_TOLERANCE * largest.max(), float(largest.mean())
    if not equal:
        return passed_or_not(
            name, False, value, expected, "components differ in size: one of them was scaled, or few bands are in the files"
        )
    if abs(abs(product(S)) / scale - 1) > 0.1:
        advice = "the bands of the files hold no pure spinor, or the matrices were scaled: the algebra does not tell"
        return passed_or_not(name, False, value, expected, advice)
    if abs(scale - 0.5) < SIZE_TOLERANCE:
        advice = "they are spins in units of hbar, sigma/2, and Pauli matrices are wanted: multiply by 2"
    else:
        advice = f"the algebra closes for matrices larger by 1/{scale:.3f}: they were scaled"
    return passed_or_not(name, False, value, expected, advice, certain=True)


def _handedness(S: NDArray[np.complex128]) -> Check:
    x, y, z = (np.linalg.norm(S[:, a]) for a in range(3))
    states = len(S) * S.shape[-1]
    # product(S) z^2 is Im Tr [x, y] z / 2; of Pauli matrices on the same states, whose norms would be sqrt(states), it is `states`
    found = product(S) * z**2 / (x * y * z) * np.sqrt(states)
    value, expected = f"{found:.3f}", "near 1; -1 for a left-handed set"
    if abs(found) < HANDEDNESS:
        return passed_or_not("handedness of spin", False, value, expected, "the states are far from closed under spin")
    return passed_or_not("handedness of spin", found > 0, value, expected, ODD_COMPONENTS, certain=True)
