"""The way of a word from an input file to the result: which files and functions name it, in a run that is really made.

    python workflows/verification/ways.py INPUT.toml                       # of the package that is installed
    python workflows/verification/ways.py INPUT.toml --package FOLDER      # of another version of it, whose sources lie there

All functions of the package that are called between the command line and the written file are collected. A function names a word if
one of its variables, attributes, keywords or keys is called so; the files and functions that do are the way of the word.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

WORDS = ("mu", "tolerance", "spin_current", "seedname")


def names_of(code: CodeType) -> set[str]:
    """Variables, attributes, keywords and keys that a function names. (Keywords are tuples of strings among its constants.)"""
    constants = [word for const in code.co_consts for word in (const if isinstance(const, tuple) else (const,))]
    keys = {word for word in constants if isinstance(word, str)}
    return {*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars, *keys}


def called(action: Callable[[], Any], package: Path) -> set[CodeType]:
    """All functions of a package that run during an action. What is defined in modules and classes is no step of a way."""
    found: set[CodeType] = set()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_flags & 2:  # CO_NEWLOCALS with fast locals: a function
            found.add(frame.f_code)

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return {code for code in found if Path(code.co_filename).is_relative_to(package)}


def ways(functions: set[CodeType], package: Path) -> dict[str, dict[str, list[str]]]:
    """word -> file -> the functions that name it."""
    found: dict[str, dict[str, list[str]]] = {word: {} for word in WORDS}
    for code in sorted(functions, key=lambda code: (code.co_filename, code.co_firstlineno)):
        names = names_of(code)
        for word in WORDS:
            if word in names:
                found[word].setdefault(str(Path(code.co_filename).relative_to(package)), []).append(code.co_qualname)
    return found


def of_a_run(input_file: Path, package: Path) -> dict[str, dict[str, list[str]]]:
    """The ways through `wannier-spin run`; the result is thrown away."""
    from wannier_spin.cli import app

    def run(output: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            app(["run", str(input_file), "-o", str(output)], standalone_mode=False)

    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder, "1.h5"))  # first: what is imported late is no step of the way
        functions = called(lambda: run(Path(folder, "2.h5")), package)
    return ways(functions, package)


def main() -> None:
    """Print the ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", type=Path)
    parser.add_argument("--package", type=Path, help="Folder that holds wannier_spin.")
    parser.add_argument("--all", action="store_true", help="With the names of the functions.")
    options = parser.parse_args()
    if options.package:
        sys.path.insert(0, str(options.package.resolve()))
    import wannier_spin

    package = Path(wannier_spin.__file__ or "").parent
    for word, way in of_a_run(options.input.resolve(), package).items():
        print(f"{word:14} {len(way):3} files {sum(map(len, way.values())):4} functions")
        if options.all:
            print(*(f"    {file}: {', '.join(names)}" for file, names in way.items()), sep="\n")


if __name__ == "__main__":
    main()
