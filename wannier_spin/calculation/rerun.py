"""A stored result computed again from its own record, and compared with what was stored."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wannier_spin.calculation.run import run
from wannier_spin.config import Settings, settings_from
from wannier_spin.errors import InputError
from wannier_spin.integration.parallel import Communicator
from wannier_spin.results import ResponseTensor, ResultSet, RunFacts

SAME = 1e-9  # of the largest value: what rounding on another processor makes of a mesh


@dataclass(frozen=True)
class Moved:
    """How far a response moved: its values, of the largest stored one; in_bars: of the larger of both error bars, NaN if none."""

    response: str
    relative: float
    in_bars: float

    @property
    def same(self) -> bool:
        return self.relative <= SAME


@dataclass(frozen=True)
class Rerun:
    """The new result, how far every stored response moved, and what is not as it was (files of the model, versions)."""

    result: ResultSet
    changes: tuple[Moved, ...]
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        return all(change.same for change in self.changes)


def rerun(
    stored: ResultSet, where: str, folder: Path, comm: Communicator, progress: Callable[[int, int], None] = lambda done, total: None
) -> Rerun:
    """Compute what the record of a result asks for. folder : what relative paths in it are relative to.

    Raises InputError for a result without an input file in its record (made from Python), and what `run` raises.
    """
    settings, text = recorded_settings(stored.facts, where)
    new = run(settings, text, folder, comm, progress)
    changes = tuple(_moved(old, new[name]) for name, old in stored.items() if name in new)
    return Rerun(new, changes, differences(stored.facts, new.facts))


def recorded_settings(facts: RunFacts, where: str) -> tuple[Settings, str]:
    """Settings and text of the input file, with the Fermi energy that was found. Raises InputError where there is no text."""
    if not facts.input:
        raise InputError(f"'{where}' has no input file in its record, it was computed from Python: only that can compute it again")
    settings = settings_from(tomllib.loads(facts.input), where)
    if settings.fermi_energy is None and facts.fermi_energy is not None:
        settings = settings.model_copy(update={"fermi_energy": facts.fermi_energy})
    return settings, facts.input


def differences(old: RunFacts, new: RunFacts) -> tuple[str, ...]:
    """Names of what differs in files and versions, with both values where they are short."""
    found = []
    for title, before, after in (("model", old.model_source, new.model_source), ("version of", old.versions, new.versions)):
        for name in sorted({*before, *after}):
            was, now = str(before.get(name, "nothing")), str(after.get(name, "nothing"))
            if was != now:
                values = f": was {was}, is {now}" if len(was + now) < 100 else " changed"
                found.append(f"{title} {name}{values}")
    return tuple(found)


def _moved(old: ResponseTensor, new: ResponseTensor) -> Moved:
    """Raises InputError where the scans differ."""
    if old.values.shape != new.values.shape:
        raise InputError(
            f"'{old.name}' has the shape {new.values.shape}, and had {old.values.shape}: the record is not of this result"
        )
    moved, scale = np.abs(new.values - old.values), float(np.abs(old.values).max())
    bars = np.fmax(old.error, new.error)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_bars = np.where(moved > SAME * scale, moved / bars, 0.0)
    return Moved(old.name, float(moved.max()) / scale if scale else float(moved.max()), float(in_bars.max()))
