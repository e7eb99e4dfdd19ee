"""Other states inside of each degenerate group: nothing that is reported may depend on their choice."""

from dataclasses import replace

import numpy as np

from wannier_spin.geometry import BandGeometry


def rotated(g: BandGeometry, rng: np.random.Generator) -> BandGeometry:
    """The same bands with random states inside each block."""
    U = np.zeros(g.states.shape, complex)
    for k, row in enumerate(g.group):
        for block in np.unique(row):
            inside = np.flatnonzero(row == block)
            random = rng.normal(size=(2, len(inside), len(inside)))
            U[k][np.ix_(inside, inside)] = np.linalg.qr(random[0] + 1j * random[1])[0]

    return replace(g, states=g.states @ U)
