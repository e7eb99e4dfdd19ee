"""What was tested of a model and its files: one record, kept with the model and with every result that is made of it.

certainly wrong    a `Check` that is not ok and `certain`: whoever makes a model or runs it refuses
may be wrong       not ok: a warning of every result
not testable       `tested` is False: these files hold nothing that could tell
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel


@dataclass(frozen=True)
class Check:
    """name; ok (None: for information); value found; value expected; advice where ok is False (else empty).

    certain : a bad answer proves that the model is wrong. tested : False where the files hold nothing to test it with.
    """

    name: str
    ok: bool | None
    value: str
    expected: str
    advice: str = ""
    certain: bool = False
    tested: bool = True


def passed_or_not(name: str, ok: bool, value: str, expected: str, advice: str, certain: bool = False) -> Check:
    """A check with an answer; its advice is kept only where it is needed."""
    return Check(name, bool(ok), value, expected, "" if ok else advice, certain)


def untested(name: str, why: str, expected: str = "") -> Check:
    """A check that these files do not allow."""
    return Check(name, None, f"not tested: {why}", expected, tested=False)


class UnfitError(InputError):
    """A model that is certainly wrong; `model` has it all the same, for `check`, which shows all that was tested."""

    def __init__(self, message: str, model: TightBindingModel | None = None) -> None:
        super().__init__(message)
        self.model = model


@dataclass(frozen=True)
class Fitness:
    """All checks of one model."""

    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> tuple[str, ...]:
        return tuple(check.name for check in self.checks if check.ok)

    @property
    def untested(self) -> tuple[str, ...]:
        """Names of what could not be tested, each with its reason."""
        return tuple(f"{check.name} ({check.value.removeprefix('not tested: ')})" for check in self.checks if not check.tested)

    @property
    def faults(self) -> tuple[Check, ...]:
        """What makes the model certainly wrong."""
        return tuple(check for check in self.checks if check.ok is False and check.certain)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each check that says that the model may be wrong."""
        doubts = [check for check in self.checks if check.ok is False and not check.certain]
        return tuple(f"{check.name}: {check.value}, expected {check.expected}; {check.advice}" for check in doubts)

    def with_checks(self, more: Iterable[Check]) -> Fitness:
        """These checks and more; of two with one name the later one counts."""
        return Fitness(tuple({check.name: check for check in (*self.checks, *more)}.values()))

    def told(self) -> str:
        """The faults in words; empty where there is none."""
        return " | ".join(f"{check.name}: {check.value}, expected {check.expected}; {check.advice}" for check in self.faults)

    def as_json(self) -> str:
        return json.dumps([asdict(check) for check in self.checks])


def stored_fitness(source: dict[str, str]) -> Fitness:
    """The fitness that a reader left in the `source` of a model; empty for a model that is not from files."""
    try:
        found = json.loads(source.get("fitness", "[]"))
        return Fitness(tuple(Check(**check) for check in found))
    except (ValueError, TypeError):
        return Fitness()


def fitness_warnings(source: dict[str, str]) -> Sequence[str]:
    """The warnings that belong into every result of a model with this `source`."""
    return stored_fitness(source).warnings
