"""Accuracy against evaluations: meshes, boxes within a tolerance, wannierberri's refinement, postw90's adaptive mesh.

    python workflows/documentation/accuracy.py [Pt] [Fe] [Mn2Au] [postw90]

Writes accuracy.json for the page on validation; about half an hour on one core. Every row of a case: method, k-points evaluated,
largest deviation from the best of ours relative to the largest value, and what the method itself says of its error (none: nothing).
The best is that of ours with the smallest error bar, named in the table. postw90 (in the path) needs the files of Pt: its integrand
is another one (Qiao's spin current, T = 0, eta = 0.05 eV), so it is compared with its own largest mesh.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import wannier_spin as ws

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "example_inputs"
OUTPUT = Path(__file__).with_name("accuracy.json")
NEEL = [(2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0)]
MU = np.array([-0.5, 0.0, 0.5])  # eV, from the Fermi energy
CASES: dict[str, dict[str, Any]] = {
    "Pt": {
        "response": "spin_hall",
        "moments": None,
        "mu": 22.4839 + MU,
        "meshes": (24, 48, 96),
        "tolerances": (3e-2, 1e-2, 3e-3),
        "refined": ((24, 0), (24, 5), (48, 0), (48, 5), (96, 0)),
    },
    "Fe": {
        "response": "magnetic_spin_hall",
        "moments": [(0, 0, 2.2)],
        "mu": 17.6048 + MU,
        "meshes": (24, 48, 72, 96, 144),
        "tolerances": (1e-1, 3e-2),
        "refined": (),
    },
    "Mn2Au": {
        "response": "nonlinear_extrinsic_spin_current",
        "moments": NEEL,
        "mu": np.array([16.5032]),
        "meshes": (12, 24, 36, 48, 72),
        "tolerances": (3e-1, 1e-1),
        "refined": (),
    },
}
TEMPERATURES = (300.0, 30.0)
POSTW90 = ((24, 1, 0), (24, 5, 300), (24, 5, 100), (24, 5, 30), (48, 1, 0), (48, 5, 100), (72, 1, 0))  # mesh, refinement, threshold


def model_of(name: str) -> ws.TightBindingModel:
    saved = EXAMPLES / name / f"{name}.model.h5"
    return ws.load_model(saved) if saved.is_file() else ws.read_wannier90(EXAMPLES / name / name)


def case(name: str) -> Iterator[dict[str, Any]]:
    """One table for each temperature."""
    given = CASES[name]
    model, structure = model_of(name), ws.read_structure(EXAMPLES / name / f"{name}.win", given["moments"])
    for T in TEMPERATURES:
        options = {"mu": given["mu"], "temperature": T, "symmetry": structure}
        runs: list[Any] = []  # label, k-points, values (mu, tensor), error bar
        for n in given["meshes"]:
            runs.append(ours(f"mesh {n}^3", model, given["response"], options | {"grid": (n, n, n)}))
        for t in given["tolerances"]:
            wanted = ws.Tolerance(t, max_evaluations=400_000)
            runs.append(ours(f"tolerance {t:g}", model, given["response"], options | {"tolerance": wanted}))
        best = min(runs, key=lambda run: run[3])
        runs += [refined(model, structure, given, T, n, iterations) for n, iterations in given["refined"]]
        largest = np.abs(best[2]).max()
        rows = [[label, n, float(np.abs(x - best[2]).max() / largest), bar] for label, n, x, bar in runs]
        yield {"material": name, "response": given["response"], "temperature": T, "best": best[0], "rows": rows}
        print(name, T, *rows, sep="\n  ", flush=True)


def ours(label: str, model: ws.TightBindingModel, response: str, options: dict[str, Any]) -> tuple[str, int, np.ndarray, float]:
    result = ws.compute(model, response, **options)
    tensor = result[response]
    bar = float(tensor.error.max() / np.abs(tensor.values).max())
    return label, int(result.provenance["k_points_evaluated"]), tensor.values[:, 0], bar


def refined(
    model: ws.TightBindingModel, structure: ws.Structure, given: dict[str, Any], T: float, n: int, iterations: int
) -> tuple[str, int, np.ndarray, None]:
    """wannierberri's grid of n^3 points and so many refinements, with our integrand."""
    import wannierberri as wb

    from wannier_spin.berri import calculators, point_group, to_system_R
    from wannier_spin.symmetry import magnetic_group

    system = to_system_R(model)
    system.set_pointgroup(pointgroup=point_group(magnetic_group(structure).operations, system.real_lattice))
    wanted = calculators([given["response"]], Efermi=given["mu"], temperature=T)
    counted = [0]
    wanted = {key: _Counting(calculator, counted) for key, calculator in wanted.items()}
    grid = wb.Grid(system, NKdiv=n // 4, NKFFT=4)
    with tempfile.TemporaryDirectory() as folder:
        place = {"fout_name": f"{folder}/w", "file_Klist_path": f"{folder}/k"}
        options = {"parallel": False, "adpt_num_iter": iterations, "use_irred_kpt": True, "symmetrize": True}
        result = wb.run(system, grid, wanted, **options, **place)
    words = f"wannierberri {n}^3" + (f", {iterations} refinements" if iterations else "")
    return words, int(counted[0]), result.results[given["response"]].data[:, 0], None


class _Counting:
    """A calculator that counts the k-points it is given."""

    def __init__(self, calculator: Any, counted: list[int]) -> None:
        self._calculator, self._counted = calculator, counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._calculator, name)

    def __call__(self, data_K: Any) -> Any:
        self._counted[0] += data_K.nk
        return self._calculator(data_K)


