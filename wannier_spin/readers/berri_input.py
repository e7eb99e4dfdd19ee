"""From Bloch states to matrices in R space, by wannierberri. Of the readers only this module imports it.

The files are parsed and checked by `wannier90_files`; wannierberri gets its objects in memory, so it never opens a
file, never starts processes and never meets input that it would answer with a traceback. What it does here:

    H(R), S(R)   Fourier sums over the mesh
    A(R)         finite differences of the overlaps with the phases exp(i b.tau) (its "convention I")

and for the spin currents of Qiao and Ryoo, with the same phases, sums over the bands of the files or what .sHu and .sIu hold:

    <0n|sigma X (r - R - tau_m)|Rm>, X = 1 and X = H      finite differences of <u_k|sigma X|u_k+b>

Its A is <0n|r - tau|Rm>; ours is the whole position <0n|r|Rm>, so the centres are added on the diagonal at R = 0.
Which of the replicas R an element belongs to is decided by `wigner_seitz`, as for the text files.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import with_centres
from wannier_spin.readers.bloch_data import mesh_steps
from wannier_spin.readers.checkpoint import Checkpoint
from wannier_spin.readers.wannier90_files import Overlaps, SpinNeighbours
from wannier_spin.readers.wigner_seitz import Ties, fold, with_ties

NAMES = {  # theirs: ours; of two of theirs with one name of ours the later one counts
    **{"Ham": "hamiltonian", "AA": "position", "SS": "spin", "SH": "spin_hamiltonian"},
    **{"SR": "spin_position", "SHR": "spin_hamiltonian_position"},  # sums over bands
    **{"SA": "spin_position", "SHA": "spin_hamiltonian_position"},  # from .sIu and .sHu
}
COARSE = 0.1  # angstrom: wannierberri's tolerance for ties, only for speed, its choice is undone below
SHELL_TOLERANCE = 1e-5  # 1/angstrom: neighbours whose distances differ by less form one shell


@dataclass(frozen=True)
class RMatrices:
    """R_vectors (R, 3); hamiltonian, (R, n, n) eV; position (R, n, n, 3) angstrom; spin (R, n, n, 3) Pauli; spin_position
    (R, n, n, 3, 3) angstrom, spin_hamiltonian_position (R, n, n, 3, 3) eV angstrom, spin_hamiltonian (R, n, n, 3) eV.
    """

    R_vectors: NDArray[np.int64]
    hamiltonian: NDArray[np.complex128]
    position: NDArray[np.complex128]
    spin: NDArray[np.complex128] | None = None
    spin_position: NDArray[np.complex128] | None = None
    spin_hamiltonian_position: NDArray[np.complex128] | None = None
    spin_hamiltonian: NDArray[np.complex128] | None = None
    ties: Ties | None = None

    def hermitian(self) -> dict[str, NDArray[np.complex128]]:
        """The Hermitian matrices (R, n, n, ...) that are there, by name."""
        found = {"hamiltonian": self.hamiltonian, "position": self.position, "spin": self.spin}
        return {key: value for key, value in found.items() if value is not None}


def build(
    checkpoint: Checkpoint,
    energies: NDArray[np.float64],
    overlaps: Overlaps,
    spin: NDArray[np.complex128] | None,
    ws_distance_tolerance: float,
    seed: str,
    spin_current: bool = False,
    neighbours: SpinNeighbours | None = None,
) -> RMatrices:
    """Matrices in R space from a checkpoint, energies (k, band), overlaps and spin matrices (k, m, n, 3).

    spin_current : with those of the spin currents of Qiao and Ryoo, sums over the bands; or, of Ryoo's alone, from `neighbours`.

    Raises InputError, which names the seed and repeats wannierberri's words, for anything wannierberri refuses.
    """
    with quiet():
        try:
            system = _system(checkpoint, energies, overlaps, spin, spin_current, neighbours)
        except ImportError as error:
            raise InputError(
                f"reading '{seed}' from .chk needs wannierberri, and its import failed ({error}); install it with "
                "its companions fortio and numba, or give _tb.dat"
            ) from error
        except Exception as error:  # whatever a third party raises must reach the user as one message
            raise InputError(
                f"'{seed}': wannierberri cannot build the model: {type(error).__name__}: {str(error)[:300]}; "
                "check that .chk, .eig, .mmn and .spn come from the same run"
            ) from error
    return _our_convention(system, checkpoint, ws_distance_tolerance)


def _system(
    checkpoint: Checkpoint,
    energies: NDArray[np.float64],
    overlaps: Overlaps,
    spin: NDArray[np.complex128] | None,
    spin_current: bool,
    spin_neighbours: SpinNeighbours | None,
) -> Any:
    import wannierberri as wb
    from wannierberri.w90files.chk import CheckPoint
    from wannierberri.w90files.eig import EIG
    from wannierberri.w90files.mmn import MMN
    from wannierberri.w90files.spn import SPN
    from wannierberri.w90files.xxu import SHU, SIU

    data = wb.WannierData()
    chk = CheckPoint(
        real_lattice=checkpoint.lattice,
        mp_grid=checkpoint.mesh,
        kpt_red=checkpoint.kpoints,
        v_matrix=checkpoint.V,
        wannier_centers_cart=checkpoint.centres,
    )
    data.set_file("chk", chk)
    neighbours, order = _neighbours(checkpoint, overlaps)
    data.set_file("bkvec", neighbours)
    data.set_file("mmn", MMN(data=_sorted(overlaps.matrices, order)))
    data.set_file("eig", EIG(data=energies))
    if spin is not None:
        data.set_file("spn", SPN(data=spin))
    if spin_neighbours is not None:
        data.set_file("siu", SIU(data=_sorted(spin_neighbours.sIu, order)))
        data.set_file("shu", SHU(data=_sorted(spin_neighbours.sHu, order)))
    sums = spin_current and spin_neighbours is None
    options = {"spin": spin is not None, "SHCqiao": sums, "SHCryoo": spin_neighbours is not None}
    return wb.System_R.from_wannierdata(data, berry=True, ws_dist_tol=COARSE, **options)


def _sorted(matrices: NDArray[np.complex128], order: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Matrices (k, b, ...) with the neighbours in another order (k, b)."""
    return np.take_along_axis(matrices, order.reshape(*order.shape, *(1,) * (matrices.ndim - 2)), axis=1)


