"""Loops in machine code, for what numpy has no operation for; the only place of numba, which is imported at the first call."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any


@cache
def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """A function in machine code, kept on disk where there is a place for it."""
    import numba

    compiler: Any = partial(numba.njit, error_model="numpy")  # no test of every divisor: such loops would not be made fast
    try:
        return compiler(cache=True)(function)
    except RuntimeError:  # neither the folder of its file nor the user's can be written
        return compiler()(function)
