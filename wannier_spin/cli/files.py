"""Commands that write files to start from: `init`, `convert`."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import commonprefix
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import MODEL, SEEDNAME, opened, with_options
from wannier_spin.errors import InputError


@app.command(
    epilog=examples(
        "wannier-spin init Pt                         # writes Pt.toml",
        "wannier-spin init runs/Fe -o Fe.toml",
        "wannier-spin init MnF2_up MnF2_dn            # a collinear magnet without spin-orbit coupling: a run for each spin",
    )
)
@with_options(MODEL)
def init(
    seedname: Annotated[Path, SEEDNAME],
    down: Annotated[Path | None, typer.Argument(metavar="DOWN", help="Of a collinear pair the run of the other spin.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The input file; default: SEEDNAME.toml here.")] = None,
    **options: Any,
) -> None:
    """Write an input file with comments, from what the files of a run tell: structure, Fermi energy, windows, moment, mesh."""
    from wannier_spin.calculation.draft import draft
    from wannier_spin.storage import write_text

    paths = _seeds(seedname) if down is None else (_seed(seedname), _seed(down))
    for path in paths:
        if path.suffix == ".toml":
            raise InputError(f"'{path}' is an input file already; give the seedname of a run")
    target = output or Path(f"{_stem_of(paths)}.toml")
    if target.exists():
        raise InputError(f"'{target}' exists: choose another place with -o")
    text = draft(paths, opened(paths[0] if len(paths) == 1 else {"up": paths[0], "down": paths[1]}, options), target.parent)
    write_text(target, text + _as_lines(options))
    print(f"written to {target}; read it, then: wannier-spin run {quote(str(target))} --dry-run")


@app.command(
    epilog=examples(
        "wannier-spin convert Pt                      # writes Pt.model.h5: Pt.chk, Pt.eig, Pt.mmn, Pt.spn in one small file",
        "wannier-spin convert Fe.toml -o Fe.model.h5  # the model that `run Fe.toml` computes with",
    )
)
@with_options(MODEL, {"spin_current": Annotated[str | None, typer.Option(help="Also what ryoo or qiao needs.")]})
def convert(
    seedname: Annotated[Path, SEEDNAME],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The model file; default: SEEDNAME.model.h5 here.")] = None,
    **options: Any,
) -> None:
    """Write a model to one file, which reads fast and needs no other."""
    from wannier_spin.storage import check_writable

    target = output or Path(f"{_stem_of(_seeds(seedname))}.model.h5")
    if target.suffix != ".h5":
        raise InputError(f"'{target}': a model file ends with .h5, best with .model.h5")
    if output is None and target.exists():
        raise InputError(f"'{target}' exists: choose another place with -o")
    check_writable(target, "wannier_spin model")
    model = opened(seedname, options).crystal
    model.save(target)
    print(f"{model.name}: {model.n_bands} Wannier functions, {len(model.R_vectors)} lattice vectors, {model.dimension}D")
    print(f"written to {target}")


def _seeds(path: Path) -> tuple[Path, ...]:
    """What a path stands for, see `_seed`; of a folder with a run for each spin both of them."""
    from wannier_spin.readers import channels_alone

    return channels_alone(path) or (_seed(path),)


def _seed(path: Path) -> Path:
    """Without what may be left out of a path to the files of a run: a folder with one run, the ending of one of its files."""
    from wannier_spin.readers import is_finished
    from wannier_spin.readers.wannier90 import resolve_seed

    return path if is_finished(path) else resolve_seed(path)


def _stem(path: Path) -> str:
    """The name of a seedname, a model or an input file without its ending; of a folder its own name."""
    from wannier_spin.readers import seed_of

    return seed_of(path.resolve()).name.removesuffix(".toml")


def _stem_of(paths: Sequence[Path]) -> str:
    """The same of one path, or what those of a pair have in common."""
    names = [_stem(path) for path in paths]
    return names[0] if len(names) == 1 else commonprefix(names).rstrip("._-") or names[0]


def _as_lines(options: dict[str, Any]) -> str:
    """Options of the command line as a table [model]."""
    lines = [f"{name} = {value!r}" for name, value in options.items() if value is not None]
    return "\n".join(["\n[model]", *lines, ""]) if lines else ""
