"""Run the examples and write what they must give, example_inputs/*/expected.json; `tests/test_examples.py` compares.

    python workflows/expected.py [Pt GaAs Fe Mn2Au ...]

For each response: its unit, the largest entries (at most 12) at the mu nearest the Fermi level and the first temperature, by
name, such as "xy;z" or "xy;z cos omega=0.1"; and the largest |value| of the whole scan, to which deviations are compared.
Only run it again after a change that is meant to change numbers, and say in the commit why they changed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import wannier_spin as ws
from wannier_spin.components import component_name

EXAMPLES = Path(__file__).resolve().parents[1] / "example_inputs"
N_LARGEST = 12
ROUNDING = 1e-12  # of the largest value: what is smaller is none


def run_example(name: str, output: Path) -> str:
    """Run one example through the command line, as a user does; what it printed."""
    command = [sys.executable, "-m", "wannier_spin.cli", "run", EXAMPLES / name / "input.toml", "-o", output]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"{name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def at_fermi_level(result: ws.ResultSet, name: str) -> np.ndarray:
    """Values at the mu nearest the Fermi level and the first temperature."""
    tensor = result[name]
    return tensor.values[int(np.argmin(np.abs(tensor.mu - result.provenance["fermi_energy_eV"]))), 0]


def entry_name(tensor: ws.ResponseTensor, index: tuple[int, ...]) -> str:
    """'xy;z', or 'xy;z cos omega=0.1', of an index behind (mu, T)."""
    name = component_name(tensor, index[-len(tensor.labels) :])
    return f"{name} {tensor.parts[index[1]]} omega={tensor.omega[index[0]]:.6g}" if len(tensor.omega) else name


def entry_index(tensor: ws.ResponseTensor, name: str) -> tuple[int, ...]:
    """The index of an entry's name: the inverse of `entry_name`."""
    letters, *dynamic = name.split()
    index = tuple("xyz".index(letter) for letter in letters.replace(";", ""))
    if not dynamic:
        return index
    part, omega = dynamic
    frequency = float(omega.removeprefix("omega="))
    return int(np.argmin(np.abs(tensor.omega - frequency))), tensor.parts.index(part), *index


def summary(result: ws.ResultSet) -> dict[str, Any]:
    """What expected.json holds."""
    found = {}
    for name, tensor in sorted(result.items()):
        values = at_fermi_level(result, name)
        order = np.argsort(-np.abs(values), axis=None, kind="stable")[:N_LARGEST]
        rounding = ROUNDING * np.abs(values).max()
        indices = [tuple(map(int, np.unravel_index(flat, values.shape))) for flat in order]
        largest = {entry_name(tensor, index): float(values[index]) for index in indices if abs(values[index]) > rounding}
        found[name] = {"unit": tensor.unit, "largest": largest, "scan_maximum": float(np.abs(tensor.values).max())}
    return found


def main(names: list[str]) -> None:
    for name in names or sorted(path.parent.name for path in EXAMPLES.glob("*/input.toml")):
        with tempfile.TemporaryDirectory() as folder:
            run_example(name, Path(folder) / "out.h5")
            text = json.dumps(summary(ws.load(Path(folder) / "out.h5")), indent=1)
        (EXAMPLES / name / "expected.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: written")


if __name__ == "__main__":
    main(sys.argv[1:])
