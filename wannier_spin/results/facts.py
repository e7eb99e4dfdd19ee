"""How a result was made, typed. As a mapping (`ResultSet.provenance`, and in the file) it is for reading.

Relations between components are numbers here; their text is made when it is printed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wannier_spin import observables
from wannier_spin.components import AllowedTensor, read_form
from wannier_spin.described import described

NO_SYMMETRY = "none used"
SPIN_CURRENT_DEFINITIONS = {name: one.meaning for name, one in observables.definitions("spin_current").items()}


@dataclass(frozen=True)
class MeshFacts:
    """A uniform mesh (of a k·p model: radial points and angles of a disk)."""

    points: tuple[int, ...]
    shift: tuple[float, ...] = (0.0, 0.0, 0.0)

    def __str__(self) -> str:
        return f"grid {'x'.join(map(str, self.points))}"


@dataclass(frozen=True)
class ToleranceFacts:
    """The accuracy that was asked for. absolute : response -> error bar in its unit. window : of mu that are held to it, eV."""

    relative: float
    absolute: Mapping[str, float] = field(default_factory=dict)
    replicas: int = 1
    max_evaluations: int | None = None
    max_seconds: float | None = None
    window: tuple[float, ...] | None = None

    def __str__(self) -> str:
        return f"tolerance {self.relative:g}" + ("" if self.window is None else f" {self.where}")

    @property
    def where(self) -> str:
        """The window in words, empty without one."""
        return "" if self.window is None else f"for mu from {self.window[0]:g} to {self.window[1]:g} eV"


@described(band_residual="eV")
@dataclass(frozen=True)
class SymmetryFacts:
    """The magnetic group that was used, how well the model has it, and what it leaves of each tensor.

    band_residual (eV), spin_residual : rms over sampled k, operations and bands. forms : by the name of the response; a dynamic
    one has two, "name cos" and "name sin", or "name T-even" and "name T-odd".
    """

    space_group: str
    bns_number: str
    uni_number: int
    operations: int
    has_inversion: bool
    has_time_reversal: bool
    has_pt: bool
    band_residual: float
    spin_residual: float
    forms: Mapping[str, AllowedTensor] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What kind of group it is, and its number; a spin group has none."""
        return self.bns_number if self.bns_number.startswith("spin group") else f"magnetic group {self.bns_number}"

    def of(self, response: str) -> dict[str, AllowedTensor]:
        """The forms of one response."""
        return {key: form for key, form in self.forms.items() if key.partition(" ")[0] == response}

    def forbids(self, response: str) -> bool:
        """Whether nothing of a response is left. False where the response is not known."""
        forms = self.of(response)
        return bool(forms) and not any(form.independent for form in forms.values())

    def as_mapping(self) -> dict[str, Any]:
        """For reading. relations : numbers as JSON, what the file is read from; forms, independent : the same as text."""
        return {
            "space_group": self.space_group,
            "bns_number": self.bns_number,
            "uni_number": self.uni_number,
            "operations": self.operations,
            "P": self.has_inversion,
            "T": self.has_time_reversal,
            "PT": self.has_pt,
            "band_residual_eV": self.band_residual,
            "spin_residual": self.spin_residual,
            "forms": {name: str(form) for name, form in self.forms.items()},
            "independent": {name: " ".join(form.independent) for name, form in self.forms.items()},
            "relations": {name: json.dumps(form.relations) for name, form in self.forms.items()},
        }

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> SymmetryFacts:
        """Of a file of any version."""
        return cls(
            space_group=given["space_group"],
            bns_number=given["bns_number"],
            uni_number=given["uni_number"],
            operations=given["operations"],
            has_inversion=bool(given["P"]),
            has_time_reversal=bool(given["T"]),
            has_pt=bool(given["PT"]),
            band_residual=given["band_residual_eV"],
            spin_residual=given["spin_residual"],
            forms={name: _form(given, name) for name in given["forms"]},
        )


def _form(given: Mapping[str, Any], name: str) -> AllowedTensor:
    independent = given["independent"][name]
    if name not in given.get("relations", {}):
        return read_form(given["forms"][name], independent)
    relations = json.loads(given["relations"][name])
    return AllowedTensor(tuple(independent.split()), {key: tuple((f, n) for f, n in terms) for key, terms in relations.items()})


