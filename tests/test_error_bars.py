"""Are error bars honest? Over many (model, response, mu, T): the true error is inside the bar, and the bar is not far too large.

The truth is a uniform mesh: in two dimensions and at these temperatures it converges exponentially.
"""

import warnings

import numpy as np
import pytest

import wannier_spin as ws

RESPONSES = (
    "spin_hall",
    "magnetic_spin_hall",
    "edelstein",
    "nonlinear_drude_spin_current",
    "nonlinear_extrinsic_spin_current",
    "nonlinear_intrinsic_spin_magnetization",
)
SYSTEMS = {
    "rashba": (ws.models.rashba_exchange, {}, (-1.0, 0.3)),
    "altermagnet": (ws.models.altermagnet, {"rashba": 0.1}, (-0.5, 0.8)),
    "P*T antiferromagnet": (ws.models.pt_antiferromagnet, {}, (-0.9, 0.6)),
    "kagome": (ws.models.kagome_mn3sn, {}, (-0.4, 0.7)),
    "Kane-Mele": (ws.models.kane_mele, {}, (0.3, 0.8)),
}
TEMPERATURES = (200.0, 400.0)
MESH, SMALLER = 520, 440
ALLOWED = 1e-3  # of the sum of |boxes|: what is smaller vanishes by symmetry


def cases(name):
    """(true error, bar) of the largest component at every (mu, T) of every response that does not vanish."""
    build, options, mu = SYSTEMS[name]
    model = build(**options)
    scan = {"mu": mu, "temperature": TEMPERATURES, "form": "full"}
    exact, check = (ws.compute(model, RESPONSES, grid=(n, n, 1), shift=(0.31, 0.17, 0), **scan) for n in (MESH, SMALLER))
    found = {}
    for response in RESPONSES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ws.AccuracyWarning)
            tensor = ws.compute(model, response, tolerance=ws.Tolerance(1e-2, max_evaluations=300_000), **scan)[response]
        truth = exact[response].values
        scale = np.abs(truth).max()
        if scale < 1e-9 or not tensor.converged or np.abs(tensor.values).max() < ALLOWED * scale:
            continue
        for i, T in np.ndindex(truth.shape[:2]):
            c = np.unravel_index(np.argmax(np.abs(truth[i, T])), truth[i, T].shape)
            uncertain = abs(truth[i, T][c] - check[response].values[i, T][c])
            error, bar = abs(tensor.values[i, T][c] - truth[i, T][c]), tensor.error[i, T][c]
            if uncertain < 0.1 * error or uncertain < 1e-6 * scale:
                found[response, mu[i], TEMPERATURES[T]] = (max(error - uncertain, 1e-12 * scale), bar)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")
def test_bars_are_honest():
    found = {(name, *key): value for name in SYSTEMS for key, value in cases(name).items()}
    ratios = {key: bar / error for key, (error, bar) in found.items()}
    for key, ratio in ratios.items():
        print(*key, f"bar/error {ratio:.3g}")
    values = np.array(list(ratios.values()))
    print(f"{len(values)} cases, {np.mean(values >= 1):.3f} inside, median {np.median(values):.3g}, smallest {values.min():.3g}")
    assert len(values) >= 40
    assert np.mean(values >= 1) >= 0.95
    assert np.median(values) <= 10
