"""What commands print is no wider than the terminal, and loses nothing; in a pipe lines stay whole."""

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wannier_spin.cli import app
from wannier_spin.cli.app import examples
from wannier_spin.cli.terminal import broken, table

HEAD = ("response", "component", "value(bar)", "unit")
ROWS = [
    ("nonlinear_extrinsic_spin_magnetization", "xyz = xzy = -yxz = -yzx", "0.0(10)e9", "<sigma/2> m^-3 per (V/m)^2"),
    ("spin_hall", "xy;z = -yx;z", "0.1(11)e5", "(hbar/e) S m^-1"),
]


COMMANDS = ("", *typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def help_of(command: str) -> str:
    return CliRunner().invoke(app, [*command.split(), "-h"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).output


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_no_wider_than_80_columns(command: str) -> None:
    found = help_of(command)
    assert "Usage:" in found
    assert "Examples:" in found
    assert max(map(len, found.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_lines_for_a_shell(command: str) -> None:
    """Joined again at the backslashes each is one command of this program, with options that it has."""
    text = help_of(command).partition("Examples:")[2].replace("\\\n", " ")
    found = [shlex.split(line, comments=True) for line in text.splitlines() if re.match(r"\s+(wannier-spin|mpirun)", line)]
    assert len(found) >= 1
    for words in found:
        name, *arguments = words[words.index("wannier-spin") + 1 :]
        options = {word for word in arguments if word.startswith("--")}
        assert name in COMMANDS
        assert options <= set(re.findall(r"--[\w-]+", help_of(name)))


def test_a_long_example_is_continued_at_an_option() -> None:
    text = examples(
        "wannier-spin plane Pt --corners '. 0 0 0; . 1 0 0 - 2' --fermi-energy 22.4839 -o a_long_name_of_a_figure.pdf  # why"
    )
    assert text.split("\n") == [
        "\b",
        "Examples:",
        "  # why",
        "  wannier-spin plane Pt --corners '. 0 0 0; . 1 0 0 - 2' \\",
        "      --fermi-energy 22.4839 -o a_long_name_of_a_figure.pdf",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_tables_fit_and_keep_every_letter(width: int) -> None:
    found, whole = table(HEAD, ROWS, width), table(HEAD, ROWS)
    assert max(map(len, whole.splitlines())) > 90
    assert max(map(len, found.splitlines())) <= width
    assert sorted(re.sub(r"\s", "", found)) == sorted(re.sub(r"\s", "", whole))
    if width == 200:
        assert found == whole
    if width == 80:
        assert "nonlinear_extrinsic_" in found  # names are broken behind an underscore


@given(st.text(alphabet="ab_ ", max_size=60), st.integers(5, 30))
def test_lines_are_broken_without_loss(text: str, width: int) -> None:
    lines = broken(text, width)
    assert max(map(len, lines)) <= max(width, len(text) - len(text.lstrip()) + width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_command_on_a_narrow_terminal() -> None:
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 72, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "wannier_spin.cli", "responses"]
    with subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=environment) as process:
        os.close(inside)
        lines = _read(terminal).decode().replace("\r", "").splitlines()
        assert process.wait(timeout=60) == 0
    assert max(map(len, lines)) <= 72
    assert any(line.startswith("spin_hall") for line in lines)
    assert len(lines) > 30


def _read(terminal: int) -> bytes:
    """Until the other side is closed, which Linux tells as an error."""
    text = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return text
        if not piece:
            return text
        text += piece
