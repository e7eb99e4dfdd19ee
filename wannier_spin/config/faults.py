"""What is wrong with an input file, in words: one line for each key, with the nearest valid one."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from wannier_spin.errors import did_you_mean

MISSING_KEY = "the key"
RANGE = ("from", "to", "points")  # keys of a table that stands for a list of numbers
LONGEST, LONGEST_LINE = 200, 2000  # characters of a value in a message, and of what is said of one key


def told(error: ValidationError, settings: type[BaseModel]) -> str:
    """The problems of an input file whose keys are those of `settings`."""
    return "\n".join(f"  {_cut(_explain(problem, settings), LONGEST_LINE)}" for problem in _first_of_each_key(error))


def _first_of_each_key(error: ValidationError) -> list[Any]:
    """One problem per key; a union of types reports one for each of its members."""
    problems: dict[str, Any] = {}
    for problem in error.errors():
        where = problem["loc"][: 2 if problem["type"] == "extra_forbidden" else 1]
        problems.setdefault(str(where), problem)
    return list(problems.values())


def _explain(problem: Any, settings: type[BaseModel]) -> str:
    keys = [str(part) for part in problem["loc"] if isinstance(part, int) or (str(part).isidentifier() and part != "str")]
    key = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        unknown = str(problem["loc"][-1])  # any text may be a key in TOML
        inside = keys[:-1] if unknown.isidentifier() else keys
        valid = _valid_keys(inside, settings)
        return f"unknown key '{'.'.join([*inside, unknown])}'; {did_you_mean(unknown, valid, 'Valid here:')}"
    if problem["type"] == "missing":
        return f"{MISSING_KEY} '{key}' is missing; it has no default"
    message = _expected(problem, keys, settings)
    if message.startswith(MISSING_KEY):
        return str(message)
    if isinstance(problem["input"], dict):  # a whole table
        return f"[{key}]: {message}" if key else str(message)
    return f"{key} = {_cut(repr(problem['input']), LONGEST)}: {message}"


EXPECTED = {  # kinds of pydantic
    "list_type": "expected a list, [...]",
    "string_type": "expected text, in quotes",
    "string_too_short": "it is empty, expected a name",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "dict_type": "expected a table, { name = value }",
}


def _expected(problem: Any, keys: list[str], settings: type[BaseModel]) -> str:
    """What should be there, in words of TOML."""
    kind = problem["type"]
    if kind in ("model_type", "model_attributes_type"):
        return f"expected a table [{'.'.join(keys)}], with {', '.join(_valid_keys(keys, settings))}"
    if kind in ("too_short", "too_long"):
        length = problem["ctx"].get("min_length", problem["ctx"].get("max_length"))
        return f"expected {length} values, there are {problem['ctx']['actual_length']}"
    return EXPECTED.get(kind) or problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")


def _cut(text: str, length: int) -> str:
    """Not more of it than one reads."""
    return text if len(text) <= length else f"{text[:length]} ..."


def _valid_keys(section: list[str], settings: type[BaseModel]) -> list[str]:
    current = settings
    for name in section:
        field = current.model_fields.get(name)
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not sections:
            return list(RANGE)
        current = sections[0]
    return list(current.model_fields)
