"""A folder with a Wannier90 run becomes settings: from its own input file, from common ones, from what lies in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from wannier_spin import responses as resp
from wannier_spin.calculation import check_asked
from wannier_spin.calculation.files import files_of
from wannier_spin.config import Settings, as_toml, read_table, settings_from
from wannier_spin.errors import InputError
from wannier_spin.model import Structure
from wannier_spin.readers import channels_advice, find_fermi_energy, find_file, read_structure, seed_of, seeds_in, sha256

INPUT = "input.toml"
NOT_READ = "is not read"
OF_THE_MATERIAL = ("seedname", "fermi_energy", "model", "symmetry")  # keys that common settings never overrule
MODEL_ENDING = ".model.h5"
ANYTHING = {"seedname": "any", "responses": "all"}  # stands for the keys without a default; and mu, but beside carriers


@dataclass(frozen=True)
class Common:
    """Settings for all materials, as read. overrule: they come before those of a folder, but for OF_THE_MATERIAL."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    overrule: bool = False


@dataclass(frozen=True)
class Material:
    """One run. structure: file relative to the folder, or None; notes: what was found, and where."""

    name: str
    folder: Path
    settings: Settings
    structure: str | None
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The settings as an input file; relative paths in it are relative to the folder."""
        return as_toml(self.settings)

    @property
    def response_names(self) -> tuple[str, ...]:
        wanted = self.settings.responses
        return resp.names() if wanted == "all" else tuple(dict.fromkeys(wanted))

    def hashes(self, further: Iterable[str] = ()) -> dict[str, str]:
        """SHA-256 of every file that the calculation may read, and of further ones, by its path from the folder."""
        files = files_of(self.settings, self.folder, further)
        return {os.path.relpath(path, self.folder): sha256(path) for path in files}

    def crystal(self) -> Structure | None:
        """The structure with its moments; None where none is known. Raises InputError if its file is damaged."""
        if self.structure is None:
            return None
        return read_structure(self.folder / self.structure, self.settings.symmetry.magnetic_moments)


def read_common(path: Path | None, overrule: bool = False) -> Common:
    """Common settings: any keys of an input file, checked as far as that is possible without a material.

    Raises InputError: what `read_settings` refuses, an unknown response, an output file.
    """
    if path is None:
        if overrule:
            raise InputError("common settings shall overrule those of the folders, and none are given; give --settings COMMON.toml")
        return Common()
    data, _ = read_table(path)
    if "output" in data:
        raise InputError(f"'{path}': leave out output; each material has a result file of its own beside the table")
    settings = settings_from(_filled(data), str(path))
    if settings.responses != "all":
        for name in settings.responses:
            resp.get(name)
    return Common(data, overrule)


def material_names(folders: Sequence[Path]) -> list[tuple[str, Path]]:
    """A name for each folder (each once): the last part of its path, or as many parts as it takes to tell all apart.

    Raises InputError without folders, or for names that stay equal.
    """
    resolved = list(dict.fromkeys(folder.expanduser().resolve() for folder in folders))
    if not resolved:
        raise InputError("no folder to screen; give the folders of finished Wannier90 runs")
    for parts in range(1, max(len(path.parts) for path in resolved) + 1):
        names = ["_".join(part.strip("/") for part in path.parts[-parts:]) for path in resolved]
        if len(set(names)) == len(names):
            return list(zip(names, resolved, strict=True))
    raise InputError(f"the folders {', '.join(str(p) for p in resolved)} cannot be told apart by name; rename one")


def material_in(name: str, folder: Path, common: Common) -> Material:
    """Settings of one folder. Raises InputError, in which the folder or a file of it is named."""
    try:
        return _prepared(name, folder, common)
    except InputError as error:
        raise InputError("; ".join((str(error), *_unread(folder)))) from error


def _unread(folder: Path) -> list[str]:
    """What is said of input files by other names, where the one that would be read is missing."""
    others = [] if (folder / INPUT).exists() else sorted(path.name for path in folder.glob("*.toml"))
    return [f"{', '.join(others)} {NOT_READ}, {INPUT} would be"] if others else []


def _prepared(name: str, folder: Path, common: Common) -> Material:
    if not folder.is_dir():
        raise InputError(f"'{folder}' is {'not a folder' if folder.exists() else 'not there'}; expected one with a Wannier90 run")
    own = read_table(folder / INPUT)[0] if (folder / INPUT).is_file() else {}
    where = str(folder / INPUT) if own else str(folder)
    data, notes = _merged(own, common), []
    settings_from(_filled(data), where)  # a wrong key is told before what is missing
    if "seedname" not in data:
        data["seedname"] = find_seedname(folder)
        notes.append(f"seedname {data['seedname']}")
    first = _first_seed(data)
    seed = seed_of(folder / first)
    if "fermi_energy" not in data and "mu" not in own:  # else as `run` does, when the model is there
        fermi = find_fermi_energy(seed)
        data["fermi_energy"] = fermi.value
        notes.append(f"Fermi energy {fermi.value:g} eV from {fermi.source}")
    win = find_file(seed, ".win")
    beside = None if win is None else str(PurePosixPath(first).parent / win.name)
    if "symmetry" not in own and beside is not None and "structure" not in data.get("symmetry", {}):
        data["symmetry"] = {**data.get("symmetry", {}), "structure": beside}
        notes.append(f"structure from {beside}")
    notes += _unread(folder)
    settings = settings_from(_without_options_of_files(data, own), where)
    _check(settings)
    return Material(name, folder, settings, settings.symmetry.structure or beside, tuple(notes))


def _filled(data: Mapping[str, Any]) -> dict[str, Any]:
    """With something for the keys that have no default."""
    return {**ANYTHING, **({} if "carriers" in data else {"mu": 0.0}), **data}


def find_seedname(folder: Path) -> str:
    """The one seed of a folder: with a checkpoint, else a saved model, else with _tb.dat or _hr.dat. Raises InputError."""
    names = [path.name.removesuffix(".gz") for path in folder.iterdir() if path.is_file()]
    checkpoints = {n.removesuffix(".fmt").removesuffix(".chk") for n in names if n.endswith((".chk", ".chk.fmt"))}
    models = {name for name in names if name.endswith(MODEL_ENDING)}
    for found in (checkpoints, models, set(seeds_in(folder))):
        if len(found) > 1:
            raise InputError(
                f"'{folder}' has the runs {', '.join(sorted(found))}; write seedname into its {INPUT}{channels_advice(folder)}"
            )
        if found:
            return found.pop()
    below = ", but folders: give those" if any(path.is_dir() for path in folder.iterdir()) else ""
    what = f"no {INPUT} and no finished Wannier90 run (.chk, _tb.dat, _hr.dat, {MODEL_ENDING}) in it"
    raise InputError(f"'{folder}' has {what}{below}")


def _merged(own: Mapping[str, Any], common: Common) -> dict[str, Any]:
    """Key by key; a table replaces the whole table of the other file."""
    data = {**common.settings, **own}
    if common.overrule:
        data |= {key: value for key, value in common.settings.items() if key not in OF_THE_MATERIAL}
    data.pop("output", None)
    for one, other in (("mu", "carriers"), ("carriers", "mu")):  # the one that counts less gives way
        first = common.settings if common.overrule else own
        if one in first and other not in first:
            data.pop(other, None)
    return data


def _first_seed(data: Mapping[str, Any]) -> str:
    """The seedname; of a pair of spin channels the first."""
    seedname = data["seedname"]
    return str(seedname if isinstance(seedname, str) else seedname["up"])


def _without_options_of_files(data: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Common options for reading Wannier90 files do not concern a saved model."""
    if not _first_seed(data).endswith(".h5") or "model" in own or "model" not in data:
        return dict(data)
    options = {key: value for key, value in data["model"].items() if key not in ("spin", "ws_distance", "ws_distance_tolerance")}
    return {**data, "model": options}


def _check(settings: Settings) -> None:
    if settings.channel != "spin":
        raise InputError(f"channel = '{settings.channel}': a screening is of spin responses; leave it out")
    check_asked(settings)
