"""Sums and differences of responses, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.results.select import BLOCKS

Real = NDArray[np.float64]


def combined(tensors: Sequence[Mapping[str, Any]], operation: str) -> dict[str, Any]:
    """Blocks of the first plus or minus the others. tensors : fields of `ResponseTensor`."""
    signs = [1] + [1 if operation == "+" else -1] * (len(tensors) - 1)

    def total(key: str, factors: Sequence[int]) -> dict[str, Real] | None:
        stored = [tensor[key] for tensor in tensors]
        if stored[0] is None:
            return None
        return {name: sum(f * blocks[name] for f, blocks in zip(factors, stored, strict=True)) for name in stored[0]}

    return {key: total(key, [1] * len(tensors) if key == "block_spreads" else signs) for key in BLOCKS}  # spreads: at most the sum


def intraband_factor(omega: Real, tau: float, power: int) -> Real:
    """(cos, sin) parts of (tau/(1 - i w tau))^power: (omega, part). tau in hbar/eV."""
    amplitude = (tau / (1 - 1j * omega * tau)) ** power
    return np.stack([amplitude.real, amplitude.imag], axis=-1)


def each(stacked: Mapping[str, Real]) -> Iterator[dict[str, Real]]:
    """Blocks (...) one after the other of blocks (i, ...) with one more axis in front."""
    return (dict(zip(stacked, blocks, strict=True)) for blocks in zip(*stacked.values(), strict=True))
