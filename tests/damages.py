"""A text with one place changed at a time, and what becomes of it: the message that refuses it, or a summary of what is read."""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin.errors import InputError

WORD = re.compile(r"[^\s,;=(){}\[\]\"']+")


def changes(text: str, most: int) -> Iterator[tuple[str, str]]:
    """What is changed and the text, at most so many at equal steps: a word other, or lost; a line lost, or twice."""
    lines = text.splitlines(keepends=True)
    found: list[tuple[str, str]] = []
    for i, line in enumerate(lines):
        before, after = "".join(lines[:i]), "".join(lines[i + 1 :])
        for n, word in enumerate(WORD.finditer(line)):
            start, end = word.span()
            for name, new in others(word[0]):
                found.append((f"line {i + 1} word {n + 1} {name}", f"{before}{line[:start]}{new}{line[end:]}{after}"))
        found += [(f"line {i + 1} lost", before + after), (f"line {i + 1} twice", before + line + line + after)]
    step = max(1.0, len(found) / most)
    return (found[int(i * step)] for i in range(int(len(found) / step)))


def finer_changes(text: str, most: int) -> Iterator[tuple[str, str, str]]:
    """Kind, what is changed, and the text; of each kind at most so many at equal steps.

    Numbers by little (which bound is there?), or beyond all bounds, or as Fortran writes them; the case of letters; lines exchanged
    and blank ones, and a text that is cut off.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    lines = text.splitlines(keepends=True)
    for i, line in enumerate(lines):
        before, after = "".join(lines[:i]), "".join(lines[i + 1 :])
        for n, word in enumerate(WORD.finditer(line)):
            start, end = word.span()
            for kind, new in finer(word[0]):
                changed = f"{before}{line[:start]}{new}{line[end:]}{after}"
                found.setdefault(kind, []).append((f"line {i + 1} word {n + 1}", changed))
        for kind, changed in (
            ("cut off", before),
            ("blank", f"{before}\n{line}{after}"),
            ("exchanged", before + "".join(reversed(lines[i : i + 2])) + "".join(lines[i + 2 :])),
            ("more behind", f"{before}{line.rstrip()} 7 seven\n{after}"),
        ):
            found.setdefault(kind, []).append((f"line {i + 1}", changed))
    for kind, cases in found.items():
        step = max(1.0, len(cases) / most)
        yield from ((kind, *cases[int(i * step)]) for i in range(int(len(cases) / step)))


def finer(word: str) -> Iterator[tuple[str, str]]:
    """A number by less and less, or far too large, or as others write it; a word in the other case."""
    if re.fullmatch(r"[-+]?\d+(\.\d*)?", word):
        yield from ((f"+ {x}", f"{float(word) + float(x):.12g}") for x in ("0.03", "3e-3", "3e-4", "3e-6"))
        yield from ((f"x {x}", f"{(float(word) or 1.0) * float(x):.12g}") for x in ("3e7", "1e-7"))
        yield "Fortran", f"{float(word):.12f}d+00"
        yield "nan", "nan"
    else:
        yield "case", word.swapcase()


def others(word: str) -> Iterator[tuple[str, str]]:
    """A number one larger, with the other sign, or no number; a word that is another, or none."""
    if re.fullmatch(r"[-+]?\d+", word):
        yield "+ 1", str(int(word) + 1)
        yield "negative", str(-int(word) if int(word) else -3)
    elif re.fullmatch(r"[-+]?\d+\.\d*", word):
        yield "+ 0.3", f"{float(word) + 0.3:.10g}"
        yield "negative", f"{-float(word) if float(word) else -0.7:.10g}"
    else:
        yield "other", "qq"
    yield "no number", f"{word}x"
    yield "lost", ""


def outcomes(text: str, path: Path, read: Callable[[Path], object], most: int) -> dict[str, Any]:
    """By message what leads to it; what leads to the whole file's values; by what is changed a summary of other values."""
    whole = _outcome(text, path, read)
    tree: dict[str, Any] = {"refused": {}, "read": {"as it is": whole}, "as it is": []}
    for name, changed in changes(text, most):
        seen = _outcome(changed, path, read)
        if isinstance(seen, str):
            tree["refused"].setdefault(seen, []).append(name)
        elif seen == whole:
            tree["as it is"].append(name)
        else:
            tree["read"][name] = seen
    return {
        "as it is": "; ".join(tree["as it is"]),
        "read": tree["read"],
        "refused": {message: "; ".join(names) for message, names in tree["refused"].items()},
    }


