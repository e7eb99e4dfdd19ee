"""What commands print is no wider than the terminal, and loses nothing; in a pipe lines stay whole."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wannier_spin.cli.terminal import broken, table

HEAD = ("response", "component", "value(bar)", "unit")
ROWS = [
    ("nonlinear_extrinsic_spin_magnetization", "xyz = xzy = -yxz = -yzx", "0.0(10)e9", "<sigma/2> m^-3 per (V/m)^2"),
    ("spin_hall", "xy;z = -yx;z", "0.1(11)e5", "(hbar/e) S m^-1"),
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
