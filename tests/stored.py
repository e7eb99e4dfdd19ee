"""What was seen once and looked at, kept in tests/reference, and compared: words to the letter, numbers to a part of the largest.

    WANNIER_SPIN_STORE=1 pytest -n 0 tests/test_figures.py tests/test_transcripts.py

stores anew what the tests see now; the change of the file shows what has changed.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "reference"
STORING = "WANNIER_SPIN_STORE" in os.environ
CLOSE = 2e-4  # of the largest number of a list, or of a number
ROUNDING = 1e-9  # what is shown is of the order of one, or larger
VOLATILE = (
    (r"\b\d+(\.\d+)? (s|min|h|ms)\b", "# s"),
    (r"\d\d\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?\S*", "then"),
    (r'"(wannier[-_]spin|numpy|scipy|python|h5py|spglib|numba)": "[^"]*"', "version"),
    (r"wannier_spin \d\S*", "wannier_spin #"),
)
NUMBER = re.compile(r"(?<![\w.^])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])")
NOISE = 1e-7  # what is printed of rounding


def check(file: str, name: str, seen: object) -> None:
    """Assert that what is seen is what is stored under this name: trees of dictionaries, lists, words and numbers."""
    path, known = FOLDER / file, read(file)
    seen = json.loads(json.dumps(seen))  # tuples are lists
    if STORING:
        known[name] = seen
        path.write_text(written(known), encoding="utf-8")
    differing = list(differences(known[name], seen, ""))
    assert not differing, "\n".join([f"{name} is not what {path.name} has:", *differing[:12]])


def read(file: str) -> dict[str, Any]:
    """All that is stored in a file; nothing where there is none."""
    path = FOLDER / file
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}  # type: ignore[no-any-return]


def written(known: dict[str, Any]) -> str:
    """A line for each entry of the second level, so that a change is a line."""
    parts = []
    for name, tree in sorted(known.items()):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        lines = (
            f"  {json.dumps(key) + ': ' if isinstance(key, str) else ''}{json.dumps(value, ensure_ascii=False)}"
            for key, value in items
        )
        start, end = "{}" if isinstance(tree, dict) else "[]"
        parts.append(f"{json.dumps(name)}: {start}\n" + ",\n".join(lines) + f"\n{end}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def differences(stored: Any, seen: Any, where: str) -> Iterator[str]:
    """Each place that differs, in words."""
    if isinstance(stored, dict) and isinstance(seen, dict):
        for key in sorted({*stored, *seen}):
            yield from differences(stored.get(key), seen.get(key), f"{where}/{key}")
    elif _numbers(stored) and _numbers(seen) and len(stored) == len(seen):
        bound = CLOSE * max(map(abs, stored), default=0.0) + ROUNDING
        if not all(abs(a - b) <= bound for a, b in zip(stored, seen, strict=True)):
            yield f"{where}: {seen}, stored {stored}"
    elif isinstance(stored, list) and isinstance(seen, list) and len(stored) == len(seen):
        for i, (a, b) in enumerate(zip(stored, seen, strict=True)):
            yield from differences(a, b, f"{where}/{i}")
    elif type(stored) is float and type(seen) in (int, float):
        if abs(stored - seen) > CLOSE * abs(stored) + ROUNDING:
            yield f"{where}: {seen}, stored {stored}"
    elif stored != seen:
        yield f"{where}: {seen!r}, stored {stored!r}"


def _numbers(value: Any) -> bool:
    """Whether a list is of numbers, of which one may be a whole one by chance; whole numbers alone are counts."""
    return isinstance(value, list) and any(type(x) is float for x in value) and all(type(x) in (int, float) for x in value)


def digest(values: Any) -> list[Any]:
    """Of an array: its shape, how many of its numbers are finite, and of these the first, one in the middle, the last, their mean,
    that of their sizes, one with weights that know places, and the largest size.
    """
    array = np.asarray(values, float)
    finite = array[np.isfinite(array)]
    if not len(finite):
        return [list(array.shape), 0, []]
    weighted = finite @ np.cos(1.7 * np.arange(len(finite))) / len(finite)
    some = (finite[0], finite[len(finite) // 3], finite[-1], finite.mean(), np.abs(finite).mean(), weighted, np.abs(finite).max())
    return [list(array.shape), len(finite), [float(f"{x:.5g}") for x in some]]


def lines_of(text: str) -> list[list[Any]]:
    """Of each line its words, with # for numbers, and the numbers as they are written."""
    for pattern, plain in VOLATILE:
        text = re.sub(pattern, plain, text)
    found = []
    for line in text.splitlines():
        numbers = [rounded(word) for word in NUMBER.findall(line)]
        found.append([re.sub(r"\s+", " ", NUMBER.sub("#", line)).strip(), *numbers])
    return found


def rounded(word: str) -> Any:
    """A whole number as it is; others as floats, zero where they are rounding."""
    if re.fullmatch(r"[-+]?\d+", word):
        return int(word)
    return 0.0 if abs(float(word)) < NOISE else float(word)
