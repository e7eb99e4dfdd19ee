"""What rank 0 has made, on all ranks: the same, in memory once, without leftovers, and with its errors."""

import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wannier_spin.integration import shared
from wannier_spin.integration.parallel import SERIAL

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
@pytest.mark.parametrize(
    "change", ["shared.os.memfd_create = refuse", "shared.os.posix_fallocate = refuse", "shared.os.open = elsewhere"]
)
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
