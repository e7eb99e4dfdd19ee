"""Bands at many points by all ranks: all of them, in order, the same bits for any number of ranks."""

import textwrap
from collections.abc import Callable

import numpy as np

from wannier_spin import models
from wannier_spin.bloch import energies_at
from wannier_spin.calculation.energies import energies_by_all
from wannier_spin.integration.parallel import SERIAL

CODE = """
    import hashlib
    import numpy as np
    from mpi4py import MPI
    from wannier_spin import arrays, models
    from wannier_spin.calculation.energies import energies_by_all
    arrays.MATRICES = 16 * 4**2 * 7
    comm = MPI.COMM_WORLD
    k = np.random.default_rng(5).random((40, 3))
    found = energies_by_all(models.random_model(n=4, seed=3), k, comm)
    digests = comm.allgather(hashlib.sha256(found.tobytes()).hexdigest())
    assert len(set(digests)) == 1
    if comm.rank == 0:
        print(digests[0])
"""


def test_any_number_of_ranks(mpirun: Callable[..., str]) -> None:
    """Seven points at once: six pieces, of which one of seven ranks has none."""
    found = {mpirun(ranks, "-c", textwrap.dedent(CODE)).strip() for ranks in (1, 7)}
    assert len(found) == 1
    assert len(found.pop()) == 64


def test_all_points_in_order() -> None:
    model = models.random_model(n=4, seed=3)
    k = np.random.default_rng(5).random((40, 3))
    expected = energies_at(model, k)
    assert np.ptp(expected[:, 0]) > 1e-3
    assert np.array_equal(energies_by_all(model, k, SERIAL), expected)
    assert energies_by_all(model, k[:0], SERIAL).shape == (0, 4)
