"""What small functions say at both sides of their bounds, as reference/functions.json has it: rows of inputs, and what comes out.

They are those that decide what is told, shown and drawn, and by which of several ways: one row finds the kinds of faults that only
a bound, one side of an `or`, or a number in a message shows. Formulas have tests of their own.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from scans import against_mu, bars, scan
from shown import shown
from stored import check

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.results import choose, show
from wannier_spin.results import compare as comparing

Rows = dict[str, Callable[[], Any]]


def each(function: Callable[..., Any], *inputs: Any) -> Callable[[], list[Any]]:
    """The answers to several inputs; a tuple is several arguments."""
    return lambda: [outcome(lambda x=x: function(*x) if type(x) is tuple else function(x)) for x in inputs]


def outcome(work: Callable[[], Any]) -> Any:
    """What comes out, or the refusal."""
    try:
        return shown(work())
    except InputError as error:
        return f"refused: {error}"


COMPUTED = {"curves", "rerun", "figures of results", "ties", "violations", "mu of carriers"}  # whose last digits are rounding


def loose(tree: Any) -> Any:
    """Numbers as numbers, which are compared as such."""
    if isinstance(tree, dict):
        return {name: loose(one) for name, one in tree.items()}
    if isinstance(tree, list):
        return [loose(one) for one in tree]
    return float(tree) if isinstance(tree, str) and re.fullmatch(r"-?\d+(\.\d+)?(e[-+]\d+)?", tree) else tree


NAN, INF = float("nan"), float("inf")


@cache
def spectrum() -> Any:
    return scan()["displacement_spin_current"]


@cache
def response(name: str = "spin_hall") -> Any:
    return against_mu()[name]


def changed(tensor: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """With other values, and bars made of them."""
    blocks = {name: change(block.copy()) for name, block in tensor.blocks.items()}
    return replace(tensor, blocks=blocks, block_errors=bars(replace(tensor, blocks=blocks)))


def with_nan(block: np.ndarray) -> np.ndarray:
    block[1, 0, 0, 1] = np.nan
    return block


def only(place: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """One component, and rounding in all others."""

    def change(block: np.ndarray) -> np.ndarray:
        index = (..., *place)
        kept = block[index].copy()
        block *= 1e-14
        block[index] = kept
        return block

    return change


def bar_of(part: float) -> Any:
    """All bars equal, this part of the largest value."""
    tensor = response()
    top = float(np.abs(tensor.values).max() / np.abs(tensor.values[0, 0]).max())
    errors = {name: np.full_like(block, part * np.abs(block).max()) for name, block in tensor.blocks.items()}
    return replace(tensor, block_errors=errors) if top else tensor


def result_of(*tensors: Any, **facts: Any) -> ws.ResultSet:
    base = against_mu()
    return replace(base, tensors={t.name: t for t in tensors}, warnings=()).with_facts(**facts)


def chosen_of(tensor: Any, **changes: Any) -> list[str]:
    return [str(group) for group in choose.largest(replace(tensor, **changes))]


def comparison(relative: float, in_bars: float) -> str:
    entry = show.entry(response(), (0, 0, 0, 1, 2))
    return comparing.Comparison("a", (response(), response()), (entry, entry), 0.0, 1.0, relative, in_bars).words


def entry_of(value: float, error: float) -> Any:
    return show.Entry("a", "xy", " = -yx", "cos 0.1 eV", (0, 0), value, error, "S")


FACTS = against_mu().facts
ONE_MU = {"mu": np.array([0.5]), "temperature": np.array([300.0])}


def same(group: str, name: str, work: Callable[[], Any]) -> None:
    """As it is stored."""
    found = outcome(work)
    assert found not in ([], None)
    check("functions.json", f"{group}: {name}", {"found": loose(found) if group == "results" or name in COMPUTED else found})