def _neighbours(checkpoint: Checkpoint, overlaps: Overlaps) -> tuple[Any, NDArray[np.int64]]:
    """wannierberri's BKVectors with the shells of the `.mmn`, and the order (k, b) that sorts the `.mmn` into it."""
    from wannierberri.w90files.bkvectors import BKVectors

    mesh, reciprocal = checkpoint.mesh, 2 * np.pi * np.linalg.inv(checkpoint.lattice).T
    points = np.rint(checkpoint.kpoints * mesh).astype(np.int64)
    steps = mesh_steps(checkpoint, overlaps)
    shells, cartesian = BKVectors.k_to_shells(steps[0], steps[0] @ (reciprocal / mesh[:, None]), SHELL_TOLERANCE)
    weights, _, bk_grid = BKVectors.get_shell_weights(shell_klatt=shells, shell_kcart=cartesian)
    order = _match(steps, bk_grid)
    vectors = BKVectors(
        recip_lattice=reciprocal,
        mp_grid=mesh,
        wk=weights,
        bk_grid=bk_grid,
        kpt_grid=points,
        G=list(np.take_along_axis(overlaps.G, order[:, :, None], axis=1)),
        neighbours=list(np.take_along_axis(overlaps.neighbours, order, axis=1)),
    )
    return vectors, order


def _match(steps: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.int64]:
    """order (k, b) with steps[k, order[k, b]] = reference[b]."""
    same = (steps[:, None] == reference[None, :, None]).all(axis=-1)  # (k, b of reference, b of file)
    if len(reference) != steps.shape[1] or not (same.sum(axis=2) == 1).all():
        raise InputError("the neighbours in .mmn differ from one k-point to another; rerun pw2wannier90.x")
    return np.asarray(same.argmax(axis=2), np.int64)


def _our_convention(system: Any, checkpoint: Checkpoint, ws_distance_tolerance: float) -> RMatrices:
    """Replicas chosen again with our rule, and the centres on the diagonal of the position at R = 0.

    wannierberri rounds tau_m - tau_n to few digits in reduced coordinates before it looks for ties; in a large cell
    that is more than the tolerance, and the ties break. Folding undoes its choice exactly.
    """
    folded = fold(matrices_of(system), np.asarray(system.rvec.iRvec, np.int64), checkpoint.mesh)
    R_vectors, parts, ties = with_ties(folded, checkpoint.mesh, checkpoint.lattice, checkpoint.centres, ws_distance_tolerance)
    position = with_centres(parts["position"], R_vectors, checkpoint.centres)
    return RMatrices(R_vectors, **{**parts, "position": position}, ties=ties)


def matrices_of(system: Any) -> dict[str, NDArray[np.complex128]]:
    """The matrices that a System_R holds, (R, n, n, ...) by our names; its position is <0n|r - tau|Rm>."""
    return {ours: np.asarray(system.get_R_mat(theirs)) for theirs, ours in NAMES.items() if system.has_R_mat(theirs)}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """wannierberri's log, warnings and, before 26.10, prints off for a while; the logger is left as it was found."""
    logger = logging.getLogger("wannierberri")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
