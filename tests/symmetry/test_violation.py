"""The Zeeman sum against its formula, band by band."""

import numpy as np

import wannier_spin as ws
from wannier_spin.symmetry.violation import LEVELS, SMOOTH, zeeman_sum


def test_zeeman_sum_is_its_formula():
    k = np.random.default_rng(3).random((3, 3))
    g = ws.band_geometry(ws.models.random_model(n=4, seed=5), k)
    E, v, s = g.energies, g.velocity, g.spin
    width = E.max() - E.min()
    expected, weights = np.zeros((3, len(LEVELS), 3, 3)), np.zeros((3, len(LEVELS)))
    for point, level in np.ndindex(3, len(LEVELS)):
        f = 1 / (1 + np.exp((E[point] - E.min() - width * LEVELS[level]) / (SMOOTH * width)))
        for n, m in np.ndindex(4, 4):
            weight = (f[n] - f[m]) / ((E[point, n] - E[point, m]) ** 2 + (SMOOTH * width) ** 2)
            weights[point, level] += abs(weight)
            expected[point, level] += weight * np.einsum("b,a->ab", v[point, :, n, m], s[point, :, m, n]).imag
    expected /= weights.mean() * np.sqrt(np.mean(np.abs(v) ** 2) * np.mean(np.abs(s) ** 2))
    found = zeeman_sum(g)
    assert np.abs(found).max() > 1e-3
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
