"""Several replicas: the mean, its error bar, and a checkpoint that has all of them."""

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.errors import Interrupted
from wannier_spin.integrals.algorithm import Control, Round
from wannier_spin.integrals.densities.channels import Tolerance

MODEL = ws.models.get("rashba_exchange")


def compute(replicas: int, control: Control | None = None) -> ws.ResultSet:
    wanted = Tolerance(0.05, replicas=replicas, start=4)
    how = {} if control is None else {"control": control}
    return ws.compute(MODEL, ["spin_hall", "edelstein"], tolerance=wanted, mu=0.1, temperature=300, **how)


@pytest.fixture(scope="module")
def two() -> ws.ResultSet:
    return compute(2)


def test_mean_and_spread_of_two(two):
    """The mean of two independent integrals, and its bar: that of the first one alone and of the second make it."""
    one = compute(1)
    for name, tensor in two.items():
        differ, firsts, seconds = [], [], []
        for key, block in tensor.blocks.items():
            replicas = tensor.block_replicas[key]
            assert len(replicas) == 2
            assert np.abs(replicas[0] - one[name].blocks[key]).max() <= 1e-12 * np.abs(block).max()
            differ.append(np.abs(replicas[0] - replicas[1]).max())
            assert np.abs(block - replicas.mean(axis=0)).max() <= 1e-12 * np.abs(block).max()
            spread, alone = tensor.block_spreads[key], one[name].block_spreads[key]
            assert (spread >= alone / 2 * (1 - 1e-12)).all()  # half of the root of the sum of both squares
            firsts.append(alone.max())
            seconds.append(np.sqrt(np.maximum(4 * spread**2 - alone**2, 0.0)).max())
        assert max(differ) > 0
        assert 0.3 * max(firsts) < max(seconds) < 3 * max(firsts)  # within the same tolerance


@pytest.mark.parametrize("stop_in", [0, 1])
def test_a_checkpoint_has_every_replica(two, tmp_path, stop_in):
    """Stopped in the first or in the second one, and resumed: the same numbers."""
    path, now = tmp_path / "c.h5", [Round(0, 0, 0, 0, {})]
    names = []

    def report(reached: Round) -> None:
        now[0] = reached
        names.append(tuple(reached.excess))

    with pytest.raises(Interrupted):
        compute(2, Control(path, report=report, stop=lambda: now[0].replica == stop_in and now[0].number == 2))
    assert set(names) == {("spin_hall", "edelstein")}
    resumed = []
    found = compute(2, Control(path, resume=True, report=lambda reached: resumed.append((reached.replica, reached.number))))
    first = dict(reversed(resumed))
    assert first[stop_in] == 2
    assert first[1 - stop_in] == (1 if stop_in == 0 else two.provenance["rounds"][0])
    assert found.provenance["boxes"] == two.provenance["boxes"]
    for name, tensor in two.items():
        assert np.abs(found[name].values - tensor.values).max() <= 1e-12 * np.abs(tensor.values).max()
