"""Several replicas: the mean, its error bar, and a checkpoint that has all of them."""

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.errors import Interrupted
from wannier_spin.integrals.algorithm import Control, Round
from wannier_spin.integrals.channels import Tolerance

MODEL = ws.models.get("rashba_exchange")


def compute(replicas: int, control: Control | None = None) -> ws.ResultSet:
    wanted = Tolerance(0.05, replicas=replicas, start=4)
    how = {} if control is None else {"control": control}
    return ws.compute(MODEL, ["spin_hall", "edelstein"], tolerance=wanted, mu=0.1, temperature=300, **how)


@pytest.fixture(scope="module")
def two() -> ws.ResultSet:
    return compute(2)


def test_mean_and_spread_of_two(two):
    """The bar of the mean of two independent integrals: the root of the sum of squares, over two."""
    one = compute(1)
    for name, tensor in two.items():
        differ = []
        for key, block in tensor.blocks.items():
            replicas = tensor.block_replicas[key]
            assert len(replicas) == 2
            differ.append(np.abs(replicas[0] - replicas[1]).max())
            assert np.abs(block - replicas.mean(axis=0)).max() <= 1e-12 * np.abs(block).max()
        assert max(differ) > 0
        spread, alone = (max(np.abs(block).max() for block in t.block_spreads.values()) for t in (tensor, one[name]))
        assert 0.3 * alone < spread < 0.9 * alone  # 0.71 if both replicas are alike


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
