"""Input files, texts of k·p Hamiltonians and keywords with one place changed at a time: stored, the messages to the letter.

WANNIER_SPIN_STORE=1 pytest -n 0 tests/test_one_place_changed.py
"""

import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damages import outcomes, summary
from stored import check
from whole_input import WHOLE

import wannier_spin as ws
from wannier_spin.calculation.integrate import algorithm_of
from wannier_spin.config import read_settings
from wannier_spin.errors import InputError
from wannier_spin.models.polynomial import parse_hamiltonian
from wannier_spin.prepared import prepare
from wannier_spin.request import Request

SHEET = ws.models.rashba_exchange()
MESH = WHOLE.lstrip().replace("thickness = 3.0 }", 'thickness = 3.0, vacuum = "c" }')
TOLERANCE = """responses = "spin_hall"
carriers = { values = [1.0, 2.0], unit = "cm-2", electrons = 2 }
gap_broadening = 0.1
spin_current = ["simple"]
[seedname]
up = "up"
down = "down"
axis = [0, 0, 2.0]
[tolerance]
relative = 0.02
absolute = { spin_hall = 0.5 }
max_evaluations = 5000
max_seconds = 60.0
replicas = 2
start = 4
window = [-0.1, 0.2]
[symmetry]
structure = "x.win"
magnetic_moments = [[0, 0, 1.5]]
spin_orbit = false
reduce = false
"""
KP = """responses = ["edelstein"]
mu = [0.1]
tolerance = 0.05
[kp]
hamiltonian = "v*(kx*sy - ky*sx) + m*sz"
dimension = 2
parameters = { v = 1.5, m = 0.2 }
box = [[-0.5, -0.4], [0.5, 0.6]]
spin = ["sx", "sy", "2*sz"]
"""
HAMILTONIAN = """v*( kx * sx + ky * sy ) + A * k2 * s0 + w * ( kx ** 3 - 3 * kx * ky ** 2 ) * sz / 2 - m * tz * sx + 0.5 * ty
"""


def asked(path: Path) -> object:
    settings = read_settings(path)[0]
    return settings.model_dump()


def polynomial(path: Path) -> object:
    found = parse_hamiltonian(path.read_text().strip(), {"v": 0.8, "A": 0.7, "w": 0.4, "m": 0.13}, 2)
    return list(found.series(np.array([[0.3, -0.2, 0.0], [0.05, 0.4, 0.0]])))


FILES = {"mesh": (MESH, asked, 110), "tolerance": (TOLERANCE, asked, 110), "k.p": (KP, asked, 80)}


@pytest.mark.parametrize("name", FILES)
def test_input_files(name: str, tmp_path: Path) -> None:
    text, read, most = FILES[name]
    check("changed.json", f"input of {name}", outcomes(text, tmp_path / "in.toml", read, most))


def test_texts_of_hamiltonians(tmp_path: Path) -> None:
    check("changed.json", "k.p Hamiltonian", outcomes(HAMILTONIAN, tmp_path / "h", polynomial, 150))


# --- keywords -----------------------------------------------------------------------------------------------------------

ASKED: dict[str, Any] = {"responses": ["spin_hall", "edelstein"], "mu": [0.1, 0.3], "temperature": [500, 1000], "grid": (4, 4, 1)}
STRANGE: list[Any] = [
    *(None, True, 0, -1, 2, 0.5, 1e-9, 1e9, np.nan, np.inf),
    *("", "all", "spin", "paper", "SI", "static", "edelstein", "L1surf", "ryoo"),
    *([], [1, 1], [0.5, -0.5], [1, np.nan], [1, "x"], [[1, 2], [3, 4]]),
    *((2, 2, 2), (4, 4, 0), (4, 4, 1.5), (0.5, 0, 0)),
    *({}, {"A": [0], "B": [1]}, {"A": [5]}, {"A": [0, 0]}, {"edelstein": 1.0}),
]


@pytest.mark.parametrize("keyword", [one.name for one in fields(Request) if one.name not in ("symmetry", "carriers")])
def test_strange_values_of_a_keyword(keyword: str) -> None:
    """What `Request`, `prepare` and the choice of a way to sum make of it."""
    seen: dict[str, Any] = {"refused": {}}
    for value in STRANGE:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                asked_for = {name: x for name, x in ASKED.items() if name != "grid" or keyword != "tolerance"}
                request = Request(**(asked_for | {keyword: value}))
                made = prepare(SHEET, request)
                algorithm_of(request, SHEET)
            seen[repr(value)] = summary([getattr(request, keyword), made.plan.n_channels, made.occupation.mu, made.occupation.kT])
        except InputError as error:
            seen["refused"].setdefault(str(error), []).append(repr(value))
    check("changed.json", f"keyword {keyword}", seen)
