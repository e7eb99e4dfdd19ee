"""What rank 0 has made, on all ranks: the same, in memory once, without leftovers, and with its errors."""

import gc
import os
import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from threads import Meeting, Thread, on_threads

from wannier_spin.errors import InputError
from wannier_spin.integration import shared
from wannier_spin.integration.parallel import SERIAL, Nodes

MpiRun = Callable[..., str]

HEAD = """
    import os, sys
    import numpy as np
    import wannier_spin as ws
    from mpi4py import MPI
    from wannier_spin.integration import shared
    comm = MPI.COMM_WORLD
    def maps():
        return {line.split()[4] for line in open("/proc/self/maps") if "memfd:wannier_spin" in line}
    def made():
        random = np.random.default_rng(3)
        return {"large": random.random((3, 70001)), "complex": random.random(99_999) + 1j, "small": np.arange(5), "word": "x"}
"""


def script(text: str) -> str:
    return textwrap.dedent(HEAD) + textwrap.dedent(text)


def test_one_rank_gets_what_was_made() -> None:
    item: dict[str, Any] = {"large": np.zeros(2**20)}
    assert shared.from_first(SERIAL, lambda: item) is item


def test_what_is_large_stays_out_of_the_message() -> None:
    large, small = np.random.default_rng(0).random(shared.LARGE // 8), np.arange(shared.LARGE // 8 - 1.0)
    made = shared._Made.of([large, small, large[::2]])
    assert [len(part) for part in made.parts] == [large.nbytes]
    assert np.array_equal(made.parts[0].view(float), large)
    assert small.nbytes < len(made.head) < small.nbytes + large.nbytes


# --- ranks that are threads: three of them on two nodes, the second of which has one ----------------------------------------


NODES = ((0, 0), (0, 1), (1, 0))  # of each rank: which node, and which rank there
ARRAYS = {"large": 70_001, "larger": 131_073, "one more": 9_000}  # bytes; the first ones end beside multiples of 64


def from_the_first(work: Callable[[], Any]) -> tuple[list[Any], list[Nodes]]:
    """What every rank is given, and its nodes."""
    of_node, leaders = (Meeting(2), Meeting(1)), (Meeting(2), Meeting(1))
    nodes = [Nodes(Thread(place, of_node[node]), Thread(node * (1 - place), leaders[place]), place == 0) for node, place in NODES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "nodes_of", lambda comm: nodes[comm.rank])
        return on_threads(3, lambda comm: shared.from_first(comm, work)), nodes


def made(calls: list[int]) -> dict[str, Any]:
    calls.append(1)
    random = np.random.default_rng(3)
    return {name: random.integers(0, 255, n, np.uint8) for name, n in ARRAYS.items()} | {"small": np.arange(5), "word": "x"}


@pytest.mark.parametrize("can", ["share memory", "have no such files", "have no room", "not open that of another"])
def test_threads_have_what_the_first_one_made(can: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one making, all bytes of it, in pieces, where memory is shared once for each node; nothing is left open."""
    opened = os.open

    def refuse(*_: Any) -> Any:
        raise OSError("no")

    def elsewhere(path: Any, flags: int, *rest: Any) -> int:
        return refuse() if str(path).startswith("/proc") and flags == os.O_RDONLY else opened(path, flags, *rest)

    change = {"have no such files": "memfd_create", "have no room": "posix_fallocate", "not open that of another": "open"}
    monkeypatch.setattr(shared, "LARGE", 8_000)
    monkeypatch.setattr(shared, "PIECE", 30_011)
    if can in change:
        monkeypatch.setattr(os, change[can], elsewhere if change[can] == "open" else refuse)
    calls: list[int] = []
    before = sorted(os.listdir("/proc/self/fd"))
    found, nodes = from_the_first(lambda: made(calls))
    expected = made([])
    for one in found:
        assert isinstance(one, dict), one
        assert one["word"] == "x" and one["small"].flags.writeable
        for name in (*ARRAYS, "small"):
            assert np.array_equal(one[name], expected[name]), name
            assert one[name].flags.writeable == (name == "small")
    assert calls == [1]
    addresses = [one["larger"].ctypes.data for one in found]
    assert len(set(addresses)) == 3  # each rank maps it by itself
    assert can != "share memory" or addresses[0] % 64 == 0
    senders = [one.leaders.sent for one in nodes]
    assert [bool(sent) for sent in senders] == ([True, False, True] if can == "share memory" else [False] * 3)
    size = sum(-(-n // 64) * 64 for n in ARRAYS.values())
    assert can != "share memory" or (sum(senders[0]) == sum(senders[2]) == size and max(senders[0]) <= 30_011)
    assert [(one.node.freed, one.leaders.freed) for one in nodes] == [(1, 1)] * 3
    found.clear()
    del one
    gc.collect()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_threads_are_told_what_failed_on_the_first_one() -> None:
    def fails() -> None:
        raise InputError("no such file")

    found, _ = from_the_first(fails)
    assert [(type(one), str(one)) for one in found] == [(InputError, "no such file")] * 3
    small, nodes = from_the_first(lambda: "a word")
    assert small == ["a word"] * 3 and not any(one.node.freed for one in nodes)


@pytest.mark.mpi
def test_all_ranks_see_one_array(mpirun: MpiRun) -> None:
    text = """
        found = shared.from_first(comm, made)
        expected = made()
        for key in ("large", "complex", "small"):
            assert np.array_equal(found[key], expected[key]), key
        assert found["word"] == "x"
        assert not found["large"].flags.writeable and found["small"].flags.writeable
        seen, gone = maps(), found.pop("large").base is not None
        found.clear()
        comm.Barrier()
        for line in comm.gather(f"{sorted(seen)} then {sorted(maps())}") or ():
            print(line)
    """
    lines = mpirun(3, "-c", script(text)).strip().splitlines()
    assert len(lines) == 3
    assert len(set(lines)) == 1, lines  # the same inode on all ranks
    assert re.fullmatch(r"\['\d+'\] then \[\]", lines[0])


@pytest.mark.mpi
@pytest.mark.parametrize("change", ["shared.os.memfd_create = refuse", "shared.os.posix_fallocate = refuse", "os.open = elsewhere"])
def test_where_memory_cannot_be_shared_every_rank_has_a_copy(mpirun: MpiRun, change: str) -> None:
    """The system has no such files, no room, or one rank may not open that of another."""
    text = f"""
        def refuse(*_): raise OSError("no")
        opened = os.open
        def elsewhere(path, *rest): return refuse() if comm.rank == 1 and str(path).startswith("/proc") else opened(path, *rest)
        {change}
        shared.PIECE = 100_003
        found = shared.from_first(comm, made)
        assert all(np.array_equal(found[key], made()[key]) for key in ("large", "complex", "small"))
        assert not found["large"].flags.writeable and not maps()
        print("a copy")
    """
    assert mpirun(2, "-c", script(text)).count("a copy") == 2


@pytest.mark.mpi
def test_a_model_is_read_by_rank_0_alone(mpirun: MpiRun, tmp_path: Any) -> None:
    """`open_model` with a communicator: one copy, the same numbers as with a model of one's own; errors on all ranks."""
    text = f"""
        path = {str(tmp_path)!r} + "/x.h5"
        model = ws.models.random_model(n=36, seed=1)
        if comm.rank == 0:
            model.save(path)
        comm.Barrier()
        found = ws.open_model(path, comm=comm)
        assert len(maps()) == 1
        how = dict(grid=(3, 3, 3), mu=0.1, temperature=3000, comm=comm)
        first, second = (ws.compute(m, "spin_hall", **how)["spin_hall"].values for m in (model, found))
        assert np.abs(first).max() > 1e-3
        assert np.array_equal(first, second)
        try:
            ws.open_model(path + "no", comm=comm)
        except ws.InputError as error:
            assert "x.h5no" in str(error)
            print("told")
    """
    assert mpirun(2, "-c", script(text)).count("told") == 2
