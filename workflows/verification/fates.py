"""What became of mutants: kept module by module, told room by room."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from math import sqrt
from pathlib import Path

from mutants import Module, Mutant

REASONS = Path(__file__).with_name("mutants.toml")
KILLED = ("killed", "slow")
FEW = 15  # of these no percentage is told


@dataclass
class Found:
    """Of a module. digest : of its text. mutants : all there are. killed : also by time. same : those of equal machine code.

    sampled : whether only its share of a sample was tried.

    survived : the fate ("survived", or "unreached": no test that was taken runs the line) by the place, `written`.
    """

    digest: str
    mutants: int
    killed: int = 0
    slow: int = 0
    same: int = 0
    sampled: bool = False
    survived: dict[str, str] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        """Without those that are the same."""
        return self.killed + len(self.survived)


def written(mutant: Mutant) -> str:
    """The place by names and text."""
    number = f" [{mutant.nth}]" if mutant.nth else ""
    return f"{mutant.function}: {mutant.before} -> {mutant.after}{number}"


@dataclass
class Report:
    """found : by module. whole : modules of which all mutants were tried, of others a sample."""

    found: dict[str, Found] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Report:
        """Empty where there is none."""
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return cls({name: Found(**one) for name, one in stored.items()})

    def write(self, path: Path) -> None:
        """As JSON."""
        text = json.dumps({name: asdict(one) for name, one in sorted(self.found.items())}, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    def add(self, modules: Sequence[Module], fates: Iterable[tuple[Mutant, str]], anew: bool, sampled: bool = False) -> None:
        """anew : these are all that were tried of these modules; otherwise they are survivors that were tried again."""
        known = {module.name: module for module in modules}
        if anew:
            for name, module in known.items():
                digest = hashlib.sha256(module.source.encode()).hexdigest()[:16]
                self.found[name] = Found(digest, len(module.mutants), sampled=sampled)
        for mutant, fate in fates:
            one = self.found[mutant.module]
            one.survived.pop(written(mutant), None)
            if fate in KILLED:
                one.killed += 1
                one.slow += fate == "slow"
            elif fate == "same":
                one.same += 1
            else:
                one.survived[written(mutant)] = fate

    def survivors(self) -> set[tuple[str, str]]:
        """Module and place of each."""
        return {(name, place) for name, one in self.found.items() for place in one.survived}


def reasons() -> Mapping[str, Mapping[str, str]]:
    """Why a survivor changes nothing that counts, by module and place."""
    return tomllib.loads(REASONS.read_text(encoding="utf-8"))["equivalent"]


def tests_about(module: str) -> list[str]:
    """The files of tests, or single tests, that are about a module: those of the first pattern that fits."""
    given: dict[str, list[str]] = tomllib.loads(REASONS.read_text(encoding="utf-8"))["tests"]
    return next((tests for pattern, tests in given.items() if fnmatch(module, f"wannier_spin/{pattern}")), [])


def room(module: str) -> str:
    """The folder of a module in the package, or its own name."""
    parts = module.split("/")
    return parts[1] if len(parts) > 2 else parts[1].removesuffix(".py")


def table(report: Report, known: Mapping[str, Mapping[str, str]]) -> str:
    """Room by room in Markdown: mutants, tried, killed, equivalent, open; killed of those that are not equivalent, in percent.

    First the modules that were tried as a whole, then the sample, with its standard error.
    """
    parts: dict[bool, dict[str, Counter[str]]] = {False: {}, True: {}}
    for name, one in sorted(report.found.items()):
        equivalent = sum(place in known.get(name, {}) for place in one.survived)
        counted = {
            "mutants": one.mutants - one.same,
            "tried": one.tried,
            "killed": one.killed,
            "equivalent": equivalent,
            "open": len(one.survived) - equivalent,
        }
        rows = parts[one.sampled]
        for row in (room(name), "all"):
            rows.setdefault(row, Counter()).update(counted)
    lines = []
    for sampled, rows in parts.items():
        head = f"| {'sample of' if sampled else 'whole:'} | mutants | tried | killed | equivalent | open | killed, % |"
        lines += [head, "|---|---|---|---|---|---|---|"] if rows else []
        for row, c in sorted(rows.items(), key=lambda one: (one[0] == "all", one[0])):
            numbers = (c["mutants"], c["tried"], c["killed"], c["equivalent"], c["open"], _share(c, sampled))
            lines.append(f"| {row} | {' | '.join(map(str, numbers))} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _share(c: Counter[str], sampled: bool) -> str:
    counted = c["killed"] + c["open"]
    share = c["killed"] / counted if counted else 1.0
    if not sampled or counted < FEW:
        return f"{100 * share:.1f}" if not sampled else ""
    return f"{100 * share:.1f} ± {100 * sqrt(share * (1 - share) / counted):.1f}"


def left(report: Report, known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Survivors without a reason."""
    return [
        f"{name}: {place} ({fate})"
        for name, one in sorted(report.found.items())
        for place, fate in one.survived.items()
        if place not in known.get(name, {})
    ]
