"""What a result file has to have: checked before anything is made of it, so that a damaged one is named and not computed with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wannier_spin.errors import InputError
from wannier_spin.results.select import BLOCKS, STACKED, VARIANTS
from wannier_spin.storage import Array, Each, Schema, Value, check_tree

_TEXT, _WHOLE, _NUMBER = Value((str,)), Value((int,)), Value((int, float), optional=True)
_FILE = Schema(
    {"kind": _TEXT, "warnings": _TEXT, "provenance": Schema({}), "order": Value((list,)), "responses": Each(Schema({}), least=1)}
)
_REMEDY = "compute it again"
_TEXTS = ("name", "title", "symbol", "equation", "law", "reference", "channel", "output", "labels", "form", "units")
_JSON = ("recipes", "tau_powers", "time_odd")


def check_result(where: str, tree: Mapping[str, Any]) -> None:
    """Raise InputError, which begins with `where`, for what is missing or of another type or shape."""
    check_tree(where, tree, _FILE, _REMEDY)
    for name, tensor in tree["responses"].items():
        _check_tensor(f"{where}, {name}", tensor)


def _check_tensor(where: str, tree: Mapping[str, Any]) -> None:
    check_tree(where, tree, Schema({"labels": _TEXT}), _REMEDY)
    check_tree(where, tree, _tensor(len(tree["labels"])), _REMEDY)
    if fault := _fault_of_names(tree):
        raise InputError(f"{where}: {fault}; {_REMEDY}")
    for variant in VARIANTS:
        for name, tensor in tree.get(variant, {}).items():
            _check_tensor(f"{where}, {variant}/{name}", tensor)


def _fault_of_names(tree: Mapping[str, Any]) -> str | None:
    """Blocks that are named and not there, words that nobody knows."""
    blocks = set(tree["blocks"])
    for key in BLOCKS[1:]:
        if key in tree and set(tree[key]) != blocks:
            return f"'{key}' has {', '.join(sorted(tree[key])) or 'nothing'}, expected {', '.join(sorted(blocks))}"
    recipes, powers = json.loads(tree["recipes"]), json.loads(tree["tau_powers"])
    custom = {"custom": json.loads(tree["custom"])} if "custom" in tree else {}
    for name, recipe in {**recipes, **custom, "tau_powers": powers}.items():
        numbers = isinstance(recipe, dict) and all(isinstance(factor, int | float) for factor in recipe.values())
        if not numbers or not set(recipe) <= blocks:
            return f"'{name}' is of other blocks than {', '.join(sorted(blocks))}"
    wanted = tree["form"] if "relaxation" not in tree else f"{tree['form']} {tree['relaxation']}"
    if not custom and wanted not in recipes:
        return f"the form is '{wanted}', expected {' or '.join(recipes)}"
    if tree["units"] not in ("natural", "SI"):
        return f"the units are '{tree['units']}', expected natural or SI"
    return None


def _tensor(rank: int) -> Schema:
    """Of a response with tensors of this rank."""
    static: tuple[int | str, ...] = ("mu", "T", *(3,) * rank)
    dynamic: tuple[int | str, ...] = ("mu", "T", "omega", 2, *(3,) * rank)
    blocks, replicas = Array("f", (static, dynamic)), Array("f", (("replica", *static), ("replica", *dynamic)))
    return Schema(
        {
            **dict.fromkeys((*_TEXTS, *_JSON), _TEXT),
            **dict.fromkeys(("field_order", "tau_power", "dimension"), _WHOLE),
            "mu": Array("f", (("mu",),), finite=True),
            "temperature": Array("f", (("T",),), finite=True),
            "omega": Array("f", (("omega",),), finite=True),
            "tau": Array("f", (("tau",),), finite=True),
            "blocks": Each(blocks, least=1),
            "block_errors": Each(blocks),
            **dict.fromkeys(("block_residuals", "block_spreads"), Each(blocks, optional=True)),
            **dict.fromkeys(STACKED, Each(replicas, optional=True)),
            "thickness": _NUMBER,
            "carriers": Array("f", (("mu",),), finite=True, optional=True),
            "carriers_unit": Value((str,), optional=True),
            "carriers_mu": Array("f", (("mu", "T"),), finite=True, optional=True),
            "carriers_mu_error": Array("f", (("mu", "T"),), finite=True, optional=True),
            **dict.fromkeys(("half_counts", "converged"), Value((bool,), optional=True)),
            **dict.fromkeys(VARIANTS, Each(Schema({}), optional=True)),
        }
    )
