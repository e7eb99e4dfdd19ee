"""Bands at many points, by all ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wannier_spin.arrays import slices
from wannier_spin.bloch import energies_at
from wannier_spin.continuum import Model
from wannier_spin.integration.parallel import Communicator, together

Real = NDArray[np.float64]


def energies_by_all(model: Model, k: Real, comm: Communicator) -> Real:
    """Energies (nk, n) at k (nk, 3), eV, known to all ranks. The same bits for any number of them."""
    pieces = list(slices(len(k), model.n_bands))
    own = pieces[comm.rank :: comm.size]
    found = comm.allgather(together(comm, lambda: [energies_at(model, k[some]) for some in own]))
    energies = np.empty((len(k), model.n_bands))
    for rank, of_rank in enumerate(found):
        for some, part in zip(pieces[rank :: comm.size], of_rank, strict=True):
            energies[some] = part
    return energies
