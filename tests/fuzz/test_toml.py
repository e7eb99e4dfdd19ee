"""Input files with anything in them: one message that names the file, or a request. No other exception, no hang, no memory."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from bounded import bounded, says_memory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whole_input import WHOLE

import wannier_spin as ws
from wannier_spin.calculation.integrate import algorithm_of
from wannier_spin.calculation.run import request_of
from wannier_spin.config import Settings, read_settings
from wannier_spin.errors import InputError
from wannier_spin.prepared import prepare

SHEET = ws.models.rashba_exchange()
LINES = WHOLE.strip().splitlines()
NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "0",
    "-1",
    "1e400",
    "1e-320",
    "1e300",
    "9" * 30,
    "-0.0",
    "0x10",
    "1_000",
    "2**3",
    "1e5",
    "true",
    "false",
]
TEXTS = [
    '""',
    '"x"',
    '"all"',
    '"\\u0000"',
    '"é\\n"',
    '"../../etc/passwd"',
    "'''a\nb'''",
    "1979-05-27",
    "07:32:00",
    '"' + "x" * 5000 + '"',
]
NESTED = ["[]", "[[]]", "{}", "[1, [2]]", '[1, "a"]', "{ a = 1 }", "[{ a = 1 }]", "{ from = 1 }", "[" * 90 + "]" * 90]
RANGES = [
    "{ from = 0, to = 1, points = 100000000000 }",
    "{ from = nan, to = 1, points = 3 }",
    "{ from = 0, to = inf, points = 3 }",
    "{ from = 0, to = 1, points = 0 }",
    "{ from = 0, to = 1, points = 2.5 }",
    "[" + ", ".join(["0.1"] * 2000) + "]",
]
OPTIONS: dict[str, Any] = {
    "derandomize": True,
    "deadline": None,  # `bounded` counts the processor's time
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@st.composite
def inputs(draw: st.DrawFn) -> bytes:
    """The whole input with some lines changed: a value, a key, one more or less; or some bytes of it."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        key = lines[number].split("=")[0].strip()
        how = draw(st.sampled_from(["value", "value", "value", "inside", "key", "missing", "twice", "tolerance"]))
        value = draw(
            st.one_of(
                st.sampled_from([*NUMBERS, *TEXTS, *NESTED, *RANGES]), st.floats().map(repr), st.text(max_size=8).map(json.dumps)
            )
        )
        if how == "value":
            lines[number] = f"{key} = {value}"
        elif how == "inside":
            start = draw(st.integers(0, len(lines[number])))
            lines[number] = lines[number][:start] + value + lines[number][start + draw(st.integers(0, 5)) :]
        elif how == "key":
            lines[number] = lines[number].replace(
                key, draw(st.sampled_from([key + "s", key.upper(), "model", "tolerance", '""', "é"])), 1
            )
        elif how == "missing" and len(lines) > 1:
            del lines[number]
        elif how == "twice":
            lines.append(lines[number])
        else:
            lines = [line for line in lines if not line.startswith("grid")] + [f"tolerance = {value}"]
    data = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
    if draw(st.integers(0, 9)) == 0:
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


def asked(path: Path) -> str:
    """What `run` does with an input file before it computes."""
    try:
        found: Settings = read_settings(path)[0]
    except InputError as error:
        assert not says_memory(error)
        assert str(path) in str(error)
        assert "pydantic" not in str(error)
        assert len(str(error)) < 20_000
        return "refused"
    try:
        algorithm_of(prepare(SHEET, request_of(found, SHEET, None)).request, SHEET)
    except InputError as error:
        assert not says_memory(error)
        assert str(error)
        return "refused"
    return "asked"


def check(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with bounded():
        asked(path)


def test_the_whole_input_is_asked(tmp_path: Path) -> None:
    (tmp_path / "in.toml").write_text(WHOLE)
    assert asked(tmp_path / "in.toml") == "asked"
    assert set(tomllib.loads(WHOLE)) <= set(Settings.model_fields)


@settings(max_examples=300, **OPTIONS)
@given(data=inputs())
def test_damaged_inputs(tmp_path: Path, data: bytes) -> None:
    check(tmp_path / "in.toml", data)


@pytest.mark.slow
@settings(max_examples=10_000, **OPTIONS)
@given(data=inputs())
def test_damaged_inputs_many(tmp_path: Path, data: bytes) -> None:
    check(tmp_path / "in.toml", data)