def marks(text: str, path: Path, read: Callable[[Path], object], most: int) -> dict[str, str]:
    """By kind of change a check sum of what each one leads to, in turn, or = where it leads to what the whole file does."""
    whole = mark(text, path, read)
    found: dict[str, list[str]] = {}
    for kind, _, changed in finer_changes(text, most):
        seen = mark(changed, path, read)
        found.setdefault(kind, []).append("=" if seen == whole else seen)
    return {kind: " ".join(one) for kind, one in found.items()}


def mark(text: str, path: Path, read: Callable[[Path], object]) -> str:
    """A check sum of the words and of all numbers to six digits, with ! before it of a message."""
    path.write_text(text, encoding="utf-8")
    return mark_of(path, read)


def mark_of(path: Path, read: Callable[[Path], object]) -> str:
    """See `mark`, of a file as it is."""
    told = _told(path, read)
    if isinstance(told, str):
        return f"!{zlib.crc32(told.encode()) % 16**4:04x}"
    numbers, words = told
    x = np.array(numbers, float)
    finite = np.where(np.isfinite(x), np.abs(x), 0.0)
    x = np.where(finite < 1e-9 * finite.max(initial=0.0), 0.0, x)
    return f"{zlib.crc32(' '.join([*words, *(f'{one:.6g}' for one in x + 0.0)]).encode()) % 16**4:04x}"


def _told(path: Path, read: Callable[[Path], object]) -> str | tuple[list[float], list[str]]:
    """The message that refuses a file, or the numbers and words that are read."""
    numbers: list[float] = []
    words: list[str] = []
    try:
        _collect(read(path), numbers, words)
    except InputError as error:
        told = str(error).replace(f"{path.parent}/", "").replace(str(path.parent), ".")
        return re.sub(  # what follows are the words of a library
            r"(no whole XML file|^ase cannot read|is not valid TOML).*", r"\1", told
        )
    return numbers, words


def _outcome(text: str, path: Path, read: Callable[[Path], object]) -> Any:
    path.write_text(text, encoding="utf-8")
    told = _told(path, read)
    return told if isinstance(told, str) else _summary(*told)


def summary(value: object) -> list[Any]:
    """How many numbers there are, two sums of them that know places and sizes, and a check sum of the words."""
    numbers: list[float] = []
    words: list[str] = []
    _collect(value, numbers, words)
    return _summary(numbers, words)


def _summary(numbers: list[float], words: list[str]) -> list[Any]:
    x = np.array(numbers, float)
    words += [str(one) for one in x[~np.isfinite(x)]]
    x = np.where(np.isfinite(x), x, 0.0)
    weighted, size = float(x @ np.cos(1.7 * np.arange(len(x)))), float(np.abs(x).sum())
    return [len(x), [float(f"{weighted:.6g}"), float(f"{size:.6g}")], f"{zlib.crc32(' '.join(words).encode()):08x}"]


def _collect(value: object, numbers: list[float], words: list[str]) -> None:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        numbers += value.astype(complex).ravel().view(float).tolist()
    elif isinstance(value, bool | str) or value is None:
        words.append(str(value))
    elif isinstance(value, int | float | complex | np.number):
        numbers += [complex(value).real, complex(value).imag]
    elif isinstance(value, Path):
        words.append(value.name)
    elif is_dataclass(value):
        for one in fields(value):
            _collect(getattr(value, one.name), numbers, words)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            words.append(str(key))
            _collect(one, numbers, words)
    elif isinstance(value, tuple | list | set | np.ndarray):
        for one in sorted(value) if isinstance(value, set) else value:
            _collect(one, numbers, words)
    else:
        raise TypeError(f"no summary of {type(value).__name__}")
