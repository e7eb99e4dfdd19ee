"""What a planted fault is, and what is said of it: of matrices (`faults`) and of texts (`text_faults`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Data = TypeVar("Data")


@dataclass(frozen=True)
class Fault(Generic[Data]):
    """what : in words. plant : what is right -> with the fault. cause : parts of a message, one of which names it.

    undecidable : why no file can tell, where that is so.
    """

    what: str
    plant: Callable[[Data], Data]
    cause: tuple[str, ...]
    undecidable: str = ""


@dataclass(frozen=True)
class Verdict:
    """by : "refused", "warned" or "silent"; message : what was said; named : whether with its cause."""

    by: str
    message: str
    named: bool
