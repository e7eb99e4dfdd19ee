"""The bounds hold: else nothing that is tested within them says anything."""

import numpy as np
import pytest
from bounded import GIB, TooMuch, bounded, says_memory

from wannier_spin.errors import InputError


def test_more_memory_than_allowed() -> None:
    with pytest.raises(TooMuch, match="memory"), bounded(GIB // 4):
        np.ones(GIB // 16)
    with bounded(GIB // 4):
        assert np.ones(GIB // 64).sum() == GIB // 64


def test_more_time_than_allowed() -> None:
    with pytest.raises(TooMuch, match="time"), bounded(seconds=0.05):
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue


def test_the_bounds_end() -> None:
    with bounded(GIB // 4):
        pass
    assert np.zeros(GIB // 16).nbytes == GIB // 2


def test_a_message_that_hides_a_lack_of_memory() -> None:
    with pytest.raises(InputError) as caught:
        try:
            raise MemoryError
        except MemoryError as error:
            raise InputError("damaged") from error
    assert says_memory(caught.value)
    assert not says_memory(InputError("damaged"))
