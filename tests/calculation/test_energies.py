"""Bands at many points by all ranks: all of them, in order, the same bits for any number of ranks."""

import hashlib
import textwrap
from collections.abc import Callable

import numpy as np
import pytest

from wannier_spin import arrays, models
from wannier_spin.bloch import energies_at
from wannier_spin.calculation.energies import energies_by_all
from wannier_spin.integration.parallel import SERIAL

CODE = """
    import hashlib
    import numpy as np
    from mpi4py import MPI
    from wannier_spin import arrays, models
    from wannier_spin.calculation.energies import energies_by_all
    arrays.MATRICES = 16 * 4**2 * 14
    comm = MPI.COMM_WORLD
    k = np.random.default_rng(5).random((40, 3))
    found = energies_by_all(models.random_model(n=4, seed=3), k, comm)
    digests = comm.allgather(hashlib.sha256(found.tobytes()).hexdigest())
    assert len(set(digests)) == 1
    if comm.rank == 0:
        print(digests[0])
"""


def test_any_number_of_ranks(mpirun: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """14 points at once: three pieces, of which one of four ranks has none."""
    monkeypatch.setattr(arrays, "MATRICES", 16 * 4**2 * 14)
    serial = energies_by_all(models.random_model(n=4, seed=3), np.random.default_rng(5).random((40, 3)), SERIAL)
    assert np.ptp(serial[:, 0]) > 1e-3
    assert mpirun(4, "-c", textwrap.dedent(CODE)).strip() == hashlib.sha256(serial.tobytes()).hexdigest()


def test_all_points_in_order() -> None:
    model = models.random_model(n=4, seed=3)
    k = np.random.default_rng(5).random((40, 3))
    expected = energies_at(model, k)
    assert np.ptp(expected[:, 0]) > 1e-3
    assert np.array_equal(energies_by_all(model, k, SERIAL), expected)
    assert energies_by_all(model, k[:0], SERIAL).shape == (0, 4)
