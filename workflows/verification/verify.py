"""The verification set: every case of cases.toml computed and held against its references, in one command.

    python workflows/verification/verify.py                  # all: some ten minutes; writes results.json beside this script
    python workflows/verification/verify.py --quick          # models and coarse meshes: seconds; writes nothing
    python workflows/verification/verify.py --foreign        # wannierberri's numbers again, into foreign.json (needs wannierberri)

Exit code 1 where a reference that is a check is not met. Convergence is no check: a value whose bar is above 5 % of it is
called not converged. `docs/verification.md` is made from cases.toml and results.json. Another code can take part: the
cases are data, the matrices are in example_inputs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import wannier_spin as ws
from wannier_spin.calculation import open_inputs
from wannier_spin.results.numbers import with_bar
from wannier_spin.units import BOLTZMANN

FOLDER = Path(__file__).resolve().parent
EXAMPLES = FOLDER.parents[1] / "example_inputs"
RESULTS, FOREIGN = FOLDER / "results.json", FOLDER / "foreign.json"
CONVERGED = 0.05  # bar over value
CHECKS = ("closed form", "reference data", "same mesh")


@dataclass(frozen=True)
class Reference:
    """A number of somebody else. within : relative; None where other inputs make it no check."""

    kind: str
    value: float
    within: float | None
    source: str


@dataclass(frozen=True)
class Case:
    """One number to compute: a component of a response of a model."""

    name: str
    model: str
    response: str
    component: str
    options: Mapping[str, Any]
    parameters: Mapping[str, float]
    references: tuple[Reference, ...]
    quick: bool = False
    symmetry: bool = True
    part: str = "cos"
    ratio: float | None = None  # of the response to that of the charge, times this
    added: str | None = None  # a static response that is added

    @property
    def key(self) -> str:
        return f"{self.name}: {self.response} {self.component}" + (f" {self.options.get('relaxation', '')}".rstrip())

    @property
    def is_material(self) -> bool:
        return (EXAMPLES / self.model).is_dir()


@dataclass(frozen=True)
class Found:
    """What was computed. value, error : in `unit`; k_points : evaluated."""

    value: float
    error: float
    unit: str
    k_points: int

    @property
    def converged(self) -> bool:
        return bool(self.error <= CONVERGED * abs(self.value))


def read_cases() -> tuple[Case, ...]:
    """The cases of cases.toml, with wannierberri's numbers from foreign.json."""
    foreign = json.loads(FOREIGN.read_text())["values"] if FOREIGN.is_file() else {}
    return tuple(_case(entry, foreign) for entry in tomllib.loads((FOLDER / "cases.toml").read_text())["case"])


def _case(entry: Mapping[str, Any], foreign: Mapping[str, float]) -> Case:
    options = dict(entry["options"])
    if "kT" in options:
        options["temperature"] = options.pop("kT") / BOLTZMANN
    names = ("name", "model", "response", "component")
    own = {name: entry[name] for name in (*names, "quick", "symmetry", "part", "ratio") if name in entry}
    case = Case(**own, options=options, parameters=entry.get("parameters", {}), references=(), added=entry.get("with"))
    given = [r for r in entry.get("reference", ()) if "value" in r or case.key in foreign]
    references = tuple(Reference(r["kind"], r.get("value", foreign.get(case.key)), r.get("within"), r["from"]) for r in given)
    return Case(**{**vars(case), "references": references})


def model_of(case: Case) -> tuple[Any, ws.Structure | None]:
    """Model and structure of an example, as its input file says; of the library the model alone."""
    if not case.is_material:
        return getattr(ws.models, case.model)(**case.parameters), None
    definition = {"spin_current": case.options["spin_current"]} if "spin_current" in case.options else {}
    inputs = open_inputs(EXAMPLES / case.model / "input.toml", **definition)
    return inputs.model, inputs.structure if case.symmetry else None