@described(degeneracy_tolerance="eV", broadening="eV", gap_broadening="eV", fermi_energy="eV")
@dataclass(frozen=True)
class RunFacts:
    """How a result was made; what is not known (of a result that nobody ran) is None or empty.

    degeneracy_tolerance, broadening, gap_broadening, fermi_energy : eV. k_points : evaluated. degeneracy_change : by response,
    how much it moves with other tolerances, relative to its maximum. sites : Wannier functions, counted from 1. input : text of the
    input file. screening : what the result depends on, as text; screening_seconds.
    notes : what the integration measured, by the names that docs/results.md explains: numbers, lists, name -> number.
    """

    model: str = "model"
    model_source: Mapping[str, Any] = field(default_factory=dict)
    channel: str = "spin"
    spin_current: str | None = None
    spin_current_definition: str = ""
    other_spin_currents: tuple[str, ...] = ()
    form: str | None = None
    relaxation: str | None = None
    sampling: MeshFacts | ToleranceFacts | None = None
    degeneracy_tolerance: float | None = None
    broadening: float = 0.0
    gap_broadening: float = 0.0
    k_points: int | None = None
    ranks: int | None = None
    wall_seconds: float | None = None
    finished: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    symmetry: SymmetryFacts | None = None
    sites: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    degeneracy_change: Mapping[str, float] = field(default_factory=dict)
    fermi_energy: float | None = None
    input: str | None = None
    screening: Mapping[str, str] = field(default_factory=dict)
    screening_seconds: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tolerance(self) -> ToleranceFacts | None:
        """What accuracy was asked for; None for a mesh."""
        return self.sampling if isinstance(self.sampling, ToleranceFacts) else None

    @property
    def boxes(self) -> int:
        """Of an adaptive integral, over all replicas."""
        return sum(self.notes.get("boxes", ()))

    @property
    def meshes(self) -> tuple[tuple[int, ...], ...]:
        """Within a tolerance, one after the other."""
        return tuple(tuple(int(n) for n in points) for points in np.asarray(self.notes.get("meshes", ())).reshape(-1, 3))

    def how(self) -> str:
        """Mesh or tolerance in words, and a broadening of gaps, without which numbers mean something else."""
        broadened = f", gaps of second order broadened by {self.gap_broadening:g} eV" if self.gap_broadening else ""
        return self._sampling_words() + broadened

    def _sampling_words(self) -> str:
        if self.tolerance is not None and self.boxes:
            return f"{self.tolerance}, {self.boxes} boxes"
        if self.tolerance is not None and self.meshes:
            n = len(self.notes.get("hot_spots", ()))
            spots = f", {n} hot spot{'s' * (n > 1)}" if n else ""
            weights = self.notes.get("weights_of_meshes", ())
            used = [mesh for mesh, weight in zip(self.meshes, weights, strict=True) if weight] if len(weights) else self.meshes[-1:]
            meshes = " and ".join("x".join(map(str, mesh)) for mesh in used)
            return f"{self.tolerance}, mesh{'es' * (len(used) > 1)} {meshes}{spots}"
        return "grid not known" if self.sampling is None else str(self.sampling)

    def as_mapping(self) -> dict[str, Any]:
        """For reading, by the names that files have; what is not known is left out."""
        known = {key: getattr(self, name) for key, name in _NAMES.items()}
        found = {key: _listed(value) for key, value in known.items() if value is not None and not _is_empty(key, value)}
        found |= _sampling_mapping(self.sampling)
        found["symmetry"] = NO_SYMMETRY if self.symmetry is None else self.symmetry.as_mapping()
        return {**found, **self.notes}

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> RunFacts:
        """Of the mapping, as `as_mapping` makes it or a file of any version has it."""
        fields: dict[str, Any] = {name: given[key] for key, name in _NAMES.items() if key in given}
        for name, read in _READ.items():
            if name in fields:
                fields[name] = read(fields[name])
        if isinstance(symmetry := given.get("symmetry"), Mapping):  # else NO_SYMMETRY
            fields["symmetry"] = SymmetryFacts.from_mapping(symmetry)
        own = {*_NAMES, *_SAMPLING, "symmetry"}
        notes = {key: value for key, value in given.items() if key not in own}
        return cls(**fields, sampling=_sampling_of(given), notes=notes)


_SAMPLING = ("grid", "shift", "tolerance")
# names in files -> fields
_NAMES = {
    **{name: name for name in ("model", "model_source", "channel", "spin_current", "spin_current_definition")},
    **{name: name for name in ("other_spin_currents", "form", "relaxation")},
    "degeneracy_tolerance_eV": "degeneracy_tolerance",
    "broadening_eV": "broadening",
    "gap_broadening_eV": "gap_broadening",
    "k_points_evaluated": "k_points",
    **{name: name for name in ("ranks", "wall_seconds", "finished", "versions", "sites", "degeneracy_change")},
    "fermi_energy_eV": "fermi_energy",
    **{name: name for name in ("input", "screening", "screening_seconds")},
}
_READ: dict[str, Callable[[Any], Any]] = {
    "other_spin_currents": tuple,
    "sites": lambda sites: {name: tuple(int(f) for f in functions) for name, functions in sites.items()},
    "k_points": int,
}


def _listed(value: Any) -> Any:
    """Tuples as the lists that files have."""
    if isinstance(value, tuple):
        return list(value)
    return {key: _listed(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _is_empty(key: str, value: Any) -> bool:
    return key not in ("model_source", "input") and isinstance(value, Mapping | str | tuple) and not value


def _sampling_mapping(sampling: MeshFacts | ToleranceFacts | None) -> dict[str, Any]:
    if isinstance(sampling, MeshFacts):
        return {"grid": list(sampling.points), "shift": list(sampling.shift)}
    if sampling is None:
        return {}
    known = {key: _listed(value) for key, value in dataclasses.asdict(sampling).items() if value is not None}
    return {"tolerance": known}


def _sampling_of(given: Mapping[str, Any]) -> MeshFacts | ToleranceFacts | None:
    if "tolerance" in given:
        names = {f.name for f in dataclasses.fields(ToleranceFacts)}
        known = {key: value for key, value in given["tolerance"].items() if key in names}
        return ToleranceFacts(**known | ({"window": _numbers(known["window"], float)} if "window" in known else {}))
    if "grid" not in given:
        return None
    return MeshFacts(_numbers(given["grid"], int), _numbers(given.get("shift", (0.0, 0.0, 0.0)), float))


def _numbers(given: Iterable[Any], kind: type) -> tuple[Any, ...]:
    return tuple(kind(x) for x in np.asarray(given).tolist())