def postw90() -> dict[str, Any]:
    """Pt, sigma_xy;z at three Fermi energies."""
    found = []
    for n, points, threshold in POSTW90:
        with tempfile.TemporaryDirectory() as name:
            values, triggered = _run_postw90(Path(name), n, points, threshold)
        label = f"postw90 {n}^3" + (f", refined {points}^3 above {threshold} angstrom^2" if points > 1 else "")
        found.append((label, n**3 + triggered * points**3, values))
        print(label, *found[-1][1:], flush=True)
    best, largest = found[-1][2], np.abs(found[-1][2]).max()
    rows = [[label, n, float(np.abs(x - best).max() / largest), None] for label, n, x in found[:-1]]
    return {"material": "Pt", "response": "postw90, spin Hall", "temperature": 0.0, "best": found[-1][0], "rows": rows}


def _run_postw90(folder: Path, n: int, points: int, threshold: float) -> tuple[np.ndarray, int]:
    pt = EXAMPLES / "Pt"
    for ending in ("chk", "eig", "spn"):
        os.symlink(pt / f"Pt.{ending}", folder / f"Pt.{ending}")
    (folder / "Pt.mmn").write_bytes(gzip.decompress((pt / "Pt.mmn.gz").read_bytes()))
    text = (pt / "postw90" / "Pt.win").read_text()
    changes = {"berry_kmesh": f"{n} {n} {n}", "fermi_energy_min": "21.9839", "fermi_energy_max": "22.9839"}
    changes["fermi_energy_step"] = "0.5"
    for key, value in changes.items():
        text = re.sub(rf"^{key}\s*=.*$", f"{key} = {value}", text, flags=re.MULTILINE)
    text = re.sub(r"^write_.*\n", "", text, flags=re.MULTILINE)
    extra = "use_ws_distance = false\n"  # all functions sit on the atom: the same, and faster
    if points > 1:
        extra += f"berry_curv_adpt_kmesh = {points}\nberry_curv_adpt_kmesh_thresh = {threshold}\n"
    (folder / "Pt.win").write_text(extra + text)
    subprocess.run(["postw90.x", "Pt"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    values = np.loadtxt(folder / "Pt-shc-fermiscan.dat")[:, 2]
    triggered = re.search(r"Points triggering refinement:\s+(\d+)", (folder / "Pt.wpout").read_text())
    return values, int(triggered[1]) if triggered else 0


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    names = names or [*CASES, "postw90"]
    tables = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    for name in names:
        tables[name] = [postw90()] if name == "postw90" else list(case(name))
        OUTPUT.write_text(json.dumps({key: tables[key] for key in (*CASES, "postw90") if key in tables}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