def compute(case: Case) -> Found:
    """The number of a case."""
    model, structure = model_of(case)
    names = [case.response, *([case.added] if case.added else [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ws.AccuracyWarning)  # the bar says it
        result = ws.compute(model, names, symmetry=structure, **case.options)
        value, error = (_at(case, result[case.response], which) for which in (0, 1))
        if case.added:
            more = [float(x.ravel()[0]) for x in result[case.added].component(case.component)]
            value, error = value + more[0], error + more[1]
        unit = result[case.response].unit
        if case.ratio is not None:
            charge = ws.compute(model, names, symmetry=structure, channel="charge", **case.options)[case.response]
            value, error = _ratio(case.ratio, (value, error), charge.component(case.component[:2]))
            unit = "1"
    return Found(value, error, unit, int(result.provenance["k_points_evaluated"]))


def _at(case: Case, tensor: ws.ResponseTensor, which: int) -> float:
    """Value (0) or bar (1) of the case's component."""
    found = tensor.component(case.component)[which][0, 0]
    return float(found[0, tensor.parts.index(case.part)]) if tensor.parts else float(found)


def _ratio(factor: float, one: tuple[float, float], other: tuple[Any, Any]) -> tuple[float, float]:
    """factor times one over the other; bars as independent."""
    below, bar = (float(x.ravel()[0]) for x in other)
    value = factor * one[0] / below
    return value, abs(value) * float(np.hypot(one[1] / one[0], bar / below))


def verdict(found: Found, references: Sequence[Reference]) -> str:
    """agrees | DIFFERS | (no reference that is a check) converged | not converged."""
    checks = [r for r in references if r.kind in CHECKS and r.within is not None]
    if checks:
        return "agrees" if all(deviation(found, r) <= float(r.within or 0) for r in checks) else "DIFFERS"
    return "converged" if found.converged else "not converged"


def deviation(found: Found, reference: Reference) -> float:
    """Relative to the reference."""
    return abs(found.value - reference.value) / abs(reference.value)


def foreign_values(cases: Sequence[Case]) -> dict[str, float]:
    """static.SHC of wannierberri, on the same matrices and points, without symmetry."""
    import wannierberri as wb
    from wannierberri.calculators import static

    from wannier_spin.berri import to_system_R

    entries = tomllib.loads((FOLDER / "cases.toml").read_text())["case"]
    wanted = [c for c, e in zip(cases, entries, strict=True) for r in e.get("reference", ()) if r["from"] == "wannierberri"]
    found = {}
    for case in wanted:
        mu = case.options["mu"] + 1e-3 * np.arange(-1, 2)
        shc = static.SHC(
            Efermi=mu, degen_thresh=case.options["degeneracy_tolerance"], kwargs_formula={"spin_current_type": "simple"}
        )
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            model = model_of(case)[0]
            system = to_system_R(model)
            files = {"fout_name": f"{folder}/berri", "file_Klist_path": f"{folder}/K"}
            grid = wb.Grid(system, NKdiv=[1, 1, 1], NKFFT=list(case.options["grid"]))
            run = wb.run(system, grid, {"shc": shc}, use_irred_kpt=False, symmetrize=False, parallel=False, **files)
        across = 1e-10 * abs(model.lattice[2, 2]) if model.dimension == 2 else 1.0  # per sheet, as ours
        found[case.key] = across * float(run.results["shc"].data[1][tuple("xyz".index(i) for i in case.component if i != ";")])
    return found


def write_foreign(cases: Sequence[Case]) -> None:
    from importlib.metadata import version

    how = "wannierberri.calculators.static.SHC, spin_current_type simple, step occupation, all points of the mesh"
    data = {
        "code": f"wannierberri {version('wannierberri')}",
        "how": how,
        "unit": "(hbar/e) S/m, of a layer (hbar/e) S",
        "values": foreign_values(cases),
    }
    FOREIGN.write_text(json.dumps(data, indent=1) + "\n")
    print(f"written to {FOREIGN}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only models and coarse meshes")
    parser.add_argument("--foreign", action="store_true", help="compute wannierberri's numbers")
    asked, cases = parser.parse_args(argv), read_cases()
    if asked.foreign:
        write_foreign(cases)
        return 0
    rows, failed = [], 0
    for case in cases:
        if asked.quick and not case.quick:
            continue
        found = compute(case)
        words = verdict(found, case.references)
        failed += words == "DIFFERS"
        print(f"{words:14}{case.key}: {with_bar(found.value, found.error)} {found.unit}, {found.k_points} k-points", flush=True)
        for r in case.references:
            print(f"{'':14}{r.kind} {r.value:.10g}, off by {deviation(found, r):.1e}: {r.source}")
        rows.append({"case": case.key, **vars(found), "verdict": words})
    if not asked.quick:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"written to {RESULTS}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
