"""The loop over materials. One that fails becomes a line of the table; one that is finished is not done again.

Groups of ranks take the materials in turn (the first group the first, ...), and all ranks of a group work on one material
together, as in `run`. By default there is one group. No group waits for another before the end.

A group of one rank computes a material in a process of its own; what ends that is one line of the table. In a group of several
ranks only the reading (where libraries are called with what is in files) is done so: a rank that dies ends the whole job of MPI.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from wannier_spin import calculation
from wannier_spin.calculation import Inputs
from wannier_spin.config import Settings
from wannier_spin.errors import AccuracyWarning, InputError, Interrupted
from wannier_spin.integrals.algorithm import Control
from wannier_spin.integration import parallel
from wannier_spin.integration.parallel import SERIAL, Communicator, together
from wannier_spin.integration.shared import from_first
from wannier_spin.locks import locked
from wannier_spin.readers import Entry, check_database, fill_database
from wannier_spin.results import KIND, ResultSet, load
from wannier_spin.screening.figures import CHARGE, Row, figures
from wannier_spin.screening.isolated import Ended, isolated
from wannier_spin.screening.material import NOT_READ, Material, material_in, material_names, read_common
from wannier_spin.screening.table import FIRST, LAST, Table, check_column, table_columns
from wannier_spin.storage import check_writable
from wannier_spin.versions import installed

Report = Callable[[str], None]


@dataclass(frozen=True)
class Screening:
    """What to screen. settings: common input file; results: folder of the result files; database: an ase database; time_limit: of
    each material, in seconds.
    """

    folders: tuple[Path, ...]
    results: Path
    settings: Path | None = None
    overrule: bool = False
    rank_by: str | None = None
    resume: bool = False
    ranks_per_material: int | None = None
    database: Path | None = None
    time_limit: float = math.inf


@dataclass(frozen=True)
class Failure:
    """A folder that no settings could be made for, and why."""

    name: str
    folder: Path
    message: str


@dataclass(frozen=True)
class _Plan:
    items: tuple[Material | Failure, ...]
    columns: tuple[str, ...]


def screen(wanted: Screening, comm: Communicator, report: Report = lambda line: None) -> Table:
    """The table, on all ranks. `report` gets a line for each material as it is finished.

    Raises InputError for what is wrong with what is asked for as a whole; what is wrong with a material is in the table.
    """
    group, mine, groups = parallel.split(comm, comm.size if wanted.ranks_per_material is None else wanted.ranks_per_material)
    plan = from_first(comm, lambda: _plan(wanted))
    rows: dict[int, Row] = {}
    for i in range(mine, len(plan.items), groups):
        rows[i] = _row(plan.items[i], wanted, group)
        report(_told(rows[i]))  # rank 0 prints for its own group
    everything = [(i, row) for own in comm.allgather(rows if group.rank == 0 else {}) for i, row in own.items()]
    for i, row in sorted(everything, key=lambda item: item[0]):
        if i not in rows:
            report(_told(row))
    table = Table(plan.columns, tuple(row for _, row in sorted(everything, key=lambda item: item[0])))
    if wanted.database is not None:
        together(comm, lambda: _fill(wanted, plan, table, report) if comm.rank == 0 else None)
    return table.ranked(wanted.rank_by if wanted.rank_by in table.columns else None)


def _plan(wanted: Screening) -> _Plan:
    """Settings of all materials; everything that can be refused is refused before the first calculation."""
    common = read_common(wanted.settings, wanted.overrule)
    items: list[Material | Failure] = []
    for name, folder in material_names(wanted.folders):
        try:
            items.append(material_in(name, folder, common))
        except (InputError, OSError) as error:
            items.append(Failure(name, folder, str(error)))
        except Exception as error:  # whatever is in one folder is no matter of the others
            items.append(Failure(name, folder, f"{type(error).__name__}: {error} (not foreseen)"))
    responses = dict.fromkeys(name for item in items if isinstance(item, Material) for name in item.response_names)
    columns = table_columns(tuple(responses))
    if wanted.rank_by is not None and responses:  # without any, all have failed: that is the news, not the column
        check_column(wanted.rank_by, columns)
    if wanted.database is not None:
        check_database(wanted.database)
    try:
        wanted.results.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder of the results '{wanted.results}': {error}; choose another table with -o"
        ) from error
    return _Plan(tuple(items), columns)


def _row(item: Material | Failure, wanted: Screening, group: Communicator) -> Row:
    """The row of one material; on all ranks of the group. Whatever goes wrong is one line in it."""
    first: Row = {"material": item.name, "folder": str(item.folder)}
    if isinstance(item, Failure):
        return first | {"status": "failed", "error": _one_line(item.message)}
    first |= {"fermi_energy": item.settings.fermi_energy, "notes": "; ".join(item.notes)}
    target = wanted.results / f"{item.name}.h5"
    comm = parallel.duplicate(group)
    try:
        with ExitStack() as held:
            together(comm, lambda: held.enter_context(locked(target)) if comm.rank == 0 else None)
            result, status, why = _result(item, target, wanted, comm)
    except Exception as error:
        if not parallel.all_failed(group):  # the other ranks are somewhere else: nothing but an end of all helps
            raise
        return first | {"status": "failed", "error": _one_line(_reason(error, item, wanted.time_limit))}
    parallel.free(comm)
    notes = "; ".join(note for note in (*item.notes, why) if note)
    return first | _about(result) | figures(result) | {"status": status, "notes": notes, "result": str(target)}


def _result(material: Material, target: Path, wanted: Screening, comm: Communicator) -> tuple[ResultSet, str, str]:
    """The result, whether it was "computed" or "reused", and why an older one was not reused."""

    def look() -> tuple[dict[str, str], ResultSet | None, str]:
        inputs = _inputs(material)
        old, why = _older(target, material) if wanted.resume else (None, "")
        if old is None:
            check_writable(target, KIND)
        return inputs, old, why

    inputs, old, why = from_first(comm, look)
    if old is not None:
        return old, "reused", ""
    deadline = time.monotonic() + wanted.time_limit
    if comm.size > 1:
        result = _in_group(material, inputs, deadline, comm)
        from_first(comm, lambda: result.save(target))
    else:
        opened = isolated(partial(_alone, material, target, inputs), material.folder, wanted.time_limit)[1]
        result = load(target)
        if missed := material.hashes(opened).keys() - json.loads(inputs["files"]).keys():
            result = result.with_facts(screening=_inputs(material, missed))
            result.save(target)
    return result, "computed", why


def _alone(material: Material, target: Path, inputs: dict[str, str]) -> None:
    """The result file, computed by this process."""
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)  # they come with the result
        result = _compute(material, calculation.inputs_of(material.settings, material.folder), SERIAL, math.inf)
    result.with_facts(screening=inputs, screening_seconds=time.monotonic() - start).save(target)


def _in_group(material: Material, inputs: dict[str, str], deadline: float, comm: Communicator) -> ResultSet:
    """The result, computed by all ranks of a group; the files are read by a process of its own."""
    start = time.monotonic()

    def read() -> tuple[Inputs, dict[str, str]]:
        work = partial(calculation.inputs_of, material.settings, material.folder)
        found, opened = isolated(work, material.folder, deadline - time.monotonic())
        return found, _inputs(material, opened)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)
        found, inputs = from_first(comm, read)
        result = _compute(material, found, comm, deadline)
    return result.with_facts(screening=inputs, screening_seconds=time.monotonic() - start)


def _compute(material: Material, inputs: Inputs, comm: Communicator, deadline: float) -> ResultSet:
    """The responses, and the charge conductivity if the spin Hall conductivity is among them."""

    def late() -> bool:
        return time.monotonic() > deadline

    def progress(done: int, total: int) -> None:
        if late():
            raise Interrupted("out of time")

    model, structure, settings = inputs.model, inputs.structure, inputs.settings or material.settings
    how = (material.text, comm, progress, Control(stop=late))
    result = calculation.run_model(model, structure, settings, *how)
    if "spin_hall" not in result:
        return result
    charge = calculation.run_model(model, structure, _of_charge(settings), *how)["magnetic_spin_hall"]
    named = replace(charge, name=CHARGE, title="Drude charge conductivity", symbol="sigma(1)_ab")
    return replace(result, tensors={**result.tensors, CHARGE: named})


def _of_charge(settings: Settings) -> Settings:
    """Drude conductivity: the response of order tau in the identity channel; a linear one is the same in any relaxation model."""
    numerics = settings.numerics.model_copy(update={"degeneracy_check": False})
    changes = {"channel": "charge", "responses": ["magnetic_spin_hall"], "form": "full", "relaxation": "adiabatic"}
    none = {"omega": [], "gap_broadening": 0.0, "sites": None}
    return settings.model_copy(update={**changes, **none, "numerics": numerics})


def _inputs(material: Material, further: Iterable[str] = ()) -> dict[str, str]:
    """What a result depends on: settings, files, version. further: files that were opened though nobody expected it."""
    return {"settings": material.text, "files": json.dumps(material.hashes(further)), "version": installed("wannier-spin")}


def _older(target: Path, material: Material) -> tuple[ResultSet | None, str]:
    """A finished result of the same inputs, or None and what is different."""
    if not target.exists():
        return None, ""
    try:
        old = load(target)
    except InputError as error:
        return None, f"computed again: {error}"
    before = old.facts.screening
    known = json.loads(before.get("files", "{}"))
    inputs = _inputs(material, known)
    files = json.loads(inputs["files"])
    if files == known and before == {**inputs, "files": before.get("files")}:
        return old, ""
    changed = [name for name in sorted({*files, *known}) if files.get(name) != known.get(name)]
    what = [f"{', '.join(changed)} changed"] if changed else []
    what += [f"the {key} changed" for key in ("settings", "version") if before.get(key) != inputs[key]]
    return None, f"computed again: {' and '.join(what)}"


def _about(result: ResultSet) -> Row:
    facts, any_tensor = result.facts, next(iter(result.values())).at(units="SI")
    return {
        "fermi_energy": facts.fermi_energy,
        "temperature": float(any_tensor.temperature[0]),
        "tau": float(any_tensor.tau[0]),
        "group": facts.symmetry.bns_number if facts.symmetry else "",
        "grid": str(facts.sampling).removeprefix("grid "),
        "seconds": facts.screening_seconds,
        "warnings": " | ".join(result.warnings),
    }


def _reason(error: Exception, material: Material, limit: float) -> str:
    if isinstance(error, Ended):
        return str(error)
    if isinstance(error, Interrupted):
        return f"took longer than the time limit of {limit:g} s (--time-limit)"
    if isinstance(error, parallel.RankError):  # ends with the last line of a traceback
        return f"{str(error).strip().splitlines()[-1]} (not foreseen; `wannier-spin run` shows where)"
    if not isinstance(error, InputError):
        return f"{type(error).__name__}: {error} (not foreseen; `wannier-spin run` shows where)"
    if "magnetic group" in str(error) and any(note.startswith("structure") for note in material.notes):
        there = "; ".join(note for note in material.notes if note.startswith("structure") or NOT_READ in note)
        return f"{error} ({there}; give symmetry.magnetic_moments in its input.toml, or an empty [symmetry] for no symmetry)"
    return str(error)


def _told(row: Row) -> str:
    """What is reported of a finished material."""
    if row["status"] == "failed":
        return f"{row['material']}: failed: {row['error']}"
    seconds = f" in {row['seconds']:.1f} s" if row["status"] == "computed" else ", its input is unchanged"
    return f"{row['material']}: {row['status']}{seconds}" + (f" ({row['notes']})" if row["notes"] else "")


def _fill(wanted: Screening, plan: _Plan, table: Table, report: Report) -> None:
    """Finished materials with a known structure into the ase database."""
    assert wanted.database is not None
    materials = {item.name: item for item in plan.items if isinstance(item, Material)}
    entries = []
    for row in table.rows:
        if row["status"] == "failed":
            continue
        structure = materials[str(row["material"])].crystal()
        if structure is None:
            report(f"{row['material']}: not in the database: no structure is known; give symmetry.structure in its input.toml")
            continue
        entries.append(Entry(structure, str(row["folder"]), _for_database(row, table.columns)))
    fill_database(wanted.database, entries)


def _for_database(row: Row, columns: Sequence[str]) -> dict[str, float | str]:
    """ase takes no empty cells, and no words that look like numbers ("12.58", or a folder named "0012")."""
    figures_of_merit = columns[len(FIRST) : -len(LAST)]
    values: dict[str, float | str] = {name: cell for name in figures_of_merit if (cell := row.get(name)) is not None}
    numbers = {name: cell for name in ("fermi_energy", "temperature", "tau") if (cell := row.get(name)) is not None}
    group = {"magnetic_group": f"BNS {row['group']}"} if row.get("group") else {}
    return {
        "material": f"folder {row['material']}" if _is_number(str(row["material"])) else str(row["material"]),
        **numbers,
        **group,
        **values,
    }


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _one_line(message: str) -> str:
    return " ".join(message.split())
