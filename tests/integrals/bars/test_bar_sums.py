"""Sums that bars are made of, against their definition: each point, each band, each (mu, T) by itself."""

from types import SimpleNamespace as Like

import numpy as np
import pytest

from wannier_spin.integrals.bars import bar_sums
from wannier_spin.integrals.bars.bar_sums import BarSums
from wannier_spin.occupation import Occupation

MU, KT, N_SEA, N_SURFACE = np.array([-0.3, 0.1, 0.4]), np.array([0.026, 0.078]), 5, 3  # eV
PHASES, FURTHER, PROBES = 4, 2, 6


def weights(mu: np.ndarray, energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f and df/dE, (w, k, n), all mu of one temperature after the other as `Occupation` has them."""
    kT = np.tile(KT, len(mu))[:, None, None]
    f = 1 / (1 + np.exp((energies - np.repeat(mu, len(KT))[:, None, None]) / kT))
    return f, -f * (1 - f) / kT


def defined(factors: np.ndarray, mu: np.ndarray, energies: np.ndarray, sea: np.ndarray, surface: np.ndarray) -> np.ndarray:
    f, slope = weights(mu, energies)
    both = np.concatenate([np.einsum("wkn,knc->kwc", f, sea), np.einsum("wkn,knc->kwc", slope, surface)], axis=-1)
    return np.einsum("rk,kwc->rwc", factors, both)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("n_surface", [N_SURFACE, 1, 0])
@pytest.mark.parametrize(("points", "channels"), [(64, 64), (4, 2), (1, 1), (7, 3)])
@pytest.mark.parametrize("profile", [True, False])
def test_sums_are_what_they_are_called(
    whole: bool, n_surface: int, points: int, channels: int, profile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is added at once, and onto what is there already; filled and empty bands among the others."""
    monkeypatch.setattr(bar_sums, "POINTS", points)
    monkeypatch.setattr(bar_sums, "CHANNELS", channels)
    rng = np.random.default_rng(5)
    of_scan, of_profile = Occupation(MU, KT), Occupation(MU[:2] + 0.05, KT)
    n_w, n_p, n_c = of_scan.n_points, of_profile.n_points, N_SEA + n_surface
    before = rng.normal(size=PHASES * n_w * n_c + PHASES * n_p * PROBES)
    total = before.copy()
    split = PHASES * n_w * n_c
    bars = Like(
        at_sample=of_scan,
        at_profile=of_profile if profile else None,
        probes=Like(sea=rng.normal(size=(N_SEA, PROBES)), surface=rng.normal(size=(n_surface, PROBES))),
        parts=lambda X: (X[:split].reshape(PHASES, n_w, n_c), X[split:].reshape(PHASES, n_p, PROBES)),
    )
    adding = BarSums(bars, total, FURTHER, whole)  # type: ignore[arg-type]
    kept = []
    for n_k in (3, 1, 5, 2):
        energies = np.sort(rng.normal(size=(n_k, 4)), axis=1) * 0.3
        energies[:, 0] -= 9.0
        energies[:, -1] += 9.0
        batch = (rng.normal(size=(n_k, 4, N_SEA)), rng.normal(size=(n_k, 4, n_surface)))
        phases, further = rng.normal(size=(PHASES, n_k)), rng.normal(size=(FURTHER, n_k))
        by_point = adding.add(phases, further, energies, *batch)
        assert (by_point is not None) == whole
        if by_point is not None:
            assert np.allclose(by_point, defined(np.eye(n_k), MU, energies, *batch), rtol=1e-12, atol=1e-12)
        kept.append((phases, further, energies, *batch))
    phases, further = (np.concatenate([one[i] for one in kept], axis=1) for i in (0, 1))
    states = [np.concatenate([one[i] for one in kept]) for i in (2, 3, 4)]
    assert np.allclose(adding.further(), defined(further, MU, *states), rtol=1e-12, atol=1e-11)
    assert np.allclose(adding.further(), defined(further, MU, *states), rtol=1e-12, atol=1e-11)  # asked again, nothing is added
    expected = bars.parts(before.copy())
    expected[0][:] += defined(phases, MU, *states)
    found = bars.parts(total)
    assert np.allclose(found[0], expected[0], rtol=1e-12, atol=1e-11)
    if profile:
        probed = (states[1] @ bars.probes.sea, states[2] @ bars.probes.surface)
        parts = defined(phases, MU[:2] + 0.05, states[0], *probed)
        expected[1][:] += parts[..., :PROBES] + parts[..., PROBES:]
    assert np.allclose(found[1], expected[1], rtol=1e-12, atol=1e-11)
    assert np.abs(found[0] - before[:split].reshape(found[0].shape)).max() > 1
