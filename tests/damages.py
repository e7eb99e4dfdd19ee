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


def _outcome(text: str, path: Path, read: Callable[[Path], object]) -> Any:
    path.write_text(text, encoding="utf-8")
    try:
        return summary(read(path))
    except InputError as error:
        told = str(error).replace(f"{path.parent}/", "").replace(str(path.parent), ".")
        return re.sub(
            r"(no whole XML file|^ase cannot read|is not valid TOML).*", r"\1", told
        )  # what follows are the words of a library


def summary(value: object) -> list[Any]:
    """How many numbers there are, two sums of them that know places and sizes, and a check sum of the words."""
    numbers: list[float] = []
    words: list[str] = []
    _collect(value, numbers, words)
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
