"""Files that a calculation may read, and whether a finished result is still theirs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

from wannier_spin.config import Settings, settings_from
from wannier_spin.errors import InputError
from wannier_spin.readers import find_file, is_finished, resolve_seed, sha256
from wannier_spin.results import ResultSet
from wannier_spin.versions import installed

# Everything that reading a seed may open, also what it opens only if another file is missing.
SEED_FILES = (
    *(".chk", ".chk.fmt", ".eig", ".mmn", ".spn", ".spn.fmt", ".sIu", ".sHu", ".win", ".nnkp", ".wout", "_centres.xyz"),
    *("_tb.dat", "_hr.dat", "_r.dat", "_wsvec.dat"),
)


def files_of(settings: Settings, folder: Path, further: Iterable[str] = ()) -> tuple[Path, ...]:
    """Those that are there, of the model and of the symmetry, and further ones. folder : what their paths count from."""
    files = [path for name in settings.seeds for path in _files_of_seed(folder / name)]
    wanted = settings.symmetry
    files += [folder / name for name in (wanted.structure, wanted.projections, *further) if name]
    return tuple(dict.fromkeys(path for path in files if path.is_file()))


def outdated(result: ResultSet, written: Path, settings: Settings, folder: Path) -> tuple[str, ...]:
    """What makes a result another one than that of an input, in words; nothing if it is that. written : its file.

    A file of a run is another one if it is not what the result recorded; any other file if it is newer than the result.
    """
    facts, runs = result.facts, [folder / name for name in settings.seeds if not is_finished(folder / name)]
    found = [] if _asks_for(facts.input, settings) else ["the input file"]
    found += [] if facts.versions.get("wannier-spin") == installed("wannier-spin") else ["the version of wannier_spin"]
    recorded = json.loads(facts.model_source.get("files", "{}")) if runs else {}
    of_runs = {path for seed in runs for path in _files_of_seed(seed)}
    source = str(facts.notes.get("fermi_energy_source", "")).partition(",")[0]
    beside = [str(Path(settings.seeds[0]).parent / source)] if source and settings.seeds else []
    for path in files_of(settings, folder, beside):
        known = recorded.get(path.name) if path in of_runs else None
        if path.stat().st_mtime > written.stat().st_mtime if known is None else sha256(path) != known:
            found.append(f"'{path}'")
    return tuple(found)


def _asks_for(text: str | None, settings: Settings) -> bool:
    """Whether the text of an input file comes to these settings; comments in it do not matter."""
    try:
        return settings_from(tomllib.loads(text or ""), "input") == settings
    except (InputError, tomllib.TOMLDecodeError):  # of an older version
        return False


def _files_of_seed(seed: Path) -> list[Path]:
    """Those of a run, a saved model, or all in the folder of one."""
    if not is_finished(seed):
        return [path for ending in SEED_FILES if (path := find_file(resolve_seed(seed), ending))]
    return sorted(seed.rglob("*")) if seed.is_dir() else [seed]
